//! The claims of a token: user, audience, times and nonce (OpenID Connect Core §3.1.3.7).

use valet_key::protocol::json::Value;

use crate::reason;
use crate::support::signing::{self, honest_keys, identify, proof_with};
use crate::support::{T0, claims, id_token, transaction};

/// The row's number, the changed claims, and the reason for which the token is refused.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], Option<&'a str>);

#[test]
fn idt_10_to_45_wrong_claims_are_refused() {
    let long = format!("\"{}\"", "a".repeat(256));
    let rows: [Row<'_>; 70] = [
        ("the honest token", &[], None),
        ("IDT-10", &[("iss", r#""https://evil.test""#)], Some("iss")),
        ("IDT-11", &[("-iss", "")], Some("iss")),
        ("IDT-12 a slash more", &[("iss", r#""https://as.test/""#)], Some("iss")),
        ("IDT-12 a longer host", &[("iss", r#""https://as.test.evil.test""#)], Some("iss")),
        ("IDT-12 a shorter host", &[("iss", r#""https://as""#)], Some("iss")),
        ("IDT-12 no scheme", &[("iss", r#""as.test""#)], Some("iss")),
        ("IDT-12 a list", &[("iss", r#"["https://as.test"]"#)], Some("iss")),
        ("IDT-13", &[("aud", r#""other""#)], Some("aud")),
        ("IDT-13 an empty list", &[("aud", "[]")], Some("aud")),
        ("IDT-15", &[("aud", r#"["spa"]"#)], None),
        ("IDT-16", &[("aud", r#"["spa","other"]"#)], Some("aud")),
        ("IDT-17", &[("aud", r#"["spa","project-1"]"#), ("azp", r#""spa""#)], None),
        ("IDT-18", &[("aud", r#"["spa","other"]"#), ("azp", r#""other""#)], Some("azp")),
        ("IDT-18 a number", &[("aud", r#"["spa",1]"#), ("azp", r#""spa""#)], Some("aud")),
        ("IDT-21", &[("exp", "1799999704")], Some("exp")),
        ("IDT-22", &[("exp", "1799999706")], None),
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
        ("IDT-27", &[("nbf", "1800000306")], Some("nbf")),
        ("IDT-27 within the leeway", &[("nbf", "1800000304")], None),
        ("IDT-27 null", &[("nbf", "null")], None),
        ("IDT-27 text", &[("nbf", r#""x""#)], Some("nbf")),
        ("IDT-28", &[("-iat", "")], Some("iat")),
        ("IDT-28 text", &[("iat", r#""1800000000""#)], Some("iat")),
        ("IDT-28 null", &[("iat", "null")], Some("iat")),
        ("IDT-29", &[("iat", "1799395200")], Some("iat")),
        ("IDT-29 sixteen minutes", &[("iat", "1799999045")], Some("iat")),
        ("IDT-80 fifteen minutes", &[("iat", "1799999105")], None),
        ("IDT-80 five minutes, nbf with it", &[("iat", "1799999705"), ("nbf", "1799999705")], None),
        ("IDT-80 thirty-one seconds", &[("iat", "1799999969")], None),
        ("IDT-30", &[("iat", "1800003605")], Some("iat")),
        ("IDT-30 eleven minutes", &[("iat", "1800000665")], Some("iat")),
        ("IDT-80 ten minutes ahead", &[("iat", "1800000605")], None),
        ("IDT-32", &[("nonce", r#""x""#)], Some("nonce")),
        ("IDT-33", &[("-nonce", "")], Some("nonce")),
        ("IDT-33 null", &[("nonce", "null")], Some("nonce")),
        ("IDT-34 an earlier sign-in", &[("nonce", r#""4EFVcWvKv0aGXBIJgVpHjQ""#)], Some("nonce")),
        ("IDT-36", &[("-sub", "")], Some("sub")),
        ("IDT-36 null", &[("sub", "null")], Some("sub")),
        ("IDT-36 empty", &[("sub", r#""""#)], Some("sub")),
        ("IDT-36 256 letters", &[("sub", &long)], Some("sub")),
        ("IDT-36 a number", &[("sub", "1")], Some("sub")),
        // SHA-256 of "a", its left half (OpenID Connect Core §3.1.3.6).
        ("IDT-38 right", &[("at_hash", r#""ypeBEsobvcr6wjGzmiPcTQ""#)], None),
        ("IDT-38", &[("at_hash", r#""ypeBEsobvcr6wjGzmiPcTA""#)], Some("at_hash")),
        ("IDT-39", &[("-at_hash", "")], None),
        ("IDT-39 null", &[("at_hash", "null")], None),
        ("IDT-41 a number", &[("at_hash", "1")], Some("at_hash")),
        ("IDT-41 empty", &[("at_hash", r#""""#)], Some("at_hash")),
        ("IDT-41 padded", &[("at_hash", r#""ypeBEsobvcr6wjGzmiPcTQ==""#)], Some("at_hash")),
        ("IDT-44 text", &[("auth_time", r#""x""#)], Some("auth_time")),
        ("IDT-84 azp", &[("azp", "null")], None),
        ("IDT-84 several audiences", &[("aud", r#"["spa","other"]"#), ("azp", "null")], Some("aud")),
        ("IDT-84 the rest", &[("auth_time", "null"), ("acr", "null"), ("events", "null"), ("name", "null")], None),
        ("IDT-76", &[("events", "{}"), ("-nonce", "")], Some("events")),
        ("IDT-77", &[("sub", r#""bob""#), ("nonce", r#""of-bob""#)], Some("nonce")),
        ("IDT-78 names", &[("__proto__", r#"{"x":1}"#), ("constructor", "1"), ("toString", "{}")], None),
        ("IDT-78 markup", &[("name", r#""<script>""#)], None),
        ("IDT-49 a claim twice", &[("x", r#"1,"x":2"#)], Some("a member that comes twice")),
        ("IDT-49 a claim twice, escaped", &[("x", r#"1,"\u0078":2"#)], Some("a member that comes twice")),
        ("IDT-49 a subject twice", &[("sub", r#""alice","\u0073ub":"bob""#)], Some("a member that comes twice")),
    ];
    for (label, changes, expected) in rows {
        assert_eq!(reason(&id_token(&claims(changes))), expected, "{label}");
    }
}

#[test]
fn idt_78_ten_thousand_claims_are_passed_on_unchanged() {
    let more: Vec<(String, String)> = (0..10_000).map(|n| (format!("c{n}"), n.to_string())).collect();
    let more: Vec<(&str, &str)> = more.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let honest = claims(&more);
    let proof = proof_with(&id_token(&honest), &signing::keys(&honest_keys()));
    assert_eq!(identify(proof, &transaction(), 5).expect("honest").claims, honest);
}

#[test]
fn accepted_claims_are_the_signed_ones() {
    let (name, now) = (r#""Zoë \"🔑\"""#, T0.to_string());
    let honest = claims(&[("name", name), ("auth_time", &now)]);
    let proof = proof_with(&id_token(&honest), &signing::keys(&honest_keys()));
    let identity = identify(proof, &transaction(), 5).expect("honest");
    assert_eq!((identity.sub.as_str(), identity.auth_time), ("alice", Some(T0)));
    let value = Value::parse(&identity.claims).expect("JSON");
    assert_eq!(value.get("name").and_then(Value::as_str), Some("Zoë \"🔑\""));
}
