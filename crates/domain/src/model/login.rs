//! What proves who somebody is, as far as it can end.

use crate::model::id::{SessionId, SiteKeyId, UserId};
use crate::model::time::{Span, Timestamp};

/// A login: it goes on until it expires or somebody ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LoginId {
    /// A session of this server, which its own tokens and tickets name.
    Session(SessionId),
    /// A token that a site signed.
    SiteToken(SiteTokenId),
}

/// What there is of a token that a site signed: a site may sign the same more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteTokenId {
    /// What it was signed with.
    pub key: SiteKeyId,
    /// Whose it is.
    pub user: UserId,
    /// When the site says it was issued.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl LoginId {
    /// When it ends by itself; `None` for one that goes on while it is used.
    pub fn expires_at(self) -> Option<Timestamp> {
        match self {
            LoginId::Session(_) => None,
            LoginId::SiteToken(token) => Some(token.expires_at),
        }
    }

    /// The session, if it is one.
    pub fn session(self) -> Option<SessionId> {
        match self {
            LoginId::Session(session) => Some(session),
            LoginId::SiteToken(_) => None,
        }
    }

    /// The token of a site, if it is one.
    pub fn site_token(self) -> Option<SiteTokenId> {
        match self {
            LoginId::Session(_) => None,
            LoginId::SiteToken(token) => Some(token),
        }
    }
}

impl From<SessionId> for LoginId {
    fn from(session: SessionId) -> LoginId {
        LoginId::Session(session)
    }
}

/// How long before its end whoever uses a login is told, to come with another one in time.
pub const TOLD_BEFORE: Span = Span::seconds(60);

/// How a login stands to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Not yet.
    Later,
    /// It ends within [`TOLD_BEFORE`], after this time.
    Soon(Span),
    /// It is over.
    Over,
}

/// How a login that ends then stands to its end at `now`.
pub fn ending(expires_at: Timestamp, now: Timestamp) -> Ending {
    if now >= expires_at {
        Ending::Over
    } else if expires_at - now <= TOLD_BEFORE {
        Ending::Soon(expires_at - now)
    } else {
        Ending::Later
    }
}

/// Which of the tokens that sites signed are over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndedTokens {
    /// All that these keys signed.
    OfKeys(Vec<SiteKeyId>),
    /// A user's that were issued before this instant.
    OfUser {
        /// Whose.
        user: UserId,
        /// Later ones go on.
        issued_before: Timestamp,
    },
}

impl EndedTokens {
    /// Whether this login is among them.
    pub fn include(&self, login: LoginId) -> bool {
        let Some(token) = login.site_token() else { return false };
        match self {
            EndedTokens::OfKeys(keys) => keys.contains(&token.key),
            EndedTokens::OfUser { user, issued_before } => token.user == *user && token.issued_at < *issued_before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_login_is_told_a_minute_before_it() {
        let end = Timestamp(1_000_000);
        for (before, expected) in [
            (60_001, Ending::Later),
            (60_000, Ending::Soon(Span::seconds(60))),
            (1, Ending::Soon(Span::millis(1))),
            (0, Ending::Over),
            (-5, Ending::Over),
        ] {
            assert_eq!(ending(end, Timestamp(end.0 - before)), expected, "{before} ms before");
        }
    }

    #[test]
    fn tokens_end_with_their_key_or_when_their_user_was_logged_out_after_they_were_issued() {
        let token = |key, user, issued_at| {
            let (key, user, issued_at) = (SiteKeyId(key), UserId(user), Timestamp(issued_at));
            LoginId::SiteToken(SiteTokenId { key, user, issued_at, expires_at: Timestamp(900) })
        };
        let of_keys = EndedTokens::OfKeys(vec![SiteKeyId(1), SiteKeyId(2)]);
        let of_user = EndedTokens::OfUser { user: UserId(7), issued_before: Timestamp(100) };
        for (login, ended) in [
            (token(1, 7, 100), [true, false]),
            (token(3, 7, 99), [false, true]),
            (token(3, 7, 100), [false, false]),
            (token(3, 8, 99), [false, false]),
            (SessionId(1).into(), [false, false]),
        ] {
            assert_eq!([of_keys.include(login), of_user.include(login)], ended, "{login:?}");
        }
    }
}
