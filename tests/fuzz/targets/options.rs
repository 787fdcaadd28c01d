//! Options of pages: accepted options make a client that sends requests to plain addresses only.

use valet_key::protocol::config::Tokens;
use valet_key::protocol::options::Options;

use super::{read, seeds as list, text};
use crate::support::options;

pub(super) fn run(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let Ok(options) = Options::parse(text) else { return };
    let again = Options::parse(text).expect("the same text");
    assert_eq!(options.client, again.client, "a client is what its options say");
    let client = &options.client;
    assert!(!client.provider().is_empty());
    let is_plain =
        |url: &str| url.starts_with("https://") || (url.starts_with("http://") && text.contains("allowLoopbackHttp"));
    assert!(client.issuer.is_empty() || client.server.is_some() || is_plain(&client.issuer), "{}", client.issuer);
    assert!(!client.openid || !client.issuer.is_empty());
    assert!(client.tokens == Tokens::Worker || text.contains("page") || text.contains('\\'));
    assert!(options.page.timeout > 0);
    let Some(read) = read(text) else { return };
    let names_id = read.get("clientId").is_some_and(|id| !id.is_null());
    assert_eq!(client.client_id.is_empty(), !names_id, "without an ID, the app is registered later");
    for entry in read.get("api").and_then(serde_json::Value::as_array).into_iter().flatten() {
        let url = entry.get("url").unwrap_or(entry).as_str().expect("an address");
        let target = client.api.target(client.api.permit(url).expect("an entry is on the list"));
        let asked = |name: &str| entry.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
        assert_eq!(target.resource, asked("resource"), "the token for {url} is for its own resource");
        let has = |value: &str| target.scope.split(' ').any(|one| one == value);
        assert!(asked("scope").split(' ').filter(|value| !value.is_empty()).all(has), "{url}");
        let is_warm = entry.get("warm") == Some(&true.into());
        assert!(!is_warm || options.page.warm.permit(url).is_ok());
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    list([
        options(""),
        options(r#""openid":false,"timeout":500,"userinfo":"signed","tokens":"page","account":"work","idTokenHint":true,"#),
        r#"{"issuer":"http://localhost:9000","allowLoopbackHttp":true,"clientId":"spa","api":[{"url":"https://api.test/","warm":true}]}"#.into(),
        r#"{"clientId":"spa","server":{"authorization_endpoint":"https://as.test/authorize","token_endpoint":"https://as.test/token","jwks_uri":"https://as.test/jwks","issuer":"https://as.test"}}"#.into(),
        options(r#""clientSecret":"x","#),
        r#"{"issuer":"https://as.test","clientId":"spa","api":[{"url":"https://a.test/","resource":"https://a.test","scope":"x y"},
            {"url":"https://a.test/b/","resource":"urn:b"},{"url":"https://c.test/","scope":"y"},"https://d.test"]}"#
            .into(),
        r#"{"issuer":"https://as.test"}"#.into(),
        r#"{"issuer":"https://as.test","clientId":"https://app.test/client.json"}"#.into(),
    ])
}
