//! A thread that watches: it reads everything, and keeps account of every viewer.

use crate::connections::Connections;
use crate::stats::Latencies;
use crate::wire::event::Event;
use crate::workload::{Plan, ShareOfCore, Shared, Window};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long nothing may come, after all answers are in, before what is missing counts as lost. Longer than the time that
/// the server takes to find by itself that something was not told (2 s).
const QUIET: Duration = Duration::from_secs(5);

/// What a thread's viewers saw.
pub struct Watched {
    /// From the intended time to the receipt by each viewer, by class of room, for messages of the window.
    pub latencies: Vec<Latencies>,
    /// Messages received within the window.
    pub delivered: u64,
    /// Reads within the window.
    pub reads: u64,
    /// Messages that viewers never got.
    pub lost: u64,
    /// How many viewers lost some.
    pub losers: usize,
    /// Messages out of order.
    pub late: u64,
    /// Messages that came again.
    pub doubled: u64,
    /// Viewers that were told to begin anew.
    pub resets: u64,
    /// Viewers that the server closed, and why one was.
    pub closed: (usize, Option<String>),
    /// The share of a core that the thread used.
    pub share: f64,
}

/// Watches until every viewer has everything that was acknowledged, or nothing comes any more.
pub fn watch(plan: &Plan, shared: &Shared, connections: &mut Connections) -> Result<Watched, String> {
    let window = Window::of(plan);
    let mut share = ShareOfCore::new(window);
    let mut latencies = vec![Latencies::default(); plan.classes];
    let mut delivered = 0;
    let reads = |connections: &Connections| connections.links().iter().map(|link| link.reads).sum::<u64>();
    let (mut reads_before, mut reads_in) = (None, None);
    let mut told: Vec<_> =
        connections.links().iter().map(|link| (link.cursor.late, link.cursor.doubled, link.resets)).collect();
    let mut last = Instant::now();
    loop {
        let mut heard = 0;
        let turned = connections.turn(Some(Duration::from_millis(20)), &mut |link, event, now| {
            let Event::Message { seq, stamp } = event else { return };
            heard += 1;
            link.cursor.see(seq);
            let nanos = shared.nanos(now);
            delivered += u64::from(window.contains(nanos));
            if let Some(stamp) = stamp.filter(|stamp| window.contains(*stamp)) {
                latencies[plan.rooms[link.tag()].class].record(Duration::from_nanos(nanos.saturating_sub(stamp)));
            }
        });
        turned.map_err(|error| format!("watching failed: {error}"))?;
        shared.delivered.fetch_add(heard, Ordering::Relaxed);
        let now = Instant::now();
        let nanos = shared.nanos(now);
        share.look(nanos);
        if reads_before.is_none() && nanos >= window.from {
            reads_before = Some(reads(connections));
        }
        if reads_in.is_none() && nanos >= window.to {
            reads_in = reads_before.map(|before| reads(connections) - before);
        }
        if heard > 0 {
            last = now;
        }
        if shared.settled.load(Ordering::Acquire) && (heard == 0 || now - last > QUIET) {
            let complete = connections.links().iter().all(|link| {
                link.closed().is_some() || link.cursor.head >= shared.heads[link.tag()].load(Ordering::Relaxed)
            });
            if complete || now - last > QUIET {
                break;
            }
        }
    }
    share.look(window.to);
    // What a later plan is told must not hold what an earlier one already was.
    let mut watched = Watched {
        latencies,
        delivered,
        reads: reads_in.or_else(|| Some(reads(connections) - reads_before?)).unwrap_or_default(),
        lost: 0,
        losers: 0,
        late: 0,
        doubled: 0,
        resets: 0,
        closed: (connections.closed(), connections.complaint()),
        share: share.share.unwrap_or(0.0),
    };
    for (number, (late, doubled, resets)) in told.drain(..).enumerate() {
        let link = connections.link(number);
        let head = shared.heads[link.tag()].load(Ordering::Relaxed);
        let lost = link.cursor.lost(head);
        watched.lost += lost;
        watched.losers += usize::from(lost > 0);
        watched.late += link.cursor.late - late;
        watched.doubled += link.cursor.doubled - doubled;
        watched.resets += link.resets - resets;
        link.cursor.forgive(head);
    }
    Ok(watched)
}
