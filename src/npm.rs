//! What the npm package stands on: the vault, as `pkg/worker.js` uses it. It translates and does nothing else: JSON text in,
//! promises out, errors as JSON text.

use core::cell::{Cell, OnceCell, RefCell};
use core::future::{Future, poll_fn};
use core::pin::Pin;
use std::rc::Rc;

use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;
use web_sys::Request;

use crate::browser::fetch::{Again, AppRequest};
use crate::browser::{Browser, now};
use crate::protocol::time::Now;
use crate::vault::Vault;
use crate::vault::messages::{self, Failed, Worker, to_json};

#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

thread_local! {
    static VAULT: Rc<RefCell<Vault<Browser>>> = Rc::default();
    static LISTENERS: OnceCell<Listeners> = const { OnceCell::new() };
    /// Whether a future is being polled. JavaScript that finds it so outside of a call has met a trap.
    static RUNNING: Cell<bool> = const { Cell::new(false) };
}

/// What JavaScript hears unasked.
#[derive(Debug)]
struct Listeners {
    changed: Function,
    tell: Function,
}

/// Takes what is to be called: `changed(port, text)` at each change of the session of a port's client, with `{ session, reason }`
/// in JSON, and `tell(text)` for what the other vaults of the origin have to hear. It is called once, before everything else.
#[wasm_bindgen]
pub fn listen(changed: Function, tell: Function) {
    // A second call has no effect.
    drop(LISTENERS.with(|listeners| listeners.set(Listeners { changed, tell })));
}

/// Does what a message says, see [`messages`]. Gives a text, empty for nothing.
#[wasm_bindgen]
pub fn perform(message: String) -> Promise {
    let vault = VAULT.with(Clone::clone);
    promise(Box::pin(async move { messages::perform(&vault, &Here, &message).await.map(Into::into) }))
}

/// Sends an app's request with the access token of the port's client. `again` makes the same request once more, for an API that
/// refuses the first token. Gives the response.
#[wasm_bindgen]
pub fn fetch(port: u32, request: Request, again: Option<Function>) -> Promise {
    promise(Box::pin(async move {
        let client = VAULT.with(|vault| vault.borrow().client(port))?;
        let make = |again: Function| -> Again { Box::new(move || again.call0(&JsValue::NULL).ok()?.dyn_into().ok()) };
        let response = client.fetch(&AppRequest::new(request, again.map(make))).await?;
        Ok(response.into())
    }))
}

/// Whether a call has ended in a trap. The instance is of no use then, nor are its sessions.
#[wasm_bindgen(js_name = isBroken)]
pub fn is_broken() -> bool {
    RUNNING.get()
}

/// The one place where a future becomes a promise: each further one would cost a copy of the machinery.
fn promise(mut future: Pin<Box<dyn Future<Output = Result<JsValue, Failed>>>>) -> Promise {
    future_to_promise(poll_fn(move |context| {
        RUNNING.set(true);
        let outcome = future.as_mut().poll(context);
        RUNNING.set(false);
        outcome.map_err(|failed| to_json(&failed).into())
    }))
}

/// The worker, or the page where tokens may be there.
struct Here;

impl Worker for Here {
    type Host = Browser;

    fn host(&self, client: u32) -> Browser {
        Browser::with_listener(move |change, session| {
            let text = JsValue::from(messages::changed(change, session.as_deref()));
            for port in VAULT.with(|vault| vault.borrow().ports_of(client)) {
                call(|listeners| listeners.changed.call2(&JsValue::NULL, &port.into(), &text));
            }
        })
    }

    fn now(&self) -> Now {
        now()
    }

    fn tell(&self, news: &str) {
        call(|listeners| listeners.tell.call1(&JsValue::NULL, &news.into()));
    }
}

/// Calls one of the listeners. Nothing is done about one that fails.
fn call(listener: impl Fn(&Listeners) -> Result<JsValue, JsValue>) {
    drop(LISTENERS.with(|listeners| listeners.get().map(listener)));
}
