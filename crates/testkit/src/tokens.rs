//! Tokens that anybody could forge, and tests can read.

use domain::model::id::{SessionId, UserUid};
use domain::model::site_key::{KeyMaterial, SigningAlgorithm};
use domain::model::text::Invalid;
use domain::model::time::Timestamp;
use domain::ports::effects::Tokens;
use domain::ports::site_tokens::SiteTokens;

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

/// Takes `ALGORITHM:NAME` for a public key.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainSiteTokens;

impl SiteTokens for PlainSiteTokens {
    fn public_key(&self, text: &str) -> Result<(SigningAlgorithm, KeyMaterial), Invalid> {
        let algorithm = text.split(':').next().and_then(SigningAlgorithm::parse);
        let algorithm = algorithm.filter(|algorithm| *algorithm != SigningAlgorithm::Hs256);
        let algorithm = algorithm.ok_or_else(|| Invalid::new("public_key", "is no public key"))?;
        Ok((algorithm, KeyMaterial(text.to_owned())))
    }
}
