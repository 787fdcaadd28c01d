//! From the authorization request to the session.

use std::sync::Arc;

use super::host::Host;
use super::{Client, Core};
use crate::protocol::authorization_request::{AuthorizationRequest, Entropy, SignIn};
use crate::protocol::authorization_response::{AuthorizationResponse, RedirectPage};
use crate::protocol::error::Error;
use crate::protocol::http::Cache;
use crate::protocol::token::{TokenRequest, TokenResponse};
use crate::protocol::transaction::Transaction;

/// Codes with which a provider says that it cannot sign in without asking (OpenID Connect Core §3.1.2.6): after a
/// silent attempt a normal response, no error.
const INTERACTION_NEEDED: [&str; 4] =
    ["login_required", "interaction_required", "consent_required", "account_selection_required"];

/// What an authorization response led to.
#[derive(Debug)]
pub enum Completion {
    /// The page was not loaded by an authorization response of this client.
    Ignored,
    /// The sign-in is over: the session says with what result, and the page belongs at this path.
    ReturnTo(String),
    /// The provider cannot do without asking the user, as it was told to. The page belongs at this path.
    Declined(String),
}

impl<H: Host> Client<H> {
    /// Prepares a sign-in: where the browser goes, and the transaction to be kept until it comes back.
    ///
    /// # Errors
    ///
    /// Those of discovery, and those of [`AuthorizationRequest::new`].
    pub async fn begin(&self, sign_in: SignIn<'_>) -> Result<AuthorizationRequest, Arc<Error>> {
        let (host, config) = (&self.core.host, &self.core.config);
        let origin = host.origin();
        sign_in.check(config, &origin)?;
        let metadata = self.metadata().await?;
        let entropy = Entropy { state: host.entropy()?, nonce: host.entropy()?, code_verifier: host.entropy()? };
        AuthorizationRequest::new(config, &metadata, sign_in, &origin, &entropy, host.now())
    }

    /// Finishes a sign-in. `address` is that of the page with its query and fragment, `transaction` what was kept under its
    /// `state`. `pending` says whether other sign-ins are under way, `others` whose responses come to the same page.
    ///
    /// # Errors
    ///
    /// Everything that can be wrong with a response, its code or its tokens. A session that was there before stays.
    pub async fn complete(
        &self,
        address: &str,
        transaction: Option<Box<Transaction>>,
        pending: bool,
        others: RedirectPage,
    ) -> Result<Completion, Arc<Error>> {
        let end = address.bytes().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(address.len());
        let query = address.get(end..).unwrap_or_default();
        let query = query.strip_prefix('?').unwrap_or(query);
        let Some(response) = AuthorizationResponse::parse(query)? else { return Ok(Completion::Ignored) };
        let Some(transaction) = transaction else {
            return if pending {
                Err(Error::StateMismatch { reason: "unknown `state`" }.into())
            } else {
                Ok(Completion::Ignored)
            };
        };
        let (host, config) = (&self.core.host, &self.core.config);
        let bound = response.bind(transaction, config, address, others, host.now())?;
        let _completing = Completing::begin(&self.core);
        let secrets = bound.secrets();
        // Revalidated when the page left, so that the way back needs no trip for them.
        let metadata = self.metadata_from(Cache::ForceCache, &secrets).await?;
        let is_silent = bound.is_silent();
        let return_to = String::from(bound.return_to());
        let grant = match bound.accept(&metadata, config) {
            Ok(grant) => grant,
            Err(error)
                if is_silent && error.oauth().is_some_and(|said| INTERACTION_NEEDED.contains(&said.error.as_str())) =>
            {
                return Ok(Completion::Declined(return_to));
            }
            Err(error) => return Err(error),
        };
        let call = self.core.session.borrow().call();
        let keys = self.core.keys.borrow_mut().early(&metadata, host.now());
        let keys = keys.map(|request| self.send(request));
        let (request, transaction) = TokenRequest::for_grant(grant, config);
        let response = self.send(request.request(&metadata.token_endpoint)).response(&secrets).await?;
        let tokens = TokenResponse::from_response(&response)?;
        let proof = self.prove(&tokens, &metadata, keys).await;
        let (result, leftover) = {
            let mut session = self.core.session.borrow_mut();
            if session.is_overtaken(call) {
                (Err(Error::Cancelled.into()), tokens.into_leftover())
            } else {
                session.sign_in(tokens, proof, &transaction, config, host.now())
            }
        };
        if let Ok(change) = &result {
            self.changed(*change);
        }
        self.revoke(leftover).await;
        result.map(|_| Completion::ReturnTo(return_to))
    }
    /// Whether a response is being redeemed.
    pub fn is_completing(&self) -> bool {
        self.core.completing.get() > 0
    }

    /// Waits until no response is being redeemed.
    pub async fn completed(&self) {
        while self.is_completing() {
            self.core.ended.rung().await;
        }
    }
}

/// A response that is being redeemed, for as long as this lives. Calls wait for its end.
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
