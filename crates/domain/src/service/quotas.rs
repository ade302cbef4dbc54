//! What a service charges before it does something: by this node, and some of it over all nodes.

use crate::bucket::Rate;
use crate::model::time::{Span, Timestamp};
use crate::ports::effects::{Charge, Rates};
use crate::ports::store::{QuotaStore, StoreError};
use crate::service::Ports;
use crate::service::error::{Error, RateLimitKind};
use std::sync::Arc;

/// How long a bucket that is full again is kept, in case another node's clock goes behind.
const KEPT_FULL: Span = Span::minutes(60);

/// The quotas that the nodes of one store count together.
#[derive(Clone)]
pub struct SharedQuotas {
    store: Arc<dyn QuotaStore>,
    rates: Rates,
}

impl SharedQuotas {
    /// Counts in `store` by these rates, which should be the same on all nodes.
    pub fn new(store: Arc<dyn QuotaStore>, rates: Rates) -> SharedQuotas {
        SharedQuotas { store, rates }
    }

    async fn charge(&self, charges: &[Charge<'_>], now: Timestamp) -> Result<Result<(), Span>, StoreError> {
        let rate = |quota, allowance| {
            let (burst, period) = self.rates.of(quota);
            Rate::new(burst, period, allowance)
        };
        let shared = charges.iter().filter(|charge| charge.quota.is_shared());
        let shared: Vec<_> = shared.map(|charge| (*charge, rate(charge.quota, charge.allowance))).collect();
        if shared.is_empty() { Ok(Ok(())) } else { self.store.charge(&shared, now).await }
    }

    /// Forgets the buckets that are full again, at most `limit` in one transaction; how many.
    pub(super) async fn sweep(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let full_before = Timestamp(now.0 - KEPT_FULL.as_millis());
        let (mut forgotten, mut after) = (0, Some(String::new()));
        while let Some(from) = after {
            let (some, next) = self.store.forget_full(full_before, &from, limit).await?;
            forgotten += some;
            after = next;
        }
        Ok(forgotten)
    }
}

impl Ports {
    /// Takes each charge from its bucket: on this node first, so that a flood costs the store nothing, then all of those that
    /// are shared. A store that cannot say is an error: nobody gets in uncounted.
    pub(super) async fn charge(&self, charges: &[Charge<'_>], pace: RateLimitKind) -> Result<(), Error> {
        let too_fast = |retry_after| Error::TooFast { pace, retry_after };
        charges.iter().try_for_each(|charge| self.limiter.charge(*charge)).map_err(too_fast)?;
        match &self.shared_quotas {
            Some(shared) => shared.charge(charges, self.clock.now()).await?.map_err(too_fast),
            None => Ok(()),
        }
    }
}
