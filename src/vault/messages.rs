//! The messages that a vault receives from its ports and from other vaults. Each message is one JSON object with a member `op`,
//! and its result is a text.
//!
//! A message of a port acts on that port's client only; beyond that, it can only end sessions and sign-ins. `docs/security.md`
//! lists the possible effects of each message.

use super::devices;
use super::guard::{Handed, at_guard, handed_over};
use super::kept::{self, Whose};
use super::machine;
use super::registration;
use super::wire::{
    self, Abandon, Addressed, Begin, Begun, Complete, Completed, Configure, End, FrontChannel, Pin, Recall, Userinfo,
};
use super::{HAS_GUARD, Kept, News, SignIns, Vault};

pub use super::wire::{Failed, Outcome};
use crate::client::host::Host;
use crate::client::{Client, Completion, OtherSignIns};
use crate::protocol::authorization_request::{AuthorizationRequest, Navigates, SignIn, is_in_window};
use crate::protocol::config::{Tokens, scope_beyond, scope_set};
use crate::protocol::error::{Error, Kind, Result};
use crate::protocol::json::{Value, to_string};
use crate::protocol::options::mistyped;
use crate::protocol::replaced::replaced;
use crate::protocol::session::{Change, Session};
use crate::protocol::time::Now;
use crate::protocol::transaction::{Purpose, RedirectPage};
use core::cell::RefCell;
use std::borrow::Cow;

/// The functions that a vault needs from the worker that it runs in, in addition to the [`Host`] of each client.
pub trait Worker {
    /// The host of one client.
    type Host: Host;

    /// Creates the host of a new client, which the vault knows by this number.
    fn host(&self, client: u32) -> Self::Host;

    /// Reads both clocks.
    fn now(&self) -> Now;

    /// Sends news to the other vaults of the origin.
    fn tell(&self, news: &str);

    /// Takes the keys that came with a deposit.
    fn deposited_keys(&self) -> Vec<<Self::Host as Host>::Key>;

    /// Whether the device can keep sessions: it stores a `CryptoKey` that cannot be exported, and lets one vault at a time use it.
    fn can_keep(&self) -> impl Future<Output = bool>;

    /// What the device keeps under a name, if no other vault uses it: the text and the key of [`Kept`](super::kept::Kept).
    fn kept(&self, name: &str) -> impl Future<Output = Option<(String, <Self::Host as Host>::Key)>>;

    /// Removes what the device keeps under all names that begin so.
    fn forget_kept(&self, begin: &str, whose: Whose<'_>);
}

/// Sign-in options that have a name in this library, with the registered name of their parameter.
pub(super) const OPTIONS: [(&str, &str); 9] = [
    ("acrValues", "acr_values"),
    ("authorizationDetails", "authorization_details"),
    ("claims", "claims"),
    ("claimsLocales", "claims_locales"),
    ("display", "display"),
    ("loginHint", "login_hint"),
    ("maxAge", "max_age"),
    ("prompt", "prompt"),
    ("uiLocales", "ui_locales"),
];

/// How a user gets to the provider. The page acts on it; `features` and `returnTo` are also options of the page.
const MODES: [&str; 5] = ["redirect", "popup", "silent", "device", "machine"];

/// Carries out a message. The app's own requests are not messages: [`Client::fetch`] sends them.
///
/// # Errors
///
/// Those of the operation.
pub async fn perform<W: Worker>(vault: &RefCell<Vault<W::Host>>, worker: &W, message: &str) -> Outcome {
    let message = Value::parse(message)
        .map_err(|_| Error::config("params", "not Unicode text", "Call `toWellFormed()` on texts of users."))?;
    let Ok(Addressed { op, port }) = message.read() else { return Err(Error::unexpected("no operation").into()) };
    let port = port.unwrap_or_default();
    match op {
        "configure" => {
            let make = |number| worker.host(number);
            let Configure { options, had } = wire::read(&message)?;
            vault.borrow_mut().configure(port, options, make)?;
            let client = vault.borrow().client(port)?;
            if had == Some(0) {
                kept::end(vault, worker, &client).await;
                client.cancel_device();
                if client.is_signed_in() {
                    sign_out_unheard(vault, worker, &client);
                }
            }
            return Ok(String::new());
        }
        "pin" if HAS_GUARD => return pin(vault, worker, &message),
        "leave" => {
            if let Ok(client) = vault.borrow().client(port) {
                client.leave_device(port);
            }
            vault.borrow_mut().leave(port);
            return Ok(String::new());
        }
        "heard" => {
            let has_ended = heard(vault, worker, &message);
            // The guard has to forget what waits for the vault, too.
            let is_guarded = vault.borrow().guard().is_some();
            return Ok(if is_guarded { to_string(&has_ended) } else { String::new() });
        }
        "recall" => {
            let Recall { deposit } = wire::read(&message)?;
            let keys = worker.deposited_keys();
            vault.borrow_mut().recall(deposit, &keys, |number| worker.host(number));
            // From now on, this vault is the one that uses what the device keeps.
            let clients = vault.borrow().clients();
            clients.iter().for_each(Client::keep_now);
            return Ok(vault.borrow().deposit());
        }
        _ => {}
    }
    let client = vault.borrow().client(port)?;
    match op {
        "prepare" => {
            client.prepare().await?;
            client.settle().await;
        }
        "begin" => return begin(vault, worker, &client, &message).await,
        "abandon" => {
            let Abandon { state } = wire::read(&message)?;
            if vault.borrow_mut().give_up(port, state, worker.now()) {
                client.doubt();
            }
        }
        "trace" => vault.borrow_mut().trace(port),
        "complete" => return complete(vault, worker, port, &client, &message).await,
        "beginDevice" | "pollDevice" | "abandonDevice" => {
            return devices::perform(vault, worker, port, &client, op, &message).await;
        }
        "signInMachine" => return machine::sign_in(vault, worker, &client, &message).await,
        "register" if vault.borrow().pinned.is_some() => {
            let hint = "Write the `clientId` of options.json.";
            return Err(Error::config("clientId", "left out, and this worker registers no app", hint).into());
        }
        "register" => return registration::register(&client, &message).await,
        "publicKey" => return machine::public_key::<W>(&client, port).await,
        "session" => {
            kept::wake(worker, &client, kept::Tokens::Renew).await;
            client.completed().await;
            return Ok(client.session().as_ref().map(Session::to_json).unwrap_or_default());
        }
        "refresh" => {
            client.refresh().await?;
            return Ok(client.session().as_ref().map(Session::to_json).unwrap_or_default());
        }
        "userinfo" => {
            let Userinfo { sub } = wire::read(&message)?;
            return Ok(client.userinfo(sub).await?);
        }
        // A client with any other setting never returns a token, wherever its port is.
        "accessToken" if client.config().tokens == Tokens::Page => {
            let url = message.get("url").and_then(Value::as_str);
            client.completed().await;
            return Ok(client.access_token(url).await?);
        }
        // Returns the URL at which the provider ends its own session; empty if there is none, or if the message has no
        // `returnTo`.
        "end" => return end(vault, worker, &client, &message).await,
        // Returns whether it ended a session.
        "frontChannel" => {
            let FrontChannel { query } = wire::read(&message)?;
            kept::wake(worker, &client, kept::Tokens::Leave).await;
            return Ok(to_string(&front_channel(vault, worker, query).await));
        }
        _ => return Err(Error::unexpected("no such operation").into()),
    }
    Ok(String::new())
}

/// Takes the options from the file beside the worker. The sessions of other options end.
fn pin<W: Worker>(vault: &RefCell<Vault<W::Host>>, worker: &W, message: &Value<'_>) -> Outcome {
    let Pin { options, folder } = wire::read(message)?;
    let earlier = vault.borrow_mut().pin(options, folder)?;
    for client in &earlier {
        worker.forget_kept(&kept::begin_of_names(client.config()), Whose::Any);
        if client.is_signed_in() {
            client.end_unheard();
        }
    }
    Ok(vault.borrow().deposit())
}

/// Begins a sign-in. Returns `{ url, state, record }`. For a sign-in in another window there is no record, because its
/// transaction never leaves the vault.
async fn begin<W: Worker>(
    vault: &RefCell<Vault<W::Host>>,
    worker: &W,
    client: &Client<W::Host>,
    message: &Value<'_>,
) -> Outcome {
    let Begin { redirect_uri, names_page, scope, return_to, in_window, shared, restores } = wire::read(message)?;
    kept::check(worker, client).await?;
    let params = &read_options(message.get("options"))?;
    let in_window = in_window == Some(true);
    let scope = whole_scope(&vault.borrow(), scope, message)?;
    let registered = vault.borrow().registered(&scope);
    let (redirect_uri, scope) = match &registered {
        Some((redirect_uri, scope)) => (redirect_uri.as_str(), scope.as_str()),
        None => (redirect_uri.unwrap_or_default(), scope.as_str()),
    };
    let has_own_page = client.config().found_by().is_some() && names_page == Some(false);
    let own_page = client.own_page(redirect_uri).filter(|_| has_own_page);
    let sign_in = SignIn {
        redirect_uri: own_page.as_deref().unwrap_or(redirect_uri),
        scope,
        return_to: return_to.unwrap_or_default(),
        params,
        navigates: if in_window { Navigates::OtherWindow } else { Navigates::Page },
        redirect_page: match &own_page {
            page if registered.is_some() || page.is_some() => RedirectPage::OfOneProvider,
            // The page of a metadata document is also one of other clients.
            _ if has_own_page => RedirectPage::Shared,
            _ => redirect_page(shared),
        },
        purpose: if restores == Some(true) { Purpose::Restore } else { Purpose::SignIn },
        carries: "",
        is_draft: registered.is_some(),
        bound_to: None,
    };
    let AuthorizationRequest { url, mut transaction, .. } = client.begin(sign_in).await?;
    let departure = at_guard(&vault.borrow(), client, sign_in, &mut transaction)?;
    if let Some(departure) = departure {
        vault.borrow_mut().keep(client, *transaction, worker.now());
        return Ok(departure);
    }
    let state = transaction.state.expose();
    let record = (!in_window).then(|| transaction.to_record());
    let begun = to_string(&Begun { url: &url, state, record: record.as_deref() });
    vault.borrow_mut().keep(client, *transaction, worker.now());
    Ok(begun)
}

/// Completes a sign-in. Returns `{ returnTo, declined, granted }`. A page that waits for another window receives a refusal as an error.
async fn complete<W: Worker>(
    vault: &RefCell<Vault<W::Host>>,
    worker: &W,
    port: u32,
    client: &Client<W::Host>,
    message: &Value<'_>,
) -> Outcome {
    let Complete { address, state, record, pending, shared, scope, handover } = wire::read(message)?;
    let before = client.subject();
    let had_user = client.has_user();
    let handed_over = handed_over(&mut vault.borrow_mut(), client, state, handover, worker.now());
    let (address, kept, redeemed, page) = if let Some(Handed { address, kept, redeemed, key, steps }) = handed_over {
        for told in &steps {
            client.tell_noted(told);
        }
        if let Some(key) = key {
            client.adopt_jwk(key.expose()).await;
        }
        (Cow::Owned(address), kept, redeemed, RedirectPage::OfOneProvider)
    } else {
        let kept = vault.borrow_mut().take(port, state, record, worker.now());
        (Cow::Borrowed(address), kept, None, redirect_page(shared))
    };
    let transaction = match kept {
        // A page is waiting for this response and must be notified.
        Kept::Spent if is_in_window(state) => return Err(Error::from(Kind::Cancelled).into()),
        Kept::Spent => return Ok(to_string(&Completed::default())),
        Kept::Nothing => None,
        Kept::Transaction(transaction) => Some(transaction),
    };
    let path = transaction.as_ref().map(|transaction| transaction.return_to.clone());
    let asked = transaction.as_ref().map(|transaction| transaction.scope.clone()).unwrap_or_default();
    let others = if pending == Some(true) { OtherSignIns::Pending } else { OtherSignIns::None };
    let completion = client.complete_with(&address, transaction, others, page, redeemed).await;
    if had_user && !client.is_signed_in() && is_of_another(&completion) {
        ended(vault, worker, client, before.as_deref(), SignIns::GoOn);
    }
    let completion = completion.map_err(|error| Failed { error, return_to: path })?;
    let granted;
    Ok(to_string(&match &completion {
        Completion::Ignored => Completed::default(),
        Completion::Declined(_, said) if is_in_window(state) => {
            return Err(Error::from(Kind::InteractionRequired(said.clone())).into());
        }
        Completion::Declined(path, said) => {
            Completed { return_to: Some(path), declined: Some(said.error.as_str()), granted: None }
        }
        Completion::ReturnTo(path) => {
            signed_in(vault, worker, client, had_user, before.as_deref());
            // The scope of the session says nothing about what was granted for further resources.
            let is_known = client.config().api.resources().next().is_none();
            let has = client.session().filter(|_| is_known).map_or(asked.clone(), |session| session.scope);
            let base = scope.filter(|_| !asks_for_all(&vault.borrow(), scope));
            let of_apis = client.config().api.scope();
            granted = base.map(|base| scope_beyond(&scope_set(base, &of_apis), &asked, &has));
            Completed { return_to: Some(path), declined: None, granted: granted.as_deref() }
        }
    }))
}

/// Signs out. Returns the URL at which the provider ends its own session.
async fn end<W: Worker>(
    vault: &RefCell<Vault<W::Host>>,
    worker: &W,
    client: &Client<W::Host>,
    message: &Value<'_>,
) -> Outcome {
    let End { return_to } = wire::read(message)?;
    client.check_return(return_to)?;
    kept::wake(worker, client, kept::Tokens::Leave).await;
    let (subject, is_machine) = (client.subject(), client.is_machine());
    let session = client.forget();
    if !is_machine {
        ended(vault, worker, client, subject.as_deref(), SignIns::End);
    }
    Ok(client.end_at_provider(session, return_to).await?.unwrap_or_default())
}

/// Whose responses arrive at the redirect page, from a member of a message.
fn redirect_page(shared: Option<bool>) -> RedirectPage {
    if shared == Some(true) { RedirectPage::Shared } else { RedirectPage::OfOneProvider }
}

/// Whether the provider silently signed in a different user than the one of the session. A session can also end for another
/// reason in the meantime, which does not affect other clients.
fn is_of_another(completion: &Result<Completion>) -> bool {
    match completion {
        Ok(Completion::Declined(_, said)) => said.error.as_str() == "user_changed",
        Ok(_) => false,
        Err(error) => matches!(error.kind(), Kind::UserChanged),
    }
}

/// Handles the sign-in of a client: if the user has changed, ends the sessions of the previous user; then notifies the other
/// vaults.
pub(super) fn signed_in<W: Worker>(
    vault: &RefCell<Vault<W::Host>>,
    worker: &W,
    client: &Client<W::Host>,
    had_user: bool,
    before: Option<&str>,
) {
    let after = client.subject();
    if had_user && client.has_user() && before != after.as_deref() {
        ended(vault, worker, client, before, SignIns::GoOn);
    }
    if let Some(sub) = &after {
        let config = client.config();
        kept::forget_others(worker, config, sub);
        let (provider, client_id, account) = (config.provider(), &*config.client_id, &*config.account);
        worker.tell(&to_string(&wire::News::from(&News::SignedIn { provider, client_id, account, sub })));
    }
}

/// Ends the sessions of a user in the other clients with the same provider and client ID, in this vault, in others, and on the device.
pub(super) fn ended<W: Worker>(
    vault: &RefCell<Vault<W::Host>>,
    worker: &W,
    client: &Client<W::Host>,
    sub: Option<&str>,
    sign_ins: SignIns,
) {
    let config = client.config();
    let (provider, client_id) = (config.provider(), config.client_id.as_str());
    let news = News::Ended { provider, client_id, sub, sign_ins };
    end_others(vault, worker, Some(client), &news);
    worker.forget_kept(&kept::begin_of_names(config), sub.map_or(Whose::Any, Whose::Of));
    worker.tell(&to_string(&wire::News::from(&news)));
}

/// Ends the session that the provider names (Front-Channel Logout §2), and the other sessions of its user. Returns whether
/// there was such a session.
async fn front_channel<W: Worker>(vault: &RefCell<Vault<W::Host>>, worker: &W, query: &str) -> bool {
    let named = vault.borrow().clients().into_iter().find(|client| client.is_named_by(query));
    let Some(client) = named else { return false };
    if client.knows_server() {
        sign_out_unheard(vault, worker, &client);
    } else {
        kept::end_woken(vault, worker, &client).await;
    }
    true
}

/// Ends the session of a client and the other sessions of its user, without waiting for the provider.
fn sign_out_unheard<W: Worker>(vault: &RefCell<Vault<W::Host>>, worker: &W, client: &Client<W::Host>) {
    let (subject, is_machine) = (client.subject(), client.is_machine());
    client.end_unheard();
    if !is_machine {
        ended(vault, worker, client, subject.as_deref(), SignIns::End);
    }
}

/// Applies the news of another vault to this one. Returns whether the news ends the sign-ins of a client.
fn heard<W: Worker>(vault: &RefCell<Vault<W::Host>>, worker: &W, message: &Value<'_>) -> bool {
    let news = message.read::<wire::News<'_>>();
    let Some(news) = news.ok().as_ref().and_then(wire::News::read) else { return false };
    end_others(vault, worker, None, &news);
    let clients = vault.borrow().clients();
    news.end_sign_ins() && clients.iter().any(|client| news.concern(client.config()))
}

/// Ends the sessions and sign-ins that this news ends, except for the session of the client that caused the news.
fn end_others<W: Worker>(vault: &RefCell<Vault<W::Host>>, worker: &W, from: Option<&Client<W::Host>>, news: &News<'_>) {
    vault.borrow_mut().abandon_all(news, worker.now());
    // The vault is not borrowed while sessions end: the host then asks the vault which pages to notify.
    let clients = vault.borrow().clients();
    for client in clients.iter().filter(|client| from.is_none_or(|from| !client.is_same(from))) {
        if news.end_sign_ins() && news.concern(client.config()) {
            client.cancel_device();
        }
        if news.end(client) {
            client.end_unheard();
        }
    }
}

/// The scope of a sign-in: the one that the page asks for in any case, what the user has granted in addition, and the option `scope` of
/// this sign-in. Where the options come from a file, a page that asks for nothing asks for the whole scope of the file. With a guard, the
/// result is empty then.
pub(super) fn whole_scope<H: Host>(vault: &Vault<H>, scope: Option<&str>, message: &Value<'_>) -> Result<String> {
    let text = |value: Option<&Value<'_>>| match value {
        None | Some(Value::Null) => Ok(String::new()),
        Some(value) => value.as_str().map(Into::into).ok_or_else(|| mistyped("scope")),
    };
    let asked = text(message.get("options").and_then(|options| options.get("scope")))?;
    let granted = text(message.get("granted"))?;
    let all = asks_for_all(vault, scope);
    let scope = scope.unwrap_or_default();
    match vault.pinned.as_ref().filter(|_| HAS_GUARD) {
        Some(pinned) if pinned.guard.is_none() => {
            let scope = if all { &*pinned.scope } else { scope };
            pinned.check_scope(&scope_set(scope, &asked))?;
            // The browser remembers what was granted, perhaps from the time of another file.
            Ok(scope_set(&scope_set(scope, &pinned.within_scope(&granted)), &asked))
        }
        Some(_) if all => Ok(String::new()),
        _ => Ok(scope_set(&scope_set(scope, &granted), &asked)),
    }
}

/// Whether a page asks for the whole scope of the file.
fn asks_for_all<H: Host>(vault: &Vault<H>, scope: Option<&str>) -> bool {
    HAS_GUARD && vault.pinned.is_some() && scope.unwrap_or_default().is_empty()
}

/// Reads the options of a sign-in as parameters with registered names: `loginHint` becomes `login_hint`, and the items of a
/// list are separated by spaces.
pub(super) fn read_options(options: Option<&Value<'_>>) -> Result<Vec<(String, String)>> {
    let Some(Value::Object(members)) = options else {
        return Err(Error::config("options", "not an object", "Pass an object to `signIn`."));
    };
    if let Some(mode) = options.and_then(|options| options.get("mode"))
        && !MODES.iter().any(|known| mode.as_str() == Some(known))
    {
        let (problem, hint) = replaced(mode.as_str().unwrap_or_default())
            .unwrap_or(("no way to sign in", "Use `redirect`, `popup`, `silent`, `device` or `machine`."));
        return Err(Error::config("mode", problem, hint));
    }
    let params = options.and_then(|options| options.get("params"));
    let mut read: Vec<(String, String)> = Vec::new();
    let is_of_page = |name: &str| matches!(name, "params" | "mode" | "features" | "returnTo" | "scope");
    for (name, value) in members.iter().filter(|(name, value)| !is_of_page(name) && *value != Value::Null) {
        let Some((_, registered)) = OPTIONS.iter().find(|(known, _)| known == name) else {
            let (problem, hint) = replaced(name)
                .unwrap_or(("not an option of a sign-in", "Check its spelling in index.d.ts, or pass it in `params`."));
            return Err(Error::config(name, problem, hint));
        };
        if params.is_some_and(|params| params.get(registered).is_some()) {
            return Err(Error::config(
                name,
                "given as an option and in `params`",
                "Keep the option, and remove it from `params`.",
            ));
        }
        let mut spelling = String::new();
        match &**name {
            "authorizationDetails" => spelling = to_string(value),
            _ => spell(&mut spelling, value),
        }
        read.push(((*registered).into(), spelling));
    }
    match params {
        None => {}
        Some(Value::Object(params)) => {
            for (name, value) in params {
                read.push((String::from(&**name), value.as_str().ok_or_else(not_strings)?.into()));
            }
        }
        Some(_) => return Err(not_strings()),
    }
    Ok(read)
}

#[cold]
fn not_strings() -> Error {
    Error::config("params", "not an object of strings", "Write each value in quotes, such as `{ audience: 'my-api' }`.")
}

/// Writes the value of an option as the value of a parameter.
fn spell(out: &mut String, value: &Value<'_>) {
    match value {
        Value::String(text) => out.push_str(text),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { " " } else { "" });
                spell(out, item);
            }
        }
        other => out.push_str(&to_string(other)),
    }
}

/// Serializes an error, so that `pkg/errors.js` can recreate it in the page.
#[cold]
pub fn to_json(failed: &Failed) -> String {
    to_string(&wire::Failure::from(failed))
}

/// The message about a change that a page receives: `{ session, reason }`.
pub fn changed(change: Change, session: Option<&Session>) -> String {
    to_string(&wire::Changed { session, reason: change.as_str() })
}
