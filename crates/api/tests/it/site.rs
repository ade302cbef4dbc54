//! A web site that signs in its own users.

use crate::app::{Person, TestApp};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};
use testkit::keys;

/// A site with one key.
pub struct Site {
    /// Its uid.
    pub uid: String,
    /// Its key's.
    pub kid: String,
    /// Its owner.
    pub owner: Person,
    key: EncodingKey,
    algorithm: Algorithm,
}

/// What signs, from PEM.
pub fn private_key(pem: &str) -> Vec<u8> {
    let inside: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD.decode(inside).unwrap()
}

/// A token of these parts.
pub fn signed(header: &Value, claims: &Value, key: &EncodingKey, algorithm: Algorithm) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

/// The present, in seconds.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().cast_signed()
}

impl Site {
    /// A site of root's with a secret.
    pub async fn new(app: &TestApp) -> Site {
        Site::with(app, Algorithm::HS256).await
    }

    /// The same with a key of this algorithm.
    pub async fn with(app: &TestApp, algorithm: Algorithm) -> Site {
        let owner = app.root().await;
        let made = app.post(&owner, "/sites", json!({ "name": "Example" })).await.ok(201);
        let uid = made["site"]["uid"].as_str().unwrap().to_owned();
        let (public, private) = match algorithm {
            Algorithm::EdDSA => {
                (keys::ED25519.public, Some(EncodingKey::from_ed_der(&private_key(keys::ED25519.private))))
            }
            Algorithm::ES256 => (keys::P256.public, Some(EncodingKey::from_ec_der(&private_key(keys::P256.private)))),
            Algorithm::RS256 => (keys::RSA.public, Some(EncodingKey::from_rsa_der(&private_key(keys::RSA.private)))),
            _ => ("", None),
        };
        let body = match private {
            Some(_) => json!({ "kind": "public", "public_key": public }),
            None => json!({ "kind": "secret" }),
        };
        let made = app.post(&owner, &format!("/sites/{uid}/keys"), body).await.ok(201);
        let kid = made["key"]["kid"].as_str().unwrap().to_owned();
        let secret = || EncodingKey::from_secret(made["secret"].as_str().unwrap().as_bytes());
        Site { uid, kid, owner, key: private.unwrap_or_else(secret), algorithm }
    }

    /// The claims of a token for `sub`, good for ten minutes.
    pub fn claims(&self, sub: &str) -> Value {
        self.claims_at(sub, now())
    }

    /// The same as of this second.
    pub fn claims_at(&self, sub: &str, now: i64) -> Value {
        json!({ "iss": self.uid, "sub": sub, "iat": now, "exp": now + 600 })
    }

    /// The header of its tokens.
    pub fn header(&self) -> Value {
        json!({ "alg": format!("{:?}", self.algorithm), "kid": self.kid, "typ": "JWT" })
    }

    /// Signs anything.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        signed(header, claims, &self.key, self.algorithm)
    }

    /// A token with these claims beside the usual ones.
    pub fn token(&self, sub: &str, more: Value) -> String {
        self.token_at(sub, now(), more)
    }

    /// The same as of this second.
    pub fn token_at(&self, sub: &str, now: i64, more: Value) -> String {
        let mut claims = self.claims_at(sub, now);
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        self.sign(&self.header(), &claims)
    }

    /// Whom a token names.
    pub async fn person(&self, app: &TestApp, sub: &str, more: Value) -> Person {
        self.person_at(app, sub, now(), more).await
    }

    /// The same as of this second.
    pub async fn person_at(&self, app: &TestApp, sub: &str, now: i64, more: Value) -> Person {
        let mut person = Person { uid: String::new(), token: self.token_at(sub, now, more) };
        person.uid = app.get(&person, "/me").await.ok(200)["user"]["uid"].as_str().unwrap().to_owned();
        person
    }

    /// A room of the site.
    pub async fn room(&self, app: &TestApp) -> String {
        let made = app.post(&self.owner, "/rooms", json!({ "name": "Lobby", "site": self.uid })).await.ok(201);
        made["room"]["uid"].as_str().unwrap().to_owned()
    }
}
