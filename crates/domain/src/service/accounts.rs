//! Logging in and being somebody.

use crate::model::id::{SessionId, UserId, UserUid};
use crate::model::name::{DisplayName, Username};
use crate::model::rank::Rank;
use crate::model::sanction::{Sanction, SanctionKind};
use crate::model::session::LIFETIME;
use crate::model::text::{Invalid, Password};
use crate::model::time::{Span, Timestamp};
use crate::model::user::is_plain_address;
use crate::model::user::{Member, NewPassword, NewUser, PasswordHash, User, UserChange};
use crate::policy::{self, Action, Denied};
use crate::ports::effects::{Charge, Priority, Quota};
use crate::ports::store::{Deletion, StoreError};
use crate::service::error::{Error, RateLimitKind, Resource};
use crate::service::{Caller, ClientInfo, Guests, Ports, Settings};

/// How often rooms that came meanwhile are handed over before somebody who leaves is asked to come back.
const HAND_OVERS: usize = 5;

/// A login that just began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The account, as stored.
    pub user: User,
    /// What proves it from now on.
    pub token: String,
    /// The session that the token names.
    pub session: SessionId,
}

/// What is to change of a user; texts as they were typed.
#[derive(Clone, Default)]
pub struct Profile {
    /// A new display name.
    pub display_name: Option<String>,
    /// A new picture; an empty one takes it away.
    pub picture: Option<String>,
    /// A new password.
    pub password: Option<String>,
    /// What proves that it is the user who changes the password.
    pub current_password: Option<String>,
    /// The rank that shall hold everywhere: registered, super_mod or admin.
    pub rank: Option<Rank>,
}

/// The service of users and logins.
#[derive(Clone)]
pub struct Accounts {
    pub(super) ports: Ports,
    pub(super) settings: Settings,
}

impl Accounts {
    pub(crate) fn new(ports: Ports, settings: Settings) -> Accounts {
        Accounts { ports, settings }
    }

    /// Makes a guest, or finds the one that this address is.
    pub async fn guest(&self, client: &ClientInfo) -> Result<Login, Error> {
        let now = self.ports.clock.now();
        if self.settings.guests == Guests::Off {
            return Err(Error::GuestsOff);
        }
        let of_server = Charge::one(Quota::GuestOfServer, "");
        let charges: Vec<_> = client.charges(Quota::Guest, 1).chain([of_server]).collect();
        self.ports.charge(&charges, RateLimitKind::Other).await?;
        // A network's ban covers every guest: nobody is made only to be sent away.
        self.refuse_banned(None, client, now).await?;
        // Two networks' keys never match a secret: they have another length.
        let key = match self.settings.guests {
            Guests::Browser => self.ports.ids.secret(),
            _ => client.network.0.clone(),
        };
        let user = self.new_guest(&key, client, now).await?;
        self.refuse_banned(Some(&user), client, now).await?;
        self.seen(&user, client).await?;
        self.begin(user, now).await
    }

    async fn new_guest(&self, key: &str, client: &ClientInfo, now: Timestamp) -> Result<User, Error> {
        // Names are drawn until one is free, from a wider range each time.
        for digits in [10_000, 1_000_000, 1_000_000, 1_000_000_000] {
            let user = NewUser {
                uid: self.ports.ids.user_uid(),
                login: None,
                display_name: DisplayName::guest(self.ports.ids.below(digits)),
                rank: Rank::Guest,
                network: Some(client.network.clone()),
                country: client.country.clone(),
                created_at: now,
            };
            match self.ports.accounts.guest(key, user).await {
                Err(StoreError::NameTaken) => continue,
                result => return Ok(result?),
            }
        }
        Err(Error::Busy { retry_after: Span::seconds(1) })
    }

    /// Makes a registered user and logs in.
    pub async fn register(&self, username: &str, password: &str, client: &ClientInfo) -> Result<Login, Error> {
        let now = self.ports.clock.now();
        let username = Username::parse(username)?;
        let password = Password::parse(password)?;
        let charges: Vec<_> = client.charges(Quota::Register, 1).collect();
        self.ports.charge(&charges, RateLimitKind::Other).await?;
        self.refuse_banned(None, client, now).await?;
        let hash = self.ports.hasher.hash(password, Priority::Stranger).await?;
        let user = self.create(username, hash, Rank::Registered, Some(client), now).await?;
        self.begin(user, now).await
    }

    pub(super) async fn create(
        &self,
        username: Username,
        hash: PasswordHash,
        rank: Rank,
        client: Option<&ClientInfo>,
        now: Timestamp,
    ) -> Result<User, Error> {
        let user = NewUser {
            uid: self.ports.ids.user_uid(),
            display_name: DisplayName::from(&username),
            login: Some((username, hash)),
            rank,
            network: client.map(|client| client.network.clone()),
            country: client.and_then(|client| client.country.clone()),
            created_at: now,
        };
        Ok(self.ports.accounts.create(user).await?)
    }

    /// Logs in by password. Tries are counted by network, by name and network together, and, from networks where the
    /// user was not last seen, by name: so nobody can keep somebody else out of where they usually are.
    pub async fn login(&self, username: &str, password: &str, client: &ClientInfo) -> Result<Login, Error> {
        let now = self.ports.clock.now();
        // A name or password that cannot be anybody's is answered like a wrong one.
        let (Ok(name), Ok(password)) = (Username::parse_login(username), Password::parse(password)) else {
            return Err(Error::CredentialsWrong);
        };
        let key = format!("{} {}", name.folded(), client.network.0);
        let of_name = Charge::one(Quota::LoginOfName, &key);
        let charges: Vec<_> = client.charges(Quota::LoginFromNetwork, 1).chain([of_name]).collect();
        self.ports.charge(&charges, RateLimitKind::Login).await?;
        let found = self.ports.accounts.credentials(&name).await?;
        let (user, hash) = found.unzip();
        let from_home = user.as_ref().is_some_and(|user| user.network.as_ref() == Some(&client.network));
        let priority = if from_home { Priority::Known } else { Priority::Stranger };
        if !from_home {
            self.count(Quota::LoginFromAfar, &name.folded(), RateLimitKind::Login).await?;
        }
        let right = self.ports.hasher.verify(password, hash.clone(), priority).await?;
        let Some(user) = user.filter(|_| right) else { return Err(Error::CredentialsWrong) };
        self.refuse_banned(Some(&user), client, now).await?;
        self.seen(&user, client).await?;
        let login = self.begin(user, now).await?;
        self.still_good(&name, hash.as_ref(), &login, client).await?;
        Ok(login)
    }

    /// A password takes a quarter of a second to check: if it was changed meanwhile, or the user banned, those who did it
    /// ended the logins that they found, and this one is ended here.
    async fn still_good(
        &self,
        name: &Username,
        hash: Option<&PasswordHash>,
        login: &Login,
        client: &ClientInfo,
    ) -> Result<(), Error> {
        let found = self.ports.accounts.credentials(name).await?;
        let good = if found.is_some_and(|(_, present)| Some(&present) == hash) {
            self.refuse_banned(Some(&login.user), client, self.ports.clock.now()).await
        } else {
            Err(Error::CredentialsWrong)
        };
        if good.is_err() {
            self.ports.accounts.end_session(login.session).await?;
        }
        good
    }

    async fn begin(&self, user: User, now: Timestamp) -> Result<Login, Error> {
        let session = self.ports.accounts.open_session(user.id, now, now + LIFETIME).await?;
        let token = self.ports.tokens.issue(session.id, &user.uid, now, session.expires_at);
        Ok(Login { user, token, session: session.id })
    }

    pub(super) async fn seen(&self, user: &User, client: &ClientInfo) -> Result<(), Error> {
        if user.network.as_ref() != Some(&client.network) {
            let change = UserChange {
                network: Some(client.network.clone()),
                country: client.country.clone(),
                ..UserChange::default()
            };
            self.ports.accounts.update(user.id, change).await?;
        }
        Ok(())
    }

    async fn refuse_banned(&self, user: Option<&User>, client: &ClientInfo, now: Timestamp) -> Result<(), Error> {
        let id = user.map(|user| user.id);
        let given = self.ports.sanctions.sanctions_everywhere(id, Some(&client.network), now).await?;
        // Somebody not made yet is newer than any sanction of the network.
        let member = user.cloned().map(Member::outside);
        let covers = |s: &&Sanction| member.as_ref().is_none_or(|member| s.covers(member, Some(&client.network)));
        match given.iter().filter(|s| s.kind == SanctionKind::Ban && s.in_force(now)).find(covers) {
            Some(sanction) => Err(Error::sanctioned(sanction, now)),
            None => Ok(()),
        }
    }

    /// What everybody may know of a user.
    pub async fn user(&self, uid: &UserUid) -> Result<User, Error> {
        self.ports.accounts.user_by_uid(uid).await?.ok_or(Error::NoSuch(Resource::User))
    }

    /// Users above `after`, for those who administer.
    pub async fn list(
        &self,
        caller: &Caller,
        search: Option<&str>,
        after: UserId,
        limit: usize,
    ) -> Result<Vec<User>, Error> {
        policy::may(&caller.user, Action::Administer)?;
        let search = search.map(str::trim).filter(|search| !search.is_empty()).map(str::to_lowercase);
        // PostgreSQL stores no NUL in a text, and no name holds the rest.
        if search.as_deref().is_some_and(|search| search.chars().any(char::is_control)) {
            return Err(Invalid::new("search", "holds control characters").into());
        }
        Ok(self.ports.accounts.list(search.as_deref(), after, limit).await?)
    }

    /// Changes a user: oneself, or as admin somebody below.
    pub async fn change(&self, caller: &Caller, uid: &UserUid, profile: Profile) -> Result<User, Error> {
        let subject = self.user(uid).await?;
        let own = subject.id == caller.user.id;
        // The next token would give the name and the picture again.
        if subject.site.is_some() && (profile.display_name.is_some() || profile.picture.is_some()) {
            return Err(Error::AccountRequired);
        }
        if !own {
            policy::may_to(&caller.user, Action::Administer, &subject)?;
        }
        let mut change = UserChange::default();
        if let Some(name) = &profile.display_name
            && name != subject.display_name.as_str()
        {
            change.display_name = Some(self.new_name(&subject, name)?);
        }
        if let Some(picture) = &profile.picture {
            let picture = picture_address(picture)?;
            change.picture = (picture != subject.picture).then_some(picture);
        }
        if own && change != UserChange::default() {
            self.refuse_timed_out(&subject, caller).await?;
            self.count(Quota::Rename, caller.user.uid.as_str(), RateLimitKind::Other).await?;
        }
        if let Some(rank) = profile.rank.filter(|rank| *rank != subject.rank) {
            change.rank = Some(allowed_rank(caller, &subject, rank)?);
        }
        if let Some(password) = &profile.password {
            let hash = self.new_password(&subject, password, own.then_some(caller), &profile).await?;
            change.password = Some(NewPassword { hash, keep: caller.login.session().filter(|_| own) });
        }
        if change == UserChange::default() {
            return Ok(subject);
        }
        self.ports.accounts.update(subject.id, change).await?.ok_or(Error::NoSuch(Resource::User))
    }

    fn new_name(&self, subject: &User, typed: &str) -> Result<DisplayName, Error> {
        // Whoever has a reserved name by right (root) may take it back.
        if subject.username.as_ref().is_some_and(|username| username.as_str() == typed.trim()) {
            return Ok(DisplayName::stored(typed.trim().to_owned()));
        }
        Ok(DisplayName::parse(typed)?)
    }

    /// Somebody who may not write anywhere may not write by renaming either.
    async fn refuse_timed_out(&self, subject: &User, caller: &Caller) -> Result<(), Error> {
        let now = self.ports.clock.now();
        let given = self.ports.sanctions.sanctions_everywhere(Some(subject.id), Some(&caller.network), now).await?;
        let member = Member::outside(subject.clone());
        match given.iter().find(|s| s.in_force(now) && s.covers(&member, Some(&caller.network))) {
            Some(sanction) => Err(Error::sanctioned(sanction, now)),
            None => Ok(()),
        }
    }

    async fn new_password(
        &self,
        subject: &User,
        typed: &str,
        own: Option<&Caller>,
        profile: &Profile,
    ) -> Result<PasswordHash, Error> {
        let Some(username) = &subject.username else {
            return Err(Invalid::new("password", "cannot be given to a guest").into());
        };
        let password = Password::parse(typed)?;
        if let Some(caller) = own {
            // A token that was left lying about must not be enough to take an account over.
            let current = profile.current_password.as_deref().unwrap_or_default();
            let current = Password::parse(current).map_err(|_| Error::CredentialsWrong)?;
            self.count(Quota::LoginOfName, &caller.session()?.to_string(), RateLimitKind::Login).await?;
            let hash = self.ports.accounts.credentials(username).await?.map(|(_, hash)| hash);
            if !self.ports.hasher.verify(current, hash, Priority::Known).await? {
                return Err(Error::CredentialsWrong);
            }
        }
        Ok(self.ports.hasher.hash(password, Priority::Known).await?)
    }

    /// Erases a user: oneself, or as admin somebody below. Rooms that the user owns pass to the moderator whose account is
    /// the oldest; those without a moderator close. Root stays; so does a guest who wants to go, because the next
    /// click would make a new one, without the sanctions and the slow mode of the old.
    pub async fn delete(&self, caller: &Caller, uid: &UserUid) -> Result<(), Error> {
        let subject = self.user(uid).await?;
        if subject.rank == Rank::Root {
            return Err(Denied::Outranked.into());
        }
        if subject.id != caller.user.id {
            policy::may_to(&caller.user, Action::Administer, &subject)?;
        } else if subject.is_guest() {
            return Err(Denied::Rank { least: Rank::Registered }.into());
        }
        self.erase(&caller.user, &subject).await
    }

    /// Hands over the rooms of a user in the name of `actor`, and erases the user.
    pub(super) async fn erase(&self, actor: &User, subject: &User) -> Result<(), Error> {
        for _ in 0..HAND_OVERS {
            self.hand_over_rooms(actor, subject).await?;
            match self.ports.accounts.delete(subject.id, self.ports.clock.now()).await? {
                Deletion::Done => return Ok(()),
                Deletion::Gone => return Err(Error::NoSuch(Resource::User)),
                // A room came meanwhile: made, or handed over by somebody else who leaves.
                Deletion::OwnsRooms => {}
            }
        }
        Err(Error::Busy { retry_after: Span::seconds(1) })
    }

    /// Makes root if there is none; true when it was made now. Called at every start, before anybody can register.
    pub async fn ensure_root(&self, password: Password) -> Result<bool, Error> {
        let now = self.ports.clock.now();
        let username = Username::root();
        if self.ports.accounts.credentials(&username).await?.is_some() {
            return Ok(false);
        }
        let hash = self.ports.hasher.hash(password, Priority::Known).await?;
        match self.create(username, hash, Rank::Root, None, now).await {
            // Another node was faster.
            Err(Error::NameTaken) => Ok(false),
            other => other.map(|_| true),
        }
    }

    pub(super) async fn count(&self, quota: Quota, key: &str, pace: RateLimitKind) -> Result<(), Error> {
        self.ports.charge(&[Charge::one(quota, key)], pace).await
    }
}

/// Only an admin makes moderators of every room, only root makes admins, and root is nobody else.
fn allowed_rank(caller: &Caller, subject: &User, rank: Rank) -> Result<Rank, Error> {
    let needs = |rank| match rank {
        Rank::Admin | Rank::Root => Action::GrantAdmin,
        _ => Action::GrantSuperMod,
    };
    if rank == Rank::Root || rank.is_of_a_room() || rank == Rank::Guest || subject.username.is_none() {
        return Err(Invalid::new("roles", "must be super_mod, admin, or none, and a guest has none").into());
    }
    policy::may_to(&caller.user, needs(rank), subject)?;
    Ok(rank)
}

fn picture_address(typed: &str) -> Result<Option<String>, Error> {
    let typed = typed.trim();
    if typed.is_empty() {
        return Ok(None);
    }
    let is_placed = typed.starts_with("https://") || (typed.starts_with('/') && !typed.starts_with("//"));
    let allowed = is_placed && is_plain_address(typed);
    if !allowed {
        return Err(Invalid::new("picture", "must be an address with https: or a path, at most 500 bytes").into());
    }
    Ok(Some(typed.to_owned()))
}
