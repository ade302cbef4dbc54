//! `storm`: all connections are cut at once, and all come back at once for what they missed.

use crate::connections::Connections;
use crate::report::{Progress, Report, count};
use crate::scenario::{enter, fill, post};
use crate::server::Target;
use crate::setup::{Arrival, Setup};
use crate::wire::event::Event;
use crate::workload::{Sample, outcome};
use std::time::Instant;

/// How many, and what they miss.
#[derive(Clone, Debug, clap::Args)]
pub struct Storm {
    /// Sockets
    #[arg(long, default_value_t = 2000)]
    connections: usize,

    /// Rooms that they are spread over
    #[arg(long, default_value_t = 1)]
    rooms: usize,

    /// Messages that each room gets while all are away
    #[arg(long, default_value_t = 10)]
    missed: usize,

    /// How many come back at the same time; more than the server's backlog holds would measure the kernel's patience
    #[arg(long, default_value_t = 1000)]
    at_once: usize,

    #[command(flatten)]
    arrival: Arrival,
}

impl Storm {
    /// So many connections in one room, logged in, that find 50 messages.
    pub fn of(connections: usize) -> Storm {
        let arrival = Arrival { logged_in: true, history: 50 };
        Storm { connections, rooms: 1, missed: 10, at_once: 1000, arrival }
    }
}

/// Measures it.
pub fn run(options: &Storm, target: &Target) -> Result<Report, String> {
    let Storm { connections, rooms, missed, at_once, arrival } = *options;
    let bare = if target.bare { "bare loop: " } else { "" };
    let title = format!(
        "{bare}{connections} connections in {} cut and resumed{}, {missed} messages missed",
        count(rooms, "room"),
        arrival.title()
    );
    let progress = Progress::begin(&title);
    let mut report = Report::new(title);

    let server = target.reach()?;
    let setup = Setup::new(&server);
    let uids = setup.rooms(rooms)?;
    let mut sender = enter(&server, setup.senders(1)?, "sender is in", &progress)?;
    fill(&server, &setup, &uids, arrival, &progress)?;
    let mut entries = Vec::new();
    for tag in (0..connections).map(|number| number % rooms.max(1)) {
        entries.extend(setup.viewers(1, &uids[tag], tag, arrival)?);
    }
    let sockets = enter(&server, entries, "are in", &progress)?;
    // The bare loop stores nothing: there is nothing to miss.
    let missed = if target.bare { 0 } else { missed };

    let start = Sample::take(&server);
    let entries = sockets.drop_all();
    progress.say("all are cut");
    let heads = post(&mut sender, &uids, missed, 0)?;
    let mut sockets = Connections::new(&server.target).map_err(|error| error.to_string())?;
    let begin = Instant::now();
    let mut received = 0u64;
    let on_event = |link: &mut crate::link::Link, event: Event<'_>, _| {
        if let Event::Message { seq, .. } = event {
            link.cursor.see(seq);
            received += 1;
        }
    };
    sockets.open(entries, at_once, on_event, progress.counter(connections, "are back"))?;
    let took = begin.elapsed();
    let spent = start.spent_until(&Sample::take(&server));
    progress.say("all are back");

    let links = sockets.links();
    let lost: u64 = links.iter().map(|link| heads.get(link.tag()).map_or(0, |head| link.cursor.lost(*head))).sum();
    report.figure("resumed_within", took.as_secs_f64(), "s");
    if let Some(cpu) = spent.server {
        report.figure("server_cpu_per_resume", cpu.as_secs_f64() * 1e6 / connections.max(1) as f64, "µs");
    }
    report.figure("received", received as f64, "");
    report.figure("lost", lost as f64, "");
    report.figure("out_of_order", links.iter().map(|link| link.cursor.late).sum::<u64>() as f64, "");
    report.figure("duplicates", links.iter().map(|link| link.cursor.doubled).sum::<u64>() as f64, "");
    report.figure("resets", links.iter().map(|link| link.resets).sum::<u64>() as f64, "");
    outcome::spent(&spent, &mut report);
    report.warnings.extend(outcome::others(&spent));
    Ok(report)
}
