//! Connections that serve requests: a few, lent for the time of one call.

use crate::db::conn::{AnyConn, Role, connect, is_alive};
use crate::db::error::{DbError, busy};
use crate::db::target::Target;
use domain::ports::store::StoreError;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How long a call waits for its turn.
const PATIENCE: Duration = Duration::from_secs(2);

/// A connection unused for this long is asked whether it still lives before it is lent.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// Lends connections, and does the waiting in tokio, where it costs no thread.
pub struct Pool {
    turns: Arc<Semaphore>,
    connections: r2d2::Pool<Maker>,
}

impl Pool {
    /// At most `size` connections; they are opened when they are needed.
    pub fn new(target: Target, size: u32) -> Pool {
        let connections = r2d2::Pool::builder()
            .max_size(size)
            .min_idle(Some(0))
            .connection_timeout(PATIENCE)
            .test_on_check_out(true)
            .error_handler(Box::new(r2d2::NopErrorHandler))
            .build_unchecked(Maker { target });
        Pool { turns: Arc::new(Semaphore::new(size as usize)), connections }
    }

    /// Runs `work` on a connection, in a thread that may block.
    pub async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut AnyConn) -> Result<T, DbError> + Send + 'static,
    {
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| busy())?.map_err(|_| busy())?;
        let connections = self.connections.clone();
        let done = tokio::task::spawn_blocking(move || {
            let answer = lend(&connections, work);
            drop(turn);
            answer
        });
        done.await.unwrap_or_else(|e| Err(StoreError::Failed(format!("a database call did not finish: {e}"))))
    }
}

fn lend<T>(
    connections: &r2d2::Pool<Maker>,
    work: impl FnOnce(&mut AnyConn) -> Result<T, DbError>,
) -> Result<T, StoreError> {
    let mut lent = connections.get().map_err(|_| busy())?;
    // Stays so when the work panics: nobody gets this connection again.
    lent.broken = true;
    let answer = work(&mut lent.conn);
    let alive = answer.is_ok() || matches!(answer, Err(DbError::Refused(_))) || is_alive(&mut lent.conn);
    lent.broken = !alive;
    lent.used = Instant::now();
    answer.map_err(|error| error.into_store_error(alive))
}

/// A connection and when it last worked.
struct Lent {
    conn: AnyConn,
    used: Instant,
    broken: bool,
}

struct Maker {
    target: Target,
}

impl r2d2::ManageConnection for Maker {
    type Connection = Lent;
    type Error = DbError;

    fn connect(&self) -> Result<Lent, DbError> {
        Ok(Lent { conn: connect(&self.target, Role::Serve)?, used: Instant::now(), broken: false })
    }

    fn is_valid(&self, lent: &mut Lent) -> Result<(), DbError> {
        if lent.used.elapsed() < TRUSTED_FOR || is_alive(&mut lent.conn) {
            return Ok(());
        }
        Err(DbError::Unreachable("the connection was lost".to_owned()))
    }

    fn has_broken(&self, lent: &mut Lent) -> bool {
        lent.broken
    }
}
