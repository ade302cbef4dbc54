//! A server from start to stop: bind, serve, drain.

use crate::app::App;
use crate::bootstrap::{self, ServeLock, StoreHandle, Wired};
use crate::client_ip::UnlistedProxy;
use crate::config::Config;
use crate::housekeeping;
use crate::http;
use crate::metrics::{self, Metrics};
use crate::realtime::feed::{self, Feed};
use crate::realtime::hub::Hub;
use crate::realtime::node::Node;
use crate::realtime::outgoing::SocketHandle;
use crate::realtime::protocol::Close;
use crate::realtime::workers::ToWorker;
use actix_web::dev::{Extensions, ServerHandle};
use actix_web::rt::net::TcpStream;
use actix_web::rt::task::JoinHandle;
use actix_web::{HttpServer, web};
use domain::ports::effects::Clock;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::any::Any;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// What a peer that takes nothing may cost of the kernel's memory. Unset, it is 3.9 MiB (measured).
const SEND_BUFFER: usize = 64 * 1024;

/// After this long without an acknowledgement the kernel gives a peer up; actix never does.
const PEER_TIMEOUT: Duration = Duration::from_secs(15);

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 4096;

/// How long a request's head may take to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// Above this many connections a worker would stop accepting in silence: far above what a process can hold.
const CONNECTIONS_PER_WORKER: usize = 500_000;

/// A node of several goes on for this long after its readiness ended, so that a balancer that asks every second sends nothing
/// new to it when its sockets close.
const BALANCER_NOTICE: Duration = Duration::from_secs(1);

/// Over how long the sockets of a server that stops are closed, at the most.
const DRAIN: Duration = Duration::from_secs(4);

/// How long the peers may take to hear of it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the writers may take to finish. What a database that hangs has not written by then was not acknowledged.
const LAST_WRITES: Duration = Duration::from_secs(3);

/// A server that serves.
pub struct Running {
    /// The address it listens on.
    pub address: SocketAddr,
    base_path: String,
    /// The password made up for root, when root was made by this start.
    pub root_password: Option<String>,
    node: Arc<Node>,
    handles: Vec<ServerHandle>,
    housekeeper: JoinHandle<()>,
    store: StoreHandle,
    /// Ends with this.
    _lock: ServeLock,
}

/// Starts a server. Must be called within an actix system.
pub async fn start(config: Config) -> Result<Running, String> {
    start_by(config, bootstrap::system_clock()).await
}

/// The same, going by another clock for all that is written down or said to end.
pub async fn start_by(config: Config, clock: Arc<dyn Clock>) -> Result<Running, String> {
    config.check()?;
    if config.public_url.is_none() {
        tracing::warn!("PUBLIC_URL is not set: pages of any host name that leads here may call this server");
    }
    // Before the address: of two with the same settings the second hears who has the database.
    let mut lock = bootstrap::lock(&config)?;
    let bind = |address: SocketAddr, name: &str| {
        bind(address).map_err(|error| format!("{name} {address} cannot be used: {error}"))
    };
    raise_file_limit();
    let listener = bind(config.listen, "LISTEN")?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let base_path = config.base_path().to_owned();
    lock.tell(Some(&format!("http://{address}{base_path}")));
    let metrics_listener = config.metrics_listen.map(|address| bind(address, "METRICS_LISTEN")).transpose()?;

    let wired = bootstrap::wire(&config, clock).await?;
    let root_password = bootstrap::ensure_root(&wired, &config).await?;
    let Wired {
        services,
        events,
        accounts,
        sites,
        rooms,
        access,
        bus,
        cluster,
        health,
        clock,
        limiter,
        locate,
        subscription,
        store,
    } = wired;
    let identity = bootstrap::identity(&config);
    let metrics = Arc::new(Metrics::new(&identity.name, cluster.clone()));
    let (node, from_workers) = Node::new(config.limits.caps, identity, cluster, clock.clone());
    let ports = feed::Ports { events, accounts, sites, rooms, access, bus, clock: clock.clone() };
    actix_web::rt::spawn(Feed::new(ports, node.clone()).run(subscription, from_workers));
    let housekeeper = actix_web::rt::spawn(housekeeping::run(services.operator.clone(), clock.clone()));
    let unlisted_proxy = UnlistedProxy::default();
    let app = web::Data::new(App {
        services,
        node: node.clone(),
        config,
        health,
        clock,
        limiter,
        locate,
        metrics,
        unlisted_proxy,
    });

    let mut handles = Vec::new();
    if let Some(listener) = metrics_listener {
        handles.push(metrics::serve(listener, app.metrics.clone(), app.health.clone())?);
    }
    let server = HttpServer::new(move || {
        let hub = Hub::start(app.clone());
        http::app(app.clone()).app_data(hub)
    })
    .on_connect(set_socket_options)
    .tcp_nodelay(true)
    .client_request_timeout(HEAD_TIMEOUT)
    .max_connections(CONNECTIONS_PER_WORKER)
    .shutdown_timeout(1)
    .disable_signals()
    .listen(listener)
    .map_err(|error| error.to_string())?
    .run();
    handles.push(server.handle());
    actix_web::rt::spawn(server);
    Ok(Running { address, base_path, root_password, node, handles, housekeeper, store, _lock: lock })
}

/// Lets this process open as many files as it may at all: a socket uses two, and shells begin with a limit of 1 024.
fn raise_file_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        if setrlimit(Resource::Nofile, rustix::process::Rlimit { current: limit.maximum, ..limit }).is_err() {
            tracing::warn!(limit = limit.current, "the limit of open files cannot be raised");
        }
    }
}

/// Listens as the standard library does, but for the queue: its 128 turn away most of those who come back at once.
fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Bounds what a peer that does not read costs, before it says a word.
fn set_socket_options(connection: &dyn Any, data: &mut Extensions) {
    let Some(stream) = connection.downcast_ref::<TcpStream>() else { return };
    let socket = SockRef::from(stream);
    let set = socket.set_send_buffer_size(SEND_BUFFER);
    #[cfg(target_os = "linux")]
    let set = set.and(socket.set_tcp_user_timeout(Some(PEER_TIMEOUT)));
    if let Err(error) = set {
        tracing::warn!(%error, "a socket's options cannot be set");
    }
    match socket.try_clone() {
        Ok(socket) => drop(data.insert(SocketHandle(Rc::new(socket)))),
        Err(error) => tracing::warn!(%error, "a socket cannot be written to: too few files may be open"),
    }
}

impl Running {
    /// The address to reach it by, with the path of PUBLIC_URL.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, self.base_path)
    }

    /// Stops: no new sockets, the others closed one after another, what was taken written. Takes less than 10 s, and
    /// where there are several nodes, 11.
    pub async fn stop(self) {
        self.node.begin_drain();
        self.housekeeper.abort();
        if self.node.others.is_some() {
            tokio::time::sleep(BALANCER_NOTICE).await;
        }
        self.close_connections().await;
        self.node.leave_cluster().await;
        for handle in &self.handles {
            handle.stop(true).await;
        }
        if tokio::time::timeout(LAST_WRITES, self.store.shut_down()).await.is_err() {
            tracing::error!("the database did not take the last writes in time; none of them was acknowledged");
        }
    }

    /// Closes the sockets in an even pace, so that the clients do not come back all at once.
    async fn close_connections(&self) {
        let connections = self.node.connections.all();
        // Half a millisecond each, as the welcome frame promises them for coming back, within the limit.
        let spread = DRAIN.min(Duration::from_micros(500) * u32::try_from(connections.len()).unwrap_or(u32::MAX));
        let rounds = 20;
        for some in connections.chunks(connections.len().div_ceil(rounds).max(1)) {
            for connection in some {
                self.node.workers.tell_all(&ToWorker::Close(connection.id, Close::Draining));
            }
            tokio::time::sleep(spread / u32::try_from(rounds).unwrap_or(1)).await;
        }
        let deadline = tokio::time::Instant::now() + CLOSE_TIMEOUT;
        while self.node.connections.count() > 0 && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Starts a server, says on stdout where it is, and serves until SIGTERM or Ctrl-C.
pub async fn run(config: Config) -> Result<(), String> {
    let mut terminate =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).map_err(|error| error.to_string())?;
    let running = start(config).await?;
    if let Some(password) = &running.root_password {
        eprintln!("Root was made. Log in at {}/admin/ as root with this password, shown only once:", running.url());
        eprintln!("    {password}");
    }
    // Whoever closed stdout does not want to know.
    let _ = writeln!(std::io::stdout(), r#"{{"event":"ready","url":"{}"}}"#, running.url());
    tracing::info!(address = %running.address, "serving");
    tokio::select! {
        _ = terminate.recv() => {}
        result = tokio::signal::ctrl_c() => result.map_err(|error| error.to_string())?,
    }
    tracing::info!("draining");
    running.stop().await;
    tracing::info!("stopped");
    Ok(())
}
