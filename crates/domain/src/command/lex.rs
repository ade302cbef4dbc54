//! Words of a command line: parted by white space, with `"…"` around a word that holds some.

/// Reads one word after another.
pub struct Words<'a> {
    rest: &'a str,
}

impl<'a> Words<'a> {
    /// Begins at the start of `line`.
    pub fn new(line: &'a str) -> Words<'a> {
        Words { rest: line.trim() }
    }

    /// The next word, without its quotes; inside them `\"` is a quote and `\\` a backslash.
    pub fn word(&mut self) -> Result<Option<String>, String> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let quoted = self.rest.strip_prefix('"').or_else(|| self.rest.strip_prefix("@\""));
        let Some(inside) = quoted else {
            let end = self.rest.find(char::is_whitespace).unwrap_or(self.rest.len());
            let (word, rest) = self.rest.split_at(end);
            self.rest = rest.trim_start();
            return Ok(Some(word.to_owned()));
        };
        let mut word = String::new();
        let mut chars = inside.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = inside[at + 1..].trim_start();
                    return Ok(Some(word));
                }
                '\\' => word.extend(chars.next().map(|(_, c)| c)),
                c => word.push(c),
            }
        }
        Err("a quote is not closed".to_owned())
    }

    /// The next word as it stands, without taking it.
    pub fn peek(&self) -> Option<&'a str> {
        self.rest.split_whitespace().next()
    }

    /// All that is left, taken whole.
    pub fn rest(&mut self) -> Option<&'a str> {
        let rest = std::mem::take(&mut self.rest);
        (!rest.is_empty()).then_some(rest)
    }

    /// Nothing may be left.
    pub fn end(&mut self) -> Result<(), String> {
        match self.peek() {
            Some(word) => Err(format!("{:?} is too much", word.chars().take(32).collect::<String>())),
            None => Ok(()),
        }
    }
}

/// A text without the pair of quotes around all of it.
pub fn unquoted(text: &str) -> &str {
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    inner.filter(|inner| !inner.contains('"')).unwrap_or(text)
}
