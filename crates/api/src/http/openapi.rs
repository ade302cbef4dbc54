//! The document of the API: the routes as their handlers describe them, completed with what holds for all of them.

use crate::http::{Paths, bounds};
use crate::problem::ProblemView;
use domain::capability::Capability;
use domain::model::rank::Rank;
use domain::model::site_key::SigningAlgorithm;
use domain::model::user::SITE_ROLE;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ArrayItems, Object, Schema, SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Components, Content, Info, License, OpenApi, OpenApiVersion, PathItem, Ref, RefOr, Response, ResponseBuilder,
    Server, Tag,
};
use utoipa::{OpenApi as _, PartialSchema};

/// The document, OpenAPI 3.1.
pub fn document() -> OpenApi {
    let mut document = Paths::openapi();
    document.openapi = OpenApiVersion::Version31;
    document.info = Info::new("Banter", env!("CARGO_PKG_VERSION"));
    document.info.description = Some(DESCRIPTION.to_owned());
    document.info.license = Some(License::new("MIT OR Apache-2.0"));
    let tag = |(name, text): (&str, &str)| {
        let mut tag = Tag::new(name);
        tag.description = Some(text.to_owned());
        tag
    };
    document.tags = Some(TAGS.into_iter().map(tag).collect());
    let components = document.components.get_or_insert_default();
    components.schemas.insert(PROBLEM.to_owned(), ProblemView::schema());
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    components.security_schemes.insert("bearer".to_owned(), RefOr::T(SecurityScheme::Http(bearer)));
    let ranks = Rank::ALL.map(Rank::as_str);
    let roles: Vec<&str> = ranks.into_iter().chain([SITE_ROLE]).collect();
    let capabilities = Capability::ALL.map(Capability::as_str);
    let algorithms = SigningAlgorithm::ALL.map(SigningAlgorithm::as_str);
    for (schema, property, words) in [
        ("UserView", "roles", &roles[..]),
        ("CommandView", "least", &ranks),
        ("CapabilitiesAnswer", "rank", &ranks),
        ("CapabilitiesAnswer", "capabilities", &capabilities),
        ("CardAnswer", "may", &capabilities),
        ("MessageView", "kind", &["action"]),
        ("BanView", "kind", &["ban", "timeout"]),
        ("KeyView", "kind", &["secret", "public"]),
        ("KeyView", "algorithm", &algorithms),
        ("NewKey", "kind", &["secret", "public"]),
        ("NewBan", "kind", &["ban", "timeout"]),
        ("Unban", "kind", &["ban", "timeout"]),
    ] {
        enumerate(components, schema, property, words);
    }
    bounds::write(components);
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            operation.operation_id = Some(operation_id(method, path));
            complete(operation);
        }
    }
    document
}

/// The same, saying under which path the server is reached. Without one, clients look where the document came from.
pub fn document_at(base_path: &str) -> OpenApi {
    let mut document = document();
    if !base_path.is_empty() {
        document.servers = Some(vec![Server::new(base_path)]);
    }
    document
}

/// The document as text, as it stands in web/sdk/openapi.json.
pub fn text() -> String {
    document().to_pretty_json().unwrap_or_default()
}

/// The name of the schema of every error.
const PROBLEM: &str = "Problem";

const DESCRIPTION: &str = "A chat server: rooms, messages and moderation. Bodies are JSON or forms. \
    Every error is a problem whose codes are listed at /docs/errors.html. Live events come over the WebSocket at /ws.";

const TAGS: [(&str, &str); 7] = [
    ("users", "Logging in and being somebody"),
    ("rooms", "Rooms and who is in them"),
    ("sites", "Web sites, their rooms and their keys"),
    ("messages", "What is said"),
    ("moderation", "Keeping order"),
    ("connections", "Sockets"),
    ("server", "The server itself"),
];

fn operations(path: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let PathItem { get, post, patch, delete, .. } = path;
    [("get", get), ("post", post), ("patch", patch), ("delete", delete)]
        .into_iter()
        .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// A name that no other operation has: `get_rooms_uid`.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.fold(method.to_owned(), |name, word| name + "_" + word)
}

/// Says which words a property, or the items of a list, may hold.
fn enumerate(components: &mut Components, schema: &str, property: &str, words: &[&str]) {
    let Some(RefOr::T(Schema::Object(object))) = components.schemas.get_mut(schema) else { return };
    let strings = |object: &mut Object| {
        let none = matches!(&object.schema_type, SchemaType::Array(kinds) if kinds.contains(&Type::Null));
        let null = none.then_some(serde_json::Value::Null);
        object.enum_values = Some(words.iter().map(|word| (*word).into()).chain(null).collect());
    };
    match object.properties.get_mut(property) {
        Some(RefOr::T(Schema::Object(text))) => strings(text),
        Some(RefOr::T(Schema::Array(list))) => {
            if let ArrayItems::RefOrSchema(items) = &mut list.items
                && let RefOr::T(Schema::Object(text)) = items.as_mut()
            {
                strings(text);
            }
        }
        _ => {}
    }
}

/// Every body may also be a form, and every answer a problem.
fn complete(operation: &mut Operation) {
    if let Some(RefOr::T(body)) = &mut operation.request_body
        && let Some(json) = body.content.get("application/json").cloned()
    {
        body.content.insert("application/x-www-form-urlencoded".to_owned(), json);
    }
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(Response { description, .. }) = response
            && description.is_empty()
        {
            "Done".clone_into(description);
        }
    }
    let problem = Content::new(Some(Ref::from_schema_name(PROBLEM)));
    let problem = ResponseBuilder::new().description("It was not done").content("application/problem+json", problem);
    operation.responses.responses.insert("default".to_owned(), problem.build().into());
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_sdk_is_typed_from_this_very_document() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/sdk/openapi.json");
        let copy = std::fs::read_to_string(path).unwrap_or_default();
        assert!(copy.trim_end() == text(), "web/sdk/openapi.json is stale: run scripts/sdk-types");
    }

    #[test]
    fn every_operation_has_a_name_of_its_own() {
        let mut document = document();
        let mut names = BTreeSet::new();
        for operation in document.paths.paths.values_mut().flat_map(operations) {
            let name = operation.1.operation_id.clone().unwrap();
            assert!(names.insert(name.clone()), "{name} is there twice");
        }
    }

    #[test]
    fn words_are_listed_where_only_some_are_said() {
        let document = serde_json::to_value(document()).unwrap();
        let schemas = &document["components"]["schemas"];
        assert_eq!(schemas["UserView"]["properties"]["roles"]["items"]["enum"][0], "guest");
        assert_eq!(schemas["BanView"]["properties"]["kind"]["enum"][1], "timeout");
        assert_eq!(schemas["MessageView"]["properties"]["kind"]["enum"][0], "action");
    }
}
