//! Bringing tables up, from nothing, from now, and not from the future.

use crate::support::Database;
use infra::{SchemaStatus, Store, inspect, migrate};
use std::sync::Arc;
use testkit::bus::RecordingBus;
use testkit::clock::FakeClock;

fn schema_status(database: &Database) -> Option<SchemaStatus> {
    inspect::database(&database.url(), &FakeClock::default()).ok()?.map(|info| info.schema)
}

#[test]
fn an_empty_database_is_brought_up_once() {
    for database in Database::both() {
        let ran = migrate(&database.url()).unwrap();
        assert!(!ran.is_empty());
        let status = schema_status(&database).unwrap();
        assert_eq!((status.applied, status.pending, status.unknown), (ran, vec![], vec![]));
        assert_eq!(migrate(&database.url()).unwrap(), Vec::<String>::new());
    }
}

#[test]
fn asking_changes_nothing() {
    let database = Database::postgres();
    let status = schema_status(&database).unwrap();
    assert_eq!(status.applied, Vec::<String>::new());
    assert!(!status.pending.is_empty());
    assert_eq!(schema_status(&database).unwrap(), status);
    let file = Database::sqlite();
    assert!(inspect::database(&file.url(), &FakeClock::default()).unwrap().is_none());
    assert!(inspect::database(&file.url(), &FakeClock::default()).unwrap().is_none(), "nor made by asking");
}

#[test]
fn many_processes_at_once_bring_it_up_once() {
    for database in Database::both() {
        let url = &database.url();
        let ran: Vec<usize> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..6).map(|_| scope.spawn(|| migrate(url).unwrap().len())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(ran.iter().filter(|count| **count > 0).count(), 1, "{ran:?}");
    }
}

#[test]
fn a_database_of_a_newer_program_is_refused_in_one_line() {
    for database in Database::both() {
        migrate(&database.url()).unwrap();
        database.run("INSERT INTO __diesel_schema_migrations (version) VALUES ('99991231000000')");
        assert_eq!(schema_status(&database).unwrap().unknown, ["99991231000000"]);
        let refused = Store::open(&database.url(), infra::Options::default(), Arc::new(RecordingBus::default()));
        let words = refused.err().unwrap().to_string();
        assert!(words.contains("newer version") && words.contains("99991231000000"), "{words}");
        assert!(!words.contains('\n'));
        assert!(migrate(&database.url()).is_err());
    }
}

#[test]
fn a_failed_change_leaves_nothing_behind() {
    for database in Database::both() {
        // A table of the same name stands in the way of the last one.
        database.run("CREATE TABLE sanctions (id INTEGER)");
        let words = migrate(&database.url()).unwrap_err().to_string();
        assert!(words.contains("could not be brought up to date") && !words.contains('\n'), "{words}");
        database.run("DROP TABLE sanctions");
        assert!(!migrate(&database.url()).unwrap().is_empty());
    }
}

#[test]
fn a_role_without_the_right_to_change_tables_may_serve() {
    let database = Database::postgres();
    migrate(&database.url()).unwrap();
    let Database::Postgres(schema) = &database else { return };
    let name = &schema.name;
    database.run(&format!(
        "ALTER SCHEMA {name} OWNER TO CURRENT_USER; REASSIGN OWNED BY {name} TO CURRENT_USER; \
         GRANT USAGE ON SCHEMA {name} TO {name}; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {name} TO {name}"
    ));
    let (_, store) = database.subject();
    assert_eq!(store.token_key.bytes().len(), 32);
    store.shutdown();
    database.run(&format!("DROP OWNED BY {name}"));
}

#[test]
fn a_change_can_be_taken_back() {
    let downs = [
        [
            include_str!("../../../../migrations/sqlite/2026-11-28-000002_site_users/down.sql"),
            include_str!("../../../../migrations/sqlite/2026-11-28-000001_sites/down.sql"),
            include_str!("../../../../migrations/sqlite/2026-11-28-000000_quota_buckets/down.sql"),
            include_str!("../../../../migrations/sqlite/2026-11-22-000001_pins_and_sites/down.sql"),
            include_str!("../../../../migrations/sqlite/2026-11-22-000000_chat/down.sql"),
        ],
        [
            include_str!("../../../../migrations/postgres/2026-11-28-000002_site_users/down.sql"),
            include_str!("../../../../migrations/postgres/2026-11-28-000001_sites/down.sql"),
            include_str!("../../../../migrations/postgres/2026-11-28-000000_quota_buckets/down.sql"),
            include_str!("../../../../migrations/postgres/2026-11-22-000001_pins_and_sites/down.sql"),
            include_str!("../../../../migrations/postgres/2026-11-22-000000_chat/down.sql"),
        ],
    ];
    for (database, down) in Database::both().into_iter().zip(downs) {
        migrate(&database.url()).unwrap();
        down.iter().for_each(|down| database.run(down));
        database.run("DROP TABLE __diesel_schema_migrations");
        assert!(!migrate(&database.url()).unwrap().is_empty());
    }
}
