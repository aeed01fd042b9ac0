//! What starts: one module per kind of init, each adds its entries.

mod android;
mod cron;
mod events;
mod fstab;
mod helpers;
mod inetd;
mod init;
mod inittab;
mod openrc;
mod procd;
mod supervised;
mod systemd;
mod sysv;
#[cfg(test)]
mod tests;
mod upstart;

use std::collections::{BTreeSet, HashMap};

use auscult_model::{BootEntry, BootSource, BootState, Known, Locator};
use auscult_unpack::NodeId;

use super::{
    calls::{self, Manner, Scripts},
    files::{Files, Found},
    lines,
};

pub(super) use events::{mdev_command, udev_programs, udev_rules};
pub(super) use inetd::services;
pub(super) use init::Init;
pub(super) use systemd::Socket;
use systemd::UNIT_FOLDERS;

/// Entries of one root.
const ENTRIES_MAX: usize = 8192;

/// Something that starts, with its program.
#[derive(Clone, Debug)]
pub(super) struct Start {
    pub(super) fact: BootEntry,
    pub(super) program: Option<Found>,
    /// Programs named on its command line, which it may run.
    pub(super) given: Vec<Found>,
    /// Those of its arguments that a condition decides on.
    pub(super) optional: Vec<String>,
}

/// What starts in a root.
pub(super) struct Boot {
    pub(super) starts: Vec<Start>,
    pub(super) sockets: Vec<Socket>,
    pub(super) scripts: Scripts,
    pub(super) init: Option<Init>,
}

/// What a kind of init adds, without the program behind the command.
pub(super) struct Draft {
    pub(super) source: BootSource,
    pub(super) name: String,
    pub(super) words: Vec<String>,
    pub(super) user: Option<String>,
    pub(super) trigger: String,
    pub(super) state: BootState,
    pub(super) configuration: Locator,
}

/// Collects entries.
pub(super) struct Builder<'boot, 'tree> {
    pub(super) files: &'boot Files<'tree>,
    pub(super) binaries: &'boot HashMap<NodeId, usize>,
    pub(super) scripts: Scripts,
    pub(super) starts: Vec<Start>,
    pub(super) sockets: Vec<Socket>,
}

impl Builder<'_, '_> {
    /// Adds an entry; its program is what the first word means.
    pub(super) fn add(&mut self, draft: Draft) {
        let first = draft.words.first().cloned().unwrap_or_default();
        let program = self.files.program(&first).or_else(|| self.files.file(&first));
        self.add_found(draft, program);
    }

    /// Adds an entry whose program is known.
    pub(super) fn add_found(&mut self, draft: Draft, program: Option<Found>) {
        if self.starts.len() >= ENTRIES_MAX {
            let why = format!("more than {ENTRIES_MAX} things start");
            self.files.report(&self.files.locator(), "list what starts", why);
            return;
        }
        let rest = draft.words.iter().skip(1).filter(|word| word.starts_with('/'));
        let given = rest.filter_map(|word| self.files.program(word)).collect();
        let mut words = draft.words.into_iter().map(|word| super::shortened(&word));
        let fact = BootEntry {
            source: draft.source,
            name: super::shortened(&draft.name),
            command: words.next().unwrap_or_default(),
            arguments: words.collect(),
            user: draft.user,
            trigger: super::shortened(&draft.trigger),
            state: draft.state,
            configuration: draft.configuration,
            program: program.as_ref().map(|found| self.files.locate(found.id)),
        };
        self.starts.push(Start { fact, program, given, optional: Vec::new() });
    }

    /// Adds the programs that a command line starts through wrappers and shells, beside its first
    /// word, as entries of their own.
    pub(super) fn add_inner(&mut self, draft: &Draft) {
        let first = draft.words.first().and_then(|word| self.files.program(word));
        for call in calls::of_words(self.files, &draft.words) {
            if call.manner == Manner::Given {
                continue;
            }
            if Some(call.program.id) == first.as_ref().map(|found| found.id)
                && call.words == draft.words
            {
                continue;
            }
            let inner = Draft {
                source: draft.source,
                name: draft.name.clone(),
                words: call.words,
                user: call.user.or_else(|| draft.user.clone()),
                trigger: draft.trigger.clone(),
                state: draft.state,
                configuration: draft.configuration.clone(),
            };
            self.add_found(inner, Some(call.program));
        }
    }

    /// Adds the daemons that the scripts of the boot set leave running.
    fn add_daemons(&mut self, is_daemon: &dyn Fn(&Found) -> bool) {
        let mut from: Vec<(Found, BootSource, String, BootState)> = Vec::new();
        for start in &self.starts {
            if let Some(program) = &start.program
                && start.fact.state != BootState::Disabled
            {
                let name = start.fact.name.clone();
                from.push((program.clone(), start.fact.source, name, start.fact.state));
            }
        }
        self.follow();
        // What starts with the device comes first, and each script counts once.
        from.sort_by_key(|one| one.3);
        let mut pending = std::collections::VecDeque::from(from);
        let mut found = Vec::new();
        let mut before: BTreeSet<NodeId> = BTreeSet::new();
        while let Some((program, source, name, state)) = pending.pop_front() {
            if !before.insert(program.id) {
                continue;
            }
            let Some(Some(script)) = self.scripts.read.get(&program.id) else { continue };
            for call in &script.calls {
                let daemon = match call.manner {
                    Manner::Daemon => true,
                    Manner::Plain | Manner::Given => stays(&call.words, &call.program, is_daemon),
                    Manner::Included => false,
                };
                if daemon {
                    let source = match source {
                        BootSource::Procd | BootSource::Openrc | BootSource::Sysv => source,
                        _ => BootSource::Script,
                    };
                    let draft = Draft {
                        source,
                        name: name.clone(),
                        words: call.words.clone(),
                        user: call.user.clone(),
                        trigger: script.text.path.clone(),
                        state,
                        configuration: script.text.at(call.offset),
                    };
                    found.push((draft, call.program.clone(), call.optional.clone()));
                }
                pending.push_back((call.program.clone(), source, name.clone(), state));
            }
        }
        for (draft, program, optional) in found {
            let known = self.starts.len();
            self.add_found(draft, Some(program));
            for start in self.starts.iter_mut().skip(known) {
                start.optional.clone_from(&optional);
            }
        }
    }
}

/// Tools that speak to daemons or start them, and end themselves.
const TOOLS: &[&str] = &[
    "start-stop-daemon",
    "run-parts",
    "udevadm",
    "systemctl",
    "chronyc",
    "journalctl",
    "su",
    "sudo",
    "setsid",
    "nohup",
    "ssh",
    "scp",
    "dbus-send",
    "logger",
    "hotplug-call",
];

/// Whether a program that is called under its own name goes on running.
fn stays(words: &[String], program: &Found, is_daemon: &dyn Fn(&Found) -> bool) -> bool {
    let (_, file) = program.path.rsplit_once('/').unwrap_or_default();
    let first = words.first().map_or("", |word| lines::file_name(word));
    let asks = ["--version", "--help", "-V"];
    // A tool of many names stays under one of them only.
    file.starts_with(first)
        && !TOOLS.contains(&first)
        && is_daemon(program)
        && !words.get(1).is_some_and(|word| asks.contains(&word.as_str()))
}

/// Reads what starts in a root. `binaries` are the programs with headers, `is_daemon` tells which
/// of them are known to stay.
pub(super) fn read<'tree>(
    files: &Files<'tree>,
    binaries: &HashMap<NodeId, usize>,
    cmdlines: &[(Locator, String)],
    is_daemon: &dyn Fn(&Found) -> bool,
) -> Boot {
    let mut builder = Builder {
        files,
        binaries,
        scripts: Scripts::default(),
        starts: Vec::new(),
        sockets: Vec::new(),
    };
    let init = init::read(&mut builder, cmdlines);
    match init {
        Some(Init::Systemd) => {
            systemd::read(&mut builder, &init::consoles(files, cmdlines));
            sysv::read_generated(&mut builder);
        }
        Some(Init::Upstart) => {
            let runlevel = upstart::read(&mut builder);
            sysv::read(&mut builder, Some(&runlevel));
        }
        Some(Init::Android) => android::read(&mut builder),
        Some(Init::Busybox | Init::Sysv | Init::Openrc | Init::Procd | Init::Other) => {
            let runlevel = inittab::read(&mut builder, init);
            match init {
                Some(Init::Procd) => procd::read(&mut builder),
                Some(Init::Openrc) => openrc::read(&mut builder),
                _ => sysv::read(&mut builder, runlevel.as_deref()),
            }
        }
        // The folders of services, below, are all that these have.
        Some(Init::Runit | Init::S6) | None => {}
    }
    if init.is_some() {
        events::read(&mut builder, init);
        fstab::read(&mut builder);
        builder.follow();
        supervised::read(&mut builder, init);
        builder.add_daemons(is_daemon);
        helpers::read(&mut builder);
        cron::read(&mut builder);
        inetd::read(&mut builder);
        builder.follow();
    }
    let Builder { scripts, starts, sockets, .. } = builder;
    Boot { starts, sockets, scripts, init }
}

impl Builder<'_, '_> {
    /// Reads the scripts of everything that was added and starts.
    fn follow(&mut self) {
        let starts = self.starts.iter().filter(|start| start.fact.state != BootState::Disabled);
        let programs = starts.flat_map(|start| start.program.iter().chain(&start.given)).cloned();
        let programs: Vec<Found> = programs.collect();
        self.scripts.follow(self.files, programs, self.binaries);
    }

    /// Whether a program of one of these names was seen to start with the device.
    pub(super) fn starts_any(&self, names: &[&str]) -> bool {
        self.started(names).is_some()
    }

    /// The scripts that run when the device starts.
    fn boot_scripts(&self) -> BTreeSet<NodeId> {
        let starts = self.starts.iter();
        let starts = starts.filter(|start| start.fact.state == BootState::StartsAtBoot);
        let programs = starts.flat_map(|start| start.program.iter().chain(&start.given));
        let mut pending: Vec<NodeId> = programs.map(|found| found.id).collect();
        let mut seen = BTreeSet::new();
        while let Some(node) = pending.pop() {
            let Some(Some(script)) = self.scripts.read.get(&node) else { continue };
            if seen.insert(node) {
                pending.extend(script.calls.iter().map(|call| call.program.id));
            }
        }
        seen
    }

    /// The program of one of these names that was seen to start with the device, and what says so.
    fn started(&self, names: &[&str]) -> Option<(String, Locator)> {
        let name = |word: &str, program: Option<&Found>| {
            let called = lines::file_name(word);
            let path = program.map(|found| found.path.as_str()).unwrap_or_default();
            let file = lines::file_name(path);
            [called, file].into_iter().find(|name| names.contains(name)).map(str::to_owned)
        };
        let entry = self.starts.iter().find_map(|start| {
            let fact = &start.fact;
            let boots = fact.state == BootState::StartsAtBoot;
            let name = name(&fact.command, start.program.as_ref()).filter(|_| boots)?;
            Some((name, fact.configuration.clone()))
        });
        let called = || {
            let boots = self.boot_scripts();
            let scripts = self.scripts.read.iter().filter(|(node, _)| boots.contains(node));
            let scripts = scripts.filter_map(|(_, script)| script.as_ref());
            scripts.flat_map(|script| script.calls.iter().map(move |call| (script, call))).find_map(
                |(script, call)| {
                    let name = name(call.words.first()?, Some(&call.program))?;
                    Some((name, script.text.at(call.offset)))
                },
            )
        };
        entry.or_else(called)
    }
}

/// The answer about the boot set.
pub(super) fn answer(boot: &Boot) -> Known<Vec<BootEntry>> {
    if boot.init.is_none() {
        return Known::unknown("no init was found in this file system");
    }
    Known::Known(boot.starts.iter().map(|start| start.fact.clone()).collect())
}
