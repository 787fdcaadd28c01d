//! Device authorization (RFC 8628): the user signs in on another device, with a code that this one shows.
//!
//! ```text
//! request ─▶ device authorization response ─▶ Pending ──▶ next: Wait, Ask ─▶ token response
//!                                                ▲                              │  │  │
//!                                                └── later: pending, slow_down, ┘  │  └─▶ access_denied, expired_token
//!                                                    no response                   ▼
//!                                                                             the session
//! ```
//!
//! The device code, with which anyone could fetch the tokens, stays here. A page gets a [`Prompt`].

use serde::{Deserialize, Serialize};

use super::authorization_request::check_params;
use super::config::Config;
use super::error::{Error, Kind, OAuthError, Result};
use super::foreign::Secrets;
use super::form;
use super::http::{HttpRequest, HttpResponse, oauth_error_of};
use super::json::{Mismatch, Value};
use super::metadata::{ServerMetadata, acceptable};
use super::secret::Secret;
use super::time::Now;
use super::token::{Seconds, TokenRequest};
use super::trace;
use super::url::{Loopback, Url};

/// Milliseconds between requests if the server does not name an interval (RFC 8628 §3.2), or names 0.
const INTERVAL: i64 = 5_000;

/// Milliseconds that are added after each `slow_down` (RFC 8628 §3.5).
const SLOWER: i64 = 5_000;

/// The longest pause in milliseconds to which lost responses lead, unless the interval is longer.
const MAX_BACK_OFF: i64 = 60_000;

/// The longest time in milliseconds that a page is told to wait; it then asks the core again. Timers of browsers hold no more than
/// 2³¹.
const MAX_WAIT: i64 = 60_000;

/// The maximum length of a user code in bytes; longer than anyone types.
const MAX_USER_CODE: usize = 64;

/// What the user has to do, for the page to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Prompt {
    /// To be entered on the other device.
    pub user_code: String,
    /// Where to enter it.
    pub verification_uri: String,
    /// The same page with the code filled in, for a QR code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification_uri_complete: Option<String>,
    /// The end of the codes, in milliseconds since 1970.
    pub expires_at: i64,
}

/// A sign-in that waits for the user.
#[derive(Clone, Debug)]
pub struct Pending {
    /// For the page.
    pub prompt: Prompt,
    device_code: Secret,
    /// The beginning, by the clock that nobody can set: a device may learn the time of day only after it has started.
    began: i64,
    /// Milliseconds from the beginning to the end of the codes.
    life: i64,
    /// Milliseconds between requests.
    interval: i64,
    /// The same while responses are lost.
    back_off: i64,
    /// Milliseconds from the beginning to the next request.
    due: i64,
    /// Whether a request is under way.
    asking: bool,
}

/// What the caller does next.
#[derive(Debug)]
pub enum Step {
    /// Ask again after so many milliseconds.
    Wait(i64),
    /// Send this token request. Report its end with [`Pending::answered`], and a failure with [`Pending::later`].
    Ask(HttpRequest),
}

/// The device authorization request (RFC 8628 §3.1), for a scope that [`check`] returned. `params` have registered names.
///
/// # Errors
///
/// [`Kind::Unsupported`] for a server without the endpoint, and [`Kind::UrlRejected`] for an unacceptable one.
pub fn request(
    metadata: &ServerMetadata,
    config: &Config,
    scope: &str,
    params: &[(String, String)],
) -> Result<HttpRequest> {
    let Some(endpoint) = &metadata.device_authorization_endpoint else {
        return Err(Kind::Unsupported { feature: "device authorization, which the provider does not offer" }.into());
    };
    let endpoint = acceptable(endpoint, config.loopback)
        .ok_or_else(|| Kind::UrlRejected { member: "device_authorization_endpoint".into() })?;
    let mut body = String::new();
    for (name, value) in [("client_id", config.client_id.as_str()), ("scope", scope)] {
        form::append_some(&mut body, name, value);
    }
    for resource in config.api.resources() {
        form::append(&mut body, "resource", resource);
    }
    for (name, value) in params {
        form::append(&mut body, name, value);
    }
    Ok(HttpRequest::post(
        trace::Step::DeviceAuthorization,
        endpoint.as_str().into(),
        Secret::new(body),
        Secrets::default(),
    ))
}

/// Checks what an app asks for, and returns the scope without repetitions.
///
/// # Errors
///
/// [`Kind::Config`] names an invalid `scope`, or a parameter that only the client may set.
pub fn check(config: &Config, asked: &str, params: &[(String, String)]) -> Result<String> {
    check_params(config, params)?;
    config.scope(asked)
}

impl Pending {
    /// Reads the device authorization response (RFC 8628 §3.2).
    ///
    /// # Errors
    ///
    /// [`Kind::TokenRefused`] contains the server's error response; [`Kind::ResponseInvalid`] names the member;
    /// [`Kind::UrlRejected`] for an address that is not `https`: the user is to type a password there. Those of
    /// [`HttpResponse::text`].
    pub fn from_response(response: &HttpResponse, loopback: Loopback, now: Now) -> Result<Self> {
        let value = response.json(response.text()?)?;
        let device_code = Secret::new(value.get("device_code").and_then(Value::as_str).unwrap_or_default());
        let mut secrets = response.secrets.clone();
        secrets.add(&device_code);
        if let Some(said) = oauth_error_of(response.is_ok(), &value, &secrets)? {
            return Err(Kind::TokenRefused(said).into());
        }
        let invalid = |part: &str| Error::from(Kind::ResponseInvalid { part: part.into() });
        let members: Members<'_> = value.read().map_err(|mismatch: Mismatch| invalid(mismatch.member))?;
        if device_code.expose().is_empty() {
            return Err(invalid("`device_code`"));
        }
        let is_shown = |code: &&str| {
            (1..=MAX_USER_CODE).contains(&code.len()) && code.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        };
        let user_code = members.user_code.filter(is_shown).ok_or_else(|| invalid("`user_code`"))?;
        // `secrets` ignores short ones.
        let shows_code = |text: &str| secrets.are_in(text) || text.contains(device_code.expose());
        let address = |member: &str, text: &str| {
            let is_acceptable = Url::parse(text, loopback).is_some();
            if shows_code(text) {
                Err(invalid(member))
            } else if is_acceptable {
                Ok(String::from(text))
            } else {
                Err(Kind::UrlRejected { member: member.into() }.into())
            }
        };
        if shows_code(user_code) {
            return Err(invalid("`user_code`"));
        }
        let verification_uri = members.verification_uri.ok_or_else(|| invalid("`verification_uri`"))?;
        let verification_uri = address("verification_uri", verification_uri)?;
        let complete = members.verification_uri_complete.filter(|text| !text.is_empty());
        let verification_uri_complete = complete.map(|text| address("verification_uri_complete", text)).transpose()?;
        let Seconds(life) = members.expires_in.ok_or_else(|| invalid("`expires_in`"))?;
        let life = life.saturating_mul(1000);
        let asked = members.interval.map_or(0, |Seconds(seconds)| seconds).saturating_mul(1000);
        // An interval beyond the life of the codes still leaves one request.
        let interval = if asked == 0 { INTERVAL } else { asked.min((life / 2).max(INTERVAL)) };
        let prompt = Prompt {
            user_code: user_code.into(),
            verification_uri,
            verification_uri_complete,
            expires_at: now.wall.saturating_add(life),
        };
        let began = now.monotonic;
        Ok(Self { prompt, device_code, began, life, interval, back_off: 0, due: interval, asking: false })
    }

    /// Decides what to do now.
    ///
    /// # Errors
    ///
    /// [`Kind::TokenRefused`] with `expired_token` at the end of the codes.
    pub fn next(&mut self, metadata: &ServerMetadata, config: &Config, now: Now) -> Result<Step> {
        if self.asking {
            return Ok(Step::Wait(self.interval.min(MAX_WAIT)));
        }
        if !self.is_alive(now) {
            let code = Secrets::default().quote("expired_token");
            return Err(Kind::TokenRefused(OAuthError::from_code(code)).into());
        }
        if self.elapsed(now) < self.due {
            return Ok(Step::Wait(self.wait(now)));
        }
        self.asking = true;
        let request = TokenRequest::for_device(&self.device_code, config);
        Ok(Step::Ask(request.request(&metadata.token_endpoint)))
    }

    /// Decides whether to go on after a failed request: if the user has not finished yet, or if there was no response (RFC 8628
    /// §3.5). Returns the milliseconds until the next request.
    ///
    /// # Errors
    ///
    /// The failure, if it is final.
    pub fn later(&mut self, failure: Error, now: Now) -> Result<i64> {
        let mut asked = 0;
        match failure.kind() {
            Kind::TokenRefused(said) => match said.error.as_str() {
                "authorization_pending" => self.back_off = 0,
                "slow_down" => {
                    self.back_off = 0;
                    self.interval = self.interval.saturating_add(SLOWER);
                }
                _ => return Err(failure),
            },
            _ if failure.is_retryable() => {
                self.back_off = self.back_off.max(self.interval).saturating_mul(2).min(MAX_BACK_OFF);
                asked = failure.retry_after().map_or(0, |seconds| i64::from(seconds).saturating_mul(1000));
            }
            _ => return Err(failure),
        }
        let pause = self.interval.max(self.back_off).max(asked);
        self.due = self.elapsed(now).saturating_add(pause);
        Ok(self.wait(now))
    }

    /// Ends a request, which was answered or given up.
    pub fn answered(&mut self) {
        self.asking = false;
    }

    /// Whether the user still has time.
    pub fn is_alive(&self, now: Now) -> bool {
        self.elapsed(now) < self.life
    }

    fn elapsed(&self, now: Now) -> i64 {
        now.monotonic.saturating_sub(self.began)
    }

    /// Milliseconds until the next request, or until the end of the codes.
    fn wait(&self, now: Now) -> i64 {
        self.due.min(self.life).saturating_sub(self.elapsed(now)).clamp(0, MAX_WAIT)
    }
}

/// The members that are read.
#[derive(Deserialize)]
struct Members<'a> {
    user_code: Option<&'a str>,
    verification_uri: Option<&'a str>,
    verification_uri_complete: Option<&'a str>,
    expires_in: Option<Seconds>,
    interval: Option<Seconds>,
}
