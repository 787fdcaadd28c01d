//! Dynamic client registration (RFC 7591): the provider gives the app a client ID.
//!
//! The app is registered as a public client for one redirect page. Of the response, only the ID is kept: a page cannot keep a secret,
//! and the ID is none.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use super::config::{AuthMethod, Config};
use super::error::{Error, Kind, Result, WITH_SECRET};
use super::http::{HttpRequest, HttpResponse, Method, oauth_error_of};
use super::json::{Value, to_string};
use super::list::cut;
use super::metadata::{ServerMetadata, acceptable};
use super::options::check_client_id;
use super::protected_resource::{is_document, own_page};
use super::replaced::replaced;
use super::secret::Secret;
use super::time::Now;
use super::token::DEVICE_CODE;
use super::trace::Step;
use super::url::Loopback;

/// Milliseconds within which a provider that has given an ID knows it: a sign-in that failed since then had another cause.
const FRESH: i64 = 60_000;

/// Maximum length of a client ID in bytes; more than any provider gives.
const MAX_ID: usize = 2048;

/// The members that the client decides.
const RESERVED: [&str; 7] =
    ["client_id", "grant_types", "jwks", "jwks_uri", "redirect_uris", "response_types", "token_endpoint_auth_method"];

/// What a page says of an app that has no client ID.
#[derive(Clone, Copy, Debug)]
pub struct Registration<'a> {
    /// The redirect page (RFC 7591 §2).
    pub redirect_uri: &'a str,
    /// Whether the app has named this page, so that no [`own_page`] takes its place.
    pub names_page: bool,
    /// What the sign-in asks for (RFC 6749 §3.3); may be empty.
    pub scope: &'a str,
    /// Further client metadata (RFC 7591 §2), such as `client_name`.
    pub more: Option<&'a Value<'a>>,
    /// What the browser remembers: [`Registered::to_text`].
    pub known: Option<&'a str>,
    /// Whether a sign-in of the page has not come back.
    pub unreturned: bool,
    /// The address of the app's metadata document, if the app has one. It takes the place of a registration if the server of an API
    /// accepts it.
    pub document: Option<&'a str>,
}

impl<'a> Registration<'a> {
    /// A registration for a redirect page that the app has named, without a scope.
    pub const fn new(redirect_uri: &'a str) -> Self {
        Self { redirect_uri, names_page: true, scope: "", more: None, known: None, unreturned: false, document: None }
    }

    /// The redirect page that is registered.
    fn redirect_page(&self, config: &Config, issuer: &str) -> Cow<'a, str> {
        let own_page = own_page(config, issuer, "", self.redirect_uri).filter(|_| !self.names_page);
        own_page.map_or(Cow::Borrowed(self.redirect_uri), Cow::Owned)
    }
}

/// What the browser remembers of a registration. It is no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Registered {
    /// RFC 7591 §3.2.1.
    pub client_id: String,
    /// The time of the registration, in milliseconds since 1970.
    pub at: i64,
    /// The authorization server, if the API has named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The scope that the API asks for; absent if it does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

impl Registered {
    /// Reads the text that [`Registered::to_text`] has written. `None` for any other text: every script can change it.
    pub fn from_text(text: &str, loopback: Loopback) -> Option<Self> {
        let value = Value::parse(text).ok()?;
        let client_id = value.get("client_id")?.as_str().filter(|id| is_id(id, loopback))?;
        let text = |name| value.get(name).and_then(Value::as_str).map(Into::into);
        let (issuer, scope) = (text("issuer"), text("scope"));
        Some(Self { client_id: client_id.into(), at: value.get("at")?.as_integer()?, issuer, scope })
    }

    /// The text for the browser's storage.
    pub fn to_text(&self) -> String {
        to_string(self)
    }

    /// Whether the provider may have forgotten the client, if something suggests that it has.
    pub fn may_be_forgotten(&self, now: Now) -> bool {
        !(0..FRESH).contains(&now.wall.saturating_sub(self.at))
    }
}

/// Whether a text is a client ID (RFC 6749 appendix A.1) of a plausible length.
fn is_id(text: &str, loopback: Loopback) -> bool {
    (1..=MAX_ID).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && check_client_id(text, loopback).is_ok()
}

/// Checks that a client can be registered by this one.
///
/// # Errors
///
/// [`Kind::Config`] for a client with a key.
pub fn check(config: &Config) -> Result<()> {
    if config.auth_method == AuthMethod::None {
        return Ok(());
    }
    Err(Error::config(
        "clientId",
        "missing, and a client with a key is registered by hand",
        "Choose or copy the ID at the provider, set `clientId`, and then register the key that `publicKey()` returns.",
    ))
}

/// The request that registers the app for a redirect page. `origin` is that of the app.
///
/// # Errors
///
/// [`Kind::Unregistered`] if the provider offers no registration; [`Kind::UrlRejected`] for its endpoint; [`Kind::Config`] for an
/// invalid scope, and for a member that only the client may set.
pub fn request(
    metadata: &ServerMetadata,
    config: &Config,
    app: &Registration<'_>,
    origin: &str,
) -> Result<HttpRequest> {
    let members = members(metadata, config, app, origin)?;
    let Some(endpoint) = &metadata.registration_endpoint else {
        return Err(unregistered(metadata, app));
    };
    let endpoint = acceptable(endpoint, config.loopback)
        .ok_or_else(|| Kind::UrlRejected { member: "registration_endpoint".into() })?;
    let body = Secret::new(to_string(&members));
    Ok(HttpRequest { method: Method::PostJson(body), ..HttpRequest::get(Step::Registration, endpoint.as_str().into()) })
}

/// The error for a provider at which a developer has to register the app.
#[cold]
fn unregistered(metadata: &ServerMetadata, app: &Registration<'_>) -> Error {
    Kind::Unregistered { issuer: metadata.issuer.clone(), redirect_uri: app.redirect_uri.into() }.into()
}

/// The client ID of an app that is known by this metadata document, if the server accepts one (Client ID Metadata Document draft §5).
/// Otherwise, the app has to be registered.
pub fn document_id<'a>(document: &'a str, metadata: &ServerMetadata) -> Option<&'a str> {
    (metadata.client_id_metadata_document_supported && is_document(document)).then_some(document)
}

/// The client metadata (RFC 7591 §2): what the client decides, and members of the app.
struct ClientMetadata<'a> {
    own: Vec<(&'static str, Value<'a>)>,
    more: &'a [(Cow<'a, str>, Value<'a>)],
}

impl Serialize for ClientMetadata<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> core::result::Result<S::Ok, S::Error> {
        let own = self.own.iter().map(|(name, value)| (*name, value));
        serializer.collect_map(own.chain(self.more.iter().map(|(name, value)| (&**name, value))))
    }
}

/// Members of the app take the place of defaults, and of nothing else.
fn members<'a>(
    metadata: &ServerMetadata,
    config: &Config,
    app: &Registration<'a>,
    origin: &'a str,
) -> Result<ClientMetadata<'a>> {
    let more = match app.more {
        None => &[],
        Some(Value::Object(more)) => more.as_slice(),
        Some(_) => {
            return Err(Error::config(
                "registration",
                "not an object",
                "Write client metadata, such as `{ client_name: 'My app' }`.",
            ));
        }
    };
    for (name, _) in more {
        let refused = replaced(name);
        if refused.is_some() || RESERVED.contains(&&**name) {
            let (problem, hint) =
                refused.unwrap_or(("only the client may set it", "Remove it from `registration`, or set `clientId`."));
            return Err(Error::config(name, problem, hint));
        }
    }
    let list = |items: &[&'a str]| Value::Array(items.iter().map(|item| Value::String(Cow::Borrowed(item))).collect());
    let mut name = String::from(cut(origin, b'/').1.unwrap_or(origin).trim_start_matches('/'));
    if let Some(resource) = config.found_by() {
        name = [&name, " for ", resource.host()].concat(); // a user sees for whom the token is
    }
    let grants = ["authorization_code", "refresh_token", DEVICE_CODE];
    let offered = if metadata.device_authorization_endpoint.is_some() { 3 } else { 2 };
    let page = || list(&[app.redirect_uri]);
    let mut own = vec![
        ("redirect_uris", Value::Array(vec![Value::String(app.redirect_page(config, &metadata.issuer))])),
        ("grant_types", list(grants.get(..offered).unwrap_or_default())),
        ("response_types", list(&["code"])),
        ("token_endpoint_auth_method", Value::String("none".into())),
    ];
    let scope = config.scope(app.scope)?;
    let defaults = [
        ("application_type", Some(Value::String("web".into()))),
        ("client_name", Some(Value::String(name.into()))),
        ("post_logout_redirect_uris", (config.openid && metadata.end_session_endpoint.is_some()).then(page)),
        ("scope", (!scope.is_empty()).then(|| Value::String(scope.into()))),
    ];
    for (name, value) in defaults {
        if let Some(value) = value
            && !more.iter().any(|(set, _)| set == name)
        {
            own.push((name, value));
        }
    }
    Ok(ClientMetadata { own, more })
}

/// Reads the client ID from the response, which cannot be the address of a metadata document: an app chooses that. A server may change
/// what was asked for, so the response is checked for it. A secret and a registration access token are dropped.
///
/// # Errors
///
/// [`Kind::RegistrationRefused`] contains the server's error response (RFC 7591 §3.2.2); [`Kind::Unregistered`] if it refuses in other
/// words; [`Kind::ResponseInvalid`] names a member; [`Kind::Unsupported`] for a client that has to authenticate; those of
/// [`HttpResponse::text`].
pub fn client_id_from(
    response: &HttpResponse,
    metadata: &ServerMetadata,
    config: &Config,
    app: &Registration<'_>,
) -> Result<String> {
    let unregistered = || unregistered(metadata, app);
    let is_refusal = (400..500).contains(&response.status) && response.status != 429;
    let value = match response.text().and_then(|text| response.json(text)) {
        Err(_) if is_refusal => return Err(unregistered()),
        value => value?,
    };
    let mut secrets = response.secrets.clone();
    for name in ["client_secret", "registration_access_token"] {
        secrets.add(&Secret::new(value.get(name).and_then(Value::as_str).unwrap_or_default()));
    }
    match oauth_error_of(response.is_ok(), &value, &secrets) {
        Ok(None) => {}
        Ok(Some(said)) => return Err(Kind::RegistrationRefused(said).into()),
        Err(_) if is_refusal => return Err(unregistered()),
        Err(error) => return Err(error),
    }
    let invalid = |member: &str| Err(Kind::ResponseInvalid { part: ["`", member, "`"].concat() }.into());
    let is_public = match value.get("token_endpoint_auth_method") {
        Some(method) => method.as_str() == Some("none"),
        None => value.get("client_secret").is_none(), // the default is `client_secret_basic`
    };
    if !is_public {
        return Err(Kind::Unsupported { feature: WITH_SECRET }.into());
    }
    for (name, item, most) in [
        ("redirect_uris", &*app.redirect_page(config, &metadata.issuer), 1),
        ("grant_types", "authorization_code", usize::MAX),
        ("response_types", "code", usize::MAX),
    ] {
        let Some(list) = value.get(name) else { continue };
        let lists = |list: &[Value<'_>]| list.len() <= most && list.iter().any(|it| it.as_str() == Some(item));
        if !list.as_array().is_some_and(lists) {
            return invalid(name);
        }
    }
    let client_id = value.get("client_id").and_then(Value::as_str);
    client_id
        .filter(|id| is_id(id, config.loopback) && !is_document(id))
        .map_or_else(|| invalid("client_id"), |id| Ok(id.into()))
}
