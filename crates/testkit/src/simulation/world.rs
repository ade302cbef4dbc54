//! The store as the one truth, and the faults around it.

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
use domain::ports::store::StoreError;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

/// How often what goes wrong, of a thousand. Each seed leaves some out, so that what is left is seen alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    pub lose: i64,
    pub double: i64,
    pub delay: i64,
    pub read_fails: i64,
    pub read_slow: i64,
    pub append_fails: i64,
    pub append_slow: i64,
    pub reply_lost: i64,
    pub crash: i64,
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
    /// What the store publishes to.
    pub bus: Arc<RecordingBus>,
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
        Rc::new(World {
            rooms,
            owner: Member { user: owner, room_rank: Some(Rank::Owner), site_rank: None },
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
        })
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

    /// Whether something goes wrong this time.
    pub fn goes_wrong(&self, which: impl Fn(&Weather) -> i64) -> bool {
        self.runtime.chance.permille(which(&self.weather.get()))
    }

    /// Whether the store answers this time.
    pub fn check_store(&self, rate: impl Fn(&Weather) -> i64) -> Result<(), StoreError> {
        let is_gone = self.runtime.now() < self.gone_until.get();
        if is_gone || self.goes_wrong(rate) {
            return Err(StoreError::Busy { retry_after: Span::seconds(2) });
        }
        Ok(())
    }

    /// Takes as long as the store does this time.
    pub async fn take_time(&self, slow: impl Fn(&Weather) -> i64) {
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

    /// The latest messages of a room as of a place in its log, at most `limit`, and whether there were older ones; `None` when
    /// the log is not known that far yet.
    pub fn latest_at(&self, room: RoomId, head: Seq, limit: usize) -> Option<(Vec<MessageId>, bool)> {
        let log = self.log.borrow();
        let mut reached = head == Seq::ZERO;
        let mut shown: Vec<(MessageId, UserId)> = Vec::new();
        for event in log.iter().filter(|event| event.room == room && event.seq <= head) {
            reached |= event.seq == head;
            match &event.kind {
                EventKind::Posted(message) => shown.push((message.id, message.author.user.id)),
                EventKind::Deleted { message } => shown.retain(|(id, _)| id != message),
                EventKind::Purged { author: None } => shown.clear(),
                EventKind::Purged { author: Some(author) } => shown.retain(|(_, by)| *by != author.id),
                _ => {}
            }
        }
        let older = shown.len().saturating_sub(limit);
        reached.then(|| (shown[older..].iter().map(|(id, _)| *id).collect(), older > 0))
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
