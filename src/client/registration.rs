//! The client ID of an app that has none: the provider gives one (RFC 7591).

use super::host::Host;
use super::{Client, Core};
use crate::protocol::authorization_request::own_page;
use crate::protocol::error::{Kind, Result};
use crate::protocol::foreign::Secrets;
use crate::protocol::http::{Cache, HttpRequest};
use crate::protocol::metadata::{Expected, ServerMetadata};
use crate::protocol::protected_resource::{self, Challenge, Resource, ResourceMetadata, is_document};
use crate::protocol::registration::{self, Registered, Registration};
use crate::protocol::trace::Step;

impl<H: Host> Client<H> {
    /// Registers the app at the provider as a public client for this redirect page, and returns what the browser has to remember.
    /// What it remembers already is kept, unless something suggests that the provider has forgotten the client, and the registration
    /// is a minute old: `invalid_client` in response to a request for tokens or codes or, while nobody is signed in, a sign-in that was
    /// given up or did not come back.
    ///
    /// If the app connects to an API and names no authorization server, the API names it. Then the registration is for this API alone,
    /// and is kept only while the API names the same server.
    ///
    /// # Errors
    ///
    /// [`Kind::Config`] for a redirect page that is not a page of this origin; those of discovery, of [`registration::request`] and of
    /// [`registration::client_id_from`]; and those of the metadata of the API: [`Resource::metadata_addresses`] and
    /// [`Resource::metadata_from`].
    pub async fn register(&self, app: &Registration<'_>) -> Result<Registered> {
        let Core { host, config, .. } = &*self.core;
        own_page("redirectUri", app.redirect_uri, &host.origin())?;
        registration::check(config)?;
        let is_doubted = |known: &Registered| {
            (app.unreturned && !self.is_signed_in()) || (self.core.doubted.get() && known.client_id == config.client_id)
        };
        let keeps = |known: &Registered| !(is_doubted(known) && known.may_be_forgotten(host.now()));
        let known = app.known.and_then(|text| Registered::from_text(text, config.loopback)).filter(keeps);
        let Some(resource) = config.found_by() else {
            if let Some(known) = known {
                return Ok(known);
            }
            let client_id = self.register_at(&*self.metadata().await?, app).await?;
            return Ok(Registered { client_id, at: host.now().wall, issuer: None, scope: None });
        };
        let ResourceMetadata { issuers, scope } = self.resource_metadata(resource).await?;
        let offered = Some(scope).filter(|scope| !scope.is_empty());
        let is_named = |known: &Registered| {
            known.issuer.as_ref().is_some_and(|issuer| issuers.contains(issuer))
                && (!is_document(&known.client_id) || app.document == Some(&known.client_id))
        };
        if let Some(known) = known.filter(is_named) {
            return Ok(Registered { scope: offered, ..known });
        }
        let issuer = issuers.first().cloned().unwrap_or_default();
        let expected = Expected { issuer: &issuer, ..config.expected() };
        let (metadata, _) = self.discover(expected, Cache::NoCache, &Secrets::default()).await?;
        let document = app.document.and_then(|document| registration::document_id(document, &metadata));
        let client_id = if let Some(document) = document {
            document.into()
        } else {
            let scope = Some(app.scope).filter(|scope| !scope.is_empty()).or(offered.as_deref());
            let app = Registration { scope: scope.unwrap_or_default(), ..*app };
            self.register_at(&metadata, &app).await?
        };
        Ok(Registered { client_id, at: host.now().wall, issuer: Some(issuer), scope: offered })
    }

    async fn register_at(&self, metadata: &ServerMetadata, app: &Registration<'_>) -> Result<String> {
        let Core { host, config, .. } = &*self.core;
        let request = registration::request(metadata, config, app, &host.origin())?;
        let response = self.send(request).response(&Secrets::default()).await?;
        let client_id = registration::client_id_from(&response, metadata, config, app)?;
        self.core.doubted.set(false);
        Ok(client_id)
    }

    /// The redirect page of a sign-in for which the app has named none, beside `page`: see [`protected_resource::own_page`].
    pub fn own_page(&self, page: &str) -> Option<String> {
        let config = &self.core.config;
        protected_resource::own_page(config, &config.issuer, &config.client_id, page)
    }

    /// Finds out at which servers the users of an API sign in (RFC 9728). Every sign-in asks again, since an API can change its server.
    ///
    /// # Errors
    ///
    /// Those of [`Resource::metadata_addresses`] and [`Resource::metadata_from`]. A missing response means that there are no metadata:
    /// to a page, a 404 without CORS headers looks like that.
    async fn resource_metadata(&self, resource: &Resource) -> Result<ResourceMetadata> {
        let loopback = self.core.config.loopback;
        let none = Secrets::default();
        let challenge = match self.send(resource.probe()).response(&none).await {
            Ok(response) if response.status == 401 => Challenge::parse(&response.challenge),
            _ => Challenge::default(),
        };
        for url in resource.metadata_addresses(&challenge, loopback)? {
            let request = HttpRequest { cache: Cache::NoCache, ..HttpRequest::get(Step::ResourceMetadata, url) };
            let response = self.send(request).response(&none).await;
            match response.and_then(|response| resource.metadata_from(&response, &challenge, loopback)) {
                Err(error)
                    if matches!(
                        error.kind(),
                        Kind::Network { .. } | Kind::NotJson { .. } | Kind::NoResourceMetadata { .. }
                    ) => {}
                outcome => return outcome,
            }
        }
        Err(resource.without_metadata())
    }

    /// Takes note that a sign-in has ended without a response. If nobody is signed in, the provider may have forgotten this client.
    pub fn doubt(&self) {
        if !self.is_signed_in() {
            self.core.doubted.set(true);
        }
    }
}
