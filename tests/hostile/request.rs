//! REQ: the authorization request.

use valet_key::protocol::authorization_request::{Entropy, SignIn};
use valet_key::protocol::form;

use crate::hostile::app::{App, Completion};
use crate::hostile::case::Case;
use crate::hostile::provider::{Place, Provider};
use crate::support::{SIGN_IN, honest_query, options};

fn parameters(url: &str) -> Vec<(String, String)> {
    form::parse(url.split_once('?').expect("a query").1).expect("a form")
}

fn get(url: &str, name: &str) -> Option<String> {
    parameters(url).into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

fn stage() -> (App, Provider) {
    (App::new(&options("")).expect("honest options"), Provider::perfect("https://as.test"))
}

#[test]
fn req_01_each_parameter_occurs_once() {
    let played = Case::new("REQ-01").play();
    let url = played.visited.expect("a visit");
    let names: Vec<String> = parameters(&url).into_iter().map(|(name, _)| name).collect();
    let expected = [
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
    ];
    assert_eq!(names, expected);
    assert_eq!(get(&url, "response_type").as_deref(), Some("code"));
    assert_eq!(get(&url, "code_challenge_method").as_deref(), Some("S256"));
    assert_eq!(get(&url, "code_challenge").map(|challenge| challenge.len()), Some(43));
}

#[test]
fn req_03_the_challenge_is_that_of_rfc_7636_appendix_b() {
    let octets = [
        116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212, 37, 77, 105, 214, 191,
        240, 91, 88, 5, 88, 83, 132, 141, 121,
    ];
    let (mut app, mut provider) = stage();
    let entropy = Entropy { state: [1; 32], nonce: [2; 32], code_verifier: octets };
    let url = app.begin_with(&mut provider, SIGN_IN, &entropy).expect("an address");
    assert_eq!(get(&url, "code_challenge").as_deref(), Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"));
    let query = provider.authorize(&url);
    assert_eq!(app.complete(&mut provider, &query).ok(), Some(Completion::SignedIn));
    let form = provider.last_form(Place::Token);
    assert!(form.contains(&("code_verifier".into(), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into())));
}

#[test]
fn return_targets_are_paths_of_this_origin() {
    let elsewhere = [
        "https://evil.test",
        "//evil.test",
        "/\\evil.test",
        "\\\\evil.test",
        "/%09/evil.test",
        "/\t/evil.test",
        "https:evil.test",
        "https://app.test@evil.test",
        "https://app.test.evil.test",
        "javascript:alert(1)",
        "/%5cevil.test",
        "///evil.test",
        // Similar values that are accepted.
        "/%5Cevil.test",
        "/%2f/evil.test",
        "/%0d/evil.test",
        "\n//evil.test",
        "/a\\b",
        "/\u{0}",
        "data:text/html,x",
        "?x",
        "",
    ];
    for return_to in elsewhere {
        Case::new("REQ-07").sign_in(SignIn { return_to, ..SIGN_IN }).play();
        // A script may write it into storage; it makes the whole record invalid.
        let (mut app, mut provider) = stage();
        let url = app.begin(&mut provider, SIGN_IN).expect("an address");
        let query = provider.authorize(&url);
        let planted = valet_key::protocol::json::to_string(&return_to);
        for record in app.pending.values_mut() {
            *record = record.replace("\"/here?x=1#y\"", &planted);
        }
        assert_eq!(app.complete(&mut provider, &query).ok(), Some(Completion::Ignored), "{return_to}");
        assert_eq!(provider.count(Place::Token), 0, "{return_to}");
    }
    let return_to = "/a/b?x=1&y=%26#/route?z";
    let played = Case::new("REQ-08").sign_in(SignIn { return_to, ..SIGN_IN }).play();
    assert!(!played.visited.expect("a visit").contains("route"), "not in the request");
    let (mut app, mut provider) = stage();
    app.begin(&mut provider, SignIn { return_to, ..SIGN_IN }).expect("an address");
    assert!(app.pending.values().all(|record| record.contains(return_to)), "kept byte for byte");
}

#[test]
fn req_10_simultaneous_sign_ins_are_separate() {
    let (mut app, mut provider) = stage();
    let urls = [(); 2].map(|()| app.begin(&mut provider, SIGN_IN).expect("an address"));
    for name in ["state", "nonce", "code_challenge"] {
        assert_ne!(get(&urls[0], name), get(&urls[1], name), "{name}");
    }
    assert_eq!(app.pending.len(), 2);
    for url in urls {
        let query = provider.authorize(&url);
        assert_eq!(app.complete(&mut provider, &query).ok(), Some(Completion::SignedIn));
        let again = app.complete(&mut provider, &query);
        assert!(!matches!(again, Ok(Completion::SignedIn)), "each works once: {again:?}");
    }
    assert_eq!(provider.count(Place::Token), 2);
}

#[test]
fn req_11_each_attempt_has_its_own_transaction() {
    let (mut app, mut provider) = stage();
    let first = app.begin(&mut provider, SIGN_IN).expect("an address");
    let refused = provider.authorize(&first).replace("code=", "error=server_error&was=");
    assert!(app.complete(&mut provider, &refused).is_err_and(|error| error.is_retryable()));
    let second = app.begin(&mut provider, SIGN_IN).expect("an address");
    for name in ["state", "nonce", "code_challenge"] {
        assert_ne!(get(&first, name), get(&second, name), "{name}");
    }
    let query = provider.authorize(&second);
    assert_eq!(app.complete(&mut provider, &query).ok(), Some(Completion::SignedIn));
}

/// REQ-13 is checked in the sources; each run of a case checks what was sent.
#[test]
fn req_13_no_other_flow_is_in_the_sources() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("src"), root.join("pkg"), root.join("www")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            files += 1;
            // That file refuses them by name.
            if path.ends_with("src/protocol/replaced.rs") {
                continue;
            }
            for forbidden in
                ["grant_type=password", "\"password\"", "response_type=token", "access_token=", "\"token id_token\""]
            {
                assert!(!text.contains(forbidden), "{}: {forbidden}", path.display());
            }
        }
    }
    assert!(files > 30, "{files}");
}

#[test]
fn scopes_are_the_requested_ones() {
    let openid = options("");
    let plain = options(r#""openid":false,"#);
    let rows = [
        ("REQ-14", &openid, "read", Some("openid read")),
        ("REQ-14", &openid, "openid read openid", Some("openid read")),
        ("REQ-14", &openid, "openid2 xopenid", Some("openid openid2 xopenid")),
        ("REQ-15", &openid, "", Some("openid")),
        ("REQ-15", &plain, "", None),
        ("REQ-15", &plain, "read", Some("read")),
    ];
    for (id, options, scope, expected) in rows {
        let played = Case::new(id).options(options).sign_in(SignIn { scope, ..SIGN_IN }).play();
        assert_eq!(get(&played.visited.expect("a visit"), "scope").as_deref(), expected, "{id} {scope}");
    }
}

#[test]
fn req_16_a_request_that_is_too_long_for_a_url_is_named() {
    let long: &'static [(String, String)] = vec![("login_hint".to_owned(), "x".repeat(8200))].leak();
    let played = Case::new("REQ-16").sign_in(SignIn { params: long, ..SIGN_IN });
    // Metadata were fetched, and nothing else was sent.
    let error = played.play().error.expect("an error");
    assert!(error.hint().contains("`loginHint`"), "{error}: {}", error.hint());
}

#[test]
fn req_17_parameters_of_the_page_are_not_used() {
    let (mut app, mut provider) = stage();
    let planted = "state=A&code_verifier=B&nonce=C&session=D";
    for query in [
        planted.to_owned(),
        format!("code=x&{planted}"),
        format!("{planted}&{}", honest_query().replace("state=", "x=")),
    ] {
        assert_eq!(app.complete(&mut provider, &query).ok(), Some(Completion::Ignored), "{query}");
    }
    assert_eq!((app.view(), app.pending.len(), provider.requests.len()), (None, 0, 0));
    let url = app.begin(&mut provider, SIGN_IN).expect("an address");
    for name in ["state", "nonce", "code_verifier", "session"] {
        let prefix = if name == "state" { "vk." } else { "" };
        let drawn = |value: &String| value.strip_prefix(prefix).is_some_and(|random| random.len() == 43);
        assert!(get(&url, name).as_ref().is_none_or(drawn), "{name}");
    }
    assert_eq!(get(&url, "code_verifier"), None);
}
