//! An API that asks for another sign-in: more scope (RFC 6750 §3.1), or step-up authentication (RFC 9470).

use serde::Serialize;

use super::config::scope;
use super::json;
use super::protected_resource::Challenge;

/// Maximum length in bytes of what an API asks for, since it becomes a part of a URL.
const MAX: usize = 2000;

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

impl StepUp {
    /// Reads the status and `WWW-Authenticate` of a response; `None` if another sign-in would not help, or if the API does not say which
    /// one would.
    pub fn asked_by(status: u16, header: &str) -> Option<Self> {
        if !matches!(status, 401 | 403) {
            return None;
        }
        let challenge = Challenge::parse(header);
        let is_plain = |text: &String| {
            !text.is_empty()
                && text.len() <= MAX
                && text.bytes().all(|b| matches!(b, b' '..=b'~') && b != b'"' && b != b'\\')
        };
        let asked = match challenge.error.as_deref()? {
            "insufficient_scope" => {
                let wanted = challenge.scope.filter(is_plain).and_then(|wanted| scope(&wanted, false).ok());
                Self { scope: wanted.filter(|wanted| !wanted.is_empty()), ..Self::default() }
            }
            "insufficient_user_authentication" => {
                let max_age = challenge.max_age.as_deref().and_then(json::integer).filter(|seconds| *seconds >= 0);
                Self { acr_values: challenge.acr_values.filter(is_plain), max_age, scope: None }
            }
            _ => return None,
        };
        (asked != Self::default()).then_some(asked)
    }
}
