//! The whole client, with responses and operations that the input chooses.
//!
//! The input is a program: each step is a byte, followed by its operands. A provider is honest unless a step says
//! otherwise; its signatures cannot be forged.

use std::collections::{BTreeMap, BTreeSet};
use std::task::Poll;

use ::url::form_urlencoded;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use valet_key::client::{Client, Completion, OtherSignIns};
use valet_key::protocol::authorization_request::{AuthorizationRequest, SignIn};
use valet_key::protocol::error::{Kind, Result};
use valet_key::protocol::http::{HttpRequest, HttpResponse, Method};
use valet_key::protocol::session::Session;
use valet_key::protocol::transaction::{RedirectPage, Transaction};
use valet_key::protocol::url::{Loopback, Url};

use super::{printed, seeds as list, text};
use crate::hostile::proofs::Proof;
use crate::hostile::provider::Answer;
use crate::hostile::text::{Spelling, forms, member, string, with_member};
use crate::hostile::world::{Here, POLLS, Sending, TestRequest, Waiting, World, poll};
use crate::support::{SIGN_IN, answer, json};

/// The maximum number of steps of a program.
const STEPS: usize = 48;

/// More requests than any operation may send, including the revocation of its tokens.
const REQUESTS: usize = 12;

const ENDPOINTS: [&str; 4] = ["token_endpoint", "jwks_uri", "userinfo_endpoint", "revocation_endpoint"];

const ADDRESSES: [&str; 5] = [
    "https://api.test/v1/me",
    "https://api.test/v1/../admin",
    "https://api.test.evil.test/v1/me",
    "https://evil.test/",
    "https://api.test/v1",
];

const MEMBERS: [&str; 17] = [
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "userinfo_endpoint",
    "revocation_endpoint",
    "authorization_response_iss_parameter_supported",
    "dpop_signing_alg_values_supported",
    "access_token",
    "refresh_token",
    "id_token",
    "token_type",
    "expires_in",
    "scope",
    "error",
    "keys",
    "sub",
];

const VALUES: [&str; 17] = [
    "",
    "null",
    "true",
    "0",
    "-1",
    "9223372036854775807",
    "1e999",
    "\"\"",
    "\"invalid_grant\"",
    "\"Bearer\"",
    "\"DPoP\"",
    "\"use_dpop_nonce\"",
    "[\"ES256\"]",
    "\"https://evil.test/x\"",
    "\"https://as.test/userinfo\"",
    "[]",
    "{}",
];

const SECONDS: [i64; 8] = [0, 1, 30, 300, 590, 601, 4000, 100_000];

const STATUSES: [u16; 8] = [200, 201, 400, 401, 404, 429, 500, 0];

const CONTENT_TYPES: [&str; 4] = ["application/json", "application/jwt", "text/html", ""];

pub(super) fn run(bytes: &[u8]) {
    let (mut program, mut run) = (Program(bytes), Run::new(bytes.len() % 2 == 1));
    for _ in 0..STEPS {
        let Some(step) = program.next() else { break };
        run.step(step, &mut program);
        run.settle();
    }
    run.finish();
}

/// Valid programs, so that changing a byte changes one thing.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    const BEGIN: [u8; 2] = [0, 0];
    const COMPLETE: [u8; 3] = [1, 0, 0];
    const DELIVER: [u8; 3] = [7, 0, 0];
    let sign_in = [&BEGIN[..], &DELIVER, &COMPLETE, &DELIVER, &DELIVER, &DELIVER].concat();
    let after = |steps: &[&[u8]]| [&sign_in[..], &steps.concat()].concat();
    list([
        sign_in.clone(),
        after(&[&[2, 0], &[3], &DELIVER, &[4], &DELIVER, &[5]]),
        after(&[&[6, 5], &[2, 0], &[7, 0, 3], &[3], &[7, 0, 7, 1, 0]]),
        after(&[&BEGIN, &[1, 1, 1], &[7, 0, 5, 7, 3], &[7, 0, 6, 0]]),
        // The tokens of the first sign-in for the code of the second; the authorization response of the first for the
        // second; and errors that quote a token.
        after(&[&BEGIN, &[1, 1, 0], &[7, 0, 5, 2]]),
        after(&[&BEGIN, &[1, 1, 6]]),
        after(&[&[3], &[7, 0, 6, 0, 0, 1, 0], &[4], &[7, 0, 6, 0, 3, 2, 1]]),
        after(&[&[8], &BEGIN, &[1, 1, 0], &DELIVER, &DELIVER, &DELIVER, &[4], &DELIVER]),
        after(&[
            &[4],
            &[7, 0, 4, 3, 0, 8, b'{', b'"', b's', b'u', b'b', b'"', b':', b'}'],
            &[3],
            &[7, 0, 2, 2, 5, 3, b'"', b',', b'"'],
        ]),
    ])
}

/// The rest of the input.
struct Program<'a>(&'a [u8]);

impl Program<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A number below `end`; 0 if the input has ended.
    fn below(&mut self, end: usize) -> usize {
        usize::from(self.next().unwrap_or_default()) % end.max(1)
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn bytes(&mut self) -> Vec<u8> {
        let count = usize::from(self.next().unwrap_or_default()).min(self.0.len());
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken.to_vec()
    }
}

/// A pending operation.
struct Task {
    asked: Asked,
    future: Waiting<'static, Result<Done>>,
}

enum Asked {
    Begin,
    Complete { address: String, transaction: Option<Box<Transaction>> },
    Call { url: &'static str },
    End,
    Other,
}

enum Done {
    Begun(AuthorizationRequest),
    Completed(Completion),
    Answered,
    Told(String),
}

struct Run {
    here: Here,
    client: Client<Here>,
    tasks: Vec<Task>,
    started: usize,
    begun: Vec<AuthorizationRequest>,
    /// The responses to token requests, by the verifier in them.
    redeemed: BTreeMap<String, Vec<Vec<u8>>>,
    /// Valid responses, for replays.
    earlier: Vec<HttpResponse>,
    /// Addresses in the metadata that the client received, by member.
    endpoints: BTreeMap<&'static str, BTreeSet<String>>,
    checked: usize,
    had_session: bool,
    view: Option<String>,
}

impl Run {
    /// With a provider that binds tokens to keys, or one that does not.
    fn new(binds: bool) -> Self {
        let here = Here::new();
        if binds {
            here.world().provider.bind();
        }
        Self {
            client: here.client(),
            here,
            tasks: Vec::new(),
            started: 0,
            begun: Vec::new(),
            redeemed: BTreeMap::new(),
            earlier: Vec::new(),
            endpoints: BTreeMap::new(),
            checked: 0,
            had_session: false,
            view: None,
        }
    }

    fn start(&mut self, asked: Asked, operation: impl Future<Output = Result<Done>> + 'static) {
        self.started += 1;
        self.tasks.push(Task { asked, future: Box::pin(operation) });
    }

    fn step(&mut self, step: u8, program: &mut Program<'_>) {
        let client = self.client.clone();
        match step % 16 {
            0 => {
                let silent = program.below(4) == 3;
                self.start(Asked::Begin, async move {
                    let params: &[(String, String)] = &[("prompt".into(), "none".into())];
                    let sign_in = SignIn { params: if silent { params } else { &[] }, ..SIGN_IN };
                    client.begin(sign_in).await.map(Done::Begun)
                });
            }
            1 => self.complete(program),
            2 => {
                let url = program.one_of(&ADDRESSES);
                let request = TestRequest::new(&self.here, url);
                // Sometimes the API refuses the first token.
                self.here.world().statuses.push_back(if program.below(2) == 0 { 401 } else { 200 });
                self.start(Asked::Call { url }, async move { client.fetch(&request).await.map(|_| Done::Answered) });
            }
            3 => self.start(Asked::Other, async move { client.refresh().await.map(|()| Done::Told(String::new())) }),
            4 => self.start(Asked::Other, async move { client.userinfo(None).await.map(Done::Told) }),
            5 => self.start(Asked::End, async move {
                let end = client.end(Some("https://app.test/")).await?;
                Ok(Done::Told(end.unwrap_or_default()))
            }),
            6 => self.here.wait(program.one_of(&SECONDS)),
            8 => self.here.world().provider.user = ["alice", "bob"][program.below(2)],
            9 => {
                let query = String::from_utf8_lossy(&program.bytes()).into_owned();
                let _ = self.client.is_named_by(&query);
            }
            _ => self.deliver(program),
        }
    }

    fn complete(&mut self, program: &mut Program<'_>) {
        if self.begun.is_empty() {
            return;
        }
        let which = program.below(self.begun.len());
        let (mine, other) = (&self.begun[which], &self.begun[(which + 1) % self.begun.len()]);
        // A server that moved its endpoint counts as a foreign server.
        let honest = |request: &AuthorizationRequest| {
            let is_there = request.url.starts_with("https://as.test/authorize?response_type");
            is_there.then(|| self.here.way_back(&request.url))
        };
        let state = mine.transaction.state.expose();
        let at = |query: &str| format!("{}?{query}", SIGN_IN.redirect_uri);
        let named = "iss=https%3A%2F%2Fas.test";
        let (address, transaction) = match program.below(8) {
            // The code of another sign-in.
            1 => (honest(other).map(|address| address.replace(other.transaction.state.expose(), state)), true),
            2 => (Some(at(&String::from_utf8_lossy(&program.bytes()).replace("STATE", state))), true),
            3 => (Some(at(&format!("error=login_required&state={state}&{named}"))), true),
            4 => (Some(at(&format!("code=c&state={state}&iss=https://evil.test"))), true),
            5 => (honest(mine), false),
            6 => (honest(other), true),
            _ => (honest(mine), true),
        };
        let (Some(address), client) = (address, self.client.clone()) else { return };
        let transaction = transaction.then(|| mine.transaction.clone());
        let asked = Asked::Complete { address: address.clone(), transaction: transaction.clone() };
        self.start(asked, async move {
            client
                .complete(&address, transaction, OtherSignIns::Pending, RedirectPage::OfOneProvider)
                .await
                .map(Done::Completed)
        });
    }

    /// Responds to a request, as the program says.
    fn deliver(&mut self, program: &mut Program<'_>) {
        let waiting = self.here.world().wire.len();
        if waiting == 0 {
            return;
        }
        let (sending, slot) = self.here.world().wire.remove(program.below(waiting)).expect("one of those that wait");
        let honest = honest(&mut self.here.world(), &sending.request);
        let how = program.below(9);
        let answer = match (how, &honest) {
            (1, _) => Err(Kind::Network { url: sending.request.url.clone() }.into()),
            (2, Ok(honest)) => {
                let (at, less, more) = (program.below(256), program.below(16), program.bytes());
                let mut body = honest.body.clone();
                // At any place, even in a long body.
                let at = at * (body.len() / 256 + 1) % (body.len() + 1);
                body.splice(at..(at + less).min(body.len()), more);
                Ok(HttpResponse { body, ..honest.clone() })
            }
            (3, Ok(honest)) => {
                let (name, value) = (program.one_of(&MEMBERS), program.one_of(&VALUES));
                let body = with_member(&String::from_utf8_lossy(&honest.body), name, value).into_bytes();
                Ok(HttpResponse { body, ..honest.clone() })
            }
            (4, _) => {
                let (status, content_type) = (program.one_of(&STATUSES), program.one_of(&CONTENT_TYPES));
                Ok(HttpResponse { body: program.bytes(), ..answer(status, content_type, "") })
            }
            (5, _) if !self.earlier.is_empty() => Ok(self.earlier[program.below(self.earlier.len())].clone()),
            (6, _) => Ok(quoting(&sending.request, program)),
            (7, Ok(honest)) => Ok(HttpResponse { status: program.one_of(&STATUSES), ..honest.clone() }),
            _ => honest.clone(),
        };
        self.earlier.extend(honest.ok().filter(|_| self.earlier.len() < 16));
        let answer = answer.map(|answer| HttpResponse { url: sending.request.url.clone(), ..answer });
        self.note(&sending, &answer);
        *slot.borrow_mut() = Some(answer);
    }

    /// Records the values that a response gives the client, for the checks.
    fn note(&mut self, sending: &Sending, answer: &Answer) {
        let Ok(answer) = answer else { return };
        if let Method::Post(form) = &sending.request.method
            && let Some(verifier) = value_of(form.expose(), "code_verifier")
        {
            self.redeemed.entry(verifier).or_default().push(answer.body.clone());
        }
        if is_well_known(&sending.request.url) {
            for name in ENDPOINTS {
                let url = text(&answer.body).and_then(|body| member(body, name));
                let url = url.and_then(|url| Url::parse(&url, Loopback::Refused));
                self.endpoints.entry(name).or_default().extend(url.map(|url| url.as_str().to_owned()));
            }
        }
    }

    /// Polls until no operation can continue without a response.
    fn settle(&mut self) {
        let mut polls = 0;
        while polls < POLLS {
            polls += 1;
            for task in std::mem::take(&mut self.tasks) {
                let Task { asked, mut future } = task;
                match poll(&mut future) {
                    Poll::Pending => self.tasks.push(Task { asked, future }),
                    Poll::Ready(outcome) => {
                        polls = 0;
                        self.check(&asked, outcome);
                    }
                }
            }
            self.check_requests();
        }
        let view = self.client.session().as_ref().map(Session::to_json);
        assert_eq!(view.is_some(), self.client.is_signed_in());
        self.had_session = view.is_some();
        if view != self.view {
            self.hidden(view.as_deref().unwrap_or_default(), false);
            self.view = view;
        }
    }

    /// All requests get valid responses, and every operation ends.
    fn finish(&mut self) {
        for _ in 0..=REQUESTS * (self.started + 1) {
            self.settle();
            let next = self.here.world().wire.pop_front();
            let Some((sending, slot)) = next else {
                assert!(self.tasks.is_empty(), "an operation waits for a request that was not sent");
                return;
            };
            let answer = honest(&mut self.here.world(), &sending.request);
            self.note(&sending, &answer);
            *slot.borrow_mut() = Some(answer);
        }
        panic!("an operation sends one request after the other");
    }

    fn check(&mut self, asked: &Asked, outcome: Result<Done>) {
        match outcome {
            Ok(Done::Begun(request)) => {
                self.hidden(&request.url, true);
                self.begun.push(request);
            }
            Ok(Done::Completed(Completion::ReturnTo(path))) => {
                assert_eq!(path, SIGN_IN.return_to);
                let Asked::Complete { address, transaction: Some(transaction) } = asked else {
                    panic!("no transaction")
                };
                self.check_sign_in(address, transaction);
                self.had_session = true;
            }
            Ok(Done::Completed(other)) => self.hidden(&format!("{other:?}"), false),
            Ok(Done::Answered) => {
                let Asked::Call { url } = asked else { panic!("no call") };
                assert!(ADDRESSES.contains(url) && url.starts_with("https://api.test/v1"), "{url}");
                for call in self.here.world().calls.drain(..) {
                    assert!(call.url.starts_with("https://api.test/v1") && !call.url.contains(".."), "{}", call.url);
                    let is_bound = call.authorization.starts_with("DPoP ");
                    assert!(is_bound || call.authorization.starts_with("Bearer "));
                    assert_eq!(is_bound, !call.proof.is_empty());
                    let url = is_bound.then(|| Proof::read(&call.proof).htu);
                    assert!(url.is_none_or(|url| url == call.url), "{}", call.url);
                }
            }
            // The provider receives its own ID Token.
            Ok(Done::Told(text)) if matches!(asked, Asked::End) => {
                assert!(text.is_empty() || text.starts_with("https://"), "{text}");
                assert!(!text.contains("-token-number-"), "{text}");
            }
            Ok(Done::Told(text)) => self.hidden(&text, false),
            Err(error) => self.hidden(&printed(&error), false),
        }
        assert!(self.had_session || !self.client.is_signed_in(), "a session begins with a sign-in");
    }

    /// The response had the right `state`, and the ID Token the right `nonce`, both of this sign-in.
    fn check_sign_in(&self, address: &str, transaction: &Transaction) {
        let query = address.split_once('?').expect("a query").1;
        assert_eq!(value_of(query, "state").as_deref(), Some(transaction.state.expose()));
        let nonce_of = |body: &Vec<u8>| {
            let token = member(text(body)?, "id_token")?;
            let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
            member(text(&payload)?, "nonce")
        };
        let responses = self.redeemed.get(transaction.code_verifier.expose()).expect("a response to the code");
        assert!(responses.iter().any(|body| nonce_of(body).as_deref() == Some(transaction.nonce.expose())));
    }

    /// Checks that each request goes to an address of the issuer, and holds only what belongs there.
    fn check_requests(&mut self) {
        let world = self.here.world();
        for Sending { request, .. } in &world.sent[self.checked..] {
            let Method::Post(form) = &request.method else {
                let name = if request.authorization.is_some() { "userinfo_endpoint" } else { "jwks_uri" };
                let is_public = request.authorization.is_none() && is_well_known(&request.url);
                assert!(is_public || self.is_at(name, &request.url), "{}", request.url);
                continue;
            };
            let is_revocation = value_of(form.expose(), "grant_type").is_none();
            let name = if is_revocation { "revocation_endpoint" } else { "token_endpoint" };
            assert!(self.is_at(name, &request.url), "{} gets {}", request.url, name);
            assert!(request.authorization.is_none());
        }
        let sent = world.sent.len();
        drop(world);
        self.checked = sent;
        assert!(sent <= REQUESTS * (self.started + 1), "{sent} requests for {} operations", self.started);
    }

    fn is_at(&self, name: &str, url: &str) -> bool {
        self.endpoints.get(name).is_some_and(|known| known.contains(url))
    }

    /// Checks that no token, code or verifier is in a text, and that `state` and `nonce` are only where they belong.
    fn hidden(&self, text: &str, is_request: bool) {
        let (forms, world) = (forms(text), self.here.world());
        let transactions = || self.begun.iter().map(|request| &request.transaction);
        let is_public = |secret: &str| {
            is_request || transactions().any(|one| [one.state.expose(), one.nonce.expose()].contains(&secret))
        };
        let issued = world.provider.secrets.iter().map(String::as_str).filter(|secret| !is_public(secret));
        for secret in issued.chain(transactions().map(|one| one.code_verifier.expose())) {
            let is_there = secret.len() >= 16 && forms.iter().any(|form| form.contains(secret));
            assert!(!is_there, "{secret} is in {text}");
        }
    }
}

/// An error response that quotes the request, or a token of the session.
fn quoting(request: &HttpRequest, program: &mut Program<'_>) -> HttpResponse {
    let mut secrets: Vec<String> = match &request.method {
        Method::Post(form) => form_urlencoded::parse(form.expose().as_bytes())
            .filter(|(name, _)| ["code", "code_verifier", "refresh_token", "token"].contains(&&**name))
            .map(|(_, value)| value.into_owned())
            .collect(),
        Method::Get | Method::Head | Method::PostJson(_) => Vec::new(),
    };
    secrets.extend(
        request.authorization.iter().map(|shown| shown.expose().replacen("Bearer ", "", 1).replacen("DPoP ", "", 1)),
    );
    let secret = secrets.get(program.below(secrets.len())).cloned().unwrap_or_default();
    let text = string(&program.one_of(&Spelling::ALL).of(&secret));
    let body = match program.below(4) {
        0 => format!(r#"{{"error":{text}}}"#),
        1 => format!(r#"{{"error":"invalid_request","error_description":{text},"error_uri":{text}}}"#),
        2 => format!(r#"{{"sub":"alice","picture":{text},"issuer":{text}}}"#),
        _ => format!(r#"{{"access_token":"another-access-token","token_type":"Bearer","scope":{text}}}"#),
    };
    json(program.one_of(&[400, 200, 401]), &body)
}

/// The provider's response; a request that valid metadata do not lead to finds nothing.
fn honest(world: &mut World, request: &HttpRequest) -> Answer {
    if request.url.ends_with("/userinfo") && request.authorization.is_none() {
        return Ok(json(404, ""));
    }
    world.honest_answer(request)
}

fn is_well_known(url: &str) -> bool {
    ["https://as.test/.well-known/openid-configuration", "https://as.test/.well-known/oauth-authorization-server"]
        .contains(&url)
}

/// The value of a parameter that must occur once.
fn value_of(form: &str, name: &str) -> Option<String> {
    let mut values = form_urlencoded::parse(form.as_bytes()).filter(|(key, _)| key == name);
    let value = values.next()?.1.into_owned();
    values.next().is_none().then_some(value)
}
