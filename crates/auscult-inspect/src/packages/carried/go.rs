//! The build information of Go programs (`debug/buildinfo` and `runtime/debug` of Go's library).
//!
//! A mark in the data section is followed by the version of Go and by the list of modules: since
//! 1.18 as text, before that as addresses of strings. The standard library is a component too, as
//! advisories are about it.

use auscult_model::{ComponentKind, Cpe, Version, VersionClaim};
use auscult_unpack::{
    Endian::{self, Big, Little},
    Fault, View,
};
use memchr::memmem;

use super::{
    Site,
    program::{Program, pointer},
};
use crate::packages::{Database, Row, purl::GO_TOOLCHAIN};

const MARK: &[u8] = b"\xff Go buildinf:";
/// The mark stands at a multiple of 16 bytes.
const ALIGN: u64 = 16;
/// Where the linker puts it: at the start of the data, if not in a section of its own.
const SEARCHED_BYTES: u64 = 1 << 20;
const HEADER_BYTES: u64 = 32;
const FLAG_BIG: u8 = 1;
const FLAG_INLINE: u8 = 2;
const VERSION_BYTES_MAX: u64 = 256;
const MODULES_BYTES_MAX: u64 = 4 << 20;
/// The largest programs known have some two thousand.
const MODULES_MAX: usize = 20_000;
/// Marks around the list in memory.
const FENCE_BYTES: usize = 16;
const WHAT: &str = "read the build information of Go";
/// What the build tool writes where it knows no version.
const DEVELOPMENT: &str = "(devel)";

pub(super) fn read(
    site: Site<'_>,
    program: &Program<'_>,
    rows: &mut Vec<Row>,
    faults: &mut Vec<Fault>,
) {
    let Some(at) = find(program) else { return };
    match texts(program, at) {
        Ok((version, modules)) => {
            rows.extend(toolchain(site, &version, at));
            let modules = list(site, &modules, at);
            if modules.len() > MODULES_MAX {
                let why = format!("{} modules, over the limit of {MODULES_MAX}", modules.len());
                faults.push(Fault::new(at, WHAT, why));
            }
            rows.extend(modules.into_iter().take(MODULES_MAX));
        }
        Err(fault) => faults.push(Fault::new(at, WHAT, fault.why)),
    }
}

/// The place of the mark.
fn find(program: &Program<'_>) -> Option<u64> {
    let own = program.section(".go.buildinfo");
    // Other programs have no such section and seldom any at all like it: only then is it sought.
    let data = program.segments.iter().filter(|one| one.loaded && one.writable);
    own.into_iter().chain(data).take(8).find_map(|stretch| {
        let bytes = stretch.bytes.min(SEARCHED_BYTES);
        let data = program.content.read_up_to(stretch.offset, bytes).ok()?;
        let places = memmem::find_iter(&data, MARK).filter_map(|at| u64::try_from(at).ok());
        let mut places = places.map(|at| stretch.offset.saturating_add(at));
        places.find(|at| at % ALIGN == 0)
    })
}

/// The version of Go and the list of modules.
fn texts(program: &Program<'_>, at: u64) -> Result<(String, String), Fault> {
    let content = program.content;
    let head = content.read(at, HEADER_BYTES)?;
    let view = View(&head);
    let (pointer_bytes, flags) = (view.u8(14)?, view.u8(15)?);
    if flags & FLAG_INLINE != 0 {
        let start = at.saturating_add(HEADER_BYTES);
        let (version, next) = inline(program, start, VERSION_BYTES_MAX)?;
        let (modules, _) = inline(program, next, MODULES_BYTES_MAX)?;
        return Ok((text(&version), text(without_fences(&modules))));
    }
    if !matches!(pointer_bytes, 4 | 8) {
        return Err(Fault::new(at, WHAT, format!("addresses of {pointer_bytes} bytes")));
    }
    let strings = Strings {
        program,
        width: u64::from(pointer_bytes),
        endian: if flags & FLAG_BIG != 0 { Big } else { Little },
    };
    let first = at.saturating_add(16);
    let version = strings.read(first, VERSION_BYTES_MAX)?;
    let modules = strings.read(first.saturating_add(strings.width), MODULES_BYTES_MAX)?;
    Ok((text(&version), text(without_fences(&modules))))
}

/// Strings by the address of their header: an address and a length.
struct Strings<'file> {
    program: &'file Program<'file>,
    /// Bytes of an address.
    width: u64,
    endian: Endian,
}

impl Strings<'_> {
    /// The string to whose header the address at this place leads.
    fn read(&self, place: u64, most: u64) -> Result<Vec<u8>, Fault> {
        // Without modules the linker leaves the string to start as zeros.
        if self.program.is_blank(self.number(place)?) {
            return Ok(Vec::new());
        }
        let header = self.follow(place)?;
        let length = self.number(header.saturating_add(self.width))?;
        if length == 0 {
            return Ok(Vec::new());
        }
        let start = self.follow(header)?;
        self.program.content.read(start, length.min(most)).map(|bytes| bytes.to_vec())
    }

    fn number(&self, place: u64) -> Result<u64, Fault> {
        let bytes = self.program.content.read(place, self.width)?;
        pointer(View(&bytes), 0, self.width == 8, self.endian)
    }

    /// The place to which the address at a place leads. Programs that can be loaded anywhere leave
    /// it to the loader.
    fn follow(&self, place: u64) -> Result<u64, Fault> {
        let program = self.program;
        let direct = program.place(self.number(place)?);
        let relocated = || program.place(program.relocated(program.address(place)?)?);
        let away = || Fault::new(place, WHAT, "an address leads out of the file");
        direct.or_else(relocated).ok_or_else(away)
    }
}

/// A text with its length before it, in groups of seven bits, the least significant first; and the
/// place behind it.
fn inline(program: &Program<'_>, at: u64, most: u64) -> Result<(Vec<u8>, u64), Fault> {
    let head = program.content.read_up_to(at, 5)?;
    let (mut length, mut shift, mut taken) = (0_u64, 0_u32, 0_u64);
    for &byte in &head {
        length |= u64::from(byte & 0x7f) << shift;
        (shift, taken) = (shift + 7, taken + 1);
        if byte & 0x80 == 0 {
            break;
        }
    }
    if length > most {
        return Err(Fault::new(at, WHAT, format!("a text of {length} bytes")));
    }
    let start = at.saturating_add(taken);
    let bytes = program.content.read(start, length)?;
    Ok((bytes.to_vec(), start.saturating_add(length)))
}

/// The list without the marks at both its ends.
fn without_fences(bytes: &[u8]) -> &[u8] {
    let end = bytes.len().checked_sub(FENCE_BYTES).filter(|&end| end > FENCE_BYTES);
    let inner = end.and_then(|end| bytes.get(FENCE_BYTES..end));
    inner.filter(|inner| inner.ends_with(b"\n")).unwrap_or(bytes)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The standard library, whose version is that of the toolchain: `go1.21.5`, `go1.22.1 X:arenas`.
fn toolchain(site: Site<'_>, version: &str, at: u64) -> Option<Row> {
    if version.is_empty() {
        return None;
    }
    let word = version.split_whitespace().next().unwrap_or_default();
    // Makers of toolchains append their own name: `go1.20.3-acme`.
    let number =
        word.strip_prefix("go").filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let claim = match number {
        Some(number) => VersionClaim::Exact(Version(number.to_owned())),
        None => VersionClaim::Unknown(format!("the program was built by {version:?}")),
    };
    let cpe = Cpe::product('a', "golang", "go");
    let cpe = number.map_or_else(|| cpe.clone(), |number| cpe.with_version(number));
    let row = site.row(Database::Go, GO_TOOLCHAIN.to_owned(), claim, at);
    Some(Row { kind: Some(ComponentKind::Framework), cpes: vec![cpe], ..row })
}

/// A line of the list.
#[derive(Clone)]
struct Module<'text> {
    path: &'text str,
    version: &'text str,
    is_main: bool,
}

/// The main module and those it depends on.
fn list(site: Site<'_>, text: &str, at: u64) -> Vec<Row> {
    let mut modules: Vec<Module<'_>> = Vec::new();
    let mut program = None;
    for line in text.lines() {
        let mut fields = line.split('\t');
        let key = fields.next().unwrap_or_default();
        let (path, version) =
            (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        match key {
            "path" => program = Some(path),
            "mod" | "dep" if !path.is_empty() => {
                modules.push(Module { path, version, is_main: key == "mod" });
            }
            "=>" => {
                if let Some(last) = modules.last_mut() {
                    replace(last, path, version);
                }
            }
            _ => {}
        }
    }
    if !modules.iter().any(|module| module.is_main)
        // Programs of the toolchain itself have the version of the standard library.
        && let Some(path) = program.filter(|path| path.contains('/') && !path.starts_with("cmd/"))
    {
        modules.insert(0, Module { path, version: "", is_main: true });
    }
    modules.iter().map(|module| row(site, module, at)).collect()
}

/// Another module, or a folder of the builder, stands in the place of the one before.
fn replace<'text>(module: &mut Module<'text>, path: &'text str, version: &'text str) {
    let folder = path.starts_with('.') || path.starts_with('/');
    if !folder && !path.is_empty() {
        module.path = path;
    }
    module.version = version;
}

fn row(site: Site<'_>, module: &Module<'_>, at: u64) -> Row {
    let claim = match module.version {
        "" | DEVELOPMENT if module.is_main => {
            VersionClaim::Unknown("it was built from a folder without a version".to_owned())
        }
        "" | DEVELOPMENT => {
            VersionClaim::Unknown("a folder of the builder took its place".to_owned())
        }
        version => VersionClaim::Exact(Version(version.to_owned())),
    };
    let row = site.row(Database::Go, module.path.to_owned(), claim, at);
    let (kind, carriers) = if module.is_main {
        (ComponentKind::Application, site.file.into_iter().collect())
    } else {
        (ComponentKind::Library, Vec::new())
    };
    Row { kind: Some(kind), carriers, ..row }
}
