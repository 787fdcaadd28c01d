//! Proof Key for Code Exchange (RFC 7636).
//!
//! The client creates a [`CodeVerifier`], sends only its hash in the authorization request, and reveals the verifier itself in
//! the token request.
//!
//! Only `S256` is supported: it is the method that does not reveal the verifier.

use sha2::{Digest as _, Sha256};

use super::base64url;
use super::secret::Secret;

/// The secret half of the proof, 43 characters (RFC 7636 §4.1).
#[derive(Clone, Debug)]
pub struct CodeVerifier(Secret);

impl CodeVerifier {
    /// Encodes 32 random bytes, drawn by the caller, as a verifier.
    pub fn from_entropy(octets: [u8; 32]) -> Self {
        Self(random_text(octets))
    }

    /// Restores a verifier that was stored during a redirect.
    pub(super) fn from_kept(verifier: Secret) -> Self {
        Self(verifier)
    }

    /// No verifier: no code can be redeemed with it.
    pub(super) fn none() -> Self {
        Self(Secret::new(""))
    }

    /// The value of `code_challenge` for this verifier (RFC 7636 §4.2, `S256`).
    pub fn challenge(&self) -> String {
        base64url::encode(&Sha256::digest(self.0.expose()))
    }

    /// The verifier as a secret.
    pub(super) fn secret(&self) -> &Secret {
        &self.0
    }

    /// The verifier itself, for the token request.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// Encodes 32 random bytes as 43 unreserved characters, which are also suitable for `state` and `nonce`.
pub fn random_text(octets: [u8; 32]) -> Secret {
    Secret::new(base64url::encode(&octets))
}
