//! One connection: connect, upgrade, join, and then frames, read in place out of a buffer that all connections share.

use crate::cursor::Cursor;
use crate::wire::event::{self, Event};
use crate::wire::frame::{self, Parsed};
use memchr::memmem;
use mio::net::TcpStream;
use std::io::{self, ErrorKind, Read, Write};
use std::time::Instant;

/// The number of the frame that joins; those of messages are larger.
pub const JOIN_ID: i64 = 1;

/// The key of every upgrade, the one in the RFC: a load generator has no cache to protect itself from.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// What that key is answered with.
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// How a connection goes in.
#[derive(Clone, Debug, Default)]
pub struct Admission {
    /// Who it is; nobody without.
    pub token: Option<String>,
    /// The room to join.
    pub room: Option<String>,
    /// The caller's own number for it: which room, which sender.
    pub tag: usize,
    /// To go on from here: the epoch, and what was seen.
    pub since: Option<(i64, Cursor)>,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Connecting,
    Upgrading,
    Joining,
    Ready,
    Closed(String),
}

/// One connection.
pub struct Link {
    stream: TcpStream,
    state: State,
    entry: Admission,
    /// What it saw.
    pub cursor: Cursor,
    /// Which history it saw.
    pub epoch: i64,
    /// How often the server took back what it had said.
    pub resets: u64,
    /// It did, and what it says instead has not come yet.
    is_reset: bool,
    /// How many reads brought something.
    pub reads: u64,
    /// The beginning of a frame whose end has not come yet.
    partial: Vec<u8>,
    /// What the socket has not taken yet.
    out: Vec<u8>,
}

impl Link {
    /// A connection that was begun.
    pub fn new(stream: TcpStream, entry: Admission) -> Link {
        let (epoch, cursor) = entry.since.clone().unwrap_or_default();
        let state = State::Connecting;
        let (partial, out) = (Vec::new(), Vec::new());
        Link { stream, state, entry, cursor, epoch, resets: 0, is_reset: false, reads: 0, partial, out }
    }

    /// The socket.
    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// The caller's own number for it.
    pub fn tag(&self) -> usize {
        self.entry.tag
    }

    /// Whether it has joined, or been let in where nothing was to be joined.
    pub fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// Why it is closed, when it is.
    pub fn closed(&self) -> Option<&str> {
        if let State::Closed(reason) = &self.state { Some(reason) } else { None }
    }

    /// How it would come back.
    pub fn again(&self) -> Admission {
        Admission { since: Some((self.epoch, self.cursor.clone())), ..self.entry.clone() }
    }

    /// The same, when what it missed until now has been counted.
    pub fn again_afresh(&self) -> Admission {
        Admission { since: Some((self.epoch, Cursor::at(self.cursor.head))), ..self.entry.clone() }
    }

    /// Sends what is ready to be sent, now or when the socket can take it.
    pub fn send(&mut self, bytes: &[u8]) {
        let sent = if self.out.is_empty() { self.write(bytes) } else { 0 };
        self.out.extend_from_slice(&bytes[sent..]);
    }

    /// How much of `bytes` the socket took.
    fn write(&mut self, bytes: &[u8]) -> usize {
        let mut sent = 0;
        while sent < bytes.len() && self.closed().is_none() {
            match self.stream.write(&bytes[sent..]) {
                Ok(more) => sent += more,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => self.close(error.to_string()),
            }
        }
        sent
    }

    fn close(&mut self, reason: String) {
        if self.closed().is_none() {
            self.state = State::Closed(reason);
        }
    }

    /// The socket can take something.
    pub fn on_writable(&mut self, host: &str) {
        if self.state == State::Connecting {
            match self.stream.take_error().and_then(|error| error.map_or(Ok(()), Err)) {
                Err(error) => return self.close(error.to_string()),
                Ok(()) if self.stream.peer_addr().is_err() => return,
                Ok(()) => {}
            }
            self.state = State::Upgrading;
            let request = self.request(host);
            return self.send(request.as_bytes());
        }
        if !self.out.is_empty() {
            let out = std::mem::take(&mut self.out);
            self.send(&out);
        }
    }

    fn request(&self, host: &str) -> String {
        let token = self.entry.token.as_deref();
        let protocol = token.map(|token| format!("Sec-WebSocket-Protocol: banter.v1, bearer.{token}\r\n"));
        format!(
            "GET /ws HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{}\r\n",
            protocol.unwrap_or_default()
        )
    }

    /// The socket has something: reads it all, and tells `on` of every event, with the time at which it was read.
    pub fn on_readable(&mut self, buffer: &mut [u8], on: &mut impl FnMut(&mut Link, Event<'_>, Instant)) {
        while self.closed().is_none() {
            let kept = self.partial.len();
            buffer[..kept].copy_from_slice(&self.partial);
            let end = match self.stream.read(&mut buffer[kept..]) {
                Ok(0) => return self.close("the server hung up".to_owned()),
                Ok(read) => kept + read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return self.close(error.to_string()),
            };
            let now = Instant::now();
            self.reads += 1;
            let taken = self.take(&buffer[..end], now, on);
            self.partial.clear();
            self.partial.extend_from_slice(&buffer[taken..end]);
            if self.partial.len() == buffer.len() {
                return self.close("a frame does not fit into the buffer".to_owned());
            }
            // A short read emptied the socket: what comes later is a new event.
            if end < buffer.len() {
                return;
            }
        }
    }

    /// How many of `bytes` were whole frames.
    fn take(&mut self, bytes: &[u8], now: Instant, on: &mut impl FnMut(&mut Link, Event<'_>, Instant)) -> usize {
        let mut taken = 0;
        if matches!(self.state, State::Connecting | State::Upgrading) {
            let Some(end) = memmem::find(bytes, b"\r\n\r\n") else { return 0 };
            self.be_answered(&bytes[..end]);
            taken = end + 4;
        }
        while self.closed().is_none() {
            match frame::parse(&bytes[taken..]) {
                Parsed::Partial => break,
                Parsed::Broken(why) => self.close(format!("the server broke the protocol: {why}")),
                Parsed::Frame(frame) => {
                    taken += frame.size;
                    match frame.opcode {
                        frame::TEXT => self.on_event(frame.payload, now, on),
                        frame::PING => self.send_frame(frame::PONG, frame.payload),
                        frame::CLOSE => self.close(goodbye(frame.payload)),
                        _ => {}
                    }
                }
            }
        }
        taken
    }

    fn be_answered(&mut self, head: &[u8]) {
        if !head.starts_with(b"HTTP/1.1 101") || memmem::find(head, ACCEPT.as_bytes()).is_none() {
            let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
            return self.close(format!("refused: {}", String::from_utf8_lossy(line)));
        }
        let Some(room) = &self.entry.room else {
            self.state = State::Ready;
            return;
        };
        let since = self.entry.since.as_ref();
        let since = since.map(|(epoch, cursor)| format!(r#","since":{},"epoch":{epoch}"#, cursor.head));
        let since = since.unwrap_or_default();
        let join = format!(r#"{{"event":"join","data":{{"uid":"{room}"{since}}},"id":{JOIN_ID}}}"#);
        self.state = State::Joining;
        self.send_frame(frame::TEXT, join.as_bytes());
    }

    fn on_event(&mut self, payload: &[u8], now: Instant, on: &mut impl FnMut(&mut Link, Event<'_>, Instant)) {
        match event::read(payload) {
            Event::Ping => self.send_frame(frame::TEXT, br#"{"event":"pong"}"#),
            Event::Reset => {
                self.resets += 1;
                self.is_reset = true;
            }
            Event::Snapshot { head } => {
                if std::mem::take(&mut self.is_reset) {
                    self.cursor.jump(head);
                }
            }
            Event::Ack { id: JOIN_ID, payload } => {
                self.epoch = event::number(payload, br#""epoch":"#).unwrap_or_default();
                if self.entry.since.is_none() {
                    self.cursor = Cursor::at(event::number(payload, br#""head":"#).unwrap_or_default());
                }
                self.state = State::Ready;
            }
            Event::Error { payload, .. } if self.state == State::Joining => {
                self.close(format!("the join was refused: {}", String::from_utf8_lossy(payload)));
            }
            event => on(self, event, now),
        }
    }

    /// Says goodbye, as a page does that is left.
    pub fn leave(&mut self) {
        self.send_frame(frame::CLOSE, &[0x03, 0xe8]);
    }

    /// Lets the connection end with a reset, as the network does that gives one up.
    pub fn end_with_reset(&self) {
        // Where it cannot be set, it ends as all others do.
        let _ = socket2::SockRef::from(&self.stream).set_linger(Some(std::time::Duration::ZERO));
    }

    fn send_frame(&mut self, opcode: u8, payload: &[u8]) {
        let mut bytes = Vec::with_capacity(payload.len() + 14);
        frame::write_masked(&mut bytes, opcode, payload);
        self.send(&bytes);
    }
}

fn goodbye(payload: &[u8]) -> String {
    let (code, reason) = payload.split_at_checked(2).unwrap_or_default();
    let code = code.try_into().map_or(1005, u16::from_be_bytes);
    format!("the server closed with {code} {}", String::from_utf8_lossy(reason))
}

/// A connection that is begun; `source` is the address to come from, when the system shall not choose.
pub fn connect(to: std::net::SocketAddr, source: Option<std::net::IpAddr>) -> io::Result<TcpStream> {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    if let Some(source) = source {
        socket.bind(&std::net::SocketAddr::new(source, 0).into())?;
    }
    match socket.connect(&to.into()) {
        // EINPROGRESS, which std has no name for that is stable.
        Err(error) if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => Err(error),
        _ => Ok(TcpStream::from_std(socket.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// A link that has been let in, and the server's end of it.
    fn joined() -> (Link, std::net::TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (theirs, _) = listener.accept().unwrap();
        let entry = Admission { room: Some("abcDEF012345".to_owned()), ..Admission::default() };
        // Blocking on purpose: a test writes, and then reads what it wrote.
        let mut link = Link::new(TcpStream::from_std(stream), entry);
        link.state = State::Upgrading;
        (link, theirs)
    }

    fn conversation() -> Vec<u8> {
        let mut bytes =
            format!("HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: {ACCEPT}\r\n\r\n").into_bytes();
        let long = format!(r#"{{"event":"room_messages","data":{{"messages":"{}"}}}}"#, "x".repeat(900));
        for text in [
            r#"{"event":"welcome","data":{"connection":12}}"#,
            &long,
            r#"{"event":"ack","id":1,"data":{"room":"abcDEF012345","head":41,"epoch":-7,"user":null}}"#,
            r#"{"event":"message","data":{"id":9,"seq":42,"room":"abcDEF012345","message":"a"}}"#,
            r#"{"event":"ping","data":{}}"#,
            r#"{"event":"message","data":{"id":9,"seq":44,"room":"abcDEF012345","message":"b"}}"#,
        ] {
            frame::write_plain(&mut bytes, frame::TEXT, text.as_bytes());
        }
        bytes
    }

    #[test]
    fn a_stream_cut_into_reads_of_any_size_says_the_same() {
        let bytes = conversation();
        for piece in [1, 2, 3, 7, 64, 500, 1000, bytes.len()] {
            let (mut link, mut server) = joined();
            let mut buffer = vec![0; 2048];
            let mut seqs = Vec::new();
            for piece in bytes.chunks(piece) {
                server.write_all(piece).unwrap();
                link.on_readable(&mut buffer, &mut |link, event, _| {
                    if let Event::Message { seq, .. } = event {
                        link.cursor.see(seq);
                        seqs.push(seq);
                    }
                });
            }
            assert_eq!(seqs, [42, 44], "pieces of {piece}");
            assert!(link.is_ready() && link.epoch == -7, "{:?}", link.state);
            assert_eq!(link.cursor.lost(44), 1);
        }
    }

    #[test]
    fn a_refusal_and_a_goodbye_end_a_link_with_their_reason() {
        let mut close = Vec::new();
        frame::write_plain(&mut close, frame::CLOSE, b"\x03\xf5server restarts");
        let accepted = format!("HTTP/1.1 101 OK\r\nSec-WebSocket-Accept: {ACCEPT}\r\n\r\n").into_bytes();
        for (bytes, reason) in [
            (b"HTTP/1.1 503 Service Unavailable\r\n\r\n".to_vec(), "refused: HTTP/1.1 503 Service Unavailable"),
            (b"HTTP/1.1 101 OK\r\n\r\n".to_vec(), "refused: HTTP/1.1 101 OK"),
            ([&accepted[..], &close].concat(), "the server closed with 1013 server restarts"),
            ([&accepted[..], &[0x01, 0]].concat(), "the server broke the protocol: a frame in pieces"),
        ] {
            let (mut link, mut server) = joined();
            server.write_all(&bytes).unwrap();
            link.on_readable(&mut [0; 1024], &mut |_, _, _| {});
            assert_eq!(link.closed(), Some(reason));
        }
    }
}
