//! The whole client, with a provider in the same process: which operations wait, and how many requests are sent.

use valet_key::client::{Client, Completion, OtherSignIns};
use valet_key::protocol::authorization_request::{AuthorizationRequest, SignIn};
use valet_key::protocol::error::{Kind, Result};
use valet_key::protocol::session::Change;
use valet_key::protocol::transaction::{RedirectPage, Transaction};

use crate::hostile::provider::{Place, change};
use crate::hostile::world::{ApiAnswer, Here, TestRequest, Waiting, poll};
use crate::support::signing::{base64url, honest_keys, set};
use crate::support::{self, SIGN_IN, code};

/// An address that may receive the token.
const API: &str = "https://api.test/v1/x";

/// The redirect URI with the response of a sign-in, and the record that was kept meanwhile.
fn there_and_back(here: &Here, client: &Client<Here>) -> (String, Box<Transaction>) {
    let request = here.finish(client.begin(SIGN_IN)).expect("a request");
    (here.way_back(&request.url), request.transaction)
}

fn sign_in(here: &Here, client: &Client<Here>) {
    let (address, transaction) = there_and_back(here, client);
    let outcome =
        here.finish(client.complete(&address, Some(transaction), OtherSignIns::None, RedirectPage::OfOneProvider));
    assert!(matches!(outcome, Ok(Completion::ReturnTo(_))), "{outcome:?}");
    assert_eq!(here.take_change(), Some(Change::SignedIn));
}

#[test]
fn simultaneous_operations_share_one_metadata_request() {
    let here = Here::new();
    let client = here.client();
    let everybody = || (0..20).map(|_| Box::pin(client.prepare()) as Waiting<'_, _>).collect();

    here.world().provider.instead.push((Place::Metadata, vec![Ok(support::json(500, ""))]));
    for outcome in here.finish_all(everybody()) {
        assert_eq!(code(&outcome), Some("server_unavailable"), "all share the failure");
    }
    assert_eq!(here.asked(Place::Metadata), 1);

    here.world().provider.repair();
    for outcome in here.finish_all(everybody()) {
        assert_eq!(code(&outcome), None, "and the next attempt is another one");
    }
    assert_eq!(here.asked(Place::Metadata), 2);
    assert_eq!(code(&here.finish(client.prepare())), None);
    assert_eq!(here.asked(Place::Metadata), 2);
}

#[test]
fn keys_are_fetched_in_parallel_with_the_tokens() {
    let here = Here::new();
    let client = here.client();
    let (address, transaction) = there_and_back(&here, &client);
    let mut future: Waiting<'_, _> =
        Box::pin(client.complete(&address, Some(transaction), OtherSignIns::None, RedirectPage::OfOneProvider));
    assert!(poll(&mut future).is_pending());
    assert_eq!(here.on_the_wire(), ["https://as.test/jwks", "https://as.test/token"]);
    assert!(matches!(here.finish(future), Ok(Completion::ReturnTo(path)) if path == "/here?x=1#y"));
    assert!(client.session().is_some_and(|view| view.sub == "alice"));
}

/// IDT-82: a provider has replaced a key under the same key id.
#[test]
fn idt_82_keys_are_fetched_once_more_if_a_signature_is_wrong() {
    let other = base64url([0xff; 256]);
    let other = set(&[format!(r#"{{"kty":"RSA","kid":"r1","n":"{other}","e":"AQAB"}}"#)]);
    let here = Here::new();
    let client = here.client();
    let answers = vec![Ok(support::json(200, &other)), Ok(support::json(200, &honest_keys()))];
    here.world().provider.instead.push((Place::Keys, answers));
    sign_in(&here, &client);
    assert_eq!(here.asked(Place::Keys), 2);
    sign_in(&here, &client);
    assert_eq!(here.asked(Place::Keys), 2, "at hand");

    let here = Here::new();
    let client = here.client();
    here.world().provider.instead.push((Place::Keys, vec![Ok(support::json(200, &other))]));
    for minute in 1..4 {
        for attempt in 0..5 {
            let (address, transaction) = there_and_back(&here, &client);
            let outcome = here.finish(client.complete(
                &address,
                Some(transaction),
                OtherSignIns::None,
                RedirectPage::OfOneProvider,
            ));
            assert_eq!(code(&outcome), Some("id_token_invalid"), "{minute} {attempt}");
            assert!(here.asked(Place::Keys) <= minute * 2, "at most two requests a minute");
        }
        here.wait(61);
    }
}

#[test]
fn req_10_state_nonce_and_verifier_are_separate_random_values() {
    let here = Here::new();
    let client = here.client();
    let begun: Vec<Waiting<'_, Result<AuthorizationRequest>>> =
        (0..4).map(|_| Box::pin(client.begin(SIGN_IN)) as Waiting<'_, _>).collect();
    let mut used = Vec::new();
    for request in here.finish_all(begun) {
        let AuthorizationRequest { url, transaction, .. } = request.expect("a request");
        let state = transaction.state.expose().strip_prefix("vk.").expect("ours").to_owned();
        let (nonce, verifier) = (transaction.nonce.expose().to_owned(), transaction.code_verifier.expose().to_owned());
        assert!(url.contains(&state) && url.contains(&nonce) && !url.contains(&verifier), "{url}");
        assert!([&state, &nonce, &verifier].iter().all(|text| text.len() == 43));
        used.extend([state, nonce, verifier]);
    }
    let mut drawn: Vec<String> = here.world().drawn.iter().map(|(_, drawn)| drawn.clone()).collect();
    used.sort();
    drawn.sort();
    assert_eq!(used, drawn, "each draw is used once");
    drawn.dedup();
    assert_eq!(drawn.len(), 12, "no two are alike, within a sign-in or between two at once");
}

#[test]
fn a_wrong_state_is_an_error_only_while_sign_ins_are_pending() {
    let here = Here::new();
    let client = here.client();
    let (address, transaction) = there_and_back(&here, &client);
    let state = transaction.state.expose().to_owned();
    let wrong = address.replace(&state, &[&state, "x"].concat());
    here.take_sent();
    let complete = |address: &str, transaction: Option<&Transaction>, pending| {
        let transaction = transaction.map(|kept| Box::new(kept.clone()));
        here.finish(client.complete(address, transaction, pending, RedirectPage::OfOneProvider))
    };
    assert!(matches!(complete(&wrong, None, OtherSignIns::None), Ok(Completion::Ignored)));
    assert_eq!(code(&complete(&wrong, None, OtherSignIns::Pending)), Some("state_mismatch"));
    assert_eq!(code(&complete(&wrong, Some(&transaction), OtherSignIns::None)), Some("state_mismatch"));
    assert_eq!(here.take_sent(), [""; 0], "no request");
    assert!(matches!(complete(&address, Some(&transaction), OtherSignIns::Pending), Ok(Completion::ReturnTo(_))));
}

#[test]
fn only_a_silent_sign_in_may_end_without_a_session() {
    let here = Here::new();
    let client = here.client();
    let silent = [("prompt".to_owned(), "none".to_owned())];
    for (label, params, error, expected) in [
        ("OpenID Connect Core §3.1.2.6", &silent[..], "login_required", None),
        ("another error", &silent, "server_error", Some("access_denied")),
        ("a user was asked", &[], "login_required", Some("access_denied")),
    ] {
        let transaction = here.finish(client.begin(SignIn { params, ..SIGN_IN })).expect("a request").transaction;
        let state = transaction.state.expose();
        let address = format!("https://app.test/cb?error={error}&state={state}&iss=https%3A%2F%2Fas.test");
        let outcome =
            here.finish(client.complete(&address, Some(transaction), OtherSignIns::None, RedirectPage::OfOneProvider));
        match (&outcome, expected) {
            (Ok(Completion::Declined(path, _)), None) => assert_eq!(path, SIGN_IN.return_to, "{label}"),
            (Err(error), Some(_)) => assert!(error.oauth().is_some(), "{label}: {error}"),
            other => panic!("{label}: {other:?}"),
        }
        assert!(!client.is_signed_in(), "{label}");
    }
}

#[test]
fn a_hundred_calls_share_one_renewal() {
    let here = Here::new();
    let client = here.client();
    sign_in(&here, &client);
    here.wait(700);
    let request = TestRequest::new(&here, API);
    let calls: Vec<Waiting<'_, Result<ApiAnswer>>> =
        (0..100).map(|_| Box::pin(client.fetch(&request)) as Waiting<'_, _>).collect();
    assert!(here.finish_all(calls).into_iter().all(|answer| answer.is_ok_and(|answer| answer.status == 200)));
    assert_eq!(here.asked(Place::Refresh), 1);
    assert_eq!(here.take_change(), Some(Change::Renewed));
    let tokens: Vec<String> = here.world().calls.drain(..).map(|call| call.authorization).collect();
    assert_eq!(tokens.len(), 100);
    assert!(tokens.iter().all(|token| *token == tokens[0]), "one token for all");
}

#[test]
fn a_failed_renewal_keeps_the_valid_token() {
    let here = Here::new();
    let client = here.client();
    assert_eq!(code(&here.finish(client.refresh())), Some("login_required"));
    sign_in(&here, &client);
    here.world().provider.instead.push((Place::Refresh, vec![Ok(support::json(500, ""))]));
    for _ in 0..2 {
        assert_eq!(code(&here.finish(client.refresh())), Some("server_unavailable"));
        assert_eq!(code(&here.finish(client.fetch(&TestRequest::new(&here, API)))), None);
    }
    assert_eq!(here.asked(Place::Refresh), 2, "a call asks for no other token");
    here.world().provider.repair();
    assert_eq!(code(&here.finish(client.refresh())), None);
    assert_eq!(here.take_change(), Some(Change::Renewed));

    let bare = Here::new();
    change(&mut bare.world().provider.token, &[("refresh_token", "\"\"")]);
    let client = bare.client();
    sign_in(&bare, &client);
    assert_eq!(code(&bare.finish(client.refresh())), Some("login_required"), "nothing to renew with");
    assert_eq!(code(&bare.finish(client.fetch(&TestRequest::new(&bare, API)))), None);
}

#[test]
fn a_refused_request_is_sent_once_more() {
    let here = Here::new();
    let client = here.client();
    sign_in(&here, &client);
    let request = TestRequest::new(&here, API);
    here.world().statuses.extend([401, 401, 200]);
    assert_eq!(here.finish(client.fetch(&request)).map(|answer| answer.status), Ok(401), "and not a third time");
    assert_eq!(here.asked(Place::Refresh), 1);
    let tokens: Vec<String> = here.world().calls.drain(..).map(|call| call.authorization).collect();
    assert_eq!(tokens.len(), 2);
    assert_ne!(tokens[0], tokens[1]);
}

#[test]
fn a_request_of_an_earlier_session_does_not_use_the_token_of_a_later_one() {
    let here = Here::new();
    let client = here.client();
    sign_in(&here, &client);
    let request = TestRequest::new(&here, API);
    here.world().statuses.push_back(401);
    let mut call: Waiting<'_, Result<ApiAnswer>> = Box::pin(client.fetch(&request));
    assert!(poll(&mut call).is_pending(), "refused, it waits for a renewal");
    let held = here.world().wire.pop_front().expect("the renewal");
    assert_eq!(here.finish(client.end(None)).ok(), Some(None));
    sign_in(&here, &client);
    here.world().wire.push_back(held);
    assert_eq!(code(&here.finish(call)), Some("cancelled"));
    assert_eq!(here.world().calls.len(), 1, "it is not sent again");
}

/// RT-38: the tokens of a renewal that ends after a sign-in or a sign-out.
#[test]
fn rt_38_a_late_renewal_is_revoked_only_where_no_session_can_share_its_grant() {
    let rows = [("alice", false, 0), ("bob", false, 4), ("alice", true, 4), ("bob", true, 4)];
    for (user, signs_out, revoked) in rows {
        let here = Here::new();
        let client = here.client();
        sign_in(&here, &client);
        let mut renewal: Waiting<'_, Result<()>> = Box::pin(client.refresh());
        assert!(poll(&mut renewal).is_pending());
        let held = here.world().wire.pop_front().expect("the renewal");
        if signs_out {
            assert_eq!(here.finish(client.end(None)).ok(), Some(None));
        }
        here.world().provider.user = user;
        let (address, transaction) = there_and_back(&here, &client);
        let outcome =
            here.finish(client.complete(&address, Some(transaction), OtherSignIns::None, RedirectPage::OfOneProvider));
        assert!(matches!(outcome, Ok(Completion::ReturnTo(_))), "{outcome:?}");
        let (view, told) = (client.session(), here.world().changes.len());
        here.world().wire.push_back(held);
        assert_eq!(code(&here.finish(renewal)), Some("cancelled"), "{user} {signs_out}");
        assert_eq!(here.asked(Place::Revocation), revoked, "{user} {signs_out}: with the tokens of the session before");
        assert_eq!((client.session(), here.world().changes.len()), (view, told), "{user} {signs_out}: nothing is told");
        assert_eq!(client.subject().as_deref(), Some(user));
        assert_eq!(code(&here.finish(client.fetch(&TestRequest::new(&here, API)))), None);
    }
}

#[test]
fn a_request_that_may_not_carry_the_token_is_not_sent() {
    let here = Here::new();
    let client = here.client();
    let sent = |request: TestRequest| code(&here.finish(client.fetch(&request)));
    let to = |url| sent(TestRequest::new(&here, url));
    assert_eq!(to(API), Some("login_required"));
    assert_eq!(to("https://evil.test/v1/x"), Some("request_blocked"), "before anything else");
    sign_in(&here, &client);
    assert_eq!(to(API), None);
    assert_eq!(sent(TestRequest::new(&here, API).with_credentials()), Some("request_blocked"));
    assert_eq!(to("https://api.test/v1/../admin"), Some("request_blocked"));
    assert_eq!(here.world().calls.len(), 1);
}

#[test]
fn a_sign_out_ends_a_pending_sign_in() {
    let here = Here::new();
    let client = here.client();
    let (address, transaction) = there_and_back(&here, &client);
    let mut future: Waiting<'_, _> =
        Box::pin(client.complete(&address, Some(transaction), OtherSignIns::None, RedirectPage::OfOneProvider));
    assert!(poll(&mut future).is_pending());
    assert_eq!(here.finish(client.end(None)).ok(), Some(None));
    assert_eq!(code(&here.finish(future)), Some("cancelled"));
    assert_eq!((client.session(), here.take_change()), (None, None));
    assert_eq!(here.asked(Place::Revocation), 2, "its tokens are revoked");
}

#[test]
fn userinfo_renews_a_refused_token() {
    let here = Here::new();
    let client = here.client();
    assert_eq!(code(&here.finish(client.userinfo(Some("alice")))), Some("login_required"));
    sign_in(&here, &client);
    let claims = r#"{"sub":"alice","name":"Alice"}"#;
    let answers = vec![Ok(support::json(401, "")), Ok(support::json(200, claims))];
    here.world().provider.instead.push((Place::Userinfo, answers));
    assert_eq!(here.finish(client.userinfo(None)).ok().as_deref(), Some(claims));
    assert_eq!(here.asked(Place::Refresh), 1);
    let shown: Vec<String> = {
        let world = here.world();
        let seen = world.provider.requests.iter().filter(|seen| seen.place == Some(Place::Userinfo));
        seen.map(|seen| seen.authorization.clone()).collect()
    };
    assert!(shown.len() == 2 && shown[0] != shown[1], "the second time with the renewed token");
    assert_eq!(code(&here.finish(client.userinfo(Some("bob")))), Some("userinfo_invalid"));
    assert!(client.session().is_some());
}

/// CB-14 and CB-44: a provider that does not send `iss` is identified by its redirect page, or refused.
#[test]
fn cb_44_the_redirect_page_identifies_the_client_of_a_response() {
    use RedirectPage::{OfOneProvider, Shared};
    let silent = [("-authorization_response_iss_parameter_supported", "")];
    let rows = [
        ("https://app.test/cb?", OfOneProvider, None),
        ("https://app.test/other?", OfOneProvider, Some("iss_mismatch")),
        ("https://app.test/cb/?", OfOneProvider, Some("iss_mismatch")),
        ("https://app.test/cb?second&", OfOneProvider, Some("iss_mismatch")),
        ("https://app.test:444/cb?", OfOneProvider, Some("iss_mismatch")),
        ("https://other.test/cb?", OfOneProvider, Some("iss_mismatch")),
        ("https://app.test/cb?", Shared, Some("iss_mismatch")),
    ];
    for (page, others, expected) in rows {
        let here = Here::new();
        change(&mut here.world().provider.metadata, &silent);
        let client = here.client();
        let (address, transaction) = there_and_back(&here, &client);
        let address = address.replace("https://app.test/cb?", page);
        let outcome = here.finish(client.complete(&address, Some(transaction), OtherSignIns::None, others));
        assert_eq!(code(&outcome), expected, "{page} {others:?}");
        assert_eq!(here.asked(Place::Token), usize::from(expected.is_none()), "{page} {others:?}");
    }

    let here = Here::new();
    let client = here.client();
    assert_eq!(
        code(&here.finish(client.begin(SignIn { redirect_page: RedirectPage::Shared, ..SIGN_IN }))),
        None,
        "it names itself"
    );
    let here = Here::new();
    change(&mut here.world().provider.metadata, &silent);
    let client = here.client();
    let outcome = here.finish(client.begin(SignIn { redirect_page: RedirectPage::Shared, ..SIGN_IN }));
    assert!(
        matches!(outcome, Err(error) if matches!(error.kind(), Kind::Config { option, .. } if option == "redirectUri"))
    );
}

#[test]
fn a_redirect_page_shared_at_the_start_of_a_sign_in_counts_as_shared_at_its_end() {
    let here = Here::new();
    let request = here
        .finish(here.client().begin(SignIn { redirect_page: RedirectPage::Shared, ..SIGN_IN }))
        .expect("it names itself");
    let record = request.transaction.to_record();
    let silent = [("-authorization_response_iss_parameter_supported", "")];
    change(&mut here.world().provider.metadata, &silent);
    let address = here.way_back(&request.url);
    let outcome = here.finish(here.client().complete(
        &address,
        Transaction::from_record(&record),
        OtherSignIns::None,
        RedirectPage::OfOneProvider,
    ));
    assert_eq!(code(&outcome), Some("iss_mismatch"));
    assert_eq!(here.asked(Place::Token), 0);
}

#[test]
fn the_own_query_of_a_redirect_page_precedes_the_response() {
    let rows = [
        ("https://app.test/cb?a=1&b=%C3%A4", "", None),
        ("https://app.test/cb?a=1&b=%C3%A4", "&unknown=1", None),
        ("https://app.test/cb?", "", None),
        ("https://app.test/cb?a=1", "", None),
    ];
    for (redirect_uri, after, expected) in rows {
        let here = Here::new();
        let client = here.client();
        let request = here.finish(client.begin(SignIn { redirect_uri, ..SIGN_IN })).expect("a request");
        let query = here.world().provider.authorize(&request.url);
        let separator = if redirect_uri.contains("?a") { "&" } else { "" };
        let address = format!("{redirect_uri}{separator}{query}{after}");
        let outcome = here.finish(client.complete(
            &address,
            Some(request.transaction),
            OtherSignIns::None,
            RedirectPage::OfOneProvider,
        ));
        assert_eq!(code(&outcome), expected, "{address}");
    }
}
