//! A room as one worker knows it: the tail of its log, and the ephemeral frames that are in no log.

use crate::realtime::delivery::Delivery;
use crate::realtime::frame::Frame;
use domain::delivery::tail::Tail;
use domain::delivery::viewer::LiveRoom;
use domain::model::event::Event;
use domain::model::id::{RoomId, RoomUid, Seq};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

/// A slow connection may miss ephemeral frames: only the latest are kept.
const EPHEMERAL_KEPT: usize = 32;

/// A room as this worker knows it: a handle that all who are in it share.
#[derive(Clone, Debug)]
pub struct LocalRoom(Rc<SharedRoom>);

#[derive(Debug)]
struct SharedRoom {
    id: RoomId,
    uid: RoomUid,
    tail: RefCell<Tail<Delivery>>,
    ephemeral: RefCell<VecDeque<(u64, Frame)>>,
    latest: Cell<u64>,
}

impl LocalRoom {
    /// A room whose log is followed from after `head`.
    pub fn after(id: RoomId, uid: RoomUid, head: Seq) -> LocalRoom {
        let tail = RefCell::new(Tail::after(head));
        LocalRoom(Rc::new(SharedRoom { id, uid, tail, ephemeral: RefCell::default(), latest: Cell::new(0) }))
    }

    /// The name for machines.
    pub fn uid(&self) -> &RoomUid {
        &self.0.uid
    }

    /// Whether nobody else holds it.
    pub fn is_unused(&self) -> bool {
        Rc::strong_count(&self.0) == 1
    }

    /// Adds the next events; after them everything up to `head` is known.
    pub fn push(&self, deliveries: &[Delivery], head: Seq) {
        let mut tail = self.0.tail.borrow_mut();
        for delivery in deliveries {
            let seq = AsRef::<Event>::as_ref(delivery).seq;
            if seq > tail.head() {
                tail.push(seq, delivery.clone());
            }
        }
        tail.cover(head);
    }

    /// Adds an ephemeral frame.
    pub fn push_ephemeral(&self, frame: Frame) {
        let number = self.0.latest.get() + 1;
        self.0.latest.set(number);
        let mut ephemeral = self.0.ephemeral.borrow_mut();
        ephemeral.push_back((number, frame));
        if ephemeral.len() > EPHEMERAL_KEPT {
            ephemeral.pop_front();
        }
    }

    /// Hands the ephemeral frames after that number to `take`; the number of the last one.
    pub fn ephemeral_after(&self, number: u64, mut take: impl FnMut(&Frame)) -> u64 {
        if number < self.0.latest.get() {
            let ephemeral = self.0.ephemeral.borrow();
            ephemeral.iter().filter(|(at, _)| *at > number).for_each(|(_, frame)| take(frame));
        }
        self.0.latest.get()
    }
}

impl LiveRoom for LocalRoom {
    type Delivery = Delivery;

    fn id(&self) -> RoomId {
        self.0.id
    }

    fn with_tail<T>(&self, read: impl FnOnce(&Tail<Delivery>) -> T) -> T {
        read(&self.0.tail.borrow())
    }

    fn latest_ephemeral(&self) -> u64 {
        self.0.latest.get()
    }
}
