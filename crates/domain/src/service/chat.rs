//! Saying something, reading what was said, taking it back.

use crate::model::access::AccessContext;
use crate::model::id::{MessageId, RoomUid, Seq, UserUid};
use crate::model::message::{Draft, Message, MessageKind};
use crate::model::room::Room;
use crate::model::text::{Body, Nonce};
use crate::model::time::Timestamp;
use crate::policy::{self, Action};
use crate::ports::effects::Quota;
use crate::ports::log::{AppendResult, LogCommand, LogEntry};
use crate::ports::readers::Position;
use crate::review::{self, Refusal, Verdict};
use crate::service::accounts::Accounts;
use crate::service::error::{Error, Resource};
use crate::service::moderation::Moderation;
use crate::service::posting::Posting;
use crate::service::rooms::{self, Rooms};
use crate::service::{Caller, Ports, Settings};

/// A message that somebody sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewMessage<'a> {
    /// What was typed.
    pub text: &'a str,
    /// Said or done.
    pub kind: MessageKind,
    /// The sender's own name for it.
    pub nonce: Option<&'a str>,
    /// The message it answers.
    pub reply_to: Option<MessageId>,
}

/// A page of a room's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The room the page is of.
    pub room: Room,
    /// Ascending by seq.
    pub messages: Vec<Message>,
    /// Where the next page begins, in the direction that was asked for; `None` at the end.
    pub next: Option<Seq>,
}

/// The service of messages.
#[derive(Clone)]
pub struct Chat {
    pub(super) ports: Ports,
    settings: Settings,
    pub(super) accounts: Accounts,
    pub(super) rooms: Rooms,
    pub(super) moderation: Moderation,
}

impl Chat {
    pub(crate) fn new(
        ports: Ports,
        settings: Settings,
        accounts: Accounts,
        rooms: Rooms,
        moderation: Moderation,
    ) -> Chat {
        Chat { ports, settings, accounts, rooms, moderation }
    }

    /// Posts a message in a room. The same nonce again is answered with the message that stands there.
    pub async fn post(
        &self,
        caller: Option<&Caller>,
        room: Option<&RoomUid>,
        new: NewMessage<'_>,
    ) -> Result<Message, Error> {
        self.enqueue(caller, room, new).await.await
    }

    /// Reviews a message, charges it, and puts it in line to be written; awaiting what this returns gives the message, or why
    /// it was refused. Of those of one room, the ones that are put in line first are written first.
    pub async fn enqueue(&self, caller: Option<&Caller>, room: Option<&RoomUid>, new: NewMessage<'_>) -> Posting {
        match self.reviewed(caller, room, new).await {
            Ok(posting) => posting,
            Err(error) => Posting::answered(Err(error)),
        }
    }

    /// Slow mode and sanctions are checked again when it is written.
    async fn reviewed(
        &self,
        caller: Option<&Caller>,
        room: Option<&RoomUid>,
        new: NewMessage<'_>,
    ) -> Result<Posting, Error> {
        let text = Body::parse(new.text)?;
        let nonce = new.nonce.map(Nonce::parse).transpose()?;
        let caller = caller.ok_or(Error::LoginRequired)?;
        let room = room.ok_or(Error::NoRoom)?;
        let now = self.ports.clock.now();
        let access = self.rooms.access_context(Some(caller), room, now, Seq::ZERO).await?;
        let author = access.member.clone().ok_or(Error::TokenInvalid)?;
        policy::may(&author, Action::Post)?;
        rooms::may_read(&access.room, Some(&author))?;
        let text = text.within_lines(access.room.rules.max_lines);
        match self.review(caller, &text, &access, now) {
            Verdict::Publish => {}
            // Whoever repeats an unanswered message must not be told that it is one too many: it may be in the log.
            Verdict::Refuse(refusal) => {
                let known = self.known(&access, nonce.as_ref()).await?.ok_or_else(|| Error::refused(refusal, now))?;
                return Ok(Posting::answered(Ok(known)));
            }
            Verdict::Hold(_) | Verdict::Shadow => {
                return Err(Error::Failed("messages that not everybody gets cannot be stored".to_owned()));
            }
        }
        self.accounts.refuse_ended(caller).await?;
        let exempt = review::is_exempt(&access);
        let command = LogCommand::Post {
            draft: Draft { text, kind: new.kind, reply_to: new.reply_to, nonce },
            network: Some(caller.network.clone()),
            pace: (!exempt).then_some(access.room.rules.slow_mode),
        };
        let entry = LogEntry { room: access.room.id, actor: author, at: now, command };
        let log = self.ports.log.clone();
        Ok(Posting::begin(async move {
            match log.append(entry).await {
                Ok(AppendResult::Posted { message, .. }) => Ok(*message),
                Ok(AppendResult::Done(_)) => Err(Error::Failed("a post was answered as another event".to_owned())),
                Err(error) => Err(Error::append(error, Resource::Message, now)),
            }
        })
        .await)
    }

    /// Posts several messages in this order, or says of each why it was refused. One does not wait for the answer to the one before.
    pub async fn post_many<'a>(
        &self,
        caller: Option<&Caller>,
        room: &RoomUid,
        messages: impl Iterator<Item = Result<NewMessage<'a>, Error>>,
    ) -> Vec<Result<Message, Error>> {
        let mut postings = Vec::new();
        for new in messages {
            postings.push(match new {
                Ok(new) => self.enqueue(caller, Some(room), new).await,
                Err(error) => Posting::answered(Err(error)),
            });
        }
        let mut answers = Vec::with_capacity(postings.len());
        for posting in postings {
            answers.push(posting.await);
        }
        answers
    }

    /// What becomes of a text: the pure stages, and between them the flood limiter, which counts.
    fn review(&self, caller: &Caller, text: &Body, access: &AccessContext, now: Timestamp) -> Verdict {
        if let Err(refusal) = review::admit(text, access, now) {
            return Verdict::Refuse(refusal);
        }
        let key = || format!("{} {}", access.room.id, caller.user.id);
        if !review::is_exempt(access)
            && let Err(retry_after) = self.ports.limiter.take(Quota::Post, &key())
        {
            return Verdict::Refuse(Refusal::Flood { retry_after });
        }
        review::judge(text, access, now, self.settings.limits)
    }

    async fn known(&self, access: &AccessContext, nonce: Option<&Nonce>) -> Result<Option<Message>, Error> {
        match (nonce, &access.member) {
            (Some(nonce), Some(member)) => {
                Ok(self.ports.messages.posted(access.room.id, member.user.id, nonce).await?)
            }
            _ => Ok(None),
        }
    }

    /// A page of history, everybody's or one author's, for anybody who is not banned there.
    pub async fn history(
        &self,
        caller: Option<&Caller>,
        room: &RoomUid,
        author: Option<&UserUid>,
        from: Position,
        limit: usize,
    ) -> Result<Page, Error> {
        let access = self.rooms.enter(caller, room).await?;
        let (messages, more) = match author {
            None => self.ports.messages.messages(access.room.id, from, limit).await?,
            Some(author) => {
                let author = self.rooms.member_ever(access.room.id, author).await?.user.id;
                self.ports.messages.messages_of(access.room.id, author, from, limit).await?
            }
        };
        let next = match from {
            Position::After(_) => messages.last(),
            Position::Before(_) | Position::End => messages.first(),
        };
        let next = next.filter(|_| more).map(|message| message.seq);
        Ok(Page { room: access.room, messages, next })
    }

    /// A message that was not deleted, with its room, for anybody who is not banned there.
    pub async fn message(&self, caller: Option<&Caller>, id: MessageId) -> Result<(Room, Message), Error> {
        let message = self.ports.messages.message(id).await?.ok_or(Error::NoSuch(Resource::Message))?;
        let room = self.ports.rooms.room_by_id(message.room).await?.ok_or(Error::NoSuch(Resource::Message))?;
        self.rooms.enter(caller, &room.uid).await?;
        Ok((room, message))
    }

    /// Deletes a message: one's own, or as moderator of somebody below.
    pub async fn delete(&self, caller: &Caller, id: MessageId) -> Result<(), Error> {
        let message = self.ports.messages.message(id).await?.ok_or(Error::NoSuch(Resource::Message))?;
        let room = self.ports.rooms.room_by_id(message.room).await?.ok_or(Error::NoSuch(Resource::Message))?;
        let (_, actor, now) = self.rooms.actor(caller, &room.uid).await?;
        let own = message.author.user.id == caller.user.id;
        let action = if own { Action::DeleteOwn } else { Action::DeleteOther };
        policy::may_to(&actor, action, &message.author)?;
        let entry = LogEntry { room: message.room, actor, at: now, command: LogCommand::Delete { message: id } };
        self.ports.log.append(entry).await.map_err(|error| Error::append(error, Resource::Message, now))?;
        Ok(())
    }
}
