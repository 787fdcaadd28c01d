//! The rows of `tests/cases` whose decision the protocol makes: an honest run with one change.

#[path = "../support/hostile/mod.rs"]
mod hostile;
#[path = "../support/mod.rs"]
mod support;

mod absent;
mod callback;
mod client;
mod clocks;
mod culprits;
mod discovery;
mod limits;
mod refresh;
mod request;
mod silent;
mod token;
mod unbound;
