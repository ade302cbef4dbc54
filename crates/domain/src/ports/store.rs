//! Users, logins, rooms, and the quotas that all nodes share.

use crate::bucket::Rate;
use crate::model::id::{RoomId, RoomUid, SessionId, SiteId, SiteKeyId, SiteUid, UserId, UserUid};
use crate::model::login::SiteTokenId;
use crate::model::name::DisplayName;
use crate::model::name::Username;
use crate::model::rank::Rank;
use crate::model::room::{NewRoom, Room};
use crate::model::session::Session;
use crate::model::site::{NewSite, Site, SiteChange};
use crate::model::site_key::{Kid, NewSiteKey, SiteKey};
use crate::model::time::{Span, Timestamp};
use crate::model::user::{Member, Network, NewUser, PasswordHash, User, UserChange};
use crate::ports::effects::Charge;
use async_trait::async_trait;

/// Why a store did not do it. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The username or display name looks like one that somebody else has.
    #[error("the name is taken")]
    NameTaken,
    /// It has too much to do, or cannot be reached; it is worth coming back.
    #[error("the store is busy")]
    Busy {
        /// When to come back.
        retry_after: Span,
    },
    /// The disk is full: nothing but deletions is written until somebody makes room.
    #[error("the disk is full")]
    StorageFull {
        /// When to try again.
        retry_after: Span,
    },
    /// It failed, in words for the log.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// What became of deleting a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// The user is erased.
    Done,
    /// There was no such user, or no longer.
    Gone,
    /// The user still owns an open room, see [`crate::ports::log::LogCommand::HandOver`].
    OwnsRooms,
}

/// Users and their logins.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Makes a user and claims the looks of its names. `NameTaken` when somebody else has one of them.
    async fn create(&self, user: NewUser) -> Result<User, StoreError>;

    /// The guest that `key` stands for; made from `user` when there is none. Two calls at once make one guest.
    async fn guest(&self, key: &str, user: NewUser) -> Result<User, StoreError>;

    /// A user who was not deleted.
    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError>;

    /// A user who was not deleted.
    async fn user_by_uid(&self, uid: &UserUid) -> Result<Option<User>, StoreError>;

    /// A user, deleted or not: what somebody left behind can be acted on afterwards.
    async fn user_ever(&self, uid: &UserUid) -> Result<Option<User>, StoreError>;

    /// Who logs in under that name (folded), with the hash of the password.
    async fn credentials(&self, username: &Username) -> Result<Option<(User, PasswordHash)>, StoreError>;

    /// Whose username or display name is `typed`, case folded; if nobody's, those whose name begins with it among the
    /// authors and appointed of `room`. Ordered by name, at most `limit`.
    async fn find(&self, room: RoomId, typed: &str, limit: usize) -> Result<Vec<Member>, StoreError>;

    /// Users by id, ascending, above `after`, whose folded names contain `search`; at most `limit`.
    async fn list(&self, search: Option<&str>, after: UserId, limit: usize) -> Result<Vec<User>, StoreError>;

    /// Changes a user; `None` when gone. A new display name claims its looks and frees the old ones: `NameTaken` when
    /// somebody else has one. A new password ends the user's logins but [`crate::model::user::NewPassword::keep`].
    ///
    /// All of it in one transaction. After the commit the store announces the logins that ended, and the user when the
    /// name, the picture or the rank was given; dropping the answer undoes and hides nothing.
    async fn update(&self, id: UserId, change: UserChange) -> Result<Option<User>, StoreError>;

    /// Erases a user: name, login, picture, network and sessions go, the messages stay under "deleted user". The names of
    /// an account are reserved until [`crate::model::name::RESERVED_FOR`] after `at`, a guest's are free again. Nothing is
    /// done while the user owns an open room. Announced after the commit.
    async fn delete(&self, id: UserId, at: Timestamp) -> Result<Deletion, StoreError>;

    /// Frees at most `limit` looks of names that were reserved until before `now`; how many.
    async fn free_names(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError>;

    /// Looks at most at `limit` guests with ids above `after`, made before `made_before`, and erases those of whom nothing is
    /// left: no message, no event, no sanction, no rank, no room, and no login that lasts until `now`. Those who were erased
    /// before, accounts too, are removed: not at once, because a message of theirs may still be under way. How many were
    /// erased, and the last one looked at, `None` at the end. Announced after the commit.
    async fn forget_guests(
        &self,
        made_before: Timestamp,
        now: Timestamp,
        after: UserId,
        limit: usize,
    ) -> Result<(usize, Option<UserId>), StoreError>;

    /// Begins a login.
    async fn open_session(&self, user: UserId, now: Timestamp, expires_at: Timestamp) -> Result<Session, StoreError>;

    /// A login that was not ended and does not expire before `now`, with its user.
    async fn session(&self, id: SessionId, now: Timestamp) -> Result<Option<(Session, User)>, StoreError>;

    /// Those of these logins that were not ended and do not expire before `now`, in no order.
    async fn alive(&self, sessions: &[SessionId], now: Timestamp) -> Result<Vec<SessionId>, StoreError>;

    /// Moves the end of a login that was not ended.
    async fn slide_session(&self, id: SessionId, expires_at: Timestamp) -> Result<(), StoreError>;

    /// Ends a login. False when it was over. Announced after the commit.
    async fn end_session(&self, id: SessionId) -> Result<bool, StoreError>;

    /// Keeps the fingerprint of a single-use ticket for a login. Tickets that expired before `now` are forgotten.
    async fn keep_ticket(
        &self,
        fingerprint: &str,
        session: SessionId,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Takes a ticket: the login it stood for, once, unless it expired before `now`.
    async fn take_ticket(&self, fingerprint: &str, now: Timestamp) -> Result<Option<SessionId>, StoreError>;
}

/// Rooms and who keeps order in them. What changes a room goes through [`crate::ports::log::Log`].
#[async_trait]
pub trait RoomStore: Send + Sync {
    /// Makes a room with an empty log; its maker holds the rank owner there.
    async fn create(&self, room: NewRoom) -> Result<Room, StoreError>;

    /// A room that was not closed.
    async fn room(&self, uid: &RoomUid) -> Result<Option<Room>, StoreError>;

    /// A room that was not closed.
    async fn room_by_id(&self, id: RoomId) -> Result<Option<Room>, StoreError>;

    /// Rooms by id, ascending, above `after`: those that `owner` owns, or all; at most `limit`.
    async fn list(&self, owner: Option<UserId>, after: RoomId, limit: usize) -> Result<Vec<Room>, StoreError>;

    /// Who holds a rank in the room: highest first, then by name.
    async fn appointed(&self, room: RoomId) -> Result<Vec<Member>, StoreError>;

    /// These users with the ranks they hold in the room, by id; those who are gone are left out.
    async fn members(&self, room: RoomId, users: &[UserId]) -> Result<Vec<Member>, StoreError>;

    /// Open rooms by id, ascending, above `after`: those that guests own, made before `made_before`, in which no message was
    /// ever written; at most `limit`.
    async fn unused_rooms_of_guests(
        &self,
        made_before: Timestamp,
        after: RoomId,
        limit: usize,
    ) -> Result<Vec<Room>, StoreError>;

    /// Forgets at most `limit` sanctions that ended or were lifted before this instant; how many. The log keeps what it
    /// says of them.
    async fn forget_sanctions(&self, over_before: Timestamp, limit: usize) -> Result<usize, StoreError>;
}

/// What a token says of a user, to be written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SignIn {
    /// The site that signed it.
    pub site: SiteId,
    /// What the site calls the user.
    pub subject: String,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// The name for people; `None` leaves it as it was.
    pub name: Option<DisplayName>,
    /// Address of a picture.
    pub picture: Option<String>,
    /// The rank in all rooms of the site.
    pub rank: Option<Rank>,
    /// Where the user comes from.
    pub network: Network,
    /// The country of that, when known.
    pub country: Option<String>,
    /// For a user who is made now: the public name, from the id source.
    pub new_uid: UserUid,
    /// When it is written.
    pub at: Timestamp,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignInResult {
    /// Who it is, as after it.
    Done(Box<SiteUser>),
    /// The token was ended.
    Ended,
    /// The site is gone.
    NoSite,
}

/// A user whom a site signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteUser {
    /// Who.
    pub user: User,
    /// When the newest token was issued that was seen.
    pub issued_at: Timestamp,
    /// Tokens that were issued before this are refused.
    pub issued_from: Timestamp,
}

/// Sites and their keys. What changes them is announced after the commit ([`crate::ports::bus::Notice::SiteChanged`]).
#[async_trait]
pub trait SiteStore: Send + Sync {
    /// Makes a site.
    async fn create(&self, site: NewSite) -> Result<Site, StoreError>;

    /// A site that was not deleted.
    async fn site(&self, uid: &SiteUid) -> Result<Option<Site>, StoreError>;

    /// Sites by id, ascending, above `after`: those that `owner` owns, or all; at most `limit`.
    async fn list(&self, owner: Option<UserId>, after: SiteId, limit: usize) -> Result<Vec<Site>, StoreError>;

    /// Changes a site; `None` when gone.
    async fn update(&self, id: SiteId, change: SiteChange) -> Result<Option<Site>, StoreError>;

    /// Deletes a site with its keys, in one transaction; false when it was gone. Its rooms stay and belong to none. What its
    /// keys signed is announced as ended.
    async fn delete(&self, id: SiteId) -> Result<bool, StoreError>;

    /// Makes a key, unless the site is gone or has [`crate::model::site_key::KEYS_MAX`] of them: `None` then.
    async fn add_key(&self, key: NewSiteKey) -> Result<Option<SiteKey>, StoreError>;

    /// The keys of a site, oldest first.
    async fn keys(&self, site: SiteId) -> Result<Vec<SiteKey>, StoreError>;

    /// A site with its keys, oldest first: what tokens of it are checked against.
    async fn signing(&self, uid: &SiteUid) -> Result<Option<(Site, Vec<SiteKey>)>, StoreError>;

    /// A token of this key was seen. Nothing is announced.
    async fn key_used(&self, key: SiteKeyId, at: Timestamp) -> Result<(), StoreError>;

    /// The user whom a site calls so, made when there is none, as the token with the newest `issued_at` says: name, picture, rank.
    /// Of two that were issued at once the later call counts; one that was ended makes and changes nothing. Names of such users
    /// are nobody's: they claim no look, and are given as they are.
    ///
    /// Calls at once are written together, however many they are. After the commit, users who changed are announced.
    async fn sign_in(&self, sign_in: SignIn) -> Result<SignInResult, StoreError>;

    /// The user whom a site calls so.
    async fn site_user(&self, site: SiteId, subject: &str) -> Result<Option<SiteUser>, StoreError>;

    /// Tokens for this subject that were issued before `at` are refused from now on, whether or not anybody came with one yet;
    /// those of the user are announced as ended. Forgets deleted users of the site whose tokens are all over.
    async fn end_tokens(&self, site: SiteId, subject: &str, at: Timestamp) -> Result<(), StoreError>;

    /// The same for whoever this user is, if a site signs the user in.
    async fn end_tokens_of(&self, user: UserId, at: Timestamp) -> Result<(), StoreError>;

    /// Those of these tokens that are over before their time: the key, the site or the user is gone, or the user was logged out
    /// since. In no order.
    async fn ended(&self, tokens: &[SiteTokenId]) -> Result<Vec<SiteTokenId>, StoreError>;

    /// Deletes a key; false when the site has none of that name. What it signed is announced as ended.
    async fn delete_key(&self, site: SiteId, kid: &Kid) -> Result<bool, StoreError>;
}

/// The buckets of the quotas that are counted over all nodes. What a bucket allows is decided by [`crate::bucket::decide`].
#[async_trait]
pub trait QuotaStore: Send + Sync {
    /// Takes each charge from its bucket, of which no two are the same; when one has not enough, nothing is taken from any,
    /// and the time until all have. However many nodes charge a bucket at once, it gives no more than it holds.
    ///
    /// Keys name people and networks: a database keeps keyed hashes of them. A crash may forget the charges of its last second.
    async fn charge(&self, charges: &[(Charge<'_>, Rate)], now: Timestamp) -> Result<Result<(), Span>, StoreError>;

    /// Looks at most at `limit` buckets above `after` (at first, the empty text), and forgets those that were full before
    /// `full_before`, as far as nobody is charging them. How many, and the last one looked at, `None` at the end.
    async fn forget_full(
        &self,
        full_before: Timestamp,
        after: &str,
        limit: usize,
    ) -> Result<(usize, Option<String>), StoreError>;
}

/// Whether the store can be reached, for health checks.
#[async_trait]
pub trait Health: Send + Sync {
    /// Asks it something small.
    async fn check(&self) -> Result<(), StoreError>;
}
