//! What does not fit on one machine: a thousand nodes, and a room with a million viewers.

use domain::model::id::RoomId;
use domain::model::node::NodeName;
use domain::model::time::{Span, Timestamp};
use domain::presence::{BEAT_EVERY, Beats, Peers};
use std::collections::HashMap;

const NODES: usize = 1_000;

/// The one that everybody watches.
const SHOW: RoomId = RoomId(1);

/// In the show, on each node.
const VIEWERS: usize = 1_000;

/// Other rooms with viewers on each node, of a hundred thousand.
const OTHERS: usize = 20;

/// Half a minute, with one full beat of each.
const ROUNDS: usize = 15;

/// The rooms of a node: in each round a tenth of the others gain or lose a viewer, and people come to the show and leave.
fn rooms(node: usize, round: usize) -> HashMap<RoomId, usize> {
    let other = |number: usize| {
        let changes = (number + round) / 10;
        (RoomId(2 + (node * 7919 + number * 104_729) as i64 % 100_000), 1 + changes % 5)
    };
    (0..OTHERS).map(other).chain([(SHOW, VIEWERS + (node + round) % 3)]).collect()
}

#[test]
fn a_million_viewers_on_a_thousand_nodes_are_counted_and_those_of_dead_nodes_are_gone_in_three_beats() {
    let name = |node: usize| NodeName::parse(&format!("node-{node}")).unwrap();
    let mut nodes: Vec<Beats> =
        (0..NODES).map(|node| Beats::new(name(node), 1 + node as u32, "1".to_owned())).collect();
    let (mut peers, mut now) = (Peers::default(), Timestamp(1_000_000_000));
    let total = |count: usize, round: usize| -> usize { (0..count).map(|node| VIEWERS + (node + round) % 3).sum() };
    for round in 0..ROUNDS {
        for (node, own) in nodes.iter_mut().enumerate() {
            for beat in own.next(rooms(node, round), VIEWERS + OTHERS, now) {
                assert!(!peers.hear(beat, now).ask_full);
            }
        }
        assert_eq!(peers.viewers(SHOW), total(NODES, round), "round {round}");
        now = now + BEAT_EVERY;
    }
    // A tenth of them dies; the others go on.
    let alive = NODES - NODES / 10;
    let died_at = now;
    for round in ROUNDS..ROUNDS + 3 {
        for (node, own) in nodes.iter_mut().enumerate().take(alive) {
            own.next(rooms(node, round), VIEWERS + OTHERS, now)
                .into_iter()
                .for_each(|beat| drop(peers.hear(beat, now)));
        }
        peers.drop_silent(now);
        now = now + BEAT_EVERY;
    }
    assert_eq!(now, died_at + Span::seconds(6));
    assert_eq!(peers.viewers(SHOW), total(alive, ROUNDS + 2));
    assert_eq!(peers.all().count(), alive);
}
