//! A session that is kept on the device, so that it outlives the browser.

use super::Client;
use super::host::{Host, ProofKey};
use super::sign_in::Completing;
use crate::protocol::config::Keep;
use crate::protocol::resource::OF_SIGN_IN;
use crate::protocol::session_state::{Call, SessionState};

impl<H: Host> Client<H> {
    /// What the device keeps of this client from now on: the text of [`SessionState::to_kept_record`], and the key that its tokens are
    /// bound to; nothing, if a session has ended that was kept. `None` if nothing is to be changed there: another client may keep a session
    /// in the same place.
    pub fn kept(&self) -> Option<Option<(String, H::Key)>> {
        if self.core.config.keep != Keep::Device {
            return None;
        }
        let record = self.core.session.borrow().to_kept_record();
        let kept = record.zip(self.session_key().ok().flatten());
        let was_kept = self.core.is_kept.replace(kept.is_some());
        (kept.is_some() || was_kept).then_some(kept)
    }

    /// Whether the device may keep a session that this client has not continued yet.
    pub fn is_asleep(&self) -> bool {
        self.core.config.keep == Keep::Device && !self.core.is_awake.get() && !self.is_signed_in()
    }

    /// Whether the metadata of the server are known, so that tokens can be revoked at once.
    pub(crate) fn knows_server(&self) -> bool {
        self.core.lookup.borrow().found.is_some()
    }

    /// Marks the client as being woken while the value exists. Calls wait until it is dropped.
    pub(crate) fn waking(&self) -> (Completing<'_, H>, Call) {
        (Completing::begin(&self.core), self.core.session.borrow().call(OF_SIGN_IN))
    }

    /// Continues the session that the device keeps, if it keeps one with its key. `call` is from before it was read: a sign-in or a sign-out
    /// since then counts.
    pub fn wake(&self, kept: Option<(&str, H::Key)>, call: Call) {
        self.core.is_awake.set(true);
        let Some((record, key)) = kept else { return };
        let session = SessionState::from_kept_record(record, &self.core.config, self.core.host.now());
        let Some(session) = session.filter(|session| session.bound_to() == Some(key.public())) else { return };
        if self.core.session.borrow_mut().wake(session, call) {
            self.keep_key(key);
            self.core.is_kept.set(true);
        }
    }

    /// Renews the tokens of a session that was woken. Without a response, the session stays, and the next call renews them.
    pub async fn renew_woken(&self) {
        if self.is_signed_in() {
            let call = self.core.session.borrow().call(OF_SIGN_IN);
            drop(self.ready(call).await); // the session says how it went
        }
    }

    /// Tells the host to keep what there is by now.
    pub(crate) fn keep_now(&self) {
        if self.core.config.keep == Keep::Device {
            self.core.host.deposit();
        }
    }
}
