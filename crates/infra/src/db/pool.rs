//! Connections that serve requests: a few, lent for the time of one call.

use crate::db::conn::{AnyConn, Role, connect, is_alive};
use crate::db::error::{DbError, busy};
use crate::db::target::Target;
use domain::ports::store::StoreError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How long a caller waits for an answer. What was still waiting then is never written; what was being written may be, and
/// asking again will tell (for a message, the same nonce).
pub const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// How long a call waits for its turn, and then for a connection.
const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// How often whoever waits for a connection looks whether the database refuses them all.
const LOOK: Duration = Duration::from_millis(50);

/// A connection unused for this long is asked whether it still lives before it is lent.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// Lends connections, and does the waiting in tokio, where it costs no thread.
pub struct Pool {
    turns: Arc<Semaphore>,
    connections: r2d2::Pool<Maker>,
    /// Whether the latest attempt to connect failed. Another one is always under way then.
    away: Arc<AtomicBool>,
}

impl Pool {
    /// At most `size` connections; they are opened when they are needed.
    pub fn new(target: Target, size: u32) -> Pool {
        let away = Arc::new(AtomicBool::new(false));
        let connections = r2d2::Pool::builder()
            .max_size(size)
            .min_idle(Some(0))
            .connection_timeout(READ_TIMEOUT)
            .test_on_check_out(true)
            .error_handler(Box::new(r2d2::NopErrorHandler))
            .build_unchecked(Maker { target, away: Arc::clone(&away) });
        Pool { turns: Arc::new(Semaphore::new(size as usize)), connections, away }
    }

    /// Runs `work` on a connection, in a thread that may block.
    pub async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut AnyConn) -> Result<T, DbError> + Send + 'static,
    {
        let turn = tokio::time::timeout(READ_TIMEOUT, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| busy())?.map_err(|_| busy())?;
        let (connections, away) = (self.connections.clone(), Arc::clone(&self.away));
        let done = tokio::task::spawn_blocking(move || {
            let answer = take(&connections, &away).and_then(|lent| lend(lent, work));
            drop(turn);
            answer
        });
        // A statement gives up sooner (2 s), so whoever waits longer waits for a database that hangs, or for the network on the
        // way to it: nobody says so, and the thread is stuck until somebody does.
        match tokio::time::timeout(ANSWER_WITHIN, done).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => Err(StoreError::Failed(format!("a database call did not finish: {error}"))),
            Err(_) => Err(busy()),
        }
    }
}

/// A connection; busy at once when none lives and the database refuses new ones.
fn take(connections: &r2d2::Pool<Maker>, away: &AtomicBool) -> Result<r2d2::PooledConnection<Maker>, StoreError> {
    let began = Instant::now();
    while began.elapsed() < READ_TIMEOUT {
        if away.load(Ordering::Relaxed) && connections.state().connections == 0 {
            break;
        }
        if let Ok(lent) = connections.get_timeout(LOOK) {
            return Ok(lent);
        }
    }
    Err(busy())
}

fn lend<T>(
    mut lent: r2d2::PooledConnection<Maker>,
    work: impl FnOnce(&mut AnyConn) -> Result<T, DbError>,
) -> Result<T, StoreError> {
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
    away: Arc<AtomicBool>,
}

impl r2d2::ManageConnection for Maker {
    type Connection = Lent;
    type Error = DbError;

    fn connect(&self) -> Result<Lent, DbError> {
        let conn = connect(&self.target, Role::Serve);
        self.away.store(conn.is_err(), Ordering::Relaxed);
        Ok(Lent { conn: conn?, used: Instant::now(), broken: false })
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
