//! Time, chance, passwords, tokens and quotas.

use crate::model::id::{Epoch, RoomUid, SessionId, SiteUid, UserUid};
use crate::model::text::Password;
use crate::model::time::{Span, Timestamp};
use crate::model::user::PasswordHash;
use async_trait::async_trait;
use std::collections::HashMap;

/// The only source of the present.
pub trait Clock: Send + Sync {
    /// The wall clock. It may jump.
    fn now(&self) -> Timestamp;
}

/// The only source of chance, from a cryptographic generator.
pub trait Ids: Send + Sync {
    /// A new user's uid.
    fn user_uid(&self) -> UserUid;
    /// A new room's uid.
    fn room_uid(&self) -> RoomUid;
    /// A new site's uid; also what tells the keys of a site apart.
    fn site_uid(&self) -> SiteUid;
    /// A new history's epoch, above zero and below 2^53.
    fn epoch(&self) -> Epoch;
    /// A number below `bound`, which is above zero.
    fn below(&self, bound: u32) -> u32;
    /// A secret of 32 random bytes in URL-safe characters: tickets, guest keys.
    fn secret(&self) -> String;
}

/// Hashing costs a quarter of a second of a core on purpose, so it is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being checked, or the hash is damaged")]
pub struct HasherBusy;

/// Hashes and checks passwords away from the threads that serve requests.
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// A salted hash of `password`, all of its bytes counted.
    async fn hash(&self, password: Password, priority: Priority) -> Result<PasswordHash, HasherBusy>;

    /// Whether `password` is the one that `hash` was made of. Without a hash it takes the same time and says no, so that
    /// nobody learns which names exist.
    async fn verify(
        &self,
        password: Password,
        hash: Option<PasswordHash>,
        priority: Priority,
    ) -> Result<bool, HasherBusy>;
}

/// Who is served first where many wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Somebody from where they were last seen, or logged in: waits for no stranger but the one being served.
    Known,
    /// Anybody else: few wait, the rest are told at once that it is busy.
    Stranger,
}

/// What proves a login: signed, and only a name for a session that can be revoked.
pub trait Tokens: Send + Sync {
    /// A token for `session`, valid from `now` to `expires_at`.
    fn issue(&self, session: SessionId, user: &UserUid, now: Timestamp, expires_at: Timestamp) -> String;

    /// The session that `token` names; `None` when it is forged, expired at `now`, or not one of ours.
    fn verify(&self, token: &str, now: Timestamp) -> Option<SessionId>;

    /// What is stored of a secret instead of the secret.
    fn fingerprint(&self, secret: &str) -> String;
}

/// What is counted, each with its own bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quota {
    /// Log-ins tried for one username from one network, and passwords changed in one session.
    LoginOfName,
    /// Log-ins tried for one username from networks where its user was not last seen.
    LoginFromAfar,
    /// Log-ins tried from one network.
    LoginFromNetwork,
    /// Accounts made from one network.
    Register,
    /// Guests made from one network.
    Guest,
    /// Messages of one author in one room.
    Post,
    /// Rooms made by one user.
    CreateRoom,
    /// Sites made, and keys of sites, by one user.
    CreateSite,
    /// New names and pictures taken by one user.
    Rename,
    /// Tickets and tokens renewed in one session.
    Ticket,
    /// Commands of one user.
    Command,
    /// Frames of one socket.
    Frame,
    /// Sockets opened from one network.
    Upgrade,
    /// Rows read from one network: see [`crate::service::reads`].
    Read,
    /// Rows read by one user or one anonymous socket.
    ReadOfClient,
    /// Guests made on this server.
    GuestOfServer,
    /// Rooms made by guests on this server.
    RoomOfGuests,
}

impl Quota {
    /// All of them.
    pub const ALL: [Quota; 17] = [
        Quota::LoginOfName,
        Quota::LoginFromAfar,
        Quota::LoginFromNetwork,
        Quota::Register,
        Quota::Guest,
        Quota::Post,
        Quota::CreateRoom,
        Quota::CreateSite,
        Quota::Rename,
        Quota::Ticket,
        Quota::Command,
        Quota::Frame,
        Quota::Upgrade,
        Quota::Read,
        Quota::ReadOfClient,
        Quota::GuestOfServer,
        Quota::RoomOfGuests,
    ];

    /// Its name in the setting.
    pub fn as_str(self) -> &'static str {
        match self {
            Quota::LoginOfName => "login-of-name",
            Quota::LoginFromAfar => "login-from-afar",
            Quota::LoginFromNetwork => "login-from-network",
            Quota::Register => "register",
            Quota::Guest => "guest",
            Quota::Post => "post",
            Quota::CreateRoom => "create-room",
            Quota::CreateSite => "create-site",
            Quota::Rename => "rename",
            Quota::Ticket => "ticket",
            Quota::Command => "command",
            Quota::Frame => "frame",
            Quota::Upgrade => "upgrade",
            Quota::Read => "read",
            Quota::ReadOfClient => "read-of-client",
            Quota::GuestOfServer => "guest-of-server",
            Quota::RoomOfGuests => "room-of-guests",
        }
    }

    /// The quota of that name.
    pub fn parse(name: &str) -> Option<Quota> {
        Quota::ALL.into_iter().find(|quota| quota.as_str() == name)
    }

    /// How many at once, and how long until one more is allowed.
    pub fn rate(self) -> (u32, Span) {
        match self {
            // Five tries, then one every 30 s: a person who mistypes is not stopped, a guesser gets 2 900 a day.
            Quota::LoginOfName => (5, Span::seconds(30)),
            // Guesses spread over many addresses: 17 000 a day at the most.
            Quota::LoginFromAfar => (50, Span::seconds(5)),
            Quota::LoginFromNetwork => (20, Span::seconds(5)),
            Quota::Register => (5, Span::minutes(2)),
            Quota::Guest => (20, Span::seconds(10)),
            // Twitch allows 20 messages in 30 s, Ergo a burst of 5 and then 2/s: between them.
            Quota::Post => (10, Span::millis(1000)),
            Quota::CreateRoom => (10, Span::minutes(1)),
            Quota::CreateSite => (20, Span::minutes(1)),
            Quota::Rename => (3, Span::minutes(1)),
            Quota::Ticket => (20, Span::seconds(2)),
            Quota::Command => (20, Span::millis(500)),
            // Discord closes at 120 in 60 s; a client that comes back to a hundred rooms needs a burst.
            Quota::Frame => (150, Span::millis(100)),
            // All sockets that a network may have come back at once, then 50 a second.
            Quota::Upgrade => (600, Span::millis(20)),
            // 500 viewers behind one address who join a room of 50 messages twice, then 1 000 rows a second.
            Quota::Read => (50_000, Span::millis(1)),
            // A hundred pages at once, then ten a second: more than a person scrolls, less than a flood.
            Quota::ReadOfClient => (5_000, Span::millis(2)),
            // A raid or the start of a stream: a thousand at once, then 50 a second.
            Quota::GuestOfServer => (1_000, Span::millis(20)),
            Quota::RoomOfGuests => (100, Span::seconds(6)),
        }
    }

    /// Whether it is counted over all nodes together, in the store: what protects accounts, and rows that stay. The others
    /// protect a node, and are counted by each.
    pub fn is_shared(self) -> bool {
        match self {
            Quota::LoginOfName
            | Quota::LoginFromAfar
            | Quota::LoginFromNetwork
            | Quota::Register
            | Quota::Guest
            | Quota::CreateRoom
            | Quota::CreateSite
            | Quota::GuestOfServer
            | Quota::RoomOfGuests => true,
            Quota::Post
            | Quota::Rename
            | Quota::Ticket
            | Quota::Command
            | Quota::Frame
            | Quota::Upgrade
            | Quota::Read
            | Quota::ReadOfClient => false,
        }
    }
}

/// The rates of all quotas: [`Quota::rate`], unless the operator changed it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rates(HashMap<Quota, (u32, Span)>);

impl Rates {
    /// Changes one: how many at once, and how long until one more is allowed.
    pub fn set(&mut self, quota: Quota, burst: u32, period: Span) {
        self.0.insert(quota, (burst, period));
    }

    /// How many at once, and how long until one more is allowed.
    pub fn of(&self, quota: Quota) -> (u32, Span) {
        self.0.get(&quota).copied().unwrap_or_else(|| quota.rate())
    }
}

/// Counts what is done on this node, in memory, so that nobody does too much of it.
pub trait RateLimiter: Send + Sync {
    /// Takes what is charged from a bucket; when there is not enough, nothing is taken, and the time until there is.
    fn charge(&self, charge: Charge<'_>) -> Result<(), Span>;

    /// Takes one from the bucket of `key`.
    fn take(&self, quota: Quota, key: &str) -> Result<(), Span> {
        self.charge(Charge::one(quota, key))
    }
}

/// What is taken from a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge<'a> {
    /// What is counted.
    pub quota: Quota,
    /// Whose bucket. Buckets of different allowances are different buckets.
    pub key: &'a str,
    /// How many; what is more than the whole bucket counts as the whole bucket.
    pub amount: u32,
    /// How many times the burst and the rate of the quota this bucket has, 1 to 4: more for keys that many share.
    pub allowance: u32,
}

impl<'a> Charge<'a> {
    /// One from the bucket of `key`.
    pub fn one(quota: Quota, key: &'a str) -> Charge<'a> {
        Charge { quota, key, amount: 1, allowance: 1 }
    }
}

/// Where an address is.
pub trait Geography: Send + Sync {
    /// ISO 3166 letters of the country; `None` when unknown or not configured.
    fn country(&self, address: std::net::IpAddr) -> Option<String>;
}
