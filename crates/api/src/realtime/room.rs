//! A room as one worker knows it: the tail of its log, and the ephemeral frames that are in no log.

use crate::realtime::delivery::Delivery;
use crate::realtime::frame::Frame;
use domain::delivery::latest::Latest;
use domain::delivery::tail::{PeopleVersion, Tail};
use domain::delivery::viewer::LiveRoom;
use domain::model::event::{Event, EventKind};
use domain::model::id::{RoomId, RoomUid, Seq, UserId};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

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
    /// The frame of the tail's latest messages, and the head that it is of.
    latest_frame: RefCell<Option<(Seq, Frame)>>,
    /// The frame of some who are here, when there are more than are told.
    users: RefCell<Option<Frame>>,
    ephemeral: RefCell<VecDeque<(u64, Frame)>>,
    latest: Cell<u64>,
}

impl LocalRoom {
    /// A room whose log is followed from after `head`.
    pub fn after(id: RoomId, uid: RoomUid, head: Seq) -> LocalRoom {
        let tail = RefCell::new(Tail::after(head));
        LocalRoom(Rc::new(SharedRoom {
            id,
            uid,
            tail,
            latest_frame: RefCell::default(),
            users: RefCell::default(),
            ephemeral: RefCell::default(),
            latest: Cell::new(0),
        }))
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
            if matches!(delivery.as_ref().kind, EventKind::Moderated { .. }) {
                self.forget_users();
            }
        }
        tail.cover(head);
    }

    /// The frame of these latest messages, made once for all who enter at one head.
    pub fn latest_frame(&self, latest: &Arc<Latest>, make: impl FnOnce(&Latest) -> Frame) -> Frame {
        if !self.0.tail.borrow().latest().is_some_and(|kept| Arc::ptr_eq(kept, latest)) {
            return make(latest);
        }
        let mut known = self.0.latest_frame.borrow_mut();
        match &*known {
            Some((head, frame)) if *head == latest.head().seq => frame.clone(),
            _ => known.insert((latest.head().seq, make(latest))).1.clone(),
        }
    }

    /// The frame of some who are here, if it was made lately.
    pub fn users_frame(&self) -> Option<Frame> {
        self.0.users.borrow().clone()
    }

    /// Keeps the frame of who is here for those who enter next: of one that does not hold all it is of no matter whom.
    pub fn keep_users_frame(&self, frame: Frame) {
        *self.0.users.borrow_mut() = Some(frame);
    }

    /// Forgets the list of who is here: ranks may have changed.
    pub fn forget_users(&self) {
        *self.0.users.borrow_mut() = None;
    }

    /// Somebody has another name, picture or rank, or is gone.
    pub fn change_user(&self, user: UserId) {
        self.0.tail.borrow_mut().change_user(user);
        *self.0.latest_frame.borrow_mut() = None;
        self.forget_users();
    }

    /// Has the latest messages read again for who enters next.
    pub fn forget_latest(&self) {
        self.0.tail.borrow_mut().forget_latest();
        *self.0.latest_frame.borrow_mut() = None;
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

    fn keep_latest(&self, latest: &Arc<Latest>, people: PeopleVersion) {
        self.0.tail.borrow_mut().keep_latest(latest, people);
        *self.0.latest_frame.borrow_mut() = None;
    }

    fn latest_ephemeral(&self) -> u64 {
        self.0.latest.get()
    }
}
