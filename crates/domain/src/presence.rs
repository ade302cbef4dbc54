//! How many viewers each room has on other nodes, from the beats of the nodes; and a node's own beats.
//!
//! Every two seconds a node tells what changed, and twice a minute everything. Whoever misses a beat asks that node for all
//! of it. A node that is silent for three beats is gone, and its viewers with it.

use crate::model::id::RoomId;
use crate::model::node::{Beat, NodeName};
use crate::model::time::{Span, Timestamp};
use std::collections::{BTreeMap, HashMap, HashSet};

/// How often a node beats.
pub const BEAT_EVERY: Span = Span::seconds(2);

/// After this many beats, one tells everything (30 s).
pub const FULL_EVERY: u64 = 15;

/// A node that was silent for this long is gone: three beats.
pub const GONE_AFTER: Span = Span::seconds(6);

/// The most rooms in one beat: some 100 KiB in JSON.
pub const ROOMS_MAX: usize = 8_000;

/// Another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The incarnation that was heard last.
    pub incarnation: u32,
    /// The program's version.
    pub version: String,
    /// How many connections it has.
    pub connections: usize,
    /// How many milliseconds its clock is ahead of ours, less the time that its last beat took; negative when it is behind.
    pub ahead: i64,
    number: u64,
    complete: bool,
    heard_at: Timestamp,
    rooms: HashMap<RoomId, usize>,
}

/// What is known of the other nodes.
#[derive(Debug, Default)]
pub struct Peers {
    peers: BTreeMap<NodeName, Peer>,
    totals: HashMap<RoomId, usize>,
}

/// What a beat changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// The rooms with another number of viewers elsewhere, and that number.
    pub changed: Vec<(RoomId, usize)>,
    /// Whether something was missed, so that the node is to be asked for a full beat.
    pub ask_full: bool,
}

impl Peers {
    /// Takes in a beat that arrived at `now`.
    pub fn hear(&mut self, beat: Beat, now: Timestamp) -> Heard {
        if beat.leaving {
            return Heard { changed: self.forget(&beat.node), ask_full: false };
        }
        let mut touched = HashSet::new();
        let peer = self.peers.entry(beat.node.clone()).or_insert_with(|| Peer {
            incarnation: beat.incarnation,
            version: String::new(),
            connections: 0,
            ahead: 0,
            number: 0,
            complete: false,
            heard_at: now,
            rooms: HashMap::new(),
        });
        if peer.incarnation == beat.incarnation && beat.number <= peer.number {
            // Late or doubled.
            return Heard::default();
        }
        let before = if beat.full || peer.incarnation != beat.incarnation {
            std::mem::take(&mut peer.rooms)
        } else {
            HashMap::new()
        };
        let missed = peer.incarnation != beat.incarnation || beat.number != peer.number + 1;
        peer.complete = beat.full || (peer.complete && !missed);
        (peer.incarnation, peer.number, peer.heard_at) = (beat.incarnation, beat.number, now);
        (peer.version, peer.connections, peer.ahead) = (beat.version, beat.connections, beat.at.0 - now.0);
        for (room, count) in &before {
            count_down(&mut self.totals, *room, *count);
            touched.insert(*room);
        }
        for (room, count) in beat.rooms {
            touched.insert(room);
            let old = if count == 0 { peer.rooms.remove(&room) } else { peer.rooms.insert(room, count) };
            count_down(&mut self.totals, room, old.unwrap_or(0));
            *self.totals.entry(room).or_default() += count;
        }
        let ask_full = !peer.complete;
        Heard { changed: self.totals_of(touched), ask_full }
    }

    /// Lets go of the nodes that were silent for too long; the rooms that have fewer viewers since, and how many.
    pub fn drop_silent(&mut self, now: Timestamp) -> Vec<(RoomId, usize)> {
        // A clock that was set back makes nobody silent.
        let silent = |peer: &Peer| now >= peer.heard_at && now - peer.heard_at >= GONE_AFTER;
        let gone: Vec<NodeName> =
            self.peers.iter().filter(|(_, peer)| silent(peer)).map(|(name, _)| name.clone()).collect();
        gone.iter().flat_map(|name| self.forget(name)).collect()
    }

    fn forget(&mut self, name: &NodeName) -> Vec<(RoomId, usize)> {
        let Some(peer) = self.peers.remove(name) else { return Vec::new() };
        for (room, count) in &peer.rooms {
            count_down(&mut self.totals, *room, *count);
        }
        self.totals_of(peer.rooms.into_keys())
    }

    /// The totals of rooms that were counted again; those without viewers are forgotten.
    fn totals_of(&mut self, rooms: impl IntoIterator<Item = RoomId>) -> Vec<(RoomId, usize)> {
        let total = |room| match self.totals.get(&room) {
            Some(0) => {
                self.totals.remove(&room);
                (room, 0)
            }
            total => (room, total.copied().unwrap_or(0)),
        };
        rooms.into_iter().map(total).collect()
    }

    /// How many viewers a room has on all other nodes.
    pub fn viewers(&self, room: RoomId) -> usize {
        self.totals.get(&room).copied().unwrap_or(0)
    }

    /// The nodes that have viewers in a room.
    pub fn with_viewers(&self, room: RoomId) -> Vec<NodeName> {
        let there = self.peers.iter().filter(|(_, peer)| peer.rooms.contains_key(&room));
        there.map(|(name, _)| name.clone()).collect()
    }

    /// All of them, by name.
    pub fn all(&self) -> impl Iterator<Item = (&NodeName, &Peer)> {
        self.peers.iter()
    }

    /// The node with this incarnation.
    pub fn incarnated(&self, incarnation: u32) -> Option<&NodeName> {
        self.peers.iter().find(|(_, peer)| peer.incarnation == incarnation).map(|(name, _)| name)
    }
}

fn count_down(totals: &mut HashMap<RoomId, usize>, room: RoomId, count: usize) {
    if let Some(total) = totals.get_mut(&room) {
        *total = total.saturating_sub(count);
    }
}

/// A node's own beats.
#[derive(Debug)]
pub struct Beats {
    node: NodeName,
    incarnation: u32,
    version: String,
    number: u64,
    full_due: bool,
    told: HashMap<RoomId, usize>,
}

impl Beats {
    /// The beats of a node that begins; the first is a full one.
    pub fn new(node: NodeName, incarnation: u32, version: String) -> Beats {
        Beats { node, incarnation, version, number: 0, full_due: true, told: HashMap::new() }
    }

    /// Somebody missed something: the next beat tells everything.
    pub fn ask_full(&mut self) {
        self.full_due = true;
    }

    /// What to tell now that the rooms have these numbers of viewers: one beat, or several where there is much to tell.
    pub fn next(&mut self, rooms: HashMap<RoomId, usize>, connections: usize, now: Timestamp) -> Vec<Beat> {
        let full = self.full_due || self.number.is_multiple_of(FULL_EVERY);
        self.full_due = false;
        let mut changed: Vec<(RoomId, usize)> = if full {
            rooms.iter().filter(|(_, count)| **count > 0).map(|(room, count)| (*room, *count)).collect()
        } else {
            let gone = self.told.keys().filter(|room| !rooms.contains_key(room)).map(|room| (*room, 0));
            let other = rooms.iter().filter(|(room, count)| self.told.get(room).copied().unwrap_or(0) != **count);
            gone.chain(other.map(|(room, count)| (*room, *count))).collect()
        };
        changed.sort_unstable();
        self.told = rooms;
        self.told.retain(|_, count| *count > 0);
        let mut parts: Vec<Vec<(RoomId, usize)>> = changed.chunks(ROOMS_MAX).map(<[_]>::to_vec).collect();
        if parts.is_empty() {
            parts.push(Vec::new());
        }
        let beat = |(part, rooms)| Beat { full: full && part == 0, rooms, connections, ..self.beat(now, part) };
        let beats: Vec<Beat> = parts.into_iter().enumerate().map(beat).collect();
        self.number += beats.len() as u64;
        beats
    }

    /// The last one.
    pub fn last(&mut self, now: Timestamp) -> Beat {
        self.number += 1;
        Beat { number: self.number, leaving: true, ..self.beat(now, 0) }
    }

    fn beat(&self, now: Timestamp, part: usize) -> Beat {
        Beat {
            node: self.node.clone(),
            incarnation: self.incarnation,
            number: self.number + 1 + part as u64,
            full: false,
            rooms: Vec::new(),
            connections: 0,
            version: self.version.clone(),
            at: now,
            leaving: false,
        }
    }
}

#[cfg(test)]
mod tests;
