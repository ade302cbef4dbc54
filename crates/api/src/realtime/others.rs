//! The other nodes of the cluster: what they tell, what they are told, and what they are asked.

use domain::model::connection::{ConnectionInfo, incarnation_of};
use domain::model::id::RoomId;
use domain::model::node::{Beat, NodeName};
use domain::model::time::Timestamp;
use domain::model::user::User;
use domain::ports::cluster::{Cluster, NodeAnswer, NodeRequest, Silent};
use domain::presence::{Beats, Peers};
use futures_util::future::join_all;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The most connections that one answer is asked for.
const PAGE: usize = 500;

/// A node as administrators see it.
#[derive(Clone, Debug)]
pub struct NodeInfo {
    pub name: NodeName,
    /// The program's version there.
    pub version: String,
    /// Its connections; `None` when it did not answer in time.
    pub connections: Option<Vec<ConnectionInfo>>,
}

/// The other nodes.
pub struct OtherNodes {
    cluster: Arc<dyn Cluster>,
    peers: Mutex<Peers>,
    beats: Mutex<Beats>,
    /// Those to be asked for a full beat.
    incomplete: Mutex<BTreeSet<NodeName>>,
}

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

impl OtherNodes {
    /// Nobody was heard yet, and `beats` are this node's own.
    pub fn new(cluster: Arc<dyn Cluster>, beats: Beats) -> OtherNodes {
        OtherNodes { cluster, peers: Mutex::default(), beats: Mutex::new(beats), incomplete: Mutex::default() }
    }

    /// A node told something at `now`: the rooms with another number of viewers elsewhere.
    pub fn hear(&self, beat: Beat, now: Timestamp) -> Vec<(RoomId, usize)> {
        let name = beat.node.clone();
        let heard = lock(&self.peers).hear(beat, now);
        if heard.ask_full {
            lock(&self.incomplete).insert(name);
        }
        heard.changed
    }

    /// Somebody missed a beat of this node.
    pub fn tell_all_next(&self) {
        lock(&self.beats).ask_full();
    }

    /// Tells the others how many viewers each room has here, and lets go of those who were silent: the rooms with another number
    /// of viewers elsewhere.
    pub fn beat(&self, here: HashMap<RoomId, usize>, connections: usize, now: Timestamp) -> Vec<(RoomId, usize)> {
        lock(&self.beats).next(here, connections, now).into_iter().for_each(|beat| self.cluster.beat(beat));
        lock(&self.peers).drop_silent(now)
    }

    /// Tells the others that this node stops, and sends what waits.
    pub async fn leave(&self, now: Timestamp) {
        let last = lock(&self.beats).last(now);
        self.cluster.beat(last);
        self.cluster.flush().await;
    }

    /// Asks those whose beats were missed for all they have to tell. Must be called within a tokio runtime.
    pub fn ask_for_beats(&self) {
        for node in std::mem::take(&mut *lock(&self.incomplete)) {
            let cluster = self.cluster.clone();
            tokio::spawn(async move {
                // One that does not answer is asked again after its next beat.
                let _ = cluster.ask(&node, NodeRequest::FullBeat).await;
            });
        }
    }

    /// All of them with their connections, by name; each has a second for each page.
    pub async fn connections(&self) -> Vec<NodeInfo> {
        let known: Vec<(NodeName, String)> =
            lock(&self.peers).all().map(|(name, peer)| (name.clone(), peer.version.clone())).collect();
        let asked = known.into_iter().map(|(name, version)| async move {
            let connections = self.connections_of(&name).await.ok();
            NodeInfo { name, version, connections }
        });
        join_all(asked).await
    }

    async fn connections_of(&self, node: &NodeName) -> Result<Vec<ConnectionInfo>, Silent> {
        let mut all: Vec<ConnectionInfo> = Vec::new();
        loop {
            let after = all.last().map_or(0, |info| info.id);
            match self.cluster.ask(node, NodeRequest::Connections { after, limit: PAGE }).await? {
                NodeAnswer::Connections(page) if page.is_empty() => return Ok(all),
                NodeAnswer::Connections(page) => all.extend(page),
                _ => return Err(Silent),
            }
        }
    }

    /// The node that a connection is on, as its number says.
    fn node_of(&self, connection: u64) -> Option<NodeName> {
        lock(&self.peers).incarnated(incarnation_of(connection)).cloned()
    }

    /// A connection of another node; `None` when there is none.
    pub async fn connection(&self, id: u64) -> Result<Option<ConnectionInfo>, Silent> {
        let Some(node) = self.node_of(id) else { return Ok(None) };
        match self.cluster.ask(&node, NodeRequest::Connection(id)).await? {
            NodeAnswer::Connections(found) => Ok(found.into_iter().next()),
            NodeAnswer::Missing => Ok(None),
            _ => Err(Silent),
        }
    }

    /// Closes a connection of another node; false when there is none.
    pub async fn close(&self, id: u64) -> Result<bool, Silent> {
        let Some(node) = self.node_of(id) else { return Ok(false) };
        match self.cluster.ask(&node, NodeRequest::CloseConnection(id)).await? {
            NodeAnswer::Done => Ok(true),
            NodeAnswer::Missing => Ok(false),
            _ => Err(Silent),
        }
    }

    /// Who is logged in in a room on the nodes that have viewers there, as far as they answer, at most `limit`, each once.
    pub async fn users(&self, room: RoomId, limit: usize) -> Vec<User> {
        let nodes = lock(&self.peers).with_viewers(room);
        let asked = nodes.iter().map(|node| self.cluster.ask(node, NodeRequest::Users(room)));
        let mut users = HashMap::new();
        for answer in join_all(asked).await {
            if let Ok(NodeAnswer::Users(some)) = answer {
                users.extend(some.into_iter().map(|user| (user.id, user)));
            }
        }
        users.into_values().take(limit).collect()
    }
}
