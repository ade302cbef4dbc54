//! Entering a room, going on in it, catching up: the same operation, sending what lies after a cursor.
//!
//! The tail is followed first and the store read afterwards, so that nothing falls between; what was read is queued and
//! the cursor set behind it in one step, so that nothing is told twice.

use crate::problem::Problem;
use crate::realtime::frame::Frame;
use crate::realtime::hub::LocalRoom;
use crate::realtime::protocol::Server;
use crate::realtime::session::Session;
use crate::view::{self, UserView};
use domain::delivery::tail::Read;
use domain::model::id::{Epoch, RoomUid, Seq};
use domain::model::room::Head;
use domain::model::user::Member;
use domain::ports::log::Stance;
use domain::service::error::{Error, Thing};
use serde_json::{Value, json};
use std::rc::Rc;

/// How many messages a fresh viewer gets (Owncast's value).
const SNAPSHOT: usize = 50;

/// Whoever missed more than this starts afresh.
const RESUME_MAX: usize = 500;

/// Enters a room, or goes on in it after `since`: queues the frames of `join` and returns the data of its ack.
pub async fn enter(session: &Session, uid: &RoomUid, since: Option<i64>, epoch: Option<i64>) -> Result<Value, Problem> {
    let (conn, hub) = (&session.conn, &session.hub);
    let caller = conn.caller.borrow().clone();
    let stance = hub.app().services.rooms.enter(caller.as_ref(), uid).await?;
    let room = hub.room(stance.room.id, uid).await?;
    let resumed = match since {
        Some(since) => resume(session, &stance, &room, Seq(since), epoch.map(Epoch)).await?,
        None => Ok(None),
    };
    let catch_up = match resumed {
        Ok(Some(catch_up)) => catch_up,
        Ok(None) => snapshot(session, &stance, None).await?,
        Err(reason) => snapshot(session, &stance, Some(reason)).await?,
    };
    let users = present(session, &room, stance.member.as_ref()).await?;
    // From here to the end nothing waits: the frames, the cursor and the ack belong together.
    conn.send(Frame::server(&Server::RoomUpdated { room: &view::room(&stance.room), seq: None }));
    for frame in catch_up.frames {
        conn.send(frame);
    }
    hub.enter(conn, room.clone(), catch_up.head.seq);
    let count = hub.node().present(room.id).count;
    conn.send(Frame::server(&Server::RoomUsers { room: uid.as_str(), count, users: &users }));
    Ok(json!({
        "room": uid.as_str(),
        "head": catch_up.head.seq.0,
        "epoch": catch_up.head.epoch.0,
        "user": stance.member.as_ref().map(view::member),
    }))
}

struct CatchUp {
    frames: Vec<Frame>,
    head: Head,
}

/// What a client missed as single events, or why it has to start afresh.
async fn resume(
    session: &Session,
    stance: &Stance,
    room: &LocalRoom,
    since: Seq,
    epoch: Option<Epoch>,
) -> Result<Result<Option<CatchUp>, &'static str>, Problem> {
    if epoch.is_some_and(|epoch| epoch != stance.head.epoch) {
        return Ok(Err("epoch"));
    }
    if let Some(frames) = from_tail(room, since) {
        let head = Head { seq: room.tail.borrow().head().max(since), ..stance.head };
        return Ok(Ok(Some(CatchUp { frames, head })));
    }
    // The tail may know of events that came after the stance was read, the client too: ask the store once more.
    let stretch = session.hub.app().history.stretch(stance.room.id, since, RESUME_MAX).await.map_err(Error::from)?;
    let stretch = stretch.ok_or(Error::NoSuch(Thing::Room))?;
    if since > stretch.head.seq || since < Seq::ZERO {
        return Ok(Err("ahead"));
    }
    if stretch.cut {
        return Ok(Err("behind"));
    }
    let frames = stretch.events.iter().map(|event| Frame::event(event, stance.room.uid.as_str())).collect();
    Ok(Ok(Some(CatchUp { frames, head: stretch.head })))
}

/// The frames after `since`, when the ring still has them all.
fn from_tail(room: &LocalRoom, since: Seq) -> Option<Vec<Frame>> {
    let tail = room.tail.borrow();
    if since > tail.head() {
        return None;
    }
    let mut frames = Vec::new();
    let mut cursor = since;
    loop {
        match tail.read(cursor) {
            Read::Frame(seq, frame) => {
                frames.push(frame.clone());
                cursor = seq;
            }
            Read::Level(_) => return Some(frames),
            Read::Behind => return None,
        }
    }
}

/// The latest messages, after a `reset` when there is a reason for one.
async fn snapshot(session: &Session, stance: &Stance, reason: Option<&'static str>) -> Result<CatchUp, Problem> {
    let read = session.hub.app().history.snapshot(stance.room.id, SNAPSHOT).await.map_err(Error::from)?;
    let (head, messages) = read.ok_or(Error::NoSuch(Thing::Room))?;
    Ok(CatchUp { frames: snapshot_frames(stance.room.uid.as_str(), head, &messages, reason), head })
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
async fn present(session: &Session, room: &LocalRoom, entering: Option<&Member>) -> Result<Vec<UserView>, Problem> {
    let mut users = session.hub.node().present(room.id).users;
    if let Some(member) = entering
        && !users.contains(&member.user.id)
    {
        users.push(member.user.id);
    }
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let members = session.hub.app().services.rooms.members(room.id, &users).await?;
    Ok(members.iter().map(view::member).collect())
}

/// Reads what a client is behind by, and sets its cursor on; called when the ring no longer has it.
pub async fn catch_up(session: &Session, room: Rc<LocalRoom>, cursor: Seq) {
    let history = &session.hub.app().history;
    let uid = room.uid.as_str();
    let frames = match history.stretch(room.id, cursor, RESUME_MAX).await {
        Ok(Some(stretch)) if !stretch.cut => {
            let frames = stretch.events.iter().map(|event| Frame::event(event, uid)).collect();
            Some((frames, stretch.head.seq))
        }
        Ok(Some(_)) => match history.snapshot(room.id, SNAPSHOT).await {
            Ok(Some((head, messages))) => Some((snapshot_frames(uid, head, &messages, Some("behind")), head.seq)),
            _ => None,
        },
        _ => None,
    };
    let still_there = session.conn.is_in(room.id);
    match frames {
        Some((frames, head)) if still_there => {
            for frame in frames {
                session.conn.send(frame);
            }
            session.conn.join(room, head);
        }
        Some(_) => {}
        // The store is away: the client comes back and asks again, which spreads the load by itself.
        None => session.conn.close(crate::realtime::protocol::Close::TooSlow, session.hub.second()),
    }
}
