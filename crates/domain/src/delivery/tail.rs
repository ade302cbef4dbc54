//! A room's latest frames in a ring, and the cursors that read it.

use crate::model::id::Seq;
use std::collections::VecDeque;

/// The most frames a ring keeps.
pub const FRAMES_MAX: usize = 256;

/// The most bytes a ring keeps (one frame is kept whatever its size).
pub const BYTES_MAX: usize = 128 * 1024;

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
}

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

impl<F: Weight> Tail<F> {
    /// An empty ring that begins after `head`.
    pub fn after(head: Seq) -> Tail<F> {
        Tail { floor: head, head, frames: VecDeque::new(), bytes: 0 }
    }

    /// Up to where the ring covers the log.
    pub fn head(&self) -> Seq {
        self.head
    }

    /// Adds a frame; it must lie beyond the head. The oldest give way.
    pub fn push(&mut self, seq: Seq, frame: F) {
        debug_assert!(seq > self.head, "frames come in order");
        self.head = seq;
        self.bytes += frame.weight();
        self.frames.push_back((seq, frame));
        while self.frames.len() > FRAMES_MAX || (self.bytes > BYTES_MAX && self.frames.len() > 1) {
            if let Some((seq, frame)) = self.frames.pop_front() {
                self.bytes -= frame.weight();
                self.floor = seq;
            }
        }
    }

    /// The numbers up to `head` have nothing more to show.
    pub fn cover(&mut self, head: Seq) {
        self.head = self.head.max(head);
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

    impl Weight for usize {
        fn weight(&self) -> usize {
            *self
        }
    }

    #[test]
    fn a_cursor_reads_on_from_where_it_stands() {
        let mut tail = Tail::after(Seq(10));
        tail.push(Seq(11), 1);
        tail.push(Seq(13), 2);
        assert_eq!(tail.read(Seq(10)), Read::Frame(Seq(11), &1));
        assert_eq!(tail.read(Seq(11)), Read::Frame(Seq(13), &2));
        assert_eq!(tail.read(Seq(12)), Read::Frame(Seq(13), &2));
        assert_eq!(tail.read(Seq(13)), Read::Level(Seq(13)));
        tail.cover(Seq(15));
        assert_eq!(tail.read(Seq(13)), Read::Level(Seq(15)));
        assert_eq!(tail.read(Seq(9)), Read::Behind);
    }

    #[test]
    fn the_ring_is_bounded_by_frames_and_by_bytes() {
        let mut tail = Tail::after(Seq(0));
        for seq in 1..=FRAMES_MAX as i64 + 5 {
            tail.push(Seq(seq), 1);
        }
        assert_eq!(tail.read(Seq(4)), Read::Behind);
        assert_eq!(tail.read(Seq(5)), Read::Frame(Seq(6), &1));

        let mut tail = Tail::after(Seq(0));
        for seq in 1..=3 {
            tail.push(Seq(seq), BYTES_MAX);
        }
        assert_eq!(tail.read(Seq(1)), Read::Behind);
        assert_eq!(tail.read(Seq(2)), Read::Frame(Seq(3), &BYTES_MAX));
    }
}
