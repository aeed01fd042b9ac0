//! A capture beside the facts of the image: what of the image was seen to run, and what runs that
//! the image does not explain.

use std::collections::{BTreeMap, BTreeSet};

use auscult_model::{Facts, Finding, Listener, ListenerSeen, RuntimeView, SeenListener, Started};

use super::Capture;
use crate::files::Files;

/// A capture, ready to be asked about findings.
pub(crate) struct Joined<'a> {
    capture: &'a Capture,
    files: Files<'a>,
    /// Processes that run or map a file, by its path.
    users: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

impl<'a> Joined<'a> {
    pub(crate) fn of(capture: &'a Capture, facts: &'a Facts) -> Self {
        let mut users: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for process in capture.processes.values() {
            let mapped = process.maps.iter().map(String::as_str);
            for path in std::iter::once(process.program.as_str()).chain(mapped) {
                users.entry(path).or_default().insert(&process.program);
            }
        }
        Self { capture, files: Files::of(facts), users }
    }

    /// What the capture says of a finding's component; nothing where its files are not known.
    pub(crate) fn sentence(&self, finding: &Finding) -> Option<String> {
        let files = self.files.of_finding(finding);
        if files.is_empty() {
            return None;
        }
        let members = files.iter().filter_map(|steps| steps.last()?.member.as_ref());
        let paths = members.map(ToString::to_string);
        let users = paths.filter_map(|path| self.users.get(path.as_str()));
        let programs: BTreeSet<&str> = users.flatten().copied().collect();
        let name = &finding.component;
        if programs.is_empty() {
            return Some(format!("the capture of a running unit does not show {name} in use"));
        }
        let ports: BTreeSet<String> = self
            .capture
            .listeners
            .iter()
            .filter(|one| one.programs.iter().any(|program| programs.contains(program.as_str())))
            .map(|one| format!("{}/{} on {}", one.transport, one.port, one.address))
            .collect();
        let programs = programs.into_iter().take(5).collect::<Vec<_>>().join(", ");
        let ports = if ports.is_empty() {
            String::new()
        } else {
            format!("; it listens on {}", ports.into_iter().collect::<Vec<_>>().join(", "))
        };
        Some(format!("seen on a running unit: {name} in use by {programs}{ports}"))
    }

    /// The comparison of the whole.
    pub(crate) fn view(&self, facts: &Facts) -> RuntimeView {
        let told: Vec<&Listener> = facts.operation.listeners().collect();
        let same = |told: &Listener, seen: &SeenListener| {
            told.transport.name() == seen.transport && told.port.known() == Some(&seen.port)
        };
        let listeners = self.capture.listeners.iter().map(|seen| ListenerSeen {
            told_by_image: told.iter().any(|one| same(one, seen)),
            seen: seen.clone(),
        });
        let missing = told.iter().filter(|one| {
            one.started.known() == Some(&Started::AtBoot)
                && one.port.known().is_some()
                && !self.capture.listeners.iter().any(|seen| same(one, seen))
        });
        let missing: BTreeSet<String> =
            missing.map(|one| format!("{} {}", one.socket(), one.name)).collect();
        let paths: BTreeSet<String> =
            facts.binaries.iter().filter_map(|one| Some(one.locator.path()?.to_string())).collect();
        let programs: BTreeSet<&str> = self
            .capture
            .processes
            .values()
            .map(|process| process.program.as_str())
            .filter(|program| !program.is_empty() && !paths.contains(*program))
            .collect();
        let modules: BTreeSet<&str> =
            facts.kernel_modules().map(|module| module.name.as_str()).collect();
        let loaded = self.capture.modules.iter().flatten();
        RuntimeView {
            kernel: self.capture.kernel.clone(),
            kernel_in_image: facts.kernels.iter().any(|one| one.release == self.capture.kernel),
            processes: self.capture.processes.len(),
            listeners: listeners.collect(),
            listeners_not_seen: missing.into_iter().collect(),
            programs_not_in_image: programs.into_iter().map(str::to_owned).collect(),
            modules_not_in_image: loaded
                .filter(|name| !modules.contains(name.as_str()))
                .cloned()
                .collect(),
            gaps: self.capture.gaps.clone(),
        }
    }
}
