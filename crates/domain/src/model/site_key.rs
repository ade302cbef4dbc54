//! The keys that a site signs tokens with.

use crate::model::id::{SiteId, SiteKeyId, SiteUid};
use crate::model::text::KeyName;
use crate::model::time::Timestamp;
use std::fmt;

/// The most keys of one site: some to rotate, one for each of its services.
pub const KEYS_MAX: usize = 20;

/// What a token says which key signed it: the site's uid, a dash, and eight letters and digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Kid(String);

impl Kid {
    /// The key of this site with this name within it.
    pub fn new(site: &SiteUid, within: &SiteUid) -> Kid {
        Kid(format!("{site}-{within}"))
    }

    /// Takes a kid as it came from outside; `None` when it cannot be one.
    pub fn parse(text: &str) -> Option<Kid> {
        let (site, within) = text.split_once('-')?;
        Some(Kid::new(&SiteUid::parse(site)?, &SiteUid::parse(within)?))
    }

    /// The site whose key it is.
    pub fn site(&self) -> Option<SiteUid> {
        SiteUid::parse(self.0.split('-').next()?)
    }

    /// Its characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Kid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether the server knows what signs, or only what checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Both sides have the same secret.
    Secret,
    /// The site keeps the private half.
    Public,
}

impl KeyKind {
    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            KeyKind::Secret => "secret",
            KeyKind::Public => "public",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<KeyKind> {
        [KeyKind::Secret, KeyKind::Public].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// The one algorithm that tokens of a key may be signed with (RFC 7518, RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningAlgorithm {
    /// HMAC with SHA-256, for secrets.
    Hs256,
    /// RSA with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl SigningAlgorithm {
    /// All of them.
    pub const ALL: [SigningAlgorithm; 4] =
        [SigningAlgorithm::Hs256, SigningAlgorithm::Rs256, SigningAlgorithm::Es256, SigningAlgorithm::EdDsa];

    /// Its name in a token's header.
    pub fn as_str(self) -> &'static str {
        match self {
            SigningAlgorithm::Hs256 => "HS256",
            SigningAlgorithm::Rs256 => "RS256",
            SigningAlgorithm::Es256 => "ES256",
            SigningAlgorithm::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of that name.
    pub fn parse(name: &str) -> Option<SigningAlgorithm> {
        SigningAlgorithm::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }

    /// What its keys are.
    pub fn kind(self) -> KeyKind {
        match self {
            SigningAlgorithm::Hs256 => KeyKind::Secret,
            _ => KeyKind::Public,
        }
    }
}

/// What signatures are checked with: a secret of 32 bytes in base64url, or a public key as JWK. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyMaterial(pub String);

impl fmt::Debug for KeyMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyMaterial(…)")
    }
}

/// A key of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteKey {
    /// Its row.
    pub id: SiteKeyId,
    /// What tokens name it by.
    pub kid: Kid,
    /// Whose it is.
    pub site: SiteId,
    /// What its tokens are signed with.
    pub algorithm: SigningAlgorithm,
    /// What checks them.
    pub material: KeyMaterial,
    /// The name for people; may be empty.
    pub name: KeyName,
    /// When it was made.
    pub created_at: Timestamp,
    /// When a token of it was last seen, to the minute; `None` for one that nobody used.
    pub last_used_at: Option<Timestamp>,
}

/// A key to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSiteKey {
    /// What tokens name it by.
    pub kid: Kid,
    /// Whose it is.
    pub site: SiteId,
    /// What its tokens are signed with.
    pub algorithm: SigningAlgorithm,
    /// What checks them.
    pub material: KeyMaterial,
    /// The name for people; may be empty.
    pub name: KeyName,
    /// When it is made.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kid_names_the_site_whose_key_it_is() {
        let site = SiteUid::parse("abcdEF01").expect("a uid");
        let kid = Kid::new(&site, &SiteUid::parse("x0x0x0x0").expect("a uid"));
        assert_eq!(kid.as_str(), "abcdEF01-x0x0x0x0");
        assert_eq!(Kid::parse(kid.as_str()), Some(kid.clone()));
        assert_eq!(kid.site(), Some(site));
        for bad in ["", "abcdEF01", "abcdEF01-", "abcdEF01-x0x0x0x", "abcdEF01-x0x0x0x0-", "abcdEF01.x0x0x0x0", "a-b"] {
            assert_eq!(Kid::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_secrets_are_signed_with_hmac() {
        for algorithm in SigningAlgorithm::ALL {
            assert_eq!(algorithm.kind() == KeyKind::Secret, algorithm == SigningAlgorithm::Hs256);
            assert_eq!(SigningAlgorithm::parse(algorithm.as_str()), Some(algorithm));
        }
        for none in ["none", "hs256", "HS512", "RS512", "PS256", "ES384", ""] {
            assert_eq!(SigningAlgorithm::parse(none), None, "{none}");
        }
    }
}
