//! Telling the nodes what was committed. The bus saves time and carries no truth: what it loses is read from the store.

use crate::model::event::Event;
use crate::model::id::{Epoch, RoomId, Seq, SessionId, SiteUid, UserId};
use crate::model::login::EndedTokens;
use crate::model::user::User;
use async_trait::async_trait;
use std::pin::Pin;
use std::sync::Arc;

/// What concerns people rather than a room's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// These logins are over: their sockets close.
    SessionsEnded(Vec<SessionId>),
    /// Somebody has another name, picture or global rank.
    UserChanged(Box<User>),
    /// Somebody is gone: all sockets close.
    UserDeleted(UserId),
    /// A site has other settings or other keys, or is gone: what is known of it and of its rooms is read again.
    SiteChanged(SiteUid),
    /// Tokens that a site signed are over: their sockets close.
    SiteTokensEnded(EndedTokens),
}

/// What one transaction added to logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Each room's in the order of their seq.
    pub events: Vec<Event>,
    /// The history of each room that the events are of, by room, ascending.
    pub epochs: Vec<(RoomId, Epoch)>,
}

impl From<Vec<Event>> for Committed {
    /// Where nobody asks for the histories.
    fn from(events: Vec<Event>) -> Committed {
        Committed { events, epochs: Vec::new() }
    }
}

/// What a subscriber receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BusMessage {
    /// Committed events, usually each room's in the order of their seq; they may be missing, repeated, late or swapped.
    Events(Arc<[Event]>),
    /// A log reaches at least this seq, and the events up to it have to be read: they were too large to be sent.
    Head(RoomId, Seq),
    /// What concerns people, under the same terms.
    Notice(Notice),
    /// Messages were lost here, nobody knows which: everything that was derived from messages is read again.
    Lost,
}

/// One subscriber's messages, in a bounded queue. Whoever does not take them in time gets [`BusMessage::Lost`] in place of
/// the oldest, and the later ones after it.
#[async_trait]
pub trait Subscription: Send {
    /// The next message; `None` when the bus is gone. Cancelling the wait loses nothing.
    async fn next(&mut self) -> Option<BusMessage>;

    /// The next message, if it is there already. Whatever was published in this process before the call is.
    fn try_next(&mut self) -> Option<BusMessage>;
}

/// The end of something that began at once.
pub type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Between the stores, which publish after each commit, and whatever must know: the feed of the viewers, the memory of
/// access rights.
pub trait Bus: Send + Sync {
    /// Hands on events, each room's in the order of their seq. Never waits and never fails; it may lose, repeat or delay.
    /// Called by the store after the commit, whether or not the caller still waits.
    fn publish(&self, committed: Committed);

    /// Hands on a notice, under the same terms.
    fn announce(&self, notice: Notice);

    /// Everything published from now on by this process, and by others what they announce, what they add to the server's own
    /// log, and what they add to the logs of followed rooms.
    fn subscribe(&self) -> Box<dyn Subscription>;

    /// From now on this process needs the events that other processes add to a room's log. The wait ends once they are on
    /// their way here, as far as that can be known, or at once while the bus is away. Whoever reads the room's head afterwards
    /// misses nothing, but for what the bus loses.
    fn follow(&self, room: RoomId) -> Wait;

    /// It no longer does.
    fn unfollow(&self, room: RoomId);
}
