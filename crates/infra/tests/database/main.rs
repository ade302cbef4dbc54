//! What a database does beyond the contract of the ports: its tables, its batches, and its failures.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../support/mod.rs"]
mod support;

mod atomicity;
mod batches;
mod locks;
mod migrations;
mod opening;
mod outages;
mod parity;
mod quotas;
