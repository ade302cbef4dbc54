//! What people are called, and why two of them can never be mistaken for each other.

use crate::model::id::UserUid;
use crate::model::text::{BYTES_PER_CHARACTER, Invalid, characters};
use crate::model::time::Span;
use crate::model::writing::{has_piled_marks, is_direction_mark, is_invisible};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{canonical_combining_class, is_combining_mark};
use unicode_script::{Script, UnicodeScript};
use unicode_security::MixedScript;
use unicode_security::confusable_detection::skeleton;
use unicode_segmentation::UnicodeSegmentation;

/// How long the names of a deleted account are given to nobody else, so that nobody is mistaken for who just left.
pub const RESERVED_FOR: Span = Span::days(90);

/// What a registered user logs in with: 3 to 24 of `[A-Za-z0-9_-]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Username(String);

/// What others read: 1 to 32 characters, NFKC, no control or direction marks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DisplayName(String);

/// What a name looks like: two names that share a look could be mistaken for each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Look(pub String);

/// Names that would be taken for the server or its staff.
const RESERVED: &[&str] = &[
    "admin",
    "administrator",
    "anonymous",
    "banter",
    "bot",
    "broadcaster",
    "everyone",
    "guest",
    "here",
    "host",
    "mod",
    "moderator",
    "null",
    "official",
    "owner",
    "root",
    "server",
    "staff",
    "streamer",
    "superuser",
    "support",
    "sysop",
    "system",
    "undefined",
    "deleted user",
];

impl Username {
    /// The shortest username, in characters.
    pub const MIN: usize = 3;

    /// The longest username, in characters.
    pub const MAX: usize = 24;

    /// Takes a username as it was typed.
    pub fn parse(text: &str) -> Result<Username, Invalid> {
        if is_reserved(text) {
            return Err(Invalid::new("username", "is reserved"));
        }
        Username::spelt(text)
    }

    fn spelt(text: &str) -> Result<Username, Invalid> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if !(Username::MIN..=Username::MAX).contains(&text.len()) || !text.bytes().all(allowed) {
            return Err(Invalid::new("username", "must have 3 to 24 of the characters A-Z, a-z, 0-9, _ and -"));
        }
        Ok(Username(text.to_owned()))
    }

    /// Takes the name that somebody logs in with, which may be root's, or reserved since it was taken.
    pub fn parse_login(text: &str) -> Result<Username, Invalid> {
        if text.eq_ignore_ascii_case("root") { Ok(Username::root()) } else { Username::spelt(text) }
    }

    /// The first administrator, whose name nobody else may have.
    pub fn root() -> Username {
        Username("root".to_owned())
    }

    /// A name that a store gives back.
    pub fn stored(text: String) -> Username {
        Username(text)
    }

    /// The characters, as they were chosen.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What logging in compares: case does not matter.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl DisplayName {
    /// The longest name, in characters.
    pub const MAX: usize = 32;

    /// The most code points of a name, however few characters they make: a name stands in one line, at every message.
    pub const MAX_CODE_POINTS: usize = 64;

    /// Takes a name as it was typed: NFKC, inner white space folded to single spaces, outer white space gone.
    pub fn parse(text: &str) -> Result<DisplayName, Invalid> {
        let invalid = |reason: &str| Err(Invalid::new("display_name", reason));
        // NFKC may turn one character into eighteen; a name this long is refused before it is looked at.
        if text.len() > DisplayName::MAX * BYTES_PER_CHARACTER {
            return invalid("is longer than 32 characters");
        }
        if text.chars().any(|c| c.is_control() || is_direction_mark(c)) {
            return invalid("holds control characters or marks that turn the reading direction");
        }
        let name = text.nfkc().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
        if characters(&name) > DisplayName::MAX || name.chars().count() > DisplayName::MAX_CODE_POINTS {
            return invalid("is longer than 32 characters");
        }
        if name.chars().all(is_invisible) {
            return invalid("is empty");
        }
        if name.trim_start_matches(is_invisible).starts_with(['@', '/', '!', '#']) {
            return invalid("must not begin with @, /, ! or #, as mentions and commands do");
        }
        if name.chars().all(|c| is_invisible(c) || matches!(c, '.' | '\u{b7}' | '\u{2027}' | '\u{3002}' | '\u{30fb}')) {
            return invalid("must not be dots alone");
        }
        if mixes_scripts(&name) {
            return invalid("mixes letters of different scripts");
        }
        if has_piled_marks(&name) {
            return invalid("piles too many marks on one letter");
        }
        if is_reserved(&name) {
            return invalid("is reserved");
        }
        Ok(DisplayName(name))
    }

    /// A name that a web site gives to one of its own, as far as it may be shown: what it may not hold is taken out, and what is
    /// too much is cut off. `None` when nothing is left, or it is reserved.
    pub fn given(text: &str) -> Option<DisplayName> {
        let shown = |c: char| if c.is_control() || is_direction_mark(c) { ' ' } else { c };
        let name: String = text.chars().take(DisplayName::MAX * BYTES_PER_CHARACTER).map(shown).nfkc().collect();
        let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut kept = String::new();
        for cluster in name.graphemes(true) {
            let longer = format!("{kept}{cluster}");
            if characters(&longer) > DisplayName::MAX || longer.chars().count() > DisplayName::MAX_CODE_POINTS {
                break;
            }
            kept = longer;
        }
        DisplayName::parse(&kept).ok()
    }

    /// What a user of a web site is called that gave no name.
    pub fn of_site_user(uid: &UserUid) -> DisplayName {
        DisplayName(format!("User-{}", uid.as_str().get(..6).unwrap_or_default()))
    }

    /// What a guest is called before taking a name; nobody can choose this shape.
    pub fn guest(number: u32) -> DisplayName {
        DisplayName(format!("Guest-{number}"))
    }

    /// A name that a store gives back.
    pub fn stored(text: String) -> DisplayName {
        DisplayName(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&Username> for DisplayName {
    /// A registered user's first display name is the username.
    fn from(username: &Username) -> DisplayName {
        DisplayName(username.0.clone())
    }
}

/// All looks of a name, up to four.
///
/// The Unicode skeleton (UTS 39) tells look-alikes, but not case: it takes a capital `I` for an `l`, while folding takes
/// it for an `i`. A name therefore claims both readings, folded before and folded after, and a name is taken when any
/// of its looks is. It also claims both without what only decorates it: `root \u{2713}` and `_root_` are read as `root`.
pub fn looks(name: &str) -> Vec<Look> {
    let plain: String = name.nfkc().filter(|&c| !is_invisible(c)).collect();
    let bare: String = plain.nfd().filter(|&c| !is_decoration(c)).nfc().collect();
    let mut looks = skeletons(&plain).to_vec();
    // A name of nothing else is told by that.
    if !bare.is_empty() {
        looks.extend(skeletons(&bare));
    }
    looks.sort_unstable();
    looks.dedup();
    looks
}

fn skeletons(plain: &str) -> [Look; 2] {
    let fold = |text: &str| text.to_lowercase();
    let skeleton_of = |text: &str| fold(&skeleton(text).filter(|&c| !is_invisible(c)).collect::<String>());
    [Look(skeleton_of(&fold(plain))), Look(skeleton_of(plain))]
}

/// Accents, punctuation, signs and emoji; not the marks that are part of a script's spelling.
fn is_decoration(c: char) -> bool {
    if is_combining_mark(c) {
        // The voicing marks of kana belong to no script of their own either, and make other letters.
        return canonical_combining_class(c) > 0
            && c.script() == Script::Inherited
            && !matches!(c, '\u{3099}' | '\u{309a}');
    }
    !c.is_alphanumeric()
}

/// Whether letters of scripts stand beside one another that no language writes together. Latin beside Chinese, Japanese
/// or Korean is usual.
fn mixes_scripts(name: &str) -> bool {
    let is_east_asian = |c: char| {
        matches!(c.script(), Script::Han | Script::Hiragana | Script::Katakana | Script::Hangul | Script::Bopomofo)
    };
    let others: String = name.chars().filter(|c| c.script() != Script::Latin).collect();
    let is_mixed = |text: &str| !text.is_single_script();
    if name.chars().any(is_east_asian) { is_mixed(&others) } else { is_mixed(name) }
}

/// What stands in brackets in a name: a title that is not of the name's own.
fn bracketed(name: &str) -> impl Iterator<Item = &str> {
    let (open, close) = (['[', '(', '{', '<', '\u{3010}', '\u{300c}'], [']', ')', '}', '>', '\u{3011}', '\u{300d}']);
    name.split(open).skip(1).filter_map(move |rest| rest.split_once(close)).map(|(inner, _)| inner)
}

fn is_reserved(name: &str) -> bool {
    let asked = looks(name);
    if bracketed(name).any(is_reserved) {
        return true;
    }
    let guest = skeletons("guest-");
    if asked.iter().any(|look| guest.iter().any(|guest| look.0.starts_with(&guest.0))) {
        return true;
    }
    // The skeleton takes a 1 for an l; in `adm1n` it is meant for an i.
    let blurred = |look: &Look| look.0.replace('i', "l");
    let asked: Vec<String> = asked.iter().map(blurred).collect();
    RESERVED.iter().any(|reserved| looks(reserved).iter().any(|look| asked.contains(&blurred(look))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alike(a: &str, b: &str) -> bool {
        looks(a).iter().any(|look| looks(b).contains(look))
    }

    #[test]
    fn look_alikes_share_a_look() {
        for (a, b) in [
            ("Ann", "ann"),
            ("paypal", "paypa1"),
            ("paypal", "paypaI"),
            ("paypal", "раураl"),
            ("Ian", "ian"),
            ("Ian", "lan"),
            ("bob", "b\u{200b}ob"),
            ("bob", "b o b"),
            ("ann", "ａｎｎ"),
            ("modern", "rnodern"),
            ("b0b", "BOB"),
            ("admin", "admin\u{2800}"),
            ("ownerx", "ownerx!"),
            ("ownerx", "\u{1f451} owner\u{2022}x"),
            ("ownerx", "ówn\u{308}erx"),
            ("root", "root \u{2713}"),
            ("root", "root_"),
            ("root", "-root-"),
            ("paul", "pau|"),
            ("Zoë", "Zoe"),
        ] {
            assert!(alike(a, b), "{a} and {b}: {:?} {:?}", looks(a), looks(b));
        }
    }

    #[test]
    fn different_names_do_not() {
        for (a, b) in [
            ("ann", "anna"),
            ("bob", "rob"),
            ("か", "が"),
            ("李", "王"),
            ("ann", "ann2"),
            ("कि", "का"),
            ("\u{1f98a}", "\u{1f43b}"),
        ] {
            assert!(!alike(a, b), "{a} and {b}");
        }
    }

    #[test]
    fn reserved_names_are_refused_in_any_case_and_any_letters() {
        for name in [
            "root",
            "Root",
            "ROOT",
            "Admin",
            "аdmin",
            "ａｄｍｉｎ",
            "m0d",
            "Systеm",
            "Banter",
            "R o o t",
            "adm1n",
            "Guest-12",
            "root \u{2713}",
            "-root-",
            "[mod] ann",
            "ann (Admin)",
        ] {
            assert!(DisplayName::parse(name).is_err(), "{name}");
        }
        for name in ["admin", "ROOT", "m0d", "root_", "-root-"] {
            assert!(Username::parse(name).is_err(), "{name}");
        }
        assert!(Username::parse("rooted").is_ok());
    }

    #[test]
    fn a_display_name_is_neither_a_mention_nor_a_command_nor_dots() {
        for bad in ["@ann", "＠ann", "/ban", "!login", "#general", " \u{200b}@ann", ".", "...", "…", ". .", "。"] {
            assert!(DisplayName::parse(bad).is_err(), "{bad:?}");
        }
        for good in ["ann@home", "Dr. Who", "a/b", "wow!", "C#", ".ann"] {
            assert!(DisplayName::parse(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn a_display_name_is_of_one_script_or_of_those_that_are_written_together() {
        for bad in ["owner\u{13cf}", "\u{13a0}nna", "Аnna", "ann\u{3b1}", "李 Анна"] {
            assert!(DisplayName::parse(bad).is_err(), "{bad:?}");
        }
        for good in [
            "Anna 李",
            "山田太郎 123",
            "さくらサクラ桜 x",
            "김철수 Kim",
            "Анна 2!",
            "שלום",
            "مرحبا 5",
            "Ann \u{1f98a}",
            "123",
        ] {
            assert!(DisplayName::parse(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn a_username_is_plain_ascii() {
        for bad in ["", "ab", "a b c", "äöü", "ann!", "x".repeat(25).as_str(), "ann\n"] {
            assert!(Username::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Username::parse("Ann_the-1st").is_ok());
    }

    #[test]
    fn a_name_is_short_in_code_points_too() {
        assert!(DisplayName::parse(&"\u{1100}".repeat(32)).is_ok());
        assert!(DisplayName::parse(&"\u{1100}".repeat(65)).is_err());
        assert!(DisplayName::parse(&["😀"; 33].join("\u{200d}")).is_err());
    }

    #[test]
    fn a_display_name_is_normalised_and_bounded() {
        assert_eq!(DisplayName::parse("  Ann \u{a0} Lee ").unwrap().as_str(), "Ann Lee");
        assert_eq!(DisplayName::parse("ﬁona").unwrap().as_str(), "fiona");
        assert!(DisplayName::parse("🦊 fox").is_ok());
        for bad in [
            "",
            " ",
            "\u{200b}",
            "a\u{202e}b",
            "a\u{0}b",
            "x".repeat(33).as_str(),
            "z\u{301}\u{301}\u{301}\u{301}\u{301}",
        ] {
            assert!(DisplayName::parse(bad).is_err(), "{bad:?}");
        }
    }
}
