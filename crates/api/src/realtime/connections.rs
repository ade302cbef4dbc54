//! Who is connected to this process: one entry per socket, bounded in all, by network and by user.

use crate::limits::Caps;
use crate::realtime::protocol::Close;
use domain::model::connection::{ConnectionInfo, numbered_from};
use domain::model::id::{RoomId, RoomUid, UserId};
use domain::model::login::LoginId;
use domain::model::time::Timestamp;
use domain::model::user::{Network, User};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Whom a connection stopped being, and where it is: what presence must be told.
#[derive(Debug)]
pub struct IdentityChange {
    pub before: Option<UserId>,
    pub rooms: Vec<RoomId>,
}

#[derive(Default)]
struct ConnectionTable {
    connections: HashMap<u64, ConnectionInfo>,
    /// How many connections each network and each user has.
    networks: HashMap<Network, usize>,
    users: HashMap<UserId, usize>,
}

/// The connections of this process.
pub struct Connections {
    table: Mutex<ConnectionTable>,
    count: AtomicUsize,
    caps: Caps,
    next: AtomicU64,
}

impl Connections {
    /// No connections yet, and at most as many as `caps` says. Their numbers say that they are of this incarnation of a node.
    pub fn new(caps: Caps, incarnation: u32) -> Connections {
        let next = AtomicU64::new(numbered_from(incarnation) + 1);
        Connections { table: Mutex::default(), count: AtomicUsize::new(0), caps, next }
    }

    // Held for a few hash operations and never across an await; a panic while it is held loses nothing that matters.
    fn table(&self) -> MutexGuard<'_, ConnectionTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of a new connection, and why it has to go at once, if it has to.
    pub fn connect(&self, network: &Network, since: Timestamp) -> (u64, Option<Close>) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let info = ConnectionInfo { id, user: None, rooms: Vec::new(), since, login: None };
        let table = &mut *self.table();
        let from_there = table.networks.entry(network.clone()).or_default();
        *from_there += 1;
        let close = if *from_there > self.caps.per_network {
            Some(Close::TooMany)
        } else {
            (table.connections.len() >= self.caps.all).then_some(Close::Overloaded)
        };
        table.connections.insert(id, info);
        self.count.store(table.connections.len(), Ordering::Relaxed);
        (id, close)
    }

    /// A connection is gone.
    pub fn disconnect(&self, id: u64, network: &Network) {
        let table = &mut *self.table();
        let Some(info) = table.connections.remove(&id) else { return };
        self.count.store(table.connections.len(), Ordering::Relaxed);
        count_down(&mut table.networks, network);
        if let Some(user) = info.user {
            count_down(&mut table.users, &user.id);
        }
    }

    /// A connection is somebody else now; `None`, and it is not, when there are too many of that one.
    pub fn set_user(&self, id: u64, user: Option<&Arc<User>>, login: Option<LoginId>) -> Option<IdentityChange> {
        let table = &mut *self.table();
        let Some(info) = table.connections.get_mut(&id) else {
            return Some(IdentityChange { before: None, rooms: Vec::new() });
        };
        let (before, after) = (info.user.as_ref().map(|user| user.id), user.map(|user| user.id));
        let held = after.and_then(|user| table.users.get(&user)).copied().unwrap_or(0);
        if before != after && held >= self.caps.per_user {
            return None;
        }
        info.user = user.cloned();
        info.login = login;
        let rooms = info.rooms.iter().map(|(room, _)| *room).collect();
        if let Some(before) = before {
            count_down(&mut table.users, &before);
        }
        if let Some(after) = after {
            *table.users.entry(after).or_default() += 1;
        }
        Some(IdentityChange { before, rooms })
    }

    /// Somebody has another name, picture or rank.
    pub fn update_user(&self, user: &Arc<User>) {
        let table = &mut *self.table();
        if !table.users.contains_key(&user.id) {
            return;
        }
        for info in table.connections.values_mut() {
            if info.user.as_ref().is_some_and(|known| known.id == user.id) {
                info.user = Some(user.clone());
            }
        }
    }

    /// A connection entered a room. Whose it is; `None` for an anonymous one.
    pub fn enter(&self, id: u64, room: RoomId, uid: &RoomUid) -> Option<Arc<User>> {
        let table = &mut *self.table();
        let info = table.connections.get_mut(&id)?;
        info.rooms.push((room, uid.clone()));
        info.user.clone()
    }

    /// A connection left a room. Whose it is.
    pub fn leave(&self, id: u64, room: RoomId) -> Option<UserId> {
        let table = &mut *self.table();
        let info = table.connections.get_mut(&id)?;
        info.rooms.retain(|(there, _)| *there != room);
        info.user.as_ref().map(|user| user.id)
    }

    /// All connections, oldest first.
    pub fn all(&self) -> Vec<ConnectionInfo> {
        let mut all: Vec<_> = self.table().connections.values().cloned().collect();
        all.sort_unstable_by_key(|info| info.id);
        all
    }

    /// The oldest connections with a number above this one, at most so many.
    pub fn after(&self, id: u64, limit: usize) -> Vec<ConnectionInfo> {
        let table = self.table();
        let mut ids: Vec<u64> = table.connections.keys().copied().filter(|known| *known > id).collect();
        ids.sort_unstable();
        ids.iter().take(limit).filter_map(|id| table.connections.get(id)).cloned().collect()
    }

    /// One connection.
    pub fn get(&self, id: u64) -> Option<ConnectionInfo> {
        self.table().connections.get(&id).cloned()
    }

    /// The logins in use, and whose they are.
    pub fn logins(&self) -> HashMap<LoginId, UserId> {
        let table = self.table();
        let logins = table.connections.values().filter_map(|info| Some((info.login?, info.user.as_ref()?.id)));
        logins.collect()
    }

    /// Who is logged in.
    pub fn users(&self) -> HashMap<UserId, Arc<User>> {
        let table = self.table();
        let users = table.connections.values().filter_map(|info| info.user.clone());
        users.map(|user| (user.id, user)).collect()
    }

    /// How many connections there are.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}

fn count_down<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::builders::{NOON, known_user, network};

    fn connections() -> Connections {
        Connections::new(Caps { all: 3, per_network: 2, per_user: 1 }, 0)
    }

    #[test]
    fn connections_are_bounded_by_network_and_in_all() {
        let connections = connections();
        let close = |address: &str| connections.connect(&network(address), NOON).1;
        assert_eq!([close("a"), close("a"), close("a")], [None, None, Some(Close::TooMany)]);
        assert_eq!(close("b"), Some(Close::Overloaded));
        assert_eq!(connections.count(), 4, "also those who are told to go, until they are gone");
        connections.disconnect(1, &network("a"));
        connections.disconnect(3, &network("a"));
        assert_eq!(close("a"), None);
    }

    #[test]
    fn one_user_has_no_more_connections_than_allowed_until_one_logs_out() {
        let connections = connections();
        let [(first, _), (second, _)] = ["a", "b"].map(|address| connections.connect(&network(address), NOON));
        let ann = Arc::new(known_user(1, "ann"));
        assert!(connections.set_user(first, Some(&ann), None).is_some());
        assert!(connections.set_user(first, Some(&ann), None).is_some(), "the same one again");
        assert!(connections.set_user(second, Some(&ann), None).is_none());
        assert_eq!(connections.set_user(first, None, None).and_then(|change| change.before), Some(ann.id));
        assert!(connections.set_user(second, Some(&ann), None).is_some());
    }
}
