//! Sends what the protocol wants sent, and reads answers to a bounded end.

use core::cell::{Cell, RefCell};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::sync::Arc;

use gloo_net::http::Response;
use js_sys::{Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    AbortSignal, ReadableStreamDefaultReader, ReferrerPolicy, Request, RequestCache, RequestCredentials, RequestInit,
    RequestRedirect,
};

use crate::client::{ApiRequest, AuthorizedRequest};
use crate::protocol::error::Error;
use crate::protocol::foreign::Secrets;
use crate::protocol::http::{Cache, HttpRequest, HttpResponse, MAX_RESPONSE, Method};
use crate::protocol::json;
use crate::protocol::list::cut;
use crate::protocol::secret::Secret;

#[wasm_bindgen]
extern "C" {
    /// Of the page or the worker, whichever this is.
    #[wasm_bindgen(catch)]
    fn fetch(request: &Request) -> Result<Promise, JsValue>;
}

/// A response on its way.
pub(super) type Answer = Pin<Box<dyn Future<Output = Result<HttpResponse, Arc<Error>>>>>;

/// Sends a request to the authorization server, as [`Host::send`](crate::client::host::Host::send) says.
pub(super) fn send(request: HttpRequest, timeout: u32) -> Answer {
    let started = prepare(request, timeout).map(|request| (start(&request), request));
    Box::pin(async move {
        let (response, request) = started?;
        let response = response.await.map_err(|_| lost(&request))?;
        read(&request, response).await
    })
}

/// Sends a request at once, and not when its future is first polled as gloo-net does it. `pkg/fetch.js` sees to it that it rejects
/// with an error, whatever the page makes of `fetch`.
fn start(request: &Request) -> impl Future<Output = Result<Response, gloo_net::Error>> + use<> {
    let mut response = Box::pin(gloo_net::http::Request::from(Clone::clone(request)).send());
    let first = response.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    async move {
        match first {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => response.await,
        }
    }
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

/// A request of the app.
pub(crate) struct AppRequest {
    request: Request,
    /// Makes the same request once more, where its body allows that.
    again: RefCell<Option<Again>>,
    sent: Cell<bool>,
}

/// Makes a request that has been sent once more.
pub(crate) type Again = Box<dyn FnOnce() -> Option<Request>>;

impl AppRequest {
    pub(crate) fn new(request: Request, again: Option<Again>) -> Self {
        Self { request, again: RefCell::new(again), sent: Cell::new(false) }
    }
}

/// The same request, which fails at a redirect: the token would go along to wherever that leads.
///
/// # Errors
///
/// [`Error::RequestBlocked`] for a request whose body has been read.
pub(super) fn without_redirects(request: &Request) -> Result<Request, Arc<Error>> {
    let init = RequestInit::new();
    init.set_redirect(RequestRedirect::Error);
    let used = |_| Error::RequestBlocked { reason: "its body has been read" };
    Request::new_with_request_and_init(request, &init).map_err(|error| used(error).into())
}

impl AuthorizedRequest for AppRequest {
    type Response = web_sys::Response;

    async fn send(&self, authorization: &Secret) -> Result<web_sys::Response, Arc<Error>> {
        let again = if self.sent.replace(true) { self.again.take().and_then(|make| make()) } else { None };
        // Permitted is the address of the first request.
        let again = again.filter(|again| again.url() == self.request.url());
        let request = again.as_ref().unwrap_or(&self.request);
        let attached = request.headers().set("Authorization", authorization.expose());
        attached.map_err(|_| Error::unexpected("a header that the browser refuses"))?;
        response_to(fetch(request)).await.map_err(|_| {
            let url = request.url();
            let (public, _) = cut(cut(&url, b'#').0, b'?');
            Arc::new(if request.signal().aborted() { Error::Cancelled } else { Error::Network { url: public.into() } })
        })
    }

    fn status(response: &web_sys::Response) -> u16 {
        response.status()
    }

    fn is_repeatable(&self) -> bool {
        self.again.borrow().is_some()
    }
}

impl ApiRequest for AppRequest {
    fn url(&self) -> String {
        self.request.url()
    }

    fn brings_credentials(&self) -> bool {
        let brings = |name| self.request.headers().has(name).unwrap_or(true);
        brings("authorization") || brings("dpop")
    }

    /// The API refuses a `HEAD` request with such a token. The response is not used.
    fn ask_ahead(&self) {
        let init = RequestInit::new();
        init.set_method("HEAD");
        init.set_credentials(self.request.credentials());
        init.set_redirect(RequestRedirect::Error);
        let Ok(request) = Request::new_with_str_and_init(&self.request.url(), &init) else { return };
        if request.headers().set("Authorization", "Bearer ahead").is_ok() {
            let unheard = fetch(&request);
            spawn_local(async move { drop(response_to(unheard).await) });
        }
    }
}

/// The response to an app's request. gloo-net takes no rejection that is not an error, and an app may abort its request with any
/// reason.
async fn response_to(sent: Result<Promise, JsValue>) -> Result<web_sys::Response, JsValue> {
    JsFuture::from(sent?).await?.dyn_into()
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
async fn read(request: &Request, response: Response) -> Result<HttpResponse, Arc<Error>> {
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
