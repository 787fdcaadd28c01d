//! The renewal of tokens: one renewal at a time, which all calls wait for.

use super::host::{Host, ProofKey};
use super::{Client, Core};
use crate::protocol::error::{Kind, Result};
use crate::protocol::foreign::Secrets;
use crate::protocol::resource::OF_SIGN_IN;
use crate::protocol::session::Change;
use crate::protocol::session_state::{Action, Call, Ticket};
use crate::protocol::token::TokenResponse;

impl<H: Host> Client<H> {
    /// Returns a valid access token for the API at this URL or, without one, that of the sign-in. It is renewed if necessary. This is for
    /// apps that keep their tokens in the page and give up the protection of the worker.
    ///
    /// # Errors
    ///
    /// [`Kind::RequestBlocked`] for a URL that is not on the API list, [`Kind::LoginRequired`], and those of a renewal.
    pub async fn access_token(&self, url: Option<&str>) -> Result<String> {
        let target = url.map(|url| self.core.config.api.permit(url)).transpose()?.unwrap_or(OF_SIGN_IN);
        let call = self.core.session.borrow().call(target);
        self.ready(call).await?;
        let session = self.core.session.borrow();
        session.access_token(target).map(|token| token.expose().into()).ok_or_else(|| Kind::LoginRequired.into())
    }

    /// Renews the access token of the sign-in now. If the renewal fails, calls use the current one for as long as it is valid. Those for
    /// other targets are renewed before their next use.
    ///
    /// # Errors
    ///
    /// [`Kind::LoginRequired`], and those of a renewal.
    pub async fn refresh(&self) -> Result<()> {
        let call = {
            let mut session = self.core.session.borrow_mut();
            session.renew();
            session.call(OF_SIGN_IN)
        };
        self.ready(call).await?;
        self.core.session.borrow().renewed(call)
    }

    /// Waits until the access token may be attached, and renews it if necessary.
    pub(super) async fn ready(&self, call: Call) -> Result<()> {
        if !self.is_signed_in() {
            return Err(Kind::LoginRequired.into());
        }
        let (host, config) = (&self.core.host, &self.core.config);
        let metadata = self.metadata().await?;
        loop {
            let action = self.core.session.borrow_mut().next(call, &metadata.token_endpoint, config, host.now());
            match action {
                Action::Use => return Ok(()),
                Action::Wait => self.core.ended.rung().await,
                Action::SignIn => return Err(Kind::LoginRequired.into()),
                Action::Expired => {
                    self.changed(Change::Expired);
                    return Err(Kind::LoginRequired.into());
                }
                Action::Fail(error) => return Err(error),
                Action::Refresh(request, ticket) => {
                    host.deposit();
                    let renewing = Renewing { client: self, ticket };
                    let asked = async {
                        let key = self.session_key()?;
                        let response = self.exchange(request, key.as_ref(), &Secrets::default()).await?;
                        TokenResponse::from_response_to(&response, key.as_ref().map(ProofKey::public))
                    };
                    let tokens = asked.await;
                    let proof = match &tokens {
                        Ok(tokens) => self.prove(tokens, &metadata, None, self.has_user()).await,
                        Err(_) => Ok(None),
                    };
                    let before = self.view();
                    drop(renewing);
                    let (result, leftover) =
                        self.core.session.borrow_mut().refreshed(ticket, tokens, proof, config, host.now());
                    match &result {
                        Ok(_) if !ticket.is_of_sign_in() && before == self.view() => host.deposit(),
                        Ok(change) => self.changed(*change),
                        Err(error) if !leftover.is_empty() && !matches!(error.kind(), Kind::Cancelled) => {
                            self.changed(Change::Ended);
                        }
                        Err(_) => host.deposit(),
                    }
                    self.revoke(leftover).await;
                    if let Err(error) = result
                        && matches!(
                            error.kind(),
                            Kind::SessionEnded
                                | Kind::IdTokenInvalid { .. }
                                | Kind::WrongAudience { .. }
                                | Kind::Cancelled
                        )
                    {
                        return Err(error);
                    }
                }
            }
        }
    }
}

/// A renewal is under way while this value exists, even if its caller gives up.
struct Renewing<'a, H: Host> {
    client: &'a Client<H>,
    ticket: Ticket,
}

impl<H: Host> Drop for Renewing<'_, H> {
    fn drop(&mut self) {
        let Core { session, ended, .. } = &*self.client.core;
        session.borrow_mut().abandoned(self.ticket);
        ended.ring();
    }
}
