//! Rooms, who keeps order in them, and who is there.

use crate::app::App;
use crate::caller::{self, LoggedIn, MaybeCaller, RequestClient};
use crate::http::body::{self, Body, Query};
use crate::http::changes::{Changes, Fields};
use crate::http::extract::{self, At};
use crate::problem::Problem;
use crate::view::{self, RoomView, UserView};
use actix_web::{HttpResponse, web};
use domain::capability::Capability;
use domain::model::id::{RoomId, RoomUid};
use domain::service::reads::ReadCost;
use domain::service::rooms::RoomEdit;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A room.
#[derive(Serialize, ToSchema)]
struct RoomAnswer {
    /// It.
    room: RoomView,
}

/// Which rooms.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RoomList {
    /// Where to go on: the `next` of the page before.
    after: Option<i64>,
    /// How many at most, 1 to 100; 50 unless given.
    limit: Option<i64>,
}

/// Rooms, oldest first.
#[derive(Serialize, ToSchema)]
struct RoomsAnswer {
    /// A page of them.
    rooms: Vec<RoomView>,
    /// What to give as `after` for the next page; null at the end.
    next: Option<i64>,
}

/// The caller's own rooms; for administrators, all.
#[utoipa::path(get, path = "/rooms", tag = "rooms", security(("bearer" = [])), params(RoomList),
    responses((status = 200, body = RoomsAnswer)))]
pub async fn list(
    app: web::Data<App>,
    LoggedIn(caller): LoggedIn,
    Query(query): Query<RoomList>,
) -> Result<HttpResponse, Problem> {
    let limit = extract::limit(query.limit)?;
    let rooms = app.services.rooms.list(&caller, RoomId(query.after.unwrap_or(0)), limit).await?;
    let next = extract::next(&rooms, limit, |room| room.id.0);
    Ok(HttpResponse::Ok().json(RoomsAnswer { rooms: rooms.iter().map(view::room).collect(), next }))
}

/// A room to be made.
#[derive(Deserialize, ToSchema)]
pub struct NewRoom {
    /// 1 to 100 characters.
    name: String,
    /// Up to 500 characters.
    #[serde(default)]
    description: Option<String>,
    /// The uid of the site that it belongs to; for those who manage the site.
    #[serde(default)]
    site: Option<String>,
}

/// Makes a room that the caller owns.
#[utoipa::path(post, path = "/rooms", tag = "rooms", security(("bearer" = [])), request_body = NewRoom,
    responses((status = 201, body = RoomAnswer)))]
pub async fn create(
    app: web::Data<App>,
    LoggedIn(caller): LoggedIn,
    Body(body): Body<NewRoom>,
) -> Result<HttpResponse, Problem> {
    let description = body.description.unwrap_or_default();
    let room = app.services.rooms.create(&caller, &body.name, &description, body.site.as_deref()).await?;
    Ok(HttpResponse::Created().json(RoomAnswer { room: view::room(&room) }))
}

/// A room and its settings.
#[utoipa::path(get, path = "/rooms/{uid}", tag = "rooms", params(("uid" = String, Path)),
    responses((status = 200, body = RoomAnswer)))]
pub async fn read(
    app: web::Data<App>,
    MaybeCaller(caller): MaybeCaller,
    At(uid): At<RoomUid>,
) -> Result<HttpResponse, Problem> {
    let room = app.services.rooms.shown(caller.as_ref(), &uid).await?;
    Ok(HttpResponse::Ok().json(RoomAnswer { room: view::room(&room) }))
}

/// What shall change of a room; what is left out stays.
#[derive(Deserialize, ToSchema)]
pub struct RoomChanges {
    /// A new name, 1 to 100 characters.
    name: Option<String>,
    /// A new description, up to 500 characters.
    description: Option<String>,
    /// The least time between two messages of one author, 0 (off) to 86400 seconds.
    #[serde(alias = "slowMode")]
    slow_mode: Option<i64>,
    /// What may be written.
    rules: Option<RuleChanges>,
    /// `rules.max_length`, for forms.
    #[serde(alias = "maxLength")]
    max_length: Option<i64>,
    /// `rules.max_lines`, for forms.
    #[serde(alias = "maxLines")]
    max_lines: Option<i64>,
    /// `rules.read`, for forms.
    read: Option<String>,
    /// `rules.links`, for forms.
    #[serde(default, deserialize_with = "body::switch_or_none")]
    links: Option<bool>,
    /// Sites whose pages may frame the chat, such as `https://example.org`, `https://*.example.org` or
    /// `http://localhost:3000`; at most 20, and any when the list is empty. In a form, by comma.
    #[serde(default, alias = "allowedSites", deserialize_with = "body::list")]
    allowed_sites: Option<Vec<String>>,
    /// The uid of the site that it belongs to from now on, for those who manage that and the present one; empty or null takes
    /// it out of its site, which whoever owns the room may.
    #[serde(default, deserialize_with = "body::text_or_null")]
    site: Option<String>,
}

impl Fields for RoomChanges {
    const FIELDS: &'static [&'static str] = &[
        "name",
        "description",
        "slow_mode",
        "rules.max_length",
        "rules.max_lines",
        "rules.links",
        "rules.read",
        "max_length",
        "max_lines",
        "links",
        "read",
        "allowed_sites",
        "site",
    ];
}

/// What shall change of a room's rules; what is left out stays.
#[derive(Default, Deserialize, ToSchema)]
struct RuleChanges {
    /// The longest message, 1 to 500 characters.
    #[serde(alias = "maxLength")]
    max_length: Option<i64>,
    /// The most lines of a message, 1 to 100; further ones are joined to the last.
    #[serde(alias = "maxLines")]
    max_lines: Option<i64>,
    /// Whether those below moderator may post links.
    links: Option<bool>,
    /// Who may read: `everyone`, or `members`: those with an account, and guests with a rank in the room.
    read: Option<String>,
}

/// Changes a room.
#[utoipa::path(patch, path = "/rooms/{uid}", tag = "rooms", security(("bearer" = [])), params(("uid" = String, Path)),
    request_body = RoomChanges, responses((status = 200, body = RoomAnswer)))]
pub async fn change(
    app: web::Data<App>,
    LoggedIn(caller): LoggedIn,
    At(uid): At<RoomUid>,
    Changes(body): Changes<RoomChanges>,
) -> Result<HttpResponse, Problem> {
    let rules = body.rules.unwrap_or_default();
    let edit = RoomEdit {
        name: body.name,
        description: body.description,
        slow_mode: body.slow_mode,
        max_length: rules.max_length.or(body.max_length),
        max_lines: rules.max_lines.or(body.max_lines),
        links: rules.links.or(body.links),
        readers: rules.read.or(body.read),
        frame_ancestors: body.allowed_sites,
        site: body.site,
    };
    let room = app.services.rooms.configure(&caller, &uid, edit).await?;
    Ok(HttpResponse::Ok().json(RoomAnswer { room: view::room(&room) }))
}

/// What the caller may in a room.
#[derive(Serialize, ToSchema)]
struct CapabilitiesAnswer {
    /// The room's uid.
    room: String,
    /// The caller's uid; null for whoever is not logged in.
    user: Option<String>,
    /// The rank that counts there: the higher of the one held everywhere and the one held in the room.
    rank: Option<&'static str>,
    /// Of `post`, `rename`, `delete_messages` (others'), `purge`, `clear`, `slow`, `timeout`, `ban`, `lift`, `pin`, `see_log`,
    /// `see_bans`, `settings`, `appoint`, `delete_room`; new words may come.
    capabilities: Vec<&'static str>,
}

/// What the caller may in a room, in general: what a window offers. Each act is asked again when it is done.
#[utoipa::path(get, path = "/rooms/{uid}/capabilities", tag = "rooms", security((), ("bearer" = [])),
    params(("uid" = String, Path)), responses((status = 200, body = CapabilitiesAnswer)))]
pub async fn capabilities(
    app: web::Data<App>,
    MaybeCaller(caller): MaybeCaller,
    At(uid): At<RoomUid>,
) -> Result<HttpResponse, Problem> {
    let abilities = app.services.rooms.abilities(caller.as_ref(), &uid).await?;
    Ok(HttpResponse::Ok().json(CapabilitiesAnswer {
        room: uid.to_string(),
        user: abilities.member.as_ref().map(|member| member.user.uid.to_string()),
        rank: abilities.member.as_ref().map(|member| member.rank().as_str()),
        capabilities: abilities.capabilities.into_iter().map(Capability::as_str).collect(),
    }))
}

/// Closes a room for ever.
#[utoipa::path(delete, path = "/rooms/{uid}", tag = "rooms", security(("bearer" = [])), params(("uid" = String, Path)),
    responses((status = 204)))]
pub async fn close(
    app: web::Data<App>,
    LoggedIn(caller): LoggedIn,
    At(uid): At<RoomUid>,
) -> Result<HttpResponse, Problem> {
    app.services.rooms.close(&caller, &uid).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Who is in a room now.
#[derive(Serialize, ToSchema)]
struct ViewersAnswer {
    /// How many connections.
    count: usize,
    /// Those who are logged in, at most 200.
    users: Vec<UserView>,
}

/// Who is in a room now, on all nodes that answer.
#[utoipa::path(get, path = "/rooms/{uid}/users", tag = "rooms", security((), ("bearer" = [])),
    params(("uid" = String, Path)), responses((status = 200, body = ViewersAnswer)))]
pub async fn viewers(
    app: web::Data<App>,
    RequestClient(client): RequestClient,
    MaybeCaller(caller): MaybeCaller,
    At(uid): At<RoomUid>,
) -> Result<HttpResponse, Problem> {
    let rooms = &app.services.rooms;
    let room = rooms.enter(caller.as_ref(), &uid).await?.room.id;
    let users = app.node.users_everywhere(room).await;
    caller::charge(&app, &client, caller.as_ref(), ReadCost::People(users.len()))?;
    let ranks = rooms.ranks(room, || users.iter().map(|user| user.id).collect()).await?;
    let users = users.iter().map(|user| view::user_in_room(user, ranks.of(user))).collect();
    Ok(HttpResponse::Ok().json(ViewersAnswer { count: app.node.presence.count(room), users }))
}

/// How many people a list of moderators is charged for, however many they are.
const MODERATORS_CHARGED: usize = 20;

/// Who keeps order in a room.
#[derive(Serialize, ToSchema)]
struct ModeratorsAnswer {
    /// Highest rank first.
    moderators: Vec<UserView>,
}

/// Who keeps order in a room: its owner and its moderators.
#[utoipa::path(get, path = "/rooms/{uid}/moderators", tag = "rooms", security((), ("bearer" = [])),
    params(("uid" = String, Path)),
    responses((status = 200, body = ModeratorsAnswer)))]
pub async fn moderators(
    app: web::Data<App>,
    RequestClient(client): RequestClient,
    MaybeCaller(caller): MaybeCaller,
    At(uid): At<RoomUid>,
) -> Result<HttpResponse, Problem> {
    caller::charge(&app, &client, None, ReadCost::People(MODERATORS_CHARGED))?;
    let moderators = app.services.rooms.moderators(caller.as_ref(), &uid).await?;
    Ok(HttpResponse::Ok().json(ModeratorsAnswer { moderators: moderators.iter().map(view::member).collect() }))
}
