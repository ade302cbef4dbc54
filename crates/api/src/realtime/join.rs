//! What a client gets when it enters a room, goes on in it or catches up, as frames. What to send is decided by
//! [`domain::service::viewing`].

use crate::problem::Problem;
use crate::realtime::conn::Conn;
use crate::realtime::delivery::Delivery;
use crate::realtime::frame::Frame;
use crate::realtime::hub::Hub;
use crate::realtime::presence::UsersVersion;
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
use domain::model::user::{Member, User};
use domain::service::error::Error;
use domain::service::reads::Reader;
use domain::service::viewing::{Follower, JoinRequest};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

/// Follows a room for one connection, which takes nothing from its tail until this is gone.
struct HubFollower<'a> {
    conn: &'a Conn,
    hub: &'a Hub,
    paused: Cell<Option<RoomId>>,
    /// Which users are in the room, the one who enters among them.
    users_version: Cell<Option<UsersVersion>>,
    /// The frame of them, if it was at hand.
    users_frame: RefCell<Option<Frame>>,
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

    fn users(&self, room: &LocalRoom, entering: Option<UserId>) -> Option<Vec<Arc<User>>> {
        let presence = &self.hub.node().presence;
        let (version, is_there) = presence.users_version(room.id(), entering);
        let is_in = self.conn.is_in(room.id());
        let version = if is_in { version } else { version.with_one_more(entering.is_some() && !is_there) };
        self.users_version.set(Some(version));
        let frame = room.users_frame(version);
        let users = if frame.is_some() { None } else { Some(presence.users(room.id())) };
        *self.users_frame.borrow_mut() = frame;
        users
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
    let follower = HubFollower {
        conn,
        hub,
        paused: Cell::new(None),
        users_version: Cell::new(None),
        users_frame: RefCell::default(),
    };
    let entered = hub.app().services.viewing.join(caller.as_ref(), &reader, uid, request, &follower).await?;
    // From here to the end nothing waits: the frames, the cursor and the ack belong together.
    let (entrance, room) = (entered.entrance, entered.room);
    let recipient = entrance.recipient();
    conn.send(settings(&entrance.access.room));
    for frame in frames(&room, entrance.missed) {
        conn.send(frame);
    }
    hub.enter(conn, room.clone(), recipient, entrance.head.seq);
    let count = hub.node().presence.count(room.id());
    let kept = follower.users_frame.take();
    let users = kept.unwrap_or_else(|| users(&room, entered.users.as_deref().unwrap_or_default(), count));
    if let Some(version) = follower.users_version.get() {
        room.keep_users_frame(version, users.clone());
    }
    conn.send(users);
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

fn users(room: &LocalRoom, users: &[Member], count: usize) -> Frame {
    let users: Vec<_> = users.iter().map(view::member).collect();
    Frame::server(&Server::RoomUsers { room: room.uid().as_str(), count, users: &users })
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
