//! The authorization request (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1).

use std::sync::Arc;

use super::config::{Config, check_page_url, scope};
use super::error::Error;
use super::form;
use super::json;
use super::list::cut;
use super::metadata::ServerMetadata;
use super::pkce::{CodeVerifier, random_text};
use super::secret::Secret;
use super::time::Now;
use super::transaction::{Transaction, return_target};
use super::url::{Loopback, Url};

/// Longer URLs are cut or refused somewhere on the way.
pub(super) const MAX_URL: usize = 8 * 1024;

/// Begins every `state` of this client, so that a page recognizes its own responses and leaves those of other flows
/// alone. The page has the same text.
const OURS: &str = "vk.";

/// Ends a `state` whose response another window of this origin waits for. A page that is loaded with it passes it on.
const IN_WINDOW: &str = ".w";

/// Parameters that the client answers for, and some that would take the answer elsewhere.
const RESERVED: [&str; 13] = [
    "client_id",
    "client_secret",
    "code_challenge",
    "code_challenge_method",
    "dpop_jkt",
    "nonce",
    "redirect_uri",
    "request",
    "request_uri",
    "response_mode",
    "response_type",
    "scope",
    "state",
];

/// Random octets for one sign-in, drawn by the caller.
#[derive(Clone)]
pub struct Entropy {
    /// For `state`.
    pub state: [u8; 32],
    /// For `nonce`.
    pub nonce: [u8; 32],
    /// For the code verifier.
    pub code_verifier: [u8; 32],
}

impl core::fmt::Debug for Entropy {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Entropy(…)")
    }
}

/// What a page asks for: it may differ from one sign-in to the next.
#[derive(Clone, Copy, Debug)]
pub struct SignIn<'a> {
    /// RFC 6749 §3.1.2, sent byte for byte as it stands here.
    pub redirect_uri: &'a str,
    /// RFC 6749 §3.3, separated by spaces. `openid` is added where it belongs.
    pub scope: &'a str,
    /// Where the user is: path, query and fragment of this origin.
    pub return_to: &'a str,
    /// Further parameters in their registered spelling.
    pub params: &'a [(String, String)],
    /// Whether a popup or a frame goes to the provider, and the page stays and waits for the answer.
    pub in_window: bool,
    /// Whether another provider's responses come to the same redirect page.
    pub shared: bool,
    /// Whether this is an attempt to bring an earlier session back, for which nobody has asked.
    pub restores: bool,
}

impl<'a> SignIn<'a> {
    /// The value of a parameter; empty if it is not asked for.
    pub fn asked(&self, name: &str) -> &'a str {
        self.params.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }

    /// Whether the provider is to do without any interaction (OpenID Connect Core §3.1.2.1).
    pub fn is_silent(&self) -> bool {
        self.asked("prompt") == "none"
    }

    /// Checks what can be checked without the server, and gives the scope without repetitions.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] names a `redirectUri` that is no page of `origin` or cannot be decoded, the `scope`, a `returnTo`
    /// that is no path of this origin, or a parameter that belongs to the client, or is a `max_age` that is no number of
    /// seconds.
    pub fn check(&self, config: &Config, origin: &str) -> Result<String, Arc<Error>> {
        own_page("redirectUri", self.redirect_uri, origin)?;
        // The response is told from others by the parameters of the page that it comes to.
        if form::parse(cut(self.redirect_uri, b'?').1.unwrap_or_default()).is_none() {
            return Err(Error::config("redirectUri", "has a query that is not percent-encoded UTF-8"));
        }
        return_target(self.return_to)?;
        for (name, value) in self.params {
            if RESERVED.contains(&name.as_str()) {
                return Err(Error::config(name, "set by the client, not by `params`"));
            }
            if name == "max_age" && json::integer(value).is_none_or(|seconds| seconds < 0) {
                return Err(Error::config(name, "no number of seconds"));
            }
        }
        scope(self.scope, config.openid)
    }
}

/// A request on its way: where the browser goes, and what it keeps meanwhile.
#[derive(Debug)]
pub struct AuthorizationRequest {
    /// The authorization endpoint with all parameters.
    pub url: String,
    /// To be kept until the response.
    pub transaction: Box<Transaction>,
}

/// Checks that a provider sends the user back to a page of this origin: the response to another one would be another
/// app's.
///
/// # Errors
///
/// [`Error::Config`] names the option.
pub(crate) fn own_page(option: &'static str, page: &str, origin: &str) -> Result<(), Arc<Error>> {
    check_page_url(option, page)?;
    match Url::parse(page, Loopback::Allowed) {
        Some(url) if url.origin() == origin => Ok(()),
        _ => Err(Error::config(option, "not a page of this origin")),
    }
}

/// A `state` of this library's, of 32 random octets.
pub(crate) fn own_state(octets: [u8; 32], end: &str) -> Secret {
    Secret::new([OURS, random_text(octets).expose(), end].concat())
}

/// Whether a `state` is one of this library's. A response with another one belongs to another flow of the app.
pub fn is_ours(state: &str) -> bool {
    state.starts_with(OURS)
}

/// Whether a `state` is one of a sign-in in another window.
pub(crate) fn is_in_window(state: &str) -> bool {
    state.ends_with(IN_WINDOW)
}

impl AuthorizationRequest {
    /// Builds the request. `origin` is that of the app.
    ///
    /// # Errors
    ///
    /// Those of [`SignIn::check`], and [`Error::Config`] for a redirect page that would not tell whose answers come there, and
    /// for parameters that make the URL too long; [`Error::Unsupported`] for a server that takes pushed requests only.
    pub fn new(
        config: &Config,
        metadata: &ServerMetadata,
        sign_in: SignIn<'_>,
        origin: &str,
        entropy: &Entropy,
        now: Now,
    ) -> Result<Self, Arc<Error>> {
        let scope = sign_in.check(config, origin)?;
        if metadata.require_pushed_authorization_requests {
            return Err(Error::Unsupported {
                feature: "pushed authorization requests (PAR), which the provider demands",
            }
            .into());
        }
        let names_itself = metadata.authorization_response_iss_parameter_supported && !config.issuer.is_empty();
        if sign_in.shared && !names_itself {
            return Err(Error::config(
                "redirectUri",
                "shared with a client of another provider, and this provider does not name itself in its responses",
            ));
        }
        let SignIn { redirect_uri, return_to, params, in_window, .. } = sign_in;
        let state = own_state(entropy.state, if in_window { IN_WINDOW } else { "" });
        let asked = |name| sign_in.asked(name);
        let transaction = Box::new(Transaction {
            state,
            nonce: if config.openid { random_text(entropy.nonce) } else { Secret::new("") },
            code_verifier: CodeVerifier::from_entropy(entropy.code_verifier),
            provider: config.provider().into(),
            client_id: config.client_id.clone(),
            redirect_uri: redirect_uri.into(),
            scope,
            return_to: return_to.into(),
            prompt: asked("prompt").into(),
            restores: sign_in.restores,
            shared: sign_in.shared,
            acr_values: asked("acr_values").into(),
            max_age: asked("max_age").into(),
            started: now.wall,
        });

        let mut query = String::new();
        for (name, value) in [
            ("response_type", "code"),
            ("client_id", &config.client_id),
            ("redirect_uri", redirect_uri),
            ("scope", &transaction.scope),
            ("state", transaction.state.expose()),
            ("nonce", transaction.nonce.expose()),
            ("code_challenge", &transaction.code_verifier.challenge()),
            ("code_challenge_method", "S256"),
        ] {
            if !value.is_empty() {
                form::append(&mut query, name, value);
            }
        }
        for (name, value) in params {
            form::append(&mut query, name, value);
        }
        let url = metadata.authorization_endpoint.with_query(&query);
        if url.len() > MAX_URL {
            return Err(Error::config(
                "params",
                "too long for a URL; a server with pushed authorization requests (PAR) takes more",
            ));
        }
        Ok(Self { url, transaction })
    }
}
