//! Public keys as people paste them: PEM or JWK, in; the members of a JWK that count, out.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use domain::model::site_key::SigningAlgorithm;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::{Deserialize, Serialize};

/// The longest text that is read, in bytes: an RSA key of 16 384 bits takes 3 000.
const TEXT_MAX: usize = 8 * 1024;

/// The least and the most bits of an RSA key: checking with larger ones takes too long.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// What a signature is checked with. Its JSON is a JWK (RFC 7517, RFC 8037); numbers are in base64url.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "kty")]
pub enum PublicKey {
    /// Ed25519.
    #[serde(rename = "OKP")]
    Ed { crv: String, x: String },
    /// P-256.
    #[serde(rename = "EC")]
    Ec { crv: String, x: String, y: String },
    #[serde(rename = "RSA")]
    Rsa { n: String, e: String },
}

/// The members of a JWK that say what it is not for.
#[derive(Deserialize)]
struct Rest {
    #[serde(default)]
    alg: Option<String>,
    #[serde(default, rename = "use")]
    usage: Option<String>,
    /// The private half, of whatever kind.
    #[serde(default)]
    d: Option<serde::de::IgnoredAny>,
    /// A secret.
    #[serde(default)]
    k: Option<serde::de::IgnoredAny>,
}

const PRIVATE: &str = "is a private key: keep it to yourself, and give the public one";

impl PublicKey {
    /// Takes a key as it was pasted. Why not, as the end of a sentence.
    pub fn parse(text: &str) -> Result<PublicKey, String> {
        if text.len() > TEXT_MAX {
            return Err(format!("is longer than {TEXT_MAX} bytes"));
        }
        let text = text.trim();
        let key = if text.starts_with('{') { from_jwk(text) } else { from_pem(text) }?;
        key.check()?;
        if key.is_sound() { Ok(key) } else { Err("is no point on its curve".to_owned()) }
    }

    /// The one algorithm that it checks.
    pub fn algorithm(&self) -> SigningAlgorithm {
        match self {
            PublicKey::Ed { .. } => SigningAlgorithm::EdDsa,
            PublicKey::Ec { .. } => SigningAlgorithm::Es256,
            PublicKey::Rsa { .. } => SigningAlgorithm::Rs256,
        }
    }

    /// The key as what checks signatures takes it; `None` for one that is no key.
    pub fn decoding_key(&self) -> Option<DecodingKey> {
        match self {
            PublicKey::Ed { x, .. } => DecodingKey::from_ed_components(x),
            PublicKey::Ec { x, y, .. } => DecodingKey::from_ec_components(x, y),
            PublicKey::Rsa { n, e } => DecodingKey::from_rsa_components(n, e),
        }
        .ok()
    }

    /// Whether it lies on its curve.
    fn is_sound(&self) -> bool {
        let algorithm = match self {
            PublicKey::Ed { .. } => Algorithm::EdDSA,
            PublicKey::Ec { .. } => Algorithm::ES256,
            PublicKey::Rsa { .. } => Algorithm::RS256,
        };
        // A signature of nothing is wrong, which is no error; a key that cannot be is.
        self.decoding_key().is_some_and(|key| jsonwebtoken::crypto::verify("", b"", &key, algorithm).is_ok())
    }

    fn check(&self) -> Result<(), String> {
        let bytes = |number: &str| {
            URL_SAFE_NO_PAD
                .decode(number)
                .map_err(|_| "holds a number that is not base64url without padding".to_owned())
        };
        match self {
            PublicKey::Ed { crv, x } => {
                let right = crv == "Ed25519" && bytes(x)?.len() == 32;
                right.then_some(()).ok_or_else(|| "must be on the curve Ed25519".to_owned())
            }
            PublicKey::Ec { crv, x, y } => {
                let right = crv == "P-256" && bytes(x)?.len() == 32 && bytes(y)?.len() == 32;
                right.then_some(()).ok_or_else(|| "must be on the curve P-256".to_owned())
            }
            PublicKey::Rsa { n, e } => {
                let (n, e) = (bytes(n)?, bytes(e)?);
                let bits = n
                    .iter()
                    .position(|byte| *byte != 0)
                    .map_or(0, |first| (n.len() - first) * 8 - n[first].leading_zeros() as usize);
                if !RSA_BITS.contains(&bits) {
                    return Err(format!("has {bits} bits, and must have {} to {}", RSA_BITS.start(), RSA_BITS.end()));
                }
                // An even or a very large exponent is no key's.
                let is_odd = e.last().is_some_and(|last| last % 2 == 1);
                (is_odd && e.len() <= 4).then_some(()).ok_or_else(|| "has an exponent that cannot be".to_owned())
            }
        }
    }
}

fn from_jwk(text: &str) -> Result<PublicKey, String> {
    let rest: Rest = serde_json::from_str(text).map_err(|_| "is no valid JWK".to_owned())?;
    if rest.d.is_some() {
        return Err(PRIVATE.to_owned());
    }
    if rest.k.is_some() {
        return Err("is a secret: make a key of the kind secret, which the server makes up".to_owned());
    }
    if rest.usage.is_some_and(|usage| usage != "sig") {
        return Err("is not for signatures".to_owned());
    }
    let key: PublicKey =
        serde_json::from_str(text).map_err(|_| "is no JWK of a key on Ed25519 or P-256 or of an RSA key".to_owned())?;
    match rest.alg {
        Some(alg) if alg != key.algorithm().as_str() => {
            Err(format!("is for another algorithm than {}", key.algorithm().as_str()))
        }
        _ => Ok(key),
    }
}

fn from_pem(text: &str) -> Result<PublicKey, String> {
    const NONE: &str = "is neither PEM nor JWK of a public key";
    if text.contains("PRIVATE KEY-----") {
        return Err(PRIVATE.to_owned());
    }
    if text.contains("BEGIN CERTIFICATE") {
        return Err("is a certificate: give the public key in it".to_owned());
    }
    let label = if text.contains("BEGIN RSA PUBLIC KEY") { "RSA PUBLIC KEY" } else { "PUBLIC KEY" };
    let inside = text.strip_prefix(&format!("-----BEGIN {label}-----")).ok_or(NONE)?;
    let inside = inside.trim_end().strip_suffix(&format!("-----END {label}-----")).ok_or(NONE)?;
    let inside: String = inside.split_whitespace().collect();
    let der = STANDARD.decode(inside).map_err(|_| "holds PEM that is damaged".to_owned())?;
    let key = if label == "RSA PUBLIC KEY" { rsa(&der) } else { subject_public_key(&der) };
    key.ok_or_else(|| "is no key on Ed25519 or P-256 and no RSA key".to_owned())
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;

/// The algorithms with their parameters (RFC 8410, RFC 5480, RFC 8017), as they are encoded.
const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];
const P256: &[u8] =
    &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const RSA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// An element of DER with this tag: what is in it, and what follows.
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(*length), rest),
        0x81 => (usize::from(*rest.first()?), &rest[1..]),
        0x82 => (usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?])), &rest[2..]),
        _ => return None,
    };
    (*first == tag && length <= rest.len()).then(|| rest.split_at(length))
}

/// The key in a SubjectPublicKeyInfo (RFC 5280).
fn subject_public_key(der: &[u8]) -> Option<PublicKey> {
    let (info, after) = element(SEQUENCE, der)?;
    let (algorithm, rest) = element(SEQUENCE, info)?;
    let (bits, end) = element(BIT_STRING, rest)?;
    // The first byte counts bits that are not used.
    let (0, key) = bits.split_first().map(|(unused, key)| (*unused, key))? else { return None };
    if !after.is_empty() || !end.is_empty() {
        return None;
    }
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    match (algorithm, key) {
        (ED25519, x) => Some(PublicKey::Ed { crv: "Ed25519".to_owned(), x: text(x) }),
        // An uncompressed point.
        (P256, [4, point @ ..]) if point.len() == 64 => {
            let (x, y) = point.split_at(32);
            Some(PublicKey::Ec { crv: "P-256".to_owned(), x: text(x), y: text(y) })
        }
        (RSA, key) => rsa(key),
        _ => None,
    }
}

/// The key in an RSAPublicKey (RFC 8017).
fn rsa(der: &[u8]) -> Option<PublicKey> {
    let (key, after) = element(SEQUENCE, der)?;
    let (n, rest) = element(INTEGER, key)?;
    let (e, end) = element(INTEGER, rest)?;
    let text = |number: &[u8]| URL_SAFE_NO_PAD.encode(number.strip_prefix(&[0]).unwrap_or(number));
    (after.is_empty() && end.is_empty()).then(|| PublicKey::Rsa { n: text(n), e: text(e) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::keys;

    fn algorithm(text: &str) -> Result<&'static str, String> {
        PublicKey::parse(text).map(|key| key.algorithm().as_str())
    }

    #[test]
    fn a_public_key_is_taken_as_pem_or_jwk_and_kept_as_jwk() {
        for (pem, expected) in [
            (keys::ED25519.public, "EdDSA"),
            (keys::P256.public, "ES256"),
            (keys::RSA.public, "RS256"),
            (keys::RSA_PKCS1, "RS256"),
            (&keys::ED25519.public.replace('\n', "\r\n"), "EdDSA"),
            (&format!("\n  {}\n", keys::P256.public), "ES256"),
        ] {
            assert_eq!(algorithm(pem).as_deref(), Ok(expected), "{pem}");
            let key = PublicKey::parse(pem).unwrap();
            let jwk = serde_json::to_string(&key).unwrap();
            assert_eq!(PublicKey::parse(&jwk), Ok(key), "{jwk}");
        }
        assert_eq!(PublicKey::parse(keys::RSA.public), PublicKey::parse(keys::RSA_PKCS1));
        // RFC 8037, appendix A.2.
        let jwk =
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"x","use":"sig"}"#;
        assert_eq!(algorithm(jwk).as_deref(), Ok("EdDSA"));
    }

    #[test]
    fn what_is_no_public_key_for_tokens_is_refused_with_its_reason() {
        let cut = &keys::P256.public[..keys::P256.public.len() - 40];
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        for (text, part) in [
            ("", "neither"),
            ("hello", "neither"),
            ("{}", "JWK"),
            ("{\"kty\":", "JWK"),
            (cut, "neither"),
            (&keys::P256.public.replace("MFkw", "MFkx"), "no key"),
            (&keys::P256.public.replace('M', "*"), "damaged"),
            (keys::ED25519.private, "private"),
            (keys::RSA.private, "private"),
            (keys::RSA_1024, "1024 bits"),
            (keys::P384, "no key"),
            (keys::X25519, "no key"),
            ("-----BEGIN CERTIFICATE-----", "certificate"),
            (&"x".repeat(9000), "longer"),
            (&format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","d":"{x}"}}"#), "private"),
            (&format!(r#"{{"kty":"OKP","crv":"X25519","x":"{x}"}}"#), "Ed25519"),
            (&format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","alg":"ES256"}}"#), "another algorithm"),
            (&format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","use":"enc"}}"#), "signatures"),
            (r#"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#, "Ed25519"),
            (r#"{"kty":"OKP","crv":"Ed25519","x":"=="}"#, "base64url"),
            (r#"{"kty":"oct","k":"AAAA"}"#, "secret"),
            (&format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{x}"}}"#), "no point"),
            (&format!(r#"{{"kty":"RSA","n":"{x}","e":"AQAB"}}"#), "bits"),
            (&format!(r#"{{"kty":"RSA","n":"{}","e":"AQAC"}}"#, "z".repeat(344)), "exponent"),
        ] {
            let why = PublicKey::parse(text).unwrap_err();
            assert!(why.contains(part), "{text}: {why}");
        }
    }
}
