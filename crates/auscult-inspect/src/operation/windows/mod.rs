//! What starts with Windows: services and drivers of the `SYSTEM` hive, programs that `SOFTWARE` runs
//! at logon, scheduled tasks.
//!
//! Programs of Windows are not followed into what they load or call, so that nothing is said here of
//! what is reached, and nothing of what listens. Windows starts more by itself (the shell, its own
//! session manager, add-ins); what a list does not name was not seen.

mod command;
mod hive;
mod tasks;

use std::collections::{BTreeMap, HashMap};

use auscult_model::{
    BootEntry, BootSource, BootState, Known, Locator, Operation, Problem, RootOperation,
};
use auscult_unpack::{EntryKind, Fault, NodeId, NodeKind, Tree};

use self::{
    command::Programs,
    hive::{Hive, Key},
};
use crate::roots;

/// A larger hive is not read.
const HIVE_BYTES_MAX: u64 = 128 << 20;
/// Entries of one root.
const ENTRIES_MAX: usize = 16_384;
/// Roots of one image.
const ROOTS_MAX: usize = 16;
const SYSTEM: &str = "/windows/system32/config/system";
const SOFTWARE: &str = "/windows/system32/config/software";
const TASKS: &str = "/windows/system32/tasks/";
const UNFOLLOWED: &str = "programs for Windows are not followed";

/// A folder in which Windows is installed.
struct Root<'tree> {
    tree: &'tree Tree,
    locator: Locator,
    /// Files below it by their path in lower case.
    files: HashMap<String, NodeId>,
    entries: Vec<BootEntry>,
    problems: Vec<Problem>,
}

/// Adds the Windows installations of an image to what was found.
pub(super) fn read(tree: &Tree, operation: &mut Operation, problems: &mut Vec<Problem>) {
    for (container, prefix) in places(tree) {
        let mut root = Root::new(tree, container, &prefix);
        root.system();
        root.software();
        tasks::read(&mut root);
        let Root { locator, entries, problems: own, .. } = root;
        problems.extend(own);
        let boot = Known::Known(entries);
        let answer = RootOperation { boot, ..RootOperation::unknown(locator, UNFOLLOWED) };
        match &mut operation.roots {
            Known::Known(roots) => roots.push(answer),
            unknown @ Known::Unknown(_) => *unknown = Known::Known(vec![answer]),
        }
    }
}

/// Where a `SYSTEM` hive lies, with the path in front of it.
fn places(tree: &Tree) -> Vec<(NodeId, Vec<u8>)> {
    let mut found = Vec::new();
    for container in tree.file_systems() {
        for &id in &tree.node(container).children {
            let name = tree.node(id).name.as_bytes();
            let Some(at) = name.len().checked_sub(SYSTEM.len()) else { continue };
            let (prefix, end) = name.split_at_checked(at).unwrap_or_default();
            if end.eq_ignore_ascii_case(SYSTEM.as_bytes()) && found.len() < ROOTS_MAX {
                found.push((container, prefix.to_vec()));
            }
        }
    }
    found
}

impl<'tree> Root<'tree> {
    fn new(tree: &'tree Tree, container: NodeId, prefix: &[u8]) -> Self {
        let below = [prefix, b"/"].concat();
        let files = tree
            .members_under(container, &below)
            .filter(|(_, id)| matches!(tree.node(*id).kind, NodeKind::Member(EntryKind::File)))
            .map(|(name, id)| {
                let path = name.0.get(prefix.len()..).unwrap_or_default();
                (String::from_utf8_lossy(path).to_lowercase(), id)
            })
            .collect();
        let mut locator = tree.locator(container);
        if !prefix.is_empty()
            && let Some(step) = locator.steps.last_mut()
        {
            step.member = Some(prefix.into());
        }
        Self { tree, locator, files, entries: Vec::new(), problems: Vec::new() }
    }

    fn fail(&mut self, locator: &Locator, what: &str, why: String) {
        self.problems.push(roots::problem(locator, Fault::new(0, what, why)));
    }

    /// Reads a hive; what is wrong with it is told.
    fn hive(&mut self, path: &str, take: impl FnOnce(&mut Self, Key<'_>, &Locator)) {
        const WHAT: &str = "read a registry hive";
        let Some(&id) = self.files.get(path) else { return };
        let (locator, length) = (self.tree.locator(id), self.tree.node(id).len());
        if length > HIVE_BYTES_MAX {
            let why = format!("{length} bytes are over the limit of {HIVE_BYTES_MAX}");
            return self.fail(&locator, WHAT, why);
        }
        let bytes = match self.tree.bytes(id) {
            Ok(bytes) => bytes,
            Err(fault) => return self.problems.push(roots::problem(&locator, fault)),
        };
        let hive = Hive::open(&bytes);
        let Some((hive, root)) = hive.as_ref().and_then(|hive| Some((hive, hive.root()?))) else {
            return self.fail(&locator, WHAT, "it has no root key".to_owned());
        };
        if hive.is_dirty() {
            let why = "it was not closed cleanly, and its log is not applied".to_owned();
            self.fail(&locator, WHAT, why);
        }
        take(self, root, &locator);
    }

    /// Services and drivers of the control set that Windows starts from.
    fn system(&mut self) {
        self.hive(SYSTEM, |root, hive, locator| {
            let current = hive.find("Select").and_then(|select| select.number("Current"));
            let set = format!("ControlSet{:03}", current.unwrap_or(1));
            let Some(services) = hive.find(&format!("{set}\\Services")) else {
                return root.fail(locator, "read the services of Windows", format!("no {set}"));
            };
            for key in services.keys() {
                root.service(&key, locator);
            }
        });
    }

    /// A key of `Services` (`Start`, `Type`, `ImagePath`, `ObjectName`); one without a start is none.
    fn service(&mut self, key: &Key<'_>, hive: &Locator) {
        let values: BTreeMap<String, _> =
            key.values().into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect();
        let number = |name: &str| values.get(name).and_then(hive::Value::number);
        let text = |name: &str| values.get(name).and_then(hive::Value::text);
        let (Some(start), Some(kind)) = (number("start"), number("type")) else { return };
        let name = key.name();
        let is_driver = kind & 0xf != 0;
        let (state, trigger) = match (start, is_driver) {
            (0, _) => (BootState::StartsAtBoot, "boot"),
            (1, _) => (BootState::StartsAtBoot, "system"),
            (2, _) if number("delayedautostart") == Some(1) => {
                (BootState::StartsAtBoot, "automatic, delayed")
            }
            (2, _) => (BootState::StartsAtBoot, "automatic"),
            (3, true) => (BootState::OnDemand, "when its device is there"),
            (3, false) if key.find("TriggerInfo").is_some() => (BootState::OnDemand, "event"),
            (3, false) => (BootState::OnDemand, "manual"),
            _ => (BootState::Disabled, "disabled"),
        };
        let command = text("imagepath")
            .filter(|path| !path.is_empty())
            .or_else(|| is_driver.then(|| format!("\\SystemRoot\\System32\\drivers\\{name}.sys")));
        let user = text("objectname").or_else(|| (!is_driver).then(|| "LocalSystem".to_owned()));
        // What svchost.exe runs is a library that is named below.
        let library = key
            .find("Parameters")
            .and_then(|key| key.text("ServiceDll"))
            .or_else(|| text("servicedll"));
        self.add(Entry {
            source: if is_driver { BootSource::WindowsDriver } else { BootSource::WindowsService },
            name: &name,
            command: &command.unwrap_or_default(),
            library: library.as_deref(),
            user: user.filter(|_| !is_driver),
            trigger: trigger.to_owned(),
            state,
            configuration: hive.at(key.offset()),
        });
    }

    /// Programs that run when somebody signs in; with an automatic logon, when the device starts.
    fn software(&mut self) {
        self.hive(SOFTWARE, |root, hive, locator| {
            let logon = hive.find("Microsoft\\Windows NT\\CurrentVersion\\Winlogon");
            let automatic =
                logon.and_then(|key| key.text("AutoAdminLogon")).is_some_and(|value| value == "1");
            let (state, trigger) = if automatic {
                (BootState::StartsAtBoot, "automatic logon")
            } else {
                (BootState::OnDemand, "logon")
            };
            let mut add = |name: &str, command: &str, key: &Key<'_>| {
                root.add(Entry {
                    source: BootSource::WindowsRun,
                    name,
                    command,
                    library: None,
                    user: None,
                    trigger: trigger.to_owned(),
                    state,
                    configuration: locator.at(key.offset()),
                });
            };
            for name in ["Shell", "Userinit"] {
                let Some(text) = logon.and_then(|key| key.text(name)) else { continue };
                let Some(key) = &logon else { continue };
                for command in text.split(',').filter(|command| !command.trim().is_empty()) {
                    add(name, command.trim(), key);
                }
            }
            for path in RUN_KEYS {
                let Some(key) = hive.find(path) else { continue };
                for (name, value) in key.values() {
                    if let Some(command) = value.text().filter(|command| !command.is_empty()) {
                        add(&name, &command, &key);
                    }
                }
            }
        });
    }

    /// Adds an entry, its program looked for as Windows does.
    fn add(&mut self, entry: Entry<'_>) {
        if self.entries.len() >= ENTRIES_MAX {
            let locator = self.locator.clone();
            let why = format!("more than {ENTRIES_MAX} things start");
            return self.fail(&locator, "list what starts", why);
        }
        let programs = Programs { files: &self.files };
        let found = programs.command(entry.command);
        let library = entry.library.and_then(|path| programs.file(path));
        let arguments = entry.library.map(str::to_owned);
        let program = library.or(found.program).map(|id| self.tree.locator(id));
        let short = |text: String| super::shortened(&text);
        self.entries.push(BootEntry {
            source: entry.source,
            name: short(entry.name.to_owned()),
            command: short(found.word),
            arguments: found.arguments.into_iter().chain(arguments).map(short).collect(),
            user: entry.user.map(short),
            trigger: short(entry.trigger),
            state: entry.state,
            configuration: entry.configuration,
            program,
        });
    }
}

/// Keys of `SOFTWARE` whose values are command lines.
const RUN_KEYS: &[&str] = &[
    "Microsoft\\Windows\\CurrentVersion\\Run",
    "Microsoft\\Windows\\CurrentVersion\\RunOnce",
    "Microsoft\\Windows\\CurrentVersion\\RunServices",
    "Microsoft\\Windows\\CurrentVersion\\Policies\\Explorer\\Run",
    "Wow6432Node\\Microsoft\\Windows\\CurrentVersion\\Run",
    "Wow6432Node\\Microsoft\\Windows\\CurrentVersion\\RunOnce",
];

/// Something that starts, its program not looked for yet.
struct Entry<'text> {
    source: BootSource,
    name: &'text str,
    command: &'text str,
    library: Option<&'text str>,
    user: Option<String>,
    trigger: String,
    state: BootState,
    configuration: Locator,
}

#[cfg(test)]
mod tests;
