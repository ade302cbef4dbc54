//! Reading: pages, snapshots, ranges of events, access and the log of moderators.

use super::{Subject, seqs, texts};
use crate::builders::{NOON, body, draft, give, later, post, sanction};
use domain::model::event::{EventKind, ModerationAction};
use domain::model::id::{MessageId, RoomId, RoomUid, Seq, UserId};
use domain::model::rank::Rank;
use domain::model::room::RoomChange;
use domain::model::sanction::SanctionKind;
use domain::model::user::{Member, UserChange};
use domain::ports::log::LogCommand;
use domain::ports::readers::Position;

/// A page holds the messages nearest to where it begins, ascending, and says whether there are more beyond them.
pub async fn pages_hold_the_nearest_messages_ascending(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let (other, bob) = subject.room("other", "bob").await;
    let all = subject.post_many(lobby.id, &ann, 7).await;
    subject.post(other.id, &bob, "elsewhere").await;
    subject.done(lobby.id, &ann, LogCommand::Delete { message: all[3].id }).await;
    for (from, limit, expected, more) in [
        (Position::End, 2, vec!["6", "7"], true),
        (Position::End, 5, vec!["2", "3", "5", "6", "7"], true),
        (Position::End, 6, vec!["1", "2", "3", "5", "6", "7"], false),
        (Position::End, 100, vec!["1", "2", "3", "5", "6", "7"], false),
        (Position::Before(Seq(6)), 2, vec!["3", "5"], true),
        (Position::Before(Seq(5)), 3, vec!["1", "2", "3"], false),
        (Position::Before(Seq(4)), 3, vec!["1", "2", "3"], false),
        (Position::Before(Seq(1)), 3, vec![], false),
        (Position::Before(Seq(1000)), 1, vec!["7"], true),
        (Position::After(Seq(0)), 2, vec!["1", "2"], true),
        (Position::After(Seq(2)), 2, vec!["3", "5"], true),
        (Position::After(Seq(4)), 2, vec!["5", "6"], true),
        (Position::After(Seq(5)), 2, vec!["6", "7"], false),
        (Position::After(Seq(7)), 2, vec![], false),
        (Position::After(Seq(1000)), 2, vec![], false),
    ] {
        let (messages, beyond) = subject.history.messages(lobby.id, from, limit).await.unwrap();
        assert_eq!((texts(&messages), beyond), (expected.iter().map(|t| t.to_string()).collect(), more), "{from:?}");
        assert!(messages.iter().all(|message| message.room == lobby.id));
    }
}

/// Walking back from the end, page by page, meets every message once.
pub async fn walking_back_meets_every_message_once(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let all = subject.post_many(lobby.id, &ann, 23).await;
    let mut walked = Vec::new();
    let mut from = Position::End;
    loop {
        let (mut page, more) = subject.history.messages(lobby.id, from, 5).await.unwrap();
        from = Position::Before(page[0].seq);
        page.append(&mut walked);
        walked = page;
        if !more {
            break;
        }
    }
    assert_eq!(walked, all);
}

/// A message is found until it is deleted.
pub async fn a_message_is_found_by_id(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let message = subject.post(lobby.id, &ann, "hi").await;
    assert_eq!(subject.history.message(message.id).await.unwrap(), Some(message));
    assert_eq!(subject.history.message(MessageId(4_000_000)).await.unwrap(), None);
}

/// Authors are shown as they are now: the name, the global rank, the rank in the room.
pub async fn authors_are_shown_as_they_are_now(subject: Subject) {
    let (lobby, owner) = subject.room("lobby", "olive").await;
    let ann = subject.user("ann").await;
    let message = subject.post(lobby.id, &ann, "hi").await;
    assert_eq!(message.author, Member { user: ann.clone(), room_rank: None, site_rank: None });
    let to = Member { user: ann.clone(), room_rank: Some(Rank::Mod), site_rank: None };
    subject.done(lobby.id, &owner, LogCommand::Appoint { subject: Box::new(to), action: ModerationAction::Mod }).await;
    let change = UserChange {
        display_name: Some(crate::builders::display_name("Queen")),
        picture: Some(Some("/q.png".into())),
        rank: Some(Rank::SuperMod),
        ..UserChange::default()
    };
    let now = subject.accounts.update(ann.id, change).await.unwrap().unwrap();
    let author = Member { user: now, room_rank: Some(Rank::Mod), site_rank: None };
    assert_eq!(subject.history.message(message.id).await.unwrap().unwrap().author, author);
    assert_eq!(subject.history.messages(lobby.id, Position::End, 1).await.unwrap().0[0].author, author);
    assert_eq!(subject.history.snapshot(lobby.id, 1).await.unwrap().unwrap().1[0].author, author);
    let posted = &subject.event_range(lobby.id, Seq::ZERO).await.events[0];
    assert!(matches!(&posted.kind, EventKind::Posted(message) if message.author == author), "{posted:?}");
}

/// The head counts every event; the messages are the latest that stand.
pub async fn a_snapshot_is_the_head_and_the_latest_messages(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let epoch = subject.history.heads(&[lobby.id]).await.unwrap()[0].1.epoch;
    let all = subject.post_many(lobby.id, &ann, 5).await;
    subject.done(lobby.id, &ann, LogCommand::Delete { message: all[4].id }).await;
    let (head, messages) = subject.history.snapshot(lobby.id, 3).await.unwrap().unwrap();
    assert_eq!((head.epoch, head.seq), (epoch, Seq(6)));
    assert_eq!(messages, all[1..4]);
    let (_, messages) = subject.history.snapshot(lobby.id, 100).await.unwrap().unwrap();
    assert_eq!(messages, all[..4]);
}

/// What lies after the cursor: messages that stand, and every other event; the deleted leave a gap.
pub async fn a_range_tells_what_stands_and_what_was_done(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let all = subject.post_many(lobby.id, &ann, 4).await;
    subject.done(lobby.id, &ann, LogCommand::Delete { message: all[1].id }).await;
    subject.post(lobby.id, &ann, "six").await;
    let told = async |since| seqs(&subject.event_range(lobby.id, Seq(since)).await.events);
    assert_eq!(told(0).await, [1, 3, 4, 5, 6]);
    assert_eq!(told(1).await, [3, 4, 5, 6], "whoever saw message 2 hears that it was deleted");
    assert_eq!(told(4).await, [5, 6]);
    assert_eq!(told(6).await, []);
    assert_eq!(told(1000).await, []);
    assert_eq!(subject.event_range(lobby.id, Seq(1000)).await.head.seq, Seq(6));
}

/// After a purge nothing of before is told, but the purge is.
pub async fn a_range_tells_a_purge_and_resurrects_nothing(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let bob = subject.user("bob").await;
    for author in [&ann, &bob, &ann, &bob] {
        subject.post(lobby.id, author, "hi").await;
    }
    subject.done(lobby.id, &ann, LogCommand::Purge { author: Some(Box::new(bob.clone())) }).await;
    subject.post(lobby.id, &bob, "back").await;
    assert_eq!(seqs(&subject.event_range(lobby.id, Seq::ZERO).await.events), [1, 3, 5, 6]);
    assert_eq!(seqs(&subject.event_range(lobby.id, Seq(3)).await.events), [5, 6]);
    subject.done(lobby.id, &ann, LogCommand::Purge { author: None }).await;
    assert_eq!(seqs(&subject.event_range(lobby.id, Seq::ZERO).await.events), [5, 7]);
}

/// A range that is cut holds the first events and says so; going on from its last one misses nothing.
pub async fn a_cut_range_goes_on_where_it_ended(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let all = subject.post_many(lobby.id, &ann, 6).await;
    subject.done(lobby.id, &ann, LogCommand::Delete { message: all[2].id }).await;
    let cut = async |since, limit| {
        let event_range = subject.history.event_range(lobby.id, Seq(since), limit).await.unwrap().unwrap();
        assert_eq!(event_range.head.seq, Seq(7));
        (seqs(&event_range.events), event_range.cut)
    };
    assert_eq!(cut(0, 3).await, (vec![1, 2, 4], true));
    assert_eq!(cut(4, 3).await, (vec![5, 6, 7], false));
    assert_eq!(cut(4, 2).await, (vec![5, 6], true));
    assert_eq!(cut(6, 2).await, (vec![7], false));
    assert_eq!(cut(0, 6).await, (vec![1, 2, 4, 5, 6, 7], false));
    assert_eq!(cut(0, 5).await, (vec![1, 2, 4, 5, 6], true));
}

/// A cut may fall among messages and events alike.
pub async fn a_cut_counts_events_and_messages_together(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let configure =
        LogCommand::Configure { change: Box::new(RoomChange { links: Some(false), ..RoomChange::default() }) };
    for _ in 0..4 {
        subject.post(lobby.id, &ann, "hi").await;
        subject.done(lobby.id, &ann, configure.clone()).await;
    }
    let mut since = Seq::ZERO;
    let mut walked = Vec::new();
    loop {
        let event_range = subject.history.event_range(lobby.id, since, 3).await.unwrap().unwrap();
        assert!(event_range.events.len() <= 3);
        walked.extend(seqs(&event_range.events));
        since = Seq(*walked.last().unwrap());
        if !event_range.cut {
            break;
        }
    }
    assert_eq!(walked, [1, 2, 3, 4, 5, 6, 7, 8]);
}

/// The ends of many logs in one question, each with its own epoch.
pub async fn heads_are_told_for_many_rooms(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let (other, bob) = subject.room("other", "bob").await;
    subject.room("unasked", "cid").await;
    subject.post_many(lobby.id, &ann, 3).await;
    subject.post(other.id, &bob, "hi").await;
    let asked = [other.id, RoomId(4_000_000), lobby.id, RoomId::SERVER];
    let mut heads = subject.history.heads(&asked).await.unwrap();
    heads.sort_by_key(|(room, _)| *room);
    let told: Vec<_> = heads.iter().map(|(room, head)| (*room, head.seq)).collect();
    assert_eq!(told, [(RoomId::SERVER, Seq(0)), (lobby.id, Seq(3)), (other.id, Seq(1))]);
    assert_ne!(heads[1].1.epoch, heads[2].1.epoch);
    assert_eq!(subject.history.heads(&[]).await.unwrap(), []);
}

/// Whether anything but messages was written since, for many logs in one question.
pub async fn logs_are_told_in_which_something_else_than_messages_was_written(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let (other, bob) = subject.room("other", "bob").await;
    let message = subject.post_many(lobby.id, &ann, 1).await[0].id;
    subject.done(lobby.id, &ann, LogCommand::Delete { message }).await;
    subject.post_many(lobby.id, &ann, 2).await;
    subject.post_many(other.id, &bob, 3).await;
    let asked = [(other.id, Seq(0)), (RoomId(4_000_000), Seq(0)), (lobby.id, Seq(1)), (RoomId::SERVER, Seq(0))];
    assert_eq!(subject.history.changed_since(&asked).await.unwrap(), [lobby.id]);
    assert_eq!(subject.history.changed_since(&[(lobby.id, Seq(2)), (other.id, Seq(3))]).await.unwrap(), []);
    assert_eq!(subject.history.changed_since(&[]).await.unwrap(), []);
}

/// All that a decision needs: the room, its head, the member, what was said last.
pub async fn access_is_all_that_a_decision_needs(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let (other, bob) = subject.room("other", "bob").await;
    subject.act_at(later(1), lobby.id, &ann, post(draft("one"))).await.unwrap();
    subject.act_at(later(2), lobby.id, &ann, post(draft("two"))).await.unwrap();
    subject.act_at(later(3), lobby.id, &bob, post(draft("three"))).await.unwrap();
    subject.act_at(later(4), other.id, &ann, post(draft("four"))).await.unwrap();
    let slow = RoomChange { slow_mode: Some(domain::model::time::Span::seconds(9)), ..RoomChange::default() };
    subject.done(lobby.id, &ann, LogCommand::Configure { change: Box::new(slow.clone()) }).await;

    let access = subject.history.access_context(&lobby.uid, Some(ann.id), None, later(5)).await.unwrap().unwrap();
    assert_eq!(access.room, slow.applied_to(lobby.clone()));
    assert_eq!(access.head, subject.history.heads(&[lobby.id]).await.unwrap()[0].1);
    assert_eq!(access.member, Some(Member { user: ann.clone(), room_rank: Some(Rank::Owner), site_rank: None }));
    assert_eq!((access.sanctions, access.last_post), (vec![], Some((later(2), body("two")))));

    let access = subject.history.access_context(&other.uid, Some(ann.id), None, later(5)).await.unwrap().unwrap();
    assert_eq!((access.member.unwrap().room_rank, access.last_post), (None, Some((later(4), body("four")))));
}

/// What was deleted still counts as said.
pub async fn the_last_post_in_an_access_may_be_deleted(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    subject.act_at(later(1), lobby.id, &ann, post(draft("one"))).await.unwrap();
    subject.act_at(later(2), lobby.id, &ann, post(draft("two"))).await.unwrap();
    subject.done(lobby.id, &ann, LogCommand::Purge { author: None }).await;
    let access = subject.history.access_context(&lobby.uid, Some(ann.id), None, later(5)).await.unwrap().unwrap();
    assert_eq!(access.last_post, Some((later(2), body("two"))));
}

/// A access without a user, with one who is gone, or of no room.
pub async fn access_may_be_nobodys(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let bob = subject.user("bob").await;
    subject.accounts.delete(bob.id, NOON).await.unwrap();
    for user in [None, Some(bob.id), Some(UserId(4_000_000))] {
        let access = subject.history.access_context(&lobby.uid, user, None, NOON).await.unwrap().unwrap();
        assert_eq!((access.room, access.member, access.last_post), (lobby.clone(), None, None));
        assert_eq!(access.sanctions, []);
    }
    let nowhere = RoomUid::parse("nowhere00000").unwrap();
    assert_eq!(subject.history.access_context(&nowhere, Some(ann.id), None, NOON).await.unwrap(), None);
}

/// Latest first, never a message, below the place where the last page ended.
pub async fn the_log_of_moderators_is_read_latest_first_in_pages(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let (other, olga) = subject.room("other", "olga").await;
    let bob = subject.user("bob").await;
    let message = subject.post(lobby.id, &bob, "spam").await;
    let to = subject.member(lobby.id, &bob).await;
    subject.done(lobby.id, &ann, LogCommand::Delete { message: message.id }).await;
    subject.done(lobby.id, &ann, give(&to, sanction(SanctionKind::Timeout, &bob, Some(later(60))))).await;
    subject.post(lobby.id, &ann, "order!").await;
    subject.done(lobby.id, &ann, LogCommand::Purge { author: Some(Box::new(bob.clone())) }).await;
    subject.done(other.id, &olga, LogCommand::Purge { author: None }).await;

    let mut published = subject.bus.events_of(lobby.id);
    published.retain(|event| !matches!(event.kind, EventKind::Posted(_)));
    published.reverse();
    let lines = subject.history.log(lobby.id, None, 10).await.unwrap();
    assert!(lines.iter().all(|line| line.actor == ann));
    assert_eq!(lines.into_iter().map(|line| line.event).collect::<Vec<_>>(), published);

    let page = async |before, limit| {
        let lines = subject.history.log(lobby.id, before, limit).await.unwrap();
        lines.iter().map(|line| line.event.seq.0).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 2).await, [5, 3]);
    assert_eq!(page(Some(Seq(3)), 2).await, [2]);
    assert_eq!(page(Some(Seq(2)), 2).await, []);
    assert_eq!(subject.history.log(RoomId(4_000_000), None, 10).await.unwrap(), []);
}

/// The rank that an old event tells is the one held after it, not today's.
pub async fn an_old_appointment_tells_the_rank_of_then(subject: Subject) {
    let (lobby, owner) = subject.room("lobby", "olive").await;
    let ann = subject.user("ann").await;
    for (action, room_rank) in [(ModerationAction::Mod, Some(Rank::Mod)), (ModerationAction::Unmod, None)] {
        let to = Member { user: ann.clone(), room_rank, site_rank: None };
        subject.done(lobby.id, &owner, LogCommand::Appoint { subject: Box::new(to), action }).await;
    }
    assert_eq!(subject.event_range(lobby.id, Seq::ZERO).await.events, subject.bus.events());
}

/// The messages of one author are paged like everybody's.
pub async fn one_authors_messages_are_paged(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let (other, bob) = subject.room("other", "bob").await;
    for (room, author, text) in [
        (lobby.id, &bob, "1"),
        (lobby.id, &ann, "2"),
        (lobby.id, &bob, "3"),
        (other.id, &bob, "elsewhere"),
        (lobby.id, &bob, "4"),
        (lobby.id, &ann, "5"),
    ] {
        subject.post(room, author, text).await;
    }
    let gone = subject.post(lobby.id, &bob, "gone").await;
    subject.done(lobby.id, &ann, LogCommand::Delete { message: gone.id }).await;
    for (from, limit, expected, more) in [
        (Position::End, 10, vec!["1", "3", "4"], false),
        (Position::End, 2, vec!["3", "4"], true),
        (Position::Before(Seq(3)), 2, vec!["1"], false),
        (Position::After(Seq(1)), 1, vec!["3"], true),
        (Position::After(Seq(3)), 5, vec!["4"], false),
    ] {
        let (page, beyond) = subject.history.messages_of(lobby.id, bob.id, from, limit).await.unwrap();
        assert_eq!((texts(&page), beyond), (expected.iter().map(|t| t.to_string()).collect(), more), "{from:?}");
    }
    let nobody = subject.history.messages_of(lobby.id, UserId(4_000_000), Position::End, 5).await.unwrap();
    assert_eq!(nobody, (Vec::new(), false));
}

/// What was done to one user, and nothing else: latest first, in pages.
pub async fn the_log_about_one_user_leaves_out_the_others(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let (bob, eve) = (subject.user("bob").await, subject.user("eve").await);
    let message = subject.post(lobby.id, &bob, "1").await;
    for user in [&bob, &eve] {
        let member = subject.member(lobby.id, user).await;
        subject.done(lobby.id, &ann, give(&member, sanction(SanctionKind::Timeout, user, None))).await;
    }
    subject.done(lobby.id, &ann, LogCommand::Delete { message: message.id }).await;
    subject.done(lobby.id, &ann, LogCommand::Purge { author: Some(Box::new(bob.clone())) }).await;
    subject.done(lobby.id, &ann, LogCommand::Purge { author: None }).await;
    let about = async |before: Option<Seq>, limit: usize| -> Vec<i64> {
        let lines = subject.history.log_about(lobby.id, bob.id, before, limit).await.unwrap();
        assert!(lines.iter().all(|line| line.actor == ann));
        lines.iter().map(|line| line.event.seq.0).collect()
    };
    assert_eq!(about(None, 10).await, [5, 2]);
    assert_eq!(about(None, 1).await, [5]);
    assert_eq!(about(Some(Seq(5)), 10).await, [2]);
    let nothing = subject.history.log_about(lobby.id, UserId(4_000_000), None, 10).await.unwrap();
    assert_eq!(nothing, []);
}
