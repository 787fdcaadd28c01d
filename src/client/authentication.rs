//! The client proves its identity to the authorization server, if it is registered with a key.

use core::pin::Pin;

use super::Client;
use super::host::Host;
use crate::protocol::client_assertion::{PublicKey, attach, signing_input};
use crate::protocol::config::AuthMethod;
use crate::protocol::error::{Error, Result};
use crate::protocol::foreign::Secrets;
use crate::protocol::http::{HttpRequest, HttpResponse};

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
    /// leaves when the future is first polled.
    pub(super) fn present<'a>(
        &'a self,
        request: HttpRequest,
        part_of: &'a Secrets,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse>> + 'a>> {
        // Boxed, so that the shipped module has this code once.
        Box::pin(async move {
            let request = match self.core.config.auth_method {
                AuthMethod::None => request,
                AuthMethod::PrivateKeyJwt => self.authenticated(request).await?,
            };
            self.send(request).response(part_of).await
        })
    }

    /// The same for a request for tokens, or for the codes of a device, whose refusal may mean that the provider has forgotten this
    /// client. One of a revocation does not: some providers refuse it to every public client.
    pub(super) fn exchange<'a>(
        &'a self,
        request: HttpRequest,
        part_of: &'a Secrets,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse>> + 'a>> {
        Box::pin(async move {
            let response = self.present(request, part_of).await?;
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
