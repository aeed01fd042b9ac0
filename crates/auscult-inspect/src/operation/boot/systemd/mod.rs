//! systemd: the units that the default target pulls in, what sockets, timers, paths, devices and
//! D-Bus start on demand, and what is installed only.
//!
//! Generators do not run. Derived here is what three of them make: a getty on every serial console
//! of the kernel's command line, `rc-local.service` where `/etc/rc.local` is executable, and
//! `systemd-cryptsetup` for the lines of crypttab; scripts of System V are read by `sysv`, fstab by
//! `fstab`. Conditions are not judged.

mod unit;

use std::{
    collections::{BTreeMap, VecDeque},
    rc::Rc,
};

use auscult_model::{BootSource, BootState, Locator, Transport};

use super::{Builder, Draft, events};
use crate::operation::{files::Files, lines};
use unit::{Unit, Units};

pub(super) use unit::FOLDERS as UNIT_FOLDERS;

/// Units that are followed.
const UNITS_MAX: usize = 8192;

/// Variables of one unit.
const VARIABLES_MAX: usize = 512;

/// A port that systemd listens on for a service.
#[derive(Clone, Debug)]
pub(in crate::operation) struct Socket {
    /// The unit of the socket.
    pub(in crate::operation) name: String,
    pub(in crate::operation) transport: Transport,
    /// Address and port, as they are written.
    pub(in crate::operation) listen: String,
    pub(in crate::operation) state: BootState,
    pub(in crate::operation) locator: Locator,
}

/// How a unit is reached, and from where.
type Pulled = BTreeMap<String, (BootState, String)>;

/// Adds the services; `consoles` are those that the kernel's command line names.
pub(super) fn read(builder: &mut Builder<'_, '_>, consoles: &[String]) {
    let files = builder.files;
    let mut units = Units::new(files);
    let mut pulled = Pulled::new();
    // A service asks for the last two by itself (DefaultDependencies=).
    let mut start: VecDeque<(String, String)> = ["sysinit.target", "basic.target"]
        .map(|name| (name.to_owned(), "default dependencies".to_owned()))
        .into();
    start.push_front((default_target(&mut units), "default.target".to_owned()));
    start.extend(generated(files, consoles));
    pull(&mut units, start, BootState::StartsAtBoot, &mut pulled);
    crypttab(builder);

    let mut asked = VecDeque::new();
    for (name, (state, _)) in &pulled {
        if *state == BootState::StartsAtBoot {
            asked.extend(triggered(&mut units, name));
        }
    }
    asked.extend(by_events(files));
    pull(&mut units, asked, BootState::OnDemand, &mut pulled);
    add_services(builder, &mut units, &pulled);
    add_sockets(builder, &mut units, &pulled);
}

/// Units that generators pull in (systemd-getty-generator(8), systemd-rc-local-generator(8)).
fn generated(files: &Files<'_>, consoles: &[String]) -> Vec<(String, String)> {
    let getty = |console: &String| {
        (format!("serial-getty@{console}.service"), format!("getty generator: console={console}"))
    };
    let mut names: Vec<(String, String)> = consoles.iter().map(getty).collect();
    if files.program("/etc/rc.local").is_some() {
        names.push(("rc-local.service".to_owned(), "rc-local generator".to_owned()));
    }
    names
}

/// `NAME DEVICE KEY OPTIONS` (crypttab(5)): one program opens each when the device starts.
fn crypttab(builder: &mut Builder<'_, '_>) {
    let Some(text) = builder.files.text("/etc/crypttab") else { return };
    for line in text.lines() {
        let fields: Vec<&str> = lines::uncommented(&line.text).split_whitespace().collect();
        let [name, device, rest @ ..] = fields.as_slice() else { continue };
        let waits =
            rest.get(1).is_some_and(|options| options.split(',').any(|one| one == "noauto"));
        builder.add(Draft {
            source: BootSource::Systemd,
            name: format!("systemd-cryptsetup@{name}.service"),
            words: ["/usr/lib/systemd/systemd-cryptsetup", "attach", name, device]
                .map(str::to_owned)
                .to_vec(),
            user: None,
            trigger: "cryptsetup generator".to_owned(),
            state: if waits { BootState::OnDemand } else { BootState::StartsAtBoot },
            configuration: text.at(line.offset),
        });
    }
}

fn default_target(units: &mut Units<'_, '_>) -> String {
    let targets = ["default.target", "graphical.target", "multi-user.target"];
    let found = targets.iter().find_map(|name| units.load(name)).filter(|unit| !unit.masked);
    found.map_or_else(|| "multi-user.target".to_owned(), |unit| unit.name.clone())
}

/// Follows what units ask for.
fn pull(
    units: &mut Units<'_, '_>,
    mut pending: VecDeque<(String, String)>,
    state: BootState,
    pulled: &mut Pulled,
) {
    while let Some((name, by)) = pending.pop_front() {
        if pulled.len() >= UNITS_MAX {
            return;
        }
        let Some(unit) = units.load(&name) else { continue };
        if unit.masked || pulled.contains_key(&unit.name) {
            continue;
        }
        let mut names = units.linked(&unit.name);
        if name != unit.name {
            names.extend(units.linked(&name));
        }
        for key in ["Requires", "Wants", "BindsTo", "Requisite", "Upholds"] {
            names.extend(unit.words("Unit", key));
        }
        pulled.insert(unit.name.clone(), (state, by));
        if state == BootState::OnDemand {
            pending.extend(triggered(units, &unit.name));
        }
        pending.extend(names.into_iter().map(|wanted| (wanted, unit.name.clone())));
    }
}

/// What a socket, timer or path starts when its time has come.
fn triggered(units: &mut Units<'_, '_>, name: &str) -> Vec<(String, String)> {
    let Some((stem, kind)) = name.rsplit_once('.') else { return Vec::new() };
    let Some(unit) = units.load(name) else { return Vec::new() };
    let started = match kind {
        "socket" if unit.value("Socket", "Accept").is_some_and(|value| is_true(&value)) => {
            format!("{stem}@.service")
        }
        "socket" => unit.value("Socket", "Service").unwrap_or_else(|| format!("{stem}.service")),
        "timer" => unit.value("Timer", "Unit").unwrap_or_else(|| format!("{stem}.service")),
        "path" => unit.value("Path", "Unit").unwrap_or_else(|| format!("{stem}.service")),
        _ => return Vec::new(),
    };
    vec![(started, name.to_owned())]
}

fn is_true(value: &str) -> bool {
    ["yes", "true", "on", "1"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// What rules of udev and calls over D-Bus start.
fn by_events(files: &Files<'_>) -> Vec<(String, String)> {
    let mut names = Vec::new();
    for text in events::udev_rules(files) {
        for line in text.lines() {
            let Some((_, rest)) = line.text.split_once("SYSTEMD_WANTS}") else { continue };
            let value = rest.split('"').nth(1).unwrap_or_default();
            names.extend(value.split_whitespace().map(|name| (name.to_owned(), "udev".to_owned())));
        }
    }
    let units = events::activated(files).into_iter().filter_map(|service| service.unit);
    names.extend(units.map(|unit| (unit, "D-Bus".to_owned())));
    names
}

fn add_services(builder: &mut Builder<'_, '_>, units: &mut Units<'_, '_>, pulled: &Pulled) {
    let mut names = units.names();
    names.extend(pulled.keys().cloned());
    names.sort();
    names.dedup();
    for name in names.iter().filter(|name| name.ends_with(".service")) {
        let Some(unit) = units.load(name) else { continue };
        // An alias is the unit that it leads to.
        if unit.name != *name {
            continue;
        }
        let (state, trigger) = match pulled.get(name) {
            Some((state, by)) => (*state, by.clone()),
            None if unit.masked => (BootState::Disabled, "masked".to_owned()),
            None if unit.has_section("Install") => (BootState::Disabled, "not enabled".to_owned()),
            None => (BootState::OnDemand, "static".to_owned()),
        };
        add_service(builder, &unit, state, &trigger);
    }
}

fn add_service(builder: &mut Builder<'_, '_>, unit: &Rc<Unit>, state: BootState, trigger: &str) {
    let environment = environment(builder.files, unit);
    let draft = |words, configuration| Draft {
        source: BootSource::Systemd,
        name: unit.name.clone(),
        words,
        user: unit.value("Service", "User"),
        trigger: trigger.to_owned(),
        state,
        configuration,
    };
    if unit.masked {
        builder.add(draft(Vec::new(), unit.locator.clone()));
        return;
    }
    for key in ["ExecStartPre", "ExecStart", "ExecStartPost"] {
        for (value, locator) in unit.values("Service", key) {
            let command = value.trim_start_matches(['@', '-', ':', '+', '!', '|']);
            let words = filled(lines::words(command), &environment);
            let words = if value.starts_with('@') || value.starts_with("-@") {
                // The second word is the name that the program sees, not an argument.
                [words.get(..1).unwrap_or_default(), words.get(2..).unwrap_or_default()].concat()
            } else {
                words
            };
            let one = draft(words, locator);
            builder.add_inner(&one);
            builder.add(one);
        }
    }
}

/// Variables of a unit: `Environment=` and the files of `EnvironmentFile=`.
fn environment(files: &Files<'_>, unit: &Unit) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    let mut set = |line: &str| {
        if let Some((name, value)) = line.split_once('=')
            && variables.len() < VARIABLES_MAX
        {
            variables.insert(name.trim().to_owned(), value.to_owned());
        }
    };
    for (value, _) in unit.values("Service", "Environment") {
        for word in lines::words(&value) {
            set(&word);
        }
    }
    for (path, _) in unit.values("Service", "EnvironmentFile") {
        let Some(text) = files.text(path.trim_start_matches('-')) else { continue };
        for line in text.lines().filter(|line| !line.text.trim_start().starts_with(['#', ';'])) {
            let Some((name, value)) = line.text.trim().split_once('=') else { continue };
            set(&format!("{name}={}", lines::words(value).join(" ")));
        }
    }
    variables
}

/// `$NAME` as a word of its own becomes its words, `${NAME}` is filled in.
fn filled(words: Vec<String>, environment: &BTreeMap<String, String>) -> Vec<String> {
    let mut filled = Vec::new();
    for word in words {
        let name = word.strip_prefix('$').filter(|name| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        });
        if let Some(name) = name {
            let value = environment.get(name).map(String::as_str).unwrap_or_default();
            filled.extend(lines::words(value));
        } else if word.contains("${") {
            let replaced = environment
                .iter()
                .fold(word, |text, (name, value)| text.replace(&format!("${{{name}}}"), value));
            filled.push(replaced);
        } else {
            filled.push(word);
        }
        if filled.len() > 256 {
            break;
        }
    }
    filled
}

fn add_sockets(builder: &mut Builder<'_, '_>, units: &mut Units<'_, '_>, pulled: &Pulled) {
    for name in units.names().iter().filter(|name| name.ends_with(".socket")) {
        let Some(unit) = units.load(name).filter(|unit| unit.name == *name) else { continue };
        let state = match pulled.get(name) {
            _ if unit.masked => BootState::Disabled,
            Some((state, _)) => *state,
            None => BootState::Disabled,
        };
        let keys = [("ListenStream", Transport::Tcp), ("ListenDatagram", Transport::Udp)];
        for (key, transport) in keys {
            for (listen, locator) in unit.values("Socket", key) {
                // Paths, abstract names and virtual machines are no network.
                if listen.starts_with(['/', '@', '%']) || listen.starts_with("vsock:") {
                    continue;
                }
                let name = name.clone();
                builder.sockets.push(Socket { name, transport, listen, state, locator });
            }
        }
    }
}
