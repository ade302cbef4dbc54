//! Why a service did not do it. One list for all services, because a command typed in chat may reach each of them; the
//! border turns each variant into one row of its table of problems.

use crate::command::CommandError;
use crate::model::sanction::{Sanction, SanctionKind};
use crate::model::site_token::TokenFault;
use crate::model::text::Invalid;
use crate::model::time::{Span, Timestamp};
use crate::policy::Denied;
use crate::ports::effects::HasherBusy;
use crate::ports::log::AppendError;
use crate::ports::store::StoreError;
use crate::review::Refusal;

/// What was not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// By uid, or by name in a command.
    User,
    /// By uid.
    Room,
    /// By id, not deleted.
    Message,
    /// A ban or timeout in force.
    Sanction,
    /// By uid.
    Site,
    /// By kid.
    SiteKey,
}

impl Resource {
    /// Its name in sentences.
    pub fn as_str(self) -> &'static str {
        match self {
            Resource::User => "user",
            Resource::Room => "room",
            Resource::Message => "message",
            Resource::Sanction => "ban or timeout in force",
            Resource::Site => "site",
            Resource::SiteKey => "key",
        }
    }
}

/// What went on too fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateLimitKind {
    /// The room's slow mode.
    SlowMode,
    /// Too many messages at once.
    Flood,
    /// The same message again.
    Repeated,
    /// Too many login attempts.
    Login,
    /// Too many of anything else.
    Other,
}

/// Why a service refused or failed; one row of the problem table each.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value is not valid.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Log in first.
    #[error("Log in first.")]
    LoginRequired,
    /// The token or ticket is forged, expired, used up or revoked.
    #[error("Your login has expired. Log in again.")]
    TokenInvalid,
    /// The token of a site is not taken.
    #[error(transparent)]
    SiteToken(#[from] TokenFault),
    /// It takes a session of this server; those whom a site signs in have none.
    #[error("This takes an account on this server; your web site signs you in.")]
    AccountRequired,
    /// The name is unknown, or the password is not that name's.
    #[error("The username or the password is wrong.")]
    CredentialsWrong,
    /// Guest access is off.
    #[error("Guest access is off. Register or log in.")]
    GuestsOff,
    /// It is not there.
    #[error("There is no such {}.", .0.as_str())]
    NoSuch(Resource),
    /// Nobody is called that.
    #[error("There is nobody called {typed} here.")]
    NobodyCalled {
        /// What was typed.
        typed: String,
    },
    /// More than one is called that.
    #[error("More than one name begins with {typed}: {}.", .names.join(", "))]
    Ambiguous {
        /// What was typed.
        typed: String,
        /// Who it could be.
        names: Vec<String>,
    },
    /// Somebody has that name, or one that looks like it.
    #[error("This name, or one that looks like it, is taken.")]
    NameTaken,
    /// The rank is too low.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The caller's rank changed while the act was under way.
    #[error("Your permissions changed. Nothing was done; try again if you still may.")]
    AuthorityLost,
    /// A ban or timeout is in force.
    #[error("{}", sanction_text(*.kind, *.until))]
    Sanctioned {
        /// A ban or a timeout.
        kind: SanctionKind,
        /// Until when; `None` until lifted.
        until: Option<Timestamp>,
        /// How long that is, when it ends.
        retry_after: Option<Span>,
    },
    /// Not yet.
    #[error("{}", rate_limit_text(*.pace, *.retry_after))]
    TooFast {
        /// What was too fast.
        pace: RateLimitKind,
        /// When it is welcome.
        retry_after: Span,
    },
    /// The room allows shorter messages only.
    #[error("This room allows at most {max} characters.")]
    TooLong {
        /// The longest message allowed there, in characters.
        max: usize,
    },
    /// The room allows no links.
    #[error("Links are not allowed in this room ({host}).")]
    LinkRefused {
        /// What was taken for a link.
        host: String,
    },
    /// A command was not understood.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A command that concerns a connection came without one.
    #[error("/{name} works in the chat window, not over HTTP.")]
    SocketOnly {
        /// The command.
        name: &'static str,
    },
    /// It takes a room, and none was named or joined.
    #[error("Join a room first.")]
    NoRoom,
    /// Everything is busy; nothing was done, or the same nonce will tell.
    #[error("The server is busy. Try again in a moment.")]
    Busy {
        /// How long to wait before the next try.
        retry_after: Span,
    },
    /// The disk is full; nothing was done.
    #[error("The server's disk is full. Nothing was saved; deleting still works.")]
    StorageFull {
        /// How long to wait before the next try.
        retry_after: Span,
    },
    /// The store failed, in words for the log.
    #[error("Something went wrong on the server.")]
    Failed(String),
}

fn sanction_text(kind: SanctionKind, until: Option<Timestamp>) -> String {
    let what = match kind {
        SanctionKind::Ban => "You are banned",
        SanctionKind::Timeout => "You are timed out: you can read but not write",
    };
    if until.is_some() { format!("{what} for a while.") } else { format!("{what} until a moderator lifts it.") }
}

fn rate_limit_text(pace: RateLimitKind, retry_after: Span) -> String {
    let seconds = retry_after.as_seconds_up();
    let time = if seconds < 120 { format!("{seconds} s") } else { format!("{} min", (seconds + 59) / 60) };
    match pace {
        RateLimitKind::SlowMode => format!("This room is in slow mode. You can write again in {time}."),
        RateLimitKind::Flood => format!("Too many messages. Try again in {time}."),
        RateLimitKind::Repeated => format!("You already sent that. Send something else, or try again in {time}."),
        RateLimitKind::Login => format!("Too many login attempts. Try again in {time}."),
        RateLimitKind::Other => format!("Too many requests. Try again in {time}."),
    }
}

impl Error {
    /// The refusal that a sanction means at `now`.
    pub fn sanctioned(sanction: &Sanction, now: Timestamp) -> Error {
        let retry_after = sanction.ends_at.map(|end| end - now);
        Error::Sanctioned { kind: sanction.kind, until: sanction.ends_at, retry_after }
    }

    /// The refusal of a review.
    pub fn refused(refusal: Refusal, now: Timestamp) -> Error {
        match refusal {
            Refusal::Sanctioned(sanction) => Error::sanctioned(&sanction, now),
            Refusal::TooLong { max } => Error::TooLong { max },
            Refusal::TooSoon { retry_after } => Error::TooFast { pace: RateLimitKind::SlowMode, retry_after },
            Refusal::Flood { retry_after } => Error::TooFast { pace: RateLimitKind::Flood, retry_after },
            Refusal::Repeated { retry_after } => Error::TooFast { pace: RateLimitKind::Repeated, retry_after },
            Refusal::Link { host } => Error::LinkRefused { host },
        }
    }

    /// What an append that failed means, `missing` being what it acted on.
    pub fn append(error: AppendError, missing: Resource, now: Timestamp) -> Error {
        match error {
            AppendError::RoomGone => Error::NoSuch(Resource::Room),
            AppendError::Missing => Error::NoSuch(missing),
            AppendError::Outranked => Error::Denied(Denied::Outranked),
            AppendError::AuthorityLost => Error::AuthorityLost,
            AppendError::SubjectOutranks => Error::Denied(Denied::Outranked),
            AppendError::Sanctioned(sanction) => Error::sanctioned(&sanction, now),
            AppendError::TooSoon { retry_after } => Error::TooFast { pace: RateLimitKind::SlowMode, retry_after },
            AppendError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Error {
        match error {
            StoreError::NameTaken => Error::NameTaken,
            StoreError::Busy { retry_after } => Error::Busy { retry_after },
            StoreError::StorageFull { retry_after } => Error::StorageFull { retry_after },
            StoreError::Failed(words) => Error::Failed(words),
        }
    }
}

impl From<HasherBusy> for Error {
    fn from(_: HasherBusy) -> Error {
        Error::Busy { retry_after: Span::seconds(2) }
    }
}
