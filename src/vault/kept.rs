//! Sessions that are kept on the device, so that they outlive the browser (`keep: 'device'`).
//!
//! The device keeps a refresh token as a text, and the key that it is bound to, which cannot be exported. A script of the origin can read
//! and write what is there. So nothing of it says where a client sends its tokens.

use core::cell::RefCell;

use serde::{Deserialize, Serialize};

use super::messages::{Worker, ended};
use super::{SignIns, Vault};
use crate::client::Client;
use crate::client::host::Host;
use crate::protocol::config::{Config, Keep};
use crate::protocol::error::{Kind, Result};
use crate::protocol::json::{Value, to_string};
use crate::protocol::options::Options;

/// What the device keeps under a name.
#[derive(Debug)]
pub struct Kept<K> {
    /// [`name_of`] the client.
    pub name: String,
    /// The session, with the refresh token, and its key; `None` if nothing is to be kept.
    pub session: Option<(String, K)>,
    /// The user's `sub`.
    pub sub: Option<String>,
}

/// The text that is kept.
#[derive(Deserialize, Serialize)]
struct Record<'a> {
    /// The options of the client, as JSON text.
    options: &'a str,
    session: &'a str,
}

/// What to do with the tokens of a session that is woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tokens {
    /// Renew them, which also tells whether the session is over.
    Renew,
    /// Leave them: the session is about to end.
    Leave,
}

/// The name under which the device keeps the session of a client: one for each account at a provider, whatever the other options.
fn name_of(config: &Config) -> String {
    named(config, &config.account)
}

fn named(config: &Config, account: &str) -> String {
    to_string(&vec![config.provider(), &config.client_id, account])
}

/// The beginning of the names of the clients with this provider and client ID.
pub(super) fn begin_of_names(config: &Config) -> String {
    named(config, "").strip_suffix(r#"""]"#).unwrap_or_default().into()
}

/// Whose sessions to remove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose<'a> {
    /// Those of every user.
    Any,
    /// Those of the user with this `sub`, and of an unknown one.
    Of(&'a str),
    /// Those of every user but the one with this `sub`.
    NotOf(&'a str),
}

impl<H: Host> Vault<H> {
    /// What the device has to keep from now on. If several clients have a session under one name, it is that of the last one.
    pub fn kept(&self) -> Vec<Kept<H::Key>> {
        let mut all: Vec<Kept<H::Key>> = Vec::new();
        for tenant in &self.clients {
            let Some(kept) = tenant.client.kept() else { continue };
            let session =
                kept.map(|(session, key)| (to_string(&Record { options: &tenant.options, session: &session }), key));
            let (name, sub) = (name_of(tenant.client.config()), tenant.client.subject());
            match all.iter_mut().find(|known| known.name == name) {
                Some(known) if session.is_none() && known.session.is_some() => {}
                Some(known) => *known = Kept { name, session, sub },
                None => all.push(Kept { name, session, sub }),
            }
        }
        all
    }
}

/// Checks that the device can keep the session of a client that wants it.
///
/// # Errors
///
/// [`Kind::Environment`]
pub(super) async fn check<W: Worker>(worker: &W, client: &Client<W::Host>) -> Result<()> {
    if client.config().keep == Keep::Memory || worker.can_keep().await {
        return Ok(());
    }
    Err(Kind::Environment("the browser cannot store the key that `keep: 'device'` needs, or not from a shared worker")
        .into())
}

/// The user has signed out, although no vault has heard of it: ends the session that the device keeps for a client. Its tokens are
/// revoked when the metadata of the server are known.
pub(super) async fn end<W: Worker>(vault: &RefCell<Vault<W::Host>>, worker: &W, client: &Client<W::Host>) {
    if client.is_asleep() {
        wake(worker, client, Tokens::Leave).await;
        if client.is_signed_in() {
            let (subject, session) = (client.subject(), client.forget());
            ended(vault, worker, client, subject.as_deref(), SignIns::End);
            client.owe(session);
        }
    }
    // A client with other options may have kept it.
    worker.forget_kept(&name_of(client.config()), Whose::Any);
}

/// Removes what the device keeps of the earlier user of an account.
pub(super) fn forget_others<W: Worker>(worker: &W, config: &Config, sub: &str) {
    worker.forget_kept(&name_of(config), Whose::NotOf(sub));
}

/// Ends the session of a client, and revokes its tokens, although the metadata of the server are not known yet.
pub(super) async fn end_woken<W: Worker>(vault: &RefCell<Vault<W::Host>>, worker: &W, client: &Client<W::Host>) {
    let (subject, session) = (client.subject(), client.forget());
    ended(vault, worker, client, subject.as_deref(), SignIns::End);
    drop(client.end_at_provider(session, None).await); // the session has ended in any case
}

/// Continues the session that the device keeps for a client, if no session is known.
pub(super) async fn wake<W: Worker>(worker: &W, client: &Client<W::Host>, tokens: Tokens) {
    if !client.is_asleep() {
        return;
    }
    // Another caller may be waking it, or a user may be signing in.
    client.completed().await;
    if !client.is_asleep() {
        return;
    }
    let (_waking, call) = client.waking();
    let kept = worker.kept(&name_of(client.config())).await;
    let value = kept.as_ref().and_then(|(text, _)| Value::parse(text).ok());
    let record = value.as_ref().and_then(|value| value.read::<Record<'_>>().ok());
    // An earlier release of the app may have had other options.
    let is_of_client =
        |record: &Record<'_>| Options::parse(record.options).is_ok_and(|options| options.client == *client.config());
    let session = record.filter(is_of_client).map(|record| record.session);
    let key = kept.as_ref().map(|(_, key)| key.clone());
    client.wake(session.zip(key), call);
    if tokens == Tokens::Renew {
        client.renew_woken().await;
    }
}
