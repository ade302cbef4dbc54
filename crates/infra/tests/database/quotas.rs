//! Quotas that hold over all nodes: what the database keeps of whom they count, and what it does when it is held or away.

use crate::support::{Database, file_connection};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use domain::bucket::Rate;
use domain::model::time::Span;
use domain::ports::effects::{Charge, Quota};
use domain::ports::store::StoreError;
use std::time::Duration;
use testkit::builders::{NOON, later};

fn rate() -> Rate {
    Rate::new(3, Span::seconds(10), 1)
}

fn guest(key: &str) -> (Charge<'_>, Rate) {
    (Charge::one(Quota::Guest, key), rate())
}

/// The keys of the buckets that a database keeps, ascending.
fn keys(database: &Database) -> Vec<String> {
    #[derive(QueryableByName)]
    struct Bucket {
        #[diesel(sql_type = Text)]
        key: String,
    }
    let query = diesel::sql_query("SELECT key FROM quota_buckets ORDER BY key");
    let rows: Vec<Bucket> = match database {
        Database::Sqlite(folder) => query.load(&mut file_connection(folder)).unwrap(),
        Database::Postgres(schema) => query.load(&mut schema.connection()).unwrap(),
    };
    rows.into_iter().map(|row| row.key).collect()
}

async fn soon<T>(answer: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_millis(2500), answer).await.unwrap()
}

#[tokio::test]
async fn nobody_who_is_counted_can_be_read_from_the_database_or_found_by_trying() {
    for two in [[Database::sqlite(), Database::sqlite()], [Database::postgres(), Database::postgres()]] {
        let mut kept = Vec::new();
        for database in &two {
            let (subject, _store) = database.subject();
            subject.quotas.charge(&[guest("ann 203.0.113.7"), guest("")], NOON).await.unwrap().unwrap();
            kept.extend(keys(database));
        }
        kept.sort();
        kept.dedup();
        assert_eq!(kept.len(), 4, "each database has a key of its own: {kept:?}");
        assert!(kept.iter().all(|key| key.len() == 22), "128 bits: {kept:?}");
    }
}

#[tokio::test]
async fn a_refusal_leaves_no_bucket_behind() {
    for database in Database::both() {
        let (subject, _store) = database.subject();
        for _ in 0..3 {
            subject.quotas.charge(&[guest("net")], NOON).await.unwrap().unwrap();
        }
        assert!(subject.quotas.charge(&[guest("a"), guest("net"), guest("b")], NOON).await.unwrap().is_err());
        assert_eq!(keys(&database).len(), 1);
    }
}

#[tokio::test]
async fn a_bucket_that_somebody_holds_is_busy_and_passed_over_by_the_sweep() {
    let database = Database::postgres();
    let Database::Postgres(schema) = &database else { return };
    let (subject, _store) = database.subject();
    let quotas = &subject.quotas;
    quotas.charge(&[guest("held")], NOON).await.unwrap().unwrap();
    let mut beside = schema.connection();
    beside.batch_execute("BEGIN; SELECT * FROM quota_buckets FOR UPDATE").unwrap();
    quotas.charge(&[guest("free")], NOON).await.unwrap().unwrap();

    let answer = soon(quotas.charge(&[guest("held"), guest("free")], NOON)).await;
    assert!(matches!(answer, Err(StoreError::Busy { .. })), "{answer:?}");
    assert_eq!(soon(quotas.forget_full(later(60), "", 10)).await.unwrap(), (1, None));

    beside.batch_execute("ROLLBACK").unwrap();
    assert_eq!(quotas.forget_full(later(60), "", 10).await.unwrap(), (1, None));
}

#[tokio::test]
async fn while_the_database_is_away_nobody_is_counted_in() {
    let database = Database::postgres();
    let Database::Postgres(schema) = &database else { return };
    let (subject, _store) = database.subject();
    subject.quotas.charge(&[guest("net")], NOON).await.unwrap().unwrap();
    schema.go_away();
    for _ in 0..2 {
        let answer = soon(subject.quotas.charge(&[guest("net")], NOON)).await;
        assert!(matches!(answer, Err(StoreError::Busy { .. })), "{answer:?}");
    }
    schema.come_back();
    // One of three was taken before, and none meanwhile.
    let mut left = 0;
    let mut tries = 0;
    while left < 2 {
        tries += 1;
        assert!(tries < 500, "it did not come back");
        match subject.quotas.charge(&[guest("net")], NOON).await {
            Ok(answer) => left += i32::from(answer.is_ok()),
            Err(StoreError::Busy { .. }) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(error) => panic!("{error:?}"),
        }
    }
    assert!(subject.quotas.charge(&[guest("net")], NOON).await.unwrap().is_err());
}
