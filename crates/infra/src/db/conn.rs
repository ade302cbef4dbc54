//! One connection type for both databases, and how each connection is set up.

use crate::db::error::DbError;
use crate::db::target::Target;
use diesel::connection::{AnsiTransactionManager, Connection, SimpleConnection, TransactionManager};
use diesel::{PgConnection, SqliteConnection};

/// A connection to either database. What both understand is written once; [`on_backend`] expands the rest per arm.
#[derive(diesel::MultiConnection)]
pub enum AnyConn {
    /// PostgreSQL.
    Pg(PgConnection),
    /// SQLite.
    Sqlite(SqliteConnection),
}

/// Compiles one expression for each database.
macro_rules! on_backend {
    ($conn:expr, |$c:ident| $body:expr) => {
        match $conn {
            $crate::db::conn::AnyConn::Pg($c) => $body,
            $crate::db::conn::AnyConn::Sqlite($c) => $body,
        }
    };
}
pub(crate) use on_backend;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Serves requests. Reads unless a transaction says that it writes.
    Serve,
    /// Writes the logs (and, on SQLite, everything).
    Write,
    /// Changes the tables; it may take its time.
    Migrate,
}

/// Every statement that serves has an index. A plan that was made while a table was empty reads the whole table and is kept
/// until somebody runs ANALYZE: a minute in which a batch takes half a second instead of ten milliseconds (measured).
/// The cost that keeps it from doing so must not look worth compiling for.
const PLANS_ON_POSTGRES: &str = "SET enable_seqscan = off; SET jit = off";
const SERVE_ON_POSTGRES: &str = "SET statement_timeout = 2000; SET lock_timeout = 2000; \
     SET default_transaction_isolation = 'repeatable read'; SET default_transaction_read_only = on";
/// The writers give up a lock sooner than a caller gives up an answer, so that the other rooms of a batch still get theirs.
const WRITE_ON_POSTGRES: &str = "SET statement_timeout = 2000; SET lock_timeout = 1000; SET synchronous_commit = on";
const SERVE_ON_SQLITE: &str = "PRAGMA foreign_keys = ON; PRAGMA query_only = ON";
/// synchronous=FULL: in WAL mode anything less may lose acknowledged commits when the machine loses power.
const WRITE_ON_SQLITE: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
     PRAGMA foreign_keys = ON; PRAGMA journal_size_limit = 67108864";

/// Opens a connection. The words of an error are free of the password.
pub fn connect(target: &Target, role: Role) -> Result<AnyConn, DbError> {
    let failed = |words: String| DbError::Unreachable(target.redact(&words));
    match target {
        Target::Postgres(url) => {
            let mut conn = PgConnection::establish(&with_timeouts(url)).map_err(|e| failed(e.to_string()))?;
            match role {
                Role::Serve => conn.batch_execute(&format!("{PLANS_ON_POSTGRES}; {SERVE_ON_POSTGRES}"))?,
                Role::Write => conn.batch_execute(&format!("{PLANS_ON_POSTGRES}; {WRITE_ON_POSTGRES}"))?,
                Role::Migrate => {}
            }
            Ok(AnyConn::Pg(conn))
        }
        Target::Sqlite(path) => {
            let path = path.to_str().ok_or_else(|| failed("the path is not UTF-8".to_owned()))?;
            let mut conn = SqliteConnection::establish(path).map_err(|e| failed(e.to_string()))?;
            let (timeout, setup) = match role {
                Role::Serve => (2_000, SERVE_ON_SQLITE),
                Role::Write => (1_000, WRITE_ON_SQLITE),
                // Another process may be changing the tables, or turning the file to WAL.
                Role::Migrate => (60_000, WRITE_ON_SQLITE),
            };
            conn.batch_execute(&format!("PRAGMA busy_timeout = {timeout}; {setup}"))?;
            Ok(AnyConn::Sqlite(conn))
        }
    }
}

/// libpq waits for ever by default, for a server that does not answer as for one that is cut off. One that took the question
/// and then vanished is found out by keepalives, after 20 s.
fn with_timeouts(url: &str) -> String {
    let mut url = url.to_owned();
    let timeouts = [
        ("connect_timeout", "2"),
        ("tcp_user_timeout", "2000"),
        ("keepalives_idle", "5"),
        ("keepalives_interval", "5"),
        ("keepalives_count", "3"),
    ];
    for (name, value) in timeouts {
        if !url.contains(name) {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(name);
            url.push('=');
            url.push_str(value);
        }
    }
    url
}

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// All reads see one state.
    Snapshot,
    /// Each statement sees what was committed before it; on SQLite nobody else writes meanwhile.
    Write,
    /// The same, but PostgreSQL does not wait for the disk: a crash may undo what was committed in its last second. Others
    /// who wait for its locks wait for less.
    Volatile,
}

/// Runs `work` in a transaction: committed when it answers, undone when it fails.
///
/// Diesel's own `transaction` cannot say how to begin on a connection of either kind, and a SQLite transaction that
/// begins by reading and goes on to write fails under concurrency ("database is locked") whatever its timeout.
pub fn transaction<T>(
    conn: &mut AnyConn,
    mode: Mode,
    work: impl FnOnce(&mut AnyConn) -> Result<T, DbError>,
) -> Result<T, DbError> {
    match (&mut *conn, mode) {
        (AnyConn::Pg(c), Mode::Snapshot) => {
            AnsiTransactionManager::begin_transaction_sql(c, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
        }
        (AnyConn::Pg(c), Mode::Write) => {
            AnsiTransactionManager::begin_transaction_sql(c, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")?;
        }
        (AnyConn::Pg(c), Mode::Volatile) => {
            let begin = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL synchronous_commit = off";
            AnsiTransactionManager::begin_transaction_sql(c, begin)?;
        }
        (AnyConn::Sqlite(c), Mode::Snapshot) => AnsiTransactionManager::begin_transaction_sql(c, "BEGIN")?,
        (AnyConn::Sqlite(c), Mode::Write | Mode::Volatile) => {
            AnsiTransactionManager::begin_transaction_sql(c, "BEGIN IMMEDIATE")?;
        }
    }
    match work(conn) {
        Ok(value) => {
            Manager::commit_transaction(conn)?;
            Ok(value)
        }
        Err(error) => {
            // When even this fails the connection is broken, which its owner finds out by itself.
            let _ = Manager::rollback_transaction(conn);
            Err(error)
        }
    }
}

type Manager = <AnyConn as Connection>::TransactionManager;

/// Whether the connection still answers and is in no transaction.
pub fn is_alive(conn: &mut AnyConn) -> bool {
    !Manager::is_broken_transaction_manager(conn) && conn.batch_execute("SELECT 1").is_ok()
}
