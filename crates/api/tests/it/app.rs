//! A server under test, and what tests ask of it. Whatever is arranged here goes through the API, as clients do it.

use crate::database::Database;
use api::config::Config;
use api::server::{self, Running};
use awc::http::header::HeaderMap;
use awc::http::{Method, StatusCode};
use clap::Parser;
use domain::ports::effects::Clock;
use infra::adapters::clock::SystemClock;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Root's password in every test.
pub const ROOT_PASSWORD: &str = "root password";

/// The password of everybody else.
pub const PASSWORD: &str = "correct horse";

/// Runs a test on both databases: `on_both! { async fn a_claim(app: &TestApp) { … } }`. With `[flags]` before the name
/// the server gets more settings.
#[macro_export]
macro_rules! on_both {
    ($($(#[doc = $doc:literal])* async fn $name:ident$([$($flag:literal),*])?($app:ident: $of:ty) $body:block)+) => {$(
        $(#[doc = $doc])*
        async fn $name($app: $of) $body

        mod $name {
            use $crate::app::TestApp;
            use $crate::database::Database;

            #[actix_web::test]
            async fn sqlite() {
                let app = TestApp::start_with(Database::sqlite(), &[$($($flag),*)?]).await;
                super::$name(&app).await;
                app.stop().await;
            }

            #[actix_web::test]
            async fn postgres() {
                let app = TestApp::start_with(Database::postgres(), &[$($($flag),*)?]).await;
                super::$name(&app).await;
                app.stop().await;
            }
        }
    )+};
}

/// A server that serves.
pub struct TestApp {
    /// Where, without a slash at the end.
    pub url: String,
    /// Its data.
    pub database: Database,
    flags: Vec<String>,
    clock: Arc<dyn Clock>,
    running: Running,
    client: awc::Client,
}

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    config: Config,
}

/// Somebody who is logged in.
#[derive(Clone, Debug)]
pub struct Person {
    /// The public name.
    pub uid: String,
    /// What proves the login.
    pub token: String,
}

impl TestApp {
    /// Starts a server with limits off, a guest for each login, and cheap passwords.
    pub async fn start(database: Database) -> TestApp {
        TestApp::start_with(database, &[]).await
    }

    /// The same with more flags, which win.
    pub async fn start_with(database: Database, more: &[&str]) -> TestApp {
        TestApp::launch(database, more.iter().map(|&flag| flag.to_owned()).collect(), Arc::new(SystemClock)).await
    }

    /// One that goes by this clock.
    pub async fn start_by(database: Database, clock: Arc<dyn Clock>) -> TestApp {
        TestApp::launch(database, Vec::new(), clock).await
    }

    async fn launch(database: Database, flags: Vec<String>, clock: Arc<dyn Clock>) -> TestApp {
        let usual = ["banter", "--listen", "127.0.0.1:0", "--password-cost", "4", "--root-password", ROOT_PASSWORD];
        let place = ["--database-url", &database.url, "--data-dir", database.folder()];
        let mut arguments: Vec<&str> = usual.into_iter().chain(place).collect();
        for pair in [["--limits", "off"], ["--guests", "browser"]] {
            if !flags.iter().any(|flag| flag == pair[0]) {
                arguments.extend(pair);
            }
        }
        arguments.extend(flags.iter().map(String::as_str));
        let running = server::start_by(Flags::parse_from(arguments).config, clock.clone()).await.unwrap();
        let client = awc::Client::builder().timeout(Duration::from_secs(30)).disable_redirects().finish();
        TestApp { url: running.url(), database, flags, clock, running, client }
    }

    /// Stops it; its data goes with it.
    pub async fn stop(self) {
        // A connection kept for the next request would keep the server waiting.
        drop(self.client);
        self.running.stop().await;
    }

    /// Stops it and starts another one over the same data, on another port.
    pub async fn restart(self) -> TestApp {
        let TestApp { database, flags, clock, running, client, .. } = self;
        drop(client);
        running.stop().await;
        TestApp::launch(database, flags, clock).await
    }

    /// A request to be sent.
    pub fn request(&self, method: Method, path: &str) -> Request {
        Request(self.client.request(method, format!("{}{path}", self.url)))
    }

    /// A GET by somebody.
    pub async fn get(&self, who: &Person, path: &str) -> Reply {
        self.request(Method::GET, path).by(who).send().await
    }

    /// A GET by nobody.
    pub async fn look(&self, path: &str) -> Reply {
        self.request(Method::GET, path).send().await
    }

    /// A POST of JSON by somebody.
    pub async fn post(&self, who: &Person, path: &str, body: Value) -> Reply {
        self.request(Method::POST, path).by(who).json(&body).await
    }

    /// A PATCH of JSON by somebody.
    pub async fn patch(&self, who: &Person, path: &str, body: Value) -> Reply {
        self.request(Method::PATCH, path).by(who).json(&body).await
    }

    /// A DELETE by somebody.
    pub async fn delete(&self, who: &Person, path: &str) -> Reply {
        self.request(Method::DELETE, path).by(who).send().await
    }

    /// A POST of JSON by nobody.
    pub async fn tell(&self, path: &str, body: Value) -> Reply {
        self.request(Method::POST, path).json(&body).await
    }

    /// A new guest.
    pub async fn guest(&self) -> Person {
        self.tell("/users/login", json!({ "guest": 1 })).await.person(200)
    }

    /// A new registered user, whose password is [`PASSWORD`].
    pub async fn register(&self, name: &str) -> Person {
        self.tell("/users/register", json!({ "username": name, "password": PASSWORD })).await.person(201)
    }

    /// Somebody who registered, logged in again.
    pub async fn login(&self, name: &str) -> Person {
        self.tell("/users/login", json!({ "username": name, "password": PASSWORD })).await.person(200)
    }

    /// Root.
    pub async fn root(&self) -> Person {
        self.tell("/users/login", json!({ "username": "root", "password": ROOT_PASSWORD })).await.person(200)
    }

    /// A new room; its uid.
    pub async fn room(&self, owner: &Person, name: &str) -> String {
        let reply = self.post(owner, "/rooms", json!({ "name": name })).await.ok(201);
        reply["room"]["uid"].as_str().unwrap().to_owned()
    }

    /// A message; as the server shows it.
    pub async fn say(&self, who: &Person, room: &str, text: &str) -> Value {
        self.post(who, "/messages", json!({ "room": room, "message": text })).await.ok(201)["message"].clone()
    }

    /// The texts of a room's latest messages, ascending.
    pub async fn texts(&self, room: &str) -> Vec<String> {
        let page = self.look(&format!("/rooms/{room}/messages")).await.ok(200);
        let messages = page["messages"].as_array().unwrap();
        messages.iter().map(|message| message["message"].as_str().unwrap().to_owned()).collect()
    }
}

/// A request to be sent.
pub struct Request(awc::ClientRequest);

impl Request {
    /// With somebody's token.
    pub fn by(self, who: &Person) -> Request {
        self.header("authorization", &format!("Bearer {}", who.token))
    }

    /// With a header.
    pub fn header(self, name: &str, value: &str) -> Request {
        Request(self.0.insert_header((name, value)))
    }

    /// Sends it without a body.
    pub async fn send(self) -> Reply {
        Reply::read(self.0.send().await).await
    }

    /// Sends it with a JSON body.
    pub async fn json(self, body: &Value) -> Reply {
        Reply::read(self.0.send_json(body).await).await
    }

    /// Sends it with any body.
    pub async fn body(self, kind: &str, body: impl Into<Vec<u8>>) -> Reply {
        let request = self.0.insert_header(("content-type", kind));
        Reply::read(request.send_body(body.into()).await).await
    }
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub text: String,
}

type Sent<S> = Result<awc::ClientResponse<S>, awc::error::SendRequestError>;

impl Reply {
    async fn read<S>(sent: Sent<S>) -> Reply
    where
        S: futures_util::Stream<Item = Result<bytes::Bytes, awc::error::PayloadError>> + Unpin,
    {
        let mut response = sent.expect("an answer");
        let body = response.body().limit(4 * 1024 * 1024).await.unwrap();
        let text = String::from_utf8_lossy(&body).into_owned();
        Reply { status: response.status(), headers: response.headers().clone(), text }
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The body of an answer that must have this status; null when there is none.
    #[track_caller]
    pub fn ok(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// The login in an answer that must have this status.
    #[track_caller]
    pub fn person(self, status: u16) -> Person {
        let body = self.ok(status);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Person { uid: text(&body["user"]["uid"]), token: text(&body["token"]) }
    }

    /// The problem in an answer that must have this status and code, whole and well-formed.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Value {
        let body = self.json();
        assert_eq!((self.status.as_u16(), body["code"].as_str()), (status, Some(code)), "{}", self.text);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(body["status"], status);
        assert_eq!(body["type"], format!("/docs/errors.html#{code}"));
        assert_eq!(body["detail"], body["error"]);
        assert!(body["title"].as_str().is_some_and(|title| !title.is_empty()), "{body}");
        assert!(body["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{body}");
        let retry_after = self.header("retry-after").map(|value| value.parse::<i64>().unwrap());
        assert_eq!(body["retryAfter"].as_i64(), retry_after);
        body
    }

    /// The same for a problem with a field.
    #[track_caller]
    pub fn problem_of(self, status: u16, code: &str, field: &str) -> Value {
        let body = self.problem(status, code);
        assert_eq!(body["field"], field, "{body}");
        body
    }
}
