//! Texts from outside, parsed once. What a type holds has passed its rule; the reasons are written for people.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

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

/// Marks that turn the reading direction of what follows: they make one text look like another.
pub(crate) fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Characters that take no room of their own: a text of nothing else is empty to a reader.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{00AD}' | '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200D}' | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
            | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
}

/// More combining marks than this on one letter run into the lines above and below ("zalgo"); no script needs them.
const MARKS_MAX: usize = 4;

pub(crate) fn has_piled_marks(text: &str) -> bool {
    let mut run = 0;
    text.nfd().any(|c| {
        run = if is_combining_mark(c) { run + 1 } else { 0 };
        run > MARKS_MAX
    })
}

/// A message's text: 1 to [`Body::MAX`] characters, trimmed, with `\n` as its only control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body(String);

impl Body {
    /// The longest message, in characters (Twitch's limit, and the most of any room here).
    pub const MAX: usize = 500;

    /// Takes a message as it was typed. Line ends become `\n`, tabs become spaces, and outer white space goes.
    pub fn parse(text: &str) -> Result<Body, Invalid> {
        let invalid = |reason: String| Err(Invalid::new("message", reason));
        // Four bytes a character at most, and as much again for what trimming takes away: beyond that, do not look.
        if text.len() > Body::MAX * 8 {
            return invalid(format!("is longer than {} characters", Body::MAX));
        }
        let clean = text.replace("\r\n", "\n").replace(['\r', '\u{2028}', '\u{2029}'], "\n").replace('\t', " ");
        let clean = clean.trim();
        let length = clean.chars().count();
        if length > Body::MAX {
            return invalid(format!("is longer than {} characters ({length})", Body::MAX));
        }
        if clean.chars().all(is_invisible) {
            return invalid("is empty".to_owned());
        }
        if clean.chars().any(|c| c.is_control() && c != '\n') {
            return invalid("holds control characters".to_owned());
        }
        if clean.chars().any(is_direction_mark) {
            return invalid("holds marks that turn the reading direction".to_owned());
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

    /// Its length in characters.
    pub fn length(&self) -> usize {
        self.0.chars().count()
    }
}

fn parse_line(field: &'static str, text: &str, least: usize, most: usize) -> Result<String, Invalid> {
    let clean = text.trim();
    let length = if text.len() > most * 8 { usize::MAX } else { clean.chars().count() };
    if length > most {
        return Err(Invalid::new(field, format!("is longer than {most} characters")));
    }
    if least > 0 && clean.chars().all(is_invisible) {
        return Err(Invalid::new(field, "is empty"));
    }
    if clean.chars().any(|c| c.is_control() || is_direction_mark(c)) {
        return Err(Invalid::new(field, "holds control characters or marks that turn the reading direction"));
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
    /// Takes a name as it was typed; outer white space goes.
    pub fn parse(text: &str) -> Result<RoomName, Invalid> {
        parse_line("name", text, 1, 100).map(RoomName)
    }

    /// A name that a store gives back.
    pub fn stored(text: String) -> RoomName {
        RoomName(text)
    }
}

/// What a room is about: up to 500 characters on one line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description(String);

impl Description {
    /// Takes a description as it was typed; outer white space goes.
    pub fn parse(text: &str) -> Result<Description, Invalid> {
        parse_line("description", text, 0, 500).map(Description)
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
    /// Takes a reason as it was typed; outer white space goes.
    pub fn parse(text: &str) -> Result<Reason, Invalid> {
        parse_line("reason", text, 0, 500).map(Reason)
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
    /// Takes a nonce as it came.
    pub fn parse(text: &str) -> Result<Nonce, Invalid> {
        if text.is_empty() || text.len() > 64 {
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
    /// Takes a password as it was typed; nothing is trimmed.
    pub fn parse(text: &str) -> Result<Password, Invalid> {
        if !(8..=256).contains(&text.len()) {
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

read_only!(Body, RoomName, Description, Reason, Nonce);

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
        for text in ["", "   ", "\n\n", "\u{200b}\u{200d}", "\u{3164}", "\u{2800}", "\u{feff}"] {
            body(text, Err("empty"));
        }
    }

    #[test]
    fn what_breaks_the_screen_is_refused() {
        body("a\u{0}b", Err("control"));
        body("a\u{1b}[31m", Err("control"));
        body("abc\u{202e}def", Err("direction"));
        body(&format!("z{}", "\u{301}".repeat(5)), Err("marks"));
        body(&format!("z{}", "\u{301}".repeat(500_000)), Err("longer"));
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert!(Body::parse(&"é".repeat(500)).is_ok());
        body(&"é".repeat(501), Err("longer than 500"));
        assert!(Body::parse(&"😀".repeat(500)).is_ok());
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
