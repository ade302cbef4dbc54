//! What happens to a chat of three nodes when one of them, the bus or the database dies at the worst moment.

use crate::cluster::{Cluster, Traffic, three_with_gates};
use crate::database::Database;
use crate::gate::Gate;
use crate::postgres::Postgres;
use actix_web::rt::time::sleep;
use std::time::{Duration, Instant};
use testkit::simulation::runtime::Chance;

/// How long what is away stays away: longer than the 2.5 s in which the log is read where the bus is away, also on a machine
/// that is busy with other tests.
const AWAY: Duration = Duration::from_secs(8);

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
                let seen = traffic.delays.borrow().len();
                sleep(AWAY).await;
                assert!(traffic.delays.borrow().len() > seen, "messages arrive while NATS is away");
                cluster.nats.start_again();
                traffic.some_more(100).await;
            }
        })
        .await;
    let longest = traffic.delays.borrow().iter().max().copied().unwrap_or(0);
    assert!(longest < AWAY.as_millis() as i64, "nothing waited for NATS: {longest} ms");
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
            sleep(Duration::from_secs(1)).await;
            postgres.recover().await;
            traffic.some_more(100).await;
        })
        .await;
}

#[actix_web::test]
async fn a_node_that_is_cut_off_from_nats_or_from_postgres_loses_nothing() {
    let (cluster, to_nats, to_postgres) = three_with_gates();
    let traffic = Traffic::prepare(&cluster).await;
    traffic
        .survives(async {
            for gate in [Gate::Shut, Gate::Stuck] {
                to_nats.set(gate);
                sleep(AWAY / 2).await;
                to_nats.set(Gate::Open);
                traffic.some_more(50).await;
                to_postgres.set(gate);
                sleep(AWAY / 2).await;
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

/// What chaos does next.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Kill(usize),
    Stop(usize),
    Nats,
    CutNats(Gate),
    CutPostgres(Gate),
}

/// Faults in an order that a seed decides, for CHAOS_SECONDS (20 unless set; CHAOS_SEED repeats a run).
#[actix_web::test]
async fn whatever_happens_in_whatever_order_nothing_is_lost_doubled_or_out_of_order() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seed = number("CHAOS_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let end = Instant::now() + Duration::from_secs(number("CHAOS_SECONDS").unwrap_or(20));
    let chance = Chance::new(seed);
    let (mut cluster, to_nats, to_postgres) = three_with_gates();
    let traffic = Traffic::prepare(&cluster).await;
    let mut faults = 0;
    traffic
        .survives(async {
            while Instant::now() < end {
                let gate = if chance.permille(500) { Gate::Shut } else { Gate::Stuck };
                let fault = match chance.below(6) {
                    0 | 1 => Fault::Kill(chance.below(3)),
                    2 => Fault::Stop(chance.below(3)),
                    3 => Fault::Nats,
                    4 => Fault::CutNats(gate),
                    _ => Fault::CutPostgres(gate),
                };
                let wait = Duration::from_millis(chance.between(100, 3_000).unsigned_abs());
                eprintln!("chaos {seed}: {fault:?} for {wait:?}");
                match fault {
                    Fault::Kill(node) => {
                        cluster.kill(node);
                        sleep(wait).await;
                        cluster.start_again(node).await;
                    }
                    Fault::Stop(node) => {
                        assert_eq!(cluster.terminate(node).await, Some(0));
                        sleep(wait).await;
                        cluster.start_again(node).await;
                    }
                    Fault::Nats => {
                        cluster.nats.stop();
                        sleep(wait).await;
                        cluster.nats.start_again();
                    }
                    Fault::CutNats(gate) => {
                        to_nats.set(gate);
                        sleep(wait).await;
                        to_nats.set(Gate::Open);
                    }
                    Fault::CutPostgres(gate) => {
                        to_postgres.set(gate);
                        sleep(wait).await;
                        to_postgres.set(Gate::Open);
                    }
                }
                faults += 1;
                traffic.some_more(10).await;
            }
        })
        .await;
    let mut delays = traffic.delays.take();
    delays.sort_unstable();
    let at = |share: usize| delays.get(delays.len() * share / 1000).copied().unwrap_or(0);
    eprintln!(
        "chaos {seed}: {faults} faults, {} messages, delays p50 {} ms, p99 {} ms, max {} ms",
        delays.len() / 3,
        at(500),
        at(990),
        delays.last().copied().unwrap_or(0)
    );
}
