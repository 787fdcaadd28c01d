//! Sockets that carry the access token.

use super::Client;
use super::host::Host;
use crate::protocol::error::{Kind, Result};
use crate::protocol::socket::{self, Opening};

impl<H: Host> Client<H> {
    /// What a socket to this URL (`wss:`, or `ws:` on loopback) is opened with. The entry of the API list that permits the URL says how
    /// the socket carries the token. The token is renewed first if necessary.
    ///
    /// # Errors
    ///
    /// [`Kind::RequestBlocked`] for a URL that is not on the API list, or whose entry says nothing about sockets; [`Kind::Unsupported`]
    /// for a token that is bound to a key, since a socket cannot prove the possession of the key; [`Kind::LoginRequired`], and those of a
    /// renewal.
    pub async fn socket(&self, url: &str) -> Result<Opening> {
        let request = socket::request_url(url)?;
        self.completed().await;
        let (target, carrier) = self.core.config.api.carrier(&request)?;
        let call = self.core.session.borrow().call(target);
        self.ready(call).await?;
        let session = self.core.session.borrow();
        if session.bound_to().is_some() {
            return Err(socket::bound());
        }
        let token = session.access_token(target).ok_or(Kind::LoginRequired)?;
        let opening = carrier.open(token)?;
        self.tell_socket(&request);
        Ok(Opening { sub: self.subject().unwrap_or_default(), ..opening })
    }
}
