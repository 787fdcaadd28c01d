//! The environment that a client runs in.

use crate::protocol::error::Result;
use crate::protocol::http::{HttpRequest, HttpResponse};
use crate::protocol::jwt::{Signature, Verification};
use crate::protocol::public_key::{KeyAlgorithm, PublicKey};
use crate::protocol::secret::Secret;
use crate::protocol::session::{Change, Session};
use crate::protocol::time::Now;
use core::future::Future;

/// A key pair that tokens are bound to (RFC 9449). The private half stays in its environment, or goes to the one that
/// continues the session. A clone is the same key.
pub trait ProofKey: Clone {
    /// The public half.
    fn public(&self) -> &PublicKey;

    /// Signs with the algorithm of the public half.
    ///
    /// # Errors
    ///
    /// [`Kind::Environment`] if the environment does not sign.
    ///
    /// [`Kind::Environment`]: crate::protocol::error::Kind::Environment
    fn sign(&self, data: &str) -> impl Future<Output = Result<Vec<u8>>>;

    /// The private half as a JWK, in an environment that has to pass it on as a text; `None` elsewhere.
    fn to_jwk(&self) -> Option<Secret>;
}

/// An environment that sends requests, verifies signatures, and provides clocks and entropy.
pub trait Host {
    /// A key pair that tokens are bound to.
    type Key: ProofKey;

    /// The future of a response.
    type Answer: Future<Output = Result<HttpResponse>>;

    /// Sends a request to the authorization server. The request leaves immediately, and not when the future is first polled. It
    /// carries no cookies and no referrer, uses the request's cache mode, and fails after `timeout` milliseconds. Redirects are
    /// not followed: a redirect is a response with status 0. The host reads at most little more than
    /// [`MAX_RESPONSE`](crate::protocol::http::MAX_RESPONSE) bytes of the body.
    ///
    /// Fails with [`Kind::Network`] or [`Kind::Timeout`] if there is no response.
    ///
    /// [`Kind::Network`]: crate::protocol::error::Kind::Network
    /// [`Kind::Timeout`]: crate::protocol::error::Kind::Timeout
    fn send(&self, request: HttpRequest, timeout: u32) -> Self::Answer;

    /// Verifies a signature, and hashes [`Verification::access_token`].
    fn verify(&self, question: Verification<'_>) -> impl Future<Output = (Signature, Vec<u8>)>;

    /// Signs with the private half of the key of this name, with which a client authenticates: ES256 (RFC 7518 §3.4). The private half
    /// does not leave the environment. Returns the public half as well, and an empty signature of empty data. `page` is the only page to
    /// ask, which makes the key if there is none; without it, every page of the client may sign.
    ///
    /// # Errors
    ///
    /// [`Kind::Config`] if there is no key, [`Kind::Timeout`] if nothing in the environment responds, and [`Kind::Unsupported`] in an
    /// environment that keeps no keys.
    ///
    /// [`Kind::Config`]: crate::protocol::error::Kind::Config
    /// [`Kind::Timeout`]: crate::protocol::error::Kind::Timeout
    /// [`Kind::Unsupported`]: crate::protocol::error::Kind::Unsupported
    fn sign(&self, name: &str, data: &str, page: Option<u32>) -> impl Future<Output = Result<(PublicKey, Vec<u8>)>>;

    /// Makes a key pair that tokens are bound to.
    ///
    /// # Errors
    ///
    /// [`Kind::Environment`] if the environment makes no keys of this algorithm.
    ///
    /// [`Kind::Environment`]: crate::protocol::error::Kind::Environment
    fn make_key(&self, algorithm: KeyAlgorithm) -> impl Future<Output = Result<Self::Key>>;

    /// Takes over a key pair from [`ProofKey::to_jwk`] of another environment; `None` for any other text.
    fn import_key(&self, jwk: &str) -> impl Future<Output = Option<Self::Key>>;

    /// Reads both clocks.
    fn now(&self) -> Now;

    /// The origin of the app's pages, which is also the origin that this code was loaded from.
    fn origin(&self) -> String;

    /// Receives a change of the session. `session` is the part of the session that the app may know after the change.
    fn changed(&self, change: Change, session: Option<Session>);

    /// Receives a step of a flow: `told` makes its JSON text; see [`Told`]. A host to which no page listens does not call it. There is no
    /// text if a server has made the step repeat a secret.
    ///
    /// [`Told`]: crate::protocol::trace::Told
    fn trace(&self, told: &dyn Fn() -> Option<String>) {
        let _ = told;
    }

    /// Receives that [`Client::deposit`] may have another value now. A host that deposits nothing ignores this.
    ///
    /// [`Client::deposit`]: super::Client::deposit
    fn deposit(&self) {}

    /// Draws 32 unpredictable bytes.
    ///
    /// # Errors
    ///
    /// [`Kind::Environment`] if the environment has no source of randomness.
    ///
    /// [`Kind::Environment`]: crate::protocol::error::Kind::Environment
    fn entropy(&self) -> Result<[u8; 32]>;
}
