//! Appending in memory.

use super::{MemoryStore, MessageRow, RoomLog, State, reach};
use async_trait::async_trait;
use domain::model::event::{Event, EventKind, ModerationAction};
use domain::model::id::{MessageId, RoomId, SanctionId, Seq, UserId};
use domain::model::message::Draft;
use domain::model::rank::Rank;
use domain::model::room::Room;
use domain::model::sanction::{NewSanction, Sanction, SanctionKind};
use domain::model::time::{Span, Timestamp};
use domain::model::user::{Member, Network};
use domain::policy;
use domain::ports::bus::Notice;
use domain::ports::log::{Aim, AppendError, AppendResult, Log, LogCommand, LogEntry};
use domain::ports::store::StoreError;
use domain::review::{banning, guard};

#[async_trait]
impl Log for MemoryStore {
    async fn append(&self, entry: LogEntry) -> Result<AppendResult, AppendError> {
        let mut state = self.state();
        let banned = entry.command.ends_sessions_of(entry.room);
        let appended = state.append(entry)?;
        let ended = banned.map(|user| state.end_sessions(user, None));
        if let Some(event) = news(&appended) {
            self.bus.publish(vec![event].into());
        }
        if let Some(ended) = ended {
            self.bus.announce(Notice::SessionsEnded(ended));
        }
        Ok(appended)
    }
}

/// What the bus is told; nothing about a repeated post.
fn news(appended: &AppendResult) -> Option<Event> {
    match appended {
        AppendResult::Posted { repeated: true, .. } => None,
        AppendResult::Posted { message, .. } => Some(Event {
            room: message.room,
            seq: message.seq,
            at: message.at,
            actor: message.author.user.id,
            kind: EventKind::Posted(message.clone()),
        }),
        AppendResult::Done(event) => Some(event.clone()),
    }
}

/// A post without its author and place.
struct Posting {
    draft: Draft,
    network: Option<Network>,
    pace: Option<Span>,
}

impl State {
    fn append(&mut self, entry: LogEntry) -> Result<AppendResult, AppendError> {
        let LogEntry { room, actor, at, command } = entry;
        let holds_everywhere =
            room == RoomId::SERVER && matches!(command, LogCommand::Sanction { .. } | LogCommand::Lift { .. });
        if !self.rooms.contains_key(&room) && !holds_everywhere {
            return Err(AppendError::RoomGone);
        }
        if let LogCommand::Post { draft, network, pace } = command {
            return self.post(room, &actor, at, Posting { draft, network, pace });
        }
        self.guard_act(room, &actor, &command, at)?;
        let kind = self.perform(room, &actor, at, command)?;
        let log = self.log_mut(room)?;
        log.head.seq = log.head.seq.next();
        let event = Event { room, seq: log.head.seq, at, actor: actor.user.id, kind };
        log.events.insert(event.seq, event.clone());
        Ok(AppendResult::Done(event))
    }

    fn guard_act(&self, room: RoomId, actor: &Member, command: &LogCommand, at: Timestamp) -> Result<(), AppendError> {
        let subject = match command.aimed_at() {
            Aim::Nobody => None,
            Aim::User(id) => Some(id),
            Aim::AuthorOf(message) => self.author_of(message),
        };
        let subject = subject.and_then(|id| self.live(id)).map(|user| self.member(room, user.clone()));
        let now = self.live(actor.user.id).map(|user| self.member(room, user.clone()));
        let covers = |s: &&Sanction| now.as_ref().is_some_and(|member| s.covers(member, member.user.network.as_ref()));
        let sanctions: Vec<Sanction> = self.sanctions_over(room, at).filter(covers).cloned().collect();
        guard::act(actor, now.as_ref(), &sanctions, command, subject.as_ref(), at)
    }

    fn log_mut(&mut self, room: RoomId) -> Result<&mut RoomLog, AppendError> {
        self.logs.get_mut(&room).ok_or(AppendError::RoomGone)
    }

    fn post(
        &mut self,
        room: RoomId,
        actor: &Member,
        at: Timestamp,
        posting: Posting,
    ) -> Result<AppendResult, AppendError> {
        let Posting { draft, network, pace } = posting;
        let author = actor.user.id;
        let named = draft.nonce.map(|nonce| (author, nonce));
        let log = self.log_mut(room)?;
        if let Some(seq) = named.as_ref().and_then(|name| log.nonces.get(name)).copied() {
            return self.posted(room, seq, true);
        }
        let last_post = log.last_post(author).map(|row| row.at);
        if draft.reply_to.is_some_and(|id| !self.stands_in(room, id)) {
            return Err(AppendError::Missing);
        }
        let sanctions: Vec<Sanction> =
            self.sanctions_over(room, at).filter(|s| s.covers(actor, network.as_ref())).cloned().collect();
        guard::post(pace, last_post, &sanctions, at)?;

        let id = MessageId(self.next_id());
        let log = self.log_mut(room)?;
        log.head.seq = log.head.seq.next();
        let seq = log.head.seq;
        log.nonces.extend(named.map(|name| (name, seq)));
        let row =
            MessageRow { id, author, text: draft.text, kind: draft.kind, reply_to: draft.reply_to, at, deleted: false };
        log.messages.insert(seq, row);
        self.places.insert(id, (room, seq));
        self.posted(room, seq, false)
    }

    fn posted(&self, room: RoomId, seq: Seq, repeated: bool) -> Result<AppendResult, AppendError> {
        let row = self.logs.get(&room).and_then(|log| log.messages.get(&seq)).ok_or(AppendError::RoomGone)?;
        Ok(AppendResult::Posted { message: Box::new(self.message(room, seq, row)?), repeated })
    }

    fn author_of(&self, id: MessageId) -> Option<UserId> {
        let (room, seq) = self.places.get(&id)?;
        Some(self.logs.get(room)?.messages.get(seq)?.author)
    }

    /// Whether a message that was not deleted is in the room.
    fn stands_in(&self, room: RoomId, id: MessageId) -> bool {
        let Some((place, seq)) = self.places.get(&id) else { return false };
        let row = self.logs.get(place).and_then(|log| log.messages.get(seq));
        *place == room && row.is_some_and(|row| !row.deleted)
    }

    fn perform(
        &mut self,
        room: RoomId,
        actor: &Member,
        at: Timestamp,
        command: LogCommand,
    ) -> Result<EventKind, AppendError> {
        Ok(match command {
            LogCommand::Post { .. } => return Err(StoreError::Failed("a post has a path of its own".to_owned()).into()),
            LogCommand::Delete { message } => {
                if !self.stands_in(room, message) {
                    return Err(AppendError::Missing);
                }
                self.log_mut(room)?.messages.values_mut().filter(|row| row.id == message).for_each(MessageRow::hide);
                EventKind::Deleted { message }
            }
            LogCommand::Purge { author } => {
                let whose: Option<UserId> = author.as_ref().map(|author| author.id);
                let rows = self.log_mut(room)?.messages.values_mut();
                rows.filter(|row| whose.is_none_or(|id| id == row.author)).for_each(MessageRow::hide);
                EventKind::Purged { author }
            }
            LogCommand::Sanction { subject, sanction } => {
                self.refuse_outranked(room, sanction.user, sanction.kind, actor, at)?;
                self.sanction(room, actor, at, subject, *sanction)
            }
            LogCommand::Lift { subject, kind } => {
                let (user, kinds) = (subject.user.id, SanctionKind::one_or_all(kind));
                kinds.iter().try_for_each(|kind| self.refuse_outranked(room, user, *kind, actor, at))?;
                let lifted = kinds.into_iter().filter_map(|kind| self.take_sanction(room, user, kind, at));
                let lifted: Vec<SanctionKind> = lifted.map(|sanction| sanction.kind).collect();
                moderated(subject, ModerationAction::lifting(&lifted).ok_or(AppendError::Missing)?)
            }
            LogCommand::Appoint { mut subject, action } => {
                let appoints_nobody = || StoreError::Failed(format!("{action:?} is no appointment"));
                subject.room_rank = action.room_rank().ok_or_else(appoints_nobody)?;
                let ranks = &mut self.log_mut(room)?.ranks;
                match subject.room_rank {
                    Some(rank) => ranks.insert(subject.user.id, rank),
                    None => ranks.remove(&subject.user.id),
                };
                moderated(subject, action)
            }
            LogCommand::HandOver { from } => {
                if self.rooms.get(&room).is_none_or(|room| room.owner != from.id) {
                    return Err(AppendError::Missing);
                }
                match self.next_owner(room, at)? {
                    None => self.close(room),
                    Some(next) => {
                        let ranks = &mut self.log_mut(room)?.ranks;
                        ranks.retain(|_, rank| *rank != Rank::Owner);
                        ranks.insert(next.user.id, Rank::Owner);
                        self.rooms.get_mut(&room).ok_or(AppendError::RoomGone)?.owner = next.user.id;
                        moderated(Box::new(Member { room_rank: Some(Rank::Owner), ..next }), ModerationAction::Mod)
                    }
                }
            }
            LogCommand::Configure { change } => {
                let standing = self.rooms.get_mut(&room).ok_or(AppendError::RoomGone)?;
                *standing = change.applied_to(standing.clone());
                let room = standing.clone();
                EventKind::Configured(Box::new(self.shown_room(&room)?))
            }
            LogCommand::Pin { message } => {
                if !self.stands_in(room, message) {
                    return Err(AppendError::Missing);
                }
                EventKind::Pinned { message, room: Box::new(self.pin(room, Some(message))?) }
            }
            LogCommand::Unpin { message } => {
                let standing = self.rooms.get(&room).ok_or(AppendError::RoomGone)?;
                if self.shown_room(standing)?.pinned.is_none_or(|pinned| pinned.id != message) {
                    return Err(AppendError::Missing);
                }
                EventKind::Unpinned { message, room: Box::new(self.pin(room, None)?) }
            }
            LogCommand::Close => self.close(room),
            LogCommand::CloseUnused => {
                if !self.log_mut(room)?.messages.is_empty() {
                    return Err(AppendError::Missing);
                }
                self.close(room)
            }
        })
    }

    fn close(&mut self, room: RoomId) -> EventKind {
        self.rooms.remove(&room);
        EventKind::Closed
    }

    fn next_owner(&mut self, room: RoomId, at: Timestamp) -> Result<Option<Member>, AppendError> {
        let held: Vec<UserId> = self.log_mut(room)?.ranks.keys().copied().collect();
        let members = held.into_iter().filter_map(|id| Some(self.member(room, self.live(id)?.clone())));
        Ok(policy::next_owners(members.collect()).into_iter().find(|member| {
            let covers = |s: &&Sanction| s.covers(member, member.user.network.as_ref());
            let given: Vec<Sanction> = self.sanctions_over(room, at).filter(covers).cloned().collect();
            banning(&given, at).is_none()
        }))
    }

    /// Sets what is at the top of a room; the room as after it.
    fn pin(&mut self, room: RoomId, message: Option<MessageId>) -> Result<Room, AppendError> {
        self.log_mut(room)?.pinned = message;
        let standing = self.rooms.get(&room).ok_or(AppendError::RoomGone)?;
        Ok(self.shown_room(standing)?)
    }

    fn sanction(
        &mut self,
        room: RoomId,
        actor: &Member,
        at: Timestamp,
        subject: Box<Member>,
        new: NewSanction,
    ) -> EventKind {
        self.take_sanction(room, new.user, new.kind, at);
        let id = SanctionId(self.next_id());
        let action = match new.kind {
            SanctionKind::Ban => ModerationAction::Ban,
            SanctionKind::Timeout => ModerationAction::Timeout,
        };
        let reason = new.reason.to_string();
        self.sanctions.push(Sanction {
            id,
            room: reach(room),
            user: new.user,
            network: new.network,
            kind: new.kind,
            reason: new.reason,
            by: actor.user.id,
            by_rank: actor.rank(),
            starts_at: at,
            ends_at: new.ends_at,
        });
        EventKind::Moderated { subject, action, until: new.ends_at, reason }
    }

    fn refuse_outranked(
        &self,
        room: RoomId,
        user: UserId,
        kind: SanctionKind,
        actor: &Member,
        at: Timestamp,
    ) -> Result<(), AppendError> {
        let is_it = |s: &&Sanction| s.room == reach(room) && s.user == user && s.kind == kind && s.in_force(at);
        match self.sanctions.iter().find(is_it) {
            Some(given) if given.by_rank > actor.rank() => Err(AppendError::Outranked),
            _ => Ok(()),
        }
    }

    /// Removes the sanction of this kind in force in the room.
    fn take_sanction(&mut self, room: RoomId, user: UserId, kind: SanctionKind, at: Timestamp) -> Option<Sanction> {
        let is_it = |s: &Sanction| s.room == reach(room) && s.user == user && s.kind == kind && s.in_force(at);
        let place = self.sanctions.iter().position(is_it)?;
        Some(self.sanctions.remove(place))
    }
}

fn moderated(subject: Box<Member>, action: ModerationAction) -> EventKind {
    EventKind::Moderated { subject, action, until: None, reason: String::new() }
}
