//! Messages over HTTP.

use crate::app::TestApp;
use crate::on_both;
use awc::http::Method;
use serde_json::{Value, json};

fn seqs(page: &Value) -> Vec<i64> {
    page["messages"].as_array().unwrap().iter().map(|message| message["seq"].as_i64().unwrap()).collect()
}

on_both! {
    async fn a_message_is_posted_and_read_by_anybody(app: &TestApp) {
        let (ann, guest) = (app.register("ann").await, app.guest().await);
        let room = app.room(&ann, "a").await;
        let message = app.say(&ann, &room, " hello 👋 ").await;
        assert_eq!(
            (&message["message"], &message["seq"], &message["room"]),
            (&json!("hello 👋"), &json!(1), &json!(room))
        );
        assert_eq!(message["user"]["roles"], json!(["registered", "owner"]));
        assert!(message["id"].as_i64().unwrap() > 0 && message["timestamp"].as_i64().unwrap() > 1_700_000_000_000);
        let answer = json!({ "room": room, "message": "hi", "reply_to": message["id"] });
        let answer = &app.post(&guest, "/messages", answer).await.ok(201)["message"];
        assert_eq!((&answer["replyTo"], &answer["seq"]), (&message["id"], &json!(2)));
        let page = app.look(&format!("/rooms/{room}/messages")).await.ok(200);
        assert_eq!((&page["messages"], &page["next"]), (&json!([message, answer]), &json!(null)));
        assert_eq!(page["room"]["uid"], room);
    }

    async fn a_form_posts_too(app: &TestApp) {
        let ann = app.register("ann").await;
        let room = app.room(&ann, "a").await;
        let form = app.request(Method::POST, "/messages").by(&ann);
        form.body("application/x-www-form-urlencoded", format!("room={room}&message=a+%26+b")).await.ok(201);
        assert_eq!(app.texts(&room).await, ["a & b"]);
    }

    async fn history_is_paged_in_both_directions(app: &TestApp) {
        let ann = app.register("ann").await;
        let room = app.room(&ann, "a").await;
        for number in 1..=7 {
            app.say(&ann, &room, &number.to_string()).await;
        }
        let at = format!("/rooms/{room}/messages");
        for (query, expected, next) in [
            ("?limit=3", vec![5, 6, 7], json!(5)),
            ("?limit=3&before=5", vec![2, 3, 4], json!(2)),
            ("?limit=3&before=2", vec![1], json!(null)),
            ("?limit=3&after=0", vec![1, 2, 3], json!(3)),
            ("?limit=100&after=3", vec![4, 5, 6, 7], json!(null)),
            ("?after=7", vec![], json!(null)),
            ("?before=1", vec![], json!(null)),
            ("?before=-5", vec![], json!(null)),
            ("?limit=1&unknown=x", vec![7], json!(7)),
        ] {
            let page = app.look(&format!("{at}{query}")).await.ok(200);
            assert_eq!((seqs(&page), &page["next"]), (expected, &next), "{query}");
        }
        for (query, code, field) in [
            ("?limit=0", "invalid_field", "limit"),
            ("?limit=101", "invalid_field", "limit"),
            ("?limit=-1", "invalid_field", "limit"),
            ("?limit=many", "bad_request", "limit"),
            ("?limit=", "bad_request", "limit"),
            ("?before=x", "bad_request", "before"),
            ("?after=1.5", "bad_request", "after"),
            ("?after=99999999999999999999", "bad_request", "after"),
            ("?after=1&after=2", "bad_request", "after"),
            ("?after=1&before=9", "invalid_field", "before"),
        ] {
            app.look(&format!("{at}{query}")).await.problem_of(400, code, field);
        }
    }

    async fn the_same_nonce_is_the_same_message(app: &TestApp) {
        let (ann, bob) = (app.register("ann").await, app.register("bob").await);
        let room = app.room(&ann, "a").await;
        let body = json!({ "room": room, "message": "once", "nonce": "n1" });
        let first = app.post(&ann, "/messages", body.clone()).await.ok(201);
        assert_eq!(app.post(&ann, "/messages", body.clone()).await.ok(201), first);
        assert_ne!(app.post(&bob, "/messages", body).await.ok(201), first);
        assert_eq!(app.texts(&room).await, ["once", "once"]);
        for nonce in ["", "a\u{0}", &"x".repeat(65)] {
            let body = json!({ "room": room, "message": "x", "nonce": nonce });
            app.post(&ann, "/messages", body).await.problem_of(400, "invalid_field", "nonce");
        }
    }

    async fn messages_with_wrong_values_are_refused(app: &TestApp) {
        let ann = app.register("ann").await;
        let room = app.room(&ann, "a").await;
        for (body, status, code) in [
            (json!({ "room": room }), 400, "bad_request"),
            (json!({ "message": "x" }), 400, "bad_request"),
            (json!({ "room": room, "message": { "text": "x" } }), 400, "bad_request"),
            (json!({ "room": room, "message": ["x"] }), 400, "bad_request"),
            (json!({ "room": room, "message": 5 }), 400, "bad_request"),
            (json!({ "room": room, "message": "x", "reply_to": "1" }), 400, "bad_request"),
            (json!({ "room": room, "message": "x", "nonce": 5 }), 400, "bad_request"),
            (json!({ "room": room, "message": "" }), 400, "invalid_field"),
            (json!({ "room": room, "message": " \n\u{200b}" }), 400, "invalid_field"),
            (json!({ "room": room, "message": "a\u{0}b" }), 400, "invalid_field"),
            (json!({ "room": room, "message": "\u{202e}" }), 400, "invalid_field"),
            (json!({ "room": room, "message": format!("z{}", "\u{301}".repeat(50)) }), 400, "invalid_field"),
            (json!({ "room": room, "message": "x".repeat(501) }), 400, "invalid_field"),
            (json!({ "room": room, "message": "x".repeat(60_000) }), 400, "invalid_field"),
            (json!({ "room": room, "message": "x", "reply_to": 999_999 }), 404, "message_not_found"),
            (json!({ "room": room, "message": "x", "reply_to": -1 }), 404, "message_not_found"),
            (json!({ "room": "aaaaaaaaaaaa", "message": "x" }), 404, "room_not_found"),
            (json!({ "room": "", "message": "x" }), 404, "room_not_found"),
            (json!({ "room": room, "message": "/fly" }), 400, "unknown_command"),
            (json!({ "room": room, "message": "/ban" }), 400, "command_usage"),
            (json!({ "room": room, "message": "/leave" }), 400, "socket_only"),
            (json!({ "room": room, "message": "!ban nobody" }), 404, "user_not_found"),
        ] {
            app.post(&ann, "/messages", body.clone()).await.problem(status, code);
        }
        app.tell("/messages", json!({ "room": room, "message": "x" })).await.problem(401, "login_required");
        app.say(&ann, &room, &"é".repeat(500)).await;
        assert_eq!(app.texts(&room).await.len(), 1);
    }

    async fn a_command_is_carried_out_and_never_posted(app: &TestApp) {
        let (ann, bob) = (app.register("ann").await, app.register("bob").await);
        let room = app.room(&ann, "a").await;
        let slow = app.post(&ann, "/messages", json!({ "room": room, "message": "/slow 30" })).await.ok(200);
        assert_eq!(slow["command"], "slow");
        assert!(slow["text"].as_str().unwrap().contains("30s"), "{slow}");
        assert_eq!(app.look(&format!("/rooms/{room}")).await.ok(200)["room"]["slowMode"], 30);
        app.post(&bob, "/messages", json!({ "room": room, "message": "/slow off" })).await.problem(403, "forbidden");
        let help = app.tell("/messages", json!({ "room": room, "message": "/help" })).await.ok(200);
        assert!(help["text"].as_str().unwrap().contains("/me"), "{help}");
        assert_eq!(app.texts(&room).await, [""; 0]);
        let me = app.say(&ann, &room, "/me waves").await;
        assert_eq!((&me["message"], &me["kind"]), (&json!("waves"), &json!("action")));
    }

    async fn slow_mode_tells_when_to_come_back(app: &TestApp) {
        let (ann, bob) = (app.register("ann").await, app.register("bob").await);
        let room = app.room(&ann, "a").await;
        app.patch(&ann, &format!("/rooms/{room}"), json!({ "slow_mode": 100 })).await.ok(200);
        app.say(&bob, &room, "one").await;
        let problem =
            app.post(&bob, "/messages", json!({ "room": room, "message": "two" })).await.problem(429, "slow_mode");
        assert!((90..=100).contains(&problem["retryAfter"].as_i64().unwrap()), "{problem}");
        app.say(&ann, &room, "the owner").await;
        app.say(&ann, &room, "is exempt").await;
    }

    async fn a_room_without_links_refuses_them(app: &TestApp) {
        let (ann, bob) = (app.register("ann").await, app.register("bob").await);
        let room = app.room(&ann, "a").await;
        app.patch(&ann, &format!("/rooms/{room}"), json!({ "rules": { "links": false, "max_length": 20 } }))
            .await
            .ok(200);
        let body = json!({ "room": room, "message": "see example.com" });
        app.post(&bob, "/messages", body).await.problem(403, "links_not_allowed");
        let body = json!({ "room": room, "message": "x".repeat(21) });
        app.post(&bob, "/messages", body).await.problem_of(400, "message_too_long", "message");
    }

    async fn a_message_is_deleted_by_its_author_or_a_moderator_once(app: &TestApp) {
        let (ann, bob, eve) = (app.register("ann").await, app.register("bob").await, app.guest().await);
        let room = app.room(&ann, "a").await;
        let path = |message: &Value| format!("/messages/{}", message["id"]);
        let (one, two) = (app.say(&bob, &room, "one").await, app.say(&bob, &room, "two").await);
        app.delete(&eve, &path(&one)).await.problem(403, "forbidden");
        app.request(Method::DELETE, &path(&one)).send().await.problem(401, "login_required");
        app.delete(&bob, &path(&one)).await.ok(204);
        app.delete(&bob, &path(&one)).await.problem(404, "message_not_found");
        app.delete(&ann, &path(&two)).await.ok(204);
        let owners = app.say(&ann, &room, "mine").await;
        app.delete(&bob, &path(&owners)).await.problem(403, "forbidden");
        assert_eq!(app.texts(&room).await, ["mine"]);
        for id in ["0", "-1", "x", "999999", "9007199254740993", "99999999999999999999"] {
            app.delete(&ann, &format!("/messages/{id}")).await.problem(404, "message_not_found");
        }
    }

    async fn a_purge_takes_one_author_or_everybody(app: &TestApp) {
        let (ann, bob, eve) = (app.register("ann").await, app.register("bob").await, app.guest().await);
        let room = app.room(&ann, "a").await;
        for who in [&ann, &bob, &eve, &bob] {
            app.say(who, &room, "x").await;
        }
        let at = format!("/rooms/{room}/messages");
        app.delete(&bob, &at).await.problem(403, "forbidden");
        app.request(Method::DELETE, &at).send().await.problem(401, "login_required");
        for user in ["", "x", "aaaaaaaaaa"] {
            app.delete(&ann, &format!("{at}?user={user}")).await.problem(404, "user_not_found");
        }
        app.delete(&ann, &format!("{at}?user={}", bob.uid)).await.ok(204);
        assert_eq!(app.texts(&room).await.len(), 2);
        app.delete(&ann, &at).await.ok(204);
        assert_eq!(app.texts(&room).await, [""; 0]);
    }

    async fn a_flood_is_stopped["--limits", "on"](app: &TestApp) {
        let (ann, bob) = (app.register("ann").await, app.register("bob").await);
        let room = app.room(&ann, "a").await;
        let mut refused = None;
        for number in 0..30 {
            let reply = app.post(&bob, "/messages", json!({ "room": room, "message": number.to_string() })).await;
            if reply.status != 201 {
                refused = Some(reply);
                break;
            }
        }
        refused.unwrap().problem(429, "flood");
    }

    async fn pages_of_history_are_charged_by_their_length["--limits", "read=100/1m"](app: &TestApp) {
        let ann = app.register("ann").await;
        let room = app.room(&ann, "a").await;
        let at = format!("/rooms/{room}/messages");
        app.look(&format!("{at}?limit=60")).await.ok(200);
        app.look(&format!("{at}?limit=60")).await.problem(429, "rate_limited");
        app.look(&format!("{at}?limit=40")).await.ok(200);
        app.look(&format!("{at}?limit=1")).await.problem(429, "rate_limited");
    }
}
