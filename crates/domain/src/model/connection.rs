//! A connection, as administrators see it.

use crate::model::id::{RoomId, RoomUid};
use crate::model::login::LoginId;
use crate::model::time::Timestamp;
use crate::model::user::User;
use std::sync::Arc;

/// How many bits of a connection's number are counted by its node. The rest is the node's incarnation, so that numbers are
/// unique over all nodes and stay below 2^53, which JavaScript counts exactly.
pub const COUNTED_BITS: u32 = 32;

/// The largest incarnation of a node.
pub const INCARNATION_MAX: u32 = (1 << (53 - COUNTED_BITS)) - 1;

/// A connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionInfo {
    /// Its number, unique over all nodes that run.
    pub id: u64,
    /// Who is logged in on it.
    pub user: Option<Arc<User>>,
    /// The rooms it is in.
    pub rooms: Vec<(RoomId, RoomUid)>,
    /// When it was opened.
    pub since: Timestamp,
    /// The login it uses. Other nodes are not told.
    pub login: Option<LoginId>,
}

/// The incarnation of the node that a connection is on.
pub fn incarnation_of(connection: u64) -> u32 {
    u32::try_from(connection >> COUNTED_BITS).unwrap_or(u32::MAX)
}

/// The number before the first connection of a node's incarnation.
pub fn numbered_from(incarnation: u32) -> u64 {
    u64::from(incarnation.min(INCARNATION_MAX)) << COUNTED_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connections_number_names_its_node_and_survives_javascript() {
        for incarnation in [0, 1, 77, INCARNATION_MAX] {
            let last = numbered_from(incarnation) + u64::from(u32::MAX);
            assert_eq!(incarnation_of(last), incarnation);
            assert!(last < 1 << 53);
        }
    }
}
