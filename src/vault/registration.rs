//! The message about the registration of an app.

use super::messages::Outcome;
use super::wire::{self, Register};
use crate::client::Client;
use crate::client::host::Host;
use crate::protocol::json::Value;

/// `register` returns what the browser has to remember: see [`Client::register`].
pub(super) async fn register<H: Host>(client: &Client<H>, message: &Value<'_>) -> Outcome {
    let Register { redirect_uri, scope, known, unreturned } = wire::read(message)?;
    let more = message.get("registration");
    Ok(client.register(redirect_uri, scope, more, known, unreturned).await?.to_text())
}
