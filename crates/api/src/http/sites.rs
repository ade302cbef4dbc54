//! Web sites whose rooms belong together, and the keys that they sign tokens with.

use crate::app::App;
use crate::caller::LoggedIn;
use crate::http::body::{self, Body, Query};
use crate::http::changes::{Changes, Fields};
use crate::http::extract::{self, At, Named};
use crate::problem::Problem;
use crate::view::{self, KeyView, SiteView, UserView};
use actix_web::{HttpResponse, web};
use domain::model::id::{SiteId, SiteUid};
use domain::model::rank::Rank;
use domain::model::site_key::Kid;
use domain::service::sites::{KeyRequest, SiteEdit};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A site.
#[derive(Serialize, ToSchema)]
struct SiteAnswer {
    /// It.
    site: SiteView,
}

/// Which sites.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SiteList {
    /// Where to go on: the `next` of the page before.
    after: Option<i64>,
    /// How many at most, 1 to 100; 50 unless given.
    limit: Option<i64>,
}

/// Sites, oldest first.
#[derive(Serialize, ToSchema)]
struct SitesAnswer {
    /// A page of them.
    sites: Vec<SiteView>,
    /// What to give as `after` for the next page; null at the end.
    next: Option<i64>,
}

/// The caller's own sites; for administrators, all.
#[utoipa::path(get, path = "/sites", tag = "sites", security(("bearer" = [])), params(SiteList),
    responses((status = 200, body = SitesAnswer)))]
pub async fn list(
    app: web::Data<App>,
    LoggedIn(caller): LoggedIn,
    Query(query): Query<SiteList>,
) -> Result<HttpResponse, Problem> {
    let limit = extract::limit(query.limit)?;
    let sites = app.services.sites.list(&caller, SiteId(query.after.unwrap_or(0)), limit).await?;
    let next = extract::next(&sites, limit, |site| site.id.0);
    Ok(HttpResponse::Ok().json(SitesAnswer { sites: sites.iter().map(view::site).collect(), next }))
}

/// A site to be made.
#[derive(Deserialize, ToSchema)]
pub struct NewSite {
    /// 1 to 100 characters.
    name: String,
    /// Whose pages may frame the chat of its rooms, such as `https://example.org`, `https://*.example.org` or
    /// `http://localhost:3000`; at most 20. In a form, by comma.
    #[serde(default, deserialize_with = "body::list")]
    origins: Option<Vec<String>>,
}

/// Makes a site that the caller owns. The setting SITE_CREATION says who may.
#[utoipa::path(post, path = "/sites", tag = "sites", security(("bearer" = [])), request_body = NewSite,
    responses((status = 201, body = SiteAnswer)))]
pub async fn create(
    app: web::Data<App>,
    LoggedIn(caller): LoggedIn,
    Body(body): Body<NewSite>,
) -> Result<HttpResponse, Problem> {
    let site = app.services.sites.create(&caller, &body.name, &body.origins.unwrap_or_default()).await?;
    Ok(HttpResponse::Created().json(SiteAnswer { site: view::site(&site) }))
}

/// A site, for its owner and for administrators.
#[utoipa::path(get, path = "/sites/{uid}", tag = "sites", security(("bearer" = [])), params(("uid" = String, Path)),
    responses((status = 200, body = SiteAnswer)))]
pub async fn read(
    app: web::Data<App>,
    LoggedIn(caller): LoggedIn,
    At(uid): At<SiteUid>,
) -> Result<HttpResponse, Problem> {
    let site = app.services.sites.site(&caller, &uid).await?;
    Ok(HttpResponse::Ok().json(SiteAnswer { site: view::site(&site) }))
}

/// What shall change of a site; what is left out stays.
#[derive(Deserialize, ToSchema)]
pub struct SiteChanges {
    /// A new name, 1 to 100 characters.
    name: Option<String>,
    /// Whose pages may frame the chat of its rooms; at most 20. In a form, by comma.
    #[serde(default, deserialize_with = "body::list")]
    origins: Option<Vec<String>>,
}

impl Fields for SiteChanges {
    const FIELDS: &'static [&'static str] = &["name", "origins"];
}

/// Changes a site.
#[utoipa::path(patch, path = "/sites/{uid}", tag = "sites", security(("bearer" = [])), params(("uid" = String, Path)),
    request_body = SiteChanges, responses((status = 200, body = SiteAnswer)))]
pub async fn change(
    app: web::Data<App>,
    LoggedIn(caller): LoggedIn,
    At(uid): At<SiteUid>,
    Changes(body): Changes<SiteChanges>,
) -> Result<HttpResponse, Problem> {
    let edit = SiteEdit { name: body.name, origins: body.origins };
    let site = app.services.sites.change(&caller, &uid, edit).await?;
    Ok(HttpResponse::Ok().json(SiteAnswer { site: view::site(&site) }))
}

/// Deletes a site for ever: what its keys signed ends, and its rooms belong to no site.
#[utoipa::path(delete, path = "/sites/{uid}", tag = "sites", security(("bearer" = [])), params(("uid" = String, Path)),
    responses((status = 204)))]
pub async fn delete(
    app: web::Data<App>,
    LoggedIn(caller): LoggedIn,
    At(uid): At<SiteUid>,
) -> Result<HttpResponse, Problem> {
    app.services.sites.delete(&caller, &uid).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A key to be made.
#[derive(Deserialize, ToSchema)]
pub struct NewKey {
    /// `secret`, for one that the server makes up and both sides have (HS256), or `public`, for one whose private half the site
    /// keeps (EdDSA, ES256 or RS256, as the key is).
    kind: String,
    /// The public key, in PEM or as JWK: on Ed25519 or P-256, or RSA of 2048 bits or more. For kind `public` only.
    #[serde(default, alias = "publicKey")]
    public_key: Option<String>,
    /// A name for people, up to 100 characters.
    #[serde(default)]
    name: Option<String>,
}

/// A key that was just made.
#[derive(Serialize, ToSchema)]
struct NewKeyAnswer {
    /// The key.
    key: KeyView,
    /// The secret, for kind `secret`: shown now and never again. Its characters are the key, as they are: base64url that is not
    /// to be decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// Makes a key that tokens of the site may be signed with, beside those that there are, at most 20.
#[utoipa::path(post, path = "/sites/{uid}/keys", tag = "sites", security(("bearer" = [])),
    params(("uid" = String, Path)), request_body = NewKey, responses((status = 201, body = NewKeyAnswer)))]
pub async fn add_key(
    app: web::Data<App>,
    LoggedIn(caller): LoggedIn,
    At(uid): At<SiteUid>,
    Body(body): Body<NewKey>,
) -> Result<HttpResponse, Problem> {
    let request = KeyRequest { kind: body.kind, public_key: body.public_key, name: body.name };
    let made = app.services.sites.add_key(&caller, &uid, request).await?;
    Ok(HttpResponse::Created().json(NewKeyAnswer { key: view::site_key(&made.key), secret: made.secret }))
}

/// The keys of a site.
#[derive(Serialize, ToSchema)]
struct KeysAnswer {
    /// Oldest first.
    keys: Vec<KeyView>,
}

/// The keys of a site, without what they sign with.
#[utoipa::path(get, path = "/sites/{uid}/keys", tag = "sites", security(("bearer" = [])),
    params(("uid" = String, Path)), responses((status = 200, body = KeysAnswer)))]
pub async fn keys(
    app: web::Data<App>,
    LoggedIn(caller): LoggedIn,
    At(uid): At<SiteUid>,
) -> Result<HttpResponse, Problem> {
    let keys = app.services.sites.keys(&caller, &uid).await?;
    Ok(HttpResponse::Ok().json(KeysAnswer { keys: keys.iter().map(view::site_key).collect() }))
}

/// A key.
#[derive(Serialize, ToSchema)]
struct KeyAnswer {
    /// It.
    key: KeyView,
}

/// A key of a site, without what it signs with.
#[utoipa::path(get, path = "/sites/{uid}/keys/{kid}", tag = "sites", security(("bearer" = [])),
    params(("uid" = String, Path), ("kid" = String, Path)), responses((status = 200, body = KeyAnswer)))]
pub async fn key(
    app: web::Data<App>,
    LoggedIn(caller): LoggedIn,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (site, kid) = (SiteUid::named(&path.0)?, Kid::named(&path.1)?);
    let key = app.services.sites.key(&caller, &site, &kid).await?;
    Ok(HttpResponse::Ok().json(KeyAnswer { key: view::site_key(&key) }))
}

/// Deletes a key: what it signed ends within a second.
#[utoipa::path(delete, path = "/sites/{uid}/keys/{kid}", tag = "sites", security(("bearer" = [])),
    params(("uid" = String, Path), ("kid" = String, Path)), responses((status = 204)))]
pub async fn delete_key(
    app: web::Data<App>,
    LoggedIn(caller): LoggedIn,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (site, kid) = (SiteUid::named(&path.0)?, Kid::named(&path.1)?);
    app.services.sites.delete_key(&caller, &site, &kid).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Whom a site calls so.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SiteUserAnswer {
    /// Who, with the role `site`.
    user: UserView,
    /// `vip`, `mod` or `owner` where the newest token gives that role; null otherwise.
    role: Option<&'static str>,
    /// When the newest token was issued that was seen, ms.
    issued_at: i64,
}

/// The user whom the site calls so (`sub`), for its owner and for administrators. There is none before the first token is used.
#[utoipa::path(get, path = "/sites/{uid}/users/{sub}", tag = "sites", security(("bearer" = [])),
    params(("uid" = String, Path), ("sub" = String, Path)), responses((status = 200, body = SiteUserAnswer)))]
pub async fn user(
    app: web::Data<App>,
    LoggedIn(caller): LoggedIn,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let known = app.services.sites.user(&caller, &SiteUid::named(&path.0)?, &path.1).await?;
    let role = known.user.site.as_ref().and_then(|membership| membership.rank).map(Rank::as_str);
    let (user, issued_at) = (view::user(&known.user), known.issued_at.0);
    Ok(HttpResponse::Ok().json(SiteUserAnswer { user, role, issued_at }))
}

/// Ends all logins of whom the site calls so: tokens that were issued until now are refused, used before or not, and sockets
/// close.
#[utoipa::path(post, path = "/sites/{uid}/users/{sub}/logout", tag = "sites", security(("bearer" = [])),
    params(("uid" = String, Path), ("sub" = String, Path)), responses((status = 204)))]
pub async fn log_out(
    app: web::Data<App>,
    LoggedIn(caller): LoggedIn,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    app.services.sites.log_out(&caller, &SiteUid::named(&path.0)?, &path.1).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Erases the user whom the site calls so, as an account is erased: the messages stay, under "deleted user". Tokens issued until
/// now are refused; a later one makes somebody new.
#[utoipa::path(delete, path = "/sites/{uid}/users/{sub}", tag = "sites", security(("bearer" = [])),
    params(("uid" = String, Path), ("sub" = String, Path)), responses((status = 204)))]
pub async fn delete_user(
    app: web::Data<App>,
    LoggedIn(caller): LoggedIn,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    app.services.sites.delete_user(&caller, &SiteUid::named(&path.0)?, &path.1).await?;
    Ok(HttpResponse::NoContent().finish())
}
