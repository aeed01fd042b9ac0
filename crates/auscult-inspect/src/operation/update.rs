//! Ways in which the software of a device is replaced.

use auscult_model::{Known, UpdateMechanism};

use super::files::{Files, PATH};

/// Programs and configurations, by kind; a name without a path is looked for in `PATH`.
const KINDS: &[(&str, &[&str])] = &[
    ("swupdate", &["swupdate", "/etc/swupdate.cfg", "/etc/swupdate/conf.d"]),
    ("rauc", &["rauc", "/etc/rauc/system.conf"]),
    ("mender", &["mender", "mender-update", "/etc/mender/mender.conf"]),
    ("ostree", &["ostree", "rpm-ostree", "/usr/lib/ostree/ostree-prepare-root"]),
    ("aktualizr", &["aktualizr", "aktualizr-lite"]),
    ("balena", &["balena-engine", "hostapp-update"]),
    ("snap", &["snap", "/usr/lib/snapd/snapd"]),
    (
        "systemd-sysupdate",
        &["/usr/lib/systemd/systemd-sysupdate", "/lib/systemd/systemd-sysupdate"],
    ),
    ("fwupd", &["fwupdmgr", "/usr/libexec/fwupd/fwupd"]),
    ("update-engine", &["update_engine", "/system/bin/update_engine_client"]),
    ("sysupgrade", &["sysupgrade"]),
    ("mtd", &["mtd", "flashcp", "mtd_write", "nandwrite", "flash_eraseall"]),
    ("boot-environment", &["fw_setenv", "nvram_set", "/etc/fw_env.config"]),
    ("opkg", &["opkg", "opkg-cl", "/etc/opkg.conf", "/etc/opkg/opkg.conf"]),
    ("apt", &["apt-get", "/etc/apt/sources.list", "/etc/apt/sources.list.d"]),
    ("unattended-upgrades", &["unattended-upgrade"]),
    ("dnf", &["dnf", "dnf5", "microdnf", "/etc/dnf/dnf.conf"]),
    ("yum", &["yum", "/etc/yum.conf"]),
    ("zypper", &["zypper"]),
    ("pacman", &["pacman", "/etc/pacman.conf"]),
    ("apk", &["apk", "/etc/apk/repositories"]),
    ("pip", &["pip3", "pip"]),
    ("docker", &["dockerd", "podman"]),
];
/// Parts of the names of makers' own programs, in lower case.
const WORDS: &[&str] = &[
    "firmware",
    "fwup",
    "fw_up",
    "fw-up",
    "upgrade",
    "autoupdate",
    "auto_update",
    "otaupdate",
    "ota_",
];
/// Programs of one root that are named so.
const SCRIPTS_MAX: usize = 256;

/// The update mechanisms of a root.
pub(super) fn read(files: &Files<'_>) -> Known<Vec<UpdateMechanism>> {
    let mut found = Vec::new();
    let mut known = Vec::new();
    for (kind, places) in KINDS {
        for place in *places {
            let seen =
                if place.starts_with('/') { files.resolve(place) } else { files.program(place) };
            if let Some(seen) = seen {
                known.push(seen.path.clone());
                found.push(UpdateMechanism {
                    kind: (*kind).to_owned(),
                    locator: files.locate(seen.id),
                });
            }
        }
    }
    let folders = PATH.iter().chain(&["/etc/init.d", "/usr/libexec", "/opt"]);
    let named = folders.flat_map(|folder| files.folder(folder)).filter(|entry| {
        let name = entry.name.to_lowercase();
        WORDS.iter().any(|word| name.contains(word))
    });
    for entry in named.take(SCRIPTS_MAX) {
        if let Some(file) = files.file(&entry.path).filter(|file| !known.contains(&file.path)) {
            let locator = files.locate(file.id);
            found.push(UpdateMechanism { kind: "script".to_owned(), locator });
        }
    }
    Known::Known(found)
}
