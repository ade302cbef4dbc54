//! Events other than messages as rows: what a query asks for in columns, the rest as JSON in `payload`.

use crate::db::conn::AnyConn;
use crate::db::error::DbError;
use crate::db::schema::{room_events, room_heads, rooms as places};
use crate::store::{bounded, rooms, users};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt};
use domain::model::event::{Event, EventKind, ModerationAction};
use domain::model::frame_ancestor::FrameAncestor;
use domain::model::id::{Epoch, MessageId, RoomId, Seq, SiteUid, UserId};
use domain::model::log::LogLine;
use domain::model::rank::Rank;
use domain::model::room::{Head, Readers, Room, Rules};
use domain::model::text::{Description, RoomName};
use domain::model::time::{Span, Timestamp};
use domain::model::user::{Member, User};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// What `payload` holds, by the event's kind. Fields may be added, never taken away: old logs are read for ever.
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
struct Payload {
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<String>,
    /// The sanction's kind, or none for a rank.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The rank held in the room after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    rank: Option<String>,
    /// The rank that the site of the room gave then.
    #[serde(skip_serializing_if = "Option::is_none")]
    site_rank: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<Settings>,
}

/// A room's settings after a change.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Settings {
    name: String,
    description: String,
    slow_mode: i64,
    max_length: usize,
    links: bool,
    /// Missing where an older version wrote it, which left the rule as it was.
    #[serde(default)]
    max_lines: Option<usize>,
    /// The same.
    #[serde(default)]
    readers: Option<String>,
    #[serde(default)]
    sites: Vec<String>,
    /// Missing where the room belonged to none, or an older version wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    site: Option<String>,
}

/// The heads of rooms that were not closed, and of the server's own log.
pub fn heads(conn: &mut AnyConn, of: &[RoomId]) -> Result<Vec<(RoomId, Head)>, DbError> {
    let ids: Vec<i64> = of.iter().map(|room| room.0).collect();
    let most = ids.len() as i64;
    let rows = room_heads::table
        .left_join(places::table.on(places::id.eq(room_heads::room)))
        .filter(room_heads::room.eq_any(ids))
        .filter(places::closed_at.is_null())
        .order(room_heads::room)
        .limit(most)
        .select((room_heads::room, room_heads::epoch, room_heads::last_seq))
        .load::<(i64, i64, i64)>(conn)?;
    let head = |(room, epoch, seq)| (RoomId(room), Head { epoch: Epoch(epoch), seq: Seq(seq) });
    Ok(rows.into_iter().map(head).collect())
}

/// Those of these logs that have events after that seq.
pub fn changed_since(conn: &mut AnyConn, of: &[(RoomId, Seq)]) -> Result<Vec<RoomId>, DbError> {
    let changed: Vec<i64> = match conn {
        AnyConn::Pg(conn) => {
            let (rooms, seqs): (Vec<i64>, Vec<i64>) = of.iter().map(|(room, seq)| (room.0, seq.0)).unzip();
            let query = diesel::sql_query(
                "SELECT k.room FROM unnest($1, $2) AS k(room, seq) \
                 WHERE EXISTS (SELECT FROM room_events AS e WHERE e.room = k.room AND e.seq > k.seq)",
            );
            let rows = query.bind::<Array<BigInt>, _>(rooms).bind::<Array<BigInt>, _>(seqs).load::<ChangedRow>(conn)?;
            rows.into_iter().map(|row| row.room).collect()
        }
        AnyConn::Sqlite(conn) => {
            let mut changed = Vec::new();
            for (room, seq) in of {
                let later = room_events::table.filter(room_events::room.eq(room.0)).filter(room_events::seq.gt(seq.0));
                if diesel::select(diesel::dsl::exists(later)).get_result(conn)? {
                    changed.push(room.0);
                }
            }
            changed
        }
    };
    Ok(changed.into_iter().map(RoomId).collect())
}

#[derive(QueryableByName)]
struct ChangedRow {
    #[diesel(sql_type = BigInt)]
    room: i64,
}

/// Writes an event's row. A message is a row of its own table and none here.
pub fn insert(conn: &mut AnyConn, event: &Event) -> Result<(), DbError> {
    let Some((kind, subject, payload)) = encode(&event.kind) else { return Ok(()) };
    let payload = serde_json::to_string(&payload).map_err(|_| DbError::Damaged("an event"))?;
    diesel::insert_into(room_events::table)
        .values((
            room_events::room.eq(event.room.0),
            room_events::seq.eq(event.seq.0),
            room_events::kind.eq(kind),
            room_events::actor.eq(event.actor.0),
            room_events::subject.eq(subject),
            room_events::payload.eq(payload),
            room_events::created_at.eq(event.at.0),
        ))
        .execute(conn)?;
    Ok(())
}

fn encode(kind: &EventKind) -> Option<(&'static str, Option<i64>, Payload)> {
    Some(match kind {
        EventKind::Posted(_) => return None,
        EventKind::Deleted { message } => ("deleted", None, Payload { message: Some(message.0), ..Payload::default() }),
        EventKind::Purged { author } => ("purged", author.as_ref().map(|user| user.id.0), Payload::default()),
        EventKind::Moderated { subject, action, until, reason } => {
            let payload = Payload {
                action: Some(action.as_str().to_owned()),
                kind: kind_of(*action).map(str::to_owned),
                until: until.map(|end| end.0),
                reason: Some(reason.clone()),
                rank: subject.room_rank.map(|rank| rank.as_str().to_owned()),
                site_rank: subject.site_rank.map(|rank| rank.as_str().to_owned()),
                ..Payload::default()
            };
            ("moderated", Some(subject.user.id.0), payload)
        }
        EventKind::Configured(room) => {
            ("configured", None, Payload { settings: Some(settings(room)), ..Payload::default() })
        }
        EventKind::Pinned { message, room } => ("pinned", None, pinning(*message, room)),
        EventKind::Unpinned { message, room } => ("unpinned", None, pinning(*message, room)),
        EventKind::Closed => ("closed", None, Payload::default()),
    })
}

fn settings(room: &Room) -> Settings {
    Settings {
        name: room.name.as_str().to_owned(),
        description: room.description.as_str().to_owned(),
        slow_mode: room.rules.slow_mode.as_millis(),
        max_length: room.rules.max_length,
        links: room.rules.links,
        max_lines: Some(room.rules.max_lines),
        readers: Some(room.rules.readers.as_str().to_owned()),
        site: room.site.as_ref().map(|site| site.as_str().to_owned()),
        sites: room.frame_ancestors.iter().map(|site| site.as_str().to_owned()).collect(),
    }
}

fn pinning(message: MessageId, room: &Room) -> Payload {
    Payload { message: Some(message.0), settings: Some(settings(room)), ..Payload::default() }
}

fn kind_of(action: ModerationAction) -> Option<&'static str> {
    match action {
        ModerationAction::Ban | ModerationAction::Unban => Some("ban"),
        ModerationAction::Timeout | ModerationAction::Untimeout => Some("timeout"),
        ModerationAction::Mod | ModerationAction::Unmod | ModerationAction::Vip | ModerationAction::Unvip => None,
    }
}

/// The kinds of events that show the room: with its settings then, and what is pinned now.
const SHOW_THE_ROOM: [&str; 3] = ["configured", "pinned", "unpinned"];

/// An event's row.
#[derive(Queryable)]
pub struct EventRow {
    room: i64,
    seq: i64,
    kind: String,
    actor: i64,
    subject: Option<i64>,
    payload: String,
    created_at: i64,
}

/// What the rows of one room mean, with the people they name (as they are now) and those who acted.
pub fn into_events(conn: &mut AnyConn, rows: Vec<EventRow>) -> Result<(Vec<Event>, HashMap<i64, User>), DbError> {
    let ids = rows.iter().flat_map(|row| [Some(row.actor), row.subject]).flatten().collect();
    let people = users::by_id(conn, ids)?;
    let showing = rows.iter().find(|row| SHOW_THE_ROOM.contains(&row.kind.as_str())).map(|row| row.room);
    let room = showing.map(|room| rooms::find_ever(conn, room)).transpose()?.flatten();
    let events = rows.into_iter().map(|row| decode(row, &people, room.as_ref())).collect::<Result<_, _>>()?;
    Ok((events, people))
}

fn decode(row: EventRow, people: &HashMap<i64, User>, room: Option<&Room>) -> Result<Event, DbError> {
    let payload: Payload = serde_json::from_str(&row.payload).map_err(|_| DbError::Damaged("room_events.payload"))?;
    let damaged = || DbError::Damaged("room_events");
    let subject = row.subject.map(|id| users::named(people, id)).transpose()?;
    let kind = match row.kind.as_str() {
        "deleted" => EventKind::Deleted { message: MessageId(payload.message.ok_or_else(damaged)?) },
        "purged" => EventKind::Purged { author: subject.map(Box::new) },
        "moderated" => EventKind::Moderated {
            subject: Box::new(Member {
                user: subject.ok_or_else(damaged)?,
                room_rank: payload.rank.as_deref().and_then(Rank::parse),
                site_rank: payload.site_rank.as_deref().and_then(Rank::parse),
            }),
            action: payload.action.as_deref().and_then(ModerationAction::parse).ok_or_else(damaged)?,
            until: payload.until.map(Timestamp),
            reason: payload.reason.unwrap_or_default(),
        },
        "configured" => EventKind::Configured(Box::new(as_set(payload.settings, room)?)),
        "pinned" | "unpinned" => {
            let message = MessageId(payload.message.ok_or_else(damaged)?);
            let room = Box::new(as_set(payload.settings, room)?);
            if row.kind == "pinned" {
                EventKind::Pinned { message, room }
            } else {
                EventKind::Unpinned { message, room }
            }
        }
        "closed" => EventKind::Closed,
        _ => return Err(damaged()),
    };
    Ok(Event {
        room: RoomId(row.room),
        seq: Seq(row.seq),
        at: Timestamp(row.created_at),
        actor: UserId(row.actor),
        kind,
    })
}

/// The room with the settings of an event.
fn as_set(settings: Option<Settings>, room: Option<&Room>) -> Result<Room, DbError> {
    let (Some(settings), Some(room)) = (settings, room.cloned()) else { return Err(DbError::Damaged("room_events")) };
    Ok(Room {
        name: RoomName::stored(settings.name),
        description: Description::stored(settings.description),
        rules: Rules {
            slow_mode: Span::millis(settings.slow_mode),
            max_length: settings.max_length,
            links: settings.links,
            max_lines: settings.max_lines.unwrap_or(room.rules.max_lines),
            readers: match settings.readers {
                Some(name) => Readers::parse(&name).ok_or(DbError::Damaged("room_events"))?,
                None => room.rules.readers,
            },
        },
        frame_ancestors: settings.sites.into_iter().map(FrameAncestor::stored).collect(),
        site: settings.site.as_deref().and_then(SiteUid::parse),
        ..room
    })
}

/// What was done in a room, or there to one user, latest first, with a seq below `before`.
pub fn log(
    conn: &mut AnyConn,
    room: RoomId,
    subject: Option<UserId>,
    before: Option<Seq>,
    limit: usize,
) -> Result<Vec<LogLine>, DbError> {
    let mut query = room_events::table
        .filter(room_events::room.eq(room.0))
        .filter(room_events::seq.lt(before.map_or(i64::MAX, |seq| seq.0)))
        .order(room_events::seq.desc())
        .limit(bounded(limit))
        .into_boxed();
    if let Some(subject) = subject {
        query = query.filter(room_events::subject.eq(subject.0));
    }
    let rows = query.load::<EventRow>(conn)?;
    let (events, who) = into_events(conn, rows)?;
    let line = |event: Event| Ok(LogLine { actor: users::named(&who, event.actor.0)?, event });
    events.into_iter().map(line).collect()
}
