//! Making, changing, entering and closing rooms, and who keeps order in them.

mod support;

use domain::model::event::{EventKind, ModerationAction};
use domain::model::id::{RoomId, RoomUid, Seq};
use domain::model::rank::Rank;
use domain::model::sanction::SanctionKind;
use domain::model::time::{Duration, Span};
use domain::policy::Denied;
use domain::ports::effects::Quota;
use domain::ports::readers::Position;
use domain::service::error::{Error, RateLimitKind, Resource};
use domain::service::rooms::RoomEdit;
use domain::service::{Caller, Settings};
use support::{SETTINGS, World, seconds};
use testkit::faulty::Fault;

fn slow(seconds: i64) -> RoomEdit {
    RoomEdit { slow_mode: Some(seconds), ..RoomEdit::default() }
}

fn called(name: &str) -> RoomEdit {
    RoomEdit { name: Some(name.to_owned()), ..RoomEdit::default() }
}

async fn appoint(
    world: &World,
    by: &Caller,
    room: &RoomUid,
    whom: &Caller,
    action: ModerationAction,
) -> Result<(), Error> {
    world.services.rooms.appoint(by, room, &whom.user.uid, action).await.map(|_| ())
}

#[tokio::test]
async fn whoever_makes_a_room_owns_it() {
    let world = World::new();
    let guest = world.guest("a").await;
    let room = world.services.rooms.create(&guest, " My room 🦊 ", "about foxes", None).await.unwrap();
    assert_eq!((room.name.as_str(), room.description.as_str()), ("My room 🦊", "about foxes"));
    let owners = world.services.rooms.moderators(None, &room.uid).await.unwrap();
    assert_eq!(
        owners.iter().map(|m| (m.user.id, m.room_rank)).collect::<Vec<_>>(),
        [(guest.user.id, Some(Rank::Owner))]
    );
    assert_eq!(world.services.rooms.room(&room.uid).await.unwrap(), room);
}

#[tokio::test]
async fn who_makes_rooms_is_a_setting() {
    for (least, rank) in [(Rank::Registered, Rank::Guest), (Rank::Admin, Rank::Registered)] {
        let world = World::with(Settings { room_creation: least, ..SETTINGS });
        let caller = if rank == Rank::Guest { world.guest("a").await } else { world.person("ann").await };
        refused!(world.services.rooms.create(&caller, "lobby", "", None).await, Error::Denied(Denied::Rank { least: l }) if l == least);
        let admin = world.ranked("adam", Rank::Admin).await;
        world.services.rooms.create(&admin, "lobby", "", None).await.unwrap();
    }
}

#[tokio::test]
async fn a_room_without_a_name_is_refused() {
    let world = World::new();
    let ann = world.person("ann").await;
    let long = "x".repeat(101);
    for bad in ["", "  ", "\u{200b}", "a\nb", &long] {
        refused!(world.services.rooms.create(&ann, bad, "", None).await, Error::Invalid(invalid) if invalid.field == "name");
    }
    let long = "x".repeat(501);
    refused!(world.services.rooms.create(&ann, "lobby", &long, None).await, Error::Invalid(i) if i.field == "description");
}

#[tokio::test]
async fn too_many_rooms_wait_and_bad_names_do_not_count() {
    let world = World::limited();
    let ann = world.person("ann").await;
    refused!(world.services.rooms.create(&ann, "", "", None).await, Error::Invalid(_));
    for _ in 0..10 {
        world.room(&ann).await;
    }
    refused!(
        world.services.rooms.create(&ann, "lobby", "", None).await,
        Error::TooFast { pace: RateLimitKind::Other, .. }
    );
    assert_eq!(world.limiter.total(Quota::CreateRoom), 11);
}

#[tokio::test]
async fn one_lists_ones_own_rooms_and_an_admin_all() {
    let world = World::new();
    let (ann, bob, admin) =
        (world.person("ann").await, world.person("bob").await, world.ranked("adam", Rank::Admin).await);
    let (first, second) = (world.room(&ann).await, world.room(&bob).await);
    let list = async |caller: &Caller| -> Vec<RoomUid> {
        let rooms = world.services.rooms.list(caller, RoomId::SERVER, 10).await.unwrap();
        rooms.into_iter().map(|room| room.uid).collect()
    };
    assert_eq!(list(&ann).await, std::slice::from_ref(&first));
    assert_eq!(list(&admin).await, [first, second]);
}

#[tokio::test]
async fn an_owner_changes_settings_a_moderator_only_the_slow_mode() {
    let world = World::new();
    let owner = world.person("olive").await;
    let room = world.room(&owner).await;
    for (number, (rank, caller)) in world.ranks(&owner, &room).await.into_iter().enumerate() {
        let number = i64::try_from(number).unwrap();
        let configure = async |edit| world.services.rooms.configure(&caller, &room, edit).await.map(|_| ());
        let both = RoomEdit { slow_mode: Some(100 + number), ..called("both") };
        for (edit, least) in [
            (slow(10 + number), Rank::Mod),
            (called(&format!("by {rank:?}")), Rank::Owner),
            (both, Rank::Owner),
            (RoomEdit { links: Some(number % 2 == 0), ..RoomEdit::default() }, Rank::Owner),
        ] {
            let result = configure(edit.clone()).await;
            // A super_mod may what a mod may, in every room: no more.
            let allowed = rank >= least && (least == Rank::Mod || rank != Rank::SuperMod);
            assert_eq!(result.is_ok(), allowed, "{edit:?} by {rank:?}: {result:?}");
        }
    }
}

#[tokio::test]
async fn a_moderator_of_every_room_owns_its_own() {
    let world = World::new();
    let super_mod = world.ranked("super_", Rank::SuperMod).await;
    let (room, ann) = (world.room(&super_mod).await, world.person("ann").await);
    world.services.rooms.configure(&super_mod, &room, called("mine")).await.unwrap();
    appoint(&world, &super_mod, &room, &ann, ModerationAction::Mod).await.unwrap();
    world.services.rooms.close(&super_mod, &room).await.unwrap();
}

#[tokio::test]
async fn settings_out_of_range_are_refused() {
    let world = World::new();
    let owner = world.person("olive").await;
    let room = world.room(&owner).await;
    let length = |max_length| RoomEdit { max_length: Some(max_length), ..RoomEdit::default() };
    for (edit, field) in [
        (slow(-1), "slow_mode"),
        (slow(86_401), "slow_mode"),
        (slow(i64::MAX), "slow_mode"),
        (length(0), "max_length"),
        (length(501), "max_length"),
        (length(i64::MIN), "max_length"),
        (called(""), "name"),
    ] {
        refused!(world.services.rooms.configure(&owner, &room, edit).await, Error::Invalid(i) if i.field == field);
    }
    for edit in [slow(0), slow(86_400), length(1), length(500)] {
        world.services.rooms.configure(&owner, &room, edit).await.unwrap();
    }
}

#[tokio::test]
async fn a_change_is_one_event_and_no_change_none() {
    let world = World::new();
    let owner = world.person("olive").await;
    let room = world.room(&owner).await;
    let edit = RoomEdit { links: Some(false), ..slow(5) };
    let changed = world.services.rooms.configure(&owner, &room, edit.clone()).await.unwrap();
    assert_eq!((changed.rules.slow_mode, changed.rules.links), (Span::seconds(5), false));
    assert_eq!(world.bus.drain(), [EventKind::Configured(Box::new(changed.clone()))]);
    assert_eq!(world.services.rooms.configure(&owner, &room, edit).await.unwrap(), changed);
    assert_eq!(world.services.rooms.configure(&owner, &room, RoomEdit::default()).await.unwrap(), changed);
    assert!(world.bus.is_silent());
    assert_eq!(world.head(&room).await, Seq(1));
}

#[tokio::test]
async fn an_owner_appoints_and_moderators_do_not() {
    let world = World::new();
    let owner = world.person("olive").await;
    let room = world.room(&owner).await;
    for (rank, caller) in world.ranks(&owner, &room).await {
        let subject = world.person(&format!("s_{}", rank.as_str())).await;
        let result = appoint(&world, &caller, &room, &subject, ModerationAction::Mod).await;
        let allowed = rank >= Rank::Owner && rank != Rank::SuperMod;
        assert_eq!(result.is_ok(), allowed, "by {rank:?}: {result:?}");
    }
}

#[tokio::test]
async fn nobody_is_appointed_whom_the_actor_may_not_touch() {
    let world = World::new();
    let owner = world.person("olive").await;
    let room = world.room(&owner).await;
    for (rank, subject) in world.ranks(&owner, &room).await {
        let result = appoint(&world, &owner, &room, &subject, ModerationAction::Vip).await;
        match rank {
            Rank::Owner => refused!(result, Error::Denied(Denied::Oneself)),
            rank if rank > Rank::Owner => refused!(result, Error::Denied(Denied::Outranked)),
            _ => result.unwrap(),
        }
    }
    let admin = world.ranked("adele", Rank::Admin).await;
    for action in [ModerationAction::Unmod, ModerationAction::Mod, ModerationAction::Vip] {
        refused!(appoint(&world, &admin, &room, &owner, action).await, Error::Denied(Denied::Outranked));
    }
}

#[tokio::test]
async fn an_appointment_is_one_event_and_no_change_none() {
    let world = World::new();
    let owner = world.person("olive").await;
    let room = world.room(&owner).await;
    let ann = world.person("ann").await;
    for (action, told) in [
        (ModerationAction::Unmod, false),
        (ModerationAction::Mod, true),
        (ModerationAction::Mod, false),
        (ModerationAction::Unvip, false),
        (ModerationAction::Unmod, true),
        (ModerationAction::Vip, true),
        (ModerationAction::Unmod, false),
        (ModerationAction::Mod, true),
        (ModerationAction::Vip, true),
        (ModerationAction::Unvip, true),
    ] {
        appoint(&world, &owner, &room, &ann, action).await.unwrap();
        assert_eq!(world.measures(), if told { vec![action] } else { vec![] }, "{action:?}");
    }
}

#[tokio::test]
async fn whoever_is_demoted_loses_the_power_at_once() {
    let world = World::new();
    let owner = world.person("olive").await;
    let room = world.room(&owner).await;
    let keeper = world.appointed(&owner, &room, "keeper", ModerationAction::Mod).await;
    world.services.rooms.configure(&keeper, &room, slow(5)).await.unwrap();
    appoint(&world, &owner, &room, &keeper, ModerationAction::Unmod).await.unwrap();
    refused!(world.services.rooms.configure(&keeper, &room, slow(9)).await, Error::Denied(Denied::Rank { .. }));
}

#[tokio::test]
async fn nobody_unknown_is_appointed() {
    let world = World::new();
    let owner = world.person("olive").await;
    let room = world.room(&owner).await;
    let gone = world.person("gone").await;
    world.services.accounts.delete(&gone, &gone.user.uid).await.unwrap();
    refused!(appoint(&world, &owner, &room, &gone, ModerationAction::Mod).await, Error::NoSuch(Resource::User));
}

#[tokio::test]
async fn moderators_are_listed_without_the_merely_marked() {
    let world = World::new();
    let owner = world.person("olive").await;
    let room = world.room(&owner).await;
    world.appointed(&owner, &room, "zoe", ModerationAction::Mod).await;
    world.appointed(&owner, &room, "ann", ModerationAction::Mod).await;
    world.appointed(&owner, &room, "bob", ModerationAction::Vip).await;
    let listed = world.services.rooms.moderators(None, &room).await.unwrap();
    let names: Vec<_> = listed.iter().map(|m| m.user.display_name.as_str()).collect();
    assert_eq!(names, ["olive", "ann", "zoe"]);
}

#[tokio::test]
async fn a_room_is_closed_by_its_owner_or_an_admin_and_then_gone() {
    let world = World::new();
    let owner = world.person("olive").await;
    let room = world.room(&owner).await;
    for (rank, caller) in world.ranks(&owner, &room).await {
        if !(rank == Rank::Owner || rank >= Rank::Admin) {
            let result = world.services.rooms.close(&caller, &room).await;
            refused!(result, Error::Denied(Denied::Rank { least: Rank::Owner }));
        }
    }
    world.bus.clear();
    world.services.rooms.close(&owner, &room).await.unwrap();
    assert_eq!(world.bus.drain(), [EventKind::Closed]);
    let (rooms, chat) = (&world.services.rooms, &world.services.chat);
    refused!(rooms.room(&room).await, Error::NoSuch(Resource::Room));
    refused!(rooms.enter(Some(&owner), &room).await, Error::NoSuch(Resource::Room));
    refused!(rooms.close(&owner, &room).await, Error::NoSuch(Resource::Room));
    refused!(rooms.configure(&owner, &room, slow(1)).await, Error::NoSuch(Resource::Room));
    refused!(rooms.moderators(None, &room).await, Error::NoSuch(Resource::Room));
    refused!(chat.history(None, &room, None, Position::End, 10).await, Error::NoSuch(Resource::Room));
    refused!(world.say(&owner, &room, "hello?").await, Error::NoSuch(Resource::Room));
    refused!(world.services.moderation.purge(&owner, &room, None).await, Error::NoSuch(Resource::Room));
    refused!(world.lift(&owner, Some(&room), &owner).await, Error::NoSuch(Resource::Room));
}

#[tokio::test]
async fn anybody_enters_but_the_banned() {
    let world = World::new();
    let owner = world.person("olive").await;
    let room = world.room(&owner).await;
    let (ann, bob) = (world.person("ann").await, world.person("bob").await);
    world.services.rooms.enter(None, &room).await.unwrap();
    world.sanction(&owner, Some(&room), &ann, SanctionKind::Ban, seconds(60)).await.unwrap();
    world.sanction(&owner, Some(&room), &bob, SanctionKind::Timeout, Duration::Forever).await.unwrap();
    refused!(
        world.services.rooms.enter(Some(&ann), &room).await,
        Error::Sanctioned { kind: SanctionKind::Ban, retry_after: Some(left), .. } if left == Span::seconds(60)
    );
    world.services.rooms.enter(Some(&bob), &room).await.expect("a timeout may read");
    world.clock.advance(Span::seconds(60));
    world.services.rooms.enter(Some(&ann), &room).await.unwrap();
    refused!(
        world.services.rooms.enter(Some(&ann), &RoomUid::parse("nowhere00000").unwrap()).await,
        Error::NoSuch(Resource::Room)
    );
}

#[tokio::test]
async fn a_deleted_caller_does_nothing() {
    let world = World::new();
    let owner = world.person("olive").await;
    let room = world.room(&owner).await;
    let keeper = world.appointed(&owner, &room, "keeper", ModerationAction::Mod).await;
    world.services.accounts.delete(&keeper, &keeper.user.uid).await.unwrap();
    refused!(world.services.moderation.purge(&keeper, &room, None).await, Error::TokenInvalid);
    refused!(world.say(&keeper, &room, "boo").await, Error::TokenInvalid);
}

#[tokio::test]
async fn a_store_that_fails_changes_nothing() {
    let world = World::new();
    let owner = world.person("olive").await;
    let room = world.room(&owner).await;
    let ann = world.person("ann").await;
    for (method, fault) in
        [("log.append", Fault::Fail), ("access.access_context", Fault::Fail), ("log.append", Fault::Busy)]
    {
        world.faults.heal();
        world.faults.always(method, fault);
        let errors = [
            world.services.rooms.configure(&owner, &room, slow(7)).await.unwrap_err(),
            appoint(&world, &owner, &room, &ann, ModerationAction::Mod).await.unwrap_err(),
            world.services.rooms.close(&owner, &room).await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(matches!(error, Error::Busy { .. }), fault == Fault::Busy, "{error:?}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
    world.faults.heal();
    assert!(world.bus.is_silent());
    assert_eq!(world.head(&room).await, Seq::ZERO);
}
