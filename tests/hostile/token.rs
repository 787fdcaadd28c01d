//! TOK: the token response to a code.

use valet_key::protocol::error::Kind;

use crate::hostile::app::{App, Completion};
use crate::hostile::case::{Case, Played};
use crate::hostile::provider::{Place, Provider, change, long};
use crate::support::signing::jwt;
use crate::support::{SIGN_IN, answer, json, options};

fn answers(id: &str, status: u16, content_type: &str, body: &str) -> Case {
    Case::new(id).answers(Place::Token, vec![Ok(answer(status, content_type, body))])
}

/// The scope that the app gets.
fn scope(played: &Played) -> String {
    let view = played.view.as_deref().expect("signed in");
    view.split_once("\"scope\":\"").expect("a scope").1.split('"').next().expect("its end").to_owned()
}

fn stage(options: &str) -> (App, Provider) {
    (App::new(options).expect("honest options"), Provider::perfect("https://as.test"))
}

fn sign_in(app: &mut App, provider: &mut Provider) {
    let url = app.begin(provider, SIGN_IN).expect("an address");
    let query = provider.authorize(&url);
    assert_eq!(app.complete(provider, &query).ok(), Some(Completion::SignedIn));
}

#[test]
fn tok_01_the_token_request_is_a_form_with_each_parameter_once() {
    let played = Case::new("TOK-01").play();
    let request = played.asked.iter().find(|seen| seen.place == Some(Place::Token)).expect("a request");
    assert_eq!(request.url, "https://as.test/token");
    let form = valet_key::protocol::form::parse(&request.body).expect("a form");
    let names: Vec<&str> = form.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["grant_type", "code", "redirect_uri", "client_id", "code_verifier"]);
    assert_eq!(form[0].1, "authorization_code");
    assert_eq!((form[2].1.as_str(), form[3].1.as_str(), form[4].1.len()), ("https://app.test/cb", "spa", 43));
}

#[test]
fn the_token_type_is_bearer_in_any_case() {
    for kind in ["bearer", "BEARER", "bEaReR"] {
        Case::new("TOK-04").token(&[("token_type", &format!("\"{kind}\""))]).play();
    }
    for kind in ["mac", "N_A", "Basic", "DPoP", "bearer ", "", "Bearer\\u0000"] {
        Case::new("TOK-05").token(&[("token_type", &format!("\"{kind}\""))]).play();
    }
}

#[test]
fn an_access_token_has_only_characters_of_a_header() {
    for token in [r"x\r\nX-Evil: 1", "x y", "x\\\"y", "tök", r"x\u0000", "", r"x\\y", "x\\t", r"\u007f"] {
        Case::new("TOK-06").token(&[("access_token", &format!("\"{token}\""))]).play();
    }
    for value in ["null", "1", "{}", "[\"x\"]"] {
        Case::new("TOK-06").token(&[("access_token", value)]).play();
    }
    Case::new("TOK-06").token(&[("-access_token", "")]).play();
    Case::new("TOK-07").token(&[("access_token", &format!("\"{}\"", long("a", 16 << 10)))]).play();
}

#[test]
fn lifetimes_are_seconds() {
    let view = |played: &Played| {
        let view = played.view.clone().expect("signed in");
        view.split_once("\"expiresAt\":").expect("a time").1.split(',').next().expect("its end").to_owned()
    };
    let expires = |id: &str, value: &str| view(&Case::new(id).token(&[("expires_in", value)]).play());
    assert_eq!(expires("TOK-09", r#""3600""#), "1800003605000");
    assert_eq!(expires("TOK-15", "3600.7"), "1800003605000");
    for value in [
        "-1",
        "-0.5e1",
        r#""-1""#,
        r#""3600 ""#,
        r#""3600s""#,
        r#""""#,
        r#""0x10""#,
        r#""1e3""#,
        "true",
        "[3600]",
        "{}",
    ] {
        Case::new("TOK-11").token(&[("expires_in", value)]).play();
    }
    Case::new("TOK-14").token(&[("expires_in", "1e400")]).play_to("response_invalid");
    Case::new("TOK-14").token(&[("expires_in", &long("9", 400))]).play_to("response_invalid");
    Case::new("TOK-14").token(&[("expires_in", &format!("\"{}\"", long("9", 400)))]).play_to("response_invalid");
    Case::new("TOK-14").token(&[("expires_in", "1e99999999999999999999")]).play_to("response_invalid");
    for word in ["NaN", "Infinity", "0x10", "01", "+1", "1.", ".5"] {
        Case::new("TOK-14").token(&[("expires_in", word)]).play_to("not_json");
    }
}

#[test]
fn tok_12_an_immediately_expired_token_causes_no_loop() {
    let (mut app, mut provider) = stage(&options(""));
    change(&mut provider.token, &[("expires_in", "0")]);
    provider.refresh.clone_from(&provider.token);
    sign_in(&mut app, &mut provider);
    let mut calls = 0;
    for _ in 0..60 {
        for _ in 0..3 {
            let before = provider.count(Place::Refresh);
            app.call(&mut provider).expect("a token");
            calls += 1;
            assert!(provider.count(Place::Refresh) - before <= 1, "at most one renewal for each call");
        }
        app.wait(&mut provider, 1);
    }
    assert!(provider.count(Place::Refresh) <= calls);
}

#[test]
fn tok_13_a_long_lifetime_does_not_overflow() {
    for (seconds, life) in [("2592000", 2_592_000), ("1e12", 1_000_000_000_000), ("9223372036854775807", i64::MAX)] {
        Case::new("TOK-13").token(&[("expires_in", seconds)]).play();
        let (mut app, mut provider) = stage(&options(""));
        change(&mut provider.token, &[("expires_in", seconds)]);
        sign_in(&mut app, &mut provider);
        for _ in 0..24 {
            app.wait(&mut provider, 3600);
            app.call(&mut provider).expect("a token");
        }
        assert_eq!(provider.count(Place::Refresh), 0, "{life}");
    }
}

#[test]
fn the_scope_is_the_granted_one() {
    assert_eq!(scope(&Case::new("TOK-16").token(&[("-scope", "")]).play()), "openid read");
    let rows = [
        ("TOK-17", r#""openid""#, "openid"),
        ("TOK-18", r#""openid read write""#, "openid read write"),
        ("TOK-18", r#""write read openid""#, "write read openid"),
        ("TOK-18", r#""openid  read   write ""#, "openid read write"),
        ("TOK-18", r#"" read openid read""#, "read openid"),
    ];
    for (id, value, expected) in rows {
        assert_eq!(scope(&Case::new(id).token(&[("scope", value)]).play()), expected, "{value}");
    }
    for value in [r#"["read"]"#, r#"["read_station"]"#, "[]", "1", "{}", "true"] {
        Case::new("TOK-19").token(&[("scope", value)]).play();
    }
}

#[test]
fn unknown_members_are_ignored() {
    let names = [
        "state",
        "profile",
        "user",
        "claims",
        "expires_at",
        "error_description",
        "then",
        "toJSON",
        "__proto__",
        "constructor",
    ];
    for value in [r#"{"sub":"mallory"}"#, r#""mallory""#, "1", "null"] {
        let played = Case::new("TOK-21").token(&names.map(|name| (name, value))).play();
        assert!(!played.view.expect("signed in").contains("mallory"));
    }
    let foreign = jwt(r#"{"alg":"RS256"}"#, r#"{"sub":"mallory","exp":1,"scope":"admin"}"#);
    let played = Case::new("TOK-43").token(&[("access_token", &format!("\"{foreign}\""))]).play();
    assert!(!played.view.expect("signed in").contains("mallory"));
    let played = Case::new("TOK-42")
        .options(&options(r#""openid":false,"#))
        .token(&[("id_token", &format!("\"{foreign}\""))])
        .play();
    let view = played.view.expect("signed in");
    assert!(view.starts_with(r#"{"sub":"","#) && view.ends_with(r#""claims":{}}"#), "{view}");
}

#[test]
fn a_response_that_is_not_json_is_refused() {
    let page = "<h1>Sign in to the network</h1>";
    answers("TOK-24", 200, "text/html", page).poison("network").play();
    answers("TOK-24", 200, "application/json", page).poison("network").play();
    answers("TOK-24", 200, "application/json", "").poison("network").play();
    answers("TOK-24", 204, "", "").poison("network").play();
    let honest = r#"{"access_token":"a","token_type":"Bearer"}"#;
    answers("TOK-25", 200, "text/plain", honest).play();
    answers("TOK-25", 200, "text/javascript", honest).play();
    answers("TOK-25", 200, "application/jsonp", honest).play();
    answers("TOK-25", 200, "application/x-www-form-urlencoded", "access_token=a&token_type=bearer").play();
}

#[test]
fn an_error_response_is_reported_without_its_other_members() {
    let body = r#"{"error":"mfa_required","error_description":"more","mfa_token":"SECRET"}"#;
    let error = answers("TOK-28", 403, "application/json", body).poison("SECRET").play().error.expect("an error");
    assert!(!format!("{error:?}").contains("SECRET"));
    assert!(matches!(error.kind(), Kind::TokenRefused(said) if said.error.as_str() == "mfa_required"));
    let rows = [
        ("text/html", "<h1>no"),
        ("application/json", "{}"),
        ("application/json", r#"{"error":{}}"#),
        ("application/json", r#"{"error":""}"#),
        ("application/json", r#"{"error":null}"#),
        ("application/json", r#"{"error":"<img>\n"}"#),
        ("application/json", "[]"),
        ("application/json", "<h1>no"),
    ];
    for (content_type, body) in rows {
        answers("TOK-29", 400, content_type, body).poison("<h1>").poison("img").play();
    }
    // A refused scope is not also granted.
    let both = r#"{"error":"invalid_grant","access_token":"a","token_type":"Bearer"}"#;
    answers("TOK-28", 200, "application/json", both).play();
}

#[test]
fn a_busy_server_is_asked_again_later() {
    let mut busy = json(429, "{}");
    busy.retry_after = Some(5);
    let error = Case::new("TOK-31").answers(Place::Token, vec![Ok(busy)]).play().error.expect("an error");
    assert_eq!(error.retry_after(), Some(5));
    for status in [0, 301, 302, 303, 307, 308] {
        answers("TOK-37", status, "", "").play();
        answers("TOK-37", status, "application/json", r#"{"access_token":"a","token_type":"Bearer"}"#).play();
    }
}

#[test]
fn too_large_or_too_deep_responses_are_refused() {
    let body = format!(r#"{{"access_token":"a","token_type":"Bearer","x":"{}"}}"#, long("a", 5 << 20));
    answers("TOK-38", 200, "application/json", &body).play();
    let deep = format!("{}1{}", long("[", 100_000), long("]", 100_000));
    answers("TOK-46", 200, "application/json", &deep).play();
    Case::new("TOK-46").token(&[("x", &deep)]).play();
}

#[test]
fn tok_41_openid_connect_requires_an_id_token() {
    Case::new("TOK-41").token(&[("-id_token", "")]).play_to("id_token_invalid");
    Case::new("TOK-41").token(&[("id_token", r#""""#)]).play_to("id_token_invalid");
    Case::new("TOK-41").token(&[("id_token", "null")]).play_to("id_token_invalid");
    for value in ["1", "{}", "[]"] {
        Case::new("TOK-41").token(&[("id_token", value)]).play_to("response_invalid");
    }
}

#[test]
fn tok_45_a_sign_out_ends_a_pending_sign_in() {
    let (mut app, mut provider) = stage(&options(""));
    let url = app.begin(&mut provider, SIGN_IN).expect("an address");
    let query = provider.authorize(&url);
    let (request, exchange) = app.redeem(&mut provider, &query).expect("honest").expect("a response");
    app.sign_out(&mut provider);
    let late = provider.answer(&request);
    let outcome = app.redeemed(&mut provider, &exchange, late);
    assert_eq!(outcome.map_err(|error| error.code()), Err("cancelled"));
    assert_eq!((app.view(), app.changes.len()), (None, 0), "NS");
    assert_eq!(provider.count(Place::Revocation), 2, "what came too late is revoked");
}

/// TOK-47: every run ends with another sign-in that works. Here it follows several failures.
#[test]
fn tok_47_the_next_sign_in_works_after_any_failure() {
    let failures = [
        json(400, r#"{"error":"invalid_grant"}"#),
        json(503, ""),
        json(200, "{"),
        answer(200, "text/html", ""),
        json(0, ""),
    ];
    let (mut app, mut provider) = stage(&options(""));
    for failure in failures {
        provider.instead = vec![(Place::Token, vec![Ok(failure)])];
        let url = app.begin(&mut provider, SIGN_IN).expect("an address");
        let query = provider.authorize(&url);
        assert!(app.complete(&mut provider, &query).is_err());
        assert_eq!(app.view(), None, "NS before");
    }
    provider.instead.clear();
    sign_in(&mut app, &mut provider);
    assert!(app.view().is_some() && app.changes.len() == 1, "one session after");
}
