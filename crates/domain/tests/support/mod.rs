//! One small world per test: all services over the store in memory, with a clock that stands still.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests: what is not there fails the test")]
#![allow(dead_code, reason = "each test binary uses its part")]

use domain::command::Input;
use domain::model::event::{EventKind, ModerationAction};
use domain::model::id::{MessageId, RoomUid, Seq};
use domain::model::message::Message;
use domain::model::rank::Rank;
use domain::model::sanction::SanctionKind;
use domain::model::time::{Duration, Span};
use domain::ports::effects::{Clock, RateLimiter, Rates};
use domain::ports::readers::{AccessReader, Position};
use domain::service::access::AccessCache;
use domain::service::chat::NewMessage;
use domain::service::error::Error;
use domain::service::moderation::SanctionRequest;
use domain::service::quotas::SharedQuotas;
use domain::service::{Caller, ClientInfo, Guests, Ports, Services, Settings};
use std::sync::Arc;
use testkit::builders::{self, PASSWORD, network};
use testkit::bus::RecordingBus;
use testkit::clock::FakeClock;
use testkit::faulty::{Faults, Faulty};
use testkit::hasher::PlainHasher;
use testkit::ids::SeqIds;
use testkit::limiter::{CountingLimiter, OpenLimiter};
use testkit::memory::MemoryStore;
use testkit::tokens::{PlainSiteTokens, PlainTokens};

/// Guests by address, rooms by anybody, limits on.
pub const SETTINGS: Settings = Settings {
    guests: Guests::Address,
    room_creation: Rank::Guest,
    site_creation: Rank::Admin,
    public_url: None,
    limits: true,
};

/// What somebody types.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    pub text: String,
    pub nonce: Option<String>,
    pub reply_to: Option<MessageId>,
}

/// What became of it.
#[derive(Debug)]
pub enum Outcome {
    Message(Box<Message>),
    Command {
        name: &'static str,
        text: String,
    },
    /// A command that concerns a connection.
    Socket(&'static str),
}

/// Everything a story needs.
pub struct World {
    pub services: Services,
    pub ports: Ports,
    pub store: Arc<MemoryStore>,
    pub faults: Arc<Faults>,
    pub bus: Arc<RecordingBus>,
    pub clock: Arc<FakeClock>,
    pub hasher: Arc<PlainHasher>,
    pub limiter: Arc<CountingLimiter>,
}

impl World {
    /// A world where nobody is too fast, except in slow mode and by repeating.
    pub fn new() -> World {
        World::of(SETTINGS, false)
    }

    /// A world with these settings, where nobody is too fast.
    pub fn with(settings: Settings) -> World {
        World::of(settings, false)
    }

    /// A world where every quota is counted and none refilled.
    pub fn limited() -> World {
        World::of(SETTINGS, true)
    }

    fn of(settings: Settings, limited: bool) -> World {
        let bus = Arc::new(RecordingBus::default());
        let (faults, clock) = (Arc::new(Faults::default()), Arc::new(FakeClock::default()));
        let (hasher, limiter) = (Arc::new(PlainHasher::default()), Arc::new(CountingLimiter::default()));
        let access = Arc::new(AccessCache::new(&*bus));
        let store = Arc::new(MemoryStore::new(bus.clone()));
        let faulty = Arc::new(Faulty::new(store.clone(), faults.clone()));
        let counting: Arc<dyn RateLimiter> = limiter.clone();
        let ports = Ports {
            accounts: faulty.clone(),
            rooms: faulty.clone(),
            sites: faulty.clone(),
            log: faulty.clone(),
            messages: faulty.clone(),
            events: faulty.clone(),
            sanctions: faulty.clone(),
            access_reader: faulty,
            access,
            clock: clock.clone(),
            ids: Arc::new(SeqIds::default()),
            hasher: hasher.clone(),
            tokens: Arc::new(PlainTokens),
            site_tokens: Arc::new(PlainSiteTokens),
            limiter: if limited { counting } else { Arc::new(OpenLimiter) },
            shared_quotas: None,
        };
        let services = Services::new(ports.clone(), settings);
        World { services, ports, store, faults, bus, clock, hasher, limiter }
    }

    /// One of several nodes over the store of this world, which counts by these rates together with the others; and what it
    /// counts in its own memory.
    pub fn node(&self, rates: &Rates) -> (Services, Arc<CountingLimiter>) {
        let limiter = Arc::new(CountingLimiter::default());
        let store = Arc::new(Faulty::new(self.store.clone(), self.faults.clone()));
        let shared_quotas = Some(SharedQuotas::new(store, rates.clone()));
        let ports = Ports { limiter: limiter.clone(), shared_quotas, ..self.ports.clone() };
        (Services::new(ports, SETTINGS), limiter)
    }

    /// Whoever registers under that name from a network of the same name.
    pub async fn person(&self, name: &str) -> Caller {
        let client = client(name);
        let login = self.services.accounts.register(name, PASSWORD, &client).await.expect("the name is free");
        Caller::of_session(login.user, login.session, client.network)
    }

    /// Somebody of this rank everywhere.
    pub async fn ranked(&self, name: &str, rank: Rank) -> Caller {
        let user = builders::user(name).rank(rank).at(name).create(&*self.store).await;
        let login = self.services.accounts.login(name, PASSWORD, &client(name)).await.expect("a login");
        Caller::of_session(user, login.session, network(name))
    }

    /// The guest from that address.
    pub async fn guest(&self, address: &str) -> Caller {
        let login = self.services.accounts.guest(&client(address)).await.expect("guests are welcome");
        Caller::of_session(login.user, login.session, network(address))
    }

    /// A room that `owner` made.
    pub async fn room(&self, owner: &Caller) -> RoomUid {
        self.services.rooms.create(owner, "lobby", "", None).await.expect("rooms are welcome").uid
    }

    /// A person whom `owner` gave a rank.
    pub async fn appointed(&self, owner: &Caller, room: &RoomUid, name: &str, action: ModerationAction) -> Caller {
        let person = self.person(name).await;
        self.services.rooms.appoint(owner, room, &person.user.uid, action).await.expect("the owner may");
        person
    }

    /// One of each rank that counts in `owner`'s room, lowest first.
    pub async fn ranks(&self, owner: &Caller, room: &RoomUid) -> Vec<(Rank, Caller)> {
        vec![
            (Rank::Guest, self.guest("guest").await),
            (Rank::Registered, self.person("reg").await),
            (Rank::Vip, self.appointed(owner, room, "vip", ModerationAction::Vip).await),
            (Rank::Mod, self.appointed(owner, room, "keeper", ModerationAction::Mod).await),
            (Rank::Owner, owner.clone()),
            (Rank::SuperMod, self.ranked("super_", Rank::SuperMod).await),
            (Rank::Admin, self.ranked("adam", Rank::Admin).await),
            (Rank::Root, self.ranked("ruth", Rank::Root).await),
        ]
    }

    /// Types `text` in a room.
    pub async fn say(&self, caller: &Caller, room: &RoomUid, text: &str) -> Result<Outcome, Error> {
        self.send(caller, room, Typed { text: text.to_owned(), ..Typed::default() }).await
    }

    /// Types `text` under a nonce.
    pub async fn say_named(&self, caller: &Caller, room: &RoomUid, text: &str, nonce: &str) -> Result<Outcome, Error> {
        self.send(caller, room, Typed { text: text.to_owned(), nonce: Some(nonce.to_owned()), reply_to: None }).await
    }

    /// Sends something in a room.
    pub async fn send(&self, caller: &Caller, room: &RoomUid, sent: Typed) -> Result<Outcome, Error> {
        self.type_in(Some(caller), Some(room), sent).await
    }

    /// Routes what was typed as HTTP and sockets do.
    pub async fn type_in(
        &self,
        caller: Option<&Caller>,
        room: Option<&RoomUid>,
        typed: Typed,
    ) -> Result<Outcome, Error> {
        let chat = &self.services.chat;
        match Input::parse(&typed.text)? {
            Input::Message(kind, text) => {
                let new = NewMessage { text, kind, nonce: typed.nonce.as_deref(), reply_to: typed.reply_to };
                Ok(Outcome::Message(Box::new(chat.post(caller, room, new).await?)))
            }
            Input::Command(entry, command) => {
                Ok(Outcome::Command { name: entry.name, text: chat.run(caller, room, command).await? })
            }
            Input::Socket(entry, _) => Ok(Outcome::Socket(entry.name)),
        }
    }

    /// Posts `text`, which must succeed.
    pub async fn post(&self, caller: &Caller, room: &RoomUid, text: &str) -> Message {
        message(self.say(caller, room, text).await)
    }

    /// Types a command, which must succeed; what it says.
    pub async fn command(&self, caller: &Caller, room: &RoomUid, line: &str) -> String {
        match self.say(caller, room, line).await {
            Ok(Outcome::Command { text, .. }) => text,
            other => panic!("{line} is a command: {other:?}"),
        }
    }

    /// The texts that stand in a room.
    pub async fn texts(&self, room: &RoomUid) -> Vec<String> {
        let page = self.services.chat.history(None, room, None, Position::End, 100).await.expect("anybody may read");
        page.messages.iter().map(|message| message.text.to_string()).collect()
    }

    /// Where the room's log ends.
    pub async fn head(&self, room: &RoomUid) -> Seq {
        let now = self.clock.now();
        self.store.access_context(room, None, None, now).await.unwrap().expect("the room is there").head.seq
    }

    /// Gives a sanction for `duration`.
    pub async fn sanction(
        &self,
        by: &Caller,
        room: Option<&RoomUid>,
        to: &Caller,
        kind: SanctionKind,
        duration: Duration,
    ) -> Result<(), Error> {
        let measures = SanctionRequest { kind, duration, reason: builders::reason("being rude"), network: false };
        self.services.moderation.sanction(by, room, &to.user.uid, measures).await.map(|_| ())
    }

    /// Bans for ever, which must succeed.
    pub async fn ban(&self, by: &Caller, room: Option<&RoomUid>, to: &Caller) {
        self.sanction(by, room, to, SanctionKind::Ban, Duration::Forever).await.expect("it is allowed");
    }

    /// Lifts both kinds.
    pub async fn lift(&self, by: &Caller, room: Option<&RoomUid>, from: &Caller) -> Result<(), Error> {
        self.services.moderation.lift(by, room, &from.user.uid, None).await.map(|_| ())
    }

    /// The measures that were published since the last look.
    pub fn measures(&self) -> Vec<ModerationAction> {
        let action = |kind| match kind {
            EventKind::Moderated { action, .. } => Some(action),
            _ => None,
        };
        self.bus.drain().into_iter().filter_map(action).collect()
    }
}

/// A client at that address.
pub fn client(address: &str) -> ClientInfo {
    ClientInfo { network: network(address), wider: Vec::new(), country: None }
}

/// So many seconds.
pub fn seconds(count: i64) -> Duration {
    Duration::For(Span::seconds(count))
}

/// The message that was posted.
pub fn message(said: Result<Outcome, Error>) -> Message {
    match said {
        Ok(Outcome::Message(message)) => *message,
        other => panic!("a message: {other:?}"),
    }
}

/// A message that never was.
pub const NO_MESSAGE: MessageId = MessageId(4_000_000);

/// The result is an error of this shape.
#[macro_export]
macro_rules! refused {
    ($result:expr, $pattern:pat $(if $guard:expr)?) => {
        match $result {
            Err($pattern) $(if $guard)? => {}
            other => panic!("{} should be refused as {}: {other:?}", stringify!($result), stringify!($pattern)),
        }
    };
}
