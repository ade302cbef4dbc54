//! The way into every room's log: an entry goes to the writer of its room, and the caller waits for the answer.

use crate::db::access::Db;
use crate::db::error::busy;
use crate::db::queue::{Job, PendingAppend};
use async_trait::async_trait;
use domain::ports::log::{AppendError, AppendResult, Log, LogCommand, LogEntry};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot;

pub use crate::db::pool::ANSWER_WITHIN;

/// What an entry weighs besides its text.
const ENTRY_WEIGHT: usize = 256;

/// The logs of a database.
pub struct SqlLog(pub Arc<Db>);

#[async_trait]
impl Log for SqlLog {
    async fn append(&self, entry: LogEntry) -> Result<AppendResult, AppendError> {
        let weight = ENTRY_WEIGHT
            + match &entry.command {
                LogCommand::Post { draft, .. } => draft.text.as_str().len(),
                _ => 0,
            };
        let room = entry.room.0;
        let (answer, answered) = oneshot::channel();
        let pending = Box::new(PendingAppend { entry, since: Instant::now(), answer });
        self.0.writer(room).push(weight, Job::Append(pending)).map_err(|_| busy())?;
        match tokio::time::timeout(ANSWER_WITHIN, answered).await {
            Ok(Ok(answer)) => answer,
            // The writer is gone, or the database hangs.
            Ok(Err(_)) | Err(_) => Err(busy().into()),
        }
    }
}
