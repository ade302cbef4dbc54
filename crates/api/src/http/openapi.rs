//! The document of the API: the routes as their handlers describe them, completed with what holds for all of them.

use crate::http::Paths;
use crate::problem::ProblemView;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Content, Info, License, OpenApi, OpenApiVersion, PathItem, Ref, RefOr, Response, ResponseBuilder, Tag,
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
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        complete(operation);
    }
    document
}

/// The name of the schema of every error.
const PROBLEM: &str = "Problem";

const DESCRIPTION: &str = "A chat server: rooms, messages and moderation. Bodies are JSON or forms. \
    Every error is a problem whose codes are listed at /docs/errors.html. Live events come over the WebSocket at /ws.";

const TAGS: [(&str, &str); 6] = [
    ("users", "Logging in and being somebody"),
    ("rooms", "Rooms and who is in them"),
    ("messages", "What is said"),
    ("moderation", "Keeping order"),
    ("connections", "Sockets"),
    ("server", "The server itself"),
];

fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut path.get, &mut path.post, &mut path.patch, &mut path.delete].into_iter().filter_map(Option::as_mut)
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
