//! The rows of `tests/cases` whose decision the protocol makes: an honest run with one change.

#[path = "../support/hostile/mod.rs"]
mod hostile;
#[path = "../support/mod.rs"]
mod support;

mod callback;
mod client;
mod discovery;
mod limits;
mod refresh;
mod request;
mod token;
