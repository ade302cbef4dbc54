//! A connection without a socket: the second driver of [`domain::delivery::viewer`] and [`domain::delivery::join`], with events
//! instead of bytes.

use super::cluster::Cluster;
use super::node::{Framed, LocalRoom, Node};
use super::world::Acknowledged;
use crate::memory::MemoryStore;
use domain::delivery::join::{CatchUp, CaughtUp, Entrance, Join, JoinLimits, Missed, Need};
use domain::delivery::latest::Latest;
use domain::delivery::tail::{Tail, Weight};
use domain::delivery::viewer::{LiveRoom, OUTBOX_FULL, Sink, Viewer};
use domain::model::access::AccessContext;
use domain::model::audience::Recipient;
use domain::model::event::Event;
use domain::model::id::{Epoch, RoomId, RoomUid, Seq, UserId};
use domain::model::message::Message;
use domain::model::rank::Rank;
use domain::model::room::{Head, Room};
use domain::model::text::Nonce;
use domain::ports::log::{AppendError, AppendResult, LogCommand};
use domain::ports::readers::{EventReader, MessageReader};
use domain::service::access::Sources;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

/// So small that clients fall behind.
pub const LIMITS: JoinLimits = JoinLimits { snapshot: 6, resume: 12 };

/// What a client hears.
#[derive(Clone, Debug)]
pub enum Frame {
    /// The first frame of a join: the settings, and the entry at which the user was let in.
    Entering(Room, Option<Seq>, Seq),
    /// The settings of a fresh start, and the entry at which the user was let in again.
    Settings(Room, Seq),
    /// An event.
    Event(Rc<Event>),
    /// All is void.
    Reset(RoomId),
    /// The room is gone.
    Deleted(RoomId),
    /// The latest messages, and whether there are older ones.
    Latest(RoomId, Head, Vec<Message>, bool),
    /// The ack of a join.
    Entered(RoomId, Head),
    /// The error of a join.
    Refused(RoomId, Refusal),
    /// The ack of a post.
    Posted(Acknowledged),
    /// The error of a post.
    NotPosted(Nonce, Refusal),
}

/// Why something was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Come back.
    Busy,
    /// A sanction is in force.
    Banned,
    /// There is no such room.
    Gone,
}

/// What a client asks.
#[derive(Clone, Debug)]
pub enum Ask {
    /// To enter a room, or to go on in it.
    Join(RoomUid, RoomId, Option<Seq>, Option<Epoch>),
    /// To say its nonce.
    Post(RoomId, Nonce),
}

impl Weight for Frame {
    /// So heavy that an outbox holds twenty.
    fn weight(&self) -> usize {
        OUTBOX_FULL / 20
    }
}

pub struct Conn {
    pub user: UserId,
    /// On which worker.
    pub worker: usize,
    node: Rc<Node>,
    cluster: Rc<Cluster>,
    open: Cell<bool>,
    asked: RefCell<VecDeque<Ask>>,
    viewer: RefCell<Viewer<LocalRoom, Frame>>,
}

/// What a client takes at once.
struct Batch {
    frames: Vec<Frame>,
    most: usize,
}

impl Sink<LocalRoom> for Batch {
    fn is_full(&self) -> bool {
        self.frames.len() >= self.most
    }

    fn deliver(&mut self, _: &LocalRoom, Framed(event): &Framed) {
        self.frames.push(Frame::Event(event.clone()));
    }
}

impl Conn {
    /// A connection to one of the nodes, served from now on; none when that node is down.
    pub fn open(cluster: &Rc<Cluster>, user: UserId) -> Option<Rc<Conn>> {
        let node = cluster.any_node();
        if !node.is_alive() {
            return None;
        }
        let conn = Rc::new(Conn {
            user,
            worker: node.any_worker(),
            node: node.clone(),
            cluster: cluster.clone(),
            open: Cell::new(true),
            asked: RefCell::default(),
            viewer: RefCell::default(),
        });
        conn.viewer.borrow_mut().set_user(Some((user, Rank::Registered)));
        let (serving, runtime) = (conn.clone(), node.world().runtime.clone());
        node.world().runtime.spawn(async move {
            while serving.is_open() {
                let behind = serving.viewer.borrow().behind();
                let is_idle = behind.is_some() || serving.viewer.borrow().is_full();
                let asked = if is_idle { None } else { serving.asked.borrow_mut().pop_front() };
                match (behind, asked) {
                    (Some((room, cursor, recipient)), _) => serving.catch_up(&room, cursor, recipient).await,
                    (None, Some(Ask::Join(uid, room, since, epoch))) => {
                        if let Err(refusal) = serving.enter(&uid, room, since, epoch).await {
                            serving.send(Frame::Refused(room, refusal));
                        }
                    }
                    (None, Some(Ask::Post(room, nonce))) => serving.post(room, nonce).await,
                    (None, None) => runtime.sleep(7).await,
                }
            }
        });
        Some(conn)
    }

    /// Which node it leads to.
    pub fn node(&self) -> usize {
        self.node.id
    }

    /// Whether it still stands.
    pub fn is_open(&self) -> bool {
        self.open.get() && self.node.is_alive()
    }

    /// Ends it; what was not taken is lost.
    pub fn cut(&self) {
        self.open.set(false);
        *self.viewer.borrow_mut() = Viewer::default();
    }

    /// The client asks.
    pub fn ask(&self, ask: Ask) {
        self.asked.borrow_mut().push_back(ask);
    }

    fn send(&self, frame: Frame) {
        self.viewer.borrow_mut().send(frame);
    }

    /// What the client takes: answers first, then what lies after the cursors, at most `most` frames.
    pub fn take(&self, most: usize) -> Vec<Frame> {
        let mut viewer = self.viewer.borrow_mut();
        let answers: Vec<Frame> = std::iter::from_fn(|| viewer.take_answer()).take(most).collect();
        if !answers.is_empty() {
            return answers;
        }
        let mut batch = Batch { frames: Vec::new(), most };
        viewer.take(&mut batch);
        batch.frames
    }

    async fn post(&self, room: RoomId, nonce: Nonce) {
        let world = self.node.world();
        let Some(author) = world.users.iter().find(|member| member.user.id == self.user) else { return };
        let draft = crate::builders::draft_named(nonce.as_str(), nonce.as_str());
        let command = LogCommand::Post { draft, network: None, pace: None };
        self.send(match self.cluster.append(&self.node, room, author, command).await {
            Ok(AppendResult::Posted { message, .. }) => {
                let (id, seq) = (message.id, message.seq);
                Frame::Posted(Acknowledged { author: self.user, nonce, room, id, seq })
            }
            Ok(AppendResult::Done(_)) | Err(AppendError::Store(_)) => Frame::NotPosted(nonce, Refusal::Busy),
            Err(AppendError::RoomGone) => Frame::NotPosted(nonce, Refusal::Gone),
            Err(_) => Frame::NotPosted(nonce, Refusal::Banned),
        });
    }

    async fn access_context(&self, uid: &RoomUid, at_least: Seq) -> Result<AccessContext, Refusal> {
        let (world, user, access) = (self.node.world(), self.user, &self.node.access);
        let now = world.now();
        let ask = async |store: &MemoryStore| {
            let sources = Sources { access: store, events: store, rooms: store, accounts: store };
            access.access_context(sources, uid, Some(user), None, now, at_least).await
        };
        let access = world.read(ask).await;
        let access = access.map_err(|_| Refusal::Busy)?.ok_or(Refusal::Gone)?;
        if access.sanctions.is_empty() { Ok(access) } else { Err(Refusal::Banned) }
    }

    async fn follow(&self, id: RoomId) -> Result<LocalRoom, Refusal> {
        let waiting = self.node.room(id, self.worker);
        let room = loop {
            match &*waiting.borrow() {
                Some(Ok(room)) => break room.clone(),
                Some(Err(())) => return Err(Refusal::Busy),
                None => {}
            }
            self.node.world().runtime.sleep(3).await;
            if !self.is_open() {
                return Err(Refusal::Busy);
            }
        };
        self.viewer.borrow_mut().pause(id, true);
        Ok(room)
    }

    async fn enter(&self, uid: &RoomUid, id: RoomId, since: Option<Seq>, epoch: Option<Epoch>) -> Result<(), Refusal> {
        let entered = self.read(uid, id, since, epoch).await;
        self.viewer.borrow_mut().pause(id, false);
        let (room, entrance) = entered?;
        if !self.is_open() {
            return Err(Refusal::Busy);
        }
        let (recipient, head) = (entrance.recipient(), entrance.head);
        self.send(Frame::Entering(entrance.access.room.clone(), since, entrance.access.head.seq));
        self.send_missed(id, entrance);
        self.viewer.borrow_mut().join(room, recipient, head.seq);
        self.send(Frame::Entered(id, head));
        Ok(())
    }

    async fn read(
        &self,
        uid: &RoomUid,
        id: RoomId,
        since: Option<Seq>,
        epoch: Option<Epoch>,
    ) -> Result<(LocalRoom, Entrance<Framed>), Refusal> {
        let world = self.node.world();
        let (mut join, mut need) = Join::new(since, epoch, LIMITS);
        let mut followed = None;
        let mut before = None;
        loop {
            need = match need {
                Need::Access { at_least } => join.access(self.access_context(uid, at_least).await?),
                Need::Tail => {
                    let room = followed.insert(self.follow(id).await?);
                    before = self.cursor(id);
                    room.with_tail(|tail| join.tail(tail))
                }
                Need::Events { since, limit } => {
                    let read = world.read(async |store| store.event_range(id, since, limit).await).await;
                    join.events(read.map_err(|_| Refusal::Busy)?).map_err(|_| Refusal::Gone)?
                }
                Need::Snapshot { limit } => {
                    // One more, so that the client knows whether there are older ones.
                    let room = followed.as_ref().ok_or(Refusal::Gone)?;
                    let people = room.with_tail(Tail::people_version);
                    let read = world.read(async |store| store.snapshot(id, limit + 1).await).await;
                    let read = read.map_err(|_| Refusal::Busy)?;
                    let latest = read.map(|(head, messages)| Arc::new(Latest::new(head, messages, limit + 1)));
                    latest.iter().for_each(|latest| room.keep_latest(latest, people));
                    join.snapshot(latest).map_err(|_| Refusal::Gone)?
                }
                Need::Nothing => break,
            };
        }
        // Who is there is read, too.
        world.read(async |_| Ok(())).await.map_err(|_| Refusal::Busy)?;
        if self.is_open() && self.cursor(id).is_some_and(|cursor| Some(cursor) != before) {
            world.fail(|| format!("user {} took from the tail while a join was read", self.user));
        }
        Ok((followed.ok_or(Refusal::Gone)?, join.finish().ok_or(Refusal::Gone)?))
    }

    fn send_missed(&self, room: RoomId, entrance: Entrance<Framed>) {
        match entrance.missed {
            Missed::FromTail(deliveries) => {
                deliveries.into_iter().for_each(|Framed(event)| self.send(Frame::Event(event)));
            }
            Missed::FromStore(events) => self.send_events(events),
            Missed::Snapshot { reset, latest } => {
                if reset.is_some() {
                    self.send(Frame::Reset(room));
                }
                self.send_latest(room, latest.messages().to_vec(), latest.head());
            }
        }
    }

    fn send_events(&self, events: Vec<Event>) {
        events.into_iter().for_each(|event| self.send(Frame::Event(Rc::new(event))));
    }

    fn send_latest(&self, room: RoomId, mut messages: Vec<Message>, head: Head) {
        let older = messages.len() > LIMITS.snapshot;
        if older {
            messages.remove(0);
        }
        self.send(Frame::Latest(room, head, messages, older));
    }

    /// Reads what the client is behind by; called when the tail no longer has it.
    async fn catch_up(&self, room: &LocalRoom, cursor: Seq, recipient: Recipient) {
        let id = room.id();
        let caught_up = self.read_behind(id, cursor, recipient).await;
        if !self.viewer.borrow().is_in(id) {
            return;
        }
        match caught_up {
            Ok(CaughtUp::Events { events, head, recipient, removed }) => {
                self.send_events(events);
                let mut viewer = self.viewer.borrow_mut();
                viewer.set_recipient(id, recipient);
                viewer.move_cursor(id, head);
                if removed {
                    viewer.leave(id);
                }
            }
            Ok(CaughtUp::Afresh(access, messages, head)) => {
                self.send(Frame::Reset(id));
                self.send(Frame::Settings(access.room.clone(), access.head.seq));
                self.send_latest(id, messages, head);
                let mut viewer = self.viewer.borrow_mut();
                viewer.set_recipient(id, Recipient::of(access.member.as_ref(), access.room.rules.readers));
                viewer.move_cursor(id, head.seq);
            }
            Ok(CaughtUp::Gone) => {
                self.send(Frame::Deleted(id));
                self.viewer.borrow_mut().leave(id);
            }
            Err(_) => self.cut(),
        }
    }

    async fn read_behind(&self, id: RoomId, cursor: Seq, recipient: Recipient) -> Result<CaughtUp, Refusal> {
        let world = self.node.world();
        let uid = world.rooms.iter().find(|known| known.id == id).map(|room| &room.uid).ok_or(Refusal::Gone)?;
        let (mut catch_up, mut need) = CatchUp::new(cursor, recipient, LIMITS);
        loop {
            need = match need {
                Need::Events { since, limit } => {
                    let read = world.read(async |store| store.event_range(id, since, limit).await).await;
                    catch_up.events(read.map_err(|_| Refusal::Busy)?)
                }
                Need::Snapshot { limit } => {
                    let read = world.read(async |store| store.snapshot(id, limit + 1).await).await;
                    catch_up.snapshot(read.map_err(|_| Refusal::Busy)?)
                }
                Need::Access { at_least } => catch_up.access(self.access_context(uid, at_least).await?),
                Need::Tail | Need::Nothing => return catch_up.finish().ok_or(Refusal::Gone),
            };
        }
    }

    fn cursor(&self, room: RoomId) -> Option<Seq> {
        self.viewer.borrow().cursor(room).map(|(cursor, _)| cursor)
    }
}
