//! Many messages of one client at once.

use crate::app::TestApp;
use crate::on_both;
use crate::socket::Socket;
use actix_ws::Message;
use serde_json::{Value, json};

/// More than a socket may have in line.
const MANY: usize = 300;

/// The answers to these frames, in the order in which they came.
async fn answers(socket: &mut Socket, mut asked: Vec<i64>) -> Vec<(i64, Value)> {
    let mut answers = Vec::new();
    while !asked.is_empty() {
        let frame = socket.frame().await;
        if let ("ack" | "error", Some(id)) = (frame["event"].as_str().unwrap(), frame["id"].as_i64()) {
            asked.retain(|asked| *asked != id);
            answers.push((id, frame));
        }
    }
    answers
}

on_both! {
    async fn messages_of_a_socket_need_not_wait_and_are_written_and_answered_in_their_order(app: &TestApp) {
        let ann = app.register("ann").await;
        let room = app.room(&ann, "lobby").await;
        let mut socket = Socket::in_room(app, &ann, &room).await;
        let mut asked = Vec::new();
        for number in 0..MANY {
            let text = if number == 100 { "x".repeat(9_000) } else { format!("message {number}") };
            asked.push(socket.start("sendMessage", json!({ "text": text })).await);
        }
        let answers = answers(&mut socket, asked.clone()).await;
        assert_eq!(answers.iter().map(|(id, _)| *id).collect::<Vec<_>>(), asked);
        let (refused, acked): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(_, frame)| frame["event"] == "error");
        assert_eq!(refused.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [asked[100]]);
        let seqs: Vec<i64> = acked.iter().map(|(_, frame)| frame["data"]["seq"].as_i64().unwrap()).collect();
        assert_eq!(seqs, (1..MANY as i64).collect::<Vec<_>>());
    }

    async fn a_command_waits_for_the_messages_before_it_and_they_for_the_command(app: &TestApp) {
        let ann = app.register("ann").await;
        let room = app.room(&ann, "lobby").await;
        let mut socket = Socket::in_room(app, &ann, &room).await;
        let mut asked = Vec::new();
        for number in 0..25 {
            let text = if number == 20 { "/purge".to_owned() } else { format!("message {number}") };
            asked.push(socket.start("sendMessage", json!({ "text": text })).await);
        }
        let answers = answers(&mut socket, asked.clone()).await;
        assert_eq!(answers.iter().map(|(id, _)| *id).collect::<Vec<_>>(), asked);
        assert_eq!(app.texts(&room).await, ["message 21", "message 22", "message 23", "message 24"]);
    }

    async fn whoever_says_goodbye_after_messages_is_answered_first(app: &TestApp) {
        let ann = app.register("ann").await;
        let room = app.room(&ann, "lobby").await;
        let mut socket = Socket::in_room(app, &ann, &room).await;
        let mut asked = Vec::new();
        for number in 0..50 {
            asked.push(socket.start("sendMessage", json!({ "text": format!("message {number}") })).await);
        }
        socket.send(Message::Close(None)).await;
        assert_eq!(answers(&mut socket, asked.clone()).await.len(), asked.len());
        assert!(socket.closed().await.is_some());
    }

    async fn several_messages_of_one_request_are_each_answered_for_themselves(app: &TestApp) {
        let ann = app.register("ann").await;
        let room = app.room(&ann, "lobby").await;
        let several = json!([
            { "message": "one", "nonce": "a" },
            { "message": "/purge" },
            { "message": " " },
            { "message": "two", "nonce": "b" },
            { "message": "one", "nonce": "a" },
        ]);
        let answer = app.post(&ann, "/messages", json!({ "room": room, "messages": several })).await.ok(200);
        let answers = answer["answers"].as_array().unwrap();
        let seqs: Vec<Option<i64>> = answers.iter().map(|answer| answer["message"]["seq"].as_i64()).collect();
        assert_eq!(seqs, [Some(1), None, None, Some(2), Some(1)]);
        let codes: Vec<Option<&str>> = answers.iter().map(|answer| answer["problem"]["code"].as_str()).collect();
        assert_eq!(codes, [None, Some("invalid_field"), Some("invalid_field"), None, None]);
    }

    async fn a_request_has_one_message_or_up_to_a_hundred(app: &TestApp) {
        let ann = app.register("ann").await;
        let room = app.room(&ann, "lobby").await;
        let message = json!({ "message": "hello" });
        app.post(&ann, "/messages", json!({ "room": room })).await.problem_of(400, "bad_request", "message");
        for (body, field) in [
            (json!({ "room": room, "messages": [] }), "messages"),
            (json!({ "room": room, "messages": vec![message.clone(); 101] }), "messages"),
            (json!({ "room": room, "message": "hello", "messages": [message] }), "messages"),
        ] {
            app.post(&ann, "/messages", body).await.problem_of(400, "invalid_field", field);
        }
        let many = json!({ "room": room, "messages": vec![message; 100] });
        let answer = app.post(&ann, "/messages", many).await.ok(200);
        assert_eq!(answer["answers"].as_array().unwrap().len(), 100);
    }
}
