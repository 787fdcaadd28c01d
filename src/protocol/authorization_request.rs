//! The authorization request (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1).

use super::authorization_details as details;
use super::config::{Config, check_page_url};
use super::error::{Error, Result};
use super::form;
use super::json;
use super::list::{cut, items};
use super::metadata::ServerMetadata;
use super::pkce::{CodeVerifier, random_text};
use super::public_key::PublicKey;
use super::replaced::replaced;
use super::resource::resource_indicator;
use super::secret::Secret;
use super::time::Now;
use super::transaction::{Purpose, RedirectPage, Transaction, return_target};
use super::url::{Loopback, Url};

/// Maximum length of a URL in bytes. Some servers and proxies truncate or refuse longer ones.
pub(super) const MAX_URL: usize = 8 * 1024;

/// The prefix of every `state` of this client, by which a page recognizes its own responses and ignores those of other flows.
/// The page's code has the same prefix.
const OURS: &str = "vk.";

/// The suffix of a `state` whose response another window of this origin waits for. A page that is loaded with such a response
/// passes it on.
const IN_WINDOW: &str = ".w";

/// Parameters that only the client may set, and some that would send the response elsewhere.
const RESERVED: [&str; 16] = [
    "client_assertion",
    "client_assertion_type",
    "client_id",
    "client_secret",
    "code_challenge",
    "code_challenge_method",
    "dpop_jkt",
    "grant_type",
    "nonce",
    "redirect_uri",
    "request",
    "request_uri",
    "response_mode",
    "response_type",
    "scope",
    "state",
];

/// Random bytes for one sign-in, drawn by the caller.
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

/// The options of one sign-in, as the page chooses them.
#[derive(Clone, Copy, Debug)]
pub struct SignIn<'a> {
    /// RFC 6749 §3.1.2, sent byte for byte as given.
    pub redirect_uri: &'a str,
    /// RFC 6749 §3.3, separated by spaces. `openid` is added for OpenID Connect.
    pub scope: &'a str,
    /// The path, query and fragment, on this origin, to which the page returns after the sign-in.
    pub return_to: &'a str,
    /// Further parameters, with their registered names.
    pub params: &'a [(String, String)],
    /// Which window navigates to the provider.
    pub navigates: Navigates,
    /// Whose responses arrive at the redirect page.
    pub redirect_page: RedirectPage,
    /// What the sign-in is for.
    pub purpose: Purpose,
    /// What `state` carries beside its random part: [`Carried::to_state`], or nothing.
    ///
    /// [`Carried::to_state`]: super::carried::Carried::to_state
    pub carries: &'a str,
    /// Whether the request is only checked, because a guard makes the one that is sent.
    pub is_draft: bool,
    /// The key that the code is bound to, if it is (RFC 9449 §10).
    pub bound_to: Option<&'a PublicKey>,
}

/// Which window navigates to the provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Navigates {
    /// The page itself. The page that is loaded with the response completes the sign-in.
    #[default]
    Page,
    /// A popup or a hidden frame, while the page stays and waits for the response.
    OtherWindow,
}

impl<'a> SignIn<'a> {
    /// A sign-in by redirect that returns to `/`, without scope and further parameters. Set `return_to` to the path where the
    /// user is.
    pub const fn new(redirect_uri: &'a str) -> Self {
        Self {
            redirect_uri,
            scope: "",
            return_to: "/",
            params: &[],
            navigates: Navigates::Page,
            redirect_page: RedirectPage::OfOneProvider,
            purpose: Purpose::SignIn,
            carries: "",
            is_draft: false,
            bound_to: None,
        }
    }

    /// The value of a parameter; empty if it is absent.
    pub fn asked(&self, name: &str) -> &'a str {
        self.params.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }

    /// Whether the provider must not interact with the user (OpenID Connect Core §3.1.2.1).
    pub fn is_silent(&self) -> bool {
        items(self.asked("prompt"), b' ').any(|one| one == "none")
    }

    /// Checks everything that can be checked without the server, and returns the scope without repetitions.
    ///
    /// # Errors
    ///
    /// [`Kind::Config`] names a `redirectUri` that is not a page of `origin` or whose query cannot be decoded, an invalid
    /// `scope`, a `returnTo` that is not a path of this origin, a parameter as [`check_params`] does, or a silent sign-in at a server that
    /// the app has not named.
    pub fn check(&self, config: &Config, origin: &str) -> Result<String> {
        own_page("redirectUri", self.redirect_uri, origin)?;
        // A response is distinguished from others by the parameters of the page at which it arrives.
        if form::parse(cut(self.redirect_uri, b'?').1.unwrap_or_default()).is_none() {
            return Err(Error::config(
                "redirectUri",
                "has a query that is not percent-encoded UTF-8",
                "Encode its values with `encodeURIComponent()`.",
            ));
        }
        return_target(self.return_to)?;
        check_params(config, self.params)?;
        if config.found_by().is_some() && (self.is_silent() || self.purpose == Purpose::Restore) {
            return Err(Error::config(
                "mode",
                "no silent sign-in at a server that the API has named",
                "Let the user sign in, or pass `issuer` and `clientId` to `connect`.",
            ));
        }
        config.scope(self.scope)
    }
}

/// Checks the parameters that the app adds to a request.
///
/// # Errors
///
/// [`Kind::Config`] names a parameter that only the client may set, or whose value has the wrong form.
pub(crate) fn check_params(config: &Config, params: &[(String, String)]) -> Result<()> {
    for (name, value) in params {
        let refused = replaced(name);
        let is_set = name == "resource" && config.api.resources().next().is_some();
        if is_set || refused.is_some() || RESERVED.contains(&name.as_str()) {
            let hint = if is_set {
                "Remove it: the client sends the resources of its API list."
            } else {
                "Remove it from `params`."
            };
            let (problem, hint) = refused.unwrap_or(("only the client may set it", hint));
            return Err(Error::config(name, problem, hint));
        }
        match name.as_str() {
            "resource" => drop(resource_indicator(value)?),
            details::NAME => details::check(value)?,
            _ => {}
        }
        if name == "max_age" && json::integer(value).is_none_or(|seconds| seconds < 0) {
            return Err(Error::config(
                name,
                "not a number of seconds",
                "Set `maxAge` to a whole number, such as `3600`.",
            ));
        }
    }
    Ok(())
}

/// An authorization request: the URL to which the browser navigates, and the transaction that it keeps in the meantime.
pub struct AuthorizationRequest {
    /// The authorization endpoint with all parameters.
    pub url: String,
    /// The parameters alone.
    pub form: Secret,
    /// Must be kept until the response arrives.
    pub transaction: Box<Transaction>,
}

impl core::fmt::Debug for AuthorizationRequest {
    /// Without the query, which contains `state` and `nonce`.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let url = cut(&self.url, b'?').0;
        f.debug_struct("AuthorizationRequest")
            .field("url", &url)
            .field("transaction", &self.transaction)
            .finish_non_exhaustive()
    }
}

/// Checks that a provider sends the user back to a page of this origin. Otherwise, the response would reach another app.
///
/// # Errors
///
/// [`Kind::Config`] names the option.
pub(crate) fn own_page(option: &'static str, page: &str, origin: &str) -> Result<()> {
    check_page_url(option, page)?;
    match Url::parse(page, Loopback::Allowed) {
        Some(url) if url.origin() == origin => Ok(()),
        _ => Err(Error::config(option, "not a page of this origin", "Begin it with this page's `location.origin`.")),
    }
}

/// Creates a `state` of this library from 32 random bytes.
pub(crate) fn own_state(octets: [u8; 32], end: &str) -> Secret {
    Secret::new([OURS, random_text(octets).expose(), end].concat())
}

/// Creates the name under which a page waits for a sign-in that the guard begins, in the form of a `state`.
pub(crate) fn new_flow(octets: [u8; 32], navigates: Navigates) -> String {
    own_state(octets, if navigates == Navigates::OtherWindow { IN_WINDOW } else { "" }).expose().into()
}

/// Whether a `state` belongs to this library. A response with any other `state` belongs to another flow of the app.
pub fn is_ours(state: &str) -> bool {
    state.starts_with(OURS)
}

/// Whether a `state` belongs to a sign-in in another window.
pub(crate) fn is_in_window(state: &str) -> bool {
    state.ends_with(IN_WINDOW)
}

impl AuthorizationRequest {
    /// Builds the request. `origin` is the origin of the app.
    ///
    /// # Errors
    ///
    /// Those of [`SignIn::check`]; [`Kind::Config`] for a redirect page that is shared with another provider, if the responses
    /// of this provider would not identify it, and for parameters that make the URL too long.
    pub fn new(
        config: &Config,
        metadata: &ServerMetadata,
        sign_in: SignIn<'_>,
        origin: &str,
        entropy: &Entropy,
        now: Now,
    ) -> Result<Self> {
        let scope = sign_in.check(config, origin)?;
        let names_itself = metadata.authorization_response_iss_parameter_supported && !config.issuer.is_empty();
        if sign_in.redirect_page == RedirectPage::Shared && !names_itself {
            return Err(Error::config(
                "redirectUri",
                "shared with a client of another provider, and this provider sends no `iss`",
                "Give each client its own `redirectUri`.",
            ));
        }
        let SignIn { redirect_uri, return_to, params, navigates, redirect_page, purpose, carries, .. } = sign_in;
        let state = match navigates {
            _ if !carries.is_empty() => own_state(entropy.state, &[".", carries].concat()),
            Navigates::OtherWindow => own_state(entropy.state, IN_WINDOW),
            Navigates::Page => own_state(entropy.state, ""),
        };
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
            purpose,
            redirect_page,
            acr_values: asked("acr_values").into(),
            max_age: asked("max_age").into(),
            dpop_jkt: sign_in.bound_to.map(PublicKey::thumbprint).unwrap_or_default(),
            started: now.wall,
            form: String::new(),
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
            ("dpop_jkt", &transaction.dpop_jkt),
        ] {
            form::append_some(&mut query, name, value);
        }
        for resource in config.api.resources() {
            form::append(&mut query, "resource", resource);
        }
        for (name, value) in params {
            form::append(&mut query, name, value);
        }
        let url = metadata.authorization_endpoint.with_query(&query);
        if url.len() > MAX_URL && metadata.pushed_authorization_request_endpoint.is_none() {
            return Err(Error::config(
                "params",
                "too long for a URL",
                "Shorten `scope`, `claims`, `loginHint`, `authorizationDetails` or `params`, or use a provider that takes pushed requests.",
            ));
        }
        Ok(Self { url, form: Secret::new(query), transaction })
    }
}
