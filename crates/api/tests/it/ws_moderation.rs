//! Keeping order on open sockets.

use crate::app::TestApp;
use crate::on_both;
use crate::socket::Socket;
use serde_json::json;

on_both! {
    async fn the_banned_leave_the_room_and_keep_their_socket(app: &TestApp) {
        let (ann, bob) = (app.register("ann").await, app.register("bob").await);
        let room = app.room(&ann, "Lobby").await;
        let other = app.room(&bob, "Other").await;
        let mut hears = Socket::in_room(app, &ann, &room).await;
        let mut banned = Socket::in_room(app, &bob, &room).await;
        banned.join(&other).await;
        hears.say("/ban bob 10m being loud").await.unwrap();
        let told = banned.until("user_moderated").await;
        assert_eq!((&told["action"], &told["user"]["uid"]), (&json!("ban"), &json!(bob.uid)));
        hears.say("after").await.unwrap();
        let problem = banned.ask("sendMessage", json!({ "room": room, "text": "let me in" })).await.unwrap_err();
        assert_eq!(problem["code"], "banned");
        assert!(problem["until"].is_i64() && problem["retryAfter"].as_i64().unwrap() <= 600, "{problem}");
        assert_eq!(banned.ask("join", json!({ "uid": room, "since": 0 })).await.unwrap_err()["code"], "banned");
        assert!(banned.all().await.iter().all(|frame| frame["data"]["message"] != "after"), "hears nothing more");
        banned.ask("sendMessage", json!({ "room": other, "text": "here I may" })).await.unwrap();
        app.get(&bob, &format!("/rooms/{room}/messages")).await.problem(403, "banned");
        hears.say("/unban bob").await.unwrap();
        banned.join(&room).await;
        banned.say("thank you").await.unwrap();
    }

    async fn the_timed_out_read_but_do_not_write(app: &TestApp) {
        let (ann, bob) = (app.register("ann").await, app.register("bob").await);
        let room = app.room(&ann, "Lobby").await;
        let mut owner = Socket::in_room(app, &ann, &room).await;
        let mut quiet = Socket::in_room(app, &bob, &room).await;
        owner.say("/timeout bob 5m").await.unwrap();
        assert_eq!(quiet.say("hello").await.unwrap_err()["code"], "timed_out");
        owner.say("still heard").await.unwrap();
        quiet.up_to("still heard").await;
        owner.say("/untimeout bob").await.unwrap();
        quiet.say("hello").await.unwrap();
    }

    async fn a_demoted_moderator_loses_the_power_on_an_open_socket(app: &TestApp) {
        let (ann, bob) = (app.register("ann").await, app.register("bob").await);
        let room = app.room(&ann, "Lobby").await;
        let mut bobs = Socket::in_room(app, &bob, &room).await;
        assert_eq!(bobs.say("/slow 5").await.unwrap_err()["code"], "forbidden");
        app.post(&ann, &format!("/users/{}/mod", bob.uid), json!({ "room": room })).await.ok(200);
        bobs.say("/slow off").await.unwrap();
        app.post(&ann, &format!("/users/{}/unmod", bob.uid), json!({ "room": room })).await.ok(200);
        for command in ["/slow 5", "/clear", "/ban ann", "/timeout ann", "/mod bob", "/room name Mine"] {
            assert_eq!(bobs.say(command).await.unwrap_err()["code"], "forbidden", "{command}");
        }
    }

    async fn a_pin_is_told_to_all_and_to_those_who_come_later(app: &TestApp) {
        let ann = app.register("ann").await;
        let room = app.room(&ann, "Lobby").await;
        let mut owner = Socket::in_room(app, &ann, &room).await;
        let mut viewer = Socket::anonymous(app).await;
        let since = viewer.join(&room).await["head"].clone();
        viewer.all().await;
        let message = app.say(&ann, &room, "read this").await;
        owner.say(&format!("/pin {}", message["id"])).await.unwrap();
        let told = viewer.until("room_updated").await;
        assert_eq!((&told["room"]["pinned"], &told["seq"]), (&message, &json!(2)));
        let mut later = Socket::anonymous(app).await;
        later.start("join", json!({ "uid": room })).await;
        assert_eq!(later.until("room_updated").await["room"]["pinned"], message);
        owner.say("/unpin").await.unwrap();
        let told = viewer.until("room_updated").await;
        assert_eq!((&told["room"]["pinned"], &told["seq"]), (&json!(null), &json!(3)));

        app.post(&ann, &format!("/messages/{}/pin", message["id"]), json!({})).await.ok(200);
        app.delete(&ann, &format!("/messages/{}", message["id"])).await.ok(204);
        // Whoever goes on hears of the pin and of its end, in this order, and joining says what holds at last.
        let mut back = Socket::anonymous(app).await;
        back.start("join", json!({ "uid": room, "since": since })).await;
        assert_eq!(back.until("room_updated").await["room"]["pinned"], json!(null));
        assert_eq!(back.until("message_deleted").await["ids"], json!([message["id"]]));
    }

    async fn slow_mode_lets_one_of_many_pass(app: &TestApp) {
        let (ann, bob) = (app.register("ann").await, app.register("bob").await);
        let room = app.room(&ann, "Lobby").await;
        app.patch(&ann, &format!("/rooms/{room}"), json!({ "slow_mode": 3600 })).await.ok(200);
        let mut sockets = Vec::new();
        for _ in 0..8 {
            sockets.push(Socket::in_room(app, &bob, &room).await);
        }
        for (number, socket) in sockets.iter_mut().enumerate() {
            socket.start("sendMessage", json!({ "text": format!("me first {number}") })).await;
        }
        let mut passed = 0;
        for socket in &mut sockets {
            loop {
                let frame = socket.frame().await;
                match frame["event"].as_str().unwrap() {
                    "ack" => passed += 1,
                    "error" => {
                        assert_eq!(frame["data"]["code"], "slow_mode");
                        assert!(frame["data"]["retryAfter"].as_i64().unwrap() > 3500);
                    }
                    _ => continue,
                }
                break;
            }
        }
        assert_eq!((passed, app.texts(&room).await.len()), (1, 1));
        app.say(&ann, &room, "owners are exempt").await;
        app.say(&ann, &room, "and again").await;
    }

    async fn a_nonce_makes_a_repeat_harmless_on_every_way_in(app: &TestApp) {
        let (ann, bob) = (app.register("ann").await, app.register("bob").await);
        let room = app.room(&ann, "Lobby").await;
        let mut socket = Socket::in_room(app, &bob, &room).await;
        let message = json!({ "text": "once", "nonce": "n1" });
        let first = socket.ask("sendMessage", message.clone()).await.unwrap();
        assert_eq!(socket.ask("sendMessage", message.clone()).await.unwrap(), first);
        let body = json!({ "room": room, "message": "once", "nonce": "n1" });
        assert_eq!(app.post(&bob, "/messages", body.clone()).await.ok(201)["message"]["id"], first["id"]);
        assert_ne!(app.post(&ann, "/messages", body).await.ok(201)["message"]["id"], first["id"], "another author");
        // Even when a new message would be refused by now.
        app.patch(&ann, &format!("/rooms/{room}"), json!({ "slow_mode": 3600 })).await.ok(200);
        assert_eq!(socket.ask("sendMessage", message.clone()).await.unwrap(), first);
        app.post(&ann, "/bans", json!({ "user": bob.uid, "room": room })).await.ok(200);
        let message = json!({ "room": room, "text": "once", "nonce": "n1" });
        assert_eq!(socket.ask("sendMessage", message).await.unwrap(), first);
        assert_eq!(app.texts(&room).await, ["once", "once"]);
    }

    async fn commands_are_answered_to_their_sender_and_never_posted(app: &TestApp) {
        let ann = app.register("ann").await;
        let room = app.room(&ann, "Lobby").await;
        let mut hears = Socket::anonymous(app).await;
        hears.join(&room).await;
        let mut socket = Socket::in_room(app, &ann, &room).await;
        let id = socket.start("sendMessage", json!({ "text": "!echo  two  words " })).await;
        assert_eq!(socket.until("system").await["text"], "two  words");
        let ack = socket.frame().await;
        assert_eq!((&ack["id"], &ack["data"]), (&json!(id), &json!({ "command": "echo" })));
        for (text, code) in [
            ("/dance", "unknown_command"),
            ("!lgoin ann secret", "unknown_command"),
            ("/ban", "command_usage"),
            ("/ban ann 5x", "command_usage"),
            ("/ban nobody", "user_not_found"),
            ("/ban ann", "not_on_yourself"),
            ("/delete 1", "message_not_found"),
        ] {
            assert_eq!(socket.say(text).await.unwrap_err()["code"], code, "{text}");
        }
        socket.say("/me waves").await.unwrap();
        let frames = hears.up_to("waves").await;
        assert_eq!(frames.len(), 1, "{frames:?}");
        assert_eq!(frames[0]["data"]["kind"], "action");
    }
}
