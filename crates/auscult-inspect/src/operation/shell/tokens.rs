//! The tokens of a shell script.

/// Commands in commands (`$(… $(…) …)`) that are looked into.
const DEPTH_MAX: u32 = 6;
/// Groups in groups of which the end is looked for.
const GROUPS_MAX: usize = 256;
/// Words of one command; what goes on is no command line.
pub(super) const WORDS_MAX: usize = 64;

/// A part of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A word and the offset of its line.
    Word(usize, Word),
    /// The definition of a function.
    Function(String),
    /// The end of a command.
    End {
        /// Whether it runs on in the background.
        background: bool,
        /// Whether its result decides on the next one (`&&`, `||`).
        decides: bool,
    },
}

/// A word before variables are filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) pieces: Vec<Piece>,
    /// Whether a part of it is quoted.
    pub(super) quoted: bool,
}

/// A part of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    /// A variable, and what stands in its place when it is not set.
    Variable(String, String),
    /// The output of a command, a sum.
    Unknown,
}

impl Word {
    /// The word where it is nothing but text.
    pub(super) fn plain(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [Piece::Text(text)] if !self.quoted => Some(text),
            _ => None,
        }
    }

    /// Name and value, where it is an assignment.
    pub(super) fn assignment(&self) -> Option<(&str, Word)> {
        let Some((Piece::Text(first), rest)) = self.pieces.split_first() else { return None };
        let (name, value) = first.split_once('=')?;
        let name = name.strip_suffix('+').unwrap_or(name);
        let named = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !named {
            return None;
        }
        let pieces = [&[Piece::Text(value.to_owned())], rest].concat();
        Some((name, Word { pieces, quoted: self.quoted }))
    }

    fn push(&mut self, character: char) {
        if let Some(Piece::Text(text)) = self.pieces.last_mut() {
            text.push(character);
        } else {
            self.pieces.push(Piece::Text(character.to_string()));
        }
    }
}

/// The tokens of a text.
pub(super) fn read(bytes: &[u8]) -> Vec<Token> {
    let mut characters = Vec::new();
    for chunk in bytes.utf8_chunks() {
        characters.extend(chunk.valid().chars().map(|one| (one, one.len_utf8())));
        if !chunk.invalid().is_empty() {
            characters.push((char::REPLACEMENT_CHARACTER, chunk.invalid().len()));
        }
    }
    let mut reader = Reader { characters, ..Reader::default() };
    reader.run(None);
    reader.tokens
}

#[derive(Default)]
struct Reader {
    /// Each with its length in the text, in bytes.
    characters: Vec<(char, usize)>,
    at: usize,
    /// Bytes before the present line, as far as it was read.
    offset: usize,
    line: usize,
    tokens: Vec<Token>,
    word: Option<Word>,
    /// Whether a command has begun.
    in_command: bool,
    /// For each open `case`, whether a pattern is expected.
    cases: Vec<bool>,
    /// Whether a `case` waits for its `in`.
    case_head: bool,
    /// Ends of here-documents that begin behind this line.
    documents: Vec<String>,
    depth: u32,
    /// Words of the present command.
    words: usize,
    /// Where each open group began: `(`, `{`, `do`, `if`, `case`.
    groups: Vec<usize>,
    /// Where the group began that has just been closed; a `&` behind it is about all of it.
    closed: Option<usize>,
}

impl Reader {
    fn next(&mut self) -> Option<char> {
        let (character, length) = *self.characters.get(self.at)?;
        self.at += 1;
        self.offset += length;
        Some(character)
    }

    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).map(|(character, _)| *character)
    }

    /// Reads up to the end, or to this closing character.
    fn run(&mut self, close: Option<char>) {
        let mut open = 0_u32;
        while let Some(character) = self.next() {
            if self.cases.last() == Some(&true) && self.pattern(character) {
                continue;
            }
            match character {
                ')' if close == Some(')') && open == 0 => break,
                '`' if close == Some('`') => break,
                '(' => {
                    if !self.function() {
                        open = open.saturating_add(1);
                        self.end(false);
                        self.open_group();
                    }
                }
                ')' => {
                    open = open.saturating_sub(1);
                    self.end(false);
                    self.closed = self.groups.pop();
                }
                '\n' => self.line_end(),
                ';' => {
                    self.end(false);
                    self.closed = None;
                    if self.peek() == Some(';') {
                        self.next();
                        if let Some(pattern) = self.cases.last_mut() {
                            *pattern = true;
                        }
                    }
                }
                '&' if self.peek() == Some('>') => self.redirection('>'),
                '&' => {
                    let double = self.peek() == Some('&');
                    if double {
                        self.next();
                    }
                    self.end_with(!double, double);
                    let closed = self.closed.take().filter(|_| !double);
                    for token in self.tokens.iter_mut().skip(closed.unwrap_or(usize::MAX)) {
                        if let Token::End { background, .. } = token {
                            *background = true;
                        }
                    }
                }
                '|' => {
                    let double = self.peek() == Some('|');
                    if double {
                        self.next();
                    }
                    self.end_with(false, double);
                    self.closed = None;
                }
                '<' | '>' => self.redirection(character),
                '#' if self.word.is_none() => self.skip_line(),
                ' ' | '\t' | '\r' => self.finish_word(),
                _ => self.part(character, false),
            }
        }
        self.end(false);
    }

    /// Inside of `case … in`: the pattern in front of a `)` is no command. Whether the character
    /// was used up.
    fn pattern(&mut self, character: char) -> bool {
        match character {
            ')' => {
                self.word = None;
                if let Some(pattern) = self.cases.last_mut() {
                    *pattern = false;
                }
            }
            '\n' => {
                self.line = self.offset;
                self.finish_pattern();
            }
            '#' if self.word.is_none() => self.skip_line(),
            '"' | '\'' => while self.next().is_some_and(|inside| inside != character) {},
            ' ' | '\t' | ';' => self.finish_pattern(),
            other => self.word.get_or_insert_default().push(other),
        }
        true
    }

    /// `esac` where a pattern is expected ends the `case`.
    fn finish_pattern(&mut self) {
        if self.word.take().is_some_and(|word| word.plain() == Some("esac")) {
            self.cases.pop();
            self.closed = self.groups.pop();
        }
    }

    /// One character of a word, with what belongs to it.
    fn part(&mut self, character: char, quoted: bool) {
        match character {
            '\\' => match self.next() {
                Some('\n') | None => {}
                Some(next) => {
                    if quoted && !matches!(next, '"' | '$' | '`' | '\\') {
                        self.word.get_or_insert_default().push('\\');
                    }
                    self.word.get_or_insert_default().push(next);
                }
            },
            '\'' if !quoted => {
                self.quote();
                while let Some(inside) = self.next().filter(|&inside| inside != '\'') {
                    self.word.get_or_insert_default().push(inside);
                }
            }
            '"' if !quoted => {
                self.quote();
                while let Some(inside) = self.next().filter(|&inside| inside != '"') {
                    self.part(inside, true);
                }
            }
            '$' => self.dollar(),
            '`' => self.command('`'),
            other => self.word.get_or_insert_default().push(other),
        }
    }

    fn quote(&mut self) {
        self.word.get_or_insert_default().quoted = true;
    }

    fn piece(&mut self, piece: Piece) {
        self.word.get_or_insert_default().pieces.push(piece);
    }

    fn dollar(&mut self) {
        match self.peek() {
            Some('(') => {
                self.next();
                if self.peek() == Some('(') {
                    self.sum();
                } else {
                    self.command(')');
                }
            }
            Some('{') => {
                self.next();
                self.braces();
            }
            Some(first) if first.is_ascii_alphanumeric() || "_@*#?!$-".contains(first) => {
                self.next();
                let mut name = String::from(first);
                if first.is_ascii_alphabetic() || first == '_' {
                    while let Some(next) =
                        self.peek().filter(|next| next.is_ascii_alphanumeric() || *next == '_')
                    {
                        name.push(next);
                        self.next();
                    }
                }
                self.piece(Piece::Variable(name, String::new()));
            }
            _ => self.word.get_or_insert_default().push('$'),
        }
    }

    /// `${NAME}`, `${NAME:-default}`; other forms stand for the value.
    fn braces(&mut self) {
        let mut inside = String::new();
        let mut open = 1_u32;
        while let Some(character) = self.next() {
            match character {
                '{' => open = open.saturating_add(1),
                '}' => open -= 1,
                _ => {}
            }
            if open == 0 {
                break;
            }
            inside.push(character);
        }
        let end = inside.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let (name, rest) = inside.split_at_checked(end.unwrap_or(inside.len())).unwrap_or_default();
        let default = [":-", "-", ":=", "="].iter().find_map(|sign| rest.strip_prefix(sign));
        let default = default.filter(|text| !text.contains('$')).unwrap_or_default();
        let default = default.trim_matches(['"', '\'']).to_owned();
        self.piece(Piece::Variable(name.to_owned(), default));
    }

    /// `$((…))`.
    fn sum(&mut self) {
        let mut open = 1_u32;
        while open > 0 {
            match self.next() {
                Some('(') => open = open.saturating_add(1),
                Some(')') => open -= 1,
                Some(_) => {}
                None => return,
            }
        }
        self.piece(Piece::Unknown);
    }

    /// A command whose output is a part of the word: its own commands come first.
    fn command(&mut self, close: char) {
        let word = self.word.take().unwrap_or_default();
        if self.depth >= DEPTH_MAX {
            // Too deep to be understood: what follows is no script of a device.
            self.at = self.characters.len();
            return;
        }
        let before = std::mem::take(&mut self.tokens);
        let words = std::mem::take(&mut self.words);
        let state = (self.in_command, std::mem::take(&mut self.cases), self.case_head);
        let groups = (std::mem::take(&mut self.groups), self.closed.take());
        (self.in_command, self.case_head) = (false, false);
        self.depth += 1;
        self.run(Some(close));
        self.depth -= 1;
        let inner = std::mem::replace(&mut self.tokens, before);
        (self.in_command, self.cases, self.case_head) = state;
        (self.groups, self.closed) = groups;
        self.words = words;
        let start = self.tokens.iter().rposition(|token| !matches!(token, Token::Word(..)));
        let start = start.map_or(0, |end| end + 1);
        self.tokens.splice(start..start, inner);
        self.word = Some(word);
        self.piece(Piece::Unknown);
    }

    /// `name()`, the opening parenthesis read. Whether it is the definition of a function.
    fn function(&mut self) -> bool {
        let name = self.word.as_ref().and_then(Word::plain).map(str::to_owned);
        let last = match self.tokens.last() {
            Some(Token::Word(_, word)) if self.word.is_none() => word.plain().map(str::to_owned),
            _ => None,
        };
        let behind: Vec<char> =
            self.characters.iter().skip(self.at).take(8).map(|(one, _)| *one).collect();
        let Some(close) = behind.iter().position(|one| !one.is_whitespace()) else { return false };
        let (Some(name), Some(')')) = (name.or(last), behind.get(close)) else { return false };
        for _ in 0..=close {
            self.next();
        }
        self.word = None;
        self.in_command = false;
        self.words = 0;
        self.tokens.push(Token::Function(name));
        true
    }

    fn redirection(&mut self, character: char) {
        if self.word.as_ref().and_then(Word::plain).is_some_and(|word| word.parse::<u8>().is_ok()) {
            self.word = None;
        }
        self.finish_word();
        let document = character == '<' && self.peek() == Some('<');
        while self.peek().is_some_and(|next| matches!(next, '<' | '>' | '&' | '-' | '|')) {
            self.next();
        }
        while self.peek().is_some_and(|next| matches!(next, ' ' | '\t')) {
            self.next();
        }
        let target = self.target();
        if document && self.documents.len() < 16 {
            self.documents.push(target.trim_matches(['"', '\'', '\\']).to_owned());
        }
    }

    /// The file of a redirection, without its quotes; what commands put into it is left out.
    fn target(&mut self) -> String {
        let mut target = String::new();
        while let Some(next) = self.peek() {
            match next {
                _ if next.is_whitespace() || ";&|()<>".contains(next) => break,
                '"' | '\'' => {
                    self.next();
                    while let Some(inside) = self.next().filter(|&inside| inside != next) {
                        let escaped = inside == '\\' && next == '"';
                        target.extend(if escaped { self.next() } else { Some(inside) });
                    }
                }
                '\\' => {
                    self.next();
                    target.extend(self.next());
                }
                '`' => {
                    self.next();
                    while self.next().is_some_and(|inside| inside != '`') {}
                }
                '$' => {
                    self.next();
                    self.dollar_of_target();
                }
                other => {
                    target.push(other);
                    self.next();
                }
            }
        }
        target
    }

    /// `$(…)` and `${…}` in the file of a redirection, the dollar read.
    fn dollar_of_target(&mut self) {
        let (open, close) = match self.peek() {
            Some('(') => ('(', ')'),
            Some('{') => ('{', '}'),
            _ => return,
        };
        let mut depth = 0_u32;
        while let Some(next) = self.next() {
            if next == open {
                depth = depth.saturating_add(1);
            } else if next == close {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return;
                }
            }
        }
    }

    fn open_group(&mut self) {
        if self.groups.len() < GROUPS_MAX {
            self.groups.push(self.tokens.len());
        }
    }

    /// Words that open and close a group where a command begins.
    fn group(&mut self, word: Option<&str>) {
        self.closed = None;
        match word {
            Some("{" | "do" | "if" | "case") => self.open_group(),
            Some("}" | "done" | "fi" | "esac") => self.closed = self.groups.pop(),
            _ => {}
        }
    }

    fn skip_line(&mut self) {
        while self.peek().is_some_and(|next| next != '\n') {
            self.next();
        }
    }

    fn line_end(&mut self) {
        self.end(false);
        self.closed = None;
        for end in std::mem::take(&mut self.documents) {
            loop {
                let mut line = String::new();
                let mut more = false;
                while let Some(next) = self.next() {
                    if next == '\n' {
                        more = true;
                        break;
                    }
                    line.push(next);
                }
                if line.trim() == end || !more {
                    break;
                }
            }
        }
        self.line = self.offset;
    }

    fn finish_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        match word.plain() {
            Some("case") if !self.in_command => self.case_head = true,
            Some("in") if self.case_head => {
                self.case_head = false;
                self.cases.push(true);
                self.tokens.push(Token::End { background: false, decides: false });
                self.in_command = false;
                return;
            }
            Some("esac") if !self.in_command => {
                self.cases.pop();
            }
            _ => {}
        }
        if self.in_command {
            self.closed = None;
        } else {
            self.group(word.plain());
        }
        let keyword = ["then", "do", "else", "{", "!", "if", "elif", "while", "until"];
        let keyword = !self.in_command && word.plain().is_some_and(|word| keyword.contains(&word));
        self.in_command = !keyword;
        self.words += 1;
        if self.words <= WORDS_MAX {
            self.tokens.push(Token::Word(self.line, word));
        }
    }

    fn end(&mut self, background: bool) {
        self.end_with(background, false);
    }

    fn end_with(&mut self, background: bool, decides: bool) {
        self.finish_word();
        if !matches!(self.tokens.last(), Some(Token::End { .. }) | None) {
            self.tokens.push(Token::End { background, decides });
        }
        self.words = 0;
        self.in_command = false;
    }
}
