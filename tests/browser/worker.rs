//! The browser host in a dedicated worker.

#![cfg(all(feature = "browser", target_arch = "wasm32"))]

mod host;
#[path = "../support/known.rs"]
mod known;

use wasm_bindgen_test::wasm_bindgen_test_configure;

wasm_bindgen_test_configure!(run_in_dedicated_worker);
