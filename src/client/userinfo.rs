//! The provider's claims about the user (OpenID Connect Core §5.3).

use super::Client;
use super::call::{AuthorizedRequest, Credentials};
use super::host::Host;
use crate::protocol::config::Userinfo;
use crate::protocol::error::{Error, Result};
use crate::protocol::foreign::Secrets;
use crate::protocol::http::{HttpRequest, HttpResponse};
use crate::protocol::jwt::Algorithms;
use crate::protocol::resource::OF_SIGN_IN;
use crate::protocol::userinfo;
use core::future::Future;

/// The request to the UserInfo endpoint.
struct UserinfoRequest<'a, H: Host> {
    client: &'a Client<H>,
    request: HttpRequest,
}

impl<H: Host> AuthorizedRequest for UserinfoRequest<'_, H> {
    type Response = HttpResponse;

    fn url(&self) -> String {
        self.request.url.clone()
    }

    fn method(&self) -> String {
        "GET".into()
    }

    fn send(&self, credentials: Option<&Credentials>) -> impl Future<Output = Result<HttpResponse>> {
        let authorization = credentials.map(|credentials| credentials.authorization.clone());
        let proof = credentials.and_then(|credentials| credentials.proof.clone());
        let exchange = self.client.send(HttpRequest { authorization, proof, ..self.request.clone() });
        async { exchange.response(&Secrets::default()).await }
    }

    fn header(response: &HttpResponse, name: &str) -> String {
        match name {
            "www-authenticate" => response.challenge.clone(),
            "dpop-nonce" => response.dpop_nonce.clone(),
            _ => String::new(),
        }
    }

    fn date(response: &HttpResponse) -> Option<i64> {
        response.date
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
        let response = self.authorized(&request, self.userinfo_target()).await?;
        let mut claims = String::from(userinfo::text(&response)?);
        if config.userinfo == Userinfo::Signed {
            let token = self.verify(&claims, "", Algorithms::ALL, &metadata, None, &response.secrets).await;
            claims = token.map_err(userinfo::of_userinfo)?.claims;
        }
        userinfo::check(&claims, expected, &metadata, config)?;
        Ok(response.secrets.cleared(&claims))
    }

    /// The target of the access token for the UserInfo endpoint. A token for a resource need not be valid there (RFC 8707 §2), and its
    /// refusal would end the session. All tokens of a connection are for its API.
    fn userinfo_target(&self) -> usize {
        let config = &self.core.config;
        if config.resource.is_none() { config.api.plain() } else { OF_SIGN_IN }
    }
}
