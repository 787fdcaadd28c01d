//! A sign-in on another device (RFC 8628).

use core::cell::RefCell;
use std::rc::Rc;

use super::host::Host;
use super::sign_in::Completing;
use super::{Client, Core};
use crate::protocol::device::{self, Pending, Prompt, Step};
use crate::protocol::dpop;
use crate::protocol::error::{Error, Kind, Result};
use crate::protocol::foreign::Secrets;
use crate::protocol::http::Method;
use crate::protocol::metadata::ServerMetadata;
use crate::protocol::resource::OF_SIGN_IN;
use crate::protocol::session_state::Call;
use crate::protocol::transaction::Transaction;

/// A sign-in on another device, until another one begins.
#[derive(Debug)]
pub(super) struct Waiting<K> {
    number: u32,
    /// The key for its tokens, from the first request for them on.
    key: RefCell<Option<K>>,
    pending: RefCell<Pending>,
    /// What the provider was asked for.
    form: String,
    transaction: Transaction,
    call: Call,
    /// The callers that wait for it: a number for each call.
    waits: RefCell<Vec<u32>>,
    /// How it ended. Each call that waits for it hears of that.
    outcome: RefCell<Option<Result<()>>>,
}

/// The state of a sign-in on another device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polled {
    /// The user has not finished: ask again after so many milliseconds.
    Wait(i64),
    /// The user is signed in.
    SignedIn,
}

impl<H: Host> Client<H> {
    /// Begins a sign-in on another device, or continues one that asked for the same and still waits for the user, for example
    /// after a reload of the page. `params` are further parameters with their registered names. The app shows what it returns, and
    /// passes the number to [`Client::poll_device`]. `caller` is any number that the app gives to its page.
    ///
    /// # Errors
    ///
    /// Those of discovery, of [`device::check`], of [`device::request`] and of [`Pending::from_response`].
    pub async fn begin_device(&self, caller: u32, scope: &str, params: &[(String, String)]) -> Result<(u32, Prompt)> {
        let (host, config) = (&self.core.host, &self.core.config);
        config.check_id()?;
        let scope = device::check(config, scope, params)?;
        let metadata = self.metadata().await?;
        dpop::algorithms(config, &metadata)?; // before the user enters a code
        let request = device::request(&metadata, config, &scope, params)?;
        let Method::Post(form) = &request.method else { return Err(Error::unexpected("a request without a form")) };
        let form = String::from(form.expose());
        // Two pages that begin at the same time show the same codes.
        while self.core.beginning.get() {
            self.core.ended.rung().await;
        }
        let call = self.core.session.borrow().call(OF_SIGN_IN);
        if let Some(waiting) = &*self.core.device.borrow()
            && waiting.form == form
            && waiting.is_open()
            && waiting.pending.borrow().is_alive(host.now())
        {
            waiting.waits.borrow_mut().push(caller);
            return Ok((waiting.number, waiting.pending.borrow().prompt.clone()));
        }
        // Not the next number: a page whose worker has ended may ask another one.
        let [a, b, c, d, ..] = host.entropy()?;
        let number = u32::from_le_bytes([a, b, c, d]);
        self.core.beginning.set(true);
        let response = {
            let _beginning = Beginning(&self.core);
            self.exchange(request, None, &Secrets::default()).await?
        };
        let pending = Pending::from_response(&response, config.loopback, host.now())?;
        let prompt = pending.prompt.clone();
        let transaction = Transaction::of_device(config, &scope, params, host.now());
        let (pending, waits, outcome) = (RefCell::new(pending), RefCell::new(vec![caller]), RefCell::default());
        let waiting = Waiting { number, key: RefCell::default(), pending, form, transaction, call, waits, outcome };
        *self.core.device.borrow_mut() = Some(Rc::new(waiting));
        Ok((number, prompt))
    }

    /// Asks the provider whether the user has finished, unless it is too early to ask. Several pages can call this.
    ///
    /// # Errors
    ///
    /// [`Kind::Cancelled`] if this sign-in was ended, or another one has taken its place; [`Kind::TokenRefused`] with `access_denied`
    /// or `expired_token`; and those of a token response and of its ID Token. The sign-in has ended then.
    pub async fn poll_device(&self, number: u32) -> Result<Polled> {
        let metadata = self.metadata().await?;
        self.completed().await;
        let current = self.core.device.borrow().clone();
        let waiting = current.filter(|waiting| waiting.number == number).ok_or(Kind::Cancelled)?;
        if let Some(outcome) = &*waiting.outcome.borrow() {
            return outcome.clone().map(|()| Polled::SignedIn);
        }
        let polled = self.ask(&waiting, &metadata).await;
        match &polled {
            Ok(Polled::Wait(_)) => {}
            Ok(Polled::SignedIn) => waiting.end(Ok(())),
            Err(error) => waiting.end(Err(error.clone())),
        }
        polled
    }

    async fn ask(&self, waiting: &Waiting<H::Key>, metadata: &ServerMetadata) -> Result<Polled> {
        let (host, config) = (&self.core.host, &self.core.config);
        let step = waiting.pending.borrow_mut().next(metadata, config, host.now())?;
        let request = match step {
            Step::Ask(request) => request,
            Step::Wait(milliseconds) => return Ok(Polled::Wait(milliseconds)),
        };
        let asked = async {
            let _asking = Asking(&waiting.pending);
            if waiting.key.borrow().is_none() {
                *waiting.key.borrow_mut() = self.new_key(metadata).await?;
            }
            let key = waiting.key.borrow().clone();
            let response = self.exchange(request, key.as_ref(), &Secrets::default()).await?;
            self.tokens_in(&response, key.as_ref()).await
        };
        let tokens = match asked.await {
            Err(failure) => return waiting.pending.borrow_mut().later(failure, host.now()).map(Polled::Wait),
            Ok(tokens) => tokens,
        };
        // The app, or a sign-out, may have ended this sign-in meanwhile.
        if !waiting.is_open() {
            let leftover = self.core.session.borrow().too_late(*tokens);
            self.revoke(leftover).await;
            return Err(Kind::Cancelled.into());
        }
        let _completing = Completing::begin(&self.core);
        let key = waiting.key.borrow().clone();
        self.start_session(tokens, None, metadata, &waiting.transaction, waiting.call, key).await?;
        Ok(Polled::SignedIn)
    }

    /// Stops one call's wait for the other device. If no other call waits, the sign-in has ended. The provider hears nothing of it:
    /// the codes expire.
    pub fn abandon_device(&self, caller: u32, number: u32) {
        if let Some(waiting) = self.core.device.borrow().as_ref().filter(|waiting| waiting.number == number) {
            let mut waits = waiting.waits.borrow_mut();
            if let Some(place) = waits.iter().position(|known| *known == caller) {
                waits.remove(place);
            }
            if waits.is_empty() {
                waiting.end(Err(Kind::Cancelled.into()));
            }
        }
    }

    /// Forgets a caller that is gone. The sign-in does not end: the page may come back.
    pub fn leave_device(&self, caller: u32) {
        if let Some(waiting) = &*self.core.device.borrow() {
            waiting.waits.borrow_mut().retain(|known| *known != caller);
        }
    }

    /// Ends a sign-in on another device because the user has signed out, in this client or elsewhere.
    pub fn cancel_device(&self) {
        if let Some(waiting) = &*self.core.device.borrow() {
            waiting.end(Err(Kind::Cancelled.into()));
        }
    }
}

/// A sign-in is being begun while this value exists, even if its caller gives up.
struct Beginning<'a, H: Host>(&'a Core<H>);

impl<H: Host> Drop for Beginning<'_, H> {
    fn drop(&mut self) {
        self.0.beginning.set(false);
        self.0.ended.ring();
    }
}

/// A request is under way while this value exists.
struct Asking<'a>(&'a RefCell<Pending>);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.borrow_mut().answered();
    }
}

impl<K> Waiting<K> {
    /// Whether the sign-in has not ended.
    fn is_open(&self) -> bool {
        self.outcome.borrow().is_none()
    }

    /// The first outcome counts.
    fn end(&self, outcome: Result<()>) {
        self.outcome.borrow_mut().get_or_insert(outcome);
    }
}
