//! Who claims which looks: two names that could be mistaken for each other never belong to two users.

use crate::db::conn::AnyConn;
use crate::db::error::DbError;
use crate::db::schema::names;
use crate::store::bounded;
use diesel::prelude::*;
use domain::model::name::{DisplayName, Look, Username, looks};
use domain::model::time::Timestamp;
use domain::ports::store::StoreError;

/// What searching compares: case does not matter.
pub fn folded(name: &str) -> String {
    name.to_lowercase()
}

/// Claims the looks of these names for a user and frees all others of that user.
pub fn claim(
    conn: &mut AnyConn,
    user: i64,
    username: Option<&Username>,
    display_name: &DisplayName,
) -> Result<(), DbError> {
    let mut wanted = looks(display_name.as_str());
    wanted.extend(username.into_iter().flat_map(|name| looks(name.as_str())));
    let mut wanted: Vec<String> = wanted.into_iter().map(|Look(look)| look).collect();
    wanted.sort_unstable();
    wanted.dedup();
    diesel::delete(names::table.filter(names::user_id.eq(user)).filter(names::look.ne_all(wanted.clone())))
        .execute(conn)?;
    let taken = names::table
        .filter(names::look.eq_any(wanted.clone()))
        .order(names::look)
        .limit(wanted.len() as i64)
        .select((names::look, names::user_id))
        .load::<(String, i64)>(conn)?;
    if taken.iter().any(|(_, owner)| *owner != user) {
        return Err(StoreError::NameTaken.into());
    }
    for look in wanted {
        if taken.iter().any(|(held, _)| *held == look) {
            continue;
        }
        let claimed =
            diesel::insert_into(names::table).values((names::look.eq(look), names::user_id.eq(user))).execute(conn);
        // Two who claim it at the same moment: the second one learns it here.
        claimed.map_err(DbError::from).map_err(taken_if_conflict)?;
    }
    Ok(())
}

/// Keeps all names of a user from everybody else until then.
pub fn reserve(conn: &mut AnyConn, user: i64, until: Timestamp) -> Result<(), DbError> {
    let held = names::table.filter(names::user_id.eq(user));
    diesel::update(held).set(names::reserved_until.eq(until.0)).execute(conn)?;
    Ok(())
}

/// Frees at most `limit` looks that were reserved until before `now`; how many.
pub fn free_reserved(conn: &mut AnyConn, now: Timestamp, limit: usize) -> Result<usize, DbError> {
    let over = names::table.filter(names::reserved_until.lt(now.0)).order(names::look).limit(bounded(limit));
    let over = over.select(names::look).load::<String>(conn)?;
    Ok(diesel::delete(names::table.filter(names::look.eq_any(over))).execute(conn)?)
}

/// Frees all names of a user.
pub fn free(conn: &mut AnyConn, user: i64) -> Result<(), DbError> {
    diesel::delete(names::table.filter(names::user_id.eq(user))).execute(conn)?;
    Ok(())
}

/// `NameTaken` instead of a conflict on a name; any other error as it is.
pub fn taken_if_conflict(error: DbError) -> DbError {
    if error.is_conflict_on("names", "look") || error.is_conflict_on("users", "username_key") {
        return StoreError::NameTaken.into();
    }
    error
}
