//! The path of PUBLIC_URL, when there is one. A proxy may pass it on or take it off: every address is served with it and
//! without it, and everything behind this layer sees the address without it.

use crate::app::App;
use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::http::uri::{PathAndQuery, Uri};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};

/// Takes the path of PUBLIC_URL off a request that has it. The path alone leads to the start page, whose relative
/// addresses need the slash.
pub async fn strip_base_path(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody, BoxBody>>, Error> {
    let app = request.app_data::<web::Data<App>>().cloned();
    let base_path = app.as_ref().map_or("", |app| app.config.base_path());
    match below(request.path(), base_path) {
        None => {}
        Some("") => {
            let query = request.uri().query().map_or_else(String::new, |query| format!("?{query}"));
            let location = (header::LOCATION, format!("{base_path}/{query}"));
            let response = HttpResponse::PermanentRedirect().insert_header(location).finish();
            return Ok(request.into_response(response).map_into_right_body());
        }
        Some(rest) => {
            if let Some(uri) = with_path(request.uri(), rest) {
                request.match_info_mut().get_mut().update(&uri);
                request.head_mut().uri = uri;
            }
        }
    }
    Ok(next.call(request).await?.map_into_left_body())
}

/// What of `path` lies below the base path: empty, or beginning with a slash. `None` when it lies elsewhere, or when
/// there is no base path.
fn below<'a>(path: &'a str, base_path: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(base_path).filter(|_| !base_path.is_empty())?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// The same address with another path.
fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let mut parts = uri.clone().into_parts();
    let path_and_query = match uri.query() {
        Some(query) => PathAndQuery::try_from(format!("{path}?{query}")),
        None => PathAndQuery::try_from(path),
    };
    parts.path_and_query = Some(path_and_query.ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_below_the_base_path_loses_it_and_only_once() {
        for (path, base_path, rest) in [
            ("/chat/", "/chat", Some("/")),
            ("/chat", "/chat", Some("")),
            ("/chat/rooms/x", "/chat", Some("/rooms/x")),
            ("/chat/chat/x", "/chat", Some("/chat/x")),
            ("/a/b/c", "/a/b", Some("/c")),
            ("/chatter", "/chat", None),
            ("/Chat/x", "/chat", None),
            ("/x/chat/", "/chat", None),
            ("/", "/chat", None),
            ("/rooms", "", None),
            ("/", "", None),
        ] {
            assert_eq!(below(path, base_path), rest, "{path} {base_path}");
        }
    }

    #[test]
    fn the_rest_of_an_address_stays_as_it_is() {
        for (uri, path, expected) in [
            ("/chat/x?a=%2F&b", "/x", "/x?a=%2F&b"),
            ("/chat/%2e%2e/x", "/%2e%2e/x", "/%2e%2e/x"),
            ("http://h:1/chat/x?", "/x", "http://h:1/x?"),
        ] {
            assert_eq!(with_path(&uri.parse().unwrap(), path).unwrap().to_string(), expected);
        }
    }
}
