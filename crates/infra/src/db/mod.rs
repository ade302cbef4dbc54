//! Reaching the database: which one, how its connections are set up, its tables, and what its errors mean.
//!
//! Nothing here knows what a room or a user is.

pub mod access;
pub mod coalesce;
pub mod conn;
pub mod disk;
pub mod error;
pub mod lock;
pub mod migrate;
pub mod pool;
pub mod queue;
pub mod schema;
pub mod target;
