//! The ID Token: an honest one with one change, refused by name (OpenID Connect Core §3.1.3.7, RFC 8725).

mod support;

use ring::signature;
use support::signing::{self, Curve, E1, base64url, honest_keys, jwt, later, proof_with, r1, set};
use support::{METADATA, T0, at, claims, code, config, discover, id_token, json, metadata, transaction};
use valet_key::protocol::authorization_request::{AuthorizationRequest, SignIn};
use valet_key::protocol::error::Error;
use valet_key::protocol::form;
use valet_key::protocol::id_token::Identity;
use valet_key::protocol::json::Value;
use valet_key::protocol::jwks::Keys;
use valet_key::protocol::transaction::Transaction;

/// The row's number, which claims are changed, and the reason for which it is refused.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], Option<&'a str>);

const HONEST: &str = r#"{"alg":"RS256","kid":"r1"}"#;

/// The reason for which the honest client refuses a token, by the keys of a provider.
fn reason_with(token: &str, keys: &str) -> Option<&'static str> {
    let result = proof_with(token, &signing::keys(keys)).and_then(|verified| {
        let verified = verified.expect("a token");
        Identity::from_sign_in(verified, &transaction(), &config(), at(5))
    });
    result.err().map(|error| if let Error::IdTokenInvalid { reason } = &*error { reason } else { error.code() })
}

fn reason(token: &str) -> Option<&'static str> {
    reason_with(token, &honest_keys())
}

fn by_e1(header: &str) -> String {
    E1.sign(header, &claims(&[]))
}

#[test]
fn idt_10_to_45_claims_of_others_are_refused() {
    let long = format!("\"{}\"", "a".repeat(256));
    let rows: [Row<'_>; 56] = [
        ("the honest token", &[], None),
        ("IDT-10", &[("iss", r#""https://evil.test""#)], Some("iss")),
        ("IDT-11", &[("-iss", "")], Some("iss")),
        ("IDT-12 a slash more", &[("iss", r#""https://as.test/""#)], Some("iss")),
        ("IDT-12 a longer host", &[("iss", r#""https://as.test.evil.test""#)], Some("iss")),
        ("IDT-12 a shorter host", &[("iss", r#""https://as""#)], Some("iss")),
        ("IDT-12 no scheme", &[("iss", r#""as.test""#)], Some("iss")),
        ("IDT-12 a list", &[("iss", r#"["https://as.test"]"#)], Some("iss")),
        ("IDT-13", &[("aud", r#""other""#)], Some("aud")),
        ("IDT-13 nobody", &[("aud", "[]")], Some("aud")),
        ("IDT-15", &[("aud", r#"["spa"]"#)], None),
        ("IDT-16", &[("aud", r#"["spa","other"]"#)], Some("aud")),
        ("IDT-17", &[("aud", r#"["spa","project-1"]"#), ("azp", r#""spa""#)], None),
        ("IDT-18", &[("aud", r#"["spa","other"]"#), ("azp", r#""other""#)], Some("azp")),
        ("IDT-18 a number", &[("aud", r#"["spa",1]"#), ("azp", r#""spa""#)], Some("aud")),
        ("IDT-21", &[("exp", "1799999974")], Some("exp")),
        ("IDT-22", &[("exp", "1799999976")], None),
        ("IDT-24 text", &[("exp", r#""1800003600""#)], Some("exp")),
        ("IDT-24 true", &[("exp", "true")], Some("exp")),
        ("IDT-24 null", &[("exp", "null")], Some("exp")),
        ("IDT-24 a list", &[("exp", "[1800003600]")], Some("exp")),
        ("IDT-24 an object", &[("exp", "{}")], Some("exp")),
        ("IDT-24 absent", &[("-exp", "")], Some("exp")),
        ("IDT-25 zero", &[("exp", "0")], Some("exp")),
        ("IDT-25 negative", &[("exp", "-1")], Some("exp")),
        ("IDT-25 beyond time", &[("exp", "1e308")], Some("exp")),
        ("IDT-26 powers of ten", &[("exp", "1.8000036e9")], None),
        ("IDT-26 a fraction", &[("exp", "1800003600.5")], None),
        ("IDT-27", &[("nbf", "1800000036")], Some("nbf")),
        ("IDT-27 within the leeway", &[("nbf", "1800000034")], None),
        ("IDT-27 text", &[("nbf", r#""x""#)], Some("nbf")),
        ("IDT-28", &[("-iat", "")], Some("iat")),
        ("IDT-28 text", &[("iat", r#""1800000000""#)], Some("iat")),
        ("IDT-29", &[("iat", "1799395200")], Some("iat")),
        ("IDT-30", &[("iat", "1800003600")], Some("iat")),
        ("IDT-32", &[("nonce", r#""x""#)], Some("nonce")),
        ("IDT-33", &[("-nonce", "")], Some("nonce")),
        ("IDT-34 an earlier sign-in", &[("nonce", r#""4EFVcWvKv0aGXBIJgVpHjQ""#)], Some("nonce")),
        ("IDT-36", &[("-sub", "")], Some("sub")),
        ("IDT-36 empty", &[("sub", r#""""#)], Some("sub")),
        ("IDT-36 256 letters", &[("sub", &long)], Some("sub")),
        ("IDT-36 a number", &[("sub", "1")], Some("sub")),
        // SHA-256 of "a", its left half (OpenID Connect Core §3.1.3.6).
        ("IDT-38 right", &[("at_hash", r#""ypeBEsobvcr6wjGzmiPcTQ""#)], None),
        ("IDT-38", &[("at_hash", r#""ypeBEsobvcr6wjGzmiPcTA""#)], Some("at_hash")),
        ("IDT-39", &[("-at_hash", "")], None),
        ("IDT-41 a number", &[("at_hash", "1")], Some("at_hash")),
        ("IDT-41 empty", &[("at_hash", r#""""#)], Some("at_hash")),
        ("IDT-41 padded", &[("at_hash", r#""ypeBEsobvcr6wjGzmiPcTQ==""#)], Some("at_hash")),
        ("IDT-44 text", &[("auth_time", r#""x""#)], Some("auth_time")),
        ("IDT-76", &[("events", "{}"), ("-nonce", "")], Some("events")),
        ("IDT-77", &[("sub", r#""bob""#), ("nonce", r#""of-bob""#)], Some("nonce")),
        ("IDT-78 names", &[("__proto__", r#"{"x":1}"#), ("constructor", "1"), ("toString", "{}")], None),
        ("IDT-78 markup", &[("name", r#""<script>""#)], None),
        ("IDT-49 a claim twice", &[("x", r#"1,"x":2"#)], Some("format")),
        ("IDT-49 a claim twice, escaped", &[("x", r#"1,"\u0078":2"#)], Some("format")),
        ("IDT-49 a subject twice", &[("sub", r#""alice","\u0073ub":"bob""#)], Some("format")),
    ];
    for (label, changes, expected) in rows {
        assert_eq!(reason(&id_token(&claims(changes))), expected, "{label}");
    }
}

#[test]
fn idt_78_ten_thousand_claims_pass_as_they_are() {
    let more: Vec<(String, String)> = (0..10_000).map(|n| (format!("c{n}"), n.to_string())).collect();
    let more: Vec<(&str, &str)> = more.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let honest = claims(&more);
    let verified = proof_with(&id_token(&honest), &signing::keys(&honest_keys())).expect("signed").expect("a token");
    let identity = Identity::from_sign_in(verified, &transaction(), &config(), at(5));
    assert_eq!(identity.expect("honest").claims, honest);
}

#[test]
fn idt_02_a_flipped_bit_is_noticed() {
    let token = by_e1(r#"{"alg":"ES256","kid":"e1"}"#);
    assert_eq!(reason(&token), None);
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    let mut octets = support::signing::octets(&format!(r#"{{"s":"{signature}"}}"#), "s").expect("base64url");
    octets[40] ^= 1;
    assert_eq!(reason(&format!("{signed}.{}", base64url(octets))), Some("signature"));
}

#[test]
fn idt_03_04_05_09_68_algorithms_that_prove_nothing_are_refused() {
    let oct = set(&[r#"{"kty":"oct","kid":"o1","k":"c2VjcmV0"}"#.into(), r1(r#""kid":"r1","#)]);
    let rows = [
        ("IDT-03", r#"{"alg":"HS256"}"#),
        ("IDT-03 with the public key", r#"{"alg":"HS256","kid":"r1"}"#),
        ("IDT-04 none", r#"{"alg":"none"}"#),
        ("IDT-04 None", r#"{"alg":"None"}"#),
        ("IDT-04 NONE", r#"{"alg":"NONE"}"#),
        ("IDT-04 nOnE", r#"{"alg":"nOnE"}"#),
        ("IDT-05 not on the provider's list", r#"{"alg":"ES384","kid":"e1"}"#),
        ("IDT-05 not on the provider's list", r#"{"alg":"PS256","kid":"r1"}"#),
        ("IDT-05 not on the provider's list", r#"{"alg":"EdDSA"}"#),
        ("IDT-09 absent", "{}"),
        ("IDT-09 a number", r#"{"alg":1}"#),
        ("IDT-09 a list", r#"{"alg":["RS256"]}"#),
        ("IDT-09 small letters", r#"{"alg":"rs256"}"#),
        ("IDT-09 two glued together", r#"{"alg":"RS256RS384"}"#),
        ("IDT-09 halves of two", r#"{"alg":"256RS"}"#),
        ("IDT-68", r#"{"alg":"HS256","kid":"o1"}"#),
    ];
    for (label, header) in rows {
        let token = jwt(header, claims(&[]));
        assert_eq!(reason_with(&token, &oct), Some("alg"), "{label} {header}");
        let unsigned = format!("{}.", token.rsplit_once('.').expect("three parts").0);
        assert_eq!(reason_with(&unsigned, &oct), Some("alg"), "{label} {header} without a signature");
    }
}

#[test]
fn every_algorithm_of_a_list_is_accepted_and_no_other() {
    let rsa: [(&str, &'static dyn signature::RsaEncoding); 6] = [
        ("RS256", &signature::RSA_PKCS1_SHA256),
        ("RS384", &signature::RSA_PKCS1_SHA384),
        ("RS512", &signature::RSA_PKCS1_SHA512),
        ("PS256", &signature::RSA_PSS_SHA256),
        ("PS384", &signature::RSA_PSS_SHA384),
        ("PS512", &signature::RSA_PSS_SHA512),
    ];
    let set = set(&[r1("")]);
    for (alg, padding) in rsa {
        let token = signing::sign_rsa(padding, &format!(r#"{{"alg":"{alg}"}}"#), claims(&[]));
        for (listed, expected) in [(alg, None), ("EdDSA", Some("alg"))] {
            let list = format!(r#"["none","{listed}","HS256"]"#);
            let metadata = discover(&METADATA.replace(r#"["RS256", "ES256"]"#, &list)).expect("one of ours");
            let parsed = valet_key::protocol::jwt::Unverified::parse(&token, metadata.algorithms);
            let outcome = parsed.and_then(|token| {
                let signature = signing::check(&signing::keys(&set).select(&token, "a")?);
                token.accept(signature)
            });
            let reason = outcome
                .err()
                .map(|error| if let Error::IdTokenInvalid { reason } = &*error { reason } else { error.code() });
            assert_eq!(reason, expected, "{alg} {listed}");
        }
    }
}

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
        ("IDT-08 an alg that is none", &token, set(&[r1(r#""kid":"r1","alg":"RSA-OAEP","#)]), Some("key")),
        ("IDT-08 an alg of another type", &token, set(&[r1(r#""kid":"r1","alg":1,"#)]), Some("key")),
        ("IDT-08 another type", &token, set(&[other.jwk(r#""kid":"r1","#)]), Some("key")),
        ("IDT-56", &no_kid, set(&[r1("")]), None),
        ("IDT-56 beside another type", &no_kid, honest_keys(), None),
        ("IDT-57", &no_kid, set(&[r1(r#""kid":"a","#), r1(r#""kid":"b","#)]), Some("key ambiguous")),
        ("IDT-64 by type", &token, set(&[other.jwk(r#""kid":"r1","#), r1(r#""kid":"r1","#)]), None),
        ("IDT-64 both fit", &token, set(&[r1(r#""kid":"r1","#), r1(r#""kid":"r1","#)]), Some("key ambiguous")),
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
fn idt_46_47_48_50_51_71_74_75_the_form_is_exact() {
    let honest = claims(&[]);
    let good = jwt(HONEST, &honest);
    let (signed, signature) = good.rsplit_once('.').expect("three parts");
    let (header, payload) = signed.split_once('.').expect("three parts");
    let with = |header: &str| jwt(&format!(r#"{{"alg":"RS256","kid":"r1",{header}}}"#), &honest);
    let rows = [
        ("IDT-46", "a.b.c.d.e".to_owned(), Some("unsupported")),
        ("IDT-47 one part", header.to_owned(), Some("format")),
        ("IDT-47 two parts", signed.to_owned(), Some("format")),
        ("IDT-47 four parts", format!("{good}.x"), Some("format")),
        ("IDT-47 six parts", format!("{good}.x.y.z"), Some("format")),
        ("IDT-47 nothing", String::new(), Some("format")),
        ("IDT-47 only dots", "..".into(), Some("format")),
        ("IDT-47 no header", format!(".{payload}.{signature}"), Some("format")),
        ("IDT-47 no payload", jwt(HONEST, ""), Some("format")),
        ("IDT-47 no signature", format!("{signed}."), Some("format")),
        ("IDT-47 a space in front", format!(" {good}"), Some("format")),
        ("IDT-47 a space behind", format!("{good} "), Some("format")),
        ("IDT-47 a line break", format!("{header}.\n{payload}.{signature}"), Some("format")),
        ("IDT-48 padding", format!("{good}="), Some("format")),
        ("IDT-48 padding in the payload", format!("{header}.{payload}=.{signature}"), Some("format")),
        ("IDT-48 another alphabet", format!("{header}.{payload}.+/+/"), Some("format")),
        ("IDT-48 bits that no encoder sets", format!("{signed}.ab"), Some("format")),
        ("IDT-49 an algorithm twice", jwt(r#"{"alg":"RS256","alg":"RS256"}"#, &honest), Some("format")),
        ("IDT-49 escaped", jwt(r#"{"alg":"RS256","\u0061lg":"RS256"}"#, &honest), Some("format")),
        ("IDT-50 a header that is a list", jwt("[]", &honest), Some("format")),
        ("IDT-50 text", jwt(HONEST, r#""x""#), Some("format")),
        ("IDT-50 null", jwt(HONEST, "null"), Some("format")),
        ("IDT-50 no UTF-8", jwt(HONEST, [0xc3, 0x28]), Some("format")),
        ("IDT-51", with(r#""crit":["exp"]"#), Some("crit")),
        ("IDT-51 b64", with(r#""crit":["b64"],"b64":false"#), Some("crit")),
        ("IDT-51 empty", with(r#""crit":[]"#), Some("crit")),
        ("IDT-51 text", with(r#""crit":"x""#), Some("crit")),
        ("IDT-51 twice", with(r#""crit":["x","x"]"#), Some("crit")),
        ("IDT-71", "a".repeat(1 << 20), Some("too_large")),
        ("IDT-74 an access token", with(r#""typ":"at+jwt""#), Some("typ")),
        ("IDT-74 a logout token", with(r#""typ":"logout+jwt""#), Some("typ")),
        ("IDT-74 a proof", with(r#""typ":"dpop+jwt""#), Some("typ")),
        ("IDT-74 an event", with(r#""typ":"secevent+jwt""#), Some("typ")),
        ("IDT-75 JWT", with(r#""typ":"JWT""#), None),
        ("IDT-75 jwt", with(r#""typ":"jwt""#), None),
    ];
    for (label, token, expected) in rows {
        assert_eq!(reason(&token), expected, "{label}");
    }
}

#[test]
fn idt_52_54_55_keys_that_a_token_brings_along_are_not_used() {
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
    for kid in [r#""../../x""#, r#""' OR 1=1--""#, r#""__proto__""#, r#""constructor""#, r#""""#, "1", "null", &long] {
        assert_eq!(reason(&by_e1(&format!(r#"{{"alg":"ES256","kid":{kid}}}"#))), Some("key"), "IDT-55 {kid:.20}");
    }
}

#[test]
fn idt_72_signatures_have_their_length() {
    let token = by_e1(r#"{"alg":"ES256","kid":"e1"}"#);
    let (signed, _) = token.rsplit_once('.').expect("three parts");
    let order = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad,
        0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let rows: [(&str, Vec<u8>); 8] = [
        ("zeros", vec![0; 64]),
        ("r is 0", [[0; 32], [1; 32]].concat()),
        ("s is 0", [[1; 32], [0; 32]].concat()),
        ("r is n", [order, [1; 32]].concat()),
        ("s is n", [[1; 32], order].concat()),
        ("63 octets", vec![1; 63]),
        ("65 octets", vec![1; 65]),
        ("DER", [&[0x30, 0x44, 2, 32][..], &[1; 32], &[2, 32], &[1; 32]].concat()),
    ];
    for (label, octets) in rows {
        assert_eq!(reason(&format!("{signed}.{}", base64url(octets))), Some("signature"), "IDT-72 {label}");
    }
}

/// What a browser does with a token: at most one further request each. Gives the reason, and how many requests went out.
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

fn reason_of(keys: &Keys, token: &str) -> Option<&'static str> {
    proof_with(token, keys)
        .err()
        .map(|error| if let Error::IdTokenInvalid { reason } = &*error { reason } else { error.code() })
}

#[test]
fn idt_58_59_60_keys_are_asked_for_again_but_not_without_end() {
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

#[test]
fn idt_61_62_bad_answers_are_not_kept() {
    let thousand: Vec<String> = (0..1000).map(|n| format!(r#"{{"kty":"EC","kid":"k{n}"}}"#)).collect();
    let huge = format!(r#"{{"keys":[],"x":"{}"}}"#, "x".repeat(2 << 20));
    let network = || Err(std::sync::Arc::new(Error::Network { url: String::new() }));
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
    keys.receive(network()).expect_err("no answer");
    assert_eq!(reason_of(&keys, &id_token(&claims(&[]))), None, "what was known stays known");
    for set in [r#"{"keys":[]}"#, r#"{"keys":[1,null]}"#] {
        assert_eq!(reason_with(&id_token(&claims(&[])), set), Some("key"), "IDT-62 {set}");
    }
    let as_media_type = support::answer(200, "application/jwk-set+json", &honest_keys());
    assert_eq!(code(&Keys::default().receive(Ok(as_media_type))), None, "RFC 7517 §8.5.2");
}

/// What a token is made of, and what it is not made of.
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n\"";

#[test]
fn idt_79_no_changed_token_is_accepted() {
    let token = by_e1(r#"{"alg":"ES256","kid":"e1"}"#);
    let keys = signing::keys(&honest_keys());
    assert_eq!(reason_of(&keys, &token), None);
    // A generator with a fixed start: the same ten thousand each time.
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut draw = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % below as u64).expect("small")
    };
    for run in 0..10_000 {
        let mut octets = token.clone().into_bytes();
        let (place, letter) = (draw(octets.len()), LETTERS[draw(LETTERS.len())]);
        match draw(3) {
            0 if octets[place] == letter => octets[place] = b'~',
            0 => octets[place] = letter,
            1 => octets.insert(place, letter),
            _ => drop(octets.remove(place)),
        }
        let changed = String::from_utf8(octets).expect("ASCII");
        assert!(reason_of(&keys, &changed).is_some(), "IDT-79 run {run}: {changed}");
    }
}

#[test]
fn what_passes_is_what_was_signed() {
    let (name, now) = (r#""Zoë \"🔑\"""#, T0.to_string());
    let honest = claims(&[("name", name), ("auth_time", &now)]);
    let verified = proof_with(&id_token(&honest), &signing::keys(&honest_keys())).expect("signed").expect("a token");
    let identity = Identity::from_sign_in(verified, &transaction(), &config(), at(5)).expect("honest");
    assert_eq!((identity.sub.as_str(), identity.auth_time), ("alice", Some(T0)));
    let value = Value::parse(&identity.claims).expect("JSON");
    assert_eq!(value.get("name").and_then(Value::as_str), Some("Zoë \"🔑\""));
}

/// The row's number, what is asked for, which claims are changed, and the reason for which the token is refused.
type Asked<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [(&'a str, &'a str)], Option<&'a str>);

/// The reason for which a token is refused after a sign-in with further parameters that took `seconds`.
fn asked(params: &[(&str, &str)], changes: &[(&str, &str)], seconds: i64) -> Option<&'static str> {
    let params: Vec<(String, String)> = params.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
    let sign_in = SignIn { params: &params, ..support::SIGN_IN };
    let request = AuthorizationRequest::new(&config(), &metadata(), sign_in, &support::ENTROPY, at(0)).expect("honest");
    // Over a redirect, as it is kept.
    let transaction = Transaction::from_record(&request.transaction.to_record()).expect("a record");
    let (now, later) = ((T0 + seconds).to_string(), (T0 + seconds + 600).to_string());
    let mut all = vec![("iat", now.as_str()), ("exp", later.as_str())];
    all.extend(changes);
    let verified = proof_with(&id_token(&claims(&all)), &signing::keys(&honest_keys())).expect("signed");
    let result = Identity::from_sign_in(verified.expect("a token"), &transaction, &config(), at(seconds));
    result.err().map(|error| if let Error::IdTokenInvalid { reason } = &*error { reason } else { error.code() })
}

#[test]
fn idt_43_44_45_a_user_is_signed_in_as_asked() {
    let ago = |seconds: i64| (T0 - seconds).to_string();
    let (fresh, old, stale) = (ago(0), ago(300), ago(400));
    let rows: [Asked<'_>; 18] = [
        ("nothing asked", &[], &[], None),
        ("IDT-43", &[("acr_values", "mfa")], &[("acr", r#""pwd""#)], Some("acr")),
        ("IDT-43 none", &[("acr_values", "mfa")], &[], Some("acr")),
        ("IDT-43 a list", &[("acr_values", "mfa")], &[("acr", r#"["mfa"]"#)], Some("acr")),
        ("IDT-43 as asked", &[("acr_values", "mfa")], &[("acr", r#""mfa""#)], None),
        ("IDT-43 the second", &[("acr_values", "phr mfa")], &[("acr", r#""mfa""#)], None),
        ("IDT-43 a part of one", &[("acr_values", "phr mfa")], &[("acr", r#""phr mfa""#)], Some("acr")),
        ("IDT-44 absent", &[("max_age", "300")], &[], Some("auth_time")),
        ("IDT-44 text", &[("max_age", "300")], &[("auth_time", r#""x""#)], Some("auth_time")),
        ("IDT-44 too old", &[("max_age", "300")], &[("auth_time", &stale)], Some("auth_time")),
        ("IDT-44 young enough", &[("max_age", "300")], &[("auth_time", &old)], None),
        ("IDT-44 without end", &[("max_age", "9223372036854775807")], &[("auth_time", "0")], None),
        ("IDT-44 zero, before", &[("max_age", "0")], &[("auth_time", &old)], Some("auth_time")),
        ("IDT-44 zero, since", &[("max_age", "0")], &[("auth_time", &fresh)], None),
        ("IDT-45", &[("prompt", "login")], &[("auth_time", &old)], Some("auth_time")),
        ("IDT-45 absent", &[("prompt", "login consent")], &[], Some("auth_time")),
        (
            "IDT-45 whatever else",
            &[("prompt", "login"), ("max_age", "3000")],
            &[("auth_time", &old)],
            Some("auth_time"),
        ),
        ("IDT-45 since", &[("prompt", "login")], &[("auth_time", &fresh)], None),
    ];
    for (label, params, changes, expected) in rows {
        assert_eq!(asked(params, changes, 5), expected, "{label}");
    }
    let since = [("auth_time", fresh.as_str())];
    assert_eq!(asked(&[("prompt", "login")], &since, 500), None, "who takes long to consent is not asked again");
}

#[test]
fn idt_44_an_age_is_a_number_of_seconds() {
    for bad in ["", "x", "-1", "300s"] {
        let params = [("max_age".to_owned(), bad.to_owned())];
        let result = SignIn { params: &params, ..support::SIGN_IN }.check(&config());
        assert_eq!(code(&result), Some("config_error"), "{bad}");
    }
}

#[test]
fn idt_45_signing_in_anew_makes_auth_time_due() {
    for (params, expected) in [
        (vec![("prompt", "login")], Some("0")),
        (vec![("prompt", "consent")], None),
        (vec![("prompt", "login"), ("max_age", "60")], Some("60")),
    ] {
        let params: Vec<(String, String)> = params.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        let sign_in = SignIn { params: &params, ..support::SIGN_IN };
        let request =
            AuthorizationRequest::new(&config(), &metadata(), sign_in, &support::ENTROPY, at(0)).expect("fine");
        let (_, query) = request.url.split_once('?').expect("a query");
        let sent: Vec<String> = form::parse(query)
            .expect("a form")
            .into_iter()
            .filter(|(name, _)| name == "max_age")
            .map(|(_, value)| value)
            .collect();
        assert_eq!(sent, expected.into_iter().collect::<Vec<_>>(), "{params:?}");
    }
}
