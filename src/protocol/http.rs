//! The requests that the protocol wants to send, and the responses that it reads.

use core::fmt;
use serde::Deserialize;

use super::error::{Error, Kind, OAuthError, Result};
use super::foreign::{Secrets, is_plain};
use super::json::{Flaw, IfText, Value};
use super::list::cut;
use super::secret::Secret;
use super::trace::Step;
use super::url::{Loopback, Url};

/// Maximum size of a response in bytes; larger than any honest metadata, key set or token response.
pub const MAX_RESPONSE: usize = 1 << 20;

/// Maximum length of an `error_uri` in bytes. A longer one is left out, because a truncated URL would lead elsewhere.
const MAX_LINK: usize = 1000;

/// The words of a message about an object that has the same member twice.
pub(super) const REPEATED: &str = "member, which comes twice,";

/// The method, with the body if there is one.
#[derive(Clone, Debug)]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST` of a form (RFC 6749 appendix B), which contains credentials.
    Post(Secret),
    /// `POST` of a JSON object (RFC 7591 §3.1).
    PostJson(Secret),
}

/// How a request uses the browser's HTTP cache (Fetch §2.2.5, "cache mode"). A page's scripts cannot write to that cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cache {
    /// The cache is not used.
    #[default]
    NoStore,
    /// The response is stored. An earlier stored response is used if the server confirms that it is still valid.
    NoCache,
    /// A stored response is used, whatever its age.
    ForceCache,
    /// The response is stored. An earlier stored response is not used.
    Reload,
}

/// A request to the authorization server. It is sent without cookies, and no redirect is followed.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// The step of the flow that this request is.
    pub step: Step,
    /// The URL of the request.
    pub url: String,
    /// The method and the body.
    pub method: Method,
    /// The `Authorization` header, if there is one.
    pub authorization: Option<Secret>,
    /// The `DPoP` header, if there is one (RFC 9449 §4.1).
    pub proof: Option<Secret>,
    /// How the request uses the HTTP cache.
    pub cache: Cache,
    /// The secrets in the request, which the response must not reveal to a page.
    pub secrets: Secrets,
}

impl HttpRequest {
    /// Creates a `GET` request.
    pub fn get(step: Step, url: String) -> Self {
        let (authorization, proof, cache) = (None, None, Cache::NoStore);
        Self { step, url, method: Method::Get, authorization, proof, cache, secrets: Secrets::default() }
    }

    /// Creates a `POST` request with a form that contains secrets.
    pub fn post(step: Step, url: String, form: Secret, secrets: Secrets) -> Self {
        Self { method: Method::Post(form), secrets, ..Self::get(step, url) }
    }
}

/// A response with its complete body.
#[derive(Clone)]
pub struct HttpResponse {
    /// The URL of the request.
    pub url: String,
    /// The status code; 0 for a redirect that the browser was told not to follow.
    pub status: u16,
    /// `Content-Type` as sent; empty if it is absent or cannot be read.
    pub content_type: String,
    /// `WWW-Authenticate` as sent; empty if it is absent or cannot be read.
    pub challenge: String,
    /// `DPoP-Nonce` as sent; empty if it is absent or cannot be read.
    pub dpop_nonce: String,
    /// `Date`, in milliseconds since 1970; absent if it cannot be read.
    pub date: Option<i64>,
    /// `Retry-After` in seconds, if it is present and a number.
    pub retry_after: Option<u32>,
    /// The bytes of the body.
    pub body: Vec<u8>,
    /// The secrets that the server knows and that its text must not reveal to a page. A host leaves this empty.
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

    /// The text of a response whose `Content-Type` is JSON or JWT. A JWT cannot be mistaken for JSON.
    ///
    /// # Errors
    ///
    /// [`Kind::ServerUnavailable`] for 429 and 5xx, [`Kind::Network`] for a redirect, [`Kind::TooLarge`],
    /// [`Kind::NotJson`], [`Kind::ResponseInvalid`] for a text that is not UTF-8.
    pub fn text(&self) -> Result<&str> {
        if self.status < 200 || (300..400).contains(&self.status) {
            return Err(Kind::Network { url: self.url.clone() }.into());
        }
        if self.status == 429 || self.status >= 500 {
            let Self { status, retry_after, .. } = *self;
            return Err(Kind::ServerUnavailable { url: self.url.clone(), status, retry_after }.into());
        }
        if self.body.len() > MAX_RESPONSE {
            return Err(Kind::TooLarge { part: "response" }.into());
        }
        let media_type = cut(&self.content_type, b';').0.trim_ascii();
        let (kind, subtype) = cut(media_type, b'/');
        let subtype = subtype.unwrap_or_default();
        let suffix = subtype.get(subtype.len().saturating_sub(5)..).unwrap_or_default();
        let is_json = [("json", subtype), ("jwt", subtype), ("+json", suffix)];
        if !kind.eq_ignore_ascii_case("application") || !is_json.iter().any(|(one, it)| it.eq_ignore_ascii_case(one)) {
            return Err(self.not_json());
        }
        core::str::from_utf8(&self.body).map_err(|_| Kind::ResponseInvalid { part: "encoding".into() }.into())
    }

    /// Whether the server says that it does not know the client, or does not accept its authentication (RFC 6749 §5.2).
    pub fn refuses_client(&self) -> bool {
        let is_refusal = matches!(self.status, 400 | 401);
        let value = self.text().ok().filter(|_| is_refusal).and_then(|text| Value::parse(text).ok());
        value.is_some_and(|value| value.get("error").and_then(Value::as_str) == Some("invalid_client"))
    }

    /// Parses the text as one JSON object.
    ///
    /// # Errors
    ///
    /// [`Kind::NotJson`] for a syntax error, and [`Kind::ResponseInvalid`] for nesting that is too deep, invalid encoding, a
    /// repeated member, or a value that is not an object.
    pub fn json<'a>(&self, text: &'a str) -> Result<Value<'a>> {
        match Value::parse(text) {
            Ok(value @ Value::Object(_)) => Ok(value),
            Ok(_) => Err(Kind::ResponseInvalid { part: "JSON object".into() }.into()),
            Err(Flaw::Syntax) => Err(self.not_json()),
            Err(Flaw::Excess) => Err(Kind::ResponseInvalid { part: "nesting".into() }.into()),
            Err(Flaw::Encoding) => Err(Kind::ResponseInvalid { part: "encoding".into() }.into()),
            Err(Flaw::Repeated) => Err(Kind::ResponseInvalid { part: REPEATED.into() }.into()),
        }
    }

    #[cold]
    fn not_json(&self) -> Error {
        Kind::NotJson { url: self.url.clone(), content_type: self.secrets.quote(&self.content_type) }.into()
    }
}

/// Reads the `error` of a JSON object, whatever the status (RFC 6749 §5.2; some servers send it with a 200).
///
/// # Errors
///
/// [`Kind::ResponseInvalid`] if `error` is present but not a code, or if it is absent although the status requires one.
pub(super) fn oauth_error_of(is_ok: bool, response: &Value<'_>, secrets: &Secrets) -> Result<Option<OAuthError>> {
    let invalid = || Kind::ResponseInvalid { part: "`error`".into() };
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

/// Builds the error that a server reported. A URI that a page should not link to is left out.
pub(super) fn oauth_error(secrets: &Secrets, error: &str, description: Option<&str>, uri: Option<&str>) -> OAuthError {
    let is_link = |uri: &&str| uri.len() <= MAX_LINK && Url::parse(uri, Loopback::Refused).is_some();
    OAuthError {
        error: secrets.quote(error),
        error_description: description.map(|text| secrets.quote(text)),
        error_uri: uri.filter(is_link).map(|uri| secrets.quote(uri)),
    }
}
