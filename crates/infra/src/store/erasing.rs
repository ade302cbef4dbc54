//! Erasing users, and forgetting guests of whom nothing is left.

use crate::db::conn::AnyConn;
use crate::db::error::DbError;
use crate::db::schema::{messages, moderators, names, room_events, rooms, sanctions, sessions, sites, users};
use crate::store::names::{free, reserve};
use crate::store::users::{self as people, DELETED};
use crate::store::{bounded, site_users};
use diesel::dsl::exists;
use diesel::prelude::*;
use domain::model::id::UserId;
use domain::model::name::RESERVED_FOR;
use domain::model::rank::Rank;
use domain::model::time::Timestamp;
use domain::ports::store::Deletion;
use std::collections::HashSet;

/// See [`domain::ports::store::AccountStore::delete`].
pub fn erase(conn: &mut AnyConn, id: i64, at: Timestamp) -> Result<Deletion, DbError> {
    if let AnyConn::Pg(c) = conn {
        // Whoever hands over a room to this user meanwhile waits, or is seen below.
        users::table.find(id).select(users::id).for_update().first::<i64>(c).optional()?;
    }
    let Some(user) = people::find(conn, UserId(id))? else { return Ok(Deletion::Gone) };
    let owned = rooms::table.filter(rooms::owner.eq(id)).filter(rooms::closed_at.is_null());
    if diesel::select(exists(owned)).get_result::<bool>(conn)? {
        return Ok(Deletion::OwnsRooms);
    }
    let nothing = None::<String>;
    diesel::update(users::table.find(id))
        .set((
            users::deleted.eq(true),
            users::username.eq(&nothing),
            users::username_key.eq(&nothing),
            users::display_name.eq(DELETED),
            users::name_key.eq(DELETED),
            users::password.eq(&nothing),
            users::guest_key.eq(&nothing),
            users::picture.eq(&nothing),
            users::country.eq(&nothing),
            users::network.eq(&nothing),
            users::rank.eq(Rank::Guest.as_str()),
            users::site.eq(&nothing),
            users::site_rank.eq(&nothing),
        ))
        .execute(conn)?;
    site_users::forget_user(conn, id, at)?;
    if user.username.is_some() {
        reserve(conn, id, at + RESERVED_FOR)?;
    } else {
        free(conn, id)?;
    }
    diesel::delete(sessions::table.filter(sessions::user_id.eq(id))).execute(conn)?;
    diesel::delete(moderators::table.filter(moderators::user_id.eq(id))).execute(conn)?;
    Ok(Deletion::Done)
}

/// See [`domain::ports::store::AccountStore::forget_guests`]; who was erased, and the last one looked at.
pub fn forget(
    conn: &mut AnyConn,
    made_before: Timestamp,
    now: Timestamp,
    after: UserId,
    limit: usize,
) -> Result<(Vec<UserId>, Option<UserId>), DbError> {
    let old = users::table
        .filter(users::rank.eq(Rank::Guest.as_str()))
        .filter(users::created_at.lt(made_before.0))
        .filter(users::id.gt(after.0))
        .order(users::id)
        .limit(bounded(limit))
        .select((users::id, users::deleted));
    let seen: Vec<(i64, bool)> = match conn {
        // Whoever logs in as one of them meanwhile waits, and finds that the guest is gone.
        AnyConn::Pg(c) => old.for_update().load(c)?,
        AnyConn::Sqlite(c) => old.load(c)?,
    };
    let ids: Vec<i64> = seen.iter().map(|(id, _)| *id).collect();
    let kept = with_something_left(conn, &ids, now)?;
    let mut erased = Vec::new();
    for (id, was_erased) in seen.iter().filter(|(id, _)| !kept.contains(id)) {
        if *was_erased {
            diesel::delete(users::table.find(id)).execute(conn)?;
        } else if erase(conn, *id, now)? == Deletion::Done {
            erased.push(UserId(*id));
        }
    }
    Ok((erased, ids.last().copied().filter(|_| ids.len() == limit).map(UserId)))
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
    kept.extend(sites::table.filter(sites::owner.eq_any(ids)).select(sites::owner).load::<i64>(conn)?);
    let events = room_events::table.filter(room_events::actor.eq_any(ids)).select(room_events::actor);
    kept.extend(events.distinct().load::<i64>(conn)?);
    let events = room_events::table.filter(room_events::subject.eq_any(ids)).select(room_events::subject);
    kept.extend(events.distinct().load::<Option<i64>>(conn)?.into_iter().flatten());
    let named = names::table.filter(names::user_id.eq_any(ids)).filter(names::reserved_until.is_not_null());
    kept.extend(named.select(names::user_id).load::<i64>(conn)?);
    // By room, because the index of authors begins with it: the dearest question, and so the last.
    let rest: Vec<i64> = ids.iter().copied().filter(|id| !kept.contains(id)).collect();
    let wrote = rooms::table
        .inner_join(messages::table.on(messages::room.eq(rooms::id)))
        .filter(messages::author.eq(users::id))
        .select(messages::id);
    kept.extend(users::table.filter(users::id.eq_any(rest)).filter(exists(wrote)).select(users::id).load::<i64>(conn)?);
    Ok(kept)
}
