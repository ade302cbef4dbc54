//! The server under test: started for the occasion, or running somewhere.

use crate::connections::ConnectTarget;
use crate::process::{self, Usage};
use rustix::process::{Pid, Signal};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

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
    pid: Option<u32>,
    child: Option<Child>,
}

impl Target {
    /// The bare loop.
    pub fn bare(flush_ms: u64) -> Target {
        let (server, database_url, data, url, pid, metrics_url) = Default::default();
        Target { server, database_url, data, url, pid, metrics_url, bare: true, flush_ms }
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
            let (data, child, database_url) = (None, None, None);
            let (bare, has_database, pid) = (false, true, self.pid);
            return Ok(Server { target, url, bare, has_database, metrics_url, database_url, data, pid, child });
        }
        let this = std::env::current_exe().map_err(|error| format!("this program cannot be found: {error}"))?;
        let beside = || this.with_file_name("banter");
        let program = if self.bare { this.clone() } else { self.server.clone().unwrap_or_else(beside) };
        let data = match &self.data {
            Some(folder) => tempfile::tempdir_in(folder),
            None => tempfile::tempdir(),
        };
        let data = data.map_err(|error| format!("no folder for the data: {error}"))?;
        let mut command = Command::new(&program);
        if self.bare {
            command.args(["bare-loop", "--flush-ms", &self.flush_ms.to_string()]);
        }
        // Nothing of the caller's own settings: what is measured is what is written here.
        command.env_clear().stdout(Stdio::piped()).stdin(Stdio::null());
        command.env("LISTEN", "127.0.0.1:0").env("DATA_DIR", data.path()).env("LIMITS", "off");
        command.env("GUESTS", "browser").env("LOG", "warn").env("ROOT_PASSWORD", "only for one measurement");
        let metrics = free_address().map_err(|error| format!("no address for the metrics: {error}"))?;
        let in_data = || format!("sqlite:{}", data.path().join("banter.db").display());
        let database_url = self.database_url.clone().unwrap_or_else(in_data);
        command.env("METRICS_LISTEN", metrics.to_string()).env("DATABASE_URL", &database_url);
        // Into a file, as a service manager does: a terminal would be part of what is measured.
        let log = data.path().join("server.log");
        let file = fs::File::create(&log).map_err(|error| format!("no file for the server's log: {error}"))?;
        let failed = |error| format!("{} cannot be started: {error}", program.display());
        let mut child = command.stderr(file).spawn().map_err(failed)?;
        let Some(url) = ready(&mut child) else {
            let said = fs::read_to_string(&log).unwrap_or_default();
            return Err(format!("{} ended before it was ready: {}", program.display(), said.trim()));
        };
        let (pid, target) = (child.id(), target(&url)?);
        let (bare, has_database) = (self.bare, self.is_postgres());
        let metrics_url = (!bare).then(|| format!("http://{metrics}"));
        let (database_url, data, pid, child) = (Some(database_url), Some(data), Some(pid), Some(child));
        Ok(Server { target, url, bare, has_database, metrics_url, database_url, data, pid, child })
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

fn target(url: &str) -> Result<ConnectTarget, String> {
    let host = url.strip_prefix("http://").ok_or("--url must begin with http://; TLS is not measured here")?;
    let host = host.trim_end_matches('/').to_owned();
    let with_port = if host.contains(':') { host.clone() } else { format!("{host}:80") };
    let address: Option<SocketAddr> = with_port.to_socket_addrs().ok().and_then(|mut all| all.next());
    Ok(ConnectTarget { address: address.ok_or(format!("{host} is not known"))?, host })
}

impl Server {
    /// What it has used so far, when its process is known.
    pub fn usage(&self) -> Option<Usage> {
        process::usage(self.pid?)
    }

    /// The memory it has for itself, when its process is known.
    pub fn pss(&self) -> Option<u64> {
        process::pss(self.pid?)
    }

    /// How many files it has open, when its process is known.
    pub fn open_files(&self) -> Option<u64> {
        process::open_files(self.pid?)
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
        let Some(child) = &mut self.child else { return };
        if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            // It may have ended by itself.
            let _ = rustix::process::kill_process(pid, Signal::TERM);
        }
        let deadline = Instant::now() + ENDS_WITHIN;
        while Instant::now() < deadline {
            if matches!(child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}
