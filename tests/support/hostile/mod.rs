//! A provider that is correct except for one change, an app that takes all steps with it, and the checks at the end.
//!
//! ```text
//! Case ─▶ App ─▶ discovery ─▶ authorization request ─▶ callback ─▶ token request ─▶ session ─▶ refresh ─▶ call
//!          └──── each request answered by Provider, with the one change, and recorded ───┘
//! ```
//!
//! The tests of the whole client and of the vault use a [`world`] instead of an app.

#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod app;
pub(crate) mod case;
pub(crate) mod proofs;
pub(crate) mod provider;
pub(crate) mod resource_server;
pub(crate) mod text;
pub(crate) mod worker;
pub(crate) mod world;
