//! The exports of the npm package: the vault, as `pkg/vault/worker.js` uses it. This module only translates: JSON text in, promises
//! out, errors as JSON text.

use core::cell::{OnceCell, RefCell};
use core::future::Future;
use core::pin::Pin;
use std::rc::Rc;

use js_sys::{Array, Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, future_to_promise};
use web_sys::Request;

use crate::browser::fetch::{Again, AppRequest};
use crate::browser::{Browser, Key, now};
use crate::protocol::json::to_string;
use crate::protocol::step_up::StepUp;
use crate::protocol::time::Now;
use crate::vault::Vault;
#[cfg(feature = "guard")]
use crate::vault::guard;
use crate::vault::kept::{Kept, Whose};
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
    device: Function,
    trace: Function,
}

/// Registers the functions to call: `changed(port, text)` at each change of the session of a port's client, with
/// `{ session, reason }` as JSON; `tell(text)` with news for the other vaults of the origin; and `deposit(text, keys)` with the text
/// from which the next vault continues, which contains tokens, and the keys that these are bound to, for [`adopt`].
/// `sign(ports, name, data, creates)` asks the pages behind these ports for a key and a signature; its promise resolves to a text.
/// `device(op, name, text, key, sub)` uses what the device keeps: see `pkg/vault/device.js`. `trace(port, text)` tells a page that
/// listens a step of its client; see [`trace`](crate::protocol::trace).
/// JavaScript calls this function once, before all others.
#[wasm_bindgen]
pub fn listen(changed: Function, tell: Function, deposit: Function, sign: Function, device: Function, trace: Function) {
    // A second call has no effect.
    drop(LISTENERS.with(|listeners| listeners.set(Listeners { changed, tell, deposit, sign, device, trace })));
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

/// What a socket to this URL is opened with, as JSON: see [`Opening`](crate::protocol::socket::Opening). It has the token, so the worker
/// passes it to no page.
#[wasm_bindgen(js_name = openingOf)]
pub fn opening_of(port: u32, url: String) -> Promise {
    promise(Box::pin(async move {
        let client = VAULT.with(|vault| vault.borrow().client(port))?;
        Ok(client.socket(&url).await?.to_json().into())
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
            for Kept { name, session, sub } in VAULT.with(|vault| vault.borrow().kept()) {
                let (text, key) = session.unzip();
                device("keep", &name, text, key.as_ref().map(Key::to_pair), sub);
            }
        })
        .with_tracer(move |told| {
            let told = VAULT.with(|vault| vault.try_borrow_mut().ok()?.told(client, told));
            let Some((text, ports)) = told else { return };
            let text = JsValue::from(text);
            for port in ports {
                call(|listeners| listeners.trace.call2(&JsValue::NULL, &port.into(), &text));
            }
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

    async fn can_keep(&self) -> bool {
        answer(device("probe", "", None, None, None)).await.is_truthy()
    }

    async fn kept(&self, name: &str) -> Option<(String, Key)> {
        let found: Array = answer(device("load", name, None, None, None)).await.dyn_into().ok()?;
        Some((found.get(0).as_string()?, Key::from_js(found.get(1).dyn_into().ok()?).await?))
    }

    fn forget_kept(&self, begin: &str, whose: Whose<'_>) {
        let (op, sub) = match whose {
            Whose::Any => ("forget", None),
            Whose::Of(sub) => ("forget", Some(sub)),
            Whose::NotOf(sub) => ("forgetOthers", Some(sub)),
        };
        device(op, begin, None, None, sub.map(Into::into));
    }

    fn tell(&self, news: &str) {
        call(|listeners| listeners.tell.call1(&JsValue::NULL, &news.into()));
    }
}

/// Calls the listener that uses what the device keeps. Its promise resolves to the result, if there is one.
fn device(op: &str, name: &str, text: Option<String>, key: Option<Array>, sub: Option<String>) -> Option<JsValue> {
    let arguments = Array::of5(&op.into(), &name.into(), &text.into(), &key.into(), &sub.into());
    LISTENERS.with(|listeners| listeners.get()?.device.apply(&JsValue::NULL, &arguments).ok())
}

/// The result of [`device`]; undefined if there is none.
async fn answer(asked: Option<JsValue>) -> JsValue {
    match asked.and_then(|asked| asked.dyn_into::<Promise>().ok()) {
        Some(promise) => JsFuture::from(promise).await.unwrap_or_default(),
        None => JsValue::UNDEFINED,
    }
}

/// Calls one of the listeners. A failure of the listener is ignored.
fn call(listener: impl Fn(&Listeners) -> Result<JsValue, JsValue>) {
    drop(LISTENERS.with(|listeners| listeners.get().map(listener)));
}
