//! Clients that are gone without a word: one that takes nothing more, and one that is no longer heard of. Their connections
//! stay open as far as the network tells.

use crate::app::{Person, TestApp};
use crate::database::Database;
use crate::socket::Socket;
use crate::ws_hostile::upgrade;
use actix_web::rt::time::sleep;
use serde_json::json;
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// What docs/architecture.md promises of a peer that takes nothing: 15 s, and what it takes to notice.
const TAKES_NOTHING: Duration = Duration::from_secs(20);

/// A ping after 25 s, a pong within 10 s, a goodbye within 3 s; the timers count whole seconds.
const NOT_HEARD_OF: Duration = Duration::from_secs(25 + 10 + 3 + 2);

/// For a machine that is busy with other tests. The kernel's timers and the server's do not run slower on it.
const SLACK: Duration = Duration::from_secs(6);

/// In /proc/net/tcp.
const ESTABLISHED: &str = "01";

/// A client that enters the room and does nothing after that, not even answer a ping.
async fn silent(app: &TestApp, room: &str) -> TcpStream {
    let address = app.url.trim_start_matches("http://").to_owned();
    let path = format!("/ws?room={room}");
    let connect = move || {
        let mut stream = TcpStream::connect(&address).unwrap();
        socket2::SockRef::from(&stream).set_recv_buffer_size(4096).unwrap();
        upgrade(&mut stream, &address, &path);
        stream
    };
    actix_web::rt::task::spawn_blocking(connect).await.unwrap()
}

/// How many bytes the server's kernel holds for a client; `None` when the server has ended the connection and holds nothing.
fn held_for(app: &TestApp, client: &TcpStream) -> Option<u64> {
    let port = |text: &str| u16::from_str_radix(text.rsplit_once(':').unwrap().1, 16).unwrap();
    let here: u16 = app.url.rsplit_once(':').unwrap().1.parse().unwrap();
    let there = client.local_addr().unwrap().port();
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    table.lines().skip(1).find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let is_it = (port(columns[1]), port(columns[2])) == (here, there);
        let held = u64::from_str_radix(columns[4].split_once(':').unwrap().0, 16).unwrap();
        // What was closed and sent waits a while for the client to close too, and costs next to nothing.
        (is_it && (columns[3] == ESTABLISHED || held > 1)).then_some(held)
    })
}

/// Waits until `left` connections are left, and says how long that took. Somebody talks meanwhile.
async fn until_left(app: &TestApp, root: &Person, talks: &mut Socket, left: usize, since: Instant) -> Duration {
    loop {
        let connections = app.get(root, "/connections").await.ok(200)["connections"].as_array().unwrap().len();
        if connections <= left {
            return since.elapsed();
        }
        assert!(since.elapsed() < NOT_HEARD_OF + SLACK, "{connections} are still there");
        talks.say("/echo I am here").await.unwrap();
        sleep(Duration::from_millis(200)).await;
    }
}

#[actix_web::test]
async fn who_takes_nothing_and_who_says_nothing_delays_nobody_and_is_gone_as_soon_as_is_promised() {
    // The database has no part in it.
    let app = TestApp::start(Database::sqlite()).await;
    let (root, ann) = (app.root().await, app.register("ann").await);
    let (busy, quiet) = (app.room(&ann, "busy").await, app.room(&ann, "quiet").await);
    let mut watches = Socket::in_room(&app, &ann, &busy).await;
    let stuck = silent(&app, &busy).await;
    let text = "x".repeat(490);
    for number in 0..3_000 {
        watches.start("sendMessage", json!({ "text": format!("{number} {text}") })).await;
        if number % 20 == 19 {
            watches.all().await;
            // Less may be on its way to it.
            if held_for(&app, &stuck).expect("a connection") > 16 * 1024 {
                break;
            }
        }
    }
    let stuck_since = Instant::now();
    let held = held_for(&app, &stuck).expect("a connection");
    assert!((1..=256 * 1024).contains(&held), "{held} bytes wait in the kernel");
    let unheard = silent(&app, &quiet).await;
    let unheard_since = Instant::now();
    watches.say("told at once").await.unwrap();
    assert!(held_for(&app, &unheard).is_some());

    let took = until_left(&app, &root, &mut watches, 2, stuck_since).await;
    assert!(took < TAKES_NOTHING + SLACK, "who takes nothing was there for {took:?}");
    assert_eq!(held_for(&app, &stuck), None, "what it did not take is freed");
    assert!(held_for(&app, &unheard).is_some(), "the other one still has time");

    let took = until_left(&app, &root, &mut watches, 1, unheard_since).await;
    assert!(took > Duration::from_secs(25 + 10 - 2), "who says nothing has the promised time, not {took:?}");
    let gone = Instant::now();
    while held_for(&app, &unheard).is_some() {
        assert!(gone.elapsed() < SLACK, "its connection is closed");
        sleep(Duration::from_millis(50)).await;
    }
    watches.say("nothing happened").await.unwrap();
    drop((stuck, unheard, watches));
    app.stop().await;
}
