//! Ends a session at the server (revocation, RFC 7009; RP-Initiated Logout), and lets the server end it (Front-Channel Logout).

use super::authorization_request::MAX_URL;
use super::config::{Config, check_page_url};
use super::error::{Kind, Result};
use super::foreign::Secrets;
use super::form;
use super::http::HttpRequest;
use super::json::Value;
use super::metadata::{ServerMetadata, acceptable};
use super::secret::Secret;
use super::token::Leftover;
use super::trace::Step;

/// The requests that revoke the remaining tokens of a session, in their order. The responses do not have to be read: they
/// contain nothing that would change anything here (RFC 7009 §2.2).
///
/// Empty if the server has no revocation endpoint, or if its URL is not acceptable.
pub fn revocation_requests(leftover: &[Leftover], metadata: &ServerMetadata, config: &Config) -> Vec<HttpRequest> {
    let endpoint = metadata.revocation_endpoint.as_ref().and_then(|url| acceptable(url, config.loopback));
    let Some(endpoint) = endpoint else { return Vec::new() };
    let request = |Leftover { token, token_type_hint, .. }: &Leftover| {
        let mut body = String::new();
        form::append(&mut body, "token", token.expose());
        form::append(&mut body, "token_type_hint", token_type_hint);
        form::append(&mut body, "client_id", &config.client_id);
        HttpRequest::post(Step::Revocation, endpoint.as_str().into(), Secret::new(body), Secrets::new([token]))
    };
    leftover.iter().map(request).collect()
}

/// The URL to which the page navigates to end the provider's own session (RP-Initiated Logout §2) and to come back to
/// `return_to`. `None` if the server has none. Amazon Cognito and older Auth0 tenants have parameters of their own, without
/// `state` and hint.
///
/// # Errors
///
/// [`Kind::UrlRejected`] if the endpoint is not acceptable; [`Kind::Config`] for a `return_to` that is not the URL of a page.
pub fn end_session_url(
    metadata: &ServerMetadata,
    config: &Config,
    return_to: &str,
    state: &Secret,
    id_token_hint: Option<&Secret>,
) -> Result<Option<String>> {
    check_page_url("postLogoutRedirectUri", return_to)?;
    let issuer = &config.issuer;
    let (url, parameter) = match &metadata.end_session_endpoint {
        Some(url) if issuer.starts_with("https://cognito-idp.") => (url.clone(), "logout_uri"),
        Some(url) => (url.clone(), "post_logout_redirect_uri"),
        None if issuer.ends_with(".auth0.com/") => ([issuer, "v2/logout"].concat(), "returnTo"),
        None => return Ok(None),
    };
    let endpoint =
        acceptable(&url, config.loopback).ok_or_else(|| Kind::UrlRejected { member: "end_session_endpoint".into() })?;
    if config.client_id.is_empty() {
        return Ok(None); // nobody has signed in
    }
    let mut query = String::new();
    form::append(&mut query, "client_id", &config.client_id);
    form::append(&mut query, parameter, return_to);
    if parameter == "post_logout_redirect_uri" {
        form::append(&mut query, "state", state.expose());
        // A hint that makes the URL too long for some servers or proxies is left out. Not every provider needs it.
        if let Some(hint) =
            id_token_hint.filter(|hint| endpoint.as_str().len() + query.len() + hint.expose().len() < MAX_URL)
        {
            form::append(&mut query, "id_token_hint", hint.expose());
        }
    }
    Ok(Some(endpoint.with_query(&query)))
}

/// Whether the query of a front-channel logout page names a session: by its issuer and its `sid`, each exactly once and with
/// the exact value (Front-Channel Logout §3). A query without them could come from any link.
pub fn names_session(query: &str, issuer: &str, claims: &Value<'_>) -> bool {
    let Some(parameters) = form::parse(query) else { return false };
    let sid = claims.get("sid").and_then(Value::as_str);
    [("iss", Some(issuer)), ("sid", sid)].iter().all(|(name, expected)| {
        let mut found = parameters.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        expected.is_some() && found.next() == *expected && found.next().is_none()
    })
}
