//! `cluster`: the other scenarios over several nodes with NATS between them, beside one node alone on the same PostgreSQL.

use crate::report::{Progress, Report};
use crate::scenario::fanout::{self, Fanout};
use crate::scenario::mixed::{self, Mixed};
use crate::scenario::persist::{self, Persist};
use crate::scenario::storm::{self, Storm};
use crate::server::Target;

/// How much is measured.
#[derive(Clone, Debug, clap::Args)]
pub struct Cluster {
    /// Viewers of the one room of `fanout`
    #[arg(long, default_value_t = 1000)]
    viewers: usize,

    /// Messages a second there
    #[arg(long, default_value_t = 100.0, value_parser = fanout::rate)]
    rate: f64,

    /// Connections that are cut and come back
    #[arg(long, default_value_t = 2000)]
    connections: usize,

    /// How long each scenario is measured, in seconds
    #[arg(long, default_value_t = 8.0)]
    seconds: f64,
}

/// A scenario, and those of its figures that are compared.
type Part<'a> = (&'static str, &'static [&'static str], Box<dyn Fn(&Target) -> Result<Report, String> + 'a>);

/// Measures it: each scenario with one node, then with all.
pub fn run(options: &Cluster, target: &Target) -> Result<Report, String> {
    let Cluster { viewers, rate, connections, seconds } = *options;
    if target.nodes < 2 {
        return Err("a cluster has at least two nodes: --nodes 3".to_owned());
    }
    let title = format!("{} nodes beside one, on one PostgreSQL", target.nodes);
    let progress = Progress::begin(&title);
    let mut report = Report::new(title);
    let parts: [Part<'_>; 5] = [
        (
            "fanout",
            &["server_cpu_per_delivery", "latency_p50", "latency_p99", "lost", "out_of_order", "duplicates"],
            Box::new(move |target| fanout::run(&Fanout::of(viewers, rate, seconds), target)),
        ),
        (
            "one_room",
            &["acknowledged", "ack_p50", "ack_p99", "unaccounted"],
            Box::new(move |target| persist::run(&Persist::of(1, seconds), target)),
        ),
        (
            "1000_rooms",
            &["acknowledged", "ack_p50", "ack_p99", "unaccounted"],
            Box::new(move |target| persist::run(&Persist::of(1000, seconds), target)),
        ),
        (
            "storm",
            &["server_cpu_per_resume", "resumed_within", "lost", "duplicates", "resets"],
            Box::new(move |target| storm::run(&Storm::of(connections), target)),
        ),
        (
            "mixed",
            &["server_cpu_per_delivery", "latency_p99", "lost"],
            Box::new(move |target| mixed::run(&Mixed::of(seconds), target)),
        ),
    ];
    let alone = target.alone();
    for (name, figures, run) in parts {
        progress.say(name);
        let (one, all) = (run(&alone)?, run(target)?);
        for figure in figures {
            let Some((one, all)) = of(&one, figure).zip(of(&all, figure)) else { continue };
            report.figure(&format!("{name}_{figure}_one_node"), one.0, &one.1);
            report.figure(&format!("{name}_{figure}_all_nodes"), all.0, &all.1);
            if one.0 > 0.0 && all.0 > 0.0 {
                report.figure(&format!("{name}_{figure}_ratio"), all.0 / one.0, "times");
            }
        }
        report.warnings.extend(one.warnings);
        report.warnings.extend(all.warnings);
    }
    Ok(report)
}

/// A figure and its unit.
fn of(report: &Report, name: &str) -> Option<(f64, String)> {
    report.figures.iter().find(|figure| figure.name == name).map(|figure| (figure.value, figure.unit.clone()))
}
