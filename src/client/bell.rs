//! Lets several callers wait for an operation that another caller has started.

use core::cell::{Cell, RefCell};
use core::future::poll_fn;
use core::task::{Poll, Waker};

/// Rings when an operation that callers wait for has ended, whether it succeeded or failed.
#[derive(Debug, Default)]
pub(super) struct Bell {
    rings: Cell<u32>,
    waiting: RefCell<Vec<Waker>>,
}

impl Bell {
    /// Wakes all waiting callers.
    pub(super) fn ring(&self) {
        self.rings.set(self.rings.get().wrapping_add(1));
        for waker in self.waiting.take() {
            waker.wake();
        }
    }

    /// Waits for the next ring.
    pub(super) async fn rung(&self) {
        let heard = self.rings.get();
        poll_fn(|context| {
            if self.rings.get() != heard {
                return Poll::Ready(());
            }
            self.waiting.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}
