//! The commands: one table that feeds the parser, `/help`, completion and the documents.

use crate::model::rank::Rank;
use crate::policy::{self, Action, Standing};

/// One command.
#[derive(Debug, PartialEq, Eq)]
pub struct CommandSpec {
    /// How it is called, without the mark.
    pub name: &'static str,
    /// How it is used. `<…>` must be there, `[…]` may; the last one takes the rest of the line.
    pub usage: &'static str,
    /// What it does, as one sentence.
    pub help: &'static str,
    /// What it does, as [`crate::policy`] knows it: it is shown to those who may.
    pub action: Action,
}

macro_rules! catalogue {
    ($($name:literal $action:ident $usage:literal $help:literal;)+) => {
        /// All commands, by name.
        pub const CATALOGUE: &[CommandSpec] = &[$(
            CommandSpec { name: $name, usage: $usage, help: $help, action: Action::$action },
        )+];
    };
}

catalogue! {
    "ban" Sanction "/ban <user> [duration] [reason]" "Keeps somebody out of the room, for ever unless a duration is given.";
    "clear" PurgeAll "/clear" "Deletes all messages of the room.";
    "delete" DeleteOwn "/delete <id>" "Deletes a message: your own, or as moderator anybody's below you.";
    "echo" Look "/echo <text>" "Says the text back to you alone.";
    "help" Look "/help [command]" "Lists the commands, or explains one.";
    "join" Look "/join <room>" "Enters a room by its uid.";
    "leave" Look "/leave [room]" "Leaves the room, or another one by its uid.";
    "login" Look "/login [username password]" "Logs in; without a name, as guest.";
    "logout" Look "/logout" "Makes this connection anonymous.";
    "me" Post "/me <text>" "Says what you do rather than what you say.";
    "mod" Appoint "/mod <user>" "Makes somebody a moderator of the room.";
    "mods" Look "/mods" "Lists who keeps order in the room.";
    "name" Post "/name <name>" "Takes another display name.";
    "pin" Pin "/pin <id>" "Pins a message to the top of the room, in place of the one before.";
    "purge" PurgeAuthor "/purge [user]" "Deletes all messages of one author, or of everybody.";
    "quit" Look "/quit" "Leaves all rooms and closes the connection.";
    "room" Configure "/room <name|description|slow> <value>" "Changes the room's name, description or slow mode.";
    "slow" SlowMode "/slow [seconds|off]" "Sets the least time between two messages of one author; 30 seconds unless given.";
    "timeout" Sanction "/timeout <user> [duration] [reason]" "Keeps somebody from writing, for 10 minutes unless given.";
    "unban" Sanction "/unban <user>" "Lets somebody in again.";
    "unmod" Appoint "/unmod <user>" "Takes the rank of moderator away.";
    "unpin" Pin "/unpin" "Takes the pinned message down.";
    "untimeout" Sanction "/untimeout <user>" "Lets somebody write again.";
    "unvip" Appoint "/unvip <user>" "Takes the mark of a VIP away.";
    "vip" Appoint "/vip <user>" "Marks somebody as VIP of the room.";
}

/// The command of that name, in any case.
pub fn find(name: &str) -> Option<&'static CommandSpec> {
    CATALOGUE.iter().find(|entry| entry.name.eq_ignore_ascii_case(name))
}

impl CommandSpec {
    /// The least rank that may.
    pub fn least(&self) -> Rank {
        self.action.least_rank()
    }
}

/// The commands that somebody who stands like this may use, by name.
pub fn usable(standing: impl Into<Standing>) -> impl Iterator<Item = &'static CommandSpec> {
    let standing = standing.into();
    CATALOGUE.iter().filter(move |entry| policy::may(standing, entry.action).is_ok())
}
