//! Sites and their keys over HTTP.

use crate::app::{Person, TestApp};
use crate::on_both;
use serde_json::{Value, json};
use testkit::keys;

async fn site(app: &TestApp, owner: &Person, body: Value) -> String {
    let made = app.post(owner, "/sites", body).await.ok(201);
    made["site"]["uid"].as_str().unwrap().to_owned()
}

on_both! {
    async fn a_site_is_made_read_changed_and_deleted["--site-creation", "registered"](app: &TestApp) {
        let (ann, bob, guest) = (app.register("ann").await, app.register("bob").await, app.guest().await);
        let body = json!({ "name": " Example ", "origins": ["https://A.example/"] });
        app.post(&guest, "/sites", body.clone()).await.problem(403, "forbidden");
        app.tell("/sites", body.clone()).await.problem(401, "login_required");
        let made = app.post(&ann, "/sites", body).await.ok(201)["site"].clone();
        let uid = made["uid"].as_str().unwrap();
        assert_eq!((uid.len(), &made["name"], &made["origins"]), (8, &json!("Example"), &json!(["https://a.example"])));
        let at = format!("/sites/{uid}");
        assert_eq!(app.get(&ann, &at).await.ok(200)["site"], made);
        app.get(&bob, &at).await.problem(403, "forbidden");
        assert_eq!(app.get(&ann, "/sites").await.ok(200), json!({ "sites": [made], "next": null }));
        assert_eq!(app.get(&bob, "/sites").await.ok(200)["sites"], json!([]));
        let changed = app.patch(&ann, &at, json!({ "name": "Other" })).await.ok(200)["site"].clone();
        assert_eq!((&changed["name"], &changed["origins"]), (&json!("Other"), &made["origins"]));
        assert_eq!(app.patch(&ann, &at, json!({ "origins": [] })).await.ok(200)["site"]["origins"], json!([]));
        app.patch(&ann, &at, json!({ "origins": ["x"] })).await.problem_of(400, "invalid_field", "origins");
        app.patch(&ann, &at, json!({ "nmae": "x" })).await.problem_of(400, "bad_request", "nmae");
        app.delete(&bob, &at).await.problem(403, "forbidden");
        app.delete(&ann, &at).await.ok(204);
        app.delete(&ann, &at).await.problem(404, "site_not_found");
        for uid in ["x", "%00", "aaaaaaaaa"] {
            app.get(&ann, &format!("/sites/{uid}")).await.problem(404, "site_not_found");
        }
    }

    async fn sites_are_made_by_administrators_unless_the_setting_says_otherwise(app: &TestApp) {
        let (root, ann) = (app.root().await, app.register("ann").await);
        app.post(&ann, "/sites", json!({ "name": "Example" })).await.problem(403, "forbidden");
        site(app, &root, json!({ "name": "Example" })).await;
    }

    async fn a_secret_is_shown_once(app: &TestApp) {
        let root = app.root().await;
        let uid = site(app, &root, json!({ "name": "Example" })).await;
        let at = format!("/sites/{uid}/keys");
        let made = app.post(&root, &at, json!({ "kind": "secret", "name": "live" })).await.ok(201);
        let (key, secret) = (&made["key"], made["secret"].as_str().unwrap());
        assert_eq!((&key["kind"], &key["algorithm"], &key["name"]), (&json!("secret"), &json!("HS256"), &json!("live")));
        assert_eq!((secret.len(), &key["lastUsedAt"]), (43, &json!(null)));
        let kid = key["kid"].as_str().unwrap();
        assert!(kid.starts_with(&format!("{uid}-")), "{kid}");
        let listed = app.get(&root, &at).await;
        assert!(!listed.text.contains(secret));
        assert_eq!(listed.ok(200)["keys"], json!([key]));
        assert_eq!(app.get(&root, &format!("{at}/{kid}")).await.ok(200)["key"], *key);
        app.delete(&root, &format!("{at}/{kid}")).await.ok(204);
        app.delete(&root, &format!("{at}/{kid}")).await.problem(404, "key_not_found");
        app.get(&root, &format!("{at}/x")).await.problem(404, "key_not_found");
        assert_eq!(app.get(&root, &at).await.ok(200)["keys"], json!([]));
    }

    async fn a_public_key_is_taken_as_pem_and_as_jwk(app: &TestApp) {
        let root = app.root().await;
        let at = format!("/sites/{}/keys", site(app, &root, json!({ "name": "Example" })).await);
        let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        for (text, algorithm) in
            [(keys::ED25519.public, "EdDSA"), (keys::P256.public, "ES256"), (keys::RSA.public, "RS256"), (jwk, "EdDSA")]
        {
            let made = app.post(&root, &at, json!({ "kind": "public", "public_key": text })).await.ok(201);
            assert_eq!((&made["key"]["algorithm"], &made["secret"]), (&json!(algorithm), &json!(null)));
        }
        for text in [keys::ED25519.private, keys::RSA_1024, keys::P384, "hello"] {
            let refused = app.post(&root, &at, json!({ "kind": "public", "public_key": text })).await;
            refused.problem_of(400, "invalid_field", "public_key");
        }
        app.post(&root, &at, json!({ "kind": "private" })).await.problem_of(400, "invalid_field", "kind");
        app.post(&root, &at, json!({})).await.problem_of(400, "bad_request", "kind");
    }

    async fn a_room_belongs_to_a_site_whose_pages_may_frame_it(app: &TestApp) {
        let (root, ann) = (app.root().await, app.register("ann").await);
        let uid = site(app, &root, json!({ "name": "Example", "origins": ["https://a.example"] })).await;
        app.post(&ann, "/rooms", json!({ "name": "Lobby", "site": uid })).await.problem(403, "forbidden");
        let room = app.post(&root, "/rooms", json!({ "name": "Lobby", "site": uid })).await.ok(201)["room"].clone();
        assert_eq!(room["site"], json!(uid));
        let at = format!("/rooms/{}", room["uid"].as_str().unwrap());
        let framed = async || {
            let page = app.look(&format!("/embed.html?room={}", room["uid"].as_str().unwrap())).await;
            page.header("content-security-policy").unwrap().contains("frame-ancestors 'self' https://a.example")
        };
        assert!(framed().await);
        assert_eq!(app.patch(&root, &at, json!({ "site": null })).await.ok(200)["room"]["site"], json!(null));
        assert!(!framed().await);
        assert_eq!(app.patch(&root, &at, json!({ "site": uid })).await.ok(200)["room"]["site"], json!(uid));
        app.patch(&root, &at, json!({ "site": "aaaaaaaa" })).await.problem(404, "site_not_found");
        app.patch(&root, &at, json!({ "site": "x" })).await.problem_of(400, "invalid_field", "site");
        app.delete(&root, &format!("/sites/{uid}")).await.ok(204);
        assert_eq!(app.look(&at).await.ok(200)["room"]["site"], json!(null));
    }
}
