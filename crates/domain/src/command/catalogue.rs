//! The commands: one table that feeds the parser, `/help`, completion and the documents.

use crate::model::rank::Rank;

/// One command.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// How it is called, without the mark.
    pub name: &'static str,
    /// How it is used. `<…>` must be there, `[…]` may; the last one takes the rest of the line.
    pub usage: &'static str,
    /// What it does, as one sentence.
    pub help: &'static str,
    /// The least rank it is shown to. What is allowed is decided by [`crate::policy`], where the room is known.
    pub least: Rank,
}

macro_rules! catalogue {
    ($($name:literal $least:ident $usage:literal $help:literal;)+) => {
        /// All commands, by name.
        pub const CATALOGUE: &[Entry] = &[$(
            Entry { name: $name, usage: $usage, help: $help, least: Rank::$least },
        )+];
    };
}

catalogue! {
    "ban" Mod "/ban <user> [duration] [reason]" "Keeps somebody out of the room, for ever unless a duration is given.";
    "clear" Mod "/clear" "Deletes all messages of the room.";
    "delete" Guest "/delete <id>" "Deletes a message: your own, or as moderator anybody's below you.";
    "echo" Guest "/echo <text>" "Says the text back to you alone.";
    "help" Guest "/help [command]" "Lists the commands, or explains one.";
    "join" Guest "/join <room>" "Enters a room by its uid.";
    "leave" Guest "/leave [room]" "Leaves the room, or another one by its uid.";
    "login" Guest "/login [username password]" "Logs in; without a name, as guest.";
    "logout" Guest "/logout" "Makes this connection anonymous.";
    "me" Guest "/me <text>" "Says what you do rather than what you say.";
    "mod" Owner "/mod <user>" "Makes somebody a moderator of the room.";
    "mods" Guest "/mods" "Lists who keeps order in the room.";
    "name" Guest "/name <name>" "Takes another display name.";
    "purge" Mod "/purge [user]" "Deletes all messages of one author, or of everybody.";
    "quit" Guest "/quit" "Leaves all rooms and closes the connection.";
    "room" Owner "/room <name|description|slow> <value>" "Changes the room's name, description or slow mode.";
    "slow" Mod "/slow [seconds|off]" "Sets the least time between two messages of one author; 30 seconds unless given.";
    "timeout" Mod "/timeout <user> [duration] [reason]" "Keeps somebody from writing, for 10 minutes unless given.";
    "unban" Mod "/unban <user>" "Lets somebody in again.";
    "unmod" Owner "/unmod <user>" "Takes the rank of moderator away.";
    "untimeout" Mod "/untimeout <user>" "Lets somebody write again.";
    "unvip" Owner "/unvip <user>" "Takes the mark of a VIP away.";
    "vip" Owner "/vip <user>" "Marks somebody as VIP of the room.";
}

/// The command of that name, in any case.
pub fn find(name: &str) -> Option<&'static Entry> {
    CATALOGUE.iter().find(|entry| entry.name.eq_ignore_ascii_case(name))
}

/// The lines of `/help` for somebody of this rank.
pub fn help(rank: Rank) -> String {
    let lines =
        CATALOGUE.iter().filter(|entry| entry.least <= rank).map(|entry| format!("{} — {}", entry.usage, entry.help));
    lines.collect::<Vec<_>>().join("\n")
}
