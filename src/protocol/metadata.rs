//! Metadata of the authorization server (RFC 8414, OpenID Connect Discovery).

use std::sync::Arc;

use serde::Deserialize;

use super::config::Config;
use super::error::Error;
use super::foreign::Secrets;
use super::http::{Cache, HttpRequest, HttpResponse, REPEATED};
use super::json::{IfText, Value};
use super::jwt::Algorithms;
use super::list::cut;
use super::url::Url;

/// The part of the metadata that the client uses. Every [`Url`] in it is acceptable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerMetadata {
    /// Identical to the configured issuer; empty if only endpoints were given.
    pub issuer: String,
    /// RFC 6749 §3.1.
    pub authorization_endpoint: Url,
    /// RFC 6749 §3.2.
    pub token_endpoint: Url,
    /// RFC 8414 §2, OpenID Connect Discovery §3; always present for OpenID Connect.
    pub jwks_uri: Option<Url>,
    /// OpenID Connect Discovery §3.
    pub userinfo_endpoint: Option<Url>,
    /// The signature algorithms of ID Tokens that both the server (OpenID Connect Discovery §3) and this client support.
    pub algorithms: Algorithms,
    /// RFC 7009 §2. Kept as sent, and checked when it is used: an invalid URL must not prevent a sign-in.
    pub revocation_endpoint: Option<String>,
    /// RP-Initiated Logout §2.1. Kept as sent, like `revocation_endpoint`.
    pub end_session_endpoint: Option<String>,
    /// RFC 9207 §3.
    pub authorization_response_iss_parameter_supported: bool,
    /// RFC 9126 §5: every authorization request has to be pushed, which this client does not support yet.
    pub require_pushed_authorization_requests: bool,
}

/// RFC 8615 §3.
const WELL_KNOWN: &str = "/.well-known/";

/// The URLs at which metadata may be found, in order (RFC 8414 §3.1 and §5, OpenID Connect Discovery §4).
#[derive(Clone, Debug)]
pub struct Discovery {
    candidates: [String; 3],
}

impl Discovery {
    /// For OpenID Connect, the URL below the issuer's own path comes first; for plain OAuth 2, the one below the root.
    pub fn new(config: &Config) -> Self {
        let issuer = config.issuer.strip_suffix('/').unwrap_or(&config.issuer);
        // The third slash, after the two of `https://`, begins the path.
        let slashes = issuer.bytes().enumerate().filter(|(_, byte)| *byte == b'/');
        let third = slashes.map(|(at, _)| at).nth(2).unwrap_or(issuer.len());
        let (origin, path) = issuer.split_at_checked(third).unwrap_or((issuer, ""));
        let appended = [issuer, WELL_KNOWN, "openid-configuration"].concat();
        let oauth = [origin, WELL_KNOWN, "oauth-authorization-server", path].concat();
        let inserted = [origin, WELL_KNOWN, "openid-configuration", path].concat();
        Self { candidates: if config.openid { [appended, oauth, inserted] } else { [oauth, inserted, appended] } }
    }

    /// One request for each URL. They are sent one after another until a response contains metadata.
    pub fn requests(&self, cache: Cache) -> Vec<HttpRequest> {
        let mut requests: Vec<HttpRequest> = Vec::new();
        for url in &self.candidates {
            if !requests.iter().any(|earlier| earlier.url == *url) {
                requests.push(HttpRequest { cache, ..HttpRequest::get(url.clone()) });
            }
        }
        requests
    }

    /// Reads the response from one URL.
    ///
    /// # Errors
    ///
    /// [`Error::DiscoveryFailed`] for any status other than 2xx, 429 and 5xx; those of [`HttpResponse::text`],
    /// [`HttpResponse::json`] and [`ServerMetadata::parse`]. [`Failures`] decides after which of them the next URL is tried.
    pub fn from_response(config: &Config, response: &HttpResponse) -> Result<ServerMetadata, Arc<Error>> {
        if matches!(response.status, 404 | 405 | 410) {
            return Err(Error::DiscoveryFailed { url: config.issuer.clone() }.into());
        }
        let is_in_trouble = response.status == 429 || response.status >= 500;
        if !response.is_ok() && !is_in_trouble {
            return Err(Error::DiscoveryFailed { url: response.url.clone() }.into());
        }
        let text = response.text()?;
        let document = response.json(text).map_err(|error| match &*error {
            Error::ResponseInvalid { part } if part == REPEATED => missing("a member that comes twice"),
            _ => error,
        })?;
        // Pages navigate to some of these URLs, and errors name the others.
        if response.secrets.are_in(text) {
            return Err(missing("an address that holds a secret"));
        }
        ServerMetadata::parse(&document, config, &response.secrets)
    }
}

/// The failures of the URLs that were tried so far.
#[derive(Debug, Default)]
pub struct Failures(Option<Arc<Error>>);

impl Failures {
    /// Records a failure after which the next URL is tried: nothing is found at the URL, or something other than metadata, or
    /// there is no response (to a page, a 404 without CORS headers looks like that).
    ///
    /// # Errors
    ///
    /// Every other failure ends the search: invalid metadata, and a server that exists but cannot respond at the moment.
    pub fn add(&mut self, failure: Arc<Error>) -> Result<(), Arc<Error>> {
        let new = telling(&failure);
        if new == 0 {
            return Err(failure);
        }
        let known = self.0.as_ref().map_or(0, |known| telling(known));
        if new > known {
            self.0 = Some(failure);
        }
        Ok(())
    }

    /// The most informative failure, when no URL is left.
    pub fn into_error(self, config: &Config) -> Arc<Error> {
        self.0.unwrap_or_else(|| Error::DiscoveryFailed { url: config.issuer.clone() }.into())
    }
}

/// How informative the failure of one URL is; 0 if it ends the search.
fn telling(failure: &Error) -> u8 {
    match failure {
        Error::NotJson { .. } => 4,
        // If `url` is one of the tried URLs, the server responded with an unexpected status. If it is the issuer, nothing was
        // found.
        Error::DiscoveryFailed { url } if url.contains(WELL_KNOWN) => 3,
        Error::Network { .. } => 2,
        Error::DiscoveryFailed { .. } => 1,
        _ => 0,
    }
}

impl ServerMetadata {
    /// Checks metadata, whether fetched or given in the options. `secrets` are those of the exchange in which it arrived.
    ///
    /// # Errors
    ///
    /// [`Error::IssuerMismatch`] (RFC 8414 §3.3), [`Error::MetadataInvalid`], [`Error::UrlRejected`] for an endpoint that is
    /// not `https`, [`Error::Unsupported`] for a server that does not support S256, the code flow, or signatures with key
    /// pairs.
    pub fn parse(value: &Value<'_>, config: &Config, secrets: &Secrets) -> Result<Self, Arc<Error>> {
        let members: Members<'_> = value.read().map_err(|mismatch| missing(mismatch.member))?;
        let issuer = match members.issuer {
            Some(issuer) if issuer == config.issuer || config.issuer.is_empty() => issuer,
            Some(issuer) => {
                let (expected, received) = (config.issuer.clone(), secrets.quote(issuer));
                return Err(Error::IssuerMismatch { expected, received }.into());
            }
            None if config.issuer.is_empty() => "",
            None => return Err(missing("issuer")),
        };
        requires(members.response_types_supported, &["code"], "a server without the authorization code flow")?;
        requires(members.code_challenge_methods_supported, &["S256"], "a server without PKCE by S256")?;
        let algorithms = match members.id_token_signing_alg_values_supported.filter(|_| config.openid) {
            Some(list) => Algorithms::of(&list).ok_or(Error::Unsupported { feature: "its ID Tokens' algorithms" })?,
            None => Algorithms::ALL,
        };
        let endpoint = |member, text: Option<&str>| {
            let text = text.filter(is_there).ok_or_else(|| missing(member))?;
            acceptable(text, config).ok_or_else(|| Arc::new(Error::UrlRejected { member: member.into() }))
        };
        let jwks_uri = config.openid.then(|| endpoint("jwks_uri", members.jwks_uri.0)).transpose()?;
        let userinfo_endpoint = members.userinfo_endpoint.filter(is_there);
        let userinfo_endpoint = userinfo_endpoint.map(|text| endpoint("userinfo_endpoint", Some(text))).transpose()?;
        Ok(Self {
            issuer: issuer.into(),
            authorization_endpoint: endpoint("authorization_endpoint", members.authorization_endpoint)?,
            token_endpoint: endpoint("token_endpoint", members.token_endpoint)?,
            jwks_uri,
            userinfo_endpoint,
            algorithms,
            revocation_endpoint: members.revocation_endpoint.filter(is_there).map(Into::into),
            end_session_endpoint: members.end_session_endpoint.filter(is_there).map(Into::into),
            authorization_response_iss_parameter_supported: members.authorization_response_iss_parameter_supported
                == Some(true),
            require_pushed_authorization_requests: members.require_pushed_authorization_requests == Some(true),
        })
    }
}

/// The members that are read.
#[derive(Deserialize)]
struct Members<'a> {
    issuer: Option<&'a str>,
    authorization_endpoint: Option<&'a str>,
    token_endpoint: Option<&'a str>,
    #[serde(borrow)]
    jwks_uri: IfText<'a>,
    userinfo_endpoint: Option<&'a str>,
    revocation_endpoint: Option<&'a str>,
    end_session_endpoint: Option<&'a str>,
    response_types_supported: Option<Vec<IfText<'a>>>,
    code_challenge_methods_supported: Option<Vec<IfText<'a>>>,
    id_token_signing_alg_values_supported: Option<Vec<IfText<'a>>>,
    authorization_response_iss_parameter_supported: Option<bool>,
    require_pushed_authorization_requests: Option<bool>,
}

/// Some servers write `""` for an endpoint that they do not have.
fn is_there(address: &&str) -> bool {
    !address.is_empty()
}

#[cold]
fn missing(member: &str) -> Arc<Error> {
    Error::MetadataInvalid { member: member.into() }.into()
}

/// Parses an endpoint: `https`, no user information, no fragment (RFC 6749 §3.1 and §3.2).
pub(super) fn acceptable(text: &str, config: &Config) -> Option<Url> {
    Url::parse(text, config.loopback).filter(|url| cut(url.rest(), b'#').1.is_none())
}

/// Checks that a list, if it is present, contains one of the values. An absent list is accepted.
fn requires(list: Option<Vec<IfText<'_>>>, any: &[&str], feature: &'static str) -> Result<(), Arc<Error>> {
    let Some(items) = list else { return Ok(()) };
    let found = items.iter().any(|item| item.0.is_some_and(|text| any.contains(&text)));
    if found { Ok(()) } else { Err(Error::Unsupported { feature }.into()) }
}
