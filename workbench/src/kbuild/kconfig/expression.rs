//! Conditions of Kconfig, as far as they can be told to be impossible.

/// A condition in which whatever is not understood holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    True,
    False,
    /// The option is `y` or `m`.
    Option(String),
    /// The option is not `y`.
    Not(String),
    And(Vec<Expression>),
    Or(Vec<Expression>),
}

impl Expression {
    pub(super) fn read(text: &str) -> Self {
        let tokens = tokens(text);
        let mut reader = Reader { tokens: &tokens, at: 0, depth: 0 };
        let read = reader.or();
        // What is left over was not understood.
        if reader.at == tokens.len() { read.unwrap_or(Self::True) } else { Self::True }
    }

    /// Whether it can be other than `n`, where some options can be set and some always are.
    pub(super) fn can_hold(
        &self,
        can: &impl Fn(&str) -> bool,
        certain: &impl Fn(&str) -> bool,
    ) -> bool {
        match self {
            Self::True => true,
            Self::False => false,
            Self::Option(option) => can(option),
            Self::Not(option) => !certain(option),
            Self::And(parts) => parts.iter().all(|part| part.can_hold(can, certain)),
            Self::Or(parts) => parts.iter().any(|part| part.can_hold(can, certain)),
        }
    }

    fn not(self) -> Self {
        match self {
            // That something may hold does not keep its opposite from holding.
            Self::True | Self::False | Self::Not(_) => Self::True,
            Self::Option(option) => Self::Not(option),
            Self::And(parts) => Self::Or(parts.into_iter().map(Self::not).collect()),
            Self::Or(parts) => Self::And(parts.into_iter().map(Self::not).collect()),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    /// A text in quotes, or what a macro makes.
    Text(String),
    Sign(&'static str),
}

const SIGNS: &[&str] = &["&&", "||", "!=", "<=", ">=", "!", "=", "<", ">", "(", ")"];

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            tokens.push(Token::Sign(sign));
            sign.len()
        } else if matches!(first, '"' | '\'') {
            let inner = rest.get(1..).unwrap_or_default();
            let end = inner.find(first).unwrap_or(inner.len());
            tokens.push(Token::Text(inner.get(..end).unwrap_or_default().to_owned()));
            end + 2
        } else if first == '$' {
            let end = reference_end(rest);
            tokens.push(Token::Text(rest.get(..end).unwrap_or_default().to_owned()));
            end
        } else {
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "_.-/".contains(c)));
            let end = end.unwrap_or(rest.len()).max(first.len_utf8());
            tokens.push(Token::Word(rest.get(..end).unwrap_or_default().to_owned()));
            end
        };
        rest = rest.get(length..).unwrap_or_default().trim_start();
    }
    tokens
}

/// Where `$(…)` or `$NAME` ends.
fn reference_end(text: &str) -> usize {
    let mut depth = 0_u32;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            '(' => depth += 1,
            ')' if depth <= 1 => return at + usize::from(depth == 1),
            ')' => depth -= 1,
            _ if depth == 0 && !(character.is_ascii_alphanumeric() || character == '_') => {
                return at;
            }
            _ => {}
        }
    }
    text.len()
}

/// Conditions are nested no deeper.
const DEPTH_MAX: u32 = 64;

struct Reader<'t> {
    tokens: &'t [Token],
    at: usize,
    depth: u32,
}

impl Reader<'_> {
    fn sign(&mut self, wanted: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Sign(sign)) if *sign == wanted);
        self.at += usize::from(found);
        found
    }

    fn or(&mut self) -> Option<Expression> {
        let mut parts = vec![self.and()?];
        while self.sign("||") {
            parts.push(self.and()?);
        }
        Some(if parts.len() == 1 { parts.remove(0) } else { Expression::Or(parts) })
    }

    fn and(&mut self) -> Option<Expression> {
        let mut parts = vec![self.single()?];
        while self.sign("&&") {
            parts.push(self.single()?);
        }
        Some(if parts.len() == 1 { parts.remove(0) } else { Expression::And(parts) })
    }

    fn single(&mut self) -> Option<Expression> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return None;
        }
        let read = if self.sign("!") {
            self.single().map(Expression::not)
        } else if self.sign("(") {
            let inner = self.or();
            if self.sign(")") { inner } else { None }
        } else {
            self.comparison()
        };
        self.depth -= 1;
        read
    }

    fn comparison(&mut self) -> Option<Expression> {
        let left = self.operand()?;
        if self.sign("=") {
            let right = self.operand()?;
            return Some(equal(&left, &right));
        }
        if self.sign("!=") {
            let right = self.operand()?;
            return Some(match (option(&left), option(&right)) {
                (Some(one), None) if is(&right, "n") => Expression::Option(one),
                (None, Some(one)) if is(&left, "n") => Expression::Option(one),
                (Some(one), None) if is(&right, "y") => Expression::Not(one),
                _ => Expression::True,
            });
        }
        if ["<=", ">=", "<", ">"].iter().any(|sign| self.sign(sign)) {
            self.operand()?;
            return Some(Expression::True);
        }
        Some(match option(&left) {
            Some(option) => Expression::Option(option),
            None if is(&left, "n") => Expression::False,
            None => Expression::True,
        })
    }

    fn operand(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at)?;
        self.at += 1;
        (!matches!(token, Token::Sign(_))).then(|| token.clone())
    }
}

fn equal(left: &Token, right: &Token) -> Expression {
    let (option, value) = match (option(left), option(right)) {
        (Some(option), None) => (option, right),
        (None, Some(option)) => (option, left),
        _ => return Expression::True,
    };
    if is(value, "y") || is(value, "m") {
        Expression::Option(option)
    } else if is(value, "n") {
        Expression::Not(option)
    } else {
        Expression::True
    }
}

fn is(token: &Token, value: &str) -> bool {
    matches!(token, Token::Word(word) | Token::Text(word) if word == value)
}

/// The option that a word names.
fn option(token: &Token) -> Option<String> {
    let Token::Word(word) = token else { return None };
    let name = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let constant = matches!(word.as_str(), "y" | "m" | "n");
    let number = word.bytes().next().is_some_and(|byte| byte.is_ascii_digit())
        && word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'x');
    (name && !constant && !number).then(|| word.clone())
}
