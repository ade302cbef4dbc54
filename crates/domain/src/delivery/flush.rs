//! When a room's new frames are handed to its viewers: at once when the room has been quiet, then in a rhythm.
//!
//! A delivery costs one system call whatever its size, so the great lever is to make fewer of them: the more viewers a room
//! has, the more messages share a write. Nobody notices 20 ms; at 100 ms a room of ten thousand is still a conversation. A
//! small room has no rhythm until its messages come faster than anybody reads: then 5 ms, which triples what it can carry.

use crate::model::time::{Span, Timestamp};

/// How often a room is flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rhythm {
    /// The time between two flushes in the long run.
    every: Span,
    /// How far ahead of that a room may be: so many flushes go at once after a rest.
    ahead: Span,
}

/// The rhythm of a room with so many viewers on this node.
fn rhythm(viewers: usize) -> Rhythm {
    let (every, ahead) = match viewers {
        0..=250 => (5, 100),
        251..=2_000 => (20, 0),
        2_001..=10_000 => (50, 0),
        _ => (100, 0),
    };
    Rhythm { every: Span::millis(every), ahead: Span::millis(ahead) }
}

/// When a room may be flushed: a leaky bucket of flushes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flushes {
    /// When the flushes so far are paid for.
    paid: Option<Timestamp>,
}

impl Flushes {
    /// How long new frames wait now. A clock that jumped back makes nobody wait longer than the rhythm.
    pub fn wait(&self, viewers: usize, now: Timestamp) -> Span {
        let Some(paid) = self.paid else { return Span::ZERO };
        let Rhythm { every, ahead } = rhythm(viewers);
        let wait = (paid - now).as_millis() - ahead.as_millis();
        Span::millis(wait.clamp(0, every.as_millis()))
    }

    /// The room was flushed.
    pub fn flushed(&mut self, viewers: usize, now: Timestamp) {
        let Rhythm { every, ahead } = rhythm(viewers);
        let earliest = now.max(self.paid.unwrap_or(now));
        // What a clock that jumped back left behind is forgiven.
        let latest = now + Span::millis(every.as_millis() + ahead.as_millis());
        self.paid = Some((earliest + every).min(latest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp(100_000);

    #[test]
    fn a_quiet_room_is_told_at_once_and_a_busy_one_in_its_rhythm() {
        for (viewers, since, expected) in [
            (1, 0, 0),
            (250, 0, 0),
            (251, 0, 20),
            (251, 5, 15),
            (251, 20, 0),
            (251, 60_000, 0),
            (2_000, 1, 19),
            (2_001, 0, 50),
            (10_000, 49, 1),
            (10_001, 0, 100),
            (1_000_000, 99, 1),
            (1_000_000, -5_000, 100),
        ] {
            let mut flushes = Flushes::default();
            assert_eq!(flushes.wait(viewers, NOON), Span::ZERO, "the first");
            flushes.flushed(viewers, NOON);
            let left = flushes.wait(viewers, Timestamp(NOON.0 + since));
            assert_eq!(left, Span::millis(expected), "{viewers} viewers, {since} ms later");
        }
    }

    /// Lets a room that always has something new be flushed as soon as it may, for so long; when it was.
    fn flushed_within(viewers: usize, millis: i64) -> Vec<i64> {
        let (mut flushes, mut now, mut times) = (Flushes::default(), NOON, Vec::new());
        while now.0 < NOON.0 + millis {
            match flushes.wait(viewers, now) {
                Span::ZERO => {
                    times.push(now.0 - NOON.0);
                    flushes.flushed(viewers, now);
                }
                wait => now = now + wait,
            }
        }
        times
    }

    #[test]
    fn a_small_room_waits_only_when_it_is_told_more_than_two_hundred_times_a_second() {
        let times = flushed_within(250, 1_000);
        assert_eq!(times.iter().filter(|at| **at == 0).count(), 21, "at once after a rest");
        assert_eq!(times.len(), 220, "then every 5 ms");
        let (mut flushes, mut now) = (Flushes::default(), NOON);
        for _ in 0..1_000 {
            assert_eq!(flushes.wait(250, now), Span::ZERO, "never, at two hundred");
            flushes.flushed(250, now);
            now = now + Span::millis(5);
        }
    }

    #[test]
    fn a_great_room_keeps_its_rhythm() {
        assert_eq!(flushed_within(1_000, 100), [0, 20, 40, 60, 80]);
    }

    #[test]
    fn a_room_that_grows_or_a_clock_that_jumps_stops_nothing() {
        let mut flushes = Flushes::default();
        for _ in 0..100 {
            flushes.flushed(10, NOON);
        }
        assert_eq!(flushes.wait(1_000, NOON), Span::millis(20));
        let yesterday = Timestamp(NOON.0 - 86_400_000);
        assert_eq!(flushes.wait(10, yesterday), Span::millis(5));
        flushes.flushed(10, yesterday);
        assert_eq!(flushes.wait(10, yesterday + Span::millis(5)), Span::ZERO);
    }
}
