//! The options of a sign-in, as pages write them.

use valet_key::protocol::form;

use crate::hostile::text::member;
use crate::hostile::worker::Mode;
use crate::{app, named, worker};

/// The parameters of the authorization request that only some requests have.
fn asked(options: &str) -> Vec<(String, String)> {
    let worker = worker();
    let begun = worker.page(1, &app()).begin_with(Mode::Redirect, options).expect("a request");
    let url = member(&begun, "url").expect("an address");
    let parameters = form::parse(url.split_once('?').expect("a query").1).expect("a form");
    let usual = [
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
    ];
    parameters.into_iter().filter(|(name, _)| !usual.contains(&name.as_str())).collect()
}

#[test]
fn options_are_sent_under_their_registered_names() {
    let rows = [
        ("{}", vec![]),
        (r#"{"loginHint":"alice"}"#, vec![("login_hint", "alice")]),
        (r#"{"acrValues":["a","b"]}"#, vec![("acr_values", "a b")]),
        (
            r#"{"uiLocales":["de-CH","de"],"claimsLocales":"fr"}"#,
            vec![("ui_locales", "de-CH de"), ("claims_locales", "fr")],
        ),
        (r#"{"maxAge":300}"#, vec![("max_age", "300")]),
        (r#"{"maxAge":"300"}"#, vec![("max_age", "300")]),
        (r#"{"prompt":"login"}"#, vec![("prompt", "login")]),
        (r#"{"prompt":"login","maxAge":0}"#, vec![("prompt", "login"), ("max_age", "0")]),
        (r#"{"display":"touch"}"#, vec![("display", "touch")]),
        (r#"{"claims":{"id_token":{"email":null}}}"#, vec![("claims", r#"{"id_token":{"email":null}}"#)]),
        (r#"{"params":{"audience":"https://api.test"}}"#, vec![("audience", "https://api.test")]),
        (r#"{"params":{"login_hint":"alice"}}"#, vec![("login_hint", "alice")]),
        (r#"{"loginHint":null,"acrValues":null,"claims":null,"maxAge":null}"#, vec![]),
        (r#"{"loginHint":null,"params":{"login_hint":"alice"}}"#, vec![("login_hint", "alice")]),
        (r#"{"params":{}}"#, vec![]),
        (r#"{"params":null}"#, vec![]),
        (r#"{"unknown":null}"#, vec![]),
        (
            r#"{"loginHint":"a&redirect_uri=https://evil.test/"}"#,
            vec![("login_hint", "a&redirect_uri=https://evil.test/")],
        ),
    ];
    for (options, expected) in rows {
        let expected: Vec<(String, String)> =
            expected.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        assert_eq!(asked(options), expected, "{options}");
    }
}

#[test]
fn an_invalid_option_is_named() {
    let rows = [
        (r#"{"loginhint":"alice"}"#, "loginhint"),
        (r#"{"login_hint":"alice"}"#, "login_hint"),
        (r#"{"redirectUri":"https://evil.test/"}"#, "redirectUri"),
        (r#"{"scope":"admin"}"#, "scope"),
        (r#"{"inWindow":true}"#, "inWindow"),
        (r#"{"":"x"}"#, ""),
        (r#"{"maxAge":1,"params":{"max_age":"2"}}"#, "maxAge"),
        (r#"{"loginHint":"a","params":{"login_hint":"a"}}"#, "loginHint"),
        (r#"{"params":{"audience":7}}"#, "params"),
        (r#"{"params":{"audience":null}}"#, "params"),
        (r#"{"params":{"audience":["a"]}}"#, "params"),
        (r#"{"params":["a"]}"#, "params"),
        (r#"{"params":"a=b"}"#, "params"),
        (r#"{"params":{"state":"vk.mine"}}"#, "state"),
        (r#"{"params":{"nonce":"mine"}}"#, "nonce"),
        (r#"{"params":{"client_id":"other-app"}}"#, "client_id"),
        (r#"{"params":{"redirect_uri":"https://evil.test/"}}"#, "redirect_uri"),
        (r#"{"params":{"response_mode":"fragment"}}"#, "response_mode"),
        (r#"{"params":{"request_uri":"https://evil.test/"}}"#, "request_uri"),
        (r#"{"params":{"code_challenge":"mine"}}"#, "code_challenge"),
        (r#"{"maxAge":-1}"#, "max_age"),
        (r#"{"maxAge":"soon"}"#, "max_age"),
        (r#"{"maxAge":{}}"#, "max_age"),
        ("null", "options"),
        ("[]", "options"),
        (r#""prompt""#, "options"),
    ];
    for (options, expected) in rows {
        let worker = worker();
        let port = worker.page(1, &app());
        assert_eq!(named(&port.begin_with(Mode::Redirect, options)), Some(expected), "{options}");
        assert_eq!(worker.here.take_sent(), [""; 0], "{options}");
    }
}

#[test]
fn an_invalid_sign_in_option_is_named_before_any_request() {
    let rows = [
        (r#""redirectUri":"https://evil.test/cb","scope":"","returnTo":"/","#, "redirectUri"),
        (r#""redirectUri":"","scope":"","returnTo":"/","#, "redirectUri"),
        (r#""scope":"","returnTo":"/","#, "redirectUri"),
        (r#""redirectUri":["https://app.test/cb"],"scope":"","returnTo":"/","#, "redirectUri"),
        (r#""redirectUri":"https://app.test/cb","scope":"a\nb","returnTo":"/","#, "scope"),
        (r#""redirectUri":"https://app.test/cb","scope":"","returnTo":"https://evil.test/","#, "returnTo"),
        (r#""redirectUri":"https://app.test/cb","scope":"","#, "returnTo"),
    ];
    let worker = worker();
    let port = worker.page(1, &app());
    for (members, expected) in rows {
        let outcome = port.say("begin", &format!(r#"{members}"options":{{}},"inWindow":false,"shared":false"#));
        assert_eq!(named(&outcome), Some(expected), "{members}");
    }
    assert_eq!(
        named(&port.say("begin", r#""redirectUri":"https://app.test/cb","scope":"","returnTo":"/""#)),
        Some("options")
    );
    assert_eq!(worker.here.take_sent(), [""; 0]);
}
