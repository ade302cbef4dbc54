//! Live delivery: sockets, cursors and the feed that they read.
//!
//! `feed` puts each room's events in order and hands them to the workers as `delivery`; `hub` keeps a
//! worker's replica of the tails; `conn` is one connection's cursors and outbox, read by `body`; `session` carries out
//! what clients ask; `socket` is the only file that knows actix-ws. `node` is what all workers share: `connections`,
//! `presence`, the ways between feed and `workers`, and the `others` of a cluster.

pub mod body;
pub mod conn;
pub mod connections;
pub mod delivery;
pub mod feed;
pub mod frame;
pub mod guard;
pub mod hub;
pub mod join;
pub mod node;
pub mod origin;
pub mod others;
pub mod outgoing;
pub mod pipeline;
pub mod presence;
pub mod protocol;
pub mod room;
pub mod session;
pub mod socket;
pub mod workers;
