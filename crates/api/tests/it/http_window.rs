//! What a chat window asks the server: what it may offer, what is quoted, whose card is looked at.

use crate::app::TestApp;
use crate::on_both;
use awc::http::Method;
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
            "help": "Bans a user from the room. Permanent unless a duration is given.",
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

    async fn a_card_shows_each_what_it_may_see(app: &TestApp) {
        let (ann, bob, eve) = (app.register("ann").await, app.register("bob").await, app.register("eve").await);
        let room = app.room(&ann, "a").await;
        app.post(&ann, &format!("/users/{}/mod", bob.uid), json!({ "room": room })).await.ok(200);
        for number in 1..=22 {
            app.say(&eve, &room, &number.to_string()).await;
        }
        app.say(&ann, &room, "mine").await;
        let at = format!("/rooms/{room}/users/{}", eve.uid);
        let card = app.look(&at).await.ok(200);
        assert_eq!((&card["user"]["uid"], &card["may"]), (&json!(eve.uid), &json!([])));
        assert!(card["createdAt"].as_i64().unwrap() > 1_700_000_000_000);
        let shown = texts(&card["messages"]);
        assert_eq!((shown.len(), shown[0], shown[19]), (20, "3", "22"));
        assert!(card.get("sanctions").is_none() && card.get("log").is_none(), "{card}");
        let own = app.get(&eve, &at).await.ok(200);
        assert_eq!((words(&own["may"]), own.get("log")), (vec!["delete_messages"], None));

        let moderator = ["delete_messages", "purge", "timeout", "ban"];
        assert_eq!(words(&app.get(&bob, &at).await.ok(200)["may"]), moderator);
        let ban = json!({ "user": eve.uid, "room": room, "kind": "timeout", "reason": "caps" });
        app.post(&ann, "/bans", ban).await.ok(200);
        let owners = app.get(&ann, &at).await.ok(200);
        assert_eq!(words(&owners["may"]), ["delete_messages", "purge", "timeout", "ban", "lift", "appoint"]);
        assert_eq!((&owners["sanctions"][0]["reason"], &owners["log"][0]["action"]), (&json!("caps"), &json!("timeout")));
        // What the owner gave, a moderator neither lifts nor replaces.
        let moderators = app.get(&bob, &at).await.ok(200);
        assert_eq!(words(&moderators["may"]), ["delete_messages", "purge", "ban"]);
        assert_eq!(moderators["sanctions"].as_array().unwrap().len(), 1);

        let keeper = app.get(&ann, &format!("/rooms/{room}/users/{}", bob.uid)).await.ok(200);
        assert_eq!(keeper["user"]["roles"], json!(["registered", "mod"]));
        assert_eq!(app.get(&bob, &format!("/rooms/{room}/users/{}", ann.uid)).await.ok(200)["may"], json!([]));
        for uid in ["x", "aaaaaaaaaa"] {
            app.look(&format!("/rooms/{room}/users/{uid}")).await.problem(404, "user_not_found");
        }
        app.look(&format!("/rooms/aaaaaaaaaaaa/users/{}", eve.uid)).await.problem(404, "room_not_found");
        app.post(&ann, "/bans", json!({ "user": eve.uid, "room": room })).await.ok(200);
        app.get(&eve, &at).await.problem(403, "banned");
    }

    async fn a_moderator_pins_one_message(app: &TestApp) {
        let (ann, bob, eve) = (app.register("ann").await, app.register("bob").await, app.guest().await);
        let room = app.room(&ann, "a").await;
        app.post(&ann, &format!("/users/{}/mod", bob.uid), json!({ "room": room })).await.ok(200);
        let (one, two) = (app.say(&eve, &room, "one").await, app.say(&ann, &room, "two").await);
        let pinned = async || app.look(&format!("/rooms/{room}")).await.ok(200)["room"]["pinned"].clone();
        let at = |message: &Value| format!("/messages/{}/pin", message["id"]);
        assert_eq!(pinned().await, json!(null));
        app.post(&eve, &at(&one), json!({})).await.problem(403, "forbidden");
        app.tell(&at(&one), json!({})).await.problem(401, "login_required");
        app.delete(&bob, &at(&one)).await.problem(404, "message_not_found");
        for message in [&one, &one, &two] {
            assert_eq!(app.post(&bob, &at(message), json!({})).await.ok(200)["message"], *message);
            assert_eq!(pinned().await, *message);
        }
        assert_eq!(app.look(&format!("/rooms/{room}/messages")).await.ok(200)["room"]["pinned"], two);
        app.patch(&ann, &format!("/rooms/{room}"), json!({ "name": "b" })).await.ok(200);
        assert_eq!(pinned().await, two);
        app.delete(&eve, &at(&two)).await.problem(403, "forbidden");
        app.delete(&bob, &at(&two)).await.ok(204);
        assert_eq!(pinned().await, json!(null));

        let say = async |text: &str| app.post(&bob, "/messages", json!({ "room": room, "message": text })).await;
        assert_eq!(say(&format!("/pin {}", one["id"])).await.ok(200)["command"], "pin");
        assert_eq!(pinned().await, one);
        say("/unpin").await.ok(200);
        say("/unpin").await.problem(404, "message_not_found");
        let log = app.get(&ann, &format!("/rooms/{room}/log")).await.ok(200);
        let lines: Vec<Value> =
            log["log"].as_array().unwrap().iter().map(|line| json!([line["action"], line["message"]])).collect();
        let expected = [
            json!(["unpin", one["id"]]),
            json!(["pin", one["id"]]),
            json!(["unpin", two["id"]]),
            json!(["configured", null]),
            json!(["pin", two["id"]]),
            json!(["pin", one["id"]]),
            json!(["mod", null]),
        ];
        assert_eq!(lines, expected);

        app.post(&bob, &at(&two), json!({})).await.ok(200);
        app.delete(&ann, &format!("/messages/{}", two["id"])).await.ok(204);
        assert_eq!(pinned().await, json!(null));
        app.post(&bob, &at(&two), json!({})).await.problem(404, "message_not_found");
        app.post(&bob, &at(&one), json!({})).await.ok(200);
        app.delete(&ann, &format!("/rooms/{room}/messages?user={}", eve.uid)).await.ok(204);
        assert_eq!(pinned().await, json!(null));
    }

    async fn the_sites_that_may_frame_a_room_are_its_owners_to_say(app: &TestApp) {
        let (ann, bob) = (app.register("ann").await, app.register("bob").await);
        let room = app.room(&ann, "a").await;
        let at = format!("/rooms/{room}");
        assert_eq!(app.look(&at).await.ok(200)["room"]["allowedSites"], json!([]));
        let sites = json!(["https://Example.org/", "https://*.example.net", "http://localhost:3000", "https://example.org"]);
        let kept = json!(["https://example.org", "https://*.example.net", "http://localhost:3000"]);
        let room = app.patch(&ann, &at, json!({ "allowed_sites": sites })).await.ok(200)["room"].clone();
        assert_eq!(room["allowedSites"], kept);
        assert_eq!(app.patch(&ann, &at, json!({ "name": "b" })).await.ok(200)["room"]["allowedSites"], kept);
        assert_eq!(app.look(&at).await.ok(200)["room"]["allowedSites"], kept);
        app.patch(&bob, &at, json!({ "allowedSites": [] })).await.problem(403, "forbidden");
        let many: Vec<String> = (0..21).map(|n| format!("https://{n}.example")).collect();
        for wrong in [json!(["example.org"]), json!(["https://a.example; script-src *"]), json!(["*"]), json!(many)] {
            app.patch(&ann, &at, json!({ "allowedSites": wrong })).await.problem_of(400, "invalid_field", "allowed_sites");
        }
        app.patch(&ann, &at, json!({ "allowed_sites": [5] })).await.problem(400, "bad_request");
        let form = app.request(Method::PATCH, &at).by(&ann);
        let form = form.body("application/x-www-form-urlencoded", "allowed_sites=https://a.example,http://b.example");
        assert_eq!(form.await.ok(200)["room"]["allowedSites"], json!(["https://a.example", "http://b.example"]));
        assert_eq!(app.patch(&ann, &at, json!({ "allowedSites": [] })).await.ok(200)["room"]["allowedSites"], json!([]));
    }
}
