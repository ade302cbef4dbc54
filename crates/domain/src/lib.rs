//! Banter's rules: who may do what, what a message may hold, and how a room's log is kept and delivered.
//!
//! Read in this order: [`model`] says what the chat is made of, [`policy`], [`review`] and [`command`] decide
//! ([`capability`] tells windows what that comes to, [`bucket`] whether somebody is too fast),
//! [`ports`] name what the rules need from outside, [`service`] puts load → decide → store together, and
//! [`delivery`] holds the order of events on their way to viewers.
//!
//! This crate never does I/O, never reads a clock or an environment variable, and never logs: it takes `now` and
//! returns its reasons.

pub mod bucket;
pub mod capability;
pub mod command;
pub mod delivery;
pub mod model;
pub mod policy;
pub mod ports;
pub mod presence;
pub mod review;
pub mod service;
