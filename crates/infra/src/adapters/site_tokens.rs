//! Keys of sites.

use crate::adapters::public_key::PublicKey;
use domain::model::site_key::{KeyMaterial, SigningAlgorithm};
use domain::model::text::Invalid;
use domain::ports::site_tokens::SiteTokens;

/// Reads keys of sites.
#[derive(Clone, Copy, Debug, Default)]
pub struct JwtSiteTokens;

impl SiteTokens for JwtSiteTokens {
    fn public_key(&self, text: &str) -> Result<(SigningAlgorithm, KeyMaterial), Invalid> {
        let invalid = |reason: String| Invalid::new("public_key", reason);
        let key = PublicKey::parse(text).map_err(invalid)?;
        let material = serde_json::to_string(&key).map_err(|_| invalid("cannot be kept".to_owned()))?;
        Ok((key.algorithm(), KeyMaterial(material)))
    }
}
