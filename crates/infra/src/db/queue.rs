//! What waits for a writer: bounded by bytes, refused at once when full or when the database is away.

use crate::db::conn::AnyConn;
use crate::db::disk::Disk;
use domain::ports::log::{AppendError, AppendResult, LogEntry};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// An entry and who waits for its answer.
pub struct PendingAppend {
    /// What to write.
    pub entry: LogEntry,
    /// Since when it waits.
    pub since: Instant,
    /// Where the answer goes. Nobody may be listening any more.
    pub answer: oneshot::Sender<Result<AppendResult, AppendError>>,
}

/// Work on the writer's connection; without one it only answers that the store is busy. Says whether the connection lives.
pub type Work = Box<dyn FnOnce(Option<(&mut AnyConn, &mut Disk)>) -> bool + Send>;

/// One thing for a writer to do.
pub enum Job {
    /// Append to a log, in one transaction with others.
    Append(Box<PendingAppend>),
    /// Anything else, in a transaction of its own.
    Run(Work),
}

/// What a writer does next.
pub enum Next {
    /// All that waits, up to the bounds of a batch, in the order it came.
    Batch(Vec<PendingAppend>),
    /// One piece of other work.
    Run(Work),
    /// Nothing more will come.
    Closed,
}

/// The most entries in a batch.
pub const BATCH_ENTRIES: usize = 512;
/// The most bytes in a batch.
pub const BATCH_BYTES: usize = 256 * 1024;

/// A queue with many who fill it and one writer who empties it.
pub struct Queue {
    capacity: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(usize, Job)>,
    bytes: usize,
    closed: bool,
    away: bool,
}

/// The job did not get in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

impl Queue {
    /// A queue that holds at most `capacity` bytes, counted as the pushers say.
    pub fn new(capacity: usize) -> Queue {
        Queue { capacity, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Adds a job that weighs `bytes`; refused when the queue is full or closed, or the database away. Never waits.
    pub fn push(&self, bytes: usize, job: Job) -> Result<(), Refused> {
        let mut state = self.lock();
        if state.closed || state.away || state.bytes + bytes > self.capacity {
            return Err(Refused);
        }
        state.bytes += bytes;
        state.waiting.push_back((bytes, job));
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Waits until there is something to do. A closed queue is emptied first.
    pub fn next(&self) -> Next {
        let mut state = self.lock();
        loop {
            match state.waiting.pop_front() {
                Some((bytes, Job::Run(work))) => {
                    state.bytes -= bytes;
                    return Next::Run(work);
                }
                Some(first) => {
                    state.waiting.push_front(first);
                    return Next::Batch(take_batch(&mut state));
                }
                None if state.closed => return Next::Closed,
                None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Lets nobody in any more; what waits is still done.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Says that the database cannot be reached (nobody gets in, and what waited is handed back to be refused), or that
    /// it can again.
    pub fn set_away(&self, away: bool) -> Vec<Job> {
        let mut state = self.lock();
        state.away = away;
        if !away {
            return Vec::new();
        }
        state.bytes = 0;
        state.waiting.drain(..).map(|(_, job)| job).collect()
    }

    /// Whether the database can be reached, as far as the writer knows.
    pub fn is_away(&self) -> bool {
        self.lock().away
    }

    /// Waits for `time`, or until the queue is closed; whether it is.
    pub fn closed_within(&self, time: Duration) -> bool {
        let state = self.lock();
        let (state, _) =
            self.changed.wait_timeout_while(state, time, |s| !s.closed).unwrap_or_else(PoisonError::into_inner);
        state.closed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves the queue as it was between two of its own steps.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take_batch(state: &mut State) -> Vec<PendingAppend> {
    let mut batch = Vec::new();
    let mut weight = 0;
    while batch.len() < BATCH_ENTRIES {
        match state.waiting.front() {
            Some((bytes, Job::Append(_))) if batch.is_empty() || weight + bytes <= BATCH_BYTES => weight += bytes,
            _ => break,
        }
        let Some((bytes, Job::Append(pending))) = state.waiting.pop_front() else { break };
        state.bytes -= bytes;
        batch.push(*pending);
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work() -> Job {
        Job::Run(Box::new(|_| true))
    }

    #[test]
    fn a_full_queue_refuses_at_once_and_takes_again_when_it_has_room() {
        let queue = Queue::new(100);
        assert_eq!(queue.push(60, work()), Ok(()));
        assert_eq!(queue.push(60, work()), Err(Refused));
        assert!(matches!(queue.next(), Next::Run(_)));
        assert_eq!(queue.push(60, work()), Ok(()));
    }

    #[test]
    fn a_closed_queue_is_emptied_before_it_ends() {
        let queue = Queue::new(100);
        assert_eq!(queue.push(1, work()), Ok(()));
        queue.close();
        assert_eq!(queue.push(1, work()), Err(Refused));
        assert!(matches!(queue.next(), Next::Run(_)));
        assert!(matches!(queue.next(), Next::Closed));
    }

    #[test]
    fn nobody_gets_in_while_the_database_is_away() {
        let queue = Queue::new(100);
        assert_eq!(queue.push(1, work()), Ok(()));
        assert_eq!(queue.set_away(true).len(), 1);
        assert_eq!(queue.push(1, work()), Err(Refused));
        assert!(queue.set_away(false).is_empty());
        assert_eq!(queue.push(100, work()), Ok(()));
    }
}
