//! How the device runs: what starts, what listens, what is reached, which modules are loaded, who
//! may sign in. One answer for each root file system; only text is read here, binaries were before.

mod accounts;
mod boot;
mod calls;
mod files;
mod firewall;
mod lines;
mod listeners;
mod media;
mod modules;
mod reach;
mod setuid;
mod shell;
mod update;
mod windows;

use std::collections::BTreeSet;

use auscult_model::{Known, Locator, Operation, Problem, RootOperation, ScriptCall};
use auscult_unpack::{EntryKind, NodeKind, Tree};

use crate::{examine::Examined, roots::Root};
use boot::Boot;
use files::Files;
use reach::{Programs, Reach};

/// Roots of one image.
const ROOTS_MAX: usize = 64;
/// Bytes of a text that is kept.
const TEXT_BYTES_MAX: usize = 512;
/// Calls of scripts that are kept for one root.
const CALLS_MAX: usize = 8192;
const NO_INIT: &str = "no init was found in this file system";

/// Files that tell a root wherever it lies.
const MARKS: &[&str] = &[
    "/usr/lib/systemd/systemd",
    "/lib/systemd/systemd",
    "/sbin/init",
    "/etc/inittab",
    "/etc/init.d/rcS",
    "/linuxrc",
    "/system/bin/init",
    "/sbin/procd",
];
/// Files that tell a root at the top of a file system, or one folder below.
const WEAK_MARKS: &[&str] = &["/etc/passwd", "/etc/shadow", "/init", "/etc/rc.d/rcS", "/init.rc"];

/// Reads how the devices in an image run, and what went wrong on the way.
pub(crate) fn read(tree: &Tree, examined: &[Examined]) -> (Operation, Vec<Problem>) {
    let (mut operation, mut problems) = unix(tree, examined);
    windows::read(tree, &mut operation, &mut problems);
    (operation, problems)
}

fn unix(tree: &Tree, examined: &[Examined]) -> (Operation, Vec<Problem>) {
    let mut roots = roots(tree);
    let mut problems = Vec::new();
    if roots.is_empty() {
        let reason = "no file system with an init or with accounts was found";
        return (Operation::unknown(reason), problems);
    }
    if roots.len() > ROOTS_MAX {
        let why = format!("{} root file systems are over the limit of {ROOTS_MAX}", roots.len());
        let what = "read how the device runs".to_owned();
        problems.push(Problem { locator: Locator::image(), what, why });
        roots.truncate(ROOTS_MAX);
    }
    let programs = Programs::of(examined);
    let cmdlines = cmdlines(tree, examined);
    let mut answers = Vec::new();
    let mut bytes = files::ALL_BYTES_MAX;
    for root in roots {
        let files = Files::new(tree, root, bytes);
        answers.push(one(&files, &programs, &cmdlines));
        bytes = files.rest_of(bytes);
        problems.extend(files.into_problems());
    }
    (Operation { roots: Known::Known(answers) }, problems)
}

fn one(
    files: &Files<'_>,
    programs: &Programs<'_>,
    cmdlines: &[(Locator, String)],
) -> RootOperation {
    let is_daemon = |found: &files::Found| programs.is_daemon(found);
    let boot = boot::read(files, &programs.by_node, cmdlines, &is_daemon);
    let reach = Reach::of(files, &boot, programs);
    let mut listeners = listeners::read(files, &boot, &reach, programs);
    if boot.init.is_none() {
        for (listener, _) in &mut listeners {
            listener.started = Known::unknown(NO_INIT);
        }
    }
    let facing = listeners::facing(&listeners);
    let asked = |known: bool, reason: &str| Known::from_option(known.then_some(()), reason);
    let has_boot = boot.init.is_some();
    let modules = modules::read(files, &boot, &reach, cmdlines);
    let none_seen = listeners.is_empty() && !has_boot;
    RootOperation {
        root: files.locator(),
        boot: boot::answer(&boot),
        calls: asked(has_boot, NO_INIT).map(|()| calls(files, &boot)),
        listeners: asked(!none_seen, NO_INIT)
            .map(|()| listeners.into_iter().map(|(listener, _)| listener).collect()),
        reached: asked(has_boot, NO_INIT).map(|()| reach.facts(files, &boot, programs, &facing)),
        firewall: firewall::read(files, &boot),
        setuid: setuid::read(files),
        removable_media: media::read(files, &boot, &modules),
        modules: Known::Known(modules),
        update: update::read(files),
        accounts: accounts::read(files),
    }
}

/// What the scripts call.
fn calls(files: &Files<'_>, boot: &Boot) -> Vec<ScriptCall> {
    let mut calls = Vec::new();
    for script in boot.scripts.read.values().flatten() {
        for call in &script.calls {
            if calls.len() >= CALLS_MAX {
                let why = format!("more than {CALLS_MAX} calls");
                files.report(&files.locator(), "follow the scripts", why);
                return calls;
            }
            calls.push(ScriptCall {
                script: script.text.at(call.offset),
                command: shortened(&call.words.join(" ")),
                program: files.locate(call.program.id),
            });
        }
    }
    calls
}

/// The roots of an image, each container's outermost first.
fn roots(tree: &Tree) -> Vec<Root> {
    let mut found = BTreeSet::new();
    for container in tree.file_systems() {
        for &id in &tree.node(container).children {
            let node = tree.node(id);
            let file = matches!(
                node.kind,
                NodeKind::Member(EntryKind::File | EntryKind::Hardlink(_) | EntryKind::Symlink(_))
            );
            let name = node.name.as_bytes();
            let prefix = |marks: &[&str]| {
                marks.iter().find_map(|mark| name.strip_suffix(mark.as_bytes())).map(<[u8]>::to_vec)
            };
            // `/bin/init` and `/etc/init` are programs of the root around them.
            let is_own = |prefix: &Vec<u8>| !matches!(prefix.as_slice(), b"/bin" | b"/etc");
            let weak = || prefix(WEAK_MARKS).filter(|one| depth(one) <= 1 && is_own(one));
            let prefix = prefix(MARKS).filter(|prefix| is_place(prefix)).or_else(weak);
            if let Some(prefix) = prefix.filter(|_| file) {
                found.insert(Root { container, prefix });
            }
        }
    }
    found.into_iter().collect()
}

fn depth(prefix: &[u8]) -> usize {
    prefix.split(|&byte| byte == b'/').skip(1).count()
}

/// Whether a root may lie there: not among documentation, examples and templates, nor where the
/// same files of the root above it lie (`/usr/sbin/init` is no root of its own).
fn is_place(prefix: &[u8]) -> bool {
    let parts = prefix.split(|&byte| byte == b'/');
    let inner: [&[u8]; 4] = [b"share", b"usr", b"doc", b"examples"];
    depth(prefix) <= 8 && !parts.into_iter().any(|part| inner.contains(&part))
}

/// Command lines of kernels, wherever the image tells one.
fn cmdlines(tree: &Tree, examined: &[Examined]) -> Vec<(Locator, String)> {
    let mut found = Vec::new();
    for (id, node) in tree.nodes() {
        let NodeKind::Container { attributes, .. } = &node.kind else { continue };
        for key in ["cmdline", "bootargs"] {
            if let Some(text) = attributes.get(key).filter(|text| !text.is_empty()) {
                found.push((tree.locator(id), text.clone()));
            }
        }
    }
    for statement in examined.iter().flat_map(|seen| &seen.statements) {
        let environment = statement.key.starts_with("u-boot-env:");
        if environment && (statement.key.contains("args") || statement.value.contains("bootargs")) {
            found.push((statement.locator.clone(), statement.value.clone()));
        }
    }
    found.truncate(256);
    found
}

/// A text of the image as facts keep it.
fn shortened(text: &str) -> String {
    if text.len() <= TEXT_BYTES_MAX {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(TEXT_BYTES_MAX);
    format!("{}…", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod made;
#[cfg(test)]
mod tests;

#[cfg(test)]
use made::made;
