//! The record of a session: the next vault continues from it.

use valet_key::protocol::http::Method;
use valet_key::protocol::secret::Secret;
use valet_key::protocol::session_state::{Action, SessionState};
use valet_key::protocol::time::Now;
use valet_key::protocol::token::TokenResponse;

use crate::support::signing::proof;
use crate::support::{at, claims, config, id_token, metadata, transaction};
use crate::{outcome, refresh, signed_in, tokens};

#[test]
fn a_session_continues_from_its_record() {
    let session = signed_in();
    let record = session.to_record().expect("signed in");
    // Another worker: its monotonic clock starts at 0.
    let now = |seconds| Now { monotonic: 0, ..at(seconds) };
    let mut next = SessionState::from_record(&record, &config(), now(100)).expect("a session");
    assert_eq!(next.view(now(100)), session.view(at(100)));
    assert_eq!(next.id_token().map(Secret::expose), session.id_token().map(Secret::expose));
    assert!(matches!(crate::next(&mut next, 100), Action::Use));
    assert_eq!(next.to_record().as_ref(), Some(&record));
    let (request, ticket) = refresh(&mut next, 700);
    assert!(matches!(request.method, Method::Post(form) if form.expose().contains("refresh_token=r1")));
    assert_eq!(next.to_record(), None, "the refresh token may be used up");
    assert_eq!(outcome(&mut next, ticket, Ok(tokens("a2", "")), at(700)).0, None);
    assert!(next.to_record().is_some_and(|record| record.contains("a2") && record.contains("r1")));
    next.end();
    assert_eq!(next.to_record(), None);
}

#[test]
fn a_record_keeps_the_age_of_a_token_on_every_clock() {
    let record = signed_in().to_record().expect("signed in");
    let until_due = |now: Now| {
        let mut session = SessionState::from_record(&record, &config(), now).expect("a session");
        let mut seconds = 0;
        loop {
            let later = Now { wall: now.wall + seconds * 1000, monotonic: now.monotonic + seconds * 1000 };
            match session.next(session.call(0), &metadata().token_endpoint, &config(), later) {
                Action::Use => seconds += 1,
                _ => return seconds,
            }
        }
    };
    assert_eq!(until_due(at(0)), 590);
    assert_eq!(until_due(at(500)), 90);
    assert_eq!(until_due(Now { monotonic: 5, ..at(500) }), 90);
    assert_eq!(until_due(Now { monotonic: i64::MAX / 2, ..at(500) }), 90);
    assert_eq!(until_due(at(700)), 0);
    assert_eq!(until_due(at(-500)), 590, "the clock was set back: the token counts as new");
}

#[test]
fn a_record_of_a_session_that_is_over_is_none() {
    let mut session = SessionState::default();
    assert_eq!(session.to_record(), None);
    let alone = tokens("a1", &format!(r#","expires_in":600,"id_token":"{}""#, id_token(&claims(&[]))));
    let alone = TokenResponse::from_response(&alone).expect("well formed");
    let proof = proof(&alone);
    session.sign_in(alone, proof, &transaction(), &config(), at(0)).0.expect("honest");
    let record = session.to_record().expect("signed in");
    assert!(SessionState::from_record(&record, &config(), at(599)).is_some());
    assert!(SessionState::from_record(&record, &config(), at(600)).is_none(), "expired, and no refresh token");
    for text in ["", "null", "{}", "[]", &record[1..], &record.replace("scope", "scopes")] {
        assert!(SessionState::from_record(text, &config(), at(1)).is_none(), "{text}");
    }
}
