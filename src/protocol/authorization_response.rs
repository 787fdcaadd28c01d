//! The authorization response (RFC 6749 §4.1.2, RFC 9207).

use super::config::Config;
use super::error::{Error, Kind, OAuthError, Result};
use super::foreign::{Secrets, is_plain};
use super::form;
use super::http::oauth_error;
use super::list::{cut, items};
use super::metadata::ServerMetadata;
use super::secret::Secret;
use super::time::Now;
use super::transaction::{Purpose, RedirectPage, Transaction};
use super::url::{Loopback, Url};
use core::fmt;

/// Maximum length of a response in bytes; longer than any honest one.
const MAX_RESPONSE: usize = 128 * 1024;

/// The parameters that this client reads. Each may occur only once.
const KNOWN: [&str; 6] = ["state", "iss", "code", "error", "error_description", "error_uri"];

/// Parameters of flows that this client does not support. A response that has one of them is refused.
const FOREIGN: [&str; 3] = ["access_token", "id_token", "response"];

/// The parameters that a response of any flow adds to the query of its page (RFC 6749 §4.1.2, RFC 9207 §2,
/// OpenID Connect Session Management §2).
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

/// A fragment with one of these parameters is a response as well, of a flow that this client does not support.
const IN_FRAGMENT: [&str; 5] = ["access_token", "code", "error", "id_token", "response"];

/// The error codes of a provider that cannot sign the user in without interaction (OpenID Connect Core §3.1.2.6). After a
/// silent attempt they are a normal result and not an error.
const INTERACTION_NEEDED: [&str; 4] =
    ["login_required", "interaction_required", "consent_required", "account_selection_required"];

/// A response that is well formed and not yet trusted.
pub struct AuthorizationResponse {
    /// The parameters that have a meaning for this client.
    parameters: Vec<(&'static str, String)>,
}

impl fmt::Debug for AuthorizationResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthorizationResponse(…)")
    }
}

/// A response that belongs to a transaction of this client. It has not been checked against the server's metadata yet.
#[derive(Debug)]
pub struct Bound {
    response: AuthorizationResponse,
    transaction: Box<Transaction>,
}

/// A code that was checked, with the transaction that it belongs to. A token request for a code can only be made from this.
#[derive(Debug)]
pub struct Grant {
    pub(super) code: Secret,
    pub(super) transaction: Box<Transaction>,
}

impl AuthorizationResponse {
    /// Parses a query without its `?`, and with the fragment if there is one. `None` means that this is not an authorization
    /// response, and that the page was loaded for another reason.
    ///
    /// # Errors
    ///
    /// [`Kind::DuplicateParameter`], [`Kind::TooLarge`], [`Kind::ResponseInvalid`].
    pub fn parse(query: &str) -> Result<Option<Self>> {
        if query.len() > MAX_RESPONSE {
            return Err(Kind::TooLarge { part: "authorization response" }.into());
        }
        let (query, fragment) = cut(query, b'#');
        let is_response = |part| matches!(cut(part, b'='), (name, Some(_)) if IN_FRAGMENT.contains(&name));
        if items(fragment.unwrap_or_default(), b'&').any(is_response) {
            return Err(Kind::ResponseInvalid { part: "fragment".into() }.into());
        }
        let Some(all) = form::parameters(query) else {
            return Err(Kind::ResponseInvalid { part: "query".into() }.into());
        };
        let mut response = Self { parameters: Vec::new() };
        let known = |name: &str| KNOWN.into_iter().chain(FOREIGN).find(|known| *known == name);
        for (name, value) in all {
            let Some(name) = name.and_then(|name| known(&name)) else { continue };
            if response.parameters.iter().any(|(earlier, _)| *earlier == name) {
                return Err(Kind::DuplicateParameter { name: name.into() }.into());
            }
            // Some servers send texts for humans in a national encoding instead of UTF-8.
            if value.is_none() && !matches!(name, "error_description" | "error_uri") {
                return Err(Kind::ResponseInvalid { part: name.into() }.into());
            }
            response.parameters.push((name, value.unwrap_or_default()));
        }
        if let Some(name) = FOREIGN.into_iter().find(|name| response.get(name).is_some()) {
            return Err(Kind::ResponseInvalid { part: name.into() }.into());
        }
        let is_response = ["state", "code", "error"].iter().any(|name| response.get(name).is_some());
        Ok(is_response.then_some(response))
    }

    /// The value of a parameter. A parameter without a value counts as omitted (RFC 6749 §3.1).
    fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.parameters.iter().find(|(key, _)| *key == name)?;
        (!value.is_empty()).then_some(value)
    }

    /// Its `state`, if there is one.
    pub fn state(&self) -> Option<&str> {
        self.get("state")
    }

    /// Whether it is an error response (RFC 6749 §4.1.2.1).
    pub fn is_refusal(&self) -> bool {
        self.get("error").is_some()
    }

    /// The error for a response without a stored transaction, while a sign-in is under way that the response may belong to.
    pub fn unbound(&self) -> Error {
        match self.get("error") {
            // A server that fails before it has read the request does not know its `state`.
            Some(error) if self.get("state").is_none() && is_registered(error) => {
                Kind::Unbound(OAuthError::from_code(Secrets::default().quote(error))).into()
            }
            _ if self.get("state").is_none() => Kind::StateMismatch { reason: "no `state`" }.into(),
            _ => Kind::StateMismatch { reason: "another `state`" }.into(),
        }
    }

    /// Whether the response carries this transaction's state.
    pub fn is_for(&self, transaction: &Transaction) -> bool {
        self.get("state") == Some(transaction.state.expose())
    }

    /// Checks the response against its transaction and its client, before any request is made for it. `page` is the URL at
    /// which the response arrived.
    ///
    /// If the response names an issuer, it must be the issuer of this client. A response without an issuer is identified by the
    /// page at which it arrives. It is refused if responses of another provider arrive there as well, now or when the sign-in
    /// began (RFC 9700 §4.4.2).
    ///
    /// # Errors
    ///
    /// [`Kind::StateMismatch`], [`Kind::OtherPage`], [`Kind::IssMismatch`]. The transaction is consumed in every case.
    pub fn bind(
        self,
        transaction: Box<Transaction>,
        config: &Config,
        page: &str,
        redirect_page: RedirectPage,
        now: Now,
    ) -> Result<Bound> {
        if !self.is_for(&transaction) {
            return Err(self.unbound());
        }
        if !transaction.is_of(config) {
            return Err(Kind::StateMismatch { reason: "of another client" }.into());
        }
        if transaction.is_expired(now) {
            return Err(Kind::StateMismatch { reason: "expired" }.into());
        }
        match self.get("iss") {
            Some(iss) if config.issuer.is_empty() || iss != config.issuer => {
                return Err(self.iss_mismatch(&transaction, config));
            }
            None if [redirect_page, transaction.redirect_page].contains(&RedirectPage::Shared) => {
                return Err(self.iss_mismatch(&transaction, config));
            }
            _ => {}
        }
        let page = Page::of_response(page);
        let expected = Page::of_response(&transaction.redirect_uri);
        if !page.zip(expected).is_some_and(|(page, expected)| page.is(&expected, self.get("iss").is_some())) {
            let redirect_uri = cut(&transaction.redirect_uri, b'?').0.into();
            return Err(Kind::OtherPage { redirect_uri }.into());
        }
        Ok(Bound { response: self, transaction })
    }

    #[cold]
    fn iss_mismatch(&self, transaction: &Transaction, config: &Config) -> Error {
        let secrets = self.secrets(transaction);
        let received = self.get("iss").map(|iss| secrets.quote(iss));
        Kind::IssMismatch { expected: config.issuer.clone(), received }.into()
    }

    /// The secrets that the response must not reveal to a page.
    fn secrets(&self, transaction: &Transaction) -> Secrets {
        let mut secrets = transaction.secrets();
        secrets.add(&Secret::new(self.get("code").unwrap_or_default()));
        secrets
    }
}

/// The refusals that are a normal result of a sign-in and not an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Declines {
    /// No refusal.
    Never,
    /// A refusal because the provider would have to interact with the user, which the request forbids.
    Interaction,
    /// Any refusal, since this is an automatic attempt to restore a session.
    AnyRefusal,
}

impl Declines {
    /// Whether an error is such a refusal.
    pub fn include(self, error: &Error) -> bool {
        match error.kind() {
            Kind::AuthorizationRefused(said) => {
                let code = said.error.as_str();
                self == Self::AnyRefusal || (self == Self::Interaction && INTERACTION_NEEDED.contains(&code))
            }
            Kind::TokenRefused(_) | Kind::UserChanged => self == Self::AnyRefusal,
            _ => false,
        }
    }
}

impl Bound {
    /// Where the user was when the sign-in began.
    pub fn return_to(&self) -> &str {
        &self.transaction.return_to
    }

    /// Which refusals are a normal result of this sign-in.
    pub fn declines(&self) -> Declines {
        match self.transaction.asks_to("none") {
            true if self.transaction.purpose == Purpose::Restore => Declines::AnyRefusal,
            true => Declines::Interaction,
            false => Declines::Never,
        }
    }

    /// The secrets of the sign-in that the provider knows and must not reveal to a page.
    pub fn secrets(&self) -> Secrets {
        self.response.secrets(&self.transaction)
    }

    /// Decides whether to trust the response: checks the issuer first, then the error, then the code.
    ///
    /// # Errors
    ///
    /// [`Kind::IssMismatch`] if the server's metadata promises `iss` and the response lacks it (RFC 9207 §2.4),
    /// [`Kind::AuthorizationRefused`], [`Kind::ResponseInvalid`].
    pub fn accept(self, metadata: &ServerMetadata, config: &Config) -> Result<Grant> {
        let Self { response, transaction } = self;
        if response.get("iss").is_none() && metadata.authorization_response_iss_parameter_supported {
            return Err(response.iss_mismatch(&transaction, config));
        }
        if let Some(error) = response.get("error") {
            if !is_plain(error) {
                return Err(Kind::ResponseInvalid { part: "`error`".into() }.into());
            }
            let secrets = response.secrets(&transaction);
            let said = oauth_error(&secrets, error, response.get("error_description"), response.get("error_uri"));
            return Err(Kind::AuthorizationRefused(said).into());
        }
        match response.get("code") {
            // RFC 6749 appendix A.11.
            Some(code) if code.bytes().all(|byte| matches!(byte, b' '..=b'~')) => {
                Ok(Grant { code: Secret::new(code), transaction })
            }
            _ => Err(Kind::ResponseInvalid { part: "`code`".into() }.into()),
        }
    }
}

/// Whether an error code has the form of the registered ones. Nothing else is shown of a response without a transaction, since
/// it is not known which secrets its texts could quote.
fn is_registered(error: &str) -> bool {
    error.len() <= 64 && error.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// A page at which a response arrives: its URL, and the page's own parameters, which precede those of the response
/// (RFC 6749 §3.1.2).
struct Page {
    url: Url,
    /// `None` stands for a name or a value that cannot be decoded.
    parameters: Vec<(Option<String>, Option<String>)>,
}

impl Page {
    fn of_response(address: &str) -> Option<Self> {
        let (url, query) = cut(cut(address, b'#').0, b'?');
        let query = query.unwrap_or_default();
        let is_own = |item: &&str| !RESPONSE.contains(&cut(item, b'=').0);
        // The length of each item includes its separator.
        let length: usize = items(query, b'&').take_while(is_own).map(|item| item.len() + 1).sum();
        let parameters = form::parameters(query.get(..length.saturating_sub(1)).unwrap_or_default())?;
        Some(Self { url: Url::parse(url, Loopback::Allowed)?, parameters })
    }

    /// Whether this is the redirect page. A server that names itself may insert unknown parameters before those of the
    /// response.
    fn is(&self, redirect_page: &Self, names_itself: bool) -> bool {
        let is_decoded = |(name, value): &(Option<String>, Option<String>)| name.is_some() && value.is_some();
        self.url == redirect_page.url
            && redirect_page.parameters.iter().all(is_decoded)
            && if names_itself {
                self.parameters.starts_with(&redirect_page.parameters)
            } else {
                self.parameters == redirect_page.parameters
            }
    }
}
