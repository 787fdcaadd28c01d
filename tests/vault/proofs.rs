//! Tokens that are bound to a key (RFC 9449): the proofs, the nonces, and the way of the key.

use std::collections::HashSet;

use valet_key::protocol::base64url;
use valet_key::protocol::dpop::{Server, Servers, Subject, proof};
use valet_key::protocol::error::Kind;
use valet_key::protocol::public_key::{KeyAlgorithm, PublicKey};
use valet_key::vault::messages::{Outcome, to_json};

use crate::hostile::proofs::Proof;
use crate::hostile::provider::{Place, change};
use crate::hostile::text::member;
use crate::hostile::worker::{Begun, Mode, Port, SharedWorker};
use crate::hostile::world::{ApiAnswer, poll};
use crate::support::signing::CLIENT;
use crate::support::{code, hash_of, json, options};
use crate::{app, worker};

const CALL: &str = r#""url":"https://api.test/v1/x?y=1#z""#;

/// A worker whose provider binds tokens.
pub(crate) fn binding() -> SharedWorker {
    let worker = worker();
    worker.here.world().provider.bind();
    worker
}

/// Signs in by redirect.
fn redirect(port: Port<'_>) -> Outcome {
    let begun = port.begin(Mode::Redirect);
    let address = port.worker.here.way_back(&begun.url);
    port.complete(&address, &begun.state, begun.record.as_deref())
}

fn proofs_at(worker: &SharedWorker, place: Place) -> Vec<Proof> {
    worker.here.world().provider.proofs_at(place)
}

/// The proofs of the calls to APIs, in order.
fn calls(worker: &SharedWorker) -> Vec<Proof> {
    worker.here.world().calls.iter().map(|call| Proof::read(&call.proof)).collect()
}

/// The hint of an error.
fn hint(outcome: &Outcome) -> String {
    to_json(outcome.as_ref().expect_err("an error"))
}

fn refuse(challenge: &str, nonce: &str) -> ApiAnswer {
    ApiAnswer { status: 401, challenge: challenge.into(), nonce: nonce.into(), date: None }
}

const USE_NONCE: &str = r#"DPoP error="use_dpop_nonce", error_description="x""#;

/// DPOP-07 DPOP-09 DPOP-20
#[test]
fn dpop_07_each_request_with_the_tokens_has_a_proof_of_its_own() {
    for (mode, spelling) in [(Mode::Redirect, r#""DPoP""#), (Mode::Window, r#""dpop""#), (Mode::Window, r#""DPOP""#)] {
        let worker = binding();
        change(&mut worker.here.world().provider.token, &[("token_type", spelling)]);
        let port = worker.page(1, &app());
        if mode == Mode::Redirect {
            redirect(port).expect("a session");
        } else {
            port.sign_in();
        }
        port.say("fetch", CALL).expect("the API");
        let call = worker.here.world().calls[0].clone();
        let token = call.authorization.strip_prefix("DPoP ").expect("RFC 9449 §7.1").to_owned();
        let [shown] = &calls(&worker)[..] else { panic!("one call") };
        assert_eq!([&*shown.htm, &shown.htu, &shown.ath], ["GET", "https://api.test/v1/x", &hash_of(&token)]);
        port.say("userinfo", r#""sub":"alice""#).expect("claims");
        port.say("refresh", "").expect("a renewal");
        port.say("end", "").expect("a sign-out");
        let mut all = vec![shown.clone()];
        for place in [Place::Token, Place::Userinfo, Place::Refresh, Place::Revocation] {
            let proofs = proofs_at(&worker, place);
            let has_hash = place == Place::Userinfo;
            assert!(proofs.iter().all(|proof| proof.ath.is_empty() != has_hash && proof.nonce.is_empty()), "{place:?}");
            assert_eq!(proofs.len(), if place == Place::Revocation { 2 } else { 1 }, "{place:?}");
            all.extend(proofs);
        }
        let keys: HashSet<_> = all.iter().map(|proof| &proof.jkt).collect();
        let names: HashSet<_> = all.iter().map(|proof| &proof.jti).collect();
        assert_eq!((keys.len(), names.len()), (1, all.len()));
    }
}

/// DPOP-03
#[test]
fn dpop_03_no_two_proofs_have_the_same_name() {
    let worker = binding();
    let port = worker.page(1, &app());
    port.sign_in();
    for _ in 0..1_000 {
        port.say("fetch", CALL).expect("the API");
    }
    let proofs = calls(&worker);
    let names: HashSet<_> = proofs.iter().map(|proof| &proof.jti).collect();
    assert_eq!(names.len(), 1_000);
}

/// DPOP-27: nothing of a proof is kept for the next request.
#[test]
fn dpop_27_a_later_request_has_a_proof_of_its_own_time() {
    let worker = binding();
    let port = worker.page(1, &app());
    port.sign_in();
    port.say("fetch", CALL).expect("the API");
    worker.here.wait(3);
    port.say("fetch", CALL).expect("the API");
    let [first, second] = &calls(&worker)[..] else { panic!("two calls") };
    assert_eq!(second.iat, first.iat + 3);
    assert_ne!(second.jti, first.jti);
}

/// Begins a sign-in on another device, and returns its number.
fn begin_device(port: Port<'_>) -> String {
    let begun = port.say("beginDevice", r#""scope":"read","options":{}"#).expect("codes");
    let (_, rest) = begun.split_once("\"number\":").expect("a number");
    rest.split([',', '}']).next().expect("digits").to_owned()
}

const SILENTLY: &str =
    r#""redirectUri":"https://app.test/cb","scope":"read","returnTo":"/","options":{},"inWindow":true,"shared":false"#;

/// Begins sign-ins in windows, which are given up.
fn begin_many(port: Port<'_>) {
    for _ in 0..100 {
        let begun = port.begin(Mode::Window);
        port.say("abandon", &format!(r#""state":"{}""#, begun.state)).expect("nothing");
    }
}

/// A key goes with its transaction: others cannot push it out.
#[test]
fn dpop_70_a_pending_sign_in_keeps_its_key() {
    let worker = binding();
    let port = worker.page(1, &app());
    let popup = port.begin(Mode::Window);
    begin_many(port);
    let address = worker.here.way_back(&popup.url);
    port.complete(&address, &popup.state, None).expect("a session");

    // While the code is being redeemed.
    let popup = port.begin(Mode::Window);
    let address = worker.here.way_back(&popup.url);
    let mut completing = port.start_complete(&address, &popup.state, None);
    assert!(poll(&mut completing).is_pending());
    for _ in 0..100 {
        drop(worker.here.finish(port.start("begin", SILENTLY)));
    }
    worker.here.finish(completing).expect("a session");
    port.say("fetch", CALL).expect("the API");
    port.say("refresh", "").expect("a renewal");

    // While the user signs in on another device.
    let worker = binding();
    let port = worker.page(1, &app());
    let number = begin_device(port);
    worker.here.wait(5);
    port.say("pollDevice", &format!(r#""number":{number}"#)).expect("an answer");
    begin_many(port);
    worker.here.world().provider.consented = true;
    worker.here.wait(5);
    port.say("pollDevice", &format!(r#""number":{number}"#)).expect("a session");
    port.say("fetch", CALL).expect("the API");
    port.say("refresh", "").expect("a renewal");
}

/// A sign-in that fails leaves the earlier session, with its key.
#[test]
fn dpop_77_failed_sign_ins_do_not_cost_the_session_its_key() {
    let worker = binding();
    let port = worker.page(1, &app());
    port.sign_in();
    for _ in 0..10 {
        let begun = Begun::read(&port.begin_with(Mode::Window, r#"{"acrValues":"mfa"}"#).expect("a request"));
        let address = worker.here.way_back(&begun.url);
        assert_eq!(code(&port.complete(&address, &begun.state, None)), Some("id_token_invalid"));
    }
    port.say("fetch", CALL).expect("the API");
    port.say("refresh", "").expect("a renewal");
}

#[test]
fn dpop_71_requests_side_by_side_learn_the_time_together() {
    let worker = binding();
    worker.here.world().behind = 600;
    let port = worker.page(1, &options(r#""openid":false,"#));
    let popups = [port.begin(Mode::Window), port.begin(Mode::Window)];
    let complete = |begun: &Begun| {
        let address = worker.here.way_back(&begun.url);
        port.start_complete(&address, &begun.state, None)
    };
    let outcomes = worker.here.finish_all(popups.iter().map(complete).collect());
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
}

#[test]
fn dpop_72_a_hidden_challenge_does_not_end_a_session_that_cannot_be_renewed() {
    let worker = binding();
    change(&mut worker.here.world().provider.token, &[("refresh_token", "null")]);
    let port = worker.page(1, &app());
    port.sign_in();
    worker.here.world().answers.push_back(refuse("", ""));
    assert_eq!(code(&port.say("fetch", CALL)), Some("dpop_error"));
    assert!(port.is_signed_in());
    worker.here.world().answers.push_back(refuse(r#"DPoP error="invalid_token""#, ""));
    port.say("fetch", CALL).expect("the refusal");
    assert!(!port.is_signed_in(), "a readable one does");
}

#[test]
fn dpop_73_a_nonce_may_change_again_with_a_renewal() {
    let worker = binding();
    let port = worker.page(1, &app());
    port.sign_in();
    let invalid = refuse(r#"DPoP error="invalid_token""#, "");
    worker.here.world().answers.extend([refuse(USE_NONCE, "r1"), invalid, refuse(USE_NONCE, "r2")]);
    port.say("fetch", CALL).expect("the API");
    let nonces: Vec<_> = calls(&worker).into_iter().map(|proof| proof.nonce).collect();
    assert_eq!(nonces, ["", "r1", "r1", "r2"]);
    // It ends, whatever the API says.
    let more = (3..20).map(|number| refuse(USE_NONCE, &format!("r{number}")));
    worker.here.world().answers.extend(more);
    assert_eq!(code(&port.say("fetch", CALL)), Some("dpop_error"));
    assert_eq!(calls(&worker).len(), 6);
}

/// A browser spells the address in another way than the metadata.
#[test]
fn dpop_74_the_spelling_of_an_endpoint_does_not_matter() {
    for endpoint in ["https://as.test:443/token", "https://AS.test/token"] {
        let worker = binding();
        change(&mut worker.here.world().provider.metadata, &[("token_endpoint", &format!("\"{endpoint}\""))]);
        let port = worker.page(1, &options(r#""openid":false,"#));
        let begun = port.begin(Mode::Redirect);
        let address = worker.here.way_back(&begun.url);
        let completing = port.start_complete(&address, &begun.state, begun.record.as_deref());
        let mut shown = Vec::new();
        let outcome = worker.here.finish_with(completing, &mut |_, request| {
            shown.push(Proof::read(request.proof.as_ref().expect("a proof").expose()));
            let refusal = json(400, r#"{"error":"use_dpop_nonce"}"#);
            let url = "https://as.test/token".into();
            Ok(valet_key::protocol::http::HttpResponse { url, dpop_nonce: "n1".into(), ..refusal })
        });
        assert_eq!(code(&outcome), Some("dpop_error"));
        let nonces: Vec<_> = shown.iter().map(|proof| (proof.nonce.as_str(), proof.htu.as_str())).collect();
        assert_eq!(nonces, [("", "https://as.test/token"), ("n1", "https://as.test/token")], "{endpoint}");
    }
}

#[test]
fn dpop_75_no_token_leaves_after_a_sign_out_that_came_while_the_key_signed() {
    let worker = binding();
    let port = worker.page(1, &app());
    port.sign_in();
    let mut call = port.start("fetch", CALL);
    assert!(poll(&mut call).is_pending());
    port.say("end", "").expect("a sign-out");
    assert_eq!(code(&worker.here.finish(call)), Some("login_required"));
    assert!(worker.here.world().calls.is_empty());
}

#[test]
fn dpop_76_tokens_that_are_not_bound_are_revoked() {
    let worker = binding();
    worker.here.world().provider.demands.issues_unbound = true;
    let port = worker.page(1, &app());
    assert_eq!(code(&redirect(port)), Some("dpop_error"));
    assert_eq!(worker.here.asked(Place::Revocation), 2);
}

/// The server's reason reaches the app.
#[test]
fn dpop_67_a_refused_proof_has_the_reason_of_the_server() {
    let worker = binding();
    let refusal = json(400, r#"{"error":"invalid_dpop_proof","error_description":"htu mismatch"}"#);
    worker.here.world().provider.instead.push((Place::Token, vec![Ok(refusal)]));
    let outcome = redirect(worker.page(1, &app()));
    assert_eq!(code(&outcome), Some("dpop_error"));
    assert!(hint(&outcome).contains("htu mismatch"), "{}", hint(&outcome));
    assert!(hint(&outcome).contains("https://as.test/token refused"), "{}", hint(&outcome));
}

/// An API that lies about the time makes no difference to the provider.
#[test]
fn dpop_68_each_server_has_a_clock_of_its_own() {
    let worker = binding();
    let port = worker.page(1, &app());
    port.sign_in();
    let lie = ApiAnswer { date: Some(0), ..refuse(r#"DPoP error="invalid_dpop_proof""#, "") };
    worker.here.world().answers.extend([lie.clone(), lie]);
    assert_eq!(code(&port.say("fetch", CALL)), Some("dpop_error"));
    assert_eq!(worker.here.world().calls.len(), 2, "once more with the time of the API");
    assert_eq!(calls(&worker)[1].iat, 0);
    port.say("refresh", "").expect("a renewal");
    assert_eq!(worker.here.asked(Place::Refresh), 1);
}

/// A revocation endpoint that answers no preflight.
#[test]
fn dpop_69_a_revocation_needs_no_proof() {
    let worker = binding();
    let port = worker.page(1, &app());
    port.sign_in();
    let lost = || Err(Kind::Network { url: "https://as.test/revoke".into() }.into());
    worker.here.world().provider.instead.push((Place::Revocation, vec![lost(), lost(), Ok(json(200, ""))]));
    port.say("end", "").expect("a sign-out");
    assert_eq!(worker.here.asked(Place::Revocation), 4);
    assert_eq!(proofs_at(&worker, Place::Revocation).len(), 2);
}

#[test]
fn dpop_50_a_code_is_bound_where_its_response_comes_to_the_vault_that_has_the_key() {
    let worker = binding();
    let port = worker.page(1, &app());
    let in_popup = port.begin(Mode::Window);
    let redirect = port.begin(Mode::Redirect);
    let of = |url: &str| member_of(url, "dpop_jkt");
    let jkt = of(&in_popup.url).expect("RFC 9449 §10");
    assert_eq!(of(&redirect.url), None, "the response may come to another vault");
    let address = worker.here.way_back(&in_popup.url);
    port.complete(&address, &in_popup.state, None).expect("a session");
    assert_eq!(proofs_at(&worker, Place::Token)[0].jkt, jkt);
    assert!(!in_popup.url.contains("DPoP"));
    assert_eq!(worker.here.world().proof_keys.len(), 1);
}

fn member_of(url: &str, name: &str) -> Option<String> {
    let parameters = valet_key::protocol::form::parse(url.split_once('?')?.1)?;
    parameters.into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

/// DPOP-08
#[test]
fn dpop_08_the_server_gets_the_nonce_that_it_demands() {
    for mode in [Mode::Redirect, Mode::Window] {
        let worker = binding();
        worker.here.world().provider.demands.nonce = "n1".into();
        let port = worker.page(1, &app());
        if mode == Mode::Redirect {
            redirect(port).expect("a session");
        } else {
            port.sign_in();
        }
        let proofs = proofs_at(&worker, Place::Token);
        let [first, second] = &proofs[..] else { panic!("{} requests", proofs.len()) };
        assert_eq!([&*first.nonce, &second.nonce], ["", "n1"]);
        assert_ne!(first.jti, second.jti);
        let forms = worker.here.world().provider.forms(Place::Token);
        assert_eq!(forms[0], forms[1], "the same code");
        port.say("refresh", "").expect("a renewal");
        worker.here.world().provider.demands.nonce = "n2".into();
        port.say("refresh", "").expect("a renewal with the next nonce");
        let nonces: Vec<_> = proofs_at(&worker, Place::Refresh).into_iter().map(|proof| proof.nonce).collect();
        assert_eq!(nonces, ["n1", "n1", "n2"]);
    }
}

#[test]
fn dpop_51_a_nonce_that_is_hidden_or_refused_is_reported() {
    let refusal = || Ok(json(400, r#"{"error":"use_dpop_nonce"}"#));
    let with_nonce = |nonce: &str| {
        Ok(valet_key::protocol::http::HttpResponse { dpop_nonce: nonce.into(), ..refusal().expect("a response") })
    };
    let rows = [
        (vec![refusal()], "Access-Control-Expose-Headers", 1),
        (vec![with_nonce("n1"), with_nonce("n2"), with_nonce("n3")], "just sent", 2),
        (vec![with_nonce("n1"), with_nonce("n1")], "just sent", 2),
        (vec![with_nonce("a \"b")], "just sent", 1),
    ];
    for (answers, expected, sent) in rows {
        let worker = binding();
        worker.here.world().provider.instead.push((Place::Token, answers));
        let port = worker.page(1, &app());
        let outcome = redirect(port);
        assert_eq!(code(&outcome), Some("dpop_error"));
        assert!(hint(&outcome).contains(expected), "{}", hint(&outcome));
        assert_eq!(worker.here.asked(Place::Token), sent);
        assert!(!port.is_signed_in());
    }
}

/// DPOP-16
#[test]
fn dpop_16_the_api_gets_the_nonce_that_it_demands() {
    let spellings = [
        USE_NONCE,
        "dPoP ERROR=use_dpop_nonce",
        r#"Bearer error="invalid_token", DPoP algs="ES256", error="use_dpop_nonce""#,
        "Basic realm=x, DPoP error=use_dpop_nonce",
        "",
    ];
    for challenge in spellings {
        let worker = binding();
        let port = worker.page(1, &app());
        port.sign_in();
        worker.here.world().answers.push_back(refuse(challenge, "r1"));
        port.say("fetch", CALL).expect("the API");
        port.say("fetch", CALL).expect("the API");
        let nonces: Vec<_> = calls(&worker).into_iter().map(|proof| proof.nonce).collect();
        assert_eq!(nonces, ["", "r1", "r1"], "{challenge}");
        assert_eq!(worker.here.asked(Place::Refresh), 0, "the token is not to blame");
        // The next nonce can come with any response.
        worker.here.world().answers.push_back(ApiAnswer { status: 200, nonce: "r2".into(), ..ApiAnswer::default() });
        port.say("fetch", CALL).expect("the API");
        port.say("fetch", CALL).expect("the API");
        assert_eq!(calls(&worker).last().expect("a call").nonce, "r2");
    }
}

/// DPOP-15
#[test]
fn dpop_15_a_request_that_cannot_be_sent_again_leaves_the_nonce_for_the_next_one() {
    let worker = binding();
    let port = worker.page(1, &app());
    port.sign_in();
    worker.here.world().answers.push_back(refuse(USE_NONCE, "r1"));
    port.say("fetch", &format!(r#"{CALL},"once":true"#)).expect("the refusal");
    assert_eq!(worker.here.world().calls.len(), 1);
    port.say("fetch", CALL).expect("the API");
    assert_eq!(calls(&worker)[1].nonce, "r1");
}

/// DPOP-17
#[test]
fn dpop_17_no_server_sees_the_nonce_of_another() {
    let worker = binding();
    worker.here.world().provider.demands.nonce = "server".into();
    let both = app().replace("/v1/\"]", "/v1/\",\"https://api2.test/\"]");
    let port = worker.page(1, &both);
    port.sign_in();
    for (url, nonce) in [("https://api.test/v1/x", "api"), ("https://api2.test/x", "api2")] {
        worker.here.world().answers.push_back(refuse(USE_NONCE, nonce));
        for _ in 0..2 {
            port.say("fetch", &format!(r#""url":"{url}""#)).expect("the API");
        }
    }
    port.say("refresh", "").expect("a renewal");
    let nonces: Vec<_> = calls(&worker).into_iter().map(|proof| proof.nonce).collect();
    assert_eq!(nonces, ["", "api", "api", "", "api2", "api2"]);
    assert_eq!(proofs_at(&worker, Place::Refresh)[0].nonce, "server");
    // UserInfo takes tokens, at the address of the server that issues them.
    worker.here.world().provider.demands.nonce = String::new();
    port.say("userinfo", r#""sub":"alice""#).expect("claims");
    assert_eq!(proofs_at(&worker, Place::Userinfo)[0].nonce, "");
}

/// DPOP-18
#[test]
fn dpop_18_what_is_no_nonce_is_ignored() {
    let url = "https://as.test/token";
    let long = "n".repeat(10_000);
    let mut nonces = Servers::default();
    nonces.learn_nonce(Server::Authorization, url, "first");
    for text in ["", "a, b", "a b", "a\"b", "a\\b", "a\r\nb", "é", &long] {
        nonces.learn_nonce(Server::Authorization, url, text);
        assert_eq!(nonces.get(Server::Authorization, url).0, "first", "{text}");
    }
    assert_eq!(nonces.get(Server::Resource, url).0, "");
    assert_eq!(nonces.get(Server::Authorization, "https://as.test:8443/token").0, "");
    for number in 0..1_000 {
        nonces.learn_nonce(Server::Resource, &format!("https://{number}.test/"), "n");
    }
    assert_eq!(nonces.get(Server::Authorization, url).0, "", "the number of servers has a limit");
}

/// DPOP-19
#[test]
fn dpop_19_tokens_that_are_not_bound_are_refused() {
    for more in ["", r#""dpop":"required","#] {
        let worker = worker();
        {
            let mut world = worker.here.world();
            world.provider.demands.issues_unbound = true;
            if more.is_empty() {
                world.provider.bind();
            }
        }
        let port = worker.page(1, &options(more));
        let outcome = redirect(port);
        assert_eq!(code(&outcome), Some("dpop_error"), "{more}");
        assert!(hint(&outcome).contains("dpop: 'off'"));
        assert!(!port.is_signed_in());
        assert_eq!(code(&port.say("fetch", CALL)), Some("login_required"));
        assert!(worker.here.world().calls.is_empty());
    }
}

/// RT-21
#[test]
fn dpop_52_a_renewal_that_is_not_bound_keeps_the_session() {
    let worker = binding();
    let port = worker.page(1, &app());
    port.sign_in();
    worker.here.world().provider.demands.issues_unbound = true;
    assert_eq!(code(&port.say("refresh", "")), Some("dpop_error"));
    port.say("fetch", CALL).expect("the token is valid");
    assert!(worker.here.world().calls[0].authorization.starts_with("DPoP "));
}

/// DPOP-33
#[test]
fn dpop_33_the_metadata_and_the_option_decide() {
    let rows = [
        ("", None, Ok(false)),
        ("", Some(r#"["RS256","ES256"]"#), Ok(true)),
        ("", Some(r#"["RS256"]"#), Err("unsupported")),
        ("", Some("[]"), Err("unsupported")),
        (r#""dpop":"auto","#, Some(r#"["ES256"]"#), Ok(true)),
        (r#""dpop":"required","#, None, Ok(true)),
        (r#""dpop":"required","#, Some(r#"["ES384"]"#), Err("unsupported")),
        (r#""dpop":"off","#, Some(r#"["ES256"]"#), Ok(false)),
        (r#""dpop":"off","#, Some(r#"["RS256"]"#), Ok(false)),
        (r#""tokens":"page","#, Some(r#"["ES256"]"#), Ok(false)),
        (r#""tokens":"page","dpop":"required","#, None, Ok(true)),
    ];
    for (more, algorithms, expected) in rows {
        let worker = worker();
        if let Some(algorithms) = algorithms {
            let metadata = &mut worker.here.world().provider.metadata;
            change(metadata, &[("dpop_signing_alg_values_supported", algorithms)]);
        }
        let port = worker.page(1, &options(more));
        let outcome = port.begin_with(Mode::Redirect, "{}").and_then(|_| redirect(port));
        assert_eq!(code(&outcome), expected.err(), "{more} {algorithms:?}");
        assert_eq!(!proofs_at(&worker, Place::Token).is_empty(), expected == Ok(true), "{more} {algorithms:?}");
        let has_left = worker.here.asked(Place::Authorization) > 0;
        assert_eq!(has_left, expected.is_ok(), "an error comes before the page leaves");
    }
}

/// DPOP-33
#[test]
fn dpop_33_keys_are_of_an_algorithm_that_server_app_and_browser_have() {
    use KeyAlgorithm::{Ed25519, Es256};
    let asked = r#""dpopAlgorithm":"Ed25519","#;
    let rows = [
        ("", r#"["ES256","Ed25519","EdDSA"]"#, None, Ok("ES256")),
        ("", r#"["Ed25519","ES256"]"#, Some(Es256), Ok("Ed25519")),
        ("", r#"["EdDSA","Ed25519"]"#, None, Ok("Ed25519")),
        ("", r#"["EdDSA"]"#, None, Ok("EdDSA")),
        ("", r#"["EdDSA","ES256"]"#, Some(Es256), Ok("EdDSA")),
        (asked, r#"["ES256","Ed25519","EdDSA"]"#, None, Ok("Ed25519")),
        (asked, r#"["ES256","EdDSA"]"#, None, Ok("EdDSA")),
        (asked, r#"["ES256","Ed25519"]"#, Some(Ed25519), Ok("ES256")),
        (asked, r#"["ES256"]"#, None, Ok("ES256")),
        ("", r#"["ES256"]"#, Some(Es256), Err("config_error")),
        (asked, r#"["Ed25519"]"#, Some(Ed25519), Err("config_error")),
        (r#""dpopAlgorithm":"Ed25519","dpop":"required","#, "", None, Ok("Ed25519")),
        (r#""dpopAlgorithm":"Ed25519","dpop":"required","#, "", Some(Ed25519), Ok("ES256")),
        (r#""dpopAlgorithm":"EdDSA","#, "", None, Err("config_error")),
    ];
    for (more, algorithms, makes_no_keys_of, expected) in rows {
        for mode in [Mode::Redirect, Mode::Window] {
            let worker = worker();
            worker.here.world().makes_no_keys_of = makes_no_keys_of;
            if !algorithms.is_empty() {
                let metadata = &mut worker.here.world().provider.metadata;
                change(metadata, &[("dpop_signing_alg_values_supported", algorithms)]);
            }
            let port = worker.port(1);
            let outcome = port.configure(&options(more)).and_then(|_| port.begin_with(mode, "{}")).and_then(|begun| {
                let begun = Begun::read(&begun);
                let address = worker.here.way_back(&begun.url);
                port.complete(&address, &begun.state, begun.record.as_deref())
            });
            assert_eq!(code(&outcome), expected.err(), "{more} {algorithms} {mode:?}");
            let Ok(alg) = expected else { continue };
            port.say("fetch", CALL).expect("the API");
            let proofs = [proofs_at(&worker, Place::Token), calls(&worker)].concat();
            assert!(proofs.len() == 2 && proofs.iter().all(|proof| proof.alg == alg), "{more} {algorithms} {mode:?}");
        }
    }
}

#[test]
fn dpop_53_no_page_weakens_the_client_of_another() {
    let worker = binding();
    let strict = worker.page(1, &options(r#""dpop":"required","#));
    strict.sign_in();
    for more in [r#""dpop":"off","#, r#""dpop":"auto","#, r#""dpop":"required","dpopAlgorithm":"Ed25519","#] {
        let weak = worker.page(2, &options(more));
        assert!(!weak.is_signed_in(), "{more}");
        weak.say("leave", "").expect("nothing");
    }
    assert!(worker.page(3, &options(r#""dpop":"required","#)).is_signed_in());
    assert_eq!(code(&worker.port(4).configure(&options(r#""dpop":true,"#))), Some("config_error"));
}

/// DPOP-21
#[test]
fn dpop_21_a_bound_token_is_not_sent_in_another_way() {
    let worker = binding();
    let port = worker.page(1, &app());
    port.sign_in();
    worker.here.world().answers.push_back(refuse(r#"Bearer error="invalid_token""#, ""));
    port.say("fetch", CALL).expect("the refusal");
    assert_eq!(worker.here.world().calls.len(), 1);
    assert_eq!(worker.here.asked(Place::Refresh), 0);
}

#[test]
fn dpop_54_a_refused_bound_token_is_renewed() {
    let worker = binding();
    let port = worker.page(1, &app());
    port.sign_in();
    let invalid = r#"DPoP error="invalid_token""#;
    // The nonce of the API has changed, too.
    worker.here.world().answers.extend([refuse(invalid, ""), refuse(USE_NONCE, "r1")]);
    port.say("fetch", CALL).expect("the API");
    let world = worker.here.world();
    let tokens: Vec<_> = world.calls.iter().map(|call| call.authorization.clone()).collect();
    drop(world);
    assert_eq!(tokens.len(), 3);
    assert_ne!(tokens[0], tokens[1]);
    assert_eq!(tokens[1], tokens[2]);
    assert_eq!(worker.here.asked(Place::Refresh), 1);
}

#[test]
fn dpop_55_headers_that_a_page_cannot_read_are_named() {
    let rows = [
        (vec![refuse(USE_NONCE, "")], vec!["`DPoP-Nonce`"], 1),
        (vec![refuse("", ""), refuse("", "")], vec!["`WWW-Authenticate`", "`DPoP-Nonce`"], 2),
    ];
    for (answers, names, sent) in rows {
        let worker = binding();
        let port = worker.page(1, &app());
        port.sign_in();
        worker.here.world().answers.extend(answers);
        let outcome = port.say("fetch", CALL);
        assert_eq!(code(&outcome), Some("dpop_error"));
        assert!(names.iter().all(|name| hint(&outcome).contains(name)), "{}", hint(&outcome));
        assert_eq!(worker.here.world().calls.len(), sent);
        assert!(port.is_signed_in());
    }
}

/// DPOP-24
#[test]
fn dpop_24_a_wrong_clock_is_corrected_or_reported() {
    for behind in [600, -600] {
        // The server's time can be read.
        let worker = binding();
        worker.here.world().behind = behind;
        let port = worker.page(1, &options(r#""openid":false,"#));
        redirect(port).expect("a session");
        assert_eq!(worker.here.asked(Place::Token), 2);
        port.say("refresh", "").expect("a renewal");
        assert_eq!(worker.here.asked(Place::Refresh), 1, "the time is known by now");

        // It cannot be read.
        let worker = binding();
        worker.here.world().behind = behind;
        worker.here.world().provider.demands.exposes = false;
        let port = worker.page(1, &options(r#""openid":false,"#));
        let outcome = redirect(port);
        assert_eq!(code(&outcome), Some("dpop_error"));
        assert!(hint(&outcome).contains("clock"));
        assert_eq!(worker.here.asked(Place::Token), 1);

        // With nonces, the time does not matter (RFC 9449 §11.1).
        let worker = binding();
        worker.here.world().behind = behind;
        worker.here.world().provider.demands.nonce = "n1".into();
        redirect(worker.page(1, &options(r#""openid":false,"#))).expect("a session");
    }
}

#[test]
fn dpop_56_the_next_vault_has_the_key_and_without_it_no_session() {
    let first = binding();
    let port = first.page(1, &app());
    port.sign_in();
    let next = SharedWorker::after(&first);
    let port = next.page(1, &app());
    assert!(port.is_signed_in());
    port.say("fetch", CALL).expect("the API");
    port.say("refresh", "").expect("a renewal");
    let keys: HashSet<_> = [proofs_at(&next, Place::Token), proofs_at(&next, Place::Refresh), calls(&next)]
        .concat()
        .into_iter()
        .map(|proof| proof.jkt)
        .collect();
    assert_eq!(keys.len(), 1);

    next.here.world().loses_keys = true;
    let last = SharedWorker::after(&next);
    assert!(!last.page(1, &app()).is_signed_in(), "the tokens are of no use");
}

#[test]
fn dpop_57_pending_sign_ins_do_not_cost_the_session_its_key() {
    let worker = binding();
    let port = worker.page(1, &app());
    port.sign_in();
    for _ in 0..100 {
        port.begin(Mode::Window);
    }
    port.say("refresh", "").expect("a renewal");
    port.say("fetch", CALL).expect("the API");
    let lost = port.begin(Mode::Window);
    for _ in 0..40 {
        port.begin(Mode::Window);
    }
    let address = worker.here.way_back(&lost.url);
    assert!(port.complete(&address, &lost.state, None).is_ok_and(|text| text == "{}"), "it is forgotten with its key");
    assert!(port.is_signed_in());
}

#[test]
fn dpop_58_devices_and_machines_have_keys_too() {
    let worker = binding();
    let port = worker.page(1, &app());
    let number = begin_device(port);
    let poll = || port.say("pollDevice", &format!(r#""number":{number}"#)).expect("an answer");
    worker.here.wait(5);
    poll();
    worker.here.world().provider.consented = true;
    worker.here.wait(5);
    poll();
    assert!(port.is_signed_in());
    port.say("refresh", "").expect("a renewal");
    let keys: HashSet<_> = [proofs_at(&worker, Place::Poll), proofs_at(&worker, Place::Refresh)]
        .concat()
        .into_iter()
        .map(|proof| proof.jkt)
        .collect();
    assert_eq!(keys.len(), 1, "one key for all requests");

    let worker = binding();
    worker.here.world().has_key = true;
    let port = worker.page(1, &options(r#""tokenEndpointAuthMethod":"private_key_jwt","#));
    port.say("signInMachine", r#""scope":"read","options":{}"#).expect("a session");
    port.say("fetch", CALL).expect("the API");
    worker.here.wait(700);
    port.say("fetch", CALL).expect("the API");
    let keys: HashSet<_> =
        [proofs_at(&worker, Place::Machine), calls(&worker)].concat().into_iter().map(|proof| proof.jkt).collect();
    assert_eq!(keys.len(), 1);
    assert_eq!(proofs_at(&worker, Place::Machine).len(), 2);
}

/// The example of RFC 9449 §4.2, with its header, claims and key; the signature is not part of it.
#[test]
fn dpop_59_a_proof_has_the_form_of_the_specification() {
    let jwk = r#"{"kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"}"#;
    let key = PublicKey::from_jwk(jwk).expect("a key");
    // RFC 9449 §6.1 has the thumbprint of this key, and §7.1 the hash of this token.
    assert_eq!(key.thumbprint(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    let token = valet_key::protocol::secret::Secret::new("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU");
    let url = "https://resource.example.org/protectedresource?x=1#y";
    let subject = Subject { method: "GET", url, access_token: Some(&token), nonce: None };
    let input = subject.signing_input(&key, [7; 32], 1_562_262_618);
    let parts: Vec<String> = input
        .split('.')
        .map(|part| String::from_utf8(base64url::decode(part).expect("base64url")).expect("UTF-8"))
        .collect();
    assert_eq!(member(&parts[0], "typ").as_deref(), Some("dpop+jwt"));
    assert_eq!(
        parts[1],
        format!(
            r#"{{"jti":"{}","htm":"GET","htu":"https://resource.example.org/protectedresource","iat":1562262618,"ath":"fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"}}"#,
            base64url::encode(&[7; 32])
        )
    );
    let signed = proof(&input, &CLIENT.sign_text(&input));
    assert!(signed.expose().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)), "DPOP-30");
}
