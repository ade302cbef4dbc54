//! Puts each room's events in order, encodes each once, and hands the frames to the workers that follow the room.
//!
//! One task for the process. It never waits for the database: reads are tasks of their own that answer into its queue.
//! What the bus loses, doubles or delays is mended here (see [`domain::delivery::order`]), so that workers get every
//! room's frames complete and in order.

use crate::realtime::frame::Frame;
use crate::realtime::node::{Delivery, Leaves, Node, ToFeed, ToWorker};
use crate::realtime::protocol::{Close, Server};
use crate::view;
use domain::delivery::order::Order;
use domain::model::event::{Event, EventKind, Measure};
use domain::model::id::{RoomId, RoomUid, Seq, SessionId};
use domain::model::room::Head;
use domain::model::time::Timestamp;
use domain::ports::bus::Notice;
use domain::ports::effects::Clock;
use domain::ports::log::{History, Stretch};
use domain::ports::store::{Accounts, StoreError};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How often gaps are looked for: half of the time a gap is held.
const LOOK: Duration = Duration::from_millis(100);

/// Every this many looks, the heads of all followed rooms are compared with the store's (2 s).
const LOOKS_PER_HEADS: u32 = 20;

/// Every this many looks, the crowds that changed are told (1 s).
const LOOKS_PER_PRESENCE: u32 = 10;

/// Every this many looks, the logins in use are compared with the store's (30 s): a notice may have been lost.
const LOOKS_PER_SWEEP: u32 = 300;

/// The most events read at once to close a gap.
const STRETCH: usize = 500;

/// What the bus brings, as `wire` translates it.
#[derive(Debug)]
pub enum Signal {
    /// Events that were committed.
    Events(Arc<[Event]>),
    /// What concerns people.
    Notice(Notice),
    /// The bus lost something: nobody knows what.
    Lost,
}

enum Answer {
    Head(RoomId, Result<Vec<(RoomId, Head)>, StoreError>),
    Heads(Vec<RoomId>, Vec<(RoomId, Head)>),
    Stretch(RoomId, Result<Option<Stretch>, StoreError>),
    Ended(Vec<SessionId>),
}

struct Followed {
    uid: RoomUid,
    /// Unknown until the head was read; what comes before that waits in `early`.
    order: Option<Order<Event>>,
    early: Vec<Event>,
    workers: BTreeSet<usize>,
    reading: bool,
}

/// The feed's ports.
pub struct Ports {
    /// Where gaps are read.
    pub history: Arc<dyn History>,
    /// Where logins are looked up.
    pub accounts: Arc<dyn Accounts>,
    /// The present.
    pub clock: Arc<dyn Clock>,
}

/// The task.
pub struct Feed {
    ports: Ports,
    node: Arc<Node>,
    rooms: HashMap<RoomId, Followed>,
    answer: UnboundedSender<Answer>,
    answers: UnboundedReceiver<Answer>,
}

impl Feed {
    /// The feed of `node`.
    pub fn new(ports: Ports, node: Arc<Node>) -> Feed {
        let (answer, answers) = unbounded_channel();
        Feed { ports, node, rooms: HashMap::new(), answer, answers }
    }

    /// Runs until the bus and the workers are gone.
    pub async fn run(mut self, mut bus: UnboundedReceiver<Signal>, mut workers: UnboundedReceiver<ToFeed>) {
        // The server's own log has no uid that anybody could join.
        self.follow(RoomId::SERVER, None, None);
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut look: u32 = 0;
        loop {
            tokio::select! {
                signal = bus.recv() => match signal {
                    Some(signal) => self.hear(signal),
                    None => return,
                },
                Some(what) = workers.recv() => match what {
                    ToFeed::Subscribe(id, uid, worker) => self.follow(id, Some(uid), Some(worker)),
                    ToFeed::Unsubscribe(id, worker) => self.unfollow(id, worker),
                },
                Some(answer) = self.answers.recv() => self.learn(answer),
                _ = looks.tick() => {
                    look = look.wrapping_add(1);
                    self.look(look);
                }
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    fn hear(&mut self, signal: Signal) {
        match signal {
            Signal::Events(events) => {
                let now = self.now();
                let mut ready: HashMap<RoomId, Vec<(Seq, Event)>> = HashMap::new();
                for event in events.iter() {
                    let Some(room) = self.rooms.get_mut(&event.room) else { continue };
                    match &mut room.order {
                        None => room.early.push(event.clone()),
                        Some(order) => {
                            let ready = ready.entry(event.room).or_default();
                            order.accept(event.seq, event.clone(), now, ready);
                        }
                    }
                }
                for (id, ready) in ready.into_iter().filter(|(_, ready)| !ready.is_empty()) {
                    self.hand_on(id, ready);
                }
            }
            Signal::Notice(Notice::SessionsEnded(ended)) => {
                self.node.tell_all(&ToWorker::SessionsEnded(ended.into()));
            }
            Signal::Notice(Notice::UserDeleted(user)) => {
                self.node.tell_all(&ToWorker::UserGone(user, Close::TokenEnded));
            }
            Signal::Notice(Notice::UserChanged(user)) => {
                let frame = Frame::server(&Server::UserUpdated { user: &view::user(&user) });
                for room in self.node.rooms_of(user.id) {
                    self.node.tell_all(&ToWorker::Note(room, frame.clone()));
                }
                self.node.tell_all(&ToWorker::UserChanged(user.into()));
            }
            Signal::Lost => {
                self.read_heads();
                self.sweep();
            }
        }
    }

    fn follow(&mut self, id: RoomId, uid: Option<RoomUid>, worker: Option<usize>) {
        let Some(room) = self.rooms.get_mut(&id) else {
            let Some(uid) = uid.or_else(|| RoomUid::parse("server000000")) else { return };
            let room =
                Followed { uid, order: None, early: Vec::new(), workers: worker.into_iter().collect(), reading: false };
            self.rooms.insert(id, room);
            self.read_head(id);
            return;
        };
        room.workers.extend(worker);
        match (&room.order, worker) {
            (Some(order), Some(worker)) => {
                self.node.tell(worker, ToWorker::Tail(id, room.uid.clone(), order.last()));
            }
            _ => self.read_head(id),
        }
    }

    fn unfollow(&mut self, id: RoomId, worker: usize) {
        if let Some(room) = self.rooms.get_mut(&id) {
            room.workers.remove(&worker);
            if room.workers.is_empty() && id != RoomId::SERVER {
                self.rooms.remove(&id);
            }
        }
    }

    fn read_head(&mut self, id: RoomId) {
        let Some(room) = self.rooms.get_mut(&id).filter(|room| !room.reading) else { return };
        room.reading = true;
        let (history, answer) = (self.ports.history.clone(), self.answer.clone());
        tokio::spawn(async move {
            let _ = answer.send(Answer::Head(id, history.heads(&[id]).await));
        });
    }

    fn read_heads(&self) {
        let ids: Vec<RoomId> = self.rooms.iter().filter(|(_, room)| room.order.is_some()).map(|(id, _)| *id).collect();
        let (history, answer) = (self.ports.history.clone(), self.answer.clone());
        tokio::spawn(async move {
            // A store that is away now is asked again in two seconds.
            if let Ok(heads) = history.heads(&ids).await {
                let _ = answer.send(Answer::Heads(ids, heads));
            }
        });
    }

    fn read_stretch(&mut self, id: RoomId) {
        let Some(room) = self.rooms.get_mut(&id).filter(|room| !room.reading) else { return };
        let Some(since) = room.order.as_ref().map(Order::last) else { return };
        room.reading = true;
        let (history, answer) = (self.ports.history.clone(), self.answer.clone());
        tokio::spawn(async move {
            let _ = answer.send(Answer::Stretch(id, history.stretch(id, since, STRETCH).await));
        });
    }

    /// Asks whether the logins in use are still good.
    fn sweep(&self) {
        let (accounts, answer) = (self.ports.accounts.clone(), self.answer.clone());
        let (sessions, now) = (self.node.sessions(), self.now());
        if sessions.is_empty() {
            return;
        }
        tokio::spawn(async move {
            if let Ok(alive) = accounts.alive(&sessions, now).await {
                let ended = sessions.into_iter().filter(|session| !alive.contains(session)).collect();
                let _ = answer.send(Answer::Ended(ended));
            }
        });
    }

    fn learn(&mut self, answer: Answer) {
        let now = self.now();
        match answer {
            Answer::Head(id, result) => {
                let Some(room) = self.rooms.get_mut(&id) else { return };
                room.reading = false;
                let head = result.ok().and_then(|heads| heads.first().map(|(_, head)| *head));
                let Some(head) = head else { return self.give_up(id) };
                let mut order = Order::after(head.seq);
                let mut ready = Vec::new();
                for event in std::mem::take(&mut room.early) {
                    order.accept(event.seq, event, now, &mut ready);
                }
                room.order = Some(order);
                for worker in &room.workers {
                    self.node.tell(*worker, ToWorker::Tail(id, room.uid.clone(), head.seq));
                }
                self.hand_on(id, ready);
            }
            Answer::Heads(asked, heads) => {
                // A room that is not among the answers was closed, and its last event lost on the way.
                for id in asked.into_iter().filter(|id| !heads.iter().any(|(there, _)| there == id)) {
                    if let Some(order) = self.rooms.get_mut(&id).and_then(|room| room.order.as_mut()) {
                        order.notice_head(order.last().next(), now);
                    }
                }
                for (id, head) in heads {
                    if let Some(order) = self.rooms.get_mut(&id).and_then(|room| room.order.as_mut()) {
                        order.notice_head(head.seq, now);
                    }
                }
            }
            Answer::Stretch(id, result) => {
                let Some(room) = self.rooms.get_mut(&id) else { return };
                room.reading = false;
                let (Ok(Some(stretch)), Some(order)) = (result, room.order.as_mut()) else { return };
                let last = stretch.events.last().map(|event| event.seq);
                let covered = if stretch.cut { last.unwrap_or(order.last()) } else { stretch.head.seq };
                let mut ready = Vec::new();
                order.refill(covered, stretch.events.into_iter().map(|event| (event.seq, event)), now, &mut ready);
                self.hand_on(id, ready);
            }
            Answer::Ended(ended) if ended.is_empty() => {}
            Answer::Ended(ended) => self.node.tell_all(&ToWorker::SessionsEnded(ended.into())),
        }
    }

    /// A room whose head cannot be read is not followed; who wants it is told, and asks again.
    fn give_up(&mut self, id: RoomId) {
        if id == RoomId::SERVER {
            return;
        }
        if let Some(room) = self.rooms.remove(&id) {
            for worker in room.workers {
                self.node.tell(worker, ToWorker::Failed(id));
            }
        }
    }

    fn look(&mut self, look: u32) {
        let now = self.now();
        let due = |room: &Followed| room.order.as_ref().is_some_and(|order| order.needs_refill(now));
        let gaps: Vec<RoomId> = self.rooms.iter().filter(|(_, room)| due(room)).map(|(id, _)| *id).collect();
        for id in gaps {
            self.read_stretch(id);
        }
        if look.is_multiple_of(LOOKS_PER_HEADS) {
            self.read_heads();
            self.read_head_of_server();
        }
        if look.is_multiple_of(LOOKS_PER_PRESENCE) {
            for (id, uid, count) in self.node.take_changed() {
                let frame = Frame::server(&Server::Presence { room: &uid, count });
                self.node.tell_all(&ToWorker::Note(id, frame));
            }
        }
        if look.is_multiple_of(LOOKS_PER_SWEEP) {
            self.sweep();
        }
    }

    /// The server's log is always followed; if its head could not be read at the start, it is read now.
    fn read_head_of_server(&mut self) {
        if self.rooms.get(&RoomId::SERVER).is_some_and(|room| room.order.is_none()) {
            self.read_head(RoomId::SERVER);
        }
    }

    fn hand_on(&mut self, id: RoomId, ready: Vec<(Seq, Event)>) {
        let Some(room) = self.rooms.get(&id) else { return };
        let Some(head) = room.order.as_ref().map(Order::last) else { return };
        if id == RoomId::SERVER {
            for (_, event) in &ready {
                if let EventKind::Moderated { subject, measure: Measure::Ban, .. } = &event.kind {
                    self.node.tell_all(&ToWorker::UserGone(subject.user.id, Close::Banned));
                }
            }
            return;
        }
        let deliveries: Arc<[Delivery]> = ready
            .iter()
            .map(|(seq, event)| Delivery {
                seq: *seq,
                frame: Frame::event(event, room.uid.as_str()),
                leaves: leaves(&event.kind),
            })
            .collect();
        for worker in &room.workers {
            self.node.tell(*worker, ToWorker::Frames(id, deliveries.clone(), head));
        }
    }
}

fn leaves(kind: &EventKind) -> Leaves {
    match kind {
        EventKind::Moderated { subject, measure: Measure::Ban, .. } => Leaves::One(subject.user.id),
        EventKind::Closed => Leaves::All,
        _ => Leaves::Nobody,
    }
}
