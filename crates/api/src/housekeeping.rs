//! What a node does every hour for the store's sake.

use domain::model::time::Timestamp;
use domain::ports::effects::Clock;
use domain::service::operator::{Operator, Swept};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How often.
const EVERY: Duration = Duration::from_secs(3600);

/// How far the wall clock may be from the time that passed.
const TRUSTED_WITHIN: Duration = Duration::from_secs(60);

/// Tidies up every hour, until it is ended. Several nodes may: what one forgot the others do not find.
pub async fn run(operator: Operator, clock: Arc<dyn Clock>) {
    let mut hours = interval(EVERY);
    hours.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = (hours.tick().await, clock.now());
    loop {
        let now = (hours.tick().await, clock.now());
        // A machine may begin with a wrong clock that is set right later: what was forgotten by it would be gone for good.
        if went_evenly(before, now) {
            sweep(&operator).await;
        }
        before = now;
    }
}

fn went_evenly(before: (Instant, Timestamp), now: (Instant, Timestamp)) -> bool {
    let (passed, shown) = (now.0 - before.0, (now.1 - before.1).as_millis());
    passed.as_millis().abs_diff(u128::try_from(shown).unwrap_or(0)) <= TRUSTED_WITHIN.as_millis()
}

async fn sweep(operator: &Operator) {
    match operator.sweep().await {
        Ok(swept) if swept == Swept::default() => {}
        Ok(Swept { sanctions, names, guests, rooms, buckets }) => {
            tracing::info!(sanctions, names, guests, rooms, buckets, "what is over was forgotten");
        }
        // The next hour will do.
        Err(error) => tracing::warn!(%error, "what is over could not be forgotten"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::model::time::Span;

    #[test]
    fn a_clock_that_jumped_since_is_not_trusted() {
        let (start, noon) = (Instant::now(), Timestamp(1_000_000_000));
        let after = |seconds| (start + EVERY, noon + Span::seconds(seconds));
        assert!(went_evenly((start, noon), after(3600)));
        assert!(went_evenly((start, noon), after(3590)));
        assert!(!went_evenly((start, noon), after(3600 + 86_400)));
        assert!(!went_evenly((start, noon), after(-86_400)));
    }
}
