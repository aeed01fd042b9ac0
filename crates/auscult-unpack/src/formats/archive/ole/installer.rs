//! Windows Installer packages: names of streams, what the package says of itself, and its files under
//! the names that they are installed by.

use std::collections::HashMap;

use super::{
    super::cab,
    database::{Database, Streams, Value},
};
use crate::{
    Entry, Extent, Fault, Reading,
    format::{Candidate, Opened},
    formats::support::{guid, utf16},
};

/// Classes of root storages.
const CLASSES: &[(&str, &str)] = &[
    ("000c1084-0000-0000-c000-000000000046", "installer"),
    ("000c1086-0000-0000-c000-000000000046", "installer-patch"),
    ("000c1082-0000-0000-c000-000000000046", "installer-transform"),
];
/// Properties that become attributes.
const PROPERTIES: &[(&[u8], &str)] = &[
    (b"ProductName", "product"),
    (b"ProductVersion", "product-version"),
    (b"Manufacturer", "manufacturer"),
    (b"ProductCode", "product-code"),
    (b"UpgradeCode", "upgrade-code"),
];
/// Deepest directory.
const DEPTH_MAX: usize = 64;
/// The alphabet that pairs of characters are packed from.
const ALPHABET: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._";

/// What kind of package a root storage of this class is.
pub(super) fn kind(class: &[u8; 16]) -> Option<&'static str> {
    let class = guid::guid(class);
    CLASSES.iter().find(|known| known.0 == class).map(|known| known.1)
}

/// Names of streams: two characters per unit from 3800 on, one from 4800 on; 4840 marks a table.
pub(super) fn decode_name(units: &[u16]) -> Vec<u8> {
    let letter =
        |index: u16| u16::from(ALPHABET.get(usize::from(index & 63)).copied().unwrap_or(b'?'));
    let mut decoded = Vec::with_capacity(units.len() * 2);
    for &unit in units {
        match unit {
            0x3800..=0x47ff => {
                let pair = unit - 0x3800;
                decoded.extend([letter(pair), letter(pair >> 6)]);
            }
            0x4800..=0x483f => decoded.push(letter(unit - 0x4800)),
            0x4840 => decoded.push(u16::from(b'!')),
            _ => decoded.push(unit),
        }
    }
    utf16::name(decoded)
}

/// Reads the database and adds the files in embedded cabinets by their real names.
pub(super) fn read(
    streams: &Streams<'_>,
    entries: &mut Vec<Entry>,
    attributes: &mut Vec<(&'static str, String)>,
    faults: &mut Vec<Fault>,
) {
    let database = match Database::open(streams) {
        Ok(database) => database,
        Err(fault) => {
            faults.push(fault);
            return;
        }
    };
    for [key, value] in database.table(b"Property", [b"Property", b"Value"]) {
        if let Some((_, name)) = PROPERTIES.iter().find(|known| known.0 == key.text()) {
            attributes.push((name, String::from_utf8_lossy(value.text()).into_owned()));
        }
    }
    let paths = paths_of(&database);
    if paths.is_empty() {
        return;
    }
    attributes.push(("files", paths.len().to_string()));
    for (name, content) in streams {
        let is_cabinet = content.read_up_to(0, 4).is_ok_and(|head| *head == *b"MSCF");
        let Some(opened) = is_cabinet.then(|| open_cabinet(content)).flatten() else { continue };
        add_files(name, opened, &paths, entries, faults);
    }
}

fn open_cabinet(content: &Extent) -> Option<Opened> {
    let candidate = Candidate { extent: content.clone(), offset: 0, reading: Reading::Whole };
    (cab::FORMAT.open)(&candidate).ok()
}

/// Adds the files of one cabinet; the cabinet itself is then not opened a second time.
fn add_files(
    name: &[u8],
    opened: Opened,
    paths: &HashMap<Vec<u8>, Vec<u8>>,
    entries: &mut Vec<Entry>,
    faults: &mut Vec<Fault>,
) {
    let known = opened.entries.iter().filter(|file| paths.contains_key(file.path.as_bytes()));
    if known.count() != opened.entries.len() {
        return;
    }
    for cabinet in entries.iter_mut().filter(|entry| entry.path.as_bytes() == name) {
        cabinet.reading = Reading::Leaf;
    }
    faults.extend(opened.faults.into_iter().map(|mut fault| {
        fault.what = format!("{} ({})", fault.what, String::from_utf8_lossy(name));
        fault
    }));
    for mut file in opened.entries {
        if let Some(path) = paths.get(file.path.as_bytes()) {
            file.path = path.as_slice().into();
            entries.push(file);
        }
    }
}

/// The long one of `SHORT|LONG`.
fn long_name(name: &[u8]) -> &[u8] {
    name.split(|&byte| byte == b'|').next_back().unwrap_or(name)
}

/// Paths of all files by their key, which is their name in the cabinet.
fn paths_of(database: &Database<'_>) -> HashMap<Vec<u8>, Vec<u8>> {
    let columns: [&[u8]; 3] = [b"Directory", b"Directory_Parent", b"DefaultDir"];
    let directories: HashMap<Vec<u8>, (Vec<u8>, Vec<u8>)> = database
        .table(b"Directory", columns)
        .into_iter()
        .map(|[key, parent, name]| {
            (key.text().to_vec(), (parent.text().to_vec(), name.text().to_vec()))
        })
        .collect();
    let components: HashMap<Vec<u8>, Vec<u8>> = database
        .table(b"Component", [b"Component", b"Directory_"])
        .into_iter()
        .map(|[key, directory]| (key.text().to_vec(), directory.text().to_vec()))
        .collect();
    let files: Vec<[Value; 3]> = database.table(b"File", [b"File", b"Component_", b"FileName"]);
    let mut known: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
    let mut paths = HashMap::new();
    for [key, component, name] in files {
        let directory = components.get(component.text()).cloned().unwrap_or_default();
        let folder = known
            .entry(directory)
            .or_insert_with_key(|directory| path_of(directory, &directories))
            .clone();
        paths.insert(key.text().to_vec(), [folder.as_slice(), long_name(name.text())].concat());
    }
    paths
}

/// The path of a directory with a slash at its end. `TARGET:SOURCE` names both places of it; a dot
/// is the parent itself, but for the folders that Windows names.
fn path_of(key: &[u8], directories: &HashMap<Vec<u8>, (Vec<u8>, Vec<u8>)>) -> Vec<u8> {
    let (mut names, mut key) = (Vec::new(), key);
    for _ in 0..DEPTH_MAX {
        let Some((parent, name)) = directories.get(key) else { break };
        let target = name.split(|&byte| byte == b':').next().unwrap_or(name);
        match long_name(target) {
            b"." if key.ends_with(b"Folder") => names.push(key.to_vec()),
            b"." | b"" => {}
            name => names.push(name.to_vec()),
        }
        if parent.is_empty() || parent == key {
            break;
        }
        key = parent;
    }
    names.iter().rev().flat_map(|name| name.iter().copied().chain([b'/'])).collect()
}

#[cfg(test)]
mod tests {
    use super::decode_name;

    #[test]
    fn names_of_streams() {
        assert_eq!(
            decode_name(&[0x4840, 0x3f3f, 0x4577, 0x446c, 0x3b6a, 0x45e4, 0x4824]),
            b"!_StringData"
        );
        assert_eq!(decode_name(&[0x05, 0x53]), b"\x05S");
    }
}
