//! Implements [`Host`] with a browser, in pages and in workers: for Rust front ends and for the npm package.
//!
//! The functions that need a window are in [`page`].

mod environment;
pub(crate) mod fetch;
pub mod keys;
pub mod page;
mod proof_key;
mod signer;
mod store;

use fetch::AppRequest;
use signer::Signer;
use web_sys::{Request, Response};

use crate::client;
use crate::client::host::Host;
use crate::protocol::error::Result;
use crate::protocol::http::HttpRequest;
use crate::protocol::jwt::{Signature, Verification};
use crate::protocol::options::Options;
use crate::protocol::public_key::{KeyAlgorithm, PublicKey};
use crate::protocol::session::{Change, Session};
use crate::protocol::time::Now;

pub use crate::client::{Completion, OtherSignIns};
#[cfg(feature = "npm")]
pub(crate) use environment::now;
pub use page::{Restore, Started};
pub use proof_key::Key;

/// One client of one provider. Calls may overlap.
pub type Client = client::Client<Browser>;

/// The [`Host`] of a client in a page or a worker.
#[derive(Default)]
pub struct Browser {
    listener: Option<Listener>,
    depositor: Option<Box<dyn Fn()>>,
    signer: Option<Signer>,
    tracer: Option<Tracer>,
}

/// Called at each step of a flow, with a function that makes its text.
type Tracer = Box<dyn Fn(&dyn Fn() -> Option<String>)>;

/// Called at each change of the session, with the session after the change.
type Listener = Box<dyn Fn(Change, Option<Session>)>;

impl core::fmt::Debug for Browser {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Browser")
    }
}

impl Host for Browser {
    type Key = Key;
    type Answer = fetch::Answer;

    fn send(&self, request: HttpRequest, timeout: u32) -> fetch::Answer {
        fetch::send(request, timeout)
    }

    async fn verify(&self, question: Verification<'_>) -> (Signature, Vec<u8>) {
        keys::check(question).await
    }

    fn now(&self) -> Now {
        environment::now()
    }

    fn origin(&self) -> String {
        environment::origin()
    }

    fn changed(&self, change: Change, session: Option<Session>) {
        if let Some(listener) = &self.listener {
            listener(change, session);
        }
    }

    fn trace(&self, told: &dyn Fn() -> Option<String>) {
        if let Some(tracer) = &self.tracer {
            tracer(told);
        }
    }

    fn deposit(&self) {
        if let Some(depositor) = &self.depositor {
            depositor();
        }
    }

    async fn sign(&self, name: &str, data: &str, page: Option<u32>) -> Result<(PublicKey, Vec<u8>)> {
        signer::sign(self.signer.as_ref(), name, data, page).await
    }

    async fn make_key(&self, algorithm: KeyAlgorithm) -> Result<Key> {
        Key::make(algorithm).await
    }

    async fn import_key(&self, jwk: &str) -> Option<Key> {
        Key::import(jwk).await
    }

    fn entropy(&self) -> Result<[u8; 32]> {
        environment::entropy()
    }
}

impl Browser {
    /// Creates a host that calls `listener` at each change of the session, before the call that caused the change ends.
    pub fn with_listener(listener: impl Fn(Change, Option<Session>) + 'static) -> Self {
        Self { listener: Some(Box::new(listener)), ..Self::default() }
    }

    /// Also calls `depositor` when the sessions that a keeper holds may have changed.
    #[cfg(feature = "npm")]
    pub(crate) fn with_depositor(self, depositor: impl Fn() + 'static) -> Self {
        Self { depositor: Some(Box::new(depositor)), ..self }
    }

    /// Also calls `tracer` at each step of a flow. The function that it receives makes the JSON text of a
    /// [`Told`](crate::protocol::trace::Told), unless the text would repeat a secret.
    #[must_use]
    pub fn with_tracer(self, tracer: impl Fn(&dyn Fn() -> Option<String>) + 'static) -> Self {
        Self { tracer: Some(Box::new(tracer)), ..self }
    }

    /// Also asks `signer` for a client's key.
    #[cfg(feature = "npm")]
    pub(crate) fn with_signer(self, signer: Signer) -> Self {
        Self { signer: Some(signer), ..self }
    }
}

impl Client {
    /// Creates a client. It sends no request before it is used.
    pub fn new(options: Options) -> Self {
        Self::with_host(Browser::default(), options)
    }

    /// Creates a client that calls `listener` at each change of the session, with the session after the change, before the call
    /// that caused the change ends.
    pub fn with_listener(options: Options, listener: impl Fn(Change, Option<Session>) + 'static) -> Self {
        Self::with_host(Browser::with_listener(listener), options)
    }

    /// Sends an app's request as [`Client::fetch`](client::Client::fetch) does. `again` is a second copy of the request, for an
    /// API that refuses the first token. Without it, the call returns the API's refusal as the response.
    ///
    /// # Errors
    ///
    /// Those of [`Client::fetch`](client::Client::fetch).
    pub async fn call(&self, request: Request, again: Option<Request>) -> Result<Response> {
        let again = again.map(|again| {
            let mut once = Some(again);
            Box::new(move || once.take()) as fetch::Again
        });
        self.fetch(&AppRequest::new(request, again)).await
    }
}
