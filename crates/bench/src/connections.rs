//! Many connections on one epoll, driven by one thread.

use crate::link::{self, Admission, Link};
use crate::process;
use crate::wire::event::Event;
use crate::wire::frame;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

/// How many sockets are looked after between two looks at the timers.
const EVENTS: usize = 256;

/// Connections from one address: fewer than the ports that Linux hands out by itself.
const PER_SOURCE: usize = 12_000;

/// How long opening may stand still.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// The token of the timer.
const TIMER: Token = Token(usize::MAX);

/// Where a node of the server is.
#[derive(Clone, Debug)]
pub struct Address {
    /// The address to connect to.
    pub address: SocketAddr,
    /// What the `Host` header says.
    pub host: String,
}

/// Where the server is: one node, or several that connections are spread over.
#[derive(Clone, Debug)]
pub struct ConnectTarget(pub Vec<Address>);

impl ConnectTarget {
    /// The node of a connection.
    fn of(&self, number: usize) -> &Address {
        &self.0[number % self.0.len()]
    }

    /// The address to come from, when there are more connections than one address has ports.
    fn source(&self, number: usize) -> Option<IpAddr> {
        let nth = u8::try_from(number / PER_SOURCE).ok().filter(|nth| *nth > 0)?;
        self.of(number).address.ip().is_loopback().then_some(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1 + nth)))
    }
}

/// Many connections.
pub struct Connections {
    poll: Poll,
    events: Events,
    buffer: Box<[u8]>,
    target: ConnectTarget,
    links: Vec<Link>,
    ready: usize,
    closed: usize,
}

impl Connections {
    /// Nobody yet.
    pub fn new(target: &ConnectTarget) -> io::Result<Connections> {
        Ok(Connections {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS),
            buffer: vec![0; frame::LARGEST].into(),
            target: target.clone(),
            links: Vec::new(),
            ready: 0,
            closed: 0,
        })
    }

    /// All of them.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// One of them.
    pub fn link(&mut self, number: usize) -> &mut Link {
        &mut self.links[number]
    }

    /// How many were closed by the server.
    pub fn closed(&self) -> usize {
        self.closed
    }

    /// Why one was closed by the server.
    pub fn complaint(&self) -> Option<String> {
        self.links.iter().find_map(Link::closed).map(str::to_owned)
    }

    /// Wakes [`Connections::turn`] when the timer rings.
    pub fn watch(&mut self, timer: &impl AsRawFd) -> io::Result<()> {
        self.poll.registry().register(&mut SourceFd(&timer.as_raw_fd()), TIMER, Interest::READABLE)
    }

    /// Opens connections, at most `at_once` of them under way at a time, and waits until all are in. `on` hears what the
    /// server says meanwhile, `progress` how many are in.
    pub fn open(
        &mut self,
        entries: Vec<Admission>,
        at_once: usize,
        mut on: impl FnMut(&mut Link, Event<'_>, Instant),
        mut progress: impl FnMut(usize),
    ) -> Result<(), String> {
        let total = self.links.len() + entries.len();
        let mut entries = entries.into_iter().peekable();
        let (mut last, mut moved) = (self.ready, Instant::now());
        while self.ready < total {
            while self.links.len() - self.ready < at_once {
                let Some(entry) = entries.next() else { break };
                self.begin(entry)?;
            }
            self.turn(Some(Duration::from_millis(100)), &mut on).map_err(|error| error.to_string())?;
            if self.closed > 0 {
                let reason = self.complaint().unwrap_or_default();
                return Err(format!("a connection was not let in, after {} of {total}: {reason}", self.ready));
            }
            if self.ready > last {
                (last, moved) = (self.ready, Instant::now());
                progress(last);
            } else if moved.elapsed() > ANSWER_TIMEOUT {
                let files = process::file_limit();
                return Err(format!(
                    "{last} of {total} connections are in, and no more came in for {ANSWER_TIMEOUT:?}; a process may open {files} \
                     files here, the server too"
                ));
            }
        }
        Ok(())
    }

    /// Begins a connection, whether or not the others are in.
    pub fn begin(&mut self, entry: Admission) -> Result<(), String> {
        let number = self.links.len();
        let link = self.link_of(number, entry).map_err(|error| cannot_open(&error, number))?;
        self.links.push(link);
        Ok(())
    }

    /// Drops a connection and begins another one in its place.
    pub fn replace(&mut self, number: usize, entry: Admission) -> Result<(), String> {
        let old = &self.links[number];
        self.ready -= usize::from(old.is_ready());
        self.closed -= usize::from(old.closed().is_some());
        self.links[number] = self.link_of(number, entry).map_err(|error| cannot_open(&error, number))?;
        Ok(())
    }

    fn link_of(&mut self, number: usize, entry: Admission) -> io::Result<Link> {
        let stream = link::connect(self.target.of(number).address, self.target.source(number))?;
        let mut link = Link::new(stream, entry);
        self.poll.registry().register(link.stream(), Token(number), Interest::READABLE | Interest::WRITABLE)?;
        Ok(link)
    }

    /// Waits for something to happen, looks after it, and tells `on` what the server said.
    pub fn turn(
        &mut self,
        timeout: Option<Duration>,
        on: &mut impl FnMut(&mut Link, Event<'_>, Instant),
    ) -> io::Result<()> {
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in &self.events {
            let number = event.token().0;
            let Some(link) = self.links.get_mut(number) else { continue };
            let (was_ready, was_closed) = (link.is_ready(), link.closed().is_some());
            if event.is_writable() {
                link.on_writable(&self.target.of(number).host);
            }
            if event.is_readable() || event.is_error() {
                link.on_readable(&mut self.buffer, on);
            }
            self.ready += usize::from(!was_ready && link.is_ready());
            if !was_closed && link.closed().is_some() {
                self.closed += 1;
                self.ready -= usize::from(was_ready);
            }
        }
        Ok(())
    }

    /// Only answers the server, for so long.
    pub fn idle(&mut self, time: Duration) -> io::Result<()> {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            self.turn(Some(left), &mut |_, _, _| {})?;
        }
        Ok(())
    }

    /// Drops all connections at once; how each would come back.
    pub fn drop_all(self) -> Vec<Admission> {
        self.links.iter().map(Link::again).collect()
    }
}

fn cannot_open(error: &io::Error, opened: usize) -> String {
    use rustix::io::Errno;
    let code = error.raw_os_error();
    let limit = if code == Some(Errno::MFILE.raw_os_error()) {
        ": a limit of this machine, the files that one process may open (ulimit -n)"
    } else if code == Some(Errno::NFILE.raw_os_error()) {
        ": a limit of this machine, the files that may be open in all (fs.file-max)"
    } else if code == Some(Errno::ADDRNOTAVAIL.raw_os_error()) {
        ": a limit of this machine, the ports to come from (net.ipv4.ip_local_port_range)"
    } else {
        ""
    };
    format!("connection {} cannot be opened{limit}: {error}", opened + 1)
}
