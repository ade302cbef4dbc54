//! Banter's borders: HTTP, WebSockets, the web pages and the command line.
//!
//! Read in this order: [`config`] says what can be set, [`bootstrap`] puts the process together, [`server`] runs it;
//! [`http`] and [`realtime`] turn what clients send into calls of the domain's services, by way of [`caller`],
//! [`view`] and [`problem`]; [`assets`] serves the pages, [`metrics`] counts, and [`cli`] is the operator's way in.
//!
//! No rule lives in this crate, and only [`bootstrap`] names the adapters.

pub mod app;
pub mod assets;
pub mod bootstrap;
pub mod caller;
pub mod cli;
pub mod client_ip;
pub mod config;
mod content_policy;
mod health;
mod housekeeping;
pub mod http;
pub mod limits;
pub mod metrics;
pub mod problem;
pub mod public_url;
pub mod realtime;
pub mod server;
pub mod view;
