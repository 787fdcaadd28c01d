//! Public keys of this client: the one with which it authenticates, and those that its tokens are bound to (RFC 7517).

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::base64url;
use super::json::{Value, to_string};
use super::jwt::Algorithm;

/// The length of a coordinate of P-256 (RFC 7518 §6.2.1.2), and of a public key of Ed25519 (RFC 8032 §5.1.5), in bytes.
const COORDINATE: usize = 32;

/// The length of an ES256 signature in bytes (RFC 7518 §3.4).
pub const SIGNATURE: usize = 2 * COORDINATE;

/// How a key of this client signs. `Ed25519` and `EdDSA` are the same signatures under two registered names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum KeyAlgorithm {
    /// ECDSA on the curve P-256 with SHA-256 (RFC 7518 §3.4).
    #[serde(rename = "ES256")]
    Es256,
    /// `EdDSA` on the curve Ed25519 (RFC 9864 §2.2).
    Ed25519,
    /// The earlier name of the same (RFC 8037 §3.1), for servers that do not know the newer one.
    #[serde(skip)]
    EdDsa,
}

impl KeyAlgorithm {
    /// All of them, the better names first.
    pub(super) const ALL: [Self; 3] = [Self::Es256, Self::Ed25519, Self::EdDsa];

    /// The registered name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Ed25519 => "Ed25519",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of the signatures.
    pub fn signatures(self) -> Algorithm {
        if self == Self::Es256 { Algorithm::Es256 } else { Algorithm::EdDsa }
    }
}

/// The public half of a key of this client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// How the key signs.
    pub algorithm: KeyAlgorithm,
    /// The coordinates as base64url. On Ed25519, there is only one.
    x: String,
    y: Option<String>,
}

/// The members of a JWK that identify the key, in the order of RFC 7638 §3.2 and RFC 8037 §2.
#[derive(Deserialize, Serialize)]
pub(super) struct Coordinates<'a> {
    crv: &'a str,
    kty: &'a str,
    x: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<&'a str>,
    #[serde(skip_serializing)]
    alg: Option<&'a str>,
}

/// A JWK (RFC 7517 §4), as it is registered at the provider.
#[derive(Serialize)]
struct Jwk<'a> {
    kty: &'a str,
    crv: &'a str,
    x: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<&'a str>,
    #[serde(rename = "use")]
    usage: &'a str,
    alg: &'a str,
    kid: &'a str,
}

impl PublicKey {
    /// Parses a JWK as Web Cryptography exports it. `None` for any other kind of key.
    pub fn from_jwk(jwk: &str) -> Option<Self> {
        let value = Value::parse(jwk).ok()?;
        let Coordinates { crv, kty, x, y, alg } = value.read().ok()?;
        let is_coordinate = |text: &str| base64url::decode(text).is_some_and(|bytes| bytes.len() == COORDINATE);
        let algorithm = match (kty, crv) {
            ("EC", "P-256") => KeyAlgorithm::Es256,
            ("OKP", "Ed25519") if alg == Some(KeyAlgorithm::EdDsa.name()) => KeyAlgorithm::EdDsa,
            ("OKP", "Ed25519") => KeyAlgorithm::Ed25519,
            _ => return None,
        };
        let is_whole =
            is_coordinate(x) && y.is_none_or(is_coordinate) && y.is_some() == (algorithm == KeyAlgorithm::Es256);
        is_whole.then(|| Self { algorithm, x: x.into(), y: y.map(Into::into) })
    }

    /// The thumbprint of the key (RFC 7638 §3), which is its `kid`.
    pub fn thumbprint(&self) -> String {
        base64url::encode(&Sha256::digest(to_string(&self.coordinates())))
    }

    /// The members of the JWK without which it is no key.
    pub(super) fn coordinates(&self) -> Coordinates<'_> {
        let signatures = self.algorithm.signatures();
        let (crv, kty) = (signatures.curve(), signatures.kty());
        Coordinates { crv, kty, x: &self.x, y: self.y.as_deref(), alg: None }
    }

    /// The JWK to register at the provider.
    pub fn to_jwk(&self) -> String {
        let Coordinates { crv, kty, x, y, .. } = self.coordinates();
        to_string(&Jwk { kty, crv, x, y, usage: "sig", alg: self.algorithm.name(), kid: &self.thumbprint() })
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

    /// RFC 8037 appendices A.2 and A.3.
    #[test]
    fn a_key_on_ed25519_is_named_by_its_thumbprint() {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        for (alg, name) in [("", "Ed25519"), (r#""alg":"Ed25519","#, "Ed25519"), (r#""alg":"EdDSA","#, "EdDSA")] {
            let key =
                PublicKey::from_jwk(&format!(r#"{{{alg}"kty":"OKP","crv":"Ed25519","x":"{x}"}}"#)).expect("a key");
            assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
            let kid = key.thumbprint();
            let expected =
                format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","use":"sig","alg":"{name}","kid":"{kid}"}}"#);
            assert_eq!(key.to_jwk(), expected);
        }
        for other in [r#""crv":"X25519""#, r#""crv":"Ed25519","y":"AQAB""#] {
            assert_eq!(PublicKey::from_jwk(&format!(r#"{{"kty":"OKP",{other},"x":"{x}"}}"#)), None, "{other}");
        }
    }
}
