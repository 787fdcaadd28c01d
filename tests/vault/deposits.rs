//! Deposits: the next vault continues the sessions of the one before it.

use crate::hostile::provider::Place;
use crate::hostile::text::string;
use crate::hostile::worker::{Mode, SharedWorker};
use crate::hostile::world::poll;
use crate::support::{code, json};
use crate::{app, elsewhere, second_account, wider, worker};

const API: &str = r#""url":"https://api.test/v1/me","once":false"#;

/// A worker in which Alice is signed in at port 1.
fn signed_in() -> SharedWorker {
    let worker = worker();
    worker.page(1, &app()).sign_in_as("alice");
    worker.here.take_sent();
    worker
}

/// What the vaults have deposited last.
fn deposit(worker: &SharedWorker) -> String {
    worker.here.world().deposits.last().cloned().expect("a deposit")
}

#[test]
fn the_next_vault_continues_each_session_without_a_request() {
    let first = signed_in();
    first.page(2, &elsewhere()).sign_in();
    first.here.take_sent();
    let session = first.port(1).session();

    let next = SharedWorker::after(&first);
    for (number, options) in [(1, app()), (2, elsewhere())] {
        assert!(next.page(number, &options).is_signed_in(), "{options}");
    }
    assert_eq!(next.port(1).session(), session, "the same claims, scope and expiry");
    let calls = next.here.world().calls.len();
    assert_eq!(next.port(1).say("fetch", API).as_deref(), Ok(""));
    assert_eq!(next.here.world().calls.len(), calls + 1);
    assert_eq!(next.here.take_sent(), [""; 0], "no request to the providers");
}

#[test]
fn a_client_with_another_configuration_gets_nothing_of_a_deposit() {
    let next = SharedWorker::after(&signed_in());
    for (number, options) in [(1, wider()), (2, second_account()), (3, elsewhere())] {
        assert!(!next.page(number, &options).is_signed_in(), "{options}");
    }
    assert!(next.page(4, &app()).is_signed_in());
}

#[test]
fn the_next_vault_renews_and_revokes_as_the_one_before_it() {
    let next = SharedWorker::after(&signed_in());
    next.page(1, &app());
    next.here.wait(700);
    next.port(1).say("refresh", "").expect("a renewal");
    assert_eq!(next.here.take_sent(), ["https://as.test/token"], "the metadata are known");
    next.port(1).say("end", "").expect("a sign-out");
    assert_eq!(next.here.take_sent(), ["https://as.test/revoke"; 2]);
    assert_eq!(deposit(&next), "");
}

#[test]
fn each_change_is_deposited_and_a_sign_out_clears_the_deposit() {
    let worker = signed_in();
    let before = deposit(&worker);
    worker.port(1).say("refresh", "").expect("a renewal");
    let renewed = deposit(&worker);
    assert_ne!(before, renewed);
    worker.port(1).say("end", "").expect("a sign-out");
    assert_eq!(deposit(&worker), "");
    let next = SharedWorker::beside(&worker);
    next.recall("");
    assert!(!next.page(1, &app()).is_signed_in());
}

/// A server that rotates refresh tokens may already have replaced the one in a deposit, and takes a second use of it for a theft
/// (RFC 9700 §4.14.2).
#[test]
fn a_session_is_not_in_a_deposit_while_its_tokens_are_renewed() {
    let worker = signed_in();
    let mut renewal = worker.port(1).start("refresh", "");
    assert!(poll(&mut renewal).is_pending());
    assert_eq!(worker.here.on_the_wire(), ["https://as.test/token"]);
    assert_eq!(deposit(&worker), "", "before the request has left");
    worker.here.deliver();
    worker.here.finish(renewal).expect("a renewal");
    assert!(SharedWorker::after(&worker).page(1, &app()).is_signed_in());

    worker.here.world().provider.instead.push((Place::Refresh, vec![Ok(json(503, "{}"))]));
    assert_eq!(code(&worker.port(1).say("refresh", "")), Some("server_unavailable"));
    assert!(SharedWorker::after(&worker).page(1, &app()).is_signed_in(), "the session lives on after a failed renewal");
}

#[test]
fn a_session_that_ends_while_no_vault_lives_is_over_in_the_next_one() {
    let next = SharedWorker::after(&signed_in());
    next.hear(r#"{"news":"ended","provider":"https://as.test","clientId":"spa","sub":"alice","signIns":"end"}"#)
        .expect("news");
    assert!(!next.page(1, &app()).is_signed_in());
    assert_eq!(deposit(&next), "");
}

/// A page may be left before its vault hears of the sign-out. Its mark says so to the next one.
#[test]
fn a_sign_out_that_the_vault_did_not_hear_of_ends_the_session_at_the_next_page() {
    let first = signed_in();
    first.page(2, &second_account()).sign_in_as("alice");
    first.here.take_sent();
    let next = SharedWorker::after(&first);
    let configured = next.port(1).say("configure", &format!(r#""had":0,"options":{}"#, string(&app())));
    assert_eq!(configured.as_deref(), Ok(""));
    assert!(!next.port(1).is_signed_in());
    assert_eq!(next.here.take_sent(), ["https://as.test/revoke"; 4], "the tokens of both clients of the user");
    assert_eq!(deposit(&next), "");

    let next = SharedWorker::after(&signed_in());
    next.port(1).say("configure", &format!(r#""options":{}"#, string(&app()))).expect("a client");
    assert!(next.port(1).is_signed_in(), "a page without a mark knows nothing");
}

#[test]
fn a_deposit_is_read_once_and_only_by_a_new_vault() {
    let (first, other) = (signed_in(), worker());
    let text = deposit(&first);
    other.page(1, &app());
    other.recall(&text);
    assert!(!other.port(1).is_signed_in(), "it has a client already");

    let next = SharedWorker::after(&first);
    next.recall(&text);
    next.page(1, &app());
    assert_eq!(next.vault.borrow().clients().len(), 1);
}

#[test]
fn any_other_text_is_no_deposit() {
    let text = deposit(&signed_in());
    let next = |deposit: &str| {
        let worker = worker();
        worker.recall(deposit);
        worker.page(1, &app()).is_signed_in()
    };
    assert!(next(&text));
    let cut = &text[..text.len() - 1];
    let wrong = [cut, "", "null", "[]", "{}", r#"{"clients":[]}"#, r#"{"clients":[{"options":"{}"}]}"#];
    for text in wrong.into_iter().map(String::from).chain([
        text.replace("access_token", "token"),
        text.replace("received", "receive"),
        text.replace(r#""options":""#, r#""options":"x"#),
    ]) {
        assert!(!next(&text), "{text}");
    }
}

#[test]
fn a_pending_sign_in_of_the_vault_before_is_completed_with_its_record() {
    let first = signed_in();
    let begun = first.port(1).begin(Mode::Redirect);
    let next = SharedWorker::after(&first);
    let address = next.here.way_back(&begun.url);
    let outcome = next.page(1, &app()).complete(&address, &begun.state, begun.record.as_deref());
    assert_eq!(outcome.as_deref(), Ok(r#"{"returnTo":"/here?x=1#y"}"#));
}
