//! The other nodes: who they are, how many viewers they have, and what they are asked.
//!
//! Nodes find each other by their beats; nobody keeps a list of them. What is lost is mended by the next full beat.

use crate::model::connection::ConnectionInfo;
use crate::model::id::RoomId;
use crate::model::node::{Beat, NodeName};
use crate::model::user::User;
use async_trait::async_trait;
use std::sync::Arc;

/// What a node is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeRequest {
    /// Its connections, oldest first, after this number, at most so many.
    Connections {
        /// The number of the last connection that is known; 0 for none.
        after: u64,
        /// Above zero.
        limit: usize,
    },
    /// One connection.
    Connection(u64),
    /// To close a connection.
    CloseConnection(u64),
    /// Who is logged in in a room there, at most 200.
    Users(RoomId),
    /// To send all of its counts with its next beat.
    FullBeat,
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeAnswer {
    /// To [`NodeRequest::Connections`] and [`NodeRequest::Connection`].
    Connections(Vec<ConnectionInfo>),
    /// To [`NodeRequest::Users`].
    Users(Vec<User>),
    /// It was done.
    Done,
    /// There is no such connection.
    Missing,
}

/// Answers what other nodes ask.
pub trait AnswersNodes: Send + Sync {
    /// From memory; never waits.
    fn answer(&self, request: NodeRequest) -> NodeAnswer;

    /// Another node's beat.
    fn hear(&self, beat: Beat);
}

/// A node did not answer within a second, or not so that it is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the node does not answer")]
pub struct Silent;

/// The way to the other nodes.
#[async_trait]
pub trait Cluster: Send + Sync {
    /// From now on what others ask and tell is handed to `node`. Called once.
    fn serve(&self, node: Arc<dyn AnswersNodes>);

    /// Tells the other nodes that this one is there. Never waits and never fails; it may be lost.
    fn beat(&self, beat: Beat);

    /// Asks another node; waits at most a second.
    async fn ask(&self, node: &NodeName, request: NodeRequest) -> Result<NodeAnswer, Silent>;

    /// Whether other nodes can be reached now.
    fn is_connected(&self) -> bool;

    /// What became of the messages so far.
    fn stats(&self) -> BusStats;

    /// Waits until what was published so far is on its way, at most a second.
    async fn flush(&self);
}

/// Messages between nodes, counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BusStats {
    /// Read from others.
    pub received: u64,
    /// Sent to others.
    pub sent: u64,
    /// Not sent, because the bus was away or the queue full.
    pub dropped: u64,
    /// Of a later version, not read.
    pub newer: u64,
    /// Not understood.
    pub malformed: u64,
    /// How often something was lost: the bus was away, or this node too slow for it.
    pub losses: u64,
}
