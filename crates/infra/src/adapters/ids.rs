//! Random names and numbers.

use crate::adapters::secret::{base64url, random};
use domain::model::id::{Epoch, RoomUid, SiteUid, UserUid};
use domain::ports::effects::Ids;

/// The operating system's generator.
#[derive(Clone, Copy, Debug)]
pub struct RandomIds;

const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// `length` letters and digits, each as likely as any other.
fn uid(length: usize) -> String {
    let mut text = String::with_capacity(length);
    while text.len() < length {
        // 248 is 4 × 62: a byte above it would make the first letters likelier than the last.
        let usable = random::<16>().into_iter().filter(|byte| *byte < 248);
        let letters = usable.map(|byte| char::from(ALPHABET[usize::from(byte % 62)]));
        text.extend(letters.take(length - text.len()));
    }
    text
}

impl Ids for RandomIds {
    fn user_uid(&self) -> UserUid {
        loop {
            if let Some(uid) = UserUid::parse(&uid(UserUid::LENGTH)) {
                return uid;
            }
        }
    }

    fn room_uid(&self) -> RoomUid {
        loop {
            if let Some(uid) = RoomUid::parse(&uid(RoomUid::LENGTH)) {
                return uid;
            }
        }
    }

    fn site_uid(&self) -> SiteUid {
        loop {
            if let Some(uid) = SiteUid::parse(&uid(SiteUid::LENGTH)) {
                return uid;
            }
        }
    }

    fn epoch(&self) -> Epoch {
        let number = i64::from_le_bytes(random()) & ((1 << 53) - 1);
        Epoch(number.max(1))
    }

    fn below(&self, bound: u32) -> u32 {
        let bound = bound.max(1);
        // The largest multiple of `bound`: what lies above it would make small numbers likelier.
        let fair = u32::MAX - u32::MAX % bound;
        loop {
            let number = u32::from_le_bytes(random());
            if number < fair {
                return number % bound;
            }
        }
    }

    fn secret(&self) -> String {
        base64url(&random::<32>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn uids_have_their_length_and_every_letter_is_as_likely() {
        let mut seen: HashMap<char, u32> = HashMap::new();
        for _ in 0..6200 {
            let uid = RandomIds.user_uid();
            assert_eq!(uid.as_str().len(), 10);
            uid.as_str().chars().for_each(|c| *seen.entry(c).or_default() += 1);
        }
        assert_eq!(RandomIds.room_uid().as_str().len(), 12);
        assert_eq!(seen.len(), 62);
        // 1000 of each are expected, with a deviation of 32: eight deviations never happen by chance.
        assert!(seen.values().all(|count| (744..1256).contains(count)), "{seen:?}");
    }

    #[test]
    fn numbers_stay_below_their_bound_and_reach_every_place() {
        let mut seen = [0; 6];
        for _ in 0..6000 {
            seen[RandomIds.below(6) as usize] += 1;
        }
        assert!(seen.iter().all(|count| (750..1250).contains(count)), "{seen:?}");
        assert_eq!(RandomIds.below(1), 0);
    }

    #[test]
    fn epochs_and_secrets_fit_where_they_go() {
        for _ in 0..100 {
            let Epoch(epoch) = RandomIds.epoch();
            assert!((1..1 << 53).contains(&epoch));
        }
        let secret = RandomIds.secret();
        assert_eq!(secret.len(), 43);
        assert!(secret.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        assert_ne!(secret, RandomIds.secret());
    }
}
