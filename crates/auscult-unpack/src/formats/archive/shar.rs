//! Shell archives: scripts that write out the files in them (as GNU sharutils and older programs make
//! them).
//!
//! Nothing is run. Files are found by the shape of the commands: a here-document written to a file,
//! with or without a character to take off the start of each line, or piped into `uudecode`. Anything
//! more clever is passed over.

use std::collections::HashMap;

use crate::{
    Entry, EntryKind, Extent, Fault, Metadata,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::gathering::Gathering,
};

const TITLE: &[u8] = b"This is a shell archive";

pub(crate) static FORMAT: Format = Format {
    name: "shar",
    magics: &[
        Magic::at(2, TITLE),
        Magic::start(b"#!/bin/sh\n# This is a shell archive"),
        Magic::start(b"#! /bin/sh\n# This is a shell archive"),
    ],
    carve: true,
    open,
};

/// Longest script read.
const SCRIPT_BYTES_MAX: u64 = 64 << 20;
const LINE_BYTES_MAX: usize = 4096;

/// A script, line by line.
struct Lines<'script> {
    script: &'script [u8],
    at: usize,
}

impl<'script> Lines<'script> {
    fn next(&mut self) -> Option<&'script [u8]> {
        let rest = self.script.get(self.at..).filter(|rest| !rest.is_empty())?;
        let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        self.at += (length + 1).min(rest.len());
        rest.get(..length)
    }
}

/// A here-document and what its command does with it.
struct Command<'script> {
    end: &'script [u8],
    target: Target,
    /// What is taken off the start of each line.
    prefix: Vec<u8>,
}

enum Target {
    File(Vec<u8>),
    Uudecode,
    /// Sums and messages.
    Other,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let script = candidate.extent.read_up_to(0, SCRIPT_BYTES_MAX)?;
    if script.first() != Some(&b'#') {
        return Err(NotThis);
    }
    let mut lines = Lines { script: &script, at: 0 };
    let mut gathering = Gathering::new(&candidate.extent);
    let (mut files, mut modes) = (Vec::new(), HashMap::new());
    let mut end = None;
    while let Some(line) = lines.next() {
        if line.len() > LINE_BYTES_MAX || line.contains(&0) {
            break;
        }
        let line = line.trim_ascii();
        if matches!(line, b"exit 0" | b"exit") {
            end = Some(lines.at);
            break;
        }
        if let Some((mode, name)) = chmod(line) {
            modes.insert(name, mode);
        } else if let Some(command) = here_document(line) {
            let place = u64::try_from(lines.at).unwrap_or(u64::MAX);
            match content(&mut lines, &command) {
                Ok(Some((name, content))) => files.push((name, content)),
                Ok(None) => {}
                Err(why) => {
                    gathering.report(Fault::new(place, "read a file of the script", why), b"");
                }
            }
        }
    }
    if files.is_empty() {
        return Err(NotThis);
    }
    let length = end.unwrap_or(lines.at);
    for (name, content) in files {
        if gathering.is_full() {
            break;
        }
        let metadata = Metadata { mode: modes.get(&name).copied(), ..Metadata::default() };
        let content = Extent::from_memory(candidate.vault(), content);
        gathering.add(Entry::member(name, EntryKind::File, metadata).with_content(content));
    }
    let (entries, faults) = gathering.finish();
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    Ok(Opened { length, entries, faults, ..Opened::default() })
}

/// `chmod 0644 'name'`, with whatever follows.
fn chmod(line: &[u8]) -> Option<(u32, Vec<u8>)> {
    let rest = line.strip_prefix(b"chmod ")?.trim_ascii_start();
    let (mode, rest) = rest.split_at(rest.iter().position(|&byte| byte == b' ')?);
    let mode = u32::from_str_radix(std::str::from_utf8(mode).ok()?, 8).ok()?;
    Some((mode & 0o7777, word(rest)?))
}

/// The next word of a command, its quotes taken off.
fn word(text: &[u8]) -> Option<Vec<u8>> {
    let (mut word, mut quote) = (Vec::new(), None);
    let mut bytes = text.trim_ascii_start().iter().copied();
    while let Some(byte) = bytes.next() {
        match (quote, byte) {
            (Some(open), _) if byte == open => quote = None,
            (None, b'\'' | b'"') => quote = Some(byte),
            (None | Some(b'"'), b'\\') => word.extend(bytes.next()),
            (None, b' ' | b'\t' | b';' | b'&' | b'|' | b'<' | b'>' | b')') => break,
            _ => word.push(byte),
        }
    }
    (!word.is_empty() && quote.is_none()).then_some(word)
}

/// A command with `<<`, and what it does with the lines that follow.
fn here_document(line: &[u8]) -> Option<Command<'_>> {
    let at = memchr::memmem::find(line, b"<<")?;
    let mark = line.get(at + 2..)?.trim_ascii_start();
    let mark = mark.strip_prefix(b"\\").unwrap_or(mark);
    let quoted = mark.strip_prefix(b"'").or_else(|| mark.strip_prefix(b"\""));
    let mark = quoted.unwrap_or(mark);
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-!@%".contains(byte);
    let end = mark.get(..mark.iter().take_while(|byte| plain(byte)).count())?;
    if end.is_empty() {
        return None;
    }
    let before = line.get(..at)?;
    let reads =
        [&b"sed"[..], b"cat"].iter().any(|tool| memchr::memmem::find(before, tool).is_some());
    let redirected = memchr::memchr(b'>', line).and_then(|at| word(line.get(at + 1..)?));
    let target = match redirected {
        _ if memchr::memmem::find(line, b"uudecode").is_some() => Target::Uudecode,
        Some(name) if reads && !name.starts_with(b"/dev/") => Target::File(name),
        _ => Target::Other,
    };
    // `s/^X//`
    let prefix = memchr::memmem::find(before, b"s/^").and_then(|at| {
        let rest = before.get(at + 3..)?;
        rest.get(..memchr::memmem::find(rest, b"//")?)
    });
    Some(Command { end, target, prefix: prefix.unwrap_or_default().to_vec() })
}

/// A name and content.
type Named = (Vec<u8>, Vec<u8>);

/// Reads the lines of a here-document; gives a name and content, where it is a file.
fn content(lines: &mut Lines<'_>, command: &Command<'_>) -> Result<Option<Named>, &'static str> {
    let (mut text, mut decoder) = (Vec::new(), Uudecoder::default());
    loop {
        let line = lines.next().ok_or("the script is cut off")?;
        if line == command.end {
            break;
        }
        let line = line.strip_prefix(command.prefix.as_slice()).unwrap_or(line);
        match command.target {
            Target::File(_) => {
                text.extend_from_slice(line);
                text.push(b'\n');
            }
            Target::Uudecode => decoder.line(line)?,
            Target::Other => {}
        }
    }
    match &command.target {
        Target::File(name) => Ok(Some((name.clone(), text))),
        Target::Uudecode if decoder.name.is_empty() => Err("no beginning"),
        Target::Uudecode => Ok(Some((decoder.name, decoder.bytes))),
        Target::Other => Ok(None),
    }
}

/// Decodes the output of `uuencode` (IEEE 1003.1-2017), line by line.
#[derive(Default)]
struct Uudecoder {
    name: Vec<u8>,
    bytes: Vec<u8>,
    ended: bool,
}

impl Uudecoder {
    fn line(&mut self, line: &[u8]) -> Result<(), &'static str> {
        if self.ended {
            return Ok(());
        }
        if self.name.is_empty() {
            if let Some(rest) = line.strip_prefix(b"begin ") {
                let rest = rest.trim_ascii();
                let space = memchr::memchr(b' ', rest).ok_or("a beginning without a name")?;
                self.name = rest.get(space + 1..).unwrap_or_default().to_vec();
            }
            return Ok(());
        }
        if line.trim_ascii() == b"end" {
            self.ended = true;
            return Ok(());
        }
        let value = |byte: u8| byte.wrapping_sub(b' ') & 63;
        let Some((&first, digits)) = line.split_first() else { return Ok(()) };
        let mut left = usize::from(value(first));
        for group in digits.chunks(4) {
            let digit = |at: usize| value(group.get(at).copied().unwrap_or(b' '));
            let (a, b, c, d) = (digit(0), digit(1), digit(2), digit(3));
            let three = [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d];
            self.bytes.extend(three.iter().take(left));
            left = left.saturating_sub(3);
        }
        if left > 0 { Err("a line that is too short") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::{
            hostile,
            reference::{assert_same_files, container, run, sample},
        },
    };

    #[test]
    fn scripts_of_the_reference_tool() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::write(root.join("text"), "some\nlines\nXof text\n").unwrap();
        fs::write(root.join("sub/it's a name"), "begin\nSHAR_EOF?\n").unwrap();
        fs::write(root.join("noise"), sample(5000, 1)).unwrap();
        let archive = folder.path().join("out.shar");
        for options in ["", "-B"] {
            let script = format!(
                "cd {} && shar {options} text noise sub 2>/dev/null > {}",
                root.display(),
                archive.display()
            );
            if !(run("shar", &["--version"]) && run("sh", &["-c", &script])) {
                return;
            }
            let bytes = fs::read(&archive).unwrap();
            let tree = assert_same_files(bytes, "shar", &root);
            assert_eq!(tree.coverage().bytes_unread, 0);
            let text = tree.member(container(&tree, "shar"), b"/text").unwrap();
            assert_eq!(tree.node(text).metadata.mode, Some(0o644));
        }
    }

    #[test]
    fn the_shape_of_older_programs() {
        let script = b"# This is a shell archive.  Remove anything before this line.\n\
            sed -e 's/^X//' > a.c <<'END_OF_FILE'\nXint a;\nX\nEND_OF_FILE\n\
            cat << \\SHAR_EOF > 'b c'\nplain\nSHAR_EOF\nexit 0\n";
        let image = [&b"before\n"[..], script, b"after"].concat();
        let tree = Tree::from_bytes(image, &Limits::default());
        assert_eq!(tree.coverage().bytes_unread, 7 + 5);
        let inside = container(&tree, "shar");
        let read = |path: &[u8]| tree.bytes(tree.member(inside, path).unwrap()).unwrap();
        assert_eq!(read(b"/a.c"), "int a;\n\n");
        assert_eq!(read(b"/b c"), "plain\n");
        let mention = b"# This is a shell archive, says a text.\nexit 0\n";
        let tree = Tree::from_bytes(&mention[..], &Limits::default());
        assert!(!tree.nodes().any(|(_, node)| node.format() == Some("shar")));
    }

    #[test]
    fn damage_does_no_harm() {
        let script = b"#!/bin/sh\n# This is a shell archive\nsed 's/^X//' << 'E' | uudecode &&\n\
            begin 600 name\n#86)C\n`\nend\nE\nchmod 0644 name\nexit 0\n";
        hostile::check(script, script.len());
    }
}
