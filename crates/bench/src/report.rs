//! What is told: progress while it runs, a table at the end, and the same as JSON.

use crate::process::Machine;
use crate::stats::{self, Summary};
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::time::Instant;

/// A number with its name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figure {
    /// What it is.
    pub name: String,
    /// The number.
    pub value: f64,
    /// What it counts.
    pub unit: String,
}

/// The result of a scenario.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// What was done, for people.
    pub title: String,
    /// The command that repeats it.
    pub command: String,
    /// The numbers.
    pub figures: Vec<Figure>,
    /// Why they may be wrong.
    pub warnings: Vec<String>,
    /// Where.
    pub machine: Machine,
}

impl Report {
    /// Nothing yet.
    pub fn new(title: String) -> Report {
        Report { title, command: command(), figures: Vec::new(), warnings: Vec::new(), machine: Machine::this() }
    }

    /// One more number.
    pub fn figure(&mut self, name: &str, value: f64, unit: &str) {
        self.figures.push(Figure { name: name.to_owned(), value, unit: unit.to_owned() });
    }

    /// The numbers of a latency.
    pub fn latency(&mut self, name: &str, summary: Summary) {
        let Summary { p50, p90, p99, p999, max } = summary;
        for (quantile, value) in [("p50", p50), ("p90", p90), ("p99", p99), ("p99.9", p999), ("max", max)] {
            self.figure(&format!("{name}_{quantile}"), value, "ms");
        }
    }

    /// A number by its name.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.figures.iter().find(|figure| figure.name == name).map(|figure| figure.value)
    }

    /// Several runs of the same as one: of each figure the median, but the worst of what must be zero.
    pub fn middle(reports: Vec<Report>) -> Option<Report> {
        let mut merged = reports.first()?.clone();
        for figure in &mut merged.figures {
            let values: Vec<f64> = reports.iter().filter_map(|report| report.value(&figure.name)).collect();
            let must_be_zero = ["lost", "viewers_with_losses", "out_of_order", "duplicates", "resets", "unaccounted"];
            figure.value = if must_be_zero.contains(&figure.name.as_str()) {
                values.into_iter().fold(0.0, f64::max)
            } else {
                stats::median(values)
            };
        }
        if reports.len() > 1 {
            merged.title = format!("{}, median of {}", merged.title, reports.len());
        }
        // One doubt of a kind, whatever its numbers.
        let kind = |warning: &String| warning.split(|c: char| c.is_ascii_digit()).next().unwrap_or_default().to_owned();
        merged.warnings = reports.into_iter().flat_map(|report| report.warnings).collect();
        merged.warnings.sort();
        merged.warnings.dedup_by_key(|warning| kind(warning));
        Some(merged)
    }

    /// For people.
    pub fn table(&self) -> String {
        let mut text = format!("{}\n", self.title);
        let width = self.figures.iter().map(|figure| figure.name.len()).max().unwrap_or(0);
        for Figure { name, value, unit } in &self.figures {
            let _ = writeln!(text, "  {:width$}  {:>12} {unit}", name.replace('_', " "), short(*value));
        }
        for warning in &self.warnings {
            let _ = writeln!(text, "  DOUBT: {warning}");
        }
        text
    }
}

/// So many of them, in words.
pub fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("one {what}") } else { format!("{number} {what}s") }
}

/// A number in as many digits as it deserves, thousands apart.
pub fn short(value: f64) -> String {
    let decimals = match value.abs() {
        whole if whole.fract() == 0.0 => 0,
        large if large >= 100.0 => 0,
        middle if middle >= 10.0 => 1,
        small if small >= 0.1 => 2,
        _ => 4,
    };
    let text = format!("{value:.decimals$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (at, digit) in whole.char_indices() {
        if at > 0 && (whole.len() - at) % 3 == 0 && whole.len() > 4 && !grouped.ends_with('-') {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped + rest
}

/// The command as somebody else would type it: without addresses and folders of this machine.
fn command() -> String {
    let mut words = vec!["banter-bench".to_owned()];
    let mut arguments = std::env::args().skip(1);
    while let Some(word) = arguments.next() {
        let flag = word.split('=').next().unwrap_or_default().to_owned();
        let (is_private, is_shown) = match flag.as_str() {
            "--json" | "--server" | "--data" | "--retries" => (true, false),
            "--database-url" | "--url" | "--pid" => (true, true),
            _ => (false, true),
        };
        if is_shown {
            words.push(if is_private { format!("{flag} …") } else { word.clone() });
        }
        if is_private && !word.contains('=') {
            arguments.next();
        }
    }
    words.join(" ")
}

/// Says on stderr how it goes.
pub struct Progress {
    begun: Instant,
}

impl Progress {
    /// From now on.
    pub fn begin(what: &str) -> Progress {
        eprintln!("{what}");
        Progress { begun: Instant::now() }
    }

    /// A line.
    pub fn say(&self, line: impl AsRef<str>) {
        eprintln!("  [{:6.1}] {}", self.begun.elapsed().as_secs_f64(), line.as_ref());
    }

    /// Something that tells how many of `total` are done, now and then.
    pub fn counter<'a>(&'a self, total: usize, what: &'a str) -> impl FnMut(usize) + 'a {
        let mut next = Instant::now() + std::time::Duration::from_millis(500);
        move |done| {
            if Instant::now() >= next {
                next = Instant::now() + std::time::Duration::from_millis(500);
                self.say(format!("{done} of {total} {what}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_readable() {
        for (value, text) in [
            (0.0, "0"),
            (0.0042, "0.0042"),
            (0.5, "0.50"),
            (12.345, "12.3"),
            (146.7, "147"),
            (9999.0, "9999"),
            (20_000.0, "20 000"),
            (1_234_567.8, "1 234 568"),
            (-45_678.0, "-45 678"),
        ] {
            assert_eq!(short(value), text);
        }
    }

    #[test]
    fn the_median_of_runs_hides_no_loss() {
        let run = |latency: f64, lost: f64| {
            let mut report = Report::new("run".to_owned());
            report.figure("latency_p99", latency, "ms");
            report.figure("lost", lost, "");
            report
        };
        let merged = Report::middle(vec![run(3.0, 0.0), run(9.0, 2.0), run(4.0, 0.0)]).unwrap();
        assert_eq!((merged.value("latency_p99"), merged.value("lost")), (Some(4.0), Some(2.0)));
        assert_eq!(merged.title, "run, median of 3");
    }
}
