//! The session as a text, in which form it outlives its vault.
//!
//! A keeper holds the text in memory, and gives it to the next vault only: see `pkg/vault/keeper.js`.

use serde::{Deserialize, Serialize};

use super::access::Access;
use super::{Live, SessionState, further};
use crate::protocol::authorization_details::AuthorizationDetails;
use crate::protocol::config::Config;
use crate::protocol::foreign::Secrets;
use crate::protocol::id_token::Identity;
use crate::protocol::json::{self, Value};
use crate::protocol::public_key::PublicKey;
use crate::protocol::resource::OF_SIGN_IN;
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
    details: Option<&'a str>,
    refresh_token: Option<&'a str>,
    /// The public key that the tokens are bound to, as a JWK.
    bound_to: Option<&'a str>,
    /// Absent if there is a user.
    form: Option<&'a str>,
    #[serde(borrow)]
    access_tokens: Vec<Token<'a>>,
}

/// An access token.
#[derive(Deserialize, Serialize)]
struct Token<'a> {
    /// The place of its target in the API list.
    target: u32,
    text: &'a str,
    /// In milliseconds since 1970. The next vault has another monotonic clock.
    received: i64,
    /// In milliseconds.
    lifetime: Option<i64>,
    refused: bool,
}

impl<'a> Token<'a> {
    fn of(target: usize, access: &'a Access) -> Option<Self> {
        let Access { token, received, lifetime, refused, .. } = access;
        let (target, text) = (u32::try_from(target).ok()?, token.as_ref()?.expose());
        Some(Self { target, text, received: received.wall, lifetime: *lifetime, refused: *refused })
    }

    /// A token that seems to come from the future, because the clock was set back, counts as received now.
    fn read(&self, now: Now) -> Access {
        let age = now.wall.saturating_sub(self.received).max(0);
        let received = Now { wall: now.wall.saturating_sub(age), monotonic: now.monotonic.saturating_sub(age) };
        Access { refused: self.refused, ..Access::new(Secret::new(self.text), self.lifetime, received) }
    }
}

impl SessionState {
    /// The session as a text that contains its tokens; `None` when signed out. `None` also during a renewal: the server may have
    /// replaced the refresh token already, and a second use of it could end the session (RFC 9700 §4.14.2).
    pub fn to_record(&self) -> Option<String> {
        let live = self.live.as_deref().filter(|live| live.refreshing.is_none())?;
        Some(record(live, true))
    }

    /// The part of the session that is kept on the device: without access tokens and ID Token. `None` without a refresh token that is bound
    /// to a key. During a renewal, it is the earlier refresh token: a server may accept it once more if no response has arrived.
    pub fn to_kept_record(&self) -> Option<String> {
        let live = self.live.as_deref().filter(|live| live.has_user())?;
        live.refresh_token.as_ref().and(live.bound_to.as_ref())?;
        Some(record(live, false))
    }

    /// Reads the text that a client with the same configuration has written; `None` for anything else, and for a session that is over
    /// by now.
    pub fn from_record(record: &str, config: &Config, now: Now) -> Option<Self> {
        let value = Value::parse(record).ok()?;
        let record: Record<'_> = value.read().ok()?;
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
        let mut live = Live {
            issuer: record.issuer.into(),
            identity,
            id_token: record.id_token.map(Secret::new),
            scope: record.scope.into(),
            details: record.details.and_then(AuthorizationDetails::from_json),
            first: Access::default(),
            further: further(config),
            refresh_token: record.refresh_token.map(Secret::new),
            bound_to,
            form: text(record.form),
            former: Secrets::default(),
            refreshing: None,
            outages: 0,
            outage: None,
            doubted: false,
        };
        for token in &record.access_tokens {
            if let Some(access) = live.access_mut(usize::try_from(token.target).ok()?) {
                *access = token.read(now);
            }
        }
        let mut session = Self { live: Some(Box::new(live)), ..Self::default() };
        (!session.expire(now)).then_some(session)
    }

    /// Reads the text of [`SessionState::to_kept_record`]. Scripts can write to the place where it was kept, so only what it has is read.
    pub fn from_kept_record(record: &str, config: &Config, now: Now) -> Option<Self> {
        let mut session = Self::from_record(record, config, now)?;
        let live = session.live.as_deref_mut()?;
        live.refresh_token.as_ref().and(live.bound_to.as_ref())?;
        let has_identity = match &live.identity {
            Some(identity) => is_of(&identity.claims, &identity.sub) && is_of(&identity.shown, &identity.sub),
            None => !config.openid,
        };
        if !has_identity || live.issuer != config.issuer {
            return None;
        }
        (live.form, live.id_token) = (String::new(), None);
        (live.first, live.further) = (Access::default(), further(config));
        Some(session)
    }
}

/// Whether a text is an object with the claims of this user.
fn is_of(claims: &str, sub: &str) -> bool {
    Value::parse(claims).is_ok_and(|claims| claims.get("sub").and_then(Value::as_str) == Some(sub))
}

/// Writes a session as a text, with or without the tokens that a device does not keep.
fn record(live: &Live, has_all: bool) -> String {
    let identity = live.identity.as_ref();
    let mut access_tokens = Vec::new();
    if has_all {
        access_tokens.extend(Token::of(OF_SIGN_IN, &live.first));
        for (place, access) in live.further.iter().enumerate() {
            access_tokens.extend(Token::of(place + 1, access));
        }
    }
    json::to_string(&Record {
        issuer: &live.issuer,
        sub: identity.map(|identity| &*identity.sub),
        claims: identity.map(|identity| &*identity.claims),
        shown: identity.map(|identity| &*identity.shown),
        auth_time: identity.and_then(|identity| identity.auth_time),
        id_token: live.id_token.as_ref().filter(|_| has_all).map(Secret::expose),
        scope: &live.scope,
        details: live.details.as_ref().map(AuthorizationDetails::as_json),
        refresh_token: live.refresh_token.as_ref().map(Secret::expose),
        bound_to: live.bound_to.as_ref().map(PublicKey::to_jwk).as_deref(),
        form: (!live.form.is_empty()).then_some(&live.form),
        access_tokens,
    })
}
