//! The part of YAML 1.2 that feeds use: block mappings and sequences, plain and quoted scalars,
//! literal and folded blocks, empty flow collections.
//!
//! Anchors, tags, flow collections with content and several documents are refused, not guessed:
//! the whole text is then unreadable. All scalars are strings.

use serde_json::{Map, Value};

/// Nested deeper than this a document is refused.
const DEPTH_MAX: u32 = 64;

struct Line<'a> {
    indent: usize,
    text: &'a str,
}

struct Parser<'a> {
    lines: Vec<Line<'a>>,
    at: usize,
}

/// Parses a document; `None` where it uses what is not supported.
pub(crate) fn parse(text: &str) -> Option<Value> {
    let lines = text.lines().filter(|line| *line != "---").map(|line| {
        let text = line.trim_start_matches(' ');
        Line { indent: line.len() - text.len(), text: text.trim_end() }
    });
    let mut parser = Parser { lines: lines.collect(), at: 0 };
    let value = parser.node(0, DEPTH_MAX)?;
    parser.skip_blank();
    (parser.at == parser.lines.len()).then_some(value)
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&Line<'a>> {
        self.lines.get(self.at)
    }

    fn skip_blank(&mut self) {
        while self.peek().is_some_and(|l| l.text.is_empty() || l.text.starts_with('#')) {
            self.at += 1;
        }
    }

    /// The node that begins at the next line, if that is indented by `least` at least.
    fn node(&mut self, least: usize, depth: u32) -> Option<Value> {
        self.skip_blank();
        let depth = depth.checked_sub(1)?;
        let Some(line) = self.peek() else { return Some(Value::Null) };
        let indent = line.indent;
        if indent < least {
            return Some(Value::Null);
        }
        if line.text == "-" || line.text.starts_with("- ") {
            self.sequence(indent, depth)
        } else {
            self.mapping(indent, depth)
        }
    }

    fn sequence(&mut self, indent: usize, depth: u32) -> Option<Value> {
        let mut items = Vec::new();
        loop {
            self.skip_blank();
            let Some(line) = self.peek().filter(|line| line.indent == indent) else { break };
            let text = line.text;
            if text == "-" {
                self.at += 1;
                items.push(self.node(indent + 1, depth)?);
                continue;
            }
            let Some(rest) = text.strip_prefix("- ") else { break };
            let rest = rest.trim_start();
            if key_of(rest).is_some() {
                // A mapping that begins on the line of its dash: seen as a line of its own.
                let inner = indent + (text.len() - rest.len());
                let line = self.lines.get_mut(self.at)?;
                *line = Line { indent: inner, text: rest };
                items.push(self.mapping(inner, depth.checked_sub(1)?)?);
            } else {
                self.at += 1;
                items.push(scalar(rest)?);
            }
        }
        Some(Value::Array(items))
    }

    fn mapping(&mut self, indent: usize, depth: u32) -> Option<Value> {
        let mut map = Map::new();
        loop {
            self.skip_blank();
            let Some(line) = self.peek().filter(|line| line.indent == indent) else { break };
            let text = line.text;
            if text.starts_with("- ") {
                break;
            }
            let (key, rest) = key_of(text)?;
            self.at += 1;
            let value = match rest {
                // A sequence may stand at the indentation of its key.
                "" => {
                    self.skip_blank();
                    let dashed = self.peek().is_some_and(|line| {
                        line.indent == indent && (line.text == "-" || line.text.starts_with("- "))
                    });
                    self.node(if dashed { indent } else { indent + 1 }, depth)?
                }
                "|" | "|-" | "|+" => self.block(indent, "\n"),
                ">" | ">-" | ">+" => self.block(indent, " "),
                rest => self.continued(rest, indent)?,
            };
            map.insert(key, value);
        }
        // A line that is neither here nor further out belongs nowhere.
        let lost = self.peek().is_some_and(|line| line.indent > indent);
        (!lost).then_some(Value::Object(map))
    }

    /// The lines of a block scalar.
    fn block(&mut self, indent: usize, joint: &str) -> Value {
        let mut lines = Vec::new();
        while let Some(line) = self.peek().filter(|l| l.indent > indent || l.text.is_empty()) {
            lines.push(line.text);
            self.at += 1;
        }
        Value::String(lines.join(joint).trim_end().to_owned())
    }

    /// A scalar that may go on over more deeply indented lines.
    fn continued(&mut self, first: &str, indent: usize) -> Option<Value> {
        let mut text = first.to_owned();
        while let Some(line) =
            self.peek().filter(|line| line.indent > indent && !line.text.is_empty())
        {
            text.push(' ');
            text.push_str(line.text);
            self.at += 1;
        }
        scalar(&text)
    }
}

/// Splits `key: value`; a key may be quoted.
fn key_of(text: &str) -> Option<(String, &str)> {
    for quote in ['"', '\''] {
        if let Some(body) = text.strip_prefix(quote) {
            let (key, rest) = body.split_once(quote)?;
            let value = rest.strip_prefix(':')?;
            return (value.is_empty() || value.starts_with(' '))
                .then(|| (key.to_owned(), value.trim()));
        }
    }
    if let Some(key) = text.strip_suffix(':')
        && !key.contains(": ")
    {
        return Some((key.to_owned(), ""));
    }
    let (key, value) = text.split_once(": ")?;
    Some((key.to_owned(), value.trim()))
}

fn scalar(text: &str) -> Option<Value> {
    if text.starts_with(['\'', '"']) {
        return quoted(text);
    }
    match text {
        "[]" => Some(Value::Array(Vec::new())),
        "{}" => Some(Value::Object(Map::new())),
        "null" | "~" => Some(Value::Null),
        _ if text.starts_with(['[', '{', '&', '*', '!']) => None,
        _ => {
            let end = text.find(" #").unwrap_or(text.len());
            Some(Value::String(text.get(..end).unwrap_or(text).trim_end().to_owned()))
        }
    }
}

/// A quoted scalar, which may have a comment behind it.
fn quoted(text: &str) -> Option<Value> {
    let (scalar, rest) = text.split_at_checked(quoted_length(text)?)?;
    if !rest.is_empty() && !rest.trim_start().starts_with('#') {
        return None;
    }
    match scalar.strip_prefix('\'') {
        Some(body) => Some(Value::String(body.strip_suffix('\'')?.replace("''", "'"))),
        // The escapes of JSON are those that occur.
        None => serde_json::from_str(scalar).ok(),
    }
}

/// The length of the quoted scalar that a text begins with.
fn quoted_length(text: &str) -> Option<usize> {
    let mut characters = text.char_indices().peekable();
    let (_, quote) = characters.next()?;
    while let Some((at, character)) = characters.next() {
        if character == '\\' && quote == '"' {
            characters.next();
        } else if character == quote {
            let doubled = quote == '\'' && characters.next_if(|(_, next)| *next == quote).is_some();
            if !doubled {
                return Some(at + 1);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::parse;

    #[test]
    fn blocks_lists_and_quotes_are_read() {
        let text = "---\na: 'it''s'\nb:\n- x: 1\n  y:\n    - p\n    - \"q\\n\"\n- z\nc: |\n  one\n\n  two\nd:\n  e: long\n    text # note\nf: []\n";
        let expected = json!({
            "a": "it's",
            "b": [{"x": "1", "y": ["p", "q\n"]}, "z"],
            "c": "one\n\ntwo",
            "d": {"e": "long text"},
            "f": [],
        });
        assert_eq!(parse(text), Some(expected));
    }

    #[test]
    fn comments_behind_quotes_are_left_out() {
        let text = "a: \"1 # \\\"2\" # it's \"3\"\nb: 'it''s' # 'four'\n";
        assert_eq!(parse(text), Some(json!({"a": "1 # \"2", "b": "it's"})));
    }

    #[test]
    fn what_is_not_supported_is_refused() {
        for text in ["a: &x 1\n", "a: [1, 2]\n", "just text\n", "a: \"1\" 2\n", "a: '1\n"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
