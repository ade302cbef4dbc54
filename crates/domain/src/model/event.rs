//! Everything a room can be told. What changes a room is one event in its log.

use crate::model::id::{MessageId, RoomId, Seq, UserId};
use crate::model::message::Message;
use crate::model::rank::Rank;
use crate::model::room::Room;
use crate::model::time::Timestamp;
use crate::model::user::{Member, User};

/// One entry of a room's log, committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Whose log.
    pub room: RoomId,
    /// Its place there.
    pub seq: Seq,
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub actor: UserId,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// Somebody said something.
    Posted(Box<Message>),
    /// One message went away.
    Deleted {
        /// Which.
        message: MessageId,
    },
    /// All earlier messages went away, or one author's.
    Purged {
        /// Whose; `None` everybody's.
        author: Option<Box<User>>,
    },
    /// A sanction was given or lifted, or a rank given or taken.
    Moderated {
        /// To whom; with the rank held after it.
        subject: Box<Member>,
        /// What was done.
        measure: Measure,
        /// Until when, for a sanction that ends.
        until: Option<Timestamp>,
        /// Why. For the log of moderators, never for viewers.
        reason: String,
    },
    /// The room has other settings, these.
    Configured(Box<Room>),
    /// A message was pinned to the top of the room, in place of the one before.
    Pinned {
        /// Which.
        message: MessageId,
        /// The room as after it.
        room: Box<Room>,
    },
    /// The pinned message was taken down.
    Unpinned {
        /// Which it was.
        message: MessageId,
        /// The room as after it.
        room: Box<Room>,
    },
    /// The room is gone; nothing follows.
    Closed,
}

/// What is done to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// May neither read nor write.
    Ban,
    /// May not write.
    Timeout,
    /// The ban is lifted.
    Unban,
    /// The timeout is lifted.
    Untimeout,
    /// Was made moderator.
    Mod,
    /// Is no longer moderator.
    Unmod,
    /// Was marked.
    Vip,
    /// Is no longer marked.
    Unvip,
}

impl Measure {
    /// All of them.
    pub const ALL: [Measure; 8] = [
        Measure::Ban,
        Measure::Timeout,
        Measure::Unban,
        Measure::Untimeout,
        Measure::Mod,
        Measure::Unmod,
        Measure::Vip,
        Measure::Unvip,
    ];

    /// Its name in JSON and SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Measure::Ban => "ban",
            Measure::Timeout => "timeout",
            Measure::Unban => "unban",
            Measure::Untimeout => "untimeout",
            Measure::Mod => "mod",
            Measure::Unmod => "unmod",
            Measure::Vip => "vip",
            Measure::Unvip => "unvip",
        }
    }

    /// The measure of that name.
    pub fn parse(name: &str) -> Option<Measure> {
        Measure::ALL.into_iter().find(|measure| measure.as_str() == name)
    }

    /// The rank that a measure leaves somebody with in the room: `Some(None)` takes it away.
    pub fn room_rank(self) -> Option<Option<Rank>> {
        match self {
            Measure::Mod => Some(Some(Rank::Mod)),
            Measure::Vip => Some(Some(Rank::Vip)),
            Measure::Unmod | Measure::Unvip => Some(None),
            Measure::Ban | Measure::Timeout | Measure::Unban | Measure::Untimeout => None,
        }
    }
}
