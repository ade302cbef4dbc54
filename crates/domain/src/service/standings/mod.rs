//! How people stand in rooms, remembered, so that joining and posting ask the store nothing.
//!
//! A room's settings, ranks and sanctions change only by events of its log, and sanctions everywhere only by events of the
//! server's own. What was read at some seq therefore holds as long as every later event was heard: [`Standings::hear`] is
//! called with each before anybody is told of it, drops what the event changes, and notices a gap. Against what is not
//! heard (another process, a bus that lost something) everything in use is compared with the store every two seconds, in
//! one query for the heads of all rooms and one for all people.
//!
//! Acts other than posting and reading are rare and weigh more: they ask the store (see [`crate::service::rooms`]).

mod known;

use crate::model::event::Event;
use crate::model::id::{RoomId, RoomUid, Seq, UserId};
use crate::model::time::Timestamp;
use crate::model::user::{Member, Network, User};
use crate::ports::bus::{Bus, Notice};
use crate::ports::log::{Footing, History, Stance};
use crate::ports::store::{Accounts, Rooms, StoreError};
use known::{Check, Known, Look, Missing, Question, Touched};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A place with more ranks or more sanctions than this is not remembered.
pub const REMEMBERED_MAX: usize = 5_000;

/// The most rooms or people in one query.
const ASKED_AT_ONCE: usize = 500;

/// Where to read what is not known.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// Logs.
    pub history: &'a dyn History,
    /// People with the ranks they hold.
    pub rooms: &'a dyn Rooms,
    /// People.
    pub accounts: &'a dyn Accounts,
}

/// A comparison that is over when this is gone.
struct Over<'a>(&'a Standings);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.known().end_check();
    }
}

/// A place in the changes that were heard.
#[derive(Clone, Copy, Debug)]
pub struct AsOf(u64);

/// What a node remembers of how people stand.
#[derive(Default)]
pub struct Standings(Mutex<Known>);

impl Standings {
    // Held for a few hash operations and never across an await.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of what was committed. Called before anybody is told, with each room's events in the order of their seq;
    /// what is repeated does no harm.
    pub fn hear(&self, events: &[Event]) {
        let mut known = self.known();
        events.iter().for_each(|event| known.hear(event));
    }

    /// Takes note of what concerns people.
    pub fn heed(&self, notice: &Notice) {
        match notice {
            Notice::UserChanged(user) => self.known().touch(Touched::Person(user.id)),
            Notice::UserDeleted(user) => self.known().touch(Touched::Person(*user)),
            Notice::SessionsEnded(_) => {}
        }
    }

    /// Where the changes stand: asked before a user is read, for [`Standings::meet`].
    pub fn as_of(&self) -> AsOf {
        AsOf(self.known().touches())
    }

    /// Takes note of a user whom somebody just read for another purpose.
    pub fn meet(&self, user: User, now: Timestamp, as_of: AsOf) {
        self.known().meet(user, now, as_of.0);
    }

    /// Forgets everything, because a bus between nodes lost nobody knows what. The bus of one process loses nothing on its way here.
    pub fn forget(&self) {
        self.known().touch(Touched::Anything);
    }

    /// How `user`, seen at `network`, stands in a room at `now`, with what happened there up to `at_least` taken in; `None`
    /// when there is no such room. Its last post is only known as far as it was heard in the last half minute.
    pub async fn stance(
        &self,
        sources: Sources<'_>,
        room: &RoomUid,
        user: Option<UserId>,
        network: Option<&Network>,
        now: Timestamp,
        at_least: Seq,
    ) -> Result<Option<Stance>, StoreError> {
        let question = Question { room, user, network, now, at_least };
        let looked = self.known().look(&question);
        let looked = match looked {
            Look::Check(check) => {
                self.confirm(sources, check).await?;
                self.known().look(&question)
            }
            looked => looked,
        };
        match looked {
            Look::Known(stance) => Ok(Some(*stance)),
            Look::Missing(missing) => self.read(sources, &question, missing).await,
            Look::Ask | Look::Check(_) => sources.history.stance(room, user, network, now).await,
        }
    }

    /// These users with the ranks they hold in a room; `None` when that room is not remembered.
    pub fn members(&self, room: RoomId, users: &[Arc<User>]) -> Option<Vec<Member>> {
        let known = self.known();
        let ranks = known.ranks(room)?;
        let member = |user: &Arc<User>| Member { user: (**user).clone(), room_rank: ranks.get(&user.id).copied() };
        Some(users.iter().map(member).collect())
    }

    async fn confirm(&self, sources: Sources<'_>, check: Check) -> Result<(), StoreError> {
        // Also when whoever asks goes away while it is read.
        let _over = Over(self);
        let read = async {
            let mut heads = HashMap::new();
            for some in check.places.chunks(ASKED_AT_ONCE) {
                heads.extend(sources.history.heads(some).await?);
            }
            let mut people = Vec::new();
            for some in check.people.chunks(ASKED_AT_ONCE) {
                people.extend(sources.rooms.members(RoomId::SERVER, some).await?);
            }
            Ok((heads, people.into_iter().map(|member| member.user).collect::<Vec<User>>()))
        };
        let (heads, people) = read.await?;
        self.known().settle(&check, &heads, people);
        Ok(())
    }

    async fn read(
        &self,
        sources: Sources<'_>,
        question: &Question<'_>,
        missing: Missing,
    ) -> Result<Option<Stance>, StoreError> {
        let Question { room, user, network, now, .. } = *question;
        if missing.everywhere
            && let Some(footing) = footing(sources, None, now).await?
        {
            self.known().learn(footing, now, missing.touches);
        }
        if missing.place {
            let Some(footing) = footing(sources, Some(room), now).await? else { return Ok(None) };
            self.known().learn(footing, now, missing.touches);
        }
        if missing.person
            && let Some(user) = user
            && let Some(user) = sources.accounts.user(user).await?
        {
            self.known().meet(user, now, missing.touches);
        }
        let looked = self.known().look(question);
        match looked {
            Look::Known(stance) => Ok(Some(*stance)),
            // Touched while it was read, or the user is gone.
            _ => sources.history.stance(room, user, network, now).await,
        }
    }
}

async fn footing(sources: Sources<'_>, room: Option<&RoomUid>, now: Timestamp) -> Result<Option<Footing>, StoreError> {
    sources.history.footing(room, now, REMEMBERED_MAX).await
}

/// A bus whose every word is taken note of before it is handed on.
pub struct Overheard {
    /// Who takes note.
    pub standings: Arc<Standings>,
    /// The bus.
    pub bus: Arc<dyn Bus>,
}

impl Bus for Overheard {
    fn publish(&self, events: Vec<Event>) {
        self.standings.hear(&events);
        self.bus.publish(events);
    }

    fn announce(&self, notice: Notice) {
        self.standings.heed(&notice);
        self.bus.announce(notice);
    }
}

#[cfg(test)]
mod tests;
