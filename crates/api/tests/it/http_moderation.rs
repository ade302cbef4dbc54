//! Keeping order over HTTP.

use crate::app::{PASSWORD, TestApp};
use crate::on_both;
use awc::http::Method;
use serde_json::{Value, json};

on_both! {
    async fn an_owner_makes_and_unmakes_moderators_and_vips(app: &TestApp) {
        let (ann, bob, eve) = (app.register("ann").await, app.register("bob").await, app.register("eve").await);
        let room = app.room(&ann, "a").await;
        let call = |what: &str| format!("/users/{}/{what}", bob.uid);
        let body = json!({ "room": room });
        for (what, roles) in [
            ("mod", json!(["registered", "mod"])),
            ("mod", json!(["registered", "mod"])),
            ("unmod", json!(["registered"])),
            ("vip", json!(["registered", "vip"])),
            ("unvip", json!(["registered"])),
            ("unmod", json!(["registered"])),
        ] {
            assert_eq!(app.post(&ann, &call(what), body.clone()).await.ok(200)["user"]["roles"], roles, "{what}");
        }
        app.post(&eve, &call("mod"), body.clone()).await.problem(403, "forbidden");
        app.post(&ann, &format!("/users/{}/mod", ann.uid), body.clone()).await.problem(403, "not_on_yourself");
        app.tell(&call("mod"), body.clone()).await.problem(401, "login_required");
        app.post(&ann, &call("mod"), json!({})).await.problem_of(400, "bad_request", "room");
        app.post(&ann, &call("mod"), json!({ "room": "x" })).await.problem(404, "room_not_found");
        app.post(&ann, "/users/aaaaaaaaaa/mod", body.clone()).await.problem(404, "user_not_found");
        app.post(&ann, "/users/x/vip", body).await.problem(404, "user_not_found");
    }

    async fn a_ban_keeps_out_until_it_is_lifted(app: &TestApp) {
        let (ann, bob) = (app.register("ann").await, app.register("bob").await);
        let room = app.room(&ann, "a").await;
        let body = json!({ "user": bob.uid, "room": room, "reason": "spam" });
        let ban = app.post(&ann, "/bans", body).await.ok(200)["ban"].clone();
        assert_eq!((&ban["kind"], &ban["reason"], &ban["until"]), (&json!("ban"), &json!("spam"), &json!(null)));
        assert_eq!(
            (&ban["user"]["uid"], &ban["by"]["uid"], &ban["room"]),
            (&json!(bob.uid), &json!(ann.uid), &json!(room))
        );
        let banned = app.post(&bob, "/messages", json!({ "room": room, "message": "x" })).await.problem(403, "banned");
        assert!(banned["until"].is_null() && banned["retryAfter"].is_null());
        app.get(&bob, &format!("/rooms/{room}/messages")).await.problem(403, "banned");
        for path in [format!("/bans?room={room}"), format!("/rooms/{room}/bans")] {
            assert_eq!(app.get(&ann, &path).await.ok(200)["bans"], json!([ban]));
            app.get(&bob, &path).await.problem(403, "banned");
        }
        let lift = json!({ "user": bob.uid, "room": room });
        assert_eq!(app.post(&ann, "/unban", lift.clone()).await.ok(200)["ban"]["user"]["uid"], bob.uid);
        app.post(&ann, "/unban", lift).await.problem(404, "not_sanctioned");
        app.say(&bob, &room, "back").await;
        assert_eq!(app.get(&ann, &format!("/bans?room={room}")).await.ok(200)["bans"], json!([]));
    }

    async fn a_timeout_allows_reading(app: &TestApp) {
        let (ann, bob) = (app.register("ann").await, app.register("bob").await);
        let room = app.room(&ann, "a").await;
        let body = json!({ "user": bob.uid, "room": room, "duration": "10m", "kind": "timeout" });
        let ban = app.post(&ann, "/bans", body).await.ok(200)["ban"].clone();
        let length = ban["until"].as_i64().unwrap() - ban["timestamp"].as_i64().unwrap();
        assert_eq!((&ban["kind"], length), (&json!("timeout"), 600_000));
        let problem =
            app.post(&bob, "/messages", json!({ "room": room, "message": "x" })).await.problem(403, "timed_out");
        assert_eq!(problem["until"], ban["until"]);
        assert!((590..=600).contains(&problem["retryAfter"].as_i64().unwrap()));
        app.get(&bob, &format!("/rooms/{room}/messages")).await.ok(200);
        let lift = |kind: &str| json!({ "user": bob.uid, "room": room, "kind": kind });
        app.post(&ann, "/unban", lift("ban")).await.problem(404, "not_sanctioned");
        app.post(&ann, "/unban", lift("timeout")).await.ok(200);
        app.say(&bob, &room, "back").await;
    }

    async fn durations_are_read_as_people_write_them(app: &TestApp) {
        let (ann, bob) = (app.register("ann").await, app.register("bob").await);
        let room = app.room(&ann, "a").await;
        let body = |duration: Value| json!({ "user": bob.uid, "room": room, "duration": duration });
        for (duration, seconds) in [
            (json!("90s"), Some(90)),
            (json!("1h30m"), Some(5400)),
            (json!(600), Some(600)),
            (json!("600"), Some(600)),
            (json!("perm"), None),
            (json!(null), None),
        ] {
            let ban = app.post(&ann, "/bans", body(duration.clone())).await.ok(200)["ban"].clone();
            let length = ban["until"].as_i64().map(|until| (until - ban["timestamp"].as_i64().unwrap()) / 1000);
            assert_eq!(length, seconds, "{duration}");
        }
        for duration in
            [json!(""), json!(" "), json!("0"), json!(0), json!(-5), json!("0s"), json!("10x"), json!("99999w")]
        {
            app.post(&ann, "/bans", body(duration)).await.problem_of(400, "invalid_field", "duration");
        }
        for duration in [json!([]), json!({ "s": 5 }), json!(1.5)] {
            app.post(&ann, "/bans", body(duration)).await.problem_of(400, "bad_request", "duration");
        }
        // The last one replaced those before.
        assert_eq!(app.get(&ann, &format!("/bans?room={room}")).await.ok(200)["bans"].as_array().unwrap().len(), 1);
    }

    async fn sanctions_with_wrong_values_are_refused(app: &TestApp) {
        let (ann, bob) = (app.register("ann").await, app.register("bob").await);
        let room = app.room(&ann, "a").await;
        for (body, status, code) in [
            (json!({ "room": room }), 400, "bad_request"),
            (json!({ "user": 5, "room": room }), 400, "bad_request"),
            (json!({ "user": "bob", "room": room }), 404, "user_not_found"),
            (json!({ "user": bob.uid, "room": "" }), 404, "room_not_found"),
            (json!({ "user": bob.uid, "room": room, "kind": "exile" }), 400, "invalid_field"),
            (json!({ "user": bob.uid, "room": room, "reason": "x".repeat(501) }), 400, "invalid_field"),
            (json!({ "user": bob.uid, "room": room, "reason": "a\u{0}" }), 400, "invalid_field"),
            (json!({ "user": bob.uid, "room": room, "network": "maybe" }), 400, "bad_request"),
            (json!({ "user": ann.uid, "room": room }), 403, "not_on_yourself"),
            (json!({ "user": bob.uid }), 403, "forbidden"),
        ] {
            app.post(&ann, "/bans", body.clone()).await.problem(status, code);
        }
        app.post(&bob, "/bans", json!({ "user": ann.uid, "room": room })).await.problem(403, "forbidden");
        app.tell("/bans", json!({ "user": ann.uid, "room": room })).await.problem(401, "login_required");
        app.tell("/unban", json!({ "user": ann.uid, "room": room })).await.problem(401, "login_required");
        app.post(&bob, "/unban", json!({ "user": ann.uid, "room": room })).await.problem(403, "forbidden");
        app.get(&bob, &format!("/bans?room={room}")).await.problem(403, "forbidden");
        app.get(&bob, &format!("/rooms/{room}/log")).await.problem(403, "forbidden");
        app.get(&ann, "/bans").await.problem(403, "forbidden");
        app.look("/bans").await.problem(401, "login_required");
        app.look(&format!("/rooms/{room}/log")).await.problem(401, "login_required");
    }

    async fn nobody_acts_on_an_equal_or_a_higher_rank(app: &TestApp) {
        let (ann, bob, eve) = (app.register("ann").await, app.register("bob").await, app.register("eve").await);
        let room = app.room(&ann, "a").await;
        for who in [&bob, &eve] {
            app.post(&ann, &format!("/users/{}/mod", who.uid), json!({ "room": room })).await.ok(200);
        }
        for who in [&eve, &ann] {
            let body = json!({ "user": who.uid, "room": room });
            app.post(&bob, "/bans", body).await.problem(403, "outranked");
        }
        let other = app.room(&eve, "b").await;
        let guest = app.guest().await;
        let body = json!({ "user": guest.uid, "room": other });
        app.post(&bob, "/bans", body).await.problem(403, "forbidden");
    }

    async fn what_moderators_do_is_in_the_log(app: &TestApp) {
        let (ann, bob) = (app.register("ann").await, app.register("bob").await);
        let room = app.room(&ann, "a").await;
        let message = app.say(&bob, &room, "x").await;
        app.delete(&ann, &format!("/messages/{}", message["id"])).await.ok(204);
        app.post(&ann, "/bans", json!({ "user": bob.uid, "room": room, "duration": "1h", "reason": "why" }))
            .await
            .ok(200);
        app.patch(&ann, &format!("/rooms/{room}"), json!({ "name": "b" })).await.ok(200);
        let at = format!("/rooms/{room}/log");
        let body = app.get(&ann, &at).await.ok(200);
        let log = body["log"].as_array().unwrap();
        let actions: Vec<&str> = log.iter().map(|line| line["action"].as_str().unwrap()).collect();
        assert_eq!(actions, ["configured", "ban", "deleted"]);
        assert_eq!(
            (&log[1]["reason"], &log[1]["user"]["uid"], &log[1]["actor"]["uid"]),
            (&json!("why"), &json!(bob.uid), &json!(ann.uid))
        );
        assert_eq!(log[2]["message"], message["id"]);
        let page = app.get(&ann, &format!("{at}?limit=1")).await.ok(200);
        let page = app.get(&ann, &format!("{at}?limit=1&before={}", page["next"])).await.ok(200);
        assert_eq!(page["log"][0], log[1]);
        app.get(&ann, &format!("{at}?limit=500")).await.problem_of(400, "invalid_field", "limit");
        app.get(&ann, &format!("{at}?before=x")).await.problem_of(400, "bad_request", "before");
    }

    async fn a_ban_everywhere_ends_all_logins(app: &TestApp) {
        let (root, bob) = (app.root().await, app.register("bob").await);
        let room = app.room(&root, "a").await;
        let ban = &app.post(&root, "/bans", json!({ "user": bob.uid })).await.ok(200)["ban"];
        assert!(ban["room"].is_null());
        app.get(&bob, "/me").await.problem(401, "token_invalid");
        app.tell("/users/login", json!({ "username": "bob", "password": PASSWORD })).await.problem(403, "banned");
        assert_eq!(app.get(&root, "/bans").await.ok(200)["bans"].as_array().unwrap().len(), 1);
        app.post(&root, "/unban", json!({ "user": bob.uid })).await.ok(200);
        let bob = app.login("bob").await;
        app.say(&bob, &room, "back").await;
    }

    async fn a_form_bans_too(app: &TestApp) {
        let (ann, bob) = (app.register("ann").await, app.register("bob").await);
        let room = app.room(&ann, "a").await;
        let form = app.request(Method::POST, "/bans").by(&ann);
        let form = form
            .body("application/x-www-form-urlencoded", format!("user={}&room={room}&duration=60&network=0", bob.uid));
        assert!(form.await.ok(200)["ban"]["until"].is_i64());
    }
}
