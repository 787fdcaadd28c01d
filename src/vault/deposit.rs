//! What a keeper holds of a vault, until the next vault starts: the sessions of its clients.

use serde::{Deserialize, Serialize};

use super::{HAS_GUARD, Vault};
use crate::client::Deposit;
use crate::client::host::Host;
use crate::protocol::json::{Value, to_string};
use crate::protocol::options::Options;

/// The clients that are signed in.
#[derive(Deserialize, Serialize)]
struct Record<'a> {
    #[serde(borrow)]
    clients: Vec<Entry<'a>>,
}

/// One client, each member as a text.
#[derive(Deserialize, Serialize)]
struct Entry<'a> {
    options: &'a str,
    session: &'a str,
    metadata: &'a str,
}

impl<H: Host> Vault<H> {
    /// The sessions of all clients, as a text with tokens. Empty if there is nothing to hold.
    pub fn deposit(&self) -> String {
        let deposits: Vec<(&str, Deposit)> = self
            .clients
            .iter()
            .filter(|tenant| !(self.guard().is_some() && tenant.client.has_key_without_text()))
            .filter_map(|tenant| Some((tenant.options.as_str(), tenant.client.deposit()?)))
            .collect();
        if deposits.is_empty() {
            return String::new();
        }
        let entries =
            deposits.iter().map(|(options, Deposit { session, metadata })| Entry { options, session, metadata });
        to_string(&Record { clients: entries.collect() })
    }

    /// The keys that go with the deposit, because tokens are bound to them.
    pub fn deposited_keys(&self) -> Vec<H::Key> {
        self.clients.iter().filter_map(|tenant| tenant.client.deposited_key()).collect()
    }

    /// Continues the sessions of an earlier vault. Only a keeper provides this text and these keys, never a page. A vault that already
    /// has clients ignores them.
    pub fn recall(&mut self, text: &str, keys: &[H::Key], host: impl Fn(u32) -> H) {
        if !self.clients.is_empty() {
            return;
        }
        let Ok(value) = Value::parse(text) else { return };
        let Ok(Record { clients }) = value.read::<Record<'_>>() else { return };
        for Entry { options: text, session, metadata } in clients {
            let Ok(options) = Options::parse(text) else { continue };
            // The file beside the worker may have another client by now.
            if HAS_GUARD && self.pinned.as_ref().is_some_and(|pinned| pinned.options.client != options.client) {
                continue;
            }
            let client = self.add(text.into(), options, &host);
            if !client.recall(&Deposit { session: session.into(), metadata: metadata.into() }, keys) {
                self.clients.pop();
            }
        }
    }
}
