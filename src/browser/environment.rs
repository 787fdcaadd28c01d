//! The features that pages and workers both provide: clocks, their origin, and entropy.

use wasm_bindgen::prelude::*;

use crate::protocol::error::{Error, Result};
use crate::protocol::time::Now;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = Date, js_name = now)]
    fn wall() -> f64;

    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn monotonic() -> f64;

    #[wasm_bindgen(thread_local_v2, js_namespace = location, js_name = origin)]
    static ORIGIN: String;
}

/// Reads both clocks.
#[expect(clippy::cast_possible_truncation, reason = "whole milliseconds, far from the end of 64 bits")]
pub(crate) fn now() -> Now {
    Now { wall: wall() as i64, monotonic: monotonic() as i64 }
}

/// The origin of the page, or of the worker's script.
pub(super) fn origin() -> String {
    ORIGIN.with(Clone::clone)
}

/// Draws 32 bytes from the browser's random number generator.
pub(super) fn entropy() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| Error::no_entropy())?;
    // A stub in the place of `getRandomValues` leaves them as they are.
    if bytes == [0; 32] { Err(Error::no_entropy()) } else { Ok(bytes) }
}
