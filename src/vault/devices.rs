//! The messages about sign-ins on another device.

use super::Vault;
use super::kept;
use super::messages::{Outcome, Worker, read_options, signed_in, whole_scope};
use super::wire::{self, Begin, BegunDevice, OfDevice};
use crate::client::{Client, Polled};
use crate::protocol::json::{Value, to_string};
use core::cell::RefCell;

/// Carries out one of them:
///
/// - `beginDevice` begins or continues a sign-in. Returns `{ number, prompt }`.
/// - `pollDevice` asks whether the user has finished. Returns the milliseconds until the next message, or nothing if the user is
///   signed in.
/// - `abandonDevice` ends the wait of one call.
pub(super) async fn perform<W: Worker>(
    vault: &RefCell<Vault<W::Host>>,
    worker: &W,
    port: u32,
    client: &Client<W::Host>,
    op: &str,
    message: &Value<'_>,
) -> Outcome {
    if op == "beginDevice" {
        let Begin { scope, .. } = wire::read(message)?;
        kept::check(worker, client).await?;
        let scope = whole_scope(&vault.borrow(), scope, message)?;
        let params = read_options(message.get("options"))?;
        let registered = vault.borrow().registered(&scope);
        let scope = registered.as_ref().map_or(scope.as_str(), |(_, scope)| scope.as_str());
        let (number, prompt) = client.begin_device(port, scope, &params).await?;
        return Ok(to_string(&BegunDevice { number, prompt }));
    }
    let OfDevice { number } = wire::read(message)?;
    if op == "abandonDevice" {
        client.abandon_device(port, number);
        return Ok(String::new());
    }
    let before = client.subject();
    let had_user = client.has_user();
    match client.poll_device(number).await? {
        Polled::Wait(milliseconds) => Ok(to_string(&milliseconds)),
        Polled::SignedIn => {
            signed_in(vault, worker, client, had_user, before.as_deref());
            Ok(String::new())
        }
    }
}
