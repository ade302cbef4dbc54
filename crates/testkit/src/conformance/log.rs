//! Appending messages, deletions and purges: places, nonces, guards, what is published.

use super::{Subject, seqs};
use crate::builders::{NOON, body, draft, draft_named, entry, later, nonce, post};
use domain::model::event::{Event, EventKind};
use domain::model::id::{MessageId, Seq};
use domain::model::message::{Draft, MessageKind};
use domain::model::time::Span;
use domain::model::user::User;
use domain::ports::log::{AppendError, AppendResult, LogCommand};

fn slowly(draft: Draft, seconds: i64) -> LogCommand {
    LogCommand::Post { draft, network: None, pace: Some(Span::seconds(seconds)) }
}

fn purge(author: Option<&User>) -> LogCommand {
    LogCommand::Purge { author: author.map(|author| Box::new(author.clone())) }
}

/// A room's first event is 1, and every kind of event takes the next number.
pub async fn seqs_count_from_one_over_all_kinds_of_events(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let first = subject.post(lobby.id, &ann, "one").await;
    let second = subject.done(lobby.id, &ann, LogCommand::Delete { message: first.id }).await;
    let third = subject.post(lobby.id, &ann, "three").await;
    let fourth = subject.done(lobby.id, &ann, purge(None)).await;
    let fifth = subject.post(lobby.id, &ann, "five").await;
    assert_eq!([first.seq.0, second.seq.0, third.seq.0, fourth.seq.0, fifth.seq.0], [1, 2, 3, 4, 5]);
    let heads = subject.history.heads(&[lobby.id]).await.unwrap();
    assert_eq!(heads[0].1.seq, Seq(5));
}

/// Each room counts for itself; ids are unique over all.
pub async fn each_room_counts_for_itself(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let (other, bob) = subject.room("other", "bob").await;
    let a = subject.post(lobby.id, &ann, "a").await;
    let b = subject.post(other.id, &bob, "b").await;
    let c = subject.post(lobby.id, &bob, "c").await;
    assert_eq!([a.seq.0, b.seq.0, c.seq.0], [1, 1, 2]);
    assert!(a.id != b.id && b.id != c.id && a.id != c.id);
    assert!([a.id, b.id, c.id].iter().all(|id| (1..1 << 53).contains(&id.0)));
}

/// The answer, the history and the bus tell the same message, with the author's rank in the room.
pub async fn a_message_is_answered_stored_and_published_alike(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let at = domain::model::time::Timestamp(NOON.0 + 7);
    let draft = Draft { kind: MessageKind::Action, ..draft_named("waves", "n") };
    let AppendResult::Posted { message, repeated: false } =
        subject.act_at(at, lobby.id, &ann, post(draft)).await.unwrap()
    else {
        panic!("a new message")
    };
    assert_eq!(message.author, subject.member(lobby.id, &ann).await);
    assert_eq!((message.room, message.seq, message.at), (lobby.id, Seq(1), at));
    assert_eq!((&message.text, message.kind, message.reply_to), (&body("waves"), MessageKind::Action, None));
    assert_eq!(subject.history.message(message.id).await.unwrap().as_ref(), Some(&*message));

    let event = Event { room: lobby.id, seq: Seq(1), at, actor: ann.id, kind: EventKind::Posted(message) };
    assert_eq!(subject.bus.events(), std::slice::from_ref(&event));
    assert_eq!(subject.event_range(lobby.id, Seq::ZERO).await.events, [event]);
}

/// What was published is what a range of events holds, in the same order.
pub async fn every_event_is_published_as_it_is_read(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let bob = subject.user("bob").await;
    let gone = subject.post(lobby.id, &bob, "gone").await;
    subject.post(lobby.id, &ann, "stays").await;
    subject.done(lobby.id, &ann, LogCommand::Delete { message: gone.id }).await;
    subject.done(lobby.id, &ann, purge(Some(&bob))).await;
    subject.post(lobby.id, &bob, "stays too").await;
    let mut published = subject.bus.events();
    assert_eq!(seqs(&published), [1, 2, 3, 4, 5]);
    published.remove(0);
    assert_eq!(subject.event_range(lobby.id, Seq::ZERO).await.events, published);
}

/// Text is bytes: nothing is escaped, folded, cut or read as a pattern.
pub async fn texts_survive_as_they_are(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let long = "🦊".repeat(500);
    let texts = [
        "🦊👩‍👩‍👧 Zoë Ωmega 李",
        "it's \"quoted\" `too`",
        "100% _under_ \\back\\\\slash",
        "'; DROP TABLE messages; --",
        "{\"json\": [1, null]}",
        "two\nlines",
        "<b>&amp;</b>",
        "$1 ? :name ??",
        long.as_str(),
    ];
    for text in texts {
        subject.post(lobby.id, &ann, text).await;
    }
    assert_eq!(subject.texts(lobby.id).await, texts);
    let published = subject.bus.events();
    for (event, text) in published.iter().zip(texts) {
        assert!(matches!(&event.kind, EventKind::Posted(message) if message.text.as_str() == text), "{event:?}");
    }
}

/// The same nonce is the same message: answered as it stands, with no number used and nothing published.
pub async fn a_nonce_names_one_message(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let (first, repeated) = subject.post_draft(lobby.id, &ann, draft_named("hi", "n")).await;
    assert!(!repeated);
    for text in ["hi", "something else"] {
        let again = subject.act_at(later(60), lobby.id, &ann, post(draft_named(text, "n"))).await.unwrap();
        assert_eq!(again, AppendResult::Posted { message: Box::new(first.clone()), repeated: true });
    }
    assert_eq!(subject.post(lobby.id, &ann, "next").await.seq, Seq(2));
    assert_eq!(subject.texts(lobby.id).await, ["hi", "next"]);
    assert_eq!(subject.bus.seqs_of(lobby.id), [Seq(1), Seq(2)]);
}

/// A nonce is one author's, in one room, byte by byte.
pub async fn a_nonce_is_one_authors_in_one_room(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let (other, bob) = subject.room("other", "bob").await;
    for (room, author, name) in [
        (lobby.id, &ann, "n"),
        (lobby.id, &bob, "n"),
        (other.id, &ann, "n"),
        (lobby.id, &ann, "N"),
        (lobby.id, &ann, "n "),
        (lobby.id, &ann, "ñ'\"%🦊"),
    ] {
        let (_, repeated) = subject.post_draft(room, author, draft_named("hi", name)).await;
        assert!(!repeated, "{name} of {} in {room}", author.display_name.as_str());
    }
    assert_eq!(subject.texts(lobby.id).await.len(), 5);
}

/// Messages without a nonce are all different.
pub async fn messages_without_a_nonce_are_never_the_same(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let first = subject.post(lobby.id, &ann, "hi").await;
    let second = subject.post(lobby.id, &ann, "hi").await;
    assert_ne!(first.id, second.id);
}

/// What is known by its nonce can be asked for, deleted or not.
pub async fn a_message_is_found_by_its_nonce(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let (message, _) = subject.post_draft(lobby.id, &ann, draft_named("hi", "n")).await;
    let known = async |room, author, name| subject.history.posted(room, author, &nonce(name)).await.unwrap();
    assert_eq!(known(lobby.id, ann.id, "n").await, Some(message.clone()));
    assert_eq!(known(lobby.id, ann.id, "m").await, None);
    assert_eq!(known(lobby.id, domain::model::id::UserId(4_000_000), "n").await, None);
    assert_eq!(known(domain::model::id::RoomId(4_000_000), ann.id, "n").await, None);
    subject.done(lobby.id, &ann, LogCommand::Delete { message: message.id }).await;
    assert_eq!(known(lobby.id, ann.id, "n").await.map(|found| found.id), Some(message.id));
}

/// Repeating a deleted message does not bring it back.
pub async fn a_repeated_nonce_resurrects_nothing(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let (message, _) = subject.post_draft(lobby.id, &ann, draft_named("hi", "n")).await;
    subject.done(lobby.id, &ann, LogCommand::Delete { message: message.id }).await;
    let (again, repeated) = subject.post_draft(lobby.id, &ann, draft_named("hi", "n")).await;
    assert_eq!((again.id, again.seq, repeated), (message.id, message.seq, true));
    assert!(subject.texts(lobby.id).await.is_empty());
    assert_eq!(subject.bus.seqs_of(lobby.id), [Seq(1), Seq(2)]);
}

/// A refused message leaves its nonce free.
pub async fn a_refused_message_uses_no_nonce_and_no_number(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    subject.post(lobby.id, &ann, "first").await;
    let early = subject.act_at(later(5), lobby.id, &ann, slowly(draft_named("second", "n"), 10)).await;
    assert!(matches!(early, Err(AppendError::TooSoon { .. })), "{early:?}");
    let AppendResult::Posted { message, repeated } =
        subject.act_at(later(10), lobby.id, &ann, slowly(draft_named("second", "n"), 10)).await.unwrap()
    else {
        panic!("a message")
    };
    assert_eq!((message.seq, repeated), (Seq(2), false));
    assert_eq!(subject.bus.seqs_of(lobby.id), [Seq(1), Seq(2)]);
}

/// Slow mode counts from the author's last message there, to the millisecond, deleted or not.
pub async fn slow_mode_counts_from_the_last_message(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let (other, bob) = subject.room("other", "bob").await;
    let first = subject.post(lobby.id, &ann, "first").await;
    subject.done(lobby.id, &ann, LogCommand::Delete { message: first.id }).await;

    let refused = subject.act_at(later(4), lobby.id, &ann, slowly(draft("again"), 10)).await;
    assert!(
        matches!(refused, Err(AppendError::TooSoon { retry_after }) if retry_after == Span::seconds(6)),
        "{refused:?}"
    );
    subject.act_at(later(4), lobby.id, &bob, slowly(draft("another author"), 10)).await.unwrap();
    subject.act_at(later(4), other.id, &ann, slowly(draft("another room"), 10)).await.unwrap();
    subject.act_at(later(4), lobby.id, &ann, post(draft("exempt"))).await.unwrap();
    let refused = subject.act_at(later(13), lobby.id, &ann, slowly(draft("again"), 10)).await;
    assert!(
        matches!(refused, Err(AppendError::TooSoon { retry_after }) if retry_after == Span::seconds(1)),
        "what an exempt author said counts: {refused:?}"
    );
    subject.act_at(later(14), lobby.id, &ann, slowly(draft("at last"), 10)).await.unwrap();
    subject.act_at(later(14), lobby.id, &ann, slowly(draft("slow mode off"), 0)).await.unwrap();
    assert_eq!(subject.texts(lobby.id).await, ["another author", "exempt", "at last", "slow mode off"]);
}

/// A repeat is answered though it is too soon for another message.
pub async fn a_repeat_is_answered_in_spite_of_slow_mode(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    subject.act(lobby.id, &ann, slowly(draft_named("hi", "n"), 60)).await.unwrap();
    let again = subject.act(lobby.id, &ann, slowly(draft_named("hi", "n"), 60)).await.unwrap();
    assert!(matches!(again, AppendResult::Posted { repeated: true, .. }), "{again:?}");
}

/// An answer names a message that stands in the same room.
pub async fn an_answer_names_a_message_of_the_room(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let (other, bob) = subject.room("other", "bob").await;
    let question = subject.post(lobby.id, &ann, "why?").await;
    let gone = subject.post(lobby.id, &ann, "gone").await;
    let elsewhere = subject.post(other.id, &bob, "elsewhere").await;
    subject.done(lobby.id, &ann, LogCommand::Delete { message: gone.id }).await;

    let answer = |to: MessageId| Draft { reply_to: Some(to), ..draft("because") };
    let (answered, _) = subject.post_draft(lobby.id, &bob, answer(question.id)).await;
    assert_eq!(answered.reply_to, Some(question.id));
    assert_eq!(subject.history.message(answered.id).await.unwrap(), Some(answered));
    for missing in [gone.id, elsewhere.id, MessageId(4_000_000)] {
        let refused = subject.act(lobby.id, &bob, post(answer(missing))).await;
        assert!(matches!(refused, Err(AppendError::Missing)), "{missing}: {refused:?}");
    }
    assert_eq!(subject.bus.seqs_of(lobby.id), [1, 2, 3, 4].map(Seq));
}

/// What was answered may go; the answer stays as it is.
pub async fn an_answer_outlives_the_question(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let question = subject.post(lobby.id, &ann, "why?").await;
    let (answer, _) =
        subject.post_draft(lobby.id, &ann, Draft { reply_to: Some(question.id), ..draft("because") }).await;
    subject.done(lobby.id, &ann, LogCommand::Delete { message: question.id }).await;
    assert_eq!(subject.history.message(answer.id).await.unwrap(), Some(answer));
}

/// A message is deleted once, in its own room.
pub async fn a_message_is_deleted_once_in_its_room(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let (other, bob) = subject.room("other", "bob").await;
    let message = subject.post(lobby.id, &ann, "hi").await;
    let elsewhere = subject.act(other.id, &bob, LogCommand::Delete { message: message.id }).await;
    assert!(matches!(elsewhere, Err(AppendError::Missing)), "{elsewhere:?}");
    assert_eq!(subject.texts(lobby.id).await, ["hi"]);

    let event = subject.done(lobby.id, &ann, LogCommand::Delete { message: message.id }).await;
    let expected = EventKind::Deleted { message: message.id };
    assert_eq!((event.seq, event.actor, event.kind), (Seq(2), ann.id, expected));
    assert_eq!(subject.history.message(message.id).await.unwrap(), None);
    for missing in [message.id, MessageId(4_000_000)] {
        let again = subject.act(lobby.id, &ann, LogCommand::Delete { message: missing }).await;
        assert!(matches!(again, Err(AppendError::Missing)), "{again:?}");
    }
    assert_eq!(subject.bus.seqs_of(lobby.id), [Seq(1), Seq(2)]);
    assert!(subject.bus.seqs_of(other.id).is_empty());
}

/// One event takes away all that was said before it, in its room.
pub async fn a_purge_is_one_event(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let (other, bob) = subject.room("other", "bob").await;
    subject.post_many(lobby.id, &ann, 20).await;
    let theirs = subject.post(lobby.id, &bob, "theirs").await;
    subject.post(other.id, &bob, "elsewhere").await;
    let event = subject.done(lobby.id, &ann, purge(None)).await;
    assert_eq!((event.seq, &event.kind), (Seq(22), &EventKind::Purged { author: None }));
    assert!(subject.texts(lobby.id).await.is_empty());
    assert_eq!(subject.history.message(theirs.id).await.unwrap(), None);
    assert_eq!(subject.texts(other.id).await, ["elsewhere"]);
    assert_eq!(subject.event_range(lobby.id, Seq::ZERO).await.events, [event]);
    assert_eq!(subject.post(lobby.id, &ann, "after").await.seq, Seq(23));
    assert_eq!(subject.texts(lobby.id).await, ["after"]);
    let gone = subject.act(lobby.id, &ann, LogCommand::Delete { message: theirs.id }).await;
    assert!(matches!(gone, Err(AppendError::Missing)), "{gone:?}");
}

/// One author's messages go, the others' stay.
pub async fn one_authors_messages_are_purged(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let bob = subject.user("bob").await;
    for (author, text) in [(&ann, "a"), (&bob, "b"), (&ann, "c"), (&bob, "d")] {
        subject.post(lobby.id, author, text).await;
    }
    let event = subject.done(lobby.id, &ann, purge(Some(&bob))).await;
    assert_eq!(event.kind, EventKind::Purged { author: Some(Box::new(bob.clone())) });
    assert_eq!(subject.texts(lobby.id).await, ["a", "c"]);
    subject.post(lobby.id, &bob, "e").await;
    assert_eq!(subject.texts(lobby.id).await, ["a", "c", "e"]);
}

/// A purge of nothing is an event all the same: viewers may hold what the store has not.
pub async fn a_purge_of_nothing_is_an_event(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let bob = subject.user("bob").await;
    assert_eq!(subject.done(lobby.id, &ann, purge(Some(&bob))).await.seq, Seq(1));
    assert_eq!(subject.done(lobby.id, &ann, purge(None)).await.seq, Seq(2));
}

/// Nothing is done in a room that never was.
pub async fn nothing_is_done_in_no_room(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let actor = subject.member(lobby.id, &ann).await;
    let nowhere = domain::model::id::RoomId(4_000_000);
    for command in [post(draft("hi")), purge(None), LogCommand::Close] {
        let refused = subject.log.append(entry(nowhere, &actor, command.clone())).await;
        assert!(matches!(refused, Err(AppendError::RoomGone)), "{command:?} gave {refused:?}");
    }
    assert!(subject.bus.is_silent());
}
