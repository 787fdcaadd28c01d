//! The provider's public keys (RFC 7517), and which of them a token is to be checked with.

use std::sync::Arc;

use super::base64url;
use super::error::Error;
use super::http::{HttpRequest, HttpResponse};
use super::json::{Value, write_member};
use super::jwt::{Algorithm, Unverified, Verification, invalid};
use super::metadata::ServerMetadata;
use super::time::Now;

/// More keys than any honest provider has at a time.
const MAX_KEYS: usize = 100;

/// Milliseconds after which a sign-in fetches the keys again, beside its token request.
const LIFE: i64 = 10 * 60 * 1000;

/// Milliseconds in which an unknown key leads to two requests at most, whatever tokens come.
const PAUSE: i64 = 60 * 1000;

/// The keys of one provider, as far as they are known.
#[derive(Debug, Default)]
pub struct Keys {
    set: Option<String>,
    /// By the monotonic clock: when the keys are old, and when an unknown key may lead to a request again, by the
    /// last request but one and by the last.
    old: i64,
    free: [i64; 2],
}

impl Keys {
    /// The request that goes out beside a token request; `None` while the keys are known and young.
    pub fn early(&mut self, metadata: &ServerMetadata, now: Now) -> Option<HttpRequest> {
        if self.set.is_some() && now.monotonic < self.old { None } else { self.ask(metadata, now) }
    }

    /// The request for a key that is not among those at hand (OpenID Connect Core §10.1.1); `None` after two of them
    /// within a minute.
    pub fn again(&mut self, metadata: &ServerMetadata, now: Now) -> Option<HttpRequest> {
        let [first, _] = self.free;
        if now.monotonic < first { None } else { self.ask(metadata, now) }
    }

    fn ask(&mut self, metadata: &ServerMetadata, now: Now) -> Option<HttpRequest> {
        let url = metadata.jwks_uri.as_ref()?.as_str().into();
        let [_, last] = self.free;
        self.free = [last, now.monotonic + PAUSE];
        self.old = now.monotonic + LIFE;
        Some(HttpRequest::get(url))
    }

    /// Takes the answer. A bad one changes nothing; where there was none, old keys are still old.
    ///
    /// # Errors
    ///
    /// What went wrong on the way; [`Error::ResponseInvalid`] for what is no key set, [`Error::TooLarge`].
    pub fn receive(&mut self, outcome: Result<HttpResponse, Arc<Error>>) -> Result<(), Arc<Error>> {
        let response = outcome.inspect_err(|_| self.old = 0)?;
        let text = response.text()?;
        match response.json(text)?.get("keys").and_then(Value::as_array) {
            Some(keys) if response.is_ok() => {
                if keys.len() > MAX_KEYS {
                    return Err(Error::TooLarge { part: "key set" }.into());
                }
                self.set = Some(text.into());
                Ok(())
            }
            _ => Err(Error::ResponseInvalid { part: "`keys`".into() }.into()),
        }
    }

    /// Finds the one key that a token can have been signed with, by `kid`, `kty`, `crv`, `use`, `key_ops` and `alg`
    /// (RFC 7517 §4, OpenID Connect Core §10.1). `beside` goes along, to be hashed.
    ///
    /// # Errors
    ///
    /// [`Error::IdTokenInvalid`] with `key` if there is none, `key ambiguous` if there are several, `key weak` for RSA
    /// of less than 2048 bits or with an exponent that hides nothing (RFC 7518 §3.3); with `signature` for one whose length
    /// is not that of the RSA modulus (RFC 8017 §8.1.2 and §8.2.2).
    pub fn select<'a>(&self, token: &'a Unverified<'_>, beside: &'a str) -> Result<Verification<'a>, Arc<Error>> {
        let set = Value::parse(self.set.as_deref().unwrap_or("0")).unwrap_or(Value::Null);
        let keys = set.get("keys").and_then(Value::as_array).unwrap_or_default();
        let mut fitting = keys.iter().filter(|key| fits(key, token));
        let key = fitting.next().ok_or_else(|| invalid("key"))?;
        if fitting.next().is_some() {
            return Err(invalid("key ambiguous"));
        }
        let mut jwk = String::from("{");
        for name in ["kty", "crv", "x", "y", "n", "e"] {
            let Some(value) = key.get(name).and_then(Value::as_str) else { continue };
            let least = match name {
                "n" => 2048,
                "e" => 2,
                _ => 0,
            };
            let octets = base64url::decode(value).unwrap_or_default();
            let bits = octets.iter().fold(0, |bits, octet| if bits > 0 { bits + 8 } else { 8 - octet.leading_zeros() });
            if bits < least || (least > 0 && octets.last().is_none_or(|last| last % 2 == 0)) {
                return Err(invalid("key weak"));
            }
            // Engines differ in whether they take a signature that is shorter or longer than the modulus.
            if name == "n" && token.signature.len() != bits.div_ceil(8) as usize {
                return Err(invalid("signature"));
            }
            write_member(&mut jwk, name, value);
        }
        jwk.push('}');
        let Unverified { algorithm, signature, signed, .. } = token;
        Ok(Verification { algorithm: *algorithm, key: jwk, data: signed, beside, signature })
    }
}

fn fits(key: &Value<'_>, token: &Unverified<'_>) -> bool {
    let algorithm = token.algorithm;
    let curve = Some(algorithm.curve()).filter(|curve| !curve.is_empty());
    let purpose = key.get("use").map(|_| "sig");
    let required = [("kid", token.kid.as_deref()), ("kty", Some(algorithm.kty())), ("crv", curve), ("use", purpose)];
    let has = |(name, expected): &(&str, Option<&str>)| {
        expected.is_none() || key.get(name).and_then(Value::as_str) == *expected
    };
    required.iter().all(has)
        && key.get("alg").is_none_or(|alg| alg.as_str().and_then(Algorithm::named) == Some(algorithm))
        && key.get("key_ops").is_none_or(|operations| {
            operations.as_array().is_some_and(|all| all.iter().any(|one| one.as_str() == Some("verify")))
        })
}
