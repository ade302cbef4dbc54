//! `fanout`: one room, many viewers, a fixed rate. And the highest rate that a server holds.

use crate::connections::Connections;
use crate::report::{Progress, Report, short};
use crate::scenario::{fill, gather};
use crate::server::{Server, Target};
use crate::setup::{Arrival, Setup};
use crate::workload::{self, Outcome, Plan, Room};
use std::time::Duration;

/// Beyond this the receipt is no longer live, in ms: where the search for the highest rate ends.
const LIVE: f64 = 250.0;

/// How often a rate is tried that other programs may have spoiled.
const ATTEMPTS: usize = 3;

/// The search ends when it knows the highest rate to this factor.
const PRECISION: f64 = 1.08;

/// What is sent to whom.
#[derive(Clone, Debug, clap::Args)]
pub struct Fanout {
    /// Sockets that watch the room, nobody in particular
    #[arg(long, default_value_t = 1000)]
    viewers: usize,

    /// Guests that write, on sockets of their own that do not watch
    #[arg(long, default_value_t = 8)]
    senders: usize,

    /// Messages a second, of all senders together
    #[arg(long, default_value_t = 100.0, value_parser = rate)]
    rate: f64,

    /// The length of each text
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(16..=500))]
    bytes: u64,

    /// How long is measured, in seconds
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,

    /// What is sent before that, in seconds
    #[arg(long, default_value_t = 2.0)]
    warmup: f64,

    /// Threads that read
    #[arg(long, default_value_t = 1)]
    threads: usize,

    /// Messages that each sender has unanswered at most; later ones wait. 0: as many as are due
    #[arg(long, value_name = "N", default_value_t = 0)]
    in_flight: u64,

    #[command(flatten)]
    arrival: Arrival,

    /// Look for the highest rate without loss and with p99 below 250 ms, from --rate upwards
    #[arg(long)]
    max: bool,
}

impl Fanout {
    /// One room in which `viewers` who are logged in find 50 messages.
    pub fn of(viewers: usize, rate: f64, seconds: f64) -> Fanout {
        let arrival = Arrival { logged_in: true, history: 50 };
        let (senders, bytes, warmup, threads) = (8, 100, 2.0, 1);
        Fanout { viewers, senders, rate, bytes, seconds, warmup, threads, in_flight: 0, arrival, max: false }
    }
}

/// A rate that can be sent.
pub fn rate(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|rate: &f64| *rate > 0.0 && rate.is_finite()).ok_or("is no positive number".to_owned())
}

/// Those who take part, and the messages they have sent so far.
struct Stage<'a> {
    options: &'a Fanout,
    server: &'a Server,
    room: String,
    watchers: Vec<Connections>,
    senders: Connections,
    sent: u64,
}

/// Measures it.
pub fn run(options: &Fanout, target: &Target) -> Result<Report, String> {
    let Fanout { viewers, senders, rate, bytes, seconds, arrival, .. } = *options;
    let bare = match (target.bare, target.flush_ms) {
        (false, _) => String::new(),
        (true, 0) => "bare loop, frame by frame: ".to_owned(),
        (true, flush) => format!("bare loop, {flush} ms flush: "),
    };
    let pace = if options.max { "the highest rate".to_owned() } else { format!("{rate} messages/s, {seconds} s") };
    let title =
        format!("{bare}one room, {viewers} viewers{}, {senders} senders, {bytes} bytes, {pace}", arrival.title());
    let progress = Progress::begin(&title);
    let mut report = Report::new(title);

    let server = target.reach()?;
    let setup = Setup::new(&server);
    let room = setup.rooms(1)?.remove(0);
    let senders = setup.senders(senders)?;
    fill(&server, &setup, std::slice::from_ref(&room), arrival, &progress)?;
    let entries = setup.viewers(viewers, &room, 0, arrival)?;
    let before = server.usage();
    let (watchers, senders) = gather(&server, entries, senders, options.threads, &progress)?;
    let joined = server.usage();
    let mut stage = Stage { options, server: &server, room, watchers, senders, sent: 0 };
    let outcome = if options.max {
        let (rate, outcome) = stage.highest(&progress)?;
        report.figure("highest_rate", rate, "messages/s");
        outcome
    } else {
        stage.trial(rate, options.warmup, seconds, None, &progress)?
    };
    outcome.report(&mut report);
    if let Some((before, joined)) = before.zip(joined) {
        let each = joined.rss.saturating_sub(before.rss) as f64 / viewers.max(1) as f64;
        report.figure("rss_per_viewer_after_join", each / 1024.0, "KiB");
    }
    Ok(report)
}

impl Stage<'_> {
    fn trial(
        &mut self,
        rate: f64,
        warmup: f64,
        seconds: f64,
        give_up: Option<f64>,
        progress: &Progress,
    ) -> Result<Outcome, String> {
        let room = Room { uid: self.room.clone(), class: 0, rate };
        let bytes = usize::try_from(self.options.bytes).unwrap_or(usize::MAX);
        let times = [warmup, seconds].map(Duration::from_secs_f64);
        let mut plan = Plan::new(vec![room], bytes, times[0], times[1]);
        plan.first = self.sent;
        plan.give_up = give_up;
        plan.in_flight = self.options.in_flight;
        let outcome = workload::run(&plan, self.server, &mut self.watchers, &mut self.senders, progress)?;
        self.sent += outcome.sent.sent;
        Ok(outcome)
    }

    /// The highest rate that held, and what was measured at it.
    fn highest(&mut self, progress: &Progress) -> Result<(f64, Outcome), String> {
        let (mut rate, mut best, mut failed) = (self.options.rate, None, f64::INFINITY);
        loop {
            let outcome = self.attempt(rate, progress)?;
            if outcome.held(LIVE) {
                best = Some((rate, outcome));
            } else {
                failed = rate;
            }
            let low = best.as_ref().map(|(rate, _)| *rate);
            rate = match low {
                Some(low) if failed / low < PRECISION => break,
                Some(low) if failed.is_finite() => (low * failed).sqrt(),
                Some(low) => low * 2.0,
                None if failed < 1.0 => break,
                None => failed / 2.0,
            };
        }
        best.ok_or_else(|| "no rate held, not even one message a second".to_owned())
    }

    /// One rate; again when it did not hold and something else may be to blame.
    fn attempt(&mut self, rate: f64, progress: &Progress) -> Result<Outcome, String> {
        let mut attempts = ATTEMPTS;
        loop {
            attempts -= 1;
            progress.say(format!("trying {} messages/s", short(rate)));
            let outcome = self.trial(rate, 1.0, self.options.seconds.min(4.0), Some(0.5), progress)?;
            let held = outcome.held(LIVE);
            let doubts = outcome.doubts();
            progress.say(format!(
                "{}: p99 {} ms, {} deliveries/s, {} resets, {} lost{}",
                if held { "held" } else { "not held" },
                short(outcome.latency.p99),
                short(outcome.delivered as f64 / outcome.spent.time.as_secs_f64()),
                outcome.resets,
                outcome.lost.0,
                doubts.map(|doubt| format!("; {doubt}")).unwrap_or_default(),
            ));
            if held || doubts.is_none() || attempts == 0 {
                return Ok(outcome);
            }
        }
    }
}
