//! A sign-in on another device (RFC 8628).

use core::cell::RefCell;
use std::rc::Rc;

use super::Client;
use super::host::Host;
use super::sign_in::Completing;
use crate::protocol::device::{self, Pending, Prompt, Step};
use crate::protocol::error::{Error, Kind, Result};
use crate::protocol::foreign::Secrets;
use crate::protocol::http::Method;
use crate::protocol::session_state::Call;
use crate::protocol::token::TokenResponse;
use crate::protocol::transaction::Transaction;

/// A sign-in that waits for the user on another device.
#[derive(Debug)]
pub(super) struct Waiting {
    pending: RefCell<Pending>,
    /// What the provider was asked for.
    form: String,
    transaction: Transaction,
    call: Call,
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
    /// calls [`Client::poll_device`].
    ///
    /// # Errors
    ///
    /// Those of discovery, of [`device::check`], of [`device::request`] and of [`Pending::from_response`].
    pub async fn begin_device(&self, scope: &str, params: &[(String, String)]) -> Result<Prompt> {
        let (host, config) = (&self.core.host, &self.core.config);
        let scope = device::check(config, scope, params)?;
        let metadata = self.metadata().await?;
        let request = device::request(&metadata, config, &scope, params)?;
        let Method::Post(form) = &request.method else { return Err(Error::unexpected("a request without a form")) };
        let form = String::from(form.expose());
        let call = self.core.session.borrow().call();
        if let Some(waiting) = &*self.core.device.borrow()
            && waiting.form == form
            && waiting.pending.borrow().is_alive(host.now())
            && !self.core.session.borrow().is_overtaken(waiting.call)
        {
            return Ok(waiting.pending.borrow().prompt.clone());
        }
        let response = self.send(request).response(&Secrets::default()).await?;
        let pending = Pending::from_response(&response, config.loopback, host.now())?;
        let prompt = pending.prompt.clone();
        let transaction = Transaction::of_device(config, &scope, params, host.now());
        let waiting = Waiting { pending: RefCell::new(pending), form, transaction, call };
        *self.core.device.borrow_mut() = Some(Rc::new(waiting));
        Ok(prompt)
    }

    /// Asks the provider whether the user has finished, unless it is too early to ask. Several pages can call this.
    ///
    /// # Errors
    ///
    /// [`Kind::Cancelled`] if there is no such sign-in any more; [`Kind::TokenRefused`] with `access_denied` or `expired_token`;
    /// and those of a token response and of its ID Token. The sign-in has ended then.
    pub async fn poll_device(&self) -> Result<Polled> {
        let (host, config) = (&self.core.host, &self.core.config);
        let metadata = self.metadata().await?;
        self.completed().await;
        let Some(waiting) = self.core.device.borrow().clone() else {
            return if self.is_signed_in() { Ok(Polled::SignedIn) } else { Err(Kind::Cancelled.into()) };
        };
        let step = if self.core.session.borrow().is_overtaken(waiting.call) {
            Err(Kind::Cancelled.into())
        } else {
            waiting.pending.borrow_mut().next(&metadata, config, host.now())
        };
        let request = match step {
            Ok(Step::Ask(request)) => request,
            Ok(Step::Wait(milliseconds)) => return Ok(Polled::Wait(milliseconds)),
            Err(error) => {
                self.abandon_device();
                return Err(error);
            }
        };
        let response = self.send(request).response(&Secrets::default()).await;
        let tokens = response.and_then(|response| TokenResponse::from_response(&response));
        // The app may have ended this sign-in meanwhile, and may have begun another one.
        let is_current = self.core.device.borrow().as_ref().is_some_and(|current| Rc::ptr_eq(current, &waiting));
        match tokens {
            Ok(tokens) if is_current => {
                self.abandon_device();
                let _completing = Completing::begin(&self.core);
                self.start_session(tokens, None, &metadata, &waiting.transaction, waiting.call).await?;
                Ok(Polled::SignedIn)
            }
            Err(failure) if is_current => {
                let later = waiting.pending.borrow_mut().later(failure, host.now());
                later.map(Polled::Wait).inspect_err(|_| self.abandon_device())
            }
            tokens => {
                if let Ok(tokens) = tokens {
                    self.revoke(tokens.into_leftover()).await;
                }
                Err(Kind::Cancelled.into())
            }
        }
    }

    /// Stops waiting for the other device. The provider hears nothing of it: the code expires.
    pub fn abandon_device(&self) {
        *self.core.device.borrow_mut() = None;
    }
}
