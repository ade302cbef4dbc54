//! Random bytes, and how they are written down.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// Fills an array from the operating system's generator.
///
/// # Panics
/// When the operating system has no random numbers: nothing that this program makes would be safe then.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if let Err(error) = getrandom::fill(&mut bytes) {
        panic!("the operating system gives no random numbers: {error}");
    }
    bytes
}

/// A key of 32 bytes, never printed.
#[derive(Clone)]
pub struct Key {
    bytes: [u8; 32],
    text: String,
}

impl Key {
    /// A new one.
    pub fn random() -> Key {
        Key::from_bytes(random())
    }

    /// One of these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Key {
        Key { bytes, text: hex(&bytes) }
    }

    /// Reads what [`Key::text`] wrote.
    pub fn parse(text: &str) -> Option<Key> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Key::from_bytes(bytes))
    }

    /// How it is stored.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What is stored of `bytes` that could be found by trying, without this key.
    pub fn hash(&self, bytes: &[u8]) -> String {
        let mac = Hmac::<Sha256>::new_from_slice(&self.bytes).map(|mut mac| {
            mac.update(bytes);
            mac.finalize().into_bytes()
        });
        // HMAC takes keys of any length, so that there is always a digest; 128 bits of it tell all apart.
        mac.map(|digest| base64url(&digest[..16])).unwrap_or_default()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |n: u8| char::from(b"0123456789abcdef"[usize::from(n)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Base64 with the URL-safe alphabet and without padding (RFC 4648 §5).
pub fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            let six = group >> (18 - 6 * place) & 63;
            text.push(char::from(ALPHABET[six as usize]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_gives_the_vectors_of_its_standard() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg"),
            ("fo", "Zm8"),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg"),
            ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64url(bytes.as_bytes()), text);
        }
        assert_eq!(base64url(&[0xfb, 0xff, 0xfe]), "-__-");
    }

    #[test]
    fn a_key_is_read_back_and_never_printed() {
        let key = Key::random();
        assert_eq!(Key::parse(key.text()).unwrap().bytes(), key.bytes());
        assert_eq!(format!("{key:?}"), "Key(…)");
        for bad in ["", "00", &"zz".repeat(32), &"é".repeat(32)] {
            assert!(Key::parse(bad).is_none(), "{bad}");
        }
    }
}
