//! What is measured.

pub mod churn;
pub mod connect;
pub mod fanout;
pub mod history;
pub mod mixed;
pub mod persist;
pub mod storm;

use crate::connections::Connections;
use crate::link::Admission;
use crate::report::Progress;
use crate::server::Server;

/// How many connections are under way at once while a scenario is prepared.
const AT_ONCE: usize = 256;

/// Viewers, shared out over `threads`, and senders.
fn gather(
    server: &Server,
    viewers: Vec<Admission>,
    senders: Vec<Admission>,
    threads: usize,
    progress: &Progress,
) -> Result<(Vec<Connections>, Connections), String> {
    let mut watchers = Vec::new();
    let each = viewers.len().div_ceil(threads.max(1)).max(1);
    let mut viewers = viewers.into_iter().peekable();
    while viewers.peek().is_some() {
        watchers.push(enter(server, viewers.by_ref().take(each).collect(), "viewers are in", progress)?);
    }
    let senders = enter(server, senders, "senders are in", progress)?;
    Ok((watchers, senders))
}

/// Connections that is in.
fn enter(server: &Server, entries: Vec<Admission>, what: &str, progress: &Progress) -> Result<Connections, String> {
    let mut connections = Connections::new(&server.target).map_err(|error| error.to_string())?;
    let total = entries.len();
    connections.open(entries, AT_ONCE, |_, _, _| {}, progress.counter(total, what))?;
    progress.say(format!("{total} {what}"));
    Ok(connections)
}
