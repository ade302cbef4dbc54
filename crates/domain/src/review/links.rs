//! Finding links as readers would: with a scheme, with `www.`, or a bare host with a path or a common ending.

/// Endings that make a bare `word.word` a link rather than a missing space. The commonest in chat spam.
const ENDINGS: [&str; 22] = [
    "app", "biz", "cc", "club", "co", "com", "de", "dev", "gg", "info", "io", "link", "live", "ly", "me", "net", "org",
    "ru", "site", "top", "tv", "xyz",
];

/// The host of the first link in `text`.
pub fn first(text: &str) -> Option<&str> {
    // Marks of emphasis stand around a link, not in it.
    let words = text.split(|c: char| c.is_whitespace() || "()<>[]{}\"'`,;|«»".contains(c));
    words.map(|word| word.trim_start_matches(['*', '_', '~'])).find_map(host)
}

fn host(word: &str) -> Option<&str> {
    let (schemed, rest) = match word.split_once("://") {
        Some((scheme, rest)) if !scheme.is_empty() => (true, rest),
        _ => (false, word),
    };
    let name = rest.split(['/', '?', '#', ':']).next().unwrap_or(rest);
    let has_path = rest.len() > name.len() && rest[name.len()..].starts_with('/');
    let name = name.trim_end_matches(['.', '!', '…', '*', '_', '~']);
    if schemed {
        return (!name.is_empty()).then_some(name);
    }
    let (before, ending) = name.rsplit_once('.')?;
    let looks_like_host = !before.is_empty()
        && ending.len() >= 2
        && ending.chars().all(|c| c.is_ascii_alphabetic())
        && before.split('.').all(|label| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-'));
    let known = ENDINGS.contains(&ending.to_ascii_lowercase().as_str());
    let www = before.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("www."));
    (looks_like_host && (known || has_path || www)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_as_readers_find_them() {
        for (text, expected) in [
            ("see https://example.org/x", Some("example.org")),
            ("(www.example.party)", Some("www.example.party")),
            ("go to example.com!", Some("example.com")),
            ("bit.ly/abc", Some("bit.ly")),
            ("EXAMPLE.COM", Some("EXAMPLE.COM")),
            ("ftp://a", Some("a")),
            ("example.museum/free", Some("example.museum")),
            ("wait...what", None),
            ("end.Start", None),
            ("3.14", None),
            ("e.g. this", None),
            ("a://", None),
            ("://x", None),
            ("hello :// there", None),
        ] {
            assert_eq!(first(text), expected, "{text}");
        }
    }
}
