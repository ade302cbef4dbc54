//! Reading the logs and what they made.

use crate::db::access::Db;
use crate::db::coalesce::RequestCoalescer;
use crate::db::conn::AnyConn;
use crate::db::error::DbError;
use crate::db::schema::{messages, moderators, room_events, room_heads, rooms, sanctions, users};
use crate::store::events::{self, EventRow, into_events, log};
use crate::store::messages::{AuthoredRow, MESSAGE, into_messages, nonce_key, with_authors};
use crate::store::rooms as places;
use crate::store::sanctions::{SanctionRow, in_force, with_people};
use crate::store::users::{USER, member};
use crate::store::{LIST_MAX, bounded, one_more, users as people};
use async_trait::async_trait;
use diesel::prelude::*;
use domain::model::access::{AccessContext, RoomAccess};
use domain::model::event::{Event, EventKind};
use domain::model::id::{Epoch, MessageId, RoomId, RoomUid, Seq, UserId};
use domain::model::log::{EventRange, LogLine};
use domain::model::message::Message;
use domain::model::rank::Rank;
use domain::model::room::Head;
use domain::model::sanction::{Sanction, SanctionKind, SanctionLine};
use domain::model::text::{Body, Nonce};
use domain::model::time::Timestamp;
use domain::model::user::{Member, Network};
use domain::ports::readers::{AccessReader, EventReader, MessageReader, Position, SanctionReader};
use domain::ports::store::StoreError;
use std::collections::HashMap;
use std::sync::Arc;

/// The history of a database. What many ask at once, those who enter a room or fall behind in it, is read once for all.
pub struct SqlHistory {
    db: Arc<Db>,
    room_accesses: RequestCoalescer<(Option<RoomUid>, usize), (), RoomAccess>,
    latest: RequestCoalescer<(RoomId, usize), (), (Head, Vec<Message>)>,
    event_ranges: RequestCoalescer<(RoomId, Seq, usize), (), EventRange>,
}

impl SqlHistory {
    /// The history of `db`.
    pub fn new(db: Arc<Db>) -> SqlHistory {
        SqlHistory {
            db,
            room_accesses: RequestCoalescer::default(),
            latest: RequestCoalescer::default(),
            event_ranges: RequestCoalescer::default(),
        }
    }
}

#[async_trait]
impl MessageReader for SqlHistory {
    async fn messages(&self, room: RoomId, from: Position, limit: usize) -> Result<(Vec<Message>, bool), StoreError> {
        self.db.read(move |conn| page(conn, room, None, from, limit)).await
    }

    async fn messages_of(
        &self,
        room: RoomId,
        author: UserId,
        from: Position,
        limit: usize,
    ) -> Result<(Vec<Message>, bool), StoreError> {
        self.db.read(move |conn| page(conn, room, Some(author), from, limit)).await
    }

    async fn snapshot(&self, room: RoomId, limit: usize) -> Result<Option<(Head, Vec<Message>)>, StoreError> {
        let db = self.db.clone();
        let read = move |_| one(db.clone(), move |conn| latest(conn, room, limit));
        self.latest.get((room, limit), (), read).await
    }

    async fn posted(&self, room: RoomId, author: UserId, nonce: &Nonce) -> Result<Option<Message>, StoreError> {
        let key = nonce_key(room, author, nonce);
        self.db
            .read(move |conn| {
                let row = with_authors()
                    .filter(messages::nonce_key.eq(key))
                    .select((MESSAGE, USER, moderators::rank.nullable()))
                    .first::<AuthoredRow>(conn);
                Ok(into_messages(conn, row.optional()?.into_iter().collect())?.pop())
            })
            .await
    }

    async fn message(&self, id: MessageId) -> Result<Option<Message>, StoreError> {
        self.db
            .read(move |conn| {
                let row = with_authors()
                    .filter(messages::id.eq(id.0))
                    .filter(messages::deleted_at.is_null())
                    .select((MESSAGE, USER, moderators::rank.nullable()))
                    .first::<AuthoredRow>(conn);
                Ok(into_messages(conn, row.optional()?.into_iter().collect())?.pop())
            })
            .await
    }
}

#[async_trait]
impl EventReader for SqlHistory {
    async fn event_range(&self, room: RoomId, since: Seq, limit: usize) -> Result<Option<EventRange>, StoreError> {
        let db = self.db.clone();
        let read = move |_| one(db.clone(), move |conn| event_range(conn, room.0, since, limit));
        self.event_ranges.get((room, since, limit), (), read).await
    }

    async fn heads(&self, rooms: &[RoomId]) -> Result<Vec<(RoomId, Head)>, StoreError> {
        if rooms.is_empty() {
            return Ok(Vec::new());
        }
        let rooms = rooms.to_vec();
        self.db.read(move |conn| events::heads(conn, &rooms)).await
    }

    async fn changed_since(&self, rooms: &[(RoomId, Seq)]) -> Result<Vec<RoomId>, StoreError> {
        let rooms = rooms.to_vec();
        self.db.read(move |conn| events::changed_since(conn, &rooms)).await
    }

    async fn log(&self, room: RoomId, before: Option<Seq>, limit: usize) -> Result<Vec<LogLine>, StoreError> {
        self.db.snapshot(move |conn| log(conn, room, None, before, limit)).await
    }

    async fn log_about(
        &self,
        room: RoomId,
        subject: UserId,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Vec<LogLine>, StoreError> {
        self.db.snapshot(move |conn| log(conn, room, Some(subject), before, limit)).await
    }
}

#[async_trait]
impl SanctionReader for SqlHistory {
    async fn sanctions(
        &self,
        room: Option<RoomId>,
        now: Timestamp,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<SanctionLine>, StoreError> {
        self.db
            .snapshot(move |conn| {
                let mut query = in_force!(room.map(|room| room.0), now);
                if let Some(before) = before {
                    query = query.filter(sanctions::id.lt(before));
                }
                let rows = query.order(sanctions::id.desc()).limit(bounded(limit)).load::<SanctionRow>(conn)?;
                with_people(conn, rows)
            })
            .await
    }

    async fn sanctions_of(&self, room: RoomId, user: UserId, now: Timestamp) -> Result<Vec<SanctionLine>, StoreError> {
        self.db
            .snapshot(move |conn| {
                let theirs = in_force!(Some(room.0), now).filter(sanctions::user_id.eq(user.0));
                let rows = theirs.order(sanctions::id.desc()).limit(LIST_MAX as i64).load::<SanctionRow>(conn)?;
                with_people(conn, rows)
            })
            .await
    }

    async fn sanction(
        &self,
        room: Option<RoomId>,
        user: UserId,
        kind: SanctionKind,
        now: Timestamp,
    ) -> Result<Option<Sanction>, StoreError> {
        self.db
            .read(move |conn| {
                let row = in_force!(room.map(|room| room.0), now)
                    .filter(sanctions::user_id.eq(user.0))
                    .filter(sanctions::kind.eq(kind.as_str()))
                    .order(sanctions::id.desc())
                    .first::<SanctionRow>(conn);
                row.optional()?.map(SanctionRow::into_sanction).transpose()
            })
            .await
    }

    async fn sanctions_everywhere(
        &self,
        user: Option<UserId>,
        network: Option<&Network>,
        now: Timestamp,
    ) -> Result<Vec<Sanction>, StoreError> {
        let (user, network) = (user.map(|user| user.0), network.map(|network| network.0.clone()));
        self.db
            .read(move |conn| {
                let theirs = sanctions::user_id.nullable().eq(user).or(sanctions::network.eq(network));
                let query = in_force!(None::<i64>, now).filter(theirs);
                let rows = query.order(sanctions::id.desc()).limit(LIST_MAX as i64).load::<SanctionRow>(conn)?;
                rows.into_iter().map(SanctionRow::into_sanction).collect()
            })
            .await
    }
}

#[async_trait]
impl AccessReader for SqlHistory {
    async fn access_context(
        &self,
        room: &RoomUid,
        user: Option<UserId>,
        network: Option<&Network>,
        now: Timestamp,
    ) -> Result<Option<AccessContext>, StoreError> {
        let (room, network) = (room.as_str().to_owned(), network.cloned());
        self.db.snapshot(move |conn| access_context(conn, &room, user, network, now)).await
    }

    async fn room_access(
        &self,
        room: Option<&RoomUid>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Option<RoomAccess>, StoreError> {
        let (db, uid) = (self.db.clone(), room.map(|room| room.as_str().to_owned()));
        // Whoever shares a reading asks within milliseconds of each other; what ends between is looked at again by whoever decides.
        let read = move |_| {
            let uid = uid.clone();
            one(db.clone(), move |conn| room_access(conn, uid.as_deref(), now, limit))
        };
        self.room_accesses.get((room.cloned(), limit), (), read).await
    }

    async fn highest_rank_on_network(&self, network: &Network) -> Result<(usize, Option<Rank>), StoreError> {
        let network = network.0.clone();
        self.db
            .read(move |conn| {
                let per_rank = users::table
                    .filter(users::network.eq(network))
                    .filter(users::deleted.eq(false))
                    .group_by(users::rank)
                    .select((users::rank, diesel::dsl::count_star()))
                    .load::<(String, i64)>(conn)?;
                let mut highest = None;
                let mut all = 0;
                for (rank, count) in per_rank {
                    highest = highest.max(Some(people::rank(&rank)?));
                    all += count;
                }
                Ok((usize::try_from(all).unwrap_or(usize::MAX), highest))
            })
            .await
    }
}

/// What a reading finds whose key asks one question.
async fn one<V: Send + 'static>(
    db: Arc<Db>,
    read: impl FnOnce(&mut AnyConn) -> Result<Option<V>, DbError> + Send + 'static,
) -> Result<HashMap<(), V>, StoreError> {
    Ok(db.snapshot(read).await?.map(|found| ((), found)).into_iter().collect())
}

fn latest(conn: &mut AnyConn, room: RoomId, limit: usize) -> Result<Option<(Head, Vec<Message>)>, DbError> {
    let Some(head) = head(conn, room)? else { return Ok(None) };
    let (messages, _) = page(conn, room, None, Position::End, limit)?;
    Ok(Some((head, messages)))
}

fn access_context(
    conn: &mut AnyConn,
    room: &str,
    user: Option<UserId>,
    network: Option<Network>,
    now: Timestamp,
) -> Result<Option<AccessContext>, DbError> {
    let Some(room) = places::find_by_uid(conn, room)? else { return Ok(None) };
    let Some(head) = head(conn, room.id)? else { return Ok(None) };
    let member = user.map(|user| member(conn, room.id.0, user)).transpose()?.flatten();
    let sanctions = covering(conn, room.id, member.as_ref(), network.as_ref(), now)?;
    let last_post = match &member {
        Some(member) => last_post(conn, room.id.0, member.user.id.0)?,
        None => None,
    };
    Ok(Some(AccessContext { room, head, member, sanctions, last_post }))
}

fn room_access(
    conn: &mut AnyConn,
    uid: Option<&str>,
    now: Timestamp,
    limit: usize,
) -> Result<Option<RoomAccess>, DbError> {
    let room = uid.map(|uid| places::find_by_uid(conn, uid)).transpose()?.flatten();
    if uid.is_some() && room.is_none() {
        return Ok(None);
    }
    let id = room.as_ref().map_or(RoomId::SERVER, |room| room.id);
    let Some(head) = head(conn, id)? else { return Ok(None) };
    let mut ranks = moderators::table
        .filter(moderators::room.eq(id.0))
        .order(moderators::user_id)
        .limit(limit as i64 + 1)
        .select((moderators::user_id, moderators::rank))
        .load::<(i64, String)>(conn)?;
    let query = in_force!(room.as_ref().map(|room| room.id.0), now);
    let mut rows = query.order(sanctions::id).limit(limit as i64 + 1).load::<SanctionRow>(conn)?;
    let cut = ranks.len() > limit || rows.len() > limit;
    ranks.truncate(limit);
    rows.truncate(limit);
    let ranks = ranks.into_iter().map(|(user, rank)| Ok((UserId(user), people::rank(&rank)?)));
    Ok(Some(RoomAccess {
        room,
        head,
        ranks: ranks.collect::<Result<_, DbError>>()?,
        sanctions: rows.into_iter().map(SanctionRow::into_sanction).collect::<Result<_, _>>()?,
        cut,
    }))
}

/// The sanctions in force in a room or everywhere that cover a member or, for somebody without a login, a network.
fn covering(
    conn: &mut AnyConn,
    room: RoomId,
    member: Option<&Member>,
    network: Option<&Network>,
    now: Timestamp,
) -> Result<Vec<Sanction>, DbError> {
    if member.is_none() && network.is_none() {
        return Ok(Vec::new());
    }
    let user = member.map_or(0, |member| member.user.id.0);
    let name = network.map(|network| network.0.clone());
    let rows = sanctions::table
        .filter(sanctions::lifted_at.is_null())
        .filter(sanctions::ends_at.is_null().or(sanctions::ends_at.gt(now.0)))
        .filter(sanctions::room.is_null().or(sanctions::room.eq(room.0)))
        .filter(sanctions::user_id.eq(user).nullable().or(sanctions::network.eq(name)))
        .order(sanctions::id)
        .limit(LIST_MAX as i64)
        .select(crate::store::sanctions::SANCTION)
        .load::<SanctionRow>(conn)?;
    let covers = |sanction: &Sanction| match member {
        Some(member) => sanction.covers(member, network),
        None => sanction.network.is_some() && sanction.network.as_ref() == network,
    };
    let all = rows.into_iter().map(SanctionRow::into_sanction).collect::<Result<Vec<_>, _>>()?;
    Ok(all.into_iter().filter(covers).collect())
}

fn last_post(conn: &mut AnyConn, room: i64, author: i64) -> Result<Option<(Timestamp, Body)>, DbError> {
    let last = messages::table
        .filter(messages::room.eq(room))
        .filter(messages::author.eq(author))
        .order(messages::seq.desc())
        .select((messages::created_at, messages::text))
        .first::<(i64, String)>(conn)
        .optional()?;
    Ok(last.map(|(at, text)| (Timestamp(at), Body::stored(text))))
}

/// One log's head. SQLite keeps this statement compiled; it cannot with a list of rooms.
fn head(conn: &mut AnyConn, room: RoomId) -> Result<Option<Head>, DbError> {
    let row = room_heads::table
        .left_join(rooms::table.on(rooms::id.eq(room_heads::room)))
        .filter(room_heads::room.eq(room.0))
        .filter(rooms::closed_at.is_null())
        .select((room_heads::epoch, room_heads::last_seq))
        .first::<(i64, i64)>(conn)
        .optional()?;
    Ok(row.map(|(epoch, seq)| Head { epoch: Epoch(epoch), seq: Seq(seq) }))
}

fn page(
    conn: &mut AnyConn,
    room: RoomId,
    author: Option<UserId>,
    from: Position,
    limit: usize,
) -> Result<(Vec<Message>, bool), DbError> {
    let mut query = with_authors()
        .filter(messages::room.eq(room.0))
        .filter(messages::deleted_at.is_null())
        .select((MESSAGE, USER, moderators::rank.nullable()))
        .limit(one_more(limit))
        .into_boxed();
    if let Some(author) = author {
        query = query.filter(messages::author.eq(author.0));
    }
    let mut rows: Vec<AuthoredRow> = match from {
        Position::End => query.order(messages::seq.desc()).load(conn)?,
        Position::Before(seq) => query.filter(messages::seq.lt(seq.0)).order(messages::seq.desc()).load(conn)?,
        Position::After(seq) => query.filter(messages::seq.gt(seq.0)).order(messages::seq.asc()).load(conn)?,
    };
    let most = bounded(limit) as usize;
    let more = rows.len() > most;
    rows.truncate(most);
    if !matches!(from, Position::After(_)) {
        rows.reverse();
    }
    Ok((into_messages(conn, rows)?, more))
}

fn event_range(conn: &mut AnyConn, room: i64, since: Seq, limit: usize) -> Result<Option<EventRange>, DbError> {
    let head = room_heads::table
        .find(room)
        .select((room_heads::epoch, room_heads::last_seq))
        .first::<(i64, i64)>(conn)
        .optional()?;
    let Some((epoch, last_seq)) = head else { return Ok(None) };
    let posted = with_authors()
        .filter(messages::room.eq(room))
        .filter(messages::deleted_at.is_null())
        .filter(messages::change_seq.gt(since.0))
        .order(messages::change_seq)
        .limit(one_more(limit))
        .select((MESSAGE, USER, moderators::rank.nullable()))
        .load::<AuthoredRow>(conn)?;
    let done = room_events::table
        .filter(room_events::room.eq(room))
        .filter(room_events::seq.gt(since.0))
        .order(room_events::seq)
        .limit(one_more(limit))
        .load::<EventRow>(conn)?;
    let (mut events, _) = into_events(conn, done)?;
    let seqs: Vec<Seq> = posted.iter().map(|row| Seq(row.0.change_seq)).collect();
    for (seq, message) in seqs.into_iter().zip(into_messages(conn, posted)?) {
        let (at, actor) = (message.at, message.author.user.id);
        events.push(Event { room: RoomId(room), seq, at, actor, kind: EventKind::Posted(Box::new(message)) });
    }
    events.sort_by_key(|event| event.seq);
    let most = bounded(limit) as usize;
    let cut = events.len() > most;
    events.truncate(most);
    Ok(Some(EventRange { head: Head { epoch: Epoch(epoch), seq: Seq(last_seq) }, events, cut }))
}
