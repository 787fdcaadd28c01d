//! The messages about a client with a key.

use super::Vault;
use super::messages::{Outcome, Worker, read_options, signed_in};
use super::wire::{self, Begin};
use crate::client::Client;
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
    let scope = scope.unwrap_or_default();
    let params = read_options(message.get("options"))?;
    let registered = vault.borrow().registered(scope);
    let scope = registered.as_ref().map_or(scope, |(_, scope)| scope.as_str());
    let before = client.subject();
    let was_signed_in = client.is_signed_in();
    client.sign_in_as_machine(scope, &params).await?;
    signed_in(vault, worker, client, was_signed_in, before.as_deref());
    Ok(String::new())
}

/// `publicKey` returns the public half of the client's key, as a JWK.
pub(super) async fn public_key<W: Worker>(client: &Client<W::Host>) -> Outcome {
    Ok(client.public_key().await?.to_jwk())
}
