//! A store that fails or waits when a test says so.

use async_trait::async_trait;
use domain::bucket::Rate;
use domain::model::access::{AccessContext, RoomAccess};
use domain::model::id::{MessageId, RoomId, RoomUid, Seq, SessionId, SiteId, SiteKeyId, SiteUid, UserId, UserUid};
use domain::model::log::{EventRange, LogLine};
use domain::model::login::SiteTokenId;
use domain::model::message::Message;
use domain::model::name::Username;
use domain::model::rank::Rank;
use domain::model::room::{Head, NewRoom, Room};
use domain::model::sanction::{Sanction, SanctionKind, SanctionLine};
use domain::model::session::Session;
use domain::model::site::{NewSite, Site, SiteChange};
use domain::model::site_key::{Kid, NewSiteKey, SiteKey};
use domain::model::text::Nonce;
use domain::model::time::{Span, Timestamp};
use domain::model::user::{Member, Network, NewUser, PasswordHash, User, UserChange};
use domain::ports::effects::Charge;
use domain::ports::log::{AppendError, AppendResult, Log, LogEntry};
use domain::ports::readers::{AccessReader, EventReader, MessageReader, Position, SanctionReader};
use domain::ports::store::{
    AccountStore, Deletion, Health, QuotaStore, RoomStore, SignIn, SignInResult, SiteStore, SiteUser, StoreError,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// How a call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// [`StoreError::Failed`], in words that no client may read.
    Fail,
    /// [`StoreError::Busy`], for two seconds.
    Busy,
    /// It waits until [`Faults::release`], and then goes on.
    Hold,
}

/// What fails, by the name of port and method: `accounts.create`, `log.append`, `history.access_context`.
#[derive(Debug, Default)]
pub struct Faults {
    plans: Mutex<HashMap<&'static str, Plan>>,
    released: Notify,
}

#[derive(Debug, Default)]
struct Plan {
    calls: u32,
    always: Option<Fault>,
    once: HashMap<u32, Fault>,
}

impl Faults {
    /// Every call of `method` goes wrong from now on.
    pub fn always(&self, method: &'static str, fault: Fault) {
        self.plan(method, |plan| plan.always = Some(fault));
    }

    /// The `nth` call of `method` from now on goes wrong, counted from 1, and no other.
    pub fn nth(&self, method: &'static str, nth: u32, fault: Fault) {
        self.plan(method, |plan| {
            plan.once.insert(plan.calls + nth, fault);
        });
    }

    /// Nothing goes wrong any more.
    pub fn heal(&self) {
        for plan in self.plans.lock().expect("nobody panics here").values_mut() {
            (plan.always, plan.once) = (None, HashMap::new());
        }
    }

    /// Lets every call go on that waits now.
    pub fn release(&self) {
        self.released.notify_waiters();
    }

    /// How often `method` was called, gone wrong or not.
    pub fn calls(&self, method: &'static str) -> u32 {
        self.plan(method, |plan| plan.calls)
    }

    fn plan<T>(&self, method: &'static str, change: impl FnOnce(&mut Plan) -> T) -> T {
        change(self.plans.lock().expect("nobody panics here").entry(method).or_default())
    }

    async fn pass(&self, method: &'static str) -> Result<(), StoreError> {
        let released = self.released.notified();
        let fault = self.plan(method, |plan| {
            plan.calls += 1;
            plan.once.remove(&plan.calls).or(plan.always)
        });
        match fault {
            None => Ok(()),
            Some(Fault::Fail) => Err(StoreError::Failed(format!("{method}: secret words of the driver"))),
            Some(Fault::Busy) => Err(StoreError::Busy { retry_after: Span::seconds(2) }),
            Some(Fault::Hold) => {
                released.await;
                Ok(())
            }
        }
    }
}

/// A store behind [`Faults`]. What goes wrong never reaches it.
pub struct Faulty<S> {
    store: Arc<S>,
    faults: Arc<Faults>,
}

impl<S> Faulty<S> {
    /// `store`, gone wrong as `faults` says.
    pub fn new(store: Arc<S>, faults: Arc<Faults>) -> Faulty<S> {
        Faulty { store, faults }
    }
}

/// Implements a port by asking the faults first and the store then.
macro_rules! forward {
    ($port:ident as $name:literal { $($method:ident($($argument:ident: $type:ty),*) -> $answer:ty;)+ }) => {
        #[async_trait]
        impl<S: $port> $port for Faulty<S> {
            $(
                async fn $method(&self, $($argument: $type),*) -> $answer {
                    self.faults.pass(concat!($name, ".", stringify!($method))).await?;
                    self.store.$method($($argument),*).await
                }
            )+
        }
    };
}

forward! { AccountStore as "accounts" {
    create(user: NewUser) -> Result<User, StoreError>;
    guest(key: &str, user: NewUser) -> Result<User, StoreError>;
    user(id: UserId) -> Result<Option<User>, StoreError>;
    user_by_uid(uid: &UserUid) -> Result<Option<User>, StoreError>;
    user_ever(uid: &UserUid) -> Result<Option<User>, StoreError>;
    credentials(username: &Username) -> Result<Option<(User, PasswordHash)>, StoreError>;
    find(room: RoomId, typed: &str, limit: usize) -> Result<Vec<Member>, StoreError>;
    list(search: Option<&str>, after: UserId, limit: usize) -> Result<Vec<User>, StoreError>;
    update(id: UserId, change: UserChange) -> Result<Option<User>, StoreError>;
    delete(id: UserId, at: Timestamp) -> Result<Deletion, StoreError>;
    free_names(now: Timestamp, limit: usize) -> Result<usize, StoreError>;
    forget_guests(made_before: Timestamp, now: Timestamp, after: UserId, limit: usize) -> Result<(usize, Option<UserId>), StoreError>;
    open_session(user: UserId, now: Timestamp, expires_at: Timestamp) -> Result<Session, StoreError>;
    session(id: SessionId, now: Timestamp) -> Result<Option<(Session, User)>, StoreError>;
    alive(sessions: &[SessionId], now: Timestamp) -> Result<Vec<SessionId>, StoreError>;
    slide_session(id: SessionId, expires_at: Timestamp) -> Result<(), StoreError>;
    end_session(id: SessionId) -> Result<bool, StoreError>;
    keep_ticket(fingerprint: &str, session: SessionId, now: Timestamp, expires_at: Timestamp) -> Result<(), StoreError>;
    take_ticket(fingerprint: &str, now: Timestamp) -> Result<Option<SessionId>, StoreError>;
}}

forward! { RoomStore as "rooms" {
    create(room: NewRoom) -> Result<Room, StoreError>;
    room(uid: &RoomUid) -> Result<Option<Room>, StoreError>;
    room_by_id(id: RoomId) -> Result<Option<Room>, StoreError>;
    list(owner: Option<UserId>, after: RoomId, limit: usize) -> Result<Vec<Room>, StoreError>;
    appointed(room: RoomId) -> Result<Vec<Member>, StoreError>;
    members(room: RoomId, users: &[UserId]) -> Result<Vec<Member>, StoreError>;
    unused_rooms_of_guests(made_before: Timestamp, after: RoomId, limit: usize) -> Result<Vec<Room>, StoreError>;
    forget_sanctions(over_before: Timestamp, limit: usize) -> Result<usize, StoreError>;
}}

forward! { SiteStore as "sites" {
    create(site: NewSite) -> Result<Site, StoreError>;
    site(uid: &SiteUid) -> Result<Option<Site>, StoreError>;
    list(owner: Option<UserId>, after: SiteId, limit: usize) -> Result<Vec<Site>, StoreError>;
    update(id: SiteId, change: SiteChange) -> Result<Option<Site>, StoreError>;
    delete(id: SiteId) -> Result<bool, StoreError>;
    add_key(key: NewSiteKey) -> Result<Option<SiteKey>, StoreError>;
    keys(site: SiteId) -> Result<Vec<SiteKey>, StoreError>;
    signing(uid: &SiteUid) -> Result<Option<(Site, Vec<SiteKey>)>, StoreError>;
    key_used(key: SiteKeyId, at: Timestamp) -> Result<(), StoreError>;
    sign_in(sign_in: SignIn) -> Result<SignInResult, StoreError>;
    site_user(site: SiteId, subject: &str) -> Result<Option<SiteUser>, StoreError>;
    end_tokens(site: SiteId, subject: &str, at: Timestamp) -> Result<(), StoreError>;
    end_tokens_of(user: UserId, at: Timestamp) -> Result<(), StoreError>;
    ended(tokens: &[SiteTokenId]) -> Result<Vec<SiteTokenId>, StoreError>;
    delete_key(site: SiteId, kid: &Kid) -> Result<bool, StoreError>;
}}

forward! { QuotaStore as "quotas" {
    charge(charges: &[(Charge<'_>, Rate)], now: Timestamp) -> Result<Result<(), Span>, StoreError>;
    forget_full(full_before: Timestamp, after: &str, limit: usize) -> Result<(usize, Option<String>), StoreError>;
}}

forward! { Log as "log" {
    append(entry: LogEntry) -> Result<AppendResult, AppendError>;
}}

forward! { MessageReader as "messages" {
    messages(room: RoomId, from: Position, limit: usize) -> Result<(Vec<Message>, bool), StoreError>;
    messages_of(room: RoomId, author: UserId, from: Position, limit: usize) -> Result<(Vec<Message>, bool), StoreError>;
    snapshot(room: RoomId, limit: usize) -> Result<Option<(Head, Vec<Message>)>, StoreError>;
    posted(room: RoomId, author: UserId, nonce: &Nonce) -> Result<Option<Message>, StoreError>;
    message(id: MessageId) -> Result<Option<Message>, StoreError>;
}}

forward! { EventReader as "events" {
    event_range(room: RoomId, since: Seq, limit: usize) -> Result<Option<EventRange>, StoreError>;
    heads(rooms: &[RoomId]) -> Result<Vec<(RoomId, Head)>, StoreError>;
    changed_since(rooms: &[(RoomId, Seq)]) -> Result<Vec<RoomId>, StoreError>;
    log(room: RoomId, before: Option<Seq>, limit: usize) -> Result<Vec<LogLine>, StoreError>;
    log_about(room: RoomId, subject: UserId, before: Option<Seq>, limit: usize) -> Result<Vec<LogLine>, StoreError>;
}}

forward! { SanctionReader as "sanctions" {
    sanctions(room: Option<RoomId>, now: Timestamp, before: Option<i64>, limit: usize)
        -> Result<Vec<SanctionLine>, StoreError>;
    sanctions_of(room: RoomId, user: UserId, now: Timestamp) -> Result<Vec<SanctionLine>, StoreError>;
    sanction(room: Option<RoomId>, user: UserId, kind: SanctionKind, now: Timestamp)
        -> Result<Option<Sanction>, StoreError>;
    sanctions_everywhere(user: Option<UserId>, network: Option<&Network>, now: Timestamp)
        -> Result<Vec<Sanction>, StoreError>;
}}

forward! { AccessReader as "access" {
    access_context(room: &RoomUid, user: Option<UserId>, network: Option<&Network>, now: Timestamp)
        -> Result<Option<AccessContext>, StoreError>;
    room_access(room: Option<&RoomUid>, now: Timestamp, limit: usize) -> Result<Option<RoomAccess>, StoreError>;
    highest_rank_on_network(network: &Network) -> Result<(usize, Option<Rank>), StoreError>;
}}

forward! { Health as "health" {
    check() -> Result<(), StoreError>;
}}
