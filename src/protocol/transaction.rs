//! The data of a sign-in that is needed when the user comes back (RFC 6749 §10.12, RFC 7636 §4.3, RFC 9207 §4).

use serde::{Deserialize, Serialize};

use super::config::Config;
use super::error::{Error, Result};
use super::foreign::Secrets;
use super::json::{self, Value};
use super::list::{cut, items};
use super::pkce::CodeVerifier;
use super::secret::Secret;
use super::time::Now;

/// Milliseconds in which a user can sign in: long enough to register, and to wait for the confirmation e-mail. A later response
/// belongs to no sign-in. Only the code has to be short-lived (RFC 6749 §4.1.2), and the server issues it later.
pub(crate) const LIFE: i64 = 60 * 60 * 1000;

/// The form in which a transaction is stored during a redirect.
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
    #[serde(skip_serializing_if = "Option::is_none")]
    dpop_jkt: Option<&'a str>,
}

/// What a sign-in is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// The user, or the app, asked for it.
    #[default]
    SignIn,
    /// It is an automatic attempt to restore an earlier session, which the user did not ask for. Any refusal is a normal result.
    Restore,
    /// The user signs in on another device. No request went through a browser, and the ID Token has no nonce.
    Device,
}

/// Whose responses arrive at the redirect page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RedirectPage {
    /// Only responses of this provider arrive there, as far as the page can tell.
    #[default]
    OfOneProvider,
    /// Responses of another provider arrive there as well.
    Shared,
}

/// One sign-in under way. It ends with the first response that has its state.
///
/// It binds the response, and contains nothing that decides where data is sent: every script of the origin can write to the
/// storage where its record is kept.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// Binds the response to this browser.
    pub state: Secret,
    /// Binds the ID Token to this sign-in; empty for plain OAuth 2.
    pub nonce: Secret,
    /// Proves to the token endpoint that this client began the sign-in.
    pub code_verifier: CodeVerifier,
    /// The provider of the sign-in, as [`Config::provider`] identifies it.
    pub provider: String,
    /// The client ID of the sign-in.
    pub client_id: String,
    /// As sent, since the token request must repeat it (RFC 6749 §4.1.3).
    pub redirect_uri: String,
    /// As requested. It applies if the server does not specify the granted scope.
    pub scope: String,
    /// Where the user was when the sign-in began: path, query and fragment.
    pub return_to: String,
    /// The interaction that the request asks the provider for (OpenID Connect Core §3.1.2.1), separated by spaces; empty if the
    /// provider decides.
    pub prompt: String,
    /// What the sign-in is for.
    pub purpose: Purpose,
    /// Whose responses arrive at the redirect page, as far as the page could tell.
    pub redirect_page: RedirectPage,
    /// The authentication contexts, separated by spaces, of which the ID Token must name one; empty for any.
    pub acr_values: String,
    /// Maximum number of seconds since the user's last authentication, in digits; empty for no limit.
    pub max_age: String,
    /// The thumbprint of the key that the code is bound to (RFC 9449 §10); empty if it is not bound.
    pub dpop_jkt: String,
    /// The start of the sign-in, in milliseconds since 1970.
    pub started: i64,
    /// The form of the token request, if there is no user: it is sent again when the tokens have expired. Otherwise empty.
    pub form: String,
}

impl Transaction {
    /// The text that is stored during a redirect. It contains secrets, and is used for one sign-in.
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
            restores: self.purpose == Purpose::Restore,
            shared: self.redirect_page == RedirectPage::Shared,
            acr_values: &self.acr_values,
            max_age: &self.max_age,
            dpop_jkt: Some(&*self.dpop_jkt).filter(|jkt| !jkt.is_empty()),
        })
    }

    /// Parses a stored text. Every script of the origin can write to the storage, so any unexpected text is refused.
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
            purpose: if record.restores { Purpose::Restore } else { Purpose::SignIn },
            redirect_page: if record.shared { RedirectPage::Shared } else { RedirectPage::OfOneProvider },
            acr_values: record.acr_values.into(),
            max_age: record.max_age.into(),
            dpop_jkt: record.dpop_jkt.unwrap_or_default().into(),
            form: String::new(),
        }))
    }

    /// The sign-in of a user on another device. Its response needs no binding: this client asks for it.
    pub fn of_device(config: &Config, scope: &str, params: &[(String, String)], now: Now) -> Self {
        let asked = |name: &str| params.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        Self {
            state: Secret::new(""),
            nonce: Secret::new(""),
            code_verifier: CodeVerifier::none(),
            provider: config.provider().into(),
            client_id: config.client_id.clone(),
            redirect_uri: String::new(),
            scope: scope.into(),
            return_to: String::new(),
            prompt: asked("prompt").unwrap_or_default(),
            purpose: Purpose::Device,
            redirect_page: RedirectPage::OfOneProvider,
            acr_values: asked("acr_values").unwrap_or_default(),
            max_age: asked("max_age").unwrap_or_default(),
            dpop_jkt: String::new(),
            started: now.wall,
            form: String::new(),
        }
    }

    /// A sign-in without a user, with this form of a token request.
    pub fn of_machine(config: &Config, scope: &str, form: String, now: Now) -> Self {
        Self { form, ..Self::of_device(config, scope, &[], now) }
    }

    /// Whether the tokens belong to a user.
    pub fn has_user(&self) -> bool {
        self.form.is_empty()
    }

    /// The secrets that the provider knows and must not reveal to a page.
    pub fn secrets(&self) -> Secrets {
        let challenge = &Secret::new(self.code_verifier.challenge());
        Secrets::new([&self.state, &self.nonce, self.code_verifier.secret(), challenge])
    }

    /// Whether the request has this value of `prompt` (OpenID Connect Core §3.1.2.1).
    pub fn asks_to(&self, prompt: &str) -> bool {
        items(&self.prompt, b' ').any(|one| one == prompt)
    }

    /// Whether this client began the sign-in.
    pub fn is_of(&self, config: &Config) -> bool {
        self.provider == config.provider() && self.client_id == config.client_id
    }

    /// Whether the sign-in has expired, or lies in the future because the clock was set back.
    pub fn is_expired(&self, now: Now) -> bool {
        !(0..=LIFE).contains(&now.wall.saturating_sub(self.started))
    }
}

/// Checks a target on this origin to return to: a plain absolute path with query and fragment. Forms that some parser would
/// take for another origin are refused, encoded or not (RFC 9700 §4.11.1).
///
/// # Errors
///
/// [`Kind::Config`] names `returnTo`.
///
/// [`Kind::Config`]: crate::protocol::error::Kind::Config
pub(super) fn return_target(target: &str) -> Result<()> {
    let (path, _) = cut(cut(target, b'#').0, b'?');
    let begins = |start: &&str| path.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start));
    let plain = path.starts_with('/')
        && !["//", "/%5c", "/%2f", "/%09", "/%0a", "/%0d"].iter().any(begins)
        && !path.bytes().any(|byte| byte == b'\\')
        && !target.bytes().any(|byte| byte.is_ascii_control());
    if plain {
        Ok(())
    } else {
        Err(Error::config("returnTo", "not a path of this origin", "Begin it with one slash, such as `/inbox?page=2`."))
    }
}
