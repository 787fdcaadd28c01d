//! The client: drives the protocol through a whole sign-in, call, renewal and sign-out, on any target.
//!
//! What it cannot do itself (send, wait, check a signature, read a clock) it asks of a [`Host`]. Nothing here knows a
//! browser, so the same code runs in tests without one.

mod bell;
pub mod host;
mod lookup;
mod proof;

use core::cell::{Cell, RefCell};
use std::sync::Arc;

use bell::Bell;
use host::Host;
use lookup::Lookup;

use crate::protocol::authorization_request::{AuthorizationRequest, Entropy, SignIn};
use crate::protocol::authorization_response::AuthorizationResponse;
use crate::protocol::config::{Config, Userinfo};
use crate::protocol::error::Error;
use crate::protocol::http::HttpRequest;
use crate::protocol::jwks::Keys;
use crate::protocol::jwt::Algorithms;
use crate::protocol::logout;
use crate::protocol::pkce::random_text;
use crate::protocol::secret::Secret;
use crate::protocol::session::{Action, Call, Change, Leftover, Session};
use crate::protocol::token::{TokenRequest, TokenResponse};
use crate::protocol::transaction::Transaction;
use crate::protocol::userinfo;

/// Codes with which a provider says that it cannot sign in without asking (OpenID Connect Core §3.1.2.6): after a
/// silent attempt a normal answer, no error.
const INTERACTION_NEEDED: [&str; 4] =
    ["login_required", "interaction_required", "consent_required", "account_selection_required"];

/// One client of one provider. Calls may overlap.
#[derive(Debug)]
pub struct Client<H> {
    host: H,
    config: Config,
    lookup: RefCell<Lookup>,
    keys: RefCell<Keys>,
    session: RefCell<Session>,
    change: Cell<Option<Change>>,
    settled: Bell,
}

/// What one call carries, and what is to be remembered if the API refuses it.
#[derive(Clone, Debug)]
pub struct Pass {
    /// The value of the `Authorization` header (RFC 6750 §2.1).
    pub authorization: Secret,
    call: Call,
}

/// What an authorization response led to.
#[derive(Debug)]
pub enum Completion {
    /// The page was not loaded by an authorization response of ours.
    Ignored,
    /// The sign-in is over: the session says with what result, and the page belongs at this path.
    ReturnTo(String),
    /// The provider cannot do without asking the user, as it was told to. The page belongs at this path.
    Declined(String),
}

impl<H: Host> Client<H> {
    /// Makes a client from options as `pkg/index.d.ts` spells them, as a JSON object with absolute URLs.
    ///
    /// # Errors
    ///
    /// Those of [`Config::parse`].
    pub fn with_host(host: H, options: &str) -> Result<Self, Arc<Error>> {
        let config = Config::parse(options)?;
        let lookup = RefCell::new(Lookup::of(config.server.clone()));
        Ok(Self {
            host,
            config,
            lookup,
            keys: RefCell::default(),
            session: RefCell::default(),
            change: Cell::new(None),
            settled: Bell::default(),
        })
    }

    /// What it was made from.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Prepares a sign-in: where the browser goes, and the transaction to be kept until it comes back.
    ///
    /// # Errors
    ///
    /// Those of discovery, and those of [`AuthorizationRequest::new`].
    pub async fn begin(&self, sign_in: SignIn<'_>) -> Result<AuthorizationRequest, Arc<Error>> {
        sign_in.check(&self.config)?;
        let metadata = self.metadata().await?;
        let entropy =
            Entropy { state: self.host.entropy()?, nonce: self.host.entropy()?, code_verifier: self.host.entropy()? };
        AuthorizationRequest::new(&self.config, &metadata, sign_in, &entropy, self.host.now())
    }

    /// Finishes a sign-in. `address` is that of the page with its query and fragment, `record` what was kept under its
    /// `state`. `pending` says whether other sign-ins are under way, `alone` whether all clients here are of this provider.
    ///
    /// # Errors
    ///
    /// Everything that can be wrong with a response, its code or its tokens. A session that was there before stays.
    pub async fn complete(
        &self,
        address: &str,
        record: Option<&str>,
        pending: bool,
        alone: bool,
    ) -> Result<Completion, Arc<Error>> {
        let end = address.bytes().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(address.len());
        let (page, query) = address.split_at_checked(end).unwrap_or_default();
        let query = query.strip_prefix('?').unwrap_or(query);
        let Some(response) = AuthorizationResponse::parse(query)? else { return Ok(Completion::Ignored) };
        let Some(transaction) = record.and_then(Transaction::from_record) else {
            return if pending {
                Err(Error::StateMismatch { reason: "unknown `state`" }.into())
            } else {
                Ok(Completion::Ignored)
            };
        };
        self.take_up(&transaction);
        let metadata = self.metadata().await?;
        let silent = transaction.silent;
        let return_to = transaction.return_to.clone();
        let grant = match response.accept(transaction, &metadata, (!alone).then_some(page), self.host.now()) {
            Ok(grant) => grant,
            Err(error)
                if silent && error.oauth().is_some_and(|said| INTERACTION_NEEDED.contains(&said.error.as_str())) =>
            {
                return Ok(Completion::Declined(return_to));
            }
            Err(error) => return Err(error),
        };
        let call = self.session.borrow().call();
        let keys = self.keys.borrow_mut().early(&metadata, self.host.now());
        let keys = keys.map(|request| self.host.send(request, self.config.timeout));
        let (request, transaction) = TokenRequest::for_grant(grant, &self.config);
        let response = self.host.send(request.request(&metadata.token_endpoint), self.config.timeout).await?;
        let tokens = TokenResponse::from_response(&response)?;
        let proof = self.prove(&tokens, &metadata, keys).await;
        let outcome = {
            let mut session = self.session.borrow_mut();
            if session.is_overtaken(call) {
                (Err(Error::Cancelled.into()), tokens.into_leftover())
            } else {
                session.sign_in(tokens, proof, &transaction, &self.config, self.host.now())
            }
        };
        let (result, leftover) = outcome;
        if let Ok(change) = &result {
            self.change.set(Some(*change));
        }
        self.revoke(leftover).await;
        result.map(|_| Completion::ReturnTo(return_to))
    }

    /// What the app may know of the session, as JSON; absent when signed out.
    pub fn session(&self) -> Option<String> {
        self.session.borrow().view(self.host.now())
    }

    /// What changed since the last time anybody asked.
    pub fn take_change(&self) -> Option<Change> {
        self.change.take()
    }

    /// Whether the app wants this address asked ahead of the token: see
    /// [`ApiList::permit`](crate::protocol::resource::ApiList::permit).
    pub fn is_warm(&self, url: &str) -> bool {
        self.config.api.permit(url).unwrap_or(false)
    }

    /// Lets a call of the app through, if its URL is on the API list and it brings no credentials, in an `Authorization` or
    /// `DPoP` header. The token is renewed first if need be.
    ///
    /// # Errors
    ///
    /// [`Error::RequestBlocked`], [`Error::LoginRequired`], and those of a renewal.
    pub async fn admit(&self, url: &str, brings_credentials: bool) -> Result<Pass, Arc<Error>> {
        self.config.api.permit(url)?;
        if brings_credentials {
            return Err(Error::RequestBlocked { reason: "it brings its own `Authorization` or `DPoP` header" }.into());
        }
        let call = self.session.borrow().call();
        self.pass(call).await
    }

    /// Notes that a call was refused with a 401, and says whether to try again makes sense.
    pub fn refused(&self, pass: &Pass) -> bool {
        self.session.borrow_mut().refused(pass.call)
    }

    /// Lets a refused call through once more, with a renewed token. `None`: no renewal is possible, and the API's own
    /// answer says more.
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
        // Captured only once the token that the call carries is settled.
        let session = self.session.borrow();
        match session.access_token() {
            Some(token) => {
                let authorization = Secret::new(["Bearer ", token.expose()].concat());
                Ok(Pass { call: session.call(), authorization })
            }
            None => Err(Error::LoginRequired.into()),
        }
    }

    /// What the provider says of the user, as a JSON object: the claims as they come. In a session without an ID Token
    /// the app has to say whom it expects.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if nobody is expected, [`Error::LoginRequired`], [`Error::UserinfoInvalid`],
    /// [`Error::MetadataInvalid`], and what can go wrong on the way. The session is kept.
    pub async fn userinfo(&self, sub: Option<&str>) -> Result<String, Arc<Error>> {
        let subject = self.session.borrow().subject().map(String::from);
        let expected = [subject.as_deref(), sub];
        if expected == [None; 2] && self.session.borrow().access_token().is_some() {
            return Err(Error::config("sub", "needed where no ID Token says who this is"));
        }
        let metadata = self.metadata().await?;
        let request = userinfo::request(&metadata)?;
        let send = |pass: &Pass| {
            let authorization = Some(pass.authorization.clone());
            self.host.send(HttpRequest { authorization, ..request.clone() }, self.config.timeout)
        };
        let call = self.session.borrow().call();
        let pass = self.pass(call).await?;
        let mut response = send(&pass).await?;
        if response.status == 401
            && self.refused(&pass)
            && let Some(pass) = self.admit_again(pass).await?
        {
            response = send(&pass).await?;
        }
        let mut claims = String::from(userinfo::text(&response)?);
        if self.config.userinfo == Userinfo::Signed {
            let token = self.verify(&claims, "", Algorithms::ALL, &metadata, None).await;
            claims = token.map_err(userinfo::of_userinfo)?.claims;
        }
        userinfo::check(&claims, expected, &metadata, &self.config)?;
        Ok(claims)
    }

    /// A valid access token, renewed if need be. Whoever calls this leaves the protection of the worker behind.
    ///
    /// # Errors
    ///
    /// [`Error::LoginRequired`], and those of a renewal.
    pub async fn access_token(&self) -> Result<String, Arc<Error>> {
        let call = self.session.borrow().call();
        self.ready(call).await?;
        let session = self.session.borrow();
        session.access_token().map(|token| token.expose().into()).ok_or_else(|| Error::LoginRequired.into())
    }

    /// Renews the tokens now. If that does not work, the access token is used as long as it is good.
    ///
    /// # Errors
    ///
    /// [`Error::LoginRequired`], and those of a renewal.
    pub async fn refresh(&self) -> Result<(), Arc<Error>> {
        let call = {
            let mut session = self.session.borrow_mut();
            session.renew();
            session.call()
        };
        self.ready(call).await?;
        self.session.borrow().renewed(call)
    }

    /// Forgets the session, revokes its tokens, and says where the page goes to end the provider's own session and come
    /// back to `return_to`; nowhere, without that.
    ///
    /// # Errors
    ///
    /// [`Error::UrlRejected`] if the provider names an unacceptable address. The session is over all the same.
    pub async fn end(&self, return_to: Option<&str>) -> Result<Option<String>, Arc<Error>> {
        let id_token = self.session.borrow().id_token().cloned();
        let leftover = self.forget(Change::SignedOut);
        self.settled.ring();
        self.revoke(leftover).await;
        let Some(return_to) = return_to else { return Ok(None) };
        match self.metadata().await {
            Ok(metadata) => {
                let state = random_text(self.host.entropy()?);
                logout::end_session_url(&metadata, &self.config, return_to, &state, id_token.as_ref())
            }
            Err(_) => Ok(None),
        }
    }

    /// Whether the provider means this session: `query` is that of the page which it loads in a frame so that the session
    /// there is ended, too (Front-Channel Logout §2).
    pub fn is_named_by(&self, query: &str) -> bool {
        self.session.borrow().is_named_by(query)
    }

    /// Fetches the metadata, so that a later sign-in leaves at once.
    ///
    /// # Errors
    ///
    /// Those of discovery.
    pub async fn prepare(&self) -> Result<(), Arc<Error>> {
        self.metadata().await.map(drop)
    }

    fn forget(&self, change: Change) -> Leftover {
        let leftover = self.session.borrow_mut().end();
        if !leftover.is_empty() {
            self.change.set(Some(change));
        }
        leftover
    }

    /// Returns when the access token may be attached.
    async fn ready(&self, call: Call) -> Result<(), Arc<Error>> {
        if self.session.borrow().access_token().is_none() {
            return Err(Error::LoginRequired.into());
        }
        let metadata = self.metadata().await?;
        loop {
            let action = self.session.borrow_mut().next(call, &metadata.token_endpoint, &self.config, self.host.now());
            match action {
                Action::Use => return Ok(()),
                Action::Wait => self.settled.rung().await,
                Action::SignIn => return Err(Error::LoginRequired.into()),
                Action::Fail(error) => return Err(error),
                Action::Refresh(request, ticket) => {
                    let answer = self.host.send(request, self.config.timeout).await;
                    let tokens = answer.and_then(|response| TokenResponse::from_response(&response));
                    let proof = match &tokens {
                        Ok(tokens) => self.prove(tokens, &metadata, None).await,
                        Err(_) => Ok(None),
                    };
                    let (result, leftover) =
                        self.session.borrow_mut().refreshed(ticket, tokens, proof, &self.config, self.host.now());
                    match &result {
                        Ok(change) => self.change.set(Some(*change)),
                        Err(error) if !leftover.is_empty() && !matches!(**error, Error::Cancelled) => {
                            self.change.set(Some(Change::Ended));
                        }
                        Err(_) => {}
                    }
                    self.settled.ring();
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

    /// Best effort: nobody waits longer than the deadline for it, and no answer changes anything here.
    async fn revoke(&self, leftover: Leftover) {
        let Some(metadata) = self.lookup.borrow().found.clone() else { return };
        for request in logout::revocation_requests(&leftover, &metadata, &self.config) {
            if self.host.send(request, self.config.timeout).await.is_err() {
                return;
            }
        }
    }
}
