//! What goes over a socket: frames, what the server says in them, and the stamp by which a message is recognised.

pub mod event;
pub mod frame;
pub mod stamp;
