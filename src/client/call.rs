//! Requests that carry the access token: the app's requests to an API, and the client's own request to UserInfo.

use super::Client;
use super::host::Host;
use crate::protocol::error::{Kind, Result};
use crate::protocol::resource::blocked;
use crate::protocol::secret::Secret;
use crate::protocol::session::Change;
use crate::protocol::session_state::{Call, Refused};
use core::future::Future;

/// A request that can be sent with an access token.
pub trait AuthorizedRequest {
    /// The response, whatever its status.
    type Response;

    /// Sends the request with this value of the `Authorization` header (RFC 6750 §2.1), or without the header. Each call sends the
    /// request again.
    ///
    /// Fails with [`Kind::Network`] if there is no response, and with [`Kind::Cancelled`] if the app aborted the request.
    fn send(&self, authorization: Option<&Secret>) -> impl Future<Output = Result<Self::Response>>;

    /// The status code of a response.
    fn status(response: &Self::Response) -> u16;

    /// Prepares the request for a second attempt, if that is possible. It is not if the body is a stream, which the first attempt
    /// consumes.
    fn prepare_again(&self) -> bool;
}

/// A request of the app to an API.
pub trait ApiRequest: AuthorizedRequest {
    /// The absolute URL, as the browser serializes it.
    fn url(&self) -> String;

    /// Whether the app itself has set an `Authorization` or `DPoP` header.
    fn brings_credentials(&self) -> bool;

    /// Sends the API a request without the access token, so that the browser has completed the CORS preflight by the time the
    /// token arrives.
    fn ask_ahead(&self);
}

/// An access token for one request, and the session that the token belongs to.
struct Credentials {
    authorization: Secret,
    call: Call,
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
            request.ask_ahead();
        }
        self.completed().await;
        self.core.config.api.permit(&url)?;
        if request.brings_credentials() {
            return Err(blocked(
                "it brings its own `Authorization` or `DPoP` header",
                "Leave the header out: the client adds it.",
            ));
        }
        if self.core.config.resource.is_none() {
            return self.authorized(request).await;
        }
        let response = if self.is_signed_in() { self.authorized(request).await? } else { request.send(None).await? };
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

    /// Sends a request with the access token, and after a 401 a second time with a renewed token.
    pub(super) async fn authorized<R: AuthorizedRequest>(&self, request: &R) -> Result<R::Response> {
        let call = self.core.session.borrow().call();
        let credentials = self.credentials(call).await?;
        let response = request.send(Some(&credentials.authorization)).await?;
        if R::status(&response) != 401 || !self.refused(credentials.call) || !request.prepare_again() {
            return Ok(response);
        }
        match self.credentials(credentials.call).await {
            Ok(credentials) => request.send(Some(&credentials.authorization)).await,
            // No renewal is possible, and the API's own response says more than this error.
            Err(error) if matches!(error.kind(), Kind::LoginRequired) => Ok(response),
            Err(error) => Err(error),
        }
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

    async fn credentials(&self, call: Call) -> Result<Credentials> {
        self.ready(call).await?;
        // The session is read only now, so that `call` describes the token that is attached.
        let session = self.core.session.borrow();
        match session.access_token() {
            Some(token) => {
                let authorization = Secret::new(["Bearer ", token.expose()].concat());
                Ok(Credentials { call: session.call(), authorization })
            }
            None => Err(Kind::LoginRequired.into()),
        }
    }
}
