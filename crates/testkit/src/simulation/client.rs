//! A client: it keeps a transcript, repeats what was not acknowledged, comes back when it was cut off; and the oracles
//! that watch what it hears.

use super::cluster::Cluster;
use super::conn::{Ask, Conn, Frame, LIMITS, Refusal};
use super::world::{World, shown};
use domain::delivery::client::Transcript;
use domain::model::audience::Recipient;
use domain::model::id::{MessageId, RoomId, Seq};
use domain::model::room::{Readers, Room};
use domain::model::text::Nonce;
use domain::model::user::Member;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

/// How long a client waits after a refusal, in milliseconds.
const RETRY_WAIT: i64 = 600;

/// What a client has of a room.
#[derive(Default)]
pub struct View {
    /// The transcript.
    pub transcript: Transcript,
    /// Whether it is in the room, as far as it knows.
    pub inside: bool,
    /// Whether it wants to join once more all the same.
    again: bool,
    /// Since when a join has not been answered.
    pub asking: Option<i64>,
    /// Whether the frames of a join are coming.
    entering: bool,
    /// The highest place among the frames since the last start.
    last: Option<Seq>,
    /// Where the log was when the user was let in.
    let_in: Option<Seq>,
    not_before: i64,
}

struct Pending {
    room: RoomId,
    nonce: Nonce,
    sent: bool,
    not_before: i64,
}

/// A client.
pub struct Client {
    pub member: Member,
    /// By room.
    pub views: RefCell<BTreeMap<RoomId, View>>,
    /// How long it waits between two looks at its socket, in milliseconds.
    pub pace: Cell<i64>,
    cluster: Weak<Cluster>,
    conn: RefCell<Option<Rc<Conn>>>,
    pending: RefCell<Vec<Pending>>,
    posts: Cell<u64>,
}

impl Client {
    /// A client that is always there, or about to be.
    pub fn start(cluster: &Rc<Cluster>, member: Member) -> Rc<Client> {
        let world = &cluster.world;
        let views = world.rooms.iter().map(|room| (room.id, View::default())).collect();
        let client = Rc::new(Client {
            member,
            views: RefCell::new(views),
            pace: Cell::new(20),
            cluster: Rc::downgrade(cluster),
            conn: RefCell::default(),
            pending: RefCell::default(),
            posts: Cell::new(0),
        });
        let (running, runtime) = (client.clone(), world.runtime.clone());
        world.runtime.spawn(async move {
            loop {
                runtime.pause(1, 500).await;
                if running.connect() {
                    while running.is_connected() {
                        running.ask();
                        runtime.sleep(running.pace.get()).await;
                        running.listen();
                    }
                    running.lost();
                }
            }
        });
        client
    }

    fn cluster(&self) -> Rc<Cluster> {
        self.cluster.upgrade().expect("the nodes outlive their clients")
    }

    fn world(&self) -> Rc<World> {
        self.cluster().world.clone()
    }

    fn is_connected(&self) -> bool {
        self.conn.borrow().as_ref().is_some_and(|conn| conn.is_open())
    }

    /// Says something.
    pub fn post(&self, room: RoomId) {
        self.posts.set(self.posts.get() + 1);
        let nonce = crate::builders::nonce(&format!("{}-{}", self.member.user.display_name.as_str(), self.posts.get()));
        self.pending.borrow_mut().push(Pending { room, nonce, sent: false, not_before: 0 });
    }

    /// The connection ends.
    pub fn cut(&self) {
        if let Some(conn) = self.conn.borrow().as_ref() {
            self.world().say(|| format!("{} is cut off", self.member.user.display_name.as_str()));
            conn.cut();
        }
    }

    /// Asks to enter a room once more, though it may be inside.
    pub fn rejoin(&self, room: &Room) {
        if let Some(view) = self.views.borrow_mut().get_mut(&room.id) {
            view.again = true;
        }
    }

    fn connect(&self) -> bool {
        let Some(conn) = Conn::open(&self.cluster(), self.member.user.id) else { return false };
        self.world().say(|| format!("{} connects to node {}", self.member.user.display_name.as_str(), conn.node()));
        *self.conn.borrow_mut() = Some(conn);
        true
    }

    fn lost(&self) {
        *self.conn.borrow_mut() = None;
        for view in self.views.borrow_mut().values_mut() {
            (view.inside, view.asking, view.entering) = (false, None, false);
        }
        for pending in self.pending.borrow_mut().iter_mut() {
            (pending.sent, pending.not_before) = (false, 0);
        }
    }

    fn ask(&self) {
        let (world, conn) = (self.world(), self.conn.borrow());
        let Some(conn) = conn.as_ref() else { return };
        let now = world.runtime.now();
        for room in &world.rooms {
            let mut views = self.views.borrow_mut();
            let Some(view) = views.get_mut(&room.id) else { continue };
            if (view.inside && !view.again)
                || view.asking.is_some()
                || now < view.not_before
                || view.transcript.is_closed()
            {
                continue;
            }
            (view.asking, view.again) = (Some(now), false);
            let since = view.transcript.epoch().map(|_| view.transcript.head());
            world.say(|| format!("{} joins room {} after {since:?}", self.member.user.display_name.as_str(), room.id));
            conn.ask(Ask::Join(room.uid.clone(), room.id, since, view.transcript.epoch()));
        }
        for pending in self.pending.borrow_mut().iter_mut().filter(|pending| !pending.sent && now >= pending.not_before)
        {
            pending.sent = true;
            conn.ask(Ask::Post(pending.room, pending.nonce.clone()));
        }
    }

    fn listen(&self) {
        let world = self.world();
        let Some(conn) = self.conn.borrow().clone() else { return };
        let most = if self.pace.get() > 100 { 3 } else { 20 };
        if !conn.is_open() {
            return;
        }
        for frame in conn.take(most) {
            self.receive(&world, frame);
        }
    }

    fn receive(&self, world: &World, frame: Frame) {
        let name = self.member.user.display_name.as_str();
        let now = world.runtime.now();
        let mut views = self.views.borrow_mut();
        match frame {
            Frame::Entering(room, since, let_in) => {
                let Some(view) = views.get_mut(&room.id) else { return };
                view.last = since;
                view.let_in = Some(let_in);
                view.entering = true;
                since.into_iter().for_each(|since| view.transcript.resume(since));
                view.transcript.settle(room);
            }
            Frame::Settings(room, let_in) => {
                if let Some(view) = views.get_mut(&room.id) {
                    view.let_in = Some(let_in);
                    view.transcript.settle(room);
                }
            }
            Frame::Event(event) => {
                let Some(view) = views.get_mut(&event.room) else { return };
                world.say(|| format!("{name} hears {}", shown(&event)));
                if !view.inside && !view.entering && view.asking.is_none() {
                    world.fail(|| format!("{name} is out and hears {}", shown(&event)));
                }
                if view.last.is_some_and(|last| event.seq <= last) {
                    world.fail(|| format!("{name} hears {} after {:?}", shown(&event), view.last));
                }
                self.check_leak(world, view, event.room, event.seq);
                view.last = Some(event.seq);
                view.transcript.event(&event);
                if event.removes(Recipient::of(Some(&self.member), Readers::Everyone)) {
                    view.inside = false;
                    view.not_before = now + RETRY_WAIT;
                }
            }
            Frame::Reset(room) => {
                if let Some(view) = views.get_mut(&room) {
                    world.say(|| format!("{name} starts afresh in room {room}"));
                    view.transcript.reset();
                }
            }
            Frame::Deleted(room) => {
                if let Some(view) = views.get_mut(&room) {
                    view.transcript.close();
                    view.inside = false;
                }
            }
            Frame::Latest(room, head, messages, older) => {
                let Some(view) = views.get_mut(&room) else { return };
                world.say(|| format!("{name} has room {room} up to {}", head.seq));
                self.check_leak(world, view, room, head.seq.next());
                let shown: Vec<MessageId> = messages.iter().map(|message| message.id).collect();
                if let Some(expected) = world.latest_at(room, head.seq, LIMITS.snapshot)
                    && expected != (shown.clone(), older)
                {
                    world
                        .fail(|| format!("{name} is shown {shown:?} of room {room} at {}, not {expected:?}", head.seq));
                }
                view.last = Some(head.seq);
                view.transcript.latest(head, messages, older);
            }
            Frame::Entered(room, head) => {
                let Some(view) = views.get_mut(&room) else { return };
                world.say(|| format!("{name} is in room {room} after {}", head.seq));
                (view.inside, view.asking, view.entering) = (true, None, false);
                view.last = view.last.max(Some(head.seq));
                view.transcript.reach(head);
            }
            Frame::Refused(room, refusal) => {
                let Some(view) = views.get_mut(&room) else { return };
                world.say(|| format!("{name} is refused in room {room}: {refusal:?}"));
                // Whoever was inside still is, until the event comes that ends it.
                view.asking = None;
                view.not_before = now + RETRY_WAIT;
                if refusal == Refusal::Gone && !view.inside {
                    view.transcript.close();
                }
            }
            Frame::Posted(acknowledged) => {
                world.say(|| format!("{name} has the ack of {:?}", acknowledged.nonce.as_str()));
                self.pending.borrow_mut().retain(|pending| pending.nonce != acknowledged.nonce);
                world.acknowledged.borrow_mut().push(acknowledged);
            }
            Frame::NotPosted(nonce, Refusal::Busy) => {
                for pending in self.pending.borrow_mut().iter_mut().filter(|pending| pending.nonce == nonce) {
                    (pending.sent, pending.not_before) = (false, now + RETRY_WAIT);
                }
            }
            Frame::NotPosted(nonce, _) => self.pending.borrow_mut().retain(|pending| pending.nonce != nonce),
        }
    }

    /// Nobody hears of what lies behind a ban that came after they were let in.
    fn check_leak(&self, world: &World, view: &View, room: RoomId, seq: Seq) {
        let Some(let_in) = view.let_in else { return };
        if let Some(ban) = world.banned_between(room, self.member.user.id, let_in, seq) {
            let name = self.member.user.display_name.as_str();
            world.fail(|| format!("{name} was banned from room {room} at {ban} and hears of {seq}"));
        }
    }
}
