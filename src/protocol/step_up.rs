//! An API that asks for another sign-in: more scope (RFC 6750 §3.1), or step-up authentication (RFC 9470).

use serde::Serialize;

use super::config::scope;
use super::json;
use super::protected_resource::{Challenge, Reason};

/// Maximum length in bytes of what an API asks for, since it becomes a part of a URL.
const MAX: usize = 2000;

/// Maximum length of an age in seconds, so that JavaScript can read it.
const MAX_DIGITS: usize = 15;

/// What the next sign-in has to ask for, in the spelling of the options of a sign-in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepUp {
    /// The scope that the request needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The authentication contexts of which the user's has to be one, separated by spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr_values: Option<String>,
    /// Maximum number of seconds since the user's last authentication.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<i64>,
}

/// Whether an API refuses a token because of how the user signed in, so that another token of the same sign-in would not help.
pub fn is_asked(header: &str) -> bool {
    reason(header).is_some()
}

fn reason(header: &str) -> Option<Reason> {
    let is_about_sign_in = |reason: &Reason| {
        matches!(reason.error.as_deref(), Some("insufficient_scope" | "insufficient_user_authentication"))
    };
    Challenge::parse(header).reasons.into_iter().find(is_about_sign_in)
}

impl StepUp {
    /// Reads the status and `WWW-Authenticate` of a response; `None` if another sign-in would not help, or if the API does not say which
    /// one would.
    pub fn asked_by(status: u16, header: &str) -> Option<Self> {
        let Reason { error, scope: wanted, acr_values, max_age, .. } =
            reason(header).filter(|_| matches!(status, 401 | 403))?;
        let is_of_user = error.as_deref() == Some("insufficient_user_authentication");
        let words = |text: Option<String>| {
            let text = text.filter(|text| text.len() <= MAX).and_then(|text| scope(&text, false).ok());
            text.filter(|text| !text.is_empty())
        };
        let is_age = |text: &String| (1..=MAX_DIGITS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        let asked = Self {
            scope: words(wanted),
            acr_values: words(acr_values).filter(|_| is_of_user),
            max_age: max_age.filter(|text| is_of_user && is_age(text)).as_deref().and_then(json::integer),
        };
        (asked != Self::default()).then_some(asked)
    }
}
