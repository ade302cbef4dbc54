//! Making and changing rooms.

use crate::capability::{self, Capability};
use crate::model::access::AccessContext;
use crate::model::event::ModerationAction;
use crate::model::frame_ancestor::FrameAncestor;
use crate::model::id::{RoomId, RoomUid, Seq, SiteUid, UserId, UserUid};
use crate::model::rank::Rank;
use crate::model::room::{LINES_MAX, NewRoom, Readers, Room, RoomChange, SLOW_MODE_MAX};
use crate::model::text::{Body, Description, Invalid, RoomName};
use crate::model::time::{Span, Timestamp};
use crate::model::user::Member;
use crate::policy::{self, Action, Denied};
use crate::ports::effects::{Charge, Quota};
use crate::ports::log::{AppendResult, LogCommand, LogEntry};
use crate::review;
use crate::service::access::{RoomRanks, Sources};
use crate::service::error::{Error, RateLimitKind, Resource};
use crate::service::sites::Sites;
use crate::service::{Caller, Ports, Settings};
use std::sync::Arc;

/// What is to change of a room; texts as they were typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomEdit {
    /// A new name.
    pub name: Option<String>,
    /// A new description.
    pub description: Option<String>,
    /// A new slow mode, in seconds.
    pub slow_mode: Option<i64>,
    /// A new longest message, in characters.
    pub max_length: Option<i64>,
    /// A new number of lines.
    pub max_lines: Option<i64>,
    /// Whether links are allowed.
    pub links: Option<bool>,
    /// Who may read: everyone or members.
    pub readers: Option<String>,
    /// Whose pages may frame the chat.
    pub frame_ancestors: Option<Vec<String>>,
    /// The uid of the site that it belongs to from now on; empty for none.
    pub site: Option<String>,
}

impl RoomEdit {
    fn parse(self) -> Result<RoomChange, Invalid> {
        Ok(RoomChange {
            name: self.name.map(|name| RoomName::parse(&name)).transpose()?,
            description: self.description.map(|text| Description::parse(&text)).transpose()?,
            slow_mode: self.slow_mode.map(slow_mode).transpose()?,
            max_length: self.max_length.map(max_length).transpose()?,
            max_lines: self.max_lines.map(max_lines).transpose()?,
            links: self.links,
            readers: self.readers.as_deref().map(readers).transpose()?,
            frame_ancestors: self
                .frame_ancestors
                .as_deref()
                .map(|texts| FrameAncestor::parse_all("allowed_sites", texts))
                .transpose()?,
            site: self.site.as_deref().map(site_named).transpose()?,
        })
    }
}

/// What somebody may in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// The room it happens in.
    pub room: Room,
    /// Who; nobody may nothing.
    pub member: Option<Member>,
    /// What the member may do there, for a window to offer.
    pub capabilities: Vec<Capability>,
}

fn unless_banned(access: AccessContext, now: Timestamp) -> Result<AccessContext, Error> {
    match review::banning(&access.sanctions, now) {
        Some(sanction) => Err(Error::sanctioned(sanction, now)),
        None => Ok(access),
    }
}

/// Whether the rule of the room lets somebody read it, and so write in it.
pub(super) fn may_read(room: &Room, member: Option<&Member>) -> Result<(), Error> {
    match (room.rules.readers.least_rank(), member) {
        (None, _) => Ok(()),
        (Some(_), None) => Err(Error::LoginRequired),
        (Some(least), Some(member)) => Ok(policy::may(member, Action::Read { least })?),
    }
}

/// The site of that uid, or none.
fn site_named(typed: &str) -> Result<Option<SiteUid>, Invalid> {
    if typed.is_empty() {
        return Ok(None);
    }
    SiteUid::parse(typed).map(Some).ok_or_else(|| Invalid::new("site", "is no uid of a site"))
}

fn slow_mode(seconds: i64) -> Result<Span, Invalid> {
    let longest = SLOW_MODE_MAX.as_seconds_up();
    if (0..=longest).contains(&seconds) {
        return Ok(Span::seconds(seconds));
    }
    Err(Invalid::new("slow_mode", format!("must be 0 to {longest} seconds")))
}

fn max_length(characters: i64) -> Result<usize, Invalid> {
    let parsed = usize::try_from(characters).ok().filter(|length| (1..=Body::MAX).contains(length));
    parsed.ok_or_else(|| Invalid::new("max_length", format!("must be 1 to {} characters", Body::MAX)))
}

fn max_lines(lines: i64) -> Result<usize, Invalid> {
    let parsed = usize::try_from(lines).ok().filter(|lines| (1..=LINES_MAX).contains(lines));
    parsed.ok_or_else(|| Invalid::new("max_lines", format!("must be 1 to {LINES_MAX}")))
}

fn readers(name: &str) -> Result<Readers, Invalid> {
    Readers::parse(name).ok_or_else(|| Invalid::new("read", "must be everyone or members"))
}

/// The service of rooms.
#[derive(Clone)]
pub struct Rooms {
    ports: Ports,
    settings: Settings,
    sites: Sites,
}

impl Rooms {
    pub(crate) fn new(ports: Ports, settings: Settings, sites: Sites) -> Rooms {
        Rooms { ports, settings, sites }
    }

    /// Makes a room that the caller owns, which belongs to a site if one is named.
    pub async fn create(
        &self,
        caller: &Caller,
        name: &str,
        description: &str,
        site: Option<&str>,
    ) -> Result<Room, Error> {
        policy::may(&caller.user, Action::CreateRoom { least: self.settings.room_creation })?;
        caller.check_everywhere()?;
        let name = RoomName::parse(name)?;
        let description = Description::parse(description)?;
        let site = site.map(site_named).transpose()?.flatten();
        if let Some(uid) = &site {
            self.sites.site(caller, uid).await?;
        }
        let mut charges = vec![Charge::one(Quota::CreateRoom, caller.user.uid.as_str())];
        if caller.user.rank == Rank::Guest {
            charges.push(Charge::one(Quota::RoomOfGuests, ""));
        }
        self.ports.charge(&charges, RateLimitKind::Other).await?;
        let now = self.ports.clock.now();
        let (user, network) = (&caller.user, Some(&caller.network));
        let given = self.ports.sanctions.sanctions_everywhere(Some(user.id), network, now).await?;
        let member = Member::outside(user.clone());
        let given: Vec<_> = given.into_iter().filter(|sanction| sanction.covers(&member, network)).collect();
        if let Some(sanction) = review::forbidding(&given, now) {
            return Err(Error::sanctioned(sanction, now));
        }
        let room = NewRoom {
            uid: self.ports.ids.room_uid(),
            name,
            description,
            owner: caller.user.id,
            site,
            epoch: self.ports.ids.epoch(),
            created_at: now,
        };
        Ok(self.ports.rooms.create(room).await?)
    }

    /// A room, for anybody.
    pub async fn room(&self, uid: &RoomUid) -> Result<Room, Error> {
        self.ports.rooms.room(uid).await?.ok_or(Error::NoSuch(Resource::Room))
    }

    /// A room as `caller` may see it: whoever may not read it is told what it is, and not what is pinned there.
    pub async fn shown(&self, caller: Option<&Caller>, uid: &RoomUid) -> Result<Room, Error> {
        caller.map_or(Ok(()), |caller| caller.check_room(uid))?;
        let room = self.room(uid).await?;
        match room.rules.readers {
            Readers::Everyone => Ok(room),
            Readers::Members => match self.enter(caller, uid).await {
                Ok(_) => Ok(room),
                Err(Error::LoginRequired | Error::Denied(_) | Error::Sanctioned { .. }) => {
                    Ok(Room { pinned: None, ..room })
                }
                Err(error) => Err(error),
            },
        }
    }

    /// The caller's rooms above `after`; for those who administer, all.
    pub async fn list(&self, caller: &Caller, after: RoomId, limit: usize) -> Result<Vec<Room>, Error> {
        let all = policy::may(&caller.user, Action::Administer).is_ok();
        let owner = (!all).then_some(caller.user.id);
        Ok(self.ports.rooms.list(owner, after, limit).await?)
    }

    /// Changes a room's settings. Nothing is written when nothing changes.
    pub async fn configure(&self, caller: &Caller, uid: &RoomUid, edit: RoomEdit) -> Result<Room, Error> {
        self.apply(caller, uid, edit.parse()?).await
    }

    pub(crate) async fn apply(&self, caller: &Caller, uid: &RoomUid, change: RoomChange) -> Result<Room, Error> {
        let (access, actor, now) = self.actor(caller, uid).await?;
        let only_slow = RoomChange { slow_mode: None, ..change.clone() } == RoomChange::default();
        let action = if only_slow && change.slow_mode.is_some() { Action::SlowMode } else { Action::Configure };
        policy::may(&actor, action)?;
        if let Some(site) = change.site.as_ref().filter(|site| **site != access.room.site) {
            self.check_move(&actor, &access.room, site.as_ref()).await?;
        }
        if let Some(sanction) = review::forbidding(&access.sanctions, now) {
            return Err(Error::sanctioned(sanction, now));
        }
        let room = change.applied_to(access.room.clone());
        if room != access.room {
            self.append(room.id, actor, now, LogCommand::Configure { change: Box::new(change) }).await?;
        }
        Ok(room)
    }

    /// Whether `actor` may have the room belong to another site, or to none. A site that is gone holds nobody back.
    async fn check_move(&self, actor: &Member, room: &Room, to: Option<&SiteUid>) -> Result<(), Error> {
        let from = match &room.site {
            Some(uid) => self.ports.sites.site(uid).await?,
            None => None,
        };
        let to = match to {
            Some(uid) => Some(self.sites.known(uid).await?),
            None => None,
        };
        Ok(policy::may_move_room(actor, from.as_ref(), to.as_ref())?)
    }

    /// Gives or takes a rank in the room; the member as after it. Nothing is written when nothing changes.
    pub async fn appoint(
        &self,
        caller: &Caller,
        room: &RoomUid,
        user: &UserUid,
        action: ModerationAction,
    ) -> Result<Member, Error> {
        let (access, actor, now) = self.actor(caller, room).await?;
        policy::may(&actor, Action::Appoint)?;
        let subject = self.member(access.room.id, user).await?;
        policy::may_to(&actor, Action::Appoint, &subject)?;
        if subject.rank_there() == Some(Rank::Owner) {
            return Err(Denied::Outranked.into());
        }
        let room_rank = match action {
            ModerationAction::Mod => Some(Rank::Mod),
            ModerationAction::Vip => Some(Rank::Vip),
            ModerationAction::Unmod => subject.room_rank.filter(|rank| *rank != Rank::Mod),
            ModerationAction::Unvip => subject.room_rank.filter(|rank| *rank != Rank::Vip),
            ModerationAction::Ban
            | ModerationAction::Timeout
            | ModerationAction::Unban
            | ModerationAction::Untimeout => subject.room_rank,
        };
        let after = Member { room_rank, ..subject.clone() };
        if after != subject {
            let command = LogCommand::Appoint { subject: Box::new(after.clone()), action };
            self.append(access.room.id, actor, now, command).await?;
        }
        Ok(after)
    }

    /// Who keeps order, highest rank first; for whoever may read the room, banned or not.
    pub async fn moderators(&self, caller: Option<&Caller>, uid: &RoomUid) -> Result<Vec<Member>, Error> {
        let access = self.access_context(caller, uid, self.ports.clock.now(), Seq::ZERO).await?;
        may_read(&access.room, access.member.as_ref())?;
        let appointed = self.ports.rooms.appointed(access.room.id).await?;
        Ok(appointed.into_iter().filter(|member| member.rank_there() >= Some(Rank::Mod)).collect())
    }

    /// The ranks held in a room: of `users` at least, who are only asked for when the ranks are not in memory.
    pub async fn ranks(&self, room: RoomId, users: impl FnOnce() -> Vec<UserId>) -> Result<RoomRanks, Error> {
        if let Some(ranks) = self.ports.access.ranks(room) {
            return Ok(ranks);
        }
        let users = users();
        let members = if users.is_empty() { Vec::new() } else { self.ports.rooms.members(room, &users).await? };
        let ranks = members.into_iter().filter_map(|member| Some((member.user.id, member.rank_there()?)));
        Ok(RoomRanks { given: Arc::new(ranks.collect()), site: None })
    }

    /// Closes a room for ever: its viewers leave, and it is found no more.
    pub async fn close(&self, caller: &Caller, uid: &RoomUid) -> Result<(), Error> {
        let (access, actor, now) = self.actor(caller, uid).await?;
        policy::may(&actor, Action::CloseRoom)?;
        self.append(access.room.id, actor, now, LogCommand::Close).await
    }

    /// What somebody may in a room, for windows that offer it; those who are banned or may not read it may nothing.
    pub async fn abilities(&self, caller: Option<&Caller>, uid: &RoomUid) -> Result<Abilities, Error> {
        let now = self.ports.clock.now();
        let AccessContext { room, member, sanctions, .. } = self.access_context(caller, uid, now, Seq::ZERO).await?;
        let reader = member.as_ref().filter(|member| may_read(&room, Some(member)).is_ok());
        let words = reader.map(|member| capability::in_room(member, &sanctions, now));
        Ok(Abilities { room, member, capabilities: words.unwrap_or_default() })
    }

    /// How somebody stands in a room, as far as this node knows (see [`crate::service::access`]); those who are banned
    /// there learn it here.
    pub async fn enter(&self, caller: Option<&Caller>, uid: &RoomUid) -> Result<AccessContext, Error> {
        self.enter_at(caller, uid, Seq::ZERO).await
    }

    /// The same, with what happened in the room up to `seq` taken in.
    pub async fn enter_at(&self, caller: Option<&Caller>, uid: &RoomUid, seq: Seq) -> Result<AccessContext, Error> {
        let now = self.ports.clock.now();
        let access = unless_banned(self.access_context(caller, uid, now, seq).await?, now)?;
        may_read(&access.room, access.member.as_ref())?;
        Ok(access)
    }

    pub(crate) async fn access_context(
        &self,
        caller: Option<&Caller>,
        uid: &RoomUid,
        now: Timestamp,
        at_least: Seq,
    ) -> Result<AccessContext, Error> {
        caller.map_or(Ok(()), |caller| caller.check_room(uid))?;
        let Ports { access_reader, events, rooms, accounts, access, .. } = &self.ports;
        let sources = Sources { access: &**access_reader, events: &**events, rooms: &**rooms, accounts: &**accounts };
        let (user, network) = (caller.map(|caller| caller.user.id), caller.map(|caller| &caller.network));
        let access = access.access_context(sources, uid, user, network, now, at_least).await?;
        access.ok_or(Error::NoSuch(Resource::Room))
    }

    /// How somebody who wants to do something other than writing stands in a room, as the store says now: banned is
    /// banned, whatever the rank was.
    pub(crate) async fn actor(
        &self,
        caller: &Caller,
        uid: &RoomUid,
    ) -> Result<(AccessContext, Member, Timestamp), Error> {
        caller.check_room(uid)?;
        let now = self.ports.clock.now();
        let (user, network) = (Some(caller.user.id), Some(&caller.network));
        let access = self
            .ports
            .access_reader
            .access_context(uid, user, network, now)
            .await?
            .ok_or(Error::NoSuch(Resource::Room))?;
        let access = unless_banned(access, now)?;
        let member = access.member.clone().ok_or(Error::TokenInvalid)?;
        Ok((access, member, now))
    }

    /// Somebody timed out in a room does not speak there by a new name either.
    pub(crate) async fn refuse_silenced(&self, caller: &Caller, uid: &RoomUid) -> Result<(), Error> {
        let (access, _, now) = self.actor(caller, uid).await?;
        match review::forbidding(&access.sanctions, now) {
            Some(sanction) => Err(Error::sanctioned(sanction, now)),
            None => Ok(()),
        }
    }

    pub(crate) async fn member(&self, room: RoomId, user: &UserUid) -> Result<Member, Error> {
        let user = self.ports.accounts.user_by_uid(user).await?.ok_or(Error::NoSuch(Resource::User))?;
        let mut members = self.ports.rooms.members(room, &[user.id]).await?;
        members.pop().ok_or(Error::NoSuch(Resource::User))
    }

    /// The same for somebody who may have been deleted since, and then holds no rank.
    pub(crate) async fn member_ever(&self, room: RoomId, user: &UserUid) -> Result<Member, Error> {
        let user = self.ports.accounts.user_ever(user).await?.ok_or(Error::NoSuch(Resource::User))?;
        let mut members = self.ports.rooms.members(room, &[user.id]).await?;
        Ok(members.pop().unwrap_or(Member::outside(user)))
    }

    async fn append(&self, room: RoomId, actor: Member, at: Timestamp, command: LogCommand) -> Result<(), Error> {
        let appended = self.ports.log.append(LogEntry { room, actor, at, command }).await;
        appended.map(|_: AppendResult| ()).map_err(|error| Error::append(error, Resource::User, at))
    }
}
