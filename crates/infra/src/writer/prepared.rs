//! The statements of PostgreSQL that write a batch. Diesel compiles an insert of several rows, and any statement given as
//! text, anew each time, because it cannot know how many there are; with arrays they are always the same, and prepared once
//! for each connection.

use crate::db::schema::messages;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Nullable, Text};

/// A message as it is inserted.
#[derive(Insertable)]
#[diesel(table_name = messages, treat_none_as_default_value = false)]
pub struct NewMessage {
    pub room: i64,
    pub seq: i64,
    pub change_seq: i64,
    pub author: i64,
    pub text: String,
    pub kind: &'static str,
    pub reply_to: Option<i64>,
    pub nonce_key: Option<String>,
    pub created_at: i64,
}

/// Moves heads: rooms and their last seqs.
pub struct MoveHeads {
    rooms: Vec<i64>,
    seqs: Vec<i64>,
}

impl MoveHeads {
    /// Each room with its last seq.
    pub fn new(heads: &[(i64, i64)]) -> MoveHeads {
        let (rooms, seqs) = heads.iter().copied().unzip();
        MoveHeads { rooms, seqs }
    }
}

impl QueryId for MoveHeads {
    type QueryId = MoveHeads;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<PgConnection> for MoveHeads {}

impl QueryFragment<Pg> for MoveHeads {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("UPDATE room_heads AS h SET last_seq = k.seq FROM unnest(");
        out.push_bind_param::<Array<BigInt>, _>(&self.rooms)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.seqs)?;
        out.push_sql(") AS k(room, seq) WHERE h.room = k.room");
        Ok(())
    }
}

/// Inserts messages; its rows are room, seq and id of each.
#[derive(Default)]
pub struct InsertMessages {
    room: Vec<i64>,
    seq: Vec<i64>,
    change_seq: Vec<i64>,
    author: Vec<i64>,
    text: Vec<String>,
    kind: Vec<&'static str>,
    reply_to: Vec<Option<i64>>,
    nonce_key: Vec<Option<String>>,
    created_at: Vec<i64>,
}

impl InsertMessages {
    /// In this order.
    pub fn new(rows: Vec<NewMessage>) -> InsertMessages {
        let mut columns = InsertMessages::default();
        for row in rows {
            columns.room.push(row.room);
            columns.seq.push(row.seq);
            columns.change_seq.push(row.change_seq);
            columns.author.push(row.author);
            columns.text.push(row.text);
            columns.kind.push(row.kind);
            columns.reply_to.push(row.reply_to);
            columns.nonce_key.push(row.nonce_key);
            columns.created_at.push(row.created_at);
        }
        columns
    }
}

impl QueryId for InsertMessages {
    type QueryId = InsertMessages;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for InsertMessages {
    type SqlType = (BigInt, BigInt, BigInt);
}

impl RunQueryDsl<PgConnection> for InsertMessages {}

impl QueryFragment<Pg> for InsertMessages {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        const COLUMNS: &str = "room, seq, change_seq, author, text, kind, reply_to, nonce_key, created_at";
        out.push_sql("INSERT INTO messages (");
        out.push_sql(COLUMNS);
        out.push_sql(") SELECT ");
        out.push_sql(COLUMNS);
        out.push_sql(" FROM unnest(");
        for column in [&self.room, &self.seq, &self.change_seq, &self.author] {
            out.push_bind_param::<Array<BigInt>, _>(column)?;
            out.push_sql(", ");
        }
        out.push_bind_param::<Array<Text>, _>(&self.text)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.kind)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<BigInt>>, _>(&self.reply_to)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Text>>, _>(&self.nonce_key)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.created_at)?;
        out.push_sql(") AS m(");
        out.push_sql(COLUMNS);
        out.push_sql(") RETURNING room, seq, id");
        Ok(())
    }
}
