//! A database that is away, held or slow: everybody is told soon, nothing is lost, and it heals by itself.

use crate::support::{Database, file_connection};
use diesel::connection::SimpleConnection;
use domain::ports::log::{AppendError, AppendResult, LogEntry};
use domain::ports::readers::Position;
use domain::ports::store::StoreError;
use infra::Options;
use std::sync::Arc;
use std::time::{Duration, Instant};
use testkit::builders::{NOON, draft, draft_named, post};
use testkit::conformance::Subject;

/// Asks again until it is so; a store that does not heal fails the test.
async fn eventually(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !so().await {
        assert!(began.elapsed() < Duration::from_secs(10), "{what} did not come true");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn is_busy<T>(answer: &Result<T, AppendError>) -> bool {
    matches!(answer, Err(AppendError::Store(StoreError::Busy { .. })))
}

async fn soon<T>(answer: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_millis(2500), answer).await.unwrap()
}

#[tokio::test]
async fn while_the_database_is_away_everybody_is_told_and_then_it_heals() {
    let database = Database::postgres();
    let Database::Postgres(schema) = &database else { return };
    let (subject, _store) = database.subject();
    let (room, owner) = subject.room("lobby", "ann").await;
    let actor = subject.member(room.id, &owner).await;
    let append = async |name: &str| {
        let entry = LogEntry { room: room.id, actor: actor.clone(), at: NOON, command: post(draft_named(name, name)) };
        soon(subject.log.append(entry)).await
    };
    append("before").await.unwrap();

    schema.go_away();
    let answer = append("during").await;
    assert!(is_busy(&answer), "{answer:?}");
    let answer = append("during").await;
    assert!(is_busy(&answer), "{answer:?}");
    let read = soon(subject.history.messages(room.id, Position::End, 10)).await;
    assert!(matches!(read, Err(StoreError::Busy { .. })), "{read:?}");
    assert!(soon(subject.health.check()).await.is_err());

    schema.come_back();
    eventually("writing again", async || append("during").await.is_ok()).await;
    eventually("reading again", async || subject.history.messages(room.id, Position::End, 10).await.is_ok()).await;
    eventually("health", async || subject.health.check().await.is_ok()).await;
    assert_eq!(subject.texts(room.id).await, ["before", "during"]);
    let told: Vec<i64> = subject.bus.seqs_of(room.id).into_iter().map(|seq| seq.0).collect();
    assert_eq!(told, [1, 2]);
}

#[tokio::test]
async fn a_lost_connection_is_replaced_and_nothing_is_doubled() {
    let database = Database::postgres();
    let Database::Postgres(schema) = &database else { return };
    let (subject, _store) = database.subject();
    let (room, owner) = subject.room("lobby", "ann").await;
    let actor = subject.member(room.id, &owner).await;
    for n in 0..30 {
        if n % 5 == 0 {
            schema.cut();
        }
        let name = n.to_string();
        let entry =
            LogEntry { room: room.id, actor: actor.clone(), at: NOON, command: post(draft_named(&name, &name)) };
        eventually("an answer", async || subject.log.append(entry.clone()).await.is_ok()).await;
    }
    let expected: Vec<String> = (0..30).map(|n| n.to_string()).collect();
    eventually("reading", async || subject.history.messages(room.id, Position::End, 1).await.is_ok()).await;
    eventually("reading", async || subject.history.messages(room.id, Position::End, 1).await.is_ok()).await;
    assert_eq!(texts(&subject, room.id).await, expected);
}

async fn texts(subject: &Subject, room: domain::model::id::RoomId) -> Vec<String> {
    loop {
        if let Ok((messages, _)) = subject.history.messages(room, Position::End, 100).await {
            return testkit::conformance::texts(&messages);
        }
    }
}

#[tokio::test]
async fn a_head_that_somebody_holds_stops_only_its_own_room() {
    let database = Database::postgres();
    let Database::Postgres(schema) = &database else { return };
    let (subject, _store) = database.subject_with(Options { writers: 1, readers: 2, ..Options::default() });
    let (held, ann) = subject.room("held", "ann").await;
    let (free, bob) = subject.room("free", "bob").await;
    let mut beside = schema.connection();
    beside.batch_execute(&format!("BEGIN; SELECT * FROM room_heads WHERE room = {} FOR UPDATE", held.id)).unwrap();

    let (stuck, passed) = tokio::join!(
        soon(subject.act(held.id, &ann, post(draft("stuck")))),
        soon(subject.act(free.id, &bob, post(draft("passed")))),
    );
    assert!(is_busy(&stuck), "{stuck:?}");
    assert!(matches!(passed, Ok(AppendResult::Posted { .. })), "{passed:?}");
    let began = Instant::now();
    assert!(subject.texts(held.id).await.is_empty());
    assert!(began.elapsed() < Duration::from_secs(1), "reading waits for nobody");

    beside.batch_execute("ROLLBACK").unwrap();
    subject.post(held.id, &ann, "at last").await;
    assert_eq!(subject.texts(held.id).await, ["at last"]);
}

#[tokio::test]
async fn a_file_is_read_while_somebody_writes_it() {
    let database = Database::sqlite();
    let Database::Sqlite(folder) = &database else { return };
    let (subject, _store) = database.subject();
    let (room, ann) = subject.room("lobby", "ann").await;
    subject.post(room.id, &ann, "before").await;
    let mut beside = file_connection(folder);
    beside.batch_execute("BEGIN IMMEDIATE; UPDATE messages SET text = 'changed'").unwrap();

    assert_eq!(subject.texts(room.id).await, ["before"]);
    let (posted, ()) = tokio::join!(subject.act(room.id, &ann, post(draft("after"))), async {
        tokio::task::yield_now().await;
        beside.batch_execute("COMMIT").unwrap();
    });
    posted.unwrap();
    assert_eq!(subject.texts(room.id).await, ["changed", "after"]);
}

#[tokio::test]
async fn a_file_that_somebody_goes_on_writing_keeps_nobody_waiting_for_long() {
    let database = Database::sqlite();
    let Database::Sqlite(folder) = &database else { return };
    let (_subject, store) = database.subject();
    let store = Arc::new(store);
    let mut beside = file_connection(folder);
    beside.batch_execute("BEGIN IMMEDIATE").unwrap();

    let began = Instant::now();
    let mut waiting = tokio::task::JoinSet::new();
    for n in 0..12 {
        let store = Arc::clone(&store);
        waiting.spawn(async move { store.set_setting(&format!("key {n}"), "value").await });
    }
    // One after the other waits for the file, each for a second: who comes last is told before its turn comes.
    let answers = tokio::time::timeout(Duration::from_secs(8), waiting.join_all()).await.unwrap();
    assert!(answers.iter().all(|answer| matches!(answer, Err(StoreError::Busy { .. }))), "{answers:?}");
    assert!(began.elapsed() < Duration::from_secs(6), "after {:?}", began.elapsed());

    beside.batch_execute("ROLLBACK").unwrap();
    eventually("writing again", async || store.set_setting("late", "value").await.is_ok()).await;
    assert_eq!(store.setting("key 11").await.unwrap(), None, "what was refused while it waited is not written later");
}
