//! The web pages as the server hands them out. Which they are depends on what was built, so only what always holds is
//! claimed.

use crate::app::TestApp;
use crate::database::Database;
use awc::http::Method;
use serde_json::json;

#[actix_web::test]
async fn the_start_page_is_there_and_never_kept_unasked() {
    let app = TestApp::start(Database::sqlite()).await;
    let page = app.look("/").await;
    assert_eq!(page.status.as_u16(), 200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    assert!(page.text.contains("Banter"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'self'") && policy.ends_with("frame-ancestors 'none'"), "{policy}");
    if let Some(etag) = page.header("etag") {
        let again = app.request(Method::GET, "/").header("if-none-match", etag).send().await;
        assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));
        assert_eq!(again.header("etag"), Some(etag));
    }
    app.request(Method::POST, "/").send().await.problem(405, "method_not_allowed");
    app.stop().await;
}

#[actix_web::test]
async fn the_errors_page_has_an_anchor_for_what_problems_point_to() {
    let app = TestApp::start(Database::sqlite()).await;
    let problem = app.look("/me").await.problem(401, "login_required");
    let (path, anchor) = problem["type"].as_str().unwrap().split_once('#').unwrap();
    let page = app.look(path).await;
    assert_eq!(page.status.as_u16(), 200);
    assert!(page.text.contains(&format!("id=\"{anchor}\"")));
    app.stop().await;
}

#[actix_web::test]
async fn nothing_outside_of_the_pages_is_handed_out() {
    let app = TestApp::start(Database::sqlite()).await;
    for path in [
        "/assets/nothing.js",
        "/../Cargo.toml",
        "/%2e%2e/Cargo.toml",
        "/assets/..%2f..%2fpackage.json",
        "/package.json",
    ] {
        app.look(path).await.problem(404, "not_found");
    }
    app.stop().await;
}

#[actix_web::test]
async fn a_rooms_list_of_sites_is_who_may_frame_its_chat() {
    let app = TestApp::start(Database::sqlite()).await;
    // A binary without pages has no chat to frame.
    if app.look("/embed.html").await.status.as_u16() == 404 {
        return app.stop().await;
    }
    let ann = app.register("ann").await;
    let (open, closed) = (app.room(&ann, "open").await, app.room(&ann, "closed").await);
    let sites = json!({ "allowed_sites": ["https://example.org", "https://*.example.net"] });
    app.patch(&ann, &format!("/rooms/{closed}"), sites).await.ok(200);
    let listed = "'self' https://example.org https://*.example.net";
    for (query, ancestors) in [
        (String::new(), "*"),
        (format!("?room={open}"), "*"),
        (format!("?theme=dark&room={closed}"), listed),
        (format!("?room={closed}&room={open}"), listed),
        ("?room=aaaaaaaaaaaa".to_owned(), "*"),
        ("?room=x".to_owned(), "*"),
    ] {
        let page = app.look(&format!("/embed.html{query}")).await;
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.ends_with(&format!("frame-ancestors {ancestors}")), "{query}: {policy}");
        let host = app.url.strip_prefix("http://").unwrap();
        assert!(policy.contains(&format!("connect-src 'self' ws://{host} wss://{host};")), "{policy}");
    }
    app.patch(&ann, &format!("/rooms/{closed}"), json!({ "allowed_sites": [] })).await.ok(200);
    let page = app.look(&format!("/embed.html?room={closed}")).await;
    assert!(page.header("content-security-policy").unwrap().ends_with("frame-ancestors *"));
    app.stop().await;
}
