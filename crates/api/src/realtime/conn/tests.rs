//! A connection's outbox, cursors and signs of life, without a socket.

use super::*;
use domain::delivery::viewer::{LiveRoom, OUTBOX_FULL};
use domain::model::event::{Event, EventKind, ModerationAction};
use domain::model::id::{MessageId, UserId};
use domain::model::message::{Message, MessageKind};
use domain::model::user::{Member, Network};
use testkit::builders::{NOON, body, known_user};

const HEARTBEAT: u64 = 25;
const PONG_TIMEOUT: u64 = 10;

fn conn() -> Rc<Conn> {
    let client = ClientInfo { network: Network("here".to_owned()), wider: Vec::new(), country: None };
    Conn::new(1, client, 0, None, Rc::default())
}

fn frame(text: &str) -> Frame {
    Frame::server(&Server::System { kind: "test", text })
}

fn room(id: i64) -> LocalRoom {
    let uid = RoomUid::parse(&format!("room{id:08}")).unwrap();
    LocalRoom::after(RoomId(id), uid, Seq(0))
}

fn push(room: &LocalRoom, seq: i64, kind: EventKind) {
    let event = Event { room: room.id(), seq: Seq(seq), at: NOON, actor: UserId(1), kind };
    room.push(&[Delivery::new(event, room.uid().clone())], Seq(seq));
}

fn post(room: &LocalRoom, seq: i64, text: &str) {
    let message = Message {
        id: MessageId(seq),
        seq: Seq(seq),
        room: room.id(),
        author: Member::outside(known_user(1, "ann")),
        text: body(text),
        kind: MessageKind::Say,
        reply_to: None,
        at: NOON,
    };
    push(room, seq, EventKind::Posted(Box::new(message)));
}

/// All that the socket would get now, as text, and whether it ends there.
fn drain(conn: &Conn) -> (String, bool) {
    let (pieces, ended) = pieces(conn);
    (pieces.concat(), ended)
}

fn pieces(conn: &Conn) -> (Vec<String>, bool) {
    let (mut batch, mut pieces) = (Batch::default(), Vec::new());
    loop {
        batch.clear();
        if conn.is_gone() {
            return (pieces, true);
        }
        conn.fill(&mut batch, &mut Vec::new());
        if batch.is_empty() {
            return (pieces, matches!(conn.phase.get(), Phase::Leaving(_)));
        }
        pieces.push(String::from_utf8_lossy(&batch.slices().collect::<Vec<_>>().concat()).into_owned());
    }
}

#[test]
fn answers_go_out_before_what_the_room_says() {
    let (conn, room) = (conn(), room(1));
    conn.join(room.clone(), Recipient::default(), Seq(0));
    post(&room, 1, "from the room");
    conn.send(frame("an answer"));
    let (text, _) = drain(&conn);
    let at = |part: &str| text.find(part).unwrap();
    assert!(at("an answer") < at("from the room"));
}

#[test]
fn nothing_is_sent_after_a_close_frame() {
    let (conn, room) = (conn(), room(1));
    conn.join(room.clone(), Recipient::default(), Seq(0));
    conn.close(Close::Draining, 5);
    conn.send(frame("too late"));
    post(&room, 1, "too late as well");
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
    assert!(!first.is_empty() && ended);
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
fn a_banned_viewer_gets_the_event_that_says_so_and_nothing_after_it() {
    let (conn, room) = (conn(), room(1));
    let ann = known_user(1, "ann");
    conn.join(room.clone(), Recipient { user: Some(ann.id), ..Recipient::default() }, Seq(0));
    post(&room, 1, "before");
    let (subject, action) = (Box::new(Member::outside(ann)), ModerationAction::Ban);
    push(&room, 2, EventKind::Moderated { subject, action, until: None, reason: String::new() });
    post(&room, 3, "after");
    let (text, _) = drain(&conn);
    assert!(text.contains("before") && text.contains("user_moderated") && !text.contains("after"), "{text}");
    assert!(!conn.is_in(RoomId(1)));
}

#[test]
fn a_cursor_that_the_ring_has_left_waits_for_the_store() {
    let (conn, room) = (conn(), room(1));
    conn.join(room.clone(), Recipient::default(), Seq(0));
    let last = domain::delivery::tail::RECENT.frames as i64 + 1;
    (1..=last).for_each(|seq| post(&room, seq, "event"));
    assert_eq!(drain(&conn).0, "");
    let (_, cursor, _) = conn.behind().unwrap();
    assert_eq!(cursor, Seq(0));
    conn.move_cursor(RoomId(1), Seq(last));
    assert!(conn.behind().is_none());
}

#[test]
fn a_busy_room_does_not_keep_another_one_waiting() {
    let (conn, busy, quiet) = (conn(), room(1), room(2));
    conn.join(busy.clone(), Recipient::default(), Seq(0));
    conn.join(quiet.clone(), Recipient::default(), Seq(0));
    (1..=120).for_each(|seq| post(&busy, seq, &"x".repeat(450)));
    post(&quiet, 1, "quiet");
    let (writes, _) = pieces(&conn);
    assert!(!writes[0].contains("quiet") && writes[1].contains("quiet"), "its turn comes with the second write");
}

#[test]
fn an_event_is_encoded_once_for_all_and_not_before_somebody_reads_it() {
    let room = room(1);
    let message = EventKind::Deleted { message: MessageId(1) };
    let event = Event { room: room.id(), seq: Seq(1), at: NOON, actor: UserId(1), kind: message };
    let delivery = Delivery::new(event, room.uid().clone());
    room.push(std::slice::from_ref(&delivery), Seq(1));
    assert!(!delivery.is_encoded());
    let mut frames = Vec::new();
    for _ in 0..2 {
        let conn = conn();
        conn.join(room.clone(), Recipient::default(), Seq(0));
        assert!(drain(&conn).0.contains("message_deleted"));
        frames.push(delivery.websocket().0.as_ptr());
    }
    assert_eq!(frames[0], frames[1]);
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
