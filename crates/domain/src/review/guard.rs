//! What is asked again inside the transaction that writes a message, because two at once could both have been told yes.

use crate::model::sanction::Sanction;
use crate::model::time::{Span, Timestamp};
use crate::model::user::Member;
use crate::policy;
use crate::ports::log::{AppendError, LogCommand};
use crate::review::{banning, forbidding};

/// Posts wait less than this between the decision and the writing.
const OVERTAKING: Span = Span::seconds(10);

/// How much of the slow mode is left; `None` when the author may write.
///
/// After a clock jumped back, a last post far in the future counts as long ago: nobody waits for the clock to catch up. One
/// slightly in the future is another post that was decided on later and written earlier.
pub fn pace_left(slow_mode: Span, last_post: Option<Timestamp>, now: Timestamp) -> Option<Span> {
    let last = last_post.filter(|last| *last <= now + OVERTAKING)?;
    let since = now - last;
    (since < slow_mode).then(|| Span::millis(slow_mode.as_millis() - since.as_millis()))
}

/// Whether a post may be written: `pace` is the slow mode to hold (`None` for those exempt), `last_post` the author's
/// latest in the room, and `sanctions` those that cover the author, read under the lock of the room's head.
pub fn post(
    pace: Option<Span>,
    last_post: Option<Timestamp>,
    sanctions: &[Sanction],
    now: Timestamp,
) -> Result<(), AppendError> {
    if let Some(sanction) = forbidding(sanctions, now) {
        return Err(AppendError::Sanctioned(Box::new(sanction.clone())));
    }
    match pace.and_then(|slow_mode| pace_left(slow_mode, last_post, now)) {
        Some(retry_after) => Err(AppendError::TooSoon { retry_after }),
        None => Ok(()),
    }
}

/// Whether an act other than a post may still be carried out: `decided` is the actor as of the decision, `now` as the store
/// knows them under the lock of the room's head, and `sanctions` those that cover them then. `subject` is whom the command
/// is aimed at ([`LogCommand::aimed_at`]) as the store knows them then; `None` when nobody, or somebody deleted since.
pub fn act(
    decided: &Member,
    now: Option<&Member>,
    sanctions: &[Sanction],
    command: &LogCommand,
    subject: Option<&Member>,
    at: Timestamp,
) -> Result<(), AppendError> {
    // Whoever may not write may not put words before everybody in another way either.
    let keeping_out = if command.speaks() { forbidding(sanctions, at) } else { banning(sanctions, at) };
    if let Some(sanction) = keeping_out.filter(|_| command.is_barred_by_ban()) {
        return Err(AppendError::Sanctioned(Box::new(sanction.clone())));
    }
    let Some(actor) = now.filter(|_| policy::still_holds(decided, now)) else {
        return Err(AppendError::AuthorityLost);
    };
    match subject {
        Some(subject) if !policy::reaches(actor, subject) => Err(AppendError::SubjectOutranks),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_mode_ends_to_the_millisecond() {
        let slow = Span::seconds(10);
        let left = |now| pace_left(slow, Some(Timestamp(1000)), Timestamp(now));
        assert_eq!(left(1000), Some(slow));
        assert_eq!(left(10_999), Some(Span::millis(1)));
        assert_eq!(left(11_000), None);
        assert_eq!(left(999), Some(slow), "a post that was overtaken");
        assert_eq!(left(1000 - 10_001), None, "a clock that jumped back");
        assert_eq!(pace_left(slow, None, Timestamp(0)), None);
        assert_eq!(pace_left(Span::ZERO, Some(Timestamp(5)), Timestamp(5)), None);
    }
}
