//! The stores' ports over a database. A row type stands beside its queries and goes no further than this crate.
//!
//! Read `accounts`, `rooms`, `sites`, `quotas`, `log` and `history` as the ports they are; the other modules turn rows into what the domain
//! knows.

pub mod accounts;
pub mod erasing;
pub mod events;
pub mod health;
pub mod history;
pub mod log;
pub mod messages;
pub mod names;
pub mod quotas;
pub mod rooms;
pub mod sanctions;
pub mod sessions;
pub mod settings;
pub mod site_users;
pub mod sites;
pub mod users;

/// The most rows that any list asks for, whatever its caller says.
pub const LIST_MAX: usize = 1000;

/// A caller's limit as the database takes it, never above [`LIST_MAX`].
pub fn bounded(limit: usize) -> i64 {
    limit.min(LIST_MAX) as i64
}

/// A caller's limit and one more, which tells whether there are more.
pub fn one_more(limit: usize) -> i64 {
    bounded(limit) + 1
}
