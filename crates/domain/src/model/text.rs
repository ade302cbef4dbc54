//! Texts from outside, parsed once. What a type holds has passed its rule; the reasons are written for people.

use crate::model::writing::{balance_directions, has_piled_marks, is_direction_mark, is_invisible};
use unicode_segmentation::UnicodeSegmentation;

/// Why a value was refused, and which one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {reason}")]
pub struct Invalid {
    /// The field's name as clients write it.
    pub field: &'static str,
    /// What is wrong, as the end of a sentence that begins with the field.
    pub reason: String,
}

impl Invalid {
    /// `field` is refused because of `reason`.
    pub fn new(field: &'static str, reason: impl Into<String>) -> Invalid {
        Invalid { field, reason: reason.into() }
    }
}

macro_rules! read_only {
    ($($name:ident),+ $(,)?) => {$(
        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

/// How many characters a reader sees: grapheme clusters (UAX #29), so that a family emoji is one, and a letter with its
/// accent too. A cluster has no end of its own, and what no font joins is shown apart: it counts once for every
/// [`CODE_POINTS_PER_CHARACTER`] begun.
pub fn characters(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    text.graphemes(true).map(|cluster| cluster.chars().count().div_ceil(CODE_POINTS_PER_CHARACTER)).sum()
}

/// How many code points one character may have: the longest emoji in use, a family of four with skin tones, has 11.
pub const CODE_POINTS_PER_CHARACTER: usize = 12;

/// How many bytes a text may have for each character that it may have: what a character of any script takes, and room for
/// some emoji of several signs.
pub const BYTES_PER_CHARACTER: usize = 16;

/// A message's text: 1 to [`Body::MAX`] characters, trimmed, with `\n` as its only control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body(String);

impl Body {
    /// The longest message, in characters as [`characters`] counts them (Twitch's limit, and the most of any room here).
    pub const MAX: usize = 500;

    /// Takes a message as it was typed. Line ends become `\n`, tabs become spaces, and outer white space goes. Direction
    /// marks that keyboards put in stay within their line (UAX #9).
    pub fn parse(text: &str) -> Result<Body, Invalid> {
        let invalid = |reason: String| Err(Invalid::new("message", reason));
        if text.len() > Body::MAX * BYTES_PER_CHARACTER {
            return invalid(format!("is longer than {} characters", Body::MAX));
        }
        let clean = text.replace("\r\n", "\n").replace(['\r', '\u{2028}', '\u{2029}'], "\n").replace('\t', " ");
        let clean = balance_directions(clean.trim());
        let clean = joined_lines(clean.trim(), usize::MAX);
        let clean = &*clean;
        let length = characters(clean);
        if length > Body::MAX {
            return invalid(format!("is longer than {} characters ({length})", Body::MAX));
        }
        if clean.chars().all(|c| is_invisible(c) || is_direction_mark(c)) {
            return invalid("is empty".to_owned());
        }
        if clean.chars().any(|c| c.is_control() && c != '\n') {
            return invalid("holds control characters".to_owned());
        }
        if has_piled_marks(clean) {
            return invalid("piles too many marks on one letter".to_owned());
        }
        Ok(Body(clean.to_owned()))
    }

    /// A text that a store gives back: it was parsed when it was written.
    pub fn stored(text: String) -> Body {
        Body(text)
    }

    /// The same text in at most `max` lines: further lines are joined to the last one by spaces.
    pub fn within_lines(self, max: usize) -> Body {
        if self.0.bytes().filter(|byte| *byte == b'\n').count() < max { self } else { Body(joined_lines(&self.0, max)) }
    }

    /// Its length in characters, as [`characters`] counts them.
    pub fn length(&self) -> usize {
        characters(&self.0)
    }
}

/// Empty lines in a row that a message keeps.
const EMPTY_LINES: usize = 2;

/// `text` with at most [`EMPTY_LINES`] empty lines in a row and at most `max` lines.
fn joined_lines(text: &str, max: usize) -> String {
    let (mut joined, mut lines, mut empty) = (String::with_capacity(text.len()), 0, 0);
    for line in text.split('\n') {
        let is_empty = line.chars().all(|c| is_invisible(c) || is_direction_mark(c));
        empty = if is_empty { empty + 1 } else { 0 };
        if empty > EMPTY_LINES || (is_empty && lines >= max) {
            continue;
        }
        if lines > 0 {
            joined.push(if lines < max { '\n' } else { ' ' });
        }
        joined.push_str(line);
        lines += 1;
    }
    joined
}

fn parse_line(field: &'static str, text: &str, least: usize, most: usize) -> Result<String, Invalid> {
    let clean = text.trim();
    let length = if text.len() > most * BYTES_PER_CHARACTER { usize::MAX } else { characters(clean) };
    if length > most {
        return Err(Invalid::new(field, format!("is longer than {most} characters")));
    }
    if least > 0 && clean.chars().all(is_invisible) {
        return Err(Invalid::new(field, "is empty"));
    }
    if clean.chars().any(char::is_control) {
        return Err(Invalid::new(field, "holds control characters"));
    }
    if has_piled_marks(clean) {
        return Err(Invalid::new(field, "piles too many marks on one letter"));
    }
    Ok(clean.to_owned())
}

/// A room's name for people: 1 to 100 characters on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomName(String);

impl RoomName {
    /// The longest name, in characters.
    pub const MAX: usize = 100;

    /// Takes a name as it was typed; outer white space goes.
    pub fn parse(text: &str) -> Result<RoomName, Invalid> {
        if text.chars().any(is_direction_mark) {
            return Err(Invalid::new("name", "holds marks that turn the reading direction"));
        }
        parse_line("name", text, 1, RoomName::MAX).map(RoomName)
    }

    /// A name that a store gives back.
    pub fn stored(text: String) -> RoomName {
        RoomName(text)
    }
}

/// A site's name for people: 1 to 100 characters on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteName(String);

impl SiteName {
    /// The longest name, in characters.
    pub const MAX: usize = 100;

    /// Takes a name as it was typed; outer white space goes.
    pub fn parse(text: &str) -> Result<SiteName, Invalid> {
        parse_line("name", &balance_directions(text), 1, SiteName::MAX).map(SiteName)
    }

    /// A name that a store gives back.
    pub fn stored(text: String) -> SiteName {
        SiteName(text)
    }
}

/// What a site calls one of its keys: up to 100 characters on one line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyName(String);

impl KeyName {
    /// The longest name, in characters.
    pub const MAX: usize = 100;

    /// Takes a name as it was typed; outer white space goes.
    pub fn parse(text: &str) -> Result<KeyName, Invalid> {
        parse_line("name", &balance_directions(text), 0, KeyName::MAX).map(KeyName)
    }

    /// A name that a store gives back.
    pub fn stored(text: String) -> KeyName {
        KeyName(text)
    }
}

/// What a room is about: up to 500 characters on one line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description(String);

impl Description {
    /// The longest description, in characters.
    pub const MAX: usize = 500;

    /// Takes a description as it was typed; outer white space goes.
    pub fn parse(text: &str) -> Result<Description, Invalid> {
        parse_line("description", &balance_directions(text), 0, Description::MAX).map(Description)
    }

    /// A description that a store gives back.
    pub fn stored(text: String) -> Description {
        Description(text)
    }
}

/// Why somebody was sanctioned: up to 500 characters on one line (Twitch's limit), for moderators.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    /// The longest reason, in characters.
    pub const MAX: usize = 500;

    /// Takes a reason as it was typed; outer white space goes.
    pub fn parse(text: &str) -> Result<Reason, Invalid> {
        parse_line("reason", &balance_directions(text), 0, Reason::MAX).map(Reason)
    }

    /// A reason that a store gives back.
    pub fn stored(text: String) -> Reason {
        Reason(text)
    }
}

/// A sender's own name for a message, 1 to 64 bytes; unique for that author in that room.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Nonce(String);

impl Nonce {
    /// The longest nonce, in bytes.
    pub const MAX: usize = 64;

    /// Takes a nonce as it came.
    pub fn parse(text: &str) -> Result<Nonce, Invalid> {
        if text.is_empty() || text.len() > Nonce::MAX {
            return Err(Invalid::new("nonce", "must have 1 to 64 bytes"));
        }
        // PostgreSQL stores no NUL in a text, and nobody needs the rest.
        if text.chars().any(char::is_control) {
            return Err(Invalid::new("nonce", "holds control characters"));
        }
        Ok(Nonce(text.to_owned()))
    }
}

/// A password in clear, 8 to 256 bytes. Lives as long as it takes to hash it.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// The shortest password, in bytes.
    pub const MIN: usize = 8;

    /// The longest password, in bytes: bcrypt's hash of more is cut, so that longer ones are hashed first, up to this.
    pub const MAX: usize = 256;

    /// Takes a password as it was typed; nothing is trimmed.
    pub fn parse(text: &str) -> Result<Password, Invalid> {
        if !(Password::MIN..=Password::MAX).contains(&text.len()) {
            return Err(Invalid::new("password", "must have 8 to 256 bytes"));
        }
        Ok(Password(text.to_owned()))
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

impl Password {
    /// The characters, for the hasher alone.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

read_only!(Body, RoomName, SiteName, KeyName, Description, Reason, Nonce);

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn body(text: &str, expected: Result<&str, &str>) {
        match (Body::parse(text), expected) {
            (Ok(body), Ok(expected)) => assert_eq!(body.as_str(), expected),
            (Err(invalid), Err(part)) => assert!(invalid.reason.contains(part), "{invalid}"),
            (got, _) => panic!("{text:?} gave {got:?}"),
        }
    }

    #[test]
    fn a_message_is_trimmed_and_keeps_its_lines() {
        body("  hello  ", Ok("hello"));
        body("a\r\nb\rc", Ok("a\nb\nc"));
        body("a\tb", Ok("a b"));
        body("👩‍👩‍👧‍👦 e\u{301}", Ok("👩‍👩‍👧‍👦 e\u{301}"));
    }

    #[test]
    fn a_message_that_shows_nothing_is_empty() {
        for text in [
            "",
            "   ",
            "\n\n",
            "\u{200f}",
            "\u{202e}",
            "\u{2067}\u{2069}",
            "\u{200b}\u{200d}",
            "\u{3164}",
            "\u{2800}",
            "\u{feff}",
        ] {
            body(text, Err("empty"));
        }
    }

    #[test]
    fn what_breaks_the_screen_is_refused() {
        body("a\u{0}b", Err("control"));
        body("a\u{1b}[31m", Err("control"));
        body(&format!("z{}", "\u{301}".repeat(5)), Err("marks"));
        body(&format!("z{}", "\u{301}".repeat(500_000)), Err("longer"));
    }

    #[test]
    fn what_a_keyboard_puts_in_is_kept_or_dropped_and_never_refused() {
        body("\u{200f}שלום", Ok("\u{200f}שלום"));
        body("abc\u{200e}", Ok("abc\u{200e}"));
        body("\u{2068}name\u{2069} hi", Ok("\u{2068}name\u{2069} hi"));
        body("\u{61c}مرحبا", Ok("\u{61c}مرحبا"));
        body("abc\u{202e}def", Ok("abcdef"));
    }

    #[test]
    fn length_is_counted_as_a_reader_counts_and_bounded_by_bytes() {
        assert!(Body::parse(&"é".repeat(500)).is_ok());
        body(&"é".repeat(501), Err("longer than 500"));
        assert!(Body::parse(&"😀".repeat(500)).is_ok());
        let family = "👨‍👩‍👧‍👦";
        assert_eq!(Body::parse(&family.repeat(300)).unwrap().length(), 300);
        body(&family.repeat(400), Err("longer than 500"));
    }

    #[test]
    fn empty_lines_in_a_row_are_at_most_two() {
        body("a\n\n\n\n\nb", Ok("a\n\n\nb"));
        body("a\n\n\nb", Ok("a\n\n\nb"));
        body("a\n \n\u{200b}\n  \n\nb", Ok("a\n \n\u{200b}\nb"));
    }

    #[test]
    fn lines_beyond_the_rooms_are_joined_to_the_last() {
        let lines = |text: &str, max| Body::parse(text).unwrap().within_lines(max).as_str().to_owned();
        assert_eq!(lines("a\nb\nc", 3), "a\nb\nc");
        assert_eq!(lines("a\nb\nc\n\nd", 2), "a\nb c d");
        assert_eq!(lines("a\nb", 1), "a b");
        let flood = "x\n".repeat(240);
        assert_eq!(lines(&flood, 12).lines().count(), 12);
        assert_eq!(lines(&flood, 12).matches('x').count(), 240, "no word is lost");
    }

    #[test]
    fn a_nonce_has_one_to_64_bytes() {
        assert!(Nonce::parse(&"x".repeat(64)).is_ok());
        for bad in ["", "a\0b", "x".repeat(65).as_str()] {
            assert!(Nonce::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_password_is_never_printed() {
        let password = Password::parse("correct horse").unwrap();
        assert!(!format!("{password:?}").contains("horse"));
    }
}
