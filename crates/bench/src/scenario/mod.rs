//! What is measured.

pub mod churn;
pub mod cluster;
pub mod connect;
pub mod fanout;
pub mod history;
pub mod mixed;
pub mod persist;
pub mod storm;

use crate::connections::Connections;
use crate::link::Admission;
use crate::report::Progress;
use crate::server::Server;
use crate::setup::{Arrival, Setup};
use crate::wire::event::{self, Event};
use crate::workload::template::MessageTemplate;
use std::time::{Duration, Instant};

/// How many connections are under way at once while a scenario is prepared.
const AT_ONCE: usize = 256;

/// The number of the first message that is there before anybody comes: its name must not be that of a later one.
const HISTORY_FROM: u64 = 8_000_000_000;

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Viewers, shared out over `threads`, and senders.
fn gather(
    server: &Server,
    viewers: Vec<Admission>,
    senders: Vec<Admission>,
    threads: usize,
    progress: &Progress,
) -> Result<(Vec<Connections>, Connections), String> {
    let mut watchers = Vec::new();
    let each = viewers.len().div_ceil(threads.max(1)).max(1);
    let mut viewers = viewers.into_iter().peekable();
    while viewers.peek().is_some() {
        watchers.push(enter(server, viewers.by_ref().take(each).collect(), "viewers are in", progress)?);
    }
    let senders = enter(server, senders, "senders are in", progress)?;
    Ok((watchers, senders))
}

/// Connections that is in.
fn enter(server: &Server, entries: Vec<Admission>, what: &str, progress: &Progress) -> Result<Connections, String> {
    let mut connections = Connections::new(&server.target).map_err(|error| error.to_string())?;
    let total = entries.len();
    connections.open(entries, AT_ONCE, |_, _, _| {}, progress.counter(total, what))?;
    progress.say(format!("{total} {what}"));
    Ok(connections)
}

/// Posts what each room has before anybody comes. The bare loop stores nothing.
fn fill(
    server: &Server,
    setup: &Setup<'_>,
    rooms: &[String],
    arrival: Arrival,
    progress: &Progress,
) -> Result<(), String> {
    if server.bare || arrival.history == 0 {
        return Ok(());
    }
    let mut sender = enter(server, setup.senders(1)?, "sender fills the rooms", progress)?;
    post(&mut sender, rooms, arrival.history, HISTORY_FROM).map(drop)
}

/// Posts into each room, one after another, messages from the number `first` on; the rooms' heads after it.
fn post(sender: &mut Connections, rooms: &[String], count: usize, first: u64) -> Result<Vec<i64>, String> {
    let mut number = first;
    let mut heads = vec![0; rooms.len()];
    for (room, head) in rooms.iter().zip(&mut heads) {
        let mut template = MessageTemplate::new(room, 100);
        for _ in 0..count {
            let frame = template.write(number, 0).to_vec();
            number += 1;
            sender.link(0).send(&frame);
            let (mut answer, begin) = (None, Instant::now());
            while answer.is_none() && begin.elapsed() < ANSWER_TIMEOUT {
                let turned = sender.turn(Some(Duration::from_millis(100)), &mut |_, event, _| match event {
                    Event::Ack { payload, .. } => answer = Some(event::number(payload, br#""seq":"#)),
                    Event::Error { .. } => answer = Some(None),
                    _ => {}
                });
                turned.map_err(|error| error.to_string())?;
            }
            *head = answer.flatten().ok_or("a message was not acknowledged")?;
        }
    }
    Ok(heads)
}
