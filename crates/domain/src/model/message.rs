//! What was said.

use crate::model::id::{MessageId, RoomId, Seq};
use crate::model::text::{Body, Nonce};
use crate::model::time::Timestamp;
use crate::model::user::Member;

/// A message that stands in a room's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its number, unique over all rooms.
    pub id: MessageId,
    /// Its place in the room, for ever.
    pub seq: Seq,
    pub room: RoomId,
    /// Who said it, with the rank held in the room now.
    pub author: Member,
    pub text: Body,
    /// Said or done.
    pub kind: MessageKind,
    /// The message it answers.
    pub reply_to: Option<MessageId>,
    /// When the server took it.
    pub at: Timestamp,
}

/// How a message is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// `ann: hello`
    Say,
    /// `* ann waves`, from `/me waves`.
    Action,
}

impl MessageKind {
    /// Its name in JSON and SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            MessageKind::Say => "say",
            MessageKind::Action => "action",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<MessageKind> {
        [MessageKind::Say, MessageKind::Action].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A message that wants to be posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    pub text: Body,
    /// Said or done.
    pub kind: MessageKind,
    /// The message it answers, in the same room.
    pub reply_to: Option<MessageId>,
    /// The sender's own name for this message: the same one again is the same message, not another.
    pub nonce: Option<Nonce>,
}
