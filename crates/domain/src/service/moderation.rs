//! Keeping order: bans, timeouts, purges, and the log of them.

use crate::capability::{self, Capability};
use crate::model::access::AccessContext;
use crate::model::id::{MessageId, RoomId, RoomUid, Seq, UserUid};
use crate::model::log::LogLine;
use crate::model::message::Message;
use crate::model::rank::Rank;
use crate::model::room::Room;
use crate::model::sanction::{NewSanction, Sanction, SanctionKind, SanctionLine};
use crate::model::text::Reason;
use crate::model::time::{Duration, Timestamp};
use crate::model::user::{Member, Network};
use crate::policy::{self, Action};
use crate::ports::log::{LogCommand, LogEntry};
use crate::ports::readers::Position;
use crate::review;
use crate::service::error::{Error, Resource};
use crate::service::rooms::Rooms;
use crate::service::{Caller, Guests, Ports, Settings};

/// A sanction that somebody wants to give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SanctionRequest {
    /// Ban or timeout.
    pub kind: SanctionKind,
    /// For how long.
    pub duration: Duration,
    /// For moderators and the log; may be empty.
    pub reason: Reason,
    /// Whether it holds for the network as well, where the user was last seen. A guest's always does where guests go by
    /// address; where each browser has its own, whoever chose that knows that many share an address.
    pub network: bool,
}

/// How many messages and lines of the log a card has.
const CARD_LINES: usize = 20;

/// What is shown of a user in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// Who, with the rank held there.
    pub subject: Member,
    /// The latest messages there, ascending.
    pub messages: Vec<Message>,
    /// What the caller may do to this user.
    pub may: Vec<Capability>,
    /// What was given there and is in force, for those who may see it.
    pub sanctions: Option<Vec<SanctionLine>>,
    /// What was done there to this user, latest first, for those who may see it.
    pub log: Option<Vec<LogLine>>,
}

/// The service of moderators.
#[derive(Clone)]
pub struct Moderation {
    ports: Ports,
    settings: Settings,
    rooms: Rooms,
}

impl Moderation {
    pub(crate) fn new(ports: Ports, settings: Settings, rooms: Rooms) -> Moderation {
        Moderation { ports, settings, rooms }
    }

    /// Bans or times out somebody, in a room or (`None`) everywhere. A second one of a kind replaces the first. A ban
    /// everywhere also ends all of the user's logins.
    pub async fn sanction(
        &self,
        caller: &Caller,
        room: Option<&RoomUid>,
        user: &UserUid,
        measures: SanctionRequest,
    ) -> Result<SanctionLine, Error> {
        let (room, actor, now) = self.log_and_actor(caller, room).await?;
        let action = if room == RoomId::SERVER { Action::SanctionEverywhere } else { Action::Sanction };
        policy::may(&actor, action)?;
        let subject = self.rooms.member(room, user).await?;
        policy::may_to(&actor, action, &subject)?;
        if let Some(replaced) = self.in_force(room, &subject, measures.kind, now).await? {
            // Replacing is lifting: a moderator must not shorten what the owner gave.
            policy::may_to(&actor, Action::Lift { given_by: replaced.by_rank }, &subject)?;
        }
        let network = self.network_of(&actor, action, &subject, measures.network).await?;
        let kind = measures.kind;
        let sanction = NewSanction {
            user: subject.user.id,
            network,
            kind,
            reason: measures.reason,
            ends_at: measures.duration.ends_at(now),
        };
        let command = LogCommand::Sanction { subject: Box::new(subject.clone()), sanction: Box::new(sanction) };
        self.append(room, &actor, now, command).await?;
        let given = self.in_force(room, &subject, kind, now).await?.ok_or(Error::NoSuch(Resource::Sanction))?;
        Ok(SanctionLine { sanction: given, user: subject.user, by: actor.user })
    }

    /// The network that a sanction holds for, unless somebody whom the actor may not touch was last seen there.
    async fn network_of(
        &self,
        actor: &Member,
        action: Action,
        subject: &Member,
        wanted: bool,
    ) -> Result<Option<Network>, Error> {
        let is_the_address = subject.user.rank == Rank::Guest && self.settings.guests == Guests::Address;
        let Some(network) = subject.user.network.clone().filter(|_| wanted || is_the_address) else {
            return Ok(None);
        };
        let (_, highest) = self.ports.access_reader.highest_rank_on_network(&network).await?;
        if wanted && highest.is_some_and(|highest| highest >= actor.rank() && action == Action::Sanction) {
            return Err(policy::Denied::Outranked.into());
        }
        Ok(Some(network))
    }

    /// Lifts what is in force: the ban, the timeout, or (`None`) both; the first of what was lifted.
    pub async fn lift(
        &self,
        caller: &Caller,
        room: Option<&RoomUid>,
        user: &UserUid,
        kind: Option<SanctionKind>,
    ) -> Result<SanctionLine, Error> {
        let (room, actor, now) = self.log_and_actor(caller, room).await?;
        policy::may(&actor, if room == RoomId::SERVER { Action::SanctionEverywhere } else { Action::Sanction })?;
        let subject = self.rooms.member_ever(room, user).await?;
        // All of it is decided before any of it is done.
        let mut lifted = Vec::new();
        for kind in SanctionKind::one_or_all(kind) {
            let Some(sanction) = self.in_force(room, &subject, kind, now).await? else { continue };
            let action = Action::Lift { given_by: sanction.by_rank };
            policy::may_to(&actor, action, &subject)?;
            lifted.push(sanction);
        }
        let first = lifted.first().cloned().ok_or(Error::NoSuch(Resource::Sanction))?;
        let by = self.ports.accounts.user(first.by).await?;
        let command = LogCommand::Lift { subject: Box::new(subject.clone()), kind };
        self.append(room, &actor, now, command).await?;
        Ok(SanctionLine { sanction: first, user: subject.user, by: by.unwrap_or(actor.user) })
    }

    /// Deletes all messages of a room, or one author's.
    pub async fn purge(&self, caller: &Caller, room: &RoomUid, author: Option<&UserUid>) -> Result<(), Error> {
        let (access, actor, now) = self.rooms.actor(caller, room).await?;
        policy::may(&actor, if author.is_some() { Action::PurgeAuthor } else { Action::PurgeAll })?;
        let author = match author {
            None => None,
            Some(uid) => {
                let subject = self.rooms.member_ever(access.room.id, uid).await?;
                if subject.user.id != actor.user.id {
                    policy::may_to(&actor, Action::PurgeAuthor, &subject)?;
                }
                Some(Box::new(subject.user))
            }
        };
        self.append(access.room.id, &actor, now, LogCommand::Purge { author }).await
    }

    /// Pins a message to the top of its room, in place of the one before; it and its room. Nothing is written when it is
    /// there already.
    pub async fn pin(&self, caller: &Caller, id: MessageId) -> Result<(Room, Message), Error> {
        let (room, message) = self.message_and_room(id).await?;
        let (access, actor, now) = self.may_pin(caller, &room.uid).await?;
        if access.room.pinned.as_deref().map(|pinned| pinned.id) != Some(id) {
            self.append_about(room.id, &actor, now, LogCommand::Pin { message: id }).await?;
        }
        Ok((room, message))
    }

    /// Takes down a message that is pinned.
    pub async fn unpin(&self, caller: &Caller, id: MessageId) -> Result<(), Error> {
        let (room, _) = self.message_and_room(id).await?;
        let (_, actor, now) = self.may_pin(caller, &room.uid).await?;
        self.append_about(room.id, &actor, now, LogCommand::Unpin { message: id }).await
    }

    /// Takes down whatever is pinned in a room.
    pub async fn unpin_any(&self, caller: &Caller, room: &RoomUid) -> Result<(), Error> {
        let (access, actor, now) = self.may_pin(caller, room).await?;
        let pinned = access.room.pinned.as_deref().ok_or(Error::NoSuch(Resource::Message))?;
        self.append_about(access.room.id, &actor, now, LogCommand::Unpin { message: pinned.id }).await
    }

    async fn message_and_room(&self, id: MessageId) -> Result<(Room, Message), Error> {
        let message = self.ports.messages.message(id).await?.ok_or(Error::NoSuch(Resource::Message))?;
        let room = self.ports.rooms.room_by_id(message.room).await?.ok_or(Error::NoSuch(Resource::Message))?;
        Ok((room, message))
    }

    /// What stands at the top is put before everybody: whoever may not write may not do that either.
    async fn may_pin(&self, caller: &Caller, room: &RoomUid) -> Result<(AccessContext, Member, Timestamp), Error> {
        let (access, actor, now) = self.rooms.actor(caller, room).await?;
        policy::may(&actor, Action::Pin)?;
        match review::forbidding(&access.sanctions, now) {
            Some(sanction) => Err(Error::sanctioned(sanction, now)),
            None => Ok((access, actor, now)),
        }
    }

    /// All that is shown of a user in a room, as far as the caller may see it.
    pub async fn card(&self, caller: Option<&Caller>, room: &RoomUid, user: &UserUid) -> Result<Card, Error> {
        let access = self.rooms.enter(caller, room).await?;
        let (room, now) = (access.room.id, self.ports.clock.now());
        let subject = self.rooms.member(room, user).await?;
        let id = subject.user.id;
        let (messages, _) = self.ports.messages.messages_of(room, id, Position::End, CARD_LINES).await?;
        let mut card = Card { subject, messages, may: Vec::new(), sanctions: None, log: None };
        let Some(actor) = access.member else { return Ok(card) };
        let in_force = self.ports.sanctions.sanctions_of(room, id, now).await?;
        let given: Vec<Sanction> = in_force.iter().map(|line| line.sanction.clone()).collect();
        card.may = capability::on_subject(&actor, &card.subject, &given);
        if policy::may(&actor, Action::SeeModeration).is_ok() {
            card.sanctions = Some(in_force);
            card.log = Some(self.ports.events.log_about(room, id, None, CARD_LINES).await?);
        }
        Ok(card)
    }

    /// Sanctions in force in a room, or (`None`) everywhere, latest first, with an id below `before`.
    pub async fn sanctions(
        &self,
        caller: &Caller,
        room: Option<&RoomUid>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<SanctionLine>, Error> {
        let (room, actor, now) = self.log_and_actor(caller, room).await?;
        let everywhere = room == RoomId::SERVER;
        policy::may(&actor, if everywhere { Action::Administer } else { Action::SeeModeration })?;
        let room = (!everywhere).then_some(room);
        Ok(self.ports.sanctions.sanctions(room, now, before, limit).await?)
    }

    /// What was done in a room, or there to one user, latest first, with a seq below `before`.
    pub async fn log(
        &self,
        caller: &Caller,
        room: &RoomUid,
        about: Option<&UserUid>,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Vec<LogLine>, Error> {
        let (access, actor, _) = self.rooms.actor(caller, room).await?;
        policy::may(&actor, Action::SeeModeration)?;
        let Some(about) = about else { return Ok(self.ports.events.log(access.room.id, before, limit).await?) };
        let subject = self.rooms.member_ever(access.room.id, about).await?.user.id;
        Ok(self.ports.events.log_about(access.room.id, subject, before, limit).await?)
    }

    /// The log that an act belongs to, and the actor with the rank held there.
    async fn log_and_actor(
        &self,
        caller: &Caller,
        room: Option<&RoomUid>,
    ) -> Result<(RoomId, Member, Timestamp), Error> {
        match room {
            Some(uid) => {
                let (access, actor, now) = self.rooms.actor(caller, uid).await?;
                Ok((access.room.id, actor, now))
            }
            None => {
                // The rank may have changed since the login: look again.
                let user = self.ports.accounts.user(caller.user.id).await?.ok_or(Error::TokenInvalid)?;
                Ok((RoomId::SERVER, Member::outside(user), self.ports.clock.now()))
            }
        }
    }

    async fn in_force(
        &self,
        room: RoomId,
        subject: &Member,
        kind: SanctionKind,
        now: Timestamp,
    ) -> Result<Option<Sanction>, Error> {
        let room = (room != RoomId::SERVER).then_some(room);
        Ok(self.ports.sanctions.sanction(room, subject.user.id, kind, now).await?)
    }

    async fn append_about(
        &self,
        room: RoomId,
        actor: &Member,
        at: Timestamp,
        command: LogCommand,
    ) -> Result<(), Error> {
        let entry = LogEntry { room, actor: actor.clone(), at, command };
        self.ports.log.append(entry).await.map_err(|error| Error::append(error, Resource::Message, at))?;
        Ok(())
    }

    async fn append(&self, room: RoomId, actor: &Member, at: Timestamp, command: LogCommand) -> Result<(), Error> {
        let entry = LogEntry { room, actor: actor.clone(), at, command };
        self.ports.log.append(entry).await.map_err(|error| Error::append(error, Resource::Sanction, at))?;
        Ok(())
    }
}
