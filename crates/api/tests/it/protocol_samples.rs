//! One of each server frame, made by the server's own code with every optional field that the document shows.

use api::problem::{Code, Problem};
use api::realtime::protocol::{Answer, HEARTBEAT_MS, Reconnect, Server};
use api::view::{MessageView, RoomView, RulesView, UserView};
use serde::Serialize;
use serde_json::{Value, json};

fn value(frame: &impl Serialize) -> Value {
    serde_json::to_value(frame).unwrap()
}

fn user() -> UserView {
    UserView {
        uid: "abcDEF0123".to_owned(),
        display_name: "Ann".to_owned(),
        picture: None,
        country_code: None,
        roles: vec!["registered"],
    }
}

fn message() -> MessageView {
    MessageView {
        id: 9,
        seq: 43,
        room: "abcDEF012345".to_owned(),
        timestamp: 0,
        message: "hello".to_owned(),
        kind: None,
        user: user(),
        reply_to: None,
    }
}

/// All frames.
pub fn all() -> Vec<Value> {
    let room = "abcDEF012345";
    let settings = RoomView {
        uid: room.to_owned(),
        name: "Lobby".to_owned(),
        description: String::new(),
        slow_mode: 0,
        rules: RulesView { max_length: 500, max_lines: 12, links: true, read: "everyone" },
        allowed_sites: Vec::new(),
        site: None,
        pinned: None,
        timestamp: 0,
    };
    let mut slow = Problem::new(Code::SlowMode, "slow mode");
    slow.retry_after = Some(12);
    let frames = [
        Server::Welcome {
            connection: 12,
            heartbeat: HEARTBEAT_MS,
            reconnect: Reconnect { base: 500, cap: 20_000, window: 500 },
        },
        Server::AuthUpdated { user: Some(&user()), token: None },
        Server::AuthExpiring { expires_in: 60 },
        Server::RoomUpdated { room: &settings, seq: Some(42) },
        Server::RoomMessages { room, messages: &[], head: 42, epoch: 1 },
        Server::RoomUsers { room, count: 3, users: &[] },
        Server::Message(&message()),
        Server::MessageDeleted { room, seq: 44, ids: [9] },
        Server::RoomPurged { room, seq: 45, user: Some("abcDEF0123") },
        Server::UserModerated { room, seq: 46, user: &user(), action: "timeout", until: Some(1) },
        Server::UserUpdated { user: &user() },
        Server::Presence { room, count: 4 },
        Server::System { kind: "command", text: "" },
        Server::Reset { room, reason: "behind", seq: None },
        Server::Ping {},
    ]
    .map(|frame| value(&frame));
    let ack = value(&Answer { event: "ack", id: Some(6), data: &json!({ "id": 9, "seq": 43, "timestamp": 0 }) });
    let error = value(&Answer { event: "error", id: Some(6), data: &slow.view("") });
    frames.into_iter().chain([ack, error]).collect()
}
