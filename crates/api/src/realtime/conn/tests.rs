//! A connection's outbox, cursors and signs of life, without a socket.

use super::*;
use crate::realtime::protocol::Server;
use domain::model::user::Network;
use futures_util::task::noop_waker_ref;

const HEARTBEAT: u64 = 25;
const PONG_TIMEOUT: u64 = 10;

fn conn() -> Rc<Conn> {
    let client = ClientInfo { network: Network("here".to_owned()), wider: Vec::new(), country: None };
    Conn::new(1, client, 0)
}

fn frame(text: &str) -> Frame {
    Frame::server(&Server::System { kind: "test", text })
}

fn room(id: i64) -> Rc<LocalRoom> {
    let uid = RoomUid::parse(&format!("room{id:08}")).unwrap();
    Rc::new(LocalRoom::after(RoomId(id), uid, Seq(0)))
}

/// All that the socket would get now, as text, and whether it ends there.
fn drain(conn: &Conn) -> (String, bool) {
    let mut cx = Context::from_waker(noop_waker_ref());
    let mut text = String::new();
    loop {
        match conn.poll_bytes(&mut cx, &mut Vec::new()) {
            Poll::Ready(Some(bytes)) => text.push_str(&String::from_utf8_lossy(&bytes)),
            Poll::Ready(None) => return (text, true),
            Poll::Pending => return (text, false),
        }
    }
}

#[test]
fn answers_go_out_before_what_the_room_says() {
    let (conn, room) = (conn(), room(1));
    conn.join(room.clone(), Seq(0));
    room.tail.borrow_mut().push(Seq(1), frame("from the room"));
    conn.send(frame("an answer"));
    let (text, _) = drain(&conn);
    let at = |part: &str| text.find(part).unwrap();
    assert!(at("an answer") < at("from the room"));
}

#[test]
fn nothing_is_sent_after_a_close_frame() {
    let (conn, room) = (conn(), room(1));
    conn.join(room.clone(), Seq(0));
    conn.close(Close::Draining, 5);
    conn.send(frame("too late"));
    room.tail.borrow_mut().push(Seq(1), frame("too late as well"));
    let (text, ended) = drain(&conn);
    assert!(!text.contains("late") && !ended);
    conn.tick(5 + CLOSE_WAIT, HEARTBEAT, PONG_TIMEOUT);
    assert!(drain(&conn).1, "a peer that does not answer the close frame is cut");
}

#[test]
fn a_peer_that_says_goodbye_gets_its_answer_and_then_the_end() {
    let conn = conn();
    conn.hear_close(5);
    let (first, ended) = drain(&conn);
    assert!(!first.is_empty() && !ended, "what was handed out must be written before the end");
    assert!(drain(&conn).1);
}

#[test]
fn a_full_outbox_stops_the_reading_until_it_was_taken() {
    let conn = conn();
    let long = "x".repeat(OUTBOX_FULL / 2);
    conn.send(frame(&long));
    assert!(!conn.is_full());
    conn.send(frame(&long));
    assert!(conn.is_full());
    drain(&conn);
    assert!(!conn.is_full());
}

#[test]
fn a_viewer_leaves_after_the_event_that_says_so() {
    let (conn, room) = (conn(), room(1));
    conn.join(room.clone(), Seq(0));
    for seq in 1..=3 {
        room.tail.borrow_mut().push(Seq(seq), frame(&format!("event {seq}")));
    }
    conn.leave_after(RoomId(1), Seq(2));
    let (text, _) = drain(&conn);
    assert!(text.contains("event 2") && !text.contains("event 3"));
    assert!(!conn.is_in(RoomId(1)));
}

#[test]
fn a_cursor_that_the_ring_has_left_waits_for_the_store() {
    let (conn, room) = (conn(), room(1));
    conn.join(room.clone(), Seq(0));
    for seq in 1..=domain::delivery::tail::FRAMES_MAX as i64 + 1 {
        room.tail.borrow_mut().push(Seq(seq), frame("event"));
    }
    assert_eq!(drain(&conn).0, "");
    let (_, cursor) = conn.behind().unwrap();
    assert_eq!(cursor, Seq(0));
    conn.move_cursor(RoomId(1), room.tail.borrow().head());
    assert!(conn.behind().is_none());
}

#[test]
fn a_busy_room_does_not_keep_another_one_waiting() {
    let (conn, busy, quiet) = (conn(), room(1), room(2));
    conn.join(busy.clone(), Seq(0));
    conn.join(quiet.clone(), Seq(0));
    for seq in 1..=3 {
        busy.tail.borrow_mut().push(Seq(seq), frame(&"x".repeat(COPY_MAX / 2)));
    }
    quiet.tail.borrow_mut().push(Seq(1), frame("quiet"));
    let mut cx = Context::from_waker(noop_waker_ref());
    let mut writes = Vec::new();
    while let Poll::Ready(Some(bytes)) = conn.poll_bytes(&mut cx, &mut Vec::new()) {
        writes.push(String::from_utf8_lossy(&bytes).into_owned());
    }
    assert!(writes[1].contains("quiet"), "its turn comes with the second write");
}

#[test]
fn a_peer_that_is_silent_is_asked_and_then_closed() {
    let conn = conn();
    for second in 0..HEARTBEAT {
        conn.tick(second, HEARTBEAT, PONG_TIMEOUT);
    }
    assert_eq!(drain(&conn).0, "");
    conn.tick(HEARTBEAT, HEARTBEAT, PONG_TIMEOUT);
    assert!(drain(&conn).0.contains('\u{0}'), "a control ping");
    for second in HEARTBEAT..HEARTBEAT + PONG_TIMEOUT {
        conn.tick(second, HEARTBEAT, PONG_TIMEOUT);
    }
    assert!(!conn.is_closing());
    conn.tick(HEARTBEAT + PONG_TIMEOUT, HEARTBEAT, PONG_TIMEOUT);
    assert!(conn.is_closing());
}

#[test]
fn a_peer_that_answers_stays() {
    let conn = conn();
    for second in 0..1000 {
        conn.tick(second, HEARTBEAT, PONG_TIMEOUT);
        if second % HEARTBEAT == 5 {
            conn.record_activity(second);
        }
    }
    assert!(!conn.is_closing());
}

#[test]
fn a_page_hears_something_in_every_heartbeat() {
    let conn = conn();
    let mut silent = 0;
    for second in 1..200 {
        conn.record_activity(second);
        conn.tick(second, HEARTBEAT, PONG_TIMEOUT);
        silent = if drain(&conn).0.contains("\"ping\"") { 0 } else { silent + 1 };
        assert!(silent <= HEARTBEAT, "nothing for {silent} s");
    }
}
