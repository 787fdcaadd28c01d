//! Requests that carry the access token: the app's requests to an API, and the client's own request to UserInfo.

use super::Client;
use super::host::Host;
use super::possession::{Boxed, Proofs, Said};
use super::trace::Traced;
use crate::protocol::dpop::{self, Flaw, Refusal, Server};
use crate::protocol::error::{Kind, Result};
use crate::protocol::resource::blocked;
use crate::protocol::secret::Secret;
use crate::protocol::session::Change;
use crate::protocol::session_state::{Call, Refused};
use crate::protocol::step_up;
use crate::protocol::url::{Loopback, Url};
use core::future::Future;

/// A request that can be sent with an access token.
pub trait AuthorizedRequest {
    /// The response, whatever its status.
    type Response;

    /// The absolute URL, as the browser serializes it.
    fn url(&self) -> String;

    /// The method, as the browser sends it.
    fn method(&self) -> String;

    /// Sends the request with these headers, or without. Each call sends the request again.
    ///
    /// Fails with [`Kind::Network`] if there is no response, and with [`Kind::Cancelled`] if the app aborted the request.
    fn send(&self, credentials: Option<&Credentials>) -> impl Future<Output = Result<Self::Response>>;

    /// The status code of a response.
    fn status(response: &Self::Response) -> u16;

    /// A header of a response; empty if it is absent or cannot be read.
    fn header(response: &Self::Response, name: &str) -> String;

    /// The header `Date` of a response, in milliseconds since 1970; absent if it cannot be read.
    fn date(response: &Self::Response) -> Option<i64>;

    /// Prepares the request for a second attempt, if that is possible. It is not if the body is a stream, which the first attempt
    /// consumes.
    fn prepare_again(&self) -> bool;
}

/// A request of the app to an API.
pub trait ApiRequest: AuthorizedRequest {
    /// Whether the app itself has set an `Authorization` or `DPoP` header.
    fn brings_credentials(&self) -> bool;

    /// Sends the API a request without the access token, so that the browser has completed the CORS preflight by the time the
    /// token arrives. `is_bound` tells whether the token will be bound to a key, so that its request has a further header.
    fn ask_ahead(&self, is_bound: bool);
}

/// The headers with which a request proves that it may call the API.
#[derive(Debug)]
pub struct Credentials {
    /// `Authorization` (RFC 6750 §2.1, RFC 9449 §7.1).
    pub authorization: Secret,
    /// `DPoP`, for a token that is bound to a key (RFC 9449 §7.1).
    pub proof: Option<Secret>,
}

impl<H: Host> Client<H> {
    /// Sends an app's request with the access token, if its URL is on the API list. The call waits for a sign-in that is being
    /// completed, and renews the token first if necessary. After a 401, the call renews the token and sends the request again.
    /// If the token cannot be renewed or the body was a stream, the API's refusal is the response. If the renewal fails, so
    /// does the call.
    ///
    /// An API to which the app connects is called without a token while nobody is signed in: it may not need one.
    ///
    /// # Errors
    ///
    /// [`Kind::RequestBlocked`], [`Kind::LoginRequired`], those of a renewal and those of [`AuthorizedRequest::send`].
    pub async fn fetch<R: ApiRequest>(&self, request: &R) -> Result<R::Response> {
        let url = request.url();
        if self.is_completing() && self.is_warm(&url) {
            request.ask_ahead(self.is_bound());
        }
        self.completed().await;
        let target = self.core.config.api.permit(&url)?;
        if request.brings_credentials() {
            return Err(blocked(
                "it brings its own `Authorization` or `DPoP` header",
                "Leave the header out: the client adds it.",
            ));
        }
        let request = &Traced { client: self, request };
        if self.core.config.resource.is_none() {
            return self.authorized(request, target).await;
        }
        let response =
            if self.is_signed_in() { self.authorized(request, target).await? } else { request.send(None).await? };
        if R::status(&response) == 401 && !self.is_signed_in() {
            return Err(Kind::LoginRequired.into());
        }
        Ok(response)
    }

    /// Whether the page has asked for a request to the API at this URL before the access token is available: see
    /// [`PageOptions::warm`](crate::protocol::options::PageOptions::warm).
    fn is_warm(&self, url: &str) -> bool {
        self.core.config.api.permit(url).is_ok() && self.page.warm.permit(url).is_ok()
    }

    /// Whether tokens of this client are bound to a key, as far as it is known by now.
    fn is_bound(&self) -> bool {
        let found = self.core.lookup.borrow().found.clone();
        found.is_some_and(|metadata| {
            dpop::algorithms(&self.core.config, &metadata).is_ok_and(|usable| !usable.is_empty())
        })
    }

    /// Sends a request with the access token for the target at this place of the API list, and after a 401 a second time with a renewed
    /// token. If the token is bound to a key, the request also proves the possession of the key, and is sent again if the API demands a
    /// nonce (RFC 9449 §9).
    pub(super) async fn authorized<R: AuthorizedRequest>(&self, request: &R, target: usize) -> Result<R::Response> {
        let mut proofs = Proofs::default();
        let call = self.core.session.borrow().call(target);
        let (method, url) = (&*request.method(), &*request.url());
        let (mut call, mut credentials) = self.credentials(call, [method, url], &mut proofs).await?;
        let mut is_renewed = false;
        loop {
            let response = request.send(Some(&credentials)).await?;
            if credentials.proof.is_some() {
                let refusal = refusal_of::<R>(&response);
                let (nonce, date) = (&*R::header(&response, "dpop-nonce"), R::date(&response));
                if self.hear(Said { server: Server::Resource, url, refusal, nonce, date }, &mut proofs)? {
                    if !request.prepare_again() {
                        return Ok(response);
                    }
                    (call, credentials) = self.credentials(call, [method, url], &mut proofs).await?;
                    continue;
                }
                match refusal {
                    // The API takes other tokens than this one, renewed or not.
                    Refusal::Scheme => return Ok(response),
                    Refusal::Unreadable if !self.is_own_origin(url) && (is_renewed || !self.can_renew()) => {
                        return Err(Flaw::HiddenChallenge.at(url));
                    }
                    _ => {}
                }
            }
            let status = R::status(&response);
            let asks_for_sign_in = || step_up::is_asked(&R::header(&response, "www-authenticate"));
            if status != 401 || is_renewed || asks_for_sign_in() || !self.refused(call) || !request.prepare_again() {
                return Ok(response);
            }
            (is_renewed, proofs) = (true, Proofs::default());
            match self.credentials(call, [method, url], &mut proofs).await {
                Ok(renewed) => (call, credentials) = renewed,
                // No renewal is possible, and the API's own response says more than this error.
                Err(error) if matches!(error.kind(), Kind::LoginRequired) => return Ok(response),
                Err(error) => return Err(error),
            }
        }
    }

    fn can_renew(&self) -> bool {
        self.core.session.borrow().can_renew()
    }

    /// Whether a page can read all headers of a response from this URL.
    fn is_own_origin(&self, url: &str) -> bool {
        Url::parse(url, Loopback::Allowed).is_some_and(|url| url.origin() == self.core.host.origin())
    }

    /// Records that a token was refused with a 401, and returns whether a second attempt makes sense. Without a refresh token
    /// the session ends.
    fn refused(&self, call: Call) -> bool {
        let refused = self.core.session.borrow_mut().refused(call, self.core.host.now());
        if refused == Refused::Ends {
            self.changed(Change::Expired);
        }
        refused == Refused::Again
    }

    /// The headers for a request with this method and URL, and the state of the session that the token in them belongs to.
    fn credentials<'a>(
        &'a self,
        call: Call,
        target: [&'a str; 2],
        proofs: &'a mut Proofs,
    ) -> Boxed<'a, Result<(Call, Credentials)>> {
        // Boxed, so that the shipped module has this code once.
        Box::pin(async move {
            self.ready(call).await?;
            // The session is read only now, so that `call` describes the token that is attached.
            let (call, token, bound_to) = {
                let session = self.core.session.borrow();
                let token = session.access_token(call.target()).ok_or(Kind::LoginRequired)?;
                (session.call(call.target()), token.clone(), session.bound_to().cloned())
            };
            let scheme = if bound_to.is_some() { "DPoP " } else { "Bearer " };
            let authorization = Secret::new([scheme, token.expose()].concat());
            let proof = match self.key(bound_to.as_ref())? {
                Some(key) => Some(self.proof(&key, Server::Resource, target, Some(&token), proofs).await?),
                None => None,
            };
            // The user may have signed out, or another one in, while the key signed.
            if !self.core.session.borrow().is_same(call) {
                return Err(if self.is_signed_in() { Kind::Cancelled } else { Kind::LoginRequired }.into());
            }
            Ok((call, Credentials { authorization, proof }))
        })
    }
}

/// Why an API has refused a request with a bound token, if it has.
fn refusal_of<R: AuthorizedRequest>(response: &R::Response) -> Refusal {
    match R::status(response) {
        401 => Refusal::of_resource(&R::header(response, "www-authenticate")),
        _ => Refusal::Other,
    }
}
