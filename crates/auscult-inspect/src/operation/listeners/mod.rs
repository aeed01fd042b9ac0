//! What listens on the network: what configurations and command lines say, what inetd and systemd
//! hand out, what programs do by default, and which binaries could.

mod ports;
mod table;

use std::collections::{BTreeSet, HashMap};

use auscult_model::{
    BootSource, BootState, Certainty, Known, Listener, ListenerSource, Locator, Started, Transport,
};
use auscult_unpack::NodeId;

use super::{
    boot::{self, Boot},
    files::{Files, Found},
    lines::file_name,
    reach::{Programs, Reach},
};
use ports::{Names, Place};
use table::{PROGRAMS, Program};

const UNTOLD_PORT: &str = "nothing that was read tells the port";
const UNTOLD_ADDRESS: &str = "the configuration does not tell the address";

/// A program being started, with its command line.
struct Run {
    name: String,
    words: Vec<String>,
    optional: Vec<String>,
    program: Found,
    started: Started,
    locator: Locator,
}

/// What is known while listeners are looked for.
struct Search<'search, 'tree> {
    files: &'search Files<'tree>,
    names: Names,
    runs: Vec<Run>,
    found: Vec<(Listener, Option<NodeId>)>,
}

/// The listeners of a root, each with its program's node.
pub(super) fn read(
    files: &Files<'_>,
    boot: &Boot,
    reach: &Reach,
    programs: &Programs<'_>,
) -> Vec<(Listener, Option<NodeId>)> {
    let runs = runs(files, boot, reach);
    let mut search = Search { files, names: Names::of(files), runs, found: Vec::new() };
    let inetd = search.inetd(boot);
    search.sockets(boot);
    for program in PROGRAMS.iter() {
        search.program(program, &inetd);
    }
    if boot.init.is_some() {
        search.imports(boot, programs, reach);
    }
    search.found
}

/// Everything that is started, with its command line.
fn runs(files: &Files<'_>, boot: &Boot, reach: &Reach) -> Vec<Run> {
    let mut runs = Vec::new();
    for start in &boot.starts {
        let (Some(program), fact) = (&start.program, &start.fact) else { continue };
        let started = match fact.state {
            _ if fact.source == BootSource::Inetd => continue,
            state => Started::from(state),
        };
        runs.push(Run {
            name: file_name(&fact.command).to_owned(),
            words: fact.arguments.clone(),
            optional: start.optional.clone(),
            program: program.clone(),
            started,
            locator: fact.configuration.clone(),
        });
    }
    for (&script, read) in &boot.scripts.read {
        let Some(read) = read else { continue };
        let started = reach.started(script);
        for call in &read.calls {
            runs.push(Run {
                name: call.words.first().map(|word| file_name(word).to_owned()).unwrap_or_default(),
                words: call.words.get(1..).unwrap_or_default().to_vec(),
                optional: call.optional.clone(),
                program: call.program.clone(),
                started,
                locator: files.locate(script).at(u64::try_from(call.offset).unwrap_or(u64::MAX)),
            });
        }
    }
    runs
}

impl Search<'_, '_> {
    fn push(&mut self, listener: Listener, program: Option<NodeId>) {
        self.found.push((listener, program));
    }

    /// Services of inetd; the programs that only it starts.
    fn inetd(&mut self, boot: &Boot) -> BTreeSet<NodeId> {
        let mut programs = BTreeSet::new();
        for service in boot::services(self.files) {
            let first = service.words.first().map(String::as_str).unwrap_or_default();
            let program = self.files.program(first);
            programs.extend(program.as_ref().map(|found| found.id));
            let entry = boot.starts.iter().find(|start| {
                start.fact.source == BootSource::Inetd
                    && start.fact.configuration == service.locator
            });
            let started = match entry.map(|start| start.fact.state) {
                Some(BootState::OnDemand | BootState::StartsAtBoot) => {
                    Known::Known(Started::OnDemand)
                }
                Some(BootState::Disabled) => Known::Known(Started::NotSeen),
                None => Known::unknown(super::NO_INIT),
            };
            let name = if first.is_empty() { &service.name } else { file_name(first) };
            let listener = Listener {
                name: name.to_owned(),
                transport: service.transport,
                port: Known::from_option(self.names.port(&service.port), UNTOLD_PORT),
                address: Known::from_option(service.address.clone(), UNTOLD_ADDRESS),
                program: program.as_ref().map(|found| self.files.locate(found.id)),
                source: ListenerSource::Inetd,
                certainty: Certainty::Configured,
                started,
                locator: service.locator.clone(),
            };
            self.push(listener, program.map(|found| found.id));
        }
        programs
    }

    /// Sockets of systemd, with the program of the service behind them.
    fn sockets(&mut self, boot: &Boot) {
        for socket in &boot.sockets {
            let Some(place) = ports::place(&socket.listen) else { continue };
            let stem = socket.name.trim_end_matches(".socket");
            let behind = boot.starts.iter().find(|start| {
                let name = start.fact.name.trim_end_matches(".service").trim_end_matches('@');
                start.fact.source == BootSource::Systemd && name == stem
            });
            let program = behind.and_then(|start| start.program.clone());
            let started = Started::from(socket.state);
            let name = program.as_ref().map_or(stem, |found| file_name(&found.path));
            let listener = Listener {
                name: name.to_owned(),
                transport: place.transport.unwrap_or(socket.transport),
                port: Known::from_option(place.port, UNTOLD_PORT),
                address: Known::from_option(place.address, UNTOLD_ADDRESS),
                program: program.as_ref().map(|found| self.files.locate(found.id)),
                source: ListenerSource::SystemdSocket,
                certainty: Certainty::Configured,
                started: Known::Known(started),
                locator: socket.locator.clone(),
            };
            self.push(listener, program.map(|found| found.id));
        }
    }

    /// A program of the table, where it is in the root.
    fn program(&mut self, program: &Program, inetd: &BTreeSet<NodeId>) {
        let patterns = program.paths.iter().flat_map(|pattern| self.files.matching(pattern));
        let further: Vec<Found> = patterns.filter_map(|path| self.files.file(&path)).collect();
        for name in &program.names {
            let found = self
                .files
                .program(name)
                .or_else(|| further.iter().find(|found| file_name(&found.path) == name).cloned());
            let Some(found) = found else { continue };
            let multi_call = is_multi_call(&found.path);
            let applet = multi_call && !program.applet_needs.is_empty();
            let needs = if applet { &program.applet_needs } else { &program.needs };
            let is_run = |run: &Run| {
                let asked = needs.is_empty() || run.words.iter().any(|word| needs.contains(word));
                asked && (run.name == *name || run.program.id == found.id && !multi_call)
            };
            let runs: Vec<usize> =
                (0..self.runs.len()).filter(|&at| self.runs.get(at).is_some_and(is_run)).collect();
            // A tool of many names, and one that listens only when asked, must be seen to start.
            if runs.is_empty() && (multi_call || inetd.contains(&found.id) || !needs.is_empty()) {
                continue;
            }
            self.listens(program, name, &found, &runs);
        }
    }

    /// What one program listens on: by its command lines, else its configuration, else by default.
    fn listens(&mut self, program: &Program, name: &str, found: &Found, runs: &[usize]) {
        let runs: Vec<&Run> = runs.iter().filter_map(|&at| self.runs.get(at)).collect();
        let started = runs.iter().map(|run| run.started).min().unwrap_or(Started::NotSeen);
        let (places, address) = self.places(program, &runs, started);
        // systemd hands it the sockets that it listens on.
        let handed = self.found.iter().any(|(listener, program)| {
            *program == Some(found.id)
                && listener.source == ListenerSource::SystemdSocket
                && listener.started == Known::Known(Started::AtBoot)
        });
        // Whether it listens at all hangs on a condition of the script.
        let asks = |word| program.needs.contains(word) || program.applet_needs.contains(word);
        let doubtful = runs.iter().any(|run| run.optional.iter().any(asks));
        let own = self.files.locate(found.id);
        let mut add = |transport, port, address: Option<String>, source, certainty, locator| {
            let address = address.or_else(|| program.address.clone());
            let listener = Listener {
                name: name.to_owned(),
                transport,
                port: Known::Known(port),
                address: Known::from_option(address, UNTOLD_ADDRESS),
                program: Some(own.clone()),
                source,
                certainty,
                started: Known::Known(started),
                locator,
            };
            self.found.push((listener, Some(found.id)));
        };
        let defaults = program.defaults();
        let first = defaults.first().map(|&(_, port)| port);
        let usual: BTreeSet<Transport> = defaults.iter().map(|&(one, _)| one).collect();
        for (place, source, locator) in &places {
            let Some(port) = place.port.or(first).filter(|&port| port != 0) else { continue };
            let certainty = match place.port {
                Some(_) => Certainty::Configured,
                None => Certainty::DefaultOfProgram,
            };
            let told = place.transport.map(|told| BTreeSet::from([told]));
            for &transport in told.as_ref().unwrap_or(&usual) {
                add(transport, port, place.address.clone(), *source, certainty, locator.clone());
            }
        }
        let untold = if places.is_empty() && !handed { defaults } else { Vec::new() };
        let certainty = if doubtful { Certainty::MayListen } else { Certainty::DefaultOfProgram };
        for (transport, port) in untold.into_iter().chain(program.always()) {
            let source = ListenerSource::Default;
            add(transport, port, address.clone(), source, certainty, own.clone());
        }
    }

    /// Where a program is told to listen, and the address that its configuration names.
    fn places(
        &self,
        program: &Program,
        runs: &[&Run],
        started: Started,
    ) -> (Vec<(Place, ListenerSource, Locator)>, Option<String>) {
        let mut places: Vec<(Place, ListenerSource, Locator)> = Vec::new();
        for run in runs.iter().filter(|run| run.started == started) {
            for place in program.commanded(&run.words) {
                places.push((place, ListenerSource::CommandLine, run.locator.clone()));
            }
        }
        let mut told = program.configured(self.files, &self.names);
        let address = told.iter().find_map(|(place, _)| place.address.clone());
        // A port on the command line stands before those of the configuration.
        if !places.iter().any(|(place, ..)| place.port.is_some()) {
            told.retain(|(place, _)| place.port.is_some() || places.is_empty());
            let source = ListenerSource::Configuration;
            places.extend(told.into_iter().map(|(place, locator)| (place, source, locator)));
        }
        (places, address)
    }

    /// Programs that run and import what a listener needs, of which no port is known.
    fn imports(&mut self, boot: &Boot, programs: &Programs<'_>, reach: &Reach) {
        let known: BTreeSet<NodeId> =
            self.found.iter().filter_map(|(_, program)| *program).collect();
        let starts = boot.starts.iter().filter(|start| start.fact.state != BootState::Disabled);
        let running: BTreeSet<NodeId> =
            starts.filter_map(|start| Some(start.program.as_ref()?.id)).collect();
        let silent: BTreeSet<&str> = PROGRAMS
            .iter()
            .filter(|program| program.defaults().is_empty() || !program.needs.is_empty())
            .flat_map(|program| program.names.iter().map(String::as_str))
            .collect();
        for (node, path) in reach.programs() {
            let name = file_name(path);
            if known.contains(&node) || is_multi_call(path) || silent.contains(name) {
                continue;
            }
            let Some(transport) = programs.may_listen(node) else { continue };
            // Tools that scripts call speak to the kernel with the same functions.
            if transport != Transport::Tcp && !running.contains(&node) {
                continue;
            }
            let locator = self.files.locate(node);
            let listener = Listener {
                name: name.to_owned(),
                transport,
                port: Known::unknown(UNTOLD_PORT),
                address: Known::unknown(UNTOLD_ADDRESS),
                program: Some(locator.clone()),
                source: ListenerSource::Imports,
                certainty: Certainty::MayListen,
                started: Known::Known(reach.started(node)),
                locator,
            };
            self.found.push((listener, Some(node)));
        }
    }
}

/// Whether one program stands behind many names.
pub(super) fn is_multi_call(path: &str) -> bool {
    // `busybox.nosuid`, `busybox-static`, `bash5`, but not `dashboard`.
    let is_name = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphabetic());
    ["busybox", "toybox", "toolbox", "bash", "dash"]
        .iter()
        .any(|tool| file_name(path).strip_prefix(tool).is_some_and(is_name))
}

/// The programs that are reached over the network, with their names.
pub(super) fn facing(listeners: &[(Listener, Option<NodeId>)]) -> HashMap<NodeId, String> {
    let open =
        listeners.iter().filter(|(listener, _)| listener.is_started() && !listener.is_loopback());
    open.filter_map(|(listener, program)| Some(((*program)?, listener.socket()))).collect()
}
