//! Each cause has its own reason in the error, and a hint that names the option or the setting.

use valet_key::protocol::error::Kind;

use crate::hostile::app::{App, Completion};
use crate::hostile::case::Case;
use crate::hostile::provider::{Place, Provider, change};
use crate::support::{SIGN_IN, options};

/// The texts of a case's error.
fn said(case: Case, kind: &str) -> (String, &'static str) {
    let error = case.play_to(kind).error.expect("an error");
    (error.message(), error.hint())
}

#[test]
fn tok_59_a_missing_member_is_named() {
    for change in [("-token_type", ""), ("token_type", "null")] {
        let (message, _) = said(Case::new("TOK-59").token(&[change]), "response_invalid");
        assert!(message.contains("`token_type`") && !message.contains("access_token"), "{message}");
    }
    let plain = options(r#""openid":false,"#);
    for change in [("-access_token", ""), ("access_token", "null")] {
        // With an ID Token: some providers issue an access token only if a scope of an API is requested.
        let (message, hint) = said(Case::new("TOK-59").token(&[change]), "response_invalid");
        assert!(message.contains("`access_token`") && message.contains("id_token"), "{message}");
        assert!(hint.contains("`scope`") && !hint.contains("specification"), "{hint}");
        // Without an ID Token.
        for alone in [("-id_token", ""), ("id_token", "null"), ("id_token", r#""""#)] {
            let (message, hint) = said(Case::new("TOK-59").token(&[change, alone]), "response_invalid");
            assert!(message.contains("`access_token`") && !message.contains("id_token"), "{message}");
            assert!(hint.contains("specification") && !hint.contains("scope"), "{hint}");
        }
        let (message, _) = said(Case::new("TOK-59").options(&plain).token(&[change]), "response_invalid");
        assert!(message.contains("`access_token`"), "{message}");
    }
    // Both are missing: the required one is named first.
    let both = Case::new("TOK-59").token(&[("-access_token", ""), ("-token_type", "")]);
    assert!(said(both, "response_invalid").0.contains("`access_token`"));
    // The response of such a provider.
    let (_, hint) = said(
        Case::new("TOK-59").token(&[
            ("-access_token", ""),
            ("-expires_in", ""),
            ("-refresh_token", ""),
            ("not_before", "1800000000"),
            ("id_token_expires_in", "3600"),
            ("scope", r#""openid""#),
        ]),
        "response_invalid",
    );
    assert!(hint.contains("`scope`"), "{hint}");
}

#[test]
fn tok_11_an_invalid_lifetime_is_reported_with_its_setting() {
    for value in ["-1", "-3600", r#""-1""#, r#""never""#, "true", "{}"] {
        let (message, hint) = said(Case::new("TOK-11").token(&[("expires_in", value)]), "response_invalid");
        assert!(message.contains("expires_in"), "{value}: {message}");
        assert!(hint.contains("lifetime of access tokens"), "{value}: {hint}");
    }
}

/// TOK-60: a few servers write 0 for a token that does not expire.
#[test]
fn tok_60_zero_seconds_without_a_refresh_token_do_not_end_the_session() {
    for value in ["0", r#""0""#, "0.5", "null"] {
        for none in [("refresh_token", "null"), ("refresh_token", r#""""#)] {
            Case::new("TOK-60").token(&[("expires_in", value), none]).play();
            let (mut app, mut provider) =
                (App::new(&options("")).expect("honest"), Provider::perfect("https://as.test"));
            change(&mut provider.token, &[("expires_in", value), none]);
            let url = app.begin(&mut provider, SIGN_IN).expect("an address");
            let query = provider.authorize(&url);
            assert_eq!(app.complete(&mut provider, &query).ok(), Some(Completion::SignedIn));
            let token = app.access_token();
            for _ in 0..10 {
                app.wait(&mut provider, 3600);
                assert_eq!(app.call(&mut provider).ok(), token, "{value}: it is used until an API refuses it");
                assert!(app.view().expect("signed in").contains(r#""expiresAt":null"#), "{value}");
            }
            assert_eq!(provider.count(Place::Refresh), 0);
        }
    }
}

#[test]
fn tok_19_a_scope_in_the_form_of_a_list_is_named() {
    for value in [r#"["read_station"]"#, "[]", r#"[["read"]]"#] {
        let (message, _) = said(Case::new("TOK-19").token(&[("scope", value)]), "response_invalid");
        assert!(message.contains("scope"), "{message}");
    }
}

#[test]
fn idt_49_a_repeated_claim_is_named() {
    let twice = [
        ("address", r#"{"country":"SE"},"address":{"country":"SE"}"#),
        ("sub", r#""alice","sub":"alice""#),
        ("x", r#"{"a":1,"a":1}"#),
    ];
    for (name, value) in twice {
        let mut app = App::new(&options("")).expect("honest options");
        let mut provider = Provider::perfect("https://as.test");
        change(&mut provider.claims, &[(name, value)]);
        let url = app.begin(&mut provider, SIGN_IN).expect("an address");
        let query = provider.authorize(&url);
        let error = app.complete(&mut provider, &query).expect_err(name);
        assert!(
            matches!(error.kind(), Kind::IdTokenInvalid { reason: "a member that comes twice" }),
            "{name}: {error}"
        );
    }
    let twice = [("token_endpoint", r#""https://as.test/token","token_endpoint":"https://as.test/token""#)];
    let (message, _) = said(Case::new("DISC-17").metadata(&twice), "metadata_invalid");
    assert!(message.contains("a member that comes twice"), "{message}");
}
