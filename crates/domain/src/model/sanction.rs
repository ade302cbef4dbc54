//! Bans and timeouts.

use crate::model::id::{RoomId, SanctionId, UserId};
use crate::model::rank::Rank;
use crate::model::text::Reason;
use crate::model::time::Timestamp;
use crate::model::user::{Member, Network, User};

/// What a sanction takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SanctionKind {
    /// Neither read nor write.
    Ban,
    /// Read, not write.
    Timeout,
}

impl SanctionKind {
    /// Both of them, the heavier first.
    pub const ALL: [SanctionKind; 2] = [SanctionKind::Ban, SanctionKind::Timeout];

    /// This kind, or (`None`) all.
    pub fn one_or_all(kind: Option<SanctionKind>) -> Vec<SanctionKind> {
        kind.map_or(SanctionKind::ALL.to_vec(), |kind| vec![kind])
    }

    /// Its name in JSON and SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            SanctionKind::Ban => "ban",
            SanctionKind::Timeout => "timeout",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<SanctionKind> {
        SanctionKind::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A ban or timeout that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sanction {
    pub id: SanctionId,
    /// Where it holds; `None` everywhere.
    pub room: Option<RoomId>,
    pub user: UserId,
    /// The network it holds for as well.
    pub network: Option<Network>,
    /// Ban or timeout.
    pub kind: SanctionKind,
    /// Why, for moderators.
    pub reason: Reason,
    pub by: UserId,
    /// The giver's rank then: it takes at least this to lift it.
    pub by_rank: Rank,
    pub starts_at: Timestamp,
    /// Until when; `None` until lifted.
    pub ends_at: Option<Timestamp>,
}

impl Sanction {
    /// Whether it still holds at `now`. A sanction ends the moment its time is reached.
    pub fn in_force(&self, now: Timestamp) -> bool {
        self.ends_at.is_none_or(|end| now < end)
    }

    /// Whether it holds for `member`, seen at `network`.
    ///
    /// A network stands for many people (a school, a mobile carrier), so it only stops those who could be the same person
    /// under another name: guests, and accounts made after the sanction. It never stops whom its giver could not have
    /// sanctioned: a moderator who shares the network stays one.
    pub fn covers(&self, member: &Member, network: Option<&Network>) -> bool {
        let user = &member.user;
        if self.user == user.id {
            return true;
        }
        let same_network = self.network.is_some() && self.network.as_ref() == network;
        let may_be_the_same = user.is_guest() || user.created_at >= self.starts_at;
        same_network && may_be_the_same && member.rank() < self.by_rank
    }
}

/// A sanction to be given. It replaces one of the same kind that holds for the user in the same place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSanction {
    pub user: UserId,
    /// The network it holds for as well.
    pub network: Option<Network>,
    /// Ban or timeout.
    pub kind: SanctionKind,
    pub reason: Reason,
    /// Until when; `None` until lifted.
    pub ends_at: Option<Timestamp>,
}

/// A sanction and the people in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SanctionLine {
    /// The sanction.
    pub sanction: Sanction,
    /// The user it holds for.
    pub user: User,
    /// The moderator who gave it.
    pub by: User,
}
