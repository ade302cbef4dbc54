//! The store in memory passes the suite that it is the measure for.

use std::sync::Arc;
use testkit::bus::RecordingBus;
use testkit::conformance::Subject;
use testkit::memory::MemoryStore;

async fn make() -> Option<(Subject, ())> {
    let bus = Arc::new(RecordingBus::default());
    let store = Arc::new(MemoryStore::new(bus.clone()));
    let subject = Subject {
        accounts: store.clone(),
        rooms: store.clone(),
        sites: store.clone(),
        quotas: store.clone(),
        log: store.clone(),
        history: store.clone(),
        health: store,
        bus,
    };
    Some((subject, ()))
}

testkit::conformance_suite!(make);

mod bus {
    testkit::bus_conformance_suite!(testkit::bus::RecordingBus::default());
}
