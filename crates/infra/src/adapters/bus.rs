//! The bus of one process, which is also how the bus of several hands messages on within each.

use async_trait::async_trait;
use domain::model::id::RoomId;
use domain::ports::bus::{Bus, BusMessage, Committed, Notice, Subscription, Wait};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

/// How many messages a subscriber may be behind before the oldest are lost to it.
pub const CAPACITY: usize = 4096;

/// Hands every message to every subscriber of this process.
pub struct LocalBus {
    sender: broadcast::Sender<BusMessage>,
}

impl Default for LocalBus {
    fn default() -> Self {
        LocalBus { sender: broadcast::Sender::new(CAPACITY) }
    }
}

impl LocalBus {
    /// Hands on one message.
    pub fn send(&self, message: BusMessage) {
        // Nobody listening is no failure.
        let _ = self.sender.send(message);
    }
}

impl Bus for LocalBus {
    fn publish(&self, committed: Committed) {
        self.send(BusMessage::Events(committed.events.into()));
    }

    fn announce(&self, notice: Notice) {
        self.send(BusMessage::Notice(notice));
    }

    fn subscribe(&self) -> Box<dyn Subscription> {
        Box::new(LocalSubscription(self.sender.subscribe()))
    }

    fn follow(&self, _: RoomId) -> Wait {
        Box::pin(std::future::ready(()))
    }

    fn unfollow(&self, _: RoomId) {}
}

struct LocalSubscription(broadcast::Receiver<BusMessage>);

#[async_trait]
impl Subscription for LocalSubscription {
    async fn next(&mut self) -> Option<BusMessage> {
        match self.0.recv().await {
            Ok(message) => Some(message),
            Err(RecvError::Lagged(_)) => Some(BusMessage::Lost),
            Err(RecvError::Closed) => None,
        }
    }

    fn try_next(&mut self) -> Option<BusMessage> {
        match self.0.try_recv() {
            Ok(message) => Some(message),
            Err(TryRecvError::Lagged(_)) => Some(BusMessage::Lost),
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
        }
    }
}
