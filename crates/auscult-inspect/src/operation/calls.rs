//! Which programs of the image a script calls, and which of them it leaves running.

mod users;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use auscult_unpack::NodeId;

use super::{
    files::{Files, Found, Text},
    lines,
    shell::{self, Command, Script, Surroundings},
};

/// Scripts that call scripts.
const DEPTH_MAX: u32 = 8;
/// Scripts read for one root.
const SCRIPTS_MAX: usize = 4096;
/// Calls kept of one script.
const CALLS_MAX: usize = 512;
/// Commands inside of commands (`sh -c "…"`, wrappers of wrappers).
const NESTING_MAX: u32 = 6;

/// Commands that run no program given to them.
const UTILITIES: &[&str] = &[
    "[",
    "[[",
    "test",
    "echo",
    "printf",
    "killall",
    "pidof",
    "pkill",
    "rm",
    "cd",
    "chmod",
    "chown",
    "cp",
    "mv",
    "ln",
    "mkdir",
    "touch",
    "cat",
    "which",
    "type",
    "dirname",
    "basename",
    "export",
    "unset",
    "return",
    "trap",
    "set",
    "shift",
    "exit",
    "kill",
    "expr",
    "sleep",
    "ls",
    "grep",
    "egrep",
    "fgrep",
    "sed",
    "awk",
    "find",
    "tar",
    "dd",
    "wc",
    "head",
    "tail",
    "sort",
    "cut",
    "tr",
    "stat",
    "readlink",
    "realpath",
    "md5sum",
    "sha256sum",
    "cmp",
    "diff",
    "strings",
    "file",
    "logger",
    "tee",
    "mount",
    "umount",
    "install",
    "mktemp",
    "date",
    "ps",
    "pgrep",
    "read",
    "local",
    "chattr",
    "restorecon",
    "chcon",
    "setcap",
    "update-rc.d",
    "insserv",
    "dpkg",
    "opkg",
];
/// Commands that run the one behind their options in their own place.
const WRAPPERS: &[&str] = &[
    "exec",
    "nohup",
    "setsid",
    "nice",
    "ionice",
    "env",
    "busybox",
    "command",
    "chrt",
    "taskset",
    "sudo",
    "time",
    "eval",
    "timeout",
    "stdbuf",
    "xargs",
    "builtin",
    "catch",
    "tini",
    "chpst",
    "setuidgid",
    "s6-setuidgid",
    "envuidgid",
    "s6-envuidgid",
    "su-exec",
    "gosu",
    "doas",
    "setpriv",
];
/// Commands and functions of init scripts that leave the one behind their options running.
const STARTERS: &[&str] = &[
    "service_start",
    "service_daemonize",
    "daemon",
    "start_daemon",
    "daemonize",
    "respawn",
    "startproc",
    "supervise-daemon",
];
/// Functions of init scripts that stop or look after the program given to them.
const STOPPERS: &[&str] = &[
    "service_stop",
    "service_reload",
    "service_check",
    "killproc",
    "pidofproc",
    "procd_kill",
    "status_of_proc",
];

/// How a program is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Manner {
    /// The script waits for it.
    Plain,
    /// It is left running: in the background, by a supervisor, by `start-stop-daemon`.
    Daemon,
    /// It is a script whose text is read into the caller's.
    Included,
    /// It is named on the command line of another, which may run it.
    Given,
}

/// A program that a script calls.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// Offset of the line.
    pub(super) offset: usize,
    pub(super) manner: Manner,
    pub(super) program: Found,
    /// Program and arguments as they are called.
    pub(super) words: Vec<String>,
    /// Those of the words that a condition decides on.
    pub(super) optional: Vec<String>,
    pub(super) user: Option<String>,
}

/// A script and what it calls.
#[derive(Clone, Debug)]
pub(super) struct ReadScript {
    pub(super) text: Text,
    pub(super) calls: Vec<Call>,
    /// Lines that load kernel modules, with the module.
    pub(super) modules: Vec<(usize, String)>,
    pub(super) script: Script,
}

impl Surroundings for Files<'_> {
    fn included(&self, path: &str) -> Option<Vec<u8>> {
        let found = self.file(path)?;
        // Settings are short; a library of functions sets nothing that its caller prints.
        (self.node(found.id).len() <= 64 << 10)
            .then(|| self.read(&found))?
            .map(|text| text.bytes.to_vec())
    }

    fn matching(&self, pattern: &str) -> Vec<String> {
        Files::matching(self, pattern)
    }
}

/// The scripts of a root, each read once.
#[derive(Default)]
pub(super) struct Scripts {
    pub(super) read: BTreeMap<NodeId, Option<ReadScript>>,
}

impl Scripts {
    /// What this file calls, if it is a shell script; programs that were seen as binaries are none.
    pub(super) fn get(
        &mut self,
        files: &Files<'_>,
        found: &Found,
        binaries: &HashMap<NodeId, usize>,
    ) -> Option<&ReadScript> {
        if binaries.contains_key(&found.id) {
            return None;
        }
        if !self.read.contains_key(&found.id) {
            if self.read.len() >= SCRIPTS_MAX {
                let why = format!("more than {SCRIPTS_MAX} scripts are called");
                files.report(&files.locator(), "follow the scripts", why);
                return None;
            }
            self.read.insert(found.id, read_file(files, found));
        }
        self.read.get(&found.id)?.as_ref()
    }

    /// Reads the scripts that these call, and those that those call.
    pub(super) fn follow(
        &mut self,
        files: &Files<'_>,
        from: impl IntoIterator<Item = Found>,
        binaries: &HashMap<NodeId, usize>,
    ) {
        let mut pending: VecDeque<(Found, u32)> = from.into_iter().map(|one| (one, 0)).collect();
        let mut seen = BTreeSet::new();
        while let Some((found, depth)) = pending.pop_front() {
            if !seen.insert(found.id) {
                continue;
            }
            let Some(script) = self.get(files, &found, binaries) else { continue };
            if depth < DEPTH_MAX {
                pending.extend(script.calls.iter().map(|call| (call.program.clone(), depth + 1)));
            }
        }
    }
}

/// The interpreter of a script and what is given to it: `#!/bin/sh /etc/rc.common`.
pub(super) fn shebang(bytes: &[u8]) -> Option<Vec<String>> {
    let line = bytes.strip_prefix(b"#!")?.split(|&byte| byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line.get(..256).unwrap_or(line)).into_owned();
    let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    if words.first().is_some_and(|first| first.ends_with("/env")) {
        words.remove(0);
    }
    (!words.is_empty()).then_some(words)
}

fn read_file(files: &Files<'_>, found: &Found) -> Option<ReadScript> {
    let head = files.node(found.id).content.as_ref()?.read_up_to(0, 256).ok()?;
    let interpreter = shebang(&head);
    if head.is_empty() || interpreter.is_none() && head.contains(&0) {
        return None;
    }
    let words = interpreter.unwrap_or_else(|| vec!["/bin/sh".to_owned()]);
    let mut calls = Vec::new();
    for word in &words {
        let manner = if calls.is_empty() { Manner::Plain } else { Manner::Included };
        if let Some(program) = files.program(word).or_else(|| files.file(word)) {
            let (words, optional) = (words.clone(), Vec::new());
            calls.push(Call { offset: 0, manner, program, words, optional, user: None });
        }
    }
    let (text, script) = if words.first().is_some_and(|word| is_shell(word)) {
        let text = files.read(found)?;
        let script = shell::read(&text.bytes, files);
        (text, script)
    } else {
        // Other languages are not understood: what counts is who interprets them.
        (files.unread(found), Script::default())
    };
    let mut reading = Reading { files, script: &script, calls, modules: Vec::new() };
    for command in &script.commands {
        reading.command(command, None, NESTING_MAX);
    }
    let Reading { calls, modules, .. } = reading;
    Some(ReadScript { text, calls: distinct(calls), modules, script })
}

/// Each program once per manner and, where it is left running, per command line.
fn distinct(calls: Vec<Call>) -> Vec<Call> {
    let mut seen = BTreeSet::new();
    let mut kept: Vec<Call> = calls;
    kept.retain(|call| {
        let words = if call.manner == Manner::Daemon { call.words.clone() } else { Vec::new() };
        let name = call.words.first().cloned().unwrap_or_default();
        seen.insert((call.program.id, call.manner, name, words))
    });
    kept.truncate(CALLS_MAX);
    kept
}

pub(super) fn is_shell(word: &str) -> bool {
    let name = lines::file_name(word);
    matches!(name, "sh" | "ash" | "bash" | "dash" | "ksh" | "mksh" | "hush" | "zsh" | "openrc-run")
        || matches!(name, "runscript" | "execlineb")
}

/// The calls of one command line outside of a script, such as that of a unit or of inittab.
pub(super) fn of_words(files: &Files<'_>, words: &[String]) -> Vec<Call> {
    let script = Script::default();
    let mut reading = Reading { files, script: &script, calls: Vec::new(), modules: Vec::new() };
    let words = words.to_vec();
    let command = Command { offset: 0, words, background: false, decided: false };
    reading.command(&command, None, NESTING_MAX);
    reading.calls
}

struct Reading<'call, 'tree> {
    files: &'call Files<'tree>,
    script: &'call Script,
    calls: Vec<Call>,
    modules: Vec<(usize, String)>,
}

impl Reading<'_, '_> {
    fn command(&mut self, command: &Command, user: Option<&str>, nesting: u32) {
        let Some(nesting) = nesting.checked_sub(1) else { return };
        let Some((first, rest)) = command.words.split_first() else { return };
        let name = lines::file_name(first);
        let manner = if command.background { Manner::Daemon } else { Manner::Plain };
        let deeper = |words: &[String], background: bool| Command {
            offset: command.offset,
            words: words.to_vec(),
            background: background || command.background,
            decided: command.decided,
        };
        match name {
            _ if UTILITIES.contains(&name) => {
                self.program(command, Manner::Plain, user);
            }
            "." | "source" => {
                if let Some(program) = rest.first().and_then(|path| self.files.file(path)) {
                    self.push(command, Manner::Included, program, rest.to_vec(), user);
                }
            }
            _ if WRAPPERS.contains(&name) => {
                self.program(command, Manner::Plain, user);
                let background = matches!(name, "setsid" | "nohup");
                let (other, rest) = users::behind(name, rest);
                let user = other.as_deref().or(user);
                self.command(&deeper(behind_options(rest), background), user, nesting);
            }
            "start-stop-daemon" => {
                self.program(command, Manner::Plain, user);
                if let Some((words, user)) = users::start_stop_daemon(rest) {
                    self.command(&deeper(&words, true), user.as_deref(), nesting);
                }
            }
            _ if STOPPERS.contains(&name) => {}
            "procd_set_param" | "procd_append_param" => {
                if rest.first().is_some_and(|what| what == "command") {
                    let words = rest.get(1..).unwrap_or_default();
                    self.daemon(name, &deeper(words, true), user, nesting);
                }
            }
            _ if STARTERS.contains(&name) => {
                self.program(command, Manner::Plain, user);
                self.command(&deeper(behind_options(rest), true), user, nesting);
            }
            "su" | "runuser" => {
                self.program(command, Manner::Plain, user);
                self.su(command, rest, nesting);
            }
            "chroot" => {
                self.program(command, Manner::Plain, user);
                self.command(&deeper(rest.get(1..).unwrap_or_default(), false), user, nesting);
            }
            "run-parts" => {
                self.program(command, Manner::Plain, user);
                self.run_parts(command, rest, user);
            }
            "insmod" | "modprobe" => {
                self.program(command, Manner::Plain, user);
                let module = behind_options(rest).first().filter(|_| !removes(rest));
                self.modules.extend(module.map(|module| (command.offset, module.clone())));
            }
            _ if is_shell(name) => {
                self.program(command, manner, user);
                self.shell(command, rest, user, nesting);
            }
            _ => self.other(command, manner, user),
        }
    }

    /// Any other command: a program, or a function, either of which may run the programs given to
    /// it. What stops or checks a program does not.
    fn other(&mut self, command: &Command, manner: Manner, user: Option<&str>) {
        let Some((first, rest)) = command.words.split_first() else { return };
        let function = self.script.functions.contains(first);
        if !function {
            self.program(command, manner, user);
        }
        let name = lines::file_name(first);
        if ["stop", "kill", "reload", "check", "status", "log"].iter().any(|no| name.contains(no)) {
            return;
        }
        for (at, word) in rest.iter().enumerate().filter(|(_, word)| word.starts_with('/')) {
            if let Some(program) = self.files.program(word) {
                let words = rest.get(at..).unwrap_or_default().to_vec();
                self.push(command, Manner::Given, program, words, user);
            }
        }
    }

    /// `procd_append_param command` goes on with the command set before.
    fn daemon(&mut self, name: &str, command: &Command, user: Option<&str>, nesting: u32) {
        if name == "procd_append_param" {
            let before = self.calls.iter_mut().rev().find(|call| call.manner == Manner::Daemon);
            if let Some(call) = before {
                call.words.extend(command.words.iter().cloned());
                call.words.truncate(64);
                if command.decided {
                    call.optional.extend(command.words.iter().cloned());
                }
            }
            return;
        }
        self.command(command, user, nesting);
    }

    fn shell(&mut self, command: &Command, rest: &[String], user: Option<&str>, nesting: u32) {
        let flag = rest.iter().position(|word| word.starts_with('-') && word.ends_with('c'));
        if let Some(text) = flag.and_then(|at| rest.get(at + 1)) {
            for inner in shell::read(text.as_bytes(), self.files).commands {
                let background = inner.background || command.background;
                let inner = Command { offset: command.offset, background, ..inner };
                self.command(&inner, user, nesting);
            }
            return;
        }
        let words = behind_options(rest);
        if let Some(program) = words.first().and_then(|path| self.files.file(path)) {
            let manner = if command.background { Manner::Daemon } else { Manner::Plain };
            self.push(command, manner, program, words.to_vec(), user);
        }
    }

    fn su(&mut self, command: &Command, rest: &[String], nesting: u32) {
        match users::of_su(rest) {
            users::Su::Text(user, text) => {
                for inner in shell::read(text.as_bytes(), self.files).commands {
                    let background = inner.background || command.background;
                    let inner = Command { offset: command.offset, background, ..inner };
                    self.command(&inner, user.as_deref(), nesting);
                }
            }
            users::Su::Words(user, words) => {
                let inner = Command { words, ..command.clone() };
                self.command(&inner, user.as_deref(), nesting);
            }
        }
    }

    fn run_parts(&mut self, command: &Command, rest: &[String], user: Option<&str>) {
        let Some(folder) = rest.iter().find(|word| word.starts_with('/')) else { return };
        for entry in self.files.folder(folder) {
            if let Some(program) = self.files.program(&entry.path) {
                self.push(command, Manner::Plain, program, vec![entry.path], user);
            }
        }
    }

    /// Notes the program that the first word means. Whether there is one.
    fn program(&mut self, command: &Command, manner: Manner, user: Option<&str>) -> bool {
        let found = command.words.first().and_then(|word| self.files.program(word));
        let known = found.is_some();
        if let Some(program) = found {
            self.push(command, manner, program, command.words.clone(), user);
        }
        known
    }

    fn push(
        &mut self,
        command: &Command,
        manner: Manner,
        program: Found,
        words: Vec<String>,
        user: Option<&str>,
    ) {
        if self.calls.len() < CALLS_MAX * 8 {
            let user = user.map(str::to_owned);
            let (offset, optional) = (command.offset, Vec::new());
            self.calls.push(Call { offset, manner, program, words, optional, user });
        }
    }
}

/// Whether `modprobe` or `insmod` is asked to remove or only to look.
fn removes(words: &[String]) -> bool {
    words.iter().any(|word| matches!(word.as_str(), "-r" | "-n" | "--remove" | "--dry-run" | "-l"))
}

/// The words behind options and assignments; numbers that belong to an option are skipped too.
fn behind_options(words: &[String]) -> &[String] {
    let skipped = |word: &String| {
        word.starts_with('-')
            || word.parse::<u32>().is_ok()
            || word.split_once('=').is_some_and(|(name, _)| {
                !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            })
    };
    let start = words.iter().position(|word| !skipped(word)).unwrap_or(words.len());
    words.get(start..).unwrap_or_default()
}
