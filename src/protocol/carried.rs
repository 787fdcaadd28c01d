//! What the `state` of a sign-in through the guard carries, beside its random part.
//!
//! A guard keeps the transaction in memory, and a browser may end it while the user is at the provider. From this text the next
//! guard knows where the user was going, and asks the provider a second time. Anyone can forge the text, so it decides only what
//! any page may ask the guard for: where to return to on this origin, and which parameters a new authorization request has.

use serde::{Deserialize, Serialize};

use super::base64url;
use super::config::Config;
use super::form;
use super::json::{self, Value};
use super::list::items;
use super::pkce::CodeVerifier;
use super::secret::Secret;
use super::time::Now;
use super::transaction::{LIFE, Purpose, RedirectPage, Transaction, return_target};

/// Maximum length of the text in bytes. Some servers refuse a longer `state`.
const MAX: usize = 1024;

/// The parameters that a second request needs in any case: they only make it stricter.
const STRICT: [&str; 3] = ["prompt", "max_age", "acr_values"];

/// One sign-in through the guard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// Under this name the page waits for the sign-in. It is no secret.
    pub flow: String,
    /// The path, query and fragment, on this origin, to which the page returns.
    pub return_to: String,
    /// RFC 6749 §3.3, the part of the client's scope that the page asks for; empty for all of it.
    pub scope: String,
    /// Whether it is an automatic attempt to restore a session.
    pub restores: bool,
    /// Whether this is the second request for the sign-in. There is no third.
    pub is_second: bool,
    /// The start of the sign-in, in milliseconds since 1970.
    pub started: i64,
    /// The parameters of the authorization request that the page chose, with their registered names.
    pub params: Vec<(String, String)>,
}

#[derive(Deserialize, Serialize)]
struct Text<'a> {
    flow: &'a str,
    to: &'a str,
    scope: &'a str,
    restores: bool,
    second: bool,
    started: i64,
    /// As a form.
    params: &'a str,
}

impl Carried {
    /// Encodes the whole description.
    pub fn to_text(&self) -> String {
        let mut params = String::new();
        for (name, value) in &self.params {
            form::append(&mut params, name, value);
        }
        let Self { flow, return_to, scope, restores, is_second, started, .. } = self;
        let (to, restores, second, started) = (return_to, *restores, *is_second, *started);
        base64url::encode(
            json::to_string(&Text { flow, to, scope, restores, second, started, params: &params }).as_bytes(),
        )
    }

    /// Encodes the description for a `state`. What makes it too long is left out: first the parameters that only choose how the
    /// provider looks, then the path to return to.
    pub fn to_state(&self) -> String {
        let mut text = self.to_text();
        if text.len() > MAX {
            let params = self.params.iter().filter(|(name, _)| STRICT.contains(&name.as_str()));
            let mut short = Self { params: params.cloned().collect(), ..self.clone() };
            text = short.to_text();
            if text.len() > MAX {
                short.return_to = "/".into();
                text = short.to_text();
            }
        }
        text
    }

    /// Decodes a description; `None` for anything else.
    pub fn from_text(text: &str) -> Option<Self> {
        let text = String::from_utf8(base64url::decode(text)?).ok()?;
        let value = Value::parse(&text).ok()?;
        let Text { flow, to, scope, restores, second, started, params } = value.read().ok()?;
        return_target(to).ok()?;
        Some(Self {
            flow: flow.into(),
            return_to: to.into(),
            scope: scope.into(),
            restores,
            is_second: second,
            started,
            params: form::parse(params)?,
        })
    }

    /// Decodes the description in a `state`.
    pub fn from_state(state: &str) -> Option<Self> {
        items(state, b'.').nth(2).and_then(Self::from_text)
    }

    /// What the sign-in is for.
    pub fn purpose(&self) -> Purpose {
        if self.restores { Purpose::Restore } else { Purpose::SignIn }
    }

    /// Whether a guard that has lost the transaction may ask the provider a second time.
    pub fn may_be_asked_again(&self, now: Now) -> bool {
        !self.is_second && (0..=LIFE).contains(&now.wall.saturating_sub(self.started))
    }

    /// A transaction in the place of a lost one, against which the vault checks the response. Without a state, no response passes.
    /// It has no verifier, so no code can be redeemed with it. `registered` are the redirect page and the scope.
    pub fn lost(&self, config: &Config, registered: (String, String), state: &str) -> Box<Transaction> {
        let (redirect_uri, scope) = registered;
        Box::new(Transaction {
            state: Secret::new(state),
            nonce: Secret::new(""),
            code_verifier: CodeVerifier::none(),
            provider: config.provider().into(),
            client_id: config.client_id.clone(),
            redirect_uri,
            scope,
            return_to: self.return_to.clone(),
            prompt: self.asked("prompt").unwrap_or_default().into(),
            purpose: self.purpose(),
            redirect_page: RedirectPage::OfOneProvider,
            acr_values: String::new(),
            max_age: String::new(),
            dpop_jkt: String::new(),
            started: self.started,
            form: String::new(),
        })
    }

    fn asked(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The second request for the same sign-in. It does not make the user authenticate a second time: instead of `prompt=login`
    /// it asks for an authentication since the first request, which the ID Token has to prove (OpenID Connect Core §3.1.2.1).
    /// Of the other values of `prompt`, it repeats only `none`.
    #[must_use]
    pub fn again(mut self, now: Now) -> Self {
        let prompts: Vec<&str> = items(self.asked("prompt").unwrap_or_default(), b' ').collect();
        let mut add: Vec<(&str, String)> = Vec::new();
        if prompts.contains(&"none") {
            add.push(("prompt", "none".into()));
        }
        let since = now.wall.saturating_sub(self.started).max(0).saturating_add(999).div_euclid(1000);
        let max_age = self.asked("max_age").and_then(json::integer);
        let max_age =
            if prompts.contains(&"login") { Some(max_age.map_or(since, |age| age.min(since))) } else { max_age };
        if let Some(age) = max_age {
            let mut digits = String::new();
            json::write_integer(&mut digits, age);
            add.push(("max_age", digits));
        }
        self.params.retain(|(name, _)| !matches!(name.as_str(), "prompt" | "max_age"));
        self.params.extend(add.into_iter().map(|(name, value)| (name.into(), value)));
        self.is_second = true;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::{Carried, MAX};
    use crate::protocol::base64url;
    use crate::protocol::time::Now;

    type Params = &'static [(&'static str, &'static str)];

    fn carried(params: &[(&str, &str)]) -> Carried {
        Carried {
            flow: "vk.flow".into(),
            return_to: "/inbox?page=2#top".into(),
            scope: "read".into(),
            restores: false,
            is_second: false,
            started: 1_000_000,
            params: params.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        }
    }

    fn params_of(carried: &Carried) -> Vec<(&str, &str)> {
        carried.params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    #[test]
    fn a_description_is_read_back() {
        let carried = carried(&[("prompt", "login"), ("audience", "ü&=")]);
        assert_eq!(Carried::from_text(&carried.to_text()).as_ref(), Some(&carried));
        let state = ["vk.random.", &carried.to_state()].concat();
        assert_eq!(Carried::from_state(&state), Some(carried));
    }

    #[test]
    fn anything_else_is_refused() {
        let evil =
            r#"{"flow":"f","to":"//evil.test","scope":"","restores":false,"second":false,"started":1,"params":""}"#;
        for text in ["", "e30", "not base64url!", &base64url::encode(evil.as_bytes())] {
            assert_eq!(Carried::from_text(text), None, "{text}");
        }
        for state in ["", "vk.random", "vk.random.", "vk.random.w", "other"] {
            assert_eq!(Carried::from_state(state), None, "{state}");
        }
    }

    #[test]
    fn a_long_description_keeps_what_makes_the_request_strict() {
        let long = "x".repeat(2000);
        let mut one = carried(&[("login_hint", &long), ("acr_values", "high"), ("prompt", "none"), ("max_age", "5")]);
        let read = Carried::from_text(&one.to_state()).expect("readable");
        assert_eq!(params_of(&read), [("acr_values", "high"), ("prompt", "none"), ("max_age", "5")]);
        assert_eq!(read.return_to, one.return_to);
        one.return_to = ["/", &long].concat();
        assert_eq!(Carried::from_text(&one.to_state()).expect("readable").return_to, "/");
        assert!(one.to_state().len() <= MAX);
    }

    #[test]
    fn a_second_request_is_not_weaker_and_asks_for_no_second_login() {
        let rows: [(Params, Params); 7] = [
            (&[], &[]),
            (&[("prompt", "login")], &[("max_age", "3")]),
            (&[("prompt", "login consent"), ("max_age", "60")], &[("max_age", "3")]),
            (&[("prompt", "login"), ("max_age", "1")], &[("max_age", "1")]),
            (&[("prompt", "none"), ("max_age", "60")], &[("prompt", "none"), ("max_age", "60")]),
            (&[("prompt", "select_account")], &[]),
            (&[("acr_values", "high"), ("x", "y")], &[("acr_values", "high"), ("x", "y")]),
        ];
        for (first, second) in rows {
            let again = carried(first).again(Now { wall: 1_002_500, monotonic: 0 });
            assert_eq!(params_of(&again), second, "{first:?}");
            assert!(again.is_second);
        }
        let future = carried(&[("prompt", "login")]).again(Now { wall: 0, monotonic: 0 });
        assert_eq!(params_of(&future), [("max_age", "0")]);
    }
}
