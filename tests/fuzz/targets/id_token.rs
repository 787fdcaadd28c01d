//! The claims of an ID Token with a valid signature: accepted claims are of this issuer, client, sign-in and time.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use valet_key::protocol::id_token::Identity;
use valet_key::protocol::jwt::{Algorithms, Signature, Unverified};

use super::{member, read, seeds as list, text};
use crate::support::{T0, at, claims, config, transaction};

/// More than the difference of any two correct clocks, in seconds.
const AN_HOUR: f64 = 3600.0;

const HASH: [u8; 32] = [7; 32];

#[allow(clippy::cast_precision_loss, reason = "seconds of this century")]
pub(super) fn run(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let token =
        format!("{}.{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256"}"#), URL_SAFE_NO_PAD.encode(text), "A".repeat(86));
    let token = Unverified::parse(&token, Algorithms::ALL).expect("a token in good form");
    let token = token.accept((Signature::Right, HASH.to_vec())).expect("a token with the right signature");
    let (transaction, config) = (transaction(), config());
    let Ok(identity) = Identity::from_sign_in(token.clone(), &transaction, &config, at(5)) else { return };
    let Some(claims) = read(text) else { return };
    assert_eq!(member(&claims, "iss"), Some("https://as.test"));
    assert_eq!(member(&claims, "nonce"), Some(transaction.nonce.expose()));
    assert_eq!(member(&claims, "sub"), Some(&*identity.sub));
    assert!(!identity.sub.is_empty());
    let audiences = claims.get("aud").map(|aud| aud.as_array().cloned().unwrap_or_else(|| vec![aud.clone()]));
    assert!(audiences.is_some_and(|all| all.iter().any(|one| one.as_str() == Some("spa"))));
    assert!(claims.get("azp").is_none_or(|azp| azp.as_str() == Some("spa")));
    let time = |name| claims.get(name).and_then(Value::as_f64);
    assert!(time("exp").is_some_and(|exp| exp > T0 as f64 - AN_HOUR), "{claims}");
    assert!(time("iat").is_some_and(|iat| iat < T0 as f64 + AN_HOUR), "{claims}");
    let hash = URL_SAFE_NO_PAD.encode(&HASH[..16]);
    assert!(claims.get("at_hash").is_none_or(|at_hash| at_hash.as_str() == Some(&hash)));
    let renewed = Identity::from_refresh(token, &identity, &config, at(5)).expect("the same claims once more");
    assert!(renewed.is_none_or(|renewed| renewed.sub == identity.sub));
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let hash = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&HASH[..16]));
    list([
        claims(&[]),
        claims(&[("aud", r#"["spa","other"]"#), ("azp", r#""spa""#), ("at_hash", &hash), ("nbf", "1800000000")]),
        claims(&[("exp", "1.8000006e9"), ("auth_time", "1799999999"), ("acr", r#""mfa""#), ("events", "{}")]),
    ])
}
