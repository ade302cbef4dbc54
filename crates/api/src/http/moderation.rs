//! Bans, timeouts, ranks in a room, and the log of what was done.

use crate::app::App;
use crate::caller::{LoggedIn, MaybeCaller};
use crate::http::accounts::UserAnswer;
use crate::http::body::{self, Body, Query};
use crate::http::extract::{self, At, Named, Page};
use crate::http::messages::MessageAnswer;
use crate::problem::Problem;
use crate::view::{self, BanView, LogView, MessageView, UserView};
use actix_web::{HttpResponse, web};
use domain::capability::Capability;
use domain::model::event::ModerationAction;
use domain::model::id::{MessageId, RoomUid, Seq, UserUid};
use domain::model::sanction::SanctionKind;
use domain::model::text::{Invalid, Reason};
use domain::model::time::Duration;
use domain::service::Caller;
use domain::service::error::Error;
use domain::service::moderation::SanctionRequest;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A room.
#[derive(Deserialize, ToSchema)]
pub struct InRoom {
    /// The room's uid.
    room: String,
}

async fn appoint(
    app: &App,
    caller: &Caller,
    user: &UserUid,
    body: &InRoom,
    action: ModerationAction,
) -> Result<HttpResponse, Problem> {
    let room = RoomUid::named(&body.room)?;
    let member = app.services.rooms.appoint(caller, &room, user, action).await?;
    Ok(HttpResponse::Ok().json(UserAnswer { user: view::member(&member) }))
}

macro_rules! appointments {
    ($($(#[doc = $doc:literal])+ $handler:ident $path:literal $action:ident;)+) => {$(
        $(#[doc = $doc])+
        #[utoipa::path(post, path = $path, tag = "moderation", security(("bearer" = [])),
            params(("uid" = String, Path)), request_body = InRoom, responses((status = 200, body = UserAnswer)))]
        pub async fn $handler(
            app: web::Data<App>,
            LoggedIn(caller): LoggedIn,
            At(uid): At<UserUid>,
            Body(body): Body<InRoom>,
        ) -> Result<HttpResponse, Problem> {
            appoint(&app, &caller, &uid, &body, ModerationAction::$action).await
        }
    )+};
}

appointments! {
    /// Makes a moderator of a room.
    make_moderator "/users/{uid}/mod" Mod;
    /// Removes a moderator.
    unmake_moderator "/users/{uid}/unmod" Unmod;
    /// Marks a VIP of a room.
    mark_vip "/users/{uid}/vip" Vip;
    /// Removes the VIP mark.
    unmark_vip "/users/{uid}/unvip" Unvip;
}

/// Bans and timeouts in force.
#[derive(Serialize, ToSchema)]
struct BansAnswer {
    /// Latest first.
    bans: Vec<BanView>,
    /// What to give as `before` for the next page; null at the end.
    next: Option<i64>,
}

/// Which bans.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct BanList {
    /// The room's uid; without it, those that hold everywhere.
    room: Option<String>,
    /// Where to go on: the `next` of the page before.
    before: Option<i64>,
    /// How many at most, 1 to 100; 50 unless given.
    limit: Option<i64>,
}

/// Bans and timeouts in force in a room, or everywhere.
#[utoipa::path(get, path = "/bans", tag = "moderation", security(("bearer" = [])), params(BanList),
    responses((status = 200, body = BansAnswer)))]
pub async fn bans(
    app: web::Data<App>,
    LoggedIn(caller): LoggedIn,
    Query(query): Query<BanList>,
) -> Result<HttpResponse, Problem> {
    let room = query.room.as_deref().map(RoomUid::named).transpose()?;
    in_force(&app, &caller, room.as_ref(), query.before, extract::limit(query.limit)?).await
}

/// Bans and timeouts in force in a room.
#[utoipa::path(get, path = "/rooms/{uid}/bans", tag = "moderation", security(("bearer" = [])),
    params(("uid" = String, Path), Page), responses((status = 200, body = BansAnswer)))]
pub async fn room_bans(
    app: web::Data<App>,
    LoggedIn(caller): LoggedIn,
    At(uid): At<RoomUid>,
    Query(page): Query<Page>,
) -> Result<HttpResponse, Problem> {
    in_force(&app, &caller, Some(&uid), page.before, page.limit()?).await
}

async fn in_force(
    app: &App,
    caller: &Caller,
    room: Option<&RoomUid>,
    before: Option<i64>,
    limit: usize,
) -> Result<HttpResponse, Problem> {
    let lines = app.services.moderation.sanctions(caller, room, before, limit).await?;
    let next = extract::next(&lines, limit, |line| line.sanction.id.0);
    let bans = lines.iter().map(|line| view::ban(line, room.map(RoomUid::as_str))).collect();
    Ok(HttpResponse::Ok().json(BansAnswer { bans, next }))
}

/// A ban or timeout to be given.
#[derive(Deserialize, ToSchema)]
pub struct NewBan {
    /// The user's uid.
    user: String,
    /// The room's uid; without it, it holds everywhere.
    room: Option<String>,
    /// `90s`, `10m`, `1h30m`, `2d`, `1w`, `perm`, or a number of seconds; for ever unless given.
    #[serde(default, deserialize_with = "body::text_or_number")]
    duration: Option<String>,
    /// Why, for moderators; up to 500 characters.
    reason: Option<String>,
    /// `ban` (unless given) or `timeout`.
    kind: Option<String>,
    /// Whether it holds for the network where the user was last seen as well; for guests it always does.
    #[serde(default, deserialize_with = "body::switch_or_none")]
    network: Option<bool>,
}

impl NewBan {
    fn request(&self) -> Result<SanctionRequest, Error> {
        let duration = match self.duration.as_deref() {
            Some(text) => {
                Duration::parse(text.trim()).map_err(|bad| Invalid::new("duration", format!("is wrong: {bad}")))?
            }
            None => Duration::Forever,
        };
        Ok(SanctionRequest {
            kind: kind(self.kind.as_deref())?.unwrap_or(SanctionKind::Ban),
            duration,
            reason: Reason::parse(self.reason.as_deref().unwrap_or_default())?,
            network: self.network.unwrap_or(false),
        })
    }
}

fn kind(name: Option<&str>) -> Result<Option<SanctionKind>, Invalid> {
    let parse = |name| SanctionKind::parse(name).ok_or_else(|| Invalid::new("kind", "must be ban or timeout"));
    name.map(parse).transpose()
}

/// A ban or timeout.
#[derive(Serialize, ToSchema)]
struct BanAnswer {
    /// As it is in force, or was until it was lifted.
    ban: BanView,
}

/// Bans or times out somebody, in a room or everywhere. A second one of a kind replaces the first.
#[utoipa::path(post, path = "/bans", tag = "moderation", security(("bearer" = [])), request_body = NewBan,
    responses((status = 200, body = BanAnswer)))]
pub async fn ban(
    app: web::Data<App>,
    LoggedIn(caller): LoggedIn,
    Body(body): Body<NewBan>,
) -> Result<HttpResponse, Problem> {
    let user = UserUid::named(&body.user)?;
    let room = body.room.as_deref().map(RoomUid::named).transpose()?;
    let line = app.services.moderation.sanction(&caller, room.as_ref(), &user, body.request()?).await?;
    let ban = view::ban(&line, room.as_ref().map(RoomUid::as_str));
    Ok(HttpResponse::Ok().json(BanAnswer { ban }))
}

/// A ban or timeout to be lifted.
#[derive(Deserialize, ToSchema)]
pub struct Unban {
    /// The user's uid.
    user: String,
    /// The room's uid; without it, what holds everywhere.
    room: Option<String>,
    /// `ban` or `timeout`; both unless given.
    kind: Option<String>,
}

/// Lifts what is in force: the ban, the timeout, or both.
#[utoipa::path(post, path = "/unban", tag = "moderation", security(("bearer" = [])), request_body = Unban,
    responses((status = 200, body = BanAnswer)))]
pub async fn unban(
    app: web::Data<App>,
    LoggedIn(caller): LoggedIn,
    Body(body): Body<Unban>,
) -> Result<HttpResponse, Problem> {
    let user = UserUid::named(&body.user)?;
    let room = body.room.as_deref().map(RoomUid::named).transpose()?;
    let kind = kind(body.kind.as_deref()).map_err(Error::from)?;
    let line = app.services.moderation.lift(&caller, room.as_ref(), &user, kind).await?;
    Ok(HttpResponse::Ok().json(BanAnswer { ban: view::ban(&line, room.as_ref().map(RoomUid::as_str)) }))
}

/// What was done in a room.
#[derive(Serialize, ToSchema)]
struct LogAnswer {
    /// Latest first.
    log: Vec<LogView>,
    /// The seq to give as `before` for the next page; null at the end.
    next: Option<i64>,
}

/// Which part of the log, latest first.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LogQuery {
    /// Where to go on: the `next` of the page before.
    before: Option<i64>,
    /// How many at most, 1 to 100; 50 unless given.
    limit: Option<i64>,
    /// Only what was done to this user, by uid: bans, timeouts, ranks and purges.
    user: Option<String>,
}

/// What moderators and the owner did in a room.
#[utoipa::path(get, path = "/rooms/{uid}/log", tag = "moderation", security(("bearer" = [])),
    params(("uid" = String, Path), LogQuery), responses((status = 200, body = LogAnswer)))]
pub async fn log(
    app: web::Data<App>,
    LoggedIn(caller): LoggedIn,
    At(uid): At<RoomUid>,
    Query(query): Query<LogQuery>,
) -> Result<HttpResponse, Problem> {
    let limit = extract::limit(query.limit)?;
    let about = query.user.as_deref().map(UserUid::named).transpose()?;
    let before = query.before.map(Seq);
    let lines = app.services.moderation.log(&caller, &uid, about.as_ref(), before, limit).await?;
    let next = extract::next(&lines, limit, |line| line.event.seq.0);
    Ok(HttpResponse::Ok().json(LogAnswer { log: lines.iter().map(view::log).collect(), next }))
}

/// Pins a message to the top of its room, in place of the one before.
#[utoipa::path(post, path = "/messages/{id}/pin", tag = "moderation", security(("bearer" = [])),
    params(("id" = i64, Path)), responses((status = 200, body = MessageAnswer)))]
pub async fn pin(
    app: web::Data<App>,
    LoggedIn(caller): LoggedIn,
    At(id): At<MessageId>,
) -> Result<HttpResponse, Problem> {
    let (room, message) = app.services.moderation.pin(&caller, id).await?;
    Ok(HttpResponse::Ok().json(MessageAnswer { message: view::message(&message, room.uid.as_str()) }))
}

/// Takes a pinned message down.
#[utoipa::path(delete, path = "/messages/{id}/pin", tag = "moderation", security(("bearer" = [])),
    params(("id" = i64, Path)), responses((status = 204)))]
pub async fn unpin(
    app: web::Data<App>,
    LoggedIn(caller): LoggedIn,
    At(id): At<MessageId>,
) -> Result<HttpResponse, Problem> {
    app.services.moderation.unpin(&caller, id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// What is shown of a user in a room.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CardAnswer {
    /// Who, with the ranks held in the room.
    user: UserView,
    /// When the user was made, ms.
    created_at: i64,
    /// The latest messages in the room, at most 20, ascending.
    messages: Vec<MessageView>,
    /// What the caller may do to this user, of `delete_messages`, `purge`, `timeout`, `ban`, `lift`, `appoint`; new words may
    /// come.
    may: Vec<&'static str>,
    /// The bans and timeouts of the room in force; only there for those who may see them.
    #[serde(skip_serializing_if = "Option::is_none")]
    sanctions: Option<Vec<BanView>>,
    /// What was done to this user in the room, latest first, at most 20; only there for those who may see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<Vec<LogView>>,
}

/// The card of a user in a room: who it is, what was said and done, and what the caller may do.
#[utoipa::path(get, path = "/rooms/{uid}/users/{user}", tag = "moderation", security((), ("bearer" = [])),
    params(("uid" = String, Path), ("user" = String, Path)), responses((status = 200, body = CardAnswer)))]
pub async fn card(
    app: web::Data<App>,
    MaybeCaller(caller): MaybeCaller,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (room, user) = (RoomUid::named(&path.0)?, UserUid::named(&path.1)?);
    let card = app.services.moderation.card(caller.as_ref(), &room, &user).await?;
    let bans = |lines: &Vec<_>| lines.iter().map(|line| view::ban(line, Some(room.as_str()))).collect();
    Ok(HttpResponse::Ok().json(CardAnswer {
        user: view::member(&card.subject),
        created_at: card.subject.user.created_at.0,
        messages: card.messages.iter().map(|message| view::message(message, room.as_str())).collect(),
        may: card.may.into_iter().map(Capability::as_str).collect(),
        sanctions: card.sanctions.as_ref().map(bans),
        log: card.log.map(|lines| lines.iter().map(view::log).collect()),
    }))
}
