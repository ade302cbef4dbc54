//! Entering a room, going on in it, catching up: the same operation, sending what lies after a cursor.
//!
//! The tail is followed first and the store read afterwards, so that nothing falls between; what was read is queued and
//! the cursor set behind it in one step, so that nothing is told twice.

use crate::problem::Problem;
use crate::realtime::conn::Conn;
use crate::realtime::feed;
use crate::realtime::frame::Frame;
use crate::realtime::hub::{self, Hub};
use crate::realtime::protocol::{Close, Server};
use crate::realtime::room::LocalRoom;
use crate::view::{self, UserView};
use domain::delivery::tail;
use domain::model::id::{Epoch, RoomUid, Seq};
use domain::model::room::Head;
use domain::model::time::Span;
use domain::model::user::Member;
use domain::ports::log::AccessContext;
use domain::service::error::{Error, Resource};
use domain::service::reads::{ReadCost, Reader};
use serde_json::{Value, json};
use std::rc::Rc;
use std::sync::Arc;

/// How many messages a fresh viewer gets (Owncast's value).
const SNAPSHOT: usize = 50;

/// Whoever missed more than this starts afresh.
const RESUME_MAX: usize = 500;

/// Enters a room, or goes on in it after `since`: queues the frames of `join` and returns the data of its ack.
pub async fn enter(
    conn: &Rc<Conn>,
    hub: &Hub,
    uid: &RoomUid,
    since: Option<i64>,
    epoch: Option<i64>,
) -> Result<Value, Problem> {
    let caller = conn.caller.borrow().clone();
    let access = hub.app().services.rooms.enter(caller.as_ref(), uid).await?;
    let room = hub.room(access.room.id, uid).await?;
    // Who is there already must not get what comes next before what is read now.
    conn.pause(room.id, true);
    let entered = read_and_enter(conn, hub, uid, access, &room, since, epoch).await;
    conn.pause(room.id, false);
    entered
}

async fn read_and_enter(
    conn: &Rc<Conn>,
    hub: &Hub,
    uid: &RoomUid,
    mut access: AccessContext,
    room: &Rc<LocalRoom>,
    since: Option<i64>,
    epoch: Option<i64>,
) -> Result<Value, Problem> {
    let resumed = match since {
        Some(since) => {
            let behind = access.head.seq.0.saturating_sub(since);
            charge(conn, hub, ReadCost::Resume { behind, max: RESUME_MAX })?;
            resume(hub, &access, room, Seq(since), epoch.map(Epoch)).await?
        }
        None => Ok(None),
    };
    let catch_up = match resumed {
        Ok(Some(catch_up)) => catch_up,
        fresh => {
            charge(conn, hub, ReadCost::Snapshot(SNAPSHOT))?;
            snapshot(hub, &access, fresh.err()).await?
        }
    };
    if catch_up.head.seq != access.head.seq {
        // The settings and the ranks may have changed on the way to the head that the client is about to have.
        let caller = conn.caller.borrow().clone();
        access = hub.app().services.rooms.enter_as_of(caller.as_ref(), uid, catch_up.head.seq).await?;
    }
    let users = present(hub, room, access.member.as_ref()).await?;
    // From here to the end nothing waits: the frames, the cursor and the ack belong together.
    if hub.is_out(conn, room.id, catch_up.head.seq) {
        let caller = conn.caller.borrow().clone();
        hub.app().services.rooms.enter(caller.as_ref(), uid).await?;
        return Err(Error::Busy { retry_after: Span::seconds(1) }.into());
    }
    conn.send(Frame::server(&Server::RoomUpdated { room: &view::room(&access.room), seq: None }));
    for frame in catch_up.frames {
        conn.send(frame);
    }
    hub.enter(conn, room.clone(), catch_up.head.seq);
    let count = hub.node().presence.count(room.id);
    conn.send(Frame::server(&Server::RoomUsers { room: uid.as_str(), count, users: &users }));
    Ok(json!({
        "room": uid.as_str(),
        "head": catch_up.head.seq.0,
        "epoch": catch_up.head.epoch.0,
        "user": access.member.as_ref().map(view::member),
    }))
}

/// Charges a read to the network and to whoever reads, before the store is asked.
fn charge(conn: &Conn, hub: &Hub, read: ReadCost) -> Result<(), Problem> {
    let caller = conn.caller.borrow();
    let user = caller.as_ref().map(|caller| &caller.user);
    let reader = Reader { client: &conn.client, user, socket: Some(conn.id) };
    Ok(reader.charge(&*hub.app().limiter, read)?)
}

struct CatchUp {
    frames: Vec<Frame>,
    head: Head,
}

/// What a client missed as single events, or why it has to start afresh.
async fn resume(
    hub: &Hub,
    access: &AccessContext,
    room: &LocalRoom,
    since: Seq,
    epoch: Option<Epoch>,
) -> Result<Result<Option<CatchUp>, &'static str>, Problem> {
    if epoch.is_some_and(|epoch| epoch != access.head.epoch) {
        return Ok(Err("epoch"));
    }
    if let Some(frames) = from_tail(room, since) {
        let head = Head { seq: room.tail.borrow().head().max(since), ..access.head };
        return Ok(Ok(Some(CatchUp { frames, head })));
    }
    // The tail may know of events that came after the access was read, the client too: ask the store once more.
    let event_range = hub.app().history.event_range(access.room.id, since, RESUME_MAX).await.map_err(Error::from)?;
    let event_range = event_range.ok_or(Error::NoSuch(Resource::Room))?;
    if since > event_range.head.seq || since < Seq::ZERO {
        return Ok(Err("ahead"));
    }
    if event_range.cut {
        return Ok(Err("behind"));
    }
    let frames = event_range.events.iter().map(|event| Frame::event(event, access.room.uid.as_str())).collect();
    Ok(Ok(Some(CatchUp { frames, head: event_range.head })))
}

/// The frames after `since`, when the ring still has them all.
fn from_tail(room: &LocalRoom, since: Seq) -> Option<Vec<Frame>> {
    let ring = room.tail.borrow();
    if since > ring.head() {
        return None;
    }
    let mut frames = Vec::new();
    let mut cursor = since;
    loop {
        match ring.read(cursor) {
            tail::Read::Frame(seq, frame) => {
                frames.push(frame.clone());
                cursor = seq;
            }
            tail::Read::Level(_) => return Some(frames),
            tail::Read::Behind => return None,
        }
    }
}

/// The latest messages, after a `reset` when there is a reason for one.
async fn snapshot(hub: &Hub, access: &AccessContext, reason: Option<&'static str>) -> Result<CatchUp, Problem> {
    let read = hub.app().history.snapshot(access.room.id, SNAPSHOT).await.map_err(Error::from)?;
    let (head, messages) = read.ok_or(Error::NoSuch(Resource::Room))?;
    Ok(CatchUp { frames: snapshot_frames(access.room.uid.as_str(), head, &messages, reason), head })
}

fn snapshot_frames(
    uid: &str,
    head: Head,
    messages: &[domain::model::message::Message],
    reason: Option<&'static str>,
) -> Vec<Frame> {
    let reset = reason.map(|reason| Frame::server(&Server::Reset { room: uid, reason, seq: None }));
    let messages: Vec<_> = messages.iter().map(|message| view::message(message, uid)).collect();
    let latest =
        Frame::server(&Server::RoomMessages { room: uid, messages: &messages, head: head.seq.0, epoch: head.epoch.0 });
    reset.into_iter().chain([latest]).collect()
}

/// Who is logged in there, with the one who enters.
async fn present(hub: &Hub, room: &LocalRoom, entering: Option<&Member>) -> Result<Vec<UserView>, Problem> {
    let mut users = hub.node().presence.users(room.id);
    if let Some(member) = entering
        && !users.iter().any(|user| user.id == member.user.id)
    {
        users.push(Arc::new(member.user.clone()));
    }
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let members = hub.app().services.rooms.members(room.id, &users).await?;
    Ok(members.iter().map(view::member).collect())
}

/// Reads what a client is behind by, and sets its cursor on; called when the ring no longer has it.
pub async fn catch_up(conn: &Rc<Conn>, hub: &Hub, room: Rc<LocalRoom>, cursor: Seq) {
    let read = read_behind(conn, hub, &room, cursor).await;
    if !conn.is_in(room.id) {
        return;
    }
    match read {
        Ok(Some(catch_up)) => {
            catch_up.frames.into_iter().for_each(|frame| conn.send(frame));
            conn.move_cursor(room.id, catch_up.head.seq);
        }
        // It was closed, and what came before is of no more use.
        Ok(None) => {
            let reset = Server::Reset { room: room.uid.as_str(), reason: "deleted", seq: None };
            conn.send(Frame::server(&reset));
            conn.leave(&room.uid);
            hub.left(conn, &room);
        }
        // The store is away, or the client may no longer be here: it comes back and asks again, which spreads the load by
        // itself.
        Err(_) => conn.close(Close::TooSlow, hub.second()),
    }
}

/// What a client is behind by: single events up to where it leaves the room, or a fresh start; `None` when there is no room
/// to start afresh in.
async fn read_behind(conn: &Conn, hub: &Hub, room: &LocalRoom, cursor: Seq) -> Result<Option<CatchUp>, Problem> {
    let uid = room.uid.as_str();
    let history = &hub.app().history;
    let Some(event_range) = history.event_range(room.id, cursor, RESUME_MAX).await.map_err(Error::from)? else {
        return Ok(None);
    };
    // What was read may be ahead of the tail: whom an event takes along is told nothing of what follows it.
    if let Some(event) = event_range.events.iter().find(|event| hub::applies(feed::removal(&event.kind), conn)) {
        conn.leave_after(room.id, event.seq);
    }
    let until = conn.until(room.id);
    if !event_range.cut || until.is_some() {
        let last = event_range.events.last().filter(|_| event_range.cut).map(|event| event.seq);
        let head = Head { seq: last.unwrap_or(event_range.head.seq), ..event_range.head };
        let events = event_range.events.iter().filter(|event| until.is_none_or(|until| event.seq <= until));
        let frames = events.map(|event| Frame::event(event, uid)).collect();
        return Ok(Some(CatchUp { frames, head }));
    }
    let Some((head, messages)) = history.snapshot(room.id, SNAPSHOT).await.map_err(Error::from)? else {
        return Ok(None);
    };
    // The one who starts afresh is let in afresh.
    let caller = conn.caller.borrow().clone();
    let access = hub.app().services.rooms.enter_as_of(caller.as_ref(), &room.uid, head.seq).await?;
    if conn.until(room.id).is_some() {
        return Err(Error::Busy { retry_after: Span::seconds(1) }.into());
    }
    let mut frames = snapshot_frames(uid, head, &messages, Some("behind"));
    frames.insert(1, Frame::server(&Server::RoomUpdated { room: &view::room(&access.room), seq: None }));
    Ok(Some(CatchUp { frames, head }))
}
