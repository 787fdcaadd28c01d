//! Clients with a key: sign-ins without a user (RFC 6749 §4.4), and client authentication by `private_key_jwt` (RFC 7523).

use valet_key::protocol::error::Kind;
use valet_key::protocol::session::Change;
use valet_key::vault::messages::{Outcome, to_json};

use crate::hostile::provider::{Place, change};
use crate::hostile::text::member;
use crate::hostile::worker::{Port, SharedWorker};
use crate::support::json;
use crate::support::options;
use crate::support::signing::CLIENT;
use crate::{app, named, with_key, worker};

const CALL: &str = r#""url":"https://api.test/v1/x""#;

fn sign_in(port: Port<'_>) -> Outcome {
    sign_in_with(port, "read", "{}")
}

fn sign_in_with(port: Port<'_>, scope: &str, options: &str) -> Outcome {
    port.say("signInMachine", &format!(r#""scope":"{scope}","options":{options}"#))
}

/// A worker whose browser has the key of the client, which the provider demands.
fn with_registered_key() -> SharedWorker {
    let worker = worker();
    let mut world = worker.here.world();
    world.has_key = true;
    world.provider.needs_key = true;
    drop(world);
    worker
}

#[test]
fn mach_01_a_client_with_a_key_signs_in_without_a_user() {
    let worker = with_registered_key();
    let port = worker.page(1, &with_key());
    sign_in_with(port, "openid read", r#"{"params":{"resource":"https://api.test/"},"mode":"machine"}"#)
        .expect("a session");
    let form = worker.here.world().provider.last_form(Place::Machine);
    let plain: Vec<_> = form.iter().filter(|(name, _)| !name.starts_with("client_assertion")).cloned().collect();
    let expected = [
        ("grant_type", "client_credentials"),
        ("client_id", "spa"),
        ("resource", "https://api.test/"),
        ("scope", "read"),
    ];
    assert_eq!(plain, expected.map(|(name, value)| (name.to_owned(), value.to_owned())), "`openid` asks for a user");
    assert_eq!(form.len(), 6);
    assert_eq!(port.user().as_deref(), Some(""), "there is no user");
    port.say("fetch", CALL).expect("the API");
    assert_eq!(worker.here.world().calls[0].authorization, "Bearer access-token-number-00000001");
    assert_eq!(worker.here.world().keys[0], "https://as.test spa");
}

#[test]
fn mach_02_the_session_is_renewed_in_the_same_way() {
    let worker = with_registered_key();
    let port = worker.page(1, &with_key());
    sign_in(port).expect("a session");
    worker.here.wait(600);
    port.say("fetch", CALL).expect("the API");
    port.say("fetch", CALL).expect("the API");
    assert_eq!(worker.here.asked(Place::Machine), 2, "one renewal for both calls");
    worker.here.world().statuses.push_back(401);
    port.say("fetch", CALL).expect("the API");
    assert_eq!(worker.here.asked(Place::Machine), 3, "and one after a refusal");
    assert_eq!(worker.here.asked(Place::Refresh), 0);
    port.say("refresh", "").expect("a renewal");
    let form = |at: usize| worker.here.world().provider.forms(Place::Machine)[at].clone();
    let (first, last) = (form(0), form(3));
    assert_eq!(first[..3], last[..3]);
    assert_ne!(first[4], last[4], "each request has an assertion of its own");
}

#[test]
fn mach_03_a_refresh_token_for_a_machine_is_not_used() {
    let worker = with_registered_key();
    change(&mut worker.here.world().provider.machine, &[("refresh_token", r#""refresh-token-of-a-machine""#)]);
    let id_token = CLIENT.sign(r#"{"alg":"ES256","kid":"e1"}"#, r#"{"iss":"https://as.test","sub":"mallory"}"#);
    change(&mut worker.here.world().provider.machine, &[("id_token", &format!("\"{id_token}\""))]);
    let port = worker.page(1, &with_key());
    sign_in(port).expect("a session: an ID Token without a user says nothing");
    worker.here.wait(600);
    port.say("fetch", CALL).expect("the API");
    assert_eq!(worker.here.asked(Place::Keys), 0);
    assert_eq!(port.user().as_deref(), Some(""));
    assert_eq!(worker.here.asked(Place::Refresh), 0, "RFC 6749 §4.4.3");
    assert_eq!(worker.here.asked(Place::Machine), 2);
}

#[test]
fn mach_04_a_client_without_a_key_is_refused_before_any_request() {
    let worker = worker();
    let port = worker.page(1, &app());
    let outcome = sign_in(port);
    assert_eq!(named(&outcome), Some("mode"));
    assert!(outcome.expect_err("an error").error.hint().contains("private_key_jwt"));
    assert_eq!(named(&port.say("publicKey", "")), Some("tokenEndpointAuthMethod"));
    assert!(worker.here.world().keys.is_empty(), "no page is asked for a key");
    assert!(worker.here.world().sent.is_empty());
}

#[test]
fn mach_05_a_browser_without_the_key_sends_no_request_for_tokens() {
    let worker = worker();
    let port = worker.page(1, &with_key());
    let outcome = sign_in(port);
    assert_eq!(named(&outcome), Some("tokenEndpointAuthMethod"));
    assert_eq!(worker.here.asked(Place::Machine), 0);
    let jwk = port.say("publicKey", "").expect("a key");
    for name in ["kty", "crv", "x", "y", "use", "alg", "kid"] {
        assert!(member(&jwk, name).is_some(), "{jwk}");
    }
    assert_eq!(member(&jwk, "d"), None, "no private part: {jwk}");
    sign_in(port).expect("the provider knows the key now");
}

#[test]
fn mach_06_a_refusal_keeps_an_earlier_session_and_shows_no_assertion() {
    let worker = with_registered_key();
    let port = worker.page(1, &with_key());
    sign_in(port).expect("a session");
    let quoting = r#"{"error":"invalid_client","error_description":"bad assertion: {}"}"#;
    let assertion = |worker: &SharedWorker| worker.here.world().provider.last_form(Place::Machine)[4].1.clone();
    let first = assertion(&worker);
    let refusal = json(401, &quoting.replace("{}", &first));
    worker.here.world().provider.instead = vec![(Place::Machine, vec![Ok(refusal)])];
    let failed = sign_in(port).expect_err("a refusal");
    assert_eq!(failed.error.oauth().map(|said| said.error.as_str()), Some("invalid_client"));
    assert!(failed.error.hint().contains("publicKey()"), "{}", failed.error.hint());
    assert_eq!(port.user().as_deref(), Some(""));
    port.say("fetch", CALL).expect("the earlier token");
    let second = assertion(&worker);
    assert_ne!(first, second);
    worker.here.world().provider.instead = vec![(Place::Machine, vec![Ok(json(401, &quoting.replace("{}", &second)))])];
    let text = to_json(&sign_in(port).expect_err("a refusal"));
    assert!(!text.contains(&assertion(&worker)), "{text}");
}

#[test]
fn mach_07_every_request_of_a_client_with_a_key_is_signed() {
    let worker = with_registered_key();
    let port = worker.page(1, &with_key());
    port.sign_in();
    port.say("refresh", "").expect("a renewal");
    port.say("beginDevice", r#""scope":"read","options":{}"#).expect("codes");
    port.say("end", "").expect("a sign-out");
    let world = worker.here.world();
    for place in [Place::Token, Place::Refresh, Place::Device, Place::Revocation] {
        let forms = world.provider.forms(place);
        assert!(!forms.is_empty(), "{place:?}");
        for form in forms {
            assert!(form.iter().any(|(name, _)| name == "client_assertion"), "{place:?}: {form:?}");
        }
    }
}

#[test]
fn mach_08_a_public_client_never_signs() {
    let worker = worker();
    worker.here.world().has_key = true;
    let port = worker.page(1, &app());
    port.sign_in();
    port.say("refresh", "").expect("a renewal");
    port.say("end", "").expect("a sign-out");
    assert!(worker.here.world().keys.is_empty());
}

#[test]
fn mach_09_the_tokens_of_a_machine_are_revoked_and_the_session_ends() {
    let worker = with_registered_key();
    let port = worker.page(1, &with_key());
    sign_in(port).expect("a session");
    assert_eq!(worker.here.take_change(), Some(Change::SignedIn));
    port.say("end", "").expect("a sign-out");
    assert_eq!(worker.here.take_change(), Some(Change::SignedOut));
    let form = worker.here.world().provider.last_form(Place::Revocation);
    assert_eq!(form[0], ("token".into(), "access-token-number-00000001".into()));
    let failed = port.say("fetch", CALL).expect_err("signed out");
    assert_eq!(*failed.error.kind(), Kind::LoginRequired);
}

#[test]
fn mach_10_a_client_with_a_key_is_another_client() {
    let worker = with_registered_key();
    let port = worker.page(1, &with_key());
    sign_in(port).expect("a session");
    assert_eq!(worker.page(2, &app()).user(), None);
    assert_eq!(worker.page(3, &options(r#""tokenEndpointAuthMethod":"none","#)).user(), None);
    assert_eq!(worker.page(4, &with_key()).user().as_deref(), Some(""), "its other pages share the session");
}

#[test]
fn mach_11_the_session_outlives_its_vault() {
    let worker = with_registered_key();
    sign_in(worker.page(1, &with_key())).expect("a session");
    let next = SharedWorker::after(&worker);
    let port = next.page(1, &with_key());
    assert_eq!(port.user().as_deref(), Some(""));
    worker.here.wait(600);
    port.say("fetch", CALL).expect("the API");
    assert_eq!(worker.here.asked(Place::Machine), 2);
}

#[test]
fn mach_12_parameters_that_decide_who_signs_in_are_refused() {
    let worker = with_registered_key();
    let port = worker.page(1, &with_key());
    for name in [
        "grant_type",
        "client_id",
        "client_secret",
        "client_assertion",
        "client_assertion_type",
        "scope",
        "username",
        "password",
    ] {
        let outcome = sign_in_with(port, "read", &format!(r#"{{"params":{{"{name}":"x"}}}}"#));
        assert_eq!(named(&outcome), Some(name));
    }
    for option in ["loginHint", "prompt", "maxAge"] {
        let outcome = sign_in_with(port, "read", &format!(r#"{{"{option}":"1"}}"#));
        assert_eq!(named(&outcome), Some(option), "there is no user");
    }
    assert_eq!(worker.here.asked(Place::Machine), 0);
}

#[test]
fn mach_14_machines_and_users_of_a_client_id_do_not_end_each_other() {
    let second = options(r#""account":"second","tokenEndpointAuthMethod":"private_key_jwt","#);
    let worker = with_registered_key();
    let (machine, user) = (worker.page(1, &with_key()), worker.page(2, &second));
    user.sign_in();
    sign_in(machine).expect("a session");
    assert_eq!(user.user().as_deref(), Some("alice"));
    worker.take_told();
    machine.say("end", "").expect("a sign-out");
    assert_eq!(user.user().as_deref(), Some("alice"), "a machine is not a user whose name is unknown");
    assert!(worker.take_told().is_empty(), "nor in other vaults");
    sign_in(machine).expect("a session");
    user.say("end", "").expect("a sign-out");
    assert_eq!(machine.user().as_deref(), Some(""));
    user.sign_in();
    machine.sign_in_as("bob");
    assert_eq!(user.user().as_deref(), Some("alice"), "bob takes the place of a machine, not of alice");
}

#[test]
fn mach_15_a_machine_in_the_place_of_a_user_is_another_user() {
    let plain = options(r#""openid":false,"tokenEndpointAuthMethod":"private_key_jwt","#);
    let worker = with_registered_key();
    let port = worker.page(1, &plain);
    port.sign_in();
    let refresh_token = "refresh-token-number-00000002";
    sign_in(port).expect("a session");
    assert_eq!(worker.here.take_change(), Some(Change::UserChanged));
    let forms = worker.here.world().provider.forms(Place::Revocation);
    assert!(forms.iter().any(|form| form[0].1 == refresh_token), "the user's tokens are revoked: {forms:?}");
    port.sign_in();
    assert_eq!(worker.here.take_change(), Some(Change::UserChanged));
}

#[test]
fn mach_16_a_machine_whose_renewal_is_refused_is_signed_out_when_its_token_is_over() {
    let worker = with_registered_key();
    let port = worker.page(1, &with_key());
    sign_in(port).expect("a session");
    let refusal = json(401, r#"{"error":"invalid_client"}"#);
    worker.here.world().provider.instead = vec![(Place::Machine, vec![Ok(refusal)])];
    worker.here.wait(595);
    port.say("fetch", CALL).expect("the token is still valid");
    worker.here.wait(300);
    port.say("fetch", CALL).expect_err("no token");
    assert_eq!(port.user(), None, "the app signs in again, and gets the reason");
    assert_eq!(worker.here.take_change(), Some(Change::Ended));
}

#[test]
fn mach_13_what_older_clients_had_is_refused_by_name() {
    let worker = worker();
    let refused = |outcome: Outcome, word: &str| {
        let failed = outcome.expect_err("a refusal");
        let text = format!("{} {}", failed.error.message(), failed.error.hint());
        assert_eq!(failed.error.code(), "config_error");
        assert!(text.contains(word), "{text}");
    };
    for (option, word) in [
        (r#""clientSecret":"x""#, "publicKey()"),
        (r#""client_secret":"x""#, "publicKey()"),
        (r#""password":"x""#, "password grant"),
        (r#""responseType":"token""#, "implicit grant"),
        (r#""response_type":"id_token token""#, "implicit grant"),
        (r#""codeChallengeMethod":"plain""#, "S256"),
        (r#""grantType":"password""#, "`mode`"),
        (r#""tokenEndpointAuthMethod":"client_secret_basic""#, "secret"),
    ] {
        refused(worker.port(1).configure(&options(&format!("{option},"))), word);
    }
    let port = worker.page(2, &app());
    let begin = |options: &str| {
        port.say(
            "begin",
            &format!(r#""redirectUri":"https://app.test/","returnTo":"/","scope":"","options":{options}"#),
        )
    };
    for (options, word) in [
        (r#"{"mode":"implicit"}"#, "implicit grant"),
        (r#"{"mode":"password"}"#, "password grant"),
        (r#"{"username":"alice","password":"x"}"#, "password grant"),
        (r#"{"params":{"response_type":"token"}}"#, "implicit grant"),
        (r#"{"params":{"code_challenge_method":"plain"}}"#, "S256"),
        (r#"{"params":{"client_secret":"x"}}"#, "publicKey()"),
        (r#"{"responseMode":"fragment"}"#, "implicit grant"),
    ] {
        refused(begin(options), word);
    }
    assert!(worker.here.world().sent.is_empty());
}
