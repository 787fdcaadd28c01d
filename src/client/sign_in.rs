//! From the authorization request to the session.

use core::future::poll_fn;
use core::pin::Pin;
use core::task::Poll;

use super::host::{Host, ProofKey};
use super::{Client, Core, Exchange};
use crate::protocol::authorization_request::{AuthorizationRequest, Entropy, SignIn};
use crate::protocol::authorization_response::{AuthorizationResponse, Declines};
use crate::protocol::config::AuthMethod;
use crate::protocol::dpop;
use crate::protocol::error::{Error, Kind, OAuthError, Result};
use crate::protocol::foreign::Secrets;
use crate::protocol::http::{Cache, HttpResponse};
use crate::protocol::metadata::ServerMetadata;
use crate::protocol::pushed::{self, Pushed};
use crate::protocol::resource::OF_SIGN_IN;
use crate::protocol::session::Change;
use crate::protocol::session_state::Call;
use crate::protocol::token::{TokenRequest, TokenResponse};
use crate::protocol::trace::Step;
use crate::protocol::transaction::{RedirectPage, Transaction};

/// The result of an authorization response.
#[derive(Debug)]
pub enum Completion {
    /// The page was not loaded by an authorization response of this client.
    Ignored,
    /// The sign-in has succeeded. The page has to return to this path.
    ReturnTo(String),
    /// The silent attempt ended without a session, for this reason: the provider cannot sign the user in without interaction,
    /// or it refuses an automatic attempt to restore a session. The page has to return to this path.
    Declined(String, OAuthError),
}

/// Whether sign-ins of this client are under way, apart from the one that a response belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherSignIns {
    /// No other sign-in is pending: a response without a transaction is not for this client, and is ignored.
    None,
    /// Another sign-in is pending: a response without a transaction is an error.
    Pending,
}

/// The response of the token endpoint, as the guard has received it.
#[derive(Debug)]
pub struct Redeemed {
    /// Unchecked.
    pub response: HttpResponse,
    /// The time of its arrival, in milliseconds since 1970.
    pub received: i64,
}

/// The query and the fragment of a page's URL, without the `?`.
fn response_in(address: &str) -> &str {
    let end = address.bytes().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(address.len());
    let query = address.get(end..).unwrap_or_default();
    query.strip_prefix('?').unwrap_or(query)
}

/// Distinguishes a refusal that is a normal result of a silent attempt from an error.
fn declined(error: Error, declines: Declines, return_to: String) -> Result<Completion> {
    if !declines.include(&error) {
        return Err(error);
    }
    let said = error.oauth().cloned();
    let said = said.unwrap_or_else(|| OAuthError::from_code(Secrets::default().quote(error.code())));
    Ok(Completion::Declined(return_to, said))
}

impl<H: Host> Client<H> {
    /// Prepares a sign-in: the URL to which the browser navigates, and the transaction that must be stored until the response
    /// arrives. A silent sign-in (`prompt=none`) names the user of the current session, if there is one, and fails if the
    /// provider does not respond.
    ///
    /// # Errors
    ///
    /// Those of discovery, and those of [`AuthorizationRequest::new`].
    pub fn begin(&self, sign_in: SignIn<'_>) -> impl Future<Output = Result<AuthorizationRequest>> {
        self.begin_from(sign_in, Cache::NoCache)
    }

    /// Prepares a sign-in as [`Client::begin`] does, with metadata from the HTTP cache in this mode if this client has none.
    ///
    /// # Errors
    ///
    /// Those of [`Client::begin`].
    pub async fn begin_from(&self, sign_in: SignIn<'_>, cache: Cache) -> Result<AuthorizationRequest> {
        let (host, config) = (&self.core.host, &self.core.config);
        let origin = host.origin();
        config.check_id()?;
        sign_in.check(config, &origin)?;
        let was_known = self.core.lookup.borrow().found.is_some();
        let metadata = self.metadata_from(cache, &Secrets::default()).await?;
        // The vault has seen the provider before a page navigates to the guard.
        if sign_in.is_silent() && was_known && sign_in.carries.is_empty() {
            self.see(&metadata).await?;
        }
        let mut params = sign_in.params.to_vec();
        params.extend(self.login_hint(&sign_in));
        let sign_in = SignIn { params: &params, ..sign_in };
        dpop::algorithms(config, &metadata)?; // before the page leaves
        let key = self.key_for(&sign_in, &metadata).await?;
        let sign_in = SignIn { bound_to: key.as_ref().map(ProofKey::public), ..sign_in };
        let entropy = Entropy { state: host.entropy()?, nonce: host.entropy()?, code_verifier: host.entropy()? };
        let request = AuthorizationRequest::new(config, &metadata, sign_in, &origin, &entropy, host.now())?;
        if sign_in.is_draft {
            return Ok(request);
        }
        let request = self.pushed(request, key.as_ref(), &metadata, !sign_in.carries.is_empty()).await?;
        if let Some(key) = key {
            self.hold_key(key);
        }
        self.tell_navigation(Step::Authorization, &request.url, &request.transaction.secrets());
        Ok(request)
    }

    /// Pushes a request to the server, if the server takes pushed requests. A reference that has expired before the browser could use
    /// it is replaced once.
    ///
    /// # Errors
    ///
    /// Those of [`Pushed::from_response`], and those of sending the request. Nothing is sent through the browser instead: it could have
    /// been refused, and parameters in a URL can be changed.
    async fn pushed(
        &self,
        request: AuthorizationRequest,
        key: Option<&H::Key>,
        metadata: &ServerMetadata,
        in_guard: bool,
    ) -> Result<AuthorizationRequest> {
        let Some(endpoint) = &metadata.pushed_authorization_request_endpoint else { return Ok(request) };
        if in_guard && self.core.config.auth_method != AuthMethod::None {
            return Ok(request); // no page is there that could sign
        }
        let host = &self.core.host;
        let secrets = request.transaction.secrets();
        for _ in 0..2 {
            let sent = host.now();
            let pushing = pushed::request(endpoint, &request.form, secrets.clone());
            let response = self.exchange(pushing, key, &secrets).await?;
            let pushed = Pushed::from_response(&response)?;
            if host.now().since(sent) < pushed.lifetime {
                let url = pushed.url(metadata, &self.core.config);
                return Ok(AuthorizationRequest { url, ..request });
            }
        }
        Err(Kind::Timeout { url: endpoint.as_str().into() }.into())
    }

    /// The parameter with which a silent sign-in names the user of the session.
    pub(crate) fn login_hint(&self, sign_in: &SignIn<'_>) -> Option<(String, String)> {
        if !sign_in.is_silent() || !sign_in.asked("login_hint").is_empty() {
            return None;
        }
        self.core.session.borrow().login_hint().map(|user| ("login_hint".into(), user))
    }

    /// Draws 32 unpredictable bytes.
    ///
    /// # Errors
    ///
    /// Those of [`Host::entropy`].
    pub fn entropy(&self) -> Result<[u8; 32]> {
        self.core.host.entropy()
    }

    /// Checks that the provider responds before the page navigates to it without a user action. A response from the last few
    /// minutes is sufficient.
    async fn see(&self, metadata: &ServerMetadata) -> Result<()> {
        let keys = self.core.keys.borrow_mut().early(metadata, self.core.host.now());
        let Some(request) = keys else { return Ok(()) };
        let outcome = self.send(request).response(&Secrets::default()).await;
        let answered = outcome.as_ref().map(drop).map_err(Error::clone);
        // A flaw of the keys is reported when a token needs them.
        drop(self.core.keys.borrow_mut().receive(outcome));
        answered
    }

    /// Finishes a sign-in. `address` is the URL of the page with its query and fragment. `transaction` is the transaction that
    /// was stored under the response's `state`. `redirect_page` says whose responses arrive at this page.
    ///
    /// # Errors
    ///
    /// Any flaw of the response, its code or its tokens, and those of fetching the metadata and the tokens. An earlier session
    /// is kept, except with [`Kind::UserChanged`].
    pub fn complete(
        &self,
        address: &str,
        transaction: Option<Box<Transaction>>,
        others: OtherSignIns,
        redirect_page: RedirectPage,
    ) -> impl Future<Output = Result<Completion>> {
        self.complete_with(address, transaction, others, redirect_page, None)
    }

    /// Sends the token request for an authorization response. Nothing of the token response is checked. There is no token
    /// response if the authorization response is not acceptable, if the request fails, or if it needs a signature, which only pages
    /// can make: [`Client::complete_with`] reports the reason, or sends the request.
    pub async fn redeem(&self, address: &str, transaction: Box<Transaction>) -> Option<Redeemed> {
        let (host, config) = (&self.core.host, &self.core.config);
        if config.auth_method != AuthMethod::None {
            return None;
        }
        let taken = self.take_key(&transaction);
        let response = AuthorizationResponse::parse(response_in(address)).ok()??;
        let bound = response.bind(transaction, config, address, RedirectPage::OfOneProvider, host.now()).ok()?;
        let secrets = bound.secrets();
        // Known since the sign-in began.
        let metadata = self.core.lookup.borrow().found.clone()?;
        let (request, transaction) = TokenRequest::for_grant(bound.accept(&metadata, config).ok()?, config);
        self.tell_return(response_in(address), &secrets);
        let key = self.key_of(&transaction, taken, &metadata).await.ok()?;
        let mut response = self.present(request.request(&metadata.token_endpoint), key.as_ref(), &secrets);
        let first = poll_fn(|context| Poll::Ready(response.as_mut().poll(context))).await;
        // The vault will need them.
        let keys = self.core.keys.borrow_mut().early(&metadata, host.now()).map(|request| self.send(request));
        let response = match first {
            Poll::Ready(response) => response,
            Poll::Pending => response.await,
        };
        if let Some(keys) = keys {
            let outcome = keys.response(&secrets).await;
            drop(self.core.keys.borrow_mut().receive(outcome));
        }
        let response = response.ok()?;
        Some(Redeemed { response, received: host.now().wall })
    }

    /// Finishes a sign-in as [`Client::complete`] does, with what the guard knows of it, if there is a guard. The response of the
    /// token endpoint is checked here.
    ///
    /// # Errors
    ///
    /// Those of [`Client::complete`].
    pub async fn complete_with(
        &self,
        address: &str,
        transaction: Option<Box<Transaction>>,
        others: OtherSignIns,
        redirect_page: RedirectPage,
        redeemed: Option<Redeemed>,
    ) -> Result<Completion> {
        let response = match AuthorizationResponse::parse(response_in(address)) {
            Ok(Some(response)) => response,
            Err(error) if others == OtherSignIns::Pending || transaction.is_some() => return Err(error),
            // If no sign-in is under way, this is not a response for this client, and its flaws do not matter.
            _ => return Ok(Completion::Ignored),
        };
        let Some(transaction) = transaction else {
            return match others {
                OtherSignIns::Pending => Err(response.unbound()),
                OtherSignIns::None => Ok(Completion::Ignored),
            };
        };
        let (host, config) = (&self.core.host, &self.core.config);
        let taken = self.take_key(&transaction);
        let bound = response.bind(transaction, config, address, redirect_page, host.now())?;
        self.core.doubted.set(false); // the provider knows the client
        let _completing = Completing::begin(&self.core);
        let secrets = bound.secrets();
        if redeemed.is_none() {
            self.tell_return(response_in(address), &secrets);
        }
        // The metadata was revalidated before the page left, so a cached copy saves a request on the way back.
        let metadata = self.metadata_from(Cache::ForceCache, &secrets).await?;
        let (return_to, declines) = (String::from(bound.return_to()), bound.declines());
        let grant = match bound.accept(&metadata, config) {
            Err(error) => return declined(error, declines, return_to),
            Ok(grant) => grant,
        };
        let call = self.core.session.borrow().call(OF_SIGN_IN);
        let keys = self.core.keys.borrow_mut().early(&metadata, host.now());
        let keys = keys.map(|request| self.send(request));
        let (request, transaction) = TokenRequest::for_grant(grant, config);
        let key = self.key_of(&transaction, taken, &metadata).await?;
        let mut age = 0;
        let response = match redeemed {
            None => self.exchange(request.request(&metadata.token_endpoint), key.as_ref(), &secrets).await?,
            Some(Redeemed { response, received, .. }) => {
                age = host.now().wall.saturating_sub(received).max(0).div_euclid(1000);
                let mut known = self.core.session.borrow().secrets();
                known.join(&secrets);
                HttpResponse { secrets: known, ..response }
            }
        };
        let mut tokens = match self.tokens_in(&response, key.as_ref()).await {
            Err(error) => return declined(error, declines, return_to),
            Ok(tokens) => tokens,
        };
        tokens.expires_in = tokens.expires_in.map(|seconds| seconds.saturating_sub(age).max(0));
        match self.start_session(tokens, keys, &metadata, &transaction, call, key).await {
            Ok(()) => Ok(Completion::ReturnTo(return_to)),
            Err(error) => declined(error, declines, return_to),
        }
    }

    /// Checks the tokens of a sign-in, which began when the session was in the state `call`, and begins the session. `keys` is a
    /// request for the provider's keys, if one was sent. The tokens are bound to `key`, if there is one.
    ///
    /// # Errors
    ///
    /// [`Kind::Cancelled`] after a sign-out; those of the ID Token, and [`Kind::UserChanged`].
    pub(super) fn start_session<'a>(
        &'a self,
        tokens: Box<TokenResponse>,
        keys: Option<Exchange<H>>,
        metadata: &'a ServerMetadata,
        transaction: &'a Transaction,
        call: Call,
        key: Option<H::Key>,
    ) -> Pin<Box<dyn Future<Output = Result<()>> + 'a>> {
        // Boxed, so that the shipped module has this code once.
        Box::pin(async move {
            let proof = self.prove(&tokens, metadata, keys, transaction.has_user()).await;
            let has_id_token = self.core.config.openid && tokens.id_token.is_some();
            let (result, leftover) = {
                let mut session = self.core.session.borrow_mut();
                if session.is_overtaken(call) {
                    (Err(Kind::Cancelled.into()), session.too_late(*tokens))
                } else {
                    let begun = session.sign_in(tokens, proof, transaction, &self.core.config, self.core.host.now());
                    // After a failure, the earlier session goes on with its own key.
                    if let Some(key) = key.filter(|_| begun.0.is_ok()) {
                        self.keep_key(key);
                    }
                    self.core.is_awake.set(true);
                    begun
                }
            };
            // A sign-in that was overtaken was not checked.
            let is_overtaken = result.as_ref().is_err_and(|error| matches!(error.kind(), Kind::Cancelled));
            if has_id_token && !is_overtaken {
                self.tell_check(result.as_ref().err());
            }
            match &result {
                Ok(change) => self.changed(*change),
                Err(error) if matches!(error.kind(), Kind::UserChanged) => self.changed(Change::UserChanged),
                Err(_) => {}
            }
            self.revoke(leftover).await;
            result.map(drop)
        })
    }

    /// Whether a sign-in is being completed.
    pub fn is_completing(&self) -> bool {
        self.core.completing.get() > 0
    }

    /// Waits until no sign-in is being completed.
    pub async fn completed(&self) {
        while self.is_completing() {
            self.core.ended.rung().await;
        }
    }
}

/// Marks a sign-in as being completed while this value exists. Calls wait until it is dropped.
pub(crate) struct Completing<'a, H: Host>(&'a Core<H>);

impl<'a, H: Host> Completing<'a, H> {
    pub(super) fn begin(core: &'a Core<H>) -> Self {
        core.completing.set(core.completing.get().saturating_add(1));
        Self(core)
    }
}

impl<H: Host> Drop for Completing<'_, H> {
    fn drop(&mut self) {
        self.0.completing.set(self.0.completing.get().saturating_sub(1));
        self.0.ended.ring();
    }
}
