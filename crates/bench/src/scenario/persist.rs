//! `persist`: acknowledged messages a second, nobody watching. Closed loop: every sender keeps a few unanswered.

use crate::connections::Connections;
use crate::process;
use crate::report::{Progress, Report, count};
use crate::scenario::enter;
use crate::server::Target;
use crate::setup::Setup;
use crate::stats::Latencies;
use crate::wire::event::{self, Event};
use crate::workload::template::{FIRST_ID, MessageTemplate};
use crate::workload::{Sample, outcome};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long answers may take after the last message.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Who writes where.
#[derive(Clone, Debug, clap::Args)]
pub struct Persist {
    /// Rooms that are written to in turn
    #[arg(long, default_value_t = 1)]
    rooms: usize,

    /// Guests that write
    #[arg(long, default_value_t = 256)]
    senders: usize,

    /// Messages that each sender has unanswered
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..))]
    in_flight: u16,

    /// The length of each text
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(16..=500))]
    bytes: u64,

    /// How long is measured, in seconds
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,

    /// What is written before that, in seconds
    #[arg(long, default_value_t = 2.0)]
    warmup: f64,
}

impl Persist {
    /// Into so many rooms.
    pub fn of(rooms: usize, seconds: f64) -> Persist {
        // Until each node has read each room.
        let warmup = if rooms > 1 { 15.0 } else { 2.0 };
        Persist { rooms, senders: 256, in_flight: 4, bytes: 100, seconds, warmup }
    }
}

/// Who sends, and what came back.
struct Desk {
    templates: Vec<MessageTemplate>,
    /// When the unanswered messages of each sender were sent, oldest first: a socket is answered in order.
    unanswered: Vec<VecDeque<Instant>>,
    /// How many messages of a sender are to be replaced by new ones.
    free: Vec<usize>,
    /// Distinct seqs acknowledged in each room, and the highest of them.
    rooms: Vec<(i64, i64)>,
    sent: u64,
    refusal: Option<String>,
    refused: u64,
    measured: Latencies,
    counts: bool,
}

/// Measures it.
pub fn run(options: &Persist, target: &Target) -> Result<Report, String> {
    let Persist { rooms, senders, in_flight, bytes, seconds, warmup } = *options;
    let database = if target.is_postgres() { "PostgreSQL" } else { "SQLite" };
    let (in_rooms, by) = (count(rooms, "room"), count(senders, "sender"));
    let title = format!("{database}, {in_rooms}, {by} with {in_flight} in flight, {bytes} bytes, {seconds} s");
    let progress = Progress::begin(&title);
    let mut report = Report::new(title);

    let server = target.reach()?;
    let sync = server.sync_time();
    let setup = Setup::new(&server);
    let uids = setup.rooms(rooms)?;
    let mut connections = enter(&server, setup.senders(senders)?, "senders are in", &progress)?;
    let mut desk = Desk::new(&uids, senders, usize::try_from(bytes).unwrap_or(usize::MAX), usize::from(in_flight));

    desk.work(&mut connections, Duration::from_secs_f64(warmup), &progress)?;
    desk.counts = true;
    let (start, cpu) = (Sample::take(&server), process::thread_cpu());
    desk.work(&mut connections, Duration::from_secs_f64(seconds), &progress)?;
    let spent = start.spent_until(&Sample::take(&server));
    let share = process::thread_cpu().saturating_sub(cpu).as_secs_f64() / spent.time.as_secs_f64();
    desk.counts = false;
    desk.finish(&mut connections)?;

    let acked = desk.measured.count();
    report.figure("acknowledged", acked as f64 / spent.time.as_secs_f64(), "messages/s");
    report.latency("ack", desk.measured.summary());
    if let Some(cpu) = spent.server {
        report.figure("server_cpu_per_message", cpu.as_secs_f64() * 1e6 / acked.max(1) as f64, "µs");
    }
    if let Some(sync) = sync {
        report.figure("one_write_to_the_disk", sync.as_secs_f64() * 1000.0, "ms");
    }
    let answered: i64 = desk.rooms.iter().map(|(count, _)| count).sum();
    let written: i64 = desk.rooms.iter().map(|(_, head)| head).sum();
    report.figure("unaccounted", (written - answered) as f64, "");
    report.figure("refused", desk.refused as f64, "");
    outcome::spent(&spent, &mut report);
    if share > 0.9 {
        let share = share * 100.0;
        report.warnings.push(format!("the generator was saturated: it used {share:.0} % of a core"));
    }
    report.warnings.extend(outcome::others(&spent));
    report.warnings.extend(desk.refusal.map(|refusal| format!("a message was refused: {refusal}")));
    report.warnings.extend(connections.complaint().map(|why| format!("a connection was closed: {why}")));
    Ok(report)
}

impl Desk {
    fn new(rooms: &[String], senders: usize, bytes: usize, in_flight: usize) -> Desk {
        Desk {
            templates: rooms.iter().map(|room| MessageTemplate::new(room, bytes)).collect(),
            unanswered: vec![VecDeque::new(); senders],
            free: vec![in_flight; senders],
            rooms: vec![(0, 0); rooms.len()],
            sent: 0,
            refusal: None,
            refused: 0,
            measured: Latencies::default(),
            counts: false,
        }
    }

    /// Keeps everybody writing, for so long.
    fn work(&mut self, connections: &mut Connections, time: Duration, progress: &Progress) -> Result<(), String> {
        let (end, mut next) = (Instant::now() + time, Instant::now() + Duration::from_secs(1));
        let mut waiting: Vec<usize> = (0..self.free.len()).collect();
        while Instant::now() < end {
            for sender in waiting.drain(..) {
                while self.free[sender] > 0 {
                    self.free[sender] -= 1;
                    self.send(connections, sender);
                }
            }
            let turned = connections.turn(Some(Duration::from_millis(50)), &mut |link, event, now| {
                if self.on_event(link.tag(), event, now) {
                    self.free[link.tag()] += 1;
                    waiting.push(link.tag());
                }
            });
            turned.map_err(|error| error.to_string())?;
            if Instant::now() >= next {
                next += Duration::from_secs(1);
                let acked: i64 = self.rooms.iter().map(|(count, _)| count).sum();
                progress.say(format!("{} sent, {acked} acknowledged", self.sent));
            }
        }
        Ok(())
    }

    fn send(&mut self, connections: &mut Connections, sender: usize) {
        let room = self.room(self.sent);
        let frame = self.templates[room].write(self.sent, 0);
        connections.link(sender).send(frame);
        self.unanswered[sender].push_back(Instant::now());
        self.sent += 1;
    }

    fn room(&self, number: u64) -> usize {
        usize::try_from(number % self.templates.len() as u64).unwrap_or(0)
    }

    /// Whether it was an answer.
    fn on_event(&mut self, sender: usize, event: Event<'_>, now: Instant) -> bool {
        match event {
            Event::Ack { id, payload } => {
                let number = u64::try_from(id).unwrap_or(0).saturating_sub(FIRST_ID);
                let room = self.room(number);
                let seq = event::number(payload, br#""seq":"#).unwrap_or(0);
                let (count, head) = &mut self.rooms[room];
                *count += 1;
                *head = seq.max(*head);
            }
            Event::Error { payload, .. } => {
                self.refused += 1;
                self.refusal.get_or_insert_with(|| String::from_utf8_lossy(payload).into_owned());
            }
            _ => return false,
        }
        if let Some(sent) = self.unanswered[sender].pop_front().filter(|_| self.counts) {
            self.measured.record(now - sent);
        }
        true
    }

    /// Waits for what is unanswered.
    fn finish(&mut self, connections: &mut Connections) -> Result<(), String> {
        let begin = Instant::now();
        while self.unanswered.iter().any(|sent| !sent.is_empty()) && begin.elapsed() < ANSWER_TIMEOUT {
            let turned = connections.turn(Some(Duration::from_millis(50)), &mut |link, event, now| {
                self.on_event(link.tag(), event, now);
            });
            turned.map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}
