//! Group commit: many entries, one transaction, and only the bad one fails.

use crate::support::{Database, file_connection};
use diesel::connection::SimpleConnection;
use domain::model::id::Seq;
use domain::ports::log::{AppendError, AppendResult, LogCommand, LogEntry};
use domain::ports::store::StoreError;
use infra::Options;
use std::time::{Duration, Instant};
use testkit::builders::{NOON, draft, draft_named, post};
use testkit::conformance::{Subject, seqs};
use tokio::task::JoinSet;

type Answer = (usize, Result<AppendResult, AppendError>);

/// Appends all of these at once; the answers in the order of the entries.
async fn at_once(subject: &Subject, entries: Vec<LogEntry>) -> Vec<Result<AppendResult, AppendError>> {
    let mut answers: Vec<Answer> = start(subject, entries).join_all().await;
    answers.sort_by_key(|(place, _)| *place);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

fn start(subject: &Subject, entries: Vec<LogEntry>) -> JoinSet<Answer> {
    let mut tasks = JoinSet::new();
    for (place, entry) in entries.into_iter().enumerate() {
        let log = subject.log.clone();
        tasks.spawn(async move { (place, log.append(entry).await) });
    }
    tasks
}

#[tokio::test]
async fn only_the_entry_that_cannot_be_written_fails() {
    let poison = [
        "CREATE TRIGGER poison BEFORE INSERT ON messages WHEN NEW.text = 'poison' BEGIN SELECT RAISE(ABORT, 'no'); END",
        "ALTER TABLE messages ADD CHECK (text <> 'poison')",
    ];
    for (database, poison) in Database::both().into_iter().zip(poison) {
        let (subject, _store) = database.subject();
        database.run(poison);
        let (room, owner) = subject.room("lobby", "ann").await;
        let actor = subject.member(room.id, &owner).await;
        let text = |n: usize| if n % 20 == 13 { "poison".to_owned() } else { n.to_string() };
        let entry = |n| LogEntry { room: room.id, actor: actor.clone(), at: NOON, command: post(draft(&text(n))) };
        let answers = at_once(&subject, (0..60).map(entry).collect()).await;
        for (n, answer) in answers.iter().enumerate() {
            match answer {
                Ok(_) => assert_ne!(n % 20, 13),
                Err(AppendError::Store(StoreError::Failed(_))) => assert_eq!(n % 20, 13),
                other => panic!("{n}: {other:?}"),
            }
        }
        let expected: Vec<i64> = (1..=57).collect();
        assert_eq!(seqs(&subject.event_range(room.id, Seq::ZERO).await.events), expected);
        assert_eq!(seqs(&subject.bus.events()), expected);
    }
}

#[tokio::test]
async fn acts_and_messages_of_one_batch_keep_their_order() {
    for database in Database::both() {
        let (subject, _store) = database.subject();
        let (room, owner) = subject.room("lobby", "ann").await;
        let actor = subject.member(room.id, &owner).await;
        let acts = [
            post(draft_named("gone", "a")),
            post(draft_named("gone", "a")),
            LogCommand::Purge { author: None },
            post(draft("stays")),
            LogCommand::Close,
            post(draft("too late")),
        ];
        let entry = |command| LogEntry { room: room.id, actor: actor.clone(), at: NOON, command };
        let answers = at_once(&subject, acts.into_iter().map(entry).collect()).await;
        assert!(matches!(&answers[1], Ok(AppendResult::Posted { repeated: true, .. })), "{:?}", answers[1]);
        assert!(matches!(answers[5], Err(AppendError::RoomGone)), "{:?}", answers[5]);
        assert_eq!(seqs(&subject.bus.events()), [1, 2, 3, 4]);
        assert_eq!(seqs(&subject.event_range(room.id, Seq::ZERO).await.events), [2, 3, 4]);
    }
}

#[tokio::test]
async fn two_nodes_on_one_database_leave_no_gap_and_say_nothing_twice() {
    for database in Database::both() {
        let (one, _first) = database.subject();
        let (two, _second) = database.subject();
        let (room, owner) = one.room("lobby", "ann").await;
        let (other, bob) = one.room("other", "bob").await;
        let actors = [one.member(room.id, &owner).await, one.member(other.id, &bob).await];
        let entry = |n: usize| {
            let place = n % 2;
            // Each nonce is sent to both nodes.
            let command = post(draft_named(&n.to_string(), &n.to_string()));
            LogEntry { room: [room.id, other.id][place], actor: actors[place].clone(), at: NOON, command }
        };
        let mut first = start(&one, (0..300).map(entry).collect());
        let second = start(&two, (0..300).rev().map(entry).collect()).join_all().await;
        let mut repeated = 0;
        while let Some(answer) = first.join_next().await {
            repeated += usize::from(matches!(answer.unwrap().1, Ok(AppendResult::Posted { repeated: true, .. })));
        }
        for (_, answer) in second {
            match answer {
                Ok(AppendResult::Posted { repeated: again, .. }) => repeated += usize::from(again),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(repeated, 300);
        let expected: Vec<i64> = (1..=150).collect();
        for room in [room.id, other.id] {
            assert_eq!(seqs(&one.event_range(room, Seq::ZERO).await.events), expected);
            let (here, there) = (one.bus.seqs_of(room), two.bus.seqs_of(room));
            assert!(here.is_sorted() && there.is_sorted());
            let mut told: Vec<i64> = here.into_iter().chain(there).map(|seq| seq.0).collect();
            told.sort_unstable();
            assert_eq!(told, expected);
        }
    }
}

#[tokio::test]
async fn what_was_let_in_is_written_before_the_end() {
    for database in Database::both() {
        let (subject, store) = database.subject();
        let (room, owner) = subject.room("lobby", "ann").await;
        let actor = subject.member(room.id, &owner).await;
        let entry =
            |n: usize| LogEntry { room: room.id, actor: actor.clone(), at: NOON, command: post(draft(&n.to_string())) };
        let tasks = start(&subject, (0..50).map(entry).collect());
        // On one thread every task has run up to its answer now.
        tokio::task::yield_now().await;
        store.shutdown();
        assert!(tasks.join_all().await.iter().all(|(_, answer)| answer.is_ok()));
        let late = subject.log.append(entry(50)).await;
        assert!(matches!(late, Err(AppendError::Store(StoreError::Busy { .. }))), "{late:?}");
        assert_eq!(subject.texts(room.id).await.len(), 50);
    }
}

#[tokio::test]
async fn a_full_queue_answers_busy_at_once() {
    let database = Database::sqlite();
    let Database::Sqlite(folder) = &database else { return };
    let (subject, _store) = database.subject_with(Options { queue_bytes: 2100, ..Options::default() });
    let (room, owner) = subject.room("lobby", "ann").await;
    let actor = subject.member(room.id, &owner).await;
    let mut beside = file_connection(folder);
    beside.batch_execute("BEGIN IMMEDIATE").unwrap();

    let entry =
        |n: usize| LogEntry { room: room.id, actor: actor.clone(), at: NOON, command: post(draft(&n.to_string())) };
    let began = Instant::now();
    let mut tasks = start(&subject, (0..40).map(entry).collect());
    // At most a few are with the writer and eight in the queue; all others are told at once, while the file is held.
    for _ in 0..20 {
        let (_, answer) = tasks.join_next().await.unwrap().unwrap();
        assert!(matches!(answer, Err(AppendError::Store(StoreError::Busy { .. }))), "{answer:?}");
    }
    assert!(began.elapsed() < Duration::from_secs(1));
    beside.batch_execute("ROLLBACK").unwrap();
    let written = tasks.join_all().await.into_iter().filter(|(_, answer)| answer.is_ok()).count();
    assert_eq!(subject.texts(room.id).await.len(), written);
    assert!(written > 0);
}
