//! What a viewer has of a room: the rules of `docs/protocol.md` for a client, as pure code.
//!
//! The simulation's viewers go by it, and whoever writes a client may read it as the short form of the protocol.

use crate::model::event::{Event, EventKind};
use crate::model::id::{Epoch, Seq};
use crate::model::message::Message;
use crate::model::room::{Head, Room};
use std::collections::BTreeMap;

/// What a viewer has of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcript {
    head: Seq,
    epoch: Option<Epoch>,
    /// Nothing is known of what lies up to here.
    floor: Seq,
    messages: BTreeMap<Seq, Message>,
    settings: Option<Room>,
    closed: bool,
}

impl Default for Transcript {
    fn default() -> Transcript {
        Transcript {
            head: Seq::ZERO,
            epoch: None,
            floor: Seq::ZERO,
            messages: BTreeMap::new(),
            settings: None,
            closed: false,
        }
    }
}

impl Transcript {
    /// The highest number seen: where to go on from.
    pub fn head(&self) -> Seq {
        self.head
    }

    /// Which history the numbers belong to; unknown before the first join.
    pub fn epoch(&self) -> Option<Epoch> {
        self.epoch
    }

    /// All messages after this place are there.
    pub fn floor(&self) -> Seq {
        self.floor
    }

    /// What is shown, by place.
    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        self.messages.values()
    }

    /// The room's settings as they were told last.
    pub fn settings(&self) -> Option<&Room> {
        self.settings.as_ref()
    }

    /// Whether the room is gone.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// `room_updated` without a place: the settings as they are.
    pub fn settle(&mut self, room: Room) {
        self.settings = Some(room);
    }

    /// An event's frame. What came before changes nothing.
    pub fn event(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Posted(message) => drop(self.messages.insert(event.seq, (**message).clone())),
            EventKind::Deleted { message } => {
                self.messages.retain(|_, shown| shown.id != *message);
                self.unpin_if(|pinned| pinned.id == *message);
            }
            EventKind::Purged { author } => {
                let whose = author.as_ref().map(|author| author.id);
                let is_meant = |shown: &Message| whose.is_none_or(|whose| shown.author.user.id == whose);
                self.messages.retain(|seq, shown| *seq > event.seq || !is_meant(shown));
                self.unpin_if(|pinned| pinned.seq < event.seq && is_meant(pinned));
            }
            EventKind::Configured(room) | EventKind::Pinned { room, .. } | EventKind::Unpinned { room, .. } => {
                self.settings = Some((**room).clone());
            }
            EventKind::Moderated { .. } => {}
            EventKind::Closed => self.close(),
        }
        self.head = self.head.max(event.seq);
    }

    fn unpin_if(&mut self, is_gone: impl FnOnce(&Message) -> bool) {
        if let Some(room) = &mut self.settings {
            room.unpin_if(is_gone);
        }
    }

    /// `room_messages`: the latest there are, and whether there are older ones.
    pub fn latest(&mut self, head: Head, messages: impl IntoIterator<Item = Message>, older: bool) {
        self.messages = messages.into_iter().map(|message| (message.seq, message)).collect();
        let first = self.messages.keys().next().copied();
        self.floor = if older { first.map_or(head.seq, |first| Seq(first.0 - 1)) } else { Seq::ZERO };
        self.reach(head);
    }

    /// The ack of a join: the cursor from now on.
    pub fn reach(&mut self, head: Head) {
        self.head = self.head.max(head.seq);
        self.epoch = Some(head.epoch);
    }

    /// A join was answered with what lies after `since`, all of it: also where a `reset` came between the join and its answer.
    pub fn resume(&mut self, since: Seq) {
        self.floor = self.floor.min(since);
    }

    /// `reset`: all is void but the settings, which are told before or after it.
    pub fn reset(&mut self) {
        *self = Transcript { settings: self.settings.take(), ..Transcript::default() };
    }

    /// `reset` with the reason `deleted`: the room is gone.
    pub fn close(&mut self) {
        self.reset();
        self.closed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::{RoomId, UserId};
    use crate::model::time::Timestamp;

    fn closed(seq: i64) -> Event {
        Event { room: RoomId(1), seq: Seq(seq), at: Timestamp(0), actor: UserId(1), kind: EventKind::Closed }
    }

    fn head(epoch: i64, seq: i64) -> Head {
        Head { epoch: Epoch(epoch), seq: Seq(seq) }
    }

    #[test]
    fn a_viewer_goes_on_from_the_highest_number_seen() {
        let mut transcript = Transcript::default();
        transcript.latest(head(7, 41), [], false);
        assert_eq!((transcript.head(), transcript.epoch(), transcript.floor()), (Seq(41), Some(Epoch(7)), Seq::ZERO));
        transcript.reach(head(7, 43));
        transcript.reach(head(7, 42));
        assert_eq!(transcript.head(), Seq(43));
        transcript.reset();
        assert_eq!((transcript.head(), transcript.epoch()), (Seq::ZERO, None));
    }

    #[test]
    fn an_answer_to_a_join_from_before_a_reset_brings_back_what_the_reset_left_out() {
        let mut transcript = Transcript::default();
        transcript.latest(head(7, 41), [], true);
        assert_eq!(transcript.floor(), Seq(41));
        transcript.resume(Seq(43));
        assert_eq!(transcript.floor(), Seq(41));
        transcript.resume(Seq(10));
        assert_eq!((transcript.floor(), transcript.head()), (Seq(10), Seq(41)));
    }

    #[test]
    fn nothing_is_left_of_a_room_that_is_gone() {
        let mut transcript = Transcript::default();
        transcript.latest(head(7, 41), [], false);
        transcript.event(&closed(42));
        assert!(transcript.is_closed());
        assert_eq!(transcript.messages().count(), 0);
    }
}
