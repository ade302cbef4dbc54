//! Whether the database answers.

use crate::adapters::secret::Key;
use crate::db::access::Db;
use crate::db::error::busy;
use crate::db::queue::BATCH_BYTES;
use crate::store::settings;
use async_trait::async_trait;
use domain::ports::store::{Health, StoreError};
use std::sync::Arc;

/// The setting that is written to find out whether the disk takes more.
const CHECK: &str = "disk_check";

/// Asks a database.
pub struct SqlHealth(pub Arc<Db>);

#[async_trait]
impl Health for SqlHealth {
    async fn check(&self) -> Result<(), StoreError> {
        if !self.0.writers_are_well() {
            return Err(busy());
        }
        if self.0.is_full() {
            // Nobody may send anything that would tell: a write of the size of a batch does.
            let key = Key::random();
            let text = key.text();
            let text = text.repeat(BATCH_BYTES / text.len());
            self.0.write(move |conn| settings::set(conn, CHECK, &text)).await?;
            self.0.write(|conn| settings::set(conn, CHECK, "")).await?;
        }
        self.0.read(|conn| settings::get(conn, "").map(drop)).await
    }
}
