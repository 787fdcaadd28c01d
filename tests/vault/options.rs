//! The options of a sign-in, as pages write them.

use valet_key::protocol::form;

use crate::hostile::provider::change;
use crate::hostile::text::{member, string};
use crate::hostile::worker::{Begun, Mode, SharedWorker};
use crate::support::code;
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

/// What the page is told about the scope beyond `base`, after a sign-in that asked for it with these members.
fn granted(worker: &SharedWorker, base: &str, granted: &str, asked: &str) -> (String, Option<String>) {
    let port = worker.page(1, &app());
    let members = format!(
        r#""redirectUri":"https://app.test/cb","scope":"{base}","returnTo":"/","options":{{"scope":"{asked}"}},"granted":"{granted}","inWindow":true,"shared":false"#
    );
    let begun = Begun::read(&port.say("begin", &members).expect("a request"));
    let query = form::parse(begun.url.split_once('?').expect("a query").1).expect("a form");
    let scope = query.into_iter().find(|(name, _)| name == "scope").expect("a scope").1;
    let address = worker.here.way_back(&begun.url);
    let members = format!(
        r#""address":{},"state":{},"pending":false,"shared":false,"scope":"{base}""#,
        string(&address),
        string(&begun.state)
    );
    let outcome = port.say("complete", &members).expect("a session");
    (scope, member(&outcome, "granted"))
}

#[test]
fn acc_01_a_sign_in_asks_for_more_scope_and_keeps_what_there_is() {
    let (scope, more) = granted(&worker(), "profile read", "", "photos read notes");
    assert_eq!(scope, "openid profile read photos notes");
    assert_eq!(more.as_deref(), Some("photos notes"), "the response names no scope, so all of it was granted");

    // The next one asks for all of it.
    let worker = worker();
    let (scope, more) = granted(&worker, "profile", "photos", "");
    assert_eq!((scope.as_str(), more.as_deref()), ("openid profile photos", Some("photos")));

    // What the user does not grant is not asked for again.
    change(&mut worker.here.world().provider.token, &[("scope", r#""openid profile notes extra""#)]);
    let (scope, more) = granted(&worker, "profile", "photos", "notes");
    assert_eq!((scope.as_str(), more.as_deref()), ("openid profile photos notes", Some("notes")));
    let (_, more) = granted(&worker, "profile notes", "photos", "");
    assert_eq!(more.as_deref(), Some(""));
}

#[test]
fn acc_02_a_refused_sign_in_for_more_scope_leaves_the_session() {
    let worker = worker();
    let port = worker.page(1, &app());
    port.sign_in();
    let before = port.session();
    let options = r#"{"scope":"photos"}"#;
    let begun = Begun::read(&port.begin_with(Mode::Window, options).expect("a request"));
    let address = worker.here.way_back(&begun.url);
    let (page, _) = address.split_once("code=").expect("a code");
    let refused = format!("{page}error=access_denied&state={}&iss=https%3A%2F%2Fas.test", begun.state);
    assert_eq!(code(&port.complete(&refused, &begun.state, None)), Some("authorization_error"));
    assert_eq!(port.session(), before);
    for wrong in ["7", "[\"photos\"]", "{}"] {
        assert_eq!(named(&port.begin_with(Mode::Window, &format!(r#"{{"scope":{wrong}}}"#))), Some("scope"));
    }
    assert_eq!(named(&port.begin_with(Mode::Window, r#"{"scope":"a\"b"}"#)), Some("scope"));
}
