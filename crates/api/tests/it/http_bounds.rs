//! The document of the API and the server agree on how long and how large a value may be.

use crate::app::{Person, TestApp};
use crate::database::Database;
use actix_web::http::Method;
use serde_json::{Map, Value, json};

/// One way to send a value.
struct Case<'a> {
    schema: &'static str,
    method: Method,
    path: String,
    /// What else the body needs.
    base: Value,
    by: Option<&'a Person>,
}

impl Case<'_> {
    async fn send(&self, app: &TestApp, property: &str, value: &Value) -> (u16, Value) {
        let mut body = self.base.clone();
        body[property] = value.clone();
        let request = app.request(self.method.clone(), &self.path);
        let request = match self.by {
            Some(by) => request.by(by),
            None => request,
        };
        let reply = request.json(&body).await;
        let status = reply.status.as_u16();
        (status, if status < 300 { Value::Null } else { reply.json() })
    }
}

/// The values at the edges, and those just beyond them.
fn edges(property: &Value) -> (Vec<Value>, Vec<Value>) {
    let bound = |name: &str| property[name].as_u64();
    let text = |length: u64| json!("x".repeat(length as usize));
    let (mut right, mut wrong) = (Vec::new(), Vec::new());
    if let Some(most) = bound("maxLength") {
        let least = bound("minLength").unwrap_or(0);
        right.extend([text(least), text(most)]);
        wrong.push(text(most + 1));
        wrong.extend((least > 0).then(|| text(least - 1)));
    }
    if let Some(most) = bound("maximum") {
        let least = bound("minimum").unwrap();
        right.extend([json!(least), json!(most)]);
        wrong.extend([json!(most + 1), json!(least as i64 - 1)]);
    }
    if property.get("pattern").is_some() {
        wrong.push(json!("    "));
    }
    (right, wrong)
}

#[actix_web::test]
async fn what_the_document_allows_is_taken_and_what_lies_beyond_is_refused_by_name() {
    let app = TestApp::start(Database::sqlite()).await;
    let owner = app.register("olive").await;
    let victim = app.register("victim").await;
    let room = app.room(&owner, "Lobby").await;
    let root = app.root().await;
    let site = app.post(&root, "/sites", json!({ "name": "n" })).await.ok(201);
    let site = site["site"]["uid"].as_str().unwrap().to_owned();
    let document = app.look("/openapi.json").await.ok(200);
    let case = |schema, method, path: String, base, by| Case { schema, method, path, base, by };
    let password = json!({ "username": "some-name", "password": "correct horse" });
    let cases = [
        case("Credentials", Method::POST, "/users/register".to_owned(), password, None),
        case("UserChanges", Method::PATCH, format!("/users/{}", owner.uid), json!({}), Some(&owner)),
        case("NewRoom", Method::POST, "/rooms".to_owned(), json!({ "name": "n" }), Some(&owner)),
        case("RoomChanges", Method::PATCH, format!("/rooms/{room}"), json!({}), Some(&owner)),
        case("NewSite", Method::POST, "/sites".to_owned(), json!({ "name": "n" }), Some(&root)),
        case("SiteChanges", Method::PATCH, format!("/sites/{site}"), json!({}), Some(&root)),
        case("NewKey", Method::POST, format!("/sites/{site}/keys"), json!({ "kind": "secret" }), Some(&root)),
        case("NewMessage", Method::POST, "/messages".to_owned(), json!({ "room": room, "message": "m" }), Some(&owner)),
        case("NewBan", Method::POST, "/bans".to_owned(), json!({ "room": room, "user": victim.uid }), Some(&owner)),
    ];
    let mut checked = Vec::new();
    for case in &cases {
        let properties: &Map<String, Value> =
            document["components"]["schemas"][case.schema]["properties"].as_object().unwrap();
        for (name, property) in properties {
            let (right, wrong) = edges(property);
            if right.is_empty() || (case.schema, name.as_str()) == ("UserChanges", "password") {
                continue;
            }
            checked.push(format!("{}.{name}", case.schema));
            for value in &right {
                let (status, body) = case.send(&app, name, value).await;
                let is_taken = status < 300 || body["code"] == "name_taken";
                assert!(is_taken, "{}.{name} = {value}: {status} {body}", case.schema);
            }
            for value in &wrong {
                let (status, body) = case.send(&app, name, value).await;
                assert_eq!((status, &body["field"]), (400, &json!(name)), "{}.{name} = {value}: {body}", case.schema);
            }
        }
    }
    assert_eq!(checked.len(), 16, "{checked:?}");
    app.stop().await;
}
