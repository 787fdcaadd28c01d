//! From the authorization request to the session.

use super::host::Host;
use super::{Client, Core};
use crate::protocol::authorization_request::{AuthorizationRequest, Entropy, SignIn};
use crate::protocol::authorization_response::{AuthorizationResponse, Declines};
use crate::protocol::error::{Error, Kind, OAuthError, Result};
use crate::protocol::foreign::Secrets;
use crate::protocol::http::Cache;
use crate::protocol::metadata::ServerMetadata;
use crate::protocol::session::Change;
use crate::protocol::token::{TokenRequest, TokenResponse};
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
    pub async fn begin(&self, sign_in: SignIn<'_>) -> Result<AuthorizationRequest> {
        let (host, config) = (&self.core.host, &self.core.config);
        let origin = host.origin();
        sign_in.check(config, &origin)?;
        let was_known = self.core.lookup.borrow().found.is_some();
        let metadata = self.metadata().await?;
        let mut params = sign_in.params.to_vec();
        if sign_in.is_silent() {
            if was_known {
                self.see(&metadata).await?;
            }
            let user = self.core.session.borrow().login_hint().filter(|_| sign_in.asked("login_hint").is_empty());
            params.extend(user.map(|user| ("login_hint".into(), user)));
        }
        let sign_in = SignIn { params: &params, ..sign_in };
        let entropy = Entropy { state: host.entropy()?, nonce: host.entropy()?, code_verifier: host.entropy()? };
        AuthorizationRequest::new(config, &metadata, sign_in, &origin, &entropy, host.now())
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
    pub async fn complete(
        &self,
        address: &str,
        transaction: Option<Box<Transaction>>,
        others: OtherSignIns,
        redirect_page: RedirectPage,
    ) -> Result<Completion> {
        let end = address.bytes().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(address.len());
        let query = address.get(end..).unwrap_or_default();
        let query = query.strip_prefix('?').unwrap_or(query);
        let response = match AuthorizationResponse::parse(query) {
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
        let bound = response.bind(transaction, config, address, redirect_page, host.now())?;
        let _completing = Completing::begin(&self.core);
        let secrets = bound.secrets();
        // The metadata was revalidated before the page left, so a cached copy saves a request on the way back.
        let metadata = self.metadata_from(Cache::ForceCache, &secrets).await?;
        let (return_to, declines) = (String::from(bound.return_to()), bound.declines());
        let grant = match bound.accept(&metadata, config) {
            Err(error) => return declined(error, declines, return_to),
            Ok(grant) => grant,
        };
        let call = self.core.session.borrow().call();
        let keys = self.core.keys.borrow_mut().early(&metadata, host.now());
        let keys = keys.map(|request| self.send(request));
        let (request, transaction) = TokenRequest::for_grant(grant, config);
        let response = self.send(request.request(&metadata.token_endpoint)).response(&secrets).await?;
        let tokens = match TokenResponse::from_response(&response) {
            Err(error) => return declined(error, declines, return_to),
            Ok(tokens) => tokens,
        };
        let proof = self.prove(&tokens, &metadata, keys).await;
        let (result, leftover) = {
            let mut session = self.core.session.borrow_mut();
            if session.is_overtaken(call) {
                (Err(Kind::Cancelled.into()), session.too_late(*tokens))
            } else {
                session.sign_in(tokens, proof, &transaction, config, host.now())
            }
        };
        match &result {
            Ok(change) => self.changed(*change),
            Err(error) if matches!(error.kind(), Kind::UserChanged) => self.changed(Change::UserChanged),
            Err(_) => {}
        }
        self.revoke(leftover).await;
        match result {
            Ok(_) => Ok(Completion::ReturnTo(return_to)),
            Err(error) => declined(error, declines, return_to),
        }
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
struct Completing<'a, H>(&'a Core<H>);

impl<'a, H> Completing<'a, H> {
    fn begin(core: &'a Core<H>) -> Self {
        core.completing.set(core.completing.get().saturating_add(1));
        Self(core)
    }
}

impl<H> Drop for Completing<'_, H> {
    fn drop(&mut self) {
        self.0.completing.set(self.0.completing.get().saturating_sub(1));
        self.0.ended.ring();
    }
}
