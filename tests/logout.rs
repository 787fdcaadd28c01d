//! Sign-out: locally and at the provider (RFC 7009, RP-Initiated Logout, Front-Channel Logout).

mod support;

use support::signing::proof;
use support::{METADATA, at, claims, code, config, discover, id_token, json, metadata, options, transaction};
use valet_key::protocol::config::Config;
use valet_key::protocol::discovery::Discovery;
use valet_key::protocol::form;
use valet_key::protocol::http::Method;
use valet_key::protocol::logout;
use valet_key::protocol::metadata::ServerMetadata;
use valet_key::protocol::secret::Secret;
use valet_key::protocol::session_state::{Action, SessionState};
use valet_key::protocol::token::TokenResponse;

const BYE: &str = "https://app.test/bye";

fn signed_in(config: &Config, changes: &[(&str, &str)]) -> SessionState {
    let body = format!(
        r#"{{"access_token":"a","token_type":"Bearer","refresh_token":"r","id_token":"{}"}}"#,
        id_token(&claims(changes))
    );
    let tokens = TokenResponse::from_response(&json(200, &body)).expect("well formed");
    let mut session = SessionState::default();
    let proof = proof(&tokens);
    session.sign_in(tokens, proof, &transaction(), config, at(0)).0.expect("an honest sign-in");
    session
}

fn parameters(url: &str) -> (String, Vec<(String, String)>) {
    let (address, query) = url.split_once('?').expect("a query");
    (address.into(), form::parse(query).expect("a form"))
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
}

#[test]
fn out_01_signing_out_needs_no_session() {
    let mut session = signed_in(&config(), &[]);
    assert_eq!(session.end().len(), 2);
    assert_eq!(session.view(at(1)), None, "before any request");
    let action = session.next(session.call(0), &metadata().token_endpoint, &config(), at(1));
    assert!(matches!(action, Action::SignIn), "{action:?}");
}

#[test]
fn out_02_the_logout_request_names_the_user_and_the_redirect_uri() {
    let url = logout::end_session_url(&metadata(), &config(), BYE, &Secret::new("s"), None);
    let (address, query) = parameters(&url.expect("acceptable").expect("offered"));
    assert_eq!(address, "https://as.test/logout");
    assert_eq!(query, pairs(&[("client_id", "spa"), ("post_logout_redirect_uri", BYE), ("state", "s")]));

    let session = signed_in(&config(), &[]);
    let url = logout::end_session_url(&metadata(), &config(), BYE, &Secret::new("s"), session.id_token());
    let (_, query) = parameters(&url.expect("acceptable").expect("offered"));
    assert_eq!(query.last(), Some(&("id_token_hint".into(), id_token(&claims(&[])))));
    assert_eq!(code(&Config::parse(&options(r#""idTokenHint":"yes","#))), Some("config_error"));

    // A hint that would make the address too long for servers is left out, even if it is the only parameter.
    for (length, is_there) in [(1000, true), (7900, true), (8192, false), (20_000, false)] {
        let hint = Secret::new("x".repeat(length));
        let url = logout::end_session_url(&metadata(), &config(), BYE, &Secret::new("s"), Some(&hint));
        let url = url.expect("acceptable").expect("offered");
        assert!(url.len() <= 8 * 1024 + "&id_token_hint=".len(), "{length}: {}", url.len());
        assert_eq!(parameters(&url).1.iter().any(|(name, _)| name == "id_token_hint"), is_there, "{length}");
    }
}

#[test]
fn sign_out_addresses_of_particular_providers_are_known() {
    let at_issuer = |issuer: &str, members: &str| -> (Config, ServerMetadata) {
        let config = Config::parse(&options("").replace("https://as.test", issuer)).expect("well formed");
        let body = METADATA
            .replace("https://as.test\"", &format!("{issuer}\""))
            .replace(r#""end_session_endpoint": "https://as.test/logout","#, members);
        let found = Discovery::from_response(config.expected(), &json(200, &body)).expect("honest");
        (config, found)
    };
    let cognito = at_issuer(
        "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x",
        r#""end_session_endpoint": "https://login.app.test/logout","#,
    );
    let auth0 = at_issuer("https://tenant.eu.auth0.com/", "");
    let look_alike = at_issuer("https://tenant.eu.auth0.com.evil.test/", "");
    let url = |(config, metadata): &(Config, ServerMetadata)| {
        let hint = Secret::new("hint");
        logout::end_session_url(metadata, config, BYE, &Secret::new("s"), Some(&hint)).expect("acceptable")
    };
    let (address, query) = parameters(&url(&cognito).expect("offered"));
    assert_eq!(
        (address.as_str(), query),
        ("https://login.app.test/logout", pairs(&[("client_id", "spa"), ("logout_uri", BYE)]))
    );
    let (address, query) = parameters(&url(&auth0).expect("offered"));
    assert_eq!(
        (address.as_str(), query),
        ("https://tenant.eu.auth0.com/v2/logout", pairs(&[("client_id", "spa"), ("returnTo", BYE)]))
    );
    assert_eq!(url(&look_alike), None);
}

#[test]
fn out_06_07_08_addresses_are_checked() {
    let end = |metadata: &ServerMetadata, return_to: &str| {
        logout::end_session_url(metadata, &config(), return_to, &Secret::new("s"), None)
    };
    let without =
        discover(&METADATA.replace(r#""end_session_endpoint": "https://as.test/logout","#, "")).expect("fine");
    assert_eq!(end(&without, BYE), Ok(None), "OUT-06");
    for bad in ["javascript:alert(1)", "http://as.test/x"] {
        let metadata =
            discover(&METADATA.replace("https://as.test/logout", bad)).expect("signing in works all the same");
        assert_eq!(code(&end(&metadata, BYE)), Some("url_rejected"), "OUT-07 {bad}");
    }
    for bad in ["javascript:1", "//evil.test", "https://app.test/#x"] {
        assert_eq!(code(&end(&metadata(), bad)), Some("config_error"), "OUT-08 {bad}");
    }
}

#[test]
fn out_09_12_the_refresh_token_is_revoked_first() {
    let leftover = signed_in(&config(), &[]).end();
    let requests = logout::revocation_requests(&leftover, &metadata(), &config());
    let forms: Vec<_> = requests
        .iter()
        .map(|request| match &request.method {
            Method::Post(form) => form.expose().to_owned(),
            Method::Get | Method::Head | Method::PostJson(_) => panic!("RFC 7009 §2.1: POST"),
        })
        .collect();
    assert_eq!(
        forms,
        ["token=r&token_type_hint=refresh_token&client_id=spa", "token=a&token_type_hint=access_token&client_id=spa"]
    );
    let bad = discover(&METADATA.replace("https://as.test/revoke", "http://as.test/revoke"))
        .expect("signing in works all the same");
    assert!(logout::revocation_requests(&leftover, &bad, &config()).is_empty(), "no token goes there");
}

#[test]
fn out_13_14_15_a_session_is_named_by_issuer_and_sid() {
    let named = signed_in(&config(), &[("sid", r#""s1""#)]);
    let rows = [
        ("OUT-13", "iss=https%3A%2F%2Fas.test&sid=s1", true),
        ("OUT-13 the other way about", "sid=s1&iss=https%3A%2F%2Fas.test&x=y", true),
        ("OUT-14 another issuer", "iss=https%3A%2F%2Fevil.test&sid=s1", false),
        ("OUT-14 another session", "iss=https%3A%2F%2Fas.test&sid=s2", false),
        ("OUT-14 only the session", "sid=s1", false),
        ("OUT-14 only the issuer", "iss=https%3A%2F%2Fas.test", false),
        ("OUT-14 two sessions", "iss=https%3A%2F%2Fas.test&sid=s1&sid=s1", false),
        ("OUT-14 two issuers", "iss=https%3A%2F%2Fevil.test&iss=https%3A%2F%2Fas.test&sid=s1", false),
        ("OUT-14 no form", "iss=https%3A%2F%2Fas.test&sid=s1&%", false),
        ("OUT-15", "", false),
    ];
    for (label, query, expected) in rows {
        assert_eq!(named.is_named_by(query), expected, "{label}");
    }
    let unnamed = signed_in(&config(), &[]);
    for query in ["", "iss=https%3A%2F%2Fas.test", "iss=https%3A%2F%2Fas.test&sid=", "iss=https%3A%2F%2Fas.test&sid=s1"]
    {
        assert!(!unnamed.is_named_by(query), "a session without `sid`: {query}");
    }
    assert!(!SessionState::default().is_named_by("iss=https%3A%2F%2Fas.test&sid=s1"), "no user is signed in");
}
