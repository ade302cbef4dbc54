//! Asking the store whether it is well, for a limited time.

use domain::model::time::Span;
use domain::ports::store::{Health, StoreError};
use std::time::Duration;

/// How long the store may take to answer before it counts as away.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// Asks the store; one that does not answer in time is busy.
pub async fn check(health: &dyn Health) -> Result<(), StoreError> {
    let answer = tokio::time::timeout(CHECK_TIMEOUT, health.check()).await;
    answer.unwrap_or(Err(StoreError::Busy { retry_after: Span::seconds(1) }))
}
