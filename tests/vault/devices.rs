//! Sign-ins on another device (RFC 8628).

use std::cell::RefCell;

use valet_key::protocol::error::Kind;
use valet_key::protocol::http::HttpResponse;
use valet_key::vault::messages::{Outcome, to_json};

use crate::hostile::provider::{Place, change};
use crate::hostile::text::{member, string};
use crate::hostile::worker::{Port, SharedWorker};
use crate::hostile::world::{Waiting, poll as poll_once};
use crate::support::{code, json};
use crate::{app, named, record, wider, worker};

fn begin(port: Port<'_>) -> Outcome {
    begin_with(port, "read", "{}")
}

thread_local! {
    /// The numbers of the sign-ins of this test, in order.
    static NUMBERS: RefCell<Vec<u32>> = RefCell::default();
}

fn begin_with(port: Port<'_>, scope: &str, options: &str) -> Outcome {
    let outcome = port.say("beginDevice", &format!(r#""scope":"{scope}","options":{options}"#));
    if let Ok(text) = &outcome {
        let (number, _) = read(text);
        NUMBERS.with_borrow_mut(|numbers| {
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        });
    }
    outcome
}

/// The number that the vault has given, and what the page shows.
fn read(begun: &str) -> (u32, String) {
    let (number, prompt) = begun.split_once(r#","prompt":"#).expect("both");
    let number = number.trim_start_matches(r#"{"number":"#).parse().expect("a number");
    (number, prompt.strip_suffix('}').expect("an end").into())
}

/// The place of a sign-in in the order of this test, beginning with 1, and what the page shows.
fn parts(begun: &Outcome) -> (usize, String) {
    let (number, prompt) = read(begun.as_deref().expect("codes"));
    let place = NUMBERS.with_borrow(|numbers| numbers.iter().position(|known| *known == number));
    (place.expect("a number of this test") + 1, prompt)
}

/// Asks for a sign-in.
fn ask(port: Port<'_>, place: usize) -> Outcome {
    port.say("pollDevice", &of(place))
}

fn of(place: usize) -> String {
    let number = NUMBERS.with_borrow(|numbers| numbers.get(place - 1).copied().unwrap_or_default());
    format!(r#""number":{number}"#)
}

/// The milliseconds until the next message about the first sign-in, or 0 if the user is signed in.
fn poll(port: Port<'_>) -> u32 {
    let text = ask(port, 1).expect("a pending sign-in");
    if text.is_empty() { 0 } else { text.parse().expect("milliseconds") }
}

/// Waits as the core says, and asks again.
fn next(worker: &SharedWorker, port: Port<'_>) -> u32 {
    let milliseconds = poll(port);
    assert_eq!(milliseconds % 1000, 0, "seconds, here");
    worker.here.wait(i64::from(milliseconds / 1000));
    poll(port)
}

fn oauth_error(outcome: &Outcome) -> String {
    let failed = outcome.as_ref().expect_err("an error");
    failed.error.oauth().map(|said| said.error.as_str().to_owned()).unwrap_or_default()
}

/// Lets the provider respond in another way to a device authorization request.
fn with_device(changes: &[(&str, &str)]) -> (SharedWorker, Outcome) {
    let worker = worker();
    change(&mut worker.here.world().provider.device, changes);
    let outcome = begin(worker.page(1, &app()));
    (worker, outcome)
}

fn refuse(worker: &SharedWorker, error: &str) {
    let refusal = json(400, &format!(r#"{{"error":"{error}"}}"#));
    worker.here.world().provider.instead = vec![(Place::Poll, vec![Ok(refusal)])];
}

#[test]
fn a_user_signs_in_on_another_device() {
    let worker = worker();
    let port = worker.page(1, &app());
    let (_, begun) = parts(&begin_with(port, "read", r#"{"params":{"audience":"x"}}"#));
    assert_eq!(member(&begun, "userCode").as_deref(), Some("WDJB-MJHT"));
    assert_eq!(member(&begun, "verificationUri").as_deref(), Some("https://as.test/activate"));
    assert!(begun.contains(r#""verificationUriComplete":"https://as.test/activate?code=WDJB-MJHT","expiresAt":"#));
    assert!(!begun.contains("device-code"), "the device code stays in the vault: {begun}");
    let expected = [("client_id", "spa"), ("scope", "openid read"), ("audience", "x")];
    let form = worker.here.world().provider.last_form(Place::Device);
    assert_eq!(form, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));

    worker.here.world().provider.consented = true;
    assert_eq!(next(&worker, port), 0);
    assert_eq!(port.user().as_deref(), Some("alice"));
    port.say("fetch", r#""url":"https://api.test/v1/x""#).expect("the API");
    assert_eq!(poll(port), 0, "another page that waits hears of it");
}

#[test]
fn dev_01_it_asks_at_the_interval_and_not_faster() {
    let worker = worker();
    let port = worker.page(1, &app());
    begin(port).expect("codes");
    assert_eq!(poll(port), 5000, "the first request comes after an interval");
    for round in 1..=3 {
        worker.here.wait(4);
        assert_eq!(poll(port), 1000);
        worker.here.wait(1);
        assert_eq!(poll(port), 5000);
        assert_eq!(worker.here.asked(Place::Poll), round);
    }
    worker.here.world().provider.consented = true;
    assert_eq!(next(&worker, port), 0);
    assert_eq!(worker.here.asked(Place::Poll), 4);
}

#[test]
fn dev_02_each_slow_down_adds_five_seconds() {
    let worker = worker();
    let port = worker.page(1, &app());
    begin(port).expect("codes");
    refuse(&worker, "slow_down");
    assert_eq!(next(&worker, port), 10_000);
    assert_eq!(next(&worker, port), 15_000);
    worker.here.world().provider.instead.clear();
    assert_eq!(next(&worker, port), 15_000, "from then on");
}

#[test]
fn dev_04_an_interval_is_a_number_of_seconds_or_five() {
    for (interval, expected) in
        [("null", 5000), ("0", 5000), (r#""7""#, 7000), ("7", 7000), ("1e9", 60_000), ("9007199254740991", 60_000)]
    {
        let (worker, outcome) = with_device(&[("interval", interval)]);
        assert_eq!(code(&outcome), None, "{interval}");
        assert_eq!(poll(worker.port(1)), expected, "{interval}");
    }
    let (worker, _) = with_device(&[("-interval", "")]);
    assert_eq!(poll(worker.port(1)), 5000);
    for interval in ["-1", r#""soon""#, "true", "[5]"] {
        let (worker, outcome) = with_device(&[("interval", interval)]);
        assert_eq!(code(&outcome), Some("response_invalid"), "{interval}");
        assert!(ask(worker.port(1), 1).is_err());
    }
}

#[test]
fn dev_06_a_user_is_sent_to_https_only() {
    for name in ["verification_uri", "verification_uri_complete"] {
        for address in
            ["javascript:alert(1)", "http://as.test/activate", "data:text/html,x", "activate", "https://a@b.test/"]
        {
            let (worker, outcome) = with_device(&[(name, &format!("\"{address}\""))]);
            assert_eq!(code(&outcome), Some("url_rejected"), "{name} {address}");
            assert!(ask(worker.port(1), 1).is_err());
            assert_eq!(worker.here.asked(Place::Poll), 0, "NQ");
        }
    }
}

#[test]
fn dev_07_each_flaw_of_the_response_is_named() {
    let long = format!("\"{}\"", "A".repeat(65));
    for (member, value) in [
        ("-device_code", ""),
        ("device_code", r#""""#),
        ("-user_code", ""),
        ("user_code", r#""""#),
        ("user_code", r#""a\u202eb""#),
        ("user_code", r#""a\nb""#),
        ("user_code", long.as_str()),
        ("user_code", r#""see device-code-number-00000001""#),
        ("-verification_uri", ""),
        ("verification_uri", r#""https://as.test/?c=device-code-number-00000001""#),
        ("-expires_in", ""),
        ("expires_in", "-1"),
        ("expires_in", r#""soon""#),
    ] {
        let (_, outcome) = with_device(&[(member, value)]);
        assert_eq!(code(&outcome), Some("response_invalid"), "{member} {value}");
        let text = to_json(outcome.as_ref().expect_err("a flaw"));
        assert!(text.contains(member.trim_start_matches('-')) && !text.contains("device-code-number"), "{text}");
    }
    let (_, outcome) = with_device(&[("error", r#""unauthorized_client""#)]);
    assert_eq!((code(&outcome), oauth_error(&outcome).as_str()), (Some("token_error"), "unauthorized_client"));
}

#[test]
fn dev_08_a_refusal_or_the_end_of_the_codes_ends_the_sign_in() {
    for error in ["access_denied", "expired_token", "invalid_grant", "server_error"] {
        let worker = worker();
        let port = worker.page(1, &app());
        begin(port).expect("codes");
        refuse(&worker, error);
        worker.here.wait(5);
        let outcome = ask(port, 1);
        assert_eq!((code(&outcome), oauth_error(&outcome).as_str()), (Some("token_error"), error));
        assert_eq!(oauth_error(&ask(port, 1)), error, "every page that waits hears of it");
        assert_eq!(worker.here.asked(Place::Poll), 1);
    }
    let worker = worker();
    let port = worker.page(1, &app());
    begin(port).expect("codes");
    worker.here.wait(599);
    assert_eq!(poll(port), 1000, "after the last request, no longer than the codes live");
    worker.here.wait(1);
    let outcome = ask(port, 1);
    assert_eq!((code(&outcome), oauth_error(&outcome).as_str()), (Some("token_error"), "expired_token"));
    assert_eq!(worker.here.asked(Place::Poll), 1);
}

#[test]
fn dev_09_without_a_response_it_waits_twice_as_long_each_time() {
    let worker = worker();
    let port = worker.page(1, &app());
    begin(port).expect("codes");
    let lost = Kind::Timeout { url: "https://as.test/token".into() };
    worker.here.world().provider.instead = vec![(Place::Poll, vec![Err(lost.into())])];
    for expected in [10_000, 20_000, 40_000, 60_000, 60_000] {
        assert_eq!(next(&worker, port), expected);
    }
    let captive = HttpResponse { content_type: "text/html".into(), ..json(200, "<p>Pay first") };
    let busy = HttpResponse { retry_after: Some(90), ..json(503, "") };
    worker.here.world().provider.instead = vec![(Place::Poll, vec![Ok(captive), Ok(busy)])];
    assert_eq!(next(&worker, port), 60_000, "another network answers");
    assert_eq!(next(&worker, port), 60_000, "the first minute of those that the server asks for");
    assert_eq!(next(&worker, port), 30_000, "the rest");
    worker.here.world().provider.instead.clear();
    assert_eq!(next(&worker, port), 5_000, "the interval again, after a real answer");
    worker.here.world().provider.consented = true;
    assert_eq!(next(&worker, port), 0);
}

#[test]
fn dev_02_after_slow_down_a_lost_response_does_not_make_it_faster() {
    let worker = worker();
    change(&mut worker.here.world().provider.device, &[("interval", "70"), ("expires_in", "1800")]);
    let port = worker.page(1, &app());
    begin(port).expect("codes");
    refuse(&worker, "slow_down");
    worker.here.wait(70);
    assert_eq!((poll(port), worker.here.asked(Place::Poll)), (60_000, 1));
    let lost = Kind::Timeout { url: "https://as.test/token".into() };
    worker.here.world().provider.instead = vec![(Place::Poll, vec![Err(lost.into())])];
    worker.here.wait(74);
    assert_eq!((poll(port), worker.here.asked(Place::Poll)), (1000, 1), "75 seconds");
    worker.here.wait(1);
    poll(port);
    worker.here.wait(74);
    assert_eq!((poll(port), worker.here.asked(Place::Poll)), (1000, 2), "still 75 seconds");
}

#[test]
fn dev_10_a_page_continues_the_sign_in_of_an_earlier_page() {
    let worker = worker();
    let first = worker.page(1, &app());
    let begun = begin(first).expect("codes");
    first.say("leave", "").expect("gone");
    let second = worker.page(2, &app());
    assert_eq!(begin(second).as_ref(), Ok(&begun));
    assert_eq!(worker.here.asked(Place::Device), 1);
    let others = [("read write", "{}"), ("read", r#"{"params":{"audience":"x"}}"#), ("read", "{}")];
    for (count, (scope, options)) in others.into_iter().enumerate() {
        let (number, _) = parts(&begin_with(second, scope, options));
        assert_eq!((number, worker.here.asked(Place::Device)), (count + 2, count + 2));
    }
    worker.here.wait(600);
    begin(second).expect("new codes, since the earlier ones have expired");
    assert_eq!(worker.here.asked(Place::Device), 5);
    let both = worker.here.finish_all(vec![first_of_two(second, "other"), first_of_two(second, "other")]);
    assert_eq!(
        (&both[0], worker.here.asked(Place::Device)),
        (&both[1], 6),
        "two that begin at once show the same codes"
    );
}

fn first_of_two(port: Port<'_>, scope: &str) -> Waiting<'static, Outcome> {
    port.start("beginDevice", &format!(r#""scope":"{scope}","options":{{}}"#))
}

#[test]
fn dev_11_the_app_ends_the_sign_in() {
    let worker = worker();
    let port = worker.page(1, &app());
    begin(port).expect("codes");
    port.say("abandonDevice", &of(1)).expect("no result");
    assert_eq!(code(&ask(port, 1)), Some("cancelled"));

    // Two calls wait, and one is ended.
    let (number, _) = parts(&begin(port));
    begin(port).expect("the same codes");
    port.say("abandonDevice", &of(1)).expect("an earlier one, which concerns nothing");
    port.say("abandonDevice", &of(number)).expect("no result");
    assert_eq!(ask(port, number).as_deref(), Ok("5000"));
    port.say("abandonDevice", &of(number)).expect("no result");
    assert_eq!(code(&ask(port, number)), Some("cancelled"));

    // A page that is gone does not count.
    let (number, _) = parts(&begin_with(port, "other", "{}"));
    port.say("leave", "").expect("gone");
    let port = worker.page(1, &app());
    assert_eq!(parts(&begin_with(port, "other", "{}")).0, number, "after a reload");
    port.say("abandonDevice", &of(number)).expect("no result");
    assert_eq!(code(&ask(port, number)), Some("cancelled"));

    // It is ended while the request is under way.
    let (number, _) = parts(&begin(port));
    worker.here.world().provider.consented = true;
    worker.here.wait(5);
    let asking = port.start("pollDevice", &of(number));
    let ending = port.start("abandonDevice", &of(number));
    let outcomes = worker.here.finish_all(vec![asking, ending]);
    assert_eq!(code(&outcomes[0]), Some("cancelled"));
    worker.here.deliver_all();
    assert_eq!((port.user(), worker.here.asked(Place::Revocation)), (None, 2), "the tokens that came too late");
}

#[test]
fn dev_11_a_sign_out_ends_the_sign_in() {
    // In this client, in another one of the same registration, in another vault, and as the mark of an earlier page tells.
    for place in 0..5 {
        let worker = worker();
        let port = worker.page(1, &app());
        begin(port).expect("codes");
        let ended = |sub: &str| {
            format!(r#"{{"news":"ended","provider":"https://as.test","clientId":"spa",{sub}"signIns":"end"}}"#)
        };
        let outcome = match place {
            0 => port.say("end", ""),
            1 => worker.page(2, &wider()).say("end", ""),
            2 => worker.hear(&ended("")),
            3 => worker.hear(&ended(r#""sub":"bob","#)),
            _ => worker.port(3).say("configure", &format!(r#""had":0,"options":{}"#, string(&app()))),
        };
        assert_eq!(code(&outcome), None, "{place}");
        worker.here.world().provider.consented = true;
        worker.here.wait(5);
        assert_eq!(code(&ask(port, 1)), Some("cancelled"), "{place}");
        assert_eq!(worker.here.asked(Place::Poll), 0);
        let (number, _) = parts(&begin(port));
        assert_eq!(number, 2, "the next sign-in is a new one");
    }

    // The user signs out while the request is under way.
    let worker = worker();
    let port = worker.page(1, &app());
    begin(port).expect("codes");
    worker.here.world().provider.consented = true;
    worker.here.wait(5);
    let outcomes = worker.here.finish_all(vec![port.start("pollDevice", &of(1)), port.start("end", "")]);
    assert_eq!(code(&outcomes[0]), Some("cancelled"));
    worker.here.deliver_all();
    assert_eq!((port.user(), worker.here.asked(Place::Revocation)), (None, 2), "the tokens that came too late");
}

#[test]
fn dev_12_two_pages_that_wait_make_one_request() {
    let worker = worker();
    let (first, second) = (worker.page(1, &app()), worker.page(2, &app()));
    begin(first).expect("codes");
    worker.here.world().provider.consented = true;
    worker.here.wait(5);
    let asking = first.start("pollDevice", &of(1));
    let other = second.start("pollDevice", &of(1));
    let mut asking = asking;
    assert!(poll_once(&mut asking).is_pending());
    worker.here.wait(9);
    let outcomes = worker.here.finish_all(vec![other, asking]);
    assert_eq!(outcomes[0].as_deref(), Ok("5000"), "the request is slow, and there is no other");
    assert_eq!(outcomes[1].as_deref(), Ok(""));
    assert_eq!(worker.here.asked(Place::Poll), 1);
    assert_eq!(poll(second), 0);
}

#[test]
fn dev_12_a_caller_that_gives_up_blocks_no_other() {
    let worker = worker();
    let port = worker.page(1, &app());
    let mut given_up = port.start("beginDevice", r#""scope":"read","options":{}"#);
    assert!(poll_once(&mut given_up).is_pending());
    worker.here.deliver_all(); // the metadata
    assert!(poll_once(&mut given_up).is_pending());
    drop(given_up);
    begin(port).expect("codes");
    worker.here.wait(5);
    let mut given_up = port.start("pollDevice", &of(1));
    assert!(poll_once(&mut given_up).is_pending());
    drop(given_up);
    worker.here.deliver_all();
    worker.here.world().provider.consented = true;
    assert_eq!(poll(port), 0);
}

#[test]
fn dev_16_a_call_hears_of_its_own_sign_in_only() {
    let worker = worker();
    let port = worker.page(1, &app());
    port.sign_in_as("alice");
    begin(port).expect("codes");
    begin(port).expect("the same codes");
    refuse(&worker, "access_denied");
    worker.here.wait(5);
    for _ in 0..2 {
        assert_eq!(oauth_error(&ask(port, 1)), "access_denied", "though alice is signed in");
    }
    worker.here.world().provider.instead.clear();

    // Another call asks for less, and takes its place.
    let (strict, _) = parts(&begin_with(port, "read", r#"{"acrValues":"mfa","maxAge":0}"#));
    let (lax, _) = parts(&begin(port));
    assert_eq!(code(&ask(port, strict)), Some("cancelled"));
    worker.here.world().provider.consented = true;
    worker.here.wait(5);
    assert_eq!(ask(port, lax).as_deref(), Ok(""));
    assert_eq!(code(&ask(port, strict)), Some("cancelled"));
}

#[test]
fn dev_13_the_id_token_is_checked_and_has_no_nonce() {
    for (claim, value) in [
        ("nonce", r#""any""#),
        ("iss", r#""https://evil.test""#),
        ("aud", r#""other""#),
        ("exp", "1"),
        ("sub", r#""""#),
    ] {
        let worker = worker();
        change(&mut worker.here.world().provider.claims, &[(claim, value)]);
        let port = worker.page(1, &app());
        begin(port).expect("codes");
        worker.here.world().provider.consented = true;
        worker.here.wait(5);
        assert_eq!(code(&ask(port, 1)), Some("id_token_invalid"), "{claim}");
        assert_eq!(port.user(), None);
    }
    let worker = worker();
    let port = worker.page(1, &app());
    begin_with(port, "read", r#"{"acrValues":"urn:strong","maxAge":60}"#).expect("codes");
    worker.here.world().provider.consented = true;
    worker.here.wait(5);
    assert_eq!(code(&ask(port, 1)), Some("id_token_invalid"), "what was asked for is checked");

    let worker = crate::worker();
    change(&mut worker.here.world().provider.claims, &[("auth_time", "1")]);
    let port = worker.page(1, &app());
    begin_with(port, "read", r#"{"prompt":"login"}"#).expect("codes");
    worker.here.world().provider.consented = true;
    worker.here.wait(5);
    assert_eq!(code(&ask(port, 1)), Some("id_token_invalid"), "an old authentication");
}

#[test]
fn dev_14_no_record_of_a_page_makes_a_sign_in_without_a_nonce() {
    let worker = worker();
    let port = worker.page(1, &app());
    let begun = port.begin(crate::hostile::worker::Mode::Redirect);
    let address = worker.here.way_back(&begun.url);
    let forged = record(&begun).replace(r#""restores":false"#, r#""restores":false,"purpose":"device""#);
    change(&mut worker.here.world().provider.claims, &[("-nonce", "")]);
    let other = SharedWorker::beside(&worker);
    let outcome = other.page(1, &app()).complete(&address, &begun.state, Some(&forged));
    assert_eq!(code(&outcome), Some("id_token_invalid"));
}

#[test]
fn dev_15_options_and_servers_that_do_not_fit_are_named() {
    let worker = worker();
    let port = worker.page(1, &app());
    for (scope, options, option) in [
        ("a\\\"b", "{}", "scope"),
        ("read", r#"{"params":{"client_secret":"x"}}"#, "client_secret"),
        ("read", r#"{"maxAge":"soon"}"#, "maxAge"),
        ("read", r#"{"colour":"red"}"#, "colour"),
    ] {
        let outcome = begin_with(port, scope, options);
        assert!(named(&outcome).is_some_and(|name| name.starts_with(option) || name == "max_age"), "{outcome:?}");
    }
    assert_eq!(worker.here.asked(Place::Device), 0);
    for (changes, expected) in [
        ([("-device_authorization_endpoint", "")], "unsupported"),
        ([("device_authorization_endpoint", r#""http://as.test/device""#)], "url_rejected"),
    ] {
        let worker = crate::worker();
        change(&mut worker.here.world().provider.metadata, &changes);
        assert_eq!(code(&begin(worker.page(1, &app()))), Some(expected));
    }
}
