//! Which logins of those who write are known to go on, and since when.

use super::state::{CHECK_TIMEOUT, FRESH_FOR, FRESH_WHILE_CHECKED, is_within};
use crate::model::login::LoginId;
use crate::model::time::{Span, Timestamp};
use std::collections::{HashMap, HashSet};

/// A login that nobody used for this long is forgotten at the next comparison.
const USED_WITHIN: Span = Span::seconds(10);

struct Seen {
    fresh_at: Timestamp,
    used_at: Timestamp,
}

/// What is known of a login.
#[derive(Debug, PartialEq, Eq)]
pub enum Sight {
    /// It was seen alive less than two seconds ago, or three while the store is being asked about all.
    Alive,
    /// It was seen alive some time ago. These are to be asked about: this one and, unless somebody asks already, all others in
    /// use, so that many who write ask once.
    Unsure(Vec<LoginId>),
    /// Nothing.
    Unknown,
}

/// The logins that were seen alive.
#[derive(Default)]
pub struct Sessions {
    seen: HashMap<LoginId, Seen>,
    /// Since when somebody asks about all.
    asking: Option<Timestamp>,
}

impl Sessions {
    /// The store said at `now` that it goes on.
    pub fn put(&mut self, session: LoginId, now: Timestamp) {
        self.seen.insert(session, Seen { fresh_at: now, used_at: now });
    }

    /// These are over.
    pub fn remove(&mut self, ended: &[LoginId]) {
        for session in ended {
            self.seen.remove(session);
        }
    }

    /// Those of which this is said are over.
    pub fn remove_where(&mut self, is_over: impl Fn(LoginId) -> bool) {
        self.seen.retain(|login, _| !is_over(*login));
    }

    /// Nobody knows which of them are over: each is asked about again.
    pub fn forget(&mut self) {
        for seen in self.seen.values_mut() {
            seen.fresh_at = Timestamp(seen.fresh_at.0 - FRESH_WHILE_CHECKED.as_millis());
        }
    }

    /// What is known of a login that is used at `now`.
    pub fn look(&mut self, session: LoginId, now: Timestamp) -> Sight {
        let is_asking = self.asking.is_some_and(|since| is_within(since, now, CHECK_TIMEOUT));
        let Some(seen) = self.seen.get_mut(&session) else { return Sight::Unknown };
        seen.used_at = now;
        if is_within(seen.fresh_at, now, if is_asking { FRESH_WHILE_CHECKED } else { FRESH_FOR }) {
            return Sight::Alive;
        }
        if is_asking {
            return Sight::Unsure(vec![session]);
        }
        self.asking = Some(now);
        self.seen.retain(|_, seen| is_within(seen.used_at, now, USED_WITHIN));
        let mut asked: Vec<LoginId> = self.seen.keys().copied().filter(|id| *id != session).collect();
        asked.push(session);
        Sight::Unsure(asked)
    }

    /// Whoever began to ask at `since` is done, answered or not.
    pub fn end_asking(&mut self, since: Timestamp) {
        self.asking = self.asking.filter(|asking| *asking != since);
    }

    /// The store said at `now` that these go on.
    pub fn settle(&mut self, alive: &HashSet<LoginId>, now: Timestamp) {
        for session in alive {
            if let Some(seen) = self.seen.get_mut(session) {
                seen.fresh_at = now;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::SessionId;

    const ANN: LoginId = LoginId::Session(SessionId(1));
    const BOB: LoginId = LoginId::Session(SessionId(2));

    fn at(millis: i64) -> Timestamp {
        Timestamp(1_000_000 + millis)
    }

    #[test]
    fn a_login_is_believed_for_two_seconds() {
        let mut sessions = Sessions::default();
        assert_eq!(sessions.look(ANN, at(0)), Sight::Unknown);
        sessions.put(ANN, at(0));
        assert_eq!(sessions.look(ANN, at(1999)), Sight::Alive);
        assert_eq!(sessions.look(ANN, at(2000)), Sight::Unsure(vec![ANN]));
        sessions.settle(&[ANN].into(), at(2000));
        sessions.end_asking(at(2000));
        assert_eq!(sessions.look(ANN, at(3999)), Sight::Alive);
        sessions.remove(&[ANN]);
        assert_eq!(sessions.look(ANN, at(4000)), Sight::Unknown);
    }

    #[test]
    fn one_question_is_about_all_in_use() {
        let mut sessions = Sessions::default();
        sessions.put(ANN, at(0));
        sessions.put(BOB, at(0));
        assert_eq!(sessions.look(ANN, at(2500)), Sight::Unsure(vec![BOB, ANN]));
        sessions.settle(&[ANN, BOB].into(), at(2500));
        sessions.end_asking(at(2500));
        assert_eq!(sessions.look(BOB, at(4400)), Sight::Alive);
        assert_eq!(sessions.look(BOB, at(20_000)), Sight::Unsure(vec![BOB]), "the other was not used for long");
        assert_eq!(sessions.look(ANN, at(20_000)), Sight::Unknown);
    }

    #[test]
    fn while_one_asks_about_all_the_others_are_believed_for_a_second_more_and_then_asked_about_alone() {
        let mut sessions = Sessions::default();
        sessions.put(ANN, at(0));
        sessions.put(BOB, at(0));
        assert_eq!(sessions.look(ANN, at(2000)), Sight::Unsure(vec![BOB, ANN]));
        assert_eq!([BOB, ANN].map(|who| sessions.look(who, at(2999))), [Sight::Alive, Sight::Alive]);
        assert_eq!(sessions.look(BOB, at(3000)), Sight::Unsure(vec![BOB]));
        sessions.end_asking(at(1));
        assert_eq!(sessions.look(BOB, at(3000)), Sight::Unsure(vec![BOB]), "somebody else ended");
        sessions.end_asking(at(2000));
        assert_eq!(sessions.look(BOB, at(3000)), Sight::Unsure(vec![ANN, BOB]), "without an answer");
        assert_eq!(sessions.look(BOB, at(13_000)), Sight::Unsure(vec![BOB]), "whoever asked never came back");
    }

    #[test]
    fn what_was_lost_makes_all_unsure() {
        let mut sessions = Sessions::default();
        sessions.put(ANN, at(0));
        sessions.forget();
        assert_eq!(sessions.look(ANN, at(0)), Sight::Unsure(vec![ANN]));
    }

    #[test]
    fn an_answer_revives_nobody_whose_end_was_announced_meanwhile() {
        let mut sessions = Sessions::default();
        sessions.put(ANN, at(0));
        assert_eq!(sessions.look(ANN, at(2000)), Sight::Unsure(vec![ANN]));
        sessions.remove(&[ANN]);
        sessions.settle(&[ANN].into(), at(2000));
        assert_eq!(sessions.look(ANN, at(2001)), Sight::Unknown);
    }
}
