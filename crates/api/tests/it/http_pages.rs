//! The web pages as the server hands them out. Which they are depends on what was built, so only what always holds is
//! claimed.

use crate::app::TestApp;
use crate::database::Database;
use awc::http::Method;

#[actix_web::test]
async fn the_start_page_is_there_and_never_kept_unasked() {
    let app = TestApp::start(Database::sqlite()).await;
    let page = app.look("/").await;
    assert_eq!(page.status.as_u16(), 200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    assert!(page.text.contains("Banter"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'self'") && policy.ends_with("frame-ancestors 'self'"), "{policy}");
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
