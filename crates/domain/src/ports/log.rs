//! A room's log: appending to it. Reading it is in [`crate::ports::readers`].

use crate::model::event::{Event, ModerationAction};
use crate::model::id::{MessageId, RoomId, UserId};
use crate::model::message::{Draft, Message};
use crate::model::room::RoomChange;
use crate::model::sanction::{NewSanction, Sanction, SanctionKind};
use crate::model::time::{Span, Timestamp};
use crate::model::user::{Member, Network, User};
use crate::ports::store::StoreError;
use async_trait::async_trait;

/// Something to be done to a room, decided and allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// The room whose log it is appended to; [`RoomId::SERVER`] for what holds everywhere.
    pub room: RoomId,
    /// Who does it, with the rank held there.
    pub actor: Member,
    /// The time of the decision, milliseconds since 1970.
    pub at: Timestamp,
    /// What is changed.
    pub command: LogCommand,
}

/// What is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogCommand {
    /// Say something. Guarded inside the transaction: see [`crate::review::guard`].
    Post {
        /// Text, kind, message replied to and nonce.
        draft: Draft,
        /// Where the author connects from, for sanctions of networks.
        network: Option<Network>,
        /// The least time since the author's last message there; `None` for those exempt from slow mode.
        pace: Option<Span>,
    },
    /// Delete one message that is there.
    Delete {
        /// Deleted already: [`AppendError::Missing`].
        message: MessageId,
    },
    /// Delete all earlier messages, or one author's.
    Purge {
        /// `None` deletes everybody's.
        author: Option<Box<User>>,
    },
    /// Give a sanction; it replaces one of its kind in force there, unless a higher rank gave that. In [`RoomId::SERVER`] it holds everywhere,
    /// and a ban there ends all of the user's logins, which are announced after the commit.
    Sanction {
        /// The user with the rank held in the room.
        subject: Box<Member>,
        /// Kind, end, reason, and the network it covers too.
        sanction: Box<NewSanction>,
    },
    /// Lift what is in force there, unless a higher rank gave any of it: then nothing is lifted. One event, however many
    /// sanctions: `unban` when a ban was among them, else `untimeout`.
    Lift {
        /// Of whom.
        subject: Box<Member>,
        /// The ban, the timeout, or (`None`) both.
        kind: Option<SanctionKind>,
    },
    /// Set the rank somebody holds in the room.
    Appoint {
        /// Whom, with the rank held after it.
        subject: Box<Member>,
        /// What it is called: mod, unmod, vip or unvip.
        action: ModerationAction,
    },
    /// The owner leaves for good: the room passes to the next one ([`crate::policy::next_owners`], chosen when it is written;
    /// event `mod`, of a member who is owner then), or closes when there is none. Not subject to bans in the room.
    HandOver {
        /// Who must own the room still: else [`AppendError::Missing`].
        from: Box<User>,
    },
    /// Change settings.
    Configure {
        /// Deleted already: [`AppendError::Missing`].
        change: Box<RoomChange>,
    },
    /// Pin a message that is there to the top of the room, in place of the one before.
    Pin {
        /// Not the pinned one: [`AppendError::Missing`].
        message: MessageId,
    },
    /// Take the pinned message down.
    Unpin {
        /// Which it must be.
        message: MessageId,
    },
    /// Close the room for ever.
    Close,
    /// Close the room for ever if no message was ever written in it: else [`AppendError::Missing`].
    CloseUnused,
}

impl LogCommand {
    /// Whose logins it ends when it is appended in `room`: of whoever is banned everywhere.
    pub fn ends_sessions_of(&self, room: RoomId) -> Option<UserId> {
        match self {
            LogCommand::Sanction { sanction, .. } if room == RoomId::SERVER && sanction.kind == SanctionKind::Ban => {
                Some(sanction.user)
            }
            _ => None,
        }
    }

    /// Whom it is aimed at, who must rank below the actor when it is written: the author of a deleted or purged message,
    /// whoever is sanctioned or appointed. Lifting is measured against the giver instead.
    pub fn aimed_at(&self) -> Aim {
        match self {
            LogCommand::Delete { message } => Aim::AuthorOf(*message),
            LogCommand::Purge { author: Some(author) } => Aim::User(author.id),
            LogCommand::HandOver { from } => Aim::User(from.id),
            LogCommand::Sanction { subject, .. } | LogCommand::Appoint { subject, .. } => Aim::User(subject.user.id),
            _ => Aim::Nobody,
        }
    }

    /// Whether it puts words or settings before everybody, so that somebody timed out may not do it.
    pub fn speaks(&self) -> bool {
        matches!(self, LogCommand::Pin { .. } | LogCommand::Unpin { .. } | LogCommand::Configure { .. })
    }

    /// Whether a ban in the room stands against it. A ban there keeps nobody from giving the room away.
    pub fn is_barred_by_ban(&self) -> bool {
        !matches!(self, LogCommand::HandOver { .. })
    }

    /// Whether it deletes, and so may take from what a store keeps in reserve for that.
    pub fn deletes(&self) -> bool {
        matches!(
            self,
            LogCommand::Delete { .. } | LogCommand::Purge { .. } | LogCommand::Close | LogCommand::CloseUnused
        )
    }
}

/// Whom a command is aimed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// At no person.
    Nobody,
    /// At this user.
    User(UserId),
    /// At whoever wrote this message.
    AuthorOf(MessageId),
}

/// What an entry became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppendResult {
    /// A message stands in the log.
    Posted {
        /// As stored, with id and seq.
        message: Box<Message>,
        /// Whether it stood there already under its nonce: nothing was added then, and nothing published.
        repeated: bool,
    },
    /// An event stands in the log.
    Done(Event),
}

/// Why nothing was appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// There is no such room, or no longer.
    #[error("the room is gone")]
    RoomGone,
    /// What it acts on is not there: the message, the sanction, or the message answered.
    #[error("it is not there")]
    Missing,
    /// The sanction that it would replace or lift was given by a higher rank.
    #[error("a higher rank gave what is in force")]
    Outranked,
    /// The actor's rank is lower than it was when the act was decided, or the actor is gone.
    #[error("the actor no longer has the rank")]
    AuthorityLost,
    /// The subject's rank is as high as the actor's by now.
    #[error("the subject ranks as high as the actor")]
    SubjectOutranks,
    /// A sanction in force forbids it.
    #[error("a sanction is in force")]
    Sanctioned(Box<Sanction>),
    /// The room's slow mode forbids it yet.
    #[error("too soon")]
    TooSoon {
        /// How long it still takes.
        retry_after: Span,
    },
    /// The store failed or has too much to do; nothing was written, or the same nonce will tell.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The way into every room's log.
#[async_trait]
pub trait Log: Send + Sync {
    /// Writes the entry and what it changes in one transaction, at the next seq of its room; then hands the event to the
    /// bus; then answers. Entries of one room are published in the order of their seq.
    ///
    /// A post whose (room, author, nonce) stands there already answers with the message that stands there, even when
    /// the author may no longer write. Any other command asks again, in the transaction, whether its actor still has the
    /// rank of `entry.actor`, is not banned, and ranks above whom it is aimed at ([`crate::review::guard::act`]). Dropping the answer does not undo the entry.
    ///
    /// The first poll puts the entry in line: entries of a room that are polled one after the other are written in that order,
    /// whether or not the answer to the one before has come.
    async fn append(&self, entry: LogEntry) -> Result<AppendResult, AppendError>;
}
