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

mod access;
mod record;

use access::Access;

use super::authorization_details::AuthorizationDetails;
use super::config::Config;
use super::error::{Error, Kind, OAuthError, Result, WITHOUT_REFRESH_TOKEN};
use super::foreign::Secrets;
use super::http::HttpRequest;
use super::id_token::Identity;
use super::json::Value;
use super::jwt::Verified;
use super::logout;
use super::public_key::PublicKey;
use super::resource::OF_SIGN_IN;
use super::secret::Secret;
use super::session::{Change, Claims, Session};
use super::time::Now;
use super::token::{Leftover, TokenRequest, TokenResponse};
use super::transaction::Transaction;
use super::url::Url;

/// Maximum number of former tokens that are remembered, so that no text of the server reveals them.
const MAX_FORMER: usize = 16;

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
    target: usize,
    renewals: u32,
    failures: u32,
    outages: u32,
}

impl Call {
    /// The target of the access token that the call needs, as its place in the API list.
    pub fn target(&self) -> usize {
        self.target
    }
}

/// Identifies the session that a renewal belongs to, so that its response cannot affect another session.
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    epoch: u32,
    user: u32,
    target: usize,
}

impl Ticket {
    /// Whether the renewal is for the target of the sign-in, whose access token the app sees in its session.
    pub fn is_of_sign_in(&self) -> bool {
        self.target == OF_SIGN_IN
    }
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
    /// The scope of the first access token.
    scope: String,
    /// What was granted of a rich authorization request, to the first access token.
    details: Option<AuthorizationDetails>,
    /// The access token of the sign-in, for the first target of the API list.
    first: Access,
    /// Those for the further targets, in their order.
    further: Vec<Access>,
    refresh_token: Option<Secret>,
    /// The key that the tokens are bound to, if they are.
    bound_to: Option<PublicKey>,
    /// The form of the token request that renews tokens without a user; empty if there is a user.
    form: String,
    /// Tokens that were replaced, some of which the server may still accept.
    former: Secrets,
    /// The target whose access token is being renewed.
    refreshing: Option<usize>,
    /// How often there was no response to a renewal, and the last such error.
    outages: u32,
    outage: Option<Error>,
    /// Whether the server has refused the refresh token for a further target: the next renewal, for the first one, tells whether the
    /// token is valid.
    doubted: bool,
}

impl Live {
    fn has_user(&self) -> bool {
        self.form.is_empty()
    }

    fn can_renew(&self) -> bool {
        self.refresh_token.is_some() || !self.has_user()
    }

    /// The access token for the target at a place of the API list.
    fn access(&self, target: usize) -> Option<&Access> {
        target.checked_sub(1).map_or(Some(&self.first), |place| self.further.get(place))
    }

    fn access_mut(&mut self, target: usize) -> Option<&mut Access> {
        target.checked_sub(1).map_or(Some(&mut self.first), |place| self.further.get_mut(place))
    }

    /// The request for the access token for a target, if a user or the client itself can still get it.
    fn request(&self, target: usize, config: &Config) -> Option<TokenRequest> {
        match &self.refresh_token {
            _ if !self.has_user() => Some(TokenRequest::for_machine(&self.form, target, config)),
            Some(refresh_token) => Some(TokenRequest::for_refresh(refresh_token, config.api.target(target), config)),
            None => None,
        }
    }

    fn receive(&mut self, target: usize, tokens: TokenResponse, now: Now) {
        self.bound_to = tokens.bound_to;
        if tokens.refresh_token.is_some() && self.has_user() {
            self.drop_refresh_token();
            self.refresh_token = tokens.refresh_token;
        }
        if target == OF_SIGN_IN {
            self.scope = tokens.scope.unwrap_or_else(|| core::mem::take(&mut self.scope));
            // In a renewal, a flaw of this member is no reason to lose the tokens.
            self.details = tokens.authorization_details.unwrap_or_default().or_else(|| self.details.take());
        }
        // Without a means of renewal, a lifetime of 0 seconds counts as unspecified: a few servers write 0 for a token that does
        // not expire. An API's refusal shows when such a token is no longer valid.
        let said = tokens.expires_in.filter(|seconds| *seconds > 0 || self.can_renew());
        let lifetime = said.map(|seconds| seconds.saturating_mul(1000));
        let Some(access) = self.access_mut(target) else { return };
        let former = access.token.take();
        access.renew(tokens.access_token, lifetime, now);
        if let Some(former) = former {
            self.former.add_to(MAX_FORMER, &former);
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
        let identity = match (identity, &tokens.authorization_details) {
            (Ok(identity), Ok(_)) => identity,
            (Err(error), _) => return (Err(error), self.overtaken(*tokens, None)),
            (_, Err(error)) => return (Err(error.clone()), self.overtaken(*tokens, None)),
        };
        let sub = |identity: &Option<Identity>| identity.as_ref().map(|identity| identity.sub.clone());
        let change = match &self.live {
            Some(earlier)
                if sub(&earlier.identity) != sub(&identity) || earlier.has_user() != transaction.has_user() =>
            {
                Change::UserChanged
            }
            _ if transaction.asks_to("none") => Change::Restored,
            _ => Change::SignedIn,
        };
        let mut leftover = self.forget();
        if change == Change::UserChanged {
            self.user = self.user.wrapping_add(1);
            if transaction.asks_to("none") {
                leftover.extend(tokens.into_leftover());
                return (Err(Kind::UserChanged.into()), leftover);
            }
        } else {
            leftover.clear();
        }
        let mut live = Box::new(Live {
            issuer: config.issuer.clone(),
            identity,
            id_token: tokens.id_token.clone().filter(|_| transaction.has_user()),
            scope: transaction.scope.clone(),
            details: None,
            first: Access::default(),
            further: further(config),
            refresh_token: None,
            bound_to: None,
            form: transaction.form.clone(),
            former: Secrets::default(),
            refreshing: None,
            outages: 0,
            outage: None,
            doubted: false,
        });
        live.receive(OF_SIGN_IN, *tokens, now);
        self.live = Some(live);
        (Ok(change), leftover)
    }

    /// Continues a session that the device has kept, unless a sign-in or a sign-out has taken place since `call`. Returns whether it does.
    pub fn wake(&mut self, kept: Self, call: Call) -> bool {
        if self.live.is_some() || call.epoch != self.epoch || self.is_overtaken(call) {
            return false;
        }
        self.epoch = self.epoch.wrapping_add(1);
        self.user = self.user.wrapping_add(1);
        self.live = kept.live;
        true
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
        let is_over = |live: &Live| !live.can_renew() && live.first.left(now) <= 0;
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
            Some(live) => {
                let Live { first, mut further, refresh_token, bound_to, .. } = *live;
                let mut access_tokens = Vec::new();
                further.push(first);
                for access in further {
                    access_tokens.extend(access.token);
                }
                Leftover::of(refresh_token, access_tokens, bound_to.as_ref())
            }
            None => Vec::new(),
        }
    }

    /// Records the state of the session at the start of a call that needs the access token for the target at this place of the API list.
    pub fn call(&self, target: usize) -> Call {
        let access = self.live.as_ref().and_then(|live| live.access(target));
        let (renewals, failures) = access.map_or((0, 0), |access| (access.renewals, access.failures));
        let outages = self.live.as_ref().map_or(0, |live| live.outages);
        Call { sign_outs: self.sign_outs, epoch: self.epoch, target, renewals, failures, outages }
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
        let Some(access) = live.access(call.target) else { return Action::SignIn };
        if access.is_fresh(now) || access.renewals != call.renewals {
            return Action::Use;
        }
        let usable = access.left(now) > 0;
        match live.refreshing {
            // The call need not wait for the token of another API.
            Some(target) if target != call.target && usable && !access.due => return Action::Use,
            Some(_) => return Action::Wait,
            None => {}
        }
        // A call that has waited for another renewal does not wait for the same server a second time.
        let outage = live.outage.as_ref().filter(|_| live.outages != call.outages);
        if let Some(error) = access.failure_for(call, now).or(outage).filter(|_| !live.doubted) {
            return if usable { Action::Use } else { Action::Fail(error.clone()) };
        }
        let target = if live.doubted { OF_SIGN_IN } else { call.target };
        if let Some(request) = live.request(target, config) {
            live.refreshing = Some(target);
            let ticket = Ticket { epoch: self.epoch, user: self.user, target };
            return Action::Refresh(request.request(token_endpoint), ticket);
        }
        match usable {
            true => Action::Use,
            false if self.expire(now) => Action::Expired,
            false => Action::Fail(Kind::Unsupported { feature: WITHOUT_REFRESH_TOKEN }.into()),
        }
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
        live.refreshing = None;
        live.doubted = false;
        if let Some(access) = live.access_mut(ticket.target) {
            access.due = false;
        }
        match tokens.and_then(|tokens| renew(live, ticket.target, tokens, proof, config, now)) {
            Ok(()) => (Ok(Change::Renewed), Vec::new()),
            Err(error) => {
                let is_of_sign_in = ticket.target == OF_SIGN_IN;
                let ends = match error.kind() {
                    // A few servers, such as Entra ID, say so if the user has not consented to a further target.
                    Kind::TokenRefused(said) if !is_of_sign_in => {
                        live.doubted = said.error.as_str() == "invalid_grant";
                        false
                    }
                    // Without a user, the next sign-in may succeed, for example with another key.
                    Kind::TokenRefused(said) => {
                        said.error.as_str() == "invalid_grant" || (!live.has_user() && live.first.left(now) <= 0)
                    }
                    error => matches!(error, Kind::IdTokenInvalid { .. } | Kind::WrongAudience { .. }),
                };
                if ends {
                    self.user = self.user.wrapping_add(1);
                    let leftover = self.forget();
                    let refused = matches!(error.kind(), Kind::TokenRefused(_));
                    return (Err(if refused { Kind::SessionEnded.into() } else { error }), leftover);
                }
                let is_of_target = |said: &OAuthError| is_of_target(said) && !live.further.is_empty();
                if matches!(error.kind(), Kind::TokenRefused(said) if is_of_sign_in && !is_of_target(said)) {
                    live.drop_refresh_token();
                }
                if matches!(error.kind(), Kind::Network { .. } | Kind::Timeout { .. }) {
                    live.outages = live.outages.wrapping_add(1);
                    live.outage = Some(error.clone());
                }
                if let Some(access) = live.access_mut(ticket.target) {
                    access.fail(error.clone(), now);
                }
                (Err(error), Vec::new())
            }
        }
    }

    /// Records that the outcome of a renewal will not be known. Another one may begin.
    pub fn abandoned(&mut self, ticket: Ticket) {
        if let Some(live) = self.live.as_deref_mut().filter(|_| ticket.epoch == self.epoch) {
            live.refreshing = None;
        }
    }

    /// Records that an API refused the token that this call used.
    pub fn refused(&mut self, call: Call, now: Now) -> Refused {
        match &mut self.live {
            Some(live) if call.epoch == self.epoch => {
                let can_renew = live.can_renew() || live.refreshing.is_some();
                let Some(access) = live.access_mut(call.target) else { return Refused::Stands };
                let renewed = access.renewals != call.renewals;
                access.refused |= !renewed;
                match renewed || can_renew {
                    true => Refused::Again,
                    false if self.expire(now) => Refused::Ends,
                    false => Refused::Stands,
                }
            }
            _ => Refused::Stands,
        }
    }

    /// Makes the next call to an API renew its token, whatever its age. See [`SessionState::renewed`].
    pub fn renew(&mut self) {
        if let Some(live) = &mut self.live {
            live.first.make_due();
            live.further.iter_mut().for_each(Access::make_due);
        }
    }

    /// Checks that the token was renewed since a call began.
    ///
    /// # Errors
    ///
    /// The reason why it was not: the error of the last renewal, or [`Kind::LoginRequired`] if it cannot be renewed.
    pub fn renewed(&self, call: Call) -> Result<()> {
        let access = self.live.as_ref().and_then(|live| live.access(call.target));
        let Some(access) = access else { return Err(Kind::LoginRequired.into()) };
        match &access.failure {
            _ if access.renewals != call.renewals => Ok(()),
            Some(failure) => Err(failure.error.clone()),
            None => Err(Kind::LoginRequired.into()),
        }
    }

    /// Whether there is a session.
    pub fn is_live(&self) -> bool {
        self.live.is_some()
    }

    /// The access token for the target at this place of the API list, for the line that attaches it.
    pub fn access_token(&self, target: usize) -> Option<&Secret> {
        self.live.as_ref()?.access(target)?.token.as_ref()
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
        live.further.iter().filter_map(|access| access.token.as_ref()).for_each(|token| secrets.add(token));
        let others = [&live.refresh_token, &live.id_token, &live.first.token];
        others.into_iter().flatten().for_each(|token| secrets.add(token));
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
        let Access { lifetime, received, .. } = &live.first;
        let expires_at = lifetime.map(|lifetime| {
            let left = lifetime.saturating_sub(now.since(*received));
            now.wall.saturating_add(left)
        });
        Some(Session {
            sub: identity.map_or("", |identity| &identity.sub).into(),
            issuer: live.issuer.clone(),
            scope: live.scope.clone(),
            expires_at,
            auth_time: identity.and_then(|identity| identity.auth_time),
            authorization_details: live.details.clone(),
            claims: Claims(identity.map_or("{}", |identity| &identity.shown).into()),
        })
    }
}

/// Stores new tokens, unless the ID Token among them is for another user (OpenID Connect Core §12.2).
fn renew(
    live: &mut Live,
    target: usize,
    tokens: Box<TokenResponse>,
    proof: Proof,
    config: &Config,
    now: Now,
) -> Result<()> {
    match (proof, &live.identity) {
        (Ok(Some(token)), Some(earlier)) => {
            if let Some(identity) = Identity::from_refresh(token, earlier, config, now)? {
                live.identity = Some(identity.cleared(&tokens.secrets)?);
                // A session that was kept on the device has none.
                live.id_token = live.id_token.take().or_else(|| tokens.id_token.clone());
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
    live.receive(target, *tokens, now);
    Ok(())
}

/// Whether the refusal of a token request is about its target, and says nothing about the refresh token (RFC 8707 §2, RFC 6749 §5.2).
fn is_of_target(said: &OAuthError) -> bool {
    matches!(said.error.as_str(), "invalid_target" | "invalid_scope")
}

/// The access tokens of a new session for the further targets: none yet.
fn further(config: &Config) -> Vec<Access> {
    let mut further = Vec::new();
    further.resize_with(config.api.targets().len().saturating_sub(1), Access::default);
    further
}
