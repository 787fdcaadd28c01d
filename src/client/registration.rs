//! The client ID of an app that has none: the provider gives one (RFC 7591).

use super::host::Host;
use super::{Client, Core};
use crate::protocol::authorization_request::own_page;
use crate::protocol::error::Result;
use crate::protocol::foreign::Secrets;
use crate::protocol::json::Value;
use crate::protocol::registration::{self, Registered};

/// A registration that is under way.
struct Registering<'a, H>(&'a Core<H>);

impl<'a, H> Registering<'a, H> {
    fn begin(core: &'a Core<H>) -> Self {
        core.registering.set(true);
        core.registered.take();
        Self(core)
    }
}

impl<H> Drop for Registering<'_, H> {
    fn drop(&mut self) {
        self.0.registering.set(false);
        self.0.ended.ring();
    }
}

impl<H: Host> Client<H> {
    /// Registers the app at the provider as a public client for this redirect page, and returns what the browser has to remember.
    /// `known` is what it remembers. That is kept, unless something suggests that the provider has forgotten the client, and the
    /// registration is a minute old: a sign-in that was given up or did not come back, which `unreturned` also says, or
    /// `invalid_client` in a response. `scope` is what the sign-in asks for, and `more` are further client metadata (RFC 7591 §2), such
    /// as `client_name`.
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
        let mut latest = None;
        while self.core.registering.get() {
            self.core.ended.rung().await;
            latest.clone_from(&self.core.registered.borrow());
        }
        // Another page has registered the app meanwhile.
        if let Some((_, latest)) = latest.filter(|(page, _)| page == redirect_uri) {
            return Ok(latest);
        }
        let is_doubted = |id: &str| unreturned || (self.core.doubted.get() && id == config.client_id);
        let keeps = |known: &Registered| !(is_doubted(&known.client_id) && known.may_be_forgotten(host.now()));
        if let Some(known) = known.and_then(Registered::from_text).filter(keeps) {
            return Ok(known);
        }
        let _registering = Registering::begin(&self.core);
        let metadata = self.metadata().await?;
        let request = registration::request(&metadata, config, redirect_uri, scope, more, &host.origin())?;
        let response = self.exchange(request, &Secrets::default()).await?;
        let client_id = registration::client_id_from(&response, redirect_uri)?;
        let registered = Registered { client_id, at: host.now().wall };
        *self.core.registered.borrow_mut() = Some((redirect_uri.into(), registered.clone()));
        self.core.doubted.set(false);
        Ok(registered)
    }

    /// Takes note that the provider may have forgotten this client: a sign-in has ended without a response.
    pub fn doubt(&self) {
        self.core.doubted.set(true);
    }
}
