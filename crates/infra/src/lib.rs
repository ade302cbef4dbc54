//! The outside of Banter: its databases, and the clock, chance, passwords, tokens and quotas of a real machine.
//!
//! [`Store::open`] is the way in: it brings the tables up to date, starts the writers and hands out every port over one
//! database. [`adapters`] holds the other ports. The rest of the crate is how that is done: `db` reaches the database,
//! `store` turns rows into what the domain knows, `writer` is the group commit behind every room's log.
//!
//! This crate never decides who may do what, and never logs a text, a token or an address.

pub mod adapters;
mod db;
pub mod inspect;
mod store;
mod writer;

pub use db::lock::ServeLock;
pub use db::migrate::SchemaStatus;

use crate::adapters::secret::Key;
use crate::db::access::Db;
use crate::db::conn::{AnyConn, Mode, Role, connect, transaction};
use crate::db::disk::{Disk, DiskStatus, private};
use crate::db::error::DbError;
use crate::db::migrate::{self, MigrateError};
use crate::db::pool::Pool;
use crate::db::queue::Queue;
use crate::db::target::{BadUrl, Target};
use crate::store::accounts::SqlAccounts;
use crate::store::health::SqlHealth;
use crate::store::history::SqlHistory;
use crate::store::log::SqlLog;
use crate::store::quotas::SqlQuotas;
use crate::store::rooms::{self, SqlRooms};
use crate::store::settings;
use crate::store::sites::SqlSites;
use domain::ports::bus::Bus;
use domain::ports::log::Log;
use domain::ports::store::{AccountStore, Health, QuotaStore, RoomStore, SiteStore, StoreError};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// What may be chosen about a store.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Connections that serve requests.
    pub readers: u32,
    /// Threads that write logs. SQLite has one, whatever is said here.
    pub writers: usize,
    /// Bytes of entries that may wait for the writers, all together.
    pub queue_bytes: usize,
    /// Bytes beside a SQLite file that only acts that delete may take when the disk is full; 0 for none.
    pub reserve_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options { readers: 8, writers: 4, queue_bytes: 8 * 1024 * 1024, reserve_bytes: 0 }
    }
}

impl Options {
    /// The connections of a process to its database: those that serve, those that write, and one while it opens.
    pub fn connections(&self) -> i64 {
        i64::from(self.readers) + self.writers as i64 + 1
    }
}

/// Why a database was not opened, in one line without the password of its URL.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL names no database of ours.
    #[error(transparent)]
    Url(#[from] BadUrl),
    /// The file of the database cannot be made.
    #[error("the database file {path} cannot be made: {error}")]
    File { path: String, error: std::io::Error },
    /// Another process serves it.
    #[error("the database {path} is served already, by {holder}: stop that one first")]
    Served { path: String, holder: String },
    /// The database cannot be reached, or it failed.
    #[error("the database cannot be opened: {0}")]
    Database(String),
    /// The tables are not what this program needs: written by a newer one, or a change of them failed.
    #[error("{0}")]
    Schema(String),
}

impl From<DbError> for OpenError {
    fn from(error: DbError) -> OpenError {
        OpenError::Database(error.to_string())
    }
}

impl From<MigrateError> for OpenError {
    fn from(error: MigrateError) -> OpenError {
        match error {
            MigrateError::Db(error) => error.into(),
            error => OpenError::Schema(error.to_string()),
        }
    }
}

/// A database that serves: every port over it.
pub struct Store {
    /// Users and logins.
    pub accounts: Arc<dyn AccountStore>,
    /// Rooms.
    pub rooms: Arc<dyn RoomStore>,
    /// Sites and their keys.
    pub sites: Arc<dyn SiteStore>,
    /// The quotas that all nodes on this database count together.
    pub quotas: Arc<dyn QuotaStore>,
    /// The way into the logs.
    pub log: Arc<dyn Log>,
    /// Reading the logs.
    pub history: Arc<SqlHistory>,
    /// Whether the database answers.
    pub health: Arc<dyn Health>,
    /// Signs tokens; all nodes on this database have the same one.
    pub token_key: Key,
    /// Hashes addresses, and whatever else is counted; all nodes on this database have the same one.
    pub network_key: Key,
    db: Arc<Db>,
    writers: Mutex<Vec<JoinHandle<()>>>,
}

impl Store {
    /// Opens the database that `url` names (`sqlite:PATH` or `postgres://…`), makes or updates its tables, and starts the
    /// writers, which tell `bus` what was committed. Blocks until that is done; the ports then need a tokio runtime with a timer.
    pub fn open(url: &str, options: Options, bus: Arc<dyn Bus>) -> Result<Store, OpenError> {
        let target = Target::parse(url)?;
        prepare_file(&target)?;
        migrate::run(&target)?;
        let mut conn = connect(&target, Role::Write)?;
        let (token_key, network_key) = transaction(&mut conn, Mode::Write, keys)?;
        drop(conn);
        let one_writer = matches!(target, Target::Sqlite(_));
        let count = if one_writer { 1 } else { options.writers.max(1) };
        let queues: Vec<_> = (0..count).map(|_| Arc::new(Queue::new(options.queue_bytes / count))).collect();
        let status = Arc::new(DiskStatus::default());
        let start = |queue: &Arc<Queue>| {
            let disk = Disk::new(Arc::clone(&status), reserve(&target, options.reserve_bytes));
            writer::thread::start(target.clone(), Arc::clone(queue), Arc::clone(&bus), disk)
        };
        let writers = queues.iter().map(start).collect::<Result<_, _>>();
        let writers = writers.map_err(|error| OpenError::Database(format!("a writer cannot be started: {error}")))?;
        let db = Arc::new(Db::new(Pool::new(target, options.readers.max(1)), queues, one_writer, status));
        Ok(Store {
            accounts: Arc::new(SqlAccounts::new(Arc::clone(&db), Arc::clone(&bus))),
            sites: Arc::new(SqlSites::new(Arc::clone(&db), bus)),
            rooms: Arc::new(SqlRooms(Arc::clone(&db))),
            quotas: Arc::new(SqlQuotas::new(Arc::clone(&db), network_key.clone())),
            log: Arc::new(SqlLog(Arc::clone(&db))),
            history: Arc::new(SqlHistory::new(Arc::clone(&db))),
            health: Arc::new(SqlHealth(Arc::clone(&db))),
            token_key,
            network_key,
            db,
            writers: Mutex::new(writers),
        })
    }

    /// A setting that belongs to the database.
    pub async fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        let key = key.to_owned();
        self.db.read(move |conn| settings::get(conn, &key)).await
    }

    /// Changes a setting.
    pub async fn set_setting(&self, key: &str, value: &str) -> Result<(), StoreError> {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.db.write(move |conn| settings::set(conn, &key, &value)).await
    }

    /// Lets nothing more in (it is answered busy) and waits, blocking, until what was in is written and answered. Reading
    /// goes on; so do the writes of PostgreSQL that are no log's.
    pub fn shutdown(&self) {
        self.db.close();
        let writers = std::mem::take(&mut *self.writers.lock().unwrap_or_else(PoisonError::into_inner));
        for writer in writers {
            // A writer answers its callers even when it panics.
            let _ = writer.join();
        }
    }
}

/// Takes a database for this process to serve, before [`Store::open`]; see [`ServeLock`].
pub fn lock_for_serving(url: &str) -> Result<ServeLock, OpenError> {
    let target = Target::parse(url)?;
    prepare_file(&target)?;
    ServeLock::take(&target)
}

fn reserve(target: &Target, bytes: u64) -> Option<(PathBuf, u64)> {
    let Target::Sqlite(path) = target else { return None };
    let mut path = path.clone().into_os_string();
    path.push(".reserve");
    (bytes > 0).then(|| (path.into(), bytes))
}

/// Makes or updates the tables of a database; which versions it ran. Several processes may try at once.
pub fn migrate(url: &str) -> Result<Vec<String>, OpenError> {
    let target = Target::parse(url)?;
    prepare_file(&target)?;
    Ok(migrate::run(&target)?)
}

/// Gives every log a new epoch, after a backup was restored: its numbers may name other events than they did, and clients
/// that saw more than the backup holds start over. How many logs there are.
pub fn renew_epochs(url: &str) -> Result<usize, OpenError> {
    let mut conn = connect(&Target::parse(url)?, Role::Write)?;
    Ok(transaction(&mut conn, Mode::Write, rooms::renew_epochs)?)
}

/// The file holds the key that signs tokens: it is made for its owner alone.
fn prepare_file(target: &Target) -> Result<(), OpenError> {
    let Target::Sqlite(path) = target else { return Ok(()) };
    let failed = |error| OpenError::File { path: path.display().to_string(), error };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = std::fs::OpenOptions::new();
    private(file.create(true).append(true)).open(path).map(drop).map_err(failed)
}

fn keys(conn: &mut AnyConn) -> Result<(Key, Key), DbError> {
    let mut key = |name: &str| {
        let kept = settings::get_or_set(conn, name, Key::random().text())?;
        Key::parse(&kept).ok_or(DbError::Damaged("a key in the settings"))
    };
    Ok((key("token_key")?, key("network_key")?))
}
