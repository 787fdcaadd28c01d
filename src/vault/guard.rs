//! The guard: a service worker that begins sign-ins and takes the provider's responses before any page exists, so that no script
//! of a page meets a code, a verifier or a state.
//!
//! ```text
//! page ─▶ vault: begin ─▶ page navigates to the guard: depart ─▶ provider ─▶ guard: arrive, redeem ─▶ page
//!                                                                                        └─▶ vault: complete
//! ```
//!
//! Guard and vault run the same module, each in its own worker, with the options of the same file. The vault checks everything
//! again that the guard hands over.

use super::messages::{Failed, Outcome, Worker, to_json};
use super::wire::{self, Answer, Begun, Handover, Onward, Started};
use super::{Kept, Vault};
use crate::client::host::Host;
use crate::client::{Client, Redeemed};
use crate::protocol::authorization_request::{AuthorizationRequest, Navigates, SignIn, is_in_window, new_flow};
use crate::protocol::authorization_response::AuthorizationResponse;
use crate::protocol::base64url;
use crate::protocol::carried::Carried;
use crate::protocol::error::{Error, Result};
use crate::protocol::foreign::Secrets;
use crate::protocol::form;
use crate::protocol::http::{Cache, HttpResponse};
use crate::protocol::json::{Value, to_string};
use crate::protocol::list::cut;
use crate::protocol::pinned::Pinned;
use crate::protocol::secret::Secret;
use crate::protocol::time::Now;
use crate::protocol::transaction::{Purpose, Transaction};
use core::cell::RefCell;

/// The fragment of a return path that has none. Without a fragment, a browser carries over the one of the provider's response.
const NO_FRAGMENT: &str = "#-";

impl<H: Host> Vault<H> {
    /// Sets the options of the only client. They come from a file of the site, which may have changed: while no page is open, other
    /// options take the place of the earlier ones. Returns the clients whose sessions end then.
    ///
    /// # Errors
    ///
    /// Those of [`Pinned::parse`].
    pub(super) fn pin(&mut self, options: &str, folder: Option<&str>) -> Result<Vec<Client<H>>> {
        let pinned = Pinned::parse(options, folder)?;
        let is_known =
            self.pinned.as_ref().is_some_and(|known| known.text == pinned.text && known.scope == pinned.scope);
        if is_known || !self.ports.is_empty() {
            return Ok(Vec::new());
        }
        self.pinned = Some(pinned);
        Ok(self.clients.drain(..).map(|tenant| tenant.client).collect())
    }

    /// The redirect page of the only client, and the part of its scope that a page asks for; `None` without a guard.
    pub(super) fn registered(&self, scope: &str) -> Option<(String, String)> {
        Some((self.guard()?.redirect_uri(), self.pinned.as_ref()?.part_of_scope(scope)))
    }

    /// The only transaction of the client of this port.
    fn only_transaction(&mut self, port: u32) -> Option<Transaction> {
        match self.tenant(port)?.transactions.as_slice() {
            [only] => Some(only.clone()),
            _ => None,
        }
    }
}

/// In the vault, whose checks have made a request: the address at which the guard begins the sign-in with a request of its own, as
/// `{ url, state, record }`. The `state` is the name under which the page waits, and not the one that the provider receives. The
/// transaction of the request gets this name: a sign-out ends it. `None` without a guard.
pub(super) fn at_guard<H: Host>(
    vault: &Vault<H>,
    client: &Client<H>,
    sign_in: SignIn<'_>,
    checked: &mut Transaction,
) -> Result<Option<String>> {
    let Some(folder) = vault.guard() else { return Ok(None) };
    let carried = Carried {
        flow: new_flow(client.entropy()?, sign_in.navigates),
        return_to: sign_in.return_to.into(),
        scope: sign_in.scope.into(),
        restores: sign_in.purpose == Purpose::Restore,
        is_second: false,
        started: checked.started,
        params: sign_in.params.iter().cloned().chain(client.login_hint(&sign_in)).collect(),
    };
    let url = folder.departure(&carried.to_text());
    checked.state = Secret::new(carried.flow.as_str());
    // The page stores only the time, from which `pkg/storage.js` knows when the record expires, and whether to report a failure.
    let Carried { started, restores, .. } = carried;
    let record = (sign_in.navigates == Navigates::Page).then(|| to_string(&Started { started, restores }));
    Ok(Some(to_string(&Begun { url: &url, state: &carried.flow, record: record.as_deref() })))
}

/// What the guard has for a sign-in.
pub(super) struct Handed {
    /// The address of the response.
    pub(super) address: String,
    /// Its transaction.
    pub(super) kept: Kept,
    /// The token response.
    pub(super) redeemed: Option<Redeemed>,
    /// The private key that the code is bound to, as a JWK.
    pub(super) key: Option<Secret>,
    /// The steps that the guard has noted, as JSON texts.
    pub(super) steps: Vec<String>,
}

/// In the vault: what the guard has for a sign-in. `None` without a guard.
pub(super) fn handed_over<H: Host>(
    vault: &mut Vault<H>,
    client: &Client<H>,
    flow: &str,
    handover: Option<&str>,
    now: Now,
) -> Option<Handed> {
    vault.guard()?;
    let handed = read_handover(client, handover).filter(|_| !vault.is_spent(flow, now));
    let none = Handed { address: String::new(), kept: Kept::Spent, redeemed: None, key: None, steps: Vec::new() };
    Some(handed.unwrap_or(none))
}

fn read_handover<H: Host>(client: &Client<H>, handover: Option<&str>) -> Option<Handed> {
    let value = Value::parse(handover?).ok()?;
    let Handover { address, record, metadata, keys, key, response, steps } = value.read().ok()?;
    let redeemed = response.and_then(|answer| {
        let response = HttpResponse {
            url: answer.url.into(),
            status: answer.status,
            content_type: answer.content_type.into(),
            challenge: String::new(),
            dpop_nonce: String::new(),
            date: None,
            retry_after: answer.retry_after,
            body: base64url::decode(answer.body)?,
            secrets: Secrets::default(),
        };
        Some(Redeemed { response, received: answer.received })
    });
    client.learn([metadata, keys]);
    let kept = Kept::Transaction(Transaction::from_record(record)?);
    Some(Handed {
        address: address.into(),
        kept,
        redeemed,
        key: key.map(Secret::new),
        steps: steps.unwrap_or_default(),
    })
}

/// Carries out a message of the guard:
///
/// - `{ op: "onward", carried }`: a page navigates to the provider. Returns `{ to }`.
/// - `{ op: "onward", address }`: the provider has sent the browser back to this URL. Returns `{ to, flow, record, failure }`:
///   where the browser goes, and what is to be redeemed, or the error to hand over.
/// - `{ op: "redeem", address, record }`: sends the token request. Returns what the vault's `complete` takes as `handover`.
///
/// # Errors
///
/// Those of a message that this library does not send.
pub async fn perform<W: Worker>(vault: &RefCell<Vault<W::Host>>, worker: &W, message: &str) -> Outcome {
    let message = Value::parse(message).map_err(|_| Error::unexpected("not JSON"))?;
    let wire::OfGuard { port, carried, address, record } = wire::read(&message)?;
    let client = vault.borrow().client(port)?;
    vault.borrow_mut().noted.get_or_insert_default();
    if let Some((address, record)) = address.zip(record) {
        return Ok(redeem(vault, &client, address, record).await);
    }
    let step = match (carried, address) {
        // A page decides nothing about the second request.
        (Some(carried), _) => {
            Carried::from_text(carried).map(|carried| Step::Leave(Carried { is_second: false, ..carried }))
        }
        (_, Some(address)) => arrived(&mut vault.borrow_mut(), worker.now(), port, address),
        _ => None,
    };
    let (carried, transaction) = match step {
        None => return Ok(to_string(&Onward::default())),
        Some(Step::Return(carried, transaction)) => (carried, Ok(transaction)),
        Some(Step::Leave(carried)) => match request(vault, &client, &carried).await {
            Ok(AuthorizationRequest { url, transaction, .. }) => {
                vault.borrow_mut().keep(&client, *transaction, worker.now());
                return Ok(to_string(&Onward { to: Some(&url), ..Onward::default() }));
            }
            Err(error) => (carried, Err(error)),
        },
    };
    Ok(returning(&vault.borrow(), &carried, transaction))
}

/// Where the browser goes.
enum Step {
    /// To the provider.
    Leave(Carried),
    /// Back to the app, with a transaction if there is something to redeem.
    Return(Carried, Option<Box<Transaction>>),
}

/// Decides about a response. A code whose transaction is lost is dropped, and the provider is asked once more; at the second loss
/// the sign-in fails. An error is handed over even then. `None` for a response that names no sign-in of this client.
fn arrived<H: Host>(vault: &mut Vault<H>, now: Now, port: u32, address: &str) -> Option<Step> {
    let query = cut(cut(address, b'#').0, b'?').1.unwrap_or_default();
    let is_refusal = AuthorizationResponse::parse(query).ok().flatten().is_some_and(|response| response.is_refusal());
    let Some(state) = state_in(query) else {
        // A server that fails before it has read the request does not know its `state`.
        let only = vault.only_transaction(port).filter(|_| is_refusal)?;
        let carried = Carried::from_state(only.state.expose())?;
        // Any site can send such a response, and a page waits for another window.
        return (!is_in_window(&carried.flow)).then(|| Step::Return(carried, Some(Box::new(only))));
    };
    let carried = Carried::from_state(&state)?;
    match vault.take(port, &state, None, now) {
        Kept::Transaction(transaction) => Some(Step::Return(carried, Some(transaction))),
        // The user pressed "back" and sent the provider's form again, or has signed out meanwhile.
        Kept::Spent => Some(Step::Return(carried, None)),
        Kept::Nothing => {
            if !is_refusal && carried.may_be_asked_again(now) {
                return Some(Step::Leave(carried.again(now)));
            }
            let client = vault.client(port).ok()?;
            let registered = vault.registered(&carried.scope)?;
            let lost = carried.lost(client.config(), registered, if is_refusal { &state } else { "" });
            Some(Step::Return(carried, Some(lost)))
        }
    }
}

async fn request<H: Host>(
    vault: &RefCell<Vault<H>>,
    client: &Client<H>,
    carried: &Carried,
) -> Result<AuthorizationRequest> {
    let registered = vault.borrow().registered(&carried.scope);
    let (redirect_uri, scope) = registered.ok_or_else(|| Error::unexpected("a guard without options"))?;
    let sign_in = SignIn {
        scope: &scope,
        return_to: &carried.return_to,
        params: &carried.params,
        purpose: carried.purpose(),
        carries: &carried.to_state(),
        ..SignIn::new(&redirect_uri)
    };
    client.begin_from(sign_in, Cache::ForceCache).await
}

/// The `state` of a response, which may be unacceptable for another reason.
fn state_in(query: &str) -> Option<String> {
    let state = form::parameters(query)?.into_iter().find(|(name, _)| name.as_deref() == Some("state"))?.1;
    state.filter(|state| !state.is_empty())
}

/// The result of a step back to the app, with a fragment in any case.
fn returning<H: Host>(vault: &Vault<H>, carried: &Carried, transaction: Result<Option<Box<Transaction>>>) -> String {
    let Some(folder) = vault.guard() else { return to_string(&Onward::default()) };
    let mut to = folder.closing_page();
    // The `state` carries a short path in the place of a long one.
    let return_to = match &transaction {
        Ok(Some(transaction)) => &transaction.return_to,
        _ => &carried.return_to,
    };
    if !is_in_window(&carried.flow) {
        let (path, fragment) = cut(return_to, b'#');
        let has_fragment = fragment.is_some_and(|fragment| !fragment.is_empty());
        to = if has_fragment { return_to.clone() } else { [path, NO_FRAGMENT].concat() };
    }
    let (record, failure) = match transaction {
        Ok(transaction) => (transaction.map(|transaction| transaction.to_record()), None),
        Err(error) => (None, Some(to_json(&Failed { error, return_to: Some(carried.return_to.clone()) }))),
    };
    let (record, failure) = (record.as_deref(), failure.as_deref());
    to_string(&Onward { to: Some(&to), flow: Some(&carried.flow), record, failure })
}

async fn redeem<H: Host>(vault: &RefCell<Vault<H>>, client: &Client<H>, address: &str, record: &str) -> String {
    let Some(transaction) = Transaction::from_record(record) else { return String::new() };
    let key = client.jwk_of(&transaction);
    let redeemed = client.redeem(address, transaction).await;
    let body = redeemed.as_ref().map(|redeemed| base64url::encode(&redeemed.response.body)).unwrap_or_default();
    let response = redeemed.as_ref().map(|Redeemed { response, received }| Answer {
        url: &response.url,
        status: response.status,
        content_type: &response.content_type,
        retry_after: response.retry_after,
        body: &body,
        received: *received,
    });
    let [metadata, keys] = &client.published();
    let key = key.as_ref().map(Secret::expose);
    let steps = vault.borrow_mut().noted.replace(Vec::new());
    to_string(&Handover { address, record, metadata, keys, key, response, steps })
}
