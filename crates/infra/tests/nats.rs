//! The bus between nodes over a real NATS server: what every bus must do, and what travels from node to node.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests: what is not there fails the test")]

use domain::model::event::{Event, EventKind};
use domain::model::id::{Epoch, MessageId, RoomId, Seq, SessionId, SiteKeyId, UserId};
use domain::model::login::EndedTokens;
use domain::model::node::{Beat, NodeName};
use domain::model::user::User;
use domain::ports::bus::{Bus, BusMessage, Committed, Notice, Subscription};
use domain::ports::cluster::{AnswersNodes, Cluster, NodeAnswer, NodeRequest, Silent};
use infra::adapters::nats::{NatsBus, NatsOptions};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::builders::{NOON, known_user};
use testkit::nats::NatsServer;
use tokio::sync::mpsc;

const LOBBY: RoomId = RoomId(7);

/// Longer than anything takes on a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(20);

async fn node_with(server: &str, name: &str, prefix: &str) -> NatsBus {
    let node = NodeName::parse(name).unwrap();
    let servers = vec![server.to_owned()];
    let options = NatsOptions { servers, credentials: None, ca: None, prefix: prefix.to_owned(), node };
    NatsBus::start(options).await.unwrap()
}

async fn node(server: &NatsServer, name: &str) -> NatsBus {
    node_with(&server.url(), name, "test").await
}

fn runtime() -> tokio::runtime::Runtime {
    testkit::conformance::runtime()
}

fn deleted(room: RoomId, seq: i64) -> Event {
    Event { room, seq: Seq(seq), at: NOON, actor: UserId(1), kind: EventKind::Deleted { message: MessageId(seq) } }
}

fn committed(room: RoomId, seqs: &[i64]) -> Committed {
    let events = seqs.iter().map(|seq| deleted(room, *seq)).collect();
    Committed { events, epochs: vec![(room, Epoch(3))] }
}

/// The next message but losses, which a connection begins with.
async fn next(subscription: &mut dyn Subscription) -> BusMessage {
    let message = async {
        loop {
            match subscription.next().await.unwrap() {
                BusMessage::Lost => {}
                message => return message,
            }
        }
    };
    tokio::time::timeout(SOON, message).await.expect("a message")
}

/// Takes everything up to a notice that `from` announces now; what came before it.
async fn up_to_a_mark(from: &NatsBus, subscription: &mut dyn Subscription) -> Vec<BusMessage> {
    let mark = Notice::UserDeleted(UserId(999));
    from.announce(mark.clone());
    let mut before = Vec::new();
    loop {
        match next(subscription).await {
            BusMessage::Notice(notice) if notice == mark => return before,
            message => before.push(message),
        }
    }
}

/// Has a node publish an event of the lobby until a subscriber of another one hears of it: both may have to connect first.
async fn published_until_heard(from: &NatsBus, seq: i64, subscription: &mut dyn Subscription) -> Arc<[Event]> {
    let events = async {
        loop {
            from.publish(committed(LOBBY, &[seq]));
            tokio::select! {
                message = subscription.next() => if let Some(BusMessage::Events(events)) = message { return events; },
                () = tokio::time::sleep(Duration::from_millis(50)) => {}
            }
        }
    };
    tokio::time::timeout(SOON, events).await.expect("events")
}

/// What a subscriber of this process must get, whatever NATS does.
mod conformance {
    use super::*;

    /// Without a server: nothing but what this process publishes comes.
    fn bus() -> NatsBus {
        let runtime = Box::leak(Box::new(runtime()));
        runtime.block_on(node_with("nats://127.0.0.1:9", "alone", "test"))
    }

    testkit::bus_conformance_suite!(bus());
}

#[test]
fn events_of_followed_rooms_and_of_the_server_reach_other_nodes_in_order_and_no_others_do() {
    runtime().block_on(async {
        let server = NatsServer::start();
        let (a, b) = (node(&server, "a").await, node(&server, "b").await);
        let mut at_b = b.subscribe();
        b.follow(LOBBY).await;
        up_to_a_mark(&a, &mut *at_b).await;
        a.publish(committed(RoomId(8), &[1]));
        a.publish(committed(LOBBY, &[1, 2]));
        a.publish(committed(RoomId::SERVER, &[5]));
        a.publish(committed(LOBBY, &[3]));
        let mut seqs = Vec::new();
        while seqs.len() < 4 {
            if let BusMessage::Events(events) = next(&mut *at_b).await {
                seqs.extend(events.iter().map(|event| (event.room, event.seq.0)));
            }
        }
        let of = |room| seqs.iter().filter(|(id, _)| *id == room).map(|(_, seq)| *seq).collect::<Vec<_>>();
        assert_eq!((of(LOBBY), of(RoomId::SERVER)), (vec![1, 2, 3], vec![5]));
        b.unfollow(LOBBY);
        // The subscription ends in a moment; what is published then no longer comes.
        loop {
            a.publish(committed(LOBBY, &[9]));
            if up_to_a_mark(&a, &mut *at_b).await.is_empty() {
                break;
            }
        }
    });
}

#[test]
fn what_a_node_publishes_comes_to_itself_once() {
    runtime().block_on(async {
        let server = NatsServer::start();
        let (a, b) = (node(&server, "a").await, node(&server, "b").await);
        let mut at_a = a.subscribe();
        a.follow(LOBBY).await;
        a.publish(committed(LOBBY, &[1]));
        a.flush().await;
        let before = up_to_a_mark(&b, &mut *at_a).await;
        assert_eq!(before, [BusMessage::Events([deleted(LOBBY, 1)].into())]);
    });
}

#[test]
fn notices_reach_other_nodes() {
    runtime().block_on(async {
        let server = NatsServer::start();
        let (a, b) = (node(&server, "a").await, node(&server, "b").await);
        let mut at_b = b.subscribe();
        for notice in [
            Notice::SessionsEnded(vec![SessionId(4)]),
            Notice::UserChanged(Box::new(known_user(5, "eve"))),
            Notice::UserDeleted(UserId(6)),
            Notice::SiteTokensEnded(EndedTokens::OfKeys(vec![SiteKeyId(7)])),
        ] {
            a.announce(notice.clone());
            assert_eq!(next(&mut *at_b).await, BusMessage::Notice(notice));
        }
    });
}

#[test]
fn services_with_other_prefixes_hear_nothing_of_each_other() {
    runtime().block_on(async {
        let server = NatsServer::start();
        let url = server.url();
        let [mine, same, other] = [("a", "one"), ("b", "one"), ("c", "two")];
        let mine = node_with(&url, mine.0, mine.1).await;
        let same = node_with(&url, same.0, same.1).await;
        let other = node_with(&url, other.0, other.1).await;
        let mut at_mine = mine.subscribe();
        mine.follow(LOBBY).await;
        other.publish(committed(LOBBY, &[1]));
        other.publish(committed(RoomId::SERVER, &[1]));
        other.announce(Notice::UserDeleted(UserId(6)));
        other.flush().await;
        assert_eq!(up_to_a_mark(&same, &mut *at_mine).await, []);
    });
}

#[test]
fn a_server_that_goes_and_comes_back_is_declared_a_loss_and_the_bus_goes_on() {
    runtime().block_on(async {
        let mut server = NatsServer::start();
        let (a, b) = (node(&server, "a").await, node(&server, "b").await);
        b.follow(LOBBY).await;
        let mut at_b = b.subscribe();
        up_to_a_mark(&a, &mut *at_b).await;
        server.stop();
        let lost = async { while at_b.next().await.unwrap() != BusMessage::Lost {} };
        tokio::time::timeout(SOON, lost).await.expect("the loss to be declared");
        assert_eq!(b.ask(&NodeName::parse("a").unwrap(), NodeRequest::FullBeat).await, Err(Silent));
        let dropped = a.stats().dropped;
        while a.is_connected() {
            tokio::task::yield_now().await;
        }
        a.publish(committed(LOBBY, &[1]));
        a.flush().await;
        assert!(a.stats().dropped > dropped, "nothing is kept for it");
        server.start_again();
        let lost = async { while at_b.next().await.unwrap() != BusMessage::Lost {} };
        tokio::time::timeout(SOON, lost).await.expect("its return to be declared");
        // A publishes again as soon as it is connected itself.
        assert_eq!(*published_until_heard(&a, 2, &mut *at_b).await, [deleted(LOBBY, 2)]);
    });
}

#[test]
fn a_node_starts_without_nats_and_joins_when_it_comes() {
    runtime().block_on(async {
        let mut server = NatsServer::start();
        server.stop();
        let (a, b) = (node(&server, "a").await, node(&server, "b").await);
        assert!(!a.is_connected());
        let mut at_b = b.subscribe();
        b.follow(LOBBY).await;
        server.start_again();
        assert_eq!(*published_until_heard(&a, 2, &mut *at_b).await, [deleted(LOBBY, 2)]);
    });
}

/// Answers every request, and hands on what it hears.
struct Answering(User, Mutex<mpsc::UnboundedSender<Beat>>);

impl AnswersNodes for Answering {
    fn answer(&self, request: NodeRequest) -> NodeAnswer {
        match request {
            NodeRequest::Users(LOBBY) => NodeAnswer::Users(vec![self.0.clone()]),
            NodeRequest::CloseConnection(5) => NodeAnswer::Done,
            _ => NodeAnswer::Missing,
        }
    }

    fn hear(&self, beat: Beat) {
        self.1.lock().unwrap().send(beat).unwrap();
    }
}

#[test]
fn nodes_hear_each_others_beats_and_answer_each_other() {
    runtime().block_on(async {
        let server = NatsServer::start();
        let (a, b) = (node(&server, "a").await, node(&server, "b").await);
        let (told, mut heard) = mpsc::unbounded_channel();
        let ann = known_user(1, "ann");
        b.serve(Arc::new(Answering(ann.clone(), Mutex::new(told))));
        let name = NodeName::parse("b").unwrap();
        // Until its subscription is known.
        let answer = async {
            loop {
                if let Ok(answer) = a.ask(&name, NodeRequest::Users(LOBBY)).await {
                    return answer;
                }
            }
        };
        let answer = tokio::time::timeout(SOON, answer).await.expect("an answer");
        assert_eq!(answer, NodeAnswer::Users(vec![ann]));
        assert_eq!(a.ask(&name, NodeRequest::CloseConnection(5)).await, Ok(NodeAnswer::Done));
        assert_eq!(a.ask(&name, NodeRequest::CloseConnection(6)).await, Ok(NodeAnswer::Missing));
        let nobody = NodeName::parse("nobody").unwrap();
        assert_eq!(a.ask(&nobody, NodeRequest::FullBeat).await, Err(Silent));
        let beat = Beat {
            node: NodeName::parse("a").unwrap(),
            incarnation: 4,
            number: 1,
            full: true,
            rooms: vec![(LOBBY, 3)],
            connections: 3,
            version: "1".to_owned(),
            at: NOON,
            leaving: false,
        };
        a.beat(beat.clone());
        assert_eq!(tokio::time::timeout(SOON, heard.recv()).await.expect("a beat"), Some(beat));
    });
}

#[test]
fn what_a_newer_version_sends_is_counted_and_declared_lost_not_guessed_at() {
    runtime().block_on(async {
        let server = NatsServer::start();
        let b = node(&server, "b").await;
        let other = async_nats::connect(server.url()).await.unwrap();
        let mut at_b = b.subscribe();
        let newer = r#"{"v":2,"epoch":1,"first":1,"last":1,"events":[]}"#;
        let lost = async {
            while b.stats().newer == 0 {
                other.publish("test.v1.server", newer.into()).await.unwrap();
                other.publish("test.v1.server", "{".into()).await.unwrap();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            while at_b.next().await.unwrap() != BusMessage::Lost {}
        };
        tokio::time::timeout(SOON, lost).await.expect("a loss");
        assert!(b.stats().malformed > 0);
    });
}

#[test]
fn a_token_a_password_and_a_wrong_one() {
    runtime().block_on(async {
        let server = NatsServer::start_with(&["--auth", "secret-token"]);
        let with_token = node_with(&format!("nats://secret-token@{}", server.address()), "a", "test").await;
        assert!(with_token.is_connected());
        let with_another = node_with(&format!("nats://guess@{}", server.address()), "b", "test").await;
        assert!(!with_another.is_connected());
        let server = NatsServer::start_with(&["--user", "banter", "--pass", "p@ss"]);
        let with_password = node_with(&format!("nats://banter:p%40ss@{}", server.address()), "a", "test").await;
        assert!(with_password.is_connected());
    });
}

#[test]
fn settings_that_cannot_be_used_are_one_line_without_the_password() {
    runtime().block_on(async {
        let node = NodeName::parse("a").unwrap();
        let options = |url: &str| NatsOptions {
            servers: vec![url.to_owned()],
            credentials: None,
            ca: None,
            prefix: "test".to_owned(),
            node: node.clone(),
        };
        let said = async |options| NatsBus::start(options).await.map(drop).unwrap_err().to_string();
        let bad = said(options("http://user:secret@host")).await;
        assert_eq!(bad, "NATS_URL: host is no address like nats://host:4222 or tls://host");
        let missing = NatsOptions { ca: Some("/no/such.pem".into()), ..options("nats://127.0.0.1:9") };
        assert!(said(missing).await.starts_with("NATS_CA: /no/such.pem cannot be used: "));
        let missing = NatsOptions { credentials: Some("/no/such.creds".into()), ..options("nats://127.0.0.1:9") };
        assert!(said(missing).await.starts_with("NATS_CREDENTIALS: /no/such.creds cannot be used: "));
    });
}
