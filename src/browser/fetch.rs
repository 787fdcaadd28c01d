//! Sends requests with the browser's `fetch`, and reads responses of the authorization server up to a size limit.

use core::cell::RefCell;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use gloo_net::http::Response;
use js_sys::{Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    AbortSignal, ReadableStreamDefaultReader, ReferrerPolicy, Request, RequestCache, RequestCredentials, RequestInit,
    RequestRedirect,
};

use crate::client::{ApiRequest, AuthorizedRequest, Credentials};
use crate::protocol::error::{Error, Kind, Result};
use crate::protocol::foreign::Secrets;
use crate::protocol::http::{Cache, HttpRequest, HttpResponse, MAX_RESPONSE, Method};
use crate::protocol::json;
use crate::protocol::list::cut;
use crate::protocol::resource::blocked;

#[wasm_bindgen]
extern "C" {
    /// The `fetch` function of the page or the worker.
    #[wasm_bindgen(catch)]
    fn fetch(request: &Request) -> Result<Promise, JsValue>;
}

/// The future of a response.
pub(super) type Answer = Pin<Box<dyn Future<Output = Result<HttpResponse>>>>;

/// Sends a request to the authorization server, as [`Host::send`](crate::client::host::Host::send) specifies.
pub(super) fn send(request: HttpRequest, timeout: u32) -> Answer {
    let started = prepare(request, timeout).map(|request| (start(&request), request));
    Box::pin(async move {
        let (response, request) = started?;
        let response = response.await.map_err(|_| lost(&request))?;
        read(&request, response).await
    })
}

/// Sends a request immediately. gloo-net alone would send it when the future is first polled. `pkg/vault/host.js` ensures that a
/// failed `fetch` always rejects with an `Error`, even if the page has replaced `fetch`.
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

/// Converts a request of the protocol into a request of the browser.
fn prepare(request: HttpRequest, timeout: u32) -> Result<Request> {
    let HttpRequest { url, method, authorization, proof, cache, .. } = request;
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
    if let Method::Post(body) | Method::PostJson(body) = &method {
        init.set_method("POST");
        init.set_body(&body.expose().into());
    }
    if let Method::Head = &method {
        init.set_method("HEAD");
    }
    let refused = |_| Error::unexpected("a request that the browser refuses");
    let request = Request::new_with_str_and_init(&url, &init).map_err(refused)?;
    let headers = request.headers();
    headers.set("Accept", "application/json").map_err(refused)?;
    let content_type = match method {
        Method::Get | Method::Head => None,
        Method::Post(_) => Some("application/x-www-form-urlencoded"),
        Method::PostJson(_) => Some("application/json"),
    };
    if let Some(content_type) = content_type {
        headers.set("Content-Type", content_type).map_err(refused)?;
    }
    for (name, value) in [("Authorization", authorization), ("DPoP", proof)] {
        if let Some(value) = value {
            headers.set(name, value.expose()).map_err(refused)?;
        }
    }
    Ok(request)
}

/// A request of the app.
pub(crate) struct AppRequest {
    url: String,
    request: RefCell<Request>,
    /// Creates the same request once more, if its body allows that.
    again: RefCell<Option<Again>>,
}

/// Creates a request that has been sent once more.
pub(crate) type Again = Box<dyn FnMut() -> Option<Request>>;

impl AppRequest {
    pub(crate) fn new(request: Request, again: Option<Again>) -> Self {
        Self { url: request.url(), request: RefCell::new(request), again: RefCell::new(again) }
    }
}

/// The same request, which fails at a redirect: the token would go along to the target of the redirect.
fn without_redirects(request: &Request) -> Result<Request> {
    if request.redirect() == RequestRedirect::Error {
        return Ok(Clone::clone(request));
    }
    let init = RequestInit::new();
    init.set_redirect(RequestRedirect::Error);
    // A request that is made of another one with other options loses its referrer.
    init.set_referrer(&request.referrer());
    init.set_referrer_policy(request.referrer_policy());
    Request::new_with_request_and_init(request, &init).map_err(|_| {
        blocked("the browser makes no request of it that refuses redirects", "Pass a request that was not sent yet.")
    })
}

impl AuthorizedRequest for AppRequest {
    type Response = web_sys::Response;

    fn url(&self) -> String {
        self.url.clone()
    }

    fn method(&self) -> String {
        self.request.borrow().method()
    }

    async fn send(&self, credentials: Option<&Credentials>) -> Result<web_sys::Response> {
        let request = without_redirects(&self.request.borrow())?;
        if let Some(Credentials { authorization, proof }) = credentials {
            for (name, value) in [("Authorization", Some(authorization)), ("DPoP", proof.as_ref())] {
                let attached = value.map_or(Ok(()), |value| request.headers().set(name, value.expose()));
                attached.map_err(|_| Error::unexpected("a header that the browser refuses"))?;
            }
        }
        response_to(fetch(&request)).await.map_err(|_| {
            let (public, _) = cut(cut(&self.url, b'#').0, b'?');
            Error::from(if request.signal().aborted() { Kind::Cancelled } else { Kind::Network { url: public.into() } })
        })
    }

    fn status(response: &web_sys::Response) -> u16 {
        response.status()
    }

    fn header(response: &web_sys::Response, name: &str) -> String {
        response.headers().get(name).ok().flatten().unwrap_or_default()
    }

    fn date(response: &web_sys::Response) -> Option<i64> {
        date_in(&Self::header(response, "date"))
    }

    fn prepare_again(&self) -> bool {
        let again = self.again.borrow_mut().as_mut().and_then(|make| make());
        // The API list permits the URL of the first request, and a proof names its method.
        let is_same = |again: &Request| again.url() == self.url && again.method() == self.request.borrow().method();
        let Some(again) = again.filter(is_same) else { return false };
        self.request.replace(again);
        true
    }
}

impl ApiRequest for AppRequest {
    fn brings_credentials(&self) -> bool {
        let brings = |name| self.request.borrow().headers().has(name).unwrap_or(true);
        brings("authorization") || brings("dpop")
    }

    /// Sends a `HEAD` request with an invalid token, which the API refuses. Its response is ignored.
    fn ask_ahead(&self, is_bound: bool) {
        let init = RequestInit::new();
        init.set_method("HEAD");
        init.set_credentials(self.request.borrow().credentials());
        init.set_redirect(RequestRedirect::Error);
        let Ok(request) = Request::new_with_str_and_init(&self.url, &init) else { return };
        let scheme = if is_bound { "DPoP ahead" } else { "Bearer ahead" };
        let has_proof = !is_bound || request.headers().set("DPoP", "ahead").is_ok();
        if has_proof && request.headers().set("Authorization", scheme).is_ok() {
            let unheard = fetch(&request);
            spawn_local(async move { drop(response_to(unheard).await) });
        }
    }
}

/// Waits for the response to an app's request. gloo-net does not accept a rejection with a value that is not an `Error`, and an
/// app may abort its request with any reason.
async fn response_to(sent: Result<Promise, JsValue>) -> Result<web_sys::Response, JsValue> {
    JsFuture::from(sent?).await?.dyn_into()
}

/// Reads an HTTP date (RFC 9110 §5.6.7), as milliseconds since 1970.
fn date_in(header: &str) -> Option<i64> {
    let milliseconds = js_sys::Date::parse(header);
    #[expect(clippy::cast_possible_truncation, reason = "a date of JavaScript has at most 17 digits")]
    milliseconds.is_finite().then_some(milliseconds as i64)
}

/// The error for a missing response.
fn lost(request: &Request) -> Error {
    let url = request.url();
    Error::from(if request.signal().aborted() { Kind::Timeout { url } } else { Kind::Network { url } })
}

/// Reads a response from the authorization server: its whole body, or little more than [`MAX_RESPONSE`] of it.
///
/// # Errors
///
/// [`Kind::Network`], [`Kind::Timeout`].
async fn read(request: &Request, response: Response) -> Result<HttpResponse> {
    // A page can have put a `fetch` in the place of the browser's that reads the body itself.
    if response.body_used() {
        return Err(lost(request));
    }
    let mut body = Vec::new();
    if let Some(stream) = response.body() {
        let reader: ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
        while body.len() <= MAX_RESPONSE {
            let part = JsFuture::from(reader.read()).await.map_err(|_| lost(request))?;
            // A part without a value marks the end of the stream.
            let chunk = Reflect::get(&part, &"value".into()).map_err(|_| lost(request))?;
            if chunk.is_undefined() {
                break;
            }
            let chunk: Uint8Array = chunk.unchecked_into();
            body.extend(chunk.to_vec());
        }
        if body.len() > MAX_RESPONSE {
            let cancelled = JsFuture::from(reader.cancel());
            spawn_local(async move { drop(cancelled.await) });
        }
    }
    let header = |name| response.headers().get(name).unwrap_or_default();
    Ok(HttpResponse {
        url: request.url(),
        status: response.status(),
        content_type: header("content-type"),
        challenge: header("www-authenticate"),
        dpop_nonce: header("dpop-nonce"),
        date: date_in(&header("date")),
        retry_after: json::integer(&header("retry-after")).and_then(|seconds| seconds.try_into().ok()),
        body,
        secrets: Secrets::default(),
    })
}
