//! Scripts of System V init: links `S??name` in the folder of a runlevel, and the scripts that
//! BusyBox' `rcS` runs.

use std::collections::BTreeSet;

use auscult_model::{BootSource, BootState};

use super::{Builder, Draft};
use crate::operation::{
    files::{Entry, Found},
    lines,
};

/// Runlevels that a device runs in when no inittab tells; Debian's default comes first.
const DEFAULT_RUNLEVELS: &[&str] = &["2", "3", "5"];

/// Adds the scripts of the default runlevel and of `rcS`; `runlevel` is what inittab tells.
pub(super) fn read(builder: &mut Builder<'_, '_>, runlevel: Option<&str>) {
    let mut linked = BTreeSet::new();
    for folder in ["/etc/rcS.d", "/etc/rc.d/rcS.d"] {
        add_links(builder, folder, "S", &mut linked);
    }
    let level = runlevel.or_else(|| {
        let filled = |level: &&&str| !level_entries(builder, level).is_empty();
        DEFAULT_RUNLEVELS.iter().find(filled).copied()
    });
    if let Some(level) = level.map(str::to_owned) {
        for folder in [format!("/etc/rc{level}.d"), format!("/etc/rc.d/rc{level}.d")] {
            add_links(builder, &folder, &level, &mut linked);
        }
    }
    add_rcs(builder, &mut linked);
    add_unlinked(builder, &linked);
}

/// What systemd's generator makes of scripts that have no unit of their own
/// (systemd-sysv-generator(8)); it does not look at `rcS.d`.
pub(super) fn read_generated(builder: &mut Builder<'_, '_>) {
    let mut seen = BTreeSet::new();
    for level in ["2", "3", "4", "5"] {
        for entry in level_entries(builder, level) {
            let name = service(&entry.name).trim_end_matches(".sh").to_owned();
            let unit = format!("{name}.service");
            let mut folders = super::UNIT_FOLDERS.iter();
            let own = folders
                .any(|folder| builder.files.real_entry(&format!("{folder}/{unit}")).is_some());
            if !own && seen.insert(name) {
                add(builder, &entry, BootSource::Sysv, &format!("runlevel {level}"));
            }
        }
    }
}

fn level_entries(builder: &Builder<'_, '_>, level: &str) -> Vec<Entry> {
    let folders = [format!("/etc/rc{level}.d"), format!("/etc/rc.d/rc{level}.d")];
    let entries = folders.iter().flat_map(|folder| builder.files.folder(folder));
    entries.filter(|entry| is_start(&entry.name)).collect()
}

/// `S??name`.
pub(super) fn is_start(name: &str) -> bool {
    let digits = name.strip_prefix('S').and_then(|rest| rest.get(..2));
    digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The name of the service in `S??name`.
pub(super) fn service(name: &str) -> &str {
    if is_start(name) { name.get(3..).unwrap_or(name) } else { name }
}

fn add_links(
    builder: &mut Builder<'_, '_>,
    folder: &str,
    level: &str,
    linked: &mut BTreeSet<Found>,
) {
    for entry in builder.files.folder(folder) {
        if is_start(&entry.name) {
            linked.extend(builder.files.file(&entry.path));
            add(builder, &entry, BootSource::Sysv, &format!("runlevel {level}"));
        }
    }
}

fn add(builder: &mut Builder<'_, '_>, entry: &Entry, source: BootSource, trigger: &str) {
    let configuration = builder.files.locate(entry.id);
    builder.add(Draft {
        source,
        name: service(&entry.name).to_owned(),
        words: vec![entry.path.clone(), "start".to_owned()],
        user: None,
        trigger: trigger.to_owned(),
        state: BootState::StartsAtBoot,
        configuration,
    });
}

/// Adds the scripts that the first script of BusyBox' init runs one by one.
fn add_rcs(builder: &mut Builder<'_, '_>, linked: &mut BTreeSet<Found>) {
    let first: Vec<Found> = builder
        .starts
        .iter()
        .filter(|start| {
            start.fact.source == BootSource::Inittab && start.fact.state == BootState::StartsAtBoot
        })
        .filter_map(|start| start.program.clone())
        .collect();
    let mut runs = Vec::new();
    for script in first {
        // `rcS` may leave the loop to a script of its own (`rc.unslung`).
        let Some(read) = builder.scripts.get(builder.files, &script, builder.binaries) else {
            continue;
        };
        let mut calls = read.calls.clone();
        for call in calls.clone().iter().filter(|call| call.program.path.starts_with("/etc/")) {
            let inner = builder.scripts.get(builder.files, &call.program, builder.binaries);
            calls.extend(inner.map(|inner| inner.calls.clone()).unwrap_or_default());
        }
        for call in calls {
            let path = call.words.first().cloned().unwrap_or_default();
            if is_start(lines::file_name(&path)) && linked.insert(call.program.clone()) {
                runs.push((path, script.clone()));
            }
        }
    }
    for (path, script) in runs {
        let Some(id) = builder
            .files
            .entry(&path)
            .or_else(|| builder.files.resolve(&path).map(|found| found.id))
        else {
            continue;
        };
        let name = lines::file_name(&path).to_owned();
        add(builder, &Entry { id, name, path }, BootSource::BusyboxRcs, &script.path);
    }
}

/// Adds the scripts of `/etc/init.d` that nothing runs.
fn add_unlinked(builder: &mut Builder<'_, '_>, linked: &BTreeSet<Found>) {
    let mut started: BTreeSet<_> =
        builder.starts.iter().filter_map(|start| Some(start.program.as_ref()?.id)).collect();
    let scripts = builder.scripts.read.values().flatten();
    started.extend(scripts.flat_map(|script| script.calls.iter().map(|call| call.program.id)));
    for entry in builder.files.folder("/etc/init.d") {
        let Some(found) = builder.files.program(&entry.path) else { continue };
        let helper = matches!(entry.name.as_str(), "rc" | "rcS" | "rcK" | "functions" | "skeleton");
        if helper || linked.iter().any(|one| one.id == found.id) || started.contains(&found.id) {
            continue;
        }
        let configuration = builder.files.locate(entry.id);
        let draft = Draft {
            source: BootSource::Sysv,
            name: service(&entry.name).to_owned(),
            words: vec![entry.path.clone()],
            user: None,
            trigger: "no link in the default runlevel".to_owned(),
            state: BootState::Disabled,
            configuration,
        };
        builder.add_found(draft, Some(found));
    }
}
