//! One connection: its outbox, and its cursors into the tails of its rooms.
//!
//! Nothing is queued here for broadcasts. The body of the response copies what lies after the cursors whenever the
//! socket can take more; a peer that does not read costs its outbox (bounded) and its cursors.

use crate::realtime::frame::Frame;
use crate::realtime::protocol::Close;
use crate::realtime::room::LocalRoom;
use bytes::{Bytes, BytesMut};
use domain::delivery::tail::Read;
use domain::model::id::{RoomId, RoomUid, Seq};
use domain::service::{Caller, ClientInfo};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use tokio::sync::Notify;

/// Above this many bytes of answers not taken yet, nothing more is read from the client.
const OUTBOX_FULL: usize = 64 * 1024;

/// The most bytes copied to the socket at once, so that one connection does not delay the others.
const COPY_MAX: usize = 64 * 1024;

/// How long a peer may take to close after a close frame, in seconds.
const CLOSE_WAIT: u64 = 3;

/// A room that a connection is in.
pub struct Joined {
    /// The room's tail on this worker.
    pub room: Rc<LocalRoom>,
    /// Up to where the client has the log.
    pub cursor: Seq,
    /// Up to where it has the ephemeral frames.
    pub ephemeral: u64,
    /// The event after which it is out.
    pub until: Option<Seq>,
    /// Whether it takes nothing from the tail, because what comes before is being read from the store.
    pub paused: bool,
    /// Whether the tail no longer has what comes next.
    pub behind: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// The close frame is in the outbox since this second.
    Closing(u64),
    /// The peer has said goodbye too, in this second: what is in the outbox goes out, and that is it.
    Leaving(u64),
    Gone,
}

pub struct Conn {
    /// Its number in this process.
    pub id: u64,
    /// Where it comes from.
    pub client: ClientInfo,
    pub caller: RefCell<Option<Caller>>,
    /// The room that a message without one is meant for.
    pub last_room: RefCell<Option<RoomUid>>,
    /// Wakes the connection's task: the outbox has room, a cursor is behind, or the connection is gone.
    pub wake: Notify,
    outbox: RefCell<Outbox>,
    rooms: RefCell<Vec<Joined>>,
    body: RefCell<Option<Waker>>,
    phase: Cell<Phase>,
    heard: Cell<u64>,
    sent: Cell<u64>,
    /// Whether a text was handed to the socket since the last tick.
    sent_since_tick: Cell<bool>,
    pinged: Cell<Option<u64>>,
}

#[derive(Default)]
struct Outbox {
    frames: VecDeque<Bytes>,
    bytes: usize,
}

impl Conn {
    /// A connection that was opened in this second.
    pub fn new(id: u64, client: ClientInfo, second: u64) -> Rc<Conn> {
        Rc::new(Conn {
            id,
            client,
            caller: RefCell::default(),
            last_room: RefCell::default(),
            wake: Notify::new(),
            outbox: RefCell::default(),
            rooms: RefCell::default(),
            body: RefCell::default(),
            phase: Cell::new(Phase::Open),
            heard: Cell::new(second),
            sent: Cell::new(second),
            sent_since_tick: Cell::new(false),
            pinged: Cell::new(None),
        })
    }

    /// Queues an answer or snapshot, unless the connection is closing.
    pub fn send(&self, frame: Frame) {
        if self.phase.get() == Phase::Open {
            self.push(frame);
        }
    }

    fn push(&self, frame: Frame) {
        if frame.is_text() {
            self.sent_since_tick.set(true);
        }
        let outbox = &mut *self.outbox.borrow_mut();
        outbox.bytes += frame.0.len();
        outbox.frames.push_back(frame.0);
        self.wake_body();
    }

    /// Whether the client must take answers before it may ask for more.
    pub fn is_full(&self) -> bool {
        self.outbox.borrow().bytes >= OUTBOX_FULL
    }

    /// Lets the body look for something to copy.
    pub fn wake_body(&self) {
        if let Some(waker) = self.body.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Sends a close frame, and nothing after it.
    pub fn close(&self, close: Close, second: u64) {
        if self.phase.get() == Phase::Open {
            self.push(Frame::close(close));
            self.phase.set(Phase::Closing(second));
            self.wake.notify_one();
        }
    }

    /// The peer sent a close frame: it gets ours, and the socket ends.
    pub fn hear_close(&self, second: u64) {
        self.close(Close::Normal, second);
        if !self.is_gone() {
            self.phase.set(Phase::Leaving(second));
            self.wake_body();
        }
    }

    /// Whether nothing more will be sent.
    pub fn is_closing(&self) -> bool {
        self.phase.get() != Phase::Open
    }

    /// Whether the socket is gone.
    pub fn is_gone(&self) -> bool {
        self.phase.get() == Phase::Gone
    }

    /// The socket is gone, or shall be cut.
    pub fn cut(&self) {
        self.phase.set(Phase::Gone);
        self.wake.notify_one();
        self.wake_body();
    }

    /// Something was heard from the client.
    pub fn record_activity(&self, second: u64) {
        self.heard.set(second);
        self.pinged.set(None);
    }

    /// Once a second: signs of life. `heartbeat` and `pong_timeout` are in seconds.
    pub fn tick(&self, second: u64, heartbeat: u64, pong_timeout: u64) {
        if self.sent_since_tick.take() {
            self.sent.set(second);
        }
        match self.phase.get() {
            Phase::Closing(since) | Phase::Leaving(since) if second >= since + CLOSE_WAIT => return self.cut(),
            Phase::Open => {}
            _ => return,
        }
        match self.pinged.get() {
            Some(at) if second >= at + pong_timeout => self.close(Close::TooSlow, second),
            None if second >= self.heard.get() + heartbeat => {
                self.pinged.set(Some(second));
                self.push(Frame::control_ping());
            }
            _ => {}
        }
        // Browsers do not show control frames to pages: a page that hears nothing must know that it still could.
        if second >= self.sent.get() + heartbeat {
            self.send(Frame::server(&crate::realtime::protocol::Server::Ping {}));
        }
    }

    /// Enters a room with the cursor at `cursor`; moves the cursor when it is there already.
    pub fn join(&self, room: Rc<LocalRoom>, cursor: Seq) {
        let ephemeral = room.latest_ephemeral();
        let mut rooms = self.rooms.borrow_mut();
        match rooms.iter_mut().find(|joined| joined.room.id == room.id) {
            Some(joined) => {
                joined.cursor = cursor;
                joined.until = None;
                joined.paused = false;
                joined.behind = false;
            }
            None => rooms.push(Joined { room, cursor, ephemeral, until: None, paused: false, behind: false }),
        }
        drop(rooms);
        self.wake_body();
    }

    /// Takes nothing more from that room's tail until the cursor is set, or (`false`) goes on from where it was.
    pub fn pause(&self, room: RoomId, paused: bool) {
        if let Some(joined) = self.rooms.borrow_mut().iter_mut().find(|joined| joined.room.id == room) {
            joined.paused = paused;
        }
        self.wake_body();
    }

    /// How many rooms it is in.
    pub fn room_count(&self) -> usize {
        self.rooms.borrow().len()
    }

    /// The event after which it is out of that room, when there is one.
    pub fn until(&self, room: RoomId) -> Option<Seq> {
        self.rooms.borrow().iter().find(|joined| joined.room.id == room)?.until
    }

    /// Goes on in a room from this cursor.
    pub fn move_cursor(&self, room: RoomId, cursor: Seq) {
        if let Some(joined) = self.rooms.borrow_mut().iter_mut().find(|joined| joined.room.id == room) {
            joined.cursor = cursor;
            joined.behind = false;
        }
        self.wake_body();
    }

    /// Whether it is in that room.
    pub fn is_in(&self, room: RoomId) -> bool {
        self.rooms.borrow().iter().any(|joined| joined.room.id == room)
    }

    /// Leaves a room at once; the room, if it was there.
    pub fn leave(&self, uid: &RoomUid) -> Option<Rc<LocalRoom>> {
        let mut rooms = self.rooms.borrow_mut();
        let at = rooms.iter().position(|joined| joined.room.uid == *uid)?;
        Some(rooms.remove(at).room)
    }

    /// Leaves a room once the client has the event at `seq`.
    pub fn leave_after(&self, room: RoomId, seq: Seq) {
        let mut rooms = self.rooms.borrow_mut();
        // What the cursor has passed was known when it was set.
        if let Some(joined) = rooms.iter_mut().find(|joined| joined.room.id == room && joined.cursor < seq) {
            joined.until = Some(joined.until.map_or(seq, |until| until.min(seq)));
        }
    }

    /// The rooms it is in.
    pub fn rooms(&self) -> Vec<Rc<LocalRoom>> {
        self.rooms.borrow().iter().map(|joined| joined.room.clone()).collect()
    }

    /// A room whose frames the ring no longer has, with the cursor from where they are missed.
    pub fn behind(&self) -> Option<(Rc<LocalRoom>, Seq)> {
        // One at a time, and none while there is no room for it, or no use.
        if self.is_full() || self.is_closing() {
            return None;
        }
        let rooms = self.rooms.borrow();
        rooms.iter().find(|joined| joined.behind).map(|joined| (joined.room.clone(), joined.cursor))
    }

    /// What the socket gets next: answers first, then what lies after the cursors. `left` receives rooms that the
    /// client is out of now.
    pub fn poll_bytes(&self, cx: &mut Context<'_>, left: &mut Vec<Rc<LocalRoom>>) -> Poll<Option<Bytes>> {
        if self.is_gone() {
            return Poll::Ready(None);
        }
        let answers = self.take_answers();
        let next = match answers {
            Some(bytes) => Some(bytes),
            None if self.is_closing() => None,
            None => self.take_frames(left),
        };
        match next {
            Some(bytes) => Poll::Ready(Some(bytes)),
            // The bytes handed out before are written when the body is pending, and only then: end it the next time.
            None if matches!(self.phase.get(), Phase::Leaving(_)) => {
                self.phase.set(Phase::Gone);
                self.wake.notify_one();
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            None => {
                *self.body.borrow_mut() = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn take_answers(&self) -> Option<Bytes> {
        let outbox = &mut *self.outbox.borrow_mut();
        let was_full = outbox.bytes >= OUTBOX_FULL;
        let bytes = outbox.frames.pop_front()?;
        outbox.bytes -= bytes.len();
        if was_full && outbox.bytes < OUTBOX_FULL {
            self.wake.notify_one();
        }
        Some(bytes)
    }

    fn take_frames(&self, left: &mut Vec<Rc<LocalRoom>>) -> Option<Bytes> {
        let mut copied = Copied::default();
        let mut rooms = self.rooms.borrow_mut();
        for joined in rooms.iter_mut() {
            if copied.bytes >= COPY_MAX {
                break;
            }
            if joined.copy_into(&mut copied) {
                self.wake.notify_one();
            }
        }
        rooms.retain(|joined| {
            let out = joined.until.is_some_and(|until| joined.cursor >= until);
            if out {
                left.push(joined.room.clone());
            }
            !out
        });
        // The room that was read first is read last the next time.
        if rooms.len() > 1 {
            rooms.rotate_left(1);
        }
        let bytes = copied.finish();
        if bytes.is_some() {
            self.sent_since_tick.set(true);
        }
        bytes
    }
}

/// Frames gathered for one write. A single one is shared, not copied.
#[derive(Default)]
struct Copied {
    first: Option<Bytes>,
    rest: BytesMut,
    bytes: usize,
}

impl Copied {
    fn add(&mut self, frame: &Frame) {
        self.bytes += frame.0.len();
        match &self.first {
            None => self.first = Some(frame.0.clone()),
            Some(first) => {
                if self.rest.is_empty() {
                    self.rest.extend_from_slice(first);
                }
                self.rest.extend_from_slice(&frame.0);
            }
        }
    }

    fn finish(self) -> Option<Bytes> {
        if self.rest.is_empty() { self.first } else { Some(self.rest.freeze()) }
    }
}

impl Joined {
    /// Copies what lies after the cursor; true when the ring no longer has it.
    fn copy_into(&mut self, copied: &mut Copied) -> bool {
        if self.behind || self.paused {
            return false;
        }
        let tail = self.room.tail.borrow();
        while copied.bytes < COPY_MAX && self.until.is_none_or(|until| self.cursor < until) {
            match tail.read(self.cursor) {
                Read::Frame(seq, frame) => {
                    copied.add(frame);
                    self.cursor = seq;
                }
                Read::Level(head) => {
                    self.cursor = head;
                    break;
                }
                Read::Behind => {
                    self.behind = true;
                    return true;
                }
            }
        }
        for (number, frame) in self.room.ephemeral_after(self.ephemeral) {
            copied.add(&frame);
            self.ephemeral = number;
        }
        false
    }
}

#[cfg(test)]
mod tests;
