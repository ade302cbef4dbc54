//! What a client asks, carried out: a request in, answers out. Every rule is in the services; nothing here decides.

use crate::problem::{Code, Problem};
use crate::realtime::conn::Conn;
use crate::realtime::frame::Frame;
use crate::realtime::hub::Hub;
use crate::realtime::join;
use crate::realtime::pipeline::Pipeline;
use crate::realtime::protocol::{Close, Envelope, Join, MessageAck, Request, SendMessage, Server};
use crate::realtime::room::LocalRoom;
use crate::view;
use domain::command::{Input, SocketCommand};
use domain::delivery::viewer::LiveRoom;
use domain::model::audience::Recipient;
use domain::model::id::{Epoch, MessageId, RoomUid, Seq};
use domain::model::message::{Message, MessageKind};
use domain::model::rank::Rank;
use domain::policy::Denied;
use domain::ports::effects::Quota;
use domain::service::Caller;
use domain::service::accounts::Login;
use domain::service::chat::NewMessage;
use domain::service::error::{Error, RateLimitKind, Resource};
use domain::service::posting::Posting;
use domain::service::viewing::JoinRequest;
use serde::Serialize;
use serde_json::{Value, json};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

/// Whoever sends on after so many refusals is not going to stop.
const REFUSED_MAX: u32 = 200;

/// The most rooms of one connection (Centrifugo allows 128): each costs a look at every write.
const ROOMS_MAX: usize = 100;

/// One connection and the worker it lives on.
pub struct Session {
    /// The connection.
    pub conn: Rc<Conn>,
    /// Its worker's hub.
    pub hub: Rc<Hub>,
    /// Whether it closes once the present frame is answered.
    pub quitting: Cell<bool>,
    /// How many frames were refused because there were too many.
    pub refused: Cell<u32>,
}

impl Session {
    /// Whether the client may send another frame now. One that does not stop is closed.
    pub fn may_send(&self, text: Option<&str>, pipeline: &mut Pipeline) -> bool {
        let taken = self.hub.app().limiter.take(Quota::Frame, &self.conn.id.to_string());
        let Err(retry_after) = taken else { return true };
        let refused = self.refused.get() + 1;
        self.refused.set(refused);
        if refused > REFUSED_MAX {
            self.conn.close(Close::TooFast, self.hub.second());
        } else if let Some(text) = text {
            let id = Envelope::parse(text).map_or_else(|(id, _)| id, |envelope| envelope.id);
            let error = Error::TooFast { pace: RateLimitKind::Other, retry_after };
            pipeline.push(id, 0, Posting::answered(Err(error)));
        }
        false
    }

    /// Carries out a text frame. A message is put in line and answered later; anything else waits for what is in line, and is
    /// answered before this returns.
    pub async fn take(&self, text: &str, pipeline: &mut Pipeline) {
        let (id, request) = match Envelope::parse(text) {
            Ok(envelope) => (envelope.id, envelope.request()),
            Err((id, problem)) => (id, Err(problem)),
        };
        if !request.as_ref().is_ok_and(is_message) {
            self.answer_all(pipeline).await;
        }
        let done = match request {
            Ok(request) => self.dispatch(request).await,
            Err(problem) => Err(problem),
        };
        match done {
            Ok(Outcome::InLine(posting)) => pipeline.push(id, text.len(), posting),
            Ok(Outcome::Answer(data)) => self.answer(id, Ok(data)),
            Err(problem) => self.answer::<Value>(id, Err(problem)),
        }
        if self.quitting.get() {
            self.conn.close(Close::Normal, self.hub.second());
        }
    }

    /// Waits for all that is in line.
    pub async fn answer_all(&self, pipeline: &mut Pipeline) {
        while let Some((id, posted)) = pipeline.next().await {
            self.answer_posted(id, posted);
        }
    }

    /// Answers a message.
    pub fn answer_posted(&self, id: Option<i64>, posted: Result<Message, Error>) {
        if posted.is_ok() {
            self.hub.metrics().messages.inc();
        }
        let ack = |message: Message| MessageAck { id: message.id.0, seq: message.seq.0, timestamp: message.at.0 };
        self.answer(id, posted.map(ack).map_err(Problem::from));
    }

    /// Tells the client what was not done: the frame with this number, or something that it did not ask for.
    pub fn send_error(&self, id: Option<i64>, problem: &Problem) {
        self.conn.send(Frame::error(id, &problem.view(self.hub.app().config.base_path())));
    }

    fn answer<T: Serialize>(&self, id: Option<i64>, result: Result<T, Problem>) {
        if let Err(problem) = &result
            && problem.concerns_security()
        {
            tracing::info!(code = problem.code, network = self.conn.client.network.0, route = "/ws", "refused");
        }
        match (id, result) {
            (Some(id), Ok(data)) => self.conn.send(Frame::ack(id, &data)),
            (None, Ok(_)) => {}
            (id, Err(problem)) => self.send_error(id, &problem),
        }
    }

    async fn dispatch(&self, request: Request) -> Result<Outcome, Problem> {
        Ok(Outcome::Answer(match request {
            Request::SendMessage(message) => return self.send_message(&message).await,
            Request::Login(login) => {
                let client = &self.conn.client;
                let caller = self.hub.app().services.accounts.identify(&login.token, client).await?;
                if self.is_of_another(&caller) {
                    // What one user of a site began, another must not go on with.
                    self.conn.close(Close::TokenEnded, self.hub.second());
                    return Err(Error::TokenInvalid.into());
                }
                self.authenticate(caller, None).await
            }
            Request::Logout => self.clear_identity().await,
            Request::Join(join) => self.join(&join).await?,
            Request::Leave(leave) => {
                let uid = RoomUid::parse(&leave.uid).ok_or(Error::NoSuch(Resource::Room))?;
                self.leave(&uid)
            }
            Request::Pong => json!({}),
        }))
    }

    /// Whether the socket is logged in by a site, as somebody else.
    fn is_of_another(&self, caller: &Caller) -> bool {
        let present = self.conn.caller();
        let by_site = present.as_ref().filter(|present| present.login.site_token().is_some());
        by_site.is_some_and(|present| present.user.id != caller.user.id)
    }

    /// The socket is somebody from now on; rooms where that one is banned are left.
    pub async fn authenticate(&self, caller: Caller, token: Option<&str>) -> Value {
        let user = view::user(&caller.user);
        if !self.hub.node().log_in(self.conn.id, Some(&Arc::new(caller.user.clone())), Some(caller.login)) {
            self.conn.close(Close::TooMany, self.hub.second());
            return json!({});
        }
        let unreadable = self.conn.set_caller(Some(caller.clone()));
        self.conn.send(Frame::server(&Server::AuthUpdated { user: Some(&user), token }));
        self.leave_unreadable(&unreadable, || Denied::Rank { least: Rank::Registered }.into());
        self.check_rooms(Some(&caller)).await;
        json!({ "user": user })
    }

    fn leave_unreadable(&self, rooms: &[LocalRoom], why: impl Fn() -> Error) {
        for room in rooms {
            self.leave(room.uid());
            self.send_error(None, &Problem::from(why()).field(room.uid().as_str()));
        }
    }

    /// Asks for each room again how whoever the socket is now stands there; leaves those where they are banned.
    async fn check_rooms(&self, caller: Option<&Caller>) {
        for room in self.conn.rooms() {
            match self.hub.app().services.rooms.enter(caller, room.uid()).await {
                Ok(access) => {
                    self.conn.set_recipient(room.id(), Recipient::of(access.member.as_ref(), access.room.rules.readers))
                }
                Err(
                    error @ (Error::Sanctioned { .. }
                    | Error::NoSuch(_)
                    | Error::LoginRequired
                    | Error::SiteToken(_)
                    | Error::Denied(_)),
                ) => {
                    self.leave(room.uid());
                    self.send_error(None, &Problem::from(error).field(room.uid().as_str()));
                }
                // A store that is busy for a moment throws nobody out: every act is asked again anyway.
                Err(_) => {}
            }
        }
    }

    async fn clear_identity(&self) -> Value {
        self.hub.node().log_in(self.conn.id, None, None);
        let unreadable = self.conn.set_caller(None);
        self.conn.send(Frame::server(&Server::AuthUpdated { user: None, token: None }));
        self.leave_unreadable(&unreadable, || Error::LoginRequired);
        self.check_rooms(None).await;
        json!({})
    }

    async fn join(&self, join: &Join) -> Result<Value, Problem> {
        let uid = RoomUid::parse(&join.uid).ok_or(Error::NoSuch(Resource::Room))?;
        let rooms = self.conn.rooms();
        if rooms.len() >= ROOMS_MAX && !rooms.iter().any(|room| *room.uid() == uid) {
            let detail = format!("A connection can be in at most {ROOMS_MAX} rooms.");
            return Err(Problem::new(Code::TooManyRooms, detail));
        }
        let request = JoinRequest { since: join.since.map(Seq), epoch: join.epoch.map(Epoch) };
        let entered = join::enter(&self.conn, &self.hub, &uid, request).await?;
        *self.conn.last_room.borrow_mut() = Some(uid);
        Ok(entered)
    }

    fn leave(&self, uid: &RoomUid) -> Value {
        if let Some(room) = self.conn.rooms().iter().find(|room| room.uid() == uid) {
            self.hub.leave(&self.conn, room);
        }
        let mut last = self.conn.last_room.borrow_mut();
        if last.as_ref() == Some(uid) {
            *last = self.conn.rooms().last().map(|room| room.uid().clone());
        }
        json!({ "room": uid.as_str() })
    }

    fn room_of(&self, message: &SendMessage) -> Result<Option<RoomUid>, Error> {
        match &message.room {
            Some(uid) => Ok(Some(RoomUid::parse(uid).ok_or(Error::NoSuch(Resource::Room))?)),
            None => Ok(self.conn.last_room.borrow().clone()),
        }
    }

    async fn send_message(&self, message: &SendMessage) -> Result<Outcome, Problem> {
        let (name, text) = match Input::parse(&message.text).map_err(Error::from)? {
            Input::Message(kind, text) => return Ok(Outcome::InLine(self.post(message, kind, text).await)),
            Input::Command(entry, command) => {
                let (room, caller) = (self.room_of(message)?, self.conn.caller().clone());
                let chat = &self.hub.app().services.chat;
                (entry.name, chat.run(caller.as_ref(), room.as_ref(), command).await?)
            }
            Input::Socket(entry, command) => (entry.name, self.run_connection_command(command).await?),
        };
        self.conn.send(Frame::server(&Server::System { kind: "command", text: &text }));
        Ok(Outcome::Answer(json!({ "command": name })))
    }

    async fn post(&self, message: &SendMessage, kind: MessageKind, text: &str) -> Posting {
        let (room, caller) = (self.room_of(message), self.conn.caller().clone());
        let reply_to = message.reply_to.map(MessageId);
        let new = NewMessage { text, kind, nonce: message.nonce.as_deref(), reply_to };
        match room {
            Ok(room) => self.hub.app().services.chat.enqueue(caller.as_ref(), room.as_ref(), new).await,
            Err(error) => Posting::answered(Err(error)),
        }
    }

    /// Carries out a command that concerns this connection; what it says to the sender.
    async fn run_connection_command(&self, command: SocketCommand) -> Result<String, Problem> {
        let accounts = &self.hub.app().services.accounts;
        let client = &self.conn.client;
        match command {
            SocketCommand::Login(None) => Ok(self.welcome(accounts.guest(client).await?).await),
            SocketCommand::Login(Some((name, password))) => {
                Ok(self.welcome(accounts.login(&name, &password, client).await?).await)
            }
            SocketCommand::Logout => {
                self.clear_identity().await;
                Ok("You are logged out.".to_owned())
            }
            SocketCommand::Join(uid) => {
                self.join(&Join { uid: uid.to_string(), since: None, epoch: None }).await?;
                Ok("You joined the room.".to_owned())
            }
            SocketCommand::Leave(uid) => {
                let uid = uid.or_else(|| self.conn.last_room.borrow().clone()).ok_or(Error::NoRoom)?;
                self.leave(&uid);
                Ok("You left the room.".to_owned())
            }
            SocketCommand::Quit => {
                self.quitting.set(true);
                Ok("Goodbye.".to_owned())
            }
        }
    }

    async fn welcome(&self, login: Login) -> String {
        let name = login.user.display_name.as_str().to_owned();
        let network = self.conn.client.network.clone();
        let caller = Caller::of_session(login.user, login.session, network);
        self.authenticate(caller, Some(&login.token)).await;
        format!("You are logged in as {name}.")
    }

    /// The problem that a frame of another sort is.
    pub fn refuse_binary(&self) {
        self.send_error(None, &Problem::new(Code::BadRequest, "A frame is text: one JSON object."));
    }
}

/// What became of a request that was not refused.
enum Outcome {
    /// It is answered with this.
    Answer(Value),
    /// It is answered in its turn.
    InLine(Posting),
}

/// Whether it is a text to be posted, and no command.
fn is_message(request: &Request) -> bool {
    matches!(request, Request::SendMessage(message) if matches!(Input::parse(&message.text), Ok(Input::Message(..))))
}
