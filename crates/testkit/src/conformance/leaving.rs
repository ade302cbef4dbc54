//! What stays of those who leave, and for how long.

use super::Subject;
use super::races::race;
use crate::builders::{NOON, draft, give, later, post, room, sanction, user};
use domain::model::event::{EventKind, ModerationAction};
use domain::model::id::{RoomId, RoomUid, UserId};
use domain::model::name::RESERVED_FOR;
use domain::model::rank::Rank;
use domain::model::sanction::SanctionKind;
use domain::model::time::Span;
use domain::model::user::{Member, User};
use domain::ports::bus::Notice;
use domain::ports::log::{AppendError, AppendResult, LogCommand, LogEntry};
use domain::ports::store::{Deletion, StoreError};

/// The names of a deleted account, and all that look like them, are given to nobody until they are free again.
pub async fn a_deleted_accounts_name_is_reserved(subject: Subject) {
    let ann = subject.user("ann").await;
    subject.accounts.delete(ann.id, NOON).await.unwrap();
    let taken = async |name: &str| {
        let made = subject.accounts.create(user(name).build()).await;
        matches!(made, Err(StoreError::NameTaken))
    };
    assert!(taken("ann").await && taken("Ann").await);
    let end = NOON + RESERVED_FOR;
    assert_eq!(subject.accounts.free_names(end, 10).await.unwrap(), 0, "the last instant is not over yet");
    assert!(taken("ann").await);
    assert!(subject.accounts.free_names(end + Span::millis(1), 10).await.unwrap() > 0);
    assert_eq!(subject.accounts.free_names(end + Span::millis(1), 10).await.unwrap(), 0);
    assert!(!taken("ann").await);
}

/// The name of a guest who was deleted is free at once; so is one that somebody gave up.
pub async fn other_names_are_free_at_once(subject: Subject) {
    let guest = subject.guest("wren").await;
    subject.accounts.delete(guest.id, NOON).await.unwrap();
    subject.accounts.create(user("wren").build()).await.unwrap();
}

/// A guest of whom nothing is left is removed; whoever wrote, was sanctioned, holds a rank, owns a room, is in the log, is
/// logged in or is new stays.
pub async fn guests_of_whom_nothing_is_left_are_forgotten(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let guest = async |name: &str| subject.accounts.guest(name, user(name).guest().build()).await.unwrap();
    let idle = [guest("idle1").await, guest("idle2").await, guest("idle3").await];
    let (wrote, banned, vip) = (guest("wrote").await, guest("banned").await, guest("vip").await);
    let (owner, purged, logged_in) = (guest("maker").await, guest("purged").await, guest("logged").await);
    let message = subject.post(lobby.id, &wrote, "hi").await;
    subject.done(lobby.id, &ann, LogCommand::Delete { message: message.id }).await;
    let to = subject.member(lobby.id, &banned).await;
    subject.done(lobby.id, &ann, give(&to, sanction(SanctionKind::Ban, &banned, Some(later(1))))).await;
    let to = Member { user: vip.clone(), room_rank: Some(Rank::Vip), site_rank: None };
    subject.done(lobby.id, &ann, LogCommand::Appoint { subject: Box::new(to), action: ModerationAction::Vip }).await;
    room("theirs").create(&*subject.rooms, &owner).await;
    subject.done(lobby.id, &ann, LogCommand::Purge { author: Some(Box::new(purged.clone())) }).await;
    subject.accounts.open_session(logged_in.id, NOON, later(100)).await.unwrap();
    subject.accounts.open_session(idle[0].id, NOON, later(50)).await.unwrap();
    let new = subject.accounts.guest("new", user("new").guest().made_at(later(60)).build()).await.unwrap();

    let account = subject.user("leaver").await;
    subject.accounts.delete(account.id, NOON).await.unwrap();
    let sweep = async || {
        let (mut forgotten, mut after, mut rounds) = (0, Some(UserId(0)), 0);
        while let Some(from) = after {
            let (some, next) = subject.accounts.forget_guests(later(60), later(60), from, 4).await.unwrap();
            (forgotten, after, rounds) = (forgotten + some, next, rounds + 1);
            assert!(rounds < 10, "it comes to an end");
        }
        forgotten
    };
    assert_eq!(sweep().await, idle.len());
    for gone in &idle {
        assert_eq!(subject.accounts.user(gone.id).await.unwrap(), None);
        assert!(subject.accounts.user_ever(&gone.uid).await.unwrap().is_some(), "a message may be under way");
    }
    let told: Vec<Notice> = idle.iter().map(|gone| Notice::UserDeleted(gone.id)).collect();
    assert_eq!(subject.bus.notices()[1..], told);
    assert_eq!(sweep().await, 0);
    for gone in &idle {
        assert_eq!(subject.accounts.user_ever(&gone.uid).await.unwrap(), None);
    }
    let left = subject.accounts.user_ever(&account.uid).await.unwrap();
    assert!(left.is_some(), "an account goes after its name");
    for kept in [wrote, banned, vip, owner, purged, logged_in, new, ann] {
        assert_eq!(subject.accounts.user(kept.id).await.unwrap().map(|user| user.id), Some(kept.id));
    }
    subject.accounts.create(user("idle1").build()).await.unwrap();
    let again = subject.accounts.guest("idle2", user("idle2").guest().build()).await.unwrap();
    assert_ne!(again.id, idle[1].id, "a new guest");
}

/// Rooms of guests in which nothing was ever written are told, in pages; those of accounts, new ones and used ones are not.
pub async fn unused_rooms_of_guests_are_told(subject: Subject) {
    let (written, _) = subject.room("written", "ann").await;
    let guest = subject.guest("wren").await;
    let mut empty = Vec::new();
    for name in ["one", "two", "three"] {
        empty.push(room(name).create(&*subject.rooms, &guest).await.id);
    }
    let full = room("full").create(&*subject.rooms, &guest).await;
    let message = subject.post(full.id, &guest, "hi").await;
    subject.done(full.id, &guest, LogCommand::Delete { message: message.id }).await;
    let told = async |at, after, limit| {
        let rooms = subject.rooms.unused_rooms_of_guests(at, after, limit).await.unwrap();
        rooms.into_iter().map(|room| room.id).collect::<Vec<RoomId>>()
    };
    assert_eq!(told(later(1), RoomId::SERVER, 2).await, empty[..2]);
    assert_eq!(told(later(1), empty[1], 2).await, empty[2..]);
    assert_eq!(told(NOON, RoomId::SERVER, 10).await, [], "they are as old as that");
    assert!(!told(later(1), RoomId::SERVER, 10).await.contains(&written.id));
    subject.done(empty[0], &guest, LogCommand::Close).await;
    assert_eq!(told(later(1), RoomId::SERVER, 10).await, empty[1..]);
}

fn hand_over(from: &User) -> LogCommand {
    LogCommand::HandOver { from: Box::new(from.clone()) }
}

async fn appointed(subject: &Subject, room: RoomId, owner: &User, name: &str) -> User {
    let user = subject.user(name).await;
    let to = Member { user: user.clone(), room_rank: Some(Rank::Mod), site_rank: None };
    subject.done(room, owner, LogCommand::Appoint { subject: Box::new(to), action: ModerationAction::Mod }).await;
    user
}

async fn owner_of(subject: &Subject, room: &RoomUid) -> Option<UserId> {
    subject.rooms.room(room).await.unwrap().map(|room| room.owner)
}

/// A room passes to the moderator with the oldest account, who is told as its owner; the one before holds no rank there.
pub async fn a_room_is_handed_over_whole(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let bob = appointed(&subject, lobby.id, &ann, "bob").await;
    let eve = appointed(&subject, lobby.id, &ann, "eve").await;
    let event = subject.done(lobby.id, &ann, hand_over(&ann)).await;
    let owner = Member { user: bob.clone(), room_rank: Some(Rank::Owner), site_rank: None };
    let expected = EventKind::Moderated {
        subject: Box::new(owner.clone()),
        action: ModerationAction::Mod,
        until: None,
        reason: String::new(),
    };
    assert_eq!(event.kind, expected);
    let left = Member { user: eve, room_rank: Some(Rank::Mod), site_rank: None };
    assert_eq!(subject.rooms.appointed(lobby.id).await.unwrap(), [owner, left]);
    let listed = subject.rooms.list(Some(bob.id), RoomId::SERVER, 10).await.unwrap();
    assert_eq!(listed.iter().map(|room| (room.id, room.owner)).collect::<Vec<_>>(), [(lobby.id, bob.id)]);
    assert_eq!(subject.rooms.list(Some(ann.id), RoomId::SERVER, 10).await.unwrap(), []);
}

/// A room that was handed over is not handed over, nor closed, once more in the name of who owned it before.
pub async fn a_room_is_handed_over_once(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let bob = appointed(&subject, lobby.id, &ann, "bob").await;
    let actor = subject.member(lobby.id, &ann).await;
    let answers = race(8, |_| {
        let (log, actor, command) = (subject.log.clone(), actor.clone(), hand_over(&ann));
        async move { log.append(LogEntry { room: lobby.id, actor, at: NOON, command }).await }
    })
    .await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
    assert_eq!(owner_of(&subject, &lobby.uid).await, Some(bob.id));
    // As after reading who ann is by now: no longer of any rank there.
    let again = subject.act(lobby.id, &ann, hand_over(&ann)).await;
    assert!(matches!(again, Err(AppendError::Missing)), "{again:?}");
    assert_eq!(owner_of(&subject, &lobby.uid).await, Some(bob.id));
}

/// Nobody who is banned or gone gets a room; without anybody else it closes. A ban there keeps no owner from leaving.
pub async fn a_room_passes_to_nobody_who_is_banned_or_gone(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let gone = appointed(&subject, lobby.id, &ann, "gone").await;
    let banned = appointed(&subject, lobby.id, &ann, "banned").await;
    let eve = appointed(&subject, lobby.id, &ann, "eve").await;
    subject.accounts.delete(gone.id, NOON).await.unwrap();
    let root = user("boss").rank(Rank::Admin).create(&*subject.accounts).await;
    for one in [&banned, &ann] {
        let to = subject.member(lobby.id, one).await;
        subject.done(lobby.id, &root, give(&to, sanction(SanctionKind::Ban, one, None))).await;
    }
    subject.done(lobby.id, &ann, hand_over(&ann)).await;
    assert_eq!(owner_of(&subject, &lobby.uid).await, Some(eve.id));
    let event = subject.done(lobby.id, &eve, hand_over(&eve)).await;
    assert_eq!((event.kind, owner_of(&subject, &lobby.uid).await), (EventKind::Closed, None));
    let late = subject.act(lobby.id, &root, LogCommand::Purge { author: None }).await;
    assert!(matches!(late, Err(AppendError::RoomGone)), "{late:?}");
}

/// Whoever owns an open room is not erased; a closed one keeps nobody.
pub async fn an_owner_is_erased_after_the_last_room_only(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    assert_eq!(subject.accounts.delete(ann.id, NOON).await.unwrap(), Deletion::OwnsRooms);
    assert_eq!(subject.accounts.user(ann.id).await.unwrap().map(|user| user.id), Some(ann.id));
    subject.done(lobby.id, &ann, hand_over(&ann)).await;
    assert_eq!(subject.accounts.delete(ann.id, NOON).await.unwrap(), Deletion::Done);
}

/// The owner hands over while the only moderator leaves, round after round: the room has an owner who is there, or is closed.
pub async fn no_room_is_left_to_somebody_who_is_gone(subject: Subject) {
    for round in 0..12 {
        let (lobby, ann) = subject.room(&format!("room {round}"), &format!("ann{round}")).await;
        let bob = appointed(&subject, lobby.id, &ann, &format!("bob{round}")).await;
        let actor = subject.member(lobby.id, &ann).await;
        race(2, |runner| {
            let (subject, actor, command) = (subject.clone(), actor.clone(), hand_over(&ann));
            async move {
                if runner == 0 {
                    let entry = LogEntry { room: lobby.id, actor, at: NOON, command };
                    subject.log.append(entry).await.map(|_: AppendResult| ()).unwrap();
                } else {
                    subject.accounts.delete(bob.id, NOON).await.unwrap();
                }
            }
        })
        .await;
        if let Some(owner) = owner_of(&subject, &lobby.uid).await {
            assert!(subject.accounts.user(owner).await.unwrap().is_some(), "round {round}");
        }
    }
}

/// A room in which something was ever written is not closed as unused, deleted or not, and nothing is written after.
pub async fn only_a_room_that_nobody_used_is_closed_as_unused(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let message = subject.post(lobby.id, &ann, "hi").await;
    subject.done(lobby.id, &ann, LogCommand::Delete { message: message.id }).await;
    let refused = subject.act(lobby.id, &ann, LogCommand::CloseUnused).await;
    assert!(matches!(refused, Err(AppendError::Missing)), "{refused:?}");
    for round in 0..8 {
        let room = room(&format!("room {round}")).create(&*subject.rooms, &ann).await;
        let actor = subject.member(room.id, &ann).await;
        let answers = race(2, |runner| {
            let (log, actor) = (subject.log.clone(), actor.clone());
            let command = if runner == 0 { LogCommand::CloseUnused } else { post(draft("hi")) };
            async move { log.append(LogEntry { room: room.id, actor, at: NOON, command }).await.is_ok() }
        })
        .await;
        assert_ne!(answers[0], answers[1], "round {round}: closed, or written in");
    }
}
