//! The protocol: what to send, what to trust, what to do next. It knows RFCs and no browser.
//!
//! ```text
//! config ─▶ metadata ─▶ authorization_request ─▶ (redirect) ─▶ authorization_response ─▶ token ─▶ session ─▶ resource
//! ```
//!
//! Everything is synchronous and the same on every target. Time and entropy are arguments. Requests are returned, and the
//! caller sends them.

#![forbid(unsafe_code)]

pub mod authorization_details;
pub mod authorization_request;
pub mod authorization_response;
pub mod base64url;
pub mod carried;
pub mod client_assertion;
pub mod config;
pub mod device;
pub mod discovery;
pub mod dpop;
pub mod error;
pub mod foreign;
pub mod form;
pub mod http;
pub mod id_token;
pub mod json;
pub mod jwks;
pub mod jwt;
pub(crate) mod list;
pub mod logout;
pub mod metadata;
pub mod options;
pub mod pinned;
pub mod pkce;
pub mod protected_resource;
pub mod public_key;
pub mod pushed;
pub mod registration;
pub(crate) mod replaced;
pub mod resource;
pub mod secret;
pub mod session;
pub mod session_state;
pub mod socket;
pub mod step_up;
pub mod time;
pub mod token;
pub mod trace;
pub mod transaction;
pub mod url;
pub mod userinfo;
