//! What the operator does at the command line of the server's machine: nobody is asked for a rank there.

use crate::model::id::{RoomId, RoomUid, Seq, SiteId, SiteUid, UserId};
use crate::model::log::EventRange;
use crate::model::name::Username;
use crate::model::rank::Rank;
use crate::model::room::Room;
use crate::model::site::Site;
use crate::model::text::{Invalid, Password};
use crate::model::time::{Span, Timestamp};
use crate::model::user::{NewPassword, PasswordHash, User, UserChange};
use crate::ports::effects::Priority;
use crate::ports::log::{AppendError, LogCommand, LogEntry};
use crate::service::Ports;
use crate::service::accounts::Accounts;
use crate::service::error::{Error, Resource};
use crate::service::sites::{KeyRequest, MadeKey, Sites};
use crate::service::suggestion;

/// How many rows one sweep's transaction takes.
const SWEPT_AT_ONCE: usize = 500;

/// How long guests and rooms of guests in which nobody wrote are kept.
const KEPT_IDLE: Span = Span::days(30);

/// How much a sweep forgot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Sanctions that were over.
    pub sanctions: usize,
    /// Looks of names of deleted accounts, free again.
    pub names: usize,
    /// Guests of whom nothing was left.
    pub guests: usize,
    /// Empty rooms of guests, closed.
    pub rooms: usize,
    /// Buckets of shared quotas that were full again.
    pub buckets: usize,
}

/// How many guests one sweep's transaction looks at: each may cost a look into every room.
const GUESTS_AT_ONCE: usize = 20;

/// The service of whoever runs the server.
#[derive(Clone)]
pub struct Operator {
    ports: Ports,
    accounts: Accounts,
    sites: Sites,
}

impl Operator {
    pub(crate) fn new(ports: Ports, accounts: Accounts, sites: Sites) -> Operator {
        Operator { ports, accounts, sites }
    }

    /// A password that nobody guesses.
    pub fn strong_password(&self) -> String {
        suggestion::password(&*self.ports.ids)
    }

    /// Makes a user who holds `rank` everywhere: registered, super_mod or admin.
    pub async fn create(&self, username: &str, password: &str, rank: Rank) -> Result<User, Error> {
        let username = Username::parse(username)?;
        let rank = grantable(rank)?;
        let hash = self.hash(password).await?;
        self.accounts.create(username, hash, rank, None, self.ports.clock.now()).await
    }

    /// Gives somebody, root too, another password; all logins of that user end.
    pub async fn set_password(&self, username: &str, password: &str) -> Result<User, Error> {
        let user = self.called(username).await?;
        let password = NewPassword { hash: self.hash(password).await?, keep: None };
        let change = UserChange { password: Some(password), ..UserChange::default() };
        self.ports.accounts.update(user.id, change).await?.ok_or(Error::NoSuch(Resource::User))
    }

    /// Sets the rank that somebody holds everywhere; root stays root.
    pub async fn set_rank(&self, username: &str, rank: Rank) -> Result<User, Error> {
        let rank = grantable(rank)?;
        let user = self.called(username).await?;
        if user.rank == Rank::Root {
            return Err(Invalid::new("username", "is root, whose rank never changes").into());
        }
        let change = UserChange { rank: Some(rank), ..UserChange::default() };
        self.ports.accounts.update(user.id, change).await?.ok_or(Error::NoSuch(Resource::User))
    }

    /// Makes a site that the user of this name owns.
    pub async fn create_site(&self, owner: &str, name: &str, origins: &[String]) -> Result<Site, Error> {
        let owner = self.called(owner).await?;
        self.sites.create_for(owner.id, name, origins).await
    }

    /// Sites above `after`, at most `limit`.
    pub async fn sites(&self, after: SiteId, limit: usize) -> Result<Vec<Site>, Error> {
        Ok(self.ports.sites.list(None, after, limit).await?)
    }

    /// Makes a key for a site.
    pub async fn add_site_key(&self, site: &SiteUid, request: KeyRequest) -> Result<MadeKey, Error> {
        let site = self.sites.known(site).await?;
        self.sites.add_key_to(&site, request).await
    }

    /// Rooms above `after`, at most `limit`.
    pub async fn rooms(&self, after: RoomId, limit: usize) -> Result<Vec<Room>, Error> {
        Ok(self.ports.rooms.list(None, after, limit).await?)
    }

    /// A room by its uid.
    pub async fn room(&self, uid: &RoomUid) -> Result<Room, Error> {
        self.ports.rooms.room(uid).await?.ok_or(Error::NoSuch(Resource::Room))
    }

    /// What stands in a room's log after `since`, at most `limit` events.
    pub async fn log(&self, room: RoomId, since: Seq, limit: usize) -> Result<EventRange, Error> {
        self.ports.events.event_range(room, since, limit).await?.ok_or(Error::NoSuch(Resource::Room))
    }

    /// Forgets what is over, a few at a time. Sanctions are kept for a day, in case another node's clock goes behind.
    pub async fn sweep(&self) -> Result<Swept, Error> {
        let now = self.ports.clock.now();
        let mut swept = Swept::default();
        loop {
            let over_before = Timestamp(now.0 - Span::days(1).as_millis());
            let some = self.ports.rooms.forget_sanctions(over_before, SWEPT_AT_ONCE).await?;
            swept.sanctions += some;
            if some < SWEPT_AT_ONCE {
                break;
            }
        }
        loop {
            let some = self.ports.accounts.free_names(now, SWEPT_AT_ONCE).await?;
            swept.names += some;
            if some < SWEPT_AT_ONCE {
                break;
            }
        }
        let made_before = Timestamp(now.0 - KEPT_IDLE.as_millis());
        swept.rooms = self.close_unused_rooms_of_guests(made_before).await?;
        let mut after = Some(UserId(0));
        while let Some(from) = after {
            let (some, next) = self.ports.accounts.forget_guests(made_before, now, from, GUESTS_AT_ONCE).await?;
            swept.guests += some;
            after = next;
        }
        if let Some(shared) = &self.ports.shared_quotas {
            swept.buckets = shared.sweep(now, SWEPT_AT_ONCE).await?;
        }
        Ok(swept)
    }

    async fn close_unused_rooms_of_guests(&self, made_before: Timestamp) -> Result<usize, Error> {
        let (mut closed, mut after) = (0, RoomId::SERVER);
        loop {
            let rooms = self.ports.rooms.unused_rooms_of_guests(made_before, after, SWEPT_AT_ONCE).await?;
            let Some(last) = rooms.last() else { return Ok(closed) };
            after = last.id;
            for room in rooms {
                let owner = self.ports.rooms.members(room.id, &[room.owner]).await?.pop();
                let Some(actor) = owner else { continue };
                let at = self.ports.clock.now();
                let entry = LogEntry { room: room.id, actor, at, command: LogCommand::CloseUnused };
                // One whose owner is banned stays until the ban is over, and one that is used now stays for good.
                match self.ports.log.append(entry).await {
                    Ok(_) => closed += 1,
                    Err(AppendError::Store(error)) => return Err(error.into()),
                    Err(_) => {}
                }
            }
        }
    }

    async fn called(&self, username: &str) -> Result<User, Error> {
        let username = Username::parse_login(username)?;
        let found = self.ports.accounts.credentials(&username).await?;
        found.map(|(user, _)| user).ok_or(Error::NoSuch(Resource::User))
    }

    async fn hash(&self, password: &str) -> Result<PasswordHash, Error> {
        Ok(self.ports.hasher.hash(Password::parse(password)?, Priority::Known).await?)
    }
}

fn grantable(rank: Rank) -> Result<Rank, Invalid> {
    match rank {
        Rank::Registered | Rank::SuperMod | Rank::Admin => Ok(rank),
        _ => Err(Invalid::new("role", "must be registered, super_mod or admin")),
    }
}
