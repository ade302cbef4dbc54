//! For whom an event is.

use crate::model::event::{Event, EventKind, ModerationAction};
use crate::model::id::UserId;
use crate::model::rank::Rank;
use crate::model::room::Readers;
use crate::model::user::Member;

/// Who may know of an event. Everybody else's cursor passes it as if it were not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Whoever is in the room.
    Everybody,
    /// Moderators of the room and those above them.
    Moderators,
    /// One user, and the moderators.
    User(UserId),
}

/// Who reads a room's log: a user, or nobody in particular.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recipient {
    /// `None` for an anonymous recipient.
    pub user: Option<UserId>,
    /// Whether the user's rank in the room is that of a moderator at least.
    pub is_moderator: bool,
    /// The user's rank in the room; `None` for an anonymous recipient.
    pub rank: Option<Rank>,
    /// The least rank that reads the room; `None` when it needs no login.
    pub least_rank: Option<Rank>,
}

impl Audience {
    /// Whether `recipient` is among them.
    pub fn includes(self, recipient: Recipient) -> bool {
        match self {
            Audience::Everybody => true,
            Audience::Moderators => recipient.is_moderator,
            Audience::User(user) => recipient.is_moderator || recipient.user == Some(user),
        }
    }
}

impl Recipient {
    /// Somebody with the rank held in a room, which has these readers; an anonymous recipient is no member.
    pub fn of(member: Option<&Member>, readers: Readers) -> Recipient {
        Recipient {
            user: member.map(|member| member.user.id),
            is_moderator: member.is_some_and(|member| member.rank() >= Rank::Mod),
            rank: member.map(Member::rank),
            least_rank: readers.least_rank(),
        }
    }

    /// Whether the rule of the room lets the recipient read it.
    pub fn may_read(self) -> bool {
        self.least_rank.is_none_or(|least| self.rank >= Some(least))
    }

    /// The same recipient after an event, which may have given or taken a rank, or changed who may read.
    pub fn after(self, event: &Event) -> Recipient {
        match &event.kind {
            EventKind::Moderated { subject, .. } if self.user == Some(subject.user.id) => {
                Recipient { least_rank: self.least_rank, ..Recipient::of(Some(subject), Readers::Everyone) }
            }
            EventKind::Configured(room) => Recipient { least_rank: room.rules.readers.least_rank(), ..self },
            _ => self,
        }
    }
}

impl Event {
    /// For whom it is.
    pub fn audience(&self) -> Audience {
        Audience::Everybody
    }

    /// Whether `recipient` is out of the room after it: who is banned or may not read it any more, and everybody when the
    /// room closes.
    pub fn removes(&self, recipient: Recipient) -> bool {
        match &self.kind {
            EventKind::Moderated { subject, action: ModerationAction::Ban, .. } => {
                recipient.user == Some(subject.user.id)
            }
            EventKind::Closed => true,
            EventKind::Configured(_) | EventKind::Moderated { .. } => !recipient.after(self).may_read(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audience_is_everybody_or_the_moderators_or_one_user_and_the_moderators() {
        let anonymous = Recipient::default();
        let ann = Recipient { user: Some(UserId(1)), ..Recipient::default() };
        let bob = Recipient { user: Some(UserId(2)), ..Recipient::default() };
        let keeper = Recipient { user: Some(UserId(3)), is_moderator: true, ..Recipient::default() };
        let included = |audience: Audience| [anonymous, ann, bob, keeper].map(|recipient| audience.includes(recipient));
        assert_eq!(included(Audience::Everybody), [true; 4]);
        assert_eq!(included(Audience::Moderators), [false, false, false, true]);
        assert_eq!(included(Audience::User(UserId(1))), [false, true, false, true]);
    }
}
