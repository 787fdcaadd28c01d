//! The messages about a client with a key.

use super::Vault;
use super::messages::{OPTIONS, Outcome, Worker, read_options, signed_in, whole_scope};
use super::wire::{self, Begin};
use crate::client::Client;
use crate::protocol::error::{Error, Result};
use crate::protocol::json::Value;
use core::cell::RefCell;

/// `signInMachine` signs the client in without a user.
pub(super) async fn sign_in<W: Worker>(
    vault: &RefCell<Vault<W::Host>>,
    worker: &W,
    client: &Client<W::Host>,
    message: &Value<'_>,
) -> Outcome {
    let Begin { scope, .. } = wire::read(message)?;
    let scope = whole_scope(&vault.borrow(), scope, message)?;
    let params = read_options(message.get("options"))?;
    check_options(message.get("options"))?;
    let registered = vault.borrow().registered(&scope);
    let scope = registered.as_ref().map_or(scope.as_str(), |(_, scope)| scope.as_str());
    let before = client.subject();
    let had_user = client.has_user();
    client.sign_in_as_machine(scope, &params).await?;
    signed_in(vault, worker, client, had_user, before.as_deref());
    Ok(String::new())
}

/// Checks that no option is for a user.
fn check_options(options: Option<&Value<'_>>) -> Result<()> {
    let Some(Value::Object(members)) = options else { return Ok(()) };
    let is_of_user = |name: &str| OPTIONS.iter().any(|(option, _)| *option == name);
    match members.iter().find(|(name, value)| is_of_user(name) && *value != Value::Null) {
        Some((name, _)) => {
            Err(Error::config(name, "for a user, and `mode: 'machine'` has none", "Remove it, or pass it in `params`."))
        }
        None => Ok(()),
    }
}

/// `publicKey` returns the public half of the client's key, as a JWK.
pub(super) async fn public_key<W: Worker>(client: &Client<W::Host>, port: u32) -> Outcome {
    Ok(client.public_key(port).await?.to_jwk())
}
