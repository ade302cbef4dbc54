//! What is known of one room: how people stand there as of some seq, and which later events change nothing of it.

use crate::model::access::RoomAccess;
use crate::model::id::{Seq, UserId};
use crate::model::message::Message;
use crate::model::rank::Rank;
use crate::model::sanction::Sanction;
use crate::model::time::Timestamp;
use crate::model::user::Network;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The most events after a gap that are remembered: those of two seconds in a room with 500 messages a second.
const AHEAD_MAX: usize = 1_000;

/// What is known of a room, or of the server's own log.
pub struct CachedRoom {
    /// Without its ranks and sanctions.
    pub room_access: RoomAccess,
    /// Events after a gap that were heard, and change nothing of this.
    ahead: BTreeSet<Seq>,
    pub ranks: Arc<HashMap<UserId, Rank>>,
    pub sanctions: Sanctions,
    /// When it was read, or compared with the store, last.
    pub fresh_at: Timestamp,
    /// When somebody last asked.
    pub used_at: Timestamp,
}

impl CachedRoom {
    /// As it was read at `now`; `before` is what was known of it until then.
    pub fn new(mut room_access: RoomAccess, now: Timestamp, before: Option<CachedRoom>) -> CachedRoom {
        let sanctions = Sanctions::from(std::mem::take(&mut room_access.sanctions));
        let ranks = Arc::new(std::mem::take(&mut room_access.ranks));
        let mut room =
            CachedRoom { room_access, ahead: BTreeSet::new(), ranks, sanctions, fresh_at: now, used_at: now };
        before.into_iter().flat_map(|room| room.ahead).for_each(|seq| room.hear(seq));
        room
    }

    /// The message at its top.
    pub fn pinned(&self) -> Option<&Message> {
        self.room_access.room.as_ref()?.pinned.as_deref()
    }

    /// An event was heard that changes nothing of this. Events of other nodes may arrive after later ones of this node, or, of a
    /// room that nobody follows here, never: what they changed is found when heads are compared.
    pub fn hear(&mut self, seq: Seq) {
        let head = &mut self.room_access.head.seq;
        if seq == head.next() {
            *head = seq;
        } else if seq > *head && self.ahead.len() < AHEAD_MAX {
            self.ahead.insert(seq);
        }
        self.close_gap();
    }

    /// The events up to here change nothing of this.
    pub fn hear_up_to(&mut self, seq: Seq) {
        let head = &mut self.room_access.head.seq;
        *head = seq.max(*head);
        self.close_gap();
    }

    fn close_gap(&mut self) {
        let head = &mut self.room_access.head.seq;
        while let Some(next) = self.ahead.first().copied().filter(|next| *next <= head.next()) {
            self.ahead.pop_first();
            *head = next.max(*head);
        }
    }
}

/// Sanctions of one room, by whom they may cover.
pub struct Sanctions {
    all: Vec<Sanction>,
    of_users: HashMap<UserId, Vec<usize>>,
    of_networks: HashMap<Network, Vec<usize>>,
}

impl From<Vec<Sanction>> for Sanctions {
    fn from(all: Vec<Sanction>) -> Sanctions {
        let (mut of_users, mut of_networks): (HashMap<_, Vec<usize>>, HashMap<_, Vec<usize>>) = Default::default();
        for (at, sanction) in all.iter().enumerate() {
            of_users.entry(sanction.user).or_default().push(at);
            if let Some(network) = &sanction.network {
                of_networks.entry(network.clone()).or_default().push(at);
            }
        }
        Sanctions { all, of_users, of_networks }
    }
}

impl Sanctions {
    /// Those of this user or this network, in their order.
    pub fn near(&self, user: Option<UserId>, network: Option<&Network>) -> Vec<Sanction> {
        let of_user = user.and_then(|user| self.of_users.get(&user));
        let of_network = network.and_then(|network| self.of_networks.get(network));
        let mut found: Vec<usize> = of_user.into_iter().chain(of_network).flatten().copied().collect();
        found.sort_unstable();
        found.dedup();
        found.into_iter().filter_map(|at| self.all.get(at).cloned()).collect()
    }
}
