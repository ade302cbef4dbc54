//! A connection without a socket, and how it enters a room, goes on in it and catches up.
//!
//! What `realtime/conn.rs` and `realtime/join.rs` do in the server, step for step, with events instead of bytes. Who changes
//! one of them changes the other.

use super::node::{Framed, Leaves, Node, Place};
use super::world::Acknowledged;
use crate::memory::MemoryStore;
use domain::delivery::tail::Read;
use domain::model::event::Event;
use domain::model::id::{Epoch, RoomId, RoomUid, Seq, UserId};
use domain::model::message::Message;
use domain::model::room::{Head, Room};
use domain::model::text::Nonce;
use domain::ports::log::{Act, AppendError, Appended, History, Stance};
use domain::service::standings::Sources;
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
    /// The first frame of a join: the settings, and the place at which the user was let in.
    Entering(Room, Option<Seq>, Seq),
    /// The settings of a fresh start, and the place at which the user was let in again.
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
    place: Rc<Place>,
    cursor: Seq,
    until: Option<Seq>,
    paused: bool,
    behind: bool,
}

/// A connection.
pub struct Conn {
    /// Whose.
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
                    (Some((place, cursor)), _) => serving.catch_up(place, cursor).await,
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

    fn behind(&self) -> Option<(Rc<Place>, Seq)> {
        let joined = self.joined.borrow();
        joined.values().find(|joined| joined.behind).map(|joined| (joined.place.clone(), joined.cursor))
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
        let act = Act::Post { draft, network: None, pace: None };
        self.send(match world.append(&self.node, room, author, act).await {
            Ok(Appended::Posted { message, .. }) => {
                let (id, seq) = (message.id, message.seq);
                Frame::Posted(Acknowledged { author: self.user, nonce, room, id, seq })
            }
            Ok(Appended::Done(_)) | Err(AppendError::Store(_)) => Frame::NotPosted(nonce, Refusal::Busy),
            Err(AppendError::RoomGone) => Frame::NotPosted(nonce, Refusal::Gone),
            Err(_) => Frame::NotPosted(nonce, Refusal::Banned),
        });
    }

    async fn stance(&self, uid: &RoomUid, at_least: Seq) -> Result<Stance, Refusal> {
        let (world, user, standings) = (self.node.world(), self.user, &self.node.standings);
        let now = world.now();
        let ask = async |store: &MemoryStore| {
            let sources = Sources { history: store, rooms: store, accounts: store };
            standings.stance(sources, uid, Some(user), None, now, at_least).await
        };
        let stance = world.read(ask).await;
        let stance = stance.map_err(|_| Refusal::Busy)?.ok_or(Refusal::Gone)?;
        if stance.sanctions.is_empty() { Ok(stance) } else { Err(Refusal::Banned) }
    }

    async fn enter(&self, uid: &RoomUid, id: RoomId, since: Option<Seq>, epoch: Option<Epoch>) -> Result<(), Refusal> {
        let stance = self.stance(uid, Seq::ZERO).await?;
        let waiting = self.node.room(id, self.worker);
        let place = loop {
            match &*waiting.borrow() {
                Some(Ok(place)) => break place.clone(),
                Some(Err(())) => return Err(Refusal::Busy),
                None => {}
            }
            self.node.world().runtime.sleep(3).await;
            if !self.is_open() {
                return Err(Refusal::Busy);
            }
        };
        self.pause(id, true);
        let entered = self.read_and_enter(uid, stance, place, since, epoch).await;
        self.pause(id, false);
        entered
    }

    async fn read_and_enter(
        &self,
        uid: &RoomUid,
        mut stance: Stance,
        place: Rc<Place>,
        since: Option<Seq>,
        epoch: Option<Epoch>,
    ) -> Result<(), Refusal> {
        let before = self.cursor(place.id);
        let resumed = match since {
            Some(since) => self.resume(&stance, &place, since, epoch).await?,
            None => None,
        };
        let catch_up = match resumed {
            Some(catch_up) => catch_up,
            None => self.snapshot(place.id, since.is_some()).await?.ok_or(Refusal::Gone)?,
        };
        if catch_up.head.seq != stance.head.seq {
            stance = self.stance(uid, catch_up.head.seq).await?;
        }
        // Who is there is read, too.
        self.node.world().read(async |_| Ok(())).await.map_err(|_| Refusal::Busy)?;
        if self.node.is_out(self.worker, self.user, place.id, catch_up.head.seq) {
            self.stance(uid, Seq::ZERO).await?;
            return Err(Refusal::Busy);
        }
        if !self.is_open() {
            return Err(Refusal::Busy);
        }
        if self.cursor(place.id).is_some_and(|cursor| Some(cursor) != before) {
            self.node.world().fail(|| format!("user {} took from the tail while a join was read", self.user));
        }
        self.send(Frame::Entering(stance.room.clone(), since, stance.head.seq));
        catch_up.frames.into_iter().for_each(|frame| self.send(frame));
        let (id, cursor) = (place.id, catch_up.head.seq);
        self.joined.borrow_mut().insert(id, Joined { place, cursor, until: None, paused: false, behind: false });
        self.send(Frame::Entered(id, catch_up.head));
        Ok(())
    }

    async fn resume(
        &self,
        stance: &Stance,
        place: &Place,
        since: Seq,
        epoch: Option<Epoch>,
    ) -> Result<Option<CatchUp>, Refusal> {
        if epoch.is_some_and(|epoch| epoch != stance.head.epoch) {
            return Ok(None);
        }
        if let Some(frames) = from_tail(place, since) {
            let head = Head { seq: place.tail.borrow().head().max(since), ..stance.head };
            return Ok(Some(CatchUp { frames, head }));
        }
        let stretch = self.node.world().read(async |store| store.stretch(place.id, since, RESUME_MAX).await).await;
        let stretch = stretch.map_err(|_| Refusal::Busy)?.ok_or(Refusal::Gone)?;
        if since > stretch.head.seq || stretch.cut {
            return Ok(None);
        }
        let frames = stretch.events.into_iter().map(|event| Frame::Event(Rc::new(event))).collect();
        Ok(Some(CatchUp { frames, head: stretch.head }))
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
    async fn catch_up(&self, place: Rc<Place>, cursor: Seq) {
        let room = place.id;
        let read = self.read_behind(&place, cursor).await;
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

    async fn read_behind(&self, place: &Place, cursor: Seq) -> Result<Option<CatchUp>, Refusal> {
        let (world, room) = (self.node.world(), place.id);
        let Some(uid) = world.rooms.iter().find(|known| known.id == room).map(|room| &room.uid) else {
            return Ok(None);
        };
        let stretch = world.read(async |store| store.stretch(room, cursor, RESUME_MAX).await).await;
        let Some(stretch) = stretch.map_err(|_| Refusal::Busy)? else { return Ok(None) };
        if let Some(event) = stretch.events.iter().find(|event| takes_along(event, self.user)) {
            self.leave_after(room, event.seq);
        }
        let until = self.until(room);
        if !stretch.cut || until.is_some() {
            let last = stretch.events.last().filter(|_| stretch.cut).map(|event| event.seq);
            let head = Head { seq: last.unwrap_or(stretch.head.seq), ..stretch.head };
            let events = stretch.events.into_iter().filter(|event| until.is_none_or(|until| event.seq <= until));
            let frames = events.map(|event| Frame::Event(Rc::new(event))).collect();
            return Ok(Some(CatchUp { frames, head }));
        }
        let Some(mut catch_up) = self.snapshot(room, true).await? else { return Ok(None) };
        let head = catch_up.head.seq;
        let stance = self.stance(uid, head).await?;
        if self.until(room).is_some() {
            return Err(Refusal::Busy);
        }
        catch_up.frames.insert(1, Frame::Settings(stance.room, stance.head.seq));
        Ok(Some(catch_up))
    }
}

/// The frames after `since`, when the ring still has them all.
fn from_tail(place: &Place, since: Seq) -> Option<Vec<Frame>> {
    let tail = place.tail.borrow();
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
        let tail = self.place.tail.borrow();
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
    Leaves::after(event).is_some_and(|leaves| leaves.means(user))
}
