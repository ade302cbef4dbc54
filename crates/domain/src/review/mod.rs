//! Whether a message may be posted: pure stages in a fixed order.
//!
//! Rank and sanction → length → slow mode → flood → repeats → links. The first that objects decides. What two messages
//! at once could break (sanctions, slow mode) is asked again inside the store's transaction, by [`guard`].

pub mod guard;
pub mod links;

use crate::model::sanction::{Sanction, SanctionKind};
use crate::model::text::Body;
use crate::model::time::{Span, Timestamp};
use crate::policy;
use crate::ports::log::AccessContext;

/// Why a message is not posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The author was banned or timed out.
    Sanctioned(Box<Sanction>),
    /// Longer than this room allows, in characters.
    TooLong {
        /// What it allows.
        max: usize,
    },
    /// The room's slow mode.
    TooSoon {
        /// How long it still takes.
        retry_after: Span,
    },
    /// Too many messages in a short time.
    Flood {
        /// How long it still takes.
        retry_after: Span,
    },
    /// The same text again.
    Repeated {
        /// When the same text is welcome again.
        retry_after: Span,
    },
    /// The room allows no links.
    Link {
        /// What was taken for one.
        host: String,
    },
}

/// The same text from the same author is refused for this long (MovieNight's value).
pub const REPEAT_WINDOW: Span = Span::seconds(30);

/// What review is told besides the access.
pub struct Context<'a> {
    pub now: Timestamp,
    /// Asks the flood limiter, which counts: only when everything before it was passed.
    pub flood: &'a dyn Fn() -> Result<(), Span>,
    /// Whether repeats are refused (off with the other limits).
    pub repeats: bool,
}

/// Decides about `text` by the member of `access`, who is there.
pub fn review(text: &Body, access: &AccessContext, context: &Context<'_>) -> Result<(), Refusal> {
    let Some(member) = &access.member else { return Ok(()) };
    let exempt = policy::is_exempt_from_pace(member.rank());
    forbidding(&access.sanctions, context.now)
        .map_or(Ok(()), |sanction| Err(Refusal::Sanctioned(Box::new(sanction.clone()))))?;
    let max = access.room.rules.max_length;
    if text.length() > max {
        return Err(Refusal::TooLong { max });
    }
    if exempt {
        return Ok(());
    }
    let last_at = access.last_post.as_ref().map(|(at, _)| *at);
    if let Some(retry_after) = guard::pace_left(access.room.rules.slow_mode, last_at, context.now) {
        return Err(Refusal::TooSoon { retry_after });
    }
    if let Err(retry_after) = (context.flood)() {
        return Err(Refusal::Flood { retry_after });
    }
    if let Some((at, last)) = access.last_post.as_ref().filter(|_| context.repeats) {
        let since = context.now - *at;
        if last == text && *at <= context.now && since < REPEAT_WINDOW {
            let left = Span::millis(REPEAT_WINDOW.as_millis() - since.as_millis());
            return Err(Refusal::Repeated { retry_after: left });
        }
    }
    if !access.room.rules.links
        && let Some(host) = links::first(text.as_str())
    {
        return Err(Refusal::Link { host: host.to_owned() });
    }
    Ok(())
}

/// The sanction that keeps somebody from writing, a ban before a timeout, the longest of each first.
pub fn forbidding(sanctions: &[Sanction], now: Timestamp) -> Option<&Sanction> {
    let rank = |s: &Sanction| (s.kind == SanctionKind::Ban, s.ends_at.map_or(i64::MAX, |end| end.0));
    sanctions.iter().filter(|s| s.in_force(now)).max_by_key(|s| rank(s))
}

/// The ban that keeps somebody from reading.
pub fn banning(sanctions: &[Sanction], now: Timestamp) -> Option<&Sanction> {
    forbidding(sanctions, now).filter(|s| s.kind == SanctionKind::Ban)
}
