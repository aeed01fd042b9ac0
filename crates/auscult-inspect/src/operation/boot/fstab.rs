//! Helpers that `/etc/fstab` makes run: `mount.TYPE` for file systems that the kernel does not mount by
//! itself, `fsck.TYPE` where a check is asked for (fstab(5), mount(8), fsck(8)). With systemd its
//! generator sees to it, elsewhere `mount -a` and `fsck -A` of the boot scripts.

use auscult_model::{BootSource, BootState};

use super::{Builder, Draft};
use crate::operation::lines;

/// Adds the helpers that are there.
pub(super) fn read(builder: &mut Builder<'_, '_>) {
    let Some(text) = builder.files.text("/etc/fstab") else { return };
    for line in text.lines() {
        let fields: Vec<&str> = lines::uncommented(&line.text).split_whitespace().collect();
        let [device, place, kind, rest @ ..] = fields.as_slice() else { continue };
        let options = rest.first().copied().unwrap_or_default();
        let waits = options.split(',').any(|one| one == "noauto" || one == "x-systemd.automount");
        let checked = rest.get(2).is_some_and(|pass| *pass != "0");
        let mut helpers = vec![format!("mount.{kind}")];
        if checked {
            helpers.push(format!("fsck.{kind}"));
        }
        for helper in helpers {
            let found = ["/sbin", "/usr/sbin", "/bin", "/usr/bin"]
                .iter()
                .find_map(|folder| builder.files.program(&format!("{folder}/{helper}")));
            let Some(found) = found else { continue };
            let draft = Draft {
                source: BootSource::Fstab,
                name: (*place).to_owned(),
                words: vec![found.path.clone(), (*device).to_owned(), (*place).to_owned()],
                user: None,
                trigger: "fstab".to_owned(),
                state: if waits { BootState::OnDemand } else { BootState::StartsAtBoot },
                configuration: text.at(line.offset),
            };
            builder.add_found(draft, Some(found));
        }
    }
}
