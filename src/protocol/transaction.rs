//! What must be known again when the user comes back (RFC 6749 §10.12, RFC 7636 §4.3, RFC 9207 §4).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::config::Config;
use super::error::Error;
use super::foreign::Secrets;
use super::json::{self, Value};
use super::list::{cut, items};
use super::pkce::CodeVerifier;
use super::secret::Secret;
use super::time::Now;

/// Milliseconds in which a user can sign in: long enough to register, and to wait for the e-mail that confirms it. A response
/// after that belongs to no sign-in. It is the code that has to live short (RFC 6749 §4.1.2), and it is younger.
pub(crate) const LIFE: i64 = 60 * 60 * 1000;

/// How a transaction is kept over a redirect.
#[derive(Deserialize, Serialize)]
struct Record<'a> {
    started: i64,
    state: &'a str,
    nonce: &'a str,
    code_verifier: &'a str,
    issuer: &'a str,
    client_id: &'a str,
    redirect_uri: &'a str,
    scope: &'a str,
    return_to: &'a str,
    prompt: &'a str,
    restores: bool,
    shared: bool,
    acr_values: &'a str,
    max_age: &'a str,
}

/// One sign-in under way. It ends with the first response that carries its state.
///
/// It binds the response, and holds nothing that says where to send anything: a record of it lies where every script of
/// the origin can write.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// Binds the response to this browser.
    pub state: Secret,
    /// Binds the ID Token to this sign-in; empty for plain OAuth 2.
    pub nonce: Secret,
    /// Proves to the token endpoint who began.
    pub code_verifier: CodeVerifier,
    /// The provider that was asked, by [`Config::provider`].
    pub provider: String,
    /// The client that asked.
    pub client_id: String,
    /// As sent, since the token request must repeat it (RFC 6749 §4.1.3).
    pub redirect_uri: String,
    /// As asked for; it holds if the server does not say what it granted.
    pub scope: String,
    /// Where the user was: path, query and fragment.
    pub return_to: String,
    /// What the provider was asked to show (OpenID Connect Core §3.1.2.1), separated by spaces; empty for what it sees fit.
    pub prompt: String,
    /// Whether this is an attempt to bring an earlier session back, for which nobody has asked.
    pub restores: bool,
    /// Whether another provider's responses come to the redirect page, as far as the page could see.
    pub shared: bool,
    /// Authentication contexts of which the ID Token must name one, separated by spaces; empty for any.
    pub acr_values: String,
    /// Seconds since the user proved who they are, at most, in digits; empty for any time.
    pub max_age: String,
    /// When it began, in milliseconds since 1970.
    pub started: i64,
}

impl Transaction {
    /// The text under which a transaction is kept over a redirect. It holds secrets, and lives for one sign-in.
    pub fn to_record(&self) -> String {
        json::to_string(&Record {
            started: self.started,
            state: self.state.expose(),
            nonce: self.nonce.expose(),
            code_verifier: self.code_verifier.expose(),
            issuer: &self.provider,
            client_id: &self.client_id,
            redirect_uri: &self.redirect_uri,
            scope: &self.scope,
            return_to: &self.return_to,
            prompt: &self.prompt,
            restores: self.restores,
            shared: self.shared,
            acr_values: &self.acr_values,
            max_age: &self.max_age,
        })
    }

    /// Reads what was kept. Every script of the origin can write there, so anything odd is no transaction.
    pub fn from_record(record: &str) -> Option<Box<Self>> {
        let value = Value::parse(record).ok()?;
        let record: Record<'_> = value.read().ok()?;
        return_target(record.return_to).ok()?;
        Some(Box::new(Self {
            started: record.started,
            state: Secret::new(record.state),
            nonce: Secret::new(record.nonce),
            code_verifier: CodeVerifier::from_kept(Secret::new(record.code_verifier)),
            provider: record.issuer.into(),
            client_id: record.client_id.into(),
            redirect_uri: record.redirect_uri.into(),
            scope: record.scope.into(),
            return_to: record.return_to.into(),
            prompt: record.prompt.into(),
            restores: record.restores,
            shared: record.shared,
            acr_values: record.acr_values.into(),
            max_age: record.max_age.into(),
        }))
    }

    /// What the provider knows of it, and must not tell a page.
    pub fn secrets(&self) -> Secrets {
        Secrets::new([&self.state, &self.nonce, self.code_verifier.secret()])
    }

    /// Whether the provider was asked for something (OpenID Connect Core §3.1.2.1, `prompt`).
    pub fn asks_to(&self, prompt: &str) -> bool {
        items(&self.prompt, b' ').any(|one| one == prompt)
    }

    /// Whether a client began it.
    pub fn is_of(&self, config: &Config) -> bool {
        self.provider == config.provider() && self.client_id == config.client_id
    }

    /// Whether the time for it has passed, or lies in the future because the clock was set back.
    pub fn is_expired(&self, now: Now) -> bool {
        !(0..=LIFE).contains(&now.wall.saturating_sub(self.started))
    }
}

/// A place of this origin to return to: a plain absolute path with query and fragment. Forms that some parser would
/// take for another origin are refused, encoded or not (RFC 9700 §4.11.1).
///
/// # Errors
///
/// [`Error::Config`] names `returnTo`.
pub(super) fn return_target(target: &str) -> Result<(), Arc<Error>> {
    let (path, _) = cut(cut(target, b'#').0, b'?');
    let begins = |start: &&str| path.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start));
    let plain = path.starts_with('/')
        && !["//", "/%5c", "/%2f", "/%09", "/%0a", "/%0d"].iter().any(begins)
        && !path.bytes().any(|byte| byte == b'\\')
        && !target.bytes().any(|byte| byte.is_ascii_control());
    if plain { Ok(()) } else { Err(Error::config("returnTo", "not a path of this origin")) }
}
