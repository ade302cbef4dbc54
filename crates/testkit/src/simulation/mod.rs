//! The way of events from the log to the viewers, simulated: no sockets, no threads, no clock; one seed, one story.
//!
//! Nodes run the feed and the tails of `domain::delivery` over one store in memory. [`world`] makes the store fail, wait and
//! forget its reply; in a [`cluster`] nodes die between commit and publish, and the bus loses, doubles, delays and swaps.
//! Seeds from [`WIDE`] on have three to five nodes, and a bus that fails as NATS does: a node is cut off and told so, or not
//! told for long, or hears everything seconds late.
//! [`client`]s post under nonces, are cut off, come back, fall behind; moderators delete, purge, ban and configure. Then
//! all that goes wrong ends, and after some rest the [`oracle`] compares what everybody has.

pub mod client;
pub mod cluster;
pub mod conn;
pub mod node;
pub mod oracle;
pub mod runtime;
pub mod world;

use client::Client;
use cluster::Cluster;
use domain::model::id::MessageId;
use domain::model::room::{Room, RoomChange};
use domain::model::sanction::SanctionKind;
use domain::ports::log::LogCommand;
use domain::ports::readers::{MessageReader, Position};
use runtime::{Chance, at_once};
use std::rc::Rc;
use world::World;

/// How long things happen, in milliseconds.
const STORM: i64 = 12_000;

/// How long all rests afterwards: gaps are found within 2 s, whoever is out asks again within one.
const REST: i64 = 12_000;

/// Seeds from here on play with more nodes, and with a bus between them that fails for some of them alone.
pub const WIDE: u64 = 1_000_000;

/// Something that happens to the simulated chat; numbers are taken modulo what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A client says so many things.
    Post(usize, usize),
    /// The latest message but so many is deleted.
    Delete(usize),
    /// One user's messages are purged, or, one time in five, all.
    Purge(usize),
    /// A user is banned, and let in after so many milliseconds, if at all.
    Ban(usize, Option<i64>),
    /// The room gets another name.
    Configure,
    /// The room is closed.
    Close,
    /// A client is cut off.
    Cut(usize),
    /// A client joins once more.
    Rejoin(usize),
    /// A client reads slowly for so many milliseconds.
    Slow(usize, i64),
    /// A node dies.
    Crash(usize),
    /// The store is away for so many milliseconds.
    Gone(i64),
    /// A node's bus says that it lost something.
    Lost(usize),
    /// A node neither hears the others nor is heard for so many milliseconds; told when it begins and when it is over.
    CutOff(usize, i64),
    /// The same, and nobody finds out until it is over.
    HalfOpen(usize, i64),
    /// A node hears everything two seconds late for so many milliseconds, as one that is too slow for the bus.
    Lag(usize, i64),
}

/// A step of a story: when, in which room, and what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// In milliseconds.
    pub at: i64,
    /// In which room.
    pub room: usize,
    /// What happens.
    pub what: What,
}

/// The story of a seed.
pub fn story(seed: u64) -> Vec<Step> {
    let chance = Chance::new(seed ^ 0x5EED);
    let length = chance.between(5, 60);
    let mut steps: Vec<Step> = (0..length)
        .map(|_| {
            let what = match chance.between(0, 99) {
                0..=39 => What::Post(chance.below(12), 1),
                40..=49 => What::Post(chance.below(12), chance.below(25)),
                50..=57 => What::Delete(chance.below(5)),
                58..=60 => What::Purge(chance.below(15)),
                61..=70 => {
                    let let_in = chance.permille(700).then(|| chance.between(1, 1_500));
                    What::Ban(chance.below(12), let_in)
                }
                71..=74 => What::Configure,
                75..=81 => What::Cut(chance.below(12)),
                82..=85 => What::Rejoin(chance.below(12)),
                86..=90 => What::Slow(chance.below(12), chance.between(500, 4_000)),
                91..=92 => What::Crash(chance.below(6)),
                93..=94 => What::Gone(chance.between(100, 3_000)),
                95..=98 => What::Lost(chance.below(6)),
                _ => What::Close,
            };
            Step { at: chance.between(0, STORM), room: chance.below(2), what }
        })
        .collect();
    if seed >= WIDE {
        steps.extend(bus_faults(&chance));
    }
    steps.sort_by_key(|step| step.at);
    steps
}

/// What happens to the bus of some nodes.
fn bus_faults(chance: &Chance) -> Vec<Step> {
    let fault = |_| {
        let (node, ms) = (chance.below(5), chance.between(200, 5_000));
        let what = match chance.below(3) {
            0 => What::CutOff(node, ms),
            1 => What::HalfOpen(node, ms),
            _ => What::Lag(node, ms),
        };
        Step { at: chance.between(0, STORM), room: 0, what }
    };
    (0..chance.between(1, 6)).map(fault).collect()
}

/// How a story ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What an oracle found wrong, if anything.
    pub failure: Option<String>,
    /// What happened, line by line; empty unless it was asked for.
    pub trace: Vec<String>,
}

/// Plays the steps in the world of a seed.
pub fn play(seed: u64, steps: &[Step], traced: bool) -> Outcome {
    let world = World::new(seed, traced);
    let cluster = Cluster::start(&world, seed >= WIDE);
    let clients: Vec<Rc<Client>> = world.users.iter().map(|user| Client::start(&cluster, user.clone())).collect();
    for step in steps {
        world.runtime.run_until(step.at, || world.has_failed());
        world.say(|| format!("step {:?}", step.what));
        perform(&cluster, &clients, *step);
    }
    world.runtime.run_until(STORM, || world.has_failed());
    world.say(|| "all is calm".to_owned());
    world.calm();
    cluster.calm();
    clients.iter().for_each(|client| client.pace.set(20));
    world.runtime.run_until(STORM + REST, || world.has_failed());
    oracle::check(&world, &clients);
    let failure = world.failure.borrow_mut().take();
    let trace = world.trace.as_ref().map(|trace| trace.take()).unwrap_or_default();
    cluster.end();
    world.runtime.clear();
    Outcome { failure, trace }
}

fn perform(cluster: &Rc<Cluster>, clients: &[Rc<Client>], step: Step) {
    let world = &cluster.world;
    let room = &world.rooms[step.room % world.rooms.len()];
    let client = |n: usize| &clients[n % clients.len()];
    match step.what {
        What::Post(n, count) => (0..count).for_each(|_| client(n).post(room.id)),
        What::Delete(back) => {
            if let Some(message) = latest(world, room, back) {
                act(cluster, room, LogCommand::Delete { message }, 0);
            }
        }
        What::Purge(n) => {
            let author = (n % 5 != 0).then(|| Box::new(client(n).member.user.clone()));
            act(cluster, room, LogCommand::Purge { author }, 0);
        }
        What::Ban(n, let_in) => {
            let subject = &client(n).member;
            let ban = crate::builders::sanction(SanctionKind::Ban, &subject.user, None);
            act(cluster, room, crate::builders::give(subject, ban), 0);
            if let Some(after) = let_in {
                act(cluster, room, crate::builders::lift(subject, SanctionKind::Ban), after);
            }
        }
        What::Configure => {
            let name = crate::builders::room_name(&format!("name at {}", step.at));
            act(
                cluster,
                room,
                LogCommand::Configure { change: Box::new(RoomChange { name: Some(name), ..Default::default() }) },
                0,
            );
        }
        What::Close => act(cluster, room, LogCommand::Close, 0),
        What::Cut(n) => client(n).cut(),
        What::Rejoin(n) => client(n).rejoin(room),
        What::Slow(n, ms) => {
            let (client, wait) = (client(n).clone(), world.runtime.sleep(ms));
            client.pace.set(400);
            world.runtime.spawn(async move {
                wait.await;
                client.pace.set(20);
            });
        }
        What::Crash(n) => {
            cluster.crash(&cluster.node(n));
        }
        What::Gone(ms) => world.be_gone(ms),
        What::Lost(n) => {
            cluster.node(n).lose();
        }
        What::CutOff(n, ms) => cluster.cut_off(n, ms, true),
        What::HalfOpen(n, ms) => cluster.cut_off(n, ms, false),
        What::Lag(n, ms) => cluster.lag(n, ms),
    }
}

fn latest(world: &World, room: &Room, back: usize) -> Option<MessageId> {
    let (messages, _) = at_once(world.store.messages(room.id, Position::End, back + 1)).ok()?;
    messages.first().map(|message| message.id)
}

/// The owner does something, once, through some node, and does not care how it ends.
fn act(cluster: &Rc<Cluster>, room: &Room, command: LogCommand, after: i64) {
    let (cluster, room) = (cluster.clone(), room.id);
    let runtime = cluster.world.runtime.clone();
    runtime.spawn(async move {
        cluster.world.runtime.sleep(after).await;
        let node = cluster.any_node();
        if node.is_alive() {
            // Whether it was done stands in the log.
            let _ = cluster.append(&node, room, &cluster.world.owner.clone(), command).await;
        }
    });
}

/// Leaves out what the failure does not need.
pub fn shrink(seed: u64, mut steps: Vec<Step>) -> Vec<Step> {
    let mut size = steps.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < steps.len() {
            let fewer: Vec<Step> = [&steps[..at], &steps[(at + size).min(steps.len())..]].concat();
            if play(seed, &fewer, false).failure.is_some() {
                steps = fewer;
            } else {
                at += size;
            }
        }
        size /= 2;
    }
    steps
}
