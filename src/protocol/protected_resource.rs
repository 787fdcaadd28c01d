//! Protected resources (RFC 9728): from an API that the app has never heard of to the authorization server that it trusts.
//!
//! ```text
//! request without a token ─▶ 401 ─▶ Challenge ─▶ metadata of the resource ─▶ an authorization server ─▶ registration ─▶ sign-in
//!                                     └─ unreadable: the well-known addresses ─┘
//! ```
//!
//! A resource can name any server, also one that other APIs of the user trust. Therefore the tokens are requested for this resource
//! alone (RFC 8707), by a client of its own, and a token that shows another audience is not used.

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::base64url;
use super::config::{Config, scope};
use super::error::{Error, Kind, Result};
use super::form;
use super::http::{HttpRequest, HttpResponse, Method};
use super::json::{IfText, Value};
use super::jwt::MAX_JWT;
use super::list::{cut, items};
use super::metadata::{ServerMetadata, acceptable};
use super::secret::Secret;
use super::trace::Step;
use super::url::{Loopback, Url};

/// RFC 9728 §3.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// Maximum number of authorization servers; more than any honest resource trusts.
const MAX_SERVERS: usize = 100;

/// Maximum length in bytes of a scope that a resource asks for, since it becomes a part of a URL.
const MAX_SCOPE: usize = 2000;

/// The parameter of the redirect page that distinguishes the responses for one resource from all others. The page's code removes
/// it from the address.
pub(crate) const PARAMETER: &str = "valet-key";

/// Who has named the authorization server of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedBy {
    /// The app.
    App,
    /// The resource itself, in its metadata.
    Resource,
}

/// The API to which the app connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    url: Url,
    /// Who has named its authorization server.
    pub server_named_by: NamedBy,
}

impl Resource {
    /// Parses the address of an API: an origin with a plain path.
    ///
    /// # Errors
    ///
    /// [`Kind::Config`] for any other address.
    pub fn parse(text: &str, loopback: Loopback, server_named_by: NamedBy) -> Result<Self> {
        let url = Url::parse(text, loopback).ok_or_else(|| {
            Error::config(
                "resource",
                "not an https URL",
                "Call `connect` with the `https` address of the API; for one on this device, set `allowLoopbackHttp: true`.",
            )
        })?;
        if !url.is_canonical() || !url.rest().is_empty() || text.contains('*') {
            return Err(Error::config(
                "resource",
                "not an origin with a plain path",
                "Leave out query, `#`, `*` and `..`, as in `https://mcp.example.com/mcp`.",
            ));
        }
        Ok(Self { url, server_named_by })
    }

    /// The identifier of the resource (RFC 8707 §2, RFC 9728 §1.2). A resource with an empty path has no slash at its end.
    pub fn identifier(&self) -> &str {
        if self.url.path() == "/" { self.url.origin() } else { self.url.as_str() }
    }

    /// The host of the resource, with the port.
    pub(super) fn host(&self) -> &str {
        items(self.url.origin(), b'/').last().unwrap_or_default()
    }

    /// The request that a resource refuses with a challenge. It has no body, and its response should have none: a `GET` may open a
    /// stream of events.
    pub fn probe(&self) -> HttpRequest {
        HttpRequest { method: Method::Head, ..HttpRequest::get(Step::ResourceMetadata, self.url.as_str().into()) }
    }

    /// Where the metadata of the resource are, in order: at the address in the challenge or, without one, at the well-known addresses
    /// of the resource and of its origin (RFC 9728 §3.1).
    ///
    /// # Errors
    ///
    /// [`Kind::UrlRejected`] for an address in the challenge that is not acceptable.
    pub fn metadata_addresses(&self, challenge: &Challenge, loopback: Loopback) -> Result<Vec<String>> {
        if let Some(address) = &challenge.resource_metadata {
            let url = acceptable(address, loopback).filter(|url| self.may_lead_to(url));
            let url = url.ok_or_else(|| Error::from(Kind::UrlRejected { member: "resource_metadata".into() }))?;
            return Ok(vec![url.as_str().into()]);
        }
        let at_root = [self.url.origin(), WELL_KNOWN].concat();
        if self.url.path() == "/" {
            return Ok(vec![at_root]);
        }
        Ok(vec![[at_root.as_str(), self.url.path()].concat(), at_root])
    }

    /// Whether the metadata of this resource may name this URL. A public API must not make the browser ask servers of the user's own
    /// network (RFC 9728 §7.7).
    pub fn may_lead_to(&self, url: &Url) -> bool {
        self.url.is_internal() || !url.is_internal()
    }

    /// Reads the metadata of the resource (RFC 9728 §3.2).
    ///
    /// # Errors
    ///
    /// [`Kind::NoResourceMetadata`] for a status that is neither 2xx, 429 nor 5xx; [`Kind::OtherResource`] for the metadata of another
    /// resource (§3.3); [`Kind::MetadataInvalid`] and [`Kind::UrlRejected`] name the member; those of [`HttpResponse::text`] and
    /// [`HttpResponse::json`].
    pub fn metadata_from(
        &self,
        response: &HttpResponse,
        challenge: &Challenge,
        loopback: Loopback,
    ) -> Result<ResourceMetadata> {
        if !response.is_ok() && response.status != 429 && response.status < 500 {
            return Err(self.without_metadata());
        }
        let value = response.json(response.text()?)?;
        let malformed = |member: &str| Error::from(Kind::MetadataInvalid { member: member.into() });
        let members: Members<'_> = value.read().map_err(|mismatch| malformed(mismatch.member))?;
        let resource = members.resource.ok_or_else(|| malformed("resource"))?;
        if resource != self.identifier() && resource != self.url.as_str() {
            let received = response.secrets.quote(resource);
            return Err(Kind::OtherResource { expected: self.identifier().into(), received }.into());
        }
        let servers = members.authorization_servers.filter(|list| (1..=MAX_SERVERS).contains(&list.len()));
        let servers = servers.ok_or_else(|| malformed("authorization_servers"))?;
        let is_issuer =
            |text: &&str| Url::parse(text, loopback).is_some_and(|url| url.rest().is_empty() && self.may_lead_to(&url));
        let issuers: Vec<String> = servers.into_iter().filter(is_issuer).map(Into::into).collect();
        if issuers.is_empty() {
            return Err(Kind::UrlRejected { member: "authorization_servers".into() }.into());
        }
        let mut wanted = challenge.scope.clone().unwrap_or_default();
        if challenge.scope.is_none() {
            for value in members.scopes_supported.unwrap_or_default().iter().filter_map(|value| value.0) {
                wanted.push(' ');
                wanted.push_str(value);
                if wanted.len() > MAX_SCOPE {
                    break;
                }
            }
        }
        let is_short = wanted.len() <= MAX_SCOPE;
        let wanted = Some(wanted).filter(|_| is_short).and_then(|wanted| scope(&wanted, false).ok());
        Ok(ResourceMetadata { issuers, scope: wanted.unwrap_or_default() })
    }

    /// The error for a resource that publishes no metadata, as far as a page can see.
    #[cold]
    pub fn without_metadata(&self) -> Error {
        Kind::NoResourceMetadata { url: self.identifier().into() }.into()
    }

    /// Checks that an access token is for this resource, if it shows its audience (RFC 9068 §2.2). Besides the resource, the token may
    /// be for the server that issued it: its issuer, and its UserInfo endpoint. The token comes from that server, so its signature does
    /// not matter here.
    ///
    /// # Errors
    ///
    /// [`Kind::WrongAudience`] for a token that another API would accept as well, and for a JWT that cannot be read.
    pub fn check_audience(&self, access_token: &Secret, metadata: &ServerMetadata) -> Result<()> {
        let wrong = || Err(Kind::WrongAudience { resource: self.identifier().into() }.into());
        let Some(payload) = payload_of(access_token.expose()) else { return Ok(()) };
        let Ok(claims @ Value::Object(_)) = Value::parse(&payload) else { return wrong() };
        let Some(audience) = claims.get("aud").filter(|audience| **audience != Value::Null) else { return Ok(()) };
        let issuer = Url::parse(&metadata.issuer, Loopback::Allowed);
        let is_issuer = |url: &Url| issuer.as_ref() == Some(url) || metadata.userinfo_endpoint.as_ref() == Some(url);
        let mut is_meant = false;
        let mut is_other = false;
        for one in audience.as_array().unwrap_or(core::slice::from_ref(audience)) {
            match one.as_str().and_then(|text| Url::parse(text, Loopback::Allowed)) {
                Some(url) if self.is_within(&url) => is_meant = true,
                Some(url) if is_issuer(&url) => {}
                _ => is_other = true,
            }
        }
        if is_meant && !is_other { Ok(()) } else { wrong() }
    }

    /// Whether this resource is, or is a part of, what a URL stands for.
    fn is_within(&self, whole: &Url) -> bool {
        let folder = whole.path().strip_suffix('/').unwrap_or(whole.path());
        let below = self.url.path().strip_prefix(folder);
        self.url.origin() == whole.origin()
            && whole.rest().is_empty()
            && below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
    }
}

/// The payload of a token that has the form of a JWT, empty if it cannot be read; `None` for any other text.
fn payload_of(token: &str) -> Option<String> {
    let text = |part: &str| base64url::decode(part).and_then(|bytes| String::from_utf8(bytes).ok());
    let mut parts = items(token, b'.');
    let (header, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || !text(header)?.starts_with('{') {
        return None;
    }
    Some(text(payload).filter(|_| token.len() <= MAX_JWT).unwrap_or_default())
}

/// The redirect page of a client, if the app has not named one and the resource has named the server: `page` with a parameter that only
/// the clients of this resource at this issuer have. A server that leads the user to another server then does not get the response of
/// that one, unless it has registered the page there (RFC 9700 §4.4.2.2). A client that is known by a metadata document has the pages
/// that the document lists.
pub fn own_page(config: &Config, issuer: &str, client_id: &str, page: &str) -> Option<String> {
    let resource = config.found_by().filter(|_| !is_document(client_id))?;
    let name = base64url::encode(&Sha256::digest([resource.identifier(), " ", issuer].concat()));
    let mut uri = [page, if cut(page, b'?').1.is_some() { "&" } else { "?" }].concat();
    form::append(&mut uri, PARAMETER, name.get(..16).unwrap_or_default());
    Some(uri)
}

/// Whether a client ID is the address of a metadata document (Client ID Metadata Document draft §3).
pub(crate) fn is_document(client_id: &str) -> bool {
    client_id.starts_with("https://") || client_id.starts_with("http://")
}

/// What a client needs of the metadata of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceMetadata {
    /// The issuers of the authorization servers that it trusts, the preferred one first.
    pub issuers: Vec<String>,
    /// The scope that it asks for; empty if it does not say.
    pub scope: String,
}

/// The members that are read.
#[derive(Deserialize)]
struct Members<'a> {
    resource: Option<&'a str>,
    #[serde(borrow)]
    authorization_servers: Option<Vec<&'a str>>,
    scopes_supported: Option<Vec<IfText<'a>>>,
}

/// What a resource says when it refuses a request: `WWW-Authenticate` (RFC 6750 §3, RFC 9728 §5.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    /// The address of its metadata.
    pub resource_metadata: Option<String>,
    /// The scope that the request needs.
    pub scope: Option<String>,
    /// What each of the challenges says.
    pub reasons: Vec<Reason>,
    /// Whether there is a challenge for a token that is bound to a key (RFC 9449 §7.1).
    pub takes_dpop: bool,
}

/// Why a request was refused, in one challenge for a token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reason {
    /// Whether the challenge is for a token that is bound to a key.
    pub is_dpop: bool,
    /// The error code.
    pub error: Option<String>,
    /// The scope that the request needs.
    pub scope: Option<String>,
    /// The authentication contexts that the request needs, separated by spaces (RFC 9470 §3).
    pub acr_values: Option<String>,
    /// The age of the authentication that the request needs, in seconds (RFC 9470 §3).
    pub max_age: Option<String>,
}

impl Challenge {
    /// Reads the challenges for a `Bearer` or `DPoP` token from a header, in which there may be others (RFC 9110 §11.6.1). The first
    /// value of each parameter counts.
    pub fn parse(header: &str) -> Self {
        let mut challenge = Self::default();
        let mut is_for_token = false;
        let mut rest = header;
        loop {
            let (name, after) = split(split(rest, |byte| matches!(byte, b' ' | b'\t' | b',')).1, is_tchar);
            if name.is_empty() {
                // Not the form of a challenge: what comes after the next comma may be one.
                let (_, Some(next)) = cut(after, b',') else { break };
                rest = next;
                continue;
            }
            let value = split(after, is_space).1.strip_prefix('=').filter(|value| !value.starts_with('='));
            let Some(value) = value else {
                let is_dpop = name.eq_ignore_ascii_case("dpop");
                challenge.takes_dpop |= is_dpop;
                is_for_token = is_dpop || name.eq_ignore_ascii_case("bearer");
                if is_for_token {
                    challenge.reasons.push(Reason { is_dpop, ..Reason::default() });
                }
                rest = after;
                continue;
            };
            let Some((value, next)) = read_value(split(value, is_space).1) else { break };
            let reason = challenge.reasons.last_mut().filter(|_| is_for_token);
            let part = reason.and_then(|reason| match () {
                () if name.eq_ignore_ascii_case("error") => Some(&mut reason.error),
                () if name.eq_ignore_ascii_case("scope") => Some(&mut reason.scope),
                () if name.eq_ignore_ascii_case("acr_values") => Some(&mut reason.acr_values),
                () if name.eq_ignore_ascii_case("max_age") => Some(&mut reason.max_age),
                () => None,
            });
            if let Some(part) = part {
                part.get_or_insert_with(|| value.clone());
            }
            let slot = match () {
                () if !is_for_token => None,
                () if name.eq_ignore_ascii_case("resource_metadata") => Some(&mut challenge.resource_metadata),
                () if name.eq_ignore_ascii_case("scope") => Some(&mut challenge.scope),
                () => None,
            };
            if let Some(slot) = slot {
                slot.get_or_insert(value);
            }
            rest = next;
        }
        challenge
    }
}

/// A character of a token (RFC 9110 §5.6.2).
fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The value of a parameter, a token or a quoted string (RFC 9110 §5.6.4), and the text after it. `None` for a string without an end.
fn read_value(text: &str) -> Option<(String, &str)> {
    let Some(mut rest) = text.strip_prefix('"') else {
        let (value, rest) = split(text, |byte| byte != b',' && !is_space(byte));
        return Some((value.into(), rest));
    };
    let mut value = String::new();
    loop {
        let (plain, after) = split(rest, |byte| byte != b'"' && byte != b'\\');
        value.push_str(plain);
        let mut characters = after.chars();
        if characters.next()? == '"' {
            return Some((value, characters.as_str()));
        }
        value.push(characters.next()?);
        rest = characters.as_str();
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The bytes at the beginning of a text that have a property, and the rest.
fn split(text: &str, has: impl Fn(u8) -> bool) -> (&str, &str) {
    let end = text.bytes().position(|byte| !has(byte)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}
