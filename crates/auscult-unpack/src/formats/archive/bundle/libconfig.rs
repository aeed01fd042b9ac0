//! Configuration files of libconfig (its manual, chapter 3 "Configuration Files"), as the value that the
//! same text would be in JSON. Includes are not followed.

use serde_json::{Map, Value};

const DEPTH_MAX: usize = 32;

/// Reads a whole file; none where it is not one.
pub(super) fn parse(text: &[u8]) -> Option<Value> {
    let mut reader = Reader { rest: text, depth: 0 };
    let settings = reader.settings(None)?;
    reader.blanks();
    reader.rest.is_empty().then_some(Value::Object(settings))
}

struct Reader<'text> {
    rest: &'text [u8],
    depth: usize,
}

impl Reader<'_> {
    /// Passes over blanks and comments.
    fn blanks(&mut self) {
        loop {
            self.rest = self.rest.trim_ascii_start();
            let line = [&b"#"[..], b"//", b"@"].iter().any(|mark| self.rest.starts_with(mark));
            let end = if line {
                memchr::memchr(b'\n', self.rest)
            } else if self.rest.starts_with(b"/*") {
                memchr::memmem::find(self.rest, b"*/").map(|end| end + 2)
            } else {
                return;
            };
            self.rest = end.and_then(|end| self.rest.get(end..)).unwrap_or_default();
        }
    }

    /// Takes this byte, if it is the next one.
    fn eat(&mut self, byte: u8) -> bool {
        self.blanks();
        let found = self.rest.first() == Some(&byte);
        if found {
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
        found
    }

    /// The characters that belong together from here.
    fn word(&mut self, belongs: fn(u8) -> bool) -> String {
        let end = self.rest.iter().position(|&byte| !belongs(byte)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        String::from_utf8_lossy(word).into_owned()
    }

    /// Settings up to this byte, or to the end.
    fn settings(&mut self, end: Option<u8>) -> Option<Map<String, Value>> {
        let mut settings = Map::new();
        loop {
            self.blanks();
            if end.map_or(self.rest.is_empty(), |end| self.eat(end)) {
                return Some(settings);
            }
            let name = self.word(|byte| byte.is_ascii_alphanumeric() || b"-_*".contains(&byte));
            let assigned = !name.is_empty() && (self.eat(b'=') || self.eat(b':'));
            let value = if assigned { self.value()? } else { return None };
            settings.insert(name, value);
            let _ = self.eat(b';') || self.eat(b',');
        }
    }

    fn value(&mut self) -> Option<Value> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return None;
        }
        self.blanks();
        let value = match self.rest.first()? {
            b'{' => {
                self.eat(b'{');
                Value::Object(self.settings(Some(b'}'))?)
            }
            b'[' => self.list(b'[', b']')?,
            b'(' => self.list(b'(', b')')?,
            b'"' => Value::String(self.text()?),
            _ => self.scalar()?,
        };
        self.depth -= 1;
        Some(value)
    }

    fn list(&mut self, begin: u8, end: u8) -> Option<Value> {
        let mut values = Vec::new();
        self.eat(begin);
        while !self.eat(end) {
            values.push(self.value()?);
            self.eat(b',');
        }
        Some(Value::Array(values))
    }

    /// Strings one after the other are one.
    fn text(&mut self) -> Option<String> {
        let mut bytes = Vec::new();
        while self.eat(b'"') {
            loop {
                match self.rest.split_off_first()? {
                    b'"' => break,
                    b'\\' => bytes.push(self.escape()?),
                    &byte => bytes.push(byte),
                }
            }
        }
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn escape(&mut self) -> Option<u8> {
        Some(match self.rest.split_off_first()? {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'f' => 0x0c,
            b'x' => {
                let digits = str::from_utf8(self.rest.split_off(..2)?).ok()?;
                u8::from_str_radix(digits, 16).ok()?
            }
            &byte => byte,
        })
    }

    /// Numbers and truth values; numbers stay text where they are none of JSON's.
    fn scalar(&mut self) -> Option<Value> {
        let word = self.word(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        let number = word.trim_end_matches('L');
        let hexadecimal = number.strip_prefix("0x").or(number.strip_prefix("0X"));
        Some(match word.to_ascii_lowercase().as_str() {
            "" => return None,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => match hexadecimal.map(|digits| i64::from_str_radix(digits, 16)) {
                Some(Ok(value)) => Value::from(value),
                _ => number.parse::<i64>().map_or(Value::String(word), Value::from),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::parse;

    #[test]
    fn settings_of_every_kind() {
        let text = br#"
            # a comment
            name = "a" "b\n\x41\""; // another
            version: 12L;
            group = { flag = TRUE, list = ( { a = 0x10 }, "x", 1.5 ); /* more */ array = [1, 2] };
        "#;
        let group = json!({ "flag": true, "list": [{ "a": 16 }, "x", "1.5"], "array": [1, 2] });
        let wanted = json!({ "name": "ab\nA\"", "version": 12, "group": group });
        assert_eq!(parse(text), Some(wanted));
    }

    #[test]
    fn damage_is_nothing_and_ends() {
        let text = br#"a = { b = ( "c" ); };"#;
        for length in 1..text.len() - 1 {
            assert_eq!(parse(&text[..length]), None, "{length}");
        }
        assert_eq!(parse(&b"a=(".repeat(1000)), None);
        assert_eq!(parse(b"\x7fELF"), None);
        assert_eq!(parse(b"x = /* "), None);
    }
}
