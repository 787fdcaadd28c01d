//! The client: drives the protocol through a whole sign-in, call, renewal and sign-out, on any target.
//!
//! The client asks a [`Host`] for everything that it cannot do itself: send requests, verify signatures, read clocks. No code
//! here depends on a browser, so the same code runs in tests without one.
//!
//! ```text
//! sign_in   from the authorization request to the session            device   the same on another device
//! machine   the session of a client without a user         authentication   of a client with a key
//! registration   of an app without a client ID
//! call      requests with the token     renewal   of the token     userinfo   the provider's claims about the user
//! socket    what a WebSocket with the token is opened with
//! end       sign-out, revocation, and the provider's own session
//! lookup    metadata         proof   signatures         bell   callers that wait for another caller
//! possession   of the keys that tokens are bound to
//! trace     the steps of a flow, told to pages that listen
//! deposit   what outlives a vault    kept   what outlives the browser
//! ```

mod authentication;
mod bell;
mod call;
mod deposit;
mod device;
mod end;
pub mod host;
mod kept;
mod lookup;
mod machine;
mod possession;
mod proof;
mod registration;
mod renewal;
mod sign_in;
mod socket;
mod trace;
mod userinfo;

use bell::Bell;
use core::cell::{Cell, RefCell};
use core::fmt;
use host::Host;
use lookup::Lookup;
use possession::Possession;
use std::rc::Rc;
use trace::Asked;

pub use call::{ApiRequest, AuthorizedRequest, Credentials};
pub use deposit::Deposit;
pub use device::Polled;
pub use end::Ended;
pub use sign_in::{Completion, OtherSignIns, Redeemed};

use crate::protocol::config::Config;
use crate::protocol::error::Result;
use crate::protocol::foreign::Secrets;
use crate::protocol::http::{HttpRequest, HttpResponse};
use crate::protocol::jwks::Keys;
use crate::protocol::options::{Options, PageOptions};
use crate::protocol::session::{Change, Session};
use crate::protocol::session_state::SessionState;
use crate::protocol::token::Leftover;

/// One client of one provider, as one page uses it. Calls may overlap.
///
/// A clone is the same client, with the same session.
pub struct Client<H: Host> {
    core: Rc<Core<H>>,
    page: Rc<PageOptions>,
}

/// The part of a client that its pages share.
struct Core<H: Host> {
    host: H,
    config: Config,
    lookup: RefCell<Lookup>,
    keys: RefCell<Keys>,
    possession: Possession<H::Key>,
    session: RefCell<SessionState>,
    /// A sign-in on another device that waits for the user.
    device: RefCell<Option<Rc<device::Waiting<H::Key>>>>,
    /// Whether such a sign-in is being begun.
    beginning: Cell<bool>,
    /// Rings when an operation that callers wait for has ended, whether it succeeded or failed.
    ended: Bell,
    /// The number of sign-ins that are being completed.
    completing: Cell<usize>,
    /// Whether the client knows by now what the device keeps of it.
    is_awake: Cell<bool>,
    /// Whether the device keeps a session of this client.
    is_kept: Cell<bool>,
    /// The tokens of a session that has ended, until the metadata of the server are known.
    owed: RefCell<Vec<Leftover>>,
    /// Whether something suggests that the provider has forgotten this client.
    doubted: Cell<bool>,
    /// The number of the last exchange.
    exchanges: Cell<i64>,
}

impl<H: Host> fmt::Debug for Client<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("config", &self.core.config).finish_non_exhaustive()
    }
}

impl<H: Host> Clone for Client<H> {
    fn clone(&self) -> Self {
        Self { core: self.core.clone(), page: self.page.clone() }
    }
}

/// A request that was sent to the provider, and whose response has not arrived yet.
struct Exchange<H: Host> {
    core: Rc<Core<H>>,
    response: H::Answer,
    asked: Asked,
    /// The secrets that the server knew when the request was sent.
    secrets: Secrets,
}

impl<H: Host> Exchange<H> {
    /// Waits for the response, and adds the secrets that its text must not reveal to a page: the session's tokens at the time
    /// of the request and at the time of the response, the secrets of the sign-in or renewal that the request is part of, and
    /// the secrets in the request itself. If there are too many, those of the request are dropped last.
    async fn response(self, part_of: &Secrets) -> Result<HttpResponse> {
        let Self { core, response, asked, secrets: earlier } = self;
        let response = response.await;
        let mut secrets = core.session.borrow().secrets();
        secrets.join(part_of);
        secrets.join(&earlier);
        core.tell_response(asked, response.as_ref(), &secrets);
        Ok(HttpResponse { secrets, ..response? })
    }
}

impl<H: Host> Client<H> {
    /// Creates a client.
    pub fn with_host(host: H, options: Options) -> Self {
        let Options { client: config, page } = options;
        let lookup = RefCell::new(Lookup::of(config.server.clone()));
        let core = Core {
            host,
            config,
            lookup,
            keys: RefCell::default(),
            possession: Possession::default(),
            session: RefCell::default(),
            device: RefCell::default(),
            beginning: Cell::new(false),
            ended: Bell::default(),
            completing: Cell::new(0),
            is_awake: Cell::new(false),
            is_kept: Cell::new(false),
            owed: RefCell::default(),
            doubted: Cell::new(false),
            exchanges: Cell::new(0),
        };
        Self { core: Rc::new(core), page: Rc::new(page) }
    }

    /// The same client for another page.
    #[must_use]
    pub fn for_page(&self, page: PageOptions) -> Self {
        Self { core: self.core.clone(), page: Rc::new(page) }
    }

    /// Whether `other` is the same client, with the same session.
    pub fn is_same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.core, &other.core)
    }

    /// The configuration of the client.
    pub fn config(&self) -> &Config {
        &self.core.config
    }

    /// The session, as the app may know it; absent when signed out. This call ends a session whose token is
    /// no longer valid and cannot be renewed.
    pub fn session(&self) -> Option<Session> {
        if self.core.session.borrow_mut().expire(self.core.host.now()) {
            self.changed(Change::Expired);
        }
        self.view()
    }

    fn view(&self) -> Option<Session> {
        self.core.session.borrow().view(self.core.host.now())
    }

    /// Whether the client has tokens.
    pub fn is_signed_in(&self) -> bool {
        self.core.session.borrow().is_live()
    }

    /// Whether a user is signed in, and not the client itself.
    pub fn has_user(&self) -> bool {
        self.core.session.borrow().has_user()
    }

    /// Whether the client itself is signed in, without a user.
    pub fn is_machine(&self) -> bool {
        self.is_signed_in() && !self.has_user()
    }

    /// The user's `sub`; absent without an ID Token.
    pub fn subject(&self) -> Option<String> {
        self.core.session.borrow().subject().map(Into::into)
    }

    /// Sends a request to the provider immediately. The response is awaited separately.
    fn send(&self, request: HttpRequest) -> Exchange<H> {
        let mut secrets = self.core.session.borrow().secrets();
        secrets.join(&request.secrets);
        let asked = self.core.tell_request(&request);
        let response = self.core.host.send(request, self.page.timeout);
        Exchange { core: self.core.clone(), response, asked, secrets }
    }

    /// Notifies the host of a change, before the call that caused the change ends.
    fn changed(&self, change: Change) {
        self.core.host.changed(change, self.view());
        self.core.host.deposit();
    }
}
