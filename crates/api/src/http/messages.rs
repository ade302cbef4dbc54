//! Saying something, reading what was said, taking it back.

use crate::app::App;
use crate::caller::{self, LoggedIn, MaybeCaller, RequestClient};
use crate::http::body::{Body, Query};
use crate::http::extract::{self, At, Named};
use crate::problem::{Code, Problem, ProblemView};
use crate::view::{self, MessageView, RoomView};
use actix_web::{HttpResponse, web};
use domain::command::Input;
use domain::command::catalogue::CommandSpec;
use domain::model::id::{MessageId, RoomUid, Seq, UserUid};
use domain::model::message::Message;
use domain::model::text::Invalid;
use domain::ports::readers::Position;
use domain::service::Caller;
use domain::service::chat;
use domain::service::error::Error;
use domain::service::reads::ReadCost;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Something to be said.
#[derive(Deserialize, ToSchema)]
pub struct NewMessage {
    /// The room's uid.
    room: String,
    /// A text of 1 to 500 characters, or a command such as `/slow 30`.
    #[serde(alias = "text")]
    message: Option<String>,
    /// The sender's own name for the message, up to 64 bytes: the same again is the same message, not another.
    nonce: Option<String>,
    /// The id of the message it answers.
    #[serde(alias = "replyTo")]
    reply_to: Option<i64>,
    /// Several messages instead of one, 1 to 100, posted in this order.
    #[schema(min_items = 1, max_items = 100)]
    messages: Option<Vec<OneOfMany>>,
}

/// One of several messages.
#[derive(Deserialize, ToSchema)]
pub struct OneOfMany {
    /// A text of 1 to 500 characters. Commands are sent alone.
    #[serde(alias = "text")]
    message: String,
    /// The sender's own name for the message, up to 64 bytes: the same again is the same message, not another.
    nonce: Option<String>,
    /// The id of the message it answers.
    #[serde(alias = "replyTo")]
    reply_to: Option<i64>,
}

impl OneOfMany {
    fn parse(&self) -> Result<chat::NewMessage<'_>, Error> {
        match Input::parse(&self.message)? {
            Input::Message(kind, text) => {
                let (nonce, reply_to) = (self.nonce.as_deref(), self.reply_to.map(MessageId));
                Ok(chat::NewMessage { text, kind, nonce, reply_to })
            }
            Input::Command(..) | Input::Socket(..) => {
                Err(Invalid::new("message", "is a command, which is sent alone").into())
            }
        }
    }
}

/// The most messages of one request.
pub const MESSAGES_MAX: usize = 100;

/// What became of one of several messages: the message, or why it was refused.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum OneAnswer<'a> {
    /// It was posted.
    Posted(MessageAnswer),
    /// It was refused.
    Refused {
        /// Why.
        problem: ProblemView<'a>,
    },
}

/// What became of several messages.
#[derive(Serialize, ToSchema)]
struct ManyAnswer<'a> {
    /// One for each message, in their order.
    answers: Vec<OneAnswer<'a>>,
}

/// A message.
#[derive(Serialize, ToSchema)]
pub struct MessageAnswer {
    /// As it stands in the room's log.
    pub message: MessageView,
}

/// What a command says.
#[derive(Serialize, ToSchema)]
struct CommandAnswer {
    /// Which.
    command: &'static str,
    /// To the sender alone.
    text: String,
}

/// What is answered with 200.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum PostAnswer<'a> {
    /// It was a command.
    Command(CommandAnswer),
    /// It was several messages.
    Many(ManyAnswer<'a>),
}

/// Posts a message, or several, or carries out a command.
///
/// Of several messages each is answered for itself: one that is refused does not keep the others from being posted.
#[utoipa::path(post, path = "/messages", tag = "messages", security((), ("bearer" = [])), request_body = NewMessage,
    responses((status = 201, body = MessageAnswer),
        (status = 200, description = "It was a command, or several messages", body = PostAnswer<'static>)))]
pub async fn post(
    app: web::Data<App>,
    MaybeCaller(caller): MaybeCaller,
    Body(body): Body<NewMessage>,
) -> Result<HttpResponse, Problem> {
    let room = RoomUid::named(&body.room)?;
    let (caller, chat) = (caller.as_ref(), &app.services.chat);
    let text = match (&body.message, body.messages) {
        (Some(text), None) => text,
        (None, Some(messages)) => return post_many(&app, caller, &room, &messages).await,
        (None, None) => return Err(Problem::new(Code::BadRequest, "The message is missing.").field("message")),
        (Some(_), Some(_)) => {
            return Err(Error::from(Invalid::new("messages", "cannot be given together with message")).into());
        }
    };
    match Input::parse(text).map_err(Error::from)? {
        Input::Message(kind, text) => {
            let reply_to = body.reply_to.map(MessageId);
            let new = chat::NewMessage { text, kind, nonce: body.nonce.as_deref(), reply_to };
            let posted = chat.post(caller, Some(&room), new).await?;
            app.metrics.messages.inc();
            let message = view::message(&posted, room.as_str());
            Ok(HttpResponse::Created().json(MessageAnswer { message }))
        }
        Input::Command(entry, command) => {
            let text = chat.run(caller, Some(&room), command).await?;
            Ok(HttpResponse::Ok().json(PostAnswer::Command(CommandAnswer { command: entry.name, text })))
        }
        Input::Socket(entry, _) => Err(Error::SocketOnly { name: entry.name }.into()),
    }
}

fn one_answer<'a>(app: &App, room: &RoomUid, answer: &'a Result<Message, Problem>) -> OneAnswer<'a> {
    match answer {
        Ok(message) => {
            app.metrics.messages.inc();
            OneAnswer::Posted(MessageAnswer { message: view::message(message, room.as_str()) })
        }
        Err(problem) => OneAnswer::Refused { problem: problem.view(app.config.base_path()) },
    }
}

async fn post_many(
    app: &App,
    caller: Option<&Caller>,
    room: &RoomUid,
    messages: &[OneOfMany],
) -> Result<HttpResponse, Problem> {
    if messages.is_empty() || messages.len() > MESSAGES_MAX {
        let bounds = format!("has 1 to {MESSAGES_MAX} messages");
        return Err(Error::from(Invalid::new("messages", bounds)).into());
    }
    let answers = app.services.chat.post_many(caller, room, messages.iter().map(OneOfMany::parse)).await;
    let answers: Vec<Result<Message, Problem>> =
        answers.into_iter().map(|answer| answer.map_err(Problem::from)).collect();
    let answers = answers.iter().map(|answer| one_answer(app, room, answer)).collect();
    Ok(HttpResponse::Ok().json(PostAnswer::Many(ManyAnswer { answers })))
}

/// Which part of a room's history; without `before` and `after`, the latest.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct History {
    /// Messages before this seq.
    before: Option<i64>,
    /// Messages after this seq.
    after: Option<i64>,
    /// How many at most, 1 to 100; 50 unless given.
    limit: Option<i64>,
    /// Only those of this author, by uid.
    user: Option<String>,
}

impl History {
    fn from(&self) -> Result<Position, Problem> {
        match (self.before, self.after) {
            (None, None) => Ok(Position::End),
            (Some(before), None) => Ok(Position::Before(Seq(before))),
            (None, Some(after)) => Ok(Position::After(Seq(after))),
            (Some(_), Some(_)) => {
                Err(Error::from(Invalid::new("before", "cannot be given together with after")).into())
            }
        }
    }
}

/// A page of a room's history.
#[derive(Serialize, ToSchema)]
struct HistoryAnswer {
    /// Whose.
    room: RoomView,
    /// Ascending by seq.
    messages: Vec<MessageView>,
    /// The seq to give as `before` (or `after`, if that was given) for the next page; null at the end.
    next: Option<i64>,
}

/// A page of a room's history.
#[utoipa::path(get, path = "/rooms/{uid}/messages", tag = "messages", security((), ("bearer" = [])),
    params(("uid" = String, Path), History), responses((status = 200, body = HistoryAnswer)))]
pub async fn history(
    app: web::Data<App>,
    RequestClient(client): RequestClient,
    MaybeCaller(caller): MaybeCaller,
    At(uid): At<RoomUid>,
    Query(query): Query<History>,
) -> Result<HttpResponse, Problem> {
    let limit = extract::limit(query.limit)?;
    caller::charge(&app, &client, caller.as_ref(), ReadCost::Page(limit))?;
    let author = query.user.as_deref().map(UserUid::named).transpose()?;
    let page = app.services.chat.history(caller.as_ref(), &uid, author.as_ref(), query.from()?, limit).await?;
    let messages = page.messages.iter().map(|message| view::message(message, uid.as_str())).collect();
    let room = view::room(&page.room);
    Ok(HttpResponse::Ok().json(HistoryAnswer { room, messages, next: page.next.map(|seq| seq.0) }))
}

/// A message that was not deleted: to quote what an answer answers.
#[utoipa::path(get, path = "/messages/{id}", tag = "messages", security((), ("bearer" = [])),
    params(("id" = i64, Path)), responses((status = 200, body = MessageAnswer)))]
pub async fn read(
    app: web::Data<App>,
    MaybeCaller(caller): MaybeCaller,
    At(id): At<MessageId>,
) -> Result<HttpResponse, Problem> {
    let (room, message) = app.services.chat.message(caller.as_ref(), id).await?;
    Ok(HttpResponse::Ok().json(MessageAnswer { message: view::message(&message, room.uid.as_str()) }))
}

/// Deletes a message: one's own, or as moderator of somebody below.
#[utoipa::path(delete, path = "/messages/{id}", tag = "messages", security(("bearer" = [])), params(("id" = i64, Path)),
    responses((status = 204)))]
pub async fn delete(
    app: web::Data<App>,
    LoggedIn(caller): LoggedIn,
    At(id): At<MessageId>,
) -> Result<HttpResponse, Problem> {
    app.services.chat.delete(&caller, id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Whose messages.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Purge {
    /// The author's uid; everybody's unless given.
    user: Option<String>,
}

/// Deletes all messages of a room, or one author's.
#[utoipa::path(delete, path = "/rooms/{uid}/messages", tag = "messages", security(("bearer" = [])),
    params(("uid" = String, Path), Purge), responses((status = 204)))]
pub async fn purge(
    app: web::Data<App>,
    LoggedIn(caller): LoggedIn,
    At(uid): At<RoomUid>,
    Query(query): Query<Purge>,
) -> Result<HttpResponse, Problem> {
    let author = query.user.as_deref().map(UserUid::named).transpose()?;
    app.services.moderation.purge(&caller, &uid, author.as_ref()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Where commands are to be used.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CommandsQuery {
    /// The room's uid; without it, only the ranks that hold everywhere count.
    room: Option<String>,
}

/// A command.
#[derive(Serialize, ToSchema)]
struct CommandView {
    /// How it is called, without the mark.
    name: &'static str,
    /// How it is used: `<…>` must be there, `[…]` may, and the last one takes the rest of the line.
    usage: &'static str,
    /// What it does, as one sentence.
    help: &'static str,
    /// The least rank that may.
    least: &'static str,
}

/// The commands that the caller may use.
#[derive(Serialize, ToSchema)]
struct CommandsAnswer {
    /// By name.
    commands: Vec<CommandView>,
}

/// The commands that the caller may use in a room; whoever is not logged in sees those of a guest.
#[utoipa::path(get, path = "/commands", tag = "messages", security((), ("bearer" = [])), params(CommandsQuery),
    responses((status = 200, body = CommandsAnswer)))]
pub async fn commands(
    app: web::Data<App>,
    MaybeCaller(caller): MaybeCaller,
    Query(query): Query<CommandsQuery>,
) -> Result<HttpResponse, Problem> {
    let room = query.room.as_deref().map(RoomUid::named).transpose()?;
    let entries = app.services.chat.commands(caller.as_ref(), room.as_ref()).await?;
    let view = |entry: &CommandSpec| CommandView {
        name: entry.name,
        usage: entry.usage,
        help: entry.help,
        least: entry.least().as_str(),
    };
    Ok(HttpResponse::Ok().json(CommandsAnswer { commands: entries.into_iter().map(view).collect() }))
}
