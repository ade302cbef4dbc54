//! `history`: pages of a room with very many messages, the newest and any others; how long one takes, and whether that grows.

use crate::fill::fill;
use crate::metrics::Metrics;
use crate::report::{Progress, Report};
use crate::server::Target;
use crate::setup::Setup;
use crate::stats::Latencies;
use crate::workload::{Sample, outcome};
use serde_json::Value;
use std::time::{Duration, Instant};

/// What the pages are counted under in the metrics.
const ROUTE: &str = "/rooms/{uid}/messages";

/// Messages of a page.
const PAGE: u64 = 50;

/// Where the random places begin, the same in every run.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// How much there is, and how much of it is asked for.
#[derive(Clone, Debug, clap::Args)]
pub struct History {
    /// Messages in the room, ascending by comma: each size is measured, and the room then grows to the next
    #[arg(long, default_value = "1000000", value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1000..))]
    messages: Vec<u64>,

    /// Pages asked for at each size, as many at random places as newest ones
    #[arg(long, default_value_t = 5000)]
    pages: usize,

    /// People who wrote the messages
    #[arg(long, default_value_t = 200)]
    authors: usize,
}

/// One client on one connection.
struct Reader {
    agent: ureq::Agent,
    page: String,
}

impl Reader {
    /// Reads a page that must be a full one.
    fn read(&self, before: Option<u64>) -> Result<Duration, String> {
        let before = before.map(|seq| format!("&before={seq}")).unwrap_or_default();
        let failed = |error: ureq::Error| format!("a page could not be read: {error}");
        let begin = Instant::now();
        let answer = self.agent.get(format!("{}?limit={PAGE}{before}", self.page)).call().map_err(failed)?;
        let text = answer.into_body().read_to_string().map_err(failed)?;
        let took = begin.elapsed();
        let page: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        let count = page["messages"].as_array().map_or(0, Vec::len) as u64;
        if count == PAGE { Ok(took) } else { Err(format!("a page has {count} messages")) }
    }
}

/// Measures it.
pub fn run(options: &History, target: &Target) -> Result<Report, String> {
    let History { messages, pages, authors } = options;
    let sizes = messages.iter().map(u64::to_string).collect::<Vec<_>>().join(", then ");
    let database = if target.is_postgres() { "PostgreSQL" } else { "SQLite" };
    let title = format!("{database}, pages of {PAGE} in a room of {sizes} messages, one connection");
    let progress = Progress::begin(&title);
    let mut report = Report::new(title);

    let server = target.reach()?;
    let (Some(database), Some(metrics)) = (&server.database_url, Metrics::of(&server)) else {
        return Err(
            "this fills the database behind the server's back: it measures only servers that it starts".to_owned()
        );
    };
    let setup = Setup::new(&server);
    let (room, people) = (setup.rooms(1)?.remove(0), setup.people(*authors)?);
    let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(20))).build();
    let reader = Reader { agent: config.into(), page: format!("{}/rooms/{room}/messages", server.url) };

    let mut there = 0;
    let mut worst: Vec<f64> = Vec::new();
    for size in messages {
        let begin = Instant::now();
        fill(database, &room, &people, (there, *size), |count| {
            if count % 1_000_000 == 0 {
                progress.say(format!("{count} of {size} messages are written"));
            }
        })?;
        there = *size;
        progress.say(format!("{size} messages, after {:.0} s", begin.elapsed().as_secs_f64()));
        let mut random = SEED;
        // The first pages of all open connections and compile statements.
        for _ in 0..100 {
            reader.read(None)?;
        }
        let start = Sample::take(&server);
        for (kind, newest) in [("newest", true), ("random", false)] {
            let (before, mut latencies) = (metrics.requests(ROUTE)?, Latencies::default());
            for _ in 0..*pages {
                latencies.record(reader.read((!newest).then(|| place(&mut random, *size)))?);
            }
            let inside = metrics.requests(ROUTE)?.since(&before);
            let summary = latencies.summary();
            let name = format!("{kind}_{size}");
            report.figure(&format!("{name}_p50"), summary.p50, "ms");
            report.figure(&format!("{name}_p99"), summary.p99, "ms");
            report.figure(&format!("{name}_max"), summary.max, "ms");
            report.figure(&format!("{name}_inside_mean"), inside.mean(), "ms");
            report.figure(&format!("{name}_inside_p99_at_most"), inside.p99_at_most(), "ms");
            report.figure(&format!("{name}_inside_below_5_ms"), inside.percent_below(0.005), "%");
            worst.push(summary.p99);
        }
        report.warnings.extend(outcome::others(&start.spent_until(&Sample::take(&server))));
    }
    if let [newest, random, .., newest_last, random_last] = worst[..]
        && messages.len() > 1
    {
        report.figure("newest_grew_by", newest_last / newest, "times");
        report.figure("random_grew_by", random_last / random, "times");
    }
    Ok(report)
}

/// The next of some random places (xorshift), far enough from the beginning for a full page.
fn place(random: &mut u64, size: u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    PAGE + 1 + *random % (size - PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_anywhere_and_leave_room_for_a_page() {
        let (mut random, mut thirds) = (SEED, [0; 3]);
        for _ in 0..3000 {
            let at = place(&mut random, 999);
            assert!((PAGE + 1..=999).contains(&at), "{at}");
            thirds[usize::try_from(at * 3 / 1000).unwrap()] += 1;
        }
        assert!(thirds.iter().all(|count| *count > 800), "{thirds:?}");
    }
}
