//! The way of events to viewers, as pure code: what a node follows, order, the ring of latest frames, when to flush.
//!
//! Nothing here knows sockets, threads or the time: the frame is a type parameter, and `now` is passed in.

pub mod client;
pub mod feed;
pub mod flush;
pub mod join;
pub mod latest;
pub mod order;
pub mod tail;
pub mod viewer;
