//! A clock that stands still until it is told to move.

use domain::model::time::{Span, Timestamp};
use domain::ports::effects::Clock;
use std::sync::atomic::{AtomicI64, Ordering};

/// Shows [`crate::builders::NOON`] until [`FakeClock::advance`] or [`FakeClock::set`].
#[derive(Debug)]
pub struct FakeClock(AtomicI64);

impl Default for FakeClock {
    fn default() -> FakeClock {
        FakeClock(AtomicI64::new(crate::builders::NOON.0))
    }
}

impl FakeClock {
    /// Lets `span` pass.
    pub fn advance(&self, span: Span) {
        self.0.fetch_add(span.as_millis(), Ordering::SeqCst);
    }

    /// Jumps, perhaps back, as a wall clock may.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.0, Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}
