//! Who may do what: the one function that HTTP, sockets, commands and the admin page ask.

use crate::model::id::UserId;
use crate::model::rank::Rank;
use crate::model::user::Member;

/// Something that takes a rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Write in a room, or rename oneself.
    Post,
    /// Make a room; the least rank is a setting.
    CreateRoom {
        /// The setting.
        least: Rank,
    },
    /// Delete one's own message.
    DeleteOwn,
    /// Delete another's message.
    DeleteOther,
    /// Take away one author's messages.
    PurgeAuthor,
    /// Take away all messages of a room.
    PurgeAll,
    /// Set the slow mode.
    SlowMode,
    /// Give a room's ban or timeout.
    Sanction,
    /// Lift a sanction given by somebody of this rank.
    Lift {
        /// The giver's rank when it was given.
        given_by: Rank,
    },
    /// See a room's bans and its log of what moderators did.
    SeeModeration,
    /// Change a room's name, description and rules.
    Configure,
    /// Make or unmake a moderator, mark or unmark a VIP.
    Appoint,
    /// Delete the room.
    CloseRoom,
    /// Give a sanction that holds everywhere.
    SanctionEverywhere,
    /// See and change users, see and close connections, list all rooms.
    Administer,
    /// Make or unmake a moderator of every room.
    GrantSuperMod,
    /// Make or unmake an admin.
    GrantAdmin,
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The actor's rank is too low.
    #[error("this takes the rank {}", .least.as_str())]
    Rank {
        /// What it takes.
        least: Rank,
    },
    /// The subject's rank is as high as the actor's, or higher.
    #[error("nobody acts on an equal or a higher rank")]
    Outranked,
    /// The subject is the actor.
    #[error("nobody moderates themselves")]
    Oneself,
}

impl Action {
    /// The least rank that may.
    pub fn least_rank(self) -> Rank {
        match self {
            Action::Post | Action::DeleteOwn => Rank::Guest,
            Action::CreateRoom { least } => least,
            Action::DeleteOther | Action::PurgeAuthor | Action::PurgeAll | Action::SlowMode => Rank::Mod,
            Action::Sanction | Action::SeeModeration => Rank::Mod,
            Action::Lift { given_by } => given_by.max(Rank::Mod),
            Action::Configure | Action::Appoint | Action::CloseRoom => Rank::Owner,
            Action::SanctionEverywhere | Action::Administer | Action::GrantSuperMod => Rank::Admin,
            Action::GrantAdmin => Rank::Root,
        }
    }

    /// Whether the subject's rank must be lower than the actor's. Lifting is measured against the giver instead, so that
    /// the subject of a sanction may be helped by anybody who could have given it.
    fn is_aimed(self) -> bool {
        matches!(
            self,
            Action::DeleteOther
                | Action::PurgeAuthor
                | Action::Sanction
                | Action::Appoint
                | Action::SanctionEverywhere
                | Action::Administer
                | Action::GrantSuperMod
                | Action::GrantAdmin
        )
    }
}

/// Whether somebody of the rank `actor` may do `action` where nobody is acted on.
pub fn may(actor: Rank, action: Action) -> Result<(), Denied> {
    let least = action.least_rank();
    if actor < least { Err(Denied::Rank { least }) } else { Ok(()) }
}

/// Whether `actor` may do `action` to `subject`.
pub fn may_to(actor: (UserId, Rank), action: Action, subject: (UserId, Rank)) -> Result<(), Denied> {
    may(actor.1, action)?;
    if actor.0 == subject.0 && action != Action::DeleteOwn {
        return Err(Denied::Oneself);
    }
    if action.is_aimed() && subject.1 >= actor.1 {
        return Err(Denied::Outranked);
    }
    Ok(())
}

/// Whether the slow mode and the flood limit of a room leave this rank alone.
pub fn is_exempt_from_pace(rank: Rank) -> bool {
    rank >= Rank::Mod
}

/// How the policy sees a member.
pub fn standing(member: &Member) -> (UserId, Rank) {
    (member.user.id, member.rank())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: UserId = UserId(1);
    const BOB: UserId = UserId(2);

    /// One row of the table of design §7: an action and the least rank that may.
    #[track_caller]
    fn check(action: Action, least: Rank) {
        for rank in Rank::ALL {
            assert_eq!(may(rank, action).is_ok(), rank >= least, "{action:?} by {rank:?}");
        }
    }

    #[test]
    fn each_action_has_its_least_rank() {
        check(Action::Post, Rank::Guest);
        check(Action::DeleteOwn, Rank::Guest);
        check(Action::CreateRoom { least: Rank::Registered }, Rank::Registered);
        for action in [
            Action::DeleteOther,
            Action::PurgeAuthor,
            Action::PurgeAll,
            Action::SlowMode,
            Action::Sanction,
            Action::SeeModeration,
            Action::Lift { given_by: Rank::Guest },
            Action::Lift { given_by: Rank::Mod },
        ] {
            check(action, Rank::Mod);
        }
        for action in [Action::Configure, Action::Appoint, Action::CloseRoom, Action::Lift { given_by: Rank::Owner }] {
            check(action, Rank::Owner);
        }
        for action in [Action::SanctionEverywhere, Action::Administer, Action::GrantSuperMod] {
            check(action, Rank::Admin);
        }
        check(Action::GrantAdmin, Rank::Root);
    }

    #[test]
    fn nobody_acts_on_an_equal_or_a_higher_rank() {
        for actor in Rank::ALL {
            for subject in Rank::ALL {
                let verdict = may_to((ANN, actor), Action::Sanction, (BOB, subject));
                assert_eq!(verdict.is_ok(), actor >= Rank::Mod && subject < actor, "{actor:?} on {subject:?}");
            }
        }
    }

    #[test]
    fn a_moderator_cannot_time_out_the_owner() {
        assert_eq!(may_to((ANN, Rank::Mod), Action::Sanction, (BOB, Rank::Owner)), Err(Denied::Outranked));
    }

    #[test]
    fn nobody_moderates_themselves() {
        for action in [Action::Sanction, Action::Appoint, Action::Lift { given_by: Rank::Mod }] {
            assert_eq!(may_to((ANN, Rank::Root), action, (ANN, Rank::Root)), Err(Denied::Oneself));
        }
    }

    #[test]
    fn a_sanction_is_lifted_by_a_rank_at_least_its_givers() {
        let lift = Action::Lift { given_by: Rank::Owner };
        assert!(may_to((ANN, Rank::Mod), lift, (BOB, Rank::Guest)).is_err());
        assert!(may_to((ANN, Rank::Owner), lift, (BOB, Rank::Guest)).is_ok());
    }
}
