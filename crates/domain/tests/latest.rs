//! A room's latest messages in memory: what the log tells of them, and when the store must be asked again.

use domain::delivery::latest::Latest;
use domain::delivery::tail::{Tail, Weight};
use domain::model::event::{Event, EventKind, ModerationAction};
use domain::model::id::{Epoch, MessageId, RoomId, Seq, UserId};
use domain::model::message::{Message, MessageKind};
use domain::model::room::Head;
use domain::model::user::Member;
use std::sync::Arc;
use testkit::builders::{NOON, body, known_user};

const ROOM: RoomId = RoomId(7);

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

fn head(seq: i64) -> Head {
    Head { seq: Seq(seq), epoch: Epoch(1) }
}

fn posted(seq: i64, author: i64) -> Event {
    let message = Message {
        id: MessageId(seq),
        seq: Seq(seq),
        room: ROOM,
        author: Member::outside(known_user(author, "ann")),
        text: body("hello"),
        kind: MessageKind::Say,
        reply_to: None,
        at: NOON,
    };
    Event { room: ROOM, seq: Seq(seq), at: NOON, actor: UserId(author), kind: EventKind::Posted(Box::new(message)) }
}

fn event(seq: i64, kind: EventKind) -> Event {
    Event { room: ROOM, seq: Seq(seq), at: NOON, actor: UserId(1), kind }
}

/// The latest two messages of a room, 1 by user 1 and 2 by user 2; whether there are no older ones.
fn latest(is_all: bool) -> Latest {
    let messages = [posted(1, 1), posted(2, 2)].map(|event| match event.kind {
        EventKind::Posted(message) => *message,
        _ => panic!("a post"),
    });
    Latest::new(head(2), messages.into(), if is_all { 3 } else { 2 })
}

fn shown(latest: &Latest) -> Vec<i64> {
    latest.messages().iter().map(|message| message.seq.0).collect()
}

#[test]
fn the_latest_messages_follow_the_log_as_far_as_it_tells_them() {
    let mut few = latest(true);
    assert!(few.apply(&posted(3, 1)) && few.apply(&posted(4, 1)));
    assert_eq!((shown(&few), few.head()), (vec![2, 3, 4], head(4)));
    assert!(few.apply(&posted(4, 1)) && shown(&few) == [2, 3, 4], "what is taken in already changes nothing");
    assert!(!few.apply(&event(5, EventKind::Deleted { message: MessageId(3) })), "message 1 would have to move up");

    let mut all = latest(true);
    assert!(all.apply(&event(3, EventKind::Deleted { message: MessageId(1) })) && shown(&all) == [2]);
    let author = Some(Box::new(known_user(2, "bob")));
    assert!(all.apply(&event(4, EventKind::Purged { author })) && shown(&all).is_empty());

    let mut some = latest(false);
    assert!(some.apply(&event(3, EventKind::Deleted { message: MessageId(77) })), "it was none of these");
    assert!(some.apply(&event(4, EventKind::Purged { author: None })) && shown(&some).is_empty());
    assert!(some.apply(&posted(5, 1)) && shown(&some) == [5]);
}

#[test]
fn a_rank_given_to_an_author_has_the_latest_messages_read_again_and_a_timeout_does_not() {
    let moderated = |user, action| {
        let subject = Box::new(Member::outside(known_user(user, "ann")));
        event(3, EventKind::Moderated { subject, action, until: None, reason: String::new() })
    };
    assert!(!latest(true).apply(&moderated(1, ModerationAction::Mod)));
    assert!(latest(true).apply(&moderated(9, ModerationAction::Mod)));
    assert!(latest(true).apply(&moderated(1, ModerationAction::Timeout)));
}

#[test]
fn a_tail_keeps_what_was_read_unless_it_cannot_tell_what_happened_since() {
    let read = Arc::new(latest(true));
    let kept = |tail: &Tail<Delivery>| tail.latest().map(|latest| (shown(latest), latest.head().seq.0));

    let mut tail: Tail<Delivery> = Tail::after(Seq(1));
    tail.push(Seq(2), Delivery(posted(2, 2)));
    tail.push(Seq(3), Delivery(posted(3, 1)));
    tail.keep_latest(&read, tail.people_version());
    assert_eq!(kept(&tail), Some((vec![1, 2, 3], 3)));
    tail.push(Seq(4), Delivery(event(4, EventKind::Deleted { message: MessageId(2) })));
    tail.cover(Seq(6));
    assert_eq!(kept(&tail), Some((vec![1, 3], 6)));
    tail.change_user(UserId(9));
    assert!(kept(&tail).is_some());
    tail.change_user(UserId(1));
    assert_eq!(kept(&tail), None, "an author has another name");

    let mut behind: Tail<Delivery> = Tail::after(Seq(5));
    behind.keep_latest(&read, behind.people_version());
    assert_eq!(kept(&behind), None, "what lies between is not in the ring");
    let mut changed: Tail<Delivery> = Tail::after(Seq(2));
    let before = changed.people_version();
    changed.change_user(UserId(9));
    changed.keep_latest(&read, before);
    assert_eq!(kept(&changed), None, "somebody changed while it was read");
}
