//! The border to JavaScript: numbers, and octets in the module's memory. `pkg/core.js` is the other side.
//!
//! A generated border for the same few texts costs 2 KB more.

use std::sync::Arc;

use super::tasks::{self, Answer};
use crate::protocol::error::Error;
use crate::protocol::time::Now;

/// What JavaScript is told; the order is that of `pkg/core.js`.
#[derive(Clone, Copy)]
pub(super) enum Message {
    /// A call has ended, with this value.
    Done,
    /// A call has ended, with this error in JSON.
    Failed,
    /// The session of a port's client has changed: `{ session, reason }`.
    Changed,
    /// Ask the API of a call ahead of the token.
    AskAhead,
    /// Tell the other vaults of the origin.
    Tell,
    /// Send a request of the protocol: `{ url, cache, form, authorization, timeout }`.
    Send,
    /// Check a signature, the bytes: `{ key, algorithm, data, beside }`.
    Verify,
    /// Send the app's own request of `{ call, authorization }`.
    Forward,
}

#[link(wasm_import_module = "host")]
unsafe extern "C" {
    fn tell(message: u32, id: u32, text: *const u8, text_length: usize, octets: *const u8, octets_length: usize);
    fn random(octets: *mut u8, length: usize);
    #[link_name = "origin"]
    fn write_origin(octets: *mut u8, length: usize) -> usize;
    safe fn wall() -> f64;
    safe fn monotonic() -> f64;
}

/// Tells JavaScript something. `id` is that of the call or of the question, by which it answers.
pub(super) fn say(message: Message, id: u32, text: &str, octets: &[u8]) {
    // SAFETY: JavaScript reads both within this call, and nothing else.
    unsafe { tell(message as u32, id, text.as_ptr(), text.len(), octets.as_ptr(), octets.len()) }
}

/// Reads both clocks.
#[expect(clippy::cast_possible_truncation, reason = "whole milliseconds, far from the end of 64 bits")]
pub(super) fn now() -> Now {
    Now { wall: wall() as i64, monotonic: monotonic() as i64 }
}

/// The origin of the worker's file.
pub(super) fn origin() -> String {
    // A host name has 253 characters at most (RFC 1035 §2.3.4).
    let mut bytes = [0; 300];
    // SAFETY: JavaScript fills no more than that many bytes within this call, and says how many.
    let length = unsafe { write_origin(bytes.as_mut_ptr(), bytes.len()) };
    bytes.get(..length).and_then(|text| String::from_utf8(text.into()).ok()).unwrap_or_default()
}

/// Draws from the browser's generator.
pub(super) fn entropy() -> Result<[u8; 32], Arc<Error>> {
    let mut octets = [0; 32];
    // SAFETY: JavaScript fills that many octets within this call.
    unsafe { random(octets.as_mut_ptr(), octets.len()) };
    if octets == [0; 32] { Err(Error::no_entropy()) } else { Ok(octets) }
}

/// Room for octets, which JavaScript fills and hands back to one of the exports below.
#[unsafe(no_mangle)]
extern "C" fn room(length: usize) -> *mut u8 {
    // The type is spelled because `taken` frees bytes: with larger elements, most of each text would stay allocated.
    let bytes: Box<[u8]> = vec![0; length].into_boxed_slice();
    Box::into_raw(bytes).cast()
}

/// Begins a call: an object in JSON with `op`, `client` and what the operation takes.
#[unsafe(no_mangle)]
extern "C" fn call(id: u32, text: *mut u8, length: usize) {
    // SAFETY: see `taken`.
    let text = unsafe { taken(text, length) };
    super::begin(id, String::from_utf8(text).unwrap_or_default());
}

/// Answers a question. `head` has the `Content-Type` and the `Retry-After` of an answer of HTTP, a line each.
#[unsafe(no_mangle)]
extern "C" fn answer(id: u32, status: i32, head: *mut u8, head_length: usize, body: *mut u8, body_length: usize) {
    // SAFETY: see `taken`.
    let (head, body) = unsafe { (taken(head, head_length), taken(body, body_length)) };
    tasks::answer(id, Answer { status, head: String::from_utf8(head).unwrap_or_default(), body });
}

/// # Safety
///
/// The address comes from `room`, which was asked for this length, and is handed back once.
unsafe fn taken(octets: *mut u8, length: usize) -> Vec<u8> {
    // SAFETY: as above.
    unsafe { Box::from_raw(core::ptr::slice_from_raw_parts_mut(octets, length)) }.into_vec()
}
