//! `banter doctor`: looks at what the server needs, and says what to do about what is wrong.
//!
//! Run it where the server runs, with the settings of the server. It changes nothing, and the server may run beside it.

mod checks;
mod public;

use crate::bootstrap;
use crate::cli::{Failure, say};
use crate::config::Config;
use std::fmt;
use std::path::Path;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Ok,
    /// The server works, but not as well as it could.
    Warning,
    /// Something does not work.
    Error,
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    /// What was looked at.
    pub subject: String,
    /// What was seen, and, unless it is well, what to do.
    pub words: String,
}

impl Finding {
    fn new(severity: Severity, subject: impl Into<String>, words: impl Into<String>) -> Finding {
        Finding { severity, subject: subject.into(), words: words.into() }
    }

    /// It is well.
    pub fn ok(subject: impl Into<String>, words: impl Into<String>) -> Finding {
        Finding::new(Severity::Ok, subject, words)
    }

    /// It works, but not well.
    pub fn warning(subject: impl Into<String>, words: impl Into<String>) -> Finding {
        Finding::new(Severity::Warning, subject, words)
    }

    /// It does not work.
    pub fn error(subject: impl Into<String>, words: impl Into<String>) -> Finding {
        Finding::new(Severity::Error, subject, words)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Ok => "ok",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        // An answer of somebody else may hold several lines.
        let words = self.words.split_whitespace().collect::<Vec<_>>().join(" ");
        write!(f, "{severity:<7}  {}: {words}", self.subject)
    }
}

/// Looks at everything, a line on stdout for each thing as soon as it is known; fails when something does not work.
pub async fn run(config: &Config) -> Result<(), Failure> {
    let mut errors = 0;
    let mut report = |findings: Vec<Finding>| {
        errors += findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        findings.iter().try_for_each(|finding| say(&finding.to_string()))
    };
    report(database(config).await)?;
    report(bus(config).await)?;
    report(machine(config))?;
    report(public::check(config).await)?;
    match errors {
        0 => Ok(()),
        1 => Err(Failure::Failed("1 thing does not work".to_owned())),
        _ => Err(Failure::Failed(format!("{errors} things do not work"))),
    }
}

async fn database(config: &Config) -> Vec<Finding> {
    match bootstrap::inspect_database(config).await {
        Ok(info) => checks::database(info.as_ref()),
        Err(words) => {
            vec![Finding::error("database", format!("{words}; check DATABASE_URL and that the database runs"))]
        }
    }
}

async fn bus(config: &Config) -> Vec<Finding> {
    if !config.is_clustered() {
        return vec![Finding::ok("bus", "not needed by one node (NATS_URL is not set)")];
    }
    match bootstrap::inspect_bus(config).await {
        Ok(info) => checks::bus(info.as_ref()),
        Err(words) => vec![Finding::error("bus", words)],
    }
}

fn machine(config: &Config) -> Vec<Finding> {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    let mut findings = vec![checks::files(files, config.limits.caps.all)];
    let database = config.database();
    let folder = match database.strip_prefix("sqlite:") {
        Some(file) => Path::new(file).parent().unwrap_or(&config.data_dir),
        None => &config.data_dir,
    };
    // It may be made at the first start: then its parent says how much room there is.
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    if let Ok(disk) = rustix::fs::statvfs(there) {
        findings.push(checks::disk(folder, disk.f_bavail.saturating_mul(disk.f_frsize)));
    }
    findings
}
