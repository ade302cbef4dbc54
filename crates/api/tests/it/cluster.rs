//! Several nodes in processes of their own, on one PostgreSQL and one NATS, with people who post and watch on all of them.

use crate::app::Person;
use crate::database::Database;
use crate::gate::{PostgresGate, TcpGate};
use crate::process::{self, Process, history, owner_and_room};
use crate::socket::{Next, Socket};
use crate::transcript::{Viewer, each_stands_once};
use actix_web::rt::time::sleep;
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use testkit::nats::NatsServer;

/// How many post at once.
const POSTERS: usize = 4;

/// Between two messages of one of them: whoever is cut off for seconds still comes back to fewer than 500, which can be resumed.
const PAUSE: Duration = Duration::from_millis(50);

/// Nothing that is expected takes longer, also on a machine that is busy with other tests.
const LONG: Duration = Duration::from_secs(60);

/// The nodes.
pub struct Cluster {
    pub nats: NatsServer,
    pub database: Database,
    /// Their addresses stay when they are killed and started again.
    pub urls: Vec<String>,
    nodes: Vec<Option<Process>>,
    /// By which NATS address and database each reaches them.
    ways: Vec<(String, String)>,
    /// LIMITS of all.
    limits: &'static str,
    /// What is started.
    pub program: String,
}

impl Cluster {
    /// So many nodes of another program.
    pub fn start_program(program: String, count: usize) -> Cluster {
        let (database, nats) = (Database::postgres(), NatsServer::start());
        let ways = vec![(nats.url(), database.url.clone()); count];
        let mut cluster = Cluster::empty(database, nats, ways);
        cluster.program = program;
        cluster.launch_all()
    }

    /// So many nodes.
    pub fn start(count: usize) -> Cluster {
        Cluster::start_on(Database::postgres(), count)
    }

    /// The same with these LIMITS, which are off otherwise.
    pub fn start_limited(count: usize, limits: &'static str) -> Cluster {
        let (database, nats) = (Database::postgres(), NatsServer::start());
        let ways = vec![(nats.url(), database.url.clone()); count];
        let mut cluster = Cluster::empty(database, nats, ways);
        cluster.limits = limits;
        cluster.launch_all()
    }

    /// The same on this PostgreSQL.
    pub fn start_on(database: Database, count: usize) -> Cluster {
        let nats = NatsServer::start();
        let ways = vec![(nats.url(), database.url.clone()); count];
        Cluster::start_by(database, nats, ways)
    }

    /// Nodes that each reach NATS and the database by ways of their own.
    pub fn start_by(database: Database, nats: NatsServer, ways: Vec<(String, String)>) -> Cluster {
        Cluster::empty(database, nats, ways).launch_all()
    }

    fn empty(database: Database, nats: NatsServer, ways: Vec<(String, String)>) -> Cluster {
        let program = process::CURRENT.to_owned();
        Cluster { nats, database, urls: Vec::new(), nodes: Vec::new(), ways, limits: "off", program }
    }

    fn launch_all(mut self) -> Cluster {
        for number in 0..self.ways.len() {
            let node = self.launch(number, None);
            self.urls.push(node.url.clone());
            self.nodes.push(Some(node));
        }
        self
    }

    fn launch(&self, number: usize, url: Option<&str>) -> Process {
        let (nats, database) = &self.ways[number];
        let name = format!("node-{number}");
        let settings = [
            ("NATS_URL", nats.as_str()),
            ("DATABASE_URL", database.as_str()),
            ("NODE_NAME", name.as_str()),
            ("LOG", "off"),
            ("LIMITS", self.limits),
        ];
        Process::start_program(&self.program, &self.database, url, &settings, Stdio::inherit())
    }

    /// SIGKILL for a node.
    pub fn kill(&mut self, number: usize) {
        self.nodes[number].take().expect("a node that runs").kill();
    }

    /// SIGTERM for a node; its exit code.
    pub async fn terminate(&mut self, number: usize) -> Option<i32> {
        let node = self.nodes[number].take().expect("a node that runs");
        actix_web::rt::task::spawn_blocking(move || node.terminate()).await.unwrap()
    }

    /// Starts a node again where it was.
    pub async fn start_again(&mut self, number: usize) {
        self.nodes[number] = Some(self.launch(number, Some(&self.urls[number])));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.nodes.iter_mut().filter_map(Option::take).for_each(Process::kill);
    }
}

/// Three nodes, of which the second reaches NATS by a gate, and the third the database.
pub fn three_with_gates() -> (Cluster, TcpGate, PostgresGate) {
    let (database, nats) = (Database::postgres(), NatsServer::start());
    let (to_nats, to_postgres) = (TcpGate::before(&nats.address()), PostgresGate::before(&database.url));
    let ways = vec![
        (nats.url(), database.url.clone()),
        (format!("nats://{}", to_nats.address()), database.url.clone()),
        (nats.url(), to_postgres.url.clone()),
    ];
    (Cluster::start_by(database, nats, ways), to_nats, to_postgres)
}

/// People who post over HTTP to all nodes, and watch on sockets of all nodes.
pub struct Traffic {
    urls: Vec<String>,
    pub ann: Person,
    pub room: String,
    next: Cell<usize>,
    acked: RefCell<BTreeMap<usize, Value>>,
    over: Cell<bool>,
    /// The codes that viewers were closed with.
    pub closed: RefCell<Vec<Option<u16>>>,
    /// How long each message took to each viewer, in ms.
    pub delays: RefCell<Vec<i64>>,
}

impl Traffic {
    /// Somebody with a room, and nobody posts or watches yet.
    pub async fn prepare(cluster: &Cluster) -> Traffic {
        let (ann, room) = owner_and_room(&cluster.urls[0]).await;
        Traffic {
            urls: cluster.urls.clone(),
            ann,
            room,
            next: Cell::new(0),
            acked: RefCell::default(),
            over: Cell::new(false),
            closed: RefCell::default(),
            delays: RefCell::default(),
        }
    }

    /// Posts once, under a nonce, to one node after the other until one acknowledges it.
    async fn post(&self, text: &str, from: usize) -> Value {
        let began = Instant::now();
        for attempt in from.. {
            let url = &self.urls[attempt % self.urls.len()];
            let body = json!({ "room": self.room, "message": text, "nonce": text });
            let post = awc::Client::default().post(format!("{url}/messages")).bearer_auth(&self.ann.token);
            if let Ok(mut reply) = post.timeout(Duration::from_secs(10)).send_json(&body).await
                && let Ok(body) = reply.json::<Value>().await
            {
                match reply.status().as_u16() {
                    201 => return body["message"].clone(),
                    502 | 503 => {}
                    status => panic!("{status} {body}"),
                }
            }
            assert!(began.elapsed() < LONG, "no node took {text}");
            sleep(Duration::from_millis(50)).await;
        }
        unreachable!("there is always another attempt")
    }

    async fn keep_posting(&self, poster: usize) {
        while !self.over.get() {
            let number = self.next.get();
            self.next.set(number + 1);
            let message = self.post(&format!("message {number}"), poster).await;
            self.acked.borrow_mut().insert(number, message);
            sleep(PAUSE).await;
        }
    }

    /// Waits until so many more messages are acknowledged.
    pub async fn some_more(&self, count: usize) {
        let (enough, began) = (self.acked.borrow().len() + count, Instant::now());
        while self.acked.borrow().len() < enough {
            assert!(began.elapsed() < LONG, "messages are no longer taken");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Watches from one node on, on another whenever it has to, up to the end.
    async fn watch(&self, first: usize) -> Viewer {
        let (mut viewer, mut node, mut last_heard) = (Viewer::default(), first, Instant::now());
        let is_over =
            |viewer: &Viewer| viewer.seen.last_key_value().is_some_and(|(_, last)| last["message"] == "the end");
        while !is_over(&viewer) {
            assert!(last_heard.elapsed() < LONG, "a viewer hears nothing more");
            let Some(mut socket) = Socket::try_anonymous(&self.urls[node % self.urls.len()]).await else {
                node += 1;
                sleep(Duration::from_millis(50)).await;
                continue;
            };
            socket.try_start("join", json!({ "uid": self.room, "since": viewer.head })).await;
            while !is_over(&viewer) {
                match socket.next().await {
                    // Busy: it asks again.
                    Next::Text(frame) if frame["event"] == "error" => break,
                    Next::Text(frame) => {
                        if frame["event"] == "message" {
                            last_heard = Instant::now();
                            let sent = frame["data"]["timestamp"].as_i64().unwrap();
                            self.delays.borrow_mut().push(now_ms() - sent);
                        }
                        viewer.receive(&frame);
                    }
                    Next::Closed(code) => {
                        self.closed.borrow_mut().push(code);
                        break;
                    }
                }
            }
            node += 1;
        }
        viewer
    }

    /// Has people post and watch on all nodes while `happening` does something to the cluster: what was acknowledged stands in the
    /// history once, and every viewer saw the history.
    pub async fn survives(&self, happening: impl Future<Output = ()>) {
        let watching = futures_util::future::join_all((0..self.urls.len()).map(|node| self.watch(node)));
        let posting = async {
            futures_util::future::join_all((0..POSTERS).map(|poster| self.keep_posting(poster))).await;
            self.post("the end", 0).await;
        };
        let directing = async {
            self.some_more(50).await;
            happening.await;
            self.some_more(50).await;
            self.over.set(true);
        };
        let (viewers, (), ()) = futures_util::join!(watching, posting, directing);
        let messages = history(&self.urls[0], &self.room).await;
        let acked = self.acked.borrow();
        each_stands_once(&acked, &messages);
        assert_eq!(messages.len(), acked.len() + 1, "what was acknowledged, and the end");
        for viewer in viewers {
            assert_eq!(viewer.seen.into_values().collect::<Vec<_>>(), messages, "a viewer's transcript is the history");
        }
    }
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}
