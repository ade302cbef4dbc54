//! Users as rows.

use crate::db::conn::AnyConn;
use crate::db::error::DbError;
use crate::db::schema::{moderators, rooms, users};
use diesel::prelude::*;
use domain::model::id::{SiteUid, UserId, UserUid};
use domain::model::name::{DisplayName, Username};
use domain::model::rank::Rank;
use domain::model::time::Timestamp;
use domain::model::user::{Member, Network, SiteMembership, User};
use std::collections::HashMap;

/// What the name of a deleted user reads.
pub const DELETED: &str = "deleted user";

/// The columns of a [`UserRow`].
pub type UserColumns = (
    users::id,
    users::uid,
    users::username,
    users::display_name,
    users::picture,
    users::country,
    users::rank,
    users::network,
    users::created_at,
    users::site,
    users::site_rank,
);

/// All that a user shows; neither the password nor the keys that find one.
pub const USER: UserColumns = (
    users::id,
    users::uid,
    users::username,
    users::display_name,
    users::picture,
    users::country,
    users::rank,
    users::network,
    users::created_at,
    users::site,
    users::site_rank,
);

/// A user's row.
#[derive(Queryable)]
pub struct UserRow {
    id: i64,
    uid: String,
    username: Option<String>,
    display_name: String,
    picture: Option<String>,
    country: Option<String>,
    rank: String,
    network: Option<String>,
    created_at: i64,
    site: Option<String>,
    site_rank: Option<String>,
}

impl UserRow {
    /// What the row means.
    pub fn into_user(self) -> Result<User, DbError> {
        Ok(User {
            id: UserId(self.id),
            uid: UserUid::parse(&self.uid).ok_or(DbError::Damaged("users.uid"))?,
            username: self.username.map(Username::stored),
            display_name: DisplayName::stored(self.display_name),
            picture: self.picture,
            country: self.country,
            rank: rank(&self.rank)?,
            network: self.network.map(Network),
            created_at: Timestamp(self.created_at),
            site: membership(self.site, self.site_rank)?,
        })
    }

    /// Whether a site gives the user a rank.
    pub fn holds_site_rank(&self) -> bool {
        self.site_rank.is_some()
    }

    /// The user with a rank of the table of moderators, in a room of this site.
    pub fn into_member(self, room_rank: Option<String>, site: Option<&SiteUid>) -> Result<Member, DbError> {
        let room_rank = room_rank.map(|name| rank(&name)).transpose()?;
        Ok(Member::of_room(self.into_user()?, room_rank, site))
    }
}

fn membership(site: Option<String>, held: Option<String>) -> Result<Option<SiteMembership>, DbError> {
    let Some(site) = site else { return Ok(None) };
    let site = SiteUid::parse(&site).ok_or(DbError::Damaged("users.site"))?;
    Ok(Some(SiteMembership { site, rank: held.map(|name| rank(&name)).transpose()? }))
}

/// Rows of users with ranks of the table of moderators, as members of a room. Which site the room belongs to is asked only
/// where somebody holds a rank of a site.
pub fn into_members(
    conn: &mut AnyConn,
    room: i64,
    rows: Vec<(UserRow, Option<String>)>,
) -> Result<Vec<Member>, DbError> {
    let is_asked = rows.iter().any(|(row, _)| row.holds_site_rank());
    let site = if is_asked { site_of(conn, room)? } else { None };
    rows.into_iter().map(|(row, rank)| row.into_member(rank, site.as_ref())).collect()
}

/// The site that a room belongs to.
pub fn site_of(conn: &mut AnyConn, room: i64) -> Result<Option<SiteUid>, DbError> {
    let site = rooms::table.find(room).select(rooms::site).first::<Option<String>>(conn).optional()?.flatten();
    site.map(|uid| SiteUid::parse(&uid).ok_or(DbError::Damaged("rooms.site"))).transpose()
}

/// A rank as it is stored.
pub fn rank(name: &str) -> Result<Rank, DbError> {
    Rank::parse(name).ok_or(DbError::Damaged("a rank"))
}

/// A user who was not deleted.
pub fn find(conn: &mut AnyConn, id: UserId) -> Result<Option<User>, DbError> {
    let row = users::table.find(id.0).filter(users::deleted.eq(false)).select(USER).first::<UserRow>(conn);
    row.optional()?.map(UserRow::into_user).transpose()
}

/// Users by id, those who were deleted too: messages and events name them for ever.
pub fn by_id(conn: &mut AnyConn, mut ids: Vec<i64>) -> Result<HashMap<i64, User>, DbError> {
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = users::table.filter(users::id.eq_any(ids)).select(USER).load::<UserRow>(conn)?;
    rows.into_iter().map(|row| Ok((row.id, row.into_user()?))).collect()
}

/// The user of that id among those that were loaded.
pub fn named(users: &HashMap<i64, User>, id: i64) -> Result<User, DbError> {
    users.get(&id).cloned().ok_or(DbError::Damaged("a user's id"))
}

/// A user who was not deleted, with the rank held in a room.
pub fn member(conn: &mut AnyConn, room: i64, user: UserId) -> Result<Option<Member>, DbError> {
    let row = users::table
        .left_join(moderators::table.on(moderators::user_id.eq(users::id).and(moderators::room.eq(room))))
        .filter(users::id.eq(user.0))
        .filter(users::deleted.eq(false))
        .select((USER, moderators::rank.nullable()))
        .first::<(UserRow, Option<String>)>(conn);
    let rows = row.optional()?.into_iter().collect();
    Ok(into_members(conn, room, rows)?.pop())
}
