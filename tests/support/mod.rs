//! A valid provider and a valid app, for tests that change one thing about them.

#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod cases;
pub(crate) mod known;
pub(crate) mod signing;

use valet_key::protocol::authorization_request::{AuthorizationRequest, Entropy, SignIn};
use valet_key::protocol::authorization_response::{AuthorizationResponse, Grant};
use valet_key::protocol::config::Config;
use valet_key::protocol::discovery::Discovery;
use valet_key::protocol::error::{Error, Result};
use valet_key::protocol::foreign::Secrets;
use valet_key::protocol::http::HttpResponse;
use valet_key::protocol::metadata::ServerMetadata;
use valet_key::protocol::time::Now;
use valet_key::protocol::transaction::{RedirectPage, Transaction};
use valet_key::vault::messages::Failed;

pub(crate) const T0: i64 = 1_800_000_000;

/// `seconds` after the start, by both clocks.
pub(crate) fn at(seconds: i64) -> Now {
    Now { wall: (T0 + seconds) * 1000, monotonic: seconds * 1000 }
}

/// The address of the app.
pub(crate) const ORIGIN: &str = "https://app.test";

/// The options of the app, after further ones.
pub(crate) fn options(more: &str) -> String {
    format!(r#"{{{more}"issuer":"https://as.test","clientId":"spa","api":["https://api.test/v1/"]}}"#)
}

pub(crate) fn config() -> Config {
    Config::parse(&options("")).expect("the honest app's options")
}

pub(crate) const METADATA: &str = r#"{
    "issuer": "https://as.test",
    "authorization_endpoint": "https://as.test/authorize",
    "token_endpoint": "https://as.test/token",
    "jwks_uri": "https://as.test/jwks",
    "userinfo_endpoint": "https://as.test/userinfo",
    "id_token_signing_alg_values_supported": ["RS256", "ES256"],
    "revocation_endpoint": "https://as.test/revoke",
    "end_session_endpoint": "https://as.test/logout",
    "authorization_response_iss_parameter_supported": true,
    "response_types_supported": ["code"],
    "code_challenge_methods_supported": ["S256"]
}"#;

pub(crate) fn answer(status: u16, content_type: &str, body: &str) -> HttpResponse {
    HttpResponse {
        url: "https://as.test/endpoint".into(),
        status,
        content_type: content_type.into(),
        challenge: String::new(),
        dpop_nonce: String::new(),
        date: None,
        retry_after: None,
        body: body.into(),
        secrets: Secrets::default(),
    }
}

pub(crate) fn json(status: u16, body: &str) -> HttpResponse {
    answer(status, "application/json", body)
}

pub(crate) fn discover(body: &str) -> Result<ServerMetadata> {
    Discovery::from_response(config().expected(), &json(200, body))
}

pub(crate) fn metadata() -> ServerMetadata {
    discover(METADATA).expect("the honest provider's metadata")
}

pub(crate) const ENTROPY: Entropy = Entropy { state: [1; 32], nonce: [2; 32], code_verifier: [3; 32] };

pub(crate) const SIGN_IN: SignIn<'_> =
    SignIn { scope: "openid read", return_to: "/here?x=1#y", ..SignIn::new("https://app.test/cb") };

pub(crate) fn request(config: &Config) -> AuthorizationRequest {
    AuthorizationRequest::new(config, &metadata(), SIGN_IN, ORIGIN, &ENTROPY, at(0)).expect("an honest request")
}

pub(crate) fn transaction() -> Box<Transaction> {
    request(&config()).transaction
}

/// The parameters of the provider's redirect.
pub(crate) fn honest_query() -> String {
    format!("code=c1&state={}&iss=https%3A%2F%2Fas.test", transaction().state.expose())
}

pub(crate) fn finish(query: &str) -> Result<Grant> {
    finish_at(5, query)
}

/// Processes a response that many seconds after the sign-in began.
pub(crate) fn finish_at(seconds: i64, query: &str) -> Result<Grant> {
    let response = AuthorizationResponse::parse(query)?.expect("an authorization response");
    let page = format!("https://app.test/cb?{query}");
    let bound = response.bind(transaction(), &config(), &page, RedirectPage::OfOneProvider, at(seconds))?;
    bound.accept(&metadata(), &config())
}

/// An ID Token with claims in JSON, signed by the provider.
pub(crate) fn id_token(claims: &str) -> String {
    signing::jwt(r#"{"alg":"RS256","kid":"r1"}"#, claims)
}

/// The valid claims; a member in `changes` replaces the one of its name, and `-name` removes it.
pub(crate) fn claims(changes: &[(&str, &str)]) -> String {
    let nonce = format!("\"{}\"", transaction().nonce.expose());
    let (now, later) = (T0.to_string(), (T0 + 600).to_string());
    let honest = [
        ("iss", r#""https://as.test""#),
        ("aud", r#""spa""#),
        ("sub", r#""alice""#),
        ("exp", &later),
        ("iat", &now),
        ("nonce", &nonce),
    ];
    let mut members: Vec<(&str, &str)> = honest
        .into_iter()
        .filter(|(name, _)| !changes.iter().any(|(n, _)| n.trim_start_matches('-') == *name))
        .collect();
    members.extend(changes.iter().filter(|(name, _)| !name.starts_with('-')));
    let members: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

/// The hash of a text as servers compute it: the challenge of a verifier (RFC 7636 §4.6), or the hash of a token in a proof of possession
/// (RFC 9449 §4.2).
pub(crate) fn hash_of(text: &str) -> String {
    use sha2::Digest as _;
    signing::base64url(sha2::Sha256::digest(text))
}

/// A failure that has a code.
pub(crate) trait Coded {
    fn code(&self) -> &'static str;
}

impl Coded for Error {
    fn code(&self) -> &'static str {
        Error::code(self)
    }
}

impl Coded for Failed {
    fn code(&self) -> &'static str {
        self.error.code()
    }
}

/// The code of an error, for tables.
pub(crate) fn code<T, E: Coded>(result: &Result<T, E>) -> Option<&'static str> {
    result.as_ref().err().map(Coded::code)
}
