//! Gates before servers: connections go through, are refused, or hang.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;

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
pub struct PostgresGate {
    /// What opens the database through it.
    pub url: String,
    gate: watch::Sender<Gate>,
    _folder: TempDir,
}

impl PostgresGate {
    /// Stands before the server of this URL, which listens on a Unix socket.
    pub fn before(url: &str) -> PostgresGate {
        let (before, host) = url.split_once("host=").expect("a URL with a socket's folder");
        let (host, after) =
            host.split_once('&').map_or((host, String::new()), |(host, after)| (host, format!("&{after}")));
        let there = Path::new(&host.replace("%2F", "/")).join(".s.PGSQL.5432");
        // Not in TMPDIR: a socket's path may hold 107 bytes.
        let folder = tempfile::Builder::new().prefix("banter-gate").tempdir_in("/tmp").unwrap();
        let here = folder.path().to_str().unwrap().replace('/', "%2F");
        let gate = watch::Sender::new(Gate::Open);
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
        listener.set_nonblocking(true).unwrap();
        let opened = gate.subscribe();
        // A thread of its own: a test that waits for a process to start must not keep that process waiting.
        std::thread::spawn(move || {
            actix_web::rt::Runtime::new().unwrap().block_on(serve_unix(listener, there, opened))
        });
        PostgresGate { url: format!("{before}host={here}{after}"), gate, _folder: folder }
    }

    /// From now on.
    pub fn set(&self, gate: Gate) {
        self.gate.send_replace(gate);
    }
}

/// A way to a server on this machine that can be closed.
pub struct TcpGate {
    address: SocketAddr,
    gate: watch::Sender<Gate>,
}

impl TcpGate {
    /// Stands before the server at this address.
    pub fn before(there: &str) -> TcpGate {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let gate = watch::Sender::new(Gate::Open);
        let (opened, there) = (gate.subscribe(), there.to_owned());
        std::thread::spawn(move || actix_web::rt::Runtime::new().unwrap().block_on(serve_tcp(listener, there, opened)));
        TcpGate { address, gate }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on.
    pub fn set(&self, gate: Gate) {
        self.gate.send_replace(gate);
    }
}

/// Until the gate is gone.
async fn serve_unix(listener: UnixListener, there: PathBuf, gate: watch::Receiver<Gate>) {
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

/// The same; a server that is away is a closed connection.
async fn serve_tcp(listener: TcpListener, there: String, gate: watch::Receiver<Gate>) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let mut gone = gate.clone();
    loop {
        let (client, _) = tokio::select! {
            accepted = listener.accept() => accepted.unwrap(),
            _ = gone.wait_for(|_| false) => return,
        };
        if *gate.borrow() != Gate::Shut
            && let Ok(server) = TcpStream::connect(&there).await
        {
            actix_web::rt::spawn(through(client, server, gate.clone()));
        }
    }
}

/// Carries bytes both ways until one side ends or the gate is shut.
async fn through(
    client: impl AsyncRead + AsyncWrite,
    server: impl AsyncRead + AsyncWrite,
    mut gate: watch::Receiver<Gate>,
) {
    let (mut from_client, mut to_client) = split(client);
    let (mut from_server, mut to_server) = split(server);
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
