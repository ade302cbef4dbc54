//! The viewer's side of delivery: cursors, audiences, joins, resumes and catching up, as the state machines decide them.

use domain::delivery::join::{CatchUp, CaughtUp, Join, JoinLimits, Missed, Need, ResetReason};
use domain::delivery::latest::Latest;
use domain::delivery::tail::{PeopleVersion, Tail, Weight};
use domain::delivery::viewer::{LiveRoom, OUTBOX_FULL, Sink, Viewer};
use domain::model::access::AccessContext;
use domain::model::audience::Recipient;
use domain::model::event::{Event, EventKind, ModerationAction};
use domain::model::id::{Epoch, MessageId, RoomId, Seq, UserId};
use domain::model::log::EventRange;
use domain::model::message::{Message, MessageKind};
use domain::model::rank::Rank;
use domain::model::room::{Head, Readers, Room, Rules};
use domain::model::user::Member;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use testkit::builders::{self, NOON, known_user};

const LIMITS: JoinLimits = JoinLimits { snapshot: 5, resume: 10 };
const ROOM: RoomId = RoomId(7);
const EPOCH: Epoch = Epoch(99);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Delivery(Event);

impl AsRef<Event> for Delivery {
    fn as_ref(&self) -> &Event {
        &self.0
    }
}

impl Weight for Delivery {
    fn weight(&self) -> usize {
        1
    }
}

#[derive(Clone)]
struct TestRoom(Rc<RefCell<Tail<Delivery>>>);

impl LiveRoom for TestRoom {
    type Delivery = Delivery;

    fn id(&self) -> RoomId {
        ROOM
    }

    fn with_tail<T>(&self, read: impl FnOnce(&Tail<Delivery>) -> T) -> T {
        read(&self.0.borrow())
    }

    fn keep_latest(&self, latest: &Arc<Latest>, people: PeopleVersion) {
        self.0.borrow_mut().keep_latest(latest, people);
    }
}

impl TestRoom {
    fn after(head: i64) -> TestRoom {
        TestRoom(Rc::new(RefCell::new(Tail::after(Seq(head)))))
    }

    fn push(&self, event: Event) {
        self.0.borrow_mut().push(event.seq, Delivery(event));
    }
}

#[derive(Default)]
struct Seqs(Vec<i64>);

impl Sink<TestRoom> for Seqs {
    fn is_full(&self) -> bool {
        false
    }

    fn deliver(&mut self, _: &TestRoom, delivery: &Delivery) {
        self.0.push(delivery.0.seq.0);
    }
}

fn event(seq: i64, kind: EventKind) -> Event {
    Event { room: ROOM, seq: Seq(seq), at: NOON, actor: UserId(9), kind }
}

fn plain(seq: i64) -> Event {
    event(seq, EventKind::Deleted { message: MessageId(seq) })
}

fn moderated(seq: i64, user: i64, action: ModerationAction) -> Event {
    let subject =
        Member { user: known_user(user, "subject"), room_rank: action.room_rank().flatten(), site_rank: None };
    event(seq, EventKind::Moderated { subject: Box::new(subject), action, until: None, reason: String::new() })
}

fn ann() -> Recipient {
    Recipient { user: Some(UserId(1)), ..Recipient::default() }
}

fn viewer_in(room: &TestRoom, cursor: i64) -> Viewer<TestRoom, Heavy> {
    let mut viewer = Viewer::default();
    viewer.set_user(ann().user.map(|id| (id, Rank::Registered)));
    viewer.join(room.clone(), ann(), Seq(cursor));
    viewer
}

/// A viewer with an account in a room with these readers.
fn viewer_of(room: &TestRoom, readers: Readers) -> Viewer<TestRoom, Heavy> {
    let mut viewer = viewer_in(room, 0);
    let member = Member::outside(known_user(1, "ann"));
    viewer.set_recipient(ROOM, Recipient::of(Some(&member), readers));
    viewer
}

fn configured(seq: i64, readers: Readers) -> Event {
    let mut room = access(seq).room;
    room.rules.readers = readers;
    event(seq, EventKind::Configured(Box::new(room)))
}

fn head(seq: i64) -> Head {
    Head { seq: Seq(seq), epoch: EPOCH }
}

fn access(seq: i64) -> AccessContext {
    let owner = known_user(9, "olive");
    let new = builders::room("lobby").build(&owner);
    let room = Room {
        id: ROOM,
        uid: new.uid,
        name: new.name,
        description: new.description,
        owner: owner.id,
        rules: Rules::default(),
        frame_ancestors: Vec::new(),
        site: None,
        pinned: None,
        created_at: NOON,
    };
    let member = Some(Member { user: known_user(1, "ann"), room_rank: None, site_rank: None });
    AccessContext { room, head: head(seq), member, sanctions: Vec::new(), last_post: None }
}

fn range(seqs: impl IntoIterator<Item = i64>, at: i64, cut: bool) -> EventRange {
    EventRange { head: head(at), events: seqs.into_iter().map(plain).collect(), cut }
}

fn join_after(since: i64, epoch: Epoch) -> Join<Delivery> {
    Join::new(Some(Seq(since)), Some(epoch), LIMITS).0
}

fn tail(floor: i64, last: i64) -> Tail<Delivery> {
    let mut tail = Tail::after(Seq(floor));
    (floor + 1..=last).for_each(|seq| tail.push(Seq(seq), Delivery(plain(seq))));
    tail
}

#[test]
fn a_viewer_gets_what_lies_after_the_cursor_once_and_in_order() {
    let room = TestRoom::after(3);
    (4..=6).for_each(|seq| room.push(plain(seq)));
    let mut viewer = viewer_in(&room, 4);
    let mut seqs = Seqs::default();
    viewer.take(&mut seqs);
    viewer.take(&mut seqs);
    assert_eq!(seqs.0, [5, 6]);
}

#[test]
fn a_banned_viewer_gets_the_ban_and_nothing_after_it_and_is_out() {
    let room = TestRoom::after(0);
    for event in [plain(1), moderated(2, 1, ModerationAction::Ban), plain(3)] {
        room.push(event);
    }
    let (mut viewer, mut seqs) = (viewer_in(&room, 0), Seqs::default());
    let taken = viewer.take(&mut seqs);
    assert_eq!((seqs.0, taken.left.len(), viewer.is_in(ROOM)), (vec![1, 2], 1, false));
}

#[test]
fn somebody_elses_ban_and_ones_own_timeout_take_nobody_out() {
    let room = TestRoom::after(0);
    room.push(moderated(1, 2, ModerationAction::Ban));
    room.push(moderated(2, 1, ModerationAction::Timeout));
    let (mut viewer, mut seqs) = (viewer_in(&room, 0), Seqs::default());
    viewer.take(&mut seqs);
    assert!(viewer.is_in(ROOM) && seqs.0 == [1, 2]);
}

#[test]
fn a_closed_room_is_left_by_all_after_the_event_that_closes_it() {
    let room = TestRoom::after(0);
    room.push(event(1, EventKind::Closed));
    let mut anonymous: Viewer<TestRoom, Heavy> = Viewer::default();
    anonymous.join(room, Recipient::default(), Seq(0));
    let mut seqs = Seqs::default();
    anonymous.take(&mut seqs);
    assert!(!anonymous.is_in(ROOM) && seqs.0 == [1]);
}

#[test]
fn a_viewer_reads_as_moderator_from_the_appointment_to_its_end() {
    let room = TestRoom::after(0);
    room.push(moderated(1, 1, ModerationAction::Mod));
    let mut viewer = viewer_in(&room, 0);
    viewer.take(&mut Seqs::default());
    assert!(viewer.cursor(ROOM).unwrap().1.is_moderator);
    room.push(moderated(2, 1, ModerationAction::Unmod));
    viewer.take(&mut Seqs::default());
    assert!(!viewer.cursor(ROOM).unwrap().1.is_moderator);
}

#[test]
fn a_paused_room_gives_nothing_until_it_is_joined_again() {
    let room = TestRoom::after(0);
    room.push(plain(1));
    let (mut viewer, mut seqs) = (viewer_in(&room, 0), Seqs::default());
    viewer.pause(ROOM, true);
    viewer.take(&mut seqs);
    assert!(seqs.0.is_empty());
    room.push(plain(2));
    viewer.join(room, ann(), Seq(1));
    viewer.take(&mut seqs);
    assert_eq!(seqs.0, [2]);
}

#[test]
fn a_full_outbox_asks_for_nothing_more_until_it_is_taken() {
    let room = TestRoom::after(5);
    let mut viewer: Viewer<TestRoom, Heavy> = Viewer::default();
    viewer.join(room, ann(), Seq(0));
    assert!(viewer.take(&mut Seqs::default()).fell_behind);
    viewer.send(Heavy);
    assert!(viewer.is_full() && viewer.behind().is_none());
    viewer.take_answer();
    assert_eq!(viewer.behind().map(|(_, cursor, _)| cursor), Some(Seq(0)));
}

struct Heavy;

impl Weight for Heavy {
    fn weight(&self) -> usize {
        OUTBOX_FULL
    }
}

#[test]
fn whoever_enters_afresh_gets_the_latest_messages_without_a_reset() {
    let (mut join, need) = Join::<Delivery>::new(None, None, LIMITS);
    assert_eq!(need, Need::Access { at_least: Seq::ZERO });
    assert_eq!(join.access(access(3)), Need::Tail);
    assert_eq!(join.tail(&tail(0, 3)), Need::Snapshot { limit: LIMITS.snapshot });
    let latest = Arc::new(Latest::new(head(3), Vec::new(), LIMITS.snapshot));
    assert_eq!(join.snapshot(Some(latest.clone())), Ok(Need::Nothing));
    let entrance = join.finish().unwrap();
    assert_eq!((entrance.missed, entrance.head), (Missed::Snapshot { reset: None, latest }, head(3)));
}

#[test]
fn a_resume_that_the_tail_covers_asks_the_store_nothing() {
    let mut join = join_after(2, EPOCH);
    join.access(access(4));
    assert_eq!(join.tail(&tail(1, 4)), Need::Nothing);
    let Missed::FromTail(deliveries) = join.finish().unwrap().missed else { panic!("from the tail") };
    assert_eq!(deliveries.iter().map(|delivery| delivery.0.seq.0).collect::<Vec<_>>(), [3, 4]);
}

#[test]
fn access_is_asked_again_when_the_log_went_on_meanwhile() {
    let mut join = join_after(2, EPOCH);
    join.access(access(3));
    assert_eq!(join.tail(&tail(1, 4)), Need::Access { at_least: Seq(4) });
    assert_eq!(join.access(access(5)), Need::Nothing);
    let entrance = join.finish().unwrap();
    assert_eq!((entrance.head, entrance.access.head), (head(4), head(5)));
}

#[test]
fn a_client_starts_afresh_for_another_epoch_a_place_ahead_and_too_much_missed() {
    let reset = |since: i64, epoch: Epoch, read: Option<EventRange>| {
        let mut join = join_after(since, epoch);
        join.access(access(50));
        let need = match (join.tail(&tail(45, 50)), read) {
            (Need::Events { since: after, limit }, Some(read)) => {
                assert_eq!((after, limit), (Seq(since), LIMITS.resume));
                join.events(Some(read)).unwrap()
            }
            (need, _) => need,
        };
        assert_eq!(need, Need::Snapshot { limit: LIMITS.snapshot });
        join.snapshot(Some(Arc::new(Latest::new(head(50), Vec::new(), LIMITS.snapshot)))).unwrap();
        match join.finish().unwrap().missed {
            Missed::Snapshot { reset, .. } => reset,
            missed => panic!("{missed:?}"),
        }
    };
    assert_eq!(reset(48, Epoch(1), None), Some(ResetReason::Epoch));
    assert_eq!(reset(51, EPOCH, Some(range([], 50, false))), Some(ResetReason::Ahead));
    assert_eq!(reset(-1, EPOCH, Some(range(1..=10, 50, true))), Some(ResetReason::Ahead));
    assert_eq!(reset(3, EPOCH, Some(range(4..=13, 50, true))), Some(ResetReason::Behind));
}

#[test]
fn a_resume_from_the_store_is_charged_by_what_is_missed() {
    let mut join = join_after(42, EPOCH);
    assert_eq!(join.events_behind(), None);
    join.access(access(50));
    assert_eq!(join.events_behind(), Some(8));
    join.tail(&tail(45, 50));
    assert_eq!(join.events(Some(range(43..=50, 50, false))), Ok(Need::Nothing));
    assert!(matches!(join.finish().unwrap().missed, Missed::FromStore(events) if events.len() == 8));
}

#[test]
fn a_room_that_went_away_meanwhile_is_told_as_gone() {
    let mut join = join_after(1, EPOCH);
    join.access(access(50));
    join.tail(&tail(45, 50));
    assert!(join.events(None).is_err());
    assert!(join.snapshot(None).is_err());
}

#[test]
fn catching_up_ends_with_the_event_that_takes_the_client_out() {
    let (mut catch_up, need) = CatchUp::new(Seq(3), ann(), LIMITS);
    assert_eq!(need, Need::Events { since: Seq(3), limit: LIMITS.resume });
    let events = vec![plain(4), moderated(5, 1, ModerationAction::Ban), plain(6)];
    assert_eq!(catch_up.events(Some(EventRange { head: head(40), events, cut: true })), Need::Nothing);
    let Some(CaughtUp::Events { events, head, removed, .. }) = catch_up.finish() else { panic!("events") };
    assert_eq!((events.len(), head, removed), (2, Seq(5), true));
}

#[test]
fn a_room_for_members_is_to_be_left_at_once_by_who_logs_out_and_kept_by_who_logs_in_with_an_account() {
    let room = TestRoom::after(0);
    let left = |readers, user| viewer_of(&room, readers).set_user(user).len();
    let member = Some((UserId(2), Rank::Registered));
    assert_eq!(left(Readers::Members, None), 1);
    assert_eq!(left(Readers::Members, Some((UserId(2), Rank::Guest))), 1);
    assert_eq!(left(Readers::Members, member), 0);
    assert_eq!(left(Readers::Everyone, None), 0);
    // A change of the room while the ranks of who logged in are asked throws nobody with an account out.
    let mut viewer = viewer_of(&room, Readers::Members);
    viewer.set_user(member);
    let (_, recipient) = viewer.cursor(ROOM).unwrap();
    assert!(!configured(7, Readers::Members).removes(recipient));
}

#[test]
fn whom_a_change_of_the_room_takes_out_is_not_shown_what_was_pinned_since() {
    let (mut catch_up, _) = CatchUp::new(Seq(3), Recipient::default(), LIMITS);
    let mut closing = configured(4, Readers::Members);
    let EventKind::Configured(room) = &mut closing.kind else { panic!("a change of the room") };
    room.pinned = Some(Arc::new(Message {
        id: MessageId(5),
        seq: Seq(5),
        room: ROOM,
        author: Member::outside(known_user(1, "ann")),
        text: builders::body("among us"),
        kind: MessageKind::Say,
        reply_to: None,
        at: NOON,
    }));
    let events = vec![closing, plain(6)];
    assert_eq!(catch_up.events(Some(EventRange { head: head(6), events, cut: false })), Need::Nothing);
    let Some(CaughtUp::Events { events, removed, .. }) = catch_up.finish() else { panic!("events") };
    let [Event { kind: EventKind::Configured(room), .. }] = &events[..] else { panic!("{events:?}") };
    assert!(removed && room.pinned.is_none(), "{room:?}");
}

#[test]
fn who_catches_up_over_a_change_of_their_rank_is_after_it_who_they_are_now() {
    let (mut catch_up, _) = CatchUp::new(Seq(3), ann(), LIMITS);
    let events = vec![plain(4), moderated(5, 1, ModerationAction::Mod), plain(6)];
    assert_eq!(catch_up.events(Some(EventRange { head: head(6), events, cut: false })), Need::Nothing);
    let Some(CaughtUp::Events { recipient, removed, .. }) = catch_up.finish() else { panic!("events") };
    assert!(recipient.rank.is_some() && !removed, "{recipient:?}");
}

#[test]
fn who_missed_too_much_is_let_in_afresh_and_who_missed_a_closed_room_is_told() {
    let (mut catch_up, _) = CatchUp::new(Seq(3), ann(), LIMITS);
    assert_eq!(catch_up.events(Some(range(4..=13, 40, true))), Need::Snapshot { limit: LIMITS.snapshot });
    assert_eq!(catch_up.snapshot(Some((head(41), Vec::new()))), Need::Access { at_least: Seq(41) });
    assert_eq!(catch_up.access(access(41)), Need::Nothing);
    assert!(matches!(catch_up.finish(), Some(CaughtUp::Afresh(_, _, at)) if at == head(41)));

    let (mut catch_up, _) = CatchUp::new(Seq(3), ann(), LIMITS);
    catch_up.events(None);
    assert_eq!(catch_up.finish(), Some(CaughtUp::Gone));
}

#[test]
fn the_rank_of_a_moderator_or_more_reads_what_is_for_moderators() {
    for (rank, expected) in
        [(None, false), (Some(Rank::Vip), false), (Some(Rank::Mod), true), (Some(Rank::Owner), true)]
    {
        let member = Member { user: known_user(1, "ann"), room_rank: rank, site_rank: None };
        assert_eq!(Recipient::of(Some(&member), Readers::Everyone).is_moderator, expected, "{rank:?}");
    }
}

#[test]
fn whoever_enters_a_room_in_use_is_shown_it_from_memory_unless_the_history_is_another() {
    let mut tail: Tail<Delivery> = Tail::after(Seq(2));
    let latest = Arc::new(Latest::new(head(2), Vec::new(), LIMITS.snapshot));
    tail.keep_latest(&latest, tail.people_version());
    let (mut join, _) = Join::<Delivery>::new(None, None, LIMITS);
    join.access(access(2));
    assert_eq!(join.tail(&tail), Need::Nothing);
    assert_eq!(join.finish().unwrap().missed, Missed::Snapshot { reset: None, latest });

    let mut elsewhere = access(2);
    elsewhere.head.epoch = Epoch(1);
    let (mut join, _) = Join::<Delivery>::new(None, None, LIMITS);
    join.access(elsewhere);
    assert_eq!(join.tail(&tail), Need::Snapshot { limit: LIMITS.snapshot });
}
