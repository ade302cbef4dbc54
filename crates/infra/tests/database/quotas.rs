//! Quotas that hold over all nodes: two nodes on one database, and what the database keeps of whom they count.

use crate::support::{Database, file_connection};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use domain::bucket::Rate;
use domain::model::rank::Rank;
use domain::model::time::Span;
use domain::model::user::Network;
use domain::ports::effects::{Charge, Quota, Rates};
use domain::ports::store::StoreError;
use domain::service::access::AccessCache;
use domain::service::error::{Error, RateLimitKind};
use domain::service::quotas::SharedQuotas;
use domain::service::{ClientInfo, Guests, Ports, Services, Settings};
use infra::adapters::limiter::Limiter;
use infra::{Options, Store};
use std::sync::Arc;
use std::time::Duration;
use testkit::builders::{self, NOON, later};
use testkit::bus::RecordingBus;
use testkit::clock::FakeClock;
use testkit::hasher::PlainHasher;
use testkit::ids::SeqIds;
use testkit::tokens::{PlainSiteTokens, PlainTokens};

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

/// A node of its own on a database: its memory, its connections, its clock.
fn node(database: &Database) -> (Services, Store) {
    let bus = Arc::new(RecordingBus::default());
    let access = Arc::new(AccessCache::new(&*bus));
    let store = database.open_with(Options { readers: 4, writers: 1, ..Options::default() }, bus);
    let rates = Rates::default();
    let ports = Ports {
        accounts: store.accounts.clone(),
        rooms: store.rooms.clone(),
        sites: store.sites.clone(),
        log: store.log.clone(),
        messages: store.history.clone(),
        events: store.history.clone(),
        sanctions: store.history.clone(),
        access_reader: store.history.clone(),
        access,
        clock: Arc::new(FakeClock::default()),
        ids: Arc::new(SeqIds::default()),
        hasher: Arc::new(PlainHasher::default()),
        tokens: Arc::new(PlainTokens),
        site_tokens: Arc::new(PlainSiteTokens),
        limiter: Arc::new(Limiter::new(&rates)),
        shared_quotas: Some(SharedQuotas::new(store.quotas.clone(), rates)),
    };
    let settings = Settings {
        guests: Guests::Address,
        room_creation: Rank::Guest,
        site_creation: Rank::Admin,
        public_url: None,
        limits: true,
    };
    (Services::new(ports, settings), store)
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_two_nodes_at_once_are_as_many_as_at_one() {
    let database = Database::postgres();
    let nodes = [node(&database), node(&database)];
    builders::user("ann").create(&*nodes[0].1.accounts).await;
    let mut guesses = tokio::task::JoinSet::new();
    for guess in 0..40 {
        let accounts = nodes[guess % 2].0.accounts.clone();
        guesses.spawn(async move {
            let from = ClientInfo { network: Network("x".to_owned()), wider: Vec::new(), country: None };
            accounts.login("ann", "wrong horse", &from).await
        });
    }
    let (mut checked, mut refused) = (0, 0);
    for answer in guesses.join_all().await {
        match answer {
            Err(Error::CredentialsWrong) => checked += 1,
            Err(Error::TooFast { pace: RateLimitKind::Login, retry_after }) => {
                assert!(retry_after > Span::ZERO && retry_after <= Span::seconds(30), "{retry_after:?}");
                refused += 1;
            }
            other => panic!("neither checked nor refused: {other:?}"),
        }
    }
    assert_eq!((checked, refused), (5, 35));
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
