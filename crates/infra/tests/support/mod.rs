//! A fresh database for each test: a SQLite file, or a schema of a PostgreSQL server.

#![allow(dead_code, reason = "each test binary uses its own part of this")]
#![expect(clippy::unwrap_used, reason = "test support: a broken expectation is a failed test")]

use diesel::connection::{Connection, SimpleConnection};
use diesel::pg::PgConnection;
use diesel::sqlite::SqliteConnection;
use domain::ports::bus::Bus;
use domain::ports::effects::Ids;
use infra::adapters::ids::RandomIds;
use infra::{Options, Store};
use std::sync::Arc;
use tempfile::TempDir;
use testkit::bus::RecordingBus;
use testkit::conformance::Subject;

/// Where a test's data is; gone when dropped.
pub enum Database {
    /// A file in a folder of its own.
    Sqlite(TempDir),
    /// A schema of the server that the test script started.
    Postgres(Schema),
}

impl Database {
    /// An empty SQLite database.
    pub fn sqlite() -> Database {
        Database::Sqlite(tempfile::tempdir().unwrap())
    }

    /// An empty PostgreSQL schema.
    pub fn postgres() -> Database {
        Database::Postgres(Schema::create())
    }

    /// One of each.
    pub fn both() -> [Database; 2] {
        [Database::sqlite(), Database::postgres()]
    }

    /// What opens it.
    pub fn url(&self) -> String {
        match self {
            Database::Sqlite(folder) => format!("sqlite:{}", folder.path().join("test.db").display()),
            Database::Postgres(schema) => schema.url.clone(),
        }
    }

    /// Opens it with few connections, telling `bus`.
    pub fn open(&self, bus: Arc<dyn Bus>) -> Store {
        self.open_with(Options { readers: 4, writers: 2, ..Options::default() }, bus)
    }

    /// Opens it with these options, telling `bus`.
    pub fn open_with(&self, options: Options, bus: Arc<dyn Bus>) -> Store {
        Store::open(&self.url(), options, bus).unwrap()
    }

    /// Opens it as a subject of the conformance suite.
    pub fn subject(&self) -> (Subject, Store) {
        self.subject_with(Options { readers: 4, writers: 2, ..Options::default() })
    }

    /// Opens it with these options as a subject of the conformance suite.
    pub fn subject_with(&self, options: Options) -> (Subject, Store) {
        let bus = Arc::new(RecordingBus::default());
        let store = self.open_with(options, bus.clone());
        let subject = Subject {
            accounts: Arc::clone(&store.accounts),
            rooms: Arc::clone(&store.rooms),
            sites: Arc::clone(&store.sites),
            quotas: Arc::clone(&store.quotas),
            log: Arc::clone(&store.log),
            history: store.history.clone(),
            health: Arc::clone(&store.health),
            bus,
        };
        (subject, store)
    }

    /// Runs SQL, as an administrator beside the program.
    pub fn run(&self, sql: &str) {
        match self {
            Database::Sqlite(folder) => file_connection(folder).batch_execute(sql).unwrap(),
            Database::Postgres(schema) => schema.connection().batch_execute(sql).unwrap(),
        }
    }
}

/// A connection to the file beside the program's own, which waits for its turn.
pub fn file_connection(folder: &TempDir) -> SqliteConnection {
    let path = folder.path().join("test.db");
    let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    conn.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
    conn
}

/// A schema and a role of its own, put into the URL, so that every connection made of it lives there and can be told from
/// those of other tests.
pub struct Schema {
    /// What opens it.
    pub url: String,
    /// Its name, and its role's.
    pub name: String,
}

impl Schema {
    fn create() -> Schema {
        let name = format!("test_{}", RandomIds.room_uid().as_str().to_lowercase());
        administrate(&format!("CREATE ROLE {name} LOGIN PASSWORD '{name}'; CREATE SCHEMA {name} AUTHORIZATION {name}"));
        let server = server();
        let joint = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{joint}user={name}&password={name}&options=-csearch_path%3D{name}");
        Schema { url, name }
    }

    /// A connection beside the program's own, as the administrator.
    pub fn connection(&self) -> PgConnection {
        let mut conn = PgConnection::establish(&server()).unwrap();
        conn.batch_execute(&format!("SET search_path = {}", self.name)).unwrap();
        conn
    }

    /// Ends all connections of the program and lets it make no more.
    pub fn go_away(&self) {
        administrate(&format!("ALTER ROLE {} NOLOGIN", self.name));
        self.cut();
    }

    /// Ends all connections of the program.
    pub fn cut(&self) {
        administrate(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{}'",
            self.name
        ));
    }

    /// Lets the program connect again.
    pub fn come_back(&self) {
        administrate(&format!("ALTER ROLE {} LOGIN", self.name));
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let drop = format!("DROP SCHEMA {0} CASCADE; DROP ROLE {0}", self.name);
        // Nothing to clean up when the server of the test is gone.
        let _ = PgConnection::establish(&server()).map(|mut conn| conn.batch_execute(&drop));
    }
}

fn administrate(sql: &str) {
    PgConnection::establish(&server()).unwrap().batch_execute(sql).unwrap();
}

/// The server that the test script started.
pub fn server() -> String {
    match std::env::var("TEST_DATABASE_URL") {
        Ok(url) => url,
        Err(_) => panic!("TEST_DATABASE_URL is not set; run npx -y rust-just test"),
    }
}
