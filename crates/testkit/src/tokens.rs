//! Tokens that anybody could forge, and tests can read.

use domain::model::id::{SessionId, UserUid};
use domain::model::time::Timestamp;
use domain::ports::effects::Tokens;

/// Writes a token as `token:SESSION:EXPIRES:USER` and a fingerprint as `print:SECRET`.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainTokens;

impl Tokens for PlainTokens {
    fn issue(&self, session: SessionId, user: &UserUid, _now: Timestamp, expires_at: Timestamp) -> String {
        format!("token:{session}:{}:{user}", expires_at.0)
    }

    fn verify(&self, token: &str, now: Timestamp) -> Option<SessionId> {
        let mut parts = token.strip_prefix("token:")?.split(':');
        let session = parts.next()?.parse().ok()?;
        let expires_at: i64 = parts.next()?.parse().ok()?;
        (now.0 <= expires_at).then_some(SessionId(session))
    }

    fn fingerprint(&self, secret: &str) -> String {
        format!("print:{secret}")
    }
}
