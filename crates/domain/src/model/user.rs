//! Who writes.

use crate::model::id::{RoomId, SessionId, UserId, UserUid};
use crate::model::name::DisplayName;
use crate::model::name::Username;
use crate::model::rank::Rank;
use crate::model::time::Timestamp;

/// Where somebody connects from, as a keyed hash of the address (IPv4 /32, IPv6 /64): equal when the network is equal,
/// and useless to whoever reads the database.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Network(pub String);

/// A person, or the guest that one address or browser is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    /// The public name for machines.
    pub uid: UserUid,
    /// What a registered user logs in with; guests have none.
    pub username: Option<Username>,
    /// What others read.
    pub display_name: DisplayName,
    /// Address of a picture, `https:` or a path.
    pub picture: Option<String>,
    /// ISO 3166 letters, when a GeoIP file is configured and knew the address.
    pub country: Option<String>,
    /// The rank that holds everywhere: guest, registered, super_mod, admin or root.
    pub rank: Rank,
    /// Where the user was last seen.
    pub network: Option<Network>,
    /// When the user was made.
    pub created_at: Timestamp,
}

impl User {
    /// All that holds where this rank is held in the room, lowest first: always guest or registered, then the room's rank, then
    /// the global one.
    pub fn roles(&self, room_rank: Option<Rank>) -> impl Iterator<Item = Rank> {
        let base = if self.username.is_some() { Rank::Registered } else { Rank::Guest };
        let everywhere = Some(self.rank).filter(|rank| *rank > Rank::Registered);
        [Some(base), room_rank, everywhere].into_iter().flatten()
    }
}

/// A user in the context of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub user: User,
    /// The rank held in that room: vip, mod or owner.
    pub room_rank: Option<Rank>,
}

impl Member {
    /// A user where no room is the context.
    pub fn outside(user: User) -> Member {
        Member { user, room_rank: None }
    }

    /// The higher of the global and the room's rank: what the policy looks at.
    pub fn rank(&self) -> Rank {
        self.room_rank.map_or(self.user.rank, |rank| rank.max(self.user.rank))
    }
}

/// A user to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUser {
    /// The public name, from the id source.
    pub uid: UserUid,
    /// For a registered user: the name and the hash of the password.
    pub login: Option<(Username, PasswordHash)>,
    /// What others read.
    pub display_name: DisplayName,
    /// The global rank.
    pub rank: Rank,
    /// Where the request came from.
    pub network: Option<Network>,
    /// ISO 3166 letters.
    pub country: Option<String>,
    pub created_at: Timestamp,
}

/// A password's hash in the modular crypt format. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub String);

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// A password that takes the place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPassword {
    pub hash: PasswordHash,
    /// The only login of the user that goes on, the one that asked for it.
    pub keep: Option<SessionId>,
}

/// What changes of a user; `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserChange {
    /// A new name for people.
    pub display_name: Option<DisplayName>,
    /// A new picture; `Some(None)` takes it away.
    pub picture: Option<Option<String>>,
    /// A new global rank.
    pub rank: Option<Rank>,
    /// A new password, which ends logins.
    pub password: Option<NewPassword>,
    /// Where the user was seen now.
    pub network: Option<Network>,
    /// The country of that network.
    pub country: Option<String>,
}

impl UserChange {
    /// Whether others see something of it: name, picture or rank.
    pub fn shows(&self) -> bool {
        self.display_name.is_some() || self.picture.is_some() || self.rank.is_some()
    }
}

/// One who keeps order in a room: a row of its list of moderators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appointment {
    pub room: RoomId,
    /// Who, with the rank held there.
    pub member: Member,
}
