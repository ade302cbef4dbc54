//! Keys of sites, and the tokens that they sign.

use crate::model::site_key::{KeyMaterial, SigningAlgorithm};
use crate::model::site_token::Unverified;
use crate::model::text::Invalid;
use std::sync::Arc;

/// Reads keys of sites and tokens that they sign.
pub trait SiteTokens: Send + Sync {
    /// Takes a public key as PEM or JWK; what it signs with follows from what it is. Refused, naming `public_key`, when it is no
    /// Ed25519, P-256 or RSA key, is an RSA key below 2048 bits, or is the private half.
    fn public_key(&self, text: &str) -> Result<(SigningAlgorithm, KeyMaterial), Invalid>;

    /// What stands in a token, believing nothing; `None` for what is no token of a site, such as this server's own.
    fn read(&self, token: &str) -> Option<Unverified>;

    /// What checks signatures with this key: made once, used often. `None` for one that is damaged.
    fn checker(&self, algorithm: SigningAlgorithm, material: &KeyMaterial) -> Option<Arc<dyn SignatureChecker>>;
}

/// Checks signatures with one key, by its one algorithm.
pub trait SignatureChecker: Send + Sync {
    /// Whether the signature of a token is the key's.
    fn is_right(&self, token: &str) -> bool;
}
