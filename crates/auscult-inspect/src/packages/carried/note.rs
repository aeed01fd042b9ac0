//! Package metadata in ELF files: a note of owner `FDO` with JSON
//! (<https://systemd.io/ELF_PACKAGE_METADATA/>, the UAPI group's "Package Metadata for Executable
//! Files").

use auscult_model::{ComponentKind, Cpe, CpeAttribute, CpeName, CpeValue, Version, VersionClaim};
use auscult_unpack::View;
use serde_json::Value;

use super::{
    Site,
    program::{Program, Stretch},
};
use crate::packages::{Database, Row, is_program_path};

const OWNER: &[u8] = b"FDO\0";
const KIND: u32 = 0xcafe_1a7e;
const NOTES_BYTES_MAX: u64 = 64 << 10;
const NOTES_MAX: usize = 64;

pub(super) fn read(site: Site<'_>, program: &Program<'_>, rows: &mut Vec<Row>) {
    let notes = program.sections.iter().chain(&program.segments).filter(|one| one.note);
    let found = notes.take(NOTES_MAX).find_map(|stretch| metadata(program, stretch));
    if let Some((value, at)) = found {
        rows.extend(row(site, &value, at));
    }
}

/// The metadata among these notes, with its place.
fn metadata(program: &Program<'_>, stretch: &Stretch) -> Option<(Value, u64)> {
    let bytes =
        program.content.read_up_to(stretch.offset, stretch.bytes.min(NOTES_BYTES_MAX)).ok()?;
    let view = View(&bytes);
    let mut at = 0_usize;
    for _ in 0..NOTES_MAX {
        let word = |place| view.u32(at + place, program.endian);
        let size = |place| word(place).ok().and_then(|size| usize::try_from(size).ok());
        let (name_bytes, bytes, kind) = (size(0)?, size(4)?, word(8).ok()?);
        let name = view.bytes(at + 12, name_bytes).ok()?;
        let start = (at + 12).checked_add(name_bytes)?.checked_next_multiple_of(4)?;
        let data = view.bytes(start, bytes).ok()?;
        if name == OWNER && kind == KIND {
            let json = data.split(|&byte| byte == 0).next()?;
            let place = stretch.offset.saturating_add(u64::try_from(start).ok()?);
            return Some((serde_json::from_slice(json).ok()?, place));
        }
        at = start.checked_add(bytes)?.checked_next_multiple_of(4)?;
    }
    None
}

/// The package; the kind decides the database whose rows it means.
fn row(site: Site<'_>, value: &Value, at: u64) -> Option<Row> {
    let text = |key| value.get(key)?.as_str().map(str::trim).filter(|text| !text.is_empty());
    let name = text("name")?;
    let database = match text("type") {
        Some("deb") => Database::Dpkg,
        Some("rpm") => Database::Rpm,
        Some("apk") => Database::Apk,
        Some("ipk") => Database::Opkg,
        Some("alpm") => Database::Pacman,
        _ => Database::Note,
    };
    let version = match text("version") {
        Some(version) => VersionClaim::Exact(Version(version.to_owned())),
        None => VersionClaim::Unknown("the note names no version".to_owned()),
    };
    let mut row = site.row(database, name.to_owned(), version, at);
    row.architecture = text("architecture").map(ToOwned::to_owned);
    row.cpes = text("appCpe").and_then(cpe).into_iter().collect();
    let path = site.file.map(|file| site.tree.node(file).name.0.as_slice());
    row.kind = path.filter(|path| is_program_path(path)).map(|_| ComponentKind::Application);
    row.carriers = site.file.into_iter().collect();
    Some(row)
}

/// A CPE name of either form, whole or as the start of one.
fn cpe(text: &str) -> Option<Cpe> {
    let name = CpeName::parse_tolerant(text).ok()?;
    let said = |attribute| matches!(name.get(attribute), CpeValue::Text(_));
    [CpeAttribute::Part, CpeAttribute::Vendor, CpeAttribute::Product]
        .into_iter()
        .all(said)
        .then(|| name.formatted())
}
