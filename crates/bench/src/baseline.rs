//! The bare loop: what this machine can do at all. One thread, one epoll, prepared frames, nothing stored, nothing checked.
//!
//! It speaks just enough of the protocol for the same client to measure it in the same way, as a process of its own so
//! that its CPU is counted in the same way too.

use crate::link::ACCEPT;
use crate::timer::Timer;
use crate::wire::event;
use crate::wire::frame::{self, Parsed};
use memchr::memmem;
use mio::net::{TcpListener, TcpStream};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

const LISTENER: Token = Token(usize::MAX);
const TIMER: Token = Token(usize::MAX - 1);

/// The user that every message is from: as many bytes as a guest of a real server has.
const USER: &str =
    r#"{"uid":"abcDEF0123","displayName":"guest-abcDEF","picture":null,"countryCode":null,"roles":["guest"]}"#;

/// One connection.
struct Peer {
    stream: TcpStream,
    upgraded: bool,
    joined: bool,
    partial: Vec<u8>,
    /// What the socket has not taken yet.
    out: Vec<u8>,
}

/// The loop.
struct Bare {
    poll: Poll,
    timer: Timer,
    peers: Vec<Option<Peer>>,
    free: Vec<usize>,
    /// Frames that were not written yet.
    gathered: Vec<u8>,
    flush: Duration,
    flushed: Instant,
    ringing: bool,
    head: u64,
    begun: Instant,
}

/// Serves until it is killed.
pub fn serve(flush_ms: u64) -> Result<(), String> {
    run(Duration::from_millis(flush_ms)).map_err(|error| format!("the bare loop failed: {error}"))
}

fn run(flush: Duration) -> io::Result<()> {
    // Not through std, whose backlog of 128 would be the limit when all come at once.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    socket.listen(4096)?;
    let mut listener = TcpListener::from_std(socket.into());
    let (poll, timer) = (Poll::new()?, Timer::new()?);
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    poll.registry().register(&mut SourceFd(&timer.as_raw_fd()), TIMER, Interest::READABLE)?;
    println!(r#"{{"event":"ready","url":"http://{}"}}"#, listener.local_addr()?);
    let mut bare = Bare {
        poll,
        timer,
        peers: Vec::new(),
        free: Vec::new(),
        gathered: Vec::new(),
        flush,
        flushed: Instant::now(),
        ringing: false,
        head: 0,
        begun: Instant::now(),
    };
    let mut events = Events::with_capacity(256);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match bare.poll.poll(&mut events, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            other => other?,
        }
        for event in &events {
            match event.token() {
                LISTENER => bare.accept(&listener)?,
                TIMER => bare.write_gathered(),
                Token(number) => {
                    if event.is_writable() {
                        bare.write_rest(number);
                    }
                    if event.is_readable() {
                        bare.read(number, &mut buffer)?;
                    }
                }
            }
        }
    }
}

impl Bare {
    fn accept(&mut self, listener: &TcpListener) -> io::Result<()> {
        loop {
            let mut stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nodelay(true)?;
            let number = self.free.pop().unwrap_or(self.peers.len());
            self.poll.registry().register(&mut stream, Token(number), Interest::READABLE | Interest::WRITABLE)?;
            let peer = Peer { stream, upgraded: false, joined: false, partial: Vec::new(), out: Vec::new() };
            if number == self.peers.len() {
                self.peers.push(Some(peer));
            } else {
                self.peers[number] = Some(peer);
            }
        }
    }

    fn read(&mut self, number: usize, buffer: &mut [u8]) -> io::Result<()> {
        loop {
            let Some(peer) = self.peers.get_mut(number).and_then(Option::as_mut) else { return Ok(()) };
            let end = match peer.stream.read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Ok(read) if read > 0 => read,
                _ => {
                    self.peers[number] = None;
                    self.free.push(number);
                    return Ok(());
                }
            };
            let mut bytes = std::mem::take(&mut peer.partial);
            bytes.extend_from_slice(&buffer[..end]);
            let taken = self.take(number, &bytes)?;
            bytes.drain(..taken);
            if let Some(peer) = self.peers.get_mut(number).and_then(Option::as_mut) {
                peer.partial = bytes;
            }
            if end < buffer.len() {
                return Ok(());
            }
        }
    }

    /// How many of a client's `bytes` were whole.
    fn take(&mut self, number: usize, bytes: &[u8]) -> io::Result<usize> {
        let Some(peer) = self.peers[number].as_mut() else { return Ok(bytes.len()) };
        let mut taken = 0;
        if !peer.upgraded {
            let Some(end) = memmem::find(bytes, b"\r\n\r\n") else { return Ok(0) };
            taken = end + 4;
            peer.upgraded = true;
            let answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
            peer.send(format!("{answer}Sec-WebSocket-Accept: {ACCEPT}\r\n\r\n").as_bytes());
        }
        while let Parsed::Frame(frame) = frame::parse(&bytes[taken..]) {
            taken += frame.size;
            if let Some(mask) = frame.mask.filter(|_| frame.opcode == frame::TEXT) {
                let mut payload = frame.payload.to_vec();
                frame::unmask(&mut payload, mask);
                self.answer(number, &payload)?;
            }
        }
        Ok(taken)
    }

    fn answer(&mut self, number: usize, payload: &[u8]) -> io::Result<()> {
        let id = event::number(payload, br#""id":"#).unwrap_or_default();
        let is_join = payload.starts_with(br#"{"event":"join""#);
        if !is_join {
            self.head += 1;
        }
        let head = self.head;
        if let Some(peer) = self.peers[number].as_mut() {
            peer.joined |= is_join;
            let ack =
                format!(r#"{{"event":"ack","id":{id},"data":{{"id":{head},"seq":{head},"head":{head},"epoch":1}}}}"#);
            let mut out = Vec::with_capacity(ack.len() + 4);
            frame::write_plain(&mut out, frame::TEXT, ack.as_bytes());
            peer.send(&out);
        }
        let (text, room) = (field(payload, br#""text":""#), field(payload, br#""room":""#));
        if let Some((text, room)) = text.zip(room).filter(|_| !is_join) {
            let now = 1_700_000_000_000 + self.begun.elapsed().as_millis();
            let message = format!(
                r#"{{"event":"message","data":{{"id":{head},"seq":{head},"room":"{room}","timestamp":{now},"message":"{text}","user":{USER}}}}}"#
            );
            frame::write_plain(&mut self.gathered, frame::TEXT, message.as_bytes());
            self.flush_or_wait()?;
        }
        Ok(())
    }

    /// At once when it has been quiet, else when the time is over.
    fn flush_or_wait(&mut self) -> io::Result<()> {
        match self.flush.checked_sub(self.flushed.elapsed()).filter(|left| !left.is_zero()) {
            None => self.write_gathered(),
            Some(_) if self.ringing => {}
            Some(left) => {
                self.timer.ring_in(left)?;
                self.ringing = true;
            }
        }
        Ok(())
    }

    fn write_gathered(&mut self) {
        self.ringing = false;
        self.flushed = Instant::now();
        for peer in self.peers.iter_mut().flatten().filter(|peer| peer.joined) {
            peer.send(&self.gathered);
        }
        self.gathered.clear();
    }

    fn write_rest(&mut self, number: usize) {
        if let Some(peer) = self.peers.get_mut(number).and_then(Option::as_mut).filter(|peer| !peer.out.is_empty()) {
            let out = std::mem::take(&mut peer.out);
            peer.send(&out);
        }
    }
}

impl Peer {
    fn send(&mut self, bytes: &[u8]) {
        let mut sent = 0;
        while self.out.is_empty() && sent < bytes.len() {
            match self.stream.write(&bytes[sent..]) {
                Ok(more) => sent += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // The read that follows takes it away.
                Err(_) => return,
            }
        }
        self.out.extend_from_slice(&bytes[sent..]);
    }
}

fn field<'a>(payload: &'a [u8], name: &[u8]) -> Option<&'a str> {
    let start = memmem::find(payload, name)? + name.len();
    let length = memchr::memchr(b'"', &payload[start..])?;
    std::str::from_utf8(&payload[start..start + length]).ok()
}
