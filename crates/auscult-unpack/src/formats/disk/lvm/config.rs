//! The text of LVM's metadata (`man lvm.conf`, syntax): sections, and keys with numbers, strings and
//! arrays of them.

/// A section: its settings and the sections in it, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) settings: Vec<(String, Vec<Value>)>,
    pub(super) sections: Vec<(String, Section)>,
}

/// A value; arrays are lists of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Number(u64),
    Text(String),
}

/// Sections inside sections.
const DEPTH_MAX: u32 = 16;

impl Section {
    pub(super) fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|(known, _)| known == name).map(|(_, section)| section)
    }

    fn values(&self, name: &str) -> &[Value] {
        let found = self.settings.iter().find(|(known, _)| known == name);
        found.map_or(&[], |(_, values)| values)
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        match self.values(name).first() {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.values(name).first() {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// An array of pairs, such as a device and a place on it.
    pub(super) fn pairs(&self, name: &str) -> Vec<(&str, u64)> {
        let (pairs, _) = self.values(name).as_chunks::<2>();
        pairs
            .iter()
            .filter_map(|pair| match pair {
                [Value::Text(text), Value::Number(number)] => Some((text.as_str(), *number)),
                _ => None,
            })
            .collect()
    }
}

/// Reads a text.
///
/// # Errors
/// Why it is no such text.
pub(super) fn parse(text: &str) -> Result<Section, String> {
    let mut parser = Parser { rest: text, depth: 0 };
    let root = parser.section()?;
    if parser.rest.is_empty() { Ok(root) } else { Err("a section ends twice".to_owned()) }
}

struct Parser<'text> {
    rest: &'text str,
    depth: u32,
}

impl<'text> Parser<'text> {
    /// Passes over blanks and comments.
    fn skip(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            match self.rest.strip_prefix('#') {
                Some(comment) => {
                    self.rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
                }
                None => return,
            }
        }
    }

    fn take(&mut self, symbol: char) -> bool {
        self.skip();
        match self.rest.strip_prefix(symbol) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Reads up to the end of a section or of the text.
    fn section(&mut self) -> Result<Section, String> {
        let mut section = Section::default();
        loop {
            self.skip();
            if self.rest.is_empty() || self.rest.starts_with('}') {
                return Ok(section);
            }
            let name = self.word()?.to_owned();
            if self.take('{') {
                self.depth += 1;
                if self.depth > DEPTH_MAX {
                    return Err("sections are nested too deep".to_owned());
                }
                section.sections.push((name, self.section()?));
                if !self.take('}') {
                    return Err("a section does not end".to_owned());
                }
                self.depth -= 1;
            } else if self.take('=') {
                section.settings.push((name, self.values()?));
            } else {
                return Err(format!("nothing follows {name:?}"));
            }
        }
    }

    /// A name or a number.
    fn word(&mut self) -> Result<&'text str, String> {
        self.skip();
        let is_part = |c: char| c.is_ascii_alphanumeric() || "_-+.".contains(c);
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        if word.is_empty() {
            return Err("a name is missing".to_owned());
        }
        self.rest = rest;
        Ok(word)
    }

    fn values(&mut self) -> Result<Vec<Value>, String> {
        if !self.take('[') {
            return Ok(vec![self.value()?]);
        }
        let mut values = Vec::new();
        while !self.take(']') {
            values.push(self.value()?);
            // The last comma may be left out.
            self.take(',');
        }
        Ok(values)
    }

    fn value(&mut self) -> Result<Value, String> {
        if self.take('"') {
            let mut text = String::new();
            let mut characters = self.rest.char_indices();
            while let Some((at, character)) = characters.next() {
                match character {
                    '"' => {
                        self.rest = self.rest.get(at + 1..).unwrap_or_default();
                        return Ok(Value::Text(text));
                    }
                    '\\' => text.extend(characters.next().map(|(_, escaped)| escaped)),
                    _ => text.push(character),
                }
            }
            return Err("a text does not end".to_owned());
        }
        let word = self.word()?;
        Ok(word.parse().map_or_else(|_| Value::Text(word.to_owned()), Value::Number))
    }
}

#[cfg(test)]
mod tests {
    use super::{Value, parse};

    #[test]
    fn sections_settings_arrays_and_comments() {
        let text = "a {\n# a comment\nb = 5\nc = [\"x\", 7, \"y\\\"z\", 8]\nd { e = \"f\" }\n}\n";
        let root = parse(text).unwrap();
        let a = root.section("a").unwrap();
        assert_eq!(a.number("b"), Some(5));
        assert_eq!(a.pairs("c"), [("x", 7), ("y\"z", 8)]);
        assert_eq!(a.section("d").unwrap().text("e"), Some("f"));
        assert_eq!(a.settings[0].1, [Value::Number(5)]);
        for end in (0..text.len()).filter(|&end| text.is_char_boundary(end)) {
            let _ = parse(text.get(..end).unwrap());
        }
        assert!(parse("a } b").is_err());
        assert!(parse(&"a {".repeat(1000)).is_err());
    }
}
