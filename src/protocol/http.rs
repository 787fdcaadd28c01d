//! Requests that the protocol wants sent, and the answers it gets to read.

use core::fmt;
use std::sync::Arc;

use super::error::{Error, OAuthError, is_plain};
use super::json::{Flaw, Value};
use super::list::cut;
use super::secret::Secret;
use super::url::{Loopback, Url};

/// Larger than any honest metadata, key set or token response.
pub const MAX_RESPONSE: usize = 1 << 20;

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

/// A request to the authorization server. It is sent without cookies and caches, and no redirect is followed.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// Where to.
    pub url: String,
    /// How.
    pub method: Method,
    /// The `Authorization` header, where there is one.
    pub authorization: Option<Secret>,
}

impl HttpRequest {
    /// Asks for what is at a URL.
    pub fn get(url: String) -> Self {
        Self { url, method: Method::Get, authorization: None }
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
    /// The octets.
    pub body: Vec<u8>,
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

    /// The `error` of a JSON object, whatever the status (RFC 6749 §5.2; some servers send it with a 200).
    ///
    /// # Errors
    ///
    /// [`Error::ResponseInvalid`] if `error` is there and not a code, or if it is absent though the status demands one.
    pub fn oauth_error(&self, answer: &Value<'_>) -> Result<Option<OAuthError>, Arc<Error>> {
        match answer.get("error") {
            None if self.is_ok() => Ok(None),
            Some(error) => match error.as_str() {
                Some(code) if is_plain(code) => {
                    let said = |name| answer.get(name).and_then(Value::as_str);
                    Ok(Some(oauth_error(code, said("error_description"), said("error_uri"))))
                }
                _ => Err(Error::ResponseInvalid { part: "`error`".into() }.into()),
            },
            None => Err(Error::ResponseInvalid { part: "`error`".into() }.into()),
        }
    }

    #[cold]
    fn not_json(&self) -> Arc<Error> {
        Error::NotJson { url: self.url.clone(), content_type: self.content_type.clone() }.into()
    }
}

/// Puts together what a server said; a URI that a page should not link to is left out.
pub(super) fn oauth_error(error: &str, description: Option<&str>, uri: Option<&str>) -> OAuthError {
    OAuthError {
        error: error.into(),
        error_description: description.map(Into::into),
        error_uri: uri.filter(|uri| Url::parse(uri, Loopback::Refused).is_some()).map(Into::into),
    }
}
