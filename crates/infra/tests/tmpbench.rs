//! tmp
mod support;
use domain::ports::log::*;
use std::time::Instant;
use support::Database;
use testkit::builders::*;
fn run(database: Database, rooms: usize, tasks: usize, each: usize, paced: bool) {
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    rt.block_on(async {
        let bus = std::sync::Arc::new(infra::effects::bus::LocalBus::default());
        let store = database.open_with(infra::Options::default(), bus);
        let (subject, _s2) = database.subject();
        let mut places = vec![];
        for n in 0..rooms {
            let (room, owner) = subject.room(&format!("r{n}"), &format!("own{n}")).await;
            places.push((room.id, subject.member(room.id, &owner).await));
        }
        let began = Instant::now();
        let mut set = tokio::task::JoinSet::new();
        for t in 0..tasks {
            let (room, actor) = places[t % rooms].clone();
            let log = store.log.clone();
            set.spawn(async move {
                let mut worst = std::time::Duration::ZERO;
                let mut busy = 0;
                for n in 0..each {
                    let mut act = post(draft_named("hello hello hello hello hello", &format!("{t}-{n}")));
                    if paced && let Act::Post { pace, .. } = &mut act {
                        *pace = Some(domain::model::time::Span::ZERO)
                    }
                    let e = Entry { room, actor: actor.clone(), at: NOON, act };
                    let b = Instant::now();
                    if log.append(e).await.is_err() {
                        busy += 1
                    }
                    worst = worst.max(b.elapsed());
                }
                (worst, busy)
            });
        }
        let r = set.join_all().await;
        let total = tasks * each;
        let s = began.elapsed().as_secs_f64();
        eprintln!(
            "rooms {rooms} tasks {tasks} paced {paced}: {:.0}/s worst {:?} busy {}",
            total as f64 / s,
            r.iter().map(|x| x.0).max().unwrap(),
            r.iter().map(|x| x.1).sum::<i32>()
        );
        let b = Instant::now();
        for _ in 0..1000 {
            store.history.messages(places[0].0, From::End, 50).await.unwrap();
        }
        eprintln!("  page of 50: {:?}", b.elapsed() / 1000);
        let b = Instant::now();
        for _ in 0..1000 {
            store.history.snapshot(places[0].0, 50).await.unwrap();
        }
        eprintln!("  snapshot of 50: {:?}", b.elapsed() / 1000);
        let b = Instant::now();
        for _ in 0..1000 {
            store.accounts.user(places[0].1.user.id).await.unwrap();
        }
        eprintln!("  user: {:?}", b.elapsed() / 1000);
    });
}
#[test]
fn bench() {
    for d in [Database::postgres as fn() -> Database] {
        run(d(), 1, 500, 100, false);
        run(d(), 100, 500, 100, true);
    }
}
