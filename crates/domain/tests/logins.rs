//! A login that was seen alive a moment ago is let in from memory, and never after it ended.

#![expect(clippy::expect_used, reason = "helpers outside of tests: a store in memory answers")]

mod support;

use domain::model::id::SessionId;
use domain::model::rank::Rank;
use domain::model::time::Span;
use domain::model::user::{NewPassword, UserChange};
use domain::ports::effects::Clock;
use domain::ports::store::{AccountStore, Deletion, StoreError};
use domain::service::Caller;
use domain::service::access::InUse;
use domain::service::accounts::{Login, Profile};
use domain::service::error::Error;
use std::sync::Arc;
use support::{World, client};
use testkit::builders::{PASSWORD, display_name};
use testkit::bus::RecordingBus;
use testkit::faulty::Fault;
use testkit::hasher::PlainHasher;
use testkit::memory::MemoryStore;

/// A registered user's login that was used once.
async fn known(world: &World, name: &str) -> Login {
    let login = world.services.accounts.register(name, PASSWORD, &client(name)).await.expect("the name is free");
    identify(world, &login).await.expect("a login");
    login
}

async fn identify(world: &World, login: &Login) -> Result<Caller, Error> {
    world.services.accounts.identify(&login.token, &client("x")).await
}

async fn act(world: &World, login: &Login) -> Result<Caller, Error> {
    world.services.accounts.identify_actor(&login.token, &client("x")).await
}

/// What is done every 30 s, with the logins of open sockets.
async fn sweep(world: &World, open: &[&Login]) -> Result<InUse, StoreError> {
    let (ports, open) = (&world.ports, open.iter().map(|login| (login.session.into(), login.user.id)).collect());
    ports.access.sweep(&*ports.accounts, &*ports.sites, &*ports.rooms, &open, world.clock.now()).await
}

/// The logins that it says are over.
async fn ended(world: &World, open: &[&Login]) -> Vec<SessionId> {
    let swept = sweep(world, open).await.expect("the store answers");
    swept.ended.into_iter().filter_map(|login| login.session()).collect()
}

fn another_process(world: &World) -> MemoryStore {
    world.store.of_another_process(Arc::new(RecordingBus::default()))
}

/// The ways in which a login ends.
const WAYS: [&str; 3] = ["logout", "password", "deletion"];

async fn end(store: &dyn AccountStore, way: &str, login: &Login, world: &World) {
    match way {
        "logout" => assert!(store.end_session(login.session).await.expect("a store that works")),
        "password" => {
            let password = NewPassword { hash: PlainHasher::hash_of("another one"), keep: None };
            let change = UserChange { password: Some(password), ..UserChange::default() };
            store.update(login.user.id, change).await.expect("a store that works");
        }
        _ => {
            let deleted = store.delete(login.user.id, world.clock.now()).await.expect("a store that works");
            assert_eq!(deleted, Deletion::Done);
        }
    }
}

#[tokio::test]
async fn a_login_that_was_seen_a_moment_ago_asks_the_store_nothing() {
    let world = World::new();
    let mut logins = Vec::new();
    for name in ["ann", "bob", "cat"] {
        logins.push(known(&world, name).await);
    }
    for method in ["accounts.session", "accounts.alive", "accounts.user", "rooms.members"] {
        world.faults.always(method, Fault::Fail);
    }
    world.clock.advance(Span::seconds(34));
    for login in &logins {
        let caller = identify(&world, login).await.unwrap();
        assert_eq!((&caller.user, caller.login, &caller.network.0[..]), (&login.user, login.session.into(), "x"));
    }
    world.clock.advance(Span::seconds(1));
    refused!(identify(&world, &logins[0]).await, Error::Failed(_));
}

#[tokio::test]
async fn who_comes_back_enters_a_room_without_being_looked_up() {
    let world = World::new();
    let owner = world.person("olive").await;
    let room = world.room(&owner).await;
    let login = known(&world, "ann").await;
    world.clock.advance(Span::seconds(20));
    for method in ["accounts.session", "accounts.user", "access.access_context"] {
        world.faults.always(method, Fault::Fail);
    }
    let caller = identify(&world, &login).await.unwrap();
    world.services.rooms.enter(Some(&caller), &room).await.unwrap();
}

#[tokio::test]
async fn open_sockets_keep_their_logins_known_and_a_minute_longer() {
    let world = World::new();
    let (ann, bob) = (known(&world, "ann").await, known(&world, "bob").await);
    let asked = world.faults.calls("accounts.session");
    for _ in 0..5 {
        world.clock.advance(Span::seconds(30));
        assert_eq!(ended(&world, &[&ann]).await, []);
    }
    world.clock.advance(Span::seconds(30));
    assert_eq!(ended(&world, &[]).await, [], "her socket just closed");
    identify(&world, &ann).await.unwrap();
    assert_eq!(world.faults.calls("accounts.session"), asked);
    identify(&world, &bob).await.unwrap();
    assert_eq!(world.faults.calls("accounts.session"), asked + 1, "nobody used his for long");
}

#[tokio::test]
async fn a_login_that_ended_here_is_refused_at_once() {
    let world = World::new();
    for way in WAYS {
        let login = known(&world, &format!("ann_{way}")).await;
        end(&*world.store, way, &login, &world).await;
        refused!(identify(&world, &login).await, Error::TokenInvalid);
    }
    let admin = world.ranked("adam", Rank::Admin).await;
    let login = known(&world, "bob").await;
    let bob = identify(&world, &login).await.unwrap();
    world.ban(&admin, None, &bob).await;
    refused!(identify(&world, &login).await, Error::TokenInvalid);
}

#[tokio::test]
async fn a_login_that_another_process_ended_unheard_is_refused_by_the_next_sweep() {
    let world = World::new();
    for way in WAYS {
        let login = known(&world, &format!("ann_{way}")).await;
        world.clock.advance(Span::seconds(2));
        end(&another_process(&world), way, &login, &world).await;
        identify(&world, &login).await.expect("nobody told");
        assert_eq!(ended(&world, &[]).await, [login.session], "also without a socket");
        refused!(identify(&world, &login).await, Error::TokenInvalid);
    }
}

#[tokio::test]
async fn a_login_that_another_process_ended_unheard_is_refused_after_thirty_five_seconds_without_a_sweep() {
    let world = World::new();
    for way in WAYS {
        let login = known(&world, &format!("ann_{way}")).await;
        end(&another_process(&world), way, &login, &world).await;
        world.clock.advance(Span::seconds(35));
        refused!(identify(&world, &login).await, Error::TokenInvalid);
    }
}

#[tokio::test]
async fn a_login_that_another_process_ended_unheard_changes_nothing_after_two_seconds() {
    let world = World::new();
    for way in WAYS {
        let login = known(&world, &format!("ann_{way}")).await;
        act(&world, &login).await.unwrap();
        end(&another_process(&world), way, &login, &world).await;
        world.clock.advance(Span::seconds(2));
        let caller = identify(&world, &login).await.expect("nobody told");
        refused!(world.services.accounts.ticket(&caller).await, Error::TokenInvalid);
        refused!(identify(&world, &login).await, Error::TokenInvalid);
        refused!(act(&world, &login).await, Error::TokenInvalid);
    }
}

#[tokio::test]
async fn after_something_was_lost_each_login_is_looked_up() {
    let world = World::new();
    let (ann, bob) = (known(&world, "ann").await, known(&world, "bob").await);
    end(&another_process(&world), "logout", &ann, &world).await;
    world.bus.lose();
    refused!(identify(&world, &ann).await, Error::TokenInvalid);
    identify(&world, &bob).await.unwrap();
}

#[tokio::test]
async fn a_new_name_is_known_at_once_and_an_unheard_one_by_the_next_sweep() {
    let world = World::new();
    let login = known(&world, "ann").await;
    let name = async || identify(&world, &login).await.unwrap().user.display_name.as_str().to_owned();
    let caller = identify(&world, &login).await.unwrap();
    let profile = Profile { display_name: Some("Queen Ann".to_owned()), ..Profile::default() };
    world.services.accounts.change(&caller, &caller.user.uid, profile).await.unwrap();
    assert_eq!(name().await, "Queen Ann");
    let change = UserChange { display_name: Some(display_name("Annie")), ..UserChange::default() };
    another_process(&world).update(caller.user.id, change).await.unwrap();
    assert_eq!(name().await, "Queen Ann");
    let swept = sweep(&world, &[&login]).await.unwrap();
    let names: Vec<&str> = swept.users.iter().map(|user| user.display_name.as_str()).collect();
    assert_eq!(names, ["Annie"], "each user once");
    let asked = world.faults.calls("accounts.session");
    assert_eq!(name().await, "Annie");
    assert_eq!(world.faults.calls("accounts.session"), asked, "the sweep read it");
}

#[tokio::test]
async fn a_rank_that_holds_everywhere_is_looked_up_each_time() {
    let world = World::new();
    world.ranked("adam", Rank::Admin).await;
    let adam = world.services.accounts.login("adam", PASSWORD, &client("adam")).await.unwrap();
    let rank = async || identify(&world, &adam).await.unwrap().user.rank;
    assert_eq!(rank().await, Rank::Admin);
    let elsewhere = another_process(&world);
    let set =
        async |rank| elsewhere.update(adam.user.id, UserChange { rank: Some(rank), ..UserChange::default() }).await;
    set(Rank::Registered).await.unwrap();
    assert_eq!(rank().await, Rank::Registered);
    set(Rank::Admin).await.unwrap();
    let swept = sweep(&world, &[&adam]).await.unwrap();
    assert_eq!(swept.users.first().map(|user| user.rank), Some(Rank::Admin), "whose socket is open");
    assert_eq!(rank().await, Rank::Admin, "one that was given unheard is known by the next sweep");
}

#[tokio::test]
async fn a_sweep_that_fails_says_so_and_nothing_is_believed_for_longer() {
    let world = World::new();
    let login = known(&world, "ann").await;
    world.clock.advance(Span::seconds(30));
    for method in ["accounts.alive", "rooms.members"] {
        world.faults.nth(method, 1, Fault::Busy);
        assert!(sweep(&world, &[&login]).await.is_err(), "{method}");
    }
    world.clock.advance(Span::seconds(5));
    let asked = world.faults.calls("accounts.session");
    identify(&world, &login).await.unwrap();
    assert_eq!(world.faults.calls("accounts.session"), asked + 1);
}
