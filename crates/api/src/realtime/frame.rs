//! Ready WebSocket frames: encoded once, shared by all who get them.

use crate::problem::ProblemView;
use crate::realtime::protocol::{Answer, Close, Server};
use crate::view::{self, UserJson};
use actix_http::ws::{CloseReason, OpCode, Parser};
use bytes::{Bytes, BytesMut};
use domain::delivery::tail::Weight;
use domain::model::event::{Event, EventKind};
use domain::model::rank::Rank;
use serde::Serialize;

/// What the JSON of [`Server::RoomUsers`] ends with.
const USERS_END: &str = "]}}";

/// The longest header of a frame without a mask, in bytes.
const HEADER_MAX: usize = 10;

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

    /// The frame of who is in a room: its users' JSON, put together. The iterator is run twice.
    pub fn users<'a>(
        room: &str,
        count: usize,
        users: impl Iterator<Item = (&'a UserJson, Option<Rank>)> + Clone,
    ) -> Frame {
        let around = serde_json::to_string(&Server::RoomUsers { room, count, users: &[] }).unwrap_or_default();
        let (before, after) = around.split_at(around.len().saturating_sub(USERS_END.len()));
        let parts = || {
            let commas = std::iter::once("").chain(std::iter::repeat(","));
            let users = users.clone().zip(commas);
            let users = users.flat_map(|((user, rank), comma)| std::iter::once(comma).chain(user.parts(rank)));
            std::iter::once(before).chain(users).chain(std::iter::once(after))
        };
        let length = parts().map(str::len).sum();
        let mut bytes = Vec::with_capacity(length + HEADER_MAX);
        write_header(length, &mut bytes);
        parts().for_each(|part| bytes.extend_from_slice(part.as_bytes()));
        Frame(bytes.into())
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

/// The header of a text of so many bytes (RFC 6455, section 5.2).
fn write_header(length: usize, bytes: &mut Vec<u8>) {
    bytes.push(0x81);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => bytes.push(short),
        (_, Ok(medium)) => {
            bytes.push(126);
            bytes.extend(medium.to_be_bytes());
        }
        _ => {
            bytes.push(127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::model::user::User;
    use testkit::builders::known_user;

    #[test]
    fn the_frame_of_users_that_was_put_together_is_the_frame_of_the_protocol() {
        let picture = format!("https://example.org/{}", "p".repeat(400));
        for (count, picture) in [(0, None), (1, None), (3, None), (200, None), (200, Some(picture))] {
            let user = |id: i64| User { picture: picture.clone(), ..known_user(id, &format!("user{id}")) };
            let users: Vec<User> = (1..=count).map(user).collect();
            let rank = |user: &User| (user.id.0 % 2 == 0).then_some(Rank::Mod);
            let views: Vec<_> = users.iter().map(|user| view::user_in_room(user, rank(user))).collect();
            let expected = Frame::server(&Server::RoomUsers { room: "r", count: 7, users: &views });
            let ready: Vec<_> = users.iter().map(|user| (UserJson::new(user), rank(user))).collect();
            let frame = Frame::users("r", 7, ready.iter().map(|(json, rank)| (json, *rank)));
            assert_eq!(frame.0, expected.0, "{count} users");
        }
    }
}
