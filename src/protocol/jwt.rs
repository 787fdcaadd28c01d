//! JSON Web Tokens, signed, in compact form (RFC 7515 §7.1, RFC 7519, RFC 8725).
//!
//! ```text
//! text ─▶ Unverified ─▶ (a key of the issuer's, see jwks) ─▶ Verification ─▶ (somebody computes) ─▶ Verified
//! ```

use std::sync::Arc;

use super::base64url;
use super::error::Error;
use super::json::{Flaw, Value};

/// Larger than any honest token.
pub const MAX_JWT: usize = 256 * 1024;

/// Registered names of five letters each (RFC 7518 §3.1, RFC 8037 §3.1). `none` and HMAC are not among them: they prove
/// nothing to a public client.
const NAMES: &[u8] = b"RS256RS384RS512PS256PS384PS512ES256ES384ES512EdDSA";

/// A signature algorithm of a key pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Algorithm(u8);

/// A set of [`Algorithm`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Algorithms(u16);

impl Algorithm {
    /// By its registered name; `Ed25519` (RFC 9864 §2.2) is the one curve that `EdDSA` stands for here.
    pub fn named(alg: &str) -> Option<Self> {
        let alg = if alg == "Ed25519" { "EdDSA" } else { alg };
        let place = NAMES.chunks_exact(5).position(|name| name == alg.as_bytes())?;
        u8::try_from(place).ok().map(Self)
    }

    /// `kty` of its keys (RFC 7518 §6.1).
    pub fn kty(self) -> &'static str {
        match self.0 {
            0..=5 => "RSA",
            6..=8 => "EC",
            _ => "OKP",
        }
    }

    /// `crv` of its keys; empty for RSA.
    pub fn curve(self) -> &'static str {
        match self.0 {
            6 => "P-256",
            7 => "P-384",
            8 => "P-521",
            9 => "Ed25519",
            _ => "",
        }
    }

    /// The description that Web Cryptography wants for keys and signatures, as JSON.
    pub fn description(self) -> &'static str {
        match self.0 {
            0 => r#"{"name":"RSASSA-PKCS1-v1_5","hash":"SHA-256"}"#,
            1 => r#"{"name":"RSASSA-PKCS1-v1_5","hash":"SHA-384"}"#,
            2 => r#"{"name":"RSASSA-PKCS1-v1_5","hash":"SHA-512"}"#,
            3 => r#"{"name":"RSA-PSS","hash":"SHA-256","saltLength":32}"#,
            4 => r#"{"name":"RSA-PSS","hash":"SHA-384","saltLength":48}"#,
            5 => r#"{"name":"RSA-PSS","hash":"SHA-512","saltLength":64}"#,
            6 => r#"{"name":"ECDSA","hash":"SHA-256","namedCurve":"P-256"}"#,
            7 => r#"{"name":"ECDSA","hash":"SHA-384","namedCurve":"P-384"}"#,
            8 => r#"{"name":"ECDSA","hash":"SHA-512","namedCurve":"P-521"}"#,
            _ => r#"{"name":"Ed25519"}"#,
        }
    }

    /// Octets of a signature (RFC 7518 §3.4, RFC 8037 §3.1); `None` where the key decides.
    fn length(self) -> Option<usize> {
        match self.0 {
            6 | 9 => Some(64),
            7 => Some(96),
            8 => Some(132),
            _ => None,
        }
    }
}

impl Algorithms {
    /// All that this client knows.
    pub const ALL: Self = Self(u16::MAX);

    /// Those of a list (OpenID Connect Discovery §3) that this client knows. `None` if there are none.
    pub fn of(list: &[Value<'_>]) -> Option<Self> {
        let known = list.iter().filter_map(|alg| Algorithm::named(alg.as_str()?));
        let bits = known.fold(0, |bits, algorithm| bits | 1 << algorithm.0);
        (bits != 0).then_some(Self(bits))
    }

    fn contain(self, algorithm: Algorithm) -> bool {
        self.0 >> algorithm.0 & 1 == 1
    }
}

/// A well-formed token. Nothing in it is trusted yet.
pub struct Unverified<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
    pub(super) signature: Vec<u8>,
    pub(super) signed: &'a str,
    payload: String,
}

impl core::fmt::Debug for Unverified<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Unverified(…)")
    }
}

/// A question for whoever can compute: is this the signature of the data by this key?
pub struct Verification<'a> {
    /// How.
    pub algorithm: Algorithm,
    /// The public key as a JWK, with no members but those that make the key.
    pub key: String,
    /// What was signed.
    pub data: &'a str,
    /// A text whose hash is asked for, too, by the hash function of the signature.
    pub beside: &'a str,
    /// The signature.
    pub signature: &'a [u8],
}

/// What a [`Verification`] says of the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// It is.
    Right,
    /// It is not.
    Wrong,
    /// The key is none.
    Unusable,
}

/// Claims whose signature is right.
#[derive(Clone)]
pub struct Verified {
    /// The claims, as JSON.
    pub claims: String,
    /// The hash of the text that came beside it, by the hash function of the signature.
    pub(super) hash: Vec<u8>,
}

impl core::fmt::Debug for Verified {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Verified(…)")
    }
}

impl<'a> Unverified<'a> {
    /// Takes a token apart. Keys and addresses of keys in its header (`jwk`, `jku`, `x5c`, `x5u`) are not looked at.
    ///
    /// # Errors
    ///
    /// [`Error::IdTokenInvalid`] names the part, [`Error::TooLarge`], [`Error::Unsupported`] for an encrypted token.
    pub fn parse(token: &'a str, allowed: Algorithms) -> Result<Self, Arc<Error>> {
        if token.len() > MAX_JWT {
            return Err(Error::TooLarge { part: "token" }.into());
        }
        let (mut first, mut last, mut dots) = (0, 0, 0_usize);
        for (at, _) in token.bytes().enumerate().filter(|(_, byte)| *byte == b'.') {
            first = if dots == 0 { at } else { first };
            last = at;
            dots += 1;
        }
        if dots == 4 {
            return Err(Error::Unsupported { feature: "encrypted tokens" }.into());
        }
        // A dot too many, or too few, is no base64url in the middle part.
        let octets = |from: usize, to: usize| base64url::decode(token.get(from..to)?);
        let text = |from, to| String::from_utf8(octets(from, to)?).ok();
        let parts = || Some((text(0, first)?, text(first + 1, last)?, octets(last + 1, token.len())?));
        let (header, payload, signature) = parts().ok_or_else(|| invalid("format"))?;
        let header = object(&header)?;
        let alg = member(&header, "alg")?.and_then(Algorithm::named);
        let algorithm = alg.filter(|alg| allowed.contain(*alg)).ok_or_else(|| invalid("alg"))?;
        if header.get("crit").is_some() {
            return Err(invalid("crit"));
        }
        if member(&header, "typ")?.is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT")) {
            return Err(invalid("typ"));
        }
        let kid = match header.get("kid") {
            Some(Value::String(kid)) => Some(String::from(&**kid)),
            Some(_) => return Err(invalid("key")),
            None => None,
        };
        if signature.is_empty() {
            return Err(invalid("format"));
        }
        if algorithm.length().is_some_and(|length| signature.len() != length) {
            return Err(invalid("signature"));
        }
        Ok(Self { algorithm, kid, signature, signed: token.get(..last).unwrap_or_default(), payload })
    }

    /// Trusts the claims, or not, by the answer to a [`Verification`]: what the signature is, and the hash that was asked for.
    ///
    /// # Errors
    ///
    /// [`Error::IdTokenInvalid`] names `key` or `signature`.
    pub fn accept(&self, (signature, hash): (Signature, Vec<u8>)) -> Result<Verified, Arc<Error>> {
        match signature {
            Signature::Right => Ok(Verified { claims: self.payload.clone(), hash }),
            Signature::Wrong => Err(invalid("signature")),
            Signature::Unusable => Err(invalid("key")),
        }
    }
}

/// Reads a part as a JSON object.
pub(super) fn object(part: &str) -> Result<Value<'_>, Arc<Error>> {
    match Value::parse(part) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Err(Flaw::Repeated) => Err(invalid("a member that comes twice")),
        _ => Err(invalid("format")),
    }
}

#[cold]
pub(super) fn invalid(reason: &'static str) -> Arc<Error> {
    Error::IdTokenInvalid { reason }.into()
}

/// A member with text; one of the wrong type is not the same as an absent one.
pub(super) fn member<'a>(object: &'a Value<'_>, name: &'static str) -> Result<Option<&'a str>, Arc<Error>> {
    match object.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(invalid(name)),
    }
}
