//! The nodes over one world, and the bus between them, which loses, doubles, delays and swaps.

use super::node::Node;
use super::runtime::at_once;
use super::world::{World, shown};
use domain::model::event::Event;
use domain::model::id::RoomId;
use domain::model::user::Member;
use domain::ports::log::{AppendError, AppendResult, Log, LogCommand, LogEntry};
use domain::ports::store::StoreError;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// The nodes of one world.
pub struct Cluster {
    /// The store, time and chance that they share.
    pub world: Rc<World>,
    /// Those that run now or will again.
    nodes: RefCell<Vec<Rc<Node>>>,
    /// Each node's way to the bus.
    links: Vec<Link>,
}

/// How a node's way to the bus is, until when, in milliseconds.
#[derive(Default)]
struct Link {
    cut_until: Cell<i64>,
    slow_until: Cell<i64>,
}

/// By how much a node that lags hears late, in milliseconds.
const LAG: i64 = 2_000;

impl Cluster {
    /// One to three nodes, or, where it is `wide`, three to five.
    pub fn start(world: &Rc<World>, wide: bool) -> Rc<Cluster> {
        let (least, most) = if wide { (3, 5) } else { (1, 3) };
        let count = world.runtime.chance.between(least, most) as usize;
        let nodes = (0..count).map(|id| Node::start(world, id)).collect();
        let links = (0..count).map(|_| Link::default()).collect();
        Rc::new(Cluster { world: world.clone(), nodes: RefCell::new(nodes), links })
    }

    /// A node is cut off from the bus for a while; whether it is told before it is over.
    pub fn cut_off(self: &Rc<Self>, number: usize, ms: i64, told: bool) {
        let id = self.node(number).id;
        self.links[id].cut_until.set(self.world.runtime.now() + ms);
        if told {
            self.node(id).lose();
        }
        self.tell_loss_after(id, ms);
    }

    /// A node hears late for a while, and is told at the end that something was lost.
    pub fn lag(self: &Rc<Self>, number: usize, ms: i64) {
        let id = self.node(number).id;
        self.links[id].slow_until.set(self.world.runtime.now() + ms);
        self.tell_loss_after(id, ms);
    }

    fn tell_loss_after(self: &Rc<Self>, id: usize, ms: i64) {
        let (cluster, wait) = (self.clone(), self.world.runtime.sleep(ms));
        self.world.runtime.spawn(async move {
            wait.await;
            cluster.node(id).lose();
        });
    }

    /// Every node hears the others again.
    pub fn calm(&self) {
        for link in &self.links {
            link.cut_until.set(0);
            link.slow_until.set(0);
        }
    }

    /// One of the nodes, counted round.
    pub fn node(&self, number: usize) -> Rc<Node> {
        let nodes = self.nodes.borrow();
        nodes[number % nodes.len()].clone()
    }

    /// Any of the nodes.
    pub fn any_node(&self) -> Rc<Node> {
        let nodes = self.nodes.borrow();
        nodes[self.world.runtime.chance.below(nodes.len())].clone()
    }

    /// Ends all of them.
    pub fn end(&self) {
        self.nodes.borrow().iter().for_each(|node| node.die());
    }

    /// Appends for a node, which may not learn that it worked, or not live to tell.
    pub async fn append(
        self: &Rc<Self>,
        node: &Rc<Node>,
        room: RoomId,
        actor: &Member,
        command: LogCommand,
    ) -> Result<AppendResult, AppendError> {
        self.world.take_time(|weather| weather.append_slow).await;
        self.world.check_store(|weather| weather.append_fails)?;
        let entry = LogEntry { room, actor: actor.clone(), at: self.world.now(), command };
        let answer = at_once(self.world.store.append(entry));
        let events = self.world.bus.events();
        self.world.bus.clear();
        self.world.log.borrow_mut().extend(events.iter().cloned());
        for event in &events {
            self.world.say(|| format!("log: {}", shown(event)));
        }
        if !node.is_alive() || (!events.is_empty() && self.world.goes_wrong(|weather| weather.crash)) {
            self.crash(node);
            return Err(StoreError::Failed("the node died between commit and publish".to_owned()).into());
        }
        self.publish(node.id, &events);
        self.world.take_time(|weather| weather.append_slow).await;
        if self.world.goes_wrong(|weather| weather.reply_lost) {
            return Err(StoreError::Failed("the reply was lost".to_owned()).into());
        }
        answer
    }

    fn publish(self: &Rc<Self>, from: usize, events: &[Event]) {
        let now = self.world.runtime.now();
        let is_cut = |id: usize| now < self.links[id].cut_until.get();
        for node in self.nodes.borrow().iter() {
            // What a node publishes itself reaches it without the bus.
            if node.id != from && (is_cut(from) || is_cut(node.id)) {
                self.world.say(|| format!("bus: node {} is not reached from node {from}", node.id));
                continue;
            }
            for event in events {
                if self.world.goes_wrong(|weather| weather.lose) {
                    self.world.say(|| format!("bus: node {} loses {}", node.id, event.seq));
                    continue;
                }
                for _ in 0..if self.world.goes_wrong(|weather| weather.double) { 2 } else { 1 } {
                    let late = if self.world.goes_wrong(|weather| weather.delay) { 700 } else { 1 };
                    let lag = if now < self.links[node.id].slow_until.get() { LAG } else { 0 };
                    let (node, event, wait) = (node.clone(), event.clone(), self.world.runtime.pause(lag, lag + late));
                    self.world.runtime.spawn(async move {
                        wait.await;
                        node.receive(event);
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
        self.world.say(|| format!("node {} crashes", node.id));
        node.die();
        let (cluster, id, wait) = (self.clone(), node.id, self.world.runtime.pause(100, 2_500));
        self.world.runtime.spawn(async move {
            wait.await;
            cluster.world.say(|| format!("node {id} starts"));
            let node = Node::start(&cluster.world, id);
            cluster.nodes.borrow_mut()[id] = node;
        });
    }
}
