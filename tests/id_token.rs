//! The ID Token: an honest one with one change, refused by name (OpenID Connect Core §3.1.3.7).

mod support;

use support::{at, claims, code, config, id_token, transaction};
use valet_key::protocol::error::Error;
use valet_key::protocol::id_token::Identity;
use valet_key::protocol::secret::Secret;

/// What is said of it, which claims are changed, and the reason for which it is refused.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], Option<&'a str>);

#[test]
fn id_tokens_of_others_are_refused() {
    let long = format!("\"{}\"", "a".repeat(256));
    let rows: [Row<'_>; 31] = [
        ("the honest token", &[], None),
        ("another issuer", &[("iss", r#""https://evil.test""#)], Some("iss")),
        ("a slash more", &[("iss", r#""https://as.test/""#)], Some("iss")),
        ("a list of issuers", &[("iss", r#"["https://as.test"]"#)], Some("iss")),
        ("no issuer", &[("-iss", "")], Some("iss")),
        ("for somebody else", &[("aud", r#""other""#)], Some("aud")),
        ("for us, in a list", &[("aud", r#"["spa"]"#)], None),
        ("for us and others", &[("aud", r#"["spa","other"]"#)], Some("aud")),
        ("for us and others, asked for by us", &[("aud", r#"["spa","other"]"#), ("azp", r#""spa""#)], None),
        ("for us and others, asked for by them", &[("aud", r#"["spa","other"]"#), ("azp", r#""other""#)], Some("azp")),
        ("for us and a number", &[("aud", r#"["spa",1]"#), ("azp", r#""spa""#)], Some("aud")),
        ("for nobody", &[("aud", "[]")], Some("aud")),
        ("expired", &[("exp", "1799999970")], Some("exp")),
        ("expired within the leeway", &[("exp", "1799999981")], None),
        ("no expiry", &[("-exp", "")], Some("exp")),
        ("an expiry in a string", &[("exp", r#""1800000600""#)], Some("exp")),
        ("an expiry that is null", &[("exp", "null")], Some("exp")),
        ("an expiry beyond time", &[("exp", "1e308")], Some("exp")),
        ("an expiry with a fraction", &[("exp", "1800003600.5")], None),
        ("an expiry in powers of ten", &[("exp", "1.8000036e9")], None),
        ("not yet", &[("nbf", "1800000060")], Some("nbf")),
        ("no time of issue", &[("-iat", "")], Some("iat")),
        ("from the future", &[("iat", "1800003600")], Some("iat")),
        ("a week old", &[("iat", "1799395200")], Some("iat")),
        ("another nonce", &[("nonce", r#""x""#)], Some("nonce")),
        ("no nonce", &[("-nonce", "")], Some("nonce")),
        ("nobody", &[("-sub", "")], Some("sub")),
        ("an empty name", &[("sub", r#""""#)], Some("sub")),
        ("a name of 256 letters", &[("sub", &long)], Some("sub")),
        ("a logout token", &[("events", "{}")], Some("events")),
        ("a sign-in at no time", &[("auth_time", r#""x""#)], Some("auth_time")),
    ];
    for (label, changes, expected) in rows {
        let result =
            Identity::from_sign_in(&id_token(&claims(changes)), &Secret::new("a"), &transaction(), &config(), at(5));
        let reason = result.as_ref().err().map(|error| match &**error {
            Error::IdTokenInvalid { reason } => *reason,
            other => other.code(),
        });
        assert_eq!(reason, expected, "{label}");
    }
}

#[test]
fn id_tokens_in_the_wrong_form_are_refused() {
    let honest = claims(&[]);
    let good = id_token(&honest);
    let (_, payload_and_signature) = good.split_once('.').expect("three parts");
    let rows = [
        ("none", support::jwt(r#"{"alg":"none"}"#, &honest), "alg"),
        ("None", support::jwt(r#"{"alg":"None"}"#, &honest), "alg"),
        ("HMAC", support::jwt(r#"{"alg":"HS256"}"#, &honest), "alg"),
        ("no algorithm", support::jwt("{}", &honest), "alg"),
        ("a list of algorithms", support::jwt(r#"{"alg":["RS256"]}"#, &honest), "alg"),
        ("RFC 7515 §4.1.11", support::jwt(r#"{"alg":"RS256","crit":["exp"]}"#, &honest), "crit"),
        ("RFC 8725 §3.11", support::jwt(r#"{"alg":"RS256","typ":"at+jwt"}"#, &honest), "typ"),
        ("two algorithms", support::jwt(r#"{"alg":"RS256","alg":"RS256"}"#, &honest), "format"),
        ("a subject twice", id_token(&honest.replace('{', r#"{"sub":"bob","#)), "format"),
        ("two parts", good.rsplit_once('.').expect("three").0.to_owned(), "format"),
        ("four parts", format!("{good}.x"), "format"),
        ("no signature", format!("{}.", good.rsplit_once('.').expect("three").0), "format"),
        ("a line break", format!("{good}\n"), "format"),
        ("padding", format!("{good}="), "format"),
        ("a header that is no object", format!("W10.{payload_and_signature}"), "format"),
        ("five parts", "a.b.c.d.e".to_owned(), "unsupported"),
        ("a megabyte", "a".repeat(1 << 20), "too_large"),
        ("RFC 7515 §2: bits that no encoder sets", good.replacen("fQ.", "fR.", 1), "format"),
    ];
    for (label, token, expected) in rows {
        let error =
            Identity::from_sign_in(&token, &Secret::new("a"), &transaction(), &config(), at(5)).expect_err(label);
        let reason = if let Error::IdTokenInvalid { reason } = &*error { reason } else { error.code() };
        assert_eq!(reason, expected, "{label}");
    }
}

#[test]
fn at_hash_binds_the_access_token() {
    // SHA-256 of "a", its left half (OpenID Connect Core §3.1.3.6).
    for (hash, expected) in [
        (r#""ypeBEsobvcr6wjGzmiPcTQ""#, None),
        (r#""ypeBEsobvcr6wjGzmiPcTA""#, Some("id_token_invalid")),
        ("1", Some("id_token_invalid")),
        (r#""""#, Some("id_token_invalid")),
    ] {
        let token = id_token(&claims(&[("at_hash", hash)]));
        let result = Identity::from_sign_in(&token, &Secret::new("a"), &transaction(), &config(), at(5));
        assert_eq!(code(&result), expected, "{hash}");
    }
}
