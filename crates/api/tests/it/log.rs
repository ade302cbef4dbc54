//! What the log tells, and what it never does.

use crate::app::PASSWORD;
use crate::database::Database;
use crate::process::{Process, owner_and_room};
use crate::socket::Socket;
use serde_json::json;
use std::process::Stdio;

#[actix_web::test]
async fn the_log_names_refused_logins_and_never_texts_tokens_passwords_or_addresses() {
    let database = Database::sqlite();
    let process = Process::start_with(&database, None, &[("LOG", "trace")], Stdio::piped());
    let (ann, room) = owner_and_room(&process.url).await;
    let mut socket = Socket::try_in_room(&process.url, &ann, &room).await.unwrap();
    socket.say("a secret text").await.unwrap();
    let wrong = socket.ask("login", json!({ "token": "a.forged.token" })).await.unwrap_err();
    assert_eq!(wrong["code"], "token_invalid");
    let client = awc::Client::default();
    let login = json!({ "username": "ann", "password": "a wrong password" });
    client.post(format!("{}/users/login", process.url)).send_json(&login).await.unwrap();
    let page = format!("{}/rooms/{room}/messages?q=a-secret-query", process.url);
    client.get(page).bearer_auth(&ann.token).send().await.unwrap();
    let log = process.log();
    for told in ["credentials_wrong", "token_invalid", "/rooms/{uid}/messages"] {
        assert!(log.contains(told), "{told} is not in {log}");
    }
    for never in ["a secret text", "a.forged.token", ann.token.as_str(), PASSWORD, "a wrong password", "a-secret-query"]
    {
        assert!(!log.contains(never), "{never} is in {log}");
    }
    let peers = log.lines().filter(|line| !line.contains("serving")).filter(|line| line.contains("127.0.0.1"));
    assert_eq!(peers.collect::<Vec<_>>(), Vec::<&str>::new());
}

#[actix_web::test]
async fn the_log_tells_once_of_a_proxy_that_is_not_listed() {
    let database = Database::sqlite();
    let process = Process::start_with(&database, None, &[("LOG", "info")], Stdio::piped());
    let client = awc::Client::default();
    for _ in 0..3 {
        let request = client.get(format!("{}/version", process.url)).insert_header(("forwarded", "for=203.0.113.7"));
        request.send().await.unwrap();
    }
    let log = process.log();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("TRUSTED_PROXIES")).collect();
    assert!(told.len() == 1 && told[0].contains("Forwarded") && !log.contains("203.0.113.7"), "{log}");
}
