//! One connection, as pure code: what waits to be sent to it, and its cursors into the rooms that it is in.
//!
//! Broadcasts are never queued here. Whoever drives it takes what waits in the outbox first, then what lies after the
//! cursors, whenever the peer can take more; a peer that does not read costs its outbox (bounded) and its cursors.

use crate::delivery::latest::Latest;
use crate::delivery::tail::{PeopleVersion, Read, Tail, Weight};
use crate::model::audience::Recipient;
use crate::model::event::Event;
use crate::model::id::{RoomId, Seq, UserId};
use crate::model::rank::Rank;
use std::collections::VecDeque;
use std::sync::Arc;

/// Above this many bytes of answers not taken yet, nothing more is read from the client.
pub const OUTBOX_FULL: usize = 64 * 1024;

/// A room of a node, shared by all who are in it there.
pub trait LiveRoom: Clone {
    /// An event in the tail, with what a node keeps beside it.
    type Delivery: AsRef<Event> + Weight + Clone;

    /// Which room it is.
    fn id(&self) -> RoomId;

    /// Reads the room's tail.
    fn with_tail<T>(&self, read: impl FnOnce(&Tail<Self::Delivery>) -> T) -> T;

    /// Keeps the latest messages for those who enter next: see [`Tail::keep_latest`].
    fn keep_latest(&self, latest: &Arc<Latest>, people: PeopleVersion);

    /// The number of the latest ephemeral frame.
    fn latest_ephemeral(&self) -> u64 {
        0
    }
}

/// Where a viewer's deliveries go.
pub trait Sink<R: LiveRoom> {
    /// Whether it can take no more for now.
    fn is_full(&self) -> bool;

    /// Takes an event of a room, each room's in the order of their seq.
    fn deliver(&mut self, room: &R, delivery: &R::Delivery);

    /// Takes the room's ephemeral frames after this number; the number of the last one taken.
    fn deliver_ephemeral(&mut self, room: &R, after: u64) -> u64 {
        let _ = room;
        after
    }
}

/// A room that a connection is in.
#[derive(Debug)]
struct Joined<R> {
    room: R,
    recipient: Recipient,
    /// Up to where the client has the log.
    cursor: Seq,
    /// Up to where it has the ephemeral frames.
    ephemeral: u64,
    /// Whether it takes nothing from the tail, because what comes before is being read from the store.
    paused: bool,
    /// Whether the tail no longer has what comes next.
    behind: bool,
    /// Whether an event that was delivered took it out of the room.
    removed: bool,
}

/// What [`Viewer::take`] changed besides the cursors.
#[derive(Debug)]
pub struct Taken<R> {
    /// Rooms that the client is out of now.
    pub left: Vec<R>,
    /// Whether a tail no longer has what comes next: see [`Viewer::behind`].
    pub fell_behind: bool,
}

/// A connection's outbox and rooms. `A` is an answer, ready to be sent.
#[derive(Debug)]
pub struct Viewer<R, A> {
    user: Option<UserId>,
    outbox: VecDeque<A>,
    outbox_bytes: usize,
    rooms: Vec<Joined<R>>,
}

impl<R, A> Default for Viewer<R, A> {
    fn default() -> Viewer<R, A> {
        Viewer { user: None, outbox: VecDeque::new(), outbox_bytes: 0, rooms: Vec::new() }
    }
}

impl<R: LiveRoom, A: Weight> Viewer<R, A> {
    /// The connection is from now on of this user, with the rank held everywhere, or of nobody. The rooms that whoever it is
    /// may not read, as far as that tells: to be left before anything else is delivered. Ranks held in rooms are told by
    /// [`Self::set_recipient`].
    pub fn set_user(&mut self, user: Option<(UserId, Rank)>) -> Vec<R> {
        let (id, rank) = user.unzip();
        if self.user != id {
            self.user = id;
            for joined in &mut self.rooms {
                let least_rank = joined.recipient.least_rank;
                joined.recipient = Recipient { user: id, rank, least_rank, ..Recipient::default() };
            }
        }
        self.rooms.iter().filter(|joined| !joined.recipient.may_read()).map(|joined| joined.room.clone()).collect()
    }

    /// Queues an answer or a snapshot.
    pub fn send(&mut self, answer: A) {
        self.outbox_bytes += answer.weight();
        self.outbox.push_back(answer);
    }

    /// The next answer to be sent.
    pub fn take_answer(&mut self) -> Option<A> {
        let answer = self.outbox.pop_front()?;
        self.outbox_bytes -= answer.weight();
        Some(answer)
    }

    /// Whether the client must take answers before it may ask for more.
    pub fn is_full(&self) -> bool {
        self.outbox_bytes >= OUTBOX_FULL
    }

    /// Enters a room with the cursor at `cursor`; moves the cursor when it is there already.
    pub fn join(&mut self, room: R, recipient: Recipient, cursor: Seq) {
        let ephemeral = self.joined(room.id()).map_or_else(|| room.latest_ephemeral(), |joined| joined.ephemeral);
        self.leave(room.id());
        self.rooms.push(Joined { room, recipient, cursor, ephemeral, paused: false, behind: false, removed: false });
    }

    /// Leaves a room at once; the room, if it was there.
    pub fn leave(&mut self, room: RoomId) -> Option<R> {
        let at = self.rooms.iter().position(|joined| joined.room.id() == room)?;
        Some(self.rooms.remove(at).room)
    }

    /// The user's rank in a room is known anew.
    pub fn set_recipient(&mut self, room: RoomId, recipient: Recipient) {
        if let Some(joined) = self.joined_mut(room) {
            joined.recipient = recipient;
        }
    }

    /// Takes nothing from a room's tail until it is joined again, or (`false`) goes on from where it was.
    pub fn pause(&mut self, room: RoomId, paused: bool) {
        if let Some(joined) = self.joined_mut(room) {
            joined.paused = paused;
        }
    }

    /// Goes on in a room from this cursor.
    pub fn move_cursor(&mut self, room: RoomId, cursor: Seq) {
        if let Some(joined) = self.joined_mut(room) {
            joined.cursor = cursor;
            joined.behind = false;
        }
    }

    /// The rooms it is in.
    pub fn rooms(&self) -> impl Iterator<Item = &R> {
        self.rooms.iter().map(|joined| &joined.room)
    }

    /// Whether it is in that room.
    pub fn is_in(&self, room: RoomId) -> bool {
        self.joined(room).is_some()
    }

    /// Up to where the client has that room's log, and as whom it reads it.
    pub fn cursor(&self, room: RoomId) -> Option<(Seq, Recipient)> {
        self.joined(room).map(|joined| (joined.cursor, joined.recipient))
    }

    /// A room whose tail no longer has what comes next, with the cursor from where it is missed. One at a time, and none
    /// while the outbox is full.
    pub fn behind(&self) -> Option<(R, Seq, Recipient)> {
        if self.is_full() {
            return None;
        }
        let joined = self.rooms.iter().find(|joined| joined.behind)?;
        Some((joined.room.clone(), joined.cursor, joined.recipient))
    }

    /// Moves the cursors on as far as `sink` takes events.
    pub fn take(&mut self, sink: &mut impl Sink<R>) -> Taken<R> {
        let mut taken = Taken { left: Vec::new(), fell_behind: false };
        for joined in &mut self.rooms {
            if sink.is_full() {
                break;
            }
            taken.fell_behind |= joined.take(sink);
        }
        self.rooms.retain(|joined| {
            if joined.removed {
                taken.left.push(joined.room.clone());
            }
            !joined.removed
        });
        // The room that was read first is read last the next time.
        if self.rooms.len() > 1 {
            self.rooms.rotate_left(1);
        }
        taken
    }

    fn joined(&self, room: RoomId) -> Option<&Joined<R>> {
        self.rooms.iter().find(|joined| joined.room.id() == room)
    }

    fn joined_mut(&mut self, room: RoomId) -> Option<&mut Joined<R>> {
        self.rooms.iter_mut().find(|joined| joined.room.id() == room)
    }
}

impl<R: LiveRoom> Joined<R> {
    /// Hands on what lies after the cursor; true when the tail no longer has it.
    fn take(&mut self, sink: &mut impl Sink<R>) -> bool {
        if self.behind || self.paused {
            return false;
        }
        let Joined { room, recipient, cursor, behind, removed, .. } = self;
        room.with_tail(|tail| {
            while !sink.is_full() && !*removed {
                match tail.read(*cursor) {
                    Read::Frame(seq, delivery) => {
                        let event: &Event = delivery.as_ref();
                        if event.audience().includes(*recipient) {
                            sink.deliver(room, delivery);
                        }
                        *removed = event.removes(*recipient);
                        *recipient = recipient.after(event);
                        *cursor = seq;
                    }
                    Read::Level(head) => {
                        *cursor = head;
                        break;
                    }
                    Read::Behind => {
                        *behind = true;
                        break;
                    }
                }
            }
        });
        if !self.behind && !self.removed {
            self.ephemeral = sink.deliver_ephemeral(&self.room, self.ephemeral);
        }
        self.behind
    }
}
