//! OpenRC: links in `/etc/runlevels/LEVEL` to scripts in `/etc/init.d` (openrc-run(8)).

use std::collections::BTreeSet;

use auscult_model::{BootSource, BootState};

use super::{Builder, Draft};
use crate::operation::{
    files::{Entry, Found},
    lines, shell,
};

/// Adds the services of every runlevel, and those that are in none.
pub(super) fn read(builder: &mut Builder<'_, '_>) {
    let mut linked = BTreeSet::new();
    for level in builder.files.folders("/etc/runlevels") {
        let state = match level.as_str() {
            "sysinit" | "boot" | "default" => BootState::StartsAtBoot,
            _ => BootState::OnDemand,
        };
        for entry in builder.files.folder(&format!("/etc/runlevels/{level}")) {
            let Some(found) = builder.files.file(&entry.path) else { continue };
            linked.insert(found.id);
            add(builder, &entry, &found, &level, state);
        }
    }
    for entry in builder.files.folder("/etc/init.d") {
        let Some(found) = builder.files.program(&entry.path) else { continue };
        if !linked.contains(&found.id) && entry.name != "functions.sh" {
            add(builder, &entry, &found, "in no runlevel", BootState::Disabled);
        }
    }
}

fn add(
    builder: &mut Builder<'_, '_>,
    entry: &Entry,
    found: &Found,
    trigger: &str,
    state: BootState,
) {
    let draft = |words: Vec<String>, user, configuration| Draft {
        source: BootSource::Openrc,
        name: entry.name.clone(),
        words,
        user,
        trigger: trigger.to_owned(),
        state,
        configuration,
    };
    let place = builder.files.locate(entry.id);
    builder.add_found(draft(vec![entry.path.clone()], None, place), Some(found.clone()));
    let Some(text) = builder.files.read(found) else { return };
    let settings = builder.files.text(&format!("/etc/conf.d/{}", entry.name));
    let mut whole = settings.map(|settings| settings.bytes.to_vec()).unwrap_or_default();
    whole.push(b'\n');
    whole.extend_from_slice(&text.bytes);
    let name = ("RC_SVCNAME", entry.name.as_str());
    let script = shell::read_with(&whole, &[name, ("SVCNAME", name.1)], builder.files);
    let Some(command) = script.variable("command").filter(|command| !command.is_empty()) else {
        return;
    };
    let mut words = lines::words(command);
    for arguments in ["command_args", "command_args_background", "command_args_foreground"] {
        words.extend(script.variable(arguments).map(lines::words).unwrap_or_default());
    }
    let user = script.variable("command_user").map(str::to_owned).filter(|user| !user.is_empty());
    let place = memchr::memmem::find(&text.bytes, b"\ncommand=").map_or(0, |at| at + 1);
    builder.add(draft(words, user, text.at(place)));
}
