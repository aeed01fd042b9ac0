//! Reads the makefiles of Kbuild as far as they tell what is built under which options.
//!
//! Everything that is read weakens: a condition that is not understood counts as met, and a word
//! that is not understood makes its folder one of which only the folder's own condition is known.
//! So a condition that comes out is always necessary for a file to be built, if not sufficient
//! (Documentation/kbuild/makefiles.rst of the kernel).

use std::collections::BTreeSet;

/// Options of which every one must be set.
pub(super) type Options = BTreeSet<String>;

/// Variables within variables are followed to this depth.
const DEPTH_MAX: u32 = 6;

/// An assignment: the name before its last hyphen, what stands behind that, the words.
#[derive(Clone, Debug)]
struct Assignment {
    name: String,
    value: String,
    when: Options,
}

/// A makefile.
#[derive(Clone, Debug, Default)]
pub(super) struct Makefile {
    assignments: Vec<Assignment>,
    /// Paths that stand anywhere in the text and lead out of the folder.
    pub(super) mentions: BTreeSet<String>,
    /// Other makefiles that it reads.
    pub(super) reads: Vec<String>,
    /// Whether others may use its variables: it exports them, calls make, or reads what is not
    /// found.
    pub(super) exports: bool,
}

/// A word of a list: an object, a folder, or something that is not understood.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    /// `name.o`, without the ending.
    Object(String),
    Folder(String),
    Unknown,
}

/// An item with the options that it needs, and the option that decides between built in and module.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Listed {
    pub(super) item: Item,
    pub(super) when: Options,
    pub(super) decides: Option<String>,
}

impl Makefile {
    /// Adds a text that is read in its place.
    pub(super) fn add(&mut self, text: &str) {
        let mut branches: Vec<Options> = Vec::new();
        for line in logical_lines(text) {
            let trimmed = line.trim();
            let (word, rest) = trimmed.split_once(char::is_whitespace).unwrap_or((trimmed, ""));
            match word {
                "ifeq" | "ifneq" | "ifdef" | "ifndef" => branches.push(condition(word, rest)),
                "else" => {
                    let (word, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                    if let Some(branch) = branches.last_mut() {
                        *branch = condition(word, rest);
                    }
                }
                "endif" => drop(branches.pop()),
                "include" | "-include" | "sinclude" => {
                    self.reads.extend(split_words(rest).map(str::to_owned));
                }
                _ => {
                    self.exports |= word == "export" || trimmed.contains("$(MAKE)");
                    self.note_mentions(trimmed);
                    let when = branches.iter().flatten().cloned().collect();
                    self.assign(trimmed, when);
                }
            }
        }
    }

    fn note_mentions(&mut self, line: &str) {
        // Where headers are looked for, which makes no object of what lies there.
        let flag = |word: &&str| ["-I", "-D", "-i"].iter().any(|flag| word.starts_with(flag));
        let mut before = "";
        for whole in split_words(line) {
            let is_flag = flag(&whole) || before == "-I";
            before = whole;
            if is_flag {
                continue;
            }
            for word in whole.split(|c: char| c.is_whitespace() || "=,:()".contains(c)) {
                if !flag(&word)
                    && ((word.contains("../") || word.ends_with("/.."))
                        || line.contains("$(srctree)") && word.starts_with('/'))
                {
                    self.mentions.insert(word.to_owned());
                }
            }
        }
    }

    fn assign(&mut self, line: &str, when: Options) {
        let Some((name, value)) = split_assignment(line) else { return };
        self.assignments.push(Assignment { name: name.to_owned(), value: value.to_owned(), when });
    }

    /// Everything in the lists of a kind, such as `obj`: `obj-y`, `obj-$(CONFIG_X)`; the parts of an
    /// object stand in lists of its name.
    pub(super) fn listed(&self, kind: &str) -> Vec<Listed> {
        let mut listed = Vec::new();
        for one in &self.assignments {
            let suffix = one.name.strip_prefix(kind).and_then(|rest| rest.strip_prefix('-'));
            let is_list = |suffix: &&str| {
                suffix.starts_with("$(") || matches!(*suffix, "y" | "m" | "n" | "objs")
            };
            let Some(suffix) = suffix.filter(is_list) else { continue };
            let own = option_of(suffix);
            let mut when = one.when.clone();
            when.extend(own.clone());
            // What `$(subst m,y,$(CONFIG_X))` lists is built in for a module, too.
            let decides = own.filter(|option| *suffix == format!("$(CONFIG_{option})"));
            self.words(&one.value, &when, decides.as_ref(), 0, &mut listed);
        }
        listed.sort();
        listed.dedup();
        listed
    }

    /// The names of all lists whose suffix is one of Kbuild's.
    pub(super) fn kinds(&self) -> BTreeSet<&str> {
        let names = self.assignments.iter().filter_map(|one| {
            let at = list_name_end(&one.name)?;
            one.name.get(..at)
        });
        names.collect()
    }

    /// The words of a value, with variables replaced by what they hold.
    fn words(
        &self,
        value: &str,
        when: &Options,
        decides: Option<&String>,
        depth: u32,
        into: &mut Vec<Listed>,
    ) {
        let mut take = |item: Item| {
            into.push(Listed { item, when: when.clone(), decides: decides.cloned() });
        };
        let mut nested: Vec<(String, Options, Option<String>)> = Vec::new();
        for word in split_words(value) {
            let plain = word
                .trim_start_matches("$(obj)/")
                .trim_start_matches("$(src)/")
                .trim_start_matches("./");
            if !plain.contains('$') {
                match item(plain) {
                    Some(item) => take(item),
                    None => continue,
                }
                continue;
            }
            if plain.contains(".hdrtest") {
                // Headers are compiled on their own as a test, and nothing comes of it.
                continue;
            }
            let Some(inner) = whole_reference(plain) else {
                take(Item::Unknown);
                continue;
            };
            if inner.starts_with("CONFIG_") || depth >= DEPTH_MAX {
                take(Item::Unknown);
            } else if let Some((function, arguments)) = inner.split_once(char::is_whitespace) {
                match self.call(function, arguments, when) {
                    Some(values) => nested.extend(
                        values.into_iter().map(|(text, when)| (text, when, decides.cloned())),
                    ),
                    None => take(Item::Unknown),
                }
            } else {
                let held = self.held(inner, when, decides);
                if held.is_empty() {
                    take(Item::Unknown);
                }
                nested.extend(held);
            }
        }
        for (value, when, decides) in nested {
            self.words(&value, &when, decides.as_ref(), depth + 1, into);
        }
    }

    /// What a variable holds: every value that it may be given; for `x-y` also those of
    /// `x-$(CONFIG_…)`.
    fn held(
        &self,
        name: &str,
        when: &Options,
        decides: Option<&String>,
    ) -> Vec<(String, Options, Option<String>)> {
        let mut held = Vec::new();
        let stem = name.strip_suffix("-y").or_else(|| name.strip_suffix("-m"));
        for one in &self.assignments {
            let own = match stem {
                Some(stem) => one
                    .name
                    .strip_prefix(stem)
                    .and_then(|rest| rest.strip_prefix('-'))
                    .map(option_of),
                None => (one.name == name).then_some(None),
            };
            let Some(own) = own else { continue };
            let mut all = when.clone();
            all.extend(one.when.iter().cloned());
            all.extend(own.clone());
            // A variable that is added to itself.
            let value = one.value.replace(&format!("$({name})"), "");
            held.push((value, all, decides.cloned()));
        }
        held
    }

    /// The words of a text with variables replaced by all that they hold; none where something is
    /// not understood.
    pub(super) fn expanded(&self, text: &str, folder: &str, depth: u32) -> Option<Vec<String>> {
        if depth > DEPTH_MAX {
            return None;
        }
        let mut words = Vec::new();
        for word in split_words(text) {
            words.extend(self.expanded_word(word, folder, depth)?);
        }
        Some(words)
    }

    fn expanded_word(&self, word: &str, folder: &str, depth: u32) -> Option<Vec<String>> {
        if word.is_empty() {
            return Some(vec![String::new()]);
        }
        let Some(start) = word.find("$(") else {
            return (!word.contains('$')).then(|| vec![word.to_owned()]);
        };
        let (before, rest) = (word.get(..start)?, word.get(start..)?);
        let end = reference_end(rest)?;
        let inner = whole_reference(rest.get(..end)?)?;
        let held = match inner {
            "srctree" | "objtree" => vec![String::new()],
            "src" | "obj" => vec![folder.to_owned()],
            _ => match inner.split_once(char::is_whitespace) {
                Some((function @ ("addprefix" | "addsuffix"), arguments)) => {
                    let parts = split_arguments(arguments);
                    let [affix, list] = parts.as_slice() else { return None };
                    let affixes = self.expanded(affix.trim(), folder, depth + 1)?;
                    let [affix] = affixes.as_slice() else { return None };
                    let list = self.expanded(list, folder, depth + 1)?;
                    let joined = list.iter().map(|one| match function {
                        "addprefix" => format!("{affix}{one}"),
                        _ => format!("{one}{affix}"),
                    });
                    joined.collect()
                }
                Some(_) => return None,
                None => {
                    let values = self.assignments.iter().filter(|one| one.name == inner);
                    let values: Vec<&str> = values.map(|one| one.value.as_str()).collect();
                    if values.is_empty() {
                        return None;
                    }
                    self.expanded(&values.join(" "), folder, depth + 1)?
                }
            },
        };
        let after = rest.get(end..)?;
        let is_part = !before.is_empty() || !after.is_empty();
        let held = if held.is_empty() && is_part { vec![String::new()] } else { held };
        let mut words = Vec::new();
        for after in self.expanded_word(after, folder, depth)? {
            words.extend(held.iter().map(|one| format!("{before}{one}{after}")));
        }
        Some(words)
    }

    /// The functions of make that lists use.
    fn call(
        &self,
        function: &str,
        arguments: &str,
        when: &Options,
    ) -> Option<Vec<(String, Options)>> {
        let parts = split_arguments(arguments);
        let part = |at: usize| parts.get(at).map_or("", |part| part.trim());
        match function {
            "addprefix" if !part(0).contains('$') => {
                let mut listed = Vec::new();
                self.words(part(1), when, None, 1, &mut listed);
                let prefix = part(0);
                listed
                    .into_iter()
                    .map(|one| match one.item {
                        Item::Object(name) => Some((format!("{prefix}{name}.o"), one.when)),
                        Item::Folder(name) => Some((format!("{prefix}{name}/"), one.when)),
                        Item::Unknown => None,
                    })
                    .collect()
            }
            "sort" | "strip" => Some(vec![(arguments.to_owned(), when.clone())]),
            "if" => {
                let mut met = when.clone();
                met.extend(
                    whole_reference(part(0))
                        .and_then(|name| name.strip_prefix("CONFIG_"))
                        .map(str::to_owned),
                );
                Some(vec![(part(1).to_owned(), met), (part(2).to_owned(), when.clone())])
            }
            _ => None,
        }
    }
}

/// Where the name of a list ends that has one of Kbuild's suffixes.
fn list_name_end(name: &str) -> Option<usize> {
    if let Some(at) = name.find("-$(") {
        return Some(at);
    }
    let at = name.rfind('-')?;
    let suffix = name.get(at + 1..)?;
    matches!(suffix, "y" | "m" | "objs").then_some(at)
}

/// The option in `$(CONFIG_X)`, `$(subst m,y,$(CONFIG_X))`, `$(CONFIG_X:m=y)`.
fn option_of(suffix: &str) -> Option<String> {
    let start = suffix.find("CONFIG_")? + "CONFIG_".len();
    let rest = suffix.get(start..)?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    // More than one option, or a function that may turn the answer round.
    let simple = suffix.matches("CONFIG_").count() == 1
        && (suffix.starts_with("$(CONFIG_") || suffix.starts_with("$(subst m,y,$(CONFIG_"));
    simple.then(|| rest.get(..end).map(str::to_owned)).flatten()
}

/// The options that a conditional asks for, where it asks for set ones.
fn condition(word: &str, rest: &str) -> Options {
    let option = |text: &str| {
        let name = whole_reference(text.trim())?.strip_prefix("CONFIG_")?;
        name.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            .then(|| name.to_owned())
    };
    let met = match word {
        "ifdef" => rest.trim().strip_prefix("CONFIG_").map(str::to_owned),
        "ifeq" | "ifneq" => sides(rest).and_then(|(one, other)| {
            let (option, value) = match (option(one), option(other)) {
                (Some(option), None) => (option, other.trim()),
                (None, Some(option)) => (option, one.trim()),
                _ => return None,
            };
            let set = match word {
                "ifeq" => matches!(value, "y" | "m"),
                _ => value.is_empty(),
            };
            set.then_some(option)
        }),
        _ => None,
    };
    met.into_iter().collect()
}

/// The two sides of `(a,b)`, `"a" "b"`.
fn sides(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    if let Some(inner) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        let mut depth = 0_u32;
        for (at, character) in inner.char_indices() {
            match character {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                ',' if depth == 0 => return Some((inner.get(..at)?, inner.get(at + 1..)?)),
                _ => {}
            }
        }
        return None;
    }
    let mut quoted = text.split('"');
    let (_, one, _, other) = (quoted.next()?, quoted.next()?, quoted.next()?, quoted.next()?);
    Some((one, other))
}

/// `NAME` of `$(NAME)` or `${NAME}`, where the text is nothing else.
fn whole_reference(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("$(").and_then(|rest| rest.strip_suffix(')'));
    let inner =
        inner.or_else(|| text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')))?;
    let mut depth = 0_i32;
    for character in inner.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return None;
        }
    }
    Some(inner.trim())
}

/// Where the reference ends that a text begins with.
fn reference_end(text: &str) -> Option<usize> {
    let mut depth = 0_u32;
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' if depth == 1 => return Some(at + 1),
            ')' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

fn item(word: &str) -> Option<Item> {
    if let Some(name) = word.strip_suffix(".o") {
        return Some(Item::Object(name.to_owned()));
    }
    if let Some(name) = word.strip_suffix('/') {
        return Some(Item::Folder(name.to_owned()));
    }
    // Flags, and names of what is no object.
    None
}

/// Lines without comments, with continued ones joined.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open = String::new();
    for line in text.lines() {
        let line = match line.find('#') {
            Some(at) if !line.get(..at).unwrap_or_default().ends_with('\\') => {
                // A comment may end in a backslash, which continues it; that is rare, and what
                // follows then counts as more than it is.
                line.get(..at).unwrap_or_default()
            }
            _ => line,
        };
        if let Some(part) = line.trim_end().strip_suffix('\\') {
            open.push_str(part);
            open.push(' ');
        } else {
            open.push_str(line);
            lines.push(std::mem::take(&mut open));
        }
    }
    lines.push(open);
    lines
}

/// Name and value of an assignment of any kind.
fn split_assignment(line: &str) -> Option<(&str, &str)> {
    let mut depth = 0_u32;
    for (at, character) in line.char_indices() {
        match character {
            '(' | '{' => depth += 1,
            ')' | '}' => depth = depth.saturating_sub(1),
            '=' if depth == 0 => {
                let name = line.get(..at)?.trim_end_matches(['+', ':', '?', '!']).trim();
                let name = name.strip_prefix("export ").unwrap_or(name).trim();
                let plain = !name.is_empty() && !split_words(name).skip(1).any(|_| true);
                return plain.then_some((name, line.get(at + 1..)?.trim()));
            }
            _ => {}
        }
    }
    None
}

/// Words, with what stands in parentheses kept together.
fn split_words(text: &str) -> impl Iterator<Item = &str> {
    let mut words = Vec::new();
    let (mut depth, mut start) = (0_u32, None);
    for (at, character) in text.char_indices() {
        match character {
            '(' | '{' => depth += 1,
            ')' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if character.is_whitespace() && depth == 0 {
            if let Some(start) = start.take() {
                words.extend(text.get(start..at));
            }
        } else if start.is_none() {
            start = Some(at);
        }
    }
    words.extend(start.and_then(|start| text.get(start..)));
    words.into_iter()
}

fn split_arguments(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_u32, 0);
    for (at, character) in text.char_indices() {
        match character {
            '(' | '{' => depth += 1,
            ')' | '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.extend(text.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(text.get(start..));
    parts
}
