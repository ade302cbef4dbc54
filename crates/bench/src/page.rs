//! docs/performance.md out of the JSON reports of one run of scripts/bench.
//!
//! A report `NAME.json` stands beside what the machine itself can do, measured in the same run: `NAME.bare.json`, the bare
//! loop frame by frame, and `NAME.flush.json`, the same with frames gathered for 5 ms.

use crate::report::{Report, short};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

type Reports = BTreeMap<String, Report>;

/// A table: which reports, and which figures of them.
struct Table {
    title: &'static str,
    prefix: &'static str,
    /// A figure, what it is called, and how many digits its unit needs.
    figures: &'static [(&'static str, &'static str)],
}

const TABLES: &[Table] = &[
    Table {
        title: "One room, many viewers, a fixed rate",
        prefix: "fanout-",
        figures: &[
            ("deliveries", "deliveries a second"),
            ("server_cpu_per_delivery", "server CPU per delivery, µs"),
            ("messages_per_read", "messages in one read"),
            ("latency_p50", "latency p50, ms"),
            ("latency_p99", "latency p99, ms"),
            ("latency_p99.9", "latency p99.9, ms"),
            ("lost", "lost"),
            ("out_of_order", "out of order"),
            ("duplicates", "duplicates"),
        ],
    },
    Table {
        title: "Idle connections",
        prefix: "connect-",
        figures: &[
            ("rss_per_connection", "memory (RSS) per connection, KiB"),
            ("pss_per_connection", "memory (PSS) per connection, KiB"),
            ("server_cpu", "server CPU while idle, cores"),
            ("server_cpu_per_connect", "server CPU per connection that comes in, µs"),
        ],
    },
    Table {
        title: "All cut, all back",
        prefix: "storm-",
        figures: &[
            ("resumed_within", "all resumed within, s"),
            ("server_cpu_per_resume", "server CPU per resumed connection, µs"),
            ("lost", "lost"),
            ("duplicates", "duplicates"),
        ],
    },
    Table {
        title: "Acknowledged messages",
        prefix: "persist-",
        figures: &[
            ("acknowledged", "acknowledged a second"),
            ("ack_p50", "acknowledgement p50, ms"),
            ("ack_p99", "acknowledgement p99, ms"),
            ("server_cpu_per_message", "server CPU per message, µs"),
            ("one_write_to_the_disk", "one small write to this disk, ms"),
            ("unaccounted", "acknowledged and not counted by seq"),
        ],
    },
    Table {
        title: "Many rooms, and one that becomes hot",
        prefix: "mixed-",
        figures: &[
            ("rooms_to_10_p99", "p99 in rooms of up to 10, ms"),
            ("rooms_to_10_p99_while_hot", "the same beside the hot room, ms"),
            ("rooms_to_100_p99", "p99 in rooms of up to 100, ms"),
            ("rooms_to_100_p99_while_hot", "the same beside the hot room, ms"),
            ("rooms_to_1000_p99", "p99 in rooms of up to 1000, ms"),
            ("rooms_to_1000_p99_while_hot", "the same beside the hot room, ms"),
            ("p99_raised_at_most_by", "raised by the hot room at most by, ms"),
            ("lost", "lost"),
        ],
    },
    Table {
        title: "Pages of a long history",
        prefix: "history-",
        figures: &[
            ("newest_1000000_p99", "newest page of 1 000 000 p99, ms"),
            ("random_1000000_p99", "any page of 1 000 000 p99, ms"),
            ("random_1000000_inside_p99_at_most", "the same inside the server, at most, ms"),
            ("random_1000000_inside_below_5_ms", "below 5 ms inside the server, %"),
            ("newest_10000000_p99", "newest page of 10 000 000 p99, ms"),
            ("random_10000000_p99", "any page of 10 000 000 p99, ms"),
            ("random_10000000_inside_p99_at_most", "the same inside the server, at most, ms"),
            ("random_10000000_inside_below_5_ms", "below 5 ms inside the server, %"),
        ],
    },
    Table {
        title: "Connections that come and go",
        prefix: "churn-",
        figures: &[
            ("came_and_went", "connections that came and went"),
            ("files_before", "files before"),
            ("files_at_most", "files at most"),
            ("files_after", "files after"),
            ("sockets_after", "sockets after, one of them the sender's"),
            ("threads_before", "threads before"),
            ("threads_after", "threads after"),
            ("memory_before", "memory (RSS) before, MiB"),
            ("memory_at_most", "memory at most, MiB"),
            ("memory_after", "memory after, MiB"),
            ("server_cpu", "server CPU, cores"),
            ("lost", "lost"),
        ],
    },
];

/// What `just bench` leaves out.
const MORE: &str = "\
## What takes longer\n\n\
`banter-bench --help` and `banter-bench SCENARIO --help` have everything; `just bench` leaves out:\n\n\
- `banter-bench churn --seconds 1800`: 200 connections a second come and go while messages flow; whether files, sockets,\n  \
threads and memory of the server return to where they began.\n\
- `banter-bench history --messages 1000000,10000000`: pages of a long history, the newest and any others, seen by a client and\n  \
by the server's own metrics. It writes the messages straight into the tables, with `sqlite3` or `psql`.\n\
- `banter-bench mixed --hot-rate 500`: many rooms without and then with a hot one among them; whether the others feel it.\n\
- `banter-bench fanout --max`: the highest rate without loss and with p99 below 250 ms.\n";

/// How to read the numbers; the same every time.
const READING: &str = "\
Server and generator share the machine, so the generator's work is part of every latency; its CPU is not part of the\n\
server's. Latency counts from the moment at which a message was *meant* to be sent to its receipt by each viewer, every\n\
message being committed to disk before it is delivered. CPU is the server process's user and system time, a database server's\n\
own not counted. “Machine's limit” is a bare epoll loop in a process of its own, measured by the same client in the same way:\n\
it writes a prepared frame to each viewer, stores nothing and checks nothing; once frame by frame, once with the messages of\n\
5 ms in one write. “Lost” is every acknowledged message that a viewer did not get live, also one that a `reset` passed over.\n";

/// The page.
pub fn write(folder: &Path) -> Result<String, String> {
    let reports = read(folder)?;
    let machine = reports.values().next().ok_or("there are no reports in the folder")?.machine.clone();
    let mut page = "# Performance\n\nWritten by `just bench`; other machines give other numbers.\n\n".to_owned();
    let _ = writeln!(
        page,
        "{}: {} cores ({}), {:.0} GiB of memory, Linux {}.\n\n{READING}",
        today(),
        machine.cores,
        if machine.processor.is_empty() { "of unknown make" } else { &machine.processor },
        machine.memory,
        machine.kernel
    );
    for table in TABLES {
        let rows: Vec<_> =
            reports.iter().filter(|(name, _)| name.starts_with(table.prefix) && !name.contains('.')).collect();
        if !rows.is_empty() {
            let _ = writeln!(page, "## {}\n", table.title);
        }
        for (name, report) in rows {
            let limits = ["bare", "flush"].map(|kind| reports.get(&format!("{name}.{kind}")));
            write_table(&mut page, table, report, limits);
        }
    }
    page.push_str(MORE);
    Ok(page)
}

fn write_table(page: &mut String, table: &Table, report: &Report, [bare, flush]: [Option<&Report>; 2]) {
    let _ = writeln!(page, "**{}**: `{}`\n", report.title, report.command);
    let (mut head, mut line) = ("| | Banter |".to_owned(), "|---|---:|".to_owned());
    for (name, limit) in [("machine's limit", bare), ("gathered 5 ms", flush)] {
        if limit.is_some() {
            let _ = write!(head, " {name} | ratio |");
            line.push_str("---:|---:|");
        }
    }
    let _ = writeln!(page, "{head}\n{line}");
    for (figure, name) in table.figures {
        let Some(value) = report.value(figure) else { continue };
        let _ = write!(page, "| {name} | {} |", short(value));
        for limit in [bare, flush].into_iter().flatten() {
            match limit.value(figure) {
                Some(best) if best > 0.0 => {
                    let _ = write!(page, " {} | {} |", short(best), short(value / best));
                }
                Some(best) => {
                    let _ = write!(page, " {} | |", short(best));
                }
                None => page.push_str(" | |"),
            }
        }
        page.push('\n');
    }
    page.push('\n');
    for warning in &report.warnings {
        let _ = writeln!(page, "Doubt: {warning}.\n");
    }
}

fn read(folder: &Path) -> Result<Reports, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", folder.display());
    let mut reports = Reports::new();
    for entry in fs::read_dir(folder).map_err(|error| failed(&error))? {
        let path = entry.map_err(|error| failed(&error))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let Some(name) = name.strip_suffix(".json") else { continue };
        let text = fs::read(&path).map_err(|error| failed(&error))?;
        let report = serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        reports.insert(name.to_owned(), report);
    }
    Ok(reports)
}

/// Today's date in UTC.
fn today() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let (year, month, day) = date(i64::try_from(now.as_secs() / 86_400).unwrap_or(0));
    format!("{year}-{month:02}-{day:02}")
}

/// The date of a day after 1970-01-01, in the calendar whose year begins in March so that leap days come last.
fn date(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_dates() {
        for (day, expected) in
            [(0, (1970, 1, 1)), (59, (1970, 3, 1)), (11_016, (2000, 2, 29)), (20_779, (2026, 11, 22))]
        {
            assert_eq!(date(day), expected);
        }
    }

    #[test]
    fn a_page_sets_each_figure_beside_the_machines_own() {
        let folder = tempfile::tempdir().unwrap();
        for (name, cpu) in [("fanout-200x100", 6.0), ("fanout-200x100.bare", 4.0)] {
            let mut report = Report::new("one room".to_owned());
            report.figure("server_cpu_per_delivery", cpu, "µs");
            let json = serde_json::to_vec(&report).unwrap();
            fs::write(folder.path().join(format!("{name}.json")), json).unwrap();
        }
        let page = write(folder.path()).unwrap();
        assert!(page.contains("| server CPU per delivery, µs | 6 | 4 | 1.50 |"), "{page}");
        assert!(page.contains("## One room, many viewers") && !page.contains("## Idle"), "{page}");
        assert!(write(tempfile::tempdir().unwrap().path()).is_err());
    }
}
