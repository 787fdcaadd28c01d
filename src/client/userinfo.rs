//! The provider's claims about the user (OpenID Connect Core §5.3).

use super::Client;
use super::call::AuthorizedRequest;
use super::host::Host;
use crate::protocol::config::Userinfo;
use crate::protocol::error::{Error, Result};
use crate::protocol::foreign::Secrets;
use crate::protocol::http::{HttpRequest, HttpResponse};
use crate::protocol::jwt::Algorithms;
use crate::protocol::secret::Secret;
use crate::protocol::userinfo;
use core::future::Future;

/// The request to the UserInfo endpoint.
struct UserinfoRequest<'a, H> {
    client: &'a Client<H>,
    request: HttpRequest,
}

impl<H: Host> AuthorizedRequest for UserinfoRequest<'_, H> {
    type Response = HttpResponse;

    fn send(&self, authorization: Option<&Secret>) -> impl Future<Output = Result<HttpResponse>> {
        let authorization = authorization.cloned();
        let exchange = self.client.send(HttpRequest { authorization, ..self.request.clone() });
        async { exchange.response(&Secrets::default()).await }
    }

    fn status(response: &HttpResponse) -> u16 {
        response.status
    }

    fn prepare_again(&self) -> bool {
        true
    }
}

impl<H: Host> Client<H> {
    /// Returns the provider's claims about the user, as a JSON object. The claims are unchanged, but claims that contain a
    /// secret are left out. In a session without an ID Token the app has to name the user that it expects.
    ///
    /// # Errors
    ///
    /// [`Kind::Config`] if no user is expected, [`Kind::LoginRequired`], [`Kind::UserinfoInvalid`],
    /// [`Kind::MetadataInvalid`], those of discovery, those of a renewal, and those of sending the request and verifying the
    /// response. A flaw of the response does not end the session.
    ///
    /// [`Kind::Config`]: crate::protocol::error::Kind::Config
    /// [`Kind::LoginRequired`]: crate::protocol::error::Kind::LoginRequired
    /// [`Kind::UserinfoInvalid`]: crate::protocol::error::Kind::UserinfoInvalid
    /// [`Kind::MetadataInvalid`]: crate::protocol::error::Kind::MetadataInvalid
    pub async fn userinfo(&self, sub: Option<&str>) -> Result<String> {
        let config = &self.core.config;
        let subject = self.subject();
        let expected = [subject.as_deref(), sub];
        if expected == [None; 2] && self.is_signed_in() {
            return Err(Error::config(
                "sub",
                "needed where no ID Token says who the user is",
                "Call `userinfo({ sub })` with the user whom the app expects.",
            ));
        }
        let metadata = self.metadata().await?;
        let request = UserinfoRequest { client: self, request: userinfo::request(&metadata)? };
        let response = self.authorized(&request).await?;
        let mut claims = String::from(userinfo::text(&response)?);
        if config.userinfo == Userinfo::Signed {
            let token = self.verify(&claims, "", Algorithms::ALL, &metadata, None, &response.secrets).await;
            claims = token.map_err(userinfo::of_userinfo)?.claims;
        }
        userinfo::check(&claims, expected, &metadata, config)?;
        Ok(response.secrets.cleared(&claims))
    }
}
