//! Files with the setuid or setgid bit.

use auscult_model::{Known, SetuidFile};

use super::files::Files;

/// Files of one root.
const FILES_MAX: usize = 8192;

/// The files of a root that run with the rights of their owner or group.
pub(super) fn read(files: &Files<'_>) -> Known<Vec<SetuidFile>> {
    let mut found = Vec::new();
    let mut modes = 0_usize;
    for (_, id) in files.root.under(files.tree, b"/") {
        let node = files.node(id);
        let Some(mode) = node.metadata.mode.filter(|_| node.is_file()) else { continue };
        modes += 1;
        if mode & 0o6000 == 0 || mode & 0o111 == 0 {
            continue;
        }
        if found.len() >= FILES_MAX {
            let why = format!("more than {FILES_MAX} files have the setuid or setgid bit");
            files.report(&files.locator(), "list setuid files", why);
            break;
        }
        let reason = "the container keeps no owner";
        found.push(SetuidFile {
            locator: files.locate(id),
            setuid: mode & 0o4000 != 0,
            setgid: mode & 0o2000 != 0,
            user: Known::from_option(node.metadata.user, reason),
            group: Known::from_option(node.metadata.group, reason),
        });
    }
    Known::from_option((modes > 0).then_some(found), "the container keeps no permission bits")
}
