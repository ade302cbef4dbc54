//! A bus that remembers what it was given.

use domain::model::event::{Event, EventKind};
use domain::model::id::{RoomId, Seq};
use domain::ports::bus::{Bus, Notice};
use std::sync::{Mutex, MutexGuard};

/// Keeps every event and notice in the order in which they came.
#[derive(Debug, Default)]
pub struct RecordingBus {
    events: Mutex<Vec<Event>>,
    notices: Mutex<Vec<Notice>>,
}

impl RecordingBus {
    /// All events so far.
    pub fn events(&self) -> Vec<Event> {
        lock(&self.events).clone()
    }

    /// The events of one room so far.
    pub fn events_of(&self, room: RoomId) -> Vec<Event> {
        lock(&self.events).iter().filter(|event| event.room == room).cloned().collect()
    }

    /// The places of one room's events, in the order in which they came.
    pub fn seqs_of(&self, room: RoomId) -> Vec<Seq> {
        lock(&self.events).iter().filter(|event| event.room == room).map(|event| event.seq).collect()
    }

    /// What happened in the events since the last call; they are forgotten.
    pub fn drain(&self) -> Vec<EventKind> {
        lock(&self.events).drain(..).map(|event| event.kind).collect()
    }

    /// All notices so far.
    pub fn notices(&self) -> Vec<Notice> {
        lock(&self.notices).clone()
    }

    /// Whether nothing came at all.
    pub fn is_silent(&self) -> bool {
        lock(&self.events).is_empty() && lock(&self.notices).is_empty()
    }

    /// Forgets everything.
    pub fn clear(&self) {
        lock(&self.events).clear();
        lock(&self.notices).clear();
    }
}

impl Bus for RecordingBus {
    fn publish(&self, events: Vec<Event>) {
        lock(&self.events).extend(events);
    }

    fn announce(&self, notice: Notice) {
        lock(&self.notices).push(notice);
    }
}

fn lock<T>(list: &Mutex<Vec<T>>) -> MutexGuard<'_, Vec<T>> {
    list.lock().expect("no test panics while it holds this lock")
}
