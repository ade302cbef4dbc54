//! Group commit: each log is written by one thread, which takes all that waits and writes it in one transaction.
//!
//! Read [`batch`] for what is in such a transaction, and [`thread`] for what happens when it fails. A writer never waits
//! for more to come: while one batch is committed the next one gathers by itself.

pub mod acts;
pub mod batch;
pub mod lookup;
pub mod prepared;
pub mod thread;
