//! How users stand in rooms, remembered, so that joining and posting ask the store nothing.
//!
//! A room's settings, ranks and sanctions change only by events of its log, and sanctions everywhere only by events of the
//! server's own. What was read at some seq therefore holds as long as every later event arrived. The cache subscribes to the
//! bus itself and takes what arrived before it answers, so whoever was told of an event finds it taken in; an event drops
//! what it changes. Against what arrives late or never (another node's events, a bus that lost something) everything in use
//! is compared with the store every two seconds: one query for the heads of all rooms, one for those of them in which something
//! else than messages was written since, and one for all users. Until then a room with a gap is believed as it was before it:
//! the writer looks again at what forbids a post.
//!
//! Logins and their users are remembered for who comes back soon; no log tells of them, so that what the bus does not announce
//! is found by asking about all of them every half minute, and about those who write every two seconds.
//!
//! Acts other than posting and reading are rare and weigh more: they ask the store (see [`crate::service::rooms`]).

mod cached_room;
mod logins;
mod sessions;
pub mod site_logins;
mod sites;
mod state;

use crate::model::access::{AccessContext, RoomAccess};
use crate::model::id::{RoomId, RoomUid, Seq, SessionId, SiteUid, UserId};
use crate::model::login::LoginId;
use crate::model::rank::Rank;
use crate::model::room::Head;
use crate::model::session::Session;
use crate::model::time::Timestamp;
use crate::model::user::{Network, User};
use crate::ports::bus::{Bus, BusMessage, Notice, Subscription};
use crate::ports::readers::{AccessReader, EventReader};
use crate::ports::store::{AccountStore, RoomStore, SiteStore, StoreError};
use logins::Logins;
use sessions::{Sessions, Sight};
use site_logins::SiteLogins;
use state::{CacheState, Check, Invalidation, Lookup, Missing, Question};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A room with more ranks or more sanctions than this is not remembered.
pub const CACHED_MAX: usize = 5_000;

/// The most rooms or users in one query.
const QUERY_MAX: usize = 500;

/// Where to read what is not cached.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// How people stand.
    pub access: &'a dyn AccessReader,
    /// Where the logs end.
    pub events: &'a dyn EventReader,
    /// People with the ranks they hold.
    pub rooms: &'a dyn RoomStore,
    /// People.
    pub accounts: &'a dyn AccountStore,
}

/// The ranks held in a room.
#[derive(Clone, Debug, Default)]
pub struct RoomRanks {
    /// Those that were given there.
    pub given: Arc<HashMap<UserId, Rank>>,
    /// The site whose ranks hold there too.
    pub site: Option<SiteUid>,
}

impl RoomRanks {
    /// The highest that a user holds there.
    pub fn of(&self, user: &User) -> Option<Rank> {
        self.given.get(&user.id).copied().max(user.rank_in_site(self.site.as_ref()))
    }
}

/// A comparison that is over when this is gone.
struct Over<'a> {
    cache: &'a AccessCache,
    end: fn(&mut Memory, Timestamp),
    since: Timestamp,
}

impl Drop for Over<'_> {
    fn drop(&mut self) {
        (self.end)(&mut self.cache.memory(), self.since);
    }
}

/// All that is remembered.
#[derive(Default)]
struct Memory {
    access: CacheState,
    sessions: Sessions,
    logins: Logins,
    site_logins: SiteLogins,
}

impl Memory {
    fn apply(&mut self, message: BusMessage) {
        match message {
            BusMessage::Events(events) => events.iter().for_each(|event| self.access.apply_event(event)),
            BusMessage::Head(room, _) => self.access.invalidate(Invalidation::Room(room)),
            BusMessage::Notice(Notice::UserChanged(user)) => self.forget_user(user.id),
            BusMessage::Notice(Notice::UserDeleted(user)) => self.forget_user(user),
            BusMessage::Notice(Notice::SessionsEnded(ended)) => {
                ended.iter().for_each(|session| self.access.invalidate(Invalidation::Login(*session)));
                self.forget_logins(&ended);
            }
            BusMessage::Notice(Notice::SiteChanged(site)) => {
                self.access.invalidate_rooms_of(&site);
                self.site_logins.forget_site(&site);
            }
            BusMessage::Notice(Notice::SiteTokensEnded(ended)) => {
                self.sessions.remove_where(|login| ended.include(login));
                self.site_logins.end(&ended);
            }
            BusMessage::Lost => {
                self.access.invalidate(Invalidation::All);
                self.sessions.forget();
                self.logins.clear();
                self.site_logins.clear();
            }
        }
    }

    /// Takes note of a login and its user as they were read at `now`, unless its end or another name was announced after
    /// `version`.
    fn put_login(&mut self, session: &Session, user: &User, now: Timestamp, version: u64) {
        self.access.put_user(user.clone(), now, version);
        let announced = [Invalidation::Login(session.id), Invalidation::User(user.id)];
        if announced.into_iter().all(|what| self.access.is_unchanged_since(version, what)) {
            self.sessions.put(session.id.into(), now);
            self.logins.put(session, user, now);
        }
    }

    fn forget_logins(&mut self, ended: &[SessionId]) {
        let logins: Vec<LoginId> = ended.iter().copied().map(LoginId::Session).collect();
        self.sessions.remove(&logins);
        self.logins.remove(ended);
    }

    fn forget_user(&mut self, user: UserId) {
        self.access.invalidate(Invalidation::User(user));
        self.logins.remove_user(user);
        self.site_logins.forget_user(user);
    }
}

/// What the store said of the logins and users in use.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct InUse {
    /// The logins that are over.
    pub ended: Vec<LoginId>,
    /// The users as they are, but for those of whom something was heard while they were read.
    pub users: Vec<User>,
}

/// What a node remembers of how users stand.
pub struct AccessCache {
    memory: Mutex<Memory>,
    subscription: Mutex<Box<dyn Subscription>>,
}

impl AccessCache {
    /// An empty cache that learns of changes from `bus`.
    pub fn new(bus: &dyn Bus) -> AccessCache {
        AccessCache { memory: Mutex::default(), subscription: Mutex::new(bus.subscribe()) }
    }

    /// What is remembered, with all taken in that arrived. The subscription stays locked meanwhile: one message after the
    /// other. Both are held for a few hash operations and never across an await.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        let mut subscription = self.subscription.lock().unwrap_or_else(PoisonError::into_inner);
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(message) = subscription.try_next() {
            memory.apply(message);
        }
        memory
    }

    /// Whose login this is, if that need not be asked: the store said so, and that the login goes on, less than 35 s before
    /// `now`, and nothing else was heard since. Whoever comes back so is known like one who was just read.
    pub fn user_of(&self, session: SessionId, now: Timestamp) -> Option<User> {
        let Memory { access, logins, .. } = &mut *self.memory();
        let user = logins.user(session, now)?;
        access.put_new_user(user, now);
        Some(user.clone())
    }

    /// A login that goes on, with its user, as the store says now.
    pub async fn read_login(
        &self,
        accounts: &dyn AccountStore,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Option<(Session, User)>, StoreError> {
        let version = self.memory().access.version();
        let found = accounts.session(session, now).await?;
        let mut memory = self.memory();
        match &found {
            Some((session, user)) => memory.put_login(session, user, now, version),
            None => memory.forget_logins(&[session]),
        }
        Ok(found)
    }

    /// Whether a login goes on, as the store said less than two seconds before `now`. All logins in use are asked about
    /// in one query.
    pub async fn is_alive(
        &self,
        accounts: &dyn AccountStore,
        sites: &dyn SiteStore,
        login: LoginId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (version, sight) = {
            let mut memory = self.memory();
            (memory.access.version(), memory.sessions.look(login, now))
        };
        let asked = match (sight, login) {
            (Sight::Alive, _) => return Ok(true),
            (Sight::Unknown, LoginId::Session(session)) => {
                return Ok(self.read_login(accounts, session, now).await?.is_some());
            }
            (Sight::Unknown, LoginId::SiteToken(_)) => {
                let goes_on = AccessCache::ended_tokens(sites, &[login]).await?.is_empty();
                let mut memory = self.memory();
                if goes_on && memory.access.version() == version {
                    memory.sessions.put(login, now);
                }
                return Ok(goes_on);
            }
            (Sight::Unsure(asked), _) => asked,
        };
        // Also when whoever asks goes away meanwhile.
        let _over = Over { cache: self, end: |memory, since| memory.sessions.end_asking(since), since: now };
        let ended: HashSet<LoginId> = self.ask(accounts, sites, &asked, now).await?.into_iter().collect();
        Ok(!ended.contains(&login))
    }

    /// Asks the store about these logins, and takes in what it says; which are over.
    async fn ask(
        &self,
        accounts: &dyn AccountStore,
        sites: &dyn SiteStore,
        asked: &[LoginId],
        now: Timestamp,
    ) -> Result<Vec<LoginId>, StoreError> {
        let sessions: Vec<SessionId> = asked.iter().filter_map(|login| login.session()).collect();
        let mut ended = AccessCache::ended_tokens(sites, asked).await?;
        if !sessions.is_empty() {
            let alive: HashSet<SessionId> = accounts.alive(&sessions, now).await?.into_iter().collect();
            ended.extend(sessions.into_iter().filter(|session| !alive.contains(session)).map(LoginId::Session));
        }
        let over: HashSet<LoginId> = ended.iter().copied().collect();
        let alive: HashSet<LoginId> = asked.iter().copied().filter(|login| !over.contains(login)).collect();
        let mut memory = self.memory();
        memory.sessions.settle(&alive, now);
        memory.sessions.remove(&ended);
        memory.logins.remove(&ended.iter().filter_map(|login| login.session()).collect::<Vec<_>>());
        Ok(ended)
    }

    /// Asks the store about the logins of `open` sockets and all that are remembered, and reads their users again. Called every
    /// 30 s, so that nothing is believed for longer that nobody announced.
    pub async fn sweep(
        &self,
        accounts: &dyn AccountStore,
        sites: &dyn SiteStore,
        rooms: &dyn RoomStore,
        open: &HashMap<LoginId, UserId>,
        now: Timestamp,
    ) -> Result<InUse, StoreError> {
        let mut found = InUse::default();
        let tokens: Vec<LoginId> = open.keys().copied().filter(|login| login.site_token().is_some()).collect();
        for asked in tokens.chunks(QUERY_MAX) {
            let version = self.memory().access.version();
            found.ended.extend(self.ask(accounts, sites, asked, now).await?);
            let asked: HashSet<UserId> = asked.iter().filter_map(|login| open.get(login)).copied().collect();
            let mut users = users(rooms, &asked.into_iter().collect::<Vec<_>>()).await?;
            users.retain(|user| self.memory().access.is_unchanged_since(version, Invalidation::User(user.id)));
            found.users.extend(users);
        }
        let sessions = open.keys().filter_map(|login| login.session());
        let all = self.memory().logins.in_use(sessions, now);
        for asked in all.chunks(QUERY_MAX) {
            let (version, mut asked_users) = {
                let memory = self.memory();
                (memory.access.version(), memory.logins.users_of(asked))
            };
            asked_users.extend(asked.iter().filter_map(|session| open.get(&LoginId::Session(*session))));
            let asked_users: Vec<UserId> = asked_users.into_iter().collect();
            let alive: HashSet<SessionId> = accounts.alive(asked, now).await?.into_iter().collect();
            let mut users = users(rooms, &asked_users).await?;
            let over: Vec<SessionId> = asked.iter().copied().filter(|session| !alive.contains(session)).collect();
            let mut memory = self.memory();
            memory.forget_logins(&over);
            let Memory { access, sessions, logins, .. } = &mut *memory;
            sessions.settle(&alive.iter().copied().map(LoginId::Session).collect(), now);
            logins.settle(&alive, now);
            users.retain(|user| access.is_unchanged_since(version, Invalidation::User(user.id)));
            logins.settle_users(&asked_users, &users);
            found.users.extend(users);
            found.ended.extend(over.into_iter().map(LoginId::Session));
        }
        Ok(found)
    }

    /// How `user`, seen at `network`, stands in a room at `now`, with what happened there up to `at_least` taken in; `None`
    /// when there is no such room. Its last post is only known as far as events told it in the last half minute.
    pub async fn access_context(
        &self,
        sources: Sources<'_>,
        room: &RoomUid,
        user: Option<UserId>,
        network: Option<&Network>,
        now: Timestamp,
        at_least: Seq,
    ) -> Result<Option<AccessContext>, StoreError> {
        let question = Question { room, user, network, now, at_least };
        let found = self.memory().access.lookup(&question);
        let found = match found {
            Lookup::Check(check) => {
                self.confirm(sources, check).await?;
                self.memory().access.lookup(&question)
            }
            found => found,
        };
        match found {
            Lookup::Found(access) => Ok(Some(*access)),
            Lookup::Missing(missing) => self.read(sources, &question, missing).await,
            Lookup::Ask | Lookup::Check(_) => sources.access.access_context(room, user, network, now).await,
        }
    }

    /// The ranks held in a room; `None` when that room is not remembered.
    pub fn ranks(&self, room: RoomId) -> Option<RoomRanks> {
        self.memory().access.ranks(room)
    }

    async fn confirm(&self, sources: Sources<'_>, check: Check) -> Result<(), StoreError> {
        // Also when whoever asks goes away while it is read.
        let _over = Over { cache: self, end: |memory, _| memory.access.end_check(), since: check.at };
        let read = async {
            let (mut heads, mut changed) = (HashMap::new(), HashSet::new());
            for some in check.rooms.chunks(QUERY_MAX) {
                let rooms: Vec<RoomId> = some.iter().map(|(room, _)| *room).collect();
                let found: HashMap<RoomId, Head> = sources.events.heads(&rooms).await?.into_iter().collect();
                let grown =
                    some.iter().filter(|(room, known)| found.get(room).is_some_and(|head| head.seq > known.seq));
                let grown: Vec<(RoomId, Seq)> = grown.map(|(room, known)| (*room, known.seq)).collect();
                if !grown.is_empty() {
                    changed.extend(sources.events.changed_since(&grown).await?);
                }
                heads.extend(found);
            }
            let mut all = Vec::new();
            for some in check.users.chunks(QUERY_MAX) {
                all.extend(users(sources.rooms, some).await?);
            }
            Ok((heads, changed, all))
        };
        let (heads, changed, users) = read.await?;
        self.memory().access.settle(&check, &heads, &changed, users);
        Ok(())
    }

    async fn read(
        &self,
        sources: Sources<'_>,
        question: &Question<'_>,
        missing: Missing,
    ) -> Result<Option<AccessContext>, StoreError> {
        let Question { room, user, network, now, .. } = *question;
        if missing.everywhere
            && let Some(room_access) = room_access(sources, None, now).await?
        {
            self.memory().access.put_room(room_access, now, missing.version);
        }
        if missing.room {
            let Some(room_access) = room_access(sources, Some(room), now).await? else { return Ok(None) };
            self.memory().access.put_room(room_access, now, missing.version);
        }
        if missing.user
            && let Some(user) = user
            && let Some(user) = sources.accounts.user(user).await?
        {
            self.memory().access.put_user(user, now, missing.version);
        }
        let found = self.memory().access.lookup(question);
        match found {
            Lookup::Found(access) => Ok(Some(*access)),
            // Invalidation while it was read, or the user is gone.
            _ => sources.access.access_context(room, user, network, now).await,
        }
    }
}

/// These users, as far as they are not gone.
async fn users(rooms: &dyn RoomStore, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(rooms.members(RoomId::SERVER, ids).await?.into_iter().map(|member| member.user).collect())
}

async fn room_access(
    sources: Sources<'_>,
    room: Option<&RoomUid>,
    now: Timestamp,
) -> Result<Option<RoomAccess>, StoreError> {
    sources.access.room_access(room, now, CACHED_MAX).await
}

#[cfg(test)]
mod tests;
