//! A provider that is perfect but for one change, an app that goes all the way with it, and what must hold afterwards.
//!
//! ```text
//! Case ─▶ App ─▶ discovery ─▶ authorization request ─▶ callback ─▶ token request ─▶ session ─▶ refresh ─▶ call
//!          └──── each request answered by Provider, with the one change, and written down ───┘
//! ```
//!
//! The client as a whole, and the vault, have their [`world`] around them instead of an app.

#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod app;
pub(crate) mod case;
pub(crate) mod provider;
pub(crate) mod text;
pub(crate) mod world;
