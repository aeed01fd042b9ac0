//! What happens when a storage or USB device is plugged in.

use auscult_model::{Known, MediaHandler, ModuleAction, ModuleLoading};

use super::{
    boot::{self, Boot},
    files::Files,
    lines,
};

/// Words in a rule that speak of such devices.
const DEVICES: &[&str] =
    &["block", "usb", "sd[a-z]", "sd*", "sd?", "mmcblk", "scsi", "ID_FS", "partition", "sda"];

/// The handlers of a root.
pub(super) fn read(
    files: &Files<'_>,
    boot: &Boot,
    modules: &ModuleLoading,
) -> Known<Vec<MediaHandler>> {
    if boot.init.is_none() {
        return Known::unknown("no init was found in this file system");
    }
    let mut found = Vec::new();
    rules(files, &mut found);
    tables(files, &mut found);
    programs(files, &mut found);
    for load in modules.loads.known().into_iter().flatten() {
        if matches!(load.name.as_str(), "usb_storage" | "uas") {
            let action = match load.action {
                ModuleAction::Load => "loaded at boot",
                ModuleAction::Blacklist => "not loaded by alias",
                ModuleAction::Refuse => "refused",
            };
            found.push(handler("module", &load.name, action, load.locator.clone()));
        }
    }
    Known::Known(found)
}

fn handler(kind: &str, event: &str, action: &str, locator: auscult_model::Locator) -> MediaHandler {
    let (event, action) = (super::shortened(event), super::shortened(action));
    MediaHandler { kind: kind.to_owned(), event, action, locator }
}

/// Rules of udev, mdev and hotplug.
fn rules(files: &Files<'_>, found: &mut Vec<MediaHandler>) {
    for text in boot::udev_rules(files) {
        for line in text.lines() {
            for (event, program) in boot::udev_programs(&line.text) {
                if DEVICES.iter().any(|word| event.contains(word)) {
                    found.push(handler("udev", &event, &program, text.at(line.offset)));
                }
            }
        }
    }
    if let Some(text) = files.text("/etc/mdev.conf") {
        for line in text.lines() {
            if let Some((device, command)) = boot::mdev_command(&line.text)
                && DEVICES.iter().any(|word| device.contains(word))
            {
                found.push(handler("mdev", device, command, text.at(line.offset)));
            }
        }
    }
    for subsystem in ["block", "usb", "mount", "scsi_host"] {
        for entry in files.folder(&format!("/etc/hotplug.d/{subsystem}")) {
            found.push(handler("hotplug", subsystem, &entry.path, files.locate(entry.id)));
        }
    }
}

/// Tables of what is mounted.
fn tables(files: &Files<'_>, found: &mut Vec<MediaHandler>) {
    if let Some(text) = files.text("/etc/fstab") {
        for line in text.lines() {
            let words: Vec<&str> = lines::uncommented(&line.text).split_whitespace().collect();
            let [device, folder, ..] = words.as_slice() else { continue };
            if device.starts_with("/dev/sd") || device.starts_with("/dev/disk/by-path/") {
                found.push(handler("fstab", device, folder, text.at(line.offset)));
            }
        }
    }
    if let Some(text) = files.text("/etc/config/fstab") {
        for line in text.lines() {
            let words = lines::words(&line.text);
            if let [word, key, value, ..] = words.as_slice()
                && word == "option"
                && matches!(key.as_str(), "anon_mount" | "auto_mount")
                && value == "1"
            {
                found.push(handler("automount", key, "block-mount", text.at(line.offset)));
            }
        }
    }
    for path in ["/etc/auto.master", "/etc/auto.misc", "/etc/usbmount/usbmount.conf"] {
        if let Some(file) = files.file(path) {
            found.push(handler("automount", path, "", files.locate(file.id)));
        }
    }
}

/// Programs that mount what is plugged in.
fn programs(files: &Files<'_>, found: &mut Vec<MediaHandler>) {
    let paths = [
        "/usr/libexec/udisks2/udisksd",
        "/usr/lib/udisks2/udisksd",
        "/usr/lib/udisks/udisks-daemon",
        "/usr/sbin/automount",
        "/usr/bin/udiskie",
        "/usr/bin/udevil",
        "/usr/sbin/blockd",
        "/sbin/blockd",
        "/usr/share/usbmount/usbmount",
    ];
    for path in paths {
        if let Some(file) = files.file(path) {
            found.push(handler("automount", "any", path, files.locate(file.id)));
        }
    }
}
