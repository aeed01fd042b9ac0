//! `/etc/inittab` of System V init (inittab(5)) and of BusyBox (init/init.c): lines of
//! `id:runlevels:action:process`.

use auscult_model::{BootSource, BootState};

use super::{Builder, Draft, Init};
use crate::operation::{lines, shell};

/// What BusyBox' init does without a table: its script, then a shell.
const BUSYBOX_DEFAULT: &str = "/etc/init.d/rcS";

/// Adds the lines; the default runlevel, where one is told.
pub(super) fn read(builder: &mut Builder<'_, '_>, init: Option<Init>) -> Option<String> {
    let Some(text) = builder.files.text("/etc/inittab") else {
        if matches!(init, Some(Init::Busybox | Init::Other)) {
            default_script(builder);
        }
        return None;
    };
    let lines: Vec<(usize, Vec<String>)> = text
        .lines()
        .filter(|line| !line.text.trim_start().starts_with('#'))
        .map(|line| {
            let fields = line.text.trim().splitn(4, ':').map(|field| field.trim().to_owned());
            (line.offset, fields.collect())
        })
        .collect();
    let fields = |(offset, fields): &(usize, Vec<String>)| match fields.as_slice() {
        [id, levels, action, process] => {
            Some((*offset, id.clone(), levels.clone(), action.clone(), process.clone()))
        }
        [id, levels, action] => {
            Some((*offset, id.clone(), levels.clone(), action.clone(), String::new()))
        }
        _ => None,
    };
    let lines: Vec<_> = lines.iter().filter_map(fields).collect();
    let default = lines
        .iter()
        .find(|(_, _, _, action, _)| action == "initdefault")
        .map(|(_, _, levels, ..)| levels.clone())
        .filter(|levels| !levels.is_empty());
    for (offset, id, levels, action, process) in lines {
        let process = process.trim_start_matches(['-', '+', '@']);
        if process.is_empty() || action == "initdefault" {
            continue;
        }
        let draft = Draft {
            source: BootSource::Inittab,
            name: if id.is_empty() { action.clone() } else { id },
            words: words(builder, process),
            user: None,
            trigger: if levels.is_empty() { action.clone() } else { format!("{action} {levels}") },
            state: state(&action, &levels, default.as_deref()),
            configuration: text.at(offset),
        };
        builder.add_inner(&draft);
        builder.add(draft);
    }
    default
}

/// The words of a process; with the signs of a shell in it, both inits run it by one.
fn words(builder: &Builder<'_, '_>, process: &str) -> Vec<String> {
    if process.contains(['>', '<', ';', '&', '|', '$', '`', '(']) {
        let script = shell::read(process.as_bytes(), builder.files);
        if let Some(command) = script.commands.into_iter().next() {
            return command.words;
        }
    }
    lines::words(process)
}

fn state(action: &str, levels: &str, default: Option<&str>) -> BootState {
    let in_level = levels.is_empty() || default.is_none_or(|default| levels.contains(default));
    match action {
        "sysinit" | "boot" | "bootwait" => BootState::StartsAtBoot,
        "off" => BootState::Disabled,
        "respawn" | "wait" | "once" | "askfirst" | "askconsole" | "respawnlate"
        | "askconsolelate" | "asklate"
            if in_level =>
        {
            BootState::StartsAtBoot
        }
        _ => BootState::OnDemand,
    }
}

fn default_script(builder: &mut Builder<'_, '_>) {
    let Some(found) = builder.files.file(BUSYBOX_DEFAULT) else { return };
    let configuration = builder.files.locate(found.id);
    builder.add(Draft {
        source: BootSource::Inittab,
        name: "sysinit".to_owned(),
        words: vec![BUSYBOX_DEFAULT.to_owned()],
        user: None,
        trigger: "sysinit".to_owned(),
        state: BootState::StartsAtBoot,
        configuration,
    });
}
