//! Public keys of this client: the one with which it authenticates, and those that its tokens are bound to (RFC 7517).

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::base64url;
use super::json::{Value, to_string};

/// The length of a coordinate of P-256 in bytes (RFC 7518 §6.2.1.2).
const COORDINATE: usize = 32;

/// The length of an ES256 signature in bytes (RFC 7518 §3.4).
pub const SIGNATURE: usize = 2 * COORDINATE;

/// The public half of a key of this client, on the curve P-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// The coordinates as base64url.
    x: String,
    y: String,
}

/// The members of a JWK that identify the key, in the order of RFC 7638 §3.2.
#[derive(Deserialize, Serialize)]
pub(super) struct Coordinates<'a> {
    crv: &'a str,
    kty: &'a str,
    x: &'a str,
    y: &'a str,
}

/// A JWK (RFC 7517 §4), as it is registered at the provider.
#[derive(Serialize)]
struct Jwk<'a> {
    kty: &'a str,
    crv: &'a str,
    x: &'a str,
    y: &'a str,
    #[serde(rename = "use")]
    usage: &'a str,
    alg: &'a str,
    kid: &'a str,
}

impl PublicKey {
    /// Parses a JWK as Web Cryptography exports it. `None` for any other kind of key.
    pub fn from_jwk(jwk: &str) -> Option<Self> {
        let value = Value::parse(jwk).ok()?;
        let Coordinates { crv, kty, x, y } = value.read().ok()?;
        let is_coordinate = |text: &str| base64url::decode(text).is_some_and(|bytes| bytes.len() == COORDINATE);
        let is_whole = (kty, crv) == ("EC", "P-256") && is_coordinate(x) && is_coordinate(y);
        is_whole.then(|| Self { x: x.into(), y: y.into() })
    }

    /// The thumbprint of the key (RFC 7638 §3), which is its `kid`.
    pub fn thumbprint(&self) -> String {
        base64url::encode(&Sha256::digest(to_string(&self.coordinates())))
    }

    /// The members of the JWK without which it is no key.
    pub(super) fn coordinates(&self) -> Coordinates<'_> {
        Coordinates { crv: "P-256", kty: "EC", x: &self.x, y: &self.y }
    }

    /// The JWK to register at the provider.
    pub fn to_jwk(&self) -> String {
        let kid = &self.thumbprint();
        to_string(&Jwk { kty: "EC", crv: "P-256", x: &self.x, y: &self.y, usage: "sig", alg: "ES256", kid })
    }
}

#[cfg(test)]
mod tests {
    use super::PublicKey;

    /// RFC 7515 appendix A.3.1 has the key; the thumbprint was computed with Node.js.
    #[test]
    fn a_key_is_named_by_its_thumbprint() {
        let x = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
        let y = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
        let jwk = format!(r#"{{"kty":"EC","key_ops":["verify"],"ext":true,"crv":"P-256","x":"{x}","y":"{y}"}}"#);
        let key = PublicKey::from_jwk(&jwk).expect("a key");
        assert_eq!(key.thumbprint(), "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
        let kid = key.thumbprint();
        let expected =
            format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}","use":"sig","alg":"ES256","kid":"{kid}"}}"#);
        assert_eq!(key.to_jwk(), expected);
        for (from, to) in [("EC", "RSA"), ("P-256", "P-384"), (x, "AQAB"), (y, ""), ("\"y\"", "\"z\"")] {
            assert_eq!(PublicKey::from_jwk(&jwk.replace(from, to)), None, "{from}");
        }
    }
}
