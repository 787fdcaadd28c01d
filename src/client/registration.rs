//! The client ID of an app that has none: the provider gives one (RFC 7591).

use super::host::Host;
use super::{Client, Core};
use crate::protocol::authorization_request::own_page;
use crate::protocol::error::Result;
use crate::protocol::foreign::Secrets;
use crate::protocol::json::Value;
use crate::protocol::registration::{self, Registered};

impl<H: Host> Client<H> {
    /// Registers the app at the provider as a public client for this redirect page, and returns what the browser has to remember.
    /// `known` is what it remembers. That is kept, unless something suggests that the provider has forgotten the client, and the
    /// registration is a minute old: `invalid_client` in response to a request for tokens or codes or, while nobody is signed in, a
    /// sign-in that was given up or did not come back, which `unreturned` also says. `scope` is what the sign-in asks for, and `more`
    /// are further client metadata (RFC 7591 §2), such as `client_name`.
    ///
    /// # Errors
    ///
    /// [`Kind::Config`] for a `redirect_uri` that is not a page of this origin; those of discovery, of
    /// [`registration::request`] and of [`registration::client_id_from`].
    ///
    /// [`Kind::Config`]: crate::protocol::error::Kind::Config
    pub async fn register(
        &self,
        redirect_uri: &str,
        scope: &str,
        more: Option<&Value<'_>>,
        known: Option<&str>,
        unreturned: bool,
    ) -> Result<Registered> {
        let Core { host, config, .. } = &*self.core;
        own_page("redirectUri", redirect_uri, &host.origin())?;
        registration::check(config)?;
        let is_doubted = |known: &Registered| {
            (unreturned && !self.is_signed_in()) || (self.core.doubted.get() && known.client_id == config.client_id)
        };
        let keeps = |known: &Registered| !(is_doubted(known) && known.may_be_forgotten(host.now()));
        if let Some(known) = known.and_then(|text| Registered::from_text(text, config.loopback)).filter(keeps) {
            return Ok(known);
        }
        let metadata = self.metadata().await?;
        let request = registration::request(&metadata, config, redirect_uri, scope, more, &host.origin())?;
        let response = self.send(request).response(&Secrets::default()).await?;
        let client_id = registration::client_id_from(&response, redirect_uri, config.loopback)?;
        self.core.doubted.set(false);
        Ok(Registered { client_id, at: host.now().wall })
    }

    /// Takes note that a sign-in has ended without a response. If nobody is signed in, the provider may have forgotten this client.
    pub fn doubt(&self) {
        if !self.is_signed_in() {
            self.core.doubted.set(true);
        }
    }
}
