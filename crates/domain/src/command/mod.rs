//! Commands typed in chat: `!` or `/` and a letter, never posted as text.

pub mod catalogue;
pub mod lex;

use crate::command::catalogue::CommandSpec;
use crate::command::lex::Words;
use crate::model::id::{MessageId, RoomUid};
use crate::model::message::MessageKind;
use crate::model::room::{RoomChange, SLOW_MODE_MAX};
use crate::model::text::{Description, Invalid, Reason, RoomName};
use crate::model::time::{Duration, Span};

/// What somebody typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// Text to be posted, said or (`/me waves`) done.
    Message(MessageKind, &'a str),
    /// Something to be done in a room.
    Command(&'static CommandSpec, Command),
    /// Something that concerns the sender's own connection, done by the socket and refused over HTTP.
    Socket(&'static CommandSpec, SocketCommand),
}

/// What is done by the services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Say it back to the sender.
    Echo(String),
    /// Take another name.
    Name(String),
    /// Change the room.
    Configure(Box<RoomChange>),
    /// Set the slow mode; zero is off.
    Slow(Span),
    /// Keep somebody out.
    Ban(String, Duration, Reason),
    /// Let somebody in again.
    Unban(String),
    /// Keep somebody from writing.
    Timeout(String, Duration, Reason),
    /// Let somebody write again.
    Untimeout(String),
    /// Delete one author's messages, or all.
    Purge(Option<String>),
    /// Delete one message.
    Delete(MessageId),
    /// Pin a message.
    Pin(MessageId),
    /// Take the pinned message down.
    Unpin,
    /// Make a moderator.
    Mod(String),
    /// Unmake a moderator.
    Unmod(String),
    /// Mark a VIP.
    Vip(String),
    /// Unmark a VIP.
    Unvip(String),
    /// List who keeps order.
    Mods,
    /// List the commands, or explain one.
    Help(Option<String>),
}

/// What is done by the socket.
#[derive(Clone, PartialEq, Eq)]
pub enum SocketCommand {
    /// Log in with a name and a password; as guest without.
    Login(Option<(String, String)>),
    /// Become anonymous.
    Logout,
    /// Enter a room.
    Join(RoomUid),
    /// Leave a room; the last one without.
    Leave(Option<RoomUid>),
    /// Leave all rooms and close the connection.
    Quit,
}

impl std::fmt::Debug for SocketCommand {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            SocketCommand::Login(_) => "Login(…)",
            SocketCommand::Logout => "Logout",
            SocketCommand::Join(_) => "Join(…)",
            SocketCommand::Leave(_) => "Leave(…)",
            SocketCommand::Quit => "Quit",
        })
    }
}

/// Why a command was not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// There is no such command.
    #[error("There is no command {name}. /help lists the commands.")]
    Unknown {
        /// What was typed, without the mark.
        name: String,
    },
    /// It is used in another way.
    #[error("{problem}; it is used as {usage}")]
    Usage {
        /// What is wrong.
        problem: String,
        /// How it is used.
        usage: &'static str,
    },
}

/// How long a timeout is when nobody says (Twitch's value).
pub const TIMEOUT_DEFAULT: Duration = Duration::For(Span::minutes(10));

/// The slow mode that a bare `/slow` sets (Twitch's value).
pub const SLOW_DEFAULT: Span = Span::seconds(30);

impl Input<'_> {
    /// Reads a line from the send box.
    pub fn parse(text: &str) -> Result<Input<'_>, CommandError> {
        let line = text.trim();
        let Some(rest) =
            line.strip_prefix(['!', '/']).filter(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
        else {
            return Ok(Input::Message(MessageKind::Say, text));
        };
        let (name, arguments) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let Some(entry) = catalogue::find(name) else {
            // Bots listen for words of their own after `!`; `/r/rust` and `/etc/hosts` are places. A slip in `login` must
            // not show the password behind it to the room.
            let is_talk = if line.starts_with('!') { !is_nearly_login(name) } else { name.contains('/') };
            let unknown = || CommandError::Unknown { name: name.chars().take(32).collect() };
            return if is_talk { Ok(Input::Message(MessageKind::Say, text)) } else { Err(unknown()) };
        };
        let arguments = arguments.trim();
        read(entry, arguments).map_err(|problem| CommandError::Usage { problem, usage: entry.usage })
    }
}

/// Whether one letter too many, too few, wrong, or swapped with its neighbour makes `login` of a word.
fn is_nearly_login(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    let same = word.bytes().zip("login".bytes()).take_while(|(a, b)| a == b).count();
    match (&word.as_bytes()[same..], &b"login"[same..]) {
        ([], []) => true,
        ([_, word @ ..], login) if word == login => true,
        (word, [_, login @ ..]) if word == login => true,
        ([_, word @ ..], [_, login @ ..]) if word == login => true,
        ([a, b, word @ ..], [c, d, login @ ..]) => a == d && b == c && word == login,
        _ => false,
    }
}

fn read<'a>(entry: &'static CommandSpec, arguments: &'a str) -> Result<Input<'a>, String> {
    let mut words = Words::new(arguments);
    let socket = |command| Ok(Input::Socket(entry, command));
    let command = match entry.name {
        "me" => return text(arguments).map(|text| Input::Message(MessageKind::Action, text)),
        "login" => {
            let name = words.word()?;
            let command = match name {
                Some(name) => Some((name, words.rest().ok_or("a password is missing")?.to_owned())),
                None => None,
            };
            return socket(SocketCommand::Login(command));
        }
        "logout" => return words.end().and(socket(SocketCommand::Logout)),
        "join" => {
            let uid = words.word()?.ok_or("a room is missing")?;
            words.end()?;
            return socket(SocketCommand::Join(room_uid(&uid)?));
        }
        "leave" => {
            let uid = words.word()?.map(|uid| room_uid(&uid)).transpose()?;
            words.end()?;
            return socket(SocketCommand::Leave(uid));
        }
        "quit" => return words.end().and(socket(SocketCommand::Quit)),
        "echo" => Command::Echo(text(arguments)?.to_owned()),
        "name" => Command::Name(lex::unquoted(text(arguments)?).to_owned()),
        "room" => Command::Configure(Box::new(room_change(&mut words)?)),
        "slow" => Command::Slow(slow(&mut words)?.unwrap_or(SLOW_DEFAULT)),
        "ban" => {
            let (who, duration, reason) = sanction(&mut words)?;
            Command::Ban(who, duration.unwrap_or(Duration::Forever), reason)
        }
        "timeout" => {
            let (who, duration, reason) = sanction(&mut words)?;
            Command::Timeout(who, duration.unwrap_or(TIMEOUT_DEFAULT), reason)
        }
        "unban" => Command::Unban(who(&mut words)?),
        "untimeout" => Command::Untimeout(who(&mut words)?),
        "purge" => Command::Purge(words.word()?.map(bare)).and_end(&mut words)?,
        "clear" => Command::Purge(None).and_end(&mut words)?,
        "delete" => {
            let id = message_id(&mut words)?;
            Command::Delete(id).and_end(&mut words)?
        }
        "pin" => {
            let id = message_id(&mut words)?;
            Command::Pin(id).and_end(&mut words)?
        }
        "unpin" => Command::Unpin.and_end(&mut words)?,
        "mod" => Command::Mod(who(&mut words)?),
        "unmod" => Command::Unmod(who(&mut words)?),
        "vip" => Command::Vip(who(&mut words)?),
        "unvip" => Command::Unvip(who(&mut words)?),
        "mods" => Command::Mods.and_end(&mut words)?,
        "help" => Command::Help(words.word()?).and_end(&mut words)?,
        name => return Err(format!("{name} is not ready")),
    };
    Ok(Input::Command(entry, command))
}

impl Command {
    fn and_end(self, words: &mut Words<'_>) -> Result<Command, String> {
        words.end().map(|()| self)
    }
}

fn text(arguments: &str) -> Result<&str, String> {
    if arguments.is_empty() { Err("a text is missing".to_owned()) } else { Ok(arguments) }
}

fn room_uid(typed: &str) -> Result<RoomUid, String> {
    RoomUid::parse(typed).ok_or_else(|| "a room's uid has 12 letters and digits".to_owned())
}

fn message_id(words: &mut Words<'_>) -> Result<MessageId, String> {
    let id = words.word()?.ok_or("a message id is missing")?;
    id.parse().map(MessageId).map_err(|_| "a message id is a number".to_owned())
}

/// A name without the `@` that people put before it.
fn bare(name: String) -> String {
    name.strip_prefix('@').map(str::to_owned).unwrap_or(name)
}

/// One user's name; without quotes the name is the rest of the line, so that names with spaces need none.
fn who(words: &mut Words<'_>) -> Result<String, String> {
    let name = words.word()?.ok_or("a user is missing")?;
    let name = match words.rest() {
        Some(more) => format!("{name} {more}"),
        None => name,
    };
    Ok(bare(name))
}

fn sanction(words: &mut Words<'_>) -> Result<(String, Option<Duration>, Reason), String> {
    let who = bare(words.word()?.ok_or("a user is missing")?);
    let mut duration = None;
    if let Some(word) = words.peek() {
        // What begins like a duration must be one: a slip in `10n` must not become a ban for ever.
        if word.eq_ignore_ascii_case("perm") || word.starts_with(|c: char| c.is_ascii_digit()) {
            duration = Some(Duration::parse(word).map_err(|bad| bad.to_string())?);
            words.word()?;
        }
    }
    let reason = Reason::parse(words.rest().unwrap_or_default()).map_err(spoken)?;
    Ok((who, duration, reason))
}

fn slow(words: &mut Words<'_>) -> Result<Option<Span>, String> {
    let Some(word) = words.word()? else { return Ok(None) };
    words.end()?;
    if word == "0" || word.eq_ignore_ascii_case("off") {
        return Ok(Some(Span::ZERO));
    }
    match Duration::parse(&word) {
        Ok(Duration::For(span)) if span <= SLOW_MODE_MAX => Ok(Some(span)),
        _ => Err("a slow mode is a number of seconds up to 86400, or off".to_owned()),
    }
}

fn room_change(words: &mut Words<'_>) -> Result<RoomChange, String> {
    let what = words.word()?.unwrap_or_default();
    let mut change = RoomChange::default();
    match what.to_ascii_lowercase().as_str() {
        "name" => change.name = Some(RoomName::parse(lex::unquoted(words.rest().unwrap_or_default())).map_err(spoken)?),
        "description" => {
            let text = lex::unquoted(words.rest().unwrap_or_default());
            change.description = Some(Description::parse(text).map_err(spoken)?);
        }
        "slow" => change.slow_mode = Some(slow(words)?.unwrap_or(SLOW_DEFAULT)),
        _ => return Err("a room has a name, a description and slow".to_owned()),
    }
    Ok(change)
}

fn spoken(invalid: Invalid) -> String {
    format!("the {invalid}")
}

#[cfg(test)]
mod tests;
