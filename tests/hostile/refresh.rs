//! RT: refresh of tokens.

use valet_key::protocol::error::{Error, Kind};
use valet_key::protocol::session::Change;
use valet_key::protocol::session_state::{Action, Refused};

use crate::hostile::app::{App, Completion};
use crate::hostile::case::{Case, Played};
use crate::hostile::provider::{Answer, Place, Provider, change};
use crate::support::{SIGN_IN, answer, json, options};

fn answers(id: &str, answers: Vec<Answer>) -> Case {
    Case::new(id).answers(Place::Refresh, answers)
}

fn refused(error: &str) -> Vec<Answer> {
    vec![Ok(json(400, &format!(r#"{{"error":"{error}"}}"#)))]
}

fn lost() -> Vec<Answer> {
    vec![Err(Error::from(Kind::Network { url: "https://as.test/token".into() }))]
}

fn stage() -> (App, Provider) {
    (App::new(&options("")).expect("honest options"), Provider::perfect("https://as.test"))
}

/// Alice, signed in for ten minutes.
fn signed_in() -> (App, Provider) {
    let (mut app, mut provider) = stage();
    sign_in(&mut app, &mut provider);
    (app, provider)
}

fn sign_in(app: &mut App, provider: &mut Provider) {
    let url = app.begin(provider, SIGN_IN).expect("an address");
    let query = provider.authorize(&url);
    assert_eq!(app.complete(provider, &query).ok(), Some(Completion::SignedIn));
}

/// The refresh tokens that were sent, in order.
fn sent(provider: &Provider) -> Vec<String> {
    let forms = provider.requests.iter().filter(|seen| seen.place == Some(Place::Refresh));
    forms
        .map(|seen| {
            let form = valet_key::protocol::form::parse(&seen.body).expect("a form");
            form.into_iter().find(|(name, _)| name == "refresh_token").expect("a token").1
        })
        .collect()
}

#[test]
fn refresh_tokens_are_rotated_or_kept() {
    let (mut app, mut provider) = signed_in();
    for _ in 0..5 {
        app.wait(&mut provider, 700);
        app.call(&mut provider).expect("the provider would refuse an old one");
    }
    let mut tokens = sent(&provider);
    assert_eq!(tokens.len(), 5);
    tokens.dedup();
    assert_eq!(tokens.len(), 5, "RT-01: none is sent twice");
    Case::new("RT-01").refresh(&[]).play();

    for kept in [("-refresh_token", ""), ("refresh_token", r#""""#)] {
        Case::new("RT-02").refresh(&[kept]).play();
        let (mut app, mut provider) = signed_in();
        change(&mut provider.refresh, &[kept]);
        for _ in 0..3 {
            app.wait(&mut provider, 700);
            app.call(&mut provider).expect("a token");
        }
        let mut tokens = sent(&provider);
        tokens.dedup();
        assert_eq!(tokens.len(), 1, "RT-02: the old one is used next time");
    }
    Case::new("RT-20")
        .refresh(&[("access_token", r#""the-same-token-as-before""#)])
        .token(&[("access_token", r#""the-same-token-as-before""#)])
        .refresh(&[])
        .play();
}

#[test]
fn invalid_grant_ends_the_session() {
    answers("RT-03", refused("invalid_grant")).play();
    // The response was lost after the server had used the token: the next attempt triggers the reuse detection.
    let mut lost_then_refused = lost();
    lost_then_refused.extend(refused("invalid_grant"));
    let (mut app, mut provider) = signed_in();
    provider.instead.push((Place::Refresh, lost_then_refused));
    app.wait(&mut provider, 700);
    assert_eq!(app.call(&mut provider).map_err(|error| error.code()), Err("network_error"));
    assert_eq!(provider.count(Place::Refresh), 1, "RT-09: not sent again by itself");
    assert!(app.view().is_some());
    assert_eq!(app.call(&mut provider).map_err(|error| error.code()), Err("session_ended"));
    assert_eq!((app.view(), app.changes.as_slice()), (None, &[Change::SignedIn, Change::Ended][..]), "RT-09: SO");
    sign_in(&mut app, &mut provider);
}

/// RT-05 and RT-23: callers during a renewal wait for it.
#[test]
fn simultaneous_calls_share_one_renewal() {
    for (id, asleep) in [("RT-05", 700), ("RT-23", 8 * 3600)] {
        let (mut app, mut provider) = signed_in();
        app.wait(&mut provider, asleep);
        let calls: Vec<_> = (0..20).map(|_| app.session.call(0)).collect();
        let Action::Refresh(request, ticket) = app.ask(calls[0]) else { panic!("{id}: a renewal") };
        for call in &calls[1..] {
            assert!(matches!(app.ask(*call), Action::Wait), "{id}");
        }
        let answer = provider.answer(&request);
        app.refreshed(&mut provider, ticket, answer).expect("honest");
        let tokens: Vec<_> = calls.iter().map(|call| app.call_of(&mut provider, *call).expect("a token")).collect();
        assert!(tokens.iter().all(|token| *token == tokens[0]), "{id}: all get the same");
        assert_eq!(provider.count(Place::Refresh), 1, "{id}: RQ1");
    }
    // They share its failure, too: no caller tries again by itself.
    let (mut app, mut provider) = signed_in();
    app.wait(&mut provider, 700);
    let calls: Vec<_> = (0..20).map(|_| app.session.call(0)).collect();
    let Action::Refresh(_, ticket) = app.ask(calls[0]) else { panic!("a renewal") };
    app.refreshed(&mut provider, ticket, lost().remove(0)).expect_err("no response");
    for call in calls {
        assert_eq!(app.call_of(&mut provider, call).map_err(|error| error.code()), Err("network_error"));
    }
    assert_eq!(provider.count(Place::Refresh), 0);
}

#[test]
fn rt_10_being_offline_does_not_end_the_session() {
    let (mut app, mut provider) = signed_in();
    provider.instead.push((Place::Refresh, lost()));
    for _ in 0..60 {
        app.wait(&mut provider, 60);
        if app.now.monotonic > 600_000 {
            assert_eq!(app.call(&mut provider).map_err(|error| error.code()), Err("network_error"));
        }
        assert!(app.view().is_some(), "KS");
    }
    provider.repair();
    app.call(&mut provider).expect("online again");
    assert_eq!(app.changes, [Change::SignedIn, Change::Renewed]);
    answers("RT-10", lost()).play();
}

#[test]
fn a_failing_server_gets_fewer_requests() {
    for status in [500, 502, 503] {
        answers("RT-11", vec![Ok(json(status, "{}"))]).play();
        let (mut app, mut provider) = signed_in();
        app.wait(&mut provider, 600);
        provider.instead.push((Place::Refresh, vec![Ok(json(status, "{}"))]));
        for _ in 0..6000 {
            app.call(&mut provider).expect_err("in trouble");
            app.now.wall += 100;
            app.now.monotonic += 100;
        }
        let requests = provider.count(Place::Refresh);
        assert!((4..=10).contains(&requests), "RT-11: {requests} in ten minutes");
        assert!(app.view().is_some(), "RT-11: KS");
    }
    let mut busy = json(429, "{}");
    busy.retry_after = Some(120);
    answers("RT-12", vec![Ok(busy.clone())]).play();
    let (mut app, mut provider) = signed_in();
    app.wait(&mut provider, 700);
    provider.instead.push((Place::Refresh, vec![Ok(busy), Ok(json(503, ""))]));
    for second in 0..=120 {
        app.call(&mut provider).expect_err("busy");
        assert_eq!(provider.count(Place::Refresh), 1 + usize::from(second == 120), "RT-12: after {second} s");
        app.wait(&mut provider, 1);
    }
}

#[test]
fn the_id_token_of_a_refresh_is_of_the_same_sign_in() {
    let rows = [
        ("RT-14", "iss", r#""https://evil.test""#),
        ("RT-14", "iss", r#""https://as.test/""#),
        ("RT-15", "aud", r#""other""#),
        ("RT-15", "aud", r#"["other","another"]"#),
        ("RT-15", "-aud", ""),
        ("RT-15", "azp", r#""other""#),
        ("RT-15", "sub", r#""bob""#),
        ("RT-15", "-sub", ""),
    ];
    for (id, claim, value) in rows {
        Case::new(id).refreshed_claims(&[(claim, value)]).play();
    }
    Case::new("RT-15").claims(&[("azp", r#""spa""#)]).refreshed_claims(&[("azp", r#""other""#)]).play();
}

/// The claims that the app gets.
fn claims_of(view: &str) -> &str {
    view.split_once(r#""claims":"#).expect("claims").1
}

#[test]
fn an_id_token_of_a_refresh_without_another_user_or_party_does_not_end_the_session() {
    type Changes = &'static [(&'static str, &'static str)];
    let rows: [(Changes, Changes); 21] = [
        (&[], &[("aud", r#"["spa"]"#)]),
        (&[], &[("aud", r#"["spa","other"]"#)]),
        (&[("aud", r#"["spa","p1"]"#), ("azp", r#""spa""#)], &[("aud", r#"["spa","p1","p2"]"#), ("azp", r#""spa""#)]),
        (&[("aud", r#"["spa","p1"]"#), ("azp", r#""spa""#)], &[("aud", r#"["p1","spa"]"#), ("azp", r#""spa""#)]),
        (&[], &[("azp", r#""spa""#)]),
        (&[("azp", r#""spa""#)], &[("x", "1")]),
        (&[], &[("auth_time", "1")]),
        (&[("auth_time", "1799999000")], &[("auth_time", "1799999001")]),
        (&[("auth_time", "1799999000")], &[("auth_time", "1800000700")]),
        (&[("auth_time", "1799999000")], &[("auth_time", r#""1799999000""#)]),
        (&[], &[("nonce", r#""another-nonce""#)]),
        (&[], &[("exp", "1")]),
        (&[], &[("exp", "null")]),
        (&[], &[("iat", "1799395200")]),
        (&[], &[("iat", "1799999999")]),
        (&[], &[("iat", "1800004300")]),
        (&[], &[("-iat", "")]),
        (&[], &[("nbf", "1800004300")]),
        (&[], &[("at_hash", r#""ypeBEsobvcr6wjGzmiPcTQ""#)]),
        (&[], &[("events", "{}")]),
        (&[], &[("x", r#"1,"x":2"#)]),
    ];
    for (first, renewed) in rows {
        let played = Case::new("RT-36").claims(first).refreshed_claims(renewed).play();
        assert_eq!(played.app.changes.iter().filter(|change| **change == Change::Ended).count(), 0, "{renewed:?}");
        let (mut app, mut provider) = stage();
        change(&mut provider.claims, first);
        sign_in(&mut app, &mut provider);
        change(&mut provider.refreshed_claims, renewed);
        let (view, token) = (app.view().expect("signed in"), app.access_token());
        app.wait(&mut provider, 700);
        app.call(&mut provider).expect("new tokens");
        assert_ne!(app.access_token(), token, "{renewed:?}: the tokens are taken");
        assert_eq!(claims_of(&app.view().expect("kept")), claims_of(&view), "{renewed:?}: the claims stay");
        assert_eq!(app.changes, [Change::SignedIn, Change::Renewed], "{renewed:?}");
    }
    // Some servers write a missing ID Token as `null`.
    Case::new("RT-35").refresh(&[("id_token", "null"), ("scope", "null"), ("error", "null")]).play();
    Case::new("RT-35").refresh(&[("id_token", r#""""#)]).play();
}

#[test]
fn the_id_token_of_a_refresh_may_change_claims() {
    for (first, renewed) in [
        (vec![], vec![("x", "1")]),
        (vec![("auth_time", "1799999000")], vec![("auth_time", "1799999000")]),
        (vec![("auth_time", "1799999000")], vec![("x", "1")]),
        (vec![("auth_time", "1799999000")], vec![("auth_time", "null")]),
        (vec![], vec![("nonce", "null"), ("auth_time", "null"), ("azp", "null"), ("at_hash", "null")]),
    ] {
        let case = Case::new("RT-16").claims(&first).refreshed_claims(&renewed);
        let view = case.play_to("ok").view.expect("signed in");
        assert!(claims_of(&view).contains(r#""iat":1800000705"#), "{renewed:?}: {view}");
    }
    let view = Case::new("RT-16").refreshed_claims(&[("nonce", r#""another-nonce""#)]).play_to("ok").view;
    assert!(claims_of(&view.expect("signed in")).contains(r#""iat":1800000005"#), "the earlier claims hold on");
}

/// RT-16: an ID Token of a refresh may repeat the nonce.
#[test]
fn rt_16_the_nonce_may_be_repeated() {
    let (mut app, mut provider) = signed_in();
    let view = app.view().expect("signed in");
    let nonce = view.split_once("\"nonce\":").expect("a nonce").1.split('}').next().expect("its end").to_owned();
    provider.refreshed_claims = vec![("nonce".into(), nonce)];
    app.wait(&mut provider, 700);
    app.call(&mut provider).expect("the same nonce");
    assert_eq!(app.changes, [Change::SignedIn, Change::Renewed]);
}

#[test]
fn rt_19_the_scope_is_the_one_granted_last() {
    let scope = |played: Played| {
        let view = played.view.expect("signed in");
        view.split_once("\"scope\":\"").expect("a scope").1.split('"').next().expect("its end").to_owned()
    };
    for (value, expected) in [(r#""openid""#, "openid"), (r#""openid read write admin""#, "openid read write admin")] {
        assert_eq!(scope(Case::new("RT-19").refresh(&[("scope", value)]).play()), expected);
    }
    assert_eq!(scope(Case::new("RT-19").refresh(&[("-scope", "")]).play()), "openid read");
    for value in ["1", "[]"] {
        let played = answers(
            "RT-22",
            vec![Ok(json(200, &format!(r#"{{"access_token":"a","token_type":"Bearer","scope":{value}}}"#)))],
        );
        // The response is refused as a whole, and the session continues unchanged.
        drop(played);
        let (mut app, mut provider) = signed_in();
        change(&mut provider.refresh, &[("scope", value)]);
        app.wait(&mut provider, 595);
        let before = app.access_token();
        assert_eq!(app.call(&mut provider).ok(), before, "still good for five seconds");
    }
}

#[test]
fn an_invalid_response_keeps_the_session() {
    answers("RT-22", refused("temporarily_unavailable")).play_to("token_error");
    answers("RT-22", vec![Ok(json(200, r#"{"error":"server_error"}"#))]).play_to("token_error");
    answers("RT-22", vec![Ok(answer(200, "text/html", "<h1>"))]).play_to("not_json");
    for error in ["unauthorized_client", "unsupported_grant_type", "invalid_client", "invalid_scope"] {
        answers("RT-31", refused(error)).play();
        let (mut app, mut provider) = signed_in();
        provider.instead.push((Place::Refresh, refused(error)));
        app.wait(&mut provider, 591);
        for _ in 0..8 {
            app.call(&mut provider).expect("KS until expiry");
            app.wait(&mut provider, 1);
        }
        app.wait(&mut provider, 60);
        assert!(app.call(&mut provider).is_err());
        assert_eq!(provider.count(Place::Refresh), 1, "RT-31: no more attempts");
    }
}

#[test]
fn rt_24_setting_the_clock_back_causes_one_renewal() {
    let (mut app, mut provider) = signed_in();
    app.now.wall -= 86_400_000;
    let call = app.session.call(0);
    app.call_of(&mut provider, call).expect("the token still looks good");
    assert_eq!(app.session.refused(call, app.now), Refused::Again, "the API says 401");
    app.call_of(&mut provider, call).expect("a new token");
    assert_eq!(provider.count(Place::Refresh), 1, "RQ1");
    // A token that the API refuses again is not renewed again for the same call.
    app.call_of(&mut provider, call).expect("the same token");
    assert_eq!(provider.count(Place::Refresh), 1);
}

#[test]
fn rt_27_a_sign_out_ends_a_pending_renewal() {
    let (mut app, mut provider) = signed_in();
    app.wait(&mut provider, 700);
    let call = app.session.call(0);
    let Action::Refresh(request, ticket) = app.ask(call) else { panic!("a renewal") };
    app.sign_out(&mut provider);
    let revoked = provider.count(Place::Revocation);
    let late = provider.answer(&request);
    assert_eq!(app.refreshed(&mut provider, ticket, late).map_err(|error| error.code()), Err("cancelled"));
    assert_eq!(provider.count(Place::Revocation), revoked + 2, "what came too late is revoked");
    assert_eq!(
        (app.view(), app.changes.as_slice()),
        (None, &[Change::SignedIn, Change::SignedOut][..]),
        "SO, told once"
    );
    assert_eq!(app.call_of(&mut provider, call).map_err(|error| error.code()), Err("login_required"));
}

#[test]
fn rt_28_a_renewal_for_alice_does_not_reach_bob() {
    let (mut app, mut provider) = signed_in();
    app.wait(&mut provider, 700);
    let call = app.session.call(0);
    let Action::Refresh(request, ticket) = app.ask(call) else { panic!("a renewal") };
    let late = provider.answer(&request);
    provider.user = "bob";
    sign_in(&mut app, &mut provider);
    let (view, token) = (app.view(), app.access_token());
    assert_eq!(app.refreshed(&mut provider, ticket, late).map_err(|error| error.code()), Err("cancelled"));
    assert_eq!((app.view(), app.access_token()), (view, token), "KS: Bob's session is as it was");
    assert_eq!(
        app.call_of(&mut provider, call).map_err(|error| error.code()),
        Err("cancelled"),
        "Alice's call is not sent as Bob"
    );
    assert_eq!(app.changes.last(), Some(&Change::UserChanged));
}

/// RT-33: no timer is used, so none can be late.
#[test]
fn rt_33_an_expired_token_is_never_attached() {
    for step in [1, 7, 60, 599, 601, 3600] {
        let (mut app, mut provider) = signed_in();
        let mut received = (app.access_token().expect("a token"), 0);
        for _ in 0..200 {
            app.wait(&mut provider, step);
            let token = app.call(&mut provider).expect("a token");
            let now = app.now.monotonic / 1000;
            if token != received.0 {
                received = (token, now);
            }
            assert!(now - received.1 < 600, "{step}: {} s old", now - received.1);
        }
    }
}

#[test]
fn rt_34_a_refresh_requests_no_more_than_the_granted_scope() {
    let played = Case::new("RT-34").refresh(&[]).play();
    let request = played.asked.iter().find(|seen| seen.place == Some(Place::Refresh)).expect("a request");
    let form = valet_key::protocol::form::parse(&request.body).expect("a form");
    let names: Vec<&str> = form.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["grant_type", "refresh_token", "client_id"]);
}

/// RT-37: without a refresh token the session ends with its token, with one event.
#[test]
fn rt_37_a_session_without_a_refresh_token_ends_with_its_access_token() {
    for none in ["null", r#""""#] {
        let (mut app, mut provider) = stage();
        change(&mut provider.token, &[("refresh_token", none)]);
        sign_in(&mut app, &mut provider);
        app.wait(&mut provider, 595);
        app.call(&mut provider).expect("still good");
        app.wait(&mut provider, 10);
        for _ in 0..3 {
            assert_eq!(app.call(&mut provider).map_err(|error| error.code()), Err("login_required"), "{none}");
        }
        assert_eq!((app.view(), app.changes.as_slice()), (None, &[Change::SignedIn, Change::Expired][..]), "{none}");
        assert_eq!((provider.count(Place::Refresh), provider.count(Place::Revocation)), (0, 0), "{none}");
        sign_in(&mut app, &mut provider);
    }
}

/// RT-38: the tokens of a renewal that ends after a sign-in of the same user are dropped and not revoked: a server may
/// count old and new tokens as one grant, and revoke all of it (RFC 7009 §2.1).
#[test]
fn rt_38_a_renewal_that_ends_after_a_sign_in_of_the_same_user_revokes_nothing() {
    for (user, revoked) in [("alice", 0), ("bob", 2)] {
        let (mut app, mut provider) = signed_in();
        app.wait(&mut provider, 700);
        let call = app.session.call(0);
        let Action::Refresh(request, ticket) = app.ask(call) else { panic!("a renewal") };
        let late = provider.answer(&request);
        provider.user = user;
        sign_in(&mut app, &mut provider);
        let before = provider.count(Place::Revocation);
        let (view, token) = (app.view(), app.access_token());
        assert_eq!(app.refreshed(&mut provider, ticket, late).map_err(|error| error.code()), Err("cancelled"));
        assert_eq!(provider.count(Place::Revocation) - before, revoked, "{user}");
        assert_eq!((app.view(), app.access_token()), (view, token), "{user}: KS");
        app.call(&mut provider).expect("the session works");
    }
}

#[test]
fn rt_33_a_token_is_renewed_ten_seconds_before_its_end() {
    let (mut app, mut provider) = signed_in();
    app.wait(&mut provider, 589);
    app.call(&mut provider).expect("a token");
    assert_eq!(provider.count(Place::Refresh), 0);
    app.wait(&mut provider, 1);
    app.call(&mut provider).expect("a token");
    assert_eq!(provider.count(Place::Refresh), 1);
}

#[test]
fn rt_28_another_sign_in_of_the_same_user_is_not_a_change_of_user() {
    let (mut app, mut provider) = signed_in();
    sign_in(&mut app, &mut provider);
    provider.user = "bob";
    sign_in(&mut app, &mut provider);
    assert_eq!(app.changes, [Change::SignedIn, Change::SignedIn, Change::UserChanged]);
}
