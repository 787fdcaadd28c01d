//! Nothing printable holds a credential.

mod support;

use support::{at, config, id_token, json, metadata, transaction};
use valet_key::protocol::authorization_response::AuthorizationResponse;
use valet_key::protocol::secret::Secret;
use valet_key::protocol::session_state::SessionState;
use valet_key::protocol::token::{TokenRequest, TokenResponse};

/// Stands for every credential in this file, so that one search finds them all.
const CANARY: &str = "c4n4ry";

fn assert_silent(what: &str, printed: &str) {
    assert!(!printed.contains(CANARY), "{what}: {printed}");
    let transaction = transaction();
    for secret in [&transaction.state, &transaction.nonce] {
        assert!(!printed.contains(secret.expose()), "{what}: {printed}");
    }
    assert!(!printed.contains(transaction.code_verifier.expose()), "{what}: {printed}");
}

#[test]
fn nothing_printable_holds_a_credential() {
    assert_silent("a secret", &format!("{:?}", Secret::new(CANARY)));
    assert_silent("a transaction", &format!("{:?}", transaction()));
    assert_silent("an authorization request", &format!("{:?}", support::request(&config())));
    let query = support::honest_query().replace("c1", CANARY);
    let response = AuthorizationResponse::parse(&query).expect("well formed").expect("a response");
    assert_silent("a response", &format!("{response:?}"));
    let grant = support::finish(&query).expect("honest");
    assert_silent("a grant", &format!("{grant:?}"));
    let (request, _) = TokenRequest::for_grant(grant, &config());
    assert_silent("a token request", &format!("{request:?}"));
    assert_silent("an HTTP request", &format!("{:?}", request.request(&metadata().token_endpoint)));
    let answer = json(
        200,
        &format!(
            r#"{{"access_token":"{CANARY}a","refresh_token":"{CANARY}r","token_type":"Bearer","id_token":"{}"}}"#,
            id_token(&support::claims(&[]))
        ),
    );
    assert_silent("an HTTP response", &format!("{answer:?}"));
    let tokens = TokenResponse::from_response(&answer).expect("well formed");
    assert_silent("a token response", &format!("{tokens:?}"));
    let mut session = SessionState::default();
    let proof = support::signing::proof(&tokens);
    assert_silent("a proof", &format!("{proof:?}"));
    session.sign_in(tokens, proof, &transaction(), &config(), at(1)).0.expect("honest");
    let tokens_only = format!("{session:?}");
    assert!(!tokens_only.contains(CANARY), "a session: {tokens_only}");
    assert_silent(
        "an action",
        &format!("{:?}", session.next(session.call(0), &metadata().token_endpoint, &config(), at(1))),
    );
}

#[test]
fn no_error_quotes_the_refused_input() {
    let bodies = [
        format!(r#"{{"access_token":"{CANARY}","token_type":"mac"}}"#),
        format!(r#"{{"access_token":"{CANARY} x","token_type":"Bearer"}}"#),
        format!(r#"{{"access_token":"{CANARY}"#),
        format!(r#"{{"error":"mfa_required","mfa_token":"{CANARY}"}}"#),
        format!("<html>{CANARY}"),
    ];
    for body in bodies {
        let error = TokenResponse::from_response(&json(200, &body)).expect_err("refused");
        assert_silent("an error", &format!("{error:?} {error} {}", error.hint()));
    }
    for query in ["code=c4n4ry&code=c4n4ry&state=x", "state=x&code=%zz%c4n4ry", "access_token=c4n4ry"] {
        let error = AuthorizationResponse::parse(query).expect_err("refused");
        assert_silent("an error", &format!("{error:?} {error} {}", error.hint()));
    }
    let other = support::honest_query().replace("state=", "state=c4n4ry").replace("code=", "code=c4n4ry");
    let error = support::finish(&other).expect_err("refused");
    assert_silent("an error", &format!("{error:?} {error} {}", error.hint()));
}
