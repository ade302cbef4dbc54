//! A connection without a socket, and how it enters a room, goes on in it and catches up.
//!
//! What `realtime/conn.rs` and `realtime/join.rs` do in the server, step for step, with events instead of bytes. Who changes
//! one of them changes the other.

use super::node::{Framed, Node, Removal, RoomMembers};
use super::world::Acknowledged;
use crate::memory::MemoryStore;
use domain::delivery::tail::Read;
use domain::model::event::Event;
use domain::model::id::{Epoch, RoomId, RoomUid, Seq, UserId};
use domain::model::message::Message;
use domain::model::room::{Head, Room};
use domain::model::text::Nonce;
use domain::ports::log::{AccessContext, AppendError, AppendResult, History, LogCommand};
use domain::service::access::Sources;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// How many messages a fresh viewer gets.
const SNAPSHOT: usize = 6;

/// Whoever missed more than this starts afresh.
const RESUME_MAX: usize = 12;

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

struct Joined {
    entry: Rc<RoomMembers>,
    cursor: Seq,
    until: Option<Seq>,
    paused: bool,
    behind: bool,
}

pub struct Conn {
    pub user: UserId,
    /// On which worker.
    pub worker: usize,
    node: Rc<Node>,
    open: Cell<bool>,
    asked: RefCell<VecDeque<Ask>>,
    outbox: RefCell<VecDeque<Frame>>,
    joined: RefCell<BTreeMap<RoomId, Joined>>,
}

struct CatchUp {
    frames: Vec<Frame>,
    head: Head,
}

impl Conn {
    /// A connection, served from now on.
    pub fn new(node: &Rc<Node>, worker: usize, user: UserId) -> Rc<Conn> {
        let conn = Rc::new(Conn {
            user,
            worker,
            node: node.clone(),
            open: Cell::new(true),
            asked: RefCell::default(),
            outbox: RefCell::default(),
            joined: RefCell::default(),
        });
        let (serving, runtime) = (conn.clone(), node.world().runtime.clone());
        node.world().runtime.spawn(async move {
            while serving.is_open() {
                let behind = serving.behind();
                let asked = if behind.is_none() { serving.asked.borrow_mut().pop_front() } else { None };
                match (behind, asked) {
                    (Some((entry, cursor)), _) => serving.catch_up(entry, cursor).await,
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
        conn
    }

    /// Whether it still stands.
    pub fn is_open(&self) -> bool {
        self.open.get()
    }

    /// Ends it; what was not taken is lost.
    pub fn cut(&self) {
        self.open.set(false);
        self.joined.borrow_mut().clear();
    }

    /// The client asks.
    pub fn ask(&self, ask: Ask) {
        self.asked.borrow_mut().push_back(ask);
    }

    fn send(&self, frame: Frame) {
        self.outbox.borrow_mut().push_back(frame);
    }

    /// Leaves a room once the client has the event at `seq`.
    pub fn leave_after(&self, room: RoomId, seq: Seq) {
        if let Some(joined) = self.joined.borrow_mut().get_mut(&room).filter(|joined| joined.cursor < seq) {
            joined.until = Some(joined.until.map_or(seq, |until| until.min(seq)));
        }
    }

    fn pause(&self, room: RoomId, paused: bool) {
        if let Some(joined) = self.joined.borrow_mut().get_mut(&room) {
            joined.paused = paused;
        }
    }

    fn behind(&self) -> Option<(Rc<RoomMembers>, Seq)> {
        let joined = self.joined.borrow();
        joined.values().find(|joined| joined.behind).map(|joined| (joined.entry.clone(), joined.cursor))
    }

    /// What the client takes: answers first, then what lies after the cursors, at most `most` frames of each room.
    pub fn take(&self, most: usize) -> Vec<Frame> {
        let mut outbox = self.outbox.borrow_mut();
        if !outbox.is_empty() {
            let most = most.min(outbox.len());
            return outbox.drain(..most).collect();
        }
        let mut frames = Vec::new();
        let mut rooms = self.joined.borrow_mut();
        for joined in rooms.values_mut() {
            joined.copy_into(&mut frames, most);
        }
        rooms.retain(|_, joined| joined.until.is_none_or(|until| joined.cursor < until));
        frames
    }

    async fn post(&self, room: RoomId, nonce: Nonce) {
        let world = self.node.world();
        let Some(author) = world.users.iter().find(|member| member.user.id == self.user) else { return };
        let draft = crate::builders::draft_named(nonce.as_str(), nonce.as_str());
        let command = LogCommand::Post { draft, network: None, pace: None };
        self.send(match world.append(&self.node, room, author, command).await {
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
            let sources = Sources { history: store, rooms: store, accounts: store };
            access.access_context(sources, uid, Some(user), None, now, at_least).await
        };
        let access = world.read(ask).await;
        let access = access.map_err(|_| Refusal::Busy)?.ok_or(Refusal::Gone)?;
        if access.sanctions.is_empty() { Ok(access) } else { Err(Refusal::Banned) }
    }

    async fn enter(&self, uid: &RoomUid, id: RoomId, since: Option<Seq>, epoch: Option<Epoch>) -> Result<(), Refusal> {
        let access = self.access_context(uid, Seq::ZERO).await?;
        let waiting = self.node.room(id, self.worker);
        let entry = loop {
            match &*waiting.borrow() {
                Some(Ok(entry)) => break entry.clone(),
                Some(Err(())) => return Err(Refusal::Busy),
                None => {}
            }
            self.node.world().runtime.sleep(3).await;
            if !self.is_open() {
                return Err(Refusal::Busy);
            }
        };
        self.pause(id, true);
        let entered = self.read_and_enter(uid, access, entry, since, epoch).await;
        self.pause(id, false);
        entered
    }

    async fn read_and_enter(
        &self,
        uid: &RoomUid,
        mut access: AccessContext,
        entry: Rc<RoomMembers>,
        since: Option<Seq>,
        epoch: Option<Epoch>,
    ) -> Result<(), Refusal> {
        let before = self.cursor(entry.id);
        let resumed = match since {
            Some(since) => self.resume(&access, &entry, since, epoch).await?,
            None => None,
        };
        let catch_up = match resumed {
            Some(catch_up) => catch_up,
            None => self.snapshot(entry.id, since.is_some()).await?.ok_or(Refusal::Gone)?,
        };
        if catch_up.head.seq != access.head.seq {
            access = self.access_context(uid, catch_up.head.seq).await?;
        }
        // Who is there is read, too.
        self.node.world().read(async |_| Ok(())).await.map_err(|_| Refusal::Busy)?;
        if self.node.is_out(self.worker, self.user, entry.id, catch_up.head.seq) {
            self.access_context(uid, Seq::ZERO).await?;
            return Err(Refusal::Busy);
        }
        if !self.is_open() {
            return Err(Refusal::Busy);
        }
        if self.cursor(entry.id).is_some_and(|cursor| Some(cursor) != before) {
            self.node.world().fail(|| format!("user {} took from the tail while a join was read", self.user));
        }
        self.send(Frame::Entering(access.room.clone(), since, access.head.seq));
        catch_up.frames.into_iter().for_each(|frame| self.send(frame));
        let (id, cursor) = (entry.id, catch_up.head.seq);
        self.joined.borrow_mut().insert(id, Joined { entry, cursor, until: None, paused: false, behind: false });
        self.send(Frame::Entered(id, catch_up.head));
        Ok(())
    }

    async fn resume(
        &self,
        access: &AccessContext,
        entry: &RoomMembers,
        since: Seq,
        epoch: Option<Epoch>,
    ) -> Result<Option<CatchUp>, Refusal> {
        if epoch.is_some_and(|epoch| epoch != access.head.epoch) {
            return Ok(None);
        }
        if let Some(frames) = from_tail(entry, since) {
            let head = Head { seq: entry.tail.borrow().head().max(since), ..access.head };
            return Ok(Some(CatchUp { frames, head }));
        }
        let event_range =
            self.node.world().read(async |store| store.event_range(entry.id, since, RESUME_MAX).await).await;
        let event_range = event_range.map_err(|_| Refusal::Busy)?.ok_or(Refusal::Gone)?;
        if since > event_range.head.seq || event_range.cut {
            return Ok(None);
        }
        let frames = event_range.events.into_iter().map(|event| Frame::Event(Rc::new(event))).collect();
        Ok(Some(CatchUp { frames, head: event_range.head }))
    }

    /// The latest messages, after a reset where there is a reason for one; `None` when the room is gone.
    async fn snapshot(&self, room: RoomId, reset: bool) -> Result<Option<CatchUp>, Refusal> {
        let read = self.node.world().read(async |store| store.snapshot(room, SNAPSHOT + 1).await).await;
        let Some((head, mut messages)) = read.map_err(|_| Refusal::Busy)? else { return Ok(None) };
        let older = messages.len() > SNAPSHOT;
        if older {
            messages.remove(0);
        }
        let latest = Frame::Latest(room, head, messages, older);
        let frames = reset.then_some(Frame::Reset(room)).into_iter().chain([latest]).collect();
        Ok(Some(CatchUp { frames, head }))
    }

    /// Reads what the client is behind by; called when the ring no longer has it.
    async fn catch_up(&self, entry: Rc<RoomMembers>, cursor: Seq) {
        let room = entry.id;
        let read = self.read_behind(&entry, cursor).await;
        let mut rooms = self.joined.borrow_mut();
        let Some(joined) = rooms.get_mut(&room) else { return };
        match read {
            Ok(Some(catch_up)) => {
                catch_up.frames.into_iter().for_each(|frame| self.send(frame));
                joined.cursor = catch_up.head.seq;
                joined.behind = false;
            }
            Ok(None) => {
                self.send(Frame::Deleted(room));
                rooms.remove(&room);
            }
            Err(_) => {
                drop(rooms);
                self.cut();
            }
        }
    }

    fn cursor(&self, room: RoomId) -> Option<Seq> {
        self.joined.borrow().get(&room).map(|joined| joined.cursor)
    }

    fn until(&self, room: RoomId) -> Option<Seq> {
        self.joined.borrow().get(&room)?.until
    }

    async fn read_behind(&self, entry: &RoomMembers, cursor: Seq) -> Result<Option<CatchUp>, Refusal> {
        let (world, room) = (self.node.world(), entry.id);
        let Some(uid) = world.rooms.iter().find(|known| known.id == room).map(|room| &room.uid) else {
            return Ok(None);
        };
        let event_range = world.read(async |store| store.event_range(room, cursor, RESUME_MAX).await).await;
        let Some(event_range) = event_range.map_err(|_| Refusal::Busy)? else { return Ok(None) };
        if let Some(event) = event_range.events.iter().find(|event| takes_along(event, self.user)) {
            self.leave_after(room, event.seq);
        }
        let until = self.until(room);
        if !event_range.cut || until.is_some() {
            let last = event_range.events.last().filter(|_| event_range.cut).map(|event| event.seq);
            let head = Head { seq: last.unwrap_or(event_range.head.seq), ..event_range.head };
            let events = event_range.events.into_iter().filter(|event| until.is_none_or(|until| event.seq <= until));
            let frames = events.map(|event| Frame::Event(Rc::new(event))).collect();
            return Ok(Some(CatchUp { frames, head }));
        }
        let Some(mut catch_up) = self.snapshot(room, true).await? else { return Ok(None) };
        let head = catch_up.head.seq;
        let access = self.access_context(uid, head).await?;
        if self.until(room).is_some() {
            return Err(Refusal::Busy);
        }
        catch_up.frames.insert(1, Frame::Settings(access.room, access.head.seq));
        Ok(Some(catch_up))
    }
}

/// The frames after `since`, when the ring still has them all.
fn from_tail(entry: &RoomMembers, since: Seq) -> Option<Vec<Frame>> {
    let tail = entry.tail.borrow();
    if since > tail.head() {
        return None;
    }
    let mut frames = Vec::new();
    let mut cursor = since;
    loop {
        match tail.read(cursor) {
            Read::Frame(seq, Framed(event)) => {
                frames.push(Frame::Event(event.clone()));
                cursor = seq;
            }
            Read::Level(_) => return Some(frames),
            Read::Behind => return None,
        }
    }
}

impl Joined {
    fn copy_into(&mut self, frames: &mut Vec<Frame>, most: usize) {
        if self.behind || self.paused {
            return;
        }
        let tail = self.entry.tail.borrow();
        for _ in 0..most {
            if self.until.is_some_and(|until| self.cursor >= until) {
                return;
            }
            match tail.read(self.cursor) {
                Read::Frame(seq, Framed(event)) => {
                    frames.push(Frame::Event(event.clone()));
                    self.cursor = seq;
                }
                Read::Level(head) => {
                    self.cursor = head;
                    return;
                }
                Read::Behind => {
                    self.behind = true;
                    return;
                }
            }
        }
    }
}

/// Whether an event takes this user along.
pub fn takes_along(event: &Event, user: UserId) -> bool {
    Removal::after(event).is_some_and(|removal| removal.means(user))
}
