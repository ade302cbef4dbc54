//! Quotas in memory: one bucket per key, forgotten when it is full again.

use domain::model::time::Span;
use domain::ports::effects::{Charge, Quota, RateLimiter, Rates};
use domain::service::ALLOWANCES;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How many takes come between two rounds of forgetting.
const PRUNE_EVERY: usize = 4096;

type Buckets<C> = governor::RateLimiter<String, DashMapStateStore<String>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// Counts in this process alone: several nodes allow several times as much, of quotas that are not shared.
pub struct Limiter<C: Clock = DefaultClock> {
    /// By quota and allowance, each with its burst.
    buckets: HashMap<(Quota, u32), (NonZeroU32, Buckets<C>)>,
    clock: C,
    taken: AtomicUsize,
}

impl Default for Limiter {
    fn default() -> Self {
        Limiter::new(&Rates::default())
    }
}

impl Limiter {
    /// A limiter of these rates.
    pub fn new(rates: &Rates) -> Limiter {
        Limiter::with_clock(rates, DefaultClock::default())
    }
}

impl<C: Clock + Clone> Limiter<C> {
    /// A limiter that counts by `clock`.
    fn with_clock(rates: &Rates, clock: C) -> Limiter<C> {
        let buckets = |(quota, allowance): (Quota, u32)| {
            let (burst, period) = rates.of(quota);
            let period = Duration::from_millis(period.as_millis().max(1).unsigned_abs()) / allowance;
            let burst = NonZeroU32::new(burst.saturating_mul(allowance)).unwrap_or(NonZeroU32::MIN);
            let rate = governor::Quota::with_period(period).unwrap_or(governor::Quota::per_second(burst));
            let buckets = Buckets::new(rate.allow_burst(burst), DashMapStateStore::default(), clock.clone());
            ((quota, allowance), (burst, buckets))
        };
        let all = Quota::ALL.into_iter().flat_map(|quota| ALLOWANCES.map(|allowance| (quota, allowance)));
        Limiter { buckets: all.map(buckets).collect(), clock, taken: AtomicUsize::new(0) }
    }

    /// How many keys are counted now.
    fn keys(&self) -> usize {
        self.buckets.values().map(|(_, buckets)| buckets.len()).sum()
    }

    fn prune(&self) {
        self.buckets.values().for_each(|(_, buckets)| buckets.retain_recent());
        tracing::debug!(keys = self.keys(), "quotas that are full again were forgotten");
    }
}

impl<C: Clock + Clone + Send + Sync> RateLimiter for Limiter<C>
where
    C::Instant: Send + Sync,
{
    fn charge(&self, charge: Charge<'_>) -> Result<(), Span> {
        if self.taken.fetch_add(1, Ordering::Relaxed) % PRUNE_EVERY == PRUNE_EVERY - 1 {
            self.prune();
        }
        let Some((burst, buckets)) = self.buckets.get(&(charge.quota, charge.allowance)) else { return Ok(()) };
        let Some(amount) = NonZeroU32::new(charge.amount) else { return Ok(()) };
        // No more than the bucket holds, so that there is always a time when it is enough.
        let Ok(checked) = buckets.check_key_n(&charge.key.to_owned(), amount.min(*burst)) else { return Ok(()) };
        checked.map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now());
            Span::millis(i64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX).max(1))
        })
    }
}

/// Allows everything: LIMITS=off.
#[derive(Clone, Copy, Debug)]
pub struct Unlimited;

impl RateLimiter for Unlimited {
    fn charge(&self, _: Charge<'_>) -> Result<(), Span> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use governor::clock::FakeRelativeClock;

    fn limiter() -> (Limiter<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (Limiter::with_clock(&Rates::default(), clock.clone()), clock)
    }

    #[test]
    fn every_quota_allows_its_burst_and_then_its_rate() {
        for quota in Quota::ALL {
            let (limiter, clock) = limiter();
            let (burst, period) = quota.rate();
            for _ in 0..burst {
                assert_eq!(limiter.take(quota, "ann"), Ok(()), "{quota:?}");
            }
            assert_eq!(limiter.take(quota, "ann"), Err(period), "{quota:?}");
            clock.advance(Duration::from_millis(period.as_millis() as u64));
            assert_eq!(limiter.take(quota, "ann"), Ok(()), "{quota:?}");
            assert_eq!(limiter.take(quota, "ann"), Err(period), "{quota:?}");
        }
    }

    #[test]
    fn keys_and_quotas_are_counted_apart() {
        let (limiter, _) = limiter();
        for _ in 0..3 {
            assert!(limiter.take(Quota::Rename, "ann").is_ok());
        }
        assert!(limiter.take(Quota::Rename, "ann").is_err());
        assert!(limiter.take(Quota::Rename, "bob").is_ok());
        assert!(limiter.take(Quota::Register, "ann").is_ok());
    }

    #[test]
    fn what_costs_more_takes_more_and_a_wider_allowance_holds_more() {
        let (limiter, clock) = limiter();
        let charge = |amount, allowance| limiter.charge(Charge { quota: Quota::Post, key: "ann", amount, allowance });
        assert_eq!(charge(6, 1), Ok(()));
        assert_eq!(charge(6, 1), Err(Span::seconds(2)), "four are left");
        assert_eq!(charge(4, 1), Ok(()), "a refused charge took nothing");
        assert_eq!(charge(40, 4), Ok(()), "a bucket of its own, four times as large");
        assert_eq!(charge(1, 4), Err(Span::millis(250)), "and four times as fast");
        clock.advance(Duration::from_secs(10));
        assert_eq!(charge(1_000, 1), Ok(()), "never more than the whole bucket");
        assert_eq!(charge(0, 1), Ok(()));
    }

    #[test]
    fn keys_that_are_full_again_cost_no_memory() {
        let (limiter, clock) = limiter();
        for n in 0..PRUNE_EVERY - 1 {
            assert!(limiter.take(Quota::Post, &n.to_string()).is_ok());
        }
        assert_eq!(limiter.keys(), PRUNE_EVERY - 1);
        clock.advance(Duration::from_secs(3600));
        assert!(limiter.take(Quota::Post, "last").is_ok());
        assert_eq!(limiter.keys(), 1);
    }

    #[test]
    fn switched_off_it_allows_everything() {
        assert!((0..10_000).all(|_| Unlimited.take(Quota::LoginOfName, "ann").is_ok()));
    }
}
