//! The client for Rust front ends: a browser as the [`Host`], in a page and in a worker alike.
//!
//! What needs a window is in [`page`].

mod fetch;
pub mod keys;
pub mod page;
mod place;
mod store;

use std::sync::Arc;

use web_sys::{Request, Response};

use crate::client::host::Host;
use crate::client::{self, Pass};
use crate::protocol::error::Error;
use crate::protocol::http::HttpRequest;
use crate::protocol::jwt::{Signature, Verification};
use crate::protocol::session::Change;
use crate::protocol::time::Now;

pub use crate::client::Completion;

/// One client of one provider. Calls may overlap.
pub type Client = client::Client<Browser>;

/// A page or a worker.
#[derive(Default)]
pub struct Browser {
    listener: Option<Listener>,
}

/// What is called at each change of the session, with what the app may know of it, as JSON.
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
        place::now()
    }

    fn origin(&self) -> String {
        place::origin()
    }

    fn changed(&self, change: Change, session: Option<String>) {
        if let Some(listener) = &self.listener {
            listener(change, session);
        }
    }

    fn entropy(&self) -> Result<[u8; 32], Arc<Error>> {
        place::entropy()
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

    /// Makes a client that tells of each change of the session, before the call that brought it about ends.
    ///
    /// # Errors
    ///
    /// [`Error::Config`].
    pub fn with_listener(
        options: &str,
        listener: impl Fn(Change, Option<String>) + 'static,
    ) -> Result<Self, Arc<Error>> {
        Self::with_host(Browser { listener: Some(Box::new(listener)) }, options)
    }

    /// Sends a request with the access token, if its URL is on the API list. If the API refuses the token, it is renewed
    /// and `again` sent, the same request once more; without it, the API's refusal is the answer.
    ///
    /// # Errors
    ///
    /// [`Error::RequestBlocked`], [`Error::LoginRequired`], [`Error::Network`], and those of a renewal.
    pub async fn fetch(&self, request: Request, again: Option<Request>) -> Result<Response, Arc<Error>> {
        let brings = |name| request.headers().has(name).unwrap_or(true);
        let pass = self.admit(&request.url(), brings("authorization") || brings("dpop")).await?;
        let response = send(&request, &pass).await?;
        if response.status() == 401
            && self.refused(&pass)
            && let Some(again) = again
            && let Some(pass) = self.admit_again(pass).await?
        {
            return send(&again, &pass).await;
        }
        Ok(response)
    }
}

async fn send(request: &Request, pass: &Pass) -> Result<Response, Arc<Error>> {
    let attached = request.headers().set("Authorization", pass.authorization.expose());
    attached.map_err(|_| Error::unexpected("a header that the browser refuses"))?;
    fetch::pass(request).await
}
