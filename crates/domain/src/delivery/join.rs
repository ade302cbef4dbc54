//! Entering a room, going on in it, catching up: one operation, sending what lies after a cursor.
//!
//! Two state machines that say what they need next and are given it: [`Join`] and [`CatchUp`]. The tail is followed first
//! and the store read afterwards, so that nothing falls between; what was read is sent and the cursor set behind it in one
//! step, so that nothing comes twice.

use crate::delivery::latest::Latest;
use crate::delivery::tail::{Read, Tail, Weight};
use crate::model::access::AccessContext;
use crate::model::audience::Recipient;
use crate::model::event::{Event, EventKind};
use crate::model::id::{Epoch, Seq};
use crate::model::log::EventRange;
use crate::model::message::Message;
use crate::model::room::Head;
use std::sync::Arc;

/// How much is read for somebody who joins.
#[derive(Clone, Copy, Debug)]
pub struct JoinLimits {
    /// How many messages somebody who starts afresh gets.
    pub snapshot: usize,
    /// Whoever missed more events than this starts afresh.
    pub resume: usize,
}

/// The limits of a server: 50 messages is Owncast's value.
pub const LIMITS: JoinLimits = JoinLimits { snapshot: 50, resume: 500 };

/// What is needed next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// How the user stands in the room now, with what happened there up to this place taken in; an error ends it.
    Access { at_least: Seq },
    /// The room's tail, followed from now on; what the client takes from it is to be paused.
    Tail,
    /// At most so many events after a place, from the store.
    Events { since: Seq, limit: usize },
    /// The latest messages, from the store.
    Snapshot { limit: usize },
    /// Nothing: it is done.
    Nothing,
}

/// Why a client has to start afresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetReason {
    /// Its cursor belongs to another history.
    Epoch,
    /// Its cursor lies where the log is not yet.
    Ahead,
    /// It missed too much.
    Behind,
    /// The room is gone.
    Deleted,
}

impl ResetReason {
    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            ResetReason::Epoch => "epoch",
            ResetReason::Ahead => "ahead",
            ResetReason::Behind => "behind",
            ResetReason::Deleted => "deleted",
        }
    }
}

/// What a client is sent to have the log up to a head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missed<D> {
    /// The next events, as the tail has them.
    FromTail(Vec<D>),
    /// The next events, as the store has them.
    FromStore(Vec<Event>),
    /// The latest messages; what the client has is void when there is a reason.
    Snapshot {
        reset: Option<ResetReason>,
        /// As of the head that the client's cursor is set to.
        latest: Arc<Latest>,
    },
}

/// Somebody is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entrance<D> {
    /// The room and the member, as of `head` at least.
    pub access: AccessContext,
    /// What to send.
    pub missed: Missed<D>,
    /// The client's cursor after it.
    pub head: Head,
}

impl<D> Entrance<D> {
    /// As whom the client reads on.
    pub fn recipient(&self) -> Recipient {
        Recipient::of(self.access.member.as_ref(), self.access.room.rules.readers)
    }
}

/// The room went away while it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomGone;

/// One client entering one room. Begins with [`Need::Access`]; each answer says what is needed next.
#[derive(Debug)]
pub struct Join<D> {
    since: Option<Seq>,
    epoch: Option<Epoch>,
    limits: JoinLimits,
    access: Option<AccessContext>,
    reset: Option<ResetReason>,
    missed: Option<(Missed<D>, Head)>,
}

impl<D: AsRef<Event> + Weight + Clone> Join<D> {
    /// Enters afresh, or goes on after `since`, read in the history `epoch`; and what is needed first.
    pub fn new(since: Option<Seq>, epoch: Option<Epoch>, limits: JoinLimits) -> (Join<D>, Need) {
        let join = Join { since, epoch, limits, access: None, reset: None, missed: None };
        (join, Need::Access { at_least: Seq::ZERO })
    }

    /// How many events the client is behind, as of the first access; `None` for one that enters afresh.
    pub fn events_behind(&self) -> Option<i64> {
        let (since, access) = self.since.zip(self.access.as_ref())?;
        Some(access.head.seq.0.saturating_sub(since.0))
    }

    /// The user is let in.
    pub fn access(&mut self, access: AccessContext) -> Need {
        self.access = Some(access);
        if self.missed.is_none() { Need::Tail } else { Need::Nothing }
    }

    /// The tail is followed.
    pub fn tail(&mut self, tail: &Tail<D>) -> Need {
        let (Some(since), Some(access)) = (self.since, &self.access) else {
            return self.start_afresh(None, tail);
        };
        if self.epoch.is_some_and(|epoch| epoch != access.head.epoch) {
            return self.start_afresh(Some(ResetReason::Epoch), tail);
        }
        let Some(deliveries) = after(tail, since) else {
            // The tail may know of events that came after the access was read, the client too: the store knows.
            return Need::Events { since, limit: self.limits.resume };
        };
        let recipient = Recipient::of(access.member.as_ref(), access.room.rules.readers);
        let head = Head { seq: tail.head().max(since), ..access.head };
        let visible = deliveries.into_iter().filter(|delivery| delivery.as_ref().audience().includes(recipient));
        self.is_missed(Missed::FromTail(visible.collect()), head)
    }

    /// What the store has after the client's cursor; `None` when nothing is left of the log.
    pub fn events(&mut self, read: Option<EventRange>) -> Result<Need, RoomGone> {
        let range = read.ok_or(RoomGone)?;
        let since = self.since.unwrap_or(Seq::ZERO);
        if since > range.head.seq || since < Seq::ZERO {
            return Ok(self.read_afresh(ResetReason::Ahead));
        }
        if range.cut {
            return Ok(self.read_afresh(ResetReason::Behind));
        }
        let recipient = self
            .access
            .as_ref()
            .map_or_else(Recipient::default, |access| Recipient::of(access.member.as_ref(), access.room.rules.readers));
        let events = range.events.into_iter().filter(|event| event.audience().includes(recipient)).collect();
        Ok(self.is_missed(Missed::FromStore(events), range.head))
    }

    /// The latest messages in the store; `None` when the room is gone.
    pub fn snapshot(&mut self, read: Option<Arc<Latest>>) -> Result<Need, RoomGone> {
        let latest = read.ok_or(RoomGone)?;
        let (reset, head) = (self.reset, latest.head());
        Ok(self.is_missed(Missed::Snapshot { reset, latest }, head))
    }

    /// What came out, once nothing more is needed.
    pub fn finish(self) -> Option<Entrance<D>> {
        let (access, (missed, head)) = self.access.zip(self.missed)?;
        Some(Entrance { access, missed, head })
    }

    /// The tail may know the latest messages, up to its head: what a client then gets from it goes on from there. It does not
    /// know of a restored database, whose epoch is another.
    fn start_afresh(&mut self, reset: Option<ResetReason>, tail: &Tail<D>) -> Need {
        let epoch = self.access.as_ref().map(|access| access.head.epoch);
        match tail.latest() {
            Some(latest) if Some(latest.head().epoch) == epoch => {
                let (latest, head) = (latest.clone(), latest.head());
                self.is_missed(Missed::Snapshot { reset, latest }, head)
            }
            _ => {
                self.reset = reset;
                Need::Snapshot { limit: self.limits.snapshot }
            }
        }
    }

    fn read_afresh(&mut self, reset: ResetReason) -> Need {
        self.reset = Some(reset);
        Need::Snapshot { limit: self.limits.snapshot }
    }

    fn is_missed(&mut self, missed: Missed<D>, head: Head) -> Need {
        self.missed = Some((missed, head));
        if self.access.as_ref().is_some_and(|access| access.head.seq == head.seq) {
            return Need::Nothing;
        }
        // The settings and the ranks may have changed on the way to the head that the client is about to have.
        Need::Access { at_least: head.seq }
    }
}

/// What lies after `since`, when the ring still has it all.
fn after<D: AsRef<Event> + Weight + Clone>(tail: &Tail<D>, since: Seq) -> Option<Vec<D>> {
    if since > tail.head() {
        return None;
    }
    let mut deliveries = Vec::new();
    let mut cursor = since;
    loop {
        match tail.read(cursor) {
            Read::Frame(seq, delivery) => {
                deliveries.push(delivery.clone());
                cursor = seq;
            }
            Read::Level(_) => return Some(deliveries),
            Read::Behind => return None,
        }
    }
}

/// What became of catching up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaughtUp {
    /// The next events, and the cursor after them.
    Events {
        events: Vec<Event>,
        head: Seq,
        /// The client as after them.
        recipient: Recipient,
        /// Whether the last of them takes the client out of the room.
        removed: bool,
    },
    /// It missed too much and is let in afresh: settings, the latest messages, and the cursor after them.
    Afresh(Box<AccessContext>, Vec<Message>, Head),
    /// The room was closed, and what came before is of no more use.
    Gone,
}

/// One client catching up in one room whose tail no longer has what it needs. Begins with [`Need::Events`].
#[derive(Debug)]
pub struct CatchUp {
    recipient: Recipient,
    limits: JoinLimits,
    snapshot: Option<(Head, Vec<Message>)>,
    done: Option<CaughtUp>,
}

impl CatchUp {
    /// Goes on after `cursor`; and what is needed first.
    pub fn new(cursor: Seq, recipient: Recipient, limits: JoinLimits) -> (CatchUp, Need) {
        let catch_up = CatchUp { recipient, limits, snapshot: None, done: None };
        (catch_up, Need::Events { since: cursor, limit: limits.resume })
    }

    /// What the store has after the cursor; `None` when nothing is left of the log.
    pub fn events(&mut self, read: Option<EventRange>) -> Need {
        let Some(range) = read else { return self.finish_with(CaughtUp::Gone) };
        // Whom an event takes out of the room is told nothing of what follows it.
        let mut recipient = self.recipient;
        let mut visible = Vec::with_capacity(range.events.len());
        let last = range.events.iter().position(|event| {
            visible.push(event.audience().includes(recipient));
            let removed = event.removes(recipient);
            recipient = recipient.after(event);
            removed
        });
        if range.cut && last.is_none() {
            return Need::Snapshot { limit: self.limits.snapshot };
        }
        let head = last.map_or(range.head.seq, |last| range.events[last].seq);
        // As many as were looked at: up to the one that takes the client out.
        let events = range.events.into_iter().zip(visible).filter(|(_, visible)| *visible);
        let mut events: Vec<Event> = events.map(|(event, _)| event).collect();
        if last.is_some()
            && let Some(Event { kind: EventKind::Configured(room), .. }) = events.last_mut()
        {
            // The store shows what is pinned by now, which whoever may not read on must not see.
            room.pinned = None;
        }
        self.finish_with(CaughtUp::Events { events, head, recipient, removed: last.is_some() })
    }

    /// The latest messages in the store; `None` when the room is gone.
    pub fn snapshot(&mut self, read: Option<(Head, Vec<Message>)>) -> Need {
        let Some((head, messages)) = read else { return self.finish_with(CaughtUp::Gone) };
        self.snapshot = Some((head, messages));
        Need::Access { at_least: head.seq }
    }

    /// The one who starts afresh is let in afresh.
    pub fn access(&mut self, access: AccessContext) -> Need {
        let Some((head, messages)) = self.snapshot.take() else { return self.finish_with(CaughtUp::Gone) };
        self.finish_with(CaughtUp::Afresh(Box::new(access), messages, head))
    }

    /// What came out, once nothing more is needed.
    pub fn finish(self) -> Option<CaughtUp> {
        self.done
    }

    fn finish_with(&mut self, done: CaughtUp) -> Need {
        self.done = Some(done);
        Need::Nothing
    }
}
