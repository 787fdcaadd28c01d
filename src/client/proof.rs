//! Proof of who issued a token: its signature, by one of the provider's keys.

use std::sync::Arc;

use super::host::Host;
use super::{Client, Exchange};
use crate::protocol::error::Error;
use crate::protocol::foreign::Secrets;
use crate::protocol::jwt::{Algorithms, Unverified, Verified};
use crate::protocol::metadata::ServerMetadata;
use crate::protocol::session::Proof;
use crate::protocol::token::TokenResponse;

impl<H: Host> Client<H> {
    /// Checks the signature of the ID Token among these, if it is asked for. `keys` are on their way already, or at hand.
    pub(super) async fn prove(
        &self,
        tokens: &TokenResponse,
        metadata: &ServerMetadata,
        keys: Option<Exchange<H>>,
    ) -> Proof {
        let Some(token) = tokens.id_token.as_ref().filter(|_| self.core.config.openid) else { return Ok(None) };
        let beside = tokens.access_token.expose();
        self.verify(token.expose(), beside, metadata.algorithms, metadata, keys, &tokens.secrets).await.map(Some)
    }

    /// Checks the signature of a token by the provider's keys. They are asked for once more if the right one is not among
    /// them, or if the signature is wrong: a provider can put another key under the same `kid`. The text beside it is hashed
    /// by the hash function of the signature. `secrets` are those of the exchange in which the token came.
    ///
    /// # Errors
    ///
    /// [`Error::IdTokenInvalid`], and what can go wrong on the way to the keys.
    pub(super) async fn verify(
        &self,
        token: &str,
        beside: &str,
        allowed: Algorithms,
        metadata: &ServerMetadata,
        mut keys: Option<Exchange<H>>,
        secrets: &Secrets,
    ) -> Result<Verified, Arc<Error>> {
        let token = Unverified::parse(token, allowed)?;
        loop {
            let received = match keys.take() {
                Some(started) => {
                    let outcome = started.response(secrets).await;
                    self.core.keys.borrow_mut().receive(outcome)
                }
                None => Ok(()),
            };
            let selected = self.core.keys.borrow().select(&token, beside);
            let accepted = match selected {
                Ok(question) => token.accept(self.core.host.verify(question).await),
                Err(unknown) => Err(unknown),
            };
            let error = match accepted {
                Ok(verified) => return Ok(verified),
                Err(error) => error,
            };
            received?;
            let request = self.core.keys.borrow_mut().again(metadata, self.core.host.now()).ok_or(error)?;
            keys = Some(self.send(request));
        }
    }
}
