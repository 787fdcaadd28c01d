//! Ending a session at the server: revocation (RFC 7009) and RP-Initiated Logout.

use std::sync::Arc;

use super::config::{Config, check_page_url};
use super::error::Error;
use super::form;
use super::http::{HttpRequest, Method};
use super::metadata::{ServerMetadata, acceptable};
use super::secret::Secret;

/// The requests that revoke what is left of a session, in its order. The answers need not be read: they say
/// nothing that would change anything here (RFC 7009 §2.2).
///
/// Empty if the server offers no revocation, or at an address that is not acceptable.
pub fn revocation_requests(leftover: &[Secret], metadata: &ServerMetadata, config: &Config) -> Vec<HttpRequest> {
    let endpoint = metadata.revocation_endpoint.as_ref().and_then(|url| acceptable(url, config));
    let Some(endpoint) = endpoint else { return Vec::new() };
    let request = |(index, token): (usize, &Secret)| {
        let mut body = String::new();
        form::append(&mut body, "token", token.expose());
        form::append(
            &mut body,
            "token_type_hint",
            if index + 1 < leftover.len() { "refresh_token" } else { "access_token" },
        );
        form::append(&mut body, "client_id", &config.client_id);
        HttpRequest { url: endpoint.as_str().into(), method: Method::Post(Secret::new(body)) }
    };
    leftover.iter().enumerate().map(request).collect()
}

/// Where the page goes to end the provider's own session (RP-Initiated Logout §2), to come back to `return_to`. `None` if
/// the server offers none.
///
/// # Errors
///
/// [`Error::UrlRejected`] if the address is not acceptable; [`Error::Config`] for a `return_to` that is no page.
pub fn end_session_url(
    metadata: &ServerMetadata,
    config: &Config,
    return_to: &str,
) -> Result<Option<String>, Arc<Error>> {
    check_page_url("postLogoutRedirectUri", return_to)?;
    let Some(url) = &metadata.end_session_endpoint else { return Ok(None) };
    let endpoint =
        acceptable(url, config).ok_or_else(|| Error::UrlRejected { member: "end_session_endpoint".into() })?;
    let mut query = String::new();
    form::append(&mut query, "client_id", &config.client_id);
    form::append(&mut query, "post_logout_redirect_uri", return_to);
    Ok(Some(endpoint.with_query(&query)))
}
