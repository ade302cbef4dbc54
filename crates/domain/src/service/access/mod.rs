//! How users stand in rooms, remembered, so that joining and posting ask the store nothing.
//!
//! A room's settings, ranks and sanctions change only by events of its log, and sanctions everywhere only by events of the
//! server's own. What was read at some seq therefore holds as long as every later event arrived. The cache subscribes to the
//! bus itself and takes what arrived before it answers, so whoever was told of an event finds it taken in; an event drops
//! what it changes, and a gap is noticed. Against what never arrives (a bus that lost something) everything in use is
//! compared with the store every two seconds, in one query for the heads of all rooms and one for all users.
//!
//! Acts other than posting and reading are rare and weigh more: they ask the store (see [`crate::service::rooms`]).

mod sessions;
mod state;

use crate::model::access::{AccessContext, RoomAccess};
use crate::model::id::{RoomId, RoomUid, Seq, SessionId, UserId};
use crate::model::time::Timestamp;
use crate::model::user::{Member, Network, User};
use crate::ports::bus::{Bus, BusMessage, Notice, Subscription};
use crate::ports::readers::{AccessReader, EventReader};
use crate::ports::store::{AccountStore, RoomStore, StoreError};
use sessions::Sessions;
use state::{CacheState, Check, Invalidation, Lookup, Missing, Question};
use std::collections::HashMap;
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

/// A comparison that is over when this is gone.
struct Over<'a>(&'a AccessCache);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.state().end_check();
    }
}

/// A room in the changes that were heard.
#[derive(Clone, Copy, Debug)]
pub struct CacheVersion(u64);

/// What a node remembers of how users stand.
pub struct AccessCache {
    state: Mutex<CacheState>,
    sessions: Mutex<Sessions>,
    subscription: Mutex<Box<dyn Subscription>>,
}

impl AccessCache {
    /// An empty cache that learns of changes from `bus`.
    pub fn new(bus: &dyn Bus) -> AccessCache {
        let subscription = Mutex::new(bus.subscribe());
        AccessCache { state: Mutex::default(), sessions: Mutex::default(), subscription }
    }

    // Both are held for a few hash operations and never across an await.
    fn state(&self) -> MutexGuard<'_, CacheState> {
        self.take_messages();
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.take_messages();
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what arrived. The subscription stays locked meanwhile: one message after the other.
    fn take_messages(&self) {
        let mut subscription = self.subscription.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(message) = subscription.try_next() {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            match message {
                BusMessage::Events(events) => events.iter().for_each(|event| state.apply_event(event)),
                BusMessage::Head(room, _) => state.invalidate(Invalidation::Room(room)),
                BusMessage::Notice(Notice::UserChanged(user)) => state.invalidate(Invalidation::User(user.id)),
                BusMessage::Notice(Notice::UserDeleted(user)) => state.invalidate(Invalidation::User(user)),
                BusMessage::Notice(Notice::SessionsEnded(ended)) => {
                    self.sessions.lock().unwrap_or_else(PoisonError::into_inner).remove(&ended);
                }
                BusMessage::Lost => {
                    state.invalidate(Invalidation::All);
                    self.sessions.lock().unwrap_or_else(PoisonError::into_inner).forget();
                }
            }
        }
    }

    /// Takes note of a login that the store said at `now` goes on.
    pub fn put_session(&self, session: SessionId, now: Timestamp) {
        self.sessions().put(session, now);
    }

    /// Whether a login goes on, as the store said less than two seconds before `now`. All logins in use are asked about
    /// in one query.
    pub async fn is_alive(
        &self,
        accounts: &dyn AccountStore,
        session: SessionId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let looked = self.sessions().look(session, now);
        let Err(asked) = looked else { return Ok(true) };
        let alive = accounts.alive(&asked, now).await?;
        self.sessions().settle(&asked, &alive, now);
        Ok(alive.contains(&session))
    }

    /// Where the changes stand: asked before a user is read, for [`AccessCache::put_user`].
    pub fn version(&self) -> CacheVersion {
        CacheVersion(self.state().version())
    }

    /// Takes note of a user whom somebody just read for another purpose.
    pub fn put_user(&self, user: User, now: Timestamp, version: CacheVersion) {
        self.state().put_user(user, now, version.0);
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
        let found = self.state().lookup(&question);
        let found = match found {
            Lookup::Check(check) => {
                self.confirm(sources, check).await?;
                self.state().lookup(&question)
            }
            found => found,
        };
        match found {
            Lookup::Found(access) => Ok(Some(*access)),
            Lookup::Missing(missing) => self.read(sources, &question, missing).await,
            Lookup::Ask | Lookup::Check(_) => sources.access.access_context(room, user, network, now).await,
        }
    }

    /// These users with the ranks they hold in a room; `None` when that room is not remembered.
    pub fn members(&self, room: RoomId, users: &[Arc<User>]) -> Option<Vec<Member>> {
        let state = self.state();
        let ranks = state.ranks(room)?;
        let member = |user: &Arc<User>| Member { user: (**user).clone(), room_rank: ranks.get(&user.id).copied() };
        Some(users.iter().map(member).collect())
    }

    async fn confirm(&self, sources: Sources<'_>, check: Check) -> Result<(), StoreError> {
        // Also when whoever asks goes away while it is read.
        let _over = Over(self);
        let read = async {
            let mut heads = HashMap::new();
            for some in check.rooms.chunks(QUERY_MAX) {
                heads.extend(sources.events.heads(some).await?);
            }
            let mut users = Vec::new();
            for some in check.users.chunks(QUERY_MAX) {
                users.extend(sources.rooms.members(RoomId::SERVER, some).await?);
            }
            Ok((heads, users.into_iter().map(|member| member.user).collect::<Vec<User>>()))
        };
        let (heads, users) = read.await?;
        self.state().settle(&check, &heads, users);
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
            self.state().put_room(room_access, now, missing.version);
        }
        if missing.room {
            let Some(room_access) = room_access(sources, Some(room), now).await? else { return Ok(None) };
            self.state().put_room(room_access, now, missing.version);
        }
        if missing.user
            && let Some(user) = user
            && let Some(user) = sources.accounts.user(user).await?
        {
            self.state().put_user(user, now, missing.version);
        }
        let found = self.state().lookup(question);
        match found {
            Lookup::Found(access) => Ok(Some(*access)),
            // Invalidation while it was read, or the user is gone.
            _ => sources.access.access_context(room, user, network, now).await,
        }
    }
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
