//! What tests need: a store in memory with full semantics, fakes of every effect, and the one suite that all stores pass.
//!
//! Read in this order: [`builders`] makes values tersely, [`memory`] keeps them, the fakes ([`clock`], [`ids`], [`bus`],
//! [`limiter`], [`hasher`], [`tokens`]) stand for time, chance and the rest, [`faulty`] makes stores fail or wait, and
//! [`conformance`] says what every store must do, and [`simulation`] plays delivery with all that can go wrong.
//!
//! This crate is a dev-dependency only. It names `domain` and nothing else of ours.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "test support: a broken expectation is a failed test")]

pub mod builders;
pub mod bus;
pub mod bus_conformance;
pub mod clock;
pub mod conformance;
pub mod faulty;
pub mod hasher;
pub mod ids;
pub mod keys;
pub mod limiter;
pub mod memory;
pub mod nats;
pub mod simulation;
pub mod tokens;
