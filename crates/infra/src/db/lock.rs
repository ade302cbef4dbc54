//! One server at a time on a SQLite file: two would each be deaf to what the other writes.

use crate::OpenError;
use crate::db::disk::private;
use crate::db::target::Target;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};

/// That this process serves a database. It ends when this is dropped or the process dies, whatever it dies of.
pub struct ServeLock(Option<File>);

impl ServeLock {
    /// Takes the database for this process; refused, naming who has it, while another one serves it. PostgreSQL serves
    /// many.
    pub fn take(target: &Target) -> Result<ServeLock, OpenError> {
        let Target::Sqlite(database) = target else { return Ok(ServeLock(None)) };
        // One file by whatever name it is called.
        let real = database.canonicalize().unwrap_or_else(|_| database.clone());
        let mut path = real.into_os_string();
        path.push(".lock");
        let failed = |error| OpenError::File { path: path.to_string_lossy().into_owned(), error };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = private(&mut options).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Another process may be writing this very line; then it is not named.
                let _ = file.read_to_string(&mut holder);
                let holder =
                    holder.lines().next().filter(|line| !line.is_empty()).unwrap_or("another process").to_owned();
                return Err(OpenError::Served { path: database.display().to_string(), holder });
            }
            Err(TryLockError::Error(error)) => {
                tracing::warn!(%error, "no lock on this kind of disk: see to it that one server at a time uses the database");
                return Ok(ServeLock(None));
            }
        }
        let mut lock = ServeLock(Some(file));
        lock.tell(None);
        Ok(lock)
    }

    /// Says where this process serves, for whoever is refused.
    pub fn tell(&mut self, address: Option<&str>) {
        let Some(file) = &mut self.0 else { return };
        let at = address.map(|address| format!(" at {address}")).unwrap_or_default();
        let line = format!("process {}{at}\n", std::process::id());
        // It is only for people: a full disk keeps no server from starting.
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(line.as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_served_by_one_at_a_time_by_whatever_name() {
        let folder = tempfile::tempdir().unwrap();
        let target = Target::Sqlite(folder.path().join("a.db"));
        let link = Target::Sqlite(folder.path().join("b.db"));
        File::create(folder.path().join("a.db")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("a.db"), folder.path().join("b.db")).unwrap();
        let mut first = ServeLock::take(&target).unwrap();
        first.tell(Some("http://127.0.0.1:8080"));
        let refused = ServeLock::take(&link).map(drop).unwrap_err().to_string();
        let named = format!("process {} at http://127.0.0.1:8080", std::process::id());
        assert!(refused.contains(&named) && !refused.contains('\n'), "{refused}");
        drop(first);
        ServeLock::take(&link).map(drop).unwrap();
    }
}
