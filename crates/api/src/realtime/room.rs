//! A room as one worker knows it: the tail of its log, and the ephemeral frames that are in no log.

use crate::realtime::frame::Frame;
use domain::delivery::tail::Tail;
use domain::model::id::{RoomId, RoomUid, Seq};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

/// A slow connection may miss ephemeral frames: only the latest are kept.
const EPHEMERAL_KEPT: usize = 32;

/// A room as this worker knows it.
pub struct LocalRoom {
    pub id: RoomId,
    /// The name for machines.
    pub uid: RoomUid,
    /// The latest frames.
    pub tail: RefCell<Tail<Frame>>,
    ephemeral: RefCell<VecDeque<(u64, Frame)>>,
    latest: Cell<u64>,
}

impl LocalRoom {
    /// A room whose log is followed from after `head`.
    pub fn after(id: RoomId, uid: RoomUid, head: Seq) -> LocalRoom {
        let tail = RefCell::new(Tail::after(head));
        LocalRoom { id, uid, tail, ephemeral: RefCell::default(), latest: Cell::new(0) }
    }

    /// The number of the latest ephemeral frame.
    pub fn latest_ephemeral(&self) -> u64 {
        self.latest.get()
    }

    /// The ephemeral frames after that number.
    pub fn ephemeral_after(&self, number: u64) -> Vec<(u64, Frame)> {
        if number == self.latest.get() {
            return Vec::new();
        }
        self.ephemeral.borrow().iter().filter(|(at, _)| *at > number).cloned().collect()
    }

    /// Adds an ephemeral frame.
    pub fn push_ephemeral(&self, frame: Frame) {
        let number = self.latest.get() + 1;
        self.latest.set(number);
        let mut ephemeral = self.ephemeral.borrow_mut();
        ephemeral.push_back((number, frame));
        if ephemeral.len() > EPHEMERAL_KEPT {
            ephemeral.pop_front();
        }
    }
}
