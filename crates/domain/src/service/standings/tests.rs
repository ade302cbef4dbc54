//! What is believed, for how long, and what ends it. The composition with a store is in `tests/standings.rs`.

use super::known::{Known, Look, Question, SURE_FOR, Touched};
use crate::model::event::{Event, EventKind, Measure};
use crate::model::id::{Epoch, MessageId, RoomId, RoomUid, Seq, UserId, UserUid};
use crate::model::message::{Message, MessageKind};
use crate::model::name::DisplayName;
use crate::model::rank::Rank;
use crate::model::room::{Head, Room, Rules};
use crate::model::text::{Body, Description, RoomName};
use crate::model::time::{Span, Timestamp};
use crate::model::user::{Member, User};
use crate::ports::log::{Footing, Stance};
use std::collections::HashMap;
use std::sync::Arc;

const NOON: Timestamp = Timestamp(1_000_000);
const LOBBY: RoomId = RoomId(7);
const ANN: UserId = UserId(1);

fn uid() -> RoomUid {
    RoomUid::parse("lobbylobby00").expect("a uid")
}

fn user(id: UserId) -> User {
    User {
        id,
        uid: UserUid::parse("annannann0").expect("a uid"),
        username: None,
        display_name: DisplayName::guest(1),
        picture: None,
        country: None,
        rank: Rank::Guest,
        network: None,
        created_at: NOON,
    }
}

fn lobby() -> Room {
    Room {
        id: LOBBY,
        uid: uid(),
        name: RoomName::stored("lobby".to_owned()),
        description: Description::stored(String::new()),
        owner: UserId(9),
        rules: Rules::default(),
        sites: Vec::new(),
        pinned: None,
        created_at: NOON,
    }
}

fn footing(room: Option<Room>, seq: i64) -> Footing {
    let head = Head { epoch: Epoch(1), seq: Seq(seq) };
    Footing { room, head, ranks: HashMap::from([(ANN, Rank::Mod)]), sanctions: Vec::new(), cut: false }
}

fn event(room: RoomId, seq: i64, kind: EventKind) -> Event {
    Event { room, seq: Seq(seq), at: NOON, actor: ANN, kind }
}

fn posted(seq: i64) -> Event {
    let author = Member::outside(user(ANN));
    let (id, kind, text) = (MessageId(seq), MessageKind::Say, Body::stored(format!("text {seq}")));
    let message = Message { id, seq: Seq(seq), room: LOBBY, author, text, kind, reply_to: None, at: NOON };
    event(LOBBY, seq, EventKind::Posted(Box::new(message)))
}

/// Knows the lobby with a message of Ann's at its top.
fn knowing_a_pin() -> Known {
    let EventKind::Posted(message) = posted(5).kind else { unreachable!("a message was posted") };
    let mut known = Known::default();
    let lobby = Room { pinned: Some(Arc::new(*message)), ..lobby() };
    known.learn(footing(Some(lobby), 10), NOON, 0);
    known.learn(footing(None, 3), NOON, 0);
    known.meet(user(ANN), NOON, 0);
    known
}

fn moderated(room: RoomId, seq: i64) -> Event {
    let subject = Box::new(Member::outside(user(ANN)));
    event(room, seq, EventKind::Moderated { subject, measure: Measure::Ban, until: None, reason: String::new() })
}

/// Knows the lobby at seq 10, the server's log at 3, and Ann.
fn knowing() -> Known {
    let mut known = Known::default();
    known.learn(footing(Some(lobby()), 10), NOON, 0);
    known.learn(footing(None, 3), NOON, 0);
    known.meet(user(ANN), NOON, 0);
    known
}

fn ask(known: &mut Known, now: Timestamp, at_least: i64) -> Look {
    known.look(&Question { room: &uid(), user: Some(ANN), network: None, now, at_least: Seq(at_least) })
}

fn stance(known: &mut Known) -> Option<Stance> {
    match ask(known, NOON, 0) {
        Look::Known(stance) => Some(*stance),
        _ => None,
    }
}

#[test]
fn what_was_read_is_known_with_its_rank_and_head() {
    let stance = stance(&mut knowing()).expect("known");
    assert_eq!(stance.head.seq, Seq(10));
    assert_eq!(stance.member.map(|member| member.rank()), Some(Rank::Mod));
}

#[test]
fn the_next_message_moves_the_head_and_is_the_authors_last() {
    let mut known = knowing();
    known.hear(&posted(11));
    known.hear(&posted(11));
    let stance = stance(&mut known).expect("known");
    assert_eq!(stance.head.seq, Seq(11));
    assert_eq!(stance.last_post, Some((NOON, Body::stored("text 11".to_owned()))));
}

#[test]
fn a_gap_ends_what_is_known_of_the_room() {
    let mut known = knowing();
    known.hear(&posted(12));
    assert!(matches!(ask(&mut known, NOON, 0), Look::Missing(missing) if missing.place && !missing.everywhere));
}

#[test]
fn an_act_of_moderation_ends_what_is_known_of_its_place_alone() {
    let mut known = knowing();
    known.hear(&moderated(RoomId(8), 1));
    assert!(stance(&mut known).is_some(), "another room's");
    known.hear(&moderated(LOBBY, 11));
    assert!(matches!(ask(&mut known, NOON, 0), Look::Missing(missing) if missing.place && !missing.everywhere));

    let mut known = knowing();
    known.hear(&moderated(RoomId::SERVER, 4));
    assert!(matches!(ask(&mut known, NOON, 0), Look::Missing(missing) if missing.everywhere && !missing.place));
}

#[test]
fn what_was_touched_while_it_was_read_is_not_kept() {
    for (what, kept) in [
        (Touched::Place(LOBBY), false),
        (Touched::Place(RoomId(8)), true),
        (Touched::Person(ANN), true),
        (Touched::Anything, false),
    ] {
        let mut known = Known::default();
        known.learn(footing(None, 3), NOON, 0);
        let before = known.touches();
        known.touch(what);
        let now = known.touches();
        known.learn(footing(Some(lobby()), 10), NOON, before);
        known.learn(footing(None, 3), NOON, now);
        known.meet(user(ANN), NOON, now);
        assert_eq!(stance(&mut known).is_some(), kept, "{what:?}");
    }
}

#[test]
fn after_more_touches_than_are_remembered_nothing_read_before_is_kept() {
    let mut known = knowing();
    let before = known.touches();
    for id in 0..1000 {
        known.touch(Touched::Person(UserId(1000 + id)));
    }
    known.touch(Touched::Person(ANN));
    known.meet(user(ANN), NOON, before);
    assert!(matches!(ask(&mut known, NOON, 0), Look::Missing(missing) if missing.person));
}

#[test]
fn a_later_place_in_the_log_than_is_known_has_to_be_read() {
    let mut known = knowing();
    assert!(matches!(ask(&mut known, NOON, 10), Look::Known(_)));
    assert!(matches!(ask(&mut known, NOON, 11), Look::Missing(missing) if missing.place));
}

#[test]
fn what_is_not_sure_any_more_is_compared_once_for_everybody_and_for_everything() {
    let mut known = knowing();
    let later = NOON + SURE_FOR;
    let Look::Check(check) = ask(&mut known, later, 0) else { panic!("time to compare") };
    let mut places = check.places.clone();
    places.sort();
    assert_eq!((places, check.people.clone()), (vec![RoomId::SERVER, LOBBY], vec![ANN]));
    assert!(matches!(ask(&mut known, later, 0), Look::Known(_)), "somebody else compares");
    assert!(matches!(ask(&mut known, later + Span::seconds(1), 0), Look::Ask), "and takes too long");

    let heads = HashMap::from([(LOBBY, footing(None, 9).head), (RoomId::SERVER, footing(None, 3).head)]);
    known.settle(&check, &heads, vec![user(ANN)]);
    known.end_check();
    assert!(matches!(ask(&mut known, later + Span::seconds(1), 0), Look::Known(_)), "believed again");
}

#[test]
fn a_store_that_knows_more_or_another_history_ends_what_is_known() {
    for head in [Head { epoch: Epoch(1), seq: Seq(11) }, Head { epoch: Epoch(2), seq: Seq(10) }] {
        let mut known = knowing();
        let Look::Check(check) = ask(&mut known, NOON + SURE_FOR, 0) else { panic!("time to compare") };
        let heads = HashMap::from([(LOBBY, head), (RoomId::SERVER, footing(None, 3).head)]);
        known.settle(&check, &heads, vec![user(ANN)]);
        assert!(matches!(ask(&mut known, NOON + SURE_FOR, 0), Look::Missing(missing) if missing.place));
    }
}

#[test]
fn a_closed_room_and_a_deleted_user_are_not_confirmed() {
    let mut known = knowing();
    let Look::Check(check) = ask(&mut known, NOON + SURE_FOR, 0) else { panic!("time to compare") };
    known.settle(&check, &HashMap::from([(RoomId::SERVER, footing(None, 3).head)]), Vec::new());
    assert!(matches!(ask(&mut known, NOON + SURE_FOR, 0), Look::Missing(m) if m.place && m.person && !m.everywhere));
}

#[test]
fn who_was_overtaken_on_the_way_is_answered_from_memory() {
    let mut known = knowing();
    assert!(
        matches!(ask(&mut known, Timestamp(NOON.0 - 1), 0), Look::Known(_)),
        "read a moment later by somebody else"
    );
    let Look::Check(check) = ask(&mut known, NOON + SURE_FOR, 0) else { panic!("time to compare") };
    let heads = HashMap::from([(LOBBY, footing(None, 10).head), (RoomId::SERVER, footing(None, 3).head)]);
    known.settle(&check, &heads, vec![user(ANN)]);
    known.end_check();
    assert!(matches!(ask(&mut known, Timestamp(NOON.0 + 1_999), 0), Look::Known(_)));
}

#[test]
fn a_clock_that_jumps_back_makes_everything_unsure() {
    let mut known = knowing();
    let yesterday = Timestamp(NOON.0 - 86_400_000);
    let Look::Check(check) = ask(&mut known, yesterday, 0) else { panic!("time to compare") };
    assert_eq!((check.places.len(), check.people.len()), (0, 0), "read when what holds now was thought to be over");
    assert!(matches!(ask(&mut known, yesterday, 0), Look::Missing(m) if m.place && m.everywhere && m.person));
}

#[test]
fn a_place_with_too_much_in_it_is_not_answered_from_memory() {
    let mut known = knowing();
    known.touch(Touched::Place(LOBBY));
    let touches = known.touches();
    known.learn(Footing { cut: true, ..footing(Some(lobby()), 10) }, NOON, touches);
    assert!(matches!(ask(&mut known, NOON, 0), Look::Ask));
}

#[test]
fn what_is_pinned_goes_with_what_was_said_and_is_read_again_when_it_changes() {
    let pinned = |known: &mut Known| stance(known).map(|stance| stance.room.pinned.is_some());
    let by = |id: UserId| EventKind::Purged { author: Some(Box::new(user(id))) };
    for (kind, left) in [
        (EventKind::Deleted { message: MessageId(5) }, Some(false)),
        (EventKind::Deleted { message: MessageId(6) }, Some(true)),
        (by(ANN), Some(false)),
        (by(UserId(2)), Some(true)),
        (EventKind::Purged { author: None }, Some(false)),
        (EventKind::Pinned { message: MessageId(6), room: Box::new(lobby()) }, None),
        (EventKind::Unpinned { message: MessageId(5), room: Box::new(lobby()) }, None),
    ] {
        let mut known = knowing_a_pin();
        assert_eq!(pinned(&mut known), Some(true));
        known.hear(&event(LOBBY, 11, kind.clone()));
        assert_eq!(pinned(&mut known), left, "{kind:?}");
    }
    let mut known = knowing_a_pin();
    known.touch(Touched::Person(ANN));
    known.meet(user(ANN), NOON, known.touches());
    assert!(stance(&mut known).is_none(), "its author has another name");
}
