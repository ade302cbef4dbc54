//! A bus that remembers what it was given.

use async_trait::async_trait;
use domain::model::event::{Event, EventKind};
use domain::model::id::{RoomId, Seq};
use domain::ports::bus::{Bus, BusMessage, Committed, Notice, Subscription, Wait};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Notify;

/// How many messages a subscriber may be behind.
const CAPACITY: usize = 4096;

/// Keeps every event and notice in the order in which they came, and hands them to its subscribers.
#[derive(Debug, Default)]
pub struct RecordingBus {
    events: Mutex<Vec<Event>>,
    notices: Mutex<Vec<Notice>>,
    subscribers: Mutex<Vec<Arc<Queue>>>,
}

#[derive(Debug, Default)]
struct Queue {
    messages: Mutex<VecDeque<BusMessage>>,
    arrived: Notify,
}

impl Queue {
    fn push(&self, message: BusMessage) {
        let mut messages = lock(&self.messages);
        if messages.len() >= CAPACITY {
            messages.pop_front();
            messages[0] = BusMessage::Lost;
        }
        messages.push_back(message);
        self.arrived.notify_one();
    }
}

struct QueueSubscription(Arc<Queue>);

#[async_trait]
impl Subscription for QueueSubscription {
    async fn next(&mut self) -> Option<BusMessage> {
        loop {
            if let Some(message) = self.try_next() {
                return Some(message);
            }
            self.0.arrived.notified().await;
        }
    }

    fn try_next(&mut self) -> Option<BusMessage> {
        lock(&self.0.messages).pop_front()
    }
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

    /// Says to every subscriber that something was lost.
    pub fn lose(&self) {
        self.hand_on(BusMessage::Lost);
    }

    fn hand_on(&self, message: BusMessage) {
        lock(&self.subscribers).iter().for_each(|queue| queue.push(message.clone()));
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
    fn publish(&self, committed: Committed) {
        lock(&self.events).extend(committed.events.iter().cloned());
        self.hand_on(BusMessage::Events(committed.events.into()));
    }

    fn announce(&self, notice: Notice) {
        lock(&self.notices).push(notice.clone());
        self.hand_on(BusMessage::Notice(notice));
    }

    fn subscribe(&self) -> Box<dyn Subscription> {
        let queue = Arc::new(Queue::default());
        lock(&self.subscribers).push(queue.clone());
        Box::new(QueueSubscription(queue))
    }

    fn follow(&self, _: RoomId) -> Wait {
        Box::pin(std::future::ready(()))
    }

    fn unfollow(&self, _: RoomId) {}
}

fn lock<T>(list: &Mutex<T>) -> MutexGuard<'_, T> {
    list.lock().expect("no test panics while it holds this lock")
}
