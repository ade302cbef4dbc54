//! What a post, a delivery, a join and a resume allocate, with bounds a tenth above what they did when this was written: a later
//! change that makes a hot path dearer fails here. Counted is the whole server, by blocks and bytes; the client of this file allocates
//! nothing while it is counted. A bound may be raised, in a commit that says why.
#![expect(dead_code, reason = "the server for tests is made for more than this")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "../it/app.rs"]
mod app;
#[path = "../it/database.rs"]
mod database;

use app::TestApp;
use database::Database;
use std::io::{Read, Write};
use std::net::TcpStream;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Sockets in each measurement, after as many that warm up.
const SOCKETS: usize = 40;

/// Messages in each measurement.
const MESSAGES: usize = 100;

/// Blocks and bytes of one operation.
#[derive(Clone, Copy, Debug)]
struct Cost {
    blocks: f64,
    bytes: f64,
}

impl Cost {
    /// What `work` costs, divided by `times`.
    fn of(times: usize, work: impl FnOnce()) -> Cost {
        let before = dhat::HeapStats::get();
        work();
        let after = dhat::HeapStats::get();
        Cost {
            blocks: (after.total_blocks - before.total_blocks) as f64 / times as f64,
            bytes: (after.total_bytes - before.total_bytes) as f64 / times as f64,
        }
    }

    /// What entering costs most of these clients: some come while what is in memory is compared with the store.
    fn of_entering(clients: &mut [Client]) -> Cost {
        let costs: Vec<Cost> = clients.iter_mut().map(|client| Cost::of(1, || client.enter())).collect();
        let median = |mut costs: Vec<f64>| {
            costs.sort_by(f64::total_cmp);
            costs[costs.len() / 2]
        };
        Cost {
            blocks: median(costs.iter().map(|cost| cost.blocks).collect()),
            bytes: median(costs.iter().map(|cost| cost.bytes).collect()),
        }
    }

    #[track_caller]
    fn is_within(self, what: &str, bound: Cost) {
        println!("{what}: {:.1} blocks, {:.0} bytes", self.blocks, self.bytes);
        assert!(self.blocks <= bound.blocks && self.bytes <= bound.bytes, "{what} costs {self:?}, more than {bound:?}");
    }
}

/// A socket whose requests were written down before.
struct Client {
    stream: TcpStream,
    upgrade: Vec<u8>,
    join: Vec<u8>,
    seen: Vec<u8>,
}

impl Client {
    fn new(address: &str, token: &str, room: &str, since: Option<i64>) -> Client {
        let upgrade = format!(
            "GET /ws HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: banter.v1, bearer.{token}\r\n\r\n"
        );
        let since = since.map(|since| format!(r#","since":{since}"#)).unwrap_or_default();
        let join = masked(&format!(r#"{{"event":"join","data":{{"uid":"{room}"{since}}},"id":7}}"#));
        let stream = TcpStream::connect(address).unwrap();
        Client { stream, upgrade: upgrade.into_bytes(), join, seen: Vec::with_capacity(1 << 20) }
    }

    /// Opens the socket and enters the room.
    fn enter(&mut self) {
        self.stream.write_all(&self.upgrade).unwrap();
        self.until(br#""auth_updated""#);
        self.stream.write_all(&self.join).unwrap();
        self.until(br#""ack","id":7"#);
    }

    fn send(&mut self, frame: &[u8], answer: &[u8]) {
        self.stream.write_all(frame).unwrap();
        self.until(answer);
    }

    /// Reads until this was sent.
    fn until(&mut self, text: &[u8]) {
        self.seen.clear();
        let mut buffer = [0; 16 * 1024];
        while !self.seen.windows(text.len()).any(|window| window == text) {
            let read = self.stream.read(&mut buffer).unwrap();
            assert!(read > 0, "the server closed");
            // The end of what came before, in case the text is cut.
            let keep = self.seen.len().min(text.len());
            let from = self.seen.len() - keep;
            self.seen.copy_within(from.., 0);
            self.seen.truncate(keep);
            self.seen.extend_from_slice(&buffer[..read]);
        }
    }
}

/// A text frame as clients send it, with a mask of zeros.
fn masked(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    let mut frame = vec![0x81];
    if length < 126 {
        frame.push(0x80 | u8::try_from(length).unwrap());
    } else {
        frame.push(0x80 | 126);
        frame.extend(length.to_be_bytes());
    }
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}

/// The frames of messages from the number `first` on, and what their acks hold.
fn messages(room: &str, first: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    let numbers = first..first + MESSAGES;
    let frame = |number| {
        let text = format!("message number {number}, a text as people write it in a chat");
        let id = 1_000 + number;
        let json = format!(
            r#"{{"event":"sendMessage","data":{{"room":"{room}","text":"{text}","nonce":"n{number}"}},"id":{id}}}"#
        );
        (masked(&json), format!(r#""ack","id":{id}"#).into_bytes())
    };
    numbers.map(frame).collect()
}

fn measure(address: &str, tokens: &[String], room: &str, quiet: &str) {
    let mut clients: Vec<Client> = tokens.iter().map(|token| Client::new(address, token, room, None)).collect();
    let (warm, measured) = clients.split_at_mut(SOCKETS);
    warm.iter_mut().for_each(Client::enter);
    Cost::of_entering(measured).is_within("a join", JOIN);

    let mut again: Vec<Client> = tokens.iter().map(|token| Client::new(address, token, room, Some(50))).collect();
    let (warm, measured) = again.split_at_mut(SOCKETS);
    warm.iter_mut().for_each(Client::enter);
    Cost::of_entering(measured).is_within("a resume", RESUME);
    drop(again);

    let mut sender = Client::new(address, &tokens[0], quiet, None);
    sender.enter();
    let (warm, measured) = (messages(quiet, 0), messages(quiet, MESSAGES));
    warm.iter().for_each(|(frame, ack)| sender.send(frame, ack));
    let post = Cost::of(MESSAGES, || measured.iter().for_each(|(frame, ack)| sender.send(frame, ack)));
    post.is_within("a post", POST);

    let measured = messages(room, 0);
    let told = format!("message number {},", MESSAGES - 1).into_bytes();
    let all = Cost::of(MESSAGES, || {
        measured.iter().for_each(|(frame, ack)| sender.send(frame, ack));
        clients.iter_mut().for_each(|client| client.until(&told));
    });
    let each = |all: f64, post: f64| (all - post).max(0.0) / clients.len() as f64;
    let delivery = Cost { blocks: each(all.blocks, post.blocks), bytes: each(all.bytes, post.bytes) };
    delivery.is_within("a delivery", DELIVERY);
}

/// With a login that is looked up, and the list of the other users in the room.
const JOIN: Cost = Cost { blocks: 282.0, bytes: 38_900.0 };
/// With a login that is in memory.
const RESUME: Cost = Cost { blocks: 163.0, bytes: 33_600.0 };
const POST: Cost = Cost { blocks: 168.0, bytes: 24_500.0 };
const DELIVERY: Cost = Cost { blocks: 0.5, bytes: 60.0 };

#[actix_web::test]
async fn the_hot_paths_allocate_no_more_than_they_did() {
    let app = TestApp::start(Database::sqlite()).await;
    let ann = app.register("ann").await;
    let (room, quiet) = (app.room(&ann, "busy").await, app.room(&ann, "quiet").await);
    for number in 0..50 {
        app.say(&ann, &room, &format!("message {number} of those that were there before")).await;
    }
    let mut tokens = Vec::new();
    for _ in 0..2 * SOCKETS {
        tokens.push(app.guest().await.token);
    }
    let address = app.url.trim_start_matches("http://").to_owned();
    let _counting = dhat::Profiler::builder().testing().build();
    let measuring = move || measure(&address, &tokens, &room, &quiet);
    actix_web::rt::task::spawn_blocking(measuring).await.unwrap();
    app.stop().await;
}
