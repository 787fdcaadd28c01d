//! Tokens that are bound to a key: demonstrating proof of possession, `DPoP` (RFC 9449).
//!
//! The server stores the thumbprint of the key in the tokens, or with them (RFC 9449 §6). Each request with them has a proof: a JWT that
//! names method and address, signed with the private half, which the host keeps. Tokens without the key are of no use to anyone.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::base64url;
use super::config::{Config, Keep};
use super::error::{Error, Kind, Result, WITHOUT_BINDING};
use super::http::{HttpResponse, oauth_error_of};
use super::json::{Value, to_string};
use super::list::cut;
use super::metadata::ServerMetadata;
use super::pkce::random_text;
use super::protected_resource::Challenge;
use super::public_key::{Coordinates, KeyAlgorithm, PublicKey};
use super::secret::Secret;
use super::url::{Loopback, Url};

/// Maximum length of a nonce in bytes; longer than any honest one.
const MAX_NONCE: usize = 2048;

/// Maximum number of remembered nonces; more servers than an honest app calls.
const MAX_SERVERS: usize = 64;

/// Milliseconds by which the clocks of this device and of a server may differ before the server is asked again with its own time.
const SKEW: i64 = 5_000;

/// The words of a message about a server that cannot bind tokens to the keys that this client makes.
pub(super) const WITHOUT_ALGORITHM: &str = "a server that binds tokens (DPoP) with neither ES256 nor Ed25519";

/// What to do about such a server.
pub(super) const WITH_ALGORITHM: &str =
    "Set `dpop: 'off'`, or let the provider accept proofs with ES256 (`dpop_signing_alg_values_supported`).";

/// Whether tokens are bound to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dpop {
    /// If the server's metadata say that it binds tokens; the default. Counts as `Off` with [`Tokens::Page`](super::config::Tokens::Page).
    Auto,
    /// Always, also if the server's metadata do not mention it.
    Required,
    /// Never.
    Off,
}

/// Why a token that is bound to a key, or the proof for it, cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The server sent a token that is not bound (RFC 9449 §5).
    Unbound,
    /// The server demands a nonce in a header that a page cannot read (RFC 9449 §8 and §9, Fetch §3.3.3).
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
    /// What happened, as the words before the URL of the server, if there is one, and after it.
    pub(super) fn message(self) -> [&'static str; 2] {
        match self {
            Self::Unbound => ["the token from ", " is not bound to the key (DPoP)"],
            Self::HiddenNonce => ["", " demands a DPoP nonce that the page cannot read"],
            Self::Nonce => ["", " refused the DPoP nonce that it had sent"],
            Self::HiddenChallenge => ["", " refused a token that is bound to a key, and the page cannot read why"],
            Self::Proof => ["", " refused the proof that this browser has the key (DPoP)"],
            Self::KeyLost => ["the key that the code or the token is bound to (DPoP) is gone", ""],
        }
    }

    /// What to do about it.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::Unbound => {
                "Set up this client for DPoP at the provider, or set `dpop: 'off'` in `createClient` if the API accepts `Bearer`."
            }
            Self::HiddenNonce => "The server has to list `DPoP-Nonce` in `Access-Control-Expose-Headers`.",
            Self::Nonce => "Check the server: it has to accept a proof with the nonce that it has just sent.",
            Self::HiddenChallenge => {
                "The API has to list `WWW-Authenticate` and `DPoP-Nonce` in `Access-Control-Expose-Headers`. If it does not know \
                 DPoP, set `dpop: 'off'`."
            }
            Self::Proof => {
                "Read `oauth.error_description`. Check the clock of this device, and that the server knows its own public address. \
                 With `Date` in `Access-Control-Expose-Headers`, the client uses the server's clock."
            }
            Self::KeyLost => "Call `signIn()`.",
        }
    }

    /// The error of a server at this URL.
    #[cold]
    pub fn at(self, url: &str) -> Error {
        let said = None;
        Kind::Dpop { flaw: self, url: cut(cut(url, b'#').0, b'?').0.into(), said }.into()
    }
}

/// The algorithms of which a new key for the tokens of a client may be, the preferred one first; empty if tokens are not bound at this
/// server. An environment may not make keys of all of them.
///
/// # Errors
///
/// [`Kind::Unsupported`] for a server that lists algorithms for proofs, but none of this client's, and for one that does not bind tokens
/// if the client keeps them on the device.
pub fn algorithms(config: &Config, metadata: &ServerMetadata) -> Result<Vec<KeyAlgorithm>> {
    let Config { dpop, dpop_algorithm: asked, keep, .. } = config;
    let mut usable = match (dpop, &metadata.dpop_signing_alg_values_supported) {
        (Dpop::Off, _) | (Dpop::Auto, None) if *keep == Keep::Device => {
            return Err(Kind::Unsupported { feature: WITHOUT_BINDING }.into());
        }
        (Dpop::Off, _) | (Dpop::Auto, None) => return Ok(Vec::new()),
        // Every server that binds tokens takes ES256, as far as is known.
        (Dpop::Required, None) if *asked == KeyAlgorithm::Es256 => vec![KeyAlgorithm::Es256],
        (Dpop::Required, None) => vec![KeyAlgorithm::Es256, *asked],
        (_, Some(listed)) if listed.is_empty() => {
            return Err(Kind::Unsupported { feature: WITHOUT_ALGORITHM }.into());
        }
        (_, Some(listed)) => listed.clone(),
    };
    if *asked != KeyAlgorithm::Es256 && usable.starts_with(&[KeyAlgorithm::Es256]) {
        usable.rotate_left(1);
    }
    Ok(usable)
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
    /// The URL of the request, as it is sent. The proof has it without query and fragment.
    pub url: &'a str,
    /// The access token in the request, if there is one.
    pub access_token: Option<&'a Secret>,
    /// The latest nonce of the server, if there is one.
    pub nonce: Option<&'a str>,
}

impl Subject<'_> {
    /// The text that the host signs with the key (RFC 9449 §4.2, RFC 7515 §5.1). `jti` is 32 random bytes; `seconds` is the time, since
    /// 1970.
    pub fn signing_input(&self, key: &PublicKey, jti: [u8; 32], seconds: i64) -> String {
        let header = to_string(&Header { typ: "dpop+jwt", alg: key.algorithm.name(), jwk: key.coordinates() });
        let hash = |token: &Secret| base64url::encode(&Sha256::digest(token.expose()));
        let parsed = Url::parse(self.url, Loopback::Allowed);
        let htu = parsed.map(|url| [&*url.canonical_origin(), url.path()].concat());
        let claims = to_string(&Claims {
            jti: random_text(jti).expose(),
            htm: self.method,
            htu: htu.as_deref().unwrap_or_else(|| cut(cut(self.url, b'#').0, b'?').0),
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

/// What is known of each server, separately for the two kinds and for each origin.
#[derive(Debug, Default)]
pub struct Servers(Vec<Known>);

#[derive(Debug)]
struct Known {
    kind: Server,
    origin: String,
    /// The latest one; empty if there is none.
    nonce: String,
    /// By how many milliseconds its clock is ahead of the clock of this device.
    ahead: i64,
}

impl Servers {
    /// The latest nonce of the server at this URL, which is empty if there is none, and by how many milliseconds its clock is ahead of
    /// the clock of this device.
    pub fn get(&self, kind: Server, url: &str) -> (&str, i64) {
        let origin = Url::parse(url, Loopback::Allowed).as_ref().map(Url::canonical_origin).unwrap_or_default();
        let known = self.0.iter().find(|known| known.kind == kind && known.origin == origin);
        known.map_or(("", 0), |known| (&known.nonce, known.ahead))
    }

    /// Takes the `DPoP-Nonce` of a response from this URL. A text that is no nonce (RFC 9449 §8.1), such as two headers in one, is
    /// ignored.
    pub fn learn_nonce(&mut self, kind: Server, url: &str, header: &str) {
        let is_nonce = (1..=MAX_NONCE).contains(&header.len())
            && header.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
        if is_nonce {
            let (_, ahead) = self.get(kind, url);
            self.keep(kind, url, header.into(), ahead);
        }
    }

    /// Takes the time of a server, in milliseconds since 1970, at the time `now` of this device. Returns whether it is another one than
    /// the last proof had.
    pub fn learn_time(&mut self, kind: Server, url: &str, date: Option<i64>, now: i64) -> bool {
        let (nonce, known) = self.get(kind, url);
        let nonce = nonce.into();
        let ahead = date.map(|date| date.saturating_sub(now));
        let is_new = |ahead: &i64| ahead.saturating_sub(known).saturating_abs() > SKEW;
        let Some(ahead) = ahead.filter(is_new) else { return false };
        self.keep(kind, url, nonce, ahead);
        true
    }

    fn keep(&mut self, kind: Server, url: &str, nonce: String, ahead: i64) {
        let Some(url) = Url::parse(url, Loopback::Allowed) else { return };
        let origin = url.canonical_origin();
        self.0.retain(|known| known.kind != kind || known.origin != origin);
        if self.0.len() == MAX_SERVERS {
            self.0.remove(0);
        }
        self.0.push(Known { kind, origin, nonce, ahead });
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
            () => {
                let reason = challenge.reasons.iter().find(|reason| reason.is_dpop);
                Self::named(reason.and_then(|reason| reason.error.as_deref()))
            }
        }
    }
}

/// Adds the reason of an authorization server to an error.
#[cold]
pub fn with_reason(error: Error, response: &HttpResponse) -> Error {
    let Kind::Dpop { flaw, url, .. } = error.kind() else { return error };
    let value = response.text().ok().and_then(|text| Value::parse(text).ok());
    let said = value.and_then(|value| oauth_error_of(false, &value, &response.secrets).ok().flatten());
    Kind::Dpop { flaw: *flaw, url: url.clone(), said }.into()
}
