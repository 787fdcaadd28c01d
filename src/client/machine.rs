//! A sign-in without a user: the client itself gets the tokens (RFC 6749 §4.4).

use super::Client;
use super::host::Host;
use super::sign_in::Completing;
use crate::protocol::authorization_request::check_params;
use crate::protocol::config::{AuthMethod, scope, scope_set, scope_without};
use crate::protocol::error::{Error, Result};
use crate::protocol::foreign::Secrets;
use crate::protocol::resource::OF_SIGN_IN;
use crate::protocol::token::TokenRequest;
use crate::protocol::transaction::Transaction;

impl<H: Host> Client<H> {
    /// Signs the client in as itself. `params` are further parameters with their registered names. The scope value `openid` is left
    /// out, since it asks for a user. The session is renewed in the same way.
    ///
    /// # Errors
    ///
    /// [`Kind::Config`] for a client without a key, and for an invalid `scope` or a parameter that only the client may set; those of
    /// discovery, of the key, and of a token response.
    ///
    /// [`Kind::Config`]: crate::protocol::error::Kind::Config
    pub async fn sign_in_as_machine(&self, asked: &str, params: &[(String, String)]) -> Result<()> {
        let config = &self.core.config;
        if config.auth_method != AuthMethod::PrivateKeyJwt {
            return Err(Error::config(
                "mode",
                "`machine` needs a client with a key",
                "Register the key that `publicKey()` returns, and set `tokenEndpointAuthMethod: 'private_key_jwt'`.",
            ));
        }
        config.check_id()?;
        check_params(config, params)?;
        let asked = scope_without("openid", &scope(asked, false)?);
        let scope = scope_set(&asked, &config.api.target(OF_SIGN_IN).scope);
        let _completing = Completing::begin(&self.core);
        let call = self.core.session.borrow().call(OF_SIGN_IN);
        let metadata = self.metadata().await?;
        let form = TokenRequest::client_credentials(&asked, params, config);
        let request = TokenRequest::for_machine(&form, OF_SIGN_IN, config).request(&metadata.token_endpoint);
        let key = self.new_key(&metadata).await?;
        let response = self.exchange(request, key.as_ref(), &Secrets::default()).await?;
        let tokens = self.tokens_in(&response, key.as_ref()).await?;
        let transaction = Transaction::of_machine(config, &scope, form, self.core.host.now());
        self.start_session(tokens, None, &metadata, &transaction, call, key).await
    }
}
