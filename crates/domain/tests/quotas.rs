//! Quotas that hold over all nodes: two nodes over one store, each with its own memory.

mod support;

use domain::model::time::Span;
use domain::ports::effects::{Quota, Rates};
use domain::service::accounts::Profile;
use domain::service::error::{Error, RateLimitKind};
use domain::service::operator::Swept;
use domain::service::{Caller, ClientInfo, Services};
use std::sync::Arc;
use support::{World, client};
use testkit::builders::PASSWORD;
use testkit::faulty::Fault;
use testkit::limiter::CountingLimiter;

/// Two nodes of one world, asked in turn.
struct Nodes {
    world: World,
    nodes: [(Services, Arc<CountingLimiter>); 2],
}

impl Nodes {
    fn new() -> Nodes {
        Nodes::with(&Rates::default())
    }

    fn with(rates: &Rates) -> Nodes {
        let world = World::new();
        let nodes = [world.node(rates), world.node(rates)];
        Nodes { world, nodes }
    }

    /// The node that the `n`th request comes to.
    fn node(&self, n: u32) -> &Services {
        &self.nodes[n as usize % 2].0
    }

    /// How often the store was asked about quotas.
    fn asked(&self) -> u32 {
        self.world.faults.calls("quotas.charge")
    }
}

fn within(narrow: &str) -> ClientInfo {
    ClientInfo { wider: vec![client("56").network, client("48").network], ..client(narrow) }
}

#[tokio::test]
async fn guesses_of_one_name_are_counted_over_all_nodes() {
    let nodes = Nodes::new();
    nodes.world.person("ann").await;
    let login = async |n, password| nodes.node(n).accounts.login("Ann", password, &client("x")).await;
    for attempt in 0..5 {
        refused!(login(attempt, "wrong horse").await, Error::CredentialsWrong);
    }
    let checked = nodes.world.hasher.verified();
    for node in [0, 1] {
        refused!(login(node, PASSWORD).await, Error::TooFast { pace: RateLimitKind::Login, retry_after } if retry_after == Span::seconds(30));
    }
    assert_eq!(nodes.world.hasher.verified(), checked, "a slowed login hashes nothing");
    nodes.world.clock.advance(Span::seconds(30));
    login(1, PASSWORD).await.unwrap();
    refused!(login(0, PASSWORD).await, Error::TooFast { pace: RateLimitKind::Login, retry_after } if retry_after == Span::seconds(30));
}

#[tokio::test]
async fn guesses_from_many_networks_are_counted_over_all_nodes() {
    let nodes = Nodes::new();
    let ann = nodes.world.person("ann").await;
    let login = async |n, from: ClientInfo, password| nodes.node(n).accounts.login("ann", password, &from).await;
    for attempt in 0..50 {
        let from = client(&format!("botnet {attempt}"));
        refused!(login(attempt, from, "wrong horse").await, Error::CredentialsWrong);
    }
    for node in [0, 1] {
        refused!(login(node, client("one more"), PASSWORD).await, Error::TooFast { pace: RateLimitKind::Login, retry_after } if retry_after == Span::seconds(5));
        let home = ClientInfo { network: ann.network.clone(), wider: Vec::new(), country: None };
        login(node, home, PASSWORD).await.unwrap();
    }
}

#[tokio::test]
async fn logins_from_one_network_are_counted_over_all_nodes() {
    let nodes = Nodes::new();
    let login = async |n: u32, from| nodes.node(n).accounts.login(&format!("name_{n}"), PASSWORD, &client(from)).await;
    for attempt in 0..20 {
        refused!(login(attempt, "net").await, Error::CredentialsWrong);
    }
    for attempt in [20, 21] {
        refused!(login(attempt, "net").await, Error::TooFast { pace: RateLimitKind::Login, retry_after } if retry_after == Span::seconds(5));
        refused!(login(attempt, "other").await, Error::CredentialsWrong);
    }
}

#[tokio::test]
async fn wrong_passwords_of_somebody_logged_in_are_counted_over_all_nodes() {
    let nodes = Nodes::new();
    let ann = nodes.world.person("ann").await;
    let change = async |n, current: &str| {
        let (password, current) = (Some("a new password".to_owned()), Some(current.to_owned()));
        let profile = Profile { password, current_password: current, ..Profile::default() };
        nodes.node(n).accounts.change(&ann, &ann.user.uid, profile).await
    };
    for attempt in 0..5 {
        refused!(change(attempt, "wrong horse").await, Error::CredentialsWrong);
    }
    for node in [0, 1] {
        refused!(change(node, PASSWORD).await, Error::TooFast { pace: RateLimitKind::Login, .. });
    }
}

#[tokio::test]
async fn accounts_of_one_network_are_counted_over_all_nodes() {
    let nodes = Nodes::new();
    let register =
        async |n: u32, from| nodes.node(n).accounts.register(&format!("name_{n}"), PASSWORD, &client(from)).await;
    for number in 0..5 {
        register(number, "net").await.unwrap();
    }
    for number in [6, 7] {
        refused!(register(number, "net").await, Error::TooFast { pace: RateLimitKind::Other, .. });
        register(number, "other").await.unwrap();
    }
}

#[tokio::test]
async fn guests_of_a_network_and_of_those_around_it_are_counted_over_all_nodes() {
    let nodes = Nodes::new();
    let mut made = 0;
    for number in 0..100 {
        // Ten from each narrow network, so that none is full by itself.
        let from = within(&format!("64-{}", number / 10));
        made += u32::from(nodes.node(number).accounts.guest(&from).await.is_ok());
    }
    assert_eq!(made, 40, "the /56 is full");
    for node in [0, 1] {
        refused!(nodes.node(node).accounts.guest(&within("64-0")).await, Error::TooFast { .. });
        nodes.node(node).accounts.guest(&client("elsewhere")).await.unwrap();
    }
}

#[tokio::test]
async fn guests_and_their_rooms_are_counted_for_the_whole_server() {
    let mut rates = Rates::default();
    rates.set(Quota::GuestOfServer, 6, Span::seconds(10));
    rates.set(Quota::RoomOfGuests, 4, Span::seconds(20));
    let nodes = Nodes::with(&rates);
    let (ann, mut guests) = (nodes.world.person("ann").await, Vec::new());
    for number in 0..6 {
        let from = client(&number.to_string());
        let login = nodes.node(number).accounts.guest(&from).await.unwrap();
        guests.push(Caller::of_session(login.user, login.session, from.network));
    }
    let refused = nodes.node(0).accounts.guest(&client("7")).await;
    refused!(refused, Error::TooFast { retry_after, .. } if retry_after == Span::seconds(10));

    let create = async |n, by| nodes.node(n).rooms.create(by, "lobby", "", None).await;
    for number in 0..4 {
        create(number, &guests[number as usize]).await.unwrap();
    }
    for node in [0, 1] {
        refused!(create(node, &guests[5]).await, Error::TooFast { retry_after, .. } if retry_after == Span::seconds(20));
        create(node, &ann).await.unwrap();
    }
}

#[tokio::test]
async fn rooms_of_one_user_are_counted_over_all_nodes() {
    let nodes = Nodes::new();
    let (ann, bob) = (nodes.world.person("ann").await, nodes.world.person("bob").await);
    let create = async |n, by| nodes.node(n).rooms.create(by, "lobby", "", None).await;
    for number in 0..10 {
        create(number, &ann).await.unwrap();
    }
    for node in [0, 1] {
        refused!(create(node, &ann).await, Error::TooFast { .. });
        create(node, &bob).await.unwrap();
    }
}

#[tokio::test]
async fn a_flood_is_refused_by_the_node_without_asking_the_store() {
    let nodes = Nodes::new();
    let guest = async || nodes.node(0).accounts.guest(&client("net")).await;
    for _ in 0..20 {
        guest().await.unwrap();
    }
    let asked = nodes.asked();
    for _ in 0..100 {
        refused!(guest().await, Error::TooFast { .. });
    }
    assert_eq!((asked, nodes.asked()), (20, 20), "one transaction for all quotas of a guest");
}

#[tokio::test]
async fn what_protects_a_node_only_is_counted_by_each_node() {
    let nodes = Nodes::new();
    let ann = nodes.world.person("ann").await;
    let rename = async |n, name: String| {
        let profile = Profile { display_name: Some(name), ..Profile::default() };
        nodes.node(n).accounts.change(&ann, &ann.user.uid, profile).await
    };
    for number in 0..6 {
        rename(number, format!("Ann {number}")).await.unwrap();
        nodes.node(number).accounts.ticket(&ann).await.unwrap();
    }
    for node in [0, 1] {
        refused!(rename(node, "Anna".to_owned()).await, Error::TooFast { .. });
    }
    assert_eq!(nodes.asked(), 0);
}

#[tokio::test]
async fn a_single_node_asks_the_store_about_no_quota() {
    let world = World::limited();
    let ann = world.person("ann").await;
    world.guest("a").await;
    world.room(&ann).await;
    refused!(world.services.accounts.login("ann", "wrong horse", &client("x")).await, Error::CredentialsWrong);
    world.services.operator.sweep().await.unwrap();
    assert_eq!((world.faults.calls("quotas.charge"), world.faults.calls("quotas.forget_full")), (0, 0));
}

#[tokio::test]
async fn while_the_store_cannot_count_nobody_gets_in() {
    let nodes = Nodes::new();
    let ann = nodes.world.person("ann").await;
    nodes.world.faults.always("quotas.charge", Fault::Busy);
    let (checked, accounts) = (nodes.world.hasher.verified(), &nodes.node(0).accounts);
    refused!(accounts.login("ann", PASSWORD, &client("ann")).await, Error::Busy { .. });
    refused!(accounts.register("bob", PASSWORD, &client("x")).await, Error::Busy { .. });
    refused!(accounts.guest(&client("x")).await, Error::Busy { .. });
    refused!(nodes.node(0).rooms.create(&ann, "lobby", "", None).await, Error::Busy { .. });
    assert_eq!(nodes.world.hasher.verified(), checked);
    nodes.world.faults.always("quotas.charge", Fault::Fail);
    refused!(accounts.login("ann", PASSWORD, &client("ann")).await, Error::Failed(_));
    nodes.world.faults.heal();
    accounts.login("ann", PASSWORD, &client("ann")).await.unwrap();

    // From afar, the second question may be the one that fails.
    nodes.world.faults.nth("quotas.charge", 2, Fault::Busy);
    refused!(accounts.login("ann", PASSWORD, &client("afar")).await, Error::Busy { .. });
}

#[tokio::test]
async fn buckets_are_forgotten_an_hour_after_they_were_full_again() {
    let nodes = Nodes::new();
    for number in 0..600 {
        // A network's bucket is full again after ten seconds, the server's after twelve.
        let accounts = &nodes.node(number).accounts;
        accounts.guest(&client(&format!("net {number}"))).await.unwrap();
    }
    let sweep = async || nodes.node(0).operator.sweep().await.unwrap();
    nodes.world.clock.advance(Span::seconds(3610));
    assert_eq!(sweep().await, Swept::default());
    nodes.world.clock.advance(Span::millis(1));
    assert_eq!((sweep().await.buckets, sweep().await.buckets), (600, 0));
    nodes.world.clock.advance(Span::seconds(2));
    assert_eq!(sweep().await, Swept { buckets: 1, ..Swept::default() });
}
