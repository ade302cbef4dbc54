//! Being somebody: names, pictures, passwords, ranks, and being gone.

mod support;

use domain::model::event::ModerationAction;
use domain::model::id::UserId;
use domain::model::rank::Rank;
use domain::model::sanction::SanctionKind;
use domain::model::time::Duration;
use domain::policy::Denied;
use domain::ports::bus::Notice;
use domain::ports::effects::Quota;
use domain::service::Caller;
use domain::service::accounts::Profile;
use domain::service::error::{Error, RateLimitKind, Resource};
use domain::service::rooms::RoomEdit;
use support::{World, client};
use testkit::builders::PASSWORD;

fn named(name: &str) -> Profile {
    Profile { display_name: Some(name.to_owned()), ..Profile::default() }
}

fn ranked(rank: Rank) -> Profile {
    Profile { rank: Some(rank), ..Profile::default() }
}

async fn change(world: &World, by: &Caller, of: &Caller, profile: Profile) -> Result<(), Error> {
    world.services.accounts.change(by, &of.user.uid, profile).await.map(|_| ())
}

#[tokio::test]
async fn a_rename_is_told_and_refused_like_any_name() {
    let world = World::new();
    let (ann, guest) = (world.person("ann").await, world.guest("a").await);
    change(&world, &guest, &guest, named("  Blue   Fox 🦊 ")).await.unwrap();
    let Some(Notice::UserChanged(told)) = world.bus.notices().pop() else { panic!("a rename is told") };
    assert_eq!((told.id, told.display_name.as_str()), (guest.user.id, "Blue Fox 🦊"));

    world.bus.clear();
    refused!(change(&world, &guest, &guest, named("ANN")).await, Error::NameTaken);
    refused!(change(&world, &ann, &ann, named("blue fox 🦊")).await, Error::NameTaken);
    for reserved in ["Admin", "ｓｙｓｔｅｍ", "Guest-77", "", "x\u{202e}y"] {
        refused!(change(&world, &ann, &ann, named(reserved)).await, Error::Invalid(_));
    }
    assert!(world.bus.is_silent());
}

#[tokio::test]
async fn renames_are_limited_and_the_same_name_is_none() {
    let world = World::limited();
    let ann = world.person("ann").await;
    change(&world, &ann, &ann, named("ann")).await.unwrap();
    assert_eq!(world.limiter.total(Quota::Rename), 0);
    for name in ["one", "two", "three"] {
        change(&world, &ann, &ann, named(name)).await.unwrap();
    }
    refused!(change(&world, &ann, &ann, named("four")).await, Error::TooFast { pace: RateLimitKind::Other, .. });
}

#[tokio::test]
async fn a_picture_is_an_address_that_cannot_run() {
    let world = World::new();
    let ann = world.person("ann").await;
    let picture = |text: &str| Profile { picture: Some(text.to_owned()), ..Profile::default() };
    let shown = async || world.services.accounts.user(&ann.user.uid).await.unwrap().picture;
    for good in ["https://example.org/a.png?x=1&y=2", "/pictures/a.png"] {
        change(&world, &ann, &ann, picture(good)).await.unwrap();
        assert_eq!(shown().await.as_deref(), Some(good));
    }
    let long = format!("https://example.org/{}", "x".repeat(500));
    for bad in [
        "http://example.org/a.png",
        "javascript:alert(1)",
        "//evil.example/a",
        "data:x",
        "https://a/\"onload=\"",
        &long,
    ] {
        refused!(change(&world, &ann, &ann, picture(bad)).await, Error::Invalid(invalid) if invalid.field == "picture");
    }
    change(&world, &ann, &ann, picture(" ")).await.unwrap();
    assert_eq!(shown().await, None);
}

#[tokio::test]
async fn a_new_password_takes_the_old_one_and_ends_the_other_logins() {
    let world = World::new();
    let ann = world.person("ann").await;
    let other = world.services.accounts.login("ann", PASSWORD, &client("x")).await.unwrap();
    let set = |current: Option<&str>| Profile {
        password: Some("battery staple".to_owned()),
        current_password: current.map(str::to_owned),
        ..Profile::default()
    };
    for wrong in [None, Some(""), Some("wrong horse")] {
        refused!(change(&world, &ann, &ann, set(wrong)).await, Error::CredentialsWrong);
    }
    change(&world, &ann, &ann, set(Some(PASSWORD))).await.unwrap();
    assert!(world.bus.notices().contains(&Notice::SessionsEnded(vec![other.session])));
    refused!(world.services.accounts.identify(&other.token, &client("x")).await, Error::TokenInvalid);
    world.services.accounts.ticket(&ann).await.unwrap();
    refused!(world.services.accounts.login("ann", PASSWORD, &client("x")).await, Error::CredentialsWrong);
    world.services.accounts.login("ann", "battery staple", &client("x")).await.unwrap();

    let guest = world.guest("a").await;
    refused!(change(&world, &guest, &guest, set(Some(PASSWORD))).await, Error::Invalid(_));
}

#[tokio::test]
async fn guessing_the_old_password_is_slowed_like_a_login() {
    let world = World::limited();
    let ann = world.person("ann").await;
    let guess = |word: &str| Profile {
        password: Some("battery staple".to_owned()),
        current_password: Some(word.to_owned()),
        ..Profile::default()
    };
    for _ in 0..5 {
        refused!(change(&world, &ann, &ann, guess("wrong horse")).await, Error::CredentialsWrong);
    }
    refused!(change(&world, &ann, &ann, guess(PASSWORD)).await, Error::TooFast { pace: RateLimitKind::Login, .. });
}

#[tokio::test]
async fn an_admin_changes_those_below_and_nobody_else_does() {
    let world = World::new();
    let (adam, eve) = (world.ranked("adam", Rank::Admin).await, world.ranked("eve", Rank::Admin).await);
    let (ann, bob) = (world.person("ann").await, world.person("bob").await);
    change(&world, &adam, &ann, named("Tamed")).await.unwrap();
    let reset = Profile { password: Some("battery staple".to_owned()), ..Profile::default() };
    change(&world, &adam, &ann, reset).await.expect("an admin needs no current password");
    refused!(change(&world, &bob, &ann, named("x")).await, Error::Denied(Denied::Rank { .. }));
    refused!(change(&world, &adam, &eve, named("Tamed too")).await, Error::Denied(Denied::Outranked));
}

#[tokio::test]
async fn ranks_are_granted_from_above() {
    let world = World::new();
    let root = world.ranked("ruth", Rank::Root).await;
    let admin = world.ranked("adam", Rank::Admin).await;
    let (ann, guest) = (world.person("ann").await, world.guest("a").await);
    change(&world, &admin, &ann, ranked(Rank::SuperMod)).await.unwrap();
    refused!(
        change(&world, &admin, &ann, ranked(Rank::Admin)).await,
        Error::Denied(Denied::Rank { least: Rank::Root })
    );
    change(&world, &root, &ann, ranked(Rank::Admin)).await.unwrap();
    refused!(change(&world, &admin, &ann, ranked(Rank::Registered)).await, Error::Denied(_));
    change(&world, &root, &ann, ranked(Rank::Registered)).await.unwrap();
    for impossible in [Rank::Root, Rank::Guest, Rank::Mod, Rank::Owner, Rank::Vip] {
        refused!(change(&world, &root, &ann, ranked(impossible)).await, Error::Invalid(_));
    }
    refused!(change(&world, &root, &guest, ranked(Rank::SuperMod)).await, Error::Invalid(_));
    refused!(change(&world, &root, &root, ranked(Rank::Registered)).await, Error::Denied(Denied::Oneself));
    refused!(change(&world, &ann, &ann, ranked(Rank::SuperMod)).await, Error::Denied(_));
}

#[tokio::test]
async fn a_user_is_erased_by_itself_or_from_above_and_root_stays() {
    let world = World::new();
    let (root, admin) = (world.ranked("ruth", Rank::Root).await, world.ranked("adam", Rank::Admin).await);
    let (ann, bob) = (world.person("ann").await, world.person("bob").await);
    let delete = async |by: &Caller, of: &Caller| world.services.accounts.delete(by, &of.user.uid).await;
    refused!(delete(&bob, &ann).await, Error::Denied(Denied::Rank { .. }));
    refused!(delete(&root, &root).await, Error::Denied(Denied::Outranked));
    refused!(delete(&admin, &root).await, Error::Denied(Denied::Outranked));
    delete(&ann, &ann).await.unwrap();
    delete(&admin, &bob).await.unwrap();
    assert_eq!(world.bus.notices(), [Notice::UserDeleted(ann.user.id), Notice::UserDeleted(bob.user.id)]);
    refused!(world.services.accounts.user(&ann.user.uid).await, Error::NoSuch(Resource::User));
    refused!(delete(&admin, &bob).await, Error::NoSuch(Resource::User));
}

#[tokio::test]
async fn users_are_listed_for_admins() {
    let world = World::new();
    let admin = world.ranked("adam", Rank::Admin).await;
    let ann = world.person("ann").await;
    let list = async |by: &Caller, search| world.services.accounts.list(by, search, UserId(0), 10).await;
    let found = list(&admin, Some(" NN ")).await.unwrap();
    assert_eq!(found.iter().map(|user| user.id).collect::<Vec<_>>(), [ann.user.id]);
    assert_eq!(list(&admin, Some("")).await.unwrap().len(), 2);
    refused!(list(&ann, None).await, Error::Denied(Denied::Rank { least: Rank::Admin }));
}

#[tokio::test]
async fn a_timeout_everywhere_leaves_the_login() {
    let world = World::new();
    let admin = world.ranked("adam", Rank::Admin).await;
    let ann = world.person("ann").await;
    world.sanction(&admin, None, &ann, SanctionKind::Timeout, Duration::Forever).await.unwrap();
    world.services.accounts.login("ann", PASSWORD, &client("x")).await.unwrap();
    refused!(
        change(&world, &ann, &ann, named("Loud")).await,
        Error::Sanctioned { kind: SanctionKind::Timeout, until: None, .. }
    );
}

#[tokio::test]
async fn the_rooms_of_who_leaves_pass_to_the_oldest_moderator_or_close_as_was_said_before() {
    let world = World::new();
    let owner = world.person("olive").await;
    let (kept, closed) = (world.room(&owner).await, world.room(&owner).await);
    let barred = world.appointed(&owner, &kept, "barred", ModerationAction::Mod).await;
    world.ban(&owner, Some(&kept), &barred).await;
    let oldest = world.person("old").await;
    world.appointed(&owner, &kept, "young", ModerationAction::Mod).await;
    world.services.rooms.appoint(&owner, &kept, &oldest.user.uid, ModerationAction::Mod).await.unwrap();
    world.services.rooms.appoint(&owner, &closed, &oldest.user.uid, ModerationAction::Vip).await.unwrap();
    let told = world.services.accounts.rooms_to_hand_over(&owner, &owner.user.uid).await.unwrap();
    let told: Vec<_> = told.into_iter().map(|(room, next)| (room.uid, next.map(|user| user.id))).collect();
    assert_eq!(told, [(kept.clone(), Some(oldest.user.id)), (closed.clone(), None)]);
    refused!(
        world.services.accounts.rooms_to_hand_over(&oldest, &owner.user.uid).await,
        Error::Denied(Denied::Rank { least: Rank::Admin })
    );
    world.services.accounts.delete(&owner, &owner.user.uid).await.unwrap();
    assert_eq!(world.services.rooms.room(&kept).await.unwrap().owner, oldest.user.id);
    refused!(world.services.rooms.room(&closed).await, Error::NoSuch(Resource::Room));
    let edit = RoomEdit { links: Some(false), ..RoomEdit::default() };
    world.services.rooms.configure(&oldest, &kept, edit).await.unwrap();
}

#[tokio::test]
async fn two_deletions_of_one_owner_leave_the_room_with_its_moderator() {
    let world = World::new();
    let owner = world.person("olive").await;
    let room = world.room(&owner).await;
    let keeper = world.appointed(&owner, &room, "keeper", ModerationAction::Mod).await;
    let delete = || world.services.accounts.delete(&owner, &owner.user.uid);
    let (first, second) = tokio::join!(delete(), delete());
    assert!(first.is_ok() || second.is_ok(), "{first:?}, {second:?}");
    assert_eq!(world.services.rooms.room(&room).await.unwrap().owner, keeper.user.id);
}
