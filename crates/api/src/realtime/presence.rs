//! Who is in which room: how many connections on all nodes, and which users on this one.

use crate::realtime::frame::Frame;
use crate::view::UserJson;
use domain::model::id::{RoomId, RoomUid, UserId};
use domain::model::time::{Span, Timestamp};
use domain::model::user::User;
use domain::service::access::RoomRanks;
use std::collections::{BTreeMap, HashMap, HashSet};
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
    /// By id, each with how many connections.
    users: BTreeMap<UserId, (Arc<PresentUser>, usize)>,
}

/// Somebody who is in a room, with what all who enter are told.
#[derive(Debug)]
struct PresentUser {
    user: Arc<User>,
    json: UserJson,
}

impl PresentUser {
    fn new(user: &Arc<User>) -> Arc<PresentUser> {
        Arc::new(PresentUser { user: user.clone(), json: UserJson::new(user) })
    }
}

/// Where somebody is.
struct UserPresence {
    present: Arc<PresentUser>,
    rooms: HashSet<RoomId>,
}

#[derive(Default)]
struct PresenceTable {
    rooms: HashMap<RoomId, RoomPresence>,
    users: HashMap<UserId, UserPresence>,
    changed: HashMap<RoomId, RoomUid>,
    /// How many connections there are on other nodes.
    elsewhere: HashMap<RoomId, usize>,
    /// Who is logged in there, as they last said.
    users_elsewhere: HashMap<RoomId, UsersElsewhere>,
}

/// Who is logged in in a room on other nodes.
struct UsersElsewhere {
    users: Vec<Arc<PresentUser>>,
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
        let Some(known) = table.users.get_mut(&user.id) else { return Vec::new() };
        known.present = PresentUser::new(user);
        for room in &known.rooms {
            if let Some((present, _)) = table.rooms.get_mut(room).and_then(|room| room.users.get_mut(&user.id)) {
                present.clone_from(&known.present);
            }
        }
        known.rooms.iter().copied().collect()
    }

    /// Who is logged in in a room on this node, by id, at most [`USERS_TOLD`].
    pub fn users_here(&self, room: RoomId) -> Vec<Arc<User>> {
        let table = self.table();
        table.present_here(room).map(|present| present.user.clone()).collect()
    }

    /// The same on all nodes, as they last said.
    pub fn users(&self, room: RoomId) -> Vec<Arc<User>> {
        let table = self.table();
        table.present(room).into_iter().map(|present| present.user.clone()).collect()
    }

    /// The frame of who is logged in in a room, on all nodes as they last said, with the ranks held there; and whether it
    /// holds so many that there may be more.
    pub fn users_frame(&self, room: RoomId, uid: &RoomUid, ranks: &RoomRanks) -> (Frame, bool) {
        let table = self.table();
        let present = table.present(room);
        let users = present.iter().map(|present| (&present.json, ranks.of(&present.user)));
        (Frame::users(uid.as_str(), table.count(room), users), present.len() >= USERS_TOLD)
    }

    /// Whether so many users are in a room that not all may be told.
    pub fn is_full(&self, room: RoomId) -> bool {
        self.table().present(room).len() >= USERS_TOLD
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
            && !known.users.iter().map(|present| &present.user).eq(&users)
        {
            known.users = users.iter().map(PresentUser::new).collect();
        }
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
                table.users_elsewhere.remove(room);
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

    fn present_here(&self, room: RoomId) -> impl Iterator<Item = &PresentUser> {
        let users = self.rooms.get(&room).into_iter().flat_map(|there| there.users.values());
        users.take(USERS_TOLD).map(|(present, _)| &**present)
    }

    /// Who is in a room on all nodes, each once, by id, at most [`USERS_TOLD`].
    fn present(&self, room: RoomId) -> Vec<&PresentUser> {
        let mut present: Vec<&PresentUser> = self.present_here(room).collect();
        if let Some(elsewhere) = self.users_elsewhere.get(&room) {
            present.extend(elsewhere.users.iter().map(|present| &**present));
            // Who is here too is shown as they are known here.
            present.sort_by_key(|present| present.user.id);
            present.dedup_by_key(|present| present.user.id);
            present.truncate(USERS_TOLD);
        }
        present
    }

    fn add_user(&mut self, room: RoomId, user: Option<&Arc<User>>) {
        let Some(user) = user else { return };
        // Who is there already may have a newer name than a login that was read before the change.
        let known = self
            .users
            .entry(user.id)
            .or_insert_with(|| UserPresence { present: PresentUser::new(user), rooms: HashSet::new() });
        known.rooms.insert(room);
        let there = self.rooms.entry(room).or_default();
        there.users.entry(user.id).or_insert_with(|| (known.present.clone(), 0)).1 += 1;
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
        if let Some(known) = self.users.get_mut(&user) {
            known.rooms.remove(&room);
            if known.rooms.is_empty() {
                self.users.remove(&user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::model::rank::Rank;
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
        let (now, bob) = (Timestamp(1_000_000), Arc::new(known_user(2, "bob")));
        assert_eq!([presence.begin_asking(ROOM, now), presence.begin_asking(ROOM, now)], [true, false]);
        presence.set_users_elsewhere(ROOM, vec![bob.clone()]);
        assert_eq!((presence.users(ROOM), presence.users_here(ROOM)), (vec![bob], vec![]));
        presence.enter(ROOM, &uid(), Some(&Arc::new(known_user(2, "rob"))));
        presence.enter(ROOM, &uid(), Some(&Arc::new(known_user(1, "ann"))));
        let listed = ["ann [registered]", "rob [registered]"].map(str::to_owned).to_vec();
        assert_eq!(told(&presence, &[]), (listed, false), "each once");
        presence.leave(ROOM, &uid(), Some(UserId(1)));
        presence.leave(ROOM, &uid(), Some(UserId(2)));
        assert_eq!(told(&presence, &[]).0, ["bob [registered]"]);
        assert!(presence.begin_asking(ROOM, now + USERS_FRESH_FOR));
        presence.set_elsewhere(&[(ROOM, 0)]);
        assert!(presence.users(ROOM).is_empty());
        assert_eq!(presence.take_changed(), [(ROOM, uid(), 1)]);
        assert_eq!(presence.here(), HashMap::from([(ROOM, 1)]));
    }

    /// The names and roles that the room's frame holds.
    fn told(presence: &Presence, ranks: &[(i64, Rank)]) -> (Vec<String>, bool) {
        let given = ranks.iter().map(|(user, rank)| (UserId(*user), *rank)).collect();
        let ranks = RoomRanks { given: Arc::new(given), site: None };
        let (frame, is_full) = presence.users_frame(ROOM, &uid(), &ranks);
        let json = frame.0.iter().position(|byte| *byte == b'{').expect("an object");
        let frame: serde_json::Value = serde_json::from_slice(&frame.0[json..]).expect("JSON");
        assert_eq!((&frame["event"], &frame["data"]["room"]), (&"room_users".into(), &uid().as_str().into()));
        let users = frame["data"]["users"].as_array().expect("a list").iter();
        let told = users.map(|user| format!("{} {}", user["displayName"], user["roles"]).replace('"', ""));
        (told.collect(), is_full)
    }

    #[test]
    fn the_frame_of_a_room_holds_its_users_as_they_are_called_now_with_their_ranks_there() {
        let presence = Presence::default();
        assert_eq!(told(&presence, &[]), (Vec::new(), false));
        let [ann, bob, cat] = [(1, "ann"), (2, "bob"), (3, "cat")].map(|(id, name)| Arc::new(known_user(id, name)));
        presence.enter(ROOM, &uid(), Some(&bob));
        presence.enter(ROOM, &uid(), Some(&ann));
        presence.enter(RoomId(8), &uid(), Some(&cat));
        let both = told(&presence, &[(2, Rank::Mod), (3, Rank::Vip)]).0;
        assert_eq!(both, ["ann [registered]", "bob [registered,mod]"]);
        presence.update_user(&Arc::new(User { display_name: known_user(2, "rob").display_name, ..(*bob).clone() }));
        presence.enter(RoomId(8), &uid(), Some(&bob));
        presence.leave(ROOM, &uid(), Some(ann.id));
        assert_eq!(told(&presence, &[]).0, ["rob [registered]"]);
        presence.leave(ROOM, &uid(), Some(bob.id));
        presence.enter(ROOM, &uid(), Some(&bob));
        assert_eq!(told(&presence, &[]).0, ["rob [registered]"], "he was in the other room all the time");
    }

    #[test]
    fn of_many_users_two_hundred_are_told() {
        let presence = Presence::default();
        for id in 1..=USERS_TOLD as i64 + 1 {
            assert_eq!(presence.is_full(ROOM), id > USERS_TOLD as i64);
            presence.enter(ROOM, &uid(), Some(&Arc::new(known_user(id, &format!("user{id}")))));
        }
        let (users, is_full) = told(&presence, &[]);
        assert_eq!((users.len(), is_full, presence.users(ROOM).len()), (USERS_TOLD, true, USERS_TOLD));
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
