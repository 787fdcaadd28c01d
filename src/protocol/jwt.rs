//! Signed JSON Web Tokens in compact form (RFC 7515 §7.1, RFC 7519, RFC 8725).
//!
//! ```text
//! text ─▶ Unverified ─▶ (a key of the issuer, see jwks) ─▶ Verification ─▶ (the host verifies) ─▶ Verified
//! ```

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::base64url;
use super::error::{Error, Kind, Result};
use super::json::{Flaw, IfText, Value};

/// Maximum length of a token in bytes; larger than any honest one.
pub const MAX_JWT: usize = 256 * 1024;

/// A signature algorithm with a key pair (RFC 7518 §3.1, RFC 8037 §3.1). `none` and HMAC are not included: they prove nothing
/// to a public client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the registered names")]
pub enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    Es512,
    EdDsa,
}

/// A set of [`Algorithm`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Algorithms(u16);

impl Algorithm {
    /// The algorithm with this registered name. `Ed25519` (RFC 9864 §2.2) is the only curve that `EdDSA` stands for here.
    pub fn named(alg: &str) -> Option<Self> {
        Some(match alg {
            "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            "PS256" => Self::Ps256,
            "PS384" => Self::Ps384,
            "PS512" => Self::Ps512,
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "ES512" => Self::Es512,
            "EdDSA" | "Ed25519" => Self::EdDsa,
            _ => return None,
        })
    }

    /// The `kty` of its keys (RFC 7518 §6.1).
    pub fn kty(self) -> &'static str {
        match self {
            Self::Es256 | Self::Es384 | Self::Es512 => "EC",
            Self::EdDsa => "OKP",
            _ => "RSA",
        }
    }

    /// The `crv` of its keys; empty for RSA.
    pub fn curve(self) -> &'static str {
        match self {
            Self::Es256 => "P-256",
            Self::Es384 => "P-384",
            Self::Es512 => "P-521",
            Self::EdDsa => "Ed25519",
            _ => "",
        }
    }

    /// The parameters that Web Cryptography expects for keys and signatures, as JSON.
    pub fn description(self) -> &'static str {
        match self {
            Self::Rs256 => r#"{"name":"RSASSA-PKCS1-v1_5","hash":"SHA-256"}"#,
            Self::Rs384 => r#"{"name":"RSASSA-PKCS1-v1_5","hash":"SHA-384"}"#,
            Self::Rs512 => r#"{"name":"RSASSA-PKCS1-v1_5","hash":"SHA-512"}"#,
            Self::Ps256 => r#"{"name":"RSA-PSS","hash":"SHA-256","saltLength":32}"#,
            Self::Ps384 => r#"{"name":"RSA-PSS","hash":"SHA-384","saltLength":48}"#,
            Self::Ps512 => r#"{"name":"RSA-PSS","hash":"SHA-512","saltLength":64}"#,
            Self::Es256 => r#"{"name":"ECDSA","hash":"SHA-256","namedCurve":"P-256"}"#,
            Self::Es384 => r#"{"name":"ECDSA","hash":"SHA-384","namedCurve":"P-384"}"#,
            Self::Es512 => r#"{"name":"ECDSA","hash":"SHA-512","namedCurve":"P-521"}"#,
            Self::EdDsa => r#"{"name":"Ed25519"}"#,
        }
    }

    /// Length of a signature in bytes (RFC 7518 §3.4, RFC 8037 §3.1); `None` if it depends on the key.
    fn length(self) -> Option<usize> {
        match self {
            Self::Es256 | Self::EdDsa => Some(64),
            Self::Es384 => Some(96),
            Self::Es512 => Some(132),
            _ => None,
        }
    }
}

impl Algorithms {
    /// All algorithms that this client supports.
    pub const ALL: Self = Self(u16::MAX);

    /// The algorithms of a list (OpenID Connect Discovery §3) that this client supports. `None` if there are none.
    pub fn of(list: &[IfText<'_>]) -> Option<Self> {
        let known = list.iter().filter_map(|alg| Algorithm::named(alg.0?));
        let bits = known.fold(0, |bits, algorithm| bits | 1 << algorithm as u16);
        (bits != 0).then_some(Self(bits))
    }

    fn contain(self, algorithm: Algorithm) -> bool {
        self.0 >> algorithm as u16 & 1 == 1
    }
}

/// The members of a header that are read (RFC 7515 §4.1).
#[derive(Deserialize)]
struct Header<'a> {
    alg: Option<&'a str>,
    kid: Option<&'a str>,
    typ: Option<&'a str>,
    crit: Option<IgnoredAny>,
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

/// A request to the host: is this the signature of the data by this key?
pub struct Verification<'a> {
    /// The signature algorithm.
    pub algorithm: Algorithm,
    /// The public key as a JWK, with only the members that define the key.
    pub key: String,
    /// The signed data.
    pub data: &'a str,
    /// The access token, which the host hashes with the hash function of the signature (`at_hash`).
    pub access_token: &'a str,
    /// The signature.
    pub signature: &'a [u8],
}

/// The result of a [`Verification`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// The signature is valid.
    Right,
    /// The signature is not valid.
    Wrong,
    /// The key cannot be used.
    Unusable,
}

/// Claims whose signature was verified.
#[derive(Clone)]
pub struct Verified {
    /// The claims, as JSON.
    pub claims: String,
    /// The hash of [`Verification::access_token`], by the hash function of the signature.
    pub(super) hash: Vec<u8>,
}

impl core::fmt::Debug for Verified {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Verified(…)")
    }
}

impl<'a> Unverified<'a> {
    /// Parses a token. Keys and URLs of keys in its header (`jwk`, `jku`, `x5c`, `x5u`) are ignored.
    ///
    /// # Errors
    ///
    /// [`Kind::IdTokenInvalid`] names the part, [`Kind::TooLarge`], [`Kind::Unsupported`] for an encrypted token.
    pub fn parse(token: &'a str, allowed: Algorithms) -> Result<Self> {
        if token.len() > MAX_JWT {
            return Err(Kind::TooLarge { part: "token" }.into());
        }
        let (mut first, mut last, mut dots) = (0, 0, 0_usize);
        for (at, _) in token.bytes().enumerate().filter(|(_, byte)| *byte == b'.') {
            first = if dots == 0 { at } else { first };
            last = at;
            dots += 1;
        }
        if dots == 4 {
            return Err(Kind::Unsupported { feature: "encrypted tokens" }.into());
        }
        // With too many or too few dots, the middle part cannot be decoded.
        let octets = |from: usize, to: usize| base64url::decode(token.get(from..to)?);
        let text = |from, to| String::from_utf8(octets(from, to)?).ok();
        let parts = || Some((text(0, first)?, text(first + 1, last)?, octets(last + 1, token.len())?));
        let (header, payload, signature) = parts().ok_or_else(|| invalid("format"))?;
        let header = object(&header)?;
        let Header { alg, kid, typ, crit } = header.read().map_err(|mismatch| match mismatch.member {
            "kid" => invalid("key"),
            member => invalid(member),
        })?;
        let alg = alg.and_then(Algorithm::named);
        let algorithm = alg.filter(|alg| allowed.contain(*alg)).ok_or_else(|| invalid("alg"))?;
        if crit.is_some() {
            return Err(invalid("crit"));
        }
        if typ.is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT")) {
            return Err(invalid("typ"));
        }
        if signature.is_empty() {
            return Err(invalid("format"));
        }
        if algorithm.length().is_some_and(|length| signature.len() != length) {
            return Err(invalid("signature"));
        }
        Ok(Self {
            algorithm,
            kid: kid.map(Into::into),
            signature,
            signed: token.get(..last).unwrap_or_default(),
            payload,
        })
    }

    /// Decides whether to trust the claims, by the result of a [`Verification`]: whether the signature is valid, and the hash.
    ///
    /// # Errors
    ///
    /// [`Kind::IdTokenInvalid`] names `key` or `signature`.
    pub fn accept(&self, (signature, hash): (Signature, Vec<u8>)) -> Result<Verified> {
        match signature {
            Signature::Right => Ok(Verified { claims: self.payload.clone(), hash }),
            Signature::Wrong => Err(invalid("signature")),
            Signature::Unusable => Err(invalid("key")),
        }
    }
}

/// Parses a part of a token as a JSON object.
pub(super) fn object(part: &str) -> Result<Value<'_>> {
    match Value::parse(part) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Err(Flaw::Repeated) => Err(invalid("a member that comes twice")),
        _ => Err(invalid("format")),
    }
}

#[cold]
pub(super) fn invalid(reason: &'static str) -> Error {
    Kind::IdTokenInvalid { reason }.into()
}
