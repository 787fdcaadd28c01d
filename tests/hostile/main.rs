//! The rows of `tests/cases` that the protocol code decides: a valid run with one change.

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
