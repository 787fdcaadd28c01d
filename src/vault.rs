//! The vault: decides what a worker that is shared by the tabs of an origin may do, and for which page.
//!
//! Messages from a page are not trusted: an injected script can open a port of its own and send arbitrary messages. Therefore
//! no message of a page changes where a client sends its tokens, codes and verifiers:
//!
//! - A client is defined by the part of its options that says whose tokens it holds and where they may be sent ([`Config`]).
//!   Pages whose options have the same meaning share the client. Other options make another client with another session. No
//!   client is ever replaced or widened, and no token, transaction or metadata passes from one client to another.
//! - The vault keeps the transactions that it began, and prefers them to the records that a page has stored. The transaction of
//!   a sign-in in another window is never accepted from a page.
//! - A `state` is valid only once.
//! - The end of a session also ends the sessions of the same user in other clients with the same provider and client ID,
//!   whatever their API lists.
//!
//! This module is synchronous; [`messages`] drives it.

mod deposit;
mod devices;
pub mod guard;
pub mod kept;
mod machine;
pub mod messages;
mod registration;
mod wire;

use crate::client::Client;
use crate::client::host::Host;
use crate::protocol::authorization_request::is_in_window;
use crate::protocol::config::Config;
use crate::protocol::error::{Error, Result};
use crate::protocol::options::Options;
use crate::protocol::pinned::{Folder, Pinned};
use crate::protocol::time::Now;
use crate::protocol::transaction::{LIFE, Transaction};

/// Whether this module is for a worker that reads its options from a file, with a guard or without one. No other module has the code
/// for it.
const HAS_GUARD: bool = cfg!(any(feature = "guard", not(target_arch = "wasm32")));

/// Maximum number of clients at a time; more than any honest origin has.
const MAX_CLIENTS: usize = 32;

/// Maximum number of pending sign-ins of one client; more than any honest user has.
const MAX_TRANSACTIONS: usize = 32;

/// Maximum number of steps that a guard notes; more than two sign-ins have.
const MAX_NOTED: usize = 64;

/// Maximum number of remembered states; more than arrive within the lifetime of a transaction.
const MAX_SPENT: usize = 1024;

/// The clients of one worker, and the ports that use them.
#[derive(Debug)]
pub struct Vault<H: Host> {
    /// Oldest first.
    clients: Vec<Tenant<H>>,
    ports: Vec<Port<H>>,
    /// The states of responses that have arrived, with the time of arrival. A duplicated tab has a copy of the session storage
    /// and can send the same state again.
    spent: Vec<(String, i64)>,
    last: u32,
    /// The options of the only client, if they come from a file.
    pinned: Option<Pinned>,
    /// The steps of sign-ins that a guard has noted for its vault, as JSON texts; absent in a vault.
    noted: Option<Vec<String>>,
}

/// One client, and the sign-ins that this vault began for it.
#[derive(Debug)]
struct Tenant<H: Host> {
    number: u32,
    /// The options with which the client was made, as JSON text.
    options: String,
    client: Client<H>,
    transactions: Vec<Transaction>,
}

/// The connection of one page to its client.
#[derive(Debug)]
struct Port<H: Host> {
    number: u32,
    tenant: u32,
    client: Client<H>,
    /// Whether the page listens to the steps of the client.
    is_traced: bool,
}

/// The transaction that was kept for a response.
#[derive(Debug)]
pub enum Kept {
    /// The transaction that the response belongs to.
    Transaction(Box<Transaction>),
    /// The state was used before.
    Spent,
    /// No transaction was kept.
    Nothing,
}

impl<H: Host> Default for Vault<H> {
    fn default() -> Self {
        Self { clients: Vec::new(), ports: Vec::new(), spent: Vec::new(), last: 0, pinned: None, noted: None }
    }
}

impl<H: Host> Vault<H> {
    /// Assigns a port the client that its page's options describe. `host` creates the host of a new client from the client's
    /// number.
    ///
    /// # Errors
    ///
    /// [`Kind::Config`] for invalid options, for a port that already has another client, and if there are too many clients.
    ///
    /// [`Kind::Config`]: crate::protocol::error::Kind::Config
    pub fn configure(&mut self, port: u32, text: &str, host: impl FnOnce(u32) -> H) -> Result<()> {
        let (text, options) = self.options_for(text)?;
        let same = self.clients.iter().find(|tenant| *tenant.client.config() == options.client);
        let same = same.map(|tenant| (tenant.number, tenant.client.clone()));
        if let Some(known) = self.ports.iter().find(|known| known.number == port) {
            let is_same = same.is_some_and(|(tenant, _)| tenant == known.tenant);
            return if is_same {
                Ok(())
            } else {
                Err(Error::config(
                    "options",
                    "not those that this page gave before",
                    "Call `createClient` again for other options.",
                ))
            };
        }
        let (tenant, client) = if let Some((tenant, client)) = same {
            (tenant, client.for_page(options.page))
        } else {
            self.make_room()?;
            let client = self.add(text, options, host);
            (self.last, client)
        };
        self.ports.push(Port { number: port, tenant, client, is_traced: false });
        Ok(())
    }

    /// The folder of the guard that this vault belongs to.
    fn guard(&self) -> Option<&Folder> {
        self.pinned.as_ref().filter(|_| HAS_GUARD)?.guard.as_ref()
    }

    /// The options for a page, from the page's own or from the file beside the worker.
    fn options_for(&self, text: &str) -> Result<(String, Options)> {
        match &self.pinned {
            Some(pinned) if HAS_GUARD => {
                let page = pinned.check(text)?;
                Ok((pinned.text.clone(), Options { client: pinned.options.client.clone(), page }))
            }
            _ => Ok((text.into(), Options::parse(text)?)),
        }
    }

    /// Adds a client. `text` is the text of the options.
    fn add(&mut self, text: String, options: Options, host: impl FnOnce(u32) -> H) -> Client<H> {
        self.last = self.last.wrapping_add(1);
        let client = Client::with_host(host(self.last), options);
        let number = self.last;
        self.clients.push(Tenant { number, options: text, client: client.clone(), transactions: Vec::new() });
        client
    }

    /// If the maximum is reached, removes the oldest client that has no session, no page, and no sign-in that is being
    /// completed.
    fn make_room(&mut self) -> Result<()> {
        if self.clients.len() < MAX_CLIENTS {
            return Ok(());
        }
        let is_idle = |tenant: &Tenant<H>| {
            !tenant.client.is_signed_in()
                && !tenant.client.is_completing()
                && !self.ports.iter().any(|port| port.tenant == tenant.number)
        };
        let idle = self.clients.iter().position(is_idle);
        match idle {
            Some(index) => drop(self.clients.remove(index)),
            None => {
                return Err(Error::config(
                    "options",
                    "too many different clients at a time",
                    "Close tabs of this site.",
                ));
            }
        }
        Ok(())
    }

    /// Forgets a port whose page is gone.
    pub fn leave(&mut self, port: u32) {
        self.ports.retain(|known| known.number != port);
    }

    /// The client of a port, with the options of its page.
    ///
    /// # Errors
    ///
    /// [`Kind::Unexpected`] for a port without a client.
    ///
    /// [`Kind::Unexpected`]: crate::protocol::error::Kind::Unexpected
    pub fn client(&self, port: u32) -> Result<Client<H>> {
        let known = self.ports.iter().find(|known| known.number == port);
        known.map(|port| port.client.clone()).ok_or_else(|| Error::unexpected("a call before `configure`"))
    }

    /// The ports of the client with this number, which are the pages to notify of a change.
    pub fn ports_of(&self, client: u32) -> Vec<u32> {
        self.ports.iter().filter(|port| port.tenant == client).map(|port| port.number).collect()
    }

    /// From now on, the page of this port receives the steps of its client.
    pub fn trace(&mut self, port: u32) {
        self.ports.iter_mut().filter(|known| known.number == port).for_each(|known| known.is_traced = true);
    }

    /// Passes a step of the client with this number on. `told` makes its text, if a page of the client listens or a guard notes it.
    /// Returns the text with the ports of the pages. A text that contains a secret of another client or of a pending sign-in is left out.
    pub fn told(&mut self, client: u32, told: &dyn Fn() -> Option<String>) -> Option<(String, Vec<u32>)> {
        let traced = self.ports.iter().filter(|port| port.is_traced && port.tenant == client);
        let ports: Vec<u32> = traced.map(|port| port.number).collect();
        let is_noted = HAS_GUARD && self.noted.is_some();
        let text = if ports.is_empty() && !is_noted { None } else { told() }?;
        let is_in = |tenant: &Tenant<H>| {
            let pending = tenant.transactions.iter().any(|kept| kept.secrets().are_in(&text));
            pending || tenant.client.has_secret_in(&text)
        };
        if self.clients.iter().any(is_in) {
            return None;
        }
        let Some(noted) = self.noted.as_mut().filter(|_| is_noted) else { return Some((text, ports)) };
        if noted.len() == MAX_NOTED {
            noted.remove(0);
        }
        noted.push(text);
        None
    }

    /// Every client of the vault.
    pub fn clients(&self) -> Vec<Client<H>> {
        self.clients.iter().map(|tenant| tenant.client.clone()).collect()
    }

    fn tenant(&mut self, port: u32) -> Option<&mut Tenant<H>> {
        let number = self.ports.iter().find(|known| known.number == port)?.tenant;
        self.clients.iter_mut().find(|tenant| tenant.number == number)
    }

    /// Stores a transaction that a client began. The port that began it may be gone by now, or may have another client.
    pub fn keep(&mut self, client: &Client<H>, transaction: Transaction, now: Now) {
        let Some(tenant) = self.clients.iter_mut().find(|tenant| tenant.client.is_same(client)) else { return };
        let Tenant { client, transactions, .. } = tenant;
        transactions.retain(|kept| {
            let is_over = kept.is_expired(now);
            if is_over {
                client.take_key(kept);
            }
            !is_over
        });
        if transactions.len() == MAX_TRANSACTIONS {
            client.take_key(&transactions.remove(0));
        }
        transactions.push(transaction);
    }

    /// Takes out the transaction for a response with this state: from the vault or, if the vault has none, from the page's
    /// record.
    pub fn take(&mut self, port: u32, state: &str, record: Option<&str>, now: Now) -> Kept {
        if self.is_spent(state, now) {
            return Kept::Spent;
        }
        let in_vault = self.abandon(port, state);
        // A page never stores the record of a sign-in in another window, so such a record is forged.
        let record = record.filter(|_| !is_in_window(state));
        let kept = in_vault.map(Box::new).or_else(|| record.and_then(Transaction::from_record));
        let Some(transaction) = kept.filter(|kept| kept.state.expose() == state) else { return Kept::Nothing };
        self.spend(state, now);
        Kept::Transaction(transaction)
    }

    /// Whether a state counts as used.
    fn is_spent(&mut self, state: &str, now: Now) -> bool {
        self.spent.retain(|(_, at)| (0..=LIFE).contains(&now.monotonic.saturating_sub(*at)));
        self.spent.iter().any(|(spent, _)| spent == state)
    }

    fn spend(&mut self, state: &str, now: Now) {
        while self.spent.len() >= MAX_SPENT {
            self.spent.remove(0);
        }
        self.spent.push((state.into(), now.monotonic));
    }

    /// Takes out a transaction whose response is no longer expected.
    pub fn abandon(&mut self, port: u32, state: &str) -> Option<Transaction> {
        let transactions = &mut self.tenant(port)?.transactions;
        let index = transactions.iter().position(|kept| kept.state.expose() == state)?;
        Some(transactions.remove(index))
    }

    /// Takes out a transaction whose response is no longer expected. With a guard, which has a transaction of its own, the state
    /// counts as used. Returns whether there was such a transaction.
    pub fn give_up(&mut self, port: u32, state: &str, now: Now) -> bool {
        let given_up = self.abandon(port, state);
        let was_pending = given_up.is_some();
        if let Some((kept, tenant)) = given_up.zip(self.tenant(port)) {
            tenant.client.take_key(&kept);
        }
        if was_pending && self.guard().is_some() {
            self.spend(state, now);
        }
        was_pending
    }

    /// Removes the transactions that this news ends. Their states count as used, even if records of them exist elsewhere.
    pub fn abandon_all(&mut self, news: &News<'_>, now: Now) {
        let is_over = |tenant: &Tenant<H>| news.end_sign_ins() && news.concern(tenant.client.config());
        let over = self.clients.iter_mut().filter(|tenant| is_over(tenant));
        let all_of = |tenant: &mut Tenant<H>| {
            tenant.transactions.iter().for_each(|kept| drop(tenant.client.take_key(kept)));
            core::mem::take(&mut tenant.transactions)
        };
        let transactions: Vec<Transaction> = over.flat_map(all_of).collect();
        for kept in transactions {
            self.spend(kept.state.expose(), now);
        }
    }
}

/// Whether a client may be signed in as this user: a user is signed in, and is not known to be a different one.
fn is_user<H: Host>(client: &Client<H>, sub: Option<&str>) -> bool {
    let subject = client.subject();
    client.has_user() && (subject.is_none() || sub.is_none() || subject.as_deref() == sub)
}

/// The effect of the end of a session on pending sign-ins of the same provider and client ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignIns {
    /// The user has signed out: sign-ins that began before are cancelled.
    End,
    /// Another user has signed in: pending sign-ins continue.
    GoOn,
}

/// News that one vault sends to the other vaults of its origin. Pages can send messages on the same channel. All that such a
/// message can do is to end sessions and sign-ins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News<'a> {
    /// The sessions of a user with this provider and client ID have ended; without a `sub`, the sessions of every user. A
    /// session without a known user ends in both cases.
    Ended {
        /// [`Config::provider`]
        provider: &'a str,
        /// RFC 6749 §2.2
        client_id: &'a str,
        /// The user's `sub`.
        sub: Option<&'a str>,
        /// The effect on pending sign-ins.
        sign_ins: SignIns,
    },
    /// The clients with this provider, client ID and account now have this user.
    SignedIn {
        /// [`Config::provider`]
        provider: &'a str,
        /// RFC 6749 §2.2
        client_id: &'a str,
        /// [`Config::account`]
        account: &'a str,
        /// The user's `sub`.
        sub: &'a str,
    },
}

impl News<'_> {
    /// Whether this news applies to a client: it has the same provider and client ID and, if the news names one, the same
    /// account.
    fn concern(&self, config: &Config) -> bool {
        match *self {
            Self::Ended { provider, client_id, .. } => config.provider() == provider && config.client_id == client_id,
            Self::SignedIn { provider, client_id, account, .. } => {
                config.provider() == provider && config.client_id == client_id && config.account == account
            }
        }
    }

    fn end_sign_ins(&self) -> bool {
        matches!(self, Self::Ended { sign_ins: SignIns::End, .. })
    }

    /// Whether this news ends the session of a client, or the session that is about to begin.
    pub fn end<H: Host>(&self, client: &Client<H>) -> bool {
        let is_over = match *self {
            Self::Ended { sub, .. } => is_user(client, sub),
            Self::SignedIn { sub, .. } => client.subject().is_some_and(|subject| subject != sub),
        };
        self.concern(client.config()) && (is_over || (self.end_sign_ins() && client.is_completing()))
    }
}
