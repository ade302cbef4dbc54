//! The server about itself: health, tickets, connections, origins, the document of the API.

use crate::app::TestApp;
use crate::database::Database;
use crate::on_both;
use crate::process::metric;
use awc::http::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::TcpListener;

on_both! {
    async fn health_and_version_are_told_to_everybody(app: &TestApp) {
        assert_eq!(app.look("/health/live").await.ok(200), json!({ "status": "ok" }));
        assert_eq!(app.look("/health/ready").await.ok(200), json!({ "status": "ok" }));
        let version = app.look("/version").await.ok(200);
        assert_eq!((&version["name"], &version["version"]), (&json!("banter"), &json!(env!("CARGO_PKG_VERSION"))));
        let node = version["node"].as_str().unwrap();
        assert!(node.ends_with(&format!("-{}", std::process::id())), "{node}");
        let head = app.request(Method::HEAD, "/version").send().await;
        assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
    }

    async fn a_ticket_names_the_socket_that_it_opens(app: &TestApp) {
        let ann = app.register("ann").await;
        let body = app.get(&ann, "/websocket").await.ok(200);
        assert_eq!(body["websocketUrl"], format!("{}/ws", app.url.replace("http:", "ws:")));
        assert_eq!(body["expiresIn"], 60);
        let ticket = body["ticket"].as_str().unwrap();
        assert!(ticket.len() >= 40);
        assert_ne!(app.get(&ann, "/websocket").await.ok(200)["ticket"], ticket);
        app.look("/websocket").await.problem(401, "login_required");
        // Nobody but a listed proxy is believed.
        let request = app.request(Method::GET, "/websocket").by(&ann).header("x-forwarded-proto", "https");
        assert!(request.send().await.ok(200)["websocketUrl"].as_str().unwrap().starts_with("ws://"));
    }

    async fn connections_are_for_administrators(app: &TestApp) {
        let (root, ann) = (app.root().await, app.register("ann").await);
        let answer = app.get(&root, "/connections").await.ok(200);
        assert_eq!(answer["connections"], json!([]));
        let node = &answer["nodes"][0];
        assert_eq!((&node["connections"], &node["silent"], &answer["nodes"][1]), (&json!(0), &json!(false), &Value::Null));
        app.get(&ann, "/connections").await.problem(403, "forbidden");
        app.look("/connections").await.problem(401, "login_required");
        for id in ["1", "x", "-1", "99999999999999999999999"] {
            app.delete(&root, &format!("/connections/{id}")).await.problem(404, "connection_not_found");
        }
        app.delete(&ann, "/connections/1").await.problem(403, "forbidden");
    }

    async fn pages_of_other_origins_may_look_and_not_touch["--allowed-origins", "https://site.example"](app: &TestApp) {
        let own = app.url.clone();
        for (origin, allowed) in [
            (own.as_str(), true),
            ("https://site.example", true),
            ("https://site.example.evil.tld", false),
            ("https://evil.tld", false),
            ("null", false),
        ] {
            let look = app.request(Method::GET, "/version").header("origin", origin).send().await;
            assert_eq!(look.header("access-control-allow-origin"), allowed.then_some(origin), "{origin}");
            assert!(look.header("access-control-allow-credentials").is_none());
            assert!(look.header("vary").unwrap().to_lowercase().contains("origin"));
            look.ok(200);
            let touch = app.request(Method::POST, "/users/login").header("origin", origin);
            let touch = touch.body("application/x-www-form-urlencoded", "guest=1").await;
            let preflight = app.request(Method::OPTIONS, "/rooms").header("origin", origin);
            let preflight = preflight.header("access-control-request-method", "POST");
            let preflight =
                preflight.header("access-control-request-headers", "authorization,content-type").send().await;
            if allowed {
                touch.person(200);
                assert_eq!(preflight.header("access-control-allow-origin"), Some(origin));
                assert!(preflight.header("access-control-allow-methods").unwrap().contains("PATCH"));
                let headers = preflight.header("access-control-allow-headers").unwrap().to_lowercase();
                assert!(headers.contains("authorization") && headers.contains("content-type"), "{headers}");
                assert!(preflight.status.is_success());
            } else {
                touch.problem(403, "origin_not_allowed");
                preflight.problem(403, "origin_not_allowed");
            }
        }
        let reply = app.request(Method::GET, "/nothing").header("origin", "https://site.example").send().await;
        assert!(reply.header("access-control-expose-headers").unwrap().to_lowercase().contains("retry-after"));
        assert_eq!(reply.header("access-control-allow-origin"), Some("https://site.example"));
        reply.problem(404, "not_found");
    }

    async fn all_origins_may_be_allowed["--allowed-origins", "*"](app: &TestApp) {
        let reply = app.request(Method::GET, "/version").header("origin", "https://any.example").send().await;
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
        assert!(reply.header("access-control-allow-credentials").is_none());
        let touch = app.request(Method::POST, "/users/login").header("origin", "https://any.example");
        touch.json(&json!({ "guest": 1 })).await.person(200);
    }

    async fn every_answer_carries_the_security_headers(app: &TestApp) {
        for path in ["/", "/version", "/nothing", "/me", "/openapi.json", "/docs/errors.html"] {
            let reply = app.look(path).await;
            assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
            assert!(reply.header("referrer-policy").is_some(), "{path}");
            let policy = reply.header("content-security-policy").unwrap();
            assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors"), "{path}: {policy}");
            assert!(reply.header("cache-control").is_some(), "{path}");
        }
    }
}

#[actix_web::test]
async fn what_was_done_is_there_after_a_restart() {
    for database in [Database::sqlite(), Database::postgres()] {
        let app = TestApp::start(database).await;
        let ann = app.register("ann").await;
        let room = app.room(&ann, "a").await;
        let message = app.say(&ann, &room, "still here").await;
        let app = app.restart().await;
        assert_eq!(app.get(&ann, "/me").await.ok(200)["user"]["uid"], ann.uid);
        assert_eq!(app.look(&format!("/rooms/{room}/messages")).await.ok(200)["messages"], json!([message]));
        app.stop().await;
    }
}

#[actix_web::test]
async fn a_public_address_is_where_sockets_are() {
    let flags = ["--limits", "on", "--public-url", "https://chat.example"];
    let app = TestApp::start_with(Database::sqlite(), &flags).await;
    let ann = app.register("ann").await;
    assert_eq!(app.get(&ann, "/websocket").await.ok(200)["websocketUrl"], "wss://chat.example/ws");
    let touch = app.request(Method::POST, "/users/login").header("origin", "https://chat.example");
    touch.json(&json!({ "guest": 1 })).await.person(200);
    app.stop().await;
}

#[actix_web::test]
async fn a_name_that_a_stranger_points_at_a_public_server_is_not_its_own() {
    let flags = ["--limits", "on", "--public-url", "https://chat.example"];
    let app = TestApp::start_with(Database::sqlite(), &flags).await;
    for (host, own) in [("evil.tld", false), ("chat.example", true)] {
        let origin = format!("http://{host}");
        let touch = app.request(Method::POST, "/users/login").header("host", host).header("origin", &origin);
        let touch = touch.json(&json!({ "guest": 1 })).await;
        assert_eq!(touch.status.as_u16(), if own { 200 } else { 403 }, "{host}");
        let page = app.request(Method::GET, "/embed.html").header("host", host).send().await;
        let policy = page.header("content-security-policy").unwrap().to_owned();
        assert_eq!(policy.contains(&format!("ws://{host}")), own, "{policy}");
        assert!(policy.contains("wss://chat.example"), "{policy}");
    }
    app.stop().await;
}

#[actix_web::test]
async fn what_another_site_sends_without_an_origin_changes_nothing() {
    let app = TestApp::start(Database::sqlite()).await;
    for (site, allowed) in [("cross-site", false), ("same-origin", true), ("none", true)] {
        let touch = app.request(Method::POST, "/users/login").header("sec-fetch-site", site);
        let touch = touch.body("application/x-www-form-urlencoded", "guest=1").await;
        let look = app.request(Method::GET, "/version").header("sec-fetch-site", site).send().await;
        look.ok(200);
        if allowed {
            touch.person(200);
        } else {
            touch.problem(403, "origin_not_allowed");
        }
    }
    app.stop().await;
}

#[actix_web::test]
async fn a_listed_proxy_says_where_requests_come_from() {
    let app = TestApp::start_with(Database::sqlite(), &["--guests", "address", "--trusted-proxies", "127.0.0.1"]).await;
    let guest = async |from: &'static str| {
        let request = app.request(Method::POST, "/users/login").header("x-forwarded-for", from);
        request.json(&json!({ "guest": 1 })).await.person(200)
    };
    assert_eq!(guest("203.0.113.7").await.uid, guest("203.0.113.7").await.uid);
    assert_ne!(guest("203.0.113.7").await.uid, guest("203.0.113.8").await.uid);
    // What a client wrote before the proxy did proves nothing.
    assert_eq!(guest("198.51.100.1, 203.0.113.7").await.uid, guest("203.0.113.7").await.uid);
    // A proxy that adds nothing to an empty header leaves commas; they are no address.
    for from in ["203.0.113.7,", "203.0.113.7, ,", ", 203.0.113.7 ,"] {
        assert_eq!(guest(from).await.uid, guest("203.0.113.7").await.uid, "{from}");
    }
    let ann = app.register("ann").await;
    let request = app.request(Method::GET, "/websocket").by(&ann).header("x-forwarded-proto", "https");
    assert!(request.send().await.ok(200)["websocketUrl"].as_str().unwrap().starts_with("wss://"));
    app.stop().await;
}

#[actix_web::test]
async fn metrics_have_an_address_of_their_own() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let app = TestApp::start_with(Database::sqlite(), &["--metrics-listen", &address]).await;
    let ann = app.register("ann").await;
    let room = app.room(&ann, "a").await;
    app.say(&ann, &room, "x").await;
    let text = async |path: &str| {
        let mut response = awc::Client::new().get(format!("http://{address}{path}")).send().await.unwrap();
        (response.status().as_u16(), String::from_utf8(response.body().await.unwrap().to_vec()).unwrap())
    };
    let (status, metrics) = text("/metrics").await;
    assert_eq!(status, 200);
    assert_eq!(metric(&metrics, "banter_messages_total").as_deref(), Some("1"), "{metrics}");
    assert!(metrics.contains(r#",method="POST",route="/messages",status="201"} 1"#), "{metrics}");
    assert!(!metrics.contains(&room), "no label may hold a uid");
    assert_eq!(text("/version").await.0, 404);
    app.look("/metrics").await.problem(404, "not_found");
    app.stop().await;
}

/// Every row of the contract, as design and README promise it.
const CONTRACT: &[(&str, &str)] = &[
    ("POST", "/users/register"),
    ("POST", "/users/login"),
    ("POST", "/users/logout"),
    ("GET", "/me"),
    ("PATCH", "/me"),
    ("POST", "/me/token"),
    ("GET", "/users"),
    ("GET", "/users/{uid}"),
    ("PATCH", "/users/{uid}"),
    ("DELETE", "/users/{uid}"),
    ("GET", "/users/{uid}/rooms"),
    ("POST", "/users/{uid}/mod"),
    ("POST", "/users/{uid}/unmod"),
    ("POST", "/users/{uid}/vip"),
    ("POST", "/users/{uid}/unvip"),
    ("POST", "/rooms"),
    ("GET", "/rooms"),
    ("GET", "/rooms/{uid}"),
    ("PATCH", "/rooms/{uid}"),
    ("DELETE", "/rooms/{uid}"),
    ("GET", "/rooms/{uid}/capabilities"),
    ("GET", "/rooms/{uid}/messages"),
    ("DELETE", "/rooms/{uid}/messages"),
    ("GET", "/rooms/{uid}/users"),
    ("GET", "/rooms/{uid}/users/{user}"),
    ("GET", "/rooms/{uid}/moderators"),
    ("GET", "/rooms/{uid}/bans"),
    ("GET", "/rooms/{uid}/log"),
    ("POST", "/sites"),
    ("GET", "/sites"),
    ("GET", "/sites/{uid}"),
    ("PATCH", "/sites/{uid}"),
    ("DELETE", "/sites/{uid}"),
    ("POST", "/sites/{uid}/keys"),
    ("GET", "/sites/{uid}/keys"),
    ("GET", "/sites/{uid}/keys/{kid}"),
    ("DELETE", "/sites/{uid}/keys/{kid}"),
    ("GET", "/sites/{uid}/users/{sub}"),
    ("DELETE", "/sites/{uid}/users/{sub}"),
    ("POST", "/sites/{uid}/users/{sub}/logout"),
    ("POST", "/messages"),
    ("GET", "/messages/{id}"),
    ("DELETE", "/messages/{id}"),
    ("POST", "/messages/{id}/pin"),
    ("DELETE", "/messages/{id}/pin"),
    ("GET", "/commands"),
    ("GET", "/bans"),
    ("POST", "/bans"),
    ("POST", "/unban"),
    ("GET", "/connections"),
    ("DELETE", "/connections/{id}"),
    ("GET", "/websocket"),
    ("GET", "/random"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/version"),
    ("GET", "/openapi.json"),
];

#[actix_web::test]
async fn the_document_has_every_route_and_every_route_is_promised() {
    let app = TestApp::start(Database::sqlite()).await;
    let document = app.look("/openapi.json").await.ok(200);
    app.stop().await;
    assert_eq!(document["openapi"], "3.1.0");
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            documented.insert((method.to_uppercase(), path.clone()));
            check_operation(&document, path, operation);
        }
    }
    let all = |pairs: &[(&str, &str)]| -> BTreeSet<(String, String)> {
        pairs.iter().map(|(method, path)| ((*method).to_owned(), (*path).to_owned())).collect()
    };
    let routes: Vec<_> =
        api::http::ROUTES.iter().flat_map(|(path, methods)| methods.iter().map(|method| (*method, *path))).collect();
    assert_eq!(documented, all(&routes));
    assert_eq!(documented, all(CONTRACT));
}

fn check_operation(document: &Value, path: &str, operation: &Value) {
    let id = &operation["operationId"];
    assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{path} {id}");
    let problem = &operation["responses"]["default"]["content"]["application/problem+json"]["schema"]["$ref"];
    assert_eq!(*problem, "#/components/schemas/Problem", "{path} {id}");
    if let Some(body) = operation.get("requestBody") {
        for kind in ["application/json", "application/x-www-form-urlencoded"] {
            assert!(body["content"][kind].is_object(), "{path} {id} {kind}");
        }
    }
    for segment in path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}')) {
        let parameters = operation["parameters"].as_array().unwrap();
        assert!(parameters.iter().any(|p| p["name"] == segment && p["in"] == "path"), "{path} {id}");
    }
    let mut open = vec![operation];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(map) => {
                if let Some(name) = map.get("$ref").and_then(Value::as_str) {
                    let pointer = name.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{path} {id}: {name} leads nowhere");
                }
                open.extend(map.values());
            }
            Value::Array(list) => open.extend(list),
            _ => {}
        }
    }
}
