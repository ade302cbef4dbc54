//! What each act other than a post changes, and the event that says so.

use crate::db::conn::AnyConn;
use crate::db::error::DbError;
use crate::db::schema::{messages, moderators, rooms, sanctions};
use crate::store::rooms as places;
use crate::store::sanctions::{SanctionRow, in_force, place};
use crate::store::users;
use crate::writer::lookup;
use diesel::connection::SimpleConnection;
use diesel::dsl::exists;
use diesel::prelude::*;
use domain::model::event::{EventKind, ModerationAction};
use domain::model::id::{MessageId, RoomId, SanctionId, SiteUid, UserId};
use domain::model::rank::Rank;
use domain::model::room::RoomChange;
use domain::model::sanction::{NewSanction, Sanction, SanctionKind};
use domain::model::user::Member;
use domain::policy;
use domain::ports::log::{AppendError, LogEntry};
use domain::ports::store::StoreError;
use domain::review::banning;

/// An act done, or the reason why not.
pub type Done<T> = Result<Result<T, AppendError>, DbError>;

/// Deletes one message, as the event `seq`.
pub fn delete(conn: &mut AnyConn, entry: &LogEntry, seq: i64, message: MessageId) -> Done<EventKind> {
    let there = messages::table
        .filter(messages::id.eq(message.0))
        .filter(messages::room.eq(entry.room.0))
        .filter(messages::deleted_at.is_null());
    let deleted =
        diesel::update(there).set((messages::deleted_at.eq(entry.at.0), messages::change_seq.eq(seq))).execute(conn)?;
    Ok(if deleted == 0 { Err(AppendError::Missing) } else { Ok(EventKind::Deleted { message }) })
}

/// Deletes all messages up to now, or one author's, as the event `seq`.
pub fn purge(conn: &mut AnyConn, entry: &LogEntry, seq: i64, author: Option<UserId>) -> Result<(), DbError> {
    if let AnyConn::Pg(c) = conn {
        // A room of a million messages takes its time, once; the usual limit would refuse it for ever.
        c.batch_execute("SET LOCAL statement_timeout = 60000")?;
    }
    let standing = messages::table.filter(messages::room.eq(entry.room.0)).filter(messages::deleted_at.is_null());
    let gone = (messages::deleted_at.eq(entry.at.0), messages::change_seq.eq(seq));
    match author {
        Some(author) => diesel::update(standing.filter(messages::author.eq(author.0))).set(gone).execute(conn)?,
        None => diesel::update(standing).set(gone).execute(conn)?,
    };
    Ok(())
}

/// Gives a sanction, which takes the place of those of its kind in force there; a higher rank's stays.
pub fn sanction(
    conn: &mut AnyConn,
    entry: &LogEntry,
    subject: &Member,
    new: &NewSanction,
) -> Done<(EventKind, Sanction)> {
    let Some(replaced) = ids_within_reach(conn, entry, new.user, new.kind)? else {
        return Ok(Err(AppendError::Outranked));
    };
    diesel::update(sanctions::table.filter(sanctions::id.eq_any(replaced)))
        .set((sanctions::lifted_at.eq(entry.at.0), sanctions::replaced.eq(true)))
        .execute(conn)?;
    let by_rank = entry.actor.rank();
    let id = diesel::insert_into(sanctions::table)
        .values((
            sanctions::room.eq(place(entry.room)),
            sanctions::user_id.eq(new.user.0),
            sanctions::network.eq(new.network.as_ref().map(|network| network.0.as_str())),
            sanctions::kind.eq(new.kind.as_str()),
            sanctions::reason.eq(new.reason.as_str()),
            sanctions::given_by.eq(entry.actor.user.id.0),
            sanctions::giver_rank.eq(by_rank.as_str()),
            sanctions::starts_at.eq(entry.at.0),
            sanctions::ends_at.eq(new.ends_at.map(|end| end.0)),
        ))
        .returning(sanctions::id)
        .get_result::<i64>(conn)?;
    let sanction = Sanction {
        id: SanctionId(id),
        room: place(entry.room).map(RoomId),
        user: new.user,
        network: new.network.clone(),
        kind: new.kind,
        reason: new.reason.clone(),
        by: entry.actor.user.id,
        by_rank,
        starts_at: entry.at,
        ends_at: new.ends_at,
    };
    let action = match new.kind {
        SanctionKind::Ban => ModerationAction::Ban,
        SanctionKind::Timeout => ModerationAction::Timeout,
    };
    let reason = new.reason.as_str().to_owned();
    let kind = EventKind::Moderated { subject: Box::new(subject.clone()), action, until: new.ends_at, reason };
    Ok(Ok((kind, sanction)))
}

/// Lifts what is in force of these kinds.
pub fn lift(conn: &mut AnyConn, entry: &LogEntry, subject: &Member, kinds: &[SanctionKind]) -> Done<EventKind> {
    let (mut lifted, mut ids) = (Vec::new(), Vec::new());
    for kind in kinds {
        let Some(in_force) = ids_within_reach(conn, entry, subject.user.id, *kind)? else {
            return Ok(Err(AppendError::Outranked));
        };
        if !in_force.is_empty() {
            lifted.push(*kind);
            ids.extend(in_force);
        }
    }
    let Some(action) = ModerationAction::lifting(&lifted) else { return Ok(Err(AppendError::Missing)) };
    diesel::update(sanctions::table.filter(sanctions::id.eq_any(ids)))
        .set(sanctions::lifted_at.eq(entry.at.0))
        .execute(conn)?;
    Ok(Ok(moderated(subject, action)))
}

/// Writes the rank that `subject` holds in the room from now on.
pub fn appoint(conn: &mut AnyConn, entry: &LogEntry, subject: &Member, action: ModerationAction) -> Done<EventKind> {
    let Some(rank) = action.room_rank() else {
        return Ok(Err(StoreError::Failed(format!("{action:?} is no appointment")).into()));
    };
    let subject = Member { room_rank: rank, ..subject.clone() };
    let held =
        moderators::table.filter(moderators::room.eq(entry.room.0)).filter(moderators::user_id.eq(subject.user.id.0));
    diesel::delete(held).execute(conn)?;
    if let Some(rank) = rank {
        diesel::insert_into(moderators::table)
            .values((
                moderators::room.eq(entry.room.0),
                moderators::user_id.eq(subject.user.id.0),
                moderators::rank.eq(rank.as_str()),
            ))
            .execute(conn)?;
    }
    Ok(Ok(moderated(&subject, action)))
}

/// Passes the room from its owner to the next one, or closes it.
pub fn hand_over(conn: &mut AnyConn, entry: &LogEntry, from: UserId) -> Done<EventKind> {
    let room = entry.room.0;
    let owner = rooms::table.find(room).select(rooms::owner).first::<i64>(conn).optional()?;
    if owner != Some(from.0) {
        return Ok(Err(AppendError::Missing));
    }
    let Some(next) = next_owner(conn, entry)? else { return close(conn, entry).map(Ok) };
    let replaced = moderators::rank.eq(Rank::Owner.as_str()).or(moderators::user_id.eq(next.user.id.0));
    diesel::delete(moderators::table.filter(moderators::room.eq(room)).filter(replaced)).execute(conn)?;
    let rank = moderators::rank.eq(Rank::Owner.as_str());
    let row = (moderators::room.eq(room), moderators::user_id.eq(next.user.id.0), rank);
    diesel::insert_into(moderators::table).values(row).execute(conn)?;
    diesel::update(rooms::table.find(room)).set(rooms::owner.eq(next.user.id.0)).execute(conn)?;
    let next = Member { room_rank: Some(Rank::Owner), ..next };
    Ok(Ok(moderated(&next, ModerationAction::Mod)))
}

/// The next owner. The rows of those who could be it stay locked, so that none of them leaves meanwhile.
fn next_owner(conn: &mut AnyConn, entry: &LogEntry) -> Result<Option<Member>, DbError> {
    let room = entry.room.0;
    let held = moderators::table.filter(moderators::room.eq(room)).filter(moderators::rank.eq(Rank::Mod.as_str()));
    let ids: Vec<i64> = held.order(moderators::user_id).select(moderators::user_id).load(conn)?;
    lookup::lock_users(conn, &ids)?;
    let members = ids.into_iter().map(|id| users::member(conn, room, UserId(id))).collect::<Result<Vec<_>, _>>()?;
    for member in policy::next_owners(members.into_iter().flatten().collect()) {
        let network = member.user.network.as_ref();
        let networks = network.iter().map(|network| network.0.clone()).collect();
        let given = lookup::sanctions_of(conn, &[room], vec![member.user.id.0], networks, entry.at.0)?;
        let given: Vec<Sanction> = given.into_iter().filter(|given| given.covers(&member, network)).collect();
        if banning(&given, entry.at).is_none() {
            return Ok(Some(member));
        }
    }
    Ok(None)
}

/// Closes the room unless a message was ever written in it.
pub fn close_unused(conn: &mut AnyConn, entry: &LogEntry) -> Done<EventKind> {
    let written = diesel::select(exists(messages::table.filter(messages::room.eq(entry.room.0))));
    if written.get_result::<bool>(conn)? {
        return Ok(Err(AppendError::Missing));
    }
    close(conn, entry).map(Ok)
}

/// Changes settings of an open room.
pub fn configure(conn: &mut AnyConn, entry: &LogEntry, change: &RoomChange) -> Done<EventKind> {
    let Some(room) = places::find(conn, entry.room)? else { return Ok(Err(AppendError::RoomGone)) };
    let room = change.applied_to(room);
    diesel::update(rooms::table.find(entry.room.0))
        .set((
            rooms::name.eq(room.name.as_str()),
            rooms::description.eq(room.description.as_str()),
            rooms::slow_mode.eq(room.rules.slow_mode.as_millis()),
            rooms::max_length.eq(places::count(room.rules.max_length)?),
            rooms::max_lines.eq(places::count(room.rules.max_lines)?),
            rooms::readers.eq(room.rules.readers.as_str()),
            rooms::links.eq(room.rules.links),
            rooms::site.eq(room.site.as_ref().map(SiteUid::as_str)),
            rooms::sites.eq(places::frame_ancestors_text(&room.frame_ancestors)?),
        ))
        .execute(conn)?;
    Ok(Ok(EventKind::Configured(Box::new(room))))
}

/// Puts a message at the top of an open room.
pub fn pin(conn: &mut AnyConn, entry: &LogEntry, message: MessageId) -> Done<EventKind> {
    diesel::update(rooms::table.find(entry.room.0)).set(rooms::pinned.eq(message.0)).execute(conn)?;
    let Some(room) = places::find(conn, entry.room)? else { return Ok(Err(AppendError::RoomGone)) };
    Ok(Ok(EventKind::Pinned { message, room: Box::new(room) }))
}

/// Takes the message at the top of an open room down.
pub fn unpin(conn: &mut AnyConn, entry: &LogEntry, message: MessageId) -> Done<EventKind> {
    let Some(mut room) = places::find(conn, entry.room)? else { return Ok(Err(AppendError::RoomGone)) };
    if room.pinned.take().is_none_or(|pinned| pinned.id != message) {
        return Ok(Err(AppendError::Missing));
    }
    diesel::update(rooms::table.find(entry.room.0)).set(rooms::pinned.eq(None::<i64>)).execute(conn)?;
    Ok(Ok(EventKind::Unpinned { message, room: Box::new(room) }))
}

/// Closes the room.
pub fn close(conn: &mut AnyConn, entry: &LogEntry) -> Result<EventKind, DbError> {
    diesel::update(rooms::table.find(entry.room.0)).set(rooms::closed_at.eq(entry.at.0)).execute(conn)?;
    Ok(EventKind::Closed)
}

fn moderated(subject: &Member, action: ModerationAction) -> EventKind {
    EventKind::Moderated { subject: Box::new(subject.clone()), action, until: None, reason: String::new() }
}

/// What is in force there of this kind; `None` when somebody above the actor gave it.
fn ids_within_reach(
    conn: &mut AnyConn,
    entry: &LogEntry,
    user: UserId,
    kind: SanctionKind,
) -> Result<Option<Vec<i64>>, DbError> {
    let now = entry.at;
    let rows = in_force!(place(entry.room), now)
        .filter(sanctions::user_id.eq(user.0))
        .filter(sanctions::kind.eq(kind.as_str()))
        .load::<SanctionRow>(conn)?;
    let given = rows.into_iter().map(SanctionRow::into_sanction).collect::<Result<Vec<_>, _>>()?;
    let outranked = given.iter().any(|sanction| sanction.by_rank > entry.actor.rank());
    Ok((!outranked).then(|| given.iter().map(|sanction| sanction.id.0).collect()))
}
