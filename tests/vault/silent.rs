//! Silent sign-ins, sessions that end by themselves, and sign-ins that fail: what pages are told.

use valet_key::vault::messages::{Outcome, to_json};

use crate::hostile::provider::{Place, change};
use crate::hostile::text::{member, string};
use crate::hostile::worker::{Begun, Mode, Port, SharedWorker};
use crate::hostile::world::poll;
use crate::support::{answer, code, json};
use crate::{app, record, wider, worker};

/// Begins a silent sign-in.
fn begin(port: Port<'_>, mode: Mode, restores: bool) -> Begun {
    let in_window = mode == Mode::Window;
    let members = format!(
        r#""redirectUri":"https://app.test/cb","scope":"read","returnTo":"/here?x=1#y","options":{{"prompt":"none"}},"inWindow":{in_window},"shared":false,"restores":{restores}"#
    );
    Begun::read(&port.say("begin", &members).expect("a request"))
}

/// The events of the pages since the previous call.
fn told(worker: &SharedWorker) -> Vec<(u32, String)> {
    let mut told: Vec<_> = worker.here.world().pages.drain(..).map(|(port, text)| (port.number, text)).collect();
    told.sort();
    told
}

/// Checks that an attempt was declined: a page after a redirect gets a normal result, a page that waits for another
/// window gets an error.
fn assert_declined(outcome: &Outcome, mode: Mode, error: &str) {
    match mode {
        Mode::Redirect => {
            let expected = format!(r#"{{"returnTo":"/here?x=1#y","declined":"{error}"}}"#);
            assert_eq!(outcome.as_deref(), Ok(expected.as_str()));
        }
        Mode::Window => {
            assert_eq!(code(outcome), Some("login_required"), "{error}");
            let told = to_json(outcome.as_ref().expect_err("the page waits"));
            assert!(told.contains(&format!(r#""oauth":{{"error":"{error}""#)), "{told}");
        }
    }
}

#[test]
fn pop_29_a_refused_restore_returns_the_code_of_the_refusal() {
    for mode in [Mode::Window, Mode::Redirect] {
        for error in ["login_required", "consent_required", "access_denied", "invalid_scope", "server_error", "x.1"] {
            let worker = worker();
            let port = worker.page(1, &app());
            let begun = begin(port, mode, true);
            let address = worker.here.way_back(&begun.url).replace("code=", &format!("error={error}&was="));
            assert_declined(&port.complete(&address, &begun.state, begun.record.as_deref()), mode, error);

            let begun = begin(port, mode, true);
            let address = worker.here.way_back(&begun.url);
            let refusal = json(400, &format!(r#"{{"error":"{error}"}}"#));
            worker.here.world().provider.instead.push((Place::Token, vec![Ok(refusal)]));
            assert_declined(&port.complete(&address, &begun.state, begun.record.as_deref()), mode, error);
            assert_eq!(told(&worker), []);
        }
    }
}

/// A record in session storage contains the reason for its sign-in.
#[test]
fn pop_29_a_restore_by_redirect_is_recognized_by_a_new_vault() {
    for (restores, expected) in [(true, None), (false, Some("authorization_error"))] {
        let before = worker();
        let begun = begin(before.page(1, &app()), Mode::Redirect, restores);
        let address = before.here.way_back(&begun.url).replace("code=", "error=access_denied&was=");
        let worker = SharedWorker::beside(&before);
        let outcome = worker.page(1, &app()).complete(&address, &begun.state, Some(record(&begun)));
        assert_eq!(code(&outcome), expected, "{restores}");
    }
}

#[test]
fn pop_28_29_pages_are_told_that_a_silent_sign_in_changed_the_user() {
    for mode in [Mode::Window, Mode::Redirect] {
        for restores in [false, true] {
            let worker = worker();
            let (port, _other) = (worker.page(1, &app()), worker.page(2, &app()));
            port.sign_in();
            told(&worker);
            let begun = begin(port, mode, restores);
            let address = worker.here.way_back(&begun.url);
            worker.here.world().provider.user = "bob";
            let outcome = port.complete(&address, &begun.state, begun.record.as_deref());
            if restores {
                assert_declined(&outcome, mode, "user_changed");
            } else {
                assert_eq!(code(&outcome), Some("user_changed"));
                assert_eq!(return_to(&outcome).as_deref(), Some("/here?x=1#y"));
            }
            let text = r#"{"session":null,"reason":"user_changed"}"#.to_owned();
            assert_eq!(told(&worker), [(1, text.clone()), (2, text)], "{mode:?} {restores}");
            assert!(!port.is_signed_in());
            assert_eq!(worker.here.asked(Place::Revocation), 4, "the tokens of both");
        }
    }
}

#[test]
fn rt_37_pages_are_told_that_a_session_has_expired() {
    let signed_in = || {
        let worker = worker();
        change(&mut worker.here.world().provider.token, &[("refresh_token", "null")]);
        worker.page(2, &app());
        worker.page(1, &app()).sign_in();
        assert_eq!(told(&worker).len(), 2);
        worker
    };
    let text = r#"{"session":null,"reason":"expired"}"#.to_owned();
    let expired = [(1, text.clone()), (2, text)];
    let fetch = r#""url":"https://api.test/v1/x","credentials":false,"once":false"#;

    let over = signed_in();
    over.here.wait(599);
    assert!(over.port(2).is_signed_in());
    over.here.wait(1);
    for _ in 0..3 {
        assert_eq!(over.port(2).session(), "");
    }
    assert_eq!(told(&over), expired, "all pages are told once, whichever page called");
    assert_eq!(code(&over.port(1).say("fetch", fetch)), Some("login_required"));
    assert_eq!((told(&over), over.here.world().calls.len()), (vec![], 0));

    for (op, members, expected) in [
        ("fetch", fetch, Some("login_required")),
        ("userinfo", "", Some("login_required")),
        ("refresh", "", Some("login_required")),
    ] {
        let over = signed_in();
        over.here.wait(601);
        assert_eq!(code(&over.port(1).say(op, members)), expected, "{op}");
        assert_eq!((told(&over), over.here.world().calls.len()), (expired.to_vec(), 0), "{op}");
    }

    // One 401 shows that the token is no longer valid, even if its lifetime says otherwise.
    let refused = signed_in();
    refused.here.world().statuses = [401].into();
    assert_eq!(refused.port(1).say("fetch", fetch).as_deref(), Ok(""), "the API's own response is the page's");
    assert_eq!((told(&refused), refused.here.world().calls.len()), (expired.to_vec(), 1));
    assert_eq!((refused.port(2).session(), told(&refused)), (String::new(), vec![]));

    let refused = signed_in();
    refused.here.world().provider.instead.push((Place::Userinfo, vec![Ok(json(401, ""))]));
    assert_eq!(code(&refused.port(1).say("userinfo", "")), Some("token_error"));
    assert_eq!(told(&refused), expired);

    for worker in [over, refused] {
        assert_eq!(worker.here.asked(Place::Revocation), 0, "a token that is over needs none");
        worker.port(1).sign_in();
        assert!(worker.port(2).is_signed_in());
    }
}

/// RT-37: the expiry of a session is not a change of user.
#[test]
fn rt_37_a_session_that_expires_during_a_failing_sign_in_ends_no_other_session() {
    for restores in [false, true] {
        let worker = worker();
        let (port, other) = (worker.page(1, &app()), worker.page(2, &wider()));
        other.sign_in();
        change(&mut worker.here.world().provider.token, &[("refresh_token", "null")]);
        port.sign_in();
        worker.take_told();
        let begun = begin(port, Mode::Window, restores);
        let address = worker.here.way_back(&begun.url);
        let refusal = json(400, r#"{"error":"invalid_grant"}"#);
        worker.here.world().provider.instead.push((Place::Token, vec![Ok(refusal)]));
        let mut completion = port.start_complete(&address, &begun.state, None);
        assert!(poll(&mut completion).is_pending());
        worker.here.wait(700);
        let mut renewal = port.start("refresh", "");
        assert!(poll(&mut renewal).is_ready(), "there is nothing to renew with");
        assert!(worker.here.finish(completion).is_err());
        assert!(!port.is_signed_in() && other.is_signed_in(), "{restores}: the other client's session is kept");
        assert_eq!(worker.take_told(), [""; 0], "{restores}: no other vault hears of an end");
    }
}

/// RT-37: with a refresh token, a 401 causes a renewal and ends no session.
#[test]
fn rt_37_a_session_with_a_refresh_token_does_not_expire() {
    let worker = worker();
    let port = worker.page(1, &app());
    port.sign_in();
    told(&worker);
    worker.here.wait(86_400);
    assert!(port.is_signed_in());
    worker.here.world().statuses = [401, 401].into();
    port.say("fetch", r#""url":"https://api.test/v1/x","credentials":false,"once":false"#).expect("a response");
    assert!(port.is_signed_in());
    assert!(told(&worker).iter().all(|(_, text)| text.contains(r#""reason":"renewed""#)));
}

/// The page to return to, according to an error.
fn return_to(outcome: &Outcome) -> Option<String> {
    member(&to_json(outcome.as_ref().expect_err("a failure")), "returnTo")
}

#[test]
fn req_20_a_failed_sign_in_returns_the_page_to_return_to() {
    let rows: [(&str, &str, &str); 8] = [
        ("authorization_error", "code=", "error=access_denied&was="),
        ("authorization_error", "code=", "error=server_error&error_description=%E8&was="),
        ("duplicate_parameter", "code=", "code=x&code="),
        ("response_invalid", "code=", "code=%E8&was="),
        ("response_invalid", "code=", "was="),
        ("response_invalid", "code=", "access_token=x&code="),
        ("iss_mismatch", "as.test", "evil.test"),
        ("iss_mismatch", "/cb?", "/other?"),
    ];
    for mode in [Mode::Window, Mode::Redirect] {
        let expect = |worker: &SharedWorker, begun: &Begun, address: &str, expected: &str| {
            let outcome = worker.port(1).complete(address, &begun.state, begun.record.as_deref());
            assert_eq!(code(&outcome), Some(expected), "{mode:?} {address}");
            assert_eq!(return_to(&outcome).as_deref(), Some("/here?x=1#y"), "{mode:?} {expected} {address}");
        };
        for (expected, from, to) in rows {
            let worker = worker();
            let begun = worker.page(1, &app()).begin(mode);
            let address = worker.here.way_back(&begun.url).replacen(from, to, 1);
            expect(&worker, &begun, &address, expected);
        }
        for (expected, response) in [
            ("token_error", json(400, r#"{"error":"invalid_grant"}"#)),
            ("server_unavailable", json(503, "")),
            ("not_json", answer(200, "text/html", "<h1>")),
            ("response_invalid", json(200, "{}")),
            ("id_token_invalid", json(200, r#"{"access_token":"a","token_type":"Bearer"}"#)),
        ] {
            let worker = worker();
            let begun = worker.page(1, &app()).begin(mode);
            let address = worker.here.way_back(&begun.url);
            worker.here.world().provider.instead.push((Place::Token, vec![Ok(response)]));
            expect(&worker, &begun, &address, expected);
        }
        let late = worker();
        let begun = late.page(1, &app()).begin(mode);
        let address = late.here.way_back(&begun.url);
        late.here.wait(3601);
        expect(&late, &begun, &address, "state_mismatch");
        // The page passes in the response of another page.
        let mixed = worker();
        let port = mixed.page(1, &app());
        let (begun, other) = (port.begin(mode), port.begin(mode));
        expect(&mixed, &begun, &mixed.here.way_back(&other.url), "state_mismatch");
        expect(
            &mixed,
            &other,
            &format!("https://app.test/cb#access_token=x&state={}", other.state),
            "response_invalid",
        );
    }
}

#[test]
fn req_20_a_response_of_an_unknown_sign_in_returns_no_page() {
    let worker = worker();
    let port = worker.page(1, &app());
    for query in ["error=access_denied", "code=c1", "code=c1&state=vk.unknown", "code=a&code=b"] {
        let address = string(&format!("https://app.test/cb?{query}"));
        let outcome =
            port.say("complete", &format!(r#""address":{address},"state":"vk.unknown","pending":true,"shared":false"#));
        assert_eq!(return_to(&outcome), None, "{query}");
        let ignored = port
            .say("complete", &format!(r#""address":{address},"state":"vk.unknown","pending":false,"shared":false"#));
        assert_eq!(ignored.as_deref(), Ok("{}"), "{query}: nothing is pending");
    }
    let begun = port.begin(Mode::Window);
    let address = worker.here.way_back(&begun.url);
    port.complete(&address, &begun.state, None).expect("a sign-in");
    let again = port.complete(&address, &begun.state, None);
    assert_eq!((code(&again), return_to(&again)), (Some("cancelled"), None), "a state counts once");
}

/// CB-68 CB-69: what a waiting page is told about a response without a `state`.
#[test]
fn cb_68_69_a_response_without_a_transaction_keeps_the_pending_sign_in() {
    let worker = worker();
    let port = worker.page(1, &app());
    let begun = port.begin(Mode::Window);
    let complete = |query: &str, pending: bool| {
        let address = string(&format!("https://app.test/cb?{query}"));
        port.say("complete", &format!(r#""address":{address},"state":"","pending":{pending},"shared":false"#))
    };
    let refused = complete("error=access_denied&error_description=The+user+said+no", true);
    let told = to_json(refused.as_ref().expect_err("an error"));
    assert!(told.ends_with(r#""retryable":false,"oauth":{"error":"access_denied"}}"#), "{told}");
    assert_eq!(code(&complete("code=c1", true)), Some("state_mismatch"));
    assert_eq!(code(&complete("code=c1&state=vk.unknown", true)), Some("state_mismatch"));
    for query in ["error=access_denied", "code=c1", "code=c1&state=vk.unknown"] {
        assert_eq!(complete(query, false).as_deref(), Ok("{}"), "{query}");
    }
    let address = worker.here.way_back(&begun.url);
    assert_eq!(code(&port.complete(&address, &begun.state, None)), None, "TX1");
    assert!(port.is_signed_in());
}

#[test]
fn a_sign_in_without_the_user_is_told_as_such() {
    for (restores, mode) in [(true, Mode::Window), (true, Mode::Redirect), (false, Mode::Window)] {
        let worker = worker();
        let port = worker.page(1, &app());
        let begun = begin(port, mode, restores);
        let address = worker.here.way_back(&begun.url);
        port.complete(&address, &begun.state, begun.record.as_deref()).expect("a session");
        let [(_, text)] = &told(&worker)[..] else { panic!("one event") };
        assert_eq!(member(text, "reason").as_deref(), Some("restored"), "{restores}");
    }
}
