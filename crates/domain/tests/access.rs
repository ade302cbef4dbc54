//! What a node remembers of how people stand: never other than the store says, and without asking it.

#![expect(clippy::expect_used, reason = "helpers outside of tests: a store in memory answers")]

mod support;

use domain::model::access::AccessContext;
use domain::model::event::ModerationAction;
use domain::model::id::{RoomUid, Seq};
use domain::model::rank::Rank;
use domain::model::sanction::SanctionKind;
use domain::model::time::{Duration, Span};
use domain::model::user::{NewPassword, UserChange};
use domain::ports::effects::Clock;
use domain::ports::readers::AccessReader;
use domain::ports::store::{AccountStore, Deletion};
use domain::review::REPEAT_WINDOW;
use domain::service::Caller;
use domain::service::access::Sources;
use domain::service::accounts::Profile;
use domain::service::error::Error;
use domain::service::moderation::SanctionRequest;
use domain::service::rooms::RoomEdit;
use std::sync::Arc;
use support::World;
use testkit::builders::reason;
use testkit::bus::RecordingBus;
use testkit::faulty::Fault;
use testkit::hasher::PlainHasher;

/// What is remembered of somebody, as far as the store says the same.
async fn remembered(world: &World, caller: &Caller, room: &RoomUid) -> Option<AccessContext> {
    let ports = &world.ports;
    let sources = Sources {
        access: &*ports.access_reader,
        events: &*ports.events,
        rooms: &*ports.rooms,
        accounts: &*ports.accounts,
    };
    let (user, network, now) = (Some(caller.user.id), Some(&caller.network), world.clock.now());
    ports.access.access_context(sources, room, user, network, now, Seq::ZERO).await.expect("the store answers")
}

async fn stored(world: &World, caller: &Caller, room: &RoomUid) -> Option<AccessContext> {
    let (user, network, now) = (Some(caller.user.id), Some(&caller.network), world.clock.now());
    let mut access = world.store.access_context(room, user, network, now).await.expect("the store answers")?;
    // What was said long ago is the store's to know: slow mode is asked again where it is written.
    access.last_post = access.last_post.filter(|(at, _)| now - *at < REPEAT_WINDOW);
    Some(access)
}

#[tokio::test]
async fn after_every_act_what_is_remembered_is_what_the_store_says() {
    let world = World::new();
    let owner = world.person("olive").await;
    let room = world.room(&owner).await;
    let other = world.room(&owner).await;
    let bob = world.person("bob").await;
    let guest = world.guest("school").await;
    let admin = world.ranked("adam", Rank::Admin).await;
    let everybody = [&owner, &bob, &guest, &admin];
    let compare = async |after: &str| {
        for caller in everybody {
            for place in [&room, &other] {
                let (remembered, stored) =
                    (remembered(&world, caller, place).await, stored(&world, caller, place).await);
                assert_eq!(remembered, stored, "{} after {after}", caller.user.display_name.as_str());
            }
        }
    };
    let network = SanctionRequest {
        kind: SanctionKind::Timeout,
        duration: Duration::For(Span::seconds(600)),
        reason: reason("a raid"),
        network: true,
    };
    compare("nothing").await;
    world.post(&bob, &room, "hello").await;
    compare("a message").await;
    let said = world.post(&guest, &room, "hi").await;
    compare("another").await;
    world.services.chat.delete(&owner, said.id).await.expect("the owner may");
    compare("a deletion").await;
    world.services.rooms.appoint(&owner, &room, &bob.user.uid, ModerationAction::Mod).await.expect("the owner may");
    compare("mod").await;
    world.services.rooms.appoint(&owner, &room, &bob.user.uid, ModerationAction::Unmod).await.expect("the owner may");
    compare("unmod").await;
    world.command(&owner, &room, "/slow 10").await;
    compare("slow").await;
    let edit = RoomEdit { name: Some("another name".to_owned()), ..RoomEdit::default() };
    world.services.rooms.configure(&owner, &room, edit).await.expect("the owner may");
    compare("a new name").await;
    world.services.moderation.sanction(&owner, Some(&room), &guest.user.uid, network).await.expect("the owner may");
    compare("a network's timeout").await;
    world.clock.advance(Span::seconds(600));
    compare("its end").await;
    world.ban(&owner, Some(&room), &bob).await;
    compare("a ban").await;
    world.lift(&owner, Some(&room), &bob).await.expect("the owner may");
    compare("its end").await;
    world.ban(&admin, None, &bob).await;
    compare("a ban everywhere").await;
    world.lift(&admin, None, &bob).await.expect("an admin may");
    compare("its end").await;
    let profile = Profile { display_name: Some("Robert".to_owned()), ..Profile::default() };
    world.services.accounts.change(&bob, &bob.user.uid, profile).await.expect("one's own name");
    compare("a rename").await;
    world.command(&owner, &room, "/purge").await;
    compare("a purge").await;
    world.services.rooms.close(&owner, &room).await.expect("the owner may");
    compare("the end").await;
}

#[tokio::test]
async fn who_is_known_joins_and_writes_without_a_question_to_the_store() {
    let world = World::new();
    let owner = world.person("olive").await;
    let room = world.room(&owner).await;
    world.post(&owner, &room, "first").await;
    for method in ["access.access_context", "access.room_access", "events.heads", "rooms.members", "accounts.user"] {
        world.faults.always(method, Fault::Fail);
    }
    for n in 0..10 {
        world.post(&owner, &room, &format!("text {n}")).await;
        world.services.rooms.enter(Some(&owner), &room).await.expect("it is known");
    }
}

#[tokio::test]
async fn what_changed_unheard_is_found_after_two_seconds_by_one_comparison() {
    let world = World::new();
    let (owner, bob) = (world.person("olive").await, world.person("bob").await);
    let room = world.room(&owner).await;
    let member = async || remembered(&world, &bob, &room).await.expect("the room").member.expect("bob");
    assert_eq!(member().await.rank(), Rank::Registered);
    // Another process did it, and nobody here was told.
    let elsewhere = world.store.of_another_process(Arc::new(RecordingBus::default()));
    let change = UserChange { rank: Some(Rank::SuperMod), ..UserChange::default() };
    elsewhere.update(bob.user.id, change).await.expect("the store takes it");
    assert_eq!(member().await.rank(), Rank::Registered);
    world.clock.advance(Span::seconds(2));
    let before = world.faults.calls("events.heads");
    assert_eq!(member().await.rank(), Rank::SuperMod);
    remembered(&world, &owner, &room).await;
    assert_eq!(world.faults.calls("events.heads"), before + 1);
}

#[tokio::test]
async fn a_store_that_is_away_is_said_at_once_and_asked_again_the_next_time() {
    let world = World::new();
    let owner = world.person("olive").await;
    let room = world.room(&owner).await;
    world.post(&owner, &room, "first").await;
    world.clock.advance(Span::seconds(2));
    for method in ["events.heads", "access.room_access"] {
        world.faults.always(method, Fault::Busy);
    }
    refused!(world.say(&owner, &room, "second").await, Error::Busy { .. });
    refused!(world.say(&owner, &room, "third").await, Error::Busy { .. });
    world.faults.heal();
    world.post(&owner, &room, "fourth").await;
}

#[tokio::test]
async fn a_ban_that_a_clock_ahead_took_for_over_holds_when_the_clock_is_right_again() {
    let world = World::new();
    let (owner, bob) = (world.person("olive").await, world.person("bob").await);
    let room = world.room(&owner).await;
    let ten_minutes = Duration::For(Span::seconds(600));
    world.sanction(&owner, Some(&room), &bob, SanctionKind::Ban, ten_minutes).await.expect("the owner may");
    let now = world.clock.now();
    world.clock.advance(Span::days(1));
    world.command(&owner, &room, "/slow 5").await;
    world.services.rooms.enter(Some(&bob), &room).await.expect("it is over, says the clock");
    world.clock.set(now);
    refused!(world.services.rooms.enter(Some(&bob), &room).await, Error::Sanctioned { .. });
}

#[tokio::test]
async fn power_taken_while_it_was_looked_up_is_not_remembered() {
    let world = World::new();
    let owner = world.person("olive").await;
    let room = world.room(&owner).await;
    let bob = world.appointed(&owner, &room, "bob", ModerationAction::Mod).await;
    world.faults.nth("accounts.user", 1, Fault::Hold);
    world.bus.lose();
    let looks = remembered(&world, &bob, &room);
    let acts = async {
        while world.faults.calls("accounts.user") == 0 {
            tokio::task::yield_now().await;
        }
        world
            .services
            .rooms
            .appoint(&owner, &room, &bob.user.uid, ModerationAction::Unmod)
            .await
            .expect("the owner may");
        world.faults.release();
    };
    let (looked, ()) = tokio::join!(looks, acts);
    assert_eq!(looked.and_then(|s| s.member).map(|m| m.rank()), Some(Rank::Registered));
    assert_eq!(remembered(&world, &bob, &room).await.and_then(|s| s.member).map(|m| m.rank()), Some(Rank::Registered));
}

/// Logout, a new password, deletion.
#[tokio::test]
async fn whose_login_another_process_ended_posts_no_more_after_two_seconds() {
    let world = World::new();
    let owner = world.person("olive").await;
    let room = world.room(&owner).await;
    let elsewhere = world.store.of_another_process(Arc::new(RecordingBus::default()));
    for way in ["logout", "password", "deletion"] {
        let ann = world.person(&format!("ann_{way}")).await;
        world.post(&ann, &room, &format!("before {way}")).await;
        match way {
            "logout" => {
                assert!(elsewhere.end_session(ann.session().expect("a session")).await.expect("a store that works"))
            }
            "password" => {
                let password = NewPassword { hash: PlainHasher::hash_of("another one"), keep: None };
                let change = UserChange { password: Some(password), ..UserChange::default() };
                elsewhere.update(ann.user.id, change).await.expect("a store that works");
            }
            _ => {
                let deleted = elsewhere.delete(ann.user.id, world.clock.now()).await.expect("a store that works");
                assert_eq!(deleted, Deletion::Done);
            }
        }
        world.clock.advance(Span::seconds(2));
        refused!(world.say(&ann, &room, &format!("after {way}")).await, Error::TokenInvalid);
        refused!(world.say(&ann, &room, "/slow 5").await, Error::TokenInvalid);
    }
    let before = world.faults.calls("accounts.alive");
    world.post(&owner, &room, "the owner's goes on").await;
    world.post(&owner, &room, "and is not asked about again").await;
    assert!(world.faults.calls("accounts.alive") <= before + 1);
}

#[tokio::test]
async fn whose_login_ended_here_posts_no_more_at_once() {
    let world = World::new();
    let ann = world.person("ann").await;
    let room = world.room(&ann).await;
    world.post(&ann, &room, "before").await;
    world.services.accounts.logout(&ann).await.expect("a login");
    refused!(world.say(&ann, &room, "after").await, Error::TokenInvalid);
}
