//! Whatever is sent, the answer is a clear problem and the server goes on.

use crate::app::TestApp;
use crate::on_both;
use api::http::ROUTES;
use awc::http::Method;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

on_both! {
    async fn a_body_that_cannot_be_read_is_a_clear_problem(app: &TestApp) {
        let ann = app.register("ann").await;
        let nesting = "[".repeat(1024 * 1024);
        let deep = format!(r#"{{"name":{}"#, "[".repeat(60_000));
        let passed_over = format!(r#"{{"more":{}{},"name":5}}"#, "[".repeat(20_000), "]".repeat(20_000));
        let long = format!(r#"{{"name":"{}"}}"#, "x".repeat(70_000));
        for (kind, body, status, code) in [
            (JSON, "", 400, "bad_request"),
            (JSON, "{", 400, "bad_request"),
            (JSON, "nonsense", 400, "bad_request"),
            (JSON, "null", 400, "bad_request"),
            (JSON, "[]", 400, "bad_request"),
            (JSON, "\"name\"", 400, "bad_request"),
            (JSON, r#"{"name":"a"}{"name":"b"}"#, 400, "bad_request"),
            (JSON, r#"{"name":"a","name":"b"}"#, 400, "bad_request"),
            (JSON, r#"{"name":"\ud800"}"#, 400, "bad_request"),
            (JSON, "{\"name\":\"\u{1}\"}", 400, "bad_request"),
            (JSON, &deep, 400, "bad_request"),
            (JSON, &passed_over, 400, "bad_request"),
            (JSON, &long, 413, "too_large"),
            (JSON, &nesting, 413, "too_large"),
            (FORM, "", 400, "bad_request"),
            (FORM, "%", 400, "bad_request"),
            (FORM, "name=a&name=b", 400, "bad_request"),
            ("text/plain", r#"{"name":"a"}"#, 415, "unsupported_media_type"),
            ("multipart/form-data; boundary=x", "--x--", 415, "unsupported_media_type"),
            ("", r#"{"name":"a"}"#, 415, "unsupported_media_type"),
            ("application/jsonp", r#"{"name":"a"}"#, 415, "unsupported_media_type"),
        ] {
            let reply = app.request(Method::POST, "/rooms").by(&ann).body(kind, body).await;
            reply.problem(status, code);
        }
        let reply = app.request(Method::POST, "/rooms").by(&ann).body(JSON, vec![0xff; 20]).await;
        reply.problem(400, "bad_request");
        let reply = app.request(Method::POST, "/rooms").by(&ann).body(JSON, b"{\"name\":\"\xff\"}".to_vec()).await;
        reply.problem(400, "bad_request");
        app.room(&ann, "still serving").await;
    }

    /// Each path with each method that it has, with odd bodies and odd names in the path.
    async fn every_route_answers_nonsense_with_a_problem(app: &TestApp) {
        let root = app.root().await;
        for (path, methods) in ROUTES {
            for name in ["x", "%00", "%F0%9F%98%80", "aaaaaaaaaa", "aaaaaaaaaaaa"] {
                let path = path.replace("{uid}", name).replace("{id}", name);
                for method in methods.iter().filter(|method| **method != "GET") {
                    for body in ["", "{}", r#"{"room":{},"user":[],"name":1,"message":null,"guest":{}}"#] {
                        // These take no body and would do what they do.
                        if ["/users/logout", "/me/token", "/me"].contains(&path.as_str()) {
                            continue;
                        }
                        let method = Method::from_bytes(method.as_bytes()).unwrap();
                        let reply = app.request(method.clone(), &path).by(&root).body(JSON, body).await;
                        let status = reply.status.as_u16();
                        assert!((400..500).contains(&status), "{method} {path} {body}: {} {}", status, reply.text);
                        let code = reply.json()["code"].as_str().unwrap().to_owned();
                        reply.problem(status, &code);
                    }
                }
            }
        }
        app.look("/health/ready").await.ok(200);
    }

    async fn an_unknown_path_or_method_is_a_problem(app: &TestApp) {
        for path in
            ["/nothing", "/rooms/", "/users/register/x", "//", "/..%2f..%2fetc%2fpasswd", "/%ff", "/metrics", "/.env"]
        {
            app.look(path).await.problem(404, "not_found");
        }
        for (path, methods) in ROUTES {
            let path = path.replace("{uid}", "x").replace("{id}", "x");
            for method in
                ["PUT", "POST", "PATCH", "DELETE", "TRACE", "BREW"].iter().filter(|method| !methods.contains(method))
            {
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                let reply = app.request(method.clone(), &path).send().await;
                let allowed = reply.header("allow").unwrap_or_else(|| panic!("{method} {path}")).to_owned();
                assert!(methods.iter().all(|method| allowed.contains(method)), "{method} {path}: {allowed}");
                reply.problem(405, "method_not_allowed");
            }
        }
    }
}
