//! `churn`: connections come and go while messages flow; whether what the server holds returns to where it began.

use crate::connections::Connections;
use crate::metrics::Metrics;
use crate::report::{Progress, Report};
use crate::scenario::enter;
use crate::scenario::fanout::rate;
use crate::server::{Server, Target};
use crate::setup::{self, Setup};
use crate::wire::event::{self, Event};
use crate::workload::template::MessageTemplate;
use std::time::{Duration, Instant};

/// How often it is said how it goes.
const TELL: Duration = Duration::from_secs(10);

/// How long the server may take to let go of what is gone, after all have left. What it keeps for a while on purpose is a
/// thread that waits for more work (10 s) and a connection of half a goodbye (3 s).
const SETTLE: Duration = Duration::from_secs(60);

/// Sockets, files and threads that may be more or fewer than before: connections to the database come and go with the load.
const SLACK: u64 = 12;

/// Memory may be larger than before by this factor and so many bytes: an allocator keeps some of what it has had, and the
/// caches of nine connections to SQLite fill to 2 MiB each as messages are written. In half an hour 360 000 connections come:
/// then this is 70 bytes for each.
const MEMORY: (f64, u64) = (1.1, 24 << 20);

/// How many come and go.
#[derive(Clone, Debug, clap::Args)]
pub struct Churn {
    /// Connections that come and go each second; of four that go, one says goodbye, two just hang up, and one is reset
    #[arg(long, default_value_t = 200.0, value_parser = rate)]
    per_second: f64,

    /// Connections that are there at any time; each is replaced after so many divided by --per-second seconds
    #[arg(long, default_value_t = 500)]
    connections: usize,

    /// Rooms that they are spread over
    #[arg(long, default_value_t = 10)]
    rooms: usize,

    /// Messages a second over all rooms
    #[arg(long, default_value_t = 50.0, value_parser = rate)]
    rate: f64,

    /// How long, in seconds
    #[arg(long, default_value_t = 180.0)]
    seconds: f64,

    /// How long before that, so that threads, caches and pools are there already, in seconds
    #[arg(long, default_value_t = 15.0)]
    warmup: f64,
}

/// What the server holds at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Held {
    sockets: u64,
    files: u64,
    threads: u64,
    rss: u64,
}

impl Held {
    fn of(server: &Server, metrics: &Metrics) -> Result<Held, String> {
        let unknown = "what the server holds cannot be seen: its process is not known";
        let (usage, files) = (server.usage().ok_or(unknown)?, server.open_files().ok_or(unknown)?);
        Ok(Held { sockets: metrics.sockets()?, files, threads: usage.threads, rss: usage.rss })
    }

    fn most(self, other: Held) -> Held {
        Held {
            sockets: self.sockets.max(other.sockets),
            files: self.files.max(other.files),
            threads: self.threads.max(other.threads),
            rss: self.rss.max(other.rss),
        }
    }

    /// What is more than it was `before`.
    fn left_since(self, before: Held) -> Vec<String> {
        let counts = [
            ("sockets", self.sockets, before.sockets, 0),
            ("open files", self.files, before.files, SLACK),
            ("threads", self.threads, before.threads, SLACK),
        ];
        let more = counts.into_iter().filter(|(_, now, before, slack)| *now > before + slack);
        let mut left: Vec<_> =
            more.map(|(what, now, before, _)| format!("{what} went from {before} to {now} and stayed there")).collect();
        if self.rss as f64 > before.rss as f64 * MEMORY.0 + MEMORY.1 as f64 {
            let mib = |bytes: u64| bytes as f64 / 1024.0 / 1024.0;
            left.push(format!("memory went from {:.1} to {:.1} MiB and stayed there", mib(before.rss), mib(self.rss)));
        }
        left
    }

    fn say(self) -> String {
        let Held { sockets, files, threads, rss } = self;
        format!("{sockets} sockets, {files} files, {threads} threads, {:.1} MiB", rss as f64 / 1024.0 / 1024.0)
    }
}

/// What happened in some time of churn.
#[derive(Default)]
struct Tally {
    came: u64,
    /// They went before they were let in: the server or the generator was too slow.
    too_early: u64,
    /// The server ended them.
    closed: u64,
    reason: Option<String>,
    sent: u64,
    acked: u64,
    received: u64,
    lost: u64,
    doubled: u64,
    late: u64,
    resets: u64,
    most: Held,
}

struct ChurnStage<'a> {
    options: &'a Churn,
    server: &'a Server,
    metrics: &'a Metrics,
    uids: &'a [String],
    sender: Connections,
    letters: Vec<MessageTemplate>,
    /// The number of the next message: no two of a server's life may be the same.
    number: u64,
}

/// Measures it.
pub fn run(options: &Churn, target: &Target) -> Result<Report, String> {
    let Churn { per_second, connections, rooms, rate, seconds, .. } = *options;
    let title = format!(
        "{per_second} of {connections} connections come and go each second, {rooms} rooms, {rate} messages/s, {seconds} s"
    );
    let progress = Progress::begin(&title);
    let mut report = Report::new(title);

    let server = target.reach()?;
    let metrics =
        Metrics::of(&server).ok_or("what the server holds cannot be seen without its metrics (--metrics-url)")?;
    let setup = Setup::new(&server);
    let uids = setup.rooms(rooms.max(1))?;
    let sender = enter(&server, setup.senders(1)?, "sender is in", &progress)?;
    let letters = uids.iter().map(|uid| MessageTemplate::new(uid, 100)).collect();
    let (server, metrics) = (&server, &metrics);
    let mut stage = ChurnStage { options, server, metrics, uids: &uids, sender, letters, number: 0 };

    stage.churn(Duration::from_secs_f64(options.warmup), &progress)?;
    let before = stage.settled(None)?;
    progress.say(format!("before: {}", before.say()));
    let start = server.usage().unwrap_or_default();
    let tally = stage.churn(Duration::from_secs_f64(seconds), &progress)?;
    let cpu = server.usage().unwrap_or_default().cpu.saturating_sub(start.cpu);
    let after = stage.settled(Some(before))?;
    let left = after.left_since(before);
    progress.say(format!("after: {}", after.say()));
    progress.say(if left.is_empty() { "all returned to where it began" } else { "NOT all returned to where it began" });

    for (name, held) in [("before", before), ("at_most", tally.most), ("after", after)] {
        report.figure(&format!("sockets_{name}"), held.sockets as f64, "");
        report.figure(&format!("files_{name}"), held.files as f64, "");
        report.figure(&format!("threads_{name}"), held.threads as f64, "");
        report.figure(&format!("memory_{name}"), held.rss as f64 / 1024.0 / 1024.0, "MiB");
    }
    report.figure("not_returned", left.len() as f64, "");
    report.figure("came_and_went", tally.came as f64, "");
    report.figure("went_before_they_were_in", tally.too_early as f64, "");
    report.figure("closed_by_server", tally.closed as f64, "");
    report.figure("sent", tally.sent as f64, "");
    report.figure("acknowledged", tally.acked as f64, "");
    report.figure("received", tally.received as f64, "");
    report.figure("lost", tally.lost as f64, "");
    report.figure("duplicates", tally.doubled as f64, "");
    report.figure("out_of_order", tally.late as f64, "");
    report.figure("resets", tally.resets as f64, "");
    report.figure("server_cpu", cpu.as_secs_f64() / seconds, "cores");
    report.warnings.extend(left);
    report.warnings.extend(tally.reason.map(|reason| format!("connections were closed: {reason}")));
    Ok(report)
}

impl ChurnStage<'_> {
    /// Lets connections come and go for so long. In the end all are gone.
    fn churn(&mut self, time: Duration, progress: &Progress) -> Result<Tally, String> {
        let Churn { per_second, connections, rate, .. } = *self.options;
        let failed = |error: std::io::Error| error.to_string();
        let mut sockets = Connections::new(&self.server.target).map_err(failed)?;
        let mut tally = Tally::default();
        let begin = Instant::now();
        let (mut told, mut sent) = (begin, 0);
        while begin.elapsed() < time {
            // By the clock, however long anything takes.
            let passed = begin.elapsed().as_secs_f64();
            while (tally.came as f64) < passed * per_second {
                let place = usize::try_from(tally.came).unwrap_or(0) % connections.max(1);
                self.come(&mut sockets, place, &mut tally)?;
            }
            while (sent as f64) < passed * rate {
                let room = usize::try_from(self.number).unwrap_or(0) % self.letters.len();
                let template = self.letters[room].write(self.number, 0).to_vec();
                self.sender.link(0).send(&template);
                (sent, self.number) = (sent + 1, self.number + 1);
            }
            let on_event = &mut |link: &mut crate::link::Link, event: Event<'_>, _| {
                if let Event::Message { seq, .. } = event {
                    link.cursor.see(seq);
                    tally.received += 1;
                }
            };
            sockets.turn(Some(Duration::from_millis(2)), on_event).map_err(failed)?;
            tally.acked += self.answers()?;
            if told.elapsed() > TELL {
                told = Instant::now();
                let held = Held::of(self.server, self.metrics)?;
                tally.most = tally.most.most(held);
                progress.say(format!("{passed:.0} s: {} came, {}", tally.came, held.say()));
            }
        }
        (0..sockets.links().len()).for_each(|place| tally.count(&sockets, place));
        drop(sockets);
        tally.sent = sent;
        let deadline = Instant::now() + Duration::from_secs(5);
        while tally.acked < sent && Instant::now() < deadline {
            tally.acked += self.answers()?;
        }
        Ok(tally)
    }

    /// Somebody comes, in the place of somebody who goes when all places are taken. Every other one goes on from where the
    /// one before was, as after a lost connection.
    fn come(&self, sockets: &mut Connections, place: usize, tally: &mut Tally) -> Result<(), String> {
        let number = usize::try_from(tally.came).unwrap_or(0);
        tally.came += 1;
        let tag = place % self.uids.len();
        let new = || setup::viewers(1, &self.uids[tag], tag).next().unwrap_or_default();
        if place >= sockets.links().len() {
            return sockets.begin(new());
        }
        tally.count(sockets, place);
        let round = number / self.options.connections.max(1);
        let link = sockets.link(place);
        match (place + round) % 4 {
            0 => link.leave(),
            1 => link.end_with_reset(),
            _ => {}
        }
        let returns = round.is_multiple_of(2) && link.is_ready();
        let entry = if returns { link.again_afresh() } else { new() };
        sockets.replace(place, entry)
    }

    /// How many messages were acknowledged meanwhile.
    fn answers(&mut self) -> Result<u64, String> {
        let (mut acked, mut refusal) = (0, None);
        let turned = self.sender.turn(Some(Duration::ZERO), &mut |_, event, _| match event {
            Event::Ack { payload, .. } => acked += u64::from(event::number(payload, br#""seq":"#).is_some()),
            Event::Error { payload, .. } => refusal = Some(String::from_utf8_lossy(payload).into_owned()),
            _ => {}
        });
        turned.map_err(|error| error.to_string())?;
        match refusal.or_else(|| self.sender.complaint()) {
            Some(refusal) => Err(format!("a message was refused: {refusal}")),
            None => Ok(acked),
        }
    }

    /// What the server holds when only the sender is there and it has let go of the rest: when that no longer changes, or is
    /// what it was.
    fn settled(&mut self, before: Option<Held>) -> Result<Held, String> {
        let (deadline, mut last) = (Instant::now() + SETTLE, Held::default());
        loop {
            // The sender answers pings.
            self.sender.idle(Duration::from_secs(12)).map_err(|error| error.to_string())?;
            let held = Held::of(self.server, self.metrics)?;
            let rests = Held { rss: 0, ..held } == Held { rss: 0, ..last } && held.sockets == 1;
            if before.map_or(rests, |before| held.left_since(before).is_empty()) || Instant::now() > deadline {
                return Ok(held);
            }
            last = held;
        }
    }
}

impl Tally {
    /// Adds what somebody saw who goes.
    fn count(&mut self, sockets: &Connections, place: usize) {
        let link = &sockets.links()[place];
        if let Some(reason) = link.closed() {
            self.closed += 1;
            self.reason.get_or_insert_with(|| reason.to_owned());
        } else {
            self.too_early += u64::from(!link.is_ready());
        }
        self.lost += link.cursor.lost(link.cursor.head);
        self.doubled += link.cursor.doubled;
        self.late += link.cursor.late;
        self.resets += link.resets;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_is_named_and_what_returned_is_not() {
        let before = Held { sockets: 1, files: 40, threads: 20, rss: 50 << 20 };
        let after = Held { files: 45, threads: 12, rss: 55 << 20, ..before };
        assert_eq!(after.left_since(before), Vec::<String>::new());
        let leaked = Held { sockets: 2, files: 400, threads: 90, rss: 120 << 20 };
        let left = leaked.left_since(before);
        assert_eq!(left.len(), 4, "{left:?}");
        assert!(left[0].starts_with("sockets went from 1 to 2"), "{left:?}");
    }
}
