//! How a socket (RFC 6455) carries an access token: with its opening handshake, a browser sends no header of an app.

use serde::{Deserialize, Serialize};

use super::error::{Error, Kind, Result, WITH_BOUND_SOCKET, WITH_ODD_TOKEN};
use super::json::to_string;
use super::list::cut;
use super::resource::blocked;
use super::secret::Secret;

/// Stands for the token in the app's options.
const PLACEHOLDER: &str = "{token}";

/// How an API takes the token of a socket: the member `socket` of an entry of the app's list. One of the two is set.
///
/// This is part of the options, and not of a call: a script that could choose the first message could send the token to another user of
/// the API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct SocketToken<'a> {
    /// A subprotocol (RFC 6455 §11.3.4) with `{token}` in the place of the token, such as `bearer.{token}`.
    pub protocol: Option<&'a str>,
    /// The first message, with `{token}` in the place of the token, such as `{"type":"auth","token":"{token}"}`.
    pub message: Option<&'a str>,
}

/// A checked [`SocketToken`]. The texts are those before and after the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carrier {
    is_protocol: bool,
    before: String,
    after: String,
}

impl Carrier {
    /// Checks how an API takes the token.
    ///
    /// # Errors
    ///
    /// [`Kind::Config`] unless exactly one of the two is set, with `{token}` exactly once, and for a character that no subprotocol may
    /// have.
    pub fn parse(token: SocketToken<'_>) -> Result<Self> {
        let (text, is_protocol) = match token {
            SocketToken { protocol: Some(text), message: None } => (text, true),
            SocketToken { protocol: None, message: Some(text) } => (text, false),
            _ => {
                return Err(Error::config(
                    "socket",
                    "not one of `protocol` and `message`",
                    "Write how the API takes the token, such as `socket: { protocol: 'bearer.{token}' }`.",
                ));
            }
        };
        let Some((before, after)) = parts(text).filter(|(_, after)| parts(after).is_none()) else {
            return Err(Error::config(
                "socket",
                "does not contain `{token}` exactly once",
                "Write `{token}` where the API expects the token.",
            ));
        };
        if is_protocol && !(is_token(before) && is_token(after)) {
            return Err(Error::config(
                "socket",
                "a character that no subprotocol may have",
                "Use letters, digits, `.`, `-` and `_`, or let the API take the token in the first message.",
            ));
        }
        Ok(Self { is_protocol, before: before.into(), after: after.into() })
    }

    /// What a socket with this token is opened with.
    ///
    /// # Errors
    ///
    /// [`Kind::Unsupported`] for a token that no subprotocol may contain.
    pub fn open(&self, token: &Secret) -> Result<Opening> {
        if self.is_protocol && !is_token(token.expose()) {
            return Err(Kind::Unsupported { feature: WITH_ODD_TOKEN }.into());
        }
        let text = Secret::new([&*self.before, token.expose(), &self.after].concat());
        let (protocol, message) = if self.is_protocol { (Some(text), None) } else { (None, Some(text)) };
        Ok(Opening { protocol, message, sub: String::new() })
    }
}

/// What a socket is opened with.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The subprotocol with the token, to be asked for after those of the app.
    pub protocol: Option<Secret>,
    /// The first message, to be sent when the socket is open.
    pub message: Option<Secret>,
    /// The user whose token it is; empty without OpenID Connect. The socket has to be closed when the session of this user ends.
    pub sub: String,
}

impl Opening {
    /// The same as JSON, for the worker. No page may receive it.
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Exposed<'a> {
            protocol: Option<&'a str>,
            message: Option<&'a str>,
            sub: &'a str,
        }
        let Self { protocol, message, sub } = self;
        let (protocol, message) = (protocol.as_ref().map(Secret::expose), message.as_ref().map(Secret::expose));
        to_string(&Exposed { protocol, message, sub })
    }
}

/// The texts before and after the first place of the token.
fn parts(text: &str) -> Option<(&str, &str)> {
    let at = text.as_bytes().windows(PLACEHOLDER.len()).position(|piece| piece == PLACEHOLDER.as_bytes())?;
    Some((text.get(..at)?, text.get(at + PLACEHOLDER.len()..)?))
}

/// The URL of a socket as one of a request, which the API list can be asked about (RFC 6455 §3).
///
/// # Errors
///
/// [`Kind::RequestBlocked`] for any other URL.
pub fn request_url(url: &str) -> Result<String> {
    let (scheme, rest) = cut(url, b':');
    let scheme = match scheme {
        "wss" => "https:",
        "ws" => "http:",
        _ => return Err(blocked("the address is not one of a socket", "Use a `wss` address.")),
    };
    Ok([scheme, rest.unwrap_or_default()].concat())
}

/// The error for a token that is bound to a key.
#[cold]
pub fn bound() -> Error {
    Kind::Unsupported { feature: WITH_BOUND_SOCKET }.into()
}

/// Whether a subprotocol may contain this text: characters of a token (RFC 6455 §4.1, RFC 9110 §5.6.2).
fn is_token(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
