//! What a worker that the tabs of an origin share may do, and for whom.
//!
//! A page can say anything here: a script in it may have a port of its own and send whatever it likes. So nothing that a
//! page says changes where a client sends its tokens, codes and verifiers:
//!
//! - A client is the part of its options that says whose tokens these are and where they may go ([`Config`]).
//!   Pages that mean the same share it. Other options are another client, with another session; no client is ever replaced
//!   or widened, and nothing passes from one to another.
//! - The vault keeps the transactions that it began, and prefers them to what a page has kept. One of a sign-in in
//!   another window is never taken from a page.
//! - A `state` counts once.
//! - The end of a session ends those of the same user at the same provider, whatever their API lists.
//!
//! Everything here is synchronous; [`messages`] drives it.

pub mod messages;
mod wire;

use std::sync::Arc;

use crate::client::Client;
use crate::client::host::Host;
use crate::protocol::authorization_request::is_in_window;
use crate::protocol::config::{Config, Options};
use crate::protocol::error::Error;
use crate::protocol::time::Now;
use crate::protocol::transaction::{LIFE, Transaction};

/// More clients than any honest origin has at a time.
const MAX_CLIENTS: usize = 32;

/// More sign-ins than any honest user has under way with one client.
const MAX_TRANSACTIONS: usize = 32;

/// More states than come back within the life of a transaction.
const MAX_ANSWERED: usize = 1024;

/// The clients of one worker, and the ports that use them.
#[derive(Debug)]
pub struct Vault<H> {
    /// The oldest first.
    clients: Vec<Tenant<H>>,
    ports: Vec<Port<H>>,
    /// States that came back, and when: a tab can be duplicated with its storage.
    answered: Vec<(String, i64)>,
    last: u32,
}

/// One client, and the sign-ins that began here.
#[derive(Debug)]
struct Tenant<H> {
    number: u32,
    client: Client<H>,
    transactions: Vec<Transaction>,
}

/// One page's way to its client.
#[derive(Debug)]
struct Port<H> {
    number: u32,
    tenant: u32,
    client: Client<H>,
}

/// What was kept for a response.
#[derive(Debug)]
pub enum Kept {
    /// The transaction that the response belongs to.
    Transaction(Box<Transaction>),
    /// The state came back before.
    Spent,
    /// Nothing.
    Nothing,
}

impl<H> Default for Vault<H> {
    fn default() -> Self {
        Self { clients: Vec::new(), ports: Vec::new(), answered: Vec::new(), last: 0 }
    }
}

impl<H: Host> Vault<H> {
    /// Gives a port the client that its page's options mean. `host` makes the host of a new client from its number.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for wrong options, for a port that has another client already, and for more clients than there
    /// is room for.
    pub fn configure(&mut self, port: u32, options: &str, host: impl FnOnce(u32) -> H) -> Result<(), Arc<Error>> {
        let options = Options::parse(options)?;
        let same = self.clients.iter().find(|tenant| *tenant.client.config() == options.client);
        let same = same.map(|tenant| (tenant.number, tenant.client.clone()));
        if let Some(known) = self.ports.iter().find(|known| known.number == port) {
            let is_same = same.is_some_and(|(tenant, _)| tenant == known.tenant);
            return if is_same {
                Ok(())
            } else {
                Err(Error::config("options", "other ones than this page gave before"))
            };
        }
        let (tenant, client) = if let Some((tenant, client)) = same {
            (tenant, client.for_page(options.page))
        } else {
            self.make_room()?;
            self.last = self.last.wrapping_add(1);
            let client = Client::from_options(host(self.last), options);
            let tenant = Tenant { number: self.last, client: client.clone(), transactions: Vec::new() };
            self.clients.push(tenant);
            (self.last, client)
        };
        self.ports.push(Port { number: port, tenant, client });
        Ok(())
    }

    /// The oldest client without a session and without a page goes first.
    fn make_room(&mut self) -> Result<(), Arc<Error>> {
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
            Some(place) => drop(self.clients.remove(place)),
            None => {
                return Err(Error::config("options", "too many different clients at a time; close tabs of this site"));
            }
        }
        Ok(())
    }

    /// Forgets a port whose page is gone.
    pub fn leave(&mut self, port: u32) {
        self.ports.retain(|known| known.number != port);
    }

    /// The client of a port, as its page uses it.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`] for a port without one.
    pub fn client(&self, port: u32) -> Result<Client<H>, Arc<Error>> {
        let known = self.ports.iter().find(|known| known.number == port);
        known.map(|port| port.client.clone()).ok_or_else(|| Error::unexpected("a call before `configure`"))
    }

    /// The ports of a client, by its number: the pages that are told of a change.
    pub fn ports_of(&self, client: u32) -> Vec<u32> {
        self.ports.iter().filter(|port| port.tenant == client).map(|port| port.number).collect()
    }

    /// Every client of the vault.
    pub fn clients(&self) -> Vec<Client<H>> {
        self.clients.iter().map(|tenant| tenant.client.clone()).collect()
    }

    fn tenant(&mut self, port: u32) -> Option<&mut Tenant<H>> {
        let number = self.ports.iter().find(|known| known.number == port)?.tenant;
        self.clients.iter_mut().find(|tenant| tenant.number == number)
    }

    /// Keeps a transaction that a client began. Its port can be gone by now, or have another client.
    pub fn keep(&mut self, client: &Client<H>, transaction: Transaction, now: Now) {
        let Some(tenant) = self.clients.iter_mut().find(|tenant| tenant.client.is_same(client)) else { return };
        tenant.transactions.retain(|kept| !kept.is_expired(now));
        if tenant.transactions.len() == MAX_TRANSACTIONS {
            tenant.transactions.remove(0);
        }
        tenant.transactions.push(transaction);
    }

    /// Takes out what was kept for a response with this state, here or, if not here, in the page's record.
    pub fn take(&mut self, port: u32, state: &str, record: Option<&str>, now: Now) -> Kept {
        self.answered.retain(|(_, at)| (0..=LIFE).contains(&now.monotonic.saturating_sub(*at)));
        if self.answered.iter().any(|(answered, _)| answered == state) {
            return Kept::Spent;
        }
        let own = self.abandon(port, state);
        // No page has kept one of these, so a record of one is made up.
        let record = record.filter(|_| !is_in_window(state));
        let kept = own.map(Box::new).or_else(|| record.and_then(Transaction::from_record));
        let Some(transaction) = kept.filter(|kept| kept.state.expose() == state) else { return Kept::Nothing };
        while self.answered.len() >= MAX_ANSWERED {
            self.answered.remove(0);
        }
        self.answered.push((state.into(), now.monotonic));
        Kept::Transaction(transaction)
    }

    /// Takes out a transaction whose response is not waited for any more.
    pub fn abandon(&mut self, port: u32, state: &str) -> Option<Transaction> {
        let transactions = &mut self.tenant(port)?.transactions;
        let place = transactions.iter().position(|kept| kept.state.expose() == state)?;
        Some(transactions.remove(place))
    }

    /// Takes out the transactions that are over by these news. Their states are spent, wherever else their records are.
    pub fn abandon_all(&mut self, news: &News<'_>, now: Now) {
        let is_over = |tenant: &Tenant<H>| news.end_sign_ins() && news.concern(tenant.client.config());
        for tenant in &mut self.clients {
            if is_over(tenant) {
                let states = tenant.transactions.drain(..).map(|kept| (kept.state.expose().into(), now.monotonic));
                self.answered.extend(states);
            }
        }
    }
}

/// Whether a client may be signed in as a user: it is signed in, and nothing says that it is as another one.
fn is_user<H: Host>(client: &Client<H>, sub: Option<&str>) -> bool {
    let subject = client.subject();
    client.is_signed_in() && (subject.is_none() || sub.is_none() || subject.as_deref() == sub)
}

/// What the end of a session means for sign-ins of the same registration that are under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignIns {
    /// The user has signed out: what began before is over.
    End,
    /// Another user has signed in.
    GoOn,
}

/// What one vault tells the others of its origin, over a channel on which pages can speak, too: all that it can bring about
/// is that sessions end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News<'a> {
    /// Sessions of a user with a registration at a provider have ended; of any user, without one. A session without a `sub`
    /// may be any user's.
    Ended {
        /// [`Config::provider`]
        provider: &'a str,
        /// RFC 6749 §2.2
        client_id: &'a str,
        /// The user.
        sub: Option<&'a str>,
        /// What becomes of sign-ins that are under way.
        sign_ins: SignIns,
    },
    /// The clients of a registration and an account have this user now.
    SignedIn {
        /// [`Config::provider`]
        provider: &'a str,
        /// RFC 6749 §2.2
        client_id: &'a str,
        /// [`Config::account`]
        account: &'a str,
        /// The user.
        sub: &'a str,
    },
}

impl News<'_> {
    /// Whether they are of a client's registration and, if they name one, account.
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

    /// Whether they mean that a client's session is over, or the one that is about to begin.
    pub fn end<H: Host>(&self, client: &Client<H>) -> bool {
        let is_over = match *self {
            Self::Ended { sub, .. } => is_user(client, sub),
            Self::SignedIn { sub, .. } => client.subject().is_some_and(|subject| subject != sub),
        };
        self.concern(client.config()) && (is_over || (self.end_sign_ins() && client.is_completing()))
    }
}
