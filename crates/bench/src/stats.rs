//! Latencies, gathered cheaply and summed up.

use hdrhistogram::Histogram;
use serde::Serialize;
use std::time::Duration;

/// The longest that is told apart, in microseconds.
const LONGEST: u64 = 600_000_000;

/// Latencies, to the microsecond and three digits.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

/// The latencies in a few numbers, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// The median.
    pub p50: f64,
    /// Nine of ten are below.
    pub p90: f64,
    /// 99 of 100 are below.
    pub p99: f64,
    /// 999 of 1000 are below.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

impl Default for Latencies {
    fn default() -> Latencies {
        // The bounds are constants that are in range; automatic resizing is what it falls back to.
        Latencies(Histogram::new_with_max(LONGEST, 3).unwrap_or_else(|_| unreachable!("the bounds are in range")))
    }
}

impl Latencies {
    /// One more.
    pub fn record(&mut self, latency: Duration) {
        self.0.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(LONGEST));
    }

    /// Those of another thread too.
    pub fn add(&mut self, other: &Latencies) {
        // Both have the same bounds, so nothing can be out of range.
        let added = self.0.add(&other.0);
        debug_assert!(added.is_ok());
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The numbers that are told.
    pub fn summary(&self) -> Summary {
        let at = |quantile: f64| self.0.value_at_quantile(quantile) as f64 / 1000.0;
        if self.0.is_empty() {
            return Summary::default();
        }
        Summary { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: self.0.max() as f64 / 1000.0 }
    }
}

/// The middle of some numbers.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    match numbers.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => numbers[odd / 2],
        even => f64::midpoint(numbers[even / 2 - 1], numbers[even / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_three_digits() {
        let mut latencies = Latencies::default();
        (1..=100_000).for_each(|n| latencies.record(Duration::from_micros(n)));
        let Summary { p50, p90, p99, p999, max } = latencies.summary();
        for (found, expected) in [(p50, 50.0), (p90, 90.0), (p99, 99.0), (p999, 99.9), (max, 100.0)] {
            assert!((found - expected).abs() / expected < 0.002, "{found} is not {expected}");
        }
    }

    #[test]
    fn one_slow_one_in_a_thousand_shows_in_the_tail_only() {
        let mut latencies = Latencies::default();
        (0..999).for_each(|_| latencies.record(Duration::from_millis(1)));
        latencies.record(Duration::from_secs(2));
        let summary = latencies.summary();
        assert!(summary.p99 < 1.01 && summary.max > 1_999.0, "{summary:?}");
    }

    #[test]
    fn threads_add_up_and_nothing_is_too_long_to_be_counted() {
        let (mut one, mut other) = (Latencies::default(), Latencies::default());
        one.record(Duration::from_millis(5));
        other.record(Duration::from_secs(100_000));
        one.add(&other);
        assert_eq!(one.count(), 2);
        assert!(one.summary().max >= 599_000.0);
    }

    #[test]
    fn nothing_measured_is_zero_and_the_median_is_the_middle() {
        assert_eq!(Latencies::default().summary(), Summary::default());
        for (numbers, middle) in [(vec![], 0.0), (vec![3.0], 3.0), (vec![9.0, 1.0, 2.0], 2.0), (vec![1.0, 2.0], 1.5)] {
            assert_eq!(median(numbers), middle);
        }
    }
}
