//! Bringing the tables up to what this program needs.

use crate::db::conn::{AnyConn, Role, connect};
use crate::db::error::DbError;
use crate::db::target::Target;
use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource, MigrationVersion};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

/// How a database's tables stand to this program, as versions (dates) in ascending order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaStatus {
    /// What was run.
    pub applied: Vec<String>,
    /// What this program would still run.
    pub pending: Vec<String>,
    /// What was run that this program does not know: a newer one wrote the database.
    pub unknown: Vec<String>,
}

/// Why the tables could not be brought up.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A newer program wrote this database.
    #[error("the database was written by a newer version of this program (its schema is {0}); update the program")]
    Newer(String),
    /// A change of the tables failed and was undone.
    #[error("the database could not be brought up to date: {0}")]
    Failed(String),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Compares the database with this program, changing nothing: a role without the right to change tables may ask.
pub fn status(conn: &mut AnyConn) -> Result<SchemaStatus, DbError> {
    let applied = applied(conn)?;
    let known = known(conn)?;
    Ok(SchemaStatus {
        pending: known.iter().filter(|version| !applied.contains(version)).cloned().collect(),
        unknown: applied.iter().filter(|version| !known.contains(version)).cloned().collect(),
        applied,
    })
}

/// Runs what is missing, one process at a time; which versions it ran. Where nothing is missing it takes no lock and needs
/// no right to change tables.
pub fn run(target: &Target) -> Result<Vec<String>, MigrateError> {
    let mut conn = connect(target, Role::Migrate)?;
    if refuse_newer(status(&mut conn)?)?.pending.is_empty() {
        return Ok(Vec::new());
    }
    match &mut conn {
        AnyConn::Pg(c) => {
            // Held by the session: it ends with this connection, however this process ends.
            c.batch_execute("SELECT pg_advisory_lock(hashtext('banter migrations'), hashtext(current_schema()))")
                .map_err(DbError::from)?;
            run_missing(&mut conn)
        }
        AnyConn::Sqlite(c) => {
            // All of them or none: changes of tables are part of the transaction.
            let mut ran = Vec::new();
            let done = c.exclusive_transaction(|c| {
                ran =
                    c.run_pending_migrations(SQLITE).map_err(Undone)?.iter().map(MigrationVersion::to_string).collect();
                Ok::<(), Undone>(())
            });
            done.map_err(|e| MigrateError::Failed(one_line(&e.0)))?;
            refuse_newer(status(&mut conn)?)?;
            Ok(ran)
        }
    }
}

fn run_missing(conn: &mut AnyConn) -> Result<Vec<String>, MigrateError> {
    // Asked again under the lock: another process may have run them meanwhile.
    if refuse_newer(status(conn)?)?.pending.is_empty() {
        return Ok(Vec::new());
    }
    let AnyConn::Pg(c) = conn else { return Ok(Vec::new()) };
    let ran = c.run_pending_migrations(POSTGRES).map_err(|e| MigrateError::Failed(one_line(&e)))?;
    Ok(ran.iter().map(MigrationVersion::to_string).collect())
}

/// The status, unless a newer program wrote the database.
pub fn refuse_newer(status: SchemaStatus) -> Result<SchemaStatus, MigrateError> {
    match status.unknown.last() {
        Some(version) => Err(MigrateError::Newer(version.clone())),
        None => Ok(status),
    }
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Carries any failure out of a transaction, which is undone.
struct Undone(Cause);

impl From<diesel::result::Error> for Undone {
    fn from(error: diesel::result::Error) -> Undone {
        Undone(Box::new(error))
    }
}

fn one_line(error: &Cause) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Bool)]
    found: bool,
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Text)]
    version: String,
}

/// Asked without diesel's harness, which would create its table.
fn applied(conn: &mut AnyConn) -> Result<Vec<String>, DbError> {
    let asked = match conn {
        AnyConn::Pg(c) => diesel::sql_query("SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL AS found")
            .get_result::<Found>(c)?,
        AnyConn::Sqlite(c) => diesel::sql_query(
            "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = '__diesel_schema_migrations') AS found",
        )
        .get_result::<Found>(c)?,
    };
    if !asked.found {
        return Ok(Vec::new());
    }
    let query = diesel::sql_query("SELECT version FROM __diesel_schema_migrations ORDER BY version");
    let rows: Vec<Version> = crate::db::conn::on_backend!(conn, |c| query.load(c))?;
    Ok(rows.into_iter().map(|row| row.version).collect())
}

fn known(conn: &AnyConn) -> Result<Vec<String>, DbError> {
    let mut versions: Vec<String> = match conn {
        AnyConn::Pg(_) => {
            let all = MigrationSource::<Pg>::migrations(&POSTGRES).map_err(|_| DbError::Damaged("the program"))?;
            all.iter().map(|migration| migration.name().version().to_string()).collect()
        }
        AnyConn::Sqlite(_) => {
            let all = MigrationSource::<Sqlite>::migrations(&SQLITE).map_err(|_| DbError::Damaged("the program"))?;
            all.iter().map(|migration| migration.name().version().to_string()).collect()
        }
    };
    versions.sort();
    Ok(versions)
}
