//! A disk that is full: nothing more is written, everything is read, and it goes on when there is room again.

use crate::database::Database;
use crate::process::{Process, history, owner_and_room};
use crate::socket::{Next, Socket};
use crate::transcript::{Viewer, each_stands_once};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;

/// How much the largest file of the data may still grow.
const SPACE: u64 = 2 * 1024 * 1024;

/// Messages sent and not answered yet: they share transactions, and those transactions fail.
const IN_FLIGHT: usize = 32;

/// More than fit.
const TOO_MANY: usize = 20_000;

fn largest(database: &Database) -> u64 {
    let files = std::fs::read_dir(database.folder()).unwrap().map(|file| file.unwrap());
    files.filter(|file| file.file_name() != "test.db-shm").map(|file| file.metadata().unwrap().len()).max().unwrap()
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
            assert_eq!((&problem["code"], &problem["status"]), (&json!("busy"), &json!(503)), "{problem}");
            assert!(problem["retryAfter"].as_i64().is_some_and(|seconds| seconds >= 1), "{problem}");
            self.refused.insert(number);
            return false;
        }
    }
}

#[actix_web::test]
async fn a_full_disk_refuses_what_is_new_shows_what_is_there_and_goes_on_when_there_is_room() {
    let database = Database::sqlite();
    let process = Process::start_with(&database, None, &[("LOG", "off")], Stdio::inherit());
    let url = process.url.clone();
    let (ann, room) = owner_and_room(&url).await;
    let mut watching = Socket::try_anonymous(&url).await.unwrap();
    watching.start("join", json!({ "uid": room })).await;
    let socket = Socket::try_in_room(&url, &ann, &room).await.unwrap();
    let (asked, acked, refused) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
    let mut poster = Poster { socket, room: room.clone(), next: 0, asked, acked, refused };

    process.limit_files(Some(largest(&database) + SPACE));
    for _ in 0..IN_FLIGHT {
        poster.send_new().await;
    }
    // Until all that is on its way was refused: the disk is full for whatever comes.
    while poster.refused.len() < 2 * IN_FLIGHT {
        assert!(poster.next < TOO_MANY, "the disk never was full");
        poster.answer().await;
        poster.send_new().await;
    }
    assert!(poster.acked.len() >= IN_FLIGHT, "{} fitted", poster.acked.len());
    let there = history(&url, &room).await;
    each_stands_once(&poster.acked, &there);
    let client = awc::Client::default();
    let register = json!({ "username": "bob", "password": crate::app::PASSWORD });
    let refused = client.post(format!("{url}/users/register")).send_json(&register).await.unwrap();
    assert_eq!(refused.status().as_u16(), 503, "whatever writes is refused");

    process.limit_files(None);
    while !poster.asked.is_empty() {
        poster.answer().await;
    }
    for number in std::mem::take(&mut poster.refused) {
        poster.send(number).await;
    }
    while !poster.asked.is_empty() {
        assert!(poster.answer().await, "there is room");
    }
    let messages = history(&url, &room).await;
    each_stands_once(&poster.acked, &messages);
    assert_eq!(messages.len(), poster.next, "each message stands once in the end");
    let mut viewer = Viewer::default();
    while viewer.head < messages.len() as i64 {
        let Next::Text(frame) = watching.next().await else { panic!("a viewer was closed") };
        viewer.hear(&frame);
    }
    assert_eq!(viewer.seen.into_values().collect::<Vec<_>>(), messages, "the viewer's transcript is the history");
    process.kill();
}
