//! An event on its way to viewers, with the bytes that they get: made once, when the first asks, and shared by all.

use crate::realtime::frame::Frame;
use domain::delivery::tail::Weight;
use domain::model::event::{Event, EventKind};
use domain::model::id::RoomUid;
use std::sync::{Arc, OnceLock};

/// What a frame holds besides the text of its message, about, in bytes.
const FRAME_OVERHEAD: usize = 400;

/// An event of a room, shared by all workers.
#[derive(Clone, Debug)]
pub struct Delivery(Arc<SharedDelivery>);

#[derive(Debug)]
struct SharedDelivery {
    event: Event,
    room: RoomUid,
    websocket: OnceLock<Frame>,
}

impl Delivery {
    /// An event of the room with this uid.
    pub fn new(event: Event, room: RoomUid) -> Delivery {
        Delivery(Arc::new(SharedDelivery { event, room, websocket: OnceLock::new() }))
    }

    /// The event as a WebSocket frame.
    pub fn websocket(&self) -> &Frame {
        self.0.websocket.get_or_init(|| Frame::event(&self.0.event, self.0.room.as_str()))
    }

    #[cfg(test)]
    pub fn is_encoded(&self) -> bool {
        self.0.websocket.get().is_some()
    }
}

impl AsRef<Event> for Delivery {
    fn as_ref(&self) -> &Event {
        &self.0.event
    }
}

impl Weight for Delivery {
    fn weight(&self) -> usize {
        let text = match &self.0.event.kind {
            EventKind::Posted(message) => message.text.as_str().len(),
            _ => 0,
        };
        FRAME_OVERHEAD + text
    }
}
