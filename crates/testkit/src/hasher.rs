//! A hasher that hashes nothing.

use async_trait::async_trait;
use domain::model::text::Password;
use domain::model::user::PasswordHash;
use domain::ports::effects::{HasherBusy, PasswordHasher, Priority};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Keeps the password as `plain:PASSWORD`, and counts what it is asked.
#[derive(Debug, Default)]
pub struct PlainHasher {
    busy: AtomicBool,
    verified: AtomicU32,
    strangers: AtomicU32,
}

impl PlainHasher {
    /// Says from now on that it is busy, or no longer.
    pub fn set_busy(&self, busy: bool) {
        self.busy.store(busy, Ordering::SeqCst);
    }

    /// How often a password was checked, with or without a hash.
    pub fn verified(&self) -> u32 {
        self.verified.load(Ordering::SeqCst)
    }

    /// How often one was checked for a stranger.
    pub fn strangers(&self) -> u32 {
        self.strangers.load(Ordering::SeqCst)
    }

    /// What it makes of `password`.
    pub fn hash_of(password: &str) -> PasswordHash {
        PasswordHash(format!("plain:{password}"))
    }

    fn check(&self) -> Result<(), HasherBusy> {
        if self.busy.load(Ordering::SeqCst) { Err(HasherBusy) } else { Ok(()) }
    }
}

#[async_trait]
impl PasswordHasher for PlainHasher {
    async fn hash(&self, password: Password, _: Priority) -> Result<PasswordHash, HasherBusy> {
        self.check()?;
        Ok(PlainHasher::hash_of(password.expose()))
    }

    async fn verify(
        &self,
        password: Password,
        hash: Option<PasswordHash>,
        priority: Priority,
    ) -> Result<bool, HasherBusy> {
        self.check()?;
        self.verified.fetch_add(1, Ordering::SeqCst);
        self.strangers.fetch_add(u32::from(priority == Priority::Stranger), Ordering::SeqCst);
        Ok(hash.is_some_and(|hash| hash == PlainHasher::hash_of(password.expose())))
    }
}
