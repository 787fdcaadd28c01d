//! Stores the transactions of sign-ins by redirect in the page's session storage. Each can be taken out once.

use std::sync::Arc;

use web_sys::Storage;

use crate::protocol::config::Config;
use crate::protocol::error::Error;
use crate::protocol::transaction::Transaction;

/// The prefix of every storage key of this library; `pkg/storage.js` uses the same.
const PREFIX: &str = "valet-key:tx:";

/// The transactions of one client.
#[derive(Debug)]
pub(super) struct Store {
    storage: Storage,
    prefix: String,
}

impl Store {
    /// Opens the page's session storage.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if there is none, as in a worker or if the user has disabled storage.
    pub(super) fn open(config: &Config) -> Result<Self, Arc<Error>> {
        let storage = web_sys::window().and_then(|window| window.session_storage().ok().flatten());
        let storage =
            storage.ok_or_else(|| Error::config("redirectUri", "a sign-in by redirect needs session storage"))?;
        let account = if config.account.is_empty() { String::new() } else { [" ", &config.account].concat() };
        Ok(Self { storage, prefix: [PREFIX, config.provider(), " ", &config.client_id, &account, ":"].concat() })
    }

    /// Stores a transaction until its response arrives.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if the storage is full.
    pub(super) fn keep(&self, transaction: &Transaction) -> Result<(), Arc<Error>> {
        let key = [&self.prefix, transaction.state.expose()].concat();
        let kept = self.storage.set_item(&key, &transaction.to_record());
        kept.map_err(|_| Error::config("redirectUri", "session storage takes nothing more"))
    }

    /// Takes out the record for a `state`, if there is one, and returns whether other transactions are pending.
    pub(super) fn take(&self, state: &str) -> (Option<String>, bool) {
        let key = [&self.prefix, state].concat();
        let record = self.storage.get_item(&key).ok().flatten();
        if record.is_some() {
            // A record that cannot be removed expires after an hour.
            drop(self.storage.remove_item(&key));
        }
        let count = self.storage.length().unwrap_or(0);
        let mut names = (0..count).filter_map(|index| self.storage.key(index).ok().flatten());
        (record, names.any(|name| name.starts_with(&self.prefix)))
    }
}
