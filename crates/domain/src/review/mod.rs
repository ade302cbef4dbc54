//! Whether a message may be posted: pure stages in a fixed order.
//!
//! Rank and sanction → length → slow mode ([`admit`]) → flood → repeats → links ([`judge`]). The first that objects decides.
//! The flood limiter counts, so it is no stage here: the service asks it between the two. What two messages at once could
//! break (sanctions, slow mode) is asked again inside the store's transaction, by [`guard`].

pub mod guard;
pub mod links;

use crate::model::access::AccessContext;
use crate::model::sanction::{Sanction, SanctionKind};
use crate::model::text::Body;
use crate::model::time::{Span, Timestamp};
use crate::policy;

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everybody gets it.
    Publish,
    /// Moderators get it and decide.
    Hold(Vec<HoldReason>),
    /// Its author and moderators get it, and the author is not told.
    Shadow,
    /// Nobody gets it, and the author is told why.
    Refuse(Refusal),
}

/// Why a message waits for a moderator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldReason {
    /// What was taken for a link.
    Link {
        /// Where it leads.
        host: String,
    },
}

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

/// Whether the member of `access` may post a text of this length at `now` at all.
pub fn admit(text: &Body, access: &AccessContext, now: Timestamp) -> Result<(), Refusal> {
    if let Some(sanction) = forbidding(&access.sanctions, now) {
        return Err(Refusal::Sanctioned(Box::new(sanction.clone())));
    }
    let max = access.room.rules.max_length;
    if text.length() > max {
        return Err(Refusal::TooLong { max });
    }
    let last_at = access.last_post.as_ref().map(|(at, _)| *at);
    match guard::pace_left(access.room.rules.slow_mode, last_at, now) {
        Some(retry_after) if !is_exempt(access) => Err(Refusal::TooSoon { retry_after }),
        _ => Ok(()),
    }
}

/// Whether nothing but sanctions and the length keeps the member of `access` from posting.
pub fn is_exempt(access: &AccessContext) -> bool {
    access.member.as_ref().is_some_and(|member| policy::is_exempt_from_pace(member.rank()))
}

/// What becomes of the text by the member of `access`, who was admitted. `repeats` says whether the same text again is
/// refused (off with the other limits).
pub fn judge(text: &Body, access: &AccessContext, now: Timestamp, repeats: bool) -> Verdict {
    if is_exempt(access) {
        return Verdict::Publish;
    }
    if let Some((at, last)) = access.last_post.as_ref().filter(|_| repeats) {
        let since = now - *at;
        if last == text && *at <= now && since < REPEAT_WINDOW {
            let retry_after = Span::millis(REPEAT_WINDOW.as_millis() - since.as_millis());
            return Verdict::Refuse(Refusal::Repeated { retry_after });
        }
    }
    if !access.room.rules.links
        && let Some(host) = links::first(text.as_str())
    {
        return Verdict::Refuse(Refusal::Link { host: host.to_owned() });
    }
    Verdict::Publish
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
