//! The ways between the feed of a process and its workers.

use crate::realtime::delivery::Delivery;
use crate::realtime::frame::Frame;
use crate::realtime::protocol::Close;
use domain::model::id::{RoomId, RoomUid, Seq, UserId};
use domain::model::login::{EndedTokens, LoginId};
use domain::model::user::User;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What the feed tells a worker. The queue is unbounded, but what it holds is shared and the worker takes all of
/// it at each wake-up: a worker that does not is dead, and so is the process.
#[derive(Clone, Debug)]
pub enum ToWorker {
    /// From here on the room's events come.
    Tail(RoomId, RoomUid, Seq),
    /// The room cannot be followed now.
    Failed(RoomId),
    /// A room's next events, ascending; after them everything up to the seq is known.
    Events(RoomId, Arc<[Delivery]>, Seq),
    /// Something about a room that is not in its log.
    Ephemeral(RoomId, Frame),
    /// These logins are over.
    LoginsEnded(Arc<[LoginId]>),
    /// Tokens that sites signed are over.
    SiteTokensEnded(Arc<EndedTokens>),
    /// Somebody has another name, picture or global rank.
    UserChanged(Arc<User>),
    /// All sockets of somebody close.
    UserGone(UserId, Close),
    /// This connection closes.
    Close(u64, Close),
}

/// What workers tell the feed.
#[derive(Debug)]
pub enum ToFeed {
    /// A worker wants a room's events.
    Subscribe(RoomId, RoomUid, usize),
    /// It no longer does.
    Unsubscribe(RoomId, usize),
}

/// The queues of the workers and of the feed. Workers are added at the start and never removed.
pub struct Workers {
    to_workers: RwLock<Vec<UnboundedSender<ToWorker>>>,
    to_feed: UnboundedSender<ToFeed>,
}

impl Workers {
    /// No workers yet, and where the feed hears from them.
    pub fn new() -> (Workers, UnboundedReceiver<ToFeed>) {
        let (to_feed, from_workers) = unbounded_channel();
        (Workers { to_workers: RwLock::default(), to_feed }, from_workers)
    }

    /// A new worker: its number, and where it hears from the feed.
    pub fn add(&self) -> (usize, UnboundedReceiver<ToWorker>) {
        let (to_worker, from_feed) = unbounded_channel();
        let mut workers = self.to_workers.write().unwrap_or_else(PoisonError::into_inner);
        workers.push(to_worker);
        (workers.len() - 1, from_feed)
    }

    /// Tells one worker. One that is gone has no connections to tell.
    pub fn tell(&self, worker: usize, what: ToWorker) {
        if let Some(to_worker) = self.to_workers.read().unwrap_or_else(PoisonError::into_inner).get(worker) {
            let _ = to_worker.send(what);
        }
    }

    /// Tells all workers.
    pub fn tell_all(&self, what: &ToWorker) {
        for to_worker in self.to_workers.read().unwrap_or_else(PoisonError::into_inner).iter() {
            let _ = to_worker.send(what.clone());
        }
    }

    /// Tells the feed.
    pub fn tell_feed(&self, what: ToFeed) {
        let _ = self.to_feed.send(what);
    }
}
