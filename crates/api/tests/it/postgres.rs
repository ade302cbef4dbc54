//! A PostgreSQL of a test's own, to be stopped; and one that is reached through a gate, to be cut off.

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::watch;

/// A server that ends with this value.
pub struct Postgres {
    /// What opens it.
    pub url: String,
    control: String,
    script: Child,
    /// Closed, it tells the script to clean up: also when the test was killed.
    stdin: Option<ChildStdin>,
}

impl Postgres {
    /// Starts one beside the one that the test script started.
    pub fn start() -> Postgres {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/with-postgres");
        let mut command = Command::new(path);
        command.args(["sh", "-c", r#"echo "$TEST_DATABASE_URL"; echo "$TEST_POSTGRES_CTL"; exec cat"#]);
        let mut script = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(script.stdout.take().unwrap()).lines();
        let mut line = || lines.next().expect("a PostgreSQL").unwrap();
        Postgres { url: line(), control: line(), stdin: script.stdin.take(), script }
    }

    /// Ends all its processes at once, as a crash does.
    pub async fn crash(&self) {
        self.control(&["stop", "-m", "immediate"]).await;
    }

    /// Starts it again.
    pub async fn recover(&self) {
        self.control(&["start"]).await;
    }

    async fn control(&self, arguments: &[&str]) {
        let mut control = Command::new(&self.control);
        control.args(arguments).stdout(Stdio::null());
        let done = actix_web::rt::task::spawn_blocking(move || control.status()).await.unwrap().unwrap();
        assert!(done.success(), "pg_ctl {arguments:?}");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // It removes its folder; whether that worked is no matter of the test.
        let _ = self.script.wait();
    }
}

/// What a gate does with those who come through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Lets them through.
    Open,
    /// Shuts the door in their face, whoever is inside too.
    Shut,
    /// Keeps them waiting: connections are taken, and nothing moves.
    Stuck,
}

/// A way to a PostgreSQL that can be closed.
pub struct Gateway {
    /// What opens the database through it.
    pub url: String,
    gate: watch::Sender<Gate>,
    _folder: TempDir,
}

impl Gateway {
    /// Stands before the server of `url`, which listens on a Unix socket.
    pub fn before(url: &str) -> Gateway {
        let (before, rest) = url.split_once("host=").expect("a URL with a socket's folder");
        let (host, after) =
            rest.split_once('&').map_or((rest, String::new()), |(host, after)| (host, format!("&{after}")));
        let there = Path::new(&host.replace("%2F", "/")).join(".s.PGSQL.5432");
        // Not in TMPDIR: a socket's path may hold 107 bytes.
        let folder = tempfile::Builder::new().prefix("banter-gate").tempdir_in("/tmp").unwrap();
        let here = folder.path().to_str().unwrap().replace('/', "%2F");
        let gate = watch::Sender::new(Gate::Open);
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
        listener.set_nonblocking(true).unwrap();
        let opened = gate.subscribe();
        // A thread of its own: a test that waits for a process to start must not keep that process waiting.
        std::thread::spawn(move || actix_web::rt::Runtime::new().unwrap().block_on(serve(listener, there, opened)));
        Gateway { url: format!("{before}host={here}{after}"), gate, _folder: folder }
    }

    /// From now on.
    pub fn set(&self, gate: Gate) {
        self.gate.send_replace(gate);
    }
}

/// Until the gateway is gone.
async fn serve(listener: UnixListener, there: PathBuf, gate: watch::Receiver<Gate>) {
    let listener = tokio::net::UnixListener::from_std(listener).unwrap();
    let mut gone = gate.clone();
    loop {
        let (client, _) = tokio::select! {
            accepted = listener.accept() => accepted.unwrap(),
            _ = gone.wait_for(|_| false) => return,
        };
        if *gate.borrow() != Gate::Shut {
            let server = UnixStream::connect(&there).await.unwrap();
            actix_web::rt::spawn(through(client, server, gate.clone()));
        }
    }
}

/// Carries bytes both ways until one side ends or the gate is shut.
async fn through(client: UnixStream, server: UnixStream, mut gate: watch::Receiver<Gate>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let there = pass(&mut from_client, &mut to_server, gate.clone());
    let back = pass(&mut from_server, &mut to_client, gate.clone());
    tokio::select! {
        () = there => {}
        () = back => {}
        _ = gate.wait_for(|gate| *gate == Gate::Shut) => {}
    }
}

async fn pass(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    mut gate: watch::Receiver<Gate>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if gate.wait_for(|gate| *gate != Gate::Stuck).await.is_err() || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
