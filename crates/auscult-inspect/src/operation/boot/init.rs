//! The first process: which program it is, and which kind of init.
//!
//! The kernel runs what `init=` names, else `/init` of an initramfs, else the first of
//! `/sbin/init`, `/etc/init`, `/bin/init` and `/bin/sh` (init/main.c).

use auscult_model::{BootSource, BootState, Locator};

use super::{Builder, Draft};
use crate::operation::{
    files::{Files, Found},
    lines,
};

/// Kinds of init.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::operation) enum Init {
    Busybox,
    Sysv,
    Procd,
    Openrc,
    Upstart,
    Systemd,
    Runit,
    S6,
    Android,
    /// A script, a program of the maker's, or none where the scripts for one are there.
    Other,
}

/// Consoles of one command line.
const CONSOLES_MAX: usize = 16;
/// Where boot loaders in the root itself keep the command line of the kernel.
const LOADER_FILES: &[&str] = &[
    "/boot/cmdline.txt",
    "/boot/firmware/cmdline.txt",
    "/boot/extlinux/extlinux.conf",
    "/boot/grub/grub.cfg",
    "/boot/grub/menu.lst",
    "/boot/uEnv.txt",
    "/boot/armbianEnv.txt",
];
/// Programs that the kernel tries, in its order; `/etc/preinit` is OpenWrt's.
const CANDIDATES: &[&str] =
    &["/sbin/init", "/etc/init", "/bin/init", "/init", "/linuxrc", "/system/bin/init"];
/// Where nothing else is there, one of these tells that a root starts.
const SCRIPTS: &[&str] = &["/etc/inittab", "/etc/init.d/rcS", "/etc/rc.d/rcS", "/etc/rcS"];

/// Consoles that the kernel's command line names, but for those of the screen; `ttyS0` of
/// `console=ttyS0,115200`.
pub(super) fn consoles(files: &Files<'_>, cmdlines: &[(Locator, String)]) -> Vec<String> {
    let own = LOADER_FILES.iter().filter_map(|path| files.text(path));
    let own: Vec<String> =
        own.map(|text| String::from_utf8_lossy(&text.bytes).into_owned()).collect();
    let texts = cmdlines.iter().map(|(_, text)| text).chain(&own);
    let mut found = Vec::new();
    for word in texts.flat_map(|text| text.split_whitespace()) {
        let word = word.trim_matches(['"', '\'', ';']);
        let Some(console) = word.strip_prefix("console=") else { continue };
        let console = console.split(',').next().unwrap_or_default();
        let screen = console.strip_prefix("tty").is_some_and(|number| number.parse::<u8>().is_ok());
        let is_name = !console.is_empty() && console.bytes().all(|one| one.is_ascii_alphanumeric());
        if is_name && !screen && console != "null" && console != "tty" && found.len() < CONSOLES_MAX
        {
            found.push(console.to_owned());
        }
    }
    found.sort();
    found.dedup();
    found
}

/// Finds the first process and adds it. None where the root has no init.
pub(super) fn read(builder: &mut Builder<'_, '_>, cmdlines: &[(Locator, String)]) -> Option<Init> {
    let files = builder.files;
    let own = LOADER_FILES.iter().filter_map(|path| files.text(path)).flat_map(|text| {
        let lines: Vec<(Locator, String)> =
            text.lines().map(|line| (text.at(line.offset), line.text.into_owned())).collect();
        lines
    });
    for (locator, cmdline) in cmdlines.iter().cloned().chain(own) {
        for word in cmdline.split_whitespace().map(|word| word.trim_matches(['"', '\'', ';'])) {
            let named = ["init=", "rdinit="].iter().find_map(|key| word.strip_prefix(key));
            if let Some(path) = named.filter(|path| files.file(path).is_some()) {
                add(builder, path, "kernel command line", locator.clone());
            }
        }
    }
    if let Some(found) = files.file("/etc/preinit") {
        add(builder, "/etc/preinit", "kernel", files.locate(found.id));
    }
    let first = CANDIDATES.iter().find_map(|path| Some((*path, files.file(path)?)));
    let Some((path, found)) = first else {
        let told = SCRIPTS.iter().any(|path| files.file(path).is_some());
        return (told || !builder.starts.is_empty()).then_some(Init::Other);
    };
    // The entry itself, where it is a link, is what says so.
    let place = files.entry(path).unwrap_or(found.id);
    let init = kind(builder, &found);
    add(builder, path, "kernel", files.locate(place));
    Some(init)
}

fn add(builder: &mut Builder<'_, '_>, path: &str, trigger: &str, configuration: Locator) {
    builder.add(Draft {
        source: BootSource::Kernel,
        name: "init".to_owned(),
        words: vec![path.to_owned()],
        user: None,
        trigger: trigger.to_owned(),
        state: BootState::StartsAtBoot,
        configuration,
    });
}

fn kind(builder: &Builder<'_, '_>, found: &Found) -> Init {
    let files = builder.files;
    let has = |path: &str| files.resolve(path).is_some();
    let name = lines::file_name(&found.path);
    let inittab = || files.text("/etc/inittab");
    let speaks_of = |word: &str| {
        inittab().is_some_and(|text| memchr::memmem::find(&text.bytes, word.as_bytes()).is_some())
    };
    match name {
        _ if name.contains("systemd") => Init::Systemd,
        "openrc-init" => Init::Openrc,
        _ if name.starts_with("runit") => Init::Runit,
        _ if name.starts_with("s6") || has("/etc/s6-overlay") => Init::S6,
        _ if has("/init.rc") || has("/system/etc/init") || found.path.starts_with("/system/") => {
            Init::Android
        }
        _ if has("/sbin/procd") || has("/etc/rc.common") && has("/etc/rc.d") => Init::Procd,
        _ if speaks_of("openrc") => Init::Openrc,
        _ if name.starts_with("busybox") => Init::Busybox,
        "init" | "init.sysvinit" if has("/etc/inittab") => Init::Sysv,
        "init" | "upstart" if !files.matching("/etc/init/*.conf").is_empty() => Init::Upstart,
        _ => Init::Other,
    }
}
