//! What writing systems need and what is abused of it: reading directions, invisible characters, marks on letters.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{canonical_combining_class, is_combining_mark};
use unicode_script::{Script, UnicodeScript};

/// Characters that set or turn the reading direction (UAX #9). Keyboards and pasted text bring them along.
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

/// What an opened direction ends with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Embedding,
    Isolate,
    /// An override, which was left out, and whose end is left out too.
    Override,
}

/// The most directions open at once; UAX #9 allows 125, and people write none.
const DEPTH_MAX: usize = 16;

/// The text without what could turn the direction of other lines or of the page: overrides go, an end without a beginning
/// goes, and what is still open at the end of a line is closed there. Marks without an extent (LRM, RLM, ALM) stay.
pub(crate) fn balance_directions(text: &str) -> String {
    if !text.contains(is_direction_mark) {
        return text.to_owned();
    }
    let mut balanced = String::with_capacity(text.len());
    let mut open = Vec::new();
    for c in text.chars() {
        match c {
            '\u{202D}' | '\u{202E}' => open.push(Open::Override),
            '\u{202A}' | '\u{202B}' if open.len() < DEPTH_MAX => {
                open.push(Open::Embedding);
                balanced.push(c);
            }
            '\u{2066}'..='\u{2068}' if open.len() < DEPTH_MAX => {
                open.push(Open::Isolate);
                balanced.push(c);
            }
            '\u{202A}' | '\u{202B}' | '\u{2066}'..='\u{2068}' => {}
            '\u{202C}' => match open.last() {
                Some(Open::Embedding) => {
                    open.pop();
                    balanced.push(c);
                }
                Some(Open::Override) => drop(open.pop()),
                Some(Open::Isolate) | None => {}
            },
            '\u{2069}' => {
                if let Some(at) = open.iter().rposition(|open| *open == Open::Isolate) {
                    close(&mut balanced, open.drain(at..));
                }
            }
            '\n' => {
                close(&mut balanced, open.drain(..));
                balanced.push(c);
            }
            c => balanced.push(c),
        }
    }
    close(&mut balanced, open.drain(..));
    balanced
}

fn close(text: &mut String, open: impl DoubleEndedIterator<Item = Open>) {
    text.extend(open.rev().filter_map(|open| match open {
        Open::Embedding => Some('\u{202C}'),
        Open::Isolate => Some('\u{2069}'),
        Open::Override => None,
    }));
}

/// More marks of no script of their own (accents and the like) than this on one letter run into the lines above and below
/// ("zalgo"); no language needs more: Vietnamese takes two, fully pointed Arabic three.
const ACCENTS_MAX: usize = 4;

/// More marks of any kind than this on one letter. A dense Burmese or Tibetan syllable has up to seven, and lays them out
/// below and beside one another.
const MARKS_MAX: usize = 9;

/// The same mark more often than this in a row: no script doubles one.
const REPEATS_MAX: usize = 2;

/// Whether marks are piled on one letter until they leave their line.
pub(crate) fn has_piled_marks(text: &str) -> bool {
    let (mut accents, mut marks, mut repeats, mut before) = (0, 0, 0, None);
    text.nfd().any(|c| {
        if !is_combining_mark(c) {
            (accents, marks, repeats, before) = (0, 0, 0, None);
            return false;
        }
        marks += 1;
        accents += usize::from(canonical_combining_class(c) > 0 && c.script() == Script::Inherited);
        repeats = if before == Some(c) { repeats + 1 } else { 1 };
        before = Some(c);
        accents > ACCENTS_MAX || marks > MARKS_MAX || repeats > REPEATS_MAX
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyday_words_of_twenty_scripts_are_no_piles() {
        for word in [
            "Việt Nam, ễ ộ ữ",       // Latin
            "ἄνθρωπος, ᾧ",           // Greek
            "ёлка, й, й́",            // Cyrillic
            "Հայաստան",              // Armenian
            "שָׁלוֹם, בְּרֵאשִׁ֖ית",          // Hebrew, with points and accents
            "مُحَمَّدٌ، ٱلرَّحْمَٰنِ",          // Arabic, fully pointed
            "ܫܠܳܡܳܐ",                  // Syriac
            "ދިވެހި",                   // Thaana
            "हिन्दी, क्षत्रिय, र्त्स्न्य",  // Devanagari
            "বাংলা, ক্ষ্ম্য",             // Bengali
            "ਪੰਜਾਬੀ",                 // Gurmukhi
            "ગુજરાતી",                // Gujarati
            "தமிழ், க்ஷௌ",             // Tamil
            "తెలుగు, స్త్రీ",            // Telugu
            "ಕನ್ನಡ, ಸ್ತ್ರೀ",             // Kannada
            "മലയാളം, ന്റ്റ്",            // Malayalam
            "සිංහල, ශ්‍රී",              // Sinhala
            "ภาษาไทย, ที่, น้ำ, กี่",     // Thai
            "ພາສາລາວ, ນ້ຳ",           // Lao
            "བོད་ཡིག, རྒྱུད, སྒྲུབས, ཧཱུྃ, རྫྭོཾ",  // Tibetan
            "မြန်မာ, လျှို့ဝှက်, ကြွေးကြော်", // Burmese
            "ភាសាខ្មែរ, ស្ត្រី, ក្សត្រិយ៍",    // Khmer
            "ᠮᠣᠩᠭᠣᠯ",                // Mongolian
            "አማርኛ",                  // Ethiopic
            "日本語が、パ\u{3099}",  // Kana, with a combining mark
            "한국어",                // Hangul
        ] {
            assert!(!has_piled_marks(word), "{word}");
        }
    }

    #[test]
    fn piles_are_seen_whatever_they_are_made_of() {
        let pile = |mark: &str, times| format!("a{}b", mark.repeat(times));
        for text in [
            pile("\u{301}\u{302}\u{303}\u{304}\u{305}", 1),
            pile("\u{e47}", 3),
            pile("\u{e38}\u{e47}", 5),
            pile("\u{5b0}", 4),
            pile("\u{20dd}", 3),
            pile("\u{301}\u{e47}", 5),
            format!("Z{}", "\u{336}\u{321}\u{34a}\u{352}\u{300}"),
        ] {
            assert!(has_piled_marks(&text), "{text:?}");
        }
    }

    #[test]
    fn a_direction_ends_with_its_line() {
        for (text, balanced) in [
            ("plain", "plain"),
            ("\u{200f}a\u{200e}\u{61c}", "\u{200f}a\u{200e}\u{61c}"),
            ("\u{2067}a", "\u{2067}a\u{2069}"),
            ("\u{2067}a\nb", "\u{2067}a\u{2069}\nb"),
            ("\u{202b}a\u{2068}b", "\u{202b}a\u{2068}b\u{2069}\u{202c}"),
            ("\u{2066}\u{202a}a\u{2069}b", "\u{2066}\u{202a}a\u{202c}\u{2069}b"),
            ("a\u{202e}b\u{202c}c", "abc"),
            ("a\u{202d}b", "ab"),
            ("\u{202c}a\u{2069}", "a"),
            ("\u{2067}a\u{202c}b\u{2069}", "\u{2067}ab\u{2069}"),
        ] {
            assert_eq!(balance_directions(text), balanced, "{text:?}");
        }
        let deep = balance_directions(&"\u{2067}".repeat(400));
        assert_eq!(deep.chars().count(), 2 * DEPTH_MAX);
        assert_eq!(balance_directions(&deep), deep, "what is balanced stays");
    }
}
