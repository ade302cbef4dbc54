//! A worker's connections and its replica of the tails that they read. One thread, no locks.

use crate::app::App;
use crate::metrics::Metrics;
use crate::realtime::conn::Conn;
use crate::realtime::delivery::Delivery;
use crate::realtime::frame::Frame;
use crate::realtime::node::Node;
use crate::realtime::outgoing::{Batch, WriteQueue};
use crate::realtime::presence::ViewerCount;
use crate::realtime::protocol::{Close, HEARTBEAT_MS, Server};
use crate::realtime::room::LocalRoom;
use crate::realtime::workers::{ToFeed, ToWorker};
use crate::view;
use actix_web::web;
use domain::delivery::flush::Flushes;
use domain::delivery::viewer::LiveRoom;
use domain::model::audience::Recipient;
use domain::model::event::EventKind;
use domain::model::id::{RoomId, RoomUid, Seq, UserId};
use domain::model::time::{Span, Timestamp};
use domain::model::user::User;
use domain::service::error::Error;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;

/// A room's tail is kept this many seconds after its last viewer, for those who reconnect.
const TAIL_KEPT: u64 = 300;

/// The same where other nodes have to send the room's events for it.
const TAIL_KEPT_IN_CLUSTER: u64 = 30;

/// For how many seconds at most the latest messages of a room are shown without asking the store. What another process changed
/// of their authors is told by nobody; within as long access rights are compared, too.
const LATEST_KEPT: u64 = 2;

/// How long a pong may take, in seconds.
const PONG_TIMEOUT: u64 = 10;

/// After writing to this many connections the others on this worker get their turn.
const WRITTEN_AT_ONCE: usize = 256;

/// A room and who is in it here.
struct RoomMembers {
    room: LocalRoom,
    members: RefCell<HashMap<u64, Rc<Conn>>>,
    empty_since: Cell<Option<u64>>,
    flushes: Cell<Flushes>,
    /// What is new until then goes with it.
    flush_scheduled: Cell<bool>,
    /// On all workers together.
    viewers: ViewerCount,
}

impl RoomMembers {
    fn count_flush(&self, viewers: usize, now: Timestamp) {
        let mut flushes = self.flushes.get();
        flushes.flushed(viewers, now);
        self.flushes.set(flushes);
    }
}

/// A worker's connections and tails.
pub struct Hub {
    worker: usize,
    app: web::Data<App>,
    second: Cell<u64>,
    rooms: RefCell<HashMap<RoomId, Rc<RoomMembers>>>,
    waiting: RefCell<HashMap<RoomId, Vec<oneshot::Sender<LocalRoom>>>>,
    conns: RefCell<HashMap<u64, Rc<Conn>>>,
    /// The connections with something to be written.
    pub queue: Rc<WriteQueue<Conn>>,
    /// What is written at once.
    batch: RefCell<Batch>,
}

impl Hub {
    /// The hub of a new worker. It runs until the worker ends.
    pub fn start(app: web::Data<App>) -> Rc<Hub> {
        let (worker, from_feed) = app.node.workers.add();
        let hub = Rc::new(Hub {
            worker,
            app,
            second: Cell::new(0),
            rooms: RefCell::default(),
            waiting: RefCell::default(),
            conns: RefCell::default(),
            queue: Rc::default(),
            batch: RefCell::default(),
        });
        actix_web::rt::spawn(hub.clone().write_queued());
        actix_web::rt::spawn(hub.clone().run(from_feed));
        actix_web::rt::spawn(hub.clone().count_seconds());
        hub
    }

    /// The process's shared state.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// The node.
    pub fn node(&self) -> &Node {
        &self.app.node
    }

    pub fn metrics(&self) -> &Metrics {
        &self.app.metrics
    }

    /// Seconds since the worker began: what all timers here go by.
    pub fn second(&self) -> u64 {
        self.second.get()
    }

    /// A new connection.
    pub fn add(&self, conn: Rc<Conn>) {
        self.metrics().sockets.inc();
        self.conns.borrow_mut().insert(conn.id, conn);
    }

    /// A connection is gone: it leaves its rooms.
    pub fn remove(&self, conn: &Rc<Conn>) {
        for room in conn.rooms() {
            self.leave(conn, &room);
        }
        if self.conns.borrow_mut().remove(&conn.id).is_some() {
            self.metrics().sockets.dec();
        }
        self.node().disconnect(conn.id, &conn.client.network);
    }

    /// The room's tail here, asked of the feed when there is none.
    pub async fn room(&self, id: RoomId, uid: &RoomUid) -> Result<LocalRoom, Error> {
        if let Some(entry) = self.rooms.borrow().get(&id) {
            return Ok(entry.room.clone());
        }
        let (ready, is_ready) = oneshot::channel();
        self.waiting.borrow_mut().entry(id).or_default().push(ready);
        self.node().workers.tell_feed(ToFeed::Subscribe(id, uid.clone(), self.worker));
        is_ready.await.map_err(|_| Error::Busy { retry_after: Span::seconds(2) })
    }

    fn entry(&self, room: RoomId) -> Option<Rc<RoomMembers>> {
        self.rooms.borrow().get(&room).cloned()
    }

    /// A connection enters a room at a cursor, or goes on there; what it sends before goes through its outbox. A room that was
    /// closed meanwhile says so in its tail.
    pub fn enter(&self, conn: &Rc<Conn>, room: LocalRoom, recipient: Recipient, cursor: Seq) {
        if let Some(entry) = self.entry(room.id()) {
            if entry.members.borrow_mut().insert(conn.id, conn.clone()).is_none() {
                self.node().enter(conn.id, room.id(), room.uid());
            }
            entry.empty_since.set(None);
        }
        conn.join(room, recipient, cursor);
    }

    /// A connection leaves a room at once.
    pub fn leave(&self, conn: &Conn, room: &LocalRoom) {
        if conn.leave(room.id()).is_some() {
            self.left(conn, room);
        }
    }

    /// A connection is out of a room.
    pub fn left(&self, conn: &Conn, room: &LocalRoom) {
        if let Some(entry) = self.entry(room.id()) {
            entry.members.borrow_mut().remove(&conn.id);
            if entry.members.borrow().is_empty() {
                entry.empty_since.set(Some(self.second()));
            }
        }
        self.node().leave(conn.id, room.id(), room.uid());
    }

    async fn run(self: Rc<Self>, mut from_feed: UnboundedReceiver<ToWorker>) {
        while let Some(what) = from_feed.recv().await {
            match what {
                ToWorker::Tail(id, uid, head) => self.add_room(id, uid, head),
                ToWorker::Failed(id) => drop(self.waiting.borrow_mut().remove(&id)),
                ToWorker::Events(id, deliveries, head) => self.deliver(id, &deliveries, head).await,
                ToWorker::Ephemeral(id, frame) => self.push_ephemeral(id, frame).await,
                ToWorker::LoginsEnded(ended) => {
                    self.close_where(Close::TokenEnded, |conn| {
                        conn.login().is_some_and(|login| ended.contains(&login))
                    });
                }
                ToWorker::SiteTokensEnded(ended) => {
                    self.close_where(Close::TokenEnded, |conn| conn.login().is_some_and(|login| ended.include(login)));
                }
                ToWorker::UserGone(user, close) => {
                    self.rooms.borrow().values().for_each(|entry| entry.room.change_user(user));
                    self.close_where(close, |conn| is(conn, user));
                }
                ToWorker::Close(id, close) => {
                    if let Some(conn) = self.conns.borrow().get(&id) {
                        conn.close(close, self.second());
                    }
                }
                ToWorker::UserChanged(user) => self.change_user(&user),
            }
        }
    }

    fn add_room(&self, id: RoomId, uid: RoomUid, head: Seq) {
        let viewers = self.node().presence.viewer_count(id);
        let mut rooms = self.rooms.borrow_mut();
        let entry = rooms.entry(id).or_insert_with(|| {
            Rc::new(RoomMembers {
                room: LocalRoom::after(id, uid, head),
                members: RefCell::default(),
                empty_since: Cell::new(Some(self.second())),
                flushes: Cell::default(),
                flush_scheduled: Cell::new(false),
                viewers,
            })
        });
        for ready in self.waiting.borrow_mut().remove(&id).unwrap_or_default() {
            // Whoever waited may have gone.
            let _ = ready.send(entry.room.clone());
        }
    }

    async fn deliver(self: &Rc<Self>, id: RoomId, deliveries: &[Delivery], head: Seq) {
        let Some(entry) = self.entry(id) else { return };
        entry.room.push(deliveries, head);
        let closed = deliveries.iter().any(|delivery| matches!(delivery.as_ref().kind, EventKind::Closed));
        self.metrics().deliveries.inc_by((deliveries.len() * entry.members.borrow().len()) as u64);
        if closed {
            self.rooms.borrow_mut().remove(&id);
            self.node().workers.tell_feed(ToFeed::Unsubscribe(id, self.worker));
        }
        self.flush(&entry).await;
    }

    /// Lets the viewers copy what is new, now or in the room's rhythm.
    async fn flush(self: &Rc<Self>, entry: &Rc<RoomMembers>) {
        if entry.flush_scheduled.get() {
            return;
        }
        let now = self.app.clock.now();
        let viewers = entry.viewers.get();
        let wait = entry.flushes.get().wait(viewers, now);
        if wait == Span::ZERO {
            entry.count_flush(viewers, now);
            return self.write_to_all(entry).await;
        }
        entry.flush_scheduled.set(true);
        let (hub, entry) = (self.clone(), entry.clone());
        actix_web::rt::spawn(async move {
            tokio::time::sleep(Duration::from_millis(wait.as_millis().unsigned_abs())).await;
            entry.flush_scheduled.set(false);
            entry.count_flush(viewers, hub.app.clock.now());
            hub.write_to_all(&entry).await;
        });
    }

    async fn push_ephemeral(self: &Rc<Self>, id: RoomId, frame: Frame) {
        let Some(entry) = self.entry(id) else { return };
        entry.room.push_ephemeral(frame);
        self.flush(&entry).await;
    }

    fn change_user(&self, user: &Arc<User>) {
        self.rooms.borrow().values().for_each(|entry| entry.room.change_user(user.id));
        let frame = Frame::server(&Server::AuthUpdated { user: Some(&view::user(user)), token: None });
        for conn in self.conns.borrow().values().filter(|conn| is(conn, user.id)) {
            conn.update_user(user);
            // One that does not read may miss it: who it is was told when it logged in.
            if !conn.is_full() {
                conn.send(frame.clone());
            }
        }
    }

    /// Closes the connections that `which` picks.
    pub fn close_where(&self, close: Close, which: impl Fn(&Conn) -> bool) {
        for conn in self.conns.borrow().values().filter(|conn| which(conn)) {
            conn.close(close, self.second());
        }
    }

    /// Writes what is new to all who are in the room.
    async fn write_to_all(self: &Rc<Self>, entry: &RoomMembers) {
        let members: Vec<Rc<Conn>> = entry.members.borrow().values().cloned().collect();
        self.write_to(&members).await;
    }

    async fn write_queued(self: Rc<Self>) {
        loop {
            let conns = self.queue.next().await;
            self.write_to(&conns).await;
        }
    }

    /// Writes to these connections, and lets others have their turn in between.
    async fn write_to(self: &Rc<Self>, conns: &[Rc<Conn>]) {
        for some in conns.chunks(WRITTEN_AT_ONCE) {
            some.iter().for_each(|conn| self.write(conn));
            tokio::task::yield_now().await;
        }
    }

    fn write(self: &Rc<Self>, conn: &Rc<Conn>) {
        let mut left = Vec::new();
        let written = conn.write(&mut self.batch.borrow_mut(), &mut left);
        self.metrics().bytes_out.inc_by(written.bytes as u64);
        for room in left {
            self.left(conn, &room);
        }
        if written.is_blocked {
            let conn = conn.clone();
            actix_web::rt::spawn(async move {
                conn.wait_until_writable().await;
                conn.open();
            });
        }
    }

    async fn count_seconds(self: Rc<Self>) {
        let mut interval = tokio::time::interval(Duration::from_secs(1));
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            let second = self.second.get() + 1;
            self.second.set(second);
            let conns: Vec<Rc<Conn>> = self.conns.borrow().values().cloned().collect();
            for some in conns.chunks(WRITTEN_AT_ONCE) {
                let now = self.app.clock.now();
                for conn in some {
                    conn.tick(second, HEARTBEAT_MS / 1000, PONG_TIMEOUT);
                    conn.check_login(now, second);
                }
                tokio::task::yield_now().await;
            }
            self.forget_rooms(second);
            for entry in self.rooms.borrow().values() {
                entry.room.forget_users();
                if second.is_multiple_of(LATEST_KEPT) {
                    entry.room.forget_latest();
                }
            }
        }
    }

    /// Lets go of tails that nobody read for a while and nobody is about to.
    fn forget_rooms(&self, second: u64) {
        let mut forgotten = Vec::new();
        let kept = if self.node().others.is_some() { TAIL_KEPT_IN_CLUSTER } else { TAIL_KEPT };
        self.rooms.borrow_mut().retain(|id, entry| {
            let idle = entry.empty_since.get().is_some_and(|since| second >= since + kept);
            let forget = idle && entry.room.is_unused();
            if forget {
                forgotten.push(*id);
            }
            !forget
        });
        for room in forgotten {
            self.node().workers.tell_feed(ToFeed::Unsubscribe(room, self.worker));
            self.node().presence.forget(room);
        }
    }
}

fn is(conn: &Conn, user: UserId) -> bool {
    conn.caller().as_ref().is_some_and(|caller| caller.user.id == user)
}
