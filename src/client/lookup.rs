//! The search for metadata: found once, asked for by one caller at a time.

use std::rc::Rc;
use std::sync::Arc;

use super::Client;
use super::host::Host;
use crate::protocol::error::Error;
use crate::protocol::json::Value;
use crate::protocol::metadata::{Discovery, ServerMetadata};
use crate::protocol::transaction::Transaction;

/// What became of the search so far.
#[derive(Debug, Default)]
pub(super) struct Lookup {
    pub(super) found: Option<Rc<ServerMetadata>>,
    failed: Option<Arc<Error>>,
    under_way: bool,
    attempts: u32,
}

impl Lookup {
    /// With metadata at hand, if there are some.
    pub(super) fn of(found: Option<ServerMetadata>) -> Self {
        Self { found: found.map(Rc::new), ..Self::default() }
    }
}

impl<H: Host> Client<H> {
    /// Takes metadata that came along with a transaction, checked like fetched ones.
    pub(super) fn take_up(&self, transaction: &Transaction) {
        let mut lookup = self.lookup.borrow_mut();
        if lookup.found.is_none()
            && let Ok(value) = Value::parse(&transaction.metadata)
        {
            lookup.found = ServerMetadata::parse(&value, &self.config).ok().map(Rc::new);
        }
    }

    /// The metadata, at hand or fetched.
    ///
    /// # Errors
    ///
    /// Those of discovery.
    pub(super) async fn metadata(&self) -> Result<Rc<ServerMetadata>, Arc<Error>> {
        let attempts = self.lookup.borrow().attempts;
        loop {
            {
                let mut lookup = self.lookup.borrow_mut();
                if let Some(found) = &lookup.found {
                    return Ok(found.clone());
                }
                // Whoever waited for an attempt shares its failure instead of starting another one.
                if let Some(error) = lookup.failed.as_ref().filter(|_| lookup.attempts != attempts) {
                    return Err(error.clone());
                }
                if !lookup.under_way {
                    lookup.under_way = true;
                    break;
                }
            }
            self.settled.rung().await;
        }
        let outcome = self.discover().await.map(Rc::new);
        {
            let mut lookup = self.lookup.borrow_mut();
            lookup.under_way = false;
            lookup.attempts = lookup.attempts.wrapping_add(1);
            lookup.failed = outcome.as_ref().err().cloned();
            lookup.found = outcome.as_ref().ok().cloned();
        }
        self.settled.ring();
        outcome
    }

    async fn discover(&self) -> Result<ServerMetadata, Arc<Error>> {
        let discovery = Discovery::new(&self.config);
        for request in discovery.requests() {
            let response = self.host.send(request, self.config.timeout).await?;
            if let Some(metadata) = Discovery::from_response(&self.config, &response)? {
                return Ok(metadata);
            }
        }
        Err(Error::DiscoveryFailed { url: self.config.issuer.clone() }.into())
    }
}
