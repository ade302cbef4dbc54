//! A writer: the thread that empties one queue, keeps its connection, and answers whatever happens.

use crate::db::conn::{AnyConn, Role, connect, is_alive};
use crate::db::disk::Disk;
use crate::db::error::{DbError, busy, storage_full};
use crate::db::queue::{Job, Next, PendingAppend, Queue};
use crate::db::target::Target;
use crate::store::log::ANSWER_WITHIN;
use crate::writer::batch::{Written, write};
use crate::writer::lookup::Locks;
use domain::ports::bus::{Bus, Committed, Notice};
use domain::ports::log::LogEntry;
use domain::ports::store::StoreError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The longest pause between two attempts to reach the database.
const PAUSE_MAX: Duration = Duration::from_secs(2);
const PAUSE_MIN: Duration = Duration::from_millis(50);

/// A connection unused for this long is asked whether it still lives before a batch is risked on it.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// A batch that failed after this long most likely waited for a lock, whatever its error says, in whatever language.
const LOCK_TIMEOUT: Duration = Duration::from_millis(900);

/// Starts a writer. It ends when its queue is closed and empty.
pub fn start(target: Target, queue: Arc<Queue>, bus: Arc<dyn Bus>, disk: Disk) -> std::io::Result<JoinHandle<()>> {
    let writer = Writer { target, queue, bus, used: Instant::now(), disk };
    std::thread::Builder::new().name("banter-writer".to_owned()).spawn(move || writer.run())
}

struct Writer {
    target: Target,
    queue: Arc<Queue>,
    bus: Arc<dyn Bus>,
    used: Instant,
    disk: Disk,
}

/// How a batch is tried.
#[derive(Clone, Copy)]
struct Attempt {
    locks: Locks,
    /// Whether the reserve was given away for it: that does not help twice.
    has_room: bool,
}

/// The connection is of no more use.
struct Lost;

impl Writer {
    fn run(mut self) {
        while let Some(mut conn) = self.reach() {
            if self.serve(&mut conn).is_ok() {
                return;
            }
            tracing::warn!("the writer lost its connection to the database");
            refuse(self.queue.set_away(true));
        }
    }

    /// Connects, however long it takes; `None` when the queue was closed meanwhile.
    fn reach(&mut self) -> Option<AnyConn> {
        let mut pause = PAUSE_MIN;
        loop {
            match connect(&self.target, Role::Write) {
                Ok(conn) => {
                    self.queue.set_away(false);
                    self.used = Instant::now();
                    return Some(conn);
                }
                Err(error) => {
                    tracing::error!(%error, "the writer does not reach the database");
                    refuse(self.queue.set_away(true));
                }
            }
            if self.queue.closed_within(pause) {
                refuse(self.queue.set_away(true));
                return None;
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Works until the queue ends, or the connection does.
    fn serve(&mut self, conn: &mut AnyConn) -> Result<(), Lost> {
        loop {
            let next = self.queue.next();
            if self.used.elapsed() > TRUSTED_FOR && !is_alive(conn) {
                // It was lost while nothing happened: nothing is in doubt, and a new one may do at once.
                match connect(&self.target, Role::Write) {
                    Ok(new) => *conn = new,
                    Err(_) => {
                        refuse_next(next);
                        return Err(Lost);
                    }
                }
            }
            let done = match next {
                Next::Closed => return Ok(()),
                Next::Run(work) => {
                    catch_unwind(AssertUnwindSafe(|| work(Some((conn, &mut self.disk))))).unwrap_or(false)
                }
                Next::Batch(pending) => {
                    let attempt = Attempt { locks: Locks::Wait, has_room: false };
                    self.settle(conn, pending, attempt).is_ok()
                }
            };
            self.used = Instant::now();
            if !done && !is_alive(conn) {
                return Err(Lost);
            }
        }
    }

    /// Writes a batch, or as much of it as can be written: an entry that cannot is found by halving.
    fn settle(&mut self, conn: &mut AnyConn, pending: Vec<PendingAppend>, attempt: Attempt) -> Result<(), Lost> {
        let locks = attempt.locks;
        let (mut pending, late): (Vec<_>, Vec<_>) =
            pending.into_iter().partition(|pending| pending.since.elapsed() < ANSWER_WITHIN);
        // Their callers were told to come back.
        late.into_iter().for_each(|pending| answer(pending, busy()));
        if !self.disk.takes_more() {
            pending = keep_deletions(pending);
        }
        if pending.is_empty() {
            return Ok(());
        }
        let began = Instant::now();
        let entries: Vec<&LogEntry> = pending.iter().map(|pending| &pending.entry).collect();
        let written = catch_unwind(AssertUnwindSafe(|| write(conn, &entries, locks)))
            .unwrap_or(Err(DbError::Damaged("the writer's own state")));
        self.disk.note(&written);
        let error = match written {
            Ok(written) => {
                self.publish(pending, written);
                return Ok(());
            }
            Err(error) => error,
        };
        if !is_alive(conn) {
            pending.into_iter().for_each(|pending| answer(pending, busy()));
            return Err(Lost);
        }
        if error.is_full() {
            let pending = keep_deletions(pending);
            if !pending.is_empty() && !attempt.has_room && self.disk.make_room(conn) {
                return self.settle(conn, pending, Attempt { has_room: true, ..attempt });
            }
            pending.into_iter().for_each(|pending| answer(pending, storage_full()));
            return Ok(());
        }
        if error.is_lock() || began.elapsed() > LOCK_TIMEOUT {
            if locks == Locks::Wait {
                return self.settle(conn, pending, Attempt { locks: Locks::Skip, ..attempt });
            }
            pending.into_iter().for_each(|pending| answer(pending, busy()));
            return Ok(());
        }
        if pending.len() > 1 {
            let rest = pending.split_off(pending.len() / 2);
            if let Err(Lost) = self.settle(conn, pending, attempt) {
                rest.into_iter().for_each(|pending| answer(pending, busy()));
                return Err(Lost);
            }
            return self.settle(conn, rest, attempt);
        }
        tracing::error!(%error, "an entry could not be written");
        let mut reason = Some(error.into_write_error(true));
        for pending in pending {
            answer(pending, reason.take().unwrap_or_else(busy));
        }
        Ok(())
    }

    fn publish(&self, pending: Vec<PendingAppend>, written: Written) {
        if !written.events.is_empty() {
            self.bus.publish(Committed { events: written.events, epochs: written.epochs });
        }
        if !written.ended.is_empty() {
            self.bus.announce(Notice::SessionsEnded(written.ended));
        }
        for (pending, answer) in pending.into_iter().zip(written.answers) {
            // Whoever asked may be gone; what was written stays.
            let _ = pending.answer.send(answer);
        }
    }
}

/// Those that delete; the others are told that the disk is full.
fn keep_deletions(pending: Vec<PendingAppend>) -> Vec<PendingAppend> {
    let (deletions, others): (Vec<_>, Vec<_>) =
        pending.into_iter().partition(|pending| pending.entry.command.deletes());
    others.into_iter().for_each(|pending| answer(pending, storage_full()));
    deletions
}

fn answer(pending: PendingAppend, error: StoreError) {
    let _ = pending.answer.send(Err(error.into()));
}

fn refuse(jobs: Vec<Job>) {
    for job in jobs {
        match job {
            Job::Append(pending) => answer(*pending, busy()),
            Job::Run(work) => {
                work(None);
            }
        }
    }
}

fn refuse_next(next: Next) {
    match next {
        Next::Batch(pending) => pending.into_iter().for_each(|pending| answer(pending, busy())),
        Next::Run(work) => {
            work(None);
        }
        Next::Closed => {}
    }
}
