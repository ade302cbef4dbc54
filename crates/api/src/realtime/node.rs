//! What the workers of one process share: its connections, who is in which room, and the way to the feed.

use crate::limits::Caps;
use crate::realtime::connections::Connections;
use crate::realtime::presence::Presence;
use crate::realtime::protocol::Close;
use crate::realtime::workers::{ToFeed, ToWorker, Workers};
use domain::model::id::{RoomId, RoomUid, SessionId};
use domain::model::user::{Network, User};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc::UnboundedReceiver;

/// What the workers of one process share. What concerns one connection is called from its own worker, in its order.
pub struct Node {
    pub connections: Connections,
    pub presence: Presence,
    pub workers: Workers,
    draining: AtomicBool,
}

impl Node {
    /// A node without connections, and where its feed hears from the workers.
    pub fn new(caps: Caps) -> (Arc<Node>, UnboundedReceiver<ToFeed>) {
        let (workers, from_workers) = Workers::new();
        let connections = Connections::new(caps);
        let node = Node { connections, presence: Presence::default(), workers, draining: AtomicBool::new(false) };
        (Arc::new(node), from_workers)
    }

    /// A connection is gone; it has left its rooms before.
    pub fn disconnect(&self, id: u64, network: &Network) {
        self.connections.disconnect(id, network);
    }

    /// A connection is somebody else now; false, and it is not, when there are too many of that one.
    pub fn log_in(&self, id: u64, user: Option<&Arc<User>>, session: Option<SessionId>) -> bool {
        let Some(change) = self.connections.set_user(id, user, session) else { return false };
        self.presence.change_identity(&change.rooms, change.before, user);
        true
    }

    /// Somebody has another name, picture or rank; the rooms they are in.
    pub fn update_user(&self, user: &Arc<User>) -> Vec<RoomId> {
        self.connections.update_user(user);
        self.presence.update_user(user)
    }

    /// A connection entered a room.
    pub fn enter(&self, id: u64, room: RoomId, uid: &RoomUid) {
        let user = self.connections.enter(id, room, uid);
        self.presence.enter(room, uid, user.as_ref());
    }

    /// A connection left a room.
    pub fn leave(&self, id: u64, room: RoomId, uid: &RoomUid) {
        let user = self.connections.leave(id, room);
        self.presence.leave(room, uid, user);
    }

    /// Closes a connection; false when there is none of this number.
    pub fn close(&self, id: u64) -> bool {
        let known = self.connections.get(id).is_some();
        if known {
            self.workers.tell_all(&ToWorker::Close(id, Close::ByAdmin));
        }
        known
    }

    /// Whether the process is about to stop.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// From now on the process is about to stop.
    pub fn begin_drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }
}
