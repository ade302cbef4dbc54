//! What every bus must do, as one suite for all of them: [`bus_conformance_suite!`](crate::bus_conformance_suite).

use domain::model::id::UserId;
use domain::ports::bus::{Bus, BusMessage, Notice};
use std::sync::Arc;

/// What every bus must do: `make` gives a fresh one.
#[macro_export]
macro_rules! bus_conformance_suite {
    ($make:expr) => {
        #[test]
        fn every_subscriber_gets_everything_in_order_from_then_on() {
            $crate::conformance::runtime().block_on($crate::bus_conformance::in_order($make));
        }

        #[test]
        fn what_was_published_before_is_there_without_waiting() {
            $crate::conformance::runtime().block_on($crate::bus_conformance::at_once($make));
        }

        #[test]
        fn a_subscriber_that_sleeps_is_told_of_the_loss_and_goes_on_after_it() {
            $crate::conformance::runtime().block_on($crate::bus_conformance::declared_loss($make));
        }
    };
}

fn told(user: i64) -> BusMessage {
    BusMessage::Notice(Notice::UserDeleted(UserId(user)))
}

/// Every subscriber gets everything in order, from its subscription on.
pub async fn in_order(bus: impl Bus) {
    bus.announce(Notice::UserDeleted(UserId(0)));
    let mut subscribers = [bus.subscribe(), bus.subscribe()];
    bus.announce(Notice::UserDeleted(UserId(1)));
    bus.publish(Vec::new().into());
    for subscriber in &mut subscribers {
        assert_eq!(subscriber.next().await, Some(told(1)));
        assert_eq!(subscriber.next().await, Some(BusMessage::Events(Arc::from([]))));
        assert_eq!(subscriber.try_next(), None);
    }
}

/// What was published before is there without waiting.
pub async fn at_once(bus: impl Bus) {
    let mut subscriber = bus.subscribe();
    for user in 1..=3 {
        bus.announce(Notice::UserDeleted(UserId(user)));
        assert_eq!(subscriber.try_next(), Some(told(user)));
    }
}

/// A subscriber that sleeps is told of the loss and goes on after it.
pub async fn declared_loss(bus: impl Bus) {
    const MANY: i64 = 100_000;
    let mut subscriber = bus.subscribe();
    for user in 1..=MANY {
        bus.announce(Notice::UserDeleted(UserId(user)));
    }
    assert_eq!(subscriber.next().await, Some(BusMessage::Lost));
    let mut rest = Vec::new();
    while let Some(message) = subscriber.try_next() {
        rest.push(message);
    }
    assert!(rest.len() < MANY as usize / 2, "a queue that keeps {} messages has no bound", rest.len());
    let first = MANY - rest.len() as i64 + 1;
    assert_eq!(rest, (first..=MANY).map(told).collect::<Vec<_>>(), "the latest, without a gap");
}
