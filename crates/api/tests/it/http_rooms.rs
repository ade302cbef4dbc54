//! Rooms over HTTP.

use crate::app::TestApp;
use crate::on_both;
use awc::http::Method;
use serde_json::{Value, json};

fn uids(body: &Value) -> Vec<&str> {
    body["rooms"].as_array().unwrap().iter().map(|room| room["uid"].as_str().unwrap()).collect()
}

on_both! {
    async fn a_room_is_made_and_read_by_anybody(app: &TestApp) {
        let guest = app.guest().await;
        let body = app.post(&guest, "/rooms", json!({ "name": " Lo-fi 🎧 ", "description": "study" })).await.ok(201);
        let room = &body["room"];
        let uid = room["uid"].as_str().unwrap();
        assert_eq!(uid.len(), 12);
        assert_eq!(
            (&room["name"], &room["description"], &room["slowMode"]),
            (&json!("Lo-fi 🎧"), &json!("study"), &json!(0))
        );
        assert_eq!(room["rules"], json!({ "maxLength": 500, "maxLines": 12, "links": true, "read": "everyone" }));
        assert_eq!(app.look(&format!("/rooms/{uid}")).await.ok(200), body);
    }

    async fn a_form_makes_a_room_too(app: &TestApp) {
        let guest = app.guest().await;
        let request = app.request(Method::POST, "/rooms").by(&guest);
        let room =
            request.body("application/x-www-form-urlencoded; charset=utf-8", "name=a+b&description=").await.ok(201);
        let at = format!("/rooms/{}", room["room"]["uid"].as_str().unwrap());
        let form = app.request(Method::PATCH, &at).by(&guest);
        let room = &form
            .body("application/x-www-form-urlencoded", "slow_mode=30&links=false&max_length=99")
            .await
            .ok(200)["room"];
        assert_eq!((&room["slowMode"], &room["rules"]), (&json!(30), &json!({ "maxLength": 99, "maxLines": 12, "links": false, "read": "everyone" })));
    }

    async fn rooms_with_wrong_values_are_refused(app: &TestApp) {
        let guest = app.guest().await;
        for (body, code, field) in [
            (json!({}), "bad_request", "name"),
            (json!({ "name": null }), "bad_request", "name"),
            (json!({ "name": { "a": 1 } }), "bad_request", "name"),
            (json!({ "name": "" }), "invalid_field", "name"),
            (json!({ "name": "\u{200b}" }), "invalid_field", "name"),
            (json!({ "name": "x".repeat(101) }), "invalid_field", "name"),
            (json!({ "name": "a\nb" }), "invalid_field", "name"),
            (json!({ "name": "a\u{0}b" }), "invalid_field", "name"),
            (json!({ "name": "a", "description": "x".repeat(501) }), "invalid_field", "description"),
            (json!({ "name": "a", "description": 7 }), "bad_request", "description"),
        ] {
            app.post(&guest, "/rooms", body).await.problem_of(400, code, field);
        }
        app.tell("/rooms", json!({ "name": "a" })).await.problem(401, "login_required");
    }

    async fn who_makes_rooms_is_a_setting["--room-creation", "registered"](app: &TestApp) {
        let (guest, ann) = (app.guest().await, app.register("ann").await);
        app.post(&guest, "/rooms", json!({ "name": "a" })).await.problem(403, "forbidden");
        app.room(&ann, "a").await;
    }

    async fn each_sees_its_own_rooms_and_administrators_all(app: &TestApp) {
        let (root, ann, bob) = (app.root().await, app.register("ann").await, app.register("bob").await);
        let (first, second, third) = (app.room(&ann, "a").await, app.room(&bob, "b").await, app.room(&ann, "c").await);
        assert_eq!(uids(&app.get(&ann, "/rooms").await.ok(200)), [&first, &third]);
        assert_eq!(uids(&app.get(&bob, "/rooms").await.ok(200)), [&second]);
        let page = app.get(&root, "/rooms?limit=2").await.ok(200);
        assert_eq!(uids(&page), [&first, &second]);
        let page = app.get(&root, &format!("/rooms?limit=2&after={}", page["next"])).await.ok(200);
        assert_eq!((uids(&page), &page["next"]), (vec![third.as_str()], &json!(null)));
        app.get(&root, "/rooms?limit=101").await.problem_of(400, "invalid_field", "limit");
        app.look("/rooms").await.problem(401, "login_required");
    }

    async fn only_the_owner_or_an_administrator_changes_a_room(app: &TestApp) {
        let (root, ann, bob) = (app.root().await, app.register("ann").await, app.register("bob").await);
        let at = format!("/rooms/{}", app.room(&ann, "a").await);
        let change = json!({ "name": "b", "slow_mode": 10, "rules": { "maxLength": 100, "links": false } });
        let room = &app.patch(&ann, &at, change).await.ok(200)["room"];
        assert_eq!(
            (&room["name"], &room["slowMode"], &room["rules"]["maxLength"]),
            (&json!("b"), &json!(10), &json!(100))
        );
        assert_eq!(app.patch(&root, &at, json!({ "slowMode": 0 })).await.ok(200)["room"]["slowMode"], 0);
        assert_eq!(app.look(&at).await.ok(200)["room"]["rules"], json!({ "maxLength": 100, "maxLines": 12, "links": false, "read": "everyone" }));
        app.patch(&bob, &at, json!({ "name": "c" })).await.problem(403, "forbidden");
        app.request(Method::PATCH, &at).json(&json!({ "name": "c" })).await.problem(401, "login_required");
        for (body, code, field) in [
            (json!({ "slow_mode": -1 }), "invalid_field", "slow_mode"),
            (json!({ "slow_mode": 86_401 }), "invalid_field", "slow_mode"),
            (json!({ "slow_mode": "10" }), "bad_request", "slow_mode"),
            (json!({ "slow_mode": 1.5 }), "bad_request", "slow_mode"),
            (json!({ "slow_mode": 1e30 }), "bad_request", "slow_mode"),
            (json!({ "rules": 5 }), "bad_request", "rules"),
            (json!({ "rules": { "links": "x" } }), "bad_request", "rules.links"),
            (json!({ "rules": { "max_length": 0 } }), "invalid_field", "max_length"),
            (json!({ "name": "" }), "invalid_field", "name"),
        ] {
            app.patch(&ann, &at, body).await.problem_of(400, code, field);
        }
    }

    async fn a_closed_room_is_gone(app: &TestApp) {
        let (ann, bob) = (app.register("ann").await, app.register("bob").await);
        let room = app.room(&ann, "a").await;
        let at = format!("/rooms/{room}");
        app.delete(&bob, &at).await.problem(403, "forbidden");
        app.request(Method::DELETE, &at).send().await.problem(401, "login_required");
        app.delete(&ann, &at).await.ok(204);
        for path in [at.clone(), format!("{at}/messages"), format!("{at}/users"), format!("{at}/moderators")] {
            app.look(&path).await.problem(404, "room_not_found");
        }
        app.delete(&ann, &at).await.problem(404, "room_not_found");
        app.post(&ann, "/messages", json!({ "room": room, "message": "hi" })).await.problem(404, "room_not_found");
        assert_eq!(uids(&app.get(&ann, "/rooms").await.ok(200)), [""; 0]);
    }

    async fn nobody_finds_a_room_that_cannot_be(app: &TestApp) {
        for uid in ["aaaaaaaaaaaa", "x", "%00", "a%2Fb", "%E2%80%AE"] {
            for rest in ["", "/messages", "/users", "/moderators"] {
                app.look(&format!("/rooms/{uid}{rest}")).await.problem(404, "room_not_found");
            }
        }
    }

    async fn moderators_are_listed_highest_first(app: &TestApp) {
        let (ann, bob) = (app.register("ann").await, app.register("bob").await);
        let room = app.room(&ann, "a").await;
        app.post(&ann, &format!("/users/{}/mod", bob.uid), json!({ "room": room })).await.ok(200);
        let body = app.look(&format!("/rooms/{room}/moderators")).await.ok(200);
        let roles: Vec<&Value> = body["moderators"].as_array().unwrap().iter().map(|user| &user["roles"]).collect();
        assert_eq!(roles, [&json!(["registered", "owner"]), &json!(["registered", "mod"])]);
    }

    async fn a_room_without_viewers_has_none(app: &TestApp) {
        let ann = app.register("ann").await;
        let room = app.room(&ann, "a").await;
        assert_eq!(app.look(&format!("/rooms/{room}/users")).await.ok(200), json!({ "count": 0, "users": [] }));
    }
}
