//! The vault that pages of an origin share: the effect of their messages, in the form that the package's worker passes
//! on.

#[path = "../support/hostile/mod.rs"]
mod hostile;
#[path = "../support/mod.rs"]
mod support;

mod clients;
mod connections;
mod deposits;
mod devices;
mod ends;
mod foreign;
mod guarded;
mod hints;
mod kept;
mod machines;
mod options;
mod pages;
mod pinned;
mod proofs;
mod property;
mod pushed;
mod records;
mod registration;
mod silent;
mod sockets;
mod states;
mod step_up;
mod targets;
mod traces;

use hostile::provider::Provider;
use hostile::worker::{Begun, SharedWorker};
use support::options;
use valet_key::protocol::error::Kind;
use valet_key::vault::messages::Outcome;

/// The app at its provider.
fn app() -> String {
    options("")
}

/// A client of the same app with another API list.
fn wider() -> String {
    app().replace("/v1/", "/")
}

/// The same app for another account of its user.
fn second_account() -> String {
    options(r#""account":"second","#)
}

/// The same app with a key.
fn with_key() -> String {
    options(r#""tokenEndpointAuthMethod":"private_key_jwt","#)
}

/// Another app at the same provider.
fn other_app() -> String {
    app().replace("\"spa\"", "\"other-app\"")
}

/// An app with the same client id at another provider.
fn elsewhere() -> String {
    app().replace("https://as.test", ELSEWHERE)
}

const ELSEWHERE: &str = "https://other-as.test";

/// The attacker's address, which must not receive tokens, codes or verifiers.
const EVIL: &str = "https://evil.test";

/// A worker in a world with the providers of all apps.
fn worker() -> SharedWorker {
    let worker = SharedWorker::new();
    worker.here.world().others.push(Provider::perfect(ELSEWHERE));
    worker
}

/// The option that an error names.
fn named(outcome: &Outcome) -> Option<&str> {
    match outcome.as_ref().err().map(|failed| failed.error.kind()) {
        Some(Kind::Config { option, .. }) => Some(option),
        _ => None,
    }
}

/// The record of a sign-in by redirect.
fn record(begun: &Begun) -> &str {
    begun.record.as_deref().expect("a page keeps a record")
}
