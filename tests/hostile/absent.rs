//! A member that is `null` counts as absent, in all JSON of a server or an app. So does an optional address that is
//! `""`.

use valet_key::protocol::config::Config;
use valet_key::protocol::discovery::Discovery;
use valet_key::protocol::error::{Kind, Result};
use valet_key::protocol::form;
use valet_key::protocol::metadata::ServerMetadata;
use valet_key::protocol::options::Options;
use valet_key::protocol::token::TokenResponse;
use valet_key::protocol::userinfo;

use crate::hostile::app::{App, Completion};
use crate::hostile::case::Case;
use crate::hostile::provider::{Place, Provider, change, object};
use crate::support::{SIGN_IN, code, config, discover, json, options};

/// The valid metadata with changes.
fn metadata(changes: &[(&str, &str)]) -> String {
    let mut members = Provider::perfect("https://as.test").metadata;
    change(&mut members, changes);
    object(&members)
}

/// A token response with changes.
fn tokens(changes: &[(&str, &str)]) -> Result<Box<TokenResponse>> {
    let mut members = Provider::perfect("https://as.test").token;
    change(&mut members, &[("access_token", r#""a""#)]);
    change(&mut members, changes);
    TokenResponse::from_response(&json(200, &object(&members)))
}

#[test]
fn tok_58_a_null_member_of_a_token_response_is_ignored() {
    let optional = ["refresh_token", "scope", "expires_in", "error", "error_description", "error_uri", "unknown"];
    let nulls = optional.map(|name| (name, "null"));
    for one in &nulls {
        Case::new("TOK-58").token(&[*one]).play();
    }
    let view = Case::new("TOK-58").token(&nulls).play().view.expect("signed in");
    assert!(view.contains(r#""scope":"openid read","expiresAt":null"#), "{view}");
    let plain = options(r#""openid":false,"#);
    Case::new("TOK-58").options(&plain).token(&nulls).token(&[("id_token", "null")]).play();
}

#[test]
fn tok_58_a_required_member_of_a_token_response_is_missing_if_it_is_null() {
    for name in ["access_token", "token_type"] {
        let without = tokens(&[(&format!("-{name}"), "")]).map(drop);
        let error = without.clone().expect_err(name);
        assert!(matches!(error.kind(), Kind::ResponseInvalid { part } if part.contains(name)), "{name}: {error}");
        assert_eq!(tokens(&[(name, "null")]).map(drop), without, "{name}");
    }
    for error in [r#"{"error":null}"#, r#"{"error":null,"error_description":"x"}"#] {
        let refused = TokenResponse::from_response(&json(400, error)).map(drop);
        assert_eq!(refused, TokenResponse::from_response(&json(400, "{}")).map(drop), "{error}");
    }
}

/// The refresh tokens that were sent, in order.
fn sent(provider: &Provider) -> Vec<String> {
    let forms = provider.requests.iter().filter(|seen| seen.place == Some(Place::Refresh));
    let fields = forms.flat_map(|seen| form::parse(&seen.body).expect("a form"));
    fields.filter(|(name, _)| name == "refresh_token").map(|(_, token)| token).collect()
}

/// RT-35: the refresh token of a response with a `null` member is used next time.
#[test]
fn rt_35_a_null_member_in_a_renewal_keeps_the_refresh_token() {
    let nulls =
        ["id_token", "scope", "expires_in", "error", "error_description", "error_uri"].map(|name| (name, "null"));
    let each = nulls.iter().map(std::slice::from_ref).chain([&nulls[..]]);
    for changes in each {
        let (mut app, mut provider) = (App::new(&options("")).expect("honest"), Provider::perfect("https://as.test"));
        change(&mut provider.refresh, changes);
        let url = app.begin(&mut provider, SIGN_IN).expect("an address");
        let query = provider.authorize(&url);
        assert_eq!(app.complete(&mut provider, &query).ok(), Some(Completion::SignedIn));
        for _ in 0..3 {
            app.wait(&mut provider, 700);
            app.session.renew();
            app.call(&mut provider).unwrap_or_else(|error| panic!("{changes:?}: {error}"));
        }
        let mut sent = sent(&provider);
        assert_eq!(sent.len(), 3, "{changes:?}");
        sent.dedup();
        assert_eq!(sent.len(), 3, "{changes:?}: each is another one");
        assert!(app.view().expect("kept").contains(r#""scope":"openid read""#), "{changes:?}");
    }
    Case::new("RT-02").refresh(&[("refresh_token", "null")]).play();
}

/// Members of metadata that a server may leave out.
const OPTIONAL: [&str; 8] = [
    "userinfo_endpoint",
    "revocation_endpoint",
    "end_session_endpoint",
    "authorization_response_iss_parameter_supported",
    "response_types_supported",
    "id_token_signing_alg_values_supported",
    "code_challenge_methods_supported",
    "require_pushed_authorization_requests",
];

#[test]
fn disc_54_optional_metadata_that_are_null_are_absent() {
    let read = |changes: &[(&str, &str)]| discover(&metadata(changes)).expect("metadata");
    let nulls = OPTIONAL.map(|name| (name, "null"));
    let without = OPTIONAL.map(|name| format!("-{name}"));
    for ((name, null), without) in nulls.iter().zip(&without) {
        assert_eq!(read(&[(name, null)]), read(&[(without, "")]), "{name}");
        Case::new("DISC-54").metadata(&[(name, null)]).play();
    }
    let all = without.each_ref().map(|name| (name.as_str(), ""));
    assert_eq!(read(&nulls), read(&all));
    let played = Case::new("DISC-54").metadata(&nulls).metadata(&[("scopes_supported", "null"), ("x", "null")]).play();
    assert!(played.view.is_some());
    // Plain OAuth 2 needs no keys.
    let plain = options(r#""openid":false,"#);
    Case::new("DISC-54").options(&plain).metadata(&[("jwks_uri", "null")]).play();
    Case::new("DISC-54").options(&plain).metadata(&[("jwks_uri", r#""""#)]).play();
}

#[test]
fn disc_54_an_optional_address_that_is_empty_is_absent() {
    let endpoints = ["userinfo_endpoint", "revocation_endpoint", "end_session_endpoint"];
    let read = |changes: &[(&str, &str)]| discover(&metadata(changes)).expect("metadata");
    for name in endpoints {
        assert_eq!(read(&[(name, r#""""#)]), read(&[(&format!("-{name}"), "")]), "{name}");
        Case::new("DISC-54").metadata(&[(name, r#""""#)]).play();
    }
    Case::new("DISC-54").metadata(&endpoints.map(|name| (name, r#""""#))).play();
    // A member with a wrong value is an error.
    for value in [r#"" ""#, r#""/userinfo""#, r#""null""#] {
        let refused = discover(&metadata(&[("userinfo_endpoint", value)])).map_err(|error| error.code());
        assert_eq!(refused, Err("url_rejected"), "{value}");
    }
    for value in ["0", "false", "[]", "{}"] {
        for name in endpoints {
            let refused = discover(&metadata(&[(name, value)])).map_err(|error| error.code());
            assert_eq!(refused, Err("metadata_invalid"), "{name}: {value}");
        }
    }
}

#[test]
fn disc_54_a_required_member_of_metadata_is_missing_if_it_is_null() {
    for name in ["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"] {
        let without = discover(&metadata(&[(&format!("-{name}"), "")]));
        assert!(code(&without) == Some("metadata_invalid"), "{name}: {without:?}");
        assert_eq!(discover(&metadata(&[(name, "null")])), without, "{name}");
        if name != "issuer" {
            assert_eq!(discover(&metadata(&[(name, r#""""#)])), without, "{name}: an address that is needed");
        }
    }
    let without = discover(&metadata(&[("-userinfo_endpoint", "")])).expect("metadata");
    let null = discover(&metadata(&[("userinfo_endpoint", "null")])).expect("metadata");
    let asked = [&without, &null].map(|metadata| userinfo::request(metadata).map(drop).map_err(|error| error.code()));
    assert_eq!(asked, [Err("metadata_invalid"); 2]);
}

#[test]
fn disc_54_the_metadata_of_an_app_are_read_in_the_same_way() {
    let with = |server: &str| Config::parse(&options(&format!(r#""server":{server},"#)));
    let read = |changes: &[(&str, &str)]| with(&metadata(changes)).expect("options");
    let nulls = OPTIONAL.map(|name| (name, "null"));
    let without = OPTIONAL.map(|name| format!("-{name}"));
    assert_eq!(read(&nulls), read(&without.each_ref().map(|name| (name.as_str(), ""))));
    for name in ["userinfo_endpoint", "revocation_endpoint", "end_session_endpoint"] {
        assert_eq!(read(&[(name, r#""""#)]), read(&[(&format!("-{name}"), "")]), "{name}");
    }
    for name in ["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"] {
        let without = with(&metadata(&[(&format!("-{name}"), "")])).map(drop);
        assert_eq!(code(&without), Some("metadata_invalid"), "{name}");
        assert_eq!(with(&metadata(&[(name, "null")])).map(drop), without, "{name}");
    }
    Case::new("DISC-54").options(&options(&format!(r#""server":{},"#, metadata(&nulls)))).play();
}

#[test]
fn options_that_are_null_are_absent() {
    let names =
        ["account", "allowLoopbackHttp", "api", "idTokenHint", "openid", "server", "timeout", "tokens", "userinfo"];
    let least = |more: &str| format!(r#"{{"issuer":"https://as.test","clientId":"spa"{more}}}"#);
    let read = |options: &str| Options::parse(options).unwrap_or_else(|error| panic!("{options}: {error}"));
    let absent = read(&least(""));
    let each = names.map(|name| format!(r#","{name}":null"#));
    for more in each.iter().chain([&each.concat()]) {
        let null = read(&least(more));
        assert_eq!(null.client, absent.client, "{more}");
        assert_eq!(
            (null.page.timeout, null.page.id_token_hint),
            (absent.page.timeout, absent.page.id_token_hint),
            "{more}"
        );
    }
    let missing = Config::parse(r#"{"clientId":"spa"}"#);
    assert_eq!(code(&missing), Some("config_error"));
    assert_eq!(Config::parse(r#"{"issuer":null,"clientId":"spa"}"#), missing);
    let unregistered = Config::parse(r#"{"issuer":"https://as.test"}"#);
    assert!(unregistered.is_ok());
    assert_eq!(Config::parse(r#"{"issuer":"https://as.test","clientId":null}"#), unregistered);
}

#[test]
fn discovered_and_configured_metadata_treat_null_the_same_way() {
    let body = metadata(&OPTIONAL.map(|name| (name, "null")));
    let found: ServerMetadata = Discovery::from_response(config().expected(), &json(200, &body)).expect("metadata");
    let brought = Config::parse(&options(&format!(r#""server":{body},"#))).expect("options").server;
    assert_eq!(brought, Some(found));
}
