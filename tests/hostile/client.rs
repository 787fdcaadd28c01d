//! The client as a whole, with a provider in the same process: what waits for what, and who is asked how often.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use valet_key::client::host::Host;
use valet_key::client::{Client, Completion, Pass};
use valet_key::protocol::authorization_request::SignIn;
use valet_key::protocol::authorization_response::RedirectPage;
use valet_key::protocol::error::Error;
use valet_key::protocol::http::HttpRequest;
use valet_key::protocol::jwt::{Signature, Verification};
use valet_key::protocol::session::Change;
use valet_key::protocol::time::Now;
use valet_key::protocol::transaction::Transaction;

use crate::hostile::provider::{Answer, Place, Provider, change};
use crate::support::{self, SIGN_IN, at, code, options, signing};

/// Everything between a client and its provider. A request waits in it until [`World::deliver`].
struct World {
    provider: Provider,
    wire: VecDeque<(HttpRequest, Slot)>,
    seconds: i64,
    drawn: u8,
    /// What the app was told, in order.
    changes: Vec<Change>,
}

type Slot = Rc<RefCell<Option<Answer>>>;

type Waiting<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

#[derive(Clone)]
struct Here(Rc<RefCell<World>>);

struct Sent(Slot);

impl Future for Sent {
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Answer> {
        self.0.borrow_mut().take().map_or(Poll::Pending, Poll::Ready)
    }
}

impl Host for Here {
    type Answer = Sent;

    fn send(&self, request: HttpRequest, _: u32) -> Sent {
        let slot = Slot::default();
        self.0.borrow_mut().wire.push_back((request, slot.clone()));
        Sent(slot)
    }

    async fn verify(&self, question: Verification<'_>) -> (Signature, Vec<u8>) {
        signing::check(&question)
    }

    fn now(&self) -> Now {
        at(self.0.borrow().seconds)
    }

    fn origin(&self) -> String {
        support::ORIGIN.into()
    }

    fn changed(&self, change: Change, _: Option<String>) {
        self.0.borrow_mut().changes.push(change);
    }

    fn entropy(&self) -> Result<[u8; 32], Arc<Error>> {
        let mut world = self.0.borrow_mut();
        world.drawn += 1;
        Ok([world.drawn; 32])
    }
}

impl Here {
    fn new() -> Self {
        let provider = Provider::perfect("https://as.test");
        Self(Rc::new(RefCell::new(World {
            provider,
            wire: VecDeque::new(),
            seconds: 0,
            drawn: 0,
            changes: Vec::new(),
        })))
    }

    fn client(&self) -> Client<Self> {
        Client::with_host(self.clone(), &options("")).expect("the honest app's options")
    }

    /// Lets the provider answer what was sent first.
    fn deliver(&self) {
        let mut world = self.0.borrow_mut();
        let (request, slot) = world.wire.pop_front().expect("somebody waits for an answer that nobody was asked for");
        let answer = match request.url.strip_prefix("https://as.test") {
            Some("/jwks") => Ok(support::json(200, &signing::honest_keys())),
            Some("/userinfo") => Ok(userinfo(&request)),
            _ => world.provider.answer(&request),
        };
        *slot.borrow_mut() = Some(answer);
    }

    /// The last change since this was asked before.
    fn take_change(&self) -> Option<Change> {
        self.0.borrow_mut().changes.drain(..).next_back()
    }

    fn on_the_wire(&self) -> Vec<String> {
        self.0.borrow().wire.iter().map(|(request, _)| request.url.clone()).collect()
    }

    fn asked(&self, place: Place) -> usize {
        self.0.borrow().provider.count(place)
    }

    /// Runs to the end, with one answer after the other.
    fn finish<T>(&self, future: impl Future<Output = T>) -> T {
        self.finish_all(vec![Box::pin(future)]).remove(0)
    }

    fn finish_all<T>(&self, mut futures: Vec<Waiting<'_, T>>) -> Vec<T> {
        let mut outcomes: Vec<Option<T>> = futures.iter().map(|_| None).collect();
        loop {
            // Twice, since one may have rung for another that was polled before it.
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

    /// The address that a user comes back to.
    fn way_back(&self, url: &str) -> String {
        format!("https://app.test/cb?{}", self.0.borrow_mut().provider.authorize(url))
    }

    /// The address that a user comes back to from a sign-in, and what was kept meanwhile.
    fn there_and_back(&self, client: &Client<Self>) -> (String, Box<Transaction>) {
        let request = self.finish(client.begin(SIGN_IN)).expect("a request");
        (self.way_back(&request.url), request.transaction)
    }

    fn sign_in(&self, client: &Client<Self>) {
        let (address, transaction) = self.there_and_back(client);
        let outcome = self.finish(client.complete(&address, Some(transaction), false, RedirectPage::OfOneProvider));
        assert!(matches!(outcome, Ok(Completion::ReturnTo(_))), "{outcome:?}");
        assert_eq!(self.take_change(), Some(Change::SignedIn));
    }
}

fn poll<T>(future: &mut Waiting<'_, T>) -> Poll<T> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// UserInfo, which takes every token but the first one.
fn userinfo(request: &HttpRequest) -> valet_key::protocol::http::HttpResponse {
    let shown = request.authorization.as_ref().expect("a token").expose();
    match shown.strip_prefix("Bearer access-token-number-") {
        Some(number) if number > "00000002" => support::json(200, r#"{"sub":"alice","name":"Alice"}"#),
        Some(_) => support::json(401, ""),
        None => panic!("RFC 6750 §2.1: {shown:.7}"),
    }
}

#[test]
fn metadata_are_asked_for_once_however_many_wait() {
    let here = Here::new();
    let client = here.client();
    let everybody = || (0..20).map(|_| Box::pin(client.prepare()) as Waiting<'_, _>).collect();

    here.0.borrow_mut().provider.instead.push((Place::Metadata, vec![Ok(support::json(500, ""))]));
    for outcome in here.finish_all(everybody()) {
        assert_eq!(code(&outcome), Some("server_unavailable"), "all share the failure");
    }
    assert_eq!(here.asked(Place::Metadata), 1);

    here.0.borrow_mut().provider.repair();
    for outcome in here.finish_all(everybody()) {
        assert_eq!(code(&outcome), None, "and the next attempt is another one");
    }
    assert_eq!(here.asked(Place::Metadata), 2);
    assert_eq!(code(&here.finish(client.prepare())), None);
    assert_eq!(here.asked(Place::Metadata), 2);
}

#[test]
fn keys_are_asked_for_beside_the_tokens() {
    let here = Here::new();
    let client = here.client();
    let (address, transaction) = here.there_and_back(&client);
    let mut future: Waiting<'_, _> =
        Box::pin(client.complete(&address, Some(transaction), false, RedirectPage::OfOneProvider));
    assert!(poll(&mut future).is_pending());
    assert_eq!(here.on_the_wire(), ["https://as.test/jwks", "https://as.test/token"]);
    assert!(matches!(here.finish(future), Ok(Completion::ReturnTo(path)) if path == "/here?x=1#y"));
    assert!(client.session().is_some_and(|view| view.starts_with(r#"{"sub":"alice","#)));
}

#[test]
fn a_hundred_calls_share_one_renewal() {
    let here = Here::new();
    let client = here.client();
    here.sign_in(&client);
    here.0.borrow_mut().seconds = 700;
    here.0.borrow_mut().provider.now = 700;
    let calls: Vec<Waiting<'_, Result<Pass, Arc<Error>>>> =
        (0..100).map(|_| Box::pin(client.admit("https://api.test/v1/x", false)) as Waiting<'_, _>).collect();
    let passes: Vec<Pass> = here.finish_all(calls).into_iter().map(|pass| pass.expect("a pass")).collect();
    assert_eq!(here.asked(Place::Refresh), 1);
    assert_eq!(here.take_change(), Some(Change::Renewed));
    let first = passes[0].authorization.expose().to_owned();
    assert!(passes.iter().all(|pass| pass.authorization.expose() == first), "one token for all");
}

#[test]
fn a_renewal_that_fails_leaves_the_token_that_is_good() {
    let here = Here::new();
    let client = here.client();
    assert_eq!(code(&here.finish(client.refresh())), Some("login_required"));
    here.sign_in(&client);
    here.0.borrow_mut().provider.instead.push((Place::Refresh, vec![Ok(support::json(500, ""))]));
    for _ in 0..2 {
        assert_eq!(code(&here.finish(client.refresh())), Some("server_unavailable"));
        assert_eq!(code(&here.finish(client.admit("https://api.test/v1/x", false))), None);
    }
    assert_eq!(here.asked(Place::Refresh), 2, "a call asks for no other token");
    here.0.borrow_mut().provider.repair();
    assert_eq!(code(&here.finish(client.refresh())), None);
    assert_eq!(here.take_change(), Some(Change::Renewed));

    let bare = Here::new();
    change(&mut bare.0.borrow_mut().provider.token, &[("refresh_token", "\"\"")]);
    let client = bare.client();
    bare.sign_in(&client);
    assert_eq!(code(&bare.finish(client.refresh())), Some("login_required"), "nothing to renew with");
    assert_eq!(code(&bare.finish(client.admit("https://api.test/v1/x", false))), None);
}

#[test]
fn a_refused_call_is_let_through_once_more() {
    let here = Here::new();
    let client = here.client();
    here.sign_in(&client);
    let pass = here.finish(client.admit("https://api.test/v1/x", false)).expect("a pass");
    assert!(client.refused(&pass));
    let again = here.finish(client.admit_again(pass.clone())).expect("a renewal").expect("another token");
    assert_ne!(again.authorization.expose(), pass.authorization.expose());
    assert_eq!(here.asked(Place::Refresh), 1);

    // A pass of an earlier session does not get the token of a later one.
    assert_eq!(here.finish(client.end(None)).ok(), Some(None));
    here.sign_in(&client);
    assert!(!client.refused(&again));
    assert_eq!(code(&here.finish(client.admit_again(again))), Some("cancelled"));
}

#[test]
fn what_may_not_have_the_token_gets_no_pass() {
    let here = Here::new();
    let client = here.client();
    let admitted = |url, credentials| code(&here.finish(client.admit(url, credentials)));
    assert_eq!(admitted("https://api.test/v1/x", false), Some("login_required"));
    assert_eq!(admitted("https://evil.test/v1/x", false), Some("request_blocked"), "before anything else");
    here.sign_in(&client);
    assert_eq!(admitted("https://api.test/v1/x", false), None);
    assert_eq!(admitted("https://api.test/v1/x", true), Some("request_blocked"));
    assert_eq!(admitted("https://api.test/v1/../admin", false), Some("request_blocked"));
}

#[test]
fn a_sign_out_overtakes_a_sign_in() {
    let here = Here::new();
    let client = here.client();
    let (address, transaction) = here.there_and_back(&client);
    let mut future: Waiting<'_, _> =
        Box::pin(client.complete(&address, Some(transaction), false, RedirectPage::OfOneProvider));
    assert!(poll(&mut future).is_pending());
    assert_eq!(here.finish(client.end(None)).ok(), Some(None));
    assert_eq!(code(&here.finish(future)), Some("cancelled"));
    assert_eq!((client.session(), here.take_change()), (None, None));
    assert_eq!(here.asked(Place::Revocation), 2, "its tokens are nobody's");
}

#[test]
fn userinfo_renews_a_refused_token() {
    let here = Here::new();
    let client = here.client();
    assert_eq!(code(&here.finish(client.userinfo(Some("alice")))), Some("login_required"));
    here.sign_in(&client);
    let claims = here.finish(client.userinfo(None)).expect("claims");
    assert_eq!(claims, r#"{"sub":"alice","name":"Alice"}"#);
    assert_eq!(here.asked(Place::Refresh), 1);
    assert_eq!(code(&here.finish(client.userinfo(Some("bob")))), Some("userinfo_invalid"));
    assert!(client.session().is_some());
}

/// CB-14 and CB-44: a provider that does not name itself is known by its redirect page, or not at all.
#[test]
fn cb_44_the_redirect_page_tells_whose_response_came() {
    use RedirectPage::{OfOneProvider, Shared};
    let silent = [("-authorization_response_iss_parameter_supported", "")];
    let rows = [
        ("https://app.test/cb?", OfOneProvider, None),
        ("https://app.test/other?", OfOneProvider, Some("iss_mismatch")),
        ("https://app.test/cb/?", OfOneProvider, Some("iss_mismatch")),
        ("https://app.test/cb?second&", OfOneProvider, Some("iss_mismatch")),
        ("https://app.test:444/cb?", OfOneProvider, Some("iss_mismatch")),
        ("https://other.test/cb?", OfOneProvider, Some("iss_mismatch")),
        ("https://app.test/cb?", Shared, Some("iss_mismatch")),
    ];
    for (page, others, expected) in rows {
        let here = Here::new();
        change(&mut here.0.borrow_mut().provider.metadata, &silent);
        let client = here.client();
        let (address, transaction) = here.there_and_back(&client);
        let address = address.replace("https://app.test/cb?", page);
        let outcome = here.finish(client.complete(&address, Some(transaction), false, others));
        assert_eq!(code(&outcome), expected, "{page} {others:?}");
        assert_eq!(here.asked(Place::Token), usize::from(expected.is_none()), "{page} {others:?}");
    }

    let here = Here::new();
    let client = here.client();
    assert_eq!(code(&here.finish(client.begin(SignIn { shared: true, ..SIGN_IN }))), None, "it names itself");
    let here = Here::new();
    change(&mut here.0.borrow_mut().provider.metadata, &silent);
    let client = here.client();
    let outcome = here.finish(client.begin(SignIn { shared: true, ..SIGN_IN }));
    assert!(
        matches!(outcome, Err(error) if matches!(&*error, Error::Config { option, .. } if option == "redirectUri"))
    );
}

#[test]
fn what_a_redirect_page_has_in_its_query_stands_before_the_response() {
    let rows = [
        ("https://app.test/cb?a=1&b=%C3%A4", "", None),
        ("https://app.test/cb?a=1&b=%C3%A4", "&unknown=1", None),
        ("https://app.test/cb?", "", None),
        ("https://app.test/cb?a=1", "", None),
    ];
    for (redirect_uri, after, expected) in rows {
        let here = Here::new();
        let client = here.client();
        let request = here.finish(client.begin(SignIn { redirect_uri, ..SIGN_IN })).expect("a request");
        let query = here.0.borrow_mut().provider.authorize(&request.url);
        let separator = if redirect_uri.contains("?a") { "&" } else { "" };
        let address = format!("{redirect_uri}{separator}{query}{after}");
        let outcome =
            here.finish(client.complete(&address, Some(request.transaction), false, RedirectPage::OfOneProvider));
        assert_eq!(code(&outcome), expected, "{address}");
    }
}
