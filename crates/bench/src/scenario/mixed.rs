//! `mixed`: many rooms, a few large and most small, as on a real site; whether the large ones slow the small ones down.

use crate::drive::{self, Plan, Room};
use crate::report::{Progress, Report};
use crate::scenario::fanout::rate;
use crate::scenario::gather;
use crate::server::Target;
use crate::setup::{self, Setup};
use std::time::Duration;

/// Classes of rooms by their viewers: up to so many.
const CLASSES: [(usize, &str); 4] = [(10, "to_10"), (100, "to_100"), (1000, "to_1000"), (usize::MAX, "above_1000")];

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

    /// Further messages a second in the largest room: whether the others feel it
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
        let share = rate * *size as f64 / everybody as f64;
        let class = CLASSES.iter().position(|(most, _)| size <= most).unwrap_or(CLASSES.len() - 1);
        Room { uid, class, rate: if number == 0 { share + hot_rate } else { share } }
    });
    let times = [options.warmup, options.seconds].map(Duration::from_secs_f64);
    let bytes = usize::try_from(options.bytes).unwrap_or(usize::MAX);
    let plan = Plan::new(rooms.collect(), bytes, times[0], times[1]);
    let outcome = drive::carry_out(&plan, &server, &mut watchers, &mut senders, &progress)?;
    for ((count, latency), (_, name)) in outcome.classes.iter().zip(CLASSES) {
        if *count > 0 {
            report.figure(&format!("rooms_{name}_deliveries"), *count as f64, "");
            report.figure(&format!("rooms_{name}_p50"), latency.p50, "ms");
            report.figure(&format!("rooms_{name}_p99"), latency.p99, "ms");
            report.figure(&format!("rooms_{name}_max"), latency.max, "ms");
        }
    }
    outcome.report(&mut report);
    Ok(report)
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
