//! Requests that the protocol wants sent, and the answers it gets to read.

use core::fmt;
use std::sync::Arc;

use serde::Deserialize;

use super::error::{Error, OAuthError};
use super::foreign::{Secrets, is_plain};
use super::json::{Flaw, IfText, Value};
use super::list::cut;
use super::secret::Secret;
use super::url::{Loopback, Url};

/// Larger than any honest metadata, key set or token response.
pub const MAX_RESPONSE: usize = 1 << 20;

/// A longer address of a page about an error is left out: cut short, it would lead elsewhere.
const MAX_LINK: usize = 1000;

/// What a message says of an object that has a member twice.
pub(super) const REPEATED: &str = "member, which comes twice,";

/// The method, with a body where there is one.
#[derive(Clone, Debug)]
pub enum Method {
    /// `GET`
    Get,
    /// `POST` of a form (RFC 6749 appendix B). It holds credentials.
    Post(Secret),
}

/// What the browser's HTTP cache has to do with a request (Fetch §2.2.5, "cache mode"). A page's scripts cannot write
/// into it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cache {
    /// Nothing.
    #[default]
    NoStore,
    /// The response is stored; a stored one is used if the server says that it still holds.
    NoCache,
    /// A stored response is used, whatever its age.
    ForceCache,
    /// The response is stored; a stored one is not used.
    Reload,
}

/// A request to the authorization server. It is sent without cookies, and no redirect is followed.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// Where to.
    pub url: String,
    /// How.
    pub method: Method,
    /// The `Authorization` header, where there is one.
    pub authorization: Option<Secret>,
    /// What the HTTP cache has to do with it.
    pub cache: Cache,
    /// What it tells the server, and the response must not tell a page.
    pub secrets: Secrets,
}

impl HttpRequest {
    /// Asks for what is at a URL.
    pub fn get(url: String) -> Self {
        Self { url, method: Method::Get, authorization: None, cache: Cache::NoStore, secrets: Secrets::default() }
    }

    /// Sends a form with secrets in it.
    pub fn post(url: String, form: Secret, secrets: Secrets) -> Self {
        Self { method: Method::Post(form), secrets, ..Self::get(url) }
    }
}

/// An answer, read to its end.
#[derive(Clone)]
pub struct HttpResponse {
    /// The URL that was asked.
    pub url: String,
    /// The status code; 0 where a browser was told not to follow a redirect.
    pub status: u16,
    /// `Content-Type`, as sent; empty if absent or hidden.
    pub content_type: String,
    /// `Retry-After` in seconds, if it is there and a number.
    pub retry_after: Option<u32>,
    /// The bytes.
    pub body: Vec<u8>,
    /// What the server knows and its text must not tell a page. A host leaves it empty.
    pub secrets: Secrets,
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponse").field("url", &self.url).field("status", &self.status).finish_non_exhaustive()
    }
}

impl HttpResponse {
    /// Whether the status is 2xx.
    pub fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The text of a JSON answer, or of a JWT, which nobody takes for JSON; its `Content-Type` must say that it is one.
    ///
    /// # Errors
    ///
    /// [`Error::ServerUnavailable`] for 429 and 5xx, [`Error::Network`] for a redirect, [`Error::TooLarge`],
    /// [`Error::NotJson`], [`Error::ResponseInvalid`] for a text that is not UTF-8.
    pub fn text(&self) -> Result<&str, Arc<Error>> {
        if self.status < 200 || (300..400).contains(&self.status) {
            return Err(Error::Network { url: self.url.clone() }.into());
        }
        if self.status == 429 || self.status >= 500 {
            let Self { status, retry_after, .. } = *self;
            return Err(Error::ServerUnavailable { url: self.url.clone(), status, retry_after }.into());
        }
        if self.body.len() > MAX_RESPONSE {
            return Err(Error::TooLarge { part: "answer" }.into());
        }
        let media_type = cut(&self.content_type, b';').0.trim_ascii();
        let (kind, subtype) = cut(media_type, b'/');
        let subtype = subtype.unwrap_or_default();
        let suffix = subtype.get(subtype.len().saturating_sub(5)..).unwrap_or_default();
        let is_json = [("json", subtype), ("jwt", subtype), ("+json", suffix)];
        if !kind.eq_ignore_ascii_case("application") || !is_json.iter().any(|(one, it)| it.eq_ignore_ascii_case(one)) {
            return Err(self.not_json());
        }
        core::str::from_utf8(&self.body).map_err(|_| Error::ResponseInvalid { part: "encoding".into() }.into())
    }

    /// Reads the text as one JSON object.
    ///
    /// # Errors
    ///
    /// Those of [`HttpResponse::text`] for the text itself, and [`Error::ResponseInvalid`] for nesting, encoding, a
    /// repeated member, or a value that is no object.
    pub fn json<'a>(&self, text: &'a str) -> Result<Value<'a>, Arc<Error>> {
        match Value::parse(text) {
            Ok(value @ Value::Object(_)) => Ok(value),
            Ok(_) => Err(Error::ResponseInvalid { part: "JSON object".into() }.into()),
            Err(Flaw::Syntax) => Err(self.not_json()),
            Err(Flaw::Excess) => Err(Error::ResponseInvalid { part: "nesting".into() }.into()),
            Err(Flaw::Encoding) => Err(Error::ResponseInvalid { part: "encoding".into() }.into()),
            Err(Flaw::Repeated) => Err(Error::ResponseInvalid { part: REPEATED.into() }.into()),
        }
    }

    #[cold]
    fn not_json(&self) -> Arc<Error> {
        Error::NotJson { url: self.url.clone(), content_type: self.secrets.quote(&self.content_type) }.into()
    }
}

/// The `error` of a JSON object, whatever the status (RFC 6749 §5.2; some servers send it with a 200).
///
/// # Errors
///
/// [`Error::ResponseInvalid`] if `error` is there and not a code, or if it is absent though the status demands one.
pub(super) fn oauth_error_of(
    is_ok: bool,
    response: &Value<'_>,
    secrets: &Secrets,
) -> Result<Option<OAuthError>, Arc<Error>> {
    let invalid = || Error::ResponseInvalid { part: "`error`".into() };
    let Refusal { error, error_description, error_uri } = response.read().map_err(|_| invalid())?;
    match error {
        None if is_ok => Ok(None),
        Some(IfText(Some(code))) if is_plain(code) => {
            Ok(Some(oauth_error(secrets, code, error_description.0, error_uri.0)))
        }
        _ => Err(invalid().into()),
    }
}

/// An error response (RFC 6749 §5.2).
#[derive(Deserialize)]
struct Refusal<'a> {
    #[serde(borrow)]
    error: Option<IfText<'a>>,
    error_description: IfText<'a>,
    error_uri: IfText<'a>,
}

/// Puts together what a server said; a URI that a page should not link to is left out.
pub(super) fn oauth_error(secrets: &Secrets, error: &str, description: Option<&str>, uri: Option<&str>) -> OAuthError {
    let is_link = |uri: &&str| uri.len() <= MAX_LINK && Url::parse(uri, Loopback::Refused).is_some();
    OAuthError {
        error: secrets.quote(error),
        error_description: description.map(|text| secrets.quote(text)),
        error_uri: uri.filter(is_link).map(|uri| secrets.quote(uri)),
    }
}
