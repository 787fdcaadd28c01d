//! Which calls may carry the token, and its renewal.

use std::sync::Arc;

use super::Client;
use super::host::Host;
use crate::protocol::config::Userinfo;
use crate::protocol::error::Error;
use crate::protocol::foreign::Secrets;
use crate::protocol::http::HttpRequest;
use crate::protocol::jwt::Algorithms;
use crate::protocol::secret::Secret;
use crate::protocol::session::{Action, Call, Change, Refused};
use crate::protocol::token::TokenResponse;
use crate::protocol::userinfo;

/// What one call carries, and what is to be remembered if the API refuses it.
#[derive(Clone, Debug)]
pub struct Pass {
    /// The value of the `Authorization` header (RFC 6750 §2.1).
    pub authorization: Secret,
    call: Call,
}

impl<H: Host> Client<H> {
    /// Whether the page wants this address asked ahead of the token: see
    /// [`PageOptions::warm`](crate::protocol::config::PageOptions::warm).
    pub fn is_warm(&self, url: &str) -> bool {
        self.core.config.api.permit(url).is_ok() && self.page.warm.permit(url).is_ok()
    }

    /// Lets a call of the app through, if its URL is on the API list and it brings no credentials, in an `Authorization` or
    /// `DPoP` header. The token is renewed first if need be.
    ///
    /// # Errors
    ///
    /// [`Error::RequestBlocked`], [`Error::LoginRequired`], and those of a renewal.
    pub async fn admit(&self, url: &str, brings_credentials: bool) -> Result<Pass, Arc<Error>> {
        self.core.config.api.permit(url)?;
        if brings_credentials {
            return Err(Error::RequestBlocked { reason: "it brings its own `Authorization` or `DPoP` header" }.into());
        }
        let call = self.core.session.borrow().call();
        self.pass(call).await
    }

    /// Notes that a call was refused with a 401, and says whether to try again makes sense. Without a refresh token the
    /// session is over.
    pub fn refused(&self, pass: &Pass) -> bool {
        let refused = self.core.session.borrow_mut().refused(pass.call, self.core.host.now());
        if refused == Refused::Ends {
            self.changed(Change::Expired);
        }
        refused == Refused::Again
    }

    /// Lets a refused call through once more, with a renewed token. `None`: no renewal is possible, and the API's own
    /// response says more.
    ///
    /// # Errors
    ///
    /// Those of a renewal.
    pub async fn admit_again(&self, refused: Pass) -> Result<Option<Pass>, Arc<Error>> {
        match self.pass(refused.call).await {
            Ok(pass) => Ok(Some(pass)),
            Err(error) if matches!(*error, Error::LoginRequired) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn pass(&self, call: Call) -> Result<Pass, Arc<Error>> {
        self.ready(call).await?;
        // Captured once the token that the call carries is known.
        let session = self.core.session.borrow();
        match session.access_token() {
            Some(token) => {
                let authorization = Secret::new(["Bearer ", token.expose()].concat());
                Ok(Pass { call: session.call(), authorization })
            }
            None => Err(Error::LoginRequired.into()),
        }
    }

    /// What the provider says of the user, as a JSON object: the claims as they come, without those that hold a secret. In
    /// a session without an ID Token the app has to say which user it expects.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if no user is expected, [`Error::LoginRequired`], [`Error::UserinfoInvalid`],
    /// [`Error::MetadataInvalid`], and what can go wrong on the way. The session is kept.
    pub async fn userinfo(&self, sub: Option<&str>) -> Result<String, Arc<Error>> {
        let config = &self.core.config;
        let subject = self.subject();
        let expected = [subject.as_deref(), sub];
        if expected == [None; 2] && self.is_signed_in() {
            return Err(Error::config("sub", "needed where no ID Token says who this is"));
        }
        let metadata = self.metadata().await?;
        let request = userinfo::request(&metadata)?;
        let send = |pass: &Pass| {
            let authorization = Some(pass.authorization.clone());
            self.send(HttpRequest { authorization, ..request.clone() })
        };
        let call = self.core.session.borrow().call();
        let pass = self.pass(call).await?;
        let mut response = send(&pass).response(&Secrets::default()).await?;
        if response.status == 401
            && self.refused(&pass)
            && let Some(pass) = self.admit_again(pass).await?
        {
            response = send(&pass).response(&Secrets::default()).await?;
        }
        let mut claims = String::from(userinfo::text(&response)?);
        if config.userinfo == Userinfo::Signed {
            let token = self.verify(&claims, "", Algorithms::ALL, &metadata, None, &response.secrets).await;
            claims = token.map_err(userinfo::of_userinfo)?.claims;
        }
        userinfo::check(&claims, expected, &metadata, config)?;
        Ok(response.secrets.cleared(&claims))
    }

    /// A valid access token, renewed if need be, for apps that take their tokens into the page and give up the
    /// protection of the worker.
    ///
    /// # Errors
    ///
    /// [`Error::LoginRequired`], and those of a renewal.
    pub async fn access_token(&self) -> Result<String, Arc<Error>> {
        let call = self.core.session.borrow().call();
        self.ready(call).await?;
        let session = self.core.session.borrow();
        session.access_token().map(|token| token.expose().into()).ok_or_else(|| Error::LoginRequired.into())
    }

    /// Renews the tokens now. If that does not work, the access token is used as long as it is good.
    ///
    /// # Errors
    ///
    /// [`Error::LoginRequired`], and those of a renewal.
    pub async fn refresh(&self) -> Result<(), Arc<Error>> {
        let call = {
            let mut session = self.core.session.borrow_mut();
            session.renew();
            session.call()
        };
        self.ready(call).await?;
        self.core.session.borrow().renewed(call)
    }

    /// Returns when the access token may be attached.
    async fn ready(&self, call: Call) -> Result<(), Arc<Error>> {
        if !self.is_signed_in() {
            return Err(Error::LoginRequired.into());
        }
        let (host, config) = (&self.core.host, &self.core.config);
        let metadata = self.metadata().await?;
        loop {
            let action = self.core.session.borrow_mut().next(call, &metadata.token_endpoint, config, host.now());
            match action {
                Action::Use => return Ok(()),
                Action::Wait => self.core.ended.rung().await,
                Action::SignIn => return Err(Error::LoginRequired.into()),
                Action::Expired => {
                    self.changed(Change::Expired);
                    return Err(Error::LoginRequired.into());
                }
                Action::Fail(error) => return Err(error),
                Action::Refresh(request, ticket) => {
                    let response = self.send(request).response(&Secrets::default()).await;
                    let tokens = response.and_then(|response| TokenResponse::from_response(&response));
                    let proof = match &tokens {
                        Ok(tokens) => self.prove(tokens, &metadata, None).await,
                        Err(_) => Ok(None),
                    };
                    let (result, leftover) =
                        self.core.session.borrow_mut().refreshed(ticket, tokens, proof, config, host.now());
                    match &result {
                        Ok(change) => self.changed(*change),
                        Err(error) if !leftover.is_empty() && !matches!(**error, Error::Cancelled) => {
                            self.changed(Change::Ended);
                        }
                        Err(_) => {}
                    }
                    self.core.ended.ring();
                    self.revoke(leftover).await;
                    if let Err(error) = result
                        && matches!(*error, Error::SessionEnded | Error::IdTokenInvalid { .. } | Error::Cancelled)
                    {
                        return Err(error);
                    }
                }
            }
        }
    }
}
