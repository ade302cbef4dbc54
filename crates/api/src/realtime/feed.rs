//! Puts each room's events in order and hands them to the workers that follow the room.
//!
//! One task for the process. It never waits for the database: reads are tasks of their own that answer into its queue.
//! What the bus loses, doubles or delays is mended by [`domain::delivery::feed`], which decides everything, so that workers
//! get every room's events complete and in order; this drives it.

use crate::realtime::delivery::Delivery;
use crate::realtime::frame::Frame;
use crate::realtime::node::Node;
use crate::realtime::protocol::{Close, Server};
use crate::realtime::workers::{ToFeed, ToWorker};
use crate::view;
use domain::delivery::feed::{self, Effect, Found, RANGE_MAX, ReadId};
use domain::model::event::{Event, EventKind, ModerationAction};
use domain::model::id::{RoomId, RoomUid, Seq, UserId};
use domain::model::log::EventRange;
use domain::model::login::LoginId;
use domain::model::room::Head;
use domain::model::time::Timestamp;
use domain::model::user::User;
use domain::ports::bus::{Bus, BusMessage, Notice, Subscription};
use domain::ports::effects::Clock;
use domain::ports::readers::EventReader;
use domain::ports::store::{AccountStore, RoomStore, SiteStore, StoreError};
use domain::presence::BEAT_EVERY;
use domain::service::access::{AccessCache, InUse};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// After this many ticks, the viewers that changed are told (1 s).
const TICKS_PER_PRESENCE: u32 = 10;

/// After this many ticks, the other nodes hear from this one.
const TICKS_PER_BEAT: u32 = (BEAT_EVERY.as_millis() / feed::TICK.as_millis()).unsigned_abs() as u32;

/// After this many ticks, the logins in use are compared with the store's (30 s): a notice may have been lost.
const TICKS_PER_SWEEP: u32 = 300;

enum ReadResult {
    Head(RoomId, ReadId, Result<Vec<(RoomId, Head)>, StoreError>),
    Heads(Vec<RoomId>, Vec<(RoomId, Head)>),
    EventRange(RoomId, ReadId, Result<Option<EventRange>, StoreError>),
    /// Who was connected when the store was asked, and what it said.
    Swept(HashMap<UserId, Arc<User>>, InUse),
}

/// The feed's ports.
pub struct Ports {
    /// Where gaps are read.
    pub events: Arc<dyn EventReader>,
    /// Where logins are looked up.
    pub accounts: Arc<dyn AccountStore>,
    /// Where tokens of sites are looked up.
    pub sites: Arc<dyn SiteStore>,
    /// Where users are looked up.
    pub rooms: Arc<dyn RoomStore>,
    /// Where logins and users are remembered.
    pub access: Arc<AccessCache>,
    /// Where the events of other processes are asked for.
    pub bus: Arc<dyn Bus>,
    pub clock: Arc<dyn Clock>,
}

/// The task.
pub struct Feed {
    ports: Ports,
    node: Arc<Node>,
    follows: feed::Feed<Event>,
    /// The names of the rooms that are followed; the server's own log has none.
    uids: HashMap<RoomId, RoomUid>,
    answer: UnboundedSender<ReadResult>,
    answers: UnboundedReceiver<ReadResult>,
}

impl Feed {
    /// The feed of `node`.
    pub fn new(ports: Ports, node: Arc<Node>) -> Feed {
        let (answer, answers) = unbounded_channel();
        Feed { ports, node, follows: feed::Feed::default(), uids: HashMap::new(), answer, answers }
    }

    /// Runs until the bus and the workers are gone.
    pub async fn run(mut self, mut bus: Box<dyn Subscription>, mut workers: UnboundedReceiver<ToFeed>) {
        let (follows, effects) = feed::Feed::start();
        self.follows = follows;
        self.apply_effects(effects);
        let mut ticks = tokio::time::interval(Duration::from_millis(feed::TICK.as_millis().unsigned_abs()));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut tick: u32 = 0;
        loop {
            tokio::select! {
                message = bus.next() => match message {
                    Some(message) => self.on_message(message),
                    None => return,
                },
                Some(what) = workers.recv() => self.serve(what),
                Some(answer) = self.answers.recv() => self.learn(answer),
                _ = ticks.tick() => {
                    tick = tick.wrapping_add(1);
                    self.tick(tick);
                }
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    fn serve(&mut self, what: ToFeed) {
        match what {
            ToFeed::Subscribe(id, uid, worker) => {
                self.uids.insert(id, uid);
                let effects = self.follows.subscribe(id, worker);
                self.apply_effects(effects);
            }
            ToFeed::Unsubscribe(id, worker) => {
                self.follows.unsubscribe(id, worker);
                self.forget_name(id);
            }
        }
    }

    fn forget_name(&mut self, id: RoomId) {
        if !self.follows.follows(id) {
            self.uids.remove(&id);
            self.ports.bus.unfollow(id);
        }
    }

    fn on_message(&mut self, message: BusMessage) {
        match message {
            BusMessage::Events(events) => {
                let wanted: Vec<_> = events.iter().filter(|event| self.follows.follows(event.room)).cloned().collect();
                let effects = self.follows.receive(wanted.into_iter().map(|e| (e.room, e.seq, e)), self.now());
                self.apply_effects(effects);
            }
            BusMessage::Head(room, seq) => self.follows.head_told(room, seq, self.now()),
            BusMessage::Notice(notice) => self.notice(notice),
            BusMessage::Lost => {
                let effects = self.follows.lost();
                self.apply_effects(effects);
                self.sweep();
            }
        }
    }

    fn notice(&self, notice: Notice) {
        match notice {
            Notice::SessionsEnded(ended) => {
                self.end_logins(ended.into_iter().map(LoginId::Session).collect());
            }
            // The memory of access rights takes it in.
            Notice::SiteChanged(_) => {}
            Notice::SiteTokensEnded(ended) => self.node.workers.tell_all(&ToWorker::SiteTokensEnded(ended.into())),
            Notice::UserDeleted(user) => {
                self.node.workers.tell_all(&ToWorker::UserGone(user, Close::TokenEnded));
            }
            Notice::UserChanged(user) => {
                let frame = Frame::server(&Server::UserUpdated { user: &view::user(&user) });
                let user = Arc::from(user);
                for room in self.node.update_user(&user) {
                    self.node.workers.tell_all(&ToWorker::Ephemeral(room, frame.clone()));
                }
                self.node.workers.tell_all(&ToWorker::UserChanged(user));
            }
        }
    }

    fn end_logins(&self, ended: Vec<LoginId>) {
        self.node.workers.tell_all(&ToWorker::LoginsEnded(ended.into()));
    }

    fn learn(&mut self, answer: ReadResult) {
        let now = self.now();
        let effects = match answer {
            ReadResult::Head(id, read, result) => {
                let head = result.ok().and_then(|heads| heads.first().map(|(_, head)| head.seq));
                self.follows.head_read(id, read, head, now)
            }
            ReadResult::Heads(asked, heads) => {
                self.follows.heads_read(&asked, &heads, now);
                return;
            }
            ReadResult::EventRange(id, read, result) => {
                let found = result.ok().flatten().map(Found::from);
                self.follows.range_read(id, read, found, now)
            }
            ReadResult::Swept(asked, in_use) => return self.tell_changes(&asked, in_use),
        };
        self.apply_effects(effects);
    }

    fn tick(&mut self, tick: u32) {
        let effects = self.follows.tick(self.now());
        self.apply_effects(effects);
        if tick.is_multiple_of(TICKS_PER_PRESENCE) {
            if let Some(others) = &self.node.others {
                others.ask_for_beats();
            }
            for (id, uid, count) in self.node.presence.take_changed() {
                let frame = Frame::server(&Server::Presence { room: uid.as_str(), count });
                self.node.workers.tell_all(&ToWorker::Ephemeral(id, frame));
            }
        }
        if tick.is_multiple_of(TICKS_PER_BEAT) {
            self.node.beat();
        }
        if tick.is_multiple_of(TICKS_PER_SWEEP) {
            self.sweep();
        }
    }

    fn apply_effects(&mut self, effects: Vec<Effect<Event>>) {
        for effect in effects {
            let (reader, answer) = (self.ports.events.clone(), self.answer.clone());
            match effect {
                Effect::ReadHead { room, read } => {
                    // First the events are asked for, then the head is read: nothing falls between.
                    let followed = (room != RoomId::SERVER).then(|| self.ports.bus.follow(room));
                    drop(tokio::spawn(async move {
                        if let Some(followed) = followed {
                            followed.await;
                        }
                        let _ = answer.send(ReadResult::Head(room, read, reader.heads(&[room]).await));
                    }));
                }
                Effect::ReadHeads(rooms) => drop(tokio::spawn(async move {
                    // A store that is away now is asked again in two seconds.
                    if let Ok(heads) = reader.heads(&rooms).await {
                        let _ = answer.send(ReadResult::Heads(rooms, heads));
                    }
                })),
                Effect::ReadRange { room, read, since } => drop(tokio::spawn(async move {
                    let _ = answer.send(ReadResult::EventRange(
                        room,
                        read,
                        reader.event_range(room, since, RANGE_MAX).await,
                    ));
                })),
                Effect::Tail { worker, room, head } => {
                    if let Some(uid) = self.uids.get(&room) {
                        self.node.workers.tell(worker, ToWorker::Tail(room, uid.clone(), head));
                    }
                }
                Effect::Failed { worker, room } => {
                    self.node.workers.tell(worker, ToWorker::Failed(room));
                    self.forget_name(room);
                }
                Effect::Deliver { room: RoomId::SERVER, events, .. } => self.close_banned(&events),
                Effect::Deliver { room, workers, events, head } => self.deliver(room, &workers, events, head),
            }
        }
    }

    /// Asks whether the logins in use go on, and whether their users are as they were.
    fn sweep(&self) {
        let Ports { accounts, sites, rooms, access, .. } = &self.ports;
        let (accounts, sites, rooms, access) = (accounts.clone(), sites.clone(), rooms.clone(), access.clone());
        let (answer, now) = (self.answer.clone(), self.now());
        let (asked, open) = (self.node.connections.users(), self.node.connections.logins());
        tokio::spawn(async move {
            if let Ok(in_use) = access.sweep(&*accounts, &*sites, &*rooms, &open, now).await {
                let _ = answer.send(ReadResult::Swept(asked, in_use));
            }
        });
    }

    /// Tells what nobody announced. A user of whom something was heard while the store was asked is left as heard. Where
    /// somebody was last seen is shown to nobody.
    fn tell_changes(&self, asked: &HashMap<UserId, Arc<User>>, in_use: InUse) {
        if !in_use.ended.is_empty() {
            self.end_logins(in_use.ended);
        }
        let connected = self.node.connections.users();
        for user in in_use.users {
            let known = asked.get(&user.id).filter(|known| connected.get(&user.id) == Some(known));
            if known.is_some_and(|known| !is_shown_alike(known, &user)) {
                self.notice(Notice::UserChanged(Box::new(user)));
            }
        }
    }

    fn close_banned(&self, events: &[(Seq, Event)]) {
        for (_, event) in events {
            if let EventKind::Moderated { subject, action: ModerationAction::Ban, .. } = &event.kind {
                self.node.workers.tell_all(&ToWorker::UserGone(subject.user.id, Close::Banned));
            }
        }
    }

    fn deliver(&self, id: RoomId, workers: &[usize], events: Vec<(Seq, Event)>, head: Seq) {
        let Some(uid) = self.uids.get(&id) else { return };
        let deliveries: Arc<[Delivery]> =
            events.into_iter().map(|(_, event)| Delivery::new(event, uid.clone())).collect();
        for worker in workers {
            self.node.workers.tell(*worker, ToWorker::Events(id, deliveries.clone(), head));
        }
    }
}

fn is_shown_alike(known: &User, user: &User) -> bool {
    fn shown(user: &User) -> impl PartialEq + '_ {
        (&user.username, &user.display_name, &user.picture, &user.country, user.rank, &user.site)
    }
    shown(known) == shown(user)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Caps;
    use crate::realtime::node::Identity;
    use domain::model::node::NodeName;
    use domain::model::user::UserChange;
    use domain::ports::log::Log;
    use testkit::builders::{self, NOON};
    use testkit::bus::RecordingBus;
    use testkit::clock::FakeClock;
    use testkit::memory::MemoryStore;

    fn node(clock: Arc<dyn Clock>) -> (Arc<Node>, UnboundedReceiver<ToFeed>) {
        let identity = Identity { name: NodeName::of_process("test", 1), incarnation: 0 };
        Node::new(Caps { all: 10, per_network: 10, per_user: 10 }, identity, None, clock)
    }

    /// More than the queue of a subscriber holds.
    const BURST: i64 = 6_000;

    #[actix_web::test]
    async fn after_a_loss_the_sockets_are_told_of_logins_that_ended_elsewhere_and_of_new_names() {
        let bus = Arc::new(RecordingBus::default());
        let store = Arc::new(MemoryStore::new(bus.clone()));
        let ann = Arc::new(builders::user("ann").create(&*store).await);
        let clock = Arc::new(FakeClock::default());
        let (node, from_workers) = node(clock.clone());
        let (_, mut from_feed) = node.workers.add();
        let mut sessions = Vec::new();
        for _ in 0..2 {
            let session = store.open_session(ann.id, NOON, builders::later(60)).await.unwrap().id;
            let (id, _) = node.connections.connect(&builders::network("a"), NOON);
            assert!(node.log_in(id, Some(&ann), Some(session.into())));
            sessions.push(session);
        }
        let access = Arc::new(AccessCache::new(&*bus));
        let (events, accounts, sites, rooms) = (store.clone(), store.clone(), store.clone(), store.clone());
        let ports = Ports { events, accounts, sites, rooms, access, bus: bus.clone(), clock };
        actix_web::rt::spawn(Feed::new(ports, node.clone()).run(bus.subscribe(), from_workers));
        let elsewhere = store.of_another_process(Arc::new(RecordingBus::default()));
        assert!(elsewhere.end_session(sessions[1]).await.unwrap());
        bus.lose();
        let told = from_feed.recv().await;
        assert!(matches!(told, Some(ToWorker::LoginsEnded(ended)) if ended[..] == [sessions[1].into()]));
        let (name, id) = (builders::display_name("Queen Ann"), ann.id);
        let change = UserChange { display_name: Some(name.clone()), ..UserChange::default() };
        AccountStore::update(&elsewhere, id, change).await.unwrap();
        bus.lose();
        let told = from_feed.recv().await;
        assert!(matches!(told, Some(ToWorker::LoginsEnded(_))), "the ended one is still open here");
        let told = from_feed.recv().await;
        assert!(matches!(told, Some(ToWorker::UserChanged(user)) if user.id == id && user.display_name == name));
        assert_eq!(node.connections.users()[&id].display_name, name);
    }

    #[actix_web::test]
    async fn a_burst_that_overflows_the_bus_reaches_the_workers_complete_and_in_order() {
        let bus = Arc::new(RecordingBus::default());
        let store = Arc::new(MemoryStore::new(bus.clone()));
        let owner = builders::user("olive").create(&*store).await;
        let room = builders::room("lobby").create(&*store, &owner).await;
        let clock = crate::bootstrap::system_clock();
        let (node, from_workers) = node(clock.clone());
        let (worker, mut from_feed) = node.workers.add();
        let access = Arc::new(AccessCache::new(&*bus));
        let (events, accounts, sites, rooms) = (store.clone(), store.clone(), store.clone(), store.clone());
        let ports = Ports { events, accounts, sites, rooms, access, bus: bus.clone(), clock };
        let (subscription, mut watcher) = (bus.subscribe(), bus.subscribe());
        actix_web::rt::spawn(Feed::new(ports, node.clone()).run(subscription, from_workers));
        node.workers.tell_feed(ToFeed::Subscribe(room.id, room.uid.clone(), worker));
        assert!(matches!(from_feed.recv().await, Some(ToWorker::Tail(_, _, Seq(0)))));

        let author = domain::model::user::Member::outside(owner);
        for number in 1..=BURST {
            let post = builders::post(builders::draft(&number.to_string()));
            store.append(builders::entry(room.id, &author, post)).await.unwrap();
        }
        assert_eq!(watcher.try_next(), Some(BusMessage::Lost), "the burst was large enough");

        let mut seqs = Vec::new();
        while seqs.last() != Some(&BURST) {
            if let Some(ToWorker::Events(_, deliveries, _)) = from_feed.recv().await {
                seqs.extend(deliveries.iter().map(|delivery| AsRef::<Event>::as_ref(delivery).seq.0));
            }
        }
        assert_eq!(seqs, (1..=BURST).collect::<Vec<_>>());
    }
}
