//! Valet Key: OAuth 2 and OpenID Connect for browsers.
//!
//! An app gets a limited key (an access token), never the user's password, and with the npm package not even the key:
//! tokens stay in a worker, and the page gets responses.
//!
//! ```text
//! protocol   decides: pure, synchronous, any target, knows RFCs and no browser
//! client     drives:  the order of requests, what waits for what; any target, asks a host for all else
//! vault      guards:  whose clients a worker holds, and what a page may make them do; any target
//! browser    does:    fetch, Web Cryptography, clock, entropy; session storage for Rust front ends (wasm32, feature `browser`)
//! npm        exports: what pkg/worker.js calls (wasm32, feature `npm`)
//! ```
//!
//! Data moves one way through [`protocol`]; each step makes a value that only it can make and the next one needs:
//!
//! ```text
//! config ─▶ metadata ─▶ authorization_request ─▶ (redirect) ─▶ authorization_response ─▶ token ─▶ session ─▶ resource
//! ```

// What wasm-bindgen's macros write is theirs to answer for; nothing else is unsafe.
#![deny(unsafe_code)]
// A panic is a trap, and a trap ends every session.
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod client;
pub mod protocol;
pub mod vault;

#[cfg(all(feature = "browser", target_arch = "wasm32"))]
pub mod browser;

#[cfg(all(feature = "npm", target_arch = "wasm32"))]
pub mod npm;
