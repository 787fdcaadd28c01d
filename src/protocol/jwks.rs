//! The provider's public keys (RFC 7517), and the choice of the key with which a token is verified.

use serde::{Deserialize, Serialize};

use super::base64url;
use super::error::{Kind, Result};
use super::http::{HttpRequest, HttpResponse};
use super::json::{self, IfText, OneOrMany, Value};
use super::jwt::{Algorithm, Unverified, Verification, invalid};
use super::metadata::ServerMetadata;
use super::time::Now;
use super::trace::Step;

/// Maximum number of keys; more than any honest provider has at a time.
const MAX_KEYS: usize = 100;

/// Milliseconds after which a sign-in fetches the keys again, in parallel with its token request.
const LIFE: i64 = 10 * 60 * 1000;

/// Milliseconds in which unknown keys cause at most two requests, whatever tokens arrive.
const PAUSE: i64 = 60 * 1000;

/// The known keys of one provider.
#[derive(Debug, Default)]
pub struct Keys {
    set: Option<String>,
    /// Times of the monotonic clock: when the keys are old, and when an unknown key may cause a request again, according to the
    /// last request but one and to the last request.
    old: i64,
    free: [i64; 2],
}

impl Keys {
    /// The request to send in parallel with a token request; `None` while the keys are known and recent.
    pub fn early(&mut self, metadata: &ServerMetadata, now: Now) -> Option<HttpRequest> {
        if self.set.is_some() && now.monotonic < self.old { None } else { self.ask(metadata, now) }
    }

    /// The request for a key that is not among the known ones (OpenID Connect Core §10.1.1); `None` after two of them within a
    /// minute.
    pub fn again(&mut self, metadata: &ServerMetadata, now: Now) -> Option<HttpRequest> {
        let [first, _] = self.free;
        if now.monotonic < first { None } else { self.ask(metadata, now) }
    }

    fn ask(&mut self, metadata: &ServerMetadata, now: Now) -> Option<HttpRequest> {
        let url = metadata.jwks_uri.as_ref()?.as_str().into();
        let [_, last] = self.free;
        self.free = [last, now.monotonic + PAUSE];
        self.old = now.monotonic + LIFE;
        Some(HttpRequest::get(Step::Keys, url))
    }

    /// Stores the response. An invalid response changes nothing. Without a response, the keys count as old.
    ///
    /// # Errors
    ///
    /// The failure of the request; [`Kind::ResponseInvalid`] if the response is not a key set; [`Kind::TooLarge`].
    pub fn receive(&mut self, outcome: Result<HttpResponse>) -> Result<()> {
        let response = outcome.inspect_err(|_| self.old = 0)?;
        let text = response.text()?;
        match response.json(text)?.get("keys").and_then(Value::as_array) {
            Some(keys) if response.is_ok() => {
                if keys.len() > MAX_KEYS {
                    return Err(Kind::TooLarge { part: "key set" }.into());
                }
                self.set = Some(text.into());
                Ok(())
            }
            _ => Err(Kind::ResponseInvalid { part: "`keys`".into() }.into()),
        }
    }

    /// The key set as the provider sent it; empty if there is none.
    pub fn document(&self) -> &str {
        self.set.as_deref().unwrap_or_default()
    }

    /// Takes a key set that another client of the same provider has just received; nothing if it is empty.
    pub fn recall(&mut self, document: &str, now: Now) {
        if !document.is_empty() {
            self.set = Some(document.into());
            self.old = now.monotonic + LIFE;
        }
    }

    /// Finds the one key that a token can have been signed with, by `kid`, `kty`, `crv`, `use`, `key_ops` and `alg`
    /// (RFC 7517 §4, OpenID Connect Core §10.1). `access_token` is passed on to be hashed.
    ///
    /// # Errors
    ///
    /// [`Kind::IdTokenInvalid`] with `key` if there is none, `key ambiguous` if there are several, `key weak` for an RSA key
    /// of less than 2048 bits or with an insecure exponent (RFC 7518 §3.3); with `signature` for a signature whose length is
    /// not that of the RSA modulus (RFC 8017 §8.1.2 and §8.2.2).
    pub fn select<'a>(&self, token: &'a Unverified<'_>, access_token: &'a str) -> Result<Verification<'a>> {
        let set = Value::parse(self.set.as_deref().unwrap_or("0")).unwrap_or(Value::Null);
        let keys = set.get("keys").and_then(Value::as_array).unwrap_or_default();
        let readable = keys.iter().filter_map(|key| key.read::<Jwk<'_>>().ok());
        let mut fitting = readable.filter(|key| key.fits(token));
        let Jwk { kty, crv: IfText(crv), x: IfText(x), y: IfText(y), n: IfText(n), e: IfText(e), .. } =
            fitting.next().ok_or_else(|| invalid("key"))?;
        if fitting.next().is_some() {
            return Err(invalid("key ambiguous"));
        }
        if let Some(modulus) = n {
            let bits = odd_number(modulus, 2048)?;
            // Browser engines differ in whether they accept a signature that is shorter or longer than the modulus.
            if token.signature.len() != bits.div_ceil(8) as usize {
                return Err(invalid("signature"));
            }
        }
        if let Some(exponent) = e {
            odd_number(exponent, 2)?;
        }
        let key = json::to_string(&PublicKey { kty, crv, x, y, n, e });
        let Unverified { algorithm, signature, signed, .. } = token;
        Ok(Verification { algorithm: *algorithm, key, data: signed, access_token, signature })
    }
}

/// A key of a set (RFC 7517 §4). A key with a member of another type fits no token.
#[derive(Deserialize)]
struct Jwk<'a> {
    #[serde(borrow)]
    kid: IfText<'a>,
    kty: &'a str,
    crv: IfText<'a>,
    #[serde(rename = "use")]
    purpose: Option<IfText<'a>>,
    key_ops: Option<OneOrMany<'a>>,
    alg: Option<IfText<'a>>,
    x: IfText<'a>,
    y: IfText<'a>,
    n: IfText<'a>,
    e: IfText<'a>,
}

impl Jwk<'_> {
    fn fits(&self, token: &Unverified<'_>) -> bool {
        let algorithm = token.algorithm;
        let is = |text: IfText<'_>, expected: &str| text.0 == Some(expected);
        token.kid.as_deref().is_none_or(|kid| is(self.kid, kid))
            && self.kty == algorithm.kty()
            && (algorithm.curve().is_empty() || is(self.crv, algorithm.curve()))
            && self.purpose.is_none_or(|purpose| is(purpose, "sig"))
            && self.alg.is_none_or(|alg| alg.0.and_then(Algorithm::named) == Some(algorithm))
            && match &self.key_ops {
                None => true,
                Some(OneOrMany::Many(operations)) => operations.iter().any(|operation| is(*operation, "verify")),
                Some(OneOrMany::One(_)) => false,
            }
    }
}

/// The members that define a public key, and no others (RFC 7518 §6).
#[derive(Serialize)]
struct PublicKey<'a> {
    kty: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<&'a str>,
}

/// The number of bits of a number in an RSA key (RFC 7518 §6.3.1). It must be odd and have at least `least` bits.
fn odd_number(number: &str, least: u32) -> Result<u32> {
    let bytes = base64url::decode(number).unwrap_or_default();
    let bits = bytes.iter().fold(0, |bits, byte| if bits > 0 { bits + 8 } else { 8 - byte.leading_zeros() });
    if bits < least || bytes.last().is_none_or(|last| last % 2 == 0) { Err(invalid("key weak")) } else { Ok(bits) }
}
