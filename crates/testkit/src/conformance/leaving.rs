//! What stays of those who leave, and for how long.

use super::Subject;
use crate::builders::{NOON, give, later, room, sanction, user};
use domain::model::event::{EventKind, ModerationAction};
use domain::model::id::{RoomId, UserId};
use domain::model::name::RESERVED_FOR;
use domain::model::rank::Rank;
use domain::model::sanction::SanctionKind;
use domain::model::time::Span;
use domain::model::user::Member;
use domain::ports::log::LogCommand;
use domain::ports::store::StoreError;

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
    let to = Member { user: vip.clone(), room_rank: Some(Rank::Vip) };
    subject.done(lobby.id, &ann, LogCommand::Appoint { subject: Box::new(to), action: ModerationAction::Vip }).await;
    room("theirs").create(&*subject.rooms, &owner).await;
    subject.done(lobby.id, &ann, LogCommand::Purge { author: Some(Box::new(purged.clone())) }).await;
    subject.accounts.open_session(logged_in.id, NOON, later(100)).await.unwrap();
    subject.accounts.open_session(idle[0].id, NOON, later(50)).await.unwrap();
    let new = subject.accounts.guest("new", user("new").guest().made_at(later(60)).build()).await.unwrap();

    let (mut forgotten, mut after, mut rounds) = (0, Some(UserId(0)), 0);
    while let Some(from) = after {
        let (some, next) = subject.accounts.forget_guests(later(60), later(60), from, 4).await.unwrap();
        (forgotten, after, rounds) = (forgotten + some, next, rounds + 1);
        assert!(rounds < 10, "it comes to an end");
    }
    assert_eq!(forgotten, idle.len());
    for gone in &idle {
        assert_eq!(subject.accounts.user_ever(&gone.uid).await.unwrap(), None);
    }
    for kept in [wrote, banned, vip, owner, purged, logged_in, new, ann] {
        assert_eq!(subject.accounts.user(kept.id).await.unwrap().map(|user| user.id), Some(kept.id));
    }
    subject.accounts.create(user("idle1").build()).await.unwrap();
    let again = subject.accounts.guest("idle2", user("idle2").guest().build()).await.unwrap();
    assert_ne!(again.id, idle[1].id, "a new guest");
}

/// Rooms that guests made and in which nothing stands are told, in pages; those of accounts and new ones are not.
pub async fn empty_rooms_of_guests_are_told(subject: Subject) {
    let (written, _) = subject.room("written", "ann").await;
    let guest = subject.guest("wren").await;
    let mut empty = Vec::new();
    for name in ["one", "two", "three"] {
        empty.push(room(name).create(&*subject.rooms, &guest).await.id);
    }
    let full = room("full").create(&*subject.rooms, &guest).await;
    subject.post(full.id, &guest, "hi").await;
    let told = async |at, after, limit| {
        let rooms = subject.rooms.empty_rooms_of_guests(at, after, limit).await.unwrap();
        rooms.into_iter().map(|room| room.id).collect::<Vec<RoomId>>()
    };
    assert_eq!(told(later(1), RoomId::SERVER, 2).await, empty[..2]);
    assert_eq!(told(later(1), empty[1], 2).await, empty[2..]);
    assert_eq!(told(NOON, RoomId::SERVER, 10).await, [], "they are as old as that");
    assert!(!told(later(1), RoomId::SERVER, 10).await.contains(&written.id));
    subject.done(empty[0], &guest, LogCommand::Close).await;
    assert_eq!(told(later(1), RoomId::SERVER, 10).await, empty[1..]);
}

/// A room that is handed over has one owner, who is told as such; the one before holds no rank there.
pub async fn a_room_is_handed_over_whole(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let bob = subject.user("bob").await;
    let to = Member { user: bob.clone(), room_rank: Some(Rank::Mod) };
    subject.done(lobby.id, &ann, LogCommand::Appoint { subject: Box::new(to), action: ModerationAction::Mod }).await;
    let to = subject.member(lobby.id, &bob).await;
    let event = subject.done(lobby.id, &ann, LogCommand::Transfer { to: Box::new(to) }).await;
    let owner = Member { user: bob.clone(), room_rank: Some(Rank::Owner) };
    let expected = EventKind::Moderated {
        subject: Box::new(owner.clone()),
        action: ModerationAction::Mod,
        until: None,
        reason: String::new(),
    };
    assert_eq!(event.kind, expected);
    assert_eq!(subject.rooms.appointed(lobby.id).await.unwrap(), [owner]);
    let listed = subject.rooms.list(Some(bob.id), RoomId::SERVER, 10).await.unwrap();
    assert_eq!(listed.iter().map(|room| (room.id, room.owner)).collect::<Vec<_>>(), [(lobby.id, bob.id)]);
    assert_eq!(subject.rooms.list(Some(ann.id), RoomId::SERVER, 10).await.unwrap(), []);
}
