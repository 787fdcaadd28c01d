//! The session with simultaneous callers: renewal, failure, sign-out, change of user.

mod record;
#[path = "../support/mod.rs"]
mod support;

use support::signing::{Curve, E1, jwt, proof};
use support::{at, claims, config, id_token, json, metadata, transaction};
use valet_key::protocol::error::{Error, Kind, Result};
use valet_key::protocol::http::{HttpRequest, HttpResponse, Method};
use valet_key::protocol::session::Change;
use valet_key::protocol::session_state::{Action, Refused, SessionState, Ticket};
use valet_key::protocol::time::Now;
use valet_key::protocol::token::{Leftover, TokenResponse};

/// Claims that differ from the valid ones.
type Changes<'a> = &'a [(&'a str, &'a str)];

/// The description, the outcome of the renewal, and the code of the error.
type Trouble = (&'static str, Result<HttpResponse>, &'static str);

fn tokens(access: &str, members: &str) -> HttpResponse {
    json(200, &format!(r#"{{"access_token":"{access}","token_type":"Bearer"{members}}}"#))
}

fn exposed(leftover: &[Leftover]) -> Vec<&str> {
    leftover.iter().map(|leftover| leftover.token.expose()).collect()
}

/// Alice, signed in at 0 with a token for ten minutes.
fn signed_in() -> SessionState {
    let mut session = SessionState::default();
    sign_in(&mut session, "a1", &claims(&[])).expect("an honest sign-in");
    session
}

fn sign_in(session: &mut SessionState, access: &str, claims: &str) -> Result<Change> {
    let response =
        tokens(access, &format!(r#","refresh_token":"r1","expires_in":600,"id_token":"{}""#, id_token(claims)));
    let tokens = TokenResponse::from_response(&response)?;
    let proof = proof(&tokens);
    session.sign_in(tokens, proof, &transaction(), &config(), at(0)).0
}

fn next(session: &mut SessionState, seconds: i64) -> Action {
    session.next(session.call(0), &metadata().token_endpoint, &config(), at(seconds))
}

fn refresh(session: &mut SessionState, seconds: i64) -> (HttpRequest, Ticket) {
    match next(session, seconds) {
        Action::Refresh(request, ticket) => (request, ticket),
        other => panic!("a refresh is due, not {other:?}"),
    }
}

fn outcome(
    session: &mut SessionState,
    ticket: Ticket,
    outcome: Result<HttpResponse>,
    now: Now,
) -> (Option<&'static str>, Vec<Leftover>) {
    let tokens = outcome.and_then(|response| TokenResponse::from_response(&response));
    let proof = tokens.as_ref().map_or(Ok(None), |tokens| proof(tokens));
    let (result, leftover) = session.refreshed(ticket, tokens, proof, &config(), now);
    (result.err().map(|error| error.code()), leftover)
}

fn token(session: &SessionState) -> &str {
    session.access_token(0).map_or("", |token| token.expose())
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
fn the_old_refresh_token_stays_if_there_is_no_new_one() {
    let mut session = signed_in();
    let (_, ticket) = refresh(&mut session, 700);
    assert_eq!(outcome(&mut session, ticket, Ok(tokens("a2", r#","expires_in":5"#)), at(700)).0, None);
    let (request, _) = refresh(&mut session, 800);
    assert!(matches!(request.method, Method::Post(form) if form.expose().contains("refresh_token=r1")));
}

#[test]
fn an_immediately_expired_token_is_used_for_the_call_that_waited() {
    let mut session = signed_in();
    let call = session.call(0);
    let (_, ticket) = refresh(&mut session, 700);
    assert_eq!(outcome(&mut session, ticket, Ok(tokens("a2", r#","expires_in":0"#)), at(700)).0, None);
    let action = session.next(call, &metadata().token_endpoint, &config(), at(701));
    assert!(matches!(action, Action::Use), "no loop: {action:?}");
    refresh(&mut session, 702);
}

#[test]
fn temporary_failures_never_end_a_session() {
    let network = || Err(Error::from(Kind::Network { url: "https://as.test/token".into() }));
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
        let waiting = session.call(0);
        // Within the margin: the token is still valid for ten seconds.
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
            "{label}: waiting calls get the same error: {shared:?}"
        );
    }
}

#[test]
fn a_failing_server_gets_fewer_requests() {
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
fn a_lost_connection_may_be_retried_at_once() {
    let mut session = signed_in();
    let (_, ticket) = refresh(&mut session, 700);
    outcome(&mut session, ticket, Err(Error::from(Kind::Network { url: String::new() })), at(700));
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
fn another_error_than_invalid_grant_is_not_retried() {
    let mut session = signed_in();
    let (_, ticket) = refresh(&mut session, 595);
    assert_eq!(
        outcome(&mut session, ticket, Ok(json(400, r#"{"error":"unauthorized_client"}"#)), at(595)).0,
        Some("token_error")
    );
    assert!(matches!(next(&mut session, 596), Action::Use), "until it expires");
    assert!(matches!(next(&mut session, 9000), Action::Expired), "there is nothing to renew it with");
    assert_eq!(session.view(at(9000)), None);
}

/// What happens with the ID Token of a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Renewed {
    /// Its claims replace the earlier ones.
    News,
    /// The tokens are used, the claims stay unchanged.
    CountsAsNone,
    /// The session ends, for this reason.
    Ends(&'static str),
}

/// Renews the session of a sign-in with further claims, by a response with this ID Token.
fn renewed_with(label: &str, first: &[(&str, &str)], id_token: &str) -> Renewed {
    let mut session = SessionState::default();
    sign_in(&mut session, "a1", &claims(first)).expect("an honest sign-in");
    let claims_of = |session: &SessionState| session.view(at(596)).map(|view| view.claims);
    let before = claims_of(&session);
    let (_, ticket) = refresh(&mut session, 595);
    let response = tokens("a2", &format!(r#","refresh_token":"r2","expires_in":600,"id_token":"{id_token}""#));
    let tokens = TokenResponse::from_response(&response);
    let proof = tokens.as_ref().map_or(Ok(None), |tokens| proof(tokens));
    let (result, leftover) = session.refreshed(ticket, tokens, proof, &config(), at(596));
    match result.as_ref().map_err(Error::kind) {
        Ok(change) => {
            assert_eq!((*change, token(&session), exposed(&leftover)), (Change::Renewed, "a2", vec![]), "{label}");
            let (request, _) = refresh(&mut session, 1300);
            let Method::Post(form) = request.method else { panic!("RFC 6749 §3.2: POST") };
            assert!(form.expose().contains("refresh_token=r2"), "{label}: the new refresh token is kept");
            if claims_of(&session) == before { Renewed::CountsAsNone } else { Renewed::News }
        }
        Err(Kind::IdTokenInvalid { reason }) => {
            assert_eq!((session.view(at(596)), exposed(&leftover)), (None, vec!["r1", "a1"]), "{label}");
            Renewed::Ends(reason)
        }
        Err(other) => panic!("{label}: {other:?}"),
    }
}

/// RT-14 to RT-16: a flaw of the ID Token ends the session if it can mean another user or another party.
#[test]
fn an_id_token_of_a_refresh_for_another_user_or_party_ends_the_session() {
    use Renewed::{CountsAsNone, Ends, News};
    let listed: &[(&str, &str)] = &[("aud", r#"["spa","p1"]"#), ("azp", r#""spa""#)];
    let timed: &[(&str, &str)] = &[("auth_time", "1799999000")];
    let rows: [(&str, Changes<'_>, Changes<'_>, Renewed); 68] = [
        ("the same with a claim more", &[], &[("x", "1")], News),
        ("OpenID Connect Core §12.2: no nonce", &[], &[("-nonce", ""), ("x", "1")], News),
        ("nonce: null", &[], &[("nonce", "null"), ("x", "1")], News),
        ("issued later", &[], &[("iat", "1800000590"), ("exp", "1800001190")], News),
        ("issued later, nbf with it", &[], &[("iat", "1800000590"), ("nbf", "1800000290")], News),
        ("auth_time as before", timed, &[("auth_time", "1799999000"), ("x", "1")], News),
        ("auth_time not repeated", timed, &[("x", "1")], News),
        ("auth_time: null", timed, &[("auth_time", "null"), ("x", "1")], News),
        ("the same list of audiences", listed, &[listed[0], listed[1], ("x", "1")], News),
        ("another name", &[("name", r#""Alice""#)], &[("name", r#""Alice B.""#)], News),
        // Another user.
        ("another user", &[], &[("sub", r#""bob""#)], Ends("sub")),
        ("other letters", &[], &[("sub", r#""Alice""#)], Ends("sub")),
        ("no user", &[], &[("-sub", "")], Ends("sub")),
        ("sub: null", &[], &[("sub", "null")], Ends("sub")),
        ("sub is a list", &[], &[("sub", r#"["alice"]"#)], Ends("sub")),
        ("another user, too late besides", &[], &[("sub", r#""bob""#), ("exp", "1")], Ends("sub")),
        // Another party.
        ("another issuer", &[], &[("iss", r#""https://evil.test""#)], Ends("iss")),
        ("a slash more", &[], &[("iss", r#""https://as.test/""#)], Ends("iss")),
        ("no issuer", &[], &[("-iss", "")], Ends("iss")),
        ("iss: null", &[], &[("iss", "null")], Ends("iss")),
        ("iss is a list", &[], &[("iss", r#"["https://as.test"]"#)], Ends("iss")),
        ("for another party", &[], &[("aud", r#""other""#)], Ends("aud")),
        ("for other parties", &[], &[("aud", r#"["other","p1"]"#), ("azp", r#""spa""#)], Ends("aud")),
        ("for no party", &[], &[("aud", "[]")], Ends("aud")),
        ("no audience", &[], &[("-aud", "")], Ends("aud")),
        ("aud: null", &[], &[("aud", "null")], Ends("aud")),
        ("aud is an object", &[], &[("aud", r#"{"spa":"spa"}"#)], Ends("aud")),
        ("asked for by another party", &[], &[("azp", r#""other""#)], Ends("azp")),
        ("asked for by another party now", listed, &[listed[0], ("azp", r#""p1""#)], Ends("azp")),
        ("azp is a list", &[], &[("azp", r#"["spa"]"#)], Ends("azp")),
        // Audiences in another form or order.
        ("aud: a list now", &[], &[("aud", r#"["spa"]"#)], CountsAsNone),
        ("aud: a text now", &[("aud", r#"["spa"]"#)], &[("x", "1")], CountsAsNone),
        ("aud: another order", listed, &[("aud", r#"["p1","spa"]"#), listed[1]], CountsAsNone),
        ("aud: one more", listed, &[("aud", r#"["spa","p1","app3"]"#), listed[1]], CountsAsNone),
        ("aud: one less", listed, &[("aud", r#"["spa"]"#), listed[1]], CountsAsNone),
        ("aud: a number beside ours", listed, &[("aud", r#"["spa",7]"#), listed[1]], CountsAsNone),
        ("aud: several without azp", &[], &[("aud", r#"["spa","p1"]"#)], CountsAsNone),
        ("azp: absent now", listed, &[listed[0]], CountsAsNone),
        ("azp: null now", listed, &[listed[0], ("azp", "null")], CountsAsNone),
        ("azp: there now", &[], &[("azp", r#""spa""#)], CountsAsNone),
        // Times.
        ("auth_time: another", timed, &[("auth_time", "1799999001")], CountsAsNone),
        ("auth_time: that of the renewal", timed, &[("auth_time", "1800000595"), ("iat", "1800000595")], CountsAsNone),
        ("auth_time: there now", &[], &[("auth_time", "1")], CountsAsNone),
        ("auth_time: text", timed, &[("auth_time", r#""1799999000""#)], CountsAsNone),
        ("exp: over", &[], &[("exp", "1800000200")], CountsAsNone),
        ("exp: text", &[], &[("exp", r#""1800003600""#)], CountsAsNone),
        ("exp: absent", &[], &[("-exp", "")], CountsAsNone),
        ("exp: null", &[], &[("exp", "null")], CountsAsNone),
        ("iat: of the week before", &[], &[("iat", "1799395200")], CountsAsNone),
        ("iat: older than the session's", &[], &[("iat", "1799999999"), ("x", "1")], CountsAsNone),
        ("iat: an hour ahead", &[], &[("iat", "1800004196"), ("exp", "1800004796")], CountsAsNone),
        ("iat: absent", &[], &[("-iat", "")], CountsAsNone),
        ("iat: null", &[], &[("iat", "null")], CountsAsNone),
        ("iat: text", &[], &[("iat", r#""1800000595""#)], CountsAsNone),
        ("nbf: an hour ahead", &[], &[("nbf", "1800004196")], CountsAsNone),
        ("nbf: text", &[], &[("nbf", r#""1""#)], CountsAsNone),
        // Other claims.
        ("nonce: another", &[], &[("nonce", r#""x""#)], CountsAsNone),
        ("nonce: empty", &[], &[("nonce", r#""""#)], CountsAsNone),
        ("nonce: a number", &[], &[("nonce", "1")], CountsAsNone),
        ("at_hash: of another token", &[], &[("at_hash", r#""ypeBEsobvcr6wjGzmiPcTQ""#)], CountsAsNone),
        ("at_hash: a number", &[], &[("at_hash", "1")], CountsAsNone),
        ("at_hash: empty", &[], &[("at_hash", r#""""#)], CountsAsNone),
        ("a logout token", &[], &[("events", "{}")], CountsAsNone),
        ("a claim twice", &[], &[("x", r#"1,"x":2"#)], CountsAsNone),
        ("a subject twice", &[], &[("sub", r#""alice","sub":"bob""#)], CountsAsNone),
        ("at_hash: null", &[], &[("at_hash", "null"), ("x", "1")], News),
        ("events: null", &[], &[("events", "null"), ("x", "1")], News),
        ("nbf: null", &[], &[("nbf", "null"), ("x", "1")], News),
    ];
    for (label, first, changes, expected) in rows {
        // Other claims of the first ID Token need not be repeated.
        assert_eq!(renewed_with(label, first, &id_token(&claims(changes))), expected, "{label}");
    }
}

/// RT-14 to RT-16: the same for faults of the ID Token before any claim is read.
#[test]
fn an_unreadable_id_token_of_a_refresh_is_ignored() {
    use Renewed::{CountsAsNone, Ends};
    let (bob, mine) = (claims(&[("sub", r#""bob""#)]), claims(&[("x", "1")]));
    let good = id_token(&bob);
    let (signed, signature) = good.rsplit_once('.').expect("three parts");
    let flipped = if signature.starts_with('A') { 'B' } else { 'A' };
    let by = |header: &str| jwt(header, &bob);
    let rows = [
        ("no JWT", "x".to_owned(), CountsAsNone),
        ("two parts", signed.to_owned(), CountsAsNone),
        ("no signature", format!("{signed}."), CountsAsNone),
        ("encrypted", "a.b.c.d.e".into(), CountsAsNone),
        ("larger than any", "a".repeat(300 << 10), CountsAsNone),
        ("claims that are no object", jwt(r#"{"alg":"RS256","kid":"r1"}"#, "[]"), CountsAsNone),
        ("claims that are no JSON", jwt(r#"{"alg":"RS256","kid":"r1"}"#, "{"), CountsAsNone),
        ("alg: none", by(r#"{"alg":"none"}"#), CountsAsNone),
        ("alg: HS256", by(r#"{"alg":"HS256","kid":"r1"}"#), CountsAsNone),
        ("alg: not on the provider's list", by(r#"{"alg":"RS384","kid":"r1"}"#), CountsAsNone),
        ("typ: of an access token", by(r#"{"alg":"RS256","kid":"r1","typ":"at+jwt"}"#), CountsAsNone),
        ("crit", by(r#"{"alg":"RS256","kid":"r1","crit":["x"]}"#), CountsAsNone),
        ("an unknown key", by(r#"{"alg":"RS256","kid":"new"}"#), CountsAsNone),
        ("a wrong signature", format!("{signed}.{flipped}{}", &signature[1..]), Ends("signature")),
        ("a signature cut", format!("{signed}.{}", &signature[4..]), Ends("signature")),
        ("another key's signature", E1.sign(r#"{"alg":"ES256","kid":"e1"}"#, &mine), Renewed::News),
        ("a key of an attacker", Curve::new().sign(r#"{"alg":"ES256","kid":"e1"}"#, &mine), Ends("signature")),
    ];
    for (label, id_token, expected) in rows {
        assert_eq!(renewed_with(label, &[], &id_token), expected, "{label}");
    }
}

#[test]
fn a_response_after_the_end_of_the_session_is_dropped() {
    let mut session = signed_in();
    let call = session.call(0);
    let (_, ticket) = refresh(&mut session, 700);
    assert_eq!(exposed(&session.end()), ["r1", "a1"]);
    let late = tokens("a2", r#","refresh_token":"r2""#);
    let (code, leftover) = outcome(&mut session, ticket, Ok(late), at(701));
    assert_eq!((code, exposed(&leftover)), (Some("cancelled"), vec!["r2", "a2"]), "what came is revoked");
    assert_eq!(session.view(at(701)), None);
    assert!(matches!(session.next(call, &metadata().token_endpoint, &config(), at(702)), Action::SignIn));

    // Bob signs in while Alice's refresh is pending.
    let mut session = signed_in();
    let call = session.call(0);
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

/// RT-28 RT-38: tokens for a session that another one has replaced.
#[test]
fn tokens_of_a_late_response_are_revoked_if_no_session_shares_their_grant() {
    /// What happens before the renewal ends.
    #[derive(Clone, Copy)]
    enum By {
        SameUser,
        OtherUser,
        SignOut,
        SignOutAndIn,
        Expiry,
    }
    let rows: [(&str, By, &[&str]); 5] = [
        ("a sign-in of the same user", By::SameUser, &[]),
        ("a sign-in of another user", By::OtherUser, &["r2", "a2"]),
        ("a sign-out", By::SignOut, &["r2", "a2"]),
        ("a sign-out, and the same user again", By::SignOutAndIn, &["r2", "a2"]),
        ("a sign-in of the same user that is over by now", By::Expiry, &["r2", "a2"]),
    ];
    for (label, by, revoked) in rows {
        let mut session = signed_in();
        let call = session.call(0);
        let (_, ticket) = refresh(&mut session, 595);
        match by {
            By::SameUser => assert_eq!(sign_in(&mut session, "b1", &claims(&[])).ok(), Some(Change::SignedIn)),
            By::OtherUser => {
                let bob = claims(&[("sub", r#""bob""#)]);
                assert_eq!(sign_in(&mut session, "b1", &bob).ok(), Some(Change::UserChanged));
            }
            By::SignOut => assert_eq!(exposed(&session.end()), ["r1", "a1"]),
            By::SignOutAndIn => {
                session.end();
                sign_in(&mut session, "b1", &claims(&[])).expect("honest");
            }
            By::Expiry => {
                let members = format!(r#","expires_in":1,"id_token":"{}""#, id_token(&claims(&[])));
                let short = TokenResponse::from_response(&tokens("b1", &members)).expect("well formed");
                let proof = proof(&short);
                session.sign_in(short, proof, &transaction(), &config(), at(0)).0.expect("honest");
                assert!(session.expire(at(596)), "{label}");
            }
        }
        let before = token(&session).to_owned();
        let late = tokens("a2", r#","refresh_token":"r2","expires_in":600"#);
        let (code, leftover) = outcome(&mut session, ticket, Ok(late), at(596));
        assert_eq!((code, exposed(&leftover)), (Some("cancelled"), revoked.to_vec()), "{label}");
        assert_eq!(token(&session), before, "{label}: the session is as it was");
        let action = session.next(call, &metadata().token_endpoint, &config(), at(1));
        assert!(matches!(action, Action::Fail(_) | Action::SignIn), "{label}: {action:?}");
    }
}

/// RT-37: without a refresh token, the session ends with the access token.
#[test]
fn a_session_without_a_refresh_token_ends_with_its_token() {
    let alone = |lifetime: &str| {
        let members = format!(r#"{lifetime},"id_token":"{}""#, id_token(&claims(&[])));
        let response = TokenResponse::from_response(&tokens("a1", &members)).expect("well formed");
        let (proof, mut session) = (proof(&response), SessionState::default());
        session.sign_in(response, proof, &transaction(), &config(), at(0)).0.expect("honest");
        session
    };
    let mut session = alone(r#","expires_in":600"#);
    for seconds in [0, 591, 599] {
        assert!(!session.expire(at(seconds)) && matches!(next(&mut session, seconds), Action::Use), "{seconds}");
    }
    assert!(session.expire(at(600)) && !session.expire(at(600)), "once");
    assert_eq!(session.view(at(600)), None);
    assert!(matches!(next(&mut session, 600), Action::SignIn));

    let mut session = alone(r#","expires_in":600"#);
    assert!(matches!(next(&mut session, 600), Action::Expired), "a call notices it, too");
    assert!(matches!(next(&mut session, 600), Action::SignIn));

    for endless in ["", r#","expires_in":null"#, r#","expires_in":0"#, r#","expires_in":"0""#] {
        let mut session = alone(endless);
        assert_eq!(session.view(at(0)).expect("signed in").expires_at, None, "{endless}");
        for seconds in [0, 600, 86_400 * 365] {
            assert!(!session.expire(at(seconds)), "{endless}: its lifetime is unknown");
            assert!(matches!(next(&mut session, seconds), Action::Use), "{endless}");
        }
        let call = session.call(0);
        assert_eq!(session.refused(call, at(5)), Refused::Ends, "{endless}: one 401");
        assert_eq!((session.view(at(5)), session.refused(call, at(5))), (None, Refused::Stands), "{endless}");
    }

    let mut renewable = signed_in();
    assert!(!renewable.expire(at(86_400)), "it can be renewed");
    let (_, ticket) = refresh(&mut renewable, 700);
    assert!(!renewable.expire(at(700)), "it is being renewed");
    outcome(&mut renewable, ticket, Ok(json(400, r#"{"error":"unauthorized_client"}"#)), at(700)).0.expect("refused");
    assert!(renewable.expire(at(700)), "its refresh token is of no use");
}

/// POP-28: `prompt=none` for another user than the signed-in one.
#[test]
fn a_silent_sign_in_of_another_user_ends_the_session_without_a_new_one() {
    for (prompt, sub, expected, revoked) in [
        ("none", r#""bob""#, Err("user_changed"), vec!["r1", "a1", "r1", "b1"]),
        ("none", r#""alice""#, Ok(Change::Restored), vec![]),
        ("", r#""bob""#, Ok(Change::UserChanged), vec!["r1", "a1"]),
        ("login", r#""bob""#, Ok(Change::UserChanged), vec!["r1", "a1"]),
    ] {
        let mut session = signed_in();
        let mut transaction = transaction();
        prompt.clone_into(&mut transaction.prompt);
        let members = format!(r#","refresh_token":"r1","id_token":"{}""#, id_token(&claims(&[("sub", sub)])));
        let response = TokenResponse::from_response(&tokens("b1", &members)).expect("well formed");
        let proof = proof(&response);
        let (result, leftover) = session.sign_in(response, proof, &transaction, &config(), at(0));
        assert_eq!(result.map_err(|error| error.code()), expected, "{prompt} {sub}");
        assert_eq!(exposed(&leftover), revoked, "{prompt} {sub}");
        // RFC 7009 §2.1: each with its own hint.
        let hint = |leftover: &Leftover| if leftover.token.expose() == "r1" { "refresh_token" } else { "access_token" };
        assert!(leftover.iter().all(|one| one.token_type_hint == hint(one)), "{leftover:?}");
        assert_eq!(session.view(at(0)).is_some(), expected.is_ok(), "{prompt} {sub}");
    }
    let mut nobody = SessionState::default();
    let mut transaction = transaction();
    "none".clone_into(&mut transaction.prompt);
    let members = format!(r#","id_token":"{}""#, id_token(&claims(&[])));
    let response = TokenResponse::from_response(&tokens("a1", &members)).expect("well formed");
    let proof = proof(&response);
    let (result, _) = nobody.sign_in(response, proof, &transaction, &config(), at(0));
    assert_eq!(result.ok(), Some(Change::Restored), "where no user is signed in, any user is welcome");
}

/// POP-30: the hint by which the provider recognizes the user.
#[test]
fn the_login_hint_is_a_claim_made_for_it() {
    let rows: [(Changes<'_>, Option<&str>); 9] = [
        (&[], None),
        (&[("email", r#""a@x.test""#)], Some("a@x.test")),
        (&[("email", r#""a@x.test""#), ("preferred_username", r#""alice""#)], Some("alice")),
        (&[("preferred_username", r#""alice""#), ("login_hint", r#""opaque""#)], Some("opaque")),
        (&[("preferred_username", "null"), ("email", r#""a@x.test""#)], Some("a@x.test")),
        (&[("name", r#""Alice""#), ("upn", r#""a@x.test""#)], None),
        (&[("preferred_username", "7"), ("email", r#""a@x.test""#)], Some("a@x.test")),
        (&[("email", r#"["a@x.test"]"#)], None),
        (&[("login_hint", "{}")], None),
    ];
    for (more, expected) in rows {
        let mut session = SessionState::default();
        sign_in(&mut session, "a1", &claims(more)).expect("honest");
        assert_eq!(session.login_hint().as_deref(), expected, "{more:?}");
    }
    assert_eq!(SessionState::default().login_hint(), None);
}

#[test]
fn another_sign_in_of_the_same_user_revokes_no_token() {
    let mut session = signed_in();
    let call = session.call(0);
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
fn a_refused_sign_in_keeps_the_earlier_session() {
    let mut session = signed_in();
    assert!(sign_in(&mut session, "b1", &claims(&[("aud", r#""other""#)])).is_err());
    assert_eq!(token(&session), "a1");
    let no_id_token = TokenResponse::from_response(&tokens("b1", "")).expect("well formed");
    let (result, leftover) = session.sign_in(no_id_token, Ok(None), &transaction(), &config(), at(0));
    assert_eq!(support::code(&result), Some("id_token_invalid"), "OpenID Connect Core §3.1.3.3");
    assert_eq!((exposed(&leftover), token(&session)), (vec![], "a1"), "what came may be of the grant that is kept");
    let mut nobody = SessionState::default();
    let no_id_token = TokenResponse::from_response(&tokens("b1", "")).expect("well formed");
    let (_, leftover) = nobody.sign_in(no_id_token, Ok(None), &transaction(), &config(), at(0));
    assert_eq!(exposed(&leftover), ["b1"], "what came is revoked");
}

#[test]
fn a_token_that_an_api_refused_is_renewed_once() {
    let mut session = signed_in();
    let call = session.call(0);
    assert_eq!(session.refused(call, at(0)), Refused::Again, "worth another try");
    let (_, ticket) = refresh(&mut session, 1);
    assert_eq!(outcome(&mut session, ticket, Ok(tokens("a2", r#","expires_in":600"#)), at(1)).0, None);
    assert_eq!(session.refused(call, at(0)), Refused::Again, "another call's 401 for the old token");
    assert!(matches!(next(&mut session, 2), Action::Use), "does not cost the new one");

    let mut alone = SessionState::default();
    let only = TokenResponse::from_response(&tokens("a1", &format!(r#","id_token":"{}""#, id_token(&claims(&[])))))
        .expect("well formed");
    let proof = proof(&only);
    alone.sign_in(only, proof, &transaction(), &config(), at(0)).0.expect("an honest sign-in");
    assert_eq!(alone.refused(alone.call(0), at(0)), Refused::Ends, "nothing to renew with");
    assert_eq!(alone.view(at(0)), None);
}

#[test]
fn sleep_and_changed_clocks_are_detected() {
    let mut session = signed_in();
    let asleep = Now { wall: at(8 * 3600).wall, monotonic: 1000 };
    let action = session.next(session.call(0), &metadata().token_endpoint, &config(), asleep);
    assert!(matches!(action, Action::Refresh(..)), "{action:?}");
    let mut session = signed_in();
    let set_back = Now { wall: 0, monotonic: 700_000 };
    let action = session.next(session.call(0), &metadata().token_endpoint, &config(), set_back);
    assert!(matches!(action, Action::Refresh(..)), "{action:?}");
}

#[test]
fn the_app_gets_the_user_and_the_expiry() {
    let session = signed_in();
    let view = session.view(at(100)).expect("signed in").to_json();
    assert!(view.starts_with(r#"{"sub":"alice","issuer":"https://as.test","scope":"openid read","expiresAt":1800000600000,"authTime":null,"claims":{"#), "{view}");
    for secret in ["a1", "r1"] {
        assert!(!view.contains(&format!("\"{secret}\"")), "{view}");
    }
}

#[test]
fn lifetimes_beyond_the_maximum_saturate() {
    let mut session = SessionState::default();
    let members = format!(r#","expires_in":9223372036854775807,"id_token":"{}""#, id_token(&claims(&[])));
    let endless = TokenResponse::from_response(&tokens("a1", &members)).expect("well formed");
    let proof = proof(&endless);
    session.sign_in(endless, proof, &transaction(), &config(), at(0)).0.expect("an honest sign-in");
    assert!(matches!(next(&mut session, 86_400 * 365), Action::Use));
    assert!(session.view(at(5)).expect("signed in").expires_at == Some(i64::MAX));
}

#[test]
fn an_unsigned_id_token_of_a_refresh_is_ignored() {
    let bob = || {
        Ok(tokens("a2", &format!(r#","expires_in":600,"id_token":"{}""#, id_token(&claims(&[("sub", r#""bob""#)])))))
    };
    let network = Kind::Network { url: "https://as.test/jwks".into() };
    let rows = [
        ("the keys cannot be had", network, None, "a2"),
        (
            "OpenID Connect Core §12.2: a wrong signature",
            Kind::IdTokenInvalid { reason: "signature" },
            Some("id_token_invalid"),
            "",
        ),
        ("an unknown key", Kind::IdTokenInvalid { reason: "key" }, None, "a2"),
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
fn a_sign_in_with_a_wrong_signature_keeps_the_earlier_session() {
    for problem in [Kind::IdTokenInvalid { reason: "signature" }, Kind::Network { url: String::new() }].map(Error::from)
    {
        let mut session = signed_in();
        let response = tokens("b1", &format!(r#","id_token":"{}""#, id_token(&claims(&[]))));
        let tokens = TokenResponse::from_response(&response).expect("well formed");
        let (result, leftover) = session.sign_in(tokens, Err(problem.clone()), &transaction(), &config(), at(0));
        assert_eq!(support::code(&result), Some(problem.code()));
        assert_eq!((exposed(&leftover), token(&session)), (vec![], "a1"), "what came may be of the grant that is kept");
    }
}
