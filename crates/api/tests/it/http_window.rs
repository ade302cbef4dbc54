//! What a chat window asks the server: what it may offer, what is quoted, whose card is looked at.

use crate::app::TestApp;
use crate::on_both;
use serde_json::{Value, json};

fn words(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect()
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|message| message["message"].as_str().unwrap()).collect()
}

fn names(answer: &Value) -> Vec<&str> {
    answer["commands"].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect()
}

const MODERATORS: [&str; 12] = [
    "post",
    "rename",
    "delete_messages",
    "purge",
    "clear",
    "slow",
    "timeout",
    "ban",
    "lift",
    "pin",
    "see_log",
    "see_bans",
];

on_both! {
    async fn a_window_is_told_what_it_may_offer(app: &TestApp) {
        let (ann, bob, eve) = (app.register("ann").await, app.register("bob").await, app.guest().await);
        let room = app.room(&ann, "a").await;
        app.post(&ann, &format!("/users/{}/mod", bob.uid), json!({ "room": room })).await.ok(200);
        let at = format!("/rooms/{room}/capabilities");
        let nobody = app.look(&at).await.ok(200);
        assert_eq!(nobody, json!({ "room": room, "user": null, "rank": null, "capabilities": [] }));
        let owners: Vec<&str> = MODERATORS.into_iter().chain(["settings", "appoint", "delete_room"]).collect();
        for (who, rank, expected) in
            [(&ann, "owner", owners.as_slice()), (&bob, "mod", &MODERATORS), (&eve, "guest", &["post", "rename"])]
        {
            let answer = app.get(who, &at).await.ok(200);
            assert_eq!((&answer["user"], &answer["rank"]), (&json!(who.uid), &json!(rank)));
            assert_eq!(words(&answer["capabilities"]), expected, "{rank}");
        }
        let timeout = |kind: &str| json!({ "user": bob.uid, "room": room, "kind": kind });
        app.post(&ann, "/bans", timeout("timeout")).await.ok(200);
        let silenced = app.get(&bob, &at).await.ok(200);
        assert!(!words(&silenced["capabilities"]).contains(&"post"), "{silenced}");
        assert!(words(&silenced["capabilities"]).contains(&"ban"), "{silenced}");
        app.post(&ann, "/bans", timeout("ban")).await.ok(200);
        assert_eq!(app.get(&bob, &at).await.ok(200)["capabilities"], json!([]));
        app.look("/rooms/aaaaaaaaaaaa/capabilities").await.problem(404, "room_not_found");
    }

    async fn the_commands_are_those_that_the_caller_may_use(app: &TestApp) {
        let (root, ann, bob) = (app.root().await, app.register("ann").await, app.register("bob").await);
        let room = app.room(&ann, "a").await;
        let at = format!("/commands?room={room}");
        let nobody = app.look(&at).await.ok(200);
        assert_eq!(app.look("/commands").await.ok(200), nobody);
        assert!(names(&nobody).contains(&"me") && !names(&nobody).contains(&"ban"), "{nobody}");
        let ban = json!({
            "name": "ban",
            "usage": "/ban <user> [duration] [reason]",
            "help": "Keeps somebody out of the room, for ever unless a duration is given.",
            "least": "mod",
        });
        let owners = app.get(&ann, &at).await.ok(200);
        assert!(owners["commands"].as_array().unwrap().contains(&ban), "{owners}");
        assert!(names(&owners).contains(&"mod"));
        // Keeping order in every room is not owning it.
        app.patch(&root, &format!("/users/{}", bob.uid), json!({ "roles": ["super_mod"] })).await.ok(200);
        let everywhere = app.get(&bob, &at).await.ok(200);
        assert!(names(&everywhere).contains(&"ban") && !names(&everywhere).contains(&"mod"), "{everywhere}");
        app.look("/commands?room=aaaaaaaaaaaa").await.problem(404, "room_not_found");
        app.look("/commands?room=").await.problem(404, "room_not_found");
    }

    async fn a_message_is_read_by_its_id_until_it_is_deleted(app: &TestApp) {
        let (ann, bob) = (app.register("ann").await, app.register("bob").await);
        let room = app.room(&ann, "a").await;
        let message = app.say(&ann, &room, "quote me").await;
        let at = format!("/messages/{}", message["id"]);
        assert_eq!(app.look(&at).await.ok(200), json!({ "message": message }));
        app.post(&ann, "/bans", json!({ "user": bob.uid, "room": room })).await.ok(200);
        app.get(&bob, &at).await.problem(403, "banned");
        app.delete(&ann, &at).await.ok(204);
        for at in [&at, "/messages/999999", "/messages/0", "/messages/x"] {
            app.look(at).await.problem(404, "message_not_found");
        }
    }

    async fn history_and_log_are_asked_about_one_user(app: &TestApp) {
        let (ann, bob, eve) = (app.register("ann").await, app.register("bob").await, app.register("eve").await);
        let room = app.room(&ann, "a").await;
        for (who, text) in [(&ann, "1"), (&bob, "2"), (&bob, "3"), (&eve, "4"), (&bob, "5")] {
            app.say(who, &room, text).await;
        }
        let at = |rest: &str| format!("/rooms/{room}/messages?user={}{rest}", bob.uid);
        let page = app.look(&at("&limit=2")).await.ok(200);
        assert_eq!((texts(&page["messages"]), &page["next"]), (vec!["3", "5"], &json!(3)));
        let page = app.look(&at(&format!("&limit=2&before={}", page["next"]))).await.ok(200);
        assert_eq!((texts(&page["messages"]), &page["next"]), (vec!["2"], &json!(null)));
        assert_eq!(texts(&app.look(&at("&after=2")).await.ok(200)["messages"]), ["3", "5"]);
        for who in [&bob, &eve] {
            let body = json!({ "user": who.uid, "room": room, "kind": "timeout", "duration": "1m" });
            app.post(&ann, "/bans", body).await.ok(200);
        }
        app.delete(&ann, &format!("/rooms/{room}/messages?user={}", bob.uid)).await.ok(204);
        let log = app.get(&ann, &format!("/rooms/{room}/log?user={}", bob.uid)).await.ok(200);
        let actions: Vec<&Value> = log["log"].as_array().unwrap().iter().map(|line| &line["action"]).collect();
        assert_eq!(actions, ["purged", "timeout"]);
        for path in ["messages", "log"] {
            for uid in ["x", "aaaaaaaaaa"] {
                let path = format!("/rooms/{room}/{path}?user={uid}");
                app.get(&ann, &path).await.problem(404, "user_not_found");
            }
        }
    }
}
