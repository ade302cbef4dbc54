//! What a node does every hour for the store's sake.

use domain::service::operator::Operator;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// How often.
const EVERY: Duration = Duration::from_secs(3600);

/// Tidies up, now and every hour, until it is ended. Several nodes may: what one forgot the others do not find.
pub async fn run(operator: Operator) {
    let mut hours = interval(EVERY);
    hours.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        hours.tick().await;
        match operator.sweep().await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "sanctions that are over were forgotten"),
            // The next hour will do.
            Err(error) => tracing::warn!(%error, "sanctions that are over could not be forgotten"),
        }
    }
}
