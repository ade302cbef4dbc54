//! Who may do what: the one function that HTTP, sockets, commands and the admin page ask.

use crate::model::id::UserId;
use crate::model::rank::Rank;
use crate::model::site::Site;
use crate::model::user::{Member, User};

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
    /// Make a site; the least rank is a setting.
    CreateSite {
        /// The setting.
        least: Rank,
    },
    /// See and change a site, its keys and its rooms' belonging to it.
    ManageSite,
    /// Read a room; the least rank is a rule of the room.
    Read {
        /// The rule.
        least: Rank,
    },
    /// What takes no rank at all: read, or ask for help.
    Look,
    /// Delete one's own message.
    DeleteOwn,
    /// Delete another's message.
    DeleteOther,
    /// Take away one author's messages.
    PurgeAuthor,
    /// Take away all messages of a room.
    PurgeAll,
    /// Pin a message to the top of a room, or take it down.
    Pin,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The actor's rank is too low.
    #[error("This needs the rank {}.", .least.as_str())]
    Rank {
        /// What it takes.
        least: Rank,
    },
    /// The subject's rank is as high as the actor's, or higher.
    #[error("You cannot do this to somebody of your own or a higher rank.")]
    Outranked,
    /// The subject is the actor.
    #[error("You cannot moderate yourself.")]
    Oneself,
}

impl Action {
    /// The least rank that may.
    pub fn least_rank(self) -> Rank {
        match self {
            Action::Look | Action::Post | Action::DeleteOwn => Rank::Guest,
            Action::CreateRoom { least } | Action::CreateSite { least } | Action::Read { least } => least,
            Action::DeleteOther | Action::PurgeAuthor | Action::PurgeAll | Action::SlowMode => Rank::Mod,
            Action::Pin | Action::Sanction | Action::SeeModeration => Rank::Mod,
            Action::Lift { given_by } => given_by.max(Rank::Mod),
            Action::Configure | Action::Appoint | Action::CloseRoom | Action::ManageSite => Rank::Owner,
            Action::SanctionEverywhere | Action::Administer | Action::GrantSuperMod => Rank::Admin,
            Action::GrantAdmin => Rank::Root,
        }
    }

    fn is_the_owners(self) -> bool {
        matches!(self, Action::Configure | Action::Appoint | Action::CloseRoom | Action::ManageSite)
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

/// How the policy sees somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    user: UserId,
    /// The higher of the global and the room's rank: what others are measured against.
    rank: Rank,
    /// The rank that counts for what is the owner's to do.
    as_owner: Rank,
}

impl Standing {
    /// Somebody without a login, who is shown what a guest may.
    pub const NOBODY: Standing = Standing { user: UserId(0), rank: Rank::Guest, as_owner: Rank::Guest };

    /// Somebody where a site is the context: its owner is what the owner of a room is there.
    pub fn in_site(user: &User, site: &Site) -> Standing {
        let owned = (site.owner == user.id).then_some(Rank::Owner);
        Standing::from(&Member { room_rank: owned, ..Member::outside(user.clone()) })
    }
}

impl From<&Member> for Standing {
    fn from(member: &Member) -> Standing {
        // A moderator of every room ranks above owners, who cannot act on it, and yet may only what a moderator may.
        let as_owner = match member.user.rank {
            Rank::SuperMod => member.rank_there().unwrap_or(Rank::Mod),
            _ => member.rank(),
        };
        Standing { user: member.user.id, rank: member.rank(), as_owner }
    }
}

impl From<&User> for Standing {
    fn from(user: &User) -> Standing {
        Standing { user: user.id, rank: user.rank, as_owner: user.rank }
    }
}

/// Whether somebody still holds every right that a decision counted on: `now` is how the store knows them when the decision
/// is carried out, `None` when they are gone.
pub fn still_holds(decided: &Member, now: Option<&Member>) -> bool {
    now.is_some_and(|now| {
        let (decided, now) = (Standing::from(decided), Standing::from(now));
        now.rank >= decided.rank && now.as_owner >= decided.as_owner
    })
}

/// Whether `actor` may do `action` where nobody is acted on.
pub fn may(actor: impl Into<Standing>, action: Action) -> Result<(), Denied> {
    let actor = actor.into();
    let least = action.least_rank();
    let counts = if action.is_the_owners() { actor.as_owner } else { actor.rank };
    if counts < least { Err(Denied::Rank { least }) } else { Ok(()) }
}

/// Whether `actor` may do `action` to `subject`.
pub fn may_to(actor: impl Into<Standing>, action: Action, subject: impl Into<Standing>) -> Result<(), Denied> {
    let (actor, subject) = (actor.into(), subject.into());
    may(actor, action)?;
    if actor.user == subject.user && action != Action::DeleteOwn {
        return Err(Denied::Oneself);
    }
    if action.is_aimed() && subject.rank >= actor.rank {
        return Err(Denied::Outranked);
    }
    Ok(())
}

/// Whether somebody who may change a room may also have it belong to another site, or to none. It takes the right to manage
/// each of the sites; only whoever owns the room itself may take it out of a site without that.
pub fn may_move_room(actor: &Member, from: Option<&Site>, to: Option<&Site>) -> Result<(), Denied> {
    let manages = |site: &Site| may(Standing::in_site(&actor.user, site), Action::ManageSite);
    if actor.room_rank != Some(Rank::Owner) {
        from.map_or(Ok(()), manages)?;
    }
    to.map_or(Ok(()), manages)
}

/// Whether somebody may be acted on by `actor`: by themselves, or by a higher rank.
pub fn reaches(actor: &Member, subject: &Member) -> bool {
    actor.user.id == subject.user.id || subject.rank() < actor.rank()
}

/// Who may own a room after its owner, in this order, as far as they are not banned there: its moderators, the oldest account
/// first.
pub fn next_owners(members: Vec<Member>) -> Vec<Member> {
    let mut moderators: Vec<Member> =
        members.into_iter().filter(|member| member.room_rank == Some(Rank::Mod)).collect();
    moderators.sort_by_key(|member| member.user.id);
    moderators
}

/// Whether the slow mode and the flood limit of a room leave this rank alone.
pub fn is_exempt_from_pace(rank: Rank) -> bool {
    rank >= Rank::Mod
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::{SiteId, SiteUid, UserUid};
    use crate::model::name::DisplayName;
    use crate::model::text::SiteName;
    use crate::model::time::Timestamp;

    fn user(id: i64, rank: Rank) -> User {
        User {
            id: UserId(id),
            uid: UserUid::parse("annannann0").expect("a uid"),
            username: None,
            display_name: DisplayName::guest(1),
            picture: None,
            country: None,
            rank,
            network: None,
            created_at: Timestamp(0),
            site: None,
        }
    }

    fn ann(rank: Rank) -> Standing {
        Standing { user: UserId(1), rank, as_owner: rank }
    }

    fn bob(rank: Rank) -> Standing {
        Standing { user: UserId(2), rank, as_owner: rank }
    }

    /// One row of the table of ranks in docs/moderation.md: an action and the least rank that may.
    #[track_caller]
    fn check(action: Action, least: Rank) {
        for rank in Rank::ALL {
            assert_eq!(may(ann(rank), action).is_ok(), rank >= least, "{action:?} by {rank:?}");
        }
    }

    #[test]
    fn each_action_has_its_least_rank() {
        check(Action::Look, Rank::Guest);
        check(Action::Post, Rank::Guest);
        check(Action::DeleteOwn, Rank::Guest);
        check(Action::CreateRoom { least: Rank::Registered }, Rank::Registered);
        for action in [
            Action::DeleteOther,
            Action::PurgeAuthor,
            Action::PurgeAll,
            Action::Pin,
            Action::SlowMode,
            Action::Sanction,
            Action::SeeModeration,
            Action::Lift { given_by: Rank::Guest },
            Action::Lift { given_by: Rank::Mod },
        ] {
            check(action, Rank::Mod);
        }
        for action in [
            Action::Configure,
            Action::Appoint,
            Action::CloseRoom,
            Action::ManageSite,
            Action::Lift { given_by: Rank::Owner },
        ] {
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
                let verdict = may_to(ann(actor), Action::Sanction, bob(subject));
                assert_eq!(verdict.is_ok(), actor >= Rank::Mod && subject < actor, "{actor:?} on {subject:?}");
            }
        }
    }

    #[test]
    fn a_moderator_cannot_time_out_the_owner() {
        assert_eq!(may_to(ann(Rank::Mod), Action::Sanction, bob(Rank::Owner)), Err(Denied::Outranked));
    }

    #[test]
    fn nobody_moderates_themselves() {
        for action in [Action::Sanction, Action::Appoint, Action::Lift { given_by: Rank::Mod }] {
            assert_eq!(may_to(ann(Rank::Root), action, ann(Rank::Root)), Err(Denied::Oneself));
        }
    }

    #[test]
    fn a_moderator_of_every_room_is_nobodys_owner() {
        let everywhere = Standing { as_owner: Rank::Mod, ..ann(Rank::SuperMod) };
        for action in [Action::Configure, Action::Appoint, Action::CloseRoom] {
            assert!(may(everywhere, action).is_err(), "{action:?}");
        }
        assert!(may_to(everywhere, Action::Sanction, bob(Rank::Owner)).is_ok());
        let in_its_own_room = Standing { as_owner: Rank::Owner, ..everywhere };
        assert!(may(in_its_own_room, Action::Configure).is_ok());
    }

    #[test]
    fn of_a_rank_given_in_the_room_and_one_given_by_the_site_the_higher_counts() {
        for (room_rank, site_rank, rank) in [
            (None, None, Rank::Registered),
            (None, Some(Rank::Mod), Rank::Mod),
            (Some(Rank::Vip), Some(Rank::Mod), Rank::Mod),
            (Some(Rank::Owner), Some(Rank::Mod), Rank::Owner),
            (Some(Rank::Mod), None, Rank::Mod),
        ] {
            let ann = Member { user: user(1, Rank::Registered), room_rank, site_rank };
            for action in [Action::Post, Action::Sanction, Action::Configure] {
                assert_eq!(may(&ann, action).is_ok(), rank >= action.least_rank(), "{room_rank:?} {site_rank:?}");
            }
            let keeper = Member { room_rank: Some(Rank::Mod), ..Member::outside(user(2, Rank::Registered)) };
            assert_eq!(may_to(&keeper, Action::Sanction, &ann).is_ok(), rank < Rank::Mod);
            let demoted = Member { site_rank: None, ..ann.clone() };
            assert_eq!(still_holds(&ann, Some(&demoted)), site_rank.is_none() || room_rank >= site_rank);
        }
    }

    #[test]
    fn a_site_is_managed_by_its_owner_and_by_administrators() {
        let site = |owner| Site {
            id: SiteId(1),
            uid: SiteUid::parse("abcdEF01").expect("a uid"),
            name: SiteName::stored("Example".to_owned()),
            origins: Vec::new(),
            owner: UserId(owner),
            created_at: Timestamp(0),
        };
        let (own, others) = (site(1), site(2));
        for rank in Rank::ALL.into_iter().filter(|rank| !rank.is_of_a_room()) {
            let ann = user(1, rank);
            assert!(may(Standing::in_site(&ann, &own), Action::ManageSite).is_ok(), "{rank:?} of its own");
            let managed = may(Standing::in_site(&ann, &others), Action::ManageSite).is_ok();
            assert_eq!(managed, rank >= Rank::Admin, "{rank:?} of another's");
        }
        let keeper = |room_rank| Member { room_rank, ..Member::outside(user(1, Rank::Registered)) };
        for (room_rank, from, to, allowed) in [
            (Some(Rank::Owner), None, Some(&own), true),
            (Some(Rank::Owner), None, Some(&others), false),
            (Some(Rank::Owner), Some(&others), None, true),
            (None, Some(&others), None, false),
            (None, Some(&own), None, true),
            (Some(Rank::Owner), Some(&others), Some(&own), true),
            (None, Some(&others), Some(&own), false),
            (None, Some(&own), Some(&others), false),
        ] {
            assert_eq!(may_move_room(&keeper(room_rank), from, to).is_ok(), allowed, "{room_rank:?} {from:?} {to:?}");
        }
    }

    #[test]
    fn a_sanction_is_lifted_by_a_rank_at_least_its_givers() {
        let lift = Action::Lift { given_by: Rank::Owner };
        assert!(may_to(ann(Rank::Mod), lift, bob(Rank::Guest)).is_err());
        assert!(may_to(ann(Rank::Owner), lift, bob(Rank::Guest)).is_ok());
    }
}
