//! Rooms and who keeps order in them.

use super::Subject;
use crate::builders::{self, NOON, frame_ancestor, later, room};
use domain::model::event::ModerationAction;
use domain::model::id::{RoomId, RoomUid, Seq, UserId};
use domain::model::rank::Rank;
use domain::model::room::{Head, Readers, Room, RoomChange, Rules};
use domain::model::text::Description;
use domain::model::time::Span;
use domain::model::user::{Member, User};
use domain::ports::log::LogCommand;

fn names(rooms: &[Room]) -> Vec<&str> {
    rooms.iter().map(|room| room.name.as_str()).collect()
}

/// Appointing `subject`, who holds the rank of `action` after it.
fn appoint(subject: &User, action: ModerationAction) -> LogCommand {
    let room_rank = action.room_rank().expect("a action that appoints");
    LogCommand::Appoint { subject: Box::new(Member { user: subject.clone(), room_rank, site_rank: None }), action }
}

/// What was made is what is found, with an empty log of its epoch.
pub async fn a_room_is_found_as_it_was_made(subject: Subject) {
    let ann = subject.user("ann").await;
    let new = room("Lobby 🦊 \"50%\"").about("it's _all_ \\ here").build(&ann);
    let made = subject.rooms.create(new.clone()).await.unwrap();
    let expected = Room {
        id: made.id,
        uid: new.uid,
        name: new.name,
        description: new.description,
        owner: ann.id,
        rules: Rules::default(),
        frame_ancestors: Vec::new(),
        site: None,
        pinned: None,
        created_at: new.created_at,
    };
    assert_eq!(made, expected);
    assert_eq!(subject.rooms.room(&made.uid).await.unwrap(), Some(made.clone()));
    assert_eq!(subject.rooms.room_by_id(made.id).await.unwrap(), Some(made.clone()));
    let head = Head { epoch: new.epoch, seq: Seq::ZERO };
    assert_eq!(subject.history.heads(&[made.id]).await.unwrap(), [(made.id, head)]);
    assert_eq!(subject.history.snapshot(made.id, 10).await.unwrap(), Some((head, Vec::new())));
    assert!(subject.bus.is_silent(), "making a room is no event");
}

/// Asking for no room is no failure, and the server's own log is no room.
pub async fn no_room_is_none(subject: Subject) {
    subject.room("lobby", "ann").await;
    let nowhere = RoomId(4_000_000);
    assert_eq!(subject.rooms.room(&RoomUid::parse("nowhere00000").unwrap()).await.unwrap(), None);
    assert_eq!(subject.rooms.room_by_id(nowhere).await.unwrap(), None);
    assert_eq!(subject.rooms.room_by_id(RoomId::SERVER).await.unwrap(), None);
    assert_eq!(subject.rooms.appointed(nowhere).await.unwrap(), []);
    assert_eq!(subject.history.snapshot(nowhere, 10).await.unwrap(), None);
    assert_eq!(subject.history.event_range(nowhere, Seq::ZERO, 10).await.unwrap(), None);
    assert_eq!(subject.history.heads(&[nowhere]).await.unwrap(), []);
}

/// Two rooms may share a name: the uid tells them apart.
pub async fn rooms_may_share_a_name(subject: Subject) {
    let (first, ann) = subject.room("lobby", "ann").await;
    let second = room("lobby").create(&*subject.rooms, &ann).await;
    assert_ne!(first.uid, second.uid);
    assert_eq!(subject.rooms.room(&first.uid).await.unwrap(), Some(first));
    assert_eq!(subject.rooms.room(&second.uid).await.unwrap(), Some(second));
}

/// By id, above the place where the last page ended; an owner's alone, or all.
pub async fn rooms_are_listed_by_id_in_pages(subject: Subject) {
    let (ann, bob) = (subject.user("ann").await, subject.user("bob").await);
    for (name, owner) in [("c", &ann), ("a", &bob), ("d", &ann), ("b", &ann)] {
        room(name).create(&*subject.rooms, owner).await;
    }
    let all = subject.rooms.list(None, RoomId::SERVER, 10).await.unwrap();
    assert_eq!(names(&all), ["c", "a", "d", "b"]);
    assert_eq!(names(&subject.rooms.list(None, all[0].id, 2).await.unwrap()), ["a", "d"]);
    let first = subject.rooms.list(Some(ann.id), RoomId::SERVER, 2).await.unwrap();
    assert_eq!(names(&first), ["c", "d"]);
    assert_eq!(names(&subject.rooms.list(Some(ann.id), first[1].id, 2).await.unwrap()), ["b"]);
    assert_eq!(subject.rooms.list(Some(UserId(4_000_000)), RoomId::SERVER, 2).await.unwrap(), []);
}

/// Highest rank first, then by folded name, byte by byte: whatever the database's language.
pub async fn the_appointed_are_ordered_by_rank_and_name(subject: Subject) {
    let (lobby, owner) = subject.room("lobby", "zoe").await;
    for (name, action) in [
        ("ab3", ModerationAction::Mod),
        ("a_b2", ModerationAction::Mod),
        ("Bob", ModerationAction::Mod),
        ("a-b1", ModerationAction::Mod),
        ("aaron", ModerationAction::Vip),
        ("cid", ModerationAction::Mod),
    ] {
        let user = subject.user(name).await;
        subject.done(lobby.id, &owner, appoint(&user, action)).await;
    }
    let appointed = subject.rooms.appointed(lobby.id).await.unwrap();
    let lines: Vec<_> = appointed.iter().map(|m| (m.user.display_name.as_str(), m.room_rank.unwrap())).collect();
    assert_eq!(
        lines,
        [
            ("zoe", Rank::Owner),
            ("a-b1", Rank::Mod),
            ("a_b2", Rank::Mod),
            ("ab3", Rank::Mod),
            ("Bob", Rank::Mod),
            ("cid", Rank::Mod),
            ("aaron", Rank::Vip),
        ]
    );
}

/// A rank is set, changed and taken away, each by an event that carries the rank held after it.
pub async fn a_rank_is_given_and_taken(subject: Subject) {
    let (lobby, owner) = subject.room("lobby", "olive").await;
    let (other, _) = subject.room("other", "olga").await;
    let ann = subject.user("ann").await;
    for (action, rank) in [
        (ModerationAction::Vip, Some(Rank::Vip)),
        (ModerationAction::Mod, Some(Rank::Mod)),
        (ModerationAction::Unmod, None),
        (ModerationAction::Vip, Some(Rank::Vip)),
        (ModerationAction::Unvip, None),
    ] {
        let event = subject.done(lobby.id, &owner, appoint(&ann, action)).await;
        let after = Member { user: ann.clone(), room_rank: rank, site_rank: None };
        assert_eq!(subject.member(lobby.id, &ann).await, after, "{action:?}");
        let domain::model::event::EventKind::Moderated { subject: told, action: what, until, .. } = event.kind else {
            panic!("an appointment is a moderation: {event:?}")
        };
        assert_eq!((*told, what, until), (after, action, None));
    }
    subject.done(lobby.id, &owner, appoint(&ann, ModerationAction::Mod)).await;
    assert_eq!(subject.member(other.id, &ann).await.room_rank, None, "a rank holds in its room only");
    assert_eq!(subject.member(RoomId::SERVER, &ann).await.room_rank, None);
}

/// Each with the rank held there, by id; nobody is listed who is gone.
pub async fn members_are_told_with_their_ranks_by_id(subject: Subject) {
    let (lobby, owner) = subject.room("lobby", "olive").await;
    let (ann, bob, cid) = (subject.user("ann").await, subject.user("bob").await, subject.guest("cid").await);
    subject.done(lobby.id, &owner, appoint(&ann, ModerationAction::Mod)).await;
    subject.accounts.delete(bob.id, NOON).await.unwrap();
    let asked = [cid.id, UserId(4_000_000), bob.id, ann.id, owner.id];
    let members = subject.rooms.members(lobby.id, &asked).await.unwrap();
    let expected = [(owner, Some(Rank::Owner)), (ann, Some(Rank::Mod)), (cid, None)].map(|(user, room_rank)| Member {
        user,
        room_rank,
        site_rank: None,
    });
    assert_eq!(members, expected);
    assert_eq!(subject.rooms.members(lobby.id, &[]).await.unwrap(), []);
}

/// Whoever was deleted keeps order no more.
pub async fn a_deleted_moderator_is_not_listed(subject: Subject) {
    let (lobby, owner) = subject.room("lobby", "olive").await;
    let ann = subject.user("ann").await;
    subject.done(lobby.id, &owner, appoint(&ann, ModerationAction::Mod)).await;
    subject.accounts.delete(ann.id, NOON).await.unwrap();
    let appointed = subject.rooms.appointed(lobby.id).await.unwrap();
    assert_eq!(appointed.iter().map(|m| m.user.id).collect::<Vec<_>>(), [owner.id]);
}

/// Settings change alone or together, and the event carries the room as it is after them.
pub async fn settings_change_and_the_rest_stays(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let site = builders::site("Example", &ann).create(&*subject.sites).await;
    let slow = RoomChange { slow_mode: Some(Span::seconds(30)), ..RoomChange::default() };
    let rest = RoomChange {
        name: Some(crate::builders::room_name("Café 'Ω' 100%_")),
        description: Some(Description::parse("back\\slash \"and\" 🦊").unwrap()),
        max_length: Some(200),
        max_lines: Some(3),
        links: Some(false),
        readers: Some(Readers::Members),
        frame_ancestors: Some(vec![frame_ancestor("https://*.example.org"), frame_ancestor("http://localhost:3000")]),
        site: Some(Some(site.uid.clone())),
        ..RoomChange::default()
    };
    let mut expected = lobby.clone();
    for change in [slow, rest] {
        expected = change.applied_to(expected);
        let event = subject.done(lobby.id, &ann, LogCommand::Configure { change: Box::new(change) }).await;
        assert_eq!(event.kind, domain::model::event::EventKind::Configured(Box::new(expected.clone())));
        assert_eq!(subject.rooms.room(&lobby.uid).await.unwrap(), Some(expected.clone()));
    }
    assert_eq!((expected.frame_ancestors.len(), &expected.site), (2, &Some(site.uid)));
    assert_eq!(
        expected.rules,
        Rules { slow_mode: Span::seconds(30), max_length: 200, max_lines: 3, links: false, readers: Readers::Members }
    );
    let read = subject.event_range(lobby.id, Seq(1)).await.events.pop().unwrap();
    assert_eq!(read.kind, domain::model::event::EventKind::Configured(Box::new(expected)));
}

/// A closed room is found no more, by no way; its last event says so to those who were there.
pub async fn a_closed_room_is_gone(subject: Subject) {
    let (lobby, ann) = subject.room("lobby", "ann").await;
    let other = room("other").create(&*subject.rooms, &ann).await;
    let message = subject.post(lobby.id, &ann, "hi").await;
    let actor = subject.member(lobby.id, &ann).await;
    let closed = subject.done(lobby.id, &ann, LogCommand::Close).await;
    assert_eq!((closed.seq, closed.kind.clone()), (Seq(2), domain::model::event::EventKind::Closed));

    assert_eq!(subject.rooms.room(&lobby.uid).await.unwrap(), None);
    assert_eq!(subject.rooms.room_by_id(lobby.id).await.unwrap(), None);
    assert_eq!(names(&subject.rooms.list(None, RoomId::SERVER, 10).await.unwrap()), ["other"]);
    assert_eq!(names(&subject.rooms.list(Some(ann.id), RoomId::SERVER, 10).await.unwrap()), ["other"]);
    assert_eq!(subject.history.access_context(&lobby.uid, Some(ann.id), None, later(1)).await.unwrap(), None);
    assert_eq!(subject.history.snapshot(lobby.id, 10).await.unwrap(), None);
    let heads = subject.history.heads(&[lobby.id, other.id]).await.unwrap();
    assert_eq!(heads.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [other.id]);
    let rest = subject.event_range(lobby.id, message.seq).await;
    assert_eq!((rest.head.seq, rest.events), (Seq(2), vec![closed]));

    for command in [
        crate::builders::post(crate::builders::draft("hello?")),
        LogCommand::Delete { message: message.id },
        LogCommand::Purge { author: None },
        LogCommand::Configure { change: Box::new(RoomChange { links: Some(false), ..RoomChange::default() }) },
        appoint(&ann, ModerationAction::Vip),
        LogCommand::Close,
    ] {
        let refused = subject.log.append(crate::builders::entry(lobby.id, &actor, command.clone())).await;
        assert!(matches!(refused, Err(domain::ports::log::AppendError::RoomGone)), "{command:?} gave {refused:?}");
    }
    assert_eq!(subject.bus.seqs_of(lobby.id), [Seq(1), Seq(2)]);
}
