//! What is known of sites whose tokens come: their keys, and who their users are, so that a known one costs no question.

use super::state::{FRESH_FOR, is_within};
use crate::model::id::{SiteId, SiteKeyId, SiteUid, UserId};
use crate::model::login::EndedTokens;
use crate::model::site_key::{Kid, SigningAlgorithm};
use crate::model::site_token::SiteLogin;
use crate::model::time::{Span, Timestamp};
use crate::model::user::User;
use crate::ports::site_tokens::SignatureChecker;
use crate::ports::store::SiteUser;
use std::collections::HashMap;
use std::sync::Arc;

/// While somebody reads a site again, others believe what they know of it for this long in all.
const FRESH_WHILE_READ: Span = Span::seconds(5);

/// A user is believed for this long after the store was asked, as other logins are.
const BELIEVED_FOR: Span = Span::seconds(35);

/// Above this many sites, all are forgotten: whoever makes up uids fills no memory.
const SITES_MAX: usize = 1_000;

/// Above this many users, all are forgotten.
const USERS_MAX: usize = 100_000;

/// A key, ready to check.
#[derive(Clone)]
pub struct KnownKey {
    /// Its row.
    pub id: SiteKeyId,
    /// The only algorithm of its tokens.
    pub algorithm: SigningAlgorithm,
    /// What checks them.
    pub checker: Arc<dyn SignatureChecker>,
    /// When its use was last noted.
    pub last_used_at: Option<Timestamp>,
}

/// A site with its keys.
pub struct KnownSite {
    /// Its row.
    pub id: SiteId,
    /// By what tokens name them.
    pub keys: HashMap<Kid, KnownKey>,
}

struct SiteEntry {
    /// `None` for what is no site.
    site: Option<Arc<KnownSite>>,
    fresh_at: Timestamp,
    /// Since when somebody reads it again.
    reading: Option<Timestamp>,
}

struct UserEntry {
    user: User,
    issued_at: Timestamp,
    issued_from: Timestamp,
    seen_at: Timestamp,
}

/// What looking for a site brought.
pub enum SiteLookup {
    /// What is known: `None` is no site.
    Known(Option<Arc<KnownSite>>),
    /// It has to be read; as of this many changes.
    Read(u64),
}

/// What looking for a user brought.
#[derive(Debug, PartialEq, Eq)]
pub enum UserLookup {
    /// Who it is; the token says nothing new.
    Known(Box<User>),
    /// The token was ended.
    Ended,
    /// The store is to be told of the token; as of this many changes.
    SignIn(u64),
}

/// Sites and their users, as far as their tokens came lately.
#[derive(Default)]
pub struct SiteLogins {
    sites: HashMap<SiteUid, SiteEntry>,
    users: HashMap<SiteId, HashMap<String, UserEntry>>,
    subjects: HashMap<UserId, (SiteId, String)>,
    /// How often something changed, so that what was read before is not kept.
    changes: u64,
}

impl SiteLogins {
    /// What is known of a site at `now`.
    pub fn site(&mut self, uid: &SiteUid, now: Timestamp) -> SiteLookup {
        let changes = self.changes;
        let Some(entry) = self.sites.get_mut(uid) else { return SiteLookup::Read(changes) };
        if is_within(entry.fresh_at, now, FRESH_FOR) {
            return SiteLookup::Known(entry.site.clone());
        }
        let is_read = entry.reading.is_some_and(|since| is_within(since, now, FRESH_WHILE_READ));
        if is_read && is_within(entry.fresh_at, now, FRESH_WHILE_READ) {
            return SiteLookup::Known(entry.site.clone());
        }
        entry.reading = Some(now);
        SiteLookup::Read(changes)
    }

    /// Keeps a site as it was read at `now`, unless something changed after `changes`.
    pub fn put_site(&mut self, uid: &SiteUid, site: Option<Arc<KnownSite>>, now: Timestamp, changes: u64) {
        if changes != self.changes {
            return;
        }
        if self.sites.len() >= SITES_MAX && !self.sites.contains_key(uid) {
            self.sites.clear();
        }
        self.sites.insert(uid.clone(), SiteEntry { site, fresh_at: now, reading: None });
    }

    /// Whether the use of a key is to be noted at `now`: once a minute.
    pub fn note_use(&mut self, site: &SiteUid, kid: &Kid, now: Timestamp) -> Option<SiteKeyId> {
        let entry = self.sites.get_mut(site)?;
        let known = entry.site.as_mut()?;
        let key = known.keys.get(kid)?;
        if key.last_used_at.is_some_and(|at| is_within(at, now, Span::minutes(1))) {
            return None;
        }
        let id = key.id;
        let mut keys = known.keys.clone();
        if let Some(key) = keys.get_mut(kid) {
            key.last_used_at = Some(now);
        }
        *known = Arc::new(KnownSite { id: known.id, keys });
        Some(id)
    }

    /// Who came with this token at `now`.
    pub fn user(&self, site: SiteId, login: &SiteLogin, now: Timestamp) -> UserLookup {
        let entry = self.users.get(&site).and_then(|users| users.get(&login.subject));
        let Some(entry) = entry.filter(|entry| is_within(entry.seen_at, now, BELIEVED_FOR)) else {
            return UserLookup::SignIn(self.changes);
        };
        if login.issued_at < entry.issued_from {
            return UserLookup::Ended;
        }
        let is_older = login.issued_at < entry.issued_at;
        let is_same = login.issued_at == entry.issued_at && says_nothing_new(login, &entry.user);
        if is_older || is_same {
            return UserLookup::Known(Box::new(entry.user.clone()));
        }
        UserLookup::SignIn(self.changes)
    }

    /// Keeps a user as the store said at `now`, unless something changed after `changes`.
    pub fn put_user(&mut self, site: SiteId, subject: &str, known: &SiteUser, now: Timestamp, changes: u64) {
        if changes != self.changes {
            return;
        }
        if self.subjects.len() >= USERS_MAX && !self.subjects.contains_key(&known.user.id) {
            self.users.clear();
            self.subjects.clear();
        }
        let SiteUser { user, issued_at, issued_from } = known.clone();
        self.subjects.insert(user.id, (site, subject.to_owned()));
        let entry = UserEntry { user, issued_at, issued_from, seen_at: now };
        self.users.entry(site).or_default().insert(subject.to_owned(), entry);
    }

    /// A user has another name or rank, or is gone.
    pub fn forget_user(&mut self, user: UserId) {
        if let Some((site, subject)) = self.subjects.remove(&user)
            && let Some(users) = self.users.get_mut(&site)
        {
            users.remove(&subject);
        }
    }

    /// A site has other keys, or is gone.
    pub fn forget_site(&mut self, site: &SiteUid) {
        self.changes += 1;
        self.sites.remove(site);
    }

    /// Tokens ended.
    pub fn end(&mut self, ended: &EndedTokens) {
        self.changes += 1;
        match ended {
            EndedTokens::OfKeys(keys) => self.sites.retain(|_, entry| {
                let known = entry.site.as_ref();
                !known.is_some_and(|site| site.keys.values().any(|key| keys.contains(&key.id)))
            }),
            EndedTokens::OfUser { user, .. } => self.forget_user(*user),
        }
    }

    /// Nobody knows what changed.
    pub fn clear(&mut self) {
        self.changes += 1;
        self.sites.clear();
        self.users.clear();
        self.subjects.clear();
    }
}

/// Whether a user is already as a token says.
fn says_nothing_new(login: &SiteLogin, user: &User) -> bool {
    let has_name = login.name.as_ref().is_none_or(|name| *name == user.display_name);
    let rank = user.site.as_ref().and_then(|site| site.rank);
    has_name && login.picture == user.picture && login.rank == rank
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::UserUid;
    use crate::model::name::DisplayName;
    use crate::model::rank::Rank;
    use crate::model::user::SiteMembership;

    const NOON: Timestamp = Timestamp(1_000_000_000);
    const SITE: SiteId = SiteId(5);

    struct Anything;

    impl SignatureChecker for Anything {
        fn is_right(&self, _: &str) -> bool {
            true
        }
    }

    fn uid() -> SiteUid {
        SiteUid::parse("abcdEF01").expect("a uid")
    }

    fn kid() -> Kid {
        Kid::new(&uid(), &uid())
    }

    fn site() -> Option<Arc<KnownSite>> {
        let algorithm = SigningAlgorithm::Hs256;
        let key = KnownKey { id: SiteKeyId(1), algorithm, checker: Arc::new(Anything), last_used_at: None };
        Some(Arc::new(KnownSite { id: SITE, keys: HashMap::from([(kid(), key)]) }))
    }

    fn user(id: i64, name: &str) -> SiteUser {
        let user = User {
            id: UserId(id),
            uid: UserUid::parse("annannann0").expect("a uid"),
            username: None,
            display_name: DisplayName::stored(name.to_owned()),
            picture: None,
            country: None,
            rank: Rank::Registered,
            network: None,
            created_at: NOON,
            site: Some(SiteMembership { site: uid(), rank: None }),
        };
        SiteUser { user, issued_at: NOON, issued_from: Timestamp(0) }
    }

    fn login(issued_at: Timestamp, name: &str, rank: Option<Rank>) -> SiteLogin {
        SiteLogin {
            subject: "1".to_owned(),
            issued_at,
            expires_at: issued_at + Span::minutes(10),
            name: Some(DisplayName::stored(name.to_owned())),
            picture: None,
            rank,
            rooms: None,
        }
    }

    fn is_known(logins: &mut SiteLogins, now: Timestamp) -> bool {
        matches!(logins.site(&uid(), now), SiteLookup::Known(Some(_)))
    }

    #[test]
    fn a_site_is_believed_for_two_seconds_and_read_again_by_one() {
        let mut logins = SiteLogins::default();
        assert!(!is_known(&mut logins, NOON));
        logins.put_site(&uid(), site(), NOON, 0);
        assert!(is_known(&mut logins, NOON + Span::millis(1999)));
        assert!(!is_known(&mut logins, NOON + Span::seconds(2)), "the first one reads");
        assert!(is_known(&mut logins, NOON + Span::seconds(2)), "the others believe");
        assert!(!is_known(&mut logins, NOON + Span::seconds(5)), "but not for ever");
        logins.put_site(&uid(), None, NOON + Span::seconds(5), 0);
        assert!(matches!(logins.site(&uid(), NOON + Span::seconds(5)), SiteLookup::Known(None)));
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept() {
        let mut logins = SiteLogins::default();
        logins.put_site(&uid(), site(), NOON, 0);
        logins.forget_site(&uid());
        assert!(!is_known(&mut logins, NOON));
        logins.put_site(&uid(), site(), NOON, 0);
        assert!(!is_known(&mut logins, NOON));
        logins.put_site(&uid(), site(), NOON, 1);
        assert!(is_known(&mut logins, NOON));
        logins.end(&EndedTokens::OfKeys(vec![SiteKeyId(2)]));
        assert!(is_known(&mut logins, NOON), "another site's key");
        logins.end(&EndedTokens::OfKeys(vec![SiteKeyId(1)]));
        assert!(!is_known(&mut logins, NOON));
    }

    #[test]
    fn the_use_of_a_key_is_noted_once_a_minute() {
        let mut logins = SiteLogins::default();
        logins.put_site(&uid(), site(), NOON, 0);
        let uses = [0, 59, 60, 61].map(|s| logins.note_use(&uid(), &kid(), NOON + Span::seconds(s)).is_some());
        assert_eq!(uses, [true, false, true, false]);
    }

    #[test]
    fn a_user_is_known_until_a_newer_token_says_something_or_half_a_minute_passed() {
        let mut logins = SiteLogins::default();
        let later = NOON + Span::seconds(1);
        assert_eq!(logins.user(SITE, &login(NOON, "Ann", None), NOON), UserLookup::SignIn(0));
        logins.put_user(SITE, "1", &user(1, "Ann"), NOON, 0);
        for (login, known) in [
            (login(NOON, "Ann", None), true),
            (login(NOON, "Bea", None), false),
            (login(NOON, "Ann", Some(Rank::Mod)), false),
            (login(Timestamp(NOON.0 - 1), "Bea", Some(Rank::Mod)), true),
            (login(later, "Ann", None), false),
        ] {
            let found = logins.user(SITE, &login, NOON);
            assert_eq!(matches!(found, UserLookup::Known(_)), known, "{login:?}");
        }
        let same = login(NOON, "Ann", None);
        assert_eq!(logins.user(SiteId(6), &same, NOON), UserLookup::SignIn(0), "another site's 1");
        assert_eq!(logins.user(SITE, &same, NOON + Span::seconds(35)), UserLookup::SignIn(0));
        logins.forget_user(UserId(1));
        assert_eq!(logins.user(SITE, &same, NOON), UserLookup::SignIn(0));
        logins.put_user(SITE, "1", &SiteUser { issued_from: later, ..user(1, "Ann") }, NOON, 0);
        assert_eq!(logins.user(SITE, &same, NOON), UserLookup::Ended);
        logins.end(&EndedTokens::OfUser { user: UserId(1), issued_before: later });
        assert_eq!(logins.user(SITE, &same, NOON), UserLookup::SignIn(1));
    }

    #[test]
    fn no_more_is_known_than_fits() {
        let mut logins = SiteLogins::default();
        for n in 0..=SITES_MAX {
            logins.put_site(&SiteUid::parse(&format!("{n:08}")).expect("a uid"), None, NOON, 0);
        }
        assert_eq!(logins.sites.len(), 1);
        for n in 0..=USERS_MAX {
            logins.put_user(SITE, &n.to_string(), &user(n as i64, "Ann"), NOON, 0);
        }
        assert_eq!((logins.subjects.len(), logins.users[&SITE].len()), (1, 1));
    }
}
