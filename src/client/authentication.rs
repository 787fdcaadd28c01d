//! The client proves its identity to the authorization server, if it is registered with a key.

use core::pin::Pin;

use super::Client;
use super::host::Host;
use super::possession::Proofs;
use crate::protocol::client_assertion::{attach, signing_input};
use crate::protocol::config::AuthMethod;
use crate::protocol::dpop::Server;
use crate::protocol::error::{Error, Result};
use crate::protocol::foreign::Secrets;
use crate::protocol::http::{HttpRequest, HttpResponse};
use crate::protocol::public_key::PublicKey;

impl<H: Host> Client<H> {
    /// The public half of the key with which this client authenticates, to be registered at the provider. Only this page is asked for
    /// it, and makes the key if there is none: another one may run an injected script, whose key would be registered.
    ///
    /// # Errors
    ///
    /// [`Kind::Config`] for a client without a key, and those of [`Host::sign`].
    ///
    /// [`Kind::Config`]: crate::protocol::error::Kind::Config
    pub async fn public_key(&self, page: u32) -> Result<PublicKey> {
        if self.core.config.auth_method != AuthMethod::PrivateKeyJwt {
            return Err(Error::config(
                "tokenEndpointAuthMethod",
                "this client has no key",
                "Set it to `'private_key_jwt'` in `createClient`.",
            ));
        }
        self.core.config.check_id()?; // each ID has a key of its own
        Ok(self.core.host.sign(&self.key_name(), "", Some(page)).await?.0)
    }

    /// Sends a request that needs client authentication (RFC 6749 §2.3), and waits for the response. A request of a public client
    /// leaves when the future is first polled. With a `key`, the request proves its possession (RFC 9449 §5), and is sent again if the
    /// server demands a nonce.
    ///
    /// # Errors
    ///
    /// Those of a signature, those of sending the request, and [`Kind::Dpop`](crate::protocol::error::Kind::Dpop).
    pub(super) fn present<'a>(
        &'a self,
        request: HttpRequest,
        key: Option<&'a H::Key>,
        part_of: &'a Secrets,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse>> + 'a>> {
        // Boxed, so that the shipped module has this code once.
        Box::pin(async move {
            let (mut proofs, url) = (Proofs::default(), request.url.clone());
            loop {
                let mut request = match self.core.config.auth_method {
                    AuthMethod::None => request.clone(),
                    AuthMethod::PrivateKeyJwt => self.authenticated(request.clone()).await?,
                };
                if let Some(key) = key {
                    let target = ["POST", &*url];
                    request.proof = Some(self.proof(key, Server::Authorization, target, None, &mut proofs).await?);
                }
                let response = self.send(request).response(part_of).await?;
                if key.is_none() || !self.hear_server(&url, &response, &mut proofs)? {
                    return Ok(response);
                }
            }
        })
    }

    /// The same for a request for tokens, or for the codes of a device, whose refusal may mean that the provider has forgotten this
    /// client. One of a revocation does not: some providers refuse it to every public client.
    pub(super) fn exchange<'a>(
        &'a self,
        request: HttpRequest,
        key: Option<&'a H::Key>,
        part_of: &'a Secrets,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse>> + 'a>> {
        Box::pin(async move {
            let response = self.present(request, key, part_of).await?;
            if response.refuses_client() {
                self.core.doubted.set(true);
            }
            Ok(response)
        })
    }

    /// The accounts of a client share its key, as they share its registration.
    fn key_name(&self) -> String {
        let config = &self.core.config;
        [config.provider(), " ", &config.client_id].concat()
    }

    async fn authenticated(&self, request: HttpRequest) -> Result<HttpRequest> {
        let host = &self.core.host;
        let name = self.key_name();
        let (key, _) = host.sign(&name, "", None).await?;
        let input = signing_input(&self.core.config, &key, host.entropy()?, host.now());
        let (_, signature) = host.sign(&name, &input, None).await?;
        Ok(attach(request, &input, &signature))
    }
}
