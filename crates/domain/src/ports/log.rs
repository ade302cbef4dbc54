//! A room's log: appending to it, and reading it.

use crate::model::event::{Event, ModerationAction};
use crate::model::id::{MessageId, RoomId, RoomUid, Seq, UserId};
use crate::model::message::{Draft, Message};
use crate::model::rank::Rank;
use crate::model::room::{Head, Room, RoomChange};
use crate::model::sanction::{NewSanction, Sanction, SanctionKind};
use crate::model::text::{Body, Nonce};
use crate::model::time::{Span, Timestamp};
use crate::model::user::{Member, Network, User};
use crate::ports::store::StoreError;
use async_trait::async_trait;
use std::collections::HashMap;

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
    /// rank of `entry.actor` and is not banned ([`crate::review::guard::act`]). Dropping the answer does not undo the entry.
    async fn append(&self, entry: LogEntry) -> Result<AppendResult, AppendError>;
}

/// A place in history to read from, exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// The latest.
    End,
    /// What comes before this place.
    Before(Seq),
    /// What comes after this place.
    After(Seq),
}

/// What lies in a event_range of a log, read from one snapshot.
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

/// All that deciding about somebody in a room needs, read at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessContext {
    /// As of the snapshot.
    pub room: Room,
    /// Where its log ends.
    pub head: Head,
    /// Whoever was asked about, if anybody and still there.
    pub member: Option<Member>,
    /// Those in force, here or everywhere, that cover the user or the network.
    pub sanctions: Vec<Sanction>,
    /// When and what the user last said here, deleted or not.
    pub last_post: Option<(Timestamp, Body)>,
}

/// What holds for everybody in a room, or everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomAccess {
    /// The room; `None` for what holds everywhere.
    pub room: Option<Room>,
    /// Up to where the log was taken in, at least: the rest may be newer.
    pub head: Head,
    /// The ranks held in the room.
    pub ranks: HashMap<UserId, Rank>,
    /// The sanctions given there that were in force, by id; not those that hold everywhere, unless that was asked.
    pub sanctions: Vec<Sanction>,
    /// Whether there was more than asked for: then `ranks` and `sanctions` are not complete.
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

/// A sanction and the people in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SanctionLine {
    /// The sanction.
    pub sanction: Sanction,
    /// The user it holds for.
    pub user: User,
    /// The moderator who gave it.
    pub by: User,
}

/// Reading the logs and what they made.
#[async_trait]
pub trait History: Send + Sync {
    /// How `user`, seen at `network`, stands in a room at `now`; `None` when there is no such room.
    async fn access_context(
        &self,
        room: &RoomUid,
        user: Option<UserId>,
        network: Option<&Network>,
        now: Timestamp,
    ) -> Result<Option<AccessContext>, StoreError>;

    /// What holds for everybody in a room, or (`None`) everywhere, at `now`, with at most `limit` ranks and as many
    /// sanctions; `None` when there is no such room.
    async fn room_access(
        &self,
        room: Option<&RoomUid>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Option<RoomAccess>, StoreError>;

    /// Undeleted messages, ascending by seq: the `limit` nearest to `from`, and whether there are more beyond them.
    async fn messages(&self, room: RoomId, from: Position, limit: usize) -> Result<(Vec<Message>, bool), StoreError>;

    /// The same for the messages of one author.
    async fn messages_of(
        &self,
        room: RoomId,
        author: UserId,
        from: Position,
        limit: usize,
    ) -> Result<(Vec<Message>, bool), StoreError>;

    /// The head and the latest `limit` undeleted messages, ascending, from one snapshot; `None` when the room is gone.
    async fn snapshot(&self, room: RoomId, limit: usize) -> Result<Option<(Head, Vec<Message>)>, StoreError>;

    /// What lies after `since`, at most `limit` events; `None` when the room is gone and nothing is left of its log.
    async fn event_range(&self, room: RoomId, since: Seq, limit: usize) -> Result<Option<EventRange>, StoreError>;

    /// The message that `author` posted in `room` under this nonce, deleted or not.
    async fn posted(&self, room: RoomId, author: UserId, nonce: &Nonce) -> Result<Option<Message>, StoreError>;

    /// A message that was not deleted.
    async fn message(&self, id: MessageId) -> Result<Option<Message>, StoreError>;

    /// Where the logs end, in no order; rooms that are gone are left out.
    async fn heads(&self, rooms: &[RoomId]) -> Result<Vec<(RoomId, Head)>, StoreError>;

    /// Sanctions in force at `now` given in `room` (`None`: everywhere), latest first, at most `limit`, with an id below
    /// `before` when given.
    async fn sanctions(
        &self,
        room: Option<RoomId>,
        now: Timestamp,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<SanctionLine>, StoreError>;

    /// Those in force at `now` that were given to `user` in `room`, latest first.
    async fn sanctions_of(&self, room: RoomId, user: UserId, now: Timestamp) -> Result<Vec<SanctionLine>, StoreError>;

    /// The sanction of this kind in force at `now` that was given to `user` in `room` (`None`: everywhere).
    async fn sanction(
        &self,
        room: Option<RoomId>,
        user: UserId,
        kind: SanctionKind,
        now: Timestamp,
    ) -> Result<Option<Sanction>, StoreError>;

    /// Those in force at `now` that were given everywhere to this user or this network, latest first.
    async fn sanctions_everywhere(
        &self,
        user: Option<UserId>,
        network: Option<&Network>,
        now: Timestamp,
    ) -> Result<Vec<Sanction>, StoreError>;

    /// What was done in a room, latest first, with a seq below `before` when given, at most `limit`.
    async fn log(&self, room: RoomId, before: Option<Seq>, limit: usize) -> Result<Vec<LogLine>, StoreError>;

    /// The same of what was done to one user: bans, timeouts, ranks, purges; latest first.
    async fn log_about(
        &self,
        room: RoomId,
        subject: UserId,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Vec<LogLine>, StoreError>;

    /// The rank that holds for whoever was last seen at this network: the highest of all of them, with how many they are.
    async fn highest_rank_on_network(&self, network: &Network) -> Result<(usize, Option<Rank>), StoreError>;
}
