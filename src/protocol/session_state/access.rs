//! One access token of a session: how long it is valid, and what its last renewal led to.

use super::{BACK_OFF, Call, MARGIN};
use crate::protocol::error::{Error, Kind};
use crate::protocol::secret::Secret;
use crate::protocol::time::Now;

/// The access token for one target. All targets but that of the sign-in have none until the first call that needs it.
#[derive(Debug, Default)]
pub(super) struct Access {
    pub(super) token: Option<Secret>,
    pub(super) received: Now,
    /// Milliseconds from receipt; absent if the server did not specify them.
    pub(super) lifetime: Option<i64>,
    /// An API refused the token before it expired.
    pub(super) refused: bool,
    /// The app has requested a renewal. The token may be used in the meantime.
    pub(super) due: bool,
    pub(super) renewals: u32,
    pub(super) failures: u32,
    pub(super) failure: Option<Failure>,
}

#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    at: Now,
    /// Milliseconds until the next attempt.
    delay: i64,
}

impl Access {
    /// The token, received now.
    pub(super) fn new(token: Secret, lifetime: Option<i64>, now: Now) -> Self {
        Self { token: Some(token), received: now, lifetime, ..Self::default() }
    }

    /// The milliseconds for which the token is valid.
    pub(super) fn left(&self, now: Now) -> i64 {
        match self.lifetime {
            _ if self.refused || self.token.is_none() => 0,
            Some(lifetime) => lifetime.saturating_sub(now.since(self.received)),
            None => i64::MAX,
        }
    }

    pub(super) fn is_fresh(&self, now: Now) -> bool {
        !self.due && self.left(now) > MARGIN.min(self.lifetime.unwrap_or(0) / 4)
    }

    /// Replaces the token by a renewed one. The numbers of renewals and failures go on.
    pub(super) fn renew(&mut self, token: Secret, lifetime: Option<i64>, now: Now) {
        let (renewals, failures) = (self.renewals.wrapping_add(1), self.failures);
        *self = Self { renewals, failures, ..Self::new(token, lifetime, now) };
    }

    /// Records that a renewal has failed. After a lost connection, it may be tried again immediately. After any other failure there is
    /// a delay.
    pub(super) fn fail(&mut self, error: Error, now: Now) {
        let delay = match error.kind() {
            Kind::Network { .. } | Kind::Timeout { .. } => 0,
            _ => {
                let doubled = self.failure.as_ref().map_or(0, |earlier| earlier.delay.saturating_mul(2));
                doubled.clamp(BACK_OFF.0, BACK_OFF.1).max(i64::from(error.retry_after().unwrap_or(0)) * 1000)
            }
        };
        self.failures = self.failures.wrapping_add(1);
        self.failure = Some(Failure { error, at: now, delay });
    }

    /// The failure because of which this call may not renew the token: it is one since the call began, or a recent one.
    pub(super) fn failure_for(&self, call: Call, now: Now) -> Option<&Error> {
        let Failure { error, at, delay } = self.failure.as_ref()?;
        (self.failures != call.failures || now.since(*at) < *delay).then_some(error)
    }

    /// Makes the next call renew the token, if there is one, whatever its age.
    pub(super) fn make_due(&mut self) {
        if self.token.is_some() {
            self.due = true;
            self.failure = None;
        }
    }
}
