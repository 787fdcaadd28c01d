//! The environment of clients and providers: a network on which a request waits until it is delivered, one clock for
//! all, and workers, each with a vault that pages reach through ports.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::VecDeque;
use std::future::{Future, ready};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use valet_key::client::host::Host;
use valet_key::client::{ApiRequest, AuthorizedRequest, Client};
use valet_key::protocol::error::{Kind, Result};
use valet_key::protocol::form;
use valet_key::protocol::http::HttpRequest;
use valet_key::protocol::jwt::{Signature, Verification};
use valet_key::protocol::options::Options;
use valet_key::protocol::secret::Secret;
use valet_key::protocol::session::{Change, Session};
use valet_key::protocol::time::Now;
use valet_key::vault::Vault;
use valet_key::vault::messages::{self, Outcome, Worker};

use super::provider::{Answer, Place, Provider};
use super::text::{member, string};
use crate::support::{self, at, options, signing};

/// The state that the clients of a test share.
pub(crate) struct World {
    /// The provider of the default app.
    pub(crate) provider: Provider,
    /// The providers of other apps.
    pub(crate) others: Vec<Provider>,
    /// Requests that wait for delivery, the oldest first.
    pub(crate) wire: VecDeque<(Sending, Slot)>,
    /// Every request of a client to a provider, delivered or not.
    pub(crate) sent: Vec<Sending>,
    /// The changes that an app received, in order.
    pub(crate) changes: Vec<Change>,
    /// The changes that pages received, in the form of their messages.
    pub(crate) pages: Vec<(Sender, String)>,
    /// The messages between vaults.
    pub(crate) told: Vec<String>,
    /// What the vaults deposited, in order.
    pub(crate) deposits: Vec<String>,
    /// The app's requests that reached the API.
    pub(crate) calls: Vec<ApiCall>,
    /// Calls whose API got a request ahead of the token.
    pub(crate) asked_ahead: Vec<u32>,
    /// The statuses of the API for the next calls; 200 after that.
    pub(crate) statuses: VecDeque<u16>,
    /// Every client that a vault made.
    pub(crate) made: Vec<Sender>,
    /// The random values for states, nonces and verifiers, in the same encoding.
    pub(crate) drawn: Vec<(Sender, String)>,
    pub(crate) seconds: i64,
    vaults: Vec<Weak<RefCell<Vault<Here>>>>,
}

/// The sender or the receiver of something: a worker, and the number of a client or a port there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sender {
    pub(crate) worker: usize,
    pub(crate) number: u32,
}

/// A request to a provider.
#[derive(Clone, Debug)]
pub(crate) struct Sending {
    /// The client.
    pub(crate) from: Sender,
    pub(crate) request: HttpRequest,
    pub(crate) timeout: u32,
}

/// A request to an API.
#[derive(Clone, Debug)]
pub(crate) struct ApiCall {
    pub(crate) call: u32,
    pub(crate) url: String,
    pub(crate) authorization: String,
}

/// The receiver of the response to a request.
pub(crate) type Slot = Rc<RefCell<Option<Answer>>>;

pub(crate) type Waiting<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// One context: a page without a vault, a worker, or one client of its vault.
#[derive(Clone)]
pub(crate) struct Here {
    world: Rc<RefCell<World>>,
    pub(crate) from: Sender,
}

pub(crate) struct Sent(Slot);

impl Future for Sent {
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Answer> {
        self.0.borrow_mut().take().map_or(Poll::Pending, Poll::Ready)
    }
}

impl Host for Here {
    type Answer = Sent;

    fn send(&self, request: HttpRequest, timeout: u32) -> Sent {
        let (sending, slot) = (Sending { from: self.from, request, timeout }, Slot::default());
        let mut world = self.world();
        world.sent.push(sending.clone());
        world.wire.push_back((sending, slot.clone()));
        Sent(slot)
    }

    async fn verify(&self, question: Verification<'_>) -> (Signature, Vec<u8>) {
        signing::check(&question)
    }

    fn now(&self) -> Now {
        at(self.world().seconds)
    }

    fn origin(&self) -> String {
        support::ORIGIN.into()
    }

    /// As the package's worker does it: the vault says which pages receive it.
    fn changed(&self, change: Change, session: Option<Session>) {
        let vault = self.world().vaults.get(self.from.worker).and_then(Weak::upgrade);
        let ports = vault.map(|vault| vault.borrow().ports_of(self.from.number)).unwrap_or_default();
        let mut world = self.world();
        world.changes.push(change);
        let text = messages::changed(change, session.as_ref());
        let told = ports.into_iter().map(|number| (Sender { number, ..self.from }, text.clone()));
        world.pages.extend(told);
    }

    fn deposit(&self) {
        let vault = self.world().vaults.get(self.from.worker).and_then(Weak::upgrade);
        let text = vault.map(|vault| vault.borrow().deposit()).unwrap_or_default();
        self.world().deposits.push(text);
    }

    fn entropy(&self) -> Result<[u8; 32]> {
        let mut world = self.world();
        let number = u32::try_from(world.drawn.len()).unwrap_or_default() + 1;
        let number = number.wrapping_mul(0x9e37_79b9).to_be_bytes();
        let octets = std::array::from_fn(|at| number[at % 4] ^ u8::try_from(at).unwrap_or_default());
        world.drawn.push((self.from, signing::base64url(octets)));
        Ok(octets)
    }
}

impl Worker for Here {
    type Host = Self;

    fn host(&self, client: u32) -> Self {
        let from = Sender { number: client, ..self.from };
        self.world().made.push(from);
        Self { world: self.world.clone(), from }
    }

    fn now(&self) -> Now {
        Host::now(self)
    }

    fn tell(&self, news: &str) {
        self.world().told.push(news.into());
    }
}

/// A request of the app, to which the API responds with the next status.
pub(crate) struct TestRequest {
    here: Here,
    call: u32,
    url: String,
    brings_credentials: bool,
    once: bool,
}

impl TestRequest {
    pub(crate) fn new(here: &Here, url: &str) -> Self {
        Self { here: here.clone(), call: 0, url: url.into(), brings_credentials: false, once: false }
    }

    pub(crate) fn with_credentials(self) -> Self {
        Self { brings_credentials: true, ..self }
    }
}

impl AuthorizedRequest for TestRequest {
    type Response = u16;

    fn send(&self, authorization: &Secret) -> impl Future<Output = Result<u16>> {
        let mut world = self.here.world();
        let authorization = authorization.expose().into();
        world.calls.push(ApiCall { call: self.call, url: self.url.clone(), authorization });
        ready(Ok(world.statuses.pop_front().unwrap_or(200)))
    }

    fn status(response: &u16) -> u16 {
        *response
    }

    fn prepare_again(&self) -> bool {
        !self.once
    }
}

impl ApiRequest for TestRequest {
    fn url(&self) -> String {
        self.url.clone()
    }

    fn brings_credentials(&self) -> bool {
        self.brings_credentials
    }

    fn ask_ahead(&self) {
        self.here.world().asked_ahead.push(self.call);
    }
}

impl Here {
    pub(crate) fn new() -> Self {
        let world = World {
            provider: Provider::perfect("https://as.test"),
            others: Vec::new(),
            wire: VecDeque::new(),
            sent: Vec::new(),
            changes: Vec::new(),
            pages: Vec::new(),
            told: Vec::new(),
            deposits: Vec::new(),
            calls: Vec::new(),
            asked_ahead: Vec::new(),
            statuses: VecDeque::new(),
            made: Vec::new(),
            seconds: 0,
            drawn: Vec::new(),
            vaults: Vec::new(),
        };
        Self { world: Rc::new(RefCell::new(world)), from: Sender { worker: usize::MAX, number: 0 } }
    }

    pub(crate) fn world(&self) -> RefMut<'_, World> {
        self.world.borrow_mut()
    }

    pub(crate) fn client(&self) -> Client<Self> {
        Client::with_host(self.clone(), Options::parse(&options("")).expect("the honest app's options"))
    }

    /// Advances the clock for all.
    pub(crate) fn wait(&self, seconds: i64) {
        let mut world = self.world();
        world.seconds += seconds;
        let now = world.seconds;
        world.provider.now = now;
        world.others.iter_mut().for_each(|provider| provider.now = now);
    }

    /// Lets the provider respond to the oldest request.
    pub(crate) fn deliver(&self) {
        let mut world = self.world();
        let (sending, slot) =
            world.wire.pop_front().expect("a future waits for a response to a request that was not sent");
        let answer = world.honest_answer(&sending.request);
        *slot.borrow_mut() = Some(answer);
    }

    /// Lets the providers respond to everything, including requests without a waiting caller.
    pub(crate) fn deliver_all(&self) {
        while !self.world().wire.is_empty() {
            self.deliver();
        }
    }

    /// The last change since the previous call.
    pub(crate) fn take_change(&self) -> Option<Change> {
        self.world().changes.drain(..).next_back()
    }

    pub(crate) fn on_the_wire(&self) -> Vec<String> {
        self.world().wire.iter().map(|(sending, _)| sending.request.url.clone()).collect()
    }

    /// Every requested address since the previous call.
    pub(crate) fn take_sent(&self) -> Vec<String> {
        self.world().sent.drain(..).map(|sending| sending.request.url).collect()
    }

    pub(crate) fn asked(&self, place: Place) -> usize {
        self.world().provider.count(place)
    }

    /// Runs to the end, with one response after the other.
    pub(crate) fn finish<T>(&self, future: impl Future<Output = T>) -> T {
        self.finish_all(vec![Box::pin(future)]).remove(0)
    }

    /// The same with responses of the test's choice.
    pub(crate) fn finish_with<T>(
        &self,
        future: impl Future<Output = T>,
        answer: &mut dyn FnMut(&mut World, &HttpRequest) -> Answer,
    ) -> T {
        let mut future: Waiting<'_, T> = Box::pin(future);
        loop {
            if let Poll::Ready(value) = poll(&mut future) {
                return value;
            }
            let (sending, slot) =
                self.world().wire.pop_front().expect("a future waits for a request that was not sent");
            let answer = answer(&mut self.world(), &sending.request);
            *slot.borrow_mut() = Some(answer);
        }
    }

    pub(crate) fn finish_all<T>(&self, mut futures: Vec<Waiting<'_, T>>) -> Vec<T> {
        let mut outcomes: Vec<Option<T>> = futures.iter().map(|_| None).collect();
        loop {
            // Twice, because one operation may have woken another one that was polled before it.
            for _ in 0..2 {
                for (future, outcome) in futures.iter_mut().zip(&mut outcomes) {
                    if outcome.is_none()
                        && let Poll::Ready(value) = poll(future)
                    {
                        *outcome = Some(value);
                    }
                }
            }
            if outcomes.iter().all(Option::is_some) {
                return outcomes.into_iter().flatten().collect();
            }
            self.deliver();
        }
    }

    /// The redirect URI with the response.
    pub(crate) fn way_back(&self, url: &str) -> String {
        let query = self.world().provider_at(url).expect("a provider's address").authorize(url);
        let (_, asked) = url.split_once('?').expect("a query");
        let asked = form::parse(asked).expect("a form");
        let (_, page) = asked.iter().find(|(name, _)| name == "redirect_uri").expect("a redirect page");
        let separator = if page.contains('?') { '&' } else { '?' };
        format!("{page}{separator}{query}")
    }
}

impl World {
    /// The provider of an address.
    pub(crate) fn provider_at(&mut self, url: &str) -> Option<&mut Provider> {
        let is_there =
            |provider: &&mut Provider| url.strip_prefix(&provider.issuer).is_some_and(|rest| rest.starts_with('/'));
        [&mut self.provider].into_iter().chain(&mut self.others).find(is_there)
    }

    /// The provider's response to a request; an unknown address does not respond.
    pub(crate) fn honest_answer(&mut self, request: &HttpRequest) -> Answer {
        match self.provider_at(&request.url) {
            Some(provider) => provider.answer(request),
            None => Err(Kind::Network { url: request.url.clone() }.into()),
        }
    }
}

pub(crate) fn poll<T>(future: &mut Waiting<'_, T>) -> Poll<T> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

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
        let Some(url) = member(&message, "url").filter(|_| member(&message, "op").as_deref() == Some("fetch")) else {
            return Box::pin(async move { messages::perform(&vault, &here, &message).await });
        };
        let says = |member: &str| message.contains(&format!(r#""{member}":true"#));
        let (brings_credentials, once) = (says("credentials"), says("once"));
        let port = message.split(r#""port":"#).nth(1).and_then(|rest| rest.split([',', '}']).next()?.parse().ok());
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
                r#""redirectUri":"https://app.test/cb","scope":"read","returnTo":"/here?x=1#y","options":{options},"inWindow":{in_window},"shared":false"#
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
