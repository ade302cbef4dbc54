//! Logging in and being somebody.

use crate::app::App;
use crate::caller::{self, LoggedIn, RequestClient};
use crate::http::body::{self, Body, Query};
use crate::http::changes::{Changes, Fields};
use crate::http::extract::{self, At};
use crate::problem::{Code, Problem};
use crate::view::{self, UserView};
use actix_web::{HttpResponse, web};
use domain::model::id::{UserId, UserUid};
use domain::model::rank::Rank;
use domain::model::room::Room;
use domain::model::text::Invalid;
use domain::model::user::{SITE_ROLE, User};
use domain::service::accounts::{Login, Profile};
use domain::service::error::Error;
use domain::service::reads::ReadCost;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A user.
#[derive(Serialize, ToSchema)]
pub struct UserAnswer {
    /// Who.
    pub user: UserView,
}

/// A login.
#[derive(Serialize, ToSchema)]
pub struct LoginAnswer {
    /// Who.
    user: UserView,
    /// What proves it: `Authorization: Bearer TOKEN`.
    token: String,
}

impl From<Login> for LoginAnswer {
    fn from(login: Login) -> LoginAnswer {
        LoginAnswer { user: view::user(&login.user), token: login.token }
    }
}

/// A name and a password.
#[derive(Deserialize, ToSchema)]
pub struct Credentials {
    /// 3 to 24 of A-Z, a-z, 0-9, _ and -.
    username: String,
    /// 8 to 256 bytes.
    password: String,
}

/// Makes a registered user and logs in.
#[utoipa::path(post, path = "/users/register", tag = "users", request_body = Credentials,
    responses((status = 201, body = LoginAnswer)))]
pub async fn register(
    app: web::Data<App>,
    RequestClient(client): RequestClient,
    Body(body): Body<Credentials>,
) -> Result<HttpResponse, Problem> {
    let login = app.services.accounts.register(&body.username, &body.password, &client).await?;
    Ok(HttpResponse::Created().json(LoginAnswer::from(login)))
}

/// A name and a password, or `{"guest": 1}`.
#[derive(Deserialize, ToSchema)]
pub struct LoginRequest {
    /// The name, for those who registered.
    username: Option<String>,
    /// The password.
    password: Option<String>,
    /// 1 or true to come as a guest.
    #[serde(default, deserialize_with = "body::switch")]
    guest: bool,
}

/// Logs in by password, or as a guest.
#[utoipa::path(post, path = "/users/login", tag = "users", request_body = LoginRequest,
    responses((status = 200, body = LoginAnswer)))]
pub async fn login(
    app: web::Data<App>,
    RequestClient(client): RequestClient,
    Body(body): Body<LoginRequest>,
) -> Result<HttpResponse, Problem> {
    let accounts = &app.services.accounts;
    let login = if body.guest {
        accounts.guest(&client).await?
    } else {
        let username = given(body.username, "username")?;
        let password = given(body.password, "password")?;
        accounts.login(&username, &password, &client).await?
    };
    Ok(HttpResponse::Ok().json(LoginAnswer::from(login)))
}

fn given(value: Option<String>, field: &str) -> Result<String, Problem> {
    value.ok_or_else(|| Problem::new(Code::BadRequest, format!("{field} is missing")).field(field))
}

/// Ends the login everywhere: its token is dead, its sockets close.
#[utoipa::path(post, path = "/users/logout", tag = "users", security(("bearer" = [])), responses((status = 204)))]
pub async fn logout(app: web::Data<App>, LoggedIn(caller): LoggedIn) -> Result<HttpResponse, Problem> {
    app.services.accounts.logout(&caller).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Who the token names.
#[utoipa::path(get, path = "/me", tag = "users", security(("bearer" = [])),
    responses((status = 200, body = UserAnswer)))]
pub async fn me(LoggedIn(caller): LoggedIn) -> HttpResponse {
    HttpResponse::Ok().json(UserAnswer { user: view::user(&caller.user) })
}

/// A token.
#[derive(Serialize, ToSchema)]
struct TokenAnswer {
    /// The new token, for the same login.
    token: String,
    /// Who.
    user: UserView,
}

/// Gives a fresh token for the same login, good for another 30 days.
#[utoipa::path(post, path = "/me/token", tag = "users", security(("bearer" = [])),
    responses((status = 200, body = TokenAnswer)))]
pub async fn renew(app: web::Data<App>, LoggedIn(caller): LoggedIn) -> Result<HttpResponse, Problem> {
    let token = app.services.accounts.renew(&caller).await?;
    Ok(HttpResponse::Ok().json(TokenAnswer { token, user: view::user(&caller.user) }))
}

/// What everybody may know of a user.
#[utoipa::path(get, path = "/users/{uid}", tag = "users", params(("uid" = String, Path)),
    responses((status = 200, body = UserAnswer)))]
pub async fn read(app: web::Data<App>, At(uid): At<UserUid>) -> Result<HttpResponse, Problem> {
    let user = app.services.accounts.user(&uid).await?;
    Ok(HttpResponse::Ok().json(UserAnswer { user: view::user(&user) }))
}

/// What shall change of a user; what is left out stays.
#[derive(Deserialize, ToSchema)]
pub struct UserChanges {
    /// A new display name, 1 to 32 characters.
    #[serde(alias = "displayName")]
    display_name: Option<String>,
    /// Address of a picture, with https: or a path; empty or null takes it away.
    #[serde(default, deserialize_with = "body::text_or_null")]
    picture: Option<String>,
    /// The rank that shall hold everywhere: `[]`, `["super_mod"]` or `["admin"]`.
    #[serde(default, deserialize_with = "body::list")]
    roles: Option<Vec<String>>,
    /// A new password; all other logins end.
    password: Option<String>,
    /// The password until now: needed to change one's own.
    #[serde(alias = "currentPassword")]
    current_password: Option<String>,
}

impl Fields for UserChanges {
    const FIELDS: &'static [&'static str] = &["display_name", "picture", "roles", "password", "current_password"];
}

impl UserChanges {
    fn profile(self) -> Result<Profile, Problem> {
        Ok(Profile {
            display_name: self.display_name,
            picture: self.picture,
            password: self.password,
            current_password: self.current_password,
            rank: self.roles.map(|roles| rank(&roles)).transpose()?,
        })
    }
}

/// The rank that a list of roles means. `registered` and `site` stand in lists that we show, so they may stand in theirs.
fn rank(roles: &[String]) -> Result<Rank, Problem> {
    let shown = [Rank::Registered.as_str(), SITE_ROLE];
    let mut ranks = roles.iter().filter(|role| !shown.contains(&role.as_str())).map(|role| Rank::parse(role));
    match (ranks.next(), ranks.next()) {
        (None, _) => Ok(Rank::Registered),
        (Some(Some(rank)), None) => Ok(rank),
        _ => Err(Error::from(Invalid::new("roles", "must be [], [\"super_mod\"] or [\"admin\"]")).into()),
    }
}

/// Changes the caller.
#[utoipa::path(patch, path = "/me", tag = "users", security(("bearer" = [])), request_body = UserChanges,
    responses((status = 200, body = UserAnswer)))]
pub async fn change_me(
    app: web::Data<App>,
    LoggedIn(caller): LoggedIn,
    Changes(body): Changes<UserChanges>,
) -> Result<HttpResponse, Problem> {
    let user = app.services.accounts.change(&caller, &caller.user.uid, body.profile()?).await?;
    Ok(HttpResponse::Ok().json(UserAnswer { user: view::user(&user) }))
}

/// Changes a user: oneself, or as admin somebody below.
#[utoipa::path(patch, path = "/users/{uid}", tag = "users", security(("bearer" = [])), params(("uid" = String, Path)),
    request_body = UserChanges, responses((status = 200, body = UserAnswer)))]
pub async fn change(
    app: web::Data<App>,
    LoggedIn(caller): LoggedIn,
    At(uid): At<UserUid>,
    Changes(body): Changes<UserChanges>,
) -> Result<HttpResponse, Problem> {
    let user = app.services.accounts.change(&caller, &uid, body.profile()?).await?;
    Ok(HttpResponse::Ok().json(UserAnswer { user: view::user(&user) }))
}

/// Erases a user: oneself, or as admin somebody below. The messages stay, under "deleted user"; the names are given to nobody
/// else for 90 days. Rooms that the user owns pass to the moderator whose account is the oldest, or close where there is none:
/// `GET /users/{uid}/rooms` says it beforehand.
#[utoipa::path(delete, path = "/users/{uid}", tag = "users", security(("bearer" = [])), params(("uid" = String, Path)),
    responses((status = 204)))]
pub async fn delete(
    app: web::Data<App>,
    LoggedIn(caller): LoggedIn,
    At(uid): At<UserUid>,
) -> Result<HttpResponse, Problem> {
    app.services.accounts.delete(&caller, &uid).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// What becomes of a room when its owner's account is deleted.
#[derive(Serialize, ToSchema)]
pub struct HandOver {
    /// The room's uid.
    uid: String,
    /// Its name.
    name: String,
    /// Who owns it then; null when it closes.
    next_owner: Option<view::UserView>,
}

/// Rooms that a user owns.
#[derive(Serialize, ToSchema)]
pub struct HandOverAnswer {
    rooms: Vec<HandOver>,
}

/// The rooms that a user owns, and what becomes of each when the account is deleted. For the user, and for admins.
#[utoipa::path(get, path = "/users/{uid}/rooms", tag = "users", security(("bearer" = [])), params(("uid" = String, Path)),
    responses((status = 200, body = HandOverAnswer)))]
pub async fn rooms(
    app: web::Data<App>,
    RequestClient(client): RequestClient,
    LoggedIn(caller): LoggedIn,
    At(uid): At<UserUid>,
) -> Result<HttpResponse, Problem> {
    let rooms = app.services.accounts.rooms_to_hand_over(&caller, &uid).await?;
    caller::charge(&app, &client, Some(&caller), ReadCost::People(rooms.len()))?;
    let line = |(room, next): (Room, Option<User>)| HandOver {
        uid: room.uid.to_string(),
        name: room.name.as_str().to_owned(),
        next_owner: next.as_ref().map(view::user),
    };
    Ok(HttpResponse::Ok().json(HandOverAnswer { rooms: rooms.into_iter().map(line).collect() }))
}

/// Which users.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UserList {
    /// A part of their names.
    search: Option<String>,
    /// Where to go on: the `next` of the page before.
    after: Option<i64>,
    /// How many at most, 1 to 100; 50 unless given.
    limit: Option<i64>,
}

/// Users, oldest first.
#[derive(Serialize, ToSchema)]
struct UsersAnswer {
    /// A page of them.
    users: Vec<UserView>,
    /// What to give as `after` for the next page; null at the end.
    next: Option<i64>,
}

/// All users, for administrators.
#[utoipa::path(get, path = "/users", tag = "users", security(("bearer" = [])), params(UserList),
    responses((status = 200, body = UsersAnswer)))]
pub async fn list(
    app: web::Data<App>,
    RequestClient(client): RequestClient,
    LoggedIn(caller): LoggedIn,
    Query(query): Query<UserList>,
) -> Result<HttpResponse, Problem> {
    let limit = extract::limit(query.limit)?;
    caller::charge(&app, &client, Some(&caller), ReadCost::People(limit))?;
    let after = UserId(query.after.unwrap_or(0));
    let users = app.services.accounts.list(&caller, query.search.as_deref(), after, limit).await?;
    let next = extract::next(&users, limit, |user| user.id.0);
    Ok(HttpResponse::Ok().json(UsersAnswer { users: users.iter().map(view::user).collect(), next }))
}

/// A name and a password.
#[derive(Serialize, ToSchema)]
struct SuggestionAnswer {
    /// A username that is free now.
    name: String,
    /// A strong password, told to nobody else.
    password: String,
}

/// Suggests a free username and a strong password. Nothing is made.
#[utoipa::path(get, path = "/random", tag = "users", responses((status = 200, body = SuggestionAnswer)))]
pub async fn random(app: web::Data<App>) -> Result<HttpResponse, Problem> {
    let suggestion = app.services.accounts.suggest().await?;
    Ok(HttpResponse::Ok().json(SuggestionAnswer { name: suggestion.name, password: suggestion.password }))
}
