//! A full disk: known to all who ask, told once a minute, and left again by deleting.
//!
//! To delete is to write first. SQLite lies on our own disk, so a file beside it keeps space that only acts that delete may
//! take; PostgreSQL's disk is its operator's.

use crate::db::conn::AnyConn;
use crate::db::error::DbError;
use diesel::connection::SimpleConnection;
use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often the log says it again.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// How often a reserve that was given away is tried to be had back.
const TRY_EVERY: Duration = Duration::from_secs(1);

/// The reserve is written in pieces of this size.
const PIECE: usize = 1024 * 1024;

/// Whether a database's disk is full, as far as the latest write knows.
#[derive(Default)]
pub struct DiskStatus {
    full: AtomicBool,
    told: Mutex<Option<Instant>>,
}

impl DiskStatus {
    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// Notes that something could not be written, and says so in the log once a minute.
    pub fn note_full(&self, reason: &dyn Display) {
        self.full.store(true, Ordering::Relaxed);
        if self.is_due(Instant::now()) {
            tracing::error!(%reason, "the disk is full: nothing but deletions is written; make room");
        }
    }

    /// Notes that something was written.
    pub fn note_written(&self) {
        if self.is_full() && self.full.swap(false, Ordering::Relaxed) {
            tracing::info!("the disk can be written again");
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = told.is_none_or(|told| now.duration_since(told) >= TELL_EVERY);
        if is_due {
            *told = Some(now);
        }
        is_due
    }
}

/// The disk as one writer sees it.
pub struct Disk {
    status: Arc<DiskStatus>,
    reserve: Option<Reserve>,
}

impl Disk {
    /// With a reserve at this path of so many bytes, which is made now if it can be.
    pub fn new(status: Arc<DiskStatus>, reserve: Option<(PathBuf, u64)>) -> Disk {
        Disk { status, reserve: reserve.map(|(path, bytes)| Reserve::open(path, bytes)) }
    }

    /// Whether anything but deletions may be written: not while the reserve is given away.
    pub fn takes_more(&mut self) -> bool {
        let Some(reserve) = &mut self.reserve else { return true };
        let kept = reserve.keep(Instant::now());
        if !kept {
            self.status.note_full(&"there is not enough space for the reserve");
        }
        kept
    }

    /// Looks at how a write went.
    pub fn note<T>(&self, done: &Result<T, DbError>) {
        match done {
            Ok(_) if self.reserve.as_ref().is_none_or(|reserve| reserve.held) => self.status.note_written(),
            Err(error) if error.is_full() => self.status.note_full(error),
            _ => {}
        }
    }

    /// Gives the reserve away, for an act that deletes. Whether it is worth trying that again.
    pub fn make_room(&mut self, conn: &mut AnyConn) -> bool {
        let (Some(reserve), AnyConn::Sqlite(conn)) = (&mut self.reserve, conn) else { return false };
        reserve.release(Instant::now());
        // The log's file can be written from its beginning when all of it is in the database. Readers may be in the way;
        // then the reserve alone must do.
        let _ = conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)");
        true
    }
}

/// A file that takes space until it is needed.
struct Reserve {
    path: PathBuf,
    bytes: u64,
    held: bool,
    tried: Option<Instant>,
}

impl Reserve {
    fn open(path: PathBuf, bytes: u64) -> Reserve {
        let held = path.metadata().is_ok_and(|file| file.len() == bytes);
        let mut reserve = Reserve { path, bytes, held, tried: None };
        reserve.keep(Instant::now());
        reserve
    }

    /// Has the space, or tries to get it back unless it did so lately.
    fn keep(&mut self, now: Instant) -> bool {
        if !self.held && self.tried.is_none_or(|tried| now.duration_since(tried) >= TRY_EVERY) {
            self.tried = Some(now);
            self.held = self.write().is_ok();
            if !self.held {
                // Half of it would only take what others need.
                let _ = std::fs::remove_file(&self.path);
            }
        }
        self.held
    }

    fn release(&mut self, now: Instant) {
        if self.held {
            let _ = std::fs::remove_file(&self.path);
        }
        (self.held, self.tried) = (false, Some(now));
    }

    /// Real bytes: a hole takes no space, and zeros none where the disk packs them.
    fn write(&self) -> std::io::Result<()> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let words = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        });
        let piece: Vec<u8> = words.take(PIECE / 8).flatten().collect();
        let mut file = private(OpenOptions::new().write(true).create(true).truncate(true)).open(&self.path)?;
        let mut left = self.bytes;
        while left > 0 {
            let next = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            file.write_all(&piece[..next])?;
            left -= next as u64;
        }
        Ok(())
    }
}

/// For its owner alone, as all files beside the database.
pub fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_says_once_a_minute_that_the_disk_is_full() {
        let (status, began) = (DiskStatus::default(), Instant::now());
        let due = |seconds| status.is_due(began + Duration::from_secs(seconds));
        assert_eq!([0, 1, 59, 60, 61, 119, 120].map(due), [true, false, false, true, false, false, true]);
    }

    #[test]
    fn a_reserve_takes_its_space_gives_it_away_and_has_it_back_a_second_later() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reserve");
        let size = || path.metadata().map(|file| file.len()).ok();
        let mut reserve = Reserve::open(path.clone(), 3_000_000);
        assert_eq!(size(), Some(3_000_000));
        let now = Instant::now();
        reserve.release(now);
        assert_eq!(size(), None);
        assert!(!reserve.keep(now), "what deletes is not robbed of it at once");
        assert!(reserve.keep(now + TRY_EVERY));
        assert_eq!(size(), Some(3_000_000));
    }

    #[test]
    fn while_the_reserve_is_not_to_be_had_nothing_but_deletions_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let status = Arc::new(DiskStatus::default());
        let mut disk = Disk::new(Arc::clone(&status), Some((folder.path().join("no/such/folder"), 1)));
        assert!(!disk.takes_more());
        disk.note(&Ok(()));
        assert!(status.is_full(), "a deletion that was written is no sign of space");
        assert!(Disk::new(status, None).takes_more());
    }
}
