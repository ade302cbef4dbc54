//! Sockets of users whom a site signs in.

use crate::app::TestApp;
use crate::on_both;
use crate::site::Site;
use crate::socket::Socket;
use serde_json::json;

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
