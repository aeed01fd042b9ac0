//! Services of runit and s6: a folder for each, with a script `run`.

use auscult_model::{BootSource, BootState};

use super::{Builder, Draft};

/// Folders of services and what looks after them.
const FOLDERS: &[(&str, BootSource)] = &[
    ("/etc/runit/runsvdir/default", BootSource::Runit),
    ("/etc/service", BootSource::Runit),
    ("/var/service", BootSource::Runit),
    ("/service", BootSource::Runit),
    ("/etc/services.d", BootSource::S6),
    ("/etc/s6-overlay/s6-rc.d", BootSource::S6),
    ("/etc/s6/services", BootSource::S6),
    ("/run/service", BootSource::S6),
];

/// Adds the stages of runit and every service.
pub(super) fn read(builder: &mut Builder<'_, '_>) {
    for stage in ["1", "2"] {
        let path = format!("/etc/runit/{stage}");
        if let Some(found) = builder.files.file(&path) {
            let configuration = builder.files.locate(found.id);
            builder.add(draft(BootSource::Runit, stage, &path, "/etc/runit", configuration, false));
        }
    }
    for (folder, source) in FOLDERS {
        for name in builder.files.folders(folder) {
            let Some((path, found)) = ["run", "up"].iter().find_map(|file| {
                let path = format!("{folder}/{name}/{file}");
                Some((path.clone(), builder.files.file(&path)?))
            }) else {
                continue;
            };
            let down = builder.files.entry(&format!("{folder}/{name}/down")).is_some();
            let configuration = builder.files.locate(found.id);
            builder.add(draft(*source, &name, &path, folder, configuration, down));
        }
    }
}

fn draft(
    source: BootSource,
    name: &str,
    path: &str,
    trigger: &str,
    configuration: auscult_model::Locator,
    down: bool,
) -> Draft {
    Draft {
        source,
        name: name.to_owned(),
        words: vec![path.to_owned()],
        user: None,
        trigger: trigger.to_owned(),
        state: if down { BootState::OnDemand } else { BootState::StartsAtBoot },
        configuration,
    }
}
