//! The ID Token (OpenID Connect Core §2, §3.1.3.7, §12.2).
//!
//! Every claim is checked. The signature is not yet: the token comes straight from the token endpoint over TLS, where
//! OpenID Connect Core §3.1.3.7 (6) lets a client do without.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::base64url;
use super::config::Config;
use super::error::Error;
use super::json::Value;
use super::jwt::{Jwt, MAX_JWT};
use super::secret::Secret;
use super::time::Now;
use super::transaction::Transaction;

/// Seconds by which two honest clocks may differ.
const LEEWAY: i64 = 30;

/// Algorithms of a key pair (RFC 7518 §3.1, RFC 8037 §3.1). `none` and HMAC prove nothing to a public client.
pub(super) static ALGORITHMS: [&str; 11] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"];

/// Who the user is, says the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user, unique at the issuer.
    pub sub: String,
    /// All claims, as a JSON object.
    pub claims: String,
    /// When the user last proved who they are, in seconds since 1970.
    pub auth_time: Option<i64>,
}

impl Identity {
    /// Checks the ID Token of a sign-in (OpenID Connect Core §3.1.3.7).
    ///
    /// # Errors
    ///
    /// [`Error::IdTokenInvalid`] names the claim, [`Error::TooLarge`], [`Error::Unsupported`] for an encrypted token.
    pub fn from_sign_in(
        token: &str,
        access_token: &Secret,
        transaction: &Transaction,
        config: &Config,
        now: Now,
    ) -> Result<Self, Arc<Error>> {
        let claims = decode(token, access_token)?;
        let value = object(&claims)?;
        check(&value, &transaction.issuer, config, now)?;
        if transaction.nonce.expose().is_empty() || text(&value, "nonce")? != Some(transaction.nonce.expose()) {
            return Err(invalid("nonce"));
        }
        // Made for a code that is seconds old, so it cannot be older than the sign-in.
        if time(&value, "iat")?.is_none_or(|iat| iat < transaction.started.div_euclid(1000) - LEEWAY) {
            return Err(invalid("iat"));
        }
        let sub = text(&value, "sub")?.unwrap_or_default().into();
        Ok(Self { sub, auth_time: time(&value, "auth_time")?, claims })
    }

    /// Checks the ID Token of a refresh against the one before (OpenID Connect Core §12.2).
    ///
    /// # Errors
    ///
    /// Those of [`Identity::from_sign_in`].
    pub fn from_refresh(
        token: &str,
        access_token: &Secret,
        earlier: &Self,
        issuer: &str,
        config: &Config,
        now: Now,
    ) -> Result<Self, Arc<Error>> {
        let claims = decode(token, access_token)?;
        let value = object(&claims)?;
        check(&value, issuer, config, now)?;
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
        Ok(Self { sub: earlier.sub.clone(), auth_time: earlier.auth_time, claims })
    }
}

/// Takes the token apart and checks everything but the claims' values. Gives the claims as JSON.
fn decode(token: &str, access_token: &Secret) -> Result<String, Arc<Error>> {
    if token.len() > MAX_JWT {
        return Err(Error::TooLarge { part: "ID Token" }.into());
    }
    if token.split('.').count() == 5 {
        return Err(Error::Unsupported { feature: "encrypted ID Tokens" }.into());
    }
    let jwt = Jwt::parse(token).ok_or_else(|| invalid("format"))?;
    let header = object(&jwt.header)?;
    let alg = text(&header, "alg")?.filter(|alg| ALGORITHMS.contains(alg)).ok_or_else(|| invalid("alg"))?;
    if header.get("crit").is_some() {
        return Err(invalid("crit"));
    }
    if text(&header, "typ")?.is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT")) {
        return Err(invalid("typ"));
    }
    if let Some(at_hash) = text(&object(&jwt.payload)?, "at_hash")?
        && alg.ends_with("256")
    {
        let hash = Sha256::digest(access_token.expose());
        if base64url::encode(hash.get(..16).unwrap_or_default()) != at_hash {
            return Err(invalid("at_hash"));
        }
    }
    Ok(jwt.payload)
}

/// The rules that hold for every ID Token.
fn check(claims: &Value<'_>, issuer: &str, config: &Config, now: Now) -> Result<(), Arc<Error>> {
    if text(claims, "iss")? != Some(issuer) {
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
    time(claims, "auth_time").map(drop)
}

fn object(part: &str) -> Result<Value<'_>, Arc<Error>> {
    Value::parse(part).ok().filter(|value| matches!(value, Value::Object(_))).ok_or_else(|| invalid("format"))
}

#[cold]
fn invalid(reason: &'static str) -> Arc<Error> {
    Error::IdTokenInvalid { reason }.into()
}

/// A claim of the wrong type is not the same as an absent one.
fn text<'a>(claims: &'a Value<'_>, name: &'static str) -> Result<Option<&'a str>, Arc<Error>> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(invalid(name)),
    }
}

fn time(claims: &Value<'_>, name: &'static str) -> Result<Option<i64>, Arc<Error>> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => value.as_integer().map(Some).ok_or_else(|| invalid(name)),
    }
}
