//! What must hold of a log whatever happened to the server: each acknowledged message once, and viewers who saw just that.

use crate::socket::{Next, Socket};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a viewer saw: the log as its frames told it, over all connections.
#[derive(Default)]
pub struct Viewer {
    /// By seq.
    pub seen: BTreeMap<i64, Value>,
    /// The latest seq.
    pub head: i64,
}

impl Viewer {
    /// Goes on from where it was, until the server is gone or everything up to `last` was seen.
    pub async fn watch(&mut self, url: &str, room: &str, last: Option<i64>) {
        let Some(mut socket) = Socket::try_anonymous(url).await else { return };
        if socket.try_start("join", json!({ "uid": room, "since": self.head })).await.is_none() {
            return;
        }
        while last.is_none_or(|last| self.head < last) {
            let Next::Text(frame) = socket.next().await else { return };
            self.receive(&frame);
        }
    }

    /// Takes a frame.
    pub fn receive(&mut self, frame: &Value) {
        match frame["event"].as_str().unwrap() {
            "message" => self.see(&frame["data"]),
            "room_messages" => frame["data"]["messages"].as_array().unwrap().iter().for_each(|m| self.see(m)),
            "reset" => panic!("a viewer who never was far behind was reset: {frame}"),
            _ => {}
        }
    }

    fn see(&mut self, message: &Value) {
        let seq = message["seq"].as_i64().unwrap();
        assert!(seq > self.head, "{seq} came after {}: doubled or out of order", self.head);
        self.head = seq;
        self.seen.insert(seq, message.clone());
    }
}

/// Holds the acks of messages `message 0`, `message 1` … against the history: each stands there once, under the number it was
/// acknowledged with, and the log is one order without gaps.
#[track_caller]
pub fn each_stands_once(acked: &BTreeMap<usize, Value>, history: &[Value]) {
    let mut by_text: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for message in history {
        by_text.entry(message["message"].as_str().unwrap()).or_default().push(message);
    }
    for (number, ack) in acked {
        let found = &by_text[format!("message {number}").as_str()];
        assert_eq!(found.len(), 1, "message {number} stands once");
        assert_eq!((&found[0]["id"], &found[0]["seq"]), (&ack["id"], &ack["seq"]), "message {number}");
    }
    let seqs: Vec<i64> = history.iter().map(|message| message["seq"].as_i64().unwrap()).collect();
    assert_eq!(seqs, (1..=history.len() as i64).collect::<Vec<_>>(), "one order without gaps");
}
