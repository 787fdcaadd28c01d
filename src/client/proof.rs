//! Proves who issued a token: verifies its signature with one of the provider's keys.

use super::host::Host;
use super::{Client, Exchange};
use crate::protocol::error::Result;
use crate::protocol::foreign::Secrets;
use crate::protocol::jwt::{Algorithms, Unverified, Verified};
use crate::protocol::metadata::ServerMetadata;
use crate::protocol::session_state::Proof;
use crate::protocol::token::TokenResponse;

impl<H: Host> Client<H> {
    /// Checks that the access token among `tokens` is for the API to which the app connects, if it does. Verifies the signature of the
    /// ID Token, if the client uses OpenID Connect and there is a user. `keys` is a request for the keys that was already sent; it is
    /// absent if the known keys are to be used.
    pub(super) async fn prove(
        &self,
        tokens: &TokenResponse,
        metadata: &ServerMetadata,
        keys: Option<Exchange<H>>,
        has_user: bool,
    ) -> Proof {
        let config = &self.core.config;
        if let Some(resource) = &config.resource {
            resource.check_audience(&tokens.access_token, metadata)?;
        }
        let Some(token) = tokens.id_token.as_ref().filter(|_| config.openid && has_user) else { return Ok(None) };
        let access_token = tokens.access_token.expose();
        self.verify(token.expose(), access_token, metadata.algorithms, metadata, keys, &tokens.secrets).await.map(Some)
    }

    /// Verifies the signature of a token with the provider's keys. The keys are fetched again if none of them fits, or if the
    /// signature is wrong, since a provider can replace a key under the same `kid`. The access token is hashed with the hash
    /// function of the signature. `secrets` are those of the exchange in which the token arrived.
    ///
    /// # Errors
    ///
    /// [`Kind::IdTokenInvalid`], those of [`Unverified::parse`], and those of fetching the keys.
    ///
    /// [`Kind::IdTokenInvalid`]: crate::protocol::error::Kind::IdTokenInvalid
    pub(super) async fn verify(
        &self,
        token: &str,
        access_token: &str,
        allowed: Algorithms,
        metadata: &ServerMetadata,
        mut keys: Option<Exchange<H>>,
        secrets: &Secrets,
    ) -> Result<Verified> {
        let token = Unverified::parse(token, allowed)?;
        loop {
            let received = match keys.take() {
                Some(started) => {
                    let outcome = started.response(secrets).await;
                    self.core.keys.borrow_mut().receive(outcome)
                }
                None => Ok(()),
            };
            let selected = self.core.keys.borrow().select(&token, access_token);
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
