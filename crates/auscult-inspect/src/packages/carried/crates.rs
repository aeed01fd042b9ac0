//! Crates in programs of Rust without a list: code that may panic carries the path of its source,
//! which cargo keeps in a folder `registry/src/INDEX/NAME-VERSION`.
//!
//! A crate that cannot panic leaves no path, so this is a part of the list and never all of it.

use std::collections::BTreeMap;

use auscult_model::{ComponentKind, Version, VersionClaim};
use memchr::memmem;

use super::{
    Site,
    program::{Program, Stretch},
};
use crate::packages::{Database, Row};

/// Folders of cargo: with one folder for each index, and as Debian packs crates.
const FOLDERS: &[(&[u8], bool)] =
    &[(b"/registry/src/", true), (b"/usr/share/cargo/registry/", false)];
const PATH_BYTES_MAX: usize = 256;
/// Sections are looked at up to this size.
const SECTION_BYTES_MAX: u64 = 64 << 20;
const STRETCHES_MAX: usize = 16;
/// Sections that hold the paths, as texts or behind a relocation.
const SECTIONS: &[&str] = &[".rodata", ".rdata", ".data.rel.ro", ".data"];

pub(super) fn read(site: Site<'_>, program: &Program<'_>, rows: &mut Vec<Row>) {
    let mut found = BTreeMap::new();
    let named = program.sections.iter().filter(|one| SECTIONS.contains(&one.name.as_str()));
    // Without section headers everything that is loaded is searched.
    let loaded = program.segments.iter().filter(|one| program.sections.is_empty() && one.loaded);
    for stretch in named.chain(loaded).take(STRETCHES_MAX) {
        search(program, stretch, &mut found);
    }
    rows.extend(found.into_iter().map(|((name, version), at)| {
        let version = VersionClaim::Exact(Version(version));
        let row = site.row(Database::Cargo, name, version, at);
        Row { kind: Some(ComponentKind::Library), ..row }
    }));
}

fn search(program: &Program<'_>, section: &Stretch, found: &mut BTreeMap<(String, String), u64>) {
    let bytes = section.bytes.min(SECTION_BYTES_MAX);
    let Ok(data) = program.content.read_up_to(section.offset, bytes) else { return };
    for &(folder, indexed) in FOLDERS {
        for at in memmem::find_iter(&data, folder) {
            let rest = data.get(at + folder.len()..).unwrap_or_default();
            let rest = rest.get(..PATH_BYTES_MAX).unwrap_or(rest);
            let mut parts = rest.split(|byte| matches!(byte, b'/' | b'\\'));
            if indexed {
                parts.next();
            }
            let (Some(part), Some(_)) = (parts.next(), parts.next()) else { continue };
            let place = section.offset.saturating_add(u64::try_from(at).unwrap_or(0));
            if let Some(crate_) = split(part) {
                found.entry(crate_).or_insert(place);
            }
        }
    }
}

/// Name and version of `NAME-VERSION`: the version starts at the first dash before a digit that is
/// followed by three numbers.
fn split(folder: &[u8]) -> Option<(String, String)> {
    let text = std::str::from_utf8(folder).ok()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+');
    if !text.chars().all(plain) {
        return None;
    }
    text.match_indices('-').find_map(|(at, _)| {
        let (name, version) = (text.get(..at)?, text.get(at + 1..)?);
        let core = version.split(['-', '+']).next()?;
        let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let sound = core.split('.').count() == 3 && core.split('.').all(number);
        (sound && !name.is_empty()).then(|| (name.to_owned(), version.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn folders_are_split_before_the_version() {
        for (folder, expect) in [
            ("serde-1.0.193", Some(("serde", "1.0.193"))),
            ("wasi-0.11.0+wasi-snapshot-preview1", Some(("wasi", "0.11.0+wasi-snapshot-preview1"))),
            ("ed25519-dalek-2.0.0-rc.3", Some(("ed25519-dalek", "2.0.0-rc.3"))),
            ("utf-8-0.7.6", Some(("utf-8", "0.7.6"))),
            ("src", None),
            ("a b-1.2.3", None),
        ] {
            let found = split(folder.as_bytes());
            let found = found.as_ref().map(|(name, version)| (name.as_str(), version.as_str()));
            assert_eq!(found, expect, "{folder}");
        }
    }
}
