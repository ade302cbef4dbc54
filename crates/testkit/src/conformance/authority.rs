//! Authority is asked for when an act is written, not only when it is decided.

use super::Subject;
use super::races::race;
use crate::builders::{NOON, give, lift, network, sanction, user};
use domain::model::event::ModerationAction;
use domain::model::id::Seq;
use domain::model::message::Message;
use domain::model::rank::Rank;
use domain::model::room::{Room, RoomChange};
use domain::model::sanction::{NewSanction, SanctionKind};
use domain::model::time::Span;
use domain::model::user::{Member, User, UserChange};
use domain::ports::log::{AppendError, AppendResult, LogCommand, LogEntry};

/// Every kind of act that takes a rank.
fn acts_of_a_moderator(message: &Message, subject: &Member) -> Vec<LogCommand> {
    let change = RoomChange { links: Some(false), ..Default::default() };
    vec![
        LogCommand::Delete { message: message.id },
        LogCommand::Purge { author: None },
        LogCommand::Purge { author: Some(Box::new(subject.user.clone())) },
        give(subject, sanction(SanctionKind::Ban, &subject.user, None)),
        lift(subject, SanctionKind::Timeout),
        LogCommand::Appoint { subject: Box::new(subject.clone()), action: ModerationAction::Vip },
        LogCommand::Configure { change: Box::new(change) },
        LogCommand::Pin { message: message.id },
        LogCommand::Unpin { message: message.id },
        LogCommand::Close,
    ]
}

/// What was decided while somebody was moderator is refused once they no longer are, are banned, or are deleted, whatever it
/// was; the room and its log stay as they are.
pub async fn an_act_is_refused_when_its_actor_lost_the_authority_meanwhile(subject: Subject) {
    let (lobby, owner) = subject.room("lobby", "ann").await;
    let victim = subject.user("victim").await;
    let message = subject.post(lobby.id, &victim, "hi").await;
    let target = subject.member(lobby.id, &victim).await;
    let mut decided = Vec::new();
    for name in ["demoted", "banned", "deleted"] {
        let user = subject.user(name).await;
        let to = Member { user: user.clone(), room_rank: Some(Rank::Mod), site_rank: None };
        let command = LogCommand::Appoint { subject: Box::new(to), action: ModerationAction::Mod };
        subject.done(lobby.id, &owner, command).await;
        decided.push(subject.member(lobby.id, &user).await);
    }
    let [demoted, banned, deleted] = &decided[..] else { unreachable!("three moderators") };
    let unmod = LogCommand::Appoint { subject: Box::new(demoted.clone()), action: ModerationAction::Unmod };
    subject.done(lobby.id, &owner, unmod).await;
    let ban = sanction(SanctionKind::Ban, &banned.user, None);
    subject.done(lobby.id, &owner, give(banned, ban)).await;
    subject.accounts.delete(deleted.user.id, NOON).await.unwrap();
    let head = subject.event_range(lobby.id, Seq::ZERO).await.head;
    for actor in &decided {
        for command in acts_of_a_moderator(&message, &target) {
            let shown = format!("{command:?}");
            let entry = LogEntry { room: lobby.id, actor: actor.clone(), at: NOON, command };
            let refused = subject.log.append(entry).await;
            let right = match &refused {
                Err(AppendError::Sanctioned(_)) => actor.user.id == banned.user.id,
                Err(AppendError::AuthorityLost) => actor.user.id != banned.user.id,
                _ => false,
            };
            assert!(right, "{shown} by {} gave {refused:?}", actor.user.display_name.as_str());
        }
    }
    assert_eq!(subject.event_range(lobby.id, Seq::ZERO).await.head, head);
}

/// Of forty acts under way while their moderator is demoted, none has a place in the log after the demotion.
pub async fn no_act_follows_the_demotion_of_its_actor(subject: Subject) {
    let (lobby, owner) = subject.room("lobby", "ann").await;
    let keeper = subject.user("keeper").await;
    let to = Member { user: keeper.clone(), room_rank: Some(Rank::Mod), site_rank: None };
    let command = LogCommand::Appoint { subject: Box::new(to), action: ModerationAction::Mod };
    subject.done(lobby.id, &owner, command).await;
    let (boss, keeper) = (subject.member(lobby.id, &owner).await, subject.member(lobby.id, &keeper).await);
    let answers = race(41, |runner| {
        let (log, boss, keeper) = (subject.log.clone(), boss.clone(), keeper.clone());
        async move {
            let entry = match runner {
                20 => {
                    let demoted = Box::new(keeper.clone());
                    let command = LogCommand::Appoint { subject: demoted, action: ModerationAction::Unmod };
                    LogEntry { room: lobby.id, actor: boss, at: NOON, command }
                }
                _ => LogEntry { room: lobby.id, actor: keeper, at: NOON, command: LogCommand::Purge { author: None } },
            };
            log.append(entry).await
        }
    })
    .await;
    let seq = |answer: &Result<AppendResult, AppendError>| match answer {
        Ok(AppendResult::Done(event)) => Some(event.seq),
        _ => None,
    };
    let demotion = seq(&answers[20]).expect("the owner's act succeeds");
    for (runner, answer) in answers.iter().enumerate().filter(|(runner, _)| *runner != 20) {
        match answer {
            Err(AppendError::AuthorityLost) => {}
            answer => assert!(seq(answer).is_some_and(|seq| seq < demotion), "act {runner}: {answer:?}"),
        }
    }
}

fn appoint(user: &User, room_rank: Option<Rank>, action: ModerationAction) -> LogCommand {
    LogCommand::Appoint { subject: Box::new(Member { user: user.clone(), room_rank, site_rank: None }), action }
}

async fn room_with_moderator(subject: &Subject) -> (Room, User, Member) {
    let (lobby, owner) = subject.room("lobby", "ann").await;
    let keeper = subject.user("keeper").await;
    subject.done(lobby.id, &owner, appoint(&keeper, Some(Rank::Mod), ModerationAction::Mod)).await;
    let keeper = subject.member(lobby.id, &keeper).await;
    (lobby, owner, keeper)
}

/// Whoever became a moderator after a moderator decided to delete, purge or sanction is out of reach: nothing is written.
pub async fn an_act_is_refused_when_its_subject_rose_meanwhile(subject: Subject) {
    let (lobby, owner, keeper) = room_with_moderator(&subject).await;
    let riser = subject.user("riser").await;
    let message = subject.post(lobby.id, &riser, "hi").await;
    let before = subject.member(lobby.id, &riser).await;
    subject.done(lobby.id, &owner, appoint(&riser, Some(Rank::Mod), ModerationAction::Mod)).await;
    let head = subject.event_range(lobby.id, Seq::ZERO).await.head;
    for command in [
        LogCommand::Delete { message: message.id },
        LogCommand::Purge { author: Some(Box::new(riser.clone())) },
        give(&before, sanction(SanctionKind::Ban, &riser, None)),
        give(&before, sanction(SanctionKind::Timeout, &riser, None)),
        appoint(&riser, Some(Rank::Vip), ModerationAction::Vip),
    ] {
        let shown = format!("{command:?}");
        let refused = subject.log.append(LogEntry { room: lobby.id, actor: keeper.clone(), at: NOON, command }).await;
        assert!(matches!(refused, Err(AppendError::SubjectOutranks)), "{shown} gave {refused:?}");
    }
    assert_eq!(subject.event_range(lobby.id, Seq::ZERO).await.head, head);
    // One's own message is in everybody's reach.
    subject.done(lobby.id, &riser, LogCommand::Delete { message: message.id }).await;
}

/// A moderator who was timed out after deciding neither pins, unpins nor configures, and may still delete.
pub async fn a_moderator_timed_out_meanwhile_puts_nothing_before_everybody(subject: Subject) {
    let (lobby, owner, keeper) = room_with_moderator(&subject).await;
    let message = subject.post(lobby.id, &owner, "hi").await;
    subject.done(lobby.id, &owner, LogCommand::Pin { message: message.id }).await;
    let spam = subject.user("spam").await;
    let spam = subject.post(lobby.id, &spam, "buy").await;
    subject.done(lobby.id, &owner, give(&keeper, sanction(SanctionKind::Timeout, &keeper.user, None))).await;
    let change = RoomChange { slow_mode: Some(Span::seconds(9)), ..RoomChange::default() };
    for command in [
        LogCommand::Pin { message: spam.id },
        LogCommand::Unpin { message: message.id },
        LogCommand::Configure { change: Box::new(change) },
    ] {
        let shown = format!("{command:?}");
        let refused = subject.log.append(LogEntry { room: lobby.id, actor: keeper.clone(), at: NOON, command }).await;
        assert!(matches!(refused, Err(AppendError::Sanctioned(_))), "{shown} gave {refused:?}");
    }
    let delete = LogCommand::Delete { message: spam.id };
    subject.log.append(LogEntry { room: lobby.id, actor: keeper, at: NOON, command: delete }).await.unwrap();
}

/// Of twenty acts of each kind under way while their moderator is demoted, banned, or loses the rank held everywhere, none
/// has a place in the log after that.
pub async fn no_kind_of_act_follows_the_end_of_its_authority(subject: Subject) {
    for kind in 0..8 {
        let (lobby, owner) = subject.room(&format!("lobby {kind}"), &format!("ann{kind}")).await;
        let keeper = subject.user(&format!("keeper{kind}")).await;
        subject.done(lobby.id, &owner, appoint(&keeper, Some(Rank::Mod), ModerationAction::Mod)).await;
        let boss = subject.member(lobby.id, &owner).await;
        let victim = subject.user(&format!("victim{kind}")).await;
        let message = subject.post(lobby.id, &victim, "hi").await;
        let (keeper, victim) = (subject.member(lobby.id, &keeper).await, subject.member(lobby.id, &victim).await);
        let answers = race(21, |runner| {
            let (log, boss, keeper) = (subject.log.clone(), boss.clone(), keeper.clone());
            let command = acts_of_a_moderator(&message, &victim).swap_remove(kind);
            async move {
                let (actor, command) = match runner {
                    10 if kind % 2 == 0 => (boss, appoint(&keeper.user, None, ModerationAction::Unmod)),
                    10 => (boss, give(&keeper, sanction(SanctionKind::Ban, &keeper.user, None))),
                    _ => (keeper, command),
                };
                log.append(LogEntry { room: lobby.id, actor, at: NOON, command }).await
            }
        })
        .await;
        let seq = |answer: &Result<AppendResult, AppendError>| match answer {
            Ok(AppendResult::Done(event)) => Some(event.seq),
            _ => None,
        };
        let end = seq(&answers[10]).expect("the owner's act succeeds");
        for answer in answers.iter() {
            assert!(seq(answer).is_none_or(|seq| seq <= end), "kind {kind}: {answer:?} after {end:?}");
        }
    }
}

/// Twenty bans by an admin race with the end of the admin's rank: once that was answered, none is written any more.
pub async fn no_act_begins_after_a_rank_that_held_everywhere_was_taken(subject: Subject) {
    let (lobby, _) = subject.room("lobby", "ann").await;
    let admin = user("boss").rank(Rank::Admin).create(&*subject.accounts).await;
    let victim = subject.user("victim").await;
    let (admin, victim) = (subject.member(lobby.id, &admin).await, subject.member(lobby.id, &victim).await);
    let taken = UserChange { rank: Some(Rank::Registered), ..UserChange::default() };
    let heads = race(21, |runner| {
        let (log, accounts, events) = (subject.log.clone(), subject.accounts.clone(), subject.history.clone());
        let (admin, taken) = (admin.clone(), taken.clone());
        let command = give(&victim, sanction(SanctionKind::Ban, &victim.user, None));
        async move {
            if runner == 10 {
                accounts.update(admin.user.id, taken).await.unwrap();
                return events.heads(&[lobby.id]).await.unwrap().pop().map(|(_, head)| head.seq);
            }
            let _: Result<AppendResult, AppendError> =
                log.append(LogEntry { room: lobby.id, actor: admin, at: NOON, command }).await;
            None
        }
    })
    .await;
    let head = subject.event_range(lobby.id, Seq::ZERO).await.head;
    assert_eq!(heads[10], Some(head.seq), "nothing was written after the rank was gone");
}

/// What a higher rank gave is neither replaced nor lifted by a lower one.
pub async fn a_higher_ranks_sanction_stays(subject: Subject) {
    let (lobby, _) = subject.room("lobby", "ann").await;
    let bob = subject.user("bob").await;
    let keeper = user("keeper").rank(Rank::SuperMod).create(&*subject.accounts).await;
    let root = user("boss").rank(Rank::Admin).create(&*subject.accounts).await;
    subject
        .done(lobby.id, &root, give(&subject.member(lobby.id, &bob).await, sanction(SanctionKind::Ban, &bob, None)))
        .await;
    let to = subject.member(lobby.id, &bob).await;
    let new = sanction(SanctionKind::Ban, &bob, Some(NOON + Span::seconds(1)));
    let command = LogCommand::Sanction { subject: Box::new(to.clone()), sanction: Box::new(new) };
    for command in [command, lift(&to, SanctionKind::Ban)] {
        let refused = subject.act_at(NOON, lobby.id, &keeper, command).await;
        assert!(matches!(refused, Err(AppendError::Outranked)), "{refused:?}");
    }
    let kept = subject.history.sanction(Some(lobby.id), bob.id, SanctionKind::Ban, NOON).await.unwrap();
    assert_eq!(kept.map(|given| (given.by, given.ends_at)), Some((root.id, None)));
}

/// A ban of the network where a guest who moderates was last seen, given under another's name, stops what the guest decided
/// before.
pub async fn an_act_is_refused_when_its_actors_network_was_banned_meanwhile(subject: Subject) {
    let (lobby, owner) = subject.room("lobby", "ann").await;
    let guest = subject.accounts.guest("key", user("wren").guest().at("net").build()).await.unwrap();
    let other = subject.accounts.guest("other", user("other").guest().at("net").build()).await.unwrap();
    subject.done(lobby.id, &owner, appoint(&guest, Some(Rank::Mod), ModerationAction::Mod)).await;
    let keeper = subject.member(lobby.id, &guest).await;
    let to = subject.member(lobby.id, &other).await;
    let ban = NewSanction { network: Some(network("net")), ..sanction(SanctionKind::Ban, &other, None) };
    subject.done(lobby.id, &owner, give(&to, ban)).await;
    let entry = LogEntry { room: lobby.id, actor: keeper, at: NOON, command: LogCommand::Purge { author: None } };
    let refused = subject.log.append(entry).await;
    let expected = subject.act(lobby.id, &guest, LogCommand::Purge { author: None }).await;
    assert_eq!(format!("{refused:?}"), format!("{expected:?}"));
    assert!(matches!(refused, Err(AppendError::Sanctioned(_))), "{refused:?}");
}
