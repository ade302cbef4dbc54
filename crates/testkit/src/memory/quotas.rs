//! Shared quotas in memory.

use super::MemoryStore;
use async_trait::async_trait;
use domain::bucket::{Rate, Withdrawal, decide};
use domain::model::time::{Span, Timestamp};
use domain::ports::effects::Charge;
use domain::ports::store::{QuotaStore, StoreError};
use std::ops::Bound;

fn bucket_of(charge: &Charge<'_>) -> String {
    format!("{} {} {}", charge.quota.as_str(), charge.allowance, charge.key)
}

#[async_trait]
impl QuotaStore for MemoryStore {
    async fn charge(&self, charges: &[(Charge<'_>, Rate)], now: Timestamp) -> Result<Result<(), Span>, StoreError> {
        let mut state = self.state();
        let withdrawal = |(charge, rate): &(Charge<'_>, Rate)| Withdrawal {
            rate: *rate,
            amount: charge.amount,
            arrives_at: state.buckets.get(&bucket_of(charge)).copied(),
        };
        let decision = decide(&charges.iter().map(withdrawal).collect::<Vec<_>>(), now);
        for ((charge, _), arrives_at) in charges.iter().zip(decision.arrives_at) {
            arrives_at.and_then(|arrives_at| state.buckets.insert(bucket_of(charge), arrives_at));
        }
        Ok(decision.answer)
    }

    async fn forget_full(
        &self,
        full_before: Timestamp,
        after: &str,
        limit: usize,
    ) -> Result<(usize, Option<String>), StoreError> {
        let mut state = self.state();
        let above = (Bound::Excluded(after.to_owned()), Bound::Unbounded);
        let seen: Vec<(String, Timestamp)> =
            state.buckets.range(above).take(limit).map(|(key, arrives_at)| (key.clone(), *arrives_at)).collect();
        let full = seen.iter().filter(|(_, arrives_at)| *arrives_at < full_before);
        let forgotten = full.filter(|(key, _)| state.buckets.remove(key).is_some()).count();
        Ok((forgotten, seen.last().map(|(key, _)| key.clone()).filter(|_| seen.len() == limit)))
    }
}
