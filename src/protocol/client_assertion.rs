//! Client authentication with a key instead of a secret: `private_key_jwt` (RFC 7523 §2.2 and §3, OpenID Connect Core §9).
//!
//! A page cannot keep a secret, but a browser can keep a private key that no script can copy. The host holds the key and signs;
//! the text that it signs is made here.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::base64url;
use super::config::Config;
use super::foreign::Secrets;
use super::form;
use super::http::{HttpRequest, Method};
use super::json::{Value, to_string};
use super::pkce::random_text;
use super::secret::Secret;
use super::time::Now;

/// Seconds from the making of an assertion to its end. The server's clock may be a few minutes ahead.
const LIFE: i64 = 5 * 60;

/// Seconds by which `iat` lies in the past: the server's clock may be behind. Not more, because Keycloak accepts an assertion for a
/// minute after `iat` by default, and without `iat` it accepts none that lives longer.
const AGE: i64 = 30;

/// The length of a coordinate of P-256 in bytes (RFC 7518 §6.2.1.2).
const COORDINATE: usize = 32;

/// The length of an ES256 signature in bytes (RFC 7518 §3.4).
pub const SIGNATURE: usize = 2 * COORDINATE;

/// The public half of a client's key, on the curve P-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// The coordinates as base64url.
    x: String,
    y: String,
}

/// The members of a JWK that identify the key, in the order of RFC 7638 §3.2.
#[derive(Deserialize, Serialize)]
struct Coordinates<'a> {
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

#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    kid: &'a str,
}

/// RFC 7523 §3. `nbf` is optional and left out.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    jti: &'a str,
    iat: i64,
    exp: i64,
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
        let members = to_string(&Coordinates { crv: "P-256", kty: "EC", x: &self.x, y: &self.y });
        base64url::encode(&Sha256::digest(members))
    }

    /// The JWK to register at the provider.
    pub fn to_jwk(&self) -> String {
        let kid = &self.thumbprint();
        to_string(&Jwk { kty: "EC", crv: "P-256", x: &self.x, y: &self.y, usage: "sig", alg: "ES256", kid })
    }
}

/// The text that the host signs with ES256: header and claims of the assertion (RFC 7515 §5.1). Its audience is the issuer alone,
/// so that no other server can use it; the token endpoint for a provider without an issuer. `jti` is 32 random bytes.
pub fn signing_input(config: &Config, key: &PublicKey, jti: [u8; 32], now: Now) -> String {
    let client_id = config.client_id.as_str();
    let endpoint = config.server.as_ref().map_or("", |server| server.token_endpoint.as_str());
    let seconds = now.wall.div_euclid(1000);
    let header = to_string(&Header { alg: "ES256", typ: "JWT", kid: &key.thumbprint() });
    let claims = to_string(&Claims {
        iss: client_id,
        sub: client_id,
        aud: if config.issuer.is_empty() { endpoint } else { &config.issuer },
        jti: random_text(jti).expose(),
        iat: seconds.saturating_sub(AGE),
        exp: seconds.saturating_add(LIFE),
    });
    [base64url::encode(header.as_bytes()), ".".into(), base64url::encode(claims.as_bytes())].concat()
}

/// Adds the signed assertion to the form of a request.
pub fn attach(request: HttpRequest, signing_input: &str, signature: &[u8]) -> HttpRequest {
    let Method::Post(form) = &request.method else { return request };
    let assertion = Secret::new([signing_input, ".", &base64url::encode(signature)].concat());
    let mut body = String::from(form.expose());
    form::append(&mut body, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    form::append(&mut body, "client_assertion", assertion.expose());
    let mut secrets = Secrets::new([&assertion]);
    secrets.join(&request.secrets);
    HttpRequest { method: Method::Post(Secret::new(body)), secrets, ..request }
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
