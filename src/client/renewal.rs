//! The renewal of tokens: one renewal at a time, which all calls wait for.

use super::Client;
use super::host::{Host, ProofKey};
use crate::protocol::error::{Kind, Result};
use crate::protocol::foreign::Secrets;
use crate::protocol::session::Change;
use crate::protocol::session_state::{Action, Call};
use crate::protocol::token::TokenResponse;

impl<H: Host> Client<H> {
    /// Returns a valid access token, renewed if necessary. This is for apps that keep their tokens in the page and give up the
    /// protection of the worker.
    ///
    /// # Errors
    ///
    /// [`Kind::LoginRequired`], and those of a renewal.
    pub async fn access_token(&self) -> Result<String> {
        let call = self.core.session.borrow().call();
        self.ready(call).await?;
        let session = self.core.session.borrow();
        session.access_token().map(|token| token.expose().into()).ok_or_else(|| Kind::LoginRequired.into())
    }

    /// Renews the tokens now. If the renewal fails, calls use the current access token for as long as it is valid.
    ///
    /// # Errors
    ///
    /// [`Kind::LoginRequired`], and those of a renewal.
    pub async fn refresh(&self) -> Result<()> {
        let call = {
            let mut session = self.core.session.borrow_mut();
            session.renew();
            session.call()
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
                    let (result, leftover) =
                        self.core.session.borrow_mut().refreshed(ticket, tokens, proof, config, host.now());
                    match &result {
                        Ok(change) => self.changed(*change),
                        Err(error) if !leftover.is_empty() && !matches!(error.kind(), Kind::Cancelled) => {
                            self.changed(Change::Ended);
                        }
                        Err(_) => host.deposit(),
                    }
                    self.core.ended.ring();
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
