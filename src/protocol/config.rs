//! The options with which an app describes itself and its provider.
//!
//! A client is defined by the part of the options that says whose tokens it holds and where they may be sent: [`Config`]. The
//! options of each page are in [`PageOptions`].

use serde::Deserialize;

use super::error::{Error, Result};
use super::foreign::Secrets;
use super::json::{Mismatch, Value};
use super::list::{cut, items, repetitions};
use super::metadata::{Expected, ServerMetadata};
use super::resource::{ApiEntry, ApiList};
use super::url::{Loopback, Url};

/// The checked options of one page.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whose tokens the client holds, and where they may be sent.
    pub client: Config,
    /// The options that may differ between pages that share the client.
    pub page: PageOptions,
}

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
    /// RFC 6749 §2.2.
    pub client_id: String,
    /// Whether to use OpenID Connect, with an ID Token, or plain OAuth 2.
    pub openid: bool,
    /// Where the access token may be sent.
    pub api: ApiList,
    /// The form of the UserInfo response, as registered at the provider.
    pub userinfo: Userinfo,
    /// Whether `http` is acceptable on loopback.
    pub loopback: Loopback,
    /// Whether the app keeps its tokens in a worker or in the page.
    pub tokens: Tokens,
    /// The app's label for one of several accounts at the provider; empty if it has one account.
    pub account: String,
}

/// The options that belong to a page and not to the client.
#[derive(Clone, Debug)]
pub struct PageOptions {
    /// Milliseconds after which a request without a response counts as failed.
    pub timeout: u32,
    /// Whether a sign-out sends the ID Token to the provider (RP-Initiated Logout §2, `id_token_hint`). Without it, some
    /// providers show a page of their own and do not send the user back.
    pub id_token_hint: bool,
    /// The APIs to which a call that waits for a sign-in sends a request without the token, so that the CORS preflight is
    /// complete when the token arrives.
    pub warm: ApiList,
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

/// Where tokens are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tokens {
    /// In a worker, out of reach of the page's scripts.
    Worker,
    /// In the page.
    Page,
}

/// The names of the options, as the app spells them. URLs are absolute: the page, which knows its own URL, has resolved them.
const OPTIONS: [&str; 11] = [
    "account",
    "allowLoopbackHttp",
    "api",
    "clientId",
    "idTokenHint",
    "issuer",
    "openid",
    "server",
    "timeout",
    "tokens",
    "userinfo",
];

impl Options {
    /// Parses the options: one JSON object.
    ///
    /// # Errors
    ///
    /// [`Kind::Config`](crate::protocol::error::Kind::Config) names the option that is missing, unknown, or invalid. For `server`, also those of
    /// [`ServerMetadata::parse`].
    pub fn parse(options: &str) -> Result<Self> {
        let Ok(Value::Object(members)) = Value::parse(options) else {
            return Err(Error::config("options", "not a JSON object"));
        };
        if let Some((name, _)) = members.iter().find(|(name, _)| !OPTIONS.contains(&&**name)) {
            return Err(Error::config(name, unknown(name)));
        }
        let options = Value::Object(members);
        let members: Members<'_> = options.read().map_err(|Mismatch { member }| {
            // Members of an entry.
            let option = if matches!(member, "url" | "warm") { "api" } else { member };
            Error::config(option, wanted(option))
        })?;
        let client = read_client(&members, options.get("server"))?;
        if members.timeout == Some(0) {
            return Err(Error::config("timeout", wanted("timeout")));
        }
        let warm = members.api.iter().flatten().filter(|entry| entry.is_warm);
        let page = PageOptions {
            timeout: members.timeout.unwrap_or(10_000),
            id_token_hint: members.id_token_hint.unwrap_or(true),
            warm: ApiList::of(warm, client.loopback)?,
        };
        Ok(Self { client, page })
    }
}

/// The [`OPTIONS`] without `server`, which is parsed separately.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members<'a> {
    account: Option<&'a str>,
    allow_loopback_http: Option<bool>,
    #[serde(borrow)]
    api: Option<Vec<ApiEntry<'a>>>,
    client_id: Option<&'a str>,
    id_token_hint: Option<bool>,
    issuer: Option<&'a str>,
    openid: Option<bool>,
    timeout: Option<u32>,
    tokens: Option<Tokens>,
    userinfo: Option<Userinfo>,
}

/// The problem to report for an option of the wrong type.
fn wanted(option: &str) -> &'static str {
    match option {
        "allowLoopbackHttp" | "idTokenHint" | "openid" => "neither true nor false",
        "api" => "not an array of addresses and of `{ url, warm }`",
        "timeout" => "not a positive number of milliseconds",
        "tokens" => "neither `worker` nor `page`",
        "userinfo" => "neither `json` nor `signed`",
        _ => "not a string",
    }
}

impl Config {
    /// The part that metadata are checked against.
    pub fn expected(&self) -> Expected<'_> {
        Expected { issuer: &self.issuer, openid: self.openid, loopback: self.loopback }
    }

    /// Parses the part of the options that defines the client.
    ///
    /// # Errors
    ///
    /// Those of [`Options::parse`].
    pub fn parse(options: &str) -> Result<Self> {
        Options::parse(options).map(|options| options.client)
    }

    /// The identifier of the provider: its issuer, or its authorization endpoint if it has no issuer.
    pub fn provider(&self) -> &str {
        let endpoint = self.server.as_ref().map_or("", |server| server.authorization_endpoint.as_str());
        if self.issuer.is_empty() { endpoint } else { &self.issuer }
    }
}

fn read_client(options: &Members<'_>, server: Option<&Value<'_>>) -> Result<Config> {
    let loopback = if options.allow_loopback_http == Some(true) { Loopback::Allowed } else { Loopback::Refused };
    let issuer = options.issuer.unwrap_or_default();
    if !issuer.is_empty() || server.is_none() {
        check_issuer(issuer, loopback)?;
    }
    let openid = options.openid.unwrap_or(!issuer.is_empty());
    if openid && issuer.is_empty() {
        return Err(Error::config("issuer", "needed for OpenID Connect"));
    }
    let client_id = options.client_id.unwrap_or_default();
    if client_id.is_empty() {
        return Err(Error::config("clientId", "missing"));
    }
    let mut config = Config {
        api: ApiList::of(options.api.iter().flatten(), loopback)?,
        server: None,
        client_id: client_id.into(),
        openid,
        userinfo: options.userinfo.unwrap_or(Userinfo::Json),
        tokens: options.tokens.unwrap_or(Tokens::Worker),
        account: options.account.unwrap_or_default().into(),
        loopback,
        issuer: issuer.into(),
    };
    if let Some(server) = server {
        let server = ServerMetadata::parse(server, config.expected(), &Secrets::default())?;
        config.issuer.clone_from(&server.issuer);
        config.server = Some(server);
    }
    Ok(config)
}

fn unknown(option: &str) -> &'static str {
    let last = option.get(option.len().saturating_sub(6)..).unwrap_or_default();
    if last.eq_ignore_ascii_case("secret") {
        "a page cannot keep a secret; register this app as a public client"
    } else {
        "not an option; index.d.ts lists them"
    }
}

/// Checks an issuer. RFC 8414 §2: an `https` URL without query and fragment.
fn check_issuer(issuer: &str, loopback: Loopback) -> Result<()> {
    match Url::parse(issuer, loopback) {
        _ if issuer.bytes().any(|byte| byte == b'{') => {
            Err(Error::config("issuer", "a template; put in what stands for `{…}`, such as the id of your tenant"))
        }
        Some(url) if url.rest().is_empty() => Ok(()),
        Some(_) => Err(Error::config("issuer", "has a query or a fragment")),
        None if issuer.starts_with("http://") => {
            Err(Error::config("issuer", "http, not https; on this device itself `allowLoopbackHttp` allows it"))
        }
        None => Err(Error::config("issuer", "not an https URL")),
    }
}

/// Checks the URL of a page of the app: `https`, or `http` on loopback (OAuth 2.1 §1.5), without a fragment (RFC 6749 §3.1.2).
pub(super) fn check_page_url(option: &'static str, text: &str) -> Result<()> {
    match Url::parse(text, Loopback::Allowed) {
        Some(url) if cut(url.rest(), b'#').1.is_some() => {
            Err(Error::config(option, "has a fragment, which RFC 6749 §3.1.2 forbids"))
        }
        Some(_) => Ok(()),
        None => Err(Error::config(option, "not an https URL of this app")),
    }
}

/// The scope without repetitions, with `openid` for OpenID Connect (OpenID Connect Core §3.1.2.1).
pub(super) fn scope(asked: &str, openid: bool) -> Result<String> {
    if !asked.bytes().all(|b| matches!(b, b' '..=b'~') && b != b'"' && b != b'\\') {
        return Err(Error::config("scope", "holds a character that RFC 6749 §3.3 forbids"));
    }
    Ok(scope_set(if openid { "openid" } else { "" }, asked))
}

/// The union of two scopes without repetitions: the values of `first`, then those of `rest`, in their order.
pub(super) fn scope_set(first: &str, rest: &str) -> String {
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
