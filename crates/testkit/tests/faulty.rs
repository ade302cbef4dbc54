//! The faults do what they say, so that a test of a failure tests a failure.

use domain::model::id::UserId;
use domain::ports::store::{AccountStore, Health, StoreError};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use testkit::bus::RecordingBus;
use testkit::faulty::{Fault, Faults, Faulty};
use testkit::memory::MemoryStore;

fn store() -> (Faulty<MemoryStore>, Arc<Faults>) {
    let faults = Arc::new(Faults::default());
    let store = Arc::new(MemoryStore::new(Arc::new(RecordingBus::default())));
    (Faulty::new(store, faults.clone()), faults)
}

fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}

#[test]
fn the_nth_call_fails_and_no_other() {
    let (store, faults) = store();
    faults.nth("health.check", 2, Fault::Fail);
    let answers = [(); 3].map(|()| now(store.check()).unwrap());
    assert!(matches!(answers, [Ok(()), Err(StoreError::Failed(_)), Ok(())]), "{answers:?}");
    assert_eq!(faults.calls("health.check"), 3);
    assert!(now(store.user(UserId(1))).unwrap().is_ok(), "another method is another plan");
}

#[test]
fn every_call_fails_until_it_is_healed() {
    let (store, faults) = store();
    faults.always("health.check", Fault::Busy);
    assert!(matches!(now(store.check()).unwrap(), Err(StoreError::Busy { .. })));
    assert!(matches!(now(store.check()).unwrap(), Err(StoreError::Busy { .. })));
    faults.heal();
    assert!(now(store.check()).unwrap().is_ok());
}

#[test]
fn a_call_that_is_held_goes_on_when_it_is_released() {
    let (store, faults) = store();
    faults.nth("health.check", 1, Fault::Hold);
    let mut held = pin!(store.check());
    let mut context = Context::from_waker(Waker::noop());
    assert!(held.as_mut().poll(&mut context).is_pending());
    faults.release();
    assert!(matches!(held.as_mut().poll(&mut context), Poll::Ready(Ok(()))));
}
