//! A disk that is full: nothing more is written, everything is read, and it goes on when there is room again.

use crate::app::Person;
use crate::database::Database;
use crate::process::{Process, history, metric, owner_and_room};
use crate::socket::{Next, Socket};
use crate::transcript::{Viewer, each_stands_once};
use awc::http::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::process::Stdio;

/// How much the largest file of the data may still grow: the log of SQLite, which begins anew at 4 MiB.
const SPACE: u64 = 2 * 1024 * 1024;

/// Messages sent and not answered yet: they share transactions, and those transactions fail.
const IN_FLIGHT: usize = 32;

/// More than fit.
const TOO_MANY: usize = 20_000;

fn largest(database: &Database) -> u64 {
    let files = std::fs::read_dir(database.folder()).unwrap().map(|file| file.unwrap());
    let is_written =
        |file: &std::fs::DirEntry| !["test.db-shm", "test.db.reserve"].iter().any(|name| file.file_name() == *name);
    files.filter(is_written).map(|file| file.metadata().unwrap().len()).max().unwrap()
}

/// Posts by number.
struct Poster {
    socket: Socket,
    room: String,
    next: usize,
    asked: BTreeMap<i64, usize>,
    acked: BTreeMap<usize, Value>,
    refused: BTreeSet<usize>,
}

impl Poster {
    async fn send(&mut self, number: usize) {
        let text = format!("message {number}");
        let data = json!({ "room": self.room, "text": text, "nonce": format!("n{number}") });
        let id = self.socket.start("sendMessage", data).await;
        self.asked.insert(id, number);
    }

    async fn send_new(&mut self) {
        self.next += 1;
        self.send(self.next - 1).await;
    }

    /// The next answer: whether it was yes.
    async fn answer(&mut self) -> bool {
        loop {
            let Next::Text(frame) = self.socket.next().await else { panic!("a poster was closed") };
            let Some(number) = frame["id"].as_i64().and_then(|id| self.asked.remove(&id)) else { continue };
            let problem = &frame["data"];
            if frame["event"] == "ack" {
                self.acked.insert(number, frame["data"].clone());
                return true;
            }
            assert_eq!((&problem["code"], &problem["status"]), (&json!("storage_full"), &json!(503)), "{problem}");
            assert_eq!(problem["retryAfter"], 30, "{problem}");
            self.refused.insert(number);
            return false;
        }
    }
}

/// A server whose disk can be filled, and those who use it.
struct Scene {
    database: Database,
    process: Process,
    metrics: String,
    ann: Person,
    room: String,
    poster: Poster,
}

impl Scene {
    async fn start() -> Scene {
        let database = Database::sqlite();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let metrics = format!("127.0.0.1:{port}");
        let settings = [("LOG", "error"), ("METRICS_LISTEN", metrics.as_str())];
        let process = Process::start_with(&database, None, &settings, Stdio::piped());
        let (ann, room) = owner_and_room(&process.url).await;
        let socket = Socket::try_in_room(&process.url, &ann, &room).await.unwrap();
        let (asked, acked, refused) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        let poster = Poster { socket, room: room.clone(), next: 0, asked, acked, refused };
        Scene { database, process, metrics, ann, room, poster }
    }

    /// Posts until all that is on its way was refused: the disk is full for whatever comes.
    async fn fill(&mut self) {
        self.process.limit_files(Some(largest(&self.database) + SPACE));
        let poster = &mut self.poster;
        for _ in 0..IN_FLIGHT {
            poster.send_new().await;
        }
        while poster.refused.len() < 2 * IN_FLIGHT {
            assert!(poster.next < TOO_MANY, "the disk never was full");
            poster.answer().await;
            poster.send_new().await;
        }
        while !poster.asked.is_empty() {
            poster.answer().await;
        }
        assert!(poster.acked.len() > 10, "{} fitted", poster.acked.len());
    }

    async fn look(&self, path: &str) -> (u16, String) {
        look(&format!("{}{path}", self.process.url)).await
    }

    async fn metrics(&self) -> String {
        look(&format!("http://{}/metrics", self.metrics)).await.1
    }

    /// The status of what ann does.
    async fn act(&self, method: Method, path: &str, body: &Value) -> u16 {
        let request = awc::Client::default().request(method, format!("{}{path}", self.process.url));
        request.bearer_auth(&self.ann.token).send_json(body).await.unwrap().status().as_u16()
    }

    /// Lets files grow again, and waits until the server has found out.
    async fn make_room(&self) {
        self.process.limit_files(None);
        while self.look("/health/ready").await.0 != 200 {}
    }
}

async fn look(url: &str) -> (u16, String) {
    let mut reply = awc::Client::default().get(url).send().await.unwrap();
    (reply.status().as_u16(), String::from_utf8(reply.body().await.unwrap().to_vec()).unwrap())
}

#[actix_web::test]
async fn a_full_disk_refuses_what_is_new_shows_what_is_there_and_goes_on_when_there_is_room() {
    let mut scene = Scene::start().await;
    let url = scene.process.url.clone();
    let mut watching = Socket::try_anonymous(&url).await.unwrap();
    watching.start("join", json!({ "uid": scene.room })).await;
    assert_eq!(scene.look("/health/ready").await.0, 200);
    assert_eq!(metric(&scene.metrics().await, "banter_storage_full").as_deref(), Some("0"));

    scene.fill().await;
    each_stands_once(&scene.poster.acked, &history(&url, &scene.room).await);
    assert_eq!(scene.act(Method::POST, "/rooms", &json!({ "name": "Other" })).await, 503, "whatever writes is refused");
    let (status, problem) = scene.look("/health/ready").await;
    assert!(status == 503 && problem.contains("storage_full"), "{problem}");
    assert_eq!(metric(&scene.metrics().await, "banter_storage_full").as_deref(), Some("1"));

    scene.make_room().await;
    assert_eq!(metric(&scene.metrics().await, "banter_storage_full").as_deref(), Some("0"));
    let poster = &mut scene.poster;
    for number in std::mem::take(&mut poster.refused) {
        poster.send(number).await;
    }
    while !poster.asked.is_empty() {
        assert!(poster.answer().await, "there is room");
    }
    let messages = history(&url, &scene.room).await;
    each_stands_once(&poster.acked, &messages);
    assert_eq!(messages.len(), poster.next, "each message stands once in the end");
    let mut viewer = Viewer::default();
    while viewer.head < messages.len() as i64 {
        let Next::Text(frame) = watching.next().await else { panic!("a viewer was closed") };
        viewer.receive(&frame);
    }
    assert_eq!(viewer.seen.into_values().collect::<Vec<_>>(), messages, "the viewer's transcript is the history");
    let log = scene.process.log();
    assert_eq!(log.matches("the disk is full").count(), 1, "once a minute: {log}");
}

#[actix_web::test]
async fn on_a_full_disk_deletions_take_from_the_reserve_that_nothing_else_may_take() {
    let mut scene = Scene::start().await;
    let url = scene.process.url.clone();
    scene.fill().await;
    let there = history(&url, &scene.room).await;
    let last = there.last().unwrap()["id"].as_i64().unwrap();
    assert_eq!(scene.act(Method::DELETE, &format!("/messages/{last}"), &Value::Null).await, 204);
    assert_eq!(history(&url, &scene.room).await, there[..there.len() - 1]);
    let post = json!({ "room": scene.room, "message": "more" });
    assert_eq!(scene.act(Method::POST, "/messages", &post).await, 503, "the reserve is for deletions");
    assert_eq!(scene.look("/health/ready").await.0, 503);
    assert_eq!(scene.act(Method::DELETE, &format!("/rooms/{}/messages", scene.room), &Value::Null).await, 204);
    assert_eq!(history(&url, &scene.room).await, Vec::<Value>::new());
    scene.make_room().await;
    assert_eq!(scene.act(Method::POST, "/messages", &post).await, 201);
    scene.process.kill();
}
