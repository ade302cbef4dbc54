//! What the domain knows, as JSON objects between nodes. A field that is missing takes its default, so that fields may be added.

use domain::model::connection::ConnectionInfo;
use domain::model::event::{Event, EventKind, ModerationAction};
use domain::model::frame_ancestor::FrameAncestor;
use domain::model::id::{MessageId, RoomId, RoomUid, Seq, SiteUid, UserId, UserUid};
use domain::model::message::{Message, MessageKind};
use domain::model::name::{DisplayName, Username};
use domain::model::rank::Rank;
use domain::model::room::{Readers, Room, Rules};
use domain::model::text::{Body, Description, RoomName};
use domain::model::time::{Span, Timestamp};
use domain::model::user::{Member, Network, SiteMembership, User};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

/// A user, with all that a row has.
#[derive(Deserialize, Serialize)]
pub struct UserRecord {
    id: i64,
    uid: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    display_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    picture: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    country: Option<String>,
    rank: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    network: Option<String>,
    created_at: i64,
    /// The uid of the site that signs the user in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    site: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    site_rank: Option<String>,
}

impl From<&User> for UserRecord {
    fn from(user: &User) -> UserRecord {
        UserRecord {
            id: user.id.0,
            uid: user.uid.as_str().to_owned(),
            username: user.username.as_ref().map(|name| name.as_str().to_owned()),
            display_name: user.display_name.as_str().to_owned(),
            picture: user.picture.clone(),
            country: user.country.clone(),
            rank: user.rank.as_str().to_owned(),
            network: user.network.as_ref().map(|network| network.0.clone()),
            created_at: user.created_at.0,
            site: user.site.as_ref().map(|membership| membership.site.as_str().to_owned()),
            site_rank: user.site.as_ref().and_then(|membership| membership.rank).map(name),
        }
    }
}

impl UserRecord {
    /// The user; `None` when a word in it is unknown.
    pub fn into_user(self) -> Option<User> {
        let site_rank = rank(self.site_rank)?;
        let site = match self.site {
            Some(uid) => Some(SiteMembership { site: SiteUid::parse(&uid)?, rank: site_rank }),
            None => None,
        };
        Some(User {
            id: UserId(self.id),
            uid: UserUid::parse(&self.uid)?,
            username: self.username.map(Username::stored),
            display_name: DisplayName::stored(self.display_name),
            picture: self.picture,
            country: self.country,
            rank: Rank::parse(&self.rank)?,
            network: self.network.map(Network),
            created_at: Timestamp(self.created_at),
            site,
        })
    }
}

#[derive(Deserialize, Serialize)]
struct MemberRecord {
    user: UserRecord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    room_rank: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    site_rank: Option<String>,
}

fn name(rank: Rank) -> String {
    rank.as_str().to_owned()
}

/// A rank that may be missing; `None` when its name is unknown.
fn rank(name: Option<String>) -> Option<Option<Rank>> {
    match name {
        Some(name) => Rank::parse(&name).map(Some),
        None => Some(None),
    }
}

impl From<&Member> for MemberRecord {
    fn from(member: &Member) -> MemberRecord {
        let (room_rank, site_rank) = (member.room_rank.map(name), member.site_rank.map(name));
        MemberRecord { user: (&member.user).into(), room_rank, site_rank }
    }
}

impl MemberRecord {
    fn into_member(self) -> Option<Member> {
        let (room_rank, site_rank) = (rank(self.room_rank)?, rank(self.site_rank)?);
        Some(Member { user: self.user.into_user()?, room_rank, site_rank })
    }
}

#[derive(Deserialize, Serialize)]
struct MessageRecord {
    id: i64,
    seq: i64,
    room: i64,
    author: MemberRecord,
    text: String,
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply_to: Option<i64>,
    created_at: i64,
}

impl From<&Message> for MessageRecord {
    fn from(message: &Message) -> MessageRecord {
        MessageRecord {
            id: message.id.0,
            seq: message.seq.0,
            room: message.room.0,
            author: (&message.author).into(),
            text: message.text.as_str().to_owned(),
            kind: message.kind.as_str().to_owned(),
            reply_to: message.reply_to.map(|id| id.0),
            created_at: message.at.0,
        }
    }
}

impl MessageRecord {
    fn into_message(self) -> Option<Message> {
        Some(Message {
            id: MessageId(self.id),
            seq: Seq(self.seq),
            room: RoomId(self.room),
            author: self.author.into_member()?,
            text: Body::stored(self.text),
            kind: MessageKind::parse(&self.kind)?,
            reply_to: self.reply_to.map(MessageId),
            at: Timestamp(self.created_at),
        })
    }
}

#[derive(Deserialize, Serialize)]
struct RoomRecord {
    id: i64,
    uid: String,
    name: String,
    description: String,
    owner: i64,
    slow_mode: i64,
    max_length: usize,
    max_lines: usize,
    links: bool,
    readers: String,
    sites: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    site: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pinned: Option<MessageRecord>,
    created_at: i64,
}

impl From<&Room> for RoomRecord {
    fn from(room: &Room) -> RoomRecord {
        RoomRecord {
            id: room.id.0,
            uid: room.uid.as_str().to_owned(),
            name: room.name.as_str().to_owned(),
            description: room.description.as_str().to_owned(),
            owner: room.owner.0,
            slow_mode: room.rules.slow_mode.as_millis(),
            max_length: room.rules.max_length,
            max_lines: room.rules.max_lines,
            links: room.rules.links,
            readers: room.rules.readers.as_str().to_owned(),
            site: room.site.as_ref().map(|site| site.as_str().to_owned()),
            sites: room.frame_ancestors.iter().map(|site| site.as_str().to_owned()).collect(),
            pinned: room.pinned.as_deref().map(MessageRecord::from),
            created_at: room.created_at.0,
        }
    }
}

impl RoomRecord {
    fn into_room(self) -> Option<Room> {
        let pinned = match self.pinned {
            Some(message) => Some(Arc::new(message.into_message()?)),
            None => None,
        };
        Some(Room {
            id: RoomId(self.id),
            uid: RoomUid::parse(&self.uid)?,
            name: RoomName::stored(self.name),
            description: Description::stored(self.description),
            owner: UserId(self.owner),
            rules: Rules {
                slow_mode: Span::millis(self.slow_mode),
                max_length: self.max_length,
                max_lines: self.max_lines,
                links: self.links,
                readers: Readers::parse(&self.readers)?,
            },
            frame_ancestors: self.sites.into_iter().map(FrameAncestor::stored).collect(),
            site: self.site.as_deref().and_then(SiteUid::parse),
            pinned,
            created_at: Timestamp(self.created_at),
        })
    }
}

/// An event of a log: its kind, and what that kind has.
#[derive(Deserialize, Serialize)]
pub struct EventRecord<'a> {
    seq: i64,
    created_at: i64,
    actor: i64,
    kind: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    posted: Option<MessageRecord>,
    /// The message that was deleted, pinned or taken down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<i64>,
    /// Whose messages were purged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    author: Option<UserRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<MemberRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    action: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The room as after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    room: Option<RoomRecord>,
}

impl From<&Event> for EventRecord<'_> {
    fn from(event: &Event) -> Self {
        let (seq, created_at, actor) = (event.seq.0, event.at.0, event.actor.0);
        let of = |kind| EventRecord {
            seq,
            created_at,
            actor,
            kind: Cow::Borrowed(kind),
            posted: None,
            message: None,
            author: None,
            subject: None,
            action: None,
            until: None,
            reason: None,
            room: None,
        };
        let pinning = |kind, message: &MessageId, room: &Room| EventRecord {
            message: Some(message.0),
            room: Some(room.into()),
            ..of(kind)
        };
        match &event.kind {
            EventKind::Posted(message) => EventRecord { posted: Some((&**message).into()), ..of("posted") },
            EventKind::Deleted { message } => EventRecord { message: Some(message.0), ..of("deleted") },
            EventKind::Purged { author } => {
                EventRecord { author: author.as_deref().map(UserRecord::from), ..of("purged") }
            }
            EventKind::Moderated { subject, action, until, reason } => EventRecord {
                subject: Some((&**subject).into()),
                action: Some(action.as_str().to_owned()),
                until: until.map(|end| end.0),
                reason: Some(reason.clone()),
                ..of("moderated")
            },
            EventKind::Configured(room) => EventRecord { room: Some((&**room).into()), ..of("configured") },
            EventKind::Pinned { message, room } => pinning("pinned", message, room),
            EventKind::Unpinned { message, room } => pinning("unpinned", message, room),
            EventKind::Closed => of("closed"),
        }
    }
}

impl EventRecord<'_> {
    /// The event of a room's log; `None` when a word in it is unknown or something is missing.
    pub fn into_event(self, room: RoomId) -> Option<Event> {
        let kind = match &*self.kind {
            "posted" => EventKind::Posted(Box::new(self.posted?.into_message()?)),
            "deleted" => EventKind::Deleted { message: MessageId(self.message?) },
            "purged" => {
                let author = match self.author {
                    Some(author) => Some(Box::new(author.into_user()?)),
                    None => None,
                };
                EventKind::Purged { author }
            }
            "moderated" => EventKind::Moderated {
                subject: Box::new(self.subject?.into_member()?),
                action: ModerationAction::parse(&self.action?)?,
                until: self.until.map(Timestamp),
                reason: self.reason?,
            },
            "configured" => EventKind::Configured(Box::new(self.room?.into_room()?)),
            "pinned" => {
                EventKind::Pinned { message: MessageId(self.message?), room: Box::new(self.room?.into_room()?) }
            }
            "unpinned" => {
                EventKind::Unpinned { message: MessageId(self.message?), room: Box::new(self.room?.into_room()?) }
            }
            "closed" => EventKind::Closed,
            _ => return None,
        };
        Some(Event { room, seq: Seq(self.seq), at: Timestamp(self.created_at), actor: UserId(self.actor), kind })
    }
}

/// A connection, without its login.
#[derive(Deserialize, Serialize)]
pub struct ConnectionRecord {
    id: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<UserRecord>,
    rooms: Vec<(i64, String)>,
    since: i64,
}

impl From<&ConnectionInfo> for ConnectionRecord {
    fn from(info: &ConnectionInfo) -> ConnectionRecord {
        ConnectionRecord {
            id: info.id,
            user: info.user.as_deref().map(UserRecord::from),
            rooms: info.rooms.iter().map(|(id, uid)| (id.0, uid.as_str().to_owned())).collect(),
            since: info.since.0,
        }
    }
}

impl ConnectionRecord {
    /// The connection; `None` when a word in it is unknown.
    pub fn into_connection(self) -> Option<ConnectionInfo> {
        let user = match self.user {
            Some(user) => Some(Arc::new(user.into_user()?)),
            None => None,
        };
        let rooms = self.rooms.into_iter().map(|(id, uid)| Some((RoomId(id), RoomUid::parse(&uid)?)));
        Some(ConnectionInfo {
            id: self.id,
            user,
            rooms: rooms.collect::<Option<_>>()?,
            since: Timestamp(self.since),
            login: None,
        })
    }
}
