//! Tokens in compact form: another decoder reads the same three parts, and the header requires no unknown extension.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use valet_key::protocol::base64url;
use valet_key::protocol::jwt::{Algorithm, Algorithms, Signature, Unverified};

use super::{member, seeds as list, text};
use crate::support::known::SIGNED;
use crate::support::{claims, id_token};

pub(super) fn run(bytes: &[u8]) {
    assert_eq!(base64url::encode(bytes), URL_SAFE_NO_PAD.encode(bytes));
    let Some(text) = text(bytes) else { return };
    for part in text.split('.') {
        assert_eq!(base64url::decode(part), URL_SAFE_NO_PAD.decode(part).ok(), "{part}");
    }
    let Ok(token) = Unverified::parse(text, Algorithms::ALL) else { return };
    let parts: Vec<Vec<u8>> = text.split('.').filter_map(base64url::decode).collect();
    let [header, payload, signature] = &parts[..] else { panic!("{} parts", parts.len()) };
    assert!(!signature.is_empty());
    let header: serde_json::Value = serde_json::from_slice(header).expect("a header");
    assert!(member(&header, "alg").and_then(Algorithm::named).is_some(), "{header}");
    assert!(header.get("crit").is_none() && header.get("kid").is_none_or(serde_json::Value::is_string), "{header}");
    assert!(header.get("typ").is_none_or(|typ| typ.as_str().is_some_and(|typ| typ.eq_ignore_ascii_case("jwt"))));
    let verified = token.accept((Signature::Right, vec![0; 32])).expect("a token with the right signature");
    assert_eq!(verified.claims.as_bytes(), payload);
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = list(SIGNED.map(|(_, _, token)| token));
    seeds.push(id_token(&claims(&[])).into_bytes());
    for header in [r#"{"alg":"none"}"#, r#"{"alg":"HS256","kid":1}"#, r#"{"alg":"ES256","crit":["b64"],"b64":false}"#] {
        seeds.push(format!("{}.e30.{}", URL_SAFE_NO_PAD.encode(header), "A".repeat(86)).into_bytes());
    }
    seeds.push(b"a.b.c.d.e".to_vec());
    seeds
}
