//! Which database a URL means.

use std::path::PathBuf;

/// A database that a URL names.
#[derive(Clone, PartialEq, Eq)]
pub enum Target {
    /// `postgres://…`, as libpq reads it.
    Postgres(String),
    /// `sqlite:PATH`.
    Sqlite(PathBuf),
}

/// Why a URL names no database of ours. The URL itself is never repeated: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// Neither PostgreSQL nor SQLite.
    #[error("the database URL must begin with postgres:// or sqlite:")]
    Scheme,
    /// A database in memory cannot be shared by a writer and its readers.
    #[error("the database URL needs a file: sqlite:PATH")]
    NoFile,
    /// The driver would take parts of the password for the host or the port, and repeat them in its complaint.
    #[error("user and password in the database URL must be percent-encoded")]
    NotEncoded,
}

impl Target {
    /// Reads a URL.
    pub fn parse(url: &str) -> Result<Target, BadUrl> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path.starts_with(":memory:") || path.contains('?') {
                return Err(BadUrl::NoFile);
            }
            return Ok(Target::Sqlite(PathBuf::from(path)));
        }
        let Some(rest) = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://")) else {
            return Err(BadUrl::Scheme);
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let address = rest.split('?').next().unwrap_or_default();
        if address.matches('@').count() != authority.matches('@').count() || authority.matches('@').count() > 1 {
            return Err(BadUrl::NotEncoded);
        }
        Ok(Target::Postgres(url.to_owned()))
    }

    /// The words of a driver in one line, without the password that the URL holds.
    pub fn redact(&self, words: &str) -> String {
        let mut line = words.split_whitespace().collect::<Vec<_>>().join(" ");
        let Target::Postgres(url) = self else { return line };
        for secret in secrets(url).into_iter().filter(|secret| !secret.is_empty()) {
            line = line.replace(&secret, "***");
        }
        line
    }
}

/// The passwords in a URL, as written and as meant.
fn secrets(url: &str) -> Vec<String> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    let from_authority = address.rsplit_once('@').and_then(|(user, _)| user.split_once(':')).map(|(_, secret)| secret);
    let from_query = query.split('&').filter_map(|pair| pair.strip_prefix("password="));
    from_authority.into_iter().chain(from_query).flat_map(|secret| [secret.to_owned(), decode(secret)]).collect()
}

/// Undoes percent-encoding.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).filter(|_| *first == b'%').and_then(|two| std::str::from_utf8(two).ok());
        match hex.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_chooses_the_database() {
        let sqlite = |path: &str| Ok(Target::Sqlite(PathBuf::from(path)));
        let postgres = |url: &str| Ok(Target::Postgres(url.to_owned()));
        for (url, expected) in [
            ("sqlite:data/banter.db", sqlite("data/banter.db")),
            ("sqlite:/var/lib/banter.db", sqlite("/var/lib/banter.db")),
            ("sqlite:///var/lib/banter.db", sqlite("/var/lib/banter.db")),
            ("postgres://u:p@h:5432/db", postgres("postgres://u:p@h:5432/db")),
            ("postgresql:///db?host=/run/pg", postgres("postgresql:///db?host=/run/pg")),
            ("mysql://h/db", Err(BadUrl::Scheme)),
            ("data/banter.db", Err(BadUrl::Scheme)),
            ("", Err(BadUrl::Scheme)),
            ("sqlite:", Err(BadUrl::NoFile)),
            ("sqlite::memory:", Err(BadUrl::NoFile)),
            ("postgres://u:p/w@h/db", Err(BadUrl::NotEncoded)),
            ("postgres://u:p@w@h/db", Err(BadUrl::NotEncoded)),
        ] {
            assert!(Target::parse(url) == expected, "{url}");
        }
    }

    #[test]
    fn a_drivers_words_lose_the_password() {
        let target = Target::Postgres("postgres://ann:s%40fe@h/db?password=other".to_owned());
        assert_eq!(target.redact("no\n  s%40fe, s@fe or other"), "no ***, *** or ***");
    }
}
