//! Implements [`Host`] with a browser, in pages and in workers: for Rust front ends and for the npm package.
//!
//! The functions that need a window are in [`page`].

mod environment;
pub(crate) mod fetch;
pub mod keys;
pub mod page;
mod store;

use std::sync::Arc;

use fetch::AppRequest;
use web_sys::{Request, Response};

use crate::client;
use crate::client::host::Host;
use crate::protocol::error::Error;
use crate::protocol::http::HttpRequest;
use crate::protocol::jwt::{Signature, Verification};
use crate::protocol::session::Change;
use crate::protocol::time::Now;

pub use crate::client::Completion;
#[cfg(feature = "npm")]
pub(crate) use environment::now;

/// One client of one provider. Calls may overlap.
pub type Client = client::Client<Browser>;

/// The [`Host`] of a client in a page or a worker.
#[derive(Default)]
pub struct Browser {
    listener: Option<Listener>,
}

/// Called at each change of the session, with the part of the session that the app may know, as JSON.
type Listener = Box<dyn Fn(Change, Option<String>)>;

impl core::fmt::Debug for Browser {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Browser")
    }
}

impl Host for Browser {
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

    fn changed(&self, change: Change, session: Option<String>) {
        if let Some(listener) = &self.listener {
            listener(change, session);
        }
    }

    fn entropy(&self) -> Result<[u8; 32], Arc<Error>> {
        environment::entropy()
    }
}

impl Browser {
    /// Creates a host that calls `listener` at each change of the session, before the call that caused the change ends.
    pub fn with_listener(listener: impl Fn(Change, Option<String>) + 'static) -> Self {
        Self { listener: Some(Box::new(listener)) }
    }
}

impl Client {
    /// See [`Client::with_host`](client::Client::with_host).
    ///
    /// # Errors
    ///
    /// [`Error::Config`].
    pub fn new(options: &str) -> Result<Self, Arc<Error>> {
        Self::with_host(Browser::default(), options)
    }

    /// Creates a client that calls `listener` at each change of the session, before the call that caused the change ends.
    ///
    /// # Errors
    ///
    /// [`Error::Config`].
    pub fn with_listener(
        options: &str,
        listener: impl Fn(Change, Option<String>) + 'static,
    ) -> Result<Self, Arc<Error>> {
        Self::with_host(Browser::with_listener(listener), options)
    }

    /// Sends an app's request as [`Client::fetch`](client::Client::fetch) does. `again` is a second copy of the request, for an
    /// API that refuses the first token. Without it, the call returns the API's refusal as the response.
    ///
    /// # Errors
    ///
    /// Those of [`Client::fetch`](client::Client::fetch).
    pub async fn call(&self, request: Request, again: Option<Request>) -> Result<Response, Arc<Error>> {
        let again = again.map(|again| Box::new(move || Some(again)) as fetch::Again);
        self.fetch(&AppRequest::new(request, again)).await
    }
}
