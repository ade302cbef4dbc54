//! The HTTP border: a handler takes a request apart, calls one service and shows what came of it. No rule lives here.
//!
//! Every failure is `application/problem+json`. [`routes`] is the whole list; the document of the API is made from the
//! same list, so that neither can be without the other.

pub mod accounts;
mod base_path;
pub mod body;
mod bounds;
pub mod changes;
pub mod connections;
pub mod extract;
pub mod layers;
pub mod messages;
pub mod meta;
pub mod moderation;
pub mod openapi;
pub mod rooms;
pub mod sites;

use crate::problem::method_not_allowed;
use crate::{app, assets, realtime};
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, Route, guard, web};
use utoipa::OpenApi;

macro_rules! routes {
    ($($path:literal { $($method:ident $module:ident::$handler:ident),+ })+) => {
        /// Every path with its methods.
        pub const ROUTES: &[(&str, &[&str])] = &[$(($path, &[$(stringify!($method)),+])),+];

        /// Puts every path in its place.
        pub fn routes(cfg: &mut web::ServiceConfig) {
            // They are tried in this order, and after a failure everybody opens a socket.
            let sockets = web::resource("/ws").route(web::get().to(realtime::socket::open));
            cfg.service(sockets.default_service(other_methods(&["GET"])));
            $(
                let resource = web::resource($path).default_service(other_methods(&[$(stringify!($method)),+]));
                $(let resource = resource.route(on(Method::$method).to($module::$handler));)+
                cfg.service(resource);
            )+
            cfg.default_service(web::to(assets::serve));
        }

        /// The same list as an OpenAPI document; [`openapi::document`] completes it.
        #[derive(OpenApi)]
        #[openapi(paths($($($module::$handler),+),+))]
        struct Paths;
    };
}

routes! {
    "/users" { GET accounts::list }
    "/users/register" { POST accounts::register }
    "/users/login" { POST accounts::login }
    "/users/logout" { POST accounts::logout }
    "/me" { GET accounts::me, PATCH accounts::change_me }
    "/me/token" { POST accounts::renew }
    "/users/{uid}/rooms" { GET accounts::rooms }
    "/users/{uid}" { GET accounts::read, PATCH accounts::change, DELETE accounts::delete }
    "/users/{uid}/mod" { POST moderation::make_moderator }
    "/users/{uid}/unmod" { POST moderation::unmake_moderator }
    "/users/{uid}/vip" { POST moderation::mark_vip }
    "/users/{uid}/unvip" { POST moderation::unmark_vip }
    "/rooms" { GET rooms::list, POST rooms::create }
    "/rooms/{uid}" { GET rooms::read, PATCH rooms::change, DELETE rooms::close }
    "/rooms/{uid}/capabilities" { GET rooms::capabilities }
    "/rooms/{uid}/messages" { GET messages::history, DELETE messages::purge }
    "/rooms/{uid}/users" { GET rooms::viewers }
    "/rooms/{uid}/users/{user}" { GET moderation::card }
    "/rooms/{uid}/moderators" { GET rooms::moderators }
    "/rooms/{uid}/bans" { GET moderation::room_bans }
    "/rooms/{uid}/log" { GET moderation::log }
    "/sites" { GET sites::list, POST sites::create }
    "/sites/{uid}" { GET sites::read, PATCH sites::change, DELETE sites::delete }
    "/sites/{uid}/keys" { GET sites::keys, POST sites::add_key }
    "/sites/{uid}/keys/{kid}" { GET sites::key, DELETE sites::delete_key }
    "/sites/{uid}/users/{sub}" { GET sites::user, DELETE sites::delete_user }
    "/sites/{uid}/users/{sub}/logout" { POST sites::log_out }
    "/messages" { POST messages::post }
    "/messages/{id}" { GET messages::read, DELETE messages::delete }
    "/messages/{id}/pin" { POST moderation::pin, DELETE moderation::unpin }
    "/commands" { GET messages::commands }
    "/bans" { GET moderation::bans, POST moderation::ban }
    "/unban" { POST moderation::unban }
    "/connections" { GET connections::list }
    "/connections/{id}" { DELETE connections::close }
    "/websocket" { GET connections::ticket }
    "/random" { GET accounts::random }
    "/health/live" { GET meta::live }
    "/health/ready" { GET meta::ready }
    "/version" { GET meta::version }
    "/openapi.json" { GET meta::document }
}

/// The whole application of a worker: routes, pages, and the layers around them.
pub fn app(
    data: web::Data<app::App>,
) -> actix_web::App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    // The last layer is the outermost.
    let cors = layers::cors(data.clone());
    actix_web::App::new()
        .app_data(data)
        .configure(routes)
        .wrap(from_fn(base_path::strip_base_path))
        .wrap(cors)
        .wrap(from_fn(layers::refuse_foreign_pages))
        .wrap(from_fn(layers::watch))
}

/// A route for one method; whatever is read may also be asked for by its headers alone.
fn on(method: Method) -> Route {
    if method == Method::GET {
        return web::route().guard(guard::Any(guard::Get()).or(guard::Head()));
    }
    web::method(method)
}

/// What a path answers to methods that it does not have.
fn other_methods(methods: &'static [&'static str]) -> Route {
    web::to(move |request: HttpRequest| async move { method_not_allowed(&request, methods) })
}
