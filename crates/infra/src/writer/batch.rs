//! One batch: entries of some rooms, written in one transaction in the order they came.
//!
//! The order of the statements matters. The heads are locked first; what the guards look at is read by *later* statements,
//! which see what was committed by whoever held the heads before.

use crate::db::conn::{AnyConn, Mode, transaction};
use crate::db::error::{DbError, busy};
use crate::db::schema::{messages, moderators};
use crate::store::events;
use crate::store::messages::{AuthoredRow, MESSAGE, into_messages, nonce_key, with_authors};
use crate::store::sessions;
use crate::store::users::{self, USER};
use crate::writer::acts;
use crate::writer::lookup::{self, Locks};
use crate::writer::prepared::{InsertMessages, NewMessage};
use diesel::prelude::*;
use domain::model::event::{Event, EventKind};
use domain::model::id::{Epoch, MessageId, RoomId, Seq, SessionId, UserId};
use domain::model::message::{Draft, Message};
use domain::model::sanction::{Sanction, SanctionKind};
use domain::model::time::{Span, Timestamp};
use domain::model::user::{Member, Network};
use domain::ports::log::{Aim, AppendError, AppendResult, LogCommand, LogEntry};
use domain::review::guard;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};

/// What a batch became: an answer for each entry, and the events to publish, each room's in the order of their seq.
pub struct Written {
    /// In the order of the entries.
    pub answers: Vec<Result<AppendResult, AppendError>>,
    /// What was added to the logs.
    pub events: Vec<Event>,
    /// The epochs of the logs.
    pub epochs: Vec<(RoomId, Epoch)>,
    /// The logins that bans everywhere ended, to be announced.
    pub ended: Vec<SessionId>,
}

/// Writes `entries` in one transaction. An error means that nothing was written, or (a lost commit) that nobody knows.
pub fn write(conn: &mut AnyConn, entries: &[&LogEntry], locks: Locks) -> Result<Written, DbError> {
    transaction(conn, Mode::Write, |conn| {
        let mut batch = Batch::load(conn, entries, locks)?;
        let steps = entries.iter().map(|entry| batch.step(conn, entry)).collect::<Result<Vec<_>, _>>()?;
        batch.insert_messages(conn)?;
        let moved: Vec<(i64, i64)> = batch.moved.iter().map(|room| (*room, batch.heads[room])).collect();
        if !moved.is_empty() {
            lookup::move_heads(conn, &moved)?;
        }
        batch.finish(conn, entries, steps)
    })
}

/// What an entry became, before the numbers of its messages are known.
enum Step {
    Refused(AppendError),
    Posted(Seq),
    Repeated(Known),
    Done(Event),
}

/// The message that stands under a nonce.
#[derive(Clone, Copy)]
enum Known {
    Stored(i64),
    InThisBatch(RoomId, Seq),
}

struct Batch {
    locks: Locks,
    heads: HashMap<i64, i64>,
    epochs: Vec<(RoomId, Epoch)>,
    open: HashSet<i64>,
    moved: HashSet<i64>,
    nonces: HashMap<String, Known>,
    sanctions: Vec<Sanction>,
    last_posts: HashMap<(i64, i64), i64>,
    /// Those who act and are acted on, with the rank held in the room, as of this transaction: (room, user) → member.
    members: HashMap<(i64, i64), Option<Member>>,
    /// Messages that entries answer: id → (room, author).
    answered: HashMap<i64, (i64, i64)>,
    waiting: Vec<NewMessage>,
    ended: Vec<SessionId>,
    ids: HashMap<(i64, i64), i64>,
}

impl Batch {
    fn load(conn: &mut AnyConn, entries: &[&LogEntry], locks: Locks) -> Result<Batch, DbError> {
        let mut rooms: Vec<i64> = entries.iter().map(|entry| entry.room.0).collect();
        rooms.sort_unstable();
        rooms.dedup();
        let locked = lookup::lock_heads(conn, &rooms, locks)?;
        let open = lookup::open_rooms(conn, &rooms)?;
        let posts: Vec<Post<'_>> = entries.iter().filter_map(|entry| Post::of(entry)).collect();
        let nonces = lookup::known_nonces(conn, posts.iter().filter_map(Post::nonce_key).collect())?;
        let paced: Vec<(i64, i64)> =
            posts.iter().filter(|post| post.pace.is_some_and(|pace| pace > Span::ZERO)).map(Post::place).collect();
        let answered: Vec<i64> = posts.iter().filter_map(|post| post.draft.reply_to).map(|id| id.0).collect();
        lookup::lock_people(conn, entries)?;
        let sanctions = match entries.iter().map(|entry| entry.at.0).min() {
            Some(earliest) => {
                let authors: BTreeSet<i64> = entries.iter().map(|entry| entry.actor.user.id.0).collect();
                let mut networks: BTreeSet<String> = lookup::networks_of_actors(conn, entries)?.into_iter().collect();
                for Network(network) in posts.iter().filter_map(|post| post.network) {
                    if !networks.contains(network) {
                        networks.insert(network.clone());
                    }
                }
                let (authors, networks) = (authors.into_iter().collect(), networks.into_iter().collect());
                lookup::sanctions_of(conn, &rooms, authors, networks, earliest)?
            }
            None => Vec::new(),
        };
        Ok(Batch {
            locks,
            heads: locked.iter().map(|(room, seq, _)| (*room, *seq)).collect(),
            epochs: locked.iter().map(|(room, _, epoch)| (RoomId(*room), Epoch(*epoch))).collect(),
            open,
            moved: HashSet::new(),
            nonces: nonces.into_iter().map(|(key, id)| (key, Known::Stored(id))).collect(),
            sanctions,
            last_posts: lookup::last_posts(conn, &paced)?,
            members: HashMap::new(),
            answered: lookup::undeleted(conn, &answered)?,
            waiting: Vec::new(),
            ended: Vec::new(),
            ids: HashMap::new(),
        })
    }

    fn step(&mut self, conn: &mut AnyConn, entry: &LogEntry) -> Result<Step, DbError> {
        let room = entry.room.0;
        if !self.heads.contains_key(&room) {
            return Ok(Step::Refused(match self.locks {
                Locks::Wait => AppendError::RoomGone,
                // Left out because another node holds it.
                Locks::Skip => busy().into(),
            }));
        }
        if let Some(post) = Post::of(entry) {
            return Ok(self.post(&post));
        }
        let holds_everywhere = entry.room == RoomId::SERVER
            && matches!(entry.command, LogCommand::Sanction { .. } | LogCommand::Lift { .. });
        if !self.open.contains(&room) && !holds_everywhere {
            return Ok(Step::Refused(AppendError::RoomGone));
        }
        if let Err(refused) = self.guard_act(conn, entry)? {
            return Ok(Step::Refused(refused));
        }
        // An act sees all messages that came before it.
        self.insert_messages(conn)?;
        let seq = Seq(self.heads[&room]).next();
        let kind = match self.act(conn, entry, seq)? {
            Ok(kind) => kind,
            Err(refused) => return Ok(Step::Refused(refused)),
        };
        let event = Event { room: entry.room, seq, at: entry.at, actor: entry.actor.user.id, kind };
        events::insert(conn, &event)?;
        self.move_head(room, seq);
        Ok(Step::Done(event))
    }

    fn post(&mut self, post: &Post<'_>) -> Step {
        let (room, author) = post.place();
        if !self.open.contains(&room) {
            return Step::Refused(AppendError::RoomGone);
        }
        let key = post.nonce_key();
        if let Some(known) = key.as_ref().and_then(|key| self.nonces.get(key)) {
            return Step::Repeated(*known);
        }
        if let Some(id) = post.draft.reply_to
            && self.answered.get(&id.0).is_none_or(|(place, _)| *place != room)
        {
            return Step::Refused(AppendError::Missing);
        }
        let covers = |sanction: &&Sanction| {
            sanction.room.is_none_or(|place| place.0 == room) && sanction.covers(&post.entry.actor, post.network)
        };
        let sanctions: Vec<Sanction> = self.sanctions.iter().filter(covers).cloned().collect();
        let last_post = self.last_posts.get(&(room, author)).copied().map(Timestamp);
        if let Err(refused) = guard::post(post.pace, last_post, &sanctions, post.at) {
            return Step::Refused(refused);
        }
        let seq = Seq(self.heads[&room]).next();
        self.move_head(room, seq);
        self.last_posts.insert((room, author), post.at.0);
        if let Some(key) = key.clone() {
            self.nonces.insert(key, Known::InThisBatch(RoomId(room), seq));
        }
        self.waiting.push(NewMessage {
            room,
            seq: seq.0,
            change_seq: seq.0,
            author,
            text: post.draft.text.as_str().to_owned(),
            kind: post.draft.kind.as_str(),
            reply_to: post.draft.reply_to.map(|id| id.0),
            nonce_key: key,
            created_at: post.at.0,
        });
        Step::Posted(seq)
    }

    fn guard_act(&mut self, conn: &mut AnyConn, entry: &LogEntry) -> acts::Done<()> {
        let now = self.member(conn, entry.room, entry.actor.user.id)?;
        let subject = match entry.command.aimed_at() {
            Aim::Nobody => None,
            Aim::User(id) => Some(id),
            Aim::AuthorOf(message) => lookup::author_of(conn, message)?,
        };
        let subject = subject.map(|id| self.member(conn, entry.room, id)).transpose()?.flatten();
        let covers = |sanction: &&Sanction| {
            let here = sanction.room.is_none_or(|place| place == entry.room);
            here && now.as_ref().is_some_and(|member| sanction.covers(member, member.user.network.as_ref()))
        };
        let sanctions: Vec<Sanction> = self.sanctions.iter().filter(covers).cloned().collect();
        Ok(guard::act(&entry.actor, now.as_ref(), &sanctions, &entry.command, subject.as_ref(), entry.at))
    }

    /// A user with the rank held in the room, as of this transaction.
    fn member(&mut self, conn: &mut AnyConn, room: RoomId, user: UserId) -> Result<Option<Member>, DbError> {
        Ok(match self.members.entry((room.0, user.0)) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(unknown) => unknown.insert(users::member(conn, room.0, user)?).clone(),
        })
    }

    fn act(&mut self, conn: &mut AnyConn, entry: &LogEntry, seq: Seq) -> acts::Done<EventKind> {
        match &entry.command {
            LogCommand::Post { .. } => Err(DbError::Damaged("a post among the acts")),
            LogCommand::Delete { message } => {
                let done = acts::delete(conn, entry, seq.0, *message)?;
                if done.is_ok() {
                    self.answered.remove(&message.0);
                }
                Ok(done)
            }
            LogCommand::Purge { author } => {
                let whose = author.as_ref().map(|user| user.id);
                acts::purge(conn, entry, seq.0, whose)?;
                let purged = |place: &(i64, i64)| place.0 == entry.room.0 && whose.is_none_or(|id| id.0 == place.1);
                self.answered.retain(|_, place| !purged(place));
                Ok(Ok(EventKind::Purged { author: author.clone() }))
            }
            LogCommand::Sanction { subject, sanction } => {
                let (kind, given) = match acts::sanction(conn, entry, subject, sanction)? {
                    Ok(done) => done,
                    Err(refused) => return Ok(Err(refused)),
                };
                self.forget_sanction(&given.room, given.user.0, given.kind.as_str());
                self.sanctions.push(given);
                if let Some(banned) = entry.command.ends_sessions_of(entry.room) {
                    self.ended.extend(sessions::end_all(conn, banned, None)?);
                }
                Ok(Ok(kind))
            }
            LogCommand::Lift { subject, kind } => {
                let kinds = SanctionKind::one_or_all(*kind);
                let done = acts::lift(conn, entry, subject, &kinds)?;
                let room = (entry.room != RoomId::SERVER).then_some(entry.room);
                for kind in kinds.iter().filter(|_| done.is_ok()) {
                    self.forget_sanction(&room, subject.user.id.0, kind.as_str());
                }
                Ok(done)
            }
            LogCommand::Appoint { subject, action } => {
                self.members.remove(&(entry.room.0, subject.user.id.0));
                acts::appoint(conn, entry, subject, *action)
            }
            LogCommand::HandOver { from } => {
                self.members.retain(|(room, _), _| *room != entry.room.0);
                let done = acts::hand_over(conn, entry, from.id)?;
                self.close_if(entry.room, &done);
                Ok(done)
            }
            LogCommand::CloseUnused => {
                let done = acts::close_unused(conn, entry)?;
                self.close_if(entry.room, &done);
                Ok(done)
            }
            LogCommand::Configure { change } => {
                // Of another site, other people hold ranks there.
                if change.site.is_some() {
                    self.members.retain(|(room, _), _| *room != entry.room.0);
                }
                acts::configure(conn, entry, change)
            }
            LogCommand::Pin { message } => {
                let stands = lookup::undeleted(conn, &[message.0])?;
                match stands.get(&message.0) {
                    Some((room, _)) if *room == entry.room.0 => acts::pin(conn, entry, *message),
                    _ => Ok(Err(AppendError::Missing)),
                }
            }
            LogCommand::Unpin { message } => acts::unpin(conn, entry, *message),
            LogCommand::Close => {
                self.open.remove(&entry.room.0);
                acts::close(conn, entry).map(Ok)
            }
        }
    }

    /// Nothing more is written in a room that an act closed.
    fn close_if(&mut self, room: RoomId, done: &Result<EventKind, AppendError>) {
        if matches!(done, Ok(EventKind::Closed)) {
            self.open.remove(&room.0);
        }
    }

    fn forget_sanction(&mut self, room: &Option<RoomId>, user: i64, kind: &str) {
        self.sanctions.retain(|s| !(s.room == *room && s.user.0 == user && s.kind.as_str() == kind));
    }

    fn move_head(&mut self, room: i64, seq: Seq) {
        self.heads.insert(room, seq.0);
        self.moved.insert(room);
    }

    fn insert_messages(&mut self, conn: &mut AnyConn) -> Result<(), DbError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.waiting);
        let numbers = (messages::room, messages::seq, messages::id);
        let inserted: Vec<(i64, i64, i64)> = match conn {
            AnyConn::Pg(c) => InsertMessages::new(rows).get_results(c)?,
            AnyConn::Sqlite(c) => {
                let insert = |row| diesel::insert_into(messages::table).values(row).returning(numbers).get_result(c);
                rows.iter().map(insert).collect::<QueryResult<_>>()?
            }
        };
        self.ids.extend(inserted.into_iter().map(|(room, seq, id)| ((room, seq), id)));
        Ok(())
    }

    fn finish(&self, conn: &mut AnyConn, entries: &[&LogEntry], steps: Vec<Step>) -> Result<Written, DbError> {
        let stored = steps.iter().filter_map(|step| match step {
            Step::Repeated(Known::Stored(id)) => Some(*id),
            _ => None,
        });
        let stored = load_messages(conn, stored.collect())?;
        let mut here: HashMap<(i64, i64), Message> = HashMap::new();
        let mut written = Written {
            answers: Vec::with_capacity(steps.len()),
            events: Vec::new(),
            epochs: self.epochs.clone(),
            ended: self.ended.clone(),
        };
        for (entry, step) in entries.iter().zip(steps) {
            written.answers.push(match step {
                Step::Refused(refused) => Err(refused),
                Step::Done(event) => {
                    written.events.push(event.clone());
                    Ok(AppendResult::Done(event))
                }
                Step::Posted(seq) => {
                    let message = self.posted(entry, seq)?;
                    here.insert((entry.room.0, seq.0), message.clone());
                    let kind = EventKind::Posted(Box::new(message.clone()));
                    let (at, actor) = (entry.at, entry.actor.user.id);
                    written.events.push(Event { room: entry.room, seq, at, actor, kind });
                    Ok(AppendResult::Posted { message: Box::new(message), repeated: false })
                }
                Step::Repeated(known) => {
                    let message = match known {
                        Known::Stored(id) => stored.get(&id).cloned(),
                        Known::InThisBatch(room, seq) => here.get(&(room.0, seq.0)).cloned(),
                    };
                    let message = message.ok_or(DbError::Damaged("a message that was repeated"))?;
                    Ok(AppendResult::Posted { message: Box::new(message), repeated: true })
                }
            });
        }
        Ok(written)
    }

    fn posted(&self, entry: &LogEntry, seq: Seq) -> Result<Message, DbError> {
        let id = self.ids.get(&(entry.room.0, seq.0)).copied().ok_or(DbError::Damaged("a number of a message"))?;
        let LogCommand::Post { draft, .. } = &entry.command else {
            return Err(DbError::Damaged("an act among the posts"));
        };
        Ok(Message {
            id: MessageId(id),
            seq,
            room: entry.room,
            author: entry.actor.clone(),
            text: draft.text.clone(),
            kind: draft.kind,
            reply_to: draft.reply_to,
            at: entry.at,
        })
    }
}

fn load_messages(conn: &mut AnyConn, ids: Vec<i64>) -> Result<HashMap<i64, Message>, DbError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = with_authors()
        .filter(messages::id.eq_any(ids))
        .select((MESSAGE, USER, moderators::rank.nullable()))
        .load::<AuthoredRow>(conn)?;
    Ok(into_messages(conn, rows)?.into_iter().map(|message| (message.id.0, message)).collect())
}

/// An entry that is a post, with its parts at hand.
struct Post<'e> {
    entry: &'e LogEntry,
    at: Timestamp,
    draft: &'e Draft,
    network: Option<&'e Network>,
    pace: Option<Span>,
}

impl<'e> Post<'e> {
    fn of(entry: &'e LogEntry) -> Option<Post<'e>> {
        match &entry.command {
            LogCommand::Post { draft, network, pace } => {
                Some(Post { entry, at: entry.at, draft, network: network.as_ref(), pace: *pace })
            }
            _ => None,
        }
    }

    fn place(&self) -> (i64, i64) {
        (self.entry.room.0, self.entry.actor.user.id.0)
    }

    fn nonce_key(&self) -> Option<String> {
        self.draft.nonce.as_ref().map(|nonce| nonce_key(self.entry.room, self.entry.actor.user.id, nonce))
    }
}
