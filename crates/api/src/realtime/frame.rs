//! Ready WebSocket frames: encoded once, shared by all who get them.

use crate::problem::ProblemView;
use crate::realtime::protocol::{Answer, Close, Server};
use crate::view;
use actix_http::ws::{CloseReason, OpCode, Parser};
use bytes::{Bytes, BytesMut};
use domain::delivery::tail::Weight;
use domain::model::event::{Event, EventKind};
use serde::Serialize;

/// A whole frame as it goes over the wire.
#[derive(Clone, Debug)]
pub struct Frame(pub Bytes);

impl Weight for Frame {
    fn weight(&self) -> usize {
        self.0.len()
    }
}

impl Frame {
    /// A text frame that holds `value` as JSON.
    fn text(value: &impl Serialize) -> Frame {
        // Our own types always are JSON: they hold neither maps with odd keys nor numbers that are none.
        let json = serde_json::to_vec(value).unwrap_or_default();
        Frame::of(&json, OpCode::Text)
    }

    fn of(payload: &[u8], code: OpCode) -> Frame {
        let mut bytes = BytesMut::with_capacity(payload.len() + 10);
        Parser::write_message(&mut bytes, payload, code, true, false);
        Frame(bytes.freeze())
    }

    /// A server frame.
    pub fn server(frame: &Server<'_>) -> Frame {
        Frame::text(frame)
    }

    /// Whether a page hears of it: control frames are not shown to pages.
    pub fn is_text(&self) -> bool {
        self.0.first().is_some_and(|first| first & 0x0F == 1)
    }

    /// The answer to the client's frame `id`: what was done.
    pub fn ack(id: i64, data: &impl Serialize) -> Frame {
        Frame::text(&Answer { event: "ack", id: Some(id), data })
    }

    /// The answer to the client's frame: why it was not done.
    pub fn error(id: Option<i64>, problem: &ProblemView<'_>) -> Frame {
        Frame::text(&Answer { event: "error", id, data: problem })
    }

    /// A control frame that asks the peer's WebSocket layer for a sign of life.
    pub fn control_ping() -> Frame {
        Frame::of(b"", OpCode::Ping)
    }

    /// The answer to a peer's control ping.
    pub fn control_pong(payload: &[u8]) -> Frame {
        Frame::of(&payload[..payload.len().min(125)], OpCode::Pong)
    }

    /// The frame after which nothing is sent.
    pub fn close(close: Close) -> Frame {
        let (code, words) = close.row();
        let mut bytes = BytesMut::new();
        let reason = CloseReason { code: code.into(), description: Some(words.to_owned()) };
        Parser::write_close(&mut bytes, Some(reason), false);
        Frame(bytes.freeze())
    }

    /// An event of the room with this uid.
    pub fn event(event: &Event, room: &str) -> Frame {
        let seq = event.seq.0;
        match &event.kind {
            EventKind::Posted(message) => Frame::server(&Server::Message(&view::message(message, room))),
            EventKind::Deleted { message } => Frame::server(&Server::MessageDeleted { room, seq, ids: [message.0] }),
            EventKind::Purged { author } => {
                let user = author.as_ref().map(|author| author.uid.as_str());
                Frame::server(&Server::RoomPurged { room, seq, user })
            }
            EventKind::Moderated { subject, action, until, .. } => Frame::server(&Server::UserModerated {
                room,
                seq,
                user: &view::member(subject),
                action: action.as_str(),
                until: until.map(|until| until.0),
            }),
            EventKind::Configured(settings)
            | EventKind::Pinned { room: settings, .. }
            | EventKind::Unpinned { room: settings, .. } => {
                Frame::server(&Server::RoomUpdated { room: &view::room(settings), seq: Some(seq) })
            }
            EventKind::Closed => Frame::server(&Server::Reset { room, reason: "deleted", seq: Some(seq) }),
        }
    }
}
