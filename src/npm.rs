//! The exports that the npm package stands on. They translate and do nothing else: JSON text in, promises of JSON text
//! out, errors as JSON text.

use core::future::Future;
use core::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use crate::browser::{Client, Completion};
use crate::protocol::authorization_request::SignIn;
use crate::protocol::error::Error;
use crate::protocol::json::{Value, write_integer, write_member};

#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

/// One client, behind a port.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Core(Rc<Client>);

#[wasm_bindgen]
impl Core {
    /// See [`Client::new`].
    #[wasm_bindgen(constructor)]
    pub fn new(options: &str) -> Result<Core, JsValue> {
        Client::new(options).map(|client| Self(Rc::new(client))).map_err(|error| to_js(&error))
    }

    /// See [`Client::begin`]. `params` is a JSON object of strings. Gives `{ url, state, record }`, and `iss` if the
    /// server promises to name itself in its response (RFC 9207).
    pub fn begin(
        &self,
        redirect_uri: String,
        scope: String,
        return_to: String,
        params: String,
        in_window: bool,
    ) -> Promise {
        let client = self.0.clone();
        promise(Box::pin(async move {
            let (redirect_uri, scope, return_to) = (&*redirect_uri, &*scope, &*return_to);
            let sign_in = SignIn { redirect_uri, scope, return_to, params: &read_params(&params)?, in_window };
            let request = client.begin(sign_in).await?;
            let record = request.transaction.to_record();
            let state = request.transaction.state.expose();
            let iss = if request.names_issuer { "yes" } else { "" };
            Ok(object(&[("url", &request.url), ("state", state), ("record", &record), ("iss", iss)]))
        }))
    }

    /// See [`Client::complete`]. Gives `{ returnTo }` or `{ returnTo, declined }`; `{}` if there was nothing to complete.
    pub fn complete(&self, query: String, record: Option<String>, pending: bool) -> Promise {
        let client = self.0.clone();
        promise(Box::pin(async move {
            Ok(match client.complete(&query, record.as_deref(), pending).await? {
                Completion::Ignored => object(&[]),
                Completion::ReturnTo(path) => object(&[("returnTo", &path)]),
                Completion::Declined(path) => object(&[("returnTo", &path), ("declined", "yes")]),
            })
        }))
    }

    /// See [`Client::session`].
    pub fn session(&self) -> Option<String> {
        self.0.session()
    }

    /// See [`Client::take_change`].
    #[wasm_bindgen(js_name = takeChange)]
    pub fn take_change(&self) -> Option<String> {
        self.0.take_change().map(|change| change.as_str().into())
    }

    /// See [`Client::is_warm`].
    #[wasm_bindgen(js_name = isWarm)]
    pub fn is_warm(&self, url: &str) -> bool {
        self.0.is_warm(url)
    }

    /// See [`Client::fetch`].
    pub fn fetch(&self, request: web_sys::Request, again: Option<web_sys::Request>) -> Promise {
        let client = self.0.clone();
        promise(Box::pin(async move { client.fetch(request, again).await.map(Into::into) }))
    }

    /// See [`Client::userinfo`].
    pub fn userinfo(&self, sub: Option<String>) -> Promise {
        let client = self.0.clone();
        promise(Box::pin(async move { client.userinfo(sub.as_deref()).await.map(Into::into) }))
    }

    /// See [`Client::access_token`].
    #[wasm_bindgen(js_name = accessToken)]
    pub fn access_token(&self) -> Promise {
        let client = self.0.clone();
        promise(Box::pin(async move { client.access_token().await.map(Into::into) }))
    }

    /// See [`Client::refresh`].
    pub fn refresh(&self) -> Promise {
        let client = self.0.clone();
        promise(Box::pin(async move { client.refresh().await.map(|()| JsValue::UNDEFINED) }))
    }

    /// See [`Client::end`]. Gives the URL, or `undefined`.
    pub fn end(&self, return_to: Option<String>) -> Promise {
        let client = self.0.clone();
        promise(Box::pin(async move { client.end(return_to.as_deref()).await.map(JsValue::from) }))
    }

    /// See [`Client::is_named_by`].
    #[wasm_bindgen(js_name = isNamedBy)]
    pub fn is_named_by(&self, query: &str) -> bool {
        self.0.is_named_by(query)
    }

    /// See [`Client::prepare`].
    pub fn prepare(&self) -> Promise {
        let client = self.0.clone();
        promise(Box::pin(async move { client.prepare().await.map(|()| JsValue::UNDEFINED) }))
    }
}

/// The one place where a future becomes a promise: each further one would cost a copy of the machinery.
fn promise(future: Pin<Box<dyn Future<Output = Result<JsValue, Arc<Error>>>>>) -> Promise {
    future_to_promise(async move { future.await.map_err(|error| to_js(&error)) })
}

fn read_params(params: &str) -> Result<Vec<(String, String)>, Arc<Error>> {
    let problem = || Error::config("params", "not an object of strings");
    let value = Value::parse(params).map_err(|_| problem())?;
    let Value::Object(members) = value else { return Err(problem()) };
    let pair = |(name, value): (_, Value<'_>)| match value {
        Value::String(text) => Ok((String::from(name), text.into_owned())),
        _ => Err(problem()),
    };
    members.into_iter().map(pair).collect()
}

fn object(members: &[(&str, &str)]) -> JsValue {
    let mut json = String::from("{");
    for (name, value) in members {
        write_member(&mut json, name, value);
    }
    json.push('}');
    json.into()
}

/// An error as `pkg/errors.js` makes it again on the other side.
#[cold]
fn to_js(error: &Error) -> JsValue {
    let mut json = String::from("{");
    write_member(&mut json, "code", error.code());
    write_member(&mut json, "fault", error.fault().as_str());
    write_member(&mut json, "message", &error.message());
    write_member(&mut json, "hint", error.hint());
    json.push_str(if error.is_retryable() { ",\"retryable\":true" } else { ",\"retryable\":false" });
    if let Some(seconds) = error.retry_after() {
        json.push_str(",\"retryAfter\":");
        write_integer(&mut json, i64::from(seconds));
    }
    if let Some(said) = error.oauth() {
        json.push_str(",\"oauth\":{");
        write_member(&mut json, "error", &said.error);
        for (name, value) in [("error_description", &said.error_description), ("error_uri", &said.error_uri)] {
            if let Some(value) = value {
                write_member(&mut json, name, value);
            }
        }
        json.push('}');
    }
    json.push('}');
    json.into()
}
