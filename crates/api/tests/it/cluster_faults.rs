//! What happens to a chat of three nodes when one of them, the bus or the database dies at the worst moment.

use crate::cluster::{Cluster, Traffic, gate_before};
use crate::database::Database;
use crate::gate::{Gate, PostgresGate};
use crate::postgres::Postgres;
use actix_web::rt::time::sleep;
use std::time::Duration;
use testkit::nats::NatsServer;

/// How long what is away stays away.
const AWAY: Duration = Duration::from_secs(4);

#[actix_web::test]
async fn a_node_that_is_killed_under_load_loses_nothing_and_its_viewers_go_on_elsewhere() {
    let mut cluster = Cluster::start(3);
    let traffic = Traffic::prepare(&cluster).await;
    traffic
        .survives(async {
            for node in [1, 2] {
                cluster.kill(node);
                traffic.some_more(100).await;
                cluster.start_again(node).await;
                traffic.some_more(100).await;
            }
        })
        .await;
}

#[actix_web::test]
async fn a_nats_server_that_dies_and_comes_back_only_delays() {
    let mut cluster = Cluster::start(3);
    let traffic = Traffic::prepare(&cluster).await;
    traffic
        .survives(async {
            for _ in 0..2 {
                cluster.nats.stop();
                sleep(AWAY).await;
                traffic.some_more(20).await;
                cluster.nats.start_again();
                traffic.some_more(100).await;
            }
        })
        .await;
    assert!(traffic.closed.borrow().is_empty(), "nobody was disconnected: {:?}", traffic.closed);
}

#[actix_web::test]
async fn a_postgres_that_crashes_and_recovers_loses_nothing() {
    let postgres = Postgres::start();
    let cluster = Cluster::start_on(Database::at(postgres.url.clone()), 3);
    let traffic = Traffic::prepare(&cluster).await;
    traffic
        .survives(async {
            postgres.crash().await;
            sleep(AWAY / 4).await;
            postgres.recover().await;
            traffic.some_more(100).await;
        })
        .await;
}

#[actix_web::test]
async fn a_node_that_is_cut_off_from_nats_or_from_postgres_loses_nothing() {
    let (database, nats) = (Database::postgres(), NatsServer::start());
    let (to_nats, to_postgres) = (gate_before(&nats), PostgresGate::before(&database.url));
    let usual = (nats.url(), database.url.clone());
    let ways = vec![
        usual.clone(),
        (format!("nats://{}", to_nats.address()), usual.1.clone()),
        (usual.0, to_postgres.url.clone()),
    ];
    let cluster = Cluster::start_by(database, nats, ways);
    let traffic = Traffic::prepare(&cluster).await;
    traffic
        .survives(async {
            for gate in [Gate::Shut, Gate::Stuck] {
                to_nats.set(gate);
                sleep(AWAY).await;
                to_nats.set(Gate::Open);
                traffic.some_more(50).await;
                to_postgres.set(gate);
                sleep(AWAY).await;
                to_postgres.set(Gate::Open);
                traffic.some_more(50).await;
            }
        })
        .await;
}

#[actix_web::test]
async fn a_deploy_node_by_node_closes_with_1012_and_loses_nothing() {
    let mut cluster = Cluster::start(3);
    let traffic = Traffic::prepare(&cluster).await;
    traffic
        .survives(async {
            for node in [0, 1, 2, 0, 1, 2] {
                assert_eq!(cluster.terminate(node).await, Some(0));
                cluster.start_again(node).await;
                traffic.some_more(20).await;
            }
        })
        .await;
    let closed = traffic.closed.borrow();
    assert!(closed.len() >= 3, "every viewer met a node that stopped");
    assert!(closed.iter().all(|code| *code == Some(1012)), "{closed:?}");
}
