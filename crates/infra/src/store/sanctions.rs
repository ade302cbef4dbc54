//! Sanctions as rows.

use crate::db::conn::AnyConn;
use crate::db::error::DbError;
use crate::db::schema::sanctions;
use crate::store::users::{self, named, rank};
use diesel::prelude::*;
use domain::model::id::{RoomId, SanctionId, UserId};
use domain::model::sanction::{Sanction, SanctionKind, SanctionLine};
use domain::model::text::Reason;
use domain::model::time::Timestamp;
use domain::model::user::Network;

/// The columns of a [`SanctionRow`].
pub type SanctionColumns = (
    sanctions::id,
    sanctions::room,
    sanctions::user_id,
    sanctions::network,
    sanctions::kind,
    sanctions::reason,
    sanctions::given_by,
    sanctions::giver_rank,
    sanctions::starts_at,
    sanctions::ends_at,
);

/// All of a sanction but how it was lifted.
pub const SANCTION: SanctionColumns = (
    sanctions::id,
    sanctions::room,
    sanctions::user_id,
    sanctions::network,
    sanctions::kind,
    sanctions::reason,
    sanctions::given_by,
    sanctions::giver_rank,
    sanctions::starts_at,
    sanctions::ends_at,
);

/// A sanction's row.
#[derive(Queryable)]
pub struct SanctionRow {
    id: i64,
    room: Option<i64>,
    user_id: i64,
    network: Option<String>,
    kind: String,
    reason: String,
    given_by: i64,
    giver_rank: String,
    starts_at: i64,
    ends_at: Option<i64>,
}

impl SanctionRow {
    /// What the row means.
    pub fn into_sanction(self) -> Result<Sanction, DbError> {
        Ok(Sanction {
            id: SanctionId(self.id),
            room: self.room.map(RoomId),
            user: UserId(self.user_id),
            network: self.network.map(Network),
            kind: SanctionKind::parse(&self.kind).ok_or(DbError::Damaged("sanctions.kind"))?,
            reason: Reason::stored(self.reason),
            by: UserId(self.given_by),
            by_rank: rank(&self.giver_rank)?,
            starts_at: Timestamp(self.starts_at),
            ends_at: self.ends_at.map(Timestamp),
        })
    }
}

/// Where a sanction given in the log of `room` holds: `None` for the server's own.
pub fn place(room: RoomId) -> Option<i64> {
    (room != RoomId::SERVER).then_some(room.0)
}

/// The sanctions with the people in them.
pub fn with_people(conn: &mut AnyConn, rows: Vec<SanctionRow>) -> Result<Vec<SanctionLine>, DbError> {
    let found = rows.into_iter().map(SanctionRow::into_sanction).collect::<Result<Vec<_>, _>>()?;
    let who = users::by_id(conn, found.iter().flat_map(|s| [s.user.0, s.by.0]).collect())?;
    let line = |sanction: Sanction| {
        let (user, by) = (named(&who, sanction.user.0)?, named(&who, sanction.by.0)?);
        Ok(SanctionLine { sanction, user, by })
    };
    found.into_iter().map(line).collect()
}

/// Conditions for sanctions that were not lifted and hold at an instant, in one place (`None`: everywhere).
macro_rules! in_force {
    ($place:expr, $now:expr) => {{
        use $crate::db::schema::sanctions;
        let still = sanctions::ends_at.is_null().or(sanctions::ends_at.gt($now.0));
        let query = sanctions::table
            .filter(sanctions::lifted_at.is_null())
            .filter(still)
            .select($crate::store::sanctions::SANCTION)
            .into_boxed();
        match $place {
            Some(room) => query.filter(sanctions::room.eq(room)),
            None => query.filter(sanctions::room.is_null()),
        }
    }};
}
pub(crate) use in_force;
