//! CB: the authorization response.

use valet_key::protocol::authorization_request::{Entropy, SignIn};
use valet_key::protocol::authorization_response::AuthorizationResponse;
use valet_key::protocol::error::{Error, Kind};
use valet_key::protocol::foreign::ForeignText;
use valet_key::protocol::form;

use crate::hostile::app::{App, Completion};
use crate::hostile::case::Case;
use crate::hostile::provider::{Place, Provider, long};
use crate::support::{SIGN_IN, code, json, options};

/// Rewrites an authorization response.
type Rewrite = fn(&str) -> String;

/// The valid query without one of its parameters.
fn without(query: &str, name: &str) -> String {
    let parts: Vec<&str> = query.split('&').filter(|part| !part.starts_with(&format!("{name}="))).collect();
    parts.join("&")
}

/// The valid query with an error instead of the code.
fn refusal(query: &str, error: &str) -> String {
    format!("{error}&{}", without(query, "code"))
}

fn state_of(query: &str) -> String {
    form::parse(query).expect("a form").into_iter().find(|(name, _)| name == "state").expect("a state").1
}

fn stage() -> (App, Provider) {
    (App::new(&options("")).expect("honest options"), Provider::perfect("https://as.test"))
}

#[test]
fn another_state_leaves_the_pending_sign_in_alone() {
    Case::new("CB-02").callback(|honest| honest.replace("state=", "state=x")).play();
    Case::new("CB-02").callback(|honest| honest.replace("&iss=", "A&iss=")).play();
    Case::new("CB-02")
        .callback(|honest| honest.to_owned().replacen(&state_of(honest), &state_of(honest).to_lowercase(), 1))
        .play();
    // After the response with another state, the valid one still works.
    let (mut app, mut provider) = stage();
    let url = app.begin(&mut provider, SIGN_IN).expect("an address");
    let query = provider.authorize(&url);
    let changed = query.replace(&state_of(&query), &format!("X{}", &state_of(&query)[1..]));
    assert_eq!(app.complete(&mut provider, &changed).map_err(|error| error.code()), Err("state_mismatch"));
    assert_eq!(app.complete(&mut provider, &query).ok(), Some(Completion::SignedIn));
}

#[test]
fn a_repeated_parameter_is_refused() {
    Case::new("CB-05").callback(|honest| format!("{honest}&code=evil")).play();
    Case::new("CB-05").callback(|honest| format!("code=evil&{honest}")).play();
    Case::new("CB-05").callback(|honest| format!("{honest}&code=")).play();
    Case::new("CB-05").callback(|honest| format!("{honest}&%63ode=evil")).play();
    Case::new("CB-05").callback(|honest| format!("{honest}&state={}", state_of(honest))).play();
    Case::new("CB-06").callback(|honest| format!("{honest}&iss=https://evil.test")).play();
    Case::new("CB-06").callback(|honest| refusal(honest, "error=x&error=y")).play();
    Case::new("CB-06").callback(|honest| refusal(honest, "error=x&error_description=a&error_description=b")).play();
}

#[test]
fn the_issuer_of_the_response_must_be_the_requested_one() {
    Case::new("CB-07").callback(|honest| without(honest, "iss")).play();
    Case::new("CB-07").callback(|honest| format!("{}&iss=", without(honest, "iss"))).play();
    Case::new("CB-07").callback(|honest| format!("{}&iss", without(honest, "iss"))).play();
    Case::new("CB-07").callback(|honest| refusal(&without(honest, "iss"), "error=access_denied")).play();
    Case::new("CB-08").callback(|honest| honest.replace("as.test", "evil.test")).play();
    Case::new("CB-09").callback(|honest| honest.replace("as.test", "as.test%2F")).play();
    Case::new("CB-09").callback(|honest| honest.replace("as.test", "AS.test")).play();
    Case::new("CB-09").callback(|honest| honest.replace("as.test", "as.test%3A443")).play();
    Case::new("CB-09").callback(|honest| honest.replace("as.test", "as.test%20")).play();
    Case::new("CB-10").callback(str::to_owned).play_to("ok");
    Case::new("CB-10").callback(|honest| honest.replace("%3A%2F%2F", "://")).play_to("ok");
    Case::new("CB-10").callback(|honest| honest.replace("%3A%2F%2F", "%253A%252F%252F")).play_to("iss_mismatch");
    // The metadata promised nothing.
    for silent in [
        ("-authorization_response_iss_parameter_supported", ""),
        ("authorization_response_iss_parameter_supported", "false"),
    ] {
        Case::new("CB-12")
            .metadata(&[silent])
            .callback(|honest| format!("{honest}&iss=https%3A%2F%2Fevil.test"))
            .play();
        Case::new("CB-13").metadata(&[silent]).play();
        Case::new("CB-10")
            .metadata(&[silent])
            .callback(|honest| format!("{honest}&iss=https%3A%2F%2Fas.test"))
            .play_to("ok");
    }
}

#[test]
fn an_error_of_another_issuer_is_not_reported() {
    let rewrite = |honest: &str| {
        refusal(honest, "error=access_denied&error_description=text-of-evil").replace("as.test", "evil.test")
    };
    let error = Case::new("CB-15").callback(rewrite).poison("text-of-evil").play().error.expect("an error");
    assert_eq!(error.oauth(), None);
    Case::new("CB-15")
        .callback(|honest| refusal(&without(honest, "iss"), "error=access_denied&iss=%3Cimg%20src%3Dx%3E"))
        .poison("img")
        .play();
}

#[test]
fn the_error_of_a_server_is_reported_as_data() {
    let rows: [(Rewrite, &str, bool); 7] = [
        (|honest| refusal(honest, "error=invalid_request"), "invalid_request", false),
        (|honest| refusal(honest, "error=unauthorized_client"), "unauthorized_client", false),
        (|honest| refusal(honest, "error=unsupported_response_type"), "unsupported_response_type", false),
        (|honest| refusal(honest, "error=invalid_scope"), "invalid_scope", false),
        (|honest| refusal(honest, "error=server_error"), "server_error", true),
        (|honest| refusal(honest, "error=temporarily_unavailable"), "temporarily_unavailable", true),
        (|honest| refusal(honest, "error=vendor_specific.1"), "vendor_specific.1", false),
    ];
    for (callback, code, retryable) in rows {
        let id = if code.contains('.') { "CB-19" } else { "CB-17" };
        let error = Case::new(id).callback(callback).play().error.expect("an error");
        assert_eq!(error.oauth().map(|said| said.error.as_str()), Some(code));
        assert_eq!(error.is_retryable(), retryable, "{code}");
    }
    let markup = "error=access_denied&error_description=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E";
    let error = Case::new("CB-21")
        .callback(|honest| {
            refusal(honest, "error=access_denied&error_description=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E")
        })
        .poison("onerror")
        .play()
        .error
        .expect(markup);
    assert_eq!(
        error.oauth().and_then(|said| said.error_description.as_ref().map(ForeignText::as_str)),
        Some("<img src=x onerror=alert(1)>")
    );
    for callback in [
        (|honest| refusal(honest, "error=access_denied&error_uri=javascript:alert(1)")) as Rewrite,
        |honest| refusal(honest, "error=access_denied&error_uri=data:text/html,x"),
        |honest| refusal(honest, "error=access_denied&error_uri=http://as.test/"),
        |honest| refusal(honest, "error=access_denied&error_uri=https://as.test/%22%3E%3Cimg%3E"),
    ] {
        let error = Case::new("CB-22").callback(callback).poison("alert").play().error.expect("an error");
        assert_eq!(error.oauth().and_then(|said| said.error_uri.as_ref()), None);
    }
    Case::new("CB-23").callback(|honest| format!("{honest}&error=access_denied")).play();
    Case::new("CB-23").callback(|honest| format!("error=access_denied&{honest}")).play();
}

#[test]
fn a_response_has_a_code_or_an_error() {
    Case::new("CB-24").callback(|honest| without(honest, "code")).play();
    Case::new("CB-24").callback(|honest| format!("code=&{}", without(honest, "code"))).play();
    Case::new("CB-24").callback(|honest| format!("code&{}", without(honest, "code"))).play();
    Case::new("CB-24").callback(|honest| format!("error=&{}", without(honest, "code"))).play();
}

#[test]
fn codes_are_sent_unchanged() {
    let sent = |played: &crate::hostile::case::Played| {
        let request = played.asked.iter().find(|seen| seen.place == Some(Place::Token)).expect("a token request");
        let form = form::parse(&request.body).expect("a form");
        let codes: Vec<String> = form.into_iter().filter(|(name, _)| name == "code").map(|(_, code)| code).collect();
        assert_eq!(codes.len(), 1);
        codes[0].clone()
    };
    // The provider does not know such a code: the test checks which code it received.
    let honest = r#"{"access_token":"access-token-of-this-run","token_type":"Bearer","expires_in":600}"#;
    let plain = options(r#""openid":false,"#);
    let rows: [(&str, Rewrite, String); 6] = [
        ("CB-25", |honest| format!("code={}&{}", long("a", 4096), without(honest, "code")), long("a", 4096)),
        ("CB-27", |honest| format!("code=a%26scope%3Dadmin&{}", without(honest, "code")), "a&scope=admin".into()),
        ("CB-27", |honest| format!("code=a%2Bb&{}", without(honest, "code")), "a+b".into()),
        ("CB-27", |honest| format!("code=a+b&{}", without(honest, "code")), "a b".into()),
        ("CB-27", |honest| format!("code=a%20b&{}", without(honest, "code")), "a b".into()),
        ("CB-27", |honest| format!("code=%25%3D%23&{}", without(honest, "code")), "%=#".into()),
    ];
    for (id, callback, expected) in rows {
        let case = Case::new(id).options(&plain).callback(callback).answers(Place::Token, vec![Ok(json(200, honest))]);
        let played = case.play_to("ok");
        assert_eq!(sent(&played), expected);
    }
    for callback in [
        (|honest| honest.replace("code=", "code=%0d%0a")) as Rewrite,
        |honest| honest.replace("code=", "code=%00"),
        |honest| honest.replace("code=", "code=%7f"),
        |honest| honest.replace("code=", "code=%ff"),
        |honest| honest.replace("code=", "code=%zz"),
        |honest| honest.replace("code=", "code=%c2%85"),
        |honest| honest.replace("code=", "code=%C3%BC"),
    ] {
        Case::new("CB-27").callback(callback).play_to("response_invalid");
    }
    Case::new("CB-26").callback(|honest| honest.replace("code=", &format!("code={}", long("a", 1 << 20)))).play();
}

#[test]
fn cb_26_the_limit_is_128_kib() {
    let query = |length: usize| format!("state=S&code={}", long("a", length - "state=S&code=".len()));
    assert!(AuthorizationResponse::parse(&query(128 << 10)).is_ok());
    assert_eq!(code(&AuthorizationResponse::parse(&query((128 << 10) + 1))), Some("too_large"));
}

#[test]
fn responses_of_other_flows_are_refused() {
    Case::new("CB-34").callback(|honest| format!("response=a.b.c&{honest}")).play();
    Case::new("CB-34").callback(|honest| format!("response=a.b.c&state={}", state_of(honest))).play();
    Case::new("CB-54").sign_in(SignIn { params: form_post(), ..SIGN_IN }).play();
}

fn form_post() -> &'static [(String, String)] {
    vec![("response_mode".to_owned(), "form_post".to_owned())].leak()
}

#[test]
fn a_sign_in_lasts_an_hour() {
    for seconds in [60 * 60 + 1, 61 * 60, 2 * 60 * 60, 86_400, i64::MAX / 4000] {
        let error = Case::new("CB-39").away(seconds).play().error;
        assert!(
            matches!(error.as_ref().map(Error::kind), Some(Kind::StateMismatch { reason: "expired" })),
            "{seconds}"
        );
    }
    Case::new("CB-40").away(-86_400).play_to("state_mismatch");
    Case::new("CB-40").away(60 * 60).play_to("ok");
    // The code is new: the user took long, for a registration with an e-mail confirmation.
    for minutes in [11, 30, 59] {
        Case::new("CB-71").away(minutes * 60).play();
    }
}

#[test]
fn cb_41_a_response_without_a_pending_sign_in_is_ignored() {
    for signed_in in [false, true] {
        let (mut app, mut provider) = stage();
        if signed_in {
            let url = app.begin(&mut provider, SIGN_IN).expect("an address");
            let query = provider.authorize(&url);
            app.complete(&mut provider, &query).expect("signed in");
        }
        let (view, requests) = (app.view(), provider.requests.len());
        for query in [
            "code=attackers&state=x&iss=https%3A%2F%2Fas.test",
            "error=access_denied&state=x",
            "code=a",
            "state=x",
            "error=x",
        ] {
            assert_eq!(app.complete(&mut provider, query).ok(), Some(Completion::Ignored), "{query}");
        }
        assert_eq!((app.view(), provider.requests.len()), (view, requests), "NS NQ KS");
    }
}

#[test]
fn cb_42_a_state_is_valid_for_its_own_client_only() {
    let (mut first, mut provider) = stage();
    let mut other_provider = Provider::perfect("https://as2.test");
    let mut second = App::new(r#"{"issuer":"https://as2.test","clientId":"spa"}"#).expect("honest options");
    let url = first.begin(&mut provider, SIGN_IN).expect("an address");
    let query = provider.authorize(&url);
    let own = second.begin(&mut other_provider, SIGN_IN).expect("an address");
    let own = other_provider.authorize(&own);
    // Both draw the same random values in this test, which does not happen in a browser: that alone must not be enough.
    let query_elsewhere = query.replace("state=", "state=1");
    assert_eq!(
        second.complete(&mut other_provider, &query_elsewhere).map_err(|error| error.code()),
        Err("state_mismatch")
    );
    assert_eq!(second.complete(&mut other_provider, &query).map_err(|error| error.code()), Err("iss_mismatch"));
    assert_eq!(other_provider.count(Place::Token), 0);
    assert_eq!(first.complete(&mut provider, &query).ok(), Some(Completion::SignedIn), "TX1");
    drop(own);
}

#[test]
fn cb_43_a_mixed_up_response_sends_no_code_to_the_wrong_server() {
    let mut evil = Provider::perfect("https://as2.test");
    let mut app = App::new(r#"{"issuer":"https://as2.test","clientId":"spa"}"#).expect("honest options");
    let url = app.begin(&mut evil, SIGN_IN).expect("an address");
    // The attacker's server redirects the browser to the honest server, with the same state.
    let mut honest = Provider::perfect("https://as.test");
    let query = honest.authorize(&url);
    assert_eq!(app.complete(&mut evil, &query).map_err(|error| error.code()), Err("iss_mismatch"));
    assert_eq!((evil.count(Place::Token), app.pending.len()), (0, 0), "VER");
    assert!(evil.requests.iter().all(|seen| !seen.url.contains("code=") && seen.body.is_empty()), "VER");
}

#[test]
fn cb_47_an_injected_code_is_refused_once() {
    let invalid = Ok(json(400, r#"{"error":"invalid_grant"}"#));
    let played = Case::new("CB-47").answers(Place::Token, vec![invalid]).play();
    assert!(
        matches!(played.error.as_ref().map(Error::kind), Some(Kind::TokenRefused(said)) if said.error.as_str() == "invalid_grant")
    );
    // The honest provider refuses by itself: the code is bound to another challenge.
    let (mut attacker, mut provider) = stage();
    let url = attacker.begin_with(
        &mut provider,
        SIGN_IN,
        &Entropy { state: [9; 32], nonce: [10; 32], code_verifier: [11; 32] },
    );
    let stolen = provider.authorize(&url.expect("an address"));
    let stolen = stolen.split('&').next().expect("a code").to_owned();
    let (mut app, _) = stage();
    let url = app.begin(&mut provider, SIGN_IN).expect("an address");
    let own = form::parse(url.split_once('?').expect("a query").1).expect("a form");
    let state = own.into_iter().find(|(name, _)| name == "state").expect("a state").1;
    let query = format!("{stolen}&state={state}&iss=https%3A%2F%2Fas.test");
    assert_eq!(app.complete(&mut provider, &query).map_err(|error| error.code()), Err("token_error"));
    assert_eq!((app.view(), app.pending.len()), (None, 0));
}

#[test]
fn unknown_parameters_are_ignored() {
    Case::new("CB-51").callback(|honest| format!("__proto__[x]=1&constructor[prototype][y]=2&{honest}")).play();
    Case::new("CB-51").callback(|honest| format!("{honest}&session_state=x&__proto__=1&hasOwnProperty=1")).play();
    Case::new("CB-52").callback(|honest| format!("{honest}{}", long("&a=1", 5000))).play_to("response_invalid");
    Case::new("CB-52").callback(|honest| format!("{honest}&a={}", long("a", 2 << 20))).play_to("too_large");
    Case::new("CB-52").callback(|honest| format!("{honest}{}", long("&", 2 << 20))).play_to("too_large");
}
