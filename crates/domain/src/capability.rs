//! What a window offers to somebody: the policy's answers as words. Offering decides nothing; each act is asked again.

use crate::model::rank::Rank;
use crate::model::sanction::{Sanction, SanctionKind};
use crate::model::time::Timestamp;
use crate::model::user::Member;
use crate::policy::{Action, may, may_to};
use crate::review;

/// Something that a window may offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// Write.
    Post,
    /// Take another name.
    Rename,
    /// Delete others' messages.
    DeleteMessages,
    /// Take away one author's messages.
    Purge,
    /// Take away all messages.
    Clear,
    /// Set the slow mode.
    Slow,
    /// Keep from writing.
    Timeout,
    /// Keep out.
    Ban,
    /// Lift a ban or timeout.
    Lift,
    /// Pin a message.
    Pin,
    /// See what was done.
    SeeLog,
    /// See who is banned.
    SeeBans,
    /// Change the room.
    Settings,
    /// Give and take the ranks mod and vip.
    Appoint,
    /// Close the room for ever.
    DeleteRoom,
}

impl Capability {
    /// All of them, in the order they are told.
    pub const ALL: [Capability; 15] = [
        Capability::Post,
        Capability::Rename,
        Capability::DeleteMessages,
        Capability::Purge,
        Capability::Clear,
        Capability::Slow,
        Capability::Timeout,
        Capability::Ban,
        Capability::Lift,
        Capability::Pin,
        Capability::SeeLog,
        Capability::SeeBans,
        Capability::Settings,
        Capability::Appoint,
        Capability::DeleteRoom,
    ];

    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Capability::Post => "post",
            Capability::Rename => "rename",
            Capability::DeleteMessages => "delete_messages",
            Capability::Purge => "purge",
            Capability::Clear => "clear",
            Capability::Slow => "slow",
            Capability::Timeout => "timeout",
            Capability::Ban => "ban",
            Capability::Lift => "lift",
            Capability::Pin => "pin",
            Capability::SeeLog => "see_log",
            Capability::SeeBans => "see_bans",
            Capability::Settings => "settings",
            Capability::Appoint => "appoint",
            Capability::DeleteRoom => "delete_room",
        }
    }

    fn action(self) -> Action {
        match self {
            Capability::Post | Capability::Rename => Action::Post,
            Capability::DeleteMessages => Action::DeleteOther,
            Capability::Purge => Action::PurgeAuthor,
            Capability::Clear => Action::PurgeAll,
            Capability::Slow => Action::SlowMode,
            Capability::Timeout | Capability::Ban => Action::Sanction,
            Capability::Lift => Action::Lift { given_by: Rank::Mod },
            Capability::Pin => Action::Pin,
            Capability::SeeLog | Capability::SeeBans => Action::SeeModeration,
            Capability::Settings => Action::Configure,
            Capability::Appoint => Action::Appoint,
            Capability::DeleteRoom => Action::CloseRoom,
        }
    }

    /// Whether a timeout takes it away: whatever puts a text of one's own before the room.
    fn is_writing(self) -> bool {
        matches!(self, Capability::Post | Capability::Slow | Capability::Pin | Capability::Settings)
    }
}

/// What a member may in a room, where these sanctions cover it: nothing while banned, no writing while timed out.
pub fn in_room(member: &Member, sanctions: &[Sanction], now: Timestamp) -> Vec<Capability> {
    if review::banning(sanctions, now).is_some() {
        return Vec::new();
    }
    let silenced = review::forbidding(sanctions, now).is_some();
    let silenced_everywhere = sanctions.iter().any(|sanction| sanction.room.is_none() && sanction.in_force(now));
    let is_taken = |capability: Capability| match capability {
        Capability::Rename => silenced_everywhere,
        capability => silenced && capability.is_writing(),
    };
    Capability::ALL.into_iter().filter(|word| may(member, word.action()).is_ok() && !is_taken(*word)).collect()
}

/// What an actor may do to somebody on whom these sanctions of the room are in force.
pub fn on_subject(actor: &Member, subject: &Member, in_force: &[Sanction]) -> Vec<Capability> {
    let may_do = |action: Action| may_to(actor, action, subject).is_ok();
    let own = actor.user.id == subject.user.id;
    let may_lift = |sanction: &Sanction| may_do(Action::Lift { given_by: sanction.by_rank });
    // A second sanction of a kind replaces the first, which takes the right to lift it.
    let may_give = |kind: SanctionKind| {
        may_do(Action::Sanction) && in_force.iter().filter(|sanction| sanction.kind == kind).all(may_lift)
    };
    let is_offered = |capability: &Capability| match capability {
        Capability::DeleteMessages => may_do(if own { Action::DeleteOwn } else { Action::DeleteOther }),
        Capability::Purge if own => may(actor, Action::PurgeAuthor).is_ok(),
        Capability::Purge => may_do(Action::PurgeAuthor),
        Capability::Timeout => may_give(SanctionKind::Timeout),
        Capability::Ban => may_give(SanctionKind::Ban),
        Capability::Lift => in_force.iter().any(may_lift),
        Capability::Appoint => may_do(Action::Appoint) && subject.rank_there() != Some(Rank::Owner),
        _ => false,
    };
    Capability::ALL.into_iter().filter(is_offered).collect()
}
