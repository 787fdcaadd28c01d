//! The message about the registration of an app.

use super::messages::Outcome;
use super::wire::{self, Register};
use crate::client::Client;
use crate::client::host::Host;
use crate::protocol::json::Value;
use crate::protocol::registration::Registration;

/// `register` returns what the browser has to remember: see [`Client::register`].
pub(super) async fn register<H: Host>(client: &Client<H>, message: &Value<'_>) -> Outcome {
    let Register { redirect_uri, names_page, scope, known, unreturned, document } = wire::read(message)?;
    let more = message.get("registration");
    let names_page = names_page != Some(false);
    let app = Registration { redirect_uri, names_page, scope, more, known, unreturned, document };
    Ok(client.register(&app).await?.to_text())
}
