//! What must be true after some rest: everybody has what the store has, and what was acknowledged stands there once.

use super::client::{Client, View};
use super::runtime::at_once;
use super::world::World;
use domain::model::event::EventKind;
use domain::model::id::{MessageId, Seq};
use domain::model::room::Room;
use domain::ports::readers::{AccessReader, MessageReader, Position};
use domain::ports::store::RoomStore;
use std::rc::Rc;

/// Checks all of it.
pub fn check(world: &World, clients: &[Rc<Client>]) {
    check_log(world);
    check_acknowledged(world);
    for client in clients {
        for room in &world.rooms {
            if let Some(view) = client.views.borrow().get(&room.id) {
                check_view(world, client, room, view);
            }
        }
    }
}

/// The numbers of a log have no gaps, and no message stands there twice.
fn check_log(world: &World) {
    let log = world.log.borrow();
    for room in &world.rooms {
        let events: Vec<_> = log.iter().filter(|event| event.room == room.id).collect();
        for (event, expected) in events.iter().zip(1..) {
            if event.seq != Seq(expected) {
                world.fail(|| format!("room {}: {} stands where {expected} was expected", room.id, event.seq));
            }
        }
    }
    let mut said: Vec<&str> = log
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::Posted(message) => Some(message.text.as_str()),
            _ => None,
        })
        .collect();
    said.sort_unstable();
    for pair in said.windows(2).filter(|pair| pair[0] == pair[1]) {
        world.fail(|| format!("{:?} stands in the log twice", pair[0]));
    }
}

/// What a client was told is in the log, as it was told.
fn check_acknowledged(world: &World) {
    for acknowledged in world.acknowledged.borrow().iter() {
        let stands = at_once(world.store.posted(acknowledged.room, acknowledged.author, &acknowledged.nonce));
        let place = stands.ok().flatten().map(|message| (message.id, message.seq));
        if place != Some((acknowledged.id, acknowledged.seq)) {
            world.fail(|| format!("{acknowledged:?} was acknowledged and stands at {place:?}"));
        }
    }
}

fn check_view(world: &World, client: &Client, room: &Room, view: &View) {
    let name = client.member.user.display_name.as_str();
    if view.asking.is_some_and(|since| world.runtime.now() - since > 1_000) {
        return world
            .fail(|| format!("{name} waits for an answer to a join of room {} since {:?}", room.id, view.asking));
    }
    let access = at_once(world.store.access_context(&room.uid, Some(client.member.user.id), None, world.now()));
    let Some(access) = access.ok().flatten() else {
        if !view.transcript.is_closed() {
            world.fail(|| format!("{name} does not know that room {} is closed", room.id));
        }
        return;
    };
    if !access.sanctions.is_empty() {
        if view.inside {
            world.fail(|| format!("{name} is banned from room {} and inside", room.id));
        }
        return;
    }
    if !view.inside {
        return world.fail(|| format!("{name} did not come back to room {}", room.id));
    }
    let (messages, _) = at_once(world.store.messages(room.id, Position::After(view.transcript.floor()), usize::MAX))
        .unwrap_or_default();
    let truth: Vec<(Seq, MessageId)> = messages.iter().map(|message| (message.seq, message.id)).collect();
    let has: Vec<(Seq, MessageId)> = view.transcript.messages().map(|message| (message.seq, message.id)).collect();
    if truth != has {
        let seqs = |list: &[(Seq, MessageId)]| list.iter().map(|(seq, _)| seq.0).collect::<Vec<_>>();
        return world.fail(|| {
            let floor = view.transcript.floor();
            format!("{name} has {:?} of room {} after {floor}, the store {:?}", seqs(&has), room.id, seqs(&truth))
        });
    }
    let settings = at_once(world.store.room_by_id(room.id)).ok().flatten();
    if view.transcript.settings() != settings.as_ref() {
        world.fail(|| format!("{name} has other settings of room {} than the store", room.id));
    }
}
