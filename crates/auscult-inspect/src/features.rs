//! Lists inside of programs that tell which of their parts were built: the applets of BusyBox, the
//! compile-time options of dnsmasq and SQLite, the arguments of nginx' configure script. Which
//! components have one, and how it is marked, is data of `auscult-model`.
//!
//! Only a list that is whole is taken. Where bytes can be read in two ways, both readings count as
//! present, as what is present leaves a question open.

use auscult_model::{FeatureInventory, InventoryKind, Locator, Modular, modular_components};
use memchr::memmem;

/// Parts of one list.
const ITEMS_MAX: usize = 4096;
/// A name of a table is not longer.
const NAME_BYTES_MAX: usize = 24;
/// A text of options is not longer.
const TEXT_BYTES_MAX: usize = 16 << 10;
/// Names that a table must have of those that are known.
const KNOWN_MIN: usize = 5;

/// The lists in a program, each with its offset; the locators are left to the caller.
pub(crate) fn read(bytes: &[u8]) -> Vec<(u64, FeatureInventory)> {
    let lists = modular_components().iter().filter_map(|component| {
        let (at, found) = of_component(bytes, component)?;
        let inventory = FeatureInventory {
            locator: Locator::image(),
            component: (*component.names.first()?).to_owned(),
            present: sorted(found.present),
            absent: sorted(found.absent),
            complete: found.complete,
        };
        Some((u64::try_from(at).ok()?, inventory))
    });
    lists.collect()
}

#[derive(Default)]
struct List {
    present: Vec<String>,
    absent: Vec<String>,
    complete: bool,
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names.dedup();
    names
}

fn of_component(bytes: &[u8], component: &Modular) -> Option<(usize, List)> {
    let marker = component.marker.as_bytes();
    match component.kind {
        InventoryKind::SortedNames => {
            memmem::find(bytes, marker)?;
            sorted_names(bytes, component)
        }
        InventoryKind::Options => {
            memmem::find_iter(bytes, marker).find_map(|at| options(bytes, at, component.marker))
        }
        InventoryKind::Arguments => {
            memmem::find_iter(bytes, marker).find_map(|at| arguments(bytes, at + marker.len()))
        }
        InventoryKind::CompileOptions => compile_options(bytes, marker),
        InventoryKind::Exports | InventoryKind::Programs => None,
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.[+-".contains(&byte)
}

/// The only table of names in strict order that a second zero byte ends.
///
/// BusyBox looks its applets up by halving, so that its table is sorted in every build, and writes it
/// as one array, whose own zero byte stands behind that of the last name. The byte in front of the
/// first name may look like a part of it: every reading of that name counts.
fn sorted_names(bytes: &[u8], component: &Modular) -> Option<(usize, List)> {
    let mut tables: Vec<(usize, Vec<&str>)> = Vec::new();
    let (mut start, mut names): (usize, Vec<&str>) = (0, Vec::new());
    let mut at = 0;
    for part in bytes.split(|&byte| byte == 0) {
        let tail = part.iter().rev().take_while(|&&byte| is_name_byte(byte)).count();
        let name = part.get(part.len() - tail..).and_then(|name| std::str::from_utf8(name).ok());
        let name = name.filter(|name| !name.is_empty());
        let goes_on = tail == part.len() && names.last() < name.as_ref() && names.len() < ITEMS_MAX;
        match name.filter(|name| name.len() <= NAME_BYTES_MAX) {
            Some(name) if goes_on && !names.is_empty() => names.push(name),
            Some(name) => (start, names) = (at + part.len() - tail, vec![name]),
            None => {
                if part.is_empty() && is_table(&names, component) {
                    tables.push((start, std::mem::take(&mut names)));
                }
                names.clear();
            }
        }
        at += part.len() + 1;
    }
    let [(start, names)] = tables.as_slice() else { return None };
    let (first, rest) = names.split_first()?;
    let readings = (0..first.len()).filter_map(|from| first.get(from..));
    let present = readings.chain(rest.iter().copied()).map(str::to_owned).collect();
    Some((*start, List { present, absent: Vec::new(), complete: true }))
}

/// Whether most of the names are known to be of this component.
fn is_table(names: &[&str], component: &Modular) -> bool {
    let known = names.iter().filter(|name| component.known.contains(*name)).count();
    known >= KNOWN_MIN && known * 3 >= names.len() * 2
}

/// The text around an offset, up to the zero bytes on both sides.
fn text_around(bytes: &[u8], at: usize) -> Option<(usize, &str)> {
    let before = bytes.get(at.saturating_sub(TEXT_BYTES_MAX)..at)?;
    let start = at - before.iter().rev().take_while(|&&byte| byte != 0).count();
    let rest = bytes.get(start..start.saturating_add(2 * TEXT_BYTES_MAX).min(bytes.len()))?;
    let length = rest.iter().position(|&byte| byte == 0)?;
    Some((start, std::str::from_utf8(rest.get(..length)?).ok()?))
}

/// `IPv6 GNU-getopt no-DBus …`: what is in neither form is not told.
fn options(bytes: &[u8], at: usize, marker: &str) -> Option<(usize, List)> {
    let (start, text) = text_around(bytes, at)?;
    let words: Vec<&str> = text.split_ascii_whitespace().take(ITEMS_MAX).collect();
    let is_option =
        |word: &&str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_marked = words.iter().any(|word| word.strip_prefix("no-").unwrap_or(word) == marker);
    if words.len() < KNOWN_MIN || !is_marked || !words.iter().all(is_option) {
        return None;
    }
    let mut list = List::default();
    for word in words {
        match word.strip_prefix("no-") {
            Some(absent) => list.absent.push(absent.to_owned()),
            None => list.present.push(word.to_owned()),
        }
    }
    Some((start, list))
}

/// What stands behind `configure arguments:`; a module that is built as a file of its own counts.
fn arguments(bytes: &[u8], at: usize) -> Option<(usize, List)> {
    let rest = bytes.get(at..at.saturating_add(TEXT_BYTES_MAX).min(bytes.len()))?;
    let text = rest.get(..rest.iter().position(|&byte| byte == 0)?)?;
    let text = std::str::from_utf8(text).ok()?;
    let mut list = List { complete: true, ..List::default() };
    let mut any = false;
    for word in text.split_ascii_whitespace().take(ITEMS_MAX) {
        any |= word.starts_with("--");
        let plain = word.split('=').next().unwrap_or(word);
        if let Some(name) = plain.strip_prefix("--with-") {
            list.present.push(name.to_owned());
        } else if let Some(name) = plain.strip_prefix("--without-") {
            list.absent.push(name.to_owned());
        }
    }
    any.then_some((at, list))
}

/// `ENABLE_FTS5`, each a text of its own. A linker lets one text be the end of a longer one, so that
/// only the end of each is sure. An option that is set is in the list, as the marker is in every one.
fn compile_options(bytes: &[u8], marker: &[u8]) -> Option<(usize, List)> {
    let mut at_start = memmem::find_iter(bytes, marker);
    let start = at_start.find(|&at| at.checked_sub(1).and_then(|at| bytes.get(at)) == Some(&0))?;
    let mut list = List { complete: true, ..List::default() };
    for at in memmem::find_iter(bytes, b"ENABLE_") {
        let rest = bytes.get(at + 7..).unwrap_or_default();
        let length = rest
            .iter()
            .take(NAME_BYTES_MAX * 4)
            .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
            .count();
        let name = rest.get(..length).and_then(|name| std::str::from_utf8(name).ok());
        // Too much to be a list of options: nothing is told.
        if list.present.len() >= ITEMS_MAX {
            return None;
        }
        list.present.extend(name.filter(|name| !name.is_empty()).map(str::to_owned));
    }
    Some((start, list))
}

#[cfg(test)]
mod tests {
    use auscult_model::FeatureInventory;

    use super::read;

    fn one(bytes: &[u8]) -> FeatureInventory {
        let mut found = read(bytes);
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0).1
    }

    const TABLE: &[u8] =
        b"BusyBox v1.36.1\0junk\xff[\0[[\0ash\0awk\0cat\0vendortool\0wget\0zcat\0\0PATH=/bin\0";

    #[test]
    fn the_applets_of_busybox_are_a_sorted_table_that_a_second_zero_ends() {
        let found = one(TABLE);
        assert_eq!(found.component, "busybox");
        assert!(found.complete);
        assert_eq!(found.present, ["[", "[[", "ash", "awk", "cat", "vendortool", "wget", "zcat"]);
        let (at, _) = read(TABLE).remove(0);
        assert_eq!(TABLE[usize::try_from(at).unwrap()], b'[');
    }

    #[test]
    fn the_first_name_counts_in_every_reading() {
        let found = one(b"BusyBox v1.36.1\0\xffawk\0cat\0ls\0vi\0wget\0zcat\0\0");
        assert!(["awk", "wk", "k"].iter().all(|name| found.present.iter().any(|one| one == name)));
    }

    #[test]
    fn a_table_that_is_not_whole_is_none() {
        let whole = String::from_utf8_lossy(TABLE).replace('\u{fffd}', "\u{1}");
        for (from, to) in [
            // Not ended, not sorted, hardly a name that is known, no BusyBox.
            ("zcat\0\0", "zcat\0"),
            ("ash\0awk", "awk\0ash"),
            ("BusyBox v", "BuzyBox v"),
        ] {
            let bytes = whole.replace(from, to).into_bytes();
            let bytes = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
            let found = read(bytes);
            let names = found.iter().map(|(_, one)| one.present.len()).max();
            assert!(names.is_none_or(|names| names < 8), "{to:?}: {found:?}");
        }
        // Two tables: nobody can tell which one is meant.
        let twice = [TABLE, TABLE].concat();
        assert!(read(&twice).is_empty());
        assert!(read(b"BusyBox v1\0\0aa\0bb\0cc\0dd\0ee\0ff\0\0").is_empty());
    }

    #[test]
    fn options_are_told_either_way() {
        let found = one(b"\0IPv6 GNU-getopt no-DBus no-i18n DHCP no-DHCPv6 TFTP no-DNSSEC\0");
        assert_eq!(found.component, "dnsmasq");
        assert!(!found.complete);
        assert_eq!(found.present, ["DHCP", "GNU-getopt", "IPv6", "TFTP"]);
        assert_eq!(found.absent, ["DBus", "DHCPv6", "DNSSEC", "i18n"]);
        assert!(read(b"\0use GNU-getopt, please: it is a library\0").is_empty());
    }

    #[test]
    fn arguments_of_configure_tell_what_was_asked_for() {
        let found = one(
            b"configure arguments: --prefix=/etc --with-cc-opt='-g -O2' --with-http_v2_module \
              --with-http_xslt_module=dynamic --without-http_ssi_module\n\0",
        );
        assert!(found.complete);
        assert_eq!(found.present, ["cc-opt", "http_v2_module", "http_xslt_module"]);
        assert_eq!(found.absent, ["http_ssi_module"]);
        assert!(read(b"configure arguments: %s\0").is_empty());
    }

    #[test]
    fn compile_options_may_be_the_end_of_a_longer_text() {
        let found = one(b"\0SQLITE_ENABLE_FTS3\0ENABLE_RTREE\0THREADSAFE=1\0");
        assert_eq!(found.present, ["FTS3", "RTREE"]);
        assert!(found.complete);
        // Without the list nothing is told.
        assert!(read(b"\0ENABLE_RTREE\0").is_empty());
    }
}
