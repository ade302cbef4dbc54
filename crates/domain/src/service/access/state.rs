//! What is cached, and how fresh it is: the state behind [`super::AccessCache`], without a store.

use super::RoomRanks;
use super::cached_room::CachedRoom;
use crate::model::access::{AccessContext, RoomAccess};
use crate::model::event::{Event, EventKind};
use crate::model::id::{RoomId, RoomUid, Seq, SessionId, SiteUid, UserId};
use crate::model::message::Message;
use crate::model::room::Head;
use crate::model::sanction::Sanction;
use crate::model::text::Body;
use crate::model::time::{Span, Timestamp};
use crate::model::user::{Member, Network, User};
use crate::review::REPEAT_WINDOW;
use std::collections::{HashMap, HashSet, VecDeque};

/// What was read is believed for this long; then its log's head is compared with the store's.
pub const FRESH_FOR: Span = Span::seconds(2);

/// What is younger than this is left out of a comparison: so there is one a second at most, for everything.
const CHECK_INTERVAL: Span = Span::seconds(1);

/// A comparison takes no longer than this, and meanwhile everybody else believes what they know for as much longer.
pub const FRESH_WHILE_CHECKED: Span = Span::seconds(3);

/// A comparison that takes longer is over, whatever became of it.
pub const CHECK_TIMEOUT: Span = Span::seconds(10);

/// Two calls that read the clock one after the other may arrive here in the other order.
const CLOCK_TOLERANCE: Span = Span::seconds(1);

/// The latest changes that are remembered, for those who were reading while they happened.
const INVALIDATIONS_KEPT: usize = 256;

/// What nobody asked for this long is forgotten instead of compared.
const KEPT_FOR: Span = Span::seconds(60);

/// When more rooms, or more users, are to be compared, only those are that were asked for since the last comparison: a query
/// compares 500.
const COMPARED_MAX: usize = 5_000;

/// Above this many users, all are forgotten: they are cheap to read again.
const USERS_MAX: usize = 100_000;

/// Above this many authors, their last posts are forgotten: it only keeps them from repeating themselves.
const LAST_POSTS_MAX: usize = 100_000;

/// What is known about rooms and users.
#[derive(Default)]
pub struct CacheState {
    rooms: HashMap<RoomId, CachedRoom>,
    ids: HashMap<RoomUid, RoomId>,
    users: HashMap<UserId, CachedUser>,
    last_posts: HashMap<(RoomId, UserId), (Timestamp, Body)>,
    invalidations: VecDeque<Invalidation>,
    version: u64,
    checking: Option<Timestamp>,
}

struct CachedUser {
    user: User,
    fresh_at: Timestamp,
    /// When somebody last asked.
    used_at: Timestamp,
}

/// What changed, so that what was read before it is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalidation {
    /// Ranks, sanctions or settings of a room, or (in [`RoomId::SERVER`]) sanctions everywhere.
    Room(RoomId),
    /// Name, global rank or existence of a user.
    User(UserId),
    /// The end of a login.
    Login(SessionId),
    /// Nobody knows what.
    All,
}

/// Who is asked about, where, when.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The room asked about.
    pub room: &'a RoomUid,
    /// `None` for an anonymous reader.
    pub user: Option<UserId>,
    /// Seen where.
    pub network: Option<&'a Network>,
    /// The caller's clock.
    pub now: Timestamp,
    /// What happened in the room up to here must be known.
    pub at_least: Seq,
}

/// What looking brought.
pub enum Lookup {
    /// The answer.
    Found(Box<AccessContext>),
    /// It was known, and is to be confirmed first, with all else that is used.
    Check(Check),
    /// This has to be read.
    Missing(Missing),
    /// The store has to be asked: more is in force there than is worth remembering, or a comparison takes too long.
    Ask,
}

/// What is to be confirmed.
pub struct Check {
    /// When it was asked.
    pub at: Timestamp,
    /// As of [`CacheState::version`].
    pub version: u64,
    /// Whose heads are to be compared with these.
    pub rooms: Vec<(RoomId, Head)>,
    /// Who is to be read again.
    pub users: Vec<UserId>,
}

/// What has to be read.
pub struct Missing {
    /// As of [`CacheState::version`].
    pub version: u64,
    /// The room's access data.
    pub room: bool,
    /// The server's.
    pub everywhere: bool,
    /// The user.
    pub user: bool,
}

impl CacheState {
    /// What is known in answer.
    pub fn lookup(&mut self, question: &Question<'_>) -> Lookup {
        let id = self.ids.get(question.room).copied();
        let room = id.and_then(|id| self.rooms.get(&id));
        let room = room.filter(|room| room.room_access.head.seq >= question.at_least);
        let everywhere = self.rooms.get(&RoomId::SERVER);
        let user = question.user.and_then(|user| self.users.get(&user));
        let missing = Missing {
            version: self.version,
            room: room.is_none(),
            everywhere: everywhere.is_none(),
            user: question.user.is_some() && user.is_none(),
        };
        let times = [room.map(|p| p.fresh_at), everywhere.map(|p| p.fresh_at), user.map(|p| p.fresh_at)];
        if times.into_iter().flatten().any(|fresh_at| !self.is_fresh(fresh_at, question.now)) {
            return if self.is_checking(question.now) {
                Lookup::Ask
            } else {
                Lookup::Check(self.begin_check(question.now))
            };
        }
        if missing.room || missing.everywhere || missing.user {
            return Lookup::Missing(missing);
        }
        let (Some(id), Some(room), Some(everywhere)) = (id, room, everywhere) else { return Lookup::Missing(missing) };
        if room.room_access.cut || everywhere.room_access.cut {
            self.mark_used(id, question);
            return Lookup::Ask;
        }
        let user = user.map(|user| &user.user);
        let last_posts = question.user.and_then(|user| self.last_posts.get(&(id, user)));
        let Some(access) = compose(room, everywhere, user, question, last_posts) else {
            return Lookup::Missing(missing);
        };
        self.mark_used(id, question);
        Lookup::Found(Box::new(access))
    }

    /// The ranks held in a room, when all of them are known.
    pub fn ranks(&self, room: RoomId) -> Option<RoomRanks> {
        let room = self.rooms.get(&room).filter(|room| !room.room_access.cut)?;
        Some(RoomRanks { given: room.ranks.clone(), site: site_of(room).cloned() })
    }

    /// The sanctions that hold everywhere and cover a member seen at this network, if that is known at `now`: `Some(None)` when
    /// there are too many to be known.
    pub fn everywhere(
        &self,
        member: &Member,
        network: Option<&Network>,
        now: Timestamp,
    ) -> Option<Option<Vec<Sanction>>> {
        let known = self.rooms.get(&RoomId::SERVER).filter(|known| self.is_fresh(known.fresh_at, now))?;
        let covers = |sanction: &Sanction| sanction.in_force(now) && sanction.covers(member, network);
        let near = known.sanctions.near(Some(member.user.id), network).into_iter().filter(covers).collect();
        Some((!known.room_access.cut).then_some(near))
    }

    fn mark_used(&mut self, id: RoomId, question: &Question<'_>) {
        for room in [id, RoomId::SERVER] {
            if let Some(room) = self.rooms.get_mut(&room) {
                room.used_at = question.now;
            }
        }
        if let Some(user) = question.user.and_then(|user| self.users.get_mut(&user)) {
            user.used_at = question.now;
        }
    }

    fn is_fresh(&self, fresh_at: Timestamp, now: Timestamp) -> bool {
        is_within(fresh_at, now, if self.is_checking(now) { FRESH_WHILE_CHECKED } else { FRESH_FOR })
    }

    fn is_checking(&self, now: Timestamp) -> bool {
        self.checking.is_some_and(|since| is_within(since, now, CHECK_TIMEOUT))
    }

    fn begin_check(&mut self, now: Timestamp) -> Check {
        self.checking = Some(now);
        self.last_posts.retain(|_, (at, _)| is_within(*at, now, REPEAT_WINDOW));
        // What was read while the clock was ahead lacks what was thought to be over.
        self.rooms.retain(|_, room| room.fresh_at <= now + CLOCK_TOLERANCE);
        self.users.retain(|_, user| user.fresh_at <= now + CLOCK_TOLERANCE);
        let is_old = |fresh_at: Timestamp| !is_within(fresh_at, now, CHECK_INTERVAL);
        let kept_for = |count: usize| if count > COMPARED_MAX { FRESH_FOR } else { KEPT_FOR };
        let (rooms_for, users_for) = (kept_for(self.rooms.len()), kept_for(self.users.len()));
        self.rooms.retain(|_, room| !is_old(room.fresh_at) || is_within(room.used_at, now, rooms_for));
        self.users.retain(|_, user| !is_old(user.fresh_at) || is_within(user.used_at, now, users_for));
        self.ids.retain(|_, id| self.rooms.contains_key(id));
        Check {
            at: now,
            version: self.version,
            rooms: self
                .rooms
                .iter()
                .filter(|(_, room)| is_old(room.fresh_at))
                .map(|(id, room)| (*id, room.room_access.head))
                .collect(),
            users: self.users.iter().filter(|(_, user)| is_old(user.fresh_at)).map(|(id, _)| *id).collect(),
        }
    }

    /// Ends a check: where the store says the logs end, in which of them something else than messages was written since they
    /// were compared, and who the users are.
    pub fn settle(
        &mut self,
        check: &Check,
        heads: &HashMap<RoomId, Head>,
        changed: &HashSet<RoomId>,
        users: Vec<User>,
    ) {
        for (id, _) in &check.rooms {
            let Some(room) = self.rooms.get_mut(id) else { continue };
            let known = room.room_access.head;
            match heads.get(id).filter(|head| head.epoch == known.epoch) {
                // What was heard since the store was asked may be more than the answer holds.
                Some(head) if head.seq <= known.seq || !changed.contains(id) => {
                    room.hear_up_to(head.seq);
                    room.fresh_at = check.at;
                }
                _ => drop(self.rooms.remove(id)),
            }
        }
        let known = check.users.iter().filter_map(|id| Some((*id, self.users.remove(id)?.used_at)));
        let used: HashMap<UserId, Timestamp> = known.collect();
        for user in users {
            let id = user.id;
            self.put_user(user, check.at, check.version);
            // Comparing is not asking.
            if let Some((user, used_at)) = self.users.get_mut(&id).zip(used.get(&id)) {
                user.used_at = *used_at;
            }
        }
    }

    /// A check is over, settled or not.
    pub fn end_check(&mut self) {
        self.checking = None;
    }

    /// Keeps what was read at `now`, unless it was invalidated after `version`.
    pub fn put_room(&mut self, room_access: RoomAccess, now: Timestamp, version: u64) {
        let id = room_access.room.as_ref().map_or(RoomId::SERVER, |room| room.id);
        let newer = self.rooms.get(&id).is_some_and(|room| room.room_access.head.seq > room_access.head.seq);
        if newer || !self.is_unchanged_since(version, Invalidation::Room(id)) {
            return;
        }
        if let Some(room) = &room_access.room {
            self.ids.insert(room.uid.clone(), id);
        }
        let room = CachedRoom::new(room_access, now, self.rooms.remove(&id));
        self.rooms.insert(id, room);
    }

    /// Keeps a user as read at `now`, unless it was invalidated after `version`.
    pub fn put_user(&mut self, user: User, now: Timestamp, version: u64) {
        if self.is_unchanged_since(version, Invalidation::User(user.id)) {
            if self.users.len() >= USERS_MAX {
                self.users.clear();
            }
            self.users.insert(user.id, CachedUser { user, fresh_at: now, used_at: now });
        }
    }

    /// Takes a user as known at `now` who is not known here.
    pub fn put_new_user(&mut self, user: &User, now: Timestamp) {
        if !self.users.contains_key(&user.id) {
            self.put_user(user.clone(), now, self.version);
        }
    }

    /// How often something was invalidated so far.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Whether this was not invalidated after `since`, as far as that is remembered.
    pub fn is_unchanged_since(&self, since: u64, what: Invalidation) -> bool {
        let new = usize::try_from(self.version - since).unwrap_or(usize::MAX);
        let is_it = |invalidations: &Invalidation| *invalidations == what || *invalidations == Invalidation::All;
        new <= self.invalidations.len() && !self.invalidations.iter().rev().take(new).any(is_it)
    }

    /// Forgets what changed.
    pub fn invalidate(&mut self, what: Invalidation) {
        self.version += 1;
        self.invalidations.push_back(what);
        if self.invalidations.len() > INVALIDATIONS_KEPT {
            self.invalidations.pop_front();
        }
        match what {
            Invalidation::Room(id) => drop(self.rooms.remove(&id)),
            Invalidation::User(id) => {
                self.users.remove(&id);
                // Who is shown at the top of a room is shown as they are now.
                self.rooms.retain(|_, room| room.pinned().is_none_or(|message| message.author.user.id != id));
            }
            // Kept elsewhere, see [`super::logins`].
            Invalidation::Login(_) => {}
            Invalidation::All => {
                self.rooms.clear();
                self.users.clear();
            }
        }
    }

    /// A site changed, and with it perhaps which rooms belong to it: no event of theirs says so.
    pub fn invalidate_rooms_of(&mut self, site: &SiteUid) {
        let is_of =
            |room: &&CachedRoom| room.room_access.room.as_ref().is_some_and(|room| room.site.as_ref() == Some(site));
        let of_site: Vec<RoomId> = self.rooms.iter().filter(|(_, room)| is_of(room)).map(|(id, _)| *id).collect();
        of_site.into_iter().for_each(|id| self.invalidate(Invalidation::Room(id)));
    }

    fn unpin_if(&mut self, room: RoomId, is_gone: impl FnOnce(&Message) -> bool) {
        if let Some(room) = self.rooms.get_mut(&room).and_then(|room| room.room_access.room.as_mut()) {
            room.unpin_if(is_gone);
        }
    }

    /// An event was committed.
    pub fn apply_event(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Posted(message) => {
                if self.last_posts.len() >= LAST_POSTS_MAX {
                    self.last_posts.clear();
                }
                self.last_posts.insert((event.room, message.author.user.id), (event.at, message.text.clone()));
            }
            // It may be being read, with what is gone now at its top.
            EventKind::Deleted { .. } | EventKind::Purged { .. } if !self.rooms.contains_key(&event.room) => {
                return self.invalidate(Invalidation::Room(event.room));
            }
            EventKind::Deleted { message } => self.unpin_if(event.room, |pinned| pinned.id == *message),
            EventKind::Purged { author } => {
                let whose = author.as_ref().map(|author| author.id);
                self.unpin_if(event.room, |pinned| whose.is_none_or(|whose| pinned.author.user.id == whose));
            }
            EventKind::Moderated { .. }
            | EventKind::Configured(_)
            | EventKind::Pinned { .. }
            | EventKind::Unpinned { .. }
            | EventKind::Closed => {
                return self.invalidate(Invalidation::Room(event.room));
            }
        }
        if let Some(room) = self.rooms.get_mut(&event.room) {
            room.hear(event.seq);
        }
    }
}

fn site_of(room: &CachedRoom) -> Option<&SiteUid> {
    room.room_access.room.as_ref()?.site.as_ref()
}

/// Whether `now` is less than `span` after `then`, and not before it by more than an overtaking: the clock may have jumped.
pub fn is_within(then: Timestamp, now: Timestamp, span: Span) -> bool {
    then <= now + CLOCK_TOLERANCE && now - then < span
}

/// How somebody stands, from its parts; `None` when the room is no room.
fn compose(
    room: &CachedRoom,
    everywhere: &CachedRoom,
    user: Option<&User>,
    question: &Question<'_>,
    last_posts: Option<&(Timestamp, Body)>,
) -> Option<AccessContext> {
    let member = user.map(|user| Member::of_room(user.clone(), room.ranks.get(&user.id).copied(), site_of(room)));
    let near = |room: &CachedRoom| room.sanctions.near(question.user, question.network);
    let covers = |sanction: &Sanction| {
        sanction.in_force(question.now)
            && match &member {
                Some(member) => sanction.covers(member, question.network),
                None => sanction.network.is_some() && sanction.network.as_ref() == question.network,
            }
    };
    Some(AccessContext {
        room: room.room_access.room.clone()?,
        head: room.room_access.head,
        sanctions: near(room).into_iter().chain(near(everywhere)).filter(covers).collect(),
        last_post: last_posts.cloned(),
        member,
    })
}
