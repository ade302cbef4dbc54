//! A room's latest frames in a ring, and the cursors that read it.

use crate::delivery::latest::Latest;
use crate::model::event::Event;
use crate::model::id::{Seq, UserId};
use crate::model::time::Span;
use std::collections::VecDeque;
use std::sync::Arc;

/// The most older frames a ring keeps.
pub const FRAMES_MAX: usize = 256;

/// The most bytes of older frames a ring keeps (one frame is kept whatever its size).
pub const BYTES_MAX: usize = 128 * 1024;

/// How much more a ring keeps of what is recent, so that in a very busy room a viewer who is late by a moment need not read
/// the store.
#[derive(Clone, Copy, Debug)]
pub struct Recent {
    /// How recent, by the times of the events.
    pub within: Span,
    /// The most frames of any age.
    pub frames: usize,
    /// The most bytes of frames of any age.
    pub bytes: usize,
}

/// The value of a server: half a second of 8 000 messages a second.
pub const RECENT: Recent = Recent { within: Span::millis(500), frames: 4096, bytes: 2 * 1024 * 1024 };

/// How much a frame takes of the ring's space.
pub trait Weight {
    /// In bytes.
    fn weight(&self) -> usize;
}

/// A room's latest frames. Covers every number in `(floor, head]`; numbers without a frame have nothing to show.
#[derive(Debug)]
pub struct Tail<F> {
    floor: Seq,
    head: Seq,
    frames: VecDeque<(Seq, F)>,
    bytes: usize,
    recent: Recent,
    latest: Option<Arc<Latest>>,
    people: PeopleVersion,
}

/// Where a room's changes of people stood: asked before the store is read, for [`Tail::keep_latest`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeopleVersion(u64);

/// What a cursor finds.
#[derive(Debug, PartialEq, Eq)]
pub enum Read<'a, F> {
    /// The next frame and its place.
    Frame(Seq, &'a F),
    /// Nothing new: the cursor may move to the head.
    Level(Seq),
    /// The cursor is older than the ring: what it misses must be read from the store.
    Behind,
}

impl<F: Weight + AsRef<Event>> Tail<F> {
    /// An empty ring that begins after `head`.
    pub fn after(head: Seq) -> Tail<F> {
        Tail::keeping(head, RECENT)
    }

    /// The same, with another amount of what is recent.
    pub fn keeping(head: Seq, recent: Recent) -> Tail<F> {
        Tail { floor: head, head, frames: VecDeque::new(), bytes: 0, recent, latest: None, people: PeopleVersion(0) }
    }

    /// Up to where the ring covers the log.
    pub fn head(&self) -> Seq {
        self.head
    }

    /// Adds a frame; it must lie beyond the head. The oldest give way.
    pub fn push(&mut self, seq: Seq, frame: F) {
        debug_assert!(seq > self.head, "frames come in order");
        self.head = seq;
        if let Some(latest) = &mut self.latest
            && !Arc::make_mut(latest).apply(frame.as_ref())
        {
            self.latest = None;
        }
        self.bytes += frame.weight();
        self.frames.push_back((seq, frame));
        while self.is_too_full()
            && let Some((seq, frame)) = self.frames.pop_front()
        {
            self.bytes -= frame.weight();
            self.floor = seq;
        }
    }

    fn is_too_full(&self) -> bool {
        let (frames, bytes) = (self.frames.len(), self.bytes);
        if frames <= 1 || (frames <= FRAMES_MAX && bytes <= BYTES_MAX) {
            return false;
        }
        let at = |frame: Option<&(Seq, F)>| frame.map(|(_, frame)| frame.as_ref().at);
        let age = at(self.frames.back()).zip(at(self.frames.front())).map(|(newest, oldest)| newest - oldest);
        // A clock that was set back makes nothing recent.
        let is_recent = age.is_some_and(|age| (Span::ZERO..self.recent.within).contains(&age));
        !is_recent || frames > self.recent.frames || bytes > self.recent.bytes
    }

    /// The numbers up to `head` have nothing more to show.
    pub fn cover(&mut self, head: Seq) {
        self.head = self.head.max(head);
        if let Some(latest) = &mut self.latest {
            Arc::make_mut(latest).cover(head);
        }
    }

    /// The room's latest messages as of the head or later, if they are in memory.
    pub fn latest(&self) -> Option<&Arc<Latest>> {
        self.latest.as_ref()
    }

    /// Asked before the store is read for [`Self::keep_latest`].
    pub fn people_version(&self) -> PeopleVersion {
        self.people
    }

    /// Keeps what the store had, read after `people` was asked, unless the ring does not tell what happened since or somebody
    /// changed meanwhile. From then on it follows the ring, until [`Self::forget_latest`].
    pub fn keep_latest(&mut self, latest: &Arc<Latest>, people: PeopleVersion) {
        let read_at = latest.head().seq;
        if people != self.people || read_at < self.floor {
            return;
        }
        let mut latest = latest.clone();
        let newer = self.frames.partition_point(|(seq, _)| *seq <= read_at);
        for (_, frame) in self.frames.range(newer..) {
            if !Arc::make_mut(&mut latest).apply(frame.as_ref()) {
                return;
            }
        }
        if self.head > latest.head().seq {
            Arc::make_mut(&mut latest).cover(self.head);
        }
        self.latest = Some(latest);
    }

    /// Forgets the latest messages: the next who needs them asks the store. What is read already may still be kept.
    pub fn forget_latest(&mut self) {
        self.latest = None;
    }

    /// Somebody has another name, picture or rank: forgets the latest messages if that one wrote any of them.
    pub fn change_user(&mut self, user: UserId) {
        self.people.0 += 1;
        self.latest = self.latest.take().filter(|latest| !latest.has_author(user));
    }

    /// What lies after the cursor.
    pub fn read(&self, cursor: Seq) -> Read<'_, F> {
        if cursor < self.floor {
            return Read::Behind;
        }
        match self.frames.get(self.frames.partition_point(|(seq, _)| *seq <= cursor)) {
            Some((seq, frame)) => Read::Frame(*seq, frame),
            None => Read::Level(self.head.max(cursor)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::EventKind;
    use crate::model::id::RoomId;
    use crate::model::time::Timestamp;

    const HOUR: i64 = 3_600_000;

    /// A frame that weighs so much.
    #[derive(Debug, PartialEq, Eq)]
    struct Heavy(usize, Event);

    impl Weight for Heavy {
        fn weight(&self) -> usize {
            self.0
        }
    }

    impl AsRef<Event> for Heavy {
        fn as_ref(&self) -> &Event {
            &self.1
        }
    }

    fn heavy(weight: usize) -> Heavy {
        heavy_at(weight, 0)
    }

    fn heavy_at(weight: usize, at: i64) -> Heavy {
        let (room, actor) = (RoomId(1), UserId(1));
        Heavy(weight, Event { room, seq: Seq::ZERO, at: Timestamp(at), actor, kind: EventKind::Closed })
    }

    #[test]
    fn a_cursor_reads_on_from_where_it_stands() {
        let mut tail = Tail::after(Seq(10));
        tail.push(Seq(11), heavy(1));
        tail.push(Seq(13), heavy(2));
        assert_eq!(tail.read(Seq(10)), Read::Frame(Seq(11), &heavy(1)));
        assert_eq!(tail.read(Seq(11)), Read::Frame(Seq(13), &heavy(2)));
        assert_eq!(tail.read(Seq(12)), Read::Frame(Seq(13), &heavy(2)));
        assert_eq!(tail.read(Seq(13)), Read::Level(Seq(13)));
        tail.cover(Seq(15));
        assert_eq!(tail.read(Seq(13)), Read::Level(Seq(15)));
        assert_eq!(tail.read(Seq(9)), Read::Behind);
    }

    #[test]
    fn of_older_frames_the_ring_is_bounded_by_frames_and_by_bytes() {
        let mut tail = Tail::after(Seq(0));
        for seq in 1..=FRAMES_MAX as i64 + 5 {
            tail.push(Seq(seq), heavy_at(1, seq * HOUR));
        }
        assert_eq!(tail.read(Seq(4)), Read::Behind);
        assert_eq!(tail.read(Seq(5)), Read::Frame(Seq(6), &heavy_at(1, 6 * HOUR)));

        let mut tail = Tail::after(Seq(0));
        for seq in 1..=3 {
            tail.push(Seq(seq), heavy_at(BYTES_MAX, seq * HOUR));
        }
        assert_eq!(tail.read(Seq(1)), Read::Behind);
        assert_eq!(tail.read(Seq(2)), Read::Frame(Seq(3), &heavy_at(BYTES_MAX, 3 * HOUR)));
    }

    #[test]
    fn what_is_recent_is_kept_beyond_that_up_to_its_own_bounds() {
        let recent = Recent { within: Span::millis(100), frames: FRAMES_MAX + 10, bytes: 4 * BYTES_MAX };
        let mut tail = Tail::keeping(Seq(0), recent);
        for seq in 1..=FRAMES_MAX as i64 + 15 {
            tail.push(Seq(seq), heavy(1));
        }
        assert_eq!(tail.read(Seq(4)), Read::Behind);
        assert_eq!(tail.read(Seq(5)), Read::Frame(Seq(6), &heavy(1)));
        tail.push(Seq(1_000), heavy_at(1, 100));
        assert_eq!(tail.read(Seq(14)), Read::Behind, "it is as if it were not recent");
        assert_eq!(tail.read(Seq(16)), Read::Frame(Seq(17), &heavy(1)));

        let mut tail = Tail::keeping(Seq(0), recent);
        for seq in 1..=6 {
            tail.push(Seq(seq), heavy(BYTES_MAX));
        }
        assert_eq!(tail.read(Seq(1)), Read::Behind);
        assert_eq!(tail.read(Seq(2)), Read::Frame(Seq(3), &heavy(BYTES_MAX)));
    }
}
