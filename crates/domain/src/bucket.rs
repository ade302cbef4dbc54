//! Whether a bucket has enough: the generic cell rate algorithm (GCRA, ITU-T I.371) on one number per bucket.
//!
//! The number is the theoretical arrival time, the instant at which the bucket is full again: a charge moves it on, time
//! catches up with it. A bucket that is full needs no number, so that a store may forget it.

use crate::model::time::{Span, Timestamp};

/// How far the clocks of two nodes may be apart. A bucket that fills later than an empty one by more than this was charged by
/// a clock that was wrong. By less, it is left alone: else a node would give back what another one, a little ahead, took.
const CLOCKS_APART: Span = Span::minutes(1);

/// How much a bucket holds, and how fast it fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    burst: u32,
    interval: Span,
}

impl Rate {
    /// `allowance` times a burst and a rate of one per `period`. What comes between two is whole milliseconds, rounded up.
    pub fn new(burst: u32, period: Span, allowance: u32) -> Rate {
        let allowance = allowance.max(1);
        let interval = (period.as_millis().max(1) - 1) / i64::from(allowance) + 1;
        Rate { burst: burst.saturating_mul(allowance).max(1), interval: Span::millis(interval) }
    }

    /// How long it takes to fill `amount`, at most the whole bucket.
    fn time_to_fill(self, amount: u32) -> Span {
        Span::millis(self.interval.as_millis().saturating_mul(i64::from(amount.min(self.burst))))
    }
}

/// What is to be taken from a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withdrawal {
    /// The bucket's size and speed.
    pub rate: Rate,
    /// How many; what is more than the whole bucket counts as the whole bucket.
    pub amount: u32,
    /// The bucket's theoretical arrival time; `None` of one that is full.
    pub arrives_at: Option<Timestamp>,
}

impl Withdrawal {
    /// The arrival time of a bucket that is empty at `now`.
    fn empty(&self, now: Timestamp) -> Timestamp {
        now + self.rate.time_to_fill(u32::MAX)
    }

    /// The arrival time before it.
    fn before(&self, now: Timestamp) -> Timestamp {
        let (before, empty) = (self.arrives_at.unwrap_or(now).max(now), self.empty(now));
        if before - empty > CLOCKS_APART { empty } else { before }
    }

    /// The arrival time after it.
    fn after(&self, now: Timestamp) -> Timestamp {
        self.before(now) + self.rate.time_to_fill(self.amount)
    }

    /// How long it is too early.
    fn wait(&self, now: Timestamp) -> Span {
        if self.amount == 0 { Span::ZERO } else { self.after(now) - self.empty(now) }
    }
}

/// What becomes of the buckets of several withdrawals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What each arrival time becomes, in the order of the withdrawals; `None` leaves it alone.
    pub arrives_at: Vec<Option<Timestamp>>,
    /// Whether all of them have enough; if not, nothing is taken from any, and how long it is until they have.
    pub answer: Result<(), Span>,
}

/// Decides about withdrawals from different buckets, all of them or none. A bucket that was charged by a wrong clock is made
/// an empty one, in a refusal too, so that it keeps nobody out for longer than that.
pub fn decide(withdrawals: &[Withdrawal], now: Timestamp) -> Decision {
    let wait = withdrawals.iter().map(|withdrawal| withdrawal.wait(now)).max().unwrap_or(Span::ZERO);
    if wait > Span::ZERO {
        let corrected = |one: &Withdrawal| Some(one.before(now)).filter(|before| one.arrives_at > Some(*before));
        return Decision { arrives_at: withdrawals.iter().map(corrected).collect(), answer: Err(wait) };
    }
    let charged = |one: &Withdrawal| Some(one.after(now)).filter(|after| *after > now);
    Decision { arrives_at: withdrawals.iter().map(charged).collect(), answer: Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOON: Timestamp = Timestamp(1_700_000_000_000);

    /// Buckets that are charged as a store does it.
    struct Buckets(Vec<(Rate, Option<Timestamp>)>);

    impl Buckets {
        fn one(burst: u32, period: i64) -> Buckets {
            Buckets(vec![(Rate::new(burst, Span::millis(period), 1), None)])
        }

        fn charge(&mut self, amounts: &[u32], now: Timestamp) -> Result<(), Span> {
            let withdrawal = |((rate, arrives_at), amount): (&(Rate, Option<Timestamp>), &u32)| Withdrawal {
                rate: *rate,
                amount: *amount,
                arrives_at: *arrives_at,
            };
            let withdrawals: Vec<Withdrawal> = self.0.iter().zip(amounts).map(withdrawal).collect();
            let decision = decide(&withdrawals, now);
            for ((_, kept), arrives_at) in self.0.iter_mut().zip(decision.arrives_at) {
                *kept = arrives_at.or(*kept);
            }
            decision.answer
        }
    }

    fn after(ms: i64) -> Timestamp {
        NOON + Span::millis(ms)
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_one_for_each_interval() {
        let mut bucket = Buckets::one(3, 1000);
        for (ms, expected) in [
            (0, Ok(())),
            (0, Ok(())),
            (0, Ok(())),
            (0, Err(1000)),
            (400, Err(600)),
            (999, Err(1)),
            (1000, Ok(())),
            (1000, Err(1000)),
            (3500, Ok(())),
            (3500, Ok(())),
            (3500, Err(500)),
            (9_000_000, Ok(())),
            (9_000_000, Ok(())),
            (9_000_000, Ok(())),
            (9_000_000, Err(1000)),
        ] {
            assert_eq!(bucket.charge(&[1], after(ms)), expected.map_err(Span::millis), "after {ms} ms");
        }
    }

    #[test]
    fn an_allowance_makes_a_bucket_larger_and_faster() {
        for (burst, period, allowance, expected) in [
            (20, 10_000, 1, (20, 10_000)),
            (20, 10_000, 4, (80, 2500)),
            (5, 250, 4, (20, 63)),
            (5, 1, 4, (20, 1)),
            (0, 0, 0, (1, 1)),
            (u32::MAX, i64::MAX, 4, (u32::MAX, i64::MAX / 4 + 1)),
        ] {
            let rate = Rate::new(burst, Span::millis(period), allowance);
            assert_eq!((rate.burst, rate.interval.as_millis()), expected);
        }
    }

    #[test]
    fn more_than_the_bucket_holds_is_the_whole_bucket_and_nothing_is_nothing() {
        let mut bucket = Buckets::one(3, 1000);
        assert_eq!(bucket.charge(&[0], NOON), Ok(()));
        assert_eq!(bucket.0[0].1, None, "a bucket that is full is not kept");
        assert_eq!(bucket.charge(&[1000], NOON), Ok(()));
        assert_eq!(bucket.charge(&[0], NOON), Ok(()));
        assert_eq!(bucket.charge(&[1000], after(1)), Err(Span::millis(2999)));
        assert_eq!(Buckets::one(u32::MAX, i64::MAX).charge(&[u32::MAX], NOON), Ok(()));
    }

    #[test]
    fn of_several_buckets_all_are_charged_or_none_and_the_longest_wait_is_told() {
        let rate = |burst, seconds| (Rate::new(burst, Span::seconds(seconds), 1), None);
        let mut buckets = Buckets(vec![rate(1, 5), rate(3, 60), rate(1, 2)]);
        assert_eq!(buckets.charge(&[1, 1, 1], NOON), Ok(()));
        let before = buckets.0.clone();
        assert_eq!(buckets.charge(&[1, 1, 1], NOON), Err(Span::seconds(5)));
        assert_eq!(buckets.0, before);
        assert_eq!(buckets.charge(&[0, 2, 0], NOON), Ok(()), "two were left, as before the refusal");
        assert_eq!(decide(&[], NOON), Decision { arrives_at: Vec::new(), answer: Ok(()) });
    }

    #[test]
    fn a_clock_that_was_wrong_leaves_an_empty_bucket_and_no_endless_one() {
        let mut bucket = Buckets::one(2, 1000);
        assert_eq!(bucket.charge(&[1], NOON + Span::days(400)), Ok(()));
        assert_eq!(bucket.charge(&[1], NOON), Err(Span::seconds(1)));
        assert_eq!(bucket.charge(&[1], after(999)), Err(Span::millis(1)));
        assert_eq!(bucket.charge(&[1], after(1000)), Ok(()));
    }

    #[test]
    fn a_clock_that_is_a_little_ahead_is_waited_for() {
        let mut bucket = Buckets::one(2, 1000);
        assert_eq!(bucket.charge(&[2], after(5000)), Ok(()));
        assert_eq!(bucket.charge(&[0], NOON), Ok(()));
        for _ in 0..2 {
            assert_eq!(bucket.charge(&[1], NOON), Err(Span::millis(6000)));
        }
        assert_eq!(bucket.charge(&[1], after(6000)), Ok(()));
    }

    proptest! {
        #[test]
        fn nobody_takes_more_than_the_burst_and_what_was_filled(
            (burst, period) in (1u32..20, 1i64..500),
            steps in proptest::collection::vec((0i64..300, 0u32..6), 1..200),
        ) {
            let mut bucket = Buckets::one(burst, period);
            let (mut at, mut taken) = (0, Vec::new());
            for (passed, amount) in steps {
                at += passed;
                let amount = amount.min(burst);
                if bucket.charge(&[amount], after(at)).is_ok() {
                    taken.push((at, i64::from(amount)));
                }
            }
            // In any stretch of time, not only since the beginning.
            for (first, (began, _)) in taken.iter().enumerate() {
                let mut sum = 0;
                for (ended, amount) in &taken[first..] {
                    sum += amount;
                    prop_assert!(sum <= i64::from(burst) + (ended - began) / period);
                }
            }
        }

        #[test]
        fn nodes_whose_clocks_are_apart_give_no_more_than_the_difference(
            (burst, period, apart) in (1u32..20, 1i64..5000, 0i64..60_000),
            steps in proptest::collection::vec((0i64..1000, any::<bool>()), 1..300),
        ) {
            let mut bucket = Buckets::one(burst, period);
            let (mut at, mut passed) = (0, 0);
            for (elapsed, ahead) in steps {
                at += elapsed;
                let now = after(if ahead { at + apart } else { at });
                passed += i64::from(bucket.charge(&[1], now).is_ok());
            }
            prop_assert!(passed <= i64::from(burst) + (at + apart) / period);
        }

        #[test]
        fn whoever_waits_as_told_passes_and_nobody_sooner(
            (burst, period) in (1u32..20, 1i64..500),
            arrives_at in proptest::option::of(-20_000i64..1_000_000),
            amount in 0u32..30,
        ) {
            let mut bucket = Buckets::one(burst, period);
            bucket.0[0].1 = arrives_at.map(|ms| Timestamp(NOON.0 + ms));
            if let Err(wait) = bucket.charge(&[amount], NOON) {
                let longest = bucket.0[0].0.time_to_fill(amount).as_millis() + CLOCKS_APART.as_millis();
                prop_assert!(wait > Span::ZERO && wait.as_millis() <= longest);
                prop_assert!(bucket.charge(&[amount], after(wait.as_millis() - 1)).is_err());
                prop_assert_eq!(bucket.charge(&[amount], after(wait.as_millis())), Ok(()));
            }
        }

        #[test]
        fn several_pass_when_each_would_alone(
            buckets in proptest::collection::vec((1u32..5, 1i64..500, 0i64..2000, 0u32..6), 1..5),
        ) {
            let withdrawal = |(burst, period, ms, amount): (u32, i64, i64, u32)| Withdrawal {
                rate: Rate::new(burst, Span::millis(period), 1),
                amount,
                arrives_at: Some(after(ms)),
            };
            let all: Vec<Withdrawal> = buckets.into_iter().map(withdrawal).collect();
            let alone: Vec<_> = all.iter().map(|one| decide(&[*one], NOON)).collect();
            let together = decide(&all, NOON);
            let waits = alone.iter().filter_map(|one| one.answer.err());
            prop_assert_eq!(together.answer, waits.max().map_or(Ok(()), Err));
            if together.answer.is_ok() {
                let each: Vec<_> = alone.into_iter().map(|one| one.arrives_at[0]).collect();
                prop_assert_eq!(together.arrives_at, each);
            }
        }
    }
}
