//! Passwords: bcrypt, away from the threads that serve, and never more at once than there are cores.

use crate::adapters::secret::base64url;
use async_trait::async_trait;
use domain::model::text::Password;
use domain::model::user::PasswordHash;
use domain::ports::effects::{HasherBusy, PasswordHasher, Priority};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// How long somebody waits for a core.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// How many strangers are served or wait for each core that they may have: at a quarter of a second each, four seconds' worth.
const STRANGERS_PER_CORE: usize = 16;

/// The salt and hash of nothing: a place to burn the same time on when there is no such user.
const NOBODY: &str = "abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzABCDC";

/// bcrypt at a cost.
pub struct BcryptHasher {
    cost: u32,
    cores: Arc<Semaphore>,
    /// The cores that strangers may have: all but one, where there is more than one.
    strangers: Arc<Semaphore>,
    /// The strangers who are served or wait.
    queue: Arc<Semaphore>,
}

impl BcryptHasher {
    /// Hashes at `cost`: 12 takes about a quarter of a second of a core, and each step more twice as long.
    pub fn new(cost: u32) -> BcryptHasher {
        BcryptHasher::on_cores(cost, std::thread::available_parallelism().map_or(1, usize::from))
    }

    fn on_cores(cost: u32, cores: usize) -> BcryptHasher {
        let strangers = cores.saturating_sub(1).max(1);
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        BcryptHasher {
            cost: cost.clamp(4, 31),
            cores: semaphore(cores),
            strangers: semaphore(strangers),
            queue: semaphore(strangers * STRANGERS_PER_CORE),
        }
    }

    async fn run<T: Send + 'static>(
        &self,
        priority: Priority,
        work: impl FnOnce() -> Option<T> + Send + 'static,
    ) -> Result<T, HasherBusy> {
        let place = match priority {
            Priority::Known => None,
            Priority::Stranger => Some(Arc::clone(&self.queue).try_acquire_owned().map_err(|_| HasherBusy)?),
        };
        let turn = tokio::time::timeout(READ_TIMEOUT, self.turn(priority)).await;
        let turn = (place, turn.map_err(|_| HasherBusy)?.map_err(|_| HasherBusy)?);
        let done = tokio::task::spawn_blocking(move || {
            let answer = work();
            // Held until the core is free, even when nobody waits for the answer any more.
            drop(turn);
            answer
        });
        done.await.ok().flatten().ok_or(HasherBusy)
    }

    /// A core; for a stranger one that strangers may have. Only so many strangers ever stand in the line for cores, so that
    /// the known pass the rest of them.
    async fn turn(
        &self,
        priority: Priority,
    ) -> Result<(Option<OwnedSemaphorePermit>, OwnedSemaphorePermit), AcquireError> {
        let stranger = match priority {
            Priority::Known => None,
            Priority::Stranger => Some(Arc::clone(&self.strangers).acquire_owned().await?),
        };
        Ok((stranger, Arc::clone(&self.cores).acquire_owned().await?))
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
    async fn hash(&self, password: Password, priority: Priority) -> Result<PasswordHash, HasherBusy> {
        let cost = self.cost;
        self.run(priority, move || bcrypt::non_truncating_hash(digest(&password)?, cost).ok().map(PasswordHash)).await
    }

    async fn verify(
        &self,
        password: Password,
        hash: Option<PasswordHash>,
        priority: Priority,
    ) -> Result<bool, HasherBusy> {
        let cost = self.cost;
        self.run(priority, move || {
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
        let hash = hasher.hash(password("correct horse"), Priority::Known).await.unwrap();
        assert!(hash.0.starts_with("$2b$04$"));
        assert_eq!(hasher.verify(password("correct horse"), Some(hash.clone()), Priority::Known).await, Ok(true));
        assert_eq!(hasher.verify(password("Correct horse"), Some(hash), Priority::Known).await, Ok(false));
    }

    #[tokio::test]
    async fn passwords_that_differ_after_72_bytes_are_different() {
        let hasher = BcryptHasher::new(4);
        let long = "x".repeat(255);
        let hash = hasher.hash(password(&format!("{long}a")), Priority::Known).await.unwrap();
        assert_eq!(hasher.verify(password(&format!("{long}a")), Some(hash.clone()), Priority::Known).await, Ok(true));
        assert_eq!(hasher.verify(password(&format!("{long}b")), Some(hash.clone()), Priority::Known).await, Ok(false));
        assert_eq!(hasher.verify(password(&long), Some(hash), Priority::Known).await, Ok(false));
    }

    #[tokio::test]
    async fn nobody_has_no_password() {
        assert_eq!(BcryptHasher::new(4).verify(password("whatever"), None, Priority::Known).await, Ok(false));
    }

    #[test]
    fn looking_for_nobody_hashes_at_the_same_cost() {
        let parts: bcrypt::HashParts = format!("$2b$12${NOBODY}").parse().unwrap();
        assert_eq!(parts.get_cost(), 12);
    }

    #[tokio::test]
    async fn a_damaged_hash_is_an_error() {
        let broken = Some(PasswordHash("damaged".to_owned()));
        assert_eq!(BcryptHasher::new(4).verify(password("whatever"), broken, Priority::Known).await, Err(HasherBusy));
    }

    #[tokio::test]
    async fn the_known_wait_for_no_stranger_but_the_first() {
        let hasher = Arc::new(BcryptHasher::on_cores(4, 1));
        let served = Arc::new(std::sync::Mutex::new(Vec::new()));
        let core = Arc::clone(&hasher.cores).acquire_owned().await.unwrap();
        // On one thread, tasks begin in the order in which they were spawned.
        let line = [Priority::Stranger, Priority::Stranger, Priority::Stranger, Priority::Known].map(|priority| {
            let (hasher, served) = (Arc::clone(&hasher), Arc::clone(&served));
            tokio::spawn(async move {
                let _turn = hasher.turn(priority).await.unwrap();
                served.lock().unwrap().push(priority);
            })
        });
        tokio::task::yield_now().await;
        drop(core);
        for task in line {
            task.await.unwrap();
        }
        assert_eq!(served.lock().unwrap()[..2], [Priority::Stranger, Priority::Known]);
    }

    #[tokio::test]
    async fn too_many_strangers_are_told_at_once_that_it_is_busy() {
        let hasher = Arc::new(BcryptHasher::on_cores(4, 1));
        let core = Arc::clone(&hasher.cores).acquire_owned().await.unwrap();
        let tries: Vec<_> = (0..STRANGERS_PER_CORE + 7)
            .map(|_| {
                let hasher = Arc::clone(&hasher);
                tokio::spawn(async move { hasher.verify(password("whatever"), None, Priority::Stranger).await })
            })
            .collect();
        tokio::task::yield_now().await;
        assert_eq!(tries.iter().filter(|answer| answer.is_finished()).count(), 7, "while nobody is served");
        drop(core);
        let mut busy = 0;
        for answer in tries {
            busy += usize::from(answer.await.unwrap() == Err(HasherBusy));
        }
        assert_eq!(busy, 7);
    }
}
