//! Where the access token may be sent (RFC 6750 §5.2, RFC 9700 §4.9).

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::error::{Error, Kind, Result};
use super::url::{Loopback, Url};

/// Maximum number of entries; more than any honest app lists. It bounds the search for equal entries.
const MAX_ENTRIES: usize = 100;

/// The APIs that the token is for: exact origins, each with a path prefix.
#[derive(Clone, Debug, Default)]
pub struct ApiList {
    /// Without repetitions.
    entries: Vec<Url>,
}

/// An entry of the app's list: an address, or `{ url, warm }`.
#[derive(Debug)]
pub struct ApiEntry<'a> {
    /// An origin with a path.
    pub url: &'a str,
    /// Whether the API is sent a request before the token is available.
    pub is_warm: bool,
}

impl<'de: 'a, 'a> Deserialize<'de> for ApiEntry<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct("ApiEntry", &["url", "warm"], EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = ApiEntry<'de>;

    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("an address or `{ url, warm }`")
    }

    fn visit_borrowed_str<E>(self, url: &'de str) -> Result<ApiEntry<'de>, E> {
        Ok(ApiEntry { url, is_warm: false })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut members: A) -> Result<ApiEntry<'de>, A::Error> {
        let (url, warm) = (members.next_element()?, members.next_element::<Option<bool>>()?);
        let url = url.ok_or_else(|| de::Error::missing_field("api"))?;
        Ok(ApiEntry { url, is_warm: warm == Some(Some(true)) })
    }
}

impl PartialEq for ApiList {
    /// Lists of the same entries are equal, whatever their order.
    fn eq(&self, other: &Self) -> bool {
        self.entries.len() == other.entries.len() && self.entries.iter().all(|entry| other.entries.contains(entry))
    }
}

impl Eq for ApiList {}

impl ApiList {
    /// Builds a list of these entries.
    ///
    /// # Errors
    ///
    /// [`Kind::Config`] for an entry that is not a canonical URL, has a query or a fragment, or contains a wildcard, and for
    /// too many entries.
    pub fn of<'a>(entries: impl Iterator<Item = &'a ApiEntry<'a>>, loopback: Loopback) -> Result<Self> {
        let mut list = Self::default();
        for (index, ApiEntry { url: entry, .. }) in entries.enumerate() {
            if index == MAX_ENTRIES {
                return Err(Error::config(
                    "api",
                    "more than 100 entries",
                    "List the path that they have in common, such as `https://api.example.com/`.",
                ));
            }
            let slash = if entry.ends_with('/') { "" } else { "/" };
            let url = Url::parse(&[entry, slash].concat(), loopback).ok_or_else(|| {
                Error::config(
                    "api",
                    "an entry is not an https URL",
                    "Write `https://`; for an API on this device, set `allowLoopbackHttp: true`.",
                )
            })?;
            if !url.is_canonical() || !url.rest().is_empty() || entry.contains('*') {
                return Err(Error::config(
                    "api",
                    "an entry is not an origin with a plain path",
                    "Leave out query, `#`, `*` and `..`, as in `https://api.example.com/v1/`.",
                ));
            }
            if !list.entries.contains(&url) {
                list.entries.push(url);
            }
        }
        Ok(list)
    }

    /// Decides whether the token may be sent to a URL, as the browser's parser serialized it.
    ///
    /// # Errors
    ///
    /// [`Kind::RequestBlocked`] says why the token may not be sent there.
    pub fn permit(&self, url: &str) -> Result<()> {
        let Some(url) = Url::parse(url, Loopback::Allowed) else {
            return Err(blocked("the address is not a plain https URL", "Call an `https` address without user name."));
        };
        if !url.is_canonical() {
            return Err(blocked(
                "the address has dot segments or encoded separators",
                "Write it without the segments `.` and `..`, also in encoded form.",
            ));
        }
        let is_listed = self.entries.iter().any(|entry| {
            url.origin() == entry.origin()
                && (url.path().starts_with(entry.path()) || Some(url.path()) == entry.path().strip_suffix('/'))
        });
        if is_listed {
            Ok(())
        } else {
            Err(blocked(
                "the address is not on the `api` list",
                "Add the address to `api` if the token is meant for it; otherwise use `fetch`.",
            ))
        }
    }
}

/// The error for a request that may not carry the token, with the reason and a hint.
#[cold]
pub fn blocked(reason: &'static str, hint: &'static str) -> Error {
    Kind::RequestBlocked { reason, hint }.into()
}
