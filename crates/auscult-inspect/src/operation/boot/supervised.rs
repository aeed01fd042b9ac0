//! Services of runit and s6: a folder for each, with a script `run`.

use auscult_model::{BootSource, BootState};

use super::{Builder, Draft, Init};

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

/// What looks after the folders of services.
const RUNIT: &[&str] = &["runit", "runit-init", "runsvdir", "runsvdir-start"];
const S6: &[&str] = &["s6-svscan", "s6-rc-init", "s6-linux-init"];

/// Adds the stages of runit and every service. Where nothing looks after them, they do not start.
pub(super) fn read(builder: &mut Builder<'_, '_>, init: Option<Init>) {
    let runit = init == Some(Init::Runit) || builder.starts_any(RUNIT);
    let s6 = init == Some(Init::S6) || builder.starts_any(S6);
    for stage in ["1", "2"] {
        let path = format!("/etc/runit/{stage}");
        if let Some(found) = builder.files.file(&path) {
            let configuration = builder.files.locate(found.id);
            let state = if runit { BootState::StartsAtBoot } else { BootState::Disabled };
            builder.add(draft(BootSource::Runit, stage, &path, "/etc/runit", configuration, state));
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
            let state = match if *source == BootSource::Runit { runit } else { s6 } {
                false => BootState::Disabled,
                true if down => BootState::OnDemand,
                true => BootState::StartsAtBoot,
            };
            builder.add(draft(*source, &name, &path, folder, configuration, state));
        }
    }
}

fn draft(
    source: BootSource,
    name: &str,
    path: &str,
    trigger: &str,
    configuration: auscult_model::Locator,
    state: BootState,
) -> Draft {
    Draft {
        source,
        name: name.to_owned(),
        words: vec![path.to_owned()],
        user: None,
        trigger: trigger.to_owned(),
        state,
        configuration,
    }
}
