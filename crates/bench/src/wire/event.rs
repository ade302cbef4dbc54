//! What the server says in a text frame, read in place: a few numbers at known places, no JSON on the hot path.

use crate::wire::stamp;
use memchr::memmem;

/// What was said.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// Somebody's message.
    Message {
        /// Its place in the room's log.
        seq: i64,
        /// When it was meant to be sent, when it is one of ours.
        stamp: Option<u64>,
    },
    /// The answer to a frame of ours.
    Ack {
        /// Our number.
        id: i64,
        /// The whole frame.
        payload: &'a [u8],
    },
    /// A refusal.
    Error {
        /// Our number, when it answers a frame.
        id: Option<i64>,
        /// The whole frame.
        payload: &'a [u8],
    },
    /// Are you there?
    Ping,
    /// What we have of a room is void.
    Reset,
    /// The latest messages of a room.
    Snapshot {
        /// The viewer's place in the log from now on.
        head: i64,
    },
    /// Something that is not counted.
    Other,
}

const EVENT: &[u8] = br#"{"event":""#;
const MESSAGE: &[u8] = br#"{"event":"message","data":{"#;

/// Reads the payload of a text frame.
pub fn read(payload: &[u8]) -> Event<'_> {
    if let Some(data) = payload.strip_prefix(MESSAGE) {
        return match number(data, br#""seq":"#) {
            Some(seq) => Event::Message { seq, stamp: stamp::read(data) },
            None => Event::Other,
        };
    }
    let Some(name) = payload.strip_prefix(EVENT) else { return Event::Other };
    let is = |word: &[u8]| name.strip_prefix(word).is_some_and(|rest| rest.first() == Some(&b'"'));
    // The number stands before the data or after it, and data has no `id` of its own that would be read instead.
    let id = || {
        let rest = memmem::find(name, br#","id":"#).map(|at| &name[at..]);
        rest.and_then(|rest| number(rest, br#","id":"#))
    };
    if is(b"ack") {
        id().map_or(Event::Other, |id| Event::Ack { id, payload })
    } else if is(b"error") {
        Event::Error { id: id(), payload }
    } else if is(b"ping") {
        Event::Ping
    } else if is(b"reset") {
        Event::Reset
    } else if is(b"room_messages") {
        // Behind all messages, whose texts are other people's: the last one counts.
        let head = memmem::rfind(payload, br#""head":"#).and_then(|at| number(&payload[at..], br#""head":"#));
        head.map_or(Event::Other, |head| Event::Snapshot { head })
    } else {
        Event::Other
    }
}

/// The number after the first `name` in `payload`, where `name` ends with the colon.
pub fn number(payload: &[u8], name: &[u8]) -> Option<i64> {
    let at = memmem::find(payload, name)? + name.len();
    let (negative, digits) = match payload.get(at..)? {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let mut number: i64 = 0;
    let mut length = 0;
    for digit in digits.iter().map(|digit| digit.wrapping_sub(b'0')).take_while(|digit| *digit < 10) {
        number = number.checked_mul(10)?.checked_add(i64::from(digit))?;
        length += 1;
    }
    (length > 0).then_some(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_gives_its_seq_and_stamp() {
        let text = String::from_utf8(stamp::text(40, 123_456)).unwrap();
        for (frame, seq, stamp) in [
            (
                format!(
                    r#"{{"event":"message","data":{{"id":9,"seq":43,"room":"a","message":"{text}","user":{{}}}}}}"#
                ),
                43,
                Some(123_456),
            ),
            (r#"{"event":"message","data":{"id":9,"seq":7,"room":"a","message":"hello"}}"#.to_owned(), 7, None),
        ] {
            assert_eq!(read(frame.as_bytes()), Event::Message { seq, stamp });
        }
    }

    #[test]
    fn each_frame_is_what_its_event_says() {
        for (frame, event) in [
            (r#"{"event":"ping","data":{}}"#, Event::Ping),
            (r#"{"event":"reset","data":{"room":"a","reason":"behind"}}"#, Event::Reset),
            (r#"{"event":"message_deleted","data":{"room":"a","seq":44,"ids":[9]}}"#, Event::Other),
            (
                r#"{"event":"room_messages","data":{"room":"a","messages":[{"message":"\"head\":1"}],"head":42,"epoch":7}}"#,
                Event::Snapshot { head: 42 },
            ),
            (r#"{"event":"messages","data":{"seq":44}}"#, Event::Other),
            (r#"{"event":"message","data":{}}"#, Event::Other),
            ("", Event::Other),
            ("[]", Event::Other),
        ] {
            assert_eq!(read(frame.as_bytes()), event, "{frame}");
        }
        let ack = br#"{"event":"ack","id":6,"data":{"id":9,"seq":43,"timestamp":1}}"#;
        assert_eq!(read(ack), Event::Ack { id: 6, payload: ack });
        assert_eq!(number(ack, br#""seq":"#), Some(43));
        let error = br#"{"event":"error","data":{"code":"busy"}}"#;
        assert_eq!(read(error), Event::Error { id: None, payload: error });
    }

    #[test]
    fn a_number_is_read_to_its_end_and_no_further() {
        for (text, found) in [
            (r#"{"n":12,"#, Some(12)),
            (r#"{"n":-7301}"#, Some(-7301)),
            (r#"{"n":12"#, Some(12)),
            (r#"{"n":"12"}"#, None),
            (r#"{"n":}"#, None),
            (r#"{"n":99999999999999999999}"#, None),
            (r#"{"m":1}"#, None),
        ] {
            assert_eq!(number(text.as_bytes(), br#""n":"#), found, "{text}");
        }
    }
}
