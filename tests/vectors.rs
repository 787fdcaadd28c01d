//! Test vectors: examples in the specifications, and public collections.

mod support;

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use support::known::SIGNED;
use support::signing::check;
use valet_key::protocol::discovery::Discovery;
use valet_key::protocol::error::{Error, Kind, Result};
use valet_key::protocol::http::Cache;
use valet_key::protocol::json::{Value, to_string};
use valet_key::protocol::jwks::Keys;
use valet_key::protocol::jwt::{Algorithms, Unverified};
use valet_key::protocol::pkce::CodeVerifier;
use valet_key::protocol::token::TokenResponse;

/// Files of public collections, beside the project if they are present.
fn data(name: &str) -> Option<std::path::PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    if !path.exists() {
        eprintln!("left out: {name} is not here");
    }
    path.exists().then_some(path)
}

#[test]
fn rfc_7636_appendix_b() {
    let octets = [
        116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212, 37, 77, 105, 214, 191,
        240, 91, 88, 5, 88, 83, 132, 141, 121,
    ];
    let verifier = CodeVerifier::from_entropy(octets);
    assert_eq!(verifier.expose(), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    assert_eq!(verifier.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

#[test]
fn rfc_6749_section_5_1() {
    let body = r#"{
       "access_token":"2YotnFZFEjr1zCsicMWpAA",
       "token_type":"Bearer",
       "expires_in":3600,
       "refresh_token":"tGzv3JOkF0XG5Qx2TlKWIA",
       "example_parameter":"example_value"
     }"#;
    let tokens = TokenResponse::from_response(&support::json(200, body)).expect("the example of the RFC");
    assert_eq!(tokens.access_token.expose(), "2YotnFZFEjr1zCsicMWpAA");
    assert_eq!(tokens.refresh_token.expect("one").expose(), "tGzv3JOkF0XG5Qx2TlKWIA");
    assert_eq!((tokens.expires_in, tokens.scope), (Some(3600), None));
}

#[test]
fn rfc_8414_section_3_1_and_openid_connect_discovery_section_4() {
    let requested = |issuer: &str, openid: bool| -> Vec<String> {
        let options = format!(r#"{{"issuer":"{issuer}","openid":{openid},"clientId":"spa"}}"#);
        let config = valet_key::protocol::config::Config::parse(&options).expect("well formed");
        Discovery::new(config.expected()).requests(Cache::NoStore).into_iter().map(|request| request.url).collect()
    };
    let oauth = "https://example.com/.well-known/oauth-authorization-server";
    let openid = "https://example.com/.well-known/openid-configuration";
    assert_eq!(requested("https://example.com", true), [openid, oauth]);
    assert_eq!(requested("https://example.com/", false), [oauth, openid]);
    let with_path = [
        format!("{oauth}/issuer1"),
        format!("{openid}/issuer1"),
        "https://example.com/issuer1/.well-known/openid-configuration".into(),
    ];
    assert_eq!(requested("https://example.com/issuer1", false), with_path);
    let [inserted_oauth, inserted_openid, appended] = with_path;
    assert_eq!(requested("https://example.com/issuer1", true), [appended.clone(), inserted_oauth, inserted_openid]);
    assert_eq!(requested("https://example.com/issuer1/", true).first(), Some(&appended));
}

/// <https://github.com/nst/JSONTestSuite>: `y_` must be read, `n_` must be refused, `i_` may be either.
#[test]
fn the_json_test_suite() {
    let Some(folder) = data("json") else { return };
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let octets = std::fs::read(entry.path()).expect("a file");
        // Bytes that are not UTF-8 never reach the reader: `HttpResponse::text` refuses them.
        let text = std::str::from_utf8(&octets).unwrap_or_default();
        let read = Value::parse(text).map(|value| to_string(&value));
        // Another parser reads the written text as the original; it cannot represent some of the large numbers.
        let theirs = serde_json::from_str::<serde_json::Value>(text.trim_start_matches('\u{feff}'));
        if let (Ok(written), Ok(theirs)) = (&read, theirs) {
            assert_eq!(serde_json::from_str::<serde_json::Value>(written).ok(), Some(theirs), "{name}");
        }
        let read = read.is_ok();
        match name.get(..2) {
            // JSON allows two members with one name, but the client refuses them.
            Some("y_") if name.contains("duplicated_key") => assert!(!read, "{name}"),
            Some("y_") => assert!(read, "{name}"),
            Some("n_") => assert!(!read, "{name}"),
            _ => {}
        }
        count += 1;
    }
    assert!(count > 300, "only {count} files");
}

/// Whether the client and the tests' signature check accept a token with a key set; `Err` with the reason.
fn accepted(token: &str, set: &str) -> Result<(), String> {
    let reason = |error: Error| match error.kind() {
        Kind::IdTokenInvalid { reason } => (*reason).to_owned(),
        _ => error.code().to_owned(),
    };
    let mut keys = Keys::default();
    keys.receive(Ok(support::json(200, set))).map_err(reason)?;
    let token = Unverified::parse(token, Algorithms::ALL).map_err(reason)?;
    let signature = check(&keys.select(&token, "a").map_err(reason)?);
    token.accept(signature).map(drop).map_err(reason)
}

#[test]
fn signatures_of_the_rfcs_are_accepted_and_altered_ones_refused() {
    for (label, key, token) in SIGNED {
        if key.contains("P-521") {
            continue; // the tests' signature check does not support P-521; browsers do, see tests/browser/host.rs
        }
        let set = format!(r#"{{"keys":[{key}]}}"#);
        assert_eq!(accepted(token, &set), Ok(()), "{label}");
        let (signed, _) = token.rsplit_once('.').expect("three parts");
        let altered = token.replacen(signed, &format!("{signed}AAAA"), 1);
        assert_eq!(accepted(&altered, &set), Err("signature".into()), "{label}");
    }
}

/// Whether the signed content is text.
fn is_text(token: &str) -> bool {
    let payload = token.split('.').nth(1).unwrap_or_default();
    URL_SAFE_NO_PAD.decode(payload).is_ok_and(|octets| String::from_utf8(octets).is_ok())
}

/// <https://github.com/C2SP/wycheproof>: signatures and key sets, valid ones and attacks.
#[test]
fn wycheproof() {
    let (mut right, mut refused, mut left_out) = (0, 0, 0);
    for name in ["wycheproof_json_web_signature.json", "wycheproof_json_web_key.json"] {
        let Some(file) = data(name) else { return };
        let text = std::fs::read_to_string(file).expect("a file");
        let all = Value::parse(&text).expect("JSON");
        for group in all.get("testGroups").and_then(Value::as_array).expect("groups") {
            // A group without public keys is about HMAC, which is refused with any key.
            let mut set = to_string(group.get("public").or(group.get("private")).expect("a key"));
            if group.get("public").and_then(|key| key.get("keys")).is_none() {
                set = format!(r#"{{"keys":[{set}]}}"#);
            }
            let symmetric = group.get("public").is_none();
            for test in group.get("tests").and_then(Value::as_array).expect("tests") {
                let says = |name| test.get(name).and_then(Value::as_str).unwrap_or_default();
                // Detecting badly generated primes takes more than a check of their form.
                if says("comment") == "rejectsKeyWithRocaVulnerability" {
                    continue;
                }
                let label = format!("{name} {:?} {}", test.get("tcId"), says("comment"));
                let outcome = accepted(says("jws"), &set);
                // Keys of the set whose `alg` differs from the token's: `PS256` for a PS384, and `ES521`, which does
                // not exist.
                let misnamed = matches!(says("comment"), "Figure20" | "Figure27");
                if says("result") == "valid" && !symmetric && !misnamed {
                    if set.contains("P-521") {
                        left_out += 1;
                        continue;
                    }
                    // Claims are text; a signature can be valid for any bytes.
                    let expected = if is_text(says("jws")) { Ok(()) } else { Err("format".into()) };
                    assert_eq!(outcome, expected, "{label}");
                    right += 1;
                } else {
                    assert!(outcome.is_err(), "{label}");
                    refused += 1;
                }
            }
        }
    }
    assert!(right > 30 && refused > 200, "{right} right, {refused} refused, {left_out} left out");
}
