//! The server under test: started for the occasion, or running somewhere.

use crate::connections::{Address, ConnectTarget};
use crate::process::{self, Usage};
use rustix::process::{Pid, Signal};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long NATS may take to listen.
const STARTS_WITHIN: Duration = Duration::from_secs(10);

/// How long a server may take to end.
const ENDS_WITHIN: Duration = Duration::from_secs(3);

/// Which server to measure.
#[derive(Clone, Debug, clap::Args)]
pub struct Target {
    /// The server to start, with a data folder of its own. Default: `banter` beside this program
    #[arg(long, value_name = "PATH", conflicts_with = "url")]
    server: Option<PathBuf>,

    /// The database that the server shall use, `postgres://…`. Default: a new SQLite file
    #[arg(long, value_name = "URL", conflicts_with = "url")]
    database_url: Option<String>,

    /// Where the server's data goes while it is measured. Default: the system's folder for temporary files
    #[arg(long, value_name = "FOLDER", conflicts_with = "url")]
    data: Option<PathBuf>,

    /// Measure a server that runs already, such as `http://127.0.0.1:8080`; it should have LIMITS=off and GUESTS=browser
    #[arg(long)]
    url: Option<String>,

    /// The process of the server at --url, when it runs on this machine: to know what it costs
    #[arg(long, requires = "url")]
    pid: Option<u32>,

    /// Where the server at --url shows its metrics (its METRICS_LISTEN), such as `http://127.0.0.1:9090`
    #[arg(long, value_name = "URL", requires = "url")]
    metrics_url: Option<String>,

    /// Start so many nodes on that PostgreSQL, and NATS between them; connections are spread over them
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "url", value_parser = clap::value_parser!(u16).range(1..))]
    pub nodes: u16,

    /// The NATS server to start for several nodes
    #[arg(long, value_name = "PATH", default_value = "nats-server", env = "NATS_SERVER")]
    nats_server: PathBuf,

    /// Measure the machine's own limit instead: a bare epoll loop that copies prepared frames and stores nothing
    #[arg(long, conflicts_with_all = ["server", "url", "database_url"])]
    pub bare: bool,

    /// How long the bare loop gathers messages before it writes, in ms; 0 writes each by itself
    #[arg(long, value_name = "MS", default_value_t = 0, requires = "bare")]
    pub flush_ms: u64,
}

/// A server that can be measured. It ends with this value, if it was started by it.
pub struct Server {
    /// Where it is.
    pub target: ConnectTarget,
    /// Its address for HTTP.
    pub url: String,
    /// Whether it is the bare loop, which has no rooms and no users.
    pub bare: bool,
    /// Whether a database server works for it, probably on this machine.
    pub has_database: bool,
    /// Where its metrics are, when that is known.
    pub metrics_url: Option<String>,
    /// What opens its database, when that is known.
    pub database_url: Option<String>,
    /// The folder of its data.
    data: Option<TempDir>,
    /// Its processes, as far as they are known: the nodes, and NATS between them.
    pids: Vec<u32>,
    children: Vec<Child>,
}

/// Settings that every node gets.
struct Settings<'a> {
    program: &'a Path,
    data: &'a Path,
    database_url: &'a str,
    /// Where NATS is, for several.
    nats_url: Option<String>,
}

impl Target {
    /// The bare loop.
    pub fn bare(flush_ms: u64) -> Target {
        let (server, database_url, data, url, pid, metrics_url) = Default::default();
        let (nodes, nats_server) = (1, PathBuf::new());
        Target { server, database_url, data, url, pid, metrics_url, nodes, nats_server, bare: true, flush_ms }
    }

    /// The same with one node.
    pub fn alone(&self) -> Target {
        Target { nodes: 1, ..self.clone() }
    }

    /// Whether the messages go to PostgreSQL, as far as is known.
    pub fn is_postgres(&self) -> bool {
        self.database_url.as_deref().is_some_and(|url| url.starts_with("postgres"))
    }

    /// Starts it, or finds it.
    pub fn reach(&self) -> Result<Server, String> {
        if let Some(url) = &self.url {
            let target = target(url)?;
            let url = url.trim_end_matches('/').to_owned();
            let metrics_url = self.metrics_url.as_ref().map(|url| url.trim_end_matches('/').to_owned());
            let (data, children, database_url) = (None, Vec::new(), None);
            let (bare, has_database, pids) = (false, true, self.pid.into_iter().collect());
            let target = ConnectTarget(vec![target]);
            return Ok(Server { target, url, bare, has_database, metrics_url, database_url, data, pids, children });
        }
        if self.nodes > 1 && !self.is_postgres() {
            return Err("several nodes need --database-url postgres://…".to_owned());
        }
        let this = std::env::current_exe().map_err(|error| format!("this program cannot be found: {error}"))?;
        let beside = || this.with_file_name("banter");
        let program = if self.bare { this.clone() } else { self.server.clone().unwrap_or_else(beside) };
        let data = match &self.data {
            Some(folder) => tempfile::tempdir_in(folder),
            None => tempfile::tempdir(),
        };
        let data = data.map_err(|error| format!("no folder for the data: {error}"))?;
        let in_data = || format!("sqlite:{}", data.path().join("banter.db").display());
        let database_url = self.database_url.clone().unwrap_or_else(in_data);
        let mut children = Children(Vec::new());
        let nats_url = if self.nodes > 1 { Some(self.start_nats(&mut children)?) } else { None };
        let settings = Settings { program: &program, data: data.path(), database_url: &database_url, nats_url };
        let (mut addresses, mut urls, mut metrics_urls) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..self.nodes {
            let (url, metrics_url) = self.start_node(number, &settings, &mut children)?;
            addresses.push(target(&url)?);
            urls.push(url);
            metrics_urls.push(metrics_url);
        }
        let (bare, has_database) = (self.bare, self.is_postgres());
        let (url, metrics_url) = (urls.swap_remove(0), (!bare).then(|| metrics_urls.swap_remove(0)));
        let children = std::mem::take(&mut children.0);
        let pids = children.iter().map(Child::id).collect();
        let (target, database_url, data) = (ConnectTarget(addresses), Some(database_url), Some(data));
        Ok(Server { target, url, bare, has_database, metrics_url, database_url, data, pids, children })
    }

    /// Starts NATS; its address.
    fn start_nats(&self, children: &mut Children) -> Result<String, String> {
        let address = free_address().map_err(|error| format!("no address for NATS: {error}"))?;
        let mut command = Command::new(&self.nats_server);
        command.args(["--addr", "127.0.0.1", "--port", &address.port().to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let failed = |error| format!("{} cannot be started: {error}", self.nats_server.display());
        children.0.push(command.spawn().map_err(failed)?);
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            if begun.elapsed() > STARTS_WITHIN {
                return Err("NATS does not listen".to_owned());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(format!("nats://{address}"))
    }

    /// Starts a node; its address, and that of its metrics.
    fn start_node(
        &self,
        number: u16,
        settings: &Settings<'_>,
        children: &mut Children,
    ) -> Result<(String, String), String> {
        let Settings { program, data, database_url, nats_url } = settings;
        let mut command = Command::new(program);
        if self.bare {
            command.args(["bare-loop", "--flush-ms", &self.flush_ms.to_string()]);
        }
        // Nothing of the caller's own settings: what is measured is what is written here.
        command.env_clear().stdout(Stdio::piped()).stdin(Stdio::null());
        command.env("LISTEN", "127.0.0.1:0").env("DATA_DIR", data).env("LIMITS", "off");
        command.env("GUESTS", "browser").env("LOG", "warn").env("ROOT_PASSWORD", "only for one measurement");
        let metrics = free_address().map_err(|error| format!("no address for the metrics: {error}"))?;
        command.env("METRICS_LISTEN", metrics.to_string()).env("DATABASE_URL", database_url);
        if let Some(nats_url) = nats_url {
            command.env("NATS_URL", nats_url).env("NODE_NAME", format!("node-{number}"));
        }
        // Into a file, as a service manager does: a terminal would be part of what is measured.
        let log = data.join(format!("server-{number}.log"));
        let file = fs::File::create(&log).map_err(|error| format!("no file for the server's log: {error}"))?;
        let failed = |error| format!("{} cannot be started: {error}", program.display());
        children.0.push(command.stderr(file).spawn().map_err(failed)?);
        let Some(url) = children.0.last_mut().and_then(ready) else {
            let said = fs::read_to_string(&log).unwrap_or_default();
            return Err(format!("{} ended before it was ready: {}", program.display(), said.trim()));
        };
        Ok((url, format!("http://{metrics}")))
    }
}

/// Processes that end with this value.
struct Children(Vec<Child>);

impl Drop for Children {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

/// An address that nobody listens on, a moment before somebody does.
fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

/// The address in the ready line.
fn ready(child: &mut Child) -> Option<String> {
    let mut lines = BufReader::new(child.stdout.take()?).lines();
    let line = lines.find_map(|line| line.ok().filter(|line| line.contains(r#""ready""#)))?;
    // What else it may say is read, so that it never waits for us.
    std::thread::spawn(move || lines.for_each(drop));
    let line: serde_json::Value = serde_json::from_str(&line).ok()?;
    line["url"].as_str().map(str::to_owned)
}

fn target(url: &str) -> Result<Address, String> {
    let host = url.strip_prefix("http://").ok_or("--url must begin with http://; TLS is not measured here")?;
    let host = host.trim_end_matches('/').to_owned();
    let with_port = if host.contains(':') { host.clone() } else { format!("{host}:80") };
    let address: Option<SocketAddr> = with_port.to_socket_addrs().ok().and_then(|mut all| all.next());
    Ok(Address { address: address.ok_or(format!("{host} is not known"))?, host })
}

impl Server {
    /// What it has used so far, when its processes are known.
    pub fn usage(&self) -> Option<Usage> {
        let all: Option<Vec<Usage>> = self.pids.iter().map(|pid| process::usage(*pid)).collect();
        let all = all.filter(|all| !all.is_empty())?;
        Some(all.into_iter().fold(Usage::default(), |sum, one| Usage {
            cpu: sum.cpu + one.cpu,
            rss: sum.rss + one.rss,
            threads: sum.threads + one.threads,
        }))
    }

    /// The memory it has for itself, when its processes are known.
    pub fn pss(&self) -> Option<u64> {
        self.sum(process::pss)
    }

    /// How many files it has open, when its processes are known.
    pub fn open_files(&self) -> Option<u64> {
        self.sum(process::open_files)
    }

    /// What is known of every process, together.
    fn sum(&self, of: impl Fn(u32) -> Option<u64>) -> Option<u64> {
        if self.pids.is_empty() { None } else { self.pids.iter().map(|pid| of(*pid)).sum() }
    }

    /// How long one small write takes to reach the disk that the data is on, when that is known: what no server that
    /// keeps its promises can do faster.
    pub fn sync_time(&self) -> Option<Duration> {
        use std::io::Write;
        let path = self.data.as_ref()?.path().join("sync-probe");
        let mut file = fs::File::create(&path).ok()?;
        let mut times = Vec::new();
        for _ in 0..100 {
            let start = Instant::now();
            file.write_all(&[0x5a; 4096]).ok()?;
            file.sync_data().ok()?;
            times.push(start.elapsed());
        }
        times.sort();
        fs::remove_file(path).ok()?;
        times.get(50).copied()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.children);
    }
}

/// Ends all of them, the nodes before NATS, which was started first.
fn end(children: &mut Vec<Child>) {
    for child in children.iter().rev() {
        if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            // It may have ended by itself.
            let _ = rustix::process::kill_process(pid, Signal::TERM);
        }
    }
    let deadline = Instant::now() + ENDS_WITHIN;
    for mut child in children.drain(..) {
        while Instant::now() < deadline && !matches!(child.try_wait(), Ok(Some(_))) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}
