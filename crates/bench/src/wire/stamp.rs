//! The stamp at the beginning of a message's text: when it was meant to be sent. With it the receiver needs no table, and
//! measures from the intended time, so that a late sender cannot hide a slow server.

/// What a stamped text begins with. Neither a uid nor a number holds it, so it is found without reading JSON.
pub const MARK: u8 = b'~';

/// Digits of nanoseconds: more than a day.
pub const DIGITS: usize = 14;

/// The shortest text that holds a stamp.
pub const SHORTEST: usize = DIGITS + 2;

/// What the rest of a text is filled with. Words, because the server looks at what people write.
const WORDS: &[u8] = b"the quick brown fox jumps over the lazy dog and then ";

/// A text of `length` bytes that was meant to be sent `nanos` after the run began.
pub fn text(length: usize, nanos: u64) -> Vec<u8> {
    let mut text = vec![MARK];
    text.extend_from_slice(&[b'0'; DIGITS]);
    text.push(b' ');
    text.extend(WORDS.iter().cycle().take(length.saturating_sub(SHORTEST)));
    // No space at the end: the server would take it away.
    if let Some(last) = text.last_mut().filter(|last| **last == b' ') {
        *last = b'.';
    }
    write(&mut text[1..=DIGITS], nanos);
    text
}

/// Writes a number as decimal digits that fill `place`.
pub fn write(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// The stamp in `payload`: nanoseconds after the run began.
pub fn read(payload: &[u8]) -> Option<u64> {
    let at = memchr::memchr(MARK, payload)? + 1;
    let digits = payload.get(at..at + DIGITS)?;
    digits.iter().try_fold(0, |number, digit| {
        let digit = digit.wrapping_sub(b'0');
        (digit < 10).then(|| number * 10 + u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_comes_back_from_a_text_of_any_length() {
        for length in [SHORTEST, 40, 100, 500] {
            for nanos in [0, 1, 1_234_567_890, 99_999_999_999_999] {
                let text = text(length, nanos);
                assert_eq!(text.len(), length);
                assert_eq!(read(&text), Some(nanos), "{length}");
                assert_eq!(text.trim_ascii(), text, "the server trims, and the length would not hold");
            }
        }
    }

    #[test]
    fn a_text_without_a_whole_stamp_has_none() {
        for text in ["", "~", "~1234567890123", "~1234567890123x", "hello"] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
    }
}
