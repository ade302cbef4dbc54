//! Everything a room can be told. What changes a room is one event in its log.

use crate::model::id::{MessageId, RoomId, Seq, UserId};
use crate::model::message::Message;
use crate::model::rank::Rank;
use crate::model::room::Room;
use crate::model::sanction::SanctionKind;
use crate::model::time::Timestamp;
use crate::model::user::{Member, User};

/// One entry of a room's log, committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub room: RoomId,
    /// Its place there.
    pub seq: Seq,
    pub at: Timestamp,
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
    Deleted { message: MessageId },
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
        action: ModerationAction,
        /// Until when, for a sanction that ends.
        until: Option<Timestamp>,
        /// Why. For the log of moderators, never for viewers.
        reason: String,
    },
    /// The room has other settings, these.
    Configured(Box<Room>),
    /// A message was pinned to the top of the room, in place of the one before.
    Pinned {
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
pub enum ModerationAction {
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

impl ModerationAction {
    /// All of them.
    pub const ALL: [ModerationAction; 8] = [
        ModerationAction::Ban,
        ModerationAction::Timeout,
        ModerationAction::Unban,
        ModerationAction::Untimeout,
        ModerationAction::Mod,
        ModerationAction::Unmod,
        ModerationAction::Vip,
        ModerationAction::Unvip,
    ];

    /// Its name in JSON and SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            ModerationAction::Ban => "ban",
            ModerationAction::Timeout => "timeout",
            ModerationAction::Unban => "unban",
            ModerationAction::Untimeout => "untimeout",
            ModerationAction::Mod => "mod",
            ModerationAction::Unmod => "unmod",
            ModerationAction::Vip => "vip",
            ModerationAction::Unvip => "unvip",
        }
    }

    /// The action of that name.
    pub fn parse(name: &str) -> Option<ModerationAction> {
        ModerationAction::ALL.into_iter().find(|action| action.as_str() == name)
    }

    /// What the lifting of these sanctions is called; `None` for none.
    pub fn lifting(lifted: &[SanctionKind]) -> Option<ModerationAction> {
        let has = |kind| lifted.contains(&kind);
        let ban = has(SanctionKind::Ban).then_some(ModerationAction::Unban);
        ban.or_else(|| has(SanctionKind::Timeout).then_some(ModerationAction::Untimeout))
    }

    /// The rank that an action leaves somebody with in the room: `Some(None)` takes it away.
    pub fn room_rank(self) -> Option<Option<Rank>> {
        match self {
            ModerationAction::Mod => Some(Some(Rank::Mod)),
            ModerationAction::Vip => Some(Some(Rank::Vip)),
            ModerationAction::Unmod | ModerationAction::Unvip => Some(None),
            ModerationAction::Ban
            | ModerationAction::Timeout
            | ModerationAction::Unban
            | ModerationAction::Untimeout => None,
        }
    }
}
