//! What the chat is made of. Values are parsed once, at the border, and trusted from then on.

pub mod access;
pub mod audience;
pub mod connection;
pub mod event;
pub mod frame_ancestor;
pub mod id;
pub mod log;
pub mod login;
pub mod message;
pub mod name;
pub mod node;
pub mod rank;
pub mod room;
pub mod sanction;
pub mod session;
pub mod site;
pub mod site_key;
pub mod site_token;
pub mod text;
pub mod time;
pub mod user;
mod writing;
