//! What lies around every route: which pages may call, what every answer carries, and what is counted and logged.

use crate::app::App;
use crate::caller;
use crate::problem::{Code, Problem};
use crate::realtime::origin;
use actix_cors::Cors;
use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{RequestHead, ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError, web};
use std::time::Instant;

/// The header that lets a cache keep an answer, or forbids it.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// What every answer carries unless it says otherwise.
const HEADERS: [(HeaderName, &str); 3] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "strict-origin-when-cross-origin"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
];

/// The host that a request names: in `Host`, or in the address itself as HTTP/2 does.
pub fn host(head: &RequestHead) -> Option<&str> {
    let named = head.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    named.or_else(|| head.uri.authority().map(|authority| authority.as_str()))
}

/// Tells browsers which pages may read answers. Logins travel in a header of our own, never in cookies, so no answer
/// ever allows credentials.
pub fn cors(app: web::Data<App>) -> Cors {
    let cors = Cors::default()
        .allowed_methods(["GET", "HEAD", "POST", "PATCH", "DELETE"])
        .allowed_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::ACCEPT, header::IF_NONE_MATCH])
        .expose_headers([header::RETRY_AFTER, header::ALLOW])
        .block_on_origin_mismatch(false)
        .max_age(3600);
    if origin::allows_all(&app.config) {
        return cors.allow_any_origin().send_wildcard();
    }
    cors.allowed_origin_fn(move |origin, head| {
        origin.to_str().is_ok_and(|origin| origin::is_allowed(Some(origin), host(head), &app.config))
    })
}

/// Refuses what a page that is not allowed wants to change: a browser sends plain forms without asking first.
pub async fn refuse_foreign_pages(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody, BoxBody>>, Error> {
    let preflight = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) && !preflight;
    if !reads && is_foreign(&request) {
        let problem = Problem::new(Code::OriginRefused, "Pages of this origin may not call this server.");
        return Ok(request.into_response(problem.error_response()).map_into_right_body());
    }
    Ok(next.call(request).await?.map_into_left_body())
}

/// Whether a page that is not allowed sends this. Some browsers leave `Origin` out of some requests, but still say that it
/// comes from another site.
fn is_foreign(request: &ServiceRequest) -> bool {
    let Some(app) = request.app_data::<web::Data<App>>() else { return true };
    match request.headers().get(header::ORIGIN) {
        // An origin that is no text is one that is not listed.
        Some(origin) => !origin::is_allowed(Some(origin.to_str().unwrap_or("null")), host(request.head()), &app.config),
        None => {
            request.headers().get("sec-fetch-site").is_some_and(|site| site == "cross-site")
                && !origin::allows_all(&app.config)
        }
    }
}

/// The outermost layer: counts and logs each request, and sees that every answer carries the headers and every failure,
/// the framework's own too, is a problem.
pub async fn watch(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let began = Instant::now();
    let app = request.app_data::<web::Data<App>>().cloned();
    let method = request.method().clone();
    if let Some(app) = &app {
        tell_of_unlisted_proxies(&request, app);
    }
    let mut response = as_problem(next.call(request).await?.map_into_boxed_body());
    if let Some(base_path) = app.as_ref().map(|app| app.config.base_path()).filter(|path| !path.is_empty()) {
        response = link_at(base_path, response);
    }
    add_headers(&mut response);
    let route = response.request().match_pattern().unwrap_or_else(|| "other".to_owned());
    let (status, took) = (response.status(), began.elapsed());
    if let Some(app) = app {
        app.metrics.observe(&method, &route, status, took);
    }
    let refused = response.response().error().and_then(|error| error.as_error::<Problem>());
    if let Some(problem) = refused.filter(|problem| problem.concerns_security())
        && let Ok(app) = caller::app(response.request())
    {
        // The keyed hash of the network, never the address.
        let network = (app.locate)(caller::address(response.request(), &app.config)).network.0;
        tracing::info!(code = problem.code, network, route, "refused");
    }
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    // Never the path or the query: both may hold what is nobody's business.
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        tracing::warn!(%method, route, status = status.as_u16(), ms, "request failed");
    } else {
        tracing::debug!(%method, route, status = status.as_u16(), ms, "request");
    }
    Ok(response)
}

fn tell_of_unlisted_proxies(request: &ServiceRequest, app: &App) {
    let peer = caller::peer(request.request());
    if let Some(header) = app.unlisted_proxy.first_sign(peer, request.headers(), &app.config) {
        // Not the address: the log holds none.
        tracing::warn!(
            header,
            "a peer that TRUSTED_PROXIES does not list says who is calling, and is not believed; if it is your proxy, list it"
        );
    }
}

fn as_problem(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    // What is a problem already, or a page of ours.
    let is_said = kind.is_some_and(|kind| kind == "application/problem+json" || kind.starts_with("text/html"));
    if !(status.is_client_error() || status.is_server_error()) || is_said {
        return response;
    }
    let problem = match status {
        StatusCode::NOT_FOUND => Problem::new(Code::NotFound, "There is nothing at this address."),
        StatusCode::METHOD_NOT_ALLOWED => {
            Problem::new(Code::MethodNotAllowed, "This address does not take this method.")
        }
        StatusCode::REQUEST_TIMEOUT => Problem::new(Code::TimeoutReached, "The request took too long to arrive."),
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(Code::TooLarge, "The request is too large."),
        status if status.is_client_error() => Problem::new(Code::BadRequest, "The request could not be read."),
        _ => Problem::new(Code::Internal, "Something went wrong on the server."),
    };
    let request = response.request().clone();
    ServiceResponse::new(request, problem.error_response())
}

/// Lets a problem lead to the page of errors at the path that the server is reached under.
fn link_at(base_path: &str, response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let problem = response.response().extensions().get::<Problem>().cloned();
    match problem.and_then(|problem| serde_json::to_vec(&problem.view(base_path)).ok()) {
        Some(json) => response.map_body(|_, _| BoxBody::new(json)),
        None => response,
    }
}

fn add_headers(response: &mut ServiceResponse<BoxBody>) {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, NO_STORE);
    }
}
