//! What a client gets when it enters a room, goes on in it or catches up, as frames. What to send is decided by
//! [`domain::service::viewing`].

use crate::problem::Problem;
use crate::realtime::conn::Conn;
use crate::realtime::delivery::Delivery;
use crate::realtime::frame::Frame;
use crate::realtime::hub::Hub;
use crate::realtime::protocol::{Close, Server};
use crate::realtime::room::LocalRoom;
use crate::view;
use domain::delivery::join::{CaughtUp, Missed, ResetReason};
use domain::delivery::viewer::LiveRoom;
use domain::model::audience::Recipient;
use domain::model::event::Event;
use domain::model::id::{RoomId, RoomUid, Seq, UserId};
use domain::model::message::Message;
use domain::model::room::{Head, Room};
use domain::service::access::RoomRanks;
use domain::service::error::Error;
use domain::service::reads::Reader;
use domain::service::viewing::{Follower, JoinRequest};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Follows a room for one connection, which takes nothing from its tail until this is gone.
struct HubFollower<'a> {
    conn: &'a Conn,
    hub: &'a Hub,
    paused: Cell<Option<RoomId>>,
    /// The frame of who is in the room, if it was at hand.
    users: RefCell<Option<Frame>>,
}

impl Follower for HubFollower<'_> {
    type Room = LocalRoom;

    async fn follow(&self, room: RoomId, uid: &RoomUid) -> Result<LocalRoom, Error> {
        let followed = self.hub.room(room, uid).await?;
        self.hub.node().refresh_users(room).await;
        self.conn.pause(room, true);
        self.paused.set(Some(room));
        Ok(followed)
    }

    fn users(&self, room: &LocalRoom) -> Vec<UserId> {
        let kept = kept_users(self.hub, room);
        let listed = if kept.is_some() { Vec::new() } else { self.hub.node().presence.users(room.id()) };
        *self.users.borrow_mut() = kept;
        listed.iter().map(|user| user.id).collect()
    }
}

impl Drop for HubFollower<'_> {
    fn drop(&mut self) {
        if let Some(room) = self.paused.get() {
            self.conn.pause(room, false);
        }
    }
}

/// Enters a room, or goes on in it: queues the frames of `join` and returns the data of its ack.
pub async fn enter(conn: &Rc<Conn>, hub: &Hub, uid: &RoomUid, request: JoinRequest) -> Result<Value, Problem> {
    let caller = conn.caller().clone();
    let user = caller.as_ref().map(|caller| &caller.user);
    let reader = Reader { client: &conn.client, user, socket: Some(conn.id) };
    let follower = HubFollower { conn, hub, paused: Cell::new(None), users: RefCell::default() };
    let entered = hub.app().services.viewing.join(caller.as_ref(), &reader, uid, request, &follower).await?;
    // From here to the end nothing waits: the frames, the cursor and the ack belong together.
    let (entrance, room) = (entered.entrance, entered.room);
    let recipient = entrance.recipient();
    conn.send(settings(&entrance.access.room));
    for frame in frames(&room, entrance.missed) {
        conn.send(frame);
    }
    hub.enter(conn, room.clone(), recipient, entrance.head.seq);
    let kept = follower.users.take().or_else(|| kept_users(hub, &room));
    conn.send(kept.unwrap_or_else(|| users(hub, &room, &entered.ranks)));
    Ok(json!({
        "room": uid.as_str(),
        "head": entrance.head.seq.0,
        "epoch": entrance.head.epoch.0,
        "user": entrance.access.member.as_ref().map(view::member),
    }))
}

fn settings(room: &Room) -> Frame {
    Frame::server(&Server::RoomUpdated { room: &view::room(room), seq: None })
}

fn reset(uid: &RoomUid, reason: ResetReason) -> Frame {
    Frame::server(&Server::Reset { room: uid.as_str(), reason: reason.as_str(), seq: None })
}

fn latest(uid: &RoomUid, messages: &[Message], head: Head) -> Frame {
    let messages: Vec<_> = messages.iter().map(|message| view::message(message, uid.as_str())).collect();
    let (head, epoch) = (head.seq.0, head.epoch.0);
    Frame::server(&Server::RoomMessages { room: uid.as_str(), messages: &messages, head, epoch })
}

fn events(uid: &RoomUid, events: &[Event]) -> Vec<Frame> {
    events.iter().map(|event| Frame::event(event, uid.as_str())).collect()
}

/// The frame of who is in a room, made a moment ago for somebody else. Of more users than are told it holds some anyway, and
/// their number is told again a moment later.
fn kept_users(hub: &Hub, room: &LocalRoom) -> Option<Frame> {
    room.users_frame().filter(|_| hub.node().presence.is_full(room.id()))
}

fn users(hub: &Hub, room: &LocalRoom, ranks: &RoomRanks) -> Frame {
    let (frame, is_full) = hub.node().presence.users_frame(room.id(), room.uid(), ranks);
    if is_full {
        room.keep_users_frame(frame.clone());
    }
    frame
}

fn frames(room: &LocalRoom, missed: Missed<Delivery>) -> Vec<Frame> {
    let uid = room.uid();
    match missed {
        Missed::FromTail(deliveries) => deliveries.iter().map(|delivery| delivery.websocket().clone()).collect(),
        Missed::FromStore(read) => events(uid, &read),
        Missed::Snapshot { reset: reason, latest: shown } => {
            let frame = room.latest_frame(&shown, |shown| latest(uid, shown.messages(), shown.head()));
            reason.map(|reason| reset(uid, reason)).into_iter().chain([frame]).collect()
        }
    }
}

/// Reads what a client is behind by, and sets its cursor on; called when the tail no longer has it.
pub async fn catch_up(conn: &Rc<Conn>, hub: &Hub, room: &LocalRoom, cursor: Seq, recipient: Recipient) {
    let (id, uid) = (room.id(), room.uid());
    let caller = conn.caller().clone();
    let caught_up = hub.app().services.viewing.catch_up(caller.as_ref(), (id, uid), cursor, recipient).await;
    if !conn.is_in(id) {
        return;
    }
    match caught_up {
        Ok(CaughtUp::Events { events: read, head, recipient, removed }) => {
            events(uid, &read).into_iter().for_each(|frame| conn.send(frame));
            conn.set_recipient(id, recipient);
            conn.move_cursor(id, head);
            if removed {
                hub.leave(conn, room);
            }
        }
        Ok(CaughtUp::Afresh(access, messages, head)) => {
            conn.send(reset(uid, ResetReason::Behind));
            conn.send(settings(&access.room));
            conn.send(latest(uid, &messages, head));
            conn.set_recipient(id, Recipient::of(access.member.as_ref(), access.room.rules.readers));
            conn.move_cursor(id, head.seq);
        }
        Ok(CaughtUp::Gone) => {
            conn.send(reset(uid, ResetReason::Deleted));
            hub.leave(conn, room);
        }
        // The store is away, or the client may no longer be here: it comes back and asks again, which spreads the load by
        // itself.
        Err(_) => conn.close(Close::TooSlow, hub.second()),
    }
}
