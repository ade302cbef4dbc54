//! A room with very many messages, written straight into the tables: to post ten million would take an hour.
//!
//! The only place that knows how the server stores anything. The databases' own tools do it, `sqlite3` and `psql`.

use std::io::Write;
use std::process::{Command, Stdio};

/// Rows of one transaction.
const AT_ONCE: u64 = 250_000;

/// Milliseconds between two messages.
const PACE: u64 = 1_000;

/// Makes the room's messages up to number `to`; those up to `from` are there. `progress` hears how many there are.
pub fn fill(
    database: &str,
    room: &str,
    authors: &[String],
    (from, to): (u64, u64),
    mut progress: impl FnMut(u64),
) -> Result<(), String> {
    let mut first = from + 1;
    while first <= to {
        let last = to.min(first + AT_ONCE - 1);
        run(database, &statements(is_postgres(database), room, authors, first, last))?;
        progress(last);
        first = last + 1;
    }
    // What PostgreSQL would do by itself a minute later.
    if is_postgres(database) { run(database, "ANALYZE messages;") } else { Ok(()) }
}

fn is_postgres(database: &str) -> bool {
    database.starts_with("postgres")
}

/// Uids hold neither quotes nor anything else that SQL would take for its own.
fn statements(postgres: bool, room: &str, authors: &[String], first: u64, last: u64) -> String {
    let people = authors.iter().map(|uid| format!("'{uid}'")).collect::<Vec<_>>().join(", ");
    let count = authors.len();
    let (begin, numbers, nonce, text) = if postgres {
        let numbers = format!("n (i) AS (SELECT generate_series({first}::bigint, {last}))");
        ("BEGIN", numbers, "lpad(i::text, 12, '0')", "lpad(i::text, 84, 'the quick brown fox ')")
    } else {
        let numbers = format!("RECURSIVE n (i) AS (VALUES ({first}) UNION ALL SELECT i + 1 FROM n WHERE i < {last})");
        let text = "printf('the quick brown fox jumps over the lazy dog and then it comes back for all others: %d', i)";
        ("PRAGMA synchronous = OFF; BEGIN IMMEDIATE", numbers, "printf('%012d', i)", text)
    };
    format!(
        "{begin};
         WITH {numbers},
              a (id, n) AS (SELECT id, row_number() OVER (ORDER BY id) - 1 FROM users WHERE uid IN ({people})),
              r (id, uid, at) AS (SELECT id, uid, created_at FROM rooms WHERE uid = '{room}')
         INSERT INTO messages (room, seq, change_seq, author, text, kind, nonce_key, created_at)
         SELECT r.id, i, i, a.id, {text}, 'say', r.uid || {nonce}, r.at + i * {PACE}
         FROM n CROSS JOIN r JOIN a ON a.n = (i * 7919) % {count} ORDER BY i;
         UPDATE room_heads SET last_seq = {last} WHERE room = (SELECT id FROM rooms WHERE uid = '{room}');
         COMMIT;"
    )
}

fn run(database: &str, sql: &str) -> Result<(), String> {
    let (name, mut command) = if is_postgres(database) {
        let mut psql = Command::new("psql");
        psql.args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", database]);
        ("psql", psql)
    } else {
        let mut sqlite = Command::new("sqlite3");
        sqlite.args(["-batch", "-bail", "-cmd", ".timeout 10000", database.trim_start_matches("sqlite:")]);
        ("sqlite3", sqlite)
    };
    let failed = |error: std::io::Error| format!("{name} is needed to fill the database, and cannot be run: {error}");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(sql.as_bytes()).map_err(failed)?;
    }
    let done = child.wait().map_err(failed)?;
    if done.success() { Ok(()) } else { Err(format!("{name} could not fill the database")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_database_gets_its_own_words_for_the_same_rows() {
        let authors = ["abcDEF0123".to_owned(), "abcDEF0124".to_owned()];
        let [sqlite, postgres] = [false, true].map(|postgres| statements(postgres, "room00000001", &authors, 11, 20));
        for sql in [&sqlite, &postgres] {
            for part in ["'abcDEF0123', 'abcDEF0124'", "% 2 ", "last_seq = 20", "uid = 'room00000001'", "COMMIT;"] {
                assert!(sql.contains(part), "{part} in {sql}");
            }
        }
        assert!(sqlite.contains("VALUES (11)") && sqlite.contains("i < 20"), "{sqlite}");
        assert!(postgres.contains("generate_series(11::bigint, 20)"), "{postgres}");
    }
}
