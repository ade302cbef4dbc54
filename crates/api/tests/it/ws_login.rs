//! Being somebody on a socket, and ceasing to be.

use crate::app::{PASSWORD, TestApp};
use crate::database::Database;
use crate::on_both;
use crate::socket::{Ask, Next, Socket};
use domain::model::time::Span;
use serde_json::json;
use std::sync::Arc;
use testkit::clock::FakeClock;

on_both! {
    async fn a_token_among_the_subprotocols_logs_in_and_is_never_echoed(app: &TestApp) {
        let ann = app.register("ann").await;
        let protocols = vec!["banter.v1".to_owned(), format!("bearer.{}", ann.token)];
        let (mut socket, echoed) = Ask { protocols, ..Ask::default() }.open(app).await.unwrap();
        assert_eq!(echoed.as_deref(), Some("banter.v1"));
        socket.expect("welcome").await;
        assert_eq!(socket.expect("auth_updated").await["user"]["uid"], ann.uid);
        for token in ["nonsense", "", "eyJhbGciOiJub25lIn0.e30."] {
            let protocols = vec!["banter.v1".to_owned(), format!("bearer.{token}")];
            let refused = Ask { protocols, ..Ask::default() }.open(app).await;
            assert_eq!(refused.err(), Some(401), "{token}");
        }
    }

    async fn a_ticket_logs_in_once(app: &TestApp) {
        let ann = app.register("ann").await;
        let ticket = app.get(&ann, "/websocket").await.ok(200);
        assert_eq!(ticket["expiresIn"], 60);
        let query = format!("?ticket={}", ticket["ticket"].as_str().unwrap());
        let (mut socket, _) = Ask { query: &query, ..Ask::default() }.open(app).await.unwrap();
        socket.expect("welcome").await;
        assert_eq!(socket.expect("auth_updated").await["user"]["uid"], ann.uid);
        assert_eq!(Ask { query: &query, ..Ask::default() }.open(app).await.err(), Some(401), "the second use");
        assert_eq!(Ask { query: "?ticket=x", ..Ask::default() }.open(app).await.err(), Some(401));
    }

    async fn a_refused_login_is_an_error_and_the_socket_stays_as_it_was(app: &TestApp) {
        let ann = app.register("ann").await;
        let room = app.room(&ann, "Lobby").await;
        let mut socket = Socket::anonymous(app).await;
        socket.join(&room).await;
        assert_eq!(socket.ask("login", json!({ "token": "nonsense" })).await.unwrap_err()["code"], "token_invalid");
        assert_eq!(socket.say("hello").await.unwrap_err()["code"], "login_required");
        let ack = socket.ask("login", json!({ "token": ann.token })).await.unwrap();
        assert_eq!(ack["user"]["uid"], ann.uid);
        socket.say("hello").await.unwrap();
        socket.ask("logout", json!({})).await.unwrap();
        assert_eq!(socket.say("hello").await.unwrap_err()["code"], "login_required");
        app.get(&ann, "/me").await.ok(200);
    }

    async fn logging_out_over_http_closes_the_logins_sockets_and_no_others(app: &TestApp) {
        let ann = app.register("ann").await;
        let again = app.login("ann").await;
        let (mut gone, mut stays) = (Socket::of(app, &ann).await, Socket::of(app, &again).await);
        app.request(awc::http::Method::POST, "/users/logout").by(&ann).send().await.ok(204);
        assert_eq!(gone.closed().await, Some(4001));
        stays.all().await;
        assert_eq!(Ask { protocols: vec![format!("bearer.{}", ann.token)], ..Ask::default() }.open(app).await.err(), Some(401));
    }

    async fn a_new_password_ends_all_other_logins(app: &TestApp) {
        let ann = app.register("ann").await;
        let again = app.login("ann").await;
        let (mut stays, mut gone) = (Socket::of(app, &ann).await, Socket::of(app, &again).await);
        let change = json!({ "password": "another horse", "current_password": PASSWORD });
        app.patch(&ann, "/me", change).await.ok(200);
        assert_eq!(gone.closed().await, Some(4001));
        stays.all().await;
    }

    async fn a_ban_everywhere_closes_the_sockets_for_good(app: &TestApp) {
        let (root, ann) = (app.root().await, app.register("ann").await);
        let mut socket = Socket::of(app, &ann).await;
        app.post(&root, "/bans", json!({ "user": ann.uid, "reason": "spam" })).await.ok(200);
        assert_eq!(socket.closed().await, Some(4003));
        app.tell("/users/login", json!({ "username": "ann", "password": PASSWORD })).await.problem(403, "banned");
        app.post(&root, "/unban", json!({ "user": ann.uid })).await.ok(200);
        app.login("ann").await;
    }

    async fn a_deleted_users_sockets_close(app: &TestApp) {
        let (root, ann) = (app.root().await, app.register("ann").await);
        let mut socket = Socket::of(app, &ann).await;
        app.delete(&root, &format!("/users/{}", ann.uid)).await.ok(204);
        assert_eq!(socket.closed().await, Some(4001));
    }

    async fn an_administrator_sees_and_closes_connections(app: &TestApp) {
        let (root, ann) = (app.root().await, app.register("ann").await);
        let room = app.room(&ann, "Lobby").await;
        let mut socket = Socket::in_room(app, &ann, &room).await;
        let list = app.get(&root, "/connections").await.ok(200);
        let connection = &list["connections"][0];
        assert_eq!((&connection["user"]["uid"], &connection["rooms"]), (&json!(ann.uid), &json!([room])));
        app.get(&ann, "/connections").await.problem(403, "forbidden");
        app.delete(&root, &format!("/connections/{}", connection["id"])).await.ok(204);
        assert_eq!(socket.closed().await, Some(4008));
        app.delete(&root, "/connections/999999").await.problem(404, "connection_not_found");
    }

    async fn pages_of_other_sites_open_no_sockets["--allowed-origins", "https://site.example"](app: &TestApp) {
        for (origin, open) in [
            (None, true),
            (Some(app.url.as_str()), true),
            (Some("https://site.example"), true),
            (Some("https://evil.example"), false),
            (Some("https://site.example.evil.tld"), false),
            (Some("null"), false),
        ] {
            let opened = Ask { origin, ..Ask::default() }.open(app).await;
            assert_eq!(opened.err(), (!open).then_some(403), "{origin:?}");
        }
    }

    async fn chat_commands_log_in_join_leave_and_quit(app: &TestApp) {
        let ann = app.register("ann").await;
        let room = app.room(&ann, "Lobby").await;
        let mut socket = Socket::anonymous(app).await;
        socket.start("sendMessage", json!({ "text": format!("/login ann {PASSWORD}") })).await;
        let updated = socket.until("auth_updated").await;
        assert_eq!(updated["user"]["displayName"], "ann");
        let token = updated["token"].as_str().unwrap().to_owned();
        assert!(socket.until("system").await["text"].as_str().unwrap().contains("ann"));
        app.get(&crate::app::Person { uid: ann.uid.clone(), token }, "/me").await.ok(200);
        socket.say(&format!("/join {room}")).await.unwrap();
        socket.say("hello").await.unwrap();
        assert_eq!(socket.say("/leave").await.unwrap()["command"], "leave");
        assert_eq!(socket.say("hello").await.unwrap_err()["code"], "no_room");
        assert_eq!(socket.say("/login ann wrong-password").await.unwrap_err()["code"], "credentials_wrong");
        socket.say("/logout").await.unwrap();
        assert_eq!(socket.say("/name x").await.unwrap_err()["code"], "login_required");
        socket.say("/login").await.unwrap();
        socket.send_text(r#"{"event":"sendMessage","data":{"text":"/quit"}}"#).await;
        assert_eq!(socket.closed().await, Some(1000));
        assert_eq!(app.texts(&room).await, ["hello"], "no command was posted");
    }

    async fn a_client_that_says_goodbye_is_answered(app: &TestApp) {
        let mut socket = Socket::anonymous(app).await;
        socket.send(awc::ws::Message::Close(None)).await;
        assert_eq!(socket.next().await, Next::Closed(Some(1000)));
    }
}

/// Two servers on one database, without a bus between them: what a socket of the first sends after the second ended its
/// login by a logout, a new password or the deletion of the user.
#[actix_web::test]
async fn a_login_that_another_server_ended_posts_no_more_after_two_seconds() {
    let clock = Arc::new(FakeClock::default());
    let first = TestApp::start_by(Database::postgres(), clock.clone()).await;
    let second = TestApp::start_by(Database::at(first.database.url.clone()), clock.clone()).await;
    let olga = first.register("olga").await;
    let room = first.room(&olga, "Lobby").await;
    for way in ["logout", "password", "deletion"] {
        let ann = first.register(&format!("ann_{way}")).await;
        let mut socket = Socket::in_room(&first, &ann, &room).await;
        socket.say(&format!("before the {way}")).await.unwrap();
        match way {
            "logout" => second.post(&ann, "/users/logout", json!({})).await.ok(204),
            "password" => {
                let other = second.login(&format!("ann_{way}")).await;
                let change = json!({ "password": "another horse", "current_password": PASSWORD });
                second.patch(&other, "/me", change).await.ok(200)
            }
            _ => second.delete(&ann, &format!("/users/{}", ann.uid)).await.ok(204),
        };
        clock.advance(Span::seconds(2));
        let refused = socket.say(&format!("after the {way}")).await;
        assert_eq!(refused.unwrap_err()["code"], "token_invalid", "{way}");
    }
    let said = first.texts(&room).await;
    assert_eq!(said, ["before the logout", "before the password", "before the deletion"]);
    second.stop().await;
    first.stop().await;
}
