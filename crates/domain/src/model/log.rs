//! Parts of a room's log, as they are read.

use crate::model::event::Event;
use crate::model::room::Head;
use crate::model::user::User;

/// What lies in a part of a log, read from one snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRange {
    /// Where the log ended then.
    pub head: Head,
    /// Ascending by seq: undeleted messages as [`crate::model::event::EventKind::Posted`], and every other event. A
    /// number without an event was superseded.
    pub events: Vec<Event>,
    /// Whether there were more than asked for: then `events` ends early, and says nothing about what lies after it.
    pub cut: bool,
}

/// A line of a room's moderation log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// What happened; never [`crate::model::event::EventKind::Posted`].
    pub event: Event,
    /// Resolved also when deleted since.
    pub actor: User,
}
