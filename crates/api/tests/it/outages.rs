//! The database goes away under load and comes back: everybody is told soon, nothing that was acknowledged is lost or doubled,
//! and whoever is connected stays.

use crate::app::Person;
use crate::database::Database;
use crate::gate::{Gate, PostgresGate};
use crate::postgres::Postgres;
use crate::process::{Process, history, owner_and_room};
use crate::socket::{Next, Socket};
use crate::transcript::{Viewer, each_stands_once};
use actix_web::rt::time::sleep;
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How many post at once.
const POSTERS: usize = 8;

/// Messages acknowledged before the outage, and after it.
const SOME: usize = 100;

/// An answer takes at most 5 s, whatever the database does: 2 s for a turn and 3 s for the work. The rest is for a machine
/// that is busy with other tests.
const SOON: Duration = Duration::from_secs(12);

/// A database that refuses connections costs nobody any waiting.
const AT_ONCE: Duration = Duration::from_millis(500);

/// What the database does with those who ask it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outage {
    Refuses,
    Hangs,
}

/// What those who post have been told so far.
#[derive(Default)]
struct Load {
    next: Cell<usize>,
    refused: Cell<usize>,
    acked: RefCell<BTreeMap<usize, Value>>,
    over: Cell<bool>,
}

impl Load {
    /// Posts until it is over, each message again until it is acknowledged.
    async fn post(&self, url: &str, ann: &Person, room: &str) {
        let mut socket = Socket::try_in_room(url, ann, room).await.expect("a socket");
        while !self.over.get() {
            let number = self.next.replace(self.next.get() + 1);
            let message = json!({ "room": room, "text": format!("message {number}"), "nonce": format!("n{number}") });
            loop {
                match soon(socket.ask("sendMessage", message.clone())).await {
                    Ok(ack) => break drop(self.acked.borrow_mut().insert(number, ack)),
                    Err(problem) => self.refused_as_busy(&problem),
                }
                sleep(Duration::from_millis(20)).await;
            }
        }
    }

    #[track_caller]
    fn refused_as_busy(&self, problem: &Value) {
        assert_eq!((&problem["code"], &problem["status"]), (&json!("busy"), &json!(503)), "{problem}");
        assert!(problem["retryAfter"].as_i64().is_some_and(|seconds| seconds >= 1), "{problem}");
        self.refused.set(self.refused.get() + 1);
    }

    async fn until_acked(&self, more: usize) {
        let enough = self.acked.borrow().len() + more;
        until("messages are acknowledged", || self.acked.borrow().len() >= enough).await;
    }

    async fn until_refused(&self, more: usize) {
        let enough = self.refused.get() + more;
        until("messages are refused", || self.refused.get() >= enough).await;
    }
}

async fn until(what: &str, so: impl Fn() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < Duration::from_secs(60), "it did not come true that {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[track_caller]
fn soon<T>(answer: impl Future<Output = T>) -> impl Future<Output = T> {
    let answer = tokio::time::timeout(SOON, answer);
    async { answer.await.expect("an answer soon") }
}

/// A request whose status is told, and the code of the problem, if it is one.
async fn ask(request: awc::ClientRequest, body: Option<Value>) -> (u16, Option<String>) {
    let request = request.timeout(SOON);
    let sent = match body {
        Some(body) => request.send_json(&body).await,
        None => request.send().await,
    };
    let mut reply = sent.expect("an answer soon");
    let body: Option<Value> = reply.json().limit(1 << 20).await.ok();
    (reply.status().as_u16(), body.and_then(|body| body["code"].as_str().map(str::to_owned)))
}

/// What everybody meets who comes while the database is away.
async fn while_it_is_away(url: &str, ann: &Person, room: &str, connected: &mut Socket) {
    let client = awc::Client::default();
    let page = ask(client.get(format!("{url}/rooms/{room}/messages")), None);
    let message = json!({ "room": room, "message": "over HTTP" });
    let post = ask(client.post(format!("{url}/messages")).bearer_auth(&ann.token), Some(message));
    let ready = ask(client.get(format!("{url}/health/ready")), None);
    let live = ask(client.get(format!("{url}/health/live")), None);
    let socket = async {
        soon(connected.say("/echo still here")).await.expect("who is connected stays");
        soon(connected.ask("join", json!({ "uid": room }))).await
    };
    let frame = ask(client.get(format!("{url}/embed.html?room={room}")), None);
    let (page, post, ready, live, socket, frame) = futures_util::join!(page, post, ready, live, socket, frame);
    // From memory in the first seconds, then a page that comes back by itself. Without its pages the server knows none.
    assert!(matches!(frame, (200 | 503, None) | (404, _)), "{frame:?}");
    let busy = (503, Some("busy".to_owned()));
    assert_eq!((page, post), (busy.clone(), busy));
    assert_eq!((ready.0, live.0), (503, 200));
    // In the first seconds a room in use is entered from memory.
    assert!(socket.as_ref().map_or_else(|problem| problem["code"] == "busy", |_| true), "{socket:?}");
}

/// How long the fastest of some refusals took: the others may have waited for other tests.
async fn fastest_refusal(url: &str, room: &str) -> Duration {
    let mut fastest = SOON;
    for _ in 0..5 {
        let began = Instant::now();
        let page = awc::Client::default().get(format!("{url}/rooms/{room}/messages"));
        assert_eq!(ask(page, None).await.0, 503);
        fastest = fastest.min(began.elapsed());
    }
    fastest
}

/// `end` and `mend` do it to the database. A message that was cut off in the middle may or may not have been written; with
/// its nonce it stands once.
async fn nothing_is_lost(database: &Database, outage: Outage, end: impl AsyncFn(), mend: impl AsyncFn()) {
    let process = Process::start_with(database, None, &[("LOG", "off")], std::process::Stdio::inherit());
    let url = process.url.clone();
    let (ann, room) = owner_and_room(&url).await;
    let mut connected = Socket::try_anonymous(&url).await.unwrap();
    let mut watching = Socket::try_anonymous(&url).await.unwrap();
    watching.start("join", json!({ "uid": room })).await;
    let (load, mut viewer) = (Load::default(), Viewer::default());

    let watch = async {
        while viewer.seen.last_key_value().is_none_or(|(_, latest)| latest["message"] != "the end") {
            match watching.next().await {
                Next::Text(frame) => viewer.receive(&frame),
                Next::Closed(code) => panic!("a viewer was closed with {code:?}"),
            }
        }
    };
    let post = async {
        futures_util::future::join_all((0..POSTERS).map(|_| load.post(&url, &ann, &room))).await;
        // The connections of requests are found again a moment after those of the writers.
        let message = json!({ "room": room, "message": "the end", "nonce": "the end" });
        let say = async || {
            let post = awc::Client::default().post(format!("{url}/messages")).bearer_auth(&ann.token);
            ask(post, Some(message.clone())).await
        };
        let began = Instant::now();
        let mut answer = say().await;
        while answer == (503, Some("busy".to_owned())) && began.elapsed() < SOON {
            sleep(Duration::from_millis(50)).await;
            answer = say().await;
        }
        assert_eq!(answer, (201, None));
    };
    let direct = async {
        load.until_acked(SOME).await;
        end().await;
        load.until_refused(POSTERS).await;
        while_it_is_away(&url, &ann, &room, &mut connected).await;
        if outage == Outage::Refuses {
            assert!(fastest_refusal(&url, &room).await < AT_ONCE, "a refusal within {AT_ONCE:?}");
        }
        mend().await;
        load.until_acked(SOME).await;
        load.over.set(true);
    };
    futures_util::join!(watch, post, direct);

    // Reading has connections of its own, which are found again a moment later than those of posting.
    let (began, page) = (Instant::now(), format!("{url}/rooms/{room}/messages"));
    while ask(awc::Client::default().get(&page), None).await.0 != 200 {
        assert!(began.elapsed() < SOON, "the history can be read again");
        sleep(Duration::from_millis(50)).await;
    }
    let (acked, messages) = (load.acked.into_inner(), history(&url, &room).await);
    each_stands_once(&acked, &messages);
    assert_eq!(messages.len(), acked.len() + 1, "what was posted, and the end");
    assert_eq!(viewer.seen.into_values().collect::<Vec<_>>(), messages, "the viewer's transcript is the history");
    let ready = awc::Client::default().get(format!("{url}/health/ready"));
    assert_eq!(ask(ready, None).await.0, 200);
    process.kill();
}

#[actix_web::test]
async fn a_postgres_that_crashes_under_load_and_recovers_loses_nothing() {
    let postgres = Postgres::start();
    let database = Database::at(postgres.url.clone());
    nothing_is_lost(&database, Outage::Refuses, async || postgres.crash().await, async || postgres.recover().await)
        .await;
}

#[actix_web::test]
async fn a_postgres_that_cannot_be_reached_under_load_is_found_again_and_loses_nothing() {
    let postgres = Postgres::start();
    let gateway = PostgresGate::before(&postgres.url);
    let database = Database::at(gateway.url.clone());
    nothing_is_lost(&database, Outage::Refuses, async || gateway.set(Gate::Shut), async || gateway.set(Gate::Open))
        .await;
}

#[actix_web::test]
async fn a_postgres_that_hangs_under_load_keeps_nobody_waiting_and_loses_nothing() {
    let postgres = Postgres::start();
    let gateway = PostgresGate::before(&postgres.url);
    let database = Database::at(gateway.url.clone());
    nothing_is_lost(&database, Outage::Hangs, async || gateway.set(Gate::Stuck), async || gateway.set(Gate::Open))
        .await;
}

/// The promise of docs/architecture.md: 10 s, also when nobody answers.
#[actix_web::test]
async fn a_server_whose_database_hangs_still_stops() {
    let postgres = Postgres::start();
    let gateway = PostgresGate::before(&postgres.url);
    let database = Database::at(gateway.url.clone());
    let process = Process::start_with(&database, None, &[("LOG", "off")], std::process::Stdio::inherit());
    let url = process.url.clone();
    let (ann, room) = owner_and_room(&url).await;
    let mut socket = Socket::try_in_room(&url, &ann, &room).await.unwrap();
    socket.say("hello").await.unwrap();
    gateway.set(Gate::Stuck);
    for number in 0..4 {
        socket.start("sendMessage", json!({ "text": format!("unheard {number}") })).await;
    }
    assert_eq!(soon(socket.until("error")).await["code"], "busy");
    let stopped = actix_web::rt::task::spawn_blocking(move || process.terminate());
    let stopped = tokio::time::timeout(Duration::from_secs(10 + 5), stopped).await;
    gateway.set(Gate::Open);
    stopped.expect("it stops").unwrap();
}
