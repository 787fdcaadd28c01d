//! The authorization response (RFC 6749 §4.1.2, RFC 9207).

use core::fmt;
use std::sync::Arc;

use super::config::Config;
use super::error::{Error, OAuthError};
use super::foreign::{Secrets, is_plain};
use super::form;
use super::http::oauth_error;
use super::list::{cut, items};
use super::metadata::ServerMetadata;
use super::secret::Secret;
use super::time::Now;
use super::transaction::Transaction;
use super::url::{Loopback, Url};

/// Longer than any honest response.
const MAX_RESPONSE: usize = 128 * 1024;

/// Parameters that mean something here; each may come once.
const KNOWN: [&str; 6] = ["state", "iss", "code", "error", "error_description", "error_uri"];

/// Parameters of flows that this client does not do, and does not mistake for its own.
const FOREIGN: [&str; 3] = ["access_token", "id_token", "response"];

/// What a response adds to the query of its page, whatever its flow (RFC 6749 §4.1.2, RFC 9207 §2, OpenID Connect Session
/// Management §2).
pub(crate) const RESPONSE: [&str; 11] = [
    "code",
    "state",
    "iss",
    "error",
    "error_description",
    "error_uri",
    "session_state",
    "access_token",
    "token_type",
    "id_token",
    "response",
];

/// A fragment with one of these is a response, too: of a flow that this client does not do.
const IN_FRAGMENT: [&str; 5] = ["access_token", "code", "error", "id_token", "response"];

/// Codes with which a provider says that it cannot sign in without asking (OpenID Connect Core §3.1.2.6): after a
/// silent attempt a normal response, no error.
const INTERACTION_NEEDED: [&str; 4] =
    ["login_required", "interaction_required", "consent_required", "account_selection_required"];

/// A response that is well formed and not yet trusted.
pub struct AuthorizationResponse {
    /// Those that mean something here.
    parameters: Vec<(&'static str, String)>,
}

impl fmt::Debug for AuthorizationResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthorizationResponse(…)")
    }
}

/// A response that belongs to a transaction of this client. Whether the server's promises hold is still open.
#[derive(Debug)]
pub struct Bound {
    response: AuthorizationResponse,
    transaction: Box<Transaction>,
}

/// What is known of the other responses that come to the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedirectPage {
    /// Only this provider's, as far as the page can see.
    OfOneProvider,
    /// Another provider's, too.
    Shared,
}

/// A code that was checked, with the transaction that it belongs to: the only way to a token request.
#[derive(Debug)]
pub struct Grant {
    pub(super) code: Secret,
    pub(super) transaction: Box<Transaction>,
}

impl AuthorizationResponse {
    /// Reads a query without its `?`, and with the fragment where there is one. `None`: this is no authorization
    /// response, the page was loaded for another reason.
    ///
    /// # Errors
    ///
    /// [`Error::DuplicateParameter`], [`Error::TooLarge`], [`Error::ResponseInvalid`].
    pub fn parse(query: &str) -> Result<Option<Self>, Arc<Error>> {
        if query.len() > MAX_RESPONSE {
            return Err(Error::TooLarge { part: "authorization response" }.into());
        }
        let (query, fragment) = cut(query, b'#');
        let is_response = |part| matches!(cut(part, b'='), (name, Some(_)) if IN_FRAGMENT.contains(&name));
        if items(fragment.unwrap_or_default(), b'&').any(is_response) {
            return Err(Error::ResponseInvalid { part: "fragment".into() }.into());
        }
        let Some(all) = form::parameters(query) else {
            return Err(Error::ResponseInvalid { part: "query".into() }.into());
        };
        let mut response = Self { parameters: Vec::new() };
        let known = |name: &str| KNOWN.into_iter().chain(FOREIGN).find(|known| *known == name);
        for (name, value) in all {
            let Some(name) = name.and_then(|name| known(&name)) else { continue };
            if response.parameters.iter().any(|(earlier, _)| *earlier == name) {
                return Err(Error::DuplicateParameter { name: name.into() }.into());
            }
            // Texts for people come in the encoding of the server's own country now and then.
            if value.is_none() && !matches!(name, "error_description" | "error_uri") {
                return Err(Error::ResponseInvalid { part: name.into() }.into());
            }
            response.parameters.push((name, value.unwrap_or_default()));
        }
        if let Some(name) = FOREIGN.into_iter().find(|name| response.get(name).is_some()) {
            return Err(Error::ResponseInvalid { part: name.into() }.into());
        }
        let is_response = ["state", "code", "error"].iter().any(|name| response.get(name).is_some());
        Ok(is_response.then_some(response))
    }

    /// A parameter. Without a value it counts as omitted (RFC 6749 §3.1).
    fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.parameters.iter().find(|(key, _)| *key == name)?;
        (!value.is_empty()).then_some(value)
    }

    /// What is to be said of a response for which nothing was kept, where a sign-in is under way that it may be meant for.
    pub fn unbound(&self) -> Arc<Error> {
        match self.get("error") {
            // A server that fails before it has read the request does not know its `state`.
            Some(error) if self.get("state").is_none() && is_registered(error) => {
                Error::Unbound(OAuthError::from_code(Secrets::default().quote(error))).into()
            }
            _ if self.get("state").is_none() => Error::StateMismatch { reason: "no `state`" }.into(),
            _ => Error::StateMismatch { reason: "another `state`" }.into(),
        }
    }

    /// Whether the response carries this transaction's state.
    pub fn is_for(&self, transaction: &Transaction) -> bool {
        self.get("state") == Some(transaction.state.expose())
    }

    /// Holds the response against its transaction and its client, before any request is made for it. `page` is the address
    /// that it came to.
    ///
    /// A response that names its issuer must name the client's own; one that does not is known by the page that it comes to,
    /// unless another provider's responses come there, too, now or when the sign-in began (RFC 9700 §4.4.2).
    ///
    /// # Errors
    ///
    /// [`Error::StateMismatch`], [`Error::OtherPage`], [`Error::IssMismatch`]. The transaction is used up in every case.
    pub fn bind(
        self,
        transaction: Box<Transaction>,
        config: &Config,
        page: &str,
        others: RedirectPage,
        now: Now,
    ) -> Result<Bound, Arc<Error>> {
        if !self.is_for(&transaction) {
            return Err(self.unbound());
        }
        if !transaction.is_of(config) {
            return Err(Error::StateMismatch { reason: "of another client" }.into());
        }
        if transaction.is_expired(now) {
            return Err(Error::StateMismatch { reason: "expired" }.into());
        }
        match self.get("iss") {
            Some(iss) if config.issuer.is_empty() || iss != config.issuer => {
                return Err(self.iss_mismatch(&transaction, config));
            }
            None if others == RedirectPage::Shared || transaction.shared => {
                return Err(self.iss_mismatch(&transaction, config));
            }
            _ => {}
        }
        let page = Page::of_response(page);
        let expected = Page::of_response(&transaction.redirect_uri);
        if !page.zip(expected).is_some_and(|(page, expected)| page.is(&expected, self.get("iss").is_some())) {
            let redirect_uri = cut(&transaction.redirect_uri, b'?').0.into();
            return Err(Error::OtherPage { redirect_uri }.into());
        }
        Ok(Bound { response: self, transaction })
    }

    #[cold]
    fn iss_mismatch(&self, transaction: &Transaction, config: &Config) -> Arc<Error> {
        let secrets = self.secrets(transaction);
        let received = self.get("iss").map(|iss| secrets.quote(iss));
        Error::IssMismatch { expected: config.issuer.clone(), received }.into()
    }

    /// What the response must not tell a page.
    fn secrets(&self, transaction: &Transaction) -> Secrets {
        let mut secrets = transaction.secrets();
        secrets.add(&Secret::new(self.get("code").unwrap_or_default()));
        secrets
    }
}

/// Which refusals are a normal end of a sign-in, and no error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Declines {
    /// None.
    Never,
    /// That the provider would have to ask the user: it was told not to.
    Interaction,
    /// Any: nobody has asked for this attempt to bring a session back.
    AnyRefusal,
}

impl Declines {
    /// Whether an error is such a refusal.
    pub fn include(self, error: &Error) -> bool {
        match error {
            Error::AuthorizationRefused(said) => {
                let code = said.error.as_str();
                self == Self::AnyRefusal || (self == Self::Interaction && INTERACTION_NEEDED.contains(&code))
            }
            Error::TokenRefused(_) | Error::UserChanged => self == Self::AnyRefusal,
            _ => false,
        }
    }
}

impl Bound {
    /// Where the user was when the sign-in began.
    pub fn return_to(&self) -> &str {
        &self.transaction.return_to
    }

    /// How a refusal is to be taken.
    pub fn declines(&self) -> Declines {
        match self.transaction.asks_to("none") {
            true if self.transaction.restores => Declines::AnyRefusal,
            true => Declines::Interaction,
            false => Declines::Never,
        }
    }

    /// What the provider knows of the sign-in, and must not tell a page.
    pub fn secrets(&self) -> Secrets {
        self.response.secrets(&self.transaction)
    }

    /// Trusts the response, or not: first the issuer, then the error, then the code.
    ///
    /// # Errors
    ///
    /// [`Error::IssMismatch`] where the server promises `iss` and does not send it (RFC 9207 §2.4),
    /// [`Error::AuthorizationRefused`], [`Error::ResponseInvalid`].
    pub fn accept(self, metadata: &ServerMetadata, config: &Config) -> Result<Grant, Arc<Error>> {
        let Self { response, transaction } = self;
        if response.get("iss").is_none() && metadata.authorization_response_iss_parameter_supported {
            return Err(response.iss_mismatch(&transaction, config));
        }
        if let Some(error) = response.get("error") {
            if !is_plain(error) {
                return Err(Error::ResponseInvalid { part: "`error`".into() }.into());
            }
            let secrets = response.secrets(&transaction);
            let said = oauth_error(&secrets, error, response.get("error_description"), response.get("error_uri"));
            return Err(Error::AuthorizationRefused(said).into());
        }
        match response.get("code") {
            // RFC 6749 appendix A.11.
            Some(code) if code.bytes().all(|byte| matches!(byte, b' '..=b'~')) => {
                Ok(Grant { code: Secret::new(code), transaction })
            }
            _ => Err(Error::ResponseInvalid { part: "`code`".into() }.into()),
        }
    }
}

/// Whether a code is spelled as the registered ones are. Of a response that is bound to no transaction nothing else is shown:
/// nobody knows which secrets its texts could quote.
fn is_registered(error: &str) -> bool {
    error.len() <= 64 && error.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// A page that a response comes to: its address, and the parameters of its own that stand before those of the response
/// (RFC 6749 §3.1.2).
struct Page {
    url: Url,
    /// `None` is what cannot be decoded.
    own: Vec<(Option<String>, Option<String>)>,
}

impl Page {
    fn of_response(address: &str) -> Option<Self> {
        let (url, query) = cut(cut(address, b'#').0, b'?');
        let query = query.unwrap_or_default();
        let is_own = |item: &&str| !RESPONSE.contains(&cut(item, b'=').0);
        // Each item with its separator.
        let length: usize = items(query, b'&').take_while(is_own).map(|item| item.len() + 1).sum();
        let own = form::parameters(query.get(..length.saturating_sub(1)).unwrap_or_default())?;
        Some(Self { url: Url::parse(url, Loopback::Allowed)?, own })
    }

    /// Whether this is the redirect page. A server that names itself may put parameters of unknown meaning in front.
    fn is(&self, redirect_page: &Self, names_itself: bool) -> bool {
        let is_decoded = |(name, value): &(Option<String>, Option<String>)| name.is_some() && value.is_some();
        self.url == redirect_page.url
            && redirect_page.own.iter().all(is_decoded)
            && if names_itself { self.own.starts_with(&redirect_page.own) } else { self.own == redirect_page.own }
    }
}
