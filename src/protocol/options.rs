//! The options with which an app describes itself and its provider.
//!
//! A client is defined by the part of the options that says whose tokens it holds and where they may be sent: [`Config`]. The
//! options of each page are in [`PageOptions`].

use serde::Deserialize;

use super::config::{AuthMethod, Config, Keep, Tokens, Userinfo};
use super::dpop::Dpop;
use super::error::{Error, Result};
use super::foreign::Secrets;
use super::json::{Mismatch, Value};
use super::list::cut;
use super::metadata::ServerMetadata;
use super::protected_resource::{NamedBy, Resource, is_document};
use super::public_key::KeyAlgorithm;
use super::replaced::replaced;
use super::resource::{ApiEntry, ApiList};
use super::socket::SocketToken;
use super::url::{Loopback, Url};

/// The checked options of one page.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whose tokens the client holds, and where they may be sent.
    pub client: Config,
    /// The options that may differ between pages that share the client.
    pub page: PageOptions,
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

/// The names of the options, as the app spells them. URLs are absolute: the page, which knows its own URL, has resolved them.
const OPTIONS: [&str; 18] = [
    "account",
    "allowLoopbackHttp",
    "api",
    "clientId",
    "dpop",
    "dpopAlgorithm",
    "foundIssuer",
    "idTokenHint",
    "issuer",
    "keep",
    "openid",
    "resource",
    "restore",
    "server",
    "timeout",
    "tokenEndpointAuthMethod",
    "tokens",
    "userinfo",
];

/// The members of an entry of `api`.
const OF_ENTRY: [&str; 5] = ["url", "warm", "resource", "scope", "socket"];

impl Options {
    /// Begins options for the client that is registered at the provider under this ID (RFC 6749 §2.2).
    pub fn builder(client_id: &str) -> OptionsBuilder {
        OptionsBuilder { client_id: Some(client_id.into()), ..OptionsBuilder::default() }
    }

    /// Begins options for an app that is not registered. Its client can only [register](crate::Client::register) it.
    pub fn unregistered() -> OptionsBuilder {
        OptionsBuilder::default()
    }

    /// Parses the options: one JSON object.
    ///
    /// # Errors
    ///
    /// [`Kind::Config`] names the option that is missing, unknown, or invalid. For `server`, also those of
    /// [`ServerMetadata::parse`].
    ///
    /// [`Kind::Config`]: crate::protocol::error::Kind::Config
    pub fn parse(options: &str) -> Result<Self> {
        let Ok(Value::Object(members)) = Value::parse(options) else {
            return Err(Error::config(
                "options",
                "not a JSON object",
                "Pass an object with `issuer` and, if the app is registered, `clientId`.",
            ));
        };
        if let Some((name, _)) = members.iter().find(|(name, _)| !OPTIONS.contains(&&**name)) {
            return Err(unknown(name));
        }
        let options = Value::Object(members);
        // The page acts on it.
        let is_way = |restore: &Value<'_>| matches!(restore.as_str(), Some("silent" | "vault" | "none"));
        if options.get("restore").is_some_and(|restore| !is_way(restore)) {
            return Err(mistyped("restore"));
        }
        let entries = options.get("api").and_then(Value::as_array).unwrap_or_default();
        let has_unknown = |entry: &Value<'_>| match entry {
            Value::Object(members) => members.iter().any(|(name, _)| !OF_ENTRY.contains(&&**name)),
            _ => false,
        };
        if entries.iter().any(has_unknown) {
            return Err(mistyped("api"));
        }
        let members: Members<'_> = options.read().map_err(|Mismatch { member }| {
            let is_of_entry =
                OF_ENTRY.contains(&member) && options.get(member).is_none_or(|value| value.as_str().is_some());
            let is_of_socket = matches!(member, "protocol" | "message");
            mistyped(if is_of_entry || is_of_socket { "api" } else { member })
        })?;
        Self::check(&members, options.get("server"))
    }

    fn check(members: &Members<'_>, server: Option<&Value<'_>>) -> Result<Self> {
        let client = read_client(members, server)?;
        if members.timeout == Some(0) {
            return Err(mistyped("timeout"));
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
    dpop: Option<Dpop>,
    dpop_algorithm: Option<KeyAlgorithm>,
    found_issuer: Option<&'a str>,
    id_token_hint: Option<bool>,
    issuer: Option<&'a str>,
    keep: Option<Keep>,
    openid: Option<bool>,
    resource: Option<&'a str>,
    timeout: Option<u32>,
    token_endpoint_auth_method: Option<AuthMethod>,
    tokens: Option<Tokens>,
    userinfo: Option<Userinfo>,
}

/// The error for an option of the wrong type.
#[cold]
pub(crate) fn mistyped(option: &str) -> Error {
    let (problem, hint) = match option {
        "allowLoopbackHttp" | "idTokenHint" | "openid" => {
            ("neither true nor false", "Write `true` or `false` without quotes.")
        }
        "api" => (
            "not an array of addresses and of `{ url, warm, resource, scope, socket }`",
            "Write an array, such as `['https://api.example.com/v1/']`. `warm` is `true` or `false`, `socket` an object, and the others are \
             strings.",
        ),
        "dpop" => ("none of `auto`, `required` and `off`", "Leave it out, or write `'required'`."),
        "dpopAlgorithm" => ("neither `ES256` nor `Ed25519`", "Leave it out, or write `'Ed25519'`."),
        "keep" => ("neither `memory` nor `device`", "Leave it out, or write `'device'`."),
        "restore" => ("none of `silent`, `vault` and `none`", "Leave it out, or write `'none'`."),
        "timeout" => ("not a positive number of milliseconds", "Write a whole number, such as `10000`."),
        "tokenEndpointAuthMethod" => (
            "neither `none` nor `private_key_jwt`",
            "A page cannot keep a secret. Leave it out for a public client, or register the key that `publicKey()` returns.",
        ),
        "tokens" => ("neither `worker` nor `page`", "Leave it out, or write `'page'`."),
        "userinfo" => ("neither `json` nor `signed`", "Leave it out, or write `'signed'`."),
        _ => ("not a string", "Write it in quotes, such as `'my-app'`."),
    };
    Error::config(option, problem, hint)
}

/// Builds [`Options`]. Each method corresponds to the option of the same name in `pkg/index.d.ts`; [`OptionsBuilder::build`]
/// checks all of them.
///
/// ```
/// # use valet_key::Options;
/// let options = Options::builder("my-app")
///     .issuer("https://login.example.com")
///     .api("https://api.example.com/v1/")
///     .build()?;
/// # Ok::<(), valet_key::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct OptionsBuilder {
    client_id: Option<String>,
    dpop: Option<Dpop>,
    dpop_algorithm: Option<KeyAlgorithm>,
    issuer: Option<String>,
    server: Option<String>,
    api: Vec<Entry>,
    account: Option<String>,
    allow_loopback_http: Option<bool>,
    id_token_hint: Option<bool>,
    openid: Option<bool>,
    resource: Option<String>,
    found_issuer: Option<String>,
    timeout: Option<u32>,
    userinfo: Option<Userinfo>,
}

/// An [`ApiEntry`] of the builder.
#[derive(Clone, Debug)]
struct Entry {
    url: String,
    is_warm: bool,
    resource: Option<String>,
    scope: Option<String>,
    /// The two members of [`SocketToken`].
    socket: Option<[Option<String>; 2]>,
}

impl Entry {
    fn borrowed(&self) -> ApiEntry<'_> {
        let Self { url, is_warm, resource, scope, socket } = self;
        let socket = socket
            .as_ref()
            .map(|[protocol, message]| SocketToken { protocol: protocol.as_deref(), message: message.as_deref() });
        ApiEntry { url, is_warm: *is_warm, resource: resource.as_deref(), scope: scope.as_deref(), socket }
    }
}

impl OptionsBuilder {
    /// The issuer of the provider (RFC 8414 §2): an `https` URL, exactly as the provider spells it.
    #[must_use]
    pub fn issuer(mut self, issuer: &str) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// The metadata of the provider (RFC 8414 §2), as a JSON object, for a provider that does not publish them.
    #[must_use]
    pub fn server(mut self, metadata: &str) -> Self {
        self.server = Some(metadata.into());
        self
    }

    /// Adds an API that needs no access token of its own: an origin with a path.
    #[must_use]
    pub fn api(self, url: &str) -> Self {
        self.api_entry(ApiEntry::at(url))
    }

    /// Adds an API to which an access token may be sent. If the first API names a resource, the sign-in gets the token for this resource.
    /// The token for any other target is requested with the refresh token before the first call to one of its APIs.
    #[must_use]
    pub fn api_entry(mut self, entry: ApiEntry<'_>) -> Self {
        let ApiEntry { url, is_warm, resource, scope, socket } = entry;
        let (resource, scope) = (resource.map(Into::into), scope.map(Into::into));
        let socket =
            socket.map(|SocketToken { protocol, message }| [protocol, message].map(|text| text.map(Into::into)));
        self.api.push(Entry { url: url.into(), is_warm, resource, scope, socket });
        self
    }

    /// A label for one of several accounts of the user at the provider.
    #[must_use]
    pub fn account(mut self, label: &str) -> Self {
        self.account = Some(label.into());
        self
    }

    /// The API to which the app connects. The access token is for this API alone, so no other one may be added. Without an issuer, the
    /// API names its authorization server, which [`Client::register`](crate::Client::register) finds.
    #[must_use]
    pub fn resource(mut self, url: &str) -> Self {
        self.resource = Some(url.into());
        self
    }

    /// The issuer that [`Client::register`](crate::Client::register) has found for the [`OptionsBuilder::resource`].
    #[must_use]
    pub fn found_issuer(mut self, issuer: &str) -> Self {
        self.found_issuer = Some(issuer.into());
        self
    }

    /// Accepts `http` for servers on this device.
    #[must_use]
    pub fn allow_loopback_http(mut self) -> Self {
        self.allow_loopback_http = Some(true);
        self
    }

    /// Whether tokens are bound to a key (RFC 9449); by default, if the server's metadata say that it binds tokens. The API must accept the
    /// scheme `DPoP`. A token from [`Client::access_token`](crate::Client::access_token) has no proof.
    #[must_use]
    pub fn dpop(mut self, dpop: Dpop) -> Self {
        self.dpop = Some(dpop);
        self
    }

    /// The preferred algorithm of the keys that tokens are bound to: [`KeyAlgorithm::Es256`] by default. If the server does not list it, or
    /// the browser makes no such keys, the other one is used.
    #[must_use]
    pub fn dpop_algorithm(mut self, algorithm: KeyAlgorithm) -> Self {
        self.dpop_algorithm = Some(algorithm);
        self
    }

    /// Whether a sign-out sends the ID Token to the provider (RP-Initiated Logout §2); by default it does.
    #[must_use]
    pub fn id_token_hint(mut self, sends: bool) -> Self {
        self.id_token_hint = Some(sends);
        self
    }

    /// Whether to use OpenID Connect; by default, if there is an issuer.
    #[must_use]
    pub fn openid(mut self, uses: bool) -> Self {
        self.openid = Some(uses);
        self
    }

    /// Milliseconds after which a request without a response counts as failed; 10,000 by default.
    #[must_use]
    pub fn timeout(mut self, milliseconds: u32) -> Self {
        self.timeout = Some(milliseconds);
        self
    }

    /// The form of the UserInfo response, as registered at the provider.
    #[must_use]
    pub fn userinfo(mut self, form: Userinfo) -> Self {
        self.userinfo = Some(form);
        self
    }

    /// Checks the options.
    ///
    /// # Errors
    ///
    /// Those of [`Options::parse`].
    pub fn build(&self) -> Result<Options> {
        let server = match &self.server {
            Some(text) => Some(Value::parse(text).map_err(|_| {
                let hint = "Pass the text of the provider's `/.well-known/openid-configuration`.";
                Error::config("server", "not a JSON object", hint)
            })?),
            None => None,
        };
        let members = Members {
            account: self.account.as_deref(),
            allow_loopback_http: self.allow_loopback_http,
            api: Some(self.api.iter().map(Entry::borrowed).collect()),
            client_id: self.client_id.as_deref(),
            dpop: self.dpop,
            dpop_algorithm: self.dpop_algorithm,
            found_issuer: self.found_issuer.as_deref(),
            id_token_hint: self.id_token_hint,
            issuer: self.issuer.as_deref(),
            keep: None,
            openid: self.openid,
            resource: self.resource.as_deref(),
            timeout: self.timeout,
            token_endpoint_auth_method: None,
            tokens: None,
            userinfo: self.userinfo,
        };
        Options::check(&members, server.as_ref())
    }
}

impl Config {
    /// Parses the part of the options that defines the client.
    ///
    /// # Errors
    ///
    /// Those of [`Options::parse`].
    pub fn parse(options: &str) -> Result<Self> {
        Options::parse(options).map(|options| options.client)
    }
}

fn read_client(options: &Members<'_>, server: Option<&Value<'_>>) -> Result<Config> {
    let loopback = if options.allow_loopback_http == Some(true) { Loopback::Allowed } else { Loopback::Refused };
    let named_by = if options.issuer.is_none() && server.is_none() { NamedBy::Resource } else { NamedBy::App };
    let resource = options.resource.map(|text| Resource::parse(text, loopback, named_by)).transpose()?;
    let is_found = resource.is_some() && named_by == NamedBy::Resource;
    let issuer = if is_found { options.found_issuer } else { options.issuer }.unwrap_or_default();
    if !issuer.is_empty() || (server.is_none() && !is_found) {
        check_issuer(issuer, loopback)?;
    }
    let is_reachable = |resource: &Resource| Url::parse(issuer, loopback).is_none_or(|url| resource.may_lead_to(&url));
    if is_found && !resource.as_ref().is_some_and(is_reachable) {
        let hint = "Call `client.forget()`: the address comes from what the browser remembers.";
        return Err(Error::config("foundIssuer", "an address in the user's own network", hint));
    }
    if resource.is_some() && options.api.as_ref().is_some_and(|api| !api.is_empty()) {
        let hint =
            "Leave it out of `connect`: the token is for that API alone. For a list of APIs, use `createClient`.";
        return Err(Error::config("api", "a connection is for one API", hint));
    }
    let openid = options.openid.unwrap_or(!issuer.is_empty() && !is_found);
    if openid && issuer.is_empty() && !is_found {
        return Err(Error::config("issuer", "needed for OpenID Connect", "Set it, or set `openid: false`."));
    }
    if options.client_id == Some("") {
        return Err(Error::config(
            "clientId",
            "empty",
            "Copy the client ID from the app's registration at the provider, or leave the option out to be registered.",
        ));
    }
    let client_id = options.client_id.unwrap_or_default();
    check_client_id(client_id, loopback)?;
    if is_found && issuer.is_empty() && !client_id.is_empty() && !is_document(client_id) {
        let hint = "Pass `issuer`, too, to pair the API with a server that you trust. Or leave `clientId` out.";
        return Err(Error::config("clientId", "of no server that `connect` names", hint));
    }
    let tokens = options.tokens.unwrap_or(Tokens::Worker);
    let dpop = match (options.dpop.unwrap_or(Dpop::Auto), tokens) {
        // Such an app attaches tokens to its own requests, which have no proof.
        (Dpop::Auto, Tokens::Page) => Dpop::Off,
        (dpop, _) => dpop,
    };
    let keep = options.keep.unwrap_or(Keep::Memory);
    if keep == Keep::Device && dpop == Dpop::Off {
        return Err(Error::config(
            "keep",
            "`device` needs tokens that are bound to a key",
            "Remove `dpop: 'off'`. With `tokens: 'page'`, set `dpop: 'required'`.",
        ));
    }
    let identifier = resource.as_ref().map(Resource::identifier);
    let only = options.resource.map(|url| ApiEntry { resource: identifier, ..ApiEntry::at(url) });
    let mut config = Config {
        api: ApiList::of(only.iter().chain(options.api.iter().flatten()), loopback)?,
        resource,
        server: None,
        client_id: client_id.into(),
        openid,
        userinfo: options.userinfo.unwrap_or(Userinfo::Json),
        tokens,
        dpop,
        dpop_algorithm: options.dpop_algorithm.unwrap_or(KeyAlgorithm::Es256),
        keep,
        auth_method: options.token_endpoint_auth_method.unwrap_or(AuthMethod::None),
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

#[cold]
fn unknown(option: &str) -> Error {
    let (problem, hint) = if let Some(replaced) = replaced(option) {
        replaced
    } else if option == "guard" {
        (
            "not an option of this worker.js",
            "Copy all files of the package's folder `guard` into the folder that you name.",
        )
    } else {
        ("not an option", "Check its spelling in index.d.ts, or pass it to `signIn`.")
    };
    Error::config(option, problem, hint)
}

/// Checks a client ID that is the URL of the client's metadata document (Client ID Metadata Document draft §3). Any other text is an ID
/// that the provider gave.
pub(super) fn check_client_id(client_id: &str, loopback: Loopback) -> Result<()> {
    if !is_document(client_id) {
        return Ok(());
    }
    let url = Url::parse(client_id, loopback);
    // The parser adds a missing path.
    let is_document = |url: &Url| url.as_str() == client_id && url.is_canonical() && cut(url.rest(), b'#').1.is_none();
    if url.as_ref().is_some_and(is_document) {
        return Ok(());
    }
    Err(Error::config(
        "clientId",
        "a URL that cannot be the address of a client ID metadata document",
        "Write `https://`, a host and a path, at least `/`, without user, fragment and dot segments, as the document's `client_id`.",
    ))
}

/// Checks an issuer. RFC 8414 §2: an `https` URL without query and fragment.
fn check_issuer(issuer: &str, loopback: Loopback) -> Result<()> {
    let (problem, hint) = match Url::parse(issuer, loopback) {
        _ if issuer.bytes().any(|byte| byte == b'{') => {
            ("a template", "Write the ID of your tenant in the place of `{…}`.")
        }
        Some(url) if url.rest().is_empty() => return Ok(()),
        Some(_) => {
            ("has a query or a fragment", "Copy `issuer` from the provider's `/.well-known/openid-configuration`.")
        }
        None if issuer.starts_with("http://") => {
            ("http, not https", "Write `https://`; for a provider on this device, set `allowLoopbackHttp: true`.")
        }
        None => ("not an https URL", "Set it to the provider's address, such as `https://login.example.com`."),
    };
    Err(Error::config("issuer", problem, hint))
}
