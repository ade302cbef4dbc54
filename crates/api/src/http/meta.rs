//! About the server itself.

use crate::app::App;
use crate::health;
use crate::http::openapi;
use crate::problem::{Code, Problem};
use actix_web::{HttpResponse, web};
use domain::ports::store::StoreError;
use domain::service::error::Error;
use serde::Serialize;
use utoipa::ToSchema;

/// That all is well, and no more than that.
#[derive(Serialize, ToSchema)]
struct HealthAnswer {
    /// `ok`.
    status: &'static str,
}

/// Whether the process runs.
#[utoipa::path(get, path = "/health/live", tag = "server", responses((status = 200, body = HealthAnswer)))]
pub async fn live() -> HttpResponse {
    HttpResponse::Ok().json(HealthAnswer { status: "ok" })
}

/// Whether the server can do its work: the database answers, its disk is not full, and the server is not about to stop.
#[utoipa::path(get, path = "/health/ready", tag = "server", responses((status = 200, body = HealthAnswer)))]
pub async fn ready(app: web::Data<App>) -> Result<HttpResponse, Problem> {
    if app.node.is_draining() {
        return Err(Problem::new(Code::Draining, "The server is about to stop."));
    }
    match health::check(&*app.health).await {
        Ok(()) => Ok(live().await),
        Err(error @ StoreError::StorageFull { .. }) => Err(Error::from(error).into()),
        Err(_) => Err(Problem::new(Code::Busy, "The database does not answer.")),
    }
}

/// What runs here.
#[derive(Serialize, ToSchema)]
struct VersionAnswer {
    /// `banter`.
    name: &'static str,
    /// Its version.
    version: &'static str,
    /// The node that answers.
    node: String,
}

/// What runs here.
#[utoipa::path(get, path = "/version", tag = "server", responses((status = 200, body = VersionAnswer)))]
pub async fn version(app: web::Data<App>) -> HttpResponse {
    let (version, node) = (env!("CARGO_PKG_VERSION"), app.node.name.to_string());
    HttpResponse::Ok().json(VersionAnswer { name: "banter", version, node })
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "server",
    responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
pub async fn document(app: web::Data<App>) -> HttpResponse {
    HttpResponse::Ok().json(openapi::document_at(app.config.base_path()))
}
