//! Logins whose users are known, so that whoever comes back soon is let in without a question to the store.

use super::state::is_within;
use crate::model::id::{SessionId, UserId};
use crate::model::rank::Rank;
use crate::model::session::Session;
use crate::model::time::{Span, Timestamp};
use crate::model::user::User;
use std::collections::{HashMap, HashSet};

/// A login and its user are believed for this long after the store was asked about them. The open sockets' are asked about
/// every 30 s, so that who was connected a moment ago is known.
const BELIEVED_FOR: Span = Span::seconds(35);

/// A login that nobody used for this long is forgotten when the open sockets' are asked about.
const USED_WITHIN: Span = Span::seconds(60);

/// The most logins that are known, and the most users; whoever comes beyond that is looked up each time.
const LOGINS_MAX: usize = 100_000;

struct KnownLogin {
    session: Session,
    seen_at: Timestamp,
    used_at: Timestamp,
}

/// The logins that the store said go on, and whose they are.
#[derive(Default)]
pub struct Logins {
    known: HashMap<SessionId, KnownLogin>,
    users: HashMap<UserId, User>,
}

impl Logins {
    /// The store said at `now` that this login goes on, and whose it is. Whoever holds a rank everywhere is not remembered:
    /// they are few, and the loss of that rank must take effect sooner when nothing announces it.
    pub fn put(&mut self, session: &Session, user: &User, now: Timestamp) {
        let is_known = self.known.contains_key(&session.id) && self.users.contains_key(&user.id);
        let is_full = self.known.len() >= LOGINS_MAX || self.users.len() >= LOGINS_MAX;
        if user.rank > Rank::Registered || (is_full && !is_known) {
            return self.remove_user(user.id);
        }
        self.known.insert(session.id, KnownLogin { session: session.clone(), seen_at: now, used_at: now });
        self.users.insert(user.id, user.clone());
    }

    /// Whose login this is, if that is believed at `now`. One that is due to be moved on is the store's to know; one that
    /// expired has been due for long.
    pub fn user(&mut self, session: SessionId, now: Timestamp) -> Option<&User> {
        let known = self.known.get_mut(&session)?;
        if known.session.is_due_to_slide(now) || !is_within(known.seen_at, now, BELIEVED_FOR) {
            return None;
        }
        let user = self.users.get(&known.session.user)?;
        known.used_at = now;
        Some(user)
    }

    /// These are over.
    pub fn remove(&mut self, ended: &[SessionId]) {
        for session in ended {
            self.known.remove(session);
        }
    }

    /// Somebody has another name or rank, or is gone.
    pub fn remove_user(&mut self, user: UserId) {
        self.users.remove(&user);
    }

    /// Nobody knows what changed.
    pub fn clear(&mut self) {
        self.known.clear();
        self.users.clear();
    }

    /// The logins to ask the store about: those of `open` sockets, and those used in the last minute. Forgets all others.
    pub fn in_use(&mut self, open: impl Iterator<Item = SessionId>, now: Timestamp) -> Vec<SessionId> {
        let mut asked: HashSet<SessionId> = open.collect();
        for session in &asked {
            if let Some(known) = self.known.get_mut(session) {
                known.used_at = now;
            }
        }
        self.known.retain(|_, known| is_within(known.used_at, now, USED_WITHIN));
        let users: HashSet<UserId> = self.known.values().map(|known| known.session.user).collect();
        self.users.retain(|id, _| users.contains(id));
        asked.extend(self.known.keys().copied());
        asked.into_iter().collect()
    }

    /// The users of these logins that are known.
    pub fn users_of(&self, sessions: &[SessionId]) -> HashSet<UserId> {
        let users = sessions.iter().filter_map(|id| self.known.get(id)).map(|known| known.session.user);
        users.filter(|id| self.users.contains_key(id)).collect()
    }

    /// The store said at `now` that these go on.
    pub fn settle(&mut self, alive: &HashSet<SessionId>, now: Timestamp) {
        for session in alive {
            if let Some(known) = self.known.get_mut(session) {
                known.seen_at = now;
            }
        }
    }

    /// What the store said of the users `asked`. One who was forgotten meanwhile stays so.
    pub fn settle_users(&mut self, asked: &[UserId], users: &[User]) {
        let known: HashSet<UserId> = asked.iter().copied().filter(|id| self.users.remove(id).is_some()).collect();
        let users = users.iter().filter(|user| known.contains(&user.id) && user.rank <= Rank::Registered);
        self.users.extend(users.map(|user| (user.id, user.clone())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::UserUid;
    use crate::model::name::DisplayName;
    use crate::model::session::{LIFETIME, SLIDE_EVERY};

    const NOON: Timestamp = Timestamp(1_000_000_000);
    const ANN: UserId = UserId(1);
    const BOB: UserId = UserId(2);

    fn user(id: UserId) -> User {
        User {
            id,
            uid: UserUid::parse("annannann0").expect("a uid"),
            username: None,
            display_name: DisplayName::guest(1),
            picture: None,
            country: None,
            rank: Rank::Registered,
            network: None,
            created_at: NOON,
            site: None,
        }
    }

    fn session(id: i64, user: UserId) -> Session {
        Session { id: SessionId(id), user, expires_at: NOON + LIFETIME }
    }

    /// Knows at noon the login 1 of Ann and the logins 2 and 3 of Bob.
    fn known() -> Logins {
        let mut logins = Logins::default();
        for (id, whose) in [(1, ANN), (2, BOB), (3, BOB)] {
            logins.put(&session(id, whose), &user(whose), NOON);
        }
        logins
    }

    /// Which of the three logins are believed.
    fn believed(logins: &mut Logins, now: Timestamp) -> Vec<i64> {
        (1..=3).filter(|id| logins.user(SessionId(*id), now).is_some()).collect()
    }

    fn sweep(logins: &mut Logins, open: &[i64], alive: &[i64], now: Timestamp) -> Vec<i64> {
        let ids = |ids: &[i64]| ids.iter().copied().map(SessionId).collect::<Vec<_>>();
        let mut asked = logins.in_use(ids(open).into_iter(), now);
        asked.sort_unstable();
        logins.settle(&ids(alive).into_iter().collect(), now);
        asked.into_iter().map(|id| id.0).collect()
    }

    #[test]
    fn a_login_is_believed_for_thirty_five_seconds() {
        let mut logins = known();
        assert_eq!(logins.user(SessionId(1), NOON + Span::millis(34_999)), Some(&user(ANN)));
        assert_eq!(believed(&mut logins, NOON + Span::seconds(35)), []);
        logins.put(&session(2, BOB), &user(BOB), NOON + Span::seconds(35));
        assert_eq!(believed(&mut logins, NOON + Span::seconds(69)), [2]);
    }

    #[test]
    fn a_clock_that_was_set_back_makes_it_unsure() {
        let mut logins = known();
        assert_eq!(believed(&mut logins, Timestamp(NOON.0 - 2_000)), []);
    }

    #[test]
    fn one_that_is_due_to_be_moved_on_is_the_stores_to_know_and_so_one_that_expired() {
        let due = NOON + SLIDE_EVERY;
        let before = |millis: i64| Timestamp(due.0 - millis);
        let mut logins = Logins::default();
        logins.put(&session(1, ANN), &user(ANN), before(10_000));
        assert_eq!(believed(&mut logins, before(1)), [1]);
        assert_eq!(believed(&mut logins, due), []);
        logins.put(&Session { expires_at: due, ..session(1, ANN) }, &user(ANN), due);
        assert_eq!(believed(&mut logins, due + Span::millis(1)), []);
    }

    #[test]
    fn what_ended_or_changed_is_forgotten_at_once() {
        let mut logins = known();
        logins.remove(&[SessionId(2)]);
        assert_eq!(believed(&mut logins, NOON), [1, 3]);
        logins.remove_user(BOB);
        assert_eq!(believed(&mut logins, NOON), [1]);
        logins.clear();
        assert_eq!(believed(&mut logins, NOON), []);
    }

    #[test]
    fn whoever_holds_a_rank_everywhere_is_looked_up_each_time() {
        let mut logins = known();
        logins.put(&session(3, BOB), &User { rank: Rank::SuperMod, ..user(BOB) }, NOON);
        assert_eq!(believed(&mut logins, NOON), [1], "Bob's other login is not believed either");
        logins.put(&session(3, BOB), &user(BOB), NOON);
        logins.settle_users(&[BOB], &[User { rank: Rank::Admin, ..user(BOB) }]);
        assert_eq!(believed(&mut logins, NOON), [1]);
    }

    #[test]
    fn a_sweep_asks_about_open_sockets_and_about_what_was_used_in_the_last_minute() {
        let mut logins = known();
        let at = |seconds: i64| NOON + Span::seconds(seconds);
        assert_eq!(sweep(&mut logins, &[1, 9], &[1, 2, 3], at(30)), [1, 2, 3, 9]);
        assert_eq!(believed(&mut logins, at(64)), [1, 2, 3], "and used by this");
        assert_eq!(sweep(&mut logins, &[], &[1, 2], at(70)), [1, 2, 3]);
        assert_eq!(believed(&mut logins, at(70)), [1, 2], "the store says nothing of the third");
        assert_eq!(sweep(&mut logins, &[2], &[2], at(130)), [2], "nobody used the others");
        assert_eq!(believed(&mut logins, at(130)), [2]);
        assert!(!logins.users.contains_key(&ANN));
    }

    #[test]
    fn an_answer_revives_nothing_that_was_forgotten_meanwhile() {
        let mut logins = known();
        let asked = logins.in_use(std::iter::empty(), NOON);
        let users: Vec<UserId> = logins.users_of(&asked).into_iter().collect();
        logins.remove(&[SessionId(1)]);
        logins.remove_user(BOB);
        logins.settle(&asked.into_iter().collect(), NOON);
        logins.settle_users(&users, &[user(ANN), user(BOB)]);
        assert_eq!(believed(&mut logins, NOON), []);
    }

    #[test]
    fn no_more_are_known_than_a_hundred_thousand() {
        let mut logins = Logins::default();
        let last = LOGINS_MAX as i64;
        for id in 1..=last + 1 {
            logins.put(&session(id, UserId(id)), &user(UserId(id)), NOON);
        }
        assert_eq!((logins.known.len(), logins.users.len()), (LOGINS_MAX, LOGINS_MAX));
        assert!(logins.user(SessionId(last), NOON).is_some());
        logins.put(&session(last, UserId(last)), &user(UserId(last)), NOON + Span::seconds(34));
        assert!(logins.user(SessionId(last), NOON + Span::seconds(40)).is_some(), "one of them is renewed");
    }
}
