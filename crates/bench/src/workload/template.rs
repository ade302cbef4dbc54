//! A `sendMessage` frame that is made once and then only gets its numbers.

use crate::wire::{frame, stamp};

/// The number of the frame that posts message 0. All have ten digits, so that a frame's length never changes.
pub const FIRST_ID: u64 = 1_000_000_000;

/// How many digits those numbers have.
const ID_DIGITS: usize = 10;

/// The frame for one room.
pub struct MessageTemplate {
    payload: Vec<u8>,
    stamp: usize,
    nonce: usize,
    id: usize,
    masked: Vec<u8>,
}

impl MessageTemplate {
    /// A frame for `room` with a text of so many bytes. It has a nonce, as those of every careful client.
    pub fn new(room: &str, bytes: usize) -> MessageTemplate {
        let mut payload = format!(r#"{{"event":"sendMessage","data":{{"room":"{room}","text":""#).into_bytes();
        let stamp = payload.len() + 1;
        payload.extend(stamp::text(bytes, 0));
        payload.extend(br#"","nonce":"bench-"#);
        let nonce = payload.len();
        payload.extend([b'0'; ID_DIGITS]);
        payload.extend(br#""},"id":"#);
        let id = payload.len();
        payload.extend([b'0'; ID_DIGITS]);
        payload.push(b'}');
        MessageTemplate { payload, stamp, nonce, id, masked: Vec::new() }
    }

    /// The frame of message `number`, meant to be sent at `nanos`.
    pub fn write(&mut self, number: u64, nanos: u64) -> &[u8] {
        stamp::write(&mut self.payload[self.stamp..self.stamp + stamp::DIGITS], nanos);
        for place in [self.nonce, self.id] {
            stamp::write(&mut self.payload[place..place + ID_DIGITS], FIRST_ID + number);
        }
        self.masked.clear();
        frame::write_masked(&mut self.masked, frame::TEXT, &self.payload);
        &self.masked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::frame::Parsed;

    #[test]
    fn a_letter_is_the_frame_that_the_protocol_asks_for() {
        let mut template = MessageTemplate::new("abcDEF012345", 100);
        for (number, nanos) in [(0, 0), (41, 987_654_321)] {
            let bytes = template.write(number, nanos).to_vec();
            let Parsed::Frame(frame) = frame::parse(&bytes) else { panic!() };
            let mut payload = frame.payload.to_vec();
            frame::unmask(&mut payload, frame.mask.unwrap());
            let json: serde_json::Value = serde_json::from_slice(&payload).unwrap();
            assert_eq!(json["event"], "sendMessage");
            assert_eq!(json["id"], FIRST_ID + number);
            assert_eq!(json["data"]["room"], "abcDEF012345");
            assert_eq!(json["data"]["nonce"], format!("bench-{}", FIRST_ID + number));
            let text = json["data"]["text"].as_str().unwrap();
            assert_eq!((text.len(), stamp::read(text.as_bytes())), (100, Some(nanos)));
        }
    }
}
