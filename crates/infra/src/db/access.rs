//! The two ways to the database that the stores take: reading, and writing in a transaction.

use crate::db::conn::{AnyConn, Mode, transaction};
use crate::db::disk::{Disk, DiskStatus};
use crate::db::error::{DbError, busy, storage_full};
use crate::db::pool::{ANSWER_WITHIN, Pool};
use crate::db::queue::{Job, Queue};
use domain::ports::store::StoreError;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot;

/// What a piece of work other than an entry weighs in the queue.
const WORK_WEIGHT: usize = 1024;

/// A database that serves. Dropped, it lets the writers finish and end.
pub struct Db {
    pool: Pool,
    writers: Vec<Arc<Queue>>,
    /// On SQLite one thread writes everything: two would only wait for each other, and fail when they wait too long.
    one_writer: bool,
    disk: Arc<DiskStatus>,
}

impl Db {
    /// Reads through `pool`, appends through `writers` (at least one); with `one_writer` all else is written there too.
    pub fn new(pool: Pool, writers: Vec<Arc<Queue>>, one_writer: bool, disk: Arc<DiskStatus>) -> Db {
        Db { pool, writers, one_writer, disk }
    }

    /// Runs a single query; what it reads is one state already.
    pub async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut AnyConn) -> Result<T, DbError> + Send + 'static,
    {
        self.pool.run(work).await
    }

    /// Runs several queries that see one state.
    pub async fn snapshot<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut AnyConn) -> Result<T, DbError> + Send + 'static,
    {
        self.pool.run(|conn| transaction(conn, Mode::Snapshot, work)).await
    }

    /// Runs `work` in a transaction that may write.
    pub async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut AnyConn) -> Result<T, DbError> + Send + 'static,
    {
        self.write_then(work, |_| {}).await
    }

    /// The same for what may be lost when the database crashes, see [`Mode::Volatile`].
    pub async fn write_volatile<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut AnyConn) -> Result<T, DbError> + Send + 'static,
    {
        self.write_in(Mode::Volatile, work, |_| {}).await
    }

    /// Runs `work` in a transaction that may write, and `then` after the commit, whether or not the caller still waits.
    pub async fn write_then<T, F, G>(&self, work: F, then: G) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut AnyConn) -> Result<T, DbError> + Send + 'static,
        G: FnOnce(&T) + Send + 'static,
    {
        self.write_in(Mode::Write, work, then).await
    }

    async fn write_in<T, F, G>(&self, mode: Mode, work: F, then: G) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut AnyConn) -> Result<T, DbError> + Send + 'static,
        G: FnOnce(&T) + Send + 'static,
    {
        let work = move |conn: &mut AnyConn, disk: &mut Disk| {
            if !disk.takes_more() {
                return Err(storage_full().into());
            }
            let done = transaction(conn, mode, work);
            disk.note(&done);
            done
        };
        self.run(work, then).await
    }

    /// The same for work that deletes: when the disk is full it may take from the reserve, and is tried once more.
    pub async fn delete_then<T, F, G>(&self, work: F, then: G) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut AnyConn) -> Result<T, DbError> + Send + 'static,
        G: FnOnce(&T) + Send + 'static,
    {
        let work = move |conn: &mut AnyConn, disk: &mut Disk| {
            let mut done = transaction(conn, Mode::Write, &work);
            if done.as_ref().is_err_and(DbError::is_full) && disk.make_room(conn) {
                done = transaction(conn, Mode::Write, &work);
            }
            disk.note(&done);
            done
        };
        self.run(work, then).await
    }

    async fn run<T, F, G>(&self, work: F, then: G) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut AnyConn, &mut Disk) -> Result<T, DbError> + Send + 'static,
        G: FnOnce(&T) + Send + 'static,
    {
        let work = |conn: &mut AnyConn, disk: &mut Disk| {
            let done = work(conn, disk);
            if let Ok(value) = &done {
                then(value);
            }
            done
        };
        if !self.one_writer {
            let mut disk = Disk::new(Arc::clone(&self.disk), None);
            return self.pool.run(move |conn| work(conn, &mut disk)).await;
        }
        let (answer, answered) = oneshot::channel();
        let since = Instant::now();
        let job = Job::Run(Box::new(move |at| {
            let Some((conn, disk)) = at.filter(|_| since.elapsed() < ANSWER_WITHIN) else {
                let _ = answer.send(Err(busy()));
                return true;
            };
            let done = work(conn, disk);
            let alive = done.is_ok() || matches!(done, Err(DbError::Refused(_))) || crate::db::conn::is_alive(conn);
            let _ = answer.send(done.map_err(|error| error.into_write_error(alive)));
            alive
        }));
        self.writer(0).push(WORK_WEIGHT, job).map_err(|_| busy())?;
        match tokio::time::timeout(ANSWER_WITHIN, answered).await {
            Ok(Ok(answer)) => answer,
            // The writer is gone, or others take it all that time.
            Ok(Err(_)) | Err(_) => Err(busy()),
        }
    }

    /// Whether the latest write found the disk full.
    pub fn is_full(&self) -> bool {
        self.disk.is_full()
    }

    /// The queue of the writer that appends to this room's log: always the same one, so that its entries keep their order.
    pub fn writer(&self, room: i64) -> &Queue {
        &self.writers[room.unsigned_abs() as usize % self.writers.len()]
    }

    /// Whether all writers reach the database, as far as they know.
    pub fn writers_are_well(&self) -> bool {
        !self.writers.iter().any(|queue| queue.is_away())
    }

    /// Lets nothing more in to the writers; what they hold is still written.
    pub fn close(&self) {
        self.writers.iter().for_each(|queue| queue.close());
    }
}

impl Drop for Db {
    fn drop(&mut self) {
        self.close();
    }
}
