//! Messages as rows, with who wrote them.

use crate::db::conn::AnyConn;
use crate::db::error::DbError;
use crate::db::schema::{messages, moderators, users as people};
use crate::store::users::{self, UserRow};
use diesel::dsl::auto_type;
use diesel::prelude::*;
use domain::model::id::{MessageId, RoomId, Seq, SiteUid, UserId};
use domain::model::message::{Message, MessageKind};
use domain::model::text::{Body, Nonce};
use domain::model::time::Timestamp;
use std::collections::HashMap;

/// The columns of a [`MessageRow`].
pub type MessageColumns = (
    messages::id,
    messages::room,
    messages::seq,
    messages::change_seq,
    messages::text,
    messages::kind,
    messages::reply_to,
    messages::created_at,
);

/// What a message is, without its author.
pub const MESSAGE: MessageColumns = (
    messages::id,
    messages::room,
    messages::seq,
    messages::change_seq,
    messages::text,
    messages::kind,
    messages::reply_to,
    messages::created_at,
);

/// A message's row.
#[derive(Queryable)]
pub struct MessageRow {
    id: i64,
    room: i64,
    seq: i64,
    /// The last event that touched it.
    pub change_seq: i64,
    text: String,
    kind: String,
    reply_to: Option<i64>,
    created_at: i64,
}

/// What `(MESSAGE, USER, moderators::rank.nullable())` loads.
pub type AuthoredRow = (MessageRow, UserRow, Option<String>);

/// Messages joined with their authors and the ranks these hold in the room.
#[auto_type(no_type_alias)]
pub fn with_authors() -> _ {
    messages::table.inner_join(people::table.on(people::id.eq(messages::author))).left_join(
        moderators::table.on(moderators::room.eq(messages::room).and(moderators::user_id.eq(messages::author))),
    )
}

/// What a message is found by when its sender repeats it.
pub fn nonce_key(room: RoomId, author: UserId, nonce: &Nonce) -> String {
    format!("{room}/{author}/{nonce}")
}

/// What the rows mean. Which site a room belongs to is asked only where an author holds a rank of a site.
pub fn into_messages(conn: &mut AnyConn, rows: Vec<AuthoredRow>) -> Result<Vec<Message>, DbError> {
    let mut sites: HashMap<i64, Option<SiteUid>> = HashMap::new();
    for (row, author, _) in &rows {
        if author.holds_site_rank() && !sites.contains_key(&row.room) {
            sites.insert(row.room, users::site_of(conn, row.room)?);
        }
    }
    let site = |room| sites.get(&room).and_then(Option::as_ref);
    rows.into_iter()
        .map(|row| {
            let site = site(row.0.room);
            into_message(row, site)
        })
        .collect()
}

/// What the row means of a message in a room of this site.
pub fn into_message((row, author, rank): AuthoredRow, site: Option<&SiteUid>) -> Result<Message, DbError> {
    Ok(Message {
        id: MessageId(row.id),
        seq: Seq(row.seq),
        room: RoomId(row.room),
        author: author.into_member(rank, site)?,
        text: Body::stored(row.text),
        kind: MessageKind::parse(&row.kind).ok_or(DbError::Damaged("messages.kind"))?,
        reply_to: row.reply_to.map(MessageId),
        at: Timestamp(row.created_at),
    })
}
