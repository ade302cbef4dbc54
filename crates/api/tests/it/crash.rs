//! The program killed while somebody posts as fast as it can, and stopped while people talk.

use crate::app::Person;
use crate::database::Database;
use crate::process::{Process, history, owner_and_room};
use crate::socket::{Next, Socket};
use crate::transcript::{Viewer, each_stands_once};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};

/// How often the program is killed.
const KILLS: usize = 10;

/// Messages acknowledged between two kills.
const BETWEEN: usize = 60;

/// Messages sent and not answered yet, at the most.
const IN_FLIGHT: usize = 64;

/// Somebody who posts, and repeats what was not acknowledged.
struct Poster {
    ann: Person,
    room: String,
    next: usize,
    waiting: VecDeque<usize>,
    acked: BTreeMap<usize, Value>,
}

impl Poster {
    /// Posts until `enough` messages are acknowledged; false when the connection was lost before.
    async fn post(&mut self, url: &str, enough: usize) -> bool {
        self.post_up_to(url, enough, usize::MAX).await
    }

    /// The same, beginning no message of this number or a higher one.
    async fn post_up_to(&mut self, url: &str, enough: usize, end: usize) -> bool {
        let Some(mut socket) = Socket::try_in_room(url, &self.ann, &self.room).await else { return false };
        let mut asked = BTreeMap::new();
        for number in self.waiting.clone() {
            let Some(id) = self.send(&mut socket, number).await else { return false };
            asked.insert(id, number);
        }
        while self.acked.len() < enough {
            while self.waiting.len() < IN_FLIGHT && self.next < end {
                let number = self.next;
                self.next += 1;
                self.waiting.push_back(number);
                let Some(id) = self.send(&mut socket, number).await else { return false };
                asked.insert(id, number);
            }
            let frame = match socket.next().await {
                Next::Text(frame) => frame,
                Next::Closed(_) => return false,
            };
            assert_ne!(frame["event"], "error", "{frame}");
            if frame["event"] == "ack"
                && let Some(number) = asked.remove(&frame["id"].as_i64().unwrap())
            {
                self.waiting.retain(|waiting| *waiting != number);
                self.acked.insert(number, frame["data"].clone());
            }
        }
        true
    }

    async fn send(&self, socket: &mut Socket, number: usize) -> Option<i64> {
        let data = json!({ "room": self.room, "text": format!("message {number}"), "nonce": format!("n{number}") });
        socket.try_start("sendMessage", data).await
    }
}

async fn every_acknowledged_message_survives(database: Database) {
    let mut process = Process::start(&database, None);
    let url = process.url.clone();
    let (ann, room) = owner_and_room(&url).await;
    let mut poster = Poster { ann, room: room.clone(), next: 0, waiting: VecDeque::new(), acked: BTreeMap::new() };
    let mut viewer = Viewer::default();
    for kill in 1..=KILLS {
        let watching = viewer.watch(&url, &room, None);
        let posting = async {
            while !poster.post(&url, kill * BETWEEN).await {}
            // In the middle of it: what is in flight now was sent, and nobody knows how far it came.
            process.kill();
        };
        futures_util::join!(watching, posting);
        process = Process::start(&database, Some(&url));
    }
    let in_flight = poster.waiting.len();
    assert!(in_flight > 0, "the last kill was in the middle of something");
    let all = poster.next;
    while !poster.post_up_to(&url, all, all).await {}

    let messages = history(&url, &room).await;
    assert_eq!(poster.acked.len(), messages.len(), "as many as were acknowledged");
    each_stands_once(&poster.acked, &messages);
    viewer.watch(&url, &room, Some(messages.len() as i64)).await;
    assert_eq!(viewer.seen.into_values().collect::<Vec<_>>(), messages, "the viewer's transcript is the history");
    process.kill();
}

#[actix_web::test]
async fn every_acknowledged_message_survives_ten_kills_on_sqlite() {
    every_acknowledged_message_survives(Database::sqlite()).await;
}

#[actix_web::test]
async fn every_acknowledged_message_survives_ten_kills_on_postgres() {
    every_acknowledged_message_survives(Database::postgres()).await;
}

async fn a_server_that_is_told_to_stop_drains(database: Database) {
    let process = Process::start(&database, None);
    let url = process.url.clone();
    let (ann, room) = owner_and_room(&url).await;
    let mut viewers = Vec::new();
    for _ in 0..20 {
        viewers.push(Socket::try_in_room(&url, &ann, &room).await.unwrap());
    }
    let mut poster = Poster { ann, room: room.clone(), next: 0, waiting: VecDeque::new(), acked: BTreeMap::new() };
    assert!(poster.post(&url, 100).await);
    let stopped = actix_web::rt::task::spawn_blocking(move || process.terminate());
    let posting = async { while poster.post(&url, usize::MAX).await {} };
    let closing = async {
        for viewer in &mut viewers {
            assert_eq!(viewer.closed().await, Some(1012));
        }
    };
    let (_, (), code) = futures_util::join!(posting, closing, stopped);
    assert_eq!(code.unwrap(), Some(0));
    let process = Process::start(&database, None);
    let url = process.url.clone();
    let messages = history(&url, &room).await;
    for (number, ack) in &poster.acked {
        assert!(messages.iter().any(|message| message["id"] == ack["id"]), "message {number} was acknowledged");
    }
    process.kill();
}

#[actix_web::test]
async fn a_server_that_is_told_to_stop_drains_on_sqlite() {
    a_server_that_is_told_to_stop_drains(Database::sqlite()).await;
}

#[actix_web::test]
async fn a_server_that_is_told_to_stop_drains_on_postgres() {
    a_server_that_is_told_to_stop_drains(Database::postgres()).await;
}
