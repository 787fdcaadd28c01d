//! What the npm package stands on. It translates and does nothing else: messages in JSON in, texts out, errors as JSON.
//!
//! Each call of `pkg/core.js` has a number, and ends once.

mod border;
mod host;
mod tasks;

use core::cell::RefCell;

use crate::protocol::error::Error;
use crate::protocol::json::{write_integer, write_member};
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
            Err(error) => say(Message::Failed, call, &to_json(&error), &[]),
        }
    }));
}

/// An error as `pkg/errors.js` makes it again on the other side.
#[cold]
fn to_json(error: &Error) -> String {
    let mut json = String::from("{");
    write_member(&mut json, "code", error.code());
    write_member(&mut json, "fault", error.fault().as_str());
    write_member(&mut json, "message", &error.message());
    write_member(&mut json, "hint", error.hint());
    json.push_str(if error.is_retryable() { ",\"retryable\":true" } else { ",\"retryable\":false" });
    if let Some(seconds) = error.retry_after() {
        json.push_str(",\"retryAfter\":");
        write_integer(&mut json, i64::from(seconds));
    }
    if let Some(said) = error.oauth() {
        json.push_str(",\"oauth\":{");
        write_member(&mut json, "error", said.error.as_str());
        for (name, value) in [("error_description", &said.error_description), ("error_uri", &said.error_uri)] {
            if let Some(value) = value.as_ref().filter(|value| !value.is_left_out()) {
                write_member(&mut json, name, value.as_str());
            }
        }
        json.push('}');
    }
    json.push('}');
    json
}
