//! The token endpoint (RFC 6749 §4.1.3, §5 and §6).

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};

use super::authorization_details::AuthorizationDetails;
use super::authorization_response::Grant;
use super::config::{Config, scope_set, scope_without};
use super::dpop::Flaw;
use super::error::{Error, ID_TOKEN_ALONE, Kind, Result};
use super::foreign::Secrets;
use super::form;
use super::http::{HttpRequest, HttpResponse, oauth_error_of};
use super::json::{self, Mismatch, Value};
use super::public_key::PublicKey;
use super::resource::{OF_SIGN_IN, Target};
use super::secret::Secret;
use super::trace::Step;
use super::transaction::Transaction;
use super::url::Url;

/// The grant type of a sign-in on another device (RFC 8628 §3.4).
pub(super) const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A request for tokens. A code can be used in one request only, so it is taken by value.
#[derive(Debug)]
pub struct TokenRequest {
    form: Secret,
    secrets: Secrets,
}

impl TokenRequest {
    /// Redeems a checked code (RFC 6749 §4.1.3, RFC 7636 §4.5). Also returns the transaction, against which the response is
    /// checked.
    pub fn for_grant(grant: Grant, config: &Config) -> (Self, Box<Transaction>) {
        let Grant { code, transaction } = grant;
        let request = Self::new(&[
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", &transaction.redirect_uri),
            ("client_id", &config.client_id),
            ("code_verifier", transaction.code_verifier.expose()),
            ("resource", &config.api.target(OF_SIGN_IN).resource),
        ]);
        let mut secrets = transaction.secrets();
        secrets.add(&code);
        (Self { secrets, ..request }, transaction)
    }

    /// Requests an access token for a target (RFC 6749 §6, RFC 8707 §2.2). Its scope is everything that was granted for the resource.
    /// Without a resource, it is that of the target, or everything that was granted.
    pub fn for_refresh(refresh_token: &Secret, target: &Target, config: &Config) -> Self {
        let request = Self::new(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.expose()),
            ("client_id", &config.client_id),
            ("resource", &target.resource),
            ("scope", if target.resource.is_empty() { &target.scope } else { "" }),
        ]);
        Self { secrets: Secrets::new([refresh_token]), ..request }
    }

    /// Asks whether the user has finished on the other device (RFC 8628 §3.4).
    pub fn for_device(device_code: &Secret, config: &Config) -> Self {
        let request = Self::new(&[
            ("grant_type", DEVICE_CODE),
            ("device_code", device_code.expose()),
            ("client_id", &config.client_id),
            ("resource", &config.api.target(OF_SIGN_IN).resource),
        ]);
        Self { secrets: Secrets::new([device_code]), ..request }
    }

    /// The form of a request without a user (RFC 6749 §4.4.2). It contains no secret, and can be sent again. `params` have registered
    /// names.
    pub fn client_credentials(scope: &str, params: &[(String, String)], config: &Config) -> String {
        let mut body = String::new();
        for (name, value) in [("grant_type", "client_credentials"), ("client_id", &*config.client_id), ("scope", scope)]
        {
            form::append_some(&mut body, name, value);
        }
        for (name, value) in params {
            form::append(&mut body, name, value);
        }
        body
    }

    /// Requests an access token for the target at this place of the API list, with a form of [`TokenRequest::client_credentials`]. The
    /// scope of the target is added to that of the form, or takes its place for a further target.
    pub fn for_machine(form: &str, place: usize, config: &Config) -> Self {
        let Target { resource, scope } = config.api.target(place);
        let mut body = String::new();
        let mut asked = String::new();
        for (name, value) in form::parse(form).unwrap_or_default() {
            if name == "scope" {
                asked = value;
            } else {
                form::append(&mut body, &name, &value);
            }
        }
        let replaces = place != OF_SIGN_IN && !scope.is_empty();
        let scope = if replaces { scope_without("openid", scope) } else { scope_set(&asked, scope) };
        for (name, value) in [("scope", &scope), ("resource", resource)] {
            form::append_some(&mut body, name, value);
        }
        Self { form: Secret::new(body), secrets: Secrets::default() }
    }

    fn new(parameters: &[(&str, &str)]) -> Self {
        let mut body = String::new();
        for (name, value) in parameters {
            form::append_some(&mut body, name, value);
        }
        Self { form: Secret::new(body), secrets: Secrets::default() }
    }

    /// The HTTP request, which may be sent once.
    pub fn request(self, token_endpoint: &Url) -> HttpRequest {
        HttpRequest::post(Step::Token, token_endpoint.as_str().into(), self.form, self.secrets)
    }
}

/// A successful response (RFC 6749 §5.1). Members without a field here are ignored.
#[derive(Debug)]
pub struct TokenResponse {
    /// Opaque: its content is never read.
    pub access_token: Secret,
    /// Seconds; absent if the server did not specify them.
    pub expires_in: Option<i64>,
    /// A new refresh token replaces the old one (RFC 6749 §6).
    pub refresh_token: Option<Secret>,
    /// The granted scope; absent if it is the requested scope, empty if it contained a secret.
    pub scope: Option<String>,
    /// The identity of the user (OpenID Connect Core §3.1.3.3).
    pub id_token: Option<Secret>,
    /// What was granted of a rich authorization request, if the server says so. A flaw of it matters to a sign-in only.
    pub authorization_details: Result<Option<AuthorizationDetails>>,
    /// The key that the tokens are bound to, if they are.
    pub bound_to: Option<PublicKey>,
    /// The secrets that the exchange must not reveal: those sent to the server, and these tokens.
    pub secrets: Secrets,
}

impl TokenResponse {
    /// Reads the response of the token endpoint.
    ///
    /// # Errors
    ///
    /// [`Kind::TokenRefused`] contains the server's error response, whatever its status; [`Kind::ServerUnavailable`],
    /// [`Kind::NotJson`], [`Kind::ResponseInvalid`], [`Kind::TooLarge`]; [`Kind::Unsupported`] for a token type
    /// other than Bearer (RFC 6749 §7.1).
    pub fn from_response(response: &HttpResponse) -> Result<Box<Self>> {
        Self::from_response_to(response, None)
    }

    /// Reads the response to a request that has proved the possession of this key, if it has.
    ///
    /// # Errors
    ///
    /// Those of [`TokenResponse::from_response`], and [`Kind::Dpop`] for tokens that are not bound to the key (RFC 9449 §5).
    pub fn from_response_to(response: &HttpResponse, key: Option<&PublicKey>) -> Result<Box<Self>> {
        let refused = !response.is_ok();
        let unreadable = |error: Error| match error.kind() {
            Kind::NotJson { .. } if refused => Kind::ResponseInvalid { part: status(response.status) }.into(),
            _ => error,
        };
        let text = response.text().map_err(unreadable)?;
        let value = response.json(text).map_err(unreadable)?;
        let mut secrets = response.secrets.clone();
        for name in ["access_token", "refresh_token", "id_token"] {
            secrets.add(&Secret::new(value.get(name).and_then(Value::as_str).unwrap_or_default()));
        }
        if let Some(said) = oauth_error_of(response.is_ok(), &value, &secrets)? {
            return Err(Kind::TokenRefused(said).into());
        }
        let of_another_type = |mismatch: Mismatch| Kind::ResponseInvalid { part: mismatch.member.into() };
        let Members { access_token, token_type, expires_in, refresh_token, scope, id_token } =
            value.read().map_err(of_another_type)?;
        let missing = |part: &str| Kind::ResponseInvalid { part: part.into() };
        let there = |token: &&str| !token.is_empty();
        let has_id_token = id_token.as_ref().is_some_and(there);
        let access_token = access_token
            .filter(there)
            .ok_or_else(|| missing(if has_id_token { ID_TOKEN_ALONE } else { "`access_token`" }))?;
        let token_type = token_type.ok_or_else(|| missing("`token_type`"))?;
        let expires_in = expires_in.map(|Seconds(seconds)| seconds);
        if !token_type.eq_ignore_ascii_case(if key.is_some() { "dpop" } else { "bearer" }) {
            return Err(match key {
                Some(_) => Flaw::Unbound.at(&response.url),
                None => Kind::Unsupported { feature: "a token type other than Bearer" }.into(),
            });
        }
        if !access_token.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\') {
            return Err(Kind::ResponseInvalid { part: "access_token".into() }.into());
        }
        Ok(Box::new(Self {
            access_token: Secret::new(access_token),
            expires_in,
            refresh_token: refresh_token.filter(there).map(Secret::new),
            scope: scope.map(|scope| if secrets.are_in(scope) { String::new() } else { scope_set("", scope) }),
            id_token: id_token.filter(there).map(Secret::new),
            authorization_details: AuthorizationDetails::from_response(&value, &secrets),
            bound_to: key.cloned(),
            secrets,
        }))
    }
}

impl TokenResponse {
    /// The tokens as a list, to be revoked because the session does not use them.
    pub fn into_leftover(self) -> Vec<Leftover> {
        Leftover::of(self.refresh_token, vec![self.access_token], self.bound_to.as_ref())
    }
}

fn status(status: u16) -> String {
    let mut part = String::from("status ");
    json::write_integer(&mut part, i64::from(status));
    part
}

/// The members that are read.
#[derive(Deserialize)]
struct Members<'a> {
    access_token: Option<&'a str>,
    token_type: Option<&'a str>,
    expires_in: Option<Seconds>,
    refresh_token: Option<&'a str>,
    scope: Option<&'a str>,
    id_token: Option<&'a str>,
}

/// A lifetime: a number that is not negative, or digits in a string, which a few servers send.
pub(super) struct Seconds(pub(super) i64);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecondsVisitor)
    }
}

struct SecondsVisitor;

impl Visitor<'_> for SecondsVisitor {
    type Value = Seconds;

    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("seconds")
    }

    fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Seconds, E> {
        if seconds < 0 { Err(E::custom("negative")) } else { Ok(Seconds(seconds)) }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Seconds, E> {
        let seconds = json::integer(text).filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
        seconds.map(Seconds).ok_or_else(|| E::custom("no digits"))
    }
}

/// A token that no session uses any more, to be revoked.
#[derive(Debug)]
pub struct Leftover {
    /// The token.
    pub token: Secret,
    /// What it is, in the spelling of `token_type_hint` (RFC 7009 §2.1).
    pub token_type_hint: &'static str,
    /// The key that it is bound to, if it is.
    pub bound_to: Option<PublicKey>,
}

impl Leftover {
    /// The tokens of one grant: the refresh token first, since it can make new ones.
    pub(super) fn of(refresh_token: Option<Secret>, access_tokens: Vec<Secret>, key: Option<&PublicKey>) -> Vec<Self> {
        let mut all = Vec::new();
        let mut add = |token, token_type_hint| all.push(Self { token, token_type_hint, bound_to: key.cloned() });
        if let Some(token) = refresh_token {
            add(token, "refresh_token");
        }
        for token in access_tokens {
            add(token, "access_token");
        }
        all
    }
}
