//! The environment of clients and providers: a network on which a request waits until it is delivered, one clock for
//! all, and contexts: the client of a page, or a worker with its clients.

use std::cell::{RefCell, RefMut};
use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn, ready};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use valet_key::client::host::Host;
use valet_key::client::{ApiRequest, AuthorizedRequest, Client, Credentials};
use valet_key::protocol::error::{Error, Kind, Result};
use valet_key::protocol::http::HttpRequest;
use valet_key::protocol::jwt::{Signature, Verification};
use valet_key::protocol::options::Options;
use valet_key::protocol::public_key::{KeyAlgorithm, PublicKey};
use valet_key::protocol::secret::Secret;
use valet_key::protocol::session::{Change, Session};
use valet_key::protocol::time::Now;
use valet_key::vault::Vault;
use valet_key::vault::kept::{Kept, Whose};
use valet_key::vault::messages::{self, Worker};

use super::proofs::TestKey;
use super::provider::{Answer, Place, Provider};
use super::resource_server::ResourceServer;
use crate::support::{self, at, options, signing};

/// The state that the clients of a test share.
pub(crate) struct World {
    /// The provider of the default app.
    pub(crate) provider: Provider,
    /// The providers of other apps.
    pub(crate) others: Vec<Provider>,
    /// The APIs that name their authorization server.
    pub(crate) resources: Vec<ResourceServer>,
    /// Requests that wait for delivery, the oldest first.
    pub(crate) wire: VecDeque<(Sending, Slot)>,
    /// Every request of a client to a provider, delivered or not.
    pub(crate) sent: Vec<Sending>,
    /// The changes that an app received, in order.
    pub(crate) changes: Vec<Change>,
    /// The changes that pages received, in the form of their messages.
    pub(crate) pages: Vec<(Sender, String)>,
    /// The steps that pages received, as JSON texts.
    pub(crate) traced: Vec<(Sender, String)>,
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
    /// Responses of the API that come before those with the statuses.
    pub(crate) answers: VecDeque<ApiAnswer>,
    /// The keys that clients have made, in order.
    pub(crate) proof_keys: Vec<TestKey>,
    /// The algorithm for which the environment makes no keys.
    pub(crate) makes_no_keys_of: Option<KeyAlgorithm>,
    /// Whether a keeper has lost the keys.
    pub(crate) loses_keys: bool,
    /// What the device keeps by name, with the key and the user.
    pub(crate) device: BTreeMap<String, (String, Option<TestKey>, Option<String>)>,
    /// How often a future that reads it is polled before it is ready; 0 for once.
    pub(crate) device_polls: usize,
    /// Whether the browser cannot store keys.
    pub(crate) keeps_nothing: bool,
    /// By how many seconds the clock of this device is behind that of the providers.
    pub(crate) behind: i64,
    /// Every client that a vault made.
    pub(crate) made: Vec<Sender>,
    /// The random values for states, nonces and verifiers, in the same encoding.
    pub(crate) drawn: Vec<(Sender, String)>,
    /// Whether the browser has the key of the client.
    pub(crate) has_key: bool,
    /// The names of the keys that were used.
    pub(crate) keys: Vec<String>,
    pub(crate) seconds: i64,
    pub(super) vaults: Vec<Weak<RefCell<Vault<Here>>>>,
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
    /// The `DPoP` header; empty without one.
    pub(crate) proof: String,
}

/// A response of an API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ApiAnswer {
    pub(crate) status: u16,
    /// The headers that the page can read; empty without one.
    pub(crate) challenge: String,
    pub(crate) nonce: String,
    pub(crate) date: Option<i64>,
}

/// The receiver of the response to a request.
pub(crate) type Slot = Rc<RefCell<Option<Answer>>>;

pub(crate) type Waiting<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// One context: a page without a vault, a worker, or one client of its vault.
#[derive(Clone)]
pub(crate) struct Here {
    pub(super) world: Rc<RefCell<World>>,
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
    type Key = TestKey;
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

    async fn make_key(&self, algorithm: KeyAlgorithm) -> Result<TestKey> {
        let mut world = self.world();
        if world.makes_no_keys_of == Some(algorithm) {
            return Err(Kind::Environment("no such keys here").into());
        }
        let key = TestKey::new(algorithm, world.proof_keys.len());
        world.proof_keys.push(key.clone());
        Ok(key)
    }

    async fn import_key(&self, jwk: &str) -> Option<TestKey> {
        self.world().proof_keys.iter().find(|key| key.text() == jwk).cloned()
    }

    fn now(&self) -> Now {
        let world = self.world();
        at(world.seconds - world.behind)
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

    fn trace(&self, told: &dyn Fn() -> Option<String>) {
        let vault = self.world().vaults.get(self.from.worker).and_then(Weak::upgrade);
        let told = vault.and_then(|vault| vault.borrow_mut().told(self.from.number, told));
        let Some((text, ports)) = told else { return };
        self.world().traced.extend(ports.into_iter().map(|number| (Sender { number, ..self.from }, text.clone())));
    }

    fn deposit(&self) {
        let vault = self.world().vaults.get(self.from.worker).and_then(Weak::upgrade);
        let text = vault.as_ref().map(|vault| vault.borrow().deposit()).unwrap_or_default();
        self.world().deposits.push(text);
        for Kept { name, session, sub } in vault.map(|vault| vault.borrow().kept()).unwrap_or_default() {
            match session {
                Some((text, key)) => drop(self.world().device.insert(name, (text, Some(key), sub))),
                None => drop(self.world().device.remove(&name)),
            }
        }
    }

    async fn sign(&self, name: &str, data: &str, page: Option<u32>) -> Result<(PublicKey, Vec<u8>)> {
        let mut world = self.world();
        world.has_key |= page.is_some();
        world.keys.push(name.into());
        if !world.has_key {
            return Err(Error::config("tokenEndpointAuthMethod", "no key", "Make one."));
        }
        let key = PublicKey::from_jwk(&signing::CLIENT.jwk("")).expect("a key");
        Ok((key, if data.is_empty() { Vec::new() } else { signing::CLIENT.sign_text(data) }))
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

    fn deposited_keys(&self) -> Vec<TestKey> {
        let world = self.world();
        if world.loses_keys { Vec::new() } else { world.proof_keys.clone() }
    }

    fn tell(&self, news: &str) {
        self.world().told.push(news.into());
    }

    async fn can_keep(&self) -> bool {
        !self.world().keeps_nothing
    }

    async fn kept(&self, name: &str) -> Option<(String, TestKey)> {
        let found = self.world().device.get(name).cloned();
        let mut left = self.world().device_polls;
        let read = poll_fn(|_| {
            left = left.saturating_sub(1);
            if left == 0 { Poll::Ready(()) } else { Poll::Pending }
        });
        read.await;
        let (text, key, _) = found?;
        Some((text, key?))
    }

    fn forget_kept(&self, begin: &str, whose: Whose<'_>) {
        let is_meant = |of: Option<&str>| match whose {
            Whose::Any => true,
            Whose::Of(sub) => of.is_none_or(|of| of == sub),
            Whose::NotOf(sub) => of != Some(sub),
        };
        self.world().device.retain(|name, (_, _, of)| !(name.starts_with(begin) && is_meant(of.as_deref())));
    }
}

/// How often an operation is polled before the next response arrives: another operation, or a signature, may have woken it.
pub(crate) const POLLS: usize = 8;

/// A request of the app, to which the API responds with the next status.
pub(crate) struct TestRequest {
    pub(super) here: Here,
    pub(super) call: u32,
    pub(super) url: String,
    pub(super) brings_credentials: bool,
    pub(super) once: bool,
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
    type Response = ApiAnswer;

    fn url(&self) -> String {
        self.url.clone()
    }

    fn method(&self) -> String {
        "GET".into()
    }

    fn send(&self, credentials: Option<&Credentials>) -> impl Future<Output = Result<ApiAnswer>> {
        let mut world = self.here.world();
        let authorization = credentials.map_or("", |credentials| credentials.authorization.expose()).into();
        let proof = credentials.and_then(|credentials| credentials.proof.as_ref()).map_or("", Secret::expose).into();
        world.calls.push(ApiCall { call: self.call, url: self.url.clone(), authorization, proof });
        if let Some(answer) = world.answers.pop_front() {
            return ready(Ok(answer));
        }
        ready(Ok(ApiAnswer { status: world.statuses.pop_front().unwrap_or(200), ..ApiAnswer::default() }))
    }

    fn status(response: &ApiAnswer) -> u16 {
        response.status
    }

    fn header(response: &ApiAnswer, name: &str) -> String {
        match name {
            "www-authenticate" => response.challenge.clone(),
            "dpop-nonce" => response.nonce.clone(),
            _ => panic!("{name}"),
        }
    }

    fn date(response: &ApiAnswer) -> Option<i64> {
        response.date
    }

    fn prepare_again(&self) -> bool {
        !self.once
    }
}

impl ApiRequest for TestRequest {
    fn brings_credentials(&self) -> bool {
        self.brings_credentials
    }

    fn ask_ahead(&self, _is_bound: bool) {
        self.here.world().asked_ahead.push(self.call);
    }
}

impl Here {
    pub(crate) fn new() -> Self {
        let world = World {
            provider: Provider::perfect("https://as.test"),
            others: Vec::new(),
            resources: Vec::new(),
            wire: VecDeque::new(),
            sent: Vec::new(),
            changes: Vec::new(),
            pages: Vec::new(),
            traced: Vec::new(),
            told: Vec::new(),
            deposits: Vec::new(),
            calls: Vec::new(),
            asked_ahead: Vec::new(),
            statuses: VecDeque::new(),
            answers: VecDeque::new(),
            proof_keys: Vec::new(),
            makes_no_keys_of: None,
            loses_keys: false,
            device: BTreeMap::new(),
            device_polls: 0,
            keeps_nothing: false,
            behind: 0,
            made: Vec::new(),
            has_key: false,
            keys: Vec::new(),
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
            for _ in 0..POLLS {
                if let Poll::Ready(value) = poll(&mut future) {
                    return value;
                }
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
            for _ in 0..POLLS {
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
        let (query, page) = self.world().provider_at(url).expect("a provider's address").authorize_to(url);
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
        if let Some(answer) = self.resources.iter_mut().find_map(|resource| resource.answer(request)) {
            return answer;
        }
        match self.provider_at(&request.url) {
            Some(provider) => provider.answer(request),
            None => Err(Kind::Network { url: request.url.clone() }.into()),
        }
    }
}

pub(crate) fn poll<T>(future: &mut Waiting<'_, T>) -> Poll<T> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}
