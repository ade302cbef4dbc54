//! Rooms and who keeps order in them.

use crate::adapters::ids::RandomIds;
use crate::db::access::Db;
use crate::db::conn::AnyConn;
use crate::db::error::DbError;
use crate::db::schema::{messages, moderators, room_heads, rooms, sanctions, users};
use crate::store::messages::{MESSAGE, MessageRow, into_message};
use crate::store::users::{USER, UserRow, into_members};
use crate::store::{LIST_MAX, bounded};
use async_trait::async_trait;
use diesel::dsl::{exists, not};
use diesel::prelude::*;
use domain::model::frame_ancestor::FrameAncestor;
use domain::model::id::{RoomId, RoomUid, SiteUid, UserId};
use domain::model::rank::Rank;
use domain::model::room::{NewRoom, Readers, Room, Rules};
use domain::model::text::{Description, RoomName};
use domain::model::time::{Span, Timestamp};
use domain::model::user::Member;
use domain::ports::effects::Ids;
use domain::ports::store::{RoomStore, StoreError};
use std::sync::Arc;

/// The columns of a [`RoomRow`].
pub type RoomColumns = (
    rooms::id,
    rooms::uid,
    rooms::name,
    rooms::description,
    rooms::owner,
    rooms::slow_mode,
    rooms::max_length,
    rooms::links,
    rooms::created_at,
    rooms::sites,
    rooms::max_lines,
    rooms::readers,
    rooms::site,
);

/// All of a room but when it was closed.
pub const ROOM: RoomColumns = (
    rooms::id,
    rooms::uid,
    rooms::name,
    rooms::description,
    rooms::owner,
    rooms::slow_mode,
    rooms::max_length,
    rooms::links,
    rooms::created_at,
    rooms::sites,
    rooms::max_lines,
    rooms::readers,
    rooms::site,
);

/// What [`with_pinned`] loads: the room, and the message at its top with its author.
pub type PinnedRow = (RoomRow, Option<MessageRow>, Option<UserRow>, Option<String>);

/// Rooms joined with the messages at their tops, as far as these were not deleted, and with their authors.
macro_rules! with_pinned {
    () => {
        rooms::table
            .left_join(
                messages::table.on(rooms::pinned.eq(messages::id.nullable()).and(messages::deleted_at.is_null())),
            )
            .left_join(users::table.on(users::id.eq(messages::author)))
            .left_join(
                moderators::table.on(moderators::room.eq(rooms::id).and(moderators::user_id.eq(messages::author))),
            )
            .select((ROOM, MESSAGE.nullable(), USER.nullable(), moderators::rank.nullable()))
    };
}

/// A room's row.
#[derive(Queryable)]
pub struct RoomRow {
    id: i64,
    uid: String,
    name: String,
    description: String,
    owner: i64,
    slow_mode: i64,
    max_length: i32,
    links: bool,
    created_at: i64,
    sites: String,
    max_lines: i32,
    readers: String,
    site: Option<String>,
}

impl RoomRow {
    fn into_room(self) -> Result<Room, DbError> {
        let sites: Vec<String> = serde_json::from_str(&self.sites).map_err(|_| DbError::Damaged("rooms.sites"))?;
        Ok(Room {
            id: RoomId(self.id),
            uid: RoomUid::parse(&self.uid).ok_or(DbError::Damaged("rooms.uid"))?,
            name: RoomName::stored(self.name),
            description: Description::stored(self.description),
            owner: UserId(self.owner),
            rules: Rules {
                slow_mode: Span::millis(self.slow_mode),
                max_length: usize::try_from(self.max_length).map_err(|_| DbError::Damaged("rooms.max_length"))?,
                max_lines: usize::try_from(self.max_lines).map_err(|_| DbError::Damaged("rooms.max_lines"))?,
                links: self.links,
                readers: Readers::parse(&self.readers).ok_or(DbError::Damaged("rooms.readers"))?,
            },
            frame_ancestors: sites.into_iter().map(FrameAncestor::stored).collect(),
            site: self.site.map(|uid| SiteUid::parse(&uid).ok_or(DbError::Damaged("rooms.site"))).transpose()?,
            pinned: None,
            created_at: Timestamp(self.created_at),
        })
    }
}

/// A bound of a room's rules as it is stored.
pub fn count(bound: usize) -> Result<i32, DbError> {
    i32::try_from(bound).map_err(|_| DbError::Damaged("a room's rules"))
}

/// Whose pages may frame a chat, as it is stored.
pub fn frame_ancestors_text(ancestors: &[FrameAncestor]) -> Result<String, DbError> {
    let texts: Vec<&str> = ancestors.iter().map(FrameAncestor::as_str).collect();
    serde_json::to_string(&texts).map_err(|_| DbError::Damaged("a list of sites"))
}

/// What the rows mean.
fn into_room((row, pinned, author, rank): PinnedRow) -> Result<Room, DbError> {
    let mut room = row.into_room()?;
    if let (Some(pinned), Some(author)) = (pinned, author) {
        room.pinned = Some(Arc::new(into_message((pinned, author, rank), room.site.as_ref())?));
    }
    Ok(room)
}

/// A room that was not closed.
pub fn find(conn: &mut AnyConn, id: RoomId) -> Result<Option<Room>, DbError> {
    one(with_pinned!().filter(rooms::id.eq(id.0)).filter(rooms::closed_at.is_null()).first(conn))
}

/// A room that was not closed.
pub fn find_by_uid(conn: &mut AnyConn, uid: &str) -> Result<Option<Room>, DbError> {
    one(with_pinned!().filter(rooms::uid.eq(uid)).filter(rooms::closed_at.is_null()).first(conn))
}

/// A room, closed or not: its log names it for ever.
pub fn find_ever(conn: &mut AnyConn, id: i64) -> Result<Option<Room>, DbError> {
    one(with_pinned!().filter(rooms::id.eq(id)).first(conn))
}

fn one(row: QueryResult<PinnedRow>) -> Result<Option<Room>, DbError> {
    row.optional()?.map(into_room).transpose()
}

/// The rooms of a database.
pub struct SqlRooms(pub Arc<Db>);

#[async_trait]
impl RoomStore for SqlRooms {
    async fn create(&self, room: NewRoom) -> Result<Room, StoreError> {
        self.0.write(move |conn| insert(conn, room)).await
    }

    async fn room(&self, uid: &RoomUid) -> Result<Option<Room>, StoreError> {
        let uid = uid.as_str().to_owned();
        self.0.read(move |conn| find_by_uid(conn, &uid)).await
    }

    async fn room_by_id(&self, id: RoomId) -> Result<Option<Room>, StoreError> {
        self.0.read(move |conn| find(conn, id)).await
    }

    async fn list(&self, owner: Option<UserId>, after: RoomId, limit: usize) -> Result<Vec<Room>, StoreError> {
        self.0
            .read(move |conn| {
                let mut query = with_pinned!()
                    .filter(rooms::closed_at.is_null())
                    .filter(rooms::id.gt(after.0))
                    .order(rooms::id)
                    .limit(bounded(limit))
                    .into_boxed();
                if let Some(owner) = owner {
                    query = query.filter(rooms::owner.eq(owner.0));
                }
                query.load::<PinnedRow>(conn)?.into_iter().map(into_room).collect()
            })
            .await
    }

    async fn appointed(&self, room: RoomId) -> Result<Vec<Member>, StoreError> {
        let mut members = self
            .0
            .read(move |conn| {
                let rows = moderators::table
                    .inner_join(users::table.on(users::id.eq(moderators::user_id)))
                    .filter(moderators::room.eq(room.0))
                    .filter(users::deleted.eq(false))
                    .order((users::name_key, users::id))
                    .limit(LIST_MAX as i64)
                    .select((USER, moderators::rank))
                    .load::<(UserRow, String)>(conn)?;
                into_members(conn, room.0, rows.into_iter().map(|(row, rank)| (row, Some(rank))).collect())
            })
            .await?;
        // Stable: within a rank the order of the query stays. The names of ranks do not sort like ranks.
        members.sort_by_key(|member| std::cmp::Reverse(member.room_rank));
        Ok(members)
    }

    async fn members(&self, room: RoomId, users: &[UserId]) -> Result<Vec<Member>, StoreError> {
        let ids: Vec<i64> = users.iter().map(|id| id.0).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.0
            .read(move |conn| {
                let rows = users::table
                    .left_join(moderators::table.on(moderators::user_id.eq(users::id).and(moderators::room.eq(room.0))))
                    .filter(users::id.eq_any(ids))
                    .filter(users::deleted.eq(false))
                    .order(users::id)
                    .limit(LIST_MAX as i64)
                    .select((USER, moderators::rank.nullable()))
                    .load::<(UserRow, Option<String>)>(conn)?;
                into_members(conn, room.0, rows)
            })
            .await
    }

    async fn unused_rooms_of_guests(
        &self,
        made_before: Timestamp,
        after: RoomId,
        limit: usize,
    ) -> Result<Vec<Room>, StoreError> {
        self.0
            .read(move |conn| {
                let by_guest = exists(
                    users::table
                        .filter(users::id.eq(rooms::owner))
                        .filter(users::rank.eq(Rank::Guest.as_str()))
                        .filter(users::deleted.eq(false)),
                );
                let written = exists(messages::table.filter(messages::room.eq(rooms::id)));
                let ids = rooms::table
                    .filter(rooms::closed_at.is_null())
                    .filter(rooms::created_at.lt(made_before.0))
                    .filter(rooms::id.gt(after.0))
                    .filter(by_guest)
                    .filter(not(written))
                    .order(rooms::id)
                    .limit(bounded(limit))
                    .select(rooms::id)
                    .load::<i64>(conn)?;
                let query = with_pinned!().filter(rooms::id.eq_any(ids)).order(rooms::id).limit(bounded(limit));
                query.load::<PinnedRow>(conn)?.into_iter().map(into_room).collect()
            })
            .await
    }

    async fn forget_sanctions(&self, over_before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let forget = move |conn: &mut AnyConn| {
            let over = sanctions::ends_at.lt(over_before.0).or(sanctions::lifted_at.lt(over_before.0));
            let query = sanctions::table.filter(over).order(sanctions::id).limit(bounded(limit));
            let ids = query.select(sanctions::id).load::<i64>(conn)?;
            Ok(diesel::delete(sanctions::table.filter(sanctions::id.eq_any(ids))).execute(conn)?)
        };
        self.0.delete_then(forget, |_| {}).await
    }
}

fn insert(conn: &mut AnyConn, room: NewRoom) -> Result<Room, DbError> {
    let rules = Rules::default();
    let id = diesel::insert_into(rooms::table)
        .values((
            rooms::uid.eq(room.uid.as_str()),
            rooms::name.eq(room.name.as_str()),
            rooms::description.eq(room.description.as_str()),
            rooms::owner.eq(room.owner.0),
            rooms::slow_mode.eq(rules.slow_mode.as_millis()),
            rooms::max_length.eq(count(rules.max_length)?),
            rooms::max_lines.eq(count(rules.max_lines)?),
            rooms::links.eq(rules.links),
            rooms::readers.eq(rules.readers.as_str()),
            rooms::site.eq(room.site.as_ref().map(SiteUid::as_str)),
            rooms::created_at.eq(room.created_at.0),
        ))
        .returning(rooms::id)
        .get_result::<i64>(conn)?;
    diesel::insert_into(room_heads::table)
        .values((room_heads::room.eq(id), room_heads::epoch.eq(room.epoch.0), room_heads::last_seq.eq(0)))
        .execute(conn)?;
    diesel::insert_into(moderators::table)
        .values((
            moderators::room.eq(id),
            moderators::user_id.eq(room.owner.0),
            moderators::rank.eq(Rank::Owner.as_str()),
        ))
        .execute(conn)?;
    Ok(Room {
        id: RoomId(id),
        uid: room.uid,
        name: room.name,
        description: room.description,
        owner: room.owner,
        rules,
        frame_ancestors: Vec::new(),
        site: room.site,
        pinned: None,
        created_at: room.created_at,
    })
}

/// Draws a new epoch for every log; how many there are.
pub fn renew_epochs(conn: &mut AnyConn) -> Result<usize, DbError> {
    let rooms = room_heads::table.select(room_heads::room).order(room_heads::room).load::<i64>(conn)?;
    for room in &rooms {
        diesel::update(room_heads::table.find(room)).set(room_heads::epoch.eq(RandomIds.epoch().0)).execute(conn)?;
    }
    Ok(rooms.len())
}
