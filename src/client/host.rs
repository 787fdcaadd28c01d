//! What the client asks of the place where it runs.

use core::future::Future;
use std::sync::Arc;

use crate::protocol::error::Error;
use crate::protocol::http::{HttpRequest, HttpResponse};
use crate::protocol::jwt::{Signature, Verification};
use crate::protocol::time::Now;

/// A place that can send, wait, verify, and tell the time.
pub trait Host {
    /// An answer on its way.
    type Answer: Future<Output = Result<HttpResponse, Arc<Error>>>;

    /// Sends a request to the authorization server, at once and not when somebody waits for the answer: without cookies,
    /// caches or referrer, and with a deadline in milliseconds. The answer to a redirect is one of status 0, and no other
    /// address is asked; of an answer little more than [`MAX_RESPONSE`](crate::protocol::http::MAX_RESPONSE) is read.
    ///
    /// The answer is [`Error::Network`] or [`Error::Timeout`] if there is none.
    fn send(&self, request: HttpRequest, timeout: u32) -> Self::Answer;

    /// Answers a question of cryptography: what the signature is, and the hash of the text beside it.
    fn verify(&self, question: Verification<'_>) -> impl Future<Output = (Signature, Vec<u8>)>;

    /// Reads both clocks.
    fn now(&self) -> Now;

    /// Draws 32 octets that nobody can guess.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`] where there are none.
    fn entropy(&self) -> Result<[u8; 32], Arc<Error>>;
}
