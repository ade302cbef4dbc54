//! The thread that sends on schedule and counts the answers.

use crate::connections::Connections;
use crate::stats::Latencies;
use crate::timer::Timer;
use crate::wire::event::{self, Event};
use crate::workload::template::FIRST_ID;
use crate::workload::{Plan, ShareOfCore, Shared, Window};
use std::io;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long answers may stand still before they are given up.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// What the sender saw.
pub struct Sent {
    /// Messages.
    pub sent: u64,
    /// Messages that were acknowledged.
    pub acked: u64,
    /// Messages that were refused.
    pub refused: u64,
    /// One of the refusals.
    pub refusal: Option<String>,
    /// From the intended time to the acknowledgement, within the window.
    pub acks: Latencies,
    /// How late messages were sent.
    pub slip: Latencies,
    /// The share of a core that the thread used.
    pub share: f64,
    /// Senders that the server closed.
    pub closed: usize,
    /// Whether the server fell so far behind that it was given up.
    pub abandoned: bool,
}

/// Sends what the plan says, and waits for all answers.
pub fn send(plan: &Plan, shared: &Shared, connections: &mut Connections) -> Result<Sent, String> {
    let failed = |error: io::Error| format!("sending failed: {error}");
    let timer = Timer::new().map_err(failed)?;
    connections.watch(&timer).map_err(failed)?;
    let window = Window::of(plan);
    let mut share = ShareOfCore::new(window);
    let (mut acks, mut slip) = (Latencies::default(), Latencies::default());
    let mut refusal = None;
    let mut on_event = |event: Event<'_>, now: Instant| match event {
        Event::Ack { id, payload } => {
            let Some(number) = posted(plan, id) else { return };
            let due = shared.start + plan.due(number - plan.first);
            if window.contains(shared.nanos(due)) {
                acks.record(now.saturating_duration_since(due));
            }
            let seq = event::number(payload, br#""seq":"#).unwrap_or(0);
            shared.heads[plan.room(number)].fetch_max(seq, Ordering::Relaxed);
            shared.acked.fetch_add(1, Ordering::Relaxed);
        }
        Event::Error { id, payload } => {
            refusal.get_or_insert_with(|| String::from_utf8_lossy(payload).into_owned());
            let counts = id.is_some_and(|id| posted(plan, id).is_some());
            shared.refused.fetch_add(u64::from(counts), Ordering::Relaxed);
        }
        _ => {}
    };
    let answered = || shared.acked.load(Ordering::Relaxed) + shared.refused.load(Ordering::Relaxed);

    let mut templates = plan.templates();
    let people = connections.links().len();
    let total = plan.total();
    let (mut number, mut abandoned) = (0, false);
    while number < total && !abandoned {
        let now = Instant::now();
        share.look(shared.nanos(now));
        let due = shared.start + plan.due(number);
        if let Some(early) = due.checked_duration_since(now).filter(|early| !early.is_zero()) {
            timer.ring_in(early).map_err(failed)?;
            connections.turn(None, &mut |_, event, now| on_event(event, now)).map_err(failed)?;
            continue;
        }
        if plan.in_flight > 0 && number.saturating_sub(answered()) >= plan.in_flight * people as u64 {
            connections
                .turn(Some(Duration::from_millis(1)), &mut |_, event, now| on_event(event, now))
                .map_err(failed)?;
            abandoned = shared.start + plan.warmup + plan.window + ANSWER_TIMEOUT < Instant::now();
            continue;
        }
        let whole = plan.first + number;
        let bytes = templates[plan.room(whole)].write(whole, shared.nanos(due));
        connections.link(usize::try_from(whole % people as u64).unwrap_or(0)).send(bytes);
        slip.record(now - due);
        number += 1;
        shared.sent.store(number, Ordering::Relaxed);
        // Answers are read in between, also when sending takes all the time there is.
        if number % 64 == 0 {
            connections.turn(Some(Duration::ZERO), &mut |_, event, now| on_event(event, now)).map_err(failed)?;
            let unanswered = number.saturating_sub(answered()) as f64;
            abandoned = plan.give_up.is_some_and(|most| unanswered > (plan.rate() * most).max(64.0));
        }
    }
    // The window is measured to its end, also when the last message was early in it.
    let end = shared.start + plan.warmup + plan.window;
    while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero() && !abandoned) {
        connections.turn(Some(left), &mut |_, event, now| on_event(event, now)).map_err(failed)?;
    }
    share.look(window.to);
    let mut moved = (answered(), Instant::now());
    while answered() < number && moved.1.elapsed() < ANSWER_TIMEOUT {
        connections.turn(Some(Duration::from_millis(20)), &mut |_, event, now| on_event(event, now)).map_err(failed)?;
        if answered() > moved.0 {
            moved = (answered(), Instant::now());
        }
    }
    shared.settled.store(true, Ordering::Release);
    Ok(Sent {
        sent: number,
        acked: shared.acked.load(Ordering::Relaxed),
        refused: shared.refused.load(Ordering::Relaxed),
        refusal,
        acks,
        slip,
        share: share.share.unwrap_or(0.0),
        closed: connections.closed(),
        abandoned,
    })
}

/// The message that a frame of this number posted; `None` for one of an earlier plan.
fn posted(plan: &Plan, id: i64) -> Option<u64> {
    let number = u64::try_from(id).ok()?.checked_sub(FIRST_ID)?;
    (number >= plan.first).then_some(number)
}
