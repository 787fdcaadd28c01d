//! The session among competing callers: renewal, failure, sign-out, another user.

mod support;

use std::sync::Arc;

use support::signing::proof;
use support::{at, claims, config, id_token, json, metadata, transaction};
use valet_key::protocol::error::Error;
use valet_key::protocol::http::{HttpRequest, HttpResponse, Method};
use valet_key::protocol::secret::Secret;
use valet_key::protocol::session::{Action, Change, Leftover, Refused, Session, Ticket};
use valet_key::protocol::time::Now;
use valet_key::protocol::token::TokenResponse;

/// What is said of it, which claims are changed, and the code of the error.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], Option<&'a str>);

/// What is said of it, what the renewal led to, and the code of the error.
type Trouble = (&'static str, Result<HttpResponse, Arc<Error>>, &'static str);

fn tokens(access: &str, members: &str) -> HttpResponse {
    json(200, &format!(r#"{{"access_token":"{access}","token_type":"Bearer"{members}}}"#))
}

fn exposed(leftover: &Leftover) -> Vec<&str> {
    leftover.iter().map(Secret::expose).collect()
}

/// Alice, signed in at 0 with a token for ten minutes.
fn signed_in() -> Session {
    let mut session = Session::default();
    sign_in(&mut session, "a1", &claims(&[])).expect("an honest sign-in");
    session
}

fn sign_in(session: &mut Session, access: &str, claims: &str) -> Result<Change, Arc<Error>> {
    let response =
        tokens(access, &format!(r#","refresh_token":"r1","expires_in":600,"id_token":"{}""#, id_token(claims)));
    let tokens = TokenResponse::from_response(&response)?;
    let proof = proof(&tokens);
    session.sign_in(tokens, proof, &transaction(), &config(), at(0)).0
}

fn next(session: &mut Session, seconds: i64) -> Action {
    session.next(session.call(), &metadata().token_endpoint, &config(), at(seconds))
}

fn refresh(session: &mut Session, seconds: i64) -> (HttpRequest, Ticket) {
    match next(session, seconds) {
        Action::Refresh(request, ticket) => (request, ticket),
        other => panic!("a refresh is due, not {other:?}"),
    }
}

fn outcome(
    session: &mut Session,
    ticket: Ticket,
    outcome: Result<HttpResponse, Arc<Error>>,
    now: Now,
) -> (Option<&'static str>, Leftover) {
    let tokens = outcome.and_then(|response| TokenResponse::from_response(&response));
    let proof = tokens.as_ref().map_or(Ok(None), |tokens| proof(tokens));
    let (result, leftover) = session.refreshed(ticket, tokens, proof, &config(), now);
    (result.err().map(|error| error.code()), leftover)
}

fn token(session: &Session) -> &str {
    session.access_token().map_or("", |token| token.expose())
}

#[test]
fn a_fresh_token_is_used_and_a_stale_one_renewed_once() {
    let mut session = signed_in();
    assert!(matches!(next(&mut session, 0), Action::Use));
    assert!(matches!(next(&mut session, 589), Action::Use));
    let (request, ticket) = refresh(&mut session, 591);
    let Method::Post(form) = request.method else { panic!("RFC 6749 §3.2: POST") };
    assert_eq!(form.expose(), "grant_type=refresh_token&refresh_token=r1&client_id=spa");
    for _ in 0..9 {
        assert!(matches!(next(&mut session, 700), Action::Wait), "one refresh for ten callers");
    }
    assert_eq!(
        outcome(&mut session, ticket, Ok(tokens("a2", r#","expires_in":600,"refresh_token":"r2""#)), at(701)).0,
        None
    );
    assert!(matches!(next(&mut session, 702), Action::Use));
    assert_eq!(token(&session), "a2");
    let (request, _) = refresh(&mut session, 1400);
    assert!(
        matches!(request.method, Method::Post(form) if form.expose().contains("refresh_token=r2")),
        "RFC 6749 §6: the new one"
    );
}

#[test]
fn the_old_refresh_token_stays_if_no_new_one_comes() {
    let mut session = signed_in();
    let (_, ticket) = refresh(&mut session, 700);
    assert_eq!(outcome(&mut session, ticket, Ok(tokens("a2", r#","expires_in":5"#)), at(700)).0, None);
    let (request, _) = refresh(&mut session, 800);
    assert!(matches!(request.method, Method::Post(form) if form.expose().contains("refresh_token=r1")));
}

#[test]
fn a_token_that_is_stale_on_arrival_is_used_for_the_call_that_asked() {
    let mut session = signed_in();
    let call = session.call();
    let (_, ticket) = refresh(&mut session, 700);
    assert_eq!(outcome(&mut session, ticket, Ok(tokens("a2", r#","expires_in":0"#)), at(700)).0, None);
    let action = session.next(call, &metadata().token_endpoint, &config(), at(701));
    assert!(matches!(action, Action::Use), "no loop: {action:?}");
    refresh(&mut session, 702);
}

#[test]
fn trouble_never_ends_a_session() {
    let network = || Err(Arc::new(Error::Network { url: "https://as.test/token".into() }));
    let rows: [Trouble; 6] = [
        ("offline", network(), "network_error"),
        ("500", Ok(json(500, "{}")), "server_unavailable"),
        ("a page", Ok(support::answer(200, "text/html", "<h1>")), "not_json"),
        ("an error in a 200", Ok(json(200, r#"{"error":"temporarily_unavailable"}"#)), "token_error"),
        ("another token type", Ok(json(200, r#"{"access_token":"x","token_type":"N_A"}"#)), "unsupported"),
        ("garbage", Ok(json(200, "{}")), "response_invalid"),
    ];
    for (label, trouble, expected) in rows {
        let mut session = signed_in();
        let waiting = session.call();
        // Within the margin: the token is still good for ten seconds.
        let (_, ticket) = refresh(&mut session, 595);
        let (code, leftover) = outcome(&mut session, ticket, trouble, at(596));
        assert_eq!(code, Some(expected), "{label}");
        assert!(leftover.is_empty() && session.view(at(596)).is_some(), "{label}: the session is kept");
        assert!(
            matches!(session.next(waiting, &metadata().token_endpoint, &config(), at(597)), Action::Use),
            "{label}: still good"
        );
        let shared = session.next(waiting, &metadata().token_endpoint, &config(), at(700));
        assert!(
            matches!(&shared, Action::Fail(error) if error.code() == expected),
            "{label}: who waited shares it: {shared:?}"
        );
    }
}

#[test]
fn a_server_in_trouble_is_left_alone_for_a_while() {
    let mut session = signed_in();
    let mut requests = 0;
    for second in 700..1300 {
        if let Action::Refresh(_, ticket) = next(&mut session, second) {
            requests += 1;
            outcome(&mut session, ticket, Ok(json(503, "{}")), at(second));
        }
    }
    assert!((5..=10).contains(&requests), "{requests} requests in ten minutes");

    let mut session = signed_in();
    let (_, ticket) = refresh(&mut session, 700);
    let mut busy = json(429, "{}");
    busy.retry_after = Some(120);
    outcome(&mut session, ticket, Ok(busy), at(700));
    assert!(matches!(next(&mut session, 819), Action::Fail(_)), "RFC 9110 §10.2.3: Retry-After");
    refresh(&mut session, 821);
}

#[test]
fn a_lost_connection_may_be_tried_again_at_once() {
    let mut session = signed_in();
    let (_, ticket) = refresh(&mut session, 700);
    outcome(&mut session, ticket, Err(Arc::new(Error::Network { url: String::new() })), at(700));
    refresh(&mut session, 700);
}

#[test]
fn invalid_grant_ends_the_session() {
    let mut session = signed_in();
    let (_, ticket) = refresh(&mut session, 700);
    let (code, leftover) = outcome(&mut session, ticket, Ok(json(400, r#"{"error":"invalid_grant"}"#)), at(701));
    assert_eq!((code, exposed(&leftover)), (Some("session_ended"), vec!["r1", "a1"]));
    assert_eq!(session.view(at(701)), None);
    assert!(matches!(next(&mut session, 702), Action::SignIn));
}

#[test]
fn a_refusal_that_is_not_invalid_grant_is_not_asked_again() {
    let mut session = signed_in();
    let (_, ticket) = refresh(&mut session, 595);
    assert_eq!(
        outcome(&mut session, ticket, Ok(json(400, r#"{"error":"unauthorized_client"}"#)), at(595)).0,
        Some("token_error")
    );
    assert!(matches!(next(&mut session, 596), Action::Use), "until it expires");
    assert!(matches!(next(&mut session, 9000), Action::SignIn));
}

#[test]
fn an_id_token_of_a_refresh_must_be_of_the_same_sign_in() {
    let rows: [Row<'_>; 8] = [
        ("the same", &[], None),
        ("OpenID Connect Core §12.2: no nonce", &[("-nonce", "")], None),
        ("another nonce", &[("nonce", r#""x""#)], Some("id_token_invalid")),
        ("another user", &[("sub", r#""bob""#)], Some("id_token_invalid")),
        ("another issuer", &[("iss", r#""https://evil.test""#)], Some("id_token_invalid")),
        ("another audience", &[("aud", r#"["spa"]"#)], Some("id_token_invalid")),
        ("another party", &[("azp", r#""spa""#)], Some("id_token_invalid")),
        ("another time of sign-in", &[("auth_time", "1")], Some("id_token_invalid")),
    ];
    for (label, changes, expected) in rows {
        let mut session = signed_in();
        let (_, ticket) = refresh(&mut session, 595);
        let response = tokens("a2", &format!(r#","expires_in":600,"id_token":"{}""#, id_token(&claims(changes))));
        assert_eq!(outcome(&mut session, ticket, Ok(response), at(596)).0, expected, "{label}");
        assert_eq!(session.view(at(596)).is_none(), expected.is_some(), "{label}");
    }
}

#[test]
fn an_answer_that_comes_too_late_reaches_nobody() {
    let mut session = signed_in();
    let call = session.call();
    let (_, ticket) = refresh(&mut session, 700);
    assert_eq!(exposed(&session.end()), ["r1", "a1"]);
    let late = tokens("a2", r#","refresh_token":"r2""#);
    let (code, leftover) = outcome(&mut session, ticket, Ok(late), at(701));
    assert_eq!((code, exposed(&leftover)), (Some("cancelled"), vec!["r2", "a2"]), "what came is revoked");
    assert_eq!(session.view(at(701)), None);
    assert!(matches!(session.next(call, &metadata().token_endpoint, &config(), at(702)), Action::SignIn));

    // Bob signs in while Alice's refresh is under way.
    let mut session = signed_in();
    let call = session.call();
    let (_, ticket) = refresh(&mut session, 700);
    let change = sign_in(&mut session, "b1", &claims(&[("sub", r#""bob""#)])).expect("an honest sign-in");
    assert_eq!(change, Change::UserChanged);
    assert_eq!(outcome(&mut session, ticket, Ok(tokens("a2", "")), at(701)).0, Some("cancelled"));
    assert_eq!(token(&session), "b1");
    assert!(
        matches!(session.next(call, &metadata().token_endpoint, &config(), at(1)), Action::Fail(error) if error.code() == "cancelled"),
        "Alice's call is not sent as Bob"
    );
}

#[test]
fn the_same_user_again_costs_nobody_a_token() {
    let mut session = signed_in();
    let call = session.call();
    let mut again = |sub: &str| {
        let members = format!(r#","refresh_token":"r9","id_token":"{}""#, id_token(&claims(&[("sub", sub)])));
        let tokens = TokenResponse::from_response(&tokens("a9", &members)).expect("well formed");
        let proof = proof(&tokens);
        session.sign_in(tokens, proof, &transaction(), &config(), at(0))
    };
    let (result, leftover) = again(r#""alice""#);
    assert_eq!((result.ok(), exposed(&leftover)), (Some(Change::SignedIn), vec![]), "one grant, to be revoked whole");
    let (result, leftover) = again(r#""bob""#);
    assert_eq!((result.ok(), exposed(&leftover)), (Some(Change::UserChanged), vec!["r9", "a9"]));
    assert!(!session.is_overtaken(call), "a sign-in does not call off another one");
    session.end();
    assert!(session.is_overtaken(call), "a sign-out does");
}

#[test]
fn a_refused_sign_in_leaves_the_earlier_session() {
    let mut session = signed_in();
    assert!(sign_in(&mut session, "b1", &claims(&[("aud", r#""other""#)])).is_err());
    assert_eq!(token(&session), "a1");
    let no_id_token = TokenResponse::from_response(&tokens("b1", "")).expect("well formed");
    let (result, leftover) = session.sign_in(no_id_token, Ok(None), &transaction(), &config(), at(0));
    assert_eq!(support::code(&result), Some("id_token_invalid"), "OpenID Connect Core §3.1.3.3");
    assert_eq!((exposed(&leftover), token(&session)), (vec!["b1"], "a1"), "what came is revoked, what was is kept");
}

#[test]
fn a_token_that_an_api_refused_is_renewed_once() {
    let mut session = signed_in();
    let call = session.call();
    assert_eq!(session.refused(call, at(0)), Refused::Again, "worth another try");
    let (_, ticket) = refresh(&mut session, 1);
    assert_eq!(outcome(&mut session, ticket, Ok(tokens("a2", r#","expires_in":600"#)), at(1)).0, None);
    assert_eq!(session.refused(call, at(0)), Refused::Again, "another call's 401 for the old token");
    assert!(matches!(next(&mut session, 2), Action::Use), "does not cost the new one");

    let mut alone = Session::default();
    let only = TokenResponse::from_response(&tokens("a1", &format!(r#","id_token":"{}""#, id_token(&claims(&[])))))
        .expect("well formed");
    let proof = proof(&only);
    alone.sign_in(only, proof, &transaction(), &config(), at(0)).0.expect("an honest sign-in");
    assert_eq!(alone.refused(alone.call(), at(0)), Refused::Ends, "nothing to renew with");
    assert_eq!(alone.view(at(0)), None);
}

#[test]
fn sleep_and_set_clocks_are_noticed() {
    let mut session = signed_in();
    let asleep = Now { wall: at(8 * 3600).wall, monotonic: 1000 };
    let action = session.next(session.call(), &metadata().token_endpoint, &config(), asleep);
    assert!(matches!(action, Action::Refresh(..)), "{action:?}");
    let mut session = signed_in();
    let set_back = Now { wall: 0, monotonic: 700_000 };
    let action = session.next(session.call(), &metadata().token_endpoint, &config(), set_back);
    assert!(matches!(action, Action::Refresh(..)), "{action:?}");
}

#[test]
fn the_app_sees_who_and_until_when() {
    let session = signed_in();
    let view = session.view(at(100)).expect("signed in");
    assert!(view.starts_with(r#"{"sub":"alice","issuer":"https://as.test","scope":"openid read","expiresAt":1800000600000,"authTime":null,"claims":{"#), "{view}");
    for secret in ["a1", "r1"] {
        assert!(!view.contains(&format!("\"{secret}\"")), "{view}");
    }
}

#[test]
fn lifetimes_beyond_all_time_saturate() {
    let mut session = Session::default();
    let members = format!(r#","expires_in":9223372036854775807,"id_token":"{}""#, id_token(&claims(&[])));
    let endless = TokenResponse::from_response(&tokens("a1", &members)).expect("well formed");
    let proof = proof(&endless);
    session.sign_in(endless, proof, &transaction(), &config(), at(0)).0.expect("an honest sign-in");
    assert!(matches!(next(&mut session, 86_400 * 365), Action::Use));
    assert!(session.view(at(5)).expect("signed in").contains("9223372036854775807"));
}

#[test]
fn an_id_token_of_a_refresh_is_signed_or_counts_as_none() {
    let bob = || {
        Ok(tokens("a2", &format!(r#","expires_in":600,"id_token":"{}""#, id_token(&claims(&[("sub", r#""bob""#)])))))
    };
    let network = Error::Network { url: "https://as.test/jwks".into() };
    let rows = [
        ("the keys cannot be had", network, None, "a2"),
        (
            "OpenID Connect Core §12.2: a wrong signature",
            Error::IdTokenInvalid { reason: "signature" },
            Some("id_token_invalid"),
            "",
        ),
        ("an unknown key", Error::IdTokenInvalid { reason: "key" }, Some("id_token_invalid"), ""),
    ];
    for (label, problem, expected, left) in rows {
        let mut session = signed_in();
        let (_, ticket) = refresh(&mut session, 595);
        let tokens = bob().and_then(|response| TokenResponse::from_response(&response));
        let (result, leftover) = session.refreshed(ticket, tokens, Err(problem.into()), &config(), at(596));
        assert_eq!(support::code(&result), expected, "{label}");
        assert_eq!((token(&session), leftover.is_empty()), (left, expected.is_none()), "{label}");
        assert!(session.subject().is_none_or(|sub| sub == "alice"), "{label}: nothing of it was believed");
    }
}

#[test]
fn a_sign_in_without_a_right_signature_leaves_the_earlier_session() {
    for problem in [Error::IdTokenInvalid { reason: "signature" }, Error::Network { url: String::new() }] {
        let mut session = signed_in();
        let response = tokens("b1", &format!(r#","id_token":"{}""#, id_token(&claims(&[]))));
        let tokens = TokenResponse::from_response(&response).expect("well formed");
        let (result, leftover) = session.sign_in(tokens, Err(problem.clone().into()), &transaction(), &config(), at(0));
        assert_eq!(support::code(&result), Some(problem.code()));
        assert_eq!((exposed(&leftover), token(&session)), (vec!["b1"], "a1"), "what came is revoked, what was is kept");
    }
}
