//! A worker without a guard that has the options of its only client from a file.

use valet_key::protocol::form;
use valet_key::vault::messages::Outcome;

use crate::hostile::text::string;
use crate::hostile::worker::{Begun, Mode, SharedWorker};
use crate::support::code;
use crate::{EVIL, app, elsewhere, named, other_app, wider, worker};

/// The content of the file.
fn file() -> String {
    app().replace('{', r#"{"scope":"read write","#)
}

fn pin(worker: &SharedWorker, file: &str) -> Outcome {
    worker.say(format!(r#"{{"op":"pin","options":{}}}"#, string(file)))
}

fn pinned() -> SharedWorker {
    let worker = worker();
    pin(&worker, &file()).expect("options");
    worker
}

/// The scope of the authorization request that a page causes.
fn asked(worker: &SharedWorker, scope: &str, granted: &str, more: &str) -> Result<String, Outcome> {
    let outcome = worker.port(1).say(
        "begin",
        &format!(
            r#""redirectUri":"https://app.test/cb","scope":"{scope}","granted":"{granted}","returnTo":"/","options":{{"scope":"{more}"}},"inWindow":false,"shared":false"#
        ),
    );
    let begun = Begun::read(outcome.as_deref().map_err(|_| outcome.clone())?);
    let query = begun.url.split_once('?').expect("a query").1;
    let parameters = form::parse(query).expect("parameters");
    Ok(parameters.into_iter().find(|(name, _)| name == "scope").expect("a scope").1)
}

#[test]
fn pin_01_a_page_signs_in_with_the_options_of_the_file() {
    for options in [app(), r#"{"issuer":"https://as.test","clientId":"spa"}"#.into(), "{}".into()] {
        let worker = pinned();
        let page = worker.page(1, &options);
        let begun = page.begin(Mode::Redirect);
        assert!(begun.url.contains("redirect_uri=https%3A%2F%2Fapp.test%2Fcb"), "the page's own redirect page");
        page.sign_in();
        assert!(page.is_signed_in(), "{options}");
    }
}

#[test]
fn pin_02_a_page_that_names_another_client_or_address_is_refused() {
    let worker = pinned();
    worker.page(1, &app()).sign_in();
    let evil = app().replace("https://api.test/v1/", &format!("{EVIL}/"));
    let with = |more: &str| app().replace('{', &format!("{{{more},"));
    for (options, option) in [
        (other_app(), "clientId"),
        (elsewhere(), "issuer"),
        (wider(), "api"),
        (evil, "api"),
        (with(r#""tokens":"page""#), "tokens"),
        (with(r#""guard":"https://app.test/valet-key/""#), "guard"),
        (with(r#""keep":"device""#), "keep"),
        (with(r#""account":"second""#), "account"),
        (with(r#""dpop":"off""#), "dpop"),
        (
            with(&format!(
                r#""server":{{"issuer":"https://as.test","authorization_endpoint":"https://as.test/a","jwks_uri":"https://as.test/jwks","token_endpoint":"{EVIL}/token"}}"#
            )),
            "server",
        ),
    ] {
        worker.here.take_sent();
        let outcome = worker.port(2).configure(&options);
        assert_eq!(named(&outcome), Some(option), "{options} {outcome:?}");
        assert_eq!(code(&worker.port(2).say("session", "")), Some("unexpected"), "the port has no client");
        assert!(worker.here.take_sent().is_empty(), "{options}");
    }
    assert!(worker.port(1).is_signed_in());
}

#[test]
fn pin_03_a_page_asks_for_a_part_of_the_scope() {
    let worker = pinned();
    worker.page(1, &app());
    for (scope, granted, more, expected) in [
        ("openid read", "", "", Some("openid read")),
        ("openid read", "", "write", Some("openid read write")),
        ("openid", "write admin", "", Some("openid write")),
        ("", "", "", Some("openid read write")),
        ("", "admin", "", Some("openid read write")),
        ("", "", "admin", None),
        ("openid admin", "", "", None),
        ("openid", "", "admin", None),
    ] {
        match asked(&worker, scope, granted, more) {
            Ok(asked) => assert_eq!(Some(asked.as_str()), expected, "{scope} {granted} {more}"),
            Err(outcome) => assert_eq!((named(&outcome), expected), (Some("scope"), None), "{scope} {granted} {more}"),
        }
    }
}

#[test]
fn pin_03_the_scope_of_an_api_is_a_part_of_the_scope() {
    let worker = worker();
    let api = r#"{"url":"https://api.test/v1/","scope":"upload"}"#;
    let file = file().replace(r#""https://api.test/v1/""#, api);
    pin(&worker, &file).expect("options");
    worker.page(1, r#"{"issuer":"https://as.test","clientId":"spa"}"#);
    assert!(asked(&worker, "openid", "upload", "upload").expect("a request").contains("upload"));
    assert_eq!(
        asked(&worker, "openid", "", "admin").map_err(|outcome| named(&outcome).map(String::from)),
        Err(Some("scope".into()))
    );
}

#[test]
fn pin_09_a_page_that_leaves_out_its_client_registers_none() {
    let worker = pinned();
    worker.page(1, r#"{"issuer":"https://as.test"}"#);
    worker.here.take_sent();
    let outcome =
        worker.port(1).say("register", r#""redirectUri":"https://app.test/cb","scope":"","unreturned":false"#);
    assert_eq!(named(&outcome), Some("clientId"));
    assert!(worker.here.take_sent().is_empty());
}

#[test]
fn pin_04_a_file_with_another_client_takes_the_place_while_no_page_is_open() {
    let worker = pinned();
    worker.page(1, &app()).sign_in();
    let other = file().replace("\"spa\"", "\"other-app\"");
    pin(&worker, &other).expect("options");
    assert!(worker.port(1).is_signed_in(), "a page is open");
    worker.port(1).say("leave", "").expect("an end");
    pin(&worker, &other).expect("options");
    assert_eq!(named(&worker.port(2).configure(&app())), Some("clientId"));
    assert!(!worker.page(3, &other_app()).is_signed_in());
}

#[test]
fn pin_05_a_file_that_is_wrong_is_named() {
    for (text, option) in [
        ("[]", "options.json"),
        (r#"{"issuer":"https://as.test"}"#, "options.json: clientId"),
        (r#"{"clientId":"spa"}"#, "options.json: issuer"),
        (r#"{"issuer":"https://as.test","clientId":"spa","tokens":"page"}"#, "options.json: tokens"),
        (r#"{"issuer":"https://as.test","clientId":"spa","scope":["read"]}"#, "options.json: scope"),
    ] {
        assert_eq!(named(&pin(&worker(), text)), Some(option), "{text}");
    }
}
