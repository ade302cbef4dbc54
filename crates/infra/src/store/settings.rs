//! Settings that belong to the database rather than to a process.

use crate::db::conn::{AnyConn, on_backend};
use crate::db::error::DbError;
use crate::db::schema::settings;
use diesel::prelude::*;

/// The value of a key.
pub fn get(conn: &mut AnyConn, key: &str) -> Result<Option<String>, DbError> {
    Ok(settings::table.find(key).select(settings::value).first(conn).optional()?)
}

/// Sets a key that has no value yet; the value it has then. Two who try at once get the same one.
pub fn get_or_set(conn: &mut AnyConn, key: &str, value: &str) -> Result<String, DbError> {
    if let Some(value) = get(conn, key)? {
        return Ok(value);
    }
    let row = (settings::key.eq(key), settings::value.eq(value));
    on_backend!(conn, |c| diesel::insert_into(settings::table).values(row).on_conflict_do_nothing().execute(c))?;
    get(conn, key)?.ok_or(DbError::Damaged("settings"))
}

/// Sets a key, whatever its value was.
pub fn set(conn: &mut AnyConn, key: &str, value: &str) -> Result<(), DbError> {
    let changed = diesel::update(settings::table.find(key)).set(settings::value.eq(value)).execute(conn)?;
    if changed == 0 {
        diesel::insert_into(settings::table)
            .values((settings::key.eq(key), settings::value.eq(value)))
            .execute(conn)?;
    }
    Ok(())
}
