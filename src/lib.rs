//! Valet Key: OAuth 2 and OpenID Connect for browsers.
//!
//! An app gets a limited key (an access token) and never the user's password. With the npm package the app does not get the key
//! either, unless it sets `tokens: 'page'`: tokens stay in a worker, and the page receives only responses.
//!
//! ```text
//! protocol   decides: what to send and what to trust; pure, synchronous, any target; knows RFCs and no browser
//! client     drives:  the order of requests, and which calls wait for which; any target; asks a host for everything else
//! vault      guards:  which clients a worker has, and what a page may make them do; any target
//! browser    does:    fetch, Web Cryptography, clock, entropy; session storage for Rust front ends (wasm32, feature `browser`)
//! npm        exports: the functions that pkg/vault/worker.js calls (wasm32, feature `npm`)
//! ```
//!
//! Data moves in one direction through [`protocol`]: each step makes a value that only this step can make and that the next
//! step needs:
//!
//! ```text
//! config ─▶ metadata ─▶ authorization_request ─▶ (redirect) ─▶ authorization_response ─▶ token ─▶ session ─▶ resource
//! ```

// Only the code that wasm-bindgen's macros generate is unsafe, and wasm-bindgen is responsible for it.
#![deny(unsafe_code)]
// A panic becomes a WebAssembly trap, and a trap ends every session.
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub use client::Client;
pub use protocol::authorization_request::SignIn;
pub use protocol::error::{Error, Result};
pub use protocol::options::Options;
pub use protocol::resource::ApiEntry;
pub use protocol::session::Session;
pub use protocol::socket::SocketToken;

pub mod client;
pub mod protocol;
pub mod vault;

#[cfg(all(feature = "browser", target_arch = "wasm32"))]
pub mod browser;

#[cfg(all(feature = "npm", target_arch = "wasm32"))]
pub mod npm;
