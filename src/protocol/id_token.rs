//! The ID Token (OpenID Connect Core §2, §3.1.3.7, §12.2).
//!
//! All checks of claims are here. They run only after the signature was verified: see [`super::jwt`].

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::base64url;
use super::config::Config;
use super::error::{Error, Result};
use super::foreign::Secrets;
use super::json::{self, IfText, Mismatch, OneOrMany, Value};
use super::jwt::{Verified, invalid, object};
use super::list::items;
use super::time::Now;
use super::transaction::{Purpose, Transaction};

/// Seconds by which the clock of a device may differ from the server's: phones whose clock was set by hand can be minutes off.
/// This only applies to ID Tokens; the lifetime of an access token is measured on the device alone.
const CLOCK_LEEWAY: i64 = 5 * 60;

/// Seconds by which `iat` may lie before and after the current time. The nonce proves that a token is fresh, so this check only
/// catches gross errors (OpenID Connect Core §3.1.3.7 (10) leaves the range to the client): Microsoft Entra ID sets `iat` back
/// by five minutes, and the clocks may differ as well.
const ISSUED_BEFORE: i64 = 15 * 60;
const ISSUED_AFTER: i64 = 10 * 60;

/// Seconds that may pass at the server between the authentication of the user and the times that the server writes.
const AUTHENTICATION_LEEWAY: i64 = 30;

/// The identity of the user, according to the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The identifier of the user, unique at the issuer.
    pub sub: String,
    /// All claims, as a JSON object.
    pub claims: String,
    /// The claims that a page may see, as a JSON object.
    pub shown: String,
    /// The time of the user's last authentication, in seconds since 1970.
    pub auth_time: Option<i64>,
}

impl Identity {
    /// Checks the ID Token of a sign-in (OpenID Connect Core §3.1.3.7).
    ///
    /// # Errors
    ///
    /// [`Kind::IdTokenInvalid`] names the claim.
    ///
    /// [`Kind::IdTokenInvalid`]: crate::protocol::error::Kind::IdTokenInvalid
    pub fn from_sign_in(token: Verified, transaction: &Transaction, config: &Config, now: Now) -> Result<Self> {
        let value = object(&token.claims)?;
        check_parties(&value, config)?;
        let claims: Claims<'_> = value.read().map_err(mismatched)?;
        claims.check(&token.hash, now)?;
        let nonce = transaction.nonce.expose();
        let is_expected = match transaction.purpose {
            Purpose::Device => claims.nonce.is_none(),
            Purpose::SignIn | Purpose::Restore => !nonce.is_empty() && claims.nonce == Some(nonce),
        };
        if !is_expected {
            return Err(invalid("nonce"));
        }
        claims.check_authentication(transaction, now)?;
        let asked = &transaction.acr_values;
        let is_asked_for = items(asked, b' ').any(|one| claims.acr == Some(IfText(Some(one))));
        if claims.acr == Some(IfText(None)) || (!asked.is_empty() && !is_asked_for) {
            return Err(invalid("acr"));
        }
        let (sub, auth_time) = (claims.sub.unwrap_or_default().into(), claims.auth_time());
        Ok(Self { sub, auth_time, shown: token.claims.clone(), claims: token.claims })
    }

    /// Checks the ID Token of a refresh against the previous one (OpenID Connect Core §12.2). `None` means that it contains
    /// nothing new, and that the earlier claims remain valid. A refresh does not require an ID Token, so an ID Token with a
    /// flaw that concerns neither the user nor the parties is ignored. Examples are a clock that was changed, and a server that
    /// writes `auth_time` or `aud` in another way.
    ///
    /// # Errors
    ///
    /// [`Kind::IdTokenInvalid`] for a flaw that can mean another user or another party: in `iss`, `sub` or `azp`, or an `aud`
    /// without this client.
    ///
    /// [`Kind::IdTokenInvalid`]: crate::protocol::error::Kind::IdTokenInvalid
    pub fn from_refresh(token: Verified, earlier: &Self, config: &Config, now: Now) -> Result<Option<Self>> {
        let Ok(value) = object(&token.claims) else { return Ok(None) };
        let before = object(&earlier.claims)?;
        check_parties(&value, config)?;
        if value.get("sub") != before.get("sub") {
            return Err(invalid("sub"));
        }
        let is_same = |name: &&str| value.get(name) == before.get(name);
        let is_same_if_there = |name: &&str| value.get(name).is_none() || is_same(name);
        let issued = before.read().ok().and_then(|claims: Claims<'_>| claims.iat);
        let is_news =
            value.read().is_ok_and(|claims: Claims<'_>| claims.check(&token.hash, now).is_ok() && claims.iat >= issued)
                && ["aud", "azp"].iter().all(is_same)
                && ["auth_time", "nonce"].iter().all(is_same_if_there);
        let (sub, auth_time) = (earlier.sub.clone(), earlier.auth_time);
        Ok(is_news.then(|| Self { sub, auth_time, shown: token.claims.clone(), claims: token.claims }))
    }

    /// Removes the claims that contain a secret of the exchange from those that a page sees.
    ///
    /// # Errors
    ///
    /// [`Kind::IdTokenInvalid`] with `sub` if the `sub` contains a secret.
    ///
    /// [`Kind::IdTokenInvalid`]: crate::protocol::error::Kind::IdTokenInvalid
    pub fn cleared(mut self, secrets: &Secrets) -> Result<Self> {
        if secrets.are_in(&self.sub) {
            return Err(invalid("sub"));
        }
        self.shown = secrets.cleared(&self.claims);
        Ok(self)
    }
}

/// The claims that name the issuer of the token and the parties that it is for.
#[derive(Deserialize)]
struct Parties<'a> {
    iss: Option<&'a str>,
    aud: Option<OneOrMany<'a>>,
    azp: Option<&'a str>,
}

/// The other claims that are checked.
#[derive(Deserialize)]
struct Claims<'a> {
    sub: Option<&'a str>,
    #[serde(borrow)]
    aud: Option<OneOrMany<'a>>,
    azp: Option<IgnoredAny>,
    exp: Option<i64>,
    iat: Option<i64>,
    nbf: Option<i64>,
    auth_time: Option<i64>,
    nonce: Option<&'a str>,
    acr: Option<IfText<'a>>,
    at_hash: Option<&'a str>,
    events: Option<IgnoredAny>,
}

fn mismatched(mismatch: Mismatch) -> Error {
    invalid(mismatch.member)
}

/// Checks the rules whose violation can mean another user or another party.
fn check_parties(claims: &Value<'_>, config: &Config) -> Result<()> {
    let Parties { iss, aud, azp } = claims.read().map_err(mismatched)?;
    if iss != Some(&config.issuer) {
        return Err(invalid("iss"));
    }
    if !aud.is_some_and(|aud| aud.contains(&config.client_id)) {
        return Err(invalid("aud"));
    }
    if azp.is_some_and(|azp| azp != config.client_id) {
        return Err(invalid("azp"));
    }
    Ok(())
}

impl Claims<'_> {
    /// Checks the other rules, which apply to every ID Token.
    fn check(&self, hash: &[u8], now: Now) -> Result<()> {
        // With several audiences, `azp` has to be present. `check_parties` ensures that it names this client.
        if let Some(OneOrMany::Many(all)) = &self.aud
            && !(all.iter().all(|one| one.0.is_some()) && (all.len() == 1 || self.azp.is_some()))
        {
            return Err(invalid("aud"));
        }
        let unix = now.unix();
        if self.exp.is_none_or(|exp| exp <= unix.saturating_sub(CLOCK_LEEWAY)) {
            return Err(invalid("exp"));
        }
        let issued = unix.saturating_sub(ISSUED_BEFORE)..=unix.saturating_add(ISSUED_AFTER);
        if self.iat.is_none_or(|iat| !issued.contains(&iat)) {
            return Err(invalid("iat"));
        }
        if self.nbf.is_some_and(|nbf| nbf > unix.saturating_add(CLOCK_LEEWAY)) {
            return Err(invalid("nbf"));
        }
        if self.sub.is_none_or(|sub| !(1..=255).contains(&sub.len())) {
            return Err(invalid("sub"));
        }
        // A logout token (Back-Channel Logout §2.4) is not an ID Token.
        if self.events.is_some() {
            return Err(invalid("events"));
        }
        // The left half of the hash (OpenID Connect Core §3.1.3.6).
        let (half, _) = hash.split_at_checked(hash.len() / 2).unwrap_or_default();
        if self.at_hash.is_some_and(|at_hash| at_hash != base64url::encode(half)) {
            return Err(invalid("at_hash"));
        }
        Ok(())
    }

    /// The time of the user's last authentication. Some servers (Glewlwyd) write 0 for a time that they do not know.
    fn auth_time(&self) -> Option<i64> {
        self.auth_time.filter(|time| *time > 0)
    }

    /// Checks that the user authenticated as recently as requested. `max_age` requires `auth_time` (OpenID Connect Core §2).
    /// `prompt=login` alone does not: `auth_time` is then checked if it is present, because not every server sends it. With
    /// `prompt=login`, only an authentication after the sign-in began is recent enough, whatever the value of `max_age` is.
    ///
    /// All times are compared by the server's clock, which `iat` shows. An authentication after the sign-in began is always
    /// recent enough.
    fn check_authentication(&self, transaction: &Transaction, now: Now) -> Result<()> {
        let max_age = json::integer(&transaction.max_age);
        let anew = transaction.asks_to("login");
        if max_age.is_none() && !anew {
            return Ok(());
        }
        let since_began = now.wall.saturating_sub(transaction.started).div_euclid(1000);
        let age = max_age.filter(|_| !anew).unwrap_or(0).max(since_began).saturating_add(AUTHENTICATION_LEEWAY);
        let earliest = self.iat.unwrap_or_default().saturating_sub(age);
        match self.auth_time() {
            Some(time) if time >= earliest => Ok(()),
            None if max_age.is_none() => Ok(()),
            _ => Err(invalid("auth_time")),
        }
    }
}
