//! Kernel modules: what is loaded, refused, and built in (modprobe.d(5), modules-load.d(5),
//! OpenWrt's `/etc/modules.d`, `modules.builtin` of kbuild).

use auscult_model::{
    Known, Locator, ModuleAction, ModuleLoad, ModuleLoading, ModuleRelease, Started,
};

use super::{
    boot::Boot,
    files::{Files, Text},
    lines,
    reach::Reach,
};
use crate::kernel;

/// Built-in modules of one release.
const BUILTIN_MAX: usize = 16384;

/// The modules of a root.
pub(super) fn read(
    files: &Files<'_>,
    boot: &Boot,
    reach: &Reach,
    cmdlines: &[(Locator, String)],
) -> ModuleLoading {
    let mut loads = Vec::new();
    listed(files, &mut loads);
    refused(files, &mut loads);
    for (locator, cmdline) in cmdlines {
        for word in cmdline.split_whitespace() {
            let Some(names) = word.strip_prefix("module_blacklist=") else { continue };
            for name in names.split(',') {
                push(&mut loads, name, ModuleAction::Refuse, locator.clone());
            }
        }
    }
    for (&node, script) in &boot.scripts.read {
        let Some(script) = script.as_ref().filter(|_| reach.started(node) == Started::AtBoot)
        else {
            continue;
        };
        for (offset, module) in &script.modules {
            push(&mut loads, module, ModuleAction::Load, script.text.at(*offset));
        }
    }
    let loads = if loads.is_empty() && boot.init.is_none() {
        Known::unknown("no init and no list of modules was found in this file system")
    } else {
        Known::Known(loads)
    };
    ModuleLoading { loads, releases: releases(files) }
}

fn push(loads: &mut Vec<ModuleLoad>, name: &str, action: ModuleAction, locator: Locator) {
    let name = module_name(name);
    if !name.is_empty() && !name.contains(['$', '*', ' ']) {
        loads.push(ModuleLoad { name: super::shortened(&name), action, locator });
    }
}

/// `kernel/net/foo-bar.ko.xz` is `foo_bar`.
fn module_name(path: &str) -> String {
    kernel::stem(path.trim().as_bytes())
}

/// Files of which each line names a module to load.
fn listed(files: &Files<'_>, loads: &mut Vec<ModuleLoad>) {
    let mut texts: Vec<Text> = files.text("/etc/modules").into_iter().collect();
    for (folder, end) in [
        ("/etc/modules-load.d", ".conf"),
        ("/usr/lib/modules-load.d", ".conf"),
        ("/lib/modules-load.d", ".conf"),
        ("/etc/modules.d", ""),
        ("/etc/modules-boot.d", ""),
    ] {
        texts.extend(files.texts(folder, end));
    }
    for text in &texts {
        for line in text.lines() {
            let line_text = lines::uncommented(&line.text);
            if let Some(name) =
                line_text.split_whitespace().next().filter(|_| !line_text.starts_with(';'))
            {
                push(loads, name, ModuleAction::Load, text.at(line.offset));
            }
        }
    }
}

/// `blacklist X`, and `install X` with a program that does nothing.
fn refused(files: &Files<'_>, loads: &mut Vec<ModuleLoad>) {
    let mut texts: Vec<Text> = files.text("/etc/modprobe.conf").into_iter().collect();
    for folder in ["/etc/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d"] {
        texts.extend(files.texts(folder, ".conf"));
    }
    for text in &texts {
        for line in text.lines() {
            let words: Vec<&str> = line.text.split_whitespace().collect();
            match words.as_slice() {
                ["blacklist", name, ..] => {
                    push(loads, name, ModuleAction::Blacklist, text.at(line.offset));
                }
                ["install", name, program, ..]
                    if matches!(program.rsplit('/').next(), Some("false" | "true" | ":")) =>
                {
                    push(loads, name, ModuleAction::Refuse, text.at(line.offset));
                }
                _ => {}
            }
        }
    }
}

fn releases(files: &Files<'_>) -> Vec<ModuleRelease> {
    let mut found: Vec<ModuleRelease> = Vec::new();
    for base in ["/lib/modules", "/usr/lib/modules"] {
        for release in files.folders(base) {
            if found.iter().any(|known| known.release == release) {
                continue;
            }
            let folder = format!("{base}/{release}");
            let has = |name: &str| files.file(&format!("{folder}/{name}")).is_some();
            let aliases = has("modules.alias") || has("modules.alias.bin");
            let autoload = Known::from_option(
                aliases.then_some(true),
                "the folder of the modules holds no table of aliases",
            );
            let text = files.text(&format!("{folder}/modules.builtin"));
            let locator = text.as_ref().map(|text| text.locator.clone()).or_else(|| {
                // The folder itself, where `/lib` is a link to `/usr/lib` too.
                let own = files.resolve(&folder).map(|found| found.id);
                let id = own.or_else(|| files.folder(&folder).first().map(|entry| entry.id));
                id.map(|id| files.locate(id))
            });
            let builtin = text.map(|text| {
                let names = text.lines().map(|line| module_name(&line.text));
                names.filter(|name| !name.is_empty()).take(BUILTIN_MAX).collect()
            });
            let reason = "the folder of the modules holds no modules.builtin";
            found.push(ModuleRelease {
                release,
                autoload,
                builtin: Known::from_option(builtin, reason),
                locator: locator.unwrap_or_else(|| files.locator()),
            });
        }
    }
    found
}
