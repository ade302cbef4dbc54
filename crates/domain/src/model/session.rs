//! A login that can be revoked.

use crate::model::id::{SessionId, UserId};
use crate::model::time::{Span, Timestamp};

/// How long a session lives without being used (design: slides 30 days).
pub const LIFETIME: Span = Span::days(30);

/// How often a session in use is moved on, so that not every request writes.
pub const SLIDE_EVERY: Span = Span::days(1);

/// A login. It ends when it is revoked, when it expires, or with its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Named by the token.
    pub id: SessionId,
    pub user: UserId,
    /// When it ends if nobody uses it.
    pub expires_at: Timestamp,
}

impl Session {
    /// Whether it should be moved on, being used at `now`.
    pub fn is_due_to_slide(&self, now: Timestamp) -> bool {
        self.expires_at < now + LIFETIME && (now + LIFETIME) - self.expires_at >= SLIDE_EVERY
    }
}
