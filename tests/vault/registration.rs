//! Registration of an app without a client ID (RFC 7591).

use serde_json::{Value, json as object};
use valet_key::protocol::error::{Fault, Kind};
use valet_key::protocol::foreign::ForeignText;
use valet_key::vault::messages::{Outcome, to_json};

use crate::hostile::provider::{Place, change};
use crate::hostile::text::string;
use crate::hostile::worker::{Begun, Mode, Port, SharedWorker};
use crate::support::json;
use crate::{app, named, with_key, worker};

const PAGE: &str = "https://app.test/cb";

/// The options of an app that is not registered.
fn unregistered() -> String {
    app().replace(r#""clientId":"spa","#, "")
}

/// The same app with the client ID that the browser remembers.
fn with_id(remembered: &str) -> String {
    app().replace("\"spa\"", &string(&id_in(remembered)))
}

fn id_in(remembered: &str) -> String {
    let remembered: Value = serde_json::from_str(remembered).expect("an object");
    remembered["client_id"].as_str().expect("an ID").into()
}

fn register(port: Port<'_>, more: &str) -> Outcome {
    port.say("register", &format!(r#"{more}"redirectUri":"{PAGE}","scope":"read","namesPage":true,"unreturned":false"#))
}

/// The same after a sign-in that did not come back.
fn register_again(port: Port<'_>, known: &str) -> String {
    let members = format!(
        r#""known":{},"redirectUri":"{PAGE}","scope":"read","namesPage":true,"unreturned":true"#,
        string(known)
    );
    port.say("register", &members).expect("an ID")
}

/// What the provider was asked to register, in order.
fn asked(worker: &SharedWorker) -> Vec<Value> {
    let world = worker.here.world();
    let seen = world.provider.requests.iter().filter(|seen| seen.place == Some(Place::Registration));
    seen.map(|seen| serde_json::from_str(&seen.body).expect("an object")).collect()
}

/// The outcome of a registration whose response differs.
fn with_response(changes: &[(&str, &str)]) -> Outcome {
    let worker = worker();
    change(&mut worker.here.world().provider.registration, changes);
    register(worker.page(1, &unregistered()), "")
}

fn code_of(outcome: &Outcome) -> Option<&'static str> {
    outcome.as_ref().err().map(|failed| failed.error.code())
}

/// MULTI-17
#[test]
fn reg_01_an_app_without_a_client_id_is_registered_and_signs_in() {
    let worker = worker();
    let port = worker.page(1, &unregistered());
    let remembered =
        register(port, r#""registration":{"client_name":"Notes","contacts":["a@app.test"]},"#).expect("an ID");
    assert_eq!(
        asked(&worker),
        [object!({
            "redirect_uris": [PAGE],
            "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "client_name": "Notes",
            "contacts": ["a@app.test"],
            "application_type": "web",
            "post_logout_redirect_uris": [PAGE],
            "scope": "openid read",
        })]
    );
    assert_eq!(id_in(&remembered), "registered-1");
    let port = worker.page(2, &with_id(&remembered));
    port.sign_in();
    let form = worker.here.world().provider.last_form(Place::Token);
    assert!(form.contains(&("client_id".into(), "registered-1".into())));
}

#[test]
fn reg_02_nothing_works_without_a_client_id_but_registration() {
    let worker = worker();
    let port = worker.page(1, &unregistered());
    assert_eq!(named(&port.begin_with(Mode::Window, "{}")), Some("clientId"));
    assert_eq!(named(&port.say("beginDevice", r#""scope":"","options":{}"#)), Some("clientId"));
    assert_eq!(port.session(), "");
    assert_eq!(port.say("end", r#""returnTo":"https://app.test/""#).as_deref(), Ok(""), "there is nothing to end");
    port.say("prepare", "").expect("metadata");
    let sent = &worker.here.world().provider.requests;
    assert!(sent.iter().all(|seen| seen.place == Some(Place::Metadata)), "{sent:?}");
}

#[test]
fn reg_03_the_app_sets_what_describes_it_and_nothing_that_the_client_decides() {
    let members = [
        "client_id",
        "client_secret",
        "grant_types",
        "jwks",
        "jwks_uri",
        "redirect_uris",
        "response_types",
        "token_endpoint_auth_method",
    ];
    for member in members {
        let worker = worker();
        let port = worker.page(1, &unregistered());
        let outcome = register(port, &format!(r#""registration":{{"{member}":"x"}},"#));
        assert_eq!(named(&outcome), Some(member));
        assert!(asked(&worker).is_empty());
    }
    let worker = worker();
    let port = worker.page(1, &unregistered());
    register(port, r#""registration":{"scope":"all","application_type":"native","post_logout_redirect_uris":[]},"#)
        .expect("an ID");
    let asked = &asked(&worker)[0];
    assert_eq!(asked["scope"], "all");
    assert_eq!(asked["application_type"], "native");
    assert_eq!(asked["post_logout_redirect_uris"], object!([]));
    assert_eq!(asked["client_name"], "app.test", "the host, unless the app has a name");
    assert_eq!(named(&register(port, r#""registration":[],"#)), Some("registration"));
}

#[test]
fn reg_04_the_id_is_remembered_and_no_second_one_requested() {
    let worker = worker();
    let port = worker.page(1, &unregistered());
    let first = register(port, "").expect("an ID");
    let known = format!(r#""known":{},"#, string(&first));
    assert_eq!(register(worker.page(2, &unregistered()), &known).expect("the same"), first, "another tab");
    let after = SharedWorker::beside(&worker);
    assert_eq!(register(after.page(1, &unregistered()), &known).expect("the same"), first, "after a restart");
    assert_eq!(asked(&worker).len(), 1);
    let second = register(port, "").expect("another ID");
    assert_ne!(second, first, "the page has forgotten the first one");
}

#[test]
fn reg_06_a_sign_in_that_did_not_come_back_leads_to_one_new_registration() {
    let worker = worker();
    let first = register(worker.page(1, &unregistered()), "").expect("an ID");
    let port = worker.page(2, &with_id(&first));
    assert_eq!(register_again(port, &first), first, "the provider has just given it");
    worker.here.wait(61);
    port.sign_in();
    assert_eq!(register_again(port, &first), first, "a user is signed in with it");
    port.say("end", "").expect("the end");
    let second = register_again(port, &first);
    assert_ne!(id_in(&second), id_in(&first));
    assert_eq!(register_again(worker.page(3, &with_id(&second)), &second), second);
    assert_eq!(asked(&worker).len(), 2);
}

#[test]
fn reg_07_a_popup_that_was_given_up_leads_to_one_new_registration() {
    let worker = worker();
    let first = register(worker.page(1, &unregistered()), "").expect("an ID");
    let port = worker.page(2, &with_id(&first));
    worker.here.wait(61);
    let known = format!(r#""known":{},"#, string(&first));
    let give_up = || {
        let Begun { state, .. } = port.begin(Mode::Window);
        port.say("abandon", &format!(r#""state":"{state}""#)).expect("the end");
    };
    give_up();
    port.sign_in();
    assert_eq!(register(port, &known).expect("an ID"), first, "a sign-in that came back proves the ID");
    give_up();
    assert_eq!(register(port, &known).expect("an ID"), first, "a user is signed in with it");
    port.say("end", "").expect("the end");
    give_up();
    assert_ne!(register(port, &known).expect("an ID"), first);
    assert_eq!(asked(&worker).len(), 2);
}

#[test]
fn reg_08_invalid_client_leads_to_one_new_registration() {
    for place in [Place::Token, Place::Device] {
        let worker = worker();
        let first = register(worker.page(1, &unregistered()), "").expect("an ID");
        let port = worker.page(2, &with_id(&first));
        worker.here.wait(61);
        worker.here.world().provider.instead.push((place, vec![Ok(json(401, r#"{"error":"invalid_client"}"#))]));
        if place == Place::Token {
            let begun = port.begin(Mode::Window);
            let address = worker.here.way_back(&begun.url);
            assert_eq!(code_of(&port.complete(&address, &begun.state, None)), Some("token_error"));
        } else {
            assert_eq!(code_of(&port.say("beginDevice", r#""scope":"","options":{}"#)), Some("token_error"));
        }
        let known = format!(r#""known":{},"#, string(&first));
        let second = register(port, &known).expect("an ID");
        assert_ne!(second, first, "{place:?}");
        assert_eq!(register(port, &format!(r#""known":{},"#, string(&second))).expect("an ID"), second, "{place:?}");
    }
}

#[test]
fn reg_08_a_revocation_that_is_refused_says_nothing_of_the_client() {
    let worker = worker();
    let first = register(worker.page(1, &unregistered()), "").expect("an ID");
    let port = worker.page(2, &with_id(&first));
    worker.here.wait(61);
    worker
        .here
        .world()
        .provider
        .instead
        .push((Place::Revocation, vec![Ok(json(401, r#"{"error":"invalid_client"}"#))]));
    port.sign_in();
    port.say("end", "").expect("the end");
    assert!(worker.here.asked(Place::Revocation) > 0);
    assert_eq!(register(port, &format!(r#""known":{},"#, string(&first))).expect("an ID"), first);
}

#[test]
fn reg_09_a_provider_without_registration_is_named_with_the_boxes_to_tick() {
    for status in [None, Some(401), Some(403), Some(404), Some(451)] {
        let worker = worker();
        match status {
            None => change(&mut worker.here.world().provider.metadata, &[("-registration_endpoint", "")]),
            Some(status) => {
                worker.here.world().provider.instead.push((Place::Registration, vec![Ok(json(status, "<p>no</p>"))]));
            }
        }
        let outcome = register(worker.page(1, &unregistered()), "");
        let error = outcome.expect_err("no registration").error;
        assert_eq!((error.code(), error.fault()), ("config_error", Fault::App), "{status:?}");
        assert!(error.message().contains(PAGE) && error.message().contains("clientId"), "{}", error.message());
        for box_to_tick in ["public", "no client secret", "authorization code", "refresh token", "S256", "CORS"] {
            assert!(error.hint().contains(box_to_tick), "{box_to_tick}");
        }
    }
}

#[test]
fn reg_10_a_refusal_is_told_in_the_words_of_the_provider() {
    for (code, hint) in [
        ("invalid_redirect_uri", "redirectUri"),
        ("invalid_client_metadata", "registration"),
        ("invalid_token", "public client"),
    ] {
        let worker = worker();
        let said = json(400, &format!(r#"{{"error":"{code}","error_description":"not this one"}}"#));
        worker.here.world().provider.instead.push((Place::Registration, vec![Ok(said)]));
        let error = register(worker.page(1, &unregistered()), "").expect_err("a refusal").error;
        assert_eq!(error.code(), "registration_error");
        assert!(error.hint().contains(hint), "{code}: {}", error.hint());
        let said = error.oauth().expect("its words");
        assert_eq!(said.error.as_str(), code);
        assert_eq!(said.error_description.as_ref().map(ForeignText::as_str), Some("not this one"));
    }
}

/// MULTI-18
#[test]
fn reg_11_a_registration_of_another_client_is_not_used() {
    let invalid = [
        ("client_id", r#""""#),
        ("-client_id", ""),
        ("client_id", "7"),
        ("client_id", r#""é""#),
        ("client_id", r#""https://as.test""#),
        ("client_id", r#""http://as.test/client""#),
        ("redirect_uris", "[]"),
        ("redirect_uris", r#"["https://evil.test/cb"]"#),
        ("redirect_uris", r#"["https://app.test/cb","https://evil.test/cb"]"#),
        ("redirect_uris", r#""https://app.test/cb""#),
        ("redirect_uris", r#"["https://app.test/cb/"]"#),
        ("grant_types", r#"["implicit"]"#),
        ("response_types", r#"["token"]"#),
    ];
    for (member, value) in invalid {
        let outcome = with_response(&[(member, value)]);
        assert_eq!(code_of(&outcome), Some("response_invalid"), "{member}: {value}");
        let shown = to_json(&outcome.expect_err("an error"));
        assert!(shown.contains(member.trim_start_matches('-')), "{shown}");
    }
    let unsupported: [&[(&str, &str)]; 3] = [
        &[("token_endpoint_auth_method", r#""client_secret_basic""#)],
        &[("token_endpoint_auth_method", r#""private_key_jwt""#)],
        &[("-token_endpoint_auth_method", ""), ("client_secret", r#""s3cret-of-the-registration""#)],
    ];
    for changes in unsupported {
        let outcome = with_response(changes);
        assert_eq!(code_of(&outcome), Some("unsupported"), "{changes:?}");
        assert!(!to_json(&outcome.expect_err("an error")).contains("s3cret"));
    }
}

#[test]
fn reg_12_a_secret_and_the_registration_access_token_are_dropped() {
    let outcome = with_response(&[
        ("client_secret", r#""s3cret-of-the-registration""#),
        ("registration_access_token", r#""t0ken-of-the-registration""#),
        ("registration_client_uri", r#""https://as.test/register/1""#),
    ]);
    let remembered = outcome.expect("an ID");
    assert!(!remembered.contains("of-the-registration") && !remembered.contains("as.test"), "{remembered}");
    for lacks in ["redirect_uris", "grant_types", "response_types", "token_endpoint_auth_method"] {
        with_response(&[(&format!("-{lacks}"), "")]).expect("a server that repeats less");
    }
}

#[test]
fn reg_13_nothing_secret_of_a_lying_provider_is_told() {
    let worker = worker();
    let text = r#"{"error":"invalid_client_metadata","error_description":"t0ken-of-the-registration","registration_access_token":"t0ken-of-the-registration"}"#;
    worker.here.world().provider.instead.push((Place::Registration, vec![Ok(json(400, text))]));
    let failed = register(worker.page(1, &unregistered()), "").expect_err("a refusal");
    assert!(!to_json(&failed).contains("t0ken"));
}

#[test]
fn reg_14_what_a_script_has_stored_is_an_id_or_nothing() {
    let planted = [
        "",
        "null",
        "{}",
        "[1]",
        r#"{"client_id":7,"at":1}"#,
        r#"{"client_id":"","at":1}"#,
        r#"{"client_id":"\u0000","at":1}"#,
        r#"{"client_id":"x"}"#,
        r#"{"client_id":"https://x","at":1}"#,
    ];
    for text in planted {
        let worker = worker();
        let remembered = register(worker.page(1, &unregistered()), &format!(r#""known":{},"#, string(text)));
        assert_eq!(id_in(&remembered.expect("an ID")), "registered-1", "{text}");
    }
    // A time in the future does not keep an ID that the provider has forgotten.
    let worker = worker();
    let port = worker.page(1, &unregistered());
    let remembered = register_again(port, r#"{"client_id":"old","at":99999999999999}"#);
    assert_eq!(id_in(&remembered), "registered-1");
}

#[test]
fn reg_15_only_a_page_of_this_origin_is_registered() {
    let worker = worker();
    let port = worker.page(1, &unregistered());
    for page in ["https://evil.test/cb", "https://app.test.evil.test/", "javascript:alert(1)", "https://app.test/#x"] {
        let outcome =
            port.say("register", &format!(r#""redirectUri":"{page}","scope":"","namesPage":true,"unreturned":false"#));
        assert_eq!(named(&outcome), Some("redirectUri"), "{page}");
    }
    assert!(worker.here.world().sent.is_empty());
}

#[test]
fn reg_16_a_client_with_a_key_is_registered_by_hand() {
    let worker = worker();
    let port = worker.page(1, &with_key().replace(r#""clientId":"spa","#, ""));
    let outcome = register(port, "");
    assert_eq!(named(&outcome), Some("clientId"));
    assert!(outcome.expect_err("an error").error.hint().contains("publicKey()"));
    assert!(asked(&worker).is_empty());
    assert_eq!(named(&port.say("publicKey", "")), Some("clientId"), "each ID has a key of its own");
    assert_eq!(named(&port.say("signInMachine", r#""scope":"","options":{}"#)), Some("clientId"));
}

#[test]
fn reg_17_an_unusable_registration_endpoint_is_never_asked() {
    for url in ["http://as.test/register", "javascript:alert(1)", "https://a@as.test/", "https://as.test/#x"] {
        let worker = worker();
        change(&mut worker.here.world().provider.metadata, &[("registration_endpoint", &string(url))]);
        let outcome = register(worker.page(1, &unregistered()), "");
        let Err(failed) = outcome else { panic!("{url}") };
        assert!(matches!(failed.error.kind(), Kind::UrlRejected { member } if member == "registration_endpoint"));
    }
}

#[test]
fn reg_18_a_registration_that_fails_can_be_repeated() {
    let worker = worker();
    worker.here.world().provider.instead.push((Place::Registration, vec![Ok(json(503, ""))]));
    let port = worker.page(1, &unregistered());
    assert_eq!(code_of(&register(port, "")), Some("server_unavailable"));
    worker.here.world().provider.instead.clear();
    register(port, "").expect("an ID");
}

#[test]
fn multi_16_a_client_id_that_is_a_url_names_its_document() {
    let with = |id: &str| {
        let worker = worker();
        let outcome = worker.port(1).configure(&app().replace("\"spa\"", &string(id)));
        (named(&outcome).map(String::from), outcome.is_ok())
    };
    for id in ["https://app.test/client.json", "https://app.test/", "https://app.test:8443/a/b?v=1", "spa", "urn:app"] {
        assert_eq!(with(id), (None, true), "{id}");
    }
    let wrong = [
        "http://app.test/client.json",
        "https://app.test",
        "https://app.test/client.json#f",
        "https://u:p@app.test/client.json",
        "https://app.test/a/../b",
        "https://app.test/a/./b",
        "https://app.test/a/%2e%2e/b",
    ];
    for id in wrong {
        assert_eq!(with(id), (Some("clientId".into()), false), "{id}");
    }
}
