//! The store in memory: every rule of the ports over plain collections behind one lock.
//!
//! A method takes the lock once, so each is a transaction, and events are handed to the bus before it is let go, so they
//! are published in the order of their seq: the bus must not call the store back. It cannot survive a crash.

mod accounts;
mod history;
mod log;
mod quotas;
mod rooms;
mod sites;

use async_trait::async_trait;
use domain::model::event::Event;
use domain::model::id::{Epoch, MessageId, RoomId, Seq, SessionId, SiteId, SiteKeyId, UserId};
use domain::model::message::{Message, MessageKind};
use domain::model::name::Look;
use domain::model::rank::Rank;
use domain::model::room::{Head, Room};
use domain::model::sanction::Sanction;
use domain::model::session::Session;
use domain::model::site::Site;
use domain::model::site_key::SiteKey;
use domain::model::text::{Body, Nonce};
use domain::model::time::Timestamp;
use domain::model::user::{Member, PasswordHash, User};
use domain::ports::bus::Bus;
use domain::ports::store::{Health, StoreError};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

/// Implements every port of the store.
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    bus: Arc<dyn Bus>,
}

impl MemoryStore {
    /// An empty store that publishes to `bus`.
    pub fn new(bus: Arc<dyn Bus>) -> MemoryStore {
        let mut state = State::default();
        state.logs.insert(RoomId::SERVER, RoomLog::new(Epoch(1)));
        MemoryStore { state: Arc::new(Mutex::new(state)), bus }
    }

    /// The same data as another process sees it, which publishes to its own `bus`.
    pub fn of_another_process(&self, bus: Arc<dyn Bus>) -> MemoryStore {
        MemoryStore { state: Arc::clone(&self.state), bus }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no method panics while it holds the lock")
    }
}

#[async_trait]
impl Health for MemoryStore {
    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[derive(Default)]
struct State {
    users: BTreeMap<UserId, UserRow>,
    guests: HashMap<String, UserId>,
    claims: HashMap<Look, UserId>,
    /// Until when the names of deleted accounts are reserved.
    reserved: HashMap<UserId, Timestamp>,
    sessions: BTreeMap<SessionId, Session>,
    tickets: HashMap<String, (SessionId, Timestamp)>,
    /// Those that were not closed.
    rooms: BTreeMap<RoomId, Room>,
    /// All that ever were, and the server's.
    logs: BTreeMap<RoomId, RoomLog>,
    places: HashMap<MessageId, (RoomId, Seq)>,
    /// Those that were not deleted.
    sites: BTreeMap<SiteId, Site>,
    site_keys: BTreeMap<SiteKeyId, SiteKey>,
    site_users: HashMap<(SiteId, String), SiteUserRow>,
    /// When each bucket of a shared quota is full again.
    buckets: BTreeMap<String, Timestamp>,
    /// By id. What was lifted or replaced is gone; what ended by time stays.
    sanctions: Vec<Sanction>,
    /// The last number given to a row of any kind.
    last_id: i64,
}

struct UserRow {
    user: User,
    hash: Option<PasswordHash>,
    deleted: bool,
}

/// Whom a site calls so, and which tokens count.
struct SiteUserRow {
    /// `None` when nobody came yet, or the user is gone.
    user: Option<UserId>,
    issued_at: Timestamp,
    issued_from: Timestamp,
}

struct RoomLog {
    head: Head,
    ranks: BTreeMap<UserId, Rank>,
    messages: BTreeMap<Seq, MessageRow>,
    events: BTreeMap<Seq, Event>,
    nonces: HashMap<(UserId, Nonce), Seq>,
    /// The message at the top, deleted or not.
    pinned: Option<MessageId>,
}

struct MessageRow {
    id: MessageId,
    author: UserId,
    text: Body,
    kind: MessageKind,
    reply_to: Option<MessageId>,
    at: Timestamp,
    deleted: bool,
}

impl MessageRow {
    fn hide(&mut self) {
        self.deleted = true;
    }
}

impl RoomLog {
    fn new(epoch: Epoch) -> RoomLog {
        RoomLog {
            head: Head { epoch, seq: Seq::ZERO },
            ranks: BTreeMap::new(),
            messages: BTreeMap::new(),
            events: BTreeMap::new(),
            nonces: HashMap::new(),
            pinned: None,
        }
    }

    fn last_post(&self, author: UserId) -> Option<&MessageRow> {
        self.messages.values().rev().find(|row| row.author == author)
    }
}

impl State {
    fn next_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    /// Ends all logins of a user but one; which they were.
    fn end_sessions(&mut self, user: UserId, except: Option<SessionId>) -> Vec<SessionId> {
        let theirs = |session: &&Session| session.user == user && Some(session.id) != except;
        let ended: Vec<SessionId> = self.sessions.values().filter(theirs).map(|session| session.id).collect();
        self.sessions.retain(|id, _| !ended.contains(id));
        ended
    }

    /// A user who was not deleted.
    fn live(&self, id: UserId) -> Option<&User> {
        self.users.get(&id).filter(|row| !row.deleted).map(|row| &row.user)
    }

    fn live_users(&self) -> impl Iterator<Item = &User> {
        self.users.values().filter(|row| !row.deleted).map(|row| &row.user)
    }

    /// Anybody who ever was, the deleted as "deleted user".
    fn anybody(&self, id: UserId) -> Result<User, StoreError> {
        self.users.get(&id).map(|row| row.user.clone()).ok_or_else(|| StoreError::Failed(format!("no user {id}")))
    }

    fn rank_in(&self, room: RoomId, user: UserId) -> Option<Rank> {
        self.logs.get(&room)?.ranks.get(&user).copied()
    }

    fn member(&self, room: RoomId, user: User) -> Member {
        let site = self.rooms.get(&room).and_then(|room| room.site.as_ref());
        Member::of_room(user.clone(), self.rank_in(room, user.id), site)
    }

    /// A room with the message at its top, unless that was deleted.
    fn shown_room(&self, room: &Room) -> Result<Room, StoreError> {
        let place = self.logs.get(&room.id).and_then(|log| log.pinned).and_then(|id| self.places.get(&id));
        let row = place.and_then(|(_, seq)| Some((*seq, self.logs.get(&room.id)?.messages.get(seq)?)));
        let pinned = row.filter(|(_, row)| !row.deleted);
        let pinned = pinned.map(|(seq, row)| self.message(room.id, seq, row)).transpose()?;
        Ok(Room { pinned: pinned.map(Arc::new), ..room.clone() })
    }

    fn message(&self, room: RoomId, seq: Seq, row: &MessageRow) -> Result<Message, StoreError> {
        Ok(Message {
            id: row.id,
            seq,
            room,
            author: self.member(room, self.anybody(row.author)?),
            text: row.text.clone(),
            kind: row.kind,
            reply_to: row.reply_to,
            at: row.at,
        })
    }

    /// Those in force at `now`, in `room` or everywhere.
    fn sanctions_over(&self, room: RoomId, now: Timestamp) -> impl Iterator<Item = &Sanction> {
        self.sanctions.iter().filter(move |s| s.in_force(now) && s.room.is_none_or(|held| held == room))
    }
}

/// The place of a sanction given in `room`: the server's log means everywhere.
fn reach(room: RoomId) -> Option<RoomId> {
    (room != RoomId::SERVER).then_some(room)
}

/// Names are ordered and compared by this.
fn folded(name: &str) -> String {
    name.to_lowercase()
}
