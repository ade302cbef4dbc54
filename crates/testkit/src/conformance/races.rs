//! Eight threads at once: what a race could break.

use super::Subject;
use crate::builders::{NOON, draft, draft_named, give, lift, post, sanction, user};
use domain::model::event::{EventKind, ModerationAction};
use domain::model::id::Seq;
use domain::model::message::Message;
use domain::model::sanction::SanctionKind;
use domain::model::time::Span;
use domain::model::user::Member;
use domain::ports::log::{AppendError, AppendResult, LogCommand, LogEntry};
use domain::ports::store::StoreError;
use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::Barrier;

/// How many do it at once.
const RUNNERS: usize = 8;

/// Runs `work(0)`, `work(1)` … on their own tasks, all let go at the same moment; the answers in that order.
pub(super) async fn race<T, F>(runners: usize, work: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let start = Arc::new(Barrier::new(runners));
    let tasks: Vec<_> = (0..runners)
        .map(|runner| {
            let (start, work) = (start.clone(), work(runner));
            tokio::spawn(async move {
                start.wait().await;
                work.await
            })
        })
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

fn posted(result: Result<AppendResult, AppendError>) -> (Message, bool) {
    match result {
        Ok(AppendResult::Posted { message, repeated }) => (*message, repeated),
        other => panic!("a post: {other:?}"),
    }
}

/// Of eight who want the same name, one gets it.
pub async fn a_name_is_given_once(subject: Subject) {
    let spellings = ["paypal", "PayPal", "paypa1", "PAYPAL", "paypaI", "paypal", "pay-pal2", "Paypal"];
    let results = race(RUNNERS, |runner| {
        let accounts = subject.accounts.clone();
        async move { accounts.create(user(spellings[runner]).build()).await }
    })
    .await;
    let taken = results.iter().filter(|result| matches!(result, Err(StoreError::NameTaken))).count();
    assert_eq!((taken, results.iter().filter(|result| result.is_ok()).count()), (6, 2), "{results:?}");
}

/// Of eight who rename themselves alike, one succeeds.
pub async fn a_rename_is_won_once(subject: Subject) {
    let mut users = Vec::new();
    for runner in 0..RUNNERS {
        users.push(subject.guest(&format!("runner {runner}")).await.id);
    }
    let results = race(RUNNERS, |runner| {
        let (accounts, id) = (subject.accounts.clone(), users[runner]);
        let display_name = Some(crate::builders::display_name("Winner"));
        let change = domain::model::user::UserChange { display_name, ..Default::default() };
        async move { accounts.update(id, change).await }
    })
    .await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
}

/// Eight calls under one key make one guest.
pub async fn a_guest_is_made_once(subject: Subject) {
    let results = race(RUNNERS, |runner| {
        let accounts = subject.accounts.clone();
        let guest = user(&format!("wanderer {runner}")).guest().build();
        async move { accounts.guest("key", guest).await.unwrap() }
    })
    .await;
    assert!(results.iter().all(|guest| *guest == results[0]), "{results:?}");
    let all = subject.accounts.list(None, domain::model::id::UserId(0), 100).await.unwrap();
    assert_eq!(all, [results[0].clone()]);
}

/// Of eight who take the same ticket, one gets the login.
pub async fn a_ticket_is_taken_by_one(subject: Subject) {
    let ann = subject.user("ann").await;
    let session = subject.accounts.open_session(ann.id, NOON, NOON + Span::days(1)).await.unwrap();
    subject.accounts.keep_ticket("print", session.id, NOON, NOON + Span::minutes(1)).await.unwrap();
    let results = race(RUNNERS, |_| {
        let accounts = subject.accounts.clone();
        async move { accounts.take_ticket("print", NOON).await.unwrap() }
    })
    .await;
    assert_eq!(results.iter().flatten().collect::<Vec<_>>(), [&session.id]);
}

/// The same nonce, fifty times over eight threads: one row, one number, identical answers, published once.
pub async fn a_nonce_sent_fifty_times_is_one_message(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let actor = subject.member(lobby.id, &ann).await;
    let answers = race(50, |_| {
        let (log, actor) = (subject.log.clone(), actor.clone());
        let command = post(draft_named("hi", "n"));
        async move { posted(log.append(LogEntry { room: lobby.id, actor, at: NOON, command }).await) }
    })
    .await;
    assert_eq!(answers.iter().filter(|(_, repeated)| !repeated).count(), 1);
    assert!(answers.iter().all(|(message, _)| *message == answers[0].0), "{answers:?}");
    assert_eq!(subject.texts(lobby.id).await, ["hi"]);
    assert_eq!(subject.bus.seqs_of(lobby.id), [Seq(1)]);
    assert_eq!(subject.post(lobby.id, &ann, "next").await.seq, Seq(2));
}

/// In slow mode one of many messages sent at once is taken, round after round.
pub async fn slow_mode_lets_one_of_many_through(subject: Subject) {
    let (lobby, _) = subject.room("lobby", "olive").await;
    let ann = subject.user("ann").await;
    let actor = subject.member(lobby.id, &ann).await;
    let pace = Span::seconds(10);
    for round in 0..5 {
        let at = NOON + Span::seconds(10 * round);
        let results = race(RUNNERS, |runner| {
            let (log, actor) = (subject.log.clone(), actor.clone());
            let draft = draft(&format!("{round} {runner}"));
            let command = LogCommand::Post { draft, network: None, pace: Some(pace) };
            async move { log.append(LogEntry { room: lobby.id, actor, at, command }).await }
        })
        .await;
        let waiting = |result: &&_| matches!(result, Err(AppendError::TooSoon { retry_after }) if *retry_after == pace);
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
        assert_eq!(results.iter().filter(waiting).count(), RUNNERS - 1, "{results:?}");
    }
    assert_eq!(subject.texts(lobby.id).await.len(), 5);
}

/// Whatever races with a ban: no message of the banned has a higher number than the ban.
pub async fn nothing_is_said_after_a_ban(subject: Subject) {
    let (lobby, owner) = subject.room("lobby", "olive").await;
    let ann = subject.user("ann").await;
    let (victim, judge) = (subject.member(lobby.id, &ann).await, subject.member(lobby.id, &owner).await);
    let placed = race(RUNNERS, |runner| {
        let (log, victim, judge) = (subject.log.clone(), victim.clone(), judge.clone());
        let ban = give(&victim, sanction(SanctionKind::Ban, &victim.user, None));
        async move {
            let mut seqs = Vec::new();
            for number in 0..20 {
                if runner == 0 && number == 10 {
                    let entry = LogEntry { room: lobby.id, actor: judge.clone(), at: NOON, command: ban.clone() };
                    log.append(entry).await.unwrap();
                }
                let command = post(draft(&format!("{runner} {number}")));
                match log.append(LogEntry { room: lobby.id, actor: victim.clone(), at: NOON, command }).await {
                    Ok(AppendResult::Posted { message, .. }) => seqs.push(message.seq),
                    Err(AppendError::Sanctioned(_)) => {}
                    other => panic!("neither said nor banned: {other:?}"),
                }
            }
            seqs
        }
    })
    .await;
    let is_ban = |kind: &EventKind| matches!(kind, EventKind::Moderated { action: ModerationAction::Ban, .. });
    let events = subject.event_range(lobby.id, Seq::ZERO).await.events;
    let ban = events.iter().find(|event| is_ban(&event.kind)).unwrap().seq;
    assert!(placed.iter().flatten().all(|seq| *seq < ban), "the ban is {ban}, said was {placed:?}");
    assert_eq!(events.last().unwrap().seq, ban);
}

/// A message is deleted by one of eight.
pub async fn a_message_is_deleted_by_one(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let message = subject.post(lobby.id, &ann, "hi").await;
    let actor = subject.member(lobby.id, &ann).await;
    let results = race(RUNNERS, |_| {
        let (log, actor) = (subject.log.clone(), actor.clone());
        let command = LogCommand::Delete { message: message.id };
        async move { log.append(LogEntry { room: lobby.id, actor, at: NOON, command }).await }
    })
    .await;
    let missing = results.iter().filter(|result| matches!(result, Err(AppendError::Missing))).count();
    assert_eq!(missing, RUNNERS - 1, "{results:?}");
    assert_eq!(subject.bus.seqs_of(lobby.id), [Seq(1), Seq(2)]);
}

/// Eight bans at once leave one in force, and one lift ends it.
pub async fn many_bans_at_once_leave_one(subject: Subject) {
    let (lobby, owner) = subject.room("lobby", "olive").await;
    let ann = subject.user("ann").await;
    let (to, by) = (subject.member(lobby.id, &ann).await, subject.member(lobby.id, &owner).await);
    race(RUNNERS, |_| {
        let (log, actor) = (subject.log.clone(), by.clone());
        let command = give(&to, sanction(SanctionKind::Ban, &ann, None));
        async move { log.append(LogEntry { room: lobby.id, actor, at: NOON, command }).await.unwrap() }
    })
    .await;
    assert_eq!(subject.history.sanctions(Some(lobby.id), NOON, None, 100).await.unwrap().len(), 1);
    assert_eq!(subject.bus.seqs_of(lobby.id), (1..=8).map(Seq).collect::<Vec<_>>());
    subject.done(lobby.id, &owner, lift(&to, SanctionKind::Ban)).await;
    subject.post(lobby.id, &ann, "thank you").await;
}

/// Nothing comes after the end of a room.
pub async fn nothing_is_said_after_the_end_of_a_room(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let actor = subject.member(lobby.id, &ann).await;
    race(RUNNERS, |runner| {
        let (log, actor) = (subject.log.clone(), actor.clone());
        async move {
            for number in 0..20 {
                let command = if (runner, number) == (0, 10) { LogCommand::Close } else { post(draft("hi")) };
                match log.append(LogEntry { room: lobby.id, actor: actor.clone(), at: NOON, command }).await {
                    Ok(_) | Err(AppendError::RoomGone) => {}
                    other => panic!("neither said nor gone: {other:?}"),
                }
            }
        }
    })
    .await;
    let events = subject.bus.events_of(lobby.id);
    assert_eq!(events.last().unwrap().kind, EventKind::Closed);
    assert_eq!(events.iter().filter(|event| event.kind == EventKind::Closed).count(), 1);
}

/// Eight threads over three rooms: every room's numbers are 1, 2, 3 … without gaps, every id is unique, each author's
/// messages keep their order, and the bus heard each room in order.
pub async fn many_authors_in_many_rooms_leave_no_gap(subject: Subject) {
    const POSTS: usize = 30;
    let mut rooms = Vec::new();
    let mut authors: Vec<Member> = Vec::new();
    for number in 0..3 {
        rooms.push(subject.room(&format!("room {number}"), &format!("owner_{number}")).await.0.id);
    }
    for runner in 0..RUNNERS {
        authors.push(Member::outside(subject.user(&format!("author_{runner}")).await));
    }
    let answers = race(RUNNERS, |runner| {
        let (log, actor, rooms) = (subject.log.clone(), authors[runner].clone(), rooms.clone());
        async move {
            let mut said = Vec::new();
            for number in 0..POSTS {
                let room = rooms[(runner + number) % rooms.len()];
                let command = post(draft_named(&format!("{runner} {number}"), &format!("{number}")));
                said.push(posted(log.append(LogEntry { room, actor: actor.clone(), at: NOON, command }).await).0);
            }
            said
        }
    })
    .await;
    let ids: BTreeSet<_> = answers.iter().flatten().map(|message| message.id).collect();
    assert_eq!(ids.len(), RUNNERS * POSTS);
    for room in rooms {
        let mut said: Vec<&Message> = answers.iter().flatten().filter(|message| message.room == room).collect();
        said.sort_by_key(|message| message.seq);
        let expected: Vec<Seq> = (1..).take(said.len()).map(Seq).collect();
        assert_eq!(said.iter().map(|message| message.seq).collect::<Vec<_>>(), expected);
        assert_eq!(subject.bus.seqs_of(room), expected, "published in order");
        let kept = subject.event_range(room, Seq::ZERO).await;
        assert_eq!((kept.events, kept.head.seq), (subject.bus.events_of(room), *expected.last().unwrap()));
    }
    for said in &answers {
        for room in said.iter().map(|message| message.room).collect::<BTreeSet<_>>() {
            let seqs: Vec<Seq> = said.iter().filter(|m| m.room == room).map(|m| m.seq).collect();
            assert!(seqs.is_sorted(), "an author's messages keep their order: {seqs:?}");
        }
    }
}

/// Whoever reads while others write sees no gap below what was answered: a snapshot's head covers its messages.
pub async fn a_snapshot_is_of_one_moment(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let actor = subject.member(lobby.id, &ann).await;
    race(RUNNERS, |runner| {
        let (subject, actor) = (subject.clone(), actor.clone());
        async move {
            for _ in 0..20 {
                if runner % 2 == 0 {
                    let entry = LogEntry { room: lobby.id, actor: actor.clone(), at: NOON, command: post(draft("hi")) };
                    posted(subject.log.append(entry).await);
                } else {
                    let (head, messages) = subject.history.snapshot(lobby.id, 1000).await.unwrap().unwrap();
                    let seqs: Vec<Seq> = messages.iter().map(|message| message.seq).collect();
                    assert_eq!(seqs, (1..=head.seq.0).map(Seq).collect::<Vec<_>>());
                    let event_range = subject.event_range(lobby.id, Seq::ZERO).await;
                    let seqs: Vec<Seq> = event_range.events.iter().map(|event| event.seq).collect();
                    assert_eq!(seqs, (1..=event_range.head.seq.0).map(Seq).collect::<Vec<_>>());
                }
            }
        }
    })
    .await;
}

/// Whoever goes away without the answer leaves the message whole or not at all.
pub async fn an_answer_that_nobody_waits_for_leaves_all_or_nothing(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let actor = subject.member(lobby.id, &ann).await;
    for number in 0..10 {
        let command = post(draft(&format!("unheard {number}")));
        let entry = LogEntry { room: lobby.id, actor: actor.clone(), at: NOON, command };
        let log = subject.log.clone();
        // Polled once, then dropped.
        let mut answer = Box::pin(async move { log.append(entry).await });
        std::future::poll_fn(|context| {
            let _ = answer.as_mut().poll(context);
            std::task::Poll::Ready(())
        })
        .await;
    }
    // The next answer comes after all that went before it in the room was written or refused.
    let heard = subject.post(lobby.id, &ann, "heard").await;
    let events = subject.event_range(lobby.id, Seq::ZERO).await.events;
    let seqs: Vec<Seq> = events.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=heard.seq.0).map(Seq).collect::<Vec<_>>());
    assert_eq!(subject.bus.events_of(lobby.id), events);
}
