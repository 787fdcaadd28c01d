//! The session: whether its token is valid, when the token is renewed, and what ends the session.
//!
//! Callers and renewals compete, so this is a state machine. It is consulted before every call ([`SessionState::next`]) and
//! informed of the outcome of every renewal ([`SessionState::refreshed`]). It uses no timers.
//!
//! ```text
//!               sign_in                ten seconds left, renew() or a 401             next: Refresh
//! signed out ───────────▶ valid token ───────────────────────────────────▶ due ───────────────────────▶ refreshing
//!      ▲                       ▲                                            ▲                            │  │  │
//!      │                       └───────── refreshed: new tokens ────────────┼────────────────────────────┘  │  │
//!      │                                                                    └── refreshed: failed, wait ────┘  │
//!      └────────── end · refreshed: invalid_grant, another user or party · expired without a refresh token ────┘
//! ```
//!
//! While the session is due or refreshing, a token that is still valid is used if the renewal fails. [`Call`] and [`Ticket`]
//! keep calls and renewals of an earlier session from touching a later one.

mod record;

use super::config::Config;
use super::error::{Error, Kind, Result};
use super::foreign::Secrets;
use super::http::HttpRequest;
use super::id_token::Identity;
use super::json::Value;
use super::jwt::Verified;
use super::logout;
use super::public_key::PublicKey;
use super::secret::Secret;
use super::session::{Change, Claims, Session};
use super::time::Now;
use super::token::{Leftover, TokenRequest, TokenResponse};
use super::transaction::Transaction;
use super::url::Url;

/// Maximum number of former tokens that are remembered, so that no text of the server reveals them.
const MAX_FORMER: usize = 8;

/// Maximum length of a login hint in bytes; longer than any name with which users sign in. An e-mail address has at most 254
/// characters (RFC 5321 §4.5.3.1).
const MAX_HINT: usize = 1024;

/// Milliseconds before its expiry at which a token is renewed, unless a quarter of its lifetime is shorter.
const MARGIN: i64 = 10_000;

/// Minimum and maximum of the milliseconds after which a refused or failed renewal is tried again. They are doubled each time.
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
    /// No user is signed in.
    SignIn,
    /// The token is no longer valid and cannot be renewed: the session is over, as [`SessionState::view`] shows.
    Expired,
    /// The renewal that this call needs has failed, or the session was replaced by another one.
    Fail(Error),
}

/// The state of the session at the start of a call.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    sign_outs: u32,
    epoch: u32,
    renewals: u32,
    failures: u32,
}

/// Identifies the session that a renewal belongs to, so that its response cannot affect another session.
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    epoch: u32,
    user: u32,
}

/// The consequence of an API's refusal of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A second attempt makes sense: the token has been replaced in the meantime, or can be renewed.
    Again,
    /// The API's refusal is the response.
    Stands,
    /// The token cannot be renewed: the session is over, as [`SessionState::view`] shows. The API's refusal is the response.
    Ends,
}

/// The verified ID Token of a token response; `None` if there is none, or if the client does not use it.
pub type Proof = Result<Option<Verified>>;

/// The state of one client's session: signed in or not.
#[derive(Debug, Default)]
pub struct SessionState {
    sign_outs: u32,
    epoch: u32,
    /// A number that changes with the user.
    user: u32,
    live: Option<Box<Live>>,
}

#[derive(Debug)]
struct Live {
    issuer: String,
    identity: Option<Identity>,
    /// As received, so that the provider recognizes it.
    id_token: Option<Secret>,
    scope: String,
    access_token: Secret,
    refresh_token: Option<Secret>,
    /// The key that the tokens are bound to, if they are.
    bound_to: Option<PublicKey>,
    /// The form of the token request that renews tokens without a user; empty if there is a user.
    form: String,
    /// Tokens that were replaced, some of which the server may still accept.
    former: Secrets,
    received: Now,
    /// Milliseconds from receipt; absent if the server did not specify them.
    lifetime: Option<i64>,
    /// An API refused the token before it expired.
    refused: bool,
    /// The app has requested a renewal. The token may be used in the meantime.
    due: bool,
    refreshing: bool,
    renewals: u32,
    failures: u32,
    failure: Option<Failure>,
}

#[derive(Debug)]
struct Failure {
    error: Error,
    at: Now,
    /// Milliseconds until the next attempt.
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

    fn has_user(&self) -> bool {
        self.form.is_empty()
    }

    fn can_renew(&self) -> bool {
        self.refresh_token.is_some() || !self.has_user()
    }

    fn receive(&mut self, tokens: TokenResponse, now: Now) {
        self.former.add_to(MAX_FORMER, &self.access_token);
        self.access_token = tokens.access_token;
        self.bound_to = tokens.bound_to;
        self.received = now;
        self.refused = false;
        self.due = false;
        self.failure = None;
        if tokens.refresh_token.is_some() && self.has_user() {
            self.drop_refresh_token();
            self.refresh_token = tokens.refresh_token;
        }
        // Without a means of renewal, a lifetime of 0 seconds counts as unspecified: a few servers write 0 for a token that does
        // not expire. An API's refusal shows when such a token is no longer valid.
        let said = tokens.expires_in.filter(|seconds| *seconds > 0 || self.can_renew());
        self.lifetime = said.map(|seconds| seconds.saturating_mul(1000));
        if let Some(scope) = tokens.scope {
            self.scope = scope;
        }
    }

    /// Stops using the refresh token.
    fn drop_refresh_token(&mut self) {
        if let Some(former) = self.refresh_token.take() {
            self.former.add_to(MAX_FORMER, &former);
        }
    }
}

impl SessionState {
    /// Begins a session with the tokens of a sign-in, whose ID Token is `proof`. Returns the tokens, old or new, that are not
    /// used and are to be revoked, if they are those of another user than the session's. Tokens of the same user are not
    /// returned: a server may treat new and old tokens as one grant, and revoke the whole grant (RFC 7009 §2.1).
    ///
    /// # Errors
    ///
    /// The error in `proof`, and those of [`Identity::from_sign_in`]; [`Kind::IdTokenInvalid`] with `missing` if
    /// OpenID Connect is used and there is no ID Token. An earlier session is kept in these cases. [`Kind::UserChanged`] if
    /// the provider silently signed in another user than the one of the session. The user has not seen that happen, so the
    /// earlier session ends and no new one begins.
    pub fn sign_in(
        &mut self,
        tokens: Box<TokenResponse>,
        proof: Proof,
        transaction: &Transaction,
        config: &Config,
        now: Now,
    ) -> (Result<Change>, Vec<Leftover>) {
        // The nonce is a claim, and cannot be used again.
        let secrets = tokens.secrets.clone().without(&transaction.nonce);
        let identity = match proof {
            Ok(Some(token)) => Identity::from_sign_in(token, transaction, config, now)
                .and_then(|identity| identity.cleared(&secrets))
                .map(Some),
            Ok(None) if config.openid && transaction.has_user() => {
                Err(Kind::IdTokenInvalid { reason: "missing" }.into())
            }
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        let identity = match identity {
            Ok(identity) => identity,
            Err(error) => return (Err(error), self.overtaken(*tokens, None)),
        };
        let sub = |identity: &Option<Identity>| identity.as_ref().map(|identity| identity.sub.clone());
        let change = match &self.live {
            Some(earlier)
                if sub(&earlier.identity) != sub(&identity) || earlier.has_user() != transaction.has_user() =>
            {
                Change::UserChanged
            }
            _ => Change::SignedIn,
        };
        let mut leftover = self.forget();
        if change == Change::SignedIn {
            leftover.clear();
        } else {
            self.user = self.user.wrapping_add(1);
            if transaction.asks_to("none") {
                leftover.extend(tokens.into_leftover());
                return (Err(Kind::UserChanged.into()), leftover);
            }
        }
        let mut live = Box::new(Live {
            issuer: config.issuer.clone(),
            identity,
            id_token: tokens.id_token.clone().filter(|_| transaction.has_user()),
            scope: transaction.scope.clone(),
            access_token: Secret::new(""),
            refresh_token: None,
            bound_to: None,
            form: transaction.form.clone(),
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

    /// Signs out. Responses to pending requests no longer find a session.
    pub fn end(&mut self) -> Vec<Leftover> {
        self.sign_outs = self.sign_outs.wrapping_add(1);
        self.user = self.user.wrapping_add(1);
        self.forget()
    }

    /// Returns tokens that arrived too late, or that cannot be used, so that they are revoked. It only returns them if they
    /// cannot share a grant with the tokens of the session, since a server may revoke a whole grant. `user` is the number of
    /// the user that the tokens were meant for, if it is known.
    fn overtaken(&self, tokens: TokenResponse, user: Option<u32>) -> Vec<Leftover> {
        let may_share = self.live.is_some() && user.is_none_or(|user| user == self.user);
        if may_share { Vec::new() } else { tokens.into_leftover() }
    }

    /// Returns the tokens of a sign-in that a sign-out has superseded, as far as they are to be revoked.
    pub fn too_late(&self, tokens: TokenResponse) -> Vec<Leftover> {
        self.overtaken(tokens, None)
    }

    /// Ends the session if its token is no longer valid and cannot be renewed. Returns whether it did.
    pub fn expire(&mut self, now: Now) -> bool {
        let is_over = |live: &Live| !live.can_renew() && live.left(now) <= 0;
        let is_over = self.live.as_deref().is_some_and(is_over);
        if is_over {
            // A token that is no longer valid does not have to be revoked.
            self.forget();
        }
        is_over
    }

    fn forget(&mut self) -> Vec<Leftover> {
        self.epoch = self.epoch.wrapping_add(1);
        match self.live.take() {
            Some(live) => Leftover::of(live.refresh_token, live.access_token, live.bound_to.as_ref()),
            None => Vec::new(),
        }
    }

    /// Records the state of the session at the start of a call.
    pub fn call(&self) -> Call {
        let (renewals, failures) = self.live.as_ref().map_or((0, 0), |live| (live.renewals, live.failures));
        Call { sign_outs: self.sign_outs, epoch: self.epoch, renewals, failures }
    }

    /// Whether the session is the one in which a call began.
    pub fn is_same(&self, call: Call) -> bool {
        call.epoch == self.epoch
    }

    /// Whether the tokens of the session can be renewed.
    pub fn can_renew(&self) -> bool {
        self.live.as_ref().is_some_and(|live| live.can_renew())
    }

    /// Whether a sign-out took place since a call began.
    pub fn is_overtaken(&self, call: Call) -> bool {
        call.sign_outs != self.sign_outs
    }

    /// Decides what a call does next. A token that arrived after the call began is used however short its lifetime is, so that
    /// no call renews twice.
    pub fn next(&mut self, call: Call, token_endpoint: &Url, config: &Config, now: Now) -> Action {
        if call.epoch != self.epoch {
            return if self.live.is_some() { Action::Fail(Kind::Cancelled.into()) } else { Action::SignIn };
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
        if live.can_renew() {
            live.refreshing = true;
            let request = match &live.refresh_token {
                Some(refresh_token) => TokenRequest::for_refresh(refresh_token, config),
                None => TokenRequest::for_machine(&live.form),
            };
            let request = request.request(token_endpoint);
            return Action::Refresh(request, Ticket { epoch: self.epoch, user: self.user });
        }
        if self.expire(now) { Action::Expired } else { Action::Use }
    }

    /// Processes the outcome of a renewal, or the failure to send it. A renewal may lack an ID Token
    /// (OpenID Connect Core §12.2). Therefore an ID Token that cannot be verified now, because no key is available, is ignored,
    /// and so is an ID Token with a flaw that concerns neither its user nor its parties: see [`Identity::from_refresh`].
    ///
    /// # Errors
    ///
    /// [`Kind::SessionEnded`] for `invalid_grant`, and [`Kind::IdTokenInvalid`] for an ID Token of another user or another
    /// party, or with a wrong signature, and [`Kind::WrongAudience`]: all end the session, as [`SessionState::view`] then shows. [`Kind::Cancelled`] if the
    /// session was replaced or ended in the meantime. Every other error keeps the session; another [`Kind::TokenRefused`]
    /// drops its refresh token.
    pub fn refreshed(
        &mut self,
        ticket: Ticket,
        tokens: Result<Box<TokenResponse>>,
        proof: Proof,
        config: &Config,
        now: Now,
    ) -> (Result<Change>, Vec<Leftover>) {
        let live = match &mut self.live {
            Some(live) if ticket.epoch == self.epoch => live,
            _ => {
                let leftover = tokens.ok().map(|tokens| self.overtaken(*tokens, Some(ticket.user)));
                return (Err(Kind::Cancelled.into()), leftover.unwrap_or_default());
            }
        };
        live.refreshing = false;
        live.due = false;
        match tokens.and_then(|tokens| renew(live, tokens, proof, config, now)) {
            Ok(()) => (Ok(Change::Renewed), Vec::new()),
            Err(error) => {
                let ends = match error.kind() {
                    // Without a user, the next sign-in may succeed, for example with another key.
                    Kind::TokenRefused(said) => {
                        said.error.as_str() == "invalid_grant" || (!live.has_user() && live.left(now) <= 0)
                    }
                    error => matches!(error, Kind::IdTokenInvalid { .. } | Kind::WrongAudience { .. }),
                };
                if ends {
                    self.user = self.user.wrapping_add(1);
                    let leftover = self.forget();
                    let refused = matches!(error.kind(), Kind::TokenRefused(_));
                    return (Err(if refused { Kind::SessionEnded.into() } else { error }), leftover);
                }
                if matches!(error.kind(), Kind::TokenRefused(_)) {
                    live.drop_refresh_token();
                }
                live.failures = live.failures.wrapping_add(1);
                live.failure = Some(failure(error.clone(), live.failure.as_ref(), now));
                (Err(error), Vec::new())
            }
        }
    }

    /// Records that an API refused the token that this call used.
    pub fn refused(&mut self, call: Call, now: Now) -> Refused {
        match &mut self.live {
            Some(live) if call.epoch == self.epoch => {
                let renewed = live.renewals != call.renewals;
                live.refused |= !renewed;
                let again = renewed || live.can_renew() || live.refreshing;
                match again {
                    true => Refused::Again,
                    false if self.expire(now) => Refused::Ends,
                    false => Refused::Stands,
                }
            }
            _ => Refused::Stands,
        }
    }

    /// Makes the next call renew the token, whatever its age. See [`SessionState::renewed`].
    pub fn renew(&mut self) {
        if let Some(live) = &mut self.live {
            live.due = true;
            live.failure = None;
        }
    }

    /// Checks that the token was renewed since a call began.
    ///
    /// # Errors
    ///
    /// The reason why it was not: the error of the last renewal, or [`Kind::LoginRequired`] if it cannot be renewed.
    pub fn renewed(&self, call: Call) -> Result<()> {
        let Some(live) = &self.live else { return Err(Kind::LoginRequired.into()) };
        match &live.failure {
            _ if live.renewals != call.renewals => Ok(()),
            Some(failure) => Err(failure.error.clone()),
            None => Err(Kind::LoginRequired.into()),
        }
    }

    /// The access token, for the line that attaches it.
    pub fn access_token(&self) -> Option<&Secret> {
        self.live.as_ref().map(|live| &live.access_token)
    }

    /// The key that the tokens are bound to, if they are.
    pub fn bound_to(&self) -> Option<&PublicKey> {
        self.live.as_ref()?.bound_to.as_ref()
    }

    /// Whether a user is signed in, known or not.
    pub fn has_user(&self) -> bool {
        self.live.as_ref().is_some_and(|live| live.has_user())
    }

    /// The user's `sub`; absent without an ID Token.
    pub fn subject(&self) -> Option<&str> {
        Some(&self.live.as_ref()?.identity.as_ref()?.sub)
    }

    /// The name by which the provider may know the user, for `login_hint` (OpenID Connect Core §3.1.2.1): a claim that is made
    /// for this purpose, or the name with which the user signs in. A claim that is too long for a URL is ignored.
    pub fn login_hint(&self) -> Option<String> {
        let identity = self.live.as_ref()?.identity.as_ref()?;
        let claims = Value::parse(&identity.shown).ok()?;
        let names = ["login_hint", "preferred_username", "email"];
        let text = |name: &&str| claims.get(name)?.as_str().filter(|text| text.len() <= MAX_HINT).map(Into::into);
        names.iter().find_map(text)
    }

    /// The tokens of the session, including former ones, which no text of a server may reveal to a page.
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

    /// Whether the query of a front-channel logout page names this session: see [`logout::names_session`].
    pub fn is_named_by(&self, query: &str) -> bool {
        let Some(live) = &self.live else { return false };
        let claims = live.identity.as_ref().map_or("", |identity| &identity.claims);
        Value::parse(claims).is_ok_and(|claims| logout::names_session(query, &live.issuer, &claims))
    }

    /// The part of the session that the app may know; absent when signed out.
    pub fn view(&self, now: Now) -> Option<Session> {
        let live = self.live.as_ref()?;
        let identity = live.identity.as_ref();
        let expires_at = live.lifetime.map(|lifetime| {
            let left = lifetime.saturating_sub(now.since(live.received));
            now.wall.saturating_add(left)
        });
        Some(Session {
            sub: identity.map_or("", |identity| &identity.sub).into(),
            issuer: live.issuer.clone(),
            scope: live.scope.clone(),
            expires_at,
            auth_time: identity.and_then(|identity| identity.auth_time),
            claims: Claims(identity.map_or("{}", |identity| &identity.shown).into()),
        })
    }
}

/// Stores new tokens, unless the ID Token among them is for another user (OpenID Connect Core §12.2).
fn renew(live: &mut Live, tokens: Box<TokenResponse>, proof: Proof, config: &Config, now: Now) -> Result<()> {
    match (proof, &live.identity) {
        (Ok(Some(token)), Some(earlier)) => {
            if let Some(identity) = Identity::from_refresh(token, earlier, config, now)? {
                live.identity = Some(identity.cleared(&tokens.secrets)?);
            }
        }
        (Err(error), _)
            if *error.kind() == Kind::IdTokenInvalid { reason: "signature" }
                || matches!(error.kind(), Kind::WrongAudience { .. }) =>
        {
            return Err(error);
        }
        _ => {}
    }
    live.receive(*tokens, now);
    live.renewals = live.renewals.wrapping_add(1);
    Ok(())
}

/// A renewal after a lost connection may be tried again immediately. After any other failure there is a delay.
fn failure(error: Error, earlier: Option<&Failure>, now: Now) -> Failure {
    let delay = match error.kind() {
        Kind::Network { .. } | Kind::Timeout { .. } => 0,
        _ => {
            let doubled = earlier.map_or(0, |earlier| earlier.delay.saturating_mul(2)).clamp(BACK_OFF.0, BACK_OFF.1);
            doubled.max(i64::from(error.retry_after().unwrap_or(0)) * 1000)
        }
    };
    Failure { error, at: now, delay }
}
