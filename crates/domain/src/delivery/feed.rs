//! Which rooms a node follows, and what it does about all that the bus loses, doubles, delays or swaps.
//!
//! A state machine: every call takes what happened and returns what is to be done, in order. Whoever drives it carries the
//! effects out, and brings the answers of the store back with the number of the read that asked.

use crate::delivery::order::{HELD_MAX, Order};
use crate::model::event::Event;
use crate::model::id::{RoomId, Seq};
use crate::model::log::EventRange;
use crate::model::room::Head;
use crate::model::time::{Span, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// How often [`Feed::tick`] is to be called: half of the time a gap is held.
pub const TICK: Span = Span::millis(100);

/// After this many ticks, the heads of all followed rooms are compared with the store's (2 s).
const TICKS_PER_HEADS: u32 = 20;

/// The most events read at once to close a gap.
pub const RANGE_MAX: usize = 500;

/// Which read an answer belongs to: that of a room which was let go and is followed again says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadId(u64);

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect<E> {
    /// Ask the store where one log ends, and answer with [`Feed::head_read`].
    ReadHead {
        room: RoomId,
        /// The number to answer with.
        read: ReadId,
    },
    /// Ask the store where these logs end, and answer with [`Feed::heads_read`], unless it fails.
    ReadHeads(Vec<RoomId>),
    /// Ask the store for at most [`RANGE_MAX`] events after `since`, and answer with [`Feed::range_read`].
    ReadRange {
        /// Of which log.
        room: RoomId,
        /// The number to answer with.
        read: ReadId,
        /// After which place.
        since: Seq,
    },
    /// The worker gets the room's events from after `head` on.
    Tail {
        worker: usize,
        room: RoomId,
        /// After which place.
        head: Seq,
    },
    /// The room cannot be followed now, and is not any more; the worker may ask again.
    Failed { worker: usize, room: RoomId },
    /// A room's next events.
    Deliver {
        room: RoomId,
        workers: Vec<usize>,
        /// Ascending.
        events: Vec<(Seq, E)>,
        /// Up to where all is known after them.
        head: Seq,
    },
}

/// What a store found after a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<E> {
    /// Where the log ended.
    pub head: Seq,
    /// Ascending.
    pub events: Vec<(Seq, E)>,
    /// Whether there was more.
    pub cut: bool,
}

impl From<EventRange> for Found<Event> {
    fn from(event_range: EventRange) -> Found<Event> {
        let events = event_range.events.into_iter().map(|event| (event.seq, event)).collect();
        Found { head: event_range.head.seq, events, cut: event_range.cut }
    }
}

#[derive(Debug)]
struct Followed<E> {
    /// Unknown until the head was read; what comes before that waits in `early`.
    order: Option<Order<E>>,
    early: Vec<(Seq, E)>,
    workers: BTreeSet<usize>,
    reading: Option<ReadId>,
}

/// The rooms that a node follows for its workers. The server's own log is always one of them.
#[derive(Debug)]
pub struct Feed<E> {
    rooms: BTreeMap<RoomId, Followed<E>>,
    reads: u64,
    ticks: u32,
}

impl<E> Default for Feed<E> {
    fn default() -> Feed<E> {
        Feed { rooms: BTreeMap::new(), reads: 0, ticks: 0 }
    }
}

impl<E> Feed<E> {
    /// A feed that follows the server's own log and nothing else, and what is to be done first.
    pub fn start() -> (Feed<E>, Vec<Effect<E>>) {
        let mut feed = Feed::default();
        let effects = feed.follow(RoomId::SERVER, None);
        (feed, effects)
    }

    /// Whether anybody wants this room.
    pub fn follows(&self, room: RoomId) -> bool {
        self.rooms.contains_key(&room)
    }

    /// A worker wants a room's events.
    pub fn subscribe(&mut self, room: RoomId, worker: usize) -> Vec<Effect<E>> {
        self.follow(room, Some(worker))
    }

    /// A worker no longer wants them.
    pub fn unsubscribe(&mut self, id: RoomId, worker: usize) {
        if let Some(room) = self.rooms.get_mut(&id) {
            room.workers.remove(&worker);
            if room.workers.is_empty() && id != RoomId::SERVER {
                self.rooms.remove(&id);
            }
        }
    }

    /// The bus brought events.
    pub fn receive(&mut self, events: impl IntoIterator<Item = (RoomId, Seq, E)>, now: Timestamp) -> Vec<Effect<E>> {
        let mut ready: BTreeMap<RoomId, Vec<(Seq, E)>> = BTreeMap::new();
        for (id, seq, event) in events {
            let Some(room) = self.rooms.get_mut(&id) else { continue };
            match &mut room.order {
                // While the head cannot be read, no more is kept than in order: the store has the rest.
                None if room.early.len() >= HELD_MAX => {}
                None => room.early.push((seq, event)),
                Some(order) => order.accept(seq, event, now, ready.entry(id).or_default()),
            }
        }
        ready.into_iter().filter_map(|(id, ready)| self.hand_on(id, ready)).collect()
    }

    /// The bus says that a log reaches a place, without its events.
    pub fn head_told(&mut self, id: RoomId, head: Seq, now: Timestamp) {
        if let Some(order) = self.rooms.get_mut(&id).and_then(|room| room.order.as_mut()) {
            order.notice_head(head, now);
        }
    }

    /// The bus lost something: nobody knows what.
    pub fn lost(&self) -> Vec<Effect<E>> {
        vec![self.read_heads()]
    }

    /// The store said where a log ends; `None` when it failed or the room is gone.
    pub fn head_read(&mut self, id: RoomId, read: ReadId, head: Option<Seq>, now: Timestamp) -> Vec<Effect<E>> {
        let Some(room) = self.asked(id, read) else { return Vec::new() };
        let Some(head) = head else { return self.give_up(id) };
        let mut order = Order::after(head);
        let mut ready = Vec::new();
        for (seq, event) in std::mem::take(&mut room.early) {
            order.accept(seq, event, now, &mut ready);
        }
        room.order = Some(order);
        let mut effects: Vec<Effect<E>> =
            room.workers.iter().map(|worker| Effect::Tail { worker: *worker, room: id, head }).collect();
        effects.extend(self.hand_on(id, ready));
        effects
    }

    /// The store said where the logs end that were asked for.
    pub fn heads_read(&mut self, asked: &[RoomId], heads: &[(RoomId, Head)], now: Timestamp) {
        for id in asked {
            let Some(order) = self.rooms.get_mut(id).and_then(|room| room.order.as_mut()) else { continue };
            let head = match heads.iter().find(|(there, _)| there == id) {
                Some((_, head)) => head.seq,
                // A room that is not among the answers was closed, and its last event perhaps lost on the way.
                None => order.last().next(),
            };
            order.notice_head(head, now);
        }
    }

    /// The store said what lies after a place; `None` when it failed or nothing is left of the log.
    pub fn range_read(&mut self, id: RoomId, read: ReadId, found: Option<Found<E>>, now: Timestamp) -> Vec<Effect<E>> {
        let Some(order) = self.asked(id, read).and_then(|room| room.order.as_mut()) else { return Vec::new() };
        // If it failed, the next tick asks again.
        let Some(found) = found else { return Vec::new() };
        let last = found.events.last().map(|(seq, _)| *seq);
        let covered = if found.cut { last.unwrap_or(order.last()) } else { found.head };
        let mut ready = Vec::new();
        let before = order.last();
        order.refill(covered, found.events, now, &mut ready);
        if order.last() == before { Vec::new() } else { self.deliver(id, ready).into_iter().collect() }
    }

    /// Looks for gaps and, now and then, for what was lost unnoticed; to be called every [`TICK`].
    pub fn tick(&mut self, now: Timestamp) -> Vec<Effect<E>> {
        self.ticks = self.ticks.wrapping_add(1);
        let due = |room: &Followed<E>| room.order.as_ref().is_some_and(|order| order.needs_refill(now));
        let gaps: Vec<RoomId> = self.rooms.iter().filter(|(_, room)| due(room)).map(|(id, _)| *id).collect();
        let mut effects: Vec<Effect<E>> = gaps.into_iter().filter_map(|id| self.read_range(id)).collect();
        if self.ticks.is_multiple_of(TICKS_PER_HEADS) {
            effects.push(self.read_heads());
            // If the head of the server's log could not be read at the start, it is read now.
            if self.rooms.get(&RoomId::SERVER).is_some_and(|room| room.order.is_none()) {
                effects.extend(self.read_head(RoomId::SERVER));
            }
        }
        effects
    }

    fn follow(&mut self, id: RoomId, worker: Option<usize>) -> Vec<Effect<E>> {
        let room = self.rooms.entry(id).or_insert_with(|| Followed {
            order: None,
            early: Vec::new(),
            workers: BTreeSet::new(),
            reading: None,
        });
        room.workers.extend(worker);
        let effect = match (&room.order, worker) {
            (Some(order), Some(worker)) => Some(Effect::Tail { worker, room: id, head: order.last() }),
            (Some(_), None) => None,
            (None, _) => self.read_head(id),
        };
        effect.into_iter().collect()
    }

    /// The room, if this is the read that it waits for; it waits no longer.
    fn asked(&mut self, id: RoomId, read: ReadId) -> Option<&mut Followed<E>> {
        let room = self.rooms.get_mut(&id).filter(|room| room.reading == Some(read))?;
        room.reading = None;
        Some(room)
    }

    fn read_head(&mut self, id: RoomId) -> Option<Effect<E>> {
        let room = self.rooms.get_mut(&id).filter(|room| room.reading.is_none())?;
        self.reads += 1;
        let read = *room.reading.insert(ReadId(self.reads));
        Some(Effect::ReadHead { room: id, read })
    }

    fn read_heads(&self) -> Effect<E> {
        let known = self.rooms.iter().filter(|(_, room)| room.order.is_some());
        Effect::ReadHeads(known.map(|(id, _)| *id).collect())
    }

    fn read_range(&mut self, id: RoomId) -> Option<Effect<E>> {
        let room = self.rooms.get_mut(&id).filter(|room| room.reading.is_none())?;
        let since = room.order.as_ref()?.last();
        self.reads += 1;
        let read = *room.reading.insert(ReadId(self.reads));
        Some(Effect::ReadRange { room: id, read, since })
    }

    /// A room whose head cannot be read is not followed; who wants it is told, and asks again.
    fn give_up(&mut self, id: RoomId) -> Vec<Effect<E>> {
        if id == RoomId::SERVER {
            return Vec::new();
        }
        let workers = self.rooms.remove(&id).map(|room| room.workers).unwrap_or_default();
        workers.into_iter().map(|worker| Effect::Failed { worker, room: id }).collect()
    }

    fn hand_on(&self, id: RoomId, events: Vec<(Seq, E)>) -> Option<Effect<E>> {
        if events.is_empty() { None } else { self.deliver(id, events) }
    }

    /// Without events it still says up to where the log is known.
    fn deliver(&self, id: RoomId, events: Vec<(Seq, E)>) -> Option<Effect<E>> {
        let room = self.rooms.get(&id)?;
        let head = room.order.as_ref()?.last();
        Some(Effect::Deliver { room: id, workers: room.workers.iter().copied().collect(), events, head })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::Epoch;

    const ROOM: RoomId = RoomId(7);
    const NOW: Timestamp = Timestamp(1_000);

    fn read_of(effects: &[Effect<&str>]) -> ReadId {
        match effects {
            [Effect::ReadHead { read, .. } | Effect::ReadRange { read, .. }] => *read,
            other => panic!("one read was expected, not {other:?}"),
        }
    }

    fn head(seq: i64) -> Head {
        Head { epoch: Epoch(1), seq: Seq(seq) }
    }

    /// A feed that follows the room for worker 0 from after `seq`.
    fn following(seq: i64) -> Feed<&'static str> {
        let mut feed = Feed::default();
        let read = read_of(&feed.subscribe(ROOM, 0));
        feed.head_read(ROOM, read, Some(Seq(seq)), NOW);
        feed
    }

    fn deliver(events: &[(i64, &'static str)], head: i64) -> Effect<&'static str> {
        let events = events.iter().map(|(seq, event)| (Seq(*seq), *event)).collect();
        Effect::Deliver { room: ROOM, workers: vec![0], events, head: Seq(head) }
    }

    #[test]
    fn what_comes_before_the_head_is_known_waits_for_it() {
        let mut feed = Feed::default();
        let read = read_of(&feed.subscribe(ROOM, 0));
        assert_eq!(feed.receive([(ROOM, Seq(5), "old"), (ROOM, Seq(6), "new")], NOW), []);
        let tail = Effect::Tail { worker: 0, room: ROOM, head: Seq(5) };
        assert_eq!(feed.head_read(ROOM, read, Some(Seq(5)), NOW), [tail, deliver(&[(6, "new")], 6)]);
        assert_eq!(feed.subscribe(ROOM, 1), [Effect::Tail { worker: 1, room: ROOM, head: Seq(6) }]);
    }

    #[test]
    fn a_room_whose_head_cannot_be_read_is_let_go() {
        let mut feed = Feed::<&str>::default();
        let read = read_of(&feed.subscribe(ROOM, 3));
        assert_eq!(feed.subscribe(ROOM, 4), []);
        let failed = [3, 4].map(|worker| Effect::Failed { worker, room: ROOM });
        assert_eq!(feed.head_read(ROOM, read, None, NOW), failed);
        assert!(!feed.follows(ROOM));
    }

    #[test]
    fn a_gap_is_read_once_and_what_was_held_follows() {
        let mut feed = following(1);
        assert_eq!(feed.receive([(ROOM, Seq(4), "d")], NOW), []);
        assert_eq!(feed.tick(NOW), []);
        let read = read_of(&feed.tick(Timestamp(1_200)));
        assert_eq!(feed.tick(Timestamp(1_300)), []);
        let found = Found { head: Seq(3), events: vec![(Seq(2), "b")], cut: false };
        assert_eq!(feed.range_read(ROOM, read, Some(found), NOW), [deliver(&[(2, "b"), (4, "d")], 4)]);
    }

    #[test]
    fn a_range_in_which_all_was_superseded_still_moves_the_head() {
        let mut feed = following(1);
        feed.heads_read(&[ROOM], &[(ROOM, head(3))], NOW);
        let read = read_of(&feed.tick(Timestamp(1_200)));
        let found = Found { head: Seq(3), events: Vec::new(), cut: false };
        assert_eq!(feed.range_read(ROOM, read, Some(found), NOW), [deliver(&[], 3)]);
    }

    #[test]
    fn a_room_that_the_store_no_longer_has_is_read_to_its_end() {
        let mut feed = following(1);
        feed.heads_read(&[ROOM], &[], NOW);
        let read = read_of(&feed.tick(Timestamp(1_200)));
        let found = Found { head: Seq(2), events: vec![(Seq(2), "closed")], cut: false };
        assert_eq!(feed.range_read(ROOM, read, Some(found), NOW), [deliver(&[(2, "closed")], 2)]);
    }

    #[test]
    fn the_answer_to_a_read_from_before_the_room_was_let_go_says_nothing() {
        let mut feed = following(1);
        feed.heads_read(&[ROOM], &[(ROOM, head(9))], NOW);
        let stale = read_of(&feed.tick(Timestamp(1_200)));
        feed.unsubscribe(ROOM, 0);
        let read = read_of(&feed.subscribe(ROOM, 0));
        assert_eq!(feed.range_read(ROOM, stale, None, NOW), []);
        // The head is still being read, once.
        assert_eq!(feed.subscribe(ROOM, 1), []);
        assert_eq!(feed.head_read(ROOM, stale, Some(Seq(2)), NOW), []);
        assert_eq!(feed.head_read(ROOM, read, Some(Seq(9)), NOW).len(), 2);
    }
}
