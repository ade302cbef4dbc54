//! What the inside looks like from outside: model → JSON, once, for HTTP and WebSocket alike.

use domain::model::event::{Event, EventKind};
use domain::model::log::LogLine;
use domain::model::message::{Message, MessageKind};
use domain::model::rank::Rank;
use domain::model::room::Room;
use domain::model::sanction::SanctionLine;
use domain::model::site::Site;
use domain::model::site_key::SiteKey;
use domain::model::user::{Member, User};
use serde::Serialize;
use utoipa::ToSchema;

/// A user.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserView {
    /// The public name for machines, 10 letters and digits.
    pub uid: String,
    /// The name for people.
    pub display_name: String,
    /// Address of a picture.
    pub picture: Option<String>,
    /// ISO 3166 letters, when known.
    pub country_code: Option<String>,
    /// `guest` or `registered`, `site` for those whom a web site signs in, the highest rank held in the room that is the context,
    /// and the one that holds everywhere.
    pub roles: Vec<&'static str>,
}

/// A user where this rank is held in the room that is the context.
pub fn user_in_room(user: &User, room_rank: Option<Rank>) -> UserView {
    UserView {
        uid: user.uid.to_string(),
        display_name: user.display_name.as_str().to_owned(),
        picture: user.picture.clone(),
        country_code: user.country.clone(),
        roles: user.roles(room_rank).collect(),
    }
}

/// A user in the context of a room.
pub fn member(member: &Member) -> UserView {
    user_in_room(&member.user, member.rank_there())
}

/// A user where no room is the context.
pub fn user(user: &User) -> UserView {
    user_in_room(user, None)
}

/// A user as JSON that is ready but for the rank held in a room.
#[derive(Clone, Debug)]
pub struct UserJson {
    text: String,
    /// Where the rank goes: the roles come last, and between the first of them and those that hold everywhere.
    gap: usize,
}

impl UserJson {
    /// The JSON of [`user_in_room`], whatever the rank.
    pub fn new(user: &User) -> UserJson {
        // Our own types always are JSON.
        let text = serde_json::to_string(&self::user(user)).unwrap_or_default();
        let end = user.rank_everywhere().map_or(0, |rank| rank.as_str().len() + r#","""#.len());
        let gap = text.len().saturating_sub(end + "]}".len());
        UserJson { text, gap }
    }

    /// Its parts, one after the other, where this rank is held in the room.
    pub fn parts(&self, room_rank: Option<Rank>) -> [&str; 5] {
        let (before, after) = self.text.split_at(self.gap);
        let (mark, rank, end) = room_rank.map_or(("", "", ""), |rank| (r#",""#, rank.as_str(), r#"""#));
        [before, mark, rank, end, after]
    }
}

/// A room.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoomView {
    /// The public name for machines, 12 letters and digits.
    pub uid: String,
    /// The name for people.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// The least time between two messages of one author, in seconds; 0 is off.
    pub slow_mode: i64,
    /// What may be written.
    pub rules: RulesView,
    /// Sites whose pages may frame the chat, such as `https://example.org` or `https://*.example.org`; any when empty.
    pub allowed_sites: Vec<String>,
    /// The uid of the site that it belongs to.
    pub site: Option<String>,
    /// The message at the top.
    pub pinned: Option<Box<MessageView>>,
    /// When it was made, ms.
    pub timestamp: i64,
}

/// What may be written in a room.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RulesView {
    /// The longest message in characters.
    pub max_length: usize,
    /// The most lines of a message; further ones are joined to the last.
    pub max_lines: usize,
    /// Whether those below moderator may post links.
    pub links: bool,
    /// Who may read: `everyone` or `members` (those with an account, and guests with a rank in the room).
    pub read: &'static str,
}

/// A room.
pub fn room(room: &Room) -> RoomView {
    RoomView {
        uid: room.uid.to_string(),
        name: room.name.as_str().to_owned(),
        description: room.description.as_str().to_owned(),
        slow_mode: room.rules.slow_mode.as_seconds_up(),
        rules: RulesView {
            max_length: room.rules.max_length,
            max_lines: room.rules.max_lines,
            links: room.rules.links,
            read: room.rules.readers.as_str(),
        },
        allowed_sites: room.frame_ancestors.iter().map(|site| site.as_str().to_owned()).collect(),
        site: room.site.as_ref().map(|site| site.as_str().to_owned()),
        pinned: room.pinned.as_deref().map(|pinned| Box::new(message(pinned, room.uid.as_str()))),
        timestamp: room.created_at.0,
    }
}

/// A web site.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SiteView {
    /// The public name for machines, 8 letters and digits: `iss` of the tokens that it signs.
    pub uid: String,
    /// The name for people.
    pub name: String,
    /// Whose pages may frame the chat of its rooms, such as `https://example.org` or `https://*.example.org`.
    pub origins: Vec<String>,
    /// When it was made, ms.
    pub timestamp: i64,
}

/// A web site.
pub fn site(site: &Site) -> SiteView {
    SiteView {
        uid: site.uid.to_string(),
        name: site.name.as_str().to_owned(),
        origins: site.origins.iter().map(|origin| origin.as_str().to_owned()).collect(),
        timestamp: site.created_at.0,
    }
}

/// A key that a site signs tokens with.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyView {
    /// What tokens name it by, in their header.
    pub kid: String,
    /// `secret` or `public`.
    pub kind: &'static str,
    /// The one algorithm that its tokens are signed with.
    pub algorithm: &'static str,
    /// The name for people; may be empty.
    pub name: String,
    /// When it was made, ms.
    pub created_at: i64,
    /// When a token of it was last seen, ms, to the minute; null for one that nobody used.
    pub last_used_at: Option<i64>,
}

/// A key that a site signs tokens with, without what it signs with.
pub fn site_key(key: &SiteKey) -> KeyView {
    KeyView {
        kid: key.kid.to_string(),
        kind: key.algorithm.kind().as_str(),
        algorithm: key.algorithm.as_str(),
        name: key.name.as_str().to_owned(),
        created_at: key.created_at.0,
        last_used_at: key.last_used_at.map(|at| at.0),
    }
}

/// A message.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageView {
    /// Its number, unique over all rooms.
    pub id: i64,
    /// Its place in the room's log.
    pub seq: i64,
    /// The room's uid.
    pub room: String,
    /// When the server took it, ms.
    pub timestamp: i64,
    /// The text.
    pub message: String,
    /// `action` for what somebody does rather than says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// Who wrote it.
    pub user: UserView,
    /// The id of the message it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<i64>,
}

/// A message of the room with this uid.
pub fn message(message: &Message, room_uid: &str) -> MessageView {
    MessageView {
        id: message.id.0,
        seq: message.seq.0,
        room: room_uid.to_owned(),
        timestamp: message.at.0,
        message: message.text.as_str().to_owned(),
        kind: (message.kind == MessageKind::Action).then_some(message.kind.as_str()),
        user: member(&message.author),
        reply_to: message.reply_to.map(|id| id.0),
    }
}

/// A ban or timeout.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BanView {
    /// Its number.
    pub id: i64,
    /// `ban` or `timeout`.
    pub kind: &'static str,
    /// The room's uid; null for one that holds everywhere.
    pub room: Option<String>,
    /// Whom it was given to.
    pub user: UserView,
    /// Why.
    pub reason: String,
    /// Who gave it.
    pub by: UserView,
    /// Since when, ms.
    pub timestamp: i64,
    /// Until when, ms; null until it is lifted.
    pub until: Option<i64>,
    /// Whether it holds for the network as well.
    pub network: bool,
}

/// A ban or timeout given in the room with this uid, or everywhere.
pub fn ban(line: &SanctionLine, room_uid: Option<&str>) -> BanView {
    BanView {
        id: line.sanction.id.0,
        kind: line.sanction.kind.as_str(),
        room: room_uid.map(str::to_owned),
        user: user(&line.user),
        reason: line.sanction.reason.as_str().to_owned(),
        by: user(&line.by),
        timestamp: line.sanction.starts_at.0,
        until: line.sanction.ends_at.map(|end| end.0),
        network: line.sanction.network.is_some(),
    }
}

/// A line of a room's moderation log.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogView {
    /// Its place in the room's log.
    pub seq: i64,
    /// When, ms.
    pub timestamp: i64,
    /// What: `deleted`, `purged`, `configured`, `pin`, `unpin`, `closed`, or an action such as `ban`.
    pub action: &'static str,
    /// Who did it.
    pub actor: UserView,
    /// To whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<UserView>,
    /// The message that was deleted, pinned or taken down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<i64>,
    /// The room's settings after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomView>,
    /// Until when, ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A line of a room's moderation log.
pub fn log(line: &LogLine) -> LogView {
    let Event { seq, at, kind, .. } = &line.event;
    let mut view = LogView {
        seq: seq.0,
        timestamp: at.0,
        action: action(kind),
        actor: user(&line.actor),
        user: None,
        message: None,
        room: None,
        until: None,
        reason: None,
    };
    match kind {
        EventKind::Posted(message) => view.message = Some(message.id.0),
        EventKind::Deleted { message } | EventKind::Pinned { message, .. } | EventKind::Unpinned { message, .. } => {
            view.message = Some(message.0)
        }
        EventKind::Purged { author } => view.user = author.as_deref().map(user),
        EventKind::Moderated { subject, until, reason, .. } => {
            view.user = Some(member(subject));
            view.until = until.map(|until| until.0);
            view.reason = (!reason.is_empty()).then(|| reason.clone());
        }
        EventKind::Configured(settings) => view.room = Some(room(settings)),
        EventKind::Closed => {}
    }
    view
}

fn action(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::Posted(_) => "posted",
        EventKind::Deleted { .. } => "deleted",
        EventKind::Purged { .. } => "purged",
        EventKind::Moderated { action, .. } => action.as_str(),
        EventKind::Configured(_) => "configured",
        EventKind::Pinned { .. } => "pin",
        EventKind::Unpinned { .. } => "unpin",
        EventKind::Closed => "closed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::model::id::SiteUid;
    use domain::model::user::SiteMembership;
    use testkit::builders::known_user;

    #[test]
    fn ready_json_is_the_json_of_the_user_with_whatever_rank() {
        let ann = User { picture: Some("https://example.org/\"a\".png".to_owned()), ..known_user(1, "ann") };
        let guest = User { username: None, rank: Rank::Guest, ..ann.clone() };
        let admin = User { rank: Rank::Admin, country: Some("DE".to_owned()), ..ann.clone() };
        let site = SiteUid::parse("abcdEF01").map(|site| SiteMembership { site, rank: Some(Rank::Mod) });
        let signed_in = User { username: None, site, ..ann.clone() };
        for user in [ann, guest, admin, signed_in] {
            let json = UserJson::new(&user);
            for rank in [None, Some(Rank::Vip), Some(Rank::Mod), Some(Rank::Owner)] {
                let expected = serde_json::to_string(&user_in_room(&user, rank)).unwrap();
                assert_eq!(json.parts(rank).concat(), expected);
            }
        }
    }
}
