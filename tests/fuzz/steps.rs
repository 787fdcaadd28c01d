//! Measures work in steps instead of time: reads from memory, which occur in every loop.

/// Runs a function, and counts its steps. Without libFuzzer's instrumentation there are no steps.
pub(crate) fn of(work: impl FnOnce()) -> u64 {
    let before = count();
    work();
    count() - before
}

#[cfg(not(fuzzing))]
fn count() -> u64 {
    0
}

#[cfg(fuzzing)]
use counting::count;

#[cfg(fuzzing)]
mod counting {
    use std::sync::atomic::{AtomicU64, Ordering};

    static STEPS: AtomicU64 = AtomicU64::new(0);

    pub(super) fn count() -> u64 {
        STEPS.load(Ordering::Relaxed)
    }

    /// The function that `-sanitizer-coverage-trace-loads` calls before each read (LLVM, SanitizerCoverage).
    macro_rules! loads {
        ($($name:ident)*) => {
            $(#[unsafe(no_mangle)]
            extern "C" fn $name(_: *const u8) {
                // There is one thread, so the addition need not be atomic.
                STEPS.store(STEPS.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            })*
        };
    }

    loads!(
        __sanitizer_cov_load1 __sanitizer_cov_load2 __sanitizer_cov_load4 __sanitizer_cov_load8 __sanitizer_cov_load16
    );
}
