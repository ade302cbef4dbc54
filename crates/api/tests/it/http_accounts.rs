//! Logging in and being somebody, over HTTP.

use crate::app::{PASSWORD, Person, ROOT_PASSWORD, TestApp};
use crate::on_both;
use awc::http::Method;
use serde_json::json;

on_both! {
    async fn registering_makes_a_user_and_a_login(app: &TestApp) {
        let body = json!({ "username": "Ann_Lee", "password": PASSWORD, "unknown": [1] });
        let body = app.tell("/users/register", body).await.ok(201);
        let user = &body["user"];
        assert_eq!((&user["displayName"], &user["roles"]), (&json!("Ann_Lee"), &json!(["registered"])));
        assert_eq!(user["uid"].as_str().unwrap().len(), 10);
        assert!(user["picture"].is_null() && user["countryCode"].is_null());
        let ann = Person { uid: user["uid"].as_str().unwrap().into(), token: body["token"].as_str().unwrap().into() };
        assert_eq!(app.get(&ann, "/me").await.ok(200)["user"], *user);
        assert_eq!(app.look(&format!("/users/{}", ann.uid)).await.ok(200)["user"], *user);
    }

    async fn names_that_are_taken_or_look_so_are_refused(app: &TestApp) {
        app.register("paypal").await;
        for name in ["paypal", "PAYPAL", "paypa1", "paypaI"] {
            let body = json!({ "username": name, "password": PASSWORD });
            app.tell("/users/register", body).await.problem(409, "name_taken");
        }
    }

    async fn registering_with_wrong_values_is_refused(app: &TestApp) {
        for (name, password, field) in [
            ("ab", PASSWORD, "username"),
            ("", PASSWORD, "username"),
            ("a b c", PASSWORD, "username"),
            ("аnna", PASSWORD, "username"),
            ("ann😀", PASSWORD, "username"),
            ("ann\u{0}", PASSWORD, "username"),
            ("root", PASSWORD, "username"),
            ("Admin", PASSWORD, "username"),
            ("m0d", PASSWORD, "username"),
            ("a234567890123456789012345", PASSWORD, "username"),
            ("ann", "short", "password"),
            ("ann", &"x".repeat(257), "password"),
        ] {
            let body = json!({ "username": name, "password": password });
            app.tell("/users/register", body).await.problem_of(400, "invalid_field", field);
        }
        app.tell("/users/register", json!({ "username": "ann" })).await.problem_of(400, "bad_request", "password");
    }

    async fn logging_in_takes_the_name_in_any_case_and_the_exact_password(app: &TestApp) {
        let ann = app.register("Ann").await;
        let login = app.tell("/users/login", json!({ "username": "ANN", "password": PASSWORD })).await.person(200);
        assert_eq!(login.uid, ann.uid);
        for (name, password) in
            [("Ann", "wrong horse"), ("nobody", PASSWORD), ("", ""), ("a\u{0}b", PASSWORD), ("Ann", "x")]
        {
            let body = json!({ "username": name, "password": password });
            app.tell("/users/login", body).await.problem(401, "credentials_wrong");
        }
        app.tell("/users/login", json!({ "username": "Ann" })).await.problem_of(400, "bad_request", "password");
        app.tell("/users/login", json!({})).await.problem_of(400, "bad_request", "username");
        app.tell("/users/login", json!({ "guest": "maybe" })).await.problem_of(400, "bad_request", "guest");
    }

    async fn a_guest_may_be_asked_for_in_several_ways(app: &TestApp) {
        for body in [json!({ "guest": 1 }), json!({ "guest": true }), json!({ "guest": "1" })] {
            let body = app.tell("/users/login", body).await.ok(200);
            assert_eq!(body["user"]["roles"], json!(["guest"]));
            assert!(body["user"]["displayName"].as_str().unwrap().starts_with("Guest-"));
        }
        let form = app.request(Method::POST, "/users/login").body("application/x-www-form-urlencoded", "guest=1").await;
        form.person(200);
    }

    async fn guests_of_one_address_are_one_guest["--guests", "address"](app: &TestApp) {
        let (first, second) = (app.guest().await, app.guest().await);
        assert_eq!(first.uid, second.uid);
        assert_ne!(first.token, second.token);
    }

    async fn guests_may_be_switched_off["--guests", "off"](app: &TestApp) {
        app.tell("/users/login", json!({ "guest": 1 })).await.problem(403, "guests_off");
    }

    async fn logging_out_ends_the_login_and_no_other(app: &TestApp) {
        let first = app.register("ann").await;
        let second = app.login("ann").await;
        app.post(&first, "/users/logout", json!({})).await.ok(204);
        app.get(&first, "/me").await.problem(401, "token_invalid");
        app.get(&second, "/me").await.ok(200);
        app.request(Method::POST, "/users/logout").by(&second).send().await.ok(204);
        app.request(Method::POST, "/users/logout").send().await.problem(401, "login_required");
    }

    async fn a_token_that_is_not_ours_is_refused_everywhere(app: &TestApp) {
        let ann = app.register("ann").await;
        let room = app.room(&ann, "room").await;
        let (head, rest) = ann.token.split_once('.').unwrap();
        // alg: none
        let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.", rest.split('.').next().unwrap());
        for token in ["x", "a.b.c", &unsigned, &format!("{head}.{rest}x"), &ann.token[..ann.token.len() - 2]] {
            let nobody = Person { uid: String::new(), token: token.to_owned() };
            for path in ["/me", "/rooms", &format!("/rooms/{room}/messages")] {
                app.get(&nobody, path).await.problem(401, "token_invalid");
            }
        }
        let reply = app.look("/me").await;
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
        reply.problem(401, "login_required");
    }

    async fn a_token_is_renewed_for_the_same_login(app: &TestApp) {
        let ann = app.register("ann").await;
        let fresh = app.post(&ann, "/me/token", json!({})).await.person(200);
        assert_eq!(fresh.uid, ann.uid);
        app.post(&ann, "/users/logout", json!({})).await.ok(204);
        app.get(&fresh, "/me").await.problem(401, "token_invalid");
        app.request(Method::POST, "/me/token").send().await.problem(401, "login_required");
    }

    async fn everybody_may_take_another_name_and_picture(app: &TestApp) {
        let (ann, guest) = (app.register("ann").await, app.guest().await);
        let user = &app
            .patch(&ann, "/me", json!({ "display_name": " Ann  Lee 🦊 ", "picture": "https://x.example/a.png" }))
            .await
            .ok(200)["user"];
        assert_eq!((&user["displayName"], &user["picture"]), (&json!("Ann Lee 🦊"), &json!("https://x.example/a.png")));
        let user = &app
            .patch(&ann, &format!("/users/{}", ann.uid), json!({ "displayName": "Annie", "picture": null }))
            .await
            .ok(200)["user"];
        assert_eq!((&user["displayName"], &user["picture"]), (&json!("Annie"), &json!(null)));
        assert_eq!(
            app.patch(&guest, "/me", json!({ "display_name": "Gast" })).await.ok(200)["user"]["displayName"],
            "Gast"
        );
        app.patch(&guest, "/me", json!({ "display_name": "ANNIE" })).await.problem(409, "name_taken");
        for name in ["", " ", "Root", "a\u{202e}b", "x\u{0}", &"x".repeat(33), "Guest-7", "\u{200b}"] {
            app.patch(&ann, "/me", json!({ "display_name": name })).await.problem_of(
                400,
                "invalid_field",
                "display_name",
            );
        }
        for picture in [
            "javascript:alert(1)",
            "http://x.example/a.png",
            "//x.example",
            "https://x/\"",
            &format!("/{}", "x".repeat(500)),
        ] {
            app.patch(&ann, "/me", json!({ "picture": picture })).await.problem_of(400, "invalid_field", "picture");
        }
        app.patch(&ann, "/me", json!({ "display_name": 5 })).await.problem_of(400, "bad_request", "display_name");
        app.patch(&guest, &format!("/users/{}", ann.uid), json!({ "display_name": "x" }))
            .await
            .problem(403, "forbidden");
        app.request(Method::PATCH, "/me").json(&json!({})).await.problem(401, "login_required");
    }

    async fn a_new_password_takes_the_old_one_and_ends_the_other_logins(app: &TestApp) {
        let (first, second) = (app.register("ann").await, app.login("ann").await);
        for current in [json!(null), json!("wrong horse")] {
            let body = json!({ "password": "another horse", "current_password": current });
            app.patch(&first, "/me", body).await.problem(401, "credentials_wrong");
        }
        app.patch(&first, "/me", json!({ "password": "another horse", "current_password": PASSWORD })).await.ok(200);
        app.get(&first, "/me").await.ok(200);
        app.get(&second, "/me").await.problem(401, "token_invalid");
        app.tell("/users/login", json!({ "username": "ann", "password": PASSWORD }))
            .await
            .problem(401, "credentials_wrong");
        app.tell("/users/login", json!({ "username": "ann", "password": "another horse" })).await.person(200);
        let guest = app.guest().await;
        app.patch(&guest, "/me", json!({ "password": "another horse" })).await.problem_of(
            400,
            "invalid_field",
            "password",
        );
    }

    async fn a_change_that_names_no_known_field_is_refused(app: &TestApp) {
        let (root, ann) = (app.root().await, app.register("ann").await);
        let at = format!("/users/{}", ann.uid);
        let problem = app.patch(&root, &at, json!({ "role": "admin" })).await.problem_of(400, "bad_request", "role");
        assert!(problem["detail"].as_str().unwrap().contains("Did you mean roles?"), "{problem}");
        let problem = app.patch(&ann, "/me", json!({ "colour": "red" })).await.problem(400, "bad_request");
        assert!(problem["detail"].as_str().unwrap().contains("display_name, picture, roles"), "{problem}");
        let room = app.room(&ann, "a").await;
        app.patch(&ann, &format!("/rooms/{room}"), json!({})).await.problem(400, "bad_request");
        let body = json!({ "rules": { "link": true } });
        app.patch(&ann, &format!("/rooms/{room}"), body).await.problem_of(400, "bad_request", "rules.link");
        let user = &app.patch(&ann, "/me", json!({ "displayName": "Annie", "later": 1 })).await.ok(200)["user"];
        assert_eq!(user["displayName"], "Annie");
    }

    async fn a_body_may_begin_with_a_byte_order_mark(app: &TestApp) {
        let body = "\u{feff}{\"guest\": 1}";
        app.request(Method::POST, "/users/login").body("application/json", body).await.person(200);
    }

    async fn ranks_are_given_from_above(app: &TestApp) {
        let (root, ann, bob) = (app.root().await, app.register("ann").await, app.register("bob").await);
        let (ann_at, bob_at) = (format!("/users/{}", ann.uid), format!("/users/{}", bob.uid));
        app.patch(&ann, "/me", json!({ "roles": ["admin"] })).await.problem(403, "forbidden");
        let user = &app.patch(&root, &ann_at, json!({ "roles": ["admin"] })).await.ok(200)["user"];
        assert_eq!(user["roles"], json!(["registered", "admin"]));
        // What was shown may be sent back.
        app.patch(&root, &ann_at, json!({ "roles": ["registered", "admin"] })).await.ok(200);
        app.patch(&ann, &bob_at, json!({ "roles": ["super_mod"] })).await.ok(200);
        app.patch(&ann, &bob_at, json!({ "roles": ["admin"] })).await.problem(403, "forbidden");
        app.patch(&bob, &ann_at, json!({ "roles": [] })).await.problem(403, "forbidden");
        for roles in [json!(["root"]), json!(["king"]), json!(["mod"]), json!(["admin", "super_mod"])] {
            app.patch(&root, &bob_at, json!({ "roles": roles })).await.problem_of(400, "invalid_field", "roles");
        }
        let user = &app.patch(&ann, &bob_at, json!({ "roles": [] })).await.ok(200)["user"];
        assert_eq!(user["roles"], json!(["registered"]));
    }

    async fn administrators_page_and_search_through_users(app: &TestApp) {
        let (root, ann) = (app.root().await, app.register("ann").await);
        for name in ["hanna", "joanna", "bob"] {
            app.register(name).await;
        }
        let names = |body: &serde_json::Value| -> Vec<String> {
            body["users"]
                .as_array()
                .unwrap()
                .iter()
                .map(|user| user["displayName"].as_str().unwrap().to_owned())
                .collect()
        };
        let found = app.get(&root, "/users?search=ANN").await.ok(200);
        assert_eq!(
            (names(&found), &found["next"]),
            (vec!["ann".into(), "hanna".into(), "joanna".into()], &json!(null))
        );
        let first = app.get(&root, "/users?limit=2").await.ok(200);
        assert_eq!(names(&first), ["root", "ann"]);
        let second = app.get(&root, &format!("/users?limit=100&after={}", first["next"])).await.ok(200);
        assert_eq!(names(&second), ["hanna", "joanna", "bob"]);
        assert_eq!(names(&app.get(&root, "/users?search=%25").await.ok(200)), [""; 0]);
        app.get(&root, "/users?search=%00").await.problem_of(400, "invalid_field", "search");
        app.get(&root, "/users?limit=0").await.problem_of(400, "invalid_field", "limit");
        app.get(&root, "/users?limit=x").await.problem_of(400, "bad_request", "limit");
        app.get(&ann, "/users").await.problem(403, "forbidden");
        app.look("/users").await.problem(401, "login_required");
    }

    async fn a_user_is_erased_by_itself_or_from_above(app: &TestApp) {
        let (root, ann, bob) = (app.root().await, app.register("ann").await, app.register("bob").await);
        app.delete(&bob, &format!("/users/{}", ann.uid)).await.problem(403, "forbidden");
        app.delete(&root, &format!("/users/{}", root.uid)).await.problem(403, "outranked");
        let room = app.room(&bob, "room").await;
        app.say(&ann, &room, "still here").await;
        app.delete(&ann, &format!("/users/{}", ann.uid)).await.ok(204);
        app.get(&ann, "/me").await.problem(401, "token_invalid");
        app.look(&format!("/users/{}", ann.uid)).await.problem(404, "user_not_found");
        assert_eq!(app.texts(&room).await, ["still here"]);
        let again = app.tell("/users/register", json!({ "username": "ann", "password": "correct horse" })).await;
        again.problem(409, "name_taken");
        let keeper = app.register("keeper").await;
        let at = format!("/users/{}/rooms", bob.uid);
        let told = app.get(&bob, &at).await.ok(200);
        assert_eq!(told["rooms"][0]["uid"], json!(room));
        app.get(&keeper, &at).await.problem(403, "forbidden");
        app.delete(&root, &format!("/users/{}", bob.uid)).await.ok(204);
        app.delete(&root, &format!("/users/{}", bob.uid)).await.problem(404, "user_not_found");
    }

    async fn nobody_finds_a_user_that_cannot_be(app: &TestApp) {
        for uid in ["aaaaaaaaaa", "x", "a%20b", "%F0%9F%98%80", "..", "%00", &"a".repeat(5000)] {
            let reply = app.look(&format!("/users/{uid}")).await;
            assert_eq!(reply.status.as_u16(), 404, "{uid}");
            assert!(["user_not_found", "not_found"].contains(&reply.json()["code"].as_str().unwrap()), "{uid}");
        }
    }

    async fn a_suggested_name_and_password_are_good_to_register_with(app: &TestApp) {
        let body = app.look("/random").await.ok(200);
        let (name, password) = (body["name"].as_str().unwrap(), body["password"].as_str().unwrap());
        assert!(password.len() >= 16);
        app.tell("/users/register", json!({ "username": name, "password": password })).await.person(201);
        assert_ne!(app.look("/random").await.ok(200)["password"], password);
    }

    async fn tries_to_log_in_are_slowed["--limits", "on"](app: &TestApp) {
        let mut last = None;
        for _ in 0..6 {
            last = Some(app.tell("/users/login", json!({ "username": "root", "password": "wrong horse" })).await);
        }
        let problem = last.unwrap().problem(429, "login_slowed");
        assert!((1..=60).contains(&problem["retryAfter"].as_i64().unwrap()), "{problem}");
        let body = json!({ "username": "root", "password": ROOT_PASSWORD });
        app.tell("/users/login", body).await.problem(429, "login_slowed");
    }
}
