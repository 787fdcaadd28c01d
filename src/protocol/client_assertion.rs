//! Client authentication with a key instead of a secret: `private_key_jwt` (RFC 7523 §2.2 and §3, OpenID Connect Core §9).
//!
//! A page cannot keep a secret, but a browser can keep a private key that no script can copy. The host holds the key and signs;
//! the text that it signs is made here.

use serde::Serialize;

use super::base64url;
use super::config::Config;
use super::foreign::Secrets;
use super::form;
use super::http::{HttpRequest, Method};
use super::json::to_string;
use super::pkce::random_text;
use super::public_key::PublicKey;
use super::secret::Secret;
use super::time::Now;

/// Seconds from the making of an assertion to its end. The server's clock may be a few minutes ahead.
const LIFE: i64 = 5 * 60;

/// Seconds by which `iat` lies in the past: the server's clock may be behind. Not more, because Keycloak accepts an assertion for a
/// minute after `iat` by default, and without `iat` it accepts none that lives longer.
const AGE: i64 = 30;

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
