//! One connection and its socket: what the peer gets and when it is closed. Which events it gets is decided by
//! [`domain::delivery::viewer`]; the body of the response takes them whenever the socket can take more.

use crate::realtime::delivery::Delivery;
use crate::realtime::frame::Frame;
use crate::realtime::outgoing::{Batch, Outgoing, SendResult, SocketHandle, WriteQueue};
use crate::realtime::protocol::{Close, Server};
use crate::realtime::room::LocalRoom;
use domain::delivery::viewer::{Sink, Viewer};
use domain::model::audience::Recipient;
use domain::model::id::{RoomId, RoomUid, Seq};
use domain::model::login::{Ending, LoginId, ending};
use domain::model::time::Timestamp;
use domain::model::user::User;
use domain::service::{Caller, ClientInfo};
use std::cell::{Cell, Ref, RefCell};
use std::rc::{Rc, Weak};
use std::task::Waker;
use tokio::sync::Notify;

/// How long a peer may take to close after a close frame, in seconds.
const CLOSE_WAIT: u64 = 3;

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
    caller: RefCell<Option<Caller>>,
    /// The room that a message without one is meant for.
    pub last_room: RefCell<Option<RoomUid>>,
    /// Wakes the connection's task: the outbox has room, a cursor is behind, or the connection is gone.
    pub wake: Notify,
    viewer: RefCell<Viewer<LocalRoom, Frame>>,
    outgoing: Outgoing,
    /// Where it waits to be written to, and whether it does.
    queue: Rc<WriteQueue<Conn>>,
    is_queued: Cell<bool>,
    this: Weak<Conn>,
    /// Wakes the response's body, which ends when the connection is gone.
    body: RefCell<Option<Waker>>,
    phase: Cell<Phase>,
    heard: Cell<u64>,
    sent: Cell<u64>,
    /// Whether a text was handed to the socket since the last tick.
    sent_since_tick: Cell<bool>,
    pinged: Cell<Option<u64>>,
    /// Whether the client was told that its login is about to end.
    is_end_told: Cell<bool>,
}

impl Conn {
    /// A connection that was opened in this second, and writes to `socket`; nowhere without.
    pub fn new(
        id: u64,
        client: ClientInfo,
        second: u64,
        socket: Option<SocketHandle>,
        queue: Rc<WriteQueue<Conn>>,
    ) -> Rc<Conn> {
        Rc::new_cyclic(|this| Conn {
            id,
            client,
            caller: RefCell::default(),
            last_room: RefCell::default(),
            wake: Notify::new(),
            viewer: RefCell::default(),
            outgoing: Outgoing::new(socket),
            queue,
            is_queued: Cell::new(false),
            this: this.clone(),
            body: RefCell::default(),
            phase: Cell::new(Phase::Open),
            heard: Cell::new(second),
            sent: Cell::new(second),
            sent_since_tick: Cell::new(false),
            pinged: Cell::new(None),
            is_end_told: Cell::new(false),
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
        self.viewer.borrow_mut().send(frame);
        self.queue();
    }

    /// Whether the client must take answers before it may ask for more.
    pub fn is_full(&self) -> bool {
        self.viewer.borrow().is_full()
    }

    /// Has what there is for it written after what runs now.
    fn queue(&self) {
        if !self.is_queued.replace(true)
            && let Some(this) = self.this.upgrade()
        {
            self.queue.push(this);
        }
    }

    /// The head of the response is out, or the kernel takes more: what waits is written.
    pub fn open(&self) {
        self.outgoing.open();
        self.queue();
    }

    /// Waits until the kernel takes more, or the connection is gone.
    pub async fn wait_until_writable(&self) {
        self.outgoing.wait_until_writable().await;
    }

    /// Takes note of whom to wake when the connection is gone.
    pub fn set_body(&self, waker: &Waker) {
        let mut body = self.body.borrow_mut();
        if !body.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *body = Some(waker.clone());
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
            self.queue();
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
        self.outgoing.close();
        self.wake.notify_one();
        if let Some(body) = self.body.borrow_mut().take() {
            body.wake();
        }
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
            self.send(Frame::server(&Server::Ping {}));
        }
    }

    /// Once a second: says once that the login is about to end, and closes when it has.
    pub fn check_login(&self, now: Timestamp, second: u64) {
        let Some(expires_at) = self.login().and_then(LoginId::expires_at) else { return };
        match ending(expires_at, now) {
            Ending::Later => {}
            Ending::Soon(left) if !self.is_end_told.replace(true) => {
                self.send(Frame::server(&Server::AuthExpiring { expires_in: left.as_seconds_up() }));
            }
            Ending::Soon(_) => {}
            Ending::Over => self.close(Close::TokenExpired, second),
        }
    }

    /// Who is logged in on it.
    pub fn caller(&self) -> Ref<'_, Option<Caller>> {
        self.caller.borrow()
    }

    /// The login that it uses.
    pub fn login(&self) -> Option<LoginId> {
        self.caller.borrow().as_ref().map(|caller| caller.login)
    }

    /// It is somebody else from now on, or nobody; the rooms to be left at once, see [`Viewer::set_user`].
    pub fn set_caller(&self, caller: Option<Caller>) -> Vec<LocalRoom> {
        self.is_end_told.set(false);
        let user = caller.as_ref().map(|caller| (caller.user.id, caller.user.rank));
        *self.caller.borrow_mut() = caller;
        self.viewer.borrow_mut().set_user(user)
    }

    /// Its user has another name, picture or rank.
    pub fn update_user(&self, user: &User) {
        if let Some(caller) = &mut *self.caller.borrow_mut() {
            caller.user = user.clone();
        }
    }

    /// Enters a room with the cursor at `cursor`; moves the cursor when it is there already.
    pub fn join(&self, room: LocalRoom, recipient: Recipient, cursor: Seq) {
        self.viewer.borrow_mut().join(room, recipient, cursor);
        self.queue();
    }

    /// The user's rank in a room is known anew.
    pub fn set_recipient(&self, room: RoomId, recipient: Recipient) {
        self.viewer.borrow_mut().set_recipient(room, recipient);
    }

    /// Takes nothing more from that room's tail until it is joined, or (`false`) goes on from where it was.
    pub fn pause(&self, room: RoomId, paused: bool) {
        self.viewer.borrow_mut().pause(room, paused);
        self.queue();
    }

    /// Goes on in a room from this cursor.
    pub fn move_cursor(&self, room: RoomId, cursor: Seq) {
        self.viewer.borrow_mut().move_cursor(room, cursor);
        self.queue();
    }

    /// Whether it is in that room.
    pub fn is_in(&self, room: RoomId) -> bool {
        self.viewer.borrow().is_in(room)
    }

    /// Leaves a room at once; the room, if it was there.
    pub fn leave(&self, room: RoomId) -> Option<LocalRoom> {
        self.viewer.borrow_mut().leave(room)
    }

    /// The rooms it is in.
    pub fn rooms(&self) -> Vec<LocalRoom> {
        self.viewer.borrow().rooms().cloned().collect()
    }

    /// A room whose tail no longer has what comes next, the cursor from where it is missed, and as whom it is read.
    pub fn behind(&self) -> Option<(LocalRoom, Seq, Recipient)> {
        if self.is_closing() { None } else { self.viewer.borrow().behind() }
    }

    /// Writes what there is for it: answers first, then what lies after the cursors. `batch` is the worker's; `left` receives
    /// rooms that the client is out of now.
    pub fn write(&self, batch: &mut Batch, left: &mut Vec<LocalRoom>) -> Written {
        self.is_queued.set(false);
        let mut written = Written::default();
        while self.outgoing.is_open() && !self.is_gone() {
            batch.clear();
            self.outgoing.add_rest(batch);
            if batch.is_empty() {
                self.fill(batch, left);
            }
            if batch.is_empty() {
                if matches!(self.phase.get(), Phase::Leaving(_)) {
                    self.cut();
                }
                break;
            }
            match self.outgoing.send(batch) {
                SendResult::All => written.bytes += batch.len(),
                SendResult::Some(sent) => {
                    written.bytes += sent;
                    written.is_blocked = true;
                }
                SendResult::Broken => self.cut(),
            }
        }
        written
    }

    /// What the socket gets next.
    fn fill(&self, batch: &mut Batch, left: &mut Vec<LocalRoom>) {
        let mut viewer = self.viewer.borrow_mut();
        let was_full = viewer.is_full();
        while !batch.is_full()
            && let Some(Frame(bytes)) = viewer.take_answer()
        {
            batch.add(&bytes);
        }
        if was_full && !viewer.is_full() {
            self.wake.notify_one();
        }
        if self.is_closing() || batch.is_full() {
            return;
        }
        let before = batch.len();
        let taken = viewer.take(batch);
        left.extend(taken.left);
        if taken.fell_behind {
            self.wake.notify_one();
        }
        if batch.len() > before {
            self.sent_since_tick.set(true);
        }
    }
}

/// What a connection wrote.
#[derive(Debug, Default)]
pub struct Written {
    pub bytes: usize,
    /// Whether the kernel takes no more for now: see [`Conn::wait_until_writable`].
    pub is_blocked: bool,
}

impl Sink<LocalRoom> for Batch {
    fn is_full(&self) -> bool {
        Batch::is_full(self)
    }

    fn deliver(&mut self, _: &LocalRoom, delivery: &Delivery) {
        self.add(&delivery.websocket().0);
    }

    fn deliver_ephemeral(&mut self, room: &LocalRoom, after: u64) -> u64 {
        room.ephemeral_after(after, |frame| self.add(&frame.0))
    }
}

#[cfg(test)]
mod tests;
