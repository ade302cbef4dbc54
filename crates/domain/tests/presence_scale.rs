//! What does not fit on one machine: a thousand nodes, and a room with a million viewers.
//!
//! `cargo test --release -p domain --test presence_scale -- --nocapture` says what a node's work costs.

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

use domain::model::id::RoomId;
use domain::model::node::NodeName;
use domain::model::time::{Span, Timestamp};
use domain::presence::{BEAT_EVERY, Beats, Peers};
use std::collections::HashMap;
use std::time::{Duration, Instant};

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
    let (mut beats, mut changed, mut spent) = (0, 0, Duration::ZERO);
    let total = |count: usize, round: usize| -> usize { (0..count).map(|node| VIEWERS + (node + round) % 3).sum() };
    for round in 0..ROUNDS {
        for (node, own) in nodes.iter_mut().enumerate() {
            let told = own.next(rooms(node, round), VIEWERS + OTHERS, now);
            let began = Instant::now();
            for beat in told {
                beats += 1;
                changed += beat.rooms.len();
                assert!(!peers.hear(beat, now).ask_full);
            }
            spent += began.elapsed();
        }
        assert_eq!(peers.viewers(SHOW), total(NODES, round), "round {round}");
        now = now + BEAT_EVERY;
    }
    println!(
        "{beats} beats of {} changed rooms: {:.1} us each, {:.2} % of a core for {NODES} nodes",
        changed / beats,
        spent.as_secs_f64() * 1e6 / beats as f64,
        spent.as_secs_f64() / (ROUNDS as f64 * 2.0) * 100.0
    );

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
