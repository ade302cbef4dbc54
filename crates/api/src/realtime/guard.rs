//! Reads the headers of a client's frames as the bytes pass, and stops at the limit.
//!
//! actix-http looks at a frame's size only when it has the whole frame: a header that declares 4 GiB makes it keep all
//! that comes (measured: 400 MiB sent, 404 MiB grown). The guard stands before it and ends the stream instead.

use crate::realtime::protocol::FRAME_MAX;
use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use futures_util::Stream;
use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

/// More fragments than this in one message are an attack: each may be empty.
const FRAGMENTS_MAX: u32 = 64;

/// Counts bytes of frames.
#[derive(Debug, Default)]
pub struct Meter {
    header: Vec<u8>,
    payload_left: u64,
    message: u64,
    fragments: u32,
}

/// A frame, or a message in fragments, is larger than allowed.
#[derive(Debug, PartialEq, Eq)]
pub struct TooLarge;

impl Meter {
    /// Looks at the next bytes.
    pub fn pass(&mut self, mut bytes: &[u8]) -> Result<(), TooLarge> {
        while !bytes.is_empty() {
            if self.payload_left > 0 {
                let skipped = self.payload_left.min(bytes.len() as u64);
                bytes = &bytes[usize::try_from(skipped).unwrap_or(bytes.len())..];
                self.payload_left -= skipped;
                continue;
            }
            self.header.push(bytes[0]);
            bytes = &bytes[1..];
            if self.header.len() == self.header_length() {
                self.begin_frame()?;
            }
        }
        Ok(())
    }

    /// How long the header is, as far as its bytes tell.
    fn header_length(&self) -> usize {
        let Some(second) = self.header.get(1) else { return 2 };
        let length_bytes = match second & 0x7F {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask_bytes = if second & 0x80 != 0 { 4 } else { 0 };
        2 + length_bytes + mask_bytes
    }

    fn begin_frame(&mut self) -> Result<(), TooLarge> {
        let (first, second) = (self.header[0], self.header[1] & 0x7F);
        let length = match second {
            126 => self.header[2..4].iter().fold(0, |n, byte| n << 8 | u64::from(*byte)),
            127 => self.header[2..10].iter().fold(0, |n, byte| n << 8 | u64::from(*byte)),
            short => u64::from(short),
        };
        self.header.clear();
        let is_control = first & 0x08 != 0;
        if is_control {
            self.payload_left = length;
            return if length > 125 { Err(TooLarge) } else { Ok(()) };
        }
        let is_continuation = first & 0x0F == 0;
        (self.message, self.fragments) = if is_continuation { (self.message, self.fragments + 1) } else { (0, 0) };
        self.message = self.message.saturating_add(length);
        self.payload_left = length;
        if self.message > FRAME_MAX || self.fragments > FRAGMENTS_MAX { Err(TooLarge) } else { Ok(()) }
    }
}

/// A payload that ends with an error where a frame is too large.
pub struct Guarded<S> {
    inner: S,
    meter: Meter,
    tripped: Rc<Cell<bool>>,
}

impl<S> Guarded<S> {
    /// Wraps `inner`; `tripped` tells afterwards whether the guard ended it.
    pub fn new(inner: S, tripped: Rc<Cell<bool>>) -> Guarded<S> {
        Guarded { inner, meter: Meter::default(), tripped }
    }
}

impl<S: Stream<Item = Result<Bytes, PayloadError>> + Unpin> Stream for Guarded<S> {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.tripped.get() {
            return Poll::Ready(None);
        }
        let next = ready!(Pin::new(&mut self.inner).poll_next(cx));
        let Some(Ok(bytes)) = next else { return Poll::Ready(next) };
        if self.meter.pass(&bytes).is_err() {
            self.tripped.set(true);
            return Poll::Ready(Some(Err(PayloadError::Overflow)));
        }
        // A copy of the few bytes: what comes is a piece of the connection's read buffer, and whoever holds a piece holds
        // all of it, for as long as the client is silent.
        Poll::Ready(Some(Ok(Bytes::copy_from_slice(&bytes))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(first: u8, length: u64) -> Vec<u8> {
        let mut header = vec![first];
        match length {
            0..=125 => header.push(0x80 | length as u8),
            126..=0xFFFF => {
                header.push(0x80 | 126);
                header.extend((length as u16).to_be_bytes());
            }
            _ => {
                header.push(0x80 | 127);
                header.extend(length.to_be_bytes());
            }
        }
        header.extend([1, 2, 3, 4]);
        header
    }

    fn frame(first: u8, length: u64) -> Vec<u8> {
        let mut frame = header(first, length);
        frame.extend(vec![b'x'; length as usize]);
        frame
    }

    #[test]
    fn frames_up_to_the_limit_pass_however_they_are_cut() {
        let mut bytes = Vec::new();
        for length in [0, 1, 125, 126, 127, 65, FRAME_MAX] {
            bytes.extend(frame(0x81, length));
        }
        for cut in [1, 2, 3, 7, 1000, usize::MAX] {
            let mut meter = Meter::default();
            for part in bytes.chunks(cut.min(bytes.len())) {
                assert_eq!(meter.pass(part), Ok(()), "cut at {cut}");
            }
        }
    }

    #[test]
    fn a_header_that_declares_too_much_is_stopped_before_its_payload() {
        for length in [FRAME_MAX + 1, 4 << 30, u64::MAX] {
            assert_eq!(Meter::default().pass(&header(0x82, length)), Err(TooLarge), "{length}");
        }
        assert_eq!(Meter::default().pass(&header(0x89, 126)), Err(TooLarge), "a long ping");
    }

    #[test]
    fn fragments_are_added_up_and_counted() {
        let mut meter = Meter::default();
        meter.pass(&frame(0x01, FRAME_MAX / 2)).unwrap();
        meter.pass(&frame(0x89, 5)).unwrap();
        meter.pass(&frame(0x00, FRAME_MAX / 2)).unwrap();
        assert_eq!(meter.pass(&frame(0x00, 1)), Err(TooLarge));

        let mut meter = Meter::default();
        meter.pass(&frame(0x01, 1)).unwrap();
        let flood: Result<Vec<()>, TooLarge> = (0..10_000).map(|_| meter.pass(&frame(0x00, 0))).collect();
        assert_eq!(flood, Err(TooLarge));
    }
}
