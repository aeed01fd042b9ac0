//! Programs that events start: rules of udev (udev(7)), of mdev (BusyBox' docs/mdev.txt), scripts
//! of OpenWrt's hotplug, services that D-Bus activates.

use auscult_model::{BootSource, BootState, Locator};

use super::{Builder, Draft, Init};
use crate::operation::{
    files::{Files, Text},
    lines,
};

/// Folders of udev's rules.
pub(in crate::operation) const UDEV_FOLDERS: &[&str] =
    &["/lib/udev/rules.d", "/usr/lib/udev/rules.d", "/etc/udev/rules.d"];

/// Adds what events start.
pub(super) fn read(builder: &mut Builder<'_, '_>, init: Option<Init>) {
    udev(builder);
    mdev(builder);
    hotplug(builder);
    dbus(builder, init);
}

fn add(builder: &mut Builder<'_, '_>, text: &Text, offset: usize, trigger: &str, command: &str) {
    builder.add(Draft {
        source: BootSource::Udev,
        name: lines::file_name(&text.path).to_owned(),
        words: lines::words(command),
        user: None,
        trigger: trigger.to_owned(),
        state: BootState::OnDemand,
        configuration: text.at(offset),
    });
}

/// The texts of all rules, each file once.
pub(in crate::operation) fn udev_rules(files: &Files<'_>) -> Vec<Text> {
    let mut texts: Vec<Text> = Vec::new();
    for text in UDEV_FOLDERS.iter().flat_map(|folder| files.texts(folder, ".rules")) {
        if !texts.iter().any(|known| known.path == text.path) {
            texts.push(text);
        }
    }
    texts
}

fn udev(builder: &mut Builder<'_, '_>) {
    for text in udev_rules(builder.files) {
        for line in text.lines() {
            for (trigger, program) in udev_programs(&line.text) {
                // Names without a path lie in udev's own folder.
                let own = ["/lib/udev", "/usr/lib/udev"]
                    .iter()
                    .map(|folder| format!("{folder}/{program}"))
                    .find(|path| {
                        let first = path.split(' ').next().unwrap_or_default();
                        !program.starts_with('/') && builder.files.file(first).is_some()
                    });
                add(builder, &text, line.offset, &trigger, &own.unwrap_or(program));
            }
        }
    }
}

/// The programs that one rule runs, with what it asks of the event.
pub(in crate::operation) fn udev_programs(line: &str) -> Vec<(String, String)> {
    let line = lines::uncommented(line);
    let mut programs = Vec::new();
    let mut asked = Vec::new();
    for (key, operator, value) in udev_keys(line) {
        match key.split('{').next().unwrap_or_default() {
            "RUN" if !key.contains("builtin") => programs.push(value),
            "PROGRAM" => programs.push(value),
            "IMPORT" if key.contains("{program}") => programs.push(value),
            _ if operator == "==" => asked.push(format!("{key}=={value}")),
            _ => {}
        }
    }
    let trigger = asked.join(", ");
    programs.into_iter().map(|program| (trigger.clone(), program)).collect()
}

/// `KEY OPERATOR "VALUE"`, parted by commas.
fn udev_keys(line: &str) -> Vec<(String, &'static str, String)> {
    let mut keys = Vec::new();
    let mut rest = line;
    while let Some((head, behind)) = rest.split_once('"') {
        let Some((value, after)) = behind.split_once('"') else { break };
        rest = after;
        let head = head.trim_start_matches([',', ' ', '\t']);
        let Some(operator) = ["==", "!=", "+=", ":=", "="]
            .into_iter()
            .find(|operator| head.trim().ends_with(operator))
        else {
            continue;
        };
        let key = head.trim().trim_end_matches(operator).trim();
        keys.push((key.to_owned(), operator, value.to_owned()));
    }
    keys
}

/// `REGEX UID:GID MODE [PATH] [@|$|*COMMAND]`.
fn mdev(builder: &mut Builder<'_, '_>) {
    let Some(text) = builder.files.text("/etc/mdev.conf") else { return };
    for line in text.lines() {
        if let Some((device, command)) = mdev_command(&line.text) {
            add(builder, &text, line.offset, device, command);
        }
    }
}

/// Device and command of a line that runs one.
pub(in crate::operation) fn mdev_command(line: &str) -> Option<(&str, &str)> {
    let line = lines::uncommented(line);
    let device = line.split_whitespace().next()?;
    let at = line.find([' ', '\t'])?;
    let rest = line.get(at..)?;
    let sign = [" @", " $", " *", "\t@", "\t$", "\t*"].iter().filter_map(|sign| rest.find(sign));
    let command = rest.get(sign.min()? + 2..)?.trim();
    (!command.is_empty()).then_some((device, command))
}

/// `/etc/hotplug.d/SUBSYSTEM/*`, which OpenWrt includes on every event.
fn hotplug(builder: &mut Builder<'_, '_>) {
    for subsystem in builder.files.folders("/etc/hotplug.d") {
        for entry in builder.files.folder(&format!("/etc/hotplug.d/{subsystem}")) {
            let Some(found) = builder.files.file(&entry.path) else { continue };
            let configuration = builder.files.locate(entry.id);
            let draft = Draft {
                source: BootSource::Udev,
                name: entry.name,
                words: vec![entry.path],
                user: None,
                trigger: format!("hotplug {subsystem}"),
                state: BootState::OnDemand,
                configuration,
            };
            builder.add_found(draft, Some(found));
        }
    }
}

/// A service that D-Bus starts when it is called.
pub(super) struct Activated {
    name: String,
    exec: String,
    user: Option<String>,
    /// The unit that systemd starts in its place.
    pub(super) unit: Option<String>,
    configuration: Locator,
}

/// The services that D-Bus knows.
pub(super) fn activated(files: &Files<'_>) -> Vec<Activated> {
    let mut found = Vec::new();
    for text in files.texts("/usr/share/dbus-1/system-services", ".service") {
        let mut values = [None, None, None, None];
        for line in text.lines() {
            let Some((key, value)) = line.text.split_once('=') else { continue };
            let keys = ["Name", "Exec", "User", "SystemdService"];
            let slot = keys.iter().position(|known| *known == key.trim());
            if let Some(slot) = slot.and_then(|slot| values.get_mut(slot)) {
                *slot = Some((line.offset, value.trim().to_owned()));
            }
        }
        let [name, exec, user, unit] = values;
        let (Some((_, name)), Some((offset, exec))) = (name, exec) else { continue };
        let value = |of: Option<(usize, String)>| of.map(|(_, value)| value);
        let (user, unit, configuration) = (value(user), value(unit), text.at(offset));
        found.push(Activated { name, exec, user, unit, configuration });
    }
    found
}

/// Adds the services that D-Bus starts itself: all but those that are units, where systemd runs.
fn dbus(builder: &mut Builder<'_, '_>, init: Option<Init>) {
    for service in activated(builder.files) {
        if service.unit.is_some() && init == Some(Init::Systemd) {
            continue;
        }
        builder.add(Draft {
            source: BootSource::Dbus,
            name: service.name,
            words: lines::words(&service.exec),
            user: service.user,
            trigger: "call over D-Bus".to_owned(),
            state: BootState::OnDemand,
            configuration: service.configuration,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::{mdev_command, udev_programs};

    #[test]
    fn rules_tell_what_they_run() {
        assert_eq!(
            udev_programs(
                r#"SUBSYSTEM=="block", ACTION=="add", RUN+="/bin/mount.sh %k", RUN{builtin}+="kmod""#
            ),
            [("SUBSYSTEM==block, ACTION==add".to_owned(), "/bin/mount.sh %k".to_owned())]
        );
        assert!(udev_programs("# RUN+=\"x\"").is_empty());
        assert!(udev_programs("RUN+=\"x").is_empty());
        assert_eq!(
            mdev_command("sd[a-z][0-9] 0:0 660 */etc/hotplug/mount"),
            Some(("sd[a-z][0-9]", "/etc/hotplug/mount"))
        );
        assert_eq!(mdev_command("null 0:0 666"), None);
    }
}
