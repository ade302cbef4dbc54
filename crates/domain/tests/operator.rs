//! What the operator does at the command line, and what is suggested to newcomers.

mod support;

use domain::model::id::{RoomId, RoomUid, Seq};
use domain::model::rank::Rank;
use domain::model::sanction::SanctionKind;
use domain::model::time::Span;
use domain::ports::bus::Notice;
use domain::service::error::{Error, Resource};
use domain::service::operator::Swept;
use std::collections::BTreeSet;
use support::{World, client, seconds};
use testkit::builders::{PASSWORD, password};

#[tokio::test]
async fn an_operator_makes_users_of_any_rank_but_root() {
    let world = World::new();
    let operator = &world.services.operator;
    for (name, rank) in [("reg", Rank::Registered), ("super_", Rank::SuperMod), ("adam", Rank::Admin)] {
        assert_eq!(operator.create(name, PASSWORD, rank).await.unwrap().rank, rank);
        world.services.accounts.login(name, PASSWORD, &client("x")).await.unwrap();
    }
    for impossible in [Rank::Guest, Rank::Vip, Rank::Mod, Rank::Owner, Rank::Root] {
        refused!(operator.create("eve", PASSWORD, impossible).await, Error::Invalid(_));
    }
    refused!(operator.create("ADAM", PASSWORD, Rank::Admin).await, Error::NameTaken);
    refused!(operator.create("root", PASSWORD, Rank::Admin).await, Error::Invalid(_));
    refused!(operator.create("eve", "short", Rank::Admin).await, Error::Invalid(_));
}

#[tokio::test]
async fn an_operator_sets_any_password_and_ends_the_logins() {
    let world = World::new();
    world.services.accounts.ensure_root(password("forgotten word")).await.unwrap();
    let login = world.services.accounts.login("root", "forgotten word", &client("x")).await.unwrap();
    world.services.operator.set_password("ROOT", "remembered word").await.unwrap();
    assert_eq!(world.bus.notices(), [Notice::SessionsEnded(vec![login.session])]);
    refused!(world.services.accounts.identify(&login.token, &client("x")).await, Error::TokenInvalid);
    world.services.accounts.login("root", "remembered word", &client("x")).await.unwrap();
    refused!(world.services.operator.set_password("nobody", PASSWORD).await, Error::NoSuch(Resource::User));
    refused!(world.services.operator.set_password("root", "short").await, Error::Invalid(_));
}

#[tokio::test]
async fn an_operator_sets_any_rank_but_roots() {
    let world = World::new();
    world.services.accounts.ensure_root(password("forgotten word")).await.unwrap();
    let ann = world.person("ann").await;
    let user = world.services.operator.set_rank("ann", Rank::Admin).await.unwrap();
    assert_eq!((user.id, user.rank), (ann.user.id, Rank::Admin));
    assert_eq!(world.bus.notices(), [Notice::UserChanged(Box::new(user))]);
    refused!(world.services.operator.set_rank("root", Rank::Registered).await, Error::Invalid(_));
    refused!(world.services.operator.set_rank("ann", Rank::Root).await, Error::Invalid(_));
    refused!(world.services.operator.set_rank("nobody", Rank::Admin).await, Error::NoSuch(Resource::User));
}

#[tokio::test]
async fn an_operator_reads_every_room() {
    let world = World::new();
    let ann = world.person("ann").await;
    let room = world.room(&ann).await;
    world.post(&ann, &room, "hi").await;
    let operator = &world.services.operator;
    let listed = operator.rooms(RoomId::SERVER, 10).await.unwrap();
    assert_eq!(listed.iter().map(|room| &room.uid).collect::<Vec<_>>(), [&room]);
    let found = operator.room(&room).await.unwrap();
    assert_eq!(operator.log(found.id, Seq::ZERO, 10).await.unwrap().events.len(), 1);
    refused!(operator.room(&RoomUid::parse("nowhere00000").unwrap()).await, Error::NoSuch(Resource::Room));
    refused!(operator.log(RoomId(4_000_000), Seq::ZERO, 10).await, Error::NoSuch(Resource::Room));
}

#[tokio::test]
async fn a_suggestion_can_be_registered() {
    let world = World::new();
    let mut names = BTreeSet::new();
    for _ in 0..10 {
        let suggestion = world.services.accounts.suggest().await.unwrap();
        let login = world.services.accounts.register(&suggestion.name, &suggestion.password, &client("x")).await;
        login.expect("the name is free and the password strong");
        assert!(names.insert(suggestion.name), "{names:?}");
    }
}

#[tokio::test]
async fn sanctions_are_forgotten_a_day_after_they_ended() {
    let world = World::new();
    let ann = world.person("ann").await;
    let room = world.room(&ann).await;
    let (bob, eve) = (world.person("bob").await, world.person("eve").await);
    world.sanction(&ann, Some(&room), &bob, SanctionKind::Ban, seconds(60)).await.unwrap();
    world.ban(&ann, Some(&room), &eve).await;
    let sweep = async || world.services.operator.sweep().await.unwrap();
    world.clock.advance(Span::seconds(24 * 3600 + 60));
    assert_eq!(sweep().await, Swept::default());
    world.clock.advance(Span::seconds(1));
    assert_eq!((sweep().await.sanctions, sweep().await.sanctions), (1, 0));
    refused!(world.say(&eve, &room, "may I?").await, Error::Sanctioned { .. });
}

#[tokio::test]
async fn guests_who_left_nothing_and_their_empty_rooms_are_gone_after_thirty_days() {
    let world = World::new();
    let olive = world.person("olive").await;
    let lobby = world.room(&olive).await;
    let (quiet, wrote) = (world.guest("a").await, world.guest("b").await);
    world.post(&wrote, &lobby, "hi").await;
    let host = world.guest("c").await;
    let empty = world.services.rooms.create(&host, "empty", "", None).await.unwrap().uid;
    let sweep = async || world.services.operator.sweep().await.unwrap();
    world.clock.advance(Span::days(29));
    assert_eq!(sweep().await, Swept::default());
    world.clock.advance(Span::days(2));
    assert_eq!(sweep().await, Swept { guests: 1, rooms: 1, ..Swept::default() });
    refused!(world.services.accounts.user(&quiet.user.uid).await, Error::NoSuch(Resource::User));
    refused!(world.services.rooms.room(&empty).await, Error::NoSuch(Resource::Room));
    world.services.accounts.user(&wrote.user.uid).await.unwrap();
    world.services.rooms.room(&lobby).await.unwrap();
}
