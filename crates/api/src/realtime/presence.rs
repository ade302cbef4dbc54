//! Who is in which room: how many connections on all nodes, and which users on this one.

use domain::model::id::{RoomId, RoomUid, UserId};
use domain::model::time::{Span, Timestamp};
use domain::model::user::User;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The most users told of one room: a list of more is read by nobody (ejabberd's value).
pub const USERS_TOLD: usize = 200;

/// How many connections are in a room, read without a lock.
#[derive(Clone, Debug, Default)]
pub struct ViewerCount(Arc<AtomicUsize>);

impl ViewerCount {
    /// How many there are now.
    pub fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Default)]
struct RoomPresence {
    viewers: ViewerCount,
    /// The room's name, once somebody entered.
    uid: Option<RoomUid>,
    /// With how many connections.
    users: HashMap<UserId, (Arc<User>, usize)>,
    /// How often somebody was added to them or removed.
    changes: u64,
}

/// Which users are in a room, for telling whether a list of them still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsersVersion {
    changes: u64,
    users: usize,
    connections: usize,
}

impl UsersVersion {
    /// The version once one more connection is there, of a user who is new there or not.
    pub fn with_one_more(self, new_user: bool) -> UsersVersion {
        let more = usize::from(new_user);
        UsersVersion {
            changes: self.changes + u64::from(new_user),
            users: self.users + more,
            connections: self.connections + 1,
        }
    }

    /// Whether a list made at this version may be shown at `now`. Of more than [`USERS_TOLD`] it holds some anyway, and their
    /// number is told again a moment later.
    pub fn holds_at(self, now: UsersVersion) -> bool {
        self == now || (self.users >= USERS_TOLD && now.users >= USERS_TOLD)
    }
}

#[derive(Default)]
struct PresenceTable {
    rooms: HashMap<RoomId, RoomPresence>,
    rooms_of: HashMap<UserId, HashSet<RoomId>>,
    changed: HashMap<RoomId, RoomUid>,
    /// How many connections there are on other nodes.
    elsewhere: HashMap<RoomId, usize>,
    /// Who is logged in there, as they last said.
    users_elsewhere: HashMap<RoomId, UsersElsewhere>,
}

/// Who is logged in in a room on other nodes.
struct UsersElsewhere {
    users: Vec<Arc<User>>,
    /// When somebody last began to ask.
    asked_at: Timestamp,
}

/// Other nodes are asked for their users of a room once in this time, and whenever the number of viewers there changed, however
/// many join.
const USERS_FRESH_FOR: Span = Span::seconds(30);

/// Who is in the rooms of this process.
#[derive(Default)]
pub struct Presence(Mutex<PresenceTable>);

impl Presence {
    // Held for a few hash operations and never across an await.
    fn table(&self) -> MutexGuard<'_, PresenceTable> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of connections in a room, kept up to date until [`Presence::forget`].
    pub fn viewer_count(&self, room: RoomId) -> ViewerCount {
        self.table().rooms.entry(room).or_default().viewers.clone()
    }

    /// Lets a room go that nobody is in and nobody counts any more.
    pub fn forget(&self, room: RoomId) {
        let rooms = &mut self.table().rooms;
        if rooms.get(&room).is_some_and(|there| there.viewers.get() == 0 && Arc::strong_count(&there.viewers.0) == 1) {
            rooms.remove(&room);
        }
    }

    /// A connection of this user, or of nobody, entered a room.
    pub fn enter(&self, room: RoomId, uid: &RoomUid, user: Option<&Arc<User>>) {
        let table = &mut *self.table();
        let there = table.rooms.entry(room).or_default();
        there.viewers.0.fetch_add(1, Ordering::Relaxed);
        if there.uid.is_none() {
            there.uid = Some(uid.clone());
        }
        table.add_user(room, user);
        table.changed.insert(room, uid.clone());
    }

    /// A connection of this user, or of nobody, left a room.
    pub fn leave(&self, room: RoomId, uid: &RoomUid, user: Option<UserId>) {
        let table = &mut *self.table();
        let Some(there) = table.rooms.get(&room).filter(|there| there.viewers.get() > 0) else { return };
        there.viewers.0.fetch_sub(1, Ordering::Relaxed);
        table.remove_user(room, user);
        table.changed.insert(room, uid.clone());
    }

    /// A connection in these rooms is another user's now, or nobody's.
    pub fn change_identity(&self, rooms: &[RoomId], before: Option<UserId>, after: Option<&Arc<User>>) {
        let table = &mut *self.table();
        for room in rooms {
            table.remove_user(*room, before);
            table.add_user(*room, after);
        }
    }

    /// Somebody has another name, picture or rank; the rooms they are in.
    pub fn update_user(&self, user: &Arc<User>) -> Vec<RoomId> {
        let table = &mut *self.table();
        let Some(rooms) = table.rooms_of.get(&user.id) else { return Vec::new() };
        for room in rooms {
            if let Some((known, _)) = table.rooms.get_mut(room).and_then(|room| room.users.get_mut(&user.id)) {
                known.clone_from(user);
            }
        }
        rooms.iter().copied().collect()
    }

    /// Who is logged in in a room on this node, by id, at most [`USERS_TOLD`].
    pub fn users_here(&self, room: RoomId) -> Vec<Arc<User>> {
        let table = self.table();
        let Some(there) = table.rooms.get(&room) else { return Vec::new() };
        let mut users: Vec<Arc<User>> = there.users.values().map(|(user, _)| user.clone()).take(USERS_TOLD).collect();
        users.sort_unstable_by_key(|user| user.id);
        users
    }

    /// The same on all nodes, as they last said.
    pub fn users(&self, room: RoomId) -> Vec<Arc<User>> {
        let here = self.users_here(room);
        match self.table().users_elsewhere.get(&room) {
            Some(elsewhere) => merge(here, elsewhere.users.iter().cloned()),
            None => here,
        }
    }

    /// Whether the other nodes are to be asked who is in a room there; true for one caller after each change, and once in half a minute.
    pub fn begin_asking(&self, room: RoomId, now: Timestamp) -> bool {
        let table = &mut *self.table();
        if !table.elsewhere.contains_key(&room) {
            return false;
        }
        let never = UsersElsewhere { users: Vec::new(), asked_at: Timestamp(0) };
        let known = table.users_elsewhere.entry(room).or_insert(never);
        let is_due = now < known.asked_at || now - known.asked_at >= USERS_FRESH_FOR;
        if is_due {
            known.asked_at = now;
        }
        is_due
    }

    /// Takes note of who is in a room on other nodes.
    pub fn set_users_elsewhere(&self, room: RoomId, users: Vec<Arc<User>>) {
        let table = &mut *self.table();
        if let Some(known) = table.users_elsewhere.get_mut(&room)
            && known.users != users
        {
            known.users = users;
            table.rooms.entry(room).or_default().changes += 1;
        }
    }

    /// Which users are in a room, and whether this one is among them.
    pub fn users_version(&self, room: RoomId, user: Option<UserId>) -> (UsersVersion, bool) {
        let table = self.table();
        let there = table.rooms.get(&room);
        let version = UsersVersion {
            changes: there.map_or(0, |there| there.changes),
            users: there.map_or(0, |there| there.users.len()),
            connections: table.count(room),
        };
        (version, user.zip(there).is_some_and(|(user, there)| there.users.contains_key(&user)))
    }

    /// How many connections are in a room, on all nodes.
    pub fn count(&self, room: RoomId) -> usize {
        self.table().count(room)
    }

    /// How many connections are in each room here, rooms without any left out.
    pub fn here(&self) -> HashMap<RoomId, usize> {
        let table = self.table();
        let counts = table.rooms.iter().map(|(room, there)| (*room, there.viewers.get()));
        counts.filter(|(_, count)| *count > 0).collect()
    }

    /// Rooms have these numbers of connections on other nodes now.
    pub fn set_elsewhere(&self, counts: &[(RoomId, usize)]) {
        let table = &mut *self.table();
        for (room, count) in counts {
            if *count > 0 {
                table.elsewhere.insert(*room, *count);
                if let Some(known) = table.users_elsewhere.get_mut(room) {
                    known.asked_at = Timestamp(0);
                }
            } else {
                table.elsewhere.remove(room);
                let told = table.users_elsewhere.remove(room);
                if let Some(there) = told.and_then(|_| table.rooms.get_mut(room)) {
                    there.changes += 1;
                }
            }
            if let Some(uid) = table.rooms.get(room).and_then(|there| there.uid.clone()) {
                table.changed.insert(*room, uid);
            }
        }
    }

    /// The rooms in which the number of viewers changed since the last call and somebody still is here, with the number on
    /// all nodes.
    pub fn take_changed(&self) -> Vec<(RoomId, RoomUid, usize)> {
        let table = &mut *self.table();
        let changed = std::mem::take(&mut table.changed).into_iter();
        changed
            .filter(|(room, _)| table.rooms.get(room).is_some_and(|there| there.viewers.get() > 0))
            .map(|(room, uid)| (room, uid, table.count(room)))
            .collect()
    }
}

/// Both lists as one, each user once, by id, at most [`USERS_TOLD`].
pub fn merge(mut here: Vec<Arc<User>>, elsewhere: impl Iterator<Item = Arc<User>>) -> Vec<Arc<User>> {
    let known: HashSet<UserId> = here.iter().map(|user| user.id).collect();
    here.extend(elsewhere.filter(|user| !known.contains(&user.id)));
    here.sort_unstable_by_key(|user| user.id);
    here.truncate(USERS_TOLD);
    here
}

impl PresenceTable {
    fn count(&self, room: RoomId) -> usize {
        let here = self.rooms.get(&room).map_or(0, |there| there.viewers.get());
        here + self.elsewhere.get(&room).copied().unwrap_or(0)
    }

    fn add_user(&mut self, room: RoomId, user: Option<&Arc<User>>) {
        let Some(user) = user else { return };
        let there = self.rooms.entry(room).or_default();
        // Who is there already may have a newer name than a login that was read before the change.
        let count = &mut there.users.entry(user.id).or_insert_with(|| (user.clone(), 0)).1;
        *count += 1;
        if *count == 1 {
            there.changes += 1;
        }
        self.rooms_of.entry(user.id).or_default().insert(room);
    }

    fn remove_user(&mut self, room: RoomId, user: Option<UserId>) {
        let Some(user) = user else { return };
        let Some(there) = self.rooms.get_mut(&room) else { return };
        let Some((_, count)) = there.users.get_mut(&user) else { return };
        *count -= 1;
        if *count > 0 {
            return;
        }
        there.users.remove(&user);
        there.changes += 1;
        if let Some(rooms) = self.rooms_of.get_mut(&user) {
            rooms.remove(&room);
            if rooms.is_empty() {
                self.rooms_of.remove(&user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::builders::known_user;

    const ROOM: RoomId = RoomId(7);

    fn uid() -> RoomUid {
        RoomUid::parse("lobby0000000").expect("a uid")
    }

    #[test]
    fn a_user_with_two_connections_is_there_until_both_left() {
        let (presence, ann) = (Presence::default(), Arc::new(known_user(1, "ann")));
        presence.enter(ROOM, &uid(), Some(&ann));
        presence.enter(ROOM, &uid(), Some(&ann));
        presence.enter(ROOM, &uid(), None);
        assert_eq!((presence.count(ROOM), presence.users(ROOM).len()), (3, 1));
        presence.leave(ROOM, &uid(), Some(ann.id));
        assert_eq!((presence.count(ROOM), presence.users(ROOM).len()), (2, 1));
        presence.leave(ROOM, &uid(), Some(ann.id));
        assert_eq!((presence.count(ROOM), presence.users(ROOM).len()), (1, 0));
        assert!(presence.update_user(&ann).is_empty());
    }

    #[test]
    fn a_login_in_the_room_is_counted_for_the_user_and_a_new_name_is_told() {
        let (presence, ann) = (Presence::default(), Arc::new(known_user(1, "ann")));
        presence.enter(ROOM, &uid(), None);
        presence.change_identity(&[ROOM], None, Some(&ann));
        let renamed = Arc::new(User { display_name: known_user(1, "anna").display_name, ..(*ann).clone() });
        assert_eq!(presence.update_user(&renamed), [ROOM]);
        assert_eq!(presence.users(ROOM), [renamed]);
        presence.change_identity(&[ROOM], Some(ann.id), None);
        assert!(presence.users(ROOM).is_empty());
    }

    #[test]
    fn viewers_on_other_nodes_are_counted_and_told_where_somebody_is() {
        let presence = Presence::default();
        presence.set_elsewhere(&[(ROOM, 5)]);
        assert_eq!((presence.count(ROOM), presence.take_changed()), (5, vec![]));
        presence.enter(ROOM, &uid(), None);
        assert_eq!(presence.take_changed(), [(ROOM, uid(), 6)]);
        let (before, _) = presence.users_version(ROOM, None);
        let (now, bob) = (Timestamp(1_000_000), Arc::new(known_user(2, "bob")));
        assert_eq!([presence.begin_asking(ROOM, now), presence.begin_asking(ROOM, now)], [true, false]);
        presence.set_users_elsewhere(ROOM, vec![bob.clone()]);
        assert_eq!((presence.users(ROOM), presence.users_here(ROOM)), (vec![bob], vec![]));
        assert!(presence.begin_asking(ROOM, now + USERS_FRESH_FOR));
        presence.set_elsewhere(&[(ROOM, 0)]);
        assert!(presence.users(ROOM).is_empty());
        assert_eq!(presence.take_changed(), [(ROOM, uid(), 1)]);
        assert_ne!(presence.users_version(ROOM, None).0, before, "the list says how many there are");
        assert_eq!(presence.here(), HashMap::from([(ROOM, 1)]));
    }

    #[test]
    fn the_count_that_a_worker_holds_stays_the_rooms_own() {
        let presence = Presence::default();
        let count = presence.viewer_count(ROOM);
        presence.enter(ROOM, &uid(), None);
        presence.leave(ROOM, &uid(), None);
        presence.forget(ROOM);
        presence.enter(ROOM, &uid(), None);
        assert_eq!(count.get(), 1);
        assert_eq!(presence.take_changed(), [(ROOM, uid(), 1)]);
        assert!(presence.take_changed().is_empty());
    }
}
