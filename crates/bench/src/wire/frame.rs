//! WebSocket frames: where they end in a buffer, and how a client's own are made. Nothing is copied and no payload is read.

/// A text frame.
pub const TEXT: u8 = 1;
/// The peer says goodbye.
pub const CLOSE: u8 = 8;
/// Are you there?
pub const PING: u8 = 9;
/// I am here.
pub const PONG: u8 = 10;

/// The largest frame that is believed: more than any snapshot of a room.
pub const LARGEST: usize = 512 * 1024;

/// Any key masks; one key for all costs nothing to find. Masking protects proxies, and here are none.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// What stands at the beginning of a buffer.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// A whole frame.
    Frame(Frame<'a>),
    /// The beginning of one.
    Partial,
    /// Something that is no frame of a peer of ours.
    Broken(&'static str),
}

/// A frame.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What sort.
    pub opcode: u8,
    /// The key it is masked with: clients do, servers must not.
    pub mask: Option<[u8; 4]>,
    /// What it carries.
    pub payload: &'a [u8],
    /// How many bytes it takes in the buffer, with its header.
    pub size: usize,
}

/// Reads the frame at the beginning of `bytes`.
pub fn parse(bytes: &[u8]) -> Parsed<'_> {
    let [first, second, rest @ ..] = bytes else { return Parsed::Partial };
    if first & 0x70 != 0 {
        return Parsed::Broken("a reserved bit is set");
    }
    // Banter sends whole frames only.
    if first & 0x80 == 0 || first & 0x0f == 0 {
        return Parsed::Broken("a frame in pieces");
    }
    let (length, mut header) = match (second & 0x7f, rest) {
        (126, [a, b, ..]) => (usize::from(u16::from_be_bytes([*a, *b])), 4),
        (127, [a, b, c, d, e, f, g, h, ..]) => {
            let length = u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]);
            (usize::try_from(length).unwrap_or(usize::MAX), 10)
        }
        (126 | 127, _) => return Parsed::Partial,
        (short, _) => (usize::from(short), 2),
    };
    if length > LARGEST {
        return Parsed::Broken("a frame is too large");
    }
    let mut mask = None;
    if second & 0x80 != 0 {
        let Some(&[a, b, c, d]) = bytes.get(header..header + 4) else { return Parsed::Partial };
        mask = Some([a, b, c, d]);
        header += 4;
    }
    match bytes.get(header..header + length) {
        Some(payload) => Parsed::Frame(Frame { opcode: first & 0x0f, mask, payload, size: header + length }),
        None => Parsed::Partial,
    }
}

/// Appends a client's frame, masked.
pub fn write_masked(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    write_header(out, opcode, payload.len(), 0x80);
    out.extend_from_slice(&MASK);
    let start = out.len();
    out.extend_from_slice(payload);
    unmask(&mut out[start..], MASK);
}

/// Appends a server's frame.
pub fn write_plain(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    write_header(out, opcode, payload.len(), 0);
    out.extend_from_slice(payload);
}

/// Takes a mask off, or puts it on.
pub fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    for (byte, key) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}

fn write_header(out: &mut Vec<u8>, opcode: u8, length: usize, masked: u8) {
    out.push(0x80 | opcode);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..=125), _) => out.push(masked | short),
        (_, Ok(middle)) => {
            out.push(masked | 126);
            out.extend_from_slice(&middle.to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTHS: [usize; 8] = [0, 1, 125, 126, 127, 65_535, 65_536, 70_000];

    #[test]
    fn a_frame_of_any_length_comes_back_as_it_was_written() {
        for length in LENGTHS {
            let payload: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let mut plain = Vec::new();
            write_plain(&mut plain, TEXT, &payload);
            let size = plain.len();
            assert_eq!(parse(&plain), Parsed::Frame(Frame { opcode: TEXT, mask: None, payload: &payload, size }));

            let mut masked = Vec::new();
            write_masked(&mut masked, PONG, &payload);
            let Parsed::Frame(frame) = parse(&masked) else { panic!("{length} bytes are no frame") };
            let mut unmasked = frame.payload.to_vec();
            unmask(&mut unmasked, frame.mask.unwrap());
            assert_eq!((frame.opcode, frame.size, unmasked), (PONG, masked.len(), payload));
        }
    }

    #[test]
    fn a_frame_cut_anywhere_is_partial() {
        for length in [0, 5, 125, 126, 300, 65_536] {
            for write in [write_plain, write_masked] {
                let mut bytes = Vec::new();
                write(&mut bytes, TEXT, &vec![b'x'; length]);
                for cut in (0..bytes.len()).filter(|cut| *cut < 400 || cut % 997 == 0) {
                    assert_eq!(parse(&bytes[..cut]), Parsed::Partial, "{length} bytes cut at {cut}");
                }
            }
        }
    }

    #[test]
    fn what_follows_a_frame_is_left_alone() {
        let mut bytes = Vec::new();
        write_plain(&mut bytes, TEXT, b"one");
        let size = bytes.len();
        write_plain(&mut bytes, PING, b"two");
        let Parsed::Frame(frame) = parse(&bytes) else { panic!() };
        assert_eq!((frame.payload, frame.size), (&b"one"[..], size));
    }

    #[test]
    fn what_no_server_of_ours_sends_is_broken() {
        for bytes in [
            &[0xc1, 0][..],
            &[0x01, 0],
            &[0x80, 0],
            &[0x81, 127, 0, 0, 0, 1, 0, 0, 0, 0],
            &[0x81, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert!(matches!(parse(bytes), Parsed::Broken(_)), "{bytes:?}");
        }
    }
}
