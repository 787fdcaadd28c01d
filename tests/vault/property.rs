//! For any messages of pages, in any order, and any responses of providers: requests go only where the options of their
//! client and its issuer allow, and no token, code or verifier is in any other request, or in any message to a page.
//!
//! ```text
//! Steps ─▶ Run ─▶ two workers, each with ports of honest pages and of an attacker's ─▶ World: wire, clock, providers
//!           └── after each step: every new request, call, result, event and vault message is checked against the rules
//! ```
//!
//! `VALET_KEY_CASES=20000 cargo test --test vault whatever` plays more sequences.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::prop_oneof;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use valet_key::protocol::error::{self, Result};
use valet_key::protocol::form;
use valet_key::protocol::http::{HttpRequest, HttpResponse, Method};
use valet_key::protocol::session::Change;
use valet_key::vault::messages::{Outcome, to_json};

use crate::hostile::proofs::Proof;
use crate::hostile::provider::{Answer, Provider, change};
use crate::hostile::resource_server::ResourceServer;
use crate::hostile::text::{Spelling, forms, member, string, with_member};
use crate::hostile::worker::{Begun, Mode, SharedWorker};
use crate::hostile::world::{Here, POLLS, Sender, Sending, Waiting, World, poll};
use crate::support::{answer, hash_of, json};

const ONE: &str = "https://one.test";
const TWO: &str = "https://two.test/tenant";
const EVIL: &str = "https://evil.test";
const MOVED: &str = "https://moved.test";
/// The address of an API that names the attacker's server.
const TOOLS: &str = "https://tools.test/mcp";

/// The choice of honest pages that connect to it.
const CONNECTION: usize = 14;

/// Options that a page may pass, and their consequences. These are worked out by hand, not by the code under test.
struct Choice {
    /// Other spellings of the same options.
    client: &'static str,
    options: String,
    /// The issuer; empty without one.
    issuer: &'static str,
    client_id: &'static str,
    /// Prefixes of the addresses that may receive the token.
    api: &'static [&'static str],
    /// The resources of the addresses that name one, in the same order.
    resources: &'static [&'static str],
    /// Whether the options contain the metadata.
    server: Option<&'static str>,
    hints: bool,
    in_page: bool,
    has_key: bool,
    connection: Connection,
}

/// Whether the options connect to [`TOOLS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Connection {
    No,
    /// The API names the server.
    Found,
    /// The app names the server.
    Paired,
}

/// The API list of the third choice.
const RESOURCES: [&str; 3] = [
    r#"{"url":"https://data.test","resource":"urn:data"}"#,
    r#"{"url":"https://api.test/admin/","resource":"urn:admin"}"#,
    r#""https://api.test/v1/""#,
];

/// The first three are those of honest pages.
fn choices() -> Vec<Choice> {
    const V1: &[&str] = &["https://api.test/v1/"];
    const WIDE: &[&str] = &["https://api.test/v1/", "https://api.test/admin/"];
    let named = |issuer: &str, more: &str, api: &[&str]| {
        let api: Vec<String> = api.iter().map(|url| string(url)).collect();
        format!(r#"{{{more}"issuer":"{issuer}","clientId":"spa","api":[{}]}}"#, api.join(","))
    };
    let choice = |client, options, issuer, api| Choice {
        client,
        options,
        issuer,
        client_id: "spa",
        api,
        resources: &[],
        server: None,
        // By default, the ID Token is sent to the provider's sign-out page.
        hints: true,
        in_page: false,
        has_key: false,
        connection: Connection::No,
    };
    let evil_api: &[&str] = &["https://evil.test/", "https://api.test/v1/"];
    let mixed = format!(
        r#"{{"issuer":"{ONE}","clientId":"spa","api":["https://api.test/v1/"],"server":{}}}"#,
        metadata(ONE, EVIL)
    );
    let plain = format!(
        r#"{{"clientId":"spa","server":{{"authorization_endpoint":"{ONE}/authorize","token_endpoint":"{EVIL}/token"}}}}"#
    );
    vec![
        choice("one", named(ONE, "", V1), ONE, V1),
        choice("one, wide", named(ONE, "", WIDE), ONE, WIDE),
        Choice {
            resources: &["urn:data", "urn:admin"],
            ..choice(
                "two",
                format!(r#"{{"dpop":"required","issuer":"{TWO}","clientId":"app-2","api":[{}]}}"#, RESOURCES.join(",")),
                TWO,
                &["https://data.test/", "https://api.test/admin/", "https://api.test/v1/"],
            )
            .of("app-2")
        },
        Choice {
            hints: false,
            ..choice(
                "one",
                named(ONE, r#""idTokenHint":false,"timeout":7,"account":"","#, &["https://api.test/v1"]),
                ONE,
                V1,
            )
        },
        choice("one, evil API", named(ONE, "", evil_api), ONE, evil_api),
        choice("one, second account", named(ONE, r#""account":"second","#, V1), ONE, V1),
        choice("one, OAuth alone", named(ONE, r#""openid":false,"#, V1), ONE, V1),
        Choice { in_page: true, ..choice("one, in the page", named(ONE, r#""tokens":"page","#, V1), ONE, V1) },
        choice("one, other app", named(ONE, "", V1).replace("\"spa\"", "\"other\""), ONE, V1).of("other"),
        Choice { server: Some(EVIL), ..choice("one, evil endpoints", mixed, ONE, V1) },
        Choice { server: Some(EVIL), ..choice("plain, evil endpoint", plain, "", &[]) },
        choice("evil", named(EVIL, "", V1), EVIL, V1),
        choice("wrong", named(ONE, r#""clientSecret":"x","#, V1), ONE, &[]),
        // What an API that names the attacker's server leads to.
        Choice { connection: Connection::Found, ..choice("unfound", connection(""), EVIL, &[TOOLS]) },
        Choice {
            connection: Connection::Found,
            ..choice("found", connection(r#""clientId":"found","foundIssuer":"https://evil.test","#), EVIL, &[TOOLS])
                .of("found")
        },
        Choice {
            connection: Connection::Paired,
            ..choice("paired", connection(r#""issuer":"https://one.test","clientId":"spa","#), ONE, &[TOOLS])
        },
        Choice {
            has_key: true,
            ..choice("one, key", named(ONE, r#""tokenEndpointAuthMethod":"private_key_jwt","#, V1), ONE, V1)
        },
    ]
}

impl Choice {
    fn of(self, client_id: &'static str) -> Self {
        Self { client_id, ..self }
    }

    /// Whether its tokens are bound to a key.
    fn is_bound(&self) -> bool {
        self.options.contains("\"dpop\"")
    }

    /// RFC 8414 §3.1 and §5, OpenID Connect Discovery §4.
    fn well_known(&self) -> Vec<String> {
        if self.server.is_some() {
            return Vec::new();
        }
        let third = self.issuer.match_indices('/').nth(2).map_or(self.issuer.len(), |(at, _)| at);
        let (origin, path) = self.issuer.split_at(third);
        vec![
            format!("{}/.well-known/openid-configuration", self.issuer),
            format!("{origin}/.well-known/openid-configuration{path}"),
            format!("{origin}/.well-known/oauth-authorization-server{path}"),
        ]
    }

    fn permits(&self, url: &str) -> bool {
        let is_whole = |begin: &&str| begin.ends_with('/') || url == *begin || url.starts_with(&format!("{begin}/"));
        !url.contains("..") && self.api.iter().any(|begin| url.starts_with(begin) && is_whole(begin))
    }

    /// RFC 9728 §3.1.
    fn resource_metadata(&self) -> &'static [&'static str] {
        const BOTH: &[&str] = &[
            "https://tools.test/.well-known/oauth-protected-resource/mcp",
            "https://tools.test/.well-known/oauth-protected-resource",
        ];
        if self.connection == Connection::Found { BOTH } else { &[] }
    }

    /// The resources that a sign-in asks for.
    fn resources(&self) -> &'static [&'static str] {
        if self.connection == Connection::No { self.resources } else { &[TOOLS] }
    }

    /// The resource of an address; empty if it has none.
    fn resource_of(&self, url: &str) -> &'static str {
        let place = self.api.iter().position(|begin| url.starts_with(begin));
        place.and_then(|place| self.resources().get(place)).unwrap_or(&"")
    }
}

/// The options of a connection.
fn connection(more: &str) -> String {
    format!(r#"{{{more}"resource":"{TOOLS}"}}"#)
}

/// Metadata of an issuer with endpoints at a host.
fn metadata(issuer: &str, host: &str) -> String {
    format!(
        r#"{{"issuer":"{issuer}","authorization_endpoint":"{host}/authorize","token_endpoint":"{host}/token","jwks_uri":"{host}/jwks","userinfo_endpoint":"{host}/userinfo","revocation_endpoint":"{host}/revoke","device_authorization_endpoint":"{host}/device","registration_endpoint":"{host}/register","end_session_endpoint":"{host}/logout","code_challenge_methods_supported":["S256"],"authorization_response_iss_parameter_supported":true}}"#
    )
}

const ENDPOINTS: [&str; 8] = [
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "userinfo_endpoint",
    "revocation_endpoint",
    "end_session_endpoint",
    "device_authorization_endpoint",
    "registration_endpoint",
];

/// The members of a message that registers the app.
const REGISTER: &str = r#""redirectUri":"https://app.test/cb","scope":"","namesPage":false,"unreturned":true"#;

const URLS: [&str; 10] = [
    TOOLS,
    "https://tools.test/mcpx",
    "https://api.test/v1/x",
    "https://data.test/y",
    "https://api.test/admin/x",
    "https://evil.test/x",
    "https://api.test/v1/../admin/x",
    "https://api.test/v1/%2e%2e/admin/x",
    "https://api.test.evil.test/v1/x",
    "https://api.test/v10/x",
];

/// Instead of a port number: the port at which the last sign-in began.
const SAME: usize = 10;

/// A step of the sequence. Numbers choose among the existing items.
#[derive(Clone, Debug)]
enum Step {
    /// An honest page signs in successfully; but a script may pass in the response first, at a port.
    SignIn {
        port: usize,
        mode: Mode,
        script: Option<(usize, Record)>,
    },
    /// A page renews its token, which succeeds if there is a session, requests UserInfo, and calls an API.
    Use {
        port: usize,
        how: Reply,
    },
    /// A message without content.
    Say {
        port: usize,
        op: &'static str,
    },
    /// A client with a key signs in without a user, at the port that no honest page has.
    Machine {
        worker: usize,
    },
    /// A page begins a sign-in on another device, or asks for the last one; the user may have finished.
    Device {
        port: usize,
        begins: bool,
        finished: bool,
    },
    Configure {
        port: usize,
        choice: usize,
    },
    Begin {
        port: usize,
        mode: Mode,
        variant: usize,
    },
    /// The user comes to the provider, which redirects back with this response.
    Authorize {
        begun: usize,
        how: Back,
    },
    Complete {
        port: usize,
        address: usize,
        own_port: bool,
        record: Record,
        variant: usize,
    },
    Abandon {
        port: usize,
        begun: usize,
    },
    Fetch {
        port: usize,
        url: usize,
        status: u16,
        once: bool,
    },
    End {
        port: usize,
        page: usize,
    },
    Hear {
        worker: usize,
        news: usize,
    },
    Deliver {
        which: usize,
        how: Reply,
    },
    /// All requests on the network get valid responses.
    Settle,
    Wait {
        seconds: i64,
    },
    /// Another user is signed in at the providers.
    User {
        user: usize,
    },
    /// A worker ends, and a new one replaces it.
    Restart {
        worker: usize,
    },
}

/// The provider's authorization response.
#[derive(Clone, Copy, Debug)]
enum Back {
    Code,
    Refused,
    Quoting,
    OtherIssuer,
    NoIssuer,
    /// Another provider's code, as if this provider had redirected the user to it.
    MixedUp,
    InFragment,
}

/// The record that a page passes in.
#[derive(Clone, Copy, Debug)]
enum Record {
    Own,
    None,
    Others { begun: usize },
    Edited { member: usize, value: usize },
    Poisoned { host: usize },
    Invented { choice: usize },
}

/// A response of a provider.
#[derive(Clone, Copy, Debug)]
enum Reply {
    Honest,
    Lost,
    Trouble,
    Refusal { quoting: bool, code: usize },
    Quoting { place: usize, spelling: Spelling },
    Malformed { how: usize },
    OtherIssuer,
    OtherEndpoints,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let port = || prop_oneof![5 => Just(SAME), 4 => 0..3_usize, 1 => 5..8_usize, 2 => 0..10_usize];
    let mode = || prop_oneof![Just(Mode::Window), Just(Mode::Redirect)];
    let back = prop_oneof![
        4 => Just(Back::Code),
        1 => prop_oneof![
            Just(Back::Refused),
            Just(Back::Quoting),
            Just(Back::OtherIssuer),
            Just(Back::NoIssuer),
            Just(Back::MixedUp),
            Just(Back::InFragment),
        ],
    ];
    let record = prop_oneof![
        4 => Just(Record::Own),
        1 => Just(Record::None),
        1 => any::<usize>().prop_map(|begun| Record::Others { begun }),
        2 => (any::<usize>(), any::<usize>()).prop_map(|(member, value)| Record::Edited { member, value }),
        2 => (0..3_usize).prop_map(|host| Record::Poisoned { host }),
        1 => any::<usize>().prop_map(|choice| Record::Invented { choice }),
    ];
    let reply = prop_oneof![
        4 => Just(Reply::Honest),
        1 => Just(Reply::Lost),
        1 => Just(Reply::Trouble),
        1 => (any::<bool>(), 0..3_usize).prop_map(|(quoting, code)| Reply::Refusal { quoting, code }),
        2 => (0..4_usize, select(&Spelling::ALL[..])).prop_map(|(place, spelling)| Reply::Quoting { place, spelling }),
        1 => (0..6_usize).prop_map(|how| Reply::Malformed { how }),
        1 => Just(Reply::OtherIssuer),
        1 => Just(Reply::OtherEndpoints),
    ];
    let op = prop_oneof![
        2 => Just("refresh"),
        2 => Just("userinfo"),
        1 => Just("session"),
        1 => Just("prepare"),
        1 => Just("accessToken"),
        1 => Just("publicKey"),
        1 => Just("register"),
        1 => Just("leave"),
    ];
    let step = prop_oneof![
        5 => (port(), mode()).prop_map(|(port, mode)| Step::SignIn { port, mode, script: None }),
        2 => (port(), mode(), 0..10_usize, record.clone())
            .prop_map(|(port, mode, at, record)| Step::SignIn { port, mode, script: Some((at, record)) }),
        5 => (port(), prop_oneof![2 => Just(Reply::Honest), 1 => reply.clone()])
            .prop_map(|(port, how)| Step::Use { port, how }),
        6 => (port(), op).prop_map(|(port, op)| Step::Say { port, op }),
        2 => (0..2_usize).prop_map(|worker| Step::Machine { worker }),
        4 => (port(), any::<bool>(), any::<bool>())
            .prop_map(|(port, begins, finished)| Step::Device { port, begins, finished }),
        3 => (0..10_usize, any::<usize>()).prop_map(|(port, choice)| Step::Configure { port, choice }),
        4 => (port(), mode(), 0..8_usize).prop_map(|(port, mode, variant)| Step::Begin { port, mode, variant }),
        4 => (any::<usize>(), back).prop_map(|(begun, how)| Step::Authorize { begun, how }),
        6 => (port(), any::<usize>(), any::<bool>(), record, 0..8_usize).prop_map(
            |(port, address, own_port, record, variant)| Step::Complete { port, address, own_port, record, variant }
        ),
        1 => (port(), any::<usize>()).prop_map(|(port, begun)| Step::Abandon { port, begun }),
        3 => (port(), 0..URLS.len(), prop_oneof![3 => Just(200), 1 => Just(401)], any::<bool>())
            .prop_map(|(port, url, status, once)| Step::Fetch { port, url, status, once }),
        1 => (port(), 0..3_usize).prop_map(|(port, page)| Step::End { port, page }),
        1 => (0..2_usize, any::<usize>()).prop_map(|(worker, news)| Step::Hear { worker, news }),
        8 => (any::<usize>(), reply).prop_map(|(which, how)| Step::Deliver { which, how }),
        5 => Just(Step::Settle),
        1 => prop_oneof![Just(1), Just(300), Just(590), Just(601), Just(3601), Just(4000)].prop_map(|seconds| Step::Wait { seconds }),
        1 => (0..2_usize).prop_map(|user| Step::User { user }),
        1 => (0..2_usize).prop_map(|worker| Step::Restart { worker }),
    ];
    vec(step, 1..=40)
}

/// A secret, and the places where it may occur.
#[derive(Clone, Debug)]
struct Hidden {
    text: String,
    kind: Kind,
    /// The client that it belongs to.
    owner: Sender,
    /// Whether it is from a popup sign-in, whose record no page has.
    in_window: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    AccessToken,
    RefreshToken,
    IdToken,
    Code,
    /// A code of [`ONE`] that arrived in another provider's sign-in.
    StrayCode,
    Verifier,
    DeviceCode,
    /// What a client with a key has signed.
    Assertion,
}

/// A sign-in, with the client that began it.
struct SignIn {
    begun: Begun,
    mode: Mode,
    owner: Sender,
    port: usize,
}

/// A redirect URI with a response.
struct Address {
    text: String,
    sign_in: usize,
}

/// A pending message.
struct Task {
    op: &'static str,
    port: usize,
    /// The client of the port when it sent the message.
    choice: Option<usize>,
    worker: usize,
    mode: Mode,
    future: Waiting<'static, Outcome>,
}

struct Run {
    choices: Vec<Choice>,
    workers: Vec<SharedWorker>,
    /// The choice of each port, once it was accepted; five ports of each worker.
    ports: [Option<usize>; 10],
    /// The choice from which each client was made.
    clients: BTreeMap<Sender, usize>,
    /// The addresses that may receive each kind of request of a client: from its options, and from its issuer.
    endpoints: BTreeMap<Sender, BTreeSet<(&'static str, String)>>,
    hidden: Vec<Hidden>,
    sign_ins: Vec<SignIn>,
    /// The last sign-in on another device: its number, and the port that began it.
    device: (u32, usize),
    addresses: Vec<Address>,
    tasks: Vec<Task>,
    /// Calls of `fetch`, with the choice of the port and the worker.
    calls: BTreeMap<u32, (Option<usize>, usize)>,
    /// The messages between vaults so far.
    news: Vec<String>,
    /// The user of the session in the last event of each page.
    users: BTreeMap<Sender, Option<String>>,
    /// The client of each key that was proved, by its thumbprint.
    keys: BTreeMap<String, &'static str>,
    /// The names of all proofs.
    proofs: BTreeSet<String>,
    /// The resources that each access token was requested for: a server can send the same text twice.
    audiences: BTreeMap<String, BTreeSet<String>>,
    /// How far the sequence got.
    reached: BTreeSet<&'static str>,
}

type Verdict = Result<(), TestCaseError>;

fn broken(rule: &str, what: &str) -> TestCaseError {
    TestCaseError::fail(format!("{rule}: {what:.600}"))
}

impl Run {
    fn new() -> Self {
        let first = SharedWorker::new();
        {
            let mut world = first.here.world();
            world.provider = Provider::perfect(ONE).numbered(10_000_000);
            world.others = vec![
                Provider::perfect(TWO).numbered(20_000_000),
                Provider::perfect(EVIL).numbered(30_000_000),
                Provider::perfect(MOVED).numbered(40_000_000),
            ];
            let mut tools = ResourceServer::new("https://tools.test");
            let address = "https://tools.test/.well-known/oauth-protected-resource/mcp";
            tools.publish(address, TOOLS, r#"["https://evil.test"]"#, "");
            world.resources.push(tools);
            change(&mut world.provider.refreshed_claims, &[("renewed", "true")]);
            world.has_key = true;
        }
        let second = SharedWorker::beside(&first);
        let mut run = Self {
            choices: choices(),
            workers: vec![first, second],
            ports: [None; 10],
            clients: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            hidden: Vec::new(),
            sign_ins: Vec::new(),
            device: (0, 0),
            addresses: Vec::new(),
            tasks: Vec::new(),
            calls: BTreeMap::new(),
            news: Vec::new(),
            users: BTreeMap::new(),
            keys: BTreeMap::new(),
            proofs: BTreeSet::new(),
            audiences: BTreeMap::new(),
            reached: BTreeSet::new(),
        };
        (0..2).for_each(|worker| run.open(worker));
        run
    }

    /// Opens honest pages at a worker, and one of an attacker.
    fn open(&mut self, worker: usize) {
        for port in 0..4 {
            let port = worker * 5 + port;
            self.configure(port, Self::first_choice(port)).expect("a client");
        }
    }

    /// The choice of the page that opens a port.
    fn first_choice(port: usize) -> usize {
        match port {
            7 => CONNECTION,
            _ => [0, 1, 2, 11][port % 5],
        }
    }

    fn here(&self) -> &Here {
        &self.workers[0].here
    }

    fn choice_of(&self, client: Sender) -> &Choice {
        &self.choices[self.clients[&client]]
    }

    fn configure(&mut self, port: usize, choice: usize) -> Verdict {
        let client = self.choices[choice].client;
        let made = self.here().world().made.len();
        let worker = &self.workers[port / 5];
        let outcome = worker.port(number(port)).configure(&self.choices[choice].options);
        drop(worker.port(number(port)).say("trace", "")); // refused without a client
        if let Some(new) = worker.here.world().made.get(made) {
            let mut others = self.clients.iter().filter(|(other, _)| other.worker == new.worker);
            if others.any(|(_, other)| self.choices[*other].client == client) {
                return Err(broken("options that mean the same make two clients", client));
            }
            self.clients.insert(*new, choice);
            let host = self.choices[choice].server;
            let endpoints = ENDPOINTS.into_iter().zip([
                "authorize",
                "token",
                "jwks",
                "userinfo",
                "revoke",
                "logout",
                "device",
                "register",
            ]);
            let endpoints = endpoints.filter_map(|(name, path)| Some((name, format!("{}/{path}", host?))));
            let mut endpoints: BTreeSet<_> = endpoints.collect();
            if self.choices[choice].issuer.is_empty() {
                endpoints.insert(("authorization_endpoint", format!("{ONE}/authorize")));
            }
            self.endpoints.insert(*new, endpoints);
        }
        match self.ports[port] {
            Some(earlier) if outcome.is_ok() && self.choices[earlier].client != client => {
                Err(broken("a port has a second client", client))
            }
            None if outcome.is_ok() => {
                let page = Sender { number: number(port), ..worker.here.from };
                self.users.remove(&page);
                self.ports[port] = Some(choice);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn start(&mut self, port: usize, op: &'static str, mode: Mode, members: &str) {
        let worker = &self.workers[port / 5];
        let future = worker.port(number(port)).start(op, members);
        let (call, worker) = (worker.last_call(), worker.here.from.worker);
        let choice = self.ports[port];
        if op == "fetch" {
            self.calls.insert(call, (choice, worker));
        }
        self.tasks.push(Task { op, port, choice, worker, mode, future });
    }

    /// Runs everything as far as possible, and checks the results.
    fn go_on(&mut self) -> Verdict {
        let mut rest = POLLS;
        while rest > 0 {
            rest -= 1;
            let mut at = 0;
            while at < self.tasks.len() {
                match poll(&mut self.tasks[at].future) {
                    Poll::Pending => at += 1,
                    Poll::Ready(outcome) => {
                        let task = self.tasks.remove(at);
                        self.look_at_traffic()?;
                        self.finished(&task, outcome)?;
                        rest = POLLS;
                    }
                }
            }
        }
        self.look_at_traffic()
    }

    fn settle(&mut self) -> Verdict {
        self.go_on()?;
        while !self.here().world().wire.is_empty() {
            self.deliver(0, Reply::Honest)?;
        }
        Ok(())
    }

    fn port(&self, port: usize) -> usize {
        if port == SAME { self.sign_ins.last().map_or(0, |sign_in| sign_in.port) } else { port }
    }

    fn play(&mut self, step: &Step) -> Verdict {
        match *step {
            Step::SignIn { port, mode, script } => self.sign_in(self.port(port), mode, script)?,
            Step::Use { port, how } => self.use_session(self.port(port), how)?,
            Step::Say { port, op } => {
                let port = self.port(port);
                self.start(port, op, Mode::Window, if op == "register" { REGISTER } else { "" });
                if op == "leave" {
                    self.go_on()?;
                    self.ports[port] = None;
                    if port % 5 < 3 {
                        // An honest page returns.
                        self.configure(port, Self::first_choice(port))?;
                    }
                }
            }
            Step::Machine { worker } => {
                let port = worker * 5 + 4;
                if self.ports[port].is_none() {
                    self.configure(port, self.choices.len() - 1)?;
                }
                self.start(port, "signInMachine", Mode::Window, r#""scope":"read","options":{}"#);
            }
            Step::Device { port, begins, finished } => {
                let port = if finished && !begins { self.device.1 } else { self.port(port) };
                if begins {
                    self.start(port, "beginDevice", Mode::Window, r#""scope":"read","options":{}"#);
                } else {
                    let mut world = self.here().world();
                    world.provider.consented = finished;
                    world.others.iter_mut().for_each(|provider| provider.consented = finished);
                    drop(world);
                    self.here().wait(5);
                    let members = format!(r#""number":{}"#, self.device.0);
                    self.start(port, "pollDevice", Mode::Window, &members);
                }
                self.settle()?;
            }
            Step::Configure { port, choice } => {
                let choice = choice % self.choices.len();
                self.configure(port, choice)?;
            }
            Step::Begin { port, mode, variant } => self.begin(self.port(port), mode, variant),
            Step::Authorize { begun, how } => self.authorize(begun, how),
            Step::Complete { port, address, own_port, record, variant } => {
                self.complete(self.port(port), address, own_port, record, variant);
            }
            Step::Abandon { port, begun } => {
                if let Some(sign_in) = pick(&self.sign_ins, begun) {
                    let members = format!(r#""state":{}"#, string(&sign_in.begun.state));
                    self.start(self.port(port), "abandon", Mode::Window, &members);
                }
            }
            Step::Fetch { port, url, status, once } => {
                self.here().world().statuses.push_back(status);
                let members = format!(r#""url":"{}","credentials":false,"once":{once}"#, URLS[url]);
                self.start(self.port(port), "fetch", Mode::Window, &members);
                self.go_on()?;
                self.here().world().statuses.clear();
            }
            Step::End { port, page } => {
                let members = ["", r#""returnTo":"https://app.test/bye""#, r#""returnTo":"https://evil.test/""#][page];
                self.start(self.port(port), "end", Mode::Window, members);
            }
            Step::Hear { worker, news } => self.hear(worker, news),
            Step::Deliver { which, how } => {
                let waiting = self.here().world().wire.len();
                if waiting > 0 {
                    self.deliver(which % waiting, how)?;
                }
            }
            Step::Settle => self.settle()?,
            Step::Wait { seconds } => self.here().wait(seconds),
            Step::User { user } => {
                let user = ["alice", "bob"][user];
                let mut world = self.here().world();
                world.provider.user = user;
                world.others.iter_mut().for_each(|provider| provider.user = user);
            }
            Step::Restart { worker } => {
                let gone = self.workers[worker].here.from.worker;
                self.tasks.retain(|task| task.worker != gone);
                self.workers[worker] = SharedWorker::beside(&self.workers[worker]);
                self.ports[worker * 5..][..5].fill(None);
                self.open(worker);
            }
        }
        self.go_on()
    }

    /// Renews the token, then requests UserInfo and calls an API at the same time. The first response is the given one.
    fn use_session(&mut self, port: usize, how: Reply) -> Verdict {
        self.start(port, "refresh", Mode::Window, "");
        self.settle()?;
        self.start(port, "userinfo", Mode::Window, "");
        self.start(port, "fetch", Mode::Window, r#""url":"https://api.test/v1/x","credentials":false,"once":false"#);
        self.go_on()?;
        if !self.here().world().wire.is_empty() {
            self.deliver(0, how)?;
        }
        self.settle()
    }

    fn sign_in(&mut self, port: usize, mode: Mode, script: Option<(usize, Record)>) -> Verdict {
        self.settle()?;
        let before = self.sign_ins.len();
        self.begin(port, mode, 0);
        self.settle()?;
        if self.sign_ins.len() == before {
            return Ok(());
        }
        self.authorize(before, Back::Code);
        let address = self.addresses.len() - 1;
        if let Some((port, record)) = script {
            self.complete(port, address, false, record, 0);
            self.settle()?;
        }
        self.complete(port, address, true, Record::Own, 0);
        self.settle()
    }

    fn begin(&mut self, port: usize, mode: Mode, variant: usize) {
        let page = ["https://app.test/cb", "https://app.test/cb", "https://app.test/other?a=1", "https://evil.test/cb"];
        let (page, shared, in_window) = (page[variant % 4], variant == 4, mode == Mode::Window);
        let restores = variant == 5;
        let is_found = self.ports[port].is_some_and(|choice| self.choices[choice].connection == Connection::Found);
        let options = match variant {
            0 if is_found => "{}", // it cannot be silent
            0 | 5 => r#"{"prompt":"none"}"#,
            1 => r#"{"loginHint":"alice"}"#,
            _ => "{}",
        };
        let members = format!(
            r#""redirectUri":"{page}","scope":"read","returnTo":"/here","options":{options},"inWindow":{in_window},"namesPage":{shared},"shared":{shared},"restores":{restores}"#
        );
        self.start(port, "begin", mode, &members);
    }

    fn authorize(&mut self, begun: usize, how: Back) {
        let Some((number, sign_in)) = pick_numbered(&self.sign_ins, begun) else { return };
        let (url, state) = (sign_in.begun.url.clone(), sign_in.begun.state.clone());
        let (owner, in_window) = (sign_in.owner, sign_in.mode == Mode::Window);
        let strays = matches!(how, Back::MixedUp) && !url.starts_with(ONE);
        let url = if strays { format!("{ONE}/authorize?{}", url.split_once('?').expect("a query").1) } else { url };
        if self.here().world().provider_at(&url).is_none() {
            return;
        }
        let mut text = self.here().way_back(&url);
        let query = form::parse(text.split_once('?').expect("a query").1).expect("a form");
        let code = query.into_iter().find(|(name, _)| name == "code").expect("a code").1;
        let kind = if strays { Kind::StrayCode } else { Kind::Code };
        self.hidden.push(Hidden { text: code.clone(), kind, owner, in_window });
        let with_code = format!("code={code}");
        match how {
            Back::Code | Back::MixedUp => {}
            Back::Refused => text = text.replace(&with_code, "error=access_denied"),
            Back::Quoting => {
                let said = format!("error=access_denied&error_description={code}+{state}&{with_code}");
                text = text.replace(&with_code, &said);
            }
            Back::OtherIssuer => {
                text = format!("{}&iss=https%3A%2F%2Fother.test", text.split("&iss=").next().unwrap_or_default());
            }
            Back::NoIssuer => text.truncate(text.find("&iss=").unwrap_or(text.len())),
            Back::InFragment => text = text.replace('?', "#"),
        }
        self.addresses.push(Address { text, sign_in: number });
    }

    fn complete(&mut self, port: usize, address: usize, own_port: bool, record: Record, variant: usize) {
        let Some((_, address)) = pick_numbered(&self.addresses, address) else { return };
        let sign_in = &self.sign_ins[address.sign_in];
        let own = sign_in.begun.record.as_deref();
        let port = if own_port { sign_in.port } else { port };
        let redirects: Vec<&str> = self.sign_ins.iter().filter_map(|one| one.begun.record.as_deref()).collect();
        let others =
            |number| pick(&redirects, number).map(|record| with_member(record, "state", &string(&sign_in.begun.state)));
        let record = match record {
            Record::None => None,
            Record::Own => own.map(str::to_owned),
            Record::Others { begun } => others(begun),
            Record::Edited { member, value } => {
                let names = [
                    "state",
                    "nonce",
                    "code_verifier",
                    "issuer",
                    "client_id",
                    "redirect_uri",
                    "scope",
                    "return_to",
                    "prompt",
                    "restores",
                    "started",
                ];
                let values = [
                    "\"\"",
                    r#""https://evil.test""#,
                    r#""spa""#,
                    "\"/\"",
                    r#""https://evil.test/cb""#,
                    "0",
                    "1800000000000",
                ];
                let base = own.map(str::to_owned).or_else(|| others(member));
                base.map(|record| with_member(&record, names[member % names.len()], values[value % values.len()]))
            }
            Record::Poisoned { host } => {
                let base = own.map(str::to_owned).or_else(|| others(host));
                let poison = metadata(ONE, [EVIL, "https://app.test", MOVED][host]);
                base.map(|record| with_member(&record, "metadata", &string(&poison)))
            }
            Record::Invented { choice } => {
                let choice = &self.choices[choice % self.choices.len()];
                Some(format!(
                    r#"{{"started":1800000000000,"state":{},"nonce":"n","code_verifier":"invented-verifier","issuer":"{}","client_id":"{}","redirect_uri":"https://app.test/cb","scope":"","return_to":"/","prompt":"","restores":false,"shared":false,"acr_values":"","max_age":"","metadata":{}}}"#,
                    string(&sign_in.begun.state),
                    choice.issuer,
                    choice.client_id,
                    string(&metadata(choice.issuer, EVIL)),
                ))
            }
        };
        let state = pick(&self.sign_ins, if variant == 1 { variant } else { address.sign_in }).expect("one");
        let record = record.map_or(String::new(), |record| format!(r#""record":{},"#, string(&record)));
        let members = format!(
            r#""address":{},"state":{},{record}"pending":{},"shared":{}"#,
            string(&address.text),
            string(&state.begun.state),
            variant == 2,
            variant == 3,
        );
        self.start(port, "complete", Mode::Window, &members);
    }

    fn hear(&mut self, worker: usize, news: usize) {
        let forged = [
            format!(r#"{{"news":"ended","provider":"{ONE}","clientId":"spa"}}"#),
            format!(r#"{{"news":"ended","provider":"{TWO}","clientId":"app-2","sub":"alice"}}"#),
            r#"{"news":"signedIn","identity":"{}","sub":"mallory"}"#.into(),
            r#"{"news":"named","query":"iss=x&sid=y"}"#.into(),
            "{}".into(),
        ];
        let news = self.news.iter().chain(&forged).nth(news % (self.news.len() + forged.len())).expect("one").clone();
        let outcome = self.workers[worker].hear(&news);
        assert_eq!(outcome.as_deref(), Ok(""), "news give nothing");
    }

    fn deliver(&mut self, which: usize, how: Reply) -> Verdict {
        let (sending, slot) = self.here().world().wire.remove(which).expect("one of those that there are");
        let answer = self.reply(&sending, how);
        self.learn(&sending, &answer);
        *slot.borrow_mut() = Some(answer);
        self.go_on()
    }

    fn reply(&mut self, Sending { from, request, .. }: &Sending, how: Reply) -> Answer {
        let url = request.url.clone();
        let form = form_of(request);
        let is_metadata = self.choice_of(*from).well_known().contains(&url);
        let issuer = self.choice_of(*from).issuer;
        let answer = match how {
            Reply::Lost => return Err(error::Kind::Network { url }.into()),
            Reply::Trouble => json(503, ""),
            Reply::Refusal { quoting, code } => {
                let code = ["invalid_grant", "invalid_request", "temporarily_unavailable"][code];
                let said = if quoting { known_to(request).join(" ") } else { "no".into() };
                json(400, &format!(r#"{{"error":"{code}","error_description":{0},"error_uri":{0}}}"#, string(&said)))
            }
            Reply::Malformed { how } => {
                let honest = self.here().world().honest_answer(request);
                self.learn(&Sending { from: *from, request: request.clone(), timeout: 0 }, &honest);
                let body = honest.map(|answer| answer.body).unwrap_or_default();
                let body = String::from_utf8(body).expect("text");
                match how {
                    0 => json(200, &body[..body.len() / 2]),
                    1 => answer(200, "text/html", &body),
                    2 => json(200, &format!("[{body}]")),
                    3 => json(302, &body),
                    4 => json(200, &body.replace(':', ":[").replace(',', "],")),
                    _ => json(200, &body.replacen('{', r#"{"issuer":"x","access_token":"x","#, 1)),
                }
            }
            Reply::OtherIssuer if is_metadata => json(200, &metadata(EVIL, EVIL)),
            Reply::OtherEndpoints if is_metadata => json(200, &metadata(issuer, MOVED)),
            Reply::Quoting { place, spelling } => return self.quoting(request, &form, place, spelling),
            Reply::Honest | Reply::OtherIssuer | Reply::OtherEndpoints => {
                return self.here().world().honest_answer(request);
            }
        };
        Ok(HttpResponse { url, ..answer })
    }

    /// The content of a request, and the tokens that it sends, as separate texts.
    fn quoting(&mut self, request: &HttpRequest, form: &str, place: usize, spelling: Spelling) -> Answer {
        let honest = self.here().world().honest_answer(request)?;
        let body = String::from_utf8(honest.body.clone()).unwrap_or_default();
        let mut known = known_to(request);
        let tokens = ["access_token", "refresh_token", "id_token"].into_iter().filter_map(|name| member(&body, name));
        known.extend(tokens);
        let said = known.iter().map(|text| spelling.of(text)).collect::<Vec<_>>().join(" ");
        let is_token = form.contains("grant_type");
        Ok(match place {
            0 => HttpResponse { content_type: said, body: "<html>".into(), ..honest },
            1 if is_token => HttpResponse { body: with_member(&body, "scope", &string(&said)).into(), ..honest },
            2 if is_token && honest.is_ok() => {
                let both = with_member(
                    &with_member(&body, "error", r#""invalid_scope""#),
                    "error_description",
                    &string(&said),
                );
                HttpResponse { body: both.into(), ..honest }
            }
            _ if body.starts_with('{') => {
                let quoted = with_member(&with_member(&body, "quoted", &string(&said)), &format!("x{said}"), "1");
                HttpResponse { body: quoted.into(), ..honest }
            }
            _ => honest,
        })
    }

    /// Records the tokens and addresses in a response.
    fn learn(&mut self, Sending { from, request, .. }: &Sending, answer: &Answer) {
        let Ok(response) = answer else { return };
        let Ok(body) = std::str::from_utf8(&response.body) else { return };
        if form_of(request).contains("grant_type") {
            let kinds = [Kind::AccessToken, Kind::RefreshToken, Kind::IdToken];
            if let Some(token) = member(body, "access_token") {
                self.audiences.entry(token).or_default().insert(resources_in(&form_of(request)).concat());
            }
            for (name, kind) in ["access_token", "refresh_token", "id_token"].into_iter().zip(kinds) {
                if let Some(text) = member(body, name).filter(|text| text.len() > 16) {
                    self.hidden.push(Hidden { text, kind, owner: *from, in_window: true });
                }
            }
        }
        if let Some(text) = member(body, "device_code") {
            self.hidden.push(Hidden { text, kind: Kind::DeviceCode, owner: *from, in_window: true });
        }
        let choice = self.choice_of(*from);
        if choice.well_known().contains(&request.url)
            && response.is_ok()
            && member(body, "issuer").as_deref() == Some(choice.issuer)
        {
            let found = ENDPOINTS.into_iter().filter_map(|name| Some((name, member(body, name)?)));
            let found: Vec<_> = found.collect();
            self.endpoints.get_mut(from).expect("a client").extend(found);
        }
    }

    /// The result of a message, which goes to a page.
    fn finished(&mut self, task: &Task, outcome: Outcome) -> Verdict {
        let choice = task.choice.map(|choice| &self.choices[choice]);
        let text = match &outcome {
            Ok(text) => text.clone(),
            Err(error) => to_json(error),
        };
        let forms = forms(&text);
        for hidden in &self.hidden {
            if !forms.iter().any(|form| form.contains(&hidden.text)) {
                continue;
            }
            let same_client = choice.is_some_and(|choice| choice.client == self.choice_of(hidden.owner).client);
            let allowed = match hidden.kind {
                Kind::AccessToken => {
                    task.op == "accessToken" && same_client && choice.is_some_and(|choice| choice.in_page)
                }
                Kind::IdToken => task.op == "end" && same_client && choice.is_some_and(|choice| choice.hints),
                _ => false,
            };
            if !allowed {
                return Err(broken(&format!("a page got {:?} from `{}`", hidden.kind, task.op), &text));
            }
        }
        let Ok(text) = outcome else { return Ok(()) };
        match task.op {
            "complete"
                if choice.is_some_and(|choice| choice.connection == Connection::Found) && text.contains("returnTo") =>
            {
                self.reached.insert("connection");
                Ok(())
            }
            "begin" => self.begun(task, &text),
            "beginDevice" => {
                let number = text.split_once(r#""number":"#).and_then(|(_, rest)| rest.split(',').next()?.parse().ok());
                self.device = (number.expect("a number"), task.port);
                Ok(())
            }
            "pollDevice" => {
                if text.is_empty() {
                    self.reached.insert("device");
                }
                Ok(())
            }
            "signInMachine" => {
                self.reached.insert("machine");
                Ok(())
            }
            "publicKey" => {
                let is_public = member(&text, "x").is_some() && member(&text, "d").is_none();
                if is_public { Ok(()) } else { Err(broken("a page got more than a public key", &text)) }
            }
            "userinfo" => {
                self.reached.insert("UserInfo");
                Ok(())
            }
            "end" if !text.is_empty() => {
                let own = self.endpoints.iter().filter(|(client, _)| client.worker == task.worker);
                let same = own.filter(|(client, _)| {
                    choice.is_some_and(|choice| choice.client == self.choice_of(**client).client)
                });
                let mut endpoints = same.flat_map(|(_, endpoints)| endpoints);
                let leads_there = endpoints
                    .any(|(name, url)| *name == "end_session_endpoint" && text.starts_with(&format!("{url}?")));
                let comes_back = text.contains("post_logout_redirect_uri=https%3A%2F%2Fapp.test%2F");
                if leads_there && comes_back { Ok(()) } else { Err(broken("a sign-out leads elsewhere", &text)) }
            }
            _ => Ok(()),
        }
    }

    /// Records a sign-in that a page has begun, with its random values.
    fn begun(&mut self, task: &Task, text: &str) -> Verdict {
        let begun = Begun::read(text);
        let (owner, verifier) = {
            let world = self.here().world();
            let place = world.drawn.iter().position(|(_, drawn)| begun.state.contains(drawn.as_str()));
            // State, nonce, verifier.
            world.drawn[place.expect("a state is drawn") + 2].clone()
        };
        let in_window = task.mode == Mode::Window;
        if in_window == begun.record.is_some() || in_window != begun.is_of_window() {
            return Err(broken("a record is kept for a redirect, and for nothing else", text));
        }
        self.hidden.push(Hidden { text: verifier.clone(), kind: Kind::Verifier, owner, in_window });
        let outside = text.replace(&string(begun.record.as_deref().unwrap_or("-")), "");
        if forms(&outside).iter().any(|form| form.contains(&verifier)) {
            return Err(broken("a verifier is outside of its record", text));
        }
        let endpoints = &self.endpoints[&owner];
        let mut endpoints = endpoints.iter().filter(|(name, _)| *name == "authorization_endpoint");
        if !endpoints.any(|(_, url)| begun.url.starts_with(&format!("{url}?"))) {
            return Err(broken("a sign-in leads elsewhere", text));
        }
        let query = begun.url.split_once('?').map_or("", |(_, query)| query);
        if resources_in(query) != self.choice_of(owner).resources() {
            return Err(broken("a sign-in is for another API", text));
        }
        if !begun.url.contains("&redirect_uri=https%3A%2F%2Fapp.test%2F") {
            return Err(broken("a response comes to another origin", text));
        }
        self.sign_ins.push(SignIn { begun, mode: task.mode, owner, port: task.port });
        Ok(())
    }

    /// Checks everything that left the vaults since the last time against the rules.
    fn look_at_traffic(&mut self) -> Verdict {
        let traced = std::mem::take(&mut self.here().world().traced);
        let (sent, calls, pages, told, changes, ahead) = {
            let world: &mut World = &mut self.here().world();
            let ahead = std::mem::take(&mut world.asked_ahead);
            let taken =
                (std::mem::take(&mut world.sent), std::mem::take(&mut world.calls), std::mem::take(&mut world.pages));
            (taken.0, taken.1, taken.2, std::mem::take(&mut world.told), std::mem::take(&mut world.changes), ahead)
        };
        for sending in &sent {
            self.look_at_request(sending)?;
        }
        for call in &calls {
            let (choice, worker) = self.calls[&call.call];
            let (scheme, token) = call.authorization.split_once(' ').unwrap_or_default();
            let of = self.hidden.iter().find(|hidden| hidden.text == token && hidden.kind == Kind::AccessToken);
            let of =
                of.filter(|hidden| hidden.owner.worker == worker).map(|hidden| self.choice_of(hidden.owner).client);
            let choice = choice.map(|choice| &self.choices[choice]);
            let needs_none =
                call.authorization.is_empty() && choice.is_some_and(|choice| choice.connection != Connection::No);
            if !needs_none && (of.is_none() || of != choice.map(|choice| choice.client)) {
                return Err(broken("a call carries another client's token", &format!("{call:?}")));
            }
            if !choice.is_some_and(|choice| choice.permits(&call.url)) {
                return Err(broken("a token goes to an API that is not on the list", &call.url));
            }
            let (client, is_bound) = choice.map(|choice| (choice.client, choice.is_bound())).unwrap_or_default();
            if !token.is_empty() && (scheme == "DPoP") != is_bound {
                return Err(broken("a token is sent in another way than it was issued for", &format!("{call:?}")));
            }
            let resource = choice.map(|choice| choice.resource_of(&call.url)).unwrap_or_default();
            if !token.is_empty() && self.audiences.get(token).is_none_or(|of| !of.contains(resource)) {
                return Err(broken("a token goes to another API than the one that it was requested for", &call.url));
            }
            if choice.is_some_and(|choice| choice.resources().first().is_some_and(|first| *first != resource)) {
                self.reached.insert("further token");
            }
            let token = token.to_owned();
            self.look_at_proof(client, is_bound && !token.is_empty(), &call.proof, ["GET", &call.url], &token)?;
        }
        if !ahead.is_empty() {
            return Err(broken("no page wants its API asked ahead", &format!("{ahead:?}")));
        }
        let events = pages.iter().map(|(_, text)| ("an event", text)).chain(told.iter().map(|text| ("news", text)));
        let events = events.chain(traced.iter().map(|(_, text)| ("a step", text)));
        for (what, text) in events {
            let forms = forms(text);
            if let Some(hidden) = self.hidden.iter().find(|hidden| forms.iter().any(|form| form.contains(&hidden.text)))
            {
                return Err(broken(&format!("{:?} in {what}", hidden.kind), text));
            }
        }
        for (page, text) in &pages {
            self.look_at_change(*page, text)?;
        }
        let of_changes = [(Change::SignedIn, "session"), (Change::Restored, "session"), (Change::Renewed, "renewal")];
        for (change, name) in of_changes {
            if changes.contains(&change) {
                self.reached.insert(name);
            }
        }
        self.news.extend(told);
        Ok(())
    }

    /// Compares an event of a page with its earlier ones: a change of user is always reported, and no session continues
    /// after its reported end.
    fn look_at_change(&mut self, page: Sender, text: &str) -> Verdict {
        let reason = member(text, "reason").unwrap_or_default();
        let user = text.strip_prefix(r#"{"session":{"sub":""#).and_then(|rest| rest.split('"').next());
        let before = self.users.insert(page, user.map(str::to_owned));
        let is_over = matches!(reason.as_str(), "signed_out" | "ended" | "expired");
        let fits = match (user, before.flatten()) {
            (None, _) => is_over || reason == "user_changed",
            (Some(user), Some(before)) if user != before => reason == "user_changed",
            (Some(_), _) => !is_over,
        };
        if fits { Ok(()) } else { Err(broken("a change does not say what it is", text)) }
    }

    /// Checks the proof of a request: that there is one exactly if there should be, for this request and this token, with a name of its
    /// own and a key of this client.
    fn look_at_proof(
        &mut self,
        client: &'static str,
        is_due: bool,
        proof: &str,
        target: [&str; 2],
        token: &str,
    ) -> Verdict {
        if is_due == proof.is_empty() {
            return Err(broken("a proof is sent exactly if the tokens are bound", &format!("{client}: {target:?}")));
        }
        if proof.is_empty() {
            return Ok(());
        }
        let shown = Proof::read(proof);
        let hash = if token.is_empty() { String::new() } else { hash_of(token) };
        if [&*shown.htm, &shown.htu, &shown.ath] != [target[0], target[1], &hash] {
            return Err(broken("a proof is for another request", &format!("{target:?}: {shown:?}")));
        }
        if !self.proofs.insert(shown.jti) || *self.keys.entry(shown.jkt).or_insert(client) != client {
            return Err(broken("a proof, or a key, is used for two purposes", client));
        }
        self.reached.insert("proof");
        Ok(())
    }

    fn look_at_request(&mut self, Sending { from, request, .. }: &Sending) -> Verdict {
        let (choice, endpoints) = (self.choice_of(*from), &self.endpoints[from]);
        let form = form_of(request);
        let authorization = request.authorization.as_ref().map_or("", |shown| shown.expose());
        let shown = format!("{}: {} {form} {authorization}", choice.client, request.url);
        let is_at = |name| endpoints.contains(&(name, request.url.clone()));
        let purpose = match &request.method {
            Method::Post(_) if form.contains("grant_type=authorization_code") => "token_endpoint",
            Method::Post(_) if form.contains("grant_type=") => "token_endpoint",
            Method::Post(_) if !form.contains("token=") => "device_authorization_endpoint",
            Method::Post(_) => "revocation_endpoint",
            Method::PostJson(_) => "registration_endpoint",
            Method::Get if !authorization.is_empty() => "userinfo_endpoint",
            Method::Get if choice.well_known().contains(&request.url) => "metadata",
            Method::Get if choice.resource_metadata().contains(&&*request.url) => "metadata",
            Method::Get => "jwks_uri",
            Method::Head if choice.connection == Connection::Found && request.url == TOOLS => "metadata",
            Method::Head => "nothing",
        };
        let sent = if matches!(request.method, Method::Post(_)) { resources_in(&form) } else { Vec::new() };
        let all = choice.resources();
        let is_right = match purpose {
            "device_authorization_endpoint" => sent == all,
            "token_endpoint" if form.contains("grant_type=refresh_token") && !choice.resources.is_empty() => {
                sent.len() <= 1 && sent.iter().all(|one| all.contains(&one.as_str()))
            }
            "token_endpoint" => sent == all[..all.len().min(1)],
            _ => sent.is_empty(),
        };
        if !is_right {
            return Err(broken("a request is for another API", &shown));
        }
        if purpose != "metadata" && !is_at(purpose) {
            return Err(broken("a request goes to an address that neither options nor issuer name", &shown));
        }
        if form.contains("client_assertion=") != (choice.has_key && matches!(request.method, Method::Post(_))) {
            return Err(broken("a client signs exactly if it has a key", &shown));
        }
        let method = if matches!(request.method, Method::Get) { "GET" } else { "POST" };
        let (client, is_bound) = (choice.client, choice.is_bound());
        let proves = matches!(purpose, "token_endpoint" | "userinfo_endpoint");
        let proof = request.proof.as_ref().map_or("", |proof| proof.expose());
        let token = authorization.split_once(' ').map_or("", |(_, token)| token);
        let is_for_userinfo =
            |of: &BTreeSet<String>| ["", all.first().unwrap_or(&"")].iter().any(|one| of.contains(*one));
        if self.audiences.get(token).is_some_and(|of| !is_for_userinfo(of)) {
            return Err(broken("UserInfo gets the token of a further API", &shown));
        }
        // A revocation can lack a proof.
        if proves || is_bound == proof.is_empty() {
            self.look_at_proof(client, is_bound && proves, proof, [method, &request.url], token)?;
        }
        let choice = self.choice_of(*from);
        let redeems = form.contains("grant_type=authorization_code");
        let polls = form.contains("device_code=");
        let renews = form.contains("grant_type=refresh_token");
        let revokes = purpose == "revocation_endpoint";
        let forms = forms(&format!("{} {form} {authorization}", request.url));
        for hidden in self.hidden.iter().filter(|hidden| forms.iter().any(|form| form.contains(&hidden.text))) {
            let own = hidden.owner == *from;
            let of = self.choice_of(hidden.owner);
            // The page knows it already: it could send it there itself.
            let same_issuer = of.issuer == choice.issuer;
            let allowed = match hidden.kind {
                Kind::AccessToken => own && (purpose == "userinfo_endpoint" || revokes),
                Kind::RefreshToken => own && (renews || revokes),
                // Each assertion is sent once.
                Kind::IdToken | Kind::Assertion => false,
                Kind::DeviceCode => own && polls,
                Kind::StrayCode => redeems && !hidden.in_window && choice.issuer == ONE,
                Kind::Code | Kind::Verifier => redeems && (own || (!hidden.in_window && same_issuer)),
            };
            if !allowed {
                return Err(broken(&format!("{:?} of {} in another request", hidden.kind, of.client), &shown));
            }
        }
        if let Some((_, assertion)) = form.split_once("client_assertion=") {
            self.hidden.push(Hidden { text: assertion.into(), kind: Kind::Assertion, owner: *from, in_window: true });
        }
        Ok(())
    }
}

/// The values of the parameter `resource` in a form.
fn resources_in(text: &str) -> Vec<String> {
    let form = form::parse(text).unwrap_or_default();
    form.into_iter().filter(|(name, _)| name == "resource").map(|(_, value)| value).collect()
}

/// The number of a port in its worker.
fn number(port: usize) -> u32 {
    u32::try_from(port % 5).expect("small") + 1
}

fn pick<T>(from: &[T], number: usize) -> Option<&T> {
    pick_numbered(from, number).map(|(_, one)| one)
}

/// One of the last few, which most steps use.
fn pick_numbered<T>(from: &[T], number: usize) -> Option<(usize, &T)> {
    if number < from.len() {
        return Some((number, &from[number]));
    }
    let recent = from.len().min(4);
    let place = from.len().checked_sub(1 + number.checked_rem(recent)?)?;
    Some((place, &from[place]))
}

fn form_of(request: &HttpRequest) -> String {
    match &request.method {
        Method::Post(form) | Method::PostJson(form) => form.expose().to_owned(),
        Method::Get | Method::Head => String::new(),
    }
}

/// The secrets that a request sends to the server.
fn known_to(request: &HttpRequest) -> Vec<String> {
    let form = form::parse(&form_of(request)).expect("a form");
    let secret = ["code", "code_verifier", "refresh_token", "token", "device_code", "client_assertion"];
    let mut known: Vec<String> =
        form.into_iter().filter(|(name, _)| secret.contains(&name.as_str())).map(|(_, value)| value).collect();
    known.extend(request.authorization.iter().map(|shown| shown.expose().replace("Bearer ", "")));
    known
}

#[test]
fn whatever_a_page_says_tokens_codes_and_verifiers_go_where_options_and_issuer_say() {
    let cases = std::env::var("VALET_KEY_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(384);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 4000, ..Config::default() };
    // The same sequences each time.
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]));
    let goals: [&[&str]; 6] = [
        &["session", "renewal", "UserInfo"],
        &["device"],
        &["machine"],
        &["connection"],
        &["proof"],
        &["further token"],
    ];
    let counts = goals.map(|_| AtomicUsize::new(0));
    let outcome = runner.run(&steps(), |steps| {
        let mut run = Run::new();
        for step in &steps {
            run.play(step)?;
        }
        for (goal, count) in goals.iter().zip(&counts) {
            let is_reached = goal.iter().all(|name| run.reached.contains(name));
            count.fetch_add(usize::from(is_reached), Ordering::Relaxed);
        }
        Ok(())
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, steps)) => panic!("{reason}\nafter {steps:#?}"),
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
    let [all, device, machine, connection, proof, further] = counts.map(AtomicUsize::into_inner);
    let text = format!(
        "of {cases}, {all} have a session, a renewal and UserInfo, {device} a device, {machine} a machine, {connection} a connection, {proof} a proof, {further} a further token"
    );
    println!("{text}");
    let cases = usize::try_from(cases).expect("a number");
    assert!(
        all * 4 >= cases
            && device * 20 >= cases
            && machine * 20 >= cases
            && connection * 20 >= cases
            && proof * 20 >= cases
            && further * 20 >= cases,
        "too few: {text}"
    );
}
