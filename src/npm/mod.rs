//! What the npm package stands on. It translates and does nothing else: messages in JSON in, texts out, errors as JSON.
//!
//! Each call of `pkg/core.js` has a number, and ends once.

mod border;
mod host;
mod tasks;

use core::cell::RefCell;

use crate::vault::{Vault, messages};
use border::{Message, say};
use host::Here;

#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

thread_local! {
    static VAULT: &'static RefCell<Vault<Here>> = Box::leak(Box::default());
}

/// Runs a message until it waits for something. One that waits for nothing has ended when this returns.
fn begin(call: u32, message: String) {
    tasks::spawn(Box::pin(async move {
        match messages::perform(VAULT.with(|vault| *vault), &Here::default(), call, &message).await {
            Ok(value) => say(Message::Done, call, &value, &[]),
            Err(failed) => say(Message::Failed, call, &messages::to_json(&failed), &[]),
        }
    }));
}
