//! Tokens that anybody could forge, and tests can read.

use domain::model::id::{SessionId, UserUid};
use domain::model::site::Site;
use domain::model::site_key::{KeyMaterial, SigningAlgorithm, SiteKey};
use domain::model::site_token::{Claims, Unverified};
use domain::model::text::Invalid;
use domain::model::time::{Span, Timestamp};
use domain::ports::effects::Tokens;
use domain::ports::site_tokens::{SignatureChecker, SiteTokens};
use std::collections::HashMap;
use std::sync::Arc;

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

/// Takes `ALGORITHM:NAME` for a public key, and what [`site_token`] writes for a token.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainSiteTokens;

impl SiteTokens for PlainSiteTokens {
    fn public_key(&self, text: &str) -> Result<(SigningAlgorithm, KeyMaterial), Invalid> {
        let algorithm = text.split(':').next().and_then(SigningAlgorithm::parse);
        let algorithm = algorithm.filter(|algorithm| *algorithm != SigningAlgorithm::Hs256);
        let algorithm = algorithm.ok_or_else(|| Invalid::new("public_key", "is no public key"))?;
        Ok((algorithm, KeyMaterial(text.to_owned())))
    }

    fn read(&self, token: &str) -> Option<Unverified> {
        let mut fields = HashMap::new();
        for field in token.strip_prefix("site|")?.split('|') {
            let (name, value) = field.split_once('=')?;
            fields.insert(name, value.to_owned());
        }
        let text = |name: &str| fields.get(name).cloned();
        let instant = |name: &str| text(name).and_then(|ms| ms.parse().ok()).map(Timestamp);
        let list = |name: &str| text(name).map(|list| list.split(',').map(str::to_owned).collect());
        let claims = Claims {
            issuer: text("iss"),
            subject: text("sub"),
            issued_at: instant("iat"),
            expires_at: instant("exp"),
            not_before: instant("nbf"),
            audience: list("aud"),
            name: text("name"),
            picture: text("picture"),
            role: text("role"),
            rooms: list("rooms"),
        };
        Some(Unverified { algorithm: text("alg")?, kid: text("kid"), brings_key: false, claims: Some(claims) })
    }

    fn checker(&self, _: SigningAlgorithm, material: &KeyMaterial) -> Option<Arc<dyn SignatureChecker>> {
        Some(Arc::new(PlainChecker(material.0.clone())))
    }
}

struct PlainChecker(String);

impl SignatureChecker for PlainChecker {
    fn is_right(&self, token: &str) -> bool {
        token.ends_with(&format!("|sig={}", self.0))
    }
}

/// A token that this key of this site signs for `subject`, with more claims as `name=value`, which win.
pub fn site_token(site: &Site, key: &SiteKey, subject: &str, issued_at: Timestamp, more: &[(&str, &str)]) -> String {
    let mut fields = vec![
        ("alg", key.algorithm.as_str().to_owned()),
        ("kid", key.kid.to_string()),
        ("iss", site.uid.to_string()),
        ("sub", subject.to_owned()),
        ("iat", issued_at.0.to_string()),
        ("exp", (issued_at + Span::minutes(10)).0.to_string()),
    ];
    fields.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let fields: Vec<String> = fields.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("site|{}|sig={}", fields.join("|"), key.material.0)
}
