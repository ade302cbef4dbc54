//! The names of what travels between nodes. Ids are numbers and node names are checked, so that nobody's input becomes a
//! subject.

use domain::model::id::{RoomId, UserId};
use domain::model::node::NodeName;

/// The version of the subjects and of what they carry, part of every subject.
const VERSION: &str = "v1";

/// The subjects of one service: several share one NATS by their prefixes.
#[derive(Clone, Debug)]
pub struct Subjects {
    base: String,
}

impl Subjects {
    /// The subjects that begin with `prefix`, which consists of letters, digits, `-` and `_`.
    pub fn new(prefix: &str) -> Subjects {
        Subjects { base: format!("{prefix}.{VERSION}") }
    }

    /// The events of a log.
    pub fn log(&self, room: RoomId) -> String {
        if room == RoomId::SERVER { format!("{}.server", self.base) } else { format!("{}.room.{room}", self.base) }
    }

    /// A user's changes.
    pub fn user(&self, user: UserId) -> String {
        format!("{}.user.{user}", self.base)
    }

    /// All users' changes.
    pub fn users(&self) -> String {
        format!("{}.user.*", self.base)
    }

    /// Logins that ended.
    pub fn sessions(&self) -> String {
        format!("{}.sessions", self.base)
    }

    /// Sites that changed, and tokens that they signed and that ended.
    pub fn sites(&self) -> String {
        format!("{}.sites", self.base)
    }

    /// The beats.
    pub fn presence(&self) -> String {
        format!("{}.presence", self.base)
    }

    /// Requests to a node.
    pub fn node(&self, node: &NodeName) -> String {
        format!("{}.node.{node}", self.base)
    }

    /// Where answers arrive: below the prefix like everything else, so that one permission covers all of it.
    pub fn replies(&self) -> String {
        format!("{}.reply", self.base)
    }
}
