//! The bus of one process.

use domain::model::event::Event;
use domain::ports::bus::{Bus, Notice};
use std::sync::Arc;
use tokio::sync::broadcast;

/// What is told.
#[derive(Clone, Debug)]
pub enum Signal {
    /// Committed events, each room's in the order of their seq.
    Events(Arc<[Event]>),
    /// What concerns people rather than a room.
    Notice(Notice),
}

/// How many signals a receiver may be behind.
const CAPACITY: usize = 4096;

/// Tells every receiver of this process. One that is too far behind loses the oldest and is told so
/// ([`broadcast::error::RecvError::Lagged`]): it then reads what it missed from the store.
pub struct LocalBus {
    sender: broadcast::Sender<Signal>,
}

impl LocalBus {
    /// Everything told from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Signal> {
        self.sender.subscribe()
    }
}

impl Default for LocalBus {
    fn default() -> Self {
        LocalBus { sender: broadcast::Sender::new(CAPACITY) }
    }
}

impl Bus for LocalBus {
    fn publish(&self, events: Vec<Event>) {
        // Nobody listening is no failure.
        let _ = self.sender.send(Signal::Events(events.into()));
    }

    fn announce(&self, notice: Notice) {
        let _ = self.sender.send(Signal::Notice(notice));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::model::id::UserId;
    use tokio::sync::broadcast::error::{RecvError, TryRecvError};

    #[tokio::test]
    async fn every_receiver_hears_everything_in_order() {
        let bus = LocalBus::default();
        bus.announce(Notice::UserDeleted(UserId(0)));
        let mut receivers = [bus.subscribe(), bus.subscribe()];
        bus.announce(Notice::UserDeleted(UserId(1)));
        bus.publish(Vec::new());
        for receiver in &mut receivers {
            assert!(matches!(receiver.recv().await, Ok(Signal::Notice(Notice::UserDeleted(UserId(1))))));
            assert!(matches!(receiver.recv().await, Ok(Signal::Events(events)) if events.is_empty()));
            assert!(matches!(receiver.try_recv(), Err(TryRecvError::Empty)));
        }
    }

    #[tokio::test]
    async fn a_receiver_that_sleeps_learns_what_it_lost() {
        let bus = LocalBus::default();
        let mut receiver = bus.subscribe();
        for n in 0..CAPACITY as i64 + 3 {
            bus.announce(Notice::UserDeleted(UserId(n)));
        }
        assert!(matches!(receiver.recv().await, Err(RecvError::Lagged(3))));
        assert!(matches!(receiver.recv().await, Ok(Signal::Notice(Notice::UserDeleted(UserId(3))))));
    }
}
