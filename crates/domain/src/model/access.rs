//! How people stand in a room, read at once.

use crate::model::id::UserId;
use crate::model::rank::Rank;
use crate::model::room::{Head, Room};
use crate::model::sanction::Sanction;
use crate::model::text::Body;
use crate::model::time::Timestamp;
use crate::model::user::Member;
use std::collections::HashMap;

/// All that deciding about somebody in a room needs, read at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessContext {
    /// As of the snapshot.
    pub room: Room,
    /// Where its log ends.
    pub head: Head,
    /// Whoever was asked about, if anybody and still there.
    pub member: Option<Member>,
    /// Those in force, here or everywhere, that cover the user or the network.
    pub sanctions: Vec<Sanction>,
    /// When and what the user last said here, deleted or not.
    pub last_post: Option<(Timestamp, Body)>,
}

/// What holds for everybody in a room, or everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomAccess {
    /// The room; `None` for what holds everywhere.
    pub room: Option<Room>,
    /// Up to where the log was taken in, at least: the rest may be newer.
    pub head: Head,
    /// The ranks held in the room.
    pub ranks: HashMap<UserId, Rank>,
    /// The sanctions given there that were in force, by id; not those that hold everywhere, unless that was asked.
    pub sanctions: Vec<Sanction>,
    /// Whether there was more than asked for: then `ranks` and `sanctions` are not complete.
    pub cut: bool,
}
