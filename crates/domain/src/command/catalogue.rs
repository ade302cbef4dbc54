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
    "ban" Sanction "/ban <user> [duration] [reason]" "Bans a user from the room. Permanent unless a duration is given.";
    "clear" PurgeAll "/clear" "Deletes all messages of the room.";
    "delete" DeleteOwn "/delete <id>" "Deletes a message: your own, or as a moderator another user's.";
    "echo" Look "/echo <text>" "Shows the text to you alone.";
    "help" Look "/help [command]" "Lists the commands, or explains one.";
    "join" Look "/join <room>" "Joins a room by its uid.";
    "leave" Look "/leave [room]" "Leaves the room, or another one by its uid.";
    "login" Look "/login [username password]" "Logs in. Without a name, as a guest.";
    "logout" Look "/logout" "Logs this connection out.";
    "me" Post "/me <text>" "Posts an action instead of a text.";
    "mod" Appoint "/mod <user>" "Makes a user a moderator of the room.";
    "mods" Look "/mods" "Lists the moderators of the room.";
    "name" Post "/name <name>" "Changes your display name.";
    "pin" Pin "/pin <id>" "Pins a message to the top of the room. Replaces the pinned one.";
    "purge" PurgeAuthor "/purge [user]" "Deletes all messages of a user, or of everyone.";
    "quit" Look "/quit" "Leaves all rooms and closes the connection.";
    "room" Configure "/room <name|description|slow> <value>" "Changes the room's name, description or slow mode.";
    "slow" SlowMode "/slow [seconds|off]" "Sets how long a user must wait between messages. 30 seconds unless given.";
    "timeout" Sanction "/timeout <user> [duration] [reason]" "Stops a user from posting. 10 minutes unless given.";
    "unban" Sanction "/unban <user>" "Lifts a ban.";
    "unmod" Appoint "/unmod <user>" "Removes a moderator.";
    "unpin" Pin "/unpin" "Unpins the pinned message.";
    "untimeout" Sanction "/untimeout <user>" "Lifts a timeout.";
    "unvip" Appoint "/unvip <user>" "Removes the VIP mark.";
    "vip" Appoint "/vip <user>" "Marks a user as VIP of the room.";
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
