//! What outlives the vault of a client: its session, and the metadata of its provider.

use super::Client;
use super::host::{Host, ProofKey};
use crate::protocol::session_state::SessionState;

/// The texts from which a later client with the same configuration continues.
pub struct Deposit {
    /// [`SessionState::to_record`]; it contains tokens.
    pub session: String,
    /// The metadata as the provider sent them, so that the later client needs no request for them; may be empty.
    pub metadata: String,
}

impl<H: Host> Client<H> {
    /// The texts of this client; `None` when signed out, and while the tokens are being renewed.
    pub fn deposit(&self) -> Option<Deposit> {
        let session = self.core.session.borrow().to_record()?;
        Some(Deposit { session, metadata: self.document() })
    }

    /// Whether the key of the session cannot be passed on as a text, which a guard needs. Then the device has kept the session.
    pub fn has_key_without_text(&self) -> bool {
        self.deposited_key().is_some_and(|key| key.to_jwk().is_none())
    }

    /// The key that goes with the deposit, if the tokens are bound to one.
    pub fn deposited_key(&self) -> Option<H::Key> {
        self.session_key().ok().flatten()
    }

    /// Continues the session of an earlier client, unless it is over by now, or its tokens are bound to a key that is not among
    /// `keys`. Returns whether a user is signed in then.
    pub fn recall(&self, deposit: &Deposit, keys: &[H::Key]) -> bool {
        let Some(session) = SessionState::from_record(&deposit.session, &self.core.config, self.core.host.now()) else {
            return false;
        };
        if let Some(public) = session.bound_to() {
            let Some(key) = keys.iter().find(|key| key.public() == public) else { return false };
            self.keep_key(key.clone());
        }
        self.core.session.replace(session);
        self.core.is_awake.set(true);
        self.recall_metadata(&deposit.metadata);
        true
    }
}
