//! `connect`: sockets that are in a room where nothing happens; what one costs.

use crate::report::{Progress, Report};
use crate::scenario::{AT_ONCE, enter, fill};
use crate::server::Target;
use crate::setup::{Arrival, Setup};
use crate::workload::{Sample, outcome};
use std::time::Duration;

/// What the server may finish before the memory is looked at.
const SETTLE: Duration = Duration::from_secs(2);

/// How many.
#[derive(Clone, Debug, clap::Args)]
pub struct Connect {
    /// Sockets, all in one room
    #[arg(long, default_value_t = 5000)]
    connections: usize,

    /// How long they are idle while the CPU is measured, in seconds; a heartbeat comes every 25
    #[arg(long, default_value_t = 30.0)]
    seconds: f64,

    #[command(flatten)]
    arrival: Arrival,
}

/// Measures it.
pub fn run(options: &Connect, target: &Target) -> Result<Report, String> {
    let Connect { connections, seconds, arrival } = *options;
    let bare = if target.bare { "bare loop: " } else { "" };
    let title = format!("{bare}{connections} idle connections in one room{}, {seconds} s", arrival.title());
    let progress = Progress::begin(&title);
    let mut report = Report::new(title);

    let server = target.reach()?;
    let setup = Setup::new(&server);
    let room = setup.rooms(1)?.remove(0);
    fill(&server, &setup, std::slice::from_ref(&room), arrival, &progress)?;
    // What the first connections of all cost (threads, pools, caches) is not what the later ones do.
    let first = enter(&server, setup.viewers(AT_ONCE, &room, 0, arrival)?, "came before", &progress)?;
    drop(first);
    let entries = setup.viewers(connections, &room, 0, arrival)?;
    let (before, pss) = (Sample::take(&server), server.pss());
    let mut sockets = enter(&server, entries, "are in", &progress)?;
    let opened = before.spent_until(&Sample::take(&server));
    let failed = |error: std::io::Error| error.to_string();
    sockets.idle(SETTLE).map_err(failed)?;
    let start = Sample::take(&server);
    progress.say(format!("idle for {seconds} s"));
    sockets.idle(Duration::from_secs_f64(seconds)).map_err(failed)?;
    let spent = start.spent_until(&Sample::take(&server));

    let each = |whole: f64| whole / connections.max(1) as f64;
    report.figure("connected_within", opened.time.as_secs_f64(), "s");
    if let Some(cpu) = opened.server {
        report.figure("server_cpu_per_connect", each(cpu.as_secs_f64() * 1e6), "µs");
    }
    if let Some((before, after)) = before.rss().zip(spent.rss) {
        report.figure("rss_per_connection", each(after.saturating_sub(before) as f64 / 1024.0), "KiB");
    }
    if let Some((before, after)) = pss.zip(server.pss()) {
        report.figure("pss_per_connection", each(after.saturating_sub(before) as f64 / 1024.0), "KiB");
    }
    outcome::spent(&spent, &mut report);
    report.figure("closed_by_server", sockets.closed() as f64, "");
    report.warnings.extend(sockets.complaint().map(|why| format!("connections were closed: {why}")));
    report.warnings.extend(outcome::others(&spent));
    Ok(report)
}
