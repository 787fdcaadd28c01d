//! Discovery: where the authorization server's metadata are looked for, and which failure is reported if none are found.

use super::error::{Error, Kind, Result};
use super::http::{Cache, HttpRequest, HttpResponse, REPEATED};
use super::metadata::{Expected, ServerMetadata, missing};
use super::trace::Step;

/// RFC 8615 §3.
const WELL_KNOWN: &str = "/.well-known/";

/// The URLs at which metadata may be found, in order (RFC 8414 §3.1 and §5, OpenID Connect Discovery §4).
#[derive(Clone, Debug)]
pub struct Discovery {
    candidates: [String; 3],
}

impl Discovery {
    /// For OpenID Connect, the URL below the issuer's own path comes first; for plain OAuth 2, the one below the root.
    pub fn new(expected: Expected<'_>) -> Self {
        let issuer = expected.issuer.strip_suffix('/').unwrap_or(expected.issuer);
        // The third slash, after the two of `https://`, begins the path.
        let slashes = issuer.bytes().enumerate().filter(|(_, byte)| *byte == b'/');
        let third = slashes.map(|(at, _)| at).nth(2).unwrap_or(issuer.len());
        let (origin, path) = issuer.split_at_checked(third).unwrap_or((issuer, ""));
        let appended = [issuer, WELL_KNOWN, "openid-configuration"].concat();
        let oauth = [origin, WELL_KNOWN, "oauth-authorization-server", path].concat();
        let inserted = [origin, WELL_KNOWN, "openid-configuration", path].concat();
        Self { candidates: if expected.openid { [appended, oauth, inserted] } else { [oauth, inserted, appended] } }
    }

    /// One request for each URL. They are sent one after another until a response contains metadata.
    pub fn requests(&self, cache: Cache) -> Vec<HttpRequest> {
        let mut requests: Vec<HttpRequest> = Vec::new();
        for url in &self.candidates {
            if !requests.iter().any(|earlier| earlier.url == *url) {
                requests.push(HttpRequest { cache, ..HttpRequest::get(Step::Metadata, url.clone()) });
            }
        }
        requests
    }

    /// Reads the response from one URL.
    ///
    /// # Errors
    ///
    /// [`Kind::DiscoveryFailed`] for any status other than 2xx, 429 and 5xx; those of [`HttpResponse::text`],
    /// [`HttpResponse::json`] and [`ServerMetadata::parse`]. [`Failures`] decides after which of them the next URL is tried.
    pub fn from_response(expected: Expected<'_>, response: &HttpResponse) -> Result<ServerMetadata> {
        if matches!(response.status, 404 | 405 | 410) {
            return Err(Kind::DiscoveryFailed { url: expected.issuer.into() }.into());
        }
        let is_in_trouble = response.status == 429 || response.status >= 500;
        if !response.is_ok() && !is_in_trouble {
            return Err(Kind::DiscoveryFailed { url: response.url.clone() }.into());
        }
        let text = response.text()?;
        let document = response.json(text).map_err(|error| match error.kind() {
            Kind::ResponseInvalid { part } if part == REPEATED => missing("a member that comes twice"),
            _ => error,
        })?;
        // Pages navigate to some of these URLs, and errors name the others.
        if response.secrets.are_in(text) {
            return Err(missing("an address that holds a secret"));
        }
        ServerMetadata::parse(&document, expected, &response.secrets)
    }
}

/// The failures of the URLs that were tried so far.
#[derive(Debug, Default)]
pub struct Failures(Option<Error>);

impl Failures {
    /// Records a failure after which the next URL is tried: nothing is found at the URL, or something other than metadata, or
    /// there is no response (to a page, a 404 without CORS headers looks like that).
    ///
    /// # Errors
    ///
    /// Every other failure ends the search: invalid metadata, and a server that exists but cannot respond at the moment.
    pub fn add(&mut self, failure: Error) -> Result<()> {
        let new = telling(&failure);
        if new == 0 {
            return Err(failure);
        }
        let known = self.0.as_ref().map_or(0, telling);
        if new > known {
            self.0 = Some(failure);
        }
        Ok(())
    }

    /// The most informative failure, when no URL is left.
    pub fn into_error(self, issuer: &str) -> Error {
        self.0.unwrap_or_else(|| Kind::DiscoveryFailed { url: issuer.into() }.into())
    }
}

/// How informative the failure of one URL is; 0 if it ends the search.
fn telling(failure: &Error) -> u8 {
    match failure.kind() {
        Kind::NotJson { .. } => 4,
        // If `url` is one of the tried URLs, the server responded with an unexpected status. If it is the issuer, nothing was
        // found.
        Kind::DiscoveryFailed { url } if url.contains(WELL_KNOWN) => 3,
        Kind::Network { .. } => 2,
        Kind::DiscoveryFailed { .. } => 1,
        _ => 0,
    }
}
