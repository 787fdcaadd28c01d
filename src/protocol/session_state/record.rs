//! The session as a text, in which form it outlives its vault.
//!
//! A keeper holds the text in memory, and gives it to the next vault only: see `pkg/vault/keeper.js`.

use serde::{Deserialize, Serialize};

use super::{Live, SessionState};
use crate::protocol::foreign::Secrets;
use crate::protocol::id_token::Identity;
use crate::protocol::json::{self, Value};
use crate::protocol::public_key::PublicKey;
use crate::protocol::secret::Secret;
use crate::protocol::time::Now;

/// A session, with its tokens. Former tokens, failures and requested renewals are left out.
#[derive(Deserialize, Serialize)]
struct Record<'a> {
    issuer: &'a str,
    /// The members of an [`Identity`]; absent without one.
    sub: Option<&'a str>,
    claims: Option<&'a str>,
    shown: Option<&'a str>,
    auth_time: Option<i64>,
    id_token: Option<&'a str>,
    scope: &'a str,
    access_token: &'a str,
    refresh_token: Option<&'a str>,
    /// The public key that the tokens are bound to, as a JWK.
    bound_to: Option<&'a str>,
    /// Absent if there is a user.
    form: Option<&'a str>,
    /// In milliseconds since 1970. The next vault has another monotonic clock.
    received: i64,
    /// In milliseconds.
    lifetime: Option<i64>,
    refused: bool,
}

impl SessionState {
    /// The session as a text that contains its tokens; `None` when signed out. `None` also during a renewal: the server may have
    /// replaced the refresh token already, and a second use of it could end the session (RFC 9700 §4.14.2).
    pub fn to_record(&self) -> Option<String> {
        let live = self.live.as_deref().filter(|live| !live.refreshing)?;
        let identity = live.identity.as_ref();
        Some(json::to_string(&Record {
            issuer: &live.issuer,
            sub: identity.map(|identity| &*identity.sub),
            claims: identity.map(|identity| &*identity.claims),
            shown: identity.map(|identity| &*identity.shown),
            auth_time: identity.and_then(|identity| identity.auth_time),
            id_token: live.id_token.as_ref().map(Secret::expose),
            scope: &live.scope,
            access_token: live.access_token.expose(),
            refresh_token: live.refresh_token.as_ref().map(Secret::expose),
            bound_to: live.bound_to.as_ref().map(PublicKey::to_jwk).as_deref(),
            form: (!live.form.is_empty()).then_some(&live.form),
            received: live.received.wall,
            lifetime: live.lifetime,
            refused: live.refused,
        }))
    }

    /// Reads the text; `None` for anything else, and for a session that is over by now. A token that seems to come from the
    /// future, because the clock was set back, counts as received now.
    pub fn from_record(record: &str, now: Now) -> Option<Self> {
        let value = Value::parse(record).ok()?;
        let record: Record<'_> = value.read().ok()?;
        let age = now.wall.saturating_sub(record.received).max(0);
        let received = Now { wall: now.wall.saturating_sub(age), monotonic: now.monotonic.saturating_sub(age) };
        let text = |text: Option<&str>| text.unwrap_or_default().into();
        let identity = record.sub.map(|sub| Identity {
            sub: sub.into(),
            claims: text(record.claims),
            shown: text(record.shown),
            auth_time: record.auth_time,
        });
        let bound_to = match record.bound_to {
            Some(jwk) => Some(PublicKey::from_jwk(jwk)?),
            None => None,
        };
        let live = Live {
            issuer: record.issuer.into(),
            identity,
            id_token: record.id_token.map(Secret::new),
            scope: record.scope.into(),
            access_token: Secret::new(record.access_token),
            refresh_token: record.refresh_token.map(Secret::new),
            bound_to,
            form: text(record.form),
            former: Secrets::default(),
            received,
            lifetime: record.lifetime,
            refused: record.refused,
            due: false,
            refreshing: false,
            renewals: 0,
            failures: 0,
            failure: None,
        };
        let mut session = Self { live: Some(Box::new(live)), ..Self::default() };
        (!session.expire(now)).then_some(session)
    }
}
