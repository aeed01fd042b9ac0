//! The rules for areas of data: they catch what does not belong there without knowing any digest.

use auscult_measure::{Content, Entry, Kind};
use auscult_model::ByteName;

use super::SETUID_OR_SETGID;
use crate::{Code, Item, classes::Treatment};

const EXECUTE: u32 = 0o111;

/// What is wrong with an entry of an area of data that is not in the reference as it is.
pub(super) fn check(entry: &Entry, treatment: &Treatment<'_>) -> Vec<Item> {
    let mut items = Vec::new();
    let mut fail = |code, reason: String| {
        items.push(Item::fail(code, entry.path.to_string(), reason));
    };
    match entry.kind {
        Kind::File => {
            let mode = entry.mode.unwrap_or(0);
            if mode & SETUID_OR_SETGID != 0 {
                fail(Code::SetuidInData, format!("setuid or setgid ({mode:04o}) in a data area"));
            }
            let why = match entry.content {
                Some(Content::Elf) => Some("a program (ELF)"),
                Some(Content::Script) => Some("a script (#!)"),
                None if mode & EXECUTE != 0 => Some("a file with the right to execute"),
                None => None,
            };
            if let Some(why) = why {
                fail(Code::ExecutableInData, format!("{why} in a data area"));
            }
        }
        Kind::Symlink => {
            let target = entry.target.as_ref().map_or(&b""[..], ByteName::as_bytes);
            if !stays(entry.path.as_bytes(), target, treatment.area) {
                let target = ByteName::from(target);
                fail(Code::LinkOutOfData, format!("a link out of the data area, to {target}"));
            }
        }
        Kind::CharacterDevice | Kind::BlockDevice => {
            fail(Code::DeviceInData, format!("a {} in a data area", entry.kind.name()));
        }
        Kind::Directory | Kind::Fifo | Kind::Socket => {}
    }
    items
}

/// Whether a link leads to a place in the area that it lies in, whatever other links do.
fn stays(path: &[u8], target: &[u8], area: &[u8]) -> bool {
    let mut at: Vec<&[u8]> = Vec::new();
    if !target.starts_with(b"/") {
        at.extend(path.split(|&byte| byte == b'/').filter(|part| !part.is_empty()));
        at.pop();
    }
    for part in target.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                at.pop();
            }
            name => at.push(name),
        }
    }
    // A pattern with a star is compared name by name.
    let area: Vec<&[u8]> =
        area.split(|&byte| byte == b'/').filter(|part| !part.is_empty()).collect();
    at.len() >= area.len()
        && at.iter().zip(&area).all(|(name, pattern)| pattern.contains(&b'*') || name == pattern)
}

#[cfg(test)]
mod tests {
    use super::stays;

    #[test]
    fn links_are_followed_by_name() {
        for (path, target, area, expected) in [
            ("/var/log/a", "b", "/var/log", true),
            ("/var/log/x/a", "../b", "/var/log", true),
            ("/var/log/a", "../b", "/var/log", false),
            ("/var/log/a", "/etc/passwd", "/var/log", false),
            ("/var/log/a", "/var/log/b/../c", "/var/log", true),
            ("/var/log/a", "/var/log/../../etc", "/var/log", false),
            ("/home/me/data/a", "/home/you/data/b", "/home/*/data", true),
        ] {
            let found = stays(path.as_bytes(), target.as_bytes(), area.as_bytes());
            assert_eq!(found, expected, "{path} -> {target}");
        }
    }
}
