//! Shell scripts, read shallowly: which commands stand in them, with variables of the same file
//! filled in (POSIX.1-2017, Shell Command Language, 2.2-2.10).
//!
//! Nothing is executed and no condition is judged: the commands of every branch are listed. A
//! variable that was given several values stands for all of them where it names the command, and
//! for the latest elsewhere; one that was given none is empty.

mod tokens;

use std::collections::{BTreeSet, HashMap};

use super::lines;
use tokens::{Piece, Token, WORDS_MAX, Word};

/// Values kept of one variable.
const VALUES_MAX: usize = 64;
/// A value longer than this is cut.
const VALUE_BYTES_MAX: usize = 2048;
/// Commands of one script.
const COMMANDS_MAX: usize = 8192;
/// Scripts that include one another.
const INCLUDES_MAX: u32 = 4;

/// A simple command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Command {
    /// Offset of the line where it stands; for one of an included text 0.
    pub(super) offset: usize,
    pub(super) words: Vec<String>,
    /// Whether the script goes on while it runs.
    pub(super) background: bool,
    /// Whether the command before decides on it (`&&`, `||`).
    pub(super) decided: bool,
}

/// What a script holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Script {
    pub(super) commands: Vec<Command>,
    /// Names of the functions that it defines.
    pub(super) functions: BTreeSet<String>,
    variables: HashMap<String, Vec<String>>,
    /// Commands of the text that is read belong to a file that was included.
    included: u32,
}

/// What a script sees of the files around it.
pub(super) trait Surroundings {
    /// The text of a file that is included (`. FILE`).
    fn included(&self, path: &str) -> Option<Vec<u8>>;
    /// The paths that a pattern stands for.
    fn matching(&self, pattern: &str) -> Vec<String>;
}

/// Reads a script.
pub(super) fn read(bytes: &[u8], surroundings: &dyn Surroundings) -> Script {
    let mut script = Script::default();
    script.add(bytes, surroundings);
    script
}

/// Reads a script of which some variables have values.
pub(super) fn read_with(
    bytes: &[u8],
    values: &[(&str, &str)],
    surroundings: &dyn Surroundings,
) -> Script {
    let mut script = Script::default();
    for (name, value) in values {
        script.variables.insert((*name).to_owned(), vec![(*value).to_owned()]);
    }
    script.add(bytes, surroundings);
    script
}

impl Script {
    /// The latest value of a variable.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name)?.last().map(String::as_str)
    }

    fn add(&mut self, bytes: &[u8], surroundings: &dyn Surroundings) {
        let mut pending = Vec::new();
        let mut offset = 0;
        let mut decided = false;
        for token in tokens::read(bytes) {
            if self.commands.len() >= COMMANDS_MAX {
                return;
            }
            match token {
                Token::Word(at, word) => {
                    if pending.is_empty() {
                        offset = at;
                    }
                    if pending.len() < WORDS_MAX {
                        pending.push(word);
                    }
                }
                Token::Function(name) => {
                    self.functions.insert(name);
                    pending.clear();
                }
                Token::End { background, decides } => {
                    self.command(offset, &pending, (background, decided), surroundings);
                    decided = decides;
                    pending.clear();
                }
            }
        }
        self.command(offset, &pending, (false, decided), surroundings);
    }

    /// Takes one command: assignments change variables, loops give them a list, the rest is kept.
    fn command(
        &mut self,
        offset: usize,
        words: &[Word],
        (background, decided): (bool, bool),
        around: &dyn Surroundings,
    ) {
        let mut words = words;
        while let Some((first, rest)) = words.split_first() {
            let keyword = first.plain().is_some_and(|word| {
                matches!(
                    word,
                    "if" | "then" | "else" | "elif" | "while" | "until" | "do" | "!" | "{" | "time"
                )
            });
            if !keyword {
                break;
            }
            words = rest;
        }
        while let Some((first, rest)) = words.split_first() {
            let Some((name, value)) = first.assignment() else { break };
            self.assign(name, self.last(&value));
            words = rest;
        }
        let Some((first, rest)) = words.split_first() else { return };
        match first.plain() {
            Some("for") => return self.list(rest, around),
            Some("export" | "local" | "readonly" | "declare") => {
                for (name, value) in rest.iter().filter_map(Word::assignment) {
                    self.assign(name, self.last(&value));
                }
                return;
            }
            Some("fi" | "done" | "esac" | "}" | "case" | "in" | "function") => return,
            _ => {}
        }
        let arguments = rest.iter().flat_map(|word| self.expand(word));
        let arguments: Vec<String> = arguments.take(WORDS_MAX).collect();
        if let (Some("." | "source"), Some(path)) = (first.plain(), arguments.first()) {
            self.include(path, around);
        }
        for value in self.values(first) {
            let mut words = if first.quoted { vec![value] } else { lines::words(&value) };
            words.extend(arguments.iter().cloned());
            words.truncate(WORDS_MAX);
            if !words.is_empty() && self.commands.len() < COMMANDS_MAX {
                let offset = if self.included > 0 { 0 } else { offset };
                self.commands.push(Command { offset, words, background, decided });
            }
        }
    }

    /// `for NAME in WORD…`: the variable stands for each of them.
    fn list(&mut self, words: &[Word], around: &dyn Surroundings) {
        let [name, word, rest @ ..] = words else { return };
        let (Some(name), Some("in")) = (name.plain(), word.plain()) else { return };
        let mut values = Vec::new();
        for word in rest.iter().flat_map(|word| self.expand(word)) {
            if word.starts_with('/') && word.contains(['*', '?', '[']) {
                values.extend(around.matching(&word));
            } else {
                values.push(word);
            }
        }
        values.truncate(512);
        if !values.is_empty() {
            self.variables.insert(name.to_owned(), values);
        }
    }

    fn assign(&mut self, name: &str, mut value: String) {
        value.truncate(value.floor_char_boundary(VALUE_BYTES_MAX));
        let values = self.variables.entry(name.to_owned()).or_default();
        // The latest stands last; an earlier equal one is the same value.
        values.retain(|known| *known != value);
        if values.len() >= VALUES_MAX {
            values.remove(0);
        }
        values.push(value);
    }

    fn include(&mut self, path: &str, around: &dyn Surroundings) {
        if self.included >= INCLUDES_MAX {
            return;
        }
        let Some(bytes) = around.included(path) else { return };
        self.included += 1;
        let known = self.commands.len();
        self.add(&bytes, around);
        // What an included file does is told where that file is read; here its variables count.
        self.commands.truncate(known);
        self.included -= 1;
    }

    /// The word with the latest values filled in.
    fn last(&self, word: &Word) -> String {
        let mut text = String::new();
        for piece in &word.pieces {
            match piece {
                Piece::Text(literal) => text.push_str(literal),
                Piece::Variable(name, default) => match self.variable(name) {
                    Some(value) if !value.is_empty() => text.push_str(value),
                    _ => text.push_str(default),
                },
                Piece::Unknown => {}
            }
            if text.len() > VALUE_BYTES_MAX {
                break;
            }
        }
        text
    }

    /// The words that a word becomes: a variable outside of quotes may hold several.
    fn expand(&self, word: &Word) -> Vec<String> {
        let text = self.last(word);
        let variable = word.pieces.iter().any(|piece| !matches!(piece, Piece::Text(_)));
        if word.quoted || !variable { vec![text] } else { lines::words(&text) }
    }

    /// All that a word in the place of a command may mean.
    fn values(&self, word: &Word) -> Vec<String> {
        let varying = word.pieces.iter().find_map(|piece| match piece {
            Piece::Variable(name, _) => self.variables.get(name).filter(|all| all.len() > 1),
            _ => None,
        });
        let (Some(values), [Piece::Variable(..)]) = (varying, word.pieces.as_slice()) else {
            return vec![self.last(word)];
        };
        values.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::{Script, Surroundings, read};

    struct Made;

    impl Surroundings for Made {
        fn included(&self, path: &str) -> Option<Vec<u8>> {
            match path {
                "/etc/default/pump" => Some(b"ARGS=\"-p 8080 -v\"\nlogger x\n".to_vec()),
                "/loop" => Some(b". /loop\nX=1\n".to_vec()),
                _ => None,
            }
        }

        fn matching(&self, pattern: &str) -> Vec<String> {
            let all = ["/etc/init.d/S01a", "/etc/init.d/S02b"];
            let fits = all.iter().filter(|path| super::lines::glob(pattern, path));
            fits.map(|&path| path.to_owned()).collect()
        }
    }

    fn commands(script: &Script) -> Vec<String> {
        script.commands.iter().map(|command| command.words.join(" ")).collect()
    }

    #[test]
    fn commands_of_all_branches_are_seen() {
        let text = "#!/bin/sh\n# not this\nDAEMON=/usr/sbin/pump; NAME=`basename $DAEMON`\n\
            [ -r /etc/default/pump ] && . /etc/default/pump\n\
            case \"$1\" in\n  start|restart) echo -n \"go ; on\"\n    $DAEMON $ARGS & ;;\n\
            stop) killall ${NAME:-pump} >/dev/null 2>&1 ;;\n  *) exit 1\nesac\n";
        let script = read(text.as_bytes(), &Made);
        assert_eq!(
            commands(&script),
            [
                "basename /usr/sbin/pump",
                "[ -r /etc/default/pump ]",
                ". /etc/default/pump",
                "echo -n go ; on",
                "/usr/sbin/pump -p 8080 -v",
                "killall pump",
                "exit 1",
            ]
        );
        let daemon = &script.commands[4];
        assert!(daemon.background);
        assert_eq!(text.get(..daemon.offset).map(|text| text.lines().count()), Some(6));
    }

    #[test]
    fn loops_over_files_call_each() {
        let text = "for i in /etc/init.d/S??* ;do\n [ ! -f \"$i\" ] && continue\n case \"$i\" in\n \
            *.sh) ( set start; . $i ) ;;\n *) $i start ;;\n esac\ndone\n";
        let script = read(text.as_bytes(), &Made);
        let seen = commands(&script);
        assert!(seen.contains(&"/etc/init.d/S01a start".to_owned()), "{seen:?}");
        assert!(seen.contains(&"/etc/init.d/S02b start".to_owned()), "{seen:?}");
        assert!(!seen.iter().any(|command| command.starts_with("*.sh")), "{seen:?}");
    }

    #[test]
    fn a_group_that_runs_in_the_background_runs_there_as_a_whole() {
        for (text, background) in [
            ("( /bin/a; /bin/b ) > /x 2>&1 &\n/bin/c\n", &["/bin/a", "/bin/b"][..]),
            ("while true; do /bin/a; sleep 1; done &\n/bin/c\n", &["/bin/a", "sleep"]),
            ("{ /bin/a; } &\nif x; then /bin/b; fi\n/bin/c &\n", &["/bin/a", "/bin/c"]),
            ("if /bin/c; then ( /bin/a ); /bin/b; fi &\n", &["/bin/c", "/bin/a", "/bin/b"]),
            ("case x in\n a) /bin/a ;;\nesac &\n/bin/c\n", &["/bin/a"]),
            ("( /bin/a ) && /bin/b &\n", &["/bin/b"]),
            ("X=$( /bin/a; /bin/b ) &\n", &[]),
            ("/bin/a &> /x\n/bin/b >> \"/y\" &\n", &["/bin/b"]),
            (")&)&done&\n", &[]),
        ] {
            let script = read(text.as_bytes(), &Made);
            let seen: Vec<&str> = script
                .commands
                .iter()
                .filter(|one| one.background)
                .map(|one| one.words[0].as_str())
                .collect();
            assert_eq!(seen, background, "{text}");
        }
    }

    #[test]
    fn files_of_redirections_may_be_quoted() {
        let text = "/bin/a > \"/var/log/a b.log\" 2> '/c d' &\n/bin/b -x >\"$LOG dir\"/e -y\n\
            /bin/c < /x\\ y > $(date +\"%d %m\").log -z\n/bin/d >> `which x` -w\n\
            cat <<\"A B\"\n/bin/no\nA B\n/bin/e\n";
        let script = read(text.as_bytes(), &Made);
        let seen = commands(&script);
        assert_eq!(seen, ["/bin/a", "/bin/b -x -y", "/bin/c -z", "/bin/d -w", "cat", "/bin/e"]);
        assert!(script.commands[0].background);
    }

    #[test]
    fn functions_and_here_documents_are_no_commands() {
        let text = "start_service() {\n  procd_set_param command $PROG -p 1\n}\n\
            function old { ls; }\ncat > /x <<-'EOF'\nnot_a_command\n\tEOF\n\
                after $(inner a) | tail\n";
        let script = read(text.as_bytes(), &Made);
        assert!(script.functions.contains("start_service"));
        let seen = commands(&script);
        assert!(seen.contains(&"procd_set_param command -p 1".to_owned()), "{seen:?}");
        assert!(seen.contains(&"inner a".to_owned()), "{seen:?}");
        assert!(
            seen.contains(&"tail".to_owned()) && seen.contains(&"after".to_owned()),
            "{seen:?}"
        );
        assert!(!seen.iter().any(|command| command.contains("not_a_command")), "{seen:?}");
    }

    /// Comments are in any encoding.
    #[test]
    fn places_are_counted_in_bytes_of_the_file() {
        let text = b"# gr\xfc\xdfe \xe2\x82\n/bin/first\n# \xe2\x82\xac\n/bin/second\n";
        for command in read(text, &Made).commands {
            assert!(text[command.offset..].starts_with(command.words[0].as_bytes()), "{command:?}");
        }
    }

    #[test]
    fn hostile_scripts_end() {
        // Each of 512 values of the command with 64 words of 1000 words each.
        let values = (0..600).map(|number| format!("C=c{number}\n")).collect::<Vec<_>>().concat();
        let words = "A=\"x x x x x x x x x x x x x x x x x x x x\"\n".to_owned()
            + &"A=\"$A $A\"\n".repeat(6);
        let heavy = format!("{values}{words}{}", format!("$C{}\n", " $A".repeat(64)).repeat(16));
        assert!(read(heavy.as_bytes(), &Made).commands.iter().all(|one| one.words.len() <= 64));
        read(b". /loop\n", &Made);
        let doubling = format!("A=aaaaaaaa\n{}", "A=$A$A\n".repeat(2000));
        assert!(read(doubling.as_bytes(), &Made).variable("A").unwrap().len() <= 2048);
        let many = format!("echo {}", "$(x) ".repeat(200_000));
        assert!(read(many.as_bytes(), &Made).commands.len() <= super::COMMANDS_MAX);
        let nested = "$(".repeat(100_000);
        assert!(read(nested.as_bytes(), &Made).commands.len() < 10);
        for text in ["'", "\"", "`", "${", "<<", "$((", "case", "for", "a\0b", "\\", "x() {", "((("]
        {
            read(text.as_bytes(), &Made);
        }
    }
}
