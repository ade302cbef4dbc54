//! Everything that travels arrives as it was sent; what is too large is split, and what is newer is not read.

use super::*;
use domain::model::connection::ConnectionInfo;
use domain::model::event::{EventKind, ModerationAction};
use domain::model::frame_ancestor::FrameAncestor;
use domain::model::id::{MessageId, RoomUid};
use domain::model::message::{Message, MessageKind};
use domain::model::rank::Rank;
use domain::model::room::{Readers, Room, Rules};
use domain::model::text::{Body, Description, RoomName};
use domain::model::time::Span;
use domain::model::user::{Member, SiteMembership, User};
use std::sync::Arc;
use testkit::builders::{NOON, known_user, network};

const ROOM: RoomId = RoomId(7);

fn ann() -> User {
    let mut user = known_user(1, "ann");
    user.picture = Some("https://example.org/ann.png".to_owned());
    user.country = Some("DE".to_owned());
    user.network = Some(network("a"));
    let site = SiteUid::parse("abcdEF01").expect("a uid");
    user.site = Some(SiteMembership { site, rank: Some(Rank::Vip) });
    user
}

fn message(text: &str) -> Message {
    Message {
        id: MessageId(5),
        seq: Seq(3),
        room: ROOM,
        author: Member { user: ann(), room_rank: Some(Rank::Mod), site_rank: Some(Rank::Vip) },
        text: Body::stored(text.to_owned()),
        kind: MessageKind::Action,
        reply_to: Some(MessageId(4)),
        at: NOON,
    }
}

fn room() -> Room {
    Room {
        id: ROOM,
        uid: RoomUid::parse("lobbylobby00").expect("a uid"),
        name: RoomName::stored("Lobby \"1\"".to_owned()),
        description: Description::stored("ü".to_owned()),
        owner: UserId(9),
        rules: Rules {
            slow_mode: Span::seconds(5),
            max_length: 300,
            max_lines: 4,
            links: false,
            readers: Readers::Members,
        },
        frame_ancestors: vec![FrameAncestor::stored("https://example.org".to_owned())],
        site: SiteUid::parse("abcdEF01"),
        pinned: Some(Arc::new(message("pinned"))),
        created_at: NOON,
    }
}

fn event(seq: i64, kind: EventKind) -> Event {
    Event { room: ROOM, seq: Seq(seq), at: NOON, actor: UserId(1), kind }
}

fn every_kind() -> Vec<Event> {
    let subject = || Box::new(Member { user: ann(), room_rank: None, site_rank: None });
    let moderated = ModerationAction::ALL.map(|action| EventKind::Moderated {
        subject: subject(),
        action,
        until: (action == ModerationAction::Timeout).then_some(NOON),
        reason: "spam".to_owned(),
    });
    let mut kinds = vec![
        EventKind::Posted(Box::new(message("hello"))),
        EventKind::Deleted { message: MessageId(5) },
        EventKind::Purged { author: None },
        EventKind::Purged { author: Some(Box::new(ann())) },
        EventKind::Configured(Box::new(room())),
        EventKind::Pinned { message: MessageId(5), room: Box::new(room()) },
        EventKind::Unpinned { message: MessageId(5), room: Box::new(Room { pinned: None, ..room() }) },
        EventKind::Closed,
    ];
    kinds.extend(moderated);
    (1..).zip(kinds).map(|(seq, kind)| event(seq, kind)).collect()
}

fn sent(events: &[Event]) -> Vec<Vec<u8>> {
    log(Epoch(11), &events.iter().collect::<Vec<_>>())
}

#[test]
fn every_kind_of_event_arrives_as_it_was_sent() {
    let events = every_kind();
    let payloads = sent(&events);
    let [payload] = payloads.as_slice() else { panic!("one payload") };
    assert_eq!(read_log(ROOM, payload), Ok((Epoch(11), BusMessage::Events(events.into()))));
}

#[test]
fn a_large_batch_is_split_in_order_and_a_larger_event_is_named_alone() {
    let text = |bytes| EventKind::Posted(Box::new(message(&"x".repeat(bytes))));
    let sizes = [100_000, 100_000, 100_000, PAYLOAD_MAX, 10];
    let events: Vec<Event> = (1..).zip(sizes).map(|(seq, bytes)| event(seq, text(bytes))).collect();
    let payloads = sent(&events);
    assert!(payloads.iter().all(|payload| payload.len() <= PAYLOAD_MAX));
    let read: Vec<BusMessage> = payloads.iter().map(|payload| read_log(ROOM, payload).expect("readable").1).collect();
    assert_eq!(
        read,
        [
            BusMessage::Events(events[..2].into()),
            BusMessage::Events(events[2..3].into()),
            BusMessage::Head(ROOM, Seq(4)),
            BusMessage::Events(events[4..].into()),
        ]
    );
}

#[test]
fn what_a_newer_version_wrote_is_not_read_and_nonsense_neither() {
    let newer =
        [r#"{"v":2,"epoch":1,"first":1,"last":1,"events":[]}"#, r#"{"v":2}"#, r#"{"v":9,"epoch":"1","events":{}}"#];
    for payload in newer {
        assert_eq!(read_log(ROOM, payload.as_bytes()), Err(Unreadable::Newer), "{payload}");
        assert_eq!(read_beat(payload.as_bytes()), Err(Unreadable::Newer), "{payload}");
    }
    let unknown_kind =
        r#"{"v":1,"epoch":1,"first":1,"last":1,"events":[{"seq":1,"created_at":1,"actor":1,"kind":"sung"}]}"#;
    for payload in ["", "[]", "null", r#"{"epoch":1}"#, r#"{"v":1}"#, "\u{0}", unknown_kind] {
        assert_eq!(read_log(ROOM, payload.as_bytes()), Err(Unreadable::Malformed), "{payload}");
    }
}

#[test]
fn a_field_that_is_not_known_yet_is_passed_over() {
    let payload = r#"{"v":1,"epoch":1,"first":1,"last":1,"later":[1],"events":[{"seq":1,"created_at":1,"actor":1,"kind":"closed","more":{}}]}"#;
    let read = read_log(ROOM, payload.as_bytes()).expect("readable");
    assert_eq!(read.1, BusMessage::Events([Event { at: Timestamp(1), ..event(1, EventKind::Closed) }].into()));
}

#[test]
fn notices_beats_requests_and_answers_arrive_as_they_were_sent() {
    for told in [Notice::UserChanged(Box::new(ann())), Notice::UserDeleted(UserId(5))] {
        assert_eq!(read_user(&notice(&told)), Ok(told));
    }
    for told in [
        Notice::SiteChanged(SiteUid::parse("abcdEF01").expect("a uid")),
        Notice::SiteTokensEnded(EndedTokens::OfKeys(vec![SiteKeyId(1), SiteKeyId(2)])),
        Notice::SiteTokensEnded(EndedTokens::OfUser { user: UserId(5), issued_before: NOON }),
    ] {
        assert_eq!(read_site(&notice(&told)), Ok(told));
    }
    let ended = Notice::SessionsEnded(vec![SessionId(1), SessionId(2)]);
    assert_eq!(read_sessions(&notice(&ended)), Ok(ended));
    let sent = Beat {
        node: NodeName::of_process("host", 5),
        incarnation: 77,
        number: 3,
        full: true,
        rooms: vec![(RoomId(1), 5), (ROOM, 0)],
        connections: 9,
        version: "1.2.3".to_owned(),
        at: NOON,
        leaving: false,
    };
    assert_eq!(read_beat(&beat(&sent)), Ok(sent));
    for asked in [
        NodeRequest::Connections { after: 1 << 40, limit: 5 },
        NodeRequest::Connection(7),
        NodeRequest::CloseConnection(7),
        NodeRequest::Users(ROOM),
        NodeRequest::FullBeat,
    ] {
        assert_eq!(read_request(&request(&asked)), Ok(asked));
    }
    let connection = ConnectionInfo {
        id: 1 << 40,
        user: Some(Arc::new(ann())),
        rooms: vec![(ROOM, room().uid)],
        since: NOON,
        login: None,
    };
    for answered in [
        NodeAnswer::Connections(vec![connection]),
        NodeAnswer::Connections(vec![]),
        NodeAnswer::Users(vec![ann()]),
        NodeAnswer::Done,
        NodeAnswer::Missing,
    ] {
        assert_eq!(read_answer(&answer(&answered)), Ok(answered));
    }
}

#[test]
fn a_long_list_of_connections_is_cut_to_one_payload() {
    let connection = |id| ConnectionInfo { id, user: Some(Arc::new(ann())), rooms: vec![], since: NOON, login: None };
    let all: Vec<ConnectionInfo> = (1..=5_000).map(connection).collect();
    let payload = answer(&NodeAnswer::Connections(all.clone()));
    assert!(payload.len() <= PAYLOAD_MAX);
    let Ok(NodeAnswer::Connections(some)) = read_answer(&payload) else { panic!("connections") };
    assert!(some.len() > 500 && some == all[..some.len()], "{}", some.len());
}
