//! The part of the options that defines a client: whose tokens it holds, and where they may be sent.

use serde::Deserialize;

use super::dpop::Dpop;
use super::error::{Error, Result};
use super::list::{cut, items, repetitions};
use super::metadata::{Expected, ServerMetadata};
use super::protected_resource::{NamedBy, Resource};
use super::public_key::KeyAlgorithm;
use super::resource::ApiList;
use super::url::{Loopback, Url};

/// The options that define a client. They are the same on each of its pages.
///
/// This is their canonical form: options with the same meaning compare equal, whatever their order, and whether or not they
/// spell out the defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The issuer, as configured; empty if only endpoints without an issuer were given.
    pub issuer: String,
    /// The metadata from the app's options.
    pub server: Option<ServerMetadata>,
    /// RFC 6749 §2.2; empty if the app is not registered yet.
    pub client_id: String,
    /// Whether to use OpenID Connect, with an ID Token, or plain OAuth 2.
    pub openid: bool,
    /// Where access tokens may be sent, and what each of them is for.
    pub api: ApiList,
    /// The API to which the app connects, if it does: tokens are requested for this API alone.
    pub resource: Option<Resource>,
    /// The form of the UserInfo response, as registered at the provider.
    pub userinfo: Userinfo,
    /// Whether `http` is acceptable on loopback.
    pub loopback: Loopback,
    /// Whether the app keeps its tokens in a worker or in the page.
    pub tokens: Tokens,
    /// How the client authenticates at the provider.
    pub auth_method: AuthMethod,
    /// Whether tokens are bound to a key.
    pub dpop: Dpop,
    /// The preferred algorithm of the keys that tokens are bound to.
    pub dpop_algorithm: KeyAlgorithm,
    /// How long a session lasts.
    pub keep: Keep,
    /// The app's label for one of several accounts at the provider; empty if it has one account.
    pub account: String,
}

/// The form of the UserInfo response (OpenID Connect Core §5.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Userinfo {
    /// Plain JSON.
    Json,
    /// A signed JWT.
    Signed,
}

/// How the client authenticates at the token endpoint (RFC 7591 §2, `token_endpoint_auth_method`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// Not at all: a public client.
    None,
    /// With a key whose private half stays in the browser: see [`client_assertion`](super::client_assertion).
    PrivateKeyJwt,
}

/// Where tokens are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tokens {
    /// In a worker, out of reach of the page's scripts.
    Worker,
    /// In the page.
    Page,
}

/// Where a session is kept, and so how long it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// In memory, until the browser is closed.
    Memory,
    /// Also on the device, where it outlives the browser: the refresh token, bound to a key that cannot be exported.
    Device,
}

impl Config {
    /// The part that metadata are checked against.
    pub fn expected(&self) -> Expected<'_> {
        let Self { issuer, openid, loopback, .. } = self;
        Expected { issuer, openid: *openid, loopback: *loopback, found_by: self.found_by() }
    }

    /// The resource that names the authorization server, if the app does not.
    pub fn found_by(&self) -> Option<&Resource> {
        self.resource.as_ref().filter(|resource| resource.server_named_by == NamedBy::Resource)
    }

    /// Whether the API still has to name its authorization server.
    pub fn is_unfound(&self) -> bool {
        self.issuer.is_empty() && self.found_by().is_some()
    }

    /// The scope of a sign-in that asks for this one (RFC 6749 §3.3): with `openid` for OpenID Connect, with the scope of the APIs, and
    /// without repetitions.
    ///
    /// # Errors
    ///
    /// [`Kind::Config`](super::error::Kind::Config)
    pub fn scope(&self, asked: &str) -> Result<String> {
        Ok(scope_set(&scope(asked, self.openid)?, &self.api.scope()))
    }

    /// Checks that the app has an ID, which every sign-in needs.
    ///
    /// # Errors
    ///
    /// [`Kind::Config`](super::error::Kind::Config)
    pub fn check_id(&self) -> Result<()> {
        if self.client_id.is_empty() {
            let hint = "Copy the client ID from the app's registration at the provider.";
            return Err(Error::config("clientId", "missing", hint));
        }
        Ok(())
    }

    /// The identifier of the provider: its issuer, or its authorization endpoint if it has no issuer.
    pub fn provider(&self) -> &str {
        let endpoint = self.server.as_ref().map_or("", |server| server.authorization_endpoint.as_str());
        if self.issuer.is_empty() { endpoint } else { &self.issuer }
    }
}

/// Checks the URL of a page of the app: `https`, or `http` on loopback (OAuth 2.1 §1.5), without a fragment (RFC 6749 §3.1.2).
pub(super) fn check_page_url(option: &'static str, text: &str) -> Result<()> {
    match Url::parse(text, Loopback::Allowed) {
        Some(url) if cut(url.rest(), b'#').1.is_some() => {
            Err(Error::config(option, "has a fragment", "Leave out `#` and what follows."))
        }
        Some(_) => Ok(()),
        None => Err(Error::config(
            option,
            "not an https URL of this app",
            "Set it to a page of this app, such as `https://app.example.com/`.",
        )),
    }
}

/// The scope (RFC 6749 §3.3) without repetitions, with `openid` for OpenID Connect (OpenID Connect Core §3.1.2.1).
pub(crate) fn scope(asked: &str, openid: bool) -> Result<String> {
    if !asked.bytes().all(|b| matches!(b, b' '..=b'~') && b != b'"' && b != b'\\') {
        return Err(Error::config(
            "scope",
            "has a forbidden character",
            "Write words and spaces, such as `email profile`.",
        ));
    }
    Ok(scope_set(if openid { "openid" } else { "" }, asked))
}

/// A scope without one of its values.
pub(crate) fn scope_without(value: &str, scope: &str) -> String {
    let mut rest = String::new();
    for word in items(scope, b' ').filter(|word| *word != value) {
        rest.push_str(if rest.is_empty() { "" } else { " " });
        rest.push_str(word);
    }
    rest
}

/// The values of a scope that were granted and are not part of `base`, which an app asks for in any case.
pub(crate) fn scope_beyond(base: &str, asked: &str, granted: &str) -> String {
    let has = |scope: &str, value: &str| items(scope, b' ').any(|one| one == value);
    let mut beyond = String::new();
    for word in items(asked, b' ').filter(|word| *word != "openid" && !has(base, word) && has(granted, word)) {
        beyond.push_str(if beyond.is_empty() { "" } else { " " });
        beyond.push_str(word);
    }
    beyond
}

/// The union of two scopes without repetitions: the values of `first`, then those of `rest`, in their order.
pub(crate) fn scope_set(first: &str, rest: &str) -> String {
    let all = [first, " ", rest].concat();
    let words: Vec<&str> = items(&all, b' ').filter(|word| !word.is_empty()).collect();
    let mut scope = String::new();
    for (word, is_repetition) in words.iter().zip(repetitions(&words)) {
        if is_repetition {
            continue;
        }
        if !scope.is_empty() {
            scope.push(' ');
        }
        scope.push_str(word);
    }
    scope
}
