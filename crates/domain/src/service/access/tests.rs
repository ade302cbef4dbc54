//! What is believed, for how long, and what ends it. The composition with a store is in `tests/access.rs`.

use super::Memory;
use super::sessions::Sight;
use super::state::{CacheState, FRESH_FOR, Invalidation, Lookup, Question};
use crate::model::access::{AccessContext, RoomAccess};
use crate::model::event::{Event, EventKind, ModerationAction};
use crate::model::id::{Epoch, MessageId, RoomId, RoomUid, Seq, SessionId, UserId, UserUid};
use crate::model::message::{Message, MessageKind};
use crate::model::name::DisplayName;
use crate::model::rank::Rank;
use crate::model::room::{Head, Room, Rules};
use crate::model::session::{LIFETIME, Session};
use crate::model::text::{Body, Description, RoomName};
use crate::model::time::{Span, Timestamp};
use crate::model::user::{Member, User};
use crate::ports::bus::{BusMessage, Notice};
use std::collections::{HashMap, HashSet};
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
        site: None,
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
        frame_ancestors: Vec::new(),
        site: None,
        pinned: None,
        created_at: NOON,
    }
}

fn room_access(room: Option<Room>, seq: i64) -> RoomAccess {
    let head = Head { epoch: Epoch(1), seq: Seq(seq) };
    RoomAccess { room, head, ranks: HashMap::from([(ANN, Rank::Mod)]), sanctions: Vec::new(), cut: false }
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
fn cached_with_a_pin() -> CacheState {
    let EventKind::Posted(message) = posted(5).kind else { unreachable!("a message was posted") };
    let mut state = CacheState::default();
    let lobby = Room { pinned: Some(Arc::new(*message)), ..lobby() };
    state.put_room(room_access(Some(lobby), 10), NOON, 0);
    state.put_room(room_access(None, 3), NOON, 0);
    state.put_user(user(ANN), NOON, 0);
    state
}

fn moderated(room: RoomId, seq: i64) -> Event {
    let subject = Box::new(Member::outside(user(ANN)));
    event(
        room,
        seq,
        EventKind::Moderated { subject, action: ModerationAction::Ban, until: None, reason: String::new() },
    )
}

/// Knows the lobby at seq 10, the server's log at 3, and Ann.
fn cached() -> CacheState {
    let mut state = CacheState::default();
    state.put_room(room_access(Some(lobby()), 10), NOON, 0);
    state.put_room(room_access(None, 3), NOON, 0);
    state.put_user(user(ANN), NOON, 0);
    state
}

fn ask(state: &mut CacheState, now: Timestamp, at_least: i64) -> Lookup {
    state.lookup(&Question { room: &uid(), user: Some(ANN), network: None, now, at_least: Seq(at_least) })
}

fn access(state: &mut CacheState) -> Option<AccessContext> {
    match ask(state, NOON, 0) {
        Lookup::Found(access) => Some(*access),
        _ => None,
    }
}

#[test]
fn what_was_read_is_known_with_its_rank_and_head() {
    let access = access(&mut cached()).expect("cached");
    assert_eq!(access.head.seq, Seq(10));
    assert_eq!(access.member.map(|member| member.rank()), Some(Rank::Mod));
}

#[test]
fn the_next_message_moves_the_head_and_is_the_authors_last() {
    let mut state = cached();
    state.apply_event(&posted(11));
    state.apply_event(&posted(11));
    let access = access(&mut state).expect("cached");
    assert_eq!(access.head.seq, Seq(11));
    assert_eq!(access.last_post, Some((NOON, Body::stored("text 11".to_owned()))));
}

/// The seq up to which everything is known of the lobby.
fn head(state: &mut CacheState) -> Option<i64> {
    access(state).map(|access| access.head.seq.0)
}

#[test]
fn a_message_that_comes_before_the_one_before_it_counts_when_that_comes() {
    let mut state = cached();
    for (heard, known) in [(13, 10), (12, 10), (15, 10), (11, 13), (12, 13), (14, 15)] {
        state.apply_event(&posted(heard));
        assert_eq!(head(&mut state), Some(known), "after {heard}");
    }
    assert!(matches!(ask(&mut state, NOON, 16), Lookup::Missing(missing) if missing.room && !missing.everywhere));
}

#[test]
fn what_was_heard_beyond_a_gap_counts_when_the_gap_was_read() {
    let mut state = cached();
    [12, 13, 15].into_iter().for_each(|seq| state.apply_event(&posted(seq)));
    let version = state.version();
    state.put_room(room_access(Some(lobby()), 12), NOON, version);
    assert_eq!(head(&mut state), Some(13));
}

#[test]
fn an_act_of_moderation_beyond_a_gap_ends_what_is_known() {
    let mut state = cached();
    state.apply_event(&moderated(LOBBY, 12));
    assert_eq!(head(&mut state), None);
}

#[test]
fn a_gap_that_stays_is_found_when_heads_are_compared() {
    let mut state = cached();
    state.apply_event(&posted(12));
    let later = NOON + FRESH_FOR;
    let Lookup::Check(check) = ask(&mut state, later, 0) else { panic!("it is no longer fresh") };
    let head = |seq: i64| Head { epoch: Epoch(1), seq: Seq(seq) };
    state.settle(
        &check,
        &HashMap::from([(LOBBY, head(12)), (RoomId::SERVER, head(3))]),
        &HashSet::from([LOBBY]),
        vec![user(ANN)],
    );
    state.end_check();
    assert!(matches!(ask(&mut state, later, 0), Lookup::Missing(missing) if missing.room && !missing.everywhere));
}

#[test]
fn no_more_is_remembered_beyond_a_gap_than_a_thousand() {
    let mut state = cached();
    (12..=1_100).for_each(|seq| state.apply_event(&posted(seq)));
    state.apply_event(&posted(11));
    assert_eq!(head(&mut state), Some(1_011));
}

#[test]
fn an_act_of_moderation_ends_what_is_known_of_its_place_alone() {
    let mut state = cached();
    state.apply_event(&moderated(RoomId(8), 1));
    assert!(access(&mut state).is_some(), "another room's");
    state.apply_event(&moderated(LOBBY, 11));
    assert!(matches!(ask(&mut state, NOON, 0), Lookup::Missing(missing) if missing.room && !missing.everywhere));

    let mut state = cached();
    state.apply_event(&moderated(RoomId::SERVER, 4));
    assert!(matches!(ask(&mut state, NOON, 0), Lookup::Missing(missing) if missing.everywhere && !missing.room));
}

#[test]
fn what_was_touched_while_it_was_read_is_not_kept() {
    for (what, kept) in [
        (Invalidation::Room(LOBBY), false),
        (Invalidation::Room(RoomId(8)), true),
        (Invalidation::User(ANN), true),
        (Invalidation::All, false),
    ] {
        let mut state = CacheState::default();
        state.put_room(room_access(None, 3), NOON, 0);
        let before = state.version();
        state.invalidate(what);
        let now = state.version();
        state.put_room(room_access(Some(lobby()), 10), NOON, before);
        state.put_room(room_access(None, 3), NOON, now);
        state.put_user(user(ANN), NOON, now);
        assert_eq!(access(&mut state).is_some(), kept, "{what:?}");
    }
}

#[test]
fn after_more_touches_than_are_remembered_nothing_read_before_is_kept() {
    let mut state = cached();
    let before = state.version();
    for id in 0..1000 {
        state.invalidate(Invalidation::User(UserId(1000 + id)));
    }
    state.invalidate(Invalidation::User(ANN));
    state.put_user(user(ANN), NOON, before);
    assert!(matches!(ask(&mut state, NOON, 0), Lookup::Missing(missing) if missing.user));
}

#[test]
fn a_later_place_in_the_log_than_is_known_has_to_be_read() {
    let mut state = cached();
    assert!(matches!(ask(&mut state, NOON, 10), Lookup::Found(_)));
    assert!(matches!(ask(&mut state, NOON, 11), Lookup::Missing(missing) if missing.room));
}

#[test]
fn what_is_not_sure_any_more_is_compared_once_for_everybody_and_for_everything() {
    let mut state = cached();
    let later = NOON + FRESH_FOR;
    let Lookup::Check(check) = ask(&mut state, later, 0) else { panic!("time to compare") };
    let mut rooms = check.rooms.clone();
    rooms.sort_by_key(|(room, _)| *room);
    let rooms: Vec<RoomId> = rooms.into_iter().map(|(room, _)| room).collect();
    assert_eq!((rooms, check.users.clone()), (vec![RoomId::SERVER, LOBBY], vec![ANN]));
    assert!(matches!(ask(&mut state, later, 0), Lookup::Found(_)), "somebody else compares");
    assert!(matches!(ask(&mut state, later + Span::seconds(1), 0), Lookup::Ask), "and takes too long");

    let heads = HashMap::from([(LOBBY, room_access(None, 9).head), (RoomId::SERVER, room_access(None, 3).head)]);
    state.settle(&check, &heads, &HashSet::new(), vec![user(ANN)]);
    state.end_check();
    assert!(matches!(ask(&mut state, later + Span::seconds(1), 0), Lookup::Found(_)), "believed again");
}

#[test]
fn a_store_that_knows_of_an_act_or_of_another_history_ends_what_is_known() {
    for (head, changed) in [((1, 11), true), ((2, 10), false), ((2, 11), false)] {
        let head = Head { epoch: Epoch(head.0), seq: Seq(head.1) };
        let changed = if changed { HashSet::from([LOBBY]) } else { HashSet::new() };
        let mut state = cached();
        let Lookup::Check(check) = ask(&mut state, NOON + FRESH_FOR, 0) else { panic!("time to compare") };
        let heads = HashMap::from([(LOBBY, head), (RoomId::SERVER, room_access(None, 3).head)]);
        state.settle(&check, &heads, &changed, vec![user(ANN)]);
        assert!(matches!(ask(&mut state, NOON + FRESH_FOR, 0), Lookup::Missing(missing) if missing.room));
    }
}

#[test]
fn a_store_that_knows_of_more_messages_moves_the_head() {
    let mut state = cached();
    state.apply_event(&posted(14));
    let later = NOON + FRESH_FOR;
    let Lookup::Check(check) = ask(&mut state, later, 0) else { panic!("time to compare") };
    let mut rooms = check.rooms.clone();
    rooms.sort_by_key(|(room, _)| *room);
    assert_eq!(rooms.iter().map(|(_, head)| head.seq).collect::<Vec<_>>(), [Seq(3), Seq(10)]);
    let head = |seq: i64| Head { epoch: Epoch(1), seq: Seq(seq) };
    let heads = HashMap::from([(LOBBY, head(13)), (RoomId::SERVER, head(3))]);
    state.settle(&check, &heads, &HashSet::new(), vec![user(ANN)]);
    state.end_check();
    assert!(matches!(ask(&mut state, later, 14), Lookup::Found(access) if access.head.seq == Seq(14)));
}

#[test]
fn a_closed_room_and_a_deleted_user_are_not_confirmed() {
    let mut state = cached();
    let Lookup::Check(check) = ask(&mut state, NOON + FRESH_FOR, 0) else { panic!("time to compare") };
    state.settle(&check, &HashMap::from([(RoomId::SERVER, room_access(None, 3).head)]), &HashSet::new(), Vec::new());
    assert!(matches!(ask(&mut state, NOON + FRESH_FOR, 0), Lookup::Missing(m) if m.room && m.user && !m.everywhere));
}

#[test]
fn who_was_overtaken_on_the_way_is_answered_from_memory() {
    let mut state = cached();
    assert!(
        matches!(ask(&mut state, Timestamp(NOON.0 - 1), 0), Lookup::Found(_)),
        "read a moment later by somebody else"
    );
    let Lookup::Check(check) = ask(&mut state, NOON + FRESH_FOR, 0) else { panic!("time to compare") };
    let heads = HashMap::from([(LOBBY, room_access(None, 10).head), (RoomId::SERVER, room_access(None, 3).head)]);
    state.settle(&check, &heads, &HashSet::new(), vec![user(ANN)]);
    state.end_check();
    assert!(matches!(ask(&mut state, Timestamp(NOON.0 + 1_999), 0), Lookup::Found(_)));
}

#[test]
fn a_clock_that_jumps_back_makes_everything_unsure() {
    let mut state = cached();
    let yesterday = Timestamp(NOON.0 - 86_400_000);
    let Lookup::Check(check) = ask(&mut state, yesterday, 0) else { panic!("time to compare") };
    assert_eq!((check.rooms.len(), check.users.len()), (0, 0), "read when what holds now was thought to be over");
    assert!(matches!(ask(&mut state, yesterday, 0), Lookup::Missing(m) if m.room && m.everywhere && m.user));
}

#[test]
fn a_place_with_too_much_in_it_is_not_answered_from_memory() {
    let mut state = cached();
    state.invalidate(Invalidation::Room(LOBBY));
    let version = state.version();
    state.put_room(RoomAccess { cut: true, ..room_access(Some(lobby()), 10) }, NOON, version);
    assert!(matches!(ask(&mut state, NOON, 0), Lookup::Ask));
}

#[test]
fn what_is_pinned_goes_with_what_was_said_and_is_read_again_when_it_changes() {
    let pinned = |state: &mut CacheState| access(state).map(|access| access.room.pinned.is_some());
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
        let mut state = cached_with_a_pin();
        assert_eq!(pinned(&mut state), Some(true));
        state.apply_event(&event(LOBBY, 11, kind.clone()));
        assert_eq!(pinned(&mut state), left, "{kind:?}");
    }
    let mut state = cached_with_a_pin();
    state.invalidate(Invalidation::User(ANN));
    state.put_user(user(ANN), NOON, state.version());
    assert!(access(&mut state).is_none(), "its author has another name");
}

/// A login of Ann's that is good for a month.
fn login() -> Session {
    Session { id: SessionId(5), user: ANN, expires_at: NOON + LIFETIME }
}

#[test]
fn a_login_whose_end_or_whose_users_name_was_announced_while_it_was_read_is_not_kept() {
    let told = [
        (Notice::SessionsEnded(vec![SessionId(4)]), true),
        (Notice::UserDeleted(UserId(2)), true),
        (Notice::SessionsEnded(vec![SessionId(4), SessionId(5)]), false),
        (Notice::UserDeleted(ANN), false),
        (Notice::UserChanged(Box::new(user(ANN))), false),
    ];
    let told = told.map(|(notice, is_kept)| (BusMessage::Notice(notice), is_kept));
    for (message, is_kept) in told.into_iter().chain([(BusMessage::Lost, false)]) {
        let mut memory = Memory::default();
        let before = memory.access.version();
        memory.apply(message.clone());
        memory.put_login(&login(), &user(ANN), NOON, before);
        assert_eq!(memory.logins.user(SessionId(5), NOON).is_some(), is_kept, "{message:?}");
        let sight = if is_kept { Sight::Alive } else { Sight::Unknown };
        assert_eq!(memory.sessions.look(SessionId(5).into(), NOON), sight, "{message:?}");
    }
}

/// What is compared at `now`: how many rooms (the server's log among them), and how many users.
fn compared(state: &mut CacheState, now: Timestamp) -> (usize, usize) {
    let Lookup::Check(check) = ask(state, now, 0) else { panic!("time to compare") };
    let heads: HashMap<RoomId, Head> = check.rooms.iter().copied().collect();
    let users = check.users.iter().map(|id| user(*id)).collect();
    state.settle(&check, &heads, &HashSet::new(), users);
    state.end_check();
    (check.rooms.len(), check.users.len())
}

#[test]
fn what_nobody_asked_for_in_a_minute_is_forgotten_instead_of_compared() {
    let mut state = cached();
    state.put_user(user(UserId(2)), NOON, 0);
    let at = |seconds: i64| NOON + Span::seconds(seconds);
    assert_eq!(compared(&mut state, at(58)), (2, 2));
    assert!(matches!(ask(&mut state, at(59), 0), Lookup::Found(_)));
    assert_eq!(compared(&mut state, at(61)), (2, 1), "nobody asked for the other user");
    assert_eq!(compared(&mut state, at(119)), (0, 0), "nor for anybody in the last minute");
}

#[test]
fn of_very_many_only_those_are_compared_that_were_asked_for_a_moment_ago() {
    let mut state = cached();
    for id in 0..5_001 {
        state.put_user(user(UserId(10 + id)), NOON, 0);
    }
    let at = |millis: i64| NOON + Span::millis(millis);
    assert!(matches!(ask(&mut state, at(1_000), 0), Lookup::Found(_)));
    assert_eq!(compared(&mut state, at(2_000)), (2, 1));
}
