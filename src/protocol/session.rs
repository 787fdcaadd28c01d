//! The session: which token is good, who renews it, and what ends it.
//!
//! Callers and renewals compete here, so this is a state machine. It is asked before every call ([`Session::next`]) and
//! told about every renewal ([`Session::refreshed`]); timers play no part.

use std::sync::Arc;

use serde::Serialize;

use super::config::Config;
use super::error::Error;
use super::foreign::Secrets;
use super::http::HttpRequest;
use super::id_token::Identity;
use super::json::{self, Spelled, Value};
use super::jwt::Verified;
use super::logout;
use super::secret::Secret;
use super::time::Now;
use super::token::{TokenRequest, TokenResponse};
use super::transaction::Transaction;
use super::url::Url;

/// Former tokens that are remembered, so that no text of the server tells them.
const MAX_FORMER: usize = 8;

/// Longer than any name by which people sign in; an e-mail address has 254 characters at most (RFC 5321 §4.5.3.1).
const MAX_HINT: usize = 1024;

/// Milliseconds before its end from which a token is renewed, unless it lives so short that a quarter of it is less.
const MARGIN: i64 = 10_000;

/// Milliseconds until a refused or failed renewal is tried again: doubled each time, between these two.
const BACK_OFF: (i64, i64) = (2_000, 128_000);

/// What the caller does next.
#[derive(Debug)]
pub enum Action {
    /// Attach the access token and send.
    Use,
    /// Send this token request, then report the response with the ticket.
    Refresh(HttpRequest, Ticket),
    /// A refresh is under way: wait for it instead of starting a second one.
    Wait,
    /// Nobody is signed in.
    SignIn,
    /// The token is no longer good, and there is nothing to renew it with: the session is over, as [`Session::view`] shows.
    Expired,
    /// The renewal that this call needs did not work, or belongs to another session.
    Fail(Arc<Error>),
}

/// What a caller remembers of the session that it began with.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    sign_outs: u32,
    epoch: u32,
    renewals: u32,
    failures: u32,
}

/// Names the session that a renewal belongs to, so that its answer cannot reach another one.
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    epoch: u32,
    user: u32,
}

/// What the refusal of a token by an API leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// To try again makes sense: the token is another one by now, or can be renewed.
    Again,
    /// The API's response stands.
    Stands,
    /// There is nothing to renew the token with: the session is over, as [`Session::view`] shows. The response stands.
    Ends,
}

/// Why the session is not what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Somebody signed in.
    SignedIn,
    /// Signed out by the app.
    SignedOut,
    /// The same user, new tokens.
    Renewed,
    /// Somebody else signed in where a user was signed in.
    UserChanged,
    /// The server ended it.
    Ended,
    /// The token is no longer good, and nothing came to renew it with.
    Expired,
}

impl Change {
    /// The spelling in JavaScript.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignedIn => "signed_in",
            Self::SignedOut => "signed_out",
            Self::Renewed => "renewed",
            Self::UserChanged => "user_changed",
            Self::Ended => "ended",
            Self::Expired => "expired",
        }
    }
}

/// The ID Token of a token response after its signature was checked, if one came and is asked for.
pub type Proof = Result<Option<Verified>, Arc<Error>>;

/// Tokens that nobody needs any more, to be revoked: a refresh token first, since it can make new
/// ones; an access token last, always there.
pub type Leftover = Vec<Secret>;

/// The session of one client: signed in or not.
#[derive(Debug, Default)]
pub struct Session {
    sign_outs: u32,
    epoch: u32,
    /// Another number for another user.
    user: u32,
    live: Option<Box<Live>>,
}

#[derive(Debug)]
struct Live {
    issuer: String,
    identity: Option<Identity>,
    /// As it came, for the provider to recognize.
    id_token: Option<Secret>,
    scope: String,
    access_token: Secret,
    refresh_token: Option<Secret>,
    /// Tokens that others have taken the place of, some of which the server may still accept.
    former: Secrets,
    received: Now,
    /// Milliseconds from receipt; absent if the server did not say.
    lifetime: Option<i64>,
    /// An API refused the token before its time.
    refused: bool,
    /// The app wants another one. The token is good meanwhile.
    due: bool,
    refreshing: bool,
    renewals: u32,
    failures: u32,
    failure: Option<Failure>,
}

#[derive(Debug)]
struct Failure {
    error: Arc<Error>,
    at: Now,
    /// Milliseconds until the next try.
    delay: i64,
}

impl Live {
    fn left(&self, now: Now) -> i64 {
        match self.lifetime {
            _ if self.refused => 0,
            Some(lifetime) => lifetime.saturating_sub(now.since(self.received)),
            None => i64::MAX,
        }
    }

    fn is_fresh(&self, now: Now) -> bool {
        !self.due && self.left(now) > MARGIN.min(self.lifetime.unwrap_or(0) / 4)
    }

    fn receive(&mut self, tokens: TokenResponse, now: Now) {
        self.former.add_to(MAX_FORMER, &self.access_token);
        self.access_token = tokens.access_token;
        self.received = now;
        self.refused = false;
        self.due = false;
        self.failure = None;
        if tokens.refresh_token.is_some() {
            self.drop_refresh_token();
            self.refresh_token = tokens.refresh_token;
        }
        // Without anything to renew it with, a token that lives for 0 seconds is one of which nobody said how long it lives: a
        // few servers write that for a token without an end. An API says when it is over.
        let said = tokens.expires_in.filter(|seconds| *seconds > 0 || self.refresh_token.is_some());
        self.lifetime = said.map(|seconds| seconds.saturating_mul(1000));
        if let Some(scope) = tokens.scope {
            self.scope = scope;
        }
    }

    /// Uses the refresh token no more.
    fn drop_refresh_token(&mut self) {
        if let Some(former) = self.refresh_token.take() {
            self.former.add_to(MAX_FORMER, &former);
        }
    }
}

impl Session {
    /// Begins a session with the tokens of a sign-in, of which `proof` is the ID Token. Tokens that are not used, old or new,
    /// come back, to be revoked, if they are another user's than the session's. Those of the same user do not: a server may
    /// take new and old ones for one grant, and revoke it whole (RFC 7009 §2.1).
    ///
    /// # Errors
    ///
    /// What `proof` holds, and what [`Identity::from_sign_in`] says; [`Error::IdTokenInvalid`] with `missing` where OpenID
    /// Connect was asked for and no ID Token came. An earlier session is then still there. [`Error::UserChanged`] if the
    /// provider, without a question, signed in another user than the one who is signed in here: nobody has seen that happen,
    /// so the earlier session is over and no other begins.
    pub fn sign_in(
        &mut self,
        tokens: Box<TokenResponse>,
        proof: Proof,
        transaction: &Transaction,
        config: &Config,
        now: Now,
    ) -> (Result<Change, Arc<Error>>, Leftover) {
        // The nonce is a claim, and spent.
        let secrets = tokens.secrets.clone().without(&transaction.nonce);
        let identity = match proof {
            Ok(Some(token)) => Identity::from_sign_in(token, transaction, config, now)
                .and_then(|identity| identity.cleared(&secrets))
                .map(Some),
            Ok(None) if config.openid => Err(Error::IdTokenInvalid { reason: "missing" }.into()),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        let identity = match identity {
            Ok(identity) => identity,
            Err(error) => return (Err(error), self.overtaken(*tokens, None)),
        };
        let sub = |identity: &Option<Identity>| identity.as_ref().map(|identity| identity.sub.clone());
        let change = match &self.live {
            Some(earlier) if sub(&earlier.identity) != sub(&identity) => Change::UserChanged,
            _ => Change::SignedIn,
        };
        let mut leftover = self.forget();
        if change == Change::SignedIn {
            leftover.clear();
        } else {
            self.user = self.user.wrapping_add(1);
            if transaction.asks_to("none") {
                leftover.extend(tokens.into_leftover());
                return (Err(Error::UserChanged.into()), leftover);
            }
        }
        let mut live = Box::new(Live {
            issuer: config.issuer.clone(),
            identity,
            id_token: tokens.id_token.clone(),
            scope: transaction.scope.clone(),
            access_token: Secret::new(""),
            refresh_token: None,
            former: Secrets::default(),
            received: now,
            lifetime: None,
            refused: false,
            due: false,
            refreshing: false,
            renewals: 0,
            failures: 0,
            failure: None,
        });
        live.receive(*tokens, now);
        self.live = Some(live);
        (Ok(change), leftover)
    }

    /// Signs out. Answers to requests under way will find nobody.
    pub fn end(&mut self) -> Leftover {
        self.sign_outs = self.sign_outs.wrapping_add(1);
        self.user = self.user.wrapping_add(1);
        self.forget()
    }

    /// Tokens that came too late, or that nobody can use: to be revoked only if they cannot share a grant with the tokens of
    /// the session, since a server may revoke a grant whole. `user` is that of the session which they were meant for, if it
    /// is known.
    fn overtaken(&self, tokens: TokenResponse, user: Option<u32>) -> Leftover {
        let may_share = self.live.is_some() && user.is_none_or(|user| user == self.user);
        if may_share { Leftover::new() } else { tokens.into_leftover() }
    }

    /// The tokens of a sign-in that somebody overtook by signing out.
    pub fn too_late(&self, tokens: TokenResponse) -> Leftover {
        self.overtaken(tokens, None)
    }

    /// Ends the session if its token is no longer good and there is nothing to renew it with. Whether it did.
    pub fn expire(&mut self, now: Now) -> bool {
        let is_over = |live: &Live| live.refresh_token.is_none() && live.left(now) <= 0;
        let is_over = self.live.as_deref().is_some_and(is_over);
        if is_over {
            // A token that is over needs no revocation.
            self.forget();
        }
        is_over
    }

    fn forget(&mut self) -> Leftover {
        self.epoch = self.epoch.wrapping_add(1);
        match self.live.take() {
            Some(live) => live.refresh_token.into_iter().chain([live.access_token]).collect(),
            None => Leftover::new(),
        }
    }

    /// Begins a call.
    pub fn call(&self) -> Call {
        let (renewals, failures) = self.live.as_ref().map_or((0, 0), |live| (live.renewals, live.failures));
        Call { sign_outs: self.sign_outs, epoch: self.epoch, renewals, failures }
    }

    /// Whether somebody signed out since a call began.
    pub fn is_overtaken(&self, call: Call) -> bool {
        call.sign_outs != self.sign_outs
    }

    /// Decides for a call. A token that arrived after the call began is used however short it lives, so no call
    /// renews twice.
    pub fn next(&mut self, call: Call, token_endpoint: &Url, config: &Config, now: Now) -> Action {
        if call.epoch != self.epoch {
            return if self.live.is_some() { Action::Fail(Error::Cancelled.into()) } else { Action::SignIn };
        }
        let Some(live) = &mut self.live else { return Action::SignIn };
        if live.is_fresh(now) || live.renewals != call.renewals {
            return Action::Use;
        }
        if live.refreshing {
            return Action::Wait;
        }
        let usable = live.left(now) > 0;
        if let Some(Failure { error, at, delay }) = &live.failure
            && (live.failures != call.failures || now.since(*at) < *delay)
        {
            return if usable { Action::Use } else { Action::Fail(error.clone()) };
        }
        if let Some(refresh_token) = &live.refresh_token {
            live.refreshing = true;
            let request = TokenRequest::for_refresh(refresh_token, config).request(token_endpoint);
            return Action::Refresh(request, Ticket { epoch: self.epoch, user: self.user });
        }
        if self.expire(now) { Action::Expired } else { Action::Use }
    }

    /// Takes the outcome of a renewal, or of not being able to send it. A renewal may do without an ID Token (OpenID Connect
    /// Core §12.2), so one that cannot be checked now, for lack of keys, counts as none, and so does one with a flaw that says
    /// nothing of its user and its parties: see [`Identity::from_refresh`].
    ///
    /// # Errors
    ///
    /// [`Error::SessionEnded`] for `invalid_grant`, and [`Error::IdTokenInvalid`] for an ID Token of another user or another
    /// party, or with a wrong signature: both end the session, as [`Session::view`] then shows. [`Error::Cancelled`] if the
    /// session is another one by now. Every other error leaves the session as it was.
    pub fn refreshed(
        &mut self,
        ticket: Ticket,
        tokens: Result<Box<TokenResponse>, Arc<Error>>,
        proof: Proof,
        config: &Config,
        now: Now,
    ) -> (Result<Change, Arc<Error>>, Leftover) {
        let live = match &mut self.live {
            Some(live) if ticket.epoch == self.epoch => live,
            _ => {
                let leftover = tokens.ok().map(|tokens| self.overtaken(*tokens, Some(ticket.user)));
                return (Err(Error::Cancelled.into()), leftover.unwrap_or_default());
            }
        };
        live.refreshing = false;
        live.due = false;
        match tokens.and_then(|tokens| renew(live, tokens, proof, config, now)) {
            Ok(()) => (Ok(Change::Renewed), Leftover::new()),
            Err(error) => {
                let ends = match &*error {
                    Error::TokenRefused(said) => said.error.as_str() == "invalid_grant",
                    error => matches!(error, Error::IdTokenInvalid { .. }),
                };
                if ends {
                    self.user = self.user.wrapping_add(1);
                    let leftover = self.forget();
                    let refused = matches!(*error, Error::TokenRefused(_));
                    return (Err(if refused { Error::SessionEnded.into() } else { error }), leftover);
                }
                if matches!(*error, Error::TokenRefused(_)) {
                    live.drop_refresh_token();
                }
                live.failures = live.failures.wrapping_add(1);
                live.failure = Some(failure(error.clone(), live.failure.as_ref(), now));
                (Err(error), Leftover::new())
            }
        }
    }

    /// Notes that an API refused the token that this call used.
    pub fn refused(&mut self, call: Call, now: Now) -> Refused {
        match &mut self.live {
            Some(live) if call.epoch == self.epoch => {
                let renewed = live.renewals != call.renewals;
                live.refused |= !renewed;
                let again = renewed || live.refresh_token.is_some() || live.refreshing;
                match again {
                    true => Refused::Again,
                    false if self.expire(now) => Refused::Ends,
                    false => Refused::Stands,
                }
            }
            _ => Refused::Stands,
        }
    }

    /// Makes the next call renew, whatever the age of the token. See [`Session::renewed`].
    pub fn renew(&mut self) {
        if let Some(live) = &mut self.live {
            live.due = true;
            live.failure = None;
        }
    }

    /// Whether the token is another one than when a call began.
    ///
    /// # Errors
    ///
    /// Why it is not: the last renewal's, or [`Error::LoginRequired`] if there is nothing to renew with.
    pub fn renewed(&self, call: Call) -> Result<(), Arc<Error>> {
        let Some(live) = &self.live else { return Err(Error::LoginRequired.into()) };
        match &live.failure {
            _ if live.renewals != call.renewals => Ok(()),
            Some(failure) => Err(failure.error.clone()),
            None => Err(Error::LoginRequired.into()),
        }
    }

    /// The access token, for the line that attaches it.
    pub fn access_token(&self) -> Option<&Secret> {
        self.live.as_ref().map(|live| &live.access_token)
    }

    /// The user, where OpenID Connect says who it is.
    pub fn subject(&self) -> Option<&str> {
        Some(&self.live.as_ref()?.identity.as_ref()?.sub)
    }

    /// What the provider may know the user by, for `login_hint` (OpenID Connect Core §3.1.2.1): a claim made for that, or the
    /// name with which people sign in. A claim that no address has room for is none.
    pub fn login_hint(&self) -> Option<String> {
        let identity = self.live.as_ref()?.identity.as_ref()?;
        let claims = Value::parse(&identity.shown).ok()?;
        let names = ["login_hint", "preferred_username", "email"];
        let text = |name: &&str| claims.get(name)?.as_str().filter(|text| text.len() <= MAX_HINT).map(Into::into);
        names.iter().find_map(text)
    }

    /// The tokens of the session, former ones included, which no text of a server may tell a page.
    pub fn secrets(&self) -> Secrets {
        let Some(live) = &self.live else { return Secrets::default() };
        let mut secrets = live.former.clone();
        let others = [&live.refresh_token, &live.id_token];
        others.into_iter().flatten().chain([&live.access_token]).for_each(|token| secrets.add(token));
        secrets
    }

    /// The ID Token of the sign-in.
    pub fn id_token(&self) -> Option<&Secret> {
        self.live.as_ref()?.id_token.as_ref()
    }

    /// Whether the query of a front-channel logout page means this session: see [`logout::names_session`].
    pub fn is_named_by(&self, query: &str) -> bool {
        let Some(live) = &self.live else { return false };
        let claims = live.identity.as_ref().map_or("", |identity| &identity.claims);
        Value::parse(claims).is_ok_and(|claims| logout::names_session(query, &live.issuer, &claims))
    }

    /// What the app may know, as a JSON object; absent when signed out.
    pub fn view(&self, now: Now) -> Option<String> {
        let live = self.live.as_ref()?;
        let identity = live.identity.as_ref();
        let expires_at = live.lifetime.map(|lifetime| {
            let left = lifetime.saturating_sub(now.since(live.received));
            now.wall.saturating_add(left)
        });
        Some(json::to_string(&View {
            sub: identity.map_or("", |identity| &identity.sub),
            issuer: &live.issuer,
            scope: &live.scope,
            expires_at,
            auth_time: identity.and_then(|identity| identity.auth_time),
            claims: Spelled(identity.map_or("{}", |identity| &identity.shown)),
        }))
    }
}

/// What an app may know of a session.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View<'a> {
    sub: &'a str,
    issuer: &'a str,
    scope: &'a str,
    /// Milliseconds since 1970; `null` if the server did not say.
    expires_at: Option<i64>,
    /// Seconds since 1970.
    auth_time: Option<i64>,
    claims: Spelled<'a>,
}

/// Takes new tokens, if the ID Token among them is of the same user (OpenID Connect Core §12.2).
fn renew(
    live: &mut Live,
    tokens: Box<TokenResponse>,
    proof: Proof,
    config: &Config,
    now: Now,
) -> Result<(), Arc<Error>> {
    match (proof, &live.identity) {
        (Ok(Some(token)), Some(earlier)) => {
            if let Some(identity) = Identity::from_refresh(token, earlier, config, now)? {
                live.identity = Some(identity.cleared(&tokens.secrets)?);
            }
        }
        (Err(error), _) if *error == Error::IdTokenInvalid { reason: "signature" } => return Err(error),
        _ => {}
    }
    live.receive(*tokens, now);
    live.renewals = live.renewals.wrapping_add(1);
    Ok(())
}

/// A lost connection may be tried again at once, a server in trouble is left alone for a while.
fn failure(error: Arc<Error>, earlier: Option<&Failure>, now: Now) -> Failure {
    let delay = match &*error {
        Error::Network { .. } | Error::Timeout { .. } => 0,
        _ => {
            let doubled = earlier.map_or(0, |earlier| earlier.delay.saturating_mul(2)).clamp(BACK_OFF.0, BACK_OFF.1);
            doubled.max(i64::from(error.retry_after().unwrap_or(0)) * 1000)
        }
    };
    Failure { error, at: now, delay }
}
