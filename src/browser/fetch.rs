//! Sends what the protocol wants sent, and reads answers to a bounded end.

use core::pin::Pin;
use std::sync::Arc;

use gloo_net::http::Response;
use js_sys::{Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortSignal, ReadableStreamDefaultReader, ReferrerPolicy, Request, RequestCache, RequestCredentials, RequestInit,
    RequestRedirect,
};

use crate::protocol::error::Error;
use crate::protocol::foreign::Secrets;
use crate::protocol::http::{Cache, HttpRequest, HttpResponse, MAX_RESPONSE, Method};
use crate::protocol::json;

#[wasm_bindgen]
extern "C" {
    /// Of the page or the worker, whichever this is.
    fn fetch(request: &Request) -> Promise;
}

/// An answer on its way.
pub(super) type Answer = Pin<Box<dyn Future<Output = Result<HttpResponse, Arc<Error>>>>>;

/// Sends a request to the authorization server, as [`Host::send`](crate::client::host::Host::send) says.
pub(super) fn send(request: HttpRequest, timeout: u32) -> Answer {
    // Sent before anybody waits.
    let started = prepare(request, timeout).map(|request| (JsFuture::from(fetch(&request)), request));
    Box::pin(async move {
        let (answer, request) = started?;
        match answer.await {
            Ok(answer) => read(&request, answer.unchecked_into()).await,
            Err(_) => Err(lost(&request)),
        }
    })
}

/// The browser's request of one of the protocol's.
fn prepare(request: HttpRequest, timeout: u32) -> Result<Request, Arc<Error>> {
    let HttpRequest { url, method, authorization, cache, .. } = request;
    let init = RequestInit::new();
    init.set_cache(match cache {
        Cache::NoStore => RequestCache::NoStore,
        Cache::NoCache => RequestCache::NoCache,
        Cache::ForceCache => RequestCache::ForceCache,
        Cache::Reload => RequestCache::Reload,
    });
    init.set_credentials(RequestCredentials::Omit);
    init.set_redirect(RequestRedirect::Manual);
    init.set_referrer_policy(ReferrerPolicy::NoReferrer);
    init.set_signal(Some(&AbortSignal::timeout_with_u32(timeout)));
    if let Method::Post(form) = &method {
        init.set_method("POST");
        init.set_body(&form.expose().into());
    }
    let refused = |_| Error::unexpected("a request that the browser refuses");
    let request = Request::new_with_str_and_init(&url, &init).map_err(refused)?;
    let headers = request.headers();
    headers.set("Accept", "application/json").map_err(refused)?;
    if matches!(method, Method::Post(_)) {
        headers.set("Content-Type", "application/x-www-form-urlencoded").map_err(refused)?;
    }
    if let Some(authorization) = &authorization {
        headers.set("Authorization", authorization.expose()).map_err(refused)?;
    }
    Ok(request)
}

/// Sends a request of the app. Headers and body of the answer are the app's to read.
///
/// # Errors
///
/// [`Error::Cancelled`] if the caller aborted it, else [`Error::Network`] with the address, without its query.
pub(super) async fn pass(request: &Request) -> Result<web_sys::Response, Arc<Error>> {
    let answer = JsFuture::from(fetch(request)).await.map_err(|_| {
        let url = request.url();
        let public = url.split(['?', '#']).next().unwrap_or_default();
        Arc::new(if request.signal().aborted() { Error::Cancelled } else { Error::Network { url: public.into() } })
    })?;
    Ok(answer.unchecked_into())
}

/// Why there is no answer.
fn lost(request: &Request) -> Arc<Error> {
    let url = request.url();
    Arc::new(if request.signal().aborted() { Error::Timeout { url } } else { Error::Network { url } })
}

/// Reads an answer of the authorization server to its end.
///
/// # Errors
///
/// [`Error::Network`], [`Error::Timeout`], [`Error::TooLarge`].
async fn read(request: &Request, answer: web_sys::Response) -> Result<HttpResponse, Arc<Error>> {
    let response = Response::from(answer);
    let mut body = Vec::new();
    if let Some(stream) = response.body() {
        let reader: ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
        loop {
            let part = JsFuture::from(reader.read()).await.map_err(|_| lost(request))?;
            // The end is the part without a chunk.
            let chunk = Reflect::get(&part, &"value".into()).map_err(|_| lost(request))?;
            if chunk.is_undefined() {
                break;
            }
            let chunk: Uint8Array = chunk.unchecked_into();
            if body.len() + chunk.length() as usize > MAX_RESPONSE {
                // Whether or not the rest can be stopped, nobody reads it.
                drop(reader.cancel());
                return Err(Error::TooLarge { part: "answer" }.into());
            }
            body.extend(chunk.to_vec());
        }
    }
    let header = |name| response.headers().get(name).unwrap_or_default();
    Ok(HttpResponse {
        url: request.url(),
        status: response.status(),
        content_type: header("content-type"),
        retry_after: json::integer(&header("retry-after")).and_then(|seconds| seconds.try_into().ok()),
        body,
        secrets: Secrets::default(),
    })
}
