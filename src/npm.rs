//! The exports of the npm package: the vault, as `pkg/vault/worker.js` uses it. This module only translates: JSON text in, promises
//! out, errors as JSON text.

use core::cell::{OnceCell, RefCell};
use core::future::Future;
use core::pin::Pin;
use std::rc::Rc;

use js_sys::{Array, Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;
use web_sys::Request;

use crate::browser::fetch::{Again, AppRequest};
use crate::browser::{Browser, Key, now};
use crate::protocol::json::to_string;
use crate::protocol::step_up::StepUp;
use crate::protocol::time::Now;
use crate::vault::Vault;
#[cfg(feature = "guard")]
use crate::vault::guard;
use crate::vault::messages::{self, Failed, Worker, to_json};

#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

thread_local! {
    static VAULT: Rc<RefCell<Vault<Browser>>> = Rc::default();
    static LISTENERS: OnceCell<Listeners> = const { OnceCell::new() };
    static DEPOSITED_KEYS: RefCell<Vec<Key>> = const { RefCell::new(Vec::new()) };
}

/// The JavaScript functions that receive changes and news.
#[derive(Debug)]
struct Listeners {
    changed: Function,
    tell: Function,
    deposit: Function,
    sign: Function,
}

/// Registers the functions to call: `changed(port, text)` at each change of the session of a port's client, with
/// `{ session, reason }` as JSON; `tell(text)` with news for the other vaults of the origin; and `deposit(text, keys)` with the text
/// from which the next vault continues, which contains tokens, and the keys that these are bound to, for [`adopt`]. `sign(ports, name, data, creates)` asks the pages behind these ports
/// for a key and a signature; its promise resolves to a text. JavaScript calls this function once, before all others.
#[wasm_bindgen]
pub fn listen(changed: Function, tell: Function, deposit: Function, sign: Function) {
    // A second call has no effect.
    drop(LISTENERS.with(|listeners| listeners.set(Listeners { changed, tell, deposit, sign })));
}

/// Carries out a message; see [`messages`]. The promise resolves to a text, which is empty if there is no result.
#[wasm_bindgen]
pub fn perform(message: String) -> Promise {
    let vault = VAULT.with(Clone::clone);
    promise(Box::pin(async move { messages::perform(&vault, &Here, &message).await.map(Into::into) }))
}

/// What an API asks the next sign-in for, as JSON text with the options of a sign-in; see [`StepUp`]. Absent if another sign-in would
/// not help.
#[wasm_bindgen(js_name = stepUp)]
pub fn step_up(status: u16, challenge: &str) -> Option<String> {
    StepUp::asked_by(status, challenge).as_ref().map(to_string)
}

/// Takes over the keys that came with a deposit, before the message `recall`. A key is `[jwk]` or `[public jwk, CryptoKey]`.
#[wasm_bindgen]
pub fn adopt(keys: Array) -> Promise {
    promise(Box::pin(async move {
        for key in keys {
            let key = Key::from_js(key.unchecked_into()).await;
            DEPOSITED_KEYS.with(|keys| keys.borrow_mut().extend(key));
        }
        Ok(JsValue::UNDEFINED)
    }))
}

/// Carries out a message of the guard; see [`guard`]. The promise resolves to a text.
#[cfg(feature = "guard")]
#[wasm_bindgen]
pub fn guard(message: String) -> Promise {
    let vault = VAULT.with(Clone::clone);
    promise(Box::pin(async move { guard::perform(&vault, &Here, &message).await.map(Into::into) }))
}

/// Sends an app's request with the access token of the port's client. `again` creates the same request a second time, for an
/// API that refuses the first token. The promise resolves to the response.
#[wasm_bindgen]
pub fn fetch(port: u32, request: Request, again: Option<Function>) -> Promise {
    promise(Box::pin(async move {
        let client = VAULT.with(|vault| vault.borrow().client(port))?;
        let make = |again: Function| -> Again { Box::new(move || again.call0(&JsValue::NULL).ok()?.dyn_into().ok()) };
        let response = client.fetch(&AppRequest::new(request, again.map(make))).await?;
        Ok(response.into())
    }))
}

/// The only function that turns a future into a promise: each further one would add a copy of the generated code.
fn promise(future: Pin<Box<dyn Future<Output = Result<JsValue, Failed>>>>) -> Promise {
    future_to_promise(async move { future.await.map_err(|failed| to_json(&failed).into()) })
}

/// The worker, or the page if the app keeps its tokens in the page.
struct Here;

impl Worker for Here {
    type Host = Browser;

    fn host(&self, client: u32) -> Browser {
        Browser::with_listener(move |change, session| {
            let text = JsValue::from(messages::changed(change, session.as_ref()));
            for port in VAULT.with(|vault| vault.borrow().ports_of(client)) {
                call(|listeners| listeners.changed.call2(&JsValue::NULL, &port.into(), &text));
            }
        })
        .with_depositor(|| {
            let (text, keys) = VAULT.with(|vault| (vault.borrow().deposit(), vault.borrow().deposited_keys()));
            let (text, keys) = (JsValue::from(text), keys.iter().map(Key::to_js).collect::<Array>());
            call(|listeners| listeners.deposit.call2(&JsValue::NULL, &text, &keys));
        })
        .with_signer(Box::new(move |name, data, page| {
            let ports: Array = page
                .map_or_else(|| VAULT.with(|vault| vault.borrow().ports_of(client)), |page| vec![page])
                .into_iter()
                .map(JsValue::from)
                .collect();
            let arguments = Array::of4(&ports, &name.into(), &data.into(), &page.is_some().into());
            LISTENERS.with(|listeners| {
                let listeners = listeners.get().ok_or(JsValue::UNDEFINED)?;
                listeners.sign.apply(&JsValue::NULL, &arguments)?.dyn_into()
            })
        }))
    }

    fn now(&self) -> Now {
        now()
    }

    fn deposited_keys(&self) -> Vec<Key> {
        DEPOSITED_KEYS.with(RefCell::take)
    }

    fn tell(&self, news: &str) {
        call(|listeners| listeners.tell.call1(&JsValue::NULL, &news.into()));
    }
}

/// Calls one of the listeners. A failure of the listener is ignored.
fn call(listener: impl Fn(&Listeners) -> Result<JsValue, JsValue>) {
    drop(LISTENERS.with(|listeners| listeners.get().map(listener)));
}
