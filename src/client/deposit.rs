//! What outlives the vault of a client: its session, and the metadata of its provider.

use super::Client;
use super::host::Host;
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

    /// Continues the session of an earlier client, unless it is over by now. Returns whether a user is signed in then.
    pub fn recall(&self, deposit: &Deposit) -> bool {
        let Some(session) = SessionState::from_record(&deposit.session, self.core.host.now()) else { return false };
        self.core.session.replace(session);
        self.recall_metadata(&deposit.metadata);
        true
    }
}
