//! The bus between nodes: NATS core. It carries no truth: whatever is lost is read from the store, and loss is declared.
//!
//! What this process publishes reaches its own subscribers as in a process alone; NATS brings what the others publish.
//! While NATS is away nothing is kept for it: the others read the store.

mod options;
mod records;
mod subjects;
mod wire;

use crate::adapters::bus::{CAPACITY, LocalBus};
use async_nats::{Client, Event as NatsEvent, Message};
use async_trait::async_trait;
use domain::model::event::Event;
use domain::model::id::{Epoch, RoomId};
use domain::model::node::{Beat, NodeName};
use domain::ports::bus::{Bus, BusMessage, Committed, Notice, Subscription, Wait};
use domain::ports::cluster::{AnswersNodes, BusStats, Cluster, NodeAnswer, NodeRequest, Silent};
use futures_util::StreamExt;
use options::connect_options;
pub use options::{NatsError, NatsOptions};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use subjects::Subjects;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
pub use wire::PAYLOAD_MAX;
use wire::Unreadable;

/// How long a node may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// How long whoever follows a room waits for NATS to know.
const FOLLOWED_WITHIN: Duration = Duration::from_millis(500);

/// Losses that follow each other within this time are declared once.
const LOSS_PAUSE: Duration = Duration::from_millis(200);

/// What waits to be sent.
enum Outgoing {
    Events(Arc<[Event]>, Vec<(RoomId, Epoch)>),
    Notice(Notice),
    Beat(Box<Beat>),
    /// Says when all before it was sent.
    Flush(oneshot::Sender<()>),
}

#[derive(Default)]
struct Counters {
    received: AtomicU64,
    sent: AtomicU64,
    dropped: AtomicU64,
    newer: AtomicU64,
    malformed: AtomicU64,
    losses: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// What the tasks share.
struct Shared {
    client: Client,
    subjects: Subjects,
    local: LocalBus,
    counters: Counters,
    lost: Notify,
    connected: watch::Sender<bool>,
}

impl Shared {
    fn is_connected(&self) -> bool {
        *self.connected.borrow()
    }

    /// Something did not arrive, nobody knows what.
    fn lose(&self) {
        count(&self.counters.losses);
        self.lost.notify_one();
    }

    /// What was read, if it could be.
    fn accept<T>(&self, read: Result<T, Unreadable>) -> Option<T> {
        match read {
            Ok(read) => {
                count(&self.counters.received);
                return Some(read);
            }
            Err(Unreadable::Newer) => count(&self.counters.newer),
            Err(Unreadable::Malformed) => count(&self.counters.malformed),
        }
        self.lose();
        None
    }

    async fn send(&self, subject: String, payload: Vec<u8>) {
        // What is sent while the connection is away would wait in memory, and be known to everybody when it arrives.
        if self.is_connected() && self.client.publish(subject, payload.into()).await.is_ok() {
            count(&self.counters.sent);
        } else {
            count(&self.counters.dropped);
        }
    }

    async fn send_events(&self, events: &[Event], epochs: &[(RoomId, Epoch)]) {
        let mut logs: BTreeMap<RoomId, Vec<&Event>> = BTreeMap::new();
        for event in events {
            logs.entry(event.room).or_default().push(event);
        }
        for (room, events) in logs {
            let at = epochs.binary_search_by_key(&room, |(id, _)| *id).ok();
            let epoch = at.and_then(|at| epochs.get(at)).map_or(Epoch(0), |(_, epoch)| *epoch);
            for payload in wire::log(epoch, &events) {
                self.send(self.subjects.log(room), payload).await;
            }
        }
    }

    async fn send_outgoing(self: Arc<Self>, mut outgoing: mpsc::Receiver<Outgoing>) {
        while let Some(what) = outgoing.recv().await {
            match what {
                Outgoing::Events(events, epochs) => self.send_events(&events, &epochs).await,
                Outgoing::Notice(notice) => {
                    let subject = match &notice {
                        Notice::SessionsEnded(_) => self.subjects.sessions(),
                        Notice::SiteChanged(_) | Notice::SiteTokensEnded(_) => self.subjects.sites(),
                        Notice::UserChanged(user) => self.subjects.user(user.id),
                        Notice::UserDeleted(user) => self.subjects.user(*user),
                    };
                    self.send(subject, wire::notice(&notice)).await;
                }
                Outgoing::Beat(beat) => self.send(self.subjects.presence(), wire::beat(&beat)).await,
                Outgoing::Flush(done) => {
                    if self.is_connected() {
                        // Whoever waits is told either way: what was not sent is read from the store.
                        let _ = self.client.flush().await;
                    }
                    let _ = done.send(());
                }
            }
        }
    }

    /// Hands every message of a subject to `take`, until the subscription ends.
    async fn listen(self: Arc<Self>, subject: String, mut take: impl FnMut(&Shared, Message) + Send) {
        if let Ok(mut subscriber) = self.client.subscribe(subject).await {
            while let Some(message) = subscriber.next().await {
                take(&self, message);
            }
        }
    }

    fn take_log(&self, room: RoomId, message: &Message) {
        if let Some((_, message)) = self.accept(wire::read_log(room, &message.payload)) {
            self.local.send(message);
        }
    }

    /// Takes a room's events until `stop` ends; says on `ready` when NATS was told.
    async fn listen_to_room(self: Arc<Self>, room: RoomId, ready: oneshot::Sender<()>, stop: oneshot::Receiver<()>) {
        let Ok(mut subscriber) = self.client.subscribe(self.subjects.log(room)).await else { return };
        let flushed = async {
            let _ = self.client.flush().await;
            let _ = ready.send(());
        };
        let take = async {
            while let Some(message) = subscriber.next().await {
                self.take_log(room, &message);
            }
        };
        tokio::select! {
            _ = stop => {}
            _ = futures_util::future::join(flushed, take) => {}
        }
        // Fails only without a connection, which ends the subscription as well.
        let _ = subscriber.unsubscribe().await;
    }

    /// Tells the subscribers of losses, of many at once but once.
    async fn declare_losses(self: Arc<Self>) {
        loop {
            self.lost.notified().await;
            self.local.send(BusMessage::Lost);
            tokio::time::sleep(LOSS_PAUSE).await;
        }
    }

    /// Takes note of what becomes of the connection.
    async fn watch(self: Arc<Self>, mut events: mpsc::UnboundedReceiver<NatsEvent>) {
        while let Some(event) = events.recv().await {
            match event {
                NatsEvent::Connected => {
                    let info = self.client.server_info();
                    tracing::info!(server = %info.server_name, version = %info.version, "connected to NATS");
                    self.connected.send_replace(true);
                    self.lose();
                }
                NatsEvent::Disconnected => {
                    self.connected.send_replace(false);
                    tracing::warn!("NATS is away: other nodes' events are read from the database until it is back");
                    self.lose();
                }
                NatsEvent::SlowConsumer(_) => {
                    tracing::warn!("messages from NATS were lost because this node was slow; the database is read");
                    self.lose();
                }
                NatsEvent::ServerError(error) => tracing::error!(%error, "NATS refused something"),
                NatsEvent::ClientError(error) => tracing::debug!(%error, "NATS cannot be reached"),
                NatsEvent::LameDuckMode | NatsEvent::Draining | NatsEvent::Closed => {}
            }
        }
    }
}

/// The bus of one node.
pub struct NatsBus {
    shared: Arc<Shared>,
    outgoing: mpsc::Sender<Outgoing>,
    /// Ending one of these ends the subscription.
    followed: Mutex<HashMap<RoomId, oneshot::Sender<()>>>,
    node: NodeName,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Drop for NatsBus {
    fn drop(&mut self) {
        lock(&self.tasks).iter().for_each(JoinHandle::abort);
    }
}

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

impl NatsBus {
    /// A bus that connects as soon as it can, and again whenever it has to; returns once it did, or after a second. Must be
    /// called within a tokio runtime, on which its tasks run.
    pub async fn start(options: NatsOptions) -> Result<NatsBus, NatsError> {
        let (told, events) = mpsc::unbounded_channel();
        let subjects = Subjects::new(&options.prefix);
        let (servers, connect) = connect_options(&options, &subjects).await?;
        let connect = connect.event_callback(move |event| {
            // Nobody listens any more when the node stops.
            let _ = told.send(event);
            std::future::ready(())
        });
        let client = connect.connect(servers).await.map_err(|error| NatsError::Client(error.to_string()))?;
        let (outgoing, to_send) = mpsc::channel(CAPACITY);
        let shared = Arc::new(Shared {
            client,
            subjects,
            local: LocalBus::default(),
            counters: Counters::default(),
            lost: Notify::new(),
            connected: watch::Sender::new(false),
        });
        let bus = NatsBus {
            shared: shared.clone(),
            outgoing,
            followed: Mutex::default(),
            node: options.node,
            tasks: Mutex::default(),
        };
        bus.spawn(shared.clone().send_outgoing(to_send));
        bus.spawn(shared.clone().declare_losses());
        bus.spawn(shared.clone().watch(events));
        let server = shared.subjects.log(RoomId::SERVER);
        bus.listen(server, |shared, message| shared.take_log(RoomId::SERVER, &message));
        bus.listen(shared.subjects.users(), |shared, message| {
            if let Some(notice) = shared.accept(wire::read_user(&message.payload)) {
                shared.local.announce(notice);
            }
        });
        bus.listen(shared.subjects.sessions(), |shared, message| {
            if let Some(notice) = shared.accept(wire::read_sessions(&message.payload)) {
                shared.local.announce(notice);
            }
        });
        bus.listen(shared.subjects.sites(), |shared, message| {
            if let Some(notice) = shared.accept(wire::read_site(&message.payload)) {
                shared.local.announce(notice);
            }
        });
        let mut connected = shared.connected.subscribe();
        if tokio::time::timeout(ANSWER_WITHIN, connected.wait_for(|connected| *connected)).await.is_err() {
            tracing::warn!("NATS cannot be reached: serving from the database until it can");
        }
        Ok(bus)
    }

    /// The server's version, and the largest message that it takes, in bytes; `None` while it cannot be reached.
    pub fn server(&self) -> Option<(String, usize)> {
        let info = self.shared.client.server_info();
        self.shared.is_connected().then_some((info.version, info.max_payload))
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        lock(&self.tasks).push(tokio::spawn(task));
    }

    fn listen(&self, subject: String, take: impl FnMut(&Shared, Message) + Send + 'static) {
        self.spawn(self.shared.clone().listen(subject, take));
    }

    /// Puts something in line; when the line is full, it is lost to the others, who read the store.
    fn enqueue(&self, what: Outgoing) {
        if self.outgoing.try_send(what).is_err() {
            count(&self.shared.counters.dropped);
        }
    }
}

impl Bus for NatsBus {
    fn publish(&self, committed: Committed) {
        let events: Arc<[Event]> = committed.events.into();
        self.shared.local.send(BusMessage::Events(events.clone()));
        self.enqueue(Outgoing::Events(events, committed.epochs));
    }

    fn announce(&self, notice: Notice) {
        self.shared.local.announce(notice.clone());
        self.enqueue(Outgoing::Notice(notice));
    }

    fn subscribe(&self) -> Box<dyn Subscription> {
        self.shared.local.subscribe()
    }

    fn follow(&self, room: RoomId) -> Wait {
        let mut followed = lock(&self.followed);
        if followed.contains_key(&room) {
            return Box::pin(std::future::ready(()));
        }
        let (stop, stopped) = oneshot::channel();
        followed.insert(room, stop);
        let (ready, is_ready) = oneshot::channel();
        // Ends by itself, so it is not among the tasks.
        tokio::spawn(self.shared.clone().listen_to_room(room, ready, stopped));
        let is_connected = self.shared.is_connected();
        Box::pin(async move {
            if is_connected {
                // If it takes longer, what is missed is found by comparing heads.
                let _ = tokio::time::timeout(FOLLOWED_WITHIN, is_ready).await;
            }
        })
    }

    fn unfollow(&self, room: RoomId) {
        lock(&self.followed).remove(&room);
    }
}

#[async_trait]
impl Cluster for NatsBus {
    fn serve(&self, node: Arc<dyn AnswersNodes>) {
        let hearing = node.clone();
        self.listen(self.shared.subjects.presence(), move |shared, message| {
            if let Some(beat) = shared.accept(wire::read_beat(&message.payload)) {
                hearing.hear(beat);
            }
        });
        self.listen(self.shared.subjects.node(&self.node), move |shared, message| {
            let Some(request) = shared.accept(wire::read_request(&message.payload)) else { return };
            let answer = wire::answer(&node.answer(request));
            if let Some(reply) = message.reply {
                let client = shared.client.clone();
                tokio::spawn(async move {
                    // Whoever asked waits no longer than a second.
                    let _ = client.publish(reply, answer.into()).await;
                });
            }
        });
    }

    fn beat(&self, beat: Beat) {
        self.enqueue(Outgoing::Beat(Box::new(beat)));
    }

    async fn ask(&self, node: &NodeName, request: NodeRequest) -> Result<NodeAnswer, Silent> {
        if !self.shared.is_connected() {
            return Err(Silent);
        }
        let subject = self.shared.subjects.node(node);
        let asked = self.shared.client.request(subject, wire::request(&request).into());
        // The client's own timeout begins after the request was put in line.
        let answered = tokio::time::timeout(ANSWER_WITHIN, asked).await.map_err(|_| Silent)?.map_err(|_| Silent)?;
        wire::read_answer(&answered.payload).map_err(|_| Silent)
    }

    fn is_connected(&self) -> bool {
        self.shared.is_connected()
    }

    fn stats(&self) -> BusStats {
        let counters = &self.shared.counters;
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        BusStats {
            received: get(&counters.received),
            sent: get(&counters.sent),
            dropped: get(&counters.dropped),
            newer: get(&counters.newer),
            malformed: get(&counters.malformed),
            losses: get(&counters.losses),
        }
    }

    async fn flush(&self) {
        let (done, is_done) = oneshot::channel();
        if self.outgoing.send(Outgoing::Flush(done)).await.is_ok() {
            let _ = tokio::time::timeout(ANSWER_WITHIN, is_done).await;
        }
    }
}
