//! The choice of the key for a token, and the requests for keys (RFC 7517, OpenID Connect Core §10.1).

use valet_key::protocol::error::{Error, Kind};
use valet_key::protocol::jwks::Keys;

use crate::support::signing::{Curve, base64url, honest_keys, jwt, later, r1, set};
use crate::support::{self, METADATA, claims, code, discover, id_token, json, metadata};
use crate::{HONEST, by_e1, reason, reason_of, reason_with};

#[test]
fn disc_26_39_a_provider_must_name_its_keys_and_sign_with_key_pairs() {
    let rows = [
        ("DISC-26", METADATA.replace(r#""jwks_uri": "https://as.test/jwks","#, ""), Some("metadata_invalid")),
        ("DISC-27", METADATA.replace("https://as.test/jwks", "http://as.test/jwks"), Some("url_rejected")),
        ("DISC-27", METADATA.replace("https://as.test/userinfo", "http://as.test/userinfo"), Some("url_rejected")),
        ("DISC-39", METADATA.replace(r#"["RS256", "ES256"]"#, r#"["HS256","none"]"#), Some("unsupported")),
        ("DISC-39", METADATA.replace(r#"["RS256", "ES256"]"#, "[]"), Some("unsupported")),
        ("no list", METADATA.replace(r#""id_token_signing_alg_values_supported": ["RS256", "ES256"],"#, ""), None),
        ("no list", METADATA.replace(r#"["RS256", "ES256"]"#, r#""RS256""#), Some("metadata_invalid")),
    ];
    for (label, metadata, expected) in rows {
        assert_eq!(code(&discover(&metadata)), expected, "{label}: {metadata}");
    }
    let plain = r#"{"server":{"authorization_endpoint":"https://as.test/a","token_endpoint":"https://as.test/t"},"clientId":"spa"}"#;
    assert_eq!(code(&valet_key::protocol::config::Config::parse(plain)), None, "plain OAuth 2 needs no keys");
    let openid =
        plain.replace(r#"{"server":{"#, r#"{"issuer":"https://as.test","server":{"issuer":"https://as.test","#);
    assert_eq!(code(&valet_key::protocol::config::Config::parse(&openid)), Some("metadata_invalid"));
}

#[test]
fn idt_08_56_57_64_65_66_the_key_must_fit() {
    let token = jwt(HONEST, claims(&[]));
    let no_kid = jwt(r#"{"alg":"RS256"}"#, claims(&[]));
    let other = Curve::new();
    let (n, e) = (base64url([0xff; 256]), "AQAB");
    let weak = |n: &str, e: &str| set(&[format!(r#"{{"kty":"RSA","kid":"r1","n":"{n}","e":"{e}"}}"#)]);
    let rows = [
        ("IDT-08 another alg", &token, set(&[r1(r#""kid":"r1","alg":"PS256","#)]), Some("key")),
        (
            "IDT-08 an alg that is not for signatures",
            &token,
            set(&[r1(r#""kid":"r1","alg":"RSA-OAEP","#)]),
            Some("key"),
        ),
        ("IDT-08 an alg of another type", &token, set(&[r1(r#""kid":"r1","alg":1,"#)]), Some("key")),
        ("IDT-08 another type", &token, set(&[other.jwk(r#""kid":"r1","#)]), Some("key")),
        ("IDT-56", &no_kid, set(&[r1("")]), None),
        ("IDT-56 beside another type", &no_kid, honest_keys(), None),
        ("IDT-57", &no_kid, set(&[r1(r#""kid":"a","#), r1(r#""kid":"b","#)]), Some("key ambiguous")),
        ("IDT-64 by type", &token, set(&[other.jwk(r#""kid":"r1","#), r1(r#""kid":"r1","#)]), None),
        ("IDT-64 both fit", &token, set(&[r1(r#""kid":"r1","#), r1(r#""kid":"r1","#)]), Some("key ambiguous")),
        ("IDT-84 alg, use, key_ops", &token, set(&[r1(r#""kid":"r1","alg":null,"use":null,"key_ops":null,"#)]), None),
        ("IDT-84 kid", &token, set(&[r1(r#""kid":null,"#)]), Some("key")),
        ("IDT-84 n", &token, set(&[r#"{"kty":"RSA","kid":"r1","n":null,"e":"AQAB"}"#.into()]), Some("key")),
        ("IDT-65 enc", &token, set(&[r1(r#""kid":"r1","use":"enc","#)]), Some("key")),
        ("IDT-65 a list of uses", &token, set(&[r1(r#""kid":"r1","use":["sig"],"#)]), Some("key")),
        ("IDT-65 sign", &token, set(&[r1(r#""kid":"r1","key_ops":["sign"],"#)]), Some("key")),
        ("IDT-65 text", &token, set(&[r1(r#""kid":"r1","key_ops":"verify","#)]), Some("key")),
        ("IDT-65 verify", &token, set(&[r1(r#""kid":"r1","key_ops":["sign","verify"],"#)]), None),
        ("IDT-66 1024 bits", &token, weak(&base64url([0xff; 128]), e), Some("key weak")),
        (
            "IDT-66 1024 bits behind zeros",
            &token,
            weak(&base64url([[0; 128], [0xff; 128]].concat()), e),
            Some("key weak"),
        ),
        ("IDT-66 2047 bits", &token, weak(&base64url([&[0x7f][..], &[0xff; 255]].concat()), e), Some("key weak")),
        ("IDT-66 2048 bits of another", &token, weak(&n, e), Some("signature")),
        ("IDT-66 e is 1", &token, weak(&n, "AQ"), Some("key weak")),
        ("IDT-66 e is 1 behind zeros", &token, weak(&n, "AAAB"), Some("key weak")),
        ("IDT-66 e is 2", &token, weak(&n, "Ag"), Some("key weak")),
        ("IDT-66 e is nothing", &token, weak(&n, ""), Some("key weak")),
        ("IDT-66 e is no number", &token, weak(&n, "!"), Some("key weak")),
        ("IDT-66 e is 257", &token, weak(&n, "AQE"), Some("signature")),
        ("half a key", &token, set(&[r#"{"kty":"RSA","kid":"r1","e":"AQAB"}"#.into()]), Some("key")),
        (
            "a curve of another name",
            &by_e1(r#"{"alg":"ES256","kid":"e1"}"#),
            honest_keys().replace("P-256", "P-384"),
            Some("key"),
        ),
    ];
    for (label, token, keys, expected) in rows {
        assert_eq!(reason_with(token, &keys), expected, "{label}");
    }
}

#[test]
fn idt_52_54_55_keys_inside_a_token_are_not_used() {
    let own = Curve::new();
    let jwk = own.jwk("");
    let rows = [
        ("IDT-52", format!(r#"{{"alg":"ES256","kid":"mine","jwk":{jwk}}}"#), "key"),
        ("IDT-52 under an honest name", format!(r#"{{"alg":"ES256","kid":"e1","jwk":{jwk}}}"#), "signature"),
        ("IDT-52 under no name", format!(r#"{{"alg":"ES256","jwk":{jwk}}}"#), "signature"),
        ("IDT-54", r#"{"alg":"ES256","kid":"mine","x5c":["MIIB"]}"#.into(), "key"),
        ("an address of keys", r#"{"alg":"ES256","kid":"mine","jku":"https://evil.test/jwks"}"#.into(), "key"),
    ];
    for (label, header, expected) in rows {
        assert_eq!(reason(&own.sign(&header, &claims(&[]))), Some(expected), "{label}");
    }
    let long = format!(r#""{}""#, "k".repeat(100_000));
    for kid in [r#""../../x""#, r#""' OR 1=1--""#, r#""__proto__""#, r#""constructor""#, r#""""#, "1", &long] {
        assert_eq!(reason(&by_e1(&format!(r#"{{"alg":"ES256","kid":{kid}}}"#))), Some("key"), "IDT-55 {kid:.20}");
    }
    assert_eq!(reason(&by_e1(r#"{"alg":"ES256","kid":null}"#)), None, "IDT-55 `null` is absent, as in IDT-56");
}

/// What a browser does with a token, with at most one further request. Returns the reason of a refusal, and the number
/// of requests.
fn login(keys: &mut Keys, served: &str, token: &str, now: i64) -> (Option<&'static str>, u32) {
    let mut requests = 0;
    let mut fetch = |keys: &mut Keys, request| {
        let request: Option<valet_key::protocol::http::HttpRequest> = request;
        if let Some(request) = request {
            assert_eq!(request.url, "https://as.test/jwks");
            requests += 1;
            keys.receive(Ok(json(200, served))).expect("a key set");
        }
    };
    let early = keys.early(&metadata(), later(now));
    fetch(keys, early);
    if reason_of(keys, token).is_some() {
        let again = keys.again(&metadata(), later(now));
        fetch(keys, again);
    }
    (reason_of(keys, token), requests)
}

#[test]
fn idt_58_59_60_keys_are_fetched_again_but_not_without_limit() {
    let (old, new) = (Curve::new(), Curve::new());
    let (before, after) = (set(&[old.jwk(r#""kid":"old","#)]), set(&[new.jwk(r#""kid":"new","#)]));
    let signed = |curve: &Curve, kid: &str| curve.sign(&format!(r#"{{"alg":"ES256","kid":"{kid}"}}"#), &claims(&[]));
    let mut keys = Keys::default();
    assert_eq!(login(&mut keys, &before, &signed(&old, "old"), 0), (None, 1));
    assert_eq!(login(&mut keys, &before, &signed(&old, "old"), 1000), (None, 0), "at hand");
    assert_eq!(login(&mut keys, &after, &signed(&new, "new"), 2000), (None, 1), "IDT-58");

    let mut keys = Keys::default();
    keys.early(&metadata(), later(0)).expect("beside the token request");
    keys.receive(Ok(json(200, &before))).expect("a key set");
    assert_eq!(login(&mut keys, &after, &signed(&new, "new"), 0), (None, 1), "IDT-59");

    let mut keys = Keys::default();
    let mut requests = 0;
    for attempt in 0..100 {
        let token = signed(&old, &format!("unknown-{attempt}"));
        let (reason, more) = login(&mut keys, &before, &token, attempt * 600);
        assert_eq!(reason, Some("key"), "IDT-60");
        requests += more;
    }
    assert_eq!(requests, 2, "IDT-60");
    assert_eq!(login(&mut keys, &before, &signed(&old, "old"), 11 * 60_000), (None, 1), "old keys are fetched again");
}

/// A provider can replace a key under the same `kid`: a wrong signature is checked once more with newly fetched keys.
#[test]
fn idt_82_a_key_replaced_under_its_key_id_is_fetched_but_not_without_limit() {
    let (old, new, stranger) = (Curve::new(), Curve::new(), Curve::new());
    let served = |curve: &Curve| set(&[curve.jwk(r#""kid":"only","#)]);
    let signed = |curve: &Curve| curve.sign(r#"{"alg":"ES256","kid":"only"}"#, &claims(&[]));
    let mut keys = Keys::default();
    assert_eq!(login(&mut keys, &served(&old), &signed(&old), 0), (None, 1));
    assert_eq!(login(&mut keys, &served(&new), &signed(&new), 1000), (None, 1), "one more look");
    assert_eq!(login(&mut keys, &served(&new), &signed(&new), 1001), (None, 0), "at hand");
    assert_eq!(login(&mut keys, &served(&new), &signed(&old), 1002), (Some("signature"), 0), "two within a minute");
    assert_eq!(login(&mut keys, &served(&new), &signed(&old), 61_001), (Some("signature"), 1), "the key of before");

    let mut keys = Keys::default();
    let mut requests = 0;
    for attempt in 0..100 {
        let (reason, more) = login(&mut keys, &served(&old), &signed(&stranger), attempt * 600);
        assert_eq!(reason, Some("signature"));
        requests += more;
    }
    assert_eq!(requests, 2, "whatever signatures come");
}

#[test]
fn idt_61_62_bad_responses_are_not_cached() {
    let thousand: Vec<String> = (0..1000).map(|n| format!(r#"{{"kty":"EC","kid":"k{n}"}}"#)).collect();
    let huge = format!(r#"{{"keys":[],"x":"{}"}}"#, "x".repeat(2 << 20));
    let network = || Err(Error::from(Kind::Network { url: String::new() }));
    let rows = [
        ("IDT-61 500", Ok(json(500, "{}")), "server_unavailable"),
        ("IDT-61 a page", Ok(support::answer(200, "text/html", "<h1>")), "not_json"),
        ("IDT-61 no CORS", network(), "network_error"),
        ("404", Ok(json(404, r#"{"keys":[]}"#)), "response_invalid"),
        ("IDT-62 no keys", Ok(json(200, "{}")), "response_invalid"),
        ("IDT-62 an object", Ok(json(200, r#"{"keys":{}}"#)), "response_invalid"),
        ("IDT-62 a member twice", Ok(json(200, r#"{"keys":[],"keys":[]}"#)), "response_invalid"),
        ("IDT-62 2 MiB", Ok(json(200, &huge)), "too_large"),
        ("IDT-62 1,000 keys", Ok(json(200, &set(&thousand))), "too_large"),
    ];
    let mut keys = Keys::default();
    for (label, answer, expected) in rows {
        assert!(keys.early(&metadata(), later(0)).is_some(), "{label}: asked for each time");
        assert_eq!(code(&keys.receive(answer)), Some(expected), "{label}");
    }
    assert_eq!(login(&mut keys, &honest_keys(), &id_token(&claims(&[])), 0).0, None, "IDT-61 the next sign-in");
    keys.receive(network()).expect_err("no response");
    assert_eq!(reason_of(&keys, &id_token(&claims(&[]))), None, "what was known stays known");
    for set in [r#"{"keys":[]}"#, r#"{"keys":[1,null]}"#] {
        assert_eq!(reason_with(&id_token(&claims(&[])), set), Some("key"), "IDT-62 {set}");
    }
    let as_media_type = support::answer(200, "application/jwk-set+json", &honest_keys());
    assert_eq!(code(&Keys::default().receive(Ok(as_media_type))), None, "RFC 7517 §8.5.2");
}
