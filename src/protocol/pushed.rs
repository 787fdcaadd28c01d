//! Pushed authorization requests (RFC 9126): the parameters go to the server directly, and through the browser only a reference.

use serde::Deserialize;

use super::authorization_request::MAX_URL;
use super::config::Config;
use super::error::{Error, Kind, Result};
use super::foreign::Secrets;
use super::form;
use super::http::{HttpRequest, HttpResponse, oauth_error_of};
use super::json::Mismatch;
use super::metadata::ServerMetadata;
use super::secret::Secret;
use super::trace::Step;
use super::url::Url;

/// A reference to a pushed request.
#[derive(Debug)]
pub struct Pushed {
    request_uri: String,
    /// Milliseconds for which the reference is valid. The client counts from its request on, to be safe.
    pub lifetime: i64,
}

/// The request that pushes the parameters of an authorization request (§2.1).
pub fn request(endpoint: &Url, form: &Secret, secrets: Secrets) -> HttpRequest {
    HttpRequest::post(Step::PushedAuthorization, endpoint.as_str().into(), form.clone(), secrets)
}

#[derive(Deserialize)]
struct Members<'a> {
    request_uri: Option<&'a str>,
    expires_in: Option<i64>,
}

impl Pushed {
    /// Reads the response (§2.2).
    ///
    /// # Errors
    ///
    /// [`Kind::AuthorizationRefused`] for an error response (§2.3), [`Kind::ResponseInvalid`] for a success without the status 201 and
    /// for a missing or malformed member, [`Kind::ServerUnavailable`] for a failure without an error response, and those of
    /// [`HttpResponse::text`] and [`HttpResponse::json`].
    pub fn from_response(response: &HttpResponse) -> Result<Self> {
        let invalid = |part: &str| Error::from(Kind::ResponseInvalid { part: part.into() });
        let failed = |error: Error| match error.kind() {
            // A proxy may have responded, for example because the request is too long for it.
            Kind::NotJson { .. } | Kind::ResponseInvalid { .. } if !response.is_ok() => {
                let (url, status) = (response.url.clone(), response.status);
                Kind::ServerUnavailable { url, status, retry_after: response.retry_after }.into()
            }
            _ => error,
        };
        let value = response.text().and_then(|text| response.json(text)).map_err(failed)?;
        if let Some(said) = oauth_error_of(response.is_ok(), &value, &response.secrets).map_err(failed)? {
            return Err(Kind::AuthorizationRefused(said).into());
        }
        if response.status != 201 {
            return Err(invalid("status of a pushed request"));
        }
        let Members { request_uri, expires_in } = value.read().map_err(|Mismatch { member }| invalid(member))?;
        // The characters of a URI (RFC 3986 §2).
        let is_uri = |text: &&str| {
            (1..=MAX_URL / 2).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\'))
        };
        let request_uri = request_uri.filter(is_uri).ok_or_else(|| invalid("request_uri"))?;
        let seconds = expires_in.filter(|seconds| *seconds > 0).ok_or_else(|| invalid("expires_in"))?;
        Ok(Self { request_uri: request_uri.into(), lifetime: seconds.saturating_mul(1000) })
    }

    /// The URL to which the browser navigates (§4).
    pub fn url(&self, metadata: &ServerMetadata, config: &Config) -> String {
        let mut query = String::new();
        form::append(&mut query, "client_id", &config.client_id);
        form::append(&mut query, "request_uri", &self.request_uri);
        metadata.authorization_endpoint.with_query(&query)
    }
}
