//! Where access tokens may be sent (RFC 6750 §5.2, RFC 9700 §4.9), and which one goes where (RFC 8707).

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::config::{scope, scope_set};
use super::error::{Error, Kind, Result};
use super::json;
use super::list::cut;
use super::socket::{Carrier, SocketToken};
use super::url::{Loopback, Url};

/// Maximum number of entries; more than any honest app lists. It bounds the search for equal entries.
const MAX_ENTRIES: usize = 100;

/// The place of what the access token of a sign-in is requested for, among the targets of a list.
pub const OF_SIGN_IN: usize = 0;

/// The APIs that tokens are for: exact origins, each with a path prefix.
#[derive(Clone, Debug)]
pub struct ApiList {
    /// Without repetitions of an address.
    entries: Vec<Listed>,
    /// What tokens are requested for, without repetitions: first that of the sign-in.
    targets: Vec<Target>,
}

#[derive(Clone, Debug)]
struct Listed {
    url: Url,
    /// The place of the token among the targets.
    target: usize,
    /// How a socket carries the token, if the API takes sockets.
    socket: Option<Carrier>,
}

/// What one access token is requested for. With neither a resource nor a scope, the server decides.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// The resource indicator (RFC 8707 §2); may be empty.
    pub resource: String,
    /// The scope of the entries of this target, separated by spaces; may be empty.
    pub scope: String,
}

impl Target {
    fn is_plain(&self) -> bool {
        self.resource.is_empty() && self.scope.is_empty()
    }
}

impl PartialEq for Target {
    /// The order of the scope's values has no meaning (RFC 6749 §3.3).
    fn eq(&self, other: &Self) -> bool {
        let has = |one: &str, other: &str| scope_set(one, other).len() == one.len();
        self.resource == other.resource && has(&self.scope, &other.scope) && has(&other.scope, &self.scope)
    }
}

/// An entry of the app's list: an address, or `{ url, warm, resource, scope, socket }`.
///
/// ```
/// # use valet_key::{ApiEntry, Options};
/// let options = Options::builder("my-app")
///     .issuer("https://login.example.com")
///     .api_entry(ApiEntry { resource: Some("https://calendar.example.com"), ..ApiEntry::at("https://api.example.com/calendar/") })
///     .api_entry(ApiEntry { resource: Some("https://mail.example.com"), ..ApiEntry::at("https://api.example.com/mail/") })
///     .build()?;
/// # Ok::<(), valet_key::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ApiEntry<'a> {
    /// An origin with a path.
    pub url: &'a str,
    /// Whether the API is sent a request before the token is available, so that the CORS preflight is complete when the token arrives.
    pub is_warm: bool,
    /// The identifier of the API at the authorization server (RFC 8707 §2): an absolute URI without a fragment. Entries with the same
    /// resource share an access token, which is for this resource alone.
    pub resource: Option<&'a str>,
    /// The scope that a sign-in requests for this API, separated by spaces. Without a resource, entries with the same scope share an
    /// access token, which is requested with this scope alone.
    pub scope: Option<&'a str>,
    /// How a socket to this API carries the token; absent if the app opens none.
    pub socket: Option<SocketToken<'a>>,
}

impl<'a> ApiEntry<'a> {
    /// The entry of an API that gets the access token of the sign-in.
    pub const fn at(url: &'a str) -> Self {
        Self { url, is_warm: false, resource: None, scope: None, socket: None }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for ApiEntry<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct("ApiEntry", &["url", "warm", "resource", "scope", "socket"], EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = ApiEntry<'de>;

    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("an address or `{ url, warm, resource, scope, socket }`")
    }

    fn visit_borrowed_str<E>(self, url: &'de str) -> Result<ApiEntry<'de>, E> {
        Ok(ApiEntry::at(url))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut members: A) -> Result<ApiEntry<'de>, A::Error> {
        let (url, warm) = (members.next_element()?, members.next_element::<Option<bool>>()?);
        let (resource, scope) = (members.next_element::<Option<&str>>()?, members.next_element::<Option<&str>>()?);
        let socket = members.next_element::<Option<SocketToken<'de>>>()?;
        Ok(ApiEntry {
            url: url.ok_or_else(|| de::Error::missing_field("api"))?,
            is_warm: warm == Some(Some(true)),
            resource: resource.flatten(),
            scope: scope.flatten(),
            socket: socket.flatten(),
        })
    }
}

impl Default for ApiList {
    fn default() -> Self {
        Self { entries: Vec::new(), targets: vec![Target::default()] }
    }
}

impl PartialEq for ApiList {
    /// Lists of the same entries are equal, whatever their order, if the sign-in is for the same target.
    fn eq(&self, other: &Self) -> bool {
        let has = |listed: &Listed| {
            let twin = other.entries.iter().find(|twin| twin.url == listed.url);
            twin.is_some_and(|twin| {
                other.target(twin.target) == self.target(listed.target) && twin.socket == listed.socket
            })
        };
        self.entries.len() == other.entries.len()
            && self.target(OF_SIGN_IN) == other.target(OF_SIGN_IN)
            && self.entries.iter().all(has)
    }
}

impl Eq for ApiList {}

impl ApiList {
    /// Builds a list of these entries. If the first entry names a resource, the token of the sign-in is for this resource. Otherwise,
    /// the server decides what it is for.
    ///
    /// # Errors
    ///
    /// [`Kind::Config`] for an entry that is not a canonical URL, has a query or a fragment, or contains a wildcard, for a resource
    /// that is not an absolute URI, for an invalid scope or `socket`, for an address with two targets, and for too many entries.
    pub fn of<'a>(entries: impl Iterator<Item = &'a ApiEntry<'a>>, loopback: Loopback) -> Result<Self> {
        let mut list = Self { entries: Vec::new(), targets: Vec::new() };
        for (index, entry) in entries.enumerate() {
            if index == MAX_ENTRIES {
                return Err(Error::config(
                    "api",
                    "more than 100 entries",
                    "List the path that they have in common, such as `https://api.example.com/`.",
                ));
            }
            let url = address(entry.url, loopback)?;
            let of_entry = |error| in_entry(index, &error);
            let resource = entry.resource.map(resource_indicator).transpose().map_err(of_entry)?;
            let scope = scope(entry.scope.unwrap_or_default(), false).map_err(of_entry)?;
            let target = Target { resource: resource.unwrap_or_default().into(), scope };
            let socket = entry.socket.map(Carrier::parse).transpose().map_err(of_entry)?;
            if list.targets.is_empty() && target.resource.is_empty() {
                list.targets.push(Target::default());
            }
            let target = list.place_of(target);
            match list.entries.iter().find(|known| known.url == url) {
                None => list.entries.push(Listed { url, target, socket }),
                Some(known) if known.target == target && known.socket == socket => {}
                Some(_) => {
                    let error = Error::config(
                        "url",
                        "an earlier entry has the same address, with another `resource`, `scope` or `socket`",
                        "Keep one of the two entries, or make their paths differ. A slash at the end makes no difference.",
                    );
                    return Err(in_entry(index, &error));
                }
            }
        }
        list.place_of(Target::default());
        Ok(list)
    }

    /// The place of a target, which is added if it is new. The scope of a resource is that of all its entries.
    fn place_of(&mut self, target: Target) -> usize {
        let is_same = |known: &Target| match known.resource.as_str() {
            "" => *known == target,
            resource => resource == target.resource,
        };
        if let Some((place, known)) = self.targets.iter_mut().enumerate().find(|(_, known)| is_same(known)) {
            known.scope = scope_set(&known.scope, &target.scope);
            return place;
        }
        self.targets.push(target);
        self.targets.len() - 1
    }

    /// Decides whether a token may be sent to a URL, as the browser's parser serialized it. Returns the place of the token's target. If
    /// several entries apply, the one with the longest path decides.
    ///
    /// # Errors
    ///
    /// [`Kind::RequestBlocked`] says why no token may be sent there.
    pub fn permit(&self, url: &str) -> Result<usize> {
        self.entry(url).map(|entry| entry.target)
    }

    /// The same for a socket, whose URL is that of the request for it. Also returns how it carries the token.
    ///
    /// # Errors
    ///
    /// [`Kind::RequestBlocked`] says why no token may be sent there.
    pub fn carrier(&self, url: &str) -> Result<(usize, &Carrier)> {
        let Listed { target, socket, .. } = self.entry(url)?;
        let carrier = socket.as_ref().ok_or_else(|| {
            blocked(
                "its entry of `api` does not say how a socket carries the token",
                "Add `socket: { protocol: 'bearer.{token}' }` or `socket: { message: '…{token}…' }` to the entry, as the API takes it.",
            )
        })?;
        Ok((*target, carrier))
    }

    fn entry(&self, url: &str) -> Result<&Listed> {
        let Some(url) = Url::parse(url, Loopback::Allowed) else {
            return Err(blocked("the address is not a plain https URL", "Call an `https` address without user name."));
        };
        if !url.is_canonical() {
            return Err(blocked(
                "the address has dot segments or encoded separators",
                "Write it without the segments `.` and `..`, also in encoded form.",
            ));
        }
        let applies = |entry: &&Listed| {
            let Listed { url: entry, .. } = entry;
            url.origin() == entry.origin()
                && (url.path().starts_with(entry.path()) || Some(url.path()) == entry.path().strip_suffix('/'))
        };
        let Some(entry) = self.entries.iter().filter(applies).max_by_key(|entry| entry.url.path().len()) else {
            return Err(blocked(
                "the address is not on the `api` list",
                "Add the address to `api` if the token is meant for it; otherwise use `fetch`.",
            ));
        };
        // A server that decodes the path, for example, may pass the request on to the API of another entry.
        let may_be_of = |other: &Listed| {
            other.target != entry.target
                && other.url.origin() == url.origin()
                && other.url.path().len() > entry.url.path().len()
                && url.loose_path().starts_with(&other.url.loose_path())
        };
        if self.entries.iter().any(may_be_of) {
            return Err(blocked(
                "the address may also be one of another entry of `api`, which gets another token",
                "Spell the path as the entry does.",
            ));
        }
        Ok(entry)
    }

    /// What tokens are requested for: first that of the sign-in. One of them names neither a resource nor a scope.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// The target at a place.
    pub fn target(&self, place: usize) -> &Target {
        const PLAIN: &Target = &Target { resource: String::new(), scope: String::new() };
        self.targets.get(place).unwrap_or(PLAIN)
    }

    /// The place of the target that names neither a resource nor a scope.
    pub fn plain(&self) -> usize {
        self.targets.iter().position(Target::is_plain).unwrap_or_default()
    }

    /// The scope of all entries, without repetitions.
    pub fn scope(&self) -> String {
        self.targets.iter().fold(String::new(), |all, target| scope_set(&all, &target.scope))
    }

    /// The resources of all entries.
    pub fn resources(&self) -> impl Iterator<Item = &str> {
        self.targets.iter().map(|target| target.resource.as_str()).filter(|resource| !resource.is_empty())
    }
}

/// Names the entry in an error about one of its members.
#[cold]
fn in_entry(index: usize, error: &Error) -> Error {
    let Kind::Config { option, problem, hint } = error.kind() else { return error.clone() };
    let mut name = String::from("api[");
    json::write_integer(&mut name, i64::try_from(index).unwrap_or_default());
    Error::config(&[&name, "].", option].concat(), problem, hint)
}

/// Reads the address of an entry.
fn address(entry: &str, loopback: Loopback) -> Result<Url> {
    let slash = if entry.ends_with('/') { "" } else { "/" };
    let url = Url::parse(&[entry, slash].concat(), loopback).ok_or_else(|| {
        Error::config(
            "api",
            "an entry is not an https URL",
            "Write `https://`; for an API on this device, set `allowLoopbackHttp: true`.",
        )
    })?;
    if url.is_canonical() && url.rest().is_empty() && !entry.contains('*') {
        return Ok(url);
    }
    Err(Error::config(
        "api",
        "an entry is not an origin with a plain path",
        "Leave out query, `#`, `*` and `..`, as in `https://api.example.com/v1/`.",
    ))
}

/// Checks a resource indicator (RFC 8707 §2): an absolute URI (RFC 3986 §4.3), which has no fragment. Its scheme can be any, since it
/// names an API and is not fetched.
///
/// # Errors
///
/// [`Kind::Config`]
pub(super) fn resource_indicator(text: &str) -> Result<&str> {
    let (scheme, rest) = cut(text, b':');
    let is_uri = scheme.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
        && rest.is_some_and(|rest| !rest.is_empty())
        && text.bytes().all(|byte| {
            byte.is_ascii_graphic()
                && !matches!(byte, b'#' | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
        });
    if is_uri {
        return Ok(text);
    }
    Err(Error::config(
        "resource",
        "not an absolute URI without a fragment",
        "Write the identifier that the API has at the provider, such as `https://api.example.com/`.",
    ))
}

/// The error for a request that may not carry the token, with the reason and a hint.
#[cold]
pub fn blocked(reason: &'static str, hint: &'static str) -> Error {
    Kind::RequestBlocked { reason, hint }.into()
}
