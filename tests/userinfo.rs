//! UserInfo: a valid response with one change, refused by name (OpenID Connect Core §5.3).

mod support;

use support::signing::{self, honest_keys};
use support::{METADATA, T0, answer, config, discover, json, metadata, options};
use valet_key::protocol::config::{Config, Userinfo};
use valet_key::protocol::error::{Kind, Result};
use valet_key::protocol::http::{HttpResponse, Method};
use valet_key::protocol::jwt::{Algorithms, Unverified};
use valet_key::protocol::userinfo;

fn signed() -> Config {
    Config::parse(&options(r#""userinfo":"signed","#)).expect("an option")
}

/// What a browser does with a response.
fn read(response: &HttpResponse, config: &Config, expected: [Option<&str>; 2]) -> Result<String> {
    let mut claims = String::from(userinfo::text(response)?);
    if config.userinfo == Userinfo::Signed {
        let verified = Unverified::parse(&claims, Algorithms::ALL).and_then(|token| {
            let signature = signing::check(&signing::keys(&honest_keys()).select(&token, "a")?);
            token.accept(signature)
        });
        claims = verified.map_err(userinfo::of_userinfo)?.claims;
    }
    userinfo::check(&claims, expected, &metadata(), config)?;
    Ok(claims)
}

fn reason(result: Result<String>) -> Option<String> {
    result.err().map(|error| match error.kind() {
        Kind::UserinfoInvalid { reason } => format!("userinfo_invalid({reason})"),
        _ => error.code().into(),
    })
}

const ALICE: [Option<&str>; 2] = [Some("alice"), None];

#[test]
fn ui_01_the_request_has_no_token_in_its_address() {
    let request = userinfo::request(&metadata()).expect("an endpoint");
    assert_eq!(request.url, "https://as.test/userinfo");
    assert!(matches!(request.method, Method::Get), "the token is attached as to any call");
    let without = METADATA.replace(r#""userinfo_endpoint": "https://as.test/userinfo","#, "");
    let refused = userinfo::request(&discover(&without).expect("fine")).expect_err("no endpoint");
    assert_eq!(refused.code(), "metadata_invalid");
}

#[test]
fn ui_01_to_15_invalid_responses_are_refused() {
    let sub = |sub: &str| json(200, &format!(r#"{{"sub":{sub},"name":"Alice"}}"#));
    let rows = [
        ("UI-01", sub(r#""alice""#), None),
        ("UI-02", sub(r#""bob""#), Some("userinfo_invalid(sub)")),
        ("UI-02 absent", json(200, r#"{"name":"Alice"}"#), Some("userinfo_invalid(sub)")),
        ("UI-02 null", sub("null"), Some("userinfo_invalid(sub)")),
        ("UI-15 null", json(200, r#"{"sub":"alice","name":null,"email_verified":null,"address":null}"#), None),
        ("UI-02 a list", sub(r#"["alice"]"#), Some("userinfo_invalid(sub)")),
        ("UI-04 other letters", sub(r#""Alice""#), Some("userinfo_invalid(sub)")),
        ("UI-04 a space", sub(r#""alice ""#), Some("userinfo_invalid(sub)")),
        (
            "UI-04 twice",
            json(200, r#"{"sub":"alice","\u0073ub":"bob"}"#),
            Some("userinfo_invalid(a member that comes twice)"),
        ),
        ("UI-07 a JWT", answer(200, "application/jwt", &jwt(&[])), Some("userinfo_invalid(format)")),
        ("UI-09", json(401, r#"{"error":"invalid_token"}"#), Some("token_error")),
        ("UI-09 without an error code", answer(401, "", ""), Some("token_error")),
        (
            "UI-10",
            json(200, r#"{"sub":"alice","_claim_sources":{"s":{"endpoint":"https://evil.test","access_token":"x"}}}"#),
            None,
        ),
        (
            "UI-11",
            json(200, r#"{"sub":"alice","__proto__":{"x":1},"then":1,"access_token":"x","id_token":"y","exp":0}"#),
            None,
        ),
        ("UI-15", json(200, r#"{"sub":"alice","email_verified":"true","address":{"locality":7}}"#), None),
        ("403", json(403, r#"{"sub":"alice"}"#), Some("userinfo_invalid(status)")),
        ("500", json(500, "{}"), Some("server_unavailable")),
        ("a page", answer(200, "text/html", "<h1>"), Some("not_json")),
        ("a list", json(200, r#"["alice"]"#), Some("userinfo_invalid(format)")),
    ];
    for (label, response, expected) in rows {
        assert_eq!(reason(read(&response, &config(), ALICE)).as_deref(), expected, "{label}");
    }
    let nfd = json(200, "{\"sub\":\"zoe\u{308}\"}");
    assert_eq!(reason(read(&nfd, &config(), [Some("zoë"), None])).as_deref(), Some("userinfo_invalid(sub)"), "UI-04");
}

#[test]
fn ui_10_11_15_claims_are_passed_on_unchanged() {
    let body = r#"{"sub":"alice", "__proto__":{"x":1},"exp":0,"email_verified":"true"}"#;
    assert_eq!(read(&json(200, body), &config(), ALICE).expect("honest"), body);
}

/// Claims signed by the honest provider, with changes.
fn jwt(changes: &[(&str, &str)]) -> String {
    let honest = [("iss", r#""https://as.test""#), ("aud", r#""spa""#), ("sub", r#""alice""#)];
    let of =
        |name: &str, value| changes.iter().find(|(changed, _)| *changed == name).map_or(value, |(_, value)| *value);
    let members: Vec<String> = honest.iter().map(|(name, value)| format!(r#""{name}":{}"#, of(name, value))).collect();
    signing::jwt(r#"{"alg":"RS256","kid":"r1"}"#, format!("{{{},\"iat\":{T0}}}", members.join(",")))
}

#[test]
fn ui_05_07_a_signed_response_is_by_the_issuer_for_this_client() {
    let good = jwt(&[]);
    let (rest, signature) = good.rsplit_once('.').expect("three parts");
    let rows = [
        ("UI-05", good.clone(), None),
        ("UI-05 for us in a list", jwt(&[("aud", r#"["x","spa"]"#)]), None),
        ("UI-02 of bob", jwt(&[("sub", r#""bob""#)]), Some("userinfo_invalid(sub)")),
        ("another issuer", jwt(&[("iss", r#""https://evil.test""#)]), Some("userinfo_invalid(aud)")),
        ("another audience", jwt(&[("aud", r#""other""#)]), Some("userinfo_invalid(aud)")),
        ("a signature cut", format!("{rest}.{}", &signature[4..]), Some("userinfo_invalid(signature)")),
        ("unsigned", signing::jwt(r#"{"alg":"none"}"#, "{}"), Some("userinfo_invalid(alg)")),
        ("J-4 another type", signing::jwt(r#"{"alg":"RS256","typ":"at+jwt"}"#, "{}"), Some("userinfo_invalid(typ)")),
        ("UI-07 plain", r#"{"sub":"alice"}"#.into(), Some("userinfo_invalid(format)")),
    ];
    for (label, body, expected) in rows {
        let response = answer(200, "application/jwt", &body);
        assert_eq!(reason(read(&response, &signed(), ALICE)).as_deref(), expected, "{label}");
    }
    let plain = json(200, r#"{"sub":"alice","iss":"https://as.test","aud":"spa"}"#);
    assert_eq!(reason(read(&plain, &signed(), ALICE)).as_deref(), Some("userinfo_invalid(format)"), "UI-07");
    assert_eq!(support::code(&Config::parse(&options(r#""userinfo":"jwt","#))), Some("config_error"));
}

#[test]
fn ui_14_the_app_may_name_the_expected_user() {
    let response = json(200, r#"{"sub":"alice"}"#);
    for (expected, reason_for) in [
        ([None, Some("alice")], None),
        ([None, Some("bob")], Some("userinfo_invalid(sub)")),
        ([Some("alice"), Some("alice")], None),
        ([Some("alice"), Some("bob")], Some("userinfo_invalid(sub)")),
        ([Some("bob"), Some("alice")], Some("userinfo_invalid(sub)")),
    ] {
        assert_eq!(reason(read(&response, &config(), expected)).as_deref(), reason_for, "{expected:?}");
    }
}
