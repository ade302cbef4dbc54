//! One measurement with a fixed schedule: some send, some watch, and one looks on.
//!
//! The schedule is open-loop: a message is sent when its time has come, however slow the server is, and its latency counts
//! from that time. Who waited for answers before sending on would measure how patient it is (“coordinated omission”).

pub mod outcome;
mod send;
pub mod template;
mod watch;

use crate::connections::Connections;
use crate::process::{self, Usage};
use crate::report::Progress;
use crate::server::Server;
pub use outcome::Outcome;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use template::MessageTemplate;

/// A room and how much is said in it.
#[derive(Clone, Debug)]
pub struct Room {
    /// Its uid.
    pub uid: String,
    /// Which latencies its messages count among.
    pub class: usize,
    /// Messages a second.
    pub rate: f64,
}

/// What shall happen.
pub struct Plan {
    rooms: Vec<Room>,
    /// The sum of the rates up to each room.
    cumulative: Vec<f64>,
    /// How many classes of rooms.
    pub classes: usize,
    /// The length of each text.
    pub bytes: usize,
    /// What is sent before the measurement begins.
    pub warmup: Duration,
    /// How long is measured.
    pub window: Duration,
    /// The number of the first message: no two of a server's life may be the same.
    pub first: u64,
    /// Stop when this much of a second's messages is unanswered: the server cannot keep up, and more would prove nothing.
    pub give_up: Option<f64>,
    /// How many messages each sender has unanswered at most; 0 for any number.
    pub in_flight: u64,
}

impl Plan {
    /// A plan for these rooms.
    pub fn new(rooms: Vec<Room>, bytes: usize, warmup: Duration, window: Duration) -> Plan {
        let cumulative = rooms.iter().scan(0.0, |sum, room| {
            *sum += room.rate;
            Some(*sum)
        });
        let cumulative = cumulative.collect();
        let classes = rooms.iter().map(|room| room.class + 1).max().unwrap_or(1);
        Plan { rooms, cumulative, classes, bytes, warmup, window, first: 0, give_up: None, in_flight: 0 }
    }

    /// Messages a second over all rooms.
    pub fn rate(&self) -> f64 {
        self.cumulative.last().copied().unwrap_or(0.0)
    }

    /// How many messages are sent in all.
    fn total(&self) -> u64 {
        ((self.warmup + self.window).as_secs_f64() * self.rate()).round() as u64
    }

    /// When the message of this number is sent, after the beginning.
    fn due(&self, number: u64) -> Duration {
        Duration::from_secs_f64(number as f64 / self.rate())
    }

    /// The room that the message of this number is for: spread evenly by the rates, the same in every run.
    fn room(&self, number: u64) -> usize {
        const GOLDEN: f64 = 0.618_033_988_749_894_9;
        let place = (number as f64 * GOLDEN).fract() * self.rate();
        self.cumulative.partition_point(|sum| *sum <= place).min(self.rooms.len() - 1)
    }

    fn templates(&self) -> Vec<MessageTemplate> {
        self.rooms.iter().map(|room| MessageTemplate::new(&room.uid, self.bytes)).collect()
    }
}

/// What the threads tell each other.
struct Shared {
    /// When the first message is due.
    start: Instant,
    sent: AtomicU64,
    acked: AtomicU64,
    refused: AtomicU64,
    delivered: AtomicU64,
    /// The highest acknowledged seq of each room.
    heads: Vec<AtomicI64>,
    /// All answers are in, and `heads` are final.
    settled: AtomicBool,
}

impl Shared {
    fn new(rooms: usize) -> Shared {
        Shared {
            // A moment for all threads to begin.
            start: Instant::now() + Duration::from_millis(50),
            sent: AtomicU64::new(0),
            acked: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            heads: (0..rooms).map(|_| AtomicI64::new(0)).collect(),
            settled: AtomicBool::new(false),
        }
    }

    /// How long after the beginning, in nanoseconds; zero before it.
    fn nanos(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.start).as_nanos()).unwrap_or(u64::MAX)
    }
}

/// The time in which things count, in nanoseconds after the beginning.
#[derive(Clone, Copy)]
struct Window {
    from: u64,
    to: u64,
}

impl Window {
    fn of(plan: &Plan) -> Window {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Window { from: nanos(plan.warmup), to: nanos(plan.warmup + plan.window) }
    }

    fn contains(self, nanos: u64) -> bool {
        (self.from..self.to).contains(&nanos)
    }
}

/// A thread's share of a core within the window.
struct ShareOfCore {
    window: Window,
    begun: Option<(u64, Duration)>,
    share: Option<f64>,
}

impl ShareOfCore {
    fn new(window: Window) -> ShareOfCore {
        ShareOfCore { window, begun: None, share: None }
    }

    /// Called often, by the thread itself.
    fn look(&mut self, nanos: u64) {
        match self.begun {
            None if nanos >= self.window.from => self.begun = Some((nanos, process::thread_cpu())),
            Some((at, cpu)) if self.share.is_none() && nanos >= self.window.to => {
                let spent = process::thread_cpu().saturating_sub(cpu);
                self.share = Some(spent.as_secs_f64() / Duration::from_nanos(nanos - at).as_secs_f64());
            }
            _ => {}
        }
    }
}

/// What the server and the rest of the machine spent in the window.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    /// The server's time on CPUs, when its process is known.
    pub server: Option<Duration>,
    /// The server's memory at the end.
    pub rss: Option<u64>,
    /// The time on CPUs of what is neither the server nor this program.
    pub others: Option<Duration>,
    /// Whether a database server may be among the others.
    pub database: bool,
    /// How long it was.
    pub time: Duration,
}

/// A look at all clocks at one moment.
pub struct Sample {
    server: Option<Usage>,
    own: Option<Usage>,
    busy: Option<Duration>,
    database: bool,
    at: Instant,
}

impl Sample {
    /// Now.
    pub fn take(server: &Server) -> Sample {
        Sample {
            server: server.usage(),
            own: process::usage(std::process::id()),
            busy: process::machine_busy(),
            database: server.has_database,
            at: Instant::now(),
        }
    }

    /// The server's memory at that moment.
    pub fn rss(&self) -> Option<u64> {
        Some(self.server?.rss)
    }

    /// What was spent from then to now.
    pub fn spent_until(&self, end: &Sample) -> Spent {
        let cpu = |from: Option<Usage>, to: Option<Usage>| Some(to?.cpu.saturating_sub(from?.cpu));
        let server = cpu(self.server, end.server);
        let own = cpu(self.own, end.own).unwrap_or_default();
        let busy = end.busy.zip(self.busy).map(|(end, start)| end.saturating_sub(start));
        Spent {
            server,
            rss: end.server.map(|usage| usage.rss),
            others: busy.zip(server).map(|(busy, server)| busy.saturating_sub(server + own)),
            database: self.database,
            time: end.at - self.at,
        }
    }
}

/// Carries a plan out. Every thread of watchers has connections of its own.
pub fn run(
    plan: &Plan,
    server: &Server,
    watchers: &mut [Connections],
    senders: &mut Connections,
    progress: &Progress,
) -> Result<Outcome, String> {
    let shared = Shared::new(plan.rooms.len());
    std::thread::scope(|scope| {
        let shared = &shared;
        let watching: Vec<_> = watchers
            .iter_mut()
            .map(|connections| scope.spawn(move || watch::watch(plan, shared, connections)))
            .collect();
        let sending = scope.spawn(move || send::send(plan, shared, senders));
        let spent = supervise(plan, server, shared, progress, || sending.is_finished());
        let lost = |_| "a thread of the generator ended by itself".to_owned();
        let sent = sending.join().map_err(lost)?;
        // Whatever became of the senders, those who watch must not wait for ever.
        shared.settled.store(true, Ordering::Release);
        let watched = watching.into_iter().map(|thread| thread.join().map_err(lost)?).collect::<Result<Vec<_>, _>>()?;
        Ok(Outcome::new(plan, sent?, watched, spent))
    })
}

/// Says each second how it goes, and looks at the clocks at both ends of the window.
fn supervise(plan: &Plan, server: &Server, shared: &Shared, progress: &Progress, is_over: impl Fn() -> bool) -> Spent {
    let wait_until = |time: Instant| {
        while Instant::now() < time && !is_over() {
            let left = time.saturating_duration_since(Instant::now());
            std::thread::sleep(left.min(Duration::from_millis(100)));
        }
    };
    let (begin, end) = (shared.start + plan.warmup, shared.start + plan.warmup + plan.window);
    wait_until(begin);
    let first = Sample::take(server);
    let mut next = begin;
    while next < end && !is_over() {
        next = end.min(next + Duration::from_secs(1));
        wait_until(next);
        let [sent, acked, delivered] =
            [&shared.sent, &shared.acked, &shared.delivered].map(|count| count.load(Ordering::Relaxed));
        let second = (Instant::now() - begin).as_secs_f64();
        progress.say(format!("{second:.0} s: {sent} sent, {acked} acknowledged, {delivered} delivered"));
    }
    let spent = first.spent_until(&Sample::take(server));
    while !is_over() {
        std::thread::sleep(Duration::from_millis(20));
    }
    spent
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(rates: &[f64]) -> Plan {
        let rooms = rates.iter().map(|rate| Room { uid: "abcDEF012345".to_owned(), class: 0, rate: *rate });
        Plan::new(rooms.collect(), 100, Duration::from_secs(1), Duration::from_secs(4))
    }

    #[test]
    fn messages_are_due_at_an_even_pace() {
        let plan = plan(&[30.0, 70.0]);
        assert_eq!(plan.total(), 500);
        assert_eq!(plan.due(0), Duration::ZERO);
        assert_eq!(plan.due(250), Duration::from_millis(2500));
    }

    #[test]
    fn rooms_get_messages_in_proportion_to_their_rates() {
        let plan = plan(&[60.0, 30.0, 9.0, 1.0]);
        let mut counts = [0; 4];
        (0..10_000).for_each(|number| counts[plan.room(number)] += 1);
        for (count, expected) in counts.into_iter().zip([6000, 3000, 900, 100]) {
            assert!(i32::abs(count - expected) <= 5, "{counts:?}");
        }
    }
}
