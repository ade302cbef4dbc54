//! What an error of the database means.

use diesel::result::{DatabaseErrorKind, Error};
use domain::model::time::Span;
use domain::ports::store::StoreError;

/// When to come back to a store that is busy.
pub const RETRY_AFTER: Span = Span::seconds(1);

/// When to come back to a disk that is full: somebody has to make room.
const RETRY_FULL_AFTER: Span = Span::seconds(30);

/// Why work on a connection failed. It is undone.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The driver's words.
    #[error(transparent)]
    Driver(#[from] Error),
    /// No connection; the words are free of the password.
    #[error("{0}")]
    Unreachable(String),
    /// A row holds what the program never writes.
    #[error("{0} is damaged")]
    Damaged(&'static str),
    /// The work itself gave up, for this reason.
    #[error(transparent)]
    Refused(#[from] StoreError),
}

impl DbError {
    /// Whether a unique constraint was violated, on this column of this table.
    ///
    /// PostgreSQL names the constraint (`users_guest_key_key`), SQLite the column (`users.guest_key`).
    pub fn is_conflict_on(&self, table: &str, column: &str) -> bool {
        let DbError::Driver(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, info)) = self else {
            return false;
        };
        match info.constraint_name() {
            Some(name) => {
                name == format!("{table}_{column}_key") || (info.table_name() == Some(table) && name.ends_with("_pkey"))
            }
            None => info.message().contains(&format!("{table}.{column}")),
        }
    }

    /// Whether somebody else held what was needed for too long.
    ///
    /// The driver gives no code, and the words of PostgreSQL may be in another language; the writers look at the time as well.
    pub fn is_lock(&self) -> bool {
        match self {
            DbError::Driver(Error::DatabaseError(DatabaseErrorKind::SerializationFailure, _)) => true,
            DbError::Driver(Error::DatabaseError(_, info)) => {
                let words = info.message();
                words.contains("timeout") || words.contains("deadlock") || words.contains("database is locked")
            }
            _ => false,
        }
    }

    /// Whether a write found no space: the disk is full, or a file may not grow. What was there is still read.
    ///
    /// The words are SQLite's own, and the system's as PostgreSQL passes them on. SQLite says of a file that may not grow
    /// what it says of a broken disk as well.
    pub fn is_full(&self) -> bool {
        self.lacks_space() || self.says(&["disk I/O error"])
    }

    fn lacks_space(&self) -> bool {
        self.says(&["disk is full", "No space left on device", "File too large", "Disk quota exceeded"])
    }

    fn says(&self, words: &[&str]) -> bool {
        let DbError::Driver(Error::DatabaseError(_, info)) = self else { return false };
        words.iter().any(|words| info.message().contains(words))
    }

    /// What a caller is told whose change was not written.
    pub fn into_write_error(self, alive: bool) -> StoreError {
        if self.is_full() { storage_full() } else { self.into_store_error(alive) }
    }

    /// What a caller is told. `alive` says whether the connection survived.
    pub fn into_store_error(self, alive: bool) -> StoreError {
        match self {
            DbError::Refused(error) => error,
            DbError::Unreachable(_) => busy(),
            error if error.lacks_space() => storage_full(),
            error if !alive || error.is_lock() => busy(),
            error => StoreError::Failed(error.to_string()),
        }
    }
}

/// The answer to whom cannot be served now.
pub fn busy() -> StoreError {
    StoreError::Busy { retry_after: RETRY_AFTER }
}

/// The answer to whom nothing more can be written for.
pub fn storage_full() -> StoreError {
    StoreError::StorageFull { retry_after: RETRY_FULL_AFTER }
}
