//! Joining, hearing, going on after a lost connection, leaving.

use crate::app::TestApp;
use crate::on_both;
use crate::socket::{Ask, Socket};
use serde_json::{Value, json};

fn events(frames: &[Value]) -> Vec<&str> {
    frames.iter().map(|frame| frame["event"].as_str().unwrap()).collect()
}

fn texts(frames: &[Value]) -> Vec<&str> {
    frames.iter().filter(|frame| frame["event"] == "message").map(|f| f["data"]["message"].as_str().unwrap()).collect()
}

on_both! {
    async fn a_join_sends_the_room_its_messages_its_users_and_then_the_ack(app: &TestApp) {
        let ann = app.register("ann").await;
        let room = app.room(&ann, "Lobby").await;
        app.say(&ann, &room, "one").await;
        let mut socket = Socket::of(app, &ann).await;
        let id = socket.start("join", json!({ "uid": room })).await;
        let updated = socket.expect("room_updated").await;
        assert_eq!((&updated["room"]["name"], &updated["room"]["uid"]), (&json!("Lobby"), &json!(room)));
        let messages = socket.expect("room_messages").await;
        assert_eq!(messages["messages"][0]["message"], "one");
        assert_eq!(messages["messages"][0]["user"]["roles"], json!(["registered", "owner"]));
        assert_eq!(messages["head"], 1);
        let users = socket.expect("room_users").await;
        assert_eq!((&users["count"], &users["users"][0]["uid"]), (&json!(1), &json!(ann.uid)));
        let ack = socket.frame().await;
        assert_eq!((&ack["event"], &ack["id"]), (&json!("ack"), &json!(id)));
        assert_eq!((&ack["data"]["head"], &ack["data"]["epoch"]), (&json!(1), &messages["epoch"]));
        assert_eq!(ack["data"]["user"]["roles"], json!(["registered", "owner"]));
    }

    async fn all_hear_what_one_says_and_the_ack_names_what_history_has(app: &TestApp) {
        let (ann, bob) = (app.register("ann").await, app.guest().await);
        let room = app.room(&ann, "Lobby").await;
        let mut hears = [Socket::in_room(app, &ann, &room).await, Socket::anonymous(app).await];
        hears[1].join(&room).await;
        let mut says = Socket::in_room(app, &bob, &room).await;
        let ack = says.say("hello 👋 <b>").await.unwrap();
        for socket in &mut hears {
            let message = socket.until("message").await;
            assert_eq!((&message["id"], &message["seq"]), (&ack["id"], &ack["seq"]));
            assert_eq!((&message["timestamp"], &message["message"]), (&ack["timestamp"], &json!("hello 👋 <b>")));
            assert_eq!(message["user"]["uid"], bob.uid);
            let page = app.look(&format!("/rooms/{room}/messages")).await.ok(200);
            assert_eq!(page["messages"][0], message, "the same over HTTP");
        }
    }

    async fn a_room_for_members_lets_go_of_those_who_may_not_read_it(app: &TestApp) {
        let (ann, bob) = (app.register("ann").await, app.register("bob").await);
        let room = app.room(&ann, "Lobby").await;
        let mut anonymous = Socket::anonymous(app).await;
        anonymous.join(&room).await;
        let mut member = Socket::in_room(app, &bob, &room).await;
        app.patch(&ann, &format!("/rooms/{room}"), json!({ "rules": { "read": "members" } })).await.ok(200);
        assert_eq!(anonymous.until("room_updated").await["room"]["rules"]["read"], "members");
        app.say(&ann, &room, "among us").await;
        assert_eq!(member.until("message").await["message"], "among us");
        let error = anonymous.ask("join", json!({ "uid": room })).await.unwrap_err();
        assert_eq!(error["code"], "login_required");
        app.look(&format!("/rooms/{room}/messages")).await.problem(401, "login_required");
        let guest = app.guest().await;
        app.get(&guest, &format!("/rooms/{room}/messages")).await.problem(403, "forbidden");
        app.post(&ann, &format!("/users/{}/vip", guest.uid), json!({ "room": room })).await.ok(200);
        let mut vip = Socket::in_room(app, &guest, &room).await;
        app.post(&ann, &format!("/users/{}/unvip", guest.uid), json!({ "room": room })).await.ok(200);
        vip.until("user_moderated").await;
        app.say(&ann, &room, "among us again").await;
        member.up_to("among us again").await;
        assert!(vip.say("still here?").await.is_err());
        member.start("logout", json!({})).await;
        assert_eq!(member.until("error").await["code"], "login_required");
    }

    async fn every_change_of_a_room_is_one_event_with_the_next_seq(app: &TestApp) {
        let (ann, bob) = (app.register("ann").await, app.register("bob").await);
        let room = app.room(&ann, "Lobby").await;
        let mut hears = Socket::anonymous(app).await;
        hears.join(&room).await;
        let first = app.say(&bob, &room, "one").await;
        app.delete(&bob, &format!("/messages/{}", first["id"])).await.ok(204);
        app.post(&ann, &format!("/users/{}/mod", bob.uid), json!({ "room": room })).await.ok(200);
        app.post(&ann, &format!("/users/{}/unmod", bob.uid), json!({ "room": room })).await.ok(200);
        app.patch(&ann, &format!("/rooms/{room}"), json!({ "description": "new" })).await.ok(200);
        app.post(&ann, "/bans", json!({ "user": bob.uid, "room": room, "duration": "1h", "reason": "secret" })).await.ok(200);
        app.post(&ann, "/unban", json!({ "user": bob.uid, "room": room })).await.ok(200);
        app.delete(&ann, &format!("/rooms/{room}/messages?user={}", bob.uid)).await.ok(204);
        app.delete(&ann, &format!("/rooms/{room}/messages")).await.ok(204);
        app.say(&ann, &room, "last").await;
        let frames = hears.up_to("last").await;
        let expected = [
            "message", "message_deleted", "user_moderated", "user_moderated", "room_updated", "user_moderated",
            "user_moderated", "room_purged", "room_purged", "message",
        ];
        assert_eq!(events(&frames), expected);
        let seqs: Vec<i64> = frames.iter().map(|frame| frame["data"]["seq"].as_i64().unwrap()).collect();
        assert_eq!(seqs, (1..=10).collect::<Vec<_>>());
        assert_eq!(frames[1]["data"]["ids"], json!([first["id"]]));
        assert_eq!(frames[2]["data"]["user"]["roles"], json!(["registered", "mod"]));
        assert_eq!(frames[5]["data"]["action"], "ban");
        assert!(frames[5]["data"]["until"].is_i64() && !frames[5].to_string().contains("secret"), "reasons are for moderators");
        assert_eq!(frames[7]["data"]["user"], bob.uid);
        assert_eq!(frames[8]["data"].get("user"), None);
    }

    async fn whoever_resumes_gets_exactly_what_was_missed(app: &TestApp) {
        let ann = app.register("ann").await;
        let room = app.room(&ann, "Lobby").await;
        let mut socket = Socket::in_room(app, &ann, &room).await;
        socket.say("one").await.unwrap();
        let seen = socket.say("two").await.unwrap();
        let epoch = socket.join(&room).await["epoch"].clone();
        drop(socket);
        app.say(&ann, &room, "three").await;
        let four = app.say(&ann, &room, "four").await;
        app.delete(&ann, &format!("/messages/{}", four["id"])).await.ok(204);
        app.delete(&ann, &format!("/messages/{}", seen["id"])).await.ok(204);

        let mut socket = Socket::of(app, &ann).await;
        let id = socket.start("join", json!({ "uid": room, "since": seen["seq"], "epoch": epoch })).await;
        socket.expect("room_updated").await;
        let mut missed = Vec::new();
        loop {
            let frame = socket.frame().await;
            if frame["event"] == "room_users" {
                break;
            }
            missed.push(frame);
        }
        assert!(texts(&missed).starts_with(&["three"]), "{missed:?}");
        let deleted: Vec<&Value> = missed.iter().filter(|f| f["event"] == "message_deleted").map(|f| &f["data"]["ids"][0]).collect();
        assert_eq!(deleted, [&four["id"], &seen["id"]]);
        let ack = socket.frame().await;
        assert_eq!((&ack["id"], &ack["data"]["head"]), (&json!(id), &json!(6)));
        // Level now: nothing more is missed, and what comes next comes once.
        let again = socket.ask("join", json!({ "uid": room, "since": 6, "epoch": epoch })).await.unwrap();
        assert_eq!(again["head"], 6);
        app.say(&ann, &room, "five").await;
        app.say(&ann, &room, "six").await;
        assert_eq!(texts(&socket.up_to("six").await), ["five", "six"]);
    }

    async fn a_cursor_that_cannot_be_gone_on_from_is_reset(app: &TestApp) {
        let ann = app.register("ann").await;
        let room = app.room(&ann, "Lobby").await;
        let mut socket = Socket::in_room(app, &ann, &room).await;
        let epoch = socket.join(&room).await["epoch"].as_i64().unwrap();
        socket.say("one").await.unwrap();
        for (since, epoch, reason) in [(5, epoch, "ahead"), (-1, epoch, "ahead"), (0, epoch + 1, "epoch")] {
            socket.all().await;
            socket.start("join", json!({ "uid": room, "since": since, "epoch": epoch })).await;
            socket.until("room_updated").await;
            assert_eq!(socket.expect("reset").await["reason"], reason, "since {since}");
            assert_eq!(socket.expect("room_messages").await["messages"][0]["message"], "one");
        }
    }

    async fn whoever_missed_too_much_starts_afresh(app: &TestApp) {
        let ann = app.register("ann").await;
        let room = app.room(&ann, "Lobby").await;
        let mut socket = Socket::in_room(app, &ann, &room).await;
        for number in 0..520 {
            socket.start("sendMessage", json!({ "text": format!("message {number}") })).await;
        }
        socket.all().await;
        let mut late = Socket::anonymous(app).await;
        late.start("join", json!({ "uid": room, "since": 0 })).await;
        late.expect("room_updated").await;
        assert_eq!(late.expect("reset").await["reason"], "behind");
        let fresh = late.expect("room_messages").await;
        assert_eq!((fresh["messages"].as_array().unwrap().len(), &fresh["head"]), (50, &json!(520)));
        // In the ring, which has the latest 256, nobody has to.
        late.start("join", json!({ "uid": room, "since": 400 })).await;
        late.until("room_updated").await;
        let mut frames = Vec::new();
        for _ in 0..120 {
            frames.push(late.frame().await);
        }
        assert_eq!(texts(&frames)[119], "message 519");
    }

    async fn several_rooms_share_a_socket_and_the_last_joined_is_meant(app: &TestApp) {
        let ann = app.register("ann").await;
        let (one, two) = (app.room(&ann, "one").await, app.room(&ann, "two").await);
        let mut socket = Socket::of(app, &ann).await;
        assert_eq!(socket.say("nowhere").await.unwrap_err()["code"], "no_room");
        socket.join(&one).await;
        socket.join(&two).await;
        socket.say("in two").await.unwrap();
        socket.ask("sendMessage", json!({ "room": one, "text": "in one" })).await.unwrap();
        socket.ask("leave", json!({ "uid": two })).await.unwrap();
        socket.say("in one again").await.unwrap();
        assert_eq!(app.texts(&one).await, ["in one", "in one again"]);
        assert_eq!(app.texts(&two).await, ["in two"]);
        app.say(&ann, &two, "unheard").await;
        app.say(&ann, &one, "heard").await;
        let frames = socket.up_to("heard").await;
        assert!(!texts(&frames).contains(&"unheard"), "a room that was left is not heard: {frames:?}");
        socket.ask("leave", json!({ "uid": two })).await.expect("leaving twice is no error");
    }

    async fn a_closed_room_is_told_and_everybody_is_out(app: &TestApp) {
        let ann = app.register("ann").await;
        let room = app.room(&ann, "Lobby").await;
        let mut socket = Socket::in_room(app, &ann, &room).await;
        app.delete(&ann, &format!("/rooms/{room}")).await.ok(204);
        assert_eq!(socket.until("reset").await["reason"], "deleted");
        assert_eq!(socket.say("hello?").await.unwrap_err()["code"], "room_not_found");
        assert_eq!(socket.ask("join", json!({ "uid": room })).await.unwrap_err()["code"], "room_not_found");
    }

    async fn presence_counts_connections_and_names_those_who_are_logged_in(app: &TestApp) {
        let (ann, bob) = (app.register("ann").await, app.register("bob").await);
        let room = app.room(&ann, "Lobby").await;
        let mut socket = Socket::in_room(app, &ann, &room).await;
        let second = Socket::in_room(app, &bob, &room).await;
        let mut third = Socket::anonymous(app).await;
        third.join(&room).await;
        while socket.until("presence").await["count"] != 3 {}
        let users = app.look(&format!("/rooms/{room}/users")).await.ok(200);
        assert_eq!(users["users"].as_array().unwrap().len(), 2, "{users}");
        drop(second);
        while socket.until("presence").await["count"] != 2 {}
    }

    async fn a_new_name_is_told_to_the_rooms_somebody_is_in(app: &TestApp) {
        let (ann, bob) = (app.register("ann").await, app.register("bob").await);
        let room = app.room(&ann, "Lobby").await;
        let mut hears = Socket::in_room(app, &ann, &room).await;
        let mut bobs = Socket::in_room(app, &bob, &room).await;
        app.patch(&bob, "/me", json!({ "display_name": "Robert" })).await.ok(200);
        assert_eq!(hears.until("user_updated").await["user"]["displayName"], "Robert");
        assert_eq!(bobs.until("auth_updated").await["user"]["displayName"], "Robert");
    }

    async fn a_room_in_the_query_is_joined_at_once(app: &TestApp) {
        let ann = app.register("ann").await;
        let room = app.room(&ann, "Lobby").await;
        let query = format!("?room={room}");
        let (mut socket, _) = Ask { query: &query, ..Ask::default() }.open(app).await.unwrap();
        for event in ["welcome", "room_updated", "room_messages", "room_users"] {
            socket.expect(event).await;
        }
        let (mut socket, _) = Ask { query: "?room=nowhere", ..Ask::default() }.open(app).await.unwrap();
        socket.expect("welcome").await;
        assert_eq!(socket.expect("error").await["code"], "room_not_found");
    }
}

/// After a restart the ring is empty: what is missed comes from the store, and ends in the same transcript.
#[actix_web::test]
async fn a_resume_after_a_restart_is_the_same_as_one_before_it() {
    for database in [crate::database::Database::sqlite(), crate::database::Database::postgres()] {
        let app = TestApp::start(database).await;
        let ann = app.register("ann").await;
        let room = app.room(&ann, "Lobby").await;
        let first = app.say(&ann, &room, "one").await;
        app.say(&ann, &room, "two").await;
        app.delete(&ann, &format!("/messages/{}", first["id"])).await.ok(204);
        let app = app.restart().await;
        let mut socket = Socket::of(&app, &ann).await;
        socket.start("join", json!({ "uid": room, "since": 1 })).await;
        socket.expect("room_updated").await;
        assert_eq!(socket.expect("message").await["message"], "two");
        assert_eq!(socket.expect("message_deleted").await["ids"][0], first["id"]);
        socket.expect("room_users").await;
        drop(socket);
        app.stop().await;
    }
}
