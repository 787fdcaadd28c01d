//! Pushed authorization requests (RFC 9126).

use std::task::Poll;

use valet_key::protocol::form;
use valet_key::vault::messages::{Outcome, to_json};

use crate::hostile::provider::{Place, change};
use crate::hostile::worker::{Begun, Mode, Port, SharedWorker};
use crate::hostile::world::poll;
use crate::support::{code, json, options};
use crate::{app, with_key, worker};

/// A worker whose provider takes pushed requests.
fn pushing() -> SharedWorker {
    let worker = worker();
    worker.here.world().provider.take_pushed();
    worker
}

fn begin(port: Port<'_>) -> Outcome {
    port.begin_with(Mode::Redirect, "{}")
}

fn query(url: &str) -> Vec<(String, String)> {
    form::parse(url.split_once('?').expect("a query").1).expect("a form")
}

/// The value of a member of the last pushed request.
fn pushed(worker: &SharedWorker, name: &str) -> Option<String> {
    let form = worker.here.world().provider.last_form(Place::Pushed);
    form.into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

#[test]
fn par_50_nothing_but_a_reference_goes_through_the_browser() {
    for mode in [Mode::Redirect, Mode::Window] {
        let worker = pushing();
        let port = worker.page(1, &app());
        let begun =
            Begun::read(&port.begin_with(mode, r#"{"loginHint":"a@b.test","prompt":"login"}"#).expect("a request"));
        let names: Vec<_> = query(&begun.url).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["client_id", "request_uri"]);
        assert_eq!(pushed(&worker, "login_hint").as_deref(), Some("a@b.test"));
        assert_eq!(pushed(&worker, "state").as_deref(), Some(&*begun.state));
        assert_eq!(pushed(&worker, "code_challenge_method").as_deref(), Some("S256"));
        assert_eq!(pushed(&worker, "code_verifier"), None);
        let address = worker.here.way_back(&begun.url);
        port.complete(&address, &begun.state, begun.record.as_deref()).expect("a session");
        assert!(port.is_signed_in());
    }
}

/// PAR-02 PAR-03 PAR-04
#[test]
fn par_02_a_malformed_response_leads_nowhere() {
    let long = format!(r#"{{"request_uri":"urn:{}","expires_in":60}}"#, "x".repeat(1 << 20));
    let rows = [
        (200, r#"{"request_uri":"urn:x","expires_in":60}"#, "response_invalid"),
        (201, r#"{"expires_in":60}"#, "response_invalid"),
        (201, r#"{"request_uri":1,"expires_in":60}"#, "response_invalid"),
        (201, r#"{"request_uri":"","expires_in":60}"#, "response_invalid"),
        (201, r#"{"request_uri":"urn:x y","expires_in":60}"#, "response_invalid"),
        (201, &long, "too_large"),
        (201, &format!(r#"{{"request_uri":"urn:{}","expires_in":60}}"#, "x".repeat(10_000)), "response_invalid"),
        (201, r#"{"request_uri":"urn:x"}"#, "response_invalid"),
        (201, r#"{"request_uri":"urn:x","expires_in":0}"#, "response_invalid"),
        (201, r#"{"request_uri":"urn:x","expires_in":"60"}"#, "response_invalid"),
        (201, r#"{"request_uri":"urn:x","expires_in":-1}"#, "response_invalid"),
        (201, "<html>", "not_json"),
    ];
    for (status, body, expected) in rows {
        let worker = pushing();
        worker.here.world().provider.instead.push((Place::Pushed, vec![Ok(json(status, body))]));
        let port = worker.page(1, &app());
        let outcome = begin(port);
        assert_eq!(code(&outcome), Some(expected), "{status} {}", &body[..body.len().min(60)]);
        assert_eq!(worker.here.asked(Place::Pushed), 1);
    }
}

/// PAR-03
#[test]
fn par_03_a_reference_is_one_parameter() {
    let worker = pushing();
    change(&mut worker.here.world().provider.reference, &[("request_uri", r#""urn:x&scope=admin#f""#)]);
    let begun = Begun::read(&begin(worker.page(1, &app())).expect("a request"));
    let expected = [("client_id", "spa"), ("request_uri", "urn:x&scope=admin#f")];
    assert_eq!(query(&begun.url), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

/// PAR-05
#[test]
fn par_05_a_refusal_is_final() {
    let rows = [
        (400, r#"{"error":"invalid_request","error_description":"why"}"#, "authorization_error"),
        (401, r#"{"error":"invalid_client"}"#, "authorization_error"),
        (413, "<html>", "server_unavailable"),
        (404, "", "server_unavailable"),
        (429, "", "server_unavailable"),
        (500, "", "server_unavailable"),
    ];
    for (status, body, expected) in rows {
        let worker = pushing();
        worker.here.world().provider.instead.push((Place::Pushed, vec![Ok(json(status, body))]));
        let port = worker.page(1, &app());
        let outcome = begin(port);
        assert_eq!(code(&outcome), Some(expected), "{status}");
        let text = to_json(outcome.as_ref().expect_err("an error"));
        assert_eq!(text.contains("invalid_request"), status == 400, "{text}");
        assert_eq!(worker.here.asked(Place::Pushed), 1, "nothing is sent through the browser instead");
    }
}

/// PAR-06
#[test]
fn par_06_a_reference_that_has_expired_is_replaced_once() {
    let worker = pushing();
    change(&mut worker.here.world().provider.reference, &[("expires_in", "5")]);
    let port = worker.page(1, &app());
    // Begins a sign-in; the responses to so many pushed requests take longer than their references live.
    let after_delays = |mut slow: u32| {
        let mut outcome = port.start(
            "begin",
            r#""redirectUri":"https://app.test/cb","scope":"read","returnTo":"/","options":{},"inWindow":false,"shared":false"#,
        );
        loop {
            if let Poll::Ready(outcome) = poll(&mut outcome) {
                return outcome;
            }
            let is_push = worker.here.on_the_wire().first().is_some_and(|url| url.ends_with("/par"));
            if is_push && slow > 0 {
                slow -= 1;
                worker.here.wait(6);
            }
            worker.here.deliver();
        }
    };
    let begun = Begun::read(&after_delays(1).expect("a request"));
    assert_eq!(worker.here.asked(Place::Pushed), 2);
    let references = query(&begun.url);
    assert!(references[1].1.ends_with(":2"), "{references:?}");
    assert_eq!(code(&after_delays(2)), Some("timeout"));
    assert_eq!(worker.here.asked(Place::Pushed), 4, "and not a third time");
}

/// PAR-09 DPOP-31
#[test]
fn par_09_a_pushed_request_proves_the_key_and_gets_a_nonce() {
    let worker = pushing();
    worker.here.world().provider.bind();
    worker.here.world().provider.demands.nonce = "n1".into();
    let port = worker.page(1, &app());
    port.sign_in();
    let world = worker.here.world();
    let (pushed, token) = (world.provider.proofs_at(Place::Pushed), world.provider.proofs_at(Place::Token));
    let jkt =
        world.provider.last_form(Place::Pushed).into_iter().find(|(name, _)| name == "dpop_jkt").map(|(_, jkt)| jkt);
    drop(world);
    let nonces: Vec<_> = pushed.iter().map(|proof| proof.nonce.as_str()).collect();
    assert_eq!(nonces, ["", "n1"]);
    assert_eq!(token.len(), 1, "the nonce is known by then");
    assert_eq!(token[0].nonce, "n1");
    assert_eq!([&pushed[1].jkt, &token[0].jkt], [jkt.as_ref().expect("RFC 9449 §10"), &pushed[0].jkt]);
}

#[test]
fn par_51_a_client_with_a_key_authenticates() {
    let worker = pushing();
    worker.here.world().has_key = true;
    worker.here.world().provider.needs_key = true;
    begin(worker.page(1, &with_key())).expect("a request");
    assert!(pushed(&worker, "client_assertion").is_some());
}

#[test]
fn par_52_a_request_that_is_too_long_for_a_url_can_be_pushed() {
    let long = format!(r#"{{"claims":"{}"}}"#, "x".repeat(20_000));
    let port = worker();
    assert_eq!(code(&port.page(1, &app()).begin_with(Mode::Redirect, &long)), Some("config_error"));
    let worker = pushing();
    worker.page(1, &app()).begin_with(Mode::Redirect, &long).expect("a request");
}

/// PAR-11
#[test]
fn par_11_an_app_passes_no_references_of_its_own() {
    let worker = pushing();
    let port = worker.page(1, &app());
    for name in ["request_uri", "request", "dpop_jkt"] {
        let outcome = port.begin_with(Mode::Redirect, &format!(r#"{{"params":{{"{name}":"x"}}}}"#));
        assert_eq!(code(&outcome), Some("config_error"), "{name}");
    }
    assert_eq!(worker.here.asked(Place::Pushed), 0);
}

/// PAR-08
#[test]
fn par_08_a_server_that_requires_pushed_requests_names_an_endpoint() {
    let rows = [
        (r#""https://as.test/par""#, None),
        (r#""""#, Some("metadata_invalid")),
        (r#""http://as.test/par""#, Some("url_rejected")),
        ("1", Some("metadata_invalid")),
    ];
    for (endpoint, expected) in rows {
        let worker = worker();
        let changes =
            [("require_pushed_authorization_requests", "true"), ("pushed_authorization_request_endpoint", endpoint)];
        change(&mut worker.here.world().provider.metadata, &changes);
        assert_eq!(code(&begin(worker.page(1, &options("")))), expected, "{endpoint}");
    }
}
