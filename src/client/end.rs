//! Sign-out in this client, at the provider, and on request of the provider.

use core::future::poll_fn;
use core::task::Poll;

use super::Client;
use super::host::Host;
use crate::protocol::authorization_request::{own_page, own_state};
use crate::protocol::config::AuthMethod;
use crate::protocol::error::{Kind, Result};
use crate::protocol::foreign::Secrets;
use crate::protocol::http::{Cache, HttpRequest};
use crate::protocol::logout;
use crate::protocol::secret::Secret;
use crate::protocol::session::Change;
use crate::protocol::token::Leftover;
use crate::protocol::trace::Step;

/// A session that has ended, with the data that is needed to end it at the provider.
#[derive(Debug)]
pub struct Ended {
    leftover: Vec<Leftover>,
    id_token: Option<Secret>,
}

impl<H: Host> Client<H> {
    /// Forgets the session immediately. [`Client::end_at_provider`] does the rest at the provider.
    pub fn forget(&self) -> Ended {
        self.cancel_device();
        let (id_token, leftover) = {
            let mut session = self.core.session.borrow_mut();
            (session.id_token().cloned(), session.end())
        };
        if !leftover.is_empty() {
            self.changed(Change::SignedOut);
        }
        self.core.ended.ring();
        Ended { leftover, id_token }
    }

    /// Revokes the tokens of a session that has ended. Returns the URL to which the page navigates to end the provider's own
    /// session and to come back to `return_to`; `None` without a `return_to`, if no such URL is known, or at the
    /// server that an API has named.
    ///
    /// # Errors
    ///
    /// [`Kind::UrlRejected`] if the provider names an unacceptable URL, [`Kind::Environment`] if there is no source of
    /// randomness, and those of [`logout::end_session_url`]. The session has ended nevertheless.
    ///
    /// [`Kind::UrlRejected`]: crate::protocol::error::Kind::UrlRejected
    /// [`Kind::Environment`]: crate::protocol::error::Kind::Environment
    pub async fn end_at_provider(&self, ended: Ended, return_to: Option<&str>) -> Result<Option<String>> {
        let Ended { leftover, id_token } = ended;
        let secrets = Secrets::new(leftover.iter().map(|left| &left.token).chain(&id_token));
        self.revoke(leftover).await;
        // The sign-in at the server of an API is for that API. The user's own session there may be one of other apps.
        let Some(return_to) = return_to.filter(|_| self.core.config.found_by().is_none()) else { return Ok(None) };
        match self.metadata_from(Cache::NoCache, &secrets).await {
            Ok(metadata) => {
                let state = own_state(self.core.host.entropy()?, "");
                let hint = id_token.filter(|_| self.page.id_token_hint);
                let url = logout::end_session_url(&metadata, &self.core.config, return_to, &state, hint.as_ref())?;
                if let Some(url) = &url {
                    self.tell_navigation(Step::EndSession, url, &secrets);
                }
                Ok(url)
            }
            Err(_) => Ok(None),
        }
    }

    /// Checks that the page to which the provider sends the user back is a page of this app.
    ///
    /// # Errors
    ///
    /// [`Kind::Config`] for a page of another origin.
    ///
    /// [`Kind::Config`]: crate::protocol::error::Kind::Config
    pub fn check_return(&self, return_to: Option<&str>) -> Result<()> {
        let Some(return_to) = return_to else { return Ok(()) };
        own_page("postLogoutRedirectUri", return_to, &self.core.host.origin())
    }

    /// Ends the session in this client and at the provider: [`Client::forget`] and [`Client::end_at_provider`] in one call.
    ///
    /// # Errors
    ///
    /// Those of [`Client::check_return`] and [`Client::end_at_provider`].
    pub async fn end(&self, return_to: Option<&str>) -> Result<Option<String>> {
        self.check_return(return_to)?;
        self.end_at_provider(self.forget(), return_to).await
    }

    /// Leaves the tokens of a session that has ended until the metadata of the server are known: see [`Client::settle`].
    pub(crate) fn owe(&self, Ended { leftover, .. }: Ended) {
        self.core.owed.borrow_mut().extend(leftover);
    }

    /// Revokes the tokens of [`Client::owe`].
    pub(crate) async fn settle(&self) {
        let owed = self.core.owed.take();
        self.revoke(owed).await;
    }

    /// Forgets the session, and asks the provider to revoke its tokens without waiting for the responses. For a client with a key,
    /// nothing is revoked, since nothing waits for the signature.
    pub fn end_unheard(&self) {
        let Ended { leftover, .. } = self.forget();
        if self.core.config.auth_method == AuthMethod::None {
            drop(self.revocations(&leftover).into_iter().map(|request| self.send(request)).collect::<Vec<_>>());
        }
    }

    /// Whether the provider means this session. `query` is the query of the page that the provider loads in a frame to end the
    /// session in this client as well (Front-Channel Logout §2).
    pub fn is_named_by(&self, query: &str) -> bool {
        self.core.session.borrow().is_named_by(query)
    }

    /// The requests that ask the provider to revoke the remaining tokens. This is best effort: no response changes anything here.
    fn revocations(&self, leftover: &[Leftover]) -> Vec<HttpRequest> {
        let Some(metadata) = self.core.lookup.borrow().found.clone() else { return Vec::new() };
        logout::revocation_requests(leftover, &metadata, &self.core.config)
    }

    /// Revokes the remaining tokens, all at once, and waits until the responses have arrived or their deadline has passed.
    pub(super) async fn revoke(&self, leftover: Vec<Leftover>) {
        if leftover.is_empty() {
            return;
        }
        // The metadata are unknown if the session was kept on the device, and ends before it was used.
        let secrets = Secrets::new(leftover.iter().map(|left| &left.token));
        drop(self.metadata_from(Cache::NoCache, &secrets).await);
        // A key that is gone is no reason to leave a token valid: the server need not ask for a proof here.
        let keys = leftover.iter().map(|token| self.key(token.bound_to.as_ref()).ok().flatten());
        let requests = self.revocations(&leftover).into_iter().zip(keys);
        let mut asked: Vec<_> = requests.map(|(request, key)| Box::pin(self.revoke_one(request, key))).collect();
        poll_fn(|context| {
            asked.retain_mut(|asked| asked.as_mut().poll(context).is_pending());
            if asked.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    async fn revoke_one(&self, request: HttpRequest, key: Option<H::Key>) {
        let none = Secrets::default();
        let outcome = self.present(request.clone(), key.as_ref(), &none).await;
        // Because of the header `DPoP`, the browser first asks whether it may be sent. This endpoint need not be prepared for that.
        let is_lost = outcome.is_err_and(|error| matches!(error.kind(), Kind::Network { .. }));
        if is_lost && key.is_some() {
            drop(self.present(request, None, &none).await);
        }
    }
}
