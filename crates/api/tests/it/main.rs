//! The whole server over real sockets, on SQLite and on PostgreSQL: one binary, so that it is linked once.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests: what is not there fails the test")]

mod app;
mod clock_jumps;
mod cluster;
mod cluster_chat;
mod cluster_faults;
mod command_line;
mod crash;
mod database;
#[cfg(target_os = "linux")]
mod disk_full;
mod documents;
mod gate;
#[cfg(target_os = "linux")]
mod gone;
mod http_accounts;
mod http_bad_input;
mod http_base_path;
mod http_bounds;
mod http_messages;
mod http_meta;
mod http_moderation;
mod http_pages;
mod http_rooms;
mod http_site_tokens;
mod http_sites;
mod http_window;
mod log;
mod outages;
mod postgres;
mod process;
mod protocol_document;
mod protocol_samples;
mod site;
mod socket;
mod transcript;
mod two_versions;
mod ws_hostile;
mod ws_limits;
mod ws_login;
mod ws_moderation;
mod ws_posting;
mod ws_rooms;
mod ws_sites;
