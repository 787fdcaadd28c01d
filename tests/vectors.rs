//! Known answers: what the specifications print, and what others collected.

mod support;

use std::path::Path;

use valet_key::protocol::json::Value;
use valet_key::protocol::metadata::Discovery;
use valet_key::protocol::pkce::CodeVerifier;
use valet_key::protocol::token::TokenResponse;

/// Data of others, beside the project where there is any.
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
        Discovery::new(&config).requests().into_iter().map(|request| request.url).collect()
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
        // Octets that are no UTF-8 never reach the reader: `HttpResponse::text` refuses them.
        let read = std::str::from_utf8(&octets).ok().is_some_and(|text| Value::parse(text).is_ok());
        match name.get(..2) {
            // Two members of one name are JSON, and hostile.
            Some("y_") if name.contains("duplicated_key") => assert!(!read, "{name}"),
            Some("y_") => assert!(read, "{name}"),
            Some("n_") => assert!(!read, "{name}"),
            _ => {}
        }
        count += 1;
    }
    assert!(count > 300, "only {count} files");
}
