//! Tokens that are bound to a key: demonstrating proof of possession, `DPoP` (RFC 9449).
//!
//! The server writes the thumbprint of the key into the tokens. Each request with them has a proof: a JWT about this one request,
//! signed with the private half, which the host keeps. Tokens without the key are of no use to anyone.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::base64url;
use super::config::Config;
use super::error::{Error, Kind, Result};
use super::http::HttpResponse;
use super::json::{Value, to_string};
use super::list::cut;
use super::metadata::ServerMetadata;
use super::pkce::random_text;
use super::protected_resource::Challenge;
use super::public_key::{Coordinates, PublicKey};
use super::secret::Secret;
use super::url::{Loopback, Url};

/// Maximum length of a nonce in bytes; longer than any honest one.
const MAX_NONCE: usize = 2048;

/// Maximum number of remembered nonces; more servers than an honest app calls.
const MAX_SERVERS: usize = 64;

/// Milliseconds by which the clocks of this device and of a server may differ before the server is asked again with its own time.
const SKEW: i64 = 5_000;

/// Whether tokens are bound to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dpop {
    /// If the server's metadata say that it binds tokens.
    Auto,
    /// In any case: the server's metadata may say nothing about it.
    Required,
    /// Never.
    Off,
}

/// A flaw of tokens, or of a server, with which a bound token cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The server sent a token that is not bound (RFC 9449 §5).
    Unbound,
    /// The server demands a nonce in a header that a page cannot read (RFC 9449 §8, Fetch §3.3.3).
    HiddenNonce,
    /// The server refused the nonce that it has just sent.
    Nonce,
    /// An API refused the token, and a page can read none of the headers that say why.
    HiddenChallenge,
    /// The server refused a proof: usually the device's clock is wrong.
    Proof,
    /// The key of this sign-in or session is gone.
    KeyLost,
}

impl Flaw {
    /// What happened.
    pub fn message(self) -> &'static str {
        match self {
            Self::Unbound => "the server sent a token that is not bound to the key (DPoP)",
            Self::HiddenNonce => "the server demands a nonce that the page cannot read",
            Self::Nonce => "the server refused the nonce that it had sent",
            Self::HiddenChallenge => "the API refused a token that is bound to a key, and the page cannot read why",
            Self::Proof => "the server refused the proof that this browser has the key (DPoP)",
            Self::KeyLost => "the key that the code or the token is bound to is gone",
        }
    }

    /// What to do about it.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Unbound => {
                "Set up this client for DPoP at the provider, whose metadata promise it, or set `dpop: 'off'` in `createClient`."
            }
            Self::HiddenNonce => "The server has to list `DPoP-Nonce` in `Access-Control-Expose-Headers`.",
            Self::Nonce => "Check the server: with a nonce of its own, it has to accept the next request.",
            Self::HiddenChallenge => {
                "The API has to list `WWW-Authenticate` and `DPoP-Nonce` in `Access-Control-Expose-Headers`."
            }
            Self::Proof => {
                "Check the clock of this device, and that the server knows its own public address. With `Date` in \
                 `Access-Control-Expose-Headers`, the server's clock is used."
            }
            Self::KeyLost => "Sign in again.",
        }
    }
}

impl From<Flaw> for Error {
    #[cold]
    fn from(flaw: Flaw) -> Self {
        Kind::Dpop(flaw).into()
    }
}

/// Whether the tokens of a client are bound to a key at this server.
///
/// # Errors
///
/// [`Kind::Unsupported`] for a server that binds tokens with other algorithms alone.
pub fn is_used(config: &Config, metadata: &ServerMetadata) -> Result<bool> {
    match (config.dpop, metadata.binds_by_es256) {
        (Dpop::Off, _) | (Dpop::Auto, None) => Ok(false),
        (Dpop::Required, None) | (_, Some(true)) => Ok(true),
        (_, Some(false)) => {
            Err(Kind::Unsupported { feature: "a server that binds tokens (DPoP) without ES256" }.into())
        }
    }
}

#[derive(Serialize)]
struct Header<'a> {
    typ: &'a str,
    alg: &'a str,
    jwk: Coordinates<'a>,
}

/// RFC 9449 §4.2.
#[derive(Serialize)]
struct Claims<'a> {
    jti: &'a str,
    htm: &'a str,
    htu: &'a str,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ath: Option<&'a str>,
}

/// What a proof is about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The method of the request, as it is sent.
    pub method: &'a str,
    /// The URL of the request, as it is sent.
    pub url: &'a str,
    /// The access token in the request, if there is one.
    pub access_token: Option<&'a Secret>,
    /// The latest nonce of the server, if there is one.
    pub nonce: Option<&'a str>,
}

impl Subject<'_> {
    /// The text that the host signs with ES256 (RFC 9449 §4.2, RFC 7515 §5.1). `jti` is 32 random bytes; `seconds` is the time, since
    /// 1970.
    pub fn signing_input(&self, key: &PublicKey, jti: [u8; 32], seconds: i64) -> String {
        let header = to_string(&Header { typ: "dpop+jwt", alg: "ES256", jwk: key.coordinates() });
        let hash = |token: &Secret| base64url::encode(&Sha256::digest(token.expose()));
        let claims = to_string(&Claims {
            jti: random_text(jti).expose(),
            htm: self.method,
            htu: cut(cut(self.url, b'#').0, b'?').0,
            iat: seconds,
            nonce: self.nonce,
            ath: self.access_token.map(hash).as_deref(),
        });
        [base64url::encode(header.as_bytes()), ".".into(), base64url::encode(claims.as_bytes())].concat()
    }
}

/// The proof: the text with its signature.
pub fn proof(signing_input: &str, signature: &[u8]) -> Secret {
    Secret::new([signing_input, ".", &base64url::encode(signature)].concat())
}

/// The two kinds of server, whose nonces differ even at one origin (RFC 9449 §8 and §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// Issues tokens.
    Authorization,
    /// Takes tokens: an API, or the UserInfo endpoint.
    Resource,
}

/// The latest nonce of each server.
#[derive(Debug, Default)]
pub struct Nonces(Vec<(Server, String, String)>);

impl Nonces {
    /// The nonce for a request to this URL.
    pub fn get(&self, server: Server, url: &str) -> Option<&str> {
        let url = Url::parse(url, Loopback::Allowed)?;
        self.0.iter().find(|(kind, origin, _)| *kind == server && origin == url.origin()).map(|(_, _, nonce)| &**nonce)
    }

    /// Takes the `DPoP-Nonce` of a response from this URL. A text that is no nonce (RFC 9449 §8.1), such as two headers in one, is
    /// ignored.
    pub fn learn(&mut self, server: Server, url: &str, header: &str) {
        let is_nonce = (1..=MAX_NONCE).contains(&header.len())
            && header.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
        let Some(url) = Url::parse(url, Loopback::Allowed).filter(|_| is_nonce) else { return };
        self.0.retain(|(kind, origin, _)| *kind != server || origin != url.origin());
        if self.0.len() == MAX_SERVERS {
            self.0.remove(0);
        }
        self.0.push((server, url.origin().into(), header.into()));
    }
}

/// Why a server has refused a request with a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// For a reason that has nothing to do with the proof.
    Other,
    /// The proof lacks the server's latest nonce (RFC 9449 §8 and §9).
    Nonce,
    /// The proof itself (RFC 9449 §5 and §7.1).
    Proof,
    /// The server does not take bound tokens: its challenge is for another scheme.
    Scheme,
    /// The page cannot read the challenge.
    Unreadable,
}

impl Refusal {
    fn named(error: Option<&str>) -> Self {
        match error {
            Some("use_dpop_nonce") => Self::Nonce,
            Some("invalid_dpop_proof") => Self::Proof,
            _ => Self::Other,
        }
    }

    /// Reads the response of an authorization server (RFC 9449 §5 and §8).
    pub fn of_server(response: &HttpResponse) -> Self {
        if !matches!(response.status, 400 | 401) {
            return Self::Other;
        }
        let value = response.text().ok().and_then(|text| Value::parse(text).ok());
        Self::named(value.as_ref().and_then(|value| value.get("error")).and_then(Value::as_str))
    }

    /// Reads `WWW-Authenticate` of a response with the status 401 (RFC 9449 §7.1 and §9); empty if it cannot be read.
    pub fn of_resource(header: &str) -> Self {
        let challenge = Challenge::parse(header);
        match () {
            () if header.is_empty() => Self::Unreadable,
            () if !challenge.takes_dpop => Self::Scheme,
            () => Self::named(challenge.dpop_error.as_deref()),
        }
    }
}

/// By how many milliseconds a server's clock is ahead of the time `now`; `None` if its `Date` is unknown or about the same.
pub fn skew(date: Option<i64>, now: i64) -> Option<i64> {
    date.map(|date| date.saturating_sub(now)).filter(|ahead| ahead.saturating_abs() > SKEW)
}
