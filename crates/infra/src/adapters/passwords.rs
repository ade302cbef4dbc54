//! Passwords: bcrypt, away from the threads that serve, and never more at once than there are cores.

use crate::adapters::secret::base64url;
use async_trait::async_trait;
use domain::model::text::Password;
use domain::model::user::PasswordHash;
use domain::ports::effects::{HasherBusy, PasswordHasher};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// How long somebody waits for a core.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// The salt and hash of nothing: a place to burn the same time on when there is no such user.
const NOBODY: &str = "abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzABCDC";

/// bcrypt at a cost.
pub struct BcryptHasher {
    cost: u32,
    cores: Arc<Semaphore>,
}

impl BcryptHasher {
    /// Hashes at `cost`: 12 takes about a quarter of a second of a core, and each step more twice as long.
    pub fn new(cost: u32) -> BcryptHasher {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        BcryptHasher { cost: cost.clamp(4, 31), cores: Arc::new(Semaphore::new(cores)) }
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Option<T> + Send + 'static) -> Result<T, HasherBusy> {
        let turn = tokio::time::timeout(READ_TIMEOUT, Arc::clone(&self.cores).acquire_owned()).await;
        let turn = turn.map_err(|_| HasherBusy)?.map_err(|_| HasherBusy)?;
        let done = tokio::task::spawn_blocking(move || {
            let answer = work();
            // Held until the core is free, even when nobody waits for the answer any more.
            drop(turn);
            answer
        });
        done.await.ok().flatten().ok_or(HasherBusy)
    }
}

/// bcrypt takes no more than 72 bytes, and a password may have 256: all of them go into a digest of 43 characters. It is
/// keyed with a name, so that plain digests leaked elsewhere are of no use here.
fn digest(password: &Password) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"banter password").ok()?;
    mac.update(password.expose().as_bytes());
    Some(base64url(&mac.finalize().into_bytes()))
}

#[async_trait]
impl PasswordHasher for BcryptHasher {
    async fn hash(&self, password: Password) -> Result<PasswordHash, HasherBusy> {
        let cost = self.cost;
        self.run(move || bcrypt::non_truncating_hash(digest(&password)?, cost).ok().map(PasswordHash)).await
    }

    async fn verify(&self, password: Password, hash: Option<PasswordHash>) -> Result<bool, HasherBusy> {
        let cost = self.cost;
        self.run(move || {
            let digest = digest(&password)?;
            match hash {
                Some(hash) => bcrypt::non_truncating_verify(digest, &hash.0).ok(),
                None => {
                    bcrypt::non_truncating_verify(digest, &format!("$2b${cost:02}${NOBODY}")).ok()?;
                    Some(false)
                }
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::parse(text).unwrap()
    }

    #[tokio::test]
    async fn a_password_opens_what_it_locked_and_no_other_does() {
        let hasher = BcryptHasher::new(4);
        let hash = hasher.hash(password("correct horse")).await.unwrap();
        assert!(hash.0.starts_with("$2b$04$"));
        assert_eq!(hasher.verify(password("correct horse"), Some(hash.clone())).await, Ok(true));
        assert_eq!(hasher.verify(password("Correct horse"), Some(hash)).await, Ok(false));
    }

    #[tokio::test]
    async fn passwords_that_differ_after_72_bytes_are_different() {
        let hasher = BcryptHasher::new(4);
        let long = "x".repeat(255);
        let hash = hasher.hash(password(&format!("{long}a"))).await.unwrap();
        assert_eq!(hasher.verify(password(&format!("{long}a")), Some(hash.clone())).await, Ok(true));
        assert_eq!(hasher.verify(password(&format!("{long}b")), Some(hash.clone())).await, Ok(false));
        assert_eq!(hasher.verify(password(&long), Some(hash)).await, Ok(false));
    }

    #[tokio::test]
    async fn nobody_has_no_password() {
        assert_eq!(BcryptHasher::new(4).verify(password("whatever"), None).await, Ok(false));
    }

    #[test]
    fn looking_for_nobody_hashes_at_the_same_cost() {
        let parts: bcrypt::HashParts = format!("$2b$12${NOBODY}").parse().unwrap();
        assert_eq!(parts.get_cost(), 12);
    }

    #[tokio::test]
    async fn a_damaged_hash_is_an_error() {
        let broken = Some(PasswordHash("damaged".to_owned()));
        assert_eq!(BcryptHasher::new(4).verify(password("whatever"), broken).await, Err(HasherBusy));
    }
}
