//! OpenWrt: links `S??name` in `/etc/rc.d` to scripts in `/etc/init.d`, which `/etc/rc.common`
//! runs; what they hand to procd is found with the other daemons.

use std::collections::BTreeSet;

use auscult_model::{BootSource, BootState};

use super::{Builder, Draft, sysv};

/// Adds procd itself, which the first process becomes, the scripts, and those that no link starts.
pub(super) fn read(builder: &mut Builder<'_, '_>) {
    if let Some(found) = builder.files.file("/sbin/procd") {
        let configuration = builder.files.locate(found.id);
        builder.add(Draft {
            source: BootSource::Procd,
            name: "procd".to_owned(),
            words: vec!["/sbin/procd".to_owned()],
            user: None,
            trigger: "started by init".to_owned(),
            state: BootState::StartsAtBoot,
            configuration,
        });
    }
    let mut linked = BTreeSet::new();
    for entry in builder.files.folder("/etc/rc.d") {
        if !sysv::is_start(&entry.name) {
            continue;
        }
        linked.extend(builder.files.file(&entry.path).map(|found| found.id));
        let configuration = builder.files.locate(entry.id);
        builder.add(Draft {
            source: BootSource::Procd,
            name: sysv::service(&entry.name).to_owned(),
            words: vec![entry.path.clone(), "boot".to_owned()],
            user: None,
            trigger: entry.name.chars().take(3).collect(),
            state: BootState::StartsAtBoot,
            configuration,
        });
    }
    for entry in builder.files.folder("/etc/init.d") {
        let Some(found) = builder.files.file(&entry.path) else { continue };
        if linked.contains(&found.id) || matches!(entry.name.as_str(), "rcS" | "rc.common") {
            continue;
        }
        let configuration = builder.files.locate(entry.id);
        let draft = Draft {
            source: BootSource::Procd,
            name: entry.name.clone(),
            words: vec![entry.path.clone()],
            user: None,
            trigger: "no link in /etc/rc.d".to_owned(),
            state: BootState::Disabled,
            configuration,
        };
        builder.add_found(draft, Some(found));
    }
}
