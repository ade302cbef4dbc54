//! What the rules need from outside: a store, a bus, time, chance, passwords and tokens.
//!
//! A port exists where there are two real implementations, or where time, chance or the network hides. The contract of
//! every store, which the conformance suite of `testkit` holds each implementation to:
//!
//! - A method is one transaction. What is not there is `None`, or the named error of the method; never a failure.
//! - Lists are ordered as their method says, and bounded.
//! - Text is compared by bytes; names by their looks and folded forms, which the domain computes.
//! - An error of the database or the network is [`store::StoreError::Failed`]: its words are for the log.
//!
//! What the in-memory store cannot keep (surviving a crash, isolation between processes) is tested on SQL only.

#![warn(missing_docs)]

pub mod bus;
pub mod cluster;
pub mod effects;
pub mod log;
pub mod readers;
pub mod site_tokens;
pub mod store;
