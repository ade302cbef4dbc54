//! A room and its settings.

use crate::model::frame_ancestor::FrameAncestor;
use crate::model::id::{Epoch, RoomId, RoomUid, Seq, SiteUid, UserId};
use crate::model::message::Message;
use crate::model::rank::Rank;
use crate::model::text::{Description, RoomName};
use crate::model::time::{Span, Timestamp};
use std::sync::Arc;

/// A room: one log that everybody in it reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    pub id: RoomId,
    /// The public name for machines.
    pub uid: RoomUid,
    /// The public name for people.
    pub name: RoomName,
    /// What the room is about.
    pub description: Description,
    /// Who made it.
    pub owner: UserId,
    /// What may be written.
    pub rules: Rules,
    /// Whose pages may frame the chat; anybody's when empty.
    pub frame_ancestors: Vec<FrameAncestor>,
    /// The site that it belongs to.
    pub site: Option<SiteUid>,
    /// The message at the top, unless it was deleted; shown as it is when the room is read.
    pub pinned: Option<Arc<Message>>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Room {
    /// Takes the pinned message down when it is one of these.
    pub fn unpin_if(&mut self, is_gone: impl FnOnce(&Message) -> bool) {
        if self.pinned.as_deref().is_some_and(is_gone) {
            self.pinned = None;
        }
    }
}

/// What may be written in a room, and who reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The least time between two messages of one author, whole seconds; zero is off.
    pub slow_mode: Span,
    /// The longest message in characters, 1 to [`crate::model::text::Body::MAX`].
    pub max_length: usize,
    /// The most lines of a message, 1 to [`LINES_MAX`]; further ones are joined to the last.
    pub max_lines: usize,
    /// Whether those below moderator may post links.
    pub links: bool,
    /// Who may read.
    pub readers: Readers,
}

/// Who may read a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Readers {
    /// Whoever is not banned, logged in or not.
    #[default]
    Everyone,
    /// Those with an account, and guests who hold a rank in the room.
    Members,
}

impl Readers {
    /// The name on the wire and in the stores.
    pub fn as_str(self) -> &'static str {
        match self {
            Readers::Everyone => "everyone",
            Readers::Members => "members",
        }
    }

    /// The readers of that name.
    pub fn parse(name: &str) -> Option<Readers> {
        [Readers::Everyone, Readers::Members].into_iter().find(|readers| readers.as_str() == name)
    }

    /// The least rank that reads; `None` needs no login.
    pub fn least_rank(self) -> Option<Rank> {
        match self {
            Readers::Everyone => None,
            Readers::Members => Some(Rank::Registered),
        }
    }
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            slow_mode: Span::ZERO,
            max_length: crate::model::text::Body::MAX,
            max_lines: 12,
            links: true,
            readers: Readers::Everyone,
        }
    }
}

/// The longest slow mode: a day.
pub const SLOW_MODE_MAX: Span = Span::days(1);

/// The most lines that a room may allow: what a large screen shows.
pub const LINES_MAX: usize = 100;

/// A room to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRoom {
    /// The public name, from the id source.
    pub uid: RoomUid,
    /// The name for people.
    pub name: RoomName,
    pub description: Description,
    /// Who makes it.
    pub owner: UserId,
    /// The site that it belongs to.
    pub site: Option<SiteUid>,
    /// A number from the id source, see [`Epoch`].
    pub epoch: Epoch,
    pub created_at: Timestamp,
}

/// What changes of a room; `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomChange {
    /// A new name.
    pub name: Option<RoomName>,
    /// A new description.
    pub description: Option<Description>,
    /// A new slow mode.
    pub slow_mode: Option<Span>,
    /// A new longest message.
    pub max_length: Option<usize>,
    /// A new number of lines.
    pub max_lines: Option<usize>,
    /// Whether links are allowed.
    pub links: Option<bool>,
    /// Who may read.
    pub readers: Option<Readers>,
    /// Whose pages may frame the chat.
    pub frame_ancestors: Option<Vec<FrameAncestor>>,
    /// The site that it belongs to; `Some(None)` takes it out of its site.
    pub site: Option<Option<SiteUid>>,
}

impl RoomChange {
    /// The room as it is after the change.
    pub fn applied_to(&self, mut room: Room) -> Room {
        if let Some(name) = &self.name {
            room.name = name.clone();
        }
        if let Some(description) = &self.description {
            room.description = description.clone();
        }
        if let Some(list) = &self.frame_ancestors {
            room.frame_ancestors = list.clone();
        }
        if let Some(site) = &self.site {
            room.site = site.clone();
        }
        room.rules.slow_mode = self.slow_mode.unwrap_or(room.rules.slow_mode);
        room.rules.max_length = self.max_length.unwrap_or(room.rules.max_length);
        room.rules.max_lines = self.max_lines.unwrap_or(room.rules.max_lines);
        room.rules.readers = self.readers.unwrap_or(room.rules.readers);
        room.rules.links = self.links.unwrap_or(room.rules.links);
        room
    }
}

/// Where a room's log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which history the numbers belong to.
    pub epoch: Epoch,
    /// The last event's place; [`Seq::ZERO`] in an empty log.
    pub seq: Seq,
}
