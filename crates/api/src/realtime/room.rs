//! A room as one worker knows it: the tail of its log, and the notes that are in no log.

use crate::realtime::frame::Frame;
use domain::delivery::tail::Tail;
use domain::model::id::{RoomId, RoomUid, Seq};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

/// Notes that a slow connection may miss: only the latest are kept.
const NOTES_KEPT: usize = 32;

/// A room as this worker knows it.
pub struct LocalRoom {
    pub id: RoomId,
    /// The name for machines.
    pub uid: RoomUid,
    /// The latest frames.
    pub tail: RefCell<Tail<Frame>>,
    notes: RefCell<VecDeque<(u64, Frame)>>,
    next_note: Cell<u64>,
}

impl LocalRoom {
    /// A room whose log is followed from after `head`.
    pub fn after(id: RoomId, uid: RoomUid, head: Seq) -> LocalRoom {
        let tail = RefCell::new(Tail::after(head));
        LocalRoom { id, uid, tail, notes: RefCell::default(), next_note: Cell::new(0) }
    }

    /// The number of the latest note.
    pub fn latest_note(&self) -> u64 {
        self.next_note.get()
    }

    /// The notes after that number.
    pub fn notes_after(&self, number: u64) -> Vec<(u64, Frame)> {
        if number == self.next_note.get() {
            return Vec::new();
        }
        self.notes.borrow().iter().filter(|(at, _)| *at > number).cloned().collect()
    }

    /// Adds a note.
    pub fn note(&self, frame: Frame) {
        let number = self.next_note.get() + 1;
        self.next_note.set(number);
        let mut notes = self.notes.borrow_mut();
        notes.push_back((number, frame));
        if notes.len() > NOTES_KEPT {
            notes.pop_front();
        }
    }
}
