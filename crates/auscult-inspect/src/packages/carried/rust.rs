//! The list of crates that `cargo auditable` puts into programs: section `.dep-v0`, JSON packed by
//! zlib (<https://github.com/rust-secure-code/cargo-auditable>, `PARSING.md`).

use std::io::Read as _;

use auscult_model::{ComponentKind, Version, VersionClaim};
use auscult_unpack::Fault;
use flate2::read::ZlibDecoder;
use serde::Deserialize;

use super::{Site, program::Program};
use crate::packages::{Database, Row};

const SECTION: &str = ".dep-v0";
/// What the specification advises readers to take at most.
const JSON_BYTES_MAX: u64 = 8 << 20;
/// The largest programs known have some two thousand.
const CRATES_MAX: usize = 20_000;
const WHAT: &str = "read the list of crates";

#[derive(Deserialize)]
struct List {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    /// `runtime`, which is the default, or `build`.
    #[serde(default)]
    kind: String,
    #[serde(default)]
    root: bool,
}

pub(super) fn read(
    site: Site<'_>,
    program: &Program<'_>,
    rows: &mut Vec<Row>,
    faults: &mut Vec<Fault>,
) {
    let Some(section) = program.section(SECTION) else { return };
    match list(program, section.offset, section.bytes) {
        Ok(list) => {
            if list.packages.len() > CRATES_MAX {
                let why = format!("{} crates, over the limit of {CRATES_MAX}", list.packages.len());
                faults.push(Fault::new(section.offset, WHAT, why));
            }
            // What only ran while building is not in the program.
            let linked = list.packages.into_iter().filter(|package| package.kind != "build");
            let linked = linked.take(CRATES_MAX);
            rows.extend(linked.map(|package| row(site, package, section.offset)));
        }
        Err(fault) => faults.push(fault),
    }
}

fn list(program: &Program<'_>, at: u64, bytes: u64) -> Result<List, Fault> {
    let packed = program.content.read(at, bytes.min(JSON_BYTES_MAX))?;
    let mut json = Vec::new();
    let decoder = ZlibDecoder::new(&packed[..]);
    let done = decoder.take(JSON_BYTES_MAX).read_to_end(&mut json);
    done.map_err(|error| Fault::new(at, WHAT, error.to_string()))?;
    serde_json::from_slice(&json).map_err(|error| Fault::new(at, WHAT, error.to_string()))
}

fn row(site: Site<'_>, package: Package, at: u64) -> Row {
    let version = VersionClaim::Exact(Version(package.version));
    let row = site.row(Database::Cargo, package.name, version, at);
    let (kind, carriers) = if package.root {
        (ComponentKind::Application, site.file.into_iter().collect())
    } else {
        (ComponentKind::Library, Vec::new())
    };
    Row { kind: Some(kind), carriers, ..row }
}
