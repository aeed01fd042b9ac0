//! Reads the Kconfig files of one architecture, in the order in which they read each other.

use std::collections::{BTreeMap, BTreeSet};

use super::expression::Expression;

/// Files read each other no deeper.
const DEPTH_MAX: u32 = 32;

/// One `config` entry with what surrounds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Definition {
    pub(super) option: String,
    /// Its own dependencies and those of what surrounds it.
    pub(super) depends: Expression,
    /// When it is asked for, or has a value by itself.
    pub(super) given: Vec<Expression>,
    pub(super) selects: Vec<(String, Expression)>,
    pub(super) implies: Vec<(String, Expression)>,
}

impl Definition {
    /// When it can be set without being selected.
    pub(super) fn own_way(&self) -> Expression {
        Expression::And(vec![self.depends.clone(), Expression::Or(self.given.clone())])
    }
}

/// All entries that kernels of one architecture see.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    pub(super) all: Vec<Definition>,
    pub(super) files: BTreeSet<String>,
    /// Whether every file that is read was found.
    pub(super) complete: bool,
}

/// Reads from the root on, for an architecture by its folder's name.
pub(super) fn read(texts: &BTreeMap<String, String>, architecture: &str) -> Definitions {
    let mut parser = Parser {
        texts,
        architecture: Some(architecture),
        found: Definitions { complete: true, ..Definitions::default() },
        around: Vec::new(),
        entry: Entry::Other,
    };
    parser.file("Kconfig", 0);
    parser.close();
    parser.found
}

/// Reads one file on its own.
pub(super) fn read_alone(texts: &BTreeMap<String, String>, path: &str) -> Vec<Definition> {
    let mut parser = Parser {
        texts,
        architecture: None,
        found: Definitions::default(),
        around: Vec::new(),
        entry: Entry::Other,
    };
    parser.file(path, 0);
    parser.close();
    parser.found.all
}

/// What the lines that follow belong to.
enum Entry {
    Config(Definition),
    /// A menu or a choice: its dependencies are those of all in it.
    Group,
    Other,
}

struct Parser<'t> {
    texts: &'t BTreeMap<String, String>,
    architecture: Option<&'t str>,
    found: Definitions,
    /// The conditions of the blocks that are open; of choices also that they are some.
    around: Vec<Block>,
    entry: Entry,
}

struct Block {
    depends: Vec<Expression>,
    is_choice: bool,
}

impl Parser<'_> {
    fn file(&mut self, path: &str, depth: u32) {
        let Some(text) = self.texts.get(path).filter(|_| depth <= DEPTH_MAX) else {
            self.found.complete = false;
            return;
        };
        self.found.files.insert(path.to_owned());
        let mut help: Option<Option<usize>> = None;
        for line in joined_lines(text) {
            let indent = indentation(&line);
            if let Some(column) = &mut help {
                if line.trim().is_empty() {
                    continue;
                }
                let own = *column.get_or_insert(indent);
                if indent >= own && own > 0 {
                    continue;
                }
                help = None;
            }
            let line = without_comment(&line);
            let line = line.trim();
            let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            if matches!(word, "help" | "---help---") {
                help = Some(None);
            } else {
                self.line(path, word, rest.trim(), depth);
            }
        }
    }

    fn line(&mut self, path: &str, word: &str, rest: &str, depth: u32) {
        match word {
            "config" | "menuconfig" => {
                self.close();
                self.entry = Entry::Config(self.definition(rest));
            }
            "menu" | "choice" => {
                self.close();
                self.around.push(Block { depends: Vec::new(), is_choice: word == "choice" });
                self.entry = Entry::Group;
            }
            "if" => {
                self.close();
                let depends = vec![Expression::read(rest)];
                self.around.push(Block { depends, is_choice: false });
            }
            "endmenu" | "endchoice" | "endif" => {
                self.close();
                self.around.pop();
            }
            "comment" | "mainmenu" => self.close(),
            "source" | "rsource" | "osource" | "orsource" => {
                self.close();
                self.source(path, word, rest, depth);
            }
            _ => self.property(word, rest),
        }
    }

    fn definition(&self, option: &str) -> Definition {
        let given = match self.around.last() {
            Some(block) if block.is_choice => vec![Expression::True],
            _ => Vec::new(),
        };
        Definition {
            option: option.to_owned(),
            depends: Expression::True,
            given,
            selects: Vec::new(),
            implies: Vec::new(),
        }
    }

    /// Ends an entry: what surrounds it is known now.
    fn close(&mut self) {
        if let Entry::Config(mut definition) = std::mem::replace(&mut self.entry, Entry::Other) {
            let around = self.around.iter().flat_map(|block| block.depends.iter().cloned());
            let mut all: Vec<Expression> = around.collect();
            all.push(definition.depends);
            definition.depends = Expression::And(all);
            self.found.all.push(definition);
        }
    }

    fn source(&mut self, path: &str, word: &str, rest: &str, depth: u32) {
        let mut wanted = rest.trim_matches(['"', '\'']).to_owned();
        for prefix in ["$(srctree)/", "$srctree/", "./"] {
            wanted = wanted.strip_prefix(prefix).map_or(wanted.clone(), str::to_owned);
        }
        if let Some(architecture) = self.architecture {
            let header = if architecture == "um" { "x86" } else { architecture };
            for (name, value) in [("SRCARCH", architecture), ("HEADER_ARCH", header)] {
                for reference in [format!("$({name})"), format!("${{{name}}}"), format!("${name}")]
                {
                    wanted = wanted.replace(&reference, value);
                }
            }
        }
        if word.starts_with('r') || word.starts_with("or") {
            let folder = super::super::routes::folder_and_name(path).0;
            wanted = super::super::routes::joined(folder, &wanted).unwrap_or(wanted);
        }
        let is_optional = word.starts_with('o');
        if !is_optional || self.texts.contains_key(&wanted) {
            self.file(&wanted, depth + 1);
        }
        self.close();
    }

    fn property(&mut self, word: &str, rest: &str) {
        let (value, when) = split_if(rest);
        let when = when.map_or(Expression::True, Expression::read);
        if word == "depends" {
            let depends = Expression::read(rest.strip_prefix("on").unwrap_or(rest));
            match &mut self.entry {
                Entry::Config(definition) => {
                    let own = std::mem::replace(&mut definition.depends, Expression::True);
                    definition.depends = Expression::And(vec![own, depends]);
                }
                Entry::Group => {
                    if let Some(block) = self.around.last_mut() {
                        block.depends.push(depends);
                    }
                }
                Entry::Other => {}
            }
            return;
        }
        let Entry::Config(definition) = &mut self.entry else { return };
        match word {
            "select" => definition.selects.push((value.to_owned(), when)),
            "imply" => definition.implies.push((value.to_owned(), when)),
            "default" | "def_bool" | "def_tristate" => {
                definition.given.push(Expression::And(vec![Expression::read(value), when]));
            }
            "bool" | "tristate" | "boolean" if value.is_empty() => {}
            "bool" | "tristate" | "boolean" | "prompt" => definition.given.push(when),
            // Numbers and texts are no options that code is built under.
            "int" | "hex" | "string" => definition.given.push(Expression::True),
            // Of the rest, such as `range` and `visible if`, nothing follows.
            _ => {}
        }
    }
}

/// Lines, with continued ones joined.
fn joined_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open = String::new();
    for line in text.lines() {
        if let Some(part) = line.strip_suffix('\\') {
            open.push_str(part);
        } else {
            open.push_str(line);
            lines.push(std::mem::take(&mut open));
        }
    }
    lines.push(open);
    lines
}

/// The column where a line begins; tabs go to every eighth.
fn indentation(line: &str) -> usize {
    let blank = line.chars().take_while(|character| matches!(character, ' ' | '\t'));
    blank.fold(0, |column, character| if character == '\t' { (column | 7) + 1 } else { column + 1 })
}

fn without_comment(line: &str) -> &str {
    let mut quote = None;
    for (at, character) in line.char_indices() {
        match (quote, character) {
            (None, '#') => return line.get(..at).unwrap_or_default(),
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            _ => {}
        }
    }
    line
}

/// A value and the condition behind it.
fn split_if(text: &str) -> (&str, Option<&str>) {
    let (mut quote, mut depth) = (None, 0_u32);
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, 'i') if depth == 0 => {
                let before = text.get(..at).unwrap_or_default();
                let after = text.get(at..).and_then(|rest| rest.strip_prefix("if"));
                let apart = before.is_empty() || before.ends_with([' ', '\t', '"', '\'', ')']);
                if let Some(after) = after.filter(|rest| rest.starts_with([' ', '\t', '(', '!']))
                    && apart
                {
                    return (before.trim(), Some(after.trim()));
                }
            }
            _ => {}
        }
    }
    (text.trim(), None)
}
