//! What the client asks of the place where it runs.

use core::future::Future;
use std::sync::Arc;

use crate::protocol::error::Error;
use crate::protocol::http::{HttpRequest, HttpResponse};
use crate::protocol::jwt::{Signature, Verification};
use crate::protocol::session::Change;
use crate::protocol::time::Now;

/// A place that can send, wait, verify, and tell the time.
pub trait Host {
    /// A response on its way.
    type Answer: Future<Output = Result<HttpResponse, Arc<Error>>>;

    /// Sends a request to the authorization server, at once and not when its future is first polled: without cookies or
    /// referrer, with the request's cache mode, and with a deadline in milliseconds. A redirect is a response of status 0,
    /// and no other address is asked; of a body little more than
    /// [`MAX_RESPONSE`](crate::protocol::http::MAX_RESPONSE) is read.
    ///
    /// The outcome is [`Error::Network`] or [`Error::Timeout`] if there is no response.
    fn send(&self, request: HttpRequest, timeout: u32) -> Self::Answer;

    /// Answers a question of cryptography: what the signature is, and the hash of the text beside it.
    fn verify(&self, question: Verification<'_>) -> impl Future<Output = (Signature, Vec<u8>)>;

    /// Reads both clocks.
    fn now(&self) -> Now;

    /// The origin of the app: where its pages are, and where this code was loaded from.
    fn origin(&self) -> String;

    /// Takes note of a change of the session, of which `session` is what the app may know now.
    fn changed(&self, change: Change, session: Option<String>);

    /// Draws 32 unpredictable bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Environment`] where there are none.
    fn entropy(&self) -> Result<[u8; 32], Arc<Error>>;
}
