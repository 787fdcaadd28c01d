//! Silent sign-ins: `prompt=none` (OpenID Connect Core §3.1.2.1), and the restoring of an earlier session.

use valet_key::client::{Client, Completion, OtherSignIns};
use valet_key::protocol::authorization_request::{AuthorizationRequest, SignIn};
use valet_key::protocol::error::{Kind, Result};
use valet_key::protocol::form;
use valet_key::protocol::options::Options;
use valet_key::protocol::session::Change;
use valet_key::protocol::transaction::{Purpose, RedirectPage};

use crate::hostile::provider::{Answer, Place, Provider, change, object};
use crate::hostile::world::Here;
use crate::support::{self, SIGN_IN, code, json, options};

/// Parameters of a request, as an app passes them.
fn params(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

type Outcome = Result<Completion>;

/// The reason for a silent sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// The app calls it.
    App,
    /// It restores an earlier session.
    Restore,
}

impl By {
    fn purpose(self) -> Purpose {
        if self == Self::Restore { Purpose::Restore } else { Purpose::SignIn }
    }
}

fn begin(here: &Here, client: &Client<Here>, by: By, more: &[(&str, &str)]) -> Result<AuthorizationRequest> {
    let mut all = vec![("prompt", "none")];
    all.extend(more);
    let params = params(&all);
    here.finish(client.begin(SignIn { params: &params, purpose: by.purpose(), ..SIGN_IN }))
}

fn complete(here: &Here, client: &Client<Here>, request: AuthorizationRequest, address: &str) -> Outcome {
    here.finish(client.complete(address, Some(request.transaction), OtherSignIns::None, RedirectPage::OfOneProvider))
}

/// Signs in as the provider's user.
fn sign_in(here: &Here, client: &Client<Here>) {
    let request = here.finish(client.begin(SIGN_IN)).expect("a request");
    let address = here.way_back(&request.url);
    let outcome = complete(here, client, request, &address);
    assert!(matches!(outcome, Ok(Completion::ReturnTo(_))), "{outcome:?}");
    here.take_change();
}

/// Additional claims of an ID Token.
type Claims<'a> = &'a [(&'a str, &'a str)];

/// The values of a parameter of an authorization request.
fn asked(request: &AuthorizationRequest, name: &str) -> Vec<String> {
    let (_, query) = request.url.split_once('?').expect("a query");
    let all = form::parse(query).expect("a form").into_iter();
    all.filter(|(key, _)| key == name).map(|(_, value)| value).collect()
}

#[test]
fn pop_30_a_silent_sign_in_names_the_user_of_the_session() {
    let endless = format!(r#""{}""#, "x".repeat(10_000));
    let rows: [(Claims<'_>, &[&str]); 7] = [
        (&[], &[]),
        (&[("email", r#""a@x.test""#)], &["a@x.test"]),
        (&[("email", r#""a@x.test""#), ("preferred_username", r#""alice""#)], &["alice"]),
        (&[("login_hint", r#""o.p""#), ("preferred_username", r#""alice""#)], &["o.p"]),
        (&[("preferred_username", "null"), ("email", r#""a b+c@x.test""#)], &["a b+c@x.test"]),
        (&[("name", r#""Alice""#)], &[]),
        (&[("login_hint", &endless), ("email", r#""a@x.test""#)], &["a@x.test"]),
    ];
    for (claims, expected) in rows {
        let here = Here::new();
        change(&mut here.world().provider.claims, claims);
        let client = here.client();
        let nobody = begin(&here, &client, By::App, &[]).expect("a request");
        assert_eq!(asked(&nobody, "login_hint"), [""; 0], "{claims:?}: no user is signed in");
        sign_in(&here, &client);
        for by in [By::App, By::Restore] {
            let request = begin(&here, &client, by, &[]).expect("a request");
            assert_eq!(asked(&request, "login_hint"), expected, "{claims:?} {by:?}");
            assert_eq!(asked(&request, "prompt"), ["none"]);
            // The app's own value, and no second one.
            let request = begin(&here, &client, by, &[("login_hint", "somebody")]).expect("a request");
            assert_eq!(asked(&request, "login_hint"), ["somebody"], "{claims:?} {by:?}");
        }
        for prompt in ["login", "select_account", "consent"] {
            let params = params(&[("prompt", prompt)]);
            let request = here.finish(client.begin(SignIn { params: &params, ..SIGN_IN })).expect("a request");
            assert_eq!(asked(&request, "login_hint"), [""; 0], "{prompt}: the user chooses");
        }
        let request = here.finish(client.begin(SIGN_IN)).expect("a request");
        assert_eq!(asked(&request, "login_hint"), [""; 0], "the user chooses");
    }
}

/// The options of an app that configures metadata.
fn with_server(more: &str) -> String {
    options(&format!(r#"{more}"server":{},"#, object(&Provider::perfect("https://as.test").metadata)))
}

fn lost(url: &str) -> Answer {
    Err(Kind::Network { url: url.into() }.into())
}

fn not_in_time(url: &str) -> Answer {
    Err(Kind::Timeout { url: url.into() }.into())
}

#[test]
fn pop_31_a_silent_sign_in_begins_only_if_the_provider_responds() {
    let found = options("");
    for (how, expected) in [(lost as fn(&str) -> Answer, "network_error"), (not_in_time, "timeout")] {
        for (options, prepared, place) in
            [(&found, false, ".well-known/"), (&found, true, "/jwks"), (&with_server(""), false, "/jwks")]
        {
            for by in [By::App, By::Restore] {
                let here = Here::new();
                let client = Client::with_host(here.clone(), Options::parse(options).expect("honest options"));
                if prepared {
                    here.finish(client.prepare()).expect("metadata");
                    here.take_sent();
                }
                let params = params(&[("prompt", "none")]);
                for attempt in 0..3 {
                    let sign_in = SignIn { params: &params, purpose: by.purpose(), ..SIGN_IN };
                    let outcome = here.finish_with(client.begin(sign_in), &mut |_, request| how(&request.url));
                    let error = outcome.expect_err("the provider does not respond");
                    assert_eq!((error.code(), error.is_retryable()), (expected, true), "{attempt} {place} {by:?}");
                    let sent = here.take_sent();
                    assert!(!sent.is_empty() && sent.iter().all(|url| url.contains(place)), "{attempt}: {sent:?}");
                }
                // The provider responds again.
                let request = begin(&here, &client, by, &[]).expect("a request");
                let address = here.way_back(&request.url);
                assert_eq!(code(&complete(&here, &client, request, &address)), None, "{place} {by:?}");
            }
        }
    }
}

#[test]
fn pop_31_any_response_shows_that_the_provider_is_reachable() {
    for answer in
        [json(500, ""), json(404, ""), json(0, ""), support::answer(200, "text/html", "<h1>"), json(200, "{}")]
    {
        let here = Here::new();
        let client = Client::with_host(here.clone(), Options::parse(&with_server("")).expect("honest options"));
        here.world().provider.instead.push((Place::Keys, vec![Ok(answer.clone())]));
        assert_eq!(code(&begin(&here, &client, By::Restore, &[])), None, "{answer:?}");
        assert_eq!(here.take_sent(), ["https://as.test/jwks"], "{answer:?}");
    }
}

#[test]
fn pop_31_a_response_of_the_last_minutes_is_enough() {
    let here = Here::new();
    let client = here.client();
    // The metadata that were fetched for it are a response.
    begin(&here, &client, By::App, &[]).expect("a request");
    assert_eq!(here.take_sent(), ["https://as.test/.well-known/openid-configuration"]);
    begin(&here, &client, By::App, &[]).expect("a request");
    assert_eq!(here.take_sent(), ["https://as.test/jwks"]);
    for _ in 0..3 {
        begin(&here, &client, By::App, &[]).expect("a request");
        assert_eq!(here.take_sent(), [""; 0], "within ten minutes");
    }
    here.wait(601);
    // Old keys are not a response, however often that is checked.
    let params = params(&[("prompt", "none")]);
    for _ in 0..3 {
        let sign_in = SignIn { params: &params, ..SIGN_IN };
        let outcome = here.finish_with(client.begin(sign_in), &mut |_, request| lost(&request.url));
        assert_eq!(code(&outcome), Some("network_error"));
        assert_eq!(here.take_sent(), ["https://as.test/jwks"]);
    }
    // A click of the user goes to the provider without this check.
    here.finish(client.begin(SIGN_IN)).expect("a request");
    assert_eq!(here.take_sent(), [""; 0]);
    // Plain OAuth 2 has no keys to request.
    let here = Here::new();
    let client =
        Client::with_host(here.clone(), Options::parse(&with_server(r#""openid":false,"#)).expect("honest options"));
    begin(&here, &client, By::Restore, &[]).expect("a request");
    assert_eq!(here.take_sent(), [""; 0]);
}

#[test]
fn pop_28_29_a_silent_sign_in_of_another_user_ends_the_session() {
    for by in [By::App, By::Restore] {
        let here = Here::new();
        let client = here.client();
        sign_in(&here, &client);
        let request = begin(&here, &client, by, &[]).expect("a request");
        let address = here.way_back(&request.url);
        here.world().provider.user = "bob";
        let outcome = complete(&here, &client, request, &address);
        match (by, outcome) {
            (By::App, Err(error)) => {
                assert_eq!(error.code(), "user_changed");
                assert!(error.hint().contains("signIn()"), "{}", error.hint());
            }
            (By::Restore, Ok(Completion::Declined(path, said))) => {
                assert_eq!((path.as_str(), said.error.as_str()), ("/here?x=1#y", "user_changed"));
            }
            (_, other) => panic!("{by:?}: {other:?}"),
        }
        assert_eq!((client.session(), client.subject()), (None, None), "{by:?}");
        assert_eq!(here.world().changes, [Change::UserChanged], "{by:?}: told once");
        let revoked: Vec<String> = {
            let world = here.world();
            let seen = world.provider.requests.iter().filter(|seen| seen.place == Some(Place::Revocation));
            seen.map(|seen| seen.body.split('&').next().unwrap_or_default().to_owned()).collect()
        };
        let expected = ["refresh-token-number-00000002", "access-token-number-00000002"];
        let bobs = ["refresh-token-number-00000004", "access-token-number-00000004"];
        let expected: Vec<String> = expected.iter().chain(&bobs).map(|token| format!("token={token}")).collect();
        assert_eq!(revoked, expected, "{by:?}: the tokens of both");
        sign_in(&here, &client);
        assert_eq!(client.subject().as_deref(), Some("bob"), "{by:?}: a sign-in that the user sees");
    }
}

#[test]
fn pop_28_a_silent_sign_in_of_the_same_user_succeeds() {
    for by in [By::App, By::Restore] {
        for signed_in in [false, true] {
            let here = Here::new();
            let client = here.client();
            if signed_in {
                sign_in(&here, &client);
            }
            let request = begin(&here, &client, by, &[]).expect("a request");
            let address = here.way_back(&request.url);
            let outcome = complete(&here, &client, request, &address);
            assert!(matches!(outcome, Ok(Completion::ReturnTo(_))), "{by:?} {signed_in}: {outcome:?}");
            assert_eq!(here.take_change(), Some(Change::Restored));
            assert_eq!(here.asked(Place::Revocation), 0, "{by:?} {signed_in}");
        }
    }
}

/// The errors of a provider that must ask the user (OpenID Connect Core §3.1.2.6).
const INTERACTION_NEEDED: [&str; 4] =
    ["login_required", "interaction_required", "consent_required", "account_selection_required"];

/// Other errors.
const REFUSALS: [&str; 8] = [
    "access_denied",
    "invalid_request",
    "unauthorized_client",
    "unsupported_response_type",
    "invalid_scope",
    "server_error",
    "temporarily_unavailable",
    "vendor_specific.1",
];

/// The outcome of a response, in a word, and the code of the error.
fn told(outcome: Outcome) -> (&'static str, String) {
    match outcome {
        Ok(Completion::Ignored) => ("ignored", String::new()),
        Ok(Completion::ReturnTo(_)) => ("signed in", String::new()),
        Ok(Completion::Declined(path, said)) => {
            assert_eq!(path, "/here?x=1#y");
            ("declined", said.error.as_str().to_owned())
        }
        Err(error) => ("failed", error.oauth().map_or(error.code(), |said| said.error.as_str()).to_owned()),
    }
}

#[test]
fn pop_29_a_refusal_of_the_authorization_endpoint_is_not_an_error_of_a_restore() {
    for error in INTERACTION_NEEDED.iter().chain(&REFUSALS) {
        let needed = INTERACTION_NEEDED.contains(error);
        for signed_in in [false, true] {
            let here = Here::new();
            let client = here.client();
            if signed_in {
                sign_in(&here, &client);
            }
            let refused = |by: Option<By>| {
                let request = match by {
                    Some(by) => begin(&here, &client, by, &[]),
                    None => here.finish(client.begin(SIGN_IN)),
                };
                let request = request.expect("a request");
                let address = here.way_back(&request.url).replace("code=", &format!("error={error}&was="));
                told(complete(&here, &client, request, &address))
            };
            assert_eq!(refused(Some(By::Restore)), ("declined", (*error).to_owned()));
            let of_the_app = if needed { "declined" } else { "failed" };
            assert_eq!(refused(Some(By::App)), (of_the_app, (*error).to_owned()));
            assert_eq!(refused(None), ("failed", (*error).to_owned()), "who asked the user is told");
            assert_eq!(client.session().is_some(), signed_in, "{error}: the session is as it was");
            assert_eq!(here.take_change(), None, "{error}");
        }
    }
}

#[test]
fn pop_29_a_refusal_of_the_token_endpoint_is_not_an_error_of_a_restore() {
    let refusals =
        ["invalid_grant", "invalid_client", "unauthorized_client", "invalid_request", "invalid_scope", "other"];
    for error in refusals {
        for status in [200, 400, 401, 403] {
            for (by, expected) in [(Some(By::Restore), "declined"), (Some(By::App), "failed"), (None, "failed")] {
                let here = Here::new();
                let client = here.client();
                let request = match by {
                    Some(by) => begin(&here, &client, by, &[]),
                    None => here.finish(client.begin(SIGN_IN)),
                };
                let request = request.expect("a request");
                let address = here.way_back(&request.url);
                let refusal = json(status, &format!(r#"{{"error":"{error}"}}"#));
                here.world().provider.instead.push((Place::Token, vec![Ok(refusal)]));
                assert_eq!(
                    told(complete(&here, &client, request, &address)),
                    (expected, error.into()),
                    "{by:?} {status}"
                );
            }
        }
    }
}

#[test]
fn pop_29_other_failures_are_errors_of_a_restore() {
    let network = || lost("https://as.test/token");
    let rows: [(&str, Place, Answer); 7] = [
        ("network_error", Place::Token, network()),
        ("server_unavailable", Place::Token, Ok(json(503, ""))),
        ("not_json", Place::Token, Ok(support::answer(200, "text/html", "<h1>"))),
        ("response_invalid", Place::Token, Ok(json(200, "{}"))),
        ("network_error", Place::Keys, lost("https://as.test/jwks")),
        ("id_token_invalid", Place::Keys, Ok(json(200, r#"{"keys":[]}"#))),
        ("id_token_invalid", Place::Token, Ok(json(200, r#"{"access_token":"a","token_type":"Bearer"}"#))),
    ];
    for (expected, place, answer) in rows {
        let here = Here::new();
        let client = here.client();
        let request = begin(&here, &client, By::Restore, &[]).expect("a request");
        let address = here.way_back(&request.url);
        here.world().provider.instead.push((place, vec![answer]));
        assert_eq!(told(complete(&here, &client, request, &address)), ("failed", expected.into()), "{place:?}");
        assert_eq!((client.session(), here.take_change()), (None, None), "{expected}");
    }
    for (expected, from, to) in [
        ("iss_mismatch", "as.test", "evil.test"),
        ("duplicate_parameter", "code=", "code=x&code="),
        ("response_invalid", "code=", "code=%E8&was="),
    ] {
        let here = Here::new();
        let client = here.client();
        let request = begin(&here, &client, By::Restore, &[]).expect("a request");
        let (page, query) =
            here.way_back(&request.url).split_once('?').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("two");
        let address = format!("{page}?{}", query.replacen(from, to, 1));
        assert_eq!(told(complete(&here, &client, request, &address)), ("failed", expected.into()));
    }
}
