//! Limiters: one that lets everything pass, one that counts.

use domain::model::time::Span;
use domain::ports::effects::{Charge, Geography, Quota, RateLimiter};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;

/// Never says no.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenLimiter;

impl RateLimiter for OpenLimiter {
    fn charge(&self, _charge: Charge<'_>) -> Result<(), Span> {
        Ok(())
    }
}

/// Allows each key the burst of its quota, and never refills: after that, the quota's pause is the answer.
#[derive(Debug, Default)]
pub struct CountingLimiter(Mutex<HashMap<(Quota, String), u32>>);

impl CountingLimiter {
    /// How often `key` was counted against `quota`, refusals included.
    pub fn taken(&self, quota: Quota, key: &str) -> u32 {
        self.0.lock().expect("nobody panics here").get(&(quota, key.to_owned())).copied().unwrap_or(0)
    }

    /// How often `quota` was counted under any key.
    pub fn total(&self, quota: Quota) -> u32 {
        self.0.lock().expect("nobody panics here").iter().filter(|((q, _), _)| *q == quota).map(|(_, n)| n).sum()
    }

    /// Fills every bucket again.
    pub fn refill(&self) {
        self.0.lock().expect("nobody panics here").clear();
    }
}

impl RateLimiter for CountingLimiter {
    fn charge(&self, charge: Charge<'_>) -> Result<(), Span> {
        let mut counts = self.0.lock().expect("nobody panics here");
        let count = counts.entry((charge.quota, charge.key.to_owned())).or_default();
        let (burst, pause) = charge.quota.rate();
        *count += charge.amount.min(burst * charge.allowance);
        if *count > burst * charge.allowance { Err(pause) } else { Ok(()) }
    }
}

/// Knows no address.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoGeography;

impl Geography for NoGeography {
    fn country(&self, _address: IpAddr) -> Option<String> {
        None
    }
}
