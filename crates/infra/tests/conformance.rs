//! Both databases keep the contract that every store keeps, and the bus that of every bus.

mod support;

mod sqlite {
    use crate::support::Database;
    use infra::Store;
    use testkit::conformance::Subject;

    async fn make() -> Option<(Subject, (Store, Database))> {
        let database = Database::sqlite();
        let (subject, store) = database.subject();
        Some((subject, (store, database)))
    }

    testkit::conformance_suite!(make);
}

mod postgres {
    use crate::support::Database;
    use infra::Store;
    use testkit::conformance::Subject;

    async fn make() -> Option<(Subject, (Store, Database))> {
        let database = Database::postgres();
        let (subject, store) = database.subject();
        Some((subject, (store, database)))
    }

    testkit::conformance_suite!(make);
}

mod local_bus {
    testkit::bus_conformance_suite!(infra::adapters::bus::LocalBus::default());
}
