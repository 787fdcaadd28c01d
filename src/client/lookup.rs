//! Looks up the provider's metadata. It is fetched once, by one caller at a time.

use super::Client;
use super::host::Host;
use crate::protocol::discovery::{Discovery, Failures};
use crate::protocol::error::{Error, Kind, Result};
use crate::protocol::foreign::Secrets;
use crate::protocol::http::{Cache, HttpResponse};
use crate::protocol::json::Value;
use crate::protocol::metadata::{Expected, ServerMetadata};
use core::pin::Pin;
use std::rc::Rc;

/// A search for metadata: what was found, and its text.
type Discovering<'a> = Pin<Box<dyn Future<Output = Result<(ServerMetadata, String)>> + 'a>>;

/// The state of the lookup.
#[derive(Debug, Default)]
pub(super) struct Lookup {
    pub(super) found: Option<Rc<ServerMetadata>>,
    /// The metadata as the provider sent them; empty if they come from the options.
    document: String,
    failed: Option<Error>,
    under_way: bool,
    attempts: u32,
}

impl Lookup {
    /// Starts with the metadata from the options, if there is any.
    pub(super) fn of(found: Option<ServerMetadata>) -> Self {
        Self { found: found.map(Rc::new), ..Self::default() }
    }
}

impl<H: Host> Client<H> {
    /// Fetches the metadata, so that a later sign-in can navigate immediately.
    ///
    /// # Errors
    ///
    /// Those of discovery.
    pub async fn prepare(&self) -> Result<()> {
        if self.core.config.found_by().is_some() {
            return Ok(()); // the API names its server when the user signs in
        }
        self.metadata().await.map(drop)
    }

    /// Returns the metadata, and fetches it if it is not known yet. It only comes from the issuer or from the options.
    ///
    /// # Errors
    ///
    /// Those of discovery.
    pub(super) async fn metadata(&self) -> Result<Rc<ServerMetadata>> {
        self.metadata_from(Cache::NoCache, &Secrets::default()).await
    }

    /// Like `metadata`, with a cache mode and with the secrets of the sign-in that needs the metadata. Metadata in the
    /// browser's cache also came from the issuer. If a cached copy is used without revalidation and is not acceptable, the
    /// metadata is fetched from the issuer once more.
    ///
    /// # Errors
    ///
    /// Those of discovery.
    pub(super) async fn metadata_from(&self, cache: Cache, secrets: &Secrets) -> Result<Rc<ServerMetadata>> {
        if self.core.config.is_unfound() {
            return Err(Kind::LoginRequired.into());
        }
        let attempts = self.core.lookup.borrow().attempts;
        loop {
            {
                let mut lookup = self.core.lookup.borrow_mut();
                if let Some(found) = &lookup.found {
                    return Ok(found.clone());
                }
                // A caller that waited for an attempt shares its failure instead of starting another attempt.
                if let Some(error) = lookup.failed.as_ref().filter(|_| lookup.attempts != attempts) {
                    return Err(error.clone());
                }
                if !lookup.under_way {
                    lookup.under_way = true;
                    break;
                }
            }
            self.core.ended.rung().await;
        }
        let expected = self.core.config.expected();
        let outcome = match self.discover(expected, cache, secrets).await {
            Err(_) if cache == Cache::ForceCache => self.discover(expected, Cache::Reload, secrets).await,
            outcome => outcome,
        };
        let outcome = outcome.map(|(metadata, document)| (Rc::new(metadata), document));
        {
            let mut lookup = self.core.lookup.borrow_mut();
            lookup.under_way = false;
            lookup.attempts = lookup.attempts.wrapping_add(1);
            lookup.failed = outcome.as_ref().err().cloned();
            if let Ok((metadata, document)) = &outcome {
                lookup.found = Some(metadata.clone());
                lookup.document.clone_from(document);
            }
        }
        self.core.ended.ring();
        outcome.map(|(metadata, _)| metadata)
    }

    /// The metadata as the provider sent them, for [`Client::recall_metadata`]; empty if they come from the options.
    pub(super) fn document(&self) -> String {
        self.core.lookup.borrow().document.clone()
    }

    /// Takes metadata that this client, or an earlier one with the same configuration, has fetched. Metadata that do not pass the
    /// checks of that time are fetched again when they are needed.
    pub(super) fn recall_metadata(&self, document: &str) {
        let parsed = Value::parse(document).ok();
        let parsed = parsed
            .and_then(|value| ServerMetadata::parse(&value, self.core.config.expected(), &Secrets::default()).ok());
        if let Some(metadata) = parsed {
            let mut lookup = self.core.lookup.borrow_mut();
            lookup.found = Some(Rc::new(metadata));
            lookup.document = document.into();
        }
    }

    /// What the provider has published, as it sent them: metadata and keys, for [`Client::learn`]. A text is empty if it is not known,
    /// or if it comes from the options.
    pub(crate) fn published(&self) -> [String; 2] {
        [self.document(), self.core.keys.borrow().document().into()]
    }

    /// Takes metadata, if this client has none, and keys that another client with the same configuration has just fetched.
    pub(crate) fn learn(&self, [metadata, keys]: [&str; 2]) {
        if self.core.lookup.borrow().found.is_none() {
            self.recall_metadata(metadata);
        }
        self.core.keys.borrow_mut().recall(keys, self.core.host.now());
    }

    /// Returns the metadata and their text.
    pub(super) fn discover<'a>(
        &'a self,
        expected: Expected<'a>,
        cache: Cache,
        secrets: &'a Secrets,
    ) -> Discovering<'a> {
        // Boxed, so that the shipped module has this code once.
        Box::pin(async move {
            let mut failures = Failures::default();
            for request in Discovery::new(expected).requests(cache) {
                let response = self.send(request).response(secrets).await;
                let read = |response: HttpResponse| {
                    let metadata = Discovery::from_response(expected, &response)?;
                    Ok((metadata, String::from_utf8(response.body).unwrap_or_default()))
                };
                match response.and_then(read) {
                    Ok(found) => return Ok(found),
                    Err(failure) => failures.add(failure)?,
                }
            }
            Err(failures.into_error(expected.issuer))
        })
    }
}
