//! The store as the one truth, the faults around it, and the bus that loses, doubles, delays and swaps.

use super::node::Node;
use super::runtime::{Runtime, at_once};
use crate::builders;
use crate::bus::RecordingBus;
use crate::memory::MemoryStore;
use domain::model::event::{Event, EventKind, ModerationAction};
use domain::model::id::{MessageId, RoomId, Seq, UserId};
use domain::model::rank::Rank;
use domain::model::room::Room;
use domain::model::text::Nonce;
use domain::model::time::{Span, Timestamp};
use domain::model::user::Member;
use domain::ports::log::{AppendError, AppendResult, Log, LogCommand, LogEntry};
use domain::ports::store::StoreError;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

/// How often what goes wrong, of a thousand. Each seed leaves some out, so that what is left is seen alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    lose: i64,
    double: i64,
    delay: i64,
    read_fails: i64,
    read_slow: i64,
    append_fails: i64,
    append_slow: i64,
    reply_lost: i64,
    crash: i64,
}

impl Weather {
    fn of(runtime: &Runtime) -> Weather {
        let some = |rate| if runtime.chance.permille(500) { runtime.chance.between(1, rate) } else { 0 };
        Weather {
            lose: some(300),
            double: some(200),
            delay: some(400),
            read_fails: some(200),
            read_slow: some(300),
            append_fails: some(150),
            append_slow: some(200),
            reply_lost: some(150),
            crash: some(15),
        }
    }
}

/// A post that a client was told is in the log.
#[derive(Clone, Debug)]
pub struct Acknowledged {
    pub author: UserId,
    /// Under this name, which is its text too.
    pub nonce: Nonce,
    pub room: RoomId,
    /// As what.
    pub id: MessageId,
    /// At which place.
    pub seq: Seq,
}

/// Everything there is.
pub struct World {
    /// Time, chance and tasks.
    pub runtime: Rc<Runtime>,
    /// The truth.
    pub store: MemoryStore,
    /// Those that run now or will again.
    pub nodes: RefCell<Vec<Rc<Node>>>,
    /// All rooms.
    pub rooms: Vec<Room>,
    /// Who owns them.
    pub owner: Member,
    /// The clients' users.
    pub users: Vec<Member>,
    /// What was committed, in order.
    pub log: RefCell<Vec<Event>>,
    /// What was acknowledged.
    pub acknowledged: RefCell<Vec<Acknowledged>>,
    /// What was wrong first.
    pub failure: RefCell<Option<String>>,
    /// What happened, when somebody wants to read it.
    pub trace: Option<RefCell<Vec<String>>>,
    bus: Arc<RecordingBus>,
    weather: Cell<Weather>,
    gone_until: Cell<i64>,
}

impl World {
    /// Nobody is connected yet.
    pub fn new(seed: u64, traced: bool) -> Rc<World> {
        let runtime = Runtime::new(seed);
        let bus = Arc::new(RecordingBus::default());
        let store = MemoryStore::new(bus.clone());
        let owner = at_once(builders::user("zoe").rank(Rank::Registered).create(&store));
        let rooms: Vec<Room> = (0..runtime.chance.between(1, 2))
            .map(|n| at_once(builders::room(&format!("room {n}")).create(&store, &owner)))
            .collect();
        let users = (0..runtime.chance.between(1, 4))
            .map(|n| Member::outside(at_once(builders::user(["ann", "ben", "cat", "dan"][n as usize]).create(&store))))
            .collect();
        let weather = Cell::new(Weather::of(&runtime));
        let world = Rc::new(World {
            nodes: RefCell::default(),
            rooms,
            owner: Member { user: owner, room_rank: Some(Rank::Owner) },
            users,
            log: RefCell::default(),
            acknowledged: RefCell::default(),
            failure: RefCell::default(),
            trace: traced.then(RefCell::default),
            bus,
            weather,
            gone_until: Cell::new(0),
            store,
            runtime,
        });
        for id in 0..world.runtime.chance.between(1, 3) as usize {
            let node = Node::start(&world, id);
            world.nodes.borrow_mut().push(node);
        }
        world
    }

    /// The time as domain code takes it.
    pub fn now(&self) -> Timestamp {
        builders::NOON + Span::millis(self.runtime.now())
    }

    /// Notes what happened.
    pub fn say(&self, what: impl FnOnce() -> String) {
        if let Some(trace) = &self.trace {
            trace.borrow_mut().push(format!("{:>6} {}", self.runtime.now(), what()));
        }
    }

    /// Something is wrong; the first of it counts.
    pub fn fail(&self, what: impl FnOnce() -> String) {
        if self.failure.borrow().is_none() {
            let what = what();
            self.say(|| format!("WRONG: {what}"));
            *self.failure.borrow_mut() = Some(what);
        }
    }

    /// Whether something was wrong.
    pub fn has_failed(&self) -> bool {
        self.failure.borrow().is_some()
    }

    /// Nothing goes wrong any more.
    pub fn calm(&self) {
        self.weather.set(Weather::default());
        self.gone_until.set(0);
    }

    /// The store cannot be reached for a while.
    pub fn be_gone(&self, ms: i64) {
        self.gone_until.set(self.runtime.now() + ms);
    }

    fn goes_wrong(&self, which: impl Fn(&Weather) -> i64) -> bool {
        self.runtime.chance.permille(which(&self.weather.get()))
    }

    fn check_store(&self, rate: impl Fn(&Weather) -> i64) -> Result<(), StoreError> {
        let is_gone = self.runtime.now() < self.gone_until.get();
        if is_gone || self.goes_wrong(rate) {
            return Err(StoreError::Busy { retry_after: Span::seconds(2) });
        }
        Ok(())
    }

    async fn take_time(&self, slow: impl Fn(&Weather) -> i64) {
        let most = if self.goes_wrong(slow) { 900 } else { 3 };
        self.runtime.pause(0, most).await;
    }

    /// Reads a snapshot of the store: it fails, comes late, or is old by the time it comes.
    pub async fn read<T>(
        &self,
        read: impl AsyncFnOnce(&MemoryStore) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.take_time(|weather| weather.read_slow).await;
        self.check_store(|weather| weather.read_fails)?;
        let answer = at_once(read(&self.store));
        self.take_time(|weather| weather.read_slow).await;
        answer
    }

    /// Appends for a node, which may not learn that it worked, or not live to tell.
    pub async fn append(
        self: &Rc<Self>,
        node: &Rc<Node>,
        room: RoomId,
        actor: &Member,
        command: LogCommand,
    ) -> Result<AppendResult, AppendError> {
        self.take_time(|weather| weather.append_slow).await;
        self.check_store(|weather| weather.append_fails)?;
        let entry = LogEntry { room, actor: actor.clone(), at: self.now(), command };
        let answer = at_once(self.store.append(entry));
        let events = self.bus.events();
        self.bus.clear();
        self.log.borrow_mut().extend(events.iter().cloned());
        for event in &events {
            self.say(|| format!("log: {}", shown(event)));
        }
        if !node.is_alive() || (!events.is_empty() && self.goes_wrong(|weather| weather.crash)) {
            self.crash(node);
            return Err(StoreError::Failed("the node died between commit and publish".to_owned()).into());
        }
        self.publish(&events);
        self.take_time(|weather| weather.append_slow).await;
        if self.goes_wrong(|weather| weather.reply_lost) {
            return Err(StoreError::Failed("the reply was lost".to_owned()).into());
        }
        answer
    }

    fn publish(self: &Rc<Self>, events: &[Event]) {
        for node in self.nodes.borrow().iter() {
            for event in events {
                if self.goes_wrong(|weather| weather.lose) {
                    self.say(|| format!("bus: node {} loses {}", node.id, event.seq));
                    continue;
                }
                for _ in 0..if self.goes_wrong(|weather| weather.double) { 2 } else { 1 } {
                    let late = if self.goes_wrong(|weather| weather.delay) { 700 } else { 1 };
                    let (node, event, wait) = (node.clone(), event.clone(), self.runtime.pause(0, late));
                    self.runtime.spawn(async move {
                        wait.await;
                        node.hear(event);
                    });
                }
            }
        }
    }

    /// A node ends without a word, and comes back later.
    pub fn crash(self: &Rc<Self>, node: &Rc<Node>) {
        if !node.is_alive() {
            return;
        }
        self.say(|| format!("node {} crashes", node.id));
        node.die();
        let (world, id, wait) = (self.clone(), node.id, self.runtime.pause(100, 2_500));
        self.runtime.spawn(async move {
            wait.await;
            world.say(|| format!("node {id} starts"));
            let node = Node::start(&world, id);
            world.nodes.borrow_mut()[id] = node;
        });
    }

    /// Where somebody was banned from a room, after one place and before another.
    pub fn banned_between(&self, room: RoomId, user: UserId, after: Seq, before: Seq) -> Option<Seq> {
        let log = self.log.borrow();
        let within = log.iter().filter(|event| event.room == room && event.seq > after && event.seq < before);
        within.filter(|event| bans(event, user)).map(|event| event.seq).next()
    }
}

/// Whether the event is somebody's ban.
pub fn bans(event: &Event, user: UserId) -> bool {
    matches!(&event.kind, EventKind::Moderated { subject, action: ModerationAction::Ban, .. } if subject.user.id == user)
}

/// An event in a line.
pub fn shown(event: &Event) -> String {
    let what = match &event.kind {
        EventKind::Posted(message) => {
            format!("{} says {:?}", message.author.user.display_name.as_str(), message.text.as_str())
        }
        EventKind::Deleted { message } => format!("message {message} is deleted"),
        EventKind::Purged { author } => format!("purge of {:?}", author.as_ref().map(|author| author.id)),
        EventKind::Moderated { subject, action, .. } => format!("{} of user {}", action.as_str(), subject.user.id),
        EventKind::Configured(room) => format!("the name is {:?}", room.name.as_str()),
        EventKind::Pinned { message, .. } => format!("message {message} is pinned"),
        EventKind::Unpinned { message, .. } => format!("message {message} is taken down"),
        EventKind::Closed => "closed".to_owned(),
    };
    format!("room {} {}: {what}", event.room, event.seq)
}
