//! Where the access token may go (RFC 6750 §5.2, RFC 9700 §4.9).

use std::sync::Arc;

use super::error::Error;
use super::json::Value;
use super::url::{Loopback, Url};

/// The APIs that the token is for: exact origins, each with a path prefix. Lists of the same ones are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiList {
    /// In order, each of them once.
    entries: Vec<Url>,
}

impl ApiList {
    /// Reads the app's list, an array of strings and of `{ url, warm }`; an absent one is an empty list.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for an entry that is no canonical URL, has a query or a fragment, or tries to be a pattern.
    pub fn parse(entries: Option<&Value<'_>>, loopback: Loopback) -> Result<Self, Arc<Error>> {
        Self::parse_some(entries, loopback, |_| true)
    }

    /// Reads the entries of the app's list that say `warm: true`.
    ///
    /// # Errors
    ///
    /// Those of [`ApiList::parse`].
    pub fn parse_warm(entries: Option<&Value<'_>>, loopback: Loopback) -> Result<Self, Arc<Error>> {
        Self::parse_some(entries, loopback, |entry| matches!(entry.get("warm"), Some(Value::Bool(true))))
    }

    fn parse_some(
        entries: Option<&Value<'_>>,
        loopback: Loopback,
        is_wanted: fn(&Value<'_>) -> bool,
    ) -> Result<Self, Arc<Error>> {
        let mut list = Self::default();
        let Some(entries) = entries else { return Ok(list) };
        let entries = entries.as_array().ok_or_else(|| Error::config("api", "not an array"))?;
        for entry in entries.iter().filter(|entry| is_wanted(entry)) {
            let entry = entry.get("url").unwrap_or(entry);
            let entry = entry.as_str().ok_or_else(|| Error::config("api", "an entry is not a string"))?;
            let slash = if entry.ends_with('/') { "" } else { "/" };
            let url = Url::parse(&[entry, slash].concat(), loopback)
                .ok_or_else(|| Error::config("api", "an entry is not an https URL"))?;
            if !url.is_canonical() || !url.rest().is_empty() || entry.contains('*') {
                return Err(Error::config(
                    "api",
                    "an entry is an origin with a path, without query, fragment, or wildcard",
                ));
            }
            list.entries.push(url);
        }
        list.entries.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        list.entries.dedup();
        Ok(list)
    }

    /// Decides on a URL, as the browser's parser wrote it.
    ///
    /// # Errors
    ///
    /// [`Error::RequestBlocked`] says why the token does not go there.
    pub fn permit(&self, url: &str) -> Result<(), Arc<Error>> {
        let Some(url) = Url::parse(url, Loopback::Allowed) else {
            return Err(Error::RequestBlocked { reason: "the address is not a plain https URL" }.into());
        };
        if !url.is_canonical() {
            return Err(Error::RequestBlocked { reason: "the address has dot segments or encoded separators" }.into());
        }
        let is_listed = self.entries.iter().any(|entry| {
            url.origin() == entry.origin()
                && (url.path().starts_with(entry.path()) || Some(url.path()) == entry.path().strip_suffix('/'))
        });
        if is_listed {
            Ok(())
        } else {
            Err(Error::RequestBlocked { reason: "the address is not on the `api` list" }.into())
        }
    }
}
