//! The sending half of a socket. Bytes go straight to the kernel: handed to actix, each would first be copied into a buffer
//! that every connection keeps at the size it once needed, and a task would be woken for each connection of a room.

use bytes::{Bytes, BytesMut};
use socket2::Socket;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{ErrorKind, IoSlice};
use std::ops::Range;
use std::rc::Rc;
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// A second handle of a connection's socket: actix reads from the first one, and writes only the head of the response to it.
#[derive(Clone)]
pub struct SocketHandle(pub Rc<Socket>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The head of the response is not out yet.
    Held,
    Open,
    /// The kernel takes no more for now.
    Full,
}

/// A frame of so many bytes is written from where it is, not copied beside others.
const SHARED_MIN: usize = 4 * 1024;

/// The most bytes written at once, so that one connection does not delay the others.
const BATCH_FULL: usize = 64 * 1024;

#[derive(Debug)]
enum Part {
    /// Of the bytes that were copied together.
    Copied(Range<usize>),
    Shared(Bytes),
}

/// Frames that are written at once. A worker has one and uses it for every connection.
#[derive(Debug, Default)]
pub struct Batch {
    copied: BytesMut,
    parts: Vec<Part>,
    bytes: usize,
}

impl Batch {
    /// Adds a frame.
    pub fn add(&mut self, frame: &Bytes) {
        self.bytes += frame.len();
        if frame.len() >= SHARED_MIN {
            self.parts.push(Part::Shared(frame.clone()));
            return;
        }
        let start = self.copied.len();
        self.copied.extend_from_slice(frame);
        match self.parts.last_mut() {
            Some(Part::Copied(range)) => range.end = self.copied.len(),
            _ => self.parts.push(Part::Copied(start..self.copied.len())),
        }
    }

    /// Whether no more should be added.
    pub fn is_full(&self) -> bool {
        self.bytes >= BATCH_FULL
    }

    /// How many bytes it has.
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Empties it.
    pub fn clear(&mut self) {
        self.copied.clear();
        self.parts.clear();
        self.bytes = 0;
    }

    /// Its bytes, in order.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        self.parts.iter().map(|part| match part {
            Part::Copied(range) => &self.copied[range.clone()],
            Part::Shared(bytes) => &bytes[..],
        })
    }

    /// What is left of it after its first `sent` bytes.
    fn after(&self, mut sent: usize) -> VecDeque<Bytes> {
        let mut rest = VecDeque::new();
        for (part, slice) in self.parts.iter().zip(self.slices()) {
            let skipped = sent.min(slice.len());
            sent -= skipped;
            if skipped < slice.len() {
                rest.push_back(match part {
                    Part::Copied(_) => Bytes::copy_from_slice(&slice[skipped..]),
                    Part::Shared(bytes) => bytes.slice(skipped..),
                });
            }
        }
        rest
    }
}

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
pub enum SendResult {
    /// All of it is with the kernel.
    All,
    /// The kernel is full: so many bytes are with it, and the rest is to be sent when it takes more.
    Some(usize),
    /// The socket is broken.
    Broken,
}

/// Where a connection's bytes go.
pub struct Outgoing {
    socket: RefCell<Option<SocketHandle>>,
    /// What the kernel did not take of the last batch.
    rest: RefCell<VecDeque<Bytes>>,
    state: Cell<State>,
}

impl Outgoing {
    /// Sends nothing before [`Self::open`].
    pub fn new(socket: Option<SocketHandle>) -> Outgoing {
        Outgoing { socket: RefCell::new(socket), rest: RefCell::default(), state: Cell::new(State::Held) }
    }

    /// The head of the response is out, or the kernel takes more.
    pub fn open(&self) {
        self.state.set(State::Open);
    }

    /// Whether something may be sent now.
    pub fn is_open(&self) -> bool {
        self.state.get() == State::Open
    }

    /// Adds what is left of a batch that was sent before, which goes first.
    pub fn add_rest(&self, batch: &mut Batch) {
        self.rest.take().iter().for_each(|bytes| batch.add(bytes));
    }

    /// Hands a batch to the kernel.
    pub fn send(&self, batch: &Batch) -> SendResult {
        let socket = self.socket.borrow();
        let Some(SocketHandle(socket)) = &*socket else { return SendResult::Broken };
        let mut slices = batch.slices();
        let (first, second) = (slices.next().unwrap_or_default(), slices.next());
        let all: Vec<IoSlice<'_>> = match second {
            None => Vec::new(),
            Some(second) => [first, second].into_iter().chain(slices).map(IoSlice::new).collect(),
        };
        let sent = loop {
            let sent = if all.is_empty() { socket.send(first) } else { socket.send_vectored(&all) };
            match sent {
                Ok(sent) => break sent,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break 0,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return SendResult::Broken,
            }
        };
        if sent == batch.bytes {
            return SendResult::All;
        }
        *self.rest.borrow_mut() = batch.after(sent);
        self.state.set(State::Full);
        SendResult::Some(sent)
    }

    /// Lets go of the socket. Whoever waits for it to take more waits no longer.
    pub fn close(&self) {
        if let Some(SocketHandle(socket)) = self.socket.borrow_mut().take()
            && self.state.get() == State::Full
        {
            // It may be closed already.
            let _ = socket.shutdown(std::net::Shutdown::Both);
        }
        self.rest.borrow_mut().clear();
    }

    /// Waits until the kernel takes more, or the socket is broken or closed.
    pub async fn wait_until_writable(&self) {
        let socket = self.socket.borrow().clone();
        let Some(SocketHandle(socket)) = socket else { return };
        let registered = socket.try_clone().and_then(|socket| TcpStream::from_std(socket.into()));
        // An error is found by who writes next.
        if let Ok(socket) = registered {
            let _ = socket.writable().await;
        }
    }
}

/// The connections of a worker that have something to send. They are written to after what runs now, each once.
pub struct WriteQueue<C> {
    conns: RefCell<Vec<Rc<C>>>,
    filled: Notify,
}

impl<C> Default for WriteQueue<C> {
    fn default() -> WriteQueue<C> {
        WriteQueue { conns: RefCell::default(), filled: Notify::new() }
    }
}

impl<C> WriteQueue<C> {
    /// Adds one that is not in it.
    pub fn push(&self, conn: Rc<C>) {
        self.conns.borrow_mut().push(conn);
        self.filled.notify_one();
    }

    /// Those that are in it, once there are some.
    pub async fn next(&self) -> Vec<Rc<C>> {
        loop {
            let conns = self.conns.take();
            if !conns.is_empty() {
                return conns;
            }
            self.filled.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::{Domain, Type};
    use std::io::Read;

    fn frames() -> [Bytes; 4] {
        [Bytes::from(vec![1; 10]), Bytes::from(vec![2; 20]), Bytes::from(vec![3; SHARED_MIN]), Bytes::from(vec![4; 30])]
    }

    fn batch() -> Batch {
        let mut batch = Batch::default();
        frames().iter().for_each(|frame| batch.add(frame));
        batch
    }

    #[test]
    fn small_frames_are_copied_together_and_large_ones_shared() {
        let large = Bytes::from(vec![3; SHARED_MIN]);
        let mut batch = Batch::default();
        for frame in [&Bytes::from_static(b"a"), &Bytes::from_static(b"b"), &large, &Bytes::from_static(b"c")] {
            batch.add(frame);
        }
        let slices: Vec<&[u8]> = batch.slices().collect();
        assert_eq!((slices.len(), slices[0], slices[2]), (3, &b"ab"[..], &b"c"[..]));
        assert_eq!(slices[1].as_ptr(), large.as_ptr());
        batch.clear();
        assert!(batch.is_empty() && batch.slices().next().is_none());
    }

    #[test]
    fn what_is_left_after_any_number_of_bytes_is_the_rest() {
        let whole: Vec<u8> = frames().concat();
        for sent in [0, 1, 10, 29, 30, 31, 30 + SHARED_MIN, whole.len() - 1, whole.len()] {
            let rest: Vec<u8> = batch().after(sent).into_iter().flatten().collect();
            assert_eq!(rest, whole[sent..], "after {sent}");
        }
    }

    #[test]
    fn what_the_kernel_does_not_take_is_kept_and_sent_later() {
        let (here, mut there) = Socket::pair(Domain::UNIX, Type::STREAM, None).expect("two sockets");
        here.set_nonblocking(true).expect("it can");
        let outgoing = Outgoing::new(Some(SocketHandle(Rc::new(here))));
        outgoing.open();
        let (mut sent, mut expected) = (0, Vec::new());
        while outgoing.is_open() {
            let result = outgoing.send(&batch());
            expected.extend(frames().concat());
            sent += match result {
                SendResult::All => batch().bytes,
                SendResult::Some(some) => some,
                SendResult::Broken => panic!("it is broken"),
            };
        }
        let mut received = vec![0; sent];
        there.read_exact(&mut received).expect("what was sent");
        outgoing.open();
        let mut rest = Batch::default();
        outgoing.add_rest(&mut rest);
        assert_eq!(outgoing.send(&rest), SendResult::All);
        outgoing.close();
        there.read_to_end(&mut received).expect("the rest");
        assert_eq!(received, expected);
        assert_eq!(outgoing.send(&batch()), SendResult::Broken);
    }
}
