//! A room's latest messages in memory, so that who enters a room in use is shown them without asking the store.

use crate::model::event::{Event, EventKind};
use crate::model::id::{Seq, UserId};
use crate::model::message::Message;
use crate::model::room::Head;

/// The latest messages of a room, with everything taken in that happened up to its head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latest {
    head: Head,
    messages: Vec<Message>,
    limit: usize,
    /// Whether the room has no older messages than these.
    is_all: bool,
}

impl Latest {
    /// What the store has at `head`: at most `limit` messages, ascending; fewer when there are no more.
    pub fn new(head: Head, messages: Vec<Message>, limit: usize) -> Latest {
        let is_all = messages.len() < limit;
        Latest { head, messages, limit, is_all }
    }

    /// As of where in the log.
    pub fn head(&self) -> Head {
        self.head
    }

    /// Ascending by seq.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Whether one of them is by this user.
    pub fn has_author(&self, user: UserId) -> bool {
        self.messages.iter().any(|message| message.author.user.id == user)
    }

    /// Everything up to `head` is taken in.
    pub fn cover(&mut self, head: Seq) {
        self.head.seq = self.head.seq.max(head);
    }

    /// Takes in the next event. False when these are no longer the latest messages, and the store must be asked: older ones
    /// would have to move up, or an author is shown in another way.
    #[must_use]
    pub fn apply(&mut self, event: &Event) -> bool {
        if event.seq <= self.head.seq {
            return true;
        }
        self.head.seq = event.seq;
        let before = self.messages.len();
        match &event.kind {
            EventKind::Posted(message) => {
                self.messages.push((**message).clone());
                if self.messages.len() > self.limit {
                    self.messages.remove(0);
                    self.is_all = false;
                }
                return true;
            }
            EventKind::Deleted { message } => self.messages.retain(|known| known.id != *message),
            EventKind::Purged { author: None } => {
                self.messages.clear();
                self.is_all = true;
            }
            EventKind::Purged { author: Some(author) } => {
                self.messages.retain(|known| known.author.user.id != author.id);
            }
            EventKind::Moderated { subject, action, .. } => {
                return action.room_rank().is_none() || !self.has_author(subject.user.id);
            }
            EventKind::Configured(_) | EventKind::Pinned { .. } | EventKind::Unpinned { .. } | EventKind::Closed => {}
        }
        self.is_all || self.messages.len() == before
    }
}
