//! Key sets: a token is checked only with a public key of the right kind, and with nothing else in the set.

use serde_json::Value;
use valet_key::protocol::jwks::Keys;
use valet_key::protocol::jwt::{Algorithms, Unverified};

use super::{member, seeds as list, text};
use crate::support::json;
use crate::support::known::SIGNED;
use crate::support::signing::{base64url, honest_keys};

const HEADERS: [&str; 5] = [
    r#"{"alg":"RS256","kid":"r1"}"#,
    r#"{"alg":"PS512"}"#,
    r#"{"alg":"ES256","kid":"e1"}"#,
    r#"{"alg":"ES512"}"#,
    r#"{"alg":"EdDSA"}"#,
];

pub(super) fn run(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let mut keys = Keys::default();
    if keys.receive(Ok(json(200, text))).is_err() {
        return;
    }
    for header in HEADERS {
        let length = if header.contains("512") && header.contains("ES") { 132 } else { 64 };
        let token = format!("{}.e30.{}", base64url(header), base64url(vec![0; length]));
        let token = Unverified::parse(&token, Algorithms::ALL).expect("a token in good form");
        let Ok(question) = keys.select(&token, "access token") else { continue };
        let key: Value = serde_json::from_str(&question.key).expect("a key");
        assert_eq!(member(&key, "kty"), Some(question.algorithm.kty()), "{header}");
        assert!(question.algorithm.curve().is_empty() || member(&key, "crv") == Some(question.algorithm.curve()));
        let members = key.as_object().expect("a key is an object");
        assert!(members.keys().all(|name| ["kty", "crv", "x", "y", "n", "e"].contains(&name.as_str())), "{key}");
        assert!(members.values().all(Value::is_string), "{key}");
        assert_eq!(question.access_token, "access token");
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = list([honest_keys()]);
    seeds.extend(SIGNED.map(|(_, key, _)| format!(r#"{{"keys":[{key}]}}"#).into_bytes()));
    let more = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA","d":"AA","use":"sig","key_ops":["verify"],"alg":"ES256","kid":"e1"},{"kty":"oct","k":"AA"}]}"#;
    seeds.push(more.into());
    seeds
}
