//! Logins and the tickets that stand for them.

use crate::db::conn::AnyConn;
use crate::db::error::DbError;
use crate::db::schema::{sessions, tickets, users};
use crate::store::LIST_MAX;
use crate::store::users::{self as people, USER, UserRow};
use diesel::prelude::*;
use domain::model::id::{SessionId, UserId};
use domain::model::session::Session;
use domain::model::time::Timestamp;
use domain::model::user::User;
use domain::ports::store::StoreError;
use std::collections::HashMap;

/// Begins a login, and forgets those of this user that have expired.
pub fn open(conn: &mut AnyConn, user: UserId, now: Timestamp, expires_at: Timestamp) -> Result<Session, DbError> {
    let expired = sessions::table.filter(sessions::user_id.eq(user.0)).filter(sessions::expires_at.lt(now.0));
    diesel::delete(expired).execute(conn)?;
    if people::find(conn, user)?.is_none() {
        return Err(StoreError::Failed(format!("no user {user}")).into());
    }
    let id = random_id()?;
    diesel::insert_into(sessions::table)
        .values((sessions::id.eq(id), sessions::user_id.eq(user.0), sessions::expires_at.eq(expires_at.0)))
        .execute(conn)?;
    Ok(Session { id: SessionId(id), user, expires_at })
}

/// A token names its session by this number alone, so that it must never name another one: not after the session
/// ended, and not when a backup is restored. Numbers in a row would come again; 53 random bits do not.
fn random_id() -> Result<i64, DbError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|e| DbError::Unreachable(format!("no random numbers: {e}")))?;
    Ok((i64::from_le_bytes(bytes) & ((1 << 53) - 1)).max(1))
}

/// These logins as far as they were not ended, expired or not, with their users.
pub fn find(conn: &mut AnyConn, ids: &[SessionId]) -> Result<HashMap<SessionId, (Session, User)>, DbError> {
    let with_users = sessions::table
        .inner_join(users::table.on(users::id.eq(sessions::user_id)))
        .filter(users::deleted.eq(false))
        .select((sessions::id, sessions::expires_at, USER));
    let rows: Vec<(i64, i64, UserRow)> = match ids {
        // A statement without a list stays compiled on SQLite.
        [id] => with_users.filter(sessions::id.eq(id.0)).load(conn)?,
        ids => {
            let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
            with_users.filter(sessions::id.eq_any(ids)).load(conn)?
        }
    };
    let login = |(id, expires_at, user): (i64, i64, UserRow)| {
        let user = user.into_user()?;
        let session = Session { id: SessionId(id), user: user.id, expires_at: Timestamp(expires_at) };
        Ok((session.id, (session, user)))
    };
    rows.into_iter().map(login).collect()
}

/// Those of these logins that live at `now`.
pub fn alive(conn: &mut AnyConn, ids: &[i64], now: Timestamp) -> Result<Vec<SessionId>, DbError> {
    let mut alive = Vec::new();
    for some in ids.chunks(LIST_MAX) {
        let query = sessions::table.filter(sessions::id.eq_any(some.to_vec())).filter(sessions::expires_at.ge(now.0));
        alive.extend(query.select(sessions::id).load::<i64>(conn)?.into_iter().map(SessionId));
    }
    Ok(alive)
}

/// Moves the end of a login.
pub fn slide(conn: &mut AnyConn, id: SessionId, expires_at: Timestamp) -> Result<(), DbError> {
    diesel::update(sessions::table.find(id.0)).set(sessions::expires_at.eq(expires_at.0)).execute(conn)?;
    Ok(())
}

/// Ends a login; whether there was one.
pub fn end(conn: &mut AnyConn, id: SessionId) -> Result<bool, DbError> {
    Ok(diesel::delete(sessions::table.find(id.0)).execute(conn)? > 0)
}

/// Ends all logins of a user but one; which they were.
pub fn end_all(conn: &mut AnyConn, user: UserId, except: Option<SessionId>) -> Result<Vec<SessionId>, DbError> {
    let others =
        sessions::table.filter(sessions::user_id.eq(user.0)).filter(sessions::id.ne(except.map_or(0, |id| id.0)));
    let mut ended = Vec::new();
    loop {
        let some = others.order(sessions::id).limit(LIST_MAX as i64).select(sessions::id).load::<i64>(conn)?;
        if some.is_empty() {
            return Ok(ended);
        }
        diesel::delete(sessions::table.filter(sessions::id.eq_any(some.clone()))).execute(conn)?;
        ended.extend(some.into_iter().map(SessionId));
    }
}

/// Keeps a ticket, and forgets those that have expired.
pub fn keep_ticket(
    conn: &mut AnyConn,
    fingerprint: String,
    session: SessionId,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), DbError> {
    diesel::delete(tickets::table.filter(tickets::expires_at.lt(now.0))).execute(conn)?;
    diesel::insert_into(tickets::table)
        .values((
            tickets::fingerprint.eq(fingerprint),
            tickets::session_id.eq(session.0),
            tickets::expires_at.eq(expires_at.0),
        ))
        .execute(conn)?;
    Ok(())
}

/// Takes a ticket out: two who come with the same one get it once.
pub fn take_ticket(conn: &mut AnyConn, fingerprint: &str, now: Timestamp) -> Result<Option<SessionId>, DbError> {
    let taken = diesel::delete(tickets::table.find(fingerprint))
        .returning((tickets::session_id, tickets::expires_at))
        .get_result::<(i64, i64)>(conn)
        .optional()?;
    Ok(taken.filter(|(_, expires_at)| *expires_at >= now.0).map(|(session, _)| SessionId(session)))
}
