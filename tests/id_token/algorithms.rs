//! The algorithms of signatures, by the specifications that register them, and the limits of a token and a key set.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use valet_key::protocol::json::Value;
use valet_key::protocol::jwks::Keys;
use valet_key::protocol::jwt::{Algorithm, Algorithms, MAX_JWT, Unverified};

use crate::support::signing::{later, r1, set};
use crate::support::{METADATA, claims, code, discover, id_token, json, metadata};
use crate::why;

/// RFC 7518 §3.1, RFC 8037 §3.1: `alg`, `kty`, `crv`, and how Web Cryptography names it.
const ALGORITHMS: [(&str, &str, &str, &str); 10] = [
    ("RS256", "RSA", "", r#"{"name":"RSASSA-PKCS1-v1_5","hash":"SHA-256"}"#),
    ("RS384", "RSA", "", r#"{"name":"RSASSA-PKCS1-v1_5","hash":"SHA-384"}"#),
    ("RS512", "RSA", "", r#"{"name":"RSASSA-PKCS1-v1_5","hash":"SHA-512"}"#),
    ("PS256", "RSA", "", r#"{"name":"RSA-PSS","hash":"SHA-256","saltLength":32}"#),
    ("PS384", "RSA", "", r#"{"name":"RSA-PSS","hash":"SHA-384","saltLength":48}"#),
    ("PS512", "RSA", "", r#"{"name":"RSA-PSS","hash":"SHA-512","saltLength":64}"#),
    ("ES256", "EC", "P-256", r#"{"name":"ECDSA","hash":"SHA-256","namedCurve":"P-256"}"#),
    ("ES384", "EC", "P-384", r#"{"name":"ECDSA","hash":"SHA-384","namedCurve":"P-384"}"#),
    ("ES512", "EC", "P-521", r#"{"name":"ECDSA","hash":"SHA-512","namedCurve":"P-521"}"#),
    ("EdDSA", "OKP", "Ed25519", r#"{"name":"Ed25519"}"#),
];

/// A token with a signature of this many bytes.
fn unsigned(header: &str, bytes: usize) -> String {
    let part = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
    [part(header.as_bytes()), part(b"{}"), part(&vec![7; bytes])].join(".")
}

#[test]
fn each_algorithm_matches_its_specification() {
    for (alg, kty, curve, description) in ALGORITHMS {
        let algorithm = Algorithm::named(alg).expect(alg);
        assert_eq!((algorithm.kty(), algorithm.curve()), (kty, curve), "{alg}");
        let parsed = |text| format!("{:?}", Value::parse(text).expect(text));
        assert_eq!(parsed(algorithm.description()), parsed(description), "{alg}");
    }
    assert_eq!(Algorithm::named("Ed25519"), Algorithm::named("EdDSA"), "RFC 9864 §2.2");
}

/// RFC 7518 §3.4, RFC 8032 §5.1.6. An RSA signature is as long as its key.
#[test]
fn a_signature_has_the_length_of_its_algorithm() {
    for (alg, length) in [("ES256", 64), ("ES384", 96), ("ES512", 132), ("EdDSA", 64)] {
        let header = format!(r#"{{"alg":"{alg}"}}"#);
        for (bytes, expected) in [(length - 1, Some("signature")), (length, None), (length + 1, Some("signature"))] {
            let token = unsigned(&header, bytes);
            assert_eq!(why(Unverified::parse(&token, Algorithms::ALL)), expected, "{alg}: {bytes} bytes");
        }
    }
    for bytes in [1, 256, 257] {
        assert_eq!(why(Unverified::parse(&unsigned(r#"{"alg":"RS256"}"#, bytes), Algorithms::ALL)), None, "{bytes}");
    }
}

#[test]
fn an_algorithm_may_be_listed_twice() {
    let list = |list: &str| METADATA.replace(r#"["RS256", "ES256"]"#, list);
    let token = id_token(&claims(&[]));
    for (listed, expected) in [
        (r#"["RS256"]"#, None),
        (r#"["RS256","RS256"]"#, None),
        (r#"["ES256","RS256","ES256","RS256"]"#, None),
        (r#"["ES256","ES256"]"#, Some("alg")),
    ] {
        let metadata = discover(&list(listed)).expect(listed);
        assert_eq!(why(Unverified::parse(&token, metadata.algorithms)), expected, "{listed}");
    }
}

#[test]
fn the_longest_allowed_token_is_read() {
    let header = r#"{"alg":"RS256"}"#;
    // Base64url has four characters for three bytes; the remaining length is in the signature.
    let around = unsigned(header, 0).len();
    let longest = (MAX_JWT - around) / 4 * 3;
    let token = unsigned(header, longest);
    let missing = MAX_JWT - token.len();
    // One to three further characters cannot end a part of whole bytes, so they are in the header.
    let token = unsigned(&header.replace('{', &["{", &" ".repeat(missing * 3 / 4)].concat()), longest);
    let fits = |length: usize| {
        let token = format!("{}{}", "A".repeat(length.saturating_sub(token.len())), token);
        code(&Unverified::parse(&token, Algorithms::ALL)) != Some("too_large")
    };
    assert!(fits(MAX_JWT) && !fits(MAX_JWT + 1));
}

#[test]
fn a_key_set_may_have_a_hundred_keys() {
    let keys = |count: usize| set(&(0..count).map(|kid| r1(&format!(r#""kid":"k{kid}","#))).collect::<Vec<_>>());
    for (count, expected) in [(100, None), (101, Some("too_large"))] {
        assert_eq!(code(&Keys::default().receive(Ok(json(200, &keys(count))))), expected, "{count} keys");
    }
}

#[test]
fn keys_count_as_new_for_ten_minutes() {
    let mut keys = Keys::default();
    assert!(keys.early(&metadata(), later(0)).is_some());
    keys.receive(Ok(json(200, &set(&[r1("")])))).expect("a key set");
    assert!(keys.early(&metadata(), later(10 * 60 * 1000 - 1)).is_none());
    assert!(keys.early(&metadata(), later(10 * 60 * 1000)).is_some());
}
