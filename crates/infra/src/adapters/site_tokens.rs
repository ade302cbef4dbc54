//! Tokens that sites sign: JWTs (RFC 7519), read without believing them and checked with one key each.
//!
//! What they must say is decided by [`domain::model::site_token`].

use crate::adapters::public_key::PublicKey;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::model::site_key::{KeyMaterial, SigningAlgorithm};
use domain::model::site_token::{Claims, Unverified};
use domain::model::text::Invalid;
use domain::model::time::Timestamp;
use domain::ports::site_tokens::{SignatureChecker, SiteTokens};
use jsonwebtoken::{Algorithm, DecodingKey};
use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};
use std::sync::Arc;

/// The longest token that is read, in bytes: a frame may hold as much.
const TOKEN_MAX: usize = 16 * 1024;

/// The issuer of this server's own tokens.
const OWN: &str = "banter";

/// The latest instant that is read, in seconds: later ones are no dates.
const SECONDS_MAX: f64 = 1e11;

#[derive(Deserialize)]
struct HeaderPart {
    #[serde(default)]
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    jku: Option<IgnoredAny>,
    #[serde(default)]
    jwk: Option<IgnoredAny>,
    #[serde(default)]
    x5u: Option<IgnoredAny>,
    #[serde(default)]
    x5c: Option<IgnoredAny>,
    #[serde(default)]
    x5t: Option<IgnoredAny>,
    #[serde(default, rename = "x5t#S256")]
    x5t_s256: Option<IgnoredAny>,
    #[serde(default)]
    crit: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct ClaimsPart {
    #[serde(default)]
    iss: Option<String>,
    #[serde(default)]
    sub: Option<String>,
    #[serde(default, deserialize_with = "instant")]
    iat: Option<Timestamp>,
    #[serde(default, deserialize_with = "instant")]
    exp: Option<Timestamp>,
    #[serde(default, deserialize_with = "instant")]
    nbf: Option<Timestamp>,
    #[serde(default)]
    aud: Option<OneOrMany>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    picture: Option<String>,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    rooms: Option<Vec<String>>,
}

/// The issuer alone, of claims of which something else is wrong.
#[derive(Deserialize)]
struct IssuerPart {
    #[serde(default)]
    iss: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// A NumericDate: seconds, with or without a fraction.
fn instant<'de, D: Deserializer<'de>>(source: D) -> Result<Option<Timestamp>, D::Error> {
    let Some(seconds) = Option::<f64>::deserialize(source)? else { return Ok(None) };
    if !(0.0..=SECONDS_MAX).contains(&seconds) {
        return Err(serde::de::Error::custom("no date"));
    }
    Ok(Some(Timestamp((seconds * 1000.0) as i64)))
}

/// What stands in one part of a token.
fn part<T: DeserializeOwned>(text: &str) -> Option<T> {
    let json = URL_SAFE_NO_PAD.decode(text).ok()?;
    // A list would be taken for the members in their order.
    if json.trim_ascii_start().first() != Some(&b'{') {
        return None;
    }
    serde_json::from_slice(&json).ok()
}

impl From<ClaimsPart> for Claims {
    fn from(part: ClaimsPart) -> Claims {
        Claims {
            issuer: part.iss,
            subject: part.sub,
            issued_at: part.iat,
            expires_at: part.exp,
            not_before: part.nbf,
            audience: part.aud.map(|audience| match audience {
                OneOrMany::One(one) => vec![one],
                OneOrMany::Many(many) => many,
            }),
            name: part.name,
            picture: part.picture,
            role: part.role,
            rooms: part.rooms,
        }
    }
}

/// Reads keys of sites, and tokens that they sign.
#[derive(Clone, Copy, Debug, Default)]
pub struct JwtSiteTokens;

impl SiteTokens for JwtSiteTokens {
    fn public_key(&self, text: &str) -> Result<(SigningAlgorithm, KeyMaterial), Invalid> {
        let invalid = |reason: String| Invalid::new("public_key", reason);
        let key = PublicKey::parse(text).map_err(invalid)?;
        let material = serde_json::to_string(&key).map_err(|_| invalid("cannot be kept".to_owned()))?;
        Ok((key.algorithm(), KeyMaterial(material)))
    }

    fn read(&self, token: &str) -> Option<Unverified> {
        if token.len() > TOKEN_MAX {
            return None;
        }
        let mut parts = token.split('.');
        let (header, claims, _, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else {
            return None;
        };
        let header: HeaderPart = part(header)?;
        let read: Option<Claims> = part::<ClaimsPart>(claims).map(Claims::from);
        let issuer = match &read {
            Some(claims) => claims.issuer.clone(),
            None => part::<IssuerPart>(claims).and_then(|part| part.iss),
        };
        // Ours name no key, and say that they are ours; and so does what pretends to be one of ours.
        if header.kid.is_none() && issuer.is_none_or(|issuer| issuer == OWN) {
            return None;
        }
        let brought = [header.jku, header.jwk, header.x5u, header.x5c, header.x5t, header.x5t_s256, header.crit];
        let brings_key = brought.iter().any(Option::is_some);
        Some(Unverified { algorithm: header.alg, kid: header.kid, brings_key, claims: read })
    }

    fn checker(&self, algorithm: SigningAlgorithm, material: &KeyMaterial) -> Option<Arc<dyn SignatureChecker>> {
        if algorithm == SigningAlgorithm::Hs256 {
            let key = DecodingKey::from_secret(material.0.as_bytes());
            return Some(Arc::new(JwtChecker { key, algorithm: Algorithm::HS256 }));
        }
        let key: PublicKey = serde_json::from_str(&material.0).ok()?;
        if key.algorithm() != algorithm {
            return None;
        }
        let bytes = |number: &str| URL_SAFE_NO_PAD.decode(number).ok();
        Some(match &key {
            PublicKey::Ed { .. } => Arc::new(JwtChecker { key: key.decoding_key()?, algorithm: Algorithm::EdDSA }),
            PublicKey::Ec { x, y, .. } => {
                let point = [vec![4], bytes(x)?, bytes(y)?].concat();
                Arc::new(EcChecker(UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)))
            }
            PublicKey::Rsa { n, e } => Arc::new(RsaChecker(RsaPublicKeyComponents { n: bytes(n)?, e: bytes(e)? })),
        })
    }
}

/// What is signed, and the signature.
fn signed(token: &str) -> Option<(&str, &str)> {
    token.rsplit_once('.')
}

/// HMAC, and Ed25519.
struct JwtChecker {
    key: DecodingKey,
    algorithm: Algorithm,
}

impl SignatureChecker for JwtChecker {
    fn is_right(&self, token: &str) -> bool {
        let Some((message, signature)) = signed(token) else { return false };
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.key, self.algorithm).unwrap_or(false)
    }
}

/// P-256, by ring: it takes a fifth of the time of what `jsonwebtoken` checks it with (measured).
struct EcChecker(UnparsedPublicKey<Vec<u8>>);

impl SignatureChecker for EcChecker {
    fn is_right(&self, token: &str) -> bool {
        let Some((message, signature)) = signed(token) else { return false };
        let signature = URL_SAFE_NO_PAD.decode(signature);
        signature.is_ok_and(|signature| self.0.verify(message.as_bytes(), &signature).is_ok())
    }
}

/// RSA, by ring: a ninth of the time.
struct RsaChecker(RsaPublicKeyComponents<Vec<u8>>);

impl SignatureChecker for RsaChecker {
    fn is_right(&self, token: &str) -> bool {
        let Some((message, signature)) = signed(token) else { return false };
        let signature = URL_SAFE_NO_PAD.decode(signature);
        let verify = |signature: &[u8]| self.0.verify(&RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), signature);
        signature.is_ok_and(|signature| verify(&signature).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;
    use domain::model::id::{SessionId, UserUid};
    use domain::ports::effects::Tokens;
    use jsonwebtoken::EncodingKey;
    use testkit::keys::{self, KeyPair};

    const SECRET: &str = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U";

    fn der(pem: &str) -> Vec<u8> {
        let inside: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        STANDARD.decode(inside).unwrap()
    }

    fn token(header: &str, claims: &str, key: &EncodingKey, algorithm: Algorithm) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).unwrap();
        format!("{message}.{signature}")
    }

    fn pairs() -> [(SigningAlgorithm, KeyMaterial, EncodingKey, Algorithm); 4] {
        let public = |pair: KeyPair| JwtSiteTokens.public_key(pair.public).unwrap().1;
        [
            (
                SigningAlgorithm::Hs256,
                KeyMaterial(SECRET.to_owned()),
                EncodingKey::from_secret(SECRET.as_bytes()),
                Algorithm::HS256,
            ),
            (
                SigningAlgorithm::EdDsa,
                public(keys::ED25519),
                EncodingKey::from_ed_der(&der(keys::ED25519.private)),
                Algorithm::EdDSA,
            ),
            (
                SigningAlgorithm::Es256,
                public(keys::P256),
                EncodingKey::from_ec_der(&der(keys::P256.private)),
                Algorithm::ES256,
            ),
            (
                SigningAlgorithm::Rs256,
                public(keys::RSA),
                EncodingKey::from_rsa_der(&der(keys::RSA.private)),
                Algorithm::RS256,
            ),
        ]
    }

    #[test]
    fn a_signature_is_right_for_its_own_key_and_its_own_text_only() {
        let pairs = pairs();
        for (signer, (name, _, key, algorithm)) in pairs.iter().enumerate() {
            let token = token(r#"{"alg":"x"}"#, "{}", key, *algorithm);
            for (n, (algorithm, material, ..)) in pairs.iter().enumerate() {
                let checker = JwtSiteTokens.checker(*algorithm, material).unwrap();
                assert_eq!(checker.is_right(&token), n == signer, "{name:?} by {algorithm:?}");
            }
            let checker = JwtSiteTokens.checker(*name, &pairs[signer].1).unwrap();
            let (message, signature) = token.rsplit_once('.').unwrap();
            for bad in [
                format!("{message}."),
                message.to_owned(),
                format!("{message}x.{signature}"),
                format!("{message}.{}", &signature[1..]),
                format!("{message}.{signature}="),
                format!("{message}.{signature}A"),
                String::new(),
                ".".to_owned(),
            ] {
                assert!(!checker.is_right(&bad), "{bad}");
            }
        }
    }

    #[test]
    fn a_key_checks_nothing_for_another_algorithm() {
        for (algorithm, material, ..) in pairs().iter().skip(1) {
            for other in SigningAlgorithm::ALL.into_iter().filter(|other| other != algorithm) {
                let checker = JwtSiteTokens.checker(other, material);
                assert_eq!(checker.is_some(), other == SigningAlgorithm::Hs256, "{algorithm:?} as {other:?}");
            }
        }
        assert!(JwtSiteTokens.checker(SigningAlgorithm::Es256, &KeyMaterial("damaged".to_owned())).is_none());
    }

    fn read(header: &str, claims: &str) -> Option<Unverified> {
        JwtSiteTokens.read(&format!("{}.{}.x", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims)))
    }

    #[test]
    fn what_stands_in_a_token_is_read_as_it_stands() {
        let claims = r#"{"iss":"abcdEF01","sub":"1","iat":1700000000,"exp":1700000600.5,"nbf":0,"aud":"https://a.example",
            "name":"Ann","picture":"https://a.example/a.png","role":"mod","rooms":["abcDEF012345"],"more":{"x":[1]}}"#;
        let token = read(r#"{"alg":"HS256","kid":"k","typ":"JWT"}"#, claims).unwrap();
        assert_eq!((token.algorithm.as_str(), token.kid.as_deref(), token.brings_key), ("HS256", Some("k"), false));
        let text = |text: &str| Some(text.to_owned());
        let expected = Claims {
            issuer: text("abcdEF01"),
            subject: text("1"),
            issued_at: Some(Timestamp(1_700_000_000_000)),
            expires_at: Some(Timestamp(1_700_000_600_500)),
            not_before: Some(Timestamp(0)),
            audience: Some(vec!["https://a.example".to_owned()]),
            name: text("Ann"),
            picture: text("https://a.example/a.png"),
            role: text("mod"),
            rooms: Some(vec!["abcDEF012345".to_owned()]),
        };
        assert_eq!(token.claims, Some(expected));
        let many = read(r#"{"kid":"k"}"#, r#"{"aud":["a","b"]}"#).unwrap().claims.unwrap();
        assert_eq!(many.audience.unwrap(), ["a", "b"]);
    }

    #[test]
    fn a_header_that_brings_a_key_is_told() {
        for name in ["jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "crit"] {
            for value in ["\"https://evil.example\"", "{}", "[]", "false"] {
                let token = read(&format!(r#"{{"alg":"HS256","kid":"k","{name}":{value}}}"#), "{}").unwrap();
                assert!(token.brings_key, "{name} {value}");
            }
        }
    }

    #[test]
    fn claims_of_a_wrong_type_are_none() {
        for claims in [
            r#"{"iss":"a","sub":5}"#,
            r#"{"iss":"a","iat":"1700000000"}"#,
            r#"{"iss":"a","iat":-1}"#,
            r#"{"iss":"a","exp":1e300}"#,
            r#"{"iss":"a","aud":{}}"#,
            r#"{"iss":"a","rooms":"x"}"#,
            r#"{"iss":"a","rooms":[1]}"#,
            r#"{"iss":"a","role":["mod"]}"#,
            r#"{"iss":"a","name":{}}"#,
            r#"{"iss":"a","sub":"1","sub":"2"}"#,
            r#"["a"]"#,
            "nonsense",
            "",
        ] {
            assert_eq!(read(r#"{"alg":"HS256","kid":"k"}"#, claims).unwrap().claims, None, "{claims}");
        }
    }

    #[test]
    fn our_own_tokens_and_nonsense_are_no_sites() {
        let ours = crate::adapters::tokens::JwtTokens::new(&crate::adapters::secret::Key::from_bytes([1; 32]));
        let user = UserUid::parse("abcdefghij").unwrap();
        let ours = ours.issue(SessionId(7), &user, Timestamp(0), Timestamp(1000));
        for token in [&ours, "", ".", "..", "a.b.c", "e30.e30.", "e30.e30", "e30.e30.x.y", "🦊", &"x".repeat(20_000)]
        {
            assert_eq!(JwtSiteTokens.read(token), None, "{token}");
        }
        assert_eq!(read(r#"{"alg":"none"}"#, r#"{"iss":"banter"}"#), None);
        assert!(read(r#"{"alg":"none"}"#, r#"{"iss":"abcdEF01"}"#).is_some());
    }
}
