//! What came out of a plan, and whether it may be believed.

use crate::report::Report;
use crate::stats::{Latencies, Summary};
use crate::workload::send::Sent;
use crate::workload::watch::Watched;
use crate::workload::{Plan, Spent};

/// The generator's threads must leave this much of their core unused.
const BUSY: f64 = 0.9;

/// The schedule may slip by this much at its 99th percentile, in ms.
const SLIP: f64 = 5.0;

/// The share of a core that other programs may use.
const OTHERS: f64 = 0.1;

/// How the doubt begins that only more cores would settle.
const SATURATED: &str = "the generator was saturated";

/// How the doubt begins that another time may settle.
pub const DISTURBED: &str = "other programs used";

/// What came out of a plan.
pub struct Outcome {
    /// Messages.
    pub sent: Sent,
    /// From the intended time to each viewer, over all rooms.
    pub latency: Summary,
    /// The same by class of room; the count comes first.
    pub classes: Vec<(u64, Summary)>,
    /// Messages received by viewers within the window.
    pub delivered: u64,
    /// Messages in one read, on average: how many shared a flush, as seen from outside.
    pub per_read: f64,
    /// Messages that viewers never got, and how many viewers lost some.
    pub lost: (u64, usize),
    /// Messages out of order.
    pub late: u64,
    /// Messages that came again.
    pub doubled: u64,
    /// Viewers that were told to begin anew.
    pub resets: u64,
    /// Viewers and senders that the server closed.
    pub closed: usize,
    /// What was spent in the window.
    pub spent: Spent,
    /// What is wrong with the numbers.
    pub warnings: Vec<String>,
}

impl Outcome {
    pub(super) fn new(plan: &Plan, sent: Sent, watched: Vec<Watched>, spent: Spent) -> Outcome {
        let mut classes = vec![Latencies::default(); plan.classes];
        let mut all = Latencies::default();
        for (class, latencies) in watched.iter().flat_map(|watched| watched.latencies.iter().enumerate()) {
            classes[class].add(latencies);
            all.add(latencies);
        }
        let sum = |count: fn(&Watched) -> u64| watched.iter().map(count).sum::<u64>();
        let (delivered, reads) = (sum(|w| w.delivered), sum(|w| w.reads));
        let closed = watched.iter().map(|w| w.closed.0).sum::<usize>() + sent.closed;
        let mut outcome = Outcome {
            latency: all.summary(),
            classes: classes.iter().map(|class| (class.count(), class.summary())).collect(),
            delivered,
            per_read: delivered as f64 / (reads.max(1)) as f64,
            lost: (sum(|w| w.lost), watched.iter().map(|w| w.losers).sum()),
            late: sum(|w| w.late),
            doubled: sum(|w| w.doubled),
            resets: sum(|w| w.resets),
            closed,
            spent,
            warnings: Vec::new(),
            sent,
        };
        outcome.doubt(&watched);
        outcome
    }

    /// Looks for reasons not to believe the numbers.
    fn doubt(&mut self, watched: &[Watched]) {
        let slip = self.sent.slip.summary().p99;
        if slip > SLIP {
            self.warnings.push(format!(
                "{SATURATED}: its schedule slipped by {slip:.1} ms at p99, so this is not the server's limit"
            ));
        }
        let busiest = watched.iter().map(|w| w.share).fold(self.sent.share, f64::max);
        if busiest > BUSY {
            self.warnings.push(format!(
                "{SATURATED}: a thread of it used {:.0} % of a core, so this is not the server's limit",
                busiest * 100.0
            ));
        }
        self.warnings.extend(others(&self.spent));
        let Sent { sent, acked, refused, refusal, .. } = &self.sent;
        if acked < sent {
            let refusal = refusal.as_deref().map(|text| format!("; one answer was {text}")).unwrap_or_default();
            self.warnings.push(format!("of {sent} messages {acked} were acknowledged and {refused} refused{refusal}"));
        }
        if let Some(reason) = watched.iter().find_map(|w| w.closed.1.as_deref()) {
            self.warnings.push(format!("{} connections were closed: {reason}", self.closed));
        }
    }

    /// Whether everything that was sent reached everybody, once and in order, and soon enough.
    pub fn held(&self, p99_below: f64) -> bool {
        let Outcome { sent, lost, late, doubled, resets, closed, latency, .. } = self;
        let whole = lost.0 + late + doubled + resets == 0 && *closed == 0;
        whole && !sent.abandoned && sent.acked == sent.sent && latency.p99 < p99_below
    }

    /// Why something else than the server may be to blame.
    pub fn doubts(&self) -> Option<&str> {
        let other = |warning: &&String| warning.starts_with(SATURATED) || warning.starts_with(DISTURBED);
        self.warnings.iter().find(other).map(String::as_str)
    }

    /// Server CPU per delivery, in µs.
    pub fn cpu_per_delivery(&self) -> Option<f64> {
        Some(self.spent.server?.as_secs_f64() * 1e6 / (self.delivered.max(1)) as f64)
    }

    /// Writes it down.
    pub fn report(&self, report: &mut Report) {
        let time = self.spent.time.as_secs_f64();
        report.figure("deliveries", self.delivered as f64 / time, "/s");
        report.figure("messages_per_read", self.per_read, "");
        report.latency("latency", self.latency);
        report.latency("ack", self.sent.acks.summary());
        report.figure("lost", self.lost.0 as f64, "");
        report.figure("viewers_with_losses", self.lost.1 as f64, "");
        report.figure("out_of_order", self.late as f64, "");
        report.figure("duplicates", self.doubled as f64, "");
        report.figure("resets", self.resets as f64, "");
        report.figure("sent", self.sent.sent as f64, "");
        report.figure("acknowledged", self.sent.acked as f64, "");
        if let Some(cpu) = self.cpu_per_delivery() {
            report.figure("server_cpu_per_delivery", cpu, "µs");
        }
        spent(&self.spent, report);
        report.figure("generator_schedule_slip_p99", self.sent.slip.summary().p99, "ms");
        report.warnings.extend(self.warnings.iter().cloned());
    }
}

/// What a server and the rest of the machine spent.
pub fn spent(spent: &Spent, report: &mut Report) {
    let time = spent.time.as_secs_f64();
    if let Some(server) = spent.server {
        report.figure("server_cpu", server.as_secs_f64() / time, "cores");
    }
    if let Some(others) = spent.others {
        let name = if spent.database { "database_and_other_programs_cpu" } else { "other_programs_cpu" };
        report.figure(name, others.as_secs_f64() / time, "cores");
    }
    if let Some(rss) = spent.rss {
        report.figure("server_rss", rss as f64 / 1024.0 / 1024.0, "MiB");
    }
}

/// A doubt about what else the machine did.
pub fn others(spent: &Spent) -> Option<String> {
    let share = spent.others?.as_secs_f64() / spent.time.as_secs_f64();
    let disturbed = share > OTHERS && !spent.database;
    disturbed.then(|| format!("{DISTURBED} {:.0} % of a core meanwhile", share * 100.0))
}
