//! ELF files that are an image or a payload themselves: firmware of controllers, `vmlinux`, stages of
//! boot loaders (System V ABI, chapter 4).
//!
//! The extent is what the headers describe. In archives and file systems an ELF file stays a plain
//! file, unless an archive or file system that it unpacks or mounts lies right behind it. Kernels that
//! unpack themselves and initial file systems inside become parts.

use crate::{
    Endian::{self, Big, Little},
    Entry, Extent, Fault, Reading, View, carve,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats,
};

use super::linux_kernel;
use crate::formats::support::layout;

pub(crate) static FORMAT: Format =
    Format { name: "elf", magics: &[Magic::start(b"\x7fELF")], carve: true, open };

/// Headers of programs or sections read at most.
const HEADERS_MAX: u64 = 1 << 16;
/// Larger files are not searched for what they embed.
const SEARCHED_BYTES_MAX: u64 = 256 << 20;
const EMBEDDED_BYTES_MIN: u64 = 16 << 10;
/// What is appended may start at the next page.
const FILL_BYTES_MAX: u64 = 4096;
const SECTION_WITHOUT_BYTES: u32 = 8;

const KINDS: &[&str] = &["none", "relocatable", "executable", "shared", "core"];
const MACHINES: &[(u16, &str)] = &[
    (2, "sparc"),
    (3, "x86"),
    (4, "m68k"),
    (8, "mips"),
    (20, "powerpc"),
    (21, "powerpc64"),
    (22, "s390"),
    (40, "arm"),
    (42, "sh"),
    (43, "sparc64"),
    (50, "ia64"),
    (62, "x86_64"),
    (83, "avr"),
    (92, "openrisc"),
    (93, "arc"),
    (94, "xtensa"),
    (105, "msp430"),
    (106, "blackfin"),
    (113, "nios2"),
    (164, "hexagon"),
    (167, "nds32"),
    (173, "rx"),
    (183, "aarch64"),
    (189, "microblaze"),
    (195, "arcv2"),
    (243, "riscv"),
    (247, "bpf"),
    (252, "csky"),
    (258, "loongarch"),
];

struct Header {
    wide: bool,
    endian: Endian,
    kind: u16,
    machine: u16,
    entry: u64,
    programs: Table,
    sections: Table,
}

/// A table of headers: offset, bytes of each, number.
#[derive(Clone, Copy)]
struct Table {
    offset: u64,
    size: u64,
    count: u64,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read_up_to(0, 64)?;
    let header = header(View(&head))?;
    let machine = MACHINES.iter().find(|known| known.0 == header.machine).ok_or(NotThis)?.1;
    let length = length(candidate, &header).ok_or(NotThis)?;
    let mut attributes = vec![
        ("machine", machine.to_owned()),
        ("class", if header.wide { "64" } else { "32" }.to_owned()),
        ("byte-order", if header.endian == Little { "little" } else { "big" }.to_owned()),
        ("type", KINDS.get(usize::from(header.kind)).copied().unwrap_or("other").to_owned()),
        ("entry-point", format!("{:#x}", header.entry)),
    ];
    if candidate.reading == Reading::Whole {
        return open_appended(&candidate.extent, length, attributes);
    }
    let file = candidate.extent.clamp(0, length);
    let (mut entries, mut faults) = (Vec::new(), Vec::new());
    if length <= SEARCHED_BYTES_MAX {
        attributes.extend(linux_kernel::attributes(&file.read_all()?));
        // The magic itself is left out, or the file would be found in itself.
        match carve::embedded(&file.from(4), EMBEDDED_BYTES_MIN) {
            Ok(found) => entries = layout::streams(&file, shifted(found)),
            Err(fault) => faults.push(fault),
        }
    }
    if !entries.is_empty() {
        let mut whole = Entry::payload(file);
        whole.reading = Reading::Leaf;
        entries.push(whole);
    }
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

/// A program with an archive or a file system right behind it: only that is looked into.
fn open_appended(
    extent: &Extent,
    length: u64,
    attributes: Vec<(&'static str, String)>,
) -> Result<Opened, NotThis> {
    let fill = extent.read_up_to(length, FILL_BYTES_MAX)?;
    let zeros = fill.iter().take_while(|&&byte| byte == 0).count();
    let appended = extent.from(length + u64::try_from(zeros).unwrap_or(0));
    if appended.is_empty() || !formats::is_archive(&appended) {
        return Err(NotThis);
    }
    let entries = vec![Entry::part(&b"appended"[..], appended)];
    Ok(Opened { length: extent.len(), attributes, entries, ..Opened::default() })
}

fn shifted(found: Vec<(u64, u64, &'static str)>) -> Vec<(u64, u64, &'static str)> {
    found.into_iter().map(|(offset, length, format)| (offset + 4, length, format)).collect()
}

/// Reads the header; every field must make sense.
fn header(view: View<'_>) -> Result<Header, NotThis> {
    let wide = match view.u8(4)? {
        1 => false,
        2 => true,
        _ => return Err(NotThis),
    };
    let endian = match view.u8(5)? {
        1 => Little,
        2 => Big,
        _ => return Err(NotThis),
    };
    let narrow_or_wide = |narrow: usize, at: usize| -> Result<u64, Fault> {
        if wide { view.u64(at, endian) } else { view.u32(narrow, endian).map(u64::from) }
    };
    let half = |at: usize| view.u16(at, endian).map(u64::from);
    let tail = if wide { 52 } else { 40 };
    let header = Header {
        wide,
        endian,
        kind: view.u16(16, endian)?,
        machine: view.u16(18, endian)?,
        entry: narrow_or_wide(24, 24)?,
        programs: Table {
            offset: narrow_or_wide(28, 32)?,
            size: half(tail + 2)?,
            count: half(tail + 4)?,
        },
        sections: Table {
            offset: narrow_or_wide(32, 40)?,
            size: half(tail + 6)?,
            count: half(tail + 8)?,
        },
    };
    let sizes = if wide { (64, 56, 64) } else { (52, 32, 40) };
    let fits = |table: Table, size: u64| table.count == 0 || table.size == size;
    let valid = view.u8(6)? == 1
        && view.u32(20, endian)? == 1
        && (1..=4).contains(&header.kind)
        && half(tail)? == sizes.0
        && header.programs.count + header.sections.count > 0
        && fits(header.programs, sizes.1)
        && fits(header.sections, sizes.2);
    if valid { Ok(header) } else { Err(NotThis) }
}

/// The end of the last thing that the headers describe.
fn length(candidate: &Candidate, header: &Header) -> Option<u64> {
    let mut end = if header.wide { 64 } else { 52 };
    for (table, is_section) in [(header.programs, false), (header.sections, true)] {
        if table.count == 0 {
            continue;
        }
        let bytes = table.size * table.count.min(HEADERS_MAX);
        end = end.max(table.offset.checked_add(bytes)?);
        // The table of sections stands last: without it, the file is truncated but still one.
        let Ok(headers) = candidate.extent.read(table.offset, bytes) else {
            if is_section {
                continue;
            }
            return None;
        };
        for one in headers.chunks_exact(usize::try_from(table.size).ok()?) {
            let (offset, size) = extent_of(View(one), header, is_section)?;
            end = end.max(offset.checked_add(size)?);
        }
    }
    Some(end)
}

fn extent_of(view: View<'_>, header: &Header, is_section: bool) -> Option<(u64, u64)> {
    let word = |narrow: usize, at: usize| {
        let narrow_word = || view.u32(narrow, header.endian).map(u64::from);
        if header.wide { view.u64(at, header.endian) } else { narrow_word() }.ok()
    };
    if is_section {
        let kind = view.u32(4, header.endian).ok()?;
        if kind == 0 || kind == SECTION_WITHOUT_BYTES {
            return Some((0, 0));
        }
        return Some((word(16, 24)?, word(20, 32)?));
    }
    Some((word(4, 8)?, word(16, 32)?))
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Tree as Files, archive, elf::Elf, stream};

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, locators, noise},
    };

    #[test]
    fn an_elf_image_claims_what_its_headers_describe() {
        let file = Elf { rodata: b"firmware", ..Elf::default() }.build();
        let mut bytes = vec![0x55; 7];
        bytes.extend(&file);
        bytes.extend(b"behind");
        let tree = Tree::from_bytes(bytes, &Limits::default());
        assert_eq!(tree.coverage().bytes_read, file.len() as u64, "{:?}", locators(&tree));
        assert!(attribute(&tree, "elf", "machine").is_some());
    }

    #[test]
    fn a_packed_kernel_inside_is_a_part() {
        let packed = stream::xz(&noise(40_000));
        let tree =
            Tree::from_bytes(Elf { rodata: &packed, ..Elf::default() }.build(), &Limits::default());
        let found = locators(&tree);
        assert!(found.iter().any(|locator| locator.contains("elf:/xz-")), "{found:?}");
    }

    #[test]
    fn an_archive_behind_a_program_in_an_archive_is_opened() {
        let program = Elf { rodata: b"unpacker", ..Elf::default() }.build();
        let files = Files::new().file("inner", 0o644, "inner text");
        let packed = stream::gzip(&archive::tar(&files));
        for fill in [0, 100] {
            let bytes = [&program[..], &vec![0; fill], &packed].concat();
            let outer =
                Files::new().file("setup", 0o755, bytes).file("plain", 0o755, program.clone());
            let tree = Tree::from_bytes(archive::cpio_newc(&outer), &Limits::default());
            assert_eq!(tree.problems(), []);
            let found = locators(&tree);
            let inner = "cpio:/setup@0x0/elf:/appended@0x0/gzip@0x0/tar:/inner";
            assert!(found.iter().any(|locator| locator.ends_with(inner)), "{found:?}");
            assert!(!found.iter().any(|locator| locator.contains("plain@")), "{found:?}");
        }
        // Other bytes behind a program say nothing.
        let bytes = [&program[..], b"a signature"].concat();
        let outer = Files::new().file("module", 0o755, bytes);
        let tree = Tree::from_bytes(archive::cpio_newc(&outer), &Limits::default());
        assert!(!locators(&tree).iter().any(|locator| locator.contains("elf")));
    }

    #[test]
    fn damage_does_no_harm() {
        check(&Elf::default().build(), 200);
    }
}
