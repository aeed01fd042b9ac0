//! Command lines of Windows: where the program ends, and which file it is.

use std::collections::HashMap;

use auscult_unpack::NodeId;

/// Words of one command line.
const WORDS_MAX: usize = 64;
/// A command line is not longer (`CreateProcess`).
const COMMAND_BYTES_MAX: usize = 32_767;
/// Folders in which a program without a path is looked for.
const FOLDERS: &[&str] = &["/windows/system32/", "/windows/", "/windows/syswow64/"];
/// Variables, and what they are on a device as it was installed.
const VARIABLES: &[(&str, &str)] = &[
    ("%systemroot%", "/windows"),
    ("%windir%", "/windows"),
    ("%systemdrive%", ""),
    ("%programfiles%", "/program files"),
    ("%programfiles(x86)%", "/program files (x86)"),
    ("%programw6432%", "/program files"),
    ("%commonprogramfiles%", "/program files/common files"),
    ("%programdata%", "/programdata"),
    ("%allusersprofile%", "/programdata"),
];

/// The files of an installation.
pub(super) struct Programs<'root> {
    pub(super) files: &'root HashMap<String, NodeId>,
}

/// A command line in parts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) word: String,
    pub(super) arguments: Vec<String>,
    pub(super) program: Option<NodeId>,
}

impl Programs<'_> {
    /// Takes a command line apart. Without quotes the program may hold spaces: as Windows does, the
    /// shortest beginning that is a file is taken.
    pub(super) fn command(&self, line: &str) -> Command {
        let line = line.trim();
        let end = line.floor_char_boundary(COMMAND_BYTES_MAX);
        let line = line.get(..end).unwrap_or_default();
        if let Some((word, rest)) = line.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
            return self.parts(word, rest);
        }
        let spaces = line.match_indices(' ').map(|(at, _)| at).take(WORDS_MAX).chain([line.len()]);
        for at in spaces {
            let (word, rest) = line.split_at_checked(at).unwrap_or((line, ""));
            if self.file(word).is_some() {
                return self.parts(word, rest);
            }
        }
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        self.parts(word, rest)
    }

    fn parts(&self, word: &str, rest: &str) -> Command {
        Command { word: word.to_owned(), arguments: words(rest), program: self.file(word) }
    }

    /// The file that a word names.
    pub(super) fn file(&self, word: &str) -> Option<NodeId> {
        let path = path(word)?;
        let with_folder: Vec<String> = if path.starts_with('/') {
            vec![path]
        } else if path.contains('/') {
            // Drivers are named from the folder of Windows.
            vec![format!("/windows/{path}")]
        } else {
            FOLDERS.iter().map(|folder| format!("{folder}{path}")).collect()
        };
        with_folder.iter().find_map(|path| {
            self.files.get(path).or_else(|| self.files.get(&format!("{path}.exe"))).copied()
        })
    }
}

/// The path of a word in lower case with `/`, without its drive; none for one of another machine.
fn path(word: &str) -> Option<String> {
    let mut path = word.trim().trim_matches('"').to_lowercase().replace('\\', "/");
    for (name, value) in VARIABLES {
        if let Some(rest) = path.strip_prefix(name) {
            path = format!("{value}{rest}");
            break;
        }
    }
    for prefix in ["/??/", "//?/"] {
        path = path.strip_prefix(prefix).map(str::to_owned).unwrap_or(path);
    }
    if let Some(rest) = path.strip_prefix("/systemroot/") {
        path = format!("/windows/{rest}");
    }
    let mut letters = path.chars();
    let is_letter = letters.next().is_some_and(|letter| letter.is_ascii_alphabetic());
    let path = match letters.next() {
        Some(':') if is_letter => letters.as_str().to_owned(),
        _ => path,
    };
    (!path.is_empty() && !path.starts_with("//")).then_some(path)
}

/// Words parted by white space, quotes kept together and taken off.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for character in text.chars() {
        match character {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            _ if character.is_whitespace() && !quoted => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words.truncate(WORDS_MAX);
    words
}

#[cfg(test)]
mod tests {
    use super::{path, words};

    #[test]
    fn paths_lose_drive_and_variables() {
        for (word, expected) in [
            ("\\SystemRoot\\System32\\drivers\\a.sys", Some("/windows/system32/drivers/a.sys")),
            ("%SystemRoot%\\System32\\svchost.exe", Some("/windows/system32/svchost.exe")),
            ("\\??\\C:\\Pump\\p.sys", Some("/pump/p.sys")),
            ("system32\\DRIVERS\\a.sys", Some("system32/drivers/a.sys")),
            ("\"C:\\Program Files\\Pump\\p.exe\"", Some("/program files/pump/p.exe")),
            ("cmd", Some("cmd")),
            ("\\\\server\\share\\p.exe", None),
            ("", None),
        ] {
            assert_eq!(path(word).as_deref(), expected, "{word}");
        }
    }

    #[test]
    fn words_keep_quotes_together_and_backslashes_as_they_are() {
        assert_eq!(words(" -k net \"a b\"c C:\\x\\ \"\""), ["-k", "net", "a bc", "C:\\x\\", ""]);
    }
}
