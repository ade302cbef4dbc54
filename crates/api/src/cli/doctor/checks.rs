//! What the doctor makes of what it saw.

use crate::bootstrap::{BusInfo, DatabaseInfo};
use crate::cli::doctor::Finding;
use std::path::Path;
use std::time::Duration;

/// Clocks that differ by more make expiries and counters that are shared wrong by as much, in milliseconds. Machines that are
/// kept in time by NTP differ by a few.
const SKEW_MAX: i64 = 500;

/// A database or a bus that takes longer for one question makes every message late.
const SLOW: Duration = Duration::from_millis(20);

/// Files that are open beside sockets: the database's, listeners, logs.
const OTHER_FILES: u64 = 200;

/// Below this many bytes a disk is as good as full: the log of a busy day, and a backup of it.
const DISK_MIN: u64 = 1 << 30;

fn clock(subject: impl Into<String>, whose: &str, ahead: i64) -> Finding {
    let words = match ahead {
        0.. => format!("{ahead} ms ahead of {whose}"),
        _ => format!("{} ms behind {whose}", ahead.unsigned_abs()),
    };
    if ahead.abs() <= SKEW_MAX {
        return Finding::ok(subject, words);
    }
    Finding::warning(subject, format!("{words}; keep all clocks in time with NTP (timedatectl set-ntp true)"))
}

fn answering(subject: &str, what: &str, time: Duration) -> Finding {
    let words = format!("{what} answers in {:.1} ms", time.as_secs_f64() * 1e3);
    if time <= SLOW {
        return Finding::ok(subject, words);
    }
    Finding::warning(subject, format!("{words}; every message waits for that, so bring the two closer together"))
}

/// The database; `None` for a file that is not there yet.
pub fn database(info: Option<&DatabaseInfo>) -> Vec<Finding> {
    let Some(info) = info else {
        return vec![Finding::ok("database", "a SQLite file that is made when the server starts first")];
    };
    let mut findings = vec![answering("database", &info.version, info.answers_in)];
    let schema = &info.schema;
    findings.push(if let Some(newest) = schema.unknown.last() {
        let words = format!("a newer version of Banter wrote them (its schema is {newest}); update this program");
        Finding::error("tables", words)
    } else if schema.pending.is_empty() {
        Finding::ok("tables", "up to date")
    } else {
        let count = schema.pending.len();
        Finding::ok("tables", format!("{count} changes will be made at the next start, or by banter migrate"))
    });
    let Some(server) = &info.server else { return findings };
    if !server.unsafe_settings.is_empty() {
        let off = server.unsafe_settings.join(", ");
        findings.push(Finding::error(
            "durability",
            format!("off are {off}; a crash of PostgreSQL can lose messages, so turn them on"),
        ));
    }
    let nodes = server.connections_max / server.connections_per_node;
    let words = format!("PostgreSQL allows {}, {} for each node", server.connections_max, server.connections_per_node);
    findings.push(if nodes >= 3 {
        Finding::ok("connections", words)
    } else {
        Finding::warning(
            "connections",
            format!("{words}; raise max_connections before there are more than {nodes} nodes"),
        )
    });
    findings.push(clock("clock of the database", "this machine's", server.ahead));
    findings
}

/// The bus and the nodes on it; `None` when it cannot be reached.
pub fn bus(info: Option<&BusInfo>) -> Vec<Finding> {
    let Some(info) = info else {
        let words = "NATS cannot be reached; check NATS_URL, its user and password, and that it runs (until then nodes \
                     read each other's messages from the database, up to 2.5 s late)";
        return vec![Finding::error("bus", words)];
    };
    let mut findings = vec![answering("bus", &format!("NATS {}", info.version), info.answers_in)];
    let (taken, needed) = (info.max_payload, info.payload_needed);
    if taken < needed {
        let words = format!("NATS takes {taken} bytes; set max_payload to at least {needed}");
        findings.push(Finding::error("bus messages", words));
    }
    if info.nodes.is_empty() {
        findings.push(Finding::warning("nodes", "none is running, or NATS_PREFIX is another one here than there"));
    }
    for (name, node) in &info.nodes {
        let subject = format!("node {name}");
        let words = format!("version {}, {} connections", node.version, node.connections);
        findings.push(Finding::ok(&subject, words));
        findings.push(clock(format!("clock of {subject}"), "this machine's", node.ahead));
    }
    findings
}

/// The files that a process may open; `None` is any number.
pub fn files(limit: Option<u64>, sockets: usize) -> Finding {
    let needed = (sockets as u64).saturating_mul(2).saturating_add(OTHER_FILES);
    match limit {
        Some(limit) if sockets == usize::MAX => {
            let words = format!("{limit} may be open, enough for {} sockets", limit.saturating_sub(OTHER_FILES) / 2);
            Finding::ok("files", words)
        }
        Some(limit) if limit < needed => {
            let words = format!(
                "{limit} may be open, enough for {} of the {sockets} sockets that LIMITS allows; raise it to {needed} \
                 (systemd: LimitNOFILE={needed}, Docker: --ulimit nofile={needed})",
                limit.saturating_sub(OTHER_FILES) / 2
            );
            Finding::warning("files", words)
        }
        Some(limit) => Finding::ok("files", format!("{limit} may be open, enough for {sockets} sockets")),
        None => Finding::ok("files", "any number may be open"),
    }
}

/// The bytes that are free where DATA_DIR is.
pub fn disk(folder: &Path, free: u64) -> Finding {
    let words = format!("{:.1} GiB free at {}", free as f64 / DISK_MIN as f64, folder.display());
    if free >= DISK_MIN {
        return Finding::ok("disk", words);
    }
    Finding::warning("disk", format!("{words}; make room before messages are refused"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootstrap::{DatabaseServerInfo, SchemaStatus};
    use crate::cli::doctor::Severity;
    use domain::model::node::{Beat, NodeName};
    use domain::model::time::{Span, Timestamp};
    use domain::presence::Peers;

    fn info() -> DatabaseInfo {
        let server =
            DatabaseServerInfo { ahead: 3, connections_max: 97, connections_per_node: 13, unsafe_settings: Vec::new() };
        DatabaseInfo {
            version: "PostgreSQL 17.2".to_owned(),
            schema: SchemaStatus { applied: vec!["1".to_owned()], pending: Vec::new(), unknown: Vec::new() },
            answers_in: Duration::from_millis(1),
            server: Some(server),
        }
    }

    /// What is not well, as it is printed.
    fn complaints(findings: &[Finding]) -> Vec<String> {
        findings.iter().filter(|finding| finding.severity != Severity::Ok).map(Finding::to_string).collect()
    }

    #[test]
    fn a_database_is_well_or_the_line_says_what_to_do() {
        assert_eq!(complaints(&database(None)), Vec::<String>::new());
        assert_eq!(complaints(&database(Some(&info()))), Vec::<String>::new());
        let server = |change: fn(&mut DatabaseServerInfo)| {
            let mut info = info();
            info.server.iter_mut().for_each(change);
            info
        };
        let mut newer = info();
        newer.schema.unknown.push("99991231".to_owned());
        for (info, line) in [
            (
                DatabaseInfo { answers_in: Duration::from_millis(80), ..info() },
                "warning  database: PostgreSQL 17.2 answers in 80.0 ms; ",
            ),
            (newer, "error    tables: a newer version of Banter wrote them (its schema is 99991231); update"),
            (server(|server| server.ahead = -2_000), "warning  clock of the database: 2000 ms behind this machine's; "),
            (
                server(|server| server.connections_max = 20),
                "warning  connections: PostgreSQL allows 20, 13 for each node; raise",
            ),
            (server(|server| server.unsafe_settings.push("fsync".to_owned())), "error    durability: off are fsync; "),
        ] {
            let complaints = complaints(&database(Some(&info)));
            assert!(complaints.len() == 1 && complaints[0].starts_with(line), "{line}: {complaints:?}");
        }
    }

    #[test]
    fn a_bus_is_well_or_the_line_says_what_to_do() {
        let mut peers = Peers::default();
        for (name, clock) in [("a", 1_000), ("b", 9_000)] {
            let beat = Beat {
                node: NodeName::parse(name).unwrap(),
                incarnation: 1,
                number: 1,
                full: true,
                rooms: Vec::new(),
                connections: 4,
                version: "1.2.3".to_owned(),
                at: Timestamp(clock),
                leaving: false,
            };
            peers.hear(beat, Timestamp(0) + Span::millis(1_100));
        }
        let nodes: Vec<_> = peers.all().map(|(name, peer)| (name.clone(), peer.clone())).collect();
        let info = BusInfo {
            version: "2.10.22".to_owned(),
            max_payload: 1 << 20,
            payload_needed: 1 << 18,
            answers_in: Duration::from_millis(1),
            nodes: nodes[..1].to_vec(),
        };
        assert_eq!(complaints(&bus(Some(&info))), Vec::<String>::new());
        assert!(
            bus(Some(&info))
                .iter()
                .any(|finding| finding.to_string() == "ok       node a: version 1.2.3, 4 connections")
        );
        for (info, line) in [
            (BusInfo { nodes: Vec::new(), ..info.clone() }, "warning  nodes: none is running"),
            (BusInfo { nodes, ..info.clone() }, "warning  clock of node b: 7900 ms ahead of this machine's; "),
            (BusInfo { max_payload: 65_536, ..info }, "error    bus messages: NATS takes 65536 bytes; "),
        ] {
            let complaints = complaints(&bus(Some(&info)));
            assert!(complaints.len() == 1 && complaints[0].starts_with(line), "{line}: {complaints:?}");
        }
        assert!(complaints(&bus(None))[0].starts_with("error    bus: NATS cannot be reached; "));
    }

    #[test]
    fn files_and_disk_are_enough_or_the_line_says_how_much_is_needed() {
        assert_eq!(files(None, 15_000).severity, Severity::Ok);
        assert_eq!(files(Some(30_200), 15_000).severity, Severity::Ok);
        assert_eq!(files(Some(1_024), usize::MAX).severity, Severity::Ok);
        let few = files(Some(30_199), 15_000).to_string();
        assert!(few.starts_with("warning  files: 30199") && few.contains("LimitNOFILE=30200"), "{few}");
        assert_eq!(disk(Path::new("data"), DISK_MIN).to_string(), "ok       disk: 1.0 GiB free at data");
        assert_eq!(disk(Path::new("data"), DISK_MIN - 1).severity, Severity::Warning);
    }
}
