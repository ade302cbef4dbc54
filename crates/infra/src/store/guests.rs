//! Removing guests of whom nothing is left.

use crate::db::conn::AnyConn;
use crate::db::error::DbError;
use crate::db::schema::{messages, moderators, names, room_events, rooms, sanctions, sessions, users};
use crate::store::bounded;
use diesel::dsl::exists;
use diesel::prelude::*;
use domain::model::id::UserId;
use domain::model::rank::Rank;
use domain::model::time::Timestamp;
use std::collections::HashSet;

/// See [`domain::ports::store::AccountStore::forget_guests`].
pub fn forget(
    conn: &mut AnyConn,
    made_before: Timestamp,
    now: Timestamp,
    after: UserId,
    limit: usize,
) -> Result<(usize, Option<UserId>), DbError> {
    let old = users::table
        .filter(users::rank.eq(Rank::Guest.as_str()))
        .filter(users::deleted.eq(false))
        .filter(users::created_at.lt(made_before.0))
        .filter(users::id.gt(after.0))
        .order(users::id)
        .limit(bounded(limit))
        .select(users::id);
    let seen: Vec<i64> = match conn {
        // Whoever logs in as one of them meanwhile waits, and finds that the guest is gone.
        AnyConn::Pg(c) => old.for_update().load(c)?,
        AnyConn::Sqlite(c) => old.load(c)?,
    };
    let kept = with_something_left(conn, &seen, now)?;
    let gone: Vec<i64> = seen.iter().copied().filter(|id| !kept.contains(id)).collect();
    diesel::delete(sessions::table.filter(sessions::user_id.eq_any(&gone))).execute(conn)?;
    diesel::delete(names::table.filter(names::user_id.eq_any(&gone))).execute(conn)?;
    diesel::delete(users::table.filter(users::id.eq_any(&gone))).execute(conn)?;
    Ok((gone.len(), seen.last().copied().filter(|_| seen.len() == limit).map(UserId)))
}

/// Those of these users who are logged in, or of whom anything tells.
fn with_something_left(conn: &mut AnyConn, ids: &[i64], now: Timestamp) -> Result<HashSet<i64>, DbError> {
    let logged_in = sessions::table.filter(sessions::expires_at.ge(now.0)).select(sessions::user_id);
    let mut kept: HashSet<i64> = logged_in.filter(sessions::user_id.eq_any(ids)).load(conn)?.into_iter().collect();
    kept.extend(sanctions::table.filter(sanctions::user_id.eq_any(ids)).select(sanctions::user_id).load::<i64>(conn)?);
    kept.extend(
        moderators::table.filter(moderators::user_id.eq_any(ids)).select(moderators::user_id).load::<i64>(conn)?,
    );
    kept.extend(rooms::table.filter(rooms::owner.eq_any(ids)).select(rooms::owner).load::<i64>(conn)?);
    let events = room_events::table.filter(room_events::actor.eq_any(ids)).select(room_events::actor);
    kept.extend(events.distinct().load::<i64>(conn)?);
    let events = room_events::table.filter(room_events::subject.eq_any(ids)).select(room_events::subject);
    kept.extend(events.distinct().load::<Option<i64>>(conn)?.into_iter().flatten());
    // By room: the index of authors begins with it.
    let wrote = rooms::table
        .inner_join(messages::table.on(messages::room.eq(rooms::id)))
        .filter(messages::author.eq(users::id))
        .select(messages::id);
    kept.extend(users::table.filter(users::id.eq_any(ids)).filter(exists(wrote)).select(users::id).load::<i64>(conn)?);
    Ok(kept)
}
