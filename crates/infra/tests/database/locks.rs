//! On PostgreSQL, an act waits for a change of the people it counts on, and is decided by what came of it.

use crate::support::{Database, Schema};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use domain::model::event::{EventKind, ModerationAction};
use domain::model::rank::Rank;
use domain::model::sanction::SanctionKind;
use domain::model::user::{Member, User};
use domain::ports::log::{AppendError, AppendResult, LogCommand, LogEntry};
use testkit::builders::{NOON, give, sanction, user};
use testkit::conformance::Subject;

#[derive(QueryableByName)]
struct Waiting {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Appends `entry` while another transaction has run `change` and not yet committed; that one commits as soon as the append
/// waits for it, or is over.
async fn append_during(
    schema: &Schema,
    subject: &Subject,
    change: &str,
    entry: LogEntry,
) -> Result<AppendResult, AppendError> {
    let mut other = schema.connection();
    other.batch_execute(&format!("BEGIN; {change}")).unwrap();
    let log = subject.log.clone();
    let task = tokio::spawn(async move { log.append(entry).await });
    let mut watching = schema.connection();
    let waiting = format!(
        "SELECT count(*) AS count FROM pg_stat_activity WHERE usename = '{}' AND wait_event_type = 'Lock'",
        schema.name
    );
    while !task.is_finished() && diesel::sql_query(&waiting).get_result::<Waiting>(&mut watching).unwrap().count == 0 {
        tokio::task::yield_now().await;
    }
    other.batch_execute("COMMIT").unwrap();
    task.await.unwrap()
}

async fn appointed(subject: &Subject, room: domain::model::id::RoomId, owner: &User, name: &str) -> Member {
    let user = subject.user(name).await;
    let to = Member { user: user.clone(), room_rank: Some(Rank::Mod), site_rank: None };
    subject.done(room, owner, LogCommand::Appoint { subject: Box::new(to), action: ModerationAction::Mod }).await;
    subject.member(room, &user).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_act_waits_for_a_rank_that_is_being_changed() {
    let database = Database::postgres();
    let Database::Postgres(schema) = &database else { unreachable!("a schema") };
    let (subject, _store) = database.subject();
    let (lobby, owner) = subject.room("lobby", "olive").await;
    let keeper = appointed(&subject, lobby.id, &owner, "keeper").await;
    let admin = user("boss").rank(Rank::Admin).create(&*subject.accounts).await;
    let admin = subject.member(lobby.id, &admin).await;
    let [author, target] = [subject.user("author").await, subject.user("target").await];
    let message = subject.post(lobby.id, &author, "hi").await;
    let target = subject.member(lobby.id, &target).await;
    let rank =
        |user: &User, rank: Rank| format!("UPDATE users SET rank = '{}' WHERE id = {}", rank.as_str(), user.id.0);

    let by = |actor: &Member, command| LogEntry { room: lobby.id, actor: actor.clone(), at: NOON, command };
    let risen = rank(&author, Rank::Admin);
    let deletion = by(&keeper, LogCommand::Delete { message: message.id });
    let refused = append_during(schema, &subject, &risen, deletion).await;
    assert!(matches!(refused, Err(AppendError::SubjectOutranks)), "the author rose: {refused:?}");

    let risen = rank(&target.user, Rank::Admin);
    let ban = by(&keeper, give(&target, sanction(SanctionKind::Ban, &target.user, None)));
    let refused = append_during(schema, &subject, &risen, ban).await;
    assert!(matches!(refused, Err(AppendError::SubjectOutranks)), "the subject rose: {refused:?}");

    let fallen = rank(&admin.user, Rank::Registered);
    let refused = append_during(schema, &subject, &fallen, by(&admin, LogCommand::Purge { author: None })).await;
    assert!(matches!(refused, Err(AppendError::AuthorityLost)), "the actor fell: {refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_waits_for_a_moderator_who_is_leaving_and_passes_to_the_next() {
    let database = Database::postgres();
    let Database::Postgres(schema) = &database else { unreachable!("a schema") };
    let (subject, _store) = database.subject();
    let (lobby, owner) = subject.room("lobby", "olive").await;
    let leaving = appointed(&subject, lobby.id, &owner, "leaving").await;
    let next = appointed(&subject, lobby.id, &owner, "next").await;
    let actor = subject.member(lobby.id, &owner).await;
    let command = LogCommand::HandOver { from: Box::new(owner.clone()) };
    let entry = LogEntry { room: lobby.id, actor, at: NOON, command };
    let gone = format!("UPDATE users SET deleted = TRUE, username_key = NULL WHERE id = {}", leaving.user.id.0);
    let Ok(AppendResult::Done(event)) = append_during(schema, &subject, &gone, entry).await else { panic!("an event") };
    let EventKind::Moderated { subject: owner, .. } = event.kind else { panic!("{event:?}") };
    assert_eq!((owner.user.id, owner.room_rank), (next.user.id, Some(Rank::Owner)));
}
