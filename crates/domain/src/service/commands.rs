//! Carrying out what was typed as a command, by the same methods that HTTP calls.

use crate::command::catalogue::{self, CATALOGUE, CommandSpec};
use crate::command::{Command, CommandError};
use crate::model::event::ModerationAction;
use crate::model::id::{RoomId, RoomUid, UserUid};
use crate::model::rank::Rank;
use crate::model::room::RoomChange;
use crate::model::sanction::SanctionKind;
use crate::model::text::Reason;
use crate::model::time::{Duration, Span};
use crate::model::user::Member;
use crate::policy::{self, Action, Standing};
use crate::ports::effects::Quota;
use crate::service::Caller;
use crate::service::accounts::Profile;
use crate::service::chat::Chat;
use crate::service::error::{Error, RateLimitKind};
use crate::service::moderation::SanctionRequest;

/// How many names are told when a typed name fits more than one.
const NAMES_TOLD: usize = 5;

impl Chat {
    /// Carries out a command; what it says to its sender, at least one line.
    pub async fn run(
        &self,
        caller: Option<&Caller>,
        room: Option<&RoomUid>,
        command: Command,
    ) -> Result<String, Error> {
        if let Some(caller) = caller {
            self.accounts.refuse_ended(caller).await?;
        }
        match command {
            Command::Echo(text) => return Ok(text),
            Command::Help(None) => return Ok(help(&self.commands(caller, room).await?)),
            Command::Help(Some(name)) => return explain(&name),
            Command::Mods => return self.mods(caller, room.ok_or(Error::NoRoom)?).await,
            _ => {}
        }
        let caller = caller.ok_or(Error::LoginRequired)?;
        let taken = self.ports.limiter.take(Quota::Command, caller.user.uid.as_str());
        taken.map_err(|retry_after| Error::TooFast { pace: RateLimitKind::Flood, retry_after })?;
        if let Command::Name(name) = command {
            if let Some(room) = room {
                self.rooms.refuse_silenced(caller, room).await?;
            }
            let profile = Profile { display_name: Some(name), ..Profile::default() };
            let user = self.accounts.change(caller, &caller.user.uid, profile).await?;
            return Ok(format!("You are now called {}.", user.display_name.as_str()));
        }
        let room = room.ok_or(Error::NoRoom)?;
        match command {
            Command::Configure(change) => {
                let room = self.rooms.apply(caller, room, *change).await?;
                Ok(format!("The room is called {}. Slow mode: {}.", room.name, slow_words(room.rules.slow_mode)))
            }
            Command::Slow(span) => {
                let change = RoomChange { slow_mode: Some(span), ..RoomChange::default() };
                let room = self.rooms.apply(caller, room, change).await?;
                Ok(format!("Slow mode: {}.", slow_words(room.rules.slow_mode)))
            }
            Command::Ban(who, duration, reason) => {
                self.sanction(caller, room, &who, SanctionKind::Ban, duration, reason).await
            }
            Command::Timeout(who, duration, reason) => {
                self.sanction(caller, room, &who, SanctionKind::Timeout, duration, reason).await
            }
            Command::Unban(who) => self.lift(caller, room, &who, SanctionKind::Ban).await,
            Command::Untimeout(who) => self.lift(caller, room, &who, SanctionKind::Timeout).await,
            Command::Purge(None) => {
                self.moderation.purge(caller, room, None).await?;
                Ok("All messages were deleted.".to_owned())
            }
            Command::Purge(Some(who)) => {
                let (uid, name) = self.called(caller, room, Action::PurgeAuthor, &who).await?;
                self.moderation.purge(caller, room, Some(&uid)).await?;
                Ok(format!("The messages of {name} were deleted."))
            }
            Command::Delete(id) => {
                self.delete(caller, id).await?;
                Ok("The message was deleted.".to_owned())
            }
            Command::Pin(id) => {
                self.moderation.pin(caller, id).await?;
                Ok("The message was pinned.".to_owned())
            }
            Command::Unpin => {
                self.moderation.unpin_any(caller, room).await?;
                Ok("The message was unpinned.".to_owned())
            }
            Command::Mod(who) => self.appoint(caller, room, &who, ModerationAction::Mod, "is a moderator now.").await,
            Command::Unmod(who) => {
                self.appoint(caller, room, &who, ModerationAction::Unmod, "is no longer a moderator.").await
            }
            Command::Vip(who) => self.appoint(caller, room, &who, ModerationAction::Vip, "is a VIP now.").await,
            Command::Unvip(who) => {
                self.appoint(caller, room, &who, ModerationAction::Unvip, "is no longer a VIP.").await
            }
            Command::Echo(_) | Command::Help(_) | Command::Mods | Command::Name(_) => {
                Err(Error::Failed("a command was passed over".to_owned()))
            }
        }
    }

    /// The commands that the caller may use in a room, or anywhere; nobody is shown what a guest may.
    pub async fn commands(
        &self,
        caller: Option<&Caller>,
        room: Option<&RoomUid>,
    ) -> Result<Vec<&'static CommandSpec>, Error> {
        let member = match room {
            Some(room) => self.rooms.enter(caller, room).await?.member,
            None => caller.map(|caller| Member::outside(caller.user.clone())),
        };
        Ok(catalogue::usable(member.as_ref().map_or(Standing::NOBODY, Standing::from)).collect())
    }

    async fn mods(&self, caller: Option<&Caller>, room: &RoomUid) -> Result<String, Error> {
        let members = self.rooms.moderators(caller, room).await?;
        let line = |member: &Member| {
            format!("{} ({})", member.user.display_name.as_str(), member.rank_there().map_or("", Rank::as_str))
        };
        Ok(members.iter().map(line).collect::<Vec<_>>().join(", "))
    }

    async fn sanction(
        &self,
        caller: &Caller,
        room: &RoomUid,
        who: &str,
        kind: SanctionKind,
        duration: Duration,
        reason: Reason,
    ) -> Result<String, Error> {
        let (uid, name) = self.called(caller, room, Action::Sanction, who).await?;
        let measures = SanctionRequest { kind, duration, reason, network: false };
        self.moderation.sanction(caller, Some(room), &uid, measures).await?;
        let done = match kind {
            SanctionKind::Ban => "was banned",
            SanctionKind::Timeout => "was timed out",
        };
        Ok(match duration {
            Duration::For(span) => format!("{name} {done} for {span}."),
            Duration::Forever => format!("{name} {done} permanently."),
        })
    }

    async fn lift(&self, caller: &Caller, room: &RoomUid, who: &str, kind: SanctionKind) -> Result<String, Error> {
        let (uid, name) = self.called(caller, room, Action::Sanction, who).await?;
        self.moderation.lift(caller, Some(room), &uid, Some(kind)).await?;
        Ok(match kind {
            SanctionKind::Ban => format!("{name} was unbanned."),
            SanctionKind::Timeout => format!("The timeout of {name} was lifted."),
        })
    }

    async fn appoint(
        &self,
        caller: &Caller,
        room: &RoomUid,
        who: &str,
        action: ModerationAction,
        now_is: &str,
    ) -> Result<String, Error> {
        let (uid, name) = self.called(caller, room, Action::Appoint, who).await?;
        self.rooms.appoint(caller, room, &uid, action).await?;
        Ok(format!("{name} {now_is}"))
    }

    /// Whoever is called that: by full name, else by the only name in the room that begins so. Names are only looked up
    /// for those who may do `action` at all.
    async fn called(
        &self,
        caller: &Caller,
        room: &RoomUid,
        action: Action,
        typed: &str,
    ) -> Result<(UserUid, String), Error> {
        let (access, actor, _) = self.rooms.actor(caller, room).await?;
        policy::may(&actor, action)?;
        let room: RoomId = access.room.id;
        let folded = typed.trim().to_lowercase();
        if folded.is_empty() || folded.chars().any(char::is_control) {
            return Err(Error::NobodyCalled { typed: typed.to_owned() });
        }
        let found = self.ports.accounts.find(room, &folded, NAMES_TOLD).await?;
        match found.as_slice() {
            [] => Err(Error::NobodyCalled { typed: typed.chars().take(32).collect() }),
            [member] => Ok((member.user.uid.clone(), member.user.display_name.as_str().to_owned())),
            several => Err(Error::Ambiguous {
                typed: typed.chars().take(32).collect(),
                names: several.iter().map(|member| member.user.display_name.as_str().to_owned()).collect(),
            }),
        }
    }
}

fn help(entries: &[&CommandSpec]) -> String {
    entries.iter().map(|entry| line(entry)).collect::<Vec<_>>().join("\n")
}

fn line(entry: &CommandSpec) -> String {
    format!("{} — {}", entry.usage, entry.help)
}

fn explain(name: &str) -> Result<String, Error> {
    let name = name.trim_start_matches(['/', '!']);
    let entry = CATALOGUE.iter().find(|entry| entry.name.eq_ignore_ascii_case(name));
    let entry = entry.ok_or_else(|| CommandError::Unknown { name: name.chars().take(32).collect() })?;
    Ok(line(entry))
}

fn slow_words(span: Span) -> String {
    if span == Span::ZERO { "off".to_owned() } else { span.to_string() }
}
