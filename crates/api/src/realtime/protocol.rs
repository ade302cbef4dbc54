//! The words of the WebSocket protocol: client frames, server frames, close codes. docs/protocol.md says the same for
//! people, and a test reads its examples with this file.

use crate::problem::{Code, Problem};
use crate::view::{MessageView, RoomView, UserView};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The subprotocol that is offered and echoed.
pub const SUBPROTOCOL: &str = "banter.v1";

/// What a subprotocol that carries a token begins with. Never echoed.
pub const BEARER: &str = "bearer.";

/// How often something is sent, at least, in milliseconds (Centrifugo's value).
pub const HEARTBEAT_MS: u64 = 25_000;

/// The longest frame a client may send, in bytes, fragments added up.
pub const FRAME_MAX: u64 = 16 * 1024;

/// Why the server closes a socket, and with it whether the client should come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// The client asked for it.
    Normal,
    /// A frame that breaks the protocol (RFC 6455, section 5).
    Protocol,
    /// Text that is not UTF-8 (RFC 6455, section 8.1).
    BadText,
    /// A frame was too large.
    TooLarge,
    /// The server is about to stop: come back, spread out.
    Draining,
    /// The login was ended: come back without its token.
    TokenEnded,
    /// The login expired: come back with a new token, or without.
    TokenExpired,
    /// Banned everywhere: do not come back.
    Banned,
    /// The process has as many sockets as it can: come back.
    Overloaded,
    /// The address or the user has too many sockets: do not come back.
    TooMany,
    /// Too many frames: come back.
    TooFast,
    /// Nothing was heard, or not fast enough: come back.
    TooSlow,
    /// An administrator closed it: come back.
    ByAdmin,
}

impl Close {
    /// All of them.
    pub const ALL: [Close; 13] = [
        Close::Normal,
        Close::Protocol,
        Close::BadText,
        Close::TooLarge,
        Close::Draining,
        Close::TokenEnded,
        Close::TokenExpired,
        Close::Banned,
        Close::Overloaded,
        Close::TooMany,
        Close::TooFast,
        Close::TooSlow,
        Close::ByAdmin,
    ];

    /// The code and the words in the close frame.
    pub fn row(self) -> (u16, &'static str) {
        match self {
            Close::Normal => (1000, ""),
            Close::Protocol => (1002, "protocol error"),
            Close::BadText => (1007, "text that is not UTF-8"),
            Close::TooLarge => (1009, "frame too large"),
            Close::Draining => (1012, "server restarts"),
            Close::TokenEnded => (4001, "login ended"),
            Close::TokenExpired => (4010, "login expired"),
            Close::Banned => (4003, "banned"),
            Close::Overloaded => (1013, "too busy"),
            Close::TooMany => (4009, "too many connections"),
            Close::TooFast => (4008, "too fast"),
            Close::TooSlow => (4008, "too slow"),
            Close::ByAdmin => (4008, "closed by an administrator"),
        }
    }
}

/// A frame from a client, its words not yet read.
#[derive(Debug, Deserialize)]
pub struct Envelope {
    pub event: String,
    #[serde(default)]
    pub data: Value,
    /// The client's number for it; the answer carries it.
    #[serde(default)]
    pub id: Option<i64>,
}

/// What a client asks for.
#[derive(Debug)]
pub enum Request {
    /// Be somebody.
    Login(Login),
    /// Be nobody.
    Logout,
    /// Enter a room, or go on in it.
    Join(Join),
    /// Leave a room.
    Leave(Leave),
    /// Say something.
    SendMessage(SendMessage),
    /// I am here.
    Pong,
}

/// The data of `login`.
#[derive(Debug, Deserialize)]
pub struct Login {
    /// The token.
    pub token: String,
}

/// The data of `join`.
#[derive(Debug, Deserialize)]
pub struct Join {
    /// The room's uid.
    pub uid: String,
    /// The last seq that the client has.
    #[serde(default)]
    pub since: Option<i64>,
    /// The epoch that it had it in.
    #[serde(default)]
    pub epoch: Option<i64>,
}

/// The data of `leave`.
#[derive(Debug, Deserialize)]
pub struct Leave {
    /// The room's uid.
    pub uid: String,
}

/// The data of `sendMessage`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SendMessage {
    /// The room's uid; the room joined last unless given.
    #[serde(default)]
    pub room: Option<String>,
    /// A text or a command.
    pub text: String,
    /// The sender's own name for it.
    #[serde(default)]
    pub nonce: Option<String>,
    /// The message it answers.
    #[serde(default, alias = "reply_to")]
    pub reply_to: Option<i64>,
}

impl Envelope {
    /// Reads a text frame. On failure, the number to answer with, if it could be made out.
    pub fn parse(text: &str) -> Result<Envelope, (Option<i64>, Problem)> {
        serde_json::from_str(text).map_err(|error| {
            let id = serde_json::from_str::<Value>(text).ok().and_then(|value| value.get("id")?.as_i64());
            let detail = if error.is_data() {
                "a frame is an object with an event, and its id is a whole number"
            } else {
                "a frame is one JSON object"
            };
            (id, Problem::new(Code::BadRequest, detail))
        })
    }

    /// Reads what it says.
    pub fn request(self) -> Result<Request, Problem> {
        match self.event.as_str() {
            "login" => data(self.data).map(Request::Login),
            "logout" => Ok(Request::Logout),
            "join" => data(self.data).map(Request::Join),
            "leave" => data(self.data).map(Request::Leave),
            "sendMessage" => data(self.data).map(Request::SendMessage),
            "pong" => Ok(Request::Pong),
            other => {
                let name: String = other.chars().take(32).collect();
                Err(Problem::new(Code::UnknownFrame, format!("There is no frame {name:?}")))
            }
        }
    }
}

fn data<T: for<'de> Deserialize<'de>>(value: Value) -> Result<T, Problem> {
    serde_json::from_value(value)
        .map_err(|error| Problem::new(Code::BadRequest, format!("The data of the frame is wrong: {error}")))
}

/// The data of the ack of a message: where it stands.
#[derive(Debug, Serialize)]
pub struct MessageAck {
    /// Its number, unique over all rooms.
    pub id: i64,
    /// Its place in the room's log.
    pub seq: i64,
    /// When the server took it, ms.
    pub timestamp: i64,
}

/// A frame from the server.
#[derive(Debug, Serialize)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
pub enum Server<'a> {
    /// The first frame.
    Welcome {
        /// The connection's number, for administrators.
        connection: u64,
        /// The longest silence to expect, ms.
        heartbeat: u64,
        /// How to come back.
        reconnect: Reconnect,
    },
    /// Who the socket is from now on.
    AuthUpdated {
        /// Null when nobody.
        user: Option<&'a UserView>,
        /// A new token, when the socket logged in by a command.
        #[serde(skip_serializing_if = "Option::is_none")]
        token: Option<&'a str>,
    },
    /// The login of the socket is about to end: log in with another token of the same user before it does.
    AuthExpiring {
        /// In how many seconds it ends.
        #[serde(rename = "expiresIn")]
        expires_in: i64,
    },
    /// A room's settings.
    RoomUpdated {
        room: &'a RoomView,
        /// The event's place, when it is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<i64>,
    },
    /// The latest messages of a room.
    RoomMessages {
        /// The room's uid.
        room: &'a str,
        /// Ascending.
        messages: &'a [MessageView],
        /// The client's cursor from now on.
        head: i64,
        /// Which history it belongs to.
        epoch: i64,
    },
    /// Who is in a room.
    RoomUsers {
        /// The room's uid.
        room: &'a str,
        /// How many connections.
        count: usize,
        /// Who is logged in, at most 200.
        users: &'a [UserView],
    },
    Message(&'a MessageView),
    /// Messages that are gone.
    MessageDeleted {
        /// The room's uid.
        room: &'a str,
        /// The event's place.
        seq: i64,
        ids: [i64; 1],
    },
    /// All messages before `seq` are gone, or one author's.
    RoomPurged {
        /// The room's uid.
        room: &'a str,
        /// The event's place.
        seq: i64,
        /// Whose, by uid; everybody's without.
        #[serde(skip_serializing_if = "Option::is_none")]
        user: Option<&'a str>,
    },
    /// Somebody has another name, picture or rank.
    UserUpdated {
        user: &'a UserView,
    },
    /// Somebody was sanctioned, appointed, or the contrary.
    UserModerated {
        /// The room's uid.
        room: &'a str,
        /// The event's place.
        seq: i64,
        /// To whom, with the roles after it.
        user: &'a UserView,
        action: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<i64>,
    },
    /// How many are in a room.
    Presence {
        /// The room's uid.
        room: &'a str,
        /// How many connections.
        count: usize,
    },
    /// Something for this client alone.
    System {
        #[serde(rename = "type")]
        kind: &'static str,
        /// Lines.
        text: &'a str,
    },
    /// What the client has of a room is void.
    Reset {
        /// The room's uid.
        room: &'a str,
        /// `epoch`, `ahead`, `behind`, or `deleted`.
        reason: &'static str,
        /// The event's place, when it is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<i64>,
    },
    /// Are you there?
    Ping {},
}

/// How to come back.
#[derive(Debug, Serialize)]
pub struct Reconnect {
    /// The first wait at the most, ms; each further one may be twice as long.
    pub base: u64,
    /// The longest wait, ms.
    pub cap: u64,
    /// After a restart, the time over which all clients spread, ms.
    pub window: u64,
}

/// An answer: `ack` or `error`.
#[derive(Debug, Serialize)]
pub struct Answer<'a, T> {
    /// `ack` or `error`.
    pub event: &'static str,
    /// The client's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    pub data: &'a T,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_frame_is_told_with_its_id_where_it_has_one() {
        for (text, id) in [
            ("", None),
            ("hello", None),
            ("[]", None),
            ("{}", None),
            (r#"{"event":5,"id":7}"#, Some(7)),
            (r#"{"id":7}"#, Some(7)),
            (r#"{"event":"join","id":"x"}"#, None),
            (r#"{"event":"join","id":1.5}"#, None),
            (&"[".repeat(10_000), None),
        ] {
            let (found, problem) = Envelope::parse(text).unwrap_err();
            assert_eq!((found, problem.code), (id, "bad_request"), "{text:.40}");
        }
    }

    #[test]
    fn wrong_data_is_told_and_unknown_fields_are_ignored() {
        let request = |text: &str| Envelope::parse(text).unwrap().request();
        assert_eq!(request(r#"{"event":"dance"}"#).unwrap_err().code, "unknown_frame");
        for bad in [
            r#"{"event":"join"}"#,
            r#"{"event":"join","data":5}"#,
            r#"{"event":"join","data":{"uid":{}}}"#,
            r#"{"event":"login","data":{"token":null}}"#,
            r#"{"event":"sendMessage","data":{"text":["a"]}}"#,
        ] {
            assert_eq!(request(bad).unwrap_err().code, "bad_request", "{bad}");
        }
        assert!(matches!(request(r#"{"event":"pong","data":{"x":1},"y":2}"#), Ok(Request::Pong)));
    }
}
