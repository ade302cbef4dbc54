//! When a room's new frames are handed to its viewers: at once when the room has been quiet, then in a rhythm.
//!
//! A delivery costs one system call whatever its size, so the great lever is to make fewer of them: the more viewers a room
//! has, the more messages share a write. Nobody notices 20 ms; at 100 ms a room of ten thousand is still a conversation.

use crate::model::time::{Span, Timestamp};

/// The least time between two flushes of a room with so many viewers on this node.
pub fn rhythm(viewers: usize) -> Span {
    Span::millis(match viewers {
        0..=250 => 0,
        251..=2_000 => 20,
        2_001..=10_000 => 50,
        _ => 100,
    })
}

/// How long new frames wait, when the room was last flushed at `last`. A clock that jumped back makes nobody wait longer than
/// the rhythm.
pub fn wait(viewers: usize, last: Option<Timestamp>, now: Timestamp) -> Span {
    let rhythm = rhythm(viewers);
    let Some(last) = last else { return Span::ZERO };
    let since = now - last;
    Span::millis(rhythm.as_millis() - since.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let left = wait(viewers, Some(Timestamp(100_000)), Timestamp(100_000 + since));
            assert_eq!(left, Span::millis(expected), "{viewers} viewers, {since} ms later");
        }
        assert_eq!(wait(1_000_000, None, Timestamp(0)), Span::ZERO);
    }
}
