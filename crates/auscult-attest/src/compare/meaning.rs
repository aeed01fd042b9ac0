//! What a changed or added file means for a device, as far as its path tells.

use auscult_model::{ByteName, Known};

use crate::{Expectation, Reference};

/// Paths with what they are for. A path fits where it begins, ends or goes on so.
const BY_PATH: &[(Place, &str, &str)] = &[
    (Place::Is, "/etc/passwd", ACCOUNTS),
    (Place::Is, "/etc/shadow", ACCOUNTS),
    (Place::Is, "/etc/group", ACCOUNTS),
    (Place::Begins, "/etc/sudoers", ACCOUNTS),
    (Place::Begins, "/etc/pam.d/", ACCOUNTS),
    (Place::Ends, "authorized_keys", KEYS),
    (Place::Ends, "authorized_keys2", KEYS),
    (Place::Is, "/etc/inittab", STARTS),
    (Place::Is, "/etc/rc.local", STARTS),
    (Place::Begins, "/etc/init.d/", STARTS),
    (Place::Begins, "/etc/rc", STARTS),
    (Place::Begins, "/etc/runlevels/", STARTS),
    (Place::Begins, "/etc/cron", STARTS),
    (Place::Begins, "/var/spool/cron/", STARTS),
    (Place::Begins, "/etc/crontabs/", STARTS),
    (Place::Begins, "/etc/profile", STARTS),
    (Place::Begins, "/etc/hotplug", STARTS),
    (Place::Holds, "/udev/rules.d/", STARTS),
    (Place::Holds, "/systemd/system/", STARTS),
    (Place::Is, "/etc/ld.so.preload", "it is loaded into every program that starts"),
    (Place::Ends, ".ko", MODULE),
    (Place::Ends, ".ko.gz", MODULE),
    (Place::Ends, ".ko.xz", MODULE),
    (Place::Ends, ".ko.zst", MODULE),
    (Place::Begins, "/lib/modules/", MODULE),
    (Place::Is, "/etc/inetd.conf", LISTENS),
    (Place::Begins, "/etc/xinetd.d/", LISTENS),
    (Place::Ends, "sshd_config", LISTENS),
    (Place::Ends, ".socket", LISTENS),
    (Place::Ends, ".so", LIBRARY),
    (Place::Holds, ".so.", LIBRARY),
    (Place::Begins, "/boot/", "it is part of how the device boots"),
];

const ACCOUNTS: &str = "it says who may sign in, and as what";
const KEYS: &str = "whoever has one of these keys may sign in";
const STARTS: &str = "it makes programs start";
const MODULE: &str = "it is code that runs in the kernel";
const LISTENS: &str = "it says what listens on the network";
const LIBRARY: &str = "it is a library, which programs load";

#[derive(Clone, Copy)]
enum Place {
    Is,
    Begins,
    Ends,
    Holds,
}

/// What a path is for.
pub(super) fn of(path: &ByteName, reference: &Reference) -> Option<String> {
    let named = |list: &Known<Vec<Expectation>>| {
        let mut list = list.known()?.iter();
        list.find(|expected| expected.path.as_ref() == Some(path)).map(|one| one.name.clone())
    };
    // A line that does both, as those of inetd do, matters most for what it opens.
    if let Some(name) = named(&reference.expected.listeners) {
        return Some(format!("{LISTENS}: {name}"));
    }
    if let Some(name) = named(&reference.expected.startup) {
        return Some(format!("{STARTS}: {name}"));
    }
    let bytes = path.as_bytes();
    let fits = |place: Place, text: &str| match place {
        Place::Is => bytes == text.as_bytes(),
        Place::Begins => bytes.starts_with(text.as_bytes()),
        Place::Ends => bytes.ends_with(text.as_bytes()),
        Place::Holds => bytes.windows(text.len()).any(|part| part == text.as_bytes()),
    };
    let found = BY_PATH.iter().find(|(place, text, _)| fits(*place, text));
    found.map(|(_, _, meaning)| (*meaning).to_owned())
}
