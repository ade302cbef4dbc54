//! Reading the logs in memory.

use super::{MemoryStore, RoomLog, State};
use async_trait::async_trait;
use domain::model::access::{AccessContext, RoomAccess};
use domain::model::event::{Event, EventKind};
use domain::model::id::{MessageId, RoomId, RoomUid, Seq, UserId};
use domain::model::log::{EventRange, LogLine};
use domain::model::message::Message;
use domain::model::rank::Rank;
use domain::model::room::Head;
use domain::model::sanction::{Sanction, SanctionKind, SanctionLine};
use domain::model::text::Nonce;
use domain::model::time::Timestamp;
use domain::model::user::Network;
use domain::ports::readers::{AccessReader, EventReader, MessageReader, Position, SanctionReader};
use domain::ports::store::StoreError;

impl State {
    /// Undeleted messages, ascending.
    fn undeleted(&self, room: RoomId) -> Result<Vec<Message>, StoreError> {
        let Some(log) = self.logs.get(&room) else { return Ok(Vec::new()) };
        let rows = log.messages.iter().filter(|(_, row)| !row.deleted);
        rows.map(|(seq, row)| self.message(room, *seq, row)).collect()
    }

    /// A log that was not closed, or the server's.
    fn open_log(&self, room: RoomId) -> Option<&RoomLog> {
        self.logs.get(&room).filter(|_| room == RoomId::SERVER || self.rooms.contains_key(&room))
    }

    /// The event as it is shown now: whoever was deleted since has no name any more.
    fn shown(&self, event: &Event) -> Result<Event, StoreError> {
        let mut event = event.clone();
        match &mut event.kind {
            EventKind::Purged { author: Some(author) } => **author = self.anybody(author.id)?,
            EventKind::Moderated { subject, .. } => subject.user = self.anybody(subject.user.id)?,
            EventKind::Configured(room) | EventKind::Pinned { room, .. } | EventKind::Unpinned { room, .. } => {
                **room = self.shown_room(room)?;
            }
            _ => {}
        }
        Ok(event)
    }

    /// A sanction with its people.
    fn line(&self, sanction: &Sanction) -> Result<SanctionLine, StoreError> {
        let (user, by) = (self.anybody(sanction.user)?, self.anybody(sanction.by)?);
        Ok(SanctionLine { sanction: sanction.clone(), user, by })
    }

    /// What was done in a room and is wanted, latest first.
    fn lines(
        &self,
        room: RoomId,
        before: Option<Seq>,
        limit: usize,
        is_wanted: impl Fn(&Event) -> bool,
    ) -> Result<Vec<LogLine>, StoreError> {
        let Some(log) = self.logs.get(&room) else { return Ok(Vec::new()) };
        let earlier = log.events.values().rev().filter(|event| before.is_none_or(|before| event.seq < before));
        let line = |event: &Event| Ok(LogLine { event: self.shown(event)?, actor: self.anybody(event.actor)? });
        earlier.filter(|event| is_wanted(event)).take(limit).map(line).collect()
    }
}

fn posted(message: Message) -> Event {
    Event {
        room: message.room,
        seq: message.seq,
        at: message.at,
        actor: message.author.user.id,
        kind: EventKind::Posted(Box::new(message)),
    }
}

/// The `limit` messages nearest to `from`, and whether there are more.
fn page(mut messages: Vec<Message>, from: Position, limit: usize) -> (Vec<Message>, bool) {
    match from {
        Position::End => {}
        Position::Before(seq) => messages.retain(|message| message.seq < seq),
        Position::After(seq) => messages.retain(|message| message.seq > seq),
    }
    let beyond = messages.len().saturating_sub(limit);
    match from {
        Position::After(_) => messages.truncate(limit),
        Position::End | Position::Before(_) => drop(messages.drain(..beyond)),
    }
    (messages, beyond > 0)
}

/// Whom an event concerns.
fn subject(event: &Event) -> Option<UserId> {
    match &event.kind {
        EventKind::Purged { author } => author.as_ref().map(|author| author.id),
        EventKind::Moderated { subject, .. } => Some(subject.user.id),
        _ => None,
    }
}

#[async_trait]
impl MessageReader for MemoryStore {
    async fn messages(&self, room: RoomId, from: Position, limit: usize) -> Result<(Vec<Message>, bool), StoreError> {
        Ok(page(self.state().undeleted(room)?, from, limit))
    }

    async fn messages_of(
        &self,
        room: RoomId,
        author: UserId,
        from: Position,
        limit: usize,
    ) -> Result<(Vec<Message>, bool), StoreError> {
        let mut messages = self.state().undeleted(room)?;
        messages.retain(|message| message.author.user.id == author);
        Ok(page(messages, from, limit))
    }

    async fn snapshot(&self, room: RoomId, limit: usize) -> Result<Option<(Head, Vec<Message>)>, StoreError> {
        let state = self.state();
        let Some(log) = state.open_log(room) else { return Ok(None) };
        let messages = state.undeleted(room)?;
        Ok(Some((log.head, messages[messages.len().saturating_sub(limit)..].to_vec())))
    }

    async fn posted(&self, room: RoomId, author: UserId, nonce: &Nonce) -> Result<Option<Message>, StoreError> {
        let state = self.state();
        let Some(log) = state.logs.get(&room) else { return Ok(None) };
        let seq = log.nonces.get(&(author, nonce.clone()));
        let stands = seq.and_then(|seq| Some((*seq, log.messages.get(seq)?)));
        stands.map(|(seq, row)| state.message(room, seq, row)).transpose()
    }

    async fn message(&self, id: MessageId) -> Result<Option<Message>, StoreError> {
        let state = self.state();
        let Some((room, seq)) = state.places.get(&id).copied() else { return Ok(None) };
        let row = state.logs.get(&room).and_then(|log| log.messages.get(&seq)).filter(|row| !row.deleted);
        row.map(|row| state.message(room, seq, row)).transpose()
    }
}

#[async_trait]
impl EventReader for MemoryStore {
    async fn event_range(&self, room: RoomId, since: Seq, limit: usize) -> Result<Option<EventRange>, StoreError> {
        let state = self.state();
        let Some(log) = state.logs.get(&room) else { return Ok(None) };
        let mut events: Vec<Event> = state.undeleted(room)?.into_iter().map(posted).collect();
        for event in log.events.values() {
            events.push(state.shown(event)?);
        }
        events.retain(|event| event.seq > since);
        events.sort_by_key(|event| event.seq);
        let cut = events.len() > limit;
        events.truncate(limit);
        Ok(Some(EventRange { head: log.head, events, cut }))
    }

    async fn heads(&self, rooms: &[RoomId]) -> Result<Vec<(RoomId, Head)>, StoreError> {
        let state = self.state();
        Ok(rooms.iter().filter_map(|room| Some((*room, state.open_log(*room)?.head))).collect())
    }

    async fn changed_since(&self, rooms: &[(RoomId, Seq)]) -> Result<Vec<RoomId>, StoreError> {
        let state = self.state();
        let is_changed = |(room, since): &&(RoomId, Seq)| {
            state.logs.get(room).is_some_and(|log| log.events.range(since.next()..).next().is_some())
        };
        Ok(rooms.iter().filter(is_changed).map(|(room, _)| *room).collect())
    }

    async fn log(&self, room: RoomId, before: Option<Seq>, limit: usize) -> Result<Vec<LogLine>, StoreError> {
        self.state().lines(room, before, limit, |_| true)
    }

    async fn log_about(
        &self,
        room: RoomId,
        about: UserId,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Vec<LogLine>, StoreError> {
        self.state().lines(room, before, limit, |event| subject(event) == Some(about))
    }
}

#[async_trait]
impl SanctionReader for MemoryStore {
    async fn sanctions(
        &self,
        room: Option<RoomId>,
        now: Timestamp,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<SanctionLine>, StoreError> {
        let state = self.state();
        let wanted = state.sanctions.iter().rev().filter(|s| s.room == room && s.in_force(now));
        wanted.filter(|s| before.is_none_or(|before| s.id.0 < before)).take(limit).map(|s| state.line(s)).collect()
    }

    async fn sanctions_of(&self, room: RoomId, user: UserId, now: Timestamp) -> Result<Vec<SanctionLine>, StoreError> {
        let state = self.state();
        let theirs = |s: &&Sanction| s.room == Some(room) && s.user == user && s.in_force(now);
        state.sanctions.iter().rev().filter(theirs).map(|s| state.line(s)).collect()
    }

    async fn sanction(
        &self,
        room: Option<RoomId>,
        user: UserId,
        kind: SanctionKind,
        now: Timestamp,
    ) -> Result<Option<Sanction>, StoreError> {
        let state = self.state();
        let is_it = |s: &&Sanction| s.room == room && s.user == user && s.kind == kind && s.in_force(now);
        Ok(state.sanctions.iter().find(is_it).cloned())
    }

    async fn sanctions_everywhere(
        &self,
        user: Option<UserId>,
        network: Option<&Network>,
        now: Timestamp,
    ) -> Result<Vec<Sanction>, StoreError> {
        let state = self.state();
        let meant = |s: &&Sanction| user == Some(s.user) || (s.network.is_some() && s.network.as_ref() == network);
        let wanted = state.sanctions.iter().rev().filter(|s| s.room.is_none() && s.in_force(now));
        Ok(wanted.filter(meant).cloned().collect())
    }
}

#[async_trait]
impl AccessReader for MemoryStore {
    async fn access_context(
        &self,
        room: &RoomUid,
        user: Option<UserId>,
        network: Option<&Network>,
        now: Timestamp,
    ) -> Result<Option<AccessContext>, StoreError> {
        let state = self.state();
        let Some(room) = state.rooms.values().find(|r| r.uid == *room) else { return Ok(None) };
        let room = state.shown_room(room)?;
        let Some(log) = state.logs.get(&room.id) else { return Ok(None) };
        let member = user.and_then(|id| state.live(id)).map(|user| state.member(room.id, user.clone()));
        let covers = |sanction: &&Sanction| match &member {
            Some(member) => sanction.covers(member, network),
            None => sanction.network.is_some() && sanction.network.as_ref() == network,
        };
        Ok(Some(AccessContext {
            head: log.head,
            sanctions: state.sanctions_over(room.id, now).filter(covers).cloned().collect(),
            last_post: user.and_then(|id| log.last_post(id)).map(|row| (row.at, row.text.clone())),
            member,
            room,
        }))
    }

    async fn room_access(
        &self,
        room: Option<&RoomUid>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Option<RoomAccess>, StoreError> {
        let state = self.state();
        let found = room.map(|uid| state.rooms.values().find(|r| r.uid == *uid));
        let Some(room) = found.map_or(Some(None), |room| room.map(Some)) else { return Ok(None) };
        let id = room.as_ref().map_or(RoomId::SERVER, |room| room.id);
        let room = room.map(|room| state.shown_room(room)).transpose()?;
        let Some(log) = state.open_log(id) else { return Ok(None) };
        let there = room.as_ref().map(|room| room.id);
        let given = state.sanctions.iter().filter(|s| s.in_force(now) && s.room == there);
        Ok(Some(RoomAccess {
            head: log.head,
            ranks: log.ranks.iter().take(limit).map(|(user, rank)| (*user, *rank)).collect(),
            sanctions: given.clone().take(limit).cloned().collect(),
            cut: log.ranks.len() > limit || given.count() > limit,
            room,
        }))
    }

    async fn highest_rank_on_network(&self, network: &Network) -> Result<(usize, Option<Rank>), StoreError> {
        let state = self.state();
        let ranks: Vec<Rank> =
            state.live_users().filter(|user| user.network.as_ref() == Some(network)).map(|user| user.rank).collect();
        Ok((ranks.len(), ranks.into_iter().max()))
    }
}
