//! The client: drives the protocol through a whole sign-in, call, renewal and sign-out, on any target.
//!
//! What it cannot do itself (send, wait, check a signature, read a clock) it asks of a [`Host`]. Nothing here knows a
//! browser, so the same code runs in tests without one.
//!
//! ```text
//! sign_in   from the authorization request to the session
//! call      requests that carry the token     renewal   of the token     userinfo   what the provider says of the user
//! end       sign-out, revocation, and the provider's own session
//! lookup    metadata         proof   signatures         bell   callers that wait for another one
//! ```

mod bell;
mod call;
mod end;
pub mod host;
mod lookup;
mod proof;
mod renewal;
mod sign_in;
mod userinfo;

use core::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use bell::Bell;
use host::Host;
use lookup::Lookup;

pub use call::{ApiRequest, AuthorizedRequest};
pub use end::Ended;
pub use sign_in::Completion;

use crate::protocol::config::{Config, Options, PageOptions};
use crate::protocol::error::Error;
use crate::protocol::foreign::Secrets;
use crate::protocol::http::{HttpRequest, HttpResponse};
use crate::protocol::jwks::Keys;
use crate::protocol::session::{Change, Session};

/// One client of one provider, as one page uses it. Calls may overlap.
///
/// A clone is the same client, with the same session.
#[derive(Debug)]
pub struct Client<H> {
    core: Rc<Core<H>>,
    page: Rc<PageOptions>,
}

/// What the pages of a client share.
#[derive(Debug)]
struct Core<H> {
    host: H,
    config: Config,
    lookup: RefCell<Lookup>,
    keys: RefCell<Keys>,
    session: RefCell<Session>,
    /// Rings when something that callers wait for has ended, well or badly.
    ended: Bell,
    /// Sign-ins whose response is being redeemed.
    completing: Cell<usize>,
}

impl<H> Clone for Client<H> {
    fn clone(&self) -> Self {
        Self { core: self.core.clone(), page: self.page.clone() }
    }
}

/// A request to the provider on its way.
struct Exchange<H: Host> {
    core: Rc<Core<H>>,
    response: H::Answer,
    /// What the server knew when it was asked.
    secrets: Secrets,
}

impl<H: Host> Exchange<H> {
    /// The response, with what its text must not tell a page: the session's tokens when the request left and when the
    /// response comes, the secrets of the sign-in or renewal that it is part of, and what the request itself told the
    /// server. The last are the last to be forgotten.
    async fn response(self, part_of: &Secrets) -> Result<HttpResponse, Arc<Error>> {
        let Self { core, response, secrets: asked } = self;
        let response = response.await?;
        let mut secrets = core.session.borrow().secrets();
        secrets.join(part_of);
        secrets.join(&asked);
        Ok(HttpResponse { secrets, ..response })
    }
}

impl<H: Host> Client<H> {
    /// Makes a client from options as `pkg/index.d.ts` spells them, as a JSON object with absolute URLs.
    ///
    /// # Errors
    ///
    /// Those of [`Options::parse`].
    pub fn with_host(host: H, options: &str) -> Result<Self, Arc<Error>> {
        Options::parse(options).map(|options| Self::from_options(host, options))
    }

    /// Makes a client from options that were read.
    pub fn from_options(host: H, options: Options) -> Self {
        let Options { client: config, page } = options;
        let lookup = RefCell::new(Lookup::of(config.server.clone()));
        let core = Core {
            host,
            config,
            lookup,
            keys: RefCell::default(),
            session: RefCell::default(),
            ended: Bell::default(),
            completing: Cell::new(0),
        };
        Self { core: Rc::new(core), page: Rc::new(page) }
    }

    /// The same client for another page.
    #[must_use]
    pub fn for_page(&self, page: PageOptions) -> Self {
        Self { core: self.core.clone(), page: Rc::new(page) }
    }

    /// Whether another one is the same client, with the same session.
    pub fn is_same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.core, &other.core)
    }

    /// What it was made from.
    pub fn config(&self) -> &Config {
        &self.core.config
    }

    /// What the app may know of the session, as JSON; absent when signed out. A session whose token is no longer good, and
    /// that has nothing to renew it with, is over when this is asked.
    pub fn session(&self) -> Option<String> {
        if self.core.session.borrow_mut().expire(self.core.host.now()) {
            self.changed(Change::Expired);
        }
        self.view()
    }

    fn view(&self) -> Option<String> {
        self.core.session.borrow().view(self.core.host.now())
    }

    /// Whether tokens are there.
    pub fn is_signed_in(&self) -> bool {
        self.core.session.borrow().access_token().is_some()
    }

    /// The user, where OpenID Connect says who it is.
    pub fn subject(&self) -> Option<String> {
        self.core.session.borrow().subject().map(Into::into)
    }

    /// Sends a request to the provider, at once. The response is a future.
    fn send(&self, request: HttpRequest) -> Exchange<H> {
        let mut secrets = self.core.session.borrow().secrets();
        secrets.join(&request.secrets);
        Exchange { core: self.core.clone(), response: self.core.host.send(request, self.page.timeout), secrets }
    }

    /// Tells the host of a change, before the call that brought it about ends.
    fn changed(&self, change: Change) {
        self.core.host.changed(change, self.view());
    }
}
