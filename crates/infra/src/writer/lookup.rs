//! What a batch must know before it writes: heads, closed rooms, known nonces, sanctions, last posts.
//!
//! PostgreSQL is asked once for a whole batch, with arrays, to save round trips. SQLite has none and is asked for one thing
//! after the other: a statement with a list is compiled anew each time, which costs more than running it.

use crate::db::conn::{AnyConn, on_backend};
use crate::db::error::DbError;
use crate::db::schema::{messages, room_heads, rooms, sanctions, users};
use crate::store::sanctions::{SANCTION, SanctionRow};
use crate::writer::prepared::MoveHeads;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt};
use domain::model::id::{MessageId, RoomId, UserId};
use domain::model::sanction::Sanction;
use domain::ports::log::{Aim, LogCommand, LogEntry};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Whether a batch waits for heads that another node holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locks {
    /// Up to the connection's timeout.
    Wait,
    /// Not at all: rooms whose head is held are left out.
    Skip,
}

/// Locks the heads of rooms, in the order of their ids so that two nodes never wait for each other: room, last seq, epoch.
pub fn lock_heads(conn: &mut AnyConn, rooms: &[i64], locks: Locks) -> Result<Vec<(i64, i64, i64)>, DbError> {
    let columns = (room_heads::room, room_heads::last_seq, room_heads::epoch);
    Ok(match conn {
        AnyConn::Pg(c) => {
            let query =
                room_heads::table.filter(room_heads::room.eq_any(rooms)).order(room_heads::room).select(columns);
            match locks {
                Locks::Wait => query.for_update().load(c)?,
                Locks::Skip => query.for_update().skip_locked().load(c)?,
            }
        }
        // The transaction is the lock.
        AnyConn::Sqlite(c) => one_by_one(rooms, |room| room_heads::table.find(room).select(columns).first(c))?,
    })
}

/// Locks the rows of those who act and are acted on, in the order of their ids: a rank that another transaction takes away,
/// or a ban everywhere, comes wholly before the act or wholly after it. Posts take no part.
pub fn lock_people(conn: &mut AnyConn, entries: &[&LogEntry]) -> Result<(), DbError> {
    // On SQLite the transaction is the lock.
    if !matches!(conn, AnyConn::Pg(_)) {
        return Ok(());
    }
    let (mut read, mut banned) = (BTreeSet::new(), BTreeSet::new());
    for entry in entries.iter().filter(|entry| !matches!(entry.command, LogCommand::Post { .. })) {
        read.insert(entry.actor.user.id.0);
        match entry.command.aimed_at() {
            Aim::User(id) if entry.room == RoomId::SERVER => banned.insert(id.0),
            Aim::User(id) => read.insert(id.0),
            Aim::AuthorOf(message) => author_of(conn, message)?.is_some_and(|id| read.insert(id.0)),
            Aim::Nobody => false,
        };
    }
    let read: Vec<i64> = read.into_iter().collect();
    lock_users(conn, &read)?;
    let AnyConn::Pg(c) = conn else { return Ok(()) };
    if !banned.is_empty() {
        let rows = users::table.filter(users::id.eq_any(banned)).order(users::id).select(users::id);
        rows.for_no_key_update().load::<i64>(c)?;
    }
    Ok(())
}

/// Where those who act, not post, were last seen.
pub fn networks_of_actors(conn: &mut AnyConn, entries: &[&LogEntry]) -> Result<Vec<String>, DbError> {
    let acts = entries.iter().filter(|entry| !matches!(entry.command, LogCommand::Post { .. }));
    let ids: BTreeSet<i64> = acts.map(|entry| entry.actor.user.id.0).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let seen = users::table.filter(users::id.eq_any(ids)).select(users::network).load::<Option<String>>(conn)?;
    Ok(seen.into_iter().flatten().collect())
}

/// Keeps these users from being changed by others until the transaction is over.
pub fn lock_users(conn: &mut AnyConn, ids: &[i64]) -> Result<(), DbError> {
    // On SQLite the transaction is the lock.
    if let AnyConn::Pg(c) = conn
        && !ids.is_empty()
    {
        let rows = users::table.filter(users::id.eq_any(ids)).order(users::id).select(users::id);
        rows.for_share().load::<i64>(c)?;
    }
    Ok(())
}

/// Who wrote a message, deleted or not.
pub fn author_of(conn: &mut AnyConn, message: MessageId) -> Result<Option<UserId>, DbError> {
    let author = messages::table.find(message.0).select(messages::author).first::<i64>(conn).optional()?;
    Ok(author.map(UserId))
}

/// Moves heads to these seqs.
pub fn move_heads(conn: &mut AnyConn, heads: &[(i64, i64)]) -> Result<(), DbError> {
    match conn {
        AnyConn::Pg(c) => {
            MoveHeads::new(heads).execute(c)?;
        }
        AnyConn::Sqlite(c) => {
            for (room, seq) in heads {
                diesel::update(room_heads::table.find(room)).set(room_heads::last_seq.eq(seq)).execute(c)?;
            }
        }
    }
    Ok(())
}

/// Those of these rooms that are open.
pub fn open_rooms(conn: &mut AnyConn, ids: &[i64]) -> Result<HashSet<i64>, DbError> {
    let open = rooms::table.filter(rooms::closed_at.is_null()).select(rooms::id);
    let rows: Vec<i64> = match conn {
        AnyConn::Pg(c) => open.filter(rooms::id.eq_any(ids)).load(c)?,
        AnyConn::Sqlite(c) => one_by_one(ids, |id| open.filter(rooms::id.eq(id)).first(c))?,
    };
    Ok(rows.into_iter().collect())
}

/// What `find` finds of each.
fn one_by_one<K, T>(keys: &[K], mut find: impl FnMut(&K) -> QueryResult<T>) -> Result<Vec<T>, DbError> {
    let found = keys.iter().map(|key| find(key).optional()).collect::<QueryResult<Vec<_>>>()?;
    Ok(found.into_iter().flatten().collect())
}

/// The messages that stand under these keys: key → id.
pub fn known_nonces(conn: &mut AnyConn, keys: Vec<String>) -> Result<HashMap<String, i64>, DbError> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let named = messages::table.select((messages::nonce_key.assume_not_null(), messages::id));
    let known: Vec<(String, i64)> = match conn {
        AnyConn::Pg(c) => named.filter(messages::nonce_key.eq_any(keys)).load(c)?,
        AnyConn::Sqlite(c) => one_by_one(&keys, |key| named.filter(messages::nonce_key.eq(key)).first(c))?,
    };
    Ok(known.into_iter().collect())
}

#[derive(QueryableByName)]
struct LastPost {
    #[diesel(sql_type = BigInt)]
    room: i64,
    #[diesel(sql_type = BigInt)]
    author: i64,
    #[diesel(sql_type = BigInt)]
    at: i64,
}

/// When these authors last wrote in these rooms, deleted or not: (room, author) → when.
pub fn last_posts(conn: &mut AnyConn, pairs: &[(i64, i64)]) -> Result<HashMap<(i64, i64), i64>, DbError> {
    if pairs.is_empty() {
        return Ok(HashMap::new());
    }
    match conn {
        AnyConn::Pg(c) => {
            let (rooms, authors): (Vec<i64>, Vec<i64>) = pairs.iter().copied().unzip();
            let rows = diesel::sql_query(
                "SELECT k.room, k.author, m.created_at AS at FROM unnest($1, $2) AS k(room, author), \
                 LATERAL (SELECT created_at FROM messages WHERE room = k.room AND author = k.author \
                 ORDER BY seq DESC LIMIT 1) AS m",
            )
            .bind::<Array<BigInt>, _>(rooms)
            .bind::<Array<BigInt>, _>(authors)
            .load::<LastPost>(c)?;
            Ok(rows.into_iter().map(|row| ((row.room, row.author), row.at)).collect())
        }
        AnyConn::Sqlite(c) => {
            let mut last = HashMap::new();
            for pair in pairs {
                let at = messages::table
                    .filter(messages::room.eq(pair.0))
                    .filter(messages::author.eq(pair.1))
                    .order(messages::seq.desc())
                    .select(messages::created_at)
                    .first::<i64>(c)
                    .optional()?;
                last.extend(at.map(|at| (*pair, at)));
            }
            Ok(last)
        }
    }
}

/// Sanctions that were not lifted, in these rooms or everywhere, of these users or networks, as far as they had not ended
/// at `now`.
pub fn sanctions_of(
    conn: &mut AnyConn,
    rooms: &[i64],
    users: Vec<i64>,
    networks: Vec<String>,
    now: i64,
) -> Result<Vec<Sanction>, DbError> {
    let in_force = sanctions::table
        .filter(sanctions::lifted_at.is_null())
        .filter(sanctions::ends_at.is_null().or(sanctions::ends_at.gt(now)))
        .order(sanctions::id)
        .select(SANCTION);
    let rows: Vec<SanctionRow> = if let ([room], [user], [network]) = (rooms, &*users, &*networks) {
        // The most common batches, of one author, take a statement that stays compiled, and whose text is not written anew.
        let here = sanctions::room.is_null().or(sanctions::room.eq(room));
        let theirs = sanctions::user_id.eq(user).nullable().or(sanctions::network.eq(network));
        on_backend!(conn, |c| in_force.filter(here).filter(theirs).load(c)?)
    } else {
        let here = sanctions::room.is_null().or(sanctions::room.eq_any(rooms));
        let theirs = sanctions::user_id.eq_any(users).nullable().or(sanctions::network.eq_any(networks));
        in_force.filter(here).filter(theirs).load(conn)?
    };
    rows.into_iter().map(SanctionRow::into_sanction).collect()
}

/// Where these messages stand, those that were not deleted: id → (room, author).
pub fn undeleted(conn: &mut AnyConn, ids: &[i64]) -> Result<HashMap<i64, (i64, i64)>, DbError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let standing =
        messages::table.filter(messages::deleted_at.is_null()).select((messages::id, messages::room, messages::author));
    let rows: Vec<(i64, i64, i64)> = match conn {
        AnyConn::Pg(c) => standing.filter(messages::id.eq_any(ids)).load(c)?,
        AnyConn::Sqlite(c) => one_by_one(ids, |id| standing.filter(messages::id.eq(id)).first(c))?,
    };
    Ok(rows.into_iter().map(|(id, room, author)| (id, (room, author))).collect())
}
