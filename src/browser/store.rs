//! Web storage: the transactions of sign-ins by redirect in session storage, each of which can be taken out once, and the mark
//! that this browser had a session in local storage. `docs/storage.md` lists the keys.

use web_sys::Storage;

use crate::client::OtherSignIns;
use crate::protocol::config::Config;
use crate::protocol::error::{Error, Result};
use crate::protocol::time::Now;
use crate::protocol::transaction::Transaction;

/// The prefix of the keys of transactions; `pkg/storage.js` uses the same.
const PREFIX: &str = "valet-key:tx:";

/// The prefix of the key of the mark that this browser had a session.
const HAD: &str = "valet-key:had:";

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
    /// [`Kind::Config`] if there is none, as in a worker or if the user has disabled storage.
    ///
    /// [`Kind::Config`]: crate::protocol::error::Kind::Config
    pub(super) fn open(config: &Config) -> Result<Self> {
        let storage = web_sys::window().and_then(|window| window.session_storage().ok().flatten());
        let storage = storage.ok_or_else(|| {
            Error::config(
                "redirectUri",
                "a sign-in by redirect needs session storage",
                "Allow site data in the browser; a frame with `sandbox` needs `allow-same-origin`.",
            )
        })?;
        Ok(Self { storage, prefix: [PREFIX, &name(config), ":"].concat() })
    }

    /// Stores a transaction until its response arrives.
    ///
    /// # Errors
    ///
    /// [`Kind::Config`] if the storage is full.
    ///
    /// [`Kind::Config`]: crate::protocol::error::Kind::Config
    pub(super) fn keep(&self, transaction: &Transaction) -> Result<()> {
        let key = [&self.prefix, transaction.state.expose()].concat();
        let kept = self.storage.set_item(&key, &transaction.to_record());
        kept.map_err(|_| {
            Error::config("redirectUri", "session storage is full", "Remove entries of the app from `sessionStorage`.")
        })
    }

    /// Takes out the transaction of a `state`, if there is one, and removes the expired ones. Says whether others are pending.
    pub(super) fn take(&self, state: &str, now: Now) -> (Option<Box<Transaction>>, OtherSignIns) {
        let transaction = self.take_out(&[&self.prefix, state].concat());
        let mut is_other_pending = false;
        for name in self.names().iter().filter(|name| name.starts_with(&self.prefix)) {
            let is_pending = self.peek(name).is_some_and(|transaction| !transaction.is_expired(now));
            if !is_pending {
                drop(self.storage.remove_item(name));
            }
            is_other_pending |= is_pending;
        }
        (transaction, if is_other_pending { OtherSignIns::Pending } else { OtherSignIns::None })
    }

    /// Whether another client of this page waits for the response with this `state`.
    pub(super) fn is_of_another_client(&self, state: &str) -> bool {
        let end = [":", state].concat();
        let is_of_another =
            |name: &String| name.starts_with(PREFIX) && name.ends_with(&end) && !name.starts_with(&self.prefix);
        self.names().iter().any(is_of_another)
    }

    fn names(&self) -> Vec<String> {
        let count = self.storage.length().unwrap_or(0);
        (0..count).filter_map(|index| self.storage.key(index).ok().flatten()).collect()
    }

    fn peek(&self, key: &str) -> Option<Box<Transaction>> {
        Transaction::from_record(&self.storage.get_item(key).ok().flatten()?)
    }

    fn take_out(&self, key: &str) -> Option<Box<Transaction>> {
        let transaction = self.peek(key)?;
        // A record that cannot be removed expires after an hour.
        drop(self.storage.remove_item(key));
        Some(transaction)
    }
}

/// The name of a client in the keys of web storage.
fn name(config: &Config) -> String {
    let account = if config.account.is_empty() { "" } else { " " };
    [config.provider(), " ", &config.client_id, account, &config.account].concat()
}

/// The mark that this browser had a session of one client. Without local storage, there is no mark, and nothing is restored.
#[derive(Debug)]
pub(super) struct Mark {
    storage: Option<Storage>,
    key: String,
}

impl Mark {
    pub(super) fn of(config: &Config) -> Self {
        let storage = web_sys::window().and_then(|window| window.local_storage().ok().flatten());
        Self { storage, key: [HAD, &name(config)].concat() }
    }

    pub(super) fn is_set(&self) -> bool {
        self.storage.as_ref().is_some_and(|storage| storage.get_item(&self.key).is_ok_and(|mark| mark.is_some()))
    }

    pub(super) fn set(&self) {
        if let Some(storage) = &self.storage {
            drop(storage.set_item(&self.key, "1"));
        }
    }

    pub(super) fn remove(&self) {
        if let Some(storage) = &self.storage {
            drop(storage.remove_item(&self.key));
        }
    }
}
