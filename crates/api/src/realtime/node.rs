//! What the workers of one process share: its connections, who is in which room, and the way to the feed.

use crate::limits::Caps;
use crate::realtime::connections::Connections;
use crate::realtime::others::{NodeInfo, OtherNodes};
use crate::realtime::presence::{self, Presence, USERS_TOLD};
use crate::realtime::protocol::Close;
use crate::realtime::workers::{ToFeed, ToWorker, Workers};
use domain::model::connection::ConnectionInfo;
use domain::model::id::{RoomId, RoomUid};
use domain::model::login::LoginId;
use domain::model::node::{Beat, NodeName};
use domain::model::user::{Network, User};
use domain::ports::cluster::{AnswersNodes, Cluster, NodeAnswer, NodeRequest, Silent};
use domain::ports::effects::Clock;
use domain::presence::Beats;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

/// How long a join waits for the names of those on other nodes.
const JOIN_WAITS: Duration = Duration::from_millis(250);

/// Who a node is.
pub struct Identity {
    pub name: NodeName,
    /// Another one after each start, at most [`domain::model::connection::INCARNATION_MAX`]; 0 without other nodes.
    pub incarnation: u32,
}

/// What the workers of one process share. What concerns one connection is called from its own worker, in its order.
pub struct Node {
    pub name: NodeName,
    pub connections: Connections,
    pub presence: Presence,
    pub workers: Workers,
    /// The other nodes, where there may be some.
    pub others: Option<OtherNodes>,
    clock: Arc<dyn Clock>,
    draining: AtomicBool,
}

impl Node {
    /// A node without connections, and where its feed hears from the workers. It reaches others by `cluster`, if at all.
    pub fn new(
        caps: Caps,
        identity: Identity,
        cluster: Option<Arc<dyn Cluster>>,
        clock: Arc<dyn Clock>,
    ) -> (Arc<Node>, UnboundedReceiver<ToFeed>) {
        let (workers, from_workers) = Workers::new();
        let Identity { name, incarnation } = identity;
        let others = cluster.clone().map(|cluster| {
            let version = env!("CARGO_PKG_VERSION").to_owned();
            OtherNodes::new(cluster, Beats::new(name.clone(), incarnation, version))
        });
        let node = Arc::new(Node {
            name,
            connections: Connections::new(caps, incarnation),
            presence: Presence::default(),
            workers,
            others,
            clock,
            draining: AtomicBool::new(false),
        });
        if let Some(cluster) = cluster {
            cluster.serve(node.clone());
        }
        (node, from_workers)
    }

    /// A connection is gone; it has left its rooms before.
    pub fn disconnect(&self, id: u64, network: &Network) {
        self.connections.disconnect(id, network);
    }

    /// A connection is somebody else now; false, and it is not, when there are too many of that one.
    pub fn log_in(&self, id: u64, user: Option<&Arc<User>>, login: Option<LoginId>) -> bool {
        let Some(change) = self.connections.set_user(id, user, login) else { return false };
        self.presence.change_identity(&change.rooms, change.before, user);
        true
    }

    /// Somebody has another name, picture or rank; the rooms they are in.
    pub fn update_user(&self, user: &Arc<User>) -> Vec<RoomId> {
        self.connections.update_user(user);
        self.presence.update_user(user)
    }

    /// A connection entered a room.
    pub fn enter(&self, id: u64, room: RoomId, uid: &RoomUid) {
        let user = self.connections.enter(id, room, uid);
        self.presence.enter(room, uid, user.as_ref());
    }

    /// A connection left a room.
    pub fn leave(&self, id: u64, room: RoomId, uid: &RoomUid) {
        let user = self.connections.leave(id, room);
        self.presence.leave(room, uid, user);
    }

    /// Closes a connection of this process; false when there is none of this number.
    pub fn close(&self, id: u64) -> bool {
        let known = self.connections.get(id).is_some();
        if known {
            self.workers.tell_all(&ToWorker::Close(id, Close::ByAdmin));
        }
        known
    }

    /// A connection of any node; `None` when there is none of this number.
    pub async fn connection(&self, id: u64) -> Result<Option<ConnectionInfo>, Silent> {
        match (self.connections.get(id), &self.others) {
            (None, Some(others)) => others.connection(id).await,
            (here, _) => Ok(here),
        }
    }

    /// Closes a connection of any node; false when there is none of this number.
    pub async fn close_anywhere(&self, id: u64) -> Result<bool, Silent> {
        match &self.others {
            Some(others) if !self.close(id) => others.close(id).await,
            Some(_) => Ok(true),
            None => Ok(self.close(id)),
        }
    }

    /// The connections of all nodes, those of this one first.
    pub async fn all_connections(&self) -> Vec<NodeInfo> {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let mut all = vec![NodeInfo { name: self.name.clone(), version, connections: Some(self.connections.all()) }];
        if let Some(others) = &self.others {
            all.extend(others.connections().await);
        }
        all
    }

    /// Who is logged in in a room on all nodes, at most [`USERS_TOLD`]; asks the other nodes.
    pub async fn users_everywhere(&self, room: RoomId) -> Vec<Arc<User>> {
        let here = self.presence.users_here(room);
        match self.others.as_ref().filter(|_| here.len() < USERS_TOLD) {
            Some(others) => presence::merge(here, others.users(room, USERS_TOLD).await.into_iter().map(Arc::new)),
            None => here,
        }
    }

    /// Has the list of who is in a room hold those on other nodes, unless they were just asked, or take too long.
    pub async fn refresh_users(&self, room: RoomId) {
        let Some(others) = &self.others else { return };
        if self.presence.begin_asking(room, self.clock.now())
            && let Ok(users) = tokio::time::timeout(JOIN_WAITS, others.users(room, USERS_TOLD)).await
        {
            let mut users: Vec<Arc<User>> = users.into_iter().map(Arc::new).collect();
            users.sort_unstable_by_key(|user| user.id);
            self.presence.set_users_elsewhere(room, users);
        }
    }

    /// Tells the other nodes that this one is there, and lets go of those who do not.
    pub fn beat(&self) {
        if let Some(others) = &self.others {
            let changed = others.beat(self.presence.here(), self.connections.count(), self.clock.now());
            self.presence.set_elsewhere(&changed);
        }
    }

    /// Tells the other nodes that this one stops.
    pub async fn leave_cluster(&self) {
        if let Some(others) = &self.others {
            others.leave(self.clock.now()).await;
        }
    }

    /// Whether the process is about to stop.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// From now on the process is about to stop.
    pub fn begin_drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }
}

impl AnswersNodes for Node {
    fn answer(&self, request: NodeRequest) -> NodeAnswer {
        match request {
            NodeRequest::Connections { after, limit } => NodeAnswer::Connections(self.connections.after(after, limit)),
            NodeRequest::Connection(id) => match self.connections.get(id) {
                Some(info) => NodeAnswer::Connections(vec![info]),
                None => NodeAnswer::Missing,
            },
            NodeRequest::CloseConnection(id) if self.close(id) => NodeAnswer::Done,
            NodeRequest::CloseConnection(_) => NodeAnswer::Missing,
            NodeRequest::Users(room) => {
                NodeAnswer::Users(self.presence.users_here(room).iter().map(|user| (**user).clone()).collect())
            }
            NodeRequest::FullBeat => {
                if let Some(others) = &self.others {
                    others.tell_all_next();
                }
                NodeAnswer::Done
            }
        }
    }

    fn hear(&self, beat: Beat) {
        if let Some(others) = &self.others {
            let changed = others.hear(beat, self.clock.now());
            self.presence.set_elsewhere(&changed);
        }
    }
}
