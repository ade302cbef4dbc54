//! `GET /ws`: from the HTTP request to a connection. The only file that knows actix-ws.

use crate::app::App;
use crate::caller;
use crate::problem::{Code, Problem};
use crate::realtime::body::SocketBody;
use crate::realtime::conn::Conn;
use crate::realtime::frame::Frame;
use crate::realtime::guard::Guarded;
use crate::realtime::hub::Hub;
use crate::realtime::outgoing::SocketHandle;
use crate::realtime::pipeline::Pipeline;
use crate::realtime::protocol::{BEARER, Close, HEARTBEAT_MS, Reconnect, SUBPROTOCOL, Server};
use crate::realtime::session::Session;
use crate::realtime::{join, origin};
use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, HttpResponse, dev, web};
use actix_ws::{Message, MessageStream, ProtocolError};
use domain::ports::effects::Quota;
use domain::service::Caller;
use domain::service::error::{Error, RateLimitKind};
use serde::Deserialize;
use std::cell::Cell;
use std::io::ErrorKind;
use std::rc::Rc;

/// The query of `/ws`.
#[derive(Debug, Default, Deserialize)]
pub struct UpgradeQuery {
    /// A room to enter at once.
    #[serde(default)]
    room: Option<String>,
    /// A single-use ticket.
    #[serde(default)]
    ticket: Option<String>,
}

/// Opens a socket. Everything that can be refused is refused before the 101, as a problem.
pub async fn open(
    request: HttpRequest,
    payload: web::Payload,
    query: Result<web::Query<UpgradeQuery>, actix_web::Error>,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    let hub = request.app_data::<Rc<Hub>>().cloned().ok_or_else(|| Problem::new(Code::Internal, "no hub"))?;
    let query = query.map_err(|_| Problem::new(Code::BadRequest, "The query takes `room` and `ticket` only."))?;
    let text = |name: header::HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let has_origin = request.headers().contains_key(header::ORIGIN);
    // An origin that is no text is one that is not listed.
    let origin = if has_origin { Some(text(header::ORIGIN).unwrap_or("null")) } else { None };
    if !origin::is_allowed(origin, text(header::HOST), &app.config) {
        return Err(Problem::new(Code::OriginRefused, "Pages of this origin may not open sockets here."));
    }
    if app.node.is_draining() {
        return Err(Problem::new(Code::Draining, "The server is about to stop."));
    }
    actix_http::ws::verify_handshake(request.head()).map_err(|error| no_handshake(&error))?;
    let client = (app.locate)(caller::address(&request, &app.config));
    if let Err(retry_after) = client.charge(&*app.limiter, Quota::Upgrade, 1) {
        return Err(Error::TooFast { pace: RateLimitKind::Other, retry_after }.into());
    }
    let accounts = &app.services.accounts;
    let caller = match (token(&request), query.ticket.as_deref()) {
        (Some(token), _) => Some(accounts.identify(&token, &client).await?),
        (None, Some(ticket)) => Some(accounts.redeem(ticket, &client).await?),
        (None, None) => None,
    };
    let tripped = Rc::new(Cell::new(false));
    let payload = guarded(&request, payload, tripped.clone()).await?;
    let (response, _, stream) =
        actix_ws::handle_with_protocols(&request, payload, &[SUBPROTOCOL]).map_err(|error| no_handshake(&error))?;
    // Whoever was let in while the drain began would not be among those who are told to go.
    if app.node.is_draining() {
        return Err(Problem::new(Code::Draining, "The server is about to stop."));
    }
    let (id, too_many) = app.node.connections.connect(&client.network, app.clock.now());
    let socket = request.conn_data::<SocketHandle>().cloned();
    let conn = Conn::new(id, client, hub.second(), socket, hub.queue.clone());
    hub.add(conn.clone());
    let session = Session { conn: conn.clone(), hub: hub.clone(), quitting: Cell::new(false), refused: Cell::new(0) };
    actix_web::rt::spawn(async move {
        match too_many {
            // A browser is not shown an HTTP status: it is told in the close frame whether to come back.
            Some(close) => session.conn.close(close, session.hub.second()),
            None => Box::pin(send_welcome(&session, caller, query.room.as_deref())).await,
        }
        serve(&session, stream, &tripped).await;
        session.hub.remove(&session.conn);
    });
    Ok(response.map_body(|_, inner| actix_web::body::BoxBody::new(SocketBody::new(inner, conn))))
}

fn no_handshake(error: &dyn std::fmt::Display) -> Problem {
    Problem::new(Code::BadRequest, format!("This address takes WebSocket requests: {error}"))
}

/// The token among the offered subprotocols.
fn token(request: &HttpRequest) -> Option<String> {
    let offered = request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let mut offered = offered.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    offered.find_map(|name| name.trim().strip_prefix(BEARER)).map(str::to_owned)
}

async fn guarded(
    request: &HttpRequest,
    payload: web::Payload,
    tripped: Rc<Cell<bool>>,
) -> Result<web::Payload, Problem> {
    let stream: std::pin::Pin<Box<dyn futures_util::Stream<Item = Result<web::Bytes, PayloadError>>>> =
        Box::pin(Guarded::new(payload, tripped));
    let mut payload = dev::Payload::Stream { payload: stream };
    web::Payload::from_request(request, &mut payload)
        .await
        .map_err(|_| Problem::new(Code::BadRequest, "The request could not be read."))
}

async fn send_welcome(session: &Session, caller: Option<Caller>, room: Option<&str>) {
    let app = session.hub.app();
    // After a restart all come back: spread them so that each has about half a millisecond.
    let window = (app.node.connections.count() as u64 / 2).clamp(500, 60_000);
    session.conn.send(Frame::server(&Server::Welcome {
        connection: session.conn.id,
        heartbeat: HEARTBEAT_MS,
        reconnect: Reconnect { base: 500, cap: 20_000, window },
    }));
    if let Some(caller) = caller {
        session.authenticate(caller, None).await;
    }
    if let Some(room) = room {
        let join = serde_json::json!({ "event": "join", "data": { "uid": room } });
        session.take(&join.to_string(), &mut Pipeline::default()).await;
    }
}

/// Reads frames until the client or the connection ends; one at a time, so that a client's requests keep their order. Messages
/// do not wait for the answers to those before them.
///
/// What is done with a frame is boxed: the futures of the services take tens of kilobytes, and an idle socket holds none.
async fn serve(session: &Session, mut stream: MessageStream, tripped: &Cell<bool>) {
    let (conn, hub) = (&session.conn, &session.hub);
    let (mut pieces, mut pipeline) = (Fragments::default(), Pipeline::default());
    while !conn.is_gone() {
        if let Some((room, cursor, recipient)) = conn.behind() {
            Box::pin(join::catch_up(conn, hub, &room, cursor, recipient)).await;
            continue;
        }
        let message = tokio::select! {
            biased;
            () = conn.wake.notified() => continue,
            Some((id, posted)) = pipeline.next(), if !pipeline.is_empty() => {
                session.answer_posted(id, posted);
                continue;
            }
            // A client that does not take its answers is not asked for more questions.
            message = stream.recv(), if !conn.is_full() && !pipeline.is_full() => message,
        };
        match message {
            None => return conn.cut(),
            Some(Ok(message)) => {
                hub.metrics().frames_in.inc();
                conn.record_activity(hub.second());
                if !conn.is_closing() || matches!(message, Message::Close(_)) {
                    Box::pin(take(session, message, &mut pieces, &mut pipeline)).await;
                }
            }
            // The peer is gone without a word.
            Some(Err(ProtocolError::Io(error))) if !tripped.get() && error.kind() != ErrorKind::InvalidData => {
                return conn.cut();
            }
            Some(Err(error)) => {
                refuse(session, tripped.get(), &error);
                // The stream may have ended with the error; the close frame still has to go out.
                wait_until_gone(session).await;
                return;
            }
        }
    }
}

/// A message that comes in fragments, as far as it came.
#[derive(Default)]
struct Fragments {
    is_text: bool,
    bytes: Vec<u8>,
}

async fn take(session: &Session, message: Message, pieces: &mut Fragments, pipeline: &mut Pipeline) {
    use actix_ws::Item::{Continue, FirstBinary, FirstText, Last};
    let (conn, hub) = (&session.conn, &session.hub);
    match message {
        Message::Text(text) if !session.may_send(Some(&text), pipeline) => {}
        Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Continuation(_)
            if !session.may_send(None, pipeline) => {}
        Message::Text(text) => session.take(&text, pipeline).await,
        Message::Ping(payload) => conn.send(Frame::control_pong(&payload)),
        Message::Close(_) => {
            session.answer_all(pipeline).await;
            conn.hear_close(hub.second());
        }
        Message::Binary(_) => session.refuse_binary(),
        Message::Continuation(FirstText(piece)) => *pieces = Fragments { is_text: true, bytes: piece.to_vec() },
        Message::Continuation(FirstBinary(piece)) => *pieces = Fragments { is_text: false, bytes: piece.to_vec() },
        Message::Continuation(Continue(piece)) => pieces.bytes.extend_from_slice(&piece),
        Message::Continuation(Last(piece)) => {
            pieces.bytes.extend_from_slice(&piece);
            let whole = std::mem::take(pieces);
            match std::str::from_utf8(&whole.bytes) {
                _ if !whole.is_text => session.refuse_binary(),
                Ok(text) => session.take(text, pipeline).await,
                Err(_) => refuse_text(session),
            }
        }
        Message::Pong(_) | Message::Nop => {}
    }
}

fn refuse_text(session: &Session) {
    let problem = Problem::new(Code::BadRequest, "A text frame must be valid UTF-8.");
    session.send_error(None, &problem);
    session.conn.close(Close::BadText, session.hub.second());
}

/// Whether actix-ws gave up on a text frame because it is no text; reserved bits are an [`ErrorKind::InvalidData`] too.
fn is_bad_text(error: &ProtocolError) -> bool {
    let ProtocolError::Io(error) = error else { return false };
    error.get_ref().is_some_and(|cause| cause.is::<std::str::Utf8Error>())
}

fn refuse(session: &Session, tripped: bool, error: &ProtocolError) {
    let (conn, second) = (&session.conn, session.hub.second());
    if is_bad_text(error) {
        return refuse_text(session);
    }
    let too_large = tripped || matches!(error, ProtocolError::Overflow);
    if too_large {
        session.send_error(None, &Problem::new(Code::TooLarge, "A frame has at most 16 KiB."));
        conn.close(Close::TooLarge, second);
    } else {
        let problem = Problem::new(Code::BadRequest, "The frame breaks the WebSocket protocol.");
        session.send_error(None, &problem);
        conn.close(Close::Protocol, second);
    }
}

async fn wait_until_gone(session: &Session) {
    while !session.conn.is_gone() {
        session.conn.wake.notified().await;
    }
}
