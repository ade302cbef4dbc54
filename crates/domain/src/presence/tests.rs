//! Beats that are lost, doubled and late, and nodes that come, go and come again.

use super::*;
use proptest::prelude::*;

const NOON: Timestamp = Timestamp(1_000_000);
const LOBBY: RoomId = RoomId(7);
const HALL: RoomId = RoomId(8);

fn node(name: &str, incarnation: u32) -> Beats {
    Beats::new(NodeName::parse(name).expect("a name"), incarnation, "1.0.0".to_owned())
}

fn rooms(counts: &[(RoomId, usize)]) -> HashMap<RoomId, usize> {
    counts.iter().copied().collect()
}

fn one(beats: Vec<Beat>) -> Beat {
    let [beat] = <[Beat; 1]>::try_from(beats).expect("one beat");
    beat
}

#[test]
fn counts_of_all_nodes_are_added_and_only_changes_travel() {
    let (mut peers, mut a, mut b) = (Peers::default(), node("a", 1), node("b", 2));
    peers.hear(one(a.next(rooms(&[(LOBBY, 3), (HALL, 1)]), 4, NOON)), NOON);
    peers.hear(one(b.next(rooms(&[(LOBBY, 2)]), 2, NOON)), NOON);
    assert_eq!((peers.viewers(LOBBY), peers.viewers(HALL)), (5, 1));
    let beat = one(a.next(rooms(&[(LOBBY, 3)]), 3, NOON));
    assert_eq!((beat.full, beat.rooms.as_slice()), (false, [(HALL, 0)].as_slice()));
    assert_eq!(peers.hear(beat, NOON), Heard { changed: vec![(HALL, 0)], ask_full: false });
    assert_eq!(peers.with_viewers(LOBBY).len(), 2);
    assert_eq!(peers.with_viewers(HALL), []);
}

#[test]
fn who_misses_a_beat_asks_for_all_until_it_comes() {
    let (mut peers, mut a) = (Peers::default(), node("a", 1));
    peers.hear(one(a.next(rooms(&[(LOBBY, 3)]), 3, NOON)), NOON);
    let _lost = a.next(rooms(&[(LOBBY, 4)]), 4, NOON);
    assert!(peers.hear(one(a.next(rooms(&[(LOBBY, 4)]), 4, NOON)), NOON).ask_full);
    assert!(peers.hear(one(a.next(rooms(&[(LOBBY, 4)]), 4, NOON)), NOON).ask_full);
    a.ask_full();
    let heard = peers.hear(one(a.next(rooms(&[(LOBBY, 4)]), 4, NOON)), NOON);
    assert_eq!(heard, Heard { changed: vec![(LOBBY, 4)], ask_full: false });
}

#[test]
fn who_hears_a_node_for_the_first_time_in_the_middle_asks_for_all() {
    let (mut peers, mut a) = (Peers::default(), node("a", 1));
    a.next(rooms(&[(LOBBY, 3)]), 3, NOON);
    assert!(peers.hear(one(a.next(rooms(&[(LOBBY, 3)]), 3, NOON)), NOON).ask_full);
}

#[test]
fn a_node_that_is_silent_for_three_beats_is_gone_and_one_that_says_so_at_once() {
    let (mut peers, mut a, mut b) = (Peers::default(), node("a", 1), node("b", 2));
    peers.hear(one(a.next(rooms(&[(LOBBY, 3)]), 3, NOON)), NOON);
    peers.hear(one(b.next(rooms(&[(LOBBY, 2)]), 2, NOON)), NOON + BEAT_EVERY);
    assert_eq!(peers.drop_silent(Timestamp(NOON.0 + 5_999)), []);
    assert_eq!(peers.drop_silent(Timestamp(NOON.0 + 6_000)), [(LOBBY, 2)]);
    assert_eq!(peers.hear(b.last(NOON), NOON).changed, [(LOBBY, 0)]);
    assert_eq!(peers.all().count(), 0);
}

#[test]
fn a_node_that_starts_again_has_none_of_its_old_viewers() {
    let (mut peers, mut old, mut new) = (Peers::default(), node("a", 1), node("a", 2));
    peers.hear(one(old.next(rooms(&[(LOBBY, 3), (HALL, 2)]), 5, NOON)), NOON);
    peers.hear(one(new.next(rooms(&[(LOBBY, 1)]), 1, NOON)), NOON);
    assert_eq!((peers.viewers(LOBBY), peers.viewers(HALL)), (1, 0));
    assert_eq!(peers.incarnated(2).map(NodeName::as_str), Some("a"));
    assert_eq!(peers.incarnated(1), None);
}

#[test]
fn a_clock_that_is_ahead_is_seen() {
    let (mut peers, mut a) = (Peers::default(), node("a", 1));
    peers.hear(one(a.next(HashMap::new(), 0, NOON + Span::seconds(9))), NOON);
    assert_eq!(peers.all().map(|(_, peer)| peer.ahead).collect::<Vec<_>>(), [9_000]);
}

#[test]
fn much_to_tell_is_split_and_every_thirty_seconds_all_of_it_is_told() {
    let mut a = node("a", 1);
    let many: HashMap<RoomId, usize> = (0..20_000).map(|room| (RoomId(room), 1)).collect();
    let beats = a.next(many.clone(), 20_000, NOON);
    assert_eq!(
        beats.iter().map(|beat| (beat.number, beat.full)).collect::<Vec<_>>(),
        [(1, true), (2, false), (3, false)]
    );
    let mut peers = Peers::default();
    beats.into_iter().for_each(|beat| drop(peers.hear(beat, NOON)));
    assert_eq!((0..20_000).filter(|room| peers.viewers(RoomId(*room)) == 1).count(), 20_000);
    let told: Vec<usize> =
        (0..30).flat_map(|_| a.next(many.clone(), 20_000, NOON)).map(|beat| beat.rooms.len()).collect();
    assert!(told.contains(&0) && told.contains(&8_000), "{told:?}");
}

proptest! {
    #[test]
    fn whatever_is_lost_or_doubled_after_a_full_beat_the_sum_is_right(
        steps in proptest::collection::vec((0..3usize, 0..4i64, 0..5usize, 0..3u8), 1..60),
    ) {
        let mut peers = Peers::default();
        let mut nodes: Vec<(Beats, HashMap<RoomId, usize>)> =
            (0..3).map(|n| (node(&format!("n{n}"), n + 1), HashMap::new())).collect();
        for (n, room, count, fate) in steps {
            let (beats, rooms) = &mut nodes[n];
            if count == 0 { rooms.remove(&RoomId(room)); } else { rooms.insert(RoomId(room), count); }
            for beat in beats.next(rooms.clone(), 0, NOON) {
                if fate > 0 {
                    let heard = peers.hear(beat.clone(), NOON);
                    if heard.ask_full { beats.ask_full(); }
                }
                if fate > 1 { peers.hear(beat, NOON); }
            }
        }
        for (beats, rooms) in &mut nodes {
            beats.ask_full();
            for beat in beats.next(rooms.clone(), 0, NOON) { prop_assert!(!peers.hear(beat, NOON).ask_full); }
        }
        for room in (0..4).map(RoomId) {
            let sum: usize = nodes.iter().filter_map(|(_, rooms)| rooms.get(&room)).sum();
            prop_assert_eq!(peers.viewers(room), sum);
        }
    }
}
