//! The way of events to viewers, as pure code: order at a node, the ring of latest frames, when to flush.
//!
//! Nothing here knows sockets, threads or the time: the frame is a type parameter, and `now` is passed in.

pub mod flush;
pub mod order;
pub mod tail;
