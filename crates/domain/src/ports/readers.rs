//! Reading the rooms' logs and what they made, by what is read: messages, events, sanctions, access.

use crate::model::access::{AccessContext, RoomAccess};
use crate::model::id::{MessageId, RoomId, RoomUid, Seq, UserId};
use crate::model::log::{EventRange, LogLine};
use crate::model::message::Message;
use crate::model::rank::Rank;
use crate::model::room::Head;
use crate::model::sanction::{Sanction, SanctionKind, SanctionLine};
use crate::model::text::Nonce;
use crate::model::time::Timestamp;
use crate::model::user::Network;
use crate::ports::store::StoreError;
use async_trait::async_trait;

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

/// Reading the messages of rooms.
#[async_trait]
pub trait MessageReader: Send + Sync {
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

    /// The message that `author` posted in `room` under this nonce, deleted or not.
    async fn posted(&self, room: RoomId, author: UserId, nonce: &Nonce) -> Result<Option<Message>, StoreError>;

    /// A message that was not deleted.
    async fn message(&self, id: MessageId) -> Result<Option<Message>, StoreError>;
}

/// Reading the events of rooms: what viewers missed, and what moderators did.
#[async_trait]
pub trait EventReader: Send + Sync {
    /// What lies after `since`, at most `limit` events; `None` when the room is gone and nothing is left of its log.
    async fn event_range(&self, room: RoomId, since: Seq, limit: usize) -> Result<Option<EventRange>, StoreError>;

    /// Where the logs end, in no order; rooms that are gone are left out.
    async fn heads(&self, rooms: &[RoomId]) -> Result<Vec<(RoomId, Head)>, StoreError>;

    /// Those of these logs in which something else than a message was written after that seq, in no order.
    async fn changed_since(&self, rooms: &[(RoomId, Seq)]) -> Result<Vec<RoomId>, StoreError>;

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
}

/// Reading bans and timeouts.
#[async_trait]
pub trait SanctionReader: Send + Sync {
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
}

/// Reading how people stand in rooms.
#[async_trait]
pub trait AccessReader: Send + Sync {
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

    /// The rank that holds for whoever was last seen at this network: the highest of all of them, with how many they are.
    async fn highest_rank_on_network(&self, network: &Network) -> Result<(usize, Option<Rank>), StoreError>;
}
