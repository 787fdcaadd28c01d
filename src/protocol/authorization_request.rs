//! The authorization request (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1).

use std::sync::Arc;

use super::config::Config;
use super::error::Error;
use super::form;
use super::metadata::ServerMetadata;
use super::pkce::{CodeVerifier, random_text};
use super::secret::Secret;
use super::time::Now;
use super::transaction::{Transaction, return_target};

/// Longer URLs are cut or refused somewhere on the way.
const MAX_URL: usize = 8 * 1024;

/// Parameters that the client answers for, and some that would take the answer elsewhere.
const RESERVED: [&str; 13] = [
    "client_id",
    "client_secret",
    "code_challenge",
    "code_challenge_method",
    "dpop_jkt",
    "nonce",
    "redirect_uri",
    "request",
    "request_uri",
    "response_mode",
    "response_type",
    "scope",
    "state",
];

/// Random octets for one sign-in, drawn by the caller.
#[derive(Clone)]
pub struct Entropy {
    /// For `state`.
    pub state: [u8; 32],
    /// For `nonce`.
    pub nonce: [u8; 32],
    /// For the code verifier.
    pub code_verifier: [u8; 32],
}

impl core::fmt::Debug for Entropy {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Entropy(…)")
    }
}

/// A request on its way: where the browser goes, and what it keeps meanwhile.
#[derive(Debug)]
pub struct AuthorizationRequest {
    /// The authorization endpoint with all parameters.
    pub url: String,
    /// To be kept until the response.
    pub transaction: Box<Transaction>,
}

impl AuthorizationRequest {
    /// Builds the request. `params` are further parameters in their registered spelling.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] names a parameter that belongs to the client, a `returnTo` that is no path of this origin, or
    /// parameters that make the URL too long.
    pub fn new(
        config: &Config,
        metadata: &ServerMetadata,
        params: &[(String, String)],
        return_to: &str,
        entropy: &Entropy,
        now: Now,
    ) -> Result<Self, Arc<Error>> {
        if let Some((name, _)) = params.iter().find(|(name, _)| RESERVED.contains(&name.as_str())) {
            return Err(Error::config(name, "set by the client, not by `params`"));
        }
        let transaction = Box::new(Transaction {
            state: random_text(entropy.state),
            nonce: if config.openid { random_text(entropy.nonce) } else { Secret::new("") },
            code_verifier: CodeVerifier::from_entropy(entropy.code_verifier),
            issuer: metadata.issuer.clone(),
            redirect_uri: config.redirect_uri.clone(),
            scope: config.scope.clone(),
            return_to: return_target(return_to)?,
            silent: params.iter().any(|(name, value)| name == "prompt" && value == "none"),
            started: now.wall,
            metadata: metadata.json.clone(),
        });

        let mut query = String::new();
        for (name, value) in [
            ("response_type", "code"),
            ("client_id", &config.client_id),
            ("redirect_uri", &config.redirect_uri),
            ("scope", &config.scope),
            ("state", transaction.state.expose()),
            ("nonce", transaction.nonce.expose()),
            ("code_challenge", &transaction.code_verifier.challenge()),
            ("code_challenge_method", "S256"),
        ] {
            if !value.is_empty() {
                form::append(&mut query, name, value);
            }
        }
        for (name, value) in params {
            form::append(&mut query, name, value);
        }
        let url = metadata.authorization_endpoint.with_query(&query);
        if url.len() > MAX_URL {
            return Err(Error::config(
                "params",
                "too long for a URL; a server with pushed authorization requests (PAR) takes more",
            ));
        }
        Ok(Self { url, transaction })
    }
}
