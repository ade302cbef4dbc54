//! `banter-bench`: an honest load generator for Banter.
//!
//! It measures a server from outside, with sockets of its own, and knows nothing of how it is made. What it tells is what
//! clients saw and what /proc says; when the generator or the machine, and not the server, was the limit, it says so.

mod baseline;
mod connections;
mod cursor;
mod fill;
mod link;
mod metrics;
mod page;
mod process;
mod report;
mod scenario;
mod server;
mod setup;
mod stats;
mod timer;
mod wire;
mod workload;

use clap::{Args, Parser, Subcommand};
use report::Report;
use scenario::churn::{self, Churn};
use scenario::cluster::{self, Cluster};
use scenario::connect::{self, Connect};
use scenario::fanout::{self, Fanout};
use scenario::history::{self, History};
use scenario::mixed::{self, Mixed};
use scenario::persist::{self, Persist};
use scenario::storm::{self, Storm};
use server::Target;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use workload::outcome::DISTURBED;

/// The share of a core that a quiet machine uses.
const QUIET: f64 = 0.1;

/// How long it may take to become quiet.
const QUIET_TIMEOUT: Duration = Duration::from_secs(300);

/// Measure a Banter server: one that it starts for the occasion, or one that runs already
#[derive(Parser)]
#[command(name = "banter-bench", version, about)]
struct Cli {
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Subcommand)]
enum Scenario {
    /// One room, many viewers: latency from the intended time of sending, loss, order, CPU per delivery
    Fanout(With<Fanout>),
    /// Idle connections in a room: memory and CPU
    Connect(With<Connect>),
    /// All connections cut at once, and all resumed at once
    Storm(With<Storm>),
    /// Acknowledged messages a second, and how long one takes
    Persist(With<Persist>),
    /// Fanout, persist, storm and mixed over several nodes and NATS, beside one node: give --nodes and --database-url
    Cluster(With<Cluster>),
    /// Many rooms of all sizes: latency by size, and whether a hot room slows the others down
    Mixed(With<Mixed>),
    /// Connections that come and go while messages flow: whether files, memory, threads and sockets return to where they began
    Churn(With<Churn>),
    /// Pages of a room with very many messages, which are written straight into the tables (with `sqlite3` or `psql`)
    History(With<History>),
    /// The machine's own limit: `fanout` of a bare epoll loop that stores nothing and checks nothing
    Baseline(Baseline),
    /// Writes a page of numbers out of a folder of JSON reports (see scripts/bench)
    #[command(hide = true)]
    Page {
        /// The folder
        folder: PathBuf,
    },
    /// The bare loop itself
    #[command(hide = true)]
    BareLoop {
        /// How long messages are gathered, in ms
        #[arg(long)]
        flush_ms: u64,
    },
}

#[derive(Args)]
struct With<T: Args> {
    #[command(flatten)]
    options: T,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
struct Baseline {
    #[command(flatten)]
    options: Fanout,
    /// How long messages are gathered before they are written, in ms; 0 writes each by itself
    #[arg(long, value_name = "MS", default_value_t = 0)]
    flush_ms: u64,
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
struct Output {
    /// Also write the result to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Measure so often, each time with a new server, and tell the medians
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    repeat: u8,

    /// When other programs disturb a measurement, wait until they are quiet and measure again, so often at the most
    #[arg(long, default_value_t = 0)]
    retries: u8,
}

fn main() -> ExitCode {
    process::raise_file_limit();
    let done = match Cli::parse().scenario {
        Scenario::Fanout(With { options, target, output }) => measure(&output, || fanout::run(&options, &target)),
        Scenario::Connect(With { options, target, output }) => measure(&output, || connect::run(&options, &target)),
        Scenario::Storm(With { options, target, output }) => measure(&output, || storm::run(&options, &target)),
        Scenario::Persist(With { options, target, output }) => measure(&output, || persist::run(&options, &target)),
        Scenario::Cluster(With { options, target, output }) => measure(&output, || cluster::run(&options, &target)),
        Scenario::Mixed(With { options, target, output }) => measure(&output, || mixed::run(&options, &target)),
        Scenario::Churn(With { options, target, output }) => measure(&output, || churn::run(&options, &target)),
        Scenario::History(With { options, target, output }) => measure(&output, || history::run(&options, &target)),
        Scenario::Baseline(Baseline { options, flush_ms, output }) => {
            measure(&output, || fanout::run(&options, &Target::bare(flush_ms)))
        }
        Scenario::Page { folder } => page::write(&folder).map(|page| print!("{page}")),
        Scenario::BareLoop { flush_ms } => baseline::serve(flush_ms),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Measures as often as asked, and tells the result.
fn measure(output: &Output, run: impl Fn() -> Result<Report, String>) -> Result<(), String> {
    let reports = (0..output.repeat).map(|_| undisturbed(output.retries, &run)).collect::<Result<Vec<_>, _>>()?;
    let Some(report) = Report::middle(reports) else { return Ok(()) };
    print!("{}", report.table());
    let Some(path) = &output.json else { return Ok(()) };
    let json = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?;
    std::fs::write(path, json + "\n").map_err(|error| format!("{} cannot be written: {error}", path.display()))
}

/// Measures again while other programs disturb.
fn undisturbed(retries: u8, run: impl Fn() -> Result<Report, String>) -> Result<Report, String> {
    let mut report = run()?;
    for _ in 0..retries {
        if !report.warnings.iter().any(|warning| warning.starts_with(DISTURBED)) {
            break;
        }
        eprintln!("  other programs disturbed; waiting until they are quiet, to measure again");
        process::wait_until_quiet(QUIET, QUIET_TIMEOUT);
        report = run()?;
    }
    Ok(report)
}
