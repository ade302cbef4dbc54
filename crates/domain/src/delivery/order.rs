//! One room's events, put in order: the next is delivered, a lower one dropped, a higher one held until the gap is read.

use crate::model::id::Seq;
use crate::model::time::{Span, Timestamp};
use std::collections::BTreeMap;

/// How long a gap may wait to close by itself before it is read from the store: a bus that reorders needs no query.
pub const HOLD: Span = Span::millis(200);

/// More held events than this are dropped, highest first: the store has them.
pub const HELD_MAX: usize = 1024;

/// Puts one room's events in order.
#[derive(Debug)]
pub struct Order<E> {
    last: Seq,
    held: BTreeMap<Seq, E>,
    waiting_since: Option<Timestamp>,
    known_head: Seq,
}

impl<E> Order<E> {
    /// Everything up to `head` is known; the next event is the one after it.
    pub fn after(head: Seq) -> Order<E> {
        Order { last: head, held: BTreeMap::new(), waiting_since: None, known_head: head }
    }

    /// Up to where all events were delivered.
    pub fn last(&self) -> Seq {
        self.last
    }

    /// Takes an event from the bus; appends to `ready` what can be delivered now, ascending.
    pub fn accept(&mut self, seq: Seq, event: E, now: Timestamp, ready: &mut Vec<(Seq, E)>) {
        if seq <= self.last {
            return;
        }
        self.held.insert(seq, event);
        if self.held.len() > HELD_MAX {
            self.held.pop_last();
        }
        self.known_head = self.known_head.max(seq);
        self.release(now, ready);
    }

    /// Takes a range of events that the store read: it covers every number from the last delivered to `covered`, so numbers
    /// without an event were superseded.
    pub fn refill(
        &mut self,
        covered: Seq,
        events: impl IntoIterator<Item = (Seq, E)>,
        now: Timestamp,
        ready: &mut Vec<(Seq, E)>,
    ) {
        for (seq, event) in events {
            if seq > self.last && seq <= covered {
                self.held.insert(seq, event);
            }
        }
        if covered > self.last {
            let later = self.held.split_off(&covered.next());
            ready.extend(std::mem::replace(&mut self.held, later));
            self.last = covered;
            self.known_head = self.known_head.max(covered);
        }
        self.release(now, ready);
    }

    /// The store says that the log reaches `head`: if that is further than what was delivered, something was lost.
    pub fn notice_head(&mut self, head: Seq, now: Timestamp) {
        self.known_head = self.known_head.max(head);
        if self.known_head > self.last && self.waiting_since.is_none() {
            self.waiting_since = Some(now);
        }
    }

    /// Whether a gap has waited for [`HOLD`] and must be read from the store, from [`Order::last`] on.
    pub fn needs_refill(&self, now: Timestamp) -> bool {
        // A clock that jumped back must not keep the gap open: any time before the mark counts as long ago.
        self.waiting_since.is_some_and(|since| now < since || now - since >= HOLD)
    }

    /// Whether something is missing.
    pub fn has_gap(&self) -> bool {
        self.waiting_since.is_some()
    }

    fn release(&mut self, now: Timestamp, ready: &mut Vec<(Seq, E)>) {
        while let Some(entry) = self.held.first_entry() {
            if *entry.key() != self.last.next() {
                break;
            }
            let (seq, event) = entry.remove_entry();
            self.last = seq;
            ready.push((seq, event));
        }
        if self.known_head <= self.last {
            self.waiting_since = None;
        } else if self.waiting_since.is_none() {
            self.waiting_since = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn order() -> (Order<&'static str>, Vec<(Seq, &'static str)>) {
        (Order::after(Seq(0)), Vec::new())
    }

    fn seqs(ready: &[(Seq, &str)]) -> Vec<i64> {
        ready.iter().map(|(seq, _)| seq.0).collect()
    }

    #[test]
    fn the_next_is_delivered_a_lower_one_dropped_a_higher_one_held() {
        let (mut order, mut ready) = order();
        let now = Timestamp(0);
        order.accept(Seq(1), "a", now, &mut ready);
        order.accept(Seq(1), "a again", now, &mut ready);
        order.accept(Seq(3), "c", now, &mut ready);
        assert_eq!(seqs(&ready), [1]);
        assert!(order.has_gap());
        order.accept(Seq(2), "b", now, &mut ready);
        assert_eq!(seqs(&ready), [1, 2, 3]);
        assert!(!order.has_gap());
    }

    #[test]
    fn a_gap_is_read_after_the_hold_and_numbers_without_events_are_passed() {
        let (mut order, mut ready) = order();
        order.accept(Seq(4), "d", Timestamp(1000), &mut ready);
        assert!(!order.needs_refill(Timestamp(1199)));
        assert!(order.needs_refill(Timestamp(1200)));
        order.refill(Seq(3), [(Seq(2), "b")], Timestamp(1200), &mut ready);
        assert_eq!(seqs(&ready), [2, 4]);
        assert_eq!(order.last(), Seq(4));
        assert!(!order.has_gap());
    }

    #[test]
    fn a_lost_last_event_is_found_by_the_head() {
        let (mut order, mut ready) = order();
        order.accept(Seq(1), "a", Timestamp(0), &mut ready);
        order.notice_head(Seq(2), Timestamp(2000));
        assert!(order.needs_refill(Timestamp(2200)));
        order.refill(Seq(2), [(Seq(2), "b")], Timestamp(2200), &mut ready);
        assert_eq!(seqs(&ready), [1, 2]);
    }

    #[test]
    fn a_clock_that_jumps_back_does_not_keep_a_gap_open() {
        let (mut order, mut ready) = order();
        order.accept(Seq(2), "b", Timestamp(1_000_000), &mut ready);
        assert!(order.needs_refill(Timestamp(5)));
    }

    proptest! {
        /// However a bus loses, doubles and reorders, what comes out ascends, and a refill completes it.
        #[test]
        fn what_comes_out_ascends_and_is_complete_after_a_refill(arrivals in prop::collection::vec(1i64..50, 0..200)) {
            let mut order = Order::after(Seq(0));
            let mut ready = Vec::new();
            for seq in arrivals {
                order.accept(Seq(seq), seq, Timestamp(0), &mut ready);
            }
            order.refill(Seq(50), (1..=50).map(|seq| (Seq(seq), seq)), Timestamp(0), &mut ready);
            let got: Vec<i64> = ready.iter().map(|(seq, _)| seq.0).collect();
            prop_assert_eq!(got, (1..=50).collect::<Vec<_>>());
        }
    }
}
