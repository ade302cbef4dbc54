//! Tokens that a site signs: good ones everywhere, bad ones nowhere, each with its code.

use crate::app::{Person, TestApp};
use crate::database::Database;
use crate::on_both;
use crate::process::{Process, owner_and_room};
use crate::site::{Site, now, private_key, signed};
use crate::socket::{Ask, Socket};
use actix_web::http::Method;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use std::process::Stdio;
use testkit::keys;

const PUBLIC_URL: &str = "https://chat.example";

fn bearer(token: &str) -> Person {
    Person { uid: String::new(), token: token.to_owned() }
}

/// What is wrong, the code, and the token.
type Row = (&'static str, &'static str, String);

/// A token with another header and other claims.
fn changed(site: &Site, header: &Value, claims: &Value) -> String {
    let merge = |mut base: Value, more: &Value| {
        for (name, value) in more.as_object().unwrap() {
            if *value == json!("REMOVE") {
                base.as_object_mut().unwrap().remove(name);
            } else {
                base[name] = value.clone();
            }
        }
        base
    };
    site.sign(&merge(site.header(), header), &merge(site.claims("bad"), claims))
}

fn bad_tokens(site: &Site, public: &Site, other: &Site) -> Vec<Row> {
    let now = now();
    let header = |code, header: Value| ("header", code, changed(site, &header, &json!({})));
    let claims = |code, claims: Value| ("claims", code, changed(site, &json!({}), &claims));
    let good = changed(site, &json!({}), &json!({}));
    let (message, signature) = good.rsplit_once('.').unwrap();
    let unsigned = |alg: &str| {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = json!({ "alg": alg, "kid": site.kid });
        format!("{}.{}.", part(&header), part(&site.claims("bad")))
    };
    // The public key, which anybody may have, taken for a secret.
    let confused = |secret: &[u8]| {
        let header = json!({ "alg": "HS256", "kid": public.kid });
        signed(&header, &public.claims("bad"), &EncodingKey::from_secret(secret), Algorithm::HS256)
    };
    let own_key = EncodingKey::from_ec_der(&private_key(keys::P256.private));
    let as_ec = json!({ "alg": "ES256", "kid": site.kid });
    let gone = format!("{}-x0x0x0x0", site.uid);
    vec![
        ("alg none", "token_algorithm", unsigned("none")),
        ("alg None", "token_algorithm", unsigned("None")),
        ("alg nOnE", "token_algorithm", unsigned("nOnE")),
        ("no alg", "token_algorithm", unsigned("")),
        ("no signature", "token_signature", unsigned("HS256")),
        ("alg of the key in lower case", "token_algorithm", unsigned("hs256")),
        header("token_algorithm", json!({ "alg": "HS512" })),
        header("token_algorithm", json!({ "alg": "RS256" })),
        header("token_algorithm", json!({ "alg": "ES384" })),
        header("token_algorithm", json!({ "alg": "PS256" })),
        ("HS with a public key", "token_algorithm", confused(keys::ED25519.public.as_bytes())),
        ("HS with a public key, trimmed", "token_algorithm", confused(keys::ED25519.public.trim().as_bytes())),
        ("ES with a secret's kid", "token_algorithm", signed(&as_ec, &site.claims("bad"), &own_key, Algorithm::ES256)),
        header("token_header", json!({ "jku": "https://evil.example/keys" })),
        header("token_header", json!({ "jwk": { "kty": "oct", "k": "AAAA" } })),
        header("token_header", json!({ "x5u": "https://evil.example/cert" })),
        header("token_header", json!({ "x5c": ["AAAA"] })),
        header("token_header", json!({ "crit": ["exp"] })),
        header("token_key_unknown", json!({ "kid": "REMOVE" })),
        header("token_key_unknown", json!({ "kid": gone })),
        header("token_key_unknown", json!({ "kid": "../../etc/passwd" })),
        header("token_key_unknown", json!({ "kid": "" })),
        header("token_key_of_another_site", json!({ "kid": other.kid })),
        claims("token_key_of_another_site", json!({ "iss": other.uid })),
        claims("token_issuer", json!({ "iss": "https://example.org" })),
        claims("token_issuer", json!({ "iss": "" })),
        claims("token_issuer", json!({ "iss": "REMOVE" })),
        ("a site that is none", "token_issuer", {
            let header = json!({ "kid": "nowhere0-x0x0x0x0" });
            changed(site, &header, &json!({ "iss": "nowhere0" }))
        }),
        ("another site's signature", "token_signature", {
            let header = json!({ "kid": other.kid });
            changed(site, &header, &json!({ "iss": other.uid }))
        }),
        ("cut", "token_signature", good[..good.len() - 3].to_owned()),
        ("other claims under the signature", "token_signature", {
            let forged = json!({ "iss": site.uid, "sub": "admin", "iat": now, "exp": now + 60 });
            let head = message.split_once('.').unwrap().0;
            format!("{head}.{}.{signature}", URL_SAFE_NO_PAD.encode(forged.to_string()))
        }),
        claims("token_claims", json!({ "sub": "REMOVE" })),
        claims("token_claims", json!({ "exp": "REMOVE" })),
        claims("token_claims", json!({ "iat": "REMOVE" })),
        claims("token_claims", json!({ "sub": 17 })),
        claims("token_claims", json!({ "exp": "tomorrow" })),
        claims("token_claims", json!({ "rooms": "abcDEF012345" })),
        claims("token_claims", json!({ "name": ["Ann"] })),
        claims("token_claims", json!({ "iat": -1 })),
        claims("token_subject", json!({ "sub": "" })),
        claims("token_subject", json!({ "sub": "x".repeat(129) })),
        claims("token_subject", json!({ "sub": "a\u{0}b" })),
        claims("token_lifetime", json!({ "iat": now, "exp": now + 86_401 })),
        claims("token_lifetime", json!({ "iat": now, "exp": now })),
        claims("token_expired", json!({ "iat": now - 700, "exp": now - 61 })),
        claims("token_not_yet_valid", json!({ "nbf": now + 120 })),
        claims("token_issued_in_future", json!({ "iat": now + 120, "exp": now + 600 })),
        claims("token_audience", json!({ "aud": "https://else.example" })),
        claims("token_audience", json!({ "aud": [] })),
        claims("token_role", json!({ "role": "admin" })),
        claims("token_role", json!({ "role": "root" })),
        claims("token_role", json!({ "role": "" })),
    ]
}

#[actix_web::test]
async fn each_bad_token_is_refused_with_its_code_over_http_and_socket_and_makes_nobody() {
    for database in [Database::sqlite(), Database::postgres()] {
        let flags = ["--limits", "frame=100000/1ms,upgrade=100000/1ms", "--public-url", PUBLIC_URL];
        let app = TestApp::start_with(database, &flags).await;
        let (site, other) = (Site::new(&app).await, Site::new(&app).await);
        let public = Site::with(&app, Algorithm::EdDSA).await;
        let room = site.room(&app).await;
        let before = app.get(&site.owner, "/users").await.ok(200);
        let rows = bad_tokens(&site, &public, &other);
        assert!(rows.len() >= 40, "{}", rows.len());
        let mut socket = Socket::anonymous(&app).await;
        for (what, code, token) in &rows {
            let who = bearer(token);
            for path in ["/me".to_owned(), format!("/rooms/{room}/messages")] {
                let told = app.get(&who, &path).await;
                assert_eq!(told.header("www-authenticate"), Some("Bearer"));
                let told = told.json();
                assert_eq!((&told["status"], &told["code"]), (&json!(401), &json!(code)), "{what}: {told}");
                assert!(!told.to_string().contains(token.as_str()), "{told}");
            }
            let body = json!({ "room": room, "message": "hi" });
            assert_eq!(app.post(&who, "/messages", body).await.json()["code"], json!(code), "{what}");
            let told = socket.ask("login", json!({ "token": token })).await.unwrap_err();
            assert_eq!(told["code"], json!(code), "{what}: {told}");
            let protocols = vec!["banter.v1".to_owned(), format!("bearer.{token}")];
            assert_eq!(Ask { protocols, ..Ask::default() }.open(&app).await.err(), Some(401), "{what}");
        }
        assert_eq!(app.get(&site.owner, "/users").await.ok(200), before, "nobody was made");
        app.stop().await;
    }
}

#[actix_web::test]
async fn the_audience_is_the_address_of_the_server() {
    let flags = ["--limits", "on", "--public-url", PUBLIC_URL];
    let app = TestApp::start_with(Database::sqlite(), &flags).await;
    let site = Site::new(&app).await;
    for audience in [json!(PUBLIC_URL), json!([PUBLIC_URL, "x"]), json!("https://chat.example/")] {
        site.person(&app, "1", json!({ "aud": audience })).await;
    }
    app.stop().await;
}

on_both! {
    async fn a_good_token_of_each_algorithm_is_taken_everywhere(app: &TestApp) {
        for algorithm in [Algorithm::HS256, Algorithm::EdDSA, Algorithm::ES256, Algorithm::RS256] {
            let site = Site::with(app, algorithm).await;
            let room = site.room(app).await;
            let more = json!({ "name": "Bea", "picture": "https://a.example/b.png", "role": "vip" });
            let bea = site.person(app, "1", more).await;
            let me = app.get(&bea, "/me").await.ok(200)["user"].clone();
            assert_eq!((&me["displayName"], &me["picture"]), (&json!("Bea"), &json!("https://a.example/b.png")));
            assert_eq!(me["roles"], json!(["registered", "site"]));
            assert_eq!(app.say(&bea, &room, "hello").await["user"]["roles"], json!(["registered", "site", "vip"]));
            let mut socket = Socket::in_room(app, &bea, &room).await;
            socket.say("ho").await.unwrap();
            let mut late = Socket::anonymous(app).await;
            let ack = late.ask("login", json!({ "token": site.token("1", json!({})) })).await.unwrap();
            assert_eq!(ack["user"]["uid"], json!(bea.uid));
            let kid = app.get(&site.owner, &format!("/sites/{}/keys/{}", site.uid, site.kid)).await.ok(200);
            assert!(kid["key"]["lastUsedAt"].as_i64().is_some(), "{kid}");
        }
    }

    async fn name_picture_and_role_follow_the_newest_token(app: &TestApp) {
        let site = Site::new(app).await;
        let room = site.room(app).await;
        let at = now() - 30;
        let first = site.person_at(app, "1", at, json!({ "name": "Bea", "role": "mod" })).await;
        let victim = app.register("victim").await;
        let ban = json!({ "room": room, "user": victim.uid, "duration": "1m" });
        app.post(&first, "/bans", ban.clone()).await.ok(200);
        let outside = app.room(&site.owner, "Outside").await;
        let elsewhere = json!({ "room": outside, "user": victim.uid });
        app.post(&first, "/bans", elsewhere).await.problem(403, "forbidden");
        let second = site.person_at(app, "1", at + 1, json!({ "name": "Cleo" })).await;
        assert_eq!(second.uid, first.uid);
        for who in [&first, &second] {
            app.post(who, "/bans", ban.clone()).await.problem(403, "forbidden");
            assert_eq!(app.get(who, "/me").await.ok(200)["user"]["displayName"], "Cleo");
        }
    }

    async fn a_room_outside_the_list_is_refused(app: &TestApp) {
        let site = Site::new(app).await;
        let (inside, outside) = (site.room(app).await, site.room(app).await);
        let bea = site.person(app, "1", json!({ "rooms": [inside] })).await;
        app.say(&bea, &inside, "hi").await;
        app.post(&bea, "/messages", json!({ "room": outside, "message": "hi" })).await.problem(401, "token_room");
        for path in ["", "/messages", "/users", "/capabilities"] {
            app.get(&bea, &format!("/rooms/{outside}{path}")).await.problem(401, "token_room");
        }
        let mut socket = Socket::of(app, &bea).await;
        socket.join(&inside).await;
        assert_eq!(socket.ask("join", json!({ "uid": outside })).await.unwrap_err()["code"], "token_room");
    }

    async fn the_site_finds_logs_out_and_deletes_its_users(app: &TestApp) {
        let site = Site::new(app).await;
        let at = now() - 30;
        let sub = "ann/1?x=%20 ü@example.org";
        let path = "/sites/".to_owned() + &site.uid + "/users/ann%2F1%3Fx=%2520%20%C3%BC@example.org";
        app.get(&site.owner, &path).await.problem(404, "user_not_found");
        let ann = site.person_at(app, sub, at, json!({ "name": "Ann", "role": "owner" })).await;
        let told = app.get(&site.owner, &path).await.ok(200);
        assert_eq!((&told["user"]["uid"], &told["role"], &told["issuedAt"]), (&json!(ann.uid), &json!("owner"), &json!(at * 1000)));
        let stranger = app.register("stranger").await;
        app.get(&stranger, &path).await.problem(403, "forbidden");
        app.delete(&stranger, &path).await.problem(403, "forbidden");
        app.post(&stranger, &format!("{path}/logout"), json!({})).await.problem(403, "forbidden");
        let mut socket = Socket::of(app, &ann).await;
        app.request(Method::POST, &format!("{path}/logout")).by(&site.owner).send().await.ok(204);
        assert_eq!(socket.closed().await, Some(4001));
        app.get(&ann, "/me").await.problem(401, "token_ended");
        let again = site.person_at(app, sub, now() + 5, json!({})).await;
        assert_eq!(again.uid, ann.uid);
        app.delete(&site.owner, &path).await.ok(204);
        app.get(&site.owner, &path).await.problem(404, "user_not_found");
        app.look(&format!("/users/{}", ann.uid)).await.problem(404, "user_not_found");
    }

    async fn what_belongs_to_an_account_is_refused(app: &TestApp) {
        let site = Site::new(app).await;
        let bea = site.person(app, "1", json!({ "name": "Bea" })).await;
        app.get(&bea, "/websocket").await.problem(403, "account_required");
        app.post(&bea, "/me/token", json!({})).await.problem(403, "account_required");
        app.patch(&bea, "/me", json!({ "display_name": "Cleo" })).await.problem(403, "account_required");
        app.post(&bea, "/users/logout", json!({})).await.ok(204);
        app.get(&bea, "/me").await.problem(401, "token_ended");
    }
}

#[actix_web::test]
async fn no_token_of_a_site_stands_in_the_log() {
    let database = Database::sqlite();
    let process =
        Process::start_with(&database, None, &[("LOG", "trace"), ("SITE_CREATION", "registered")], Stdio::piped());
    let (ann, room) = owner_and_room(&process.url).await;
    let client = awc::Client::default();
    let post = async |path: &str, body: Value| -> Value {
        let request = client.post(format!("{}{path}", process.url)).bearer_auth(&ann.token);
        request.send_json(&body).await.unwrap().json().await.unwrap()
    };
    let uid = post("/sites", json!({ "name": "Example" })).await["site"]["uid"].as_str().unwrap().to_owned();
    let made = post(&format!("/sites/{uid}/keys"), json!({ "kind": "secret" })).await;
    let (kid, secret) = (made["key"]["kid"].as_str().unwrap(), made["secret"].as_str().unwrap());
    let key = EncodingKey::from_secret(secret.as_bytes());
    let token = |sub: &str, exp: i64| {
        let claims = json!({ "iss": uid, "sub": sub, "iat": now(), "exp": exp });
        signed(&json!({ "alg": "HS256", "kid": kid }), &claims, &key, Algorithm::HS256)
    };
    let (good, bad) = (token("a-secret-subject", now() + 60), token("a-secret-subject", now() + 100_000));
    for token in [&good, &bad] {
        client.get(format!("{}/me", process.url)).bearer_auth(token).send().await.unwrap();
    }
    let mut socket = Socket::try_in_room(&process.url, &bearer(&good), &room).await.unwrap();
    socket.ask("login", json!({ "token": bad })).await.unwrap_err();
    let log = process.log();
    assert!(log.contains("token_lifetime"), "{log}");
    let parts = good.split('.').chain(bad.split('.')).skip(1);
    for never in
        [secret, "a-secret-subject"].into_iter().chain(parts.filter(|part| *part != good.split('.').next().unwrap()))
    {
        assert!(!log.contains(never), "{never} is in {log}");
    }
}
