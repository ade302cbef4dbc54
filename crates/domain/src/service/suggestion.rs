//! A free name and a strong password, for those who do not want to think of either.

use crate::model::name::Username;
use crate::model::time::Span;
use crate::ports::effects::Ids;
use crate::service::accounts::Accounts;
use crate::service::error::Error;

/// How a name begins: 32 words that go with every ending.
const FIRST: [&str; 32] = [
    "amber", "bold", "brave", "bright", "calm", "clever", "cosy", "crisp", "dapper", "eager", "early", "fair", "fuzzy",
    "gentle", "golden", "happy", "jolly", "kind", "lively", "lucky", "mellow", "merry", "misty", "nimble", "patient",
    "proud", "quiet", "rapid", "silver", "sunny", "tidy", "witty",
];

/// How it goes on.
const LAST: [&str; 32] = [
    "badger", "beaver", "bison", "cricket", "crow", "dolphin", "falcon", "ferret", "finch", "fox", "gecko", "hare",
    "heron", "koala", "lemur", "lynx", "magpie", "marten", "mole", "otter", "owl", "panda", "parrot", "puffin",
    "raven", "robin", "seal", "sparrow", "stork", "swift", "tapir", "wombat",
];

/// The characters of a password, without those that are taken for one another.
const SIGNS: &[u8] = b"abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789";

/// The length of a password: 20 of 54 signs are 115 bits.
const LENGTH: usize = 20;

/// A name to register with, and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// Nobody's yet.
    pub name: String,
    /// Told to nobody else.
    pub password: String,
}

/// A password that nobody guesses.
pub fn password(ids: &dyn Ids) -> String {
    (0..LENGTH).map(|_| char::from(*pick(SIGNS, ids))).collect()
}

fn pick<'a, T>(list: &'a [T], ids: &dyn Ids) -> &'a T {
    let bound = u32::try_from(list.len()).unwrap_or(u32::MAX);
    &list[ids.below(bound) as usize % list.len()]
}

impl Accounts {
    /// A name that is free now, and a password.
    pub async fn suggest(&self) -> Result<Suggestion, Error> {
        let ids = &*self.ports.ids;
        // Numbers are drawn from a wider range each time, so that a crowded server finds a free name soon.
        for numbers in [100, 1000, 10_000, 100_000, 1_000_000] {
            let name = format!("{}-{}-{}", pick(&FIRST, ids), pick(&LAST, ids), ids.below(numbers));
            if self.ports.accounts.credentials(&Username::parse(&name)?).await?.is_none() {
                return Ok(Suggestion { name, password: password(ids) });
            }
        }
        Err(Error::Busy { retry_after: Span::seconds(1) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_username() {
        for (first, last) in FIRST.iter().flat_map(|first| LAST.iter().map(move |last| (first, last))) {
            let name = format!("{first}-{last}-999999");
            assert!(Username::parse(&name).is_ok(), "{name}");
        }
    }
}
