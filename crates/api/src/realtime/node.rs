//! What the workers of one process share: who is connected, who is in which room, and the way to the feed.

use crate::limits::Caps;
use crate::realtime::frame::Frame;
use crate::realtime::protocol::Close;
use domain::model::id::{RoomId, RoomUid, Seq, SessionId, UserId};
use domain::model::time::Timestamp;
use domain::model::user::{Network, User};
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The most users told of one room: a list of more is read by nobody (ejabberd's value).
pub const USERS_TOLD: usize = 200;

/// What the feed tells a worker. The queue is unbounded, but what it holds is shared frames and the worker takes all of
/// it at each wake-up: a worker that does not is dead, and so is the process.
#[derive(Clone, Debug)]
pub enum ToWorker {
    /// From here on the room's frames come.
    Tail(RoomId, RoomUid, Seq),
    /// The room cannot be followed now.
    Failed(RoomId),
    /// A room's next frames, ascending; after them everything up to the seq is known.
    Frames(RoomId, Arc<[Delivery]>, Seq),
    /// Something about a room that is not in its log.
    Note(RoomId, Frame),
    /// These logins are over.
    SessionsEnded(Arc<[SessionId]>),
    /// Somebody has another name, picture or global rank.
    UserChanged(Arc<User>),
    /// All sockets of somebody close.
    UserGone(UserId, Close),
    /// This connection closes.
    Close(u64, Close),
}

/// A frame and what it does besides being read.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The event's place.
    pub seq: Seq,
    /// The frame.
    pub frame: Frame,
    /// Who leaves the room after it.
    pub removal: Removal,
}

/// Who leaves a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// Nobody.
    Nobody,
    /// All connections of one user.
    One(UserId),
    All,
}

/// What workers tell the feed.
#[derive(Debug)]
pub enum ToFeed {
    /// A worker wants a room's frames.
    Subscribe(RoomId, RoomUid, usize),
    /// It no longer does.
    Unsubscribe(RoomId, usize),
}

/// A connection, as administrators see it.
#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    /// Its number in this process.
    pub id: u64,
    pub user: Option<Arc<User>>,
    /// The uids of the rooms it is in.
    pub rooms: Vec<String>,
    pub since: Timestamp,
    /// The login it uses.
    pub session: Option<SessionId>,
}

/// Who is in a room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Present {
    /// How many connections.
    pub count: usize,
    /// Who is logged in, at most [`USERS_TOLD`].
    pub users: Vec<Arc<User>>,
}

#[derive(Default)]
struct RoomViewers {
    uid: String,
    count: usize,
    /// With how many connections.
    users: HashMap<UserId, (Arc<User>, usize)>,
}

#[derive(Default)]
struct Shared {
    connections: HashMap<u64, ConnectionInfo>,
    viewers: HashMap<RoomId, RoomViewers>,
    /// How many connections each network and each user has.
    networks: HashMap<Network, usize>,
    users: HashMap<UserId, usize>,
    changed: HashSet<RoomId>,
    workers: Vec<Option<UnboundedSender<ToWorker>>>,
}

/// What the workers of one process share.
pub struct Node {
    shared: Mutex<Shared>,
    caps: Caps,
    next_connection: AtomicU64,
    draining: AtomicBool,
    to_feed: UnboundedSender<ToFeed>,
}

impl Node {
    /// A node without connections, and where its feed hears from the workers.
    pub fn new(caps: Caps) -> (Arc<Node>, UnboundedReceiver<ToFeed>) {
        let (to_feed, from_workers) = unbounded_channel();
        let node = Node {
            shared: Mutex::default(),
            caps,
            next_connection: AtomicU64::new(1),
            draining: AtomicBool::new(false),
            to_feed,
        };
        (Arc::new(node), from_workers)
    }

    // Held for a few hash operations and never across an await; a panic while it is held loses nothing that matters.
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new worker: its number, and where it hears from the feed.
    pub fn add_worker(&self) -> (usize, UnboundedReceiver<ToWorker>) {
        let (to_worker, from_feed) = unbounded_channel();
        let workers = &mut self.shared().workers;
        workers.push(Some(to_worker));
        (workers.len() - 1, from_feed)
    }

    /// Tells one worker.
    pub fn tell(&self, worker: usize, what: ToWorker) {
        if let Some(Some(to_worker)) = self.shared().workers.get(worker) {
            // A worker that is gone has no connections to tell.
            let _ = to_worker.send(what);
        }
    }

    /// Tells all workers.
    pub fn tell_all(&self, what: &ToWorker) {
        for to_worker in self.shared().workers.iter().flatten() {
            let _ = to_worker.send(what.clone());
        }
    }

    /// Tells the feed.
    pub fn tell_feed(&self, what: ToFeed) {
        let _ = self.to_feed.send(what);
    }

    /// The number of a new connection, and why it has to go at once, if it has to.
    pub fn connect(&self, network: &Network, since: Timestamp) -> (u64, Option<Close>) {
        let id = self.next_connection.fetch_add(1, Ordering::Relaxed);
        let info = ConnectionInfo { id, user: None, rooms: Vec::new(), since, session: None };
        let shared = &mut *self.shared();
        let from_there = shared.networks.entry(network.clone()).or_default();
        *from_there += 1;
        let close = if *from_there > self.caps.per_network {
            Some(Close::TooMany)
        } else {
            (shared.connections.len() >= self.caps.all).then_some(Close::Overloaded)
        };
        shared.connections.insert(id, info);
        (id, close)
    }

    /// A connection is gone; it has left its rooms before.
    pub fn disconnect(&self, id: u64, network: &Network) {
        let shared = &mut *self.shared();
        let Some(info) = shared.connections.remove(&id) else { return };
        count_down(&mut shared.networks, network);
        if let Some(user) = info.user {
            count_down(&mut shared.users, &user.id);
        }
    }

    /// A connection is somebody else now; false, and it is not, when there are too many of that one.
    pub fn log_in(&self, id: u64, user: Option<Arc<User>>, session: Option<SessionId>) -> bool {
        let shared = &mut *self.shared();
        let Some(info) = shared.connections.get_mut(&id) else { return true };
        let (before, after) = (info.user.as_ref().map(|user| user.id), user.as_ref().map(|user| user.id));
        let held = after.and_then(|user| shared.users.get(&user)).copied().unwrap_or(0);
        if before != after && held >= self.caps.per_user {
            return false;
        }
        for viewers in shared.viewers.values_mut().filter(|viewers| info.rooms.contains(&viewers.uid)) {
            viewers.remove_user(before);
            viewers.add_user(user.as_ref());
        }
        info.user = user;
        info.session = session;
        if let Some(before) = before {
            count_down(&mut shared.users, &before);
        }
        if let Some(after) = after {
            *shared.users.entry(after).or_default() += 1;
        }
        true
    }

    /// Somebody is called otherwise now, wherever they are.
    pub fn change_user(&self, user: &Arc<User>) {
        let shared = &mut *self.shared();
        for info in shared.connections.values_mut() {
            if info.user.as_ref().is_some_and(|known| known.id == user.id) {
                info.user = Some(user.clone());
            }
        }
        for viewers in shared.viewers.values_mut() {
            if let Some((known, _)) = viewers.users.get_mut(&user.id) {
                known.clone_from(user);
            }
        }
    }

    /// A connection entered a room.
    pub fn enter(&self, id: u64, room: RoomId, uid: &RoomUid) {
        let shared = &mut *self.shared();
        let Some(info) = shared.connections.get_mut(&id) else { return };
        info.rooms.push(uid.to_string());
        let viewers = shared.viewers.entry(room).or_default();
        uid.as_str().clone_into(&mut viewers.uid);
        viewers.count += 1;
        viewers.add_user(info.user.as_ref());
        shared.changed.insert(room);
    }

    /// A connection left a room.
    pub fn leave(&self, id: u64, room: RoomId, uid: &RoomUid) {
        let shared = &mut *self.shared();
        let Some(info) = shared.connections.get_mut(&id) else { return };
        info.rooms.retain(|there| there != uid.as_str());
        let user = info.user.as_ref().map(|user| user.id);
        if let Some(viewers) = shared.viewers.get_mut(&room) {
            viewers.count -= 1;
            viewers.remove_user(user);
            if viewers.count == 0 {
                shared.viewers.remove(&room);
            }
        }
        shared.changed.insert(room);
    }

    /// Who is in a room.
    pub fn present(&self, room: RoomId) -> Present {
        let shared = self.shared();
        let Some(viewers) = shared.viewers.get(&room) else { return Present::default() };
        let mut users: Vec<Arc<User>> = viewers.users.values().map(|(user, _)| user.clone()).take(USERS_TOLD).collect();
        users.sort_unstable_by_key(|user| user.id);
        Present { count: viewers.count, users }
    }

    /// How many connections are in a room.
    pub fn viewer_count(&self, room: RoomId) -> usize {
        self.shared().viewers.get(&room).map_or(0, |viewers| viewers.count)
    }

    /// The rooms whose viewer count changed since the last call: uid and count.
    pub fn take_changed(&self) -> Vec<(RoomId, String, usize)> {
        let shared = &mut *self.shared();
        let changed = shared.changed.drain();
        changed
            .filter_map(|room| shared.viewers.get(&room).map(|viewers| (room, viewers.uid.clone(), viewers.count)))
            .collect()
    }

    /// The rooms that somebody is in.
    pub fn rooms_of(&self, user: UserId) -> Vec<RoomId> {
        let shared = self.shared();
        let holds = shared.viewers.iter().filter(|(_, viewers)| viewers.users.contains_key(&user));
        holds.map(|(room, _)| *room).collect()
    }

    /// All connections, oldest first.
    pub fn connections(&self) -> Vec<ConnectionInfo> {
        let mut all: Vec<_> = self.shared().connections.values().cloned().collect();
        all.sort_unstable_by_key(|info| info.id);
        all
    }

    /// The logins in use.
    pub fn sessions(&self) -> Vec<SessionId> {
        let mut all: Vec<_> = self.shared().connections.values().filter_map(|info| info.session).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// How many connections there are.
    pub fn count(&self) -> usize {
        self.shared().connections.len()
    }

    /// Closes a connection; false when there is none of this number.
    pub fn close(&self, id: u64) -> bool {
        let known = self.shared().connections.contains_key(&id);
        if known {
            self.tell_all(&ToWorker::Close(id, Close::ByAdmin));
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

fn count_down<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

impl RoomViewers {
    fn add_user(&mut self, user: Option<&Arc<User>>) {
        if let Some(user) = user {
            // Who is there already may have a newer name than a login that was read before the change.
            self.users.entry(user.id).or_insert_with(|| (user.clone(), 0)).1 += 1;
        }
    }

    fn remove_user(&mut self, user: Option<UserId>) {
        let Some(user) = user else { return };
        if let Some((_, count)) = self.users.get_mut(&user) {
            *count -= 1;
            if *count == 0 {
                self.users.remove(&user);
            }
        }
    }
}
