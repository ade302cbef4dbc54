//! Which logins are known to go on, and since when.

use super::state::{FRESH_FOR, is_within};
use crate::model::id::SessionId;
use crate::model::time::{Span, Timestamp};
use std::collections::{HashMap, HashSet};

/// A login that nobody used for this long is forgotten at the next comparison.
const USED_WITHIN: Span = Span::seconds(10);

struct Known {
    fresh_at: Timestamp,
    used_at: Timestamp,
}

/// The logins that were seen alive.
#[derive(Default)]
pub struct Sessions(HashMap<SessionId, Known>);

impl Sessions {
    /// The store said at `now` that it goes on.
    pub fn put(&mut self, session: SessionId, now: Timestamp) {
        self.0.insert(session, Known { fresh_at: now, used_at: now });
    }

    /// These are over.
    pub fn remove(&mut self, ended: &[SessionId]) {
        for session in ended {
            self.0.remove(session);
        }
    }

    /// Nobody knows which of them are over: each is asked about again.
    pub fn forget(&mut self) {
        for known in self.0.values_mut() {
            known.fresh_at = Timestamp(known.fresh_at.0 - FRESH_FOR.as_millis());
        }
    }

    /// Whether this login was seen alive less than two seconds ago; otherwise the logins to ask the store about: this one
    /// and all others in use, so that many who write ask once.
    pub fn look(&mut self, session: SessionId, now: Timestamp) -> Result<(), Vec<SessionId>> {
        // Kept while it is asked about, so that an end that is announced meanwhile is not forgotten.
        let never = Known { fresh_at: Timestamp(now.0 - FRESH_FOR.as_millis()), used_at: now };
        let known = self.0.entry(session).or_insert(never);
        known.used_at = now;
        if is_within(known.fresh_at, now, FRESH_FOR) {
            return Ok(());
        }
        self.0.retain(|_, known| is_within(known.used_at, now, USED_WITHIN));
        let mut asked: Vec<SessionId> = self.0.keys().copied().filter(|id| *id != session).collect();
        asked.push(session);
        Err(asked)
    }

    /// Of `asked`, the store said at `now` that those `alive` go on.
    pub fn settle(&mut self, asked: &[SessionId], alive: &[SessionId], now: Timestamp) {
        let alive: HashSet<SessionId> = alive.iter().copied().collect();
        for session in asked {
            match self.0.get_mut(session) {
                _ if !alive.contains(session) => drop(self.0.remove(session)),
                Some(known) => known.fresh_at = now,
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: SessionId = SessionId(1);
    const BOB: SessionId = SessionId(2);

    fn at(millis: i64) -> Timestamp {
        Timestamp(1_000_000 + millis)
    }

    #[test]
    fn a_login_is_believed_for_two_seconds() {
        let mut sessions = Sessions::default();
        sessions.put(ANN, at(0));
        assert_eq!(sessions.look(ANN, at(1999)), Ok(()));
        assert_eq!(sessions.look(ANN, at(2000)), Err(vec![ANN]));
        sessions.settle(&[ANN], &[ANN], at(2000));
        assert_eq!(sessions.look(ANN, at(3999)), Ok(()));
        sessions.settle(&[ANN], &[], at(4000));
        assert_eq!(sessions.look(ANN, at(4000)), Err(vec![ANN]));
    }

    #[test]
    fn one_question_is_about_all_in_use() {
        let mut sessions = Sessions::default();
        sessions.put(ANN, at(0));
        sessions.put(BOB, at(0));
        assert_eq!(sessions.look(ANN, at(2500)), Err(vec![BOB, ANN]));
        sessions.settle(&[BOB, ANN], &[ANN, BOB], at(2500));
        assert_eq!(sessions.look(BOB, at(4400)), Ok(()));
        assert_eq!(sessions.look(BOB, at(20_000)), Err(vec![BOB]), "the other was not used for long");
    }

    #[test]
    fn an_answer_revives_nobody_whose_end_was_announced_meanwhile() {
        let mut sessions = Sessions::default();
        sessions.put(ANN, at(0));
        assert_eq!(sessions.look(ANN, at(2000)), Err(vec![ANN]));
        sessions.remove(&[ANN]);
        sessions.settle(&[ANN], &[ANN], at(2000));
        assert_eq!(sessions.look(ANN, at(2001)), Err(vec![ANN]));
    }
}
