//! Tokens: JWTs signed with HS256, which name a session and say nothing else that counts.

use crate::adapters::secret::{Key, hex};
use domain::model::id::{SessionId, UserUid};
use domain::model::time::Timestamp;
use domain::ports::effects::Tokens;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Who issues and who accepts.
const BANTER: &str = "banter";

/// What kind of token it is, so that one of another kind under the same key (of a host site, later) is never taken for it.
const KIND: &str = "banter+jwt";

/// Signs and checks tokens with one key.
pub struct JwtTokens {
    signing: EncodingKey,
    checking: DecodingKey,
    rules: Validation,
}

#[derive(Deserialize, Serialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    sid: i64,
    iat: i64,
    exp: i64,
}

impl JwtTokens {
    /// Tokens under `key`.
    pub fn new(key: &Key) -> JwtTokens {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_issuer(&[BANTER]);
        rules.set_audience(&[BANTER]);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Compared with the caller's clock below.
        rules.validate_exp = false;
        JwtTokens {
            signing: EncodingKey::from_secret(key.bytes()),
            checking: DecodingKey::from_secret(key.bytes()),
            rules,
        }
    }
}

impl Tokens for JwtTokens {
    fn issue(&self, session: SessionId, user: &UserUid, now: Timestamp, expires_at: Timestamp) -> String {
        let claims = Claims {
            iss: BANTER.to_owned(),
            aud: BANTER.to_owned(),
            sub: user.as_str().to_owned(),
            sid: session.0,
            iat: now.0.div_euclid(1000),
            // Whole seconds, as other readers of JWTs expect; the session itself ends to the millisecond.
            exp: (expires_at.0 + 999).div_euclid(1000),
        };
        let mut header = Header::new(Algorithm::HS256);
        header.typ = Some(KIND.to_owned());
        // Signing text with a key in memory cannot fail; were it to, the token would open nothing.
        jsonwebtoken::encode(&header, &claims, &self.signing).unwrap_or_default()
    }

    fn verify(&self, token: &str, now: Timestamp) -> Option<SessionId> {
        let data = jsonwebtoken::decode::<Claims>(token, &self.checking, &self.rules).ok()?;
        let lives = now.0 < data.claims.exp.saturating_mul(1000);
        (data.header.typ.as_deref() == Some(KIND) && lives).then_some(SessionId(data.claims.sid))
    }

    fn fingerprint(&self, secret: &str) -> String {
        // Secrets are 256 random bits: there is nothing to guess that a salt or a key would slow down.
        hex(&Sha256::digest(secret.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::secret::base64url;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);
    const LATER: Timestamp = Timestamp(1_700_000_060_000);

    fn key(byte: u8) -> Key {
        Key::from_bytes([byte; 32])
    }

    fn issued(byte: u8) -> String {
        let user = UserUid::parse("abcdefghij").unwrap();
        JwtTokens::new(&key(byte)).issue(SessionId(7), &user, NOW, LATER)
    }

    /// A token signed with our own key, of another header or other claims.
    fn forged(change: impl FnOnce(&mut Header, &mut Claims)) -> String {
        let mut header = Header::new(Algorithm::HS256);
        header.typ = Some(KIND.to_owned());
        let mut claims = Claims {
            iss: BANTER.to_owned(),
            aud: BANTER.to_owned(),
            sub: "abcdefghij".to_owned(),
            sid: 7,
            iat: NOW.0 / 1000,
            exp: LATER.0 / 1000,
        };
        change(&mut header, &mut claims);
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(key(1).bytes())).unwrap()
    }

    #[track_caller]
    fn check(token: &str, now: Timestamp, expected: Option<i64>) {
        assert_eq!(JwtTokens::new(&key(1)).verify(token, now), expected.map(SessionId), "{token}");
    }

    #[test]
    fn a_token_names_its_session_until_it_expires() {
        check(&issued(1), NOW, Some(7));
        check(&issued(1), Timestamp(LATER.0 - 1), Some(7));
        check(&issued(1), LATER, None);
    }

    #[test]
    fn what_we_did_not_issue_for_this_use_opens_nothing() {
        check(&forged(|_, _| {}), NOW, Some(7));
        check(&issued(2), NOW, None);
        check(&forged(|_, claims| claims.aud = "elsewhere".to_owned()), NOW, None);
        check(&forged(|_, claims| claims.iss = "elsewhere".to_owned()), NOW, None);
        check(&forged(|header, _| header.typ = Some("JWT".to_owned())), NOW, None);
        check(&forged(|header, _| header.typ = None), NOW, None);
        check(&forged(|header, _| header.alg = Algorithm::HS512), NOW, None);
        for junk in ["", ".", "..", "a.b.c", "🦊"] {
            check(junk, NOW, None);
        }
    }

    #[test]
    fn an_unsigned_token_opens_nothing() {
        let token = issued(1);
        let mut parts = token.split('.').skip(1);
        let claims = parts.next().unwrap();
        for alg in ["none", "None", "HS256"] {
            let header = base64url(format!(r#"{{"typ":"{KIND}","alg":"{alg}"}}"#).as_bytes());
            check(&format!("{header}.{claims}."), NOW, None);
        }
    }

    #[test]
    fn a_changed_token_opens_nothing() {
        let token = issued(1);
        let other = issued(2);
        let (head, _) = token.rsplit_once('.').unwrap();
        let (_, signature) = other.rsplit_once('.').unwrap();
        check(&format!("{head}.{signature}"), NOW, None);
    }

    #[test]
    fn a_fingerprint_is_a_sha256() {
        let tokens = JwtTokens::new(&key(1));
        assert_eq!(tokens.fingerprint("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
