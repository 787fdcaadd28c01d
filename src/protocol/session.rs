//! What the app may know of a session, and the reasons for its changes. The session itself, with its tokens, is
//! [`SessionState`](super::session_state::SessionState).

use serde::{Serialize, Serializer};

use super::authorization_details::AuthorizationDetails;
use super::json::{self, Spelled, Value};

/// A session, as the app may know it: who is signed in, and what the access token is for. It contains no token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Session {
    /// The identifier of the user, unique at the issuer; empty without OpenID Connect.
    pub sub: String,
    /// The issuer; empty if the client was configured without one.
    pub issuer: String,
    /// The granted scope (RFC 6749 §3.3), separated by spaces.
    pub scope: String,
    /// The end of the access token, in milliseconds since 1970; absent if the server did not specify a lifetime.
    pub expires_at: Option<i64>,
    /// The time of the user's last authentication, in seconds since 1970.
    pub auth_time: Option<i64>,
    /// What was granted of a rich authorization request (RFC 9396 §7); absent if the server does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_details: Option<AuthorizationDetails>,
    /// The claims of the ID Token about the user.
    pub claims: Claims,
}

impl Session {
    /// The session as a JSON object, with the members that `pkg/index.d.ts` lists.
    pub fn to_json(&self) -> String {
        json::to_string(self)
    }
}

/// The claims of an ID Token that the app may know (OpenID Connect Core §2 and §5.1), without those that concern the token
/// itself and those that contain a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims(pub(super) String);

impl Claims {
    /// All claims, as a JSON object.
    pub fn as_json(&self) -> &str {
        &self.0
    }

    /// The value of a claim that is a string, such as `email`.
    pub fn text(&self, name: &str) -> Option<String> {
        let claims = Value::parse(&self.0).ok()?;
        claims.get(name)?.as_str().map(Into::into)
    }
}

impl Serialize for Claims {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Spelled(&self.0).serialize(serializer)
    }
}

/// The reason for a change of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A user signed in.
    SignedIn,
    /// The provider signed the user in without interaction (OpenID Connect Core §3.1.2.1, `prompt=none`).
    Restored,
    /// A sign-out ended the session.
    SignedOut,
    /// The tokens of the same user were renewed.
    Renewed,
    /// The provider signed in another user than the one of the session.
    UserChanged,
    /// The server ended the session.
    Ended,
    /// The token is no longer valid and cannot be renewed.
    Expired,
}

impl Change {
    /// The spelling in JavaScript.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignedIn => "signed_in",
            Self::Restored => "restored",
            Self::SignedOut => "signed_out",
            Self::Renewed => "renewed",
            Self::UserChanged => "user_changed",
            Self::Ended => "ended",
            Self::Expired => "expired",
        }
    }
}
