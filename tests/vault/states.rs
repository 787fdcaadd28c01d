//! States: to which client they belong, how often they are valid, and how long.

use valet_key::protocol::error::Kind;
use valet_key::vault::Kept;

use crate::hostile::provider::Place;
use crate::hostile::text::string;
use crate::hostile::worker::{Begun, Mode, SharedWorker};
use crate::hostile::world::poll;
use crate::support::{at, code, transaction};
use crate::{app, record, second_account, wider, worker};

#[test]
fn a_state_is_valid_once() {
    for mode in [Mode::Redirect, Mode::Window] {
        let worker = worker();
        let port = worker.page(1, &app());
        let begun = port.begin(mode);
        let address = worker.here.way_back(&begun.url);
        let record = begun.record.as_deref();
        port.complete(&address, &begun.state, record).expect("a sign-in");
        worker.here.take_sent();
        // A duplicated tab with a copy of the storage, and other clients that received a copy.
        for other in [port, worker.page(2, &app()), worker.page(3, &wider()), worker.page(4, &second_account())] {
            let again = other.complete(&address, &begun.state, record);
            match mode {
                Mode::Redirect => assert_eq!(again.as_deref(), Ok("{}")),
                Mode::Window => assert_eq!(code(&again), Some("cancelled"), "a page waits for it"),
            }
        }
        assert_eq!(worker.here.take_sent(), [""; 0], "{mode:?}");
        assert_eq!((port.is_signed_in(), worker.port(3).is_signed_in()), (true, false));
    }
}

#[test]
fn a_state_is_valid_once_while_its_code_is_redeemed() {
    let worker = worker();
    let (port, other) = (worker.page(1, &app()), worker.page(2, &wider()));
    let begun = port.begin(Mode::Redirect);
    let address = worker.here.way_back(&begun.url);
    let record = begun.record.as_deref();
    let both = vec![
        port.start_complete(&address, &begun.state, record),
        port.start_complete(&address, &begun.state, record),
        other.start_complete(&address, &begun.state, record),
    ];
    let outcomes: Vec<_> = worker.here.finish_all(both).into_iter().map(Result::unwrap).collect();
    assert_eq!(outcomes, [r#"{"returnTo":"/here?x=1#y"}"#, "{}", "{}"]);
    assert_eq!(worker.here.asked(Place::Token), 1);
}

#[test]
fn a_state_is_not_valid_again_after_a_failure() {
    let worker = worker();
    let port = worker.page(1, &app());
    let begun = port.begin(Mode::Redirect);
    let address = worker.here.way_back(&begun.url);
    let record = begun.record.as_deref();
    let elsewhere = address.replace("as.test", "evil.test");
    assert_eq!(code(&port.complete(&elsewhere, &begun.state, record)), Some("iss_mismatch"));
    assert_eq!(port.complete(&address, &begun.state, record).as_deref(), Ok("{}"));
    assert!(!port.is_signed_in());
}

#[test]
fn a_response_with_another_state_than_the_page_says_is_refused() {
    let worker = worker();
    let port = worker.page(1, &app());
    let (begun, other) = (port.begin(Mode::Redirect), port.begin(Mode::Window));
    let address = worker.here.way_back(&other.url);
    worker.here.take_sent();
    let outcome = port.complete(&address, &begun.state, begun.record.as_deref());
    assert_eq!(code(&outcome), Some("state_mismatch"));
    assert_eq!(worker.here.take_sent(), [""; 0]);
    assert_eq!(code(&port.complete(&address, &other.state, None)), None, "the window's own is as good as before");
}

#[test]
fn an_unknown_state_is_an_error_only_while_sign_ins_are_pending() {
    let worker = worker();
    let port = worker.page(1, &app());
    let complete = |pending: bool, record: &str| {
        let members = format!(
            r#""address":"https://app.test/cb?state=vk.x&code=y","state":"vk.x",{record}"pending":{pending},"shared":false"#
        );
        port.say("complete", &members)
    };
    assert_eq!(complete(false, "").as_deref(), Ok("{}"));
    assert_eq!(code(&complete(true, "")), Some("state_mismatch"));
    assert_eq!(code(&complete(true, r#""record":"{}","#)), Some("state_mismatch"));
    assert_eq!(code(&complete(false, r#""record":7,"#)), Some("config_error"));
    assert_eq!(worker.here.take_sent(), [""; 0]);
}

#[test]
fn an_abandoned_sign_in_ends() {
    let worker = worker();
    let (port, same, stranger) = (worker.page(1, &app()), worker.page(2, &app()), worker.page(3, &wider()));
    let begun = port.begin(Mode::Window);
    let address = worker.here.way_back(&begun.url);
    let abandon = format!(r#""state":{}"#, string(&begun.state));
    worker.here.take_sent();
    for (number, other) in [(1, stranger), (2, port)] {
        assert_eq!(other.say("abandon", &abandon).as_deref(), Ok(""), "{number}");
    }
    for other in [port, same] {
        assert_eq!(other.complete(&address, &begun.state, None).as_deref(), Ok("{}"));
    }
    assert_eq!(worker.here.take_sent(), [""; 0]);

    let begun = port.begin(Mode::Window);
    let address = worker.here.way_back(&begun.url);
    stranger.say("abandon", &format!(r#""state":{}"#, string(&begun.state))).expect("nothing");
    assert_eq!(code(&port.complete(&address, &begun.state, None)), None, "another client abandons nothing here");
    assert!(port.is_signed_in());
}

#[test]
fn a_sign_out_ends_the_pending_sign_ins_of_its_registration() {
    let worker = worker();
    let (port, other) = (worker.page(1, &app()), worker.page(2, &wider()));
    let stranger = worker.page(3, &app().replace(r#""spa""#, r#""spa2""#));
    let begun = [port, other, stranger].map(|port| (port, port.begin(Mode::Window)));
    let redirect = other.begin(Mode::Redirect);
    port.say("end", "").expect("a sign-out");
    for ((port, begun), expected) in begun.iter().zip([Some("cancelled"), Some("cancelled"), None]) {
        let address = worker.here.way_back(&begun.url);
        assert_eq!(code(&port.complete(&address, &begun.state, None)), expected);
    }
    let address = worker.here.way_back(&redirect.url);
    let late = other.complete(&address, &redirect.state, redirect.record.as_deref());
    assert_eq!(late.as_deref(), Ok("{}"), "its record is of no use any more");
    assert!(!other.is_signed_in());
}

#[test]
fn a_sign_out_ends_a_pending_sign_in_of_another_client_of_its_registration() {
    let worker = worker();
    let (port, other) = (worker.page(1, &app()), worker.page(2, &wider()));
    let begun = other.begin(Mode::Redirect);
    let address = worker.here.way_back(&begun.url);
    let mut redeemed = other.start_complete(&address, &begun.state, begun.record.as_deref());
    assert!(poll(&mut redeemed).is_pending());
    port.say("end", "").expect("a sign-out");
    let outcomes = worker.here.finish_all(vec![redeemed]);
    assert_eq!(outcomes.iter().map(code).collect::<Vec<_>>(), [Some("cancelled")]);
    assert!(!other.is_signed_in());
}

#[test]
fn a_sign_in_expires_after_an_hour() {
    for mode in [Mode::Redirect, Mode::Window] {
        let late = Some("state_mismatch");
        for (seconds, expected) in [(660, None), (1800, None), (3600, None), (3601, late), (7200, late), (-1, late)] {
            let worker = worker();
            let port = worker.page(1, &app());
            let begun = port.begin(mode);
            let address = worker.here.way_back(&begun.url);
            worker.here.wait(seconds);
            worker.here.take_sent();
            let outcome = port.complete(&address, &begun.state, begun.record.as_deref());
            assert_eq!(code(&outcome), expected, "{mode:?} {seconds}");
            assert_eq!(worker.here.take_sent().is_empty(), expected.is_some(), "{mode:?} {seconds}");
        }
    }
}

#[test]
fn the_vault_keeps_32_sign_ins_of_a_client() {
    let worker = worker();
    let (port, other) = (worker.page(1, &app()), worker.page(2, &wider()));
    let elsewhere = other.begin(Mode::Window);
    let mut begun: Vec<_> = (0..33).map(|_| port.begin(Mode::Window)).collect();
    let last = begun.pop().expect("one");
    let finish = |begun: &Begun| {
        let address = worker.here.way_back(&begun.url);
        port.complete(&address, &begun.state, None).expect("no error")
    };
    assert_eq!(finish(&begun[0]), "{}", "the oldest has gone");
    for begun in [&begun[1], &last] {
        assert_eq!(finish(begun), r#"{"returnTo":"/here?x=1#y"}"#);
    }
    let address = worker.here.way_back(&elsewhere.url);
    assert_eq!(code(&other.complete(&address, &elsewhere.state, None)), None, "the bound is each client's own");
    assert!(other.is_signed_in());
}

#[test]
fn expired_sign_ins_do_not_count_toward_the_limit() {
    let worker = worker();
    let port = worker.page(1, &app());
    (0..32).for_each(|_| drop(port.begin(Mode::Window)));
    worker.here.wait(3700);
    let begun: Vec<_> = (0..32).map(|_| port.begin(Mode::Window)).collect();
    let address = worker.here.way_back(&begun[0].url);
    assert_eq!(code(&port.complete(&address, &begun[0].state, None)), None);
    assert!(port.is_signed_in());
}

/// Uses a state with a matching record.
fn take(worker: &SharedWorker, number: i64, seconds: i64) -> Kept {
    let state = format!("vk.{number}");
    let record = transaction().to_record().replace(transaction().state.expose(), &state);
    worker.vault.borrow_mut().take(1, &state, Some(&record), at(seconds))
}

#[test]
fn returned_states_are_limited_in_number_and_time() {
    let worker = worker();
    worker.page(1, &app());
    for number in 0..1024 {
        assert!(matches!(take(&worker, number, 0), Kept::Transaction(_)), "{number}");
    }
    assert!(matches!(take(&worker, 0, 3600), Kept::Spent), "the first of 1,024, after an hour");
    assert!(matches!(take(&worker, 1024, 3600), Kept::Transaction(_)));
    assert!(matches!(take(&worker, 0, 3600), Kept::Transaction(_)), "the first of 1,025 is forgotten");
    assert!(matches!(take(&worker, 1024, 7200), Kept::Spent));
    assert!(matches!(take(&worker, 1024, 7201), Kept::Transaction(_)), "its transaction's time is over by now");
}

#[test]
fn states_of_sign_ins_ended_by_a_sign_out_count_as_returned() {
    let worker = worker();
    let port = worker.page(1, &app());
    for number in 0..1023 {
        assert!(matches!(take(&worker, number, 0), Kept::Transaction(_)), "{number}");
    }
    let begun = [(); 4].map(|()| port.begin(Mode::Window));
    port.say("end", "").expect("a sign-out");
    for number in 1023..1100 {
        assert!(matches!(take(&worker, number, 0), Kept::Transaction(_)), "{number}");
    }
    assert!(matches!(take(&worker, 1099, 0), Kept::Spent));
    assert!(matches!(take(&worker, 70, 0), Kept::Transaction(_)), "more than 1,024 came back after it");
    assert_eq!(code(&port.complete("https://app.test/cb?code=c", &begun[3].state, None)), Some("cancelled"));
}

#[test]
fn two_providers_on_one_redirect_page_must_send_iss() {
    let silent = |worker: &SharedWorker| {
        let change = [("-authorization_response_iss_parameter_supported", "")];
        crate::hostile::provider::change(&mut worker.here.world().provider.metadata, &change);
    };
    let shared =
        r#""redirectUri":"https://app.test/cb","scope":"","returnTo":"/","options":{},"inWindow":true,"shared":true"#;
    let named = worker();
    assert_eq!(code(&named.page(1, &app()).say("begin", shared)), None);
    let worker = worker();
    silent(&worker);
    let port = worker.page(1, &app());
    let outcome = port.say("begin", shared);
    assert!(
        matches!(outcome, Err(failed) if matches!(failed.error.kind(), Kind::Config { option, .. } if option == "redirectUri"))
    );

    let begun = port.begin(Mode::Redirect);
    let address = worker.here.way_back(&begun.url);
    worker.here.take_sent();
    let members = format!(
        r#""address":{},"state":{},"record":{},"pending":false,"shared":true"#,
        string(&address),
        string(&begun.state),
        string(record(&begun))
    );
    assert_eq!(code(&port.say("complete", &members)), Some("iss_mismatch"));
    assert_eq!(worker.here.take_sent(), [""; 0], "neither code nor verifier leave");
}

#[test]
fn a_sign_in_of_a_page_that_left_is_not_usable_by_another_client() {
    let worker = worker();
    let port = worker.page(1, &app());
    let members =
        r#""redirectUri":"https://app.test/cb","scope":"","returnTo":"/","options":{},"inWindow":true,"shared":false"#;
    let mut beginning = port.start("begin", members);
    assert!(poll(&mut beginning).is_pending());
    port.say("leave", "").expect("a page that goes");
    port.configure(&wider()).expect("another client at the same port");
    let begun = Begun::read(&worker.here.finish(beginning).expect("a request"));
    let address = worker.here.way_back(&begun.url);
    worker.here.take_sent();
    assert_eq!(port.complete(&address, &begun.state, None).as_deref(), Ok("{}"));
    assert_eq!(worker.here.take_sent(), [""; 0]);
    assert_eq!(code(&worker.page(2, &app()).complete(&address, &begun.state, None)), None);
    assert!(worker.port(2).is_signed_in(), "its own client has it");
}
