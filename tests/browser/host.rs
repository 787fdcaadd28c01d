//! The browser host, as the npm package and Rust front ends use it: what only a browser can show. The same tests run in
//! a page, in a worker and in a shared worker, by `cargo xtask test browser`.

use valet_key::browser::{Browser, Client, Completion, OtherSignIns, keys};
use valet_key::client::host::{Host, ProofKey};
use valet_key::protocol::authorization_request::SignIn;
use valet_key::protocol::base64url;
use valet_key::protocol::error::Result;
use valet_key::protocol::foreign::Secrets;
use valet_key::protocol::http::HttpResponse;
use valet_key::protocol::jwks::Keys;
use valet_key::protocol::jwt::{Algorithms, Signature, Unverified};
use valet_key::protocol::options::Options;
use valet_key::protocol::public_key::{KeyAlgorithm, SIGNATURE};
use valet_key::protocol::transaction::RedirectPage;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{Request, RequestInit};

use crate::known;

/// A client with the metadata of its provider, so that no request is needed before the redirect.
pub(crate) fn client() -> Client {
    let options = r#"{
        "issuer": "https://as.test", "clientId": "spa", "api": ["https://api.test/v1/"],
        "server": {
            "issuer": "https://as.test",
            "authorization_endpoint": "https://as.test/authorize",
            "token_endpoint": "https://as.test/token",
            "jwks_uri": "https://as.test/jwks"
        }
    }"#;
    Client::new(Options::parse(options).expect("well formed"))
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(thread_local_v2, js_namespace = location, js_name = origin)]
    static HERE: String;
}

/// The redirect page, on the origin of this page or worker.
fn redirect_page() -> String {
    HERE.with(Clone::clone) + "/cb"
}

/// A sign-in without further options.
fn sign_in(redirect_uri: &str) -> SignIn<'_> {
    SignIn { scope: "openid", ..SignIn::new(redirect_uri) }
}

fn code<T>(result: Result<T, valet_key::protocol::error::Error>) -> &'static str {
    result.err().map_or("no error", |error| error.code())
}

#[wasm_bindgen_test]
async fn every_sign_in_has_new_secrets() {
    let client = client();
    let first = client.begin(sign_in(&redirect_page())).await.expect("a request");
    let second = client.begin(sign_in(&redirect_page())).await.expect("a request");
    assert!(first.url.starts_with("https://as.test/authorize?response_type=code&client_id=spa&"), "{}", first.url);
    assert_ne!(first.transaction.state.expose(), second.transaction.state.expose());
    assert_ne!(first.transaction.nonce.expose(), second.transaction.nonce.expose());
    assert_ne!(first.transaction.code_verifier.expose(), second.transaction.code_verifier.expose());
    assert!(first.transaction.started > 1_700_000_000_000, "the browser's clock");
}

#[wasm_bindgen_test]
async fn no_call_is_sent_without_permission_and_session() {
    let client = client();
    let call = |url: &str| Request::new_with_str(url).expect("a request");
    assert_eq!(code(client.call(call("https://evil.test/v1/x"), None).await), "request_blocked");
    assert_eq!(code(client.call(call("https://api.test/v1/../admin"), None).await), "request_blocked");
    assert_eq!(code(client.call(call("https://api.test/v1/x"), None).await), "login_required");
    let init = RequestInit::new();
    let headers = web_sys::Headers::new().expect("headers");
    headers.set("aUTHORIZATION", "Bearer mine").expect("a header");
    init.set_headers(&headers);
    let own = Request::new_with_str_and_init("https://api.test/v1/x", &init).expect("a request");
    assert_eq!(code(client.call(own, None).await), "request_blocked");
    assert_eq!(code(client.refresh().await), "login_required");
    assert_eq!(client.session(), None);
}

#[wasm_bindgen_test]
async fn an_unreachable_provider_is_a_network_error_each_time() {
    let options = r#"{"issuer":"http://localhost:1","clientId":"spa","allowLoopbackHttp":true}"#;
    let client = Client::new(Options::parse(options).expect("well formed"));
    for _ in 0..2 {
        assert_eq!(code(client.begin(sign_in(&redirect_page())).await), "network_error");
    }
}

#[wasm_bindgen_test]
async fn a_response_without_a_sign_in_is_ignored() {
    let client = client();
    let page = redirect_page();
    let whose = RedirectPage::OfOneProvider;
    let address = format!("{page}?code=c&state=s");
    let ignored = client.complete(&address, None, OtherSignIns::None, whose).await.expect("no error");
    assert!(matches!(ignored, Completion::Ignored));
    assert_eq!(code(client.complete(&address, None, OtherSignIns::Pending, whose).await), "state_mismatch");
    let pending = client.begin(sign_in(&redirect_page())).await.expect("a request").transaction;
    let address = format!("{page}?error=login_required&state={}", pending.state.expose());
    assert_eq!(code(client.complete(&address, Some(pending), OtherSignIns::None, whose).await), "authorization_error");
}

#[wasm_bindgen_test]
async fn a_silent_sign_in_does_not_redirect_to_an_unreachable_provider() {
    let client = client();
    let params = [("prompt".to_owned(), "none".to_owned())];
    let page = redirect_page();
    let silent = SignIn { params: &params, ..sign_in(&page) };
    assert_eq!(code(client.begin(silent).await), "network_error");
}

fn empty() -> HttpResponse {
    HttpResponse {
        url: String::new(),
        status: 200,
        content_type: "application/json".into(),
        challenge: String::new(),
        dpop_nonce: String::new(),
        date: None,
        retry_after: None,
        body: Vec::new(),
        secrets: Secrets::default(),
    }
}

/// The browser's verdict on the signature of a token.
async fn signature(token: &str, key: &str) -> Signature {
    let mut keys = Keys::default();
    let answer = HttpResponse { body: format!(r#"{{"keys":[{key}]}}"#).into(), ..empty() };
    keys.receive(Ok(answer)).expect("a key set");
    let token = Unverified::parse(token, Algorithms::ALL).expect("well formed");
    keys::check(keys.select(&token, "").expect("one key")).await.0
}

#[wasm_bindgen_test]
async fn signatures_of_the_rfcs_are_accepted_and_altered_ones_refused() {
    for (label, key, token) in known::SIGNED {
        assert_eq!(signature(token, key).await, Signature::Right, "{label}");
        let (signed, octets) = token.rsplit_once('.').expect("three parts");
        assert_eq!(signature(&format!("{signed}AAAA.{octets}"), key).await, Signature::Wrong, "{label}");
    }
}

#[wasm_bindgen_test]
async fn idt_72_signatures_with_values_outside_of_the_curve_are_refused() {
    let (_, key, token) = known::SIGNED[1];
    let (signed, _) = token.rsplit_once('.').expect("three parts");
    // No valid number; then r and s with the largest values that 32 octets can hold.
    for octets in ["A".repeat(86), "_".repeat(85) + "w"] {
        assert_eq!(signature(&format!("{signed}.{octets}"), key).await, Signature::Wrong);
    }
}

#[wasm_bindgen_test]
async fn a_key_with_a_point_outside_of_its_curve_is_refused() {
    let (_, key, token) = known::SIGNED[1];
    // WebKitGTK accepts it as a key, with which every signature is wrong.
    let signature = signature(token, &key.replacen("\"y\":\"x", "\"y\":\"y", 1)).await;
    assert!(matches!(signature, Signature::Unusable | Signature::Wrong), "{signature:?}");
}

/// Makes a key whose signatures verify, and that goes to another environment as the same one.
async fn check_key(algorithm: KeyAlgorithm) -> Result<()> {
    let key = Browser::default().make_key(algorithm).await?;
    assert_eq!(key.public().algorithm, algorithm);
    let mut set = Keys::default();
    let jwk = key.public().to_jwk();
    let answer = HttpResponse { body: format!(r#"{{"keys":[{jwk}]}}"#).into(), ..empty() };
    set.receive(Ok(answer)).expect("a key set");
    let header = base64url::encode(format!(r#"{{"alg":"{}"}}"#, algorithm.name()).as_bytes());
    let input = [header.as_str(), ".", &base64url::encode(b"{}")].concat();
    let signed = key.sign(&input).await.expect("a signature");
    assert_eq!(signed.len(), SIGNATURE);
    let token = [input.as_str(), ".", &base64url::encode(&signed)].concat();
    let token = Unverified::parse(&token, Algorithms::ALL).expect("well formed");
    let question = set.select(&token, "").expect("the key");
    assert_eq!(keys::check(question).await.0, Signature::Right);

    // Where a key has to be passed on as a text, it arrives as the same one.
    if let Some(jwk) = key.to_jwk() {
        let imported = Browser::default().import_key(jwk.expose()).await.expect("a key");
        assert_eq!(imported.public(), key.public());
        assert_eq!(imported.sign("data").await.expect("a signature").len(), SIGNATURE);
    }
    for text in ["", "{}", "not JSON", &key.public().to_jwk()] {
        assert!(Browser::default().import_key(text).await.is_none(), "{text}");
    }
    Ok(())
}

#[wasm_bindgen_test]
async fn a_key_signs_proofs() {
    check_key(KeyAlgorithm::Es256).await.expect("a key");
}

/// Not every browser makes such keys.
#[wasm_bindgen_test]
async fn a_key_on_ed25519_signs_proofs_or_is_not_made() {
    for algorithm in [KeyAlgorithm::Ed25519, KeyAlgorithm::EdDsa] {
        let outcome = check_key(algorithm).await;
        assert!(outcome.is_ok() || outcome.is_err_and(|error| error.code() == "config_error"), "{algorithm:?}");
    }
}
