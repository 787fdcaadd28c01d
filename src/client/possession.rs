//! Proves the possession of the keys that tokens are bound to (RFC 9449).

use core::cell::RefCell;
use core::future::ready;
use core::pin::Pin;

use super::host::{Host, ProofKey};
use super::{Client, Core};
use crate::protocol::authorization_request::{Navigates, SignIn};
use crate::protocol::dpop::{self, Flaw, Refusal, Server, Servers, Subject};
use crate::protocol::error::Result;
use crate::protocol::http::HttpResponse;
use crate::protocol::metadata::ServerMetadata;
use crate::protocol::public_key::PublicKey;
use crate::protocol::secret::Secret;
use crate::protocol::token::TokenResponse;
use crate::protocol::transaction::Transaction;

/// A future of which the shipped module has the code once, wherever it is awaited.
pub(super) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Maximum number of keys of pending sign-ins; twice the number of sign-ins that a vault keeps.
const MAX_PENDING: usize = 64;

/// Maximum number of keys of the session, and of earlier sessions whose tokens may have to be revoked.
const MAX_SESSIONS: usize = 4;

/// The keys of a client, and what its servers expect of proofs.
#[derive(Debug)]
pub(super) struct Possession<K> {
    /// The keys that codes are bound to. Each goes with its transaction.
    pending: RefCell<Vec<K>>,
    /// The key of the session last.
    sessions: RefCell<Vec<K>>,
    servers: RefCell<Servers>,
}

impl<K> Default for Possession<K> {
    fn default() -> Self {
        Self { pending: RefCell::default(), sessions: RefCell::default(), servers: RefCell::default() }
    }
}

/// Adds a key. If there are too many, the oldest one goes.
fn add<K: ProofKey>(keys: &RefCell<Vec<K>>, key: K, most: usize) {
    let mut keys = keys.borrow_mut();
    keys.retain(|known| known.public() != key.public());
    if keys.len() >= most {
        keys.remove(0);
    }
    keys.push(key);
}

/// The proofs of one request, and what was done about their refusals: each is done once.
#[derive(Debug, Default)]
pub(super) struct Proofs {
    /// The nonce in the last one; empty without one.
    nonce: String,
    /// By how many milliseconds its time was ahead of the clock of this device.
    ahead: i64,
    has_new_nonce: bool,
    has_other_time: bool,
}

impl<H: Host> Client<H> {
    /// Makes the key for a sign-in whose response comes to the same place, so that its code can be bound to the key. A redirect may end
    /// in a page with another vault.
    pub(super) async fn key_for(&self, sign_in: &SignIn<'_>, metadata: &ServerMetadata) -> Result<Option<H::Key>> {
        let is_same_place = sign_in.navigates == Navigates::OtherWindow || !sign_in.carries.is_empty();
        if !is_same_place || sign_in.is_draft {
            return Ok(None);
        }
        self.new_key(metadata).await
    }

    /// Makes the key for new tokens; `None` if they are not bound at this server.
    ///
    /// # Errors
    ///
    /// Those of [`dpop::algorithms`] and [`Host::make_key`].
    pub(super) fn new_key<'a>(&'a self, metadata: &'a ServerMetadata) -> Boxed<'a, Result<Option<H::Key>>> {
        // Boxed, so that the shipped module has this code once.
        Box::pin(async move {
            let Core { config, host, .. } = &*self.core;
            let mut made = Ok(None);
            for algorithm in dpop::algorithms(config, metadata)? {
                made = host.make_key(algorithm).await.map(Some);
                if made.is_ok() {
                    break;
                }
            }
            made
        })
    }

    /// The key for the tokens of a sign-in: `taken`, which its code is bound to, or a new one.
    ///
    /// # Errors
    ///
    /// [`Flaw::KeyLost`], and those of [`Client::new_key`].
    pub(super) fn key_of<'a>(
        &'a self,
        transaction: &Transaction,
        taken: Option<H::Key>,
        metadata: &'a ServerMetadata,
    ) -> Boxed<'a, Result<Option<H::Key>>>
    where
        H::Key: 'a,
    {
        if transaction.dpop_jkt.is_empty() {
            return self.new_key(metadata);
        }
        Box::pin(ready(taken.map(Some).ok_or_else(|| Flaw::KeyLost.at(""))))
    }

    /// Takes out the key that the code of a sign-in is bound to, since its transaction is used, or is no longer expected to be.
    pub(crate) fn take_key(&self, transaction: &Transaction) -> Option<H::Key> {
        let mut pending = self.core.possession.pending.borrow_mut();
        let place = pending.iter().position(|key| key.public().thumbprint() == transaction.dpop_jkt)?;
        Some(pending.remove(place))
    }

    /// In the guard: the key that the code of a sign-in is bound to, for [`Client::adopt_jwk`] of the vault.
    pub(crate) fn jwk_of(&self, transaction: &Transaction) -> Option<Secret> {
        let pending = self.core.possession.pending.borrow();
        pending.iter().find(|key| key.public().thumbprint() == transaction.dpop_jkt)?.to_jwk()
    }

    /// Takes over a key from [`Client::jwk_of`] of the guard, for a sign-in that it began.
    pub(crate) async fn adopt_jwk(&self, jwk: &str) {
        if let Some(key) = self.core.host.import_key(jwk).await {
            self.hold_key(key);
        }
    }

    /// Holds a key until its sign-in takes it out.
    pub(super) fn hold_key(&self, key: H::Key) {
        add(&self.core.possession.pending, key, MAX_PENDING);
    }

    /// Keeps the key of a session that begins. To be called together with it.
    pub(super) fn keep_key(&self, key: H::Key) {
        add(&self.core.possession.sessions, key, MAX_SESSIONS);
    }

    /// The key of a session with this public half.
    ///
    /// # Errors
    ///
    /// [`Flaw::KeyLost`]
    pub(super) fn key(&self, public: Option<&PublicKey>) -> Result<Option<H::Key>> {
        let Some(public) = public else { return Ok(None) };
        let known = self.core.possession.sessions.borrow();
        known.iter().find(|key| key.public() == public).cloned().map(Some).ok_or_else(|| Flaw::KeyLost.at(""))
    }

    /// The key that the tokens of the session are bound to, if they are.
    ///
    /// # Errors
    ///
    /// [`Flaw::KeyLost`]
    pub(super) fn session_key(&self) -> Result<Option<H::Key>> {
        let bound_to = self.core.session.borrow().bound_to().cloned();
        self.key(bound_to.as_ref())
    }

    /// The tokens in a response to a request that has proved this key, if it has. Tokens that are not bound to it are revoked.
    ///
    /// # Errors
    ///
    /// Those of [`TokenResponse::from_response_to`].
    pub(super) async fn tokens_in(&self, response: &HttpResponse, key: Option<&H::Key>) -> Result<Box<TokenResponse>> {
        let tokens = TokenResponse::from_response_to(response, key.map(ProofKey::public));
        if key.is_some()
            && tokens.is_err()
            && let Ok(unbound) = TokenResponse::from_response(response)
        {
            let leftover = self.core.session.borrow().too_late(*unbound);
            self.revoke(leftover).await;
        }
        tokens
    }

    /// The `DPoP` header for a request with this method and URL.
    ///
    /// # Errors
    ///
    /// Those of [`Host::entropy`] and [`ProofKey::sign`].
    pub(super) fn proof<'a>(
        &'a self,
        key: &'a H::Key,
        server: Server,
        [method, url]: [&'a str; 2],
        access_token: Option<&'a Secret>,
        proofs: &'a mut Proofs,
    ) -> Boxed<'a, Result<Secret>> {
        // Boxed, so that the shipped module has this code once.
        Box::pin(async move {
            let Core { host, possession, .. } = &*self.core;
            {
                let servers = possession.servers.borrow();
                let (nonce, ahead) = servers.get(server, url);
                proofs.nonce = nonce.into();
                proofs.ahead = ahead;
            }
            let seconds = host.now().wall.saturating_add(proofs.ahead).div_euclid(1000);
            let nonce = Some(proofs.nonce.as_str()).filter(|nonce| !nonce.is_empty());
            let subject = Subject { method, url, access_token, nonce };
            let input = subject.signing_input(key.public(), host.entropy()?, seconds);
            let signature = key.sign(&input).await?;
            Ok(dpop::proof(&input, &signature))
        })
    }

    /// Takes note of what a response says about proofs. Returns whether the request makes sense once more, with another proof.
    ///
    /// # Errors
    ///
    /// The [`Flaw`] because of which it does not.
    pub(super) fn hear(&self, said: Said<'_>, proofs: &mut Proofs) -> Result<bool> {
        let Said { server, url, refusal, nonce, date } = said;
        let servers = &self.core.possession.servers;
        servers.borrow_mut().learn_nonce(server, url, nonce);
        let (is_new_nonce, is_other_time) = {
            let servers = servers.borrow();
            let (latest, ahead) = servers.get(server, url);
            (latest != proofs.nonce, ahead != proofs.ahead)
        };
        match refusal {
            Refusal::Nonce | Refusal::Unreadable if is_new_nonce && !proofs.has_new_nonce => {
                proofs.has_new_nonce = true;
                Ok(true)
            }
            Refusal::Nonce => Err(if nonce.is_empty() { Flaw::HiddenNonce } else { Flaw::Nonce }.at(url)),
            Refusal::Proof => {
                let now = self.core.host.now().wall;
                // Another request may have learned the time meanwhile.
                let is_other_time = is_other_time || servers.borrow_mut().learn_time(server, url, date, now);
                if proofs.has_other_time || !is_other_time {
                    return Err(Flaw::Proof.at(url));
                }
                proofs.has_other_time = true;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// The same for a response of the authorization server to a request to this URL.
    ///
    /// # Errors
    ///
    /// Those of [`Client::hear`].
    pub(super) fn hear_server(&self, url: &str, response: &HttpResponse, proofs: &mut Proofs) -> Result<bool> {
        let HttpResponse { dpop_nonce: nonce, date, .. } = response;
        let refusal = Refusal::of_server(response);
        let heard = self.hear(Said { server: Server::Authorization, url, refusal, nonce, date: *date }, proofs);
        heard.map_err(|error| dpop::with_reason(error, response))
    }
}

/// What a response says about proofs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said<'a> {
    pub(super) server: Server,
    /// The URL of the request.
    pub(super) url: &'a str,
    pub(super) refusal: Refusal,
    /// `DPoP-Nonce`; empty if it cannot be read.
    pub(super) nonce: &'a str,
    /// `Date`, in milliseconds since 1970; absent if it cannot be read.
    pub(super) date: Option<i64>,
}
