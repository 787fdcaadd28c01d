//! What an app says about itself and its provider.
//!
//! A client is the part of the options that says whose tokens these are and where they may go: [`Config`]. What each page
//! has for itself is in [`PageOptions`].

use std::sync::Arc;

use serde::Deserialize;

use super::error::Error;
use super::foreign::Secrets;
use super::json::{Mismatch, Value};
use super::list::{cut, items, repetitions};
use super::metadata::ServerMetadata;
use super::resource::{ApiEntry, ApiList};
use super::url::{Loopback, Url};

/// The options of one page, checked.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whose tokens these are, and where they may go.
    pub client: Config,
    /// What may differ between pages that share the client.
    pub page: PageOptions,
}

/// What makes a client: the same on each of its pages.
///
/// This is its canonical form: options that mean the same are equal here, whatever their order, and whether or not their
/// defaults are spelled out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The provider, spelled as configured; empty where only endpoints without an issuer were given.
    pub issuer: String,
    /// Metadata that the app brought along.
    pub server: Option<ServerMetadata>,
    /// RFC 6749 §2.2.
    pub client_id: String,
    /// OpenID Connect, with an ID Token, or plain OAuth 2.
    pub openid: bool,
    /// Where the access token may go.
    pub api: ApiList,
    /// How UserInfo answers, as registered at the provider.
    pub userinfo: Userinfo,
    /// Whether `http` is acceptable on this device itself.
    pub loopback: Loopback,
    /// Whether the app takes its tokens into the page.
    pub tokens: Tokens,
    /// The app's label for one of several accounts at the provider; empty if it has one account.
    pub account: String,
}

/// What belongs to a page and not to the client.
#[derive(Clone, Debug)]
pub struct PageOptions {
    /// Milliseconds until a request counts as unanswered.
    pub timeout: u32,
    /// Whether the ID Token goes along to the provider at sign-out (RP-Initiated Logout §2, `id_token_hint`). Without it, some
    /// providers end the user's way at a page of their own.
    pub id_token_hint: bool,
    /// APIs that calls which wait for a sign-in ask ahead of the token, so that the CORS preflight is over when it comes.
    pub warm: ApiList,
}

/// How UserInfo answers (OpenID Connect Core §5.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Userinfo {
    /// As plain JSON.
    Json,
    /// As a signed JWT.
    Signed,
}

/// Where tokens live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tokens {
    /// In a worker, out of reach of the page's scripts.
    Worker,
    /// In the page.
    Page,
}

/// The options as the app spells them. URLs are absolute here: the page, which knows its address, resolved them.
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
    /// Reads options, as one JSON object.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] names the option that is missing, unknown, or wrong; for `server` also what
    /// [`ServerMetadata::parse`] says.
    pub fn parse(options: &str) -> Result<Self, Arc<Error>> {
        let Ok(Value::Object(members)) = Value::parse(options) else {
            return Err(Error::config("options", "not a JSON object"));
        };
        if let Some((name, _)) = members.iter().find(|(name, _)| !OPTIONS.contains(&&**name)) {
            return Err(Error::config(name, unknown(name)));
        }
        let options = Value::Object(members);
        let members: Members<'_> =
            options.read().map_err(|Mismatch { member }| Error::config(member, wanted(member)))?;
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

/// The members of [`OPTIONS`] that are read as they are.
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

/// What an option must be.
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
    /// Reads the part of the options that makes the client.
    ///
    /// # Errors
    ///
    /// Those of [`Options::parse`].
    pub fn parse(options: &str) -> Result<Self, Arc<Error>> {
        Options::parse(options).map(|options| options.client)
    }

    /// What tells the provider from others: its issuer, or its authorization endpoint where it has none.
    pub fn provider(&self) -> &str {
        let endpoint = self.server.as_ref().map_or("", |server| server.authorization_endpoint.as_str());
        if self.issuer.is_empty() { endpoint } else { &self.issuer }
    }
}

fn read_client(options: &Members<'_>, server: Option<&Value<'_>>) -> Result<Config, Arc<Error>> {
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
        let server = ServerMetadata::parse(server, &config, &Secrets::default())?;
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

/// RFC 8414 §2: an `https` URL without query and fragment.
fn check_issuer(issuer: &str, loopback: Loopback) -> Result<(), Arc<Error>> {
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

/// A page of the app: `https`, or `http` on this device (OAuth 2.1 §1.5), without fragment (RFC 6749 §3.1.2).
pub(super) fn check_page_url(option: &'static str, text: &str) -> Result<(), Arc<Error>> {
    match Url::parse(text, Loopback::Allowed) {
        Some(url) if cut(url.rest(), b'#').1.is_some() => {
            Err(Error::config(option, "has a fragment, which RFC 6749 §3.1.2 forbids"))
        }
        Some(_) => Ok(()),
        None => Err(Error::config(option, "not an https URL of this app")),
    }
}

/// The scope without repetitions, with `openid` where it belongs (OpenID Connect Core §3.1.2.1).
pub(super) fn scope(asked: &str, openid: bool) -> Result<String, Arc<Error>> {
    if !asked.bytes().all(|b| matches!(b, b' '..=b'~') && b != b'"' && b != b'\\') {
        return Err(Error::config("scope", "holds a character that RFC 6749 §3.3 forbids"));
    }
    Ok(scope_set(if openid { "openid" } else { "" }, asked))
}

/// A scope as the set that it is, in the order of its text, after what is in the set already.
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
