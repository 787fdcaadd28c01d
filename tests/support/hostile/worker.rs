//! Workers with a vault, and the ports through which pages reach it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use valet_key::vault::Vault;
use valet_key::vault::messages::{self, Outcome};

use super::text::{member, string};
use super::world::{Here, Sender, TestRequest, Waiting};

/// A worker that the pages of an origin share.
pub(crate) struct SharedWorker {
    pub(crate) here: Here,
    pub(crate) vault: Rc<RefCell<Vault<Here>>>,
    calls: Rc<Cell<u32>>,
}

impl SharedWorker {
    pub(crate) fn new() -> Self {
        Self::in_world_of(&Here::new())
    }

    /// Another worker of the same browser.
    pub(crate) fn beside(other: &Self) -> Self {
        Self { calls: other.calls.clone(), ..Self::in_world_of(&other.here) }
    }

    fn in_world_of(here: &Here) -> Self {
        let vault = Rc::default();
        let mut world = here.world();
        let from = Sender { worker: world.vaults.len(), number: 0 };
        world.vaults.push(Rc::downgrade(&vault));
        Self { here: Here { world: here.world.clone(), from }, vault, calls: Rc::default() }
    }

    pub(crate) fn port(&self, number: u32) -> Port<'_> {
        Port { worker: self, number }
    }

    /// A port whose page has passed these options.
    pub(crate) fn page(&self, number: u32, options: &str) -> Port<'_> {
        let port = self.port(number);
        port.configure(options).unwrap_or_else(|failed| panic!("{options}: {}", failed.error));
        port
    }

    /// Passes a message to the vault, as the package's worker does, or a request of the app, which is not a message. It
    /// runs when it is polled.
    pub(crate) fn start(&self, message: String) -> Waiting<'static, Outcome> {
        self.calls.set(self.calls.get() + 1);
        let (vault, here, call) = (self.vault.clone(), self.here.clone(), self.calls.get());
        let op = member(&message, "op").filter(|op| op == "fetch" || op == "socket");
        let (Some(url), Some(op)) = (member(&message, "url"), op) else {
            return Box::pin(async move { messages::perform(&vault, &here, &message).await });
        };
        let says = |member: &str| message.contains(&format!(r#""{member}":true"#));
        let (brings_credentials, once) = (says("credentials"), says("once"));
        let port = message.split(r#""port":"#).nth(1).and_then(|rest| rest.split([',', '}']).next()?.parse().ok());
        if op == "socket" {
            return Box::pin(async move {
                let client = vault.borrow().client(port.unwrap_or_default())?;
                Ok(client.socket(&url).await?.to_json())
            });
        }
        Box::pin(async move {
            let request = TestRequest { here, call, url, brings_credentials, once };
            let client = vault.borrow().client(port.unwrap_or_default())?;
            client.fetch(&request).await?;
            Ok(String::new())
        })
    }

    /// The number of the last message.
    pub(crate) fn last_call(&self) -> u32 {
        self.calls.get()
    }

    pub(crate) fn say(&self, message: String) -> Outcome {
        self.here.finish(self.start(message))
    }

    /// Takes the messages of another vault, or of a page, from the channel of the vaults.
    pub(crate) fn hear(&self, news: &str) -> Outcome {
        let members = news.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default();
        let comma = if members.is_empty() { "" } else { "," };
        self.say(format!(r#"{{{members}{comma}"op":"heard"}}"#))
    }

    /// A worker that starts after all others are gone, with what they have deposited last.
    pub(crate) fn after(other: &Self) -> Self {
        let worker = Self::beside(other);
        let deposit = other.here.world().deposits.last().cloned().unwrap_or_default();
        worker.recall(&deposit);
        worker
    }

    /// Passes a deposit to the vault, as the package's worker does.
    pub(crate) fn recall(&self, deposit: &str) {
        let outcome = self.say(format!(r#"{{"op":"recall","deposit":{}}}"#, string(deposit)));
        let text = outcome.expect("a deposit");
        assert!(text.is_empty() || text == deposit, "what the keeper holds from now on");
    }

    /// The messages of this vault to the others since the previous call.
    pub(crate) fn take_told(&self) -> Vec<String> {
        self.here.world().told.drain(..).collect()
    }
}

/// A page's port to a vault.
#[derive(Clone, Copy)]
pub(crate) struct Port<'a> {
    pub(crate) worker: &'a SharedWorker,
    pub(crate) number: u32,
}

/// The window in which the response to a sign-in is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Redirect,
    Window,
}

/// A pending sign-in, as its page knows it.
#[derive(Clone, Debug)]
pub(crate) struct Begun {
    pub(crate) url: String,
    pub(crate) state: String,
    pub(crate) record: Option<String>,
}

impl Begun {
    pub(crate) fn read(outcome: &str) -> Self {
        let get = |name| member(outcome, name);
        let (url, state) = (get("url").expect("an address"), get("state").expect("a state"));
        Self { url, state, record: get("record") }
    }

    /// Whether the state says that another window waits for it.
    pub(crate) fn is_of_window(&self) -> bool {
        self.state.rsplit('.').next() == Some("w")
    }
}

impl Port<'_> {
    /// Passes a message with further members.
    pub(crate) fn start(&self, op: &str, members: &str) -> Waiting<'static, Outcome> {
        let comma = if members.is_empty() { "" } else { "," };
        self.worker.start(format!(r#"{{{members}{comma}"op":"{op}","port":{}}}"#, self.number))
    }

    pub(crate) fn say(&self, op: &str, members: &str) -> Outcome {
        self.worker.here.finish(self.start(op, members))
    }

    pub(crate) fn configure(&self, options: &str) -> Outcome {
        self.say("configure", &format!(r#""had":1,"options":{}"#, string(options)))
    }

    pub(crate) fn begin(&self, mode: Mode) -> Begun {
        Begun::read(&self.begin_with(mode, "{}").expect("a request"))
    }

    /// Begins a sign-in with the given options, as JSON.
    pub(crate) fn begin_with(&self, mode: Mode, options: &str) -> Outcome {
        let in_window = mode == Mode::Window;
        self.say(
            "begin",
            &format!(
                r#""redirectUri":"https://app.test/cb","scope":"read","returnTo":"/here?x=1#y","options":{options},"inWindow":{in_window},"namesPage":false,"shared":false"#
            ),
        )
    }

    pub(crate) fn start_complete(&self, address: &str, state: &str, record: Option<&str>) -> Waiting<'static, Outcome> {
        let record = record.map_or(String::new(), |record| format!(r#""record":{},"#, string(record)));
        let (address, state) = (string(address), string(state));
        self.start(
            "complete",
            &format!(r#""address":{address},"state":{state},{record}"pending":false,"shared":false"#),
        )
    }

    pub(crate) fn complete(&self, address: &str, state: &str, record: Option<&str>) -> Outcome {
        self.worker.here.finish(self.start_complete(address, state, record))
    }

    /// Signs in in a popup.
    pub(crate) fn sign_in(&self) {
        let begun = self.begin(Mode::Window);
        let address = self.worker.here.way_back(&begun.url);
        let outcome = self.complete(&address, &begun.state, None);
        assert_eq!(outcome.as_deref(), Ok(r#"{"returnTo":"/here?x=1#y"}"#));
    }

    /// Signs in as a user of the client's provider.
    pub(crate) fn sign_in_as(&self, user: &'static str) {
        self.worker.here.world().provider.user = user;
        self.sign_in();
        assert_eq!(self.user().as_deref(), Some(user));
    }

    /// What the page may know about the session; empty without a session.
    pub(crate) fn session(&self) -> String {
        self.say("session", "").expect("a view")
    }

    pub(crate) fn is_signed_in(&self) -> bool {
        !self.session().is_empty()
    }

    pub(crate) fn user(&self) -> Option<String> {
        member(&self.session(), "sub")
    }
}
