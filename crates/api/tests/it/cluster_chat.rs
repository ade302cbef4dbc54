//! Several nodes as one chat: whoever is on whichever node sees, does and suffers the same.

use crate::app::{PASSWORD, Person, ROOT_PASSWORD};
use crate::cluster::Cluster;
use crate::command_line;
use crate::process::{history, owner_and_room};
use crate::socket::{Next, Socket};
use actix_web::rt::time::sleep;
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// What the bus brings arrives in milliseconds, what is read instead of it in seconds: this is between the two, as far as a
/// machine that is busy with other tests allows.
const SOON: Duration = Duration::from_secs(10);

async fn call(method: &str, url: &str, who: Option<&Person>, body: Option<Value>) -> (u16, Value) {
    let method = awc::http::Method::from_bytes(method.as_bytes()).unwrap();
    let mut request = awc::Client::default().request(method, url).timeout(Duration::from_secs(30));
    if let Some(who) = who {
        request = request.bearer_auth(&who.token);
    }
    let mut reply = match body {
        Some(body) => request.send_json(&body).await.unwrap(),
        None => request.send().await.unwrap(),
    };
    let status = reply.status().as_u16();
    (status, reply.json().limit(1 << 22).await.unwrap_or(Value::Null))
}

async fn login(url: &str, name: &str, password: &str) -> Person {
    let body = json!({ "username": name, "password": password });
    let (status, body) = call("POST", &format!("{url}/users/login"), None, Some(body)).await;
    assert_eq!(status, 200, "{body}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Person { uid: text(&body["user"]["uid"]), token: text(&body["token"]) }
}

async fn register(url: &str, name: &str) -> Person {
    let body = json!({ "username": name, "password": PASSWORD });
    let (status, body) = call("POST", &format!("{url}/users/register"), None, Some(body)).await;
    assert_eq!(status, 201, "{body}");
    login(url, name, PASSWORD).await
}

/// Asks until the answer is as it should be; how long that took.
async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !so().await {
        assert!(began.elapsed() < SOON, "it did not come true that {what}");
        sleep(Duration::from_millis(20)).await;
    }
    began.elapsed()
}

#[actix_web::test]
async fn everybody_on_every_node_sees_one_order() {
    let cluster = Cluster::start(3);
    let (ann, room) = owner_and_room(&cluster.urls[0]).await;
    let mut sockets = Vec::new();
    for url in &cluster.urls {
        sockets.push(Socket::try_in_room(url, &ann, &room).await.unwrap());
    }
    let mut seen: Vec<Vec<Value>> = Vec::new();
    let say = async |number: usize, socket: &mut Socket| {
        for n in 0..20 {
            let text = format!("{number}-{n}");
            socket.start("sendMessage", json!({ "room": room, "text": text, "nonce": text })).await;
        }
        let mut messages = Vec::new();
        while messages.len() < 60 {
            if let Next::Text(frame) = socket.next().await
                && frame["event"] == "message"
            {
                messages.push(frame["data"].clone());
            }
        }
        messages
    };
    seen.extend(join_all(sockets.iter_mut().enumerate().map(|(n, socket)| say(n, socket))).await);
    let all = history(&cluster.urls[2], &room).await;
    assert_eq!(all.len(), 60);
    assert!(seen.iter().all(|seen| *seen == all), "everybody saw the history");
}

#[actix_web::test]
async fn fifty_posts_of_one_nonce_over_three_nodes_are_one_message_and_fifty_equal_acks() {
    let cluster = Cluster::start(3);
    let (ann, room) = owner_and_room(&cluster.urls[0]).await;
    let body = json!({ "room": room, "message": "once", "nonce": "the same" });
    let posts = (0..50).map(|n| {
        let url = format!("{}/messages", cluster.urls[n % 3]);
        let (ann, body) = (&ann, body.clone());
        async move { call("POST", &url, Some(ann), Some(body)).await }
    });
    let acks: BTreeSet<String> = join_all(posts)
        .await
        .into_iter()
        .map(|(status, body)| {
            assert!(matches!(status, 200 | 201), "{status} {body}");
            format!("{} {}", body["message"]["id"], body["message"]["seq"])
        })
        .collect();
    assert_eq!(acks.len(), 1, "{acks:?}");
    assert_eq!(history(&cluster.urls[1], &room).await.len(), 1);
}

#[actix_web::test]
async fn slow_mode_holds_over_all_nodes() {
    let cluster = Cluster::start(2);
    let (ann, room) = owner_and_room(&cluster.urls[0]).await;
    let slow = json!({ "slow_mode": 3600 });
    let room_path = |node: usize| format!("{}/rooms/{room}", cluster.urls[node]);
    assert_eq!(call("PATCH", &room_path(0), Some(&ann), Some(slow)).await.0, 200);
    let ben = register(&cluster.urls[0], "ben").await;
    let say = async |node: usize, text: &str| {
        let body = json!({ "room": room, "message": text });
        call("POST", &format!("{}/messages", cluster.urls[node]), Some(&ben), Some(body)).await
    };
    assert_eq!(say(0, "first").await.0, 201);
    let (status, refusal) = say(1, "second").await;
    assert_eq!((status, &refusal["code"]), (429, &json!("slow_mode")), "{refusal}");
}

#[actix_web::test]
async fn what_moderators_and_administrators_do_on_one_node_reaches_sockets_on_another() {
    let cluster = Cluster::start(2);
    let [here, there] = [&cluster.urls[0], &cluster.urls[1]];
    let (ann, room) = owner_and_room(here).await;
    let root = login(here, "root", ROOT_PASSWORD).await;

    // A timeout: the socket may read and not write.
    let ben = register(here, "ben").await;
    let mut socket = Socket::try_in_room(there, &ben, &room).await.unwrap();
    let timeout = json!({ "user": ben.uid, "room": room, "duration": "10m", "kind": "timeout", "reason": "calm down" });
    let (status, body) = call("POST", &format!("{here}/bans"), Some(&ann), Some(timeout)).await;
    assert!(status < 300, "{body}");
    assert_eq!(socket.until("user_moderated").await["room"], room.as_str());
    assert!(socket.say("still here?").await.is_err());

    // A ban: it leaves the room.
    let eve = register(here, "eve").await;
    let mut socket = Socket::try_in_room(there, &eve, &room).await.unwrap();
    let ban = json!({ "user": eve.uid, "room": room });
    assert!(call("POST", &format!("{here}/bans"), Some(&ann), Some(ban)).await.0 < 300);
    assert_eq!(socket.until("user_moderated").await["action"], "ban");
    let refused = socket.ask("join", json!({ "uid": room })).await.unwrap_err();
    assert_eq!(refused["code"], "banned");

    // A rank given and taken back: what the rank allows, the other node allows and then refuses.
    let moe = register(here, "moe").await;
    let mut socket = Socket::try_in_room(there, &moe, &room).await.unwrap();
    let rank = json!({ "room": room });
    assert_eq!(call("POST", &format!("{here}/users/{}/mod", moe.uid), Some(&ann), Some(rank.clone())).await.0, 200);
    socket.until("user_moderated").await;
    assert!(socket.ask("sendMessage", json!({ "room": room, "text": "/slow 0" })).await.is_ok());
    assert_eq!(call("POST", &format!("{here}/users/{}/unmod", moe.uid), Some(&ann), Some(rank)).await.0, 200);
    socket.until("user_moderated").await;
    assert!(socket.ask("sendMessage", json!({ "room": room, "text": "/slow 5" })).await.is_err());

    // A logout over HTTP ends the sockets of the session.
    let mut socket = Socket::try_in_room(there, &moe, &room).await.unwrap();
    assert_eq!(call("POST", &format!("{here}/users/logout"), Some(&moe), None).await.0, 204);
    assert_eq!(socket.closed().await, Some(4001));

    // So does what the operator does at the command line.
    let nan = register(here, "nan").await;
    let mut socket = Socket::try_in_room(there, &nan, &room).await.unwrap();
    let nats = cluster.nats.url();
    let password = ["user", "password", "nan", "--nats-url", &nats];
    assert!(command_line::run(&cluster.database, &password, 0).contains("password"));
    assert_eq!(socket.closed().await, Some(4001));

    // A ban everywhere closes them, and so does the end of an account.
    let mal = register(here, "mal").await;
    let mut socket = Socket::try_in_room(there, &mal, &room).await.unwrap();
    assert!(call("POST", &format!("{here}/bans"), Some(&root), Some(json!({ "user": mal.uid }))).await.0 < 300);
    assert_eq!(socket.closed().await, Some(4003));
    let sam = register(here, "sam").await;
    let mut socket = Socket::try_in_room(there, &sam, &room).await.unwrap();
    assert_eq!(call("DELETE", &format!("{here}/users/{}", sam.uid), Some(&root), None).await.0, 204);
    assert_eq!(socket.closed().await, Some(4001));

    // So does the end of a key that a site signed with, and of a user whom the site logs out.
    let post = async |path: &str, body: Value| call("POST", &format!("{here}{path}"), Some(&root), Some(body)).await.1;
    let site = post("/sites", json!({ "name": "Example" })).await["site"]["uid"].as_str().unwrap().to_owned();
    let key = post(&format!("/sites/{site}/keys"), json!({ "kind": "secret" })).await;
    let (kid, secret) = (key["key"]["kid"].as_str().unwrap(), key["secret"].as_str().unwrap());
    let token = |sub: &str| {
        let now = crate::site::now() - 5;
        let claims = json!({ "iss": site, "sub": sub, "iat": now, "exp": now + 600 });
        let header = json!({ "alg": "HS256", "kid": kid });
        let key = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
        let token = crate::site::signed(&header, &claims, &key, jsonwebtoken::Algorithm::HS256);
        Person { uid: String::new(), token }
    };
    let mut one = Socket::try_in_room(there, &token("1"), &room).await.unwrap();
    let mut two = Socket::try_in_room(there, &token("2"), &room).await.unwrap();
    post(&format!("/sites/{site}/users/1/logout"), json!({})).await;
    assert_eq!(one.closed().await, Some(4001));
    assert_eq!(call("GET", &format!("{there}/me"), Some(&token("1")), None).await.1["code"], "token_ended");
    two.say("still here").await.unwrap();
    let at = format!("{here}/sites/{site}/keys/{kid}");
    let began = Instant::now();
    assert_eq!(call("DELETE", &at, Some(&root), None).await.0, 204);
    assert_eq!(two.closed().await, Some(4001));
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());

    // A new name is told, and a closed room empties.
    let mut socket = Socket::try_in_room(there, &ann, &room).await.unwrap();
    let name = json!({ "display_name": "Ann B" });
    assert_eq!(call("PATCH", &format!("{here}/me"), Some(&ann), Some(name)).await.0, 200);
    assert_eq!(socket.until("user_updated").await["user"]["displayName"], "Ann B");
    assert_eq!(call("DELETE", &format!("{here}/rooms/{room}"), Some(&ann), None).await.0, 204);
    assert_eq!(socket.until("reset").await["reason"], "deleted");
}

#[actix_web::test]
async fn viewers_are_counted_over_all_nodes_and_those_of_a_dead_node_are_gone_soon() {
    let mut cluster = Cluster::start(3);
    let (ann, room) = owner_and_room(&cluster.urls[0]).await;
    let ben = register(&cluster.urls[0], "ben").await;
    let mut here = Socket::try_in_room(&cluster.urls[0], &ann, &room).await.unwrap();
    let _there = Socket::try_in_room(&cluster.urls[1], &ben, &room).await.unwrap();
    let _third = Socket::try_in_room(&cluster.urls[2], &ann, &room).await.unwrap();
    let viewers = format!("{}/rooms/{room}/users", cluster.urls[0]);
    let counted = async |count: usize, users: usize| {
        let (_, body) = call("GET", &viewers, None, None).await;
        body["count"] == count && body["users"].as_array().is_some_and(|list| list.len() == users)
    };
    until("three are counted, of two users", async || counted(3, 2).await).await;
    while here.until("presence").await["count"] != 3 {}
    let joined = Socket::try_anonymous(&cluster.urls[2]).await;
    let mut joined = joined.unwrap();
    joined.start("join", json!({ "uid": room })).await;
    let list = joined.until("room_users").await;
    assert_eq!((&list["count"], list["users"].as_array().unwrap().len()), (&json!(4), 2), "{list}");
    drop(joined);
    cluster.kill(1);
    until("the dead node's viewer is gone", async || counted(2, 1).await).await;
}

#[actix_web::test]
async fn connections_of_all_nodes_are_listed_and_closed_from_any_of_them() {
    let cluster = Cluster::start(2);
    let [here, there] = [&cluster.urls[0], &cluster.urls[1]];
    let (ann, room) = owner_and_room(here).await;
    let root = login(here, "root", ROOT_PASSWORD).await;
    let mut socket = Socket::try_in_room(there, &ann, &room).await.unwrap();
    let list = format!("{here}/connections");
    let mut found = Value::Null;
    until("the other node's connection is listed", async || {
        let (status, body) = call("GET", &list, Some(&root), None).await;
        assert_eq!(status, 200, "{body}");
        found = body;
        found["connections"].as_array().is_some_and(|all| all.len() == 1)
    })
    .await;
    let connection = &found["connections"][0];
    assert_eq!((&connection["node"], &connection["user"]["uid"]), (&json!("node-1"), &json!(ann.uid)), "{found}");
    assert_eq!(found["nodes"][0]["name"], "node-0");
    let other = json!({ "name": "node-1", "version": env!("CARGO_PKG_VERSION"), "connections": 1, "silent": false });
    assert_eq!(found["nodes"][1], other);
    let id = connection["id"].as_u64().unwrap();
    assert!(id < 1 << 53);
    assert_eq!(call("DELETE", &format!("{here}/connections/{id}"), Some(&ann), None).await.0, 403);
    assert_eq!(call("DELETE", &format!("{here}/connections/{id}"), Some(&root), None).await.0, 204);
    socket.closed().await;
    let gone = format!("{here}/connections/{}", id + 1);
    assert_eq!(call("DELETE", &gone, Some(&root), None).await.0, 404);
    let (_, version) = call("GET", &format!("{there}/version"), None, None).await;
    assert_eq!(version["node"], "node-1");
}

#[actix_web::test]
async fn login_tries_and_guests_are_counted_over_all_nodes() {
    let cluster = Cluster::start_limited(2, "login-of-name=2/1h,guest=3/1h");
    register(&cluster.urls[0], "ann").await;
    let attempt = async |node: usize| {
        let body = json!({ "username": "ann", "password": "a wrong guess" });
        let (status, body) = call("POST", &format!("{}/users/login", cluster.urls[node]), None, Some(body)).await;
        (status, body["code"].as_str().unwrap_or_default().to_owned())
    };
    // Registering logged ann in once.
    assert_eq!(attempt(0).await.0, 401);
    assert_eq!(attempt(1).await, (429, "login_slowed".to_owned()), "on the other node");
    let guest = async |node: usize| {
        call("POST", &format!("{}/users/login", cluster.urls[node]), None, Some(json!({ "guest": 1 }))).await.0
    };
    assert_eq!([guest(0).await, guest(1).await, guest(0).await, guest(1).await], [200, 200, 200, 429]);
}

#[actix_web::test]
async fn the_doctor_sees_every_node_and_says_what_does_not_work() {
    let cluster = Cluster::start(2);
    let examine = |settings: &[&str]| {
        let output = command_line::banter(&cluster.database, &[&["doctor"], settings].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let [report, error] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        let errors: Vec<_> =
            report.lines().filter_map(|line| Some(line.strip_prefix("error    ")?.to_owned())).collect();
        (report, errors, error)
    };
    let nats = cluster.nats.url();
    let (report, errors, error) =
        examine(&["--nats-url", &nats, "--public-url", &cluster.urls[1], "--trusted-proxies", "127.0.0.1"]);
    // The tests' own PostgreSQL does not wait for its disk.
    assert!(errors.len() == 1 && errors[0].starts_with("durability: off are fsync"), "{report}");
    assert_eq!(error, "banter: 1 thing does not work\n");
    for line in ["database: PostgreSQL ", "tables: up to date", "bus: NATS ", "public address: ", "WebSocket: ws://"] {
        assert!(report.contains(&format!("ok       {line}")), "{line} {report}");
    }
    for node in 0..2 {
        assert!(report.contains(&format!("ok       node node-{node}: version ")), "{report}");
        assert!(report.contains(&format!("clock of node node-{node}: ")), "{report}");
    }
    let (report, errors, error) = examine(&["--nats-url", "nats://127.0.0.1:9", "--public-url", "http://127.0.0.1:9"]);
    assert_eq!(error, "banter: 3 things do not work\n", "{report}");
    let subjects: Vec<_> = errors.iter().filter_map(|line| line.split(':').next()).collect();
    assert_eq!(subjects, ["durability", "bus", "public address"], "{report}");
    assert!(report.contains("warning  proxy: TRUSTED_PROXIES is not set") && !report.contains("WebSocket"), "{report}");
}
