//! The eight ranks. Where two apply, a user's global one and the one in a room, the higher counts.

/// How much somebody may do, lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// Came by one click, without a password.
    Guest,
    /// Has a name and a password, or was signed in by the host site.
    Registered,
    /// Marked by a room's owner; writes like anybody.
    Vip,
    /// Keeps order in one room.
    Mod,
    /// Made the room, or was given it.
    Owner,
    /// Keeps order in every room.
    SuperMod,
    /// What an owner may, in every room, and global sanctions.
    Admin,
    /// Everything.
    Root,
}

impl Rank {
    /// All of them, lowest first.
    pub const ALL: [Rank; 8] =
        [Rank::Guest, Rank::Registered, Rank::Vip, Rank::Mod, Rank::Owner, Rank::SuperMod, Rank::Admin, Rank::Root];

    /// Its name in JSON, SQL and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Rank::Guest => "guest",
            Rank::Registered => "registered",
            Rank::Vip => "vip",
            Rank::Mod => "mod",
            Rank::Owner => "owner",
            Rank::SuperMod => "super_mod",
            Rank::Admin => "admin",
            Rank::Root => "root",
        }
    }

    /// The rank of that name.
    pub fn parse(name: &str) -> Option<Rank> {
        Rank::ALL.into_iter().find(|rank| rank.as_str() == name)
    }

    /// Whether it can be held in a single room.
    pub fn is_of_a_room(self) -> bool {
        matches!(self, Rank::Vip | Rank::Mod | Rank::Owner)
    }
}
