//! What one viewer saw of its room's log: what is missing, late or doubled.

/// Where a viewer is. In a room where only messages happen, every number is one that it must see.
#[derive(Clone, Debug, Default)]
pub struct Cursor {
    /// The highest seq seen.
    pub head: i64,
    /// Ranges below `head` that were passed over, both ends included.
    missing: Vec<(i64, i64)>,
    /// Messages that came after a later one.
    pub late: u64,
    /// Messages that came again.
    pub doubled: u64,
}

impl Cursor {
    /// A viewer that has everything up to `head`.
    pub fn at(head: i64) -> Cursor {
        Cursor { head, ..Cursor::default() }
    }

    /// A message came.
    pub fn see(&mut self, seq: i64) {
        if seq == self.head + 1 {
            self.head = seq;
        } else if seq > self.head {
            self.missing.push((self.head + 1, seq - 1));
            self.head = seq;
        } else {
            self.see_old(seq);
        }
    }

    fn see_old(&mut self, seq: i64) {
        let Some(at) = self.missing.iter().position(|(first, last)| (*first..=*last).contains(&seq)) else {
            self.doubled += 1;
            return;
        };
        let (first, last) = self.missing.swap_remove(at);
        self.late += 1;
        self.missing.extend([(first, seq - 1), (seq + 1, last)].into_iter().filter(|(first, last)| first <= last));
    }

    /// The server said to begin anew at `head`: what lies between was not delivered.
    pub fn jump(&mut self, head: i64) {
        if head > self.head {
            self.missing.push((self.head + 1, head));
            self.head = head;
        }
    }

    /// Forgets what is missing up to `head`: it was told.
    pub fn forgive(&mut self, head: i64) {
        self.missing.clear();
        self.head = self.head.max(head);
    }

    /// How many messages up to `head` were never seen.
    pub fn lost(&self, head: i64) -> u64 {
        let passed: i64 = self.missing.iter().map(|(first, last)| last.min(&head) - first + 1).filter(|n| *n > 0).sum();
        u64::try_from(passed + (head - self.head).max(0)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(seen: &[i64], head: i64, (lost, late, doubled): (u64, u64, u64)) {
        let mut cursor = Cursor::at(10);
        seen.iter().for_each(|seq| cursor.see(*seq));
        assert_eq!((cursor.lost(head), cursor.late, cursor.doubled), (lost, late, doubled), "{seen:?}");
    }

    #[test]
    fn what_was_seen_in_order_is_complete() {
        check(&[], 10, (0, 0, 0));
        check(&[11, 12, 13], 13, (0, 0, 0));
    }

    #[test]
    fn a_gap_and_a_missing_end_are_losses() {
        check(&[12, 13], 13, (1, 0, 0));
        check(&[11, 15, 20], 20, (7, 0, 0));
        check(&[11], 14, (3, 0, 0));
        check(&[], 12, (2, 0, 0));
    }

    #[test]
    fn what_comes_late_is_a_violation_of_order_and_no_loss() {
        check(&[12, 11], 12, (0, 1, 0));
        check(&[11, 16, 13, 15, 12, 14], 16, (0, 4, 0));
        check(&[14, 12], 14, (2, 1, 0));
    }

    #[test]
    fn what_comes_again_is_doubled() {
        check(&[11, 11], 11, (0, 0, 1));
        check(&[12, 11, 11], 12, (0, 1, 1));
        check(&[11, 12, 5], 12, (0, 0, 1));
    }

    #[test]
    fn what_a_reset_passes_over_is_lost_and_what_was_told_is_not_told_again() {
        let mut cursor = Cursor::at(10);
        cursor.see(11);
        cursor.jump(15);
        cursor.see(16);
        cursor.jump(14);
        assert_eq!((cursor.head, cursor.lost(16), cursor.lost(18)), (16, 4, 6));
        cursor.forgive(18);
        cursor.see(19);
        assert_eq!((cursor.lost(19), cursor.late, cursor.doubled), (0, 0, 0));
    }

    #[test]
    fn what_lies_beyond_the_head_that_counts_is_not_asked_for() {
        check(&[11, 12, 20], 13, (1, 0, 0));
        check(&[11, 12, 20], 12, (0, 0, 0));
    }
}
