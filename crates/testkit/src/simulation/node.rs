//! A node without sockets: the feed of `domain::delivery`, driven, and its workers with their tails.
//!
//! What `realtime/feed.rs` and `realtime/hub.rs` do in the server, on virtual time: queues between feed and workers keep
//! their order and take a moment, a tail that nobody reads is let go after a while.

use super::world::World;
use crate::bus::RecordingBus;
use domain::delivery::feed::{Effect, Feed, Found, TICK};
use domain::delivery::latest::Latest;
use domain::delivery::tail::{PeopleVersion, Recent, Tail, Weight};
use domain::delivery::viewer::LiveRoom;
use domain::model::event::{Event, EventKind};
use domain::model::id::{RoomId, Seq};
use domain::model::time::Span;
use domain::ports::bus::Bus;
use domain::ports::readers::EventReader;
use domain::service::access::AccessCache;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::{Rc, Weak};
use std::sync::Arc;

/// The most events that a read brings, so that some are cut.
const RANGE_MAX: usize = 7;

/// What a ring keeps of what is recent: little, so that cursors are left behind.
const RECENT: Recent = Recent { within: Span::millis(20), frames: 12, bytes: 12 * 16 * 1024 };

/// In one of so many ticks a worker forgets a room's latest messages.
const FORGETS_LATEST: usize = 8;

/// How long a tail is kept that nobody reads, in milliseconds.
const TAIL_KEPT: i64 = 1_500;

/// An event as it stands in a tail; so heavy that a ring holds eight.
#[derive(Clone, Debug)]
pub struct Framed(pub Rc<Event>);

impl Weight for Framed {
    fn weight(&self) -> usize {
        16 * 1024
    }
}

impl AsRef<Event> for Framed {
    fn as_ref(&self) -> &Event {
        &self.0
    }
}

/// A room on a worker: a handle that all who are in it share.
#[derive(Clone)]
pub struct LocalRoom(Rc<Shared>);

struct Shared {
    id: RoomId,
    /// Its latest events.
    tail: RefCell<Tail<Framed>>,
    used: Cell<i64>,
}

impl LiveRoom for LocalRoom {
    type Delivery = Framed;

    fn id(&self) -> RoomId {
        self.0.id
    }

    fn with_tail<T>(&self, read: impl FnOnce(&Tail<Framed>) -> T) -> T {
        read(&self.0.tail.borrow())
    }

    fn keep_latest(&self, latest: &Arc<Latest>, people: PeopleVersion) {
        self.0.tail.borrow_mut().keep_latest(latest, people);
    }
}

/// What somebody who waits for a tail learns.
pub type Waiting = Rc<RefCell<Option<Result<LocalRoom, ()>>>>;

#[derive(Clone)]
enum ToWorker {
    Tail(RoomId, Seq),
    Failed(RoomId),
    Events(RoomId, Rc<[Rc<Event>]>, Seq),
}

enum ToFeed {
    Subscribe(RoomId, usize),
    Unsubscribe(RoomId, usize),
}

#[derive(Default)]
struct Worker {
    queue: RefCell<VecDeque<ToWorker>>,
    rooms: RefCell<BTreeMap<RoomId, LocalRoom>>,
    waiting: RefCell<BTreeMap<RoomId, Vec<Waiting>>>,
}

/// A node.
pub struct Node {
    /// Its entry in the world.
    pub id: usize,
    /// How people stand, as far as it was told.
    pub access: AccessCache,
    /// What reaches it, for the memory of access rights; nothing is published here.
    bus: RecordingBus,
    world: Weak<World>,
    alive: Cell<bool>,
    feed: RefCell<Feed<Event>>,
    to_feed: RefCell<VecDeque<ToFeed>>,
    workers: Vec<Worker>,
}

impl Node {
    /// A node that begins.
    pub fn start(world: &Rc<World>, id: usize) -> Rc<Node> {
        let (feed, effects) = Feed::start();
        let workers = (0..world.runtime.chance.between(1, 2)).map(|_| Worker::default()).collect();
        let bus = RecordingBus::default();
        let node = Rc::new(Node {
            id,
            access: AccessCache::new(&bus),
            bus,
            world: Rc::downgrade(world),
            alive: Cell::new(true),
            feed: RefCell::new(feed),
            to_feed: RefCell::default(),
            workers,
        });
        node.run_effects(effects);
        let (ticking, wait) = (node.clone(), world.runtime.clone());
        world.runtime.spawn(async move {
            while ticking.is_alive() {
                wait.sleep(TICK.as_millis()).await;
                let effects = ticking.feed.borrow_mut().tick(ticking.world().now());
                ticking.run_effects(effects);
                ticking.forget_rooms();
            }
        });
        node
    }

    /// The world it is in.
    pub fn world(&self) -> Rc<World> {
        self.world.upgrade().expect("the world outlives its nodes")
    }

    /// Whether it runs.
    pub fn is_alive(&self) -> bool {
        self.alive.get()
    }

    /// Ends it, and its connections with it.
    pub fn die(&self) {
        self.alive.set(false);
    }

    /// The worker of a new connection.
    pub fn any_worker(&self) -> usize {
        self.world().runtime.chance.below(self.workers.len())
    }

    /// The bus brings an event.
    pub fn receive(self: &Rc<Self>, event: Event) {
        if self.is_alive() {
            self.bus.publish(vec![event.clone()].into());
            let effects = self.feed.borrow_mut().receive([(event.room, event.seq, event)], self.world().now());
            self.run_effects(effects);
        }
    }

    /// The bus says that it lost something.
    pub fn lose(self: &Rc<Self>) {
        self.bus.lose();
        let effects = self.feed.borrow_mut().lost();
        self.run_effects(effects);
    }

    /// The room's tail on a worker, asked of the feed when there is none.
    pub fn room(self: &Rc<Self>, id: RoomId, worker: usize) -> Waiting {
        let entry = self.workers[worker].rooms.borrow().get(&id).cloned();
        let waiting: Waiting = Rc::new(RefCell::new(entry.map(Ok)));
        if waiting.borrow().is_none() {
            self.workers[worker].waiting.borrow_mut().entry(id).or_default().push(waiting.clone());
            self.tell_feed(ToFeed::Subscribe(id, worker));
        }
        waiting
    }

    fn run_effects(self: &Rc<Self>, effects: Vec<Effect<Event>>) {
        for effect in effects {
            let node = self.clone();
            match effect {
                Effect::ReadHead { room, read } => self.spawn(async move {
                    let heads = node.world().read(async |store| store.heads(&[room]).await).await;
                    let head = heads.ok().and_then(|heads| heads.first().map(|(_, head)| head.seq));
                    let effects = node.feed.borrow_mut().head_read(room, read, head, node.world().now());
                    node.run_effects(effects);
                }),
                Effect::ReadHeads(rooms) => self.spawn(async move {
                    if let Ok(heads) = node.world().read(async |store| store.heads(&rooms).await).await {
                        node.feed.borrow_mut().heads_read(&rooms, &heads, node.world().now());
                    }
                }),
                Effect::ReadRange { room, read, since } => self.spawn(async move {
                    let event_range =
                        node.world().read(async |store| store.event_range(room, since, RANGE_MAX).await).await;
                    let found = event_range.ok().flatten().map(Found::from);
                    let effects = node.feed.borrow_mut().range_read(room, read, found, node.world().now());
                    node.run_effects(effects);
                }),
                Effect::Tail { worker, room, head } => self.tell(worker, ToWorker::Tail(room, head)),
                Effect::Failed { worker, room } => self.tell(worker, ToWorker::Failed(room)),
                Effect::Deliver { room, workers, events, head } => {
                    let events: Rc<[Rc<Event>]> = events.into_iter().map(|(_, event)| Rc::new(event)).collect();
                    for worker in workers {
                        self.tell(worker, ToWorker::Events(room, events.clone(), head));
                    }
                }
            }
        }
    }

    /// Starts what ends with the node.
    fn spawn(self: &Rc<Self>, task: impl Future<Output = ()> + 'static) {
        if self.is_alive() {
            self.world().runtime.spawn(task);
        }
    }

    fn tell(self: &Rc<Self>, worker: usize, what: ToWorker) {
        self.workers[worker].queue.borrow_mut().push_back(what);
        let (node, wait) = (self.clone(), self.world().runtime.pause(0, 2));
        self.spawn(async move {
            wait.await;
            let what = node.workers[worker].queue.borrow_mut().pop_front();
            match what {
                Some(ToWorker::Tail(id, head)) => node.add_room(worker, id, head),
                Some(ToWorker::Failed(id)) => {
                    let waiting = node.workers[worker].waiting.borrow_mut().remove(&id);
                    waiting.unwrap_or_default().iter().for_each(|waiting| *waiting.borrow_mut() = Some(Err(())));
                }
                Some(ToWorker::Events(id, events, head)) => node.deliver(worker, id, &events, head),
                None => {}
            }
        });
    }

    fn tell_feed(self: &Rc<Self>, what: ToFeed) {
        self.to_feed.borrow_mut().push_back(what);
        let (node, wait) = (self.clone(), self.world().runtime.pause(0, 2));
        self.spawn(async move {
            wait.await;
            let what = node.to_feed.borrow_mut().pop_front();
            let effects = match what {
                Some(ToFeed::Subscribe(id, worker)) => node.feed.borrow_mut().subscribe(id, worker),
                Some(ToFeed::Unsubscribe(id, worker)) => {
                    node.feed.borrow_mut().unsubscribe(id, worker);
                    Vec::new()
                }
                None => Vec::new(),
            };
            node.run_effects(effects);
        });
    }

    fn add_room(&self, worker: usize, id: RoomId, head: Seq) {
        let now = self.world().runtime.now();
        let worker = &self.workers[worker];
        let mut rooms = worker.rooms.borrow_mut();
        let entry = rooms.entry(id).or_insert_with(|| {
            let tail = RefCell::new(Tail::keeping(head, RECENT));
            LocalRoom(Rc::new(Shared { id, tail, used: Cell::new(now) }))
        });
        for waiting in worker.waiting.borrow_mut().remove(&id).unwrap_or_default() {
            *waiting.borrow_mut() = Some(Ok(entry.clone()));
        }
    }

    fn deliver(self: &Rc<Self>, worker: usize, id: RoomId, events: &[Rc<Event>], head: Seq) {
        let Some(room) = self.workers[worker].rooms.borrow().get(&id).cloned() else { return };
        let mut tail = room.0.tail.borrow_mut();
        for event in events {
            if event.seq > tail.head() {
                tail.push(event.seq, Framed(event.clone()));
            }
        }
        tail.cover(head);
        let closed = events.iter().any(|event| matches!(event.kind, EventKind::Closed));
        if closed {
            self.workers[worker].rooms.borrow_mut().remove(&id);
            self.tell_feed(ToFeed::Unsubscribe(id, worker));
        }
    }

    /// Lets go of tails that nobody reads and nobody is about to.
    fn forget_rooms(self: &Rc<Self>) {
        let now = self.world().runtime.now();
        for (number, worker) in self.workers.iter().enumerate() {
            worker.rooms.borrow_mut().retain(|id, entry| {
                if Rc::strong_count(&entry.0) > 1 {
                    entry.0.used.set(now);
                }
                if self.world().runtime.chance.below(FORGETS_LATEST) == 0 {
                    entry.0.tail.borrow_mut().forget_latest();
                }
                let keep = now < entry.0.used.get() + TAIL_KEPT;
                if !keep {
                    self.tell_feed(ToFeed::Unsubscribe(*id, number));
                }
                keep
            });
        }
    }
}
