//! The authorization response (RFC 6749 §4.1.2, RFC 9207).

use core::fmt;
use std::sync::Arc;

use super::error::{Error, is_plain};
use super::form;
use super::http::oauth_error;
use super::list::{cut, items};
use super::metadata::ServerMetadata;
use super::secret::Secret;
use super::time::Now;
use super::transaction::Transaction;

/// Longer than any honest response.
const MAX_RESPONSE: usize = 128 * 1024;

/// Parameters that mean something here; each may come once.
const KNOWN: [&str; 6] = ["state", "iss", "code", "error", "error_description", "error_uri"];

/// Parameters of flows that this client does not do, and does not mistake for its own.
const FOREIGN: [&str; 3] = ["access_token", "id_token", "response"];

/// A fragment with one of these is a response, too: of a flow that this client does not do.
const IN_FRAGMENT: [&str; 5] = ["access_token", "code", "error", "id_token", "response"];

/// A response that is well formed and not yet trusted.
pub struct AuthorizationResponse {
    parameters: Vec<(String, String)>,
}

impl fmt::Debug for AuthorizationResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthorizationResponse(…)")
    }
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
        let Some(parameters) = form::parse(query) else {
            return Err(Error::ResponseInvalid { part: "query".into() }.into());
        };
        for name in KNOWN {
            if parameters.iter().filter(|(key, _)| key == name).count() > 1 {
                return Err(Error::DuplicateParameter { name: name.into() }.into());
            }
        }
        let response = Self { parameters };
        if let Some(name) = FOREIGN.into_iter().find(|name| response.get(name).is_some()) {
            return Err(Error::ResponseInvalid { part: name.into() }.into());
        }
        Ok(response.get("state").is_some().then_some(response))
    }

    /// A parameter. Without a value it counts as omitted (RFC 6749 §3.1).
    fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.parameters.iter().find(|(key, _)| key == name)?;
        (!value.is_empty()).then_some(value)
    }

    /// Whether the response carries this transaction's state.
    pub fn is_for(&self, transaction: &Transaction) -> bool {
        self.get("state") == Some(transaction.state.expose())
    }

    /// Trusts the response, or not: first the issuer, then the error, then the code. `page` is where it came, if that has to
    /// tell who answered: where clients of several providers are, an answer that does not name its issuer counts only at
    /// the redirect page of its own provider (RFC 9700 §4.4.2.2).
    ///
    /// # Errors
    ///
    /// [`Error::StateMismatch`], [`Error::IssMismatch`] (RFC 9207 §2.4, held also where nothing was promised),
    /// [`Error::AuthorizationRefused`], [`Error::ResponseInvalid`]. The transaction is used up in every case.
    pub fn accept(
        self,
        transaction: Box<Transaction>,
        metadata: &ServerMetadata,
        page: Option<&str>,
        now: Now,
    ) -> Result<Grant, Arc<Error>> {
        if !self.is_for(&transaction) {
            return Err(Error::StateMismatch { reason: "another `state`" }.into());
        }
        if transaction.is_expired(now) {
            return Err(Error::StateMismatch { reason: "expired" }.into());
        }
        let expected = transaction.issuer.as_str();
        let received = self.get("iss");
        let promised = metadata.authorization_response_iss_parameter_supported;
        let honest = match received {
            Some(iss) => iss == expected || expected.is_empty(),
            None => !promised && page.is_none_or(|page| page == cut(&transaction.redirect_uri, b'?').0),
        };
        if !honest || expected != metadata.issuer {
            return Err(Error::IssMismatch { expected: expected.into(), received: received.map(Into::into) }.into());
        }
        if let Some(error) = self.get("error") {
            if !is_plain(error) {
                return Err(Error::ResponseInvalid { part: "`error`".into() }.into());
            }
            let said = oauth_error(error, self.get("error_description"), self.get("error_uri"));
            return Err(Error::AuthorizationRefused(said).into());
        }
        match self.get("code") {
            // RFC 6749 appendix A.11.
            Some(code) if code.bytes().all(|byte| matches!(byte, b' '..=b'~')) => {
                Ok(Grant { code: Secret::new(code), transaction })
            }
            _ => Err(Error::ResponseInvalid { part: "`code`".into() }.into()),
        }
    }
}
