//! A server whose PUBLIC_URL has a path, asked as both kinds of proxies ask: with the path, and with it taken off.

use crate::app::{Reply, TestApp};
use crate::database::Database;
use crate::process::Process;
use crate::socket::Ask;
use api::public_url::OWN_SEGMENTS;
use awc::http::Method;
use serde_json::json;
use std::collections::BTreeSet;
use std::process::Stdio;

const PATH: &str = "/chat";

/// The pages, if they were built.
const DIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/dist");

async fn start() -> TestApp {
    let flags = ["--limits", "on", "--public-url", "https://example.org/chat/"];
    TestApp::start_with(Database::sqlite(), &flags).await
}

/// The server's address with the path, and without it.
fn addresses(app: &TestApp) -> [String; 2] {
    [app.url.clone(), app.url.strip_suffix(PATH).unwrap().to_owned()]
}

/// The same server, asked without the path.
fn without_path(mut app: TestApp) -> TestApp {
    app.url.truncate(app.url.len() - PATH.len());
    app
}

fn shown(reply: &Reply) -> (u16, Option<&str>, Option<&str>, Option<&str>, &str) {
    let header = |name| reply.header(name);
    let (kind, policy, location) = (header("content-type"), header("content-security-policy"), header("location"));
    (reply.status.as_u16(), kind, policy, location, &reply.text)
}

#[actix_web::test]
async fn every_address_is_served_with_the_path_and_without_it() {
    let mut app = start().await;
    let [with, without] = addresses(&app);
    for (method, path) in [
        (Method::GET, "/"),
        (Method::HEAD, "/"),
        (Method::GET, "/version"),
        (Method::OPTIONS, "/version"),
        (Method::DELETE, "/version"),
        (Method::GET, "/openapi.json"),
        (Method::GET, "/docs"),
        (Method::GET, "/docs/"),
        (Method::GET, "/docs/errors.html"),
        (Method::GET, "/docs/errors.css"),
        (Method::GET, "/embed.html?room=aaaaaaaaaaaa"),
        (Method::GET, "/rooms/aaaaaaaaaaaa?x=%2F"),
        (Method::GET, "/users"),
        (Method::POST, "/users/login"),
        (Method::GET, "/ws"),
        (Method::GET, "/nothing"),
        (Method::GET, "/%2e%2e/Cargo.toml"),
        (Method::GET, "//version"),
    ] {
        app.url.clone_from(&with);
        let reply = app.request(method.clone(), path).send().await;
        app.url.clone_from(&without);
        assert_eq!(shown(&reply), shown(&app.request(method.clone(), path).send().await), "{method} {path}");
    }
    app.stop().await;
}

#[actix_web::test]
async fn the_path_alone_leads_to_the_start_page_and_what_only_looks_like_it_nowhere() {
    let app = without_path(start().await);
    for (path, location) in [("/chat", "/chat/"), ("/chat?server=https%3A%2F%2Fx&y", "/chat/?server=https%3A%2F%2Fx&y")]
    {
        let reply = app.look(path).await;
        assert_eq!((reply.status.as_u16(), reply.header("location")), (308, Some(location)), "{path}");
        assert!(reply.header("x-content-type-options").is_some());
    }
    for path in ["/chatter/version", "/Chat/version", "/chat/chat/version", "/x/chat/version", "/chatversion"] {
        assert_eq!(app.look(path).await.status.as_u16(), 404, "{path}");
    }
    app.stop().await;
}

#[actix_web::test]
async fn a_folder_of_pages_leads_to_its_page_wherever_the_proxy_has_put_it() {
    // A server without pages has no folder either.
    let has_pages = std::path::Path::new(DIST).join("admin").exists();
    for app in [start().await, without_path(start().await)] {
        let reply = app.look("/admin").await;
        let expected = if has_pages { (308, Some("./admin/")) } else { (404, None) };
        assert_eq!((reply.status.as_u16(), reply.header("location")), expected);
        assert_eq!(app.look("/admin/").await.status.as_u16(), if has_pages { 200 } else { 404 });
        app.stop().await;
    }
}

#[actix_web::test]
async fn sockets_are_told_and_opened_under_the_path_and_opened_without_it() {
    let mut app = start().await;
    let ann = app.register("ann").await;
    for url in addresses(&app) {
        app.url = url;
        let told = app.get(&ann, "/websocket").await.ok(200);
        assert_eq!(told["websocketUrl"], "wss://example.org/chat/ws");
        let query = format!("?ticket={}", told["ticket"].as_str().unwrap());
        let origin = Some("https://example.org");
        let (mut socket, _) = Ask { query: &query, origin, ..Ask::default() }.open(&app).await.unwrap();
        socket.expect("welcome").await;
        assert_eq!(socket.expect("auth_updated").await["user"]["uid"], ann.uid);
        let problem = socket.ask("join", json!({ "uid": "aaaaaaaaaaaa" })).await.unwrap_err();
        assert_eq!(problem["type"], "/chat/docs/errors.html#room_not_found");
        socket.send_text("{}").await;
        assert_eq!(socket.expect("error").await["type"], "/chat/docs/errors.html#bad_request");
    }
    app.stop().await;
}

#[actix_web::test]
async fn every_problem_leads_to_the_page_of_errors_under_the_path() {
    let mut app = start().await;
    let ann = app.register("ann").await;
    let room = app.room(&ann, "a").await;
    for url in addresses(&app) {
        app.url = url;
        let form = |path| app.request(Method::POST, path).header("origin", "https://evil.example");
        let replies = [
            app.look("/nothing").await,
            app.look("/me").await,
            app.look("/rooms/x").await,
            app.request(Method::DELETE, "/version").send().await,
            app.request(Method::POST, "/users/login").body("application/json", "{").await,
            form("/users/login").body("application/x-www-form-urlencoded", "guest=1").await,
        ];
        for reply in replies {
            let problem = reply.json();
            assert_eq!(reply.header("content-type"), Some("application/problem+json"));
            assert_eq!(problem["status"], reply.status.as_u16());
            let link = format!("/chat/docs/errors.html#{}", problem["code"].as_str().unwrap());
            assert_eq!(problem["type"], link, "{problem}");
        }
        let body = json!({ "room": room, "messages": [{ "message": "" }] });
        let answers = app.post(&ann, "/messages", body).await.ok(200);
        let link = answers["answers"][0]["problem"]["type"].as_str().unwrap();
        assert!(link.starts_with("/chat/docs/errors.html#"), "{answers}");
    }
    assert!(app.look("/chat/docs/errors.html").await.text.contains("href=\"errors.css\""));
    app.stop().await;
}

#[actix_web::test]
async fn the_document_of_the_api_says_under_which_path_the_api_is() {
    let app = start().await;
    let mut document = app.look("/openapi.json").await.ok(200);
    app.stop().await;
    assert_eq!(document["servers"], json!([{ "url": PATH }]));
    let app = TestApp::start(Database::sqlite()).await;
    let plain = app.look("/openapi.json").await.ok(200);
    app.stop().await;
    document.as_object_mut().unwrap().remove("servers");
    assert_eq!(document, plain);
}

#[actix_web::test]
async fn an_origin_is_compared_and_a_policy_written_without_the_path() {
    let app = start().await;
    for (origin, allowed) in
        [("https://example.org", true), ("https://example.org/chat", false), ("https://example.org.evil.tld", false)]
    {
        let look = app.request(Method::GET, "/version").header("origin", origin).send().await;
        assert_eq!(look.header("access-control-allow-origin"), allowed.then_some(origin));
        let touch = app.request(Method::POST, "/users/login").header("origin", origin);
        let touch = touch.body("application/x-www-form-urlencoded", "guest=1").await;
        assert_eq!(touch.status.as_u16(), if allowed { 200 } else { 403 }, "{origin}");
    }
    let page = app.request(Method::GET, "/docs/errors.html").header("host", "example.org").send().await;
    let policy = page.header("content-security-policy").unwrap();
    let own = "'self' ws://example.org wss://example.org https://example.org wss://example.org";
    assert!(policy.contains(&format!("connect-src {own};")), "{policy}");
    app.stop().await;
}

#[actix_web::test]
async fn the_ready_line_has_the_path() {
    let database = Database::sqlite();
    let settings = [("PUBLIC_URL", "https://example.org/chat"), ("LIMITS", "on"), ("LOG", "error")];
    let process = Process::start_with(&database, None, &settings, Stdio::inherit());
    let url = process.url.clone();
    let reply = awc::Client::new().get(format!("{url}/version")).send().await;
    process.kill();
    assert!(url.ends_with(PATH), "{url}");
    assert_eq!(reply.unwrap().status().as_u16(), 200);
}

#[test]
fn every_address_of_the_servers_own_is_known_as_one() {
    let known = BTreeSet::from(OWN_SEGMENTS);
    for (path, _) in api::http::ROUTES {
        let first = path.split('/').nth(1).unwrap();
        assert!(known.contains(first), "{first} is missing from OWN_SEGMENTS");
    }
    let pages = std::fs::read_dir(DIST).into_iter().flatten();
    for name in pages.map(|entry| entry.unwrap().file_name().into_string().unwrap()) {
        let is_packed = name.ends_with(".br") || name.ends_with(".gz");
        assert!(is_packed || known.contains(name.as_str()), "{name} is missing from OWN_SEGMENTS");
    }
}
