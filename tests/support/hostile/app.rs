//! The app: the protocol step by step, with a simulated clock and network. world.rs has the whole client.

use std::collections::BTreeMap;
use valet_key::protocol::authorization_request::{AuthorizationRequest, Entropy, SignIn};
use valet_key::protocol::authorization_response::AuthorizationResponse;
use valet_key::protocol::config::Config;
use valet_key::protocol::discovery::{Discovery, Failures};
use valet_key::protocol::error::{Kind, Result};
use valet_key::protocol::http::Cache;
use valet_key::protocol::logout;
use valet_key::protocol::metadata::ServerMetadata;
use valet_key::protocol::session::{Change, Session};
use valet_key::protocol::session_state::{Action, Call, SessionState, Ticket};
use valet_key::protocol::time::Now;
use valet_key::protocol::token::{Leftover, TokenRequest, TokenResponse};
use valet_key::protocol::transaction::{RedirectPage, Transaction};

use super::provider::{Answer, Provider};
use crate::support::signing::proof;
use crate::support::{ORIGIN, at};

pub(crate) type Outcome<T = ()> = Result<T>;

/// The outcome of an authorization response.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Completion {
    Ignored,
    SignedIn,
}

/// A sign-in whose token request is pending.
#[derive(Debug)]
pub(crate) struct Exchange {
    transaction: Box<Transaction>,
    call: Call,
}

#[derive(Debug)]
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) metadata: Option<ServerMetadata>,
    pub(crate) session: SessionState,
    /// Pending sign-ins, by `state`, as session storage keeps them.
    pub(crate) pending: BTreeMap<String, String>,
    /// The changes that the app received, in order.
    pub(crate) changes: Vec<Change>,
    pub(crate) now: Now,
    sign_ins: u8,
}

impl App {
    pub(crate) fn new(options: &str) -> Outcome<Self> {
        let config = Config::parse(options)?;
        Ok(Self {
            metadata: config.server.clone(),
            config,
            session: SessionState::default(),
            pending: BTreeMap::new(),
            changes: Vec::new(),
            now: at(0),
            sign_ins: 0,
        })
    }

    /// Advances both clocks; a negative number sets the wall clock back.
    pub(crate) fn wait(&mut self, provider: &mut Provider, seconds: i64) {
        provider.now = provider.now.saturating_add(seconds);
        self.now = Now {
            wall: self.now.wall.saturating_add(seconds.saturating_mul(1000)),
            monotonic: self.now.monotonic.saturating_add(seconds.max(0).saturating_mul(1000)),
        };
    }

    pub(crate) fn view(&self) -> Option<String> {
        self.session.view(self.now).as_ref().map(Session::to_json)
    }

    pub(crate) fn access_token(&self) -> Option<String> {
        self.session.access_token(0).map(|token| token.expose().to_owned())
    }

    pub(crate) fn discover(&mut self, provider: &mut Provider) -> Outcome {
        if self.metadata.is_some() {
            return Ok(());
        }
        let mut failures = Failures::default();
        for request in Discovery::new(self.config.expected()).requests(Cache::NoCache) {
            let answer = provider.answer(&request);
            match answer.and_then(|answer| Discovery::from_response(self.config.expected(), &answer)) {
                Ok(found) => {
                    self.metadata = Some(found);
                    return Ok(());
                }
                Err(failure) => failures.add(failure)?,
            }
        }
        Err(failures.into_error(&self.config.issuer))
    }

    /// Begins a sign-in, and returns the address to visit. Each sign-in has its own random bytes.
    pub(crate) fn begin(&mut self, provider: &mut Provider, sign_in: SignIn<'_>) -> Outcome<String> {
        self.sign_ins += 1;
        let draw = |what| [self.sign_ins.wrapping_mul(4).wrapping_add(what); 32];
        let entropy = Entropy { state: draw(0), nonce: draw(1), code_verifier: draw(2) };
        self.begin_with(provider, sign_in, &entropy)
    }

    pub(crate) fn begin_with(
        &mut self,
        provider: &mut Provider,
        sign_in: SignIn<'_>,
        entropy: &Entropy,
    ) -> Outcome<String> {
        sign_in.check(&self.config, ORIGIN)?;
        self.discover(provider)?;
        let metadata = self.metadata.as_ref().expect("discovered");
        let request = AuthorizationRequest::new(&self.config, metadata, sign_in, ORIGIN, entropy, self.now)?;
        let transaction = &request.transaction;
        provider.secrets.push(transaction.code_verifier.expose().to_owned());
        assert!(!request.url.contains(transaction.code_verifier.expose()), "the verifier stays here");
        self.pending.insert(transaction.state.expose().to_owned(), transaction.to_record());
        Ok(request.url)
    }

    /// Loads the page with this query.
    pub(crate) fn complete(&mut self, provider: &mut Provider, query: &str) -> Outcome<Completion> {
        let Some((request, exchange)) = self.redeem(provider, query)? else { return Ok(Completion::Ignored) };
        let answer = provider.answer(&request);
        self.redeemed(provider, &exchange, answer).map(|()| Completion::SignedIn)
    }

    /// Up to the token request.
    pub(crate) fn redeem(
        &mut self,
        provider: &mut Provider,
        query: &str,
    ) -> Outcome<Option<(valet_key::protocol::http::HttpRequest, Exchange)>> {
        // The page takes the record before any decision, by the first `state` of the query.
        let state = query.split('&').find_map(|part| part.strip_prefix("state=")).unwrap_or_default();
        let record = self.pending.remove(state);
        let Some(response) = AuthorizationResponse::parse(query)? else { return Ok(None) };
        let Some(transaction) = record.as_deref().and_then(Transaction::from_record) else {
            if self.pending.is_empty() {
                return Ok(None);
            }
            return Err(response.unbound());
        };
        let page = format!("{}?{query}", transaction.redirect_uri);
        let bound = response.bind(transaction, &self.config, &page, RedirectPage::OfOneProvider, self.now)?;
        self.discover(provider)?;
        let metadata = self.metadata.as_ref().expect("discovered");
        let grant = bound.accept(metadata, &self.config)?;
        let call = self.session.call(0);
        let (request, transaction) = TokenRequest::for_grant(grant, &self.config);
        Ok(Some((request.request(&metadata.token_endpoint), Exchange { transaction, call })))
    }

    /// Continues with the token response.
    pub(crate) fn redeemed(&mut self, provider: &mut Provider, exchange: &Exchange, answer: Answer) -> Outcome {
        let tokens = TokenResponse::from_response(&answer?)?;
        let (result, leftover) = if self.session.is_overtaken(exchange.call) {
            (Err(Kind::Cancelled.into()), tokens.into_leftover())
        } else {
            let proof = if self.config.openid { proof(&tokens) } else { Ok(None) };
            self.session.sign_in(tokens, proof, &exchange.transaction, &self.config, self.now)
        };
        self.revoke(provider, &leftover);
        self.changes.extend(result.as_ref().ok());
        result.map(drop)
    }

    /// A call to the API, up to the token that it may carry. `None` if it must wait for another call's renewal.
    pub(crate) fn ask(&mut self, call: Call) -> Action {
        let metadata = self.metadata.as_ref().expect("there is a session");
        self.session.next(call, &metadata.token_endpoint, &self.config, self.now)
    }

    /// A call to the API, which returns its token.
    pub(crate) fn call(&mut self, provider: &mut Provider) -> Outcome<String> {
        let call = self.session.call(0);
        self.call_of(provider, call)
    }

    pub(crate) fn call_of(&mut self, provider: &mut Provider, call: Call) -> Outcome<String> {
        if self.session.access_token(0).is_none() {
            return Err(Kind::LoginRequired.into());
        }
        for _ in 0..8 {
            match self.ask(call) {
                Action::Use => return Ok(self.access_token().expect("a user is signed in")),
                Action::Wait => panic!("no other call renews"),
                Action::SignIn => return Err(Kind::LoginRequired.into()),
                Action::Expired => {
                    self.changes.push(Change::Expired);
                    return Err(Kind::LoginRequired.into());
                }
                Action::Fail(error) => return Err(error),
                Action::Refresh(request, ticket) => {
                    let answer = provider.answer(&request);
                    if let Err(error) = self.refreshed(provider, ticket, answer)
                        && self.session.access_token(0).is_none()
                    {
                        return Err(error);
                    }
                }
            }
        }
        panic!("a call renews once, not for ever");
    }

    pub(crate) fn refreshed(&mut self, provider: &mut Provider, ticket: Ticket, answer: Answer) -> Outcome {
        let tokens = answer.and_then(|answer| TokenResponse::from_response(&answer));
        let proof = tokens.as_ref().map_or(Ok(None), |tokens| proof(tokens));
        let (result, leftover) = self.session.refreshed(ticket, tokens, proof, &self.config, self.now);
        match &result {
            Ok(change) => self.changes.push(*change),
            Err(error) if !leftover.is_empty() && !matches!(error.kind(), Kind::Cancelled) => {
                self.changes.push(Change::Ended);
            }
            Err(_) => {}
        }
        self.revoke(provider, &leftover);
        result.map(drop)
    }

    pub(crate) fn sign_out(&mut self, provider: &mut Provider) {
        let leftover = self.session.end();
        self.changes.extend((!leftover.is_empty()).then_some(Change::SignedOut));
        self.revoke(provider, &leftover);
    }

    fn revoke(&self, provider: &mut Provider, leftover: &[Leftover]) {
        let Some(metadata) = &self.metadata else { return };
        for request in logout::revocation_requests(leftover, metadata, &self.config) {
            drop(provider.answer(&request));
        }
    }
}
