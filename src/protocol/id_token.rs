//! The ID Token (OpenID Connect Core §2, §3.1.3.7, §12.2).
//!
//! Every claim is checked here, and only once the signature was found right: see [`super::jwt`].

use std::sync::Arc;

use super::base64url;
use super::config::Config;
use super::error::Error;
use super::foreign::Secrets;
use super::json::{self, Value};
use super::jwt::{Verified, invalid, member as text, object};
use super::list::items;
use super::time::Now;
use super::transaction::Transaction;

/// Seconds by which two honest clocks may differ.
const LEEWAY: i64 = 30;

/// Who the user is, says the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user, unique at the issuer.
    pub sub: String,
    /// All claims, as a JSON object.
    pub claims: String,
    /// Those that a page may see, as a JSON object.
    pub shown: String,
    /// When the user last proved who they are, in seconds since 1970.
    pub auth_time: Option<i64>,
}

impl Identity {
    /// Checks the ID Token of a sign-in (OpenID Connect Core §3.1.3.7).
    ///
    /// # Errors
    ///
    /// [`Error::IdTokenInvalid`] names the claim.
    pub fn from_sign_in(
        token: Verified,
        transaction: &Transaction,
        config: &Config,
        now: Now,
    ) -> Result<Self, Arc<Error>> {
        let value = object(&token.claims)?;
        check(&value, &token.hash, config, now)?;
        if transaction.nonce.expose().is_empty() || text(&value, "nonce")? != Some(transaction.nonce.expose()) {
            return Err(invalid("nonce"));
        }
        // Made for a code that is seconds old, so it cannot be older than the sign-in.
        if time(&value, "iat")?.is_none_or(|iat| iat < transaction.started.div_euclid(1000) - LEEWAY) {
            return Err(invalid("iat"));
        }
        let auth_time = time(&value, "auth_time")?;
        // Good since the sign-in began, however long the user then took, or young enough now.
        if let Some(max_age) = json::integer(&transaction.max_age) {
            let earliest = now.unix().saturating_sub(max_age).min(transaction.started.div_euclid(1000)) - LEEWAY;
            if auth_time.is_none_or(|time| time < earliest) {
                return Err(invalid("auth_time"));
            }
        }
        let (acr, asked) = (text(&value, "acr")?, &transaction.acr_values);
        if !asked.is_empty() && !items(asked, b' ').any(|one| acr == Some(one)) {
            return Err(invalid("acr"));
        }
        let sub = text(&value, "sub")?.unwrap_or_default().into();
        Ok(Self { sub, auth_time, shown: token.claims.clone(), claims: token.claims })
    }

    /// Checks the ID Token of a refresh against the one before (OpenID Connect Core §12.2).
    ///
    /// # Errors
    ///
    /// Those of [`Identity::from_sign_in`].
    pub fn from_refresh(token: Verified, earlier: &Self, config: &Config, now: Now) -> Result<Self, Arc<Error>> {
        let value = object(&token.claims)?;
        check(&value, &token.hash, config, now)?;
        let before = object(&earlier.claims)?;
        for name in ["sub", "aud", "azp"] {
            if value.get(name) != before.get(name) {
                return Err(invalid(name));
            }
        }
        for name in ["auth_time", "nonce"] {
            if value.get(name).is_some() && value.get(name) != before.get(name) {
                return Err(invalid(name));
            }
        }
        let (sub, auth_time) = (earlier.sub.clone(), earlier.auth_time);
        Ok(Self { sub, auth_time, shown: token.claims.clone(), claims: token.claims })
    }

    /// The same, with no secret of the exchange in what a page sees.
    ///
    /// # Errors
    ///
    /// [`Error::IdTokenInvalid`] with `sub` if the user is named by a secret.
    pub fn cleared(mut self, secrets: &Secrets) -> Result<Self, Arc<Error>> {
        if secrets.are_in(&self.sub) {
            return Err(invalid("sub"));
        }
        self.shown = secrets.cleared(&self.claims);
        Ok(self)
    }
}

/// The rules that hold for every ID Token.
fn check(claims: &Value<'_>, hash: &[u8], config: &Config, now: Now) -> Result<(), Arc<Error>> {
    if text(claims, "iss")? != Some(&config.issuer) {
        return Err(invalid("iss"));
    }
    let azp = text(claims, "azp")?;
    let ours = |audience: &Value<'_>| audience.as_str() == Some(&config.client_id);
    let named = match claims.get("aud") {
        Some(Value::Array(all)) => {
            // With several audiences, `azp` has to say that we are the one that asked.
            all.iter().any(ours) && all.iter().all(|one| one.as_str().is_some()) && (all.len() == 1 || azp.is_some())
        }
        Some(one) => ours(one),
        None => false,
    };
    if !named {
        return Err(invalid("aud"));
    }
    if azp.is_some_and(|azp| azp != config.client_id) {
        return Err(invalid("azp"));
    }
    let unix = now.unix();
    if time(claims, "exp")?.is_none_or(|exp| exp <= unix - LEEWAY) {
        return Err(invalid("exp"));
    }
    if time(claims, "iat")?.is_none_or(|iat| iat > unix + LEEWAY) {
        return Err(invalid("iat"));
    }
    if time(claims, "nbf")?.is_some_and(|nbf| nbf > unix + LEEWAY) {
        return Err(invalid("nbf"));
    }
    if text(claims, "sub")?.is_none_or(|sub| !(1..=255).contains(&sub.len())) {
        return Err(invalid("sub"));
    }
    // A logout token (Back-Channel Logout §2.4) is no ID Token.
    if claims.get("events").is_some() {
        return Err(invalid("events"));
    }
    // The left half (OpenID Connect Core §3.1.3.6).
    let (half, _) = hash.split_at_checked(hash.len() / 2).unwrap_or_default();
    if text(claims, "at_hash")?.is_some_and(|at_hash| at_hash != base64url::encode(half)) {
        return Err(invalid("at_hash"));
    }
    time(claims, "auth_time").map(drop)
}

fn time(claims: &Value<'_>, name: &'static str) -> Result<Option<i64>, Arc<Error>> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => value.as_integer().map(Some).ok_or_else(|| invalid(name)),
    }
}
