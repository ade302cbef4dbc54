//! Whether the database answers.

use crate::db::access::Db;
use crate::db::error::busy;
use crate::store::settings;
use async_trait::async_trait;
use domain::ports::store::{Health, StoreError};
use std::sync::Arc;

/// Asks a database.
pub struct SqlHealth(pub Arc<Db>);

#[async_trait]
impl Health for SqlHealth {
    async fn check(&self) -> Result<(), StoreError> {
        if !self.0.writers_are_well() {
            return Err(busy());
        }
        self.0.read(|conn| settings::get(conn, "").map(drop)).await
    }
}
