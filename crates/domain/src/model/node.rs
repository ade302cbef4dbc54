//! A node: one process of several that serve one chat.

use crate::model::id::RoomId;
use crate::model::time::Timestamp;
use std::fmt;

/// A node's name, unique in its cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(String);

impl NodeName {
    /// The longest name: that of a host (64 on Linux) and a process number fit.
    pub const MAX: usize = 80;

    /// 1 to [`NodeName::MAX`] of `[A-Za-z0-9_-]`, so that it can be part of a subject; `None` otherwise.
    pub fn parse(text: &str) -> Option<NodeName> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        ((1..=NodeName::MAX).contains(&text.len()) && text.bytes().all(allowed)).then(|| NodeName(text.to_owned()))
    }

    /// The name of a process on a host: other characters become hyphens, and a long host name is cut.
    pub fn of_process(host: &str, pid: u32) -> NodeName {
        let end = format!("-{pid}");
        let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' };
        let host: String = host.chars().map(allowed).take(NodeName::MAX - end.len()).collect();
        NodeName(format!("{}{end}", if host.is_empty() { "node" } else { &host }))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a node tells about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// Whose.
    pub node: NodeName,
    /// Another one after each start.
    pub incarnation: u32,
    /// 1, 2, 3 … without gaps.
    pub number: u64,
    /// Whether what was told before no longer counts.
    pub full: bool,
    /// The rooms that changed, each with its number of connections there, 0 for none.
    pub rooms: Vec<(RoomId, usize)>,
    /// How many connections there are at all.
    pub connections: usize,
    /// The program's version.
    pub version: String,
    /// The node's clock.
    pub at: Timestamp,
    /// Whether the node stops, and this is its last beat.
    pub leaving: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_be_part_of_a_subject() {
        for good in ["a", "node-1", "chat_2", &"x".repeat(80)] {
            assert_eq!(NodeName::parse(good).map(|name| name.to_string()).as_deref(), Some(good));
        }
        for bad in ["", "a.b", "a b", "*", ">", "ä", &"x".repeat(81)] {
            assert_eq!(NodeName::parse(bad), None, "{bad}");
        }
        assert_eq!(NodeName::of_process("chat.example.org", 7).as_str(), "chat-example-org-7");
        assert_eq!(NodeName::of_process("", 7).as_str(), "node-7");
        let long = NodeName::of_process(&"ä".repeat(200), u32::MAX);
        assert_eq!(NodeName::parse(long.as_str()), Some(long));
    }
}
