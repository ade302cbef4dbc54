//! Keys of sites, and the tokens that they sign.

use crate::model::site_key::{KeyMaterial, SigningAlgorithm};
use crate::model::text::Invalid;

/// Reads keys of sites.
pub trait SiteTokens: Send + Sync {
    /// Takes a public key as PEM or JWK; what it signs with follows from what it is. Refused, naming `public_key`, when it is no
    /// Ed25519, P-256 or RSA key, is an RSA key below 2048 bits, or is the private half.
    fn public_key(&self, text: &str) -> Result<(SigningAlgorithm, KeyMaterial), Invalid>;
}
