//! `mixed`: many rooms, a few large and most small, as on a real site; whether the large ones slow the small ones down.

use crate::connections::Connections;
use crate::report::{Progress, Report};
use crate::scenario::fanout::rate;
use crate::scenario::gather;
use crate::server::{Server, Target};
use crate::setup::{self, Setup};
use crate::workload::{self, Outcome, Plan, Room};
use std::time::Duration;

/// Classes of rooms by their viewers: up to so many. The room that becomes hot is one of its own.
const CLASSES: [(usize, &str); 5] =
    [(10, "to_10"), (100, "to_100"), (1000, "to_1000"), (usize::MAX, "above_1000"), (0, "the_hot_room")];

/// The class of the room that becomes hot.
const HOT: usize = CLASSES.len() - 1;

/// How many rooms, how many people, how much they say.
#[derive(Clone, Debug, clap::Args)]
pub struct Mixed {
    /// Rooms; their sizes follow Zipf's law, the second half as large as the first, the third a third
    #[arg(long, default_value_t = 200)]
    rooms: usize,

    /// Viewers of all rooms together
    #[arg(long, default_value_t = 3000)]
    viewers: usize,

    /// Guests that write, each in all rooms
    #[arg(long, default_value_t = 64)]
    senders: usize,

    /// Messages a second over all rooms, in proportion to their viewers
    #[arg(long, default_value_t = 200.0, value_parser = rate)]
    rate: f64,

    /// Further messages a second in the largest room, in a second measurement right after one without: whether the others
    /// feel it. 0 leaves that out
    #[arg(long, default_value_t = 0.0)]
    hot_rate: f64,

    /// The length of each text
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(16..=500))]
    bytes: u64,

    /// How long is measured, in seconds
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,

    /// What is sent before that, in seconds
    #[arg(long, default_value_t = 2.0)]
    warmup: f64,
}

impl Mixed {
    /// The usual case, for so long.
    pub fn of(seconds: f64) -> Mixed {
        Mixed { rooms: 200, viewers: 3000, senders: 64, rate: 200.0, hot_rate: 0.0, bytes: 100, seconds, warmup: 2.0 }
    }
}

/// Measures it.
pub fn run(options: &Mixed, target: &Target) -> Result<Report, String> {
    let Mixed { rooms, viewers, senders, rate, hot_rate, .. } = *options;
    let hot = if hot_rate > 0.0 { format!(" and {hot_rate} more in the largest") } else { String::new() };
    let title = format!("{rooms} rooms, {viewers} viewers, {senders} senders, {rate} messages/s{hot}");
    let progress = Progress::begin(&title);
    let mut report = Report::new(title);

    let server = target.reach()?;
    let setup = Setup::new(&server);
    let uids = setup.rooms(rooms)?;
    let sizes = zipf(viewers, rooms);
    let senders = setup.senders(senders)?;
    let entries = uids.iter().zip(&sizes).enumerate();
    let entries = entries.flat_map(|(tag, (uid, size))| setup::viewers(*size, uid, tag)).collect();
    let (mut watchers, mut senders) = gather(&server, entries, senders, 1, &progress)?;

    let everybody: usize = sizes.iter().sum();
    let rooms = uids.into_iter().zip(&sizes).enumerate().map(|(number, (uid, size))| {
        let class = CLASSES.iter().position(|(most, _)| size <= most).unwrap_or(HOT);
        let class = if number == 0 && hot_rate > 0.0 { HOT } else { class };
        Room { uid, class, rate: rate * *size as f64 / everybody as f64 }
    });
    let mut rooms: Vec<Room> = rooms.collect();
    let calm = measure(options, &server, rooms.clone(), 0, &mut watchers, &mut senders, &progress)?;
    classes(&calm, "", &mut report);
    let outcome = if hot_rate > 0.0 {
        progress.say(format!("now {hot_rate} messages/s more in the largest room"));
        rooms[0].rate += hot_rate;
        let hot = measure(options, &server, rooms, calm.sent.sent, &mut watchers, &mut senders, &progress)?;
        classes(&hot, "_while_hot", &mut report);
        report.figure("p99_raised_at_most_by", raised(&calm, &hot), "ms");
        report.warnings.extend(calm.warnings.iter().map(|warning| format!("without the hot room: {warning}")));
        hot
    } else {
        calm
    };
    outcome.report(&mut report);
    Ok(report)
}

fn measure(
    options: &Mixed,
    server: &Server,
    rooms: Vec<Room>,
    first: u64,
    watchers: &mut [Connections],
    senders: &mut Connections,
    progress: &Progress,
) -> Result<Outcome, String> {
    let times = [options.warmup, options.seconds].map(Duration::from_secs_f64);
    let bytes = usize::try_from(options.bytes).unwrap_or(usize::MAX);
    let mut plan = Plan::new(rooms, bytes, times[0], times[1]);
    plan.first = first;
    workload::run(&plan, server, watchers, senders, progress)
}

fn classes(outcome: &Outcome, when: &str, report: &mut Report) {
    for ((count, latency), (_, name)) in outcome.classes.iter().zip(CLASSES) {
        if *count > 0 {
            report.figure(&format!("rooms_{name}_deliveries{when}"), *count as f64, "");
            report.figure(&format!("rooms_{name}_p50{when}"), latency.p50, "ms");
            report.figure(&format!("rooms_{name}_p99{when}"), latency.p99, "ms");
            report.figure(&format!("rooms_{name}_max{when}"), latency.max, "ms");
        }
    }
}

/// By how much the p99 of any class of rooms but the hot one went up, at the most.
fn raised(calm: &Outcome, hot: &Outcome) -> f64 {
    let others = calm.classes.iter().zip(&hot.classes).take(HOT);
    let both = others.filter(|((calm, _), (hot, _))| *calm > 0 && *hot > 0);
    both.map(|((_, calm), (_, hot))| hot.p99 - calm.p99).fold(f64::NEG_INFINITY, f64::max)
}

/// Sizes that fall as 1, 1/2, 1/3 … and add up to about `viewers`; nobody's room is empty.
fn zipf(viewers: usize, rooms: usize) -> Vec<usize> {
    let sum: f64 = (1..=rooms).map(|rank| 1.0 / rank as f64).sum();
    (1..=rooms).map(|rank| ((viewers as f64 / rank as f64 / sum).round() as usize).max(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_fall_as_zipf_says_and_no_room_is_empty() {
        let sizes = zipf(3000, 200);
        let all: usize = sizes.iter().sum();
        assert!((2900..3100).contains(&all), "{all}");
        assert!(sizes.is_sorted_by(|a, b| a >= b) && sizes[199] >= 1);
        assert!(sizes[0].abs_diff(2 * sizes[1]) <= 2);
    }
}
