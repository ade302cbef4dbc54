//! Who writes.

use crate::model::id::{RoomId, SessionId, SiteUid, UserId, UserUid};
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
    /// The site that signs the user in, if one does.
    pub site: Option<SiteMembership>,
}

/// What a site says of one of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteMembership {
    /// The site.
    pub site: SiteUid,
    /// The rank held in all of its rooms: vip, mod or owner.
    pub rank: Option<Rank>,
}

impl User {
    /// Whether nobody vouches for the user: neither a password nor a site.
    pub fn is_guest(&self) -> bool {
        self.username.is_none() && self.site.is_none()
    }

    /// All that holds where this rank is held in the room, lowest first: always guest or registered, then `site` for those whom
    /// one signs in, then the room's rank, then the global one.
    pub fn roles(&self, room_rank: Option<Rank>) -> impl Iterator<Item = &'static str> {
        let base = if self.is_guest() { Rank::Guest } else { Rank::Registered };
        let site = self.site.is_some().then_some(SITE_ROLE);
        let higher = room_rank.into_iter().chain(self.rank_everywhere()).map(Rank::as_str);
        [Some(base.as_str()), site].into_iter().flatten().chain(higher)
    }

    /// The rank that holds everywhere, if it is more than being registered.
    pub fn rank_everywhere(&self) -> Option<Rank> {
        Some(self.rank).filter(|rank| *rank > Rank::Registered)
    }

    /// The rank that the user's site gives in the rooms of this one.
    pub fn rank_in_site(&self, site: Option<&SiteUid>) -> Option<Rank> {
        self.site.as_ref().filter(|own| site == Some(&own.site)).and_then(|own| own.rank)
    }
}

/// The role of users whom a site signs in.
pub const SITE_ROLE: &str = "site";

/// Whether an address, of a picture, may stand in pages and policies as it is: plain ASCII, at most 500 bytes.
pub fn is_plain_address(address: &str) -> bool {
    address.len() <= 500 && address.bytes().all(|b| b.is_ascii_graphic() && !b"\"'<>\\".contains(&b))
}

/// A user in the context of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub user: User,
    /// The rank held in that room: vip, mod or owner.
    pub room_rank: Option<Rank>,
    /// The rank that the user's site gives there: vip, mod or owner.
    pub site_rank: Option<Rank>,
}

impl Member {
    /// A user where no room is the context.
    pub fn outside(user: User) -> Member {
        Member { user, room_rank: None, site_rank: None }
    }

    /// A user in a room of this site who was given this rank there.
    pub fn of_room(user: User, room_rank: Option<Rank>, site: Option<&SiteUid>) -> Member {
        Member { site_rank: user.rank_in_site(site), user, room_rank }
    }

    /// The rank held in the room: the higher of the one that was given there and the one that the user's site gives.
    pub fn rank_there(&self) -> Option<Rank> {
        self.room_rank.max(self.site_rank)
    }

    /// The highest of the global rank and those held in the room: what the policy looks at.
    pub fn rank(&self) -> Rank {
        self.rank_there().map_or(self.user.rank, |rank| rank.max(self.user.rank))
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
