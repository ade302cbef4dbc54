//! Sockets of users whom a site signs in: renewal, and the ends of a token.

use crate::app::{Person, TestApp};
use crate::database::Database;
use crate::on_both;
use crate::site::Site;
use crate::socket::Socket;
use domain::model::time::Span;
use domain::ports::effects::Clock;
use serde_json::{Value, json};
use std::sync::Arc;
use testkit::clock::FakeClock;

on_both! {
    async fn deleting_a_key_closes_the_sockets_of_what_it_signed_and_no_others(app: &TestApp) {
        let (site, other) = (Site::new(app).await, Site::new(app).await);
        let (bea, cleo) = (site.person(app, "1", json!({})).await, other.person(app, "1", json!({})).await);
        let (mut gone, mut stays) = (Socket::of(app, &bea).await, Socket::of(app, &cleo).await);
        app.delete(&site.owner, &format!("/sites/{}/keys/{}", site.uid, site.kid)).await.ok(204);
        assert_eq!(gone.closed().await, Some(4001));
        app.get(&bea, "/me").await.problem(401, "token_key_unknown");
        stays.all().await;
        app.delete(&other.owner, &format!("/sites/{}", other.uid)).await.ok(204);
        assert_eq!(stays.closed().await, Some(4001));
        app.get(&cleo, "/me").await.problem(401, "token_issuer");
    }

    async fn bans_of_users_of_a_site_hold_on_their_sockets(app: &TestApp) {
        let site = Site::new(app).await;
        let room = site.room(app).await;
        let bea = site.person(app, "1", json!({})).await;
        let mut socket = Socket::in_room(app, &bea, &room).await;
        app.post(&site.owner, "/bans", json!({ "room": room, "user": bea.uid })).await.ok(200);
        assert_eq!(socket.until("user_moderated").await["user"]["roles"], json!(["registered", "site"]));
        assert_eq!(socket.ask("join", json!({ "uid": room })).await.unwrap_err()["code"], "banned");
        app.post(&site.owner, "/bans", json!({ "user": bea.uid })).await.ok(200);
        assert_eq!(socket.closed().await, Some(4003));
        app.get(&bea, "/me").await.problem(403, "banned");
    }

    async fn the_role_of_a_site_shows_in_the_list_of_who_is_there(app: &TestApp) {
        let site = Site::new(app).await;
        let room = site.room(app).await;
        let bea = site.person(app, "1", json!({ "role": "mod" })).await;
        let mut socket = Socket::of(app, &bea).await;
        let ack = socket.join(&room).await;
        assert_eq!(ack["user"]["roles"], json!(["registered", "site", "mod"]));
        let listed = app.look(&format!("/rooms/{room}/users")).await.ok(200);
        assert_eq!(listed["users"][0]["roles"], json!(["registered", "site", "mod"]));
        let mut other = Socket::anonymous(app).await;
        other.start("join", json!({ "uid": room })).await;
        assert_eq!(other.until("room_users").await["users"][0]["roles"], json!(["registered", "site", "mod"]));
    }
}

/// A server by a clock that stands still, a site, and the socket of a user in a room of it.
struct Story {
    app: TestApp,
    clock: Arc<FakeClock>,
    site: Site,
    room: String,
}

impl Story {
    async fn begin() -> Story {
        let clock = Arc::new(FakeClock::default());
        let app = TestApp::start_by(Database::sqlite(), clock.clone()).await;
        let site = Site::new(&app).await;
        let room = site.room(&app).await;
        Story { app, clock, site, room }
    }

    fn token(&self, sub: &str, more: Value) -> String {
        self.site.token_at(sub, self.clock.now().0 / 1000, more)
    }

    async fn socket(&self, sub: &str) -> Socket {
        let who = Person { uid: String::new(), token: self.token(sub, json!({})) };
        Socket::in_room(&self.app, &who, &self.room).await
    }
}

#[actix_web::test]
async fn a_token_that_is_not_renewed_is_told_to_end_and_closes_the_socket() {
    let story = Story::begin().await;
    let mut socket = story.socket("1").await;
    story.clock.advance(Span::seconds(545));
    let told = socket.until("auth_expiring").await["expiresIn"].as_i64().unwrap();
    assert!((50..=55).contains(&told), "{told}");
    socket.say("still here").await.unwrap();
    let began = std::time::Instant::now();
    story.clock.advance(Span::seconds(55));
    assert_eq!(socket.closed().await, Some(4010));
    assert!(began.elapsed().as_secs() < 5);
    story.app.stop().await;
}

#[actix_web::test]
async fn a_token_of_the_same_user_goes_on_without_a_gap() {
    let story = Story::begin().await;
    let mut socket = story.socket("1").await;
    story.clock.advance(Span::seconds(550));
    socket.until("auth_expiring").await;
    socket.say("before").await.unwrap();
    socket.ask("login", json!({ "token": story.token("1", json!({ "name": "Bea" })) })).await.unwrap();
    story.clock.advance(Span::seconds(300));
    socket.say("after").await.unwrap();
    let frames = socket.all().await;
    assert!(frames.iter().all(|frame| frame["event"] != "auth_expiring"), "{frames:?}");
    story.clock.advance(Span::seconds(250));
    socket.until("auth_expiring").await;
    assert_eq!(story.app.texts(&story.room).await, ["before", "after"]);
    story.app.stop().await;
}

#[actix_web::test]
async fn a_token_of_another_user_closes_the_socket() {
    let story = Story::begin().await;
    for account in [false, true] {
        let mut socket = story.socket("1").await;
        let token = if account { story.app.register("ann").await.token } else { story.token("2", json!({})) };
        socket.start("login", json!({ "token": token })).await;
        assert_eq!(socket.closed().await, Some(4001));
    }
    // A bad token changes nothing, and whoever logged out may be anybody.
    let mut socket = story.socket("1").await;
    assert_eq!(socket.ask("login", json!({ "token": "x" })).await.unwrap_err()["code"], "token_invalid");
    socket.say("still here").await.unwrap();
    socket.ask("logout", json!({})).await.unwrap();
    socket.ask("login", json!({ "token": story.token("2", json!({})) })).await.unwrap();
    story.app.stop().await;
}

#[actix_web::test]
async fn a_renewed_token_that_is_not_valid_in_a_room_leaves_it() {
    let story = Story::begin().await;
    let mut socket = story.socket("1").await;
    socket.start("login", json!({ "token": story.token("1", json!({ "rooms": [] })) })).await;
    assert_eq!(socket.until("error").await["code"], "token_room");
    assert!(socket.say("hi").await.is_err());
    story.app.stop().await;
}
